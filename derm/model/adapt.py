"""Weights fitted to a clinic's pictures without a diagnosis: batch normalisation with those pictures' own statistics.

Needs a network of one's own, for it is changed, and pictures of the kind that it shall answer for. After Schneider et
al. 2020, "Improving robustness against common corruptions by covariate shift adaptation" (NeurIPS). Whether it helps
depends on the pictures, and without diagnoses nobody can tell: measure it where some are known.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from derm.errors import ConfigFault, DataFault, ImageRefused
from derm.image.decode import open_image
from derm.image.resize import Fit, square
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.weights import Model, load_weights, save_weights

Progress = Callable[[int, int], None]
"""Told (done, total)."""

LEAST = 48
"""Fewest pictures: statistics of fewer lean to what happens to be on them."""

SHARE = 0.5
"""Weight of the new pictures' statistics beside those of training."""

BATCH = 64
"""Pictures at a time, at most, in an order by lot, so that each batch is like all of them."""


def adapt(
    source: Path, path: Path, pictures: Sequence[Path], *, share: float = SHARE, progress: Progress | None = None
) -> Model:
    """Write the weights that `source` (.json) describes to `path` (.json), adapted to `pictures`, and return them.

    share: weight of the pictures' statistics, above 0 … 1. The description says under training.adapted what was done;
    what was measured or calibrated belongs to other numbers and is left out. Raises DataFault for fewer than `LEAST`
    pictures or one that cannot be read, ConfigFault for another share, and where the network normalises by no batch.
    """
    if not 0 < share <= 1:
        raise ConfigFault(f"The share {share:g} does not fit: use one above 0, at most 1.")
    if len(pictures) < LEAST:
        raise DataFault(
            f"There are {len(pictures)} pictures, too few to know what pictures of this kind are like: give at least "
            f"{LEAST}."
        )
    model = load_weights(source)
    about = model.description
    order = np.random.default_rng(0).permutation(len(pictures))
    adapt_statistics(model.net, _batches([pictures[place] for place in order], model.net, progress), share)
    told = {"from": model.name, "sha256": model.sha256, "pictures": len(pictures), "share": share}
    described = replace(about.unmeasured(about.model), training={**about.training, "adapted": told})
    save_weights(path, model.net, described)
    return load_weights(path)


def adapt_statistics(net: LesionNet, batches: Iterator[Tensor], share: float) -> None:
    """Set each batch normalisation's mean and variance to a mixture of its own and of those over `batches`.

    batches: normalised images, float (N, 3, S, S). share: weight of the new ones, pseudo-counts' n / (N + n) in eq. 3
    of Schneider et al. 2020; variances are mixed as means are, and the new ones are of the population. While a layer is
    measured, those before it normalise each batch by the same mixture of it and their own. The network is in evaluation
    mode and is changed; other tensors stay. Raises ConfigFault where it has no batch normalisation.
    """
    layers = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not layers:
        raise ConfigFault("The network has no batch normalisation: there is nothing to adapt, train it instead.")
    own = [_statistics(layer).clone() for layer in layers]
    sums = [torch.zeros_like(before, dtype=torch.float64) for before in own]
    seen = 0

    def watch(place: int) -> Callable[[nn.Module, tuple[Any, ...]], None]:
        def measure(_: nn.Module, inputs: tuple[Any, ...]) -> None:
            variance, mean = torch.var_mean(inputs[0].float(), dim=(0, 2, 3), correction=0)
            sums[place] += len(inputs[0]) * torch.stack([mean, variance + mean.square()]).double()
            _set(layers[place], torch.lerp(own[place], torch.stack([mean, variance]), share))

        return measure

    # Hooks, on a network that nobody shares: the layers' inputs are nowhere else to be had.
    hooks = [layer.register_forward_pre_hook(watch(place)) for place, layer in enumerate(layers)]
    try:
        with torch.no_grad():
            for images in batches:
                net(images)
                seen += len(images)
    finally:
        for hook in hooks:
            hook.remove()
    for layer, before, total in zip(layers, own, sums, strict=True):
        mean, square_mean = total / seen
        found = torch.stack([mean, square_mean - mean.square()]).to(before.dtype)
        _set(layer, torch.lerp(before, found, share))


def _statistics(layer: nn.BatchNorm2d) -> Tensor:
    """Mean and variance that a layer normalises with, float (2, C)."""
    if layer.running_mean is None or layer.running_var is None:
        raise ConfigFault("A batch normalisation of the network keeps no statistics: there is nothing to adapt.")
    return torch.stack([layer.running_mean, layer.running_var])


def _set(layer: nn.BatchNorm2d, statistics: Tensor) -> None:
    for kept, new in zip((layer.running_mean, layer.running_var), statistics, strict=True):
        if kept is not None:
            kept.copy_(new)


def _batches(pictures: Sequence[Path], net: LesionNet, progress: Progress | None) -> Iterator[Tensor]:
    """The pictures as the network takes them, `BATCH` at a time."""
    config, device = net.config, next(net.parameters()).device
    done = 0
    for rows in np.array_split(np.arange(len(pictures)), -(-len(pictures) // BATCH)):
        chosen = [pictures[row] for row in rows]
        squares = np.stack([_open(path, config.input_size, config.fit) for path in chosen])
        yield normalise(torch.from_numpy(squares).to(device), config)
        done += len(chosen)
        if progress:
            progress(done, len(pictures))


def _open(path: Path, size: int, fit: Fit) -> NDArray[np.uint8]:
    try:
        return square(open_image(path), size, fit)
    except ImageRefused as error:
        raise DataFault(f"{error} Leave it out, or replace it.") from error
