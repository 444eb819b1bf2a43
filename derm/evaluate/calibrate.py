"""Temperature, referral threshold and conformal thresholds, from the validation part alone.

Needs weights and a catalogue. The validation part is divided by lesion: one share chooses the temperature, the other
calibrates the conformal sets and chooses nothing else; both choose the referral threshold. Several sources weigh alike,
and thresholds hold in each. Knows nothing of the test part.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.split import By, Split, split_catalogue
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.decision import Cases
from derm.evaluate.gate import Pictures, fit_gate, patient_of
from derm.evaluate.inference import Inference, answer_images
from derm.evaluate.known import OTHER_IMAGES, find_known, refuse_known
from derm.evaluate.seen import measure_seen
from derm.explain.cell_offset import disagreement, fit_shift, turned_maps
from derm.explain.methods import METHODS
from derm.image.decode import open_image
from derm.image.resize import square
from derm.language.speech import say
from derm.metrics.bootstrap import REPLICATES
from derm.metrics.calibration import calibration_measures, fit_temperature, softmax
from derm.metrics.decision import least_given_to_truth, worst_pictures
from derm.metrics.missing import or_none
from derm.metrics.prior import class_mix
from derm.metrics.sources import (
    calibration_by_source,
    conformal_over_sources,
    referral_by_source,
    threshold_over_sources,
    weigh_alike,
    worst_source,
)
from derm.model.gate import OodGate, style_columns
from derm.model.weights import Model, WeightsInfo
from derm.predict.features import statistics_of
from derm.predict.picture_kind import judge

KNOWN = 2000
"""Training pictures of each source, at most, that say what dermoscopy is: more change no direction that is shrunk."""

VIEWS = 8
"""Of each outsider: as it is, and seven variations. Of photographs cropped, blurred and compressed, a direction found
with them catches 99 %, one without 95 %, and of a source that it was not shown it blocks 7 % instead of 10."""

CONFORMAL_SHARE = 0.5
"""Share of each class's validation lesions that calibrate the conformal sets, where that is not too few."""

CONFORMAL_LEAST = 9
"""So many lesions of a class calibrate its conformal sets where validation holds them: with fewer, no cut can promise
90 %, and the class could never be excluded."""

PLACED = 400
"""Pictures, at most, on which the place of heat maps is measured: more change it by less than 0.01 of a cell."""

PLACING = ("grad-cam", "layercam")
"""Methods, one for each kind of cells whose place is measured."""

MISSED = 0.1
"""Share of each class's cases that its conformal sets may miss: 90 % sets."""


@dataclass(frozen=True)
class Calibration:
    """temperature, thresholds, mix, gate and evidence_shift as `WeightsInfo` has them; record: how they came."""

    temperature: float
    referral_threshold: float
    conformal_thresholds: tuple[float, ...]
    mix: tuple[float, ...]
    gate: OodGate | None
    evidence_shift: dict[str, float]
    record: dict[str, Any]

    def describe(self, description: WeightsInfo) -> WeightsInfo:
        """Return `description` with these numbers in it; what was measured with others before is dropped."""
        return replace(
            description,
            temperature=self.temperature,
            referral_threshold=self.referral_threshold,
            conformal_thresholds=self.conformal_thresholds,
            mix=self.mix,
            familiarity=None,
            gate=self.gate,
            evidence_shift=self.evidence_shift,
            measured={"calibration": self.record},
        )


@dataclass(frozen=True)
class GateFit:
    """gate: as `WeightsInfo` has it; seen_little: what answers are worth inside and outside, see `measure_seen`."""

    gate: OodGate
    seen_little: dict[str, Any]

    def describe(self, description: WeightsInfo) -> WeightsInfo:
        """Return `description` with this gate; decisions and figures stay, but for those of an older gate."""
        measured = {name: _without_gate(name, figures) for name, figures in description.measured.items()}
        told = {**measured.get("calibration", {}), "seen_little": self.seen_little}
        told.pop("familiarity", None)
        return replace(description, familiarity=None, gate=self.gate, measured={**measured, "calibration": told})


