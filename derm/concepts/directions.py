"""What a picture's logits do, on average, when a structure or a measure is greater: directions in its features.

Needs readings of many pictures and a network whose class head is pooling and one linear layer. The directions are
regressions over real pictures: what goes along with what, not what causes what.
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.concepts.read import CONCEPTS, Readings
from derm.errors import ConfigFault, DataFault, WeightsFault
from derm.files import read_json
from derm.json_checks import is_text, is_text_or_none, list_of, within
from derm.language.speech import say
from derm.model.description import check_seal, sealed
from derm.model.weights import Model
from derm.paths import DIRECTIONS
from derm.structures.weights import StructureWeights, description_at

if TYPE_CHECKING:
    from derm.concepts.learn import ReadPart
    from derm.data.split import Part

ENDS = (2.0, 98.0)
"""Percentiles of the pictures between which a concept may be moved."""

MOST = 1e6
"""Of a concept, and of a logit that one deviation more adds: measured are some tens."""

LEAST_DEVIATION = 1e-6
"""Of a concept that differs from picture to picture at all, as it is written."""

FEWEST = 2 * (len(CONCEPTS) + 1)
"""Pictures to regress on: as many as there are concepts, and a constant, would be fitted whatever they show."""

DRAWS = 200
"""Resamples of pictures behind an interval."""


class Directions(NamedTuple):
    """Of k concepts, in the order of `CONCEPTS`.

    weights: SHA-256 of those whose features they are. decoder: of the structures' weights. middle, deviation: float64
    (k,), of each concept. low, high: float64 (k,), `ENDS` of it. slopes: float64 (k, 7), what one deviation more
    adds to each logit, all other concepts as they are. slopes_low, slopes_high: ends of their 95 % intervals.
    """

    weights: str
    decoder: str
    middle: NDArray[np.float64]
    deviation: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    slopes: NDArray[np.float64]
    slopes_low: NDArray[np.float64]
    slopes_high: NDArray[np.float64]
    network_id: str | None = None
    """`Model.network_id` of the weights; None in files from before it was kept."""


def find_directions(
    readings: Readings, head: NDArray[np.float64], weights: str, decoder: str, seed: int = 0
) -> Directions:
    """Regress pooled features on the concepts, and read off through the class head what it does to the logits.

    head: float64 (7, C), the weights of the linear layer. Pictures without an outline are left out. Concepts are
    standardised; the regression is of least squares, all concepts together (Haufe et al. 2014: a pattern, not a
    filter).
    """
    concepts = readings.concepts
    whole = ~np.isnan(concepts).any(axis=1)
    values, scores = concepts[whole], readings.features[whole].astype(np.float64) @ head.T
    middle, deviation = values.mean(axis=0), np.maximum(values.std(axis=0), LEAST_DEVIATION)
    design = np.column_stack([(values - middle) / deviation, np.ones(len(values))])
    # Features enter the logits linearly, so that regressing W f is W times the regression of f.
    slopes = np.linalg.lstsq(design, scores, rcond=None)[0][:-1]
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(DRAWS):
        rows = random.integers(len(design), size=len(design))
        drawn.append(np.linalg.lstsq(design[rows], scores[rows], rcond=None)[0][:-1])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    ends = np.percentile(values, ENDS, axis=0)
    # Of few pictures the resamples may all lie on one side of what all pictures give.
    low, high = np.minimum(low, slopes), np.maximum(high, slopes)
    return Directions(weights, decoder, middle, deviation, ends[0], ends[1], slopes, low, high)


def as_json(directions: Directions) -> dict[str, Any]:
    """Ready for JSON, under a hash, for a changed digit or sign is no less possible a direction."""
    numbers = {
        name: np.round(value, 6).tolist()
        for name, value in directions._asdict().items()
        if isinstance(value, np.ndarray)
    }
    about = {name: getattr(directions, name) for name in ("weights", "network_id", "decoder")}
    content = {"concepts": list(CONCEPTS), **about, **numbers}
    return sealed(content)


def read_directions(content: dict[str, Any]) -> Directions:
    """What `as_json` wrote, or wrote before there was a hash; ValueError, KeyError or TypeError for anything else."""
    check_seal(content)
    if content["concepts"] != list(CONCEPTS):
        raise ValueError(f"concepts {str(content['concepts'])[:80]}, expected {list(CONCEPTS)}")
    named = is_text(content["weights"]) and is_text(content["decoder"]) and is_text_or_none(content.get("network_id"))
    if not named:
        raise ValueError("weights, decoder or network is no text")
    rows, table = (len(CONCEPTS),), (len(CONCEPTS), 7)
    shapes: dict[str, tuple[int, ...]] = {"middle": rows, "deviation": rows, "low": rows, "high": rows}
    shapes |= dict.fromkeys(("slopes", "slopes_low", "slopes_high"), table)
    numbers: dict[str, NDArray[np.float64]] = {}
    for name, shape in shapes.items():
        told, row = content[name], list_of(within(-MOST, MOST))
        if not (row if len(shape) == 1 else list_of(row))(told) or np.shape(told) != shape:
            raise ValueError(f"{name} is not a table of numbers from {-MOST:g} to {MOST:g} of {shape}")
        numbers[name] = np.array(told, dtype=np.float64)
    if (numbers["deviation"] < LEAST_DEVIATION).any():
        raise ValueError(f"a deviation is below {LEAST_DEVIATION:g}")
    for low, high in (("low", "high"), ("slopes_low", "slopes"), ("slopes", "slopes_high")):
        if (numbers[low] > numbers[high]).any():
            raise ValueError(f"{low} lies above {high}")
    return Directions(content["weights"], content["decoder"], **numbers, network_id=content.get("network_id"))


def learned_from(model: Model, decoder: StructureWeights, parts: "Mapping[tuple[str, Part], ReadPart]") -> Directions:
    """Directions from the training parts of all sources together; ConfigFault where the class head is not one layer,
    DataFault for fewer than `FEWEST` pictures in which a lesion is outlined."""
    head = model.net.head
    if head.hidden is not None or model.description.model.weighs_cells:
        raise ConfigFault(
            say(
                "The scores of {label} are not one linear layer over pooled features: directions need such weights.",
                label=model.label,
            )
        )
    own = [part.readings for (_, part_name), part in parts.items() if part_name == "train"]
    readings = Readings(*(np.concatenate(values) for values in zip(*own, strict=True)))
    whole = int((~np.isnan(readings.concepts).any(axis=1)).sum())
    if whole < FEWEST:
        raise DataFault(
            say(
                "{label} outline a lesion in {whole} of the training pictures that were read, too few to tell apart "
                "what {concepts} concepts do: name data with {fewest} or more.",
                label=model.label,
                whole=whole,
                concepts=len(CONCEPTS),
                fewest=FEWEST,
            )
        )
    weight = head.scores.weight.detach().cpu().numpy().astype(np.float64)
    found = find_directions(readings, weight, model.sha256, decoder.sha256)
    return found._replace(network_id=model.network_id)


def directions_for(model: Model, decoder: str) -> Directions | None:
    """The directions that belong to the weights `model` and the decoder with this SHA-256; None where there are none.

    Raises WeightsFault for a damaged file.
    """
    path = description_at(DIRECTIONS, "concepts.json")
    if path is None:
        return None
    found = _read(path, path.stat().st_mtime_ns)
    return found if model.made(found.weights, found.network_id) and found.decoder == decoder else None


@lru_cache(2)
def _read(path: Path, _changed: int) -> Directions:
    try:
        return read_directions(read_json(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsFault(
            say(
                "The directions of concepts {path} are damaged ({error}): copy them anew, or find them with `derm "
                "concepts learn`.",
                path=path,
                error=error,
            )
        ) from error
