"""`derm evaluate`'s figures on a drawn data set: what is written, and that it follows from the rows beside it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score

from derm.cli.evaluate import print_table
from derm.data.split import split_catalogue
from derm.diagnoses import CODES, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.inference import answer_images
from derm.explain.agreement import BUILT_IN
from derm.image.decode import open_image, read_mask
from derm.metrics.calibration import softmax
from derm.predict.case import diagnose


@pytest.fixture(scope="module")
def catalogue(drawn_catalogue):
    return drawn_catalogue


@pytest.fixture(scope="module")
def evaluation(tiny_model, catalogue):
    return evaluate(tiny_model, catalogue, "test", replicates=100)


def test_every_test_image_has_its_row_in_the_table(catalogue, evaluation):
    rows = split_catalogue(catalogue).rows("test")
    assert evaluation.predictions["image_id"].tolist() == catalogue.table["image_id"].iloc[rows].tolist()
    assert evaluation.predictions["dx_true"].tolist() == catalogue.table["dx"].iloc[rows].tolist()
    assert list(evaluation.predictions.columns) == [
        "image_id", "lesion_id", "dx_true", "dx_pred", *(f"p_{code}" for code in CODES), "p_malignant", "dice", "iou",
    ]  # fmt: skip


def test_the_rows_are_what_one_picture_alone_is_told(tiny_model, catalogue, evaluation):
    row = evaluation.predictions.iloc[3]
    entry = catalogue.table.set_index("image_id").loc[row["image_id"]]
    case = diagnose(tiny_model, open_image(Path(entry["image_path"])), "x")
    assert [row[f"p_{code}"] for code in CODES] == pytest.approx(case.probabilities.tolist(), abs=1e-5)
    true = read_mask(Path(entry["mask_path"]))
    assert row["iou"] == pytest.approx((case.mask & true).sum() / (case.mask | true).sum(), abs=1e-3)


def test_padded_pictures_are_measured_as_one_picture_alone_is_answered(tiny_model, catalogue):
    description = replace(tiny_model.description, model=replace(tiny_model.description.model, fit="pad"))
    padded, table = replace(tiny_model, description=description), catalogue.table.iloc[:3]
    answered = answer_images(padded, table)
    for place, row in enumerate(table.to_dict("records")):
        case = diagnose(padded, open_image(Path(row["image_path"])), "x")
        true = read_mask(Path(row["mask_path"]))
        probabilities = softmax(answered.logits[place : place + 1])[0]
        assert probabilities == pytest.approx(case.probabilities, abs=1e-5)
        counted = (answered.counts.tp + answered.counts.fp)[place]
        assert counted == pytest.approx(case.mask.sum(), abs=0.002 * true.size)


def test_the_figures_follow_from_the_rows(evaluation):
    rows, metrics = evaluation.predictions, evaluation.metrics
    assert metrics["accuracy"] == accuracy_score(rows["dx_true"], rows["dx_pred"])
    assert metrics["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(rows["dx_true"], rows["dx_pred"]))
    assert metrics["dice"] == pytest.approx(rows["dice"].mean())
    assert metrics["iou"] == pytest.approx(rows["iou"].mean())
    assert np.array(metrics["confusion_matrix"]).sum() == len(rows)
    assert rows["p_malignant"].to_numpy() == pytest.approx(
        rows[[f"p_{code}" for code, bad in zip(CODES, MALIGNANT, strict=True) if bad]].sum(axis=1).to_numpy()
    )
    for code in CODES:
        assert {"precision", "recall", "f1", "specificity", "auc", "support", "dice", "iou"} <= metrics["per_class"][
            code
        ].keys()


def test_headline_figures_lie_in_their_intervals(evaluation):
    metrics = evaluation.metrics
    for name in ("accuracy", "balanced_accuracy", "macro_auc", "dice", "iou"):
        low, high = metrics["intervals"][name]
        assert low <= metrics[name] <= high
        assert low < high


def test_what_was_measured_is_said(evaluation, tiny_model):
    about = evaluation.metrics["measured_on"]
    assert about["sha256"] == tiny_model.sha256
    assert (about["part"], about["split"], about["pooling"]) == ("test", "by lesion", "whole")
    assert about["images"] == len(evaluation.predictions)


def test_agreement_that_is_built_in_is_said_to_be(evaluation, capsys):
    print_table(evaluation.metrics)
    assert BUILT_IN not in " ".join(capsys.readouterr().out.split())
    about = {**evaluation.metrics["measured_on"], "looks_inside": True}
    print_table({**evaluation.metrics, "measured_on": about})
    assert BUILT_IN in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_the_split_by_image_is_marked_as_leaking(tiny_model, catalogue):
    metrics = evaluate(tiny_model, catalogue, "validation", by="image", replicates=2).metrics
    assert metrics["measured_on"]["split"] == "by image, as in the paper: it leaks"


@pytest.mark.slow
def test_without_masks_the_overlaps_are_undefined(tiny_model, catalogue):
    table = catalogue.table.assign(mask_path="")
    result = evaluate(tiny_model, replace(catalogue, table=table), "test", replicates=2)
    assert result.metrics["dice"] is None
    assert result.metrics["intervals"]["dice"] is None
    assert result.predictions["iou"].isna().all()
    assert result.metrics["accuracy"] is not None


def test_an_empty_part_is_refused(tiny_model, catalogue):
    nothing = replace(catalogue, table=catalogue.table.iloc[:0])
    with pytest.raises(DataFault, match="has no image with a diagnosis in the test part: use a larger data set"):
        evaluate(tiny_model, nothing, "test")


def test_both_files_are_written_and_can_be_read(evaluation, tmp_path):
    write_evaluation(evaluation, tmp_path / "new" / "folder")
    metrics = json.loads((tmp_path / "new" / "folder" / "metrics.json").read_text())
    assert metrics["accuracy"] == evaluation.metrics["accuracy"]
    rows = pd.read_csv(tmp_path / "new" / "folder" / "predictions.csv")
    assert len(rows) == len(evaluation.predictions)
