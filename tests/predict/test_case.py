"""Cases, threads and batches, on a small random network."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image
from small_nets import SMALL
from torch import nn

from derm.diagnoses import DIAGNOSES, INDEX
from derm.errors import ImageRefused
from derm.explain.gradcam import heat_map_of
from derm.image.resize import square, unsquare, window_of
from derm.model.network import LesionNet
from derm.model.preprocess import normalise
from derm.model.weights import Model, WeightsInfo
from derm.predict.batch import answers
from derm.predict.case import Case, diagnose, diagnose_bytes
from derm.predict.case import changed as edited
from derm.predict.view import class_mask_at

CONFIG = SMALL


@pytest.fixture(scope="module")
def model() -> Model:
    torch.manual_seed(7)
    net = LesionNet(CONFIG)
    # Fresh running statistics let the signal die out on its way down; one pass in training mode sets them.
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        squares = [square(picture(seed, side), 64) for seed in range(4) for side in (48, 64)]
        net(normalise(torch.from_numpy(np.stack(squares)), CONFIG))
    net.eval().requires_grad_(requires_grad=False).to(memory_format=torch.channels_last)
    return Model(net, WeightsInfo(CONFIG, temperature=2.0), "small", "0123456789" * 6 + "0123")


def picture(seed: int, height: int = 48, width: int = 80) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def png(image: np.ndarray) -> bytes:
    stream = BytesIO()
    Image.fromarray(image).save(stream, format="PNG")
    return stream.getvalue()


def case_with(probabilities: list[float], mask: np.ndarray, cells: list[list[float]] | None = None) -> Case:
    """A case whose classes all have the same evidence, none unless `cells` are given."""
    height, width = mask.shape
    evidence = heat_map_of(np.array(cells or [[0.0]], dtype=np.float32), height, width)
    image = np.zeros((height, width, 3), dtype=np.uint8)
    return Case("a", image, np.array(probabilities), mask.astype(np.float32), mask, (evidence,) * 7, "small 01234567")


def test_a_case_decides_by_the_thresholds_of_the_weights(model):
    limits = (0.1, 0.2, 0.15, 0.05, 0.08, 0.3, 0.25)
    described = replace(model.description, referral_threshold=0.12, conformal_thresholds=limits)
    case = diagnose(replace(model, description=described), picture(1), "one")
    assert (case.referral_threshold, case.conformal_thresholds, case.not_dermoscopic) == (0.12, limits, None)
    # bcc 0.06 is below its 0.2 and df 0.05 reaches its 0.05; the malignant sum 0.06 + 0.06 reaches 0.12.
    held = replace(case, probabilities=np.array([0, 0.06, 0.2, 0.05, 0.06, 0.63, 0]))
    assert (held.above_referral, held.cannot_exclude, held.falls_short) == (True, (5, 2, 3), False)
    assert replace(held, referral_threshold=0.121).above_referral is False
    alone = replace(held, conformal_thresholds=(0.64,) * 7)
    assert (alone.cannot_exclude, alone.falls_short) == ((5,), True)


def test_without_thresholds_a_case_decides_nothing(model):
    case = diagnose(model, picture(1), "one")
    assert (case.above_referral, case.cannot_exclude, case.falls_short) == (None, None, False)
    # Only a picture that is known not to be dermoscopic takes the answer away.
    whole = replace(case, mask=np.ones_like(case.mask))
    assert [replace(whole, not_dermoscopic=known).answerable for known in (None, False, True)] == [True, True, False]
    assert not replace(case, mask=np.zeros_like(case.mask)).answerable


def test_a_case_is_the_networks_answer_at_the_pictures_size(model):
    image = picture(1)
    image.flags.writeable = False
    case = diagnose(model, image, "one")
    with torch.no_grad():
        answer = model.net(normalise(torch.from_numpy(square(image, 64))[None], CONFIG))
    exponentials = np.exp(answer.class_logits[0].double().numpy() / 2)  # the temperature
    np.testing.assert_allclose(case.probabilities, exponentials / exponentials.sum(), atol=1e-6)
    small = 1 / (1 + np.exp(-answer.mask_logits[0, 0].numpy()))
    np.testing.assert_allclose(case.mask_probability, unsquare(small, 48, 80), atol=1e-6)
    np.testing.assert_array_equal(case.mask, case.mask_probability >= 0.5)
    assert 0 < case.mask.mean() < 1
    assert (case.name, case.weights) == ("one", "small 01234567")
    assert [one.map.shape for one in case.evidence] == [(48, 80)] * 7
    assert not all(one.flat for one in case.evidence)
    assert case.probabilities.dtype == np.float64
    assert case.mask_probability.dtype == np.float32


def test_a_padded_case_lies_on_its_picture(model):
    """The network sees 38 of 64 rows; outline and maps are those rows, at the picture's own size."""
    config = replace(CONFIG, fit="pad")
    image = picture(1)
    case = diagnose(replace(model, description=replace(model.description, model=config)), image, "one")
    with torch.no_grad():
        answer = model.net(normalise(torch.from_numpy(square(image, 64, "pad"))[None], config))
    small = 1 / (1 + np.exp(-answer.mask_logits[0, 0].numpy()))
    np.testing.assert_allclose(case.mask_probability, unsquare(small[13:51], 48, 80), atol=1e-6)
    assert all(one.window == window_of(48, 80, 64, "pad") == (13 / 64, 0, 51 / 64, 1) for one in case.evidence)
    assert [one.map.shape for one in case.evidence] == [(48, 80)] * 7
    assert [one.on_square(64).shape for one in case.evidence] == [(64, 64)] * 7


