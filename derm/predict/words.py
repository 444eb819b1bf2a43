"""What a case says, in sentences: the headline, how sure it is, where the evidence lies, what was measured.

Needs a `Case`, and for what its numbers mean the weights' description. Every sentence that the page shows of a case is
made here. A number that the weights do not bring is not spoken of, and none is invented. Knows nothing of pages.
"""

import math
from typing import Any

import cv2
import numpy as np

from derm.diagnoses import CODES, DIAGNOSES, INDEX, Diagnosis
from derm.explain.agreement import BUILT_IN
from derm.figures.text import SPACE, capital, fine_percent, percent, plain
from derm.metrics.decision import LesionRates, of_hundred, predictive_values
from derm.model.weights import WeightsInfo
from derm.predict.case import Case
from derm.predict.doubts import Doubt, doubts_of, meets_edge
from derm.predict.learned_words import all_not_learned
from derm.predict.view import Layer, class_mask_at, screen_size

NOTICE = "Research use only, not a medical device."

UNDECIDED = 0.10
"""Two diagnoses whose probabilities lie closer than this are not told apart. It is a manner of speaking, not a
measured limit; where the weights bring a conformal set, both must be in it, too."""

RIVAL = 2 / 3
"""Where none has half of all probability, a diagnosis with at least this share of the likeliest one's is not told apart
from it: 34 % beside 40 % is not, 2 % is. A manner of speaking, too."""

NAMED = 3
"""As many diagnoses, at most, are named in a headline that cannot decide between them."""

INSIDE = 0.75
"""Share of the evidence from which it is said to lie inside the lesion, and not partly: a manner of speaking, too."""

INVITATION = "Open pictures or a ZIP: JPEG, PNG, TIFF, BMP, WebP, AVIF or DICOM"

DRAWN = "A drawing, not a patient. It shows how the app works, not how often the model is right."

NOT_CALIBRATED = "These probabilities are not yet calibrated: read them as an order more than as odds."

CALIBRATED = "Probabilities calibrated on validation."

COVERAGE = (
    "Limits were set on validation so that such a list holds the true diagnosis in nine of ten lesions; for other "
    "kinds of pictures that is not promised."
)

SOURCE_NAMES = {"ham10000": "HAM10000", "isic2018_task1": "ISIC 2018 Task 1", "derm_synthetic": "drawn lesions"}
"""Sources as people say them; others by their own name."""

VIEWS = "Mean of eight views"
VIEWS_HELP = (
    "Asks about the picture in eight views, turned and mirrored, and shows their mean and how far they are apart. It "
    "takes eight times as long; thresholds were chosen on single views. With the shipped weights, on validation, this "
    "spread told wrong answers less well than the probability itself."
)
ASKING_AGAIN = "Asking about this picture again …"

PREDICTIVE_NOTE = (
    "By Bayes' rule from sensitivity and specificity on the test part, each lesion counting once; your patients may "
    "differ from those of the data set in more than this share."
)

NOT_DERMOSCOPIC = "This does not look like a dermoscopic picture; the model's answer is not to be relied on."

SEEN_LITTLE = "Less certain: dermoscopy of a kind the model has seen little of, by camera, light or skin."

FLAGS = {
    Doubt.SCREENSHOT: "Screenshot",
    Doubt.SEVERAL_PICTURES: "Several pictures",
    Doubt.NOT_DERMOSCOPIC: "Not dermoscopic",
    Doubt.BURNT_OUT: "Burnt out",
    Doubt.TOO_DARK: "Too dark",
    Doubt.NO_LESION: "No lesion",
    Doubt.SEVERAL_LESIONS: "Several lesions",
    Doubt.CUT_BY_EDGE: "Cut by the edge",
    Doubt.OVEREXPOSED: "Overexposed",
    Doubt.UNDEREXPOSED: "Underexposed",
    Doubt.BLURRED: "Blurred",
    Doubt.SEEN_LITTLE: "Seen little",
}
"""Each doubt in a word or two."""

