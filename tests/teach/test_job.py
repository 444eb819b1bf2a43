"""A training on a practice's cases from beginning to end, on drawn lesions: learned, compared, and not in use."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from small_nets import SMALL
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.catalogue import read_catalogue
from derm.data.learned import classes_learned, read_learned
from derm.data.split import split_own
from derm.data.store import open_store, read_pair
from derm.data.synthetic.dataset import synthesise
from derm.errors import DataFault, RecordsFault, RunFault
from derm.evaluate.known import find_known
from derm.explore.table import explorable
from derm.language.speech import speaking
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, copy_weights, load_info, load_weights, rewrite_description, save_weights
from derm.predict.open import open_model
from derm.records import read, write
from derm.records.connect import open_records
from derm.records.dataset import part_of, write_dataset
from derm.teach import job, words
from derm.teach import train as teach_train
from derm.teach.practice import gather_lessons
from derm.teach.train import TeachingSettings

REPLICATES = 20

CASES = 36
"""Of the practice, each of a patient: some 24 to learn from."""


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    """Drawn lesions that stand for a practice's patients."""
    folder = tmp_path_factory.mktemp("cases") / "set"
    synthesise(folder, images=CASES, seed=7)
    return folder


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """A tiny network that says it has learned from drawn lesions."""
    torch.manual_seed(0)
    net = LesionNet(SMALL)
    path = tmp_path_factory.mktemp("drawn-weights") / "drawn.json"
    sources = {"derm_synthetic": {"derm_synthetic": 38}}
    save_weights(path, net, WeightsInfo(model=net.config, training={"data": {"sources": sources}}))
    return path


def fill(records, folder: Path, count: int, patients: str = "P") -> None:
    """Save pictures of a data set, each a patient's, with a histology; every third with an edited outline."""
    for place, row in enumerate(read_catalogue(folder).table.head(count).to_dict("records")):
        content = Path(row["image_path"]).read_bytes()
        image, mask = read_pair(row["image_path"], row["mask_path"])
        new = write.NewPicture(
            f"{patients}-{place}", "A", "upper_back", "2026-11-02", Path(row["image_path"]).name, content,
            image.shape[1], image.shape[0],
        )  # fmt: skip
        saved = write.save_case(records, "Dr A", new, outline=mask if place % 3 == 0 else None)
        write.add_histology(records, "Dr A", saved.lesion_id, diagnosis=row["dx"], on="2026-11-20")


@pytest.fixture(scope="module")
def filled(cases, tmp_path_factory) -> Path:
    """The folder of a practice's records with confirmed cases, to be copied."""
    folder = tmp_path_factory.mktemp("filled") / "records"
    records = open_records(folder)
    fill(records, cases, CASES)
    records.close()
    return folder


@pytest.fixture
def practice(filled, tmp_path, monkeypatch):
    """The records of that practice, those of this installation."""
    monkeypatch.setenv("DERM_RECORDS", str(tmp_path / "records"))
    monkeypatch.delenv("DERM_WEIGHTS", raising=False)
    monkeypatch.setattr("derm.teach.practice.FEWEST", 10)
    shutil.copytree(filled, tmp_path / "records")
    found = open_records(tmp_path / "records")
    yield found
    found.close()


def test_each_patient_keeps_its_part_whatever_else_is_confirmed(filed, cases, tmp_path):
    fill(filed, cases, 12)
    write_dataset(filed, tmp_path / "first")
    early = read_catalogue(tmp_path / "first")
    before = dict(zip(early.table["patient_id"], split_own(early).parts, strict=True))
    fill(filed, cases, 24)
    write_dataset(filed, tmp_path / "second")
    late = read_catalogue(tmp_path / "second")
    after = dict(zip(late.table["patient_id"], split_own(late).parts, strict=True))
    assert before == {patient: after[patient] for patient in before} == {one: part_of(one) for one in before}
    parts = [part_of(f"{number:032x}") for number in range(2_000)]
    assert [parts.count(one) / 2_000 for one in ("train", "validation", "test")] == pytest.approx(
        [0.6, 0.2, 0.2], abs=0.03
    )


