"""Arms of a reader study compared over readers and cases, both as samples: Obuchowski and Rockette (1995), with the
degrees of freedom of Hillis (2007).

Needs figures of every reader in every arm and their covariance. Knows nothing of pictures.

Obuchowski & Rockette, Commun Stat Simul Comput 24:285 (1995); Hillis, Stat Med 26:596 (2007); Hillis, Stat Med 33:330
(2014). The jackknife: Quenouille 1956, as there.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDING = 1e-28
"""Mean squares of shares, 0 … 1, and their products up to here are 0 but for rounding."""


class ArmFigure(NamedTuple):
    """One arm, averaged over its readers, from its own data alone."""

    mean: float
    error: float
    """Standard error."""

    freedom: float
    """Degrees of freedom."""

    low: float
    """Of the 95 % interval."""

    high: float


class ArmDifference(NamedTuple):
    """One arm less another."""

    first: int
    second: int
    """Their places among the arms."""

    mean: float
    error: float
    freedom: float
    low: float
    """Of the 95 % interval."""

    high: float
    p: float
    """Two-sided."""


class Mrmc(NamedTuple):
    """A comparison. What is undefined, for readers that do not vary at all or one reader, is NaN."""

    figures: Array
    """Float64 (T, R): of arm and reader."""

    f: float
    freedom: tuple[float, float]
    p: float
    """Of the hypothesis that all arms are alike."""

    ms_arm: float
    ms_arm_reader: float
    variance: float
    """Of one figure, the mean over all."""

    covariances: tuple[float, float, float]
    """Cov1: one reader, two arms; Cov2: one arm, two readers; Cov3: two of each."""

    arms: tuple[ArmFigure, ...]
    differences: tuple[ArmDifference, ...]


def compare_arms(figures: Array, covariance: Array) -> Mrmc:
    """Whether arms differ, for readers and cases like these.

    figures: (T, R), T arms by R readers, each at least 2. covariance: (T, R, T, R), of the figures over cases, see
    `jackknife`. Raises ValueError for other shapes.
    """
    arms, readers = figures.shape
    if arms < 2 or readers < 2 or covariance.shape != (arms, readers, arms, readers):
        raise ValueError(f"{arms} arms by {readers} readers with covariances {covariance.shape}: expected 2 or more")
    means = figures.mean(axis=1)
    ms_arm = readers * float(((means - figures.mean()) ** 2).sum()) / (arms - 1)
    rest = figures - means[:, None] - figures.mean(axis=0)[None] + figures.mean()
    ms_rest = float((rest**2).sum()) / ((arms - 1) * (readers - 1))
    cov1, cov2, cov3 = _pooled(covariance)
    error = ms_rest + readers * max(cov2 - cov3, 0.0)
    freedom = _ratio(error**2, ms_rest**2 / ((arms - 1) * (readers - 1)))
    f = _ratio(ms_arm, error)
    return Mrmc(
        figures,
        f,
        (float(arms - 1), freedom),
        _upper_f(f, arms - 1, freedom),
        ms_arm,
        ms_rest,
        float(np.mean([covariance[i, j, i, j] for i in range(arms) for j in range(readers)])),
        (cov1, cov2, cov3),
        tuple(_one_arm(figures[i], covariance[i, :, i, :]) for i in range(arms)),
        tuple(
            _difference(i, k, float(means[i] - means[k]), math.sqrt(2 / readers * error), freedom)
            for i in range(arms)
            for k in range(i + 1, arms)
        ),
    )


def jackknife(left_out: Array) -> Array:
    """The covariance of figures, (T, R, T, R), from each with one case left out, `left_out` (N, T, R), N at least 2."""
    count = len(left_out)
    apart = (left_out - left_out.mean(axis=0)).reshape(count, -1)
    shape = left_out.shape[1:]
    covariance: Array = (apart.T @ apart * (count - 1) / count).reshape(*shape, *shape)
    return covariance


def share_left_out(right: Array) -> tuple[Array, Array]:
    """A share of cases, as sensitivity over the malignant ones: (T, R), and with each case left out, (N, T, R).

    right: (T, R, N), 1 where the reader was right, else 0.
    """
    count = right.shape[2]
    sums = right.sum(axis=2)
    return sums / count, np.moveaxis((sums[..., None] - right) / (count - 1), 2, 0)


def area_left_out(ratings: Array, malignant: NDArray[np.bool_]) -> tuple[Array, Array]:
    """The area under the ROC curve by the trapezoidal rule: (T, R), and with each case left out, (N, T, R).

    ratings: (T, R, N), higher is more suspicious, ties count a half; malignant: (N,). Needs two cases of each kind.
    """
    ill, well = ratings[..., malignant], ratings[..., ~malignant]
    wins = (ill[..., :, None] > well[..., None, :]) + 0.5 * (ill[..., :, None] == well[..., None, :])
    by_ill, by_well, total = wins.sum(axis=-1), wins.sum(axis=-2), wins.sum(axis=(-1, -2))
    ills, wells = ill.shape[-1], well.shape[-1]
    left = np.empty(ratings.shape)
    left[..., malignant] = (total[..., None] - by_ill) / ((ills - 1) * wells)
    left[..., ~malignant] = (total[..., None] - by_well) / (ills * (wells - 1))
    return total / (ills * wells), np.moveaxis(left, -1, 0)


def _pooled(covariance: Array) -> tuple[float, float, float]:
    arms, readers = covariance.shape[:2]
    same_arm = np.eye(arms, dtype=bool)[:, None, :, None]
    same_reader = np.eye(readers, dtype=bool)[None, :, None, :]

    def mean(arm: NDArray[np.bool_], reader: NDArray[np.bool_]) -> float:
        return float(covariance[np.broadcast_to(arm & reader, covariance.shape)].mean())

    return mean(~same_arm, same_reader), mean(same_arm, ~same_reader), mean(~same_arm, ~same_reader)


def _one_arm(figures: Array, covariance: Array) -> ArmFigure:
    readers = len(figures)
    mean = float(figures.mean())
    spread = float(figures.var(ddof=1))
    cov2 = float(covariance[~np.eye(readers, dtype=bool)].mean())
    error = spread + readers * max(cov2, 0.0)
    freedom = _ratio(error**2, spread**2 / (readers - 1))
    half = _quantile(freedom) * math.sqrt(error / readers)
    return ArmFigure(mean, math.sqrt(error / readers), freedom, mean - half, mean + half)


def _difference(first: int, second: int, mean: float, error: float, freedom: float) -> ArmDifference:
    half = _quantile(freedom) * error
    f = _ratio(mean**2, error**2)
    return ArmDifference(first, second, mean, error, freedom, mean - half, mean + half, _upper_f(f, 1, freedom))


def _ratio(above: float, below: float) -> float:
    return above / below if below > ROUNDING else math.nan


def _upper_f(f: float, first: float, second: float) -> float:
    from scipy import stats

    return math.nan if math.isnan(f) or math.isnan(second) else float(stats.f.sf(f, first, second))


def _quantile(freedom: float) -> float:
    from scipy import stats

    return math.nan if math.isnan(freedom) else float(stats.t.ppf(0.975, freedom))
