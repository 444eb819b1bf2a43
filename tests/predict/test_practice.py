"""One setting for a practice's own patients: probabilities, threshold, words, files and pages move together."""

import csv
import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import streamlit as st
import torch
from PIL import Image
from small_nets import SMALL
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES, HAM10000_IMAGES, INDEX
from derm.errors import ConfigFault
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, default_weights, load_weights, save_weights
from derm.predict import words
from derm.predict.case import Case, diagnose
from derm.predict.export import case_json
from derm.predict.practice import LEAST, MOST, at_practice, data_share
from tests.cases import cases_csv

ROOT = Path(__file__).parents[2]
RATES = {"sensitivity": {"value": 0.9}, "specificity": {"value": 0.8}}


def mix(**shares: float) -> tuple[float, ...]:
    """Shares in the order of the classes."""
    return tuple(shares.get(code, 0.0) for code in CODES)


HOME = mix(mel=0.1, bcc=0.1, nv=0.6, bkl=0.2)


@pytest.fixture(scope="module")
def case(tiny_model) -> Case:
    """Melanoma 0.4, carcinoma 0.1, nevus 0.3, keratosis 0.2 where 20 % are malignant; referred from 0.3 on."""
    found = diagnose(tiny_model, draw_lesion("mel", 1, height=80, width=100).image, "a.png")
    return replace(
        found,
        probabilities=np.array(mix(mel=0.4, bcc=0.1, nv=0.3, bkl=0.2)),
        mask=np.ones(found.mask.shape, dtype=bool),
        mix=HOME,
        referral_threshold=0.3,
        conformal_thresholds=mix(mel=0.2, bcc=0.2, nv=0.5, bkl=0.1, df=0.1, vasc=0.1, akiec=0.1),
    )


def test_probabilities_and_threshold_by_hand(case):
    # From 20 % to 5 %: malignant a quarter as likely, benign 19/16: 0.125 against 0.59375, so 4 : 19 in all.
    moved = at_practice(case, 0.05)
    assert moved.p_malignant == pytest.approx(4 / 23)
    assert moved.probabilities == pytest.approx(np.array(mix(mel=3.2, bcc=0.8, nv=11.4, bkl=7.6)) / 23)
    # The threshold's odds of 3 : 7 become 12 : 133.
    assert moved.referral_threshold == pytest.approx(12 / 145)
    assert moved.mix_share == pytest.approx(0.05)
    assert moved.predicted.code == "nv"
    assert case.predicted.code == "mel"
    assert moved.at_data is case


def test_the_spread_is_of_the_diagnosis_that_is_likeliest_there(case):
    each = np.array([mix(mel=0.5, nv=0.5), mix(mel=0.3, nv=0.7)])
    viewed = replace(case, probabilities=np.array(mix(mel=0.51, nv=0.49)), views=8, spread=0.1, each_view=each)
    moved = at_practice(viewed, 0.05)
    assert (viewed.predicted.code, moved.predicted.code) == ("mel", "nv")
    # Odds of malignant to benign become 4/19 of what they were: 1 : 1 is 4 : 19, and 3 : 7 is 12 : 133.
    assert moved.spread == pytest.approx(np.std([19 / 23, 133 / 145]))
    assert moved.each_view == pytest.approx(np.array([mix(mel=4 / 23, nv=19 / 23), mix(mel=12 / 145, nv=133 / 145)]))
    assert at_practice(moved, None).spread == 0.1


def test_without_a_setting_the_case_is_itself(case):
    assert at_practice(case, None) is case
    assert at_practice(at_practice(case, 0.05), None) is case
    # Twice set is set once: it starts from the data's mix each time.
    assert at_practice(at_practice(case, 0.5), 0.05).p_malignant == at_practice(case, 0.05).p_malignant
    assert at_practice(at_practice(case, 0.5), 0.05).at_data is case
    assert at_practice(case, 0.2).probabilities == pytest.approx(case.probabilities)


@pytest.mark.parametrize("share", [LEAST, 0.05, 0.2, MOST])
def test_who_is_referred_never_changes(case, share):
    for total in np.r_[np.linspace(0, 1, 41), 0.3, np.nextafter(0.3, 0)]:
        shown = replace(case, probabilities=np.array(mix(mel=total, nv=1 - total)))
        moved = at_practice(shown, share)
        assert moved.above_referral == shown.above_referral
        if abs(total - 0.3) > 1e-9:
            assert (moved.p_malignant >= moved.referral_threshold) == shown.above_referral


