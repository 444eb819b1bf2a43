"""What of results passes the filter, on tables written by hand."""

import numpy as np
import pandas as pd

from derm.explore.filtered import disagreements_kept, errors_kept, figures_in, same_images

CASES = pd.DataFrame({"image_id": ["a", "b", "c", "d"]})
KEPT = np.array([True, False, False, True])


def test_label_errors_outside_the_filter_leave_and_the_order_stays():
    errors = pd.DataFrame({"row": [3, 1, 0], "margin": [0.9, 0.8, 0.1]})
    kept = errors_kept(errors, KEPT)
    assert kept.to_dict("list") == {"row": [3, 0], "margin": [0.9, 0.1]}
    assert list(kept.index) == [0, 1]


def test_disagreements_outside_the_filter_leave():
    disagreed = pd.DataFrame({"image_id": ["d", "c", "a"]})
    assert disagreements_kept(disagreed, CASES, KEPT)["image_id"].tolist() == ["d", "a"]


def test_another_models_cases_are_matched_by_image():
    others = pd.DataFrame({"image_id": ["d", "b", "e", "a"]})
    assert same_images(others, CASES, KEPT).tolist() == [True, False, False, True]


def test_figures_are_offered_in_the_order_asked_where_there_are_any():
    table = pd.DataFrame({"figure": ["dice", "auc", "auc"]})
    assert figures_in(table, ["auc", "recall", "dice"]) == ["auc", "dice"]
