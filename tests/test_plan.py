"""The plan: batches decided ahead, a function of the seed and of what was heard, whoever prepares them."""

from dataclasses import replace

import numpy as np
import pytest

from derm.train.config import TrainConfig
from derm.train.curriculum import CurriculumConfig
from derm.train.plan import Batch, Planner
from derm.train.replay import ReplayConfig

CONFIG = TrainConfig(
    curriculum=CurriculumConfig(enabled=True),
    replay=ReplayConfig(enabled=True, capacity=20),
    batch=8,
    epochs=4,
    seed=5,
    workers=0,
    lookahead=5,
)
CLASSES = np.repeat([0, 1, 5], [12, 8, 40])
"""60 images, so 7 steps an epoch and 28 in all."""


def new(config: TrainConfig = CONFIG) -> Planner:
    planner = Planner(config, CLASSES)
    planner.top_up()
    return planner


def losses_of(batch: Batch, step: int) -> np.ndarray:
    """Losses as training might give: of the image and the step, and of nothing else."""
    return 0.2 + np.abs(np.sin(batch.items * 12.9898 + step)) * 3


def run(planner: Planner, first: int = 0, last: int = 10_000) -> list[Batch]:
    """Train on paper from step `first` until `last` or the end; the batches trained on."""
    batches = []
    for step in range(first, last):
        if not planner.pending:
            break
        batches.append(planner.observe(losses_of(planner.pending[0], step)))
    return batches


def same(one: list[Batch], other: list[Batch]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(mine, yours) for a, b in zip(one, other, strict=True) for mine, yours in zip(a, b, strict=True)
    )


def test_a_plan_depends_on_its_seed_and_not_on_workers():
    expected = run(new())
    assert len(expected) == 28
    assert same(run(new(replace(CONFIG, workers=2))), expected)
    assert not same(run(new(replace(CONFIG, seed=6))), expected)


def test_a_plan_is_made_lookahead_steps_ahead():
    planner = new()
    for step in range(28):
        assert planner.planned == min(step + 5, 28)
        assert len(planner.pending) == min(5, 28 - step)
        planner.observe(losses_of(planner.pending[0], step))
    assert not planner.pending


def test_a_plan_has_heard_only_what_is_lookahead_steps_old():
    def changed(step: int) -> list[Batch]:
        planner, batches = new(), []
        while planner.pending:
            losses = losses_of(planner.pending[0], len(batches))
            batches.append(planner.observe(losses[::-1] * 5 if len(batches) == step else losses))
        return batches

    expected = run(new())
    for step in (3, 6, 11):
        batches = changed(step)
        assert same(batches[: step + 5], expected[: step + 5])
        assert not same(batches[step + 5 :], expected[step + 5 :])


def test_batches_are_handed_out_in_order_until_the_end():
    planner = new()
    handed = planner.hand_out()
    first = [next(handed) for _ in range(5)]
    assert first == [list(zip(b.items.tolist(), b.seeds.tolist(), strict=True)) for b in planner.pending]
    assert next(handed, None) is None  # five are planned, and none was heard of
    assert sum(1 for _ in new(replace(CONFIG, lookahead=100)).hand_out()) == 28


@pytest.mark.parametrize("step", [0, 1, 4, 9, 13, 14, 25, 28])
def test_a_restored_plan_goes_on_with_the_same_batches(step):
    expected = run(new())
    planner = new()
    handed = planner.hand_out()
    for number in range(step):
        next(handed)
        planner.observe(losses_of(planner.pending[0], number))
    saved = planner.tensors()
    run(planner, step)  # what is saved does not change when the plan goes on
    restored = Planner(CONFIG, CLASSES)
    restored.restore(saved)
    # What had been handed out and was lost with its worker is handed out again.
    again = list(restored.hand_out())
    assert again == [list(zip(b.items.tolist(), b.seeds.tolist(), strict=True)) for b in expected[step : step + 5]]
    restored.restore(saved)
    assert same(run(restored, step), expected[step:])
    for name, tensor in restored.tensors().items():
        assert tensor.numpy().tobytes() == planner.tensors()[name].numpy().tobytes(), name


def test_each_image_is_drawn_once_an_epoch_without_curriculum_and_replay():
    config = replace(CONFIG, curriculum=CurriculumConfig(), replay=ReplayConfig(), batch=10, epochs=3)
    batches = run(new(config))
    assert len(batches) == 18
    epochs = [np.concatenate([b.items for b in batches[6 * e : 6 * (e + 1)]]) for e in range(3)]
    assert [sorted(epoch.tolist()) for epoch in epochs] == [list(range(60))] * 3
    assert len({tuple(epoch.tolist()) for epoch in epochs}) == 3
    assert not any(batch.replayed.any() for batch in batches)
    seeds = np.concatenate([batch.seeds for batch in batches])
    assert len(set(seeds.tolist())) == 180  # an image looks different each time


def test_fresh_images_are_those_admitted_and_are_dealt_again_when_they_run_out():
    config = replace(CONFIG, curriculum=replace(CONFIG.curriculum, full_after=1.0), replay=ReplayConfig())
    planner = new(config)
    batches = run(planner)
    stages = dict(planner.stages)
    assert list(stages) == [0, 1, 2, 3]
    for epoch, stage in stages.items():
        items = np.concatenate([b.items for b in batches[7 * epoch : 7 * (epoch + 1)]])
        views = np.bincount(items, minlength=60)
        assert (views[~stage.admitted] == 0).all()
        assert views[stage.admitted].max() - views[stage.admitted].min() <= 1
    assert stages[0].admitted.sum() < 56  # so that some were dealt twice in the first epoch


def test_a_last_part_of_a_batch_is_left_to_the_next_epoch():
    planner = new()
    assert (planner.steps_per_epoch, planner.steps) == (7, 28)  # 60 images are 7 batches of 8, and 4 images
