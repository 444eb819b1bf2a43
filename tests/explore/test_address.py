"""A view as an address and back, and what strangers may write there."""

import pytest

from derm.explore import address
from derm.explore.table import DIMENSIONS

OPTIONS = {dimension.key: ["a, b", "c"] for dimension in DIMENSIONS} | {"diagnosis": ["mel", "nv"]}
KNOWN = address.fields(OPTIONS, ["first", "other"], ["my moles"], {"ISIC_1"})

STATE = {
    "explore_view": "Results",
    "explore_filter_diagnosis": ["nv", "mel"],
    "explore_filter_site": ["a, b"],
    "explore_selection": "my moles",
    "explore_first": "other",
    "explore_results": "Matrix",
    "explore_cells": "Rates",
    "explore_rule": "Referral threshold",
    "explore_true": "mel",
    "explore_predicted": "nv",
    "explore_threshold": 0.024993280944374606,
    "explore_sort_cell": "Lowest loss first",
    "explore_page_cell": 3,
    "explore_opened": "ISIC_1",
}


def test_an_address_brings_the_view_back():
    written = address.address_of(STATE, KNOWN)
    found = address.follow(written, KNOWN)
    assert found.fault is None
    rounded = {**STATE, "explore_threshold": pytest.approx(STATE["explore_threshold"])}
    del rounded["explore_results"]  # what a view begins with is not written
    assert found.values == rounded
    assert written["diagnosis"] == ["nv", "mel"]
    assert written["site"] == ["a, b"]


def test_results_are_always_named_for_others_may_come_first_later():
    written = address.address_of({"explore_view": "Results", "explore_first": "first"}, KNOWN)
    assert written == {"view": ["Results"], "measured": ["first"]}
    later = address.fields(OPTIONS, ["newer", "first"], [], set())
    assert address.follow(written, later).values["explore_first"] == "first"


def test_a_view_writes_its_own_choices_only():
    assert address.address_of({}, KNOWN) == {}
    assert address.address_of({**STATE, "explore_view": "Quality"}, KNOWN) == {
        "view": ["Quality"],
        "diagnosis": ["nv", "mel"],
        "site": ["a, b"],
        "selection": ["my moles"],
        "picture": ["ISIC_1"],
    }
    data = {"explore_view": "Data", "explore_share": True, "explore_page_data": 1, "explore_data": "Pictures"}
    assert address.address_of(data, KNOWN) == {"share": ["yes"], "data": ["Pictures"]}
    assert address.follow({"share": ["yes"]}, KNOWN).values == {"explore_share": True}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"view": ["Nowhere"]}, "names view 'Nowhere', which is not there"),
        ({"view": ["Results"], "measured": ["gone"]}, "names measured 'gone'"),
        ({"measured": ["../../etc/passwd"]}, "names measured '../../etc/passwd'"),
        ({"picture": ["<script>alert(1)</script>"]}, "names picture '<script>"),
        ({"threshold": ["nan"]}, "names threshold 'nan'"),
        ({"threshold": ["1.5"]}, "names threshold '1.5'"),
        ({"threshold": ["0.1; drop"]}, "names threshold"),
        ({"page": ["0"]}, "names page '0'"),
        ({"page": ["2.5"]}, "names page '2.5'"),
        ({"page": ["9" * 400]}, "names page '999"),
        ({"truth": ["mel", "nv"]}, "names truth 'mel, nv'"),
        ({"diagnosis": ["mel", "cured"]}, "names diagnosis 'cured'"),
        ({"diagnosis": []}, "names diagnosis ''"),
        ({"utm\nsource": ["x"]}, "names 'utmsource', which this page does not know"),
        ({"diagnosis": ["mel"] * 300}, "has more parts than a view"),
    ],
)
def test_what_cannot_be_followed_is_one_sentence_and_nothing_of_it_is_taken_over(asked, told):
    found = address.follow({"cells": ["Rates"], **asked}, KNOWN)
    assert found.values == {}
    assert told in found.fault
    assert found.fault.endswith(": the view to begin with is shown instead.")
    assert len(found.fault) < 160


def test_numbers_are_read_as_such():
    found = address.follow({"page": ["2"], "threshold": ["2.5e-2"]}, KNOWN).values
    assert found == {"explore_page_data": 2, "explore_threshold": 0.025}
