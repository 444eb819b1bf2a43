"""Compare: two methods' heat maps of one case side by side, held to account; and every image of a part.

The page only draws; what it says, measures and paints comes from `derm`. Results belong to the visitor's session.
"""

from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from derm.compare import dataset_view, gallery, pictures, words
from derm.compare.explained_case import ExplainedCase, Faithfulness, explain_case, measure_faithfulness
from derm.compare.export import figure_html, rows_csv
from derm.data.catalogue import Catalogue
from derm.diagnoses import INDEX
from derm.errors import DermError
from derm.evaluate.explain_dataset import ExplainResults, find_explained, read_explain_results
from derm.explain.agreement import SWEEP
from derm.explain.methods import METHODS
from derm.figures import bars
from derm.figures.compare import distributions, names_of_codes, randomisation, threshold_curves
from derm.figures.text import plain
from derm.image.overlay import jpeg
from derm.model.weights import Model
from derm.paths import results_folder
from derm.predict.export import file_name
from derm.predict.practice import at_practice
from derm.predict.words import NOTICE
from pages.parts import top, visit

VIEWS = ("This case", "Seven diagnoses", "The whole test part")


def held_maps(model: Model, key: str, names: tuple[str, str], index: int) -> tuple[ExplainedCase, ExplainedCase]:
    """Both methods' maps of the case, drawn once in this visit."""
    kept: dict[tuple[str, str, int], ExplainedCase] = st.session_state.setdefault("held", {})
    for name in names:
        if (key, name, index) not in kept:
            if len(kept) >= 100:
                kept.clear()
            with st.spinner(f"{METHODS[name].label}: {words.COSTS[METHODS[name].cost]} …"):
                kept[key, name, index] = explain_case(model, st.session_state.shown.case, METHODS[name], index)
    return kept[key, names[0], index], kept[key, names[1], index]


def case_view(model: Model) -> None:
    """The open case: choose diagnosis and methods, then pictures, curve and accounts."""
    listed = st.session_state.shown
    names = list(METHODS)
    one, two, three = st.columns([3, 2, 2])
    order = [INDEX[diagnosis.code] for diagnosis, _ in listed.case.ranked]
    index = one.selectbox("Diagnosis", order, format_func=partial(words.choice, listed.case), key=f"class-{listed.key}")
    first = two.selectbox("Method A", names, 0, format_func=words.choices().__getitem__, key="method-a")
    second = three.selectbox("Method B", names, 3, format_func=words.choices().__getitem__, key="method-b")
    pair = held_maps(model, listed.key, (first, second), index)
    show_pair(model, pair)


@st.fragment
def show_pair(model: Model, pair: tuple[ExplainedCase, ExplainedCase]) -> None:
    """Pictures, slider, curve and accounts; the slider redraws only this."""
    case = st.session_state.shown.case
    knows_truth = case.truth is not None
    true = False
    head = st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute")
    threshold = head.slider("Threshold", 0.0, 1.0, 0.3, 0.01, key="threshold", width=420)
    opacity = head.slider("Opacity", 0.0, 1.0, 0.6, 0.05, format="percent", key="heat-opacity", width=180)
    if knows_truth:
        against = head.segmented_control(
            "Held against", ["Model's outline", "True outline"], default="True outline", required=True, key="against"
        )
        true = against == "True outline"
    st.subheader(plain(words.headline(pair, true=true)), anchor=False)
    row = st.columns(3, gap="small")
    with row[0], st.container(key="compare-original"):
        said = words.outlines_caption(case)
        st.image(jpeg(pictures.draw_outlines(case)), caption=plain(said), alt=f"{case.name}: {said}")
    for place, held in enumerate(pair):
        with row[place + 1], st.container(key=f"compare-{place}"):
            drawn = pictures.draw_cut(case, held.evidence, threshold, opacity)
            said = words.captions(held, threshold)
            st.image(jpeg(drawn), caption=plain(f"{'AB'[place]}: {said}"), alt=f"{case.name}, heat map {said}")
    st.html(bars.heat_legend("0: no evidence", "1: the map's own maximum; maps compare by place, not by strength"))
    left, right = st.columns([1, 1], gap="medium")
    dark = st.context.theme.type == "dark"
    rows = words.agreement_rows(pair, threshold, true=true)
    with left:
        if rows:
            curves = threshold_curves(SWEEP, words.curves(pair, true=true), threshold, dark=dark)
            st.plotly_chart(curves, key="curves", alt=words.headline(pair, true=true), config={"displayModeBar": False})
            st.caption(plain(words.agreement_limits(model.description.model)))
        for held in dict.fromkeys(pair):
            st.caption(plain(words.about(held.method)))
    with right:
        if rows:
            st.html(words.rows_html(rows))
        trials = accounts(model, pair)
    with left:
        if trials:
            stages = list(trials[0].randomised)
            lines = words.randomised(pair, trials)
            figure = randomisation(stages, lines, dark=dark)
            st.plotly_chart(figure, key="random", alt=words.RANDOMISED, config={"displayModeBar": False})
            st.markdown(plain(words.painted_sentence(trials[0], pair[0].index)))
            st.caption(plain(words.TRIAL_LIMITS))
    downloads(pair, threshold, true=true)
    st.caption(NOTICE)


