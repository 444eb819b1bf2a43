"""No command writes over what it reads, by whatever name or link the place goes; what Derm renews may be renewed."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image
from typer.testing import CliRunner

from derm.cli.main import app
from derm.cli.targets import refuse_read
from derm.errors import ConfigFault

READ = "is one of the files that this command reads: name another place to write to."

INPUTS = (
    "data/derm.csv",
    "data/GroundTruth.csv",
    "w.json",
    "w.safetensors",
    "w-0123abcd.safetensors",
    "w.onnx.json",
    "metrics.json",
    "one/metrics.json",
    "two/predictions.csv",
    "explained/summary.json",
    "study/study.json",
    "study/opinions.jsonl",
    "library/library.json",
    "list.csv",
    "flicker.gif",
    "zoo/proxy/measured.json",
)


@pytest.fixture
def there(tmp_path, monkeypatch) -> Path:
    """A working folder in which every input lies, whatever it holds: refusing comes before reading."""
    monkeypatch.chdir(tmp_path)
    for name in INPUTS:
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name)
    return tmp_path


REPORT = "report --data data --results one --explained explained --weights w.json"


@pytest.mark.parametrize(
    "words",
    [
        "data split data --out data/derm.csv",
        "data split data --out data/GroundTruth.csv",
        "data split data --out data/diagnoses.csv",
        "data duplicates data --weights w.json --out data/derm.csv",
        "data duplicates data --weights w.json --out w.json",
        "compare one two --out one/metrics.json",
        "compare one two --out two/../two/predictions.csv",
        "compare-visits list.csv flicker.gif --weights w.json --out .",
        f"{REPORT} --card w.json",
        f"{REPORT} --card w-0123abcd.safetensors",
        f"{REPORT} --page explained/summary.json",
        f"{REPORT} --page data/derm.csv",
        "study export study --out study/opinions.jsonl",
        "study export study --out study/study.json",
        "predict list.csv --weights w.json --out list.csv",
        "predict list.csv --weights w.safetensors --out w.json",
        "quality list.csv --weights w.json --out list.csv",
        "structures find list.csv --weights w.json --out list.csv",
        "structures train --data data --weights w.json --out w.json",
        "concepts measure --data data --weights w.json --out w.json",
        "concepts learn --data data --weights w.json --out w.json",
        "measures --data data --out data/derm.csv",
        "measures --data data --worth data/derm.csv",
        "library worth --data data --library library --weights w.json --out library/library.json",
        "ship w.json --out w.json",
        "soup metrics.json w.json --out w.json",
        "adapt --data data --weights w.json --out w.json",
        "export --weights w.onnx.json --out w.onnx",
        "evaluate --data data --weights metrics.json --out .",
        "explain --data data --weights explained/summary.json --out explained",
        "zoo table --results zoo --out zoo/proxy/measured.md",
    ],
)
def test_a_command_keeps_what_it_reads(there, words):
    if words.startswith("export"):
        pytest.importorskip("onnx")
    done = CliRunner().invoke(app, words.split())
    assert isinstance(done.exception, ConfigFault), done.output
    assert READ in str(done.exception)
    assert all((there / name).read_text() == name for name in INPUTS)


def test_small_pictures_of_similar_cases_spare_the_picture_that_was_asked_about(tmp_path, monkeypatch):
    place = tmp_path / "01_mel.jpg"
    Image.new("RGB", (64, 64)).save(place)
    former = place.read_bytes()
    found = SimpleNamespace(diagnosis=SimpleNamespace(code="mel"), row=0)
    for name, given in (
        ("model.weights.load_weights", None),
        ("predict.case.diagnose", None),
        ("predict.library.open_library", SimpleNamespace(picture=lambda _: b"another")),
        ("predict.similar.similar_to", [found]),
    ):
        monkeypatch.setattr(f"derm.{name}", lambda *_, given=given: given)
    words = ["similar", place, "--library", tmp_path, "--weights", tmp_path / "w.json", "--pictures", tmp_path]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert READ in str(done.exception)
    assert place.read_bytes() == former


def test_small_pictures_of_two_lists_do_not_lie_together(tmp_path, monkeypatch):
    place, pictures = tmp_path / "mole.png", tmp_path / "small"
    Image.new("RGB", (64, 64)).save(place)
    found = [SimpleNamespace(diagnosis=SimpleNamespace(code=code), row=code) for code in ("mel", "nv")]
    for name, given in (
        ("model.weights.load_weights", lambda *_: None),
        ("predict.case.diagnose", lambda *_: None),
        ("predict.library.open_library", lambda *_: SimpleNamespace(picture=lambda row: row.encode())),
        ("predict.similar.similar_to", lambda *_: found),
        ("predict.similar_words.in_lines", lambda *_: []),
    ):
        monkeypatch.setattr(f"derm.{name}", given)
    words = ["similar", place, "--library", tmp_path, "--weights", tmp_path / "w.json", "--pictures", pictures]
    for _ in range(2):
        assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0
    found[1].diagnosis.code = "df"
    done = CliRunner().invoke(app, list(map(str, words)))
    assert "holds 02_nv.jpg of another picture or another time" in str(done.exception)
    assert sorted(path.name for path in pictures.iterdir()) == ["01_mel.jpg", "02_nv.jpg"]


def test_links_lead_to_what_is_read_and_others_are_written(tmp_path):
    read, other = tmp_path / "derm.csv", tmp_path / "near_duplicates.csv"
    for place in (read, other):
        place.write_text("it")
    (tmp_path / "link.csv").symlink_to(read)
    os.link(read, tmp_path / "hard.csv")
    for name in ("derm.csv", "link.csv", "hard.csv"):
        with pytest.raises(ConfigFault, match=f"{name} is one of the files that this command reads"):
            refuse_read([tmp_path / name], [read])
    with pytest.raises(ConfigFault, match="is one of the files"):
        refuse_read([read], [tmp_path / "link.csv"])
    refuse_read([other, tmp_path / "new.csv"], [read, tmp_path, tmp_path / "gone.csv"])
