"""Replay: the hardest images come back, as often as their loss says, and no more than is allowed."""

import math
from dataclasses import replace

import numpy as np
import pytest

from derm.errors import ConfigFault
from derm.train.config import TrainConfig
from derm.train.loss_history import LossHistory
from derm.train.replay import BufferRow, ReplayBuffer, ReplayConfig
from derm.train.sampler import Sampler

CONFIG = ReplayConfig(enabled=True)


def buffer_of(losses: list[float], **settings: float) -> ReplayBuffer:
    """A buffer that has heard these losses, each once."""
    memory = LossHistory(len(losses))
    buffer = ReplayBuffer(replace(CONFIG, **settings), memory, np.zeros(len(losses), dtype=np.int64))
    items = np.arange(len(losses))
    memory.observe(items, np.array(losses))
    buffer.take_in(items)
    return buffer


def test_losses_are_smoothed():
    memory = LossHistory(3)
    assert np.isnan(memory.smoothed).all()
    memory.observe(np.array([0, 2, 0]), np.array([2.0, 5.0, 4.0]))  # an image twice in a batch counts twice
    memory.observe(np.array([0]), np.array([1.0]))
    # 2, then 0.7 · 2 + 0.3 · 4 = 2.6, then 0.7 · 2.6 + 0.3 · 1
    np.testing.assert_allclose(memory.smoothed, [2.12, np.nan, 5])
    assert memory.views.tolist() == [3, 0, 1]


@pytest.mark.parametrize("sharpness", [0.0, 1.0, 2.0])
def test_images_are_drawn_as_often_as_their_loss_says(sharpness):
    losses = np.array([1.0, 2.0, 3.0, 4.0])
    buffer = buffer_of(losses.tolist(), sharpness=sharpness, cap=10**6)
    admitted, random = np.ones(4, dtype=np.bool_), np.random.default_rng(0)
    draws = 6000
    for _ in range(draws):
        assert len(buffer.draw(1, admitted, random)) == 1
    # Of 6000 draws a frequency deviates by 0.0065 at most.
    np.testing.assert_allclose(buffer.drawn / draws, losses**sharpness / (losses**sharpness).sum(), atol=0.02)


def test_the_images_of_one_draw_differ():
    buffer = buffer_of([100.0, 0.001, 0.0])
    chosen = buffer.draw(3, np.ones(3, dtype=np.bool_), np.random.default_rng(0))
    assert sorted(chosen.tolist()) == [0, 1, 2]


def test_even_the_smallest_losses_can_be_drawn_at_the_greatest_sharpness():
    buffer = buffer_of([20.0, 0.0, 1e-30], sharpness=10.0, suspect_views=100)
    assert len(buffer.draw(3, np.ones(3, dtype=np.bool_), np.random.default_rng(0))) == 3


def test_the_cap_holds_within_an_epoch():
    buffer = buffer_of([1.0, 2.0], cap=3)
    admitted, random = np.ones(2, dtype=np.bool_), np.random.default_rng(0)
    assert [len(buffer.draw(1, admitted, random)) for _ in range(8)] == [1] * 6 + [0] * 2
    assert buffer.drawn_in_epoch.tolist() == [3, 3]
    buffer.start_epoch()
    assert len(buffer.draw(2, admitted, random)) == 2
    assert buffer.drawn.tolist() == [4, 4]


def test_only_what_the_curriculum_admits_is_drawn():
    buffer = buffer_of([1.0, 2.0, 3.0])
    admitted = np.array([True, False, True])
    for seed in range(3):
        assert sorted(buffer.draw(3, admitted, np.random.default_rng(seed)).tolist()) == [0, 2]


def test_suspected_labels_are_left_out():
    # exp(−3.9) is just above 0.02 and exp(−4) below.
    buffer = buffer_of([3.9, 4.0, 4.0, 1.0], suspect_views=4)
    assert not buffer.suspects().any()
    for _ in range(3):
        buffer.memory.observe(np.array([0, 1]), np.array([3.9, 4.0]))
        buffer.take_in(np.array([0, 1]))
    # Image 2 costs as much as image 1, but was seen once only: it may just be hard.
    assert buffer.suspects().tolist() == [False, True, False, False]
    assert buffer.members.tolist() == [True, False, True, True]
    # An image that was learned after all comes back.
    buffer.memory.observe(np.array([1]), np.array([0.5]))
    buffer.take_in(np.array([1]))
    assert buffer.members.all()


def test_a_rare_class_is_not_suspected_for_being_rare():
    # 1 of 100 images is of class 1; a model that knows frequencies gives it exp(−4.6) = 0.01, less than 0.02.
    memory = LossHistory(100)
    losses, everything = np.full(100, 0.01), np.arange(100)
    losses[99] = 4.6
    memory.observe(everything, losses)
    classes = (everything == 99).astype(np.int64)
    buffer = ReplayBuffer(replace(CONFIG, suspect_views=1), memory, classes)
    assert not buffer.suspects().any()
    # Below half of its class's share, 0.005, a blind guess would be better: exp(−5.5) = 0.004.
    memory.smoothed[99] = 5.5
    assert buffer.suspects().tolist() == [False] * 99 + [True]


