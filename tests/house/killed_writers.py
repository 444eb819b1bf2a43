"""Writers killed at their file operations: after each kill a reader meets what was there before or the new, whole.

Run as a script: a folder, the writer's name, and which operations (from, to, step; to −1: to the last). Forks from a
process without threads, so that a kill costs no start. Says as JSON how many operations there were and what was left.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

OPERATIONS = frozenset(
    ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "tempfile.mkstemp",
     "tempfile.mkdtemp", "shutil.rmtree", "fcntl.flock")
)  # fmt: skip
"""Audit events of what changes a disk, or is about to."""

KILLED = 137


def killed_at(work: Callable[[], object], place: Path, number: int) -> tuple[int, int]:
    """Do `work` in a process of its own that ends without a word at its operation `number`, from 0, in `place`.

    Returns its exit status and how many operations it came to.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        seen = 0

        def watch(event: str, given: tuple[object, ...]) -> None:
            nonlocal seen
            if event not in OPERATIONS or (event != "fcntl.flock" and not str(given[0]).startswith(str(place))):
                return
            if seen == number:
                os.write(theirs, str(seen).encode())
                os._exit(KILLED)
            seen += 1

        sys.addaudithook(watch)
        try:
            work()
        finally:
            os.write(theirs, str(seen).encode())
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        told = int(stream.read() or -1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def writers(place: Path) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """By name: what writes in `place`, and what has to hold after each kill."""
    import numpy as np
    import pandas as pd

    from derm.data.catalogue import read_catalogue
    from derm.data.store import open_store
    from derm.errors import DataFault
    from derm.evaluate.results import read_results
    from derm.explore import selections
    from derm.files import read_json, write_json

    def write_record() -> None:
        for number in range(3):
            write_json(place / "record.json", {"number": number, "rest": "x" * 5000})

    def check_record() -> None:
        if (place / "record.json").exists():
            assert read_json(place / "record.json")["number"] in range(3)

    ids = pd.DataFrame({"image_id": [f"I{number}" for number in range(50)]})

    def write_selection() -> None:
        for name in selections.listed(place):
            selections.delete(place, name)
        selections.save(place, "mine", ids)

    def check_selection() -> None:
        for name in selections.listed(place):
            assert selections.read(place, name) == ids["image_id"].tolist()

    def decode() -> None:
        store = open_store(read_catalogue(place.parent / "data"), 32, place)
        assert store.images.any()

    def check_store() -> None:
        decode()
        # A folder that was made in the last moment, and holds nothing, goes after a day.
        assert not [path for path in place.glob(".*/*") if path.exists()], "half a store stays"
        (kept,) = (path for path in place.iterdir() if not path.name.startswith("."))
        for path in kept.iterdir():
            path.unlink()
        kept.rmdir()

    def evaluated() -> None:
        from test_folders import made_evaluation

        from derm.evaluate.dataset import write_evaluation

        write_evaluation(made_evaluation(), place)

    def check_results() -> None:
        said = ""
        try:
            assert np.isfinite(read_results(place).probabilities).all()
        except DataFault as fault:
            said = str(fault)
        assert said == "" or "is missing: make them anew with" in said

    def train_on() -> None:
        import torch
        from short_run import CONFIG

        from derm.train.loop import train

        torch.set_num_threads(1)  # a pool of threads would not outlive a fork
        run = place / "run"
        data = read_catalogue(place.parent / "data")
        config = replace(CONFIG, epochs=2)
        train(config, data, run, cache=place.parent / "cache", resume=(run / "run.json").exists())

    def check_run() -> None:
        from derm.monitor import words
        from derm.monitor.runs import Run

        known = Run(place / "run")
        known.look()
        assert words.damaged_line(known) == ""
        status, _ = killed_at(train_on, place, -1)
        known.look()
        assert (status, known.standing.state) == (0, "finished")
        assert not list((place / "run").glob(".*.part"))
        shutil.rmtree(place / "run")

    return {
        "training": (train_on, check_run),
        "record": (write_record, check_record),
        "selection": (write_selection, check_selection),
        "store": (decode, check_store),
        "results": (evaluated, check_results),
    }


def main(folder: Path, name: str, begin: int, end: int, step: int) -> None:
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    work, check = writers(place)[name]
    status, operations = killed_at(work, place, -1)
    assert status == 0, status
    check()
    kills = 0
    for number in range(begin, operations if end < 0 else min(end, operations), step):
        status, _ = killed_at(work, place, number)
        assert status == KILLED, (number, status)
        check()
        kills += 1
    status, _ = killed_at(work, place, -1)
    assert status == 0, status
    check()
    parts = [path.name for path in place.rglob(".*.part")]
    sys.stdout.write(json.dumps({"operations": operations, "kills": kills, "parts": parts}))


if __name__ == "__main__":
    sys.path += [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "fuzz")]
    main(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]))
