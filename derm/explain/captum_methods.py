"""SHAP and LIME by captum, an option: the field's comparisons include them.

Gives `COMPARED`, methods as in `methods`. Needs captum and scikit-image (the extra `compare`), which are
imported when a method is called. Knows nothing of outlines.

captum draws from the global random generators. A call sets them by its seed, one call at a time, and puts them back;
a thread that draws from them meanwhile can still change what a call draws.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from derm.errors import ConfigFault
from derm.explain.class_head import wanted_classes
from derm.explain.gradcam import check_evaluation
from derm.explain.methods import Method
from derm.explain.perturb import BATCH, skin
from derm.model.config import ModelConfig
from derm.model.network import LesionNet, ModelOutput

SUPERPIXELS = 48
"""About as many superpixels in a picture (SLIC decides): six or seven on each side."""

SAMPLES = 200
"""Pictures tried for each class by LIME and kernel SHAP: four for each superpixel."""

GRADIENT_SAMPLES = 32
"""Steps between skin and picture at which gradient SHAP takes the gradient."""

GRADIENT_CELL = 8
"""Gradient SHAP's values are summed over squares of so many pixels on a side: single pixels are mostly noise."""

_ONE_AT_A_TIME = Lock()


def gradient_shap(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,  # noqa: ARG001 - every method takes the same
    classes: Sequence[int] | None = None,
    *,
    samples: int = GRADIENT_SAMPLES,
    seed: int = 0,
) -> Tensor:
    """Gradient SHAP (Lundberg and Lee 2017; expected gradients of Erion et al. 2021), summed over cells, cut at 0.

    The baseline is a picture of `skin`. images: normalised float (N, 3, S, S). answer: not used. classes: K indexes of
    `CODES`; None: all seven. samples: points between baseline and picture. seed: of these. Returns float32
    (N, K, S / 8, S / 8), ≥ 0, in logits: before the cut, all cells add up to about the logit's distance from
    the baseline's (not where the diagnosis is read inside the outline, which gradients take for given). Raises
    ConfigFault without captum, ValueError for a network in training mode or classes
    outside 0 … 6.
    """
    attr = _captum()
    check_evaluation(net)
    wanted = wanted_classes(classes)
    maps = []
    with torch.inference_mode(mode=False), torch.enable_grad():
        explain = attr.GradientShap(_scores(net))
        for image in images.detach().clone().float().split(1):
            baseline, own = skin(image).expand_as(image), []
            for index in wanted:
                with _seeded(seed):  # the same points, whatever else is asked
                    own.append(
                        explain.attribute(image.requires_grad_(), baselines=baseline, n_samples=samples, target=index)
                    )
            maps.append(torch.cat([one.detach().sum(dim=1) for one in own]))
    summed = F.avg_pool2d(torch.stack(maps), GRADIENT_CELL) * GRADIENT_CELL**2
    return F.relu(summed)


def kernel_shap(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,  # noqa: ARG001 - every method takes the same
    classes: Sequence[int] | None = None,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Tensor:
    """Kernel SHAP (Lundberg and Lee 2017) over superpixels, absent ones painted with `skin`, cut at 0.

    Returns float32 (N, K, S, S), ≥ 0, in logits: each pixel has its superpixel's value, what the whole of that adds.
    samples: pictures tried for each class. seed: of which. Else as for `gradient_shap`.
    """
    return _by_superpixel(_captum().KernelShap, net, images, classes, samples, seed)


def lime(
    net: LesionNet,
    images: Tensor,
    answer: ModelOutput | None = None,  # noqa: ARG001 - every method takes the same
    classes: Sequence[int] | None = None,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Tensor:
    """LIME (Ribeiro et al. 2016) over superpixels, absent ones painted with `skin`, cut at 0.

    captum's own setting: a lasso (α = 0.01) on pictures weighted by their likeness to the original. Returns and errors
    as for `kernel_shap`: the value is the lasso's coefficient, in logits.
    """
    return _by_superpixel(_captum().Lime, net, images, classes, samples, seed)


def superpixels(image: Tensor, config: ModelConfig, count: int = SUPERPIXELS) -> NDArray[np.int64]:
    """Superpixels of a picture by SLIC (Achanta et al. 2012), numbered from 0: int64 (S, S).

    image: normalised float (3, S, S); config: what it was normalised with. count: about how many. Where SLIC
    finds no pieces, as in a picture of noise, which it joins to one, they are squares.
    """
    segmentation = _installed("skimage.segmentation", "scikit-image")
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (config.mean, config.deviation))
    colours = (image.detach().float().cpu() * deviation + mean).clamp(0, 1).permute(1, 2, 0).numpy()
    labels = segmentation.slic(colours, n_segments=count, compactness=10, start_label=0, channel_axis=-1)
    if labels.max() == labels.min():
        across = round(count**0.5)
        rows = np.arange(len(labels)) * across // len(labels)
        labels = rows[:, None] * across + rows
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int64)


