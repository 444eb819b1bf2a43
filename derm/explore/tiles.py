"""What stands under each picture of a gallery and beside an opened one, in words.

Needs rows of the explorable table, or of a model's outcomes. Knows no picture.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES
from derm.explore.predictions import UNSEEN
from derm.explore.table import DIMENSIONS, ONE, name_of
from derm.explore.verdicts import by_image
from derm.figures.text import capital, percent
from derm.language.quantities import images_counted
from derm.language.speech import mark, number, say


class Tile(NamedTuple):
    """One picture of a gallery: row, of the explorable table, or `UNSEEN`; image_id; title and note, the two lines
    under it; spoken, what a screen reader says of the button that opens it."""

    row: int
    image_id: str
    title: str
    note: str
    spoken: str


TRULY = mark("{answer} {share}, truly {truth}")
FIRST_OF_PAIR = mark("Open {image}, first of pair {pair}")
SECOND_OF_PAIR = mark("Open {image}, second of pair {pair}")


def data_tiles(table: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of rows of the explorable table: what the image shows, and whom."""
    tiles = []
    for row in rows.tolist():
        entry = table.iloc[row]
        name = name_of(str(entry["dx"]))
        whom = [str(entry["sex"]), str(entry["localization"])]
        age = "" if np.isnan(entry["age"]) else f"{entry['age']:.0f}, "
        note = age + ", ".join(name_of(value) for value in whom if value != "unknown")
        image_id = str(entry["image_id"])
        tiles.append(
            Tile(
                row,
                image_id,
                capital(name),
                note.strip(", ") or image_id,
                say("Open {image}, {diagnosis}", image=image_id, diagnosis=name),
            )
        )
    return tiles


