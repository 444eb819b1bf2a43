"""The scale of a picture from a line along a ruler."""

import math

import pytest

from derm.errors import EntryRefused
from derm.image.scale import END, scale_of_line


def test_a_line_of_known_length_tells_the_scale():
    scale = scale_of_line([100, 50, 400, 450], 10, 450, 600)
    assert scale.mm_per_pixel == 10 / 500
    assert (scale.source, scale.line, scale.length_mm) == ("ruler", (100, 50, 400, 450), 10)
    assert scale.error == pytest.approx(math.sqrt(2) * END * 600 / 500)


@pytest.mark.parametrize(
    ("line", "mm", "said"),
    [
        (None, 10, "There is no line"),
        ([0, 0, 1], 10, "There is no line"),
        ([0, 0, float("inf"), 1], 10, "There is no line"),
        ([0, 0, 100, 0], None, "no number of millimetres"),
        ([0, 0, 100, 0], -1, "no number of millimetres"),
        ([0, 0, 100, 0], 10**400, "no number of millimetres"),
        ([0, 0, 700, 0], 10, "leaves the picture"),
        ([0, 0, 20, 0], 1, "20 pixels long, too short to tell a scale: draw one of at least 30"),
        ([0, 0, 100, 0], 50, "would make a pixel 0.5 mm"),
        ([0, 0, 600, 0], 1, "would make a pixel 0.0017 mm"),
    ],
)
def test_what_tells_no_scale_is_refused_with_the_cure(line, mm, said):
    with pytest.raises(EntryRefused, match=said):
        scale_of_line(line, mm, 450, 600)
