"""A case drawn: every layer, with evidence and without."""

import itertools

import numpy as np
import pytest
from cases import LIKELY, case_with, half_mask

from derm.diagnoses import INDEX
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
