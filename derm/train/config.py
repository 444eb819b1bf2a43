"""Everything a training run is made of, as frozen values that are saved with it, and the presets to start from.

Gives `TrainConfig` and `preset`. Needs nothing. Knows nothing of files.
"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from derm.data.augment import AugmentConfig
from derm.data.split import By
from derm.errors import ConfigFault
from derm.json_checks import is_count
from derm.language.speech import say
from derm.metrics.registry import HEADLINE
from derm.model.config import ModelConfig, check_kinds
from derm.model.pretrained import RANDOM, TIMM
from derm.train.curriculum import CurriculumConfig
from derm.train.replay import ReplayConfig

Optimiser = Literal["adam", "adamw"]
Schedule = Literal["constant", "cosine"]
MaskLoss = Literal["dice", "dice+bce"]
Precision = Literal["auto", "float32", "bfloat16"]
Compile = Literal["auto", "on", "off"]
CHOOSING = (*HEADLINE, "dice", "source_auc")
"""Validation measures that may choose the best epoch."""


RANGES: dict[str, tuple[float, float]] = {
    "epochs": (1, 10_000),
    "batch": (2, 4096),
    "learning_rate": (1e-8, 10),
    "weight_decay": (0, 1),
    "warm_up": (0, 1),
    "mask_weight": (0, 100),
    "class_weight": (0, 100),
    "balance": (0, 1),
    "source_balance": (0, 1),
    "logit_adjustment": (0, 3),
    "sampling": (0, 1),
    "focal": (0, 5),
    "label_smoothing": (0, 0.9),
    "average": (0, 0.99999),
    "train_share": (0.001, 1),
    "patience": (0, 10_000),
    "workers": (0, 64),
    "log_every": (1, 10_000),
    "checkpoint_every": (1, 1_000_000),
    "seed": (0, 2**31),
}
"""Smallest and largest value of each numeric setting of `TrainConfig`: checked there, and offered by the app's form."""

MOST_THREADS = 256
"""Of a network; no machine that it trains on has more cores, and many thousands end the process."""


def check_threads(count: int) -> int:
    """`count`; ConfigFault where it is no number of threads from 0, for as many as there are cores, to the most."""
    if not is_count(count) or count > MOST_THREADS:
        raise ConfigFault(
            say(
                "{threads} threads do not fit: use a number from 0 to {most}.",
                threads=count,
                most=MOST_THREADS,
            )
        )
    return count


