"""Components of our own, which work in the browser: their HTML, style and script lie beside this file.

The content security policy lets no script of another place run, so that all of it is sent along.
"""

from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

PARTS = Path(__file__).parent


def component(name: str, *scripts: str) -> ComponentRenderer:
    """The component derm_`name` of name.html and name.css, as far as they are there, and of name.js.

    scripts: file names of JavaScript instead of name.js, joined in this order.
    """
    html, css = (PARTS / f"{name}.{ending}" for ending in ("html", "css"))
    return st.components.v2.component(
        f"derm_{name}",
        html=html.read_text(encoding="utf-8") if html.is_file() else None,
        css=css.read_text(encoding="utf-8") if css.is_file() else None,
        js="\n".join((PARTS / script).read_text(encoding="utf-8") for script in scripts or (f"{name}.js",)),
    )
