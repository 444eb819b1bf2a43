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
from derm.language.quantities import images_counted, lesions_counted
from derm.language.speech import mark, number, say, say_many
from derm.metrics.decision import LesionRates, of_hundred, predictive_values
from derm.metrics.missing import or_nan
from derm.model.weights import WeightsInfo, said_licence
from derm.predict.case import Case
from derm.predict.doubts import Doubt, doubts_of, meets_edge
from derm.predict.learned_words import all_not_learned, answer_doubt
from derm.predict.view import Layer, class_mask_at, screen_size

NOTICE = mark("Research use only, not a medical device.")

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

INVITATION = mark("Open pictures or a ZIP: JPEG, PNG, TIFF, BMP, WebP, AVIF or DICOM")
INVITATION_WITH_HEIC = mark("Open pictures or a ZIP: JPEG, PNG, HEIC, TIFF, BMP, WebP, AVIF or DICOM")

DRAWN = mark("A drawing, not a patient. It shows how the app works, not how often the model is right.")

NOT_CALIBRATED = mark("These probabilities are not yet calibrated: read them as an order more than as odds.")

CALIBRATED = mark("Probabilities calibrated on validation.")

NO_THRESHOLD = mark("No threshold for referral has been set.")

LINES = mark("Line: as corrected by hand. Dashes: the model's.")

COVERAGE = mark(
    "Limits were set so that such a list holds the true diagnosis in nine of ten lesions; for other kinds of pictures "
    "that is not promised."
)

SOURCE_NAMES = {
    "ham10000": "HAM10000",
    "isic2018_task1": "ISIC 2018 Task 1",
    "derm_synthetic": mark("drawn lesions"),
}
"""Sources as people say them; others by their own name."""

VIEWS = mark("Mean of eight views")
VIEWS_HELP = mark(
    "Asks about the picture in eight views, turned and mirrored, and shows their mean and how far they are apart. It "
    "takes eight times as long; thresholds were chosen on single views. With earlier weights, on validation, this "
    "spread told wrong answers less well than the probability itself."
)
ASKING_AGAIN = mark("Asking about this picture again …")

PREDICTIVE_NOTE = mark(
    "By Bayes' rule from sensitivity and specificity on the test part, each lesion counting once; your patients may "
    "differ from those of the data set in more than this share."
)

NOT_DERMOSCOPIC = mark("This does not look like a dermoscopic picture; the model's answer is not to be relied on.")

SEEN_LITTLE = mark("Less certain: dermoscopy of a kind the model has seen little of, by camera, light or skin.")

FLAGS = {
    Doubt.SCREENSHOT: mark("screenshot"),
    Doubt.SEVERAL_PICTURES: mark("several pictures"),
    Doubt.NOT_DERMOSCOPIC: mark("not dermoscopic"),
    Doubt.BURNT_OUT: mark("burnt out"),
    Doubt.TOO_DARK: mark("too dark"),
    Doubt.NO_LESION: mark("no lesion"),
    Doubt.SEVERAL_LESIONS: mark("several lesions"),
    Doubt.CUT_BY_EDGE: mark("cut by the edge"),
    Doubt.OVEREXPOSED: mark("overexposed"),
    Doubt.UNDEREXPOSED: mark("underexposed"),
    Doubt.BLURRED: mark("blurred"),
    Doubt.SEEN_LITTLE: mark("seen little"),
}
"""Each doubt in a word or two, as within a sentence."""

WHAT_IS_WRONG = {
    Doubt.SCREENSHOT: mark("This looks like a screenshot or a page, not like a picture from a camera."),
    Doubt.SEVERAL_PICTURES: mark("This looks like several pictures side by side."),
    Doubt.NOT_DERMOSCOPIC: NOT_DERMOSCOPIC,
    Doubt.BURNT_OUT: mark("This picture is overexposed: much of it is plain white."),
    Doubt.TOO_DARK: mark("This picture is too dark to tell anything."),
    Doubt.NO_LESION: mark("No lesion found in this picture."),
    Doubt.SEVERAL_LESIONS: mark("The model outlines several lesions here, and can give one answer only."),
    Doubt.CUT_BY_EDGE: mark("The picture's edge cuts the lesion, so that a part of it is not judged."),
    Doubt.OVEREXPOSED: mark("Less certain: a part of the picture is overexposed."),
    Doubt.UNDEREXPOSED: mark("Less certain: the picture is dark all over."),
    Doubt.BLURRED: mark("Less certain: the picture is blurred, so that fine structures cannot be seen."),
    Doubt.SEEN_LITTLE: SEEN_LITTLE,
}
"""Each doubt in a sentence."""

