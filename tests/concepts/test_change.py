"""The smallest change, against what can be worked out by hand where logits are linear in a concept."""

from types import SimpleNamespace

import numpy as np
import pytest

from derm.concepts import change as change_of
from derm.concepts import directions
from derm.concepts.change import FINEST, Change, Step, smallest_change
from derm.concepts.directions import as_json, find_directions, read_directions
from derm.concepts.read import CONCEPTS, Readings
from derm.concepts.words import change_lines
from derm.diagnoses import INDEX
from derm.metrics.calibration import softmax
from derm.model.description import SEAL

COUNT = len(CONCEPTS)


def directions_of(slopes, room=3.0):
    from derm.concepts.directions import Directions

    zero = np.zeros(COUNT)
    return Directions("w", "d", zero, np.ones(COUNT), zero - room, zero + room, slopes, slopes, slopes)


def melanoma_by(*by):
    slopes = np.zeros((COUNT, 7))
    slopes[: len(by), INDEX["mel"]] = by
    return slopes


LOGITS = np.array([-20.0, -20, -20, -20, 1.0, 0.0, -20])  # melanoma against nevus: a log odds of 1


def sum_after(change, directions, temperature=1.0):
    step = np.zeros(COUNT)
    for one in change.together:
        step[CONCEPTS.index(one.concept)] = one.by
    return softmax((LOGITS + step @ directions.slopes)[None], temperature)[0, INDEX["mel"]]


def test_one_concept_goes_as_far_as_the_log_odds_are_apart():
    directions = directions_of(melanoma_by(0.5))
    change = smallest_change(LOGITS, np.zeros(COUNT), directions, 1.0, 0.5)
    assert change.above
    assert [(one.concept, one.by) for one in change.single] == [(CONCEPTS[0], pytest.approx(-2.0, abs=FINEST))]
    assert [one.concept for one in change.together] == [CONCEPTS[0]]
    assert change.together[0].by == pytest.approx(-2.0, abs=FINEST)
    assert sum_after(change, directions) < 0.5


def test_two_concepts_share_it_in_proportion_to_their_slopes():
    directions = directions_of(melanoma_by(0.6, 0.8))
    change = smallest_change(LOGITS, np.zeros(COUNT), directions, 1.0, 0.5)
    assert [one.concept for one in change.together] == [CONCEPTS[1], CONCEPTS[0]]  # shortest: 1 along (0.6, 0.8)
    assert [one.by for one in change.together] == pytest.approx([-0.8, -0.6], abs=FINEST)
    assert [one.by for one in change.single] == pytest.approx([-1.25, -1 / 0.6], abs=FINEST)


def test_a_concept_stays_within_the_range_of_real_pictures():
    directions = directions_of(melanoma_by(0.6, 0.8), room=0.5)
    change = smallest_change(LOGITS, np.zeros(COUNT), directions, 1.0, 0.5)
    assert change == (True, None, ())
    wide = directions_of(melanoma_by(0.6, 0.8), room=0.9)
    change = smallest_change(LOGITS, np.zeros(COUNT), wide, 1.0, 0.5)
    assert max(abs(one.by) for one in change.together) <= 0.9
    assert sum_after(change, wide) < 0.5


def test_what_was_not_measured_is_left_as_it_is():
    unknown = np.zeros(COUNT)
    unknown[0] = np.nan
    change = smallest_change(LOGITS, unknown, directions_of(melanoma_by(0.6, 0.8)), 1.0, 0.5)
    assert {one.concept for one in (*change.together, *change.single)} == {CONCEPTS[1]}


def test_below_the_threshold_it_goes_up():
    change = smallest_change(LOGITS, np.zeros(COUNT), directions_of(melanoma_by(0.5)), 2.0, 0.9)
    assert not change.above
    needed = (np.log(9) - 0.5) * 2 / 0.5  # log odds at a temperature of 2
    assert needed > 3  # beyond the room
    assert change.together is None
    change = smallest_change(LOGITS, np.zeros(COUNT), directions_of(melanoma_by(0.5), room=9), 2.0, 0.9)
    assert change.together[0].by == pytest.approx(needed, abs=2 * FINEST)


def test_near_the_threshold_a_small_change_is_still_one():
    directions = directions_of(melanoma_by(0.6, 0.8))
    for distance in (1e-6, 1e-4, 0.01):  # log odds above the threshold
        threshold = 1 / (1 + np.exp(distance - 1))
        change = smallest_change(LOGITS, np.zeros(COUNT), directions, 1.0, threshold)
        assert change.above
        assert {one.concept for one in change.together} == set(CONCEPTS[:2])
        assert 0 < max(abs(one.by) for one in change.together) <= FINEST
        assert sum_after(change, directions) < threshold
        assert len(change.single) == 2


