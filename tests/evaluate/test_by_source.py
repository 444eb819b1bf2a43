"""Figures by source, counted by hand, and what `derm evaluate` makes of several sources."""

import contextlib
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from derm.data.catalogue import part_names
from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault, WeightsFault
from derm.evaluate.by_source import FIGURES, Answers, is_malignant, measure_sources, sources_table
from derm.evaluate.dataset import evaluate
from derm.evaluate.record import record_measures
from derm.evaluate.results import why_known
from derm.metrics.subgroups import COLUMNS
from derm.model import weights
from derm.model.weights import copy_weights, load_weights, rewrite_description
from derm.predict.record import calibration_of


def certain(codes: list[str]) -> np.ndarray:
    """Probabilities of 0.94 for each of `codes` and 0.01 for the others."""
    found = np.full((len(codes), 7), 0.01)
    found[np.arange(len(codes)), [INDEX[code] for code in codes]] = 0.94
    return found


def answers() -> Answers:
    """Thirty images here, of two cameras: all right. Forty there: every other melanoma is called a nevus."""
    here = ["mel", "nv", "bcc"] * 10
    there = ["mel", "nv"] * 20
    said = here + [code if number % 4 else "nv" for number, code in enumerate(there)]
    table = pd.DataFrame(
        {
            "dx": here + there,
            "source": ["here"] * 30 + ["there"] * 40,
            "dataset": ["old"] * 15 + ["new"] * 15 + ["there"] * 40,
        }
    )
    return Answers(
        table,
        np.array([f"L{number}" for number in range(70)]),
        certain(said),
        np.r_[np.full(30, 0.9), np.full(20, 0.8), np.full(20, np.nan)],
        np.r_[np.zeros(30, bool), np.ones(10, bool), np.zeros(30, bool)],
        0.5,
        (0.5,) * 7,
    )


def test_a_part_that_is_called_like_another_source_keeps_its_row():
    told = answers()
    table = told.table.assign(dataset=["there"] * 15 + ["new"] * 15 + ["there"] * 40)
    twice = replace(
        told, table=pd.concat([table, table.iloc[:30]]), lesions=np.r_[told.lesions, told.lesions[:30] + "x"]
    )
    more = {name: np.concatenate([getattr(told, name), getattr(told, name)[:30]]) for name in
            ("probabilities", "dice", "turned_away")}  # fmt: skip
    found = measure_sources(replace(twice, **more), replicates=2)
    sizes = {name: (own["within"], own["images"]) for name, own in found.items()}
    assert sizes == {"here": (None, 60), "new": ("here", 30), "here: there": ("here", 30), "there": (None, 40)}
    assert list(part_names(table).unique()) == ["here: there", "new", "there"]


def test_each_source_has_its_own_figures():
    found = measure_sources(answers(), replicates=50)
    assert list(found) == ["here", "there"]  # cameras of 15 lesions are too few
    here, there = (found[name]["figures"] for name in ("here", "there"))
    assert here["melanoma_auc"]["value"] == here["sensitivity"]["value"] == here["specificity"]["value"] == 1
    assert here["dice"] == {"value": pytest.approx(0.9), "interval": pytest.approx((0.9, 0.9))}
    assert here["turned_away"]["value"] == 0
    # Of 20 melanomas 10 are called nevi, like the 20 nevi: half of the pairs are right and half are ties.
    assert there["melanoma_auc"]["value"] == pytest.approx(0.75)
    assert there["sensitivity"]["value"] == there["coverage"]["value"] * 2 - 1 == pytest.approx(0.5)
    assert there["specificity"]["value"] == 1
    assert there["dice"]["value"] == pytest.approx(0.8)
    assert there["turned_away"]["value"] == pytest.approx(10 / 40)
    low, high = there["sensitivity"]["interval"]
    assert low < 0.5 < high
    assert (found["there"]["images"], found["there"]["malignant"], found["there"]["melanomas"]) == (40, 20, 20)
    assert (found["here"]["images"], found["here"]["malignant"], found["here"]["melanomas"]) == (30, 20, 10)


def test_parts_of_a_source_follow_it():
    given = answers()
    table = pd.concat([given.table.iloc[:30]] * 2, ignore_index=True)
    given = replace(
        given,
        table=table,
        lesions=np.array([f"L{number}" for number in range(60)]),
        probabilities=np.tile(given.probabilities[:30], (2, 1)),
        dice=np.full(60, 0.9),
        turned_away=None,
    )
    found = measure_sources(given, replicates=20)
    assert {name: own["within"] for name, own in found.items()} == {"here": None, "new": "here", "old": "here"}
    assert found["new"]["images"] == found["old"]["images"] == 30
    assert found["here"]["figures"]["turned_away"] == {"value": None, "interval": None}


def test_open_labels_count_for_what_they_tell():
    given = answers()
    table = given.table.copy()
    table.loc[30:, "dx"] = table.loc[30:, "dx"].map({"mel": "akiec|bcc|mel", "nv": "unknown"})
    found = measure_sources(replace(given, table=table), replicates=20)["there"]
    assert found["figures"]["sensitivity"]["value"] == pytest.approx(0.5)
    assert found["figures"]["specificity"]["value"] is None  # nothing is known to be benign
    assert found["figures"]["melanoma_auc"]["value"] is None
    assert found["figures"]["coverage"]["value"] is None
    assert found["figures"]["dice"]["value"] == pytest.approx(0.8)
    assert is_malignant(pd.Series(["mel", "nv", "akiec|bcc|mel", "mel|nv", "unknown"])).tolist() == pytest.approx(
        [1, 0, 1, np.nan, np.nan], nan_ok=True
    )


