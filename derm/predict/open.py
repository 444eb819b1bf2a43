"""The model that the app answers with: the shipped one, or the one that the user names.

Needs a pair of weights on disk. Keeps nothing: the app holds the model, once for all its users.
"""

import os
from pathlib import Path

from derm.model.weights import Model, default_weights, load_weights
from derm.paths import WEIGHTS


def open_model() -> Model:
    """Load the weights that `WEIGHTS` names, else the shipped ones; raises WeightsFault where there are none."""
    named = os.environ.get(WEIGHTS)
    return load_weights(Path(named).expanduser() if named else default_weights())
