"""What descriptions say was measured: types and ranges, so that no page falls over a figure that somebody wrote."""

import copy
import json

import pytest

from derm.errors import WeightsFault
from derm.model.description import SEAL, seal_of
from derm.model.measured import measured_fault
from derm.model.weights import default_weights, load_info

SOURCE = ("test_by_source", "sources", "isic2018_task1")


@pytest.fixture(scope="module")
def shipped() -> dict:
    return json.loads(default_weights().read_text())


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("test",), [1], "test"),
        (("test", "referral"), "x", "test.referral"),
        (("test", "referral", "of_100_malignant"), "<b>", "test.referral"),
        (("test", "referral", "by_lesion", "sensitivity", "value"), 7, "test.referral"),
        (("test", "split"), None, "test.split"),
        (("test", "images"), "x", "test.images"),
        (("test", "source"), {"a": 1}, "test.source"),
        (("test", "seen_little", "inside"), {}, "test.seen_little"),
        (("test_by_source",), [], "test_by_source"),
        (SOURCE, {}, "test_by_source.sources"),
        ((*SOURCE, "figures"), [], "test_by_source.sources"),
        ((*SOURCE, "figures", "sensitivity", "value"), 7, "test_by_source.sources"),
        (("calibration",), 5, "calibration"),
        (("calibration", "local"), {"folder": 1}, "calibration.local"),
        (("calibration", "referral", "found"), -1, "calibration.referral"),
        (("calibration", "by_source"), [], "calibration.by_source"),
        (("calibration", "by_source", "ham10000", "referral", "lower_bound"), "x", "calibration.by_source"),
        (("calibration", "before", "ece"), float("nan"), "a figure"),
    ],
)
def test_an_odd_figure_is_named(shipped, tmp_path, path, value, said):
    assert measured_fault(shipped["measured"]) is None
    content = copy.deepcopy(shipped)
    place = content["measured"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert measured_fault(content["measured"]) == said
    if said != "a figure":  # no description with NaN is read at all
        content[SEAL] = seal_of({name: own for name, own in content.items() if name != SEAL})
        (tmp_path / "odd.json").write_text(json.dumps(content))
        with pytest.raises(WeightsFault, match=rf"measured\.{said} is not what"):
            load_info(tmp_path / "odd.json")
