"""`derm explain` on a drawn data set: rows against single measurements, summary against pandas, kills, guards."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
import torch
from pyarrow import parquet
from sklearn.metrics import roc_auc_score
from small_nets import SMALL, let_through
from typer.testing import CliRunner

from derm.cli.main import app, main
from derm.data.split import split_catalogue
from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault, DataFault
from derm.evaluate import explain_dataset
from derm.evaluate.explain_dataset import draw_sample, explain, find_explained, read_explain_results
from derm.evaluate.explain_rows import (
    AGREEMENT,
    FAITHFULNESS,
    QUICK,
    REFERENCES,
    STILL,
    agreement_rows,
    sample_rows,
    scorer,
)
from derm.evaluate.explain_summary import of_role, summarise
from derm.explain.agreement import AGREEMENT_SIDE, CENTRE_PRIOR, MEASURES, ORACLE, UNIFORM, against_references
from derm.explain.faithfulness import deletion, insertion, road
from derm.explain.methods import METHODS
from derm.image.decode import open_image, read_mask
from derm.image.resize import square, square_mask, window_of
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.weights import WeightsInfo, load_weights, save_weights

SAMPLE = 2
SETTINGS = {"sample": SAMPLE, "replicates": 20}
FILES = ("about.json", "agreement.parquet", "sample.parquet", "summary.json")


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A tiny network whose normalisation fits its features and whose scores differ, so that few maps are flat."""
    torch.manual_seed(5)
    net = LesionNet(SMALL)
    let_through(net, torch.randn(8, 3, 64, 64))
    with torch.no_grad():
        net.head.scores.weight *= 10
    path = tmp_path_factory.mktemp("weights") / "lively.json"
    save_weights(path, net, WeightsInfo(model=net.config, temperature=2.0))
    return path


@pytest.fixture(scope="module")
def model(weights):
    return load_weights(weights)


