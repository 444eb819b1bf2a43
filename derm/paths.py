"""Where things lie: the app and weights that come with Derm, and what the user keeps: data, results, runs, a cache.

Needs environment variables, each with a place that is taken without it. Knows nothing of what lies there.
"""

import os
import sys
from pathlib import Path

from platformdirs import user_cache_path, user_data_path

DATA = "DERM_DATA"
"""Folder of HAM10000, or of one drawn by `derm data synthesise`; without it there is none."""

RESULTS = "DERM_RESULTS"
"""Folder that holds what `derm evaluate` and `derm explain` wrote, each in a folder of its own; without it: results."""

RUNS = "DERM_RUNS"
"""Folder that holds training runs, each in a folder of its own; without it: runs."""

WEIGHTS = "DERM_WEIGHTS"
"""Description (.json) of the weights that the app answers with; without it the shipped ones."""

STRUCTURES = "DERM_STRUCTURES"
"""Description (.json) of the decoder of structures; without it the one that comes with Derm."""

DIRECTIONS = "DERM_CONCEPTS"
"""Description (.json) of the directions of concepts; without it those that come with Derm."""

LIBRARY = "DERM_LIBRARY"
"""Folder of the library of confirmed cases that `derm library build` wrote; without it in the user's data folder."""

CACHE = "DERM_CACHE"
"""Folder for decoded images; without it `derm` in the user's cache folder."""

RECORDS = "DERM_RECORDS"
"""Folder of the practice's records, pictures among them; without it `derm/records` in the user's data folder."""

TEACHING = "teaching"
"""Folder of trainings on the practice's cases, in that of the records."""

RECORDS_URL = "DERM_RECORDS_URL"
"""Address of a PostgreSQL database that holds the records in place of one file in `RECORDS`."""

REFUSED = "DERM_REFUSAL"
"""Where a process that was launched for a run leaves the sentence that it ends with. Set by whoever launches it."""

STUDIES = "DERM_STUDIES"
"""Folder of reader studies, each in a folder of its own; without it `derm/studies` in the user's data folder."""


SAFE_PATH = {"PYTHONSAFEPATH": "1"}
"""What keeps a Python process, and those that it starts, from importing what lies in the current folder, as `-P` does:
that may be a data set of somebody else, with a `json.py` in it."""

KEEP_FREE = "DERM_KEEP_FREE"
"""Gigabytes of the disk that decoding, and runs that are started from the app, leave free; without it 1."""


def search_path() -> str:
    """PYTHONPATH for a process that shall find this same Derm: the folders that this one searches.

    The current folder is left out, which `python -m derm` puts first, unless Derm itself lies there. Needs `-P` or
    `SAFE_PATH`, without which that process puts it first again.
    """
    own = Path(__file__).parents[1].absolute()
    try:
        current = Path.cwd()
    except FileNotFoundError:  # somebody has deleted it
        current = None
    searched = [path for name in sys.path if name and ((path := Path(name).absolute()) == own or path != current)]
    return os.pathsep.join(map(str, [*searched, *([] if own in searched else [own])]))


def app_folder() -> Path:
    """The folder of `streamlit_app.py`, `pages`, `.streamlit` and `weights`: in the package, or the checkout's top."""
    inside = Path(__file__).parent / "app"
    return inside if inside.is_dir() else Path(__file__).parents[1]


def user_path(named: str | os.PathLike[str]) -> Path:
    """A path as a user names it, '~' for the home folder, also another user's; of one who is not there, as it stands,
    as a shell has it."""
    path = Path(named)
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def unwritten_names() -> list[str]:
    """The variables, of those that name a place, whose value is no text: in another encoding than UTF-8."""
    places = (DATA, RESULTS, RUNS, WEIGHTS, STRUCTURES, DIRECTIONS, LIBRARY, CACHE, RECORDS, RECORDS_URL, STUDIES)
    return [name for name in places if os.fsencode(told := os.environ.get(name, "")) != told.encode(errors="replace")]


def cache_folder() -> Path:
    """The folder that `CACHE` names, or the user's own for what can be made anew."""
    named = os.environ.get(CACHE)
    return user_path(named) if named else user_cache_path("derm", appauthor=False)


def data_folder() -> Path | None:
    """The folder that `DATA` names, or None."""
    named = os.environ.get(DATA)
    return user_path(named) if named else None


def results_folder() -> Path:
    """The folder that `RESULTS` names, or results where the app was started."""
    return user_path(os.environ.get(RESULTS) or "results")


def runs_folder() -> Path:
    """The folder that `RUNS` names, or runs where the app was started."""
    return user_path(os.environ.get(RUNS) or "runs")


def records_folder() -> Path:
    """The folder that `RECORDS` names, or the user's own."""
    named = os.environ.get(RECORDS)
    return user_path(named) if named else user_data_path("derm", appauthor=False) / "records"


def teaching_folder() -> Path:
    """The folder of trainings on the practice's confirmed cases, each in a folder of its own, beside the records."""
    return records_folder() / TEACHING


def records_url() -> str | None:
    """The address that `RECORDS_URL` names, or None for a file in `records_folder`."""
    return os.environ.get(RECORDS_URL) or None


def studies_folder() -> Path:
    """The folder that `STUDIES` names, or the user's own."""
    named = os.environ.get(STUDIES)
    return user_path(named) if named else user_data_path("derm", appauthor=False) / "studies"


def kept_free() -> int:
    """Bytes of the disk to leave free, as `KEEP_FREE` says; 1 GB where it is no number from 0 on."""
    try:
        told = float(os.environ.get(KEEP_FREE) or 1)
    except ValueError:
        return 10**9
    return int(told * 1e9) if 0 <= told < 1e6 else 10**9


def library_folder() -> Path:
    """The folder that `LIBRARY` names, or the user's own."""
    named = os.environ.get(LIBRARY)
    return user_path(named) if named else user_data_path("derm", appauthor=False) / "library"