def test_a_picture_without_a_diagnosis_takes_no_weight_from_its_lesions_others():
    codes = ["mel"] * 10 + ["bcc"] * 10 + ["nv"] * 10 + ["unknown"] * 30
    given = Answers(
        pd.DataFrame({"dx": codes, "source": "one", "dataset": "one"}),
        np.array([f"L{number}" for number in [*range(30), *[20, 21, 22, 23, 24] * 6]]),
        certain([*codes[:20], *["mel"] * 5, *["nv"] * 5, *["mel"] * 30]),
        np.full(60, np.nan),
        None,
        0.5,
        None,
    )
    figures = measure_sources(given, replicates=20)["one"]["figures"]
    assert figures["specificity"]["value"] == pytest.approx(0.5)  # five of ten benign lesions are referred


def test_the_table_of_sources():
    table = sources_table(measure_sources(answers(), replicates=20))
    assert list(table.columns) == list(COLUMNS)
    row = table[(table["group"] == "there") & (table["figure"] == "sensitivity")].iloc[0]
    assert (row["dimension"], row["images"], row["value"]) == ("source", 40, pytest.approx(0.5))
    assert row["low"] < 0.5 < row["high"]
    assert len(table) == 2 * len(FIGURES)


def as_two(catalogue):
    """The drawn set as two sources, every third image of the second, which knows some of its diagnoses only."""
    table = catalogue.table.copy()
    second = np.arange(len(table)) % 3 == 0
    table.loc[second, ["source", "dataset"]] = "elsewhere"
    open_ = second & (np.arange(len(table)) % 2 == 0)
    table.loc[open_, "dx"] = table.loc[open_, "dx"].map(
        lambda code: "akiec|bcc|mel" if code in ("akiec", "bcc", "mel") else "unknown"
    )
    return replace(catalogue, table=table, undiagnosed=True)


@pytest.mark.slow
def test_what_is_open_counts_by_source_alone(tiny_model, drawn_catalogue):
    catalogue = as_two(drawn_catalogue)
    found = evaluate(tiny_model, catalogue, "test", leave_out=["elsewhere"], replicates=20)
    whole = catalogue.table[catalogue.table["source"] == "elsewhere"]
    assert found.metrics["by_source"]["elsewhere"]["images"] == len(whole)
    assert set(found.predictions["dx_true"]) <= set(CODES)
    assert found.metrics["measured_on"]["left_out"] == ["elsewhere"]
    assert found.metrics["measured_on"]["images"] == len(found.predictions)
    assert "elsewhere left out" in found.metrics["measured_on"]["split"]
    with pytest.raises(DataFault, match="no image with a diagnosis in the test part"):
        evaluate(tiny_model, replace(catalogue, table=catalogue.table.assign(dx="unknown")), "test")


def test_a_source_that_trained_is_not_left_out():
    about = {"trained_on_split_by": "lesion", "split_by": "lesion", "part": "test", "left_out": ["rosendahl"]}
    assert why_known({**about, "trained_on_sources": ["ham10000", "vidir_modern"]}) is None
    known = why_known({**about, "trained_on_sources": ["ham10000", "rosendahl"]})
    assert known == "were trained on rosendahl, which is left out here"


@pytest.mark.slow
def test_what_is_recorded_of_several_sources_is_no_pooled_headline(tiny_model, tiny_weights, drawn_catalogue, tmp_path):
    path = tmp_path / "tiny.json"
    for file in tiny_weights.parent.iterdir():
        shutil.copy(file, tmp_path / file.name.replace(tiny_weights.stem, "tiny"))
    one = evaluate(tiny_model, drawn_catalogue, "test", replicates=20)
    record_measures(path, one.metrics)
    table = drawn_catalogue.table.copy()
    table.loc[np.arange(len(table)) % 3 == 0, ["source", "dataset"]] = "elsewhere"
    several = evaluate(tiny_model, replace(drawn_catalogue, table=table), "test", replicates=20)
    record_measures(path, several.metrics)
    about = {**one.metrics["measured_on"], "sha256": "0" * 64}
    with pytest.raises(WeightsFault, match="were replaced while they were measured"):
        record_measures(path, {**one.metrics, "measured_on": about})
    with pytest.raises(WeightsFault, match="were calibrated anew while they were measured, so nothing is written"):
        record_measures(path, {**one.metrics, "measured_on": {**one.metrics["measured_on"], "calibration": "00000000"}})
    measured = json.loads(path.read_text())["measured"]
    assert measured["test"]["source"] == "derm_synthetic"
    assert measured["test"]["accuracy"] == one.metrics["accuracy"]
    assert measured["test_by_source"]["sources"] == json.loads(json.dumps(several.metrics["by_source"]))


def test_figures_do_not_undo_a_calibration_that_is_written_while_they_wait(tiny_weights, tmp_path, monkeypatch):
    path, alone = tmp_path / "tiny.json", weights.writing_alone
    model = load_weights(tiny_weights)
    copy_weights(tiny_weights, path, model.description)
    about = {"sources": {"a": 3, "b": 4}, "split": "lesion", "part": "test", "date": "2026-11-28"}
    about |= {"sha256": model.sha256, "calibration": calibration_of(model.description)}

    @contextlib.contextmanager
    def after_a_calibration(folder):
        monkeypatch.setattr(weights, "writing_alone", alone)
        rewrite_description(path, lambda now: replace(now, temperature=2.5))
        with alone(folder):
            yield

    monkeypatch.setattr(weights, "writing_alone", after_a_calibration)
    with pytest.raises(WeightsFault, match="were calibrated anew while they were measured, so nothing is written"):
        record_measures(path, {"measured_on": about, "by_source": {}})
    assert load_weights(path).description.temperature == 2.5
