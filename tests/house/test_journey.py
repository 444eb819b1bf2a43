"""One visit through all four pages, as a user would make it, in headless Chromium on drawn data.

Upload, diagnosis, compare, the pictures behind a cell of the confusion matrix, the Monitor, and back.
"""

import json
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from served import click_cell, go, launch, open_row, serve, visit

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import DIAGNOSES
from derm.evaluate.dataset import evaluate, write_evaluation

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def places(tiny_model, tiny_weights, drawn, drawn_catalogue, tmp_path_factory) -> dict[str, Path]:
    """Weights, data, results and runs, by the variable that names each."""
    folder = tmp_path_factory.mktemp("journey")
    found = evaluate(tiny_model, drawn_catalogue, "validation", replicates=5)
    write_evaluation(found, folder / "results" / "validation")
    return {
        "DERM_WEIGHTS": tiny_weights,
        "DERM_DATA": drawn,
        "DERM_RESULTS": folder / "results",
        "DERM_RUNS": folder / "runs",
    }


@pytest.fixture
def page(places, tmp_path) -> Iterator[Page]:
    """Diagnose, opened by the first visitor of a fresh server."""
    given = {name: str(place) for name, place in places.items()}
    with serve(tmp_path / "log.txt", **given) as address, launch() as browser, visit(browser, address) as opened:
        expect(opened.get_by_alt_text(re.compile("^Drawn melanoma"))).to_be_visible()
        yield opened


def test_from_an_upload_over_every_page_and_back(page: Page, places: dict[str, Path]) -> None:
    # Upload, and the diagnosis.
    stream = BytesIO()
    Image.fromarray(draw_lesion("bcc", 5, height=150, width=200).image).save(stream, format="PNG")
    upload = {"name": "mine.png", "mimeType": "image/png", "buffer": stream.getvalue()}
    page.locator("input[type=file]").set_input_files(upload)
    expect(page.get_by_alt_text(re.compile("^mine.png, "))).to_be_visible()
    expect(page.locator(".st-key-bars").get_by_role("radio")).to_have_count(7)

    # Compare shows the same case.
    go(page, "Compare")
    expect(page.get_by_alt_text(re.compile("^mine.png: "))).to_be_visible()
    expect(page.get_by_alt_text(re.compile("^mine.png, heat map "))).to_have_count(2)

    # Explore has it at hand; the fullest cell of the matrix fills the gallery, a picture becomes the case.
    go(page, "Explore")
    expect(page.locator(".st-key-strip")).to_contain_text("mine.png")
    page.get_by_role("radio", name=re.compile("^Results")).click()
    metrics = json.loads((places["DERM_RESULTS"] / "validation" / "metrics.json").read_text())
    counts = np.array(metrics["confusion_matrix"])
    row, column = divmod(int(counts.argmax()), 7)
    click_cell(page, row, column, 0)
    said = f"{counts[row, column]} of {counts[row].sum()} images of {DIAGNOSES[row].name}"
    expect(page.get_by_role("heading", name=re.compile(re.escape(said)))).to_be_visible()
    tile = page.locator("[class*=st-key-open-cell] button").first
    image_id = re.search(r"DRAWN_\d+", tile.inner_text())[0]
    tile.click()
    expect(page.get_by_role("heading", name=image_id)).to_be_visible()
    page.get_by_role("button", name="Compare on this").click()
    expect(page.get_by_alt_text(re.compile(f"^{image_id}: "))).to_be_visible()

    # Monitor, whose runs tests/pages/test_monitor_browser.py starts and stops: both cases are still there.
    go(page, "Monitor")
    expect(page.locator(".st-key-strip")).to_contain_text("of 2")
    expect(page.get_by_role("heading", name="No run yet")).to_be_visible()

    # And the first case is still what Diagnose shows when it is chosen.
    go(page, "Diagnose")
    page.get_by_role("button", name="All cases").click()
    open_row(page, "mine.png")
    expect(page.get_by_alt_text(re.compile("^mine.png, "))).to_be_visible()
