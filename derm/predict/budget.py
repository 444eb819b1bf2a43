"""One limit of memory for all visits of a server: pictures in memory, files kept, uploads that wait.

Needs cases and files, which it knows as long as somebody else holds them. What is longest unused goes first; a picture
comes back from its file when somebody looks at it, a file does not. Knows nothing of pages.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from threading import Lock, Semaphore, local
from typing import NamedTuple
from weakref import WeakSet

from derm.errors import ConfigFault
from derm.files import stamp_now
from derm.image.decode import apart, read_file
from derm.language.speech import say
from derm.predict.case import Case, changed
from derm.predict.pixels import PARTS, Pixels, pixels_of
from derm.predict.reading import Reading, WaitingFile
from derm.predict.trim import give_back

MEMORY = "DERM_MEMORY_MB"
"""Environment variable: megabytes that pictures, files and uploads of all visits may take together."""

MOST = 2_000
"""Megabytes without it, or `SHARE` of the machine's where that is less."""

SHARE = 0.25

LEAST = 100
"""Megabytes, at least: a picture of 12 megapixels must fit."""

MEGABYTE = 1_000_000

FILES = 0.5
"""Share of the limit that files and waiting uploads may take; pictures take what is left."""


READERS = 2
"""Pictures that are read at a time, at most: more do not end sooner."""

EXPLAINERS = 2
"""Maps that are made or tried at a time, at most, by methods that ask the network many times: each takes up to 450 MB
meanwhile, whatever the size of the picture."""

LARGE = 5_000_000
"""Pixels above which a picture is read alone: one of 40 megapixels takes 0.9 GB meanwhile. Most of that is free
afterwards and yet kept by the C library, until it is told to give it back."""

UPLOADS = 0.25
"""Share of the limit that uploads may take, beside it, while they are on their way or wait for their page."""


class Taken(NamedTuple):
    """Bytes that are taken."""

    pictures: int
    files: int
    waiting: int


class FilePlace(NamedTuple):
    """Where the file of an image of the data set lies, and what tells it from the next one there, see `stamp_now`."""

    path: Path
    stamp: tuple[int, ...]


