"""A training run, opened: settings, data, network, optimiser and plan, as the loop needs them.

Needs a configuration, a data set and a run folder. Trains nothing; `derm.train.loop` does.
"""

import copy
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from derm import __version__
from derm.data.catalogue import Catalogue
from derm.data.diagnosis_words import allowed_codes
from derm.data.identity import stored_looks
from derm.data.learned import classes_learned, count_sources, join_learned, known_among, read_learned, record_learned
from derm.data.looks import SIDE, look_at
from derm.data.recognise import recognise
from derm.data.split import Part, Split, count_leak, split_catalogue
from derm.data.store import ImageStore, Progress, open_store
from derm.data.value_words import value_called
from derm.diagnoses import CODES, INDEX
from derm.errors import ConfigFault, DataFault
from derm.language.speech import say
from derm.model.network import LesionNet, ModelOutput, check_size
from derm.model.pretrained import description_of_start, start_from
from derm.model.weights import WeightsInfo, licence_of
from derm.spreadsheet import csv_table
from derm.train.commit import current_commit
from derm.train.config import TrainConfig
from derm.train.losses import shift_of, weigh_classes
from derm.train.precision import pays_to_compile, settle_precision, settle_workers
from derm.train.run_folder import LAST, Before, has_trained, make_run_folder, read_before, refuse_taken
from derm.train.sampler import OPEN_CLASS, Sampler
from derm.train.shared_norm import share_norms
from derm.train.state import HEADLINE
from derm.train.world import ALONE, World

_MEASURED: tuple[Part, ...] = ("validation", "test")

START_KNOWS = (
    "{alike:,} of {count:,} images of the validation and test parts look like ones that the starting weights learned "
    "from: by chance, or figures on them will be too good."
)

Forward = Callable[[torch.Tensor], ModelOutput]
"""The network, or what was compiled of it: normalised images, float32 (N, 3, S, S), to what it says of them."""


@dataclass(frozen=True)
class Parts:
    """The images of a run, as rows of the store. train, validation: int64 (n,) and (k,), rows. ids: image_id of each
    training image. labels: int64 (n,), and validation_labels: int64 (k,), classes, `OPEN_CLASS` where open. sources:
    int64 (n,), a number for each image's source, or None for one source. validation_sources: text (k,), or None.
    allowed: bool (n, 7), the classes that each image may have, or None where no label is open. has_mask: bool (n,).
    fingerprint, validation_fingerprint: of `fingerprint`, of the training and of the validation images.
    """

    store: ImageStore
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    ids: list[str]
    labels: NDArray[np.int64]
    validation_labels: NDArray[np.int64]
    sources: NDArray[np.int64] | None
    validation_sources: NDArray[np.str_] | None
    allowed: torch.Tensor | None
    has_mask: torch.Tensor
    fingerprint: str
    validation_fingerprint: str

    @cached_property
    def looks(self) -> NDArray[np.uint8]:
        """What `stored_looks` gives of the training images and then of the validation images; read when it is kept."""
        return stored_looks(self.store, np.concatenate([self.train, self.validation]))


@dataclass(frozen=True)
class OpenRun:
    """A run about to be trained.

    config: settled for `device`. world: the processes that train it. about: what run.json tells. fresh: nothing is to
    be taken up. anew: what begins anew beside trained weights, a sentence or "". knows: that they may know images that
    are measured on, a sentence or "". average: the running average of the weights, `net` itself where there is none.
    forward: `net`, or what was compiled of it. class_weights, shift: float (7,) or None, see `derm.train.losses`.
    """

    config: TrainConfig
    run: Path
    device: str
    world: World
    about: dict[str, Any]
    parts: Parts
    fresh: bool
    anew: str
    knows: str
    net: LesionNet
    average: LesionNet
    forward: Forward
    optimiser: torch.optim.Optimizer
    planner: Sampler
    class_weights: torch.Tensor | None
    shift: torch.Tensor | None


