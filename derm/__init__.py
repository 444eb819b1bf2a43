"""Derm: from a dermoscopic photograph to an outline, seven probabilities and the evidence for each.

`load`, `predict`, `record`, `explain`, `evaluate`, `train` and `preset` are all that most need; `derm.api` describes
them. They are imported when first asked for, so that `import derm` takes no time.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from derm.api import evaluate, explain, load, predict, preset, record, train

__version__ = "0.1.0"

SILENCED = ("ORT_DISABLE_TELEMETRY", "NO_ALBUMENTATIONS_UPDATE", "HF_HUB_DISABLE_TELEMETRY")
"""Switches of libraries that would else tell somebody that they are used, and on which machine: ONNX Runtime from 1.29
on keeps a lasting number of the machine, and sends events. They read them when they are first imported, which is later
than this; what the user has set stays."""

for _switch in SILENCED:
    os.environ.setdefault(_switch, "1")

__all__ = ["__version__", "evaluate", "explain", "load", "predict", "preset", "record", "train"]


def __getattr__(name: str) -> object:
    """A function of `derm.api`, or a room of the house, see `derm.room`."""
    if name in ("load", "preset", "record"):
        return getattr(import_module("derm.api"), name)
    if not name.startswith("_"):
        try:
            return import_module(f"derm.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"derm.{name}":
                raise
    raise AttributeError(f"module 'derm' has no attribute '{name}'")


def __dir__() -> list[str]:
    """What `derm` offers."""
    return sorted(__all__)
