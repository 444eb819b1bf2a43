"""What every heat map of some images is worth, one row an image, class and method: the raw material of `derm explain`.

Needs weights and rows of a catalogue. Maps are held against outlines on a square of `AGREEMENT_SIDE` pixels. Knows no
file that it writes to and keeps no picture.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from derm.data.store import read_pair
from derm.diagnoses import CODES, INDEX
from derm.engine.pytorch import TorchEngine
from derm.explain.agreement import (
    AGREEMENT_SIDE,
    CENTRE_PRIOR,
    MEASURES,
    ORACLE,
    UNIFORM,
    Localisation,
    localisations,
    reference_maps,
)
from derm.explain.class_head import class_logits
from derm.explain.faithfulness import BATCH, Scorer, deletion, insertion, remembering, repaint, road
from derm.explain.gradcam import HeatMap
from derm.explain.methods import METHODS, Method
from derm.explain.sanity import DRAWS, SSIM_SIDE, SYMMETRIES, noisy_copies, randomise, similarity, stages
from derm.image.resize import Fit, Window, mask_in_square, place_cells, square, square_mask, window_of
from derm.model.network import LesionNet, ModelOutput
from derm.model.weights import Model
from derm.predict.case import lesion_in
from derm.predict.interpret import Prediction, interpret

MASKS = ("predicted", "true")
"""The outlines that maps are held against: the network's own, and the dermatologist's where there is one."""

REFERENCES = (CENTRE_PRIOR, UNIFORM, ORACLE)
"""Names, in the column `method`, of the maps that know no network; their class is ''."""

QUICK: dict[str, Method] = {name: method for name, method in METHODS.items() if method.cost != "passes"}
"""The methods that are drawn for every image; the others, which take dozens of passes, for the sample alone."""

IDENTITY = ("image_id", "lesion_id", "dx_true", "dx_pred", "class", "role", "method")
"""Text columns of both tables. role: whose class it is, 'predicted', 'true', 'both', or 'other'; '' of `REFERENCES`."""

AGREEMENT = tuple(f"{mask}_{name}" for mask in MASKS for name in (*MEASURES, "best_threshold"))
"""Columns of agreement, as predicted_iou_area."""

FAITHFULNESS = ("deletion", "insertion", "road")
"""Columns: the areas under the class's two curves, and ROAD's mean gap."""

PAINTED = ("lesion_drop", "surroundings_drop")
"""Columns filled in the rows of the mask alone, for painting over needs no map: what the class's probability loses."""

STILL = tuple(f"{test}_{kind}" for test in ("stability", "equivariance") for kind in ("rank", "structure"))
"""Columns of sanity: how alike maps stay under noise and under flips and turns."""

Role = Literal["predicted", "true", "both", "other"]


def randomised_columns(net: LesionNet) -> tuple[str, ...]:
    """Columns of sanity: how alike a map is to that of a network random from its scores down to each stage."""
    return tuple(f"random_{name}_{kind}" for name, _ in stages(net) for kind in ("rank", "structure"))


def scorer(model: Model, batch: int = BATCH) -> Scorer:
    """The model's calibrated probabilities as a function of normalised images, `batch` in a pass: float64 (N, 7)."""

    def score(images: Tensor) -> Tensor:
        return (class_logits(model.net, images, batch).double() / model.description.temperature).softmax(dim=1)

    return score


@dataclass(frozen=True, eq=False)
class _Look:
    """One image with the network's answer; outline and truth are squares of AGREEMENT_SIDE, truth None if unknown."""

    identity: dict[str, str]
    image: Tensor  # (1, 3, S, S)
    answer: ModelOutput  # of one image
    probabilities: NDArray[np.float64]
    predicted: int
    true: int
    outline: NDArray[np.bool_]
    truth: NDArray[np.bool_] | None
    height: int  # of the picture, pixels
    width: int
    fit: Fit

    @property
    def window(self) -> Window:
        return window_of(self.height, self.width, self.image.shape[-1], self.fit)

    def role(self, index: int) -> Role:
        if index == self.predicted:
            return "both" if index == self.true else "predicted"
        return "true" if index == self.true else "other"

    @property
    def masks(self) -> dict[str, NDArray[np.bool_]]:
        known = zip(MASKS, (self.outline, self.truth), strict=True)
        return {name: mask for name, mask in known if mask is not None}


