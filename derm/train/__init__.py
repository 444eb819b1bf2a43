"""Training a model: `derm.train(config, data, run)`, and the steps behind it."""

import sys

from derm.room import Room

sys.modules[__name__].__class__ = Room
