"""What the pages show and do for each role: without a login all, with one what the table says."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from derm.figures.text import plain
from derm.serve import roles, words
from derm.serve.claims import Account
from derm.serve.roles import PAGES, TABLE, Right, Role
from pages.parts import opening

APP = Path(__file__).parents[2] / "streamlit_app.py"
SCRIPTS = {page.value: sheet.script for page, sheet in roles.SHEETS.items()}
REFUSED = [(role, page) for role in Role for page in PAGES if role not in TABLE[page]]


@pytest.fixture
def visited(tiny_weights, tmp_path, monkeypatch):
    """A page as somebody with roles sees it; None: nobody is asked to log in."""
    for name in ("DATA", "RECORDS_URL"):
        monkeypatch.delenv(f"DERM_{name}", raising=False)
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    for name in ("RECORDS", "RUNS", "RESULTS", "STUDIES"):
        monkeypatch.setenv(f"DERM_{name}", str(tmp_path / name))
    st.cache_resource.clear()

    def visit(found, page="Diagnose"):
        account = None if found is None else Account("u-0123456789abcdef", frozenset(found), "Ada", "ada@derm.example")
        monkeypatch.setattr(opening, "account_now", lambda: account)
        at = AppTest.from_file(APP, default_timeout=60)
        return (at if page == "Diagnose" else at.switch_page(SCRIPTS[page])).run()

    yield visit
    st.cache_resource.clear()


def links(at):
    return [link.proto.label for link in at.get("page_link")]


@pytest.mark.slow
@pytest.mark.parametrize(("role", "page"), REFUSED)
def test_a_page_outside_the_role_is_refused_by_its_address_too(visited, role, page):
    at = visited({role}, page)
    assert [box.value for box in at.error] == [plain(roles.refusal({role}, page))]
    assert links(at) == [one.value for one in PAGES if role in TABLE[one]]
    assert not at.get("file_uploader")
    assert not at.exception


@pytest.mark.slow
def test_without_a_login_everything_is_there_and_no_way_out(visited):
    at = visited(None, "Cases")
    assert links(at) == list(PAGES)
    assert not [button for button in at.button if button.label == "Log out"]
    assert at.text_input(key="actor").label == "Your name"


@pytest.mark.slow
def test_who_is_logged_in_enters_under_their_account(visited):
    at = visited({Role.CLINICIAN}, "Cases")
    assert not at.exception
    assert [button.label for button in at.button if button.key == "log-out"] == ["Log out"]
    assert plain(words.logged_in_as("Ada", "clinician", "u-0123456789abcdef")) in [text.value for text in at.markdown]
    assert not [field for field in at.text_input if field.key == "actor"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("role", "page", "file"),
    [(Role.CLINICIAN, "Cases", "RECORDS/records.sqlite"), (Role.READER, "Study", "STUDIES/one/study.json")],
)
def test_a_refusal_tells_where_files_lie_to_those_alone_who_may_know(visited, tmp_path, role, page, file):
    if page == "Cases":
        pytest.importorskip("sqlalchemy")
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).write_text("damaged " * 1000)
    for roles_of, known in (({role}, False), ({Role.ADMIN}, True)):
        (box,) = visited(roles_of, page).error
        told = box.value.replace("\\", "")
        assert f"{(tmp_path / file).name} is" in told
        assert (str(tmp_path) in told) is known


def test_what_is_done_is_checked_whatever_is_shown(monkeypatch):
    from derm.errors import NotAllowed
    from pages.parts import saving

    monkeypatch.setattr(opening, "account_now", lambda: Account("u-1", frozenset({Role.READER})))
    with pytest.raises(NotAllowed):
        opening.check(Right.RECORD)
    assert saving.actor() == "u-1"
    assert opening.own("token") == "u-1 token"
    visitor = opening.visitor_now()
    assert (visitor.name, visitor.browser, visitor.alone) == ("u-1", "", False)
    monkeypatch.setattr(opening, "account_now", lambda: Account("u-2", frozenset({Role.ADMIN})))
    assert opening.visitor_now().alone
    assert opening.check(Right.DELETE) is None


def test_a_page_that_was_opened_past_the_gate_ends(monkeypatch):
    from logins import LOGIN

    def page():
        import streamlit as st

        from pages.parts import opening

        opening.warn()
        st.write("the page")

    opening.sessions.cache_clear()
    monkeypatch.setattr(opening, "login", lambda: LOGIN)
    at = AppTest.from_function(page).run()
    opening.sessions.cache_clear()
    assert [box.value for box in at.error] == [words.PAST_THE_GATE]
    assert not at.markdown
