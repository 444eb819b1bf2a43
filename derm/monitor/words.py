"""What the Monitor says of runs: their state, figures, curriculum and replay, in sentences and rows.

Needs `Run`s that were looked at. Every sentence is made here, so that the page only draws.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from derm.figures.text import SPACE, duration, epoch_number
from derm.metrics.registry import HEADLINE, lower_first
from derm.monitor.compare import Figures, SettingDifference
from derm.monitor.downsample import POINTS
from derm.monitor.replay_images import ReplayImage
from derm.monitor.runs import Best, Run
from derm.monitor.series import LOSSES, MEASURES, CurriculumPoint, Replay
from derm.monitor.state import last_words
from derm.runlog.reader import MOST

NO_RUN = "No run yet"
HOW_TO_BEGIN = (
    "A run is one training of the model, in a folder of its own. Start one below: it goes on when this page, the "
    "browser or the app is closed. Or start one in a terminal, and it shows up here:"
)
EPOCHS_NOTE = "Epochs count from 1, as in the log: what was measured after epoch 1 lies at 1 epoch trained."
STEP_NOTE = (
    "Training is the mean over a tenth of an epoch, on varied pictures and with dropout; validation is measured after "
    "each epoch, on pictures as they are, with the averaged weights where the run averages them."
)
FIGURE_7_NOTE = "As Figure 7 of Fiaz et al. 2025: loss and Dice in training and validation, epoch by epoch."
MATRIX_NOTE = "Validation part. Colour: share of the row, so that rare diagnoses are seen, too."
HIT_NOTE = (
    "A hit is a replayed picture that is still harder than the median fresh one of its batch. Blind draws would hit "
    "half of the time; what replay is for is the distance to that line."
)
AREA_NOTE = (
    "Each row fills as the curriculum admits more of that diagnosis, easiest first; the dotted line is all of it. "
    "Common diagnoses open before rare ones. Dashed lines are what is planned."
)
DIFFICULTY_NOTE = (
    "Difficulty joins the rank of a picture's smoothed loss within its diagnosis with the rarity of that diagnosis. "
    "Before its first view a picture stands in the middle."
)
DRAWN_NOTE = "What each epoch was made of: pictures shown, fresh and replayed, by diagnosis."
NO_DATA_SET = "The data set of this run is not on this machine, so the pictures are missing."
STOP_HELP = "The process saves a checkpoint after the step it is in and ends; Resume goes on from there, bit for bit."
RESUME_HELP = "A new process takes up the last checkpoint, with the settings the run began with."
EXPORT_HELP = "Packs what the log holds now as TensorBoard's event file; while the run goes on, press again for more."
MEND_FIRST = "Nothing was started: mend what is marked above."
NOTHING_MEASURED = "Nothing is measured before the first epoch ends."
CHOOSE_RUNS = "Choose one run or more to see its curve, figures and settings."
NO_DIFFERENCE = "Settings, data and code are the same in all of them."
PRESET_HELP = "derm: AdamW, cosine, averaged weights. paper: Adam, constant rate, curriculum and replay, as published."
START_NOTE = "The run is a process of its own: it goes on when this page, the browser or the app is closed."
STARTING = "Reading the data set's table, then starting the process …"
DRAWING = "Drawing the data set, once, some ten seconds, then starting the process …"
DRAWN_CHOICE = "Drawn lesions, made on this machine"
MEMORY_NOTE = "Memory is the most that the process, or the accelerator, has held so far."

FORMATS: dict[str, Any] = {
    label: {"type_config": {"type": "number", "format": "%.3f"}} for label in ("Loss", *MEASURES.values())
}
"""How figures stand in tables, as Streamlit's columns take it."""

STATES = {
    "starting": (":material/hourglass_top:", "starting"),
    "running": (":material/play_circle:", "running"),
    "stopping": (":material/stop_circle:", "stopping"),
    "finished": (":material/check_circle:", "finished"),
    "stopped": (":material/pause_circle:", "stopped"),
    "died": (":material/error:", "died"),
}
"""Icon and word of each state."""


SUMMED_UP = (*HEADLINE, "dice")
"""Figures that sum a run up; IoU goes as Dice does."""


def moment(seconds: float) -> str:
    """A point in time of this machine's clock, `seconds` since 1970."""
    told = time.localtime(seconds)
    return f"{told.tm_mday} {time.strftime('%B, %H:%M', told)}"


def three(value: float | None) -> str:
    """A figure from 0 to 1, or a loss, with three decimals; '–' where undefined."""
    return "–" if value is None or math.isnan(value) else f"{value:.3f}"


def in_percent(share: float) -> str:
    """A share that was counted, 0 … 1, in whole percent; 0 % and 100 % are meant when they stand there."""
    return f"{share * 100:.0f}{SPACE}%"


def name_of(figure: str) -> str:
    """What a figure of the log is called."""
    return {**MEASURES, **LOSSES, "source_auc": "Macro AUC, mean over sources"}.get(figure, figure)


