"""What one visitor asked about is decoded and diagnosed once, and forgotten when it becomes too much."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from derm.data.synthetic.samples import draw_sample
from derm.errors import DataFault
from derm.image.overlay import png
from derm.predict import memory
from derm.predict.budget import Budget
from derm.predict.case_list import add_case, find_named, settle
from derm.predict.memory import CaseMemory
from derm.predict.pixels import pixels_of


def remembered(side: int) -> SimpleNamespace:
    """A case whose picture has so many pixels each way."""
    held = SimpleNamespace(case=SimpleNamespace(shape=(side, side)), lost=False)
    held.held = lambda *_ways: held
    return held


def test_a_picture_is_asked_about_once_and_the_oldest_goes_first(monkeypatch):
    asked = []

    def ask(model, _catalogue, image_id, *_ways):
        asked.append((model.sha256, image_id))
        return remembered(1000)

    monkeypatch.setattr(memory, "case_with_file", ask)
    monkeypatch.setattr(memory, "data_paths", lambda *_asked: ("", ""))
    monkeypatch.setattr(memory, "weights_key", lambda model: model.sha256)
    monkeypatch.setattr(memory, "MOST", 3)
    catalogue, first, second = SimpleNamespace(folder="a", layout="x"), *(SimpleNamespace(sha256=key) for key in "pq")
    kept = CaseMemory()
    assert kept.case(first, catalogue, "1") is kept.case(first, catalogue, "1")
    assert asked == [("p", "1")]
    kept.case(second, catalogue, "1")  # other weights answer anew
    kept.case(first, catalogue, "2")
    kept.case(first, catalogue, "1")  # now the newest
    kept.case(first, catalogue, "3")  # sends the second weights' answer away
    assert asked == [("p", "1"), ("q", "1"), ("p", "2"), ("p", "3")]
    kept.case(second, catalogue, "1")
    assert asked[-1] == ("q", "1")
    kept.case(first, catalogue, "1")
    assert len(asked) == 5


def test_large_pictures_are_forgotten_sooner(monkeypatch):
    asked = []

    def ask(_model, _catalogue, image_id, *_ways):
        asked.append(image_id)
        return remembered(5000)

    monkeypatch.setattr(memory, "case_with_file", ask)
    monkeypatch.setattr(memory, "data_paths", lambda *_asked: ("", ""))
    monkeypatch.setattr(memory, "weights_key", lambda model: model.sha256)
    kept, model, catalogue = CaseMemory(), SimpleNamespace(sha256="p"), SimpleNamespace(folder="a", layout="x")
    kept.case(model, catalogue, "1")
    kept.case(model, catalogue, "2")
    kept.case(model, catalogue, "2")
    kept.case(model, catalogue, "1")
    assert asked == ["1", "2", "1"]


def write_picture(path: Path, code: str) -> None:
    path.write_bytes(png(draw_sample(code, height=90, width=120).image))


def one_image(folder: Path) -> tuple[Path, SimpleNamespace]:
    """The file of a nevus, and the data set that it is."""
    path = folder / "one.png"
    write_picture(path, "nv")
    table = pd.DataFrame({"image_id": ["one"], "image_path": [str(path)], "mask_path": [""]})
    return path, SimpleNamespace(folder=folder, layout="x", table=table)


@pytest.mark.slow
def test_a_picture_that_is_replaced_or_goes_away_stays_as_it_was_opened(tiny_model, tmp_path):
    path, catalogue = one_image(tmp_path)
    budget = Budget(100_000_000)
    kept = CaseMemory(lambda case, again: budget.hold(case, again, "me"), budget.turn)
    before = kept.case(tiny_model, catalogue, "one")
    image = before.case.image.copy()
    cases = add_case([], before.case, file=before.file)
    write_picture(path, "mel")
    assert pixels_of(before.case).let_go()
    assert (before.case.image == image).all()  # else another picture would stand below the former answer
    after = kept.case(tiny_model, catalogue, "one")
    assert not (after.case.image == image).all()
    assert find_named(cases, "one", before.file) is cases[0]
    assert find_named(cases, "one", after.file) is None
    cases = add_case(cases, after.case, file=after.file)
    assert cases[0].name == "one (2)"
    assert find_named(cases, "one", after.file) is cases[0]  # opened again it gets no third row
    path.unlink()
    assert pixels_of(before.case).let_go()
    assert (before.case.image == image).all()
    with pytest.raises(DataFault, match=r"one\.png is not there"):
        kept.case(tiny_model, catalogue, "one")


@pytest.mark.slow
def test_files_of_the_data_set_go_first_and_come_back_from_where_they_lie(tiny_model, tmp_path):
    path, catalogue = one_image(tmp_path)
    budget = Budget(2_500_000)
    upload = budget.hold_file(bytes(1_000_000), "her")
    kept = CaseMemory(
        lambda case, again: budget.hold(case, again, "me"),
        budget.turn,
        lambda content, origin: budget.hold_file(content + bytes(300_000), "me", origin),
    )
    found = kept.case(tiny_model, catalogue, "one")
    image = found.case.image.copy()
    assert upload.content is not None  # which nobody could read again
    assert (found.file.content, found.lost) == (None, False)
    cases = add_case([], found.case, file=found.file)
    assert pixels_of(found.case).let_go()
    assert (found.case.image == image).all()
    again = kept.case(tiny_model, catalogue, "one")
    assert again is found
    assert find_named(cases, "one", again.file) is cases[0]
    assert pixels_of(found.case).let_go()
    write_picture(path, "mel")
    assert found.lost
    assert settle(cases)[0].let_go
    after = kept.case(tiny_model, catalogue, "one")
    assert not (after.case.image == image).all()
    assert find_named(cases, "one", after.file) is None
