"""What else has to know of a diagnosis than `derm.diagnoses`: each table of them is whole."""

import pytest

from derm.data.diagnosis_words import UNKNOWN, WORDS
from derm.data.isic import ISIC2019_CLASSES
from derm.data.synthetic.dataset import AGES, GROUND_TRUTH_COLUMNS, SITES
from derm.data.synthetic.lesion import LOOKS
from derm.data.synthetic.samples import SAMPLES
from derm.diagnoses import CODES
from derm.metrics.paper import compare_with_paper
from derm.metrics.registry import OUTLINE, OVERALL, PER_CLASS
from derm.predict.case_list import DRAWN

TABLES = {
    "WORDS in derm/data/diagnosis_words.py": {code for word, code in WORDS.items() if word != code},
    "LOOKS in derm/data/synthetic/lesion.py": LOOKS,
    "SAMPLES in derm/data/synthetic/samples.py": SAMPLES,
    "AGES in derm/data/synthetic/dataset.py": AGES,
    "SITES in derm/data/synthetic/dataset.py": SITES,
    "GROUND_TRUTH_COLUMNS in derm/data/synthetic/dataset.py": {name.lower() for name in GROUND_TRUTH_COLUMNS},
    "DRAWN in derm/predict/case_list.py": DRAWN,
}
"""Where every diagnosis has a line of its own."""


@pytest.mark.parametrize("table", TABLES)
def test_each_diagnosis_has_its_line(table):
    assert [code for code in CODES if code not in TABLES[table]] == [], f"add them to {table}"


def test_no_diagnosis_is_still_left_open():
    """As words and classes of the ISIC are that are none of Derm's."""
    assert {code: WORDS[code] for code in CODES} == {code: code for code in CODES}
    assert [name for name, meant in ISIC2019_CLASSES.items() if meant == UNKNOWN and name.lower() in CODES] == []


def test_a_diagnosis_that_the_paper_lacks_and_a_metric_that_it_lacks_stand_beside_nothing(monkeypatch):
    monkeypatch.setattr("derm.metrics.paper.PER_CLASS", {})
    monkeypatch.setattr("derm.metrics.paper.OVERALL", {"accuracy": 0.843235})
    metrics = {metric.key: 0.5 for metric in (*OVERALL, *OUTLINE)}
    metrics["per_class"] = {code: dict.fromkeys(PER_CLASS, 0.25) for code in CODES}
    rows = {row.name: row for row in compare_with_paper(metrics)}
    assert {name: row.paper for name, row in rows.items() if row.paper is not None} == {
        "accuracy": 0.843235, "milliseconds": 40.0,
    }  # fmt: skip
    assert set(metrics) - {"per_class"} <= set(rows)
    assert (rows["mel specificity"].ours, rows["mel specificity"].note) == (0.25, "")
