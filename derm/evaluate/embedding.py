"""The model's features as a map in two dimensions, on which pictures that look alike to it lie side by side.

Needs the pooled features of each picture. Knows no diagnosis: what the map shows of the classes is the model's doing.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE

KEPT = 50
"""Principal components that t-SNE starts from, as its authors do (van der Maaten and Hinton 2008, section 4.2)."""

FEWEST = 10
"""Pictures below which no neighbourhood can be drawn: the t-SNE columns are then the principal components."""

COLUMNS = ("pca_1", "pca_2", "tsne_1", "tsne_2")


def embed(features: NDArray[np.floating], seed: int = 0) -> pd.DataFrame:
    """Place n pictures by their features, float (n, C): one row each, the columns of `COLUMNS`, float64.

    pca_1, pca_2: the two directions of largest variance, in the features' own unit; distances mean something. tsne_1,
    tsne_2: neighbours stay neighbours, distances and sizes of groups mean nothing. Both are functions of the
    features and `seed` alone. Own features only place the pictures of this part: another part has another map.
    """
    values = features.astype(np.float64)
    few = min(KEPT, *values.shape)
    components = PCA(few, random_state=seed).fit_transform(values - values.mean(axis=0))
    flat = np.zeros((len(values), 2))
    flat[:, : min(2, few)] = components[:, :2]
    near = flat
    if len(values) >= FEWEST:
        perplexity = min(30.0, (len(values) - 1) / 3)
        near = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(components)
    return pd.DataFrame(np.hstack([flat, near]).astype(np.float64), columns=list(COLUMNS))