def agreement_rows(model: Model, table: pd.DataFrame) -> pd.DataFrame:
    """Every `QUICK` method's map of every class, and `REFERENCES`, held against the outlines of every image.

    table: rows of a catalogue with lesion_id as the split has it; as many as are to be decoded at once. Returns
    `IDENTITY`, flat, peak (the raw map's maximum), probability (of the class) and `AGREEMENT`, float32, NaN where
    undefined. Raises DataFault when a file cannot be read.
    """
    rows: list[dict[str, Any]] = []
    for found, looks in _looks(model, table):
        raw = {
            name: method.maps(model.net, found.images, found.output).numpy(force=True) for name, method in QUICK.items()
        }
        for place, look in enumerate(looks):
            maps = {
                (name, index): QUICK[name].evidence(
                    one, shift=QUICK[name].shift_of(model.description), window=look.window
                )
                for name, own in raw.items()
                for index, one in enumerate(own[place])
            }
            rows += _agreement(look, maps)
    return _frame(rows, AGREEMENT)


@dataclass(frozen=True)
class MapTests:
    """Which maps are made, and put to which tests.

    methods: all that are drawn. still: those among them that are asked to keep still under noise and turns, which takes
    eight times as long. random: those that are held against those of a random network. deepest: against one that is
    random from its scores down to its first layer alone, not against each on the way.
    """

    methods: Mapping[str, Method]
    still: Mapping[str, Method]
    random: Mapping[str, Method]
    deepest: bool = False


EVERY = MapTests(METHODS, QUICK, QUICK)
"""Of `derm explain`."""


def sample_rows(model: Model, table: pd.DataFrame, seed: int = 0, asked: MapTests = EVERY) -> pd.DataFrame:
    """Every method's map of the predicted and the true class, in agreement, faithfulness and, as `asked`, sanity.

    table: as for `agreement_rows`; a random network normalises by its images together. seed: of noise and lots.
    Returns the columns of `agreement_rows`, `FAITHFULNESS`, `PAINTED`, `STILL` and `randomised_columns`.
    """
    score, net = scorer(model), model.net
    looks = [look for _, found in _looks(model, table) for look in found]
    rows: list[list[dict[str, Any]]] = []
    sane: list[dict[tuple[str, int], dict[str, Any]]] = []
    raws: list[dict[str, NDArray[np.float32]]] = []
    for look in looks:
        classes = sorted({look.predicted, look.true})
        raw = {name: _raw(method, net, look.image, look.answer, classes)[0] for name, method in asked.methods.items()}
        maps = {
            (name, index): asked.methods[name].evidence(
                one, shift=asked.methods[name].shift_of(model.description), window=look.window
            )
            for name, found in raw.items()
            for index, one in zip(classes, found, strict=True)
        }
        own = _agreement(look, maps, classes)
        _add_faithfulness(remembering(score), look, maps, own, seed)
        sane.append(_stillness(model, look, classes, raw, seed, asked.still))
        raws.append(raw)
        rows.append(own)
    _add_randomised(net, looks, raws, sane, seed, asked)
    joined = [
        row | found.get((row["method"], INDEX[row["class"]]), {})
        for own, found in zip(rows, sane, strict=True)
        for row in own
    ]
    return _frame(joined, (*AGREEMENT, *FAITHFULNESS, *PAINTED, *STILL, *randomised_columns(net)))


def _looks(model: Model, table: pd.DataFrame) -> Iterator[tuple[Prediction, list[_Look]]]:
    """The images of `table`, `BATCH` at a time, with the network's answers."""
    size, fit = model.description.model.input_size, model.description.model.fit
    records = table.to_dict("records")
    for first in range(0, len(records), BATCH):
        chosen = records[first : first + BATCH]
        pairs = [read_pair(str(row["image_path"]), str(row["mask_path"])) for row in chosen]
        found = interpret(
            model, np.stack([square(image, size, fit) for image, _ in pairs]), engine=TorchEngine(model.net)
        )
        probabilities = found.probabilities
        looks = []
        for place, (row, (image, mask)) in enumerate(zip(chosen, pairs, strict=True)):
            height, width = image.shape[:2]
            outline = found.outline_at(place, height, width)
            predicted = int(probabilities[place].argmax())
            looks.append(
                _Look(
                    identity={
                        "image_id": str(row["image_id"]),
                        "lesion_id": str(row["lesion_id"]),
                        "dx_true": str(row["dx"]),
                        "dx_pred": CODES[predicted],
                    },
                    image=found.images[place : place + 1],
                    answer=found.output.one(place),
                    probabilities=probabilities[place],
                    predicted=predicted,
                    true=INDEX[str(row["dx"])],
                    outline=square_mask(lesion_in(outline), AGREEMENT_SIDE),
                    truth=None if mask is None else square_mask(mask, AGREEMENT_SIDE),
                    height=height,
                    width=width,
                    fit=fit,
                )
            )
        yield found, looks


