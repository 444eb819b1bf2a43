"""Figures of the page Compare: marked points, right and wrong apart, randomisation."""

import numpy as np
import pandas as pd
import pytest

from derm.diagnoses import CODES
from derm.explain.agreement import THRESHOLDS
from derm.figures.compare import distributions, randomisation, threshold_curves


def test_each_marked_point_lies_on_its_curve():
    rising = THRESHOLDS.copy()
    figure = threshold_curves(THRESHOLDS, {"A": rising, "B": None, "blob": 1 - rising}, 0.25, dark=False)
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert [(mark.x[0], mark.y[0]) for mark in marks] == [(0.25, 0.25), (0.25, 0.75)]
    assert len({trace.line.dash for trace in figure.data if trace.mode == "lines"}) == 2


def test_right_and_wrong_stand_apart_by_place_and_symbol():
    images = pd.DataFrame(
        {
            "image_id": ["a", "b", "c", "d"],
            "dx_true": ["mel", "mel", "mel", "nv"],
            "dx_pred": ["mel", "nv", "nv", "nv"],
            "value": [0.2, 0.4, 0.8, np.nan],
        }
    )
    figure = distributions(images, "IoU", {"blob": 0.5}, dark=True)
    right, right_median, wrong, wrong_median = figure.data[:4]
    assert list(right.customdata) == ["a"]  # d has no value
    assert sorted(wrong.customdata) == ["b", "c"]
    assert right.marker.symbol != wrong.marker.symbol
    place = CODES.index("mel")
    assert max(right.x) < place < min(wrong.x)
    assert (right_median.y[place], wrong_median.y[place]) == pytest.approx((0.2, 0.6))
    assert right_median.y[CODES.index("nv")] is None


def test_randomisation_starts_at_the_map_itself():
    figure = randomisation(["scores", "neck"], {"A": [0.5, 0.1]}, dark=False)
    assert list(figure.data[0].x) == ["as learned", "scores", "neck"]
    assert list(figure.data[0].y) == [1.0, 0.5, 0.1]
