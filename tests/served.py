"""The app served and visited, for the browser tests: one server a module, one visitor a test.

Needs Chromium, or the tests that ask for it are skipped. Knows no page.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from playwright.sync_api import Browser, Locator, Page, TimeoutError, expect, sync_playwright

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
START = 120  # seconds that a loaded machine may need to import everything
GRACE = 10  # seconds to end in before the server is killed
HEARD = 500  # milliseconds in which a click that the server hears of has set its script running
CALM = 5_000  # milliseconds in which most pages stand still; one that watches a run on a slow machine may never
STILL = "reduce"  # what turns and slides is painted by a core: a quarter of what it takes to open a page
STATE = "[data-testid=stApp][data-test-script-state={}]"


@contextmanager
def serve(log: Path, without: tuple[str, ...] = (), **environment: str) -> Iterator[str]:
    """Serve the app on a free port of this machine; environment: variables beside this process's, but for `without`,
    with the port where they say {port}."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: install Debian's package chromium")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
    told = {name: value.replace("{port}", str(port)) for name, value in environment.items()}
    given = {name: value for name, value in os.environ.items() if name not in without} | told
    with log.open("wb") as stream:
        # In a group of its own, so that what it starts ends with it. Runs of the Monitor are sessions of their own.
        server = subprocess.Popen(
            [*command, "--server.port", str(port)],
            cwd=ROOT,
            env=given,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        wait_for(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(server)


@contextmanager
def launch() -> Iterator[Browser]:
    """Headless Chromium, patient with two busy cores, in which a visitor clicks on a page that stands still.

    Streamlit draws a page anew after a click, and loses a second one that comes meanwhile.
    """
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright, mock.patch.object(Locator, "click", click):
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


@contextmanager
def visit(browser: Browser, server: str, page: str = "", height: int = 900) -> Iterator[Page]:
    """A new visitor on a page of the app; afterwards nothing may have failed, or been asked for elsewhere."""
    visitor = browser.new_context(viewport={"width": 1440, "height": height}, reduced_motion=STILL)
    opened = visitor.new_page()
    opened.set_default_timeout(PATIENCE)
    asked: list[str] = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(f"{server}/{page}")
    yield opened
    expect(opened.get_by_test_id("stException")).to_have_count(0)
    visitor.close()
    # No font, icon or count of visitors is asked for outside of this machine.
    assert [url for url in asked if leaves(url, server)] == []


def leaves(url: str, address: str) -> bool:
    return not url.startswith((address, address.replace("http", "ws"), "data:", "blob:"))


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path, patience: float = START) -> None:
    """Return when `address` answers; fail, with the end of the log, once the server has ended or `patience` is over."""
    until = time.monotonic() + patience
    while (status := server.poll()) is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    what = f"did not answer within {patience} s" if status is None else f"ended with status {status}"
    pytest.fail(f"the server {what}:\n{log.read_text(errors='replace')[-2000:]}")


def end(server: subprocess.Popen[bytes], grace: float = GRACE) -> None:
    """End the server and what it started: first asked to, and after `grace` seconds killed."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        server.wait(grace)
    with suppress(ProcessLookupError):  # whatever of the group is left
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


CUT_OFF = """() => [...document.querySelectorAll('.js-plotly-plot svg text')].filter(text => {
  const chart = text.closest('.js-plotly-plot').getBoundingClientRect(), box = text.getBoundingClientRect();
  return box.width && chart.width && (box.left < chart.left - 1.5 || box.right > chart.right + 1.5);
}).map(text => text.textContent)"""


def cut_off(page: Page) -> list[str]:
    """What is written in a chart and does not fit into its width."""
    found: list[str] = page.evaluate(CUT_OFF)
    return found


def click_cell(page: Page, row: int, column: int, clicks: int) -> None:
    """On Explore, click in the middle of a cell of the matrix that is there after so many clicks."""
    field = page.locator(f".st-key-explore_matrix_{clicks} .nsewdrag").first
    expect(field).to_be_visible()
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * (column + 0.5) / 7, box["y"] + box["height"] * (row + 0.5) / 7)
    expect(page.locator(f".st-key-explore_matrix_{clicks} .hoverlayer .hovertext")).to_have_count(1)
    page.mouse.down()
    page.mouse.up()
    settle(page)


def fill_in_a_short_run(page: Page, name: str) -> None:
    """On Monitor, ask for a run of a tiny network that goes on for minutes."""
    choose(page, "Encoder", "test_efficientnet")
    choose(page, "Side of the picture, pixels", "32")
    choose(page, "Starting weights", "random")
    for label, value in (
        ("Epochs", "400"),
        ("Images a step", "4"),
        ("Threads", "1"),
        ("Name of the run", name),
    ):
        page.get_by_label(label, exact=True).fill(value)
        page.get_by_label(label, exact=True).press("Tab")


def open_row(page: Page, name: str) -> None:
    """Open a row of the table of cases; again where the page is drawn anew meanwhile, which loses the click."""
    for _ in range(5):
        rest(page)
        with suppress(TimeoutError):
            page.get_by_role("button", name=name, exact=True).click(timeout=5_000)
        with suppress(AssertionError):
            expect(page.get_by_alt_text(re.compile(f"^{re.escape(name)}, "))).to_be_visible(timeout=15_000)
            return


def choose(page: Page, label: str, option: str) -> None:
    """Take `option` in a box of choices; again where the page is drawn anew meanwhile, which closes the box."""
    field = page.get_by_role("combobox", name=label)
    expect(field).to_be_visible()
    for _ in range(10):
        rest(page)
        field.fill("")  # what is typed must be new, or the box stays closed
        field.press_sequentially(option)
        try:
            page.get_by_role("option", name=option, exact=True).wait_for(timeout=PATIENCE / 20)
        except TimeoutError:
            continue
        field.press("Enter")
        break
    else:
        pytest.fail(f"the box '{label}' did not offer '{option}'")
    rest(page)
    expect(field).to_have_value(option)


def go(page: Page, name: str) -> None:
    """Take the way on top to the page of this name."""
    page.locator(".st-key-top").get_by_role("link", name=name).click()
    expect(page).to_have_url(re.compile(f"/{'' if name == 'Diagnose' else name}([?].*)?$"))
    rest(page)


at_once = Locator.click


def click(place: Locator, **options: Any) -> None:
    """Click on a page that stands still, and wait until it has answered; a page that draws for ever is clicked, too."""
    stands(place.page, "notRunning", CALM)
    at_once(place, **options)
    settle(place.page)


def settle(page: Page) -> None:
    """Wait until the page has answered to what was done last; at most `HEARD` where it concerns the browser alone."""
    stands(page, "running", HEARD)
    stands(page, "notRunning", CALM)


def rest(page: Page) -> None:
    """Wait until the page's script has run to its end."""
    assert stands(page, "notRunning", PATIENCE), f"the page's script still runs after {PATIENCE / 1000:.0f} s"


def stands(page: Page, state: str, patience: int) -> bool:
    """Whether the page's script gets to `state` within `patience` milliseconds, if only for a moment."""
    until = time.monotonic() + patience / 1000
    while not (there := page.locator(STATE.format(state)).count() > 0) and time.monotonic() < until:
        page.wait_for_timeout(20)
    return there
