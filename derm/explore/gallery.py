"""A gallery's pages and their order.

Needs row numbers and, to sort by, columns. Knows no picture.
"""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.language.speech import mark, say

PER_PAGE = 24
"""Pictures on a page: whole rows of 2, 3, 4 and 6."""


class Order(NamedTuple):
    """How a gallery is sorted: label, for people; column, '' keeps the order; ascending."""

    label: str
    column: str
    ascending: bool


TABLE_ORDERS: tuple[Order, ...] = (
    Order(mark("As in the table"), "", True),
    Order(mark("Youngest first"), "age", True),
    Order(mark("Oldest first"), "age", False),
    Order(mark("Most images of the lesion first"), "lesion_images", False),
)

SHAPE_ORDERS: tuple[Order, ...] = (
    Order(mark("Smallest lesion first"), "area", True),
    Order(mark("Largest lesion first"), "area", False),
)
"""Only where masks have been measured."""

RESULT_ORDERS: tuple[Order, ...] = (
    Order(mark("Highest loss first"), "loss", False),
    Order(mark("Lowest loss first"), "loss", True),
    Order(mark("Most confident first"), "confidence", False),
    Order(mark("Least confident first"), "confidence", True),
    Order(mark("Lowest IoU first"), "iou", True),
    Order(mark("Highest IoU first"), "iou", False),
    Order(mark("As in the table"), "", True),
)


class Page(NamedTuple):
    """One page: rows, int64 (k,); number and pages from 1; first and last of its pictures, from 1, 0 where empty;
    total, pictures in all."""

    rows: NDArray[np.int64]
    number: int
    pages: int
    first: int
    last: int
    total: int

    @property
    def sentence(self) -> str:
        """'25 – 48 of 1,113 images'."""
        if not self.total:
            return say("No image")
        return say("{first:,} – {last:,} of {total:,} images", first=self.first, last=self.last, total=self.total)


def arrange(table: pd.DataFrame, rows: NDArray[np.int64], order: Order) -> NDArray[np.int64]:
    """`rows` of `table` in the order asked for; equals stay as they were, undefined values come last."""
    if not order.column:
        return rows
    values = table[order.column].to_numpy(dtype=np.float64)[rows]
    return rows[np.argsort(values if order.ascending else -values, kind="stable")]


def page_of(rows: NDArray[np.int64], number: int, per_page: int = PER_PAGE) -> Page:
    """The page with this number of a gallery of `rows`; a number beyond either end gives the nearest page."""
    pages = max(1, math.ceil(len(rows) / per_page))
    number = min(max(number, 1), pages)
    start = (number - 1) * per_page
    shown = rows[start : start + per_page]
    return Page(shown, number, pages, start + 1 if len(shown) else 0, start + len(shown), len(rows))
