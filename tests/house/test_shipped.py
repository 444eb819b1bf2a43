"""The shipped weights, and what the README says of them."""

from pathlib import Path

import pytest

from derm.data.synthetic.lesion import draw_lesion
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


def test_the_readme_quotes_what_was_measured(model):
    measured = model.description.measured["test"]
    readme = (ROOT / "README.md").read_text()
    for name in ("accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "dice", "iou", "pixel_accuracy"):
        low, high = measured["intervals"][name]
        assert f"| {measured[name]:.3f} ({low:.3f} – {high:.3f}) |" in readme


def test_files_that_the_readme_shows_are_there():
    assert (ROOT / "docs" / "diagnose.jpg").is_file()
    assert (ROOT / "docs" / "compare.jpg").is_file()
    assert (ROOT / "docs" / "model-card.md").is_file()
    assert (ROOT / "docs" / "experiments.md").is_file()


@pytest.mark.real
def test_a_real_lesion_is_outlined_and_named(model, ham10000):
    from derm.image.decode import open_image, read_mask

    image = open_image(ham10000 / "images" / "ISIC_0024306.jpg")
    true = read_mask(ham10000 / "masks" / "ISIC_0024306_segmentation.png")
    case = diagnose(model, image, "real", truth=true)
    assert case.predicted.code == "nv"
    assert (case.mask & true).sum() / (case.mask | true).sum() > 0.8
