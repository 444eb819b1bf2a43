"""A list of cases as a table for triage: who is referred, who needs a look, by urgency; and what is said there.

Needs listed cases. A row is made of what a case says, and is there for a refused file and for a picture that was let
go, too. Knows nothing of pages.
"""

import json
from collections.abc import Iterable, Sequence
from enum import IntEnum
from pathlib import PurePath
from typing import NamedTuple

from derm.figures.text import SPACE, capital, duration, fine_percent, percent, plain
from derm.image.decode import image_name
from derm.predict.case import Case
from derm.predict.case_list import MAX_CASES, MAX_MEGAPIXELS, ListedCase
from derm.predict.doubts import doubts_of
from derm.predict.record import (
    Record,
    Settings,
    json_of,
    record_of,
    refused_record,
    unique_ids,
)
from derm.predict.words import flags, what_to_do

NAMES = 5
"""Most files that a sentence names one by one."""


class Urgency(IntEnum):
    """Where a row stands in the table, the most urgent first."""

    REFER = 0
    """Referral is advised, and there is an answer."""

    LOOK = 1
    """A human must look: the file was refused, there is no answer to be relied on, or a doubt about it."""

    REST = 2
    """Referral is not advised, and no doubt was found."""


LABELS = {Urgency.REFER: "Refer", Urgency.LOOK: "Look yourself", Urgency.REST: "The rest"}
"""Each group in a word or two."""

ORDER = (
    "By urgency: first those whose referral is advised, by malignant probability; then those that a human must look "
    "at, for there is no answer or a doubt about it; then the rest, by malignant probability."
)

COLUMNS = (
    {"label": "", "by": None},
    {"label": "Case", "by": "name"},
    {"label": "What to do", "by": ""},
    {"label": "Malignant", "by": "malignant"},
    {"label": "Likeliest diagnosis", "by": "likeliest"},
    {"label": "Doubts", "by": None},
)
"""Heads of the table, and by what each sorts; '' is the order of urgency."""

TABLE_WORDS = {
    "table": "All cases of this visit. Up and down move, Enter opens.",
    "search": "Search name, diagnosis or doubt",
    "groups": "Which cases are shown",
    "found": "{shown} shown",
}
"""What the table says of itself; in `found` the number is put in while it is searched."""

REFUSED = "Not read"
"""What stands in the place of flags for a refused file."""

TO_DO_REFUSED = "No answer"

TO_DO_WITHHELD = "Your opinion first"

WITHHELD = "Your opinion first: the answer is shown once you have given your own."

READING_AGAIN = "Reading the picture again …"

NO_LONGER_KEPT = "The cases that this tab had are no longer kept. Choose the files again."


class TriageRow(NamedTuple):
    """One row of the table."""

    key: str
    """Of the listed case."""

    name: str
    thumbnail: bytes
    """JPEG file, or empty."""

    to_do: str
    """'Refer', 'Not referred', 'No answer', or that no threshold is set."""

    p_malignant: float | None
    """0 … 1; None where there is no answer."""

    malignant: str
    """The same in percent, or ''."""

    likeliest: str
    """The likeliest diagnosis with its probability, or ''."""

    flags: tuple[str, ...]
    """What makes the answer doubtful, a word or two each."""

    note: str
    """Why there is no answer, a sentence; '' where there is one."""

    urgency: Urgency


def row_of(listed: ListedCase, case: Case | None) -> TriageRow:
    """The row of a listed case. case: its answers, among the patients that are set; None where the file was refused."""
    if case is None:
        return TriageRow(
            listed.key, listed.name, b"", TO_DO_REFUSED, None, "", "", (REFUSED,), listed.refusal, Urgency.LOOK
        )
    found = flags(case)
    start = (listed.key, listed.name, listed.thumbnail, what_to_do(case))
    if not case.answerable:
        return TriageRow(*start, None, "", "", found, "", Urgency.LOOK)
    (first, share), *_ = case.ranked
    urgency = Urgency.REFER if case.above_referral else Urgency.LOOK if doubts_of(case) else Urgency.REST
    named = f"{capital(first.name)} {percent(share)}"
    return TriageRow(*start, case.p_malignant, fine_percent(case.p_malignant), named, found, "", urgency)


def withheld_row(listed: ListedCase) -> TriageRow:
    """The row of a listed case whose answer waits for the clinician's own opinion: nothing of the answer is in it."""
    start = (listed.key, listed.name, listed.thumbnail, TO_DO_WITHHELD)
    return TriageRow(*start, None, "", "", (), WITHHELD, Urgency.LOOK)


def by_urgency(rows: Iterable[TriageRow]) -> list[TriageRow]:
    """The rows in the order that `ORDER` explains; equals as they came."""
    return sorted(rows, key=lambda row: (row.urgency, 1.0 if row.p_malignant is None else -row.p_malignant))


def counts(rows: Iterable[TriageRow]) -> dict[Urgency, int]:
    """How many rows there are of each urgency."""
    found = dict.fromkeys(Urgency, 0)
    for row in rows:
        found[row.urgency] += 1
    return found


def groups(rows: Sequence[TriageRow]) -> list[dict[str, object]]:
    """The buttons that choose what is shown: all, and each urgency of which there is a row, with their numbers."""
    found = counts(rows)
    some = [{"urgency": int(one), "label": f"{LABELS[one]} {count}"} for one, count in found.items() if count]
    return [{"urgency": "", "label": f"All {len(rows)}"}, *some]


