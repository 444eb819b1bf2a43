"""Explore: what is in the data set, whether it can be trusted, and which pictures stand behind a model's results.

The page only draws; what it counts, measures and says comes from `derm.explore`. Only the chosen view is computed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from derm.data.store import default_cache
from derm.data.synthetic.standin import draw_once, drawn_folder
from derm.errors import DataFault, DermError
from derm.evaluate import by_source
from derm.evaluate.compare import compare, disagreements
from derm.evaluate.results import Results, read_results
from derm.explore import (
    counts,
    data_places,
    data_quality,
    duplicates,
    embedding,
    embedding_duplicates,
    filters,
    label_errors,
    model_comparison,
    predictions,
    shapes,
    tiles,
)
from derm.explore.gallery import RESULT_ORDERS, SHAPE_ORDERS, TABLE_ORDERS, Order, arrange
from derm.explore.table import DIMENSION, DIMENSIONS, name_of
from derm.figures import dataset as draw
from derm.figures import results as draw_results
from derm.figures.text import plain
from derm.model.weights import Model
from derm.paths import data_folder, results_folder
from pages.parts import top
from pages.parts.gallery import ShownData, choose_look, gallery, opened, shared_set, turn, watch

VIEWS = {
    "Data": "Data: what is in it",
    "Quality": "Quality: can it be trusted",
    "Results": "Results: what the model makes of it",
}
DATA_PARTS = ("Figures", "Crossed", "Pictures")
RESULT_PARTS = ("Matrix", "Sources", "Classes", "Curves", "Map of features", "Label errors", "Two models")
COLOURINGS = ("diagnosis", "sex", "source", "confirmation", "part", "several")
AT_ONCE = 500  # images up to which everything is measured without being asked for

Kept = NDArray[np.bool_]


# What all sessions share


@st.cache_resource(show_spinner="Reading the results …", max_entries=6)
def shared_results(folder: str, changed: int) -> Results:
    """Results, read anew when they have changed."""
    return read_results(Path(folder))


@st.cache_resource(show_spinner=False, max_entries=6)
def shared_cases(folder: str, changed: int, data: str, _results: Results, _table: pd.DataFrame) -> pd.DataFrame:
    """The results, one row an image, joined with the data set's table."""
    return predictions.outcomes(_results, _table)


@st.cache_data(show_spinner="Resampling for the intervals …", max_entries=32)
def shared_measures(folder: str, changed: int, kept: Kept, _results: Results) -> dict[str, Any]:
    """Figures of the kept images with intervals."""
    return predictions.measures(_results, kept)


@st.cache_data(show_spinner="Resampling for the intervals …", max_entries=32)
def shared_curves(folder: str, changed: int, kept: Kept, _results: Results) -> tuple[dict[str, Any], dict[str, Any]]:
    """Curves of the kept images, and intervals of their average precision."""
    return predictions.curves(_results, kept), predictions.precision_intervals(_results, kept)


