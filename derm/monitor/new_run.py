"""What a form for a new run offers, and the start of the run that it asks for.

Needs `derm.train.config` for the presets' names and a folder for runs. Knows nothing of pages.
"""

from pathlib import Path
from typing import Any

from derm.data.synthetic.standin import draw_once
from derm.errors import DermError
from derm.monitor import launch, words
from derm.monitor.settings import changed
from derm.paths import cache_folder
from derm.train.config import PRESETS, change, preset

KNOWN_STARTS = ("timm", "random")
"""Starting weights that are no file."""


def data_choices(folder: Path | None) -> list[str]:
    """The data sets to choose from: the one in `folder`, where one is named, then drawn lesions."""
    return ([str(folder)] if folder else []) + [words.DRAWN_CHOICE]


def preset_choices() -> list[str]:
    """The presets' names, the usual one first."""
    return list(PRESETS)


def suggested_name(runs: Path, preset_name: str, *, drawn: bool) -> str:
    """A name that no run in `runs` has. drawn: for a run on drawn lesions."""
    return launch.free_name(runs, words.name_for(preset_name, drawn=drawn))


def name_fault(runs: Path, name: str) -> str:
    """What is wrong with a name for a new run in `runs`; '' where nothing is."""
    try:
        launch.check_name(runs, name)
    except DermError as error:
        return str(error)
    return ""


def setting_fault(preset_name: str, name: str, value: Any) -> str:  # noqa: ANN401 (whatever a setting can be)
    """What is wrong with the value of one setting, by dotted name; '' where nothing is."""
    if value is None:
        return "Give a number."
    if name == "start" and value not in KNOWN_STARTS and not Path(str(value)).is_file():
        return f"There is no file '{value}': give the path of weights (.json, .safetensors), or timm, or random."
    try:
        change(preset(preset_name), {name: value})
    except DermError as error:
        return str(error)
    return ""


def start_run(
    runs: Path, name: str, folder: Path | None, preset_name: str, chosen: dict[str, Any], threads: int, *, drawn: bool
) -> Path:
    """Launch the run as it is asked for, and return its folder.

    folder: the data set, unless drawn, when lesions are drawn first, once, which takes some ten seconds. chosen: the
    form's settings by dotted name; those that the preset has already go without saying. Raises DermError as
    `derm.monitor.launch.start` does, and ConfigFault where nothing can be drawn.
    """
    data = draw_once(cache_folder()) if drawn else folder
    return launch.start(runs, name, Path(data or ""), preset_name, changed(preset_name, chosen), threads)
