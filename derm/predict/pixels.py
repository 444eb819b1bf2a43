"""The large parts of a case, which may be let go while nobody looks at them, and come back when somebody does.

Needs a case and a way to make it again. Who decides what goes is `derm.predict.budget`. Knows nothing of pages.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import RLock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derm.predict.packed import pack, unpack

if TYPE_CHECKING:
    from derm.predict.case import Case

PARTS = ("image", "mask_probability", "mask", "truth", "prediction")
"""The large parts of a `Case`, by name."""

MASKS = ("mask", "truth")
"""Those that stay when the others are let go, as a few bytes."""

BESIDE = 500_000
"""Bytes of a case beside its pixels: the square, its outline and what else the network answered."""


class Pixels:
    """Picture, outline and the network's own answer of one case; threads may share it.

    case: with all of these. again: makes the case once more, from the picture's file or as it was drawn, with the true
    outline or without; it may raise what reading a file does. turn: entered for that with
    the number of pixels, before anything else is waited for. came_back: told when it has
    been done.
    """

    def __init__(
        self,
        case: "Case",
        again: Callable[[], "Case"],
        owner: str,
        turn: Callable[[int], AbstractContextManager[None]],
        came_back: Callable[["Pixels"], None],
    ) -> None:
        self.shape = case.shape
        self.owner = owner
        """Whose picture it is."""
        self.used = time.monotonic()
        """When somebody looked at it last, seconds of `time.monotonic`."""
        self._again, self._turn, self._came_back = again, turn, came_back
        self._lock = RLock()
        self._parts: dict[str, Any] | None = {name: getattr(case, name) for name in PARTS}
        self._packed: dict[str, bytes | None] | None = None

    @property
    def here(self) -> bool:
        """Whether the pixels are in memory."""
        return self._parts is not None

    @property
    def size(self) -> int:
        """Bytes in memory: 8 a pixel, one more with a true outline, and `BESIDE`; 0 where it was let go."""
        parts = self._parts
        if parts is None:
            return 0
        return (8 + (parts["truth"] is not None)) * self.shape[0] * self.shape[1] + BESIDE

    def part(self, name: str) -> Any:  # noqa: ANN401 - of several kinds
        """One of `PARTS`; what was let go is made again first, but for `MASKS`, which are packed."""
        self.used = time.monotonic()
        parts = self._parts
        if parts is None and name in MASKS and (packed := self._packed) is not None:
            return self._unpacked(packed[name])
        return (parts or self._bring_back())[name]

    def let_go(self) -> bool:
        """Keep the outlines alone; whether that gave memory back. What is just made again stays."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            parts = self._parts
            if parts is None:
                return False
            if self._packed is None:
                self._packed = {name: None if parts[name] is None else pack(parts[name]) for name in MASKS}
            self._parts = None
            return True
        finally:
            self._lock.release()

    def _bring_back(self) -> dict[str, Any]:
        with self._turn(self.shape[0] * self.shape[1]), self._lock:
            parts = self._parts
            if parts is not None:
                return parts
            case = self._again()
            parts = {name: getattr(case, name) for name in PARTS}
            if self._packed is not None:
                parts |= {name: self._unpacked(packed) for name, packed in self._packed.items()}
            self._parts = parts
        self._came_back(self)
        return parts

    def _unpacked(self, packed: bytes | None) -> NDArray[np.bool_] | None:
        return None if packed is None else unpack(packed, self.shape)


class Part:
    """An attribute that an instance has itself, or that its `Pixels` have."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, case: object | None, owner: type | None = None) -> Any:  # noqa: ANN401
        """What the attribute is now."""
        if case is None:
            raise AttributeError(self._name)
        held = case.__dict__[self._name]
        return held.part(self._name) if isinstance(held, Pixels) else held

    def __set__(self, case: object, value: Any) -> None:  # noqa: ANN401
        case.__dict__[self._name] = value


def pixels_of(case: "Case") -> Pixels | None:
    """What holds the pixels of a case; None where they are its own."""
    held = case.__dict__["mask"]
    return held if isinstance(held, Pixels) else None


def shape_of(mask: NDArray[np.bool_] | Pixels) -> tuple[int, int]:
    """Height and width."""
    height, width = mask.shape
    return height, width
