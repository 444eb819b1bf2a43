"""Weights trained on from those in use: on the practice's confirmed cases, with rehearsal of the old data.

Needs `Lessons`. Two ways: the class head alone on frozen features, in minutes, or the whole network, in hours on a
processor. Both are calibrated on the validation parts. Puts nothing into use.
"""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from derm import __version__
from derm.data.catalogue import Catalogue, join_catalogues
from derm.data.learned import classes_learned, count_sources, join_learned, read_learned, record_learned
from derm.data.recognise import SHIPPED
from derm.data.split import Part, Split, learned_parts, split_own
from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.evaluate.calibrate import Decisions, calibrate, choose_decisions, divide, sources_of
from derm.files import read_json
from derm.image.decode import open_image
from derm.image.resize import square
from derm.language.speech import say
from derm.model.weights import Model, WeightsInfo, copy_weights, licence_of, load_info, load_weights, save_weights
from derm.paths import cache_folder
from derm.predict.views import EIGHT
from derm.runlog.events import Logged, TickEvent
from derm.teach.features import Progress, pooled_features
from derm.teach.head import ANCHOR, BALANCE, Examples, LinearHead, fit_head, head_of, share_sources
from derm.teach.practice import Lessons
from derm.train import loop
from derm.train.config import DERM, TrainConfig

Way = Literal["head", "whole"]

SOURCE_BALANCE = 0.5
"""How evenly the practice's pictures and the old ones are drawn for a whole network: as the roots of their numbers."""

NAME = "taught"
"""Of the new weights, NAME.json in a training's folder."""

RUN = "run"
"""In the same: the run of the whole network."""


@dataclass(frozen=True)
class TeachingSettings:
    """How is trained. epochs, learning_rate: of the whole network. outsiders: pictures that are not dermoscopic, with
    which the whole network's gate is fitted anew; without them it has none."""

    way: Way = "head"
    epochs: int = 3
    learning_rate: float = 1e-4
    outsiders: tuple[Path, ...] = ()


def teach_head(model: Model, lessons: Lessons, folder: Path, progress: Progress | None = None) -> Path:
    """Train the class head alone and write the weights into `folder`; where their description lies.

    The practice's pictures count in eight views. Outlines, heat maps' place and what tells pictures that are not
    dermoscopic stay as they are, for the features do. Raises WeightsFault for weights with a dense layer before the
    scores, DataFault for too few cases to calibrate on.
    """
    start = head_of(model)
    parts = [_Learnt(model, one, one is lessons.practice, progress) for one in lessons.catalogues]
    shares = share_sources([len(one.classes) for one in parts], BALANCE)
    examples = Examples(
        np.concatenate([one.features.reshape(-1, one.features.shape[2]) for one in parts]),
        np.concatenate([np.repeat(one.classes, one.features.shape[1]) for one in parts]),
        np.concatenate(
            [
                np.full(one.features[:, :, 0].size, share / max(one.features[:, :, 0].size, 1))
                for one, share in zip(parts, shares, strict=True)
            ]
        ),
    )
    head = fit_head(start, examples, ANCHOR)
    decided = _decide(model, head, lessons, progress)
    description = replace(
        model.description,
        temperature=decided.temperature,
        referral_threshold=decided.referral_threshold,
        conformal_thresholds=decided.conformal_thresholds,
        mix=decided.mix,
        training=_training_of(model, parts),
        measured={"calibration": decided.record},
    )
    description = replace(description, licence=licence_of(_sources(description)))
    net = copy.deepcopy(model.net)
    with torch.no_grad():
        net.head.scores.weight.copy_(torch.from_numpy(head.weight))
        net.head.scores.bias.copy_(torch.from_numpy(head.bias))
    target = folder / f"{NAME}.json"
    save_weights(target, net, description)
    return target


def teach_whole(
    weights: Path,
    model: Model,
    lessons: Lessons,
    folder: Path,
    settings: TeachingSettings,
    *,
    watch: Callable[[Logged | TickEvent], None] = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress | None = None,
) -> Path | None:
    """Train the whole network on, or go on with it, and write the weights into `folder`; None where it was stopped.

    Pictures are drawn so that the practice's come often, see `SOURCE_BALANCE`; edited outlines are learned. Taken are
    the weights of the last epoch: a few validation cases would choose by chance. Errors as of `derm.train.loop.train`
    and `derm.evaluate.calibrate.calibrate`.
    """
    catalogue = _joined(lessons)
    run = folder / RUN
    config = config_of(model, weights, settings, len(split_own(catalogue).rows("train")))
    if not has_begun(folder) or not _finished(run):
        state = loop.train(
            _resumed(run, config), catalogue, run, cache=folder / "decoded", resume=has_begun(folder),
            device="cuda" if torch.cuda.is_available() else "cpu", watch=watch, decoding=progress, stop=stop,
        )  # fmt: skip
        if not state.finished:
            return None
    trained = load_weights(run / "final.json")
    found = calibrate(trained, catalogue, outsiders=settings.outsiders, progress=progress)
    target = folder / f"{NAME}.json"
    copy_weights(run / "final.json", target, found.describe(load_info(run / "final.json")), trained.sha256)
    return target


def has_begun(folder: Path) -> bool:
    """Whether the whole network has begun to learn in a training's folder, so that it can be gone on with."""
    return (folder / RUN / "run.json").exists()


