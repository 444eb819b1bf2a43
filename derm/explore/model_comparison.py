"""Two sets of weights side by side: how they differ, in figures and in a sentence.

Needs two results of one part; counts come from `derm.evaluate.compare`. Knows no picture.
"""

import pandas as pd

from derm.figures.results import FIGURES
from derm.language.speech import mark, number, say
from derm.metrics.registry import PER_CLASS

REPLICATES = 200
"""Resamples of the paired bootstrap on a page: the ends of an interval are known to a fifth of its width."""


def figures_table(compared: pd.DataFrame) -> pd.DataFrame:
    """`derm.evaluate.compare.compare`'s figures for people: Figure, First, Second, Difference (95 % interval)."""
    lines = []
    for row in compared.to_dict("records"):
        ends = f" ({number(row['low'], '+.3f')} … {number(row['high'], '+.3f')})"
        interval = "" if pd.isna(row["low"]) else ends
        difference = say("undefined") if pd.isna(row["difference"]) else number(row["difference"], "+.3f") + interval
        both = [say("undefined") if pd.isna(row[name]) else number(row[name], ".3f") for name in ("first", "second")]
        lines.append((figure_name(row["figure"]), *both, difference))
    return pd.DataFrame(
        lines, columns=[say("Figure"), say("First"), say("Second"), say("Difference (95\N{NO-BREAK SPACE}% interval)")]
    )


def figure_name(name: str) -> str:
    """A figure's name in metrics.json as people say it: 'per_class.mel.precision' is 'Precision of mel'."""
    if name.startswith("per_class."):
        _, code, measure = name.split(".")
        return say("{measure} of {code}", measure=say(PER_CLASS[measure]), code=code)
    if name == "calibration.after.ece":
        return say("Calibration error")
    return say(FIGURES[name]) if name in FIGURES else (name.replace("_", " ").replace(".", ", ").capitalize())


def rivals_sentence(disagreed: pd.DataFrame, images: int) -> str:
    """On how many images two models disagree, and who is right there. disagreed: `derm.evaluate.compare`'s."""
    first = int((disagreed["first"] == disagreed["dx_true"]).sum())
    second = int((disagreed["second"] == disagreed["dx_true"]).sum())
    return say(
        "The two disagree on {disagreed:,} of {images:,} images. The first is right on {first:,} of "
        "them, the second on {second:,}, neither on {neither:,}.",
        disagreed=len(disagreed),
        images=images,
        first=first,
        second=second,
        neither=len(disagreed) - first - second,
    )


FIGURES_OF = mark("These figures are over the whole part: the filter plays no part in them.")
"""What the table of `figures_table` is of, below images and matrices that are filtered."""

NO_OTHER = mark(
    "There is only one folder of results. Measure other weights on the same part with `derm evaluate --data DIR "
    "--weights OTHER.json --split validation --out results/other` to see both side by side."
)
"""Markdown."""
