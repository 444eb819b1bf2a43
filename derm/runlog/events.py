"""The events of the run log, one JSON object a line: every kind and its fields, for whoever writes or reads one.

Needs nothing. A field that is not required came with a later version, or is there only where it says so: older logs,
which lack it, are read all the same. In the code an epoch is an index from 0. In the file epochs count from 1, as
people say it, and the first line says so, `EPOCHS_FROM`; older files, without it, count from 0. Writer and readers
translate.
"""

from typing import Any, Literal, NotRequired, TypedDict

EPOCHS_FROM = "epochs_from"
"""Field of a file's first line: the number of its first epoch, 1; 0 where it is missing."""

COUNTED = ("epoch", "best_epoch")
"""Fields of events that hold an epoch."""

Histogram = list[int]
"""Images in each of 20 bins of difficulty, 0 … 1."""


class StartEvent(TypedDict):
    """First line of a log: what is going to be done, as in run.json."""

    event: Literal["start"]
    steps: int
    steps_per_epoch: int
    begins_anew: NotRequired[str]
    """Which part of the weights could not be taken from the starting weights."""
    start_knows: NotRequired[str]
    """That these may know images that validation and test measure on, and how many."""
    derm: str
    commit: str | None
    threads: int
    processes: NotRequired[int]
    """That train together."""
    config: dict[str, Any]
    data: dict[str, Any]


class Means(TypedDict):
    """Means over the steps since the line before, or over an epoch. accuracy, dice: 0 … 1, of what was trained on."""

    loss: float
    mask_loss: float | None
    class_loss: float
    accuracy: float | None
    dice: float | None
    replayed_share: float


class StepEvent(Means):
    """After every `log_every` steps: means since the line before."""

    event: Literal["step"]
    step: int
    epoch: int
    learning_rate: float


class EpochEvent(TypedDict):
    """After each epoch. validation: the losses and everything that `derm.train.validate` measures."""

    event: Literal["epoch"]
    epoch: int
    step: int
    train: Means
    validation: dict[str, Any]


class BestEvent(TypedDict):
    """The epoch is the best so far by the validation measure `by`."""

    event: Literal["best"]
    epoch: int
    by: str
    value: float


class CurriculumEvent(TypedDict):
    """What the curriculum admits in an epoch. images, admitted_share: by diagnosis; None where there is no image."""

    event: Literal["curriculum"]
    epoch: int
    enabled: bool
    pace: float
    admitted: int
    images: dict[str, int]
    admitted_share: dict[str, float | None]
    difficulty_histogram: Histogram
    admitted_histogram: Histogram


class HardImage(TypedDict):
    """An image of the replay buffer. drawn_in_epoch, drawn: how often, in the epoch and ever; age: in steps."""

    image_id: str
    loss: float
    views: int
    drawn_in_epoch: int
    drawn: int
    age: int


class ReplayEvent(TypedDict):
    """What was replayed in an epoch, and what the buffer holds at its end, hardest first."""

    event: Literal["replay"]
    epoch: int
    enabled: bool
    size: int
    suspects: list[str]
    replayed_share: float
    hit_rate: NotRequired[float | None]
    """Share of the replayed images still harder than the median fresh one of their batch."""
    drawn: dict[str, int]
    hardest: list[HardImage]


class BegunEvent(TypedDict):
    """A process has begun, or gone on with, the run. time: seconds since 1970, by a clock that may be set back."""

    event: Literal["begun", "resumed"]
    step: int
    time: float
    claim: NotRequired[str]
    """What the run's lock tells this process by, see `derm.train.run_folder.claim`."""
    threads: int
    processes: NotRequired[int]
    """That train together; it may change when a run goes on."""
    device: str


class SpeedEvent(TypedDict):
    """After each epoch: how fast it went, seconds, and what memory the process has held."""

    event: Literal["speed"]
    epoch: int
    time: float
    images_per_second: float
    seconds: float
    seconds_left: float
    memory_mb: int


class StoppedEvent(TypedDict):
    """The run was asked to stop, and did after a checkpoint."""

    event: Literal["stopped"]
    step: int
    time: float


class EndEvent(TypedDict):
    """The run is finished. early: because no epoch was better for as long as `patience` says."""

    event: Literal["end"]
    step: int
    best_epoch: int
    best: float | None
    early: bool


class TickEvent(TypedDict):
    """After every step, for progress bars alone: it is never written."""

    event: Literal["tick"]
    step: int
    steps: int


Logged = (
    StartEvent
    | StepEvent
    | EpochEvent
    | BestEvent
    | CurriculumEvent
    | ReplayEvent
    | BegunEvent
    | SpeedEvent
    | StoppedEvent
    | EndEvent
)
"""What a log holds."""


def shifted(event: dict[str, Any], by: int) -> dict[str, Any]:
    """The event with its epochs moved by so many."""
    moved = {name: event[name] + by for name in COUNTED if isinstance(event.get(name), int)} if by else {}
    return {**event, **moved}


CLOCK_EVENTS = frozenset({"begun", "speed", "resumed", "stopped"})
"""Events that depend on when and where a run ran, and on how often it was stopped; all others are equal, bit for bit,
in a run that was killed and resumed."""
