"""What the Monitor says of runs: their state, figures, curriculum and replay, in sentences and rows.

Needs `Run`s that were looked at. Every sentence is made here, so that the page only draws.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from derm.data.value_words import value_called
from derm.figures.text import SPACE, duration, epoch_number, time_left
from derm.language.speech import (
    BRACKETED,
    ENGLISH,
    day_text,
    language,
    mark,
    number,
    say,
    say_many,
)
from derm.metrics.registry import HEADLINE, LABELS, lower_first
from derm.monitor.compare import Figures, SettingDifference
from derm.monitor.downsample import POINTS
from derm.monitor.replay_images import ReplayImage
from derm.monitor.runs import Best, Run
from derm.monitor.series import LOSSES, MEASURES, CurriculumPoint, Replay
from derm.monitor.state import last_words
from derm.runlog.reader import MOST

NO_RUN = mark("No run yet")
HOW_TO_BEGIN = mark(
    "A run is one training of the model, in a folder of its own. Start one below: it goes on when this page, the "
    "browser or the app is closed. Or start one in a terminal, and it shows up here:"
)
EPOCHS_NOTE = mark("Epochs count from 1, as in the log: what was measured after epoch 1 lies at 1 epoch trained.")
STEP_NOTE = mark(
    "Training is the mean over a tenth of an epoch, on varied pictures and with dropout; validation is measured after "
    "each epoch, on pictures as they are, with the averaged weights where the run averages them."
)
FIGURE_7_NOTE = mark("As Figure 7 of Fiaz et al. 2025: loss and Dice in training and validation, epoch by epoch.")
MATRIX_NOTE = mark("Validation part. Colour: share of the row, so that rare diagnoses are seen, too.")
HIT_NOTE = mark(
    "A hit is a replayed picture that is still harder than the median fresh one of its batch. Blind draws would hit "
    "half of the time; what replay is for is the distance to that line."
)
AREA_NOTE = mark(
    "Each row fills as the curriculum admits more of that diagnosis, easiest first; the dotted line is all of it. "
    "Common diagnoses open before rare ones. Dashed lines are what is planned."
)
DIFFICULTY_NOTE = mark(
    "Difficulty joins the rank of a picture's smoothed loss within its diagnosis with the rarity of that diagnosis. "
    "Before its first view a picture stands in the middle."
)
DRAWN_NOTE = mark("What each epoch was made of: pictures shown, fresh and replayed, by diagnosis.")
NO_DATA_SET = mark("The data set of this run is not on this machine, so the pictures are missing.")
STOP_HELP = mark(
    "The process saves a checkpoint after the step it is in and ends; Resume goes on from there, bit for bit."
)
RESUME_HELP = mark("A new process takes up the last checkpoint, with the settings the run began with.")
EXPORT_HELP = mark(
    "Packs what the log holds now as TensorBoard's event file; while the run goes on, press again for more."
)
MEND_FIRST = mark("Nothing was started: mend what is marked above.")
NOTHING_MEASURED = mark("Nothing is measured before the first epoch ends.")
CHOOSE_RUNS = mark("Choose one run or more to see its curve, figures and settings.")
NO_DIFFERENCE = mark("Settings, data and code are the same in all of them.")
PRESET_HELP = mark(
    "derm: AdamW, cosine, averaged weights. paper: Adam, constant rate, curriculum and replay, as published."
)
START_NOTE = mark("The run is a process of its own: it goes on when this page, the browser or the app is closed.")
STARTING = mark("Reading the data set's table, then starting the process …")
DRAWING = mark("Drawing the data set, once, some ten seconds, then starting the process …")
DRAWN_CHOICE = mark("Drawn lesions, made on this machine")
MEMORY_NOTE = mark("Memory is the most that the process, or the accelerator, has held so far.")

LOSS = mark("Loss")
FORMATS: dict[str, Any] = {
    label: {"type_config": {"type": "number", "format": "%.3f"}} for label in (LOSS, *MEASURES.values())
}
"""How figures stand in tables, as Streamlit's columns take it, by labels that are said where they are shown."""

STATES = {
    "starting": (":material/hourglass_top:", mark("starting")),
    "running": (":material/play_circle:", mark("running")),
    "stopping": (":material/stop_circle:", mark("stopping")),
    "finished": (":material/check_circle:", mark("finished")),
    "stopped": (":material/pause_circle:", mark("stopped")),
    "died": (":material/error:", mark("died")),
}
"""Icon and word of each state."""


