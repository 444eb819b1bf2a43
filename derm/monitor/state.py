"""Where a run stands: starting, running, stopping, finished, stopped or died, with the time that is left.

Needs a run folder and the reader of its log. A run lives while a process holds its lock, or the output of the process
that was launched for it; what a dead one was is told by its log. Reads only; knows nothing of pages.
"""

import contextlib
import os
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

from derm.files import is_held, open_ordinary, read_json, write_json
from derm.json_checks import is_count, is_number, is_shallow
from derm.language.speech import json_of_said, said_of_json
from derm.paths import REFUSED
from derm.runlog.events import BegunEvent
from derm.runlog.reader import LogReader

LOCK, OUTPUT, LAUNCH, STOP, REFUSAL = "lock", "output.log", "launch.json", "stop.json", "refusal.json"
"""In a run's folder: held by the process that trains; what the launched process says, held by it; how it was launched;
whom we asked to stop; the sentence that the launched process ended with, so that each page says it in its language."""

ALIVE = ("starting", "running", "stopping")
"""States of a run that a living process works on."""

MOST_RECORD = 4 << 20
"""Bytes of run.json and of the other records in a run's folder."""

WORDS_KEPT = 4000
"""Bytes of a process' output that are looked at for its last words."""

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What a terminal would have made colour of."""

SPEAKER = "derm: "
"""Before a refusal, where a terminal shows it."""

RunState = Literal["starting", "running", "stopping", "finished", "stopped", "died"]


class RunStatus(NamedTuple):
    """Where a run stands.

    when: of the last sign of life, seconds since 1970. step, steps: done, and of the whole run; steps is 0 before the
    run has begun. epoch, epochs: the one that it is in, from 0, and how many. seconds_left: None where nobody can know.
    """

    state: RunState
    when: float
    step: int = 0
    steps: int = 0
    epoch: int = 0
    epochs: int = 0
    seconds_left: float | None = None

    @property
    def alive(self) -> bool:
        """Whether a process works on the run."""
        return self.state in ALIVE


class Holder(NamedTuple):
    """The process that works on a run, as it named itself."""

    pid: int
    host: str
    claim: str = ""
    """Of the run's folder; '' before it has it, and from an older Derm."""


