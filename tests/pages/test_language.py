"""The language of a page: as the browser asks or as chosen, kept over a reload; and no text without a catalogue."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.elements.lib import policies
from streamlit.runtime.context import ContextProxy
from streamlit.testing.v1 import AppTest
from unsaid import texts, unsaid

from derm.errors import DataFault, ImageRefused
from derm.explain.methods import METHODS
from derm.image.decode import read_image
from derm.language import speech
from derm.language.speech import BRACKETED, say
from derm.model.weights import load_weights
from derm.monitor.new_run import KNOWN_STARTS
from derm.monitor.settings import SETTINGS
from derm.monitor.words import how_to_begin
from derm.paths import runs_folder, studies_folder
from derm.predict.case_list import add_refused
from derm.study.words import command as study_command
from derm.train.config import PRESETS
from pages.explore.results import folders
from pages.parts import language

ROOT = Path(__file__).parents[2]


@pytest.fixture
def opened(tiny_weights, monkeypatch):
    """A function that opens a page as a new visitor whose browser asks for a language and has cookies."""
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    monkeypatch.setattr(speech, "_asked", [])
    st.cache_resource.clear()

    def page(script: str, asks: str = "en-GB", cookies: dict[str, str] | None = None) -> AppTest:
        monkeypatch.setattr(ContextProxy, "locale", property(lambda _: asks))
        monkeypatch.setattr(ContextProxy, "cookies", property(lambda _: cookies or {}))
        page = AppTest.from_file(ROOT / "streamlit_app.py", default_timeout=60)
        return page.switch_page(script).run() if script.startswith("pages") else page.run()

    yield page
    st.cache_resource.clear()


def ways(page: AppTest) -> list[str]:
    assert not page.exception
    return [link.proto.label for link in page.get("page_link")]


def kept(page: AppTest) -> str:
    """What the browser is told to keep."""
    (component,) = (one for one in page.get("bidi_component") if one.proto.component_name == "derm_language")
    return str(component.proto)


@pytest.mark.parametrize(
    ("asks", "cookies", "third"),
    [
        ("en-GB", {}, "Explore"),
        ("de-CH", {}, "Erkunden"),
        ("fr", {}, "Explore"),
        ("en-GB", {language.COOKIE: "de"}, "Erkunden"),
        ("de", {language.COOKIE: "en"}, "Explore"),
        ("de", {language.COOKIE: "../../x"}, "Erkunden"),
    ],
)
def test_a_page_speaks_as_the_browser_asks_or_as_was_chosen_before(opened, asks, cookies, third):
    assert ways(opened("pages/4_Cases.py", asks, cookies))[2] == third


def test_a_choice_holds_for_the_visit_and_is_handed_to_the_browser(opened):
    page = opened("pages/4_Cases.py")
    assert "de" in [one.key.split("-")[-1] for one in page.button if one.key and one.key.startswith("language-")]
    page.button(key="language-de").click().run()
    assert ways(page)[2] == "Erkunden"
    assert '"chosen": "de"' in kept(page).replace('\\"', '"')
    page.button(key="language-browser").click().run()
    assert ways(page)[2] == "Explore"
    assert '"chosen": ""' in kept(page).replace('\\"', '"')


def test_what_stays_chosen_under_another_language_is_no_warning_in_the_log(opened, monkeypatch, caplog):
    monkeypatch.setattr(policies.runtime, "exists", lambda: True)
    monkeypatch.setattr(policies, "_shown_default_value_warning", False)
    page = opened("pages/3_Monitor.py")
    assert page.number_input(key="start-threads").value == 0
    page.button(key="language-de").click().run()
    assert not page.exception
    assert "created with a default value" not in caplog.text


def test_outside_of_a_page_english_is_spoken(opened):
    opened("pages/4_Cases.py", "de")
    assert say("melanoma") == "melanoma"


SAID: dict[str, tuple[str, ...]] = {
    "streamlit_app.py": (),
    "pages/1_Compare.py": tuple(text for method in METHODS.values() for text in (method.label, method.source)),
    "pages/3_Monitor.py": (
        how_to_begin(runs_folder()),
        *(name for preset in PRESETS for name in (f"drawn-{preset}", preset)),
        *(str(option) for setting in SETTINGS for option in setting.options),
        *KNOWN_STARTS,
    ),
    "pages/4_Cases.py": (),
    "pages/5_Study.py": (study_command(str(studies_folder() / "first")),),
}
"""Sheets of which every text comes from a catalogue, with names, values of settings and commands that stay."""


@pytest.mark.parametrize("script", SAID)
def test_every_text_of_a_page_comes_from_a_catalogue(opened, tiny_weights, monkeypatch, script):
    monkeypatch.setattr(language, "language_of_visit", lambda: BRACKETED)
    page = opened(script)
    assert not page.exception
    weights = load_weights(tiny_weights)
    own = (*SAID[script], weights.label, weights.description.licence)  # terms stand as they were given
    shown = [text.replace("\\", "") for one in page for text in texts(getattr(one, "proto", None))]
    assert len(shown) > 20
    assert {text[:200]: words for text in shown if (words := unsaid(text, own))} == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("⟦Most likely ⟧⟦melanoma⟧, 61\N{NO-BREAK SPACE}%⟦.⟧", []),
        ("⟦Most likely ⟧melanoma", ["melanoma"]),
        ("⟦Weights: ⟧a.json", ["json"]),
        ("Grad\\-CAM **Cases** 3 mm²", ["Cases"]),
        ("<p class='x'>⟦a⟧ <b>bold</b></p><style>p { color: red }</style>", ["bold"]),
    ],
)
def test_what_is_not_said_is_found(text, words):
    assert unsaid(text) == words


def test_heads_and_cells_of_tables_are_read():
    page = AppTest.from_string(
        "import streamlit as st\nst.table({'Head': ['cell', '3']})\nst.dataframe({'Other': ['thing', None]})"
    ).run()
    shown = {text for one in page for text in texts(getattr(one, "proto", None))}
    assert {"Head", "cell", "Other", "thing"} <= shown


def test_what_is_shown_already_is_said_anew_in_the_language_that_was_chosen(opened):
    page = opened("streamlit_app.py")
    assert "Malignant probability" in page.header[0].value
    page.button(key="language-de").click().run()
    assert not page.exception
    assert "Malignitätswahrscheinlichkeit" in page.header[0].value
    assert "Keine Schwelle" in " ".join(str(one.proto.body) for one in page.get("html"))  # a row that is kept
    page.button(key="language-en").click().run()
    assert "Malignant probability" in page.header[0].value


def test_names_of_drawings_and_refusals_follow_the_language(opened):
    page = opened("streamlit_app.py")
    said = []
    for code in ("en", "de"):
        with speech.speaking(code), pytest.raises(ImageRefused) as fault:
            read_image(b"no picture", "a.png")
        said.append(str(fault.value))
    (drawn,) = page.session_state.cases
    (refused,) = add_refused([], "a.png", said[0])
    page.session_state.cases = [refused, refused._replace(key="b", name="b.png", refusal="Whatever."), drawn]
    page.run()
    page.button(key="language-de").click().run()
    assert not page.exception
    listed = page.session_state.cases
    assert [one.refusal for one in listed] == [said[1], "Whatever.", ""]
    assert listed[2].name == listed[2].case.name == "Gezeichnetes Melanom"
    page.button(key="language-en").click().run()
    assert [one.refusal for one in page.session_state.cases] == [said[0], "Whatever.", ""]


def test_a_refusal_that_all_visitors_share_is_kept_for_each_language(monkeypatch):
    monkeypatch.setattr(folders.predictions, "refusal", lambda *_: say("undefined"))
    shared = SimpleNamespace(catalogue=SimpleNamespace(folder=Path("here"), table=None), table=None)
    monkeypatch.setattr(folders, "shared_results", lambda *_: SimpleNamespace(stamp="of these"))
    monkeypatch.setattr(folders, "stamp_now", lambda _: ())

    def refused(code: str) -> str:
        with speech.speaking(code), pytest.raises(DataFault) as fault:
            folders.read_own(shared, Path("here"), None)
        return str(fault.value)

    assert [refused("de"), refused("en"), refused("de")] == ["nicht definiert", "undefined", "nicht definiert"]
    folders.shared_refusal.__wrapped__.clear()
