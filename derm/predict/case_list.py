"""The list of cases that one visitor keeps: uploaded pictures and drawn samples, the newest few.

Needs a loaded `Model`. Every function gives a new list and leaves the old one alone. Knows nothing of pages.
"""

from typing import NamedTuple
from uuid import uuid4

from derm.data.catalogue import Catalogue
from derm.data.store import read_pair
from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import DIAGNOSES, Diagnosis
from derm.errors import DataFault
from derm.image.overlay import jpeg
from derm.model.weights import Model
from derm.predict.case import Case, diagnose
from derm.predict.view import draw_view

MAX_CASES = 50
"""Most cases in one list."""

MAX_MEGAPIXELS = 120
"""Most megapixels in one list. A case takes 8 bytes for each pixel (picture, probability, mask), so a list takes up to
1 GB, and three pictures of the largest size fit."""

THUMBNAIL = 96
"""Longer side of a thumbnail, pixels."""

SAMPLE_SEED = 13
SAMPLE_SIZE = (450, 600)
"""Height and width of a drawn sample, pixels: those of HAM10000."""


class ListedCase(NamedTuple):
    """One case of a list."""

    key: str
    """Its own, never given twice."""

    case: Case
    """The picture with the model's answer."""

    thumbnail: bytes
    """JPEG file, `THUMBNAIL` pixels long."""

    drawn: bool
    """Whether the picture is a drawing and no photograph of a patient."""


def add_case(cases: list[ListedCase], case: Case, *, drawn: bool = False) -> list[ListedCase]:
    """The list with one case more, newest first, and without what then is too much (see `MAX_CASES`).

    The first picture of the user's own sends the drawings away, lest one is taken for a patient's.
    """
    newest = ListedCase(uuid4().hex, case, jpeg(draw_view(case, "Original", 0, 1.0, THUMBNAIL)), drawn)
    return _within_limits([newest, *(old for old in cases if drawn or not old.drawn)])


def find_case(cases: list[ListedCase], key: str) -> ListedCase:
    """The case with this key, or the newest where it is gone; the list holds at least one."""
    return next((listed for listed in cases if listed.key == key), cases[0])


def ask_again(
    model: Model, cases: list[ListedCase], listed: ListedCase, views: int
) -> tuple[list[ListedCase], ListedCase]:
    """The list and the case in it, asked over `views` views; both as they are where it was asked over as many."""
    case = listed.case
    if case.views == views:
        return cases, listed
    anew = listed._replace(
        case=diagnose(model, case.image, case.name, truth=case.truth, drawn=listed.drawn, views=views)
    )
    return [anew if one.key == listed.key else one for one in cases], anew


def sample_case(model: Model, diagnosis: Diagnosis) -> Case:
    """Draw a lesion as this diagnosis would look and ask the model about it; always the same one."""
    height, width = SAMPLE_SIZE
    drawn = draw_lesion(diagnosis.code, SAMPLE_SEED, height=height, width=width)
    return diagnose(model, drawn.image, f"Drawn {diagnosis.name}", truth=drawn.mask, drawn=True)


def data_case(model: Model, catalogue: Catalogue, image_id: str) -> Case:
    """Ask the model about an image of the data set, with its true outline where there is one.

    Raises DataFault for an image that the data set does not know, or cannot be read.
    """
    rows = catalogue.table.index[catalogue.table["image_id"] == image_id]
    if not len(rows):
        raise DataFault(
            f"The data set has no image '{image_id}': give a name of its table, such as {first_id(catalogue)}."
        )
    row = catalogue.table.loc[rows[0]]
    image, truth = read_pair(row["image_path"], row["mask_path"])
    return diagnose(model, image, image_id, truth=truth)


def first_id(catalogue: Catalogue) -> str:
    """The name of the data set's first image."""
    return str(catalogue.table["image_id"].iloc[0])


def first_sample() -> Diagnosis:
    """What the drawing shows that greets a visitor: melanoma, with most to see."""
    return next(diagnosis for diagnosis in DIAGNOSES if diagnosis.code == "mel")


def _within_limits(cases: list[ListedCase]) -> list[ListedCase]:
    """The first of the list, up to `MAX_CASES` and `MAX_MEGAPIXELS`; always at least one."""
    kept: list[ListedCase] = []
    pixels = 0
    for listed in cases[:MAX_CASES]:
        pixels += listed.case.mask.size
        if kept and pixels > MAX_MEGAPIXELS * 1_000_000:
            break
        kept.append(listed)
    return kept
