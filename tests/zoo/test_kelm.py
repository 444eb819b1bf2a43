"""The kernel machine against what can be worked out by hand, and the moth-flame search against what must hold."""

import math

import numpy as np
import pytest

from derm.zoo.kelm import FEW, choice_of, fit_machine, held_out_fitness, kernel, moth_flame


def test_a_kernel_by_hand():
    one, other = np.array([[0.0, 0.0], [1.0, 2.0]]), np.array([[1.0, 0.0]])
    assert kernel(one, other, 0.5) == pytest.approx(np.array([[math.exp(-0.5)], [math.exp(-2.0)]]))


def test_two_cases_are_solved_as_by_hand():
    # Scaled they are −1 and 1, so that the kernel matrix is [[1, e⁻⁴], [e⁻⁴, 1]], and 1 / C is 1.
    machine = fit_machine(np.array([[0.0], [2.0]]), np.array([0, 1]), np.array([True]), regularisation=1.0)
    apart = math.exp(-4.0)
    assert machine.gamma == 1
    # Of class 0 the targets are 1 and −1: (K + I) w = t has w = t / (2 − e⁻⁴).
    assert machine.weights[:, 0] == pytest.approx([1 / (2 - apart), -1 / (2 - apart)])
    # Of a class without a case both targets are −1: w = −1 / (2 + e⁻⁴).
    assert machine.weights[:, 6] == pytest.approx([-1 / (2 + apart)] * 2)
    scores = machine.scores(np.array([[0.0], [2.0]]))
    assert scores[0, 0] == pytest.approx((1 - apart) / (2 - apart))


def test_with_little_smoothing_the_machine_gives_back_its_targets():
    random = np.random.default_rng(0)
    features, classes = random.normal(size=(30, 4)), random.integers(7, size=30)
    machine = fit_machine(features, classes, np.ones(4, dtype=bool), regularisation=1e8)
    target = np.where(classes[:, None] == np.arange(7), 1.0, -1.0)
    assert machine.scores(features) == pytest.approx(target, abs=1e-3)


def test_a_machine_looks_at_no_feature_that_was_not_chosen():
    random = np.random.default_rng(1)
    features, classes = random.normal(size=(20, 3)), random.integers(7, size=20)
    machine = fit_machine(features, classes, np.array([True, False, True]))
    changed = features.copy()
    changed[:, 1] = 1e6
    assert machine.scores(changed) == pytest.approx(machine.scores(features))
    assert machine.chosen.tolist() == [0, 2]


def test_a_feature_that_never_changes_does_no_harm():
    features = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 5.0]])
    machine = fit_machine(features, np.array([0, 1, 2]), np.ones(2, dtype=bool))
    assert np.isfinite(machine.scores(features)).all()


def test_moths_find_the_few_features_that_count():
    wanted = np.zeros(12, dtype=bool)
    wanted[[2, 7]] = True
    chosen = moth_flame(lambda some: -float((some != wanted).sum()), 12, moths=20, rounds=30, seed=0)
    assert (chosen != wanted).sum() <= 2


def test_the_choice_is_the_fittest_that_was_tried():
    tried = {}

    def fitness(chosen):
        tried[tuple(chosen)] = float(np.cos(chosen @ np.arange(8)))
        return tried[tuple(chosen)]

    chosen = moth_flame(fitness, 8, moths=5, rounds=6, seed=3)
    assert tried[tuple(chosen)] == max(tried.values())
    assert all(any(one) for one in tried)


def test_the_search_is_fixed_by_its_seed_and_tells_its_rounds():
    told = []
    runs = [
        moth_flame(
            lambda some: float(some[0]) - some.mean(), 6, moths=3, rounds=4, seed=5, progress=lambda *a: told.append(a)
        )
        for _ in range(2)
    ]
    assert (runs[0] == runs[1]).all()
    assert told == [(done, 4) for done in (1, 2, 3, 4)] * 2


@pytest.mark.parametrize("given", [{"features": 0}, {"features": 3, "moths": 0}, {"features": 3, "rounds": 0}])
def test_a_search_of_nothing_is_refused(given):
    with pytest.raises(ValueError, match="at least one of each is needed"):
        moth_flame(lambda _: 0.0, **given)


def test_where_nothing_is_above_a_half_the_largest_is_chosen():
    assert choice_of(np.array([0.1, 0.4, 0.2])).tolist() == [False, True, False]


def test_fitness_is_balanced_accuracy_of_what_was_held_out():
    # One feature tells the classes apart, one is noise: alone it is right everywhere.
    classes = np.array([0, 0, 0, 0, 1, 1] * 4)
    features = np.column_stack([classes * 10.0, np.random.default_rng(0).normal(size=24)])
    held_out = np.arange(24) >= 12
    fitness = held_out_fitness(features, classes, held_out)
    assert fitness(np.array([True, False])) == pytest.approx(1 - FEW / 2)
    assert fitness(np.array([False, True])) < 0.9
