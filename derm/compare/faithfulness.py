"""Heat maps of one case put to the test on the network itself: faithfulness and sanity.

Needs a loaded `Model`, a `Case` and its `ExplainedCase` maps. What several maps share is asked once: the states in
which all walks begin and end, the centre prior's walks, the passes over noisy and turned copies, each random network.
Leaves no trace on the model. Knows no pages.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from derm.compare.explained_case import ExplainedCase, prediction_of
from derm.evaluate.explain_rows import scorer
from derm.explain.agreement import centre_prior
from derm.explain.class_head import class_features
from derm.explain.faithfulness import Curve, Repainted, Road, Scorer, deletion, insertion, remembering, repaint, road
from derm.explain.methods import Method
from derm.explain.sanity import (
    SYMMETRIES,
    equivariance,
    noisy_copies,
    randomise,
    remembering_maps,
    similarity,
    stability,
    stages,
)
from derm.image.resize import place_cells, square_mask
from derm.language.speech import say
from derm.model.network import LesionNet, ModelOutput
from derm.model.weights import Model
from derm.predict.case import Case

Progress = Callable[[float, str], None]
"""Told how much of the work is done, 0 … 1, and what is done next."""

SIDE = 64
"""Maps of turned pictures are placed on a square of so many pixels and compared there."""

TOGETHER = 12
"""Pictures in a pass: a walk's eleven states fit, and 32 at a time take longer, for they no longer fit the cache."""

COST = {"closed": 0.0, "gradient": 3.0, "passes": 100.0}
"""About how many passes of the network a map takes beside the one that gives the features, by `Method.cost`."""

SOLVED = 3.0
"""About how many passes filling in one picture takes."""

GRADIENTS = 4
"""Pictures whose gradients are taken together; each holds the encoder's activations, some 50 MB, for the while."""


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """What a map is worth by the network's own answers; curves hold one class each, None for a flat map.

    deletion, insertion: beside the same for the centre prior. road: ROAD's mean gap, above 0 is good. repainted:
    the case's probabilities without its lesion, and without all else. stability, equivariance: SSIM, 1 for equal maps.
    randomised: for each stage of the network, from the scores down, how alike (SSIM) the map of a network is that has
    unlearned it and all above. NaN for a map that went flat. Where sanity was not tested, both are NaN and randomised
    is empty.
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
        return [float("nan"), *self.randomised.values()][-1]


def is_quick(method: Method) -> bool:
    """Whether the sanity of a method's maps, some twenty of them, is tested in seconds."""
    return method.cost != "passes"


def measure_faithfulness(
    model: Model, case: Case, held: Sequence[ExplainedCase], progress: Progress | None = None, *, slow: bool = False
) -> list[Faithfulness]:
    """Put maps of one case to the test on the network itself, in the order given; a few seconds for two quick ones.

    slow: test the sanity of methods that are not `is_quick`, too, which takes a minute each. progress: told as work
    goes on.
    """
    unique = {(one.method.name, one.index): one for one in held}
    steps = _Steps(model.net, list(unique.values()), progress, slow=slow)
    size, fit = model.description.model.input_size, model.description.model.fit
    images = prediction_of(model, case).images
    score = remembering(scorer(model, TOGETHER))
    lesion = square_mask(case.outline, size, fit) if case.has_outline else np.zeros((size, size), dtype=np.bool_)
    steps.begin(say("painting over"))
    painted = repaint(score, images[0], lesion)
    prior = _walks(score, images[0], centre_prior(size, size), steps, say("centre prior"))
    if prior.deleted is None or prior.inserted is None:
        raise ValueError("the centre prior orders no pixel: it is never flat, so its making is damaged")
    walked: dict[bytes, _Walks] = {}
    found: dict[tuple[str, int], _Walks] = {}
    for key, one in unique.items():
        own = one.evidence.on_square(size)
        mark = np.rint(own * 1e4).tobytes()  # where the head pools first, Grad-CAM and HiResCAM differ by rounding
        if mark not in walked:
            walked[mark] = _walks(score, images[0], own, steps, one.method.label, road_too=True)
        found[key] = walked[mark]
    tested = {key: one for key, one in unique.items() if slow or is_quick(one.method)}
    still = _stillness(model, images, tested, steps)
    random = _randomised(model.net, images, tested, {key: one.raw for key, one in still.items()}, steps)
    steps.end()
    done = {
        key: Faithfulness(
            deletion=_of_class(found[key].deleted, one.index),
            deletion_prior=_only(prior.deleted, one.index),
            insertion=_of_class(found[key].inserted, one.index),
            insertion_prior=_only(prior.inserted, one.index),
            road=found[key].gap(one.index),
            repainted=painted,
            stability=still[key].stability if key in still else float("nan"),
            equivariance=still[key].equivariance if key in still else float("nan"),
            randomised=random.get(key, {}),
        )
        for key, one in unique.items()
    }
    return [done[one.method.name, one.index] for one in held]


@dataclass(frozen=True, eq=False)
class _Walks:
    """A map's curves, of all seven classes."""

    deleted: Curve | None
    inserted: Curve | None
    removed: Road | None

    def gap(self, index: int) -> float | None:
        """ROAD's mean gap of one class; None for a flat map."""
        return None if self.removed is None else float(self.removed.gaps[index])