def has_learned(folder: Path) -> bool:
    """Whether there are weights of a training, be they calibrated or not: what they learned from stays what it was."""
    return (folder / f"{NAME}.json").is_file() or _finished(folder / RUN)


def config_of(model: Model, weights: Path, settings: TeachingSettings, images: int) -> TrainConfig:
    """How the whole network of `model`, described at `weights`, is trained on with so many training images."""
    return replace(
        DERM, model=model.description.model, start=str(weights.resolve()), epochs=settings.epochs,
        learning_rate=settings.learning_rate, source_balance=SOURCE_BALANCE, best_by="macro_auc", workers=0,
        lookahead=2, batch=min(DERM.batch, max(2, images // 2)),
    )  # fmt: skip


class _Learnt:
    """The training pictures of a catalogue with one of the seven diagnoses: table, what was kept together with each
    (`Split.together`), which are recorded in the new weights, classes and features.

    features: float32 (n, V, C), over eight views of the practice's. Only the old data's are kept for the next time.
    """

    def __init__(self, model: Model, catalogue: Catalogue, practice: bool, progress: Progress | None) -> None:
        split = split_own(catalogue)
        self.table, _, self.classes = rows_of_part(catalogue, split, "train")
        self.together = split.together[self.table.index]
        lists = model.description.learned_from & set(SHIPPED)
        self.recorded = practice | (learned_parts(catalogue, lists)[self.table.index] != "train")
        kept = None if practice else cache_folder() / "features"
        self.features = pooled_features(model, self.table, views=EIGHT if practice else 1, kept=kept, progress=progress)


def rows_of_part(
    catalogue: Catalogue, split: Split, part: Part
) -> tuple[pd.DataFrame, NDArray[np.str_], NDArray[np.int64]]:
    """The rows of a part with one of the seven diagnoses: table, lesions, text (n,), and classes, int64 (n,)."""
    rows = split.rows(part)
    rows = rows[catalogue.table["dx"].iloc[rows].isin(CODES).to_numpy()]
    table = catalogue.table.iloc[rows]
    classes: NDArray[np.int64] = table["dx"].map(INDEX).to_numpy().astype(np.int64)
    return table, split.lesions.iloc[rows].to_numpy(dtype=str), classes


def _decide(model: Model, head: LinearHead, lessons: Lessons, progress: Progress | None) -> Decisions:
    """Temperature and thresholds on the validation parts, as `derm.evaluate.calibrate` chooses them."""
    logits, classes, lesions, sources = [], [], [], []
    for catalogue in lessons.catalogues:
        table, names, true = rows_of_part(catalogue, split_own(catalogue), "validation")
        if not len(table):
            continue
        kept = None if catalogue is lessons.practice else cache_folder() / "features"
        logits.append(head.scores(pooled_features(model, table, kept=kept, progress=progress)[:, 0]))
        classes.append(true)
        lesions.append(names)
        sources.append(sources_of(table))
    if not logits:
        raise DataFault(say("No confirmed case is kept to choose thresholds on: confirm more, of other patients."))
    true, named = np.concatenate(classes), np.concatenate(lesions)
    conformal = divide(named, true)
    if conformal.all() or not conformal.any():
        raise DataFault(
            say("{true} validation cases are too few to choose thresholds on: confirm more.", true=len(true))
        )
    return choose_decisions(np.concatenate(logits), true, named, np.concatenate(sources), conformal)


def _training_of(model: Model, parts: Sequence[_Learnt]) -> dict[str, Any]:
    """What the description tells of the training: what the weights knew before, and what came to it.

    parts: the practice's pictures last, which are all recorded. What is rehearsed may be other pictures than the
    weights knew before: those that the shipped lists do not tell of already are recorded, too.
    """
    before = model.description.training
    about, size = model.description.model, model.description.model.input_size
    tables = [one.table for one in parts]
    known = read_learned(before)
    learned: dict[str, Any] = before.get("data", {}).get("learned") or {}
    uncounted = bool(model.description.learned_from) and classes_learned(before) is None
    for one in parts:
        table = one.table[one.recorded]
        images = (square(open_image(Path(path)), size, about.fit) for path in table["image_path"])
        if len(table):
            learned = join_learned(learned, record_learned(images, table, one.together[one.recorded]))
    if uncounted:
        learned.pop("classes", None)  # from how many images of each diagnosis these weights learned is not recorded
    data = {
        **before.get("data", {}),
        "sources": count_sources(pd.concat(tables)),
        "sources_before": sorted(model.description.learned_from),
        "learned": learned,
    }
    taught = {
        "way": "head",
        "from": model.label,
        "from_sha256": model.sha256,
        "pictures": len(tables[-1]),
        "recorded_before": 0 if known is None else len(known.pictures),
    }
    return {**before, "derm": __version__, "data": data, "taught": taught}


def _sources(description: WeightsInfo) -> set[str]:
    data = description.training["data"]
    return {*data["sources"], *data["sources_before"]}


def _joined(lessons: Lessons) -> Catalogue:
    return lessons.practice if lessons.old is None else join_catalogues(lessons.catalogues)


def _finished(run: Path) -> bool:
    return (run / "final.json").exists()


def _resumed(run: Path, config: TrainConfig) -> TrainConfig:
    """The settings that the run began with, where it has begun."""
    path = run / "run.json"
    return TrainConfig.from_dict(read_json(path)["config"]) if path.exists() else config
