"""No text that a page or a figure shows is written there without being said."""

import ast
from pathlib import Path

import pytest
from unsaid import unsaid

ROOT = Path(__file__).parents[2]


CALLS = {
    "markdown", "caption", "header", "subheader", "title", "write", "text", "button", "toggle", "checkbox", "radio",
    "selectbox", "multiselect", "expander", "popover", "text_input", "text_area", "number_input", "date_input",
    "slider", "select_slider", "error", "warning", "info", "success", "toast", "download_button", "link_button",
    "pills", "segmented_control", "tabs", "metric", "file_uploader", "camera_input", "spinner", "progress", "status",
}  # fmt: skip
"""Streamlit's functions whose first text is read."""

READ = {"help", "placeholder", "alt", "caption", "xaxis_title", "yaxis_title", "title", "name", "text", "hovertemplate"}
"""Arguments that are read, of pages and of figures."""


def shown(node: ast.AST) -> list[ast.expr]:
    """What a call shows, or a dictionary of a figure's parts."""
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "title"]
    if not isinstance(node, ast.Call):
        return []
    called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    given = [one.value for one in node.keywords if one.arg in READ]
    return [*(node.args[:1] if called in CALLS else ()), *given]


def literals(source: str) -> list[str]:
    """Texts with letters that are handed to what shows them without being said."""
    left = []
    for node in ast.walk(ast.parse(source)):
        for one in shown(node):
            parts = [one.body, one.orelse] if isinstance(one, ast.IfExp) else [one]
            for part in parts:
                texts = part.values if isinstance(part, ast.JoinedStr) else [part]
                plain = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
                if unsaid("".join(plain)):
                    left.append("".join(plain))
    return left


def written() -> list[Path]:
    return [
        ROOT / "streamlit_app.py",
        *(ROOT / "pages").rglob("*.py"),
        *(ROOT / "derm" / "figures").glob("*.py"),
    ]


@pytest.mark.parametrize("path", written(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_text_is_shown_as_it_is_written(path):
    assert literals(path.read_text(encoding="utf-8")) == []


def wordless(source: str) -> list[int]:
    """Lines of choices that begin with none made and for which the browser would say so, in English."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            given = {one.arg: one.value for one in node.keywords}
            none = isinstance(given.get("index"), ast.Constant) and given["index"].value is None
            if (node.func.attr == "multiselect" or none) and "placeholder" not in given:
                found.append(node.lineno)
    return found


@pytest.mark.parametrize("path", [*(ROOT / "pages").rglob("*.py")], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_choice_without_one_made_says_so_in_the_pages_language(path):
    assert wordless(path.read_text(encoding="utf-8")) == []


def test_a_choice_that_leaves_it_to_the_browser_is_found():
    source = "st.selectbox(a, b, index=None)\nst.multiselect(a)\nst.multiselect(a, placeholder=b)\nst.selectbox(a, b)"
    assert wordless(source) == [1, 2]


def test_a_text_that_is_shown_as_it_is_written_is_found():
    source = (
        'st.caption("No")\nst.markdown(f"{a} of {b}")\nst.button(say("Yes"), help="Why")\nst.toggle("A" if a else "On")'
        '\nst.html("<p>")\nfigure.add_scatter(name="curve", xaxis={"title": "epoch"})'
        '\nst.text(f"**{a}** %")\nst.caption("PDF")\n'
    )
    assert literals(source) == ["No", " of ", "Why", "On", "curve", "epoch"]
