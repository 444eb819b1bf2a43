"""Calibration on a clinic's own confirmed cases: temperature, referral threshold and conformal sets, nothing trained.

Needs weights, and logits and diagnoses of cases that the weights do not know; all of them are used, and what they are
worth is told by cross-validation. Knows no pictures. It moves what the model's order of cases decides; the order itself
stays, so that a model that tells melanoma from nevus badly there does so afterwards, too.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.learned import record_images
from derm.data.looks import first_of_copies, looks_of
from derm.data.split import split_own
from derm.data.store import read_pair
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.inference import Progress
from derm.image.resize import square
from derm.metrics.calibration import calibration_measures, fit_temperature, nll, softmax
from derm.metrics.conformal import conformal_thresholds
from derm.metrics.decision import Rates, least_given_to_truth, rates_at, worst_pictures
from derm.metrics.missing import or_none
from derm.metrics.prior import class_mix, malignant_share, practice_mix
from derm.metrics.sources import FOR_SETS, LearnedThreshold, learn_threshold
from derm.model.weights import Model, WeightsInfo
from derm.predict.interpret import interpret_in_batches

FEWEST = 9
"""Malignant lesions without which nothing is learned: the lowest of nine finds 90 % of new ones on average. Of benign
ones as many are needed: with fewer, nothing tells for which share of malignant lesions the probabilities hold."""

FOLDS = 5
"""Of the cross-validated temperature, by lesion; each holds its share of the malignant lesions."""

MISSED = 0.1
"""Share of each class's cases that its conformal sets may miss: 90 % sets."""

DRAWS = 200
"""Of each size, in `learning_curve`."""

TARGET = 0.95
"""Sensitivity for malignant lesions at which the referral threshold aims."""

AT_ONCE = 128
"""Pictures held in memory at a time: 128 of 224 × 224 pixels are 19 MB."""


@dataclass(frozen=True)
class OwnCases:
    """A clinic's confirmed cases with the model's scores.

    logits: float64 (n, 7), before the temperature. true: int64 (n,). lesions: text (n,), each image's.
    """

    logits: NDArray[np.float64]
    true: NDArray[np.int64]
    lesions: NDArray[np.str_]
    images: dict[str, str] = field(default_factory=dict)
    """What a description keeps of them, see `derm.data.learned.record_images`; empty where that was not asked for."""

    @property
    def malignant(self) -> NDArray[np.bool_]:
        """Whether each image is of a malignant lesion, bool (n,)."""
        return np.array(MALIGNANT)[self.true]

    @property
    def lesions_of_each_kind(self) -> tuple[int, int]:
        """How many lesions are malignant, and how many benign."""
        return len(np.unique(self.lesions[self.malignant])), len(np.unique(self.lesions[~self.malignant]))

    def take(self, rows: NDArray[Any]) -> "OwnCases":
        """The cases of `rows`, row numbers or bool (n,)."""
        return OwnCases(self.logits[rows], self.true[rows], self.lesions[rows])

    def sums(self, temperature: float) -> NDArray[np.float64]:
        """The malignant sum of each image, float64 (n,)."""
        total: NDArray[np.float64] = softmax(self.logits, temperature)[:, np.array(MALIGNANT)].sum(axis=1)
        return total

    def rates(self, sums: NDArray[np.float64], threshold: float) -> Rates:
        """Sensitivity and specificity of referring from `threshold` on, each lesion judged by its worst picture."""
        rows = worst_pictures(sums, self.malignant, self.lesions)
        return rates_at(threshold, sums[rows], self.malignant[rows])


@dataclass(frozen=True)
class LocalCalibration:
    """temperature, thresholds and mix as `WeightsInfo` has them; record: how they came, ready for JSON."""

    temperature: float
    referral_threshold: float
    conformal_thresholds: tuple[float, ...] | None
    mix: tuple[float, ...]
    record: dict[str, Any]

    def describe(self, description: WeightsInfo) -> WeightsInfo:
        """Return `description` with these numbers; what was measured with others before is dropped."""
        return replace(
            description,
            temperature=self.temperature,
            referral_threshold=self.referral_threshold,
            conformal_thresholds=self.conformal_thresholds,
            mix=self.mix,
            measured={"calibration": self.record},
        )