def _agreement(
    look: _Look, maps: Mapping[tuple[str, int], HeatMap], reference_classes: list[int] | None = None
) -> list[dict[str, Any]]:
    """One image's rows: of each method and class in `maps`, then of the references, once or for each class asked."""
    distinct, place = _distinct(maps)
    side = AGREEMENT_SIDE
    stack = [np.clip(one.scaled(side, side), 0, 1) for one in distinct]
    known = {name: len(stack) + offset for offset, name in enumerate((CENTRE_PRIOR, UNIFORM))}
    references = reference_maps(look.outline)
    stack += [references[CENTRE_PRIOR], references[UNIFORM]]
    ceilings = {}
    for name, mask in look.masks.items():
        ceilings[name] = len(stack)
        stack.append(mask.astype(np.float32))
    found = dict(zip(look.masks, localisations(np.stack(stack), tuple(look.masks.values())), strict=True))
    rows = [
        {
            **look.identity,
            "class": CODES[index],
            "role": look.role(index),
            "method": name,
            "flat": evidence.flat,
            "peak": evidence.maximum,
            "probability": look.probabilities[index],
            **_columns(found, dict.fromkeys(found, place[name, index])),
        }
        for (name, index), evidence in maps.items()
    ]
    for name in REFERENCES:
        where = dict.fromkeys(found, known[name]) if name in known else ceilings
        columns = {"method": name, "flat": False, "peak": 1.0, **_columns(found, where)}
        if reference_classes is None:
            rows.append({**look.identity, "class": "", "role": "", "probability": np.nan, **columns})
        else:
            rows += [
                {
                    **look.identity,
                    "class": CODES[index],
                    "role": look.role(index),
                    "probability": look.probabilities[index],
                    **columns,
                }
                for index in reference_classes
            ]
    return rows


def _columns(found: Mapping[str, Localisation], where: Mapping[str, int]) -> dict[str, float]:
    """The columns `AGREEMENT` of the map at each mask's place; those of a mask that is not known are left out."""
    columns = {
        f"{mask}_{name}": float(getattr(one, name)[where[mask]]) for mask, one in found.items() for name in MEASURES
    }
    thresholds = {f"{mask}_best_threshold": float(one.best_iou_threshold[where[mask]]) for mask, one in found.items()}
    return columns | thresholds


def _distinct(maps: Mapping[tuple[str, int], HeatMap]) -> tuple[list[HeatMap], dict[tuple[str, int], int]]:
    """The maps that differ by more than rounding, and where each is among them.

    With a linear head Grad-CAM is HiResCAM, Eigen-CAM knows no class, flat maps are all alike: each kind is measured
    once, which saves a third of the time.
    """
    seen: dict[tuple[tuple[int, ...], bytes], int] = {}
    distinct: list[HeatMap] = []
    place = {}
    for key, evidence in maps.items():
        mark = (evidence.cells.shape, np.rint(evidence.cells * 1e4).astype(np.int32).tobytes())
        if mark not in seen:
            seen[mark] = len(distinct)
            distinct.append(evidence)
        place[key] = seen[mark]
    return distinct, place


def _add_faithfulness(
    score: Scorer, look: _Look, maps: Mapping[tuple[str, int], HeatMap], rows: list[dict[str, Any]], seed: int
) -> None:
    """Fill `FAITHFULNESS` into one image's rows and `PAINTED` into those of its mask."""
    size, image = look.image.shape[-1], look.image[0]
    lesion = look.outline if look.truth is None else look.truth
    small = mask_in_square(lesion, look.height, look.width, size, look.fit)
    distinct, place = _distinct(maps)
    measured = [_walks(score, image, one.on_square(size), seed) for one in distinct]
    references = {name: _walks(score, image, map_, seed) for name, map_ in reference_maps(small).items()}
    painted = repaint(score, image, small)
    for row in rows:
        index, name = INDEX[row["class"]], row["method"]
        found = references[name] if name in references else measured[place[name, index]]
        row |= {key: values[index] for key, values in found.items()}
        if name == ORACLE and painted is not None:
            row["lesion_drop"] = painted.lesion_drop[index]
            row["surroundings_drop"] = painted.surroundings_drop[index]


