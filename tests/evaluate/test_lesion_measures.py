"""What measures are worth, on drawings and on rows whose order is known."""

from pathlib import Path

import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from derm.cli.main import app
from derm.data.catalogue import read_catalogue
from derm.data.split import PARTS
from derm.data.synthetic.dataset import synthesise
from derm.errors import DataFault
from derm.evaluate.lesion_measures import COLUMNS, NAMES, known_worth, measure_rows, measure_worth


def rows_of(source: str, dx: list[str], diameter: list[float]) -> pd.DataFrame:
    table = pd.DataFrame({"source": source, "dx": dx, "lesion_id": [f"{source}{place}" for place in range(len(dx))]})
    for name in NAMES:
        table[name] = 1.0
    return table.assign(image_id=table["lesion_id"], diameter=diameter)


def test_a_measure_that_orders_lesions_is_worth_one_and_one_that_does_not_a_half():
    rows = rows_of("a", ["mel"] * 10 + ["bcc"] * 10 + ["nv"] * 20, [9.0] * 10 + [5.0] * 10 + [1.0] * 20)
    worth = measure_worth(rows).set_index(["tells", "measure"])["auc"]
    assert worth["malignant", "diameter"] == 1
    assert worth["melanoma", "diameter"] == 1
    assert worth["malignant", "area"] == 0.5


def test_sources_are_told_apart_and_one_of_a_single_kind_is_left_out():
    rows = pd.concat(
        [
            rows_of("a", ["mel"] * 5 + ["nv"] * 5, [2.0] * 5 + [1.0] * 5),
            rows_of("b", ["mel"] * 5 + ["nv"] * 5, [1.0] * 5 + [2.0] * 5),
            rows_of("c", ["nv"] * 4, [1.0] * 4),
        ]
    )
    worth = measure_worth(rows)
    assert tuple(worth.columns) == COLUMNS
    assert set(worth["tells"]) == {"melanoma"}  # no other malignant diagnosis is there
    assert worth[worth["measure"] == "diameter"].set_index("source")["auc"].to_dict() == {"a": 1.0, "b": 0.0}


def test_drawings_are_measured_inside_their_outlines(tmp_path):
    synthesise(tmp_path / "drawn", images=21, seed=1)
    table = read_catalogue(tmp_path / "drawn").table
    seen = []
    rows = measure_rows(table, progress=lambda done, total: seen.append((done, total)))
    assert set(rows["image_id"]) == set(table["image_id"])
    assert (rows["area"] > 0).all()
    assert seen[-1] == (21, 21)


def test_the_lesions_of_a_table_of_measures_are_those_of_the_split(tmp_path):
    folder = tmp_path / "drawn"
    synthesise(folder, images=21, seed=1)
    one, other = read_catalogue(folder).table.drop_duplicates("lesion_id")["image_id"].iloc[:2]
    (folder / "near_duplicates.csv").write_text(f"image_id,same_lesion_as\n{one},{other}\n", encoding="utf-8")
    for part in PARTS:
        told = CliRunner().invoke(
            app, ["measures", "--data", str(folder), "--split", part, "--out", str(tmp_path / f"{part}.csv")]
        )
        assert told.exit_code == 0, told.output
    rows = pd.concat(pd.read_csv(tmp_path / f"{part}.csv") for part in PARTS).set_index("image_id")
    assert rows.loc[one, "lesion_id"] == rows.loc[other, "lesion_id"]


def test_without_outlines_there_is_one_sentence(tmp_path):
    synthesise(tmp_path / "drawn", images=21, seed=1)
    table = read_catalogue(tmp_path / "drawn").table.assign(mask_path="")
    with pytest.raises(DataFault, match="with masks"):
        measure_rows(table)
    empty = tmp_path / "empty.png"
    with Image.open(table["image_path"][0]) as image:
        Image.new("L", image.size).save(empty)
    with pytest.raises(DataFault, match="Every outline here is empty"):
        measure_rows(table.head(2).assign(mask_path=str(empty)))


def test_what_is_no_measures_worth_is_refused(tmp_path):
    file = tmp_path / "worth.json"
    file.write_text('[{"part": "test", "source": "a"}]')
    with pytest.raises(DataFault, match="holds no measures' worth"):
        known_worth(file)
    shipped = Path(measure_worth.__globals__["__file__"]).parents[1] / "predict" / "measure_worth.json"
    assert known_worth(shipped)
