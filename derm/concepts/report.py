"""Figures of concepts as tables for a terminal and for docs/concepts.md.

Needs what `derm.concepts.measure` gave.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from derm.concepts.learn import ReadPart
from derm.data.split import Part
from derm.figures.text import in_markdown
from derm.structures.report import span


def marked_source(parts: Mapping[tuple[str, Part], ReadPart]) -> str | None:
    """The source whose training part people marked; None where none is."""
    return next((source for (source, part), own in parts.items() if part == "train" and own.marks is not None), None)


def model_table(models: Sequence[Mapping[str, Any]]) -> str:
    """Each additive model beside the network, as a table in Markdown; where they part in counts of the test part."""
    lines = [
        "| source | tells | given | additive, AUC | network, AUC | difference | found by both · network alone · "
        "additive alone · neither |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in models:
        parted = " · ".join(
            str(one["disagreement"]["true"][name]) for name in ("both", "network", "additive", "neither")
        )
        told = f"{one['target']}, {one['images']['positive']} of {one['images']['test']}"
        spans = [span(one[name]) for name in ("additive", "network", "difference")]
        lines.append(f"| {in_markdown(one['source'])} | {told} | {one['given']} | {' | '.join(spans)} | {parted} |")
    return "\n".join(lines)


def vector_table(vectors: Sequence[Mapping[str, Any]]) -> str:
    """Testing with concept vectors as a table in Markdown: by source, diagnosis and level, a column for each concept.

    A score that random concepts give, too, q at least 0.05, stands in brackets.
    """
    if not vectors:
        return ""
    concepts = list(dict.fromkeys(one["concept"] for one in vectors))
    lines = [
        "| source | diagnosis | level | " + " | ".join(concepts) + " | by chance |",
        "| --- " * (len(concepts) + 4) + "|",
    ]
    rows: dict[tuple[str, str, str], dict[str, Mapping[str, Any]]] = {}
    for one in vectors:
        rows.setdefault((one["source"], one["dx"], one["level"]), {})[one["concept"]] = one
    for (source, dx, level), told in rows.items():
        cells = [f"{one['score']:.2f}" if one["q"] < 0.05 else f"({one['score']:.2f})" for one in told.values()]
        first = next(iter(told.values()))
        name = f"{dx}, {first['pictures']}"
        lines.append(f"| {in_markdown(source)} | {name} | {level} | {' | '.join(cells)} | {first['by_chance']:.2f} |")
    return "\n".join(lines)