@st.cache_data(show_spinner="Comparing by a paired bootstrap …", max_entries=8)
def shared_comparison(
    folders: tuple[str, str], changed: tuple[int, int], _first: Results, _second: Results
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two results: their figures with the difference, and the images on which they disagree."""
    return compare(_first, _second, model_comparison.REPLICATES), disagreements(_first, _second)


@st.cache_data(show_spinner=False, max_entries=4)
def shared_shapes(file: str, changed: int) -> pd.DataFrame | None:
    """The shapes of the masks."""
    return shapes.read_shapes(Path(file))


@st.cache_data(show_spinner="Counting what the splits leak …", max_entries=2)
def shared_trust(folder: str, _shown: ShownData) -> tuple[data_quality.Leaks, data_quality.SourceCue | None]:
    """What the splits leak, and what the sources give away."""
    return data_quality.count_leaks(_shown.catalogue), data_quality.source_tell(_shown.table)


def changed(file: Path) -> int:
    """When a file was changed, nanoseconds; 0 where there is none."""
    return file.stat().st_mtime_ns if file.is_file() else 0


# The frame


def find_set() -> ShownData:
    """The data set: the user's, or a drawn one; ends the page with a sentence where it cannot be read."""
    folder, drawn = data_folder(), False
    if folder is None:
        drawn, cache = True, default_cache()
        if not drawn_folder(cache).is_dir():
            tell, done = watch("Drawing a data set, once …")
            draw_once(cache, tell)
            done()
        folder = drawn_folder(cache)
    try:
        return shared_set(str(folder), drawn)
    except DermError as fault:
        st.error(plain(str(fault)), icon=":material/folder_off:")
        with st.expander("How to get HAM10000", expanded=True):
            st.markdown(data_places.HOW_TO_GET)
        st.stop()
        raise  # never reached: `stop` ends the page


def choose_view(shown: ShownData) -> str:
    """The three views; where the data set is drawn, that is said."""
    view: str = st.segmented_control(
        "View",
        list(VIEWS),
        default="Data",
        required=True,
        key="explore_view",
        format_func=VIEWS.__getitem__,
        label_visibility="collapsed",
        persist_state="session",
    )
    if shown.drawn:
        with st.expander(data_places.DRAWN, icon=":material/draw:"):
            st.markdown(data_places.HOW_TO_GET)
    return view


def filter_bar(shown: ShownData) -> dict[str, list[str]]:
    """The filter bar, which stays on every view."""
    with st.container(key="explore_filters", horizontal=True, gap="small"):
        return {
            dimension.key: st.multiselect(
                dimension.label,
                choices,
                key=f"explore_filter_{dimension.key}",
                format_func=name_of,
                placeholder=f"{dimension.label}: all",
                label_visibility="collapsed",
                width=243,
                persist_state="session",
            )
            for dimension, choices in zip(DIMENSIONS, filters.options(shown.table).values(), strict=True)
        }


def chart(figure: go.Figure, key: str, alt: str, **more: Any) -> Any:  # noqa: ANN401
    """A figure without plotly's own buttons; alt: for screen readers."""
    return st.plotly_chart(figure, key=key, alt=alt, config={"displayModeBar": False}, **more)


def pick(label: str, choices: Sequence[str], key: str, **more: Any) -> str:  # noqa: ANN401
    """One of a few choices, kept through the session."""
    chosen: str = st.segmented_control(
        label,
        choices,
        default=choices[0],
        required=True,
        key=key,
        label_visibility="collapsed",
        persist_state="session",
        **more,
    )
    return chosen


def sort_by(orders: Sequence[Order], key: str) -> Order:
    """How a gallery is sorted."""
    by_label = {order.label: order for order in orders}
    label = st.selectbox("Sort", list(by_label), key=key, width=260, persist_state="session")
    return by_label[label]


# Data


def data(model: Model, shown: ShownData, chosen: filters.Chosen, dark: bool) -> None:
    """What is in the data set."""
    kept = filters.keep(shown.table, chosen)
    part = pick("Data as", DATA_PARTS, "explore_data")
    st.markdown(plain(filters.summary(shown.table, kept, chosen)))
    if not kept.any():
        st.info("No image passes the filter: take something out of it.", icon=":material/filter_alt_off:")
        return
    {"Figures": data_figures, "Crossed": data_crossed, "Pictures": data_pictures}[part](model, shown, kept, dark)


def data_figures(_model: Model, shown: ShownData, kept: Kept, dark: bool) -> None:
    """Each dimension of the data set, counted and coloured."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        colour = st.selectbox(
            "Coloured by",
            COLOURINGS,
            key="explore_colour",
            format_func=lambda key: DIMENSION[key].label,
            width=220,
            persist_state="session",
        )
        share = st.toggle("As shares of each bar", key="explore_share", persist_state="session")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Diagnosis", anchor=False)
        figure = draw.balance(counts.class_balance(shown.table, kept), dark=dark)
        chart(figure, "balance", "Images and lesions of each diagnosis")
    with right:
        st.subheader("Age, years", anchor=False)
        figure = draw.columns(counts.ages(shown.table, kept, colour), name_of, "", dark=dark, width=counts.AGE_STEP)
        chart(figure, "ages", f"Images by age, coloured by {colour}")
    for place, key in enumerate(("sex", "site", "source", "confirmation", "part")):
        with (left, right)[place % 2]:
            st.subheader(DIMENSION[key].label, anchor=False)
            table = counts.cross(shown.table, kept, key, colour)
            chart(draw.stacked(table, name_of, dark=dark, share=share), f"stack-{key}", f"Images by {key} and {colour}")
    with left:
        st.subheader("Images of one lesion", anchor=False)
        lesions = counts.images_per_lesion(shown.table, kept).to_frame()
        chart(draw.columns(lesions, name_of, "", dark=dark), "lesions", "Lesions by how many images they have")
    with right:
        st.subheader("Missing values", anchor=False)
        missing = counts.missing(shown.table, kept)
        figure = draw.share_bars(missing, "share", "missing", "share of the images", dark=dark)
        chart(figure, "missing", "Missing values")
    mask_figures(shown, kept, dark)


def mask_figures(shown: ShownData, kept: Kept, dark: bool) -> None:
    """Size and place of the lesions, after one pass over the masks."""
    st.header("The lesion in its picture", anchor=False)
    found = find_shapes(shown)
    if found is None:
        return
    st.markdown(plain(shapes.shape_sentence(found, kept)))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("How much of it the lesion fills", anchor=False)
        chart(
            draw.areas(shapes.area_histogram(found, kept), dark=dark), "areas", "Lesions by their share of the picture"
        )
    with right:
        st.subheader("Where its centre lies", anchor=False)
        chart(
            draw.positions(shapes.position_grid(found, kept), dark=dark), "positions", "Where the lesions' centres lie"
        )


def find_shapes(shown: ShownData) -> pd.DataFrame | None:
    """The shapes of the masks, measured now where the set is small or the user asks."""
    found = shared_shapes(str(shown.shapes), changed(shown.shapes))
    if found is not None:
        return found
    if once(shown, "Measure the masks", "explore_measure"):
        tell, done = watch("Measuring masks, once …")
        shapes.measure_shapes(shown.catalogue, shown.shapes, tell)
        done()
        st.rerun()
    return None


def once(shown: ShownData, label: str, key: str, takes: str = data_places.TAKES) -> bool:
    """Whether to do now what takes a while and is kept: at once for small sets, else when the button is pressed."""
    if len(shown.table) <= AT_ONCE:
        return True
    st.caption(plain(takes.format(place=default_cache())))
    return bool(st.button(label, key=key, icon=":material/play_arrow:"))


def data_crossed(_model: Model, shown: ShownData, kept: Kept, dark: bool) -> None:
    """Two dimensions against each other."""
    keys = [dimension.key for dimension in DIMENSIONS]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows, columns = (
            st.selectbox(
                label,
                keys,
                index=index,
                key=f"explore_cross_{label}",
                format_func=lambda key: DIMENSION[key].label,
                width=220,
                persist_state="session",
            )
            for label, index in (("Rows", 0), ("Columns", 5))
        )
        share = st.toggle("As shares of each row", key="explore_cross_share", persist_state="session")
    table = counts.cross(shown.table, kept, rows, columns)
    chart(draw.crossed(table, name_of, dark=dark, share=share), "crossed", f"Images by {rows} and {columns}")
    st.download_button(
        "Table, CSV", table.to_csv(), f"{rows}-by-{columns}.csv", "text/csv", on_click="ignore", key="explore_csv"
    )


def data_pictures(model: Model, shown: ShownData, kept: Kept, _dark: bool) -> None:
    """The gallery of what passes the filter."""
    found = shared_shapes(str(shown.shapes), changed(shown.shapes))
    table = shown.table if found is None else shown.table.join(found)
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        order = sort_by(TABLE_ORDERS if found is None else TABLE_ORDERS + SHAPE_ORDERS, "explore_sort")
        look = choose_look("data")
    rows = arrange(table, np.flatnonzero(kept), order)
    gallery(model, shown, "data", rows, lambda some: tiles.data_tiles(table, some), look)


# Quality


def quality(model: Model, shown: ShownData, chosen: filters.Chosen, dark: bool) -> None:
    """Whether the data set can be trusted, all of it: the filter plays no part but in what is missing."""
    if not filters.is_open(chosen):
        st.caption("About the whole data set; the filter acts on missing values alone.")
    kept = filters.keep(shown.table, chosen)
    splits(shown, dark)
    left, right = st.columns(2, gap="large")
    with left:
        sources(shown, dark)
    with right:
        st.subheader("Missing values", anchor=False)
        missing = counts.missing(shown.table, kept)
        st.markdown(plain(data_quality.missing_sentence(missing, int(kept.sum()))))
        figure = draw.share_bars(missing, "share", "missing", "share of the images", dark=dark)
        chart(figure, "missing", "Missing values")
    files(shown)
    alike(model, shown)


def splits(shown: ShownData, dark: bool) -> None:
    """What the two ways to split leak."""
    st.header("The split", anchor=False)
    try:
        leaks, _ = shared_trust(str(shown.catalogue.folder), shown)
    except DataFault as fault:
        st.info(plain(str(fault)), icon=":material/info:")
        return
    st.markdown(plain(data_quality.leak_sentence(leaks)))
    left, right = st.columns([3, 2], gap="large")
    with left:
        chart(
            draw.leaks(data_quality.leak_shares(leaks), dark=dark),
            "leaks",
            "Test images that leak, by class and split",
        )
    with right:
        st.dataframe(data_quality.part_table(shown.table), hide_index=True, alt="Images of each class in each part")
        st.caption("Images and lesions in each part, split by lesion: the default, and what all figures here use.")


def sources(shown: ShownData, dark: bool) -> None:
    """What the source of a picture gives away."""
    st.subheader("Sources", anchor=False)
    try:
        _, tell = shared_trust(str(shown.catalogue.folder), shown)
    except DataFault:
        return
    st.markdown(plain(data_quality.tell_sentence(tell)))
    figure = draw.share_bars(
        data_quality.source_rates(shown.table), "share", "malignant", "malignant images", dark=dark
    )
    chart(figure, "sources", "Share of malignant images by source")


def files(shown: ShownData) -> None:
    """Images and masks at fault, with the cure."""
    st.header("Files at fault", anchor=False)
    found = data_quality.read_findings(shown.findings)
    if found is None and once(shown, "Check every file", "explore_check"):
        tell, done = watch("Reading every image and mask, once …")
        data_quality.check_files(shown.catalogue, shown.findings, tell)
        done()
        st.rerun()
    if found is None:
        return
    st.markdown(plain(data_quality.findings_sentence(found, len(shown.table))))
    if found:
        st.dataframe(data_quality.findings_table(found), hide_index=True, alt="Findings, each with its cure")


def alike(model: Model, shown: ShownData) -> None:
    """Pictures that count as two lesions and look like one, by their looks and by the model's features."""
    st.header("Near duplicates", anchor=False)
    find = partial(duplicates.find_pairs, shown.catalogue, shown.pairs)
    show_pairs(model, shown, "alike", shown.pairs, find, "look nearly the same", duplicates.HOW, data_places.TAKES)
    st.header("Alike to the model", anchor=False)
    file = embedding_duplicates.likeness_file(shown.catalogue, model, default_cache())
    find = partial(embedding_duplicates.find_likeness, model, shown.catalogue, file)
    show_pairs(
        model,
        shown,
        "likeness",
        file,
        find,
        "are alike to the model",
        embedding_duplicates.HOW,
        data_places.TAKES_LONGER,
    )


def show_pairs(
    model: Model,
    shown: ShownData,
    name: str,
    file: Path,
    find: Callable[..., pd.DataFrame],
    how: str,
    explained: str,
    takes: str,
) -> None:
    """Pairs side by side: those kept in `file`, or what `find` finds once it is asked for."""
    pairs = duplicates.read_pairs(file)
    if pairs is None and once(shown, "Look for pairs", f"explore_{name}", takes):
        tell, done = watch("Looking at every image, once …")
        try:
            find(tell)
        except DataFault as fault:
            done()
            st.info(plain(str(fault)), icon=":material/info:")
            return
        done()
        st.rerun()
    if pairs is None:
        return
    strange = data_quality.alike_pairs(shown.table, pairs)
    st.markdown(plain(data_quality.alike_sentence(pairs, strange, how)))
    st.caption(explained)
    if len(strange):
        rows = np.arange(2 * len(strange))
        gallery(model, shown, name, rows, lambda some: tiles.pair_tiles(shown.table, strange, some), "Picture")


# Results


def results(model: Model, shown: ShownData, chosen: filters.Chosen, dark: bool) -> None:
    """What stands behind a model's figures."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        found = find_results(model, shown)
        if found is None:
            return
        part = pick("Results as", RESULT_PARTS, "explore_results")
    cases = found[1]
    kept = filters.keep(cases, chosen)
    for sentence in predictions.mismatches(found[0], cases, model.sha256):
        st.warning(plain(sentence), icon=":material/link_off:")
    if not kept.any():
        st.info("No measured image passes the filter: take something out of it.", icon=":material/filter_alt_off:")
        return
    shows: dict[str, Callable[..., None]] = {
        "Matrix": matrix,
        "Sources": result_sources,
        "Classes": classes,
        "Curves": curves,
        "Map of features": features,
        "Label errors": labels,
        "Two models": two_models,
    }
    shows[part](model, shown, found[0], cases, kept, dark)


def find_results(model: Model, shown: ShownData) -> tuple[Results, pd.DataFrame] | None:
    """The chosen results joined with the table, or None with what to do."""
    folders = data_places.results_places(model, default_cache(), results_folder(), drawn=shown.drawn)
    if not folders and shown.drawn:
        measure_drawn(model, shown)
        return None
    if not folders:
        st.info(data_places.HOW_TO_MEASURE, icon=":material/analytics:")
        return None
    return choose_results(shown, folders, "Results", "explore_first", 0)


def measure_drawn(model: Model, shown: ShownData) -> None:
    """Offer to measure the loaded weights on the drawn data set."""
    st.info(data_places.MEASURE_DRAWN, icon=":material/analytics:")
    if st.button("Measure now", key="explore_evaluate", icon=":material/play_arrow:"):
        tell, done = watch("Measuring …")
        data_places.measure_drawn(model, shown.catalogue, data_places.results_of_drawn(model, default_cache()), tell)
        done()
        st.rerun()


def choose_results(
    shown: ShownData, folders: Sequence[Path], label: str, key: str, index: int
) -> tuple[Results, pd.DataFrame] | None:
    """One of the folders of results, read; None with a sentence where it cannot be read."""
    names = [str(folder) for folder in folders]
    folder = st.selectbox(
        label,
        names,
        index=min(index, len(names) - 1),
        key=key,
        format_func=lambda name: Path(name).name,
        width=320,
        persist_state="session",
    )
    when = changed(Path(folder) / "metrics.json")
    try:
        found = shared_results(folder, when)
    except DataFault as fault:
        st.error(plain(str(fault)), icon=":material/folder_off:")
        return None
    return found, shared_cases(folder, when, str(shown.catalogue.folder), found, shown.table)


def choose_cell(key: str) -> None:
    """A cell of the matrix was clicked: its gallery from the first page on, and a fresh matrix to click on.

    The same one would report its old selection again, when it is drawn anew, and take the choice back.
    """
    points = st.session_state[key].selection.points
    if points:
        st.session_state.explore_clicks = st.session_state.get("explore_clicks", 0) + 1
        st.session_state.explore_true, st.session_state.explore_predicted = points[0]["customdata"]
        turn("cell", 1)


def matrix(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """The confusion matrix, and the pictures behind the chosen cell."""
    counted = predictions.count(cases, kept)
    start = predictions.gravest_cell(counted)
    st.session_state.setdefault("explore_true", start[0])
    st.session_state.setdefault("explore_predicted", start[1])
    left, right = st.columns([1, 1], gap="medium")
    with left:
        st.markdown(plain(predictions.accuracy_sentence(found, counted)))
        mode = pick("Cells hold", ("Counts", "Rates"), "explore_cells")
        cell = (st.session_state.explore_true, st.session_state.explore_predicted)
        key = f"explore_matrix_{st.session_state.get('explore_clicks', 0)}"
        figure = draw_results.confusion_matrix(counted, rates=mode == "Rates", dark=dark, chosen=cell)
        chart(
            figure,
            key,
            f"Confusion matrix. {draw_results.cell_text(counted, *cell)}",
            on_select=partial(choose_cell, key),
            selection_mode="points",
        )
        with st.container(horizontal=True):
            for label, key in (("The truth is", "explore_true"), ("The model says", "explore_predicted")):
                st.selectbox(
                    label,
                    list(tiles.code_labels()),
                    key=key,
                    format_func=tiles.code_labels().__getitem__,
                    width=290,
                    persist_state="session",
                    on_change=turn,
                    args=("cell", 1),
                )
    with right:
        st.header(plain(predictions.cell_sentence(counted, *cell)), anchor=False)
        cases_gallery(model, shown, cases, predictions.cell(cases, kept, *cell), "cell")


def cases_gallery(model: Model, shown: ShownData, cases: pd.DataFrame, rows: NDArray[np.int64], name: str) -> None:
    """A gallery of results, sorted as asked."""
    if not len(rows):
        st.markdown("No image is here.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        order = sort_by(RESULT_ORDERS, f"explore_sort_{name}")
        look = choose_look(name)
    gallery(model, shown, name, arrange(cases, rows, order), lambda some: tiles.result_tiles(cases, some), look)


def result_sources(
    _model: Model, _shown: ShownData, found: Results, _cases: pd.DataFrame, _kept: Kept, dark: bool
) -> None:
    """Every headline figure by source: where the answer holds."""
    st.markdown(plain(predictions.sources_sentence(found)))
    if not found.by_source:
        return
    table = by_source.sources_table(found.by_source)
    names = [name for name in by_source.FIGURES if table.loc[table["figure"] == name, "value"].notna().any()]
    figure = st.selectbox(
        "Figure", names, key="explore_source_figure", format_func=by_source.FIGURES.__getitem__, width=320,
        persist_state="session",
    )  # fmt: skip
    label = by_source.FIGURES[figure]
    drawn = draw_results.subgroups(table, dark=dark, name=figure, title=label)
    chart(drawn, "sources", predictions.sources_spoken(found, figure))
    st.dataframe(
        predictions.sources_frame(found), hide_index=True, alt="Every figure of each source, with its interval"
    )
    st.caption(predictions.SOURCES)


def classes(_model: Model, _shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """Figures of each class and each subgroup, with intervals."""
    st.markdown(plain(predictions.accuracy_sentence(found, predictions.count(cases, kept))))
    measured = shared_measures(str(found.folder), changed(found.folder / "metrics.json"), kept, found)
    columns = st.columns(2, gap="large")
    for place, (name, label) in enumerate(draw_results.MEASURES.items()):
        with columns[place % 2]:
            chart(draw_results.per_class_bars(measured, name, dark=dark), f"class-{name}", f"{label} of each class")
    st.caption(predictions.INTERVALS)
    st.header("Subgroups", anchor=False)
    names = [name for name in draw_results.FIGURES if (found.subgroups["figure"] == name).any()]
    figure = st.selectbox(
        "Figure", names, key="explore_figure", format_func=draw_results.FIGURES.__getitem__, width=320,
        persist_state="session",
    )  # fmt: skip
    drawn = draw_results.subgroups(found.subgroups, dark=dark, name=figure, overall=predictions.headline(found, figure))
    chart(drawn, "subgroups", f"{figure} of each subgroup")
    st.caption(predictions.SUBGROUPS)


def curves(_model: Model, _shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """ROC and precision–recall curves, and how far probabilities can be believed."""
    when = changed(found.folder / "metrics.json")
    measured = shared_measures(str(found.folder), when, kept, found)
    lines, intervals = shared_curves(str(found.folder), when, kept, found)
    st.markdown(plain(predictions.accuracy_sentence(found, predictions.count(cases, kept))))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("ROC", anchor=False)
        chart(draw_results.roc(lines, dark=dark, metrics=measured), "roc", "ROC curve of each class")
    with right:
        st.subheader("Precision and recall", anchor=False)
        figure = draw_results.precision_recall(lines, dark=dark, intervals=intervals)
        chart(figure, "precision-recall", "Precision–recall curve of each class")
    st.caption(f"{predictions.INTERVALS} {predictions.EXACT}")
    for place, (of, title) in zip(st.columns(2, gap="large"), predictions.RELIABILITY.items(), strict=True):
        with place:
            st.subheader(title, anchor=False)
            chart(draw_results.reliability(predictions.bins(found, kept, of), dark=dark), f"reliability-{of}", title)


def features(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """The map of features; a lassoed region opens as a gallery."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        method = pick("Map by", list(embedding.METHODS), "explore_method")
        colouring = st.selectbox(
            "Coloured by", embedding.COLOURINGS, key="explore_map_colour", width=220, persist_state="session"
        )
    left, right = st.columns([1, 1], gap="medium")
    with left:
        points = embedding.points(found, cases, kept, method)
        figure = draw.feature_map(points, embedding.groups(cases, kept, colouring), name_of, dark=dark)
        event = chart(
            figure, "explore_map", "Map of the model's features", on_select="rerun", selection_mode=("lasso", "box")
        )
        st.caption(embedding.MEANING[method])
    with right:
        rows = embedding.chosen(event["selection"]["points"])
        if not len(rows):
            st.info("Draw around points on the map to see their pictures.", icon=":material/gesture:")
            return
        st.header(f"{len(rows):,} pictures in this region", anchor=False)
        cases_gallery(model, shown, cases, rows, "map")


def labels(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, _dark: bool) -> None:
    """Probable label errors, to be reviewed."""
    if found.about["part"] == "train":
        st.info(label_errors.TRAINED_ON, icon=":material/info:")
        return
    errors = label_errors.label_errors(found.true, found.probabilities)
    errors = errors[kept[errors["row"]]].reset_index(drop=True)
    st.header(label_errors.headline(errors, int(kept.sum())), anchor=False)
    st.markdown(label_errors.METHOD)
    if errors.empty:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        look = choose_look("labels")
        st.download_button(
            "List, CSV",
            label_errors.review_csv(errors, cases["image_id"]),
            "label-errors.csv",
            "text/csv",
            on_click="ignore",
            key="explore_errors",
        )
    rows = np.arange(len(errors))
    gallery(model, shown, "labels", rows, lambda some: tiles.label_tiles(cases, errors.iloc[some]), look)


def two_models(model: Model, shown: ShownData, found: Results, cases: pd.DataFrame, kept: Kept, dark: bool) -> None:
    """Two results side by side, and the images on which they disagree."""
    folders = data_places.results_places(model, default_cache(), results_folder(), drawn=shown.drawn)
    others = [folder for folder in folders if folder != found.folder]
    if not others:
        st.info(model_comparison.NO_OTHER, icon=":material/analytics:")
        return
    chosen = choose_results(shown, others, "Second results", "explore_second", 0)
    if chosen is None:
        return
    other, other_cases = chosen
    try:
        when = (changed(found.folder / "metrics.json"), changed(other.folder / "metrics.json"))
        table, disagreed = shared_comparison((str(found.folder), str(other.folder)), when, found, other)
    except DataFault as fault:
        st.info(plain(str(fault)), icon=":material/difference:")
        return
    disagreed = disagreed[disagreed["image_id"].isin(cases["image_id"][kept])]
    st.markdown(plain(model_comparison.rivals_sentence(disagreed, int(kept.sum()))))
    of_other = other_cases["image_id"].isin(cases["image_id"][kept]).to_numpy()
    for place, name, results, some in zip(
        st.columns(2, gap="medium"), ("First", "Second"), (found, other), ((cases, kept), (other_cases, of_other)),
        strict=True,
    ):  # fmt: skip
        with place:
            st.subheader(plain(f"{name}: {results.name}"), anchor=False)
            figure = draw_results.confusion_matrix(predictions.count(*some), rates=False, dark=dark, side=520)
            chart(figure, f"matrix-{name}", f"Confusion matrix of the {name.lower()}")
    st.dataframe(model_comparison.figures_table(table), hide_index=True, alt="Figures of both, with their difference")
    look = choose_look("rivals")
    rows = np.arange(len(disagreed))
    gallery(
        model, shown, "rivals", rows, lambda some: tiles.disagreement_tiles(shown.table, disagreed.iloc[some]), look
    )


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Explore")
    top.choose()
    shown = find_set()
    dark = st.context.theme.type == "dark"
    view = choose_view(shown)
    chosen = filter_bar(shown)
    if st.session_state.get("explore_opened"):
        opened(model, shown, opened_cases(model, shown))
        return
    with st.container(key="explore_body"):
        {"Data": data, "Quality": quality, "Results": results}[view](model, shown, chosen, dark)


def opened_cases(model: Model, shown: ShownData) -> pd.DataFrame | None:
    """The results that were looked at last, for what they say of the opened image; None where there are none."""
    folders = data_places.results_places(model, default_cache(), results_folder(), drawn=shown.drawn)
    folder = Path(st.session_state.get("explore_first") or (folders[0] if folders else "."))
    when = changed(folder / "metrics.json")
    if not when:
        return None
    try:
        found = shared_results(str(folder), when)
    except DataFault:
        return None
    return shared_cases(str(folder), when, str(shown.catalogue.folder), found, shown.table)


main()
