"""The comparison as a page shows it: points of a figure, and rows of a table.

Needs a `SystemComparison`. Knows no page.
"""

import pandas as pd

from derm.figures.systems import SystemPoint
from derm.language.speech import number, say
from derm.zoo import words
from derm.zoo.compared import LABELS, SystemComparison, SystemRow
from derm.zoo.systems import OURS


def points(found: SystemComparison, name: str) -> list[SystemPoint]:
    """The systems that have the figure `name`, with the same of the split by image."""
    several = len({row.start for row in found.measured}) > 1
    told = []
    for row in found.measured:
        figure = row.fair.figures.get(name) if row.fair else None
        if figure is None or figure.value is None:
            continue
        leaking = row.by["image"].figures.get(name) if "image" in row.by else None
        label = f"{row.known.label}, {row.start}" if several else row.known.label
        told.append(
            SystemPoint(label, figure.value, figure.interval, leaking.value if leaking else None, row.system == OURS)
        )
    return told


def rows(found: SystemComparison, name: str) -> pd.DataFrame:
    """Every system that can have the figure, measured or not, with its cost."""
    lines = []
    for row in _having(found, name):
        own = row.fair.figures.get(name) if row.fair else None
        leaking = row.by["image"].figures.get(name) if "image" in row.by else None
        cost = row.cost
        lines.append(
            {
                say("System"): row.known.label,
                say("Start"): row.start,
                say(LABELS[name]): words.figure_text(own) if row.fair else say("not run yet"),
                say("Less ours"): words.difference_text(row, name),
                say("By image (leaks)"): words.figure_text(leaking).split(" ")[0] if leaking else "–",
                say("Million parameters"): number(cost["parameters"], ".1f") if "parameters" in cost else "–",
                "GFLOP": number(cost["gflop"], ".2f") if "gflop" in cost else "–",
                say("Time, times ours"): number(cost["ratio"], ".2f") if "ratio" in cost else "–",
            }
        )
    return pd.DataFrame(lines)


def claims(found: SystemComparison, name: str) -> pd.DataFrame:
    """What was claimed elsewhere of every system that can have the figure, each once: prose, which no table of figures
    has room for on a phone."""
    told = {row.known.label: words.claims_text(row.system) for row in _having(found, name)}
    return pd.DataFrame({say("System"): list(told), say("Claimed, of other data"): list(told.values())})


def _having(found: SystemComparison, name: str) -> list[SystemRow]:
    """The rows of systems that can have the figure `name`, measured or not."""
    return [row for row in found.rows if (row.known.draws if name == "dice" else row.known.names)]
