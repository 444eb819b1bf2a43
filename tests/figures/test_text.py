"""Figures and names as text."""

import pytest

from derm.figures.text import capital, counted_percent, counted_share, percent, plain


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


@pytest.mark.parametrize(
    ("share", "text", "to_the_tenth"),
    [
        (0.0, "0", "0.0%"),
        (1e-9, "under 0.01", "under 0.01%"),
        (0.0004, "0.04", "0.04%"),
        (0.004, "0.4", "0.4%"),
        (0.5, "50", "50.0%"),
        (0.996, "99.6", "99.6%"),
        (0.9996, "99.96", "99.96%"),
        (0.99967, "99.97", "99.97%"),
        (1 - 1e-9, "over 99.99", "over 99.99%"),
        (1.0, "100", "100.0%"),
    ],
)
def test_a_counted_share_is_called_all_or_none_only_where_it_is(share, text, to_the_tenth):
    assert counted_percent(share) == text
    assert counted_share(share, 1) == to_the_tenth


def test_names_cannot_format_a_page():
    assert plain("a_b*[x](http://y) :red[z] ø×") == r"a\_b\*\[x\]\(http\:\/\/y\) \:red\[z\] ø×"
    assert capital("basal cell") == "Basal cell"
