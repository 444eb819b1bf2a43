"""Screenshots of every page and its views, at three widths, light and dark, on drawn data: `make screenshots`.

Needs Chromium and the shipped weights. Draws a data set, measures and explains it, trains a short run, keeps cases and
lets readers read a study, all by lot, serves the app on them and takes pictures into `screenshots/`. Those of the
README are made smaller from there. Shows no patient. Views that are named are taken alone.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from datetime import date
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page
from served import CHROMIUM, launch, rest, serve

from derm.api import load
from derm.data.catalogue import read_catalogue
from derm.data.synthetic.lesion import draw_lesion
from derm.predict.case import diagnose_bytes
from derm.records import entry
from derm.records.answer import kept_answer
from derm.records.connect import open_records
from derm.records.entry import Basis, Management
from derm.records.write import NewPicture, Opinion, add_histology, correct, save_case
from derm.study.design import choose_cases, new_study
from derm.study.reading import NextTask, StudyOpinion, give, next_task, read_given

ROOT = Path(__file__).parents[1]
OUT = ROOT / "screenshots"
IMAGES = 210
"""In the drawn data set: as many as `derm monitor` draws."""

VISITS = (
    ("P-001", "mel", 3, "2026-03-02"),
    ("P-001", "mel", 4, "2026-06-01"),
    ("P-002", "bcc", 5, "2026-05-11"),
    ("P-003", "nv", 6, "2026-06-15"),
)
"""Visits of the practice that is drawn: patient, diagnosis, seed and day."""

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


def fold(name: str) -> Callable[[Page], None]:
    """Open a fold."""
    return lambda page: page.get_by_test_id("stExpander").filter(has_text=name).locator("summary").first.click()


def tile(page: Page) -> None:
    """Open the first picture of a gallery."""
    page.locator("[class*=st-key-open-] button").first.click()


def first_row(page: Page) -> None:
    """Choose the first row of a table, whose cells are painted: at the box before it."""
    table = page.get_by_test_id("stDataFrame").first
    table.scroll_into_view_if_needed()
    box = table.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 18, box["y"] + 53)


VIEWS: dict[str, tuple[str, list[Callable[[Page], None]]]] = {
    "diagnose": ("", []),
    "diagnose-heat": ("", [button("Heat map")]),
    "diagnose-changes": ("", [fold("What would change this answer")]),
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
    "explore-systems": ("Explore", [radio("Other systems")]),
    "explore-concepts": ("Explore", [radio("Concepts")]),
    "monitor": ("Monitor", []),
    "monitor-classes": ("Monitor", [radio("Diagnoses")]),
    "monitor-confusion": ("Monitor", [radio("Confusion")]),
    "monitor-replay": ("Monitor", [radio("Curriculum and replay")]),
    "monitor-speed": ("Monitor", [radio("Speed")]),
    "monitor-settings": ("Monitor", [radio("Settings")]),
    "monitor-compare": ("Monitor", [radio("Compare")]),
    "monitor-start": ("Monitor", [radio("Start a run")]),
    "cases": ("Cases", []),
    "cases-kept": ("Cases", [radio("Kept cases")]),
    "cases-lesion": ("Cases", [radio("Kept cases"), first_row]),
    "study": ("Study", []),
    "study-results": ("Study", [radio("Results")]),
}
"""Each screenshot: the page's address and what is done on it."""


