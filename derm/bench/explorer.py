"""How long the explorer takes to answer a filter, on generated tables of the data set's size and of a large one.

Needs nothing: the tables are generated, no picture is read. Knows nothing of the terminal.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.split import PARTS
from derm.diagnoses import CODES
from derm.explore import counts, filters, gallery, shapes
from derm.explore.table import name_of, prepare
from derm.figures import dataset as draw

SIZES = {10_015: 1.0, 400_000: 2.0}
"""Rows → seconds within which every plot must answer a filter: HAM10000, and all of the ISIC archive."""

FREQUENCIES = (0.033, 0.051, 0.110, 0.011, 0.111, 0.670, 0.014)
"""Of the diagnoses in HAM10000, in the order of `CODES`."""

CHOSEN: filters.Chosen = {"diagnosis": ("mel", "nv", "bkl"), "sex": ("female",), "part": ("train", "validation")}
"""The filter that is timed: three dimensions at once, which keeps about a third of the rows."""

REPEATS = 5
"""Timed answers of each plot; the median is reported."""


@dataclass(frozen=True)
class ExplorerTiming:
    """One plot: rows of the table; plot, its name; milliseconds, median from the filter to the figure as JSON; limit,
    milliseconds."""

    rows: int
    plot: str
    milliseconds: float
    limit: float


def generate(rows: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """An explorable table of `rows` images, three of them to four lesions, and the shapes of their masks."""
    random = np.random.default_rng(seed)
    lesion = random.integers(0, max(1, rows * 3 // 4), rows)
    ids = pd.Series([f"ISIC_{number:07d}" for number in range(rows)])
    table = pd.DataFrame(
        {
            "image_id": ids,
            "lesion_id": pd.Series(lesion).map("HAM_{:07d}".format),
            "dx": random.choice(CODES, rows, p=np.array(FREQUENCIES) / sum(FREQUENCIES)),
            "dx_type": random.choice(["histo", "follow_up", "consensus", "confocal"], rows),
            "age": np.where(random.random(rows) < 0.01, np.nan, 5.0 * random.integers(0, 18, rows)),
            "sex": random.choice(["male", "female", "unknown"], rows, p=[0.53, 0.46, 0.01]),
            "localization": random.choice([f"site {number}" for number in range(15)], rows),
            "dataset": random.choice(["rosendahl", "vidir_modern", "vidir_molemax", "vienna_dias"], rows),
            "image_path": ids + ".jpg",
            "mask_path": ids + ".png",
        }
    )
    parts = pd.Series(np.array(PARTS)[np.searchsorted([0.6, 0.8], random.random(rows))[lesion % rows]])
    measured = {"area": random.beta(2, 5, rows), "x": random.beta(9, 9, rows), "y": random.beta(9, 9, rows)}
    return prepare(table, parts, table["lesion_id"]), pd.DataFrame(measured).assign(cut=False)


def plots(table: pd.DataFrame, measured: pd.DataFrame) -> dict[str, Callable[[NDArray[np.bool_]], object]]:
    """Each plot of the view Data, and a page of its gallery, as a function of the rows that the filter keeps."""

    def page(kept: NDArray[np.bool_]) -> object:
        rows = gallery.arrange(table, np.flatnonzero(kept), gallery.TABLE_ORDERS[1])
        return gallery.page_of(rows, 3).rows.tolist()

    drawn: dict[str, Callable[[NDArray[np.bool_]], object]] = {
        "diagnosis": lambda kept: draw.balance(counts.class_balance(table, kept), dark=False).to_json(),
        "age": lambda kept: draw.columns(
            counts.ages(table, kept, "diagnosis"), name_of, "", dark=False, width=counts.AGE_STEP
        ).to_json(),
        "images of a lesion": lambda kept: draw.columns(
            counts.images_per_lesion(table, kept), name_of, "", dark=False
        ).to_json(),
        "missing values": lambda kept: draw.share_bars(
            counts.missing(table, kept), "share", "missing", "", dark=False
        ).to_json(),
        "crossed": lambda kept: draw.crossed(
            counts.cross(table, kept, "diagnosis", "site"), name_of, dark=False, share=True
        ).to_json(),
        "lesion size": lambda kept: draw.areas(shapes.area_histogram(measured, kept), dark=False).to_json(),
        "lesion position": lambda kept: draw.positions(shapes.position_grid(measured, kept), dark=False).to_json(),
        "lesions in words": lambda kept: shapes.shape_sentence(measured, kept),
        "summary": lambda kept: filters.summary(table, kept, filters.Asked(CHOSEN)),
        "page of the gallery": page,
    }
    for key in ("sex", "site", "source", "confirmation", "part"):
        drawn[key] = _stacked(table, key)
    return drawn


def bench_explorer(rows: int, limit: float, repeats: int = REPEATS) -> list[ExplorerTiming]:
    """Time every plot on a generated table, from the filter to the figure as JSON. limit: seconds."""
    table, measured = generate(rows)
    answers = []
    for name, plot in plots(table, measured).items():
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            plot(filters.keep(table, CHOSEN))
            times.append(time.perf_counter() - began)
        answers.append(ExplorerTiming(rows, name, statistics.median(times) * 1000, limit * 1000))
    return answers


def _stacked(table: pd.DataFrame, key: str) -> Callable[[NDArray[np.bool_]], object]:
    return lambda kept: draw.stacked(
        counts.cross(table, kept, key, "diagnosis"), name_of, dark=False, share=False
    ).to_json()
