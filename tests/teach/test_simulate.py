"""What corrections buy, simulated: on features by hand, whose second source is shifted, corrections must help there."""

import numpy as np
import pytest

from derm.errors import ConfigFault, DataFault
from derm.model.weights import load_weights
from derm.teach import simulate as simulated
from derm.teach.features import pooled_features
from derm.teach.head import Examples, LinearHead, fit_head
from derm.teach.simulate import ALONE, MARGIN, MIXED, RANDOM, PooledPictures, SimulatedPractice, simulate, table_of

CHANNELS = 12


def drawn(count: int, views: int, shift: float, seed: int) -> PooledPictures:
    """Pictures of all seven classes, each around its own place, moved by `shift`; views are a little apart."""
    random = np.random.default_rng(seed)
    classes = np.arange(count) % 7
    places = np.random.default_rng(0).normal(scale=1.2, size=(7, CHANNELS))
    moved = places + shift * np.random.default_rng(1).normal(size=(7, CHANNELS))
    features = moved[classes][:, None] + random.normal(size=(count, 1, CHANNELS))
    features = features + random.normal(scale=0.1, size=(count, views, CHANNELS))
    return PooledPictures(features.astype(np.float32), classes, np.array([f"L{place}" for place in range(count)]))


@pytest.fixture(scope="module")
def bench() -> SimulatedPractice:
    old, home = drawn(210, 1, 0.0, 2), drawn(140, 1, 0.0, 3)
    start = LinearHead(np.zeros((7, CHANNELS)), np.zeros(7))
    examples = Examples(old.features[:, 0], old.classes, np.full(210, 1 / 210))
    head = fit_head(start, examples, 0.01)
    return SimulatedPractice(old, home, drawn(140, 8, 1.0, 4), drawn(210, 1, 1.0, 5), head, 1.0)


def test_corrections_help_and_the_same_resamples_tell_by_how_much(bench):
    found = simulate(bench, sizes=(40, 80), seeds=2, anchor=0.1, replicates=50)
    assert [(one.strategy, one.corrections) for one in found] == [
        ("untouched", 0), *((name, size) for name in (MIXED, MARGIN, RANDOM, ALONE) for size in (40, 80)),
    ]  # fmt: skip
    untouched, by_lot = found[0], next(one for one in found if (one.strategy, one.corrections) == (RANDOM, 80))
    gain, (low, high) = by_lot.gains["balanced_accuracy"]
    assert gain == pytest.approx(by_lot.figures["balanced_accuracy"] - untouched.figures["balanced_accuracy"])
    assert 0 < low < gain < high
    assert by_lot.beyond_random["mel_auc"] == (0.0, (0.0, 0.0))
    low, high = by_lot.spread["mel_auc"]
    assert low <= by_lot.figures["mel_auc"] <= high
    assert len(table_of(found)) == len(found) * len(simulated.FIGURES)
    assert by_lot.intervals["home_balanced"] is None
    assert by_lot.gains["home_balanced"][1] is None
    # Without rehearsal the old data suffer.
    alone = next(one for one in found if (one.strategy, one.corrections) == (ALONE, 80))
    assert alone.figures["home_balanced"] < by_lot.figures["home_balanced"]


def test_strategies_choose_whom_they_say(bench):
    random = np.random.default_rng(0)
    taken = [0, 1, 2]
    by_margin = simulated.choose(bench, bench.head, taken, 20, MARGIN, random)
    assert not set(by_margin) & set(taken)
    scores = bench.head.scores(bench.pool.features).mean(axis=1)
    two = np.sort(np.exp(scores - scores.max(axis=1, keepdims=True)), axis=1)
    margins = (two[:, -1] - two[:, -2]) / np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)
    others = [row for row in range(140) if row not in by_margin and row not in taken]
    assert margins[by_margin].max() <= margins[others].min() + 1e-12
    mixed = simulated.choose(bench, bench.head, [], 30, MIXED, np.random.default_rng(1))
    again = simulated.choose(bench, bench.head, [], 30, MIXED, np.random.default_rng(2))
    assert len(set(mixed) & set(again)) >= 20  # the doubtful two thirds stay
    assert set(mixed) != set(again)
    with pytest.raises(ConfigFault, match="no strategy 'by age'"):
        simulated.choose(bench, bench.head, [], 1, "by age", random)


def test_more_corrections_than_cases_are_refused(bench):
    with pytest.raises(DataFault, match="500 corrections are asked for, and the pool has 140 cases"):
        simulate(bench, sizes=(500,))


def test_weights_that_know_the_practice_are_refused(tiny_model, drawn_catalogue):
    from dataclasses import replace

    knowing = replace(tiny_model.description, training={"data": {"sources": {"derm_synthetic": {"derm_synthetic": 1}}}})
    model = replace(tiny_model, description=knowing)
    with pytest.raises(DataFault, match="learned from derm_synthetic, which shall stand for a practice"):
        simulated.gather(model, drawn_catalogue, drawn_catalogue, "test", None)


def test_features_are_kept_and_made_anew_where_the_file_is_torn(tiny_weights, drawn_catalogue, tmp_path):
    model, table = load_weights(tiny_weights), drawn_catalogue.table.head(3)
    first = pooled_features(model, table, views=8, kept=tmp_path)
    assert first.shape == (3, 8, 32)
    (file,) = tmp_path.iterdir()
    assert np.array_equal(pooled_features(model, table, views=8, kept=tmp_path), first)
    file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(pooled_features(model, table, views=8, kept=tmp_path), first)
    # The engine's own upright features, but for half precision.
    from pathlib import Path

    from derm.predict.features import features_of

    known = features_of(model, [Path(path) for path in table["image_path"]])
    assert first[:, 0] == pytest.approx(known, abs=2e-3, rel=2e-3)
