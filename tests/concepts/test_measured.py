"""The additive model and concept vectors on made data whose answer is known."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from derm.concepts import tcav
from derm.concepts.additive import alone, disagreement, fit_additive, measure_additive
from derm.concepts.learn import ReadPart, check_apart, check_outlined, chosen_rows
from derm.concepts.measure import measure_alone, measure_models
from derm.concepts.read import Readings, read_pictures
from derm.concepts.report import model_table, vector_table
from derm.concepts.tcav import LEVELS, Level, adjusted, concept_vectors, concepts_tested, look, scores_of
from derm.errors import ConfigFault, DataFault
from derm.structures.table import KEYS
from tests.damaged_files import an_npy, packed_otherwise


def test_an_additive_model_finds_a_curve_that_no_line_has():
    random = np.random.default_rng(0)
    values = random.normal(size=(600, 3))
    truth = np.abs(values[:, 0]) > 1  # both ends: a line through it tells nothing
    values[::50, 1] = np.nan
    model = fit_additive(values[:300], truth[:300], values[300:450], truth[300:450])
    scores = model.score(values[450:])
    lesions = np.arange(150).astype(str).astype(object)
    told = measure_additive(scores, values[450:, 0], truth[450:], lesions, replicates=30)
    assert told["additive"][0] > 0.9
    assert told["network"][0] < 0.7
    assert told["difference"][0] == pytest.approx(told["additive"][0] - told["network"][0])
    assert told["difference"][1] > 0
    single = alone(values[:300], truth[:300], values[450:], ["a", "b", "c"])
    assert list(single) == ["a", "b", "c"]
    assert np.isfinite(single["b"]).all()


def test_disagreement_counts_as_many_calls_as_there_are_true_cases():
    truth = np.array([True, True, False, False])
    found = disagreement(np.array([0.9, 0.1, 0.8, 0.2]), np.array([0.9, 0.8, 0.1, 0.2]), truth)
    assert found["true"] == {"both": 1, "network": 1, "additive": 0, "neither": 0}
    assert found["others"] == {"both": 0, "network": 0, "additive": 1, "neither": 1}


def test_a_concept_that_raises_a_score_differs_from_chance_and_noise_does_not(monkeypatch):
    monkeypatch.setattr(tcav, "RANDOM", 19)
    random = np.random.default_rng(1)
    activations = random.normal(size=(200, 12)).astype(np.float32)
    shown = random.random((200, 7)) < 0.5
    shown[:, 0] = np.arange(200) < 60
    activations[:60, 0] += 3  # the first concept lies along the first channel, the others along none
    slopes = random.normal(size=(30, 12)).astype(np.float32) * 0.1
    slopes[:, 0] = 1.0
    tested = {"features": Level(activations[:30], slopes)}
    dx = np.array(["mel"] * 30, dtype=object)
    found = adjusted(
        concepts_tested({"features": activations}, shown, ["first", *"abcdef"], tested, dx, ["mel"], seed=0)
    )
    first, *others = found
    assert first.score > 0.95
    assert first.accuracy > 0.8
    assert first.p == pytest.approx(1 / 20, abs=0.04)
    assert first.low < 0.5 < first.high
    assert np.mean([one.accuracy for one in others]) == pytest.approx(0.5, abs=0.1)
    assert sum(one.p <= 0.1 for one in others) <= 2  # though the draws of each agree with each other
    told = adjusted([first._replace(p=p) for p in (0.01, 0.04, 0.03)])
    assert [one.q for one in told] == pytest.approx([0.03, 0.04, 0.04])
    rows = [{"source": "made", **one._asdict()} for one in found]
    assert "| made | mel, 30 | features |" in vector_table(rows)
    vectors, _ = concept_vectors(activations, shown[:, 0], random, draws=3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    assert scores_of(vectors, slopes).shape == (3,)


def test_slopes_are_those_of_the_score(tiny_model, drawn_catalogue):
    rows = drawn_catalogue.table.iloc[:2]
    found = look(tiny_model, rows["image_path"].tolist(), ["mel", "nv"])
    assert list(found) == list(LEVELS)
    deep = found["features"]
    weight = tiny_model.net.head.scores.weight.numpy()
    np.testing.assert_allclose(deep.slopes, weight[[4, 5]], atol=1e-5)  # pooling and one layer: the weights themselves
    assert np.abs(found["stage 4"].slopes).max() > 0


def test_pictures_are_read_once(tiny_model, tiny_structures, drawn_catalogue, tmp_path, monkeypatch):
    rows = drawn_catalogue.table.iloc[:3]
    first = read_pictures(tiny_model, tiny_structures, rows, tmp_path)
    assert first.logits.shape == (3, 7)
    assert first.presence.shape == (3, len(KEYS))
    assert first.concepts.shape == (3, 11)
    monkeypatch.setattr("derm.concepts.read.interpret", None)
    again = read_pictures(tiny_model, tiny_structures, rows, tmp_path)
    assert np.array_equal(first.features, again.features)
    (file,) = tmp_path.glob("*.npz")
    for damaged in (b"torn", packed_otherwise(file.read_bytes()), an_npy()):
        file.write_bytes(damaged)
        with pytest.raises(TypeError, match="object is not callable"):  # read anew, for which the network is asked
            read_pictures(tiny_model, tiny_structures, rows, tmp_path)


def test_pictures_are_chosen_by_part_and_the_same_each_time(drawn_catalogue):
    chosen = chosen_rows(drawn_catalogue, 20)
    assert {part for _, part in chosen} == {"train", "validation", "test"}
    assert max(len(rows) for (_, part), rows in chosen.items() if part == "train") <= 20
    assert max(len(rows) for (_, part), rows in chosen.items() if part != "train") <= 10
    assert all(np.array_equal(rows, chosen_rows(drawn_catalogue, 20)[key]) for key, rows in chosen.items())


def read_part(dx, random, *, outlined=True):
    count = len(dx)
    measures = random.normal(size=(count, 6)) if outlined else np.full((count, 6), np.nan)
    drawn = [random.normal(size=(count, columns)).astype(np.float32) for columns in (7, 4, 5)]
    table = pd.DataFrame({"dx": dx})
    return ReadPart("s", table, np.arange(count).astype(str).astype(object), None, Readings(*drawn, measures))


def test_weights_that_outline_nothing_teach_no_concepts(tiny_model):
    part = read_part(["mel", "nv"] * 20, np.random.default_rng(0), outlined=False)
    parts = {("s", name): part for name in ("train", "validation", "test")}
    with pytest.raises(DataFault, match=f"{tiny_model.label} outline no lesion in any of the 40 training pictures"):
        check_outlined(tiny_model, parts)
    with pytest.raises(DataFault, match="outline no lesion in any of the 0 training pictures"):
        check_outlined(tiny_model, {("s", "test"): part})
    assert measure_models(parts, 1.0) == measure_alone(parts) == []
    parts["t", "train"] = read_part(["mel", "nv"], np.random.default_rng(0))
    check_outlined(tiny_model, parts)


@pytest.mark.parametrize(("without", "left"), [("train", {"malignant"}), ("validation", set()), ("test", set())])
def test_a_diagnosis_that_a_part_lacks_is_not_measured(without, left):
    random = np.random.default_rng(0)
    parts = {("s", name): read_part(["mel", "nv"] * 20, random) for name in ("train", "validation", "test")}
    parts["s", without] = read_part(["bcc", "nv"] * 20, random)
    assert {one["target"] for one in measure_models(parts, 1.0)} == left
    assert bool(measure_alone(parts)) == (without == "validation")  # where nothing is chosen


def test_a_table_of_models_stands_in_markdown():
    part = {"both": 1, "network": 2, "additive": 3, "neither": 4}
    row = {"source": "s", "target": "melanoma", "given": "measures", "images": {"positive": 10, "test": 50}}
    row |= {name: [0.5, 0.4, 0.6] for name in ("additive", "network", "difference")}
    table = model_table([{**row, "disagreement": {"true": part}}])
    assert "| s | melanoma, 10 of 50 | measures | 0.50 (0.40 – 0.60) |" in table
    assert table.endswith("1 · 2 · 3 · 4 |")


def test_two_folders_of_one_source_are_refused_and_not_read_as_one(drawn_catalogue):
    other = replace(drawn_catalogue, table=drawn_catalogue.table.assign(source="clinic"))
    check_apart([drawn_catalogue, other])
    with pytest.raises(ConfigFault, match=r"both have the source .derm_synthetic., so that one of them would be left"):
        check_apart([drawn_catalogue, other, drawn_catalogue])
