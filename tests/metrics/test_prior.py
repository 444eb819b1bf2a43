"""Probabilities carried from mix to mix: by hand, then identities, then every guard."""

import numpy as np
import pytest

from derm.diagnoses import CODES, INDEX, MALIGNANT
from derm.errors import ConfigFault
from derm.metrics.prior import (
    change_mix,
    change_share,
    change_shares,
    class_mix,
    equal_mix,
    estimate_share,
    malignant_share,
    practice_mix,
)

KIND = np.array(MALIGNANT)


def mix(**shares: float) -> np.ndarray:
    """A mix, or a row of probabilities, of the shares named."""
    return np.array([shares.get(code, 0.0) for code in CODES])


HOME = mix(mel=0.1, bcc=0.1, nv=0.6, bkl=0.2)


def test_a_mix_is_counted():
    true = np.array([INDEX["mel"], INDEX["nv"], INDEX["nv"], INDEX["bcc"]])
    assert class_mix(true).tolist() == mix(mel=1 / 4, nv=1 / 2, bcc=1 / 4).tolist()
    # The melanoma counts as much as the three others together.
    assert class_mix(true, np.array([3.0, 1, 1, 1])) == pytest.approx(mix(mel=1 / 2, nv=1 / 3, bcc=1 / 6))
    assert np.isnan(class_mix(true[:0])).all()
    assert malignant_share(HOME) == pytest.approx(0.2)


def test_equal_classes_by_hand():
    # Melanoma 0.2 at a share of 0.1 is 2 a unit, nevus 0.6 at 0.6 is 1, keratosis 0.2 at 0.2 is 1, carcinoma 0.
    (row,) = change_mix(mix(mel=0.2, nv=0.6, bkl=0.2)[None], HOME, equal_mix(HOME))
    assert row == pytest.approx(mix(mel=1 / 2, nv=1 / 4, bkl=1 / 4))
    assert equal_mix(HOME).tolist() == mix(mel=1 / 4, bcc=1 / 4, nv=1 / 4, bkl=1 / 4).tolist()


def test_a_class_that_the_mix_lacks_gets_nothing_and_a_row_of_it_alone_stays():
    rows = np.stack([mix(vasc=0.5, nv=0.5), mix(vasc=1.0)])
    changed = change_mix(rows, HOME, equal_mix(HOME))
    assert changed.tolist() == [mix(nv=1.0).tolist(), mix(vasc=1.0).tolist()]


def test_a_practice_keeps_the_ratios_within_malignant_and_within_benign():
    # 20 % malignant become 5 %: each malignant share a quarter, each benign one 0.95 / 0.8 as much.
    assert practice_mix(HOME, 0.05) == pytest.approx(mix(mel=0.025, bcc=0.025, nv=0.7125, bkl=0.2375))


def test_odds_by_hand():
    # At 20 % the odds are 1 : 4, at 50 % 1 : 1, so that odds of 1 : 1 become 4 : 1.
    assert float(change_share(0.5, 0.2, 0.5)) == pytest.approx(4 / 5)
    # From 20 % to 5 %: odds times (1/19) / (1/4) = 4/19; 1 : 1 becomes 4 : 19.
    assert float(change_share(0.5, 0.2, 0.05)) == pytest.approx(4 / 23)
    assert change_share(np.array([0.0, 1.0]), 0.2, 0.05).tolist() == [0, 1]


def some(cases: int = 500) -> np.ndarray:
    return np.random.default_rng(0).dirichlet(np.full(7, 0.4), cases)


@pytest.mark.parametrize("share", [0.005, 0.05, 0.2, 0.5, 0.9])
def test_the_sum_of_changed_probabilities_is_the_changed_sum(share):
    own = np.full(7, 1 / 7)
    rows = change_mix(some(), own, practice_mix(own, share))
    before = some()[:, KIND].sum(axis=1)
    assert rows[:, KIND].sum(axis=1) == pytest.approx(change_share(before, 3 / 7, share))
    assert rows.sum(axis=1) == pytest.approx(1)
    # Within each of the two groups the order and the ratios stay.
    assert rows[:, KIND] / rows[:, KIND].sum(axis=1, keepdims=True) == pytest.approx(
        some()[:, KIND] / before[:, None], abs=1e-9
    )


def test_groups_are_carried_as_the_whole_mix_is():
    own = np.full(7, 1 / 7)
    carried = change_shares(some(), 3 / 7, 0.05)
    assert carried == pytest.approx(change_mix(some(), own, practice_mix(own, 0.05)))
    # A class that a mix lacks keeps its ratio to the others of its kind.
    (row,) = change_shares(mix(mel=0.2, akiec=0.2, nv=0.6)[None], 0.2, 0.05)
    assert row == pytest.approx(mix(mel=8 / 130, akiec=8 / 130, nv=114 / 130))


def test_a_threshold_that_moves_along_decides_alike():
    sums = some()[:, KIND].sum(axis=1)
    threshold = 0.3
    for share in (0.01, 0.1, 0.5):
        moved = float(change_share(threshold, 3 / 7, share))
        assert ((change_share(sums, 3 / 7, share) >= moved) == (sums >= threshold)).all()
    # And one that stays does not: at 1 % hardly anybody would be referred any more.
    assert (change_share(sums, 3 / 7, 0.01) >= threshold).sum() < (sums >= threshold).sum() / 3


def test_there_and_back_again():
    away = change_mix(some(), np.full(7, 1 / 7), HOME * 0.9 + 0.1 / 7)
    assert change_mix(away, HOME * 0.9 + 0.1 / 7, np.full(7, 1 / 7)) == pytest.approx(some())


def test_the_share_is_found_without_a_diagnosis():
    # A score with normal likelihoods, means 0 and 2; the sums hold where half are malignant; 10 % are.
    random = np.random.default_rng(0)
    ill = random.random(20_000) < 0.1
    score = random.normal(2.0 * ill, 1.0)
    sums = 1 / (1 + np.exp(2 - 2 * score))
    assert estimate_share(sums, 0.5) == pytest.approx(0.1, abs=0.01)


@pytest.mark.parametrize("share", [0, 1, -0.1, float("nan")])
def test_a_share_outside_is_refused(share):
    for ask in (lambda: practice_mix(HOME, share), lambda: change_share(0.5, 0.2, share)):
        with pytest.raises(ConfigFault, match=f"the share of malignant lesions is {share:g}, which is not between"):
            ask()
    with pytest.raises(ConfigFault, match="the share of malignant lesions that the model learned from is 0, which"):
        practice_mix(mix(nv=1.0), 0.1)


def test_what_is_no_mix_is_refused():
    with pytest.raises(ValueError, match=r"the old mix is \[0.5\], not 7 shares that sum to 1"):
        change_mix(some(), [0.5], HOME)
    with pytest.raises(ValueError, match="the new mix is"):
        change_mix(some(), HOME, HOME * 2)
