"""The baselines against what can be worked out by hand, missing and unknown values, the real data, every guard."""

import math

import numpy as np
import pandas as pd
import pytest

from derm.data.catalogue import read_catalogue
from derm.data.split import split_catalogue
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault
from derm.metrics.baselines import MOST_FREQUENT, PATIENT, SOURCE, trivial_baselines
from derm.metrics.classification import auc, check_probabilities
from derm.metrics.registry import classification_measures

NV, MEL = INDEX["nv"], INDEX["mel"]


def table_of(*lines):
    """A table of (how often, dx, age, sex, site, source) lines."""
    rows = [line for count, *line in lines for _ in range(count)]
    return pd.DataFrame(rows, columns=["dx", "age", "sex", "localization", "dataset"])


@pytest.fixture(scope="module")
def train():
    """Melanomas are old, and three of four from the source b; nevi are young, and three of four from a; one bcc."""
    return table_of(
        (300, "nv", 30.0, "male", "back", "a"),
        (100, "mel", 70.0, "male", "back", "a"),
        (100, "nv", 30.0, "male", "back", "b"),
        (299, "mel", 70.0, "male", "back", "b"),
        (1, "bcc", math.nan, "unknown", "ear", "b"),
    )


def ask(train, *lines):
    return trivial_baselines(train, table_of(*((1, "nv", *line) for line in lines)))


def test_the_most_frequent_diagnosis_is_always_certain(train):
    # 400 nevi against 399 melanomas.
    answer = ask(train, (30.0, "male", "back", "a"), (70.0, "female", "ear", "b"))[MOST_FREQUENT]
    np.testing.assert_array_equal(answer, np.eye(7)[[NV, NV]])


def test_of_a_tie_the_first_code_is_the_most_frequent():
    tie = table_of((2, "nv", 30.0, "male", "back", "a"), (2, "mel", 70.0, "male", "back", "a"))
    np.testing.assert_array_equal(ask(tie, (30.0, "male", "back", "a"))[MOST_FREQUENT], np.eye(7)[[MEL]])


def test_the_source_tells_how_often_a_diagnosis_is_among_its_pictures(train):
    line = (50.0, "male", "back")
    a, b, strange = ask(train, (*line, "a"), (*line, "b"), (*line, "c"))[SOURCE]
    assert a[[NV, MEL]] == pytest.approx([3 / 4, 1 / 4], abs=0.01)
    assert b[[NV, MEL]] == pytest.approx([1 / 4, 3 / 4], abs=0.01)
    # A source that nobody has seen says nothing: half nevi, half melanomas, as there are.
    assert strange[[NV, MEL]] == pytest.approx([1 / 2, 1 / 2], abs=0.01)


def test_the_source_baseline_reads_the_source_only_and_the_patient_baseline_all_but_it(train):
    one, other = ask(train, (30.0, "male", "back", "a")), ask(train, (70.0, "female", "ear", "a"))
    np.testing.assert_array_equal(one[SOURCE], other[SOURCE])
    one, other = ask(train, (30.0, "male", "back", "a")), ask(train, (30.0, "male", "back", "b"))
    np.testing.assert_array_equal(one[PATIENT], other[PATIENT])


def test_age_tells_nevus_from_melanoma(train):
    line = ("male", "back", "a")
    young, old = ask(train, (30.0, *line), (70.0, *line))[PATIENT]
    assert young[NV] > 0.95
    assert old[MEL] > 0.95


def test_sex_and_site_are_read_too():
    train = table_of(
        (50, "nv", 50.0, "female", "back", "a"),
        (50, "mel", 50.0, "male", "back", "a"),
        (50, "bcc", 50.0, "female", "face", "a"),
    )
    answer = ask(train, (50.0, "female", "back", "a"), (50.0, "male", "back", "a"), (50.0, "female", "face", "a"))
    assert [CODES[index] for index in answer[PATIENT].argmax(axis=1)] == ["nv", "mel", "bcc"]


