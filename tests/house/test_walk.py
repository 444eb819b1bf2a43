"""The walk of a picture from upload to answer: it is decoded once and encoded once, whoever asks next."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from PIL import Image
from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.document.bundle import documents_of
from derm.image import decode
from derm.predict.export import case_json
from derm.predict.nameless import without_name
from derm.predict.viewer import shown_png
from pages.compare.views import VIEWS

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"


def jpeg_of(seed: int, view: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(draw_lesion("mel", seed, view=view, height=180, width=240).image).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def work(tiny_weights, tmp_path, monkeypatch) -> Iterator[Counter[str]]:
    """How often a picture was decoded, and how many went through the network's encoder, since it was emptied."""
    done: Counter[str] = Counter()

    def count(owner: Any, name: str, label: str, pictures: Callable[..., int]) -> None:
        before = getattr(owner, name)

        def counted(*arguments: Any) -> Any:
            done[label] += pictures(*arguments)
            return before(*arguments)

        monkeypatch.setattr(owner, name, counted)

    count(decode, "_first_frame", "decoded", lambda *_: 1)
    count(TimmUniversalEncoder, "forward", "encoded", lambda _, images: len(images))
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setenv("DERM_ENGINE", "torch")
    monkeypatch.setenv("DERM_LIBRARY", str(tmp_path))
    st.cache_resource.clear()
    yield done
    st.cache_resource.clear()


def since(work: Counter[str]) -> dict[str, int]:
    found = dict(work)
    work.clear()
    return found


def settled(page: AppTest) -> AppTest:
    while page.session_state.reading.waiting:  # a browser asks again by itself
        page.run()
    page.run()
    assert not page.exception
    return page


def test_pages_decode_and_encode_an_uploaded_picture_once(work):
    page = AppTest.from_file(APP, default_timeout=60).run()
    since(work)  # the weights were tried, and the drawn sample was asked about
    for name, view in (("first.jpg", 0), ("second.jpg", 1)):
        page.get("file_uploader")[0].upload(name, jpeg_of(5, view), "image/jpeg")
    settled(page.run())
    assert since(work) == {"decoded": 2, "encoded": 2}

    case = page.session_state.shown.case
    for index in range(len(CODES)):
        shown_png(case, {"heat": 0.5, "outline": 1.0}, index)
    case_json(case, "terms")
    documents_of(without_name(case), case.prediction.model, on=date(2026, 11, 28), index=4)
    page.session_state["language_chosen"] = "de"
    settled(page.run())
    assert since(work) == {}
    page.session_state["language_chosen"] = "en"
    settled(page.switch_page("pages/1_Compare.py").run())
    since(work)  # LayerCAM, which is chosen at first, needs the encoder's gradient
    for name in ("hirescam", "eigen-cam", "grad-cam++", "layercam"):
        page.selectbox(key="method-b").select(name).run()
    for view in (VIEWS[3], VIEWS[0]):
        (views,) = [one for one in page.get("button_group") if one.key == "compare_view"]
        views.set_value(view)
        settled(page.run())
    settled(page.switch_page("pages/4_Cases.py").run())
    settled(page.switch_page("streamlit_app.py").run())
    assert since(work) == {}

    settled(page.switch_page("pages/1_Compare.py").run())
    (views,) = [one for one in page.get("button_group") if one.key == "compare_view"]
    views.set_value(VIEWS[1])
    settled(page.run())
    assert since(work) == {"encoded": len(CODES) - 1}  # the drawn melanoma was asked about at first


@pytest.mark.parametrize(
    "words",
    [["predict", "--out", "answer.csv", "--masks", "masks", "--maps", "maps"], ["report-case", "--out", "documents"]],
    ids=lambda words: words[0],
)
def test_commands_decode_and_encode_a_picture_once(work, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lesion.jpg").write_bytes(jpeg_of(5))
    told = CliRunner().invoke(app, [words[0], "lesion.jpg", *words[1:]])
    assert told.exit_code == 0, told.output
    assert since(work) == {"decoded": 1, "encoded": 1}
