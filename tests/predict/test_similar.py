"""A library of confirmed cases, and the search through it."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from derm.data.looks import long_hashes, look_at
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.evaluate.library import basis_of, build_library, choose
from derm.evaluate.similar_worth import find_neighbours, malignant_auc, worth
from derm.image.decode import open_image
from derm.image.overlay import jpeg
from derm.predict.case import diagnose
from derm.predict.library import LibraryCase, LibraryWriter, find_library, open_library
from derm.predict.similar import compare, counted, find_similar, majority, own_lesions, similar_to
from derm.predict.similar_words import in_lines, summary, told
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
            b'{"format": 2, "weights": "", "cases": 1, "confirmations": [], "sources": []}',
            "format than 1",
        ),
        ("library.json", b"[]", "format than 1"),
        ("vectors.npy", b"no array", "is damaged or incomplete"),
        ("library.json", b"[" * 100_000, "is damaged: build it again"),
        ("vectors.npy", b"\x93NUMPY\x01\x00\x76\x00" + b"(" * 118, "is damaged or incomplete"),
        ("basis.npy", CLAIMS, "is damaged or incomplete"),
        ("vectors.npy", CLAIMS, "is damaged or incomplete"),
        ("pictures.bin", b"", "do not go together"),
        ("dx.npy", None, "is damaged or incomplete"),
        ("pictures.bin", None, "lacks pictures.bin"),
    ],
)
def test_a_damaged_library_is_one_sentence(tmp_path, name, content, said):
    written(tmp_path, ["a", "b"], directions(0, 10))
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataFault, match=said):
        open_library(tmp_path).picture(0)


@pytest.mark.parametrize("values", [np.zeros(2, np.uint8), np.array([0, 200, 0], np.uint8), np.zeros(3, np.int64)])
def test_parts_that_do_not_go_together_are_refused(tmp_path, values):
    written(tmp_path, ["a", "b", "c"], directions(0, 10, 20))
    np.save(tmp_path / "dx.npy", values)
    with pytest.raises(DataFault, match="do not go together"):
        open_library(tmp_path)


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 1)])
@pytest.mark.parametrize("name", ["label", "picture"])
@pytest.mark.parametrize("value", [2**64 - 1, 5 << 30])
def test_places_beyond_a_file_s_end_are_refused(tmp_path, name, place, value):
    written(tmp_path, ["a", "b"], directions(0, 10))
    places = np.load(tmp_path / f"{name}.npy")
    places[place] = value
    np.save(tmp_path / f"{name}.npy", places)
    with pytest.raises(DataFault, match="do not go together"):
        open_library(tmp_path)


@pytest.mark.parametrize("name", ["library.json", "vectors.npy", "basis.npy", "labels.bin", "pictures.bin"])
def test_a_pipe_in_a_library_is_not_waited_for(tmp_path, name):
    written(tmp_path, ["a"], directions(0))
    (tmp_path / name).unlink()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataFault):
        open_library(tmp_path)


def test_a_folder_without_a_library_has_none(tmp_path):
    assert find_library(tmp_path) is None
    with pytest.raises(DataFault, match="holds no library of confirmed cases: build one"):
        open_library(tmp_path)


def test_a_build_that_ends_early_leaves_no_library(tmp_path):
    written(tmp_path, ["a"], directions(0))
    with pytest.raises(ZeroDivisionError), LibraryWriter(tmp_path, "ab" * 32, EYE):
        raise ZeroDivisionError
    assert find_library(tmp_path) is None


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
    for path in built.folder.iterdir():
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


def test_a_library_of_other_weights_is_refused(built, tiny_model, drawn_catalogue):
    other = replace(built, weights="cd" * 32)
    case = diagnose(tiny_model, open_image(Path(drawn_catalogue.table["image_path"][0])), "a", drawn=True)
    with pytest.raises(DataFault, match=r"belongs to other weights .* build it again"):
        similar_to(other, tiny_model, case)


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
    assert set(about) == {"format", "scores", "weights", "cases", "confirmations", "sources"}
