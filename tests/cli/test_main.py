"""The command line as its user meets it: help, results, one sentence and an exit status for each mistake."""

import errno
import json
import shutil
import subprocess
import sys
import warnings
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pictures import save
from PIL import Image
from typer.testing import CliRunner

from derm.cli.main import app, main
from derm.cli.train import read_setting, settle
from derm.errors import ConfigFault
from derm.model.weights import copy_weights, load_weights
from derm.train import precision
from derm.train.config import DERM, PAPER, change

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run():
    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])


def sentence(capsys, monkeypatch, *words: object) -> tuple[int, str]:
    """Run `derm` as the console script does; its exit status and what it says on standard error, on one line."""
    monkeypatch.setattr(sys, "argv", ["derm", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("predict",),
        ("train",),
        ("evaluate",),
        ("explain",),
        ("data", "check"),
        ("bench", "predict"),
        ("bench", "explain"),
    ],
)
def test_help_is_there_for_every_command(run, words):
    shown = run(*words, "--help")
    assert shown.exit_code == 0
    assert "Usage" in shown.stdout


def test_help_imports_nothing_slow():
    code = "import sys, derm.cli.main; print(sorted({'torch', 'streamlit', 'pandas'} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version(run):
    assert run("--version").stdout.startswith("derm 0.")


def test_predict_writes_good_rows_and_names_bad_ones(run, tiny_weights, drawn, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    good = sorted((drawn / "images").iterdir())[:2]
    for file in good:
        (pictures / file.name).write_bytes(file.read_bytes())
    (pictures / "cut.jpg").write_bytes(good[0].read_bytes()[:2000])
    (pictures / "words.png").write_text("no picture")
    out, masks, maps = tmp_path / "out.csv", tmp_path / "masks", tmp_path / "maps"
    done = run("predict", pictures, "--out", out, "--masks", masks, "--maps", maps, "--weights", tiny_weights)
    assert done.exit_code == 1
    assert "cut.jpg is damaged or cut short" in done.stderr
    assert "words.png is no picture" in done.stderr
    rows = pd.read_csv(out).set_index("image_id")
    assert rows["error"].notna().sum() == 2
    assert rows.loc[good[0].stem, [f"p_{code}" for code in ("mel", "nv")]].between(0, 1).all()
    with Image.open(masks / f"{good[0].stem}_segmentation.png") as mask, Image.open(good[0]) as picture:
        assert mask.size == picture.size
        assert set(np.unique(np.asarray(mask))) <= {0, 255}
    assert (maps / f"{good[0].stem}_mel_heat.png").is_file()


def test_predict_as_json_and_success(run, tiny_weights, drawn):
    file = sorted((drawn / "images").iterdir())[0]
    done = run("predict", file, "--json", "--weights", tiny_weights)
    assert done.exit_code == 0
    (row,) = json.loads(done.stdout)
    assert row["image_id"] == file.stem
    assert sum(row[f"p_{code}"] for code in ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")) == pytest.approx(1)


def test_predict_alone_says_the_answer(run, tiny_weights, drawn):
    file = sorted((drawn / "images").iterdir())[0]
    done = run("predict", file, "--weights", tiny_weights)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith(f"{file.stem}\n  ")
    assert "alignant probability " in done.stdout or "No lesion found" in done.stdout
    assert done.stdout.endswith("Research use only, not a medical device.\n")


def test_weights_that_are_missing_are_one_sentence(capsys, monkeypatch, drawn, tmp_path):
    status, said = sentence(capsys, monkeypatch, "predict", drawn, "--json", "--weights", tmp_path / "none.json")
    assert status == 1
    assert said.startswith("derm: There is no description")
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("few_resamples")
def test_evaluate_writes_and_prints_the_table_even_where_the_look_is_not_counted(
    run, tiny_weights, drawn, tmp_path, monkeypatch
):
    def busy(_metrics):
        raise ConfigFault("this look is not counted")

    monkeypatch.setattr("derm.evaluate.test_set_log.is_ham10000", lambda _: True)
    monkeypatch.setattr("derm.evaluate.test_set_log.count_look", busy)
    done = run("evaluate", "--data", drawn, "--weights", tiny_weights, "--split", "test", "--out", tmp_path / "r")
    assert done.exit_code == 0
    assert "balanced accuracy" in done.stdout
    assert "0.674" in done.stdout  # the paper's
    assert done.stderr.endswith("this look is not counted\n")
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["measured_on"]["part"] == "test"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--split", "exam"), "There is no part 'exam': use one of train, validation, test."),
        (("--split-by", "patient"), "--split-by 'patient' is unknown: use lesion or image."),
    ],
)
def test_evaluate_refuses_unknown_parts(capsys, monkeypatch, drawn, tmp_path, words, expected):
    status, said = sentence(capsys, monkeypatch, "evaluate", "--data", drawn, "--out", tmp_path, *words)
    assert status == 1
    assert said == f"derm: {expected}"