def test_what_cannot_be_excluded_stays_and_the_likeliest_joins(case):
    # At the data's mix: melanoma and keratosis reach their limits, the nevus does not.
    assert {CODES[index] for index in case.cannot_exclude} == {"mel", "bkl"}
    moved = at_practice(case, 0.05)
    assert [CODES[index] for index in moved.cannot_exclude] == ["nv", "bkl", "mel"]
    short = replace(case, conformal_thresholds=(0.9,) * 7)
    assert short.falls_short
    assert at_practice(short, LEAST).falls_short
    assert at_practice(replace(case, conformal_thresholds=None), 0.05).cannot_exclude is None


def test_without_a_known_mix_nothing_moves(case):
    for unknown in (None, mix(nv=1.0)):
        blind = replace(case, mix=unknown)
        assert at_practice(blind, 0.05) is blind
        assert data_share(WeightsInfo(SMALL, mix=unknown)) is None
    assert data_share(WeightsInfo(SMALL, mix=HOME)) == pytest.approx(0.2)
    with pytest.raises(ConfigFault, match="the share of malignant lesions is 1, which is not between 0 and 1"):
        at_practice(case, 1.0)


def test_the_mix_of_the_shipped_weights_is_known():
    share = data_share(load_weights(default_weights()).description)
    assert share is not None
    own = WeightsInfo(SMALL, training={"data": {"images": sum(HAM10000_IMAGES.values())}})
    assert own.known_mix[INDEX["nv"]] == 6705 / 10_015
    assert data_share(own) == pytest.approx((327 + 514 + 1113) / 10_015)
    assert WeightsInfo(SMALL, training={"data": {"images": 5}}).known_mix is None