WHAT_IS_WRONG = {
    Doubt.SCREENSHOT: "This looks like a screenshot or a page, not like a picture from a camera.",
    Doubt.SEVERAL_PICTURES: "This looks like several pictures side by side.",
    Doubt.NOT_DERMOSCOPIC: NOT_DERMOSCOPIC,
    Doubt.BURNT_OUT: "This picture is overexposed: much of it is plain white.",
    Doubt.TOO_DARK: "This picture is too dark to tell anything.",
    Doubt.NO_LESION: "No lesion found in this picture.",
    Doubt.SEVERAL_LESIONS: "The model outlines several lesions here, and can give one answer only.",
    Doubt.CUT_BY_EDGE: "The picture's edge cuts the lesion, so that a part of it is not judged.",
    Doubt.OVEREXPOSED: "Less certain: a part of the picture is overexposed.",
    Doubt.UNDEREXPOSED: "Less certain: the picture is dark all over.",
    Doubt.BLURRED: "Less certain: the picture is blurred, so that fine structures cannot be seen.",
    Doubt.SEEN_LITTLE: SEEN_LITTLE,
}
"""Each doubt in a sentence."""

RETAKE = "Take a picture with the whole lesion in the middle and some skin around it."

CURES = {
    Doubt.SCREENSHOT: "Open the picture's own file.",
    Doubt.SEVERAL_PICTURES: "Open each picture by itself.",
    Doubt.NOT_DERMOSCOPIC: "Take it through a dermatoscope, with the lesion in the middle and some skin around it.",
    Doubt.BURNT_OUT: "Take it again with less light or a shorter exposure.",
    Doubt.TOO_DARK: "Take it again with more light or a longer exposure.",
    Doubt.NO_LESION: RETAKE,
    Doubt.SEVERAL_LESIONS: "Take a picture of each, or cut the picture so that one is left.",
    Doubt.CUT_BY_EDGE: RETAKE,
    Doubt.OVEREXPOSED: "Take it again with less light or a shorter exposure.",
    Doubt.UNDEREXPOSED: "Take it again with more light or a longer exposure.",
    Doubt.BLURRED: "Take it again in focus.",
    Doubt.SEEN_LITTLE: "",
}
"""What to do about each; '' where nothing can be done."""

FEW = 10
"""Malignant lesions, or pictures for what is said of lists, from which a figure is spoken of."""


def what_to_do(case: Case) -> str:
    """What follows from the answer, in two words: 'Refer', 'Not referred', 'No answer', or that no threshold is set."""
    if not case.answerable:
        return "No answer"
    if case.above_referral is None:
        return "No threshold"
    return "Refer" if case.above_referral else "Not referred"


def headline(case: Case) -> str:
    """What to do, in one sentence, with the malignant probability; or why there is no answer.

    What makes the answer less certain stands before it, but for `SEEN_LITTLE`, which is no fault of the picture.
    """
    found = doubts_of(case)
    if blocking := [doubt for doubt in found if doubt.blocks]:
        return WHAT_IS_WRONG[blocking[0]]
    labels = [FLAGS[doubt] for doubt in found if doubt != Doubt.SEEN_LITTLE]
    return f"{capital(', '.join(labels).lower())}. {_advice(case)}" if labels else _advice(case)


def _advice(case: Case) -> str:
    total = fine_percent(case.p_malignant)
    if case.referral_threshold is None:
        return f"Malignant probability {total}."
    # Two figures that round to the same would contradict the advice.
    near = total == fine_percent(case.referral_threshold)
    side = f", just {'above' if case.above_referral else 'below'} the threshold" if near else ""
    return f"{what_to_do(case)}: malignant {total}{side}."


