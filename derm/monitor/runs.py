"""The runs in a folder, each with its log as far as it is read, where it stands, and its best figures.

Needs a folder of run folders. One `Runs` serves all visitors: each log is read once, then only what is new in it.
Knows nothing of pages.
"""

import os
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from derm.files import is_there, stamp_of
from derm.monitor.state import LAUNCH, RunStatus, read_record, stand
from derm.runlog.check import is_sound_about
from derm.runlog.reader import LogReader

Made = TypeVar("Made")

KEPT = 200
"""Results that are kept for one run, so that an unchanged log costs nothing."""


@dataclass(frozen=True)
class Best:
    """The best epoch so far: which, by which measure, and its validation figures, as the log has them."""

    epoch: int
    by: str
    value: float
    validation: dict[str, Any]


class Run:
    """One run folder. Threads may share it.

    name: the folder's, as text that can be shown. standing: as of the last `look`. about: run.json's content, or what
    the log's first line says, or None before the run has begun. misread: whether there is a run.json that nobody can
    rely on.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = os.fsencode(folder.name).decode(errors="replace")
        self.reader = LogReader(folder / "events.jsonl")
        self.about: dict[str, Any] | None = None
        self.misread = False
        self._stamp: tuple[int, ...] | None = None  # of the run.json that was read
        self.standing = RunStatus("starting", 0.0)
        self._lock = threading.RLock()
        self._kept: dict[Hashable, tuple[int, Any]] = {}

    def look(self) -> None:
        """Read what is new in the log and decide anew where the run stands."""
        with self._lock:
            self.reader.look()
            self._read_about()
            self.standing = stand(self.folder, self.reader)

    def _read_about(self) -> None:
        """Read run.json where it is another one than was read, as that of a run that was deleted and trained anew."""
        place = self.folder / "run.json"
        try:
            stamp = stamp_of(place)
        except OSError:
            stamp = None
        if stamp is None or stamp != self._stamp or self.misread:
            found, start = read_record(place), self.reader.newest("start")
            sound = is_sound_about(found)
            self.misread = not sound and os.path.lexists(place)
            self.about = found if sound else None if start is None else dict(start)
            self._stamp = stamp

    @property
    def config(self) -> dict[str, Any]:
        """The configuration, nested as in run.json; empty before the run has begun."""
        config: dict[str, Any] = (self.about or {}).get("config", {})
        return config

    @property
    def data(self) -> dict[str, Any]:
        """What run.json says of the data; empty before the run has begun."""
        data: dict[str, Any] = (self.about or {}).get("data", {})
        return data

    @property
    def launched(self) -> dict[str, Any] | None:
        """How the run was last launched from here, or None for one that was started elsewhere."""
        return read_record(self.folder / LAUNCH)

    @property
    def resumable(self) -> bool:
        """Whether `derm train --resume` can go on with it."""
        return self.standing.state in ("stopped", "died") and is_there(self.folder / "run.json")

    def best(self) -> Best | None:
        """The best epoch so far; None before the first."""
        best = self.reader.newest("best")
        if best is None:
            return None
        epochs = [event for event in self.reader.events("epoch") if event["epoch"] == best["epoch"]]
        return Best(best["epoch"], best["by"], best["value"], epochs[-1]["validation"] if epochs else {})

    def once(self, key: Hashable, make: Callable[[], Made], *, steps: bool = False) -> Made:
        """What `make` gives, made once for `key` until the log changes. steps: until it has new steps, too."""
        with self._lock:
            now = self.reader.version if steps else self.reader.milestones
            version, made = self._kept.get(key, (-1, None))
            if version != now:
                if len(self._kept) >= KEPT:
                    self._kept.clear()
                made = make()
                self._kept[key] = (now, made)
            kept: Made = made
            return kept


class Runs:
    """All runs in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, Run] = {}
        self._lock = threading.Lock()

    def look(self) -> list[Run]:
        """The runs there are now, each looked at: those that live first, then those that wrote last."""
        with self._lock:
            here = find_runs(self.folder)
            self._known = {path.name: self._known.get(path.name) or Run(path) for path in here}
            runs = list(self._known.values())
        for run in runs:
            run.look()
        runs = [run for run in runs if run.folder.is_dir()]  # not those that were deleted just now
        return sorted(runs, key=lambda run: (not run.standing.alive, -run.standing.when, run.name))


def find_runs(folder: Path) -> list[Path]:
    """The folders in `folder` that hold a run, or one that is being launched, by name."""
    marks = ("run.json", "events.jsonl", LAUNCH)
    try:
        inside = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []
    return [path for path in inside if any(is_there(path / mark) for mark in marks)]