HEADLINES = {
    ("starting", ""): mark(
        "{name} is starting: it is reading the data set and decoding its pictures, once for each size."
    ),
    ("running", ""): mark("{name} is running: {place}."),
    ("running", "left"): mark("{name} is running: {place}, {span} left."),
    ("stopping", ""): mark("{name} stops after this step or validation, with a checkpoint."),
    ("finished", ""): mark("{name} finished {when}, after {steps:,} steps."),
    ("finished", "early"): mark("{name} finished {when}, early, because it got no better, after {steps:,} steps."),
    ("stopped", ""): mark("{name} stopped {when}, {place}."),
    ("stopped", "before"): mark("{name} stopped {when} before it had begun."),
    ("died", ""): mark("{name} died {when}, {place}."),
    ("died", "before"): mark("{name} died {when} before it had begun."),
}
"""By state, and what else is known of it."""

WHICH = {"best": mark("best"), "last": mark("last")}
"""Which epoch of a run."""

STAGE_DONE = mark(
    "Stage of epoch {epoch}: pace {pace}, {admitted:,} of {images:,} pictures admitted; the curriculum is done."
)
STAGE_UNTIL = mark(
    "Stage of epoch {epoch}: pace {pace}, {admitted:,} of {images:,} pictures admitted; all of them from epoch {full} "
    "on."
)
MISREAD = mark(
    "Its run.json cannot be read, so what its log says of the settings is shown: put the file back from a copy to "
    "resume the run."
)
MISREAD_UNKNOWN = mark(
    "Its run.json cannot be read, so nothing is known of its settings: put the file back from a copy to resume the run."
)
BEST_OF = mark("the best of {run}")
SOURCE_AUC = mark("Macro AUC, mean over sources")

SUMMED_UP = (*HEADLINE, "dice")
"""Figures that sum a run up; IoU goes as Dice does."""


def formats() -> dict[str, Any]:
    """`FORMATS` by the columns' heads in the language now spoken."""
    return {say(label): form for label, form in FORMATS.items()}


def moment(seconds: float) -> str:
    """A point in time of this machine's clock, `seconds` since 1970."""
    told = datetime.fromtimestamp(seconds, tz=UTC).astimezone()
    if language() in (ENGLISH, BRACKETED):
        return f"{told.day} {told:%B, %H:%M}"
    return f"{day_text(told.date())}, {told:%H:%M}"


def three(value: float | None) -> str:
    """A figure from 0 to 1, or a loss, with three decimals; '–' where undefined."""
    return "–" if value is None or math.isnan(value) else number(value, ".3f")


def in_percent(share: float) -> str:
    """A share that was counted, 0 … 1, in whole percent; 0 % and 100 % are meant when they stand there."""
    return f"{share * 100:.0f}{SPACE}%"


def name_of(figure: str) -> str:
    """What a figure of the log is called."""
    named = {**LABELS, **LOSSES, "source_auc": SOURCE_AUC}
    return say(named[figure]) if figure in named else figure


def state_word(run: Run) -> str:
    """The state in a few words, with the time left."""
    standing = run.standing
    word = say(STATES[standing.state][1])
    if standing.seconds_left is not None:
        return time_left(word, standing.seconds_left)
    if standing.state in ("stopped", "died"):
        return f"{word} {moment(standing.when)}"
    return word


def in_list(run: Run) -> str:
    """What the list says under a run's name."""
    parts = [f"{STATES[run.standing.state][0]} {state_word(run)}"]
    if best := run.best():
        parts.append(f"{name_of(best.by)} {three(best.value)}")
    return " · ".join([*parts, *damaged_words(run)])


def damaged_words(run: Run) -> list[str]:
    """What of the run's files nobody can read, in a few words each; `damaged_line` says it in full."""
    log, about = bool(run.reader.damaged or run.reader.too_long), run.misread
    return [say("log damaged")] * log + [say("run.json damaged")] * about