def likeliest(case: Case) -> str:
    """The likeliest diagnosis in one sentence, or those that are not told apart."""
    (first, p_first), *_ = case.ranked
    open_between = _undecided(case)
    if len(open_between) > NAMED:
        return f"Undecided between {len(open_between)} diagnoses; most likely {first.name}, {percent(p_first)}."
    if open_between:
        *others, last = [f"{diagnosis.name}, {percent(share)}" for diagnosis, share in open_between]
        return f"Undecided between {', '.join(others)}, and {last}."
    if p_first < 0.5 or case.falls_short:
        return f"No clear diagnosis; most likely {first.name}, {percent(p_first)}."
    return f"Most likely {first.name}, {percent(p_first)}."


def second_line(case: Case) -> str:
    """What stands under the headline: the likeliest diagnosis and from where referral is advised, or what to do
    instead."""
    if blocking := [doubt for doubt in doubts_of(case) if doubt.blocks]:
        return f"{CURES[blocking[0]]} The probabilities below are not to be relied on."
    if case.referral_threshold is None:
        return f"{likeliest(case)} No threshold for referral has been set."
    threshold = fine_percent(case.referral_threshold)
    return f"{likeliest(case)} Referral is advised from a malignant probability of {threshold}."


def flags(case: Case) -> tuple[str, ...]:
    """Labels of what makes the answer doubtful, a word or two each, for a cell of a table; none where nothing does."""
    return tuple(FLAGS[doubt] for doubt in doubts_of(case))


def doubt_sentence(doubt: Doubt) -> str:
    """What is wrong, and what to do about it."""
    return f"{WHAT_IS_WRONG[doubt]} {CURES[doubt]}".strip()


def doubt_sentences(case: Case, description: WeightsInfo) -> list[str]:
    """What stands above the headline: each doubt that the headline does not name in full, with what it costs if
    measured."""
    found = doubts_of(case)
    leading = next((doubt for doubt in found if doubt.blocks), None)
    said = [
        seen_little(case, description) if doubt == Doubt.SEEN_LITTLE else doubt_sentence(doubt)
        for doubt in found
        if doubt != leading
    ]
    return [sentence for sentence in said if sentence]


def in_terminal(case: Case, description: WeightsInfo) -> list[str]:
    """The answer in plain lines, for whoever has no page to look at; the picture's name comes first."""
    lines = [*doubt_sentences(case, description), headline(case), second_line(case)]
    if case.answerable and case.cannot_exclude:
        lines.append(" ".join([*filter(None, conformal_set(case)), calibration_note(description)]))
    return [case.name, *(f"  {line}" for line in lines if line)]


def seen_little(case: Case, description: WeightsInfo) -> str:
    """What stands above an answer of which the model has seen little, with what that means as measured; else ''."""
    if not case.answerable or not case.seen_little:
        return ""
    measured = description.measured
    for part, name in (("test", "the test part"), ("validation", "validation"), ("calibration", "validation")):
        if seen := measured.get(part, {}).get("seen_little"):
            return f"{SEEN_LITTLE} {_worth(seen, name)}"
    return f"{SEEN_LITTLE} What that costs has not been measured."


def _worth(seen: dict[str, Any], part: str) -> str:
    """What answers were worth inside of what the model has seen little of, and outside, on `part`."""
    inside, outside = seen["inside"], seen["outside"]
    said = []
    if min(inside["malignant"], outside["malignant"]) >= FEW and (rates := _pair(seen, "sensitivity")):
        said.append(
            f"of 100 malignant lesions in such pictures {rates[0]} lay above the referral threshold, "
            f"{rates[1]} in others"
        )
    if min(inside["images"], outside["images"]) >= FEW and (rates := _pair(seen, "coverage")):
        said.append(f"what cannot be excluded held the true diagnosis in {rates[0]} of 100, {rates[1]} in others")
    if not said:
        return f"There were too few such pictures on {part} to say what that costs."
    return f"{capital('; '.join(said))} (on {part}, {inside['images']:,} such pictures)."


