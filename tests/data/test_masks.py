"""Masks as a set: full, inverted, misplaced, of other pictures; and read rightly where edges are soft."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from derm.data.catalogue import read_catalogue
from derm.data.check import check_data
from derm.data.looks import look_at
from derm.data.masks import judge_masks, look_at_mask
from derm.data.store import open_store
from derm.errors import DataFault
from derm.image.decode import read_mask

COUNT = 24


def lesions(count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """Pictures, uint8 (n, 64, 96, 3), of a dark spot off the middle, and their masks, bool (n, 64, 96)."""
    random = np.random.default_rng(3)
    rows, columns = np.mgrid[:64, :96]
    images, masks = [], []
    for _ in range(count):
        middle, radii = random.uniform((15, 15), (30, 40)), random.uniform(6, 13, 2)
        mask = ((rows - middle[0]) / radii[0]) ** 2 + ((columns - middle[1]) / radii[1]) ** 2 < 1
        image = np.where(mask[..., None], (90, 60, 50), (210, 170, 150)) + random.normal(0, 8, (64, 96, 3))
        images.append(np.clip(image, 0, 255).astype(np.uint8))
        masks.append(mask)
    return np.stack(images), np.stack(masks)


def judged(images: np.ndarray, masks: np.ndarray) -> list[tuple[str, str]]:
    looks = np.stack([look_at(image) for image in images])
    return [tuple(fault) for fault in judge_masks([look_at_mask(mask) for mask in masks], looks)]


def test_masks_that_fit_have_no_fault():
    assert judged(*lesions()) == []


@pytest.mark.parametrize(
    ("spoil", "kind", "problem"),
    [
        (np.ones_like, "masks full", "24 of 24 masks mark every pixel as lesion"),
        (lambda masks: ~masks, "masks inverted", "24 of 24 masks mark the picture's border as lesion"),
        (lambda masks: masks[:, :, ::-1], "masks misplaced", "fit their pictures better mirrored left to right"),
        (lambda masks: masks[:, ::-1], "masks misplaced", "fit their pictures better mirrored top to bottom"),
        (lambda masks: masks[:, ::-1, ::-1], "masks misplaced", "fit their pictures better turned by half"),
        (lambda masks: np.roll(masks, 5, axis=0), "masks misplaced", "fit the pictures of other rows as well"),
        (lambda masks: np.roll(masks, 5, axis=1), "masks misplaced", "lie 6% of the height below their lesions"),
        (lambda masks: np.roll(masks, 12, axis=2), "masks misplaced", "lie 12% of the width right of their lesions"),
        (lambda masks: np.roll(masks, -8, axis=1), "masks misplaced", "lie 12% of the height above their lesions"),
    ],
)
def test_each_fault_of_a_set(spoil, kind, problem):
    images, masks = lesions()
    ((found, said),) = judged(images, spoil(masks))
    assert found == kind
    assert problem in said


def test_few_masks_and_light_lesions_say_nothing_of_their_place():
    images, masks = lesions()
    assert judged(images[:10], masks[:10, :, ::-1]) == []
    assert judged(255 - images, masks) == []


def test_one_full_mask_among_many_is_no_fault_of_the_set():
    images, masks = lesions(60)
    masks[0] = True
    assert judged(images, masks) == []
    masks[:3] = True
    assert judged(images, masks) == [("masks full", "3 of 60 masks mark every pixel as lesion")]


def save(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def data_set(folder: Path, images: np.ndarray, masks: np.ndarray) -> Path:
    ids = [f"X_{number}" for number in range(len(images))]
    for name, image, mask in zip(ids, images, masks, strict=True):
        save(folder / "images" / f"{name}.png", image)
        save(folder / "masks" / f"{name}_segmentation.png", mask)
    table = pd.DataFrame({"lesion_id": ids, "image_id": ids, "dx": "nv", "dx_type": "histo", "age": "50"})
    table.assign(sex="male", localization="back").to_csv(folder / "HAM10000_metadata.csv", index=False)
    return folder


@pytest.mark.parametrize("kind", ["masks full", "masks inverted", "masks misplaced"])
def test_a_check_names_it_and_training_refuses(tmp_path, kind):
    images, masks = lesions()
    spoil = {"masks full": np.ones_like(masks), "masks inverted": ~masks, "masks misplaced": masks[:, :, ::-1]}
    catalogue = read_catalogue(data_set(tmp_path / "set", images, spoil[kind].astype(np.uint8) * 255))
    report = check_data(catalogue)
    assert kind in [finding.kind for finding in report.findings]
    assert report.faulty
    for _ in range(2):  # the second time from what was kept
        with pytest.raises(DataFault, match=r"24 masks .*no outline can be learned.*`derm data check`"):
            open_store(catalogue, 32, tmp_path / "cache")


@pytest.mark.parametrize("values", [(0, 255), (0, 1), (0, 128), (1, 2), (254, 255)])
def test_of_two_values_the_higher_one_is_lesion(tmp_path, values):
    mask = lesions(1)[1][0]
    path = save(tmp_path / "mask.png", np.where(mask, values[1], values[0]).astype(np.uint8))
    np.testing.assert_array_equal(read_mask(path), mask)


def test_soft_edges_are_cut_at_half_and_labels_are_not(tmp_path):
    values = np.tile(np.array([0, 60, 127, 128, 200, 255], np.uint8), (32, 6))
    expected = np.tile([False, False, False, True, True, True], (32, 6))
    np.testing.assert_array_equal(read_mask(save(tmp_path / "soft.png", values)), expected)
    np.testing.assert_array_equal(read_mask(save(tmp_path / "soft.tif", values.astype(np.uint16) * 257)), expected)
    labels = np.tile(np.array([0, 1, 2, 3], np.uint8), (32, 8))
    np.testing.assert_array_equal(read_mask(save(tmp_path / "labels.png", labels)), labels != 0)


def test_a_set_with_other_values_is_read_as_the_same_outlines(tmp_path):
    images, masks = lesions()
    catalogue = read_catalogue(data_set(tmp_path, images, masks.astype(np.uint8)))
    assert not check_data(catalogue).faulty