def test_the_buffer_keeps_the_hardest():
    buffer = buffer_of([5.0, 1.0, 4.0, 2.0, 3.0], capacity=3)
    assert buffer.members.tolist() == [True, False, True, False, True]
    assert [row.item for row in buffer.hardest(2)] == [0, 2]
    # What has become easy makes room.
    buffer.memory.observe(np.array([0]), np.array([0.0]))
    buffer.memory.observe(np.array([0]), np.array([0.0]))
    buffer.take_in(np.array([0, 3]))  # 5 · 0.7 · 0.7 = 2.45, and 2
    assert buffer.members.tolist() == [True, False, True, False, True]
    buffer.memory.observe(np.array([0]), np.array([0.0]))
    buffer.take_in(np.array([0, 3]))  # 1.715
    assert buffer.members.tolist() == [False, False, True, True, True]
    assert buffer.hardest(5) == [BufferRow(2, 4.0, 1, 0), BufferRow(4, 3.0, 1, 0), BufferRow(3, 2.0, 1, 0)]


def simulate(config: ReplayConfig, epochs: int = 12) -> tuple[Sampler, np.ndarray, list[np.ndarray]]:
    """Train on paper: 120 images with known losses, batches of 8; also the share replayed and the items, by step."""
    losses = np.random.default_rng(1).lognormal(sigma=0.7, size=120)
    planner = Sampler(TrainConfig(replay=config, batch=8, epochs=epochs, workers=0, lookahead=4), np.arange(120) % 7)
    planner.top_up()
    shares, replayed = [], []
    while planner.pending:
        batch = planner.observe(losses[planner.pending[0].items])
        assert len(batch.items) == 8
        shares.append(batch.replayed.mean())
        replayed.append(batch.items[batch.replayed])
    return planner, np.array(shares), replayed


def test_the_replayed_share_is_the_configured_one_once_the_buffer_can_fill_it():
    planner, shares, _ = simulate(replace(CONFIG, share=0.25, capacity=64))
    assert planner.steps == 180
    assert (shares[:4] == 0).all()  # planned before anything was heard
    assert (shares[4:] == 0.25).all()
    assert planner.buffer.members.sum() == 64


def test_in_training_harder_images_come_back_more_often():
    planner, _, replayed = simulate(replace(CONFIG, capacity=120, cap=100, suspect_probability=0), epochs=120)
    losses = planner.memory.smoothed
    frequency = np.bincount(np.concatenate(replayed), minlength=120) / sum(map(len, replayed))
    # Two of one batch must differ, and in the first epoch the buffer fills: both touch the frequencies but a little.
    assert np.corrcoef(frequency, losses / losses.sum())[0, 1] > 0.95
    np.testing.assert_allclose(frequency, losses / losses.sum(), atol=0.01)


def test_in_training_the_cap_holds_within_each_epoch():
    _, shares, replayed = simulate(replace(CONFIG, share=0.5, capacity=10, cap=2), epochs=4)
    for epoch in range(4):
        drawn = np.concatenate(replayed[15 * epoch : 15 * (epoch + 1)])
        assert np.bincount(drawn).max() <= 2
    assert shares[15:].mean() < 0.5  # ten images, twice each, do not fill half of 15 batches


def test_off_replays_none():
    planner, shares, _ = simulate(replace(CONFIG, enabled=False), epochs=3)
    assert (shares == 0).all()
    assert planner.buffer.drawn.sum() == 0


def test_the_probability_of_a_suspect_is_of_its_smoothed_loss():
    buffer = buffer_of([-math.log(0.03)], suspect_probability=0.04, suspect_views=1)
    assert buffer.suspects().tolist() == [True]
    assert not buffer_of([-math.log(0.03)], suspect_probability=0.02, suspect_views=1).suspects().any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"share": 1}, "The replay's share 1 does not fit: use a share from 0, below 1"),
        ({"suspect_probability": 1}, "The replay's suspect probability 1 does not fit: use 0, below 1"),
        ({"capacity": 0}, "The replay's capacity, cap and suspect_views count from 1: raise the one that is 0"),
        ({"cap": 0}, "The replay's capacity, cap and suspect_views count from 1"),
        ({"suspect_views": 0}, "The replay's capacity, cap and suspect_views count from 1"),
        ({"sharpness": -1}, "The replay's sharpness -1 does not fit: use a power from 0 to 10"),
        ({"sharpness": 11}, "The replay's sharpness 11 does not fit: use a power from 0 to 10"),
    ],
)
def test_settings_outside_their_range_are_refused(change, words):
    with pytest.raises(ConfigFault, match=words):
        replace(CONFIG, **change)
