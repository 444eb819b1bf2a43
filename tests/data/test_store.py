"""The store of decoded images: made once, whole or absent, read-only, stale when a file changes."""

import errno
import json
import os
import pickle
import resource
import shutil
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from derm.data import store as store_module
from derm.data.catalogue import Catalogue
from derm.data.store import load_store, new_map, open_store, read_pair
from derm.errors import ConfigFault, DataFault
from derm.image.resize import square, square_mask
from derm.paths import cache_folder
from tests.damaged_files import an_npz


def save(path: Path, pixels: np.ndarray) -> str:
    Image.fromarray(pixels).save(path)
    return str(path)


@pytest.fixture
def catalogue(tmp_path) -> Catalogue:
    """Three images of 64 × 64 pixels, grey 10, 20 and 30; the first two with a mask, left half and top half."""
    left, top = np.zeros((64, 64), dtype=bool), np.zeros((64, 64), dtype=bool)
    left[:, :32] = top[:32] = True
    images = [save(tmp_path / f"{n}.png", np.full((64, 64, 3), n, dtype=np.uint8)) for n in (10, 20, 30)]
    masks = [save(tmp_path / "left.png", left), save(tmp_path / "top.png", top), ""]
    table = pd.DataFrame({"image_id": ["a", "b", "c"], "image_path": images, "mask_path": masks})
    return Catalogue(tmp_path, "by hand", table)


@pytest.fixture
def place(tmp_path) -> Path:
    return tmp_path / "cache"


def test_images_and_masks_are_decoded_in_the_tables_order(catalogue, place):
    told = []
    store = open_store(catalogue, 32, place, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert (store.images.shape, store.images.dtype) == ((3, 32, 32, 3), np.uint8)
    assert (store.masks.shape, store.masks.dtype) == ((3, 32, 32), np.uint8)
    assert [np.unique(image).tolist() for image in store.images] == [[10], [20], [30]]
    assert store.has_mask.tolist() == [True, True, False]
    expected = np.zeros((3, 32, 32))
    expected[0, :, :16] = expected[1, :16] = 1
    np.testing.assert_array_equal(store.masks, expected)


def test_images_are_decoded_once(catalogue, place, monkeypatch):
    first = open_store(catalogue, 32, place)

    def read(path: Path) -> None:
        raise AssertionError(path)

    monkeypatch.setattr(store_module, "open_image", read)
    again = open_store(catalogue, 32, place)
    assert again.folder == first.folder
    np.testing.assert_array_equal(again.images, first.images)
    with pytest.raises(AssertionError):
        open_store(catalogue, 64, place)


def test_a_changed_file_makes_a_store_stale(catalogue, place):
    first = open_store(catalogue, 32, place)
    path = Path(catalogue.table["image_path"][0])
    save(path, np.full((64, 64, 3), 99, dtype=np.uint8))
    second = open_store(catalogue, 32, place)
    assert second.folder != first.folder
    assert np.unique(second.images[0]).tolist() == [99]
    # A file of the same size, too, by its time of change.
    os.utime(catalogue.table["mask_path"][1], ns=(1, 1))
    assert open_store(catalogue, 32, place).folder not in {first.folder, second.folder}


def test_another_order_is_another_store(catalogue, place):
    first = open_store(catalogue, 32, place)
    turned = Catalogue(catalogue.folder, "by hand", catalogue.table.iloc[::-1].reset_index(drop=True))
    np.testing.assert_array_equal(open_store(turned, 32, place).images, first.images[::-1])


def test_a_padded_store_is_another_store(catalogue, place):
    squeezed, padded = open_store(catalogue, 32, place), open_store(catalogue, 32, place, fit="pad")
    assert padded.folder.name == f"{squeezed.folder.name}-pad"
    for row, paths in enumerate(zip(catalogue.table["image_path"], catalogue.table["mask_path"], strict=True)):
        image, mask = read_pair(*paths)
        np.testing.assert_array_equal(padded.images[row], square(image, 32, "pad"))
        if mask is not None:
            np.testing.assert_array_equal(padded.masks[row], square_mask(mask, 32, "pad"))


def test_a_kill_while_decoding_leaves_no_store(catalogue, place, monkeypatch):
    def killed(done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_store(catalogue, 32, place, killed)
    assert list(place.iterdir()) == []

    def fail(path: Path, content: object) -> None:
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_json", fail)
        with pytest.raises(OSError, match="power cut"):
            open_store(catalogue, 32, place)
    assert list(place.iterdir()) == []
    assert open_store(catalogue, 32, place).has_mask.tolist() == [True, True, False]


def test_what_a_hard_kill_left_behind_is_not_read(catalogue, place):
    folder = open_store(catalogue, 32, place).folder
    shutil.move(folder, place / f".{folder.name}.left" / folder.name)
    assert open_store(catalogue, 32, place).folder == folder


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(path.read_bytes().replace(b"}", b"{", 1)),
        lambda path: path.write_bytes(an_npz()),
        lambda path: path.write_bytes(
            path.read_bytes().replace(b"'fortran_order': False", b"'fortran_order': True ", 1)
        ),
    ],
)
def test_a_store_whose_pictures_are_damaged_is_made_anew(catalogue, place, spoil):
    pictures = open_store(catalogue, 32, place).folder / "images.npy"
    whole = pictures.read_bytes()
    spoil(pictures)
    open_store(catalogue, 32, place)
    assert pictures.read_bytes() == whole


@pytest.mark.parametrize("spoilt", [{}, {"kind": "say"}, {"kind": "say", "texts": 3, "values": {}}, 7])
def test_a_damaged_word_on_masks_is_looked_for_anew(catalogue, place, spoilt):
    told = open_store(catalogue, 32, place).folder / "store.json"
    whole = json.loads(told.read_text())
    told.write_text(json.dumps({**whole, "mask_fault": spoilt}))
    open_store(catalogue, 32, place)
    assert json.loads(told.read_text())["mask_fault"] == whole["mask_fault"]


