"""What a form for a new run offers, and the start of the run that it asks for.

Needs `derm.train.config` for the presets' names and a folder for runs. Knows nothing of pages.
"""

from pathlib import Path
from typing import Any

from derm.data.synthetic.standin import draw_once
from derm.errors import ConfigFault, DermError
from derm.files import is_there
from derm.language.again import say_again
from derm.language.quantities import either
from derm.language.speech import mark, say
from derm.model.weights import default_weights
from derm.monitor import launch, words
from derm.monitor.quota import OWNER, Visitor
from derm.monitor.runs import Run, find_runs
from derm.monitor.settings import SETTINGS, changed
from derm.paths import cache_folder
from derm.train.config import MOST_THREADS, PRESETS, change, check_threads, preset

KNOWN_STARTS = ("timm", "random")
"""Starting weights that are no file."""

OWN_WEIGHTS = mark("those that come with Derm")

THREADS = (0, MOST_THREADS)
"""Of the network, the fewest and the most that are offered."""


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


def known_starts(runs: Path) -> dict[str, str]:
    """The starting weights to choose from, by what they are called → as training takes them.

    ImageNet's, none, those that come with Derm, and the best of each run in `runs`. Nothing else is ever read: a path
    from a browser would tell what lies on the disk.
    """
    own = {OWN_WEIGHTS: str(default_weights())} if is_there(default_weights()) else {}
    places = ((Run(folder).name, folder.resolve() / "best.json") for folder in find_runs(runs))
    return (
        {name: name for name in KNOWN_STARTS}
        | own
        | {words.best_weights_of(name): str(place) for name, place in places if is_there(place)}
    )


def said_start(name: str) -> str:
    """Starting weights as they are called in the language now spoken; their names are `known_starts`'s keys."""
    return say_again(name, (OWN_WEIGHTS, words.BEST_OF))


def setting_fault(runs: Path, preset_name: str, name: str, value: Any) -> str:  # noqa: ANN401 (whatever a setting can be)
    """What is wrong with the value of one setting, by dotted name; '' where nothing is."""
    if value is None:
        return say("Give a number.")
    try:
        change(preset(preset_name), {name: _taken(runs, name, value)})
    except DermError as error:
        return str(error)
    return ""


def start_run(
    runs: Path,
    name: str,
    folder: Path | None,
    preset_name: str,
    chosen: dict[str, Any],
    threads: int,
    *,
    drawn: bool,
    visitor: Visitor = OWNER,
) -> Path:
    """Launch the run as it is asked for, and return its folder.

    folder: the data set, unless drawn, when lesions are drawn first, once, which takes some ten seconds. chosen: the
    form's settings by dotted name; those that the preset has already go without saying. visitor: who asks. Raises
    DermError as `derm.monitor.launch.start` does, and ConfigFault where nothing can be drawn, or for what the form does
    not offer.
    """
    if preset_name not in PRESETS:
        raise ConfigFault(
            say(
                "There is no preset '{preset}': use {presets}.",
                preset=preset_name,
                presets=either(list(PRESETS)),
            )
        )
    check_threads(threads)
    taken = {key: _taken(runs, key, value) for key, value in chosen.items()}
    launch.check_name(runs, name)
    data = draw_once(cache_folder()) if drawn else folder
    return launch.start(runs, name, Path(data or ""), preset_name, changed(preset_name, taken), threads, visitor)


def _taken(runs: Path, name: str, value: Any) -> Any:  # noqa: ANN401
    """A setting's value as training takes it; ConfigFault for one that the form does not offer."""
    setting = next((one for one in SETTINGS if one.name == name), None)
    if setting is None:
        raise ConfigFault(say("The setting {name} is not one of the form's: set it in a terminal.", name=name))
    if setting.kind == "weights":
        starts = known_starts(runs)
        if not isinstance(value, str) or value not in starts:
            raise ConfigFault(
                say("These starting weights are not among those that are known here: choose one of the list.")
            )
        return starts[value]
    if setting.kind == "choice" and value not in setting.options:
        raise ConfigFault(
            say(
                "{label}: choose one of {options}.",
                label=say(setting.label),
                options=", ".join(map(str, setting.options)),
            )
        )
    return value
