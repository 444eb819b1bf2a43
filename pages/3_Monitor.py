"""Monitor: every training run as it happens; start, stop and resume them; hold them against each other.

The page only draws; what runs are, how they stand and what is said of them comes from `derm.monitor`.
"""

from collections.abc import Callable
from itertools import cycle
from pathlib import Path

import streamlit as st

from derm.data.catalogue import Catalogue
from derm.data.store import default_cache
from derm.data.synthetic.standin import draw_once
from derm.errors import DermError
from derm.figures.text import plain
from derm.monitor import charts, compare, export, launch, replay_images, series, words
from derm.monitor.gallery import wall
from derm.monitor.runs import Run, Runs
from derm.monitor.settings import SETTINGS, THREADS_COST, Setting, changed, defaults
from derm.paths import data_folder, runs_folder
from derm.train.config import PRESETS
from pages.parts import top, visit

STYLE = Path(__file__).parents[1] / ".streamlit" / "monitor.css"
WATCH, COMPARE, START = "Watch", "Compare", "Start a run"
CURVES, CLASSES, CONFUSION, REPLAY, MACHINE, SETTING = (
    "Curves", "Diagnoses", "Confusion", "Curriculum and replay", "Speed", "Settings",
)  # fmt: skip
EVERY = 2.0  # seconds between two looks at the logs


@st.cache_resource(show_spinner="Reading the logs …", max_entries=4)
def shared_runs(folder: str) -> Runs:
    """The runs in `folder`, read once for all sessions, then only what is new."""
    return Runs(Path(folder))


def look() -> list[Run]:
    """The runs as they are now."""
    return shared_runs(str(runs_folder().resolve())).look()


def is_dark() -> bool:
    """Whether the visitor's page is dark."""
    return bool(st.context.theme.type == "dark")


def draw(shown: list[charts.Plate], columns: int = 2) -> None:
    """Figures beside one another, each under its title."""
    for row in charts.in_rows(shown, columns):
        for place, plate in zip(st.columns(columns, gap="medium"), row, strict=False):
            with place:
                st.markdown(f"**{plain(plate.title)}**")
                key = f"plate-{plate.title}"
                st.plotly_chart(plate.figure, key=key, config={"displayModeBar": False}, alt=plate.alt)


@st.fragment(run_every=EVERY)
def watch() -> None:
    """The list of runs and the chosen one, looked at anew every few seconds."""
    runs = look()
    if not runs:
        st.info(words.NO_RUN)
        return
    by_name = {run.name: run for run in runs}
    if st.session_state.get("run") not in by_name:
        st.session_state.run = runs[0].name
    with st.container(key="watch"):
        left, right = st.columns([1, 3], gap="large")
        with left, st.container(key="runs"):
            name = st.radio(
                "Runs", list(by_name), format_func=plain, captions=[words.in_list(run) for run in runs],
                key="run", width="stretch", persist_state="session",
            )  # fmt: skip
        with right:
            show_run(by_name[name])


