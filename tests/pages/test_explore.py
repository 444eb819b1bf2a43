"""The page Explore without a browser: its three views on drawn data, a cell, an opened image, what may be missing."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest
from unsaid import texts as read_of
from unsaid import unsaid

from derm.data.synthetic.standin import IMAGES, draw_once
from derm.evaluate import by_source
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.explore import data_places, predictions
from derm.explore.address import VIEWS
from derm.language.speech import BRACKETED
from derm.predict import case_list, words
from derm.predict.case import diagnose
from pages.explore import gallery
from pages.explore.results import folders
from pages.parts import language

pytestmark = pytest.mark.slow

APP = Path(__file__).parents[2] / "streamlit_app.py"
PAGE = "pages/2_Explore.py"


@pytest.fixture(scope="module")
def measured(tiny_model, drawn_catalogue, tmp_path_factory) -> Path:
    """A folder with results of the tiny weights on both parts."""
    folder = tmp_path_factory.mktemp("results")
    for part in ("validation", "test"):
        write_evaluation(evaluate(tiny_model, drawn_catalogue, part, replicates=5), folder / part)
    return folder


@pytest.fixture(scope="module", autouse=True)
def caches() -> Iterator[None]:
    """What the visits of this file share, as those of one server do."""
    st.cache_resource.clear()
    st.cache_data.clear()
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def visit(tiny_weights, drawn, measured, monkeypatch):
    """A function that opens the page as a new visitor; settings: environment variables, None takes one away."""

    def opened(**settings: str | None) -> AppTest:
        given = {"DERM_WEIGHTS": str(tiny_weights), "DERM_DATA": str(drawn), "DERM_RESULTS": str(measured)}
        for name, value in {**given, **settings}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return AppTest.from_file(APP, default_timeout=120).switch_page(PAGE).run()

    return opened


def choose(page: AppTest, key: str, value: str) -> AppTest:
    next(group for group in page.get("button_group") if group.key == key).set_value(value).run()
    assert not page.exception
    return page


def texts(page: AppTest) -> str:
    kinds = (page.markdown, page.caption, page.header, page.subheader, page.info, page.warning)
    return " ".join(element.value for kind in kinds for element in kind).replace("\\", "")


def charts(page: AppTest) -> int:
    return len(page.get("plotly_chart"))


def tiles(page: AppTest) -> list:
    return [button for button in page.button if (button.key or "").startswith("open-")]


def test_the_data_set_is_shown_and_filtered(visit):
    page = visit()
    assert not page.exception
    assert "63 images of" in texts(page)
    assert "lesions fill" in texts(page)  # small sets are measured at once
    assert charts(page) == 11
    page.multiselect(key="explore_filter_diagnosis").set_value(["mel"]).run()
    assert not page.exception
    assert "out of 63 images: melanoma." in texts(page)
    page.multiselect(key="explore_filter_source").set_value(["derm_synthetic"]).run()
    page.multiselect(key="explore_filter_part").set_value(["test"]).run()
    assert "melanoma; derm synthetic; test." in texts(page)


OWN = r"DRAWN_(?:L_)?\d+|/\S+|tiny \w+|derm synthetic|CC BY-NC 4.0|\bdrawn\b|^validation$|^test$"
"""Names of the data set, its pictures, weights and folders of results."""


@pytest.mark.parametrize("view", VIEWS[:3])
def test_every_text_of_a_view_comes_from_a_catalogue(visit, monkeypatch, view):
    monkeypatch.setattr(language, "language_of_visit", lambda: BRACKETED)
    page = choose(visit(), "explore_view", view)
    elements = [one for one in page if one.type != "plotly_chart"]  # test_written.py reads figures
    shown = [text.replace("\\", "") for one in elements for text in read_of(getattr(one, "proto", None))]
    names = [name for text in shown for name in re.findall(OWN, text)]
    assert len(shown) > 40
    assert {text[:200]: words for text in shown if (words := unsaid(text, names))} == {}


def test_the_filter_stays_on_every_view(visit):
    page = visit()
    page.multiselect(key="explore_filter_sex").set_value(["female"]).run()
    choose(page, "explore_view", "Results")
    assert "filtered" in texts(page)
    assert page.multiselect(key="explore_filter_sex").value == ["female"]
    choose(page, "explore_view", "Data")
    assert "female." in texts(page)


def test_nothing_left_is_said_and_no_chart_is_drawn(visit):
    page = visit()
    page.multiselect(key="explore_filter_part").set_value(["test"]).run()
    choose(page, "explore_view", "Results")
    assert "No measured image passes the filter" in texts(page)
    assert charts(page) == 0


def test_two_dimensions_are_crossed(visit):
    page = choose(visit(), "explore_data", "Crossed")
    assert charts(page) == 1
    page.selectbox(key="explore_cross_Rows").set_value("site").run()
    page.toggle(key="explore_cross_share").set_value(True).run()
    assert not page.exception
    assert charts(page) == 1


def test_pictures_come_in_pages_and_open_large(visit):
    page = choose(visit(), "explore_data", "Pictures")
    assert len(tiles(page)) == 24
    page.button(key="Next-data").click().run()
    page.button(key="Next-data").click().run()
    assert "49 – 63 of 63 images" in texts(page)
    assert len(tiles(page)) == 15
    choose(page, "explore_look_data", "Heat map")
    page.button(key="open-data-0").click().run()
    assert not page.exception
    image_id = page.session_state.explore_opened
    assert image_id in texts(page)
    assert "Research use only" in texts(page)
    page.button(key="explore_back").click().run()
    assert "49 – 63 of 63 images" in texts(page)  # back to where one was


def test_a_picture_that_is_replaced_has_a_new_thumbnail(visit, drawn, tmp_path, monkeypatch):
    folder, made = shutil.copytree(drawn, tmp_path / "data"), []
    small_picture = gallery.small_picture

    def noted(_model, _catalogue, row, *rest):
        made.append(row)
        return small_picture(_model, _catalogue, row, *rest)

    monkeypatch.setattr(gallery, "small_picture", noted)
    page = choose(visit(DERM_DATA=str(folder)), "explore_data", "Pictures")
    first = list(made)
    page.run()
    assert made == first
    for path in folder.rglob("*.jpg"):
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(path)
    page.run()
    assert len(first) > 1
    assert made == [*first, *first]


def test_another_picture_of_the_lesion_opens_too(visit):
    page = choose(visit(), "explore_data", "Pictures")
    page.multiselect(key="explore_filter_several").set_value(["several images"]).run()
    page.button(key="open-data-0").click().run()
    first = page.session_state.explore_opened
    assert "Other images of this lesion" in texts(page)
    page.button(key="open-sisters-0").click().run()
    assert page.session_state.explore_opened != first
    assert not page.exception


def test_an_opened_image_becomes_the_case_that_follows(visit):
    page = choose(visit(), "explore_data", "Pictures")
    page.button(key="open-data-3").click().run()
    image_id = page.session_state.explore_opened
    page.button(key="explore_diagnose").click().run()
    assert not page.exception
    assert page.session_state.shown.case.name == image_id
    assert page.session_state.shown.case.truth is not None


def test_an_opened_image_says_what_the_case_at_hand_says(visit):
    page = choose(visit(), "explore_data", "Pictures")
    page.button(key="open-data-3").click().run()
    for share in (None, 0.01):
        page.session_state.practice = share
        page.run()
        case = page.session_state.shown.case
        assert f"**{words.headline(case)}** {words.second_line(case)}" in texts(page)


def test_an_opened_image_is_answered_over_as_many_views_as_are_asked_for(visit):
    page = visit()
    page.session_state.views = 8
    page = choose(page, "explore_data", "Pictures")
    page.button(key="open-data-3").click().run()
    case = page.session_state.shown.case
    assert case.views == 8
    assert f"**{words.headline(case)}** {words.second_line(case)}" in texts(page)
    assert words.views_note(case) in texts(page)
    assert not page.exception


def test_quality_says_whether_it_can_be_trusted(visit):
    page = choose(visit(), "explore_view", "Quality")
    said = texts(page)
    assert "Split by lesion, as here, 0 of" in said
    assert "All pictures are of one source: it gives nothing away." in said
    assert "Every image and mask of 63 can be read" in said
    assert "look nearly the same" in said
    page.multiselect(key="explore_filter_sex").set_value(["female"]).run()
    assert "About the whole data set" in texts(page)


def test_the_matrix_fills_the_gallery(visit):
    page = choose(visit(), "explore_view", "Results")
    assert page.selectbox(key="explore_first").value == "validation"
    for code in ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"):
        page.selectbox(key="explore_true").set_value("nv").run()
        page.selectbox(key="explore_predicted").set_value(code).run()
        assert not page.exception
        (counted,) = (re.match(r"(\d+) of (\d+) images of melanocytic nevus", one.value.replace("\\", "")) for one in
                      page.header)  # fmt: skip
        assert len(tiles(page)) == min(24, int(counted[1]))
    choose(page, "explore_cells", "Rates")


@pytest.mark.parametrize(
    ("part", "drawn_charts"),
    [("Sources", 0), ("Classes", 6), ("Curves", 4), ("Map of features", 1), ("Label errors", 0), ("Two models", 0)],
)
def test_every_way_to_see_results_is_drawn(visit, part, drawn_charts):
    page = choose(choose(visit(), "explore_view", "Results"), "explore_results", part)
    assert charts(page) == drawn_charts
    if part == "Two models":  # of two parts, which cannot be compared
        assert "are not of the same images, so they cannot be compared" in texts(page)
    if part == "Label errors":
        assert "labels to review" in texts(page)
    if part == "Sources":  # drawn pictures are of none
        assert "No source has the 20 lesions that figures of its own need." in texts(page)


def test_figures_by_source_are_offered_where_a_source_has_them(visit, measured, tmp_path):
    shutil.copytree(measured / "validation", tmp_path / "sources")
    figures = {name: {"value": None, "interval": None} for name in by_source.FIGURES}
    figures["dice"] = {"value": 0.5, "interval": [0.4, 0.6]}
    figures["sensitivity"] = {"value": 0.75, "interval": None}
    metrics = tmp_path / "sources" / "metrics.json"
    own = {"within": None, "images": 8, "lesions": 8, "malignant": 4, "figures": figures}
    metrics.write_text(json.dumps(json.loads(metrics.read_text()) | {"by_source": {"here": own, "there": own}}))
    page = choose(choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results"), "explore_results", "Sources")
    assert page.selectbox(key="explore_source_figure").options == ["Malignant found", "Dice"]
    assert charts(page) == 1
    assert "Figures of 2 sources: here, there." in texts(page)


def test_labels_that_the_weights_learned_from_are_not_judged(visit, measured, tmp_path):
    shutil.copytree(measured / "validation", tmp_path / "known")
    metrics = json.loads((tmp_path / "known" / "metrics.json").read_text())
    metrics["measured_on"]["known_images"] = 3
    (tmp_path / "known" / "metrics.json").write_text(json.dumps(metrics))
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    page = choose(page, "explore_results", "Label errors")
    assert "The model knows images of these results, whose labels it has learned by heart" in texts(page)
    assert "labels to review" not in texts(page)
    assert "It learned from none of them" not in texts(page)


def test_two_sets_of_weights_side_by_side(visit, tiny_model, drawn_catalogue, measured, tmp_path):
    for name in ("one", "two"):
        write_evaluation(evaluate(tiny_model, drawn_catalogue, "validation", replicates=2), tmp_path / name)
    page = choose(choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results"), "explore_results", "Two models")
    assert "The two disagree on 0 of" in texts(page)
    assert charts(page) == 2
    assert "These figures are over the whole part: the filter plays no part in them." in texts(page)


def test_results_that_are_replaced_when_they_have_been_read_share_no_figure_with_the_next(
    visit, tiny_model, drawn_catalogue, tmp_path, monkeypatch
):
    place, seen = tmp_path / "one", []
    first, second = (evaluate(tiny_model, drawn_catalogue, "validation", replicates=2, views=views) for views in (1, 8))
    write_evaluation(second, place)
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    write_evaluation(first, place)
    read, measures = folders.read_results, predictions.measures

    def read_then_replace(folder):
        found = read(folder)
        if found.about["views"] == 1:
            write_evaluation(second, folder)
        return found

    def measured(found, kept):
        seen.append(found.about["views"])
        return measures(found, kept)

    monkeypatch.setattr(folders, "read_results", read_then_replace)
    monkeypatch.setattr(predictions, "measures", measured)
    choose(page, "explore_results", "Classes").run()
    assert not page.exception
    assert seen == [1, 8]


def test_without_results_it_says_how_to_make_them(visit, tmp_path):
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert "Make them with `derm evaluate" in texts(page)


def test_broken_results_are_one_sentence(visit, tmp_path):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "metrics.json").write_text("{}")
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert "holds no results" in page.error[0].value


def test_results_of_other_weights_are_told(visit, measured, drawn_catalogue, tmp_path):
    (tmp_path / "other").mkdir()
    for path in (measured / "validation").glob("*.*"):
        text = re.sub(r'("sha256": ")[0-9a-f]{8}', r"\g<1>00000000", path.read_text())
        (tmp_path / "other" / path.name).write_text(text)
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert "These are results of other weights (tiny 00000000)" in page.error[0].value.replace("\\", "")
    assert charts(page) == 0


def test_a_folder_without_data_says_how_to_get_it(visit, tmp_path):
    page = visit(DERM_DATA=str(tmp_path / "none"))
    assert not page.exception
    assert "is not a folder" in page.error[0].value.replace("\\", "")
    assert "HAM10000_images_part_1" in texts(page)


def test_without_a_data_set_a_drawn_one_is_shown_and_can_be_measured(visit, monkeypatch, tmp_path):
    monkeypatch.setenv("DERM_CACHE", str(tmp_path))
    draw_once(tmp_path, images=42)  # fewer than the page would draw, to be quick
    page = visit(DERM_DATA=None)
    assert not page.exception
    assert page.expander[0].label == data_places.DRAWN.format(images=IMAGES)
    assert "42 images of" in texts(page)
    choose(page, "explore_view", "Results")
    page.button(key="explore_evaluate").click().run()
    assert not page.exception
    assert "diagnosed right" in texts(page)


def test_an_opened_picture_is_the_case_at_hand_and_is_diagnosed_once(visit, monkeypatch):
    asked = []
    page = choose(visit(), "explore_data", "Pictures")
    monkeypatch.setattr(
        case_list, "diagnose", lambda *given, **more: asked.append(given[2]) or diagnose(*given, **more)
    )
    tiles(page)[1].click().run()
    assert not page.exception
    image_id = page.session_state.explore_opened
    assert page.session_state.shown.case.name == image_id
    assert page.session_state.cases[0].case.name == image_id
    page.button(key="explore_diagnose").click().run()
    assert [listed.case.name for listed in page.session_state.cases] == [image_id]
    assert page.session_state.shown.case.name == image_id
    assert asked == [image_id]


def test_a_view_has_an_address_that_brings_it_back(visit):
    page = choose(visit(), "explore_view", "Results")
    page.multiselect(key="explore_filter_sex").set_value(["female"]).run()
    choose(page, "explore_rule", "Referral threshold")
    page.select_slider(key="explore_threshold").set_value(0.2).run()
    address = dict(page.query_params)
    assert address["view"] in ("Results", ["Results"])
    assert address["threshold"] in ("0.2", ["0.2"])
    again = visit()
    for name, values in address.items():
        again.query_params[name] = values
    again.run()
    assert not again.exception
    assert again.multiselect(key="explore_filter_sex").value == ["female"]
    assert again.select_slider(key="explore_threshold").value == 0.2
    assert texts(again) == texts(page)


@pytest.mark.parametrize("asked", [{"picture": "<b>none</b>"}, {"view": "Results", "measured": "../x"}, {"a": "b"}])
def test_an_address_that_cannot_be_followed_is_one_sentence_and_the_view_to_begin_with(visit, asked):
    page = visit()
    for name, value in asked.items():
        page.query_params[name] = value
    page.run()
    assert not page.exception
    assert "the view to begin with is shown instead" in page.info[0].value
    assert "63 images of" in texts(page)
    page.run()  # said once
    assert "the view to begin with" not in texts(page)


def test_a_threshold_slides_over_the_matrix(visit):
    page = choose(choose(visit(), "explore_view", "Results"), "explore_rule", "Referral threshold")
    counts = []
    for threshold in (0.0, 0.5, 1.0):
        page.select_slider(key="explore_threshold").set_value(threshold).run()
        assert not page.exception
        counts.append(
            [int(one) for one in re.findall(r"(\d+) of \d+ (?:malignant and|benign images are)", texts(page))]
        )
    malignant, benign = zip(*counts, strict=True)
    assert list(malignant) == sorted(malignant, reverse=True)
    assert list(benign) == sorted(benign, reverse=True)
    assert (malignant[2], benign[2]) == (0, 0)
    assert "malignant images not referred" in page.header[0].value
    assert len(tiles(page)) == malignant[0]
    assert texts(page).count("Malignant missed") >= malignant[0]


def test_without_a_mix_the_second_rule_says_so(visit):
    page = choose(choose(visit(), "explore_view", "Results"), "explore_rule", "Equal mix")
    assert "for which mix of diagnoses" in texts(page)
    assert "diagnosed right" not in texts(page)


def test_wrong_answers_are_marked_by_kind_in_each_gallery(visit, measured):
    page = choose(visit(), "explore_view", "Results")
    table = pd.read_csv(measured / "validation" / "predictions.csv")
    kind = table[["dx_true", "dx_pred"]].isin(["mel", "bcc", "akiec"])
    missed = table[kind["dx_true"] & ~kind["dx_pred"]]
    alarms = table[~kind["dx_true"] & kind["dx_pred"]]
    for wrong, word in ((missed, "malignant missed"), (alarms, "false alarm")):
        for case in wrong.head(1).to_dict("records"):
            page.selectbox(key="explore_true").set_value(case["dx_true"]).run()
            page.selectbox(key="explore_predicted").set_value(case["dx_pred"]).run()
            assert all(one.label.endswith(word) for one in tiles(page))
    assert len(missed) + len(alarms) > 0
    page = choose(choose(page, "explore_view", "Data"), "explore_data", "Pictures")
    page.multiselect(key="explore_filter_part").set_value(["validation"]).run()
    marked = [one.label for one in tiles(page) if one.label.endswith(("missed", "alarm"))]
    assert len(marked) == len(missed) + len(alarms)


def give(page: AppTest, name: str, content: str) -> AppTest:
    """Choose a file of the menu of selections."""
    uploader = next(one for one in page.get("file_uploader") if (one.key or "").startswith("explore_import"))
    return uploader.upload(name, content.encode(), "text/csv").run()


def test_a_selection_is_imported_and_opened_and_a_bad_file_is_one_sentence(visit, drawn_catalogue, tmp_path):
    page = visit(DERM_RESULTS=str(tmp_path))
    rows = drawn_catalogue.table["image_id"].iloc[:3]
    page = give(page, "from a colleague.csv", "image_id\n" + "\n".join(rows))
    assert not page.exception
    assert page.session_state["explore_selection"] == "from a colleague"
    assert "3 images of" in texts(page)
    assert "from a colleague" in page.success[0].value
    page.run()
    assert not page.success  # said once
    page = give(page, "nothing.csv", "name\na")
    assert not page.exception
    assert "image_id" in page.error[0].value.replace("\\", "")
    assert page.session_state["explore_selection"] == "from a colleague"
    assert [one.name for one in (tmp_path / "selections").iterdir()] == ["from a colleague.csv"]


def test_a_selection_is_saved_opened_exported_and_deleted(visit, measured, tmp_path):
    shutil.copytree(measured, tmp_path / "results")
    page = visit(DERM_RESULTS=str(tmp_path / "results"))
    page.multiselect(key="explore_filter_diagnosis").set_value(["mel"]).run()
    count = int(re.search(r"(\d+) images of", texts(page))[1])
    page.text_input(key="explore_name-data-0").set_value("my moles")
    next(one for one in page.button if one.label.startswith("Save ")).click().run()
    assert not page.exception
    assert f"Saved as 'my moles', {count} images" in page.success[0].value.replace("\\", "")
    page.multiselect(key="explore_filter_diagnosis").set_value([]).run()
    assert "63 images of" in texts(page)
    page.selectbox(key="explore_selection").set_value("my moles").run()
    assert f"{count} images of" in texts(page)
    assert "selection 'my moles'" in texts(page)
    assert page.query_params["selection"] in ("my moles", ["my moles"])
    exported = pd.read_csv(tmp_path / "results" / "selections" / "my moles.csv")
    assert set(exported["dx"]) == {"mel"}
    folder = tmp_path / "results" / "selections"
    shutil.copy(folder / "my moles.csv", folder / "later.csv")
    page.run()
    # Another choice and the click reach the server together: what the menu names now is deleted.
    page.selectbox(key="explore_selection").set_value("later")
    page.button(key="explore_delete").click().run()
    assert not page.exception
    assert [file.name for file in folder.iterdir()] == ["my moles.csv"]
    assert "63 images of" in texts(page)


def test_a_selection_that_another_visitor_deleted_is_said_to_be_gone(visit, drawn_catalogue, tmp_path):
    page = visit(DERM_RESULTS=str(tmp_path))
    page = give(page, "five.csv", "image_id\n" + "\n".join(drawn_catalogue.table["image_id"].iloc[:5]))
    (tmp_path / "selections" / "five.csv").unlink()
    page = choose(page, "explore_data", "Pictures")
    assert "There is no selection 'five' any more: all images are shown." in texts(page)
    assert "63 images of" in texts(page)
    page.run()
    assert "any more" not in texts(page)  # said once


def test_results_that_go_away_below_an_open_page_are_said_to_be_gone(visit, measured, tmp_path):
    for name in ("one", "two", "three"):
        shutil.copytree(measured / "validation", tmp_path / name)
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    page.selectbox(key="explore_first").set_value("three").run()
    choose(page, "explore_results", "Two models")
    page.selectbox(key="explore_second").set_value("two").run()
    shutil.rmtree(tmp_path / "two")
    page.run()
    assert "The results 'two' are no longer there: 'one' is shown instead." in texts(page)
    shutil.rmtree(tmp_path / "three")
    choose(page, "explore_results", "Classes")
    assert "The results 'three' are no longer there: 'one' is shown instead." in texts(page)
    page.run()
    assert "no longer there" not in texts(page)
    shutil.rmtree(tmp_path / "one")
    choose(page, "explore_view", "Data")
    assert "The results 'one' are no longer there." in texts(page)


def test_results_whose_name_is_no_text_are_named_and_the_others_stay(visit, measured, tmp_path):
    shutil.copytree(measured / "validation", tmp_path / "good")
    shutil.copytree(measured / "validation", os.fsdecode(os.fsencode(tmp_path) + b"/r\xff"))
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert page.selectbox(key="explore_first").options == ["good"]
    assert "no text in UTF-8: rudcff. Give it another name." in texts(page)


def test_results_of_another_data_set_are_refused_everywhere(visit, measured, tmp_path):
    shutil.copytree(measured / "validation", tmp_path / "strange")
    for table in (tmp_path / "strange").glob("*.csv"):
        table.write_text(table.read_text().replace("DRAWN_", "ISIC_"))
    metrics = json.loads((tmp_path / "strange" / "metrics.json").read_text())
    del metrics["files"]  # the hashes of the tables
    (tmp_path / "strange" / "metrics.json").write_text(json.dumps(metrics))
    page = choose(visit(DERM_RESULTS=str(tmp_path)), "explore_view", "Results")
    assert not page.exception
    assert "are not in this data set" in page.error[0].value.replace("\\", "")
    assert "derm evaluate" in page.error[0].value
    assert charts(page) == 0
    page = choose(choose(page, "explore_view", "Data"), "explore_data", "Pictures")
    tiles(page)[0].click().run()
    assert "The results say" not in texts(page)


def test_an_address_with_a_picture_opens_it_as_the_case_at_hand(visit):
    page = visit()
    page.query_params["picture"] = "DRAWN_0000002"
    page.run()
    assert not page.exception
    assert page.session_state.shown.case.name == "DRAWN_0000002"
    assert any(header.value.replace("\\", "") == "DRAWN_0000002" for header in page.header)


def test_an_address_that_was_under_way_undoes_nothing_and_a_later_one_is_followed(visit, monkeypatch):
    page = choose(visit(), "explore_view", "Quality")
    before = {name: page.query_params[name] for name in page.query_params}
    page = choose(page, "explore_view", "Results")
    assert page.query_params["view"] in ("Results", ["Results"])
    put(page, before)
    page.run()
    assert page.session_state.explore_view == "Results"
    monkeypatch.setattr("pages.explore.address.GRACE", 0.0)
    put(page, before)
    page.run()
    assert page.session_state.explore_view == "Quality"


def put(page, address) -> None:
    page.query_params.clear()
    for name, value in address.items():
        page.query_params[name] = value
