"""What is said of a picture: the same by both engines, inside the lesion, and nothing where nothing can be judged."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from derm.data.synthetic.lesion import draw_lesion
from derm.engine.choose import ENGINE
from derm.image.resize import square
from derm.paths import STRUCTURES
from derm.predict import case_structures
from derm.predict.case import diagnose
from derm.predict.case_structures import columns, decoder_of, structure_rows, structures_json, structures_of
from derm.predict.export import case_json
from derm.predict.found import FoundPicture
from derm.predict.viewer import case_view, draw_shown, known_layers
from derm.structures.engine import OnnxStructures, Seen, structure_engine
from derm.structures.look import found_in, inner_half, see
from derm.structures.table import KEYS
from derm.structures.words import NOT_JUDGED, alternative, in_one_sentence, line, lines, rounded


@pytest.fixture
def at_hand(monkeypatch, tiny_decoder):
    monkeypatch.setenv(STRUCTURES, str(tiny_decoder))


@pytest.fixture(scope="module")
def case(tiny_model):
    drawn = draw_lesion("mel", 3, height=90, width=120)
    found = diagnose(tiny_model, drawn.image, "a.png", drawn=True)
    return replace(found, mask=drawn.mask, mask_probability=drawn.mask.astype(np.float32), not_dermoscopic=None)


def test_both_engines_see_the_same(tiny_model, tiny_structures, monkeypatch):
    squares = np.stack([square(draw_lesion(code, 1, height=70, width=90).image, 64) for code in ("mel", "nv", "bcc")])
    assert tiny_structures.graph
    monkeypatch.setenv(ENGINE, "auto")
    one = see(tiny_model, tiny_structures, squares)
    assert isinstance(structure_engine(tiny_model, tiny_structures), OnnxStructures)
    monkeypatch.setenv(ENGINE, "torch")
    other = see(tiny_model, tiny_structures, squares)
    assert one.masks.shape == (3, 5, 8, 8)
    np.testing.assert_allclose(one.masks, other.masks, atol=1e-4)
    np.testing.assert_allclose(one.presence, other.presence, atol=1e-3)


def test_place_and_share_are_inside_the_outline(tiny_structures):
    outline = np.zeros((64, 64), bool)
    outline[8:56, 8:56] = True
    masks = np.zeros((1, 5, 64, 64), np.float32)
    masks[0, 0] = 1  # everywhere, beside the lesion, too
    masks[0, 2, 8:12, 8:56] = 1  # a band at the border
    info = replace(tiny_structures.info, platt=((0.0, 2.0),) * 5)
    network, streaks, globules = found_in(Seen(masks, np.zeros((1, 5), np.float32)), info, outline, "squeeze")
    assert (network.structure.key, streaks.structure.key) == ("pigment_network", "streaks")
    assert network.share == 1.0
    assert (globules.structure.key, globules.share, globules.zone) == ("globules", None, None)
    assert line(globules).startswith("Globules: likely, 0.9; marked in")
    assert network.zone == "throughout"
    assert streaks.share == pytest.approx(4 * 48 / 48**2, abs=0.01)
    assert streaks.zone == "border"
    assert network.probability == pytest.approx(1 / (1 + np.exp(-2)))
    assert streaks.mask(128, 128).sum() == pytest.approx(8 * 96, abs=96)
    assert np.array_equal(network.mask(64, 64), outline)
    assert np.array_equal(network.mask(128, 128), np.kron(outline, np.ones((2, 2), bool)))
    assert line(streaks).startswith("Streaks at the border: likely, 0.9; marked in 10")
    assert lines((network, streaks))[0].startswith("Pigment network throughout the lesion")
    masks[0, 2] = 0
    masks[0, 2, 12:20, 28:32] = 1  # a spot, half of it in the inner half
    spot = found_in(Seen(masks, np.zeros((1, 5), np.float32)), info, outline, "squeeze")[1]
    assert spot.zone is None
    assert alternative(spot) == "Streaks: 1\N{NO-BREAK SPACE}% of the outline"
    assert "Pigment network throughout the lesion: likely, 0.9" in in_one_sentence((network, streaks))


def test_nothing_is_marked_where_nothing_is_outlined(tiny_structures):
    seen = Seen(np.ones((1, 5, 64, 64), np.float32), np.zeros((1, 5), np.float32))
    network = found_in(seen, tiny_structures.info, np.zeros((64, 64), bool), "squeeze")[0]
    assert (network.share, network.zone) == (None, None)
    assert not network.mask(64, 64).any()
    assert alternative(network) == "Pigment network: no place that could be marked"


def test_the_inner_half_is_half_of_the_area():
    disc = np.hypot(*np.mgrid[-50:51, -50:51]) <= 40
    half = inner_half(disc)
    assert half.sum() / disc.sum() == pytest.approx(0.5, abs=0.05)
    assert half[50, 50]
    assert not inner_half(np.zeros((5, 5), bool)).any()


def test_probabilities_are_fenced():
    assert [rounded(value) for value in (0.001, 0.06, 0.449, 0.96)] == ["under 0.05", "0.1", "0.4", "over 0.95"]


def test_a_case_has_its_structures_once_they_are_asked_for(case, at_hand, tiny_structures, monkeypatch):
    found = structures_of(case)
    assert [one.structure.key for one in found] == list(tiny_structures.info.shown)
    assert list(case.prediction.structures) == [tiny_structures.sha256]
    monkeypatch.setattr("derm.predict.case_structures.see", None)  # the network is not asked again
    assert [one.probability for one in structures_of(case)] == [one.probability for one in found]
    told = json.loads(case_json(case, "licence"))["structures"]
    assert [one["structure"] for one in told] == list(tiny_structures.info.shown)
    assert told[0]["marked_in_training"] == {"mel": [1, 4], "nv": [1, 10]}


def test_a_picture_that_cannot_be_judged_has_none(case, at_hand):
    doubtful = replace(case, not_dermoscopic=True)
    assert not doubtful.answerable
    assert decoder_of(doubtful) is None
    assert structures_of(doubtful) == ()
    assert structures_json(doubtful) is None
    assert set(case_view(doubtful, 0, {}, "", finer=False)["layers"]).isdisjoint(KEYS)


def test_weights_without_a_decoder_have_none(case, monkeypatch):
    monkeypatch.delenv(STRUCTURES, raising=False)  # the shipped one belongs to other weights
    assert structures_of(case) == ()
    assert json.loads(case_json(case, "licence"))["structures"] is None


def test_layers_are_offered_unasked_and_drawn_when_chosen(case, at_hand):
    fresh = replace(case, prediction=replace(case.prediction, structures={}))
    view = case_view(fresh, 0, {"Outline": 1.0}, "", finer=False)
    assert view["layers"][-2:] == ["pigment_network", "streaks"]
    assert view["areas"] == {}
    assert fresh.prediction.structures == {}
    shown = known_layers({"streaks": 0.4, "globules": 0.2, "freckles": 1})
    assert shown == {"streaks": 0.4, "globules": 0.2}
    areas = case_view(fresh, 0, shown, "", finer=False)["areas"]
    assert list(areas) == ["streaks"]
    assert areas["streaks"]["colour"].startswith("#")
    marked = structures_of(fresh)[1].mask(*fresh.shape)
    changed = (draw_shown(fresh, shown, 0) != draw_shown(fresh, {}, 0)).any(axis=-1)
    assert marked.any()
    assert not (marked & ~fresh.outline).any()
    assert changed[marked].all()
    around = cv2.dilate(marked.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0  # the border is drawn across its edge
    assert not changed[~around].any()
    assert not around.all()


def test_a_table_has_a_row_for_each_picture_whatever_is_wrong_with_it(
    tiny_model, tiny_structures, marked_folder, tmp_path, monkeypatch
):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    good = sorted((marked_folder / "images").iterdir())[0]
    rows = list(structure_rows(tiny_model, tiny_structures, [FoundPicture(broken), FoundPicture(good)]))
    heads = columns(tiny_structures.info)
    assert heads[:3] == ["file", "error", "pigment_network_probability"]
    assert [len(row.cells) for row in rows] == [len(heads)] * 2
    assert "broken" in str(rows[0].cells[1])
    assert rows[1].cells[1] is None
    assert 0 < rows[1].cells[2] < 1
    monkeypatch.setattr(
        case_structures, "diagnose", lambda *asked: replace(diagnose(*asked, drawn=True), not_dermoscopic=True)
    )
    (doubtful,) = structure_rows(tiny_model, tiny_structures, [FoundPicture(good)])
    assert doubtful.cells[1:] == [NOT_JUDGED] + [None] * (len(heads) - 2)
    assert doubtful.said == [NOT_JUDGED]
