"""The log of one run, read as it grows: each look reads only what was written since the last.

Needs the path of an events.jsonl. Copes with a last line that is still being written, with lines that are damaged and
with a log that was cut back and written on, as resuming does. Does not know whether anybody still writes to it.
"""

import itertools
import json
import os
import threading
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from derm.files import open_ordinary, parse_json
from derm.runlog.check import is_sound
from derm.runlog.events import (
    EPOCHS_FROM,
    BegunEvent,
    BestEvent,
    CurriculumEvent,
    EndEvent,
    EpochEvent,
    ReplayEvent,
    SpeedEvent,
    StartEvent,
    StepEvent,
    StoppedEvent,
    shifted,
)

STEP = b'{"event": "step", '
"""How a line of the most frequent event begins, as `RunLog` writes it: so it is known without being parsed."""

MOST = 256 << 20
"""Bytes of a log that are read: a million steps. What follows is left out, and said."""

BLOCK = 4 << 20
"""Bytes that are read and parsed at once, where no line is longer: a long log takes the memory of a short one."""

TAIL = 128
"""Bytes before the place where reading went on that are compared, to see that the log was not cut back."""


class Steps(NamedTuple):
    """The log's `step` events, oldest first, each field float64 (n,); losses are means since the line before."""

    step: NDArray[np.float64]
    epoch: NDArray[np.float64]
    learning_rate: NDArray[np.float64]
    loss: NDArray[np.float64]
    mask_loss: NDArray[np.float64]
    class_loss: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    replayed_share: NDArray[np.float64]


FIELDS = Steps._fields
"""What is kept of each line of the event `step`, see `derm.runlog.events.StepEvent`."""

ALWAYS = [FIELDS.index(name) for name in ("step", "epoch", "learning_rate", "replayed_share")]
"""Those that are never null, nor below 0."""


