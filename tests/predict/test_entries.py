"""What is added to a case: everything measured follows the corrected outline, and no answer does."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cases import LIKELY, case_with, half_mask

from derm.diagnoses import INDEX
from derm.errors import EntryRefused
from derm.image.scale import Scale
from derm.predict import words
from derm.predict.compact import answers_of, compact
from derm.predict.doubts import doubts_of
from derm.predict.entries import (
    entries_json,
    models_polygons,
    outline_json,
    overlap_with_model,
    with_entries,
    with_line,
    with_models_outline,
    with_outline,
    with_read_outline,
    without_line,
)
from derm.predict.measure_words import outline_sentence
from derm.predict.practice import at_practice

BOX = [[[0, 0], [29, 0], [29, 39], [0, 39]]]
"""The left half of the picture of `cases`, 40 × 60 pixels."""


def test_everything_measured_follows_the_corrected_outline():
    case = with_outline(LIKELY, BOX)
    assert case.outline.sum() == 30 * 40
    assert case.outline_fraction == 0.5
    assert case.lesion.area == 1200
    assert dict(words.lesion_measures(case))["Extent"] == "30 × 40 of 60 × 40 pixels"
    mel = INDEX["mel"]
    soft, _ = case.class_mask(mel)
    assert not soft[:, 30:].any()
    np.testing.assert_allclose(soft[:, :30], case.evidence[mel].map[:, :30])
    assert case.agreement(mel).inside != LIKELY.agreement(mel).inside
    assert overlap_with_model(case) == (case.outline & LIKELY.mask).sum() / (case.outline | LIKELY.mask).sum()
    assert "corrected by hand" in outline_sentence(case)


def test_no_answer_follows_it():
    case = with_outline(LIKELY, BOX)
    assert doubts_of(case) == doubts_of(LIKELY)
    assert words.headline(case) == words.headline(LIKELY)
    np.testing.assert_array_equal(case.mask, LIKELY.mask)
    empty = case_with({"nv": 1.0}, np.zeros((40, 60), dtype=bool), [[1.0]])
    drawn = with_outline(empty, BOX)
    assert drawn.has_outline
    assert not drawn.answerable
    assert words.headline(drawn) == "No lesion found in this picture."
    assert outline_sentence(drawn) == "Outline: drawn by hand; the model found no lesion."


def test_both_outlines_are_kept_and_the_models_comes_back():
    case = with_outline(LIKELY, BOX)
    assert models_polygons(case) == models_polygons(LIKELY)
    again = with_read_outline(LIKELY, outline_json(case, edited=True).encode())
    assert again.polygons == case.polygons
    assert with_models_outline(case).polygons is None
    assert overlap_with_model(LIKELY) is None
    with pytest.raises(EntryRefused, match="no JSON file"):
        with_read_outline(LIKELY, b"\xff\xfe\x00")


def test_an_outline_of_another_picture_of_the_same_size_is_refused():
    other = replace(LIKELY, image=255 - LIKELY.image)
    with pytest.raises(EntryRefused, match=f"drawn on picture {other.digest[:8]} and this one is {LIKELY.digest[:8]}"):
        with_read_outline(LIKELY, outline_json(with_outline(other, BOX), edited=True).encode())


def test_the_models_outline_read_back_is_not_corrected_by_hand():
    own = outline_json(LIKELY, edited=False)
    assert with_read_outline(LIKELY, own.encode()).polygons is None
    older = {key: value for key, value in json.loads(own).items() if key != "pixels_sha256"}
    assert with_read_outline(LIKELY, json.dumps(older).encode()).polygons is None
    moved = replace(LIKELY, mask=~LIKELY.mask)
    with pytest.raises(EntryRefused, match="says 'model', and the outline is not the one of these weights"):
        with_read_outline(moved, own.encode())
    others = {key: value for key, value in older.items() if key != "outline"}
    assert with_read_outline(moved, json.dumps(others).encode()).polygons == models_polygons(LIKELY)


def test_what_was_added_stays_when_a_case_is_let_go_asked_again_or_carried_to_a_practice():
    case = replace(with_outline(LIKELY, BOX), mix=(0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.1), scale=Scale(0.02, "DICOM"))
    for kept in (answers_of(compact(case)), with_entries(LIKELY, case), at_practice(case, 0.05)):
        assert (kept.polygons, kept.scale) == (case.polygons, case.scale)
        np.testing.assert_array_equal(kept.outline, case.outline)
    assert at_practice(case, 0.05).lesion is case.lesion


def test_a_line_takes_the_place_of_what_the_file_told_and_can_be_taken_away():
    told = replace(LIKELY, scale=Scale(0.02, "DICOM"))
    once = with_line(told, [0, 0, 50, 0], 5)
    twice = with_line(once, [0, 0, 50, 0], 6)
    assert (once.scale.mm_per_pixel, twice.scale.mm_per_pixel) == (0.1, 0.12)
    assert without_line(twice).scale == told.scale
    assert without_line(with_line(LIKELY, [0, 0, 50, 0], 5)).scale is None
    assert entries_json(once)["measures"]["diameter_mm"] == pytest.approx(0.1 * once.lesion.diameter)
    assert entries_json(LIKELY)["measures"]["diameter_mm"] is None
    assert entries_json(replace(LIKELY, mask=np.zeros_like(half_mask())))["measures"] is None