def said(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_the_words_move_along(case):
    moved = at_practice(case, 0.05)
    assert said(words.headline(case)).endswith("Refer: malignant 50 %.")
    assert said(words.headline(moved)).endswith("Refer: malignant 17 %.")
    below = at_practice(replace(case, probabilities=np.array(mix(mel=0.05, nv=0.95))), 0.01)
    # Odds 1 : 19 become 4 : 1881, and 3 : 7 become 12 : 693.
    assert said(words.headline(below)).endswith("Not referred: malignant 0.2 %.")
    assert said(words.second_line(below)).endswith("Referral is advised from a malignant probability of 1.7 %.")
    assert said(words.mix_sentence(case)) == "At the data's own mix of diagnoses, 20 % malignant."
    assert said(words.mix_sentence(moved)) == (
        "Carried to your patients, 5 % malignant; at the data's own mix the malignant sum is 50 %. "
        "Who is referred does not change with it."
    )
    assert words.mix_sentence(replace(case, mix=None)) == ""
    assert said(words.patients(0.195, None)) == "Patients as in the data: 20 % malignant"
    assert said(words.patients(0.195, 0.005)) == "Your patients: 0.5 % malignant"
    assert "from 20 % malignant in the data to 5 % among your patients" in said(words.patients_note(0.195, 0.05))
    description = WeightsInfo(SMALL, referral_threshold=0.3)
    assert "moved along, from 30 % to 8.3 %: it stands for a sensitivity" in said(
        " ".join(words.method(moved, description))
    )


def test_predictive_values_are_of_the_patients_that_are_set(case):
    description = WeightsInfo(SMALL, referral_threshold=0.3, measured={"test": {"referral": {"by_lesion": RATES}}})
    # 200 of 1,000 malignant: 180 above and 160 benign ones; below 20 of 660. 50 of 1,000: 45 and 190; below 5 of 765.
    assert said(words.predictive_at(case, description)) == (
        "Where 20 % of lesions are malignant: of those above the threshold, 53 % are; of those below, 3.0 % are."
    )
    assert said(words.predictive_at(at_practice(case, 0.05), description)) == (
        "Where 5 % of lesions are malignant: of those above the threshold, 19 % are; of those below, 0.7 % are."
    )
    assert words.predictive_at(replace(case, mix=None), description) == ""


def test_a_local_calibration_is_spoken_of_as_such(case):
    rates = {
        "sensitivity": {"value": 0.96, "interval": [0.9, 0.99], "lesions": 60},
        "specificity": {"value": 0.3, "interval": [0.25, 0.35], "lesions": 240},
    }
    record = {"local": {"folder": "clinic", "images": 310, "lesions": 300}, "cross_validated": rates}
    description = WeightsInfo(SMALL, temperature=1.2, referral_threshold=0.1, measured={"calibration": record})
    assert words.calibration_note(description) == "Probabilities calibrated on 310 confirmed images of clinic."
    assert said(words.referral_meaning(description)) == (
        "Of 100 malignant lesions like those of clinic, about 96 are above it, at least 90 % with 97.5 % confidence; "
        "of 100 benign, 70 (cross-validated on its 300 lesions)."
    )
    known = {"calibration": {**record, "local": {**record["local"], "known_images": 31}}}
    assert words.referral_meaning(replace(description, measured=known)).endswith(
        "300 lesions). These figures are too good: the weights learned from 31 of its images."
    )
    assert said(words.predictive_at(case, description)).startswith(
        "Where 20 % of lesions are malignant: of those above"
    )
    assert "cross-validated on clinic" in words.predictive_note(description)
    made = said(" ".join(words.method(case, replace(description, conformal_thresholds=(0.1,) * 7))))
    assert "a temperature of 1.20, fitted on the confirmed cases of clinic. The referral threshold" in made
    assert "chosen on the same cases" in made
    assert "Nine of ten of these cases of a diagnosis reach its limit" in made
    assert "validation" not in made


def test_the_test_part_of_another_source_is_not_told_as_ones_own_cases(case):
    local = {
        "sensitivity": {"value": 0.96, "interval": [0.9, 0.99]},
        "specificity": {"value": 0.3, "interval": [0.25, 0.35]},
    }
    record = {"local": {"folder": "clinic", "images": 310, "lesions": 300}, "cross_validated": local}
    before = WeightsInfo(SMALL, temperature=1.2, referral_threshold=0.1, measured={"calibration": record})
    test = {"split": "by lesion", "images": 50, "lesions": 45, "source": "ham10000"}
    test["referral"] = {"of_100_malignant": 100, "of_100_benign": 36, "by_lesion": RATES}
    after = replace(before, measured={**before.measured, "test": test})
    assert words.predictive_at(case, after) == words.predictive_at(case, before)
    own, others = words.referral_meaning(before), words.referral_meaning(after)
    assert others.startswith(f"{own} On pictures like those of HAM10000, of 100 malignant lesions about 100 are above")
    assert words.predictive_note(WeightsInfo(SMALL)) == words.PREDICTIVE_NOTE


def test_files_say_for_whom_they_hold(case):
    told = json.loads(case_json(at_practice(case, 0.05), "terms"))
    assert told["prevalence"] == {
        "malignant_share": pytest.approx(0.05), "of": "practice", "data_malignant_share": pytest.approx(0.2)
    }  # fmt: skip
    assert told["p_malignant"] == pytest.approx(4 / 23, abs=1e-6)
    assert told["above_referral"] is True
    assert json.loads(case_json(case, "terms"))["prevalence"]["of"] == "data"
    unknown = json.loads(case_json(replace(case, mix=None), "terms"))["prevalence"]
    assert unknown == {"malignant_share": None, "of": "data", "data_malignant_share": None}
    rows = csv.DictReader(cases_csv([case, at_practice(case, 0.05), replace(case, mix=None)]).splitlines())
    assert [row["malignant_share"] for row in rows] == ["0.200000", "0.050000", ""]


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """Random weights whose outline is everything, calibrated at `HOME`."""
    torch.manual_seed(3)
    net = LesionNet(SMALL)
    with torch.no_grad():
        net.mask_head.weight.zero_()
        net.mask_head.bias.fill_(5.0)
    path = tmp_path_factory.mktemp("practice") / "tiny.json"
    measured = {"test": {"referral": {"of_100_malignant": 90, "of_100_benign": 20, "by_lesion": RATES},
                         "split": "by lesion", "images": 1000}}  # fmt: skip
    save_weights(path, net, WeightsInfo(SMALL, mix=HOME, referral_threshold=0.3, measured=measured))
    return path


@pytest.mark.slow
def test_derm_predict_takes_the_share(weights, tiny_weights, tmp_path):
    Image.fromarray(draw_lesion("nv", 2, height=64, width=80).image).save(tmp_path / "a.png")

    def table(*more: str) -> pd.DataFrame:
        words = ["predict", str(tmp_path / "a.png"), "--weights", str(weights), "--out", str(tmp_path / "t.csv"), *more]
        told = CliRunner().invoke(app, words)
        assert told.exit_code == 0, told.output
        return pd.read_csv(tmp_path / "t.csv")

    before, after = table(), table("--prevalence", "0.05")
    assert (before["malignant_share"].iloc[0], after["malignant_share"].iloc[0]) == (0.2, 0.05)
    p = before["p_malignant"].iloc[0]
    assert after["p_malignant"].iloc[0] == pytest.approx(p / (p + (1 - p) * 19 / 4), abs=1e-5)
    words = ["predict", str(tmp_path), "--weights", str(tiny_weights), "--json", "--prevalence", "0.05"]
    refused = CliRunner().invoke(app, words)
    assert "do not say for which mix of diagnoses" in str(refused.exception)


@pytest.fixture
def page(weights, monkeypatch):
    """The page Diagnose as a new visitor finds it."""
    monkeypatch.setenv("DERM_WEIGHTS", str(weights))
    st.cache_resource.clear()
    yield AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=180).run()
    st.cache_resource.clear()


