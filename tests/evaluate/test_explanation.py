"""Agreement of Grad-CAM with masks over many images, by hand."""

import numpy as np
import pytest

from derm.evaluate.explanation import AgreementSums
from derm.explain.agreement import AGREEMENT_SIDE as SIDE
from derm.explain.gradcam import heat_map_of


def test_iou_is_averaged_over_images_before_the_best_threshold_is_chosen():
    left = np.zeros((SIDE, SIDE), dtype=bool)
    left[:, : SIDE // 2] = True
    everywhere, flat = heat_map_of(np.ones((2, 2), np.float32)), heat_map_of(np.zeros((2, 2), np.float32))
    sums = AgreementSums()
    # The likeliest class marks the whole picture: 1/2 with half of it, 1 with all of it. The other six mark nothing.
    sums.add([everywhere, *[flat] * 6], 0, left)
    sums.add([everywhere, *[flat] * 6], 0, np.ones((SIDE, SIDE), dtype=bool))
    sums.add([everywhere, *[flat] * 6], 0, np.zeros((SIDE, SIDE), dtype=bool))  # no lesion: left out
    measured = sums.measures()
    assert measured["images"] == 2
    assert measured["likeliest_class"] == {"iou": pytest.approx(3 / 4), "threshold": 0.01}
    assert measured["all_classes"]["iou"] == pytest.approx(3 / 4 / 7)
    assert 0 < measured["centred_blob"]["iou"] < 1


def test_without_a_lesion_nothing_is_measured():
    sums = AgreementSums()
    sums.add([heat_map_of(np.ones((2, 2), np.float32))] * 7, 0, np.zeros((4, 4), dtype=bool))
    assert sums.measures() is None
