"""The folder of a training run: made once, by one process, and one process's while it trains.

Needs a place on the disk. Knows nothing of what is trained.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from derm.errors import RunFault
from derm.files import hold, make_folder, sweep, write_json

LAST = "last.safetensors"
"""The last checkpoint's file."""

LAUNCHED = frozenset({"launch.json", "output.log"})
"""What the folder of a run holds that was started from elsewhere, before the run itself has begun in it."""


def refuse_taken(run: Path) -> None:
    """Raise RunFault where the place of a new run holds something already; see `make_run_folder`."""
    if (run / "run.json").exists():
        raise RunFault(f"{run} exists already: give another --run, or go on in it with --resume.")
    if run.exists() and (not run.is_dir() or {path.name for path in run.iterdir()} not in (set(), LAUNCHED)):
        raise RunFault(f"{run} exists already and holds no run: give another --run, or delete it.")


def make_run_folder(run: Path, about: dict[str, Any]) -> None:
    """Make the folder of a new run and write run.json; RunFault where it is taken, ConfigFault where it cannot be made.

    A folder that is empty, or holds nothing but what was put there to launch this run (`LAUNCHED`), will do. Of two
    processes that want the same folder one gets it: the lock's file is made in one step.
    """
    refuse_taken(run)
    make_folder(run)
    try:
        (run / "lock").touch(exist_ok=False)
    except FileExistsError as error:
        raise RunFault(f"Another process has begun a run in {run}: give another --run.") from error
    write_json(run / "run.json", about)


@contextmanager
def claim(run: Path) -> Iterator[None]:
    """Hold a run's folder for this process, and say which it is; RunFault when another one trains in it."""
    if not (run / "run.json").is_file():
        raise RunFault(f"There is no run in {run}: start one without --resume.")
    with (run / "lock").open("a") as stream:
        if not hold(stream):
            raise RunFault(f"Another process is training in {run}: stop it first, or give another --run.")
        stream.truncate(0)
        stream.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        stream.flush()
        sweep(run)
        yield


def read_sources_before(run: Path) -> list[str]:
    """The sources that a run's starting weights had been trained on, as its run.json says; none where it does not."""
    try:
        found = json.loads((run / "run.json").read_text())["data"].get("sources_before", [])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []  # a run that cannot be resumed is refused further on, in its own words
    return [str(name) for name in found]
