"""Results of `derm evaluate`, written and read back: whole, or one sentence."""

import errno
import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import ConfigFault, DataFault
from derm.evaluate import dataset
from derm.evaluate import results as results_module
from derm.evaluate.belonging import changed_setting
from derm.evaluate.check import contradiction
from derm.evaluate.compare import compare
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.decision import Cases, decide
from derm.evaluate.embedding import embed
from derm.evaluate.results import WORST, find_results, read_own_table, read_results
from derm.figures.results import per_class_bars
from derm.files import unwritable, write_text
from derm.metrics.calibration import calibration_measures
from derm.metrics.registry import classification_measures
from derm.metrics.surface import share_failed, thresholded_jaccard


@pytest.fixture(scope="module")
def evaluation(tiny_model, drawn_catalogue):
    return evaluate(tiny_model, drawn_catalogue, "test", replicates=20)


@pytest.fixture
def written(evaluation, tmp_path):
    write_evaluation(evaluation, tmp_path / "first")
    return tmp_path / "first"


@pytest.fixture
def folder(written):
    """As older versions wrote it, without hashes of the other files, so that a test may change one."""
    metrics = json.loads((written / "metrics.json").read_text())
    del metrics["files"]
    (written / "metrics.json").write_text(json.dumps(metrics))
    return written


def test_what_is_read_is_what_was_measured(evaluation, written, tiny_model):
    results = read_results(written)
    assert results.metrics == json.loads(json.dumps(evaluation.metrics))
    assert results.true.tolist() == [INDEX[code] for code in evaluation.predictions["dx_true"]]
    assert results.probabilities == pytest.approx(
        evaluation.predictions[[f"p_{code}" for code in CODES]].to_numpy(), abs=1e-6
    )
    assert changed_setting(results.weights_state, tiny_model.description) is None
    assert [name for name, value in results.weights_state.items() if value is None] == ["referral threshold"]
    assert not results.leaks
    assert results.name == f"tiny {tiny_model.sha256[:8]}, test part, split by lesion"


def test_results_from_before_a_metric_was_added_are_read_without_it(evaluation, folder):
    """Whichever metric of the registry it is: its figures are None, and two results still compare."""
    metrics = json.loads((folder / "metrics.json").read_text())
    before = {name: value for name, value in metrics.items() if name not in ("macro_auc", "dice", "iou")}
    before["intervals"] = {name: one for name, one in metrics["intervals"].items() if "auc" not in name}
    before["per_class"] = {code: {"support": own["support"]} for code, own in metrics["per_class"].items()}
    before["baselines"] = {
        title: {name: value for name, value in own.items() if name != "macro_auc"}
        for title, own in metrics["baselines"].items()
    }
    (folder / "metrics.json").write_text(json.dumps(before))
    results = read_results(folder)
    assert results.metrics["macro_auc"] is None
    assert results.metrics["accuracy"] == metrics["accuracy"]
    assert all(own["auc"] is own["recall"] is None for own in results.metrics["per_class"].values())
    assert {own["macro_auc"] for own in results.metrics["baselines"].values()} == {None}
    assert per_class_bars(results.metrics, "auc", dark=False).data
    write_evaluation(evaluation, folder.parent / "now")
    compared = compare(results, read_results(folder.parent / "now"), replicates=20)
    assert compared.set_index("figure").loc["macro_auc", "difference"] == 0


def test_weights_trained_on_another_split_are_known_to_leak(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["measured_on"]["trained_on_split_by"] = "image"
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert read_results(folder).leaks


def test_images_and_lesions_that_are_called_as_what_is_missing_keep_their_names(folder):
    called = ["NA", "null", "None", "nan", "N/A"]
    for name in ("predictions", "outlines", "embedding"):
        table = pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False)
        ids = [*called, *(f"image {row}" for row in range(len(table)))][: len(table)]
        table.assign(image_id=ids)[table.columns].to_csv(folder / f"{name}.csv", index=False)
    read = read_results(folder)
    assert read.predictions["image_id"].tolist()[: len(called)] == called
    assert read.outlines["image_id"].tolist()[: len(called)] == called[: len(read.outlines)]


