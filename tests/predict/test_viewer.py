"""What the viewer gets to know of a case, and the layers that are drawn for a file."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cases import LIKELY

from derm.diagnoses import INDEX
from derm.image.overlay import resize_picture
from derm.predict.entries import with_outline
from derm.predict.view import LAYERS, draw_view
from derm.predict.viewer import (
    FIRST,
    OVERLAYS,
    case_view,
    draw_shown,
    known_layers,
    lines_of,
    pictures_view,
    with_evidence,
)

MEL = INDEX["mel"]
BOX = [[[0, 0], [29, 0], [29, 39], [0, 39]]]


def test_the_browser_gets_a_case_as_json_with_both_outlines():
    told = json.loads(json.dumps(case_view(LIKELY, MEL, FIRST, "about", finer=False)))
    assert set(told["panes"][0]["alts"]) == set(LAYERS)
    assert told["rings"]["shown"] == told["rings"]["model"]
    assert (told["width"], told["height"], told["scale"]) == (60, 40, None)
    assert told["diameter_label"] == "36 pixels"
    edited = json.loads(json.dumps(case_view(with_outline(LIKELY, BOX), MEL, FIRST, "about", finer=False)))
    assert edited["rings"] | {"fine": None} == {
        "fine": None,
        "model": told["rings"]["model"],
        "shown": BOX,
        "edited": True,
    }
    assert edited["rings"]["fine"] == told["rings"]["fine"]
    empty = case_view(replace(LIKELY, mask=np.zeros_like(LIKELY.mask)), MEL, FIRST, "", finer=False)
    assert (empty["rings"]["fine"], empty["rings"]["model"], empty["diameter"]) == ([], (), None)
    assert pictures_view(60, 40, [(b"a", "said", "alternative")])["panes"][0]["captions"] == {"Original": "said"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, FIRST),
        ("Outline", FIRST),
        ({}, {}),
        ({"Outline": 0.4, "Heat map": 1}, {"Outline": 0.4, "Heat map": 1.0}),
        ({"Outline": 2, "Heat map": "1", "Nothing": 1, "Diameter": float("nan")}, {}),
    ],
)
def test_layers_from_a_page_are_checked(given, kept):
    assert known_layers(given) == kept


def test_a_chosen_diagnosis_brings_its_heat_map_unless_there_is_something_of_it():
    assert set(with_evidence({"Outline": 0.5})) == {"Outline", "Heat map"}
    assert with_evidence({"Class mask": 0.5}) == {"Class mask": 0.5}


def test_layers_for_a_file_are_those_of_the_screen():
    plain = draw_shown(LIKELY, {}, MEL, 120)
    np.testing.assert_array_equal(plain, resize_picture(LIKELY.image, 80, 120))
    outlined = draw_shown(LIKELY, {"Outline": 1.0}, MEL, 120)
    np.testing.assert_array_equal(outlined, draw_view(LIKELY, "Outline", MEL, 1.0, 120))
    heated = draw_shown(LIKELY, {"Heat map": 0.5, "Outline": 1.0}, MEL, 120)
    np.testing.assert_array_equal(heated, draw_view(LIKELY, "Heat map", MEL, 0.5, 120))
    drawn = [draw_shown(LIKELY, {name: 1.0}, MEL).tobytes() for name in OVERLAYS]
    assert len({*drawn, LIKELY.image.tobytes()}) == len(OVERLAYS) + 1
    unseen = dict.fromkeys(set(OVERLAYS) - {"Class mask"}, 0.0)  # whose border is always drawn
    np.testing.assert_array_equal(draw_shown(LIKELY, unseen, MEL, 120), plain)


def test_lines_of_a_small_mask_stand_where_they_are_in_the_picture():
    mask = np.zeros((20, 30), dtype=bool)
    mask[5:10, 10:20] = True
    (line,) = lines_of(mask, 60)
    assert {tuple(point) for point in line} == {(20.5, 10.5), (38.5, 10.5), (38.5, 18.5), (20.5, 18.5)}
