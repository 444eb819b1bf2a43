"""What corrections buy, simulated: on features by hand, whose second source is shifted, corrections must help there."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from derm.data.learned import record_learned
from derm.data.split import split_own
from derm.errors import ConfigFault, DataFault
from derm.image.decode import open_image
from derm.image.resize import square
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, load_weights, save_weights
from derm.predict.features import features_of
from derm.teach import simulate as simulated
from derm.teach.features import pooled_features
from derm.teach.head import Examples, LinearHead, fit_head
from derm.teach.simulate import ALONE, MARGIN, MIXED, RANDOM, PooledPictures, SimulatedPractice, simulate, table_of
from derm.teach.simulate_whole import corrected, simulate_whole
from tests.damaged_files import packed_otherwise

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
    knowing = replace(tiny_model.description, training={"data": {"sources": {"derm_synthetic": {"derm_synthetic": 1}}}})
    model = replace(tiny_model, description=knowing)
    with pytest.raises(DataFault, match="learned from derm_synthetic, which shall stand for a practice"):
        simulated.gather(model, drawn_catalogue, drawn_catalogue, "test", None)


@pytest.mark.parametrize("learned", ["train", "test"])
def test_weights_that_know_the_pictures_of_the_practice_are_refused(tiny_model, drawn_catalogue, learned):
    split = split_own(drawn_catalogue)
    rows = split.rows(learned)
    table = drawn_catalogue.table.iloc[rows]
    looked = [square(open_image(Path(path)), 64, "squeeze") for path in table["image_path"]]
    known = {"learned": record_learned(looked, table, split.lesions.iloc[rows]), "sources": {}}
    model = replace(tiny_model, description=replace(tiny_model.description, training={"data": known}))
    renamed = drawn_catalogue.table.assign(source="clinic", dataset="clinic")
    renamed["image_id"] = "c-" + renamed["image_id"]
    with pytest.raises(DataFault, match=f"of the {learned}.* part show a lesion, or are a picture, that the weights"):
        simulated.gather(model, drawn_catalogue, replace(drawn_catalogue, table=renamed), "test", None)


def test_old_data_that_hold_pictures_of_the_practice_in_another_part_are_refused(tiny_model, drawn_catalogue):
    renamed = drawn_catalogue.table.assign(source="clinic", dataset="clinic")
    renamed["image_id"] = "c-" + renamed["image_id"]
    renamed["lesion_id"] = list(renamed["lesion_id"])[::-1]  # so that the lesions are divided otherwise
    with pytest.raises(DataFault, match="are a picture, of another part of"):
        simulated.gather(tiny_model, drawn_catalogue, replace(drawn_catalogue, table=renamed), "test", None)


def test_weights_that_know_the_old_validation_part_are_refused(tiny_model, drawn_catalogue, monkeypatch):
    monkeypatch.setattr(simulated, "refuse_shared", lambda *_: None)  # the same pictures stand for both here
    split = split_own(drawn_catalogue)
    rows = split.rows("validation")
    table = drawn_catalogue.table.iloc[rows]
    looked = [square(open_image(Path(path)), 64, "squeeze") for path in table["image_path"]]
    known = {"learned": record_learned(looked, table, split.lesions.iloc[rows]), "sources": {}}
    model = replace(tiny_model, description=replace(tiny_model.description, training={"data": known}))
    new = replace(drawn_catalogue, table=drawn_catalogue.table.iloc[split.rows("train")].reset_index(drop=True))
    with pytest.raises(DataFault, match=r"images of the validation part show .* that the weights learned from"):
        simulated.gather(model, drawn_catalogue, new, "train", None)


def test_features_are_kept_and_made_anew_where_the_file_is_torn(tiny_weights, drawn_catalogue, tmp_path):
    model, table = load_weights(tiny_weights), drawn_catalogue.table.head(3)
    first = pooled_features(model, table, views=8, kept=tmp_path)
    assert first.shape == (3, 8, 32)
    (file,) = tmp_path.iterdir()
    assert np.array_equal(pooled_features(model, table, views=8, kept=tmp_path), first)
    whole = file.read_bytes()
    for spoilt in (whole[:100], packed_otherwise(whole)):
        file.write_bytes(spoilt)
        assert np.array_equal(pooled_features(model, table, views=8, kept=tmp_path), first)
    # The engine's own upright features, but for half precision.
    known = features_of(model, [Path(path) for path in table["image_path"]])
    assert first[:, 0] == pytest.approx(known, abs=2e-3, rel=2e-3)


@pytest.mark.slow
@pytest.mark.training
def test_whole_networks_learn_what_was_confirmed_and_go_on_where_they_were_ended(drawn_catalogue, tmp_path):
    torch.manual_seed(0)
    net = LesionNet(ModelConfig(input_size=32, feature_channels=16, decoder_channels=(8, 8, 8)))
    weights = tmp_path / "old.json"
    save_weights(weights, net, WeightsInfo(model=net.config, training={"data": {"sources": {"old": {"old": 1}}}}))
    model = load_weights(weights)
    table = drawn_catalogue.table.assign(image_id="new_" + drawn_catalogue.table["image_id"], source="new")
    table["lesion_id"] = "new_" + table["lesion_id"]
    new = replace(drawn_catalogue, table=table)
    bench = simulated.gather(model, drawn_catalogue, new, "test", None)
    joined = corrected(drawn_catalogue, new, bench.pool.images[:4])
    parts = split_own(joined).parts[joined.table["source"] == "new"]
    assert (parts == "train").sum() == 4
    assert set(parts) == {"train", "validation"}
    run = partial(
        simulate_whole, model, weights, drawn_catalogue, new, "test", bench, tmp_path / "whole", sizes=(10,), epochs=1,
        strategies=(RANDOM,), replicates=20,
    )  # fmt: skip
    assert run(stop=lambda: True) == []  # ended after its first step, with a checkpoint
    (found,) = run()
    assert (found.strategy, found.corrections) == (RANDOM, 10)
    assert set(found.figures) == {*simulated.FIGURES, "dice"}
    low, high = found.intervals["dice"]
    assert low <= found.figures["dice"] <= high
    (final,) = (tmp_path / "whole").glob("whole-*-10-1/final.json")
    learned = load_weights(final).source.tensors["mask_head.weight"]
    assert not np.array_equal(model.source.tensors["mask_head.weight"], learned)  # outlines were learned, too
