"""Fractions by hand, each undefined case, scikit-learn as the oracle, and every guard."""

import json

import numpy as np
import pytest
from sklearn import metrics as oracle

from derm.diagnoses import CODES, INDEX
from derm.metrics.classification import auc, confusion_matrix, most_likely
from derm.metrics.missing import fraction, mean_defined, or_none
from derm.metrics.registry import classification_measures

# Ten cases: bkl is present and never called, vasc called and never present, akiec and df neither.
TRUE = "nv nv nv nv mel mel mel bcc bkl bkl"
CALLED = "nv nv nv mel mel mel nv bcc nv vasc"


def indexes(codes):
    return np.array([INDEX[code] for code in codes.split()])


def certain(codes):
    """Probability 1 for each code."""
    return np.eye(len(CODES))[indexes(codes)]


@pytest.fixture(scope="module")
def by_hand():
    return classification_measures(indexes(TRUE), certain(CALLED))


@pytest.fixture(scope="module")
def drawn():
    """500 cases in which every class is present and called, true class likelier than the others."""
    random = np.random.default_rng(7)
    true = random.integers(0, 7, 500)
    scores = random.normal(size=(500, 7)) + 1.5 * np.eye(7)[true]
    return true, np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def test_rows_are_true_and_columns_called():
    matrix = confusion_matrix(indexes(TRUE), indexes(CALLED))
    expected = np.zeros((7, 7), dtype=np.int64)
    expected[INDEX["nv"], INDEX["nv"]] = 3
    expected[INDEX["nv"], INDEX["mel"]] = 1
    expected[INDEX["mel"], INDEX["mel"]] = 2
    expected[INDEX["mel"], INDEX["nv"]] = 1
    expected[INDEX["bcc"], INDEX["bcc"]] = 1
    expected[INDEX["bkl"], INDEX["nv"]] = 1
    expected[INDEX["bkl"], INDEX["vasc"]] = 1
    assert matrix.dtype == np.int64
    np.testing.assert_array_equal(matrix, expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", 6 / 10),
        ("balanced_accuracy", (3 / 4 + 2 / 3 + 1 + 0) / 4),
        ("macro_recall", 29 / 48),
        ("macro_precision", (3 / 5 + 2 / 3 + 1 + 0) / 4),
        ("macro_f1", (2 / 3 + 2 / 3 + 1 + 0 + 0) / 5),
        ("weighted_precision", (4 * 3 / 5 + 3 * 2 / 3 + 1) / 8),
        ("weighted_recall", 6 / 10),
        ("weighted_f1", (4 * 2 / 3 + 3 * 2 / 3 + 1 + 2 * 0) / 10),
    ],
)
def test_averages_by_hand(by_hand, name, expected):
    assert by_hand[name] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("nv", [3 / 5, 3 / 4, 2 / 3, 4 / 6, 4]),
        ("mel", [2 / 3, 2 / 3, 2 / 3, 6 / 7, 3]),
        ("bcc", [1, 1, 1, 1, 1]),
        ("bkl", [None, 0, 0, 1, 2]),
        ("vasc", [0, None, 0, 9 / 10, 0]),
        ("akiec", [None, None, None, 1, 0]),
    ],
)
def test_classes_by_hand_with_their_undefined_cases(by_hand, code, expected):
    row = by_hand["per_class"][code]
    values = [row[name] for name in ("precision", "recall", "f1", "specificity", "support")]
    assert values == pytest.approx(expected)


def test_classes_left_out_of_an_average_are_named(by_hand):
    assert by_hand["undefined"] == {
        "precision": ["akiec", "bkl", "df"],
        "recall": ["akiec", "df", "vasc"],
        "f1": ["akiec", "df"],
        "specificity": [],
        "auc": ["akiec", "df", "vasc"],
    }


def test_auc_counts_pairs_in_order_and_ties_half():
    positive = np.array([False, False, True, True])
    assert auc(positive, np.array([0.1, 0.4, 0.35, 0.8])) == pytest.approx(3 / 4)
    assert auc(positive, np.array([0.1, 0.35, 0.35, 0.8])) == pytest.approx(3.5 / 4)
    assert auc(positive, np.full(4, 0.5)) == pytest.approx(1 / 2)


