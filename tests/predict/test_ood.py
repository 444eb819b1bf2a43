"""The older check of weights of before, against what can be worked out by hand, and every guard."""

import numpy as np
import pytest
import torch

from derm.errors import WeightsFault
from derm.model.network import ModelOutput
from derm.predict.ood import METHOD, is_unfamiliar, score

BY_HAND = {"method": METHOD, "weights": [2, -1.0], "offset": 0.5, "threshold": 3}


def test_a_score_is_a_weighted_sum_and_unfamiliar_is_above_the_threshold():
    features = np.array([[0, 0], [1, 0], [2, 1.5], [2, 1.25]], dtype=np.float32)
    found = score(BY_HAND, features)
    assert found.dtype == np.float64
    assert found.tolist() == [0.5, 2.5, 3.0, 3.25]  # 2a - b + 0.5
    assert is_unfamiliar(BY_HAND, features).tolist() == [False, False, False, True]
    assert is_unfamiliar(BY_HAND, features[:0]).shape == (0,)


def test_pooled_is_the_mean_over_space():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 6.0]], [[0.0, 0.0], [0.0, 1.0]]]], dtype=torch.bfloat16)
    answer = ModelOutput(torch.zeros(1, 1, 64, 64), torch.zeros(1, 7), features.requires_grad_())
    found = answer.pooled.numpy()
    assert found.dtype == np.float32
    assert found.tolist() == [[3.0, 0.25]]


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
        ({"threshold": "3"}, "threshold of the weights' familiarity is not a finite number: calibrate"),
        ({"threshold": None}, "not a finite number"),
        ({"weights": [1e308, -1e308]}, "weights of the weights' familiarity holds 1e\\+308, expected numbers from -1e"),
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
