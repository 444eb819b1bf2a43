"""Mixed batches: images, masks and labels in the same shares."""

import numpy as np
import pytest
import torch

from derm.errors import ConfigFault
from derm.train.config import MixConfig
from derm.train.losses import Truth
from derm.train.mix import Mixture, draw_mixture, mix

MIXUP = MixConfig(probability=1.0, cutmix_share=0.0, mixup_alpha=1.0)
CUTMIX = MixConfig(probability=1.0, cutmix_share=1.0)


def batch() -> tuple[torch.Tensor, Truth]:
    """Three images of 4 × 4 pixels, all 0, all 100 and all 250; the second is all lesion, the third has no mask."""
    images = torch.tensor([0, 100, 250], dtype=torch.uint8)[:, None, None, None].expand(3, 4, 4, 3).contiguous()
    masks = torch.tensor([0.0, 1, 0])[:, None, None, None].expand(3, 1, 4, 4).contiguous()
    return images, Truth(masks, torch.tensor([True, True, False]), torch.tensor([5, 0, 2]))


def test_mixup_by_hand():
    images, truth = batch()
    mixture = Mixture(np.array([1, 2, 0]), np.array([0.25, 0.5, 0.9], np.float32), None)
    mixed, true = mix(images, truth, mixture)
    assert (mixed.dtype, mixed.shape) == (torch.uint8, (3, 4, 4, 3))
    # 0.75 · 100, 0.5 · 100 + 0.5 · 250, 0.9 · 250.
    assert [image.unique().tolist() for image in mixed] == [[75], [175], [225]]
    assert true.masks[:, 0, 0, 0].tolist() == pytest.approx([0.75, 0.5, 0])
    assert true.has_mask.tolist() == [True, False, False]  # known where both images have one
    expected = torch.zeros(3, 7)
    expected[0, 5], expected[0, 0] = 0.25, 0.75
    expected[1, 0], expected[1, 2] = 0.5, 0.5
    expected[2, 2], expected[2, 5] = 0.9, 0.1
    torch.testing.assert_close(true.shares, expected)
    assert true.classes.tolist() == [0, 0, 2]  # the larger share; at a tie, the image's own
    assert images[0].max() == 0  # the batch given is left alone


def test_cutmix_by_hand():
    images, truth = batch()
    boxes = np.array([[1, 0, 4, 4], [0, 1, 2, 3], [2, 2, 2, 4]])  # 12 pixels, 4 pixels, none
    own = np.array([1 / 4, 3 / 4, 1], np.float32)
    mixed, true = mix(images, truth, Mixture(np.array([1, 0, 1]), own, boxes))
    assert mixed[0, 0].unique().tolist() == [0]
    assert mixed[0, 1:].unique().tolist() == [100]
    inside = torch.zeros(4, 4, dtype=torch.bool)
    inside[:2, 1:3] = True
    assert mixed[1][inside].unique().tolist() == [0]
    assert mixed[1][~inside].unique().tolist() == [100]
    assert torch.equal(true.masks[1, 0], (~inside).float())
    assert true.masks[0, 0].sum() == 12
    assert torch.equal(mixed[2], images[2])
    assert true.shares[0, [5, 0]].tolist() == [0.25, 0.75]
    assert true.classes.tolist() == [0, 0, 2]
    assert true.has_mask.tolist() == [True, True, False]


def test_an_image_mixed_with_its_like_keeps_its_label():
    images, truth = batch()
    for config in (MIXUP, CUTMIX):
        mixture = draw_mixture(config, 3, 4, np.random.default_rng(0))
        mixed, true = mix(images, truth, mixture._replace(partner=np.arange(3)))
        assert torch.equal(mixed, images)
        torch.testing.assert_close(true.shares.amax(1), torch.ones(3))
        assert true.classes.tolist() == [5, 0, 2]


def test_a_mixture_is_a_function_of_its_generator():
    for config in (MIXUP, CUTMIX):
        one, same, other = (draw_mixture(config, 8, 64, np.random.default_rng([5, 4, step])) for step in (7, 7, 8))
        for mine, yours in zip(one, same, strict=True):
            np.testing.assert_array_equal(mine, yours)
        assert not np.array_equal(one.own, other.own)


def test_the_share_is_what_the_rectangle_leaves():
    for seed in range(100):
        mixture = draw_mixture(CUTMIX, 8, 32, np.random.default_rng(seed))
        top, left, bottom, right = mixture.boxes.T
        assert (top >= 0).all()
        assert (bottom <= 32).all()
        assert (left >= 0).all()
        assert (right <= 32).all()
        np.testing.assert_allclose(mixture.own, 1 - (bottom - top) * (right - left) / 32**2, rtol=1e-6)
        assert sorted(mixture.partner.tolist()) == list(range(8))


def test_how_often_and_how():
    config = MixConfig(probability=0.4, cutmix_share=0.25)
    drawn = [draw_mixture(config, 4, 32, np.random.default_rng([0, 4, step])) for step in range(2000)]
    mixed = [mixture for mixture in drawn if mixture is not None]
    assert len(mixed) / 2000 == pytest.approx(0.4, abs=0.04)
    assert sum(mixture.boxes is not None for mixture in mixed) / len(mixed) == pytest.approx(0.25, abs=0.05)
    own = np.concatenate([mixture.own for mixture in mixed if mixture.boxes is None])
    assert own.mean() == pytest.approx(0.5, abs=0.03)  # of a beta distribution with equal parameters
    assert own.var() == pytest.approx(1 / (4 * 1.4), abs=0.01)  # 1 / (4 · (2 · 0.2 + 1))
    assert all(draw_mixture(MixConfig(), 4, 32, np.random.default_rng(seed)) is None for seed in range(100))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probability": 1.5}, "The mix's probability 1.5 does not fit: use 0 to 1"),
        ({"mixup_alpha": 0}, "The mix's mixup_alpha 0 does not fit: use 0.01 to 10"),
        ({"cutmix_alpha": 11}, "The mix's cutmix_alpha 11 does not fit: use 0.01 to 10"),
        ({"cutmix_share": -1}, "The mix's cutmix_share -1 does not fit: use 0 to 1"),
    ],
)
def test_settings_outside_their_range_are_refused(change, words):
    with pytest.raises(ConfigFault, match=words):
        MixConfig(**change)
