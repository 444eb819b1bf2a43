"""Familiarity against what can be worked out by hand, drawn Gaussians, the real pictures, and every guard."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from derm.errors import ConfigFault, DataFault, WeightsFault
from derm.model.network import Answer
from derm.predict.familiar import FOLDS, METHOD, fit_familiarity, is_unfamiliar, pooled, score

BY_HAND = {"method": METHOD, "weights": [2, -1.0], "offset": 0.5, "threshold": 3}


def gaussians(seed=0, channels=6, away=6.0):
    """Training, validation and outsiders, which differ from them along the first axis, the one of least variance."""
    random = np.random.default_rng(seed)
    spread = np.array([0.5] + [3.0] * (channels - 1))
    training, validation = (random.normal(size=(n, channels)) * spread for n in (400, 300))
    outsiders = random.normal(size=(50, channels)) * spread
    outsiders[:, 0] += away * spread[0]
    return training.astype(np.float32), validation.astype(np.float32), outsiders.astype(np.float32)


@pytest.fixture(scope="module")
def fitted():
    return fit_familiarity(*gaussians())


def test_a_score_is_a_weighted_sum_and_unfamiliar_is_above_the_threshold():
    features = np.array([[0, 0], [1, 0], [2, 1.5], [2, 1.25]], dtype=np.float32)
    found = score(BY_HAND, features)
    assert found.dtype == np.float64
    assert found.tolist() == [0.5, 2.5, 3.0, 3.25]  # 2a - b + 0.5
    assert is_unfamiliar(BY_HAND, features).tolist() == [False, False, False, True]
    assert is_unfamiliar(BY_HAND, features[:0]).shape == (0,)


def test_pooled_is_the_mean_over_space():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 1.0]]]], dtype=torch.bfloat16)
    answer = Answer(torch.zeros(1, 1, 64, 64), torch.zeros(1, 7), features.requires_grad_())
    found = pooled(answer)
    assert found.dtype == np.float32
    assert found.tolist() == [[3.0, 0.25]]


def test_two_clusters_on_a_line_by_hand():
    # Training -1 and 1 in turn: mean 0, deviation 1, so that the score is the feature itself, away from the outsiders.
    training = np.tile([-1.0, 1.0], 20)[:, None]
    validation = np.arange(100.0)[:, None]
    outsiders = np.array([95.0, 98.0] * 10)[:, None]
    found = fit_familiarity(training, validation, outsiders)
    assert found["weights"] == [pytest.approx(1, abs=1e-5)]
    assert found["offset"] == 0
    # Three of a hundred may alarm, 97, 98 and 99: the threshold is 96, and half of the outsiders are above it.
    assert found["threshold"] == pytest.approx(96, abs=2e-3)
    assert found["tuned_on"] == {"training": 40, "validation": 100, "outsiders": 20}
    assert found["false_alarms"]["share"] == 0.03
    assert found["caught"]["share"] == 0.5
    assert score(found, training).mean() == pytest.approx(0, abs=1e-4)
    assert score(found, training).std() == pytest.approx(1, abs=1e-4)


def test_a_small_validation_part_allows_no_alarm_at_all():
    training, validation, outsiders = gaussians()
    found = fit_familiarity(training, validation[:33], outsiders)  # 0.03 · 33 is less than one image
    assert found["false_alarms"]["share"] == 0
    assert not is_unfamiliar(found, validation[:33]).any()


def test_outsiders_are_caught_and_others_of_both_kinds_too(fitted):
    _, validation, outsiders = gaussians()
    assert is_unfamiliar(fitted, validation).sum() == 9  # 0.03 · 300
    assert is_unfamiliar(fitted, outsiders).mean() > 0.9
    others = gaussians(seed=1)
    assert is_unfamiliar(fitted, others[1]).mean() < 0.06
    assert is_unfamiliar(fitted, others[2]).mean() > 0.9


def test_what_was_caught_is_measured_on_outsiders_that_found_no_direction():
    # More channels than outsiders, and no difference: a direction can be found that fits them, but nothing is caught.
    random = np.random.default_rng(0)
    training, validation, outsiders = (random.normal(size=(n, 60)) for n in (300, 300, 40))
    found = fit_familiarity(training, validation, outsiders)
    assert found["caught"]["share"] < 0.15 < is_unfamiliar(found, outsiders).mean()
    assert found["caught"]["low"] <= found["caught"]["share"] <= found["caught"]["high"]


def test_intervals_are_clopper_and_pearson(fitted):
    alarms = fitted["false_alarms"]
    assert (alarms["low"], alarms["high"]) == pytest.approx((0.0138, 0.0562), abs=1e-4)  # 9 of 300, scipy's binomtest


def test_json_brings_back_the_same(fitted):
    again = json.loads(json.dumps(fitted, allow_nan=False))
    assert again == fitted
    _, validation, _ = gaussians()
    assert np.array_equal(score(again, validation), score(fitted, validation))


def test_the_same_pictures_give_the_same_and_are_not_changed(fitted):
    arrays = gaussians()
    copies = [array.copy() for array in arrays]
    assert fit_familiarity(*arrays) == fitted
    assert all(np.array_equal(array, copy) for array, copy in zip(arrays, copies, strict=True))


def test_a_channel_that_never_changes_is_borne():
    with_constant = [np.hstack([array, np.ones((len(array), 1), dtype=np.float32)]) for array in gaussians()]
    found = fit_familiarity(*with_constant)
    assert is_unfamiliar(found, with_constant[2]).mean() > 0.9


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"method": "energy"}, "by the method 'energy', not 'linear"),
        ({"weights": None}, "weights of the weights' familiarity is not a list of finite numbers"),
        ({"weights": []}, "not a list of finite numbers"),
        ({"weights": [1.0, "2"]}, "not a list of finite numbers"),
        ({"weights": [1.0, [2.0]]}, "not a list of finite numbers"),
        ({"weights": [1.0, float("nan")]}, "not a list of finite numbers"),
        ({"weights": [True, False]}, "not a list of finite numbers"),
        ({"weights": 2.0}, "not a list of finite numbers"),
        ({"offset": float("inf")}, "offset of the weights' familiarity is not a finite number"),
        ({"threshold": "3"}, "threshold of the weights' familiarity is not a finite number: tune"),
        ({"threshold": None}, "not a finite number"),
        ({"weights": [1.0, 2.0, 3.0]}, "is for 3 features, and the network has 2"),
    ],
)
def test_a_damaged_familiarity_is_refused(change, text):
    with pytest.raises(WeightsFault, match=text):
        is_unfamiliar(BY_HAND | change, np.zeros((1, 2)))


@pytest.mark.parametrize("familiarity", [{}, [], "far"])
def test_what_is_no_familiarity_is_refused(familiarity):
    with pytest.raises(WeightsFault, match="by the method"):
        score(familiarity, np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("features", "text"),
    [
        (np.zeros(2), "not float"),
        (np.zeros((1, 2), dtype=np.int64), "int64"),
        (np.zeros((1, 0)), "not float"),
        (np.array([[0, np.nan]]), "not finite"),
    ],
)
def test_features_that_are_none_are_refused(features, text):
    with pytest.raises(ValueError, match=text):
        score(BY_HAND, features)


def test_tuning_refuses_what_it_cannot_use():
    training, validation, outsiders = gaussians()
    with pytest.raises(ValueError, match="the validation images are float32"):
        fit_familiarity(training, validation[:, :3], outsiders)
    with pytest.raises(ValueError, match="the outsiders hold features that are not finite"):
        fit_familiarity(training, validation, np.full_like(outsiders, np.inf))
    with pytest.raises(DataFault, match="There are 9 outsiders, too few to tune familiarity on: give 10 or more"):
        fit_familiarity(training, validation, outsiders[: FOLDS - 1])
    with pytest.raises(DataFault, match="1 training images"):
        fit_familiarity(training[:1], validation, outsiders)
    with pytest.raises(DataFault, match="0 validation images"):
        fit_familiarity(training, validation[:0], outsiders)
    with pytest.raises(DataFault, match="all have the same features"):
        fit_familiarity(np.zeros_like(training), validation, outsiders)
    for share in (0, 1, -0.1, float("nan")):
        with pytest.raises(ConfigFault, match=r"share of false alarms is .* between 0 and 1"):
            fit_familiarity(training, validation, outsiders, false_alarms=share)


@pytest.mark.real
def test_photographs_are_caught_and_dermoscopic_images_pass(ham10000):
    from derm.data.catalogue import read_catalogue
    from derm.data.split import split_catalogue
    from derm.image.door import open_image
    from derm.image.scale import square
    from derm.model.weights import default_weights, load_weights
    from derm.predict.batch import answers

    folder: Path = ham10000.parent / "not_dermoscopy"
    if not folder.is_dir():
        pytest.skip(f"the photographs are not in {folder}")
    model = load_weights(default_weights())
    catalogue = read_catalogue(ham10000)
    split = split_catalogue(catalogue)
    random = np.random.default_rng(0)

    def embed(paths):
        squares = np.stack([square(open_image(Path(path)), model.description.model.input_size) for path in paths])
        return np.concatenate([pooled(answer) for _, answer in answers(model.net, squares, np.arange(len(squares)))])

    def draw(part, count):
        return embed(catalogue.table["image_path"].iloc[random.choice(split.rows(part), count, replace=False)])

    photographs = embed(sorted(folder.glob("*.jpg"))[:40])
    validation = draw("validation", 60)
    familiarity = model.description.familiarity
    if familiarity is None:  # weights that were not tuned yet: on a few images and every fourth feature, to be quick
        few = (draw("train", 120), draw("validation", 60), photographs)
        familiarity = fit_familiarity(*(features[:, ::4] for features in few))
        validation, photographs = validation[:, ::4], photographs[:, ::4]
    assert is_unfamiliar(familiarity, validation).mean() <= 0.15
    assert is_unfamiliar(familiarity, photographs).mean() >= 0.8
