"""A library of confirmed cases, and the search through it."""

import json
import os
import resource
import signal
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import derm.predict.library
from derm.data.looks import long_hashes, look_at
from derm.data.split import split_catalogue
from derm.diagnoses import CODES, DIAGNOSES
from derm.errors import ConfigFault, DataFault
from derm.evaluate import similar_worth
from derm.evaluate.library import basis_of, build_library, choose
from derm.evaluate.similar_worth import find_neighbours, malignant_auc, worth
from derm.image.decode import open_image
from derm.image.overlay import jpeg
from derm.predict.case import diagnose
from derm.predict.library import COLUMNS, LibraryCase, LibraryWriter, digest, find_library, library_stamp, open_library
from derm.predict.similar import Similar, compare, counted, find_similar, majority, own_lesions, similar_to
from derm.predict.similar_words import WORTH, in_lines, summary, told
from tests.closed_files import refuse_to_read
from tests.pictures import picture

EYE = np.vstack([np.zeros(4), np.eye(4)]).astype(np.float32)


CLAIMS = b"\x93NUMPY\x01\x00\x76\x00" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (5, 10000000000)}".ljust(117) + b"\n"
)
"""An array that says it has 186 GB, and holds none."""


def a_case(number: int, lesion: str, dx: str = "nv", confirmed: str = "histo") -> LibraryCase:
    image = picture(number)
    look = long_hashes(look_at(image)[None])[0]
    return LibraryCase("", f"picture {number}", lesion, dx, confirmed, "clinic", look, jpeg(image))


def written(folder, lesions: list[str], vectors: np.ndarray, dx: list[str] | None = None):
    with LibraryWriter(folder, "ab" * 32, EYE) as library:
        cases = [a_case(place, lesion, (dx or ["nv"] * 99)[place]) for place, lesion in enumerate(lesions)]
        library.add(cases, vectors)
    return open_library(folder)


def part(folder: Path, name: str) -> Path:
    """Where a part of the library in `folder` lies."""
    return folder / name if name == "library.json" else next(folder.glob("parts-*")) / name


def as_before(folder: Path) -> None:
    """Make the library in `folder` one from before parts were under hashes."""
    place = next(folder.glob("parts-*"))
    (place / "checksum.npy").unlink()
    for path in place.iterdir():
        path.rename(folder / path.name)
    place.rmdir()
    about = json.loads((folder / "library.json").read_text())
    kept = ("scores", "weights", "cases", "confirmations", "sources")
    (folder / "library.json").write_text(json.dumps({"format": 1} | {name: about[name] for name in kept}))


def directions(*angles: float) -> np.ndarray:
    """Vectors in the plane of the first two axes."""
    turns = np.radians(angles)
    return np.stack([np.cos(turns), np.sin(turns), 0 * turns, 0 * turns], axis=1).astype(np.float32)


def test_the_most_alike_come_first_each_lesion_once(tmp_path):
    library = written(tmp_path, ["a", "b", "b", "c", "d"], directions(50, 10, 5, 30, 90))
    found = find_similar(library, directions(0)[0], count=3)
    assert [one.row for one in found] == [2, 3, 0]
    assert [one.likeness for one in found] == pytest.approx(
        [np.cos(np.radians(angle)) for angle in (5, 30, 50)], abs=1e-3
    )
    assert [one.row for one in find_similar(library, directions(0)[0], count=99)] == [2, 3, 0, 4]


def test_many_pictures_of_one_lesion_do_not_crowd_out_the_others(tmp_path):
    lesions = ["same"] * 60 + ["x", "y"]
    library = written(tmp_path, lesions, directions(*np.linspace(0, 6, 60), 40, 50))
    assert [one.row for one in find_similar(library, directions(0)[0], count=3)] == [0, 60, 61]


