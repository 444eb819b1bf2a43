"""What a description says of the pictures, lesions and classes that were learned from, written and read back."""

import json

import cv2
import numpy as np
import pandas as pd
import pytest

from derm.data.learned import (
    classes_learned,
    hardly_learned,
    join_learned,
    known_among,
    lesion_digests,
    read_learned,
    record_learned,
)
from derm.data.looks import find_copies, look_at
from derm.data.recognise import shipped_split
from derm.data.split import Split
from derm.diagnoses import CODES
from derm.predict.learned_words import all_not_learned, answer_doubt, means_nothing, none_of


def images(count: int) -> np.ndarray:
    random = np.random.default_rng(5)
    return random.integers(0, 256, (count, 32, 32, 3)).astype(np.uint8)


def training(dx: list[str]) -> dict:
    lesions = pd.Series([f"L{number // 2}" for number in range(len(dx))])
    table = pd.DataFrame({"dx": dx, "source": "clinic", "lesion_id": lesions})
    table = table.assign(image_id=[f"i{number}" for number in range(len(dx))])
    return {"data": {"learned": json.loads(json.dumps(record_learned(images(len(dx)), table, lesions)))}}


def test_pictures_and_lesions_come_back():
    learned = read_learned(training(["nv"] * 6))
    assert learned.pictures.shape == (6, 2)
    looks = np.stack([look_at(image) for image in images(8)])
    assert find_copies(looks, learned.pictures).tolist() == [0, 1, 2, 3, 4, 5, -1, -1]
    own = pd.DataFrame({"source": ["clinic", "clinic", "elsewhere"]})
    digests = lesion_digests(own, ["L2", "L3", "L2"])
    assert [digest in learned.lesions for digest in digests] == [True, False, False]


def test_a_learned_lesion_and_patient_are_known_whatever_else_is_there():
    def rows(lesions: str, patient: str) -> pd.DataFrame:
        ids = [f"{patient}-{lesion}" for lesion in lesions]
        told = {"dx": "nv", "source": "clinic", "image_id": ids, "lesion_id": ids, "patient_id": patient}
        return pd.DataFrame(told)

    before = rows("9", "P")
    told = record_learned(images(1), before, before["lesion_id"])
    learned = read_learned({"data": {"learned": told}})
    # The same lesion beside another one of its patient, whose name comes first and is what the split calls both.
    later = pd.concat([rows("19", "P"), rows("5", "Q"), rows("7", "")], ignore_index=True)
    names = pd.Series(["P-1", "P-1", "Q-5", "-7"])
    split = Split("lesion", pd.Series("test", index=later.index), later["lesion_id"], names)
    strange = np.zeros((4, 32, 32), np.uint8)
    assert known_among(learned, later, split, np.arange(4), strange).named.tolist() == [True, True, False, False]
    renamed = later.assign(lesion_id=["P-9", "x", "P-9", "P-9"], patient_id="")
    assert known_among(learned, renamed, split, np.arange(4), strange).named.tolist() == [True, False, True, True]


def test_a_shipped_lesion_is_the_same_in_every_data_set():
    lesion = shipped_split()["lesion"].iloc[0]
    one, other = lesion_digests(pd.DataFrame({"source": ["ham10000", "clinic"]}), [lesion, lesion])
    assert one == other


def test_weights_that_say_nothing():
    assert read_learned({"data": {}}) is None
    assert classes_learned({}) is None
    assert hardly_learned({}) == ()
    assert all_not_learned({}) == {}


