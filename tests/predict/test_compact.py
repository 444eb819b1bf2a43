"""A case without its picture says all that it said before, to the last digit."""

import sys
import zlib
from dataclasses import replace

import numpy as np
import pytest
from cases import LIKELY, half_mask, with_sets

from derm.predict.compact import answers_of, compact, pack, unpack
from derm.predict.doubts import doubts_of
from derm.predict.practice import at_practice
from derm.predict.words import headline, lesion_measures, second_line


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 60), (7, 8)])
def test_a_mask_comes_back_bit_for_bit(shape):
    mask = np.random.default_rng(1).random(shape) < 0.5
    np.testing.assert_array_equal(unpack(pack(mask), shape), mask)


@pytest.mark.parametrize("packed", [zlib.compress(bytes(1 << 20)), zlib.compress(bytes(1)), b"no mask"])
def test_bytes_of_another_mask_are_refused(packed):
    with pytest.raises(ValueError, match=r"a mask (of another size|that cannot be unpacked)"):
        unpack(packed, (40, 60))


def test_answers_outline_and_measures_stay():
    case = replace(with_sets({"mel": 0.6, "nv": 0.4}), truth=half_mask(), referral_threshold=0.1, seen_little=True)
    back = answers_of(compact(case))
    np.testing.assert_array_equal(back.mask, case.mask)
    np.testing.assert_array_equal(back.truth, case.truth)
    for told in (headline, second_line, lesion_measures, doubts_of):
        assert told(back) == told(case)
    assert back.cannot_exclude == case.cannot_exclude
    assert not back.image.any()


def test_it_is_kept_at_the_mix_of_the_data():
    mix = (0.1, 0.1, 0.1, 0.1, 0.2, 0.3, 0.1)
    case = replace(LIKELY, mix=mix)
    moved = at_practice(case, 0.01)
    assert moved.p_malignant < case.p_malignant
    assert answers_of(compact(moved)).p_malignant == case.p_malignant


def test_twenty_megapixels_take_kilobytes():
    mask = np.zeros((3648, 5472), dtype=bool)
    mask[1000:2000, 1000:4000] = True
    case = replace(LIKELY, mask=mask, image=np.zeros((*mask.shape, 3), dtype=np.uint8))
    kept = compact(case)
    assert len(kept.mask) < 50_000
    assert sum(sys.getsizeof(array.base) for array in (kept.case.image, kept.case.mask)) < 1000
