"""The drawn samples under whatever weights ship: each is answered with its own name, and referred only if malignant."""

import pytest

from derm.diagnoses import DIAGNOSES
from derm.model.weights import default_weights, load_weights
from derm.predict.case_list import sample_case
from derm.predict.doubts import doubts_of
from derm.predict.words import what_to_do

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shipped():
    return load_weights(default_weights())


@pytest.mark.parametrize("diagnosis", DIAGNOSES, ids=lambda diagnosis: diagnosis.code)
def test_the_shipped_model_answers_a_sample_with_its_name(shipped, diagnosis):
    case = sample_case(shipped, diagnosis)
    assert case.predicted == diagnosis
    assert doubts_of(case) == ()
    assert what_to_do(case) == ("Refer" if diagnosis.malignant else "Not referred")
