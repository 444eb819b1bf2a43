"""What is said of a case: headline, conformal set, thresholds, evidence, agreement and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from cases import LIKELY, LIMITS, case_with, half_mask, middle_mask, said, with_sets
from small_nets import SMALL

from derm.diagnoses import INDEX
from derm.explain.agreement import BUILT_IN
from derm.figures.text import fine_percent
from derm.model.weights import WeightsInfo
from derm.predict import words
from derm.predict.doubts import Doubt

PLAIN = replace(LIKELY, mask=middle_mask())


@pytest.mark.parametrize(
    ("probabilities", "sentence"),
    [
        ({"mel": 0.61, "nv": 0.39}, "Most likely melanoma, 61 %."),
        ({"mel": 0.41, "bkl": 0.36, "nv": 0.23}, "Undecided between melanoma, 41 %, and benign keratosis, 36 %."),
        ({"nv": 0.4, "bkl": 0.25, "mel": 0.2, "df": 0.15}, "No clear diagnosis; most likely melanocytic nevus, 40 %."),
    ],
)
def test_the_likeliest_is_named_as_sure_as_the_probabilities(probabilities, sentence):
    assert said(words.likeliest(case_with(probabilities, half_mask()))) == sentence


def test_no_lesion_is_an_answer():
    case = case_with({"nv": 1.0}, np.zeros((40, 60), dtype=bool), [[1.0]])
    assert words.headline(case) == "No lesion found in this picture."
    assert "not to be relied on" in words.second_line(case)
    assert words.evidence_sentence(case, 0).startswith("Without an outline there is nothing")
    assert words.lesion_measures(case) == []
    assert words.caption(case, "Outline", 0) == "There is no lesion to outline."


@pytest.mark.parametrize(
    ("probabilities", "sentence"),
    [
        # Not ten points apart, but benign keratosis alone reaches its limit of 15 %; the nevus's is 30 %.
        (
            {"bkl": 0.3, "nv": 0.29, "bcc": 0.19, "vasc": 0.22},
            "No clear diagnosis; most likely benign keratosis, 30 %.",
        ),
        ({"nv": 0.52, "mel": 0.48}, "Undecided between melanocytic nevus, 52 %, and melanoma, 48 %."),
        ({"nv": 0.552, "mel": 0.448}, "Most likely melanocytic nevus, 55 %."),
        # 34 % has two thirds of 40 %; 26 % has not, and 2 % is no rival, though both may not be excluded.
        (
            {"bkl": 0.4, "nv": 0.34, "mel": 0.24, "df": 0.02},
            "Undecided between benign keratosis, 40 %, and melanocytic nevus, 34 %.",
        ),
        ({"bkl": 0.44, "mel": 0.28, "bcc": 0.28}, "No clear diagnosis; most likely benign keratosis, 44 %."),
        ({"nv": 0.95, "df": 0.05}, "Most likely melanocytic nevus, 95 %."),
        ({"mel": 0.45, "nv": 0.31, "vasc": 0.24}, "Undecided between melanoma, 45 %, and melanocytic nevus, 31 %."),
        (
            {"mel": 0.4, "nv": 0.3, "bkl": 0.3},
            "Undecided between melanoma, 40 %, benign keratosis, 30 %, and melanocytic nevus, 30 %.",
        ),
        (
            {"mel": 0.3, "bcc": 0.25, "bkl": 0.25, "df": 0.2},
            "Undecided between 4 diagnoses; most likely melanoma, 30 %.",
        ),
    ],
)
def test_the_conformal_set_decides_what_is_undecided(probabilities, sentence):
    assert said(words.likeliest(with_sets(probabilities))) == sentence


def test_what_cannot_be_excluded_is_said_with_what_that_is_worth():
    promise = f" :small[{words.COVERAGE}]"
    # 8 % is melanoma's limit and reaches it; 4 % is below dermatofibroma's.
    two = with_sets({"nv": 0.88, "mel": 0.08, "df": 0.04})
    assert said(words.cannot_exclude(two)) == f"Cannot be excluded: melanocytic nevus, melanoma.{promise}"
    one = with_sets({"nv": 0.96, "df": 0.04})
    assert said(words.cannot_exclude(one)) == f"At 90 % coverage no diagnosis but melanocytic nevus remains.{promise}"
    every = with_sets({"nv": 0.5, "mel": 0.5}, (0.0,) * 7)
    assert said(words.cannot_exclude(every)) == f"No diagnosis can be excluded.{promise}"
    assert words.cannot_exclude(LIKELY) == ""


def test_a_diagnosis_that_is_likeliest_but_unusually_weak_is_no_clear_one():
    short = with_sets({"nv": 0.7, "mel": 0.3}, (0.9,) * 7)
    assert said(words.likeliest(short)) == "No clear diagnosis; most likely melanocytic nevus, 70 %."
    assert said(words.cannot_exclude(short)) == (
        "No diagnosis is as probable here as in nine of ten lesions that have it; nearest is melanocytic nevus."
    )


@pytest.mark.parametrize(
    ("threshold", "advice", "sentence"),
    [
        (None, "No threshold", "Malignant probability 78 %."),
        (0.12, "Refer", "Refer: malignant 78 %."),
        (0.85, "Not referred", "Not referred: malignant 78 %."),
        (0.777, "Refer", "Refer: malignant 78 %, just above the threshold."),
        (0.783, "Not referred", "Not referred: malignant 78 %, just below the threshold."),
    ],
)
def test_what_to_do_leads(threshold, advice, sentence):
    case = replace(PLAIN, referral_threshold=threshold)
    assert words.what_to_do(case) == advice
    assert said(words.headline(case)) == sentence
    assert words.second_line(case).startswith("Most likely melanoma, 61")


def test_no_benign_name_leads_where_referral_is_advised():
    benign = replace(PLAIN, probabilities=with_sets({"bkl": 0.4, "mel": 0.39, "nv": 0.21}).probabilities)
    referred = replace(benign, referral_threshold=0.39)
    assert said(words.headline(referred)) == "Refer: malignant 39 %, just above the threshold."
    lines = [said(line) for line in words.in_terminal(referred, WeightsInfo(SMALL))]
    assert lines[1].startswith("  Refer: malignant 39 %")
    assert lines[2].startswith("  Undecided between benign keratosis, 40 %, and melanoma, 39 %.")


def test_doubts_stand_before_any_diagnosis():
    half = np.zeros((40, 60), dtype=bool)
    half[:, 20:] = True
    cut = replace(LIKELY, referral_threshold=0.1, seen_little=True, mask=half)
    assert words.flags(cut) == ("Cut by the edge", "Seen little")
    assert said(words.headline(cut)) == "Cut by the edge. Refer: malignant 78 %."
    lines = words.in_terminal(cut, WeightsInfo(SMALL))
    assert lines[1] == f"  {words.doubt_sentence(Doubt.CUT_BY_EDGE)}"
    assert lines[2].startswith(f"  {words.SEEN_LITTLE}")
    assert words.flags(PLAIN) == ()


@pytest.mark.parametrize("doubt", list(Doubt))
def test_each_doubt_has_its_words(doubt):
    assert words.FLAGS[doubt]
    assert words.doubt_sentence(doubt).endswith(".")
    if doubt.blocks:
        assert words.CURES[doubt].endswith(".")


def test_the_threshold_is_told_by_what_it_did_on_the_test_part():
    test = {"split": "by lesion", "images": 2004, "referral": {"of_100_malignant": 96, "of_100_benign": 28}}
    description = WeightsInfo(SMALL, referral_threshold=0.12, measured={"test": test})
    assert words.referral_meaning(description) == (
        "Of 100 malignant lesions like those in the test set, about 96 are above it; of 100 benign, 28 "
        "(on the test part, split by lesion, each lesion counting once, 2,004 images)."
    )
    test |= {"lesions": 1502}
    known = replace(description, measured={"test": {**test, "source": "ham10000"}})
    assert words.referral_meaning(known) == (
        "On pictures like those of HAM10000, of 100 malignant lesions about 96 are above it; of 100 benign, 28 (on the "
        "test part, split by lesion, 1,502 lesions in 2,004 images). "
        "On pictures of other clinics it has not been measured."
    )

    def own(sensitivity: float | None, within: str | None = None) -> dict[str, object]:
        figures = {"sensitivity": {"value": sensitivity}, "specificity": {"value": 0.6}}
        return {"within": within, "images": 410, "lesions": 1, "figures": figures}

    sources = {"ham10000": own(0.96), "isic2018_task1": own(0.9), "rosendahl": own(0.8, "ham10000"), "x": own(None)}
    several = replace(known, measured={**known.measured, "test_by_source": {"sources": sources}})
    assert words.referral_meaning(several).endswith(
        "2,004 images). On those of ISIC 2018 Task 1, about 90 and 40 (1 lesion in 410 images)."
    )
    # Weights from before sources were told apart, measured on others since.
    older = replace(known, measured={"test": test, "test_by_source": {"sources": sources}})
    assert words.referral_meaning(older) == words.referral_meaning(several)
    undefined = {**test, "referral": {"of_100_malignant": None, "of_100_benign": 28}}
    for silent in (
        replace(description, referral_threshold=None),
        replace(description, measured={}),
        replace(description, measured={"test": {"split": "by lesion", "images": 2004}}),
        replace(description, measured={"test": undefined}),
    ):
        assert words.referral_meaning(silent) == ""


def test_of_few_lesions_no_share_is_told():
    def part(malignant: int) -> dict[str, object]:
        rates = {
            "sensitivity": {"value": 1.0, "lesions": malignant},
            "specificity": {"value": 0.6, "lesions": 40},
        }
        referral = {"of_100_malignant": 100, "of_100_benign": 40, "by_lesion": rates}
        return {"split": "by lesion", "images": 60, "lesions": 50, "source": "few", "referral": referral}

    description = WeightsInfo(SMALL, referral_threshold=0.12, measured={"test": part(2)})
    assert words.referral_meaning(description) == (
        "The test part had too few lesions to say how many lie above it: 2 malignant and 40 benign. "
        "On pictures of other clinics it has not been measured."
    )
    assert words.predictive_sentence(description, 0.1) == ""
    enough = replace(description, measured={"test": part(words.FEW)})
    assert words.referral_meaning(enough).startswith(
        "On pictures like those of few, of 100 malignant lesions about 100"
    )
    figures = {"sensitivity": {"value": 0.8}, "specificity": {"value": 0.14}}
    other = {"within": None, "images": 104, "lesions": 104, "figures": figures}
    for rated, told in (
        ({"images": 24, "malignant": 10, "benign": 14}, "about 80 and 86 (24 lesions in 24 images)."),
        ({"images": 24, "malignant": 0, "benign": 24}, "had too few lesions to say: 0 malignant and 24 benign."),
    ):
        sources = {"sources": {"bbb": {**other, "rated": rated}}}
        several = replace(enough, measured={**enough.measured, "test_by_source": sources})
        assert words.referral_meaning(several).endswith(told)


def test_predictive_values_follow_from_the_share_that_the_doctor_sets():
    # Of 1,000 lesions at 10 %: 100 malignant, 90 above; 900 benign, 180 above: 90 / 270 = 1/3. Below: 10 of 730.
    rates = {"sensitivity": {"value": 0.9}, "specificity": {"value": 0.8}}
    description = WeightsInfo(SMALL, referral_threshold=0.12, measured={"test": {"referral": {"by_lesion": rates}}})
    assert said(words.predictive_sentence(description, 0.1)) == (
        "Where 10 % of lesions are malignant: of those above the threshold, 33 % are; of those below, 1.4 % are."
    )
    for silent in (replace(description, referral_threshold=None), replace(description, measured={})):
        assert words.predictive_sentence(silent, 0.1) == ""
    undefined = {"sensitivity": {"value": None}, "specificity": {"value": 0.8}}
    measured = {"test": {"referral": {"by_lesion": undefined}}}
    assert words.predictive_sentence(replace(description, measured=measured), 0.1) == ""
    # Where nobody lies below the threshold, or nobody above it, only the other half is said; nothing without either.
    for sensitivity, specificity, sentence in (
        (1.0, 0.0, "Where 10 % of lesions are malignant: of those above the threshold, 10 % are."),
        (0.0, 1.0, "Where 10 % of lesions are malignant: of those below, 10 % are."),
        (
            1.0,
            0.5,
            "Where 10 % of lesions are malignant: of those above the threshold, 18 % are; "
            "of those below, under 0.1 % are.",
        ),
    ):
        rates = {"sensitivity": {"value": sensitivity}, "specificity": {"value": specificity}}
        measured = {"test": {"referral": {"by_lesion": rates}}}
        assert said(words.predictive_sentence(replace(description, measured=measured), 0.1)) == sentence


@pytest.mark.parametrize("mask", [half_mask(), np.zeros((40, 60), dtype=bool)], ids=["lesion", "no lesion"])
def test_what_is_not_dermoscopic_takes_the_headline(mask):
    blocked = {"not_dermoscopic": True, "not_dermoscopic_score": 12.345}
    case = replace(case_with({"nv": 1.0}, mask), referral_threshold=0.1, **blocked)
    assert words.headline(case) == (
        "This does not look like a dermoscopic picture; the model's answer is not to be relied on."
    )
    assert words.second_line(case).startswith("Take it through a dermatoscope")
    assert "Distance from dermoscopic pictures: 12.3; higher is" in " ".join(words.method(case, WeightsInfo(SMALL)))
    assert not case.answerable
    familiar = replace(case_with({"nv": 1.0}, half_mask()), not_dermoscopic=False)
    assert words.likeliest(familiar).startswith("Most likely melanocytic nevus")
    assert familiar.answerable


def test_what_stands_beside_the_headline():
    texts = {
        "second": words.second_line(PLAIN),
        "row": words.row(*LIKELY.ranked[0]),
        "where": words.provenance(LIKELY, drawn=True),
    }
    assert {name: text.replace("\N{NO-BREAK SPACE}", " ") for name, text in texts.items()} == {
        "second": "Most likely melanoma, 61 %. No threshold for referral has been set.",
        "row": "Melanoma :small[· malignant] **61 %**",
        "where": f"a.png, 60 × 40 pixels. {words.DRAWN}",
    }
    assert "malignant" not in words.row(*LIKELY.ranked[1])
    # 600 of 2,400 pixels; the mask reaches the right edge.
    measures = {name: value.replace("\N{NO-BREAK SPACE}", " ") for name, value in words.lesion_measures(LIKELY)}
    assert measures == {
        "Share of the picture": "25 %",
        "Extent": "30 × 20 of 60 × 40 pixels",
        "At the picture's edge": "yes, it may be cut",
    }


def test_a_map_that_peaks_on_a_small_lesion_is_not_outside_it():
    mask = np.zeros((40, 60), dtype=bool)
    mask[:10, :15] = True  # a corner, of which the centre prior has little
    on = words.evidence_sentence(case_with({"mel": 1.0}, mask, [[1.0, 0.0], [0.0, 0.0]]), INDEX["mel"])
    assert on.startswith("The evidence for melanoma peaks inside the lesion and spreads past it: ")
    assert "; of a centre prior it would be " in on
    away = words.evidence_sentence(case_with({"mel": 1.0}, mask, [[0.6, 1.0], [0.0, 0.0]]), INDEX["mel"])
    assert away.startswith("The evidence for melanoma lies mostly outside the lesion: ")


@pytest.mark.parametrize(
    ("inside", "prior", "peaks", "place"),
    [
        (0.745, 0.5, True, "lies partly inside the lesion"),  # printed as 74 %
        (0.746, 0.5, True, "lies inside the lesion"),
        (0.494, 0.5, False, "lies mostly outside the lesion"),  # printed as 49 %
        (0.496, 0.5, False, "lies partly inside the lesion"),
        (0.3, 0.15, True, "peaks inside the lesion and spreads past it"),
        (0.3, 0.296, True, "lies mostly outside the lesion"),
        (0.3, 0.15, False, "lies mostly outside the lesion"),
    ],
)
def test_where_evidence_lies_is_told_by_the_figures_that_are_printed(inside, prior, peaks, place):
    assert f"The evidence for {{name}} {place}: " in words._place(inside, prior, peaks)


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "under 0.1 %"),
        (0.00049, "under 0.1 %"),
        (0.0005, "0.1 %"),
        (0.0994, "9.9 %"),
        (0.0996, "10 %"),
        (0.2, "20 %"),
    ],
)
def test_small_shares_are_neither_nothing_nor_ten_point_nought(share, text):
    assert said(fine_percent(share)) == text


@pytest.mark.parametrize(
    ("spread", "by"), [(0.004, "less than 1 point"), (0.006, "1 point"), (0.014, "1 point"), (0.016, "2 points")]
)
def test_views_are_apart_by_whole_points(spread, by):
    assert f"varies among them by {by} (" in words.views_note(replace(LIKELY, views=8, spread=spread))


@pytest.mark.parametrize(
    ("cells", "start"),
    [
        ([[0.0, 1.0]], "The evidence for melanoma lies inside the lesion: "),
        ([[1.0, 0.0]], "The evidence for melanoma lies mostly outside the lesion: "),
        ([[0.7, 1.0]], "The evidence for melanoma lies partly inside the lesion: "),
        ([[0.0, 0.0]], "The heat map for melanoma is empty: no place in the picture raises its score. That does not"),
    ],
)
def test_agreement_is_a_sentence_with_its_figure(cells, start):
    mask = np.zeros((40, 60), dtype=bool)
    mask[:, 30:] = True  # the centre prior has half of its sum in it
    sentence = words.evidence_sentence(case_with({"mel": 1.0}, mask, cells), INDEX["mel"])
    assert sentence.startswith(start)
    if cells[0] == [1.0, 0.0]:
        assert ", less than of a centre prior, 50" in sentence
    elif any(cells[0]):
        assert "; of a centre prior it would be 50" in sentence


def test_agreement_that_is_built_in_is_said_to_be():
    case = case_with({"mel": 1.0}, half_mask(), [[0.0, 1.0]])
    assert not words.evidence_sentence(case, 0).endswith(BUILT_IN)
    assert words.evidence_sentence(replace(case, looks_inside=True), 0).endswith(f". {BUILT_IN}")


def test_the_method_says_what_heat_map_and_class_mask_are():
    pooled = " ".join(words.method(LIKELY, WeightsInfo(SMALL)))
    assert "is Grad-CAM: for each place" in pooled
    assert "where probability of lesion times evidence reaches 0.5." in pooled
    cells = " ".join(words.method(LIKELY, WeightsInfo(replace(SMALL, head="pixel"))))
    assert "is a part of the score itself" in cells
    assert "The class mask is where that reaches 0.5." in cells


def test_captions_and_legend_say_what_is_shown():
    mel = INDEX["mel"]
    assert words.caption(LIKELY, "Heat map", mel) == ""
    assert words.heat_ends(LIKELY, mel) == ("0: does not speak for melanoma", "Most: adds 1 to its score (logit)")
    assert words.caption(LIKELY, "Class mask", mel).startswith("The part of the lesion that speaks for melanoma")
    flat = case_with({"mel": 1.0}, half_mask())
    assert (
        words.caption(flat, "Heat map", mel)
        == words.caption(flat, "Class mask", mel)
        == ("An empty heat map: no place raises the score of melanoma.")
    )
    assert words.description_of(LIKELY, "Heat map", mel) == "a.png, under a heat map of the evidence for melanoma."
    away = case_with({"mel": 1.0}, half_mask(), [[1.0] + [0.0] * 5])
    assert words.caption(away, "Class mask", mel).startswith("No part of the lesion carries enough evidence")
    assert words.caption(LIKELY, "Original", mel) == "The picture as it came."


def test_the_method_names_weights_licence_and_calibration():
    text = " ".join(words.method(LIKELY, WeightsInfo(SMALL)))
    for part in ("64 × 64", "Grad-CAM", "not yet calibrated", "small 01234567", "CC BY-NC 4.0"):
        assert part in text
    calibrated = " ".join(words.method(LIKELY, WeightsInfo(SMALL, temperature=1.5)))
    assert "calibrated with a temperature of 1.50" in calibrated
    assert "No threshold for referral" in calibrated
    assert "not yet" not in calibrated
    decided = WeightsInfo(SMALL, temperature=1.5, referral_threshold=0.12, conformal_thresholds=(0.0, *LIMITS[1:]))
    text = said(" ".join(words.method(LIKELY, decided)))
    assert "The referral threshold, a malignant sum of 12 %, was chosen on validation" in text
    assert "actinic keratosis or Bowen's disease always, basal cell carcinoma from 20 %" in text
    assert words.calibration_note(decided) == "Probabilities calibrated on validation."
    assert words.calibration_note(WeightsInfo(SMALL)) == words.NOT_CALIBRATED


def test_the_overlap_is_said_with_its_threshold_its_blob_its_mean_and_the_truth_where_known():
    # The mask is a quarter of the picture and the map 1 everywhere: 1/4 at every threshold, for every class.
    mel = INDEX["mel"]
    overlap = words.overlap(LIKELY, mel)
    assert "overlap by 0.25 (IoU) where the map is cut at 0.01" in overlap
    assert "mean over the seven diagnoses it is 0.25" in overlap
    assert "true outline" not in overlap
    known = replace(LIKELY, truth=np.ones_like(LIKELY.mask))
    assert words.overlap(known, mel).endswith("With the true outline, known for this picture, it is 1.00.")
    assert words.overlap(case_with({"mel": 1.0}, half_mask()), mel) == ""
