"""Temperature, referral threshold and conformal thresholds, from the validation part alone.

Needs weights and a catalogue. The validation part is divided by lesion: one share chooses temperature and referral
threshold, the other calibrates the conformal sets and chooses nothing else. Knows nothing of the test part.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.split import By, split_catalogue
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault
from derm.evaluate.answered import answer_images
from derm.explain.methods import METHODS
from derm.explain.placement import disagreement, fit_shift, turned_maps
from derm.image.door import open_image
from derm.image.scale import square
from derm.measure.calibration import calibration_measures, fit_temperature, softmax
from derm.measure.conformal import conformal_thresholds
from derm.measure.decision import least_given_to_truth, referral_threshold, worst_pictures
from derm.measure.undefined import or_none
from derm.model.weights import Description, Model
from derm.predict.familiar import fit_familiarity
from derm.predict.features import features_of

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
    """temperature, thresholds, familiarity and evidence_shift as `Description` has them; record: how they came."""

    temperature: float
    referral_threshold: float
    conformal_thresholds: tuple[float, ...]
    familiarity: dict[str, Any] | None
    evidence_shift: dict[str, float]
    record: dict[str, Any]

    def describe(self, description: Description) -> Description:
        """Return `description` with these numbers in it; what was measured with others before is dropped."""
        return replace(
            description,
            temperature=self.temperature,
            referral_threshold=self.referral_threshold,
            conformal_thresholds=self.conformal_thresholds,
            familiarity=self.familiarity,
            evidence_shift=self.evidence_shift,
            measured={"calibration": self.record},
        )


def calibrate(
    model: Model,
    catalogue: Catalogue,
    by: By = "lesion",
    outsiders: Sequence[Path] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Fit everything that turns scores into decisions; DataFault when validation is too small for it.

    The referral threshold is the highest whose lower one-sided 95 % bound of sensitivity for malignant lesions is at
    least 0.95, each lesion judged by the picture on which the model does worst. outsiders: pictures that are not
    dermoscopic, those of one patient side by side; with them, what is far from the training pictures can be told.
    """
    split = split_catalogue(catalogue, by)
    rows = split.rows("validation")
    table = catalogue.table.iloc[rows].reset_index(drop=True)
    lesions = split.lesions.iloc[rows].to_numpy(dtype=str)
    true: NDArray[np.int64] = table["dx"].map(INDEX).to_numpy().astype(np.int64)
    conformal = divide(lesions, true)
    chooses = ~conformal
    if not chooses.any() or not conformal.any():
        raise DataFault(f"{catalogue.folder} has {len(rows)} validation images, too few to calibrate on: use more.")
    malignant = np.array(MALIGNANT)
    if not malignant[true[chooses]].any():
        raise DataFault(f"{catalogue.folder} has no malignant lesion to choose a threshold on: use a larger data set.")
    answered = answer_images(model, table, progress)
    logits = answered.logits
    temperature = fit_temperature(logits[chooses], true[chooses])
    probabilities = softmax(logits, temperature)
    p_malignant, is_malignant = probabilities[:, malignant].sum(axis=1), malignant[true]
    worst = worst_pictures(p_malignant[chooses], is_malignant[chooses], lesions[chooses])
    referral = referral_threshold(p_malignant[chooses][worst], is_malignant[chooses][worst])
    # One picture a lesion, the hardest: those of one lesion resemble each other, and what holds for it holds for any.
    given = probabilities[np.arange(len(true)), true]
    hardest = np.flatnonzero(conformal)[least_given_to_truth(given[conformal], true[conformal], lesions[conformal])]
    sets = conformal_thresholds(probabilities[hardest], true[hardest], MISSED)
    record = {
        "split": split.name,
        "choosing_images": int(chooses.sum()),
        "conformal_images": int(conformal.sum()),
        "conformal_lesions": dict(zip(CODES, np.bincount(true[hardest], minlength=len(CODES)).tolist(), strict=True)),
        "before": calibration_measures(true[conformal], softmax(logits[conformal])),
        "after": calibration_measures(true[conformal], probabilities[conformal]),
        "referral": {
            "malignant_lesions": referral.malignant,
            "found": referral.found,
            "sensitivity": referral.sensitivity,
            "lower_bound": referral.lower,
        },
    }
    familiarity = None
    if outsiders:
        training = [Path(path) for path in catalogue.table["image_path"].iloc[split.rows("train")]]
        known, unknown = features_of(model, training, progress), features_of(model, outsiders, progress)
        familiarity = fit_familiarity(known, answered.features, unknown)
        record["familiarity"] = {key: familiarity[key] for key in ("method", "tuned_on", "caught", "false_alarms")}
    shift, record["evidence_shift"] = place_evidence(model, table["image_path"][chooses].tolist())
    thresholds = tuple(float(one) for one in sets)
    return Calibration(temperature, float(referral.value), thresholds, familiarity, shift, record)


def place_evidence(model: Model, paths: Sequence[str]) -> tuple[dict[str, float], dict[str, Any]]:
    """Where the cells of heat maps lie (`derm.explain.placement`), measured on at most `PLACED` pictures by lot.

    Returns the shifts as `Description` has them, and for each kind of cells how far maps of turned pictures are apart
    without the shift and with it, 0 … 1.
    """
    some = np.random.default_rng(0).permutation(np.array(paths, dtype=object))[:PLACED]
    size = model.description.model.input_size
    squares = np.stack([square(open_image(Path(path)), size) for path in some])
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