class LogReader:
    """What a log holds so far. Threads may share it.

    too_long: whether there is more than `MOST`.
    version: rises whenever a look finds anything new. milestones: rises when that is more than steps. bytes_read: all
    bytes that were ever asked of the disk. Lines of steps are found at once and parsed only when `steps` is called,
    because the list of runs needs no more than the last of them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0
        self.milestones = 0
        self.bytes_read = 0
        self.too_long = False
        self._lock = threading.RLock()
        self._forget()

    def _forget(self) -> None:
        self._damaged: set[int] = set()  # where they begin
        self._epochs_from = 0  # see `derm.runlog.events`
        self.last: dict[str, Any] | None = None  # the newest event of any kind
        self._events: dict[str, list[dict[str, Any]]] = {}
        self._offset = 0  # up to here whole lines were read
        self._tail = b""  # the last bytes before the offset
        self._unparsed: list[tuple[int, int]] = []  # where lines of steps lie, from and to, in bytes
        self._parsed: list[NDArray[np.float64]] = []  # each (k, fields)

    @property
    def damaged(self) -> int:
        """How many lines hold no sound event, as far as that is known: lines of steps are read when they are asked."""
        return len(self._damaged)

    def look(self) -> bool:
        """Read what was written since the last look; true where there was anything."""
        with self._lock:
            try:
                with open_ordinary(self.path) as stream:
                    changed = self._take_up(stream)
            except OSError:  # it is not there, or cannot be read
                changed = self._offset > 0
                self._forget()
                self.milestones += changed
            self.version += changed
            return changed

    @overload
    def events(self, kind: Literal["epoch"]) -> list[EpochEvent]: ...
    @overload
    def events(self, kind: Literal["curriculum"]) -> list[CurriculumEvent]: ...
    @overload
    def events(self, kind: Literal["replay"]) -> list[ReplayEvent]: ...
    @overload
    def events(self, kind: Literal["speed"]) -> list[SpeedEvent]: ...
    @overload
    def events(self, kind: str) -> list[Any]: ...
    def events(self, kind: str) -> list[Any]:
        """The events called `kind`, oldest first, but for `step`."""
        with self._lock:
            return list(self._events.get(kind, ()))

    @overload
    def newest(self, kind: Literal["step"]) -> StepEvent | None: ...
    @overload
    def newest(self, kind: Literal["stopped"]) -> StoppedEvent | None: ...
    @overload
    def newest(self, kind: Literal["start"]) -> StartEvent | None: ...
    @overload
    def newest(self, kind: Literal["epoch"]) -> EpochEvent | None: ...
    @overload
    def newest(self, kind: Literal["best"]) -> BestEvent | None: ...
    @overload
    def newest(self, kind: Literal["curriculum"]) -> CurriculumEvent | None: ...
    @overload
    def newest(self, kind: Literal["replay"]) -> ReplayEvent | None: ...
    @overload
    def newest(self, kind: Literal["begun", "resumed"]) -> BegunEvent | None: ...
    @overload
    def newest(self, kind: Literal["end"]) -> EndEvent | None: ...
    def newest(self, kind: str) -> Any:
        """The last event called `kind`, but for `step`, or None."""
        with self._lock:
            found = self._events.get(kind)
            return found[-1] if found else None

    def steps(self) -> Steps:
        """All steps read so far; parses those that were not asked for before."""
        with self._lock:
            if self._unparsed:
                self._parse()
            if len(self._parsed) > 1:
                self._parsed = [np.concatenate(self._parsed)]
            table = self._parsed[0] if self._parsed else np.empty((0, len(FIELDS)))
            return Steps(*table.T)

    def _take_up(self, stream: IO[bytes]) -> bool:
        long_before, self.too_long = self.too_long, stream.seek(0, os.SEEK_END) > MOST
        if not self._goes_on(stream):
            self._forget()
            self.milestones += 1
        elif long_before and self.too_long:
            return False
        return self._read_on(stream)

    def _read_on(self, stream: IO[bytes]) -> bool:
        """Take in the whole lines that follow, a block at a time; true where there was one."""
        began, size = self._offset, BLOCK
        while True:
            stream.seek(self._offset)
            wanted = min(size, MOST - self._offset)
            fresh = stream.read(wanted)
            self.bytes_read += len(fresh)
            end = fresh.rfind(b"\n") + 1  # what follows is still being written, or in the next block
            if end:
                self._sort(fresh[:end])
                self._offset += end
                self._tail = (self._tail + fresh[:end][-TAIL:])[-TAIL:]
            if len(fresh) < size:
                return self._offset > began
            size = BLOCK if end else 2 * size  # for a line that is longer

    def _goes_on(self, stream: IO[bytes]) -> bool:
        """Whether the bytes before the offset are still those that were read."""
        stream.seek(self._offset - len(self._tail))
        tail = stream.read(len(self._tail))
        self.bytes_read += len(tail)
        return tail == self._tail

    def _sort(self, fresh: bytes) -> None:
        """Parse all lines but those of steps; of these note the places, and parse the last of each stretch."""
        lines = fresh.split(b"\n")[:-1]
        begins = itertools.accumulate((len(line) + 1 for line in lines), initial=self._offset)
        first, place, last_step, last_place = None, self._offset, b"", self._offset
        for line, place in zip(lines, begins, strict=False):  # the last beginning is the end
            if line.startswith(STEP):
                first = place if first is None else first
                last_step, last_place = line, place
                continue
            if first is not None:
                self._unparsed.append((first, place))
                self._keep(last_step, last_place)
                first = None
            self._keep(line, place)
        if first is not None:
            self._unparsed.append((first, self._offset + len(fresh)))
            self._keep(last_step, last_place)

    def _keep(self, line: bytes, place: int) -> None:
        """Take in the line that begins at `place`; one that holds no sound event is noted and left out."""
        event = self._read(line)
        if event is None:
            self._damaged.add(place)
            return
        kind = event["event"]
        if kind == "start":
            self._epochs_from = event.pop(EPOCHS_FROM, 0)
        event = shifted(event, -self._epochs_from)
        self.last = event
        if kind == "step":
            self._events["step"] = [event]
        else:
            self.milestones += 1
            self._events.setdefault(kind, []).append(event)

    def _parse(self) -> None:
        try:
            with open_ordinary(self.path) as stream:
                if not self._goes_on(stream):  # cut back since the last look, which the next one will see
                    return
                for begin, end in self._unparsed:
                    stream.seek(begin)
                    text = stream.read(end - begin)
                    self.bytes_read += len(text)
                    self._parsed.append(self._table(text, begin))
        except OSError:  # deleted since the last look
            return
        self._unparsed.clear()

    def _table(self, text: bytes, begin: int) -> NDArray[np.float64]:
        """Lines of steps as rows, float64 (k, fields); a damaged one is noted and left out. begin: where they lie."""
        pick = itemgetter(*FIELDS)
        try:
            events = json.loads(b"[" + text[:-1].replace(b"\n", b",") + b"]", parse_constant=_refuse)
            rows = [pick(event) for event in events]
            table = np.array(rows, dtype=np.float64)
            doubted = not {int, float, type(None)}.issuperset(map(type, itertools.chain.from_iterable(rows)))
            if doubted or np.isinf(table).any() or not (table[:, ALWAYS] >= 0).all():  # NaN is null here
                raise ValueError
            if (table[:, FIELDS.index("epoch")] < self._epochs_from).any():
                raise ValueError
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            rows, place = [], begin
            for line in text.split(b"\n")[:-1]:
                event = self._read(line)
                if event is None:
                    self._damaged.add(place)
                else:
                    rows.append(pick(event))
                place += len(line) + 1
            table = np.array(rows, dtype=np.float64).reshape(-1, len(FIELDS))
        table[:, FIELDS.index("epoch")] -= self._epochs_from
        return table

    def _read(self, line: bytes) -> dict[str, Any] | None:
        """The sound event in a line; None where it holds none."""
        try:
            event = parse_json(line)
        except ValueError:
            return None
        if not is_sound(event):
            return None
        epoch = event.get("epoch")
        return None if isinstance(epoch, int) and epoch < self._epochs_from else event  # before the file's first one


def _refuse(constant: str) -> float:
    raise ValueError(constant)  # NaN and Infinity are no JSON