@pytest.mark.parametrize("positive", [np.ones(3, dtype=bool), np.zeros(3, dtype=bool), np.zeros(0, dtype=bool)])
def test_auc_of_one_side_only_is_undefined(positive):
    assert np.isnan(auc(positive, np.linspace(0, 1, len(positive))))


def test_macro_auc_is_the_mean_over_the_classes_that_have_one(by_hand):
    # Scores are 0 or 1. nv: 24 pairs, (3 won: 3·4, ties 3·2 + 1·4) → 12 + 10/2. mel: 21 pairs, 2·6 won, ties 2·1 + 1·6.
    expected = {"nv": 17 / 24, "mel": 16 / 21, "bcc": 1, "bkl": 1 / 2}
    defined = {code: row["auc"] for code, row in by_hand["per_class"].items() if row["auc"] is not None}
    assert defined == pytest.approx(expected)
    assert by_hand["macro_auc"] == pytest.approx(sum(expected.values()) / 4)


def test_malignant_against_benign_by_hand(by_hand):
    # 4 malignant (3 mel, 1 bcc), of which 3 are called so; 6 benign, of which one nv is called mel.
    called = {"sensitivity": 3 / 4, "specificity": 5 / 6, "precision": 3 / 4}
    # 24 pairs: 3·5 won, ties 3·1 + 1·5.
    assert by_hand["malignant"] == {"auc": pytest.approx(19 / 24), "support": 4, **called, "at_half": called}


def test_a_case_can_be_malignant_at_half_though_its_most_likely_diagnosis_is_benign():
    probabilities = np.zeros((2, 7))
    probabilities[0, [INDEX["mel"], INDEX["bcc"], INDEX["nv"]]] = 0.3, 0.25, 0.45
    probabilities[1, [INDEX["akiec"], INDEX["nv"]]] = 0.25, 0.75
    malignant = classification_measures(indexes("mel nv"), probabilities)["malignant"]
    assert (malignant["sensitivity"], malignant["precision"], malignant["specificity"]) == (0, None, 1)
    assert malignant["at_half"] == {"sensitivity": 1, "specificity": 1, "precision": 1}
    assert malignant["auc"] == 1


def test_exactly_half_is_malignant():
    probabilities = np.zeros((1, 7))
    probabilities[0, [INDEX["mel"], INDEX["nv"]]] = 0.5
    assert classification_measures(indexes("mel"), probabilities)["malignant"]["at_half"]["sensitivity"] == 1


def test_of_a_tie_the_first_in_the_order_of_codes_is_called():
    assert most_likely(np.array([[0, 0.4, 0, 0, 0.4, 0.2, 0]])).tolist() == [INDEX["bcc"]]


def test_one_class_only_has_no_specificity_and_no_auc():
    measures = classification_measures(indexes("nv nv"), certain("nv nv"))
    row = measures["per_class"]["nv"]
    assert (row["recall"], row["specificity"], row["auc"]) == (1, None, None)
    assert (measures["macro_auc"], measures["malignant"]["auc"], measures["malignant"]["sensitivity"]) == (None,) * 3
    assert measures["balanced_accuracy"] == 1


