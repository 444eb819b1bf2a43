"""The folder of a run: made, taken by one process at a time, and told from what a start left that was killed.

Needs the place of the folder. Knows nothing of training.
"""

import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from derm.errors import RunFault
from derm.files import PART, hold, make_folder, open_lock, read_json, sweep, write_json
from derm.language.speech import say
from derm.model.measured import IS_LEARNED

LAST = "last.safetensors"
"""The last checkpoint's file."""

LEFTOVERS = frozenset({"launch.json", "output.log", "stop.json", "lock"})
"""What the folder of a run holds before run.json: what launched it, what its process said, its lock. A process that is
killed then leaves these, and no run."""


class Before(NamedTuple):
    """What was learned from before a run, or by it up to now: the names of sources, and what `derm.data.learned` tells
    of their images."""

    sources: list[str]
    learned: dict[str, Any]


def has_begun(run: Path) -> bool:
    """Whether there is more at `run` than the start of a run that was killed leaves, or no folder at all."""
    if not run.is_dir():
        return os.path.lexists(run)
    names = {path.name for path in run.iterdir()} - LEFTOVERS
    return any(not (name.startswith(".") and name.endswith(PART)) for name in names)


def refuse_taken(run: Path) -> None:
    """Raise RunFault where the place of a new run holds something already; see `make_run_folder`."""
    if os.path.lexists(run / "run.json"):
        raise RunFault(
            say(
                "{run} exists already: give another --run, or go on in it with --resume.",
                run=run,
            )
        )
    if has_begun(run):
        raise RunFault(
            say(
                "{run} exists already and holds no run: give another --run, or delete it.",
                run=run,
            )
        )


def make_run_folder(run: Path, about: dict[str, Any]) -> None:
    """Make the folder of a new run and write run.json; RunFault where it is taken, ConfigFault where it cannot be made.

    A folder that is empty, or holds nothing but `LEFTOVERS`, will do. Of two processes that want the same folder one
    gets it, for it holds the lock while it writes.
    """
    refuse_taken(run)
    make_folder(run)
    with open_lock(run / "lock") as stream:
        if not hold(stream):
            raise RunFault(
                say(
                    "Another process has begun a run in {run}: give another --run.",
                    run=run,
                )
            )
        refuse_taken(run)  # the other one may have been quicker, and have ended
        write_json(run / "run.json", about)


def has_trained(run: Path) -> bool:
    """Whether the run has come to the end of an epoch: its log tells of one, or it has left weights."""
    if any(os.path.lexists(run / name) for name in ("best.json", "final.json")):
        return True
    log = run / "events.jsonl"
    if not log.is_file():
        return False
    with log.open("rb") as stream:
        return any(line.startswith(b'{"event": "epoch"') for line in stream)


@contextmanager
def claim(run: Path) -> Iterator[None]:
    """Hold a run's folder for this process, and say which it is; RunFault when another one trains in it.

    The lock tells this claim from every other, whatever clocks and process numbers do, see `claimed`.
    """
    if not (run / "run.json").is_file():
        raise RunFault(
            say(
                "There is no run in {run}: start one without --resume.",
                run=run,
            )
        )
    with open_lock(run / "lock") as stream:
        if not hold(stream):
            raise RunFault(
                say(
                    "Another process is training in {run}: stop it first, or give another --run.",
                    run=run,
                )
            )
        stream.truncate(0)
        about = {"pid": os.getpid(), "host": socket.gethostname(), "claim": secrets.token_hex(8)}
        stream.write(json.dumps(about).encode())
        stream.flush()
        sweep(run)
        yield


def claimed(run: Path) -> str:
    """What the last `claim` of a run's folder is called; '' where it cannot be read, or was of an older Derm."""
    try:
        about = read_json(run / "lock")
    except (OSError, ValueError):
        return ""
    return str(about.get("claim", "")) if isinstance(about, dict) else ""


def read_before(run: Path) -> Before:
    """What the run.json of a run that goes on says of before; RunFault where that was damaged.

    Its starting weights may be gone or others by now. A run.json from before images were recorded names none.
    """
    try:
        data = read_json(run / "run.json")["data"]
        sources, learned = list(data.get("sources_before", [])), data.get("learned", {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Before([], {})  # a run that cannot be resumed is refused further on, in its own words
    if learned and not IS_LEARNED(learned):
        raise RunFault(
            say(
                "{path} is damaged: what it says of the images that were learned from cannot be read; bring back a "
                "copy of it, or start a new run.",
                path=run / "run.json",
            )
        )
    return Before([str(name) for name in sources], learned)