def open_run(
    config: TrainConfig,
    catalogue: Catalogue,
    run: Path,
    *,
    cache: Path,
    resume: bool = False,
    device: str = "cpu",
    decoding: Progress | None = None,
    world: World = ALONE,
) -> OpenRun:
    """Make ready all that training needs, and the folder of a new run; arguments and errors as of `loop.train`.

    Here the processes of `world` do not wait for each other, so that they may come one after the other; the first one
    makes the folder.
    """
    config = settle(config, device, world)
    catalogue = recognise(catalogue, cache, decoding)
    split = split_catalogue(catalogue, config.split_by, config.leave_out)
    table, rows, validation = catalogue.table, training_rows(catalogue, split, config), split.rows("validation")
    if len(rows) < config.batch or not len(validation):
        raise DataFault(
            say(
                "{training} training and {validation} validation images are too few for batches of "
                "{batch}: bring more images or lower --batch.",
                training=len(rows),
                validation=len(validation),
                batch=config.batch,
            )
        )
    if not resume and world.leads:
        refuse_taken(run)
    store = open_store(catalogue, config.model.input_size, cache, decoding, config.model.fit)
    if config.best_by == "dice" and not store.has_mask[validation].any():
        raise DataFault(
            say(
                "{place} has no masks to choose by Dice: add them, or --set best_by=macro_auc.",
                place=catalogue.place,
            )
        )
    parts = divide(table, store, rows, validation)
    # A run that was killed before its first checkpoint begins again; `restore` refuses one whose is gone.
    fresh = not (resume and ((run / LAST).exists() or has_trained(run)))
    before = what_start_learned(config.start) if fresh else read_before(run)
    knows = check_start(before, config.start, table, split, store) if fresh else ""
    own = record_learned((store.images[row] for row in rows), table.iloc[rows], split.together.iloc[rows])
    learned = join_learned(before.learned, own)
    if before.sources and not before.learned:
        learned.pop("classes")  # from how many images of each diagnosis the start learned is not recorded
    about: dict[str, Any] = {
        "derm": __version__,
        "commit": current_commit(),
        "threads": torch.get_num_threads(),
        "processes": world.size,
        "config": config.as_dict(),
        "data": {
            "folder": str(catalogue.folder.resolve()),
            "folders": [str(folder.resolve()) for folder in catalogue.folders or (catalogue.folder,)],
            "layout": catalogue.layout,
            "images": len(table),
            "split": split.name,
            "train": len(rows),
            "validation": len(validation),
            "sources": count_sources(table.iloc[rows]),
            "sources_before": before.sources,
            "leaking_test_images": count_leak(split, table["dx"]).with_sister,
            "fingerprint": parts.fingerprint,
            "validation_fingerprint": parts.validation_fingerprint,
            "learned": learned,
        },
    }
    net, anew = build_network(config, device, fresh=fresh)
    average = copy.deepcopy(net) if config.average else net
    if world.size > 1:
        share_norms(net, config.model.encoder)
    make = torch.optim.Adam if config.optimiser == "adam" else torch.optim.AdamW
    optimiser = make(net.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)
    planner = Sampler(config, parts.labels, parts.sources)
    closed = torch.from_numpy(parts.labels[parts.labels != OPEN_CLASS])
    class_weights = weigh_classes(closed, config.balance, len(CODES))
    shift = shift_of(closed, config, len(CODES))
    forward: Forward = torch.compile(net) if world.size == 1 and pays_to_compile(config, device, planner.steps) else net
    if not resume and world.leads:
        make_run_folder(run, {**about, **({"start_knows": knows} if knows else {})})
    return OpenRun(
        config,
        run,
        device,
        world,
        about,
        parts,
        fresh,
        anew,
        knows,
        net,
        average,
        forward,
        optimiser,
        planner,
        None if class_weights is None else class_weights.to(device),
        None if shift is None else shift.to(device),
    )


def what_start_learned(start: str) -> Before:
    """What the weights learned from that training goes on from; nothing unless they are Derm's own."""
    info = description_of_start(start)
    if info is None:
        return Before([], {})
    learned = dict(info.training.get("data", {}).get("learned", {}))
    if classes_learned(info.training) is None:
        learned.pop("classes", None)
    return Before(sorted(info.learned_from), learned)


def check_start(before: Before, start: str, table: pd.DataFrame, split: Split, store: ImageStore) -> str:
    """Raise DataFault where the weights `start` learned from images that validation or test measure on.

    Where a few look so, which may be by chance, a sentence that says so, else "". Training images of the shipped lists
    are in no other part, so that weights without a record of images know none.
    """
    learned = read_learned({"data": {"learned": before.learned}})
    if learned is None:
        return ""
    alike, count = 0, 0
    for part in _MEASURED:
        rows = split.rows(part)
        looks = np.array([look_at(store.images[row]) for row in rows], dtype=np.uint8).reshape(-1, SIDE, SIDE)
        known = known_among(learned, table, split, rows, looks)
        if known.spoils:
            raise DataFault(
                say(
                    "{known:,} of {count:,} images of the {part} part show a lesion, or are a picture, that the "
                    "starting weights {start} learned from, {first} for one, so that every figure on it would be too "
                    "good: keep these images in the training part by a column 'part' in derm.csv, or start from other "
                    "weights.",
                    known=int(known.rows.sum()),
                    count=len(rows),
                    part=value_called(part),
                    start=start,
                    first=table["image_id"].iloc[rows[int(known.rows.argmax())]],
                )
            )
        alike, count = alike + int(known.alike.sum()), count + len(rows)
    return START_KNOWS.format(alike=alike, count=count) if alike else ""


