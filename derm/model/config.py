"""What a network is made of, as one frozen value that travels with its weights.

Gives `ModelConfig`. Needs nothing. Knows nothing of training.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

from derm.errors import ConfigFault
from derm.image.resize import Fit
from derm.language.speech import mark, say

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Design = Literal["shared", "dual"]
Pooling = Literal["whole", "whole+lesion"]
ColourConstancy = Literal["none", "shades-of-grey"]
Head = Literal["pooled", "pixel"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Mean of ImageNet's red, green and blue, 0 … 1: the normalisation of timm's EfficientNet-B0 weights."""

IMAGENET_DEVIATION = (0.229, 0.224, 0.225)
"""Standard deviation of ImageNet's red, green and blue, 0 … 1."""


LATER: dict[str, Any] = {
    "drop_path": 0.0,
    "pooling": "whole",
    "fit": "squeeze",
    "colour_constancy": "none",
    "head": "pooled",
    "whole_share": 0.25,
    "system": "",
}
"""Fields that were added when weights had been described without them, with what those models are."""


IN_NO_TENSOR = ("input_size", "dropout", "drop_path", "fit", "colour_constancy")
"""Fields that belong to training or scale alone: weights fit whatever they are."""


OF_EVERY_SYSTEM = ("system", "input_size", "dropout", "fit", "colour_constancy", "mean", "deviation")
"""Fields that mean something where `system` names another system; all others are of our designs alone."""

WIDEST = 8192
"""Channels of a layer, at most: a description of thousands of millions would take the machine's memory."""

NARROWEST = 1e-3
"""Least deviation: below it the least difference of colour would be more than four deviations."""

KINDS: dict[type, tuple[type, ...]] = {
    str: (str,),
    bool: (bool,),
    int: (int,),
    float: (float, int),
    tuple: (tuple,),
}
"""What a field may hold, by the type of its default."""

KIND_NAMES = {
    (str,): mark("a word"),
    (bool,): mark("true or false"),
    (int,): mark("a whole number"),
    (float, int): mark("a number"),
    (tuple,): mark("a list of numbers"),
}


def check_kinds(config: "DataclassInstance", called: Callable[[str], str]) -> None:
    """Refuse a field of another kind than its default, as JSON may hold it: ConfigFault. called: its name as said."""
    for field in fields(config):
        value, kinds = getattr(config, field.name), KINDS.get(type(field.default), ())
        if kinds and type(value) not in kinds:
            raise ConfigFault(
                say(
                    "The {name} {value!r} does not fit: use {kind}.",
                    name=called(field.name),
                    value=str(value)[:80],
                    kind=say(KIND_NAMES[kinds]),
                )
            )


