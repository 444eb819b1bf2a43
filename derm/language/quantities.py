"""Counts with their nouns, '1 lesion', '2,004 pictures', and names in a row or to choose from.

Needs `speech`. In German each form is nominative and accusative alike.
"""

from collections.abc import Sequence

from derm.language.speech import say, say_many


def images_counted(count: int) -> str:
    """'1 image', '2,004 images'."""
    return say_many("{count:,} image", "{count:,} images", count)


def lesions_counted(count: int) -> str:
    """'1 lesion', '2,004 lesions'."""
    return say_many("{count:,} lesion", "{count:,} lesions", count)


def patients_counted(count: int) -> str:
    """'1 patient', '2,004 patients'."""
    return say_many("{count:,} patient", "{count:,} patients", count)


def pictures_counted(count: int) -> str:
    """'1 picture', '2,004 pictures'."""
    return say_many("{count:,} picture", "{count:,} pictures", count)


def rows_counted(count: int) -> str:
    """'1 row', '2,004 rows'."""
    return say_many("{count:,} row", "{count:,} rows", count)


def visits_counted(count: int) -> str:
    """'1 visit', '2,004 visits'."""
    return say_many("{count:,} visit", "{count:,} visits", count)


def listed(names: Sequence[str]) -> str:
    """Names that were said already, in a row: 'a', 'a and b', 'a, b and c'; raises ValueError without any."""
    *most, last = names
    return say("{most} and {last}", most=", ".join(most), last=last) if most else last


def either(names: Sequence[str]) -> str:
    """Names that were said already, one of which counts: 'a', 'a or b', 'a, b or c'; raises ValueError without any."""
    *most, last = names
    return say("{most} or {last}", most=", ".join(most), last=last) if most else last
