"""One set of weights that is the mean of several: a model soup, Wortsman et al. 2022.

Needs descriptions of weights of one architecture that were trained from a common beginning, on the same images. What
the mean is worth is to be measured: of trainings that have nothing in common it is worth nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

from derm.data.learned import join_learned
from derm.data.recognise import SHIPPED
from derm.errors import ConfigFault, WeightsFault
from derm.files import as_text
from derm.model.weights import HAM10000_DATASETS, Model, WeightsInfo, load_weights, save_weights


def cook_soup(
    sources: Sequence[Path], path: Path, shares: Sequence[float] | None = None, *, input_size: int | None = None
) -> Model:
    """Write the mean of the weights that `sources` (.json) describe to `path` (.json), float32, and return it.

    shares: how much of each, positive, in any unit; None: alike. input_size: side of the network's input, pixels; None:
    that of the first. The description is the first's, with a list of all under training.soup; what was measured or
    calibrated belongs to other numbers and is left out; what was learned from, sources and images, is that of all. Of
    weights trained on the same images, and of those trained on the shipped lists of HAM10000 and ISIC 2018 Task 1, one
    may have learned from fewer sources than the first, such as those that the first went on from.
    Raises ConfigFault for fewer than two or other shares, WeightsFault where architectures differ, or the images that
    were trained on: one would know what another was measured on.
    """
    shares = [1.0] * len(sources) if shares is None else list(shares)
    if len(sources) < 2:
        raise ConfigFault(f"A mean is of two sets of weights or more, not of {len(sources)}: name another.")
    odd = next((share for share in shares if not math.isfinite(share)), sum(shares))
    if not math.isfinite(odd):
        raise ConfigFault(f"The shares {shares} come to {odd}, which is no finite number: give ones such as 3 and 1.")
    if len(shares) != len(sources) or min(shares) <= 0:
        raise ConfigFault(
            f"The shares {shares} do not fit {len(sources)} sets of weights: give one above 0 for each, or none."
        )
    models = [load_weights(source) for source in sources]
    for source, model in zip(sources[1:], models[1:], strict=True):
        _check_alike(sources[0], models[0].description, source, model.description)
    total = sum(shares)
    net = models[0].net
    states, mean = [model.net.state_dict() for model in models], net.state_dict()
    for key, first in mean.items():
        if first.is_floating_point():  # the others count batches
            parts = [share / total * state[key].double() for share, state in zip(shares, states, strict=True)]
            mean[key] = sum(parts[1:], parts[0]).to(first.dtype)
    net.load_state_dict(mean)
    about = models[0].description
    soup = [_tell(source, model, share / total) for source, model, share in zip(sources, models, shares, strict=True)]
    config = replace(about.model, input_size=input_size or about.model.input_size)
    training = _together([model.description for model in models])
    described = replace(about.unmeasured(config), training={**training, "soup": soup})
    save_weights(path, net, described)
    return load_weights(path)


def _together(abouts: Sequence[WeightsInfo]) -> dict[str, Any]:
    """What the first says of its training, and of the sources and images that any of them learned from."""
    data = [about.training.get("data", {}) for about in abouts]
    learned = reduce(join_learned, (own.get("learned", {}) for own in data))
    before = {name for own in data for name in own.get("sources_before", ())}
    for about, own in zip(abouts, data, strict=True):
        if learned and not own.get("learned"):  # its images are told by its sources alone, which the record hides
            before |= about.learned_from
            learned.pop("classes", None)  # from how many images of each diagnosis it learned is not recorded
    all_told = {"learned": learned, "sources_before": sorted(before)}
    adapted = next((about.training["adapted"] for about in abouts if about.training.get("adapted")), None)
    return {
        **abouts[0].training,
        "data": {**data[0], **{name: told for name, told in all_told.items() if told}},
        **({"adapted": adapted} if adapted else {}),
    }


def _tell(source: Path, model: Model, share: float) -> dict[str, Any]:
    """One of those that went into the mean, for the description; share: 0 … 1."""
    training = {name: model.description.training.get(name) for name in ("epoch", "config", "commit")}
    name = f"{as_text(source.resolve().parent.name)}/{model.name}"  # weights of runs are all called best or final
    return {"weights": name, "sha256": model.sha256, "share": share, **training}


def _check_alike(first: Path, one: WeightsInfo, second: Path, other: WeightsInfo) -> None:
    if apart := one.model.apart_from(other.model):
        raise WeightsFault(
            f"{second} is of another model than {first} ({apart}): only weights of one model have a mean."
        )
    alike = _images(one) == _images(other)
    if not alike and not (_by_fixed_lists(one) and _by_fixed_lists(other)):
        raise WeightsFault(
            f"{first} and {second} were not trained on the same images, so that their mean would know what one of "
            "them is measured on: name weights of one split and data set."
        )
    if not other.learned_from <= one.learned_from:
        raise WeightsFault(f"{second} learned from sources that {first} did not: name it first.")


def _by_fixed_lists(about: WeightsInfo) -> bool:
    """Whether what weights learned from lies in the training parts of the shipped lists, which never change."""
    config, parts = about.training.get("config", {}), {*SHIPPED, *HAM10000_DATASETS}
    whole = config.get("split_by") == "lesion" and not config.get("leave_out")
    return about.tells_sources and whole and about.learned_from <= parts


def _images(about: WeightsInfo) -> tuple[Any, ...]:
    """What tells which images weights were trained on, as far as their description knows."""
    training = about.training
    return training.get("config", {}).get("split_by"), training.get("data", {}).get("fingerprint")
