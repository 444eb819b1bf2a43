"""A list of cases as a table for triage: who is referred, who needs a look, by urgency; and what is said there.

Needs listed cases. A row is made of what a case says, and is there for a refused file and for a picture that was let
go, too. Knows nothing of pages.
"""

import json
from collections.abc import Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

from derm.figures.text import capital, fine_percent, percent, plain, time_left
from derm.files import without_ending
from derm.image.decode import image_name
from derm.language.speech import mark, say, say_many
from derm.predict.case import Case
from derm.predict.case_list import MAX_CASES, MAX_MEGAPIXELS, ListedCase
from derm.predict.record import (
    Record,
    Settings,
    json_of,
    record_of,
    refused_record,
    unique_ids,
)
from derm.predict.words import flags, views_of, what_to_do

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


LABELS = {Urgency.REFER: mark("Refer"), Urgency.LOOK: mark("Look yourself"), Urgency.REST: mark("The rest")}
"""Each group in a word or two."""

ORDER = mark(
    "By urgency: first those whose referral is advised, by malignant probability; then those that a human must look "
    "at, for there is no answer or a doubt about it; then the rest, by malignant probability."
)

COLUMNS = (
    {"label": "", "by": None},
    {"label": mark("Case"), "by": "name"},
    {"label": mark("What to do"), "by": ""},
    {"label": mark("Malignant"), "by": "malignant"},
    {"label": mark("Likeliest diagnosis"), "by": "likeliest"},
    {"label": mark("Doubts"), "by": None},
)
"""Heads of the table, and by what each sorts; '' is the order of urgency."""

TABLE_WORDS = {
    "table": mark("All cases of this visit. Up and down move, Enter opens."),
    "search": mark("Search name, diagnosis or doubt"),
    "groups": mark("Which cases are shown"),
    "found": mark("{shown} shown"),
}
"""What the table says of itself; in `found` the number is put in while it is searched."""

REFUSED = mark("Not read")
"""What stands in the place of flags for a refused file."""

TO_DO_REFUSED = mark("No answer")

TO_DO_WITHHELD = mark("Your opinion first")

WITHHELD = mark("Your opinion first: the answer is shown once you have given your own.")

READING_AGAIN = mark("Reading the picture again …")

CLEARED_ELSEWHERE = mark("Cases that another tab had, too, were cleared there, and are forgotten here as well.")
NO_LONGER_KEPT = mark("The cases that this tab had are no longer kept. Choose the files again.")
WAS_AWAY = mark(
    "This page was without its server for a while: what was typed or chosen and not saved is gone, and the last click "
    "may not have been heard. Look, and enter it again."
)

OTHER_WEIGHTS = mark("Other weights are in use by now: the pictures of this tab are read again, and answered by them.")


def not_taken_over(names: Sequence[str]) -> str:
    """What is said of cases of other weights whose pictures are not there to be asked about again."""
    return say_many(
        "1 case that other weights had answered is not taken over, for its picture is not kept: open {names} again.",
        "{count} cases that other weights had answered are not taken over, for their pictures are not kept: open "
        "{names} again.",
        len(names),
        names=listing(names),
    )


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

    views: str = ""
    """Of how many views the answer is, a sentence; '' where it is of as many as are asked for."""


def row_of(listed: ListedCase, case: Case | None, views: int | None = None, doubts: tuple[str, ...] = ()) -> TriageRow:
    """The row of a listed case. case: its answers, among the patients that are set; None where the file was refused.
    views: as many as are asked for; None where that is not told. doubts: what makes all answers of the weights
    doubtful, a word or two each."""
    if case is None:
        return TriageRow(
            listed.key,
            listed.name,
            b"",
            say(TO_DO_REFUSED),
            None,
            "",
            "",
            (say(REFUSED),),
            listed.refusal,
            Urgency.LOOK,
        )
    found = flags(case)
    start = (listed.key, listed.name, listed.thumbnail, what_to_do(case))
    if not case.answerable:
        return TriageRow(*start, None, "", "", found, "", Urgency.LOOK)
    (first, share), *_ = case.ranked
    found = (*doubts, *found)
    urgency = Urgency.REFER if case.above_referral else Urgency.LOOK if found else Urgency.REST
    named = f"{capital(first.called)} {percent(share)}"
    over = "" if views in (None, case.views) else views_of(case)
    return TriageRow(*start, case.p_malignant, fine_percent(case.p_malignant), named, found, "", urgency, over)


