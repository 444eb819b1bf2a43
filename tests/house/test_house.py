"""How the house is built, where import-linter does not look: the sheets, by what their text imports and how long it is.

The contracts in pyproject.toml see all of `derm` and `pages`, but no script beside them.
"""

import ast
from collections import Counter
from pathlib import Path

import pytest

from derm.serve import roles

ROOT = Path(__file__).parents[2]
SHEETS = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").glob("[0-9]*.py"))]
PAGES = [ROOT / "streamlit_app.py", *sorted((ROOT / "pages").rglob("*.py"))]
LONGEST = 200
"""Lines of a sheet, at most: it reads from top to bottom, and its parts lie in folders."""


def imported(text: str) -> set[str]:
    """Every module, and every name of a module, that the Python `text` imports, dotted."""
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def internals(text: str) -> list[str]:
    """What `text` imports of training, and of the model beside its weights."""
    return sorted(
        name
        for name in imported(text)
        if name.split(".")[:2] == ["derm", "train"]
        or (name.split(".")[:2] == ["derm", "model"] and name != "derm.model" and name.split(".")[2] != "weights")
    )


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_imports_are_found_however_they_are_written():
    text = (
        "import streamlit as st\ndef f():\n    from derm.model import network\n    from derm.train.loop import train\n"
    )
    assert {"streamlit", "derm.model.network", "derm.train.loop.train"} <= imported(text)
    assert internals(text) == ["derm.model.network", "derm.train.loop", "derm.train.loop.train"]
    assert internals("from derm.model.weights import Model\nfrom derm.predict import words\n") == []


def test_no_two_types_share_a_name():
    places: dict[str, list[str]] = {}
    for path in sorted((ROOT / "derm").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert len(places) > 100
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_constant_has_two_values():
    """The later one would hold for what was written for the first, too."""
    found = {}
    for path in sorted((ROOT / "derm").rglob("*.py")):
        counts = Counter(
            target.id
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        )
        found[name_of(path)] = [name for name, times in counts.items() if times > 1]
    assert len(found) > 300
    assert {name: twice for name, twice in found.items() if twice} == {}


def test_every_sheet_is_one_of_the_row_on_top():
    assert len(SHEETS) > 5
    assert [name_of(sheet) for sheet in SHEETS] == [page.script for page in roles.SHEETS.values()]


@pytest.mark.parametrize("sheet", SHEETS, ids=name_of)
def test_a_sheet_is_short_and_says_first_what_it_is_for(sheet):
    text = sheet.read_text()
    assert len(text.splitlines()) < LONGEST
    purpose = ast.get_docstring(ast.parse(text))
    assert purpose is not None
    assert purpose.startswith(f"{sheet.stem.split('_')[-1]}: " if sheet.parent.name == "pages" else "Diagnose: ")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_pages_know_nothing_inside_training_and_model(page):
    assert internals(page.read_text()) == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_fold_has_a_key(page):
    """Without one Streamlit knows it by its place, and closes it, half filled in, where something comes in above it."""
    calls = [node for node in ast.walk(ast.parse(page.read_text())) if isinstance(node, ast.Call)]
    folds = [one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr == "expander"]
    assert all("key" in [given.arg for given in one.keywords] for one in folds)


def test_only_pages_know_streamlit():
    others = [path for folder in ("derm", "tools") for path in (ROOT / folder).rglob("*.py")]
    assert others
    for path in others:
        assert not {name for name in imported(path.read_text()) if name.split(".")[0] in ("streamlit", "pages")}, path


def test_files_to_save_are_made_in_turn():
    """A button of Streamlit's own would make as many at a time as are asked for; the one that stays has its bytes."""
    own = [name_of(page) for page in PAGES if "st.download_button(" in page.read_text(encoding="utf-8")]
    assert own == ["pages/monitor/actions.py", "pages/parts/downloading.py"]


def test_a_refusal_names_the_servers_files_only_where_everybody_may_know_them():
    """Others have `opening.told`; it stands in `opening` itself, and what that says before anybody is known."""
    knowing = {page.value for page in roles.PAGES if roles.TABLE[page] <= roles.TABLE[roles.Right.PATHS]}
    assert knowing == {"Explore", "Monitor"}
    free = ("pages/explore/", "pages/monitor/", "pages/2_Explore", "pages/3_Monitor", "pages/parts/opening.py")
    shown = [page for page in PAGES if not name_of(page).startswith(free)]
    assert [name_of(page) for page in shown if "plain(str(" in page.read_text(encoding="utf-8")] == []


def test_the_tests_mirror_the_rooms():
    """`house` holds what concerns several rooms or none, `pages` the tests of the pages, `fuzz` readers of many."""
    rooms = {path.parent.name for path in (ROOT / "derm").glob("*/__init__.py")}
    tests = {path.parent.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert tests - rooms == {"house", "pages", "fuzz"}
    assert rooms - tests == set()
