"""One limit for all visits: the longest unused goes first, comes back the same, and nobody takes more than there is."""

import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from cases import LIKELY, case_with, half_mask
from PIL import Image

from derm.errors import ConfigFault
from derm.files import stamp_now
from derm.image import decode
from derm.predict import budget as budgets
from derm.predict.budget import EXPLAINERS, LARGE, MEGABYTE, Budget, limit_of, machine_memory
from derm.predict.case import changed
from derm.predict.case_list import add_case, let_go, settle
from derm.predict.doubts import doubts_of
from derm.predict.nameless import without_name
from derm.predict.pixels import BESIDE, pixels_of
from derm.predict.practice import at_practice
from derm.predict.reading import Reading, WaitingFile
from derm.predict.words import headline, lesion_measures

SIZE = 8 * 40 * 60 + BESIDE
"""Bytes of `LIKELY`."""


class Maker:
    """Makes the case again, and counts how often."""

    def __init__(self, name: str = "a.png") -> None:
        self.made = 0
        self.case = case_with({"mel": 0.61, "nv": 0.39}, half_mask(), [[1.0]], name)

    def __call__(self):
        self.made += 1
        return changed(self.case)


def held(budget: Budget, owner: str = "one", name: str = "a.png"):
    make = Maker(name)
    return budget.hold(make.case, make, owner), make


def test_the_longest_unused_goes_and_comes_back_the_same():
    budget = Budget(2 * SIZE)
    (first, made), (second, _) = held(budget, name="a"), held(budget, name="b")
    assert budget.taken.pictures == 2 * SIZE
    assert first.image is made.case.image  # looked at: the second is now longest unused
    third, _ = held(budget, name="c")
    assert [pixels_of(case).here for case in (first, second, third)] == [True, False, True]
    np.testing.assert_array_equal(second.image, Maker().case.image)  # sends another away
    assert pixels_of(second).here
    assert budget.taken.pictures == 2 * SIZE
    assert pixels_of(first).here is False
    np.testing.assert_array_equal(first.mask_probability, made.case.mask_probability)
    assert made.made == 1


def test_a_true_outline_is_counted_and_goes_and_comes_back_with_the_picture():
    budget, truth = Budget(10 * SIZE), half_mask()
    make = Maker("a")
    case = budget.hold(changed(make.case, truth=truth), make, "")
    assert budget.taken.pictures == SIZE + 40 * 60
    pixels = pixels_of(case)
    assert pixels.let_go()
    assert budget.taken.pictures == 0
    np.testing.assert_array_equal(case.truth, truth)  # from a few bytes
    assert not pixels.here
    np.testing.assert_array_equal(case.image, make.case.image)
    np.testing.assert_array_equal(case.truth, truth)  # though it is made again without it


def test_what_is_said_of_a_case_needs_no_picture():
    budget = Budget(10 * SIZE)
    case, make = held(budget)
    before = [told(make.case) for told in (headline, lesion_measures, doubts_of)]
    pixels_of(case).let_go()
    moved = at_practice(changed(case, mix=(0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.1)), 0.01)
    assert [told(case) for told in (headline, lesion_measures, doubts_of)] == before
    np.testing.assert_array_equal(moved.mask, make.case.mask)  # a case at other shares has the same pixels
    assert (case.shape, case.quality, make.made) == ((40, 60), make.case.quality, 0)
    row = let_go(add_case([], case, drawn=True)[0]._replace(digest="d"))
    np.testing.assert_array_equal(row.answers.mask, make.case.mask)


def test_a_case_without_its_files_name_holds_no_pixels_of_its_own():
    budget = Budget(10 * SIZE)
    case, make = held(budget)
    nameless = without_name(case)
    assert nameless.name == without_name(make.case).name != case.name
    assert nameless.name == f"Picture {sha256(b'(40, 60, 3)' + make.case.image.tobytes()).hexdigest()[:8]}"
    assert pixels_of(nameless) is pixels_of(case)
    pixels_of(case).let_go()
    assert make.made == 0
    assert without_name(case).name == nameless.name  # known without the picture
    assert make.made == 0


def test_a_case_is_held_once_and_counted_as_long_as_anybody_has_it():
    budget = Budget(10 * SIZE)
    case, make = held(budget)
    assert budget.hold(case, make, "two") is case
    copy = changed(case, name="b")
    del case
    assert budget.taken.pictures == SIZE
    del copy
    assert budget.taken.pictures == 0
    with pytest.raises(TypeError, match="a case has no colour"):
        changed(LIKELY, colour=1)


def test_files_take_half_and_the_open_one_stays():
    budget = Budget(4000)
    old, older = budget.hold_file(b"x" * 900, "one"), budget.hold_file(b"x" * 900, "two")
    budget.open(old, "one")
    budget.hold_file(b"x" * 900, "three")
    assert (old.content, older.content) == (b"x" * 900, None)
    with pytest.raises(LookupError, match="let go"):
        older.read()
    assert budget.taken.files == 900  # nobody has the third
    budget.open(None, "one")
    assert not old.open


def test_uploads_wait_only_where_there_is_room():
    budget, reading = Budget(4000), Reading()
    budget.watch(reading)
    kept = budget.hold_file(b"x" * 900, "one")
    files = [WaitingFile(name, name, b"x" * 800) for name in "abc"]
    admitted, refused = budget.admit(files)
    assert ([file.name for file in admitted], refused) == (["a", "b"], ["c"])
    assert kept.content is None  # an older file goes for a new one
    reading.take_in(admitted, 10)
    assert budget.taken.waiting == 1600
    assert budget.admit(files[2:]) == ([], ["c"])


