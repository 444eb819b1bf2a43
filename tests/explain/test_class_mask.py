"""Class masks by hand, where there is none, and every guard."""

import numpy as np
import pytest

from derm.explain.class_mask import binary_class_mask, class_mask


def test_class_masks_by_hand():
    lesion = np.array([[1, 0.8], [0.5, 0]], dtype=np.float32)
    evidence = np.array([[0.5, 1], [0.5, 1]], dtype=np.float32)
    soft = class_mask(lesion, evidence)
    assert soft.dtype == np.float32
    np.testing.assert_allclose(soft, [[0.5, 0.8], [0.25, 0]])
    assert binary_class_mask(soft, 0.5).tolist() == [[True, True], [False, False]]


def test_without_evidence_or_lesion_a_class_mask_is_empty():
    full, none = np.ones((4, 4), dtype=np.float32), np.zeros((4, 4), dtype=np.float32)
    for soft in (class_mask(full, none), class_mask(none, full)):
        assert not soft.any()
        assert not binary_class_mask(soft, 1e-6).any()


def test_class_mask_guards():
    soft = np.zeros((4, 4), dtype=np.float32)
    with pytest.raises(ValueError, match=r"mask is \(4, 4\), the evidence \(2, 4\)"):
        class_mask(soft, soft[:2])
    for threshold in (0, 1.1):
        with pytest.raises(ValueError, match="not above 0 and at most 1"):
            binary_class_mask(soft, threshold)