def _pair(seen: dict[str, Any], figure: str) -> tuple[int, int] | None:
    """A figure inside and outside, of 100; None where one is undefined."""
    inside, outside = seen["inside"][figure]["value"], seen["outside"][figure]["value"]
    return None if inside is None or outside is None else (round(100 * inside), round(100 * outside))


def referral_meaning(description: WeightsInfo) -> str:
    """What lies above the referral threshold, as measured on the test part; '' where it was not."""
    if local := _local_meaning(description):
        return local
    test = description.measured.get("test", {})
    referral = test.get("referral")
    if description.referral_threshold is None or not referral:
        return ""
    malignant, benign = referral["of_100_malignant"], referral["of_100_benign"]
    if malignant is None or benign is None:
        return ""
    measured = f"(on the test part, split {test['split']}, {_counted(test)})"
    home = home_source(description)
    if home is None:
        return (
            f"Of 100 malignant lesions like those in the test set, about {malignant} are above it; of 100 benign, "
            f"{benign} {measured}."
        )
    return " ".join(
        [
            f"On pictures like those of {source_name(home)}, of 100 malignant lesions about {malignant} are "
            f"above it; of 100 benign, {benign} {measured}.",
            *_elsewhere(description, home),
        ]
    )


def home_source(description: WeightsInfo) -> str | None:
    """The source that the figures on the test part hold for; None where the weights do not say.

    Weights that were measured before sources were told apart were measured on HAM10000; it is said once other sources
    have been measured, too.
    """
    told = description.measured.get("test", {}).get("source")
    before = "ham10000" if "ham10000" in description.measured.get("test_by_source", {}).get("sources", {}) else None
    return told or before


def source_name(source: str) -> str:
    """A source as people say it, such as 'ISIC 2018 Task 1'."""
    return SOURCE_NAMES.get(source, source)


def _elsewhere(description: WeightsInfo, home: str) -> list[str]:
    """What referral is worth on each source but `home`, a sentence each; or that it was not measured."""
    told = description.measured.get("test_by_source", {}).get("sources", {})
    others = {name: own["figures"] for name, own in told.items() if name != home and own["within"] is None}
    sentences = []
    for name, figures in others.items():
        hundred = of_hundred(LesionRates(*(_number(figures[key]["value"]) for key in ("sensitivity", "specificity"))))
        if hundred.malignant is not None and hundred.benign is not None:
            sentences.append(
                f"On those of {source_name(name)}, about {hundred.malignant} and {hundred.benign} "
                f"({_counted(told[name])})."
            )
    return sentences or ["On pictures of other clinics it has not been measured."]


def _counted(part: dict[str, Any]) -> str:
    """On how much it was measured: the lesions, for rates are by lesion, and the images that show them."""
    images = f"{part['images']:,} {'image' if part['images'] == 1 else 'images'}"
    if "lesions" not in part:
        return f"each lesion counting once, {images}"
    return f"{part['lesions']:,} {'lesion' if part['lesions'] == 1 else 'lesions'} in {images}"


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def predictive_sentence(description: WeightsInfo, prevalence: float) -> str:
    """What a referral means where a share `prevalence`, 0 … 1, of lesions is malignant; '' where it was not
    measured."""
    measured = _rates_of(description)
    if description.referral_threshold is None or not measured:
        return ""
    sensitivity, specificity = (measured[key]["value"] for key in ("sensitivity", "specificity"))
    if sensitivity is None or specificity is None:
        return ""
    values = predictive_values(sensitivity, specificity, prevalence)
    parts = []
    if not math.isnan(values.ppv):
        parts.append(f"of those above the threshold, {percent(values.ppv)} are")
    if not math.isnan(values.npv):
        parts.append(f"of those below, {fine_percent(1 - values.npv)} are")
    return f"Where {share_set(prevalence)} of lesions are malignant: {'; '.join(parts)}." if parts else ""