def test_what_is_left_of_a_deleted_store_is_replaced(catalogue, place):
    folder = open_store(catalogue, 32, place).folder
    (folder / "store.json").unlink()
    store = open_store(catalogue, 32, place)
    assert store.has_mask.tolist() == [True, True, False]
    assert [path.name for path in place.iterdir()] == [folder.name]


def test_a_cache_that_cannot_be_made_is_the_users_to_mend(catalogue, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigFault, match=r"The folder .*cache cannot be made \(Not a directory\): name another one"):
        open_store(catalogue, 32, tmp_path / "file" / "cache")


def test_two_processes_may_decode_at_once(catalogue, place):
    def other_finishes_first(done: int, total: int) -> None:
        if done == total:
            open_store(catalogue, 32, place)

    store = open_store(catalogue, 32, place, other_finishes_first)
    assert [path.name for path in place.iterdir()] == [store.folder.name]


def test_a_store_is_read_only(catalogue, place):
    store = open_store(catalogue, 32, place)
    for array in (store.images, store.masks):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_data_set_that_moved_keeps_its_store(catalogue, place, tmp_path):
    store = open_store(catalogue, 32, place)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    table = catalogue.table.copy()
    for column in ("image_path", "mask_path"):
        table[column] = [str(Path(path).rename(moved / Path(path).name)) if path else "" for path in table[column]]
    assert open_store(Catalogue(moved, "by hand", table), 32, place).folder == store.folder


def test_a_store_travels_as_a_path(catalogue, place):
    store = open_store(catalogue, 32, place)
    packed = pickle.dumps(store)
    assert len(packed) < 1000
    unpacked = pickle.loads(packed)
    assert isinstance(unpacked.images, np.memmap)
    np.testing.assert_array_equal(unpacked.images, store.images)
    np.testing.assert_array_equal(unpacked.has_mask, load_store(store.folder).has_mask)
    assert json.loads((store.folder / "store.json").read_text())["images"] == 3


def test_a_mask_of_another_size_is_refused(catalogue, place):
    save(Path(catalogue.table["mask_path"][0]), np.zeros((48, 40), dtype=bool))
    with pytest.raises(
        DataFault,
        match=r"The mask .*left.png is 40 × 48 pixels and its image 64 × 64: replace it by one of the image's",
    ):
        open_store(catalogue, 32, place)


def test_an_image_that_cannot_be_read_is_named(catalogue, place):
    Path(catalogue.table["image_path"][1]).write_bytes(b"no picture")
    with pytest.raises(DataFault, match=r"20.png.* `derm data check` lists all that cannot be read"):
        open_store(catalogue, 32, place)
    assert list(place.iterdir()) == []
    with pytest.raises(DataFault, match="`derm data check` lists all"):
        read_pair(catalogue.table["image_path"][1], "")


def test_a_full_disk_is_told_before_decoding(catalogue, place, monkeypatch):
    # 3 images of 32 × 32 pixels with 4 bytes each, and a twentieth more: 12,902.4 bytes; and 1 GB that stays free.
    for free, fits in ((10**9 + 12_902, False), (10**9 + 12_903, True)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: shutil._ntuple_diskusage(2 * 10**9, 0, free))
        if fits:
            open_store(catalogue, 32, place)
        else:
            with pytest.raises(
                DataFault,
                match=r"images at 32 pixels needs 0.0 GB in .*cache, where 1.0 GB are free and 1.0 are to stay so",
            ):
                open_store(catalogue, 32, place)


@pytest.fixture
def room():
    """Files of 8,000 bytes at most: the images of three squares of 32 have 9,216."""
    before, handled = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handled)


@pytest.mark.parametrize("can", [True, False], ids=["at once", "by writing"])
@pytest.mark.usefixtures("room")
def test_a_disk_that_is_filled_since_is_told_before_the_first_picture(catalogue, place, monkeypatch, can):
    if not can:
        monkeypatch.delattr(os, "posix_fallocate")
    monkeypatch.setattr(store_module, "read_pair", None)
    with pytest.raises(ConfigFault, match=rf"^{place}/\w+-32 cannot be written \(File too large\): name a place with"):
        open_store(catalogue, 32, place)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("fault", [None, errno.EOPNOTSUPP, errno.EINVAL])
def test_the_room_of_a_new_map_is_taken_at_once(tmp_path, monkeypatch, fault):
    if fault:

        def refuse(*_: int) -> None:
            raise OSError(fault, os.strerror(fault))

        monkeypatch.setattr(os, "posix_fallocate", refuse)
    mapped = new_map(tmp_path / "a.npy", np.float16, (100, 200, 300))
    assert (mapped.shape, mapped.dtype, mapped.any()) == ((100, 200, 300), np.float16, False)
    told = (tmp_path / "a.npy").stat()
    assert told.st_size == mapped.offset + 12_000_000
    assert told.st_blocks * 512 >= 12_000_000
    mapped[99, 199, 299] = 1
    mapped.flush()
    assert np.load(tmp_path / "a.npy")[99, 199, 299] == 1


def test_the_cache_can_be_moved(monkeypatch):
    monkeypatch.setenv("DERM_CACHE", "/one")
    assert cache_folder() == Path("/one")
    monkeypatch.delenv("DERM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/two")
    assert cache_folder() == Path("/two/derm")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/three")
    assert cache_folder() == Path("/three/.cache/derm")
    monkeypatch.setenv("DERM_CACHE", "~/four")
    assert cache_folder() == Path("/three/four")