def place_of(rows: Sequence[TriageRow], key: str) -> int:
    """Where the row with this key stands, from 0; 0 where it is gone."""
    return next((place for place, row in enumerate(rows) if row.key == key), 0)


def in_line(row: TriageRow) -> str:
    """A row as one line of text: 'Refer: malignant 39 %. Melanoma 34 %.'"""
    if row.note:
        return row.note
    said = f"{row.to_do}: malignant {row.malignant}. {row.likeliest}." if row.malignant else f"{row.to_do}."
    return f"{', '.join(row.flags)}. {said}" if row.flags else said


def said(sentences: Sequence[str]) -> str:
    """Sentences one below the other, as Markdown."""
    return plain(sentences[0]) if len(sentences) == 1 else "\n".join(f"- {plain(one)}" for one in sentences)


def keeping(minutes: float) -> str:
    """How long the list lasts. minutes: for how many it is kept over a reload, 0 for none."""
    reload = (
        f"Reloading the page keeps it for {minutes:g} minutes; closing the tab or the browser, or a restart of the "
        "server, loses it"
        if minutes
        else "Reloading the page loses it"
    )
    return (
        f"This list is in the server's memory alone, and nothing of it on its disk. {reload}: download the table first."
    )


def records(cases: Sequence[ListedCase], answers: Iterable[Case | None], settings: Settings) -> list[Record]:
    """What is written down of each row, in order of arrival, a refused file's reason with it.

    answers: of each of `cases`, in their order, see `row_of`. settings: of the model that was asked.
    """
    found = []
    for listed, case in zip(cases, answers, strict=True):
        if case is None:
            found.append(refused_record(PurePath(listed.name).stem, listed.name, listed.refusal, settings))
        else:
            # A case whose picture was let go does not know its model any more.
            found.append(record_of(case, calibration=settings.calibration))
    return list(unique_ids(reversed(found)))


def as_json(found: Iterable[Record], licence: str) -> str:
    """Records as a list in JSON, each as the file of one case is. licence: the weights' terms."""
    return json.dumps([json_of(one, licence) for one in found], indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def listing(names: Sequence[str]) -> str:
    """Files by name, the first `NAMES` of them: 'a.jpg, b.jpg and 3 more'."""
    shown = ", ".join(image_name(name) for name in names[:NAMES])
    more = len(names) - NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def no_longer_there(cases: Sequence[ListedCase]) -> str:
    """Which pictures are no longer in memory, and how they come back; '' where all are."""
    gone = [listed.name for listed in cases if listed.away]
    if not gone:
        return ""
    lost = sum(listed.let_go and listed.file is None for listed in cases)
    verb = "is" if len(gone) == 1 else "are"
    limit = f"{MAX_CASES} or {MAX_MEGAPIXELS}{SPACE}megapixels of a list, fewer where many are at work"
    how = "opening the row reads the file again" + (
        f", but for {lost}, whose files must be chosen again." if lost else "."
    )
    return (
        f"{len(gone)} of {len(cases)} pictures {verb} no longer in memory, which holds {limit}: "
        f"{listing(gone)}. All answers stay; {how}"
    )


def headline(listed: ListedCase) -> str:
    """What stands in the headline's place where there is no picture to show."""
    return (
        f"{listed.name} could not be read: no answer." if listed.refusal else f"{listed.name}: picture not in memory."
    )


def picture_gone(name: str) -> str:
    """What an opened row says whose picture cannot be brought back by itself."""
    return (
        f"The picture of {name} is no longer in memory. Its answer stays in the table of cases; to see it with "
        f"outline and heat map, choose the file again."
    )


def too_large(name: str) -> str:
    """Why a picture is refused for which there is no memory."""
    return f"{image_name(name)} needs more memory than this machine has: make it smaller."


def not_read(names: Sequence[str]) -> str:
    """What is said of files that a stopped reading left out."""
    verb = "was" if len(names) == 1 else "were"
    return f"Stopped. {len(names)} {'file' if len(names) == 1 else 'files'} {verb} not read: {listing(names)}."


def no_room(names: Sequence[str], most: int) -> str:
    """What is said of files for which the list has no row left."""
    return f"The list holds {most:,} cases; not taken in: {listing(names)}. Download the table, then clear the list."


def no_memory(names: Sequence[str]) -> str:
    """What is said of files for which the server has no memory left."""
    return (
        f"The server's memory is full with what its visitors have open; not taken in: {listing(names)}. Choose "
        f"{'it' if len(names) == 1 else 'them'} again later, or clear the list."
    )


def let_go_for_others(names: Sequence[str]) -> str:
    """What is said of pictures whose files the server has let go, for other visitors need the memory."""
    what, stay, it = (
        ("The picture of {} is", "Its answer stays", "it")
        if len(names) == 1
        else ("The pictures of {} are", "All answers stay", "one")
    )
    return (
        f"{what.format(listing(names))} no longer in the server's memory, which other visitors need. {stay} in the "
        f"table; to see {it} again, choose the file again."
    )


def came_before(names: Sequence[str]) -> str:
    """What is said of files that are in the list already."""
    verb = "was" if len(names) == 1 else "were"
    return f"{listing(names)} {verb} in the list already and {verb} not read again."


def progress(read: int, total: int, name: str, left: float | None) -> str:
    """How far the reading is. left: seconds that it may still take, or None where nothing was read yet."""
    rest = f", {duration(left)} left" if left is not None else ""
    return f"Reading {image_name(name)}: {read + 1} of {total}{rest}"
