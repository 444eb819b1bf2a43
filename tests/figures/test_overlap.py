"""Curves of overlap against the threshold."""

from dataclasses import replace

import numpy as np
import pytest
from cases import LIKELY

from derm.diagnoses import DIAGNOSES, INDEX
from derm.figures.overlap import overlap_curves


def test_overlap_curves_show_evidence_blob_and_truth_by_dash_and_name():
    known = replace(LIKELY, truth=np.ones_like(LIKELY.mask))
    mel = INDEX["mel"]
    figure = overlap_curves(DIAGNOSES[mel], known.agreement(mel), known.true_agreement(mel), dark=False)
    lines = {trace.name: trace for trace in figure.data}
    assert list(lines) == [
        "heat map and outline", "heat map and true outline", "centre prior and outline", "best threshold",
    ]  # fmt: skip
    assert lines["heat map and outline"].y == pytest.approx([0.25] * 101, abs=1e-3)
    assert lines["heat map and true outline"].y == pytest.approx([1.0] * 101)
    assert len({trace.line.dash for trace in figure.data[:3]}) == 3
    assert (lines["best threshold"].x[0], lines["best threshold"].y[0]) == pytest.approx((0.01, 0.25), abs=1e-3)
    without = overlap_curves(DIAGNOSES[mel], LIKELY.agreement(mel), None, dark=True)
    assert len(without.data) == 3
    assert without.data[0].line.color == DIAGNOSES[mel].colour
