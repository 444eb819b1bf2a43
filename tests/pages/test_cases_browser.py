"""A case's way through Chromium: opinion, answer, correction, a killed server, the next visit, and the report."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("sqlalchemy")
from playwright.sync_api import expect
from postgres import cluster
from served import choose, go, launch, rest, serve, settle, visit

from derm.data.synthetic.lesion import draw_lesion
from derm.records import read
from derm.records.connect import open_records
from derm.records.verify import verify

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def picture(seed: int) -> dict[str, object]:
    stream = BytesIO()
    Image.fromarray(draw_lesion("mel", seed, height=120, width=160).image).save(stream, format="PNG")
    return {"name": f"{seed}.png", "mimeType": "image/png", "buffer": stream.getvalue()}


def fill(page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Tab")
    settle(page)


def click_twice(page, name: str) -> None:
    """Click on a button, and again before the page has answered."""
    rest(page)
    page.get_by_role("button", name=name).evaluate("one => { one.click(); setTimeout(() => one.click(), 45); }")
    settle(page)


def kill(address: str) -> None:
    """Kill the server at `address`, which these tests started, as a power cut would."""
    port = address.rsplit(":", maxsplit=1)[1]
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        if f"--server.port\0{port}\0".encode() in place.read_bytes():
            os.kill(int(place.parent.name), signal.SIGKILL)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request) -> Iterator[str]:
    """Address of a database with empty records, '' where they lie in a file."""
    if request.param == "sqlite":
        yield ""
        return
    with cluster() as new_database:
        yield new_database()


def form_opinion(page):
    """A picture whose answer waits, and all that an opinion before it takes."""
    fill(page, "Your name", "Dr A")
    page.locator(".st-key-opinion-first label").first.click()
    page.locator("input[type=file]").first.set_input_files([picture(3)])
    expect(page.get_by_role("heading", name="Your opinion first")).to_be_visible()
    choose(page, "Diagnosis", "Melanoma")
    choose(page, "Management", "Excision")
    fill(page, "Patient (pseudonym)", "P-001")
    choose(page, "Place on the body", "Upper back")


def test_a_lesion_is_followed_over_a_kill_to_its_report(tmp_path, tiny_weights, url):
    place = {"DERM_RECORDS": str(tmp_path / "records"), "DERM_WEIGHTS": str(tiny_weights), "DERM_RECORDS_URL": url}
    with launch() as browser:
        with serve(tmp_path / "one.log", **place) as address:
            with visit(browser, address, "Cases") as page:
                form_opinion(page)
                page.get_by_role("button", name="Give my opinion and show the answer").click()
                expect(page.get_by_text("Before the answer, Dr A: Melanoma, excision")).to_be_visible()
                page.get_by_text("Correct", exact=True).click()
                choose(page, "Diagnosis", "Basal cell carcinoma")
                choose(page, "What it rests on", "Follow-up")
                page.get_by_role("button", name="Save the correction").click()
                expect(page.get_by_text("Corrected by Dr A: Basal cell carcinoma (follow-up)")).to_be_visible()
            kill(address)
        with serve(tmp_path / "two.log", **place) as address, visit(browser, address, "Cases") as page:
            fill(page, "Your name", "Dr A")
            page.locator("input[type=file]").first.set_input_files([picture(4)])
            expect(page.get_by_role("button", name="Save this case")).to_be_visible()
            fill(page, "Patient (pseudonym)", "P-001")
            expect(page.get_by_text("Known: A (Upper back)")).to_be_visible()
            page.get_by_label("Day of the visit", exact=True).get_by_role("spinbutton").first.click()
            page.keyboard.type("20260102")
            page.keyboard.press("Tab")
            settle(page)
            page.get_by_role("button", name="Save this case").click()
            expect(page.get_by_text("Corrected by Dr A: Basal cell carcinoma (follow-up)")).to_be_visible()
            expect(page.get_by_role("heading", name="2026-01-02")).to_be_visible()
            go(page, "Diagnose")
            rest(page)
            page.get_by_test_id("stPopoverButton").filter(has_text="Download").click()
            with page.expect_download() as waiting:
                page.get_by_role("button", name="Report to print, PDF").click()
            report = tmp_path / "report.pdf"
            waiting.value.save_as(report)
    records = open_records(tmp_path / "records", url or None)
    counts = read.counts(records)
    assert (counts.patients, counts.lesions, counts.visits, counts.pictures) == (1, 1, 2, 2)
    assert verify(records, counts.last_hash).broken is None
    records.close()
    if shutil.which("pdftotext"):
        said = subprocess.run(["pdftotext", report, "-"], capture_output=True, text=True, check=True).stdout
        assert counts.last_hash in "".join(said.split())


def test_a_double_click_saves_once_and_what_came_of_it_is_said(tmp_path, tiny_weights):
    place = {"DERM_RECORDS": str(tmp_path / "records"), "DERM_WEIGHTS": str(tiny_weights)}
    with launch() as browser, serve(tmp_path / "log.txt", **place) as address, visit(browser, address, "Cases") as page:
        form_opinion(page)
        click_twice(page, "Give my opinion and show the answer")
        expect(page.get_by_text("Before the answer, Dr A: Melanoma, excision")).to_be_visible()
        page.get_by_text("Histology", exact=True).click()
        choose(page, "Found", "Melanoma")
        click_twice(page, "Save the histology")
        expect(page.get_by_text("Histology of").first).to_be_visible()
        records = open_records(tmp_path / "records")
        (state,) = read.search(records)
        history = read.lesion_history(records, state.lesion_id)
        assert [len(found) for found in (history.histology, history.visits[0].pictures[0].opinions)] == [1, 1]
        page.get_by_text("Delete this patient", exact=True).click()
        fill(page, "Write the pseudonym to delete it", "P-001")
        click_twice(page, "Delete for good")
        expect(page.get_by_text("Backups and exports made before still hold the patient.")).to_be_visible()
        assert read.search(records) == []
        records.close()