RETAKE = mark("Take a picture with the whole lesion in the middle and some skin around it.")

CURES = {
    Doubt.SCREENSHOT: mark("Open the picture's own file."),
    Doubt.SEVERAL_PICTURES: mark("Open each picture by itself."),
    Doubt.NOT_DERMOSCOPIC: mark(
        "Take it through a dermatoscope, with the lesion in the middle and some skin around it."
    ),
    Doubt.BURNT_OUT: mark("Take it again with less light or a shorter exposure."),
    Doubt.TOO_DARK: mark("Take it again with more light or a longer exposure."),
    Doubt.NO_LESION: RETAKE,
    Doubt.SEVERAL_LESIONS: mark("Take a picture of each, or cut the picture so that one is left."),
    Doubt.CUT_BY_EDGE: RETAKE,
    Doubt.OVEREXPOSED: mark("Take it again with less light or a shorter exposure."),
    Doubt.UNDEREXPOSED: mark("Take it again with more light or a longer exposure."),
    Doubt.BLURRED: mark("Take it again in focus."),
    Doubt.SEEN_LITTLE: "",
}
"""What to do about each; '' where nothing can be done."""

FEW = 10
"""Malignant lesions, or pictures for what is said of lists, from which a figure is spoken of."""


def what_to_do(case: Case) -> str:
    """What follows from the answer, in two words: 'Refer', 'Not referred', 'No answer', or that no threshold is set."""
    if not case.answerable:
        return say("No answer")
    if case.above_referral is None:
        return say("No threshold")
    return say("Refer") if case.above_referral else say("Not referred")


def headline(case: Case) -> str:
    """What to do, in one sentence, with the malignant probability; or why there is no answer.

    What makes the answer less certain stands before it, but for `SEEN_LITTLE`, which is no fault of the picture.
    """
    found = doubts_of(case)
    if blocking := [doubt for doubt in found if doubt.blocks]:
        return say(WHAT_IS_WRONG[blocking[0]])
    labels = [say(FLAGS[doubt]) for doubt in found if doubt != Doubt.SEEN_LITTLE]
    return f"{capital(', '.join(labels))}. {_advice(case)}" if labels else _advice(case)


def _advice(case: Case) -> str:
    todo = what_to_do(case)
    total = fine_percent(case.p_malignant)
    if case.referral_threshold is None:
        return say("Malignant probability {total}.", total=total)
    # Two figures that round to the same would contradict the advice.
    if total == fine_percent(case.referral_threshold):
        if case.above_referral:
            return say("{what_to_do}: malignant {total}, just above the threshold.", what_to_do=todo, total=total)
        return say("{what_to_do}: malignant {total}, just below the threshold.", what_to_do=todo, total=total)
    return say("{what_to_do}: malignant {total}.", what_to_do=todo, total=total)


def likeliest(case: Case) -> str:
    """The likeliest diagnosis in one sentence, or those that are not told apart."""
    (first, p_first), *_ = case.ranked
    open_between = _undecided(case)
    if len(open_between) > NAMED:
        return say(
            "Undecided between {count} diagnoses; most likely {name}, {share}.",
            count=len(open_between),
            name=first.called,
            share=percent(p_first),
        )
    if open_between:
        *others, last = [f"{diagnosis.called}, {percent(share)}" for diagnosis, share in open_between]
        return say("Undecided between {others}, and {last}.", others=", ".join(others), last=last)
    if p_first < 0.5 or case.falls_short:
        return say("No clear diagnosis; most likely {name}, {share}.", name=first.called, share=percent(p_first))
    return say("Most likely {name}, {share}.", name=first.called, share=percent(p_first))


def second_line(case: Case) -> str:
    """What stands under the headline: the likeliest diagnosis and from where referral is advised, or what to do
    instead."""
    if blocking := [doubt for doubt in doubts_of(case) if doubt.blocks]:
        return f"{say(CURES[blocking[0]])} {say('The probabilities below are not to be relied on.')}"
    if case.referral_threshold is None:
        return f"{likeliest(case)} {say(NO_THRESHOLD)}"
    advised = say(
        "Referral is advised from a malignant probability of {threshold}.",
        threshold=fine_percent(case.referral_threshold),
    )
    return f"{likeliest(case)} {advised}"


