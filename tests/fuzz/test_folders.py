"""Readers of tables, selections, results and run logs on made and mutated input, and DICOM and HEIC among pictures.

Each gives an answer that its pages can show, or one of Derm's own refusals, and nothing else. FUZZ_EXAMPLES says how
many inputs a reader gets.
"""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from derm.data.catalogue import read_catalogue
from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import DataFault, DermError, ImageRefused
from derm.evaluate.dataset import class_curves, reliability_bins, write_evaluation
from derm.evaluate.results import Evaluation, Results, read_results
from derm.explore import predictions, selections
from derm.figures import results as figures
from derm.json_checks import is_shallow
from derm.metrics.registry import classification_measures
from derm.metrics.subgroups import COLUMNS
from derm.monitor.runs import Run
from derm.spreadsheet import csv_line, uncell

pytestmark = [pytest.mark.fuzz, pytest.mark.slow]

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "100"))
UNHURRIED: list[HealthCheck] = [
    HealthCheck.too_slow,
    HealthCheck.function_scoped_fixture,
    HealthCheck.data_too_large,
    HealthCheck.filter_too_much,
]


def budget(share: float) -> settings:
    """That share of the inputs: readers differ in what one costs."""
    return settings(max_examples=max(5, int(EXAMPLES * share)), deadline=None, suppress_health_check=UNHURRIED)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=12)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)


