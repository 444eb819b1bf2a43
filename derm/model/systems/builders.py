"""Every other system by its name, and how it is built.

Gives `BUILDERS` and `build_system`. Sources, claims and decisions stand in `derm.zoo.systems`.
"""

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.model.config import ModelConfig
from derm.model.systems import classifiers, teaching, unets
from derm.model.systems.parts import SystemParts

BUILDERS: dict[str, Callable[[ModelConfig], SystemParts]] = {
    "alexnet": classifiers.alex_net,
    "resnet-18": partial(classifiers.timm_classifier, name="resnet18"),
    "resnet-50": partial(classifiers.timm_classifier, name="resnet50"),
    "vgg19": partial(classifiers.vgg, name="vgg19"),
    "densenet-201": partial(classifiers.timm_classifier, name="densenet201"),
    "inception-v3": partial(classifiers.timm_classifier, name="inception_v3"),
    "inception-v4": partial(classifiers.timm_classifier, name="inception_v4"),
    "efficientnet-b3": partial(classifiers.efficientnet, name="efficientnet_b3", channels=1536),
    "aa-cnn": partial(classifiers.timm_classifier, name="resnetblur50"),
    "multiscale-inception-v3": partial(classifiers.fused, names=("inception_v3", "inception_v3"), crops=(1.0, 0.5)),
    "inception-densenet": partial(classifiers.fused, names=("inception_v3", "densenet121"), crops=(1.0, 1.0)),
    "deep-features-kelm": partial(classifiers.kernel_machine, names=("resnet101", "densenet201")),
    "residual-skin-net": partial(classifiers.residual_levels, widths=(32, 64, 128, 256, 512)),
    "unet": unets.unet,
    "segnet-vgg16": unets.segnet,
    "deeplabv3": partial(unets.deeplab, encoder="resnet50"),
    "mrp-unet": unets.mrp_unet,
    "attention-unet": unets.attention_unet,
    "skinnet": unets.skin_net,
    "cl-dcnn": partial(teaching.cl_dcnn, encoder="resnet34"),
}
"""From a configuration to the parts of each system."""

SMALLEST = dict.fromkeys(("inception-v3", "inception-v4", "multiscale-inception-v3", "inception-densenet"), 96) | {
    "alexnet": 64
}
"""Side of the least input, pixels, of those whose layers have no padding."""


def build_system(config: ModelConfig) -> SystemParts:
    """The parts of the system that `config` names, with random weights; ConfigFault where there is none."""
    if config.system not in BUILDERS:
        close = ", ".join(get_close_matches(config.system, BUILDERS, n=3)) or ", ".join(BUILDERS)
        raise ConfigFault(
            say(
                "There is no system '{system}': use one of `derm zoo list`, such as {close}.",
                system=config.system,
                close=close,
            )
        )
    if config.input_size < (least := SMALLEST.get(config.system, 0)):
        raise ConfigFault(
            say(
                "The system {system} needs an input of {least} pixels at least.",
                system=config.system,
                least=least,
            )
        )
    return BUILDERS[config.system](config)