@pytest.mark.slow
def test_explorer_calibration_and_training_read_the_data_set(practice, tiny_weights, tmp_path, cache):
    drawn = write_dataset(practice, tmp_path / "set")
    assert drawn == (CASES, CASES, 12, (), ())
    catalogue = read_catalogue(tmp_path / "set")
    shown = explorable(catalogue)
    assert len(shown) == CASES
    assert set(shown["part"]) == {"train", "validation", "test"}
    store = open_store(catalogue, 64, tmp_path / "decoded")
    assert store.has_mask.sum() == 12  # the edited outlines, which training learns
    ran = CliRunner().invoke(
        app,
        ["calibrate", "--data", str(tmp_path / "set"), "--weights", str(tiny_weights), "--keep-weights",
         "--out", str(tmp_path / "clinic.json")],
    )  # fmt: skip
    assert f"Local calibration on all {CASES} images of {CASES} lesions in set" in ran.stdout, ran.output
    assert load_info(tmp_path / "clinic.json").referral_threshold is not None


@pytest.mark.slow
def test_the_head_learns_is_compared_and_nothing_changes_by_itself(practice, weights, drawn, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(weights))
    monkeypatch.setattr(job, "_compare", compared_once(job._compare))
    told: list[str] = []
    folder = job.begin(practice, weights, [drawn], TeachingSettings())
    assert [one.stage for one in job.teachings(practice)] == ["begun"]
    found = job.work(practice, folder, told.append, replicates=REPLICATES)
    assert found.stage == "done"
    assert not found.alive
    assert len(told) == 3
    before, after = load_weights(weights), load_weights(job.weights_of(practice, folder.name))
    stayed = {
        name for name, value in before.source.tensors.items() if np.array_equal(value, after.source.tensors[name])
    }
    assert set(before.source.tensors) - stayed == {"head.scores.weight", "head.scores.bias"}
    assert after.description.learned_from == {"derm_synthetic", "practice"}
    assert after.description.referral_threshold is not None
    assert after.description.training["taught"]["from_sha256"] == before.sha256
    assert after.description.training["taught"]["recorded_before"] == 0
    assert classes_learned(after.description.training) is None  # nothing tells how many the weights knew before
    # Also what was rehearsed, whatever the weights have known before.
    renamed = read_catalogue(drawn)
    renamed.table["image_id"], renamed.table["source"] = "other-" + renamed.table["image_id"], "elsewhere"
    assert find_known(
        after.description, renamed, split_own(renamed), split_own(read_catalogue(drawn)).rows("train")
    ).alike.all()
    # Of the practice's cases those of the test part, of the old data those of validation, as `derm compare` has them.
    table, images, lesions = found.compared["practice"]
    assert images == lesions == sum(part_of(one) == "test" for one in patients(practice))
    held = pd.read_csv(folder / "results" / "after-practice" / "predictions.csv")
    assert list(table["figure"][:1]) == ["accuracy"]
    assert table["second"][0] == pytest.approx((held["dx_true"] == held["dx_pred"]).mean(), abs=1e-6)
    dice = table.set_index("figure").loc["dice"]
    assert np.isnan(dice["difference"]) or dice["difference"] == 0
    assert "old" in found.compared
    assert words.compared_rows(found, "old")[0][0] == "Figure"
    # The pictures of patients go, and the weights in use are what they were.
    assert not (folder / job.LESSONS).exists()
    assert open_model().sha256 == before.sha256
    assert job.work(practice, folder).stage == "done"


def compared_once(compare):
    """Compares on the practice's cases; on the old data, which takes as long again, the same figures stand in."""

    def once(before, after, catalogue, part, folder, name, progress, replicates):
        if name == job.PRACTICE:
            return compare(before, after, catalogue, part, folder, name, progress, replicates)
        assert part == "validation"
        shutil.copy(folder / "compared-practice.csv", folder / f"compared-{name}.csv")
        return {"images": len(catalogue.table), "lesions": 1}

    return once


def patients(records) -> list[str]:
    from derm.records import read

    return [row["id"] for row in read.patients(records)]


