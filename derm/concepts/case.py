"""What would change the answer of one case: the nearest confirmed case on the other side of the referral threshold, and
the smallest change of structures and measures that crosses it.

Needs a `Case` with what the network saw of it. Makes no picture: what is shown is a real one.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.concepts.change import Change, smallest_change
from derm.concepts.directions import Directions, directions_for
from derm.concepts.read import MEASURES
from derm.errors import DataFault
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.case_structures import decoder_of, seen_of
from derm.predict.library import CURE, Library
from derm.predict.similar import Similar, similar_to
from derm.structures.table import KEYS

Untold = Literal["not_judged", "gone", "no_threshold", "views", "no_directions", "no_sums", "no_other"]
"""Why something is not told of a case: the picture cannot be judged; what the network saw of it was let go; the weights
have no referral threshold; the answer is a mean over several views; no directions belong to the weights; the library
was built before it kept malignant sums, or holds no case on the other side."""


class Other(NamedTuple):
    """The nearest case on the other side. malignant: its malignant sum by the same weights, 0 … 1."""

    similar: Similar
    malignant: float


def nearest_other(library: Library, model: Model, case: Case) -> Other | None:
    """The confirmed case most like `case` in the network's features whose malignant sum lies on the other side of the
    referral threshold; None where the library has none, or was built before it kept the sums.

    Left out is what `similar_to` leaves out. Raises DataFault where the library belongs to other weights, or to these
    at another temperature.
    """
    own = case.at_data or case
    if why_no_other(case, library) != "no_other" or own.referral_threshold is None or library.scores is None:
        return None
    if library.weights == model.sha256 and library.temperature != model.description.temperature:
        raise DataFault(
            say(
                "The library {folder} was built before these weights were calibrated anew, so that it does not know "
                "which of its cases they refer: {cure}.",
                folder=library.folder,
                cure=say(CURE),
            )
        )
    above = np.asarray(library.scores) >= own.referral_threshold
    found = similar_to(library, model, own, 1, among=~above if own.above_referral else above)
    return Other(found[0], float(library.scores[found[0].row])) if found else None


def why_no_other(case: Case, library: Library) -> Untold:
    """Why `nearest_other` gives none."""
    own = case.at_data or case
    if not own.answerable:
        return "not_judged"
    if own.referral_threshold is None:
        return "no_threshold"
    return "no_sums" if library.scores is None or library.temperature is None else "no_other"


def why_no_change(case: Case) -> Untold:
    """Why `find_what_if` gives none."""
    own = case.at_data or case
    if not own.answerable:
        return "not_judged"
    if own.prediction is None:
        return "gone"
    if own.referral_threshold is None:
        return "no_threshold"
    return "views" if own.views > 1 else "no_directions"


def find_what_if(case: Case) -> Directions | None:
    """The directions that belong to the case's weights; None where there are none, or nothing can be judged.

    Raises WeightsFault for a damaged file.
    """
    own, decoder = case.at_data or case, decoder_of(case)
    if decoder is None or own.prediction is None or own.referral_threshold is None or own.views > 1:
        return None
    return directions_for(own.prediction.model, decoder.sha256)


def what_if(case: Case) -> Change | None:
    """The smallest change that moves the case across the referral threshold; None where that cannot be told: without
    directions for the weights, or where the answer is the mean over several views. The outline is the one shown.

    Raises WeightsFault for a damaged file.
    """
    own, directions = case.at_data or case, find_what_if(case)
    if directions is None or own.prediction is None or own.referral_threshold is None:
        return None
    info = own.prediction.info
    return smallest_change(
        own.prediction.logits[0], concepts_of(own), directions, info.temperature, own.referral_threshold
    )


def concepts_of(case: Case) -> NDArray[np.float64]:
    """What is read of a case, float64 (11,), in the order of `derm.concepts.read.CONCEPTS`; NaN where it is not, and of
    structures that are not worth showing."""
    seen, lesion, decoder = seen_of(case), case.lesion, decoder_of(case)
    structures = np.full(len(KEYS), np.nan)
    if seen is not None and decoder is not None:
        shown = [key in decoder.info.shown for key in KEYS]
        structures[shown] = seen.presence[0][shown]
    measures = [np.nan if lesion is None else float(getattr(lesion, name)) for name in MEASURES]
    return np.concatenate([structures, measures])
