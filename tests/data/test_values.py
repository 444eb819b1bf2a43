"""Cells as people write them: missing in each spelling, one value for each sex, ages in years or named."""

import numpy as np
import pandas as pd
import pytest

from derm.data.values import blank_missing, impossible, read_ages, read_sexes, spelled


@pytest.mark.parametrize(
    "cell", ["NA", "na", "N/A", "nan", "NaN", "None", "none", "null", "NULL", "Unknown", "", " ", "#N/A", "<NA>", "-"]
)
def test_missing_in_any_spelling(cell):
    assert blank_missing(pd.Series([cell, "back"])).tolist() == ["", "back"]


@pytest.mark.parametrize(
    ("cell", "seen"),
    [
        ("Mu\u0308ller", "M\u00fcller"), ("P\u200b1", "P1"), ("\ufeffP1", "P1"), ("P\u00ad1", "P1"), ("P\xa0 1", "P 1"),
        ("P  1", "P 1"), ("a\u200bb\u0301", "ab\u0301"), ("u\u200b\u0308", "\u00fc"), ("P1\ufe0f", "P1"),
        ("A\u200cB", "AB"), ("\u0645\u06cc\u200c\u0646", "\u0645\u06cc\u200c\u0646"), ("P1", "P1"), ("", ""),
    ],
)  # fmt: skip
def test_names_are_as_one_sees_them(cell, seen):
    assert spelled(pd.Series([cell, "p1"])).tolist() == [seen, "p1"]


def test_words_that_only_begin_as_a_missing_one_stay():
    cells = ["nape", "nonea", "nullipara", "NAS_1", "0"]
    assert blank_missing(pd.Series(cells)).tolist() == cells


def test_sexes_are_two_values_and_unknown():
    cells = ["Female", "FEMALE", "f", "F.", "woman", "male", "M", "Man", "NaN", "", "Diverse"]
    read = ["female"] * 5 + ["male"] * 3 + ["unknown"] * 2 + ["diverse"]
    assert read_sexes(pd.Series(cells)).tolist() == read


@pytest.mark.parametrize(
    ("cell", "years"),
    [
        ("70", 70), ("70.0", 70), ("70,0", 70), ("85+", 85), (">85", 85), ("60 years", 60), ("60y", 60), ("60 yrs", 60),
        ("60 Jahre", 60), ("60 years old", 60), ("-1", -1), ("999", 999), ("1e3", 1000), ("0", 0), ("inf", np.inf),
    ],
)  # fmt: skip
def test_ages_that_are_read(cell, years):
    ages = read_ages(pd.Series([cell]))
    assert ages.years.tolist() == [years]
    assert not ages.unread.any()


@pytest.mark.parametrize("cell", ["sixty", "60-65", "18 months", "1970-01-01", "60/61", "60 years ago", "5.5.1970"])
def test_ages_that_are_no_number_are_told_apart_from_missing_ones(cell):
    ages = read_ages(pd.Series([cell, "NA", ""]))
    assert ages.years.isna().all()
    assert ages.unread.tolist() == [True, False, False]


def test_ages_that_nobody_has():
    years = pd.Series([-1.0, 0.0, 120.0, 120.5, 999.0, np.inf, np.nan])
    assert impossible(years).tolist() == [True, False, False, True, True, True, False]
