"""Two sets of weights held against each other, by hand."""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from derm.diagnoses import CODES, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.compare import compare, disagreements
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.results import read_results
from derm.metrics.bootstrap import paired_bootstrap

MALIGNANT_CODES = [code for code, ill in zip(CODES, MALIGNANT, strict=True) if ill]


@pytest.fixture(scope="module")
def results(tiny_model, drawn_catalogue, tmp_path_factory):
    folder = tmp_path_factory.mktemp("compare")
    write_evaluation(evaluate(tiny_model, drawn_catalogue, "test", replicates=2), folder)
    return read_results(folder)


@pytest.fixture
def better(results):
    """The same results, but for the first two images, which are now told right and surely."""
    table = results.predictions.copy()
    for row in (0, 1):
        truth = table.loc[row, "dx_true"]
        table.loc[row, [name for name in table if name.startswith("p_") and name != "p_malignant"]] = 0.0
        table.loc[row, f"p_{truth}"] = 1.0
        table.loc[row, "p_malignant"] = float(truth in MALIGNANT_CODES)
        table.loc[row, "dx_pred"] = truth
    return replace(results, predictions=table)


def test_the_difference_of_a_paired_bootstrap_by_hand():
    # The second model is right wherever the first is, and on row 2 besides: they differ by a resample's share of row 2.
    first, second = np.array([1.0, 0.0, 0.0, 1.0]), np.array([1.0, 0.0, 1.0, 1.0])
    lesions = np.array(["a", "b", "c", "d"])
    found = paired_bootstrap(
        lambda rows: {"right": first[rows].mean(), "undefined": None},
        lambda rows: {"right": second[rows].mean(), "undefined": 1.0},
        lesions,
        replicates=400,
    )
    assert (found["right"].first, found["right"].second, found["right"].value) == (1 / 2, 3 / 4, 1 / 4)
    assert found["right"].interval == (0.0, 0.75)
    assert found["undefined"] == (None, 1.0, None, None)


def test_what_is_shared_cancels():
    random = np.random.default_rng(0)
    hard = random.normal(size=300)
    found = paired_bootstrap(
        lambda rows: {"loss": hard[rows].mean()},
        lambda rows: {"loss": hard[rows].mean() + 0.25},
        np.arange(300).astype(str),
        replicates=50,
    )
    assert found["loss"].value == pytest.approx(0.25)
    assert found["loss"].interval == pytest.approx((0.25, 0.25))


def test_equal_results_differ_by_nothing(results):
    table = compare(results, results, replicates=20)
    known = table[table["difference"].notna()]
    assert len(known) > 10
    assert (known["difference"] == 0).all()
    assert (known[["low", "high"]].dropna() == 0).all().all()


def test_the_order_of_rows_does_not_matter(results, better):
    turned = replace(better, predictions=better.predictions.iloc[::-1].reset_index(drop=True))
    pd.testing.assert_frame_equal(
        compare(results, better, replicates=10), compare(results, turned, replicates=10), check_exact=False
    )


def test_the_picture_that_a_threshold_was_chosen_by_stays_on_its_side(results):
    table = results.predictions.copy()
    row = int(np.flatnonzero(table["dx_true"].isin(MALIGNANT_CODES))[0])
    # Three probabilities add up to the threshold; each is written rounded down, so that those add up to less.
    for code in MALIGNANT_CODES:
        table.loc[row, f"p_{code}"] = 0.033333
    threshold = 3 * 0.03333349
    table["p_malignant"] = 0.0
    table.loc[row, "p_malignant"] = round(threshold, 6)
    metrics = {**results.metrics, "decision": {"threshold": threshold}}
    found = compare(*2 * [replace(results, predictions=table, metrics=metrics)], replicates=2)
    told = found.set_index("figure").loc["decision.sensitivity"]
    assert told["first"] == told["second"] == 1 / table["dx_true"].isin(MALIGNANT_CODES).sum()


def test_a_better_second_model_is_seen(results, better):
    table = compare(results, better, replicates=20).set_index("figure")
    changed = (results.predictions["dx_pred"] != better.predictions["dx_pred"]).sum()
    assert changed > 0
    assert table.loc["accuracy", "difference"] == pytest.approx(changed / len(results.predictions))


def test_disagreements_name_both_answers(results, better):
    found = disagreements(results, better)
    changed = results.predictions["dx_pred"] != better.predictions["dx_pred"]
    assert sorted(found["image_id"]) == sorted(results.predictions["image_id"][changed])
    assert (found["second"] == found["dx_true"]).all()
    assert (found["p_second"] == 1).all()


def test_results_without_what_older_versions_lack_are_compared(results, tmp_path):
    write_evaluation(results, tmp_path)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    del metrics["decision"], metrics["files"]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    table = pd.read_csv(tmp_path / "predictions.csv")
    table.drop(columns=["dx_pred", "dice"]).to_csv(tmp_path / "predictions.csv", index=False)
    older = read_results(tmp_path)
    found = compare(results, older, replicates=10).set_index("figure")
    assert found.loc["accuracy", "difference"] == 0
    assert np.isnan(found.loc["dice", "second"])
    assert disagreements(results, older).empty


def test_results_of_other_images_are_refused(results):
    fewer = replace(results, predictions=results.predictions.iloc[1:])
    with pytest.raises(DataFault, match="are not of the same images, so they cannot be compared"):
        compare(results, fewer)


@pytest.mark.parametrize("what", ["pictures", "lesions", "masks"])
def test_results_of_other_data_under_the_same_names_are_refused(results, what):
    identity = results.about["identity"]
    spoiled = {name: [255 - grey for grey in greys] for name, greys in identity["pictures"].items()}
    about = {**results.about, "identity": {**identity, what: spoiled if what == "pictures" else "0" * 64}}
    other = replace(results, metrics={**results.metrics, "measured_on": about})
    for ask in (partial(compare, replicates=2), disagreements):
        with pytest.raises(DataFault, match=rf"are of different data \({what}\), so they cannot be compared"):
            ask(results, other)
    older = replace(results, metrics={**results.metrics, "measured_on": {**about, "identity": None}})
    assert disagreements(results, older).empty


def test_results_that_leak_are_refused(results):
    about = {**results.about, "trained_on_split_by": "image"}
    leaking = replace(results, metrics={**results.metrics, "measured_on": about})
    with pytest.raises(DataFault, match="were trained on the split by image and know images of the test part, so they"):
        compare(results, leaking)
    about = {**results.about, "trained_on_split_by": "lesion", "part": "train"}
    taught = replace(results, metrics={**results.metrics, "measured_on": about})
    with pytest.raises(DataFault, match="these weights were trained on this part, so they cannot be compared"):
        compare(results, taught)
