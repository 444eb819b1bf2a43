"""The comparison of arms: a published worked example, brute force, and cases worked out by hand."""

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from derm.study.mrmc import area_left_out, compare_arms, jackknife, share_left_out

# Van Dyke et al. 1993 (45 patients with aortic dissection, 69 without, five readers, two kinds of MRI), the worked
# example of Smith & Hillis, MRMCaov user guide (2025), section 3, and of Chakraborty, RJafroc (dataset02): areas by the
# trapezoidal rule, and the components of their covariance by the jackknife.
AREAS = np.array(
    [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
)
VARIANCES, COV2 = (0.0010141028, 0.0005904738), (0.0004839618, 0.0002041879)
COV1, COV3 = 0.0003466137, 0.0002390284


def published() -> np.ndarray:
    """The covariance of the ten areas, made of its published components."""
    covariance = np.full((2, 5, 2, 5), COV3)
    for arm in range(2):
        covariance[arm, :, arm, :] = COV2[arm]
        for reader in range(5):
            covariance[arm, reader, 1 - arm, reader] = COV1
            covariance[arm, reader, arm, reader] = VARIANCES[arm]
    return covariance


def test_the_published_example():
    found = compare_arms(AREAS, published())
    assert found.f == pytest.approx(4.456319, abs=2e-6)
    assert found.freedom == pytest.approx((1, 15.25967), abs=2e-5)
    assert found.p == pytest.approx(0.05166569, abs=2e-7)
    assert (found.ms_arm, found.ms_arm_reader) == pytest.approx((0.004796171, 0.0005510306), rel=1e-6)
    assert found.variance == pytest.approx(0.0008022883, rel=1e-6)
    assert found.covariances == pytest.approx((0.0003466137, 0.0003440748, 0.0002390284), rel=1e-6)
    (difference,) = found.differences
    assert difference[2:] == pytest.approx(
        (-0.04380032, 0.02074862, 15.25967, -0.0879594986, 0.0003588544, 0.05166569), abs=2e-5
    )
    first, second = found.arms
    assert first == pytest.approx((0.8970370, 0.03317360, 12.74465, 0.8252236, 0.9688505), abs=2e-5)
    assert second == pytest.approx((0.9408374, 0.02156637, 12.71019, 0.8941378, 0.9875369), abs=2e-5)


@pytest.fixture
def ratings():
    random = np.random.default_rng(3)
    malignant = np.arange(30) < 12
    return random.integers(1, 6, (2, 3, 30)) + 2.0 * malignant, malignant


def test_areas_with_each_case_left_out_are_those_of_scikit_learn(ratings):
    values, malignant = ratings
    areas, left = area_left_out(values, malignant)
    for arm in range(2):
        for reader in range(3):
            assert areas[arm, reader] == pytest.approx(roc_auc_score(malignant, values[arm, reader]))
            for case in (0, 11, 12, 29):
                kept = np.arange(30) != case
                without = roc_auc_score(malignant[kept], values[arm, reader, kept])
                assert left[case, arm, reader] == pytest.approx(without)


def test_the_jackknife_of_a_share_is_its_textbook_covariance(ratings):
    values, _ = ratings
    right = (values > 3).astype(float)
    shares, left = share_left_out(right)
    assert shares == pytest.approx(right.mean(axis=2))
    flat = right.reshape(6, 30)
    assert jackknife(left).reshape(6, 6) == pytest.approx(np.cov(flat) / 30)


def test_arms_that_are_alike_and_readers_that_never_vary():
    covariance = np.zeros((2, 3, 2, 3))
    same = compare_arms(np.full((2, 3), 0.8), covariance)
    assert math.isnan(same.f)
    assert math.isnan(same.p)
    assert same.differences[0].mean == 0


def test_one_reader_or_one_arm_is_no_comparison():
    with pytest.raises(ValueError, match="expected 2 or more"):
        compare_arms(np.ones((2, 1)), np.ones((2, 1, 2, 1)))
    with pytest.raises(ValueError, match="expected 2 or more"):
        compare_arms(np.ones((1, 2)), np.ones((1, 2, 1, 2)))
