"""The views of one run: curves, diagnoses, confusion, curriculum and replay, speed, settings."""

import streamlit as st

from derm.data.catalogue import Catalogue
from derm.errors import DermError
from derm.figures.results import matrix_key
from derm.figures.text import epoch_number, plain
from derm.language.speech import language, mark, say
from derm.monitor import charts, compare, replay_images, series, words
from derm.monitor.gallery import wall
from derm.monitor.runs import Run
from pages.monitor.figures import draw, is_dark
from pages.parts import visit
from pages.parts.keeping import budget
from pages.parts.tables import show_table


def show_curves(run: Run) -> None:
    """Losses and measures, training against validation."""
    dark = is_dark()
    if first := charts.figure_7(run, dark=dark):
        draw([plate._replace(title=say("{title}, epoch by epoch", title=plate.title)) for plate in first])
        st.caption(say(words.FIGURE_7_NOTE))
    draw(charts.losses(run, dark=dark))
    draw(charts.measures(run, dark=dark))
    st.caption(" ".join([say(words.STEP_NOTE), say(words.EPOCHS_NOTE), words.thinned_line(run)]))


def show_classes(run: Run) -> None:
    """One measure of each diagnosis."""
    measure = st.selectbox(
        say("Measure"),
        list(series.CLASS_MEASURES),
        format_func=lambda one: say(series.CLASS_MEASURES[one]),
        key="measure",
        persist_state="session",
    )
    shown = charts.classes(run, measure, dark=is_dark())
    if not shown:
        st.info(say(words.NOTHING_MEASURED), icon=":material/hourglass_top:")
        return
    draw(shown, 1)


def show_confusion(run: Run) -> None:
    """The confusion matrix of the epoch that the slider names."""
    epochs = series.measured_epochs(run)
    if not epochs:
        st.info(say(words.NOTHING_MEASURED), icon=":material/hourglass_top:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        newest = st.toggle(say("Follow the newest epoch"), value=True, key="newest", persist_state="session")
        shares = st.toggle(say("Shares of the row"), value=True, key="shares", persist_state="session")
    epoch = epochs[-1]
    if len(epochs) > 1:
        key = f"newest-of-{run.name}-{epoch}" if newest else f"epoch-of-{run.name}"
        epoch = st.select_slider(
            say("After epoch"), epochs, value=epoch, format_func=lambda place: str(epoch_number(place)),
            disabled=newest, key=key, persist_state="session",
        )  # fmt: skip
    draw(charts.confusion(run, epoch, rates=shares, dark=is_dark()), 1)
    st.caption(f"{say(words.MATRIX_NOTE)} {matrix_key()}.")


def show_replay(run: Run) -> None:
    """The curriculum over time, and what the replay buffer holds now."""
    dark = is_dark()
    stages, replays = series.stages(run), series.replays(run)
    st.subheader(say("Curriculum"), anchor=False)
    st.markdown(plain(words.stage_line(stages, series.planned_pace(run), run.standing.epoch)))
    if areas := charts.admitted(run, dark=dark):
        draw(areas, 1)
        st.caption(say(words.AREA_NOTE))
    if stages:
        draw(charts.difficulty(run, dark=dark), 1)
        st.caption(say(words.DIFFICULTY_NOTE))
    st.subheader(say("Replay"), anchor=False)
    st.markdown(plain(words.replay_line(replays, run.config["replay"]["share"])))
    if not replays:
        return
    draw(charts.replay(run, dark=dark))
    st.caption(f"{say(words.HIT_NOTE)} {say(words.DRAWN_NOTE)}")
    st.markdown(f"**{plain(words.buffer_title(replays))}**")
    catalogue = catalogue_of(run)
    if catalogue is None:
        st.caption(say(words.NO_DATA_SET))
    st.html(
        run.once(
            ("wall", catalogue is None, language()),
            lambda: wall(replay_images.held_images(run, catalogue, budget().turn)),
        )
    )
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
    st.caption(say(words.MEMORY_NOTE))


def show_settings(run: Run) -> None:
    """Every setting of the run."""
    show_table(words.settings_rows(compare.flatten(run.config)), height=480, alt=say("Every setting"))


VIEWS = {
    mark("Curves"): show_curves,
    mark("Diagnoses"): show_classes,
    mark("Confusion"): show_confusion,
    mark("Curriculum and replay"): show_replay,
    mark("Speed"): show_machine,
    mark("Settings"): show_settings,
}
"""By name, in the order of the row above them; the first is shown first."""
