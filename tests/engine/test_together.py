"""Many who ask at once: each gets their own answer, as alone, and nobody else's error."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from derm.engine.choose import engine_of
from derm.engine.look import EngineOutput
from derm.engine.together import MOST, Queue, TogetherEngine
from derm.image.resize import square
from derm.model.weights import default_weights, load_weights
from derm.predict.interpret import interpret

PATIENCE = 30


class Echo:
    """Answers a square's first value; the first pass ends when it is let; 13 is an error."""

    name = "echo"

    def __init__(self) -> None:
        self.passes: list[int] = []
        self.begun, self.let = threading.Event(), threading.Event()

    def look(self, squares: np.ndarray) -> EngineOutput:
        self.passes.append(len(squares))
        self.begun.set()
        assert self.let.wait(PATIENCE)
        values = squares.reshape(len(squares), -1)[:, :1].astype(np.float32)
        if (values == 13).any():
            raise ArithmeticError("thirteen")
        return EngineOutput(values, values, values, values, values)


def plain(value: int, size: int = 2) -> np.ndarray:
    return np.full((1, size, size, 3), value, dtype=np.uint8)


def ask_all(squares: list[np.ndarray]) -> tuple[list[EngineOutput | Exception], list[int]]:
    """What each gets who asks while the first is looked at; and how many squares each pass had."""
    echo, queue = Echo(), Queue(wait=0.0)
    engine = TogetherEngine(echo, queue)

    def ask(squares: np.ndarray) -> EngineOutput | Exception:
        try:
            return engine.look(squares)
        except ArithmeticError as error:
            return error

    with ThreadPoolExecutor(len(squares)) as pool:
        first = pool.submit(ask, squares[0])
        assert echo.begun.wait(PATIENCE)
        others = [pool.submit(ask, one) for one in squares[1:]]
        while len(queue._waiting) < len(others):
            time.sleep(0.001)
        echo.let.set()
        return [future.result(PATIENCE) for future in (first, *others)], echo.passes


def test_who_comes_while_the_network_is_at_work_goes_through_together():
    squares = [plain(value) for value in range(100, 120)]
    found, passes = ask_all(squares)
    assert [look.logits.item() for look in found] == list(range(100, 120))
    assert passes == [1, MOST, 19 - MOST]
    assert all(look.lesion.base is None for look in found)  # nobody's answer keeps the others' in memory


def test_an_error_reaches_only_the_one():
    found, passes = ask_all([plain(value) for value in (1, 2, 13, 3)])
    assert [look.logits.item() for place, look in enumerate(found) if place != 2] == [1, 2, 3]
    assert isinstance(found[2], ArithmeticError)
    assert passes == [1, 3, 1, 1, 1]


def test_squares_of_several_and_of_other_sizes():
    several = np.concatenate([plain(value) for value in range(40, 60)])  # more than go through at once
    found, passes = ask_all([plain(1), plain(2), plain(3, size=4), several, plain(4)])
    assert sorted(passes) == [1, 1, 1, 1, 20]
    assert [look.logits[:, 0].tolist() for look in found] == [[1], [2], [3], list(range(40, 60)), [4]]


def test_who_waits_is_looked_at_after_an_interrupt():
    class Interrupted(Echo):
        def look(self, squares: np.ndarray) -> EngineOutput:
            if squares.flat[0] == 1:
                self.begun.set()
                assert self.let.wait(PATIENCE)
                raise KeyboardInterrupt
            return super().look(squares)

    echo, queue = Interrupted(), Queue(wait=0.0)
    engine = TogetherEngine(echo, queue)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine.look, plain(1))
        assert echo.begun.wait(PATIENCE)
        second = pool.submit(engine.look, plain(2))
        while not queue._waiting:
            time.sleep(0.001)
        echo.let.set()
        assert second.result(PATIENCE).logits.item() == 2
        with pytest.raises(KeyboardInterrupt):
            first.result(PATIENCE)


def test_twenty_visitors_get_the_answer_that_each_gets_alone():
    model = load_weights(default_weights())
    random = np.random.default_rng(4)
    squares = np.stack([square(random.integers(0, 256, (9, 9, 3), dtype=np.uint8), 224) for _ in range(20)])
    alone = [engine_of(model).engine.look(one[None]) for one in squares]
    start = threading.Barrier(len(squares))

    def ask(place: int):
        start.wait(PATIENCE)
        return interpret(model, squares[place][None])

    with ThreadPoolExecutor(len(squares)) as pool:
        found = list(pool.map(ask, range(len(squares))))
    for own, answer, one in zip(alone, found, squares, strict=True):
        np.testing.assert_array_equal(answer.squares[0], one)
        np.testing.assert_allclose(answer.logits, own.logits, atol=1e-5)
        np.testing.assert_allclose(answer.lesion, own.lesion, atol=1e-5)
        np.testing.assert_allclose(answer.maps, own.maps, atol=1e-5)
        np.testing.assert_allclose(answer.features, own.features, atol=1e-5)


def test_pytorchs_own_answers_are_told_apart(tiny_model):
    squares = np.random.default_rng(0).integers(0, 256, (6, 64, 64, 3), dtype=np.uint8)
    start = threading.Barrier(3)

    def ask(place: int):
        start.wait(PATIENCE)
        return interpret(tiny_model, squares[2 * place : 2 * place + 2])

    whole = interpret(tiny_model, squares)
    with ThreadPoolExecutor(3) as pool:
        for place, found in enumerate(pool.map(ask, range(3))):
            np.testing.assert_allclose(found.logits, whole.logits[2 * place : 2 * place + 2], atol=1e-5)
            np.testing.assert_allclose(found.output.class_logits.numpy(), found.logits, atol=1e-6)
