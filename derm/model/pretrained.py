"""Starting weights: ImageNet's, by timm's name where there is a network, or from a local file.

Needs a fresh `LesionNet`; timm is imported where it is asked, for the workers of training that import the names alone
would wait two seconds for it. Knows nothing of training.
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import Identity, Module

from derm.data.value_words import value_called
from derm.errors import WeightsFault
from derm.files import open_ordinary
from derm.language.speech import say
from derm.model.weights import WeightsInfo, load_weights

if TYPE_CHECKING:
    from derm.model.network import LesionNet

RANDOM = "random"
TIMM = "timm"

PIXEL_HEAD = ("cells.", "head.")
"""Beginnings of the names of tensors that are the class head's alone where that is "pixel"."""

PIXEL_ANEW = (
    "Encoder and outline go on from {name}. Its class head is pooled, so the head 'pixel' begins anew and learns the "
    "diagnosis from nothing."
)


def start_from(
    net: "LesionNet",
    start: str,
    mask_start: str = RANDOM,
    split_by: str = "lesion",
    leave_out: Collection[str] = (),
) -> str:
    """Load starting weights into `net`, in place: into its encoders, or all of it from weights of Derm.

    start: "random", "timm" (ImageNet weights by the encoder's name, over the network) or the path of a safetensors
    file in timm's naming; with the head convolution (`conv_head`, `bn2`) where the network has one and the file, too.
    A .json names trained weights of Derm, of the same model but perhaps another input size, or without pooling inside
    the outline where this has it: training goes on from them. Where this has the head "pixel" and they have not, all
    but the head is taken over.
    mask_start: the same for the U-Net's own encoder of the dual design. split_by: how the data are split now; weights
    of Derm must have been trained on the same split, or they know test images. leave_out: sources that weights of Derm
    must not have been trained on. Returns a sentence that tells what begins anew beside trained weights, else "".
    Raises WeightsFault when a file is missing or does not fit, or when there is no network.
    """
    if start.endswith(".json"):
        return _go_on_from(net, Path(start), split_by, leave_out)
    if net.config.system:
        return _start_system(net, start)
    _start(net.encoder, net.neck, net.config.encoder, start)
    if net.mask_encoder is not None:
        _start(net.mask_encoder, Identity(), net.config.mask_encoder, mask_start)
    return ""


def _start_system(net: "LesionNet", start: str) -> str:
    """Start another system: each of its encoders that timm has by name from ImageNet, all else at random."""
    if start not in (RANDOM, TIMM):
        raise WeightsFault(
            say(
                "The system {system} starts from no file: use --start random, or timm for ImageNet's weights.",
                system=net.config.system,
            )
        )
    from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder

    encoders = [part for part in net.modules() if isinstance(part, TimmUniversalEncoder)] if start == TIMM else []
    for encoder in encoders:
        encoder.load_state_dict(_by_name(encoder.name))
    return ""


def description_of_start(start: str) -> WeightsInfo | None:
    """What the starting weights `start` say of themselves; None unless they are Derm's own."""
    return load_weights(Path(start)).description if start.endswith(".json") else None


