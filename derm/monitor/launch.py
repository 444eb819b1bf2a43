"""Start, stop and resume runs, each a process of its own that outlives the page, the browser and the app.

Needs a folder for runs. The process holds the file it speaks to, and later the run's lock, so that whoever looks can
tell that it lives. Knows nothing of pages.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from derm.data.catalogue import read_catalogue
from derm.errors import ConfigFault, RunFault
from derm.files import hold, is_there, portable_name, unlinked, write_json
from derm.language.speech import mark, say
from derm.monitor.quota import LAUNCHED_BY, OWNER, Visitor, check_visitor, room_for_one
from derm.monitor.state import LAUNCH, OUTPUT, REFUSAL, STOP, Holder, asked_of, find_holder, is_alive
from derm.paths import REFUSED, search_path
from derm.train.config import change, preset
from derm.train.run_folder import has_begun

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
"""What a run may be called."""

OLD_RUN = mark(
    "The run '{name}' cannot be stopped from here: it was begun by an older Derm that does not say which process it "
    "is: press Ctrl-C where it was started."
)
NOT_RUNNING = mark("The run '{name}' cannot be stopped from here: it is not running, so there is nothing to stop.")
TAKEN = mark("There is a run called '{name}' already: give another name, or resume that one.")


ANOTHER = mark("Another process is training in '{name}': stop it first.")


def start(
    runs: Path,
    name: str,
    data: Path,
    preset_name: str,
    settings: dict[str, object] | None = None,
    threads: int = 0,
    visitor: Visitor = OWNER,
) -> Path:
    """Launch the training of a new run `name` in the folder `runs`, and return its folder.

    A folder whose run never began, for its process was killed first, is taken for it.

    data: folder of the data set. settings: by dotted name, changed in the preset. threads: of the network; 0: as many
    as there are cores. visitor: who starts it. Raises ConfigFault for a name or setting that does not fit, DataFault
    for a data set that cannot be read, RunFault where there is such a run already, as many train as may, or the disk is
    too full. What is found later the process says in its last words.
    """
    check_name(runs, name)
    plain, settings = preset(preset_name), settings or {}
    change(plain, settings)
    read_catalogue(data)
    run = runs.resolve() / name
    words = ["--run", str(run), "--data", str(data.resolve()), "--preset", preset_name, "--threads", str(threads)]
    words += [f"--set={key}={json.dumps(value)}" for key, value in settings.items()]
    with room_for_one(runs):
        check_name(runs, name)
        try:
            run.mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigFault(
                say("The folder {run} cannot be made ({reason}): give another name.", run=run, reason=error.strerror)
            ) from error
        launch(run, words, visitor)
    return run


def check_name(runs: Path, name: str) -> None:
    """Refuse a name that no new run in the folder `runs` can have: ConfigFault, or RunFault where it is taken."""
    if not NAME.fullmatch(name):
        raise ConfigFault(
            say(
                "A run cannot be called '{name}': use up to 60 letters, digits, dots, dashes and underscores, a "
                "letter or a digit first.",
                name=name,
            )
        )
    if portable_name(name) != name:
        raise ConfigFault(
            say("A run cannot be called '{name}', which no folder on Windows can be: give another name.", name=name)
        )
    if os.path.lexists(runs / name) and (is_alive(runs / name) or has_begun(runs / name)):
        raise RunFault(say(TAKEN, name=name))


def resume(run: Path, visitor: Visitor = OWNER) -> None:
    """Launch a process that goes on with `run`.

    Raises RunFault where there is nothing to go on with, one does already, `visitor` may not, as many train as may, or
    the disk is too full.
    """
    if not is_there(run / "run.json"):
        raise RunFault(
            say("The run '{name}' had not begun, so there is nothing to go on with: start a new one.", name=run.name)
        )
    check_visitor(run, LAUNCH, visitor)
    if is_alive(run):
        raise RunFault(say(ANOTHER, name=run.name))
    with room_for_one(run.resolve().parent):
        launch(run.resolve(), ["--run", str(run.resolve()), "--resume"], visitor)


def stop(run: Path, visitor: Visitor = OWNER) -> Holder:
    """Ask the process that trains in `run` to save a checkpoint and end, and return which it is.

    It ends after the step it is in, or after the validation. Asking twice is asking once. Raises RunFault where no
    process of this machine can be asked, or `visitor` may not.
    """
    check_visitor(run, LAUNCH, visitor)
    holder = find_holder(run)
    if holder is None:
        sentence = OLD_RUN if is_alive(run) else NOT_RUNNING
        raise RunFault(say(sentence, name=run.name))
    if holder.host != socket.gethostname():
        raise RunFault(
            say(
                "The run '{name}' is training on another machine, {host}: stop it from there.",
                name=run.name,
                host=holder.host,
            )
        )
    if not asked_of(run, holder):
        write_json(unlinked(run / STOP), {"pid": holder.pid, "claim": holder.claim, "time": time.time()})
        with contextlib.suppress(ProcessLookupError):  # it has ended by itself
            os.kill(holder.pid, signal.SIGTERM)
    return holder


TRAIN = ("train",)
"""The command that trains."""


def launch(run: Path, words: list[str], visitor: Visitor = OWNER, command_words: tuple[str, ...] = TRAIN) -> None:
    """Run `derm train` with `words` as a process of its own, which writes to and holds `run`'s output.

    visitor: who launches it, for the record. command_words: another command than `TRAIN`. Raises RunFault where a
    process works on the run already.
    """
    command = [sys.executable, "-P", "-m", "derm", *command_words, *words]
    record: dict[str, Any] = {"host": socket.gethostname(), "time": time.time(), "command": command[1:]}
    record[LAUNCHED_BY] = visitor.record()
    if (run / OUTPUT).is_symlink() or (os.path.lexists(run / OUTPUT) and not is_there(run / OUTPUT)):
        raise RunFault(say("{path} is no ordinary file: delete it.", path=run / OUTPUT))
    with (run / OUTPUT).open("ab") as output:
        # The lock belongs to the open file, which the process inherits: it is free when the last one that has it ends.
        if is_alive(run) or not hold(output):
            raise RunFault(say(ANOTHER, name=run.name))
        (run / STOP).unlink(missing_ok=True)
        (run / REFUSAL).unlink(missing_ok=True)
        write_json(unlinked(run / LAUNCH), record)
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C in the app's terminal is not meant for it
            env={
                **os.environ,
                "PYTHONPATH": search_path(),
                "PYTHONUNBUFFERED": "1",
                REFUSED: str(run.resolve() / REFUSAL),
            },
        )
        write_json(unlinked(run / LAUNCH), {**record, "pid": process.pid})
    # Somebody must wait for a child, or it stays among the processes after its end.
    threading.Thread(target=process.wait, daemon=True, name=f"wait for {run.name}").start()


def free_name(runs: Path, wanted: str) -> str:
    """`wanted`, or with the first number behind it that makes it the name of no run in `runs`."""
    taken = {path.name for path in runs.iterdir()} if runs.is_dir() else set()
    numbered = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)
