"""Random variants: a function of their seed, with the mask on the lesion."""

import os
import pickle
import signal
import subprocess
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from derm.data.artefacts import add_noise, colour_curves, draw_ink, draw_patch, draw_ruler, light_aslant, recompress
from derm.data.augment import HIDDEN, AugmentConfig, Augmenter, darken_edge, draw_hair
from derm.data.store import ImageStore
from derm.errors import ConfigFault
from derm.train.config import TrainConfig
from derm.train.loader import _Sheltered, open_loader
from derm.train.sampler import Sampler

ARTEFACTS = ("hair", "vignette", "blur", "erase", "noise", "jpeg", "ruler", "patch", "ink")
LIGHT = ("temperature", "gamma", "gradient")
STILL = AugmentConfig(rotation=0, smallest_crop=1, brightness=0, colour=0)


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    """A lesion like a comma: no turn or flip brings it back onto itself."""
    y, x = np.mgrid[:96, :96]
    return (((x - 40) ** 2 + (y - 40) ** 2 < 22**2) | ((x > 50) & (x < 66) & (y > 40) & (y < 72))).astype(np.uint8)


@pytest.fixture(scope="module")
def image(mask) -> np.ndarray:
    """White where the lesion is, on dark skin with a little grain."""
    grain = np.random.default_rng(0).integers(20, 60, (96, 96, 3), dtype=np.uint8)
    return np.where(mask[..., None] == 1, np.uint8(240), grain)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_a_seed_gives_the_same_variant_whatever_came_before(image, mask):
    first, second = Augmenter(AugmentConfig(), 96), Augmenter(AugmentConfig(), 96)
    expected = [first.vary(image, mask, seed) for seed in range(8)]
    for seed in (5, 0, 7, 5, 3):
        again = second.vary(image, mask, seed)
        np.testing.assert_array_equal(again.image, expected[seed].image)
        np.testing.assert_array_equal(again.mask, expected[seed].mask)
    # Another process, too, which receives the augmenter in the middle of its work.
    travelled = pickle.loads(pickle.dumps(second)).vary(image, mask, 6)
    np.testing.assert_array_equal(travelled.image, expected[6].image)
    assert len({variant.image.tobytes() for variant in expected}) == 8


def test_the_mask_follows_the_lesion(image, mask):
    augmenter = Augmenter(AugmentConfig(), 96)
    moved = 0
    for seed in range(60):
        variant = augmenter.vary(image, mask, seed)
        assert (variant.image.shape, variant.image.dtype) == ((96, 96, 3), np.uint8)
        assert (variant.mask.shape, variant.mask.dtype) == ((96, 96), np.uint8)
        assert set(np.unique(variant.mask)) <= {0, 1}
        painted = variant.image.max(axis=2) > 140  # between the darkest lesion and the brightest skin
        assert iou(painted, variant.mask == 1) > 0.9, seed
        moved += iou(variant.mask == 1, mask == 1) < 0.9
    assert moved > 50


def test_the_pair_given_is_left_alone(image, mask):
    before = image.copy(), mask.copy()
    image.flags.writeable = mask.flags.writeable = False  # as a store gives them
    for seed in range(5):
        Augmenter(AugmentConfig(), 96).vary(image, mask, seed)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(mask, before[1])


def test_without_any_strength_only_turns_by_right_angles_and_flips_are_left(image, mask):
    turns = [np.rot90(picture, quarter) for picture in (image, image[:, ::-1]) for quarter in range(4)]
    for seed in range(10):
        variant = Augmenter(STILL, 96).vary(image, mask, seed)
        assert any(np.array_equal(variant.image, turned) for turned in turns)


def test_each_strength_acts_alone(image, mask):
    bright = Augmenter(AugmentConfig(rotation=0, smallest_crop=1, colour=0, brightness=0.2), 96)
    means = np.array([bright.vary(image, mask, seed).image[..., 0].mean() for seed in range(40)]) / image[..., 0].mean()
    assert 0.75 < means.min() < 0.95
    assert 1.02 < means.max() < 1.25  # white cannot become whiter
    areas = [bright.vary(image, mask, seed).mask.sum() for seed in range(10)]
    assert set(areas) == {mask.sum()}
    crop = Augmenter(AugmentConfig(rotation=0, smallest_crop=0.5, colour=0, brightness=0), 96)
    areas = np.array([crop.vary(image, mask, seed).mask.sum() for seed in range(40)]) / mask.sum()
    assert 1.2 < areas.max() <= 2.1  # half of the picture, doubled