def test_probabilities_are_of_all_seven_whatever_is_missing_or_unknown(train):
    answers = ask(
        train,
        (math.nan, "unknown", "unknown", "unknown"),
        (math.nan, "male", "back", "a"),
        (30.0, "other", "nowhere", "c"),
    )
    assert list(answers) == [MOST_FREQUENT, PATIENT, SOURCE]
    for answer in answers.values():
        assert answer.dtype == np.float64
        check_probabilities(answer, 3)
        np.testing.assert_allclose(answer.sum(axis=1), 1, rtol=1e-12)
        # Diagnoses that did not train are ruled out; bcc trained once.
        absent = [INDEX[code] for code in ("akiec", "bkl", "df", "vasc")]
        assert (answer[:, absent] == 0).all()


def test_a_missing_age_is_the_median_and_a_mark_of_its_own():
    # Whoever lacks an age has a bcc: the median, 50, alone would say nevus or melanoma.
    train = table_of(
        (50, "nv", 30.0, "male", "back", "a"),
        (50, "mel", 70.0, "male", "back", "a"),
        (50, "bcc", math.nan, "male", "back", "a"),
    )
    known, missing = ask(train, (50.0, "male", "back", "a"), (math.nan, "male", "back", "a"))[PATIENT]
    assert missing[INDEX["bcc"]] > 0.9
    assert known[INDEX["bcc"]] < 0.1


def test_an_age_missing_only_where_it_is_measured_is_the_median():
    train = table_of((51, "nv", 30.0, "male", "back", "a"), (50, "mel", 70.0, "male", "back", "a"))
    missing, median = ask(train, (math.nan, "male", "back", "a"), (30.0, "male", "back", "a"))[PATIENT]
    np.testing.assert_array_equal(missing, median)


def test_a_data_set_without_ages_is_measured_all_the_same():
    train = table_of((60, "nv", math.nan, "male", "back", "a"), (40, "mel", math.nan, "male", "back", "a"))
    answer = ask(train, (math.nan, "male", "back", "a"), (50.0, "male", "back", "a"))[PATIENT]
    assert answer[0, [NV, MEL]] == pytest.approx([0.6, 0.4], abs=0.01)
    check_probabilities(answer, 2)


def test_a_drawn_set_is_measured(drawn_catalogue):
    rows = split_catalogue(drawn_catalogue).rows
    other = drawn_catalogue.table.iloc[rows("validation")]
    answers = trivial_baselines(drawn_catalogue.table.iloc[rows("train")], other)
    for answer in answers.values():
        check_probabilities(answer, len(other))


def test_wrong_tables_are_refused(train):
    with pytest.raises(ValueError, match="the training table has no rows: pass one row an image"):
        trivial_baselines(train.iloc[:0], train)
    with pytest.raises(ValueError, match="the measured table has no rows"):
        trivial_baselines(train, train.iloc[:0])
    with pytest.raises(ValueError, match=r"the training table lacks the column\(s\) dx, sex: pass rows of a catalogue"):
        trivial_baselines(train.drop(columns=["dx", "sex"]), train)
    with pytest.raises(ValueError, match=r"the measured table lacks the column\(s\) dataset"):
        trivial_baselines(train, train.drop(columns=["dx", "dataset"]))
    with pytest.raises(ValueError, match="the training table holds the diagnosis scc, not one of akiec, bcc"):
        trivial_baselines(train.replace({"dx": {"bcc": "scc"}}), train)
    with pytest.raises(
        DataFault, match="holds no diagnosis but nv, and a baseline has to tell at least two apart: use a larger"
    ):
        trivial_baselines(train[train["dx"] == "nv"], train)


@pytest.mark.real
def test_on_the_real_data_the_source_alone_predicts_malignancy(ham10000):
    catalogue = read_catalogue(ham10000)
    split = split_catalogue(catalogue)
    train, other = (catalogue.table.iloc[split.rows(part)] for part in ("train", "validation"))
    answers = trivial_baselines(train, other)
    true = other["dx"].map(INDEX).to_numpy().astype(np.int64)
    is_malignant = np.array(MALIGNANT)[true]
    aucs = {name: auc(is_malignant, answer[:, list(MALIGNANT)].sum(axis=1)) for name, answer in answers.items()}
    assert aucs[SOURCE] == pytest.approx(0.781, abs=0.005)
    assert aucs[PATIENT] == pytest.approx(0.773, abs=0.005)
    assert aucs[MOST_FREQUENT] == 1 / 2
    always = classification_measures(true, answers[MOST_FREQUENT])
    assert always["accuracy"] == (other["dx"] == "nv").mean()
    assert always["balanced_accuracy"] == pytest.approx(1 / 7)