@pytest.mark.slow
@pytest.mark.training
def test_the_whole_network_learns_outlines_too_and_goes_on_after_a_stop(practice, cases, weights, drawn, monkeypatch):
    monkeypatch.setattr(job, "lesions_in", lambda *_: 0)  # the other test compares
    folder = job.begin(practice, weights, [drawn], TeachingSettings("whole", epochs=1))
    stops = iter([True])
    stopped = job.work(practice, folder, stop=lambda: next(stops, False), replicates=REPLICATES)
    assert stopped.stage == "begun"
    assert (folder / job.LESSONS).is_dir()
    job.remove_lessons(folder / job.LESSONS)  # as a refusal does, after which others are confirmed
    fill(practice, cases, 8, "Q")
    found = job.work(practice, folder, replicates=REPLICATES)
    assert found.stage == "done"
    assert found.said[1:] == (job.NOTHING_HELD_OUT, job.NOTHING_HELD_OUT)
    assert "do not tell pictures that are not dermoscopic" in found.said[0]
    after = load_weights(job.weights_of(practice, folder.name))
    assert not np.array_equal(
        load_weights(weights).source.tensors["mask_head.weight"], after.source.tensors["mask_head.weight"]
    )
    assert after.description.learned_from == {"derm_synthetic", "practice"}
    assert not (folder / job.LESSONS).exists()
    assert not (folder / "decoded").exists()


def test_without_the_old_data_it_says_what_is_lost_and_how_to_mend_it(practice, weights):
    folder = job.begin(practice, weights, [], TeachingSettings())
    with pytest.raises(DataFault, match="unlearn what the practice's cases lack: name their folder with --old"):
        job.work(practice, folder)
    (found,) = job.teachings(practice)
    assert found.stage == "refused"
    assert "derm_synthetic" in found.said[0]
    with speaking("de"):
        assert "Die Daten, aus denen die Gewichte gelernt haben (derm_synthetic)" in job.read_teaching(folder).said[0]
    assert not (folder / job.LESSONS).exists()
    with pytest.raises(RunFault, match="has not come to its end"):
        job.weights_of(practice, folder.name)


