"""What all tests share: a drawn data set, a cache of their own, one thread, and no test that is skipped in silence.

Needs nothing. A test that needs the real data asks for `ham10000` and bears the mark `real`.
"""

import os
import sys
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import torch
from small_nets import SMALL

from derm.data.catalogue import Catalogue, read_catalogue
from derm.data.synthetic.dataset import synthesise
from derm.evaluate import dataset
from derm.evaluate.explain_dataset import ExplainResults
from derm.explain.agreement import CENTRE_PRIOR
from derm.model.network import LesionNet
from derm.model.weights import Model, WeightsInfo, load_weights, save_weights
from derm.structures.weights import StructureWeights, load_structures
from tests.decoders import save_decoder
from tests.marked import write_marked

HAM10000 = Path(__file__).parents[2] / "shared" / "ham10000"
"""Where the real data set lies: beside the checkout."""

DRAWN_IMAGES = 63
"""Images in the drawn data set: enough for each diagnosis to be in each part."""


def pytest_configure() -> None:
    """Take one thread: on small images more only wait for each other, 20 times as long where the machine is busy."""
    torch.set_num_threads(1)


SLOW = Path(__file__).with_name("slow.txt")
"""Tests (file::function) that were measured to be slow, see tools/list_slow_tests.py."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what was measured to be."""
    slow = set(SLOW.read_text().splitlines()) if SLOW.is_file() else set()  # a copy of this file may stand alone
    for item in items:
        if item.nodeid.partition("[")[0] in slow:
            item.add_marker("slow")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name a case of bytes by its argument: packed files hold the time, and processes must collect the same names."""
    return argname if isinstance(val, bytes) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under CI, let a test fail that is skipped though what it needs should be there."""
    report = yield
    wanted = item.get_closest_marker("browser") or (item.get_closest_marker("real") and HAM10000.exists())
    # An expected failure is reported as skipped, too.
    if report.skipped and wanted and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} may not be skipped under CI, and was: {reason}"
    return report


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Leave the program what it is: a page that a test runs takes its place, and processes begun later would run it."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(scope="session", autouse=True)
def components() -> Iterator[None]:
    """Look once for components of others among the installed packages: 0.3 s, which each `AppTest` begins with."""
    if "streamlit.testing.v1" not in sys.modules:
        yield
        return
    from streamlit.components.v2 import manifest_scanner

    found = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", lambda: found)
        yield


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of decoded images, for this session alone; also in DERM_CACHE."""
    place = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERM_CACHE", str(place))
        yield place


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drawn data set of `DRAWN_IMAGES` images, to be read only."""
    folder = tmp_path_factory.mktemp("drawn") / "set"
    synthesise(folder, images=DRAWN_IMAGES, seed=1)
    return folder


@pytest.fixture(scope="session")
def drawn_catalogue(drawn: Path) -> Catalogue:
    """The catalogue of `drawn`."""
    return read_catalogue(drawn)


@pytest.fixture(scope="session")
def ham10000() -> Path:
    """The real data set, to be read only; the test is skipped where there is none."""
    if not HAM10000.exists():
        pytest.skip(f"HAM10000 is not in {HAM10000}")
    return HAM10000


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The description (.json) of a tiny network with random weights, quick to load and to ask."""
    torch.manual_seed(0)
    net = LesionNet(SMALL)
    path = tmp_path_factory.mktemp("weights") / "tiny.json"
    save_weights(path, net, WeightsInfo(model=net.config))
    return path


@pytest.fixture(scope="session")
def tiny_model(tiny_weights: Path) -> Model:
    """`tiny_weights`, loaded."""
    return load_weights(tiny_weights)


@pytest.fixture(scope="session")
def tiny_decoder(tiny_model: Model, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The description of a decoder of structures with random weights for the tiny network, with its graph."""
    path = tmp_path_factory.mktemp("decoder") / "structures.json"
    save_decoder(tiny_model, path)
    return path


@pytest.fixture(scope="session")
def marked_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn pictures with marks, see `tests.marked`."""
    folder = tmp_path_factory.mktemp("marked")
    write_marked(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_structures(tiny_decoder: Path) -> StructureWeights:
    """`tiny_decoder`, loaded."""
    return load_structures(tiny_decoder)


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that evaluate take 20 resamples for an interval, not 1,000: 3 s of a dozen images' evaluation."""
    monkeypatch.setattr(dataset, "evaluate", partial(dataset.evaluate, replicates=20))


@pytest.fixture
def explained(tmp_path: Path) -> ExplainResults:
    """Results of `derm explain` on two images, by hand: Grad-CAM of one called right, one called wrong."""
    rows = []
    for name, dx, guess, value in (("a", "mel", "mel", 0.6), ("b", "nv", "mel", 0.2)):
        rows += [
            {"image_id": name, "lesion_id": name, "dx_true": dx, "dx_pred": guess, "method": "grad-cam", "role": role,
             "true_inside": value + extra}
            for role, extra in (("both" if dx == guess else "predicted", 0.0), ("other", 0.1))
        ]  # fmt: skip
        rows.append({**rows[-1], "method": CENTRE_PRIOR, "role": "", "true_inside": 0.5})
    figures = {"true_inside": {"mean": 0.4, "interval": [0.2, 0.6], "skill": -0.2, "skill_interval": None}}
    summary = {
        "agreement": {"predicted": {"grad-cam": {"all": {"all": {"images": 2, "flat": 0, "figures": figures}}}}},
        "right_or_wrong": {
            "grad-cam": {"true_inside": {"auc": 0.61, "interval": [0.5, 0.7]}},
            "probability": {"probability": {"auc": 0.84, "interval": [0.8, 0.9]}},
        },
    }
    about = {"weights": "tiny", "sha256": "ab" * 32, "part": "test", "split": "by lesion", "images": 2, "lesions": 2,
             "date": "2026-01-02"}  # fmt: skip
    return ExplainResults(tmp_path, about, summary, pd.DataFrame(rows), pd.DataFrame())