def test_without_a_case_everything_is_undefined():
    measures = classification_measures(np.zeros(0, dtype=np.int64), np.zeros((0, 7)))
    assert [measures[name] for name in ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1")] == [None] * 4
    assert measures["undefined"]["specificity"] == list(CODES)


def test_weights_of_nothing_leave_nothing():
    assert np.isnan(mean_defined(np.array([0.5, np.nan]), np.array([0, 3])))
    assert np.isnan(mean_defined(np.array([])))
    assert or_none(float("nan")) is None
    np.testing.assert_array_equal(fraction([1, 0, 0], [2, 0, 3]), [0.5, np.nan, 0])


def test_measures_are_plain_json(by_hand):
    assert json.loads(json.dumps(by_hand, allow_nan=False)) == by_hand
    assert by_hand["classes"] == list(CODES) == list(by_hand["per_class"])


def test_scikit_learn_agrees_where_all_is_defined(drawn):
    true, probabilities = drawn
    called = probabilities.argmax(axis=1)
    measures = classification_measures(true, probabilities)
    assert measures["confusion_matrix"] == oracle.confusion_matrix(true, called).tolist()
    assert measures["accuracy"] == pytest.approx(oracle.accuracy_score(true, called))
    assert measures["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(true, called))
    assert measures["macro_auc"] == pytest.approx(oracle.roc_auc_score(true, probabilities, multi_class="ovr"))
    for average in ("macro", "weighted"):
        expected = oracle.precision_recall_fscore_support(true, called, average=average)[:3]
        assert [measures[f"{average}_{name}"] for name in ("precision", "recall", "f1")] == pytest.approx(expected)
    expected = np.transpose(oracle.precision_recall_fscore_support(true, called))
    for row, values in zip(measures["per_class"].values(), expected, strict=True):
        assert [row[name] for name in ("precision", "recall", "f1", "support")] == pytest.approx(values)


def test_scikit_learn_agrees_on_malignant(drawn):
    true, probabilities = drawn
    is_malignant = np.isin(true, indexes("akiec bcc mel"))
    p_malignant = probabilities[:, indexes("akiec bcc mel")].sum(axis=1)
    malignant = classification_measures(true, probabilities)["malignant"]
    assert malignant["auc"] == pytest.approx(oracle.roc_auc_score(is_malignant, p_malignant))
    at_half = malignant["at_half"]
    assert at_half["sensitivity"] == pytest.approx(oracle.recall_score(is_malignant, p_malignant >= 0.5))
    assert at_half["specificity"] == pytest.approx(oracle.recall_score(~is_malignant, p_malignant < 0.5))
    assert at_half["precision"] == pytest.approx(oracle.precision_score(is_malignant, p_malignant >= 0.5))


def test_scikit_learn_agrees_on_balanced_accuracy_with_a_class_absent(drawn):
    true, probabilities = drawn
    kept = true != INDEX["df"]
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        expected = oracle.balanced_accuracy_score(true[kept], probabilities[kept].argmax(axis=1))
    assert classification_measures(true[kept], probabilities[kept])["balanced_accuracy"] == pytest.approx(expected)


def test_identities(drawn):
    measures = classification_measures(*drawn)
    assert measures["weighted_recall"] == pytest.approx(measures["accuracy"])
    assert measures["macro_recall"] == pytest.approx(measures["balanced_accuracy"])
    for row in measures["per_class"].values():
        assert row["f1"] == pytest.approx(2 * row["precision"] * row["recall"] / (row["precision"] + row["recall"]))


def test_single_precision_passes_the_door(drawn):
    true, probabilities = drawn
    assert classification_measures(true, probabilities.astype(np.float32))["accuracy"] is not None


@pytest.mark.parametrize(
    ("true", "message"),
    [
        (np.array([7]), r"true holds 7, not an index within 0 … 6"),
        (np.array([-1]), r"true holds -1, not an index within 0 … 6"),
        (np.array([1.0]), r"true is float64 \(1,\), not integer \(N,\)"),
        (np.array([[1]]), r"true is int64 \(1, 1\), not integer \(N,\)"),
    ],
)
def test_wrong_indexes_are_refused(true, message):
    with pytest.raises(ValueError, match=message):
        classification_measures(true, certain("nv"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([0.5, 0.5], r"probabilities are \(1, 2\), not \(1, 7\)"),
        ([float("nan")] * 7, r"probabilities hold NaN"),
        ([1.5, -0.5, 0, 0, 0, 0, 0], r"probabilities hold -0.5, below 0: apply the softmax first"),
        ([0.5, 0.4, 0, 0, 0, 0, 0], r"sums to 0.9, not 1: apply the softmax first"),
        ([0.5, 0.502, 0, 0, 0, 0, 0], r"sums to 1.002, not 1"),
        ([float("inf"), 0, 0, 0, 0, 0, 0], r"sums to inf, not 1"),
    ],
)
def test_wrong_probabilities_are_refused(row, message):
    with pytest.raises(ValueError, match=message):
        classification_measures(np.array([5]), np.array([row]))


def test_confusion_matrix_refuses_wrong_predictions():
    with pytest.raises(ValueError, match="predicted holds 7, not an index within 0 … 6"):
        confusion_matrix(np.array([0]), np.array([7]))
    with pytest.raises(ValueError, match="2 true classes, 1 predicted ones"):
        confusion_matrix(np.array([0, 1]), np.array([0]))
