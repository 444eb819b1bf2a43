"""What a case says, in sentences: the headline, how sure it is, where the evidence lies, what was measured.

Needs a `Case`. Every sentence that the page shows of a case is made here. Probabilities are taken as they are: no
threshold for referral is known here, and none is invented. Knows nothing of pages.
"""

import cv2
import numpy as np

from derm.diagnoses import DIAGNOSES, Diagnosis
from derm.figures.text import capital, percent, plain
from derm.image.door import image_name
from derm.model.weights import Description
from derm.predict.case import Case
from derm.predict.view import Layer, class_mask_at, screen_size

NOTICE = "Research use only, not a medical device."

UNDECIDED = 0.10
"""Two diagnoses whose probabilities lie closer than this are not told apart. It is a manner of speaking, not a
measured limit: where the probabilities are calibrated, a conformal set can say it better."""

INSIDE = 0.75
"""Share of the evidence from which it is said to lie inside the lesion, and not partly: a manner of speaking, too."""

INVITATION = "Open pictures: JPEG, PNG, TIFF, BMP or WebP"

NOT_CALIBRATED = "These probabilities are not yet calibrated: read them as an order more than as odds."


def headline(case: Case) -> str:
    """The answer in one sentence: the likeliest diagnosis, two that are not told apart, or that no lesion was found."""
    if not case.has_lesion:
        return "No lesion found in this picture."
    (first, p_first), (second, p_second), *_ = case.ranked
    if p_first - p_second < UNDECIDED:
        return f"Undecided between {first.name}, {percent(p_first)}, and {second.name}, {percent(p_second)}."
    if p_first < 0.5:
        return f"No clear diagnosis; most likely {first.name}, {percent(p_first)}."
    return f"Most likely {first.name}, {percent(p_first)}."


def second_line(case: Case) -> str:
    """What stands under the headline: the malignant sum, or why there is no answer."""
    if not case.has_lesion:
        return (
            "The model outlines nothing here. Take a picture with the lesion in the middle and some skin around it; "
            "the probabilities below are not to be relied on."
        )
    return f"Malignant in all: {percent(case.p_malignant)}."


def short_answer(case: Case) -> str:
    """The headline in a list of cases: 'melanoma 61 %'."""
    if not case.has_lesion:
        return "no lesion found"
    (first, share), *_ = case.ranked
    return f"{first.name} {percent(share)}"


def row(diagnosis: Diagnosis, share: float) -> str:
    """One of the seven as Markdown: name, whether it is malignant, and its probability in bold."""
    mark = " :small[· malignant]" if diagnosis.malignant else ""
    return f"{plain(capital(diagnosis.name))}{mark} **{percent(share)}**"


def in_strip(case: Case) -> str:
    """A case in the list as Markdown: its name in bold, then the answer in short."""
    return f"**{plain(case.name)}** {plain(short_answer(case))}"


def kept(count: int, most: int, megapixels: int) -> str:
    """How many cases are in the list, and what it holds."""
    return f"{count} cases, newest first; the list keeps the newest {most}, or as many as make {megapixels} megapixels"


def malignant_parts(case: Case) -> list[tuple[Diagnosis, float]]:
    """The malignant diagnoses with their probabilities, most probable first."""
    return [(diagnosis, share) for diagnosis, share in case.ranked if diagnosis.malignant]


def evidence_sentence(case: Case, index: int) -> str:
    """How well the evidence for `CODES[index]` agrees with the outline, beside what a blob in the middle would have."""
    name = DIAGNOSES[index].name
    if case.evidence[index].flat:
        return f"There is no evidence for {name} in this picture."
    agreement = case.agreement(index)
    if agreement is None:
        return f"Without an outline there is nothing to hold the evidence for {name} against."
    inside, blob = agreement.inside, agreement.baseline_inside
    figures = f"{percent(inside)} of it; a blob in the middle of the picture would have {percent(blob)}"
    if inside < blob:
        return f"The evidence for {name} keeps to the lesion no better than chance. Inside lies {figures}."
    place = "inside" if inside >= INSIDE else "partly inside"
    return f"The evidence for {name} lies {place} the lesion: {figures}."


def lesion_measures(case: Case) -> list[tuple[str, str]]:
    """What was measured of the lesion at the picture's own size, as name and value; empty where there is no lesion."""
    if not case.has_lesion:
        return []
    height, width = case.mask.shape
    _, _, across, down = cv2.boundingRect(case.mask.view(np.uint8))
    border = case.mask[0].any() or case.mask[-1].any() or case.mask[:, 0].any() or case.mask[:, -1].any()
    return [
        ("Share of the picture", percent(case.mask_fraction)),
        ("Extent", f"{across} × {down} of {width} × {height} pixels"),
        ("At the picture's edge", "yes, it may be cut" if border else "no"),
    ]