def test_off_means_unchanged(tmp_path, image, mask):
    store = ImageStore(tmp_path, np.stack([image, image // 2]), np.stack([mask, 1 - mask]), np.array([True, True]))
    planner = Sampler(TrainConfig(batch=2, epochs=1, workers=0), np.array([0, 1]))
    planner.top_up()
    (loaded,) = open_loader(planner, store, np.array([1, 0]), AugmentConfig(enabled=False), workers=0)
    images, masks, items = loaded
    assert (images.dtype, masks.dtype) == (torch.uint8, torch.uint8)
    for got, got_mask, item in zip(images, masks, items.tolist(), strict=True):
        # Item 0 of the plan is row 1 of the store.
        np.testing.assert_array_equal(got, store.images[1 - item])
        np.testing.assert_array_equal(got_mask, store.masks[1 - item])


def test_no_ctrl_c_reaches_a_process_that_prepares_batches():
    """Not in its first moments either, in which Python itself is still starting."""

    class Loader:
        def __iter__(self):
            own = get_context("spawn").Process(target=sys.exit)
            own.start()  # which starts a process of Python's own, too
            own.kill()
            told = subprocess.run(["sh", "-c", "kill -INT $$; echo alive"], capture_output=True, text=True, check=False)
            return iter([told.stdout])

    assert list(_Sheltered(Loader())) == ["alive\n"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_no_process_that_prepares_batches_imports_from_the_current_folder(monkeypatch, tmp_path):
    """It may be somebody else's data set. Python's own process for `spawn` is started there, too."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("multiprocessing", "pickle", "json"):
        Path(name).with_suffix(".py").write_text("from pathlib import Path; Path('run').touch()")

    class Loader:
        def __iter__(self):
            own = get_context("spawn").Process(target=sys.exit)
            own.start()
            own.join()
            return iter([own.exitcode])

    assert list(_Sheltered(Loader())) == [0]
    assert not Path("run").exists()
    assert "PYTHONSAFEPATH" not in os.environ


def test_on_means_the_variant_of_the_planned_seed(tmp_path, image, mask):
    store = ImageStore(tmp_path, np.stack([image, image // 2]), np.stack([mask, 1 - mask]), np.array([True, True]))
    planner = Sampler(TrainConfig(batch=2, epochs=1, workers=0), np.array([0, 1]))
    planner.top_up()
    batch = planner.pending[0]
    ((images, masks, items),) = open_loader(planner, store, np.array([0, 1]), AugmentConfig(), workers=0)
    assert items.tolist() == batch.items.tolist()
    for got, got_mask, item, seed in zip(images, masks, batch.items, batch.seeds, strict=True):
        variant = Augmenter(AugmentConfig(), 96).vary(store.images[item], store.masks[item], int(seed))
        np.testing.assert_array_equal(got, variant.image)
        np.testing.assert_array_equal(got_mask, variant.mask)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rotation": 181}, "The rotation 181 does not fit: use 0 to 180 degrees"),
        ({"rotation": -1}, "The rotation -1 does not fit"),
        ({"smallest_crop": 0}, "The smallest crop 0 does not fit: use a share above 0, at most 1"),
        ({"smallest_crop": 1.1}, "The smallest crop 1.1 does not fit"),
        ({"brightness": 1.5}, "Brightness 1.5 and colour 0.15 do not fit: use shares from 0 to 1"),
        ({"hair": 1.1}, "The share of hair 1.1 does not fit: use a share from 0 to 1"),
        ({"vignette": -0.1}, "The share of vignette -0.1 does not fit"),
        ({"blur": 2}, "The share of blur 2 does not fit"),
        ({"erase": -1}, "The share of erase -1 does not fit"),
        ({"noise": 1.1}, "The share of noise 1.1 does not fit"),
        ({"jpeg": -0.1}, "The share of jpeg -0.1 does not fit"),
        ({"ruler": 2}, "The share of ruler 2 does not fit"),
        ({"patch": 2}, "The share of patch 2 does not fit"),
        ({"ink": 2}, "The share of ink 2 does not fit"),
        ({"zoom": 0.8}, "The zoom 0.8 does not fit: use 0 to 0.75"),
        ({"temperature": -0.1}, "The temperature -0.1 does not fit: use 0 to 1"),
        ({"gamma": 1.1}, "The gamma 1.1 does not fit: use 0 to 1"),
        ({"gradient": 2}, "The gradient 2 does not fit: use 0 to 1"),
        ({"colour": -0.1}, "Brightness 0.2 and colour -0.1 do not fit"),
    ],
)
def test_settings_outside_their_range_are_refused(change, words):
    with pytest.raises(ConfigFault, match=words):
        AugmentConfig(**change)


@pytest.mark.parametrize("name", ARTEFACTS)
def test_an_artefact_changes_its_share_of_the_images_and_no_mask(image, mask, name):
    plain, some, all_ = (Augmenter(replace(AugmentConfig(), **{name: share}), 96) for share in (0.0, 0.4, 1.0))
    changed = 0
    for seed in range(60):
        before, variant = plain.vary(image, mask, seed), some.vary(image, mask, seed)
        assert (variant.image.shape, variant.image.dtype) == ((96, 96, 3), np.uint8)
        np.testing.assert_array_equal(variant.mask, before.mask)  # nor does anything else turn out differently
        changed += not np.array_equal(variant.image, before.image)
        # Hairs may all lie outside; all others are seen.
        assert name == "hair" or not np.array_equal(all_.vary(image, mask, seed).image, before.image)
    assert 12 <= changed <= 36


def test_artefacts_are_a_function_of_the_seed(image, mask):
    config = AugmentConfig(**dict.fromkeys((*ARTEFACTS, *LIGHT, "zoom"), 0.5))
    first, second = Augmenter(config, 96), Augmenter(config, 96)
    expected = [first.vary(image, mask, seed).image for seed in range(8)]
    for seed in (5, 0, 7, 5, 3):
        np.testing.assert_array_equal(second.vary(image, mask, seed).image, expected[seed])
    travelled = pickle.loads(pickle.dumps(second)).vary(image, mask, 6)
    np.testing.assert_array_equal(travelled.image, expected[6])


def test_hairs_are_thin_and_dark():
    skin = np.full((224, 224, 3), 200, np.uint8)
    shares = []
    for seed in range(40):
        painted = draw_hair(skin, np.random.default_rng(seed))
        assert painted.max() == 200  # nothing becomes brighter
        assert painted.min() <= 70
        shares.append((painted[..., 0] < 190).mean())
    assert 0.005 < np.mean(shares) < 0.06
    assert max(shares) < 0.15
    assert skin.min() == 200  # the picture given is left alone


def test_the_edge_is_dark_and_the_middle_is_not():
    skin = np.full((100, 100, 3), 200, np.uint8)
    for seed in range(40):
        dark = darken_edge(skin, np.random.default_rng(seed))
        # Corners lie 0.7 of the side from the middle; the circle ends at 0.68 at most, and 0.07 of that by its place.
        assert min(dark[corner].max() for corner in [(0, 0), (0, -1), (-1, 0), (-1, -1)]) == 0
        assert dark[45:55, 45:55].min() >= 100
        assert (dark <= 200).all()
    assert skin.min() == 200


def test_one_rectangle_is_hidden(image, mask):
    plain, hiding = Augmenter(STILL, 96), Augmenter(replace(STILL, erase=1.0), 96)
    for seed in range(20):
        hidden = (hiding.vary(image, mask, seed).image == HIDDEN).all(axis=2)
        rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
        assert 9 <= len(rows) <= 32  # a tenth to a third of 96
        assert 9 <= len(columns) <= 32
        assert hidden[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        rest = plain.vary(image, mask, seed).image[~hidden]
        np.testing.assert_array_equal(hiding.vary(image, mask, seed).image[~hidden], rest)


def test_blur_takes_sharpness_and_keeps_brightness(image, mask):
    plain, blurring = Augmenter(STILL, 96), Augmenter(replace(STILL, blur=1.0), 96)
    for seed in range(20):
        sharp, blurred = (one.vary(image, mask, seed).image.astype(float) for one in (plain, blurring))
        assert np.abs(np.diff(blurred, axis=0)).sum() < np.abs(np.diff(sharp, axis=0)).sum()
        assert blurred.mean() == pytest.approx(sharp.mean(), rel=0.02)


@pytest.mark.parametrize("name", LIGHT)
def test_light_changes_nearly_every_image_a_little_and_no_mask(image, mask, name):
    plain, lit = Augmenter(STILL, 96), Augmenter(replace(STILL, **{name: 0.3}), 96)
    changed = 0
    for seed in range(20):
        before, variant = plain.vary(image, mask, seed), lit.vary(image, mask, seed)
        np.testing.assert_array_equal(variant.mask, before.mask)
        changed += not np.array_equal(variant.image, before.image)
        assert variant.image.mean() == pytest.approx(before.image.mean(), rel=0.35)
    assert changed >= 18  # some are drawn too small to be seen


def test_zoom_shrinks_half_of_the_images_and_their_masks(image, mask):
    plain, shrinking = Augmenter(STILL, 96), Augmenter(replace(STILL, zoom=0.4), 96)
    shrunk = 0
    for seed in range(60):
        before, variant = plain.vary(image, mask, seed), shrinking.vary(image, mask, seed)
        assert (variant.image.shape, variant.image.dtype) == ((96, 96, 3), np.uint8)
        assert (variant.mask.shape, variant.mask.dtype) == ((96, 96), np.uint8)
        assert iou(variant.image.max(axis=2) > 140, variant.mask == 1) > 0.95, seed
        if not np.array_equal(variant.image, before.image):
            shrunk += 1
            _, pieces = cv2.connectedComponents(before.mask), cv2.connectedComponentsWithStats(variant.mask)
            largest = pieces[2][1:, cv2.CC_STAT_AREA].max()
            assert largest <= 1.01 * before.mask.sum()
            assert largest >= 0.3 * before.mask.sum()  # 0.6 squared is 0.36
    assert 20 <= shrunk <= 40


def test_one_white_balance_turns_grey_warm_or_cold_and_keeps_its_luminance():
    warm = 0
    for seed in range(40):
        red, green, blue = colour_curves(0.3, 0, np.random.default_rng(seed))[0, 128].astype(float)
        assert 0.299 * red + 0.587 * green + 0.114 * blue == pytest.approx(128, abs=1)
        assert np.exp(-0.6) * 0.97 < red / blue < np.exp(0.6) * 1.03
        warm += red > blue
    assert 12 <= warm <= 28
    np.testing.assert_array_equal(
        colour_curves(0, 0, np.random.default_rng(0))[0], np.arange(256)[:, None].repeat(3, 1)
    )


def test_gamma_keeps_black_and_white_and_moves_grey_alike_in_all_colours():
    middles = []
    for seed in range(40):
        curve = colour_curves(0, 0.3, np.random.default_rng(seed))[0]
        assert (curve == curve[:, :1]).all()
        assert (curve[0, 0], curve[255, 0]) == (0, 255)
        assert (np.diff(curve[:, 0].astype(int)) >= 0).all()
        middles.append(int(curve[128, 0]))
    # 255 · (128 / 255) ^ exp(± 0.3)
    assert 100 <= min(middles) < 110
    assert 145 < max(middles) <= 153


def test_light_falls_across_the_picture_and_stays_in_the_middle():
    skin, falls = np.full((101, 101, 3), 128, np.uint8), []
    for seed in range(40):
        lit = light_aslant(skin, 0.5, np.random.default_rng(seed)).astype(int)
        assert (lit[50, 50] == 128).all()
        falls.append(max(np.ptp(lit[50, :, 0]), np.ptp(lit[:, 50, 0])) / 128)
    assert max(falls) <= 0.51
    assert max(falls) > 0.35


def test_noise_is_even_and_of_the_deviation_it_names():
    skin = np.full((96, 96, 3), 128, np.uint8)
    deviations = []
    for seed in range(40):
        noisy = add_noise(skin, np.random.default_rng(seed)).astype(float)
        assert noisy.mean() == pytest.approx(128, abs=1)
        deviations.append(noisy.std())
    assert 2 <= min(deviations) < 4
    assert 10 < max(deviations) <= 12.2


def test_jpeg_keeps_the_colours_in_their_order_and_loses_grain(image):
    red = np.zeros((96, 96, 3), np.uint8) + np.array([200, 60, 40], np.uint8)
    for seed in range(10):
        assert np.abs(recompress(red, np.random.default_rng(seed)).astype(int) - red).max() <= 6
        again = recompress(image, np.random.default_rng(seed))
        assert 0 < np.abs(again.astype(int) - image).mean() < 20


def test_a_ruler_lies_along_one_border_and_leaves_the_middle_free():
    skin = np.full((224, 224, 3), 150, np.uint8)
    borders = set()
    for seed in range(60):
        changed = (draw_ruler(skin, np.random.default_rng(seed)) != 150).any(axis=2)
        assert changed.any()
        assert not changed[100:124, 100:124].any()
        assert changed.mean() < 0.4
        sides = {"top": changed[:60], "bottom": changed[-60:], "left": changed[:, :60], "right": changed[:, -60:]}
        borders.add(max(sides, key=lambda side: sides[side].sum()))
    assert borders == {"top", "bottom", "left", "right"}


def test_a_sticker_is_cut_by_the_border_and_lies_beside_the_lesion(mask):
    skin = np.full((96, 96, 3), 150, np.uint8)
    hidden = []
    for seed in range(60):
        changed = (draw_patch(skin, mask, np.random.default_rng(seed)) != 150).any(axis=2)
        assert changed[0].any() or changed[-1].any() or changed[:, 0].any() or changed[:, -1].any()
        assert 0 < changed.mean() < 0.3
        hidden.append(changed[mask == 1].mean())
    assert np.mean(hidden) < 0.02


def test_ink_only_absorbs_light_and_mostly_spares_the_lesion(mask):
    skin = np.full((96, 96, 3), 200, np.uint8)
    covered = []
    for seed in range(60):
        marked = draw_ink(skin, mask, np.random.default_rng(seed))
        changed = (marked != 200).any(axis=2)
        assert (marked <= 200).all()
        assert marked[..., 2].mean() >= marked[..., 1].mean()  # blue is absorbed least
        covered.append(changed[mask == 1].mean())
    assert np.mean(covered) < 0.05
    # An image without an outline is marked around its middle.
    assert (draw_ink(skin, np.zeros_like(mask), np.random.default_rng(0)) != 200).any()
