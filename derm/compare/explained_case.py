"""One case explained by one method for one diagnosis, and held to account: agreement, faithfulness, sanity.

Needs a loaded `Model` and a `Case`. Maps and agreement take milliseconds; faithfulness and sanity ask the network some
hundred times, so that they are made on request. Leaves no trace on the model. Knows no pages.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from derm.evaluate.explain_rows import scorer
from derm.explain.agreement import (
    AGREEMENT_SIDE,
    CENTRE_PRIOR,
    ORACLE,
    UNIFORM,
    Localisation,
    centre_prior,
    localisation,
    reference_maps,
)
from derm.explain.faithfulness import Curve, Repainted, deletion, insertion, repaint, road
from derm.explain.gradcam import HeatMap
from derm.explain.methods import Method
from derm.explain.sanity import equivariance, randomise, similarity, stability
from derm.image.resize import place_cells, square, square_mask, window_of
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.interpret import Prediction, interpret

Progress = Callable[[int, int], None]
"""Told (done, total)."""

SIDE = 64
"""Maps of turned pictures are placed on a square of so many pixels and compared there."""

MAP, REFERENCES = "map", (CENTRE_PRIOR, UNIFORM, ORACLE)


@dataclass(frozen=True, eq=False)
class ExplainedCase:
    """A method's map for one diagnosis of a case, with what it agrees with.

    index: of the diagnosis in `CODES`. outline, truth: how the map, the centre prior, the uniform map and the mask
    itself (in this order, `place`) agree with the model's outline and with the true one; None without a lesion or a
    truth.
    """

    method: Method
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


def explain_case(model: Model, case: Case, method: Method, index: int) -> ExplainedCase:
    """Draw `method`'s map of the diagnosis `CODES[index]` and hold it against the outlines of the case."""
    asked = _prediction(model, case)
    images = asked.images
    raw = method.maps(model.net, images, asked.output, [index])[0, 0].numpy(force=True)
    height, width = case.mask.shape
    window = window_of(height, width, images.shape[-1], model.description.model.fit)
    return hold(method, index, method.evidence(raw, height, width, method.shift_of(model.description), window), case)


def hold(method: Method, index: int, evidence: HeatMap, case: Case) -> ExplainedCase:
    """Hold a method's map of the diagnosis `CODES[index]` against the outlines of the case."""
    own = evidence.scaled(AGREEMENT_SIDE, AGREEMENT_SIDE)
    outline = square_mask(case.mask, AGREEMENT_SIDE) if case.has_lesion else None
    truth = None if case.truth is None else square_mask(case.truth, AGREEMENT_SIDE)
    return ExplainedCase(method, index, evidence, _localisation(own, outline), _localisation(own, truth))


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """What a map is worth by the network's own answers; curves hold one class each, None for a flat map.

    deletion, insertion: beside the same for the centre prior. road: ROAD's mean gap, above 0 is good. repainted:
    the case's probabilities without its lesion, and without all else. stability, equivariance: SSIM, 1 for equal maps.
    randomised: for each stage of the network, from the scores down, how alike (SSIM) the map of a network is that has
    unlearned it and all above; NaN for a map that went flat.
    """

    deletion: Curve | None
    deletion_prior: Curve
    insertion: Curve | None
    insertion_prior: Curve
    road: float | None
    repainted: Repainted | None
    stability: float
    equivariance: float
    randomised: Mapping[str, float]

    @cached_property
    def destroyed(self) -> float:
        """How alike the map still is when all of the network has been unlearned; NaN for a map that went flat."""
        return list(self.randomised.values())[-1]


def measure_faithfulness(
    model: Model, case: Case, held: ExplainedCase, progress: Progress | None = None
) -> Faithfulness:
    """Put a map to the test on the network itself; some seconds. progress: told of five steps."""
    tell: Progress = progress or (lambda _done, _total: None)
    size, index, method = model.description.model.input_size, held.index, held.method
    image = _prediction(model, case).images
    score = scorer(model)
    ask = partial(_of_class, score, index)
    own = held.evidence.on_square(size)
    prior = centre_prior(size, size)
    tell(0, 5)
    deleted, deleted_prior = deletion(ask, image[0], own), deletion(ask, image[0], prior)
    tell(1, 5)
    inserted, inserted_prior = insertion(ask, image[0], own), insertion(ask, image[0], prior)
    tell(2, 5)
    removed = road(ask, image[0], own)
    fit = model.description.model.fit
    lesion = square_mask(case.mask, size, fit) if case.has_lesion else np.zeros((size, size), dtype=np.bool_)
    painted = repaint(score, image[0], lesion)
    tell(3, 5)

    def mapper(images: Tensor) -> Tensor:
        return method.maps(model.net, images, None, [index])[:, 0]

    def placed(images: Tensor) -> Tensor:
        shift = method.shift_of(model.description)
        return torch.stack(
            [torch.from_numpy(place_cells(one, SIDE, SIDE, shift)) for one in mapper(images).numpy(force=True)]
        )

    still, turned = stability(mapper, image), equivariance(placed, image)
    tell(4, 5)
    raw = mapper(image).float().numpy(force=True)
    randomised = {}
    for name, unlearned in randomise(model.net, image):
        other = method.maps(unlearned, image, None, [index])[:, 0].float().numpy(force=True)
        randomised[name] = float(similarity(raw, other).structure[0])
    tell(5, 5)
    if deleted_prior is None or inserted_prior is None:
        raise ValueError("the centre prior orders no pixel: it is never flat, so its making is damaged")
    return Faithfulness(
        deletion=deleted,
        deletion_prior=deleted_prior,
        insertion=inserted,
        insertion_prior=inserted_prior,
        road=None if removed is None else float(removed.gaps[0]),
        repainted=painted,
        stability=float(still.structure[0]),
        equivariance=float(turned.structure[0]),
        randomised=randomised,
    )


def _prediction(model: Model, case: Case) -> Prediction:
    """What the model answered to the case; asked anew where the case does not have it, or of another model."""
    if case.prediction is not None and case.prediction.model.sha256 == model.sha256:
        return case.prediction
    return interpret(model, square(case.image, model.description.model.input_size, model.description.model.fit)[None])


def _localisation(own: NDArray[np.float32], mask: NDArray[np.bool_] | None) -> Localisation | None:
    if mask is None or not mask.any():
        return None
    references = reference_maps(mask)
    return localisation(np.stack([own, *(references[name] for name in REFERENCES)]), mask)


def _of_class(score: Callable[[Tensor], Tensor], index: int, images: Tensor) -> Tensor:
    """The probability of one class, float (N, 1)."""
    return score(images)[:, index : index + 1]