def state_word(run: Run) -> str:
    """The state in a few words, with the time left."""
    standing = run.standing
    word = STATES[standing.state][1]
    if standing.seconds_left is not None:
        return f"{word}, {duration(standing.seconds_left)} left"
    if standing.state in ("stopped", "died"):
        return f"{word} {moment(standing.when)}"
    return word


def in_list(run: Run) -> str:
    """What the list says under a run's name."""
    icon = STATES[run.standing.state][0]
    best = run.best()
    figure = f" · {name_of(best.by)} {three(best.value)}" if best else ""
    damaged = " · log damaged" if run.reader.damaged or run.reader.too_long else ""
    damaged += " · run.json damaged" if run.misread else ""
    return f"{icon} {state_word(run)}{figure}{damaged}"


def headline(run: Run) -> str:
    """Where the run stands, in one line."""
    standing = run.standing
    place = (
        f"in epoch {epoch_number(standing.epoch)} of {standing.epochs}, step {standing.step:,} of {standing.steps:,}"
        if standing.steps
        else ""
    )
    if standing.state == "starting":
        return f"{run.name} is starting: it is reading the data set and decoding its pictures, once for each size."
    if standing.state == "running":
        left = f", {duration(standing.seconds_left)} left" if standing.seconds_left is not None else ""
        return f"{run.name} is running: {place}{left}."
    if standing.state == "stopping":
        return f"{run.name} stops after this step or validation, with a checkpoint."
    if standing.state == "finished":
        end = run.reader.newest("end")
        early = end is not None and end.get("early", False)
        reason = ", early, because it got no better" if early else ""
        return f"{run.name} finished {moment(standing.when)}{reason}, after {standing.step:,} steps."
    if standing.state == "stopped":
        return f"{run.name} stopped {moment(standing.when)}" + (f", {place}." if place else " before it had begun.")
    return f"{run.name} died {moment(standing.when)}" + (f", {place}." if place else " before it had begun.")


def obituary(run: Run) -> str:
    """The last words of a run that died, for a block of plain text."""
    words = last_words(run.folder)
    if words:
        return words
    last = run.reader.last
    return "" if last is None else f"The last line of its log tells of the event “{last['event']}”."


def what_to_do(run: Run) -> str:
    """What can be done about a run that died."""
    if run.resumable:
        return (
            "It printed no reason if it was killed or the machine went down. Resume goes on from its last checkpoint: "
            "nothing but the steps since then is trained again."
        )
    return "It had not begun, so there is nothing to resume: mend what its last words name, and start a new run."


def best_line(best: Best) -> str:
    """The best epoch so far with its figures."""
    said = ", ".join(
        f"{lower_first(MEASURES[name])} {three(best.validation.get(name))}" for name in SUMMED_UP if name != best.by
    )
    line = f"Best so far: {name_of(best.by)} {three(best.value)} in epoch {epoch_number(best.epoch)}"
    return f"{line} ({said})." if best.validation else f"{line}."


def about_line(run: Run) -> str:
    """Data and configuration in one line."""
    return " · ".join(part for part in (data_words(run), configuration(run.config)) if part)


def data_words(run: Run) -> str:
    """The data a run learns from."""
    data = run.data
    if not data:
        return ""
    train, validation = data.get("train", 0), data.get("validation", 0)
    folders = " + ".join(Path(folder).name for folder in data.get("folders") or [data.get("folder", "")])
    return f"{folders}, {train:,} + {validation:,} images, split {data.get('split', '')}"


def configuration(config: dict[str, Any]) -> str:
    """A configuration in a few words."""
    if not config:
        return ""
    model = config["model"]
    parts = [
        model.get("system") or f"{model['design']} {model['encoder']}",
        *(["pooled inside the outline, too"] if model.get("pooling") == "whole+lesion" else []),
        *([f"head pixel, whole share {model['whole_share']:g}"] if model.get("head") == "pixel" else []),
        f"{model['input_size']} px",
        f"batch {config['batch']}",
        f"{config['optimiser']} {config['learning_rate']:g} {config['schedule']}",
        *(name for name in ("curriculum", "replay") if config[name]["enabled"]),
    ]
    return ", ".join(parts)


