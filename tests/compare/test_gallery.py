"""The gallery of seven: typical images or drawings."""

import pytest

from derm.compare import gallery
from derm.diagnoses import CODES, DIAGNOSES
from derm.evaluate.dataset import evaluate, write_evaluation


@pytest.mark.slow
def test_the_gallery_shows_typical_images_or_drawings(tiny_model, drawn_catalogue, tmp_path):
    drawings = gallery.seven(tiny_model, None, tmp_path)
    assert [one.diagnosis for one in drawings] == list(DIAGNOSES)
    assert all(one.drawn for one in drawings)
    assert "Seven drawings, not patients" in gallery.said(drawings)
    write_evaluation(evaluate(tiny_model, drawn_catalogue, "test", replicates=2), tmp_path / "test")
    found = gallery.seven(tiny_model, drawn_catalogue, tmp_path)
    truth = drawn_catalogue.table.set_index("image_id")["dx"]
    assert not any(one.drawn for one in found)
    assert [truth[one.case.name] for one in found] == list(CODES)
    assert "median probability" in gallery.said(found)
    assert "rawing" not in gallery.said(found)
    mixed = [*drawings[:2], *found[2:]]
    assert "Drawings, not patients, stand for those that the test part lacks: akiec, bcc." in gallery.said(mixed)
