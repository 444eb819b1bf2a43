"""Readers of structures, concepts, compared systems, studies and trainings on spoiled files: each gives an answer that
can be shown, or one sentence."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spoiled_json import hold

from derm.concepts.change import smallest_change
from derm.concepts.directions import read_directions
from derm.concepts.read import CONCEPTS
from derm.diagnoses import CODES
from derm.errors import DataFault, WeightsFault
from derm.figures.systems import system_points
from derm.model.description import SEAL, seal_of
from derm.paths import app_folder
from derm.records.chain import START, canonical, digest
from derm.records.entry import Management
from derm.structures import words as structure_words
from derm.structures.engine import Seen
from derm.structures.look import found_in
from derm.structures.weights import load_structures
from derm.study import design, reading, results
from derm.teach import job
from derm.zoo import compared, view, words
from derm.zoo.document import document
from derm.zoo.systems import OURS

pytestmark = [pytest.mark.fuzz]

SHIPPED = app_folder() / "weights"
OUTLINE = np.pad(np.ones((40, 40), dtype=np.bool_), 10)


def sealed(content: Any) -> Any:
    """`content` as somebody wrote it who knows of the hash."""
    if not isinstance(content, dict):
        return content
    content = {name: value for name, value in content.items() if name != SEAL}
    try:
        return {SEAL: seal_of(content), **content}
    except ValueError:  # NaN, which has no JSON
        return {SEAL: "", **content}


def test_a_decoder_of_structures(tmp_path):
    for ending in ("safetensors", "onnx"):
        shutil.copy(SHIPPED / f"structures.{ending}", tmp_path)
    whole = json.loads((SHIPPED / "structures.json").read_text())
    lot = np.random.default_rng(0)
    seen = Seen(lot.random((1, 5, 28, 28), dtype=np.float32), lot.normal(size=(1, 5)).astype(np.float32))

    def use(content: Any) -> None:
        (tmp_path / "structures.json").write_text(json.dumps(sealed(content)))
        info = load_structures(tmp_path / "structures.json").info
        told = found_in(seen, info, OUTLINE, "stretch")
        assert all(0 <= one.probability <= 1 for one in told)
        structure_words.lines(told)

    hold({**whole, "measured": {}, "taken": whole["taken"][:2]}, use)


def test_directions_of_concepts():
    def use(content: Any) -> None:
        try:
            found = read_directions(json.loads(json.dumps(sealed(content))))
        except (ValueError, KeyError, TypeError) as error:  # its reader makes a sentence of these
            raise WeightsFault("damaged") from error
        for logits, values in (((0, 0, 0, 0, 2, 1, 0), 0.0), ((1, 2, 0, 0, -2, 1, 0), np.nan)):
            smallest_change(np.array(logits, dtype=float), np.full(len(CONCEPTS), values), found, 1.0, 0.5)

    hold(json.loads((SHIPPED / "concepts.json").read_text()), use)


def test_a_comparison_of_systems(tmp_path):
    whole = json.loads((app_folder() / "docs" / "comparison.json").read_text())
    whole["rows"] = [row for row in whole["rows"] if row["by"]][:1]

    def use(content: Any) -> None:
        (tmp_path / "it.json").write_text(json.dumps(sealed(content)))
        show(compared.read_comparison(tmp_path / "it.json"))

    hold(whole, use)


def show(found: compared.SystemComparison) -> None:
    """What page and document say and draw of a comparison."""
    for name in compared.LABELS:
        words.verdict(found, name), words.alt(found, name), view.rows(found, name)
        system_points(view.points(found, name), "figure", dark=False).to_json()
    words.conclusion(found), words.not_run(found), document(found)
    json.dumps(found.as_dict(), allow_nan=False)


@pytest.fixture
def systems(tmp_path) -> Path:
    """Results of two systems, as `derm zoo run` writes them; where those of the other one than ours lie."""
    rows = [("image_id", "lesion_id", "dx_true", *(f"p_{code}" for code in CODES), "dice")]
    rows += [(f"I{one}", f"L{one // 2}", CODES[one % 7], *[0.1] * 6, 0.4, 0.5) for one in range(14)]
    table = "\n".join(",".join(map(str, row)) for row in rows) + "\n"
    span = {"value": 0.1, "interval": [0.0, 0.2]}
    about = {"weights": "w", "sha256": "0" * 64, "split": "by lesion", "part": "test", "images": 14}
    about["trained_on_split_by"] = "lesion"
    files = {
        "measured.json": {"trained_images": 5, "epoch": 2, "epochs": 5, "about": about},
        "cost.json": {"parameters": 1.0, "gflop": 2.0, "milliseconds": 3.0, "ratio": 1.0, "threads": 1},
        "concepts.json": {
            "ice": {"parts": 3, "kept": 0.5, "images": 3},
            "ace": {"found": 4, "for": 2, "diagnoses": 2},
            "cme": {
                **{key: [0.5, 0.4, None] for key in ("fidelity", "by_chance", "melanoma")},
                "concepts": {"streaks": [0.5, 0.4, 0.6]},
            },
        },
        "explained.json": {"grad-cam": {"images": 3, "flat": 0, "measures": {"road": span}}},
    }
    for name in (OURS, "alexnet"):
        place = tmp_path / "proxy" / "by-lesion" / "random" / name
        place.mkdir(parents=True)
        (place / "predictions.csv").write_text(table)
        for file, content in files.items():
            (place / file).write_text(json.dumps(content))
    return place


def gather(place: Path) -> None:
    show(compared.compare_systems(place.parents[3], "proxy", 64, lambda system: {"parameters": 1.0}, replicates=5))


@pytest.mark.parametrize("file", ["measured.json", "cost.json", "explained.json", "concepts.json"])
def test_files_of_a_system(systems, file, monkeypatch):
    whole = json.loads((systems / file).read_text())
    monkeypatch.setattr("spoiled_json.TRIED", 15)

    def use(content: Any) -> None:
        (systems / file).write_text(json.dumps(content))
        gather(systems)

    hold(whole, use)


@pytest.mark.parametrize(
    ("cell", "value"),
    [(0, "I1"), (0, ""), (1, ""), (2, "x"), (3, "nan"), (3, "inf"), (3, "-1"), (3, "0.9"), (9, "1e400"), (10, "much")],
)
def test_a_table_of_a_system(systems, cell, value):
    lines = (systems / "predictions.csv").read_text().splitlines()
    cells = lines[1].split(",")
    cells[cell] = value
    (systems / "predictions.csv").write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]))
    with pytest.raises(DataFault, match=r"delete it and run the system again"):
        gather(systems)


# Studies


def a_study() -> dict[str, Any]:
    case = {
        "source_id": "a", "picture": "0" * 64, "outline": "0" * 64, "heat": "", "sentences": ["x"],
        "says_malignant": True, "record": {"p_malignant": 0.5, "dx_pred": "mel"},
    }  # fmt: skip
    return {
        "format": 1, "name": "s", "created_at": "2026-01-01T00:00:00Z", "readers": ["ada"], "arms": ["without", "with"],
        "washout_days": 0, "seed": 0, "weights": "w", "weights_sha256": "0" * 64, "calibration": "c", "software": "d",
        "cases": [{**case, "id": str(one), "truth": ("nv", "mel")[one % 2]} for one in range(4)],
    }  # fmt: skip


def kept(folder: Path, content: Any) -> None:
    """Write a study under the hash that it has then."""
    if isinstance(content, dict):
        bare = {name: value for name, value in content.items() if name != "hash"}
        try:
            content = {**bare, "hash": hashlib.sha256(canonical(bare).encode()).hexdigest()}
        except ValueError:
            content = {**bare, "hash": ""}
    (folder / design.FILE).write_text(json.dumps(content))


def opinion(reader: str, arm: str, case: str, stage: str) -> reading.StudyOpinion:
    at = "2026-01-01T00:00:00+00:00"
    return reading.StudyOpinion(reader, arm, case, stage, "nv", str(next(iter(Management))), 50, 50, at, 1.0, at)


def test_a_study(tmp_path):
    def use(content: Any) -> None:
        kept(tmp_path, content)
        study = design.read_study(tmp_path)
        given = [
            opinion(reader, arm, case.id, stage)
            for reader in study.readers
            for arm in study.arms
            for case in study.cases
            for stage in (("before",) if arm == "without" else ("before", "after"))
        ]
        for reader in study.readers:
            assert reading.next_task(study, reader, given, "2027") is None
        json.dumps(results.as_dict(study, results.results_of(study, given)), allow_nan=False)
        results.opinions_csv(study, given)

    hold(a_study(), use)


def test_opinions_of_a_study(tmp_path):
    kept(tmp_path, a_study())
    study = design.read_study(tmp_path)
    line = {**opinion("ada", "without", "1", "before")._asdict(), "study": study.hash, "previous": START}

    def use(content: Any) -> None:
        if isinstance(content, dict):
            try:
                content = {**content, "hash": digest(content.get("previous", ""), content)}
            except (ValueError, TypeError):
                content = {**content, "hash": ""}
        (tmp_path / reading.FILE).write_text(json.dumps(content) + "\n")
        given = reading.read_given(tmp_path, study)
        reading.next_task(study, "ada", given, "2027")

    hold(line, use)


# Trainings on the practice's cases


def test_a_training(tmp_path):
    header = ",".join(job.COLUMNS)
    (tmp_path / f"compared-{job.OLD}.csv").write_text(f"{header}\nx{',0.1' * (len(job.COLUMNS) - 1)}\n")
    whole = {
        "stage": "done", "way": "head", "epochs": 3, "learning_rate": 1e-4, "outsiders": [], "weights": "w",
        "before": "b", "old": ["x"], "without_old": False, "said": ["x"],
        "compared": {job.OLD: {"images": 3, "lesions": 2}},
    }  # fmt: skip

    def use(content: Any) -> None:
        (tmp_path / job.ABOUT).write_text(json.dumps(content))
        job.read_teaching(tmp_path)

    hold(whole, use)
