"""What makes an answer doubtful."""

from dataclasses import replace

import numpy as np
import pytest

from derm.predict.case import Case
from derm.predict.doubts import BLOCKING, Doubt, doubts_of
from tests.cases import case_with


def a_case() -> Case:
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, 20:40] = True
    return case_with({"mel": 0.61, "nv": 0.39}, mask)


def test_nothing_is_found_in_a_plain_case():
    assert doubts_of(a_case()) == ()


@pytest.mark.parametrize("edge", [np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]])
def test_a_lesion_at_any_edge_may_be_cut(edge):
    case = a_case()
    mask = case.mask.copy()
    mask[edge] = True
    assert doubts_of(replace(case, mask=mask)) == (Doubt.CUT_BY_EDGE,)


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
