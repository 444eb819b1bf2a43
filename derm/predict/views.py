"""The network's answer over eight views of a picture, turned and mirrored, and how far the views are apart.

Needs an engine. A lesion has no upright, so that all eight views are the same case.
Knows nothing of what a spread is worth: `derm.evaluate.doubt` measures that.
"""

from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from derm.engine.look import Engine, EngineOutput
from derm.errors import ConfigFault
from derm.language.speech import say
from derm.metrics.calibration import log_softmax

Kind = TypeVar("Kind", bound=np.generic)

EIGHT = 8
"""Four quarter turns, mirrored or not: the upright view first."""


class Viewed(NamedTuple):
    """The answer for N pictures over V views, arrays.

    logits: float64 (N, 7), the mean over the views, before the temperature. each: float64 (N, V, 7), of each view,
    upright first. lesion: float32 (N, S, S), 0 … 1, the mean probability, all views turned back. maps: float32
    (N, 7, h, w), Grad-CAM in logits, their mean, turned back.
    """

    logits: NDArray[np.float64]
    each: NDArray[np.float64]
    lesion: NDArray[np.float32]
    maps: NDArray[np.float32]


def check_views(views: int) -> None:
    """Refuse a number of views other than one and `EIGHT`: ConfigFault."""
    if views not in (1, EIGHT):
        raise ConfigFault(
            say(
                "{views} views do not fit: ask for 1, the upright one, or {eight}, turned and mirrored.",
                views=views,
                eight=EIGHT,
            )
        )


def view(engine: Engine, squares: NDArray[np.uint8], views: int) -> tuple[Viewed, EngineOutput]:
    """What `engine` says of squares, uint8 (N, S, S, 3), over `views`, 1 or 8, and of the upright ones alone.

    Logits are averaged, not probabilities: with a linear head the mean map is then made of what adds up to the mean
    logit, as it is for one view, and the temperature stands where it was fitted. Outlines are averaged as
    probabilities. The mean over all turns places heat maps evenly, whatever a cell's shift is. Raises ConfigFault for
    another number.
    """
    check_views(views)
    looks = [engine.look(turn(squares, number, rows=1)) for number in range(views)]
    each = [look.logits.astype(np.float64) for look in looks]
    lesion = [turn_back(look.lesion, number) for number, look in enumerate(looks)]
    maps = [turn_back(look.maps, number) for number, look in enumerate(looks)]
    # One view's arrays are the answer's, bit for bit.
    mean = Viewed(np.mean(each, axis=0), np.stack(each, axis=1), np.mean(lesion, axis=0), np.mean(maps, axis=0))
    return mean, looks[0]


def spread(each: NDArray[np.floating[Any]], temperature: float) -> NDArray[np.float64] | None:
    """How far the views are apart, float64 (N,), 0 … 0.5; None for one view.

    The standard deviation over the views of the probability of the diagnosis that is likeliest by their mean. each:
    float (N, V, 7), see `Viewed`.
    """
    if each.shape[1] == 1:
        return None
    probabilities = np.exp(log_softmax(each.astype(np.float64) / temperature))
    likeliest = each.mean(axis=1).argmax(axis=1)
    found: NDArray[np.float64] = probabilities[np.arange(len(each)), :, likeliest].std(axis=1)
    return found


def turn(images: NDArray[Kind], number: int, rows: int = -2) -> NDArray[Kind]:
    """View `number`, 0 … 7, of squares: mirrored from 4 on, then turned by `number` quarters.

    rows: the axis of the rows, which that of the columns follows; the last but one unless another is given.
    """
    mirrored = np.flip(images, rows + 1) if number >= 4 else images
    return np.ascontiguousarray(np.rot90(mirrored, number % 4, (rows, rows + 1)))


def turn_back(maps: NDArray[Kind], number: int) -> NDArray[Kind]:
    """Undo `turn` on maps, (..., s, s)."""
    upright = np.rot90(maps, -(number % 4), (-2, -1))
    return np.flip(upright, -1) if number >= 4 else upright