@pytest.mark.slow
def test_data_check_on_a_sound_set_and_a_broken_one(run, drawn, tmp_path):
    sound = run("data", "check", drawn)
    assert sound.exit_code == 0
    assert "melanoma" in sound.stdout
    broken = tmp_path / "broken"
    assert run("data", "synthesise", broken, "--images", 21, "--seed", 3).exit_code == 0
    next((broken / "images").iterdir()).unlink()
    found = run("data", "check", broken, "--json")
    assert found.exit_code == 1
    assert json.loads(found.stdout)["findings"][0]["kind"] == "image missing"


def test_data_split_counts_the_leak(run, drawn, tmp_path):
    by_lesion = run("data", "split", drawn, "--out", tmp_path / "split.csv")
    assert "0 of 12 test images (0%)" in by_lesion.stdout
    assert set(pd.read_csv(tmp_path / "split.csv")["part"]) == {"train", "validation", "test"}
    by_image = run("data", "split", drawn, "--by", "image").stdout
    assert "1 of 13 test images (8%)" in by_image
    assert "it leaks" in by_image


def test_data_split_refuses_another_rule(capsys, monkeypatch, drawn):
    assert "--by 'patient' is unknown" in sentence(capsys, monkeypatch, "data", "split", drawn, "--by", "patient")[1]


@pytest.mark.training
@pytest.mark.usefixtures("few_resamples")
def test_train_by_the_command_line_and_evaluate_what_it_made(run, drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_CACHE", str(tmp_path / "cache"))
    small = ("--set", "model.decoder_channels=[8,8,8]", "--set", "model.feature_channels=16")
    done = run(
        "train", "--data", drawn, "--run", tmp_path / "run", "--start", "random", "--size", 32, "--epochs", 1,
        "--batch", 8, "--workers", 0, *small,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "epoch   1" in done.stdout
    assert "Finished" in done.stdout
    weights = tmp_path / "run" / "best.json"
    assert run("evaluate", "--data", drawn, "--weights", weights, "--out", tmp_path / "r").exit_code == 0
    words = ("evaluate", "--data", drawn, "--weights", weights, "--out", tmp_path / "r", "--split-by", "image")
    assert "the weights learned from" in str(run(*words).exception)
    words = (*words, "--even-known")
    assert "THESE FIGURES ARE TOO GOOD: the weights were trained on the split by lesion" in run(*words).stdout
    recorded = run(*words, "--record")
    assert isinstance(recorded.exception, ConfigFault)
    assert "know images of the test part" in str(recorded.exception)
    recorded = run(*words[:-3], "--even-known", "--record")
    assert "leave out --even-known, or --record" in str(recorded.exception)


@pytest.mark.training
def test_training_stops_in_time_and_goes_on(run, drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_CACHE", str(tmp_path / "cache"))
    small = ("--set", "model.decoder_channels=[8,8,8]", "--set", "model.encoder=test_efficientnet")
    words = ("train", "--run", tmp_path / "run")
    done = run(
        *words, "--data", drawn, "--start", "random", "--size", 32, "--epochs", 1, "--batch", 8, "--workers", 0,
        "--minutes", 0, *small,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "Stopped at step 1, in epoch 1 of 1. To go on: derm train" in " ".join(done.stdout.split())
    (tmp_path / "run" / "last.safetensors").unlink()
    anew = run(*words, "--resume", "--minutes", 0)
    assert "run yet: its training begins anew." in " ".join(anew.stderr.split())
    assert "Stopped at step 1, in epoch 1 of 1." in anew.stdout
    again = run(*words, "--resume", "--minutes", 0)
    assert "Stopped at step 2, in epoch 1 of 1." in again.stdout
    assert "anew" not in again.stderr
    assert "Finished. Best epoch: 1 of 1." in run(*words, "--resume", "--minutes", 5).stdout


def test_train_says_what_it_computes_in_where_bfloat16_is_slow(capsys, monkeypatch):
    monkeypatch.setattr(precision, "is_quick_in_bfloat16", lambda device: False)
    assert settle(DERM, "cpu").precision == "float32"
    assert capsys.readouterr().err == "Training in float32: this device is slow in bfloat16.\n"
    asked = replace(DERM, precision="bfloat16")
    assert settle(asked, "cpu") == asked
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("This run computes in bfloat16, in which this device is slow")
    monkeypatch.setattr(precision, "is_quick_in_bfloat16", lambda device: True)
    assert settle(DERM, "cpu").precision == "bfloat16"
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            ("--run", "new"),
            "No data: name the folder of HAM10000 with --data, or draw one with `derm data synthesise DIR`.",
        ),
        (("--run", "none", "--resume"), "none holds no run that can be resumed: start one without --resume."),
        (("--run", "new", "--preset", "best"), "The preset 'best' is unknown: use one of derm, paper."),
        (
            ("--run", "new", "--data", "x", "--threads", "100000"),
            "100000 threads do not fit: use a number from 0 to 256.",
        ),
    ],
)
def test_train_refuses_in_one_sentence(capsys, monkeypatch, tmp_path, words, expected):
    monkeypatch.chdir(tmp_path)
    assert sentence(capsys, monkeypatch, "train", *words) == (1, f"derm: {expected}")


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"config": null, "data": {"folder": "x"}}', '{"config": [], "data": {}}']
)
def test_a_damaged_run_json_is_not_called_no_run(capsys, monkeypatch, tmp_path, content):
    monkeypatch.chdir(tmp_path)
    Path("run").mkdir()
    Path("run/run.json").write_text(content)
    told = f"derm: {Path('run/run.json')} is damaged: put it back from a copy, or start a new run."
    assert sentence(capsys, monkeypatch, "train", "--run", "run", "--resume") == (1, told)


