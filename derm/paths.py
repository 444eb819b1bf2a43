"""Where the user keeps things that the app shows: a data set, results, training runs.

Needs environment variables, each with a place that is taken without it. Knows nothing of what lies there.
"""

import os
from pathlib import Path

DATA = "DERM_DATA"
"""Folder of HAM10000, or of one drawn by `derm data synthesise`; without it there is none."""

RESULTS = "DERM_RESULTS"
"""Folder that holds what `derm evaluate` and `derm explain` wrote, each in a folder of its own; without it: results."""

RUNS = "DERM_RUNS"
"""Folder that holds training runs, each in a folder of its own; without it: runs."""


def data_folder() -> Path | None:
    """The folder that `DATA` names, or None."""
    named = os.environ.get(DATA)
    return Path(named).expanduser() if named else None


def results_folder() -> Path:
    """The folder that `RESULTS` names, or results where the app was started."""
    return Path(os.environ.get(RESULTS) or "results").expanduser()


def runs_folder() -> Path:
    """The folder that `RUNS` names, or runs where the app was started."""
    return Path(os.environ.get(RUNS) or "runs").expanduser()
