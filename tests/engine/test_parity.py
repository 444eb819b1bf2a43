"""ONNX Runtime gives PyTorch's answer: the gate that the shipped weights' engine has to pass, and what trips it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hard_squares import near_threshold, squares_of

from derm.bench.parity import Parity, compare, parity_of, parity_on_files
from derm.data.catalogue import read_catalogue
from derm.data.split import split_catalogue
from derm.engine.choose import engine_of, onnx_engine
from derm.engine.look import join
from derm.engine.pytorch import TorchEngine
from derm.engine.runtime import sigmoid
from derm.model.weights import default_weights, load_weights
from derm.predict.interpret import interpret


@pytest.fixture(scope="module")
def model():
    return load_weights(default_weights())


@pytest.fixture(scope="module")
def torch_engine(model):
    return TorchEngine(model.net)


@pytest.fixture(scope="module")
def runtime(model):
    engine = onnx_engine(model)
    assert engine is not None, "the shipped weights' graph is not among the weights: make it with `derm export`"
    return engine


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 3, 16])
def test_the_shipped_engine_gives_pytorchs_answer(model, runtime, torch_engine, batch):
    squares = squares_of(model)
    found = sum(
        (
            parity_of(model, torch_engine, runtime, squares[first : first + batch])
            for first in range(0, len(squares), batch)
        ),
        Parity(),
    )
    assert found.pictures == len(squares) == 16
    assert found.holds, found
    assert found.pixels <= 1


def test_a_picture_at_the_threshold_is_referred_by_both_or_none(model, runtime, torch_engine):
    shown, distance = near_threshold(model, torch_engine, model.description.referral_threshold)
    assert distance < 1e-2
    assert parity_of(model, torch_engine, runtime, shown[None]).holds


def test_a_batch_is_its_pictures_one_by_one(model, runtime):
    """More than go through the network at once, too."""
    squares = squares_of(model)
    whole = runtime.look(np.concatenate([squares, squares[:2]]))
    single = join([runtime.look(squares[place : place + 1]) for place in (*range(16), 0, 1)])
    for together, alone in zip(whole[:5], single[:5], strict=True):
        assert together.dtype == np.float32
        np.testing.assert_allclose(together, alone, atol=2e-4, rtol=1e-4)


def test_eight_views_are_the_same_eight(model, runtime, torch_engine):
    squares = squares_of(model)[9:11]
    found = compare(*(interpret(model, squares, views=8, engine=engine) for engine in (torch_engine, runtime)))
    assert found.holds, found


def test_what_differs_does_not_hold(model, torch_engine):
    squares = squares_of(model)[8:10]
    one = interpret(model, squares, engine=torch_engine)
    assert compare(one, one) == Parity(2)
    assert Parity(2).holds
    moved = replace(one, logits=one.logits[::-1], lesion=1 - one.lesion, statistics=one.statistics + 1)
    apart = compare(one, moved)
    assert apart.probability > 0.001
    assert apart.outline > 0.9
    assert apart.pixels > 0
    assert not apart.holds
    near = [{"probability": 2e-5}, {"outline": 2e-4}, {"maps": 2e-3}]
    for fault in (*near, {"diagnoses": 1}, {"referrals": 1}, {"kinds": 1}):
        assert not (Parity(1) + Parity(1, **fault)).holds
    assert Parity(1, referrals=1, kinds=2).changed == 3


def test_the_sigmoid_is_right_far_out():
    values = np.array([-1000, -20, -1, 0, 1, 20, 1000], dtype=np.float32)
    with np.errstate(all="raise"):
        found = sigmoid(values)
    expected = 1 / (1 + np.exp(-values[1:6].astype(float)))
    assert found[[0, 3, 6]].tolist() == [0, 0.5, 1]
    np.testing.assert_allclose(found[1:6], expected, atol=1e-7)


@pytest.mark.real
@pytest.mark.slow
def test_real_validation_pictures_get_the_same_answers(model, ham10000):
    catalogue = read_catalogue(ham10000)
    chosen = catalogue.table[split_catalogue(catalogue).parts == "validation"].sample(40, random_state=0)
    paths = [Path(path) for path in chosen["image_path"]]
    found = parity_on_files(model, engine_of(model, "torch"), engine_of(model, "onnx"), paths)
    assert found.holds, found
