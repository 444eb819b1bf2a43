"""What a reader does: which case in which arm comes next, and the opinions, kept as a chain of lines.

Needs a `StudyDesign` and its folder. The order is drawn by the study's seed and the reader's name; arms rotate from one
reader to the next, so that none is always first. An opinion is final, and on the disk when it was taken.
"""

import os
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from derm.errors import RecordsFault, StudyFault
from derm.files import OWN_FILE, check_file, close_to_others, hold, is_named, parse_json, read_file
from derm.language.speech import say
from derm.records import entry
from derm.records.chain import START, canonical, digest
from derm.records.entry import Management
from derm.study.design import OPINIONS, WITHOUT, StudyDesign, read_study

FILE = OPINIONS

MOST = 256 << 20
"""Bytes of it that are read: an opinion has some 500."""

BEFORE, AFTER = "before", "after"


class StudyOpinion(NamedTuple):
    """One opinion of a study."""

    reader: str
    arm: str
    case_id: str
    stage: str
    """'before' the answer was shown, or 'after'; in the arm without it there is only the first."""

    diagnosis: str
    """One of the seven codes, or 'other'."""

    management: str
    """One of `derm.records.entry.Management`."""

    suspicion: int
    """How likely the reader takes a malignant lesion to be, 0 … 100 percent."""

    confidence: int
    """In the diagnosis, 0 … 100 percent."""

    asked_at: str
    """When the question was shown, UTC."""

    seconds: float
    """From then to the opinion."""

    at: str = ""
    """When it was kept, UTC."""


class NextTask(NamedTuple):
    """What a reader does next."""

    arm: str
    case_id: str
    stage: str
    place: int
    """In the arm, from 1."""

    total: int
    """Cases in the arm."""


class Washout(NamedTuple):
    """The reader has read an arm, and waits before the next."""

    arm: str
    """That comes next."""

    until: str
    """UTC."""


def arms_of(study: StudyDesign, reader: str) -> tuple[str, ...]:
    """The arms in this reader's order: a row of a Latin square."""
    shift = _place(study, reader) % len(study.arms)
    return study.arms[shift:] + study.arms[:shift]


def cases_of(study: StudyDesign, reader: str, arm: str) -> list[str]:
    """Numbers of the cases in this reader's order in this arm, always the same."""
    keys = [one.id for one in study.cases]
    random.Random(f"{study.seed}\n{reader}\n{arm}").shuffle(keys)
    return keys


def next_task(study: StudyDesign, reader: str, given: Sequence[StudyOpinion], now: str) -> NextTask | Washout | None:
    """What `reader` does next at the time `now`; None once all is done. given: all opinions of the study."""
    mine = [one for one in given if one.reader == reader]
    done = {(one.arm, one.case_id, one.stage) for one in mine}
    last = ""
    for arm in arms_of(study, reader):
        keys = cases_of(study, reader, arm)
        for place, key in enumerate(keys, start=1):
            for stage in _stages(arm):
                if (arm, key, stage) not in done:
                    until = _until(study, last)
                    if until > now and not any(one.arm == arm for one in mine):
                        return Washout(arm, until)
                    return NextTask(arm, key, stage, place, len(keys))
        last = max((one.at for one in mine if one.arm == arm), default=last)
    return None


def progress_of(study: StudyDesign, reader: str, given: Sequence[StudyOpinion]) -> tuple[int, int]:
    """How many opinions a reader has given, and how many there will be."""
    total = len(study.cases) * sum(len(_stages(arm)) for arm in study.arms)
    return sum(one.reader == reader for one in given), total


def give(folder: Path, study: StudyDesign, reading: StudyOpinion) -> StudyOpinion:
    """Keep an opinion; as it was kept it comes back. Raises StudyFault for one that is not next, or out of range,
    and where another study lies in `folder` by now."""
    _check(reading)
    path = folder / FILE
    try:
        return _give(path, study, reading)
    except OSError as error:
        raise StudyFault(
            say(
                "{path} cannot be written ({strerror}), so this opinion is not kept: let there be room and permission "
                "to write, then give it again.",
                path=path,
                strerror=error.strerror,
            )
        ) from error


