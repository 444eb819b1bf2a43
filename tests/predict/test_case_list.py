"""The list of cases: newest first, limited, without the drawing once a picture came."""

import numpy as np
from cases import LIKELY, case_with, half_mask

from derm.model.config import ModelConfig
from derm.model.network import LesionNet
from derm.model.weights import Model, WeightsInfo
from derm.predict.case_list import MAX_CASES, MAX_MEGAPIXELS, add_case, find_case, first_sample, sample_case

SMALL = ModelConfig(input_size=64, feature_channels=32, decoder_channels=(8, 8, 8, 8))


def test_the_list_is_newest_first_and_drawings_leave():
    cases = add_case([], LIKELY, drawn=True)
    cases = add_case(cases, LIKELY, drawn=True)
    assert [listed.drawn for listed in cases] == [True, True]
    own = add_case(cases, case_with({"nv": 1.0}, half_mask(), name="own"))
    assert [listed.case.name for listed in own] == ["own"]
    assert len(cases) == 2  # the old list is left alone
    both = add_case(own, LIKELY, drawn=True)
    assert [listed.case.name for listed in both] == ["a.png", "own"]
    assert find_case(both, own[0].key).case.name == "own"
    assert find_case(both, "gone") is both[0]
    assert both[0].thumbnail.startswith(b"\xff\xd8")


def test_the_list_is_limited_by_number_and_by_size():
    cases = []
    for _ in range(MAX_CASES + 2):
        cases = add_case(cases, LIKELY)
    assert len(cases) == MAX_CASES
    side = 7000  # 49 megapixels, without the memory for them
    large = case_with({"nv": 1.0}, half_mask(), name="large")
    object.__setattr__(large, "mask", np.broadcast_to(np.zeros((1, 1), dtype=bool), (side, side)))
    cases = add_case(add_case(add_case([], large), large), large)
    assert len(cases) == MAX_MEGAPIXELS // 49 == 2


def test_the_sample_is_a_drawing_and_always_the_same():
    net = LesionNet(SMALL).eval()
    model = Model(net, WeightsInfo(SMALL), "small", "0" * 64)
    first, second = (sample_case(model, first_sample()) for _ in range(2))
    np.testing.assert_array_equal(first.image, second.image)
    assert first.name == "Drawn melanoma"
