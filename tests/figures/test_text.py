"""Figures and names as text."""

import pytest

from derm.figures.text import capital, percent, plain


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "under 1 %"),
        (0.005, "under 1 %"),
        (0.006, "1 %"),
        (0.6127, "61 %"),
        (0.994, "99 %"),
        (0.995, "over 99 %"),
        (1.0, "over 99 %"),
    ],
)
def test_percentages_are_rounded_and_never_certain(share, text):
    assert percent(share).replace("\N{NO-BREAK SPACE}", " ") == text


def test_names_cannot_format_a_page():
    assert plain("a_b*[x](http://y) :red[z] ø×") == r"a\_b\*\[x\]\(http\:\/\/y\) \:red\[z\] ø×"
    assert capital("basal cell") == "Basal cell"
