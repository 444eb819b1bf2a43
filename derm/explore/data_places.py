"""The data set that the explorer shows: the user's own, or one that is drawn on the first visit; and results for it.

Needs a cache folder for what is drawn. Knows nothing of pages.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from derm.data.catalogue import Catalogue
from derm.data.synthetic.standin import drawn_folder
from derm.evaluate.dataset import evaluate, write_evaluation
from derm.evaluate.results import find_results
from derm.files import read_json, shorten
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.predict.record import calibration_of

REPLICATES = 200
"""Resamples for the intervals of results on the drawn data set."""

DRAWN = mark("No data set is named, so this one is drawn: {images} pictures of lesions that nobody has.")
"""With IMAGES for {images}."""

HOW_TO_GET = mark("""
HAM10000 (10,015 dermoscopic images, CC BY-NC 4.0) is free to download. Derm reads it in any of three layouts, as it was
unpacked:

- **Harvard Dataverse**, [doi:10.7910/DVN/DBW86T](https://doi.org/10.7910/DVN/DBW86T): `HAM10000_images_part_1`,
  `HAM10000_images_part_2`, `HAM10000_segmentations_lesion_tschandl`, `HAM10000_metadata`;
- **ISIC 2018 task 3**: `ISIC2018_Task3_Training_Input`, `ISIC2018_Task3_Training_GroundTruth.csv`,
  `ISIC2018_Task3_Training_LesionGroupings.csv`; it comes without masks;
- **Kaggle**: `images`, `masks`, `GroundTruth.csv`, and best `HAM10000_metadata.csv` beside them.

Then start Derm with the folder's name: `DERM_DATA=/path/to/ham10000 make app`. `derm data check DIR` tells whether a
copy is whole.
""")
"""Markdown: how to get the data set, in the layouts that `derm.data.catalogue` reads."""


def results_of_drawn(model: Model, cache: Path) -> Path:
    """Where results of `model` on the drawn data set's validation part are kept, whether they are there or not."""
    name = f"{model.name}-{model.network_id[:8]}-{calibration_of(model.description)}"
    return drawn_folder(cache).with_name(f"{drawn_folder(cache).name}-results") / name


def measure_drawn(
    model: Model, catalogue: Catalogue, folder: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Measure `model` on the validation part of the drawn data set and write the results into `folder`."""
    write_evaluation(evaluate(model, catalogue, "validation", replicates=REPLICATES, measuring=progress), folder)


def results_places(model: Model, cache: Path, named: Path, images: int, *, drawn: bool) -> list[Path]:
    """The folders of results to choose from: for the drawn data set those on it, else those in `named`.

    Those of the loaded weights first, then those of a data set of as many `images`, then by part, newest first, the
    test part last: a page that is browsed by habit should not wear the test part out.
    """
    found = find_results(results_of_drawn(model, cache).parent if drawn else named)
    about = {folder: _measured_on(folder) for folder in found}

    calibrations = (None, calibration_of(model.description))

    def order(folder: Path) -> tuple[bool, ...]:
        said = about[folder]
        return (
            said.get("sha256") != model.sha256,
            said.get("calibration") not in calibrations,
            said.get("data_images") != images,
            said.get("part") == "test",
        )

    return sorted(found, key=order)


def _measured_on(folder: Path) -> dict[str, Any]:
    """Part and weights of results; nothing of what cannot be read, which is refused where it is opened."""
    try:
        file = folder / "metrics.json"
        told = file.stat()
        return _read_about(file, told.st_mtime_ns, told.st_size)
    except OSError:
        return {}


@lru_cache(maxsize=1000)
def _read_about(file: Path, changed: int, size: int) -> dict[str, Any]:  # noqa: ARG001 (a changed file is another)
    """`_measured_on`, read once while the file stays as it is, for a page asks at every click."""
    try:
        about = read_json(file)["measured_on"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return about if isinstance(about, dict) else {}


def gone(name: str, shown: str) -> str:
    """Says that the chosen results are no longer there, and which are shown now; '' for none."""
    if not shown:
        return say("The results '{name}' are no longer there.", name=name)
    return say("The results '{name}' are no longer there: '{shown}' is shown instead.", name=name, shown=shown)


def unwritten(names: Sequence[str]) -> str:
    """Says that folders of results, by their names as they can be written, are left out."""
    return say(
        "Results are left out whose folder has a name that is no text in UTF-8: {names}. Give it another name.",
        names=", ".join(shorten(name, 60) for name in names[:5]),
    )


HOW_TO_MEASURE = mark(
    "There are no results yet. Make them with `derm evaluate --data DIR --split validation --out results/validation`, "
    "which takes some minutes for 2,000 images, then open this page again. Results elsewhere are found with "
    "`DERM_RESULTS=/path/to/results`."
)
"""Markdown."""

MEASURE_DRAWN = mark(
    "The loaded weights have not been measured on the drawn data set yet. That takes some seconds. They learned from "
    "photographs, and what they make of drawings says nothing of patients: this is to try the page."
)

TAKES_LONGER = mark(
    "This asks the model about every image once, about five minutes for 10,000 images on one core, and keeps what it "
    "finds in {place}."
)

TAKES = mark("This reads all files once, about a minute for 10,000 images, and keeps what it finds in {place}.")
