"""What the top of a page says of how far the app is open."""

import pytest
from streamlit.testing.v1 import AppTest

from derm.figures.text import plain
from derm.serve import words
from derm.serve.opening import INSECURE, TOKEN


def page():
    import streamlit as st

    from pages.parts import opening

    opening.warn()
    st.write("the page")


def shown():
    at = AppTest.from_function(page).run()
    assert not at.exception
    return [box.value for box in at.warning], [box.value for box in at.error], [text.value for text in at.markdown]


@pytest.fixture
def address(monkeypatch):
    for name in (INSECURE, TOKEN):
        monkeypatch.delenv(name, raising=False)
    import streamlit as st

    get_option = st.get_option

    def listen(to):
        monkeypatch.setattr(st, "get_option", lambda name: to if name == "server.address" else get_option(name))

    return listen


def test_nothing_is_said_of_an_app_for_its_own_machine(address):
    address("127.0.0.1")
    assert shown() == ([], [], ["the page"])


def test_an_open_app_says_so_on_top(address, monkeypatch):
    address("0.0.0.0")
    monkeypatch.setenv(INSECURE, "1")
    assert shown() == ([plain(words.INSECURE)], [], ["the page"])


@pytest.mark.parametrize("token", ["", "a token of this test"])
def test_a_page_that_was_opened_past_the_gate_ends(address, monkeypatch, token):
    address("0.0.0.0")
    monkeypatch.setenv(TOKEN, token)
    warnings, errors, texts = shown()
    assert (warnings, texts) == ([], [])
    assert "does not listen on 0.0.0.0" in errors[0].replace("\\", "")
