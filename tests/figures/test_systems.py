"""Systems side by side: highest on top, ours by another mark, leaks apart from all."""

import pytest

from derm.figures.systems import SystemPoint, system_points

POINTS = [
    SystemPoint("Ours", 0.7, (0.6, 0.75), 0.8, True),
    SystemPoint("<b>A</b>", 0.9, None, None, False),
    SystemPoint("B", 0.5, (0.4, 0.6), None, False),
]


@pytest.mark.parametrize("dark", [False, True])
def test_each_system_is_a_point_with_its_interval(dark):
    figure = system_points(POINTS, "Accuracy", dark=dark)
    ours, others, leaking = figure.data
    assert (list(ours.x), list(ours.y)) == ([0.7], ["Ours"])
    assert ours.error_x.array[0] == pytest.approx(0.05)
    assert ours.error_x.arrayminus[0] == pytest.approx(0.1)
    assert ours.marker.symbol != others.marker.symbol
    assert (list(leaking.x), "leaks" in leaking.name) == ([0.8], True)
    assert list(figure.layout.yaxis.categoryarray) == ["B", "Ours", "&lt;b&gt;A&lt;/b&gt;"]


def test_without_a_split_by_image_nothing_is_said_of_it():
    assert len(system_points(POINTS[1:], "Accuracy", dark=False).data) == 1
