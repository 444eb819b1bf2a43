"""Two statements about the kind of a picture: by hand, by patient, by source and class, after JSON, and every guard."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from derm.diagnoses import INDEX
from derm.errors import DataFault, WeightsFault
from derm.evaluate.decision import Cases
from derm.evaluate.gate import BLOCKED, FOLDS, LITTLE, SMALLEST, Pictures, fit_gate, limited_groups, patient_of
from derm.evaluate.seen import measure_seen
from derm.model.gate import (
    FAINT,
    LEAST,
    NotDermoscopic,
    OodGate,
    SeenLittle,
    read_gate,
    stage_statistics,
    style_columns,
)
from derm.model.stored import MOST
from derm.model.weights import WeightsInfo, load_weights, rewrite_description, ship_weights
from derm.predict import words
from derm.predict.case import diagnose
from derm.predict.export import case_json
from derm.predict.ood import METHOD
from derm.predict.picture_kind import judge
from derm.predict.record import record_of
from derm.predict.variations import views_of

DIRECTION = NotDermoscopic(np.array([2.0, -1.0]), 0.5, 3.0)
CLOUD = SeenLittle(
    np.array([0, 1]), np.array([1.0, 2.0]), np.array([2.0, 1.0]), np.array([[0.0, 1.0]]), np.array([4.0]), 0.5, 1.5
)


def drawn(seed=0, channels=8):
    """Training, validation, outsiders and their patients; these differ from the others in the first statistic."""
    random = np.random.default_rng(seed)

    def some(count):
        sources = np.array(["a", "b"])[np.arange(count) % 2]
        return Pictures(
            random.normal(size=(count, channels)), sources, np.array(["nv", "mel"])[np.arange(count) // 2 % 2]
        )

    outsiders = random.normal(size=(40, 3, channels))
    outsiders[..., 0] += 9
    return some(400), some(300), outsiders, [f"PAT_{number // 2}" for number in range(40)]


@pytest.fixture(scope="module")
def gate():
    return fit_gate(*drawn(), np.array([1, 2, 3]))


@pytest.mark.parametrize(
    ("name", "patient"),
    [
        ("PAT_1061_254_813.jpg", "PAT_1061"),
        ("PAT_1061_9_1.png", "PAT_1061"),
        ("PAT_10.jpg", "PAT_10.jpg"),
        ("ISIC_0000001.jpg", "ISIC_0000001.jpg"),
        ("xPAT_1_2.jpg", "xPAT_1_2.jpg"),
    ],
)
def test_the_patient_is_read_from_the_name_or_is_the_file(name, patient):
    assert patient_of(Path("folder") / name) == patient


def test_statistics_are_means_and_logarithms_of_deviations_stage_by_stage():
    image, first = torch.zeros(1, 3, 4, 4), torch.zeros(1, 2, 4, 4)
    second = torch.tensor([[[[1.0, 3.0], [1.0, 3.0]]]])  # mean 2, deviation 1
    flat = torch.full((1, 1, 1, 1), 7.0, dtype=torch.bfloat16)
    found = stage_statistics([image, first, second, flat, flat, flat])
    assert found.dtype == np.float32
    assert found[0] == pytest.approx([2, np.log(1 + FAINT), *[7, np.log(FAINT)] * 3], abs=1e-5)
    assert style_columns([3, 2, 1, 1, 1, 1]).tolist() == [0, 1, 2, 3]
    assert style_columns([3, 9, 2, 1, 5, 1]).tolist() == [0, 1, 2, 3, 4, 5]


def test_scores_by_hand():
    statistics = np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 6.0], [2.0, 1.25]])
    assert DIRECTION.score(statistics).tolist() == [0.5, 4.5, -3.5, 3.25]  # 2a - b + 0.5
    # Standardised: (0, 0), (1, 0), (0, 4), (0.5, -0.75). Along the second: b² / 4; beside it: a² / 0.5; halved, rooted.
    expected = np.sqrt(np.array([0, 2, 4, 0.5 + 0.75**2 / 4]) / 2)
    assert CLOUD.score(statistics) == pytest.approx(expected)


def test_what_is_not_dermoscopic_is_not_said_to_be_seen_little():
    about = WeightsInfo(model=None, gate=OodGate(DIRECTION, replace(CLOUD, threshold=0.9)))
    statistics = np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 6.0]])
    judged = judge(about, statistics, np.zeros((3, 1)))
    assert judged.not_dermoscopic.tolist() == [False, True, False]
    assert judged.seen_little.tolist() == [False, False, True]
    assert judge(WeightsInfo(model=None), statistics, np.zeros((3, 1))) == (None,) * 4


def test_weights_of_before_make_the_first_statement_alone():
    old = {"method": METHOD, "weights": [1.0], "offset": 0.0, "threshold": 2.0}
    judged = judge(WeightsInfo(model=None, familiarity=old), np.zeros((2, 5)), np.array([[1.0], [3.0]]))
    assert judged.not_dermoscopic.tolist() == [False, True]
    assert judged.not_dermoscopic_score.tolist() == [1, 3]
    assert judged.seen_little is judged.seen_little_score is None


def test_what_was_seen_is_told_by_the_sources_that_were_learned_from():
    training, validation, outsiders, patients = drawn()
    shifted = validation.statistics.copy()
    shifted[validation.sources == "b", 1:4] += 6
    training.statistics[training.sources == "b", 1:4] += 6
    validation = Pictures(shifted, validation.sources, validation.classes)
    columns = np.array([1, 2, 3])
    both = fit_gate(training, validation, outsiders, patients, columns)
    first = fit_gate(training, validation, outsiders, patients, columns, {"a", "elsewhere"})
    assert both.seen_little.measured["beyond"]["b"]["share"] <= LITTLE
    assert first.seen_little.measured["beyond"]["a"]["share"] <= LITTLE
    assert first.seen_little.measured["beyond"]["b"]["share"] > 0.99
    assert first.not_dermoscopic.threshold == both.not_dermoscopic.threshold
    with pytest.raises(DataFault, match="too few training images of elsewhere, from which the weights learned"):
        fit_gate(training, validation, outsiders, patients, columns, {"elsewhere"})


def test_each_group_keeps_its_limit_and_outsiders_are_caught(gate):
    _, validation, outsiders, _ = drawn()
    first = gate.not_dermoscopic
    blocked = first.score(validation.statistics) > first.threshold
    for rows in limited_groups(validation.sources, validation.classes):
        assert blocked[rows].mean() <= BLOCKED
    assert (first.score(outsiders[:, 0]) > first.threshold).all()
    assert first.measured["caught"]["share"] >= 0.95
    assert first.measured["tuned_on"] == {"training": 400, "validation": 300, "outsiders": 40, "patients": 20}
    assert set(first.measured["blocked"]) == {"a", "b", "a nv", "a mel", "b nv", "b mel"}
    beyond = gate.seen_little.measured["beyond"]
    assert set(beyond) == {"a", "b"}
    assert max(own["share"] for own in beyond.values()) == 7 / 150  # the most that 5 % of 150 allow
    training = drawn()[0].statistics
    assert (gate.seen_little.score(training) ** 2).mean() == pytest.approx(1, abs=0.02)


def test_small_classes_are_joined_over_sources_and_then_with_each_other():
    # Of source a 60 nv, 20 mel, 10 df; of b 40 nv, 20 mel, 5 vasc: mel has 40 in both, df and vasc have 15, no limit.
    counts = [("a", "nv", 60), ("a", "mel", 20), ("a", "df", 10), ("b", "nv", 40), ("b", "mel", 20), ("b", "vasc", 5)]
    sources = np.array([source for source, _, count in counts for _ in range(count)])
    classes = np.array([code for _, code, count in counts for _ in range(count)])
    assert SMALLEST == 34
    assert sorted(len(rows) for rows in limited_groups(sources, classes)) == [40, 40, 60, 65, 90]
    assert sorted(len(rows) for rows in limited_groups(sources[60:90], classes[60:90])) == [30]
    many = [("a", "df", 30), ("b", "vasc", 10)]  # neither alone: together they are enough
    sources, classes = (np.array([pair[place] for pair in many for _ in range(pair[2])]) for place in (0, 1))
    assert sorted(len(rows) for rows in limited_groups(sources, classes)) == [10, 30, 40]


def test_what_was_caught_is_judged_without_its_patient():
    # No difference but one that each patient has to himself: by picture it would be found again, by patient it is not.
    training, validation, outsiders, _ = drawn(channels=80)
    random = np.random.default_rng(3)
    own = random.normal(size=(20, 1, 80)) * 2
    alike = np.repeat(own, 2, axis=0) + 0.01 * random.normal(size=outsiders.shape)
    patients = [f"PAT_{number // 2}" for number in range(40)]
    by_patient = fit_gate(training, validation, alike, patients, np.array([1, 2]))
    by_picture = fit_gate(training, validation, alike, [str(number) for number in range(40)], np.array([1, 2]))
    caught = [found.not_dermoscopic.measured["caught"]["share"] for found in (by_patient, by_picture)]
    assert caught[0] + 0.2 < caught[1]


def test_a_threshold_that_spares_dermoscopy_wins():
    training, validation, outsiders, patients = drawn()
    outsiders[..., 0] -= 9  # like dermoscopy: nothing is caught that a few percent would not
    first = fit_gate(training, validation, outsiders, patients, np.array([1, 2])).not_dermoscopic
    assert first.measured["caught"]["share"] <= 0.15
    assert max(first.measured["blocked"][source]["share"] for source in "ab") <= BLOCKED


def test_json_brings_back_the_same(gate):
    again = read_gate(json.loads(json.dumps(gate.as_dict(), allow_nan=False)))
    statistics = drawn()[1].statistics
    assert np.array_equal(again.not_dermoscopic.score(statistics), gate.not_dermoscopic.score(statistics))
    assert np.array_equal(again.seen_little.score(statistics), gate.seen_little.score(statistics))
    assert again.as_dict() == gate.as_dict()
    assert read_gate(None) is None


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        (("version",), 2, "not of version 1"),
        (("stages",), [1], "not of version 1"),
        (("seen_little",), None, "lacks one of its two statements"),
        (("not_dermoscopic", "weights"), [1.0, "2"], "weights of the weights' gate is not a list of finite numbers"),
        (("not_dermoscopic", "weights"), [1.0, [2.0]], "not a list of finite numbers"),
        (("not_dermoscopic", "offset"), float("inf"), "offset of the weights' gate is not a finite number"),
        (("not_dermoscopic", "threshold"), None, "not a finite number"),
        (("seen_little", "axes"), [1.0], "axes of the weights' gate is not a table of finite numbers"),
        (("seen_little", "mean"), [1.0], "do not fit each other"),
        (("seen_little", "columns"), [0, 9], "do not fit each other"),
        (("seen_little", "columns"), [0, 0.5], "do not fit each other"),
        (("seen_little", "axes"), [[0.0, 9.0]], "do not fit each other"),
        (
            ("seen_little", "rest"),
            0.0,
            "rest of the weights' gate holds 0, expected numbers from 1e-12 to 1e\\+15",
        ),
        (("seen_little", "deviation"), [-1.0, 1.0], "deviation of the weights' gate holds -1, expected numbers"),
        (("seen_little", "variances"), [1e-300], "variances of the weights' gate holds 1e-300, expected numbers"),
        (
            ("seen_little", "mean"),
            [1e308, 1.0],
            "mean of the weights' gate holds 1e\\+308, expected numbers from",
        ),
        (("not_dermoscopic", "weights"), [1e308, -1e308], "weights of the weights' gate holds 1e\\+308"),
        (("not_dermoscopic", "measured"), [1], "measured of the weights' gate is not a table of names and values"),
    ],
)
def test_a_damaged_gate_is_refused(path, value, text):
    content = json.loads(json.dumps(OodGate(DIRECTION, CLOUD).as_dict()))
    inner = content
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    with pytest.raises(WeightsFault, match=text):
        read_gate(content)


def test_the_deviation_of_what_never_changes_is_no_reason_to_refuse_older_weights():
    content = json.loads(json.dumps(OodGate(DIRECTION, CLOUD).as_dict()))
    content["seen_little"]["deviation"][0] = 3.55e-15  # rounding, which older versions kept
    assert read_gate(content).seen_little.deviation[0] == 1.0


def test_scores_of_the_largest_numbers_are_finite():
    content = OodGate(DIRECTION, CLOUD).as_dict()
    content["not_dermoscopic"] |= {"weights": [MOST, -MOST], "offset": MOST}
    content["seen_little"] |= {"mean": [MOST, -MOST], "deviation": [LEAST] * 2, "variances": [LEAST], "rest": LEAST}
    gate = read_gate(json.loads(json.dumps(content)))
    largest = np.float32([[np.finfo(np.float32).max, -np.finfo(np.float32).max]])
    assert np.isfinite(gate.not_dermoscopic.score(largest)).all()
    assert np.isfinite(gate.seen_little.score(largest)).all()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_score_that_is_no_number_takes_no_doubt_away():
    statistics = np.array([[1.0, 1.0]])
    endless = replace(DIRECTION, weights=np.array([np.inf, -np.inf]))
    judged = judge(WeightsInfo(model=None, gate=OodGate(endless, CLOUD)), statistics, np.zeros((1, 1)))
    assert np.isnan(judged.not_dermoscopic_score).all()
    assert judged.not_dermoscopic.tolist() == [True]
    away = replace(CLOUD, mean=np.array([np.inf, -np.inf]))
    judged = judge(WeightsInfo(model=None, gate=OodGate(DIRECTION, away)), statistics, np.zeros((1, 1)))
    assert np.isnan(judged.seen_little_score).all()
    assert judged.seen_little.tolist() == [True]


def test_statistics_of_another_network_are_refused():
    for statement in (DIRECTION, CLOUD):
        with pytest.raises(WeightsFault, match="is for 2 statistics, and the network has 1: calibrate"):
            statement.score(np.zeros((1, 1)))
        with pytest.raises(ValueError, match="not finite float"):
            statement.score(np.full((1, 2), np.nan))
    with pytest.raises(WeightsFault, match="the network has 3"):
        DIRECTION.score(np.zeros((1, 3)))


def test_fitting_refuses_what_it_cannot_use():
    training, validation, outsiders, patients = drawn()
    columns = np.array([0, 1])
    with pytest.raises(DataFault, match="outsiders are of 9 patients, too few to learn from: give 10"):
        fit_gate(training, validation, outsiders[:18], patients[:18], columns)
    assert FOLDS == 10
    nothing = Pictures(validation.statistics[:0], validation.sources[:0], validation.classes[:0])
    with pytest.raises(DataFault, match="too few training or validation images"):
        fit_gate(training, nothing, outsiders, patients, columns)
    with pytest.raises(DataFault, match="all have the same features"):
        fit_gate(replace(training, statistics=np.zeros((400, 8))), validation, outsiders, patients, columns)
    with pytest.raises(ValueError, match="3 patients for 40 outsiders"):
        fit_gate(training, validation, outsiders, patients[:3], columns)
    with pytest.raises(ValueError, match="statistics of outsiders are float64"):
        fit_gate(training, validation, outsiders[..., :3], patients, columns)
    with pytest.raises(ValueError, match="statistics of training are not all finite"):
        fit_gate(replace(training, statistics=np.full((400, 8), np.nan)), validation, outsiders, patients, columns)
    with pytest.raises(ValueError, match="there is no column 8"):
        fit_gate(training, validation, outsiders, patients, np.array([8, 1]))


def test_inside_and_outside_by_hand():
    # Malignant lesions: inside one of two is referred, outside both. Sets hold mel from 0.5 and nv from 0.5.
    true = np.array([INDEX["mel"], INDEX["mel"], INDEX["mel"], INDEX["mel"], INDEX["nv"], INDEX["nv"]])
    probabilities = np.zeros((6, 7))
    probabilities[:, INDEX["mel"]] = [0.9, 0.1, 0.8, 0.7, 0.2, 0.6]
    probabilities[:, INDEX["nv"]] = 1 - probabilities[:, INDEX["mel"]]
    cases = Cases(true, probabilities, np.array(list("abcdef")), 0.5, (0.5,) * 7)
    little = np.array([True, True, False, False, True, False])
    found = measure_seen(cases, little, np.array(list("xxxyyy")), 20)
    inside, outside = found["inside"], found["outside"]
    assert (inside["images"], inside["malignant"], outside["malignant"]) == (3, 2, 2)
    assert (inside["sensitivity"]["value"], outside["sensitivity"]["value"]) == (0.5, 1)
    assert (inside["specificity"]["value"], outside["specificity"]["value"]) == (1, 0)
    assert (inside["coverage"]["value"], outside["coverage"]["value"]) == (2 / 3, 2 / 3)
    assert found["by_source"]["x"]["share"] == 2 / 3
    assert found["by_source"]["y"]["inside"]["sensitivity"]["value"] is None
    none = measure_seen(cases, np.zeros(6, dtype=bool), np.array(["x"] * 6), 20)["inside"]
    assert (none["images"], none["coverage"]) == (0, {"value": None, "interval": None})


def seen(images, malignant, sensitivity, coverage):
    one = {"images": images, "malignant": malignant}
    return one | {"sensitivity": {"value": sensitivity}, "coverage": {"value": coverage}}


def test_what_seen_little_means_is_spoken_as_measured(tiny_model):
    image = np.random.default_rng(0).integers(110, 190, (40, 60, 3), dtype=np.uint8)
    case = diagnose(tiny_model, image, "a.png")
    assert (case.not_dermoscopic, case.seen_little, case.not_dermoscopic_score) == (None,) * 3
    case = replace(case, seen_little=True, seen_little_score=2.0, not_dermoscopic=False, mask=np.ones((40, 60), bool))
    about = tiny_model.description
    assert words.seen_little(case, about) == f"{words.SEEN_LITTLE} What that costs has not been measured."
    both = {"inside": seen(412, 80, 0.55, 0.8), "outside": seen(900, 200, 0.954, 0.93)}
    measured = {"test": {"seen_little": both}, "calibration": {"seen_little": {}}}
    assert words.seen_little(case, replace(about, measured=measured)) == (
        f"{words.SEEN_LITTLE} Of 100 malignant lesions in such pictures 55 lay above the referral threshold, 95 in "
        "others; what cannot be excluded held the true diagnosis in 80 of 100, 93 in others (on the test part, 412 "
        "such pictures)."
    )
    few = {"inside": seen(3, 2, 0.5, 0.8), "outside": seen(900, 200, 0.95, 0.93)}
    said = words.seen_little(case, replace(about, measured={"calibration": {"seen_little": few}}))
    assert said == f"{words.SEEN_LITTLE} There were too few such pictures on validation to say what that costs."
    assert case.answerable
    assert words.flags(case) == ("Cut by the edge", "Seen little")
    for silent in ({"seen_little": False}, {"seen_little": None}, {"not_dermoscopic": True}):
        assert words.seen_little(replace(case, **silent), about) == ""
    assert (record_of(case)["not_dermoscopic"], record_of(case)["seen_little"]) == (False, True)
    content = json.loads(case_json(case, "terms"))
    assert (content["seen_little"], content["not_dermoscopic"], content["unfamiliar"]) == (True, False, False)


def test_the_description_keeps_the_gate(tiny_weights, tmp_path):
    target = tmp_path / "derm.json"
    ship_weights(tiny_weights, target, half=False)
    model = load_weights(target)
    channels = model.net.encoder.out_channels
    width = 2 * sum(channels[2:])
    columns = style_columns(channels)
    little = SeenLittle(
        columns, np.zeros(len(columns)), np.ones(len(columns)), np.eye(len(columns))[:1], np.ones(1), 1.0, 0.0
    )
    gate = OodGate(NotDermoscopic(np.zeros(width), 0.0, 1.0), little)
    rewrite_description(target, lambda _: replace(model.description, gate=gate))
    again = load_weights(target)
    assert again.description.gate.as_dict() == gate.as_dict()
    assert again.description.unmeasured(again.description.model).gate is None
    case = diagnose(again, np.full((40, 60, 3), 120, dtype=np.uint8), "a.png")
    assert (case.not_dermoscopic, case.seen_little) == (False, True)
    drawing = diagnose(again, np.full((40, 60, 3), 120, dtype=np.uint8), "a drawing", drawn=True)
    assert (drawing.not_dermoscopic, drawing.seen_little) == (None, None)


def test_views_begin_with_the_picture_and_are_drawn_alike_by_the_same_lot():
    image = np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8)
    views = list(views_of(image, 4, np.random.default_rng(1)))
    assert views[0] is image
    assert len(views) == 4
    assert all(view.dtype == np.uint8 and view.ndim == 3 and min(view.shape[:2]) >= 12 for view in views)
    again = list(views_of(image, 4, np.random.default_rng(1)))
    assert all(np.array_equal(one, other) for one, other in zip(views, again, strict=True))
    assert len(list(views_of(np.zeros((1, 1, 3), np.uint8), 3, np.random.default_rng(0)))) == 3
