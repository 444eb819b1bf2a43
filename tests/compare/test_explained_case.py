"""One case explained: maps held to account, the trial of painting over, what is drawn and downloaded."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from small_nets import SMALL, let_through

from derm.compare import pictures, words
from derm.compare.explained_case import MAP, ExplainedCase, explain_case, hold
from derm.compare.export import figure_html, rows_csv
from derm.compare.faithfulness import measure_faithfulness
from derm.data.synthetic.lesion import draw_lesion
from derm.evaluate.explain_rows import scorer
from derm.explain.agreement import BUILT_IN, CENTRE_PRIOR, ORACLE, THRESHOLDS, UNIFORM, centre_prior, localisation
from derm.explain.faithfulness import deletion, insertion, road
from derm.explain.gradcam import HeatMap
from derm.explain.methods import METHODS
from derm.explain.sanity import equivariance, randomise, similarity, stability
from derm.figures.compare import threshold_curves
from derm.image.overlay import png
from derm.image.resize import place_cells
from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import Model, WeightsInfo
from derm.predict.case import diagnose
from derm.predict.words import overlap

GRAD, LAYER = METHODS["grad-cam"], METHODS["layercam"]


@pytest.fixture(scope="module")
def case(tiny_model):
    drawn = draw_lesion("mel", 3, height=66, width=88)
    found = diagnose(tiny_model, drawn.image, "drawn", truth=drawn.mask)
    return replace(found, mask=drawn.mask)  # a network of random weights outlines nothing worth a name


def with_cells(cells: list[list[float]], case, *, flat: bool = False) -> ExplainedCase:
    """Grad-CAM with these cells, held against the lower half of the picture."""
    evidence = HeatMap(np.array(cells, dtype=np.float32), 1.0, flat, 60, 80)
    mask = np.zeros((224, 224), dtype=bool)
    mask[112:] = True
    maps = np.stack([evidence.scaled(224, 224), centre_prior(224, 224), np.ones((224, 224), np.float32), mask])
    found = localisation(maps.astype(np.float32), mask)
    return ExplainedCase(GRAD, 0, evidence, found, None)


def test_a_map_is_held_against_both_outlines_beside_what_knows_no_network(tiny_model, case):
    held = explain_case(tiny_model, case, GRAD, 4)
    np.testing.assert_allclose(held.evidence.cells, case.evidence[4].cells, atol=1e-5)
    for found in (held.outline, held.truth):
        assert found.best_iou[ExplainedCase.place(ORACLE)] == 1
        share = np.asarray(found.inside[ExplainedCase.place(UNIFORM)])
        assert share == pytest.approx(case.mask.mean(), abs=0.01)  # the lesion's share of the picture
    assert explain_case(tiny_model, replace(case, truth=None), GRAD, 4).truth is None


def test_both_pages_state_the_same_figures_of_one_case(tiny_model, case):
    index, prior = 4, ExplainedCase.place(CENTRE_PRIOR)
    cells = np.array([[0.1, 0.3, 0.0], [0.4, 1.0, 0.7], [0.2, 0.6, 0.05]], dtype=np.float32)
    own = replace(case, evidence=(HeatMap(cells, 1.0, False, 66, 88),) * 7)
    held = hold(GRAD, index, own.evidence[index], own)
    for diagnose_says, compare_says in (
        (own.agreement(index), held.outline),
        (own.true_agreement(index), held.truth),
    ):
        assert diagnose_says.thresholds is THRESHOLDS
        np.testing.assert_array_equal(diagnose_says.iou_curve, compare_says.iou_curve[0])
        assert diagnose_says.best_iou == compare_says.best_iou[0] > 0.3
        assert diagnose_says.best_threshold == compare_says.best_iou_threshold[0]
        assert diagnose_says.inside == compare_says.inside[0]
        assert diagnose_says.baseline_iou == compare_says.best_iou[prior]
        assert diagnose_says.baseline_inside == compare_says.inside[prior]
    table = next(row for row in words.agreement_rows([held, held], 0.3, true=False) if row.measure == "Best IoU")
    assert f"overlap by {table.first} (IoU)" in overlap(own, index)
    assert f"centre prior reaches {table.prior}" in overlap(own, index)


def test_agreement_that_is_built_in_is_said_to_be():
    assert BUILT_IN not in words.agreement_limits(ModelConfig())
    assert words.agreement_limits(ModelConfig(pooling="whole+lesion")).endswith(f"too. {BUILT_IN}")
    assert words.agreement_limits(ModelConfig(head="pixel")).endswith(f"too. {BUILT_IN}")
    assert BUILT_IN not in words.agreement_limits(ModelConfig(head="pixel", whole_share=1.0))


def test_without_a_lesion_there_is_nothing_to_agree_with(tiny_model, case):
    held = explain_case(tiny_model, replace(case, mask=np.zeros_like(case.mask), truth=None), GRAD, 0)
    assert held.against(true=False) is None
    assert words.agreement_rows([held, held], 0.3, true=False) == []
    shown = replace(held, evidence=replace(held.evidence, flat=False))
    assert words.headline([shown, shown], true=False).startswith("There is no lesion in the outline")


def test_the_rows_follow_the_slider_by_hand(case):
    # The lower half of the map is 1, the upper 0, with a bilinear step between: cut at 1/2 it is the mask.
    half = with_cells([[0.0], [1.0]], case)
    even = with_cells([[1.0], [1.0]], case)  # half of the picture: IoU 1/2 at any threshold
    rows = {row.measure: row for row in words.agreement_rows([half, even], 0.5, true=False)}
    assert (rows["IoU at the threshold"].first, rows["IoU at the threshold"].second) == ("1.00", "0.50")
    assert rows["Best IoU"].oracle == "1.00"
    assert rows["Evidence inside"].second == "0.50"
    assert rows["Strongest point inside"].first == "1.00"
    later = {row.measure: row for row in words.agreement_rows([half, even], 1.0, true=False)}
    assert float(later["IoU at the threshold"].first) < 1


@pytest.mark.parametrize(
    ("own", "said"), [(0.614, "as much as the centre prior"), (0.6, "no more than the"), (0.62, ", more than the")]
)
def test_evidence_is_not_called_more_than_the_same_percent(case, monkeypatch, own, said):
    shown = with_cells([[0.0], [1.0]], case)
    found = shown.against(true=False)
    inside = np.full_like(found.inside, 0.606)  # the centre prior's
    inside[ExplainedCase.place(MAP)] = own
    monkeypatch.setattr(ExplainedCase, "against", lambda _, *, true: replace(found, inside=inside))
    assert said in words.headline([shown, shown], true=False)


def test_a_flat_map_is_named_and_scores_nothing(case):
    flat = with_cells([[0.0]], case, flat=True)
    other = with_cells([[0.0], [1.0]], case)
    assert flat.against(true=False) is None
    rows = words.agreement_rows([flat, other], 0.3, true=False)
    assert {row.first for row in rows} == {"–"}
    assert "finds no evidence for actinic keratosis" in words.headline([flat, other], true=False)
    assert "no evidence" in words.captions(flat, 0.3)
    assert words.curves([flat, other], true=False)["A: Grad-CAM"] is None


@pytest.mark.slow
def test_a_trial_is_the_same_each_time_and_leaves_the_model_as_it_was(tiny_model, case):
    before = {name: value.clone() for name, value in tiny_model.net.state_dict().items()}
    # The maps of a network of random weights are flat: these cells are given to it.
    index, cells = 4, np.array([[0.0, 0.2], [1.0, 0.4]], dtype=np.float32)
    held = replace(explain_case(tiny_model, case, GRAD, index), evidence=HeatMap(cells, 1.0, False, 66, 88))
    told: list[float] = []
    first, second = (
        measure_faithfulness(tiny_model, case, [held], lambda share, _: told.append(share))[0] for _ in range(2)
    )
    once = told[: len(told) // 2]
    assert (once[0], once[-1]) == (0, 1)
    assert once == sorted(once) == told[len(told) // 2 :]
    assert first.randomised == pytest.approx(second.randomised, nan_ok=True)
    assert first.road == pytest.approx(second.road)
    assert first.stability == pytest.approx(second.stability, nan_ok=True)
    assert all((value == tiny_model.net.state_dict()[name]).all() for name, value in before.items())
    rows = {row.measure: row for row in words.trial_rows([first, None])}
    assert rows["Deletion, area"].second == "–"
    assert float(rows["Deletion, area"].first) == pytest.approx(first.deletion.areas[0], abs=0.005)
    assert words.trial_rows([None, None]) == []
    assert "painted over" in words.painted_sentence(first, index)


def by_itself(model, case, held: ExplainedCase) -> dict[str, float]:
    """The same figures as `measure_faithfulness`, each asked for by itself from `derm.explain`."""
    image, size, index = case.prediction.images, 64, held.index
    score, own, prior = scorer(model), held.evidence.on_square(64), centre_prior(size, size)

    def maps(images, net=model.net):
        return held.method.maps(net, images, None, [index])[:, 0]

    def placed(images):
        return torch.stack([torch.from_numpy(place_cells(one, 64, 64, 0.0)) for one in maps(images).numpy(force=True)])

    learned = maps(image).numpy(force=True)
    return {
        "deletion": deletion(score, image[0], own).areas[index],
        "deletion_prior": deletion(score, image[0], prior).areas[index],
        "insertion": insertion(score, image[0], own).areas[index],
        "insertion_prior": insertion(score, image[0], prior).areas[index],
        "road": road(score, image[0], own).gaps[index],
        "stability": stability(maps, image).structure[0],
        "equivariance": equivariance(placed, image).structure[0],
        **{
            name: similarity(learned, maps(image, net).numpy(force=True)).structure[0]
            for name, net in randomise(model.net, image)
        },
    }


@pytest.mark.slow
def test_what_maps_share_is_asked_once_and_changes_no_figure(case):
    torch.manual_seed(7)
    net = LesionNet(SMALL)
    let_through(net, torch.randn(8, 3, 64, 64))
    model = Model(net.eval(), WeightsInfo(model=net.config), "let through", "cd" * 32)
    seen = replace(diagnose(model, case.image, "drawn"), mask=case.mask)
    pair = [explain_case(model, seen, method, 2) for method in (GRAD, LAYER, GRAD)]
    assert not any(held.evidence.flat for held in pair)
    found = measure_faithfulness(model, seen, pair)
    assert found[0] is found[2]
    for held, trial in zip(pair[:2], found, strict=False):
        told = {
            "deletion": trial.deletion.areas[0],
            "deletion_prior": trial.deletion_prior.areas[0],
            "insertion": trial.insertion.areas[0],
            "insertion_prior": trial.insertion_prior.areas[0],
            "road": trial.road,
            "stability": trial.stability,
            "equivariance": trial.equivariance,
            **trial.randomised,
        }
        # An untrained network's gradients multiply what rounding differs between one picture and several in a pass.
        near = 2e-3 if held.method is GRAD else 2e-2
        assert told == pytest.approx(by_itself(model, seen, held), abs=near, nan_ok=True)


@pytest.mark.slow
def test_a_method_of_many_passes_is_spared_sanity_until_it_is_asked_for(tiny_model, case):
    cells = np.array([[0.0, 0.2], [1.0, 0.4]], dtype=np.float32)
    held = replace(explain_case(tiny_model, case, METHODS["occlusion"], 4), evidence=HeatMap(cells, 1.0, False, 66, 88))
    (quick,) = measure_faithfulness(tiny_model, case, [held])
    assert quick.deletion is not None
    assert quick.randomised == {}
    assert np.isnan([quick.stability, quick.equivariance, quick.destroyed]).all()
    assert "The sanity of Occlusion is not tested yet" in words.untested([held], [quick])
    assert words.randomised([held, held], [quick, quick]) == {}
    (whole,) = measure_faithfulness(tiny_model, case, [held], slow=True)
    assert len(whole.randomised) > 5
    assert words.untested([held], [whole]) == ""


def test_the_bar_says_what_is_done_and_how_long_it_goes_on():
    assert words.step("centre prior: taking pixels away", 0.0, 0.0) == "Centre prior: taking pixels away …"
    assert words.step("x", 0.25, 1.0) == "X, under a minute left"  # a quarter took one second
    assert words.step("x", 0.25, 100.0) == "X, 5\N{NO-BREAK SPACE}min left"
    assert words.step("", 1.0, 4.0) == "Done"


def test_the_picture_is_left_alone_where_the_map_is_below_the_threshold(case):
    evidence = HeatMap(np.array([[0.0], [1.0]], dtype=np.float32), 1.0, False, 60, 80)
    alone = replace(case, mask=np.zeros_like(case.mask), truth=None)
    plain_picture = pictures.draw_outlines(alone, 80)
    cut = pictures.draw_cut(alone, evidence, 0.9, 1.0, 80)
    np.testing.assert_array_equal(cut[:30], plain_picture[:30])  # the upper half is below
    assert (cut[-5:] != plain_picture[-5:]).any()
    flat = HeatMap(np.zeros((2, 1), dtype=np.float32), 0.0, True, 60, 80)
    np.testing.assert_array_equal(pictures.draw_cut(alone, flat, 0.0, 1.0, 80), plain_picture)


def test_downloads_hold_what_is_shown(case):
    pair = [with_cells([[0.0], [1.0]], case)] * 2
    rows = words.agreement_rows(pair, 0.5, true=False)
    table = pd.read_csv(io.StringIO(rows_csv(rows)))
    assert table["measure"].tolist() == [row.measure for row in rows]
    assert pictures.row_png(case, pair, 0.5, 0.6, 80)[:8] == png(np.zeros((1, 1), dtype=np.uint8))[:8]
    page = figure_html(threshold_curves, THRESHOLDS, words.curves(pair, true=False), 0.5)
    assert "Plotly.newPlot(" in page
    assert '<script src="http' not in page
