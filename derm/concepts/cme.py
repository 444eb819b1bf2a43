"""Concept-based model extraction (CME, Kazhdan et al. 2020, arXiv:2010.13233): from a network's features to concepts
that people marked, and from these alone to the network's own call, by a small tree.

Needs features and calls of pictures whose structures are marked. What the tree does not get right is what the concepts
do not tell of the network.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from derm.diagnoses import CODES, INDEX
from derm.errors import DataFault
from derm.metrics.bootstrap import bootstrap
from derm.metrics.classification import auc
from derm.metrics.missing import or_none
from derm.structures.table import KEYS

FOLDS = 5
"""By lesion, in which the training part's own concepts are told by readers that have not seen them."""

STRENGTH = 0.01
"""Inverse penalty of the readers, for features ten to a thousand times as many as marked pictures of some structure."""

DEPTH = 4
"""Of the tree: at most 16 ends, which a person can read."""

LEAF = 10
"""Least pictures at an end."""

REPLICATES = 500


def extract(
    features: NDArray[np.float32],
    marks: NDArray[np.bool_],
    called: NDArray[np.int64],
    lesions: NDArray[Any],
    test: tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64], NDArray[Any]],
) -> dict[str, Any]:
    """What concepts keep of a network's calls, measured on other pictures.

    features: float32 (n, C), pooled. marks: bool (n, 5) in the order of `KEYS`. called: int64 (n,), the network's
    likeliest diagnosis, an index in `CODES`. lesions: text (n,). test: the same four of the pictures to measure on.
    Returns concepts (AUC of each, by its key), fidelity (the share of pictures in which the tree says what the network
    says), by_chance (the share of its commonest call), melanoma (AUC of the tree for the network's calling melanoma),
    each as [value, low, high] over lesions, and images. A structure that fewer than `FOLDS` pictures of the training
    part show, or fewer do not, is left out. Raises DataFault for fewer than `FOLDS` lesions, or none that is left.
    """
    if len(np.unique(lesions)) < FOLDS:
        raise DataFault(f"Concepts need marked pictures of {FOLDS} lesions at least: name a larger data set.")
    telling = [place for place, column in enumerate(marks.T) if FOLDS <= column.sum() <= len(column) - FOLDS]
    if not telling:
        raise DataFault("The marked training pictures all show the same structures: name a larger data set.")
    folds = StratifiedGroupKFold(FOLDS)
    read, seen = [], {}
    for place in telling:
        reader, column = _reader(), marks[:, place]
        read.append(cross_val_predict(reader, features, column, groups=lesions, cv=folds, method="decision_function"))
        seen[KEYS[place]] = (reader.fit(features, column).decision_function(test[0]), test[1][:, place])
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=LEAF, random_state=0)
    tree.fit(np.stack(read, axis=1), called)
    concepts = np.stack([scores for scores, _ in seen.values()], axis=1)
    said, mel = tree.predict(concepts), INDEX["mel"]
    melanoma = (
        tree.predict_proba(concepts)[:, list(tree.classes_).index(mel)] if mel in tree.classes_ else np.zeros(len(said))
    )
    commonest = int(np.bincount(called, minlength=len(CODES)).argmax())

    def figures(rows: NDArray[np.int64]) -> dict[str, float | None]:
        calls = test[2][rows]
        found: dict[str, float | None] = {
            "fidelity": float((said[rows] == calls).mean()),
            "by_chance": float((calls == commonest).mean()),
            "melanoma": or_none(auc(calls == mel, melanoma[rows])),
        }
        for key, (scores, truth) in seen.items():
            found[key] = or_none(auc(truth[rows], scores[rows]))
        return found

    values = figures(np.arange(len(said)))
    spans = bootstrap(figures, test[3], REPLICATES)
    told = {name: [value, *(spans.get(name) or (None, None))] for name, value in values.items()}
    return {
        "images": len(said),
        "concepts": {key: told[key] for key in seen},
        **{name: told[name] for name in ("fidelity", "by_chance", "melanoma")},
    }


def _reader() -> Pipeline:
    """What tells one concept of features: a straight boundary, strongly held."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=2000, class_weight="balanced"))
