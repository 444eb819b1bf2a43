"""What is wrong with an answer, by kind: of diagnoses, and of referral."""

import numpy as np
import pandas as pd

from derm.diagnoses import INDEX
from derm.explore.verdicts import Verdict, by_call, by_image, by_threshold


def test_each_kind_of_answer():
    pairs = [("mel", "mel"), ("mel", "nv"), ("nv", "mel"), ("mel", "bcc"), ("nv", "df")]
    true, called = (np.array([INDEX[pair[side]] for pair in pairs]) for side in range(2))
    assert by_call(true, called) == [
        Verdict.RIGHT,
        Verdict.MISSED,
        Verdict.ALARM,
        Verdict.CONFUSED,
        Verdict.CONFUSED,
    ]
    assert len({verdict.icon for verdict in Verdict}) == len(Verdict)


def test_a_threshold_judges_otherwise_than_the_likeliest_diagnosis():
    cases = pd.DataFrame(
        {
            "image_id": ["a", "b"],
            "true": [INDEX["mel"], INDEX["nv"]],
            "predicted": [INDEX["nv"], INDEX["nv"]],
            "p_malignant": [0.3, 0.2],
        }
    )
    assert by_image(cases) == {"a": Verdict.MISSED, "b": Verdict.RIGHT}
    assert by_image(cases, 0.1) == {"a": Verdict.RIGHT, "b": Verdict.ALARM}
    assert by_threshold(cases, 0.5) == [Verdict.MISSED, Verdict.RIGHT]