def accounts(model: Model, pair: tuple[ExplainedCase, ExplainedCase]) -> list[Faithfulness]:
    """Faithfulness and sanity, made when they are asked for; empty before."""
    kept: dict[tuple[str, str, int], Faithfulness] = st.session_state.setdefault("trials", {})
    listed = st.session_state.shown
    keys = [(listed.key, held.method.name, held.index) for held in pair]
    if not all(key in kept for key in keys):
        st.button(
            "Put both to the test on the model: some seconds",
            icon=":material/experiment:",
            key="try",
            on_click=lambda: st.session_state.update(trying=True),
        )
        if not st.session_state.pop("trying", False):
            st.caption("Faithfulness and sanity ask the model some hundred times.")
            return []
        for key, held in zip(keys, pair, strict=True):
            if key in kept:
                continue
            bar = st.progress(0.0, f"{held.method.label} …")
            kept[key] = measure_faithfulness(model, listed.case, held, partial(show_step, bar, held.method.label))
            bar.empty()
        st.rerun(scope="fragment")
    trials = [kept[key] for key in keys]
    st.html(words.rows_html(words.trial_rows(trials)))
    return trials


def show_step(bar: DeltaGenerator, label: str, done: int, total: int) -> None:
    """Move the bar of a test."""
    bar.progress(done / total, words.step(label, done, total))


def downloads(pair: tuple[ExplainedCase, ExplainedCase], threshold: float, *, true: bool) -> None:
    """Pictures, curve and table to keep."""
    case = st.session_state.shown.case
    kept = st.session_state.get("trials", {})
    trials = [kept.get((st.session_state.shown.key, held.method.name, held.index)) for held in pair]
    rows = [*words.agreement_rows(pair, threshold, true=true), *words.trial_rows(trials)]
    opacity = st.session_state["heat-opacity"]
    curves = words.curves(pair, true=true)
    with st.popover("Download", icon=":material/download:"), st.container(gap="xxsmall"):
        for label, make, name, kind in (
            (
                "Pictures side by side, PNG",
                partial(pictures.row_png, case, pair, threshold, opacity),
                "compare.png",
                "image/png",
            ),
            (
                "IoU over thresholds, HTML",
                partial(figure_html, threshold_curves, SWEEP, curves, threshold),
                "curves.html",
                "text/html",
            ),
            ("Table, CSV", partial(rows_csv, rows), "compare.csv", "text/csv"),
        ):
            st.download_button(
                label, make, file_name(case, name), kind, on_click="ignore", type="tertiary", key=f"get-{name}"
            )


def seven(model: Model, catalogue: Catalogue | None) -> None:
    """The paper's Figure 10: an image of each diagnosis above its heat map."""
    chosen = st.selectbox(
        "Method", list(METHODS), format_func=words.choices().__getitem__, key="method-seven", width=320
    )
    try:
        cases = gallery_cases(model, catalogue)
    except DermError as fault:
        st.error(plain(str(fault)), icon=":material/broken_image:")
        return
    st.caption(plain(gallery.said(cases)))
    columns = st.columns(len(cases), gap="small")
    for column, shown in zip(columns, cases, strict=True):
        held = gallery_map(model, shown, chosen)
        with column:
            named, said = gallery.name_of(shown), gallery.words_of(shown, held)
            st.image(jpeg(pictures.draw_outlines(shown.case, 300)), caption=plain(named), alt=f"{named}, outlined")
            st.image(
                jpeg(pictures.draw_cut(shown.case, held.evidence, 0.0, 0.6, 300)),
                caption=plain(said),
                alt=f"{named}, heat map: {said}",
            )
            st.button(
                "Open",
                key=f"open-{shown.diagnosis.code}",
                on_click=open_case,
                args=(shown,),
                type="tertiary",
                icon=":material/open_in_full:",
            )
    st.caption(
        plain(f"{names_of_codes()}. Under each picture the probability that the model gives its true diagnosis.")
    )
    st.html(bars.heat_legend("0: no evidence", "1: each map's own maximum"))
    st.caption(plain(words.agreement_limits(model.description.model)))


