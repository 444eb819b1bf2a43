"""Figures and names as text."""

import pytest

from derm.figures.text import capital, counted_percent, counted_share, in_code, in_markdown, percent, plain


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
    for taken in ("http://y.z", "HTTPS://y.z", "www.y.z", "me@x.de", "a@-b.de", ":material_home:", ":smile:",
                  ":+1:", ":100:", ":x:", "a -> b", "a <-> b", "a <- b", "a -- b", "a >= b", "a <= b", "a ~= b",
                  "a\ufeff-> b", "a <-\ufeffb"):  # fmt: skip
        apart = plain(taken).replace("\\", "")
        assert apart.count("\N{WORD JOINER}") == 1
        assert apart.replace("\N{WORD JOINER}", "") == taken
    for left in ("10:30:15", "a--b", "--resume", "a->b", "x@", "5 > 3", "C:x"):
        assert "\N{WORD JOINER}" not in plain(left)
    assert plain("a_b*[x](ftp://y) :red[z] ø×") == r"a\_b\*\[x\]\(ftp\:\/\/y\) \:red\[z\] ø×"
    assert capital("basal cell") == "Basal cell"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("isic2018_task1, clinic-2 (0.12 – 0.34)", "isic2018_task1, clinic-2 (0.12 – 0.34)"),
        ("-0.12", "-0.12"),
        ("a|b*c` [d](e) _f_", r"a\|b\*c\` \[d\](e) \_f\_"),
        ("<img src=x> & &lt;", "&lt;img src=x> & &amp;lt;"),
        ("a\n\n# b\x1bc", "a  # b c"),
        ("# a", r"\# a"),
        ("  ~~~ a", r"\~~~ a"),
        ("1. a", r"1\. a"),
        ("---", r"\---"),
        ("- a", r"\- a"),
        ("> a", r"\> a"),
    ],
)
def test_a_name_is_text_in_a_markdown_file(text, written):
    assert in_markdown(text) == written


def test_a_name_between_backticks_does_not_end_them():
    assert in_code("a`b\nc") == "a'b c"