def test_an_empty_cell_of_a_text_and_a_worded_one_of_a_number_are_missing(tmp_path):
    (tmp_path / "table.csv").write_text("image_id,lesion_id,dice\nNA,,NA\n,None,0.5\n")
    table = read_own_table(tmp_path / "table.csv")
    assert table["image_id"].fillna("missing").tolist() == ["NA", "missing"]
    assert table["lesion_id"].fillna("missing").tolist() == ["missing", "None"]
    assert table["dice"].fillna(-1).tolist() == [-1, 0.5]


def test_ids_of_digits_stay_text(folder):
    for name in ("predictions", "outlines", "embedding"):
        table = pd.read_csv(folder / f"{name}.csv", dtype=str)
        numbered = table.assign(image_id=[f"{row:04}" for row in range(len(table))])
        if "lesion_id" in table:
            numbered["lesion_id"] = [f"{lesion:03}" for lesion in pd.factorize(table["lesion_id"])[0]]
        numbered[table.columns].to_csv(folder / f"{name}.csv", index=False)
    results = read_results(folder)
    assert results.predictions["image_id"].tolist()[:2] == ["0000", "0001"]
    assert results.outlines["image_id"].tolist()[:2] == ["0000", "0001"]
    assert results.predictions["lesion_id"].iloc[0] == "000"


@pytest.mark.parametrize("name", ["metrics.json", "curves.json", "predictions.csv", "embedding.csv"])
def test_a_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(DataFault, match=f"holds no results, {name} is missing: make them anew with `derm evaluate"):
        read_results(folder)


def test_tables_of_two_runs_are_refused(folder):
    table = pd.read_csv(folder / "predictions.csv")
    table.iloc[1:].to_csv(folder / "predictions.csv", index=False)
    with pytest.raises(DataFault, match="are of several runs, their tables differ in length"):
        read_results(folder)


def put(folder, file, column, value):
    table = pd.read_csv(folder / file)
    table.assign(**{column: value(table) if callable(value) else value}).to_csv(folder / file, index=False)


@pytest.mark.parametrize(
    ("file", "column", "value", "said"),
    [
        ("predictions.csv", "iou", -55.0, "iou that is not from 0 to 1"),
        ("predictions.csv", "dice", 9e9, "dice that is not from 0 to 1"),
        ("predictions.csv", "p_malignant", 0.0, "p_malignant that is not the sum of its malignant diagnoses"),
        ("predictions.csv", "dx_pred", "zzz", "calls the diagnosis zzz, which is none of the seven"),
        ("predictions.csv", "dx_pred", "vasc", "dx_pred that is not its likeliest"),
        ("predictions.csv", "dx_true", "vasc", "the confusion_matrix in metrics.json is not that of predictions.csv"),
        ("outlines.csv", "dice", -3.0, "dice that is not from 0 to 1"),
        ("subgroups.csv", "value", 42.0, "value that is not from 0 to 1"),
        ("subgroups.csv", "low", 9.0, "low that is not from 0 to 1"),
        ("outlines.csv", "image_id", lambda table: "x" + table["image_id"], "outlines.csv and predictions.csv are of"),
        (
            "embedding.csv",
            "image_id",
            lambda table: "x" + table["image_id"],
            "embedding.csv and predictions.csv are of",
        ),
    ],
)
def test_a_table_that_cannot_be_true_is_refused(folder, file, column, value, said):
    put(folder, file, column, value)
    with pytest.raises(DataFault, match=said):
        read_results(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"accuracy": 17.5}, "accuracy in metrics.json is missing or not what it should be"),
        ({"accuracy": 0.999}, "the accuracy in metrics.json is not that of its confusion_matrix"),
        ({"balanced_accuracy": 0.913}, "the balanced_accuracy in metrics.json is not that of its confusion_matrix"),
        ({"macro_f1": 0.913}, "the macro_f1 in metrics.json is not that of its confusion_matrix"),
        ({"weighted_recall": 0.913}, "the weighted_recall in metrics.json is not that of its confusion_matrix"),
        ({"balanced_accuracy": -3.0}, "balanced_accuracy in metrics.json"),
        ({"malignant": {"auc": None, "at_half": {"precision": "0.9"}}}, "malignant in metrics.json"),
        ({"calibration": {"temperature": 1, "before": {}, "after": {"ece": "0.01"}}}, "calibration in metrics.json"),
        ({"intervals": {"accuracy": [0.5, 17.0]}}, "intervals in metrics.json"),
        ({"intervals": {"accuracy": [0.5, 1.0], "per_class.mel.recall": [-1.0, 1.0]}}, "intervals in metrics.json"),
        ({"baselines": {"guess": {"accuracy": 2.0}}}, "baselines in metrics.json"),
        ({"rules": {"data_mix": {"macro_f1": 2.0}}}, "rules in metrics.json"),
        ({"outlines": {"share_failed": 2.0}}, "outlines in metrics.json"),
    ],
)
def test_metrics_that_cannot_be_true_are_refused(folder, change, said):
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | change))
    with pytest.raises(DataFault, match=said):
        read_results(folder)