def predictive_at(case: Case, description: WeightsInfo) -> str:
    """What a referral means at the share of malignant lesions that the case's probabilities hold for, or ''."""
    return "" if case.mix_share is None else predictive_sentence(description, case.mix_share)


def predictive_note(description: WeightsInfo) -> str:
    """Where predictive values come from, and what they cannot know."""
    if local := _local(description):
        return PREDICTIVE_NOTE.replace("on the test part", f"cross-validated on {local['folder']}").replace(
            "the data set", local["folder"]
        )
    source = home_source(description)
    return PREDICTIVE_NOTE.replace("test part", f"test part of {source_name(source)}") if source else PREDICTIVE_NOTE


def cannot_exclude(case: Case) -> str:
    """The conformal set in words, with what it promises, in Markdown; '' where the weights bring none."""
    sentence, promise = conformal_set(case)
    return f"{plain(sentence)} :small[{plain(promise)}]" if promise else plain(sentence)


def conformal_set(case: Case) -> tuple[str, str]:
    """The conformal set in words, and what it promises; '' for both where the weights bring none, for the latter where
    no diagnosis reaches its threshold."""
    if case.cannot_exclude is None:
        return "", ""
    names = [DIAGNOSES[index].name for index in case.cannot_exclude]
    if case.falls_short:
        return f"No diagnosis is as probable here as in nine of ten lesions that have it; nearest is {names[0]}.", ""
    if len(names) == 1:
        return f"At 90{SPACE}% coverage no diagnosis but {names[0]} remains.", COVERAGE
    if len(names) == len(CODES):
        return "No diagnosis can be excluded.", COVERAGE
    return f"Cannot be excluded: {', '.join(names)}.", COVERAGE


def calibration_note(description: WeightsInfo) -> str:
    """What the probabilities are worth, and which diagnoses the weights never learned, in one line."""
    return " ".join([_calibrated(description), *all_not_learned(description.training)])


def _calibrated(description: WeightsInfo) -> str:
    if local := _local(description):
        return f"Probabilities calibrated on {local['images']:,} confirmed images of {local['folder']}."
    return NOT_CALIBRATED if description.temperature == 1.0 else CALIBRATED


def share_set(share: float) -> str:
    """A share of malignant lesions as it was set, 0 … 1, in percent: '5 %', '0.5 %'."""
    return f"{share * 100:.3g}{SPACE}%"


def patients(data: float, practice: float | None) -> str:
    """The setting in a few words. data: the data's own share of malignant lesions. practice: the visitor's, or None."""
    if practice is None:
        return f"Patients as in the data: {percent(data)} malignant"
    return f"Your patients: {share_set(practice)} malignant"


def patients_note(data: float, practice: float | None) -> str:
    """What the setting does, and what it leaves alone."""
    if practice is None:
        return (
            f"Probabilities hold for a mix of patients like that of the data: {percent(data)} of lesions malignant. "
            "Among your patients the share may be another, and then so are they."
        )
    return (
        f"By Bayes' rule from {percent(data)} malignant in the data to {share_set(practice)} among your patients: "
        "probabilities, malignant sum, referral threshold and predictive values move together. Who is referred stays, "
        "and so does what cannot be excluded: sensitivity and coverage do not depend on the share. It holds where "
        "lesions of one diagnosis look as they do in the data. Figures of data sets stay as measured."
    )


def mix_sentence(case: Case) -> str:
    """For which mix the probabilities of the case hold, and what they would be at the data's; '' where not known."""
    if case.mix_share is None:
        return ""
    if case.at_data is None:
        return f"At the data's own mix of diagnoses, {percent(case.mix_share)} malignant."
    before = percent(case.at_data.p_malignant)
    return (
        f"Carried to your patients, {share_set(case.mix_share)} malignant; at the data's own mix the malignant sum is "
        f"{before}. Who is referred does not change with it."
    )


