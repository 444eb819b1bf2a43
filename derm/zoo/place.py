"""Where the comparison of systems lies: the user's own beside its results, else the one that comes with Derm.

Needs the folders of `derm.paths`. Reads nothing.
"""

from pathlib import Path

from derm.files import is_named
from derm.paths import app_folder, results_folder

NAME = "comparison.json"


def zoo_folder() -> Path:
    """The folder of the systems' results, in the folder of results."""
    return results_folder() / "zoo"


def find_comparison() -> Path | None:
    """The comparison to show, be it one that cannot be read; None where there is none."""
    places = (zoo_folder() / NAME, app_folder() / "docs" / NAME)
    return next((place for place in places if is_named(place)), None)