def test_classes_that_were_hardly_learned_are_named():
    dx = [code for code in CODES if code not in ("df", "vasc") for _ in range(10)]
    told = training([*dx, "vasc", "mel|nv", "unknown"])
    assert classes_learned(told) == {**dict.fromkeys(CODES, 10), "df": 0, "vasc": 1}
    assert hardly_learned(told) == ("df", "vasc")
    assert hardly_learned(training([*["df"] * 9, *["nv"] * 10])) == tuple(code for code in CODES if code != "nv")
    assert all_not_learned(told) == {
        "df": "Dermatofibroma cannot be predicted: the weights learned from no image of it, so that its "
        "probability means nothing, whether low or high.",
        "vasc": "Vascular lesion cannot be predicted: the weights learned from one image of it, so that its "
        "probability means nothing, whether low or high.",
    }


def test_weights_that_count_the_last_cases_alone_do_not_say():
    """As older versions taught them from such as recorded no pictures; others count what was open at no diagnosis."""
    told = training([*["mel"] * 5, *["nv"] * 8])
    assert classes_learned(told)["mel"] == 5
    data = {**told["data"], "sources_before": ["ham10000"], "train": 7_242}
    count = len(read_learned(told).pictures)
    alone = {"data": data, "taught": {"way": "head", "pictures": count}}
    assert classes_learned(alone) is None
    assert hardly_learned(alone) == ()
    more = {"data": data, "taught": {"way": "head", "pictures": count - 1}}
    assert classes_learned(more) == classes_learned(told)
    own = {"data": data, "taught": {"way": "head", "pictures": count, "recorded_before": count}}
    assert classes_learned(own) == classes_learned(told)  # of weights that had learned from the same cases


@pytest.mark.parametrize(
    ("lacking", "doubted", "sum_withheld"),
    [((), False, False), (("df",), False, False), (("mel",), True, True), (("nv", "bkl", "df", "vasc"), True, False)],
)
def test_answers_are_doubtful_where_a_malignant_or_most_diagnoses_were_hardly_learned(lacking, doubted, sum_withheld):
    told = training([code for code in CODES if code not in lacking for _ in range(10)])
    assert answer_doubt(told) == (none_of(told) if doubted else "")
    assert set(means_nothing(told)) == {f"p_{code}" for code in lacking} | ({"p_malignant"} if sum_withheld else set())
    assert ("and with it the malignant probability" in none_of(told)) is sum_withheld
    assert bool(none_of(told)) is bool(lacking)


def test_two_records_are_joined_and_one_with_itself_stays_as_it_is():
    one, other = training(["nv"] * 4 + ["df"] * 2)["data"]["learned"], training(["nv"] * 9)["data"]["learned"]
    assert join_learned(one, one) == one
    assert join_learned({}, one) == join_learned(one, {}) == one
    both = join_learned(one, other)  # six of nine pictures are the same
    assert len(read_learned({"data": {"learned": both}}).pictures) == 9
    assert read_learned({"data": {"learned": both}}).lesions == {
        *read_learned({"data": {"learned": one}}).lesions,
        *read_learned({"data": {"learned": other}}).lesions,
    }
    # Of 4 and 9 nevi six pictures may be the same, and are at most 4; the two dermatofibromas are nowhere else.
    assert both["classes"] == {**dict.fromkeys(CODES, 0), "nv": 9, "df": 2}
    assert join_learned(both, other) == join_learned(both, one) == both
    del one["classes"]
    assert "classes" not in join_learned(one, other)


def test_images_that_are_learned_again_at_another_size_do_not_count_twice():
    large = [cv2.resize(image[:8, :8], (96, 96), interpolation=cv2.INTER_CUBIC) for image in images(12)]
    small = [cv2.resize(image, (50, 50), interpolation=cv2.INTER_AREA) for image in large[:6]]
    lesions = pd.Series([f"L{number}" for number in range(6)])
    table = pd.DataFrame({"dx": ["df"] * 6, "source": "clinic", "lesion_id": lesions, "image_id": lesions})
    once, again, apart = (record_learned(part, table, lesions) for part in (large[:6], small, large[6:]))
    assert once["pictures"] != again["pictures"]
    assert join_learned(once, again)["classes"]["df"] == 6
    assert join_learned(once, apart)["classes"]["df"] == 12
