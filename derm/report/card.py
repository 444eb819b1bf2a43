"""The model card: a report as Markdown, for the repository; its tables hold what the page's figures show.

Needs `Facts`. Shows no picture of a patient.
"""

from jinja2 import Environment, PackageLoader, StrictUndefined

from derm.report.facts import Facts
from derm.report.sections import Section, sections

TEMPLATES = Environment(
    loader=PackageLoader("derm", "report"),
    undefined=StrictUndefined,
    autoescape=False,  # Markdown; the page's template escapes for itself
    trim_blocks=True,
    keep_trailing_newline=False,
)


def section_markdown(section: Section) -> str:
    """One section as Markdown, without its charts, ending in one newline."""
    return TEMPLATES.get_template("section.md.j2").render(section=section).strip() + "\n"


def model_card(facts: Facts) -> str:
    """The whole card as Markdown."""
    about = facts.results.about
    head = (
        f"# Model card: {facts.model.name}\n\n"
        f"Written by `derm report` from what `derm evaluate` measured on {about['date']} with Derm {about['derm']}: "
        f"the {about['part']} part of {about['data_images']:,} images, split {about['split']}. Numbers in brackets are "
        "95 % intervals by bootstrap over lesions.\n"
    )
    return "\n".join([head, *(section_markdown(section) for section in sections(facts))])
