"""What a measurement says where there is nothing to measure: decided here, once, for every measure.

Needs counts. Undefined is NaN in arrays and None in JSON, never a silent 0 or 1. In a doctor's words:
- precision of a diagnosis that was never made: there is no call that could be right or wrong;
- recall of a diagnosis that no case has; specificity of one that every case has;
- F1 of a diagnosis neither present nor made. One that is present and never found, or made and never
  present, has F1 0: something was missed or called wrongly, and that is no blank;
- AUC without a case that has the diagnosis, or without one that has not: no pair to put in order.
An average leaves out the classes for which its measure is undefined, and they are named beside it. So
macro precision forgives a diagnosis that is never made (scikit-learn counts a 0); macro F1 does not.
The one exception is the overlap of two empty masks, see `AGREED_NO_LESION`.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

AGREED_NO_LESION = 1.0
"""Dice and IoU of two empty masks: neither the model nor the dermatologist sees a lesion, they agree fully.

Where only one of them sees a lesion nothing is shared, and the same fractions give 0 by themselves.
"""


def fraction(part: ArrayLike, whole: ArrayLike, when_empty: float = math.nan) -> NDArray[np.float64]:
    """`part` / `whole`, element by element, and `when_empty` where `whole` is 0.

    part, whole: counts or sums of one shape, 0 ≤ part ≤ whole. Returns float64 of that shape, 0 … 1.
    """
    part, whole = np.asarray(part), np.asarray(whole)
    shares: NDArray[np.float64] = np.divide(part, whole, out=np.full(whole.shape, when_empty), where=whole != 0)
    return shares


def mean_defined(values: NDArray[np.float64], weights: NDArray[np.int64] | NDArray[np.float64] | None = None) -> float:
    """The mean of the values that are defined, weighted if asked; NaN if none is, or if all their weights are 0.

    values: float64 (K,), NaN where undefined. weights: int64 or float64 (K,), ≥ 0; None counts each value once.
    """
    defined = ~np.isnan(values)
    weights = np.ones(values.shape) if weights is None else weights
    return float(fraction((values * weights)[defined].sum(), weights[defined].sum()))


def or_none(value: float) -> float | None:
    """`value` as JSON can hold it: a plain float, or None where it is NaN or infinite."""
    return float(value) if math.isfinite(value) else None


def or_nan(value: float | None) -> float:
    """The way back from JSON: NaN for None."""
    return math.nan if value is None else value
