"""Study: whether readers do better with the answer than without: fixed cases, opinions before and after it.

The page only draws; design, order and figures come from `derm.study`. The parts of the page lie in `pages/study`.
"""

import streamlit as st

from derm.errors import DermError
from derm.figures.text import plain
from derm.language.speech import mark, say
from derm.paths import studies_folder
from derm.serve.roles import Right
from derm.study import words
from derm.study.design import find_studies, read_study
from pages.parts import opening, top
from pages.study.read import read
from pages.study.results import results

READ, RESULTS = mark("Read"), mark("Results")


def main() -> None:
    """The page, from top to bottom."""
    top.open_frame("Study")
    names = find_studies(studies_folder())
    if not names:
        st.header(say(words.NONE_YET), anchor=False)
        st.markdown(say(words.HOW_TO_BEGIN))
        if opening.may(Right.PATHS):
            st.code(words.command(str(studies_folder() / "first")), language="bash")
        return
    with st.container(key="study-choice", horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(say("Study"), names, key="study-name", persist_state="session", width=260)
        view = st.segmented_control(
            say("View"),
            (READ, RESULTS),
            default=READ,
            required=True,
            key="study-view",
            label_visibility="collapsed",
            format_func=say,
        )
    folder = studies_folder() / name
    try:
        study = read_study(folder)
        st.caption(plain(words.frozen(study)))
        if view == RESULTS:
            opening.check(Right.STUDY_RESULTS)
        (results if view == RESULTS else read)(folder, study)
    except DermError as fault:
        st.error(plain(opening.told(fault)), icon=":material/folder_off:")


main()