def _without_gate(part: str, measured: dict[str, Any]) -> dict[str, Any]:
    """What is measured of a part, or of it by source, without what a gate turned away or the model has seen little
    of."""
    if not part.endswith("_by_source"):
        return {key: value for key, value in measured.items() if key != "seen_little"}
    sources = {
        name: {**own, "figures": {key: value for key, value in own["figures"].items() if key != "turned_away"}}
        for name, own in measured["sources"].items()
    }
    return {**measured, "sources": sources}


class Decisions(NamedTuple):
    """temperature, thresholds and mix as `WeightsInfo` has them; record: how they came, ready for JSON."""

    temperature: float
    referral_threshold: float
    conformal_thresholds: tuple[float, ...]
    mix: tuple[float, ...]
    record: dict[str, Any]


def calibrate(
    model: Model,
    catalogue: Catalogue,
    by: By = "lesion",
    outsiders: Sequence[Path] = (),
    progress: Callable[[int, int], None] | None = None,
    *,
    alike: bool = True,
    leave_out: Collection[str] = (),
) -> Calibration:
    """Fit everything that turns scores into decisions; DataFault when validation is too small for it.

    outsiders: pictures that are not dermoscopic, see `patient_of`; with them, such pictures and dermoscopy that the
    model has seen little of can be told, see `fit_gate`. alike: as for `choose_decisions`. leave_out: sources that the
    weights were not to know. Images without one of the seven diagnoses have no say.
    """
    split = split_catalogue(catalogue, by, leave_out)
    table, lesions, true = _validation(model, catalogue, split, progress)
    conformal = divide(lesions, true)
    if conformal.all() or not conformal.any():
        raise DataFault(
            say(
                "{place} has {count} validation images, too few to calibrate on: use more.",
                place=catalogue.place,
                count=len(true),
            )
        )
    if not np.array(MALIGNANT)[true].any():
        raise DataFault(
            say(
                "{place} has no malignant lesion to choose a threshold on: use a larger data set.",
                place=catalogue.place,
            )
        )
    answered = answer_images(model, table, progress)
    found = choose_decisions(answered.logits, true, lesions, sources_of(table), conformal, alike=alike)
    record = {"split": split.name, **found.record}
    gate = None
    if outsiders:
        decided = replace(
            model.description,
            temperature=found.temperature,
            referral_threshold=found.referral_threshold,
            conformal_thresholds=found.conformal_thresholds,
            mix=found.mix,
        )
        train = catalogue.table.iloc[split.rows("train")]
        fitted = _fit_gate(model, decided, train, (table, lesions, true), answered, outsiders, progress)
        gate, record["seen_little"] = fitted.gate, fitted.seen_little
    shift, record["evidence_shift"] = place_evidence(model, table["image_path"][~conformal].tolist())
    return Calibration(*found[:-1], gate, shift, record)


def calibrate_gate(
    model: Model,
    catalogue: Catalogue,
    by: By,
    outsiders: Sequence[Path],
    progress: Callable[[int, int], None] | None = None,
    *,
    leave_out: Collection[str] = (),
) -> GateFit:
    """Fit what tells the kind of a picture alone, for weights whose temperature and thresholds are to stay.

    Parameters as for `calibrate`. Raises DataFault for too few pictures, or none of a source that was learned from.
    """
    split = split_catalogue(catalogue, by, leave_out)
    validation = _validation(model, catalogue, split, progress)
    answered = answer_images(model, validation[0], progress)
    train = catalogue.table.iloc[split.rows("train")]
    return _fit_gate(model, model.description, train, validation, answered, outsiders, progress)