def shown(page: AppTest) -> Case:
    assert not page.exception
    return page.session_state.shown.case


def texts(page: AppTest) -> str:
    return said(" ".join(element.value for element in [*page.markdown, *page.caption]).replace("\\", ""))


def label(page: AppTest) -> str:
    labels = [said(popover.proto.popover.label) for popover in page.get("popover")]
    return next(one for one in labels if "atients" in one)


@pytest.mark.slow
def test_the_setting_is_off_and_says_which_mix_that_is(page):
    assert page.toggle(key="practice-on").value is False
    assert page.slider(key="practice-share").disabled
    assert label(page) == "Patients as in the data: 20 % malignant"
    assert "At the data's own mix of diagnoses, 20 % malignant." in texts(page)
    assert "Where 20 % of lesions are malignant:" in texts(page)
    assert shown(page).at_data is None


@pytest.mark.slow
def test_one_setting_moves_everything_and_is_kept_from_page_to_page(page):
    before = shown(page)
    page.toggle(key="practice-on").set_value(True).run()
    page.slider(key="practice-share").set_value(0.02).run()
    moved = shown(page)
    assert moved.probabilities == pytest.approx(at_practice(before, 0.02).probabilities)
    assert label(page) == "Your patients: 2 % malignant"
    for sentence in ("Carried to your patients, 2 % malignant;", "Where 2 % of lesions are malignant:"):
        assert sentence in texts(page)
    assert page.header[0].value.replace("\\", "") == words.headline(moved)
    for other in ("pages/1_Compare.py", "pages/2_Explore.py", "pages/3_Monitor.py"):
        page.switch_page(other).run()
        assert shown(page).mix_share == pytest.approx(0.02)
        assert page.toggle(key="practice-on").value is True
        assert page.slider(key="practice-share").value == pytest.approx(0.02)
    page.switch_page("streamlit_app.py").run()
    assert shown(page).mix_share == pytest.approx(0.02)
    # A new case follows it, too; and off is the data's own mix again, the share remembered.
    page.button(key="sample-bcc").click().run()
    assert shown(page).mix_share == pytest.approx(0.02)
    page.toggle(key="practice-on").set_value(False).run()
    assert shown(page).at_data is None
    assert page.slider(key="practice-share").value == pytest.approx(0.02)


@pytest.mark.slow
def test_it_outlives_a_reload_with_the_list(page):
    stream = BytesIO()
    Image.fromarray(draw_lesion("nv", 2, height=64, width=80).image).save(stream, format="PNG")
    page.toggle(key="practice-on").set_value(True).run()
    page.slider(key="practice-share").set_value(0.02).run()
    page.get("file_uploader")[0].upload("a.png", stream.getvalue(), "image/png")
    page.run()
    while page.session_state.reading.waiting:
        page.run()
    page.run()
    back = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=180).run()
    back.session_state.claimed_token = page.session_state.token
    back.run()
    assert label(back) == "Your patients: 2 % malignant"
    assert shown(back).mix_share == pytest.approx(0.02)
    assert (back.toggle(key="practice-on").value, back.slider(key="practice-share").value) == (True, 0.02)


@pytest.mark.slow
@pytest.mark.parametrize("script", ["pages/1_Compare.py", "pages/3_Monitor.py"])
def test_it_can_be_set_on_a_page_opened_by_its_own_address(page, script):
    other = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=180).switch_page(script).run()
    assert not other.exception
    other.toggle(key="practice-on").set_value(True).run()
    assert shown(other).mix_share == pytest.approx(0.05)
    assert label(other) == "Your patients: 5 % malignant"


@pytest.mark.slow
def test_weights_that_do_not_know_their_mix_offer_no_setting(tiny_weights, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    st.cache_resource.clear()
    page = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=180).run()
    assert not page.exception
    assert [toggle.key for toggle in page.toggle] == ["wide"]  # that of eight views, which needs no mix
    st.cache_resource.clear()