@dataclass(frozen=True)
class ModelConfig:
    """One of the configurations that the paper leaves open; see docs/architecture.md.

    Raises ConfigFault for a value outside its range.
    """

    design: Design = "shared"
    """`shared`: one encoder for outline and diagnosis. `dual`: a U-Net with an encoder of its own, into whose features
    those of the class encoder are fused at each scale."""

    encoder: str = "efficientnet_b0"
    """timm name of the encoder that the diagnosis is read from (and, when shared, the outline)."""

    mask_encoder: str = "resnet34"
    """timm name of the U-Net's own encoder; used by `dual` only."""

    dilated_bottleneck: bool = False
    """Parallel dilated convolutions at the bottom of the U-Net."""

    decoder_channels: tuple[int, ...] = (128, 64, 32, 16)
    """Channels of the decoder's blocks, deepest first. Five blocks end at the input's resolution; four end at half of
    it, and the mask is then doubled bilinearly, which takes less time."""

    feature_channels: int = 1280
    """Channels of the 1 × 1 head convolution before pooling, as in EfficientNet-B0; 0: pool the encoder's own."""

    pooling: Pooling = "whole"
    """What the diagnosis is read from: `whole`, the features' mean over the picture; `whole+lesion`, that beside their
    mean inside the predicted outline. `whole` with the head `pixel`, which has a share of its own."""

    head: Head = "pooled"
    """Where the scores arise: `pooled`, from the mean of the deepest features; `pixel`, at each cell of S / 8 × S / 8,
    added up with the predicted outline's probability as weights, so that evidence maps are exact parts of a score."""

    whole_share: float = 0.25
    """Share of the cells' weights that is spread evenly over the picture, 0 … 1; the rest follows the outline. At 1 no
    outline is needed. Used by the head `pixel` only."""

    hidden: int = 0
    """Width of a dense layer between pooling and the seven scores; 0: none, so that Grad-CAM has a closed form."""

    dropout: float = 0.2
    """Share of what the seven scores are made of, pooled features or the dense layer's, that is dropped in training,
    0 … 1."""

    drop_path: float = 0.0
    """Share of an image's passes through the deepest block of each encoder that are skipped in training, falling to 0
    towards the first block, 0 … 0.5: stochastic depth, Huang et al. 2016; 0: none."""

    input_size: int = 224
    """Side of the square that images are scaled to, pixels, a multiple of 32."""

    fit: Fit = "squeeze"
    """How a picture fills that square: `squeeze`, both sides scaled to it; `pad`, proportions kept, the short side
    filled up evenly with ImageNet's mean colour."""

    colour_constancy: ColourConstancy = "none"
    """What is done to a picture's colours first: `none`, or `shades-of-grey`, which takes the colour of its light away
    (Finlayson and Trezzi 2004)."""

    mean: tuple[float, float, float] = IMAGENET_MEAN
    """Mean that is taken from red, green and blue, 0 … 1."""

    deviation: tuple[float, float, float] = IMAGENET_DEVIATION
    """Deviation that red, green and blue are divided by, 0 … 1."""

    system: str = ""
    """Another system than ours in place of the design, by its name in `derm.model.systems.builders`; '' for ours."""

    def __post_init__(self) -> None:
        """Check every field's type and range."""
        check_kinds(self, lambda name: name.replace("_", " "))
        if self.design not in get_args(Design):
            raise ConfigFault(
                say(
                    "The design '{design}' is unknown: use one of {known}.",
                    design=self.design,
                    known=", ".join(get_args(Design)),
                )
            )
        if self.pooling not in get_args(Pooling):
            raise ConfigFault(
                say(
                    "The pooling '{pooling}' is unknown: use one of {known}.",
                    pooling=self.pooling,
                    known=", ".join(get_args(Pooling)),
                )
            )
        if self.fit not in get_args(Fit):
            raise ConfigFault(
                say(
                    "The fit '{fit}' is unknown: use one of {known}.",
                    fit=self.fit,
                    known=", ".join(get_args(Fit)),
                )
            )
        if self.colour_constancy not in get_args(ColourConstancy):
            raise ConfigFault(
                say(
                    "The colour constancy '{colour_constancy}' is unknown: use one of {known}.",
                    colour_constancy=self.colour_constancy,
                    known=", ".join(get_args(ColourConstancy)),
                )
            )
        self._check_head()
        if type(self.input_size) is not int or not 32 <= self.input_size <= 1024 or self.input_size % 32:
            raise ConfigFault(
                say(
                    "The input size {input_size} does not fit: use a multiple of 32 from 32 to 1024 pixels.",
                    input_size=self.input_size,
                )
            )
        if not 0 <= self.dropout < 1:
            raise ConfigFault(
                say(
                    "The dropout {dropout} does not fit: use a share from 0 up to, not including, 1.",
                    dropout=self.dropout,
                )
            )
        if not 0 <= self.drop_path <= 0.5:
            raise ConfigFault(
                say(
                    "The drop path {drop_path} does not fit: use a share from 0 to 0.5.",
                    drop_path=self.drop_path,
                )
            )
        whole = all(type(width) is int for width in self.decoder_channels)
        if len(self.decoder_channels) not in (3, 4, 5) or not whole or min(self.decoder_channels) < 1:
            raise ConfigFault(
                say(
                    "The decoder channels {channels} do not fit: use three to five whole numbers above 0.",
                    channels=list(self.decoder_channels),
                )
            )
        if self.hidden < 0 or self.feature_channels < 0:
            raise ConfigFault(
                say(
                    "Widths cannot be negative, and hidden is {hidden}, feature_channels {feature_channels}: "
                    "use 0 to leave the layer out.",
                    hidden=self.hidden,
                    feature_channels=self.feature_channels,
                )
            )
        if (widest := max(self.hidden, self.feature_channels, *self.decoder_channels)) > WIDEST:
            raise ConfigFault(
                say(
                    "A layer of {widest} channels does not fit: use {most} at most.",
                    widest=widest,
                    most=WIDEST,
                )
            )
        self._check_colours()
        self._check_system()

    def _check_system(self) -> None:
        """Refuse a setting of our designs beside another system, which would be passed over: ConfigFault."""
        if not self.system:
            return
        for field in fields(self):
            if field.name not in OF_EVERY_SYSTEM and getattr(self, field.name) != field.default:
                raise ConfigFault(
                    say(
                        "The system {system} is built as its paper has it: leave out model.{name}, which belongs "
                        "to Derm's own designs.",
                        system=self.system,
                        name=field.name,
                    )
                )

    def _check_colours(self) -> None:
        """Check what colours are normalised by; ConfigFault for what does not fit."""
        finite = all(
            type(value) in (int, float) and -math.inf < value < math.inf for value in (*self.mean, *self.deviation)
        )
        if len(self.mean) != 3 or len(self.deviation) != 3 or not finite:
            raise ConfigFault(
                say(
                    "Mean {mean} and deviation {deviation} do not fit: give three numbers each, for red, "
                    "green and blue.",
                    mean=list(self.mean),
                    deviation=list(self.deviation),
                )
            )
        if min(self.deviation) <= 0:
            raise ConfigFault(
                say(
                    "The deviation {deviation} does not fit: each number must be above 0.",
                    deviation=list(self.deviation),
                )
            )
        if not all(0 <= mean <= 1 for mean in self.mean) or not all(NARROWEST <= d <= 1 for d in self.deviation):
            raise ConfigFault(
                say(
                    "Mean {mean} and deviation {deviation} do not fit: they are of colours from 0 to 1, not to 255.",
                    mean=list(self.mean),
                    deviation=list(self.deviation),
                )
            )

    def _check_head(self) -> None:
        """Check what belongs to the class head; ConfigFault for what does not fit."""
        if self.head not in get_args(Head):
            raise ConfigFault(
                say(
                    "The head '{head}' is unknown: use one of {known}.",
                    head=self.head,
                    known=", ".join(get_args(Head)),
                )
            )
        if not 0 <= self.whole_share <= 1:
            raise ConfigFault(
                say(
                    "The whole share {whole_share} does not fit: use a share from 0 to 1.",
                    whole_share=self.whole_share,
                )
            )
        if self.head == "pixel" and self.pooling != "whole":
            raise ConfigFault(
                say(
                    "The head 'pixel' weighs its cells by model.whole_share, not by the pooling '{pooling}': "
                    "leave model.pooling at whole, or use the head pooled.",
                    pooling=self.pooling,
                )
            )
        if self.head == "pixel" and self.hidden:
            raise ConfigFault(
                say(
                    "A dense layer of {hidden} would keep the cells of the head 'pixel' from adding up to "
                    "the score: use model.hidden=0, or the head pooled.",
                    hidden=self.hidden,
                )
            )

    @property
    def looks_inside(self) -> bool:
        """Whether the diagnosis is read inside the predicted outline, too."""
        return self.pooling == "whole+lesion" or self.weighs_cells

    @property
    def weighs_cells(self) -> bool:
        """Whether evidence maps are weighted with the predicted outline, so that they are class masks by themselves."""
        return self.head == "pixel" and self.whole_share < 1

    def apart_from(self, other: "ModelConfig") -> str:
        """How `other` differs in what its weights are made of, such as "encoder resnet18, not resnet34"; '' if not."""
        own, theirs = self.as_dict(), other.as_dict()
        return "; ".join(
            say("{name} {theirs}, not {own}", name=name, theirs=str(theirs[name]), own=str(value))
            for name, value in own.items()
            if name not in IN_NO_TENSOR and theirs[name] != value
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name, ready for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "ModelConfig":
        """Rebuild from `as_dict`; raises ConfigFault for names that are unknown or missing.

        A name of `LATER` may be missing: descriptions from before there was one had its value.
        """
        content = {**LATER, **content}
        names = {field.name for field in fields(cls)}
        if content.keys() != names:
            odd = ", ".join(sorted(content.keys() ^ names))
            raise ConfigFault(
                say(
                    "The model description does not fit this version of Derm (see: {odd}): retrain or update.",
                    odd=odd,
                )
            )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in content.items()
        }
        return cls(**values)
