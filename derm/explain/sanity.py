"""Whether a heat map depends on what the network has learned, and keeps still when it should.

Needs a function from images to maps, or a network to randomise, of which a deep copy is made: the shared one is never
touched. Knows no method: maps of any origin and size are compared. Flat maps have no similarity, it is NaN.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from derm.image.resize import unsquare
from derm.model.network import LesionNet

Mapper = Callable[[Tensor], Tensor]
"""From normalised images, float32 (N, 3, S, S), to one heat map each, float (N, h, w), ≥ 0."""

SSIM_SIDE = 64
"""Side in pixels at which maps are compared by structure; raw maps of 5 × 5 cells are smaller than SSIM's window."""

SSIM_SIGMA = 1.5
"""Standard deviation of SSIM's Gaussian window in pixels, as in Wang et al. 2004."""

SSIM_CONSTANTS = (0.01**2, 0.03**2)
"""C1 and C2 of Wang et al. 2004 for values within 0 … 1."""

NOISE = 0.05
"""Standard deviation of the noise under which a map should keep still, in the network's normalised units: about 3 of
255 grey levels, less than what JPEG leaves."""

DRAWS = 3
"""Noisy copies of each image."""


class Similarity(NamedTuple):
    """Of N pairs of maps; each field float64 (N,), −1 … 1, 1 for equal maps, NaN where one of the two is flat.

    rank: Spearman's rank correlation over the maps' values as they are; NaN also where one map is the same everywhere.
    structure: SSIM (Wang et al. 2004) of the maps, each divided by its own maximum, at `SSIM_SIDE` pixels.
    """

    rank: NDArray[np.float64]
    structure: NDArray[np.float64]


SYMMETRIES: dict[str, Callable[[Tensor], Tensor]] = {
    "flip left to right": lambda pictures: pictures.flip(-1),
    "flip top to bottom": lambda pictures: pictures.flip(-2),
    "quarter turn": lambda pictures: pictures.rot90(1, (-2, -1)),
    "half turn": lambda pictures: pictures.rot90(2, (-2, -1)),
    "three-quarter turn": lambda pictures: pictures.rot90(3, (-2, -1)),
}
"""Flips and quarter turns of (..., S, S): a lesion is the same lesion whichever way the camera was held."""


def similarity(some: NDArray[np.float32], others: NDArray[np.float32]) -> Similarity:
    """Compare N pairs of raw maps, float32 (N, h, w) each, ≥ 0; ValueError for two shapes or one that is not finite."""
    if some.shape != others.shape or some.ndim != 3:
        raise ValueError(f"the maps are {some.shape} and {others.shape}, not one (N, h, w): compare pair by pair")
    if not (np.isfinite(some).all() and np.isfinite(others).all()):
        raise ValueError("a map is not finite: the network or the image is damaged")
    pairs = list(zip(some, others, strict=True))
    return Similarity(
        np.array([spearman(one, other) for one, other in pairs], dtype=np.float64),
        np.array([_structure(one, other) for one, other in pairs], dtype=np.float64),
    )


def spearman(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Rank correlation of two maps' values, −1 … 1, equals sharing their mean rank; NaN where one is constant."""
    first, second = (rankdata(map_) - (map_.size + 1) / 2 for map_ in (one, other))
    scale = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / scale) if scale else float("nan")


