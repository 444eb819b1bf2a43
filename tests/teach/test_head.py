"""The class head alone: where nothing is to be learned it stays, what corrections say it learns, and it is convex."""

import numpy as np
import pytest
from scipy.special import softmax as scipy_softmax

from derm.errors import WeightsFault
from derm.teach.head import Examples, LinearHead, fit_head, head_of, share_sources


def start(channels: int = 5) -> LinearHead:
    random = np.random.default_rng(0)
    return LinearHead(random.normal(size=(7, channels)), random.normal(size=7))


def examples(count: int = 40, channels: int = 5) -> Examples:
    random = np.random.default_rng(1)
    features = random.normal(size=(count, channels)).astype(np.float32)
    return Examples(features, random.integers(7, size=count), np.full(count, 1 / count))


def loss(head: LinearHead, given: Examples, first: LinearHead, anchor: float) -> float:
    shares = scipy_softmax(head.scores(given.features), axis=1)[np.arange(len(given.classes)), given.classes]
    away = ((head.weight - first.weight) ** 2).sum() / (2 * first.weight.shape[1])
    return float(-(given.shares * np.log(shares)).sum() + anchor * away)


def test_the_loss_falls_to_a_minimum():
    first, given = start(), examples()
    found = fit_head(first, given, 0.1)
    least = loss(found, given, first, 0.1)
    assert least < loss(first, given, first, 0.1)
    random = np.random.default_rng(2)
    for _ in range(20):
        near = LinearHead(found.weight + random.normal(scale=0.02, size=found.weight.shape), found.bias)
        assert loss(near, given, first, 0.1) > least - 1e-6


def test_a_strong_anchor_keeps_the_weights():
    first = start()
    assert fit_head(first, examples(), 1e6).weight == pytest.approx(first.weight, abs=1e-4)


def test_sources_weigh_by_a_power_of_their_size():
    assert share_sources([100, 900], 0) == pytest.approx([0.1, 0.9])
    assert share_sources([100, 900], 1) == pytest.approx([0.5, 0.5])
    assert share_sources([100, 900], 0.5) == pytest.approx([0.25, 0.75])
    assert share_sources([100, 0], 1) == pytest.approx([1, 0])


def test_the_head_makes_the_network_s_scores_of_its_features(tiny_model):
    from derm.predict.interpret import interpret

    squares = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3)).astype(np.uint8)
    found = interpret(tiny_model, squares)
    assert head_of(tiny_model).scores(found.features) == pytest.approx(found.logits, abs=1e-4)


def test_weights_with_a_dense_layer_are_refused(tiny_model):
    from dataclasses import replace

    deeper = replace(tiny_model.description, model=replace(tiny_model.description.model, hidden=8))
    with pytest.raises(WeightsFault, match=r"has a dense layer .* train the whole network"):
        head_of(replace(tiny_model, description=deeper))