class CurvePoint(NamedTuple):
    """What so many confirmed cases buy, measured on the cases that were not drawn.

    images: drawn at a time; 0 is the untouched model. malignant: lesions among them, mean. refused: share of draws with
    too few lesions of a kind, in which the untouched numbers stay. sensitivity, specificity: mean over the draws, with
    the 2.5th and 97.5th percentile, in which a single clinic may find itself (of the untouched model: Clopper and
    Pearson's 95 % interval over all cases). reached: share of draws whose sensitivity is at least `TARGET`. ece: of the
    malignant sum, debiased, mean. temperature: mean. A rate is told of the draws that leave a lesion of its kind to
    measure on, NaN where none does.
    """

    images: int
    malignant: float
    refused: float
    sensitivity: tuple[float, float, float]
    specificity: tuple[float, float, float]
    reached: float
    ece: float
    temperature: float


def ask_own_cases(
    model: Model, catalogue: Catalogue, progress: Progress | None = None, *, called: str = ""
) -> OwnCases:
    """The model's scores for every image of `catalogue` that has one of the seven diagnoses, of all parts.

    Images of one lesion count as one case; without a `lesion_id` each is a lesion of its own. Copies of one photograph
    count once, and their lesions are one. Raises DataFault where no image has a diagnosis, a file cannot be read, or
    copies have different diagnoses. called: where given, the folder's name, and too few lesions are refused, see
    `refuse_few`, before the model is asked.
    """
    known = catalogue.table["dx"].isin(CODES)
    if not known.any():
        raise DataFault(f"{catalogue.place} has no image with one of the diagnoses {', '.join(CODES)}: add a table.")
    table = catalogue.table[known]
    looks = looks_of([Path(path) for path in table["image_path"]])
    first = first_of_copies(looks)
    once = first == np.arange(len(first))
    originals = table.iloc[first]
    if (differ := np.flatnonzero(table["dx"].to_numpy() != originals["dx"].to_numpy())).size:
        one, other = (rows[["image_id", "dx"]].iloc[differ[0]] for rows in (originals, table))
        more = f", and so are {len(differ) - 1:,} more" if len(differ) > 1 else ""
        raise DataFault(
            f"{one['image_id']} ({one['dx']}) and {other['image_id']} ({other['dx']}) are one photograph with two "
            f"diagnoses{more}: correct the wrong ones, or take one of the files out. `derm data check` names all."
        )
    copies = pd.DataFrame(
        {"image_id": table["image_id"][~once].to_numpy(), "same_lesion_as": originals["image_id"][~once].to_numpy()}
    )
    joined = replace(catalogue, duplicates=pd.concat([catalogue.duplicates, copies], ignore_index=True))
    parts = split_own(joined)
    images = record_images(looks, table, parts.together[known])
    lesions = parts.lesions[known].to_numpy(dtype=str)[once]
    table = table[once]
    true: NDArray[np.int64] = table["dx"].map(INDEX).to_numpy().astype(np.int64)
    if called:
        refuse_few(OwnCases(np.zeros((len(true), len(CODES))), true, lesions), called)
    return OwnCases(_logits(model, table, progress), true, lesions, images)


def refuse_few(cases: OwnCases, folder: str) -> None:
    """Raise DataFault for fewer than `FEWEST` malignant or benign lesions. folder: its name."""
    malignant, benign = cases.lesions_of_each_kind
    if min(malignant, benign) < FEWEST:
        raise DataFault(
            f"{folder} has {malignant} malignant and {benign} benign lesions with a diagnosis, and at least {FEWEST} "
            "of each kind are needed: add confirmed cases as they come, not picked. docs/local-calibration.md says how "
            "many buy what."
        )


