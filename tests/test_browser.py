"""The app as a visitor meets it: in headless Chromium, with random weights and drawn pictures."""

import itertools
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import torch
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from derm.data.synthetic import draw_lesion
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import Description, save_weights

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[1]
CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 60_000  # milliseconds, for two busy cores


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> Iterator[str]:
    """Serve the app with small random weights on a free port of this machine."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: install Debian's package chromium")
    folder = tmp_path_factory.mktemp("served")
    torch.manual_seed(3)
    config = ModelConfig(input_size=64, feature_channels=32, decoder_channels=(8, 8, 8, 8))
    net = LesionNet(config)
    with torch.no_grad():
        net.mask_head.bias.fill_(5.0)  # all of the picture is lesion, so that there is an outline to measure
    save_weights(folder / "tiny.json", net, Description(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    environment = {**os.environ, "DERM_WEIGHTS": str(folder / "tiny.json")}
    with (folder / "log.txt").open("wb") as log:
        server = subprocess.Popen(
            [*command, "--server.port", str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, folder / "log.txt")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the server did not start:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def browser(address) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The app, opened by a new visitor, who sees the analysed sample."""
    visitor = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = visitor.new_page()
    opened.set_default_timeout(PATIENCE)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(address)
    expect(opened.get_by_alt_text(re.compile("^Drawn melanoma, with the outline"))).to_be_visible()
    yield opened
    expect(opened.get_by_test_id("stException")).to_have_count(0)
    visitor.close()
    # No font, icon or count of visitors is asked for outside of this machine.
    assert [url for url in asked if leaves(url, address)] == []


def leaves(url: str, address: str) -> bool:
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


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
