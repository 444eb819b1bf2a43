"""The plan: batches decided ahead, a function of the seed and of what was heard, whoever prepares them."""

from dataclasses import replace

import numpy as np
import pytest

from derm.train.config import TrainConfig
from derm.train.curriculum import CurriculumConfig
from derm.train.replay import ReplayConfig
from derm.train.sampler import OPEN_CLASS, Batch, Sampler, quotas_by

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


def new(config: TrainConfig = CONFIG) -> Sampler:
    planner = Sampler(config, CLASSES)
    planner.top_up()
    return planner


def losses_of(batch: Batch, step: int) -> np.ndarray:
    """Losses as training might give: of the image and the step, and of nothing else."""
    return 0.2 + np.abs(np.sin(batch.items * 12.9898 + step)) * 3


def run(planner: Sampler, first: int = 0, last: int = 10_000) -> list[Batch]:
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
    restored = Sampler(CONFIG, CLASSES)
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


def test_a_fresh_image_always_comes():
    config = replace(CONFIG, batch=2, replay=replace(CONFIG.replay, enabled=True, share=0.9))
    planner = Sampler(config, np.zeros(8, dtype=np.int64))
    planner.top_up()
    replayed = []
    while planner.pending:
        replayed.append(planner.observe(np.full(2, 3.0)).replayed)
    assert any(batch.any() for batch in replayed)
    assert not any(batch.all() for batch in replayed)


def test_a_last_part_of_a_batch_is_left_to_the_next_epoch():
    planner = new()
    assert (planner.steps_per_epoch, planner.steps) == (7, 28)  # 60 images are 7 batches of 8, and 4 images


def test_quotas_by_hand():
    counts = np.array([64, 0, 16, 4])
    assert quotas_by(0.0, counts).tolist() == [64, 0, 16, 4]
    assert quotas_by(1.0, counts).tolist() == [28, 0, 28, 28]
    assert quotas_by(0.5, counts).tolist() == [48, 0, 24, 12]  # 8, 4 and 2 of 14, times 84
    # A third of 10 for each: the first of equal remainders gets the one that is left.
    assert quotas_by(1.0, np.array([7, 2, 1])).tolist() == [4, 3, 3]


@pytest.mark.parametrize("sampling", [0.1, 0.35, 0.9])
def test_quotas_fill_the_epoch_and_leave_no_class_out(sampling):
    for seed in range(50):
        counts = np.random.default_rng(seed).integers(0, [3000, 500, 40, 3, 2, 2, 2]) + 1
        quotas = quotas_by(sampling, counts)
        assert quotas.sum() == counts.sum()
        assert quotas.min() >= 1
        assert quotas.max() <= counts.max()
        assert (np.diff(quotas[np.argsort(counts, kind="stable")]) >= -1).all()  # a class that is rarer stays rarer


EVEN = replace(CONFIG, curriculum=CurriculumConfig(), replay=ReplayConfig(), batch=10, epochs=6, sampling=1.0)
"""Six steps an epoch; 12, 8 and 40 images of three classes become 20 of each."""


def items_by_epoch(batches: list[Batch], steps: int) -> list[np.ndarray]:
    return [np.concatenate([b.items for b in batches[at : at + steps]]) for at in range(0, len(batches), steps)]