def _give(path: Path, study: StudyDesign, reading: StudyOpinion) -> StudyOpinion:
    check_file(path)
    path.touch(OWN_FILE)
    close_to_others(path)
    with path.open("ab+", buffering=0) as stream:  # a buffer would write the rest of what a full disk has cut
        if not hold(stream, patience=10):
            raise StudyFault(say("{path} is held by another program: end it, then try again.", path=path))
        if read_study(path.parent).hash != study.hash:  # the line would spoil the chain of what is there now
            raise StudyFault(
                say(
                    "The study {name} was made anew since this page was opened, so this opinion is not kept: load the "
                    "page again.",
                    name=study.name,
                )
            )
        if stream.seek(0, os.SEEK_END) > MOST:
            raise StudyFault(
                say("{path} has more than {most:,} bytes: put the file back from a copy.", path=path, most=MOST)
            )
        stream.seek(0)
        content = stream.read()
        given, previous, whole = _parse(content, path, study)
        kept = reading._replace(at=entry.now(), seconds=entry.seconds(reading.seconds))
        task = next_task(study, reading.reader, given, kept.at)
        if not isinstance(task, NextTask) or task[:3] != (reading.arm, reading.case_id, reading.stage):
            raise StudyFault(
                say("This opinion is not the next one of this reader: an opinion is final. Load the page again.")
            )
        stream.truncate(whole)  # what a kill left of a line
        line = {**kept._asdict(), "study": study.hash, "previous": previous}
        try:
            left = (canonical({**line, "hash": digest(previous, line)}) + "\n").encode()
            while left:
                left = left[stream.write(left) :]
            os.fsync(stream.fileno())
        except OSError:
            with suppress(OSError):  # what is said not to be kept is not there either
                os.ftruncate(stream.fileno(), whole)
            raise
    return kept


def read_given(folder: Path, study: StudyDesign) -> list[StudyOpinion]:
    """All opinions of the study, in the order in which they were given.

    A last line that a kill cut off was never told to be kept, and is left out. Raises StudyFault where a line was
    changed, taken out, or belongs to another study.
    """
    path = folder / FILE
    if not is_named(path):
        return []
    try:
        content = read_file(path, MOST)
    except (OSError, ValueError) as error:
        raise StudyFault(
            say("{path} cannot be read ({error}): put the file back from a copy.", path=path, error=error)
        ) from error
    return _parse(content, path, study)[0]


def _parse(content: bytes, path: Path, study: StudyDesign) -> tuple[list[StudyOpinion], str, int]:
    """The opinions, the last hash, and the length of what is whole."""
    whole = content.rfind(b"\n") + 1
    given, previous, seal = [], START, study.hash
    for number, text in enumerate(content[:whole].splitlines(), start=1):
        try:
            line: dict[str, Any] = parse_json(text)
            told, owner = line.pop("hash"), line["study"]
            kept = {name: value for name, value in line.items() if name not in ("study", "previous")}
            reading = StudyOpinion(**kept)
            texts = (reading.reader, reading.arm, reading.case_id, reading.stage, reading.asked_at)
            if not all(isinstance(text, str) for text in texts):
                raise TypeError("names and times are texts")
            _check(reading)
            datetime.fromisoformat(reading.at)
            seal_of_line = digest(previous, line)
        except (ValueError, KeyError, TypeError, AttributeError, RecordsFault) as error:
            raise StudyFault(
                say("Line {number} of {path} cannot be read: put the file back from a copy.", number=number, path=path)
            ) from error
        if line.get("previous") != previous or seal_of_line != told or owner != seal:
            raise StudyFault(
                say(
                    "Line {number} of {path} is not what was kept there: put the file back from a copy.",
                    number=number,
                    path=path,
                )
            )
        given.append(reading)
        previous = told
    return given, previous, whole


def _check(reading: StudyOpinion) -> None:
    entry.diagnosis(reading.diagnosis)
    entry.choice(reading.management, tuple(Management), entry.NO_MANAGEMENT)
    entry.confidence(reading.confidence)
    entry.confidence(reading.suspicion)
    entry.seconds(reading.seconds)


def _place(study: StudyDesign, reader: str) -> int:
    if reader not in study.readers:
        raise StudyFault(
            say(
                "'{reader}' is no reader of the study {name}: one of {readers}.",
                reader=reader,
                name=study.name,
                readers=", ".join(study.readers),
            )
        )
    return study.readers.index(reader)


def _stages(arm: str) -> tuple[str, ...]:
    return (BEFORE,) if arm == WITHOUT else (BEFORE, AFTER)


def _until(study: StudyDesign, last: str) -> str:
    if not last or not study.washout_days:
        return ""
    return entry.moment(datetime.fromisoformat(last) + timedelta(days=study.washout_days))