def show_run(run: Run) -> None:
    """One run: where it stands and what can be done, then the view that was chosen."""
    st.header(plain(words.headline(run)), anchor=False)
    if best := run.best():
        st.markdown(plain(words.best_line(best)))
    st.caption(plain(words.about_line(run)))
    act(run)
    if run.standing.state == "died":
        st.error(plain(words.what_to_do(run)), icon=":material/error:")
        st.code(words.obituary(run), language=None, wrap_lines=True)
    if damaged := words.damaged_line(run):
        st.warning(damaged, icon=":material/warning:")
    if not run.config:
        return
    view = st.segmented_control(
        "View", list(VIEWS), default=CURVES, required=True, key="monitor_view", label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    VIEWS[view](run)


def act(run: Run) -> None:
    """Stop or resume, whichever fits, and what came of it."""
    state = run.standing.state
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.standing.alive:
            st.button(
                words.stop_label(run), icon=":material/stop:", help=words.STOP_HELP, disabled=state == "stopping",
                key=f"stop-{run.name}", on_click=attempt, args=(launch.stop, run),
            )  # fmt: skip
        if run.resumable:
            st.button(
                "Resume", icon=":material/play_arrow:", help=words.RESUME_HELP,
                key=f"resume-{run.name}", on_click=attempt, args=(launch.resume, run),
            )  # fmt: skip
        if run.config:
            download(run)
    if refusal := st.session_state.get(f"refusal-{run.name}-{state}"):
        st.error(plain(refusal), icon=":material/block:")


def attempt(action: Callable[[Path], object], run: Run) -> None:
    """Do what a button says; where it cannot be done, its sentence stays as long as the run stands as it does."""
    refusal = f"refusal-{run.name}-{run.standing.state}"
    try:
        action(run.folder)
        st.session_state.pop(refusal, None)
    except DermError as error:
        st.session_state[refusal] = str(error)


def download(run: Run) -> None:
    """The log for TensorBoard, where its package is here."""
    try:
        export.need("tensorboard")
    except DermError as error:
        st.caption(plain(str(error)))
        return
    st.download_button(
        "For TensorBoard", lambda: export.tensorboard_zip(run), f"{run.name}.zip", "application/zip",
        icon=":material/download:", on_click="ignore", type="tertiary", key=f"export-{run.name}",
    )  # fmt: skip


def show_curves(run: Run) -> None:
    """Losses and measures, training against validation."""
    dark = is_dark()
    if first := charts.figure_7(run, dark=dark):
        draw([plate._replace(title=f"{plate.title}, epoch by epoch") for plate in first])
        st.caption(words.FIGURE_7_NOTE)
    draw(charts.losses(run, dark=dark))
    draw(charts.measures(run, dark=dark))
    st.caption(" ".join([words.STEP_NOTE, words.EPOCHS_NOTE, words.thinned_line(run)]))


def show_classes(run: Run) -> None:
    """One measure of each diagnosis."""
    measure = st.selectbox("Measure", list(series.CLASS_MEASURES), format_func=series.CLASS_MEASURES.get, key="measure")
    shown = charts.classes(run, measure, dark=is_dark())
    if not shown:
        st.info(words.NOTHING_MEASURED, icon=":material/hourglass_top:")
        return
    draw(shown, 1)


def show_confusion(run: Run) -> None:
    """The confusion matrix of the epoch that the slider names."""
    epochs = series.measured_epochs(run)
    if not epochs:
        st.info(words.NOTHING_MEASURED, icon=":material/hourglass_top:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        newest = st.toggle("Follow the newest epoch", value=True, key="newest")
        shares = st.toggle("Shares of the row", value=True, key="shares")
    epoch = epochs[-1]
    if len(epochs) > 1:
        key = f"newest-of-{run.name}-{epoch}" if newest else f"epoch-of-{run.name}"
        epoch = st.select_slider("After epoch", epochs, value=epoch, disabled=newest, key=key)
    draw(charts.confusion(run, epoch, rates=shares, dark=is_dark()), 1)
    st.caption(f"{words.MATRIX_NOTE} {words.diagnoses_named()}")


def show_replay(run: Run) -> None:
    """The curriculum over time, and what the replay buffer holds now."""
    dark = is_dark()
    stages, replays = series.stages(run), series.replays(run)
    st.subheader("Curriculum", anchor=False)
    st.markdown(plain(words.stage_line(stages, series.planned_pace(run), run.standing.epoch)))
    if areas := charts.admitted(run, dark=dark):
        draw(areas, 1)
        st.caption(words.AREA_NOTE)
    if stages:
        draw(charts.difficulty(run, dark=dark), 1)
        st.caption(words.DIFFICULTY_NOTE)
    st.subheader("Replay", anchor=False)
    st.markdown(plain(words.replay_line(replays, run.config["replay"]["share"])))
    if not replays:
        return
    draw(charts.replay(run, dark=dark))
    st.caption(f"{words.HIT_NOTE} {words.DRAWN_NOTE}")
    st.markdown(f"**{plain(words.buffer_title(replays))}**")
    catalogue = catalogue_of(run)
    if catalogue is None:
        st.caption(words.NO_DATA_SET)
    st.html(run.once(("wall", catalogue is None), lambda: wall(replay_images.held_images(run, catalogue))))
    if suspects := words.suspects_line(replays):
        st.caption(plain(suspects))


def catalogue_of(run: Run) -> Catalogue | None:
    """The data set that the run learns from, or None where it cannot be read here."""
    try:
        return visit.shared_catalogue(run.data["folder"])
    except DermError:
        return None


def show_machine(run: Run) -> None:
    """Learning rate, images a second, memory."""
    draw(charts.machine(run, dark=is_dark()))
    st.caption(words.MEMORY_NOTE)


def show_settings(run: Run) -> None:
    """Every setting of the run."""
    st.dataframe(words.settings_rows(compare.flatten(run.config)), hide_index=True, height=480, alt="Every setting")


VIEWS = {
    CURVES: show_curves,
    CLASSES: show_classes,
    CONFUSION: show_confusion,
    REPLAY: show_replay,
    MACHINE: show_machine,
    SETTING: show_settings,
}


@st.fragment(run_every=EVERY)
def compare_runs() -> None:
    """All runs as a table; those that are chosen held against each other."""
    runs = look()
    st.dataframe(words.table(runs), hide_index=True, column_config=words.FORMATS, alt="All runs, and how they stand")
    names = [run.name for run in runs]
    wanted = st.multiselect(
        "Hold against each other", names, default=names[:2], max_selections=compare.MOST, key="compared"
    )
    chosen = [run for run in runs if run.name in wanted]
    if not chosen:
        st.info(words.CHOOSE_RUNS, icon=":material/compare_arrows:")
        return
    measure = st.selectbox("Curve", list(compare.CURVES), format_func=compare.CURVES.get, index=5, key="curve")
    draw(charts.overlaid(chosen, measure, dark=is_dark()), 1)
    st.markdown("**Best and last figures, validation**")
    if figures := words.figure_rows(compare.best_and_last(chosen)):
        st.dataframe(figures, hide_index=True, column_config=words.FORMATS, alt="Best and last figures of each run")
    else:
        st.caption(words.NOTHING_MEASURED)
    st.markdown("**Settings that differ**")
    differing = compare.differences(chosen)
    if not differing:
        st.caption(words.NO_DIFFERENCE)
        return
    st.dataframe(words.difference_rows(chosen, differing), hide_index=True, alt="Settings that differ between the runs")


def start_run() -> None:
    """Everything that a new run needs, each setting with what it costs."""
    runs, folder = runs_folder(), data_folder()
    choices = ([str(folder)] if folder else []) + [words.DRAWN_CHOICE]
    with st.container(horizontal=True):
        data = st.selectbox("Data", choices, key="start-data")
        preset = st.selectbox("Preset", list(PRESETS), key="start-preset", help=words.PRESET_HELP)
        drawn = data == words.DRAWN_CHOICE
        wanted = launch.free_name(runs, words.name_for(preset, drawn=drawn))
        name = st.text_input("Name of the run", wanted, key=f"start-name-{wanted}")
    usual = defaults(preset, drawn=drawn)
    chosen = {}
    for place, setting in zip(cycle(st.columns(2, gap="large")), SETTINGS, strict=False):
        with place:
            chosen[setting.name] = ask(setting, usual[setting.name], f"start-{preset}-{drawn}-{setting.name}")
            st.caption(setting.cost)
    threads = st.number_input("Threads", 0, 256, 0, key="start-threads", width=200)
    st.caption(THREADS_COST)
    if not st.button("Start this run", icon=":material/play_arrow:", key="start"):
        st.caption(words.START_NOTE)
        return
    try:
        with st.spinner(words.DRAWING if drawn else words.STARTING):
            place_of_data = draw_once(default_cache()) if drawn else folder
            launch.start(runs, name, Path(place_of_data or ""), preset, changed(preset, chosen), int(threads))
    except DermError as error:
        st.error(plain(str(error)), icon=":material/block:")
        return
    st.session_state.show = name
    st.rerun()


def ask(setting: Setting, usual: object, key: str) -> object:
    """The widget for one setting; its value comes back."""
    if setting.kind == "choice":
        return st.selectbox(setting.label, setting.options, setting.options.index(usual), key=key)
    if setting.kind == "switch":
        return st.toggle(setting.label, bool(usual), key=key)
    if setting.kind == "text":
        return st.text_input(setting.label, str(usual), key=key)
    return st.number_input(
        setting.label, setting.low, setting.high, usual, setting.step, setting.form, key=key
    )  # fmt: skip


def main() -> None:
    """The page, from top to bottom."""
    row = top.open_frame("Monitor")
    st.html(STYLE)
    if model := top.find_model():  # training needs none
        top.set_patients(row, model)
        top.choose()
    if name := st.session_state.pop("show", None):
        st.session_state.run, st.session_state.part = name, WATCH
    if not look():
        st.header(words.NO_RUN, anchor=False)
        st.markdown(words.HOW_TO_BEGIN)
        st.code(words.how_to_begin(runs_folder()), language="bash")
        start_run()
        return
    st.session_state.setdefault("part", WATCH)
    part = st.segmented_control(
        "Part of the page", [WATCH, COMPARE, START], required=True, key="part", label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    {WATCH: watch, COMPARE: compare_runs, START: start_run}[part]()


main()
