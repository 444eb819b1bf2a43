"""Pictures that come by camera and clipboard, similar cases on Diagnose, and two visits on Compare."""

import base64
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.compare.follow_up import follow_up
from derm.data.synthetic.lesion import draw_lesion
from derm.predict.case import diagnose
from derm.predict.case_list import add_case
from derm.predict.doubts import TOO_DARK
from derm.predict.library import LibraryWriter
from derm.predict.pasted import DAMAGED, PASTE_WORDS, picture_of_paste
from tests.cases import case_with, said
from tests.pictures import encoded, picture
from tests.predict.test_similar import a_case

ROOT = Path(__file__).parents[2]


@pytest.fixture
def opened(tiny_weights, monkeypatch):
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    st.cache_resource.clear()

    yield lambda: AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60).run()
    st.cache_resource.clear()


def spoken(page: AppTest) -> str:
    assert not page.exception
    return said(" ".join(one.value for kind in (page.header, page.markdown, page.caption) for one in kind))


@pytest.mark.slow
def test_similar_cases_lie_in_a_fold_that_is_filled_when_opened(opened, tiny_model, tmp_path, monkeypatch):
    page = opened()
    assert "Similar confirmed cases" not in [one.label for one in page.expander]  # without a library
    features = np.random.default_rng(0).normal(size=(12, 32)).astype(np.float32)
    with LibraryWriter(
        tmp_path, tiny_model.sha256, np.vstack([np.zeros(32), np.eye(32)]).astype(np.float32)
    ) as library:
        library.add([a_case(place, f"lesion {place}") for place in range(12)], features)
    monkeypatch.setenv("DERM_LIBRARY", str(tmp_path))
    page = opened()
    assert "Similar confirmed cases" in [one.label for one in page.expander]
    assert "Of 10 similar cases" not in spoken(page)
    key = page.session_state.shown.key
    page.session_state[f"similar-{key}"] = True
    page.run()
    assert "Of 10 similar cases" in spoken(page)
    assert sum(one.value.count("<figure>") for one in page.get("html")) == 10
    with LibraryWriter(tmp_path, "ab" * 32, np.eye(33, 32, dtype=np.float32)):
        pass
    assert "belongs to other weights" in spoken(page.run())  # the one in its place, and not the one that was open
    next(tmp_path.glob("parts-*/dx.npy")).unlink()
    st.cache_resource.clear()
    assert "is damaged or incomplete: build it again" in spoken(opened())


@pytest.mark.slow
def test_two_cases_of_the_list_are_laid_on_each_other(opened, tiny_model):
    page = opened()
    page.session_state.compare_view = "Two visits"
    page.switch_page("pages/1_Compare.py").run()
    assert "Open two pictures of one lesion" in spoken(page)
    drawn = draw_lesion("nv", 3, height=160, width=200)
    first = diagnose(tiny_model, drawn.image, "june.png")
    matrix = cv2.getRotationMatrix2D((99.5, 79.5), 8, 1)
    turned = cv2.warpAffine(drawn.image, matrix, (200, 160), borderMode=cv2.BORDER_REFLECT_101)
    second = diagnose(tiny_model, np.asarray(turned, np.uint8), "july.png")
    other = diagnose(tiny_model, draw_lesion("mel", 5, height=160, width=200).image, "other.png")
    cases = []
    for case in (first, second, other):
        cases = add_case(cases, case)
    page.session_state.cases = cases
    page.session_state.at_hand = cases[1].key
    page.run()
    assert [page.selectbox(key=f"visit-{one}").value for one in ("earlier", "later")] == [cases[2].key, cases[1].key]
    told = spoken(page)
    assert "Laid on each other by" in told or "of the lesion is in both" in told or "No lesion was found" in told
    page.selectbox(key="visit-later").set_value(cases[0].key).run()
    assert "These pictures cannot be compared" in spoken(page)
    page.selectbox(key="visit-later").set_value(cases[2].key).run()
    assert "Open two pictures of one lesion" in spoken(page)


def _show():
    import streamlit as st

    from pages.compare.two_visits import show

    show(st.session_state.found, "key")


def test_what_is_wrong_with_a_picture_stands_above_what_has_changed():
    drawn = draw_lesion("nv", 3, height=160, width=200)
    matrix = cv2.getRotationMatrix2D((99.5, 79.5), 8, 1)
    image, mask = (
        cv2.warpAffine(one, matrix, (200, 160), borderMode=cv2.BORDER_REFLECT_101)
        for one in (drawn.image, drawn.mask.astype(np.uint8))
    )
    first, second = (
        replace(case_with({"nv": 1.0}, outline), image=picture)
        for picture, outline in ((drawn.image, drawn.mask), (image, mask > 0))
    )
    dark = replace(second, measured=second.quality._replace(brightest=TOO_DARK - 1))
    page = AppTest.from_function(_show)
    page.session_state.found = follow_up(first, dark)
    page.run()
    assert not page.exception
    assert said(page.caption[0].value).startswith("Later picture: This picture is too dark to tell anything.")
    assert said(page.header[0].value) == "Whether something has changed cannot be told from these pictures."


def test_a_pasted_picture_has_a_name_and_its_bytes():
    content = encoded(picture(1))
    told = {"type": "image/png", "data": base64.b64encode(content).decode()}
    assert picture_of_paste(told) == ("Pasted picture.png", content)
    assert picture_of_paste(told | {"type": "image/x-odd"})[0] == "Pasted picture"


@pytest.mark.parametrize(
    "told",
    [None, [], "text", {}, {"data": ""}, {"data": 7}, {"data": "no base 64"}, {"data": "ä"}, {"data": "AAA"}],
    ids=str,
)
def test_what_is_no_pasted_picture_is_one_sentence(told):
    with pytest.raises(ValueError, match=DAMAGED):
        picture_of_paste(told)


def test_a_pasted_picture_is_bounded(monkeypatch):
    monkeypatch.setattr("derm.predict.pasted.MAX_PASTED", 30)
    with pytest.raises(ValueError, match=PASTE_WORDS["large"]):
        picture_of_paste({"type": "image/png", "data": "A" * 48})
