"""The quality of pictures as a table: what was measured of each, what makes its answer doubtful, and what to do.

Needs a `Case`. Beside the doubts of `derm.predict.doubts` stand notes that make no answer doubtful: few pixels, ink or
a sticker, a ruler. Hair and dark corners were measured to be told too badly and are not claimed.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from derm.image.lesion_measures import feret_diameter
from derm.image.marks import Marks
from derm.language.speech import mark, say
from derm.predict.case import Case, lesion_in
from derm.predict.doubts import Doubt, doubts_of
from derm.predict.record import Record, text_of
from derm.predict.words import CURES, doubt_sentence
from derm.spreadsheet import csv_line

INK = 0.001
"""`Marks.ink` from which ink or a coloured sticker is noted."""

RULER = 0.6
"""`Marks.ruler` from which a ruler is noted."""

DIGITS = 4
"""After the point of each number."""


class Note(StrEnum):
    """What is worth knowing of a picture and makes no answer doubtful; its value is its key in tables."""

    FEW_PIXELS = "few_pixels"
    """The shorter side has fewer pixels than the network's input, so that the picture is grown."""

    INK = "ink"
    """Ink, or a blue or green sticker, lies beside the lesion."""

    RULER = "ruler"
    """A ruler lies along a border."""


SAID = {
    Note.FEW_PIXELS: mark("Fewer pixels than the network looks at: take it again closer, or open the original."),
    Note.INK: mark("Ink or a coloured sticker lies beside the lesion: where you can, take it again without."),
    Note.RULER: mark("A ruler lies in the picture: a line along it gives the scale."),
}
"""Each note in a sentence with what to do."""


class Column(NamedTuple):
    """One column of the table."""

    name: str
    meaning: str


COLUMNS = (
    Column("file", "The file, or with --nameless the first 12 digits of its SHA-256"),
    Column("error", "Why the picture was refused, with the cure; else empty"),
    Column("width", "Pixels, upright"),
    Column("height", "Pixels, upright"),
    Column(
        "detail", "Blur: absolute Laplacian of the luminance that 99 % do not exceed, levels of 255; blurred up to 8"
    ),
    Column("clipped", "Exposure: share of burnt out pixels, 0 … 1; overexposed from 0.05, burnt out from 0.4"),
    Column(
        "brightest", "Exposure: luminance that 99 % do not exceed, 0 … 255; underexposed below 90, too dark below 40"
    ),
    Column("lesions", "Pieces of the outline that are lesions of their own; several from 2"),
    Column("at_edge", "Share of the outline's length on the picture's border, 0 … 1; cut from 0.3"),
    Column("lesion_pixels", "Greatest diameter of the outline, pixels; 0 without one"),
    Column("seam", "Straight step across the picture, share of a side; several pictures from 0.62"),
    Column("surface", "Share of the three most frequent exact colours; with such a step a screenshot from 0.2"),
    Column("ink", "Share of the picture that looks like ink or a sticker, 0 … 1; noted from 0.001"),
    Column("ruler", "How regularly lines follow each other along a border, 0 … 1; noted from 0.6"),
    Column("usable", "Whether no doubt takes the answer away"),
    Column("doubts", "Keys of what makes the answer doubtful, as in docs/predictions.md"),
    Column("notes", "Keys of what is worth knowing: few_pixels, ink, ruler"),
    Column("what_to_do", "In sentences; empty where there is nothing to do"),
)
"""The table, in order."""


def notes_of(case: Case, input_size: int) -> tuple[Note, ...]:
    """The notes of a case with its picture. input_size: of the network, pixels."""
    return _notes(case, case.marks, input_size)


def note_sentences(case: Case, input_size: int) -> list[str]:
    """Each note in a sentence with what to do."""
    return [say(SAID[note]) for note in notes_of(case, input_size)]


def quality_row(case: Case, file: str, input_size: int) -> Record:
    """The row of a case with its picture. input_size: of the network, pixels."""
    quality, outline, marks = case.quality, lesion_in(case.mask), case.marks
    doubts, notes = doubts_of(case), _notes(case, marks, input_size)
    height, width = case.mask.shape
    said = [doubt_sentence(doubt) for doubt in doubts if CURES[doubt]] + [say(SAID[note]) for note in notes]
    return {
        "file": file,
        "error": "",
        "width": width,
        "height": height,
        "detail": quality.detail,
        "clipped": quality.clipped,
        "brightest": quality.brightest,
        "lesions": quality.lesions,
        "at_edge": quality.at_edge,
        "lesion_pixels": round(feret_diameter(outline)),
        "seam": quality.seam,
        "surface": quality.surface,
        "ink": marks.ink,
        "ruler": marks.ruler,
        "usable": case.answerable,
        "doubts": [doubt.value for doubt in doubts],
        "notes": [note.value for note in notes],
        "what_to_do": " ".join(said),
    }


def refused_row(file: str, sentence: str) -> Record:
    """The row of a picture that could not be read."""
    empty: Record = {column.name: None for column in COLUMNS}
    return empty | {"file": file, "error": sentence, "usable": False, "doubts": [], "notes": [], "what_to_do": sentence}


def quality_csv(rows: Iterable[Record]) -> str:
    """Rows as a table in CSV: numbers with four digits, 'yes' and 'no', words with spaces between them."""
    lines = (csv_line(text_of(row[column.name], DIGITS) for column in COLUMNS) for row in rows)
    return "".join([csv_line(column.name for column in COLUMNS), *lines])


def rounded(row: Record) -> Record:
    """A row for JSON, its numbers with four digits."""
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in row.items()}


def counted(rows: Iterable[Record]) -> dict[str, int]:
    """How many rows bear each doubt and note, and how many could not be read, the most frequent first."""
    keys = [*(doubt.value for doubt in Doubt), *(note.value for note in Note)]
    found = dict.fromkeys(["unreadable", *keys], 0)
    for row in rows:
        found["unreadable"] += bool(row["error"])
        for name in ("doubts", "notes"):
            for key in row[name] or ():  # type: ignore[union-attr]
                found[key] += 1
    return {key: count for key, count in sorted(found.items(), key=lambda one: -one[1]) if count}


def _notes(case: Case, marks: Marks, input_size: int) -> tuple[Note, ...]:
    found = {
        Note.FEW_PIXELS: min(case.mask.shape) < input_size,
        Note.INK: marks.ink >= INK,
        Note.RULER: marks.ruler >= RULER,
    }
    return tuple(note for note in Note if found[note])
