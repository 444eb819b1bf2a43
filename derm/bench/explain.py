"""What seven heat maps cost, ours beside pytorch-grad-cam's, for the same model and the same pictures in one run.

Needs pytorch-grad-cam (`pip install grad-cam`), imported when it is timed. Times do not depend on what the weights have
learned, the difference of the maps does. Knows nothing of the terminal.
"""

import statistics
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.explain.gradcam import class_maps
from derm.image.resize import square
from derm.model.network import LesionNet, ModelOutput
from derm.model.preprocess import normalise

CALLS = 40
"""Timed calls of each way, interleaved; the medians are reported."""

WARM_UP = 3
"""Calls of each way before the first that is timed."""


@dataclass(frozen=True)
class ExplainTiming:
    """Medians, milliseconds, each from a normalised picture on; and how far the maps of the two lie apart.

    `library` follows pytorch-grad-cam's manual: a module that answers with the class logits alone is given to `GradCAM`
    and called once for each class; outline and probabilities take a pass of their own. `tuned` is the fastest that we
    found with the library: the module leaves the decoder out, only what lies between features and logits takes
    gradients, and where that is faster the picture is given seven times in one call.
    """

    input_size: int
    """Side of the network's square input, pixels."""

    calls: int
    """Timed calls of each way."""

    prediction: float
    """Probabilities and mask alone."""

    maps: float
    """Seven maps alone, ours, once the answer is there."""

    seven: float
    """Probabilities, mask and seven maps, ours."""

    one: float
    """The same with one map."""

    library_seven: float
    """Probabilities, mask and seven maps through the library, as its manual has it."""

    library_one: float
    """The same with one map."""

    tuned_seven: float
    """Probabilities, mask and seven maps through the library, at its fastest."""

    tuned_one: float
    """The same with one map."""

    max_difference: float
    """The largest difference between the two's maps at the picture's size, both scaled to 0 … 1 as the library does,
    over seven drawings and seven classes."""

    @property
    def seven_class_ratio(self) -> float:
        """How many times as long the library takes for seven maps; the target is at least 7."""
        return self.library_seven / self.seven

    @property
    def one_class_ratio(self) -> float:
        """How many times as long the library takes for one map; the target is at least 1."""
        return self.library_one / self.one

    @property
    def tuned_seven_class_ratio(self) -> float:
        """`seven_class_ratio` against the library at its fastest."""
        return self.tuned_seven / self.seven

    @property
    def tuned_one_class_ratio(self) -> float:
        """`one_class_ratio` against the library at its fastest."""
        return self.tuned_one / self.one

    @property
    def added_share(self) -> float:
        """What seven maps add to the time of a prediction, as a share of it; the target is at most 0.1."""
        return self.maps / self.prediction


class _Scores(nn.Module):
    """The network as the library needs it: from images to class logits, float (N, 7), and nothing else."""

    def __init__(self, net: LesionNet, *, decoder: bool) -> None:
        super().__init__()
        self.net = net
        self.decoder = decoder

    def forward(self, images: Tensor) -> Tensor:
        if self.decoder:
            answer: ModelOutput = self.net(images)
            return answer.class_logits
        logits: Tensor = self.net.head(self.net.class_features(images))
        return logits


class _Library:
    """pytorch-grad-cam over a copy of the network, for the library sets hooks and gradients on what it is given."""

    def __init__(self, net: LesionNet, *, tuned: bool) -> None:
        package, targets = _grad_cam(), import_module("pytorch_grad_cam.utils.model_targets")
        own = deepcopy(net).requires_grad_(requires_grad=not tuned)
        own.neck.requires_grad_()
        if own.cells is not None:
            own.cells.requires_grad_()
        self.targets = [targets.ClassifierOutputTarget(index) for index in range(len(CODES))]
        last = own.focus or own.cells or own.neck
        self.cam = package.GradCAM(model=_Scores(own, decoder=not tuned), target_layers=[last])

    def one(self, image: Tensor, index: int) -> NDArray[np.float32]:
        """The map of one class, float32 (S, S), 0 … 1, of an image (1, 3, S, S)."""
        map_: NDArray[np.float32] = self.cam(input_tensor=image, targets=[self.targets[index]])[0]
        return map_

    def each(self, image: Tensor) -> NDArray[np.float32]:
        """Seven maps, float32 (7, S, S), in seven calls."""
        return np.stack([self.one(image, index) for index in range(len(CODES))])

    def together(self, image: Tensor) -> NDArray[np.float32]:
        """Seven maps, float32 (7, S, S), of the picture given seven times."""
        maps: NDArray[np.float32] = self.cam(input_tensor=image.repeat(len(CODES), 1, 1, 1), targets=self.targets)
        return maps