def flags(case: Case) -> tuple[str, ...]:
    """Labels of what makes the answer doubtful, a word or two each, for a cell of a table; none where nothing does."""
    return tuple(flag(doubt) for doubt in doubts_of(case))


def flag(doubt: Doubt) -> str:
    """A doubt in a word or two, as a cell of a table begins."""
    return capital(say(FLAGS[doubt]))


def doubt_sentence(doubt: Doubt) -> str:
    """What is wrong, and what to do about it."""
    return f"{say(WHAT_IS_WRONG[doubt])} {say(CURES[doubt])}".strip()


def doubt_sentences(case: Case, description: WeightsInfo) -> list[str]:
    """What stands above the headline: what the weights have not learned, where it matters, and each doubt that the
    headline does not name in full, with what it costs if measured."""
    found = doubts_of(case)
    leading = next((doubt for doubt in found if doubt.blocks), None)
    said = [answer_doubt(description.training) if leading is None else ""]
    said += [
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
    for part in ("test", "validation", "calibration"):
        if seen := measured.get(part, {}).get("seen_little"):
            return f"{say(SEEN_LITTLE)} {_worth(seen, tested=part == 'test')}"
    return f"{say(SEEN_LITTLE)} {say('What that costs has not been measured.')}"


def _worth(seen: dict[str, Any], *, tested: bool) -> str:
    """What answers were worth inside of what the model has seen little of, and outside, on the test part or on
    validation."""
    inside, outside = seen["inside"], seen["outside"]
    said = []
    if min(inside["malignant"], outside["malignant"]) >= FEW and (rates := _pair(seen, "sensitivity")):
        said.append(
            say(
                "of 100 malignant lesions in such pictures {inside} lay above the referral threshold, {outside} in "
                "others",
                inside=rates[0],
                outside=rates[1],
            )
        )
    if min(inside["images"], outside["images"]) >= FEW and (rates := _pair(seen, "coverage")):
        said.append(
            say(
                "what cannot be excluded held the true diagnosis in {inside} of 100, {outside} in others",
                inside=rates[0],
                outside=rates[1],
            )
        )
    if not said:
        return (
            say("There were too few such pictures on the test part to say what that costs.")
            if tested
            else say("There were too few such pictures on validation to say what that costs.")
        )
    images, sentence = inside["images"], capital("; ".join(said))
    if tested:
        return say("{said} (on the test part, {images:,} such pictures).", said=sentence, images=images)
    return say("{said} (on validation, {images:,} such pictures).", said=sentence, images=images)


def _pair(seen: dict[str, Any], figure: str) -> tuple[int, int] | None:
    """A figure inside and outside, of 100; None where one is undefined."""
    inside, outside = seen["inside"][figure]["value"], seen["outside"][figure]["value"]
    return None if inside is None or outside is None else (round(100 * inside), round(100 * outside))


def referral_meaning(description: WeightsInfo) -> str:
    """What lies above the referral threshold, as measured on one's own cases and on the test part; '' on neither."""
    return " ".join(filter(None, [_local_meaning(description), _meaning_on_test(description)]))


def _meaning_on_test(description: WeightsInfo) -> str:
    """What lies above the threshold on the test part; '' where it was not measured."""
    test = description.measured.get("test", {})
    referral = test.get("referral")
    if description.referral_threshold is None or not referral:
        return ""
    home, measured = home_source(description), _measured_on(test)
    if counts := _too_few(_counts_of(referral.get("by_lesion"))):
        said = say(
            "The test part had too few lesions to say how many lie above it: {malignant} malignant and {benign} "
            "benign.",
            malignant=counts[0],
            benign=counts[1],
        )
        return " ".join([said, *_elsewhere(description, home or "")])
    malignant, benign = referral["of_100_malignant"], referral["of_100_benign"]
    if malignant is None or benign is None:
        return ""
    if home is None:
        return say(
            "Of 100 malignant lesions like those in the test set, about {malignant} are above it; of 100 benign, "
            "{benign} {measured}.",
            malignant=malignant,
            benign=benign,
            measured=measured,
        )
    said = say(
        "On pictures like those of {source}, of 100 malignant lesions about {malignant} are above it; of 100 benign, "
        "{benign} {measured}.",
        source=source_name(home),
        malignant=malignant,
        benign=benign,
        measured=measured,
    )
    return " ".join([said, *_elsewhere(description, home)])


def _measured_on(test: dict[str, Any]) -> str:
    """On which part, in brackets, as it stands at the end of a sentence."""
    if test["split"] == "by lesion":
        return say("(on the test part, split by lesion, {counted})", counted=_counted(test))
    if test["split"] == "by image":
        return say("(on the test part, split by image, {counted})", counted=_counted(test))
    return say("(on the test part, split {split}, {counted})", split=test["split"], counted=_counted(test))


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
    return say(SOURCE_NAMES[source]) if source in SOURCE_NAMES else source


def _elsewhere(description: WeightsInfo, home: str) -> list[str]:
    """What referral is worth on each source but `home`, a sentence each; or that it was not measured."""
    told = description.measured.get("test_by_source", {}).get("sources", {})
    others = {name: own for name, own in told.items() if name != home and own["within"] is None}
    sentences = []
    for name, own in others.items():
        rates = (own["figures"][key]["value"] for key in ("sensitivity", "specificity"))
        hundred, rated = of_hundred(LesionRates(*map(or_nan, rates))), own.get("rated")
        known = None if rated is None else (rated["malignant"], rated["benign"])
        if counts := _too_few(known):
            sentences.append(
                say(
                    "Those of {source} had too few lesions to say: {malignant} malignant and {benign} benign.",
                    source=source_name(name),
                    malignant=counts[0],
                    benign=counts[1],
                )
            )
        elif hundred.malignant is not None and hundred.benign is not None:
            sentences.append(
                say(
                    "On those of {source}, about {malignant} and {benign} ({counted}).",
                    source=source_name(name),
                    malignant=hundred.malignant,
                    benign=hundred.benign,
                    counted=_counted(own if known is None else {"images": rated["images"], "lesions": sum(known)}),
                )
            )
    return sentences or [say("On pictures of other clinics it has not been measured.")]


def _counted(part: dict[str, Any]) -> str:
    """On how much it was measured: the lesions, for rates are by lesion, and the images that show them."""
    if "lesions" not in part:
        return say("each lesion counting once, {images}", images=images_counted(part["images"]))
    lesions = lesions_counted(part["lesions"])
    return say_many("{lesions} in {count:,} image", "{lesions} in {count:,} images", part["images"], lesions=lesions)


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
    share, above, below = share_set(prevalence), math.isnan(values.ppv), math.isnan(values.npv)
    if above and below:
        return ""
    if below:
        return say(
            "Where {share} of lesions are malignant: of those above the threshold, {ppv} are.",
            share=share,
            ppv=percent(values.ppv),
        )
    if above:
        return say(
            "Where {share} of lesions are malignant: of those below, {missed} are.",
            share=share,
            missed=fine_percent(1 - values.npv),
        )
    return say(
        "Where {share} of lesions are malignant: of those above the threshold, {ppv} are; of those below, {missed} "
        "are.",
        share=share,
        ppv=percent(values.ppv),
        missed=fine_percent(1 - values.npv),
    )


def predictive_at(case: Case, description: WeightsInfo) -> str:
    """What a referral means at the share of malignant lesions that the case's probabilities hold for, or ''."""
    return "" if case.mix_share is None else predictive_sentence(description, case.mix_share)


def predictive_note(description: WeightsInfo) -> str:
    """Where predictive values come from, and what they cannot know."""
    if local := local_calibration(description):
        return say(
            "By Bayes' rule from sensitivity and specificity cross-validated on {folder}, each lesion counting once; "
            "your patients may differ from those of {folder} in more than this share.",
            folder=local["folder"],
        )
    source = home_source(description)
    if source is None:
        return say(PREDICTIVE_NOTE)
    return say(
        "By Bayes' rule from sensitivity and specificity on the test part of {source}, each lesion counting once; "
        "your patients may differ from those of the data set in more than this share.",
        source=source_name(source),
    )


def cannot_exclude(case: Case) -> str:
    """The conformal set in words, with what it promises, in Markdown; '' where the weights bring none."""
    sentence, promise = conformal_set(case)
    return f"{plain(sentence)} :small[{plain(promise)}]" if promise else plain(sentence)


def conformal_set(case: Case) -> tuple[str, str]:
    """The conformal set in words, and what it promises; '' for both where the weights bring none, for the latter where
    no diagnosis reaches its threshold."""
    if case.cannot_exclude is None:
        return "", ""
    names = [DIAGNOSES[index].called for index in case.cannot_exclude]
    if case.falls_short:
        return say(
            "No diagnosis is as probable here as in nine of ten lesions that have it; nearest is {name}.",
            name=names[0],
        ), ""
    if len(names) == 1:
        return say("At 90\N{NO-BREAK SPACE}% coverage no diagnosis but {name} remains.", name=names[0]), say(COVERAGE)
    if len(names) == len(CODES):
        return say("No diagnosis can be excluded."), say(COVERAGE)
    return say("Cannot be excluded: {names}.", names=", ".join(names)), say(COVERAGE)


def calibration_note(description: WeightsInfo) -> str:
    """What the probabilities are worth, and which diagnoses the weights never learned, in one line."""
    return " ".join([_calibrated(description), *all_not_learned(description.training).values()])


def _calibrated(description: WeightsInfo) -> str:
    if local := local_calibration(description):
        return say(
            "Probabilities calibrated on {images:,} confirmed images of {folder}.",
            images=local["images"],
            folder=local["folder"],
        )
    return say(NOT_CALIBRATED) if description.temperature == 1.0 else say(CALIBRATED)


def share_set(share: float) -> str:
    """A share of malignant lesions as it was set, 0 … 1, in percent: '5 %', '0.5 %'."""
    return f"{number(share * 100, '.3g')}{SPACE}%"


def patients(data: float, practice: float | None) -> str:
    """The setting in a few words. data: the data's own share of malignant lesions. practice: the visitor's, or None."""
    if practice is None:
        return say("Patients as in the data: {data} malignant", data=percent(data))
    return say("Your patients: {practice} malignant", practice=share_set(practice))


def patients_note(data: float, practice: float | None) -> str:
    """What the setting does, and what it leaves alone."""
    if practice is None:
        return say(
            "Probabilities hold for a mix of patients like that of the data: {data} of lesions malignant. "
            "Among your patients the share may be another, and then so are they.",
            data=percent(data),
        )
    return say(
        "By Bayes' rule from {data} malignant in the data to {practice} among your patients: "
        "probabilities, malignant sum, referral threshold and predictive values move together. Who is "
        "referred stays, and so does what cannot be excluded, which the likeliest diagnosis joins: sensitivity does "
        "not depend on the share, and coverage does not fall. "
        "It holds where lesions of one diagnosis look as they do in the data. Figures of data "
        "sets stay as measured.",
        data=percent(data),
        practice=share_set(practice),
    )


def mix_sentence(case: Case) -> str:
    """For which mix the probabilities of the case hold, and what they would be at the data's; '' where not known."""
    if case.mix_share is None:
        return ""
    if case.at_data is None:
        return say("At the data's own mix of diagnoses, {mix_share} malignant.", mix_share=percent(case.mix_share))
    before = percent(case.at_data.p_malignant)
    return say(
        "Carried to your patients, {mix_share} malignant; at the data's own mix the malignant sum is "
        "{before}. Who is referred does not change with it.",
        mix_share=share_set(case.mix_share),
        before=before,
    )


SINGLE_VIEWS = mark("What the threshold and the probabilities are worth was measured on single views.")
"""Beside an answer that is the mean over several."""


def views_of(case: Case) -> str:
    """Of how many views the probabilities are."""
    return say("Mean over {views} views.", views=case.views) if case.views > 1 else say("Read in one view.")


def views_note(case: Case) -> str:
    """How far the views are apart, and what was measured on single ones, in one line; '' for a single view."""
    return "" if case.spread is None else f"{_apart(case, case.spread)} {say(SINGLE_VIEWS)}"


def _apart(case: Case, spread: float) -> str:
    points = round(100 * spread)
    if points == 0:
        return say(
            "Mean over {views} views, turned and mirrored: the probability of {name} varies among them by less than 1 "
            "point (standard deviation).",
            views=case.views,
            name=case.predicted.called,
        )
    return say_many(
        "Mean over {views} views, turned and mirrored: the probability of {name} varies among them by 1 point "
        "(standard deviation).",
        "Mean over {views} views, turned and mirrored: the probability of {name} varies among them by {count} points "
        "(standard deviation).",
        points,
        views=case.views,
        name=case.predicted.called,
    )


def row(diagnosis: Diagnosis, share: float) -> str:
    """One of the seven as Markdown: name, whether it is malignant, and its probability in bold."""
    malignant = f" :small[· {say('malignant')}]" if diagnosis.malignant else ""
    return f"{plain(capital(diagnosis.called))}{malignant} **{percent(share)}**"


def malignant_parts(case: Case) -> list[tuple[Diagnosis, float]]:
    """The malignant diagnoses with their probabilities, most probable first."""
    return [(diagnosis, share) for diagnosis, share in case.ranked if diagnosis.malignant]


def evidence_sentence(case: Case, index: int) -> str:
    """How well the evidence for `CODES[index]` agrees with the outline, beside what the centre prior would have."""
    name = DIAGNOSES[index].called
    if case.evidence[index].flat:
        return say(
            "The heat map for {name} is empty: no place in the picture raises its score. That does not exclude it.",
            name=name,
        )
    agreement = case.agreement(index)
    if agreement is None:
        return say("Without an outline there is nothing to hold the evidence for {name} against.", name=name)
    inside, prior = agreement.inside, agreement.baseline_inside
    place = _place(inside, prior, case.peaks_inside(index))
    said = say(place, name=name, inside=percent(inside))
    if percent(inside) == percent(prior):
        said = say("{said}, as much as of a centre prior.", said=said)
    elif inside < prior:
        said = say("{said}, less than of a centre prior, {prior}.", said=said, prior=percent(prior))
    else:
        said = say("{said}; of a centre prior it would be {prior}.", said=said, prior=percent(prior))
    return f"{said} {say(BUILT_IN)}" if case.looks_inside else said


def _place(inside: float, prior: float, peaks_inside: bool) -> str:
    """Where the evidence lies, by the figures that are printed, as a clause to be said with `name` and `inside`. A
    map is coarser than a small lesion and spreads past it even where it points there: that is not evidence outside."""
    whole = round(100 * inside)
    if whole >= round(100 * INSIDE):
        return mark("The evidence for {name} lies inside the lesion: {inside} of it inside")
    if whole >= 50:
        return mark("The evidence for {name} lies partly inside the lesion: {inside} of it inside")
    if whole > round(100 * prior) and peaks_inside:
        return mark("The evidence for {name} peaks inside the lesion and spreads past it: {inside} of it inside")
    return mark("The evidence for {name} lies mostly outside the lesion: {inside} of it inside")


def lesion_measures(case: Case) -> list[tuple[str, str]]:
    """What was measured of the lesion at the picture's own size, as name and value; empty where there is no lesion."""
    if not case.has_outline:
        return []
    height, width = case.mask.shape
    _, _, across, down = cv2.boundingRect(case.outline.view(np.uint8))
    return [
        (say("Share of the picture"), percent(case.outline_fraction)),
        (
            say("Extent"),
            say("{across} × {down} of {width} × {height} pixels", across=across, down=down, width=width, height=height),
        ),
        (say("At the picture's edge"), say("yes, it may be cut") if meets_edge(case) else say("no")),
    ]


def caption(case: Case, layer: Layer, index: int) -> str:
    """One line under the picture that says what its layer shows; '' for the heat map with a legend and the original."""
    name = DIAGNOSES[index].called
    if layer == "Original":
        return say("The picture as it came.")
    if layer == "Outline":
        return outline_caption(case)
    if case.evidence[index].flat:
        return say("An empty heat map: no place raises the score of {name}.", name=name)
    if layer == "Heat map":
        return ""
    if not class_mask_at(case, index, *screen_size(case)).any():
        return say("No part of the lesion carries enough evidence for {name} to be marked.", name=name)
    return say("The part of the lesion that speaks for {name}, inside the whole outline.", name=name)


def outline_caption(case: Case) -> str:
    """What the outline encloses, and whose it is."""
    if not case.has_outline:
        return say("There is no lesion to outline.")
    said = say("The outline encloses {share} of the picture.", share=percent(case.outline_fraction))
    return said if case.polygons is None else f"{said} {say(LINES)}"


def heat_ends(case: Case, index: int) -> tuple[str, str]:
    """What the two ends of the heat map of `CODES[index]` mean."""
    name = DIAGNOSES[index].called
    most = case.evidence[index].maximum
    return say("0: does not speak for {name}", name=name), say("Most: adds {most:.2g} to its score (logit)", most=most)


def description_of(case: Case, layer: Layer, index: int) -> str:
    """The picture in words, for those who do not see it."""
    name = DIAGNOSES[index].called
    shown = {
        "Original": say("{picture}, as it came.", picture=case.name),
        "Outline": say("{picture}, with the outline of the lesion.", picture=case.name)
        if case.polygons is None
        else say("{picture}, with the outline of the lesion as corrected by hand.", picture=case.name),
        "Heat map": say("{picture}, under a heat map of the evidence for {name}.", picture=case.name, name=name),
        "Class mask": say(
            "{picture}, with the part of the lesion marked that speaks for {name}.", picture=case.name, name=name
        ),
    }[layer]
    return f"{shown} {caption(case, layer, index)}".strip()


def provenance(case: Case, *, drawn: bool) -> str:
    """What lies on the desk: the picture's name and size, and whether it is a drawing."""
    height, width = case.mask.shape
    size = say("{width} × {height} pixels", width=width, height=height)
    return f"{case.name}, {size}. {say(DRAWN)}" if drawn else f"{case.name}, {size}"


def method(case: Case, description: WeightsInfo) -> list[str]:
    """How the answer is made, and the terms, paragraph by paragraph."""
    size = description.model.input_size
    paragraphs = [
        say(
            "One network reads the picture, scaled to {size} × {size} pixels, and answers once: the outline, "
            "where the probability of lesion is at least {mask_threshold}, and seven probabilities that sum "
            "to one. The malignant probability is the sum of melanoma, basal cell carcinoma and actinic "
            "keratosis or Bowen's disease.",
            size=size,
            mask_threshold=percent(description.mask_threshold),
        ),
        _heat_map(description),
        say(
            "This case was asked over {views} views, turned and mirrored; scores, outline and heat maps are means.",
            views=case.views,
        )
        if case.views > 1
        else "",
        *_decision(case, description),
        *_mix(case, description),
        f"{say('Weights: {weights}.', weights=case.weights)} {said_licence(description.licence)}",
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def _heat_map(description: WeightsInfo) -> str:
    """What heat map and class mask are."""
    threshold = description.class_mask_threshold
    if description.model.weighs_cells:
        return say(
            "The heat map is a part of the score itself: the network judges each place, weighs it with the outline, "
            "and adds up what all places say for and against a diagnosis. What speaks for it is shown, scaled to that "
            "diagnosis's own maximum, so two heat maps compare by place and not by strength. The class mask is where "
            "that reaches {threshold:g}.",
            threshold=threshold,
        )
    return say(
        "The heat map is Grad-CAM: for each place, what it adds to the score of one diagnosis. It is scaled to that "
        "diagnosis's own maximum, so two heat maps compare by place and not by strength. The class mask is the part "
        "of the lesion where probability of lesion times evidence reaches {threshold:g}.",
        threshold=threshold,
    )


def overlap(case: Case, index: int) -> str:
    """How far heat map and outline overlap at the best threshold, of one class and of all seven; '' without either."""
    own, mean, true = case.agreement(index), case.mean_agreement, case.true_agreement(index)
    if own is None or mean is None:
        return ""
    sentences = [
        say(
            "Heat map for {name} and outline overlap by {best_iou:.2f} (IoU) where the map is cut at "
            "{best_threshold:.2f}, its best threshold; a centre prior reaches {baseline_iou:.2f}.",
            name=DIAGNOSES[index].called,
            best_iou=own.best_iou,
            best_threshold=own.best_threshold,
            baseline_iou=own.baseline_iou,
        ),
        say(
            "As the mean over the seven diagnoses it is {best_iou:.2f}, at {best_threshold:.2f}.",
            best_iou=mean.best_iou,
            best_threshold=mean.best_threshold,
        ),
    ]
    if true is not None:
        sentences.append(
            say("With the true outline, known for this picture, it is {best_iou:.2f}.", best_iou=true.best_iou)
        )
    return " ".join(sentences)


def local_calibration(description: WeightsInfo) -> dict[str, Any]:
    """What is recorded of a local calibration, see `derm.evaluate.local`; empty where there was none."""
    local: dict[str, Any] = description.measured.get("calibration", {}).get("local", {})
    return local


def _rates_of(description: WeightsInfo) -> dict[str, Any] | None:
    """Sensitivity and specificity of referral by lesion: cross-validated on one's own cases, else on the test part."""
    own: dict[str, Any] | None = description.measured.get("calibration", {}).get("cross_validated")
    if local_calibration(description):
        return own
    rates: dict[str, Any] | None = description.measured.get("test", {}).get("referral", {}).get("by_lesion")
    return None if _too_few(_counts_of(rates)) else rates


def _counts_of(rates: dict[str, Any] | None) -> tuple[int, int] | None:
    """How many malignant and how many benign lesions rates are of; None where it was not recorded."""
    found = [] if rates is None else [rates[key].get("lesions") for key in ("sensitivity", "specificity")]
    return None if not found or None in found else (found[0], found[1])


def _too_few(counts: tuple[int, int] | None) -> tuple[int, int] | None:
    """The numbers of malignant and of benign lesions where one is too small to speak of a figure; else None."""
    return None if counts is None or min(counts) >= FEW else counts


def _local_meaning(description: WeightsInfo) -> str:
    """What lies above a threshold that was learned from one's own cases; '' where it was not."""
    local, rates = local_calibration(description), _rates_of(description)
    if not local or not rates or description.referral_threshold is None:
        return ""
    above = of_hundred(LesionRates(rates["sensitivity"]["value"], rates["specificity"]["value"]))
    low = rates["sensitivity"]["interval"][0]
    said = say(
        "Of 100 malignant lesions like those of {folder}, about {malignant} are above it, at least {low} "
        "with 97.5\N{NO-BREAK SPACE}% confidence; of 100 benign, {benign} (cross-validated on its "
        "{lesions:,} lesions).",
        folder=local["folder"],
        malignant=above.malignant,
        low=percent(low),
        benign=above.benign,
        lesions=local["lesions"],
    )
    if not (known := local.get("known_images")):
        return said
    return " ".join(
        [said, say("These figures are too good: the weights learned from {known:,} of its images.", known=known)]
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
    moved = say(
        "The referral threshold moved along, from {before} to {after}: it "
        "stands for a sensitivity, which the share of malignant lesions does not change (Saerens, "
        "Latinne and Decaestecker 2002). Limits of what cannot be excluded are compared at the data's "
        "own mix.",
        before=fine_percent(description.referral_threshold),
        after=fine_percent(case.referral_threshold),
    )
    return [f"{sentence} {moved}"]


def _kind(case: Case, description: WeightsInfo) -> str:
    """How far the picture is from dermoscopy, and from what the model has seen; with the limits where there is a
    gate."""
    score, gate = case.not_dermoscopic_score, description.gate
    if gate is None or case.seen_little_score is None:
        return say(
            "Distance from dermoscopic pictures: {score:.3g}; higher is less like the pictures the model learned from.",
            score=score,
        )
    return say(
        "Distance from dermoscopic pictures: {score:.3g}, none above {threshold:.3g}. Distance from "
        "pictures the model learned from: {seen_little_score:.3g}, about 1 for one of them, seen little "
        "of above {threshold_2:.3g}. Both by colour and texture, at the encoder's stages.",
        score=score,
        threshold=gate.not_dermoscopic.threshold,
        seen_little_score=case.seen_little_score,
        threshold_2=gate.seen_little.threshold,
    )


def _decision(case: Case, description: WeightsInfo) -> list[str]:
    """How probabilities, referral threshold, sets and the kind of picture come about, a paragraph each."""
    temperature, threshold = description.temperature, description.referral_threshold
    local = local_calibration(description)
    if local:
        calibrated = say(
            "The probabilities are calibrated with a temperature of {temperature:.2f}, fitted on the confirmed cases "
            "of {folder}.",
            temperature=temperature,
            folder=local["folder"],
        )
    elif temperature == 1.0:
        calibrated = say(NOT_CALIBRATED)
    else:
        calibrated = say(
            "The probabilities are calibrated with a temperature of {temperature:.2f}, fitted on validation.",
            temperature=temperature,
        )
    if threshold is None:
        referral = say(NO_THRESHOLD)
    elif local:
        referral = say(
            "The referral threshold, a malignant sum of {threshold}, was chosen on the same cases so that few "
            "malignant lesions lie below it.",
            threshold=fine_percent(threshold),
        )
    else:
        referral = say(
            "The referral threshold, a malignant sum of {threshold}, was chosen on validation so that few "
            "malignant lesions lie below it.",
            threshold=fine_percent(threshold),
        )
    paragraphs = [f"{calibrated} {referral}"]
    if description.conformal_thresholds is not None:
        limits = ", ".join(
            say("{name} from {limit}", name=diagnosis.called, limit=fine_percent(limit))
            if limit
            else say("{name} always", name=diagnosis.called)
            for diagnosis, limit in zip(DIAGNOSES, description.conformal_thresholds, strict=True)
        )
        paragraphs.append(
            say(
                "What cannot be excluded (conformal set): {limits}. Nine of ten of these cases of a diagnosis reach "
                "its limit; where there were too few, it is that of the weights before.",
                limits=limits,
            )
            if local
            else say(
                "What cannot be excluded (conformal set): {limits}. Nine of ten lesions of a diagnosis reach its "
                "limit on validation; where there were too few, it is always in the set.",
                limits=limits,
            )
        )
    if case.not_dermoscopic_score is not None:
        paragraphs.append(_kind(case, description))
    return paragraphs