def open_case(shown: gallery.GalleryCase) -> None:
    """A picture of the gallery becomes the case that follows."""
    visit.keep(shown.case, drawn=shown.drawn)
    st.session_state.compare_view = VIEWS[0]


def gallery_cases(model: Model, catalogue: Catalogue | None) -> list[gallery.GalleryCase]:
    """The seven cases, asked once in this visit."""
    if "seven" not in st.session_state:
        with st.spinner("Seven pictures: some seconds …"):
            st.session_state.seven = gallery.seven(model, catalogue, results_folder())
    shown: list[gallery.GalleryCase] = st.session_state.seven
    return [one._replace(case=at_practice(one.case, visit.practice())) for one in shown]


def gallery_map(model: Model, shown: gallery.GalleryCase, name: str) -> ExplainedCase:
    """The map of a gallery's case, drawn once in this visit."""
    kept: dict[tuple[str, str], ExplainedCase] = st.session_state.setdefault("seven-maps", {})
    if (shown.diagnosis.code, name) not in kept:
        kept[shown.diagnosis.code, name] = explain_case(model, shown.case, METHODS[name], INDEX[shown.diagnosis.code])
    return kept[shown.diagnosis.code, name]


@st.cache_resource(show_spinner="Reading the explanations …", max_entries=2)
def shared_explained(folder: str, _changed: float) -> ExplainResults:
    """What `derm explain` wrote, read once for all sessions until it changes; it holds figures, no pictures."""
    return read_explain_results(Path(folder))


def whole_part(model: Model) -> None:
    """Every image of a part: one point each, and what they come to."""
    folders = find_explained(results_folder())
    if not folders:
        st.info(dataset_view.INVITATION, icon=":material/terminal:")
        return
    folder = (
        st.selectbox("Results", folders, format_func=lambda place: place.name, width=420)
        if len(folders) > 1
        else folders[0]
    )
    try:
        explained = shared_explained(str(folder), (folder / "about.json").stat().st_mtime)
        explained.check_weights(model.sha256)
    except DermError as fault:
        st.error(plain(str(fault)), icon=":material/rule:")
        return
    st.caption(plain(dataset_view.provenance(explained)))
    row = st.columns(4)
    method = row[0].selectbox(
        "Method", list(dataset_view.methods_of(explained)), format_func=dataset_view.methods_of(explained).__getitem__
    )
    measure = row[1].selectbox("Measure", list(dataset_view.MEASURES), format_func=dataset_view.MEASURES.__getitem__)
    outline = row[2].selectbox("Against", list(dataset_view.OUTLINES), format_func=dataset_view.OUTLINES.__getitem__)
    diagnosis = row[3].selectbox(
        "Diagnosis in the table", list(dataset_view.diagnoses()), format_func=dataset_view.diagnoses().__getitem__
    )
    dark = st.context.theme.type == "dark"
    images = dataset_view.points(explained, method, outline, measure)
    figure = distributions(
        images, dataset_view.MEASURES[measure], dataset_view.references_of(explained, outline, measure), dark=dark
    )
    told = dataset_view.right_or_wrong(explained, method, outline, measure)
    st.plotly_chart(
        figure, key="points", on_select=partial(open_point, model), selection_mode="points", alt=told,
        config={"displayModeBar": False},
    )  # fmt: skip
    if lost := st.session_state.get("lost_point"):
        st.info(dataset_view.no_data(lost), icon=":material/folder_off:")
    st.caption(plain(f"{names_of_codes()}. A click on a point opens that image."))
    st.markdown(plain(told))
    table = dataset_view.shown(dataset_view.summary_table(explained, outline, measure, diagnosis))
    st.dataframe(table, hide_index=True, alt="Every method's agreement, with intervals")
    content = partial(dataset_view.points_csv, images)
    st.download_button(
        "Table, CSV", content, f"{method}-{measure}.csv", "text/csv", on_click="ignore",
        type="tertiary", icon=":material/download:",
    )  # fmt: skip
    st.caption(plain(f"{words.agreement_limits(model.description.model)} {dataset_view.SKILL}"))


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


def main() -> None:
    """The page, from top to bottom."""
    model = top.open_page("Compare")
    catalogue = top.known_data()
    top.take_in(model, catalogue)
    top.choose(alone=False)
    st.session_state.setdefault("compare_view", VIEWS[0])
    view = st.segmented_control(
        "View", VIEWS, key="compare_view", required=True, label_visibility="collapsed", persist_state="session"
    )
    if view == VIEWS[1]:
        seven(model, catalogue)
    elif view == VIEWS[2]:
        whole_part(model)
    else:
        case_view(model)


main()
