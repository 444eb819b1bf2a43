"""The figure of a reader study: a row a measure, a line an arm, means and readers told apart without colour."""

import numpy as np

from derm.figures.study import ArmValues, arms_figure


def test_each_arm_has_its_mean_its_interval_and_its_readers():
    one = [ArmValues(0.5, 0.3, 0.7, (0.4, 0.6)), ArmValues(0.75, 0.6, 1.0, (0.7, 0.8))]
    undefined = [ArmValues(np.nan, np.nan, np.nan, (np.nan, np.nan)), ArmValues(1.0, 1.0, 1.0, (1.0, 1.0))]
    arms = ("without the answer", "with the answer, outline and heat map")
    figure = arms_figure({"Sensitivity": one, "Specificity": undefined}, arms, ("Dr <b>A", "Dr B"), dark=True)
    readers, means, _, others = figure.data
    assert readers.x == (0.4, 0.6, 0.7, 0.8)
    assert readers.text == ("Dr &lt;b&gt;A", "Dr B") * 2
    assert (readers.marker.symbol, means.marker.symbol) == ("circle-open", "diamond")
    assert means.x == (0.5, 0.75)
    assert np.allclose(means.error_x.array, [0.2, 0.25])
    assert np.allclose(means.error_x.arrayminus, [0.2, 0.15])
    assert means.y == ("without the answer", "with the answer,<br>outline<br>and heat map")
    assert np.isnan(others.x[0])
    assert [note.text for note in figure.layout.annotations] == ["Sensitivity", "Specificity"]
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
