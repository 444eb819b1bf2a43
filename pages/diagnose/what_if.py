"""What would change the answer, in a fold that is filled when it is opened: the nearest real case on the other side of
the threshold, and the smallest change of structures and measures."""

import streamlit as st

from derm.concepts import words
from derm.concepts.case import find_what_if, nearest_other, what_if
from derm.errors import DermError
from derm.figures.concepts import change_steps
from derm.figures.markup import shown_figure
from derm.figures.similar import similar_grid
from derm.figures.text import plain
from derm.language.speech import say
from derm.predict.case import Case
from derm.serve.roles import Right
from pages.diagnose.similar import shared_library
from pages.parts import opening, visit


def changes(key: str, case: Case) -> None:
    """A fold on what would change the answer; nothing where it cannot be told. key: of the listed case."""
    try:
        if find_what_if(case) is None:
            return
    except DermError as fault:
        st.caption(plain(opening.told(fault)))
        return
    fold = st.expander(say(words.TITLE), icon=":material/swap_horiz:", key=f"change-{key}", on_change="rerun")
    if not fold.open:
        return
    with fold:
        other(case)
        change(key, case)


def change(key: str, case: Case) -> None:
    """The smallest change in words and as bars, or why it is not told."""
    try:
        found = what_if(case)
        *lines, limits = words.change_lines(case, found)
    except DermError as fault:
        st.caption(plain(opening.told(fault)))
        return
    for line in lines:
        st.markdown(plain(line))
    if found is not None and found.together:
        figure = change_steps(words.named_steps(found.together), dark=st.context.theme.type == "dark")
        st.plotly_chart(
            shown_figure(figure),
            key=f"steps-{key}",
            alt=words.steps_alt(found.together),
            config={"displayModeBar": False},
        )
    st.caption(plain(limits))


def other(case: Case) -> None:
    """The nearest confirmed case on the other side, where this visitor may see the library's and there is one; in its
    place what is wrong with the library."""
    if not opening.may(Right.SIMILAR):
        return
    try:
        library = shared_library()
        if library is None:
            st.caption(plain(say(words.NO_LIBRARY)))
            return
        found = nearest_other(library, visit.shared_model(), case)
        picture = None if found is None else library.picture(found.similar.row)
    except DermError as fault:
        st.caption(plain(opening.told(fault)))
        return
    *titles, last = words.other_lines(case, found, library)
    if picture is not None:
        st.html(similar_grid([(picture, title) for title in titles]))
    st.caption(plain(last))
