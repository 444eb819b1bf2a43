"""What makes an answer doubtful."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from derm.data.synthetic.lesion import draw_lesion
from derm.predict.case import Case
from derm.predict.doubts import BLOCKING, Doubt, doubts_of, meets_edge
from tests.cases import case_with


def a_case() -> Case:
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, 20:40] = True
    return case_with({"mel": 0.61, "nv": 0.39}, mask)


def test_nothing_is_found_in_a_plain_case():
    assert doubts_of(a_case()) == ()


@pytest.mark.parametrize(
    ("measured", "found"),
    [
        ({"seam": 0.61}, None),
        ({"seam": 0.62}, Doubt.SEVERAL_PICTURES),
        ({"surface": 0.9}, None),
        ({"seam": 0.62, "surface": 0.19}, Doubt.SEVERAL_PICTURES),
        ({"seam": 0.62, "surface": 0.2}, Doubt.SCREENSHOT),
        ({"clipped": 0.049}, None),
        ({"clipped": 0.05}, Doubt.OVEREXPOSED),
        ({"clipped": 0.399}, Doubt.OVEREXPOSED),
        ({"clipped": 0.4}, Doubt.BURNT_OUT),
        ({"brightest": 90}, None),
        ({"brightest": 89}, Doubt.UNDEREXPOSED),
        ({"brightest": 40}, Doubt.UNDEREXPOSED),
        ({"brightest": 39}, Doubt.TOO_DARK),
        ({"detail": 8.5}, None),
        ({"detail": 8}, Doubt.BLURRED),
        ({"lesions": 2}, Doubt.SEVERAL_LESIONS),
        ({"at_edge": 0.29}, None),
        ({"at_edge": 0.3}, Doubt.CUT_BY_EDGE),
    ],
)
def test_each_limit_on_both_sides(measured, found):
    case = a_case()
    case.__dict__["quality"] = case.quality._replace(**measured)
    assert doubts_of(case) == (() if found is None else (found,))
    assert case.answerable == (found not in BLOCKING)


@pytest.mark.parametrize("edge", [np.s_[:2], np.s_[-2:], np.s_[:, :2], np.s_[:, -2:]])
def test_a_lesion_along_any_edge_is_cut(edge):
    case = a_case()
    mask = np.zeros_like(case.mask)
    mask[edge] = True
    assert doubts_of(replace(case, mask=mask)) == (Doubt.CUT_BY_EDGE,)
    assert meets_edge(replace(case, mask=mask))


def test_a_lesion_that_only_touches_the_edge_is_not_cut():
    case = a_case()
    mask = case.mask.copy()
    mask[:11, 28:32] = True
    assert doubts_of(replace(case, mask=mask)) == ()
    assert meets_edge(replace(case, mask=mask))


def stops(image: np.ndarray, count: int) -> np.ndarray:
    """The picture exposed by `count` stops more, clipped."""
    linear = (image / 255) ** 2.2 * 2.0**count
    return np.rint(255 * np.clip(linear, 0, 1) ** (1 / 2.2)).astype(np.uint8)


def window(image: np.ndarray) -> np.ndarray:
    """The picture in a window with bars and lines of text."""
    page = np.full((500, 800, 3), 245, dtype=np.uint8)
    page[:40] = (220, 225, 230)
    for row in range(80, 480, 30):
        cv2.putText(page, "Patient record", (15, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40, 40, 40), 1, cv2.LINE_AA)
    page[60:360, 200:600] = image
    return page


FAULTS = {
    Doubt.SEVERAL_PICTURES: lambda image: np.tile(
        np.pad(image, ((6, 6), (6, 6), (0, 0)), constant_values=255), (3, 3, 1)
    ),
    Doubt.SCREENSHOT: window,
    Doubt.BURNT_OUT: lambda image: stops(image, 4),
    Doubt.TOO_DARK: lambda image: stops(image, -6),
    Doubt.UNDEREXPOSED: lambda image: stops(image, -3),
    Doubt.BLURRED: lambda image: cv2.GaussianBlur(image, (0, 0), 8),
}


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_faults_made_on_purpose_are_found(fault):
    drawing = draw_lesion("nv", 4)
    whole = replace(a_case(), image=drawing.image, mask=drawing.mask)
    assert doubts_of(whole) == ()
    image = FAULTS[fault](drawing.image)
    mask = cv2.resize(drawing.mask.astype(np.uint8), image.shape[1::-1]) > 0
    assert fault in doubts_of(replace(whole, image=image, mask=mask))


def test_eighteen_lesions_have_no_one_answer():
    mask = np.zeros((120, 240), dtype=bool)
    for row in range(3):
        for column in range(6):
            mask[10 + 40 * row : 30 + 40 * row, 10 + 40 * column : 30 + 40 * column] = True
    image = np.random.default_rng(0).integers(110, 190, (120, 240, 3), dtype=np.uint8)
    case = replace(a_case(), image=image, mask=mask)
    assert doubts_of(case) == (Doubt.SEVERAL_LESIONS,)
    assert not case.answerable


def test_an_empty_outline_is_no_lesion_and_not_cut():
    case = a_case()
    assert doubts_of(replace(case, mask=np.zeros_like(case.mask))) == (Doubt.NO_LESION,)


def test_the_kind_of_picture_is_told_first_and_last():
    assert doubts_of(replace(a_case(), not_dermoscopic=True, seen_little=True)) == (
        Doubt.NOT_DERMOSCOPIC,
        Doubt.SEEN_LITTLE,
    )


def test_only_what_leaves_no_answer_blocks():
    assert {doubt for doubt in Doubt if doubt.blocks} == BLOCKING
