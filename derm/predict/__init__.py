"""Asking a model about pictures: `derm.predict(model, picture)`, and the steps behind it."""

import sys

from derm.room import Room

sys.modules[__name__].__class__ = Room
