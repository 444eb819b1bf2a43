"""The explanations of the paper's reference 37 on a system: localisation, faithfulness and sanity of its heat maps.

Needs trained weights that name the diagnosis, and images with outlines. LIME and SHAP need captum. Concept methods
(ACE, ICE, CME) need marked concepts and are not here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from derm.diagnoses import CODES
from derm.evaluate.explain_dataset import draw_sample
from derm.evaluate.explain_rows import MapTests, sample_rows
from derm.evaluate.inference import Progress
from derm.explain.agreement import CENTRE_PRIOR
from derm.explain.captum_methods import COMPARED
from derm.explain.methods import METHODS, Method
from derm.explain.sanity import stages
from derm.metrics.bootstrap import bootstrap
from derm.metrics.missing import mean_defined, or_none
from derm.model.weights import Model
from derm.zoo.systems import System

GRADIENT: dict[str, Method] = {"grad-cam": METHODS["grad-cam"]}
BY_FEATURES: dict[str, Method] = {**GRADIENT, "score-cam": METHODS["score-cam"]}
BY_TRIAL: dict[str, Method] = {name: COMPARED[name] for name in ("lime", "kernel-shap")}

IMAGES = 7
"""Images in a piece: what a random network normalises by together."""

MEASURED = ("true_iou_area", "true_pointing", "deletion", "insertion", "road", "stability_rank", "random_rank")
"""Columns of a summary. random_rank: rank correlation with the map of a network that is random down to its first layer,
near 0 for a map that depends on what was learned."""

REPLICATES = 500


def methods_of(system: System) -> dict[str, Method]:
    """The methods that make sense on a system; none where it gives no diagnosis."""
    if not system.names:
        return {}
    return BY_TRIAL if system.maps else {**BY_FEATURES, **BY_TRIAL}


def explain_system(
    system: System, model: Model, table: pd.DataFrame, images: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Hold a system's maps to account on `images` of `table`, alike of each diagnosis: one row an image, class, method.

    table: rows of a catalogue with lesion_id as the split has it. Columns as of `explain_rows.sample_rows`, of sanity
    `stability_rank` where a gradient makes the map, and `random_rank`.
    """
    methods = methods_of(system)
    asked = MapTests(methods, {name: one for name, one in GRADIENT.items() if name in methods}, methods, deepest=True)
    known = table[table["dx"].isin(CODES)].reset_index(drop=True)
    drawn = known.iloc[draw_sample(known, images)]
    found = []
    for first in range(0, len(drawn), IMAGES):
        found.append(sample_rows(model, drawn.iloc[first : first + IMAGES], asked=asked))
        if progress:
            progress(min(first + IMAGES, len(drawn)), len(drawn))
    rows = pd.concat(found, ignore_index=True)
    return rows.rename(columns={f"random_{stages(model.net)[-1][0]}_rank": "random_rank"})


def summarise_maps(rows: pd.DataFrame) -> dict[str, Any]:
    """Of the likeliest class's maps, by method and measure of `MEASURED`: mean, 95 % interval over lesions, images.

    The centre prior's stand beside them under its name, for it knows no network.
    """
    likeliest = rows[rows["role"].isin(["predicted", "both"])]
    found: dict[str, Any] = {}
    for method, own in likeliest.groupby("method", sort=False):
        if method not in {*METHODS, *COMPARED, CENTRE_PRIOR}:
            continue
        values = {name: own[name].to_numpy(dtype=np.float64) for name in MEASURED if name in own}
        spans = bootstrap(_means(values), own["lesion_id"].to_numpy(dtype=str), REPLICATES)
        found[str(method)] = {
            "images": len(own),
            "flat": int(own["flat"].sum()),
            "measures": {
                name: {"value": or_none(mean_defined(column)), "interval": spans.get(name)}
                for name, column in values.items()
            },
        }
    return found


def _means(values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - a Measure
    return lambda rows: {name: or_none(mean_defined(column[rows])) for name, column in values.items()}