def withheld_row(listed: ListedCase) -> TriageRow:
    """The row of a listed case whose answer waits for the clinician's own opinion: nothing of the answer is in it."""
    start = (listed.key, listed.name, listed.thumbnail, say(TO_DO_WITHHELD))
    return TriageRow(*start, None, "", "", (), say(WITHHELD), Urgency.LOOK)


def by_urgency(rows: Iterable[TriageRow]) -> list[TriageRow]:
    """The rows in the order that `ORDER` explains; equals as they came."""
    return sorted(rows, key=lambda row: (row.urgency, 1.0 if row.p_malignant is None else -row.p_malignant))


def counts(rows: Iterable[TriageRow]) -> dict[Urgency, int]:
    """How many rows there are of each urgency."""
    found = dict.fromkeys(Urgency, 0)
    for row in rows:
        found[row.urgency] += 1
    return found


def heads() -> list[dict[str, str | None]]:
    """`COLUMNS` in the language now spoken."""
    return [{**column, "label": say(str(column["label"]))} for column in COLUMNS]


def groups(rows: Sequence[TriageRow]) -> list[dict[str, object]]:
    """The buttons that choose what is shown: all, and each urgency of which there is a row, with their numbers."""
    found = counts(rows)
    some = [{"urgency": int(one), "label": f"{say(LABELS[one])} {count}"} for one, count in found.items() if count]
    return [{"urgency": "", "label": say("All {count}", count=len(rows))}, *some]


def place_of(rows: Sequence[TriageRow], key: str) -> int:
    """Where the row with this key stands, from 0; 0 where it is gone."""
    return next((place for place, row in enumerate(rows) if row.key == key), 0)


def in_line(row: TriageRow) -> str:
    """A row as one line of text: 'Refer: malignant 39 %. Melanoma 34 %.'"""
    if row.note:
        return row.note
    said = (
        say(
            "{to_do}: malignant {malignant}. {likeliest}.",
            to_do=row.to_do,
            malignant=row.malignant,
            likeliest=row.likeliest,
        )
        if row.malignant
        else f"{row.to_do}."
    )
    return " ".join([*([f"{', '.join(row.flags)}."] if row.flags else []), said, *([row.views] if row.views else [])])


def said(sentences: Sequence[str]) -> str:
    """Sentences one below the other, as Markdown."""
    return plain(sentences[0]) if len(sentences) == 1 else "\n".join(f"- {plain(one)}" for one in sentences)


def other_views(rows: Sequence[TriageRow], views: int) -> str:
    """How many rows were answered over another number of views than the `views` asked for, and how that changes; ''
    where none was."""
    other, answers = sum(bool(row.views) for row in rows), sum(not row.note for row in rows)
    if not other:
        return ""
    if views == 1:
        return say_many(
            "{count} of {cases} answers is a mean over several views: opening the row asks about the picture again, in "
            "one view.",
            "{count} of {cases} answers are means over several views: opening a row asks about its picture again, in "
            "one view.",
            other,
            cases=answers,
        )
    return say_many(
        "{count} of {cases} answers is of one view and no mean over {views}: opening the row asks about the picture "
        "again.",
        "{count} of {cases} answers are of one view and no means over {views}: opening a row asks about its picture "
        "again.",
        other,
        cases=answers,
        views=views,
    )


def keeping(minutes: float) -> str:
    """How long the list lasts. minutes: for how many it is kept over a reload, 0 for none."""
    if not minutes:
        return say(
            "This list is in the server's memory alone, and nothing of it on its disk. Reloading the page loses it: "
            "download the table first."
        )
    return say(
        "This list is in the server's memory alone, and nothing of it on its disk. Reloading the page keeps it for "
        "{minutes:g} minutes; closing the tab or the browser, or a restart of the server, loses it: download the table "
        "first.",
        minutes=minutes,
    )