@pytest.mark.parametrize(("name", "value"), [("recall", 0.123), ("support", 999_999)])
def test_figures_of_a_class_follow_from_the_matrix(evaluation, folder, name, value):
    code = evaluation.predictions["dx_true"].iloc[0]
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["per_class"][code][name] = value
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(DataFault, match=f"the {name} of {code} in metrics.json is not that of its confusion_matrix"):
        read_results(folder)


@pytest.mark.parametrize(("name", "value"), [("sensitivity", 0.123), ("specificity", 0.123), ("support", 999_999)])
def test_figures_of_malignant_follow_from_the_matrix(folder, name, value):
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["malignant"][name] = value
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(DataFault, match=f"the {name} of malignant in metrics.json is not that of its confusion_matrix"):
        read_results(folder)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda metrics: metrics["malignant"]["at_half"].update(sensitivity=0.123), "sensitivity at half"),
        (lambda metrics: metrics["malignant"]["at_half"].update(specificity=0.123), "specificity at half"),
        (lambda metrics: metrics["per_class"]["nv"].update(dice=0.99), "dice of nv"),
        (lambda metrics: metrics["per_class"]["mel"].update(iou=0.99), "iou of mel"),
        *(
            (
                lambda metrics, name=name: metrics["calibration"]["after"].update({name: 0.001}),
                f"calibration.after.{name}",
            )
            for name in ("ece", "ece_by_chance", "ece_debiased", "brier", "nll")
        ),
        (
            lambda metrics: metrics["calibration"]["after"]["malignant"].update(ece=0.9),
            "calibration.after.malignant.ece",
        ),
        (
            lambda metrics: metrics["calibration"]["after"]["malignant"].update(nll=0.01),
            "calibration.after.malignant.n",
        ),
        (lambda metrics: metrics.update(macro_auc=0.99), "macro_auc"),
        (lambda metrics: metrics["per_class"]["nv"].update(auc=0.99), "auc of nv"),
        (lambda metrics: metrics["malignant"].update(auc=0.99), "auc of malignant"),
        (lambda metrics: metrics.update(iou=0.99), "iou"),
        (lambda metrics: metrics["decision"].update(sensitivity=0.01), "sensitivity of referral by image"),
        (lambda metrics: metrics["decision"].update(threshold=1.5), "sensitivity of referral by image"),
        (lambda metrics: metrics["decision"]["by_lesion"].update(specificity=0.01), "specificity of referral by les"),
    ],
)
def test_figures_follow_from_the_predictions(evaluation, folder, change, said):
    lesions = evaluation.predictions["lesion_id"].to_numpy(dtype=str)
    middle = float(evaluation.predictions["p_malignant"].median())
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["decision"] = decide(Cases(evaluation.true, evaluation.probabilities, lesions, middle, (0.1,) * 7), 0.1)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert read_results(folder).metrics == metrics
    change(metrics)
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(DataFault, match=f"changed .the {said}.* in metrics.json is not that of predictions.csv"):
        read_results(folder)