@pytest.fixture(scope="module")
def small_parts():
    """Parts so small that a dozen images make several."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explain_dataset, "AGREEMENT_IMAGES", 5)
        patch.setattr(explain_dataset, "SAMPLE_IMAGES", 1)
        yield


@pytest.fixture(scope="module")
def folder(model, drawn_catalogue, small_parts, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("explained") / "whole"
    explain(model, drawn_catalogue, "test", out, **SETTINGS)
    return out


@pytest.fixture(scope="module")
def found(folder):
    return read_explain_results(folder)


def picture(catalogue, image_id: str, size: int) -> tuple[torch.Tensor, np.ndarray]:
    """An image, normalised (3, S, S), and its true mask at its own size."""
    row = catalogue.table.set_index("image_id").loc[image_id]
    pixels = torch.from_numpy(square(open_image(Path(row["image_path"])), size))[None]
    return normalise(pixels, ModelConfig()), read_mask(Path(row["mask_path"]))


@pytest.mark.slow
def test_one_row_an_image_class_and_method(found, drawn_catalogue):
    rows = split_catalogue(drawn_catalogue).rows("test")
    ids = drawn_catalogue.table["image_id"].iloc[rows].tolist()
    assert found.agreement["image_id"].drop_duplicates().tolist() == ids
    quick = found.agreement[~found.agreement["method"].isin(REFERENCES)]
    assert len(quick) == len(ids) * len(CODES) * len(QUICK)
    assert not quick.duplicated(["image_id", "class", "method"]).any()
    assert {"grad-cam", "layercam"} <= set(QUICK) <= set(METHODS) - {"score-cam", "occlusion"}
    assert len(found.agreement) == len(quick) + len(ids) * len(REFERENCES)
    per_image = found.sample.groupby("image_id")["class"].nunique()
    assert len(per_image) == SAMPLE
    assert len(found.sample) == per_image.sum() * (len(METHODS) + len(REFERENCES))
    assert set(found.sample["role"]) <= {"predicted", "true", "both"}


@pytest.mark.slow
def test_a_row_is_what_one_map_alone_measures(found, model, drawn_catalogue):
    rows = found.agreement[(found.agreement["method"] == "layercam") & ~found.agreement["flat"]]
    row = rows.iloc[len(rows) // 2]
    image, mask = picture(drawn_catalogue, row["image_id"], 64)
    raw = METHODS["layercam"].maps(model.net, image, None, [INDEX[row["class"]]])[0, 0].numpy()
    evidence = METHODS["layercam"].evidence(raw)
    alone = against_references(
        evidence.scaled(AGREEMENT_SIDE, AGREEMENT_SIDE).clip(0, 1), square_mask(mask, AGREEMENT_SIDE)
    )
    assert row["peak"] == pytest.approx(evidence.maximum, rel=1e-3)
    own = found.agreement[found.agreement["image_id"] == row["image_id"]].set_index("method")
    for name in MEASURES:
        assert row[f"true_{name}"] == pytest.approx(alone[name].value, abs=2e-3)
        assert own.loc[CENTRE_PRIOR, f"true_{name}"] == pytest.approx(alone[name].prior, abs=1e-6)
        assert own.loc[UNIFORM, f"true_{name}"] == pytest.approx(alone[name].uniform, abs=1e-6)
        assert own.loc[ORACLE, f"true_{name}"] == pytest.approx(alone[name].oracle, abs=1e-6)


def test_each_methods_cells_are_placed_by_what_they_are(tiny_model):
    shifts = {"features": 0.25, "stage": 0.75}
    description = replace(tiny_model.description, evidence_shift=shifts)
    found = {name: method.shift_of(description) for name, method in METHODS.items()}
    assert found == dict.fromkeys(METHODS, 0.25) | {"layercam": 0.75, "occlusion": 0.0}
    assert METHODS["grad-cam"].shift_of(tiny_model.description) == 0.0
    assert METHODS["layercam"].evidence(np.eye(4, dtype=np.float32), shift=0.75).shift == 0.75


@pytest.mark.slow
def test_the_samples_faithfulness_is_what_one_map_alone_measures(found, model, drawn_catalogue):
    row = found.sample[(found.sample["method"] == "occlusion") & ~found.sample["flat"]].iloc[0]
    image, _ = picture(drawn_catalogue, row["image_id"], 64)
    index = INDEX[row["class"]]
    map_ = METHODS["occlusion"].evidence(METHODS["occlusion"].maps(model.net, image, None, [index])[0, 0].numpy())
    score, scaled = scorer(model), map_.scaled(64, 64)
    assert row["deletion"] == pytest.approx(deletion(score, image[0], scaled).areas[index], abs=1e-4)
    assert row["insertion"] == pytest.approx(insertion(score, image[0], scaled).areas[index], abs=1e-4)
    assert row["road"] == pytest.approx(road(score, image[0], scaled).gaps[index], abs=1e-4)
    assert row["probability"] == pytest.approx(float(score(image)[0, index]), abs=1e-5)


@pytest.mark.slow
def test_padded_pictures_are_explained_on_their_own_pixels_and_walked_over_on_the_square(model, drawn_catalogue):
    padded = replace(model, description=replace(model.description, model=replace(model.description.model, fit="pad")))
    table = drawn_catalogue.table.iloc[:1].assign(lesion_id="x")
    rows = sample_rows(padded, table)
    row = rows[(rows["method"] == "grad-cam") & ~rows["flat"]].iloc[0]
    image, mask = open_image(Path(table["image_path"].iloc[0])), read_mask(Path(table["mask_path"].iloc[0]))
    (height, width), index = mask.shape, INDEX[row["class"]]
    assert height != width
    shown = normalise(torch.from_numpy(square(image, 64, "pad"))[None], ModelConfig())
    raw = METHODS["grad-cam"].maps(model.net, shown, None, [index])[0, 0].numpy()
    evidence = METHODS["grad-cam"].evidence(raw, window=window_of(height, width, 64, "pad"))
    alone = against_references(
        evidence.scaled(AGREEMENT_SIDE, AGREEMENT_SIDE).clip(0, 1), square_mask(mask, AGREEMENT_SIDE)
    )
    assert row["true_iou_area"] == pytest.approx(alone["iou_area"].value, abs=2e-3)
    fall = deletion(scorer(padded), shown[0], evidence.on_square(64))
    assert row["deletion"] == pytest.approx(fall.areas[index], abs=1e-4)


@pytest.mark.slow
def test_sanity_is_measured_where_maps_are_quick_and_painting_at_the_mask(found):
    sample = found.sample
    random = [name for name in sample.columns if name.startswith("random_")]
    assert random[:2] == ["random_scores_rank", "random_scores_structure"]
    assert len(random) == 2 * (2 + 5 + 1)  # scores and neck, the encoder's five blocks, its stem
    quick = sample["method"].isin(list(QUICK))
    lively = quick & ~sample["flat"]
    assert lively.any()
    assert sample.loc[lively, list(STILL)].notna().any(axis=None)
    assert sample.loc[lively, random].notna().any(axis=None)
    assert sample.loc[~quick, [*STILL, *random]].isna().all(axis=None)
    painted = sample["lesion_drop"].notna()
    assert painted.any()
    assert (sample.loc[painted, "method"] == ORACLE).all()
    # Eigen-CAM knows no class, so random scores leave it as it is.
    eigen = sample[(sample["method"] == "eigen-cam") & ~sample["flat"]]
    assert eigen["random_scores_rank"].dropna().to_numpy() == pytest.approx(1)


@pytest.mark.slow
def test_flat_maps_are_named_and_measure_nothing(model, drawn_catalogue, tmp_path):
    net = LesionNet(model.net.config)
    net.load_state_dict(model.net.state_dict())
    with torch.no_grad():
        net.head.scores.weight.zero_()
    blind = replace(model, source=net.eval())
    small = replace(drawn_catalogue, table=drawn_catalogue.table)
    result = explain(blind, small, "validation", tmp_path, sample=1, replicates=2)
    grad_cam = result.agreement[result.agreement["method"] == "grad-cam"]
    assert grad_cam["flat"].all()
    assert grad_cam[list(AGREEMENT)].isna().all(axis=None)
    sampled = result.sample[result.sample["method"] == "grad-cam"]
    assert sampled[[*FAITHFULNESS, *STILL]].isna().all(axis=None)
    whole = result.summary["agreement"]["predicted"]["grad-cam"]["all"]["all"]
    assert whole["flat"] == whole["images"]
    assert whole["figures"] == {}


@pytest.mark.slow
def test_the_summary_follows_from_the_rows(found):
    rows = of_role(found.agreement, ("predicted", "both"))
    for method in ("grad-cam++", CENTRE_PRIOR):
        own = rows[rows["method"] == method]
        told = found.summary["agreement"]["predicted"][method]
        right = own["dx_true"] == own["dx_pred"]
        for group, chosen in (("all", right | ~right), ("right", right), ("wrong", ~right)):
            assert told["all"][group]["images"] == chosen.sum()
            expected = own.loc[chosen, "true_inside"].astype(float).mean()
            assert told["all"][group]["figures"]["true_inside"]["mean"] == pytest.approx(expected, abs=1e-5)
        low, high = told["all"]["all"]["figures"]["true_inside"]["interval"]
        assert low < told["all"]["all"]["figures"]["true_inside"]["mean"] < high
    figures = {
        method: found.summary["agreement"]["predicted"][method]["all"]["all"]["figures"]["predicted_rank"]
        for method in ("eigen-cam", CENTRE_PRIOR, ORACLE)
    }
    value, blob, ceiling = (figures[method]["mean"] for method in figures)
    assert figures["eigen-cam"]["skill"] == pytest.approx((value - blob) / (ceiling - blob), abs=1e-3)
    assert "skill" not in figures[CENTRE_PRIOR]
    sampled = of_role(found.sample, ("predicted", "both"))
    expected = sampled.loc[sampled["method"] == "occlusion", "deletion"].astype(float).mean()
    told = found.summary["sample"]["predicted"]["occlusion"]["all"]["all"]
    assert told["figures"]["deletion"]["mean"] == pytest.approx(expected, abs=1e-5)


def made_up(images: int) -> pd.DataFrame:
    """Rows of one method and the references, whose agreement is by chance higher for right predictions."""
    random = np.random.default_rng(0)
    right = random.random(images) < 0.6
    true = random.integers(len(CODES), size=images)
    predicted = np.where(right, true, (true + 1) % len(CODES))
    rows = pd.DataFrame(
        {
            "image_id": [f"i{number:03}" for number in range(images)],
            "lesion_id": [f"l{number // 2:03}" for number in range(images)],
            "dx_true": np.array(CODES)[true],
            "dx_pred": np.array(CODES)[predicted],
            "class": np.array(CODES)[predicted],
            "role": np.where(right, "both", "predicted"),
            "flat": False,
            "peak": 1.0,
            "probability": random.random(images),
        }
    ).assign(**dict.fromkeys(AGREEMENT, 0.5))
    values = (right * 0.2 + random.random(images) * 0.8).round(2)
    own = rows.assign(method="grad-cam", true_inside=values)
    shared = [rows.assign(method=name, role="", **{"class": ""}) for name in REFERENCES]
    return pd.concat([own, *shared], ignore_index=True)


def test_the_question_is_answered_as_scikit_learn_would():
    table = made_up(60)
    table.loc[3, "true_inside"] = np.nan  # a flat map has no say
    answer = summarise(table, table, replicates=50)["right_or_wrong"]
    own = table[(table["method"] == "grad-cam") & table["true_inside"].notna()]
    right = own["dx_true"] == own["dx_pred"]
    told = answer["grad-cam"]["true_inside"]
    assert told["auc"] == pytest.approx(roc_auc_score(right, own["true_inside"]), abs=1e-5)
    assert told["interval"][0] < told["auc"] < told["interval"][1]
    assert (told["right"], told["wrong"]) == (right.sum(), (~right).sum())
    assert answer["grad-cam"]["true_rank"]["auc"] == 1 / 2  # the same for all
    every = table[table["method"] == "grad-cam"]
    expected = roc_auc_score(every["dx_true"] == every["dx_pred"], every["probability"])
    assert answer["probability"]["probability"]["auc"] == pytest.approx(expected, abs=1e-5)
    assert ORACLE not in answer
    assert CENTRE_PRIOR in answer


def test_where_all_predictions_are_right_there_is_no_question():
    table = made_up(20)
    table["dx_pred"] = table["dx_true"]
    summary = summarise(table, table, replicates=4)
    assert summary["right_or_wrong"]["grad-cam"]["true_inside"]["auc"] is None
    assert "wrong" not in summary["agreement"]["predicted"]["grad-cam"]["all"]
    assert summary["agreement"]["true"] == {}


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes(model, drawn_catalogue, folder, tmp_path, monkeypatch):
    out, asked = tmp_path / "killed", []

    def killed(name: str, after: int):
        measure = getattr(explain_dataset, name)

        def until(*arguments, **named):
            asked.append(name)
            if asked.count(name) > after:
                raise KeyboardInterrupt
            return measure(*arguments, **named)

        return until

    for name, after in (("agreement_rows", 1), ("sample_rows", 1)):
        with monkeypatch.context() as patch:
            patch.setattr(explain_dataset, name, killed(name, after))
            with pytest.raises(KeyboardInterrupt):
                explain(model, drawn_catalogue, "test", out, **SETTINGS)
        with pytest.raises(DataFault, match="are incomplete: go on with the same `derm explain"):
            read_explain_results(out)
        assert find_explained(out) == []
    assert sorted(place.name for place in (out / "parts").glob("sample-*")) == ["sample-00000.parquet"]
    again: list[int] = []
    explain(model, drawn_catalogue, "test", out, **SETTINGS, workers=2, sampling=lambda done, total: again.append(done))
    assert again == [1, SAMPLE]
    assert not (out / "parts").exists()
    for name in FILES:
        assert (out / name).read_bytes() == (folder / name).read_bytes()
    assert find_explained(out.parent) == [out]


@pytest.mark.slow
def test_a_damaged_part_or_table_is_named_with_its_cure_before_work_goes_on(
    model, drawn_catalogue, tmp_path, monkeypatch
):
    out = tmp_path / "begun"
    with monkeypatch.context() as patch:
        patch.setattr(explain_dataset, "_work_off", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            explain(model, drawn_catalogue, "test", out, **SETTINGS)
    monkeypatch.setattr(explain_dataset, "agreement_rows", None)  # nothing is measured meanwhile
    strange = pd.DataFrame({"image_id": ["a"]})
    for place in (
        out / "parts" / "sample-00000.parquet",
        out / "parts" / "agreement-00000.parquet",
        out / "agreement.parquet",
    ):
        for write in (lambda at: at.write_bytes(b"PAR1 half a file"), strange.to_parquet):
            write(place)
            with pytest.raises(
                DataFault,
                match=rf"^{place} cannot be read \(.+\): delete it, and go on with the same `derm explain --data DIR "
                rf"--out {out}`, which keeps the rest\.$",
            ):
                explain(model, drawn_catalogue, "test", out, **SETTINGS)
        place.unlink()


@pytest.mark.slow
def test_what_is_whole_is_read_and_not_measured_again(model, drawn_catalogue, folder, monkeypatch):
    monkeypatch.setattr(explain_dataset, "agreement_rows", None)
    (folder / "parts").mkdir()  # as a kill leaves it, after the summary
    (folder / "parts" / "sample-00000.parquet").write_bytes(b"done")
    assert explain(model, drawn_catalogue, "test", folder, **SETTINGS).about["part"] == "test"
    assert sorted(place.name for place in folder.iterdir()) == sorted(FILES)


def test_what_others_put_among_explanations_or_a_link_leads_to_stays(model, drawn_catalogue, folder, tmp_path):
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    shutil.copytree(folder, out)
    elsewhere.mkdir()
    (out / "parts").mkdir()
    for name in ("sample-00000.parquet", "own.parquet", "own.txt"):
        (out / "parts" / name).write_text("own")
    explain(model, drawn_catalogue, "test", out, **SETTINGS)
    assert sorted(place.name for place in (out / "parts").iterdir()) == ["own.parquet", "own.txt"]
    shutil.rmtree(out / "parts")
    (out / "parts").symlink_to(elsewhere)
    (elsewhere / "sample-00000.parquet").write_text("own")
    (out / "summary.json").unlink()
    (out / "summary.json").symlink_to(elsewhere / "new.json")
    explain(model, drawn_catalogue, "test", out, **SETTINGS)
    assert [place.name for place in elsewhere.iterdir()] == ["sample-00000.parquet"]
    assert (out / "summary.json").read_bytes() == (folder / "summary.json").read_bytes()


@pytest.mark.slow
def test_other_weights_data_and_settings_are_refused(model, tiny_model, drawn_catalogue, folder):
    with pytest.raises(ConfigFault, match=r"was begun with sha256 '\w+', not '\w+': name another folder with --out\."):
        explain(tiny_model, drawn_catalogue, "test", folder, **SETTINGS)
    with pytest.raises(ConfigFault, match="was begun with part 'test', not 'validation'"):
        explain(model, drawn_catalogue, "validation", folder, **SETTINGS)
    with pytest.raises(ConfigFault, match=f"was begun with sample {SAMPLE}, not 7"):
        explain(model, drawn_catalogue, "test", folder, **SETTINGS | {"sample": 7})
    calibrated = replace(model, description=replace(model.description, temperature=1.0))
    with pytest.raises(ConfigFault, match=r"was begun with temperature 2\.0, not 1\.0"):
        explain(calibrated, drawn_catalogue, "test", folder, **SETTINGS)
    table = drawn_catalogue.table.assign(image_id="x" + drawn_catalogue.table["image_id"])
    with pytest.raises(ConfigFault, match="was begun with images_sha256"):
        explain(model, replace(drawn_catalogue, table=table), "test", folder, **SETTINGS)


def ended(*_arguments, **_named):
    raise KeyboardInterrupt


def test_a_folder_of_other_pictures_masks_or_diagnoses_is_not_gone_on_with(
    model, drawn_catalogue, tmp_path, monkeypatch
):
    out, image, mask = tmp_path / "out", tmp_path / "image.jpg", tmp_path / "mask.png"
    monkeypatch.setattr(explain_dataset, "agreement_rows", ended)
    table = drawn_catalogue.table.copy()
    first, second = split_catalogue(drawn_catalogue).rows("test")[[5, 6]]
    for column, copy in (("image_path", image), ("mask_path", mask)):
        shutil.copy(table.loc[first, column], copy)
        table.loc[first, column] = str(copy)

    def begin():
        explain(model, replace(drawn_catalogue, table=table), "test", out, **SETTINGS)

    for _ in range(2):  # begun, and gone on with
        with pytest.raises(KeyboardInterrupt):
            begin()
    other = r"other pictures, masks, diagnoses or lesions under the same names: name another folder with --out, or del"
    for column, place in (("image_path", image), ("mask_path", mask)):
        former = place.read_bytes()
        shutil.copy(table.loc[second, column], place)
        with pytest.raises(ConfigFault, match=other):
            begin()
        place.write_bytes(former)
    about = json.loads((out / "about.json").read_text())
    diagnosed = about | {"identity": about["identity"] | {"rows": "of other diagnoses"}}
    (out / "about.json").write_text(json.dumps(diagnosed))
    with pytest.raises(ConfigFault, match=other):
        begin()
    parted = about | {"identity": about["identity"] | {"lesions": "of as many other lesions"}}
    (out / "about.json").write_text(json.dumps(parted))
    with pytest.raises(ConfigFault, match=other):
        begin()
    del parted["identity"]["lesions"]
    (out / "about.json").write_text(json.dumps(parted))
    with pytest.raises(KeyboardInterrupt):  # one of an older version does not tell
        begin()
    mask.unlink()
    with pytest.raises(DataFault, match=r"mask\.png cannot be read \(No such file or directory\): put the file back"):
        begin()


def test_a_folder_of_an_older_version_is_held_against_what_it_records(model, drawn_catalogue, tmp_path, monkeypatch):
    monkeypatch.setattr(explain_dataset, "agreement_rows", ended)
    swapped = drawn_catalogue.table["image_path"].iloc[::-1].to_numpy()
    swapped = replace(drawn_catalogue, table=drawn_catalogue.table.assign(image_path=swapped))
    with pytest.raises(KeyboardInterrupt):
        explain(model, drawn_catalogue, "test", tmp_path, **SETTINGS)
    about = json.loads((tmp_path / "about.json").read_text())
    del about["identity"]["files"]
    (tmp_path / "about.json").write_text(json.dumps(about))
    with pytest.raises(ConfigFault, match="other pictures, masks, diagnoses or lesions"):
        explain(model, swapped, "test", tmp_path, **SETTINGS)
    del about["identity"]
    (tmp_path / "about.json").write_text(json.dumps(about))
    with pytest.raises(KeyboardInterrupt):
        explain(model, swapped, "test", tmp_path, **SETTINGS)


def test_images_whose_diagnosis_is_open_are_not_explained(model, drawn_catalogue, tmp_path):
    rows = split_catalogue(drawn_catalogue).rows("test")
    dx = drawn_catalogue.table["dx"].copy()
    dx.iloc[rows[3:]], dx.iloc[rows[-2:]] = "akiec|bcc|mel", "unknown"
    opened = replace(drawn_catalogue, table=drawn_catalogue.table.assign(dx=dx))
    parts = drawn_catalogue.table.assign(part="train")
    parts.loc[rows, "part"] = "test"
    named = dict(zip(parts["image_id"], parts["part"], strict=True))
    explained = explain(model, replace(opened, parts=named), "test", tmp_path, **SETTINGS)
    assert set(explained.agreement["image_id"]) == set(drawn_catalogue.table["image_id"].iloc[rows[:3]])


def test_guards(model, drawn_catalogue, tmp_path):
    for name in ("sample", "workers", "replicates"):
        with pytest.raises(ConfigFault, match=f"number of {name} is 0, at least 1 is needed"):
            explain(model, drawn_catalogue, "test", tmp_path, **SETTINGS | {name: 0})
    nothing = replace(drawn_catalogue, table=drawn_catalogue.table.iloc[:0])
    with pytest.raises(DataFault, match="has no image with a diagnosis in the test part: use a larger data set"):
        explain(model, nothing, "test", tmp_path)
    (tmp_path / "about.json").write_text("[]")
    with pytest.raises(ConfigFault, match=r"about\.json cannot be read .*name another folder with --out"):
        explain(model, drawn_catalogue, "test", tmp_path)


@pytest.mark.slow
def test_results_say_what_they_belong_to(found, model, tiny_model):
    assert found.name == f"lively {model.sha256[:8]}, test part, split by lesion"
    assert not found.leaks
    assert found.about["methods"] == list(METHODS)
    found.check_weights(model)
    with pytest.raises(
        DataFault,
        match=r"of other weights \(lively \w{8}\) than the loaded ones \(\w{8}\): measure .* with `derm explain",
    ):
        found.check_weights(tiny_model)
    anew = replace(model, description=replace(model.description, mask_threshold=0.31))
    with pytest.raises(DataFault, match=r"with the outline's threshold 0\.\d+, which is 0.31 now: .* `derm explain"):
        found.check_weights(anew)


@pytest.mark.slow
def test_explanations_of_another_data_set_are_one_sentence(found, drawn_catalogue):
    table = drawn_catalogue.table
    assert len(found.measured) == found.about["images"]
    found.check_data(table)
    with pytest.raises(DataFault, match=r"in this data set, .*`derm explain --data DIR --weights FILE --split test"):
        found.check_data(table.assign(image_id="X" + table["image_id"]))
    swapped = table.assign(image_path=table["image_path"].iloc[::-1].to_numpy())
    with pytest.raises(DataFault, match="has other pictures under the names"):
        found.check_data(swapped)


@pytest.mark.slow
def test_folders_that_are_not_whole_results_are_one_sentence(folder, tmp_path):
    with pytest.raises(DataFault, match=r"holds no explanations, about\.json is missing: make them anew with `derm ex"):
        read_explain_results(tmp_path)
    for name, content, said in (
        ("sample.parquet", None, r"holds no explanations, sample\.parquet is missing"),
        ("sample.parquet", b"no table", "cannot be read"),
        ("about.json", b"{}", "cannot be read"),
        ("summary.json", b"{", "cannot be read"),
    ):
        place = tmp_path / name.replace(".", "-") / said[:5]
        shutil.copytree(folder, place, dirs_exist_ok=True)
        (place / name).unlink()
        if content is not None:
            (place / name).write_bytes(content)
        with pytest.raises(DataFault, match=said):
            read_explain_results(place)
    mixed, agreement = tmp_path / "mixed", pd.read_parquet(folder / "agreement.parquet")
    shutil.copytree(folder, mixed)
    agreement.iloc[: len(agreement) // 2].to_parquet(mixed / "agreement.parquet")
    with pytest.raises(DataFault, match="are of several runs, their tables differ in length"):
        read_explain_results(mixed)
    agreement.drop(columns="true_rank").to_parquet(mixed / "agreement.parquet")
    with pytest.raises(DataFault, match="cannot be read"):
        read_explain_results(mixed)
    shutil.copy(folder / "agreement.parquet", mixed)
    about = json.loads((folder / "about.json").read_text())
    (mixed / "about.json").write_text(json.dumps(about | {"format": 0}))
    with pytest.raises(DataFault, match="are of another version of Derm"):
        read_explain_results(mixed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["about.json", "agreement.parquet", "sample.parquet"])
def test_explanations_of_two_runs_are_refused_though_each_file_is_sound(folder, tmp_path, name):
    mixed = tmp_path / "mixed"
    shutil.copytree(folder, mixed)
    if name.endswith("json"):  # as after a calibration
        about = json.loads((mixed / name).read_text())
        (mixed / name).write_text(json.dumps(about | {"temperature": 2.0}))
    else:
        table = pd.read_parquet(mixed / name)
        table.assign(probability=table["probability"] / 2).to_parquet(mixed / name)
    with pytest.raises(DataFault, match=f"changed .{name} is not the one that summary.json was written with"):
        read_explain_results(mixed)
    summary = json.loads((mixed / "summary.json").read_text())
    del summary["files"]  # as those have none that were written before there were hashes
    (mixed / "summary.json").write_text(json.dumps(summary))
    assert "files" not in read_explain_results(mixed).summary


def test_the_sample_is_fixed_even_over_classes_and_takes_new_lesions_first():
    table = pd.DataFrame(
        {
            "image_id": [f"i{row}" for row in range(40)],
            "lesion_id": [f"l{row // 2}" for row in range(40)],
            "dx": ["nv"] * 30 + ["mel"] * 8 + ["df"] * 2,
        }
    )
    rows = draw_sample(table, 12)
    assert rows == draw_sample(table, 12) == sorted(set(rows))
    assert rows != draw_sample(table, 12, seed=1)
    # Two dermatofibromas, of one lesion; then melanoma and nevus share what is left.
    assert table["dx"].iloc[rows].value_counts().to_dict() == {"mel": 5, "nv": 5, "df": 2}
    nevi = table.iloc[rows][table["dx"].iloc[rows] == "nv"]
    assert nevi["lesion_id"].is_unique
    assert table.iloc[rows].query("dx == 'mel'")["lesion_id"].nunique() == 4
    assert draw_sample(table, 99) == list(range(40))


@pytest.mark.slow
def test_the_command_line(drawn, weights, tiny_weights, folder, tmp_path, monkeypatch, capsys):
    out = tmp_path / "out"
    shutil.copytree(folder, out)
    about = json.loads((out / "about.json").read_text())
    (out / "about.json").write_text(json.dumps(about | {"replicates": 1000}))
    summary = json.loads((out / "summary.json").read_text())
    del summary["files"]
    (out / "summary.json").write_text(json.dumps(summary))
    words = ["explain", "--data", str(drawn), "--out", str(out), "--sample", str(SAMPLE), "--workers", "1"]
    done = CliRunner().invoke(app, [*words, "--weights", str(weights)])
    assert done.exit_code == 0
    assert "lively" in done.stdout
    assert "Right from wrong predictions by Grad-CAM, area under its IoU with the true mask: AUC" in done.stdout
    for extra, said in (
        (("--weights", str(tiny_weights)), "was begun with sha256"),
        (("--split", "exam"), "There is no part 'exam': use one of train, validation, test."),
        (("--split-by", "patient"), "--split-by 'patient' is unknown: use lesion or image."),
    ):
        monkeypatch.setattr("sys.argv", ["derm", *words, *extra])
        with pytest.raises(SystemExit):
            main()
        assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_without_masks_the_maps_are_held_against_the_networks_outline_alone(model, drawn_catalogue):
    table = drawn_catalogue.table.iloc[:2].assign(mask_path="")
    rows = agreement_rows(model, table)
    assert rows[[name for name in AGREEMENT if name.startswith("true_")]].isna().all(axis=None)
    ceiling = rows[rows["method"] == ORACLE]
    assert ceiling["predicted_inside"].dropna().tolist() == [1] * ceiling["predicted_inside"].notna().sum()
    drawn_mask = drawn_catalogue.table.iloc[:2]
    assert agreement_rows(model, drawn_mask)["true_inside"].notna().any()


def test_a_table_that_would_fill_the_memory_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("derm.evaluate.explain_dataset.MOST_CELLS", 10)
    pd.DataFrame({"a": [None] * 11}).to_parquet(tmp_path / "it.parquet")
    with pytest.raises(ValueError, match="has 11 rows of 1 columns"):
        explain_dataset.read_parquet(tmp_path / "it.parquet")


def parquet_of(column, place, **how):
    parquet.write_table(pyarrow.table({"image_id": column}), place, compression="zstd", **how)
    return place


def test_a_long_text_that_many_rows_name_is_not_written_out(tmp_path):
    text = "x" * 100_000
    for column in (pyarrow.array([text] * 500).dictionary_encode(), pyarrow.array(["a", text])):
        place = parquet_of(column, tmp_path / "it.parquet", store_schema=False, dictionary_pagesize_limit=1 << 20)
        assert place.stat().st_size < 10_000
        before = pyarrow.total_allocated_bytes()
        with pytest.raises(ValueError, match="texts of 100,000 bytes in image_id"):
            explain_dataset.read_parquet(place)
        assert pyarrow.total_allocated_bytes() - before < 1 << 20


@pytest.mark.parametrize(
    ("column", "limit", "said"),
    [
        (pyarrow.array(["x" * 50] * 500), {"MOST_TABLE": 10_000}, "texts of 50 bytes in image_id"),
        (pyarrow.array([f"{row:0100}" for row in range(500)]), {"MOST_TABLE": 10_000}, "bytes when it is unpacked"),
        (pyarrow.array([[1.0] * 500]), {"MOST_CELLS": 400}, "has 1 rows of 1 columns"),
        (pyarrow.array([b"x" * 50] * 500, pyarrow.binary(50)), {}, "type FIXED_LEN_BYTE_ARRAY"),
    ],
)
def test_a_table_is_measured_before_it_is_unpacked(column, limit, said, tmp_path, monkeypatch):
    for name, most in limit.items():
        monkeypatch.setattr(explain_dataset, name, most)
    place = parquet_of(column, tmp_path / "it.parquet")
    with pytest.raises(ValueError, match=said):
        explain_dataset.read_parquet(place)


def test_texts_come_back_as_they_were_written(tmp_path):
    table = pd.DataFrame(
        {"image_id": ["a", None, "ü", "a"], "flat": [True, False, True, True], "peak": [0.5, None, 1, 2]}
    )
    table.to_parquet(tmp_path / "it.parquet", index=False)
    pd.testing.assert_frame_equal(explain_dataset.read_parquet(tmp_path / "it.parquet"), table)
