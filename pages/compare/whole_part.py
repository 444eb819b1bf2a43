"""Every image of a part as a point, and what they come to; a click on a point opens its image."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from derm.compare import dataset_view, words
from derm.errors import DermError
from derm.evaluate import explain_dataset
from derm.explore import data_places
from derm.figures.compare import distributions, names_of_codes
from derm.figures.markup import shown_figure
from derm.figures.text import plain
from derm.files import part_by_text, stamp_now
from derm.language.speech import language, mark, say
from derm.model.weights import Model
from derm.paths import results_folder
from derm.serve.roles import Right
from pages.compare.views import VIEWS
from pages.parts import opening, top, visit
from pages.parts.downloading import download_button
from pages.parts.spinning import spinning
from pages.parts.tables import show_table


def whole_part(model: Model) -> None:
    """Every image of a part: one point each, and what they come to."""
    folders, odd = part_by_text(explain_dataset.find_explained(results_folder()))
    if odd:
        st.warning(plain(data_places.unwritten(odd)), icon=":material/folder_off:")
    if not folders:
        st.info(say(dataset_view.INVITATION), icon=":material/terminal:")
        return
    folder = (
        st.selectbox(
            say("Results"),
            folders,
            format_func=lambda place: place.name,
            width=420,
            key="whole-folder",
            persist_state="session",
        )
        if len(folders) > 1
        else folders[0]
    )
    try:
        explained = shared_explained(str(folder), changed(folder))
        explained.check_weights(model)
        catalogue = top.known_data()
        if catalogue is not None:
            check_data(str(folder), changed(folder), str(catalogue.folder), language(), explained, catalogue.table)
    except DermError as fault:
        st.error(plain(opening.told(fault)), icon=":material/rule:")
        return
    st.caption(plain(dataset_view.provenance(explained)))
    row = st.columns(4)
    method = choose(row[0], say("Method"), dataset_view.methods_of(explained), "whole-method")
    measure = choose(row[1], say("Measure"), dataset_view.MEASURES, "whole-measure")
    outline = choose(row[2], say("Against"), dataset_view.OUTLINES, "whole-against")
    diagnosis = choose(row[3], say("Diagnosis in the table"), dataset_view.diagnoses(), "whole-diagnosis")
    dark = st.context.theme.type == "dark"
    images = dataset_view.points(explained, method, outline, measure)
    figure = distributions(
        images, say(dataset_view.MEASURES[measure]), dataset_view.references_of(explained, outline, measure), dark=dark
    )
    told = dataset_view.right_or_wrong(explained, method, outline, measure)
    st.plotly_chart(
        shown_figure(figure), key="points", on_select=partial(open_point, model), selection_mode="points", alt=told,
        config={"displayModeBar": False},
    )  # fmt: skip
    if lost := st.session_state.get("lost_point"):
        st.info(dataset_view.no_data(lost), icon=":material/folder_off:")
    st.caption(plain(say("{codes}. A click on a point opens that image.", codes=names_of_codes())))
    st.markdown(plain(told))
    table = dataset_view.shown(dataset_view.summary_table(explained, outline, measure, diagnosis))
    show_table(table, alt=say("Every method's agreement, with intervals"))
    if opening.may(Right.EXPORT):
        content = partial(dataset_view.points_csv, images)
        download_button(say("Table, CSV"), content, f"{method}-{measure}.csv", "text/csv", key="points-csv")
    st.caption(plain(f"{words.agreement_limits(model.description.model)} {say(dataset_view.SKILL)}"))


def choose(place: DeltaGenerator, label: str, choices: Mapping[str, str], key: str) -> str:
    """One of `choices`, names by what they stand for, which a change of page keeps."""
    chosen: str = place.selectbox(
        label, list(choices), format_func=lambda one: say(choices[one]), key=key, persist_state="session"
    )
    return chosen


@spinning(mark("Reading the explanations …"))
@st.cache_resource(show_spinner=False, max_entries=2)
def shared_explained(folder: str, changed: tuple[tuple[int, ...], ...]) -> explain_dataset.ExplainResults:
    """What `derm explain` wrote, read once for all sessions until it changes; it holds figures, no pictures."""
    return explain_dataset.read_explain_results(Path(folder))


@st.cache_data(show_spinner=False, max_entries=8)
def check_data(
    folder: str,
    changed: tuple[tuple[int, ...], ...],
    data: str,
    spoken: str,
    _explained: explain_dataset.ExplainResults,
    _table: pd.DataFrame,
) -> None:
    """As `ExplainResults.check_data`, which reads the part's masks; what was found right is not asked for again."""
    _explained.check_data(_table)


def changed(folder: Path) -> tuple[tuple[int, ...], ...]:
    """What tells each file of `derm explain` from the next one there: about.json alone is written when a run begins."""
    return tuple(stamp_now(folder / name) for name in explain_dataset.FILES)


def open_point(model: Model) -> None:
    """A point was clicked: its image becomes the case that follows."""
    image_id = dataset_view.clicked(st.session_state.points)
    if image_id is None:
        return
    catalogue = top.known_data()
    st.session_state.lost_point = image_id if catalogue is None else None
    if catalogue is not None:
        visit.keep_from_data(model, catalogue, image_id)
        st.session_state.compare_view = VIEWS[0]
