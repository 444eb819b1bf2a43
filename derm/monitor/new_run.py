"""What a form for a new run offers, and the start of the run that it asks for.

Needs `derm.train.config` for the presets' names and a folder for runs. Knows nothing of pages.
"""

from pathlib import Path
from typing import Any

from derm.data.synthetic.standin import draw_once
from derm.monitor import launch, words
from derm.monitor.settings import changed
from derm.paths import cache_folder
from derm.train.config import PRESETS


def data_choices(folder: Path | None) -> list[str]:
    """The data sets to choose from: the one in `folder`, where one is named, then drawn lesions."""
    return ([str(folder)] if folder else []) + [words.DRAWN_CHOICE]


def preset_choices() -> list[str]:
    """The presets' names, the usual one first."""
    return list(PRESETS)


def suggested_name(runs: Path, preset: str, *, drawn: bool) -> str:
    """A name that no run in `runs` has. drawn: for a run on drawn lesions."""
    return launch.free_name(runs, words.name_for(preset, drawn=drawn))


def start_run(
    runs: Path, name: str, folder: Path | None, preset: str, chosen: dict[str, Any], threads: int, *, drawn: bool
) -> Path:
    """Launch the run as it is asked for, and return its folder.

    folder: the data set, unless drawn, when lesions are drawn first, once, which takes some ten seconds. chosen: the
    form's settings by dotted name; those that the preset has already go without saying. Raises DermError as
    `derm.monitor.launch.start` does, and ConfigFault where nothing can be drawn.
    """
    data = draw_once(cache_folder()) if drawn else folder
    return launch.start(runs, name, Path(data or ""), preset, changed(preset, chosen), threads)