def test_a_copy_a_turned_copy_and_its_name_lead_to_the_own_lesion(tmp_path):
    library = written(tmp_path, ["a", "b", "b", "c"], directions(0, 10, 20, 30))
    image = picture(1)
    expected = {int(library.columns["lesion"][1])}
    for own in (image, np.rot90(image), image[:, ::-1], np.clip(image * 0.9 + 5, 0, 255).astype(np.uint8)):
        assert own_lesions(library, "other.png", look_at(np.ascontiguousarray(own))) == expected
    unknown = look_at(picture(77))
    for name in ("picture 2", "PICTURE 2.jpg"):
        assert own_lesions(library, name, unknown) == expected
    assert own_lesions(library, "picture 22.jpg", unknown) == set()
    left = find_similar(library, directions(10)[0], expected)
    assert [one.row for one in left] == [0, 3]


def test_counts_name_the_most_frequent_and_of_equals_the_nearest(tmp_path):
    library = written(tmp_path, list("abcd"), directions(0, 10, 20, 30), ["df", "mel", "mel", "df"])
    found = find_similar(library, directions(0)[0])
    assert [(one.code, count) for one, count in counted(found)] == [("df", 2), ("mel", 2)]
    assert majority(found).code == "df"
    assert majority([]) is None
    assert summary(found) == "Of 4 similar cases: 2 dermatofibroma, 2 melanoma; 4 confirmed by histopathology."
    assert told(found[0]) == "Dermatofibroma, histopathology (Case 1)"
    assert in_lines([]) == ["The library holds no case to compare with."]


def test_search_by_blocks_is_exact(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(1000, 16)).astype(np.float16)
    wanted = np.random.default_rng(1).normal(size=16)
    monkeypatch.setattr("derm.predict.similar.BLOCK", 77)
    assert compare(vectors, wanted) == pytest.approx(vectors.astype(np.float32) @ wanted, abs=1e-4)


def test_an_empty_library_has_nothing_to_show(tmp_path):
    library = written(tmp_path, [], np.zeros((0, 4), np.float32))
    assert len(library) == 0
    assert find_similar(library, directions(0)[0]) == []
    assert own_lesions(library, "a", look_at(picture(1))) == set()


def test_directions_are_found_only_of_many():
    few, many = np.random.default_rng(0).normal(size=(2, 1200, 100)).astype(np.float32)
    assert basis_of(few[:999]).shape == (101, 100)
    basis = basis_of(many)
    assert basis.shape == (65, 100)
    assert basis[1:] @ basis[1:].T == pytest.approx(np.eye(64), abs=1e-4)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("library.json", b"{", "is damaged: build it again"),
        (
            "library.json",
            b'{"format": 3, "weights": "", "cases": 1, "confirmations": [], "sources": []}',
            "format than 2",
        ),
        ("library.json", b"[]", "format than 2"),
        (
            "library.json",
            b'{"format": 2, "weights": "", "cases": 1, "confirmations": [], "sources": []}',
            "format than 2",
        ),
        ("vectors.npy", b"no array", "is damaged or incomplete"),
        ("library.json", b"[" * 100_000, "is damaged: build it again"),
        ("vectors.npy", b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118, "is damaged or incomplete"),
        ("basis.npy", CLAIMS, "is damaged or incomplete"),
        ("vectors.npy", CLAIMS, "is damaged or incomplete"),
        ("pictures.bin", b"", "do not go together"),
        ("dx.npy", None, "is damaged or incomplete"),
        ("pictures.bin", None, "is damaged or incomplete"),
    ],
)
@pytest.mark.parametrize("before", [False, True])
def test_a_damaged_library_is_one_sentence(tmp_path, name, content, said, before):
    written(tmp_path, ["a", "b"], directions(0, 10))
    if before:
        as_before(tmp_path)
    place = tmp_path / name if before else part(tmp_path, name)
    place.unlink()
    if content is not None:
        place.write_bytes(content)
    with pytest.raises(DataFault, match=said):
        open_library(tmp_path).picture(0)


