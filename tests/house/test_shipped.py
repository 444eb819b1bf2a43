"""The shipped weights, and what the README says of them."""

import json
import re
import runpy
from pathlib import Path

import pytest

from derm.data.synthetic.lesion import draw_lesion
from derm.model.description import check_seal
from derm.model.weights import default_weights, load_weights
from derm.predict.case import diagnose

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model():
    return load_weights(default_weights())


def test_a_drawn_lesion_is_outlined(model):
    drawn = draw_lesion("mel", 13, height=450, width=600)
    case = diagnose(model, drawn.image, "drawn", truth=drawn.mask)
    overlap = (case.mask & drawn.mask).sum() / (case.mask | drawn.mask).sum()
    assert overlap > 0.8
    assert case.probabilities.sum() == pytest.approx(1)


def test_their_description_says_what_they_are_worth_and_tells_no_path(model):
    about = model.description
    assert about.training["config"]["split_by"] == about.measured["test"]["trained_on_split_by"] == "lesion"
    assert about.measured["test"]["split"] == "by lesion"
    assert about.measured["test"]["images"] == 2004
    assert "CC BY-NC 4.0" in about.licence
    text = default_weights().read_text()
    assert "/" + "work" not in text
    assert '"folder"' not in text


@pytest.mark.parametrize("place", ["weights/*.json", "docs/concepts.json", "docs/comparison.json"])
def test_what_answers_rest_on_is_under_a_hash(place):
    """Where it is not, an older Derm has written it: write it anew with this one."""
    found = sorted(ROOT.glob(place))
    assert found
    assert [path.name for path in found if not check_seal(json.loads(path.read_text(encoding="utf-8")))] == []


def test_the_readme_quotes_what_was_measured():
    """Where it does not: `python tools/readme_results.py` writes the table anew."""
    tool = runpy.run_path(str(ROOT / "tools" / "readme_results.py"))
    table = tool["results"](json.loads(default_weights().read_text(encoding="utf-8")))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert tool["with_results"](readme, table) == readme
    assert len([line for line in table.splitlines() if " – " in line]) == len(tool["ROWS"]) == 8


def test_the_table_of_the_readme_asks_for_figures_that_are_missing():
    tool = runpy.run_path(str(ROOT / "tools" / "readme_results.py"))
    with pytest.raises(SystemExit, match=r"no figures of ham10000, isic2018_task1: run derm evaluate .* --record"):
        tool["results"]({"measured": {}})


def test_files_that_the_readme_shows_are_there():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = {name for name in re.findall(r"\]\((docs/[^)#]+)", readme) if name.endswith(".jpg")}
    assert shown == {f"docs/{page}.jpg" for page in ("diagnose", "compare", "explore", "monitor")}
    for name in (*shown, "docs/model-card.md", "docs/results.md", "docs/experiments.md"):
        assert name in readme
        assert (ROOT / name).is_file()


@pytest.mark.real
def test_a_real_lesion_is_outlined_and_named(model, ham10000):
    from derm.image.decode import open_image, read_mask

    image = open_image(ham10000 / "images" / "ISIC_0024306.jpg")
    true = read_mask(ham10000 / "masks" / "ISIC_0024306_segmentation.png")
    case = diagnose(model, image, "real", truth=true)
    assert case.predicted.code == "nv"
    assert (case.mask & true).sum() / (case.mask | true).sum() > 0.8