def ssim(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean structural similarity of two maps within 0 … 1, float32 (H, W) (Wang et al. 2004, equation 13), −1 … 1."""

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(values, (11, 11), SSIM_SIGMA))

    first, second = one.astype(np.float64), other.astype(np.float64)
    mean_1, mean_2 = mean(first), mean(second)
    var_1, var_2 = mean(first**2) - mean_1**2, mean(second**2) - mean_2**2
    shared, (c_1, c_2) = mean(first * second) - mean_1 * mean_2, SSIM_CONSTANTS
    quotient = ((2 * mean_1 * mean_2 + c_1) * (2 * shared + c_2)) / (
        (mean_1**2 + mean_2**2 + c_1) * (var_1 + var_2 + c_2)
    )
    return float(quotient.mean())


def stability(mapper: Mapper, images: Tensor, noise: float = NOISE, draws: int = DRAWS, seed: int = 0) -> Similarity:
    """How alike the maps stay when a little noise is added to the images: the mean over `draws`.

    images: float32 (N, 3, S, S), normalised. noise: standard deviation, in the same units. Raises ValueError for noise
    that is not above 0, or no draw.
    """
    still = _maps(mapper, images)
    return _mean([similarity(still, _maps(mapper, copy)) for copy in noisy_copies(images, noise, draws, seed)])


def noisy_copies(images: Tensor, noise: float = NOISE, draws: int = DRAWS, seed: int = 0) -> Tensor:
    """The images of `stability`, float32 (draws, N, 3, S, S); errors as there."""
    if noise <= 0 or draws < 1:
        raise ValueError(f"noise is {noise}, draws {draws}: take noise above 0 and at least 1 draw")
    lot = torch.Generator().manual_seed(seed)
    added = torch.randn((draws, *images.shape), generator=lot, dtype=images.dtype)
    return images + noise * added.to(images.device)


def remembering_maps(images: Tensor, maps: Tensor) -> Mapper:
    """A mapper that knows the maps, float (N, h, w), of these images, (N, 3, S, S), bit for bit, and of no other.

    For whoever makes the maps of all copies of `stability` and `equivariance` in one pass. Raises KeyError for another
    image.
    """
    known = {_mark(image): map_ for image, map_ in zip(images, maps, strict=True)}
    return lambda asked: torch.stack([known[_mark(image)] for image in asked])


def _mark(image: Tensor) -> bytes:
    return image.numpy(force=True).tobytes()


def equivariance(mapper: Mapper, images: Tensor) -> Similarity:
    """Whether the map of a flipped or turned image is the flipped or turned map: the mean over `SYMMETRIES`.

    images: float32 (N, 3, S, S), normalised. The mapper should give maps as they are placed on the picture
    (`derm.image.resize.place_cells`), for the cells of a turned picture are shifted the other way.
    """
    still = torch.from_numpy(_maps(mapper, images))
    found = []
    for turn in SYMMETRIES.values():
        turned = np.ascontiguousarray(turn(still).numpy())
        found.append(similarity(turned, _maps(mapper, turn(images).contiguous(memory_format=torch.channels_last))))
    return _mean(found)


def randomise(net: LesionNet, images: Tensor, seed: int = 0) -> Iterator[tuple[str, LesionNet]]:
    """Unlearn a copy of the network from its scores down to its first layer (Adebayo et al. 2018, cascading).

    Yields (stage, network): one copy, in evaluation mode, in which that stage and all above it are random; use it
    before asking for the next. Each tensor's values are put in an order drawn by lot: nothing that was learned is left,
    while their distribution stays. What a random stage normalises by is measured anew on `images`, float32
    (N, 3, S, S): with the learned figures its features grow a thousandfold in three stages and every map ends flat,
    which would pass for one that is destroyed. Only the way to the class is walked; the outline belongs to it where the
    diagnosis is read inside of it. `net` itself is not touched.
    """
    copy, lot = deepcopy(net).eval(), torch.Generator().manual_seed(seed)
    norms: list[_BatchNorm] = []
    for name, modules in stages(copy):
        with torch.no_grad():
            for parameter in (one for module in modules for one in module.parameters()):
                flat = parameter.detach().cpu().reshape(-1)
                shuffled = flat[torch.randperm(flat.numel(), generator=lot)].reshape(parameter.shape)
                parameter.copy_(shuffled)
        norms += [one for module in modules for one in module.modules() if isinstance(one, _BatchNorm)]
        _normalise_anew(copy, norms, images)
        yield name, copy


def _normalise_anew(net: LesionNet, norms: list[_BatchNorm], images: Tensor) -> None:
    """Let these normalisations of a copy measure mean and variance on `images`, and nothing else change."""
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over what passes
        norm.train()
    with torch.no_grad():
        net.class_features(images)
    for norm in norms:
        norm.eval()


def stages(net: LesionNet) -> list[tuple[str, tuple[nn.Module, ...]]]:
    """The stages of the way to the class, from the scores down: names and modules.

    A stage is a top-level part of the encoder, or, where such a part is a sequence of sequences, each of these; one
    with vectors alone (a normalisation) goes with the part before it. Where the diagnosis is read inside the outline,
    all that makes the outline of the encoder's features is one stage above the neck. The head "pixel" has one more, of
    what joins the encoder's features at each cell.
    """
    found: list[tuple[str, tuple[nn.Module, ...]]] = []
    for name, module in _parts(net.encoder.model):
        tensors = list(module.parameters())
        if tensors and found and all(one.ndim < 2 for one in tensors):
            found[-1] = (found[-1][0], (*found[-1][1], module))
        elif tensors:
            found.append((name, (module,)))
    if any(True for _ in net.neck.parameters()):
        found.append(("neck", (net.neck,)))
    if net.cells is not None:
        found.append(("cells", (net.cells,)))
    if net.focus is not None:
        makers = (net.mask_encoder, net.fusion, net.bottleneck, net.decoder, net.mask_head)
        found.append(
            ("outline", tuple(one for one in makers if one is not None and any(True for _ in one.parameters())))
        )
    if net.head.hidden is not None:
        found.append(("hidden", (net.head.hidden,)))
    found.append(("scores", (net.head.scores,)))
    return found[::-1]


def _parts(encoder: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in encoder.named_children():
        inner = list(module.named_children())
        if isinstance(module, nn.Sequential) and inner and all(isinstance(one, nn.Sequential) for _, one in inner):
            yield from ((f"{name}.{key}", one) for key, one in inner)
        else:
            yield name, module


def _structure(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """SSIM of two raw maps, each divided by its maximum; NaN where one is all zero."""
    if not (one.any() and other.any()):
        return float("nan")
    first, second = (unsquare((map_ / map_.max()).astype(np.float32), SSIM_SIDE, SSIM_SIDE) for map_ in (one, other))
    return ssim(first, second)


def _maps(mapper: Mapper, images: Tensor) -> NDArray[np.float32]:
    return np.asarray(mapper(images).float().numpy(force=True))


def _mean(found: list[Similarity]) -> Similarity:
    """The mean of each pair over those in which it is defined; NaN where it never is."""
    return Similarity(*(_defined_mean(np.stack(values)) for values in zip(*found, strict=True)))


def _defined_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(axis=0)
    means: NDArray[np.float64] = np.divide(
        total, known.sum(axis=0), out=np.full(total.shape, np.nan), where=known.any(axis=0)
    )
    return means
