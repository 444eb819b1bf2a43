"""The app as a visitor meets it: in headless Chromium, with random weights and drawn pictures."""

import csv
import itertools
import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, Route, expect
from served import PATIENCE, open_row, rest, serve, visit
from small_nets import SMALL

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, save_weights
from derm.serve.words import UPLOAD_REFUSALS

pytestmark = pytest.mark.browser

MIX = tuple(0.4 if code == "nv" else 0.1 for code in CODES)


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """Serve the app with small random weights on a free port of this machine."""
    folder = tmp_path_factory.mktemp("served")
    torch.manual_seed(3)
    config = SMALL
    net = LesionNet(config)
    with torch.no_grad():
        net.mask_head.bias.fill_(5.0)  # all of the picture is lesion, so that there is an outline to measure
    # A mix, so that the probabilities can be carried to the share of somebody's patients.
    save_weights(folder / "tiny.json", net, WeightsInfo(config, mix=MIX))
    with serve(folder / "log.txt", DERM_WEIGHTS=str(folder / "tiny.json")) as address:
        yield address


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The app, opened by a new visitor, who sees the analysed sample."""
    with visit(browser, address) as opened:
        expect(opened.get_by_alt_text(re.compile("^Drawn melanoma, with the outline"))).to_be_visible()
        yield opened


def drawn_png() -> bytes:
    stream = BytesIO()
    Image.fromarray(draw_lesion("bcc", 5, height=150, width=200).image).save(stream, format="PNG")
    return stream.getvalue()


def plain_png(colour: tuple[int, int, int]) -> bytes:
    stream = BytesIO()
    Image.new("RGB", (80, 60), colour).save(stream, format="PNG")
    return stream.getvalue()


def give(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": content})


def test_a_picture_is_uploaded_and_looked_at(page):
    give(page, "mine.png", drawn_png())
    expect(page.get_by_alt_text(re.compile("^mine.png, with the outline"))).to_be_visible()
    expect(page.get_by_text("mine.png, 200 × 150 pixels")).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_contain_text("%")
    diagnoses = page.locator(".st-key-bars").get_by_role("radio")
    expect(diagnoses).to_have_count(7)

    page.get_by_role("button", name="Heat map").click()
    expect(page.get_by_alt_text(re.compile("heat map of the evidence for"))).to_be_visible()
    page.locator(".st-key-bars").get_by_text("Dermatofibroma").click()
    expect(page.get_by_alt_text(re.compile("heat map of the evidence for dermatofibroma"))).to_be_visible()
    page.get_by_role("button", name="Class mask").click()
    expect(page.get_by_alt_text(re.compile("marked that speaks for dermatofibroma"))).to_be_visible()
    expect(page.get_by_text("Research use only, not a medical device.", exact=True)).to_be_visible()


def test_an_outline_is_corrected_by_keys_alone_and_both_are_kept(page):
    correct, use = (page.get_by_role("button", name=name) for name in ("Correct outline", "Use this outline"))
    correct.click()
    expect(use).to_be_disabled()
    picture = page.get_by_role("application", name=re.compile("^Outline. N and P go from point to point"))
    points = page.locator(".frame circle.handle")
    before = points.count()
    picture.press("n")
    expect(page.get_by_role("status").filter(has_text=f"Point 1 of {before}")).to_be_visible()
    picture.press("Delete")
    expect(points).to_have_count(before - 1)
    picture.press("Control+z")
    picture.press("i")
    expect(points).to_have_count(before + 1)
    use.click()
    expect(page.get_by_text("Line: as corrected by hand. Dashes: the model's.")).to_be_visible()
    expect(page.get_by_text("Outline: corrected by hand; it overlaps the model's by ")).to_be_visible()

    expect(use).to_have_count(0)

    correct.click()
    page.get_by_role("button", name="Brush +").click()
    brush = page.get_by_role("application", name=re.compile("^Brush. Arrow keys move it"))
    brush.press("ArrowRight")
    brush.press(" ")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()
    brush.press("Control+z")
    expect(use).to_be_disabled()
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Download").click()
    expect(page.get_by_text("Corrected outline, polygons, JSON")).to_be_visible()


def test_keys_alone_choose_a_diagnosis(page):
    chosen = page.locator(".st-key-bars input[type=radio]")
    chosen.first.focus()
    page.keyboard.press("ArrowDown")
    expect(chosen.nth(1)).to_be_checked()
    expect(page.get_by_alt_text(re.compile("heat map of the evidence for"))).to_be_visible()


def test_a_chosen_diagnosis_stays_chosen_under_its_new_probability(page):
    page.get_by_role("link", name="Compare").click()
    box = page.get_by_role("combobox", name="Diagnosis")
    box.click()
    page.get_by_role("option", name="Dermatofibroma").click()
    expect(box).to_have_value(re.compile("^Dermatofibroma, "))
    former = box.input_value()

    page.get_by_role("link", name="Diagnose").click()
    chosen = page.locator(".st-key-bars label").filter(has_text="Dermatofibroma")
    chosen.click()
    before = chosen.inner_text()
    page.get_by_test_id("stPopoverButton").filter(has_text="malignant").click()
    page.get_by_text("My patients have another share").click()
    expect(chosen).not_to_have_text(before, use_inner_text=True)
    expect(chosen.get_by_role("radio")).to_be_checked()

    page.keyboard.press("Escape")
    page.get_by_role("link", name="Compare").click()
    expect(box).to_have_value(re.compile("^Dermatofibroma, "))
    assert box.input_value() != former


def test_a_choice_outlasts_a_change_of_language(page):
    page.locator(".st-key-bars").get_by_text("Dermatofibroma").click()
    chosen = page.locator(".st-key-bars").get_by_role("radio", checked=True)
    for now, code, said in (("English", "de", "Dermatofibrom"), ("Deutsch", "en", "Dermatofibroma")):
        rest(page)
        page.get_by_test_id("stPopoverButton").filter(has_text=now).click()
        page.locator(f".st-key-language-{code} button").click()
        page.keyboard.press("Escape")
        expect(chosen).to_have_accessible_name(re.compile(rf"{said}\b"))


def test_a_text_file_named_jpg_gives_one_sentence(page):
    give(page, "words.jpg", b"this is text")
    expect(page.get_by_role("heading", name="words.jpg could not be read: no answer.")).to_be_visible()
    expect(page.locator(".st-key-strip")).to_contain_text("words.jpg is no picture that Derm can read")
    expect(page.get_by_alt_text(re.compile("^Drawn melanoma"))).to_have_count(0)


@pytest.mark.parametrize("status", list(UPLOAD_REFUSALS))
def test_an_upload_that_is_refused_on_its_way_is_said_in_a_sentence(page, status):
    def answer(route: Route) -> None:
        if route.request.method == "PUT":
            route.fulfill(status=status, body=UPLOAD_REFUSALS[status])
        else:
            route.fallback()

    page.route("**/_stcore/upload_file/**", answer)
    give(page, "mine.png", drawn_png())
    expect(page.locator(".st-key-told")).to_contain_text(UPLOAD_REFUSALS[status].strip())
    page.unroute("**/_stcore/upload_file/**")
    give(page, "mine.png", drawn_png())
    expect(page.get_by_alt_text(re.compile("^mine.png, with the outline"))).to_be_visible()


def test_cases_are_a_table_that_keys_search_and_a_reload_finds_again(page):
    colours = [(name, (90 + 9 * place, 60, 50)) for place, name in enumerate(("a.png", "b.png", "c.png"))]
    files = [{"name": name, "mimeType": "image/png", "buffer": plain_png(colour)} for name, colour in colours]
    page.locator("input[type=file]").set_input_files([*files, {**files[0], "name": "notes.txt", "buffer": b"text"}])
    table = page.get_by_role("table", name=re.compile("^All cases of this visit"))
    expect(table.locator("tbody tr")).to_have_count(4)
    expect(page.get_by_text("Stop reading")).to_have_count(0)
    rest(page)
    search = page.get_by_role("searchbox")
    search.fill(".png")
    expect(table.locator("tbody tr")).to_have_count(3)
    name = table.locator("tbody button").nth(1).inner_text()
    search.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-strip")).to_contain_text(name)
    expect(table).to_have_count(0)
    expect(page.get_by_alt_text(re.compile(f"^{name}, "))).to_be_visible()

    page.reload()
    expect(table.locator("tbody tr")).to_have_count(4)
    open_row(page, name)
    expect(page.get_by_alt_text(re.compile(f"^{name}, "))).to_be_visible()
    another = page.context.new_page()  # another tab begins anew
    another.goto(page.url)
    expect(another.get_by_alt_text(re.compile("^Drawn melanoma"))).to_be_visible()
    expect(another.get_by_text("of 4")).to_have_count(0)


def test_the_table_of_all_cases_is_downloaded(page):
    files = [
        {"name": f"{place}.png", "mimeType": "image/png", "buffer": plain_png((90 + 9 * place, 60, 50))}
        for place in (1, 2)
    ]
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_role("table", name=re.compile("^All cases")).locator("tbody tr")).to_have_count(2)
    rest(page)
    told = {}
    for kind in ("CSV", "JSON"):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"Table, {kind}").click()
        told[kind] = Path(waiting.value.path()).read_text(encoding="utf-8")
    assert {row["file"] for row in csv.DictReader(told["CSV"].splitlines())} == {"1.png", "2.png"}
    assert {row["file"] for row in json.loads(told["JSON"])} == {"1.png", "2.png"}


def test_files_that_come_while_others_are_read_are_read_too(page):
    for start in (0, 3, 6):
        colours = {f"p{place}.png": (80 + 5 * place, 60, 50) for place in range(start, start + 3)}
        page.locator("input[type=file]").set_input_files(
            [{"name": name, "mimeType": "image/png", "buffer": plain_png(colour)} for name, colour in colours.items()]
        )
    expect(page.locator(".st-key-strip")).to_contain_text("of 9", timeout=2 * PATIENCE)
    expect(page.get_by_role("row", name=re.compile(r"^p\d+\.png"))).to_have_count(9)


def test_answer_and_picture_are_above_the_fold_and_the_picture_stays(page):
    for what in (
        page.get_by_role("heading", level=2),
        page.locator(".st-key-picture .frame > .stage > img").first,
        page.get_by_role("button", name="Download"),
        page.get_by_text("Research use only, not a medical device.", exact=True),
    ):
        expect(what).to_be_in_viewport(ratio=0.99)
    page.get_by_text("How this was made").click()
    page.get_by_text(re.compile("^Weights: ")).scroll_into_view_if_needed()
    expect(page.locator(".st-key-picture .frame > .stage > img").first).to_be_in_viewport(ratio=0.99)


def test_a_phone_shows_the_answer_then_the_picture_then_the_reasons(page):
    page.set_viewport_size({"width": 390, "height": 844})
    places = [page.locator(f".st-key-{part}").bounding_box()["y"] for part in ("answer", "picture", "bars")]
    assert places == sorted(places)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_outline_is_downloaded(page):
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Outline, PNG").click()
    assert waiting.value.suggested_filename == "Drawn_melanoma_segmentation.png"
    with Image.open(waiting.value.path()) as mask:
        assert (mask.size, mask.mode) == ((600, 450), "L")


def test_nothing_is_cut_off_in_any_width_or_theme(page):
    for scheme, width in itertools.product(("light", "dark"), (1440, 800)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator(".st-key-bars")).to_have_css("color-scheme", scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        layers = page.get_by_role("group", name="Layers on the picture")
        for layer in ("Outline", "Heat map", "Class mask", "Diameter"):
            expect(layers.get_by_role("button", name=layer)).to_be_in_viewport(ratio=1)
