"""Which cases come next: close calls and views that disagree, and a share by lot that depends on nothing else."""

import numpy as np
import pytest

from derm.errors import ConfigFault
from derm.teach.ranking import doubt_of, margin_of, pick


def test_the_margin_is_the_lead_over_the_second():
    shares = np.array([[0.5, 0.3, 0.2, 0, 0, 0, 0], [0.4, 0.0, 0.0, 0.4, 0.2, 0, 0]])
    assert margin_of(shares) == pytest.approx([0.2, 0.0])


def test_doubt_is_the_mean_of_both_ranks_and_of_the_margin_alone_without_a_spread():
    margins = np.array([0.1, 0.5, 0.9])
    assert doubt_of(margins) == pytest.approx([1, 0.5, 0])
    assert doubt_of(margins, np.array([0.0, 0.2, 0.1])) == pytest.approx([0.5, 0.75, 0.25])
    # The second was asked over one view: among the spreads that are known stand the other two alone.
    assert doubt_of(margins, np.array([0.0, np.nan, 0.1])) == pytest.approx([0.5, 0.5, 0.5])


def test_equals_share_their_rank():
    assert doubt_of(np.array([0.3, 0.3, 0.3])) == pytest.approx([0.5, 0.5, 0.5])
    assert doubt_of(np.array([0.3])) == pytest.approx([0.5])
    assert doubt_of(np.array([])).shape == (0,)


def test_a_third_comes_by_lot_from_all_cases():
    doubt, lots = np.arange(9) / 8, np.array([0.5, 0.6, 0.7, 0.8, 0.9, 0.1, 0.2, 0.3, 0.0])
    picked = pick(doubt, lots, 6, 1 / 3)
    assert [one.by_lot for one in picked] == [False, True, False, False, True, False]
    assert [one.row for one in picked if one.by_lot] == [8, 5]  # the most doubtful of all drew a lot, too
    assert [one.row for one in picked if not one.by_lot] == [7, 6, 4, 3]


def test_none_or_all_by_lot_and_fewer_cases_than_asked_for():
    doubt, lots = np.array([0.2, 0.9, 0.4]), np.array([0.3, 0.2, 0.1])
    assert [tuple(one) for one in pick(doubt, lots, 5, 0.0)] == [(1, False), (2, False), (0, False)]
    assert [tuple(one) for one in pick(doubt, lots, 5, 1.0)] == [(2, True), (1, True), (0, True)]
    assert pick(np.array([]), np.array([]), 5) == []


def test_a_case_without_an_answer_comes_by_lot_or_behind_those_that_can_be_ranked():
    doubt, lots = np.array([np.nan, 0.1, np.nan]), np.array([0.9, 0.5, 0.1])
    assert [tuple(one) for one in pick(doubt, lots, 2, 1 / 3)] == [(1, False), (2, True)]
    assert [tuple(one) for one in pick(doubt, lots, 3, 1 / 3)] == [(1, False), (2, True), (0, False)]
    assert [tuple(one) for one in pick(doubt, lots, 9, 0.0)] == [(1, False), (2, False), (0, False)]
    assert [tuple(one) for one in pick(doubt[:1], lots[:1], 9)] == [(0, False)]
    for count in range(8):
        for share in (0.0, 0.2, 1 / 3, 0.5, 0.9, 1.0):
            picked = pick(np.array([np.nan, 0.1, 0.3, np.nan, 0.2]), np.arange(5.0), count, share)
            assert len({one.row for one in picked}) == min(count, 5)


def test_a_share_that_is_none_is_refused():
    with pytest.raises(ConfigFault, match=r"share of 1\.5 by lot does not fit"):
        pick(np.array([0.1]), np.array([0.1]), 1, 1.5)