def settle(config: TrainConfig, device: str, world: World = ALONE) -> TrainConfig:
    """The settings as `device` and `world` have them; ConfigFault for those that several processes cannot have."""
    config = settle_workers(settle_precision(config, device), device, world.local_size)
    if config.batch < world.size:
        raise ConfigFault(
            say(
                "A batch of {batch} is too small for {size} processes: raise --batch.",
                batch=config.batch,
                size=world.size,
            )
        )
    if config.compile == "on" and world.size > 1:
        raise ConfigFault(say("Several processes train a network that is not compiled: leave out --set compile=on."))
    return config


def training_rows(catalogue: Catalogue, split: Split, config: TrainConfig) -> NDArray[np.int64]:
    """The images to train on, rows of the catalogue's table, int64 (n,)."""
    sources = np.unique(catalogue.table["source"].to_numpy(dtype=str), return_inverse=True)[1]
    strata = sources * (OPEN_CLASS + 1) + classes_of(catalogue.table)
    return choose_share(split.rows("train"), strata, config.train_share)


def divide(table: pd.DataFrame, store: ImageStore, rows: NDArray[np.int64], validation: NDArray[np.int64]) -> Parts:
    """What is known of the training and validation images, rows `rows` and `validation` of the catalogue's table."""
    classes = classes_of(table)
    names, sources = np.unique(table["source"].to_numpy(dtype=str), return_inverse=True)
    several, labels = len(names) > 1, classes[rows]
    return Parts(
        store,
        rows,
        validation,
        table["image_id"].iloc[rows].tolist(),
        labels,
        classes[validation],
        sources[rows] if several else None,
        names[sources[validation]] if several else None,
        # Only where a label is open: otherwise the loss is the plain cross-entropy, to the last bit.
        allowed_classes(table["dx"].iloc[rows]) if (labels == OPEN_CLASS).any() else None,
        torch.from_numpy(store.has_mask[rows]),
        fingerprint(table, rows),
        fingerprint(table, validation),
    )


def build_network(config: TrainConfig, device: str, *, fresh: bool) -> tuple[LesionNet, str]:
    """The network on `device`, where `fresh` with its starting weights, and what of it begins anew, in a sentence."""
    torch.manual_seed(config.seed)
    net = LesionNet(config.model)
    check_size(net)
    anew = start_from(net, config.start, config.mask_start, config.split_by, config.leave_out) if fresh else ""
    return net.to(device=device, memory_format=torch.channels_last), anew  # type: ignore[call-overload]


def classes_of(table: pd.DataFrame) -> NDArray[np.int64]:
    """The class of each image of a catalogue's table, int64 (n,), `OPEN_CLASS` where its label is open."""
    return table["dx"].map(INDEX).fillna(OPEN_CLASS).to_numpy().astype(np.int64)


def choose_share(rows: NDArray[np.int64], classes: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    """The first `share` of each class among `rows` in an order drawn once for all runs; all of them at 1.

    classes: int64, of all images, by row; each class of each source has a number of its own.
    """
    if share == 1:
        return rows
    order = np.random.default_rng(0).permutation(rows)
    kept = [order[classes[order] == index] for index in np.unique(classes[rows])]
    return np.sort(np.concatenate([members[: math.ceil(share * len(members))] for members in kept]))


def allowed_classes(dx: pd.Series) -> torch.Tensor:
    """Which classes each image may have, bool (n, 7), by its `dx` in the catalogue."""
    found = {word: [code in allowed_codes(word) for code in CODES] for word in set(dx)}
    return torch.tensor([found[word] for word in dx])


def fingerprint(table: pd.DataFrame, rows: NDArray[np.int64]) -> str:
    """What the images `rows` of a catalogue's table are, 16 hexadecimal digits: their ids and diagnoses, in order."""
    known = table[["image_id", "dx"]].iloc[rows]
    return hashlib.sha256(csv_table(known).encode()).hexdigest()[:16]


def describe(config: TrainConfig, about: dict[str, Any], history: list[dict[str, Any]]) -> WeightsInfo:
    """Describe the weights after the last epoch of `history`, with what validation measured."""
    epoch, result = history[-1]["epoch"], history[-1]["validation"]
    # Paths tell of the machine, not of the weights: the file's name is enough.
    data = {key: value for key, value in about["data"].items() if key not in ("folder", "folders")}
    starts = {key: Path(about["config"][key]).name for key in ("start", "mask_start")}
    training = {**about, "config": {**about["config"], **starts}, "data": data, "epoch": epoch, "history": history}
    headline = {key: result.get(key) for key in HEADLINE}  # of a run from before a metric, None
    return WeightsInfo(
        model=config.model,
        training=training,
        measured={"validation": {"split": about["data"]["split"], "images": about["data"]["validation"], **headline}},
        licence=licence_of({*about["data"]["sources"], *about["data"]["sources_before"]}),
    )