def bench_explain(net: LesionNet, calls: int = CALLS) -> ExplainTiming:
    """Time ways to the maps of drawn pictures, call by call in turn, so that what else the machine does hits all alike.

    net: in evaluation mode, with features to hook (`feature_channels` above 0). calls: timed ones, at least 1. Raises
    ConfigFault where pytorch-grad-cam is not installed or the network has no layer for it to hook.
    """
    _grad_cam()
    if not net.config.feature_channels:
        raise ConfigFault(
            "The model has feature_channels 0, so there is no layer between encoder and head that pytorch-grad-cam "
            "could be held to: take weights with feature channels."
        )
    images = drawn_images(net)
    plain, tuned = _Library(net, tuned=False), _Library(net, tuned=True)
    with torch.inference_mode():
        features = net(images[:1]).features

    def maps_alone(_: Tensor) -> None:
        with torch.inference_mode():
            class_maps(net, features)

    def through(maps: Callable[[Tensor], Any]) -> Callable[[Tensor], None]:
        def explain(image: Tensor) -> None:
            _predict(net, image)
            maps(image)

        return explain

    ways: dict[str, Callable[[Tensor], Any]] = {
        "prediction": lambda image: _predict(net, image),
        "maps": maps_alone,
        "seven": lambda image: _ours(net, image),
        "one": lambda image: _ours(net, image)[2][:, 0],
        "library_seven": through(plain.each),
        "library_one": through(lambda image: plain.one(image, 0)),
        "tuned_each": through(tuned.each),
        "tuned_together": through(tuned.together),
        "tuned_one": through(lambda image: tuned.one(image, 0)),
    }
    medians = interleaved_medians(ways, images.split(1), calls)
    medians["tuned_seven"] = min(medians.pop("tuned_each"), medians.pop("tuned_together"))
    return ExplainTiming(
        input_size=net.config.input_size, calls=calls, max_difference=largest_difference(net, images, tuned), **medians
    )


def interleaved_medians(
    ways: dict[str, Callable[[Tensor], Any]], images: tuple[Tensor, ...], calls: int
) -> dict[str, float]:
    """Median time of each way, milliseconds: one call of each in turn, on the next of the images each turn."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(WARM_UP + calls):
        for name, way in ways.items():
            began = time.perf_counter()
            way(images[turn % len(images)])
            if turn >= WARM_UP:
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(own) * 1000 for name, own in times.items()}


def largest_difference(net: LesionNet, images: Tensor, library: _Library) -> float:
    """The largest difference between our maps and the library's over all images, classes and pixels, 0 … 1.

    The library scales each map to 0 … 1, then to the picture's size; ours are put through its own function.
    """
    scale = import_module("pytorch_grad_cam.utils.image").scale_cam_image
    size = net.config.input_size
    largest = 0.0
    for image in images.split(1):
        with torch.inference_mode():
            ours = class_maps(net, net(image).features)[0].numpy()
        theirs = library.each(image)
        largest = max(largest, float(np.abs(scale(scale(ours, (size, size))) - theirs).max()))
    return largest


def drawn_images(net: LesionNet) -> Tensor:
    """A drawn lesion of each diagnosis, normalised as the network takes it: float32 (7, 3, S, S)."""
    squares = [
        square(draw_lesion(code, seed, height=450, width=600).image, net.config.input_size, net.config.fit)
        for seed, code in enumerate(CODES)
    ]
    return normalise(torch.from_numpy(np.stack(squares)), net.config)


def _predict(net: LesionNet, image: Tensor) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        answer = net(image)
        return answer.class_logits.softmax(dim=1), answer.mask_logits.sigmoid()


def _ours(net: LesionNet, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Probabilities, mask and maps. One map is had by making all seven, a hundredth of the pass or less."""
    with torch.inference_mode():
        answer = net(image)
        return answer.class_logits.softmax(dim=1), answer.mask_logits.sigmoid(), class_maps(net, answer.features)


def _grad_cam() -> Any:  # noqa: ANN401 - a module, which may be absent
    try:
        return import_module("pytorch_grad_cam")
    except ModuleNotFoundError as error:
        raise ConfigFault(
            "The comparison needs pytorch-grad-cam, which is not installed: run pip install grad-cam."
        ) from error
