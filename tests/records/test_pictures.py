"""Kept pictures with the outline that stands: the answer's, the corrected one dashed, or none."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from derm.errors import DermError, RecordsFault
from derm.predict.packed import pack
from derm.records import pictures
from derm.records.pictures import outline_in, with_outline

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


DRAWN = np.zeros((40, 60), dtype=np.uint8)
DRAWN[10:20, 10:30] = 255


def stored(picture: Image.Image, kind: str = "PNG", **how: object) -> bytes:
    stream = BytesIO()
    picture.save(stream, format=kind, **how)
    return stream.getvalue()


def with_palette(black: tuple[int, int, int]) -> Image.Image:
    found = Image.fromarray((DRAWN > 0).astype(np.uint8), "P")
    found.putpalette([*black, 255, 255, 255])
    return found


def turned() -> bytes:
    how = Image.Exif()
    how[0x112] = 6  # the first row is on the right
    return stored(Image.fromarray(np.rot90(DRAWN)), exif=how)


@pytest.mark.parametrize(
    "content",
    [
        stored(Image.fromarray(DRAWN)),
        stored(Image.fromarray(DRAWN).convert("1")),
        stored(with_palette((0, 0, 0)), bits=1),
        stored(with_palette((0, 0, 0))),
        stored(Image.fromarray(DRAWN // 255)),
        stored(Image.fromarray(DRAWN.astype(np.uint16) * 257)),
        stored(Image.fromarray(np.dstack([DRAWN, DRAWN, DRAWN, np.full_like(DRAWN, 255)]))),
        stored(Image.fromarray(DRAWN), "GIF"),
        stored(Image.fromarray(DRAWN), "BMP"),
        turned(),
    ],
    ids=[
        "grey",
        "1 bit",
        "palette of 1 bit",
        "palette",
        "label 1",
        "16 bits",
        "colour",
        "GIF",
        "BMP",
        "turned by EXIF",
    ],
)
def test_an_outline_from_elsewhere_is_taken_as_masks_are_stored(content):
    assert np.array_equal(outline_in(content, "a.png", PICTURE), DRAWN > 0)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (stored(Image.fromarray(DRAWN // 2 + 1)), "is no outline"),
        (stored(Image.fromarray(DRAWN * 0 + 255).convert("1")), "is no outline"),
        (stored(with_palette((9, 9, 9))), "is no outline"),
        (stored(Image.fromarray(np.arange(2400, dtype=np.uint8).reshape(40, 60))), "without grey"),
        (stored(Image.fromarray(DRAWN * 0)), "is all black"),
        (stored(Image.fromarray(DRAWN * 0).convert("1")), "is all black"),
        (b"words", "is no picture"),
    ],
)
def test_what_is_no_outline_is_said(content, said):
    with pytest.raises(DermError, match=said):
        outline_in(content, "a.png", PICTURE)


def test_an_outline_of_another_size_is_refused_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(pictures, "mask_values", None)  # nothing that could decode
    with pytest.raises(RecordsFault, match="The outline has 6000 × 6000 pixels, the picture 60 × 40: draw it"):
        outline_in(stored(Image.new("1", (6000, 6000))), "a.png", PICTURE)