def test_settings_are_read_and_changed_together():
    assert read_setting("curriculum.start=0.4") == ("curriculum.start", 0.4)
    assert read_setting("start=random") == ("start", "random")
    # Eight workers alone would ask for a longer lookahead: both at once are fine.
    changed = change(
        PAPER, {"workers": 8, "lookahead": 20, "curriculum.start": 0.4, "model.decoder_channels": [8, 8, 8]}
    )
    assert (changed.workers, changed.curriculum.start, changed.model.decoder_channels) == (8, 0.4, (8, 8, 8))
    assert changed.replay == PAPER.replay
    mixed = change(PAPER, dict(read_setting(pair) for pair in ("mix.probability=0.5", "mix.cutmix_share=1")))
    assert (mixed.mix.probability, mixed.mix.cutmix_share, mixed.mix.mixup_alpha) == (0.5, 1, 0.2)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"speed": 3}, "There is no setting 'speed'"),
        ({"curriculum": 3}, "There is no setting 'curriculum'"),
        ({"model.size.side": 3}, "There is no setting 'model.size.side'"),
        ({"epochs": "many"}, "epochs=many does not fit: give a value like 20"),
        ({"mix.share": 0.5}, "There is no setting 'mix.share'"),
        ({"mix.probability": 2}, "The mix's probability 2 does not fit: use 0 to 1"),
        ({"epochs": 0}, "epochs 0 does not fit: use a number from 1 to 10000"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, expected):
    with pytest.raises(ConfigFault, match=expected):
        change(DERM, settings)


def test_a_setting_without_a_value_is_refused():
    with pytest.raises(ConfigFault, match="has no '='"):
        read_setting("epochs")


def test_every_setting_stands_in_the_documentation():
    text = (ROOT / "docs" / "training.md").read_text()

    def names(config: object, prefix: str = "") -> list[str]:
        found = []
        for item in fields(config):  # type: ignore[arg-type]
            value = getattr(config, item.name)
            found += names(value, f"{prefix}{item.name}.") if is_dataclass(value) else [prefix + item.name]
        return found

    missing = [name for name in names(DERM) if f"`{name}`" not in text]
    assert missing == []


@pytest.mark.slow
def test_bench_predict_ends_with_json(run):
    done = run("bench", "predict", "--size", 64, "--calls", 2)
    assert done.exit_code == 0
    last = json.loads(done.stdout.strip().splitlines()[-1])
    shared, dual = last["designs"]
    assert (shared["design"], dual["design"]) == ("shared", "dual")
    assert shared["parameters"] < dual["parameters"]
    assert shared["network_milliseconds"] > 0
    assert last["paper_milliseconds"] == 40


