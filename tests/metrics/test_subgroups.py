"""Bands and groups by hand; figures, counts, intervals and notes of each group; every guard."""

import math

import numpy as np
import pandas as pd
import pytest

from derm.data.catalogue import read_catalogue
from derm.errors import DataFault
from derm.metrics.subgroups import (
    AGE_BANDS,
    COLUMN_OF,
    COLUMNS,
    FEWEST_LESIONS,
    NO_FIGURE,
    NO_INTERVAL,
    TOO_FEW,
    age_band,
    measure_subgroups,
    subgroups,
)

FIVE = pd.DataFrame(
    {
        "age": [80.0, 30.0, math.nan, 29.0, 45.0],
        "sex": ["male", "female", "unknown", "male", "female"],
        "localization": ["back", "unknown", "back", "face", "ear"],
        "dataset": ["rosendahl"] * 5,
        "dx": ["mel", "nv", "bcc", "akiec", "df"],
    },
    index=[9, 8, 7, 6, 5],
)


def many(rows, **columns):
    """A table of `rows` equal rows but for `columns`."""
    equal = {"age": 50.0, "sex": "male", "localization": "back", "dataset": "rosendahl", "dx": "nv"}
    return pd.DataFrame({**equal, **columns}, index=range(rows))


def names(count):
    return np.array([f"lesion {number}" for number in range(count)])


@pytest.mark.parametrize(
    ("age", "band"),
    [
        (0, "0–29"),
        (29, "0–29"),
        (29.5, "0–29"),
        (30, "30–44"),
        (44, "30–44"),
        (45, "45–59"),
        (59, "45–59"),
        (60, "60–74"),
        (74, "60–74"),
        (75, "75+"),
        (104, "75+"),
        (math.nan, "unknown"),
    ],
)
def test_each_age_has_its_band(age, band):
    assert age_band(age) == band


@pytest.mark.parametrize("age", [-1, math.inf])
def test_what_is_no_age_is_refused(age):
    with pytest.raises(DataFault, match=f"An age of {age} is not a number of years from 0: correct it in the table"):
        age_band(age)


def test_groups_by_hand():
    # The numbers are places in the table, whatever its index says; 'unknown' comes last, the young before the old.
    assert [(dimension, value, rows.tolist()) for dimension, value, rows in subgroups(FIVE)] == [
        ("age", "0–29", [3]),
        ("age", "30–44", [1]),
        ("age", "45–59", [4]),
        ("age", "75+", [0]),
        ("age", "unknown", [2]),
        ("sex", "female", [1, 4]),
        ("sex", "male", [0, 3]),
        ("sex", "unknown", [2]),
        ("site", "back", [0, 2]),
        ("site", "ear", [4]),
        ("site", "face", [3]),
        ("site", "unknown", [1]),
        ("source", "rosendahl", [0, 1, 2, 3, 4]),
    ]


def test_each_dimension_holds_every_row_once(drawn_catalogue):
    groups = subgroups(drawn_catalogue.table)
    for dimension in COLUMN_OF:
        rows = np.concatenate([group.rows for group in groups if group.dimension == dimension])
        assert sorted(rows) == list(range(len(drawn_catalogue.table)))


def test_a_table_without_rows_has_no_group():
    assert subgroups(FIVE.iloc[:0]) == []
    found = measure_subgroups(lambda rows: {"one": 1.0}, FIVE.iloc[:0], np.zeros(0, dtype=str))
    assert found.empty
    assert tuple(found.columns) == COLUMNS


def test_counts_and_figures_by_hand():
    values = np.array([1.0, 2.0, 3.0, 4.0, 6.0])
    lesions = np.array(["a", "b", "b", "a", "c"])
    found = measure_subgroups(lambda rows: {"mean": values[rows].mean(), "n": len(rows)}, FIVE, lesions, replicates=5)
    assert tuple(found.columns) == COLUMNS
    assert found.groupby(["dimension", "group"], sort=False)["figure"].apply(list).tolist() == [["mean", "n"]] * 13
    means = found[found["figure"] == "mean"].set_index(["dimension", "group"])
    # Both pictures of men show lesion a, a melanoma and an actinic keratosis; those of women show b and c, benign.
    columns = ["images", "lesions", "malignant", "value"]
    assert means.loc[("sex", "male"), columns].tolist() == [2, 1, 2, 2.5]
    assert means.loc[("sex", "female"), columns].tolist() == [2, 2, 0, 4]
    assert means.loc[("source", "rosendahl"), columns].tolist() == [5, 3, 3, 16 / 5]
    assert found["low"].isna().all()
    assert found["high"].isna().all()
    assert set(found["note"]) == {TOO_FEW}


