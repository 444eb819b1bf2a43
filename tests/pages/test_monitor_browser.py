"""The Monitor as a visitor meets it in headless Chromium: a run on drawn data is started, watched and stopped."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from served import PATIENCE, fill_in_a_short_run, serve, visit

from derm.data.synthetic.standin import draw_once
from derm.monitor.runs import Run
from derm.monitor.state import find_holder
from derm.train.checkpoint import load_checkpoint

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Iterator[Path]:
    """The folder of runs; whatever still trains in it is ended with the module."""
    folder = tmp_path_factory.mktemp("served") / "runs"
    yield folder
    for run in folder.glob("*"):
        if holder := find_holder(run):
            os.kill(holder.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def address(tmp_path_factory, runs, tiny_weights, cache) -> Iterator[str]:
    """Serve the app with the drawn data set there already."""
    draw_once(cache, images=63)
    log = tmp_path_factory.mktemp("log") / "log.txt"
    with serve(log, ("DERM_DATA",), DERM_WEIGHTS=str(tiny_weights), DERM_RUNS=str(runs)) as address:
        yield address


@pytest.fixture
def page(browser, address) -> Iterator[Page]:
    """The Monitor, opened by its own address."""
    with visit(browser, address, "Monitor") as opened:
        expect(opened.get_by_role("heading", name="Derm")).to_be_visible()
        yield opened


def test_a_run_is_started_watched_and_stopped(page, runs):
    expect(page.get_by_role("heading", name="No run yet")).to_be_visible()
    fill_in_a_short_run(page, "seen")
    for label in ("Curriculum: easy", "Replay: hard"):
        page.get_by_text(re.compile(f"^{label}")).click()
    page.get_by_role("button", name="Start this run").click()

    heading = page.get_by_role("heading", level=2)
    expect(heading).to_contain_text("seen is running: in epoch", timeout=2 * PATIENCE)
    expect(page.get_by_text(re.compile("^Best so far: Macro AUC"))).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()
    step = re.search(r"step ([\d,]+) of", heading.inner_text())[1]
    expect(heading).not_to_contain_text(f"step {step} of")  # it moves without a click
    config = Run(runs / "seen")
    config.look()
    assert (config.config["epochs"], config.config["batch"], config.config["replay"]["enabled"]) == (400, 4, True)
    model = config.config["model"]
    assert (model["encoder"], model["input_size"]) == ("test_efficientnet", 32)

    pid = find_holder(runs / "seen").pid
    page.get_by_role("button", name="Stop with a checkpoint").click()
    expect(heading).to_contain_text("seen stopped ")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert load_checkpoint(runs / "seen" / "last.safetensors")[1]["step"] > 0
    expect(page.get_by_role("button", name="Resume")).to_be_visible()  # tests/monitor/test_launch.py resumes one
    page.get_by_role("radio", name="Curriculum and replay").click()
    expect(page.get_by_text(re.compile("^Stage of epoch"))).to_be_visible()
    expect(page.locator("ol.derm-wall img").first).to_be_visible()


def test_nothing_is_cut_off_in_any_width_or_theme(page):
    """After the run above, with each of its views."""
    for scheme, width in (("light", 1440), ("dark", 800)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        for view in ("Curves", "Diagnoses", "Confusion", "Curriculum and replay", "Speed", "Settings"):
            page.get_by_role("radio", name=view, exact=True).click()
            expect(page.get_by_role("radio", name=view, exact=True)).to_be_in_viewport(ratio=1)
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (scheme, width, view)
