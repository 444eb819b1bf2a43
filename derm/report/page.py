"""The report as one HTML file that needs nothing else: the card's text and tables, plotly figures and pictures.

Needs `Facts`. Holds pictures of patients where the data set does; the file stays with whoever has that.
"""

import base64
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt

from derm.evaluate.results import WORST, WORST_NAME
from derm.figures.markup import shown_figure
from derm.figures.palette import CAPTION, PAGE, PRIMARY, RULE, TEXT
from derm.files import read_file
from derm.language.speech import day_text, document_language, say
from derm.predict.words import NOTICE
from derm.report.card import section_markdown
from derm.report.facts import Facts
from derm.report.pictures import Picture, seven_classes
from derm.report.sections import Section, sections
from derm.report.tables import split_name

TEMPLATES = Environment(
    loader=PackageLoader("derm", "report"), undefined=StrictUndefined, autoescape=True, trim_blocks=True
)

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["image", "link", "autolink", "reference"])
"""A report has no links, and whoever wrote a name in it shall not make one, load a picture or run a script."""

COLOURS = {"page": PAGE, "text": TEXT, "caption": CAPTION, "primary": PRIMARY, "rule": RULE}
"""By the template's names; a report is light."""

JPEG = b"\xff\xd8\xff"
"""How a JPEG file begins."""

MOST_WORST, MOST_PICTURE = 50, 4_000_000
"""Pictures of outlines that are taken over, and bytes of each: as `derm evaluate` draws them, and ten times as many."""

CLEAR = "rgba(0,0,0,0)"
"""Figures stand on the page's own background."""


def report_page(facts: Facts) -> str:
    """The whole report as HTML; about 5 MB of it is plotly's own script, so that it opens without a network."""
    about = facts.results.about
    head = say(
        "Measured on {date} with Derm {derm}: the {part} part of {images:,} images, {split}. "
        "Numbers in brackets are 95 % intervals by bootstrap over lesions.",
        date=day_text(about["date"]),
        derm=about["derm"],
        part=say(about["part"]),
        images=about["data_images"],
        split=split_name(about["split"]),
    )
    parts, drawn = [], 0
    for section in sections(facts):
        parts.append(_part(section, with_script=drawn == 0))
        drawn += len(section.charts)
    seven = [
        {
            "code": row.diagnosis.code,
            "name": row.diagnosis.called,
            "words": row.words,
            "pictures": [_source(picture) for picture in (row.original, row.outlines, row.heat)],
        }
        for row in seven_classes(facts)
    ]
    worst = _worst(facts.results.folder)
    return TEMPLATES.get_template("report.html.j2").render(
        title=say("Report on {name}", name=facts.model.name),
        head=head,
        parts=parts,
        seven=seven,
        worst=worst,
        words=_words(len(worst)),
        language=document_language(),
        colours=COLOURS,
    )


def _words(worst: int) -> dict[str, str]:
    """What stands between the sections, by the template's names. worst: how many outlines are shown."""
    return {
        "notice": say(NOTICE),
        "sections": say("Sections"),
        "worst": say("The {count} outlines that agree least", count=worst),
        "lines": say("Line: the model's outline. Dashes: the dermatologist's."),
        "seven": say("The paper's Figures 8, 9 and 10: seven diagnoses"),
        "seven_note": say(
            "For each diagnosis the test image with the median probability for its true diagnosis: as it is, with the "
            "outline (line: the model's, dashes: the dermatologist's), and under the heat map of that diagnosis, from "
            "black, no evidence, to pale yellow, the map's own maximum."
        ),
    }


def _part(section: Section, *, with_script: bool) -> dict[str, Any]:
    """A section ready for the template; with_script: its first figure, if any, brings plotly's script."""
    html = MARKDOWN.render(section_markdown(section))
    charts = [
        {
            "caption": chart.caption,
            "html": pio.to_html(
                shown_figure(
                    go.Figure(chart.figure).update_layout(
                        template="plotly_white", paper_bgcolor=CLEAR, plot_bgcolor=CLEAR
                    )
                ),
                full_html=False,
                include_plotlyjs=with_script and place == 0,
                config={"displayModeBar": False, "responsive": True},
            ),
        }
        for place, chart in enumerate(section.charts)
    ]
    return {
        "title": section.title,
        "holds": section.holds,
        "anchor": re.sub(r"[^\w]+", "-", section.title.lower()).strip("-"),
        "html": html.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>"),
        "charts": charts,
    }


def _source(picture: Picture) -> dict[str, str]:
    return {"source": f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode()}", "alt": picture.alt}


def _worst(folder: Path) -> list[dict[str, str]]:
    """The outlines that agree least, as `derm evaluate` drew them."""
    found: list[dict[str, str]] = []
    place = folder / WORST
    for path in sorted(place.glob("*.jpg")):
        named, linked = WORST_NAME.fullmatch(path.name), place.is_symlink() or path.is_symlink()
        if named is None or linked or len(found) >= MOST_WORST:  # a link may lead out of the folder
            continue
        with suppress(OSError, ValueError):  # what cannot be read is not shown
            content = read_file(path, MOST_PICTURE)
            if content.startswith(JPEG):
                found.append(_source(Picture(content, f"{int(named[1])}. {named[2]}, IoU {named[3]}")))
    return found
