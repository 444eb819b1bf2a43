"""An engine before another: what several threads ask at the same time goes through the network together.

Needs an engine. Starts no thread: one of those who ask runs the engine for all who wait. Knows nothing of sessions.
"""

import time
from collections import deque
from collections.abc import Sequence
from threading import Condition

import numpy as np
from numpy.typing import NDArray

from derm.engine.look import Engine, EngineOutput

MOST = 16
"""Squares that go through together, at most, where that is quicker: on an accelerator."""

WAIT = 0.02
"""Seconds for which more squares are waited for there, at most, and only while several ask at a time."""

CROWD = 0.2
"""Seconds for which several are expected to ask after several have."""


class WaitingSquares:
    """Squares of one who asks, and what became of them."""

    def __init__(self, squares: NDArray[np.uint8]) -> None:
        self.squares = squares
        self.look: EngineOutput | None = None
        self.error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether there is a look or an error."""
        return self.look is not None or self.error is not None


class Queue:
    """Who waits for one network; threads share it.

    most: squares that go through together. wait: seconds, see `WAIT`.
    """

    def __init__(self, most: int = MOST, wait: float = WAIT) -> None:
        self._most, self._wait = most, wait
        self._waiting: deque[WaitingSquares] = deque()
        self._changed = Condition()
        self._led = False
        self._crowded = 0.0

    def ask(self, engine: Engine, squares: NDArray[np.uint8]) -> EngineOutput:
        """What `engine` says of squares; raises what it raises of these."""
        asked = WaitingSquares(squares)
        with self._changed:
            self._waiting.append(asked)
            self._changed.notify_all()
            while not asked.done and self._led:
                self._changed.wait()
            if lead := not asked.done:
                self._led = True
        if lead:
            self._lead(engine, asked)
        if asked.error is not None:
            raise asked.error
        if asked.look is None:
            raise RuntimeError("the engine gave no answer")
        return asked.look

    def _lead(self, engine: Engine, asked: WaitingSquares) -> None:
        """Run the engine for those who wait, in order, until `asked` is answered; then that is another's to do."""
        chosen: list[WaitingSquares] = []
        try:
            while not asked.done:
                chosen = self._gather()
                answer(engine, chosen)
                with self._changed:
                    self._changed.notify_all()
        finally:
            with self._changed:  # after an interrupt the others still wait
                self._waiting.extendleft(one for one in reversed(chosen) if not one.done and one is not asked)
                self._led = False
                self._changed.notify_all()

    def _gather(self) -> list[WaitingSquares]:
        """Those who go through together: the first who waits, and whoever follows with squares of the same size."""
        with self._changed:
            now = time.monotonic()
            until = now + self._wait
            if len(self._waiting) > 1:
                self._crowded = now + CROWD
            while now < self._crowded and self._count() < self._most and (left := until - time.monotonic()) > 0:
                self._changed.wait(left)
            chosen = [self._waiting.popleft()]
            count, size = len(chosen[0].squares), chosen[0].squares.shape[1:]
            while self._waiting and self._waiting[0].squares.shape[1:] == size:
                count += len(self._waiting[0].squares)
                if count > self._most:
                    break
                chosen.append(self._waiting.popleft())
            return chosen

    def _count(self) -> int:
        return sum(len(one.squares) for one in self._waiting)


class TogetherEngine:
    """`engine` for many threads: one pass of the network at a time, for all who wait in `queue`.

    Who asks alone is answered at once. Who asks while the network is at work goes through next, with all others who
    have come meanwhile; while there are others, a little is waited for more, see `WAIT`.
    """

    def __init__(self, engine: Engine, queue: Queue) -> None:
        self.engine, self.queue = engine, queue

    @property
    def name(self) -> str:
        """Of the engine behind."""
        return self.engine.name

    def look(self, squares: NDArray[np.uint8]) -> EngineOutput:
        """Look at squares, see `Engine`."""
        return self.queue.ask(self.engine, squares)


def answer(engine: Engine, chosen: Sequence[WaitingSquares]) -> None:
    """Give each its look or its error; where all fail together, each is asked about alone."""
    if len(chosen) == 1:
        try:
            chosen[0].look = engine.look(chosen[0].squares)
        except Exception as error:
            chosen[0].error = error
        return
    try:
        whole = engine.look(np.concatenate([one.squares for one in chosen]))
    except Exception:
        for one in chosen:
            answer(engine, [one])
        return
    for one, look in zip(chosen, apart(whole, [len(one.squares) for one in chosen]), strict=True):
        one.look = look


def apart(look: EngineOutput, counts: Sequence[int]) -> list[EngineOutput]:
    """One look at several batches as a look at each, `counts` squares long, in order, with memory of its own."""
    found = []
    for end, count in zip(np.cumsum(counts).tolist(), counts, strict=True):
        rows = slice(end - count, end)
        logits, lesion, maps, statistics, features = (part[rows].copy() for part in look[:5])
        said = None if look.answer is None else type(look.answer)(*(part[rows].clone() for part in look.answer))
        found.append(EngineOutput(logits, lesion, maps, statistics, features, said))
    return found