@pytest.mark.parametrize("values", [np.zeros(2, np.uint8), np.array([0, 200, 0], np.uint8), np.zeros(3, np.int64)])
def test_parts_that_do_not_go_together_are_refused(tmp_path, values):
    written(tmp_path, ["a", "b", "c"], directions(0, 10, 20))
    as_before(tmp_path)
    np.save(tmp_path / "dx.npy", values)
    with pytest.raises(DataFault, match="do not go together"):
        open_library(tmp_path)


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("name", ["label", "picture"])
@pytest.mark.parametrize("value", [2**64 - 1, 5 << 30])
def test_places_beyond_a_file_s_end_are_refused(tmp_path, name, place, value):
    written(tmp_path, ["a", "b"], directions(0, 10))
    as_before(tmp_path)
    places = np.load(tmp_path / f"{name}.npy")
    places[place] = value
    np.save(tmp_path / f"{name}.npy", places)
    with pytest.raises(DataFault, match="do not go together"):
        open_library(tmp_path)


@pytest.mark.parametrize("name", ["library.json", "vectors.npy", "basis.npy", "labels.bin", "pictures.bin"])
def test_a_pipe_in_a_library_is_not_waited_for(tmp_path, name):
    written(tmp_path, ["a"], directions(0))
    place = part(tmp_path, name)
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(DataFault):
        open_library(tmp_path)


def test_a_folder_without_a_library_has_none(tmp_path):
    assert find_library(tmp_path) is None
    with pytest.raises(DataFault, match="holds no library of confirmed cases: build one"):
        open_library(tmp_path)


def scored(folder: Path, dx: list[str]):
    """A library of as many cases, each with a malignant sum."""
    with LibraryWriter(folder, "ab" * 32, EYE) as library:
        cases = [a_case(place, f"lesion {place}", name) for place, name in enumerate(dx)]
        library.add(cases, directions(*range(len(dx))), np.full(len(dx), 0.25, np.float32))
    return open_library(folder)


@pytest.mark.parametrize(
    "name", [*(f"{column}.npy" for column in COLUMNS), "vectors.npy", "basis.npy", "malignant.npy", "labels.bin"]
)
def test_a_part_of_another_library_is_refused(tmp_path, name):
    scored(tmp_path, ["nv", "mel", "bkl"])
    place = part(tmp_path, name)
    if name == "labels.bin":
        place.write_bytes(b"ISIC_0000001")
    else:
        np.save(place, np.load(place) + np.ones(1, np.load(place).dtype))
    with pytest.raises(DataFault, match="is damaged or incomplete: build it again"):
        open_library(tmp_path)


@pytest.mark.parametrize(
    ("name", "value"), [("basis", np.nan), ("vectors", np.nan), ("malignant", np.nan), ("malignant", 1e30)]
)
def test_numbers_that_are_none_are_refused_without_hashes_too(tmp_path, name, value):
    scored(tmp_path, ["nv", "mel", "bkl"])
    as_before(tmp_path)
    assert open_library(tmp_path).scores.tolist() == [0.25] * 3
    numbers = np.load(tmp_path / f"{name}.npy")
    numbers[1] = value
    np.save(tmp_path / f"{name}.npy", numbers)
    with pytest.raises(DataFault, match="do not go together"):
        open_library(tmp_path)


def test_a_picture_that_is_another_than_was_written_is_not_shown(tmp_path):
    written(tmp_path, ["a", "b"], directions(0, 10))
    place = part(tmp_path, "pictures.bin")
    content = bytearray(place.read_bytes())
    content[-20] ^= 1
    place.write_bytes(content)
    library = open_library(tmp_path)
    assert library.picture(0)
    with pytest.raises(DataFault, match="is damaged or incomplete"):
        library.picture(1)


def test_words_of_the_description_that_were_changed_are_refused(tmp_path):
    written(tmp_path, ["a"], directions(0))
    place = tmp_path / "library.json"
    place.write_text(place.read_text().replace('"histo"', '"consensus"'))
    with pytest.raises(DataFault, match=r"library.json is damaged: build it again"):
        open_library(tmp_path)


