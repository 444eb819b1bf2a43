"""What stands under each picture of a gallery and beside an opened one, in words.

Needs rows of the explorable table, or of a model's outcomes. Knows no picture.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES
from derm.explore.predictions import UNSEEN
from derm.explore.table import DIMENSIONS, NAMES, name_of
from derm.explore.verdicts import by_image
from derm.figures.text import capital, percent


class Tile(NamedTuple):
    """One picture of a gallery: row, of the explorable table, or `UNSEEN`; image_id; title and note, the two lines
    under it; spoken, what a screen reader says of the button that opens it."""

    row: int
    image_id: str
    title: str
    note: str
    spoken: str


def data_tiles(table: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of rows of the explorable table: what the image shows, and whom."""
    tiles = []
    for row in rows.tolist():
        entry = table.iloc[row]
        name = NAMES.get(str(entry["dx"]), str(entry["dx"]))
        whom = [str(entry["sex"]), name_of(str(entry["localization"]))]
        age = "" if np.isnan(entry["age"]) else f"{entry['age']:.0f}, "
        note = age + ", ".join(value for value in whom if value != "unknown")
        image_id = str(entry["image_id"])
        tiles.append(Tile(row, image_id, capital(name), note.strip(", ") or image_id, f"Open {image_id}, {name}"))
    return tiles


def result_tiles(cases: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of rows of `outcomes`: the answer and the truth, then loss and IoU."""
    tiles = []
    for case in cases.iloc[rows].to_dict("records"):
        truth, answer = DIAGNOSES[case["true"]], DIAGNOSES[case["predicted"]]
        right = "right" if truth is answer else f"truly {truth.code}"
        overlap = "" if np.isnan(case["iou"]) else f", IoU {case['iou']:.2f}"
        tiles.append(
            Tile(
                case["row"],
                str(case["image_id"]),
                f"{answer.code} {percent(case['confidence'])}, {right}",
                f"loss {case['loss']:.2f}{overlap}",
                f"Open {case['image_id']}, {truth.name}, called {answer.name} {percent(case['confidence'])}",
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
                f"labelled {given.code}, looks {suggested.code}",
                f"{percent(error['p_given'])} against {percent(error['p_suggested'])}",
                f"Open {case['image_id']}, labelled {given.name}, looks like {suggested.name}",
            )
        )
    return tiles


def disagreement_tiles(table: pd.DataFrame, disagreed: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of images on which two models disagree: what each says. disagreed: `evaluate.compare`'s; rows: of it."""
    return [
        Tile(
            row_of(table, str(case["image_id"])),
            str(case["image_id"]),
            f"first {case['first']} {percent(case['p_first'])}, second {case['second']} {percent(case['p_second'])}",
            f"truly {case['dx_true']}: {verdict(case['dx_true'], case['first'], case['second'])}",
            f"Open {case['image_id']}, truly {case['dx_true']}, first says {case['first']}, second {case['second']}",
        )
        for case in disagreed.iloc[rows].to_dict("records")
    ]


def verdict(truth: str, first: str, second: str) -> str:
    """Which of two models that disagree is right."""
    return "first is right" if first == truth else "second is right" if second == truth else "both are wrong"


def facts(table: pd.DataFrame, row: int) -> list[tuple[str, str]]:
    """What the table says of one image: name and value, for people."""
    entry = table.iloc[row]
    age = "unknown" if np.isnan(entry["age"]) else f"{entry['age']:.0f} years"
    said = [("Image", str(entry["image_id"])), ("Lesion", f"{entry['lesion']}, {images_in_words(entry)}")]
    for dimension in DIMENSIONS:
        if dimension.key == "age":
            said.append(("Age", age))
        elif dimension.key != "several":
            said.append((dimension.label, capital(name_of(str(entry[dimension.column])))))
    if "area" in table and not np.isnan(entry["area"]):
        said.append(("Lesion fills", f"{percent(entry['area'])} of the picture"))
    return said


def images_in_words(entry: pd.Series) -> str:
    """'one image' or '3 images', of a row of the explorable table."""
    count = int(entry["lesion_images"])
    return "one image" if count == 1 else f"{count} images"


def answers(cases: pd.DataFrame, image_id: str) -> list[tuple[str, str]]:
    """What the results say of one image: name and value; empty where they do not hold it."""
    found = cases[cases["image_id"] == image_id]
    if found.empty:
        return []
    case = found.iloc[0]
    said = [
        ("The results say", f"{DIAGNOSES[case['predicted']].name}, {percent(case['confidence'])}"),
        ("That is", str(by_image(found)[image_id])),
        ("Probability of the truth", percent(case["p_true"])),
        ("Loss", f"{case['loss']:.2f}"),
    ]
    return said if np.isnan(case["iou"]) else [*said, ("IoU of the outline", f"{case['iou']:.2f}")]


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
    return {diagnosis.code: f"{capital(diagnosis.name)} ({diagnosis.code})" for diagnosis in DIAGNOSES}


def pair_tiles(table: pd.DataFrame, pairs: pd.DataFrame, rows: NDArray[np.int64]) -> list[Tile]:
    """Tiles of near duplicates, the two of a pair side by side: tile 2 k and 2 k + 1 are pair k.

    pairs: of `derm.explore.data_quality.alike_pairs`.
    """
    tiles = []
    for number in rows.tolist():
        pair = pairs.iloc[number // 2]
        row = int(pair["second" if number % 2 else "first"])
        entry = table.iloc[row]
        turned = ", turned" if pair["turned"] else ""
        title = f"{number // 2 + 1}{'b' if number % 2 else 'a'}: {entry['dx']}, {entry['part']}"
        note = f"{entry['lesion']}{turned}"
        image_id = str(entry["image_id"])
        spoken = f"Open {image_id}, {'second' if number % 2 else 'first'} of pair {number // 2 + 1}"
        tiles.append(Tile(row, image_id, title, note, spoken))
    return tiles
