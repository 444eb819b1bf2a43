"""A case drawn: every layer, with evidence and without."""

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


def test_every_layer_is_drawn_at_the_size_asked_for():
    assert screen_size(LIKELY) == (800, 1200)
    pictures = {layer: draw_view(LIKELY, layer, INDEX["mel"], 0.5, longest=None) for layer in LAYERS}
    assert {picture.shape for picture in pictures.values()} == {(40, 60, 3)}
    np.testing.assert_array_equal(pictures["Original"], LIKELY.image)
    for one, other in itertools.combinations(pictures.values(), 2):
        assert (one != other).any()
    assert draw_view(LIKELY, "Heat map", 0, 0.5).shape == (800, 1200, 3)
    assert screen_jpeg(LIKELY, "Outline", 0, 0.5).startswith(b"\xff\xd8")
    np.testing.assert_array_equal(class_mask_at(LIKELY, 0, 40, 60), LIKELY.class_mask(0)[1])


@pytest.mark.parametrize("layer", CLASS_LAYERS)
def test_without_evidence_only_the_outline_is_drawn(layer):
    flat = case_with({"mel": 1.0}, half_mask())
    np.testing.assert_array_equal(draw_view(flat, layer, 0, 0.5), draw_view(flat, "Outline", 0, 0.5))