def calibrate_locally(model: Model, cases: OwnCases, folder: str, known_images: int = 0) -> LocalCalibration:
    """Learn temperature, referral threshold and, of classes with enough lesions, conformal sets from all of `cases`.

    folder: its name, for the record. known_images: how many of its images the weights learned from. The referral
    threshold is as good as the number of malignant lesions allows, see `derm.metrics.sources.learn_threshold`. The mix
    keeps the model's ratios of diagnoses within malignant and within benign, for a diagnosis that `cases` happen to
    lack must not become impossible; for its malignant share see `find_held_mix`. Conformal sets are calibrated on
    probabilities with the temperature of the other folds; a class with fewer than `FOR_SETS` lesions keeps the weights'
    own threshold, or a lower one where the new temperature sharpens. Raises DataFault for fewer than `FEWEST` malignant
    or benign lesions.
    """
    description = model.description
    refuse_few(cases, folder)
    held = find_held_mix(cases, description.known_mix)
    temperature, learned = held.temperature, _learn(cases, held)
    crossed = cross_validate(cases, held)
    sets, own = _conformal(cases, crossed.probabilities, temperature, description)
    lesions_of = {code: len(np.unique(cases.lesions[cases.true == index])) for code, index in INDEX.items()}
    record: dict[str, Any] = {
        "local": {
            "folder": folder,
            "images": len(cases.true),
            "lesions": len(np.unique(cases.lesions)),
            "lesions_of": lesions_of,
            "malignant_share": float(cases.malignant.mean()),
            "weights": model.label,
            "temperature_before": description.temperature,
            "referral_threshold_before": description.referral_threshold,
            **({"known_images": known_images} if known_images else {}),
            **({"cases": cases.images} if cases.images else {}),
        },
        "before": calibration_measures(cases.true, softmax(cases.logits, description.temperature)),
        "after": calibration_measures(cases.true, crossed.there),
        "referral": {
            "malignant_lesions": learned.threshold.malignant,
            "found": learned.threshold.found,
            "sensitivity": or_none(learned.threshold.sensitivity),
            "lower_bound": or_none(learned.threshold.lower),
            "promise": learned.promise,
            "expected": or_none(learned.expected),
        },
        "untouched": _told(cases, description),
        "cross_validated": _shares(crossed.rates),
        "mix": _told_mix(cases, crossed.there, held),
        "conformal_own": {code: bool(flag) for code, flag in zip(CODES, own, strict=True)},
    }
    return LocalCalibration(temperature, learned.threshold.value, sets, tuple(held.shares.tolist()), record)


