"""Concepts as figures: the network by another mark, brackets for chance, less to the left."""

import pytest

from derm.figures.concepts import (
    SpannedPoint,
    VectorCell,
    beside_network,
    by_themselves,
    change_steps,
    vector_map,
)


@pytest.mark.parametrize("dark", [False, True])
def test_concepts_stand_beside_the_network(dark):
    figure = beside_network([SpannedPoint("a", 0.7, 0.6, 0.75)], [SpannedPoint("a", 0.9, 0.8, 0.95)], dark=dark)
    concepts, network = figure.data
    assert concepts.marker.symbol != network.marker.symbol
    assert list(concepts.x) == [0.7]
    assert network.error_x.arrayminus[0] == pytest.approx(0.1)


def test_sources_differ_by_symbol_and_a_half_is_marked():
    figure = by_themselves({"here": {"Streaks": 0.6}, "<b>there": {"Streaks": 0.7, "Border": 0.4}}, dark=False)
    assert len({trace.marker.symbol for trace in figure.data}) == 2
    assert "<" not in figure.data[1].name.replace("&lt;", "")
    assert figure.layout.shapes[0].x0 == 0.5
    assert list(figure.layout.yaxis.categoryarray) == ["Streaks", "Border"]


def test_what_chance_gives_is_in_brackets():
    cells = [VectorCell("nevus", "Streaks", 0.25, True), VectorCell("melanoma", "Globules", 0.75, False)]
    figure = vector_map(cells, dark=True)
    (drawn,) = figure.data
    assert [one.text for one in figure.layout.annotations] == ["(0.25)", "0.75"]
    assert [list(line) for line in drawn.text] == [["(0.25)", ""], ["", "0.75"]]
    assert drawn.z[0][1] is None


def test_less_goes_to_the_left():
    figure = change_steps([("Streaks", -1.25), ("Size", 0.5)], dark=False)
    (bars,) = figure.data
    assert list(bars.text) == ["−1.2", "+0.5"]
    low, high = figure.layout.xaxis.range
    assert low < -1.25 < 0.5 < high
    assert low == -high
