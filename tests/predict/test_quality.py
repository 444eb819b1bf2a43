"""The quality of pictures as a table, and the notes that make no answer doubtful."""

import csv
import io
import json
import sys
import zipfile
from dataclasses import replace
from unittest.mock import patch

import cv2
import numpy as np
import pytest
from pictures import encoded
from PIL import Image

from derm.cli.main import main
from derm.cli.quality import _rows
from derm.data.artefacts import draw_ruler
from derm.data.synthetic.lesion import draw_lesion
from derm.image.marks import Marks, measure_marks
from derm.predict.case import Case
from derm.predict.folder import survey
from derm.predict.quality import COLUMNS, Note, counted, note_sentences, notes_of, quality_csv, quality_row, refused_row
from tests.cases import case_with


@pytest.fixture(scope="module")
def drawn() -> Case:
    lesion = draw_lesion("nv", 4)
    return replace(case_with({"nv": 1.0}, lesion.mask), image=lesion.image)


def inked(case: Case, colour=(92, 48, 150)) -> Case:
    """With a marker's stroke of 4 × 20 pixels in a corner of the skin."""
    image = case.image.copy()
    rows, columns = np.nonzero(case.mask)
    image[: rows.min() - 2, columns.min() : columns.min() + 20] = colour
    return replace(case, image=image)


def test_plain_skin_bears_no_note(drawn):
    marks = measure_marks(drawn.image, drawn.mask)
    assert marks.ink < 0.001
    assert Note.INK not in notes_of(drawn, 64)


def test_ink_is_noted_beside_the_lesion_and_not_in_it(drawn):
    assert Note.INK in notes_of(inked(drawn), 64)
    blue = drawn.image.copy()
    inner = cv2.erode(drawn.mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    blue[inner] = (60, 70, 130)
    assert Note.INK not in notes_of(replace(drawn, image=blue), 64)


def test_light_that_turns_the_whole_picture_blue_is_no_ink(drawn):
    cast = np.clip(drawn.image * np.array([0.8, 0.9, 1.6]), 0, 255).astype(np.uint8)
    assert Note.INK not in notes_of(replace(drawn, image=cast), 64)


def test_rulers_are_told_from_skin():
    found, without = [], []
    for seed in range(8):
        skin = draw_lesion("nv", seed, height=224, width=224)
        without.append(measure_marks(skin.image, skin.mask).ruler)
        ruled = draw_ruler(skin.image.copy(), np.random.default_rng(seed))
        found.append(measure_marks(ruled, skin.mask).ruler)
    assert np.median(found) > 0.6
    assert np.median(without) < 0.6


@pytest.mark.parametrize("shade", [0, 130, 255])
def test_a_picture_of_one_shade_has_no_marks(shade):
    picture = np.full((60, 80, 3), shade, np.uint8)
    assert measure_marks(picture, np.zeros((60, 80), bool)) == Marks(0.0, 0.0)
    assert measure_marks(picture, np.ones((60, 80), bool)) == Marks(0.0, 0.0)


def test_few_pixels_are_noted_with_the_cure(drawn):
    short = min(drawn.mask.shape)
    assert Note.FEW_PIXELS not in notes_of(drawn, short)
    assert Note.FEW_PIXELS in notes_of(drawn, short + 1)
    assert "take it again closer" in note_sentences(drawn, short + 1)[0]


def test_a_row_has_every_column_and_says_what_to_do(drawn):
    row = quality_row(drawn, "a.png", 10_000)
    assert list(row) == [column.name for column in COLUMNS]
    assert (row["width"], row["height"], row["lesions"]) == (drawn.mask.shape[1], drawn.mask.shape[0], 1)
    assert row["usable"]
    assert "few_pixels" in row["notes"]
    dark = replace(drawn, image=(drawn.image * 0.1).astype(np.uint8))
    told = quality_row(dark, "b.png", 10)
    assert "too_dark" in told["doubts"]
    assert not told["usable"]
    assert "more light or a longer exposure" in told["what_to_do"]
    rows = [row, told, refused_row("c.png", "c.png is empty: copy it again.")]
    table = list(csv.DictReader(io.StringIO(quality_csv(rows))))
    assert [one["usable"] for one in table] == ["yes", "no", "no"]
    assert table[2]["width"] == ""
    assert counted(rows)["unreadable"] == 1


def run(*words: object) -> int:
    with patch.object(sys, "argv", ["derm", *map(str, words)]), pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_a_folder_becomes_a_table_with_a_row_for_each_file(tiny_weights, tmp_path, capsys):
    folder = tmp_path / "Anna Rossi"
    folder.mkdir()
    Image.fromarray(draw_lesion("nv", 1, height=90, width=120).image).save(folder / "Anna Rossi.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    table = tmp_path / "quality.csv"
    assert run("quality", folder, "--out", table, "--weights", tiny_weights) == 1
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    assert [bool(row["error"]) for row in rows] == [False, True]
    assert "of 2 pictures can be judged" in capsys.readouterr().out
    assert run("quality", folder, "--json", "--nameless", "--weights", tiny_weights) == 1
    told = capsys.readouterr().out
    assert len(json.loads(told)) == 2
    assert "Rossi" not in told


def test_without_names_no_sentence_names_a_file_or_the_archive_that_it_is_in(tiny_model, tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        packed.writestr("Anna Rossi.png", encoded(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8)))
    spoiled = bytearray(content.getvalue())
    spoiled[100:400] = bytes(300)  # its checksum is wrong
    (tmp_path / "Rossi.zip").write_bytes(spoiled)
    found = survey([tmp_path / "Rossi.zip", tmp_path / "Rossi.png"]).files
    rows = list(_rows(tiny_model, found, nameless=True))
    assert [row["file"] for row in rows] == ["Picture 1", "Picture 2"]
    assert not [value for row in rows for value in row.values() if "Rossi" in str(value)]
    assert "Rossi.zip is damaged" in str(next(_rows(tiny_model, found, nameless=False))["error"])