def test_digits_that_a_table_cuts_off_contradict_no_figure(evaluation):
    """Scores that differ by less than a table tells, and some that lie that close to the threshold."""
    random = np.random.default_rng(0)
    shares = 1 / 7 + random.normal(0, 2e-7, (700, 7))
    true, lesions = np.arange(700) % 7, np.array([str(row // 2) for row in range(700)])
    threshold = float(np.median(shares[:, list(MALIGNANT)].sum(axis=1)))
    decision = decide(Cases(true, shares, lesions, threshold, (0.1,) * 7), 0.1)
    union = (0.65 + random.normal(0, 2e-7, 700)).clip(0, 1)
    metrics = {**classification_measures(true, shares), "decision": decision, "iou": union.mean()}
    metrics["calibration"] = {"after": calibration_measures(true, shares)}
    failed = {"thresholded_jaccard": thresholded_jaccard(union).mean(), "share_failed": share_failed(union)}
    metrics["outlines"] = failed | {"hausdorff95_mean": union.mean()}
    columns = {f"p_{code}": shares[:, index] for index, code in enumerate(CODES)}
    table = pd.DataFrame({"image_id": lesions, "lesion_id": lesions, "dx_true": np.array(CODES)[true], **columns})
    table = table.assign(dx_pred=np.array(CODES)[shares.argmax(axis=1)], p_malignant=shares[:, list(MALIGNANT)].sum(1))
    table = table.assign(iou=union, hausdorff95=union, surface_distance=union).round(6)
    assert contradiction(metrics, table, table, table) is None


@pytest.mark.parametrize("name", ["predictions.csv", "outlines.csv", "subgroups.csv", "embedding.csv", "curves.json"])
def test_a_file_of_another_run_is_refused(written, name):
    """Though each is sound, and all of them are of the same images, as after a calibration."""
    with (written / name).open("a") as stream:
        stream.write("\n")
    with pytest.raises(DataFault, match=f"of several runs, or were changed .{name} is not the one that metrics.json"):
        read_results(written)


def test_results_that_are_replaced_while_they_are_read_are_refused(evaluation, written, monkeypatch):
    """Whoever has read metrics.json before the tables of the next evaluation came never shows the two together."""
    read = results_module.read_file

    def replace_then_read(path, most):
        if path.name == "predictions.csv":
            later = evaluation.predictions.assign(spread=0.0)
            write_evaluation(replace(evaluation, predictions=later), written)
        return read(path, most)

    monkeypatch.setattr(results_module, "read_file", replace_then_read)
    with pytest.raises(DataFault, match=r"predictions\.csv is not the one that metrics\.json was written with"):
        read_results(written)
    monkeypatch.undo()
    assert read_results(written).predictions["spread"].eq(0).all()


def test_results_have_a_stamp_that_others_in_their_place_do_not_have(evaluation, written):
    first, again = read_results(written), read_results(written)
    write_evaluation(replace(evaluation, predictions=evaluation.predictions.assign(spread=0.0)), written)
    assert first.stamp == again.stamp != read_results(written).stamp


def test_points_of_a_curve_are_shares_and_their_thresholds_may_be_rounded(folder):
    curves = json.loads((folder / "curves.json").read_text())
    points = {"false_positive_rate": [0, 1], "true_positive_rate": [0, 1], "threshold": [None, 1 + 1e-12]}
    curves["mel"]["roc"] = points
    (folder / "curves.json").write_text(json.dumps(curves))
    assert read_results(folder).curves["mel"]["roc"] == points
    points["true_positive_rate"] = [-7, 1]
    (folder / "curves.json").write_text(json.dumps(curves))
    with pytest.raises(DataFault, match=r"mel in curves\.json"):
        read_results(folder)


def test_distances_and_a_debiased_error_are_no_shares(folder):
    put(folder, "outlines.csv", "hausdorff95", 55.0)
    metrics = json.loads((folder / "metrics.json").read_text())
    with pytest.raises(
        DataFault, match=r"the outlines\.hausdorff95_mean in metrics\.json is not that of outlines\.csv"
    ):
        read_results(folder)
    metrics["outlines"]["hausdorff95_mean"] = pd.read_csv(folder / "outlines.csv")["hausdorff95"].mean()
    metrics["intervals"] |= {"calibration.after.ece_debiased": [-0.1, 0.1], "outlines.hausdorff95_mean": [5.0, 50.0]}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    assert read_results(folder).metrics == metrics


def test_a_tie_that_rounding_made_is_no_contradiction(evaluation, folder):
    """With what was called beside it, and without: the matrix counts what was called before the digits were cut."""
    metrics = json.loads((folder / "metrics.json").read_text())
    for figures in (metrics, metrics["malignant"], *metrics["per_class"].values()):
        # What follows from the scores, not from what was called.
        figures |= {"macro_auc": None, "auc": None, "at_half": {}, "calibration": {"temperature": 1}}
        figures["calibration"] |= {"before": {}, "after": {}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    table = pd.read_csv(folder / "predictions.csv")
    called = table.loc[0, "dx_pred"]
    other = next(code for code in CODES if code not in ("mel", "bcc", "akiec", called))
    shares = dict.fromkeys([f"p_{code}" for code in CODES], 0.0) | {f"p_{called}": 0.5, f"p_{other}": 0.5}
    for name, value in (shares | {"p_malignant": 0.5 * (called in ("mel", "bcc", "akiec"))}).items():
        table.loc[0, name] = value
    for written in (table, table.drop(columns="dx_pred")):
        written.to_csv(folder / "predictions.csv", index=False)
        assert len(read_results(folder).predictions) == len(evaluation.predictions)


def test_predictions_of_an_older_version_call_the_likeliest_and_have_no_dice(evaluation, folder):
    table = pd.read_csv(folder / "predictions.csv")
    table.drop(columns=["dx_pred", "dice"]).to_csv(folder / "predictions.csv", index=False)
    read = read_results(folder).predictions
    assert read["dx_pred"].tolist() == evaluation.predictions["dx_pred"].tolist()
    assert read["dice"].isna().all()


def test_a_table_without_its_columns_is_refused(folder):
    table = pd.read_csv(folder / "predictions.csv")
    table.drop(columns="p_mel").to_csv(folder / "predictions.csv", index=False)
    with pytest.raises(DataFault, match=r"cannot be read .*p_mel"):
        read_results(folder)


def test_a_damaged_file_is_refused(folder):
    (folder / "curves.json").write_text("{")
    with pytest.raises(DataFault, match="cannot be read"):
        read_results(folder)


def test_a_table_of_columns_without_number_is_not_parsed(folder):
    (folder / "outlines.csv").write_text(",".join(f"c{number}" for number in range(5000)) + "\n")
    with pytest.raises(DataFault, match="more than 1,000 columns"):
        read_results(folder)


def test_a_row_of_more_cells_than_the_header_is_not_parsed(folder, monkeypatch):
    (folder / "outlines.csv").write_text("image_id,iou\nA" + ",1" * 900 + "\n")
    monkeypatch.setattr("derm.evaluate.results.pd.read_csv", lambda *_, **__: pytest.fail("it was parsed"))
    with pytest.raises(ValueError, match="its rows have more cells than its header: line 2 has 901, the header 2"):
        read_own_table(folder / "outlines.csv")


def test_folders_of_results_are_found_newest_first(evaluation, folder, tmp_path):
    write_evaluation(evaluation, tmp_path / "second")
    assert [place.name for place in find_results(tmp_path)] == ["second", "first"]
    assert find_results(folder) == [folder]
    assert find_results(tmp_path / "nothing") == []


def test_the_worst_outlines_are_drawn_worst_first(evaluation, folder):
    names = sorted(path.name for path in (folder / WORST).glob("*.jpg"))
    worst = evaluation.outlines.sort_values("iou", kind="stable")
    expected = [f"{rank:02d}-{row.image_id}-iou-{row.iou:.2f}.jpg" for rank, row in enumerate(worst.itertuples(), 1)]
    assert names == expected[:50]


def test_an_earlier_evaluation_leaves_nothing_behind(evaluation, folder):
    (folder / WORST / "99-old-iou-0.00.jpg").write_bytes(b"old")
    write_evaluation(evaluation, folder)
    assert not (folder / WORST / "99-old-iou-0.00.jpg").exists()


def test_results_from_before_there_were_figures_of_calibration_belong_to_their_weights(evaluation, folder, tiny_model):
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["calibration"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    anew = replace(tiny_model.description, temperature=3.0)
    assert changed_setting(read_results(folder).weights_state, tiny_model.description) is None
    assert changed_setting(read_results(folder).weights_state, anew) == "calibration"


def test_an_earlier_evaluation_stays_where_the_disk_is_full(evaluation, folder, monkeypatch):
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}

    def no_room(path, text):
        if path.name == "outlines.csv":
            full = OSError(errno.ENOSPC, "No space left on device")
            raise unwritable(path, full) from full
        write_text(path, text)

    monkeypatch.setattr(dataset, "write_text", no_room)
    with pytest.raises(ConfigFault, match=r"metrics\.json cannot be written \(No space left on device\): name a place"):
        write_evaluation(evaluation, folder)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_links_in_a_folder_of_results_lead_to_nothing_that_is_lost(evaluation, folder, tmp_path):
    """As an archive from elsewhere may hold them; a link to the folder itself is the user's own, and followed."""
    own = dict.fromkeys(("pictures/trip.jpg", "pictures/01-a-iou-0.10.jpg", "notes.csv", "notes.json"), b"own")
    (tmp_path / "pictures").mkdir()
    for name, content in own.items():
        (tmp_path / name).write_bytes(content)
    shutil.rmtree(folder / WORST)
    (folder / WORST).symlink_to(tmp_path / "pictures")
    for name, place in (("predictions.csv", "notes.csv"), ("curves.json", "notes.json"), ("outlines.csv", "new.csv")):
        (folder / name).unlink()
        (folder / name).symlink_to(tmp_path / place)
    (tmp_path / "link").symlink_to(folder)
    write_evaluation(evaluation, tmp_path / "link")
    assert {name: (tmp_path / name).read_bytes() for name in own} == own
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "link", "notes.csv", "notes.json", "pictures"]
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    assert sorted(path.name for path in (folder / WORST).iterdir()) == sorted(evaluation.worst)
    read_results(tmp_path / "link")


def test_pictures_that_no_evaluation_wrote_stay(evaluation, folder):
    (folder / WORST / "trip.jpg").write_bytes(b"own")
    write_evaluation(evaluation, folder)
    assert (folder / WORST / "trip.jpg").read_bytes() == b"own"


def test_the_map_of_features_keeps_two_clusters_apart():
    random = np.random.default_rng(0)
    features = random.normal(size=(40, 8))
    features[:20, 0] += 50
    placed = embed(features)
    for first in ("pca_1", "tsne_1"):
        column = placed[first if first == "pca_1" else ["tsne_1", "tsne_2"]].to_numpy().reshape(40, -1)
        gap = np.linalg.norm(column[:20].mean(axis=0) - column[20:].mean(axis=0))
        assert gap > 2 * column[:20].std()
    assert embed(features).equals(placed)


def test_the_first_component_is_the_direction_of_largest_variance():
    # Four points on a line along (3, 4) / 5, at -3, -1, 1, 3 of it: their first component, up to its sign.
    line = np.array([-3.0, -1.0, 1.0, 3.0])
    placed = embed(line[:, None] * np.array([[0.6, 0.8]]))
    assert np.abs(placed["pca_1"].to_numpy()).tolist() == pytest.approx([3, 1, 1, 3])
    assert placed["pca_2"].to_numpy() == pytest.approx(np.zeros(4), abs=1e-9)
    assert placed[["tsne_1", "tsne_2"]].to_numpy() == pytest.approx(placed[["pca_1", "pca_2"]].to_numpy())
