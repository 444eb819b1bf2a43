"""The model card: a report as Markdown, for the repository; its tables hold what the page's figures show.

Needs `Facts`. Shows no picture of a patient.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined

from derm.figures.text import in_markdown
from derm.language.speech import day_text, say
from derm.report.facts import Facts
from derm.report.sections import Section, sections
from derm.report.tables import split_name

TEMPLATES = Environment(
    loader=PackageLoader("derm", "report"),
    undefined=StrictUndefined,
    autoescape=False,  # Markdown; the page's template escapes for itself
    trim_blocks=True,
    keep_trailing_newline=False,
)
TEMPLATES.filters["in_markdown"] = in_markdown


def section_markdown(section: Section) -> str:
    """One section as Markdown, without its charts, ending in one newline."""
    return TEMPLATES.get_template("section.md.j2").render(section=section, say=say).strip() + "\n"


def model_card(facts: Facts) -> str:
    """The whole card as Markdown."""
    about = facts.results.about
    head = say(
        "# Model card: {name}\n\nWritten by `derm report` from what `derm evaluate` measured on {date} "
        "with Derm {derm}: the {part} part of {images:,} images, {split}. Numbers in brackets "
        "are 95 % intervals by bootstrap over lesions.\n",
        name=in_markdown(facts.model.name),
        date=in_markdown(day_text(about["date"])),
        derm=in_markdown(about["derm"]),
        part=say(about["part"]),
        images=about["data_images"],
        split=in_markdown(split_name(about["split"])),
    )
    return "\n".join([head, *(section_markdown(section) for section in sections(facts))])