class KeptFile:
    """The bytes of a picture's file, as long as there is room for them; threads may share it."""

    def __init__(self, content: bytes, owner: str = "", origin: FilePlace | None = None) -> None:
        self.content: bytes | None = content
        """None where it was let go."""
        self.owner = owner
        """Whose it is."""
        self.origin = origin
        """Where it can be read again, unless another lies there by then; None for a file that came from a visitor."""
        self.used = time.monotonic()
        self.open = False
        """Whether its picture is the one that its owner has before them, and stays."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.content or b"")

    @property
    def lost(self) -> bool:
        """Whether it was let go, and cannot be read again."""
        return self.content is None and not self._lies_there()

    def is_same(self, other: "KeptFile") -> bool:
        """Whether both hold the same file, as far as that can be told."""
        if self.content is not None and other.content is not None:
            return self.content == other.content
        return self is other or (self.origin is not None and self.origin == other.origin)

    def read(self) -> bytes:
        """The bytes; LookupError where they were let go for good."""
        if (content := self.content) is not None:
            return content
        content = None if self.origin is None else read_file(self.origin.path)
        if content is None or not self._lies_there():  # asked last: it may be exchanged at any moment
            raise LookupError("the file was let go")
        return content

    def _lies_there(self) -> bool:
        if self.origin is None or not self.origin.stamp:
            return False
        path, stamp = self.origin
        return stamp_now(path) == stamp and os.access(path, os.R_OK)


class Budget:
    """What all visits hold; threads share it.

    limit: bytes. It holds for what is kept; what is being read comes on top, see `turn`.
    """

    def __init__(self, limit: int, readers: int = READERS) -> None:
        self.limit = limit
        self._pixels: WeakSet[Pixels] = WeakSet()
        self._files: WeakSet[KeptFile] = WeakSet()
        self._readings: WeakSet[Reading] = WeakSet()
        self._lock = Lock()
        self._places, self._readers, self._large = readers, Semaphore(readers), Lock()
        self._explainers = Semaphore(EXPLAINERS)
        self._mine = local()

    @property
    def taken(self) -> Taken:
        """Bytes that are taken now."""
        with self._lock:
            return Taken(_sum(self._pixels), _sum(self._files), self._waiting())

    def hold(self, case: Case, again: Callable[[], Case], owner: str) -> Case:
        """The case at the data's own mix, its pixels held here; as it is where they are already.

        again: makes the case once more. owner: the visit that it belongs to.
        """
        case = case.at_data or case
        if pixels_of(case) is not None:
            return case
        measured, share = case.quality, case.mask_fraction  # for which the picture need not come back
        pixels = Pixels(case, again, owner, self.turn, self.make_room)
        held = changed(case, measured=measured, **{name: pixels for name in PARTS if getattr(case, name) is not None})
        held.__dict__["mask_fraction"] = share
        with self._lock:
            self._pixels.add(pixels)
        self.make_room(pixels)
        return held

    def hold_file(self, content: bytes, owner: str, origin: FilePlace | None = None) -> KeptFile:
        """A file of the visit `owner`; others may be let go for it, first those of the data set."""
        file = KeptFile(content, owner, origin)
        with self._lock:
            self._files.add(file)
        self.make_room()
        return file

    def watch(self, reading: Reading) -> None:
        """Count what waits in `reading`."""
        with self._lock:
            self._readings.add(reading)

    def admit(self, files: Iterable[WaitingFile]) -> tuple[list[WaitingFile], list[str]]:
        """Uploads for which there is room, and the names of the others; files longest unused are let go for them."""
        admitted: list[WaitingFile] = []
        refused: list[str] = []
        for file in files:
            size = len(file.content) + sum(len(one.content) for one in admitted)
            with self._lock:
                self._shrink_files(size)
                fits = self._waiting() + _sum(self._files) + size <= FILES * self.limit
            if fits:
                admitted.append(file)
            else:
                refused.append(file.name)
        return admitted, refused

    def make_room(self, keep: Pixels | None = None) -> None:
        """Let go what is longest unused until the rest is within the limit; keep: stays."""
        with self._lock:
            self._shrink_files(0)
            total = _sum(self._pixels) + _sum(self._files) + self._waiting()
            for pixels in sorted(self._pixels, key=lambda one: one.used):
                if total <= self.limit:
                    break
                size = pixels.size
                if pixels is not keep and pixels.let_go():
                    total -= size

    def leave(self, owner: str) -> int:
        """The visit's page was closed: its pictures are let go, their files stay for a while; bytes given back."""
        with self._lock:
            mine = [pixels for pixels in self._pixels if pixels.owner == owner]
            for file in self._files:
                if file.owner == owner:
                    file.open = False
        return sum(size for pixels in mine if (size := pixels.size) and pixels.let_go())

    def forget(self, owner: str) -> int:
        """The visit is over: its files are let go, too; bytes given back."""
        given = self.leave(owner)
        with self._lock:
            for file in self._files:
                if file.owner == owner:
                    given += file.size
                    file.content = None
        return given

    def open(self, file: KeptFile | None, owner: str) -> None:
        """The picture of `file` is before its owner now, and no other; None: one that never came as a file."""
        with self._lock:
            for one in self._files:
                if one.owner == owner:
                    one.open = one is file
        if file is not None:
            file.used = time.monotonic()

    @contextmanager
    def turn(self, pixels: int) -> Iterator[None]:
        """While a picture is read: `READERS` at a time, one above `LARGE` pixels alone, those of formats with many
        decoders in a process of their own, for others wait."""
        if getattr(self._mine, "turn", False):
            yield
            return
        large = pixels > LARGE
        with self._large if large else nullcontext():  # two that take all places one by one would wait for each other
            for _ in range(self._places if large else 1):
                self._readers.acquire()
        self._mine.turn = True
        try:
            with apart():
                yield
        finally:
            self._mine.turn = False
            if large:
                give_back()
            self._readers.release(self._places if large else 1)

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """While maps are made or tried: `EXPLAINERS` at a time."""
        with self._explainers:
            try:
                yield
            finally:
                give_back()

    def _shrink_files(self, more: int) -> None:
        total = _sum(self._files) + self._waiting() + more
        for file in sorted(self._files, key=lambda one: (one.origin is None, one.used)):
            if total <= FILES * self.limit:
                break
            if not file.open:
                total -= file.size
                file.content = None

    def _waiting(self) -> int:
        return sum(len(file.content) for reading in self._readings for file in tuple(reading.waiting))


def _sum(held: Iterable[Pixels | KeptFile]) -> int:
    return sum(one.size for one in held)


def limit_of(given: str | None, machine: int | None) -> int:
    """The limit in bytes. given: what `MEMORY` says; machine: bytes of the machine, None where that is not known.

    Raises ConfigFault for what is no number, or too small a one.
    """
    if not given:
        share = MOST * MEGABYTE if machine is None else int(SHARE * machine)
        return max(LEAST * MEGABYTE, min(MOST * MEGABYTE, share))
    try:
        megabytes = float(given)
    except ValueError:
        megabytes = 0.0
    if not LEAST <= megabytes < float("inf"):
        raise ConfigFault(
            say(
                "{memory}={given} does not fit: give megabytes, {least} or more.",
                memory=MEMORY,
                given=given,
                least=LEAST,
            )
        )
    return int(megabytes * MEGABYTE)


def memory_limit() -> int:
    """The limit in bytes, as the environment and the machine say; ConfigFault, see `limit_of`."""
    return limit_of(os.environ.get(MEMORY), machine_memory())


def machine_memory() -> int | None:
    """Bytes that this machine, or the container around this process, has; None where that cannot be told."""
    found = []
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(OSError, ValueError):  # no such file, or "max"
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(found, default=None)