def test_what_follows_from_the_probabilities():
    # akiec, bcc, bkl, df, mel, nv, vasc: nv and vasc tie, and nv comes first in the table.
    case = case_with([1 / 16, 1 / 16, 0, 0, 1 / 8, 3 / 8, 3 / 8], np.zeros((40, 50), dtype=bool))
    assert case.predicted is DIAGNOSES[INDEX["nv"]]
    assert [diagnosis.code for diagnosis, _ in case.ranked] == ["nv", "vasc", "mel", "akiec", "bcc", "bkl", "df"]
    assert [probability for _, probability in case.ranked] == [3 / 8, 3 / 8, 1 / 8, 1 / 16, 1 / 16, 0, 0]
    assert case.p_malignant == 1 / 4


def test_a_speck_is_no_lesion():
    mask = np.zeros((40, 50), dtype=bool)
    mask[0, 0] = True  # 1 of 2,000 pixels
    case = case_with([1 / 7] * 7, mask, [[1.0]])
    assert case.mask_fraction == 1 / 2000
    assert not case.has_lesion
    assert (case.agreement(0), case.mean_agreement) == (None, None)
    mask = mask.copy()
    mask[0, 1] = True
    assert case_with([1 / 7] * 7, mask).has_lesion


def test_agreement_is_with_the_predicted_mask():
    mask = np.zeros((40, 50), dtype=bool)
    mask[:, :25] = True
    case = case_with([1 / 7] * 7, mask, [[1.0]])  # evidence everywhere: half of it inside, IoU 1 / 2
    for found in (case.agreement(3), case.mean_agreement):
        assert (found.inside, found.best_iou) == (1 / 2, 1 / 2)
        assert found.baseline_inside == pytest.approx(1 / 2)
    flat = case_with([1 / 7] * 7, mask)
    assert flat.has_lesion
    assert (flat.agreement(3), flat.mean_agreement) == (None, None)


def test_what_was_measured_of_a_case_is_measured_once():
    mask = np.zeros((40, 50), dtype=bool)
    mask[:, :25] = True
    case = replace(case_with([1 / 7] * 7, mask, [[1.0]]), truth=mask)
    moved = replace(case, at_data=case)
    assert case.agreement(3) is case.agreement(3) is moved.agreement(3)
    assert case.true_agreement(3) is case.true_agreement(3) is moved.true_agreement(3)
    assert case.mean_agreement is moved.mean_agreement
    assert case.marks is case.marks is moved.marks
    assert edited(case, polygons=(((0.0, 0.0), (20.0, 0.0), (20.0, 20.0)),)).agreement(3).inside < 1 / 2


def test_class_masks_of_a_case(model):
    case = diagnose(model, picture(1), "one")
    for index, evidence in enumerate(case.evidence):
        soft, binary = case.class_mask(index)
        np.testing.assert_array_equal(soft, case.mask_probability * evidence.map)
        np.testing.assert_array_equal(binary, soft >= 0.5)
        assert soft.any() != evidence.flat


def test_bytes_pass_the_door_first(model):
    case = diagnose_bytes(model, png(picture(2)), "folder/two.png")
    np.testing.assert_array_equal(case.image, picture(2))
    assert case.name == "two.png"
    with pytest.raises(ImageRefused, match=r"broken\.png"):
        diagnose_bytes(model, b"no picture", "broken.png")


