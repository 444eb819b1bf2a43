"""Figures and names as text."""

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


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "under 1 %"),
        (0.005, "under 1 %"),
        (0.006, "1 %"),
        (0.6127, "61 %"),
        (0.994, "99 %"),
        (0.995, "over 99 %"),
        (1.0, "over 99 %"),
    ],
)
def test_percentages_are_rounded_and_never_certain(share, text):
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == text


def test_names_cannot_format_a_page():
    assert plain("a_b*[x](http://y) :red[z] ø×") == r"a\_b\*\[x\]\(http\:\/\/y\) \:red\[z\] ø×"
    assert capital("basal cell") == "Basal cell"