def headline(run: Run) -> str:
    """Where the run stands, in one line."""
    standing, end = run.standing, run.reader.newest("end")
    case = ""
    if standing.state == "running" and standing.seconds_left is not None:
        case = "left"
    elif standing.state == "finished" and end is not None and end.get("early", False):
        case = "early"
    elif standing.state in ("stopped", "died") and not standing.steps:
        case = "before"
    return say(
        HEADLINES[standing.state, case],
        name=run.name,
        when=moment(standing.when),
        place=_place(run),
        span=duration(standing.seconds_left or 0),
        steps=standing.step,
    )


def _place(run: Run) -> str:
    """How far a run is; '' before its first step."""
    standing = run.standing
    if not standing.steps:
        return ""
    return say(
        "in epoch {epoch} of {epochs}, step {step:,} of {steps:,}",
        epoch=epoch_number(standing.epoch),
        epochs=standing.epochs,
        step=standing.step,
        steps=standing.steps,
    )


def obituary(run: Run) -> str:
    """The last words of a run that died, for a block of plain text."""
    words = last_words(run.folder)
    if words:
        return words
    last = run.reader.last
    return "" if last is None else say("The last line of its log tells of the event “{event}”.", event=last["event"])


def what_to_do(run: Run) -> str:
    """What can be done about a run that died."""
    if run.resumable:
        return say(
            "It printed no reason if it was killed or the machine went down. Resume goes on from its last checkpoint: "
            "nothing but the steps since then is trained again."
        )
    return say("It had not begun, so there is nothing to resume: mend what its last words name, and start a new run.")


def best_line(best: Best) -> str:
    """The best epoch so far with its figures."""
    others = ", ".join(
        f"{lower_first(LABELS[name])} {three(best.validation.get(name))}" for name in SUMMED_UP if name != best.by
    )
    told = {"figure": name_of(best.by), "value": three(best.value), "epoch": epoch_number(best.epoch)}
    if not best.validation:
        return say("Best so far: {figure} {value} in epoch {epoch}.", **told)
    return say("Best so far: {figure} {value} in epoch {epoch} ({others}).", **told, others=others)


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
    return say(
        "{folders}, {train:,} + {validation:,} images, split {split}",
        folders=folders,
        train=train,
        validation=validation,
        split=value_called(data.get("split", "")),
    )


def configuration(config: dict[str, Any]) -> str:
    """A configuration in a few words."""
    if not config:
        return ""
    model = config["model"]
    parts = [
        model.get("system") or f"{model['design']} {model['encoder']}",
        *([say("pooled inside the outline, too")] if model.get("pooling") == "whole+lesion" else []),
        *(
            [say("head pixel, whole share {whole_share:g}", whole_share=model["whole_share"])]
            if model.get("head") == "pixel"
            else []
        ),
        f"{model['input_size']} px",
        say("batch {batch}", batch=config["batch"]),
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
                say("Run"): run.name,
                say("State"): state_word(run),
                say("Best epoch"): epoch_number(best.epoch) if best else None,
                **{say(LABELS[name]): figures.get(name) for name in SUMMED_UP},
                say("Data"): data_words(run),
                say("Configuration"): configuration(run.config),
            }
        )
    return rows


def difference_rows(runs: Sequence[Run], rows: Sequence[SettingDifference]) -> list[dict[str, str]]:
    """The settings that differ, one row each, one column a run."""
    return [
        {say("Setting"): row.name, **dict(zip([run.name for run in runs], row.values, strict=True))} for row in rows
    ]


def figure_rows(rows: Sequence[Figures]) -> list[dict[str, Any]]:
    """Best and last figures, one row each."""
    return [
        {
            say("Run"): row.run,
            say("Which"): say(WHICH[row.which]),
            say("Epoch"): epoch_number(row.epoch),
            say(LOSS): row.figures["loss"],
            **{say(label): row.figures[name] for name, label in MEASURES.items()},
        }
        for row in rows
    ]


def settings_rows(flat: dict[str, Any]) -> list[dict[str, str]]:
    """A configuration by dotted names, one row a setting."""
    return [{say("Setting"): name, say("Value"): str(value)} for name, value in flat.items()]


