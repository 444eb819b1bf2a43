"""Marks are bits by structure; what is none is refused with a cure."""

import shutil

import cv2
import numpy as np
import pytest

from derm.data.catalogue import read_catalogue
from derm.errors import DataFault
from derm.structures.marks import marked, marks_path, planes, read_marks


def test_bits_are_planes_in_the_order_of_the_table():
    found = planes(np.array([[0, 1], [18, 31]], dtype=np.uint8))
    assert found.shape == (5, 2, 2)
    assert found[:, 0, 0].tolist() == [False] * 5
    assert found[:, 0, 1].tolist() == [True, False, False, False, False]
    assert found[:, 1, 0].tolist() == [False, True, False, False, True]
    assert found[:, 1, 1].all()


def test_a_folder_tells_which_picture_shows_what(marked_folder):
    table, shown, rows = marked(read_catalogue(marked_folder))
    assert len(table) == len(shown) == len(rows) == 30
    assert shown.sum(axis=0).tolist() == [30, 0, 0, 0, 15]
    first = table["image_path"].iloc[1]
    assert planes(read_marks(first, (64, 64)))[4].sum() == 16 * 16


def test_data_without_marks_are_refused(drawn_catalogue):
    with pytest.raises(DataFault, match=r"marks no dermoscopic structures.*HAM10000 has no marks"):
        marked(drawn_catalogue)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "attributes among it"),
        (lambda path: cv2.imwrite(str(path), np.zeros((40, 40), np.uint8)), "another size than its picture"),
        (lambda path: cv2.imwrite(str(path), np.full((64, 64), 32, np.uint8)), "a structure beside the 5"),
    ],
)
def test_damaged_marks_are_refused_with_a_cure(marked_folder, tmp_path, spoil, said):
    folder = shutil.copytree(marked_folder, tmp_path / "copy")
    image = str(sorted((folder / "images").iterdir())[0])
    spoil(marks_path(image))
    with pytest.raises(DataFault, match=said):
        read_marks(image, (64, 64))
