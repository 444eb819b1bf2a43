"""Drawn lesions: the same seed gives the same pixels, the mask is the painted shape, the seven look different."""

from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from derm.data.catalogue import read_catalogue
from derm.data.synthetic.dataset import GROUND_TRUTH_COLUMNS, SITES, images_by_diagnosis, synthesise
from derm.data.synthetic.lesion import LOOKS, draw_lesion
from derm.data.synthetic.samples import SAMPLES, draw_sample
from derm.data.synthetic.standin import draw_once, drawn_folder
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault

SMALL = {"height": 150, "width": 200}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A set of 40 images, drawn once."""
    folder = tmp_path_factory.mktemp("drawn") / "set"
    synthesise(folder, images=40, seed=3)
    return folder


@cache
def seen(dx, seed):
    """A lesion that several tests look at, and none changes."""
    return draw_lesion(dx, seed)


@pytest.mark.parametrize("dx", CODES)
def test_one_lesion_is_an_rgb_picture_with_one_connected_mask(dx):
    for seed in range(6):
        drawn = seen(dx, seed)
        assert drawn.dx == dx
        assert (drawn.image.shape, drawn.image.dtype) == ((300, 400, 3), np.uint8)
        assert (drawn.mask.shape, drawn.mask.dtype) == ((300, 400), np.bool_)
        assert 0.08 <= drawn.mask.mean() <= 0.55
        pieces, _ = cv2.connectedComponents(drawn.mask.astype(np.uint8), connectivity=4)
        assert pieces == 2  # the background and the lesion


@pytest.mark.slow
@pytest.mark.parametrize("dx", CODES)
def test_the_lesion_differs_from_the_skin_around_it(dx):
    for seed in range(6):
        image, mask, _ = seen(dx, seed)
        around = cv2.dilate(mask.astype(np.uint8), np.ones((41, 41), np.uint8)).astype(bool)
        skin = around & ~cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)).astype(bool)
        assert np.abs(image[mask].mean(axis=0) - image[skin].mean(axis=0)).max() > 12


def test_the_mask_is_the_shape_that_was_painted():
    # A benign keratosis has the sharpest border: the strongest change of colour must lie along the mask's own border.
    image, mask, _ = draw_lesion("bkl", 1)
    grey = cv2.GaussianBlur(image[..., 1], (0, 0), 1.5).astype(float)
    slope = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    near = {}
    for shift in (-9, 0, 9):
        kernel = np.ones((2 * abs(shift) + 1,) * 2, np.uint8)
        moved = (cv2.dilate if shift > 0 else cv2.erode)(mask.astype(np.uint8), kernel)
        near[shift] = slope[cv2.morphologyEx(moved, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0].mean()
    assert near[0] > 2 * near[-9]
    assert near[0] > 2 * near[9]


def test_the_same_arguments_give_the_same_pixels():
    first, again = draw_lesion("mel", 5), draw_lesion("mel", 5)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.mask, again.mask)


def test_another_seed_diagnosis_or_view_gives_another_picture():
    images = [
        draw_lesion("mel", 5, **SMALL).image,
        draw_lesion("mel", 6, **SMALL).image,
        draw_lesion("nv", 5, **SMALL).image,
        draw_lesion("mel", 5, view=1, **SMALL).image,
    ]
    for one in range(4):
        for other in range(one):
            assert not np.array_equal(images[one], images[other])


def test_two_views_show_one_lesion():
    # Zoom is 0.92 to 1.06 in each view, so areas differ by (1.06 / 0.92)² = 1.33 at most, elongation not at all.
    # Seed 4's nevus is small enough to lie whole in both pictures.
    first, second = draw_lesion("nv", 4).mask, draw_lesion("nv", 4, view=1).mask
    for mask in (first, second):
        assert mask[1:-1, 1:-1].sum() == mask.sum()
    assert 1 / 1.33 <= first.sum() / second.sum() <= 1.33

    def elongation(mask):
        spread = np.linalg.eigvalsh(np.cov(np.argwhere(mask).T))
        return spread[1] / spread[0]

    assert elongation(first) == pytest.approx(elongation(second), rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("height", "width"), [(64, 64), (64, 900), (400, 100), (600, 450)])
def test_any_size_can_be_drawn(height, width):
    for dx in CODES:
        drawn = draw_lesion(dx, 0, height=height, width=width)
        assert drawn.image.shape == (height, width, 3)
        assert drawn.mask.any()


@pytest.mark.slow
def test_simple_features_tell_the_seven_apart():
    def features(dx, seed):
        image, mask, _ = draw_lesion(dx, seed, **SMALL)
        inside = image[mask].astype(float)
        core = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
        centre = image[core > 0.6 * core.max()].mean(axis=0)
        outside = image[~mask]
        skin = np.median(outside, axis=0)
        return [*(inside.mean(axis=0) - skin), *inside.std(axis=0), *(centre - inside.mean(axis=0))]

    def table(seeds):
        return np.array([features(dx, seed) for dx in CODES for seed in seeds]), np.repeat(CODES, len(seeds))

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(*table(range(100, 115)))
    assert model.score(*table(range(200, 206))) > 0.6  # chance is 1 / 7


def test_an_unknown_diagnosis_is_refused():
    with pytest.raises(ConfigFault, match="“scc” is no diagnosis that Derm can draw: give one of akiec, bcc, bkl"):
        draw_lesion("scc", 0)


@pytest.mark.parametrize(("seed", "view"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(seed, view):
    with pytest.raises(ConfigFault, match=f"Seed {seed} and view {view} must not be negative"):
        draw_lesion("nv", seed, view=view)


def test_too_small_a_picture_is_refused():
    with pytest.raises(ConfigFault, match="A drawing of 400 × 63 is too small: give at least 64 pixels a side"):
        draw_lesion("nv", 0, height=63)


def test_the_counts_are_softened_and_exact():
    assert images_by_diagnosis(21) == dict.fromkeys(CODES, 3)
    # Roots of 327, 514, 1099, 115, 1113, 6705, 142: 18.08, 22.67, 33.15, 10.72, 33.36, 81.88, 11.92; sum 211.79.
    # Their shares of 979: 83.59, 104.80, 153.24, 49.57, 154.21, 378.51, 55.08; the floors leave 3,
    # which go to the remainders .80, .59 and .57; then 3 more each.
    assert images_by_diagnosis(1000) == {
        "akiec": 87,
        "bcc": 108,
        "bkl": 156,
        "df": 53,
        "mel": 157,
        "nv": 381,
        "vasc": 58,
    }
    for images in range(21, 200):
        counts = images_by_diagnosis(images)
        assert sum(counts.values()) == images
        assert min(counts.values()) >= 3


@pytest.mark.slow
def test_the_folder_has_the_layout_of_ham10000(folder):
    metadata = pd.read_csv(folder / "HAM10000_metadata.csv")
    assert list(metadata.columns) == ["lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization", "dataset"]
    assert metadata["image_id"].tolist() == [f"DRAWN_{number:07d}" for number in range(1, 41)]
    assert metadata["lesion_id"].str.fullmatch(r"DRAWN_L_\d{7}").all()
    assert metadata["dx"].value_counts().to_dict() == images_by_diagnosis(40)
    assert set(metadata["dx_type"]) == {"drawn"}
    assert set(metadata["dataset"]) == {"derm_synthetic"}

    truth = pd.read_csv(folder / "GroundTruth.csv")
    assert list(truth.columns) == ["image", *GROUND_TRUTH_COLUMNS]
    assert truth["image"].tolist() == metadata["image_id"].tolist()
    assert truth[list(GROUND_TRUTH_COLUMNS)].sum(axis=1).eq(1).all()
    assert truth.set_index("image").idxmax(axis=1).str.lower().tolist() == metadata["dx"].tolist()

    for image_id in metadata["image_id"]:
        with Image.open(folder / "images" / f"{image_id}.jpg") as image:
            assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (400, 300))
        with Image.open(folder / "masks" / f"{image_id}_segmentation.png") as mask:
            assert (mask.format, mask.mode, mask.size) == ("PNG", "1", (400, 300))
            assert np.asarray(mask).any()
    assert len(list(folder.rglob("*"))) == 2 * 40 + 2 + 3
    assert "no patients" in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_third_of_the_lesions_have_two_images_and_one_story(folder):
    metadata = pd.read_csv(folder / "HAM10000_metadata.csv")
    # 40 images: nv 10, mel and bkl 6, bcc 5, the others 5, 4, 4; each class has a quarter (rounded down) second views.
    doubles = sum(count // 4 for count in images_by_diagnosis(40).values())
    sizes = metadata.groupby("lesion_id").size()
    assert sizes.value_counts().to_dict() == {1: 40 - 2 * doubles, 2: doubles}
    facts = metadata.groupby("lesion_id")[["dx", "age", "sex", "localization"]].nunique(dropna=False)
    assert facts.eq(1).all(axis=None)


@pytest.mark.slow
def test_people_are_plausible_and_a_few_facts_are_missing(folder):
    metadata = pd.read_csv(folder / "HAM10000_metadata.csv")
    lesions = metadata.drop_duplicates("lesion_id")
    assert lesions["age"].isna().sum() == 1
    assert lesions["sex"].eq("unknown").sum() == 1
    assert lesions["localization"].eq("unknown").sum() == 1
    known = metadata["age"].dropna()
    assert known.between(5, 85).all()
    assert (known % 5).eq(0).all()
    assert set(metadata["sex"]) == {"male", "female", "unknown"}
    assert all(
        site in {*SITES[dx], "unknown"} for dx, site in zip(metadata["dx"], metadata["localization"], strict=True)
    )
    for shares in SITES.values():
        assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.slow
def test_a_set_is_the_same_for_the_same_seed_and_reports_progress(tmp_path):
    told = []

    (tmp_path / "one").mkdir()  # an empty folder is filled
    for name in ("one", "again"):
        synthesise(tmp_path / name, images=21, seed=1, progress=lambda done, images: told.append((done, images)))
    assert told == 2 * [(done, 21) for done in range(1, 22)]
    synthesise(tmp_path / "other", images=21, seed=2)

    def content(name):
        root = tmp_path / name
        return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    assert content("one") == content("again")
    assert (tmp_path / "one" / "HAM10000_metadata.csv").is_file()
    assert content("one").keys() == content("other").keys()
    first = Path("images/DRAWN_0000001.jpg")
    assert content("one")[first] != content("other")[first]


def test_an_interrupted_set_leaves_nothing(tmp_path):
    def stop(done, images):
        if done == 2:
            raise KeyboardInterrupt

    (tmp_path / "set").mkdir()
    with pytest.raises(KeyboardInterrupt):
        synthesise(tmp_path / "set", images=21, seed=0, progress=stop)
    assert list(tmp_path.rglob("*")) == [tmp_path / "set"]  # as it was
    (tmp_path / "set" / "other").touch()
    with pytest.raises(DataFault, match="exists and is not an empty folder: name a new folder, or empty this one"):
        synthesise(tmp_path / "set", images=21, seed=0)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("meanwhile", ["set", "file"])
def test_what_came_to_lie_there_meanwhile_stays(tmp_path, before, meanwhile):
    target = tmp_path / "set"
    if before:
        target.mkdir()

    def put(done, images):
        if done == images and meanwhile == "set":
            target.mkdir(exist_ok=True)
            (target / "README.md").write_text("another run's")
        elif done == images:
            target.rmdir() if before else None
            target.write_text("a file")

    with pytest.raises(
        ConfigFault, match="set was made by another program meanwhile, and stays as it is: name another"
    ):
        synthesise(target, images=21, seed=0, progress=put)
    assert (target / "README.md" if meanwhile == "set" else target).is_file()
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataFault, match="file” exists and is not an empty folder"):
        synthesise(tmp_path / "file", images=21, seed=0)


@pytest.mark.parametrize("leads_to", ["nowhere", "link"])
def test_a_link_that_leads_nowhere_is_refused_before_anything_is_drawn(tmp_path, leads_to):
    (tmp_path / "link").symlink_to(tmp_path / leads_to)
    drawn = []
    with pytest.raises(ConfigFault, match=r"/link is a link that leads nowhere: remove it, or name another folder"):
        synthesise(tmp_path / "link", images=21, seed=0, progress=lambda *done: drawn.append(done))
    assert drawn == []


def test_a_set_can_be_drawn_into_a_link_to_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "empty")
    synthesise(tmp_path / "link", images=21, seed=0)
    assert (tmp_path / "empty" / "GroundTruth.csv").is_file()


@pytest.mark.parametrize("images", [20, 1_000_001])
def test_too_few_or_too_many_images_are_refused(tmp_path, images):
    with pytest.raises(ConfigFault, match=rf"{images} images cannot be drawn: give 21 .* to 1000000"):
        synthesise(tmp_path / "set", images=images, seed=0)
    assert not (tmp_path / "set").exists()


def test_a_negative_seed_is_refused(tmp_path):
    with pytest.raises(ConfigFault, match="Seed -1 is negative: give a whole number from 0 on"):
        synthesise(tmp_path / "set", images=21, seed=-1)


@pytest.mark.slow
def test_the_set_that_stands_in_is_drawn_once(tmp_path):
    told = []
    first = draw_once(tmp_path, lambda done, total: told.append(done), images=21)
    assert told[-1] == 21
    before = (first / "HAM10000_metadata.csv").stat().st_mtime_ns
    assert draw_once(tmp_path, lambda done, total: told.append(done)) == first == drawn_folder(tmp_path)
    assert len(told) == 21
    assert len(read_catalogue(first).table) == 21
    assert (first / "HAM10000_metadata.csv").stat().st_mtime_ns == before
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


def test_a_sample_is_always_the_same_and_a_look_can_be_given():
    from_table = draw_sample("df", height=150, width=200)
    assert np.array_equal(from_table.image, draw_sample("df", height=150, width=200).image)
    assert from_table.dx == "df"
    assert set(SAMPLES) == set(CODES)
    own = draw_lesion("df", SAMPLES["df"].seed, height=150, width=200)
    assert not np.array_equal(own.image, from_table.image)
    assert np.array_equal(
        draw_lesion("nv", 3, height=64, width=64, look=LOOKS["nv"]).image,
        draw_lesion("nv", 3, height=64, width=64).image,
    )