def test_a_row_whose_file_was_let_go_keeps_its_answer():
    budget = Budget(3 * SIZE)
    case, make = held(budget)
    file = budget.hold_file(b"x", "one")
    cases = add_case([], case, file=file, digest="d")
    assert (settle(cases), cases[0].away) == (cases, False)
    pixels_of(case).let_go()
    assert (cases[0].away, cases[0].lost, cases[0].let_go) == (True, False, False)
    budget.forget("one")
    (row,) = settle(cases)
    assert (row.lost, row.let_go, row.case, row.file, make.made) == (True, True, None, None, 0)
    assert row.answers.p_malignant == case.p_malignant


def test_a_file_of_the_data_set_that_may_no_longer_be_read_is_lost(tmp_path, monkeypatch):
    path = tmp_path / "one.png"
    path.write_bytes(b"x")
    file = budgets.KeptFile(b"x", origin=budgets.FilePlace(path, stamp_now(path)))
    file.content = None
    assert (file.lost, file.read()) == (False, b"x")
    monkeypatch.setattr(budgets.os, "access", lambda *_: False)  # root may read all
    assert file.lost


def test_a_visit_that_leaves_gives_its_pictures_back_and_nobody_elses():
    budget = Budget(10 * SIZE)
    (mine, make), (other, _) = held(budget, "one"), held(budget, "two")
    file = budget.hold_file(b"x" * 10, "one")
    assert budget.leave("one") == SIZE
    assert (pixels_of(mine).here, pixels_of(other).here, file.content) == (False, True, b"x" * 10)
    assert budget.leave("one") == 0
    assert mine.image is make.case.image  # the connection had only broken off
    assert budget.forget("one") == SIZE + 10
    assert file.content is None


def test_threads_that_look_get_their_own_picture_and_the_limit_holds():
    budget = Budget(3 * SIZE)
    cases = [held(budget, str(place), str(place))[0] for place in range(12)]
    for place, case in enumerate(cases):
        image = np.full((40, 60, 3), place, dtype=np.uint8)
        object.__setattr__(pixels_of(case)._again, "case", changed(LIKELY, image=image))
        pixels_of(case).let_go()
    start = threading.Barrier(6)

    def look(thread: int) -> list[int]:
        start.wait(30)
        return [int(cases[place].image[0, 0, 0]) for place in np.random.default_rng(thread).permutation(12)]

    with ThreadPoolExecutor(6) as pool:
        for thread, seen in enumerate(pool.map(look, range(6))):
            assert seen == np.random.default_rng(thread).permutation(12).tolist()
    budget.make_room()
    assert budget.taken.pictures <= 3 * SIZE


@pytest.mark.parametrize(("pixels", "at_once"), [(LARGE, 3), (LARGE + 1, 1)])
def test_few_are_read_at_a_time_and_a_large_one_alone(pixels, at_once):
    budget, most, now = Budget(10 * SIZE, readers=3), [0], [0]
    lock = threading.Lock()

    def read(_place: int) -> None:
        with budget.turn(pixels), budget.turn(pixels):  # a turn within a turn waits for nobody
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            threading.Event().wait(0.01)
            with lock:
                now[0] -= 1

    with ThreadPoolExecutor(9) as pool:
        list(pool.map(read, range(9)))
    assert 1 <= most[0] <= at_once


def test_in_a_turn_formats_of_many_decoders_are_decoded_in_a_process_of_their_own(monkeypatch):
    apart, budget = [], Budget(10 * SIZE)
    picture = np.zeros((64, 64, 3), np.uint8)

    def in_own_process(function, content, name):
        apart.append(name)
        return picture, {}

    monkeypatch.setattr(decode, "in_own_process", in_own_process)
    for kind in ("TIFF", "AVIF", "PNG", "JPEG"):
        stream = BytesIO()
        Image.fromarray(picture).save(stream, kind)
        decode.read_image(stream.getvalue(), "outside")
        with budget.turn(64 * 64):
            decode.read_image(stream.getvalue(), kind)
    assert apart == ["TIFF", "AVIF"]


@pytest.mark.parametrize(
    ("given", "machine", "megabytes"),
    [
        (None, None, 2000),
        ("", 4000 * MEGABYTE, 1000),
        (None, 16000 * MEGABYTE, 2000),
        (None, 1, 100),
        ("150.5", 1, 150.5),
    ],
)
def test_the_limit_is_the_settings_or_a_quarter_of_the_machine(given, machine, megabytes):
    assert limit_of(given, machine) == megabytes * MEGABYTE


@pytest.mark.parametrize("given", ["99", "much", "-1", "nan", "inf", "0"])
def test_a_limit_that_does_not_fit_is_refused(given):
    with pytest.raises(ConfigFault, match=rf"{budgets.MEMORY}={given} does not fit: give megabytes, 100 or more"):
        limit_of(given, None)


def test_this_machine_has_memory():
    assert (machine_memory() or MEGABYTE) >= MEGABYTE


def test_few_maps_are_made_at_a_time_and_a_fault_leaves_its_place():
    budget, free, lock, now, most = Budget(10**9), threading.Event(), threading.Lock(), [0], [0]

    def explain(_number: int) -> None:
        with budget.explaining():
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            assert free.wait(20)
            with lock:
                now[0] -= 1

    with ThreadPoolExecutor(6) as pool:
        work = [pool.submit(explain, number) for number in range(6)]
        while now[0] < EXPLAINERS:
            pass
        free.set()
        for one in work:
            one.result(20)
    assert most == [EXPLAINERS]
    for _ in range(EXPLAINERS + 1):
        with pytest.raises(ValueError, match="wrong"), budget.explaining():
            raise ValueError("wrong")