def records(cases: Sequence[ListedCase], answers: Iterable[Case | None], settings: Settings) -> list[Record]:
    """What is written down of each row, in order of arrival, a refused file's reason with it.

    answers: of each of `cases`, in their order, see `row_of`. settings: of the model that was asked.
    """
    found = []
    for listed, case in zip(cases, answers, strict=True):
        if case is None:
            found.append(refused_record(without_ending(listed.name), listed.name, listed.refusal, settings))
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
    return say("{shown} and {more} more", shown=shown, more=more) if more > 0 else shown


def no_longer_there(cases: Sequence[ListedCase]) -> str:
    """Which pictures are no longer in memory, and how they come back; '' where all are."""
    gone = [listed.name for listed in cases if listed.away]
    if not gone:
        return ""
    lost = sum(listed.let_go and (listed.stored is None or listed.lost) for listed in cases)
    limit = say(
        "{cases} pictures or {megapixels}\N{NO-BREAK SPACE}megapixels of a list, fewer where many are at work",
        cases=MAX_CASES,
        megapixels=MAX_MEGAPIXELS,
    )
    what = say_many(
        "{count} of {cases} pictures is no longer in memory, which holds {limit}: {names}.",
        "{count} of {cases} pictures are no longer in memory, which holds {limit}: {names}.",
        len(gone),
        cases=len(cases),
        limit=limit,
        names=listing(gone),
    )
    if not lost:
        return f"{what} {say('All answers stay; opening the row reads the file again.')}"
    back = say(
        "All answers stay; opening the row reads the file again, but for {lost}, which must be opened again.",
        lost=lost,
    )
    return f"{what} {back}"


def headline(listed: ListedCase) -> str:
    """What stands in the headline's place where there is no picture to show."""
    return (
        say("{name} could not be read: no answer.", name=listed.name)
        if listed.refusal
        else say("{name}: picture not in memory.", name=listed.name)
    )


def picture_gone(name: str) -> str:
    """What an opened row says whose picture cannot be brought back by itself."""
    return say(
        "The picture of {name} is no longer in memory. Its answer stays in the table of cases; to see it "
        "with outline and heat map, open it again.",
        name=name,
    )


def too_large(name: str) -> str:
    """Why a picture is refused for which there is no memory."""
    return say("{name} needs more memory than this machine has: make it smaller.", name=image_name(name))


def not_read(names: Sequence[str]) -> str:
    """What is said of files that a stopped reading left out."""
    return say_many(
        "Stopped. 1 file was not read: {names}.",
        "Stopped. {count} files were not read: {names}.",
        len(names),
        names=listing(names),
    )


def no_room(names: Sequence[str], most: int) -> str:
    """What is said of files for which the list has no row left."""
    return say(
        "The list holds {most:,} cases; not taken in: {names}. Download the table, then clear the list.",
        most=most,
        names=listing(names),
    )


def no_memory(names: Sequence[str]) -> str:
    """What is said of files for which the server has no memory left."""
    return say_many(
        "The server's memory is full with what its visitors have open; not taken in: {names}. Choose it again later, "
        "or clear the list.",
        "The server's memory is full with what its visitors have open; not taken in: {names}. Choose them again later, "
        "or clear the list.",
        len(names),
        names=listing(names),
    )


FILE_GONE = mark(
    "The file that was chosen is no longer in the server's memory, which other visitors need: choose it again."
)


def let_go_for_others(names: Sequence[str]) -> str:
    """What is said of pictures whose files the server has let go, for other visitors need the memory."""
    return say_many(
        "The picture of {names} is no longer in the server's memory, which other visitors need. Its answer stays in "
        "the table; to see it again, open it anew.",
        "The pictures of {names} are no longer in the server's memory, which other visitors need. All answers stay in "
        "the table; to see one again, open it anew.",
        len(names),
        names=listing(names),
    )


def came_before(names: Sequence[str]) -> str:
    """What is said of files that are in the list already."""
    return say_many(
        "{names} was in the list already and was not read again.",
        "{names} were in the list already and were not read again.",
        len(names),
        names=listing(names),
    )


def progress(read: int, total: int, name: str, left: float | None) -> str:
    """How far the reading is. left: seconds that it may still take, or None where nothing was read yet."""
    said = say("Reading {name}: {place} of {total}", name=image_name(name), place=read + 1, total=total)
    return said if left is None else time_left(said, left)
