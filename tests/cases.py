"""Cases by hand: a picture, probabilities and a mask that no network made.

Needs nothing. Knows no file.
"""

from dataclasses import replace

import numpy as np

from derm.diagnoses import CODES
from derm.explain.gradcam import heat_map_of
from derm.predict.case import Case
from derm.predict.record import csv_of, record_of, unique_ids


def case_with(
    probabilities: dict[str, float], mask: np.ndarray, cells: list[list[float]] | None = None, name: str = "a.png"
) -> Case:
    """A case whose classes all have the same evidence, none unless `cells` are given."""
    evidence = heat_map_of(np.array(cells or [[0.0]], dtype=np.float32), *mask.shape)
    values = np.array([probabilities.get(code, 0.0) for code in CODES])
    image = np.random.default_rng(0).integers(110, 190, (*mask.shape, 3), dtype=np.uint8)
    return Case(name, image, values, mask.astype(np.float32), mask, (evidence,) * 7, "small 01234567")


def half_mask() -> np.ndarray:
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, 30:60] = True
    return mask


def middle_mask() -> np.ndarray:
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, 15:45] = True
    return mask


def said(text: str) -> str:
    """A sentence with plain spaces and without the strokes that guard it from Markdown."""
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\\", "")


LIKELY = case_with({"mel": 0.61, "nv": 0.21, "bcc": 0.17, "df": 0.01}, half_mask(), [[1.0]])

LIMITS = (0.1, 0.2, 0.15, 0.05, 0.08, 0.3, 0.25)
"""Conformal thresholds of akiec, bcc, bkl, df, mel, nv and vasc."""


def with_sets(probabilities: dict[str, float], limits: tuple[float, ...] = LIMITS) -> Case:
    return replace(case_with(probabilities, half_mask()), conformal_thresholds=limits)


def cases_csv(cases: list[Case]) -> str:
    """The cases as the table that is downloaded of them."""
    return csv_of(unique_ids(map(record_of, cases)))