def test_many_small_slopes_cross_together_with_all_their_steps():
    directions = directions_of(melanoma_by(*np.linspace(0.02, 0.03, COUNT)))
    threshold = 1 / (1 + np.exp(-0.99))
    change = smallest_change(LOGITS, np.zeros(COUNT), directions, 1.0, threshold)
    assert len(change.together) == COUNT
    assert sum_after(change, directions) < threshold
    assert sum_after(change._replace(together=change.together[:4]), directions) >= threshold


def test_a_change_that_needs_every_concept_at_its_end_is_found():
    directions = directions_of(melanoma_by(1.0, 0.01), room=0.9)
    change = smallest_change(LOGITS, np.zeros(COUNT), directions, 1.0, 1 / (1 + np.exp(-0.093)))
    assert [one.by for one in change.together] == pytest.approx([-0.9, -0.7], abs=FINEST)


def test_the_shortest_crossing_is_kept_whatever_a_later_round_finds(monkeypatch):
    directions = directions_of(melanoma_by(0.6, 0.8))
    slope, asked = change_of._Scale.slope, []

    def turned(scale, step):
        asked.append(step)
        return slope(scale, step) if len(asked) == 1 else [-1, 0.1, 0][len(asked) - 2] * np.eye(COUNT)[2]

    monkeypatch.setattr(change_of._Scale, "slope", turned)
    change = smallest_change(LOGITS, np.zeros(COUNT), directions, 1.0, 0.5)
    assert len(asked) == 4
    assert [one.by for one in change.together] == pytest.approx([-0.8, -0.6], abs=FINEST)


def said_of(change):
    return change_lines(SimpleNamespace(referral_threshold=0.5, at_data=None, p_malignant=0.6), change)[1:-1]


def test_steps_that_are_not_named_are_counted():
    steps = tuple(Step(name, -2.0 + 0.2 * place) for place, name in enumerate(CONCEPTS[:7]))
    together, alone = said_of(Change(True, steps, steps[4::-1]))
    assert together.endswith("Milia-like cysts −1.4; and 3 smaller ones.")
    assert alone.endswith("Negative network −1.8; and one larger one.")
    together, alone = said_of(Change(True, steps[:4], ()))
    assert together.endswith("Milia-like cysts −1.4.")
    assert alone.startswith("No single one")


def test_what_does_it_alone_is_said_without_a_joint_change_and_a_tiny_step_is_no_zero():
    tiny = Step(CONCEPTS[2], -0.003)
    assert said_of(Change(True, None, (tiny,))) == ["Each of these alone would do: Streaks down by less than 0.1."]
    assert said_of(Change(False, (tiny._replace(by=0.04),), ()))[0].endswith("Streaks up by less than 0.1.")
    assert said_of(Change(True, None, ()))[0].startswith("No change of structures and measures")


def test_directions_are_found_back_and_survive_json():
    random = np.random.default_rng(0)
    concepts = random.normal(2, 3, (400, COUNT)).astype(np.float32)
    mixed = random.normal(size=(COUNT, 16))
    features = (concepts @ mixed + random.normal(0, 0.1, (400, 16))).astype(np.float32)
    head = random.normal(size=(7, 16))
    readings = Readings(np.zeros((400, 7), np.float32), features, concepts[:, :5], concepts[:, 5:])
    readings.measures[3] = np.nan  # left out
    found = find_directions(readings, head, "a", "b")
    np.testing.assert_allclose(found.slopes, found.deviation[:, None] * (mixed @ head.T), rtol=0.02, atol=0.2)
    assert (found.slopes_low <= found.slopes).all()
    again = read_directions(as_json(found))
    np.testing.assert_allclose(again.slopes, found.slopes, atol=1e-5)
    written = as_json(found)
    turned = [[-slope for slope in row] for row in written["slopes"]]
    with pytest.raises(ValueError, match="changed after it was written"):
        read_directions({**written, "slopes": turned})
    del written[SEAL]  # as those have none that were written before there was one
    np.testing.assert_array_equal(read_directions(written).slopes, again.slopes)
    with pytest.raises(ValueError, match=r"slopes_low lies above slopes|slopes lies above slopes_high"):
        read_directions({**written, "slopes": turned})
    with pytest.raises(ValueError, match="expected"):
        read_directions({**written, "concepts": ["freckles"]})
    with pytest.raises(ValueError, match="slopes is not a table"):
        read_directions({**written, "slopes": [[1.0]]})
    with pytest.raises(ValueError, match="a deviation is below"):
        read_directions({**written, "deviation": [0.0] * COUNT})


def test_a_slope_lies_in_its_interval_however_few_pictures_there_are(monkeypatch):
    monkeypatch.setattr(directions, "DRAWS", 1)  # which lies on one side of what all pictures give
    random = np.random.default_rng(0)
    features = random.normal(size=(30, 16)).astype(np.float32)
    concepts = random.normal(size=(30, COUNT)).astype(np.float32)
    readings = Readings(np.zeros((30, 7), np.float32), features, concepts[:, :5], concepts[:, 5:])
    read_directions(as_json(find_directions(readings, random.normal(size=(7, 16)), "a", "b")))