def caption(case: Case, layer: Layer, index: int) -> str:
    """One line under the picture that says what its layer shows; '' for the heat map with a legend and the original."""
    name = DIAGNOSES[index].name
    if layer == "Original":
        return "The picture as it came."
    if layer == "Outline":
        share = percent(case.mask_fraction)
        return f"The outline encloses {share} of the picture." if case.has_lesion else "There is no lesion to outline."
    if case.evidence[index].flat:
        return f"No evidence for {name}."
    if layer == "Heat map":
        return ""
    if not class_mask_at(case, index, *screen_size(case)).any():
        return f"No part of the lesion carries enough evidence for {name} to be marked."
    return f"The part of the lesion that speaks for {name}, inside the whole outline."


def heat_ends(case: Case, index: int) -> tuple[str, str]:
    """What the two ends of the heat map of `CODES[index]` mean."""
    name = DIAGNOSES[index].name
    most = f"{case.evidence[index].maximum:.2g}"
    return f"0: does not speak for {name}", f"Most: adds {most} to its score (logit)"


def description_of(case: Case, layer: Layer, index: int) -> str:
    """The picture in words, for those who do not see it."""
    name = DIAGNOSES[index].name
    shown = {
        "Original": "as it came",
        "Outline": "with the outline of the lesion",
        "Heat map": f"under a heat map of the evidence for {name}",
        "Class mask": f"with the part of the lesion marked that speaks for {name}",
    }[layer]
    return f"{case.name}, {shown}. {caption(case, layer, index)}".strip()


def provenance(case: Case, *, drawn: bool) -> str:
    """What lies on the desk: the picture's name and size, and whether it is a drawing."""
    height, width = case.mask.shape
    size = f"{width} × {height} pixels"
    return f"{case.name}, {size}. A drawing, not a patient." if drawn else f"{case.name}, {size}"


def method(case: Case, description: Description) -> list[str]:
    """How the answer is made, and the terms, paragraph by paragraph."""
    size = description.model.input_size
    paragraphs = [
        f"One network reads the picture, scaled to {size} × {size} pixels, and answers once: the outline, where the "
        f"probability of lesion is at least {percent(description.mask_threshold)}, and seven probabilities that sum "
        "to one. “Malignant in all” adds up melanoma, basal cell carcinoma and actinic keratosis or Bowen's disease.",
        "The heat map is Grad-CAM: for each place, what it adds to the score of one diagnosis. It is scaled to that "
        "diagnosis's own maximum, so two heat maps compare by place and not by strength. The class mask is the part of "
        f"the lesion where probability of lesion times evidence reaches {description.class_mask_threshold:g}.",
        _calibration(description),
        f"Weights: {case.weights}. {description.licence}",
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def refusals(sentences: list[str]) -> str:
    """Why files were refused, as Markdown: one sentence, or a list of them."""
    if len(sentences) == 1:
        return plain(sentences[0])
    return "\n".join(f"- {plain(sentence)}" for sentence in sentences)


def reading(place: int, total: int, name: str) -> str:
    """What is being done while uploaded files are read."""
    return f"Reading {image_name(name)}, {place} of {total}: a second or two for each"


def overlap(case: Case, index: int) -> str:
    """How far heat map and outline overlap at the best threshold, of one class and of all seven; '' without either."""
    own, mean, true = case.agreement(index), case.mean_agreement, case.true_agreement(index)
    if own is None or mean is None:
        return ""
    sentences = [
        f"Heat map for {DIAGNOSES[index].name} and outline overlap by {own.best_iou:.2f} (IoU) where the map is cut at "
        f"{own.best_threshold:.2f}, its best threshold; a blob in the middle of the picture reaches "
        f"{own.baseline_iou:.2f}.",
        f"As the mean over the seven diagnoses it is {mean.best_iou:.2f}, at {mean.best_threshold:.2f}.",
    ]
    if true is not None:
        sentences.append(f"With the true outline, known for this picture, it is {true.best_iou:.2f}.")
    return " ".join(sentences)


def _calibration(description: Description) -> str:
    if description.temperature == 1.0:
        return f"{NOT_CALIBRATED} No threshold for referral has been set."
    return f"The probabilities are calibrated with a temperature of {description.temperature:.2f}."
