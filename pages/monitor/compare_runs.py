"""The part Compare: all runs as a table, and those that are chosen held against each other."""

import streamlit as st

from derm.language.speech import say
from derm.monitor import charts, compare, words
from pages.monitor.figures import draw, is_dark
from pages.monitor.runs import EVERY, look
from pages.parts.tables import show_table


@st.fragment(run_every=EVERY)
def compare_runs() -> None:
    """All runs as a table; those that are chosen held against each other."""
    runs = look()
    show_table(words.table(runs), column_config=words.formats(), alt=say("All runs, and how they stand"))
    names = [run.name for run in runs]
    wanted = st.multiselect(
        say("Hold against each other"),
        names,
        default=names[:2],
        placeholder=say("Choose runs"),
        max_selections=compare.MOST,
        key="compared",
        persist_state="session",
    )
    chosen = [run for run in runs if run.name in wanted]
    if not chosen:
        st.info(say(words.CHOOSE_RUNS), icon=":material/compare_arrows:")
        return
    measure = st.selectbox(
        say("Curve"),
        list(compare.CURVES),
        format_func=lambda one: say(compare.CURVES[one]),
        index=5,
        key="curve",
        persist_state="session",
    )
    draw(charts.overlaid(chosen, measure, dark=is_dark()), 1)
    st.markdown("**" + say("Best and last figures, validation") + "**")
    if figures := words.figure_rows(compare.best_and_last(chosen)):
        show_table(figures, column_config=words.formats(), alt=say("Best and last figures of each run"))
    else:
        st.caption(say(words.NOTHING_MEASURED))
    if len(chosen) < 2:
        return
    st.markdown("**" + say("Settings that differ") + "**")
    differing = compare.differences(chosen)
    if not differing:
        st.caption(say(words.NO_DIFFERENCE))
        return
    show_table(words.difference_rows(chosen, differing), alt=say("Settings that differ between the runs"))