def test_enough_is_counted_in_lesions_not_in_images():
    # 40 pictures of 19 lesions are too few, 20 pictures of 20 lesions are enough.
    table = many(60, sex=["female"] * 40 + ["male"] * 20)
    lesions = np.append(names(FEWEST_LESIONS - 1)[np.arange(40) % 19], [f"another {number}" for number in range(20)])
    found = measure_subgroups(lambda rows: {"one": 1.0}, table, lesions, replicates=10).set_index("group")
    assert found.loc["female", ["images", "lesions", "note"]].tolist() == [40, 19, TOO_FEW]
    assert math.isnan(found.loc["female", "low"])
    assert found.loc["male", ["images", "lesions", "low", "high", "note"]].tolist() == [20, 20, 1, 1, ""]


def test_the_interval_is_that_of_the_groups_rows_alone():
    # 400 men, half of them 1: standard error 0.5 / √400, interval 0.5 ± 0.049. The 100 women are all 7.
    values = np.append(np.arange(400) % 2, np.full(100, 7))
    table = many(500, sex=["male"] * 400 + ["female"] * 100)
    found = measure_subgroups(lambda rows: {"mean": values[rows].mean()}, table, names(500), replicates=1000)
    found = found.set_index("group")
    assert found.loc["female", ["value", "low", "high"]].tolist() == [7, 7, 7]
    assert found.loc["male", "value"] == 1 / 2
    assert found.loc["male", "low"] == pytest.approx(0.5 - 0.049, abs=0.008)
    assert found.loc["male", "high"] == pytest.approx(0.5 + 0.049, abs=0.008)


def test_an_undefined_figure_is_no_number_and_says_why():
    # Of 20 lesions a resample misses one with (19/20)^20 = 0.36; it holds two given ones with 0.41, less than half.
    def measure(rows):
        return {
            "never": None,
            "seldom": 1.0 if {0, 1} <= set(rows) else None,
            "often": 2.0 if 0 in rows else None,
        }

    found = measure_subgroups(measure, many(20), names(20), replicates=400)
    found = found[found["dimension"] == "source"].set_index("figure")
    assert found["note"].to_dict() == {"never": NO_FIGURE, "seldom": NO_INTERVAL, "often": ""}
    assert found["value"].fillna(-1).to_dict() == {"never": -1, "seldom": 1, "often": 2}
    assert found["low"].fillna(-1).to_dict() == {"never": -1, "seldom": -1, "often": 2}


def test_a_figure_defined_only_in_resamples_has_no_interval():
    # A resample of 20 lesions that draws each once is all but impossible: most lack a row that the group has.
    def measure(rows):
        return {"only repeated": None if len(set(rows)) == len(rows) else 1.0}

    found = measure_subgroups(measure, many(20), names(20), replicates=20)
    assert set(found["note"]) == {NO_FIGURE}
    assert found[["value", "low", "high"]].isna().all(axis=None)


def test_progress_is_told_group_by_group():
    told = []
    measure_subgroups(lambda rows: {}, FIVE, names(5), progress=lambda done, total: told.append((done, total)))
    assert told == [(done, 13) for done in range(1, 14)]


def test_wrong_tables_are_refused():
    with pytest.raises(ValueError, match=r"the table lacks the column\(s\) sex, dataset: pass a catalogue's table"):
        subgroups(FIVE.drop(columns=["sex", "dataset"]))
    with pytest.raises(ValueError, match=r"the table lacks the column\(s\) dx"):
        measure_subgroups(lambda rows: {}, FIVE.drop(columns="dx"), names(5))
    with pytest.raises(ValueError, match="4 lesions for 5 rows: pass the lesion of each row"):
        measure_subgroups(lambda rows: {}, FIVE, names(4))


@pytest.mark.real
def test_the_real_data_fall_into_these_groups(ham10000):
    table = read_catalogue(ham10000).table
    sizes = {(group.dimension, group.value): len(group.rows) for group in subgroups(table)}
    assert [sizes["age", band] for band in [*AGE_BANDS, "unknown"]] == [659, 2202, 3495, 2290, 1312, 57]
    assert sizes["sex", "unknown"] == 57
    assert sizes["site", "unknown"] == 234
    assert {value: size for (dimension, value), size in sizes.items() if dimension == "source"} == {
        "rosendahl": 2259,
        "vidir_modern": 3363,
        "vidir_molemax": 3954,
        "vienna_dias": 439,
    }
    assert len(sizes) == 6 + 3 + 15 + 4
