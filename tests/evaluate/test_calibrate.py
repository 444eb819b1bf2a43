"""`derm calibrate` and what `derm evaluate` then tells of decisions, on a drawn data set and by hand."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

import derm.evaluate.calibrate as module
from derm.cli.calibrate import print_gate
from derm.cli.evaluate import print_decision
from derm.cli.main import app, main
from derm.data.catalogue import SYNTHETIC
from derm.data.isic import TASK1
from derm.data.recognise import lesion_names, shipped_split
from derm.data.split import split_catalogue
from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault, DataFault
from derm.evaluate.calibrate import CONFORMAL_LEAST, CONFORMAL_SHARE, calibrate, divide
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.decision import RULES, Cases, compare_baselines, decide, rule_figures
from derm.evaluate.test_set_log import COLUMNS, count_look, is_ham10000
from derm.files import alone_in
from derm.image.decode import open_image
from derm.model.config import ModelConfig
from derm.model.weights import WeightsInfo, load_weights, rewrite_description, ship_weights
from derm.predict.case import diagnose


@pytest.fixture(scope="module")
def calibration(tiny_model, drawn_catalogue):
    return calibrate(tiny_model, drawn_catalogue)


def test_half_of_each_classs_lesions_calibrate_and_no_lesion_is_torn():
    lesions = np.array([f"lesion {number}" for number in range(40) for _ in range(2)])
    classes = np.repeat(np.arange(40) % 2, 2)
    conformal = divide(lesions, classes)
    assert conformal.reshape(40, 2).all(axis=1).sum() == conformal.reshape(40, 2).any(axis=1).sum()
    for index in (0, 1):
        assert conformal[classes == index].mean() == CONFORMAL_SHARE
    assert (divide(lesions, classes) == conformal).all()
    assert (divide(lesions, classes, seed=1) != conformal).any()


def test_rare_classes_keep_the_lesions_that_a_cut_needs():
    # 6, 12 and 16 lesions: all that the half gives, nine of them, nine of them; of 40, half.
    for lesions, taken in ((6, 3), (12, CONFORMAL_LEAST), (16, CONFORMAL_LEAST), (40, 20)):
        names = np.array([f"lesion {number}" for number in range(lesions)])
        assert divide(names, np.zeros(lesions, dtype=np.int64)).sum() == taken


def test_conformal_sets_are_calibrated_on_the_hardest_picture_of_each_lesion(tiny_model, drawn_catalogue, monkeypatch):
    # Three pictures a lesion: the drawn set as it is, each row three times.
    table = drawn_catalogue.table
    thrice = pd.concat([table.assign(image_id=table["image_id"] + letter) for letter in "abc"], ignore_index=True)
    thrice = replace(drawn_catalogue, table=thrice.sort_values("image_id", ignore_index=True))
    random = np.random.default_rng(0)

    def answer(model, table, progress=None):
        logits = random.normal(size=(len(table), len(CODES)))
        return SimpleNamespace(logits=logits, features=np.zeros((len(table), 2), dtype=np.float32))

    given: dict[str, np.ndarray] = {}

    def cut(probabilities, true, sources, alpha):
        given.update(probabilities=probabilities, true=true)
        return np.zeros(len(CODES))

    monkeypatch.setattr(module, "answer_images", answer)
    monkeypatch.setattr(module, "conformal_over_sources", cut)
    monkeypatch.setattr(module, "place_evidence", lambda model, paths: ({}, {}))
    found = calibrate(tiny_model, thrice)
    split = split_catalogue(thrice)
    lesions = split.lesions.iloc[split.rows("validation")].to_numpy(dtype=str)
    assert len(np.unique(lesions)) < len(lesions)
    assert len(given["true"]) < found.record["conformal_images"]
    assert sum(found.record["conformal_lesions"].values()) == len(given["true"])


@pytest.mark.slow
def test_the_numbers_are_of_their_kind(calibration, drawn_catalogue):
    assert calibration.temperature > 0
    assert 0 <= calibration.referral_threshold <= 1
    assert len(calibration.conformal_thresholds) == len(CODES)
    record = calibration.record
    validation = split_catalogue(drawn_catalogue).rows("validation")
    assert record["choosing_images"] + record["conformal_images"] == len(validation)
    referral = record["referral"]
    assert referral["found"] == referral["malignant_lesions"]
    assert referral["promise"] == "lowest"  # of so few; and below the lowest of n new cases lies one in n + 1
    few = referral["malignant_lesions"]
    assert referral["expected"] == pytest.approx(few / (few + 1))
    described = calibration.describe(WeightsInfo(ModelConfig(), measured={"test": {}}))
    assert described.temperature == calibration.temperature
    assert described.measured.keys() == {"calibration"}  # what was measured before belongs to other numbers


@pytest.mark.slow
def test_outsiders_teach_what_is_not_dermoscopic(tiny_model, drawn_catalogue, tmp_path):
    random, outsiders = np.random.default_rng(0), []
    for number in range(12):
        outsiders.append(tmp_path / f"PAT_{number}_0_1.png")
        Image.fromarray(random.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(outsiders[-1])
    found = calibrate(tiny_model, drawn_catalogue, outsiders=outsiders)
    assert found.gate is not None
    assert found.gate.not_dermoscopic.measured["tuned_on"]["patients"] == 12
    assert found.record["seen_little"]["inside"]["images"] <= found.record["seen_little"]["outside"]["images"]
    described = found.describe(replace(tiny_model.description, familiarity={"method": "old"}))
    assert described.familiarity is None
    model = replace(tiny_model, description=described)
    noise, known = open_image(outsiders[0]), open_image(Path(drawn_catalogue.table["image_path"].iloc[0]))
    assert diagnose(model, noise, "noise").not_dermoscopic is True
    assert diagnose(model, known, "known").not_dermoscopic is False
    assert diagnose(model, noise, "a drawing", drawn=True).not_dermoscopic is None
    metrics = evaluate(model, drawn_catalogue, "test", replicates=2).metrics
    (alone,) = metrics["seen_little"]["by_source"].values()
    assert alone["inside"] == metrics["seen_little"]["inside"]
    print_gate(found.gate, found.record["seen_little"])


@pytest.mark.slow
def test_a_gate_alone_leaves_decisions_and_figures(tiny_weights, drawn, tmp_path):
    random, strangers = np.random.default_rng(0), tmp_path / "strangers"
    strangers.mkdir()
    for number in range(12):
        Image.fromarray(random.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(strangers / f"PAT_{number}_0_1.png")
    target, run = tmp_path / "derm.json", CliRunner()
    ship_weights(tiny_weights, target, half=False)
    figures = {"dice": {"value": 0.9, "interval": [0.8, 1.0]}, "turned_away": {"value": 0.3, "interval": [0.2, 0.4]}}
    side = {"images": 3, "malignant": 1, "sensitivity": {"value": 1.0}, "coverage": {"value": 0.5}}
    seen = {"inside": side, "outside": side}  # of the gate before
    before = replace(
        load_weights(target).description,
        temperature=1.7,
        referral_threshold=0.1,
        familiarity={"method": "old"},
        measured={
            "test": {"accuracy": 0.5, "seen_little": seen},
            "test_by_source": {"sources": {"a": {"images": 3, "figures": figures}}},
        },
    )
    rewrite_description(target, lambda _: before)
    words = ["calibrate", "--data", str(drawn), "--weights", str(target), "--outsiders", str(strangers), "--gate-only"]
    told = run.invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "12 outsiders of 12 patients" in " ".join(told.stdout.split())
    after = load_weights(target).description
    assert after.gate is not None
    assert (after.temperature, after.referral_threshold, after.familiarity) == (1.7, 0.1, None)
    assert after.measured["test"] == {"accuracy": 0.5}
    assert after.measured["test_by_source"]["sources"]["a"] == {"images": 3, "figures": {"dice": figures["dice"]}}
    assert after.measured["calibration"]["seen_little"]["inside"].keys() >= {"images", "sensitivity"}


@pytest.mark.parametrize("words", [["--gate-only"], ["--gate-only", "--outsiders", ".", "--curve"]])
def test_a_gate_alone_needs_outsiders(capsys, monkeypatch, drawn, words):
    monkeypatch.setattr("sys.argv", ["derm", "calibrate", "--data", str(drawn), *words])
    with pytest.raises(SystemExit):
        main()
    assert "--gate-only needs --outsiders DIR" in " ".join(capsys.readouterr().err.split())


def test_weights_that_are_a_link_to_itself_are_refused(capsys, monkeypatch, drawn, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    monkeypatch.setattr("sys.argv", ["derm", "calibrate", "--data", str(drawn), "--weights", str(loop)])
    with pytest.raises(SystemExit):
        main()
    assert "loop is not a weights file" in " ".join(capsys.readouterr().err.split())


def test_calibrating_needs_malignant_lesions_and_images(tiny_model, drawn_catalogue):
    benign = drawn_catalogue.table["dx"].isin(["nv", "bkl"])
    with pytest.raises(DataFault, match="has no malignant lesion to choose a threshold on"):
        calibrate(tiny_model, replace(drawn_catalogue, table=drawn_catalogue.table[benign].reset_index(drop=True)))
    one = drawn_catalogue.table.iloc[:1]
    with pytest.raises(DataFault, match="too few to calibrate on"):
        calibrate(tiny_model, replace(drawn_catalogue, table=one))


def test_decisions_by_hand():
    # Malignant sums 0.9, 0.4, 0.3, 0.1; the first two are melanomas.
    probabilities = np.zeros((4, 7))
    probabilities[:, INDEX["mel"]] = [0.9, 0.4, 0.3, 0.1]
    probabilities[:, INDEX["nv"]] = [0.1, 0.6, 0.7, 0.9]
    true = np.array([INDEX["mel"], INDEX["mel"], INDEX["nv"], INDEX["nv"]])
    cases = Cases(true, probabilities, np.array(list("abcd")), 0.3, (0.5,) * 7)
    decision = decide(cases, prevalence=0.5)
    assert (decision["sensitivity"], decision["specificity"]) == (1, 0.5)
    assert (decision["of_100_malignant"], decision["of_100_benign"]) == (100, 50)
    assert decision["by_lesion"]["ppv"] == pytest.approx(2 / 3)
    # Another picture of the last lesion: of pictures two of three are left alone, of lesions one of two as before.
    again = Cases(true[[0, 1, 2, 3, 3]], probabilities[[0, 1, 2, 3, 3]], np.array(list("abcdd")), 0.3, (0.5,) * 7)
    more = decide(again, prevalence=0.5)
    assert more["specificity"] == pytest.approx(2 / 3)
    assert more["by_lesion"]["ppv"] == pytest.approx(2 / 3)
    assert more["by_lesion"]["npv"] == 1
    assert decision["conformal"]["coverage"] == 3 / 4
    assert decision["conformal"]["mean_size"] == 1
    assert decide(replace(cases, referral_threshold=None), 0.5) is None


def test_each_lesion_of_some_rows_counts_once_among_them():
    lesions = np.array(["a", "a", "b", "a", "b"])
    true = np.array([INDEX["nv"]] * 5)
    cases = Cases(true, np.full((5, 7), 1 / 7), lesions)
    assert cases.weights_of(np.arange(5)) == pytest.approx(cases.picture_weights)
    assert cases.weights_of(np.array([0, 2, 4])).tolist() == [1, 0.5, 0.5]
    # A resample that drew b twice, of the group of rows 0, 2 and 4.
    assert cases.weights_of(np.array([2, 4, 2, 4])).tolist() == [0.5] * 4


def test_two_rules_for_most_likely_by_hand():
    # Nevi are nine times as frequent as melanomas: a melanoma at 0.2 against 0.8 counts 2 against 0.89.
    mix = [0.0] * 7
    mix[INDEX["mel"]], mix[INDEX["nv"]] = 0.1, 0.9
    probabilities = np.zeros((4, 7))
    probabilities[:, INDEX["mel"]] = [0.9, 0.2, 0.2, 0.05]
    probabilities[:, INDEX["nv"]] = [0.1, 0.8, 0.8, 0.95]
    true = np.array([INDEX["mel"], INDEX["mel"], INDEX["nv"], INDEX["nv"]])
    cases = Cases(true, probabilities, np.array(list("abcd")), mix=tuple(mix))
    assert rule_figures(cases) == {
        "data_mix": {"accuracy": 3 / 4, "balanced_accuracy": 3 / 4, "melanoma_recall": 1 / 2,
                     "macro_f1": pytest.approx((2 / 3 + 4 / 5) / 2)},
        "equal_mix": {"accuracy": 3 / 4, "balanced_accuracy": 3 / 4, "melanoma_recall": 1,
                      "macro_f1": pytest.approx((4 / 5 + 2 / 3) / 2)},
    }  # fmt: skip
    assert rule_figures(cases, np.array([1, 1]))["equal_mix"]["melanoma_recall"] == 1
    assert list(rule_figures(replace(cases, mix=None))) == ["data_mix"]
    assert rule_figures(cases, np.array([2]))["data_mix"]["melanoma_recall"] is None


@pytest.mark.slow
def test_what_was_calibrated_is_measured(tiny_model, calibration, drawn_catalogue, tmp_path):
    model = replace(tiny_model, description=calibration.describe(tiny_model.description))
    result = evaluate(model, drawn_catalogue, "test", replicates=20)
    decision = result.metrics["decision"]
    rows = result.predictions
    malignant = rows["dx_true"].isin(["mel", "bcc", "akiec"])
    referred = rows["p_malignant"] >= calibration.referral_threshold
    assert decision["sensitivity"] == pytest.approx((referred & malignant).sum() / malignant.sum())
    assert result.metrics["calibration"]["temperature"] == calibration.temperature
    assert set(result.metrics["intervals"]) >= {"decision.sensitivity", "decision.conformal.coverage", "dice"}
    rules = result.metrics["rules"]
    assert rules["mix"] == list(calibration.mix)
    assert rules["data_mix"]["accuracy"] == result.metrics["accuracy"]
    assert rules["data_mix"]["melanoma_recall"] == result.metrics["per_class"]["mel"]["recall"]
    assert set(result.metrics["intervals"]) >= {f"rules.{rule}.{name}" for rule in RULES for name in rules[rule]}
    assert result.metrics["outlines"]["share_failed"] == pytest.approx((rows["iou"] < 0.65).mean())
    assert result.metrics["outlines"]["hausdorff95_mean"] == pytest.approx(result.outlines["hausdorff95"].mean())
    assert set(result.subgroups["dimension"]) == {"age", "sex", "site", "source"}
    write_evaluation(result, tmp_path)
    curves = json.loads((tmp_path / "curves.json").read_text())
    assert curves.keys() == {*CODES, "malignant"}
    assert curves["malignant"]["roc"]["true_positive_rate"][-1] == 1
    assert (tmp_path / "subgroups.csv").read_text().startswith("dimension,group,")


def test_baselines_need_more_than_one_diagnosis(drawn_catalogue):
    table = drawn_catalogue.table
    true = table["dx"].map(INDEX).to_numpy()
    found = compare_baselines(table, table, true)
    assert found["always the most frequent diagnosis"]["balanced_accuracy"] == pytest.approx(1 / 7)
    assert compare_baselines(table[table["dx"] == "nv"], table, true) == {}
    assert compare_baselines(table[:0], table, true) == {}


def test_baselines_learn_from_diagnosed_rows_alone(drawn_catalogue):
    table = drawn_catalogue.table
    true = table["dx"].map(INDEX).to_numpy()
    opened = pd.concat([table, table.assign(dx="unknown"), table.assign(dx="akiec|bcc|mel")])
    assert compare_baselines(opened, table, true) == compare_baselines(table, table, true)
    assert compare_baselines(table.assign(dx="unknown"), table, true) == {}


@pytest.mark.slow
def test_what_is_undefined_is_printed_as_a_dash(tiny_model, drawn_catalogue, capsys):
    # Where a part holds one diagnosis, no class has an AUC, with a picture or without.
    metrics = evaluate(tiny_model, drawn_catalogue, "test", replicates=2).metrics
    metrics["baselines"]["source alone"]["macro_auc"] = None
    print_decision(metrics)
    assert "source alone: accuracy" in (said := capsys.readouterr().out)
    assert "macro AUC –." in said


@pytest.mark.slow
@pytest.mark.usefixtures("few_resamples")
def test_calibrate_writes_beside_the_weights_and_evaluate_speaks_of_it(tiny_weights, drawn, tmp_path):
    target = tmp_path / "derm.json"
    ship_weights(tiny_weights, target, half=False)
    run = CliRunner()
    before = target.read_bytes()
    told = run.invoke(app, ["calibrate", "--data", str(drawn), "--weights", str(target)])
    assert told.exit_code == 3, told.output  # 63 drawn images: two lesions of a class
    assert "will get a new temperature and new thresholds" in told.stdout.splitlines()[0]
    assert "NOT WORTH USING: Fewer than 9 lesions of a diagnosis" in told.stdout
    assert (tmp_path / "derm.json.old").read_bytes() == before
    for part in ("cannot exclude mel", "By source, on validation", "Worst source: sensitivity"):
        assert part in told.stdout
    description = load_weights(target).description
    assert description.referral_threshold is not None
    words = ["evaluate", "--data", str(drawn), "--weights", str(target), "--out", str(tmp_path / "r"), "--record"]
    told = run.invoke(app, words)
    assert told.exit_code == 0, told.output
    for part in (
        "Referral at",
        "all diagnoses equally",
        "melanoma recall",
        "Conformal sets (90 %)",
        "source alone",
        "Calibration error",
    ):
        assert part in told.stdout
    referral = load_weights(target).description.measured["test"]["referral"]
    assert (
        referral["sensitivity"]["value"]
        == json.loads((tmp_path / "r" / "metrics.json").read_text())["decision"]["sensitivity"]
    )


@pytest.mark.slow
def test_shipped_weights_are_not_rewritten_by_a_weak_calibration(tiny_weights, drawn, tmp_path, monkeypatch):
    target = tmp_path / "derm.json"
    ship_weights(tiny_weights, target, half=False)
    monkeypatch.setattr("derm.model.weights.default_weights", lambda: target)
    before = target.read_bytes()
    told = CliRunner().invoke(app, ["calibrate", "--data", str(drawn), "--in-place"])
    assert isinstance(told.exception, DataFault)
    assert str(told.exception).startswith("The shipped weights stay as they were, for this calibration is not worth")
    assert target.read_bytes() == before
    told = CliRunner().invoke(app, ["calibrate", "--data", str(drawn), "--out", str(tmp_path / "new.json")])
    assert told.exit_code == 3
    assert load_weights(tmp_path / "new.json").description.referral_threshold is not None
    assert target.read_bytes() == before


def test_looks_at_the_test_part_are_counted(tmp_path, drawn_catalogue, monkeypatch):
    metrics = {
        "measured_on": {"date": "2026-01-02", "weights": "derm", "sha256": "ab" * 32, "split_by": "lesion"},
        "accuracy": 0.5, "balanced_accuracy": 0.25, "macro_f1": None, "macro_auc": 0.75, "dice": 0.875,
    }  # fmt: skip
    looks = tmp_path / "looks.csv"
    assert count_look(metrics, looks) == 0
    looks.write_text(",".join(COLUMNS) + "\n")
    assert [count_look(metrics, looks), count_look(metrics, looks)] == [1, 2]
    assert (
        looks.read_text().splitlines()[1] == "2026-01-02,derm,abababababababab,by lesion,0.5000,0.2500,,0.7500,0.8750"
    )
    part = {**metrics, "measured_on": {**metrics["measured_on"], "images": 22, "views": 8}}
    other = tmp_path / "other.csv"
    other.write_text(",".join(COLUMNS) + "\n")
    count_look(part, other)
    assert '"by lesion, 8 views, 22 images"' in other.read_text()
    with ThreadPoolExecutor() as pool:
        together = sorted(pool.map(lambda _: count_look(metrics, looks), range(20)))
    assert together == list(range(3, 23))
    monkeypatch.setattr("derm.evaluate.test_set_log.PATIENCE", 0)
    lacks = "2026-01-02,derm,abababababababab,by lesion,0.5000,0.2500,,0.7500,0.8750"
    with (
        alone_in(tmp_path, 1, "busy"),
        pytest.raises(ConfigFault, match=f"The results are written, but .* append the line {lacks}$"),
    ):
        count_look(metrics, looks)


def test_ham10000_is_known_by_the_name_of_an_image_of_a_lesion_and_as_a_copy(drawn_catalogue):
    split, other = shipped_split(), shipped_split(TASK1)
    table = drawn_catalogue.table.assign(source="clinic", image_id=[f"p{i}" for i in drawn_catalogue.table.index])
    table["lesion_id"] = "own " + table["lesion_id"]

    def known(image="p0", lesion="own", copies=None, source="clinic"):
        changed = table.copy()
        changed.loc[0, ["image_id", "lesion_id", "source"]] = image, lesion, source
        return is_ham10000(replace(drawn_catalogue, table=changed, copies=copies or {}))

    assert not is_ham10000(drawn_catalogue)
    assert not known()
    assert known(image=split.index[0])
    assert known(copies={"p0": split.index[0]})
    assert known(lesion=split["lesion"].iloc[0])  # pictures under names of a clinic's own
    assert known(lesion=next(iter(set(lesion_names()) - set(split["lesion"]))))
    assert not known(image=other.index[0])
    assert not known(lesion=split["lesion"].iloc[0], source=SYNTHETIC)
