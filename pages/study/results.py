"""What a study found: figures by arm and reader, arms compared, reliance; and all of it as files."""

import json
from functools import partial
from pathlib import Path

import streamlit as st

from derm.figures.markup import shown_figure
from derm.figures.study import ArmValues, arms_figure
from derm.figures.text import plain
from derm.language.speech import say
from derm.study import words
from derm.study.design import StudyDesign
from derm.study.reading import read_given
from derm.study.results import StudyResults, as_dict, opinions_csv, reliance_shares, results_of
from pages.parts.downloading import download_button
from pages.parts.tables import show_table


def results(folder: Path, study: StudyDesign) -> None:
    """Figures of those who have finished."""
    given = read_given(folder, study)
    found = results_of(study, given)
    st.caption(plain(words.mix(study)))
    st.markdown(plain(words.finished(found.finished)))
    if found.unfinished:
        st.caption(plain(words.unfinished(found.unfinished)))
    if found.finished:
        figures(study, found)
        reliance(found)
    else:
        st.info(say(words.FEW))
    with st.container(horizontal=True, key="study-files"):
        for label, make, name, kind in (
            (say("Opinions, CSV"), partial(opinions_csv, study, given), "opinions.csv", "text/csv"),
            (say("Results, JSON"), partial(told, study, found), "results.json", "application/json"),
        ):
            download_button(label, make, f"{study.name}_{name}", kind, key=f"get-{name}")


def figures(study: StudyDesign, found: StudyResults) -> None:
    """Each figure by arm, with its interval, and the arms compared: as a picture, then as tables."""
    picture(study, found)
    for name in found.table:
        compared = found.compared.get(name)
        st.subheader(say(words.FIGURE_NAMES[name]), anchor=False)
        show_table(words.figure_rows(study, found, name), key=f"study-{name}")
        if compared is not None:
            told = [words.difference_row(study, one) for one in compared.differences]
            show_table(told, key=f"study-{name}-compared")
    st.caption(say(words.METHOD) if found.compared else say(words.FEW))


def picture(study: StudyDesign, found: StudyResults) -> None:
    """Means with their intervals, and every reader."""
    measures = {say(words.FIGURE_NAMES[name]): arms_of(found, name) for name in found.table}
    arms = [say(words.ARM_NAMES[arm]) for arm in study.arms]
    figure = arms_figure(measures, arms, found.finished, dark=st.context.theme.type == "dark")
    st.plotly_chart(
        shown_figure(figure),
        key="study-arms",
        alt=words.figure_alt(study, found),
        config={"displayModeBar": False},
    )


def arms_of(found: StudyResults, name: str) -> list[ArmValues]:
    """A figure in each arm; without an interval where fewer than two readers have finished."""
    compared = found.compared.get(name)
    values = []
    for place, row in enumerate(found.table[name]):
        mean = float(row.mean())
        low, high = (mean, mean) if compared is None else (compared.arms[place].low, compared.arms[place].high)
        values.append(ArmValues(mean, *words.bounds(low, high), tuple(row.tolist())))
    return values


def reliance(found: StudyResults) -> None:
    """How opinions moved once the answer was seen."""
    st.subheader(say("Reliance on the answer"), anchor=False)
    rows = []
    for one in found.reliance:
        over, under = reliance_shares(one)
        rows.append(
            {
                say("Reader"): one.reader,
                say("Arm"): say(words.ARM_NAMES[one.arm]),
                say("Wrong to right"): one.corrected + one.found,
                say("Right to wrong"): one.misled + one.lost,
                say("Over-reliance"): words.relied(over, one.misled, one.misled + one.withstood),
                say("Under-reliance"): words.relied(under, one.not_taken, one.not_taken + one.corrected),
                say("Seconds a case"): f"{one.seconds:.0f}",
            }
        )
    show_table(rows, key="study-reliance")
    st.caption(say(words.RELIANCE))


def told(study: StudyDesign, found: StudyResults) -> str:
    """The results as JSON."""
    return json.dumps(as_dict(study, found), indent=2, allow_nan=False, ensure_ascii=False) + "\n"
