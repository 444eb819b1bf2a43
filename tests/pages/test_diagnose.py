"""The page Diagnose without a browser: first visit, uploads of every kind, the list, and missing weights."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
import torch
from PIL import Image
from streamlit.testing.v1 import AppTest

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.errors import DataFault
from derm.figures.text import plain
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, save_weights
from derm.predict import case_list, words
from derm.predict.case import Case, diagnose
from derm.predict.views import EIGHT
from derm.predict.words import CALIBRATED, NOT_CALIBRATED, NOT_DERMOSCOPIC, NOTICE

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"
SMALL = ModelConfig(input_size=64, feature_channels=32, decoder_channels=(8, 8, 8, 8))


def write_weights(folder: Path, mask_bias: float, description: WeightsInfo) -> Path:
    """Random weights whose outline is everything (bias above 0) or nothing (below)."""
    torch.manual_seed(3)
    net = LesionNet(SMALL)
    with torch.no_grad():
        net.mask_head.weight.zero_()
        net.mask_head.bias.fill_(mask_bias)
    save_weights(folder / "tiny.json", net, description)
    return folder / "tiny.json"


@pytest.fixture
def visit(tmp_path, monkeypatch):
    """A function that opens the page as a new visitor."""

    def opened(mask_bias: float = 5.0, **described) -> AppTest:
        weights = write_weights(tmp_path, mask_bias, WeightsInfo(SMALL, **described))
        monkeypatch.setenv("DERM_WEIGHTS", str(weights))
        st.cache_resource.clear()
        return AppTest.from_file(APP, default_timeout=60).run()

    yield opened
    st.cache_resource.clear()


def encoded(image: Image.Image, form: str = "PNG", **settings) -> bytes:
    stream = BytesIO()
    image.save(stream, format=form, **settings)
    return stream.getvalue()


def photograph(height: int = 60, width: int = 80) -> Image.Image:
    drawn = draw_lesion("nv", 2, height=max(height, 64), width=max(width, 64)).image
    return Image.fromarray(drawn[:height, :width])


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    uploader = page.get("file_uploader")[0]
    for name, content in files:
        uploader.upload(name, content, "image/jpeg")
    return page.run()


def shown(page: AppTest):
    assert not page.exception
    return page.session_state.shown.case


def captions(page: AppTest) -> str:
    return " ".join(caption.value for caption in page.caption).replace("\\", "")


def test_a_first_visit_shows_a_drawn_sample_already_analysed(visit):
    page = visit()
    assert shown(page).name == "Drawn melanoma"
    assert page.header[0].value
    assert "A drawing, not a patient." in captions(page)
    assert NOT_CALIBRATED in captions(page).replace("\\", "")
    assert NOTICE in captions(page)
    (diagnoses,) = page.radio
    assert len(diagnoses.options) == 7
    assert "Outline" in page.get("button_group")[0].value
    assert "CC BY\\-NC" in " ".join(markdown.value for markdown in page.expander[0].markdown)


def test_eight_views_are_asked_for_by_a_switch_and_stay(visit):
    page = visit()
    switch = page.toggle(key="wide")
    assert (switch.label, switch.value) == (words.VIEWS, False)
    before = page.session_state.shown.case
    page = switch.set_value(True).run()
    case = page.session_state.shown.case
    assert (before.views, case.views) == (1, EIGHT)
    assert plain(words.views_note(case)) in [one.value for one in page.caption]
    assert not page.exception
    # What comes later is asked so, too, and back again.
    page = upload(page, ("a.png", encoded(photograph())))
    assert page.session_state.shown.case.views == EIGHT
    page = page.toggle(key="wide").set_value(False).run()
    assert page.session_state.shown.case.views == 1
    assert page.session_state.shown.case.name == "a.png"
    assert not page.exception


def test_calibrated_weights_need_no_warning(visit):
    said = captions(visit(temperature=1.4))
    assert NOT_CALIBRATED not in said
    assert CALIBRATED in said


def texts(page: AppTest) -> str:
    return " ".join(element.value for element in [*page.markdown, *page.caption]).replace("\\", "")


def html_of(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def test_decisions_are_spoken_where_the_weights_bring_them(visit):
    referral = {"of_100_malignant": 96, "of_100_benign": 28}
    page = visit(
        referral_threshold=0.001,
        conformal_thresholds=(0.0,) * 7,
        measured={"test": {"split": "by lesion", "images": 2004, "referral": referral}},
    )
    case = shown(page)
    assert (case.above_referral, len(case.cannot_exclude)) == (True, 7)
    for sentence in (
        "Referral is advised from a malignant probability of under 1",
        "about 96 are above it; of 100 benign, 28 (on the test part, split by lesion, 2,004 images)",
        "No diagnosis can be excluded.",
    ):
        assert sentence in texts(page)
    assert "; referral threshold under" in html_of(page)


def test_weights_without_decisions_stay_silent_about_them(visit):
    page = visit()
    case = shown(page)
    assert (case.above_referral, case.cannot_exclude, case.unfamiliar) == (None, None, None)
    for silent in ("Referral is advised", "of 100 benign", "excluded", "coverage"):
        assert silent not in texts(page)


def photographed_case(*asked, **known) -> Case:
    return replace(diagnose(*asked, **known), not_dermoscopic=True)


def test_what_is_not_dermoscopic_takes_the_headline_and_probabilities_step_back(visit, monkeypatch):
    monkeypatch.setattr("derm.predict.case_list.diagnose", photographed_case)
    page = visit(referral_threshold=0.001, conformal_thresholds=(0.0,) * 7)
    assert shown(page).not_dermoscopic
    assert page.header[0].value.replace("\\", "") == NOT_DERMOSCOPIC
    assert page.expander[0].label == "Probabilities, not to be relied on"
    assert "Referral is advised" not in texts(page)
    assert "No diagnosis can be excluded" not in texts(page)
    assert 'class="derm-sum"' not in html_of(page)


def doubted_case(*asked, **known) -> Case:
    case = diagnose(*asked, **known)
    return replace(case, not_dermoscopic=False, seen_little=True, mask=np.ones_like(case.mask))


def test_an_answer_of_which_the_model_has_seen_little_is_shown_and_marked(visit, monkeypatch):
    monkeypatch.setattr("derm.predict.case_list.diagnose", doubted_case)
    page = visit(referral_threshold=0.001, conformal_thresholds=(0.0,) * 7)
    assert any(one.value.replace("\\", "").startswith(words.SEEN_LITTLE) for one in page.caption)
    assert "Referral is advised" in texts(page)
    assert "Probabilities, not to be relied on" not in [expander.label for expander in page.expander]


def test_a_click_on_a_diagnosis_shows_its_heat_map(visit):
    page = visit()
    (diagnoses,) = page.radio
    code = CODES.index("df")
    diagnoses.set_value(code).run()
    assert not page.exception
    assert page.session_state.layer == "Heat map"
    sentences = " ".join(markdown.value for markdown in page.markdown)
    assert "for dermatofibroma" in sentences


@pytest.mark.parametrize("layer", ["Original", "Outline", "Heat map", "Class mask"])
def test_every_layer_can_be_shown(visit, layer):
    page = visit()
    page.get("button_group")[0].set_value(layer).run()
    assert not page.exception
    assert page.slider[0].disabled == (layer in ("Original", "Outline"))


def test_several_files_become_a_list_and_the_drawing_leaves(visit):
    page = upload(visit(), ("one.png", encoded(photograph())), ("two.png", encoded(photograph(90, 70))))
    assert shown(page).name == "two.png"
    assert [listed.case.name for listed in page.session_state.cases] == ["two.png", "one.png"]
    strip = page.radio(key="chosen")
    assert strip.label.startswith("2 cases, newest first")
    strip.set_value(page.session_state.cases[1].key).run()
    assert shown(page).name == "one.png"
    next(button for button in page.button if button.label == "Clear the list").click().run()
    assert shown(page).name == "Drawn melanoma"
    assert len(page.session_state.cases) == 1


def test_a_sample_can_be_picked(visit):
    page = visit()
    page.button(key="sample-bcc").click().run()
    assert shown(page).name == "Drawn basal cell carcinoma"
    assert [listed.drawn for listed in page.session_state.cases] == [True, True]


def test_bad_files_give_a_sentence_each_and_good_ones_still_work(visit):
    huge = encoded(Image.new("L", (8000, 5001)))
    page = upload(
        visit(),
        ("words_*.jpg", b"this is text"),
        ("cut.png", encoded(photograph())[:200]),
        ("good.png", encoded(photograph())),
        ("huge.png", huge),
    )
    assert shown(page).name == "good.png"
    (error,) = page.error
    sentences = error.value.replace("\\", "").splitlines()
    assert [sentence.split()[1] for sentence in sentences] == ["words_*.jpg", "cut.png", "huge.png"]
    upload(page, ("better.png", encoded(photograph())))
    assert not page.error


def rotated() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    exif[0x010F] = "Camera of Dr. Who"
    return encoded(photograph(), "JPEG", exif=exif)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (encoded(photograph().convert("CMYK"), "JPEG"), (60, 80)),
        (encoded(Image.fromarray(np.asarray(photograph().convert("L")).astype(np.uint16) * 257)), (60, 80)),
        (encoded(photograph().convert("L")), (60, 80)),
        (encoded(photograph().convert("RGBA")), (60, 80)),
        (encoded(photograph(), "GIF"), None),
        (encoded(photograph(), "WEBP", save_all=True, append_images=[photograph()]), (60, 80)),
        (encoded(photograph(), "TIFF"), (60, 80)),
        (encoded(photograph(), "BMP"), (60, 80)),
        (rotated(), (80, 60)),
    ],
    ids=["cmyk", "16-bit", "grey", "alpha", "gif", "animated", "tiff", "bmp", "exif"],
)
def test_odd_files_give_the_right_picture_or_one_sentence(visit, content, size):
    page = upload(visit(), ("odd", content))
    case = shown(page)
    if size is None:
        assert (len(page.error), case.name) == (1, "Drawn melanoma")
        return
    assert not page.error
    assert case.image.shape == (*size, 3)
    assert case.name == "odd"


def test_no_lesion_takes_the_headline(visit):
    page = visit(mask_bias=-5.0)
    assert page.header[0].value.replace("\\", "") == "No lesion found in this picture."
    assert page.expander[0].label == "Probabilities, not to be relied on"
    page.get("button_group")[0].set_value("Class mask").run()
    assert not page.exception


def test_missing_weights_are_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "none.json"))
    st.cache_resource.clear()
    page = AppTest.from_file(APP, default_timeout=60).run()
    assert not page.exception
    (error,) = page.error
    assert "There is no description" in error.value
    assert not page.header


def test_an_image_of_the_data_set_brings_its_true_outline(tiny_model, drawn_catalogue):
    first = case_list.first_id(drawn_catalogue)
    case = case_list.data_case(tiny_model, drawn_catalogue, first)
    assert (case.name, case.truth.shape) == (first, case.image.shape[:2])
    with pytest.raises(DataFault, match="no image 'ISIC_0': give a name of its table, such as"):
        case_list.data_case(tiny_model, drawn_catalogue, "ISIC_0")
