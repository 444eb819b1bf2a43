"""A case as JSON, CSV and pictures."""

import json
from dataclasses import replace

from cases import LIKELY, case_with, cases_csv, half_mask, with_sets

from derm.diagnoses import CODES
from derm.predict import words
from derm.predict.export import LONGEST, case_json, file_name, outline_png, view_png
from derm.predict.record import COLUMNS


def test_a_case_is_kept_as_json_csv_and_pictures():
    content = json.loads(case_json(LIKELY, "terms"))
    assert list(content["probabilities"]) == list(CODES)
    assert (content["p_malignant"], content["mask_fraction"], content["licence"]) == (0.78, 0.25, "terms")
    assert content["notice"] == words.NOTICE
    names = ("referral_threshold", "above_referral", "cannot_exclude", "unfamiliar", "unfamiliar_score")
    assert [content[name] for name in names] == [None] * 5
    decided = replace(with_sets({"nv": 0.88, "mel": 0.12}), referral_threshold=0.12, not_dermoscopic=False)
    content = json.loads(case_json(decided, "terms"))
    assert [content[name] for name in names] == [0.12, True, ["nv", "mel"], False, None]
    lines = cases_csv([LIKELY, LIKELY]).splitlines()
    assert (lines[0], len(lines)) == (",".join(COLUMNS), 3)
    assert lines[1].startswith("a,a.png,yes,,,mel,0.780000,,,,0.000000,0.170000,")
    assert lines[2].startswith("a (2),a.png,")
    assert file_name(LIKELY, "view.png") == "a_view.png"
    assert file_name(case_with({}, half_mask(), name="../è *.x.jpg"), "case.json") == "è_x_case.json"
    several = [case_with({}, half_mask(), name=f"{'1.' * 40}{number}") for number in (1, 2)]
    assert [file_name(case, "view.png")[-11:] for case in several] == ["_1_view.png", "_2_view.png"]
    assert len(file_name(several[0], "")) <= LONGEST + 1
    assert outline_png(LIKELY).startswith(b"\x89PNG")
    assert view_png(LIKELY, "Heat map", 0, 0.5).startswith(b"\x89PNG")
