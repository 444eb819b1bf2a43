"""The settings of a run that matter most, each with what it costs in words, for whoever starts a run from a page.

Needs `derm.train.config`. All other settings are in docs/training.md. Knows nothing of pages.
"""

from dataclasses import dataclass
from typing import Any, Literal

from derm.language.speech import mark
from derm.train.config import RANGES, preset

Kind = Literal["choice", "whole", "number", "switch", "weights"]


@dataclass(frozen=True)
class Setting:
    """One setting.

    name: dotted, as in docs/training.md. label: for people. cost: what it costs or brings, one sentence or two.
    options: of a choice; those of weights are found in the folder for runs. step: of a number; form: how it is written.
    """

    name: str
    label: str
    kind: Kind
    cost: str
    options: tuple[Any, ...] = ()
    step: float | None = None
    form: str | None = None

    @property
    def low(self) -> float | None:
        """The smallest value of a number, as training checks it."""
        return self._bound(0)

    @property
    def high(self) -> float | None:
        """The largest value of a number, as training checks it."""
        return self._bound(1)

    def _bound(self, end: int) -> float | None:
        if self.name not in RANGES:
            return None
        bound = RANGES[self.name][end]
        return float(bound) if self.kind == "number" else bound


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "model.input_size", mark("Side of the picture, pixels"), "choice",
        mark("Time grows with the square: 224 takes twice as long as 160. Below 128, fine structures are lost."),
        options=(32, 64, 96, 128, 160, 192, 224, 256),
    ),
    Setting(
        "epochs", mark("Epochs"), "whole",
        mark(
            "Time grows with them. On HAM10000, outlines are as good as finished after four; rare diagnoses gain until "
            "the end."
        ),
        step=1,
    ),
    Setting(
        "batch", mark("Images a step"), "whole",
        mark("Memory grows with it, time hardly changes. With half as many, take half the learning rate."),
        step=1,
    ),
    Setting(
        "learning_rate", mark("Learning rate"), "number",
        mark(
            "Costs nothing. Too high, and the loss leaps or the run ends with a loss that is no number; too low, and "
            "epochs are wasted."
        ),
        step=1e-4, form="%.6f",
    ),
    Setting(
        "train_share", mark("Share of the training images"), "number",
        mark("Time shrinks with it, and so does what is learned: for trying things out."),
        step=0.05, form="%.2f",
    ),
    Setting(
        "start", mark("Starting weights"), "weights",
        mark(
            "“timm” fetches ImageNet weights over the network once. “random” needs no network and knows nothing of "
            "photographs yet. The others go on from weights that are here, and need the same design and encoder."
        ),
    ),
    Setting(
        "model.design", mark("Design"), "choice",
        mark("“dual” has an encoder of its own for the outline: at 96 pixels it takes as long as “shared” at 160."),
        options=("shared", "dual"),
    ),
    Setting(
        "model.encoder", mark("Encoder"), "choice",
        mark(
            "A step with ResNet34 takes two thirds as long as with EfficientNet-B0, with B3 twice as long (128 pixels, "
            "one core). test_efficientnet is tiny: it trains in seconds and shows how things work."
        ),
        options=("efficientnet_b0", "resnet34", "efficientnet_b3", "test_efficientnet"),
    ),
    Setting(
        "curriculum.enabled", mark("Curriculum: easy and common images first"), "switch",
        mark("No time: an epoch draws as many images either way. Rare diagnoses come later."),
    ),
    Setting(
        "replay.enabled", mark("Replay: hard images come back"), "switch",
        mark(
            "No time: a quarter of each batch is drawn from the hardest. Wrong labels are hard, too, and come back as "
            "well until they are suspected."
        ),
    ),
    Setting(
        "split_by", mark("Split"), "choice",
        mark(
            "“lesion” is honest. “image” repeats the paper's split, where pictures of one lesion lie on both sides: "
            "its figures are too good."
        ),
        options=("lesion", "image"),
    ),
    Setting(
        "workers", mark("Processes that vary the pictures"), "whole",
        mark(
            "Each needs seconds to start, a core and memory. With none the network waits for its pictures. The result "
            "is the same."
        ),
        step=1,
    ),
)  # fmt: skip
"""In the order in which a page shows them."""

THREADS_COST = mark("0 takes all cores. One leaves the machine to others, and takes up to twice as long on two cores.")


def value_in(config: dict[str, Any], name: str) -> Any:  # noqa: ANN401 (whatever a setting can be)
    """The value of a dotted name in a nested configuration; None where it has no such field."""
    for part in name.split("."):
        config = config.get(part, {}) if isinstance(config, dict) else {}
    return None if config == {} else config


def defaults(preset_name: str, *, drawn: bool) -> dict[str, Any]:
    """What each of `SETTINGS` is before anybody changes it: the preset's value, or what suits drawn pictures.

    drawn: for the small data set of drawings, which need neither size nor weights that know photographs.
    """
    config = preset(preset_name).as_dict()
    values = {setting.name: value_in(config, setting.name) for setting in SETTINGS}
    if drawn:
        values |= {"model.input_size": 64, "start": "random", "batch": 16, "learning_rate": 3e-3, "workers": 0}
    return values


def changed(preset_name: str, chosen: dict[str, Any]) -> dict[str, object]:
    """Those of `chosen`, by dotted name, that differ from the preset."""
    config = preset(preset_name).as_dict()
    return {name: value for name, value in chosen.items() if value != value_in(config, name)}
