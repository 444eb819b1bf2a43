"""Two statements about the kind of a picture: that it is not dermoscopic, or of a kind the model has seen little of.

Needs statistics of the encoder's stages. Own code is a dot product and a distance; what is in it, calibration finds
(`derm.evaluate.gate`). Knows no files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import WeightsFault
from derm.language.speech import mark, say
from derm.model.stored import MOST, stored_numbers

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 1
"""Of what `OodGate.as_dict` writes."""

STAGES = (2, 3, 4, 5)
"""Of the encoder, stage i with sides of S / 2^i: what is judged. Cross-validated with the weights of HAM10000 on 100
photographs and two sources of dermoscopy, at the threshold that catches 95 of them: the deepest features alone block
9 and 14 % of the two, the means and deviations of stages 2 to 4 each 0.6 %, of stages 2 to 5 each 0.1 %."""

STYLE = (2, 3)
"""The stages whose statistics tell camera, light and skin from what is learned from. Distances of deeper features tell
doubtful lesions instead, of which more are referred, not fewer."""

FAINT = 1e-4
"""Added to deviations before their logarithm; a channel that does not change has none."""

LEAST = 1e-12
"""Deviation of a statistic, and variance, below which it counts as not changing: nothing is divided by less."""

CURE = mark("calibrate them anew with `derm calibrate --outsiders DIR`, or copy their description anew")


def stage_statistics(stages: "Sequence[Tensor]") -> NDArray[np.float32]:
    """Mean and logarithm of the deviation over the picture of every channel of `STAGES`, float32 (N, D).

    stages: of `LesionNet.answer_and_stages`, the image first. Stage by stage, first the means, then the deviations.
    """
    return stage_tensor([stage.detach() for stage in stages]).cpu().numpy()


def stage_tensor(stages: "Sequence[Tensor]") -> "Tensor":
    """`stage_statistics` as a tensor, float32 (N, D)."""
    import torch

    found = []
    for number in STAGES:
        stage = stages[number].float().flatten(2)
        deviation = stage.std(dim=2, correction=0)
        found += [stage.mean(dim=2), (deviation + FAINT).log()]
    return torch.cat(found, dim=1)


def style_columns(channels: Sequence[int]) -> NDArray[np.int64]:
    """Which columns of `stage_statistics` are those of `STYLE`, int64; channels: of every stage, the image first."""
    numbers = np.repeat(STAGES, [2 * channels[number] for number in STAGES])
    return np.flatnonzero(np.isin(numbers, STYLE))


@dataclass(frozen=True, eq=False)
class NotDermoscopic:
    """A direction in the statistics, and how far along it a picture is no dermoscopic one."""

    weights: NDArray[np.float64]
    """Float64 (D,)."""

    offset: float
    """With it the dermoscopic pictures that were trained on have a mean score of 0, and a deviation of 1."""

    threshold: float
    """Above this score a picture is not dermoscopic."""

    measured: Mapping[str, Any] = field(default_factory=dict)
    """How many outsiders it catches and how much dermoscopy it blocks, see `derm.evaluate.gate`."""

    def score(self, statistics: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """How little pictures are like dermoscopy, float64 (N,); statistics: float (N, D), `stage_statistics`."""
        _check(statistics, len(self.weights))
        return statistics.astype(np.float64) @ self.weights + self.offset


@dataclass(frozen=True, eq=False)
class SeenLittle:
    """The cloud of pictures that were trained on, and how far from its middle the model has seen little.

    Probabilistic principal components (Tipping and Bishop 1999): of the d statistics chosen, each divided by its
    deviation, r directions of most variance keep their own, and all others share one.
    """

    columns: NDArray[np.int64]
    """Int64 (d,): which of the statistics."""

    mean: NDArray[np.float64]
    """Float64 (d,)."""

    deviation: NDArray[np.float64]
    """Float64 (d,), `LEAST` or more."""

    axes: NDArray[np.float64]
    """Float64 (r, d), directions of length 1, of right angles."""

    variances: NDArray[np.float64]
    """Float64 (r,), `LEAST` or more: along `axes`."""

    rest: float
    """Variance along any other direction, `LEAST` or more."""

    threshold: float
    """Above this distance the model has seen little of such pictures."""

    measured: Mapping[str, Any] = field(default_factory=dict)
    """How many pictures of each source lie beyond, see `derm.evaluate.gate`."""

    def score(self, statistics: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """How far pictures lie from those that were trained on, float64 (N,); about 1 for one of them.

        statistics: float (N, D), `stage_statistics`. The Mahalanobis distance, divided by the root of d.
        """
        if statistics.ndim == 2 and statistics.shape[1] <= self.columns.max():
            _check(statistics, int(self.columns.max()) + 1)
        _check(statistics, statistics.shape[-1])
        away = (statistics[:, self.columns].astype(np.float64) - self.mean) / self.deviation
        along = away @ self.axes.T
        beside = np.maximum((away**2).sum(axis=1) - (along**2).sum(axis=1), 0)
        away_by: NDArray[np.float64] = np.sqrt(
            ((along**2 / self.variances).sum(axis=1) + beside / self.rest) / len(self.mean)
        )
        return away_by


@dataclass(frozen=True, eq=False)
class OodGate:
    """Both statements. The first takes the answer away; the second only says that it is less certain."""

    not_dermoscopic: NotDermoscopic
    seen_little: SeenLittle

    def __eq__(self, other: object) -> bool:
        """Whether both say the same, so that two loads of one description are equal; arrays have no such answer."""
        return isinstance(other, OodGate) and self.as_dict() == other.as_dict()

    def __hash__(self) -> int:
        return hash((self.not_dermoscopic.threshold, self.seen_little.threshold))

    def as_dict(self) -> dict[str, Any]:
        """The gate for JSON."""
        first, second = self.not_dermoscopic, self.seen_little
        return {
            "version": VERSION,
            "stages": list(STAGES),
            "not_dermoscopic": {
                "weights": first.weights.tolist(),
                "offset": first.offset,
                "threshold": first.threshold,
                "measured": dict(first.measured),
            },
            "seen_little": {
                "columns": second.columns.tolist(),
                "mean": second.mean.tolist(),
                "deviation": second.deviation.tolist(),
                "axes": second.axes.tolist(),
                "variances": second.variances.tolist(),
                "rest": second.rest,
                "threshold": second.threshold,
                "measured": dict(second.measured),
            },
        }


def read_gate(content: dict[str, Any] | None) -> OodGate | None:
    """The gate that `OodGate.as_dict` wrote, None for None; WeightsFault for another version or what is damaged."""
    if content is None:
        return None
    if not isinstance(content, dict) or (content.get("version"), content.get("stages")) != (VERSION, list(STAGES)):
        raise WeightsFault(
            say(
                "The weights' gate is not of version {version}, which this Derm reads: {cure}.",
                version=VERSION,
                cure=say(CURE),
            )
        )
    first, second = content.get("not_dermoscopic"), content.get("seen_little")
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise WeightsFault(say("The weights' gate lacks one of its two statements: {cure}.", cure=say(CURE)))
    columns, deviation = _numbers(second, "columns", 1), _numbers(second, "deviation", 1, 0.0)
    gate = OodGate(
        NotDermoscopic(
            _numbers(first, "weights", 1),
            float(_numbers(first, "offset", 0)),
            float(_numbers(first, "threshold", 0)),
            _measured(first),
        ),
        SeenLittle(
            columns.astype(np.int64),
            _numbers(second, "mean", 1),
            np.where(deviation < LEAST, 1.0, deviation),  # older versions took the digits of what never changes for one
            _numbers(second, "axes", 2),
            _numbers(second, "variances", 1, LEAST),
            float(_numbers(second, "rest", 0, LEAST)),
            float(_numbers(second, "threshold", 0)),
            _measured(second),
        ),
    )
    little = gate.seen_little
    d, r = len(little.mean), len(little.variances)
    fits = (len(columns), len(little.deviation), little.axes.shape) == (d, d, (r, d)) and r <= d
    inside = ((columns >= 0) & (columns < len(gate.not_dermoscopic.weights)) & (columns % 1 == 0)).all()
    # Of length 1 and right angles, up to their digits: else what lies along them is taken off a distance twice.
    if not (fits and inside and np.allclose(little.axes @ little.axes.T, np.eye(r), atol=0.01)):
        raise WeightsFault(say("The numbers of the weights' gate do not fit each other: {cure}.", cure=say(CURE)))
    return gate


def _numbers(content: dict[str, Any], name: str, ndim: int, least: float = -MOST) -> NDArray[np.float64]:
    return stored_numbers(content, name, ndim, "gate", CURE, least)


def _measured(content: dict[str, Any]) -> dict[str, Any]:
    """What was measured of a statement; WeightsFault where it is no table."""
    found = content.get("measured") or {}
    if not isinstance(found, dict):
        kind = say("a table of names and values")
        raise WeightsFault(
            say(
                "The {name} of the weights' {whose} is not {kind}: {cure}.",
                name="measured",
                whose="gate",
                kind=kind,
                cure=say(CURE),
            )
        )
    return found


def _check(statistics: NDArray[np.floating[Any]], width: int) -> None:
    """Raise unless `statistics` are finite floats (N, `width`): WeightsFault for another width, else ValueError."""
    if statistics.ndim != 2 or statistics.dtype.kind != "f" or not np.isfinite(statistics).all():
        raise ValueError(f"the statistics are {statistics.dtype} {statistics.shape}, not finite float (N, D)")
    if statistics.shape[1] != width:
        raise WeightsFault(
            say(
                "The weights' gate is for {width} statistics, and the network has {shape}: {cure}.",
                width=width,
                shape=statistics.shape[1],
                cure=say(CURE),
            )
        )
