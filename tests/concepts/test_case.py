"""What would change one case: the nearest real case on the other side, the smallest change, when neither is told."""

import json
from dataclasses import replace

import numpy as np
import pytest

from derm.concepts.case import concepts_of, nearest_other, what_if
from derm.concepts.directions import as_json, directions_for
from derm.concepts.words import NO_LIBRARY, UNTOLD, change_lines, other_lines
from derm.data.synthetic.lesion import draw_lesion
from derm.errors import DataFault, WeightsFault
from derm.paths import DIRECTIONS, STRUCTURES
from derm.predict.case import diagnose
from derm.predict.library import LibraryWriter, open_library
from tests.predict.test_similar import a_case


@pytest.fixture
def at_hand(monkeypatch, tiny_decoder, tiny_directions, tmp_path):
    place = tmp_path / "concepts.json"
    place.write_text(json.dumps(as_json(tiny_directions)))
    monkeypatch.setenv(STRUCTURES, str(tiny_decoder))
    monkeypatch.setenv(DIRECTIONS, str(place))
    return place


@pytest.fixture(scope="module")
def case(tiny_model):
    drawn = draw_lesion("mel", 3, height=90, width=120)
    found = diagnose(tiny_model, drawn.image, "a.png", drawn=True)
    mask = drawn.mask
    found = replace(found, mask=mask, mask_probability=mask.astype(np.float32), not_dermoscopic=None)
    return replace(found, referral_threshold=found.p_malignant - 0.05)


def shelf(folder, model, scores):
    count = len(scores)
    features = np.random.default_rng(0).normal(size=(count, 32)).astype(np.float32)
    basis = np.vstack([np.zeros(32), np.eye(32)]).astype(np.float32)
    with LibraryWriter(folder, model.sha256, basis, temperature=model.description.temperature) as library:
        library.add([a_case(place, f"lesion {place}") for place in range(count)], features, np.array(scores))
    return open_library(folder)


def test_the_change_crosses_and_says_so(case, at_hand):
    change = what_if(case)
    assert change.above
    assert change.together
    assert all(one.by < 0 for one in change.together)  # every concept raises melanoma
    assert "milia_like_cyst" not in [one.concept for one in change.together]  # not worth showing, so left as it is
    lines = change_lines(case, change)
    assert lines[0].startswith("Malignant probability")
    assert lines[1].startswith("Smallest change that would bring it below: ")
    assert "not what causes what" in lines[-1]
    below = replace(case, referral_threshold=case.p_malignant + 0.05)
    assert "bring it above" in change_lines(below, what_if(below))[1]


def test_concepts_are_those_of_the_outline_that_is_shown(case, at_hand):
    values = concepts_of(case)
    assert np.isnan(values[[1, 3]]).all()
    assert np.isfinite(values[[0, 2, *range(4, 11)]]).all()
    assert values[5] == pytest.approx(case.lesion.fill)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"referral_threshold": None}, "no_threshold"),
        ({"prediction": None}, "gone"),
        ({"views": 8}, "views"),
        ({"not_dermoscopic": True, "views": 8}, "not_judged"),
    ],
)
def test_what_cannot_be_told_is_said_with_its_own_reason(case, at_hand, change, why):
    other = replace(case, **change)
    assert what_if(other) is None
    assert change_lines(other, None) == [UNTOLD[why]]
    assert len(set(UNTOLD.values())) == len(UNTOLD)


def test_weights_without_directions_are_told_how_they_are_made(case, at_hand, monkeypatch):
    monkeypatch.delenv(DIRECTIONS)  # the shipped ones belong to other weights
    assert what_if(case) is None
    assert change_lines(case, None) == [UNTOLD["no_directions"]]
    assert "derm concepts learn" in UNTOLD["no_directions"]


