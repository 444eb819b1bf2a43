"""What the top of a page says of how far the app is open."""

import pytest
from streamlit import config, net_util
from streamlit.testing.v1 import AppTest
from streamlit.web import bootstrap

from derm.figures.text import plain
from derm.serve import words
from derm.serve.opening import INSECURE, TOKEN
from pages.parts import opening as opening_parts


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


def test_nobody_is_asked_for_the_machine_s_address(address, monkeypatch):
    address("127.0.0.1")
    monkeypatch.setattr(net_util, "get_external_ip", net_util.get_external_ip)  # as it was, after this test
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *_, **__: pytest.fail("it was asked for"))
    for name in ("keep_private", "allow_more"):
        monkeypatch.setattr(opening_parts, name, lambda *_: None)
    opening_parts.checked()
    assert net_util.get_external_ip() is None


def test_a_start_on_every_address_asks_nobody_either(monkeypatch, capsys):
    monkeypatch.setattr(net_util, "_make_blocking_http_get", lambda *_, **__: pytest.fail("it was asked for"))
    option = config.get_option
    told = {"server.address": "0.0.0.0", "server.headless": True, "logger.hideWelcomeMessage": False}
    monkeypatch.setattr(config, "get_option", lambda name: told[name] if name in told else option(name))
    bootstrap._print_url(is_running_hello=False)  # before it imports the app, which could not switch it off
    assert "127.0.0.1" in capsys.readouterr().out