def result_tiles(cases: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of rows of `outcomes`: the answer and the truth, then loss and IoU."""
    tiles = []
    for case in cases.iloc[rows].to_dict("records"):
        truth, answer = DIAGNOSES[case["true"]], DIAGNOSES[case["predicted"]]
        told = {
            "image": str(case["image_id"]),
            "true": truth.called,
            "called": answer.called,
            "share": percent(case["confidence"]),
        }
        codes = {"answer": answer.code, "share": told["share"], "truth": truth.code}
        loss = say("loss {loss:.2f}", loss=float(case["loss"]))
        overlap = "" if np.isnan(case["iou"]) else f", IoU {number(case['iou'], '.2f')}"
        tiles.append(
            Tile(
                int(case["row"]),
                str(case["image_id"]),
                say("{answer} {share}, right", **codes) if truth is answer else say(TRULY, **codes),
                f"{loss}{overlap}",
                say("Open {image}, {true}, called {called} {share}", **told),
            )
        )
    return tiles


def label_tiles(cases: pd.DataFrame, errors: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of probable label errors: the label given, the class suggested, and how sure the model is of each.

    errors: of `derm.explore.label_errors.label_errors`, whose numbers count the rows of `cases`. rows: those wanted.
    """
    tiles = []
    for error in errors.iloc[rows].to_dict("records"):
        case = cases.iloc[error["row"]]
        given, suggested = DIAGNOSES[error["given"]], DIAGNOSES[error["suggested"]]
        tiles.append(
            Tile(
                int(case["row"]),
                str(case["image_id"]),
                say("labelled {given}, looks {suggested}", given=given.code, suggested=suggested.code),
                say(
                    "{given} against {suggested}",
                    given=percent(error["p_given"]),
                    suggested=percent(error["p_suggested"]),
                ),
                say(
                    "Open {image}, labelled {given}, looks like {suggested}",
                    image=case["image_id"],
                    given=given.called,
                    suggested=suggested.called,
                ),
            )
        )
    return tiles


def disagreement_tiles(table: pd.DataFrame, disagreed: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of images on which two models disagree: what each says. disagreed: `evaluate.compare`'s; rows: of it."""
    return [
        Tile(
            row_of(table, str(case["image_id"])),
            str(case["image_id"]),
            say(
                "first {first} {p_first}, second {second} {p_second}",
                first=case["first"],
                p_first=percent(case["p_first"]),
                second=case["second"],
                p_second=percent(case["p_second"]),
            ),
            say(
                "truly {true}: {verdict}",
                true=case["dx_true"],
                verdict=verdict(case["dx_true"], case["first"], case["second"]),
            ),
            say(
                "Open {image}, truly {true}, first says {first}, second {second}",
                image=case["image_id"],
                true=case["dx_true"],
                first=case["first"],
                second=case["second"],
            ),
        )
        for case in disagreed.iloc[rows].to_dict("records")
    ]


def verdict(truth: str, first: str, second: str) -> str:
    """Which of two models that disagree is right."""
    if first == truth:
        return say("first is right")
    return say("second is right") if second == truth else say("both are wrong")


def facts(table: pd.DataFrame, row: int) -> list[tuple[str, str]]:
    """What the table says of one image: name and value, for people."""
    entry = table.iloc[row]
    age = say("unknown") if np.isnan(entry["age"]) else say("{age:.0f} years", age=entry["age"])
    said = [(say("Image"), str(entry["image_id"])), (say("Lesion"), f"{entry['lesion']}, {images_in_words(entry)}")]
    for dimension in DIMENSIONS:
        if dimension.key == "age":
            said.append((say("Age"), age))
        elif dimension.key != "several":
            said.append((say(dimension.label), capital(name_of(str(entry[dimension.column])))))
    if "area" in table and not np.isnan(entry["area"]):
        said.append((say("Lesion fills"), say("{share} of the picture", share=percent(entry["area"]))))
    return said


def images_in_words(entry: pd.Series) -> str:
    """'one image' or '3 images', of a row of the explorable table."""
    count = int(entry["lesion_images"])
    return say(ONE) if count == 1 else images_counted(count)


def answers(cases: pd.DataFrame, image_id: str) -> list[tuple[str, str]]:
    """What the results say of one image: name and value; empty where they do not hold it."""
    found = cases[cases["image_id"] == image_id]
    if found.empty:
        return []
    case = found.iloc[0]
    said = [
        (say("The results say"), f"{DIAGNOSES[case['predicted']].called}, {percent(case['confidence'])}"),
        (say("That is"), say(by_image(found)[image_id].value)),
        (say("Probability of the truth"), percent(case["p_true"])),
        (say("Loss"), number(case["loss"], ".2f")),
    ]
    return said if np.isnan(case["iou"]) else [*said, (say("IoU of the outline"), number(case["iou"], ".2f"))]


def sisters(table: pd.DataFrame, row: int) -> NDArray[np.int64]:
    """The rows of the other images of the same lesion, int64 (k,)."""
    lesions = table["lesion_code"].to_numpy()
    return np.flatnonzero((lesions == lesions[row]) & (np.arange(len(table)) != row))


def row_of(table: pd.DataFrame, image_id: str) -> int:
    """The row of an image, the first of several, or `UNSEEN`."""
    rows = np.flatnonzero((table["image_id"] == image_id).to_numpy())
    return int(rows[0]) if len(rows) else UNSEEN


def code_labels() -> dict[str, str]:
    """Code → name and code of the seven diagnoses, in order, for a choice."""
    return {diagnosis.code: f"{capital(diagnosis.called)} ({diagnosis.code})" for diagnosis in DIAGNOSES}


def pair_tiles(table: pd.DataFrame, pairs: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of near duplicates, the two of a pair side by side: tile 2 k and 2 k + 1 are pair k.

    pairs: of `derm.explore.data_quality.alike_pairs`.
    """
    tiles = []
    for place in rows.tolist():
        pair = pairs.iloc[place // 2]
        row = int(pair["second" if place % 2 else "first"])
        entry = table.iloc[row]
        title = f"{place // 2 + 1}{'b' if place % 2 else 'a'}: {entry['dx']}, {name_of(str(entry['part']))}"
        note = say("{lesion}, turned", lesion=entry["lesion"]) if pair["turned"] else str(entry["lesion"])
        image_id = str(entry["image_id"])
        sentence = SECOND_OF_PAIR if place % 2 else FIRST_OF_PAIR
        spoken = say(sentence, image=image_id, pair=place // 2 + 1)
        tiles.append(Tile(row, image_id, title, note, spoken))
    return tiles
