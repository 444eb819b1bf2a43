"""What is measured of the lesion, with its scale, and the clinician's own forms, which nobody else fills in."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from derm.figures.text import plain
from derm.language.speech import mark, say
from derm.predict import words
from derm.predict.case import Case
from derm.predict.entries import with_forms, without_line
from derm.predict.form_words import (
    ABCD_TITLE,
    LABELS,
    OWN,
    SEVEN_TITLE,
    abcd_sentence,
    criterion_label,
    option_name,
    seven_sentence,
)
from derm.predict.forms import (
    ABCD_COLOURS,
    ABCD_STRUCTURES,
    AXES,
    BLANK,
    CRITERIA,
    SECTORS,
    Abcd,
    Forms,
    SevenPoint,
)
from derm.predict.measure_words import WORTH_NOTE, lesion_rows, outline_sentence, rows_html, scale_sentence
from pages.parts import visit

ABSENT, PRESENT = mark("Absent"), mark("Present")


def measures(key: str, case: Case) -> None:
    """What is measured inside the outline that is shown, and where millimetres come from. key: of the listed case."""
    if not case.has_outline:
        return
    with st.container(key="measures", gap=None):
        for name, value in words.lesion_measures(case):
            st.markdown(f"{plain(name)} **{plain(value)}**")
    if case.polygons is not None:
        st.caption(plain(outline_sentence(case)))
    st.html(rows_html(lesion_rows(case)))
    st.caption(plain(scale_sentence(case.scale)))
    if case.scale is not None and case.scale.source == "ruler":
        st.button(
            say("Remove this scale"), icon=":material/straighten:", type="tertiary", on_click=remove_scale, args=(key,)
        )
    st.caption(plain(say(WORTH_NOTE)))


def remove_scale(key: str) -> None:
    """Go back to the scale that was known before a line was drawn, or to none."""
    visit.enter(key, without_line)


def forms(key: str, case: Case) -> None:
    """Both forms, as far as they are filled in; each change is kept with the case. key: of the listed case."""
    with st.expander(say("Your own forms: ABCD and seven points"), icon=":material/edit_note:", key=f"forms-{key}"):
        st.caption(plain(say(OWN)))
        change = partial(keep, key)
        st.subheader(say(ABCD_TITLE), anchor=False)
        abcd(key, case.forms.abcd, change)
        st.markdown(plain(abcd_sentence(case.forms.abcd)))
        st.subheader(say(SEVEN_TITLE), anchor=False)
        seven(key, case.forms.seven, change)
        st.markdown(plain(seven_sentence(case.forms.seven)))
        if case.forms.begun:
            st.button(
                say("Empty both forms"), icon=":material/backspace:", type="tertiary", on_click=empty, args=(key,)
            )


def abcd(key: str, given: Abcd, change: Callable[[], None]) -> None:
    """The fields of the ABCD rule."""
    for name, most, value in (("asymmetry", AXES, given.asymmetry), ("border", SECTORS, given.border)):
        st.segmented_control(
            say(LABELS[name]), range(most + 1), default=value, key=field(key, name), on_change=change, format_func=str
        )
    for name, options, chosen in (
        ("colours", ABCD_COLOURS, given.colours),
        ("structures", ABCD_STRUCTURES, given.structures),
    ):
        st.pills(
            say(LABELS[name]),
            options,
            selection_mode="multi",
            default=[option for option in options if option in chosen],
            key=field(key, name),
            on_change=change,
            format_func=option_name,
        )


def seven(key: str, given: SevenPoint, change: Callable[[], None]) -> None:
    """The seven criteria, each absent or present."""
    with st.container(key="criteria", gap="xxsmall"):
        for name in CRITERIA:
            told = PRESENT if name in given.present else ABSENT if name in given.absent else None
            st.segmented_control(
                criterion_label(name),
                (ABSENT, PRESENT),
                default=told,
                key=field(key, name),
                on_change=change,
                format_func=say,
            )


def field(key: str, name: str) -> str:
    """The widget of a field of one case."""
    return f"form-{name}-{key}"


def keep(key: str) -> None:
    """A field was changed: keep all of them with the case."""
    state = st.session_state
    told = {name: state.get(field(key, name)) for name in CRITERIA}
    filled = Forms(
        Abcd(
            state.get(field(key, "asymmetry")),
            state.get(field(key, "border")),
            frozenset(state.get(field(key, "colours")) or ()),
            frozenset(state.get(field(key, "structures")) or ()),
        ),
        SevenPoint(
            frozenset(name for name, value in told.items() if value == PRESENT),
            frozenset(name for name, value in told.items() if value == ABSENT),
        ),
    )
    visit.enter(key, lambda case: with_forms(case, filled))


def empty(key: str) -> None:
    """Empty both forms of a case."""
    for name in ("asymmetry", "border", "colours", "structures", *CRITERIA):
        st.session_state.pop(field(key, name), None)
    visit.enter(key, lambda case: with_forms(case, BLANK))
