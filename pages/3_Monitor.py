"""Monitor: every training run as it happens; start, stop and resume them; hold them against each other.

The page only draws; what runs are, how they stand and what is said of them comes from `derm.monitor`.
The parts of the page lie in `pages/monitor`.
"""

from pathlib import Path

import streamlit as st

from derm.language.speech import mark, say
from derm.monitor import words
from derm.paths import runs_folder
from pages.monitor.compare_runs import compare_runs
from pages.monitor.runs import look
from pages.monitor.start_run import start_run
from pages.monitor.watch import watch
from pages.parts import top

STYLE = Path(__file__).parents[1] / ".streamlit" / "monitor.css"
WATCH, COMPARE, START = mark("Watch"), mark("Compare"), mark("Start a run")


def main() -> None:
    """The page, from top to bottom."""
    row = top.open_frame("Monitor")
    st.html(STYLE)
    if model := top.find_model():  # training needs none
        top.set_patients(row, model)
        top.choose()
    if name := st.session_state.get("show"):
        st.session_state.run, st.session_state.part = name, WATCH
        st.session_state.pop("show")  # last, for a click may break off the page at each of these words
    if not look():
        st.header(say(words.NO_RUN), anchor=False)
        st.markdown(say(words.HOW_TO_BEGIN))
        st.code(words.how_to_begin(runs_folder()), language="bash")
        start_run()
        return
    # The first runs may have come since this page was drawn, in the moment in which its own was refused.
    st.session_state.setdefault("part", START if "start-refused" in st.session_state else WATCH)
    part = st.segmented_control(
        say("Part of the page"), [WATCH, COMPARE, START], format_func=say, required=True, key="part",
        label_visibility="collapsed",
        persist_state="session",
    )  # fmt: skip
    {WATCH: watch, COMPARE: compare_runs, START: start_run}[part or WATCH]()


main()