def test_figures_of_the_data_are_labelled_where_another_mix_is_shown(case, at_hand, tiny_model, tmp_path):
    practice = replace(case, probabilities=np.full(7, 1 / 7), referral_threshold=0.9, at_data=case)
    assert change_lines(practice, what_if(practice))[0] == (
        change_lines(case, what_if(case))[0].replace("Malignant", "At the data's own mix: malignant")
    )
    scores = np.full(3, case.referral_threshold - 0.01)
    found = nearest_other(shelf(tmp_path / "mix", tiny_model, scores), tiny_model, practice)
    assert "malignant probability at the data's own mix " in other_lines(practice, found, "a library")[0]
    assert "own mix" not in other_lines(case, found, "a library")[0]


def test_directions_of_other_weights_or_damaged_ones_are_not_used(case, at_hand, tiny_model, tiny_directions):
    assert directions_for(tiny_model, tiny_directions.decoder) is not None
    assert directions_for(replace(tiny_model, sha256="0" * 64), tiny_directions.decoder) is None
    described = replace(tiny_model.description, model=replace(tiny_model.description.model, input_size=96))
    assert directions_for(replace(tiny_model, description=described), tiny_directions.decoder) is None
    at_hand.write_text("{}")
    with pytest.raises(WeightsFault, match="derm concepts learn"):
        directions_for(tiny_model, tiny_directions.decoder)
    with pytest.raises(WeightsFault, match="derm concepts learn"):
        what_if(case)


def test_the_nearest_case_lies_on_the_other_side(case, tiny_model, tmp_path):
    threshold = case.referral_threshold
    scores = np.full(20, threshold + 0.01)
    scores[7] = threshold - 0.01
    library = shelf(tmp_path / "one", tiny_model, scores)
    found = nearest_other(library, tiny_model, case)
    assert found.similar.row == 7
    assert found.malignant == pytest.approx(threshold - 0.01, abs=1e-6)
    assert other_lines(case, found, library)[0].startswith("Most like this, but not referred: ")
    below = replace(case, referral_threshold=threshold + 0.2)
    assert nearest_other(library, tiny_model, below) is None
    assert other_lines(below, None, library) == [UNTOLD["no_other"]]
    assert other_lines(below, None, None) == [NO_LIBRARY]
    doubtful, blunt = replace(case, not_dermoscopic=True), replace(case, referral_threshold=None)
    assert nearest_other(library, tiny_model, doubtful) is nearest_other(library, tiny_model, blunt) is None
    assert other_lines(doubtful, None, library) == [UNTOLD["not_judged"]]
    assert other_lines(blunt, None, library) == [UNTOLD["no_threshold"]]


def test_sums_of_another_calibration_are_not_compared_with_this_threshold(case, tiny_model, tmp_path):
    library = shelf(tmp_path, tiny_model, np.linspace(0.0, 1.0, 20))
    described = replace(tiny_model.description, temperature=2 * tiny_model.description.temperature)
    with pytest.raises(DataFault, match=r"built before these weights were calibrated anew.*: build it again"):
        nearest_other(library, replace(tiny_model, description=described), case)
    assert nearest_other(library, tiny_model, case) is not None
    undated = replace(library, temperature=None)
    assert nearest_other(undated, tiny_model, case) is None
    assert other_lines(case, None, undated) == [UNTOLD["no_sums"]]


def test_a_library_from_before_has_no_sums_and_damaged_ones_are_refused(case, tiny_model, tmp_path):
    with LibraryWriter(tmp_path, tiny_model.sha256, np.vstack([np.zeros(32), np.eye(32)]).astype(np.float32)) as old:
        old.add([a_case(0, "lesion")], np.ones((1, 32), np.float32))
    library = open_library(tmp_path)
    assert library.scores is None
    assert nearest_other(library, tiny_model, case) is None
    assert other_lines(case, None, library) == [UNTOLD["no_sums"]]
    shelf(tmp_path, tiny_model, [0.1, 0.2])
    assert open_library(tmp_path).scores.tolist() == pytest.approx([0.1, 0.2])
    np.save(next(tmp_path.glob("parts-*")) / "malignant.npy", np.zeros(5, np.float32))
    with pytest.raises(DataFault, match="is damaged or incomplete"):
        open_library(tmp_path)
