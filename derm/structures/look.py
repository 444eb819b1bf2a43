"""The structures of one picture: how likely each is there, where, and how much of the lesion it takes.

Needs a loaded model, its decoder and a checked picture with an outline. Gives only those that are worth showing.
Whether the picture can be judged at all is for the caller to ask.
"""

from typing import Literal, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from derm.errors import DermError, WeightsFault
from derm.image.overlay import resize_mask
from derm.image.resize import Fit, square_mask, unsquare
from derm.language.speech import say
from derm.model.weights import Model
from derm.structures.calibrate import calibrated
from derm.structures.engine import Seen, structure_engine
from derm.structures.table import STRUCTURES, DermoscopicStructure
from derm.structures.weights import CURE, StructureInfo, StructureWeights

Zone = Literal["border", "middle", "throughout"]
"""Where in the lesion: `border`, most of it in the outer half of the lesion's area; `middle`, in the inner half;
`throughout`, neither."""

CELL = 8
"""Pixels of the square beside a cell of the masks."""

MOST = 0.7
"""Share of a structure's area in one half of the lesion from which it is said to lie there; 0.5 is even."""

WIDE = 0.1
"""Share of the lesion from which a structure that lies in neither half is said to be throughout it."""

LEAST = 0.005
"""Share of the lesion that a structure's area must take to lie anywhere: about a superpixel of the marks."""


class FoundStructure(NamedTuple):
    """One structure in one picture."""

    structure: DermoscopicStructure

    probability: float
    """That the picture shows it, as annotators of ISIC 2018 Task 2 would mark it: calibrated, 0 … 1."""

    cells: NDArray[np.float32]
    """Float32 (h, w), 0 … 1: the probability of a mark, on the encoder's square."""

    threshold: float
    """From which a pixel is marked, 0 … 1."""

    fit: Fit
    """How the picture fills the square."""

    outline: NDArray[np.bool_]
    """Bool (H, W): what the picture shows as the lesion."""

    share: float | None
    """Share of the outline that is marked, 0 … 1; None where places are not worth showing, or nothing is outlined."""

    zone: Zone | None
    """Where the marks lie; None where they take too little to say so, or places are not worth showing."""

    marked: dict[str, tuple[int, int]]
    """By diagnosis, pictures of the training part that are marked so, and all: of nevi, melanomas, keratoses."""

    def mask(self, height: int, width: int) -> NDArray[np.bool_]:
        """Where it is marked inside the outline in the picture at that size, bool (height, width)."""
        marked: NDArray[np.bool_] = unsquare(self.cells, height, width, self.fit) >= self.threshold
        return marked & resize_mask(self.outline, height, width)


def see(model: Model, weights: StructureWeights, squares: NDArray[np.uint8]) -> Seen:
    """What encoder and decoder make of squares, uint8 (n, S, S, 3) RGB, at the decoder's input size.

    Raises WeightsFault where tensors or graph are not those of such a decoder.
    """
    cells = (len(squares), len(STRUCTURES), weights.info.input_size // CELL, weights.info.input_size // CELL)
    try:
        seen = structure_engine(model, weights).see(squares)
        for name, value, shape in zip(Seen._fields, seen, (cells, cells[:2]), strict=True):
            if value.shape != shape or not np.isfinite(value).all():
                raise ValueError(f"its {name} are no finite numbers of {shape}")
    except DermError:
        raise
    except Exception as error:  # whatever an engine raises for a foreign graph, or tensors that do not fit it
        raise WeightsFault(
            say(
                "The decoder of structures cannot be run ({error}): {cure}.",
                error=" ".join(str(error).split())[:200],
                cure=say(CURE),
            )
        ) from error
    return seen


def found_in(
    seen: Seen, info: StructureInfo, outline: NDArray[np.bool_], fit: Fit, place: int = 0
) -> tuple[FoundStructure, ...]:
    """The structures worth showing of picture `place` of `seen`; outline: bool (H, W), of the picture's own size."""
    probability = calibrated(seen.presence[place : place + 1], np.array(info.platt))[0]
    lesion = square_mask(outline, info.input_size, fit)
    inner = inner_half(lesion)
    found = []
    for number, structure in enumerate(STRUCTURES):
        if structure.key not in info.shown:
            continue
        cells, threshold = seen.masks[place, number], info.mask_thresholds[number]
        inside = lesion & (unsquare(cells, *lesion.shape) >= threshold)
        share = float(inside.sum() / lesion.sum()) if structure.key in info.placed and lesion.any() else None
        told = {code: (hits, images) for code, (hits, images) in info.frequencies[structure.key].items()}
        found.append(
            FoundStructure(
                structure=structure,
                probability=float(probability[number]),
                cells=cells,
                threshold=threshold,
                fit=fit,
                outline=outline,
                share=share,
                zone=_zone(inside, inner, share),
                marked=told,
            )
        )
    return tuple(found)


def inner_half(outline: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The half of the lesion's area that lies deepest inside of it: bool (H, W)."""
    if not outline.any():
        return outline
    padded = np.pad(outline.astype(np.uint8), 1)
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    half: NDArray[np.bool_] = outline & (depth > np.median(depth[outline]))
    return half


def _zone(inside: NDArray[np.bool_], inner: NDArray[np.bool_], share: float | None) -> Zone | None:
    if share is None or share < LEAST:
        return None
    deep = float((inside & inner).sum() / inside.sum())
    if deep >= MOST:
        return "middle"
    if deep <= 1 - MOST:
        return "border"
    return "throughout" if share >= WIDE else None