def _walks(score: Scorer, image: Tensor, map_: NDArray[np.float32], seed: int) -> dict[str, NDArray[np.float64]]:
    """`FAITHFULNESS` of one map for each class; nothing for a flat one."""
    fall, rise = (walk(score, image, map_, seed=seed) for walk in (deletion, insertion))
    gone = road(score, image, map_, seed=seed)
    if fall is None or rise is None or gone is None:
        return {}
    return {"deletion": fall.areas, "insertion": rise.areas, "road": gone.gaps}


def _stillness(
    model: Model,
    look: _Look,
    classes: list[int],
    raw: Mapping[str, NDArray[np.float32]],
    seed: int,
    methods: Mapping[str, Method],
) -> dict[tuple[str, int], dict[str, Any]]:
    """`STILL` of each of `methods` and class: one pass for all noisy, flipped and turned copies of an image.

    Maps are compared as they lie on the picture (`place_cells`), for that is what a turn should turn.
    """
    net = model.net
    turns = list(SYMMETRIES.values())
    copies = torch.cat([noisy_copies(look.image, seed=seed).flatten(end_dim=1), *(turn(look.image) for turn in turns)])
    copies = copies.contiguous(memory_format=torch.channels_last)
    answer = _class_answer(net, copies)
    sane: dict[tuple[str, int], dict[str, Any]] = {}
    for name, method in methods.items():
        others = _raw(method, net, copies, answer, classes)
        shift = method.shift_of(model.description)
        for channel, index in enumerate(classes):
            still = _placed(method, raw[name][channel], shift)
            turned = [turn(torch.from_numpy(still)).numpy() for turn in turns]
            changed = [_placed(method, one, shift) for one in others[:, channel]]
            found = similarity(np.stack([*[still] * DRAWS, *turned]), np.stack(changed))
            sane[name, index] = {
                f"{test}_{kind}": _mean(values[places])
                for test, places in (("stability", np.s_[:DRAWS]), ("equivariance", np.s_[DRAWS:]))
                for kind, values in zip(("rank", "structure"), found, strict=True)
            }
    return sane


def _add_randomised(
    net: LesionNet,
    looks: list[_Look],
    raws: list[dict[str, NDArray[np.float32]]],
    sane: list[dict[tuple[str, int], dict[str, Any]]],
    seed: int,
    asked: MapTests,
) -> None:
    """Fill `randomised_columns` into `sane`, one dictionary an image: each random network sees all images."""
    images = torch.cat([look.image for look in looks])
    last = stages(net)[-1][0]
    for stage, copy in randomise(net, images, seed):
        if asked.deepest and stage != last:
            continue
        answer = _class_answer(copy, images)
        for place, (look, raw, columns) in enumerate(zip(looks, raws, sane, strict=True)):
            classes = sorted({look.predicted, look.true})
            own = answer.one(place)
            for name, method in asked.random.items():
                random = _raw(method, copy, look.image, own, classes)[0]
                learned = np.stack([_cells(method, one) for one in raw[name]])
                found = similarity(learned, np.stack([_cells(method, one) for one in random]))
                for channel, index in enumerate(classes):
                    own_columns = columns.setdefault((name, index), {})
                    own_columns[f"random_{stage}_rank"] = found.rank[channel]
                    own_columns[f"random_{stage}_structure"] = found.structure[channel]


def _class_answer(net: LesionNet, images: Tensor) -> ModelOutput:
    """The network's answer as far as heat maps need it; of the outline an empty tensor."""
    with torch.inference_mode():
        features = net.class_features(images)
        return ModelOutput(images[:, :0], net.head(features), features)


def _raw(
    method: Method, net: LesionNet, images: Tensor, answer: ModelOutput, classes: list[int]
) -> NDArray[np.float32]:
    return np.asarray(method.maps(net, images, answer, classes).numpy(force=True), dtype=np.float32)


def _cells(method: Method, raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """A raw map over its maximum; zeros where it is flat by the method's own measure."""
    return method.evidence(raw).cells


def _placed(method: Method, raw: NDArray[np.float32], shift: float) -> NDArray[np.float32]:
    """`_cells` as they lie on a picture of `SSIM_SIDE` pixels."""
    return place_cells(_cells(method, raw), SSIM_SIDE, SSIM_SIDE, shift)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _frame(rows: list[dict[str, Any]], figures: tuple[str, ...]) -> pd.DataFrame:
    """Rows as a table: `IDENTITY`, flat, then figures as float32."""
    numbers = ("peak", "probability", *figures)
    frame = pd.DataFrame(rows).reindex(columns=[*IDENTITY, "flat", *numbers])
    return frame.astype(dict.fromkeys(IDENTITY, "str") | {"flat": bool} | dict.fromkeys(numbers, "float32"))