@pytest.mark.slow
@pytest.mark.usefixtures("few_resamples")
def test_ship_and_record(run, tiny_weights, drawn, tmp_path):
    target = tmp_path / "weights" / "derm.json"
    assert run("ship", tiny_weights, "--out", target, "--size", 96).exit_code == 0
    assert sorted(file.name for file in target.parent.iterdir()) == ["derm.json", "derm.safetensors"]
    assert load_weights(target).description.model.input_size == 96
    assert run("evaluate", "--data", drawn, "--weights", target, "--out", tmp_path / "r", "--record").exit_code == 0
    recorded = load_weights(target).description.measured["test"]
    assert recorded["accuracy"] == json.loads((tmp_path / "r" / "metrics.json").read_text())["accuracy"]
    assert recorded["split"] == "by lesion"


@pytest.mark.slow
def test_soup(run, capsys, monkeypatch, tiny_weights, tmp_path):
    told = run("soup", tiny_weights, tiny_weights, "--share", 3, "--share", 1, "--out", tmp_path / "soup.json")
    assert told.exit_code == 0, told.output
    assert [line.split(" of ")[0] for line in told.stdout.splitlines()[:2]] == ["75%", "25%"]
    assert len(load_weights(tmp_path / "soup.json").description.training["soup"]) == 2
    words = ("soup", tiny_weights, tiny_weights, "--out", tmp_path / "soup.safetensors")
    assert "does not end in .json: name the description" in sentence(capsys, monkeypatch, *words)[1]


@pytest.mark.slow
def test_adapt(run, capsys, monkeypatch, drawn, tiny_weights, tmp_path):
    monkeypatch.setattr("derm.model.adapt.LEAST", 4)
    told = run("adapt", "--data", drawn, "--weights", tiny_weights, "--out", tmp_path / "own.json")
    assert told.exit_code == 0, told.output
    assert "the training part of a data set" in told.stdout
    trained = load_weights(tmp_path / "own.json").description.training["adapted"]["pictures"]
    # A plain folder, without a table and with masks among the pictures.
    plain = tmp_path / "plain"
    plain.mkdir()
    for place in [*(drawn / "images").iterdir(), *(drawn / "masks").iterdir()]:
        shutil.copy(place, plain / place.name)
    words = ("adapt", "--data", plain, "--weights", tiny_weights, "--share", 1, "--out", tmp_path / "all.json")
    told = run(*words)
    assert told.exit_code == 0, told.output
    adapted = load_weights(tmp_path / "all.json").description.training["adapted"]
    assert (adapted["pictures"], adapted["share"]) == (len(list((drawn / "images").iterdir())), 1.0)
    assert 4 <= trained < adapted["pictures"]
    # A table with a fault, in the folder itself or further in, is no reason to take its test pictures, too.
    faulty = tmp_path / "above" / "faulty"
    shutil.copytree(drawn, faulty)
    table = pd.read_csv(faulty / "HAM10000_metadata.csv")
    table.loc[0, "age"] = 999
    table.to_csv(faulty / "HAM10000_metadata.csv", index=False)
    for folder, fault in (
        (faulty, "have an age that is no number of years"),
        (faulty.parent, "holds neither HAM10000_metadata.csv"),
    ):
        words = ("adapt", "--data", folder, "--weights", tiny_weights, "--out", tmp_path / "none.json")
        assert fault in sentence(capsys, monkeypatch, *words)[1]
        assert not (tmp_path / "none.json").exists()
    # Neither is a folder within a data set, nor a source that the weights were trained without.
    words = ("adapt", "--data", drawn / "images", "--weights", tiny_weights, "--out", tmp_path / "none.json")
    assert "HAM10000_metadata.csv lies beside" in sentence(capsys, monkeypatch, *words)[1]
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "images").symlink_to(plain)
    (tmp_path / "linked" / "derm.csv").write_text("image\n")
    words = ("adapt", "--data", tmp_path / "linked" / "images", "--weights", tiny_weights)
    assert "derm.csv lies beside" in sentence(capsys, monkeypatch, *words, "--out", tmp_path / "none.json")[1]
    packed = tmp_path / "packed" / "ISIC2018_Task3_Training_GroundTruth"
    packed.mkdir(parents=True)
    (packed / f"{packed.name}.csv").write_text("image,MEL\n")
    shutil.copytree(drawn / "images", packed.parent / "ISIC2018_Task3_Training_Input")
    words = ("adapt", "--data", packed.parent / "ISIC2018_Task3_Training_Input", "--weights", tiny_weights)
    said = sentence(capsys, monkeypatch, *words, "--out", tmp_path / "none.json")[1]
    assert "ISIC2018_Task3_Training_GroundTruth.csv lies beside" in said
    archive = tmp_path / "archive"
    shutil.copytree(drawn / "images", archive / "images")
    (archive / "metadata.csv").write_text("isic_id,diagnosis\n")
    words = ("adapt", "--data", archive / "images", "--weights", tiny_weights, "--out", tmp_path / "none.json")
    assert "metadata.csv lies beside" in sentence(capsys, monkeypatch, *words)[1]
    (plain.parent / "metadata.csv").write_text("invoice,amount\n1,2\n")
    assert run("adapt", "--data", plain, "--weights", tiny_weights, "--out", tmp_path / "b.json").exit_code == 0
    apart, model = tmp_path / "apart.json", load_weights(tiny_weights)
    trained_without = {"config": {"leave_out": ["derm_synthetic", "elsewhere"]}}
    copy_weights(tiny_weights, apart, replace(model.description, training=trained_without), model.sha256)
    words = ("adapt", "--data", drawn, "--weights", apart, "--out", tmp_path / "none.json")
    assert "Without derm_synthetic nothing is left to train on" in sentence(capsys, monkeypatch, *words)[1]
    words = ("adapt", "--data", drawn, "--weights", tiny_weights, "--out", tmp_path / "own.safetensors")
    assert "does not end in .json: name the description" in sentence(capsys, monkeypatch, *words)[1]


