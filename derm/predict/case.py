"""One picture and all that the model says of it: outline, probabilities, evidence and what follows from them.

Needs a loaded `Model` and a checked picture. One forward pass answers everything; nothing global is touched, so
threads may share the model. Knows nothing of folders and pages.
"""

import hashlib
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import DIAGNOSES, MALIGNANT, Diagnosis
from derm.explain.agreement import AGREEMENT_SIDE, Agreement, agreement, mean_agreement
from derm.explain.class_mask import binary_class_mask, class_mask
from derm.explain.gradcam import HeatMap, heat_map_of
from derm.image.decode import image_name, read_scaled
from derm.image.lesion_measures import LesionMeasures, measure_lesion
from derm.image.marks import Marks, measure_marks
from derm.image.overlay import resize_mask
from derm.image.polygons import Polygons, fill
from derm.image.quality import Quality, measure_quality
from derm.image.resize import square, square_mask, unsquare, window_of
from derm.image.scale import Scale
from derm.metrics.calibration import softmax
from derm.metrics.conformal import conformal_sets
from derm.metrics.prior import malignant_share
from derm.model.weights import Model
from derm.predict.doubts import doubts_of
from derm.predict.forms import BLANK, Forms
from derm.predict.interpret import Prediction, interpret
from derm.predict.learned_words import codes_not_learned
from derm.predict.picture_kind import PictureKind
from derm.predict.pixels import PARTS, Part, shape_of

MIN_LESION = 0.001
"""Smallest share of the picture that counts as a lesion. The smallest of HAM10000's 10,015 true masks fills 0.0039;
what is a quarter of that is a speck of noise, and nothing about it is measured."""


def _share(mask: NDArray[np.bool_]) -> float:
    """Of the picture's pixels, 0 … 1. Counted: the mean of 12 million truth values takes 14 ms, their number 1."""
    return int(np.count_nonzero(mask)) / mask.size


