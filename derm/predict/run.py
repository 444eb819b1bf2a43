"""Many pictures asked about and each written down as soon as it is answered: what `derm predict` does.

Needs a loaded `Model`. A few pictures are held in memory at a time, and whatever is wrong with one costs its own record
only. Knows nothing of the command line.
"""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path
from typing import NamedTuple

from derm.engine.choose import engine_of
from derm.engine.runtime import cores
from derm.errors import ConfigFault, ImageRefused
from derm.files import make_folder, shorten
from derm.model.weights import Model
from derm.predict.ask import Asking, Task, ask
from derm.predict.case import Case
from derm.predict.crew import Crew
from derm.predict.folder import Survey, name_images, survey
from derm.predict.found import FoundPicture, printed_before
from derm.predict.mask_files import Folders, are_there, origin_of, own_name
from derm.predict.record import Record, settings_of
from derm.predict.remote import RemotePicture, is_address, shown_before
from derm.predict.table import GrowingTable, part_of
from derm.predict.views import check_views

EACH = 24
"""Pictures from which another process is worth its start, which takes a second or two."""

FETCHED = 8
"""Pictures that are fetched over a network at the same time."""


class Answered(NamedTuple):
    """One picture of a run."""

    record: Record | None
    """What is written down of it; None where the row of an earlier run stands."""

    case: Case | None
    """The answer; None where it was refused, an earlier run gave it, or another process."""

    answered: bool
    """Whether there is an answer, of this run or an earlier one."""

    reliable: bool
    """Whether there is an answer that can be relied on."""

    done: int
    """How many of `total` are done with it."""

    total: int
    """Pictures in all."""


class PredictionRun(NamedTuple):
    """Pictures about to be asked about."""

    survey: Survey
    """What the paths hold."""

    processes: int
    """In how many processes they will be answered; 1: in this one."""

    answers: Generator[Answered, None, None]
    """Each as it comes, written to the table before it is given; asked as it is iterated. To be closed where it is
    left. Of one process they are in the order of `survey`, behind those that stand; of several in none. The table at
    the end is always in the order of `survey`."""


def predict_files(
    model: Model,
    paths: Iterable[str | Path],
    *,
    table: Path | None = None,
    resume: bool = False,
    folders: Folders | None = None,
    prevalence: float | None = None,
    views: int = 1,
    processes: int | None = 1,
    cluster: str | None = None,
) -> PredictionRun:
    """Look through `paths` and make ready to ask about every picture that `derm.predict.folder.survey` finds.

    table: the CSV or Parquet, see `GrowingTable`; without it nothing is written. resume: go on with it: pictures stand
    whose file has the same path and content, had no error and has the masks and maps that are wanted now, of this run's
    weights and settings. folders: for masks and maps, made where they are not there. prevalence: the share of malignant
    lesions among one's own patients, above 0, below 1, to which probabilities are carried (`derm.predict.practice`).
    views: 1, or 8 for the mean over eight. processes: that answer, each with one thread, see `derm.predict.crew`; 1 for
    this one with all its threads, None for as many as pay. cluster: the address of a Ray cluster whose machines answer
    instead, see `derm.predict.cluster`. Raises ConfigFault for a place that cannot be written, a table that does not go
    with the settings, another number of views, or no process; while it is iterated only where folders hold masks or
    maps that are not to be replaced, the table can be written no more, or processes or cluster do not answer.
    """
    check_views(views)
    if processes is not None and processes < 1:
        raise ConfigFault(f"{processes} processes answer nothing: ask for at least 1.")
    folders = folders or Folders()
    asking = Asking(settings_of(model, views, prevalence), folders, prevalence)
    own = () if table is None else (table, part_of(table))
    found = survey(paths, folders.given(), own)
    for folder in folders.given():
        make_folder(folder)
    growing = None if table is None else GrowingTable(table, asking.settings, resume=resume)
    count = processes or _worthwhile(model, len(found.files))
    return PredictionRun(found, count, _answers(model, found.files, growing, asking, count, cluster))