def test_old_data_that_are_a_link_to_itself_are_refused(practice, tiny_weights, tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    folder = job.begin(practice, tiny_weights, [loop], TeachingSettings())
    with pytest.raises(DataFault, match="loop"):
        job.work(practice, folder)


def test_other_data_than_those_that_were_learned_from_are_refused(practice, tiny_weights, drawn):
    folder = job.begin(practice, tiny_weights, [drawn], TeachingSettings())
    with pytest.raises(DataFault, match="holds derm_synthetic, and the weights learned from ham10000"):
        job.work(practice, folder)


def test_the_practice_s_pictures_are_recorded_though_the_shipped_lists_know_them(weights, drawn, monkeypatch):
    model, catalogue = load_weights(weights), read_catalogue(drawn)
    monkeypatch.setattr(teach_train, "learned_parts", lambda catalogue, _: catalogue.table["dx"].map(lambda _: "train"))
    monkeypatch.setattr(teach_train, "pooled_features", lambda *_, **__: None)
    old, practice = (teach_train._Learnt(model, catalogue, own, None) for own in (False, True))
    told = read_learned(teach_train._training_of(model, [old, practice]))
    assert len(told.pictures) == len(practice.table)
    assert read_learned(teach_train._training_of(model, [practice])).lesions == told.lesions


def test_old_data_that_hold_pictures_of_the_practice_in_another_part_are_refused(practice, weights, cases, tmp_path):
    with pytest.raises(DataFault, match=r"images of .* show a lesion, or are a picture, of another part of"):
        gather_lessons(practice, load_weights(weights), [cases], tmp_path / "lessons")


def replace_weights(path: Path, *, tensors: bool) -> None:
    """Put others in the place of the weights at `path`: other tensors, or the same ones calibrated anew."""
    trained = load_weights(path)
    if tensors:
        torch.manual_seed(1)
        save_weights(path, LesionNet(SMALL), trained.description)
    else:
        rewrite_description(path, lambda _: replace(trained.description, temperature=2.0))


@pytest.mark.parametrize("tensors", [True, False])
def test_a_training_goes_on_with_the_weights_alone_that_it_began_with(filed, weights, tmp_path, monkeypatch, tensors):
    own = tmp_path / "own.json"
    copy_weights(weights, own, load_weights(weights).description)
    folder = job.begin(filed, own, [], TeachingSettings())
    before = {path: path.read_bytes() for path in tmp_path.glob("own.*")}
    replace_weights(own, tensors=tensors)
    said = rf"The weights own \w{{8}} at .*own\.json were replaced.* since the training '{folder.name}' began: put both"
    with pytest.raises(RunFault, match=said):
        job.work(filed, folder)
    (found,) = job.teachings(filed)
    assert found.stage == "refused"
    assert "begin anew with `derm records train`" in found.said[0]
    for path, content in before.items():
        path.write_bytes(content)
    with pytest.raises(RecordsFault, match="No picture has a histology"):  # goes on, up to the next refusal
        job.work(filed, folder)


@pytest.mark.parametrize("learned", [False, True])
def test_a_training_that_was_refused_for_a_moment_is_at_work_again_when_it_goes_on(
    filed, weights, monkeypatch, learned
):
    folder, seen = job.begin(filed, weights, [], TeachingSettings()), []
    if learned:
        (folder / "taught.json").write_text("{}")
    (folder / "decoded").mkdir()
    with pytest.raises(RecordsFault, match="No picture has a histology"):
        job.work(filed, folder)
    assert job.read_teaching(folder).stage == "refused"
    assert not (folder / "decoded").exists()  # pictures of patients
    monkeypatch.setattr(job, "_work", lambda *_: seen.append(job.read_teaching(folder)))
    job.work(filed, folder)
    assert [(one.stage, one.said, one.alive) for one in seen] == [("learned" if learned else "begun", (), True)]


def test_a_whole_network_goes_on_with_the_pictures_that_it_began_with(filed, cases, weights, monkeypatch):
    """Cases that were confirmed between a refusal and *Go on* made it refuse for ever, for its images were others."""
    monkeypatch.setattr("derm.teach.practice.FEWEST", 1)
    fill(filed, cases, 12)
    folder = job.begin(filed, weights, [], TeachingSettings("whole"), without_old=True)
    seen = []

    def full(_weights, _model, lessons, *_rest, **_settings):
        seen.append(set(lessons.practice.table["image_id"]))
        (folder / "run").mkdir(exist_ok=True)
        if len(seen) > 1:
            (folder / "run" / "run.json").write_text("{}")
        raise RunFault("the disk is full")

    monkeypatch.setattr(job, "teach_whole", full)
    for count in (12, 14, 16):
        with pytest.raises(RunFault, match="the disk is full"):
            job.work(filed, folder)
        assert not (folder / job.LESSONS).exists()
        fill(filed, cases, count + 2)
    assert seen[0] < seen[1] == seen[2]  # the first of them had not begun to learn
    assert job.read_teaching(folder).stage == "refused"


def learned_cases(records) -> list[read.LesionState]:
    """Cases that are no vascular lesions yet and are learned from: parts are drawn by random keys."""
    return [one for one in read.search(records) if part_of(one.patient_id) != "test" and one.diagnosis != "vasc"]


def test_a_training_that_was_killed_goes_on_with_the_cases_as_they_are_by_then(filed, cases, weights, monkeypatch):
    """What it had written of them lay there, with a patient who was deleted since, and a corrected diagnosis."""
    monkeypatch.setattr("derm.teach.practice.FEWEST", 1)
    fill(filed, cases, 12)
    folder = job.begin(filed, weights, [], TeachingSettings(), without_old=True)
    seen = []

    def killed(_model, lessons, *_rest):
        seen.append(dict(zip(lessons.practice.table["image_id"], lessons.practice.table["dx"], strict=True)))
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "teach_head", killed)
    with pytest.raises(KeyboardInterrupt):
        job.work(filed, folder)
    assert (folder / job.LESSONS).exists()
    kept = json.loads((folder / job.ABOUT).read_text())["learned"]  # there before any weights are
    assert len(kept) == sum(part_of(one) != "test" for one in patients(filed))
    one, other = learned_cases(filed)[:2]
    write.delete_patient(filed, "Dr A", one.patient_id)
    write.add_histology(filed, "Dr A", other.lesion_id, diagnosis="vasc", on="2026-11-21")
    with pytest.raises(KeyboardInterrupt):
        job.work(filed, folder)
    before, now = seen
    assert len(before) - len(now) == 1
    assert [now[key] for key in now if now[key] != before[key]] == ["vasc"]

    monkeypatch.setattr(job, "teach_head", lambda *_: copy_weights(weights, folder / "taught.json", load_info(weights)))
    monkeypatch.setattr(job, "_compare", killed)
    monkeypatch.setattr(job, "lesions_in", lambda *_: 0)
    write_done = job._write
    monkeypatch.setattr(job, "_write", lambda place, about: about["stage"] == "done" or write_done(place, about))
    assert job.work(filed, folder).stage == "learned"
    write.delete_patient(filed, "Dr A", other.patient_id)
    with pytest.raises(DataFault, match=r"learned from were corrected, or deleted, since: begin anew"):
        job.work(filed, folder)


