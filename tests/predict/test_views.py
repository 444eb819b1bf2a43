"""Eight views: turned back where they came from, averaged by hand, one view as before, and what a spread is worth."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from derm.data.synthetic.lesion import draw_lesion
from derm.diagnoses import CODES
from derm.engine.pytorch import TorchEngine
from derm.errors import ConfigFault
from derm.evaluate.dataset import evaluate
from derm.evaluate.doubt import DOUBTS, measure_views
from derm.image.resize import square, window_of
from derm.model.preprocess import normalise
from derm.predict.case import diagnose
from derm.predict.case_list import add_case, ask_again
from derm.predict.export import case_json
from derm.predict.views import EIGHT, spread, turn, turn_back, view
from derm.predict.words import views_note
from tests.cases import cases_csv


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return draw_lesion("mel", 3, height=90, width=120).image


def test_the_eight_views_are_all_and_are_turned_back():
    square_ = np.arange(2 * 9).reshape(2, 3, 3)
    seen = [turn(square_, number) for number in range(EIGHT)]
    np.testing.assert_array_equal(seen[0], square_)
    assert len({tuple(one.flatten().tolist()) for one in seen}) == EIGHT
    for number, one in enumerate(seen):
        np.testing.assert_array_equal(turn_back(one, number), square_)
        coloured = np.stack([square_, square_ + 100], axis=-1)
        np.testing.assert_array_equal(turn(coloured, number, rows=1)[..., 1], one + 100)


@pytest.mark.parametrize("fit", ["squeeze", "pad"])
def test_a_case_is_the_mean_of_its_views(tiny_model, image, fit):
    config = replace(tiny_model.description.model, fit=fit)
    described = replace(tiny_model.description, model=config, temperature=0.5, evidence_shift={"features": 0.3})
    model = replace(tiny_model, description=described)
    case = diagnose(model, image, "one", views=EIGHT)
    turned = [np.rot90(square(image, 64, fit), quarter) for quarter in range(4)]
    turned += [np.rot90(square(image, 64, fit)[:, ::-1], quarter) for quarter in range(4)]
    with torch.no_grad():
        answer = model.net(normalise(torch.from_numpy(np.stack(turned)), config))
    logits = answer.class_logits.double()
    assert case.probabilities == pytest.approx((logits.mean(dim=0) / 0.5).softmax(dim=0).numpy(), abs=1e-5)
    each = (logits / 0.5).softmax(dim=1).numpy()[:, int(case.probabilities.argmax())]
    assert (case.views, case.spread) == (EIGHT, pytest.approx(each.std(), abs=1e-5))
    # Whatever a cell's shift is, the mean over all turns lies evenly.
    assert {(one.shift, one.window) for one in case.evidence} == {(0.0, window_of(90, 120, 64, fit))}


def test_maps_and_outlines_are_turned_back_before_their_mean(tiny_model):
    """A picture turned by a quarter has the same eight views: its mean is the mean, turned."""
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    one, other = (diagnose(tiny_model, shown, "one", views=EIGHT) for shown in (pixels, np.rot90(pixels).copy()))
    np.testing.assert_allclose(np.rot90(one.mask_probability), other.mask_probability, atol=1e-5)
    for first, second in zip(one.evidence, other.evidence, strict=True):
        np.testing.assert_allclose(np.rot90(first.cells), second.cells, atol=1e-3)
    assert one.spread == pytest.approx(other.spread, abs=1e-6)


def test_one_view_is_the_answer_as_it_was(tiny_model, image):
    images = normalise(torch.from_numpy(square(image, 64))[None], tiny_model.net.config)
    with torch.inference_mode():
        answer = tiny_model.net(images)
    viewed, upright = view(TorchEngine(tiny_model.net), square(image, 64)[None], 1)
    np.testing.assert_array_equal(viewed.logits, upright.logits)
    np.testing.assert_array_equal(viewed.logits, answer.class_logits.double().numpy())
    np.testing.assert_array_equal(viewed.lesion, answer.mask_logits[:, 0].sigmoid().numpy())
    case = diagnose(tiny_model, image, "one")
    assert (case.views, case.spread, spread(viewed.each, 1.0)) == (1, None, None)
    assert views_note(case) == ""


def test_another_number_is_refused(tiny_model, image, drawn_catalogue):
    for ask in (lambda: diagnose(tiny_model, image, "one", views=4), lambda: evaluate(
        tiny_model, drawn_catalogue, "test", views=0
    )):  # fmt: skip
        with pytest.raises(ConfigFault, match=r"views do not fit: ask for 1, the upright one, or 8"):
            ask()


def test_the_spread_is_in_words_and_files(tiny_model, image):
    case = replace(diagnose(tiny_model, image, "one", views=EIGHT), spread=0.061)
    assert "varies among them by 6 points (standard deviation)" in views_note(case)
    content = json.loads(case_json(case, "terms"))
    assert (content["views"], content["spread"]) == (EIGHT, 0.061)
    rows = csv.DictReader(cases_csv([case, replace(case, spread=None)]).splitlines())
    assert [row["spread"] for row in rows] == ["0.061000", ""]


def test_a_listed_case_is_asked_again_and_keeps_its_place(tiny_model, image):
    cases = add_case(add_case([], diagnose(tiny_model, image, "one")), diagnose(tiny_model, image, "two"))
    anew, listed = ask_again(tiny_model, cases, cases[1], EIGHT)
    assert [one.case.views for one in anew] == [1, EIGHT]
    assert (listed.key, listed.case.name) == (cases[1].key, "one")
    assert ask_again(tiny_model, anew, listed, EIGHT) == (anew, listed)


def test_doubts_are_judged_as_scikit_learn_would():
    random = np.random.default_rng(0)
    true = random.integers(0, 7, 200)
    each = random.normal(0, 1, (200, EIGHT, 7)) + 1.5 * np.eye(7)[true][:, None]
    apart = spread(each, 0.8)
    lesions = np.array([f"lesion {place // 2}" for place in range(200)])
    found = measure_views(true, each, apart, 0.8, lesions, replicates=50)
    mean = torch.from_numpy(each.mean(axis=1) / 0.8).softmax(dim=1).numpy()
    wrong = mean.argmax(axis=1) != true
    assert found["errors"] == wrong.sum()
    assert found["probability"]["value"] == pytest.approx(roc_auc_score(wrong, 1 - mean.max(axis=1)))
    assert found["spread"]["value"] == pytest.approx(roc_auc_score(wrong, apart))
    for name in DOUBTS[1:]:
        less = found[f"{name} less probability"]
        assert less["value"] == pytest.approx(found[name]["value"] - found["probability"]["value"])
        assert less["interval"][0] <= less["value"] <= less["interval"][1]
    assert found["logits"]["accuracy"] == pytest.approx(1 - wrong.mean())
    chosen = -np.log(mean[np.arange(200), true]).mean()
    assert found["logits"]["log_loss"] == pytest.approx(chosen)


def test_views_that_agree_tell_nothing():
    """All views alike: no spread, no disagreement, so that neither tells errors better than a lot would."""
    each = np.repeat(np.random.default_rng(0).normal(0, 1, (60, 1, 7)), EIGHT, axis=1)
    true = np.arange(60) % 7
    found = measure_views(true, each, spread(each, 1.0).round(9), 1.0, true.astype(str), replicates=20)
    assert found["spread"]["value"] == 0.5
    assert found["gain.accuracy"]["value"] == 0
    assert found["probabilities"] == pytest.approx(found["logits"])


@pytest.mark.slow
def test_evaluating_over_views_measures_them(tiny_model, drawn_catalogue):
    one = evaluate(tiny_model, drawn_catalogue, "test", replicates=5)
    result = evaluate(tiny_model, drawn_catalogue, "test", replicates=5, views=EIGHT)
    assert (one.metrics["views"], one.metrics["measured_on"]["views"]) == (None, 1)
    assert "spread" not in one.predictions
    assert (result.metrics["views"]["count"], result.metrics["measured_on"]["views"]) == (EIGHT, EIGHT)
    assert result.metrics["views"]["errors"] == (result.predictions["dx_pred"] != result.predictions["dx_true"]).sum()
    assert result.predictions["spread"].between(0, 0.5).all()
    assert json.loads(json.dumps(result.metrics, allow_nan=False))
    assert list(result.metrics["per_class"]) == list(CODES)
