"""A calibration that is not worth using says so, whatever makes it so."""

import pytest

from derm.diagnoses import CODES
from derm.evaluate.weak import weaknesses


def record(before: float = 0.3, after: float = 0.2, **lesions: int) -> dict:
    told = {"conformal_lesions": dict.fromkeys(CODES, 9) | lesions}
    return {"before": {"ece": before}, "after": {"ece": after}, **told}


SOUND = (0.02, (0.0, 0.1, 0.0, 0.1, 0.1, 0.5, 0.1))


def test_a_sound_one_has_none():
    assert weaknesses(*SOUND, record()) == []
    assert weaknesses(0.02, None, {"before": {"ece": None}, "after": {"ece": 0.1}}) == []


@pytest.mark.parametrize(
    ("threshold", "limits", "told", "said"),
    [
        (0.02, SOUND[1], record(df=8), r"(df 8): such a limit promises nothing"),
        (0.02, SOUND[1], record(df=0, vasc=3), r"(df 0, vasc 3): such a limit"),
        (0.0, SOUND[1], record(), "The referral threshold is 0: every picture would be referred."),
        (0.02, (0.0,) * 7, record(), "All limits of exclusion are 0: no diagnosis could ever be excluded."),
        (0.02, SOUND[1], record(0.310, 0.339), "The calibration error became larger: 0.310 before, 0.339 after."),
    ],
)
def test_each_weakness_alone(threshold, limits, told, said):
    (found,) = weaknesses(threshold, limits, told)
    assert said in found