def stage_line(stages: Sequence[CurriculumPoint], planned: Sequence[float], epoch: int) -> str:
    """Where the curriculum stands in `epoch`."""
    if not stages:
        return say("The curriculum's first stage is not decided yet.")
    now = stages[min(epoch, len(stages) - 1)]
    if not now.enabled:
        return say("The curriculum is off in this run: every picture is admitted from the first epoch on.")
    told = {
        "epoch": epoch_number(now.epoch),
        "pace": in_percent(now.pace),
        "admitted": now.admitted,
        "images": now.images,
    }
    if now.admitted == now.images:
        return say(STAGE_DONE, **told)
    full = next((place for place, pace in enumerate(planned) if pace >= 1), None)
    if full is None:
        return say("Stage of epoch {epoch}: pace {pace}, {admitted:,} of {images:,} pictures admitted.", **told)
    return say(STAGE_UNTIL, **told, full=epoch_number(full))


def replay_line(replays: Sequence[Replay], share: float) -> str:
    """What the replay buffer holds and brings. share: of each batch, as configured, 0 … 1."""
    if not replays:
        return say("Replay tells of itself after the first epoch.")
    now = replays[-1]
    if not now.enabled:
        return say(
            "Replay is off in this run. These are the pictures that it would bring back: the hardest of those seen."
        )
    line = say(
        "{size:,} pictures in the buffer, which gave {share} of all that were shown, of {allowed} allowed.",
        size=now.size,
        share=in_percent(now.share),
        allowed=in_percent(share),
    )
    if now.hit_rate is None:
        return line
    rate, epoch = in_percent(now.hit_rate), epoch_number(now.epoch)
    return line + " " + say("{rate} of its draws in epoch {epoch} were hits.", rate=rate, epoch=epoch)


def suspects_line(replays: Sequence[Replay]) -> str:
    """Pictures that are taken for label errors; '' where there is none."""
    suspects = replays[-1].suspects if replays else []
    if not suspects:
        return ""
    shown = ", ".join(suspects[:12]) + (" …" if len(suspects) > 12 else "")
    return say("Taken for label errors and left out, {suspects:,}: {shown}", suspects=len(suspects), shown=shown)


def held_words(held: ReplayImage) -> list[str]:
    """What stands under a picture of the buffer, line by line."""
    age = [] if held.age is None else [say("in for {age:.1f} epochs", age=held.age)]
    return [
        say("loss {loss:.2f}", loss=held.loss),
        *age,
        say(
            "drawn {drawn}\N{NO-BREAK SPACE}×, {drawn_in_epoch}\N{NO-BREAK SPACE}× last epoch",
            drawn=held.drawn,
            drawn_in_epoch=held.drawn_in_epoch,
        ),
        say("seen {views}\N{NO-BREAK SPACE}×", views=held.views),
    ]


def buffer_title(replays: Sequence[Replay]) -> str:
    """What the wall of pictures is."""
    now = replays[-1]
    return say(
        "The hardest {hardest} of {size:,} pictures in the buffer after epoch {epoch}",
        hardest=len(now.hardest),
        size=now.size,
        epoch=epoch_number(now.epoch),
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
    return BEST_OF.format(run=run)


def stop_label(run: Run) -> str:
    """What the button that stops a run is called: before it trains there is nothing to save."""
    return say("Stop") if run.standing.state == "starting" and not run.config else say("Stop with a checkpoint")


def save_label(step: int) -> str:
    """What the button is called that saves an export made at `step`."""
    return say("Save, up to step {step:,}", step=step)


def gone(name: str, shown: str) -> str:
    """Says that the run that was shown is no longer there, and which is shown now."""
    return say("The folder of the run {name} is no longer there; {shown} is shown.", name=name, shown=shown)


def damaged_line(run: Run) -> str:
    """What of the run's files nobody can read; '' where all can be."""
    said, count = [], run.reader.damaged
    if count:
        said.append(
            say_many(
                "The log is damaged: 1 line cannot be read and is left out.",
                "The log is damaged: {count:,} lines cannot be read and are left out.",
                count,
            )
        )
    if run.reader.too_long:
        said.append(
            say(
                "The log has more than {most:,} MB, more than any training writes: the rest is left out.",
                most=MOST >> 20,
            )
        )
    if run.misread:
        told = MISREAD if run.about else MISREAD_UNKNOWN
        said.append(say(told))
    return " ".join(said)


def thinned_line(run: Run) -> str:
    """Says so where a long log is drawn with fewer points; '' where it is not."""
    lines = len(run.reader.steps().step)
    if lines <= POINTS:
        return ""
    return say(
        "{lines:,} lines of steps, drawn as at most {points} points a curve: of each stretch its lowest and highest.",
        lines=lines,
        points=POINTS,
    )