@dataclass(frozen=True)
class MixConfig:
    """How images of a batch are mixed with each other. Raises ConfigFault for a value outside its range."""

    probability: float = 0.0
    """Share of the batches that are mixed, 0 … 1. Curriculum and replay learn from the other batches alone."""
    mixup_alpha: float = 0.2
    """Both parameters of the beta distribution of an image's share in mixup (Zhang et al. 2018), 0.01 … 10: below 1,
    one of the two images shows little."""
    cutmix_alpha: float = 1.0
    """The same of the area's share in CutMix (Yun et al. 2019); 1: all shares alike."""
    cutmix_share: float = 0.5
    """Share of the mixed batches in which a rectangle is cut from another image, 0 … 1; the others are blended,
    mixup."""

    def __post_init__(self) -> None:
        """Check every field's range."""
        for name, low, high in (
            ("probability", 0, 1), ("mixup_alpha", 0.01, 10), ("cutmix_alpha", 0.01, 10), ("cutmix_share", 0, 1),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ConfigFault(
                    say(
                        "The mix's {name} {value} does not fit: use {low} to {high}.",
                        name=name,
                        value=getattr(self, name),
                        low=low,
                        high=high,
                    )
                )


@dataclass(frozen=True)
class TrainConfig:
    """One training run. Raises ConfigFault for a value outside its range."""

    model: ModelConfig = field(default_factory=ModelConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    curriculum: CurriculumConfig = field(default_factory=CurriculumConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    split_by: By = "lesion"
    """`lesion`, or `image` to reproduce the paper's table, which leaks."""
    leave_out: tuple[str, ...] = ()
    """Sources, or parts of one such as `rosendahl`, of which nothing is trained on: to measure on them afterwards."""
    source_balance: float = 0.0
    """Share of each source among the fresh images is its size to the power of 1 minus this, 0 … 1. 0: each image once
    an epoch; 1: as many of each source, those of a small one again once all were shown."""
    start: str = TIMM
    """Starting weights of the encoder: "timm", "random" or a path; see `derm.model.pretrained`."""
    mask_start: str = RANDOM
    """Starting weights of the U-Net's own encoder in the dual design."""
    epochs: int = 20
    """One epoch draws as many images as the training part holds."""
    batch: int = 16
    """Images a step."""
    optimiser: Optimiser = "adam"
    learning_rate: float = 1e-4
    """Of the whole run, or at the peak of the cosine."""
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    """`cosine`: warm-up, then half a cosine down to a hundredth of the peak."""
    warm_up: float = 0.1
    """Share of the steps in which a cosine's rate rises from 0, 0 … 1."""
    mask_loss: MaskLoss = "dice"
    mask_weight: float = 1.0
    """Weight of the outline's loss in the joint loss."""
    class_weight: float = 1.0
    """Weight of the diagnosis' loss in the joint loss."""
    balance: float = 0.0
    """Classes are weighted by their frequency to the power of minus this in the cross-entropy; 0: not at all."""
    logit_adjustment: float = 0.0
    """Times the logarithm of each class's share of the drawn images that is added to its score in the cross-entropy,
    0 … 3; at 1, Menon et al. 2021, eq. 10: the network's own scores are then those of classes alike frequent."""
    sampling: float = 0.0
    """Share of each class among the fresh images is its frequency to the power of 1 minus this, 0 … 1. 0: each image
    once an epoch; 1: as many of each class, rare images again once all others of their class were shown."""
    focal: float = 0.0
    """Power γ of the focal loss, 0 … 5: each part of the cross-entropy times (1 − its class's probability)^γ, Lin et
    al. 2017; 0: the cross-entropy as it is."""
    label_smoothing: float = 0.0
    """Share of the label that is spread over all classes, 0 … 0.9."""
    average: float = 0.0
    """Decay a step of the running average of the weights, which is then what is measured and saved; 0: none."""
    train_share: float = 1.0
    """Share of the training part that is used, the same images every time, for short experiments."""
    precision: Precision = "float32"
    """`bfloat16`: mixed precision by autocast, losses and weights in float32. `auto`: bfloat16, but float32 on a device
    that is much slower with it, see `derm.train.precision`; the run's folder tells which it was."""
    compile: Compile = "auto"
    """Whether the network is compiled for training (`torch.compile`): `on`, `off`, or `auto`, in long runs on an
    accelerator."""
    best_by: str = "macro_auc"
    """Validation measure that chooses the best epoch; `source_auc` is the mean of macro AUC over the sources."""
    patience: int = 0
    """Epochs without a better one after which the run ends; 0: runs to its end."""
    seed: int = 0
    workers: int = 2
    """Processes that augment images; 0: the training process itself. The result does not depend on it."""
    lookahead: int = 17
    """Steps by which a batch is planned before it is trained on; workers need the time, replay hears later."""
    log_every: int = 10
    """Steps between two lines of the log."""
    checkpoint_every: int = 100
    """Steps between two checkpoints; there is one after each epoch, too."""

    def __post_init__(self) -> None:
        """Check every field's kind and range."""
        sources = self.leave_out
        if not isinstance(sources, tuple) or not all(isinstance(one, str) for one in sources):
            raise ConfigFault(
                say("leave_out {value} does not fit: give a list of sources, or of parts of one.", value=str(sources))
            )
        for part in ("", "augment.", "curriculum.", "replay.", "mix."):
            check_kinds(getattr(self, part[:-1]) if part else self, part.__add__)
        for name, kind in (
            ("optimiser", Optimiser), ("schedule", Schedule), ("mask_loss", MaskLoss), ("precision", Precision),
            ("compile", Compile), ("split_by", By),
        ):  # fmt: skip
            if getattr(self, name) not in get_args(kind):
                raise ConfigFault(
                    say(
                        "{name} '{value}' is unknown: use one of {known}.",
                        name=name,
                        value=getattr(self, name),
                        known=", ".join(get_args(kind)),
                    )
                )
        if self.best_by not in CHOOSING:
            raise ConfigFault(
                say(
                    "best_by '{best_by}' is unknown: use one of {known}.",
                    best_by=self.best_by,
                    known=", ".join(CHOOSING),
                )
            )
        for name, (low, high) in RANGES.items():
            if not low <= getattr(self, name) <= high:
                raise ConfigFault(
                    say(
                        "{name} {value} does not fit: use a number from {low} to {high}.",
                        name=name,
                        value=getattr(self, name),
                        low=low,
                        high=high,
                    )
                )
        if self.mask_weight == self.class_weight == 0:
            raise ConfigFault(
                say("mask_weight and class_weight are both 0, so nothing would be learned: raise one of them.")
            )
        if self.lookahead < 2 * self.workers + 1:
            raise ConfigFault(
                say(
                    "lookahead {lookahead} is too short for {workers} workers: use at least {least}.",
                    lookahead=self.lookahead,
                    workers=self.workers,
                    least=2 * self.workers + 1,
                )
            )

    def as_dict(self) -> dict[str, Any]:
        """Return all fields by name, nested, ready for JSON."""
        return {**asdict(self), "leave_out": list(self.leave_out), "model": self.model.as_dict()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> "TrainConfig":
        """Rebuild from `as_dict`; raises ConfigFault for a field that this version does not know."""
        parts: dict[str, Any] = {
            "augment": AugmentConfig, "curriculum": CurriculumConfig, "replay": ReplayConfig,
            "mix": MixConfig,
        }  # fmt: skip
        try:
            values = {name: parts[name](**value) if name in parts else value for name, value in content.items()}
            sources = values.get("leave_out", ())
            values["leave_out"] = tuple(sources) if isinstance(sources, list) else sources
            return cls(**{**values, "model": ModelConfig.from_dict(content["model"])})
        except (TypeError, KeyError) as error:
            raise ConfigFault(
                say(
                    "The run's configuration does not fit this version of Derm ({error}): start a new run.",
                    error=error,
                )
            ) from error


PAPER = TrainConfig(
    model=ModelConfig(decoder_channels=(256, 128, 64, 32, 16)),
    curriculum=CurriculumConfig(enabled=True),
    replay=ReplayConfig(enabled=True),
)
"""Fiaz et al. 2025: Adam, batch 16, 20 epochs, constant 1e-4, no weight decay, Dice and cross-entropy, curriculum and
replay."""

DERM = replace(
    PAPER,
    model=ModelConfig(),
    curriculum=CurriculumConfig(enabled=False),
    replay=ReplayConfig(enabled=False),
    optimiser="adamw",
    batch=32,
    learning_rate=1e-3,
    weight_decay=0.02,
    schedule="cosine",
    mask_loss="dice+bce",
    label_smoothing=0.05,
    average=0.998,
    precision="auto",
)
"""Ours: AdamW with warm-up and cosine, averaged weights, Dice and binary cross-entropy, a slim decoder, mixed
precision where that is quick."""

PRESETS: dict[str, TrainConfig] = {"derm": DERM, "paper": PAPER}


def preset(name: str) -> TrainConfig:
    """Return the preset called `name`; ConfigFault where there is none."""
    if name not in PRESETS:
        raise ConfigFault(
            say(
                "The preset '{name}' is unknown: use one of {presets}.",
                name=name,
                presets=", ".join(PRESETS),
            )
        )
    return PRESETS[name]


def change(config: TrainConfig, settings: dict[str, object]) -> TrainConfig:
    """Return `config` with all `settings`, by dotted name, changed at once; ConfigFault for one that does not fit."""
    content = config.as_dict()
    for name, value in settings.items():
        place: Any = content
        *path, last = name.split(".")
        for step in path:
            place = place.get(step) if isinstance(place, dict) else None
        if not isinstance(place, dict) or isinstance(place.get(last, {}), dict):
            raise ConfigFault(
                say(
                    "There is no setting '{name}': docs/training.md lists them.",
                    name=name,
                )
            )
        kind = type(place[last])
        # A bool is an int to Python, and no number to anybody else.
        number = kind is float and isinstance(value, int) and not isinstance(value, bool)
        if not (type(value) is kind or number):
            raise ConfigFault(
                say(
                    "{name}={value} does not fit: give a value like {like}.",
                    name=name,
                    value=str(value),
                    like=str(place[last]),
                )
            )
        place[last] = value
    return type(config).from_dict(content)