def lesion_in(outline: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The outline, bool (h, w), or an empty one where it holds too little to be a lesion, see `MIN_LESION`."""
    lesion: NDArray[np.bool_] = outline & (_share(outline) >= MIN_LESION)
    return lesion


@dataclass(frozen=True, eq=False)
class Case:
    """A picture with the model's answer."""

    name: str
    """What the user calls the picture."""

    image: NDArray[np.uint8]
    """Uint8 (H, W, 3) RGB, at its own size."""

    probabilities: NDArray[np.float64]
    """Float64 (7,) in the order of `CODES`, sum 1: softmax of the logits divided by the temperature."""

    mask_probability: NDArray[np.float32]
    """Float32 (H, W), 0 … 1: the probability that a pixel is lesion."""

    mask: NDArray[np.bool_]
    """Bool (H, W): lesion, at the threshold that the weights were described with."""

    evidence: tuple[HeatMap, ...]
    """Grad-CAM of the seven classes in the order of `CODES`; each `map` is float32 (H, W), scaled when asked for."""

    weights: str
    """Name of the weights and the first 8 digits of their SHA-256."""

    class_mask_threshold: float = 0.5
    """Value of a soft class mask from which its binary one is set, above 0 … 1."""

    truth: NDArray[np.bool_] | None = None
    """Bool (H, W): the true lesion mask, where there is one, as of a drawing or an image of the data set."""

    referral_threshold: float | None = None
    """Malignant sum from which referral is advised, 0 … 1; None where none has been chosen."""

    conformal_thresholds: tuple[float, ...] | None = None
    """For each of `CODES` the probability from which it cannot be excluded, 0 … 1; None where not calibrated."""

    looks_inside: bool = False
    """Whether the model reads the diagnosis inside its outline, too, so that agreement with it is in part built in."""

    weighs_cells: bool = False
    """Whether `evidence` is weighted with the outline already, so that it is the class mask by itself."""

    not_dermoscopic: bool | None = None
    """Whether this is no dermoscopic picture at all, so that there is no answer; None where the weights cannot tell."""

    not_dermoscopic_score: float | None = None
    """How unlike dermoscopy, higher is further away; None where the weights cannot tell."""

    seen_little: bool | None = None
    """Whether this is dermoscopy of a kind that the model has seen little of, so that its answer is less certain; None
    where the weights cannot tell."""

    seen_little_score: float | None = None
    """How far from the pictures that were trained on, about 1 for one of them; None where the weights cannot tell."""

    mix: tuple[float, ...] | None = None
    """Share of each of `CODES` among the cases that the probabilities hold for, sum 1; None where it is not known."""

    at_data: "Case | None" = None
    """The case at the data's own mix, where this is it at a practice's, see `derm.predict.practice`; else None."""

    not_learned: tuple[str, ...] | None = None
    """Those of `CODES` whose probability means nothing, for the weights have learned from hardly any such image; None
    where the weights do not tell what they have learned from."""

    views: int = 1
    """Over how many views, turned and mirrored, the answer is the mean: 1 or 8, see `derm.predict.views`."""

    spread: float | None = None
    """The views' standard deviation of the most probable diagnosis's probability, 0 … 0.5; None for one view."""

    each_view: NDArray[np.float64] | None = None
    """Probabilities of each view, float64 (V, 7), at the mix of `probabilities`; None for one view."""

    measured: Quality | None = None
    """What was measured of the picture before it was let go; None while it is here, and then `quality` measures it."""

    polygons: Polygons | None = None
    """The outline as whoever reads the case corrected it, see `outline`; None where the model's stands."""

    scale: Scale | None = None
    """How many millimetres a pixel is; None where nothing tells it."""

    forms: Forms = BLANK
    """What whoever reads the case filled in."""

    prediction: Prediction | None = field(default=None, repr=False)
    """What the network answered, N = 1, so that whoever explains the case need not ask it again; None where a case was
    put together by hand."""

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the picture, pixels, for which nothing that was let go has to come back."""
        return shape_of(self.__dict__["mask"])

    @property
    def predicted(self) -> Diagnosis:
        """The most probable diagnosis; of equals the first in the order of `CODES`."""
        return DIAGNOSES[int(self.probabilities.argmax())]

    @property
    def ranked(self) -> list[tuple[Diagnosis, float]]:
        """The seven diagnoses with their probabilities, most probable first, equals in the order of `CODES`."""
        order = np.argsort(-self.probabilities, kind="stable")
        return [(DIAGNOSES[index], float(self.probabilities[index])) for index in order]

    @property
    def p_malignant(self) -> float:
        """The sum of the probabilities of melanoma, basal cell carcinoma and actinic keratosis, 0 … 1."""
        return float(self.probabilities[np.array(MALIGNANT)].sum())

    @property
    def mix_share(self) -> float | None:
        """The share of malignant lesions for which the probabilities hold, 0 … 1; None where it is not known."""
        return None if self.mix is None else malignant_share(self.mix)

    @property
    def above_referral(self) -> bool | None:
        """Whether the malignant sum reaches the threshold for referral; None without a threshold.

        At a practice's mix both have moved, and the data's own decides, lest rounding does.
        """
        if self.at_data is not None:
            return self.at_data.above_referral
        return None if self.referral_threshold is None else self.p_malignant >= self.referral_threshold

    @cached_property
    def cannot_exclude(self) -> tuple[int, ...] | None:
        """Indexes in `CODES` of the diagnoses in the conformal set, most probable first; None without thresholds.

        The most probable is always in, see `falls_short`. Another may be in while a more probable one is not: each
        diagnosis has its own threshold. Sets belong to the data's own mix; at a practice's the most probable joins it.
        """
        if self.conformal_thresholds is None:
            return None
        decides = self if self.at_data is None else self.at_data
        held = conformal_sets(decides.probabilities[None], np.array(self.conformal_thresholds))[0]
        held[self.probabilities.argmax()] = True
        order = np.argsort(-self.probabilities, kind="stable")
        return tuple(int(index) for index in order if held[index])

    @property
    def falls_short(self) -> bool:
        """Whether no diagnosis reaches its conformal threshold: the most probable is in the set for want of another."""
        decides = (self if self.at_data is None else self.at_data).probabilities
        return self.conformal_thresholds is not None and bool((decides < self.conformal_thresholds).all())

    @property
    def outline(self) -> NDArray[np.bool_]:
        """Bool (H, W): the outline that is shown and measured, as corrected or else the model's. No answer follows."""
        return self.mask if self.polygons is None else fill(self.polygons, *self.shape)  # kept, it would fill memory

    @property
    def has_outline(self) -> bool:
        """Whether `outline` holds enough to be a lesion, see `MIN_LESION`."""
        return self.has_lesion if self.polygons is None else self.outline_fraction >= MIN_LESION

    @cached_property
    def outline_fraction(self) -> float:
        """The share of the picture's pixels inside `outline`, 0 … 1."""
        return _share(self.outline)

    @cached_property
    def lesion(self) -> LesionMeasures | None:
        """What is measured of the lesion inside `outline`; None where there is none. Needs the picture."""
        if self.at_data is not None:
            return self.at_data.lesion
        return measure_lesion(self.image, self.outline) if self.has_outline else None

    @cached_property
    def mask_fraction(self) -> float:
        """The share of the picture's pixels that are lesion, 0 … 1."""
        return _share(self.mask)

    @property
    def has_lesion(self) -> bool:
        """Whether the outline holds enough to be a lesion, see `MIN_LESION`."""
        return self.mask_fraction >= MIN_LESION

    @cached_property
    def quality(self) -> Quality:
        """What was measured of the picture and its outline, whatever the model says of it."""
        return self.measured or measure_quality(self.image, lesion_in(self.mask))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the picture's size and pixels, hexadecimal. Needs the picture."""
        if self.at_data is not None:
            return self.at_data.digest
        found = hashlib.sha256(repr(self.image.shape).encode())
        found.update(np.ascontiguousarray(self.image).data)
        return found.hexdigest()

    @cached_property
    def marks(self) -> Marks:
        """Traces of ink and of a ruler. Needs the picture."""
        if self.at_data is not None:
            return self.at_data.marks
        return measure_marks(self.image, lesion_in(self.mask))

    @property
    def answerable(self) -> bool:
        """Whether there is an answer at all: no doubt of `derm.predict.doubts` takes it away."""
        return not any(doubt.blocks for doubt in doubts_of(self))

    def class_mask(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The class-specific mask of `CODES[index]`: soft, float32 (H, W), 0 … 1, and binary, bool (H, W).

        Both are empty where the class has no evidence.
        """
        soft = self.soft_class_mask(index, *self.mask.shape)
        return soft, binary_class_mask(soft, self.class_mask_threshold)

    def soft_class_mask(self, index: int, height: int, width: int) -> NDArray[np.float32]:
        """The soft mask of `CODES[index]`, float32 (height, width), 0 … 1, made at that size.

        Lesion probability times evidence; the evidence alone where it was weighted with the outline as it arose; and
        where the outline was corrected, the evidence inside it.
        """
        evidence = self.evidence[index].scaled(height, width)
        if self.polygons is not None:
            return class_mask(resize_mask(self.outline, height, width).astype(np.float32), evidence)
        if self.weighs_cells:
            return evidence
        return class_mask(unsquare(self.mask_probability, height, width), evidence)

    def agreement(self, index: int) -> Agreement | None:
        """How the evidence for `CODES[index]` agrees with `outline`, on a square of `AGREEMENT_SIDE` pixels.

        None where the class has no evidence (`evidence[index].flat`) or the picture no lesion (`has_outline`).
        """
        if self.at_data is not None:
            return self.at_data.agreement(index)
        if index not in self._agreements:
            evidence = self.evidence[index].scaled(AGREEMENT_SIDE, AGREEMENT_SIDE)
            self._agreements[index] = agreement(evidence, self._small_mask) if self.has_outline else None
        return self._agreements[index]

    def peaks_inside(self, index: int) -> bool:
        """Whether some of the places with most evidence for `CODES[index]` lie inside `outline`."""
        evidence = self.evidence[index].scaled(AGREEMENT_SIDE, AGREEMENT_SIDE)
        return bool(self._small_mask[evidence == evidence.max()].any())

    def true_agreement(self, index: int) -> Agreement | None:
        """The same with the true mask; None also where that is not known."""
        if self.truth is None:
            return None
        if self.at_data is not None:
            return self.at_data.true_agreement(index)
        if index not in self._true_agreements:
            evidence = self.evidence[index].scaled(AGREEMENT_SIDE, AGREEMENT_SIDE)
            self._true_agreements[index] = agreement(evidence, square_mask(self.truth, AGREEMENT_SIDE))
        return self._true_agreements[index]

    @cached_property
    def mean_agreement(self) -> Agreement | None:
        """The same as the mean over the seven classes at one common threshold; None without evidence or lesion."""
        if self.at_data is not None:
            return self.at_data.mean_agreement
        maps = [evidence.scaled(AGREEMENT_SIDE, AGREEMENT_SIDE) for evidence in self.evidence]
        return mean_agreement(maps, self._small_mask) if self.has_outline else None

    @cached_property
    def _agreements(self) -> dict[int, Agreement | None]:
        return {}

    @cached_property
    def _true_agreements(self) -> dict[int, Agreement | None]:
        return {}

    @cached_property
    def _small_mask(self) -> NDArray[np.bool_]:
        return square_mask(self.outline, AGREEMENT_SIDE)


for _name in PARTS:  # which of them are in memory is for `derm.predict.budget` to decide, where it holds the case
    setattr(Case, _name, Part(_name))


def changed(case: Case, **changes: Any) -> Case:  # noqa: ANN401 - of all kinds
    """`case` with other values of some fields; what was let go of it stays where it is, and so does what may be let go:
    `dataclasses.replace` would hold the pixels for as long as the new case lives."""
    made = object.__new__(Case)
    made.__dict__.update({one.name: changes.pop(one.name, case.__dict__[one.name]) for one in fields(Case)})
    if changes:
        raise TypeError(f"a case has no {', '.join(changes)}")
    return made


def diagnose(
    model: Model,
    image: NDArray[np.uint8],
    name: str,
    *,
    truth: NDArray[np.bool_] | None = None,
    drawn: bool = False,
    views: int = 1,
    scale: Scale | None = None,
) -> Case:
    """Ask the model about one checked picture, uint8 (H, W, 3) RGB; name: what the user calls it.

    truth: the true lesion mask, bool (H, W), where it is known; it is kept with the case and changes no answer. drawn:
    a drawing is no dermoscopic picture and need not be told so. views: 1, or 8 for the mean over eight, which takes
    eight times as long; whether the picture is unfamiliar is told by the upright one, for which that was tuned. scale:
    millimetres a pixel, where known; it is kept with the case, too. Raises ConfigFault for another number of views.
    """
    description = model.description
    height, width = image.shape[:2]
    size, fit = description.model.input_size, description.model.fit
    found = interpret(model, square(image, size, fit)[None], views=views)
    kind = PictureKind() if drawn else found.kind
    mask_probability = found.lesion_at(0, height, width)
    shift = 0.0 if views > 1 else description.evidence_shift.get("features", 0.0)
    window = window_of(height, width, size, fit)
    return Case(
        name=name,
        image=image,
        probabilities=found.probabilities[0],
        mask_probability=mask_probability,
        mask=mask_probability >= description.mask_threshold,
        evidence=tuple(heat_map_of(raw, height, width, shift, window) for raw in found.maps[0]),
        weights=model.label,
        class_mask_threshold=description.class_mask_threshold,
        truth=truth,
        referral_threshold=description.referral_threshold,
        conformal_thresholds=description.conformal_thresholds,
        mix=description.known_mix,
        not_learned=codes_not_learned(description.training),
        looks_inside=description.model.looks_inside,
        weighs_cells=description.model.weighs_cells,
        **{name: None if values is None else values[0].item() for name, values in kind._asdict().items()},
        views=views,
        spread=None if found.spread is None else float(found.spread[0]),
        each_view=softmax(found.each[0], description.temperature) if views > 1 else None,
        scale=scale,
        forms=BLANK,
        prediction=found,
    )


def diagnose_bytes(model: Model, content: bytes, name: str, *, views: int = 1) -> Case:
    """Ask the model about the picture in the bytes of an uploaded file; raises ImageRefused."""
    image, told = read_scaled(content, name)
    scale = None if told is None else Scale(told, "DICOM")
    return diagnose(model, image, image_name(name), views=views, scale=scale)
