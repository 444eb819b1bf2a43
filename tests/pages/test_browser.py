"""The app as a visitor meets it: in headless Chromium, with random weights and drawn pictures."""

import itertools
import re
from collections.abc import Iterator
from io import BytesIO

import pytest
import torch
from PIL import Image
from playwright.sync_api import Page, expect
from served import serve, visit

from derm.data.synthetic.lesion import draw_lesion
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, save_weights

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """Serve the app with small random weights on a free port of this machine."""
    folder = tmp_path_factory.mktemp("served")
    torch.manual_seed(3)
    config = ModelConfig(input_size=64, feature_channels=32, decoder_channels=(8, 8, 8, 8))
    net = LesionNet(config)
    with torch.no_grad():
        net.mask_head.bias.fill_(5.0)  # all of the picture is lesion, so that there is an outline to measure
    save_weights(folder / "tiny.json", net, WeightsInfo(config))
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


def give(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/jpeg", "buffer": content})


def test_a_picture_is_uploaded_and_looked_at(page):
    give(page, "mine.png", drawn_png())
    expect(page.get_by_alt_text(re.compile("^mine.png, with the outline"))).to_be_visible()
    expect(page.get_by_text("mine.png, 200 × 150 pixels")).to_be_visible()
    expect(page.get_by_role("heading", level=2)).to_contain_text("%")
    diagnoses = page.locator(".st-key-bars").get_by_role("radio")
    expect(diagnoses).to_have_count(7)

    page.get_by_role("radio", name="Heat map").click()
    expect(page.get_by_alt_text(re.compile("heat map of the evidence for"))).to_be_visible()
    page.locator(".st-key-bars").get_by_text("Dermatofibroma").click()
    expect(page.get_by_alt_text(re.compile("heat map of the evidence for dermatofibroma"))).to_be_visible()
    page.get_by_role("radio", name="Class mask").click()
    expect(page.get_by_alt_text(re.compile("marked that speaks for dermatofibroma"))).to_be_visible()
    expect(page.get_by_text("Research use only, not a medical device.", exact=True)).to_be_visible()


def test_keys_alone_choose_a_diagnosis(page):
    chosen = page.locator(".st-key-bars input[type=radio]")
    chosen.first.focus()
    page.keyboard.press("ArrowDown")
    expect(chosen.nth(1)).to_be_checked()
    expect(page.get_by_alt_text(re.compile("heat map of the evidence for"))).to_be_visible()


def test_a_text_file_named_jpg_gives_one_sentence(page):
    give(page, "words.jpg", b"this is text")
    expect(page.get_by_role("alert")).to_have_count(1)
    expect(page.get_by_role("alert")).to_contain_text("words.jpg is no picture that Derm can read")
    expect(page.get_by_alt_text(re.compile("^Drawn melanoma"))).to_be_visible()


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
        for layer in ("Original", "Outline", "Heat map", "Class mask"):
            expect(page.get_by_role("radio", name=layer)).to_be_in_viewport(ratio=1)