def main() -> None:
    """Prepare drawn data, serve, and take every picture, or those of the views that are named."""
    if CHROMIUM is None:
        sys.exit("No chromium on this machine: install Debian's package chromium.")
    wanted = {name: view for name, view in VIEWS.items() if name in sys.argv[1:] or not sys.argv[1:]}
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        with serve(place / "server.log", **prepare(place, wanted)) as server, launch() as browser:
            for name, (address, steps) in wanted.items():
                for width in (1440, 800, 390):
                    for theme in ("light", "dark"):
                        size = {"width": width, "height": 1000}
                        page = browser.new_page(viewport=size, color_scheme=theme, bypass_csp=True)
                        take(page, f"{server}/{address}", steps, OUT / f"{name}-{width}-{theme}.png")
                        page.close()
                sys.stderr.write(f"{name}\n")
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

    def asked(*beginnings: str) -> bool:
        return any(name.startswith(beginnings) for name in wanted)

    derm("data", "synthesise", str(data), "--images", str(IMAGES))
    if asked("compare", "explore"):
        derm("evaluate", "--data", str(data), "--out", str(place / "results" / "drawn"))
    if asked("compare"):
        derm("explain", "--data", str(data), "--out", str(place / "results" / "explained"), "--sample", "7")
    if asked("explore-two", "monitor"):
        # One thread: more would wait for each other wherever the machine has other work.
        recipe = ("--start", "random", "--size", "64", "--batch", "16", "--learning-rate", "0.003", "--threads", "1")
        both = ("--curriculum", "--replay", "--epochs", "16")
        derm("train", "--data", str(data), "--run", str(runs / "with-neither"), *recipe, "--epochs", "8")
        derm("train", "--data", str(data), "--run", str(runs / "with-both"), *recipe, *both)
        second = ("--weights", str(runs / "with-both" / "best.json"), "--out", str(place / "results" / "with-both"))
        derm("evaluate", "--data", str(data), *second)
    if asked("cases"):
        keep_cases(place / "records")
    if asked("study"):
        read_study(place / "studies" / "drawn", data)
    named = {
        "DERM_DATA": data,
        "DERM_RESULTS": place / "results",
        "DERM_RUNS": runs,
        "DERM_RECORDS": place / "records",
        "DERM_STUDIES": place / "studies",
    }
    return {name: str(value) for name, value in named.items()}


def keep_cases(folder: Path) -> None:
    """A practice of three patients with drawn lesions: two visits of one, a correction, a histology."""
    model, records = load(), open_records(folder)
    saved = []
    for place, (patient, dx, seed, day) in enumerate(VISITS):
        stream = BytesIO()
        Image.fromarray(draw_lesion(dx, seed, height=450, width=600).image).save(stream, format="PNG")
        content, name = stream.getvalue(), f"drawn-{place}.png"
        case = diagnose_bytes(model, content, name)
        new = NewPicture(patient, "A", "upper_back", day, name, content, 600, 450)
        before = Opinion("nv", Management.FOLLOW_UP, 60, entry.now(), 14.0) if place == 1 else None
        answer = kept_answer(case, model, on=date.fromisoformat(day), sha256=sha256(content).hexdigest())
        saved.append(save_case(records, "Dr A", new, before=before, answer=answer))
    correct(records, "Dr A", saved[1].picture_id, diagnosis="mel", basis=Basis.CONSENSUS)
    add_histology(records, "Dr B", saved[2].lesion_id, diagnosis="bcc", on="2026-05-20")
    records.close()


def read_study(folder: Path, data: Path) -> None:
    """A study of twelve drawn cases that four readers have read to its end, by lot."""
    catalogue = read_catalogue(data)
    names = choose_cases(catalogue, 12, 0.5, seed=0)
    readers = ("Dr A", "Dr B", "Dr C", "Dr D")
    study = new_study(folder, catalogue, load(), names, readers=(*readers, "Dr E"), washout_days=0)
    lot = np.random.default_rng(0)
    for reader in readers:
        while isinstance(task := next_task(study, reader, read_given(folder, study), entry.now()), NextTask):
            right = lot.random() < (0.7 if task.arm == "without" else 0.85)
            malignant = study.case(task.case_id).malignant == right
            suspicion = int(lot.integers(50, 100) if malignant else lot.integers(0, 50))
            said = ("mel", "excise") if malignant else ("nv", "discharge")
            give(
                folder,
                study,
                StudyOpinion(
                    reader, task.arm, task.case_id, task.stage, *said, suspicion, 60, entry.now(), lot.uniform(5, 40)
                ),
            )


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
    rest(page)
    page.wait_for_timeout(500)
    for waiting in ("stStatusWidget", "stSkeleton"):
        page.wait_for_function(f"!document.querySelector('[data-testid={waiting}]')", timeout=120_000)
    # What is left of the view before is stale until the script, or the fragment, has run to its end.
    page.wait_for_function("!document.querySelector('[data-stale=true]')", timeout=120_000)
    page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
