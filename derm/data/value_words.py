"""Values of a data set's table as people say them.

Knows the values that HAM10000 has and Derm's own; any other text is a name that people gave, and stays.
"""

from derm.language.speech import mark, say

OLDEST = 120.0
"""Years: no age above is possible. 999, 888 and -1 are codes for a missing one."""

VALUES = frozenset(
    (
        mark("female"), mark("male"), mark("unknown"), mark("train"), mark("validation"), mark("test"), mark("abdomen"),
        mark("acral"), mark("back"), mark("chest"), mark("ear"), mark("face"), mark("foot"), mark("genital"),
        mark("hand"), mark("lower extremity"), mark("neck"), mark("scalp"), mark("trunk"), mark("upper extremity"),
        mark("one image"), mark("several images"), mark("by image"), mark("by lesion"),
    )
)  # fmt: skip
"""Sexes, parts, sites, images of a lesion, ways to split."""


def value_called(value: str) -> str:
    """One of `VALUES` in the language now spoken; any other as it is, as the name of a source, even where it is a word
    that the catalogues have."""
    return say(value) if value in VALUES else value
