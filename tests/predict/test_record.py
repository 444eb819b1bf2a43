"""One schema for whatever is written down of a case."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cases import LIKELY, case_with, cases_csv, half_mask, with_sets
from jsonschema import Draft202012Validator

import derm
from derm.diagnoses import CODES
from derm.model.weights import default_weights, load_info
from derm.predict.case import diagnose
from derm.predict.doubts import Doubt, doubts_of
from derm.predict.export import case_json
from derm.predict.json_schema import json_schema
from derm.predict.record import (
    COLUMNS,
    FIELDS,
    SCHEMA,
    calibration_of,
    csv_line,
    header_line,
    json_of,
    record_of,
    refused_record,
    settings_of,
    unique_ids,
)
from derm.predict.words import NOTICE

PAGE = Path(__file__).parents[2] / "docs" / "predictions.md"


def row_of(record):
    (row,) = csv.DictReader([header_line(), csv_line(record)])
    return row


def decided():
    """A malignant sum above the threshold, two diagnoses in the set, an outline in the middle."""
    mask = np.zeros((40, 60), dtype=bool)
    mask[10:30, 20:40] = True
    return replace(
        with_sets({"nv": 0.88, "mel": 0.12}),
        mask=mask,
        referral_threshold=0.12,
        not_dermoscopic=False,
        seen_little=True,
    )


def test_what_an_answer_says_comes_before_its_numbers():
    row = row_of(record_of(decided()))
    assert list(row)[:6] == ["image_id", "file", "answerable", "doubts", "referral", "dx_pred"]
    assert list(row.values())[:10] == [
        "a", "a.png", "yes", "seen_little", "refer", "nv", "0.120000", "0.120000", "yes", "nv mel",
    ]  # fmt: skip
    said = ("not_dermoscopic", "seen_little", "lesion_found", "cut_by_edge", "mask_fraction", "views", "spread")
    assert [row[name] for name in said] == ["no", "yes", "yes", "no", "0.166667", "1", ""]  # 400 of 2,400 pixels
    assert (row["width"], row["height"], row["weights"]) == ("60", "40", "small 01234567")
    assert (row["schema"], row["error"]) == (str(SCHEMA), "")


def test_probabilities_that_mean_nothing_are_named_beside_them(tiny_model):
    learned = {"classes": dict.fromkeys(CODES, 100) | {"mel": 1, "df": 0}, "pictures": "", "lesions": ""}
    few = replace(tiny_model, description=replace(tiny_model.description, training={"data": {"learned": learned}}))
    skin = np.full((40, 60, 3), (224, 172, 150), dtype=np.uint8)
    record = record_of(diagnose(few, skin, "a.png"))
    assert record["not_learned"] == ["df", "mel"]
    assert json_of(record, "CC0-1.0")["not_learned"] == ["df", "mel"]
    assert row_of(record)["not_learned"] == "df mel"
    untold = record_of(diagnose(tiny_model, skin, "a.png"))
    assert untold["not_learned"] is None
    assert row_of(untold)["not_learned"] == ""
    learned["classes"] = dict.fromkeys(CODES, 100)
    assert record_of(diagnose(few, skin, "a.png"))["not_learned"] == []


def test_below_the_threshold_nobody_is_referred_and_without_one_nothing_is_said():
    assert record_of(replace(decided(), referral_threshold=0.13))["referral"] == "not referred"
    assert record_of(replace(decided(), referral_threshold=None))["referral"] is None


@pytest.mark.parametrize("change", [{"not_dermoscopic": True}, {"mask": np.zeros((40, 60), dtype=bool)}])
def test_nobody_can_take_a_number_for_an_answer_where_there_is_none(change):
    case = replace(decided(), **change)
    assert any(doubt.blocks for doubt in doubts_of(case))
    row = row_of(record_of(case))
    assert (row["answerable"], row["referral"]) == ("no", "no answer")
    assert [row[name] for name in ("dx_pred", "above_referral", "cannot_exclude")] == [""] * 3
    assert row["p_nv"] == "0.880000"  # for whoever studies such pictures
    content = json.loads(case_json(case, "terms"))
    assert content["dx_pred"] is content["above_referral"] is content["cannot_exclude"] is None


def test_every_doubt_has_its_code_in_the_table():
    mask = np.zeros((40, 60), dtype=bool)
    mask[:, 30:] = True
    case = replace(case_with({"mel": 1.0}, mask), seen_little=True)
    assert row_of(record_of(case))["doubts"].split() == [Doubt.CUT_BY_EDGE, Doubt.SEEN_LITTLE]


def test_csv_json_and_the_library_say_the_same(tiny_model):
    case = derm.predict(tiny_model, np.full((64, 80, 3), 150, dtype=np.uint8), name="one")
    record = derm.record(case)
    assert tuple(record) == COLUMNS
    content = json.loads(case_json(case, "terms"))
    assert {name: content[name] for name in COLUMNS} == record
    (row,) = csv.DictReader(cases_csv([case]).splitlines())
    assert row == row_of(record)
    assert content.pop("structures") is None  # these weights have no decoder of structures
    assert content.pop("reading")["measures"]["area_pixels"] == case.mask.sum()
    assert json_of(record, "terms") == content
    assert (content["licence"], content["notice"]) == ("terms", NOTICE)
    assert content["calibration"] == calibration_of(tiny_model.description)


def test_names_of_the_first_schema_stand_in_json():
    content = json_of(record_of(decided()), "terms")
    assert content["probabilities"] == {code: content[f"p_{code}"] for code in CODES}
    assert (content["unfamiliar"], content["unfamiliar_score"]) == (False, None)
    assert content["prevalence"]["of"] == "data"


def test_a_refusal_has_settings_and_no_numbers(tiny_model):
    settings = settings_of(tiny_model, 8, None)
    row = row_of(refused_record("a", "/x/a.jpg", "a.jpg is empty", settings))
    assert (row["answerable"], row["referral"], row["error"]) == ("no", "no answer", "a.jpg is empty")
    assert (row["views"], row["weights"], row["schema"]) == ("8", tiny_model.label, str(SCHEMA))
    assert {row[f"p_{code}"] for code in CODES} | {row["p_malignant"], row["dx_pred"]} == {""}


def test_a_new_calibration_is_told_from_the_old(tiny_model):
    about = tiny_model.description
    assert calibration_of(replace(about, temperature=2.0)) != calibration_of(about)
    assert calibration_of(replace(about, measured={"test": {}})) == calibration_of(about)


def test_the_calibration_of_what_is_there_keeps_its_digits():
    """Choices of weights, results and studies on people's disks hold it."""
    assert calibration_of(load_info(default_weights())) == "5329435e"


