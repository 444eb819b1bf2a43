"""Intervals by bootstrap over lesions, against what can be worked out by hand."""

import numpy as np
import pytest

from derm.metrics.bootstrap import bootstrap


def test_a_figure_that_never_varies_has_an_interval_without_width():
    found = bootstrap(lambda rows: {"one": 1.0}, np.array(["a", "b", "c"]), replicates=20)
    assert found == {"one": (1.0, 1.0)}


def test_images_of_one_lesion_are_drawn_together():
    lesions = np.array(["a", "b", "a", "b", "a"])
    seen = []
    bootstrap(lambda rows: seen.append(sorted(rows.tolist())) or {}, lesions, replicates=30)
    a, b = [0, 2, 4], [1, 3]
    possible = [sorted(a + a), sorted(a + b), sorted(b + b)]
    assert all(rows in possible for rows in seen)
    assert len({tuple(rows) for rows in seen}) == 3


def test_the_interval_of_a_mean_has_the_width_that_theory_gives():
    # 400 lesions, half of them 1: the mean's standard error is 0.5 / √400 = 0.025, the interval 0.5 ± 1.96 · 0.025.
    values = np.arange(400) % 2
    lesions = np.array([f"lesion {row}" for row in range(400)])
    low, high = bootstrap(lambda rows: {"mean": values[rows].mean()}, lesions, replicates=2000)["mean"]
    assert low == pytest.approx(0.5 - 0.049, abs=0.006)
    assert high == pytest.approx(0.5 + 0.049, abs=0.006)


def test_the_same_seed_gives_the_same_interval_and_progress_is_told():
    values, lesions, told = np.arange(10.0), np.array(list("abcdefghij")), []
    measure = lambda rows: {"mean": float(values[rows].mean())}  # noqa: E731
    first = bootstrap(measure, lesions, replicates=50, progress=lambda done, total: told.append((done, total)))
    assert first == bootstrap(measure, lesions, replicates=50)
    assert told == [(done, 50) for done in range(1, 51)]


def test_a_figure_undefined_in_half_of_the_resamples_has_no_interval():
    # Lesion "a" is missing from a resample of two with probability 1/4, lesion "rare" of ten with (9/10)^10 = 0.35.
    often = bootstrap(lambda rows: {"x": 1.0 if 0 in rows else None}, np.array(["a", "b"]), replicates=400)
    assert often["x"] == (1.0, 1.0)
    never = bootstrap(lambda rows: {"x": None}, np.array(["a", "b"]), replicates=10)
    assert never["x"] is None
