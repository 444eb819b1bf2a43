"""What is measured of concepts on the split by lesion: the additive model beside the network, and testing with concept
activation vectors; ready for JSON.

Needs what `derm.concepts.learn` read. The test part is looked at to report; penalties are chosen on validation.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.concepts.additive import alone, disagreement, fit_additive, measure_additive
from derm.concepts.learn import ReadPart
from derm.concepts.measured import GIVENS, LEVELS
from derm.concepts.read import CONCEPTS
from derm.concepts.tcav import Tested, adjusted, concepts_tested, look
from derm.data.split import Part
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.metrics.calibration import softmax
from derm.metrics.classification import auc
from derm.model.weights import Model
from derm.structures.table import KEYS

Parts = Mapping[tuple[str, Part], ReadPart]

MALIGNANT_CODES = tuple(code for code, malignant in zip(CODES, MALIGNANT, strict=True) if malignant)

TARGETS = {"melanoma": ("mel",), "malignant": MALIGNANT_CODES}
"""What is told, and the diagnoses that count."""

VECTORS_FROM = 400
"""Pictures, drawn by lot beside all that show a rare structure, from which concept vectors come."""

TESTED = 40
"""Pictures of each diagnosis and source that are tested, at most."""

FEWEST = 10
"""Pictures of a diagnosis below which it is not tested."""


def measure_models(parts: Parts, temperature: float) -> list[dict[str, Any]]:
    """The additive models of every source, target and set of concepts, on the test part, each beside the network.

    Left out are sources of which a part lacks or no training picture is outlined, and targets without pictures on both
    sides in any part: validation chooses the penalty.
    """
    found = []
    for source in sorted({name for name, _ in parts}):
        own = [parts.get((source, part)) for part in ("train", "validation", "test")]
        if any(part is None for part in own):
            continue
        train, validation, test = (part for part in own if part is not None)
        if not train.is_outlined:
            continue
        for target, codes in TARGETS.items():
            if target == "malignant" and not set(train.dx) & (set(codes) - {"mel"}):
                continue  # the same as melanoma
            network = _network(test, codes, temperature)
            truths = [np.isin(part.dx, codes) for part in (train, validation, test)]
            if not all(map(_has_both, truths)):
                continue
            for given in GIVENS:
                if given == GIVENS[0] and train.marks is None:
                    continue
                values = [_values(part, given) for part in (train, validation, test)]
                model = fit_additive(values[0], truths[0], values[1], truths[1])
                scores = model.score(values[2])
                found.append(
                    {
                        "source": source,
                        "target": target,
                        "given": given,
                        "images": {"train": len(train.dx), "test": len(test.dx), "positive": int(truths[2].sum())},
                        "strength": model.strength,
                        **measure_additive(scores, network, truths[2], test.lesions),
                        "disagreement": disagreement(scores, network, truths[2]),
                    }
                )
    return found


def measure_alone(parts: Parts) -> list[dict[str, Any]]:
    """AUC for melanoma of each concept by itself on the test part, its direction from the training part.

    Sources are left out as by `measure_models`.
    """
    found = []
    for source in sorted({name for name, _ in parts}):
        train, test = parts.get((source, "train")), parts.get((source, "test"))
        if train is None or test is None or not train.is_outlined:
            continue
        truth = test.dx == "mel"
        if not (_has_both(truth) and _has_both(train.dx == "mel")):
            continue
        scores = alone(train.readings.concepts, train.dx == "mel", test.readings.concepts, CONCEPTS)
        found += [{"source": source, "concept": name, "auc": auc(truth, score)} for name, score in scores.items()]
    return found


def _has_both(truth: NDArray[np.bool_]) -> bool:
    return bool(truth.any() and not truth.all())


def _values(part: ReadPart, given: str) -> NDArray[np.float64]:
    """The concepts of a part's pictures that a model is given, float64 (n, k)."""
    machine, measures = part.readings.presence.astype(np.float64), part.readings.measures.astype(np.float64)
    if given == "structures":
        return machine
    if given == "measures":
        return measures
    structures = machine if part.marks is None or given != GIVENS[0] else part.marks
    return np.concatenate([structures, measures], axis=1)


def _network(part: ReadPart, codes: tuple[str, ...], temperature: float) -> NDArray[np.float64]:
    chosen = [INDEX[code] for code in codes]
    found: NDArray[np.float64] = softmax(part.readings.logits, temperature)[:, chosen].sum(axis=1)
    return found


def measure_vectors(
    model: Model, parts: Parts, marked: str, progress: Callable[[int, int], None] | None = None
) -> list[dict[str, Any]]:
    """Testing with concept activation vectors of the source `marked`, on the test parts of all sources.

    progress: told (done, total) in pictures.
    """
    train = parts[marked, "train"]
    if train.marks is None:
        raise ValueError(f"{marked} has no marks: name a source that has")
    shown = train.marks > 0
    rare = shown[:, [KEYS.index("negative_network"), KEYS.index("streaks")]].any(axis=1)
    random = np.random.default_rng(0)
    others = random.permutation(np.flatnonzero(~rare))[:VECTORS_FROM]
    rows = np.sort(np.concatenate([np.flatnonzero(rare), others]))
    tests = {source: _drawn(part, random) for (source, part_name), part in parts.items() if part_name == "test"}
    total, before = len(rows) + sum(map(len, tests.values())), 0

    def tell(done: int, _own: int) -> None:
        if progress:
            progress(before + done, total)

    paths = train.table["image_path"].iloc[rows].tolist()
    learned = look(model, paths, train.dx[rows].tolist(), tell)
    sources, found, before = list[str](), list[Tested](), len(rows)
    for source, chosen in tests.items():
        part = parts[source, "test"]
        dx = part.dx[chosen]
        tested = look(model, part.table["image_path"].iloc[chosen].tolist(), dx.tolist(), tell)
        before += len(chosen)
        codes = [code for code in CODES if (dx == code).sum() >= FEWEST]
        activations: dict[str, NDArray[np.float32]] = {name: learned[name].activations for name in LEVELS}
        rows_told = concepts_tested(activations, shown[rows], KEYS, tested, dx, codes, seed=0)
        found += rows_told
        sources += [source] * len(rows_told)
    return [{"source": source, **told._asdict()} for source, told in zip(sources, adjusted(found), strict=True)]


def _drawn(part: ReadPart, random: np.random.Generator) -> NDArray[np.int64]:
    """Up to `TESTED` pictures of each diagnosis, row numbers, int64."""
    found = [random.permutation(np.flatnonzero(part.dx == code))[:TESTED] for code in CODES]
    return np.sort(np.concatenate(found))
