"""Explore in headless Chromium: a real click on a cell of the matrix fills the gallery, a picture becomes the case."""

import json
import re
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Page, expect
from served import click_cell, cut_off, serve, visit

from derm.diagnoses import DIAGNOSES
from derm.evaluate.dataset import evaluate, write_evaluation

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def results(tiny_model, drawn_catalogue, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_evaluation(evaluate(tiny_model, drawn_catalogue, "validation", replicates=5), folder / "validation")
    return folder


@pytest.fixture(scope="module")
def address(tiny_weights, drawn, results, tmp_path_factory) -> Iterator[str]:
    """Serve the app with the drawn data set and results on it."""
    log = tmp_path_factory.mktemp("served") / "log.txt"
    places = {"DERM_WEIGHTS": str(tiny_weights), "DERM_DATA": str(drawn), "DERM_RESULTS": str(results)}
    with serve(log, **places) as address:
        yield address


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The page, opened by its own address on a server that nobody has visited."""
    with visit(browser, address, "Explore", 1000) as opened:
        expect(opened.get_by_text(re.compile("63 images of"))).to_be_visible()
        yield opened


def test_a_click_on_a_cell_fills_the_gallery_and_a_picture_becomes_the_case(page, results):
    metrics = json.loads((results / "validation" / "metrics.json").read_text())
    matrix = np.array(metrics["confusion_matrix"])
    page.get_by_role("radio", name=re.compile("^Results")).click()
    tiles = page.locator("[class*=st-key-open-cell] button")
    # The two fullest cells, so that each click changes something.
    for clicks, place in enumerate(np.argsort(-matrix.ravel(), kind="stable")[[1, 0]]):
        row, column = divmod(int(place), 7)
        click_cell(page, row, column, clicks)
        said = f"{matrix[row, column]} of {matrix[row].sum()} images of {DIAGNOSES[row].name}"
        expect(page.get_by_role("heading", name=re.compile(re.escape(said)))).to_be_visible()
        expect(tiles).to_have_count(int(min(24, matrix[row, column])))
    spoken = tiles.first.inner_text()
    image_id = re.search(r"DRAWN_\d+", spoken)[0]
    tiles.first.click()
    expect(page.get_by_role("heading", name=image_id)).to_be_visible()
    page.get_by_role("button", name="Back").click()
    expect(tiles.first).to_be_visible()
    tiles.first.click()
    page.get_by_role("button", name="Diagnose this").click()
    expect(page.get_by_alt_text(re.compile(f"^{image_id}, with the outline"))).to_be_visible()
    # And the way back finds the view as it was left.
    page.get_by_role("link", name="Explore").click()
    expect(page.get_by_role("heading", name=image_id)).to_be_visible()


def test_a_lassoed_region_of_the_map_opens_as_a_gallery(page):
    page.get_by_role("radio", name=re.compile("^Results")).click()
    page.get_by_role("radio", name="Map of features").click()
    expect(page.get_by_text("Draw around points")).to_be_visible()
    field = page.locator(".st-key-explore_map .nsewdrag").first
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    corners = [(0.01, 0.01), (0.99, 0.01), (0.99, 0.99), (0.01, 0.99), (0.01, 0.03)]
    for place, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + box["width"] * x, box["y"] + box["height"] * y, steps=5)
        if place == 0:
            page.mouse.down()
    page.mouse.up()
    expect(page.get_by_role("heading", name=re.compile("pictures in this region"))).to_be_visible()
    expect(page.locator("[class*=st-key-open-map] button").first).to_be_visible()


def test_nothing_is_wider_than_the_window(page):
    for width in (1440, 800, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for view in ("Data", "Quality", "Results"):
            page.get_by_role("radio", name=view, exact=True).click()
            expect(page.get_by_role("radio", name=view, exact=True)).to_be_checked()
            if view == "Quality":  # the split's table shows its test column without scrolling
                head = page.get_by_role("columnheader", name="test", exact=True)
                expect(head).to_be_visible()
                box = head.bounding_box()
                assert box["x"] + box["width"] <= width
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_no_word_of_a_chart_is_cut_off_on_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 900})
    page.get_by_role("radio", name="Results", exact=True).click()
    for view, last, word in (("Classes", "class-auc", ".annotation"), ("Curves", "precision-recall", ".legendtext")):
        page.get_by_role("radio", name=view, exact=True).click()
        expect(page.locator(f".st-key-{last} {word}").first).to_be_visible()
        assert cut_off(page) == []


def test_filters_fold_on_a_phone_and_stand_open_on_a_desk(page):
    bar = page.locator(".st-key-explore_filters")
    expect(bar).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})
    expect(bar).to_be_hidden()
    page.locator(".st-key-explore_fold label").click()
    expect(bar).to_be_visible()


def test_the_address_brings_the_view_back_or_says_why_not(page, address):
    page.get_by_role("radio", name="Results", exact=True).click()
    page.get_by_role("radio", name="Referral threshold").click()
    expect(page.get_by_role("heading", name=re.compile("malignant images not referred"))).to_be_visible()
    expect(page).to_have_url(re.compile("view=Results&measured=validation&rule=Referral"))
    page.goto(page.url)
    expect(page.get_by_role("heading", name=re.compile("malignant images not referred"))).to_be_visible()
    page.goto(f"{address}/Explore?view=Nowhere")
    expect(page.get_by_text(re.compile("^This address names view 'Nowhere'"))).to_be_visible()
    expect(page.get_by_text(re.compile("63 images of"))).to_be_visible()


def test_the_filter_bar_stays_while_the_page_scrolls(page):
    bar = page.locator(".st-key-explore_filters")
    page.evaluate("document.querySelector('[data-testid=stMain]').scrollTo(0, 900)")
    expect(bar).to_be_in_viewport()
