"""One case explained by one method for one diagnosis, and held against its outlines.

Needs a loaded `Model` and a `Case`. What a map is worth by the network's own answers is in `faithfulness`. Leaves no
trace on the model. Knows no pages.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from derm.explain.agreement import (
    AGREEMENT_SIDE,
    CENTRE_PRIOR,
    ORACLE,
    UNIFORM,
    Localisation,
    localisation,
    reference_maps,
)
from derm.explain.gradcam import HeatMap
from derm.image.resize import square, square_mask, window_of
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.interpret import Prediction, interpret

if TYPE_CHECKING:
    from derm.explain.methods import Method

MAP, REFERENCES = "map", (CENTRE_PRIOR, UNIFORM, ORACLE)


@dataclass(frozen=True, eq=False)
class ExplainedCase:
    """A method's map for one diagnosis of a case, with what it agrees with.

    index: of the diagnosis in `CODES`. outline, truth: how the map, the centre prior, the uniform map and the mask
    itself (in this order, `place`) agree with the model's outline and with the true one; None without a lesion or a
    truth.
    """

    method: "Method"
    index: int
    evidence: HeatMap
    outline: Localisation | None
    truth: Localisation | None

    @staticmethod
    def place(name: str) -> int:
        """The row of `MAP`, `CENTRE_PRIOR`, `UNIFORM` or `ORACLE` in an account's arrays."""
        return (MAP, *REFERENCES).index(name)

    def against(self, *, true: bool) -> Localisation | None:
        """The measures with the true outline or with the model's; None where there is none or the map is flat."""
        found = self.truth if true else self.outline
        return None if found is None or self.evidence.flat else found


def explain_case(model: Model, case: Case, method: "Method", index: int) -> ExplainedCase:
    """Draw `method`'s map of the diagnosis `CODES[index]` and hold it against the outlines of the case."""
    asked = prediction_of(model, case)
    images = asked.images
    raw = method.maps(model.net, images, asked.output, [index])[0, 0].numpy(force=True)
    height, width = case.mask.shape
    window = window_of(height, width, images.shape[-1], model.description.model.fit)
    return hold(method, index, method.evidence(raw, height, width, method.shift_of(model.description), window), case)


def hold(method: "Method", index: int, evidence: HeatMap, case: Case) -> ExplainedCase:
    """Hold a method's map of the diagnosis `CODES[index]` against the outlines of the case."""
    own = evidence.scaled(AGREEMENT_SIDE, AGREEMENT_SIDE)
    outline = square_mask(case.outline, AGREEMENT_SIDE) if case.has_outline else None
    truth = None if case.truth is None else square_mask(case.truth, AGREEMENT_SIDE)
    return ExplainedCase(method, index, evidence, _localisation(own, outline), _localisation(own, truth))


def prediction_of(model: Model, case: Case) -> Prediction:
    """What the model answered to the case; asked anew where the case does not have it, or of another model."""
    if case.prediction is not None and case.prediction.model.sha256 == model.sha256:
        return case.prediction
    return interpret(model, square(case.image, model.description.model.input_size, model.description.model.fit)[None])


def _localisation(own: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> Localisation | None:
    if mask is None or not mask.any():
        return None
    references = reference_maps(mask)
    return localisation(np.stack([own, *(references[name] for name in REFERENCES)]), mask)
