"""Where the cells of a heat map lie on the picture, worked out by hand and found again."""

import numpy as np
import pytest

from derm.explain.cell_offset import disagreement, fit_shift, turned_maps
from derm.explain.gradcam import heat_map_of
from derm.image.resize import place_cells, unsquare


def test_without_a_shift_cells_are_enlarged_as_masks_are():
    cells = np.random.default_rng(0).random((5, 5), dtype=np.float32)
    np.testing.assert_array_equal(place_cells(cells, 60, 80, 0.0), unsquare(cells, 60, 80))
    np.testing.assert_allclose(place_cells(cells, 60, 80, 1e-9), unsquare(cells, 60, 80), atol=1e-5)


def test_a_single_cell_is_the_whole_picture():
    assert (place_cells(np.full((1, 1), 0.5, dtype=np.float32), 3, 4, 0.25) == 0.5).all()


def test_a_shift_of_a_quarter_moves_a_ramp_by_a_quarter_of_its_step():
    # Cells 0, 1, 2, 3 on eight pixels: pixel k lies at (k + 1/2) / 2 - 1/2 cells, a quarter further with the shift.
    cells = np.tile(np.arange(4, dtype=np.float32), (4, 1))
    placed = place_cells(cells, 8, 8, 0.25)
    assert placed[0].tolist() == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3, 3], abs=1e-6)
    assert (placed == placed[0]).all()


def test_evidence_is_drawn_where_its_cells_lie():
    raw = np.zeros((4, 4), dtype=np.float32)
    raw[2, 2] = 1
    plain, moved = heat_map_of(raw, 64, 64), heat_map_of(raw, 64, 64, shift=0.25)
    centre = [np.average(np.arange(64), weights=one.map.sum(axis=0)) for one in (plain, moved)]
    assert centre[0] - centre[1] == pytest.approx(0.25 * 16, abs=0.2)  # a cell is 16 pixels wide


def pairs_with(shift: float, count: int = 20) -> list[tuple[np.ndarray, np.ndarray]]:
    """Blobs seen by a network whose cells lie `shift` cells up and left: the picture and, turned, itself."""
    random, pairs = np.random.default_rng(1), []
    places = np.arange(7) + 0.5 - shift  # centres of the cells, in cells from the picture's edge
    for _ in range(count):
        x, y = random.uniform(2, 5, size=2)

        def seen(x, y):
            row, column = (np.exp(-((places - at) ** 2) / 2) for at in (y, x))
            return np.outer(row, column).astype(np.float32)

        pairs.append((seen(x, y), seen(7 - x, 7 - y)))
    return pairs


@pytest.mark.parametrize("shift", [-0.2, 0.0, 0.25, 0.4])
def test_the_shift_is_found_from_turned_pictures_alone(shift):
    pairs = pairs_with(shift)
    assert fit_shift(pairs) == pytest.approx(shift, abs=0.03)
    assert disagreement(pairs, shift) < disagreement(pairs, shift + 0.1) / 1.5
    assert disagreement(pairs, shift) < disagreement(pairs, shift - 0.1) / 1.5


def test_fine_cells_may_lie_more_than_one_of_them_away():
    """As those of the head "pixel" do, which share what deeper stages see: each is a fourth of such a stage's cell."""
    random, pairs = np.random.default_rng(1), []
    for _ in range(20):
        x, y = random.uniform(8, 20, size=2)

        def seen(x, y):
            row, column = (np.exp(-((np.arange(28) + 0.5 - 1.6 - at) ** 2) / 32) for at in (y, x))
            return np.outer(row, column).astype(np.float32)

        pairs.append((seen(x, y), seen(28 - x, 28 - y)))
    assert fit_shift(pairs) == pytest.approx(1.6, abs=0.05)


def test_nothing_to_place_is_no_shift():
    assert fit_shift([]) == 0.0
    assert np.isnan(disagreement([], 0.1))


def test_maps_of_a_picture_and_of_it_turned_by_half(tiny_model):
    random = np.random.default_rng(2)
    squares = random.integers(0, 255, (3, 64, 64, 3), dtype=np.uint8)
    pairs = turned_maps(tiny_model.net, squares)
    again = turned_maps(tiny_model.net, np.ascontiguousarray(squares[:, ::-1, ::-1]))
    assert len(pairs) <= 3
    for (one, other), (turned, back) in zip(pairs, again, strict=True):
        assert one.max() == other.max() == 1
        if np.allclose(one, back):  # the turned picture may have another likeliest class
            np.testing.assert_allclose(other, turned, atol=1e-5)
