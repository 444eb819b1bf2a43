"""Curves of overlap against the threshold."""

import itertools
import json
from dataclasses import replace
import numpy as np
import pytest
from cases import LIKELY, LIMITS, case_with, half_mask, said, with_sets
from theme import THEME, contrast, linear
from derm.diagnoses import CODES, DIAGNOSES, INDEX
from derm.errors import WeightsFault
from derm.explain.agreement import BUILT_IN
from derm.explain.gradcam import heat_map_of
from derm.figures import palette
from derm.figures.bars import bars_style, heat_legend, malignant_bar, thumbnails_style
from derm.figures.mark import mark
from derm.figures.overlap import overlap_curves
from derm.figures.text import capital, percent, plain
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import Model, WeightsInfo, save_weights
from derm.predict import words
from derm.predict.case import Case
from derm.predict.case_list import MAX_CASES, MAX_MEGAPIXELS, add_case, find_case, first_sample, sample_case
from derm.predict.export import case_json, cases_csv, file_name, outline_png, view_png
from derm.predict.folder import COLUMNS
from derm.predict.open import open_model
from derm.predict.view import CLASS_LAYERS, LAYERS, class_mask_at, draw_view, screen_jpeg, screen_size


def test_overlap_curves_show_evidence_blob_and_truth_by_dash_and_name():
    known = replace(LIKELY, truth=np.ones_like(LIKELY.mask))
    mel = INDEX["mel"]
    figure = overlap_curves(DIAGNOSES[mel], known.agreement(mel), known.true_agreement(mel), dark=False)
    lines = {trace.name: trace for trace in figure.data}
    assert list(lines) == [
        "heat map and outline", "heat map and true outline", "centre prior and outline", "best threshold",
    ]  # fmt: skip
    assert lines["heat map and outline"].y == pytest.approx([0.25] * 19, abs=1e-3)
    assert lines["heat map and true outline"].y == pytest.approx([1.0] * 19)
    assert len({trace.line.dash for trace in figure.data[:3]}) == 3
    assert (lines["best threshold"].x[0], lines["best threshold"].y[0]) == pytest.approx((0.05, 0.25), abs=1e-3)
    without = overlap_curves(DIAGNOSES[mel], LIKELY.agreement(mel), None, dark=True)
    assert len(without.data) == 3
    assert without.data[0].line.color == DIAGNOSES[mel].colour
