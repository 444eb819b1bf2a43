"""`derm report-case` writes the documents, or says in one sentence why not."""

import json
import re
import sys
from pathlib import Path
from unittest.mock import patch
from zipfile import ZipFile

import pytest
from PIL import Image

from derm.cli.main import main
from derm.data.synthetic.lesion import draw_lesion
from derm.document.bundle import DOCUMENTS

pytestmark = pytest.mark.slow


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "mole.png"
    Image.fromarray(draw_lesion("nv", 1, height=90, width=120).image).save(path)
    return path


def run(*words: object) -> int:
    with patch.object(sys, "argv", ["derm", *map(str, words)]), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_the_documents_of_a_picture_are_written(picture, tmp_path, capsys):
    pytest.importorskip("typst")
    pytest.importorskip("highdicom")
    assert run("report-case", picture, "--out", tmp_path / "out", "--date", "2026-11-27") == 0
    names = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")}
    assert {"report.pdf", "case.json", "fhir.json", "outline.png"} <= names
    assert names <= {*DOCUMENTS, "dicom"}
    stale = tmp_path / "out" / "outline-edited.json"
    stale.write_text("{}")
    assert run("report-case", picture, "--out", tmp_path / "out") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "holds outline-edited.json of another picture or another time, which would stay among these files" in said
    stale.unlink()
    own = tmp_path / "out" / "outline.json"
    assert run("report-case", picture, "--out", tmp_path / "out", "--outline", own) == 1
    assert "outline.json is one of the files that this command reads" in " ".join(capsys.readouterr().err.split())
    assert run("report-case", picture, "--out", tmp_path / "zip", "--zip") == 0
    (path,) = (tmp_path / "zip").iterdir()
    assert re.fullmatch(r"Picture_[0-9a-f]{8}_documents\.zip", path.name)
    name = "P-0017 2026/11/27 left\\right arm"
    assert run("report-case", picture, "--out", tmp_path / "named", "--zip", "--name", name) == 0
    (path,) = (tmp_path / "named").iterdir()
    assert path.name == "P-0017_2026_11_27_left_right_arm_documents.zip"
    told = json.loads(ZipFile(path).read("case.json"))
    assert (told["file"], told["image_id"]) == (name, name)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--date", "27.11.2026", "year-month-day"),
        ("--date", "1979-12-31", "documents bear a day of the years 1980 to 2099"),
        ("--date", "9999-12-31", "documents bear a day of the years 1980 to 2099"),
        ("--diagnosis", "melanoma", "one of akiec"),
        ("--scale", "3", "0.002 to 0.2"),
        ("--name", " ", "--name is ' ': give 1 to 255 characters"),
        ("--name", "mole\x07", r"--name is 'mole\x07': give 1 to 255 characters that can be printed"),
        ("--name", "m" * 256, "give 1 to 255 characters"),
    ],
)
def test_a_wrong_option_is_named_with_its_cure(picture, tmp_path, capsys, option, value, said):
    assert run("report-case", picture, "--out", tmp_path / "out", option, value) != 0
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_the_scale_of_a_dicom_picture_reaches_its_documents(tmp_path):
    pydicom = pytest.importorskip("pydicom")
    pytest.importorskip("typst")
    pytest.importorskip("highdicom")
    assert run("report-case", dicom_picture(tmp_path / "a.dcm"), "--out", tmp_path / "told") == 0
    assert list(pydicom.dcmread(tmp_path / "told" / "dicom" / "picture.dcm").PixelSpacing) == [0.02, 0.02]
    assert run("report-case", tmp_path / "a.dcm", "--out", tmp_path / "said", "--scale", 0.05) == 0
    assert list(pydicom.dcmread(tmp_path / "said" / "dicom" / "picture.dcm").PixelSpacing) == [0.05, 0.05]


def dicom_picture(path: Path) -> Path:
    """A drawn lesion as a DICOM file with a scale, as the objects of a case hold it."""
    from datetime import date

    from derm.document.objects import dicom_objects
    from derm.image.scale import Scale
    from derm.model.weights import default_weights, load_weights
    from derm.predict.case import diagnose

    model = load_weights(default_weights())
    image = draw_lesion("nv", 1, height=90, width=120).image
    case = diagnose(model, image, "a.png", drawn=True, scale=Scale(0.02, "given"))
    objects = dicom_objects(case, model, b"%PDF", on=date(2026, 11, 27))
    path.write_bytes(objects.files()["picture.dcm"])
    return path