def stand(folder: Path, reader: LogReader) -> RunStatus:
    """Where the run in `folder` stands, by its locks and by what `reader` has read."""
    alive = is_alive(folder)
    start = reader.newest("start")
    where: dict[str, Any] = {}
    if start is not None:
        told = [event for event in (reader.newest("step"), reader.newest("epoch"), reader.newest("stopped")) if event]
        done = max((event["step"] for event in told), default=0)
        where = {
            "step": done,
            "steps": start["steps"],
            "epoch": min(done // start["steps_per_epoch"], start["config"]["epochs"] - 1),
            "epochs": start["config"]["epochs"],
        }
    when = last_sign(folder)
    if alive:
        holder = find_holder(folder)
        if holder is not None and asked_of(folder, holder):
            return RunStatus("stopping", when, **where)
        if start is None or not has_begun(folder, reader):
            return RunStatus("starting", when, **where)
        return RunStatus("running", when, **where, seconds_left=time_left(reader, where["step"], where["steps"], when))
    if reader.newest("end") is not None:
        return RunStatus("finished", when, **where)
    stopped = (reader.last or {}).get("event") == "stopped" or was_asked(folder, reader)
    return RunStatus("stopped" if stopped else "died", when, **where)


def is_alive(folder: Path) -> bool:
    """Whether a process works on the run in `folder`."""
    return is_held(folder / LOCK) or is_held(folder / OUTPUT)


def newest_beginning(reader: LogReader) -> BegunEvent | None:
    """The event that tells when a process last began to train here, `begun` or `resumed`; None where none did."""
    return reader.newest("resumed") or reader.newest("begun")  # a run is begun once; a clock may be set back


def has_begun(folder: Path, reader: LogReader) -> bool:
    """Whether the process that now works on the run trains already, and does not only prepare to."""
    since = newest_beginning(reader)
    if since is None or not is_held(folder / LOCK):
        return False
    if claim := (read_record(folder / LOCK) or {}).get("claim"):
        return bool(since.get("claim") == claim)
    try:
        # Of an older Derm: the lock is written when a process takes the folder, and the beginning is told after that.
        return since["time"] >= (folder / LOCK).stat().st_mtime
    except OSError:
        return False


def was_asked(folder: Path, reader: LogReader) -> bool:
    """Whether the process that last worked on the run was asked to stop, be it before it trained."""
    record, since = read_record(folder / STOP) or {}, newest_beginning(reader)
    if record.get("claim"):
        return bool(record["claim"] == (read_record(folder / LOCK) or {}).get("claim"))
    asked = record.get("time")
    return asked is not None and is_number(asked) and (since is None or asked >= since["time"])


def asked_of(folder: Path, holder: Holder) -> bool:
    """Whether what `STOP` holds was asked of the process that works on the run, perhaps before it had the folder.

    The process number alone does not tell: in a container each process may have the same one. What was asked before
    anybody had the folder was asked of a process that was launched, and holds its output; launching clears the rest.
    """
    record = read_record(folder / STOP)
    if record is None or record.get("pid") != holder.pid:
        return False
    claim = record.get("claim", "")
    return bool(claim == holder.claim or (claim == "" and is_held(folder / OUTPUT)))


def time_left(reader: LogReader, step: int, steps: int, when: float) -> float | None:
    """Seconds until the run's end at the pace since it was begun or resumed last, validation counted in."""
    since = newest_beginning(reader)
    if since is None or step <= since["step"] or when <= since["time"]:
        return None
    return float((when - since["time"]) / (step - since["step"]) * (steps - step))


def last_sign(folder: Path) -> float:
    """When the run's log or its process' output was last written, or else its folder, seconds since 1970."""
    signs = [0.0]
    for name in ("events.jsonl", OUTPUT):
        with contextlib.suppress(OSError):
            signs.append((folder / name).stat().st_mtime)
    with contextlib.suppress(OSError):
        signs.append(0.0 if max(signs) else folder.stat().st_mtime)
    return max(signs)


def find_holder(folder: Path) -> Holder | None:
    """The process that works on the run in `folder`; None where there is none, or an older Derm that did not say."""
    for held, told in ((LOCK, LOCK), (OUTPUT, LAUNCH)):
        if is_held(folder / held):
            content = read_record(folder / told) or {}
            if is_count(content.get("pid")) and content["pid"] > 1:  # a lower number means other processes
                return Holder(content["pid"], str(content.get("host", "")), str(content.get("claim", "")))
    return None


def last_words(folder: Path) -> str:
    """The last lines that the run's process printed, at most three, '' where nothing was kept; a refusal in the
    language now spoken."""
    try:
        with open_ordinary(folder / OUTPUT) as stream:
            size = stream.seek(0, 2)
            stream.seek(max(0, size - WORDS_KEPT))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    lines = [line.rstrip() for line in ESCAPES.sub("", text).replace("\r", "\n").split("\n")]
    last = [line for line in lines if line][-3:]
    if last and last[-1].startswith(SPEAKER) and (refusal := _refusal(folder)):
        last[-1] = f"{SPEAKER}{refusal}"
    return "\n".join(last)


def keep_refusal(sentence: str) -> None:
    """Leave the sentence that this process ends with where whoever launched it looks for it, if somebody did."""
    if place := os.environ.get(REFUSED):
        with contextlib.suppress(OSError):  # the sentence stands in the output, too
            write_json(Path(place), {"refusal": json_of_said(sentence)})


def _refusal(folder: Path) -> str:
    """The refusal that was kept, in the language now spoken; '' where there is none."""
    try:
        return str(said_of_json((read_record(folder / REFUSAL) or {}).get("refusal", "")))
    except (LookupError, TypeError, ValueError, AttributeError):
        return ""


def read_record(path: Path) -> dict[str, Any] | None:
    """The JSON object in `path`; None where there is none."""
    try:
        content = read_json(path, MOST_RECORD)
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) and is_shallow(content) else None