def views_note(case: Case) -> str:
    """How far the views are apart, in one line; '' for a single view."""
    if case.spread is None:
        return ""
    points = round(100 * case.spread)
    varies = "less than 1 point" if points == 0 else "1 point" if points == 1 else f"{points} points"
    return (
        f"Mean over {case.views} views, turned and mirrored: the probability of {case.predicted.name} varies among "
        f"them by {varies} (standard deviation)."
    )


def row(diagnosis: Diagnosis, share: float) -> str:
    """One of the seven as Markdown: name, whether it is malignant, and its probability in bold."""
    mark = " :small[· malignant]" if diagnosis.malignant else ""
    return f"{plain(capital(diagnosis.name))}{mark} **{percent(share)}**"


def malignant_parts(case: Case) -> list[tuple[Diagnosis, float]]:
    """The malignant diagnoses with their probabilities, most probable first."""
    return [(diagnosis, share) for diagnosis, share in case.ranked if diagnosis.malignant]


def evidence_sentence(case: Case, index: int) -> str:
    """How well the evidence for `CODES[index]` agrees with the outline, beside what the centre prior would have."""
    name = DIAGNOSES[index].name
    if case.evidence[index].flat:
        return f"The heat map for {name} is empty: no place in the picture raises its score. That does not exclude it."
    agreement = case.agreement(index)
    if agreement is None:
        return f"Without an outline there is nothing to hold the evidence for {name} against."
    inside, prior = agreement.inside, agreement.baseline_inside
    said = f"The evidence for {name} {_place(inside, prior, case.peaks_inside(index))}: {percent(inside)} of it inside"
    if percent(inside) == percent(prior):
        said = f"{said}, as much as of a centre prior."
    elif inside < prior:
        said = f"{said}, less than of a centre prior, {percent(prior)}."
    else:
        said = f"{said}; of a centre prior it would be {percent(prior)}."
    return f"{said} {BUILT_IN}" if case.looks_inside else said


def _place(inside: float, prior: float, peaks_inside: bool) -> str:
    """Where the evidence lies, by the figures that are printed. A map is coarser than a small lesion and spreads past
    it even where it points there: that is not evidence outside."""
    whole = round(100 * inside)
    if whole >= round(100 * INSIDE):
        return "lies inside the lesion"
    if whole >= 50:
        return "lies partly inside the lesion"
    if whole > round(100 * prior) and peaks_inside:
        return "peaks inside the lesion and spreads past it"
    return "lies mostly outside the lesion"


def lesion_measures(case: Case) -> list[tuple[str, str]]:
    """What was measured of the lesion at the picture's own size, as name and value; empty where there is no lesion."""
    if not case.has_outline:
        return []
    height, width = case.mask.shape
    _, _, across, down = cv2.boundingRect(case.outline.view(np.uint8))
    return [
        ("Share of the picture", percent(case.outline_fraction)),
        ("Extent", f"{across} × {down} of {width} × {height} pixels"),
        ("At the picture's edge", "yes, it may be cut" if meets_edge(case) else "no"),
    ]


def caption(case: Case, layer: Layer, index: int) -> str:
    """One line under the picture that says what its layer shows; '' for the heat map with a legend and the original."""
    name = DIAGNOSES[index].name
    if layer == "Original":
        return "The picture as it came."
    if layer == "Outline":
        return outline_caption(case)
    if case.evidence[index].flat:
        return f"An empty heat map: no place raises the score of {name}."
    if layer == "Heat map":
        return ""
    if not class_mask_at(case, index, *screen_size(case)).any():
        return f"No part of the lesion carries enough evidence for {name} to be marked."
    return f"The part of the lesion that speaks for {name}, inside the whole outline."


def outline_caption(case: Case) -> str:
    """What the outline encloses, and whose it is."""
    if not case.has_outline:
        return "There is no lesion to outline."
    said = f"The outline encloses {percent(case.outline_fraction)} of the picture."
    return said if case.polygons is None else f"{said} Line: as corrected by hand. Dashes: the model's."


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
        "Outline": f"with the outline of the lesion{'' if case.polygons is None else ' as corrected by hand'}",
        "Heat map": f"under a heat map of the evidence for {name}",
        "Class mask": f"with the part of the lesion marked that speaks for {name}",
    }[layer]
    return f"{case.name}, {shown}. {caption(case, layer, index)}".strip()


