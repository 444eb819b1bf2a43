"""Colours that can be told apart, on every page and by every reader."""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from theme import THEME, contrast, linear

from derm.diagnoses import DIAGNOSES
from derm.figures import palette
from derm.serve import sign_in

DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
"""On linear RGB: Machado, Oliveira and Fernandes, IEEE Trans. Vis. Comput. Graph. 15:1291 (2009), severity 1."""


def lab(rgb: np.ndarray) -> np.ndarray:
    """CIELAB (D65) of linear sRGB; two colours 2.3 apart are just told apart."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = to_xyz @ rgb.clip(0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize(("theme", "kind"), [("light", "ink"), ("dark", "colour")])
def test_colours_stand_out_and_apart(theme, kind):
    backgrounds = [THEME[theme]["backgroundColor"], THEME[theme]["secondaryBackgroundColor"]]
    colours = [getattr(diagnosis, kind) for diagnosis in DIAGNOSES]
    assert min(contrast(*pair) for pair in itertools.product(colours, backgrounds)) >= 3
    for seen_by in (np.eye(3), DEUTERANOPIA):
        places = [lab(seen_by @ linear(colour)) for colour in colours]
        assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(places, 2)) > 20
    texts = [THEME[theme]["textColor"], THEME[theme]["primaryColor"]]
    assert min(contrast(*pair) for pair in itertools.product(texts, backgrounds)) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_has_the_palettes_colours(theme):
    dark = theme == "dark"
    named = {"primaryColor": palette.PRIMARY, "backgroundColor": palette.PAGE, "textColor": palette.TEXT}
    named |= {"secondaryBackgroundColor": palette.PANEL, "borderColor": palette.RULE}
    for name, tone in named.items():
        assert THEME[theme][name] == tone.on(dark=dark)


def test_the_page_of_who_is_not_logged_in_has_the_palettes_colours():
    assert set(re.findall(r"#[0-9A-Fa-f]{6}\b", sign_in.PAGE)) == {palette.PRIMARY.light}


def test_no_other_place_names_a_colour():
    root = Path(__file__).parents[2]
    own = {"palette.py", "mark.py"}  # the mark is a picture
    sheets = [path for path in sorted((root / "derm" / "figures").glob("*.py")) if path.name not in own]
    sheets += [*sorted((root / "pages").rglob("*.py")), root / ".streamlit" / "style.css"]
    sheets += [root / "derm" / "report" / "report.html.j2"]
    assert len(sheets) > 40
    named = {path.name: set(re.findall(r"#[0-9A-Fa-f]{6}\b", path.read_text(encoding="utf-8"))) for path in sheets}
    assert {name: found for name, found in named.items() if found - {"#000000", "#FFFFFF"}} == {}
    style = (root / ".streamlit" / "style.css").read_text(encoding="utf-8")
    assert set(re.findall(r"var\(--derm-(\w+)\)", style)) == set(palette.STYLED)
    assert f"--derm-page: light-dark({palette.PAGE.light}, {palette.PAGE.dark});" in palette.style_variables()


def test_inks_stand_out_on_white():
    assert contrast("#FFFFFF", "#000000") == pytest.approx(21)
    assert min(contrast(diagnosis.ink, "#FFFFFF") for diagnosis in DIAGNOSES) >= 3


@pytest.mark.parametrize("dark", [False, True])
def test_fills_of_other_values_stand_out_and_apart(dark):
    fills = [tone.on(dark=dark) for tone in palette.CATEGORIES]
    backgrounds = [palette.PAGE.on(dark=dark), palette.PANEL.on(dark=dark)]
    assert min(contrast(*pair) for pair in itertools.product(fills, backgrounds)) >= 3
    for seen_by in (np.eye(3), DEUTERANOPIA):
        places = [lab(seen_by @ linear(fill)) for fill in fills]
        assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(places, 2)) > 20