def table(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """The runs as rows of a table: name, state, data, configuration, best figures with their epoch."""
    rows = []
    for run in runs:
        best = run.best()
        figures = best.validation if best else {}
        rows.append(
            {
                "Run": run.name,
                "State": state_word(run),
                "Best epoch": epoch_number(best.epoch) if best else None,
                **{MEASURES[name]: figures.get(name) for name in SUMMED_UP},
                "Data": data_words(run),
                "Configuration": configuration(run.config),
            }
        )
    return rows


def difference_rows(runs: Sequence[Run], rows: Sequence[SettingDifference]) -> list[dict[str, str]]:
    """The settings that differ, one row each, one column a run."""
    return [{"Setting": row.name, **dict(zip([run.name for run in runs], row.values, strict=True))} for row in rows]


def figure_rows(rows: Sequence[Figures]) -> list[dict[str, Any]]:
    """Best and last figures, one row each."""
    return [
        {
            "Run": row.run,
            "Which": row.which,
            "Epoch": epoch_number(row.epoch),
            "Loss": row.figures["loss"],
            **{label: row.figures[name] for name, label in MEASURES.items()},
        }
        for row in rows
    ]


def settings_rows(flat: dict[str, Any]) -> list[dict[str, str]]:
    """A configuration by dotted names, one row a setting."""
    return [{"Setting": name, "Value": str(value)} for name, value in flat.items()]


def stage_line(stages: Sequence[CurriculumPoint], planned: Sequence[float], epoch: int) -> str:
    """Where the curriculum stands in `epoch`."""
    if not stages:
        return "The curriculum's first stage is not decided yet."
    now = stages[min(epoch, len(stages) - 1)]
    if not now.enabled:
        return "The curriculum is off in this run: every picture is admitted from the first epoch on."
    said = (
        f"Stage of epoch {epoch_number(now.epoch)}: pace {in_percent(now.pace)}, {now.admitted:,} of {now.images:,} "
        "pictures admitted"
    )
    if now.admitted == now.images:
        return f"{said}; the curriculum is done."
    full = next((place for place, pace in enumerate(planned) if pace >= 1), None)
    return said + (f"; all of them from epoch {epoch_number(full)} on." if full is not None else ".")


def replay_line(replays: Sequence[Replay], share: float) -> str:
    """What the replay buffer holds and brings. share: of each batch, as configured, 0 … 1."""
    if not replays:
        return "Replay tells of itself after the first epoch."
    now = replays[-1]
    if not now.enabled:
        return "Replay is off in this run. These are the pictures that it would bring back: the hardest of those seen."
    hit = (
        ""
        if now.hit_rate is None
        else f" {in_percent(now.hit_rate)} of its draws in epoch {epoch_number(now.epoch)} were hits."
    )
    return (
        f"{now.size:,} pictures in the buffer, which gave {in_percent(now.share)} of all that were shown, of "
        f"{in_percent(share)} allowed.{hit}"
    )


def suspects_line(replays: Sequence[Replay]) -> str:
    """Pictures that are taken for label errors; '' where there is none."""
    suspects = replays[-1].suspects if replays else []
    if not suspects:
        return ""
    shown = ", ".join(suspects[:12]) + (" …" if len(suspects) > 12 else "")
    return f"Taken for label errors and left out, {len(suspects):,}: {shown}"


def held_words(held: ReplayImage) -> list[str]:
    """What stands under a picture of the buffer, line by line."""
    age = [] if held.age is None else [f"in for {held.age:.1f} epochs"]
    return [
        f"loss {held.loss:.2f}",
        *age,
        f"drawn {held.drawn}{SPACE}×, {held.drawn_in_epoch}{SPACE}× last epoch",
        f"seen {held.views}{SPACE}×",
    ]


def buffer_title(replays: Sequence[Replay]) -> str:
    """What the wall of pictures is."""
    now = replays[-1]
    return (
        f"The hardest {len(now.hardest)} of {now.size:,} pictures in the buffer after epoch {epoch_number(now.epoch)}"
    )


def how_to_begin(runs: Path) -> str:
    """The commands that start a run in a terminal, on drawn data and on real ones."""
    return (
        "derm data synthesise drawn\n"
        f"derm train --data drawn --run {runs}/first --start random --size 96\n"
        f"derm train --data HAM10000 --run {runs}/second"
    )


def name_for(preset: str, *, drawn: bool) -> str:
    """What a run of `preset` may be called."""
    return f"drawn-{preset}" if drawn else preset


def best_weights_of(run: str) -> str:
    """What the best weights of a run are called, in the list of starting weights."""
    return f"the best of {run}"


def stop_label(run: Run) -> str:
    """What the button that stops a run is called: before it trains there is nothing to save."""
    return "Stop" if run.standing.state == "starting" and not run.config else "Stop with a checkpoint"


def save_label(step: int) -> str:
    """What the button is called that saves an export made at `step`."""
    return f"Save, up to step {step:,}"


def gone(name: str, shown: str) -> str:
    """Says that the run that was shown is no longer there, and which is shown now."""
    return f"The folder of the run {name} is no longer there; {shown} is shown."


def damaged_line(run: Run) -> str:
    """What of the run's files nobody can read; '' where all can be."""
    said, count = [], run.reader.damaged
    if count:
        what = "1 line cannot be read and is" if count == 1 else f"{count:,} lines cannot be read and are"
        said.append(f"The log is damaged: {what} left out.")
    if run.reader.too_long:
        said.append(f"The log has more than {MOST >> 20:,} MB, more than any training writes: the rest is left out.")
    if run.misread:
        told = "what its log says of the settings is shown" if run.about else "nothing is known of its settings"
        said.append(f"Its run.json cannot be read, so {told}: put the file back from a copy to resume the run.")
    return " ".join(said)


def thinned_line(run: Run) -> str:
    """Says so where a long log is drawn with fewer points; '' where it is not."""
    lines = len(run.reader.steps().step)
    if lines <= POINTS:
        return ""
    return (
        f"{lines:,} lines of steps, drawn as at most {POINTS} points a curve: of each stretch its lowest and highest."
    )