def test_a_library_that_is_open_stays_as_it_was_when_another_takes_its_place(tmp_path):
    first = scored(tmp_path, ["nv", "mel"])
    pictures, stamp = [first.picture(row) for row in (0, 1)], library_stamp(tmp_path)
    with LibraryWriter(tmp_path, "ab" * 32, EYE) as library:
        library.add([a_case(place, "other", "df") for place in (7, 8, 9)], directions(0, 1, 2))
        assert library_stamp(tmp_path) == stamp
        assert open_library(tmp_path).picture(1) == pictures[1]
    assert [first.picture(row) for row in (0, 1)] == pictures
    assert library_stamp(tmp_path) != stamp
    assert [CODES[dx] for dx in open_library(tmp_path).columns["dx"]] == ["df"] * 3
    assert len(list(tmp_path.glob("*parts-*"))) == 1


@pytest.mark.parametrize("before", [False, True])
def test_a_library_whose_files_are_cut_while_it_is_open_is_searched_and_lacks_its_pictures(tmp_path, before):
    written(tmp_path, ["a", "b"], directions(0, 10))
    if before:
        as_before(tmp_path)
    library = open_library(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.suffix in (".npy", ".bin")]
    kept = {path: path.read_bytes() for path in files}
    for path in files:
        os.truncate(path, 0)
    assert [one.label for one in find_similar(library, directions(0)[0])] == ["Case 1", "Case 2"]
    with pytest.raises(DataFault, match="is damaged or incomplete: build it again"):
        library.picture(0)
    for path in files:
        path.write_bytes(kept[path])
    assert library.picture(0) == jpeg(picture(0))


def test_a_library_from_before_gives_way_to_a_new_one(tmp_path):
    written(tmp_path, ["a", "b"], directions(0, 10))
    as_before(tmp_path)
    first = open_library(tmp_path)
    picture_before = first.picture(1)
    written(tmp_path, ["a"], directions(0))
    assert first.picture(1) == picture_before
    assert len(open_library(tmp_path)) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if not path.is_dir()) == ["library.json", "lock"]


def test_a_link_where_the_description_belongs_is_not_followed(tmp_path):
    (tmp_path / "own.json").write_text("own")
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "library.json").symlink_to(tmp_path / "own.json")
    assert len(written(tmp_path / "library", ["a"], directions(0))) == 1
    assert (tmp_path / "own.json").read_text() == "own"


def test_a_library_that_is_replaced_while_it_is_opened_is_opened_anew(tmp_path, monkeypatch):
    written(tmp_path, ["a"], directions(0))
    read = derm.predict.library._read_about

    def replaced(folder):
        about = read(folder)
        monkeypatch.setattr("derm.predict.library._read_about", read)
        written(folder, ["a", "b"], directions(0, 10))
        return about

    monkeypatch.setattr("derm.predict.library._read_about", replaced)
    assert len(open_library(tmp_path)) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_a_build_that_ends_early_leaves_what_was_there(tmp_path, error):
    first = written(tmp_path, ["a"], directions(0))
    with suppress(error), LibraryWriter(tmp_path, "ab" * 32, EYE) as library:
        library.add([a_case(5, "b", "mel")], directions(9))
        raise error
    found = open_library(tmp_path)
    assert found.picture(0) == first.picture(0)
    assert [CODES[dx] for dx in found.columns["dx"]] == ["nv"]
    with pytest.raises(error), LibraryWriter(tmp_path / "new", "ab" * 32, EYE):
        raise error
    assert find_library(tmp_path / "new") is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["lock"]


def write_much(folder: Path) -> None:
    """Write a picture of 32 kB, and 5,000 cases without any, whose vectors take 40 kB."""
    with LibraryWriter(folder, "ab" * 32, EYE) as library:
        library.add([a_case(5, "b")._replace(picture=bytes(32_000))], directions(1))
        library.add([a_case(5, "b")._replace(picture=b"")] * 5_000, np.tile(directions(1), (5_000, 1)))