def _validation(
    model: Model, catalogue: Catalogue, split: Split, progress: Callable[[int, int], None] | None
) -> tuple[pd.DataFrame, NDArray[np.str_], NDArray[np.int64]]:
    """Rows of the validation part with one of the seven diagnoses: table, lesions, text (n,), and class, int64 (n,).

    Raises DataFault where the weights learned from some: thresholds that are chosen on them promise too much.
    """
    rows = split.rows("validation")
    rows = rows[catalogue.table["dx"].iloc[rows].isin(CODES).to_numpy()]
    known = find_known(model.description, catalogue, split, rows, progress)
    refuse_known(known, catalogue, rows, "validation", OTHER_IMAGES)
    table = catalogue.table.iloc[rows].reset_index(drop=True)
    return table, split.lesions.iloc[rows].to_numpy(dtype=str), table["dx"].map(INDEX).to_numpy().astype(np.int64)


def _fit_gate(
    model: Model,
    decided: WeightsInfo,
    training: pd.DataFrame,
    validation: tuple[pd.DataFrame, NDArray[np.str_], NDArray[np.int64]],
    answered: Inference,
    outsiders: Sequence[Path],
    progress: Callable[[int, int], None] | None,
) -> GateFit:
    """Both statements about the kind of picture, see `fit_gate`, and what answers are worth by the second.

    decided: with the temperature and thresholds of the answers. training: rows of a catalogue's table, of which at most
    `KNOWN` of each source are looked at, by lot. validation: as `_validation` gives it, with its answers. outsiders:
    picture files; each is shown in `VIEWS` views. Raises ImageRefused for an outsider that cannot be read.
    """
    table, lesions, true = validation
    sources = sources_of(table)
    known = training.sample(frac=1, random_state=0).groupby("source", sort=True).head(KNOWN)
    statistics = statistics_of(model, [Path(path) for path in known["image_path"]], progress)
    gate = fit_gate(
        Pictures(statistics[:, 0], sources_of(known), known["dx"].to_numpy(dtype=str)),
        Pictures(answered.statistics, sources, table["dx"].to_numpy(dtype=str)),
        statistics_of(model, outsiders, progress, views=VIEWS),
        [patient_of(path) for path in outsiders],
        style_columns(model.net.encoder.out_channels),
        model.description.learned_from if "data" in model.description.training else None,
    )
    cases = Cases(
        true,
        softmax(answered.logits, decided.temperature),
        lesions,
        decided.referral_threshold,
        decided.conformal_thresholds,
        decided.mix,
    )
    little = judge(replace(decided, familiarity=None, gate=gate), answered.statistics, answered.features).seen_little
    assert little is not None  # a gate says it of every picture
    return GateFit(gate, measure_seen(cases, little, sources, REPLICATES))


def sources_of(table: pd.DataFrame) -> NDArray[np.str_]:
    """The source of each row of a catalogue's table, text (n,)."""
    return table["source"].to_numpy(dtype=str)


