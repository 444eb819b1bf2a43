"""What one visitor asked about is decoded and diagnosed once, and forgotten when it becomes too much."""

from types import SimpleNamespace

from derm.predict import memory
from derm.predict.memory import CaseMemory


def test_a_picture_is_asked_about_once_and_the_oldest_goes_first(monkeypatch):
    asked = []

    def ask(model, catalogue, image_id, _turn):
        asked.append((model.sha256, image_id))
        return SimpleNamespace(shape=(1000, 1000), name=image_id)

    monkeypatch.setattr(memory, "data_case", ask)
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

    def ask(_model, _catalogue, image_id, _turn):
        asked.append(image_id)
        return SimpleNamespace(shape=(5000, 5000))

    monkeypatch.setattr(memory, "data_case", ask)
    monkeypatch.setattr(memory, "weights_key", lambda model: model.sha256)
    kept, model, catalogue = CaseMemory(), SimpleNamespace(sha256="p"), SimpleNamespace(folder="a", layout="x")
    kept.case(model, catalogue, "1")
    kept.case(model, catalogue, "2")
    kept.case(model, catalogue, "2")
    kept.case(model, catalogue, "1")
    assert asked == ["1", "2", "1"]