class _Still(NamedTuple):
    """A map's raw values, float32 (1, h, w), and how still it keeps, SSIM."""

    raw: NDArray[np.float32]
    stability: float
    equivariance: float


class _Steps:
    """How far the work is, in passes of the network."""

    def __init__(self, net: LesionNet, held: Sequence[ExplainedCase], progress: Progress | None, *, slow: bool) -> None:
        self.progress, self.done, self.now = progress, 0.0, 0.0
        tested = [one for one in held if slow or is_quick(one.method)]
        maps = sum(COST[one.method.cost] for one in tested)
        depth = len(stages(net))
        self.copies, self.stage = 8 + 8 * maps, (2 + maps) if tested else 0.0
        walks = 22 * (1 + len(held)) + len(held) * 6 * (1 + SOLVED)
        self.total = 3 + SOLVED + walks + (self.copies + depth * self.stage if tested else 0.0)

    def begin(self, what: str, passes: float = 3 + SOLVED) -> None:
        """Say what comes, and that it takes so many passes."""
        self.done += self.now
        self.now = passes
        if self.progress:
            self.progress(min(1.0, self.done / self.total), what)

    def end(self) -> None:
        if self.progress:
            self.progress(1.0, "")


def _walks(
    score: Scorer, image: Tensor, map_: NDArray[np.float32], steps: _Steps, label: str, *, road_too: bool = False
) -> _Walks:
    steps.begin(say("{label}: taking pixels away", label=label), 11)
    deleted = deletion(score, image, map_)
    steps.begin(say("{label}: bringing pixels back", label=label), 11)
    inserted = insertion(score, image, map_)
    if not road_too:
        return _Walks(deleted, inserted, None)
    steps.begin(say("{label}: filling pixels in", label=label), 6 * (1 + SOLVED))
    return _Walks(deleted, inserted, road(score, image, map_))


def _stillness(
    model: Model, images: Tensor, tested: Mapping[tuple[str, int], ExplainedCase], steps: _Steps
) -> dict[tuple[str, int], _Still]:
    """How alike each map stays under noise, and under flips and turns: SSIM of both."""
    if not tested:
        return {}
    steps.begin(say("noisy and turned copies"), steps.copies)
    turned = [turn(images) for turn in SYMMETRIES.values()]
    copies = torch.cat([images, noisy_copies(images).flatten(end_dim=1), *turned])
    copies = copies.contiguous(memory_format=torch.channels_last)
    answer = _class_answer(model.net, copies)
    found = {}
    for key, one in tested.items():
        raw = _maps(one.method, model.net, copies, answer, one.index)
        mapper = remembering_maps(copies, raw)
        shift = one.method.shift_of(model.description)

        def placed(pictures: Tensor, mapper: Callable[[Tensor], Tensor] = mapper, shift: float = shift) -> Tensor:
            own = mapper(pictures).numpy(force=True)
            return torch.stack([torch.from_numpy(place_cells(map_, SIDE, SIDE, shift)) for map_ in own])

        found[key] = _Still(
            raw[:1].numpy(force=True),
            float(stability(mapper, images).structure[0]),
            float(equivariance(placed, images).structure[0]),
        )
    return found


def _randomised(
    net: LesionNet,
    images: Tensor,
    tested: Mapping[tuple[str, int], ExplainedCase],
    learned: Mapping[tuple[str, int], NDArray[np.float32]],
    steps: _Steps,
) -> dict[tuple[str, int], dict[str, float]]:
    """How alike each map, `learned`, is to that of a network that has unlearned a stage and all above: SSIM."""
    found: dict[tuple[str, int], dict[str, float]] = {key: {} for key in tested}
    if not tested:
        return found
    for name, unlearned in randomise(net, images):
        steps.begin(say("unlearned down to {name}", name=name), steps.stage)
        answer = _class_answer(unlearned, images)
        for key, one in tested.items():
            other = _maps(one.method, unlearned, images, answer, one.index).numpy(force=True)
            found[key][name] = float(similarity(learned[key], other).structure[0])
    return found


def _class_answer(net: LesionNet, images: Tensor) -> ModelOutput:
    """The network's answer as far as heat maps need it; of the outline an empty tensor."""
    with torch.no_grad():
        features = class_features(net, images)
        return ModelOutput(images[:, :0], net.head(features), features)


def _maps(method: Method, net: LesionNet, images: Tensor, answer: ModelOutput, index: int) -> Tensor:
    """A method's raw maps of one class, float32 (N, h, w); a few at a time where a gradient is taken."""
    many = len(images) if method.cost == "closed" else GRADIENTS
    parts = [
        method.maps(net, images[some], ModelOutput(*(field[some] for field in answer)), [index])
        for some in (slice(first, first + many) for first in range(0, len(images), many))
    ]
    return torch.cat(parts)[:, 0].float()


def _of_class(curve: Curve | None, index: int) -> Curve | None:
    return None if curve is None else _only(curve, index)


def _only(curve: Curve, index: int) -> Curve:
    """The curve of one class alone."""
    return Curve(curve.shares, curve.scores[:, index : index + 1])