class HeldMix(NamedTuple):
    """What a model's probabilities hold for.

    shares: of the classes, float64 (7,). carried: what Bayes' rule adds to their logarithms at the malignant share of
    the cases, float64 (7,); zeros where they hold for that share itself. temperature: that fits all of the cases then.
    """

    shares: NDArray[np.float64]
    carried: NDArray[np.float64]
    temperature: float

    def there(self, logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
        """The probabilities at the malignant share of the cases, float64 (n, 7)."""
        return softmax(logits / temperature + self.carried)


def find_held_mix(cases: OwnCases, mix: tuple[float, ...] | None) -> HeldMix:
    """Whether the model's probabilities hold for the malignant share of `cases`, or for the `mix` that it knows.

    A temperature moves no prior, and cases that were picked must not become everybody's share: what explains the
    diagnoses better is taken, each with the temperature that fits it. mix: of the weights, None where it is not known.
    """
    nothing = np.zeros(len(CODES))
    if mix is None or not 0 < malignant_share(mix) < 1:
        return HeldMix(class_mix(cases.true), nothing, fit_temperature(cases.logits, cases.true))
    share, known = float(cases.malignant.mean()), malignant_share(mix)
    ratio = np.log(np.where(np.array(MALIGNANT), share / known, (1 - share) / (1 - known)))
    found = [
        HeldMix(shares, carried, fit_temperature(cases.logits, cases.true, carried=carried))
        for shares, carried in ((practice_mix(mix, share), nothing), (np.array(mix), ratio))
    ]

    def misfit(one: HeldMix) -> float:
        return nll(one.there(cases.logits, one.temperature)[np.arange(len(cases.true)), cases.true])

    return min(found, key=misfit)


def _told_mix(cases: OwnCases, there: NDArray[np.float64], held: HeldMix) -> dict[str, Any]:
    """For which malignant share the probabilities hold, and what their mean says of it at the cases' own, by numbers
    learned without each. there: float64 (n, 7), at that share."""
    sums = there[:, np.array(MALIGNANT)].sum(axis=1)
    # Images of one lesion err together: the error of the mean is that of the lesions' sums.
    apart = pd.Series(sums - cases.malignant).groupby(cases.lesions).sum()
    return {
        "malignant_share": malignant_share(held.shares),
        "mean_sum": float(sums.mean()),
        "mean_sum_error": float(np.sqrt((apart**2).sum())) / len(sums),
    }


class Crossed(NamedTuple):
    """What numbers learned without a lesion say of it.

    probabilities: float64 (n, 7), of each image; there: the same at the malignant share of the cases. rates: of lesions
    by their worst picture, with 95 % intervals.
    """

    probabilities: NDArray[np.float64]
    there: NDArray[np.float64]
    rates: Rates


def cross_validate(cases: OwnCases, held: HeldMix) -> Crossed:
    """Judge each lesion by numbers learned without it; `held` alone, one of two, is found with all.

    The temperature comes from the other folds, lesions whole. The threshold of a malignant lesion comes from all the
    other malignant ones: a fifth of them less would change what their number can justify, see `learn_threshold`.
    """
    fold = _folds(cases)
    probabilities, there = np.zeros_like(cases.logits), np.zeros_like(cases.logits)
    margin = np.full(len(cases.true), 0.5)
    for one in range(FOLDS):
        out = fold == one
        temperature = fit_temperature(cases.logits[~out], cases.true[~out], carried=held.carried)
        probabilities[out] = softmax(cases.logits[out], temperature)
        there[out] = held.there(cases.logits[out], temperature)
        sums = cases.sums(temperature)
        rows = worst_pictures(sums, cases.malignant, cases.lesions)
        rows = rows[cases.malignant[rows]]
        thresholds = np.full(len(sums), learn_threshold(sums[rows], cases.malignant[rows], TARGET).threshold.value)
        for lesion in np.unique(cases.lesions[out & cases.malignant]):
            others = rows[cases.lesions[rows] != lesion]
            without = learn_threshold(sums[others], cases.malignant[others], TARGET).threshold.value
            thresholds[cases.lesions == lesion] = without
        # What counts is the side of the lesion's own threshold, and for its worst picture how far.
        margin[out] = (0.5 + (sums - thresholds) / 2)[out]
    return Crossed(probabilities, there, cases.rates(margin.clip(0, 1), 0.5))


def learning_curve(
    cases: OwnCases,
    description: WeightsInfo,
    sizes: tuple[int, ...],
    draws: int = DRAWS,
    progress: Callable[[int, int], None] | None = None,
) -> list[CurvePoint]:
    """What `sizes` confirmed cases buy, in images, each drawn `draws` times by lesion and measured on all others.

    The first point is the untouched model, on all cases. A size of more than four fifths of the cases is left out: too
    few would remain to measure on. Raises DataFault where the weights have no referral threshold.
    """
    threshold = description.referral_threshold
    if threshold is None:
        raise DataFault("These weights have no referral threshold to compare with: `derm calibrate` chooses one.")
    sums = cases.sums(description.temperature)
    rates = cases.rates(sums, threshold)
    error = calibration_measures(cases.true, softmax(cases.logits, description.temperature))["malignant"]
    ill, well = ((share.value, share.low, share.high) for share in rates)
    points = [CurvePoint(0, 0, 1, ill, well, float(ill[0] >= TARGET), error["ece_debiased"], description.temperature)]
    sizes = tuple(size for size in sizes if size <= 0.8 * len(cases.true))
    names, lesion = np.unique(cases.lesions, return_inverse=True)
    random = np.random.default_rng(0)
    for place, size in enumerate(sizes):
        tried = []
        for draw in range(draws):
            # Whole lesions in an order by lot, until as many images are together.
            turn = random.permutation(len(names))[lesion]
            drawn = np.zeros(len(lesion), dtype=np.bool_)
            drawn[np.argsort(turn, kind="stable")[:size]] = True
            drawn = np.isin(lesion, lesion[drawn])
            tried.append(_try(cases.take(drawn), cases.take(~drawn), description))
            if progress:
                progress(place * draws + draw + 1, len(sizes) * draws)
        table = pd.DataFrame(tried)
        points.append(
            CurvePoint(
                size,
                float(table["malignant"].mean()),
                float(table["refused"].mean()),
                _spread(table["sensitivity"]),
                _spread(table["specificity"]),
                float((table["sensitivity"].dropna() >= TARGET).mean()),
                float(table["ece"].mean()),
                float(table["temperature"].mean()),
            )
        )
    return points


def best_specificity(cases: OwnCases, temperature: float) -> float:
    """Specificity of the highest threshold that finds `TARGET` of all malignant lesions of `cases`, 0 … 1.

    It is chosen on the cases that it is measured on: what no calibration of these scores can pass on average.
    """
    sums = cases.sums(temperature)
    rows = worst_pictures(sums, cases.malignant, cases.lesions)
    ill = np.sort(sums[rows][cases.malignant[rows]])
    return rates_at(
        float(ill[int(np.floor((1 - TARGET) * len(ill) + 1e-9))]), sums[rows], cases.malignant[rows]
    ).specificity.value


def _learn(cases: OwnCases, held: HeldMix) -> LearnedThreshold:
    """The threshold of each lesion's worst picture."""
    sums = cases.sums(held.temperature)
    rows = worst_pictures(sums, cases.malignant, cases.lesions)
    return learn_threshold(sums[rows], cases.malignant[rows], TARGET)


def _try(drawn: OwnCases, rest: OwnCases, description: WeightsInfo) -> dict[str, float]:
    """One draw of the curve: learned on `drawn`, measured on `rest`."""
    malignant, benign = drawn.lesions_of_each_kind
    temperature, threshold = description.temperature, description.referral_threshold or 0.0
    refused = min(malignant, benign) < FEWEST
    there = softmax(rest.logits, temperature)
    if not refused:
        held = find_held_mix(drawn, description.known_mix)
        temperature, threshold = held.temperature, _learn(drawn, held).threshold.value
        there = held.there(rest.logits, temperature)
    ill, well = rest.rates(rest.sums(temperature), threshold)
    error = calibration_measures(rest.true, there)["malignant"]["ece_debiased"]
    return {
        "malignant": malignant,
        "refused": float(refused),
        "sensitivity": ill.value,
        "specificity": well.value,
        "ece": error,
        "temperature": temperature,
    }


def _spread(values: pd.Series) -> tuple[float, float, float]:
    """Mean, 2.5th and 97.5th percentile of the draws in which the rate is defined; NaN where it is in none."""
    low, high = values.quantile([0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def _folds(cases: OwnCases) -> NDArray[np.int64]:
    """The fold of each image, int64 (n,), 0 … `FOLDS` - 1: whole lesions by lot, malignant and benign dealt in turn."""
    names, first, lesion = np.unique(cases.lesions, return_index=True, return_inverse=True)
    random = np.random.default_rng(0)
    fold = np.zeros(len(names), dtype=np.int64)
    for kind in (True, False):
        members = random.permutation(np.flatnonzero(cases.malignant[first] == kind))
        fold[members] = np.arange(len(members)) % FOLDS
    return fold[lesion]


def _conformal(
    cases: OwnCases, probabilities: NDArray[np.float64], temperature: float, description: WeightsInfo
) -> tuple[tuple[float, ...] | None, NDArray[np.bool_]]:
    """Thresholds of the sets, and which classes have one of their own, bool (7,); None where no class has any.

    A threshold t of the old temperature T becomes, at a new one T', about the t' with odds (t / (1-t))^(T/T'), exactly
    so between two diagnoses; the lower of both is taken, which adds to the sets and takes nothing away.
    """
    rows = least_given_to_truth(probabilities[np.arange(len(cases.true)), cases.true], cases.true, cases.lesions)
    counts = np.bincount(cases.true[rows], minlength=len(CODES))
    own = counts >= FOR_SETS
    before = description.conformal_thresholds
    if before is None and not own.any():
        return None, own
    fitted = conformal_thresholds(probabilities[rows], cases.true[rows], MISSED)
    old = np.clip(np.zeros(len(CODES)) if before is None else np.array(before), 0, 1 - 1e-12)
    odds = (old / (1 - old)) ** (description.temperature / temperature)
    kept = np.minimum(old, odds / (1 + odds))
    return tuple(np.where(own, fitted, kept).tolist()), own


def _shares(rates: Rates) -> dict[str, Any]:
    """Sensitivity and specificity with their intervals, ready for JSON."""
    return {
        name: {"value": or_none(share.value), "interval": [share.low, share.high], "lesions": share.cases}
        for name, share in rates._asdict().items()
    }


def _told(cases: OwnCases, description: WeightsInfo) -> dict[str, Any] | None:
    """What the weights' own threshold is worth on `cases`, ready for JSON; None where they have none."""
    if description.referral_threshold is None:
        return None
    return _shares(cases.rates(cases.sums(description.temperature), description.referral_threshold))


def _logits(model: Model, table: pd.DataFrame, progress: Progress | None) -> NDArray[np.float64]:
    """Scores of every image of `table`, float64 (n, 7); no outline is measured."""
    size, fit, found = model.description.model.input_size, model.description.model.fit, []
    paths = table["image_path"].tolist()
    for first in range(0, len(paths), AT_ONCE):
        squares = np.stack([square(read_pair(path, "")[0], size, fit) for path in paths[first : first + AT_ONCE]])
        found += [one.logits for _, one in interpret_in_batches(model, squares)]
        if progress:
            progress(first + len(squares), len(paths))
    return np.concatenate(found)
