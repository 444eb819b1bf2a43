"""How well a class's evidence and a lesion mask agree, always beside what a centre prior scores.

Needs an evidence map, 0 … 1, and a binary mask of one size, predicted or true. Pixels are counted once for all
thresholds. Knows nothing of networks. Where there is nothing to measure the answer is None (NaN in arrays):
- no lesion in the mask: there is no place for the evidence to agree with;
- a flat map, or seven of them: there is no evidence to place;
- skill where the oracle is no higher than the baseline: there is nothing to be better at.
In the mean over classes a flat map beside others counts as it is: it marks no pixel, shares none, its IoU is 0.
Where several pixels tie, for the maximum or for the last place in a rank, each counts with the chance that a lot would
draw it: no order of reading decides. docs/explanation-measures.md has each formula and what it does not say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from derm.language.speech import mark
from derm.metrics.masks import MaskCount, dice, iou
from derm.metrics.missing import fraction, mean_defined, or_none

THRESHOLDS: NDArray[np.float64] = np.arange(101) / 100
"""The one sweep that every figure of agreement is read from, 0, 0.01, … 1: a pixel is marked where the map reaches the
threshold. At 0 every pixel of a map that is not flat is marked, at 1 the maximum alone."""

BUILT_IN = mark(
    "This model reads the diagnosis inside its own outline, too, so that part of the agreement is built in."
)
"""Must stand beside figures of agreement where the model pools inside the outline, or weighs its cells with
it, `ModelConfig.looks_inside`."""

MEASURES = ("iou_area", "best_iou", "dice_area", "best_dice", "pointing", "inside", "rank")
"""The measures that are held beside baselines and oracle, by their names in `Localisation`; 0 … 1 each."""

CENTRE_PRIOR, UNIFORM, ORACLE = "centred blob", "uniform", "mask"
"""Names of the three maps that know no network, as files hold them: the two baselines, and the mask itself."""

REFERENCE_LABELS = {
    CENTRE_PRIOR: mark("The centre prior"),
    UNIFORM: mark("The same everywhere"),
    ORACLE: mark("The mask itself"),
}
"""These three as people say them."""

AGREEMENT_SIDE = 224
"""Evidence and outline are held against each other on a square of so many pixels, the paper's. The same grid for every
picture makes figures comparable, and bounds their cost; scaling both alike leaves their overlap as it is."""

CENTRE_PRIOR_SIGMA = 0.25
"""Standard deviation of the centre prior, as a share of the picture's height and of its width.

Chosen on 1,500 true masks of HAM10000 so that the centre prior is as strong a rival as it can be: its best common
threshold is then 0.5, with a mean IoU of 0.49 (0.65 where each picture has its own); from 0.15 to 0.40 the IoU is the
same.
"""


@dataclass(frozen=True, eq=False)
class Agreement:
    """Of one map, or of the mean over several, with one mask."""

    iou_curve: NDArray[np.float64]
    """IoU of the thresholded map and the mask, float64 (T,), 0 … 1."""

    thresholds: NDArray[np.float64]
    """The T thresholds, rising: `THRESHOLDS`, as of every other figure of agreement."""

    best_threshold: float
    """Where the curve is highest, see `best_place`."""

    best_iou: float
    """The curve's maximum, 0 … 1; chosen with the mask in hand, as is `baseline_iou`, so read the two together."""

    baseline_iou: float
    """The maximum of the centre prior's curve, 0 … 1."""

    inside: float
    """The share of the map's sum that lies in the mask, 0 … 1; of several the mean over those that are not flat."""

    baseline_inside: float
    """The share of the centre prior's sum that lies in the mask, 0 … 1."""

    baseline_curve: NDArray[np.float64]
    """IoU of the thresholded centre prior and the mask, float64 (T,), 0 … 1."""