def _worthwhile(model: Model, total: int) -> int:
    """As many processes as pay for so many pictures. With PyTorch each takes a gigabyte, which nobody asked for."""
    if total < 2 * EACH or engine_of(model).name == "torch":
        return 1
    return max(1, min(cores(), total // EACH))


def _answers(
    model: Model,
    files: list[FoundPicture],
    table: GrowingTable | None,
    asking: Asking,
    processes: int,
    cluster: str | None,
) -> Generator[Answered, None, None]:
    """`PredictionRun.answers`; the table is let go of when it ends or is closed."""
    with nullcontext() if table is None else table:
        before = {} if table is None else table.standing
        _refuse_former_names(files, before)
        _refuse_shared_names(before)
        names = _names(files, before)
        left, done = list[FoundPicture](), 0
        for one in files:
            if _stands(one, before, asking):
                done += 1
                yield Answered(None, None, True, before[one.file]["answerable"] == "yes", done, len(files))
            else:
                left.append(one)
        for one in left:  # masks that would be refused are so before hours are spent
            if asking.folders.given() and not one.fault:
                own_name(names[one.file], origin_of(one.path, "", asking.settings), asking.folders)
        asked = (
            _asked(model, _tasks(left, names), asking, min(processes, len(left)))
            if cluster is None
            else _asked_on(cluster, model, left, names, asking)
        )
        with closing(asked) as answers:
            for record, case in answers:
                done += 1
                if table is not None:
                    table.add(record)
                reliable = bool(record["answerable"])
                yield Answered(record, case, record["width"] is not None, reliable, done, len(files))
        if table is not None:
            table.finish((one.file for one in files), in_order=processes == 1 and cluster is None)


def _asked(
    model: Model, tasks: Iterator[Task], asking: Asking, processes: int
) -> Generator[tuple[Record, Case | None], None, None]:
    """The record of each task, and its case where it was answered in this process."""
    if processes <= 1:
        for task in tasks:
            yield ask(model, task, asking)
        return
    with closing(Crew(model, asking, tasks, processes).answers()) as answers:
        for _, record in answers:
            yield record, None


def _asked_on(
    cluster: str, model: Model, files: list[FoundPicture], names: dict[str, str], asking: Asking
) -> Generator[tuple[Record, Case | None], None, None]:
    """The record of each picture, answered by the machines of a cluster."""
    from derm.predict.cluster import answers_on

    with closing(answers_on(cluster, model, asking, [(one, names[one.file]) for one in files])) as answers:
        for record in answers:
            yield record, None


def _tasks(files: Iterable[FoundPicture], names: dict[str, str]) -> Generator[Task, None, None]:
    """What is to be asked, with the content of what is no file; what lies beyond a network is fetched ahead."""
    with ThreadPoolExecutor(FETCHED) as fetchers:
        waiting: deque[tuple[FoundPicture, Future[bytes] | None]] = deque()
        try:
            for one in files:
                far = one.source is not None and one.source.remote
                waiting.append((one, fetchers.submit(one.read) if far else None))
                if len(waiting) > FETCHED:
                    yield _task(*waiting.popleft(), names)
            while waiting:
                yield _task(*waiting.popleft(), names)
        finally:
            fetchers.shutdown(wait=False, cancel_futures=True)


def _task(one: FoundPicture, fetched: "Future[bytes] | None", names: dict[str, str]) -> Task:
    task = Task(one.path, one.file, names[one.file], None, one.fault)
    if one.fault or one.source is None:
        return task
    try:
        return task._replace(content=one.read() if fetched is None else fetched.result())
    except ImageRefused as error:
        return task._replace(fault=str(error))


def _refuse_former_names(files: list[FoundPicture], before: dict[str, dict[str, str]]) -> None:
    """Refuse to go on with a table that names one of these files as older versions did: it would get a second row."""
    here = {one.file for one in files}
    for one in files:
        former = _former_name(one)
        if one.file not in before and former in before and former not in here:
            raise ConfigFault(
                f"The table has {former}, as an older version of Derm wrote the name, and this one writes {one.file}: "
                "name another --out."
            )


def _former_name(one: FoundPicture) -> str:
    """The `file` of a picture as older versions wrote it."""
    if isinstance(one.source, RemotePicture):
        return shown_before(one.source.address)
    return one.file if one.address else printed_before(one.path.absolute())


def _refuse_shared_names(before: dict[str, dict[str, str]]) -> None:
    """Refuse to go on with a table in which several addresses have one image_id, and so one name of masks."""
    first: dict[str, str] = {}
    for file, row in before.items():
        if is_address(file) and first.setdefault(row["image_id"], file) != file:
            raise ConfigFault(
                f"The table calls two pictures {shorten(row['image_id'], 60)!r}, as an older version of Derm did where "
                "addresses differ in what follows a question mark: name another --out."
            )


def _names(files: list[FoundPicture], before: dict[str, dict[str, str]]) -> dict[str, str]:
    """The image_id of each file: that of before, or a new one."""
    kept = {file: row["image_id"] for file, row in before.items()}
    fresh = [one for one in files if one.file not in kept]
    new = zip(fresh, name_images([one.path for one in fresh], kept.values()), strict=True)
    return kept | {one.file: name for one, name in new}


def _stands(one: FoundPicture, before: dict[str, dict[str, str]], asking: Asking) -> bool:
    """Whether a picture was answered by an earlier run, with all that is wanted now, and is the same."""
    row = before.get(one.file)
    if row is None or one.fault or row["error"] or not row["sha256"]:
        return False
    origin = origin_of(one.path, row["sha256"], asking.settings)
    if asking.folders.given() and not (row["written_as"] and are_there(row["written_as"], origin, asking.folders)):
        return False
    return one.is_still(row["sha256"])