@pytest.mark.parametrize("room", [100, 20_000, 33_000])
def test_a_full_disk_names_the_folder_and_leaves_what_was_there(tmp_path, room):
    first = written(tmp_path, ["a"], directions(0))
    before, handled = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(ConfigFault, match=rf"cannot be written to {tmp_path} \(File too large\): name a place"):
            write_much(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handled)
    assert open_library(tmp_path).picture(0) == first.picture(0)
    assert len(list(tmp_path.glob("*parts-*"))) == 1


def test_a_second_build_in_one_folder_is_refused_at_once(drawn_catalogue, tiny_model, tmp_path):
    with LibraryWriter(tmp_path, "ab" * 32, EYE) as library:
        library.add([a_case(5, "b")], directions(9))
        asked = []
        with pytest.raises(ConfigFault, match="is being built already: wait for that, or name another folder"):
            build_library(tiny_model, choose(drawn_catalogue).rows, tmp_path, lambda *done: asked.append(done))
        assert asked == []
    assert len(open_library(tmp_path)) == 1


@pytest.mark.parametrize("name", ["library.json", "vectors.npy", "pictures.bin"])
def test_a_library_that_may_not_be_read_is_not_called_damaged(tmp_path, name, monkeypatch):
    written(tmp_path, ["a"], directions(0))
    refuse_to_read(monkeypatch, part(tmp_path, name))
    with pytest.raises(DataFault, match=rf"{name} may not be read by this user: let its owner allow it"):
        open_library(tmp_path)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigFault, match="cannot be made"):
        written(tmp_path / "file" / "library", ["a"], directions(0))


