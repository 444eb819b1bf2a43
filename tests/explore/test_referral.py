"""Referral at a threshold, by hand, against the bootstrap that all figures use, and where something is undefined."""

import numpy as np
import pandas as pd
import pytest

from derm.diagnoses import INDEX
from derm.explore import referral
from derm.language.speech import speaking
from derm.metrics.bootstrap import bootstrap
from derm.metrics.decision import lesion_rates, picture_weights, predictive_values

CASES = pd.DataFrame(
    {
        "image_id": list("abcdefg"),
        "lesion": ["1", "1", "2", "3", "4", "4", "5"],
        "true": [INDEX[code] for code in ("mel", "mel", "bcc", "nv", "nv", "nv", "vasc")],
        "p_malignant": [0.9, 0.1, 0.5, 0.6, 0.05, 0.2, 0.01],
    }
)
ALL = np.ones(len(CASES), dtype=bool)


def test_the_figures_worked_out_by_hand():
    found = referral.refer(CASES, ALL, 0.2, 0.1)
    assert found.counts.tolist() == [[2, 1], [2, 2]]
    assert (found.malignant, found.benign) == (2, 3)
    assert found.sensitivity.value == pytest.approx((1 / 2 + 1) / 2)
    assert found.specificity.value == pytest.approx((0 + 1 / 2 + 1) / 3)
    values = predictive_values(3 / 4, 1 / 2, 0.1)
    assert (found.ppv.value, found.npv.value) == pytest.approx(tuple(values))


def test_intervals_are_those_of_the_bootstrap_over_lesions():
    random = np.random.default_rng(4)
    cases = pd.DataFrame(
        {
            "image_id": [str(place) for place in range(120)],
            "lesion": random.integers(70, size=120).astype(str),
            "true": random.choice([INDEX["mel"], INDEX["nv"]], 120),
            "p_malignant": random.random(120),
        }
    )
    malignant, referred = referral.is_malignant(cases), referral.is_referred(cases, 0.4)
    lesions = cases["lesion"].to_numpy(dtype=str)
    weights = picture_weights(malignant, lesions)

    def measure(rows):
        return lesion_rates(referred[rows], malignant[rows], weights[rows])._asdict()

    found = referral.refer(cases, np.ones(120, dtype=bool), 0.4, replicates=150)
    spans = bootstrap(measure, lesions, 150)
    assert found.sensitivity.interval == pytest.approx(spans["sensitivity"])
    assert found.specificity.interval == pytest.approx(spans["specificity"])
    whole = measure(np.arange(120))
    assert (found.sensitivity.value, found.specificity.value) == pytest.approx(tuple(whole.values()))


def test_the_image_by_which_a_threshold_was_chosen_stays_referred():
    chosen = pd.DataFrame({"p_malignant": [0.024993]})  # as predictions.csv has 0.0249932809
    assert referral.is_referred(chosen, 0.024993280944374606).all()


def test_everybody_and_nobody():
    assert referral.refer(CASES, ALL, 0.0).counts.tolist() == [[3, 0], [4, 0]]
    assert referral.refer(CASES, ALL, 1.0).counts.tolist() == [[0, 3], [0, 4]]
    nobody = referral.refer(CASES, ALL, 1.0)
    assert nobody.ppv == (None, None)
    assert nobody.npv.value == pytest.approx(3 / 5)


@pytest.mark.parametrize("kept", [ALL & (CASES["true"] == INDEX["nv"]).to_numpy(), ~ALL])
def test_without_a_malignant_image_what_it_says_of_them_is_undefined(kept):
    found = referral.refer(CASES, kept, 0.3)
    assert found.sensitivity == (None, None)
    assert dict(referral.figures(found))["Sensitivity, malignant lesions referred"] == "undefined"
    assert referral.cell_sentence(found, 0, 1) == "0 of 0 malignant images not referred"
    assert (found.prevalence is None) == (not kept.any())
    assert f"0 of 0 malignant and {found.counts[1, 0]} of {kept.sum()} benign" in referral.sentence(found)


def test_cells_hold_what_is_counted():
    found = referral.refer(CASES, ALL, 0.2)
    for row in range(2):
        for column in range(2):
            assert len(referral.cell(CASES, ALL, 0.2, row, column)) == found.counts[row, column]
    assert referral.cell(CASES, ALL, 0.2, 0, 1).tolist() == [1]
    assert referral.cell_sentence(found, 0, 1) == "1 of 3 malignant images not referred"


def test_the_slider_stops_at_the_weights_own_threshold():
    stops = referral.stops(0.02499)
    assert stops == sorted(stops)
    assert (stops[0], stops[-1]) == (0, 1)
    assert referral.nearest(0.0251, stops) == 0.025
    assert referral.nearest(0.02499, stops) == 0.02499
    assert referral.stop_label(0.02499, 0.02499).replace("\xa0", " ") == "2.5 %, the weights' own"
    assert referral.stop_label(0.4, 0.02499).replace("\xa0", " ") == "40 %"


def test_shares_near_the_ends_are_not_rounded_away():
    said = referral.estimate_text(referral.Estimate(0.996, (0.991, 1.0))).replace("\xa0", " ")
    assert said == "99.6 % (99.1 – 100 %)"
    assert referral.estimate_text(referral.Estimate(0.5, None)).replace("\xa0", " ") == "50 %"
    with speaking("de"):
        assert referral.estimate_text(referral.Estimate(0.996, (0.991, 1.0))).startswith(
            "99,6\N{NO-BREAK SPACE}% (99,1"
        )