def test_equal_names_are_told_apart():
    names = [record["image_id"] for record in unique_ids(map(record_of, [LIKELY, LIKELY, LIKELY]))]
    assert names == ["a", "a (2)", "a (3)"]


def test_a_picture_called_by_a_uid_has_all_of_it_as_its_name():
    named = [
        record_of(case_with({}, half_mask(), name=name))["image_id"]
        for name in ("1.2.840.1", "1.2.840.1.dcm", "mole.x.jpg")
    ]
    assert named == ["1.2.840.1", "1.2.840.1", "mole.x"]


def test_the_page_describes_every_field_and_doubt():
    text = PAGE.read_text()
    told = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| (.+) \|$", text, re.MULTILINE)
    assert told == [(field.name, field.kind, field.meaning) for field in FIELDS]
    assert re.search(rf"^Schema {SCHEMA}\b", text, re.MULTILINE)
    assert re.findall(r"^- `(\w+)`:", text, re.MULTILINE) == [doubt.value for doubt in Doubt]


SCHEMA_FILE = Path(__file__).parents[2] / "docs" / "prediction.schema.json"


def test_the_published_schema_is_that_of_the_fields():
    assert json.loads(SCHEMA_FILE.read_text(encoding="utf-8")) == json_schema()


def test_answers_and_refusals_keep_to_the_published_schema(tiny_model):
    held = Draft202012Validator(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))
    held.check_schema(held.schema)
    case = derm.predict(tiny_model, np.full((64, 80, 3), 150, dtype=np.uint8), name="one")
    answer = json.loads(case_json(case, "terms"))
    held.validate(answer)
    held.validate(json_of(derm.record(case), "terms"))
    held.validate(json_of(refused_record("one", "one.jpg", "It is damaged."), "terms"))
    for wrong in ({"p_mel": 1.2}, {"dx_pred": "scc"}, {"answerable": None}, {"schema": 1}):
        assert not held.is_valid(answer | wrong)
    del answer["notice"]
    assert not held.is_valid(answer)
