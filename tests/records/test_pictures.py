"""Kept pictures with the outline that stands: the answer's, the corrected one dashed, or none."""

import numpy as np

from derm.predict.packed import pack
from derm.records.pictures import with_outline

PICTURE = {"width": 60, "height": 40}


def outline(first: int) -> bytes:
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, first : first + 20] = True
    return pack(mask)


def test_the_outline_that_stands_is_drawn():
    grey = np.full((80, 120, 3), 120, dtype=np.uint8)
    assert with_outline(grey, PICTURE, [], []) is grey
    answers = [{"outline": outline(0)}, {"outline": outline(5)}]
    drawn = with_outline(grey, PICTURE, answers, [])
    assert (drawn[:, 8:13] != 120).any()  # the last answer's begins at column 10 of a picture twice as large
    assert (drawn[:, 60:] == 120).all()
    words_alone = [{"outline": None}]
    assert np.array_equal(with_outline(grey, PICTURE, answers, words_alone), drawn)
    corrected = with_outline(grey, PICTURE, answers, [{"outline": outline(35)}, *words_alone])
    assert (corrected[:, :60] == 120).all()
    assert 0 < (corrected != 120).any(axis=2).sum() < (drawn != 120).any(axis=2).sum()  # dashed
