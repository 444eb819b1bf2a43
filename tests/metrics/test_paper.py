"""The paper's averages follow from its table, six of its seven specificities do not, and ours stand beside them."""

import numpy as np
import pytest

from derm.diagnoses import CODES
from derm.metrics.masks import merge_measures
from derm.metrics.paper import (
    CASES,
    LEAKS,
    MILLISECONDS,
    OVERALL,
    PER_CLASS,
    compare_with_paper,
    count_calls,
    specificity_from_table,
)
from derm.metrics.registry import classification_measures

TP_AND_FP = {
    "akiec": (30, 7),
    "bcc": (65, 7),
    "bkl": (152, 58),
    "df": (9, 4),
    "mel": (141, 79),
    "nv": (1265, 146),
    "vasc": (27, 13),
}


@pytest.fixture(scope="module")
def ours():
    true = np.arange(7)
    return merge_measures(classification_measures(true, np.eye(7)))


def test_the_table_holds_the_seven_in_our_order():
    assert tuple(PER_CLASS) == CODES
    assert sum(row.support for row in PER_CLASS.values()) == CASES


@pytest.mark.parametrize("name", ["precision", "recall", "f1"])
def test_the_averages_follow_from_the_table(name):
    values = [getattr(row, name) for row in PER_CLASS.values()]
    support = [row.support for row in PER_CLASS.values()]
    assert OVERALL[f"macro_{name}"] == pytest.approx(np.mean(values), abs=1e-6)
    assert OVERALL[f"weighted_{name}"] == pytest.approx(np.average(values, weights=support), abs=1e-6)


def test_balanced_accuracy_is_the_mean_recall():
    assert OVERALL["balanced_accuracy"] == pytest.approx(np.mean([row.recall for row in PER_CLASS.values()]), abs=1e-6)


@pytest.mark.parametrize("code", CODES)
def test_calls_are_whole_cases_and_give_back_the_line(code):
    tp, fp = count_calls(PER_CLASS[code])
    row = PER_CLASS[code]
    assert (tp, fp) == TP_AND_FP[code]
    assert tp / (tp + fp) == pytest.approx(row.precision, abs=1e-6)
    assert tp / row.support == pytest.approx(row.recall, abs=1e-6)
    assert 2 * tp / (tp + fp + row.support) == pytest.approx(row.f1, abs=1e-6)


def test_the_calls_of_all_classes_are_all_cases_and_give_back_accuracy():
    calls = [count_calls(row) for row in PER_CLASS.values()]
    assert sum(tp + fp for tp, fp in calls) == CASES
    assert OVERALL["accuracy"] == pytest.approx(sum(tp for tp, _ in calls) / CASES, abs=1e-6)


def test_specificities_of_nevus_and_melanoma_are_not_the_printed_ones():
    assert specificity_from_table("nv") == pytest.approx(1 - 146 / 662)
    assert round(specificity_from_table("nv"), 4) == 0.7795
    assert specificity_from_table("mel") == pytest.approx(1 - 79 / 1780)
    assert round(specificity_from_table("mel"), 4) == 0.9556


def test_only_the_vascular_specificity_follows_from_the_table():
    follows = [
        code for code, row in PER_CLASS.items() if round(specificity_from_table(code), 4) == row.printed_specificity
    ]
    assert follows == ["vasc"]


def test_ours_stand_beside_the_papers(ours):
    rows = {row.name: row for row in compare_with_paper(ours)}
    assert len(rows) == len(OVERALL) + 4 * 7 + 1
    assert rows["accuracy"] == ("accuracy", 1, 0.843235, f"{LEAKS}; 0.8557 in its text")
    assert rows["macro_auc"].note == f"{LEAKS}; 0.9739 in its Table 4; how it averages is not said"
    assert rows["dice"] == ("dice", None, 0.8622, LEAKS)
    assert rows["mel recall"] == ("mel recall", 1, 0.632287, LEAKS)
    assert rows["nv specificity"].paper == pytest.approx(1 - 146 / 662)
    assert rows["nv specificity"].note == f"{LEAKS}; from its Table 2, it prints 0.8535"


def test_every_share_carries_the_note_that_the_paper_leaks(ours):
    *shares, time = compare_with_paper(ours, milliseconds=27.5)
    assert all(row.note.startswith(LEAKS) for row in shares)
    assert (time.name, time.ours, time.paper) == ("milliseconds", 27.5, MILLISECONDS)
    assert LEAKS not in time.note
