"""The curriculum: from easy and common images to all, by known losses."""

from dataclasses import replace

import numpy as np
import pytest

from derm.errors import ConfigFault
from derm.train.curriculum import CurriculumConfig, difficulty_of, pace_of, stage_of
from derm.train.loss_history import LossHistory

CONFIG = CurriculumConfig(enabled=True, start=0.5, full_after=0.5, pace="root", rarity=0.3, least=0.1)


def memory_of(losses: list[float]) -> LossHistory:
    memory = LossHistory(len(losses))
    memory.smoothed[:] = losses
    return memory


def test_pace_by_hand():
    # Full after 2 of 4 epochs: half way between 1 / 4 and 1, the square lies at 5 / 8.
    assert [pace_of(CONFIG, epoch, 4) for epoch in range(4)] == pytest.approx([0.5, 0.625**0.5, 1, 1])
    linear = replace(CONFIG, pace="linear")
    assert [pace_of(linear, epoch, 4) for epoch in range(4)] == [0.5, 0.75, 1, 1]
    assert [pace_of(replace(CONFIG, full_after=0), epoch, 4) for epoch in range(2)] == [1, 1]
    assert pace_of(replace(CONFIG, start=0, full_after=1), 1, 4) == pytest.approx(0.5)


def test_difficulty_by_hand():
    # Class 0 has four images, class 1 two: its rarity is 1 − 2 / 4.
    classes = np.array([0, 0, 0, 0, 1, 1])
    memory = memory_of([3.0, 1.0, 2.0, np.nan, 9.0, np.nan])
    # Ranks 1, 0 and 1 / 2 of those seen; unseen ones, and the only one seen of its class, in the middle.
    rank = np.array([1, 0, 0.5, 0.5, 0.5, 0.5])
    rare = np.array([0, 0, 0, 0, 0.5, 0.5])
    np.testing.assert_allclose(difficulty_of(memory, classes, 0.3), 0.7 * rank + 0.3 * rare)
    np.testing.assert_allclose(difficulty_of(memory, classes, 0), rank)


def test_a_stage_by_hand():
    classes = np.array([0, 0, 0, 0, 1, 1])
    stage = stage_of(CONFIG, memory_of([3.0, 1.0, 2.0, 4.0, 9.0, 8.0]), classes, 0, 4)
    # The hardest lies at 0.7 + 0.3 / 2 = 0.85, so the pace of a half admits up to 0.425: of class 0 0.425 / 0.7 of
    # four, 2.4, so the three easiest; of class 1 (0.425 − 0.15) / 0.7 of two, 0.8, so the easiest.
    assert stage.pace == 0.5
    assert stage.admitted.tolist() == [True, True, True, False, False, True]
    np.testing.assert_array_equal(stage.shares, [3 / 4, 1 / 2, *[np.nan] * 5])


def test_least_is_admitted_of_each_class():
    classes = np.array([0] * 100 + [1] * 10)
    stage = stage_of(replace(CONFIG, start=0.0, least=0.2), LossHistory(110), classes, 0, 4)
    assert stage.admitted[:100].sum() == 20
    assert stage.admitted[100:].sum() == 2
    stage = stage_of(replace(CONFIG, start=0.0, least=0.01), LossHistory(110), classes, 0, 4)
    assert stage.admitted[100:].sum() == 1  # never none


@pytest.mark.parametrize("pace", ["root", "linear"])
def test_training_widens_from_easy_and_common_to_all(pace):
    config = replace(CONFIG, start=0.3, full_after=0.7, pace=pace, least=0.02)
    counts = np.array([327, 514, 1099, 115, 1113, 6705, 142])  # HAM10000's
    classes = np.repeat(np.arange(7), counts)
    random = np.random.default_rng(0)
    losses = random.lognormal(size=len(classes))
    memory, stages = LossHistory(len(classes)), []
    for epoch in range(20):
        stages.append(stage_of(config, memory, classes, epoch, 20))
        # Every image is seen, with a loss that wanders and falls as training goes on.
        memory.observe(np.arange(len(classes)), losses * 0.9**epoch * random.uniform(0.8, 1.25, len(classes)))

    shares = np.array([stage.shares for stage in stages])
    assert (np.diff(shares, axis=0) >= 0).all()
    assert (shares[0] < 0.5).all()
    assert (shares[-1] == 1).all()
    assert stages[-1].admitted.all()
    full = (shares < 1).sum(axis=0)  # the epoch in which each class is open
    # The more common a class, the earlier it is open and the more of it is admitted until then.
    order = np.argsort(-counts)
    assert (np.diff(full[order]) >= 0).all()
    assert full[5] < full[3] == 14
    assert (np.diff(shares[:, order], axis=1) <= 1 / counts[order][1:]).all()  # up to one image, by rounding up
    for stage in stages[2:]:
        for index in range(7):
            own = classes == index
            inside, outside = losses[own & stage.admitted], losses[own & ~stage.admitted]
            assert not len(outside) or np.median(inside) < np.median(outside)


def test_off_admits_all():
    stage = stage_of(replace(CONFIG, enabled=False), LossHistory(3), np.array([0, 0, 1]), 0, 4)
    assert (stage.pace, stage.admitted.all()) == (1, True)
    np.testing.assert_array_equal(stage.shares, [1, 1, *[np.nan] * 5])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"pace": "fast"}, "The curriculum's pace 'fast' is unknown: use root or linear"),
        ({"start": 1.5}, "The curriculum's start 1.5 does not fit: use a share from 0 to 1"),
        ({"full_after": -1}, "The curriculum's full_after -1 does not fit: use a share from 0 to 1"),
        ({"rarity": 1}, "The curriculum's rarity 1 does not fit: use a weight from 0, below 1"),
        ({"least": 0}, "The curriculum's least 0 does not fit: use a share above 0, at most 1"),
    ],
)
def test_settings_outside_their_range_are_refused(change, words):
    with pytest.raises(ConfigFault, match=words):
        replace(CONFIG, **change)