@st.composite
def spoiled(draw: st.DrawFn, whole: bytes) -> bytes:
    """A file's bytes with some changed, taken out, doubled or cut off."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, max(len(content) - 1, 0)))
        match draw(st.sampled_from(("set", "remove", "double", "cut"))):
            case "set":
                content[place : place + 1] = draw(st.binary(min_size=1, max_size=4) | st.sampled_from(MARKS))
            case "remove":
                del content[place : place + draw(st.integers(1, 60))]
            case "double":
                content[place:place] = content[place : place + draw(st.integers(1, 200))]
            case _:
                del content[place:]
    return bytes(content)


MARKS = (b",", b"\n", b'"', b"\0", b"\xff\xfe", b"=1", b"1e999", b"NaN", b"-1", b";", b"\r", b"0")


def at_places(content: Any, change: st.DrawFn) -> Any:
    """JSON with one value somewhere inside replaced by any other, or taken out."""
    place, path = content, []
    while isinstance(place, dict | list) and place and change(st.integers(0, 3)):
        key = change(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        path.append((place, key))
        place = place[key]
    if not path:
        return change(values)
    inside, key = path[-1]
    if isinstance(inside, dict) and change(st.booleans()):
        del inside[key]
    else:
        inside[key] = change(values)
    return content


@st.composite
def changed_json(draw: st.DrawFn, whole: str) -> bytes:
    """A JSON file with a field or two of other kinds, or with other bytes."""
    if not draw(st.integers(0, 3)):
        return draw(spoiled(whole.encode()))
    content = at_places(json.loads(whole), draw)
    if draw(st.booleans()):
        content = at_places(content, draw)
    return json.dumps(content).encode()


# Spreadsheets


@budget(1)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=12), min_size=1, max_size=5))
def test_every_text_comes_back_and_no_cell_is_a_formula(texts):
    line = csv_line(texts)
    for separator in ",;\t|":  # whatever a spreadsheet takes for one
        for found in next(iter([line.strip("\n").split(separator)])):
            bare = found.strip().strip('"')
            assert not bare.startswith(("=", "@")) or '"' in line, line
    table = pd.read_csv(io.StringIO(csv_line(map(str, range(len(texts)))) + line, newline=""), dtype=str,
                        keep_default_na=False, skip_blank_lines=False)  # fmt: skip
    assert [uncell(one) for one in table.iloc[0]] == [text.replace("\r\n", "\r\n") for text in texts]


# Tables


METADATA = (
    b"lesion_id,image_id,dx,dx_type,age,sex,localization,dataset\n"
    b"L1,A,nv,histo,40,male,back,d\nL2,B,mel,histo,,,face,d\n"
)


@budget(0.1)
@given(spoiled(METADATA) | st.binary(max_size=200))
def test_tables_of_data_sets(tmp_path, content):
    (tmp_path / "HAM10000_metadata.csv").write_bytes(content)
    for name in ("A.jpg", "B.jpg"):
        (tmp_path / "images").mkdir(exist_ok=True)
        (tmp_path / "images" / name).touch()
    try:
        table = read_catalogue(tmp_path).table
    except DermError:
        return
    assert len(table)
    assert set(table["dx"]) <= {*CODES, "unknown"} or table["dx"].map(str).map(len).max() < 40


@budget(1)
@given(spoiled(b"image_id,note\nA,x\nB,=1\n") | st.binary(max_size=100))
def test_selections(content):
    try:
        found = selections.parse(content, "it.csv")
    except DataFault:
        return
    assert found
    assert len(set(found)) == len(found)


# Results


def made_evaluation() -> Evaluation:
    """Figures of 28 made answers, as `derm evaluate` writes them, without a network."""
    lot = np.random.default_rng(0)
    true = np.arange(28) % 7
    probabilities = lot.dirichlet(np.ones(7), 28).round(6)
    probabilities[:, 0] += 1 - probabilities.sum(axis=1)
    ids = [f"I{number}" for number in range(28)]
    table = pd.DataFrame(
        {
            "image_id": ids,
            "lesion_id": ids,
            "dx_true": [CODES[one] for one in true],
            "dx_pred": [CODES[one] for one in probabilities.argmax(axis=1)],
            **{f"p_{code}": probabilities[:, index] for code, index in INDEX.items()},
            "p_malignant": probabilities[:, list(MALIGNANT)].sum(axis=1),
            "dice": 0.8,
            "iou": 0.7,
        }
    )
    metrics = classification_measures(true, probabilities)
    bins = reliability_bins(true, probabilities)
    malignant, referred = np.array(MALIGNANT)[true], table["p_malignant"].to_numpy() >= 0.3
    rates = {"sensitivity": float(referred[malignant].mean()), "specificity": float(1 - referred[~malignant].mean())}
    figure = {"value": 0.5, "interval": [0.4, 0.6]}
    metrics |= {
        "measured_on": {
            "weights": "w", "sha256": "0" * 64, "split": "lesion", "split_by": "lesion", "part": "validation",
            "images": 28, "lesions": 28, "trained_on_split_by": "lesion", "date": "2026-11-27", "data_images": 100,
            "trained_on_sources": ["a"], "left_out": [], "sources": {"a": 28}, "known_images": 0,
            "identity": {"rows": "x", "pictures": {"I0": [1] * 16}},
        },
        "intervals": {"accuracy": [0.1, 0.3], "malignant.auc": None, "per_class.mel.recall": [0.0, 0.5]},
        "decision": {"threshold": 0.3, **rates, "by_lesion": rates | {"specificity": None}},
        "by_source": {"a": {"within": None, "images": 28, "lesions": 28, "malignant": 12,
                            "figures": dict.fromkeys(predictions.FIGURES, figure)}},
        "calibration": {"temperature": 1.0, "before": {}, "after": {}, "reliability": {"before": bins, "after": bins}},
        "rules": {"mix": None, "data_mix": {"accuracy": 0.3}},
        "baselines": {"site": {"accuracy": None}},
        "dice": 0.8,
        "iou": 0.7,
        "outlines": {"share_failed": 0.0},
        "explanation": None,
    }  # fmt: skip
    spots = pd.DataFrame(lot.normal(size=(28, 4)), columns=["tsne_1", "tsne_2", "pca_1", "pca_2"])
    outlines = table[["image_id", "lesion_id", "dice", "iou"]].assign(hausdorff95=1.0, surface_distance=0.5)
    groups = pd.DataFrame([("sex", "male", 28, 28, 12, "accuracy", 0.3, 0.2, None, "")], columns=list(COLUMNS))
    embedding = pd.concat([table[["image_id"]], spots], axis=1)
    return Evaluation(
        metrics=metrics,
        predictions=table,
        outlines=outlines,
        subgroups=groups,
        curves=class_curves(true, probabilities),
        embedding=embedding,
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """As older versions wrote it, without hashes of the other files: with them any change would be refused unread."""
    folder = tmp_path_factory.mktemp("results") / "sound"
    write_evaluation(made_evaluation(), folder)
    metrics = json.loads((folder / "metrics.json").read_text())
    del metrics["files"]
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def show(results: Results) -> None:
    """What the explorer says and draws of results."""
    every = np.ones(len(results.predictions), dtype=np.bool_)
    said = [results.name, *predictions.remarks(results), predictions.sources_sentence(results)]
    said += [predictions.accuracy_sentence(results, np.array(results.metrics["confusion_matrix"]))]
    said += [predictions.sources_spoken(results, name) for name in results.by_source and predictions.FIGURES]
    predictions.sources_frame(results)
    assert np.isfinite(results.probabilities).all()
    assert set(results.true) <= set(range(7))
    drawn = [
        figures.roc(results.curves, dark=False, metrics=results.metrics),
        figures.precision_recall(results.curves, dark=False),
        figures.per_class_bars(results.metrics, "recall", dark=True),
        figures.subgroups(results.subgroups, dark=False),
        figures.reliability(predictions.bins(results, every, "malignant"), dark=False),
    ]
    "\n".join([*said, *(figure.to_json() for figure in drawn)]).encode()


def test_the_sound_ones_are_read(sound):
    show(read_results(sound))


@pytest.mark.parametrize(
    "name", ["metrics.json", "curves.json", "predictions.csv", "outlines.csv", "subgroups.csv", "embedding.csv"]
)
@budget(0.1)
@given(data=st.data())
def test_results(sound, name, data):
    whole = (sound / name).read_bytes()
    way: Callable[[Any], Any] = changed_json if name.endswith(".json") else spoiled
    content = data.draw(way(whole.decode() if name.endswith(".json") else whole))
    said = ""
    try:
        (sound / name).write_bytes(content)
        show(read_results(sound))
    except DataFault as fault:
        said = str(fault)
    finally:
        (sound / name).write_bytes(whole)
    assert "\n" not in said
    assert len(said) < 1000


# Runs


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    from derm.bench.monitor import write_run

    folder = tmp_path_factory.mktemp("runs") / "run"
    folder.mkdir()
    write_run(folder, 6, 0)
    return folder


@budget(0.1)
@given(data=st.data())
def test_run_logs(run, data):
    from derm.monitor import compare, series, words

    log = run / "events.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    others = lines.copy()
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(lines) - 1))
        others[place] = data.draw(changed_json(lines[place].decode())) + b"\n"
    try:
        log.write_bytes(b"".join(others))
        (run / "run.json").write_bytes(data.draw(changed_json(json.dumps(json.loads(lines[0])))))
        known = Run(run)
        known.look()
        said = [words.headline(known), words.in_list(known), words.about_line(known), words.damaged_line(known)]
        said += [words.stage_line(series.stages(known), series.planned_pace(known), known.standing.epoch)]
        said += [words.replay_line(series.replays(known), 0.25), str(words.table([known]))]
        said += [words.best_line(best)] if (best := known.best()) else []
        assert is_shallow(known.config)
        compare.differences([known, known]), series.losses(known), series.planned_shares(known)
        "\n".join(said).encode()
    finally:
        log.write_bytes(b"".join(lines))


# Pictures of the clinic and of phones, in this process: their own one has limits, and takes a second each


@budget(0.2)
@given(data=st.data())
@pytest.mark.filterwarnings("ignore")  # of pydicom, about damaged files
def test_dicom(data):
    pytest.importorskip("pydicom")
    from derm.image.dicom import parse

    check_parsed(parse, data.draw(spoiled(dicom_file())))


@budget(0.2)
@given(data=st.data())
def test_heic(data):
    pytest.importorskip("pi_heif")
    from derm.image.heic import parse

    check_parsed(parse, data.draw(spoiled((CORPUS / "sound.heic").read_bytes())))


@pytest.mark.parametrize("path", sorted(CORPUS.glob("dicom-*")), ids=lambda path: path.name)
@pytest.mark.filterwarnings("ignore")
def test_dicom_that_was_found(path):
    pytest.importorskip("pydicom")
    from derm.image.dicom import parse

    check_parsed(parse, path.read_bytes())


def check_parsed(parse: Callable[[bytes, str], Any], content: bytes) -> None:
    try:
        picture, about = parse(content, "made")
        said = ""
    except ImageRefused as refused:
        said = str(refused)
    assert said.isprintable()
    assert len(said) < 300
    if said:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.size < 10**8
    json.dumps(about, allow_nan=False)


def dicom_file() -> bytes:
    """A small picture in DICOM, uncompressed."""
    from pydicom import dcmwrite
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.77.1.7"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.3"
    data.Rows, data.Columns, data.SamplesPerPixel, data.PlanarConfiguration = 16, 20, 3, 0
    data.PhotometricInterpretation, data.BitsAllocated, data.BitsStored = "RGB", 8, 8
    data.HighBit, data.PixelRepresentation, data.PixelSpacing = 7, 0, [0.01, 0.01]
    data.PixelData = (np.arange(960) % 256).astype(np.uint8).tobytes()
    stream = io.BytesIO()
    dcmwrite(stream, data, enforce_file_format=True)
    return stream.getvalue()
