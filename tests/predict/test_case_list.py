"""The list of cases: newest first, a row for all that came, pictures limited, without drawings once a picture came."""

import numpy as np
from cases import LIKELY, case_with, half_mask
from small_nets import SMALL

from derm.model.network import LesionNet
from derm.model.weights import Model, WeightsInfo
from derm.predict import case_list
from derm.predict.budget import KeptFile
from derm.predict.case import Case
from derm.predict.case_list import (
    MAX_CASES,
    MAX_MEGAPIXELS,
    ListedCase,
    add_case,
    add_refused,
    bring_back,
    find_case,
    find_file,
    first_sample,
    give_file,
    let_go,
    sample_case,
    within_limits,
)


def test_the_list_is_newest_first_and_drawings_leave():
    cases = add_case([], LIKELY, drawn=True)
    cases = add_case(cases, LIKELY, drawn=True)
    assert [listed.drawn for listed in cases] == [True, True]
    own = add_case(cases, case_with({"nv": 1.0}, half_mask(), name="own"))
    assert [listed.case.name for listed in own] == ["own"]
    assert len(cases) == 2  # the old list is left alone
    both = add_case(own, LIKELY, drawn=True)
    assert [listed.name for listed in both] == ["a.png", "own"]
    assert find_case(both, own[0].key).case.name == "own"
    assert find_case(both, "gone") is both[0]
    assert both[0].thumbnail.startswith(b"\xff\xd8")


def large_case(name: str) -> Case:
    """49 megapixels, without the memory for them."""
    case = case_with({"nv": 1.0}, half_mask(), name=name)
    object.__setattr__(case, "mask", np.broadcast_to(np.zeros((1, 1), dtype=bool), (7000, 7000)))
    return case


def test_pictures_are_limited_by_number_and_by_size_and_rows_stay():
    cases = []
    for _ in range(MAX_CASES + 2):
        cases = add_case(cases, LIKELY, file=KeptFile(b"f"), digest="d")
    assert [listed.let_go for listed in cases] == [False] * MAX_CASES + [True] * 2
    assert {listed.answers.p_malignant for listed in cases} == {LIKELY.p_malignant}
    for name in "abc":
        cases = add_case(cases, large_case(name))
    assert [listed.let_go for listed in cases[:3]] == [False, False, True]  # "a" is too much beside the newer two
    assert sum(not listed.let_go for listed in cases) == MAX_CASES  # small ones still fit
    assert MAX_MEGAPIXELS // 49 == 2
    assert len(cases) == MAX_CASES + 5


def test_files_are_limited_and_the_row_of_the_opened_one_keeps_its_own(monkeypatch):
    monkeypatch.setattr(case_list, "MAX_FILE_BYTES", 10)
    cases = []
    for name in "abc":
        cases = add_case(cases, case_with({"nv": 1.0}, half_mask(), name=name), file=KeptFile(b"12345"), digest=name)
    assert [listed.file for listed in cases] == [b"12345", b"12345", None]
    again = within_limits(give_file(cases, cases[2], KeptFile(b"67890")), cases[2].key)
    assert [listed.file for listed in again] == [b"12345", None, b"67890"]
    assert find_file(cases, "b") is cases[1]
    assert find_file(cases, "") is None


def test_a_refused_file_has_a_row_and_sends_drawings_away():
    cases = add_refused(add_case([], LIKELY, drawn=True), "dir/notes.jpg", "notes.jpg is no picture.")
    (row,) = cases
    assert (row.name, row.case, row.answers, row.refusal) == ("notes.jpg", None, None, "notes.jpg is no picture.")
    assert not row.let_go
    assert let_go(row) is row


def test_two_pictures_of_one_name_are_told_apart():
    names = []
    cases: list[ListedCase] = []
    for _ in range(3):
        cases = add_case(cases, case_with({"nv": 1.0}, half_mask(), name="IMG 1.jpg"), digest="x")
        names.append(cases[0].case.name)
    assert names == ["IMG 1.jpg", "IMG 1 (2).jpg", "IMG 1 (3).jpg"]


def test_files_called_by_a_uid_keep_it_and_take_a_number_behind_it():
    uid = "1.3.6.1.4.1.14519.5.2.1.7311.5101.158323547117540061132729905711"
    cases: list[ListedCase] = []
    for name in (f"{uid}.1", f"{uid}.2", f"{uid}.2"):
        cases = add_refused(cases, name, "no picture")
    assert [row.name for row in reversed(cases)] == [f"{uid}.1", f"{uid}.2", f"{uid}.2 (2)"]


def test_a_picture_comes_back_with_the_same_answer():
    model = Model(LesionNet(SMALL).eval(), WeightsInfo(SMALL), "small", "0" * 64)
    cases = add_case([], sample_case(model, first_sample()), drawn=True)
    gone = let_go(cases[0])
    assert gone.case is None
    assert not gone.answers.image.any()
    (back,) = bring_back(model, [gone], gone, 1)
    np.testing.assert_array_equal(back.case.image, cases[0].case.image)
    np.testing.assert_array_equal(back.case.truth, cases[0].case.truth)
    np.testing.assert_array_equal(back.case.probabilities, cases[0].case.probabilities)
    assert (back.key, back.let_go) == (gone.key, False)
    without = gone._replace(stored=None)
    assert bring_back(model, [without], without, 1) == [without]


def test_the_sample_is_a_drawing_and_always_the_same():
    net = LesionNet(SMALL).eval()
    model = Model(net, WeightsInfo(SMALL), "small", "0" * 64)
    first, second = (sample_case(model, first_sample()) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.name == "Drawn melanoma"