def _by_superpixel(
    make: Callable[..., Any], net: LesionNet, images: Tensor, classes: Sequence[int] | None, samples: int, seed: int
) -> Tensor:
    check_evaluation(net)
    wanted = wanted_classes(classes)
    maps = []
    with torch.inference_mode(mode=False), torch.no_grad():
        for image in images.detach().clone().float().split(1):
            # captum fits one class at a time; the pictures it tries are the same for each, and are asked about once.
            explain = make(_remembering(_scores(net)))
            pieces = torch.from_numpy(superpixels(image[0], net.config)).to(image.device)[None, None]
            own = []
            for index in wanted:
                # The same draw for each class, so that a map does not depend on which others are asked for.
                with _seeded(seed):
                    own.append(
                        explain.attribute(
                            image,
                            baselines=skin(image).expand_as(image),
                            target=index,
                            feature_mask=pieces,
                            n_samples=samples,
                            perturbations_per_eval=BATCH,
                        )[:, 0]
                    )
            maps.append(torch.cat(own))
    return F.relu(torch.stack(maps).float())


def _scores(net: LesionNet) -> Callable[[Tensor], Tensor]:
    """The seven logits of normalised images, with whatever gradient the caller's mode allows."""

    def scores(images: Tensor) -> Tensor:
        logits: Tensor = net.head(net.class_features(images))
        return logits

    return scores


def _remembering(scores: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The same scores, without a second pass for a batch that was asked about before."""
    known: dict[bytes, Tensor] = {}

    def remembered(images: Tensor) -> Tensor:
        key = blake2b(images.cpu().numpy().tobytes()).digest()
        if key not in known:
            known[key] = scores(images)
        return known[key]

    return remembered


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """The global generators of torch and numpy, set for a while by one thread, then put back."""
    with _ONE_AT_A_TIME, torch.random.fork_rng():
        kept = np.random.get_state()
        torch.manual_seed(seed)
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(kept)


def _captum() -> Any:  # noqa: ANN401 - a module, which may be absent
    return _installed("captum.attr", "captum")


def _installed(name: str, package: str) -> Any:  # noqa: ANN401
    from importlib import import_module

    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ConfigFault(
            f"SHAP and LIME need {package}, which is not installed: run `pip install -e '.[compare]'` in the checkout."
        ) from error


COMPARED: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "gradient-shap",
            "Gradient SHAP",
            "Lundberg and Lee 2017, NeurIPS; Erion et al. 2021, Nature Machine Intelligence",
            "passes",
            "logit share",
            True,
            "patches",
            gradient_shap,
        ),
        Method(
            "kernel-shap",
            "Kernel SHAP",
            "Lundberg and Lee 2017, NeurIPS",
            "passes",
            "logit",
            True,
            "patches",
            kernel_shap,
        ),
        Method(
            "lime",
            "LIME",
            "Ribeiro et al. 2016, KDD",
            "passes",
            "logit",
            True,
            "patches",
            lime,
        ),
    )
}
"""The methods that captum makes, by name; as `METHODS`, but for what they need."""
