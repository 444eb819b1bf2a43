"""Outlines as polygons: made of masks, checked, filled, and kept as files."""

import json
import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from derm.errors import EntryRefused
from derm.image.polygons import (
    MOST_PARTS,
    MOST_POINTS,
    check_polygons,
    crossing,
    fill,
    polygons_json,
    polygons_of,
    read_polygons,
)

SQUARE = [[[2, 3], [6, 3], [6, 8], [2, 8]]]


def test_a_polygon_is_filled_with_its_border():
    filled = fill(check_polygons(SQUARE, 12, 10, 0.0), 12, 10)
    assert filled.sum() == 5 * 6
    assert filled[3:9, 2:7].all()


def test_a_square_mask_gives_its_corners_back():
    mask = np.zeros((12, 10), dtype=bool)
    mask[3:9, 2:7] = True
    (ring,) = polygons_of(mask)
    assert set(ring) == {(2, 3), (6, 3), (6, 8), (2, 8)}
    np.testing.assert_array_equal(fill((ring,), 12, 10), mask)
    assert polygons_of(np.zeros((12, 10), dtype=bool)) == ()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**16), grain=st.floats(0.3, 6), share=st.floats(0.02, 0.9))
def test_whatever_a_mask_its_polygons_are_an_outline(seed, grain, share):
    noise = cv2.GaussianBlur(np.random.default_rng(seed).random((48, 64)).astype(np.float32), (0, 0), grain)
    polygons = polygons_of(noise > np.quantile(noise, 1 - share))
    assert all(crossing(np.array(ring)) is None for ring in polygons)
    if polygons:
        again = [[list(point) for point in ring] for ring in polygons]
        assert check_polygons(again, 48, 64, 0.0) == polygons


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        (None, "no list of points"),
        ("text", "no list of points"),
        ([[["1", 2], [3, 4], [5, 6]]], "no list of points"),
        ([[[float("nan"), 2], [3, 4], [5, 6]]], "no list of points"),
        ([[[10**400, 2], [3, 4], [5, 6]]], "no list of points"),
        ([[[True, 2], [3, 4], [5, 6]]], "no list of points"),
        ([], "There is no outline"),
        ([[]], "fewer than three points"),
        ([[[1, 1], [1, 1], [5, 5]]], "fewer than three points"),
        (SQUARE * (MOST_PARTS + 1), f"may have {MOST_PARTS}"),
        ([[[place % 9, place // 9] for place in range(MOST_POINTS + 1)]], f"may have {MOST_POINTS}"),
        ([[[2, 3], [10, 3], [6, 8]]], "leaves the picture at 10, 3; this one has 10 × 12 pixels"),
        ([[[2, -1], [5, 3], [6, 8]]], "leaves the picture at 2, -1"),
        ([[[2, 3], [6, 8], [6, 3], [2, 8]]], "crosses or touches itself near"),
        ([[[2, 3], [8, 3], [5, 3], [5, 9]]], "crosses or touches itself near"),
        ([[[2, 3], [2.5, 3], [2, 3.5]]], "encloses 2.5 % of the picture, and a lesion at least 5 %"),
    ],
)
def test_what_is_no_outline_is_refused_with_the_cure(drawn, said):
    with pytest.raises(EntryRefused, match=re.escape(said)):
        check_polygons(drawn, 12, 10, 0.05)


def test_a_file_of_polygons_comes_back_and_belongs_to_its_picture():
    polygons = check_polygons(SQUARE, 12, 10, 0.0)
    text = polygons_json(polygons, 12, 10, "01234567aa", "edited", "notice")
    assert json.loads(text)["outline"] == "edited"
    assert read_polygons(text, 12, 10, "01234567aa", 0.0) == (polygons, "edited")
    for spoilt, said in (
        (text[:-5], "no JSON file"),
        ("[" * 100_000, "no JSON file"),
        ("[]", "no field 'polygons'"),
        (text.replace('"width": 10', '"width": "1\\n2"'), "tells no size of its picture"),
        (text.replace("[[[", f"[{'[],' * 100_000}[["), "100001 parts and may have"),
        (text.replace("01234567aa", "\\n"), "tells no digest of its picture"),
        (text.replace('"width": 10', '"width": 99'), "99 × 12 pixels and this one has 10 × 12"),
    ):
        with pytest.raises(EntryRefused, match=said):
            read_polygons(spoilt, 12, 10, "01234567aa", 0.0)


def test_a_file_of_polygons_names_the_picture_among_those_of_one_size():
    polygons = check_polygons(SQUARE, 12, 10, 0.0)
    text = polygons_json(polygons, 12, 10, "01234567aa", "edited", "notice")
    with pytest.raises(EntryRefused, match="drawn on picture 01234567 and this one is 89abcdef"):
        read_polygons(text, 12, 10, "89abcdefaa", 0.0)
    older = {key: value for key, value in json.loads(text).items() if key not in ("pixels_sha256", "outline")}
    assert read_polygons(json.dumps(older), 12, 10, "89abcdefaa", 0.0) == (polygons, None)
