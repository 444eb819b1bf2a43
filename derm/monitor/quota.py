"""What the app lets its visitors start: how many runs at once, how much of the disk stays free, who may stop what.

Needs a folder for runs and environment variables. What is started in a terminal is not limited, and counts.
Knows nothing of pages.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from derm.errors import ConfigFault, RunFault
from derm.files import hold, make_folder, open_lock
from derm.json_checks import is_text
from derm.language.speech import say, say_many
from derm.monitor.runs import find_runs
from derm.monitor.state import is_alive, read_record
from derm.paths import cache_folder, kept_free, teaching_folder

AT_ONCE = "DERM_RUNS_AT_ONCE"
"""How many runs may train at once for the app to start another; without it `USUAL_AT_ONCE`, 0 for none at all."""

USUAL_AT_ONCE = 2
"""Two trainings on two cores take twice as long each; a third one leaves the app's answers no core."""

RUN_SIZE = 1 << 30
"""Bytes on the disk that a run takes: weights and a checkpoint are 600 MB with the largest encoder."""

QUEUE = ".starting"
"""Held in the folder for runs while one is started, so that two visitors at once do not both find room for one."""

LAUNCHED_BY = "by"
"""Name of the field of launch.json that tells who launched the run."""


@dataclass(frozen=True)
class Visitor:
    """Who looks at the page, as far as that is known.

    name: as a server in front of the app tells it, '' where none does. browser: 16 digits that this browser alone has,
    '' where it keeps none. alone: whether the app serves this machine alone and asks nobody, so that whoever comes may
    do what who started it may.
    """

    name: str = ""
    browser: str = ""
    alone: bool = True

    def may_stop(self, launched: dict[str, Any] | None) -> bool:
        """Whether this visitor may stop or resume a run. launched: its launch.json, None where a terminal began it."""
        if self.alone:
            return True
        by = (launched or {}).get(LAUNCHED_BY)
        if not isinstance(by, dict):
            return False
        if self.name or by.get("name"):
            return bool(self.name) and by.get("name") == self.name
        return bool(self.browser) and by.get("browser") == self.browser

    def record(self) -> dict[str, str]:
        """What launch.json tells of who launched a run."""
        return {key: value for key, value in asdict(self).items() if key in ("name", "browser")}


OWNER = Visitor()
"""Whoever is at a machine that the app serves alone, or in a terminal."""


def browser_of(cookie: str | None) -> str:
    """What tells a browser from others by the secret that it keeps, which cannot be told from it; '' without one."""
    return sha256(f"derm browser {cookie}".encode()).hexdigest()[:16] if cookie else ""


def starter_line(launched: dict[str, Any] | None, visitor: Visitor) -> str:
    """Who started a run, in a few words; '' where the app serves this machine alone, whose owner knows."""
    by = (launched or {}).get(LAUNCHED_BY)
    if visitor.alone:
        return ""
    if not isinstance(by, dict):
        return say("started in a terminal")
    if is_text(by.get("name")) and by["name"]:
        return say("started by you") if by["name"] == visitor.name else say("started by {name}", name=by["name"])
    own = bool(visitor.browser) and by.get("browser") == visitor.browser
    return say("started in this browser") if own else say("started in another browser")


def check_visitor(run: Path, launch: str, visitor: Visitor) -> None:
    """Raise RunFault where the run is another's. launch: name of its record of who launched it."""
    if not visitor.may_stop(read_record(run / launch)):
        raise RunFault(
            say(
                "The run '{name}' was started by somebody else: ask them to stop or resume it, or do so in a terminal "
                "of this machine.",
                name=run.name,
            )
        )


@contextlib.contextmanager
def room_for_one(runs: Path, *also: Path) -> Iterator[None]:
    """Hold the folder for runs while one is launched; RunFault where as many train as may, or a disk is too full: that
    of the runs, of the cache, or of a folder in `also`, into which it writes, too."""
    make_folder(runs)
    with open_lock(runs / QUEUE) as stream:
        if not hold(stream, patience=10):
            raise RunFault(say("Another run is being started at this moment: try again in a few seconds."))
        check_count(runs)
        check_disk(runs, *also)
        yield


def check_count(runs: Path) -> None:
    """Raise RunFault where as many runs train as may at once; ConfigFault where `AT_ONCE` is no number."""
    most, alive = most_at_once(), [path for path in find_runs(runs) + _teachings() if is_alive(path)]
    if len(alive) < most:
        return
    if not most:
        raise RunFault(
            say(
                "This app starts no runs ({variable} is 0): start them in a terminal with `derm train`.",
                variable=AT_ONCE,
            )
        )
    names = ", ".join(sorted(path.name for path in alive)[:3])
    raise RunFault(
        say_many(
            "1 run trains already ({names}), and this app starts one only below {most}: wait for an end, stop one, or "
            "let the app be started with a higher {variable}.",
            "{count} runs train already ({names}), and this app starts one only below {most}: wait for an end, stop "
            "one, or let the app be started with a higher {variable}.",
            len(alive),
            names=names,
            most=most,
            variable=AT_ONCE,
        )
    )


def _teachings() -> list[Path]:
    """The folders of trainings on a practice's cases, of terminals, too, which launch nothing and so leave no mark of a
    run."""
    try:
        return sorted(path for path in teaching_folder().iterdir() if path.is_dir())
    except OSError:
        return []


def check_disk(*folders: Path) -> None:
    """Raise RunFault where a run would leave less of a folder's disk, or the cache's, free than `derm.paths.kept_free`
    says."""
    make_folder(cache_folder())
    needed = kept_free() + RUN_SIZE
    for folder in (*folders, cache_folder()):
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise RunFault(
                say(
                    "{free:.1f} GB are free in {folder}, and a run is started only with {needed:.1f} GB: delete runs "
                    "or results that nobody needs, or name a folder on another disk.",
                    free=free / 1e9,
                    folder=folder,
                    needed=needed / 1e9,
                )
            )


def most_at_once() -> int:
    """What `AT_ONCE` says; ConfigFault where it is no number from 0 on."""
    told = os.environ.get(AT_ONCE, "").strip() or str(USUAL_AT_ONCE)
    if not told.isascii() or not told.isdigit() or len(told) > 4:
        raise ConfigFault(
            say(
                "{variable} is '{told}': give a whole number, such as {usual}.",
                variable=AT_ONCE,
                told=told,
                usual=USUAL_AT_ONCE,
            )
        )
    return int(told)
