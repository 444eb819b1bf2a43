"""Texts of data in figures are shown letter by letter, whichever figure they reach."""

import re
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

import derm
from derm.figures import dataset, training
from derm.figures.compare import distributions
from derm.figures.markup import shown_figure
from derm.figures.results import subgroups
from derm.figures.text import chart_text
from derm.metrics.subgroups import COLUMNS

EVIL = '<a href="https://example.org">%{evil}</a>'
SHOWN = '&lt;a href="https://example.org"&gt;%&#123;evil}&lt;/a&gt;'


def same(value: str) -> str:
    return value


COUNTS = pd.DataFrame([[1, 2], [3, 4]], index=[EVIL, "trunk"], columns=[EVIL, "face"])
POINTS = pd.DataFrame({"x": [0.0], "y": [0.0], "row": [0], "text": [EVIL]})
ROWS = pd.DataFrame([("site", EVIL, 30, 20, 3, "accuracy", 0.5, 0.4, 0.6, "")], columns=list(COLUMNS))
CLICKED = pd.DataFrame({"image_id": [EVIL], "dx_true": ["nv"], "dx_pred": ["nv"], "value": [0.5]})


@pytest.mark.parametrize(
    "figure",
    [
        dataset.stacked(COUNTS, same, dark=False),
        dataset.columns(COUNTS, same, "site", dark=False),
        dataset.crossed(COUNTS, same, dark=True, share=False),
        dataset.share_bars(pd.DataFrame({"s": [0.5], "n": [1]}, index=[EVIL]), "s", "n", "share", dark=False),
        dataset.feature_map(POINTS, pd.Series(pd.Categorical([EVIL])), same, dark=False),
        subgroups(ROWS, dark=False, name="accuracy"),
        training.overlaid({EVIL: training.Line([1.0], [0.5], [0])}, dark=False),
        distributions(CLICKED, "inside", {}, dark=False),
    ],
)
def test_a_name_with_markup_is_text_in_every_figure(figure):
    shown = shown_figure(figure)
    traces = [trace.update(customdata=None) for trace in shown.data]  # given back by a click, shown nowhere
    content = go.Figure(traces, shown.layout).to_json().replace("\\u003c", "<").replace("\\u003e", ">")
    assert "<a " not in content
    assert "%{evil}" not in content
    assert "lt;a href" in content


def test_what_derm_draws_itself_stays_and_all_other_tags_are_text():
    own = "<b>mel</b><br><span style=\"color:#D55E00\">■</span><span style='font-size:11px'>3</span><extra></extra>"
    figure = go.Figure(go.Bar(x=[1], y=[2], hovertemplate=own))
    assert shown_figure(figure) is figure
    for tag in ("<a href='x'>", "<span style='color:url(x)'>", "<sup>", "<img src=x>", "</a>", "<B onclick=x>"):
        figure = go.Figure(go.Bar(x=[1], y=[2], name=f"{own}{tag}"), {"title": {"text": tag}})
        assert shown_figure(figure).data[0].name == f"{own}&lt;{tag[1:]}"
        assert shown_figure(figure).layout.title.text == f"&lt;{tag[1:]}"


def test_a_text_for_a_chart():
    assert chart_text(EVIL) == SHOWN
    assert chart_text("trunk") == "trunk"


def test_every_figure_of_a_page_or_file_passes_by():
    top = Path(derm.__file__).parents[1]
    files = [*(top / "pages").rglob("*.py"), top / "derm/compare/export.py", top / "derm/report/page.py"]
    texts = [path.read_text() for path in files]
    drawn = [call for text in texts for call in re.findall(r"(?:plotly_chart|pio\.to_html)\(\s*(\w+)", text)]
    assert len(drawn) >= 7
    assert set(drawn) == {"shown_figure", "_drawn", "_drawn_of"}
    (kept,) = (text for text in texts if "def _drawn(" in text)  # what is drawn once has passed before it is kept
    for name in ("_drawn", "_drawn_of"):
        assert re.search(rf"def {name}\([^\n]*\n    return shown_figure\(", kept)
