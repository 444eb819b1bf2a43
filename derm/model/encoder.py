"""Encoders of five scales, by timm's name, with random weights.

Needs timm and segmentation-models-pytorch. Knows nothing of what is made of their features.
"""

from difflib import get_close_matches

import timm
from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder
from timm.layers.drop import DropPath

from derm.errors import ConfigFault
from derm.language.speech import mark, say
from derm.model.depthwise import quicken

NO_BLOCKS = mark("The encoder '{name}' has no blocks to skip: use --set model.drop_path=0, or another encoder.")


def make_encoder(name: str, drop_path: float) -> TimmUniversalEncoder:
    """Build an encoder of five scales by its timm name, with random weights; ConfigFault when it does not fit.

    drop_path: highest rate of stochastic depth, 0 … 0.5; ConfigFault for an encoder that has none, unless it is 0.
    """
    known = timm.list_models()
    if name not in known:
        close = ", ".join(get_close_matches(name, known, n=3)) or "efficientnet_b0, resnet34"
        raise ConfigFault(
            say(
                "timm knows no encoder named '{name}': use one of its names, such as {close}.",
                name=name,
                close=close,
            )
        )
    extra = {"drop_path_rate": drop_path} if drop_path else {}
    try:
        encoder = TimmUniversalEncoder(name=name, pretrained=False, **extra)
    except (ValueError, RuntimeError, TypeError, AttributeError, KeyError, AssertionError) as error:
        if drop_path:
            make_encoder(name, 0.0)  # the encoder itself may be at fault, and then that is said
            raise ConfigFault(say(NO_BLOCKS, name=name)) from error
        raise ConfigFault(
            say(
                "The encoder '{name}' does not offer the five scales that a U-Net needs: use another, "
                "such as efficientnet_b0 or resnet34.",
                name=name,
            )
        ) from error
    # Some families take the rate and do nothing with it.
    if drop_path and not any(isinstance(part, DropPath) for part in encoder.modules()):
        raise ConfigFault(say(NO_BLOCKS, name=name))
    quicken(encoder)
    return encoder
