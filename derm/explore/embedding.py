"""The map of the model's features, ready to be drawn, coloured by diagnosis, confidence, correctness or source.

Needs results with their embedding, and `outcomes`. Knows no colours.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.evaluate.results import Results
from derm.language.speech import mark, say

METHODS = {"t-SNE": ("tsne_1", "tsne_2"), "PCA": ("pca_1", "pca_2")}
"""Name → columns of embedding.csv."""

MEANING = {
    "t-SNE": mark("Neighbours look alike to the model; distances between groups mean nothing."),
    "PCA": mark("The two directions in which the model's features vary most; distances mean something."),
}

COLOURINGS = (mark("Diagnosis"), mark("Answer"), mark("Right or wrong"), mark("Confidence"), mark("Source"))

SURENESS = (0.0, 0.5, 0.7, 0.9, 1.0)
"""Ends of the steps of confidence."""


def points(results: Results, cases: pd.DataFrame, kept: NDArray[np.bool_], method: str) -> pd.DataFrame:
    """The kept cases as points: x, y: float64; row: int64, of `cases`; text, for the hover."""
    x, y = METHODS[method]
    placed = results.embedding.set_index("image_id").reindex(results.predictions["image_id"])
    rows = np.flatnonzero(kept)
    texts = [
        say(
            "{name}: {true}, called {called} {confidence:.2f}",
            name=case["image_id"],
            true=CODES[case["true"]],
            called=CODES[case["predicted"]],
            confidence=case["confidence"],
        )
        for case in cases.iloc[rows].to_dict("records")
    ]
    return pd.DataFrame(
        {"x": placed[x].to_numpy()[rows], "y": placed[y].to_numpy()[rows], "row": rows, "text": texts}
    ).reset_index(drop=True)


def groups(cases: pd.DataFrame, kept: NDArray[np.bool_], colouring: str) -> pd.Series:
    """The group of each kept case, a category in its order; colouring: of `COLOURINGS`."""
    some = cases[kept].reset_index(drop=True)
    if colouring == "Source":
        return some["dataset"]
    if colouring == "Confidence":
        names = [f"{100 * low:.0f} – {100 * high:.0f} %" for low, high in pairwise(SURENESS)]
        return pd.Series(pd.cut(some["confidence"], SURENESS, labels=names, include_lowest=True))
    if colouring == "Right or wrong":
        said = np.where(some["true"] == some["predicted"], "right", "wrong")
        return pd.Series(pd.Categorical(said, categories=["right", "wrong"], ordered=True))
    codes = some["true" if colouring == "Diagnosis" else "predicted"]
    return pd.Series(pd.Categorical([CODES[code] for code in codes], categories=list(CODES), ordered=True))


def chosen(selected: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
    """The rows of `outcomes` behind points that were drawn around, as plotly reports them: int64 (k,), ascending."""
    return np.unique(np.array([np.ravel(point["customdata"])[0] for point in selected], dtype=np.int64))