def test_a_whole_network_that_was_killed_before_its_calibration_keeps_what_it_learned(
    filed, cases, weights, monkeypatch
):
    monkeypatch.setattr("derm.teach.practice.FEWEST", 1)
    fill(filed, cases, 12)
    folder = job.begin(filed, weights, [], TeachingSettings(way="whole"), without_old=True)

    def trained(*_rest, **_settings):
        (folder / "run").mkdir(exist_ok=True)
        for name in ("run.json", "final.json"):
            (folder / "run" / name).write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(job, "teach_whole", trained)
    with pytest.raises(KeyboardInterrupt):
        job.work(filed, folder)
    other = learned_cases(filed)[0]
    write.add_histology(filed, "Dr A", other.lesion_id, diagnosis="vasc", on="2026-11-21")
    with pytest.raises(DataFault, match=r"learned from were corrected, or deleted, since: begin anew"):
        job.work(filed, folder)


def test_a_training_that_an_older_version_began_goes_on(filed, weights, tmp_path):
    """It does not tell which weights lay at its path."""
    own = tmp_path / "own.json"
    copy_weights(weights, own, load_weights(weights).description)
    folder = job.begin(filed, own, [], TeachingSettings())
    about = json.loads((folder / job.ABOUT).read_text())
    del about["identity"]
    (folder / job.ABOUT).write_text(json.dumps(about))
    replace_weights(own, tensors=False)
    with pytest.raises(RecordsFault, match="No picture has a histology"):
        job.work(filed, folder)


def test_too_few_confirmed_cases_are_refused(filed, cases, weights, drawn):
    fill(filed, cases, 8)
    folder = job.begin(filed, weights, [drawn], TeachingSettings())
    with pytest.raises(DataFault, match=r"confirmed lesions to learn from.* until there are 20"):
        job.work(filed, folder)


def test_of_one_days_trainings_the_tenth_is_newer_than_the_ninth(filed, weights):
    names = [job.begin(filed, weights, [], TeachingSettings()).name for _ in range(11)]
    assert [one.name for one in job.teachings(filed)] == names[::-1]


@pytest.mark.parametrize("name", ["../records", "none", ".hidden", ""])
def test_a_training_that_is_not_there_is_one_sentence(filed, name):
    with pytest.raises(RunFault, match="There is no training"):
        job.find(filed, name)


def test_a_torn_record_of_a_training_is_left_out_of_the_list(filed, weights):
    folder = job.begin(filed, weights, [], TeachingSettings())
    whole = json.loads((folder / job.ABOUT).read_text())
    for torn in ("{", "[]", json.dumps(whole | {"way": "guess"}), json.dumps({**whole, "compared": {"../x": {}}})):
        (folder / job.ABOUT).write_text(torn)
        assert job.teachings(filed) == []
    (folder / job.ABOUT).write_text(json.dumps(whole | {"compared": {"old": {"images": 1, "lesions": 1}}}))
    (folder / "compared-old.csv").write_text("figure,first\nmel,x\n")
    with pytest.raises(RunFault, match=r"comparison in .* cannot be read"):
        job.read_teaching(folder)
    (folder / job.ABOUT).write_text("{")
    with pytest.raises(RunFault, match="holds no training"):
        job.read_teaching(folder)


def test_a_comparison_tells_referral_by_lesion_and_of_earlier_ones_by_picture():
    lesions, pictures = "decision.by_lesion.sensitivity", "decision.sensitivity"
    for figures, unit in (([pictures, lesions], "lesion"), ([pictures], "picture")):
        table = pd.DataFrame([(one, 0.5, 0.75, 0.25, 0.0, 0.5) for one in figures], columns=words.COLUMNS)
        rows = words.compared_rows(SimpleNamespace(compared={"old": (table, 4, 4)}), "old")
        assert [row[0] for row in rows[1:]] == [f"Sensitivity of referral, by {unit}"]
