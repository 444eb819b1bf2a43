"""The explanations of the paper's reference 37 on a system: localisation, faithfulness and sanity of its heat maps, and
what concepts keep of its answers.

Needs trained weights that name the diagnosis, and images with outlines. LIME, SHAP and ACE need the extra `compare`.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from derm.concepts import cme
from derm.concepts.ace import BY_CHANCE, AceMaps
from derm.concepts.discovered import ACE, ICE, discovering
from derm.concepts.examples import ExamplePictures
from derm.concepts.ice import PARTS, IceMaps
from derm.data.catalogue import Catalogue
from derm.data.split import split_catalogue
from derm.diagnoses import CODES
from derm.engine.pytorch import TorchEngine
from derm.evaluate.explain_dataset import draw_sample
from derm.evaluate.explain_rows import MapTests, sample_rows
from derm.evaluate.inference import Progress
from derm.explain.agreement import CENTRE_PRIOR
from derm.explain.captum_methods import COMPARED
from derm.explain.methods import METHODS, Method
from derm.explain.sanity import stages
from derm.image.decode import open_image
from derm.image.resize import square
from derm.metrics.bootstrap import bootstrap
from derm.metrics.missing import mean_defined, or_none
from derm.model.weights import Model
from derm.predict.interpret import Prediction, interpret
from derm.spreadsheet import csv_table
from derm.structures.marks import marked as structures_marked
from derm.zoo.systems import System

CME = "cme"

GRADIENT: dict[str, Method] = {"grad-cam": METHODS["grad-cam"]}
BY_FEATURES: dict[str, Method] = {**GRADIENT, "score-cam": METHODS["score-cam"]}
BY_TRIAL: dict[str, Method] = {name: COMPARED[name] for name in ("lime", "kernel-shap")}

IMAGES = 7
"""Images in a piece: what a random network normalises by together."""

MEASURED = ("true_iou_area", "true_pointing", "deletion", "insertion", "road", "stability_rank", "random_rank")
"""Columns of a summary. random_rank: rank correlation with the map of a network that is random down to its first layer,
near 0 for a map that depends on what was learned."""

REPLICATES = 500

MARKED = 600
"""Marked pictures of the training part that CME learns from, drawn by lot."""

BATCH = 8


def methods_of(system: System, examples: ExamplePictures | None = None) -> dict[str, Method]:
    """The methods that make sense on a system; none where it gives no diagnosis.

    examples: training pictures of each diagnosis, in which ICE and ACE find their concepts; None: without these two.
    """
    if not system.names:
        return {}
    found = dict(BY_TRIAL) if system.maps else {**BY_FEATURES, **BY_TRIAL}
    return found if examples is None else found | discovering(examples, by_cell=not system.maps)


def explain_system(
    methods: Mapping[str, Method], model: Model, table: pd.DataFrame, images: int, progress: Progress | None = None
) -> pd.DataFrame:
    """Hold a system's maps to account on `images` of `table`, alike of each diagnosis: one row an image, class, method.

    methods: of `methods_of`. table: rows of a catalogue with lesion_id as the split has it. Columns as of
    `explain_rows.sample_rows`, of sanity `stability_rank` where a gradient makes the map, and `random_rank`.
    """
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
        if method not in {*METHODS, *COMPARED, ICE, ACE, CENTRE_PRIOR}:
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


def measure_concepts(
    methods: Mapping[str, Method], model: Model, table: pd.DataFrame, marked: Catalogue | None = None
) -> dict[str, Any]:
    """What concepts keep of a system's answers, by method: ICE, ACE, and where `marked` is given CME.

    methods: of `methods_of`. table: rows of a catalogue, which ICE's concepts are tried on. marked: pictures whose
    dermoscopic structures are marked, which come in all three parts.
    Returns of ICE parts (of each diagnosis), kept (see `IceMaps.kept`) and images; of ACE found (concepts of all
    diagnoses), for (those along which their diagnosis's score rises in most pictures) and diagnoses; of CME what
    `derm.concepts.cme.extract` gives. Raises DataFault and ImageRefused.
    """
    found: dict[str, Any] = {}
    ice, ace = (methods[name].maps if name in methods else None for name in (ICE, ACE))
    if isinstance(ice, IceMaps):
        features = torch.cat([answer.output.features.float() for answer in _answers(model, table)])
        found[ICE] = {"parts": PARTS, "kept": ice.kept(model.net, features), "images": len(features)}
    if isinstance(ace, AceMaps):
        every = ace.counted(model.net)
        found[ACE] = {
            "found": sum(len(one.scores) for one in every.values()),
            "for": sum(int((one.scores > BY_CHANCE).sum()) for one in every.values()),
            "diagnoses": len(every),
        }
    if marked is not None:
        found[CME] = extract_cme(model, marked)
    return found


def marks_sha256(marked: Catalogue) -> str:
    """The SHA-256 of what is said to be marked in which picture."""
    return hashlib.sha256(csv_table(marked.structures).encode()).hexdigest()


def extract_cme(model: Model, marked: Catalogue) -> dict[str, Any]:
    """What `derm.concepts.cme.extract` gives of pictures whose structures are marked, and of which marks."""
    split = split_catalogue(marked)
    table, shown, rows = structures_marked(marked)
    parts, lesions = split.parts[rows], split.lesions.iloc[rows].to_numpy(dtype=str)
    lot = np.random.default_rng(0)
    train, test = np.flatnonzero(parts == "train"), np.flatnonzero(parts == "test")
    train = np.sort(lot.permutation(train)[:MARKED])
    read = {
        name: (*_pooled(model, table.iloc[chosen]), shown[chosen], lesions[chosen])
        for name, chosen in (("train", train), ("test", test))
    }
    (features, called, marks, known), (others, calls, truths, names) = read["train"], read["test"]
    found = cme.extract(features, marks, called, known, (others, truths, calls, names))
    return {**found, "marks_sha256": marks_sha256(marked)}


def _pooled(model: Model, table: pd.DataFrame) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Pooled features, float32 (n, C), and the likeliest diagnosis, int64 (n,), of each row."""
    features, called = [], []
    for answer in _answers(model, table):
        features.append(answer.output.features.float().mean(dim=(2, 3)).numpy(force=True))
        called.append(answer.probabilities.argmax(axis=1))
    return np.concatenate(features), np.concatenate(called).astype(np.int64)


def _answers(model: Model, table: pd.DataFrame) -> Iterator[Prediction]:
    """The network's answers to the pictures of `table`, `BATCH` at a time, with their features."""
    size, fit = model.description.model.input_size, model.description.model.fit
    paths = table["image_path"].to_numpy(dtype=str)
    for first in range(0, len(paths), BATCH):
        squares = [square(open_image(Path(path)), size, fit) for path in paths[first : first + BATCH]]
        yield interpret(model, np.stack(squares), engine=TorchEngine(model.net))