def changed(model: Model, **change: object) -> Model:
    """A model of another class head on the same encoder."""
    torch.manual_seed(1)
    config = replace(CONFIG, **change)
    net = LesionNet(config).eval()
    net.load_state_dict({k: v for k, v in model.net.state_dict().items() if "head.scores" not in k}, strict=False)
    return Model(net, WeightsInfo(config), "changed", model.sha256)


def test_evidence_by_cells_is_the_class_mask(model):
    case = diagnose(changed(model, head="pixel"), picture(1), "one")
    assert (case.looks_inside, case.weighs_cells) == (True, True)
    index = next(place for place, evidence in enumerate(case.evidence) if not evidence.flat)
    assert case.evidence[index].cells.shape == (8, 8)  # of 64 pixels
    soft, binary = case.class_mask(index)
    np.testing.assert_array_equal(soft, case.evidence[index].map)
    np.testing.assert_array_equal(binary, soft >= 0.5)
    np.testing.assert_array_equal(class_mask_at(case, index, 48, 80), binary)
    # Without weights by the outline it is not, and takes the lesion's probability.
    case = diagnose(changed(model, head="pixel", whole_share=1.0), picture(1), "one")
    assert (case.looks_inside, case.weighs_cells) == (False, False)
    np.testing.assert_allclose(case.class_mask(index)[0], case.mask_probability * case.evidence[index].map, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{}, {"hidden": 8}, {"head": "pixel"}])
def test_threads_get_what_one_alone_gets(model, change):
    """Eight threads share one model; with hooks or `.backward()` they would get each other's maps."""
    if change:
        model = changed(model, **change)
    images = [picture(seed) for seed in range(20)]
    alone = [diagnose(model, image, "alone") for image in images]
    with ThreadPoolExecutor(8) as pool:
        orders = [np.random.default_rng(seed).permutation(20) for seed in range(8)]
        jobs = [(int(i), pool.submit(diagnose, model, images[i], "shared")) for i in np.stack(orders, axis=1).ravel()]
        for index, job in jobs:
            case, expected = job.result(), alone[index]
            np.testing.assert_array_equal(case.probabilities, expected.probabilities)
            np.testing.assert_array_equal(case.mask_probability, expected.mask_probability)
            for one, other in zip(case.evidence, expected.evidence, strict=True):
                np.testing.assert_array_equal(one.cells, other.cells)
                assert one.maximum == other.maximum
    assert len({case.probabilities[0] for case in alone}) == 20
    assert not all(evidence.flat for case in alone for evidence in case.evidence)


def test_batches_answer_for_the_rows_in_their_order(model):
    squares = np.stack([square(picture(seed, 64), 64) for seed in range(5)])
    rows = np.array([4, 0, 3])
    net = model.net
    net.train()
    net.encoder.eval()  # a part that training has frozen
    batches = []
    for chosen, answer in answers(net, squares, rows, batch=2):
        assert not net.training
        assert not torch.is_inference_mode_enabled()
        batches.append((chosen.tolist(), answer.class_logits.numpy(), tuple(answer.mask_logits.shape)))
    modes = (net.training, net.head.training, net.encoder.training)
    net.eval()
    assert modes == (True, True, False)
    assert [(chosen, shape) for chosen, _, shape in batches] == [([4, 0], (2, 1, 64, 64)), ([3], (1, 1, 64, 64))]
    for row, logits in zip(rows, np.concatenate([logits for _, logits, _ in batches]), strict=True):
        alone = net(normalise(torch.from_numpy(squares[row : row + 1]), CONFIG)).class_logits[0].numpy()
        np.testing.assert_allclose(logits, alone, atol=1e-3)


def test_a_batch_run_that_is_left_early_restores_the_mode(model):
    model.net.train()
    batches = answers(model.net, np.zeros((3, 64, 64, 3), dtype=np.uint8), np.arange(3), batch=1)
    next(batches)
    assert not model.net.training
    batches.close()
    training = model.net.head.dropout.training
    model.net.eval()
    assert training


def test_batch_guards(model):
    squares = np.zeros((3, 32, 32, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=r"the squares are \(3, 32, 32, 3\), not \(n, 64, 64, 3\)"):
        next(answers(model.net, squares, np.arange(3)))
    with pytest.raises(ValueError, match="the batch is 0"):
        next(answers(model.net, np.zeros((3, 64, 64, 3), dtype=np.uint8), np.arange(3), batch=0))