def _go_on_from(net: "LesionNet", path: Path, split_by: str, leave_out: Collection[str]) -> str:
    trained = load_weights(path)
    if learned := sorted(set(leave_out) & trained.description.learned_from):
        raise WeightsFault(
            say(
                "The weights {path} were trained on {source}, which is to be left out: start from "
                "others, such as ImageNet's.",
                path=path,
                source=learned[0],
            )
        )
    before = trained.description.training.get("config", {}).get("split_by", split_by)
    if before != split_by:
        raise WeightsFault(
            say(
                "The weights {path} were trained on the split {before} and know images that the split "
                "{split_by} tests on: start from others.",
                path=path,
                before=value_called(f"by {before}"),
                split_by=value_called(f"by {split_by}"),
            )
        )
    tensors, theirs = trained.net.state_dict(), trained.net.config
    if (theirs.pooling, net.config.pooling) == ("whole", "whole+lesion"):
        theirs = replace(theirs, pooling=net.config.pooling)
        _look_inside_too(tensors)
    anew = net.config.head == "pixel" and theirs.head == "pooled"
    if anew:
        # What was the head's alone differs for good; all else must be the same.
        ours = net.config
        theirs = replace(theirs, head=ours.head, whole_share=ours.whole_share, pooling=ours.pooling, hidden=ours.hidden)
        fresh = {name: value for name, value in net.state_dict().items() if name.startswith(PIXEL_HEAD)}
        tensors = {name: value for name, value in tensors.items() if not name.startswith(PIXEL_HEAD)} | fresh
    if apart := net.config.apart_from(theirs):
        raise WeightsFault(
            say(
                "The weights {path} are of another model ({apart}): train the same model, at any size, "
                "or start from other weights.",
                path=path,
                apart=apart,
            )
        )
    net.load_state_dict(tensors)
    return PIXEL_ANEW.format(name=path.name) if anew else ""


def _look_inside_too(tensors: dict[str, Tensor]) -> None:
    """Widen a class head, in place, from pooled features to these beside those inside the outline, which begin at 0:
    the answers stay."""
    name = "head.hidden.weight" if "head.hidden.weight" in tensors else "head.scores.weight"
    tensors[name] = torch.cat([tensors[name], torch.zeros_like(tensors[name])], dim=1)


def _start(encoder: Module, neck: Module, name: str, start: str) -> None:
    if start == RANDOM:
        return
    tensors = _from_timm(name) if start == TIMM else _from_file(Path(start))
    own = {key.removeprefix("model."): key for key in encoder.state_dict()}
    wrong = [key for key in own if key not in tensors or tensors[key].shape != encoder.state_dict()[own[key]].shape]
    if wrong:
        raise WeightsFault(
            say(
                "The starting weights '{start}' do not fit the encoder {name} ({wrong} of its {own} "
                "tensors are missing or of another shape, {first} first): use weights of {name} in "
                "timm's naming, or --start random.",
                start=start,
                name=name,
                wrong=len(wrong),
                own=len(own),
                first=wrong[0],
            )
        )
    encoder.load_state_dict({long: tensors[key] for key, long in own.items()})
    head = {
        key.replace("conv_head", "0").replace("bn2", "1"): value
        for key, value in tensors.items()
        if key.startswith(("conv_head.", "bn2."))
    }
    shapes = {key: value.shape for key, value in neck.state_dict().items()}
    if shapes and shapes == {key: value.shape for key, value in head.items()}:
        neck.load_state_dict(head)


def _from_file(path: Path) -> dict[str, Tensor]:
    try:
        open_ordinary(path).close()  # for a pipe would be waited for
        tensors: dict[str, Tensor] = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsFault(
            say(
                "The starting weights {path} cannot be read ({error}): give the path of a safetensors "
                "file, or --start random.",
                path=path,
                error=error,
            )
        ) from error
    return tensors


def _from_timm(name: str) -> dict[str, Tensor]:
    import timm

    return _fetched(name, lambda: timm.create_model(name, pretrained=True, num_classes=0))


def _by_name(name: str) -> dict[str, Tensor]:
    """ImageNet's weights of an encoder under the names that segmentation-models-pytorch gives its tensors."""
    from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder

    return _fetched(name, lambda: TimmUniversalEncoder(name=name, pretrained=True))


def _fetched(name: str, make: Callable[[], Module]) -> dict[str, Tensor]:
    try:
        tensors: dict[str, Tensor] = make().state_dict()
    # The hub's client raises its own tree of errors, rooted in OSError and RuntimeError, when it is out of reach.
    except (OSError, RuntimeError) as error:
        raise WeightsFault(
            say(
                "timm's weights of {name} could not be fetched: check the network and that timm has "
                "weights of that name, or name a file with --start.",
                name=name,
            )
        ) from error
    return tensors
