"""Measuring a model on data: `derm.evaluate(model, data)`, and the steps behind it."""

import sys

from derm.room import Room

sys.modules[__name__].__class__ = Room
