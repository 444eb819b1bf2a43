"""A decoder and directions for the tiny network."""

import numpy as np
import pytest

from derm.concepts.directions import Directions
from derm.concepts.read import CONCEPTS
from derm.model.weights import Model
from derm.structures.weights import StructureWeights


@pytest.fixture(scope="session")
def tiny_directions(tiny_model: Model, tiny_structures: StructureWeights) -> Directions:
    """Directions in which every concept raises melanoma, by different amounts."""
    count = len(CONCEPTS)
    slopes = np.zeros((count, 7))
    slopes[:, 4] = np.linspace(0.5, 1.5, count)
    zero, one = np.zeros(count), np.ones(count)
    return Directions(
        tiny_model.sha256, tiny_structures.sha256, zero, one, zero - 40, zero + 40, slopes, slopes, slopes,
        tiny_model.network_id,
    )  # fmt: skip
