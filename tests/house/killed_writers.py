"""Writers killed at their file operations: after each kill a reader meets what was there before or the new, whole.

Run as a script: a folder, the writer's name, and which operations (from, to, step; to −1: to the last). Forks from a
process without threads, so that a kill costs no start. Says as JSON how many operations there were and what was left.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

OPERATIONS = frozenset(
    ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod", "tempfile.mkstemp",
     "tempfile.mkdtemp", "shutil.rmtree", "fcntl.flock", "half a write")
)  # fmt: skip
"""Audit events of what changes a disk, or is about to."""

KILLED = 137

write = os.write


def write_in_halves(place: Path) -> None:
    """Let every `os.write` of this process be two, each of which it may be killed before."""

    def torn(descriptor: int, content: bytes) -> int:
        half = len(content) // 2
        for piece in (content[:half], content[half:]):
            sys.audit("half a write", str(place))
            write(descriptor, piece)
        return len(content)

    os.write = torn


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
                write(theirs, str(seen).encode())
                os._exit(KILLED)
            seen += 1

        sys.addaudithook(watch)
        try:
            work()
        finally:
            write(theirs, str(seen).encode())
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        told = int(stream.read() or -1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def writer(place: Path, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    """What writes in `place`, and what has to hold after each kill."""
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
        for kept in selections.listed(place):
            selections.delete(place, kept)
        selections.save(place, "mine", ids)

    def check_selection() -> None:
        for kept in selections.listed(place):
            assert selections.read(place, kept) == ids["image_id"].tolist()

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

    def evaluating() -> tuple[Callable[[], object], Callable[[], object]]:
        from test_folders import made_evaluation

        from derm.evaluate.dataset import write_evaluation

        evaluation = made_evaluation()
        return lambda: write_evaluation(evaluation, place), check_results

    def check_results() -> None:
        said = ""
        try:
            assert np.isfinite(read_results(place).probabilities).all()
        except DataFault as fault:
            said = str(fault)
        assert said == "" or "is missing: make them anew with" in said

    def training() -> tuple[Callable[[], object], Callable[[], object]]:
        import torch

        import derm.train.loop  # noqa: F401  each child trains with it

        torch.set_num_threads(1)  # a pool of threads would not outlive a fork
        return train_on, check_run

    def train_on() -> None:
        from short_run import CONFIG

        from derm.train.loop import train

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

    def predicting(target: Path, masks: Path | None = None) -> tuple[Callable[[], object], Callable[[], object]]:
        import derm.model.network  # noqa: F401  built in each child, and imported here once
        from derm.model.weights import load_weights
        from derm.predict.mask_files import Folders
        from derm.predict.record import csv_line
        from derm.predict.run import predict_files
        from derm.predict.table import is_parquet, part_of

        sources = [place.parent / "photos", place.parent / "photos.zip"]
        said, first = place.parent / "said", list[str]()
        import cv2
        import torch

        os.environ["DERM_ENGINE"] = "torch"
        torch.set_num_threads(1)  # no thread would outlive a fork
        cv2.setNumThreads(1)

        def predict() -> None:
            model = load_weights((place.parent / "weights.json").resolve())
            write_in_halves(place)
            folders = Folders(masks, None)
            begun = part_of(target).exists() or target.exists()
            with closing(predict_files(model, sources, table=target, resume=begun, folders=folders).answers) as answers:
                for one in answers:
                    if one.record is not None:
                        with said.open("a") as stream:
                            stream.write(f"{one.record['file']}\n")

        def lines(path: Path) -> list[str]:
            if not is_parquet(path):
                return path.read_text().splitlines()[1:] if path.exists() else []
            from derm.predict.parquet import read_records

            return [csv_line(record).rstrip() for record in read_records(path)] if path.exists() else []

        def check() -> None:
            rows = [*lines(part_of(target)), *lines(target)]
            told = said.read_text().splitlines() if said.exists() else []
            assert all(any(f",{file}," in row for row in rows) for file in told), (told, rows)
            status, _ = killed_at(predict, place, -1)
            assert status == 0, status
            whole = lines(target)
            first.extend(whole if not first else [])
            assert (len(whole), whole) == (5, first)
            assert not part_of(target).exists()
            if masks is not None:
                assert len(list(masks.glob("*_segmentation.png"))) == 4
                shutil.rmtree(masks)
            target.unlink()
            said.unlink(missing_ok=True)

        return predict, check

    def explaining() -> tuple[Callable[[], object], Callable[[], object]]:
        import torch

        import derm.model.network  # noqa: F401  as above
        from derm.evaluate.explain_dataset import explain, read_explain_results
        from derm.model.weights import load_weights

        torch.set_num_threads(1)
        first = list[bytes]()

        def explained() -> None:
            model = load_weights((place.parent / "weights.json").resolve())
            data = read_catalogue(place.parent / "data")
            explain(model, data, "test", place / "explained", sample=2, replicates=20)

        def check() -> None:
            status, _ = killed_at(explained, place, -1)
            assert status == 0, status
            found = read_explain_results(place / "explained")
            told = (found.folder / "agreement.parquet").read_bytes()
            first.extend([told] if not first else [])
            assert told == first[0]
            shutil.rmtree(place / "explained")

        return explained, check

    def decoding() -> tuple[Callable[[], object], Callable[[], object]]:
        from derm.errors import WeightsFault
        from derm.paths import app_folder
        from derm.structures.weights import load_structures, save_structures

        shipped = load_structures(app_folder() / "weights" / "structures.json")

        def save() -> None:
            for number in (1.0, 2.0):
                tensors = {name: np.full_like(value, number) for name, value in shipped.tensors.items()}
                licence = replace(shipped.info, licence=str(number))
                save_structures(place / "it.json", tensors, licence, str(number).encode())

        def check() -> None:
            if not (place / "it.json").exists():
                return
            try:
                found = load_structures(place / "it.json")
            except WeightsFault as fault:
                assert "copy the three files anew" in str(fault)  # noqa: PT017 (no test, but a script of one)
                return
            assert {float(value.flat[0]) for value in found.tensors.values()} == {float(found.info.licence)}
            assert found.graph in (None, found.info.licence.encode())

        return save, check

    made: dict[str, Callable[[], tuple[Callable[[], object], Callable[[], object]]]] = {
        "predicted.csv": lambda: predicting(place / "out.csv"),
        "predicted.parquet": lambda: predicting(place / "out.parquet"),
        "predicted-masks.csv": lambda: predicting(place / "out.csv", place / "masks"),
        "explanations": explaining,
        "training": training,
        "decoder": decoding,
        "record": lambda: (write_record, check_record),
        "selection": lambda: (write_selection, check_selection),
        "store": lambda: (decode, check_store),
        "results": evaluating,
    }
    return made[name]()


def main(folder: Path, name: str, begin: int, end: int, step: int) -> None:
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    work, check = writer(place, name)
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