def agreement(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> Agreement | None:
    """Hold one class's evidence map, float32 (H, W), 0 … 1, against a mask, bool (H, W).

    Returns None for a flat map or a mask without lesion. Raises ValueError for two sizes.
    """
    return mean_agreement((map_,), mask)


def mean_agreement(maps: Sequence[NDArray[np.float32]], mask: NDArray[np.bool_]) -> Agreement | None:
    """The mean over classes of the IoU with one mask, as the paper has it, at one threshold common to all classes.

    maps: float32 (H, W) each, 0 … 1. mask: bool (H, W). Returns None where all maps are flat or the mask has no
    lesion. Raises ValueError for two sizes.
    """
    for map_ in maps:
        _check_size(map_, mask)
    if not mask.any() or not any(map_.any() for map_ in maps):
        return None
    found = localisation(np.stack([*maps, centre_prior(*mask.shape)]), mask)
    curve = np.nan_to_num(found.iou_curve[:-1]).mean(axis=0)  # a flat map's is NaN, and counts as it is
    best = int(best_place(curve))
    return Agreement(
        iou_curve=curve,
        thresholds=THRESHOLDS,
        best_threshold=float(THRESHOLDS[best]),
        best_iou=float(curve[best]),
        baseline_iou=float(found.best_iou[-1]),
        inside=mean_defined(found.inside[:-1]),
        baseline_inside=float(found.inside[-1]),
        baseline_curve=found.iou_curve[-1],
    )


def best_place(curves: NDArray[np.float64]) -> NDArray[np.intp]:
    """Where curves over `THRESHOLDS`, float64 (..., T), are highest above 0, the lowest such place: int (...).

    At 0 the whole picture is marked, whatever the map says, so that it is nobody's best threshold.
    """
    return np.asarray(curves[..., 1:].argmax(axis=-1) + 1)


def iou_curve(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """IoU of the map, thresholded at each of `THRESHOLDS`, and the mask: float64 (T,), 0 … 1.

    map_: float32 (H, W), 0 … 1; a flat one marks nothing and gives 0. mask: bool (H, W), with a lesion. Raises
    ValueError for two sizes.
    """
    _check_size(map_, mask)
    if not map_.any():
        return np.zeros(len(THRESHOLDS))
    inside: NDArray[np.float64] = np.nan_to_num(localisation(map_[None], mask).iou_curve[0])
    return inside


def _check_size(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> None:
    if map_.shape != mask.shape:
        raise ValueError(f"the map is {map_.shape}, the mask {mask.shape}: bring them to one size first")


def inside_share(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """The share of the map's sum that lies inside the mask, 0 … 1; NaN for a flat map. Shapes as for `iou_curve`."""
    return float(fraction(map_.sum(where=mask, dtype=np.float64), map_.sum(dtype=np.float64)))


def centre_prior(height: int, width: int) -> NDArray[np.float32]:
    """The baseline: a Gaussian in the middle, float32 (height, width), above 0, at most 1; see `CENTRE_PRIOR_SIGMA`."""
    rows, columns = (
        np.exp(-0.5 * (((np.arange(side) + 0.5) / side - 0.5) / CENTRE_PRIOR_SIGMA) ** 2) for side in (height, width)
    )
    return np.outer(rows, columns).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Localisation:
    """Of M maps with one mask, every measure at once, by `localisation`. NaN for a flat map, or without a lesion."""

    iou_curve: NDArray[np.float64]
    """IoU at each threshold of `THRESHOLDS`, float64 (M, T), 0 … 1."""

    dice_curve: NDArray[np.float64]
    """Dice at each threshold of `THRESHOLDS`, float64 (M, T), 0 … 1."""

    iou_area: NDArray[np.float64]
    """The area under the IoU curve over thresholds 0 … 1 by trapezoids, float64 (M,), 0 … 1."""

    best_iou: NDArray[np.float64]
    """The curve's maximum above threshold 0, float64 (M,); chosen with the mask in hand."""

    best_iou_threshold: NDArray[np.float64]
    """The lowest threshold that reaches it, float64 (M,)."""

    dice_area: NDArray[np.float64]
    """As `iou_area`, of Dice."""

    best_dice: NDArray[np.float64]
    """As `best_iou`, of Dice; at the same threshold, for Dice rises with IoU."""

    pointing: NDArray[np.float64]
    """The pointing game (Zhang et al. 2018) without its margin of 15 pixels: 1 where the map's maximum lies in the
    lesion, else 0; where several pixels share the maximum, the share of them in the lesion. float64 (M,)."""

    inside: NDArray[np.float64]
    """Relevance mass accuracy (Arras et al. 2022): the share of the map's sum that lies in the lesion, float64 (M,)."""

    rank: NDArray[np.float64]
    """Relevance rank accuracy (Arras et al. 2022): of the k strongest pixels, k the lesion's, the share that lies in
    the lesion; of pixels that tie for the last places, as many as fit, drawn by lot, on average. float64 (M,)."""


def localisation(maps: NDArray[np.float32], mask: NDArray[np.bool_]) -> Localisation:
    """Hold M maps, float32 (M, H, W), 0 … 1, against one mask, bool (H, W), in all measures; see `localisations`."""
    return localisations(maps, (mask,))[0]


def localisations(maps: NDArray[np.float32], masks: Sequence[NDArray[np.bool_]]) -> list[Localisation]:
    """Hold M maps, float32 (M, H, W), 0 … 1, against each of several masks, bool (H, W): one `Localisation` a mask.

    The maps are sorted into the thresholds once for all masks. Raises ValueError for two sizes, or a map outside 0 … 1.
    """
    for mask in masks:
        if maps.shape[1:] != mask.shape:
            raise ValueError(f"the maps are {maps.shape[1:]}, the mask {mask.shape}: bring them to one size first")
    flat = maps.reshape(len(maps), -1)
    if flat.size and not (flat.min() >= 0 and flat.max() <= 1):
        raise ValueError(f"the maps reach from {flat.min():.4g} to {flat.max():.4g}, not within 0 … 1: use evidence_of")
    # How many thresholds a pixel reaches, less one. A float32 lies on k / 100 only where float64 holds both exactly (at
    # quarters), and else further from it than the product's rounding: the same as comparing, and ten times as fast.
    steps = (flat.astype(np.float64) * (len(THRESHOLDS) - 1)).astype(np.int64)
    marked = _marked(steps)
    return [_localisation(flat, steps, marked, mask.ravel()) for mask in masks]


def _localisation(
    maps: NDArray[np.float32], steps: NDArray[np.int64], marked: NDArray[np.int64], mask: NDArray[np.bool_]
) -> Localisation:
    """`localisation` of flattened maps, float32 (M, P), whose thresholds are known: marked, int64 (M, T)."""
    lesion = int(np.count_nonzero(mask))
    within = maps[:, mask]
    tp = _marked(steps[:, mask])
    count = MaskCount(tp, marked - tp, lesion - tp, mask.size - lesion - marked + tp)
    peaks = maps.max(axis=1, initial=0)
    undefined = (peaks == 0) | (lesion == 0)

    def known(values: NDArray[np.float64]) -> NDArray[np.float64]:
        hidden = undefined.reshape(-1, *(1,) * (values.ndim - 1))
        return np.where(hidden, np.nan, values)

    union, overlap = iou(count), dice(count)
    best = best_place(union)
    return Localisation(
        iou_curve=known(union),
        dice_curve=known(overlap),
        iou_area=known(_area(union)),
        best_iou=known(union[np.arange(len(union)), best]),
        best_iou_threshold=known(THRESHOLDS[best]),
        dice_area=known(_area(overlap)),
        best_dice=known(overlap[np.arange(len(overlap)), best]),
        pointing=known(fraction((within == peaks[:, None]).sum(axis=1), (maps == peaks[:, None]).sum(axis=1))),
        inside=known(fraction(within.sum(axis=1, dtype=np.float64), maps.sum(axis=1, dtype=np.float64))),
        rank=known(_rank_accuracy(maps, within)),
    )


def _area(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area under curves over `THRESHOLDS`, float64 (M, T), by trapezoids: float64 (M,)."""
    return np.asarray(np.trapezoid(curves, THRESHOLDS, axis=1), dtype=np.float64)


def _rank_accuracy(maps: NDArray[np.float32], within: NDArray[np.float32]) -> NDArray[np.float64]:
    """Of the k strongest pixels of maps (M, P) the share among `within` (M, k), ties by chance: float64 (M,)."""
    lesion = within.shape[1]
    if not lesion:
        return np.full(len(maps), np.nan)
    place = maps.shape[1] - lesion
    last = np.partition(maps, place, axis=1)[:, place, None]
    sure, tied = (within > last).sum(axis=1), (within == last).sum(axis=1)
    free = lesion - (maps > last).sum(axis=1)
    inside: NDArray[np.float64] = (sure + free * fraction(tied, (maps == last).sum(axis=1))) / lesion
    return inside


def _marked(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each map and threshold of `THRESHOLDS`, how many pixels reach it: int64 (M, T), from int64 (M, P)."""
    rows = np.arange(len(steps))[:, None] * len(THRESHOLDS)
    pixels = np.bincount((steps + rows).ravel(), minlength=len(steps) * len(THRESHOLDS)).reshape(-1, len(THRESHOLDS))
    return pixels[:, ::-1].cumsum(axis=1)[:, ::-1]


def reference_maps(mask: NDArray[np.bool_]) -> dict[str, NDArray[np.float32]]:
    """The maps that know no network, float32 (H, W), 0 … 1: `CENTRE_PRIOR`, `UNIFORM`, and the mask as `ORACLE`."""
    ones = np.ones(mask.shape, dtype=np.float32)
    return {CENTRE_PRIOR: centre_prior(*mask.shape), UNIFORM: ones, ORACLE: mask.astype(np.float32)}


@dataclass(frozen=True)
class AgainstReferences:
    """One measure of one map beside what knows no network scores on the same mask."""

    value: float
    """Of the map."""

    prior: float
    """Of a Gaussian in the middle of the picture, see `CENTRE_PRIOR_SIGMA`."""

    uniform: float
    """Of a map that is the same everywhere."""

    oracle: float
    """Of the mask itself, taken for a map."""

    @property
    def skill(self) -> float | None:
        """How far the map gets from the centre prior (0) to the oracle (1); below 0 it is worse than the prior."""
        return or_none(float(skill(self.value, self.prior, self.oracle)))

    @property
    def skill_over_uniform(self) -> float | None:
        """How far the map gets from the uniform map (0) to the oracle (1)."""
        return or_none(float(skill(self.value, self.uniform, self.oracle)))


def against_references(map_: NDArray[np.float32], mask: NDArray[np.bool_]) -> Mapping[str, AgainstReferences] | None:
    """Each of `MEASURES` of one map, float32 (H, W), 0 … 1, beside the same of centre prior, uniform map and mask.

    mask: bool (H, W). Returns None for a flat map or a mask without lesion. Raises ValueError for two sizes.
    """
    found = localisation(np.stack([map_, *reference_maps(mask).values()]), mask)
    if np.isnan(found.inside[0]):
        return None
    return {name: AgainstReferences(*(float(value) for value in getattr(found, name))) for name in MEASURES}


def skill(
    value: NDArray[np.float64] | float, baseline: NDArray[np.float64] | float, oracle: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """(value − baseline) / (oracle − baseline), element by element, float64: 0 is the baseline, 1 the oracle.

    NaN where the oracle is no higher than the baseline, or one of them is undefined. It has no lower bound.
    """
    gained, room = np.asarray(value, dtype=np.float64) - baseline, np.asarray(oracle, dtype=np.float64) - baseline
    part: NDArray[np.float64] = np.divide(
        gained, room, out=np.full(np.broadcast(gained, room).shape, np.nan), where=room > 0
    )
    return part