@pytest.mark.slow
@pytest.mark.usefixtures("few_resamples")
def test_eight_views_on_the_command_line(run, capsys, monkeypatch, drawn, tiny_weights, tmp_path):
    picture = next((drawn / "images").iterdir())
    told = run("predict", picture, "--weights", tiny_weights, "--views", 8, "--json")
    assert told.exit_code == 0, told.output
    assert 0 <= json.loads(told.stdout)[0]["spread"] <= 0.5
    words = ("evaluate", "--data", drawn, "--weights", tiny_weights, "--out", tmp_path, "--views", 8)
    told = run(*words)
    assert told.exit_code == 0, told.output
    assert "The mean over 8 views, beside the upright one" in told.stdout
    assert "by the views' spread" in told.stdout
    said = sentence(capsys, monkeypatch, *words, "--record")[1]
    assert "figures of one view: leave out --views, or --record" in said


def test_ship_wants_a_description_to_write(capsys, monkeypatch, tiny_weights, tmp_path):
    said = sentence(capsys, monkeypatch, "ship", tiny_weights, "--out", tmp_path / "derm.safetensors")[1]
    assert "does not end in .json: name the description" in said


@pytest.mark.parametrize("words", [("predict", "LONG.csv"), ("predict", "a.png", "--out", "LONG.csv")])
def test_a_name_that_no_disk_takes_is_one_sentence(capsys, monkeypatch, tiny_weights, tmp_path, words):
    save(tmp_path / "a.png", 1)
    monkeypatch.chdir(tmp_path)
    words = [word.replace("LONG", "n" * 300) for word in words]
    status, said = sentence(capsys, monkeypatch, *words, "--weights", tiny_weights)
    assert status == 1
    assert "cannot be read or written (File name too long): name another file or folder" in said


def test_a_folder_that_is_gone_is_one_sentence(capsys, monkeypatch, tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert sentence(capsys, monkeypatch, "data", "synthesise", "drawn") == (
        1,
        "derm: The folder that this was started in is gone: change to another one.",
    )
    monkeypatch.chdir(tmp_path)


def test_what_pillow_warns_of_stays_out_of_the_terminal(monkeypatch):
    told = []

    def warn():
        for module, kind in (
            ("PIL.TiffImagePlugin", UserWarning),
            ("PIL.Image", RuntimeWarning),
            ("derm.x", UserWarning),
        ):
            try:
                warnings.warn_explicit("Tag data larger than file", kind, "file.py", 1, module)
            except Warning:
                told.append(module)

    monkeypatch.setattr("derm.cli.main.app", warn)
    main()
    assert told == ["PIL.Image", "derm.x"]


@pytest.mark.parametrize(("number", "name"), [(errno.EBADF, "a.csv"), (errno.ECONNRESET, None)])
def test_what_no_user_can_mend_keeps_its_frames(monkeypatch, number, name):
    def broken() -> None:
        raise OSError(number, "it is ours", name)

    monkeypatch.setattr("derm.cli.main.app", broken)
    with pytest.raises(OSError, match="it is ours"):
        main()


def test_an_output_that_takes_no_more_is_one_sentence(capsys, monkeypatch):
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("derm.cli.main.app", full)
    assert sentence(capsys, monkeypatch) == (
        1,
        "derm: The answer cannot be written (No space left on device): send it to a place with room for it.",
    )