def choose_decisions(
    logits: NDArray[np.float64],
    true: NDArray[np.int64],
    lesions: NDArray[np.str_],
    sources: NDArray[np.str_],
    conformal: NDArray[np.bool_],
    *,
    alike: bool = True,
) -> Decisions:
    """Temperature, referral threshold and conformal sets of the cases that may choose them.

    logits: float64 (n, 7). true: int64 (n,). lesions, sources: text (n,), each image's. conformal: bool (n,), those
    that calibrate the sets; the others fit the temperature, and all choose the referral threshold, for which sets need
    no cases of their own. alike: each source weighs alike in the temperature, and thresholds hold in each of them (see
    `derm.metrics.sources`); otherwise images count alike, wherever they come from.

    One temperature serves all. A bias for each class beside it (Alexandari et al. 2020) gained nothing at home
    and over two sources learned what the second one's table lacks: `docs/local-calibration.md` has the figures.
    """
    named = sources
    sources = named if alike else np.full(len(named), "all")
    chooses, malignant = ~conformal, np.array(MALIGNANT)
    temperature = fit_temperature(logits[chooses], true[chooses], weigh_alike(sources[chooses]))
    probabilities = softmax(logits, temperature)
    p_malignant, is_malignant = probabilities[:, malignant].sum(axis=1), malignant[true]
    own = np.char.add(np.char.add(sources, "\n"), lesions)
    worst = worst_pictures(p_malignant, is_malignant, own)
    learned, able = threshold_over_sources(p_malignant[worst], is_malignant[worst], sources[worst])
    referral = learned.threshold
    # One picture a lesion, the hardest: those of one lesion resemble each other, and what holds for it holds for any.
    given = probabilities[np.arange(len(true)), true]
    hardest = np.flatnonzero(conformal)[least_given_to_truth(given[conformal], true[conformal], own[conformal])]
    sets = conformal_over_sources(probabilities[hardest], true[hardest], sources[hardest], MISSED)
    told = referral_by_source(referral.value, p_malignant, is_malignant, lesions, named)
    errors = calibration_by_source(probabilities[conformal], true[conformal], named[conformal])
    record = {
        "sources": "alike" if alike else "pooled",
        "choosing_images": int(chooses.sum()),
        "conformal_images": int(conformal.sum()),
        "conformal_lesions": dict(zip(CODES, np.bincount(true[hardest], minlength=len(CODES)).tolist(), strict=True)),
        "before": calibration_measures(true[conformal], softmax(logits[conformal])),
        "after": calibration_measures(true[conformal], probabilities[conformal]),
        "referral": {
            "malignant_lesions": referral.malignant,
            "found": referral.found,
            "sensitivity": or_none(referral.sensitivity),
            "lower_bound": or_none(referral.lower),
            "promise": learned.promise,
            "expected": or_none(learned.expected),
            "chosen_by": list(able) if alike else [],
        },
        "by_source": {
            name: {"referral": told[name], "calibration": errors.get(name)} for name in sorted({*told, *errors})
        },
        "worst": {
            "sensitivity": worst_source(told, "sensitivity", highest=False),
            "ece_debiased": worst_source(errors, "ece_debiased", highest=True),
        },
    }
    mix = class_mix(true, weigh_alike(sources))
    return Decisions(temperature, referral.value, tuple(sets.tolist()), tuple(mix.tolist()), record)


def place_evidence(model: Model, paths: Sequence[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """Where the cells of heat maps lie (`derm.explain.cell_offset`), measured on at most `PLACED` pictures by lot.

    Returns the shifts as `WeightsInfo` has them, and for each kind of cells how far maps of turned pictures are apart
    without the shift and with it, 0 … 1.
    """
    some = np.random.default_rng(0).permutation(np.array(paths, dtype=object))[:PLACED]
    size, fit = model.description.model.input_size, model.description.model.fit
    squares = np.stack([square(open_image(Path(path)), size, fit) for path in some])
    shifts: dict[str, float] = {}
    record: dict[str, Any] = {}
    for name in PLACING:
        method = METHODS[name]
        pairs = turned_maps(model.net, squares, method)
        shifts[method.grid] = shift = fit_shift(pairs)
        apart = {"before": or_none(disagreement(pairs, 0.0)), "after": or_none(disagreement(pairs, shift))}
        record[method.grid] = {"method": name, "pictures": len(pairs), "shift": shift, **apart}
    return shifts, record


def divide(lesions: NDArray[np.str_], classes: NDArray[np.int64], seed: int = 0) -> NDArray[np.bool_]:
    """Which images calibrate the conformal sets, bool (n,): those of `CONFORMAL_SHARE` of each class's lesions, by lot.

    Of `CONFORMAL_LEAST` lesions, where the share is fewer and the class has more. lesions: text (n,). classes: int64
    (n,). A lesion whose images differ in class goes with the first one's.
    """
    names, first = np.unique(lesions, return_index=True)
    random = np.random.default_rng(seed)
    taken: set[str] = set()
    for index in np.unique(classes):
        order = random.permutation(names[classes[first] == index])
        share = round(CONFORMAL_SHARE * len(order))
        taken.update(order[: share if len(order) <= CONFORMAL_LEAST else max(share, CONFORMAL_LEAST)])
    return np.array([lesion in taken for lesion in lesions], dtype=np.bool_)
