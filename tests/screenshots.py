"""Screenshots of every page and its views, wide and narrow, light and dark, on drawn data: `make screenshots`.

Needs Chromium and the shipped weights. Draws a data set, measures and explains it, trains a short run, serves the app
on them and takes pictures into `screenshots/`. Those of the README are made smaller from there. Shows no patient.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
OUT = ROOT / "screenshots"
IMAGES = 210
"""In the drawn data set: as many as `derm monitor` draws."""

README = {
    "diagnose": "diagnose",
    "compare-tested": "compare",
    "explore-results": "explore",
    "monitor-replay": "monitor",
}
"""Pictures that the README shows, by the name of the screenshot (1440, light)."""


def radio(name: str) -> Callable[[Page], None]:
    """Choose one of a segmented control."""
    return lambda page: page.get_by_role("radio", name=name, exact=False).first.click()


def button(name: str, seconds: float = 1.0) -> Callable[[Page], None]:
    """Press a button and wait."""

    def press(page: Page) -> None:
        page.get_by_role("button", name=name).first.click()
        page.wait_for_timeout(seconds * 1000)

    return press


def tile(page: Page) -> None:
    """Open the first picture of a gallery."""
    page.locator("[class*=st-key-open-] button").first.click()


VIEWS: dict[str, tuple[str, list[Callable[[Page], None]]]] = {
    "diagnose": ("", []),
    "diagnose-heat": ("", [button("Heat map")]),
    "compare": ("Compare", []),
    "compare-tested": ("Compare", [button("Put both to the test", 20)]),
    "compare-seven": ("Compare", [radio("Seven diagnoses")]),
    "compare-part": ("Compare", [radio("The whole test part")]),
    "explore-data": ("Explore", []),
    "explore-crossed": ("Explore", [radio("Crossed")]),
    "explore-pictures": ("Explore", [radio("Pictures")]),
    "explore-opened": ("Explore", [radio("Pictures"), tile]),
    "explore-quality": ("Explore", [radio("Quality")]),
    "explore-results": ("Explore", [radio("Results")]),
    "explore-classes": ("Explore", [radio("Results"), radio("Classes")]),
    "explore-curves": ("Explore", [radio("Results"), radio("Curves")]),
    "explore-map": ("Explore", [radio("Results"), radio("Map of features")]),
    "explore-labels": ("Explore", [radio("Results"), radio("Label errors")]),
    "explore-two": ("Explore", [radio("Results"), radio("Two models")]),
    "monitor": ("Monitor", []),
    "monitor-classes": ("Monitor", [radio("Diagnoses")]),
    "monitor-confusion": ("Monitor", [radio("Confusion")]),
    "monitor-replay": ("Monitor", [radio("Curriculum and replay")]),
    "monitor-speed": ("Monitor", [radio("Speed")]),
    "monitor-settings": ("Monitor", [radio("Settings")]),
    "monitor-compare": ("Monitor", [radio("Compare")]),
    "monitor-start": ("Monitor", [radio("Start a run")]),
}
"""Each screenshot: the page's address and what is done on it."""


def main() -> None:
    """Prepare drawn data, serve, and take every picture, or those of the views that are named."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("No chromium on this machine: install Debian's package chromium.")
    wanted = {name: view for name, view in VIEWS.items() if name in sys.argv[1:] or not sys.argv[1:]}
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        environment = prepare(place, wanted)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.headless", "true"]
        server = subprocess.Popen([*command, "--server.port", str(port)], cwd=ROOT, env=environment)
        try:
            wait_for(f"http://127.0.0.1:{port}/_stcore/health")
            with sync_playwright() as driver:
                browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                for name, (address, steps) in wanted.items():
                    for width in (1440, 800):
                        for theme in ("light", "dark"):
                            size = {"width": width, "height": 1000}
                            page = browser.new_page(viewport=size, color_scheme=theme, bypass_csp=True)
                            take(page, f"http://127.0.0.1:{port}/{address}", steps, OUT / f"{name}-{width}-{theme}.png")
                            page.close()
                    sys.stderr.write(f"{name}\n")
                browser.close()
        finally:
            server.terminate()
            server.wait(timeout=30)
    for name, shown in README.items():
        if name not in wanted:
            continue
        picture = Image.open(OUT / f"{name}-1440-light.png").convert("RGB")
        picture = picture.crop((0, 0, picture.width, min(picture.height, 1500)))
        picture.thumbnail((1200, 1250))
        picture.save(ROOT / "docs" / f"{shown}.jpg", quality=82, optimize=True)


def prepare(place: Path, wanted: Iterable[str]) -> dict[str, str]:
    """Drawn data, results, explanations and runs in `place`, as far as the wanted views need them; the environment that
    the app finds them by."""
    data, runs = place / "drawn", place / "runs"

    def derm(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "derm", *words], cwd=ROOT, check=True)

    derm("data", "synthesise", str(data), "--images", str(IMAGES))
    derm("evaluate", "--data", str(data), "--out", str(place / "results" / "drawn"))
    if any(name.startswith("compare") for name in wanted):
        derm("explain", "--data", str(data), "--out", str(place / "results" / "explained"), "--sample", "7")
    # One thread: more would wait for each other wherever the machine has other work.
    recipe = ("--start", "random", "--size", "64", "--batch", "16", "--learning-rate", "0.003", "--threads", "1")
    both = ("--curriculum", "--replay", "--epochs", "16")
    derm("train", "--data", str(data), "--run", str(runs / "with-neither"), *recipe, "--epochs", "8")
    derm("train", "--data", str(data), "--run", str(runs / "with-both"), *recipe, *both)
    second = ("--weights", str(runs / "with-both" / "best.json"), "--out", str(place / "results" / "with-both"))
    derm("evaluate", "--data", str(data), *second)
    named = {"DERM_DATA": data, "DERM_RESULTS": place / "results", "DERM_RUNS": runs}
    return {**os.environ, **{name: str(value) for name, value in named.items()}}


def wait_for(address: str) -> None:
    """Wait until the server answers, a minute at most."""
    for _ in range(240):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.25)
    sys.exit(f"The app did not start at {address} within a minute.")


def take(page: Page, address: str, steps: list[Callable[[Page], None]], file: Path) -> None:
    """Open the page, do the steps, and take all of it as one picture."""
    page.goto(address)
    page.get_by_role("heading", name="Derm").wait_for(timeout=90_000)
    settle(page)
    for step in steps:
        step(page)
        settle(page)
    for _ in range(2):  # a taller window may let more be drawn
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": min(max(1000, height), 5000)})
        settle(page)
    page.mouse.move(0, 0)  # a button under the pointer would show what it hides
    settle(page)
    page.screenshot(path=file)


def settle(page: Page) -> None:
    """Wait until nothing is being computed any more."""
    page.wait_for_timeout(700)
    for waiting in ("stStatusWidget", "stSkeleton"):
        page.wait_for_function(f"!document.querySelector('[data-testid={waiting}]')", timeout=120_000)
    # What is left of the view before is stale until the script, or the fragment, has run to its end.
    page.wait_for_function("!document.querySelector('[data-stale=true]')", timeout=120_000)
    page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
