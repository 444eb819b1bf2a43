"""Pictures answered by the machines of a Ray cluster, in shards.

Needs the extra `ray`, and machines that have this version of Derm and see the same pictures. Of a machine that is lost
the shards that it had are answered by others. Knows nothing of tables.
"""

import logging
import os
import pickle
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from derm import __version__
from derm.engine.choose import ENGINE
from derm.errors import ConfigFault, ImageRefused
from derm.image.decode import image_name
from derm.model.weights import Model
from derm.predict.ask import Asking, Task, ask
from derm.predict.crew import ONE_THREAD
from derm.predict.found import FoundPicture, Source
from derm.predict.mask_files import Folders
from derm.predict.record import Record, refused_record

SHARD = 256
"""Pictures of a shard, at most: some ten seconds of one core, which is what a lost process costs."""

EACH = 4
"""Shards for each core, at least, where there are pictures for that, so that all end at about the same time."""

WAVE = 4096
"""Shards that the cluster is given at once; a million pictures."""

RETRIES = 2
"""Times that a shard is given to another process where one ends; then each of its pictures is asked about alone."""


class RemoteTask(NamedTuple):
    """A picture on its way to another machine: what is asked, and what reads it there where it is no file."""

    task: Task
    source: Source | None


def answers_on(
    address: str, model: Model, asking: Asking, pictures: Sequence[tuple[FoundPicture, str]]
) -> Generator[Record, None, None]:
    """The record of each picture, exactly one, as they come, in no order. pictures: each with its image_id.

    address: of the cluster, as `ray.init` takes it. Raises ConfigFault where Ray is not installed, there is no cluster,
    or none of its machines can answer.
    """
    asked = [_asked(one, name) for one, name in pictures]
    with _connected(address) as ray:
        setting_out = pickle.dumps(_setting_out(model, asking), protocol=pickle.HIGHEST_PROTOCOL)
        size = max(1, min(SHARD, len(asked) // (EACH * max(1, int(ray.cluster_resources().get("CPU", 1))))))
        for start in range(0, len(asked), WAVE * size):
            wave = asked[start : start + WAVE * size]
            left = dict(enumerate(wave))
            for records in _answered(ray, wave, size, setting_out):
                yield from _first_time(records, left)
            if len(left) == len(wave):
                raise ConfigFault(
                    f"No machine of the cluster at {address} could answer: install Derm {__version__} on each of them, "
                    "with the same Python."
                )
            again = dict(left)
            for records in _answered(ray, list(again.values()), 1, setting_out):
                places = list(again)
                yield from _first_time({places[index]: record for index, record in records.items()}, left)
            for one in left.values():
                yield refused_record(one.task.name, one.task.file, _given_up(one.task), asking.settings)


def _asked(one: FoundPicture, name: str) -> RemoteTask:
    """A picture as other machines know it: by its whole path."""
    return RemoteTask(Task(one.path.absolute(), one.file, name, None, one.fault), one.source)


def _setting_out(model: Model, asking: Asking) -> tuple[Model, Asking, str]:
    """What each process is told first: the model, what is asked, with whole paths, and the engine."""
    folders = Folders(*(None if folder is None else folder.absolute() for folder in asking.folders))
    return model, asking._replace(folders=folders), os.environ.get(ENGINE, "")


def _first_time(records: dict[int, Record], left: dict[int, RemoteTask]) -> Iterator[Record]:
    """Those of `records`, by place, that are still `left`, and take them from there."""
    for place, record in records.items():
        if left.pop(place, None) is not None:
            yield record


def _answered(
    ray: Any,  # noqa: ANN401 - a module without types
    asked: list[RemoteTask],
    size: int,
    setting_out: bytes,
) -> Iterator[dict[int, Record]]:
    """The records of each shard of `size` that was answered, by place in `asked`; a shard that fails is left out."""
    if not asked:
        return
    shards = [
        {"first": first, "asked": pickle.dumps(asked[first : first + size], protocol=pickle.HIGHEST_PROTOCOL)}
        for first in range(0, len(asked), size)
    ]
    data = ray.data.from_items(shards, override_num_blocks=len(shards))
    with warnings.catch_warnings():
        # How often a shard is tried has no other name until Ray 2.64; without it, one bad picture is tried for ever.
        warnings.simplefilter("ignore")
        data = data.map_batches(
            answer_shard, batch_size=1, fn_args=[setting_out, __version__], num_cpus=1, max_retries=RETRIES
        )
    for row in data.iter_rows():
        records: list[Record] = pickle.loads(row["records"])
        yield dict(enumerate(records, int(row["first"])))


def answer_shard(batch: dict[str, Any], setting_out: bytes, version: str) -> dict[str, Any]:
    """What a process of the cluster does with a shard: its pictures asked about, one after the other.

    batch: arrays of one, "first" and the pickled pictures "asked"; the answer has "first" and the pickled "records".
    """
    if version != __version__:
        raise RuntimeError(f"asked by Derm {version}, answered by {__version__}")
    model, asking = _prepared(setting_out)
    records = [ask(model, _with_content(one), asking)[0] for one in pickle.loads(batch["asked"][0])]
    return {"first": batch["first"], "records": [pickle.dumps(records, protocol=pickle.HIGHEST_PROTOCOL)]}


@lru_cache(maxsize=1)
def _prepared(setting_out: bytes) -> tuple[Model, Asking]:
    """The model, loaded once in each process, which has one thread."""
    import cv2

    os.environ.update(ONE_THREAD)
    cv2.setNumThreads(1)
    model, asking, engine = pickle.loads(setting_out)
    if engine:
        os.environ[ENGINE] = engine
    return model, asking


def _with_content(one: RemoteTask) -> Task:
    """The task, with what is no file read here."""
    if one.source is None or one.task.fault:
        return one.task
    try:
        return one.task._replace(content=one.source.read())
    except ImageRefused as error:
        return one.task._replace(fault=str(error))


def _given_up(task: Task) -> str:
    return (
        f"{image_name(task.path.name)} was answered by no machine of the cluster, and ended or failed in each that was "
        "asked: it may take more memory than they have; make it smaller, or ask about it alone."
    )


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    """Ray, connected to the cluster at `address` while the block runs, and silent."""
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise ConfigFault("Clusters need Ray, which is not installed: run pip install 'derm[ray]'.") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # they are answered again, picture by picture
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        ray.init(address=address, logging_level=logging.CRITICAL, log_to_driver=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ConfigFault(
            f"There is no Ray cluster at {address}: start one with `ray start --head`, and name it as host:port, or "
            "'auto' on one of its machines."
        ) from error
    try:
        yield ray
    except ray.exceptions.RayError as error:
        raise ConfigFault(f"The Ray cluster at {address} answers no more: go on with --resume once it does.") from error
    finally:
        ray.shutdown()