def provenance(case: Case, *, drawn: bool) -> str:
    """What lies on the desk: the picture's name and size, and whether it is a drawing."""
    height, width = case.mask.shape
    size = f"{width} × {height} pixels"
    return f"{case.name}, {size}. {DRAWN}" if drawn else f"{case.name}, {size}"


def method(case: Case, description: WeightsInfo) -> list[str]:
    """How the answer is made, and the terms, paragraph by paragraph."""
    size = description.model.input_size
    paragraphs = [
        f"One network reads the picture, scaled to {size} × {size} pixels, and answers once: the outline, where the "
        f"probability of lesion is at least {percent(description.mask_threshold)}, and seven probabilities that sum "
        "to one. The malignant probability is the sum of melanoma, basal cell carcinoma and actinic keratosis or "
        "Bowen's disease.",
        _heat_map(description),
        f"This case was asked over {case.views} views, turned and mirrored; scores, outline and heat maps are means."
        if case.views > 1
        else "",
        *_decision(case, description),
        *_mix(case, description),
        f"Weights: {case.weights}. {description.licence}",
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def _heat_map(description: WeightsInfo) -> str:
    """What heat map and class mask are."""
    threshold = f"reaches {description.class_mask_threshold:g}"
    scaled = "scaled to that diagnosis's own maximum, so two heat maps compare by place and not by strength"
    if description.model.weighs_cells:
        return (
            "The heat map is a part of the score itself: the network judges each place, weighs it with the outline, "
            "and adds up what all places say for and against a diagnosis. What speaks for it is shown, "
            f"{scaled}. The class mask is where that {threshold}."
        )
    return (
        f"The heat map is Grad-CAM: for each place, what it adds to the score of one diagnosis. It is {scaled}. The "
        f"class mask is the part of the lesion where probability of lesion times evidence {threshold}."
    )


def overlap(case: Case, index: int) -> str:
    """How far heat map and outline overlap at the best threshold, of one class and of all seven; '' without either."""
    own, mean, true = case.agreement(index), case.mean_agreement, case.true_agreement(index)
    if own is None or mean is None:
        return ""
    sentences = [
        f"Heat map for {DIAGNOSES[index].name} and outline overlap by {own.best_iou:.2f} (IoU) where the map is cut at "
        f"{own.best_threshold:.2f}, its best threshold; a centre prior reaches "
        f"{own.baseline_iou:.2f}.",
        f"As the mean over the seven diagnoses it is {mean.best_iou:.2f}, at {mean.best_threshold:.2f}.",
    ]
    if true is not None:
        sentences.append(f"With the true outline, known for this picture, it is {true.best_iou:.2f}.")
    return " ".join(sentences)


def _local(description: WeightsInfo) -> dict[str, Any]:
    """What is recorded of a local calibration, see `derm.evaluate.local`; empty where there was none."""
    local: dict[str, Any] = description.measured.get("calibration", {}).get("local", {})
    return local


def _rates_of(description: WeightsInfo) -> dict[str, Any] | None:
    """Sensitivity and specificity of referral by lesion: on the test part, or cross-validated on one's own cases."""
    rates: dict[str, Any] | None = description.measured.get("test", {}).get("referral", {}).get("by_lesion")
    if rates is None and _local(description):
        rates = description.measured["calibration"].get("cross_validated")
    return rates


def _local_meaning(description: WeightsInfo) -> str:
    """What lies above a threshold that was learned from one's own cases; '' where it was not."""
    local, rates = _local(description), _rates_of(description)
    if not local or not rates or description.referral_threshold is None:
        return ""
    above = of_hundred(LesionRates(rates["sensitivity"]["value"], rates["specificity"]["value"]))
    low = rates["sensitivity"]["interval"][0]
    return (
        f"Of 100 malignant lesions like those of {local['folder']}, about {above.malignant} are above it, at least "
        f"{percent(low)} with 97.5{SPACE}% confidence; of 100 benign, {above.benign} (cross-validated on its "
        f"{local['lesions']:,} lesions)."
    )


def _undecided(case: Case) -> list[tuple[Diagnosis, float]]:
    """The diagnoses that the case is not decided between, most probable first; none where it is decided.

    They lie within `UNDECIDED` of the likeliest or, where none has half of the probability, have `RIVAL` of its share.
    With a conformal set they are in it, too: a set often keeps a rare disease of a few percent, which is no indecision.
    """
    (_, most), *_ = case.ranked
    close = [
        (diagnosis, share)
        for diagnosis, share in case.ranked
        if most - share < UNDECIDED or (most < 0.5 and share >= RIVAL * most)
    ]
    if case.cannot_exclude is not None:
        close = [one for one in close if INDEX[one[0].code] in case.cannot_exclude]
    return close if len(close) > 1 else []


def _mix(case: Case, description: WeightsInfo) -> list[str]:
    """For which mix probabilities hold, in a paragraph of its own; none where it is not known."""
    sentence = mix_sentence(case)
    if case.at_data is None or case.referral_threshold is None or description.referral_threshold is None:
        return [sentence] if sentence else []
    moved = (
        f"The referral threshold moved along, from {fine_percent(description.referral_threshold)} to "
        f"{fine_percent(case.referral_threshold)}: it stands for a sensitivity, which the share of malignant lesions "
        "does not change (Saerens, Latinne and Decaestecker 2002). Limits of what cannot be excluded are compared at "
        "the data's own mix."
    )
    return [f"{sentence} {moved}"]


def _kind(case: Case, description: WeightsInfo) -> str:
    """How far the picture is from dermoscopy, and from what the model has seen; with the limits where there is a
    gate."""
    score, gate = case.not_dermoscopic_score, description.gate
    if gate is None or case.seen_little_score is None:
        return (
            f"Distance from dermoscopic pictures: {score:.3g}; higher is less like the pictures the model learned from."
        )
    return (
        f"Distance from dermoscopic pictures: {score:.3g}, none above {gate.not_dermoscopic.threshold:.3g}. Distance "
        f"from pictures the model learned from: {case.seen_little_score:.3g}, about 1 for one of them, seen little of "
        f"above {gate.seen_little.threshold:.3g}. Both by colour and texture, at the encoder's stages."
    )


def _decision(case: Case, description: WeightsInfo) -> list[str]:
    """How probabilities, referral threshold, sets and the kind of picture come about, a paragraph each."""
    temperature, threshold = description.temperature, description.referral_threshold
    calibrated = f"The probabilities are calibrated with a temperature of {temperature:.2f}, fitted on validation."
    referral = (
        "No threshold for referral has been set."
        if threshold is None
        else f"The referral threshold, a malignant sum of {fine_percent(threshold)}, was chosen on validation so that "
        "few malignant lesions lie below it."
    )
    paragraphs = [f"{NOT_CALIBRATED if temperature == 1.0 else calibrated} {referral}"]
    if description.conformal_thresholds is not None:
        limits = ", ".join(
            f"{diagnosis.name} from {percent(limit)}" if limit else f"{diagnosis.name} always"
            for diagnosis, limit in zip(DIAGNOSES, description.conformal_thresholds, strict=True)
        )
        paragraphs.append(
            f"What cannot be excluded (conformal set): {limits}. Nine of ten lesions of a diagnosis reach its limit "
            "on validation; where there were too few, it is always in the set."
        )
    if case.not_dermoscopic_score is not None:
        paragraphs.append(_kind(case, description))
    return paragraphs