def test_classes_are_drawn_alike_and_images_dealt_again_after_all_others_of_their_class():
    epochs = items_by_epoch(run(new(EVEN)), 6)
    assert [np.bincount(CLASSES[items], minlength=6).tolist() for items in epochs] == [[20, 20, 0, 0, 0, 20]] * 6
    everything = np.concatenate(epochs)
    for index, images in ((0, 12), (1, 8), (5, 40)):
        dealt = everything[CLASSES[everything] == index]
        rounds = [dealt[at : at + images] for at in range(0, 120, images)]
        # Rounds go on across epochs: a common image waits two of them, and none is shown twice before.
        assert [len(set(one.tolist())) for one in rounds] == [images] * (120 // images)
        assert len({tuple(one.tolist()) for one in rounds}) == len(rounds)
    assert not same(run(new(replace(EVEN, seed=6))), run(new(EVEN)))


def test_at_half_way_shares_are_roots_of_frequencies():
    first = items_by_epoch(run(new(replace(EVEN, sampling=0.5))), 6)[0]
    # Roots of 12, 8 and 40 are 3.46, 2.83 and 6.32: of 60, 16.47, 13.45 and 30.08; the largest remainder is rounded up.
    assert np.bincount(CLASSES[first], minlength=6).tolist() == [17, 13, 0, 0, 0, 30]


def test_what_an_epoch_leaves_over_comes_first_in_the_next():
    # 7 steps of 8: four of the 60 images dealt are not taken, and replay leaves more.
    for config in (replace(EVEN, batch=8), replace(EVEN, batch=8, replay=CONFIG.replay)):
        batches = run(new(config))
        everything = np.concatenate([batch.items[~batch.replayed] for batch in batches])
        dealt = everything[CLASSES[everything] == 5]
        whole = len(dealt) // 40 * 40
        assert whole >= 40
        views = np.bincount(dealt[:whole], minlength=60)[CLASSES == 5]
        assert set(views.tolist()) == {whole // 40}


def test_sampling_keeps_to_what_the_curriculum_admits():
    config = replace(CONFIG, curriculum=replace(CONFIG.curriculum, full_after=1.0), replay=ReplayConfig(), sampling=1.0)
    planner = new(config)
    epochs = items_by_epoch(run(planner), 7)
    for epoch, stage in dict(planner.stages).items():
        views = np.bincount(epochs[epoch], minlength=60)
        assert views.sum() == 56  # as many as ever
        assert (views[~stage.admitted] == 0).all()
        for index in (0, 1, 5):
            own = views[stage.admitted & (index == CLASSES)]
            assert own.max() - own.min() <= 1
            assert own.sum() == pytest.approx(56 / 3, abs=8)


@pytest.mark.parametrize("step", [0, 3, 6, 9, 17])
@pytest.mark.parametrize("curriculum", [True, False])
def test_a_restored_plan_deals_on_where_it_was(step, curriculum):
    config = replace(CONFIG, sampling=0.7, curriculum=CurriculumConfig(enabled=curriculum))
    expected, planner = run(new(config)), new(config)
    run(planner, 0, step)
    restored = Sampler(config, CLASSES)
    restored.restore(planner.tensors())
    assert same(run(restored, step), expected[step:])


def test_a_checkpoint_without_decks_is_taken_up():
    planner = new()
    run(planner, 0, 4)
    tensors = planner.tensors()
    del tensors["decks"]
    restored = Sampler(CONFIG, CLASSES)
    restored.restore(tensors)
    assert same(run(restored, 4), run(new())[4:])


def test_a_batch_that_tells_nothing_of_its_images_is_not_remembered():
    planner = new()
    run(planner, 0, 3)
    before = planner.tensors()
    batch = planner.observe(None)
    assert same([batch], [run(new())[3]])  # planned before
    after = planner.tensors()
    for name in ("smoothed", "views", "members", "entered"):
        assert before[name].numpy().tobytes() == after[name].numpy().tobytes(), name
    assert planner.planned == 3 + 1 + 5
    assert planner.buffer.heard == 4  # as a restored one counts, from what is planned and pending


def test_quotas_of_a_total_of_its_own():
    assert quotas_by(0.0, np.array([60, 30, 10, 0]), 10).tolist() == [6, 3, 1, 0]
    assert quotas_by(1.0, np.array([60, 30, 10, 0]), 12).tolist() == [4, 4, 4, 0]
    # A class that rounding leaves nothing takes one from the largest.
    assert quotas_by(0.0, np.array([1000, 1]), 10).tolist() == [9, 1]


@pytest.mark.parametrize(
    ("balance", "shares", "of_class"), [(0.0, (48, 12), (12, 6)), (0.5, (40, 20), (10, 10)), (1.0, (30, 30), (8, 15))]
)
def test_sources_are_drawn_in_their_shares(balance, shares, of_class):
    """48 images of one source, 12 of another: by size, by its root and alike."""
    classes = np.concatenate([np.repeat([0, 5], [12, 36]), np.repeat([4, 5], [6, 6])])
    sources = np.repeat([0, 1], [48, 12])
    config = TrainConfig(batch=10, epochs=3, workers=0, lookahead=3, source_balance=balance)
    planner = Sampler(config, classes, sources)
    planner.top_up()
    for epoch in items_by_epoch(run(planner), 6):
        assert np.bincount(sources[epoch]).tolist() == list(shares)
        # Within each source the classes keep their shares.
        assert (classes[epoch][sources[epoch] == 0] == 0).sum() == of_class[0]
        assert (classes[epoch][sources[epoch] == 1] == 4).sum() == of_class[1]


def test_one_source_is_planned_as_before():
    planner = Sampler(CONFIG, CLASSES, np.zeros_like(CLASSES))
    planner.top_up()
    assert sorted(np.concatenate([batch.items[~batch.replayed] for batch in run(planner)]).tolist()) == sorted(
        np.concatenate([batch.items[~batch.replayed] for batch in run(new())]).tolist()
    )


def test_open_labels_are_dealt_like_a_class():
    classes = np.array([0] * 20 + [OPEN_CLASS] * 10)
    planner = Sampler(TrainConfig(batch=10, epochs=2, workers=0, lookahead=2), classes)
    planner.top_up()
    for epoch in items_by_epoch(run(planner), 3):
        assert sorted(epoch.tolist()) == list(range(30))