@pytest.fixture(scope="module")
def built(drawn_catalogue, tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("library")
    chosen = choose(drawn_catalogue)
    seen = []
    told = build_library(tiny_model, chosen.rows, folder, lambda *done: seen.append(done))
    assert told.cases == len(chosen.rows) == len(drawn_catalogue.table)
    assert told.unread == ()
    assert seen[-1] == (63, 63)
    return open_library(folder)


def test_a_drawn_set_becomes_a_library_without_names(built, drawn_catalogue):
    assert {built.label(row)[:5] for row in range(len(built))} == {"Case "}
    names = drawn_catalogue.table["image_id"].str.encode("utf-8")
    for path in filter(Path.is_file, built.folder.rglob("*")):
        content = path.read_bytes()
        assert not any(name in content for name in names), path.name
    assert np.bincount(built.columns["dx"], minlength=7).min() > 0


def test_a_picture_of_the_library_does_not_find_its_own_lesion(built, tiny_model, drawn_catalogue):
    row = drawn_catalogue.table.iloc[5]
    case = diagnose(tiny_model, open_image(Path(row["image_path"])), "unknown.png", drawn=True)
    found = similar_to(built, tiny_model, case)
    own = own_lesions(built, row["image_id"], look_at(picture(1)))
    assert len(found) == 10
    assert len(own) == 1
    assert not own & {int(built.columns["lesion"][one.row]) for one in found}
    assert similar_to(built, tiny_model, replace(case, prediction=None)) == found


def test_worth_counts_no_other_picture_of_the_own_lesion(built, tiny_model, drawn_catalogue, monkeypatch):
    # The first of the validation part shows, under a name of its own, the lesion of a picture in the library.
    table = drawn_catalogue.table
    split = split_catalogue(drawn_catalogue)
    first = split.rows("validation")[0]
    asked = []
    one = [Similar(0, "a", DIAGNOSES[0], "", "s", 0.5)]
    monkeypatch.setattr(similar_worth, "similar_to", lambda *_, without: asked.append(without) or one)
    find_neighbours(tiny_model, built, drawn_catalogue, "validation")
    known = dict(zip(built.columns["name"].tolist(), built.columns["lesion"].tolist(), strict=True))
    assert known[digest(table["image_id"].iloc[first])] in asked[0]
    renamed = replace(drawn_catalogue, table=table.assign(image_id="other-" + table["image_id"]))
    asked.clear()
    find_neighbours(tiny_model, built, renamed, "validation")
    lesions = {digest(lesion) for lesion in table["lesion_id"]}
    assert all(without & lesions for without in asked)


def test_a_library_without_another_lesion_is_worth_nothing(built, tiny_model, drawn_catalogue, monkeypatch):
    monkeypatch.setattr(similar_worth, "similar_to", lambda *_, without: [])
    with pytest.raises(DataFault, match="has no case of another lesion than that of DRAWN_"):
        find_neighbours(tiny_model, built, drawn_catalogue, "validation")


def test_a_library_of_other_weights_is_refused(built, tiny_model, drawn_catalogue):
    other = replace(built, weights="cd" * 32)
    case = diagnose(tiny_model, open_image(Path(drawn_catalogue.table["image_path"][0])), "a", drawn=True)
    with pytest.raises(DataFault, match=r"belongs to other weights .* build it again"):
        similar_to(other, tiny_model, case)


def test_a_library_of_the_same_tensors_at_another_size_is_refused(built, tiny_model, drawn_catalogue):
    described = tiny_model.description
    other = replace(tiny_model, description=replace(described, model=replace(described.model, input_size=96)))
    assert built.network_id == tiny_model.network_id != other.network_id
    case = diagnose(tiny_model, open_image(Path(drawn_catalogue.table["image_path"][0])), "a", drawn=True)
    with pytest.raises(DataFault, match=r"built with these weights at another size of input: build it again"):
        similar_to(built, other, case)


def test_worth_counts_each_diagnosis(built, tiny_model, drawn_catalogue):
    rows = find_neighbours(tiny_model, built, drawn_catalogue, "validation")
    rows["majority"] = [dx if place % 2 else "other" for place, dx in enumerate(rows["dx"])]
    told = worth(rows).set_index("dx")
    assert told.loc["all", "share"] == pytest.approx((len(rows) // 2) / len(rows))
    assert set(told.index) == {*CODES, "all", "mean of the classes"}
    assert list(malignant_auc(rows)["tells"]) == ["similar cases", "network"]


def test_only_what_may_be_learned_from_and_is_confirmed_is_chosen(drawn_catalogue):
    table = drawn_catalogue.table.copy()
    table.loc[0, "dx"], table.loc[1, "dx_type"] = "unknown", "unknown"
    table.loc[2, "image_id"] = "ISIC_0024306"  # of HAM10000's published split
    chosen = choose(replace(drawn_catalogue, table=table.assign(source="clinic")))
    assert (chosen.undiagnosed, chosen.unconfirmed) == (1, 1)
    kept = set(chosen.rows["image_id"])
    part = "apart" if "ISIC_0024306" not in kept else "kept"
    assert chosen.kept_apart == (part == "apart")
    assert len(kept) == 61 - chosen.kept_apart
    every = choose(replace(drawn_catalogue, table=table.assign(source="clinic")), unconfirmed=True)
    assert every.unconfirmed == 0
    assert len(every.rows) == len(kept) + 1


def test_no_case_at_all_is_one_sentence(drawn_catalogue, tiny_model, tmp_path):
    none = choose(drawn_catalogue).rows.iloc[:0]
    with pytest.raises(DataFault, match="None of these pictures is a confirmed case"):
        build_library(tiny_model, none, tmp_path)
    gone = choose(drawn_catalogue).rows.assign(image_path="/nowhere/a.png").iloc[:2]
    with pytest.raises(DataFault, match=r"None of the 2 pictures can be read. a.png is not there"):
        build_library(tiny_model, gone, tmp_path)


def test_the_description_of_a_library_names_nobody(built):
    about = json.loads((built.folder / "library.json").read_text())
    assert set(about) == {
        "description_sha256", "format", "parts", "sha256", "scores", "weights", "network_id", "temperature", "cases",
        "confirmations", "sources",
    }  # fmt: skip


def test_figures_are_told_with_the_weights_and_the_library_that_they_are_of():
    assert "with the weights e7b93003 and HAM10000's training part as library" in WORTH
    assert "`derm library worth` measures" in WORTH
