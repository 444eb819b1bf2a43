"""The paper's Figure 10: for each diagnosis one picture, by rule from the test part, or drawn where there is none.

Needs a loaded `Model`. Pictures of the data set stay in the visitor's session. Knows no page.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from derm.compare.explained_case import MAP, ExplainedCase
from derm.data.catalogue import Catalogue
from derm.diagnoses import DIAGNOSES, INDEX, Diagnosis
from derm.errors import DataFault
from derm.evaluate.belonging import other_data, other_weights
from derm.evaluate.results import Results, find_results, read_results, typical_image
from derm.explain.agreement import CENTRE_PRIOR
from derm.figures.text import percent
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.case_list import DataCase, case_with_file, sample_case


class GalleryCase(NamedTuple):
    """One diagnosis with its case; drawn: whether that is a drawing."""

    diagnosis: Diagnosis
    case: Case
    drawn: bool
    image: DataCase | None = None
    """The case with its file; None of a drawing."""

    @property
    def lost(self) -> bool:
        """Whether the picture was let go, and its file, too."""
        return self.image is not None and self.image.lost


Progress = Callable[[float, str], None]
"""Told how much is done, 0 … 1, and what is done next."""


def seven(
    model: Model,
    catalogue: Catalogue | None,
    results: Path,
    progress: Progress | None = None,
    sample: Callable[[Model, Diagnosis], Case] = sample_case,
    data: Callable[[Model, Catalogue, str], DataCase] = case_with_file,
) -> list[GalleryCase]:
    """A case of each diagnosis, in the order of CODES.

    With the data set and results of `derm evaluate` for this model on its test part in `results`, the typical image of
    each (`typical_image`); where one of them lacks, a drawing. progress: told before each. sample: gives the drawings,
    which others may have asked about already; data: the images.
    """
    found = None if catalogue is None else _results_of(model, catalogue, results)
    shown = []
    for place, diagnosis in enumerate(DIAGNOSES):
        if progress:
            progress(place / len(DIAGNOSES), diagnosis.called)
        image_id = None if found is None else typical_image(found.predictions, diagnosis.code)
        if catalogue is not None and image_id is not None:
            image = data(model, catalogue, image_id)
            shown.append(GalleryCase(diagnosis, image.case, drawn=False, image=image))
        else:
            shown.append(GalleryCase(diagnosis, sample(model, diagnosis), drawn=True))
    return shown


def said(shown: Sequence[GalleryCase]) -> str:
    """Where the pictures come from."""
    if all(one.drawn for one in shown):
        return say(
            "Seven drawings, not patients. With HAM10000 in DERM_DATA and results of `derm evaluate` on its test part "
            "in DERM_RESULTS, images of the test part stand here."
        )
    chosen = say(
        "Of each diagnosis the test image with the median probability for its true diagnosis: neither best nor worst."
    )
    lacking = ", ".join(one.diagnosis.code for one in shown if one.drawn)
    return (
        chosen
        if not lacking
        else f"{chosen} "
        + say("Drawings, not patients, stand for those that the test part lacks: {codes}.", codes=lacking)
    )


SINGLE_VIEWS = mark("Probabilities and maps here are of single views, and not the mean over eight.")
"""What stands there where the mean is asked for elsewhere."""


def name_of(one: GalleryCase) -> str:
    """The diagnosis above its pictures, by its code, with the probability that the model gives it."""
    index = INDEX[one.diagnosis.code]
    return f"{one.diagnosis.code}: {percent(float(one.case.probabilities[index]))}"


def words_of(one: GalleryCase, held: ExplainedCase) -> str:
    """What a heat map of the gallery comes to."""
    if held.evidence.flat:
        return say("No evidence for {code}", code=one.diagnosis.code)
    found = held.against(true=one.case.truth is not None)
    if found is None:
        return say("No lesion to hold it against")
    own, prior = found.inside[ExplainedCase.place(MAP)], found.inside[ExplainedCase.place(CENTRE_PRIOR)]
    return say("{own} inside; centre prior {prior}", own=percent(own), prior=percent(prior))


def _results_of(model: Model, catalogue: Catalogue, folder: Path) -> Results | None:
    """The newest results of `model` on the data set's test part; None where there are none that can be read."""
    for place in find_results(folder):
        try:
            results = read_results(place)
        except DataFault:
            continue
        wanted = results.about["part"] == "test" and not results.leaks
        if (
            wanted
            and other_weights(results.about, results.weights_state, model) is None
            and other_data(results.about, results.predictions, catalogue.table) is None
        ):
            return results
    return None
