"""What each role may see and start: the whole table, role by role."""

import itertools
import re
from pathlib import Path

import pytest

from derm.errors import NotAllowed
from derm.serve.roles import PAGES, SHEETS, TABLE, Right, Role, check, may, named, refusal

R, C, S, A = Role.READER, Role.CLINICIAN, Role.RESEARCHER, Role.ADMIN
EXPECTED = {
    "Diagnose": {R, C, S, A},
    "Compare": {C, S, A},
    "Explore": {S, A},
    "Monitor": {S, A},
    "Cases": {C, A},
    "Study": {R, C, S, A},
    "taking away tables and reports of one's own visit": {R, C, S, A},
    "entering into the records": {C, A},
    "deleting patients": {A},
    "seeing confirmed cases that look alike": {C, S, A},
    "opening pictures of data sets": {S, A},
    "taking away tables of data sets and results": {S, A},
    "seeing what a study found": {S, A},
    "starting and stopping training": {S, A},
    "stopping the runs of others": {A},
    "training on the records and choosing the weights in use": {A},
    "seeing where files of the server lie": {S, A},
}


@pytest.mark.parametrize(("right", "role"), list(itertools.product(Right, Role)))
def test_the_table(right, role):
    assert may({role}, right) is (role in EXPECTED[right])


def test_who_has_no_role_has_no_right_and_who_is_not_asked_has_all():
    assert not any(may(frozenset(), right) for right in Right)
    assert all(may(None, right) for right in Right)


def test_several_roles_have_what_any_of_them_has():
    assert {right for right in Right if may({C, S}, right)} == {
        right for right, roles in TABLE.items() if roles & {C, S}
    }
    assert not may({C, S}, Right.DELETE)


def test_a_refusal_names_role_and_cure():
    assert refusal({R}, Right.MONITOR) == (
        "Your role (reader) does not include the page Monitor: ask who runs this app for the role researcher or admin."
    )
    with pytest.raises(NotAllowed, match="does not include deleting patients"):
        check({C, S}, Right.DELETE)
    assert check(None, Right.DELETE) is None
    assert named({A, R}) == "reader and admin"


def test_pages_are_those_of_the_app():
    top = Path(__file__).parents[2]
    sheets = [top / "streamlit_app.py", *sorted((top / "pages").glob("[0-9]*.py"))]
    assert [top / SHEETS[page].script for page in PAGES] == sheets
    assert [page.value for page in PAGES[1:]] == [sheet.stem[2:] for sheet in sheets[1:]]


def test_the_documentation_says_what_the_table_says():
    text = Path(__file__).parents[2].joinpath("docs/operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (.+?) \| (yes|–) \| (yes|–) \| (yes|–) \| (yes|–) \|$", text, flags=re.M)
    told = {row[0]: {role for role, said in zip(Role, row[1:], strict=True) if said == "yes"} for row in rows}
    assert told == EXPECTED
