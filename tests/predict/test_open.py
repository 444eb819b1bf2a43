"""The model that the environment names."""

import pytest
from small_nets import SMALL

from derm.errors import WeightsFault
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, save_weights
from derm.predict.open import open_model


def test_the_environment_names_other_weights(tmp_path, monkeypatch):
    save_weights(tmp_path / "tiny.json", LesionNet(SMALL), WeightsInfo(SMALL))
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "tiny.json"))
    assert open_model().name == "tiny"
    monkeypatch.setenv("DERM_WEIGHTS", str(tmp_path / "none.json"))
    with pytest.raises(WeightsFault, match="There is no description"):
        open_model()
    monkeypatch.delenv("DERM_WEIGHTS")
    monkeypatch.setattr("derm.predict.open.default_weights", lambda: tmp_path / "tiny.json")
    assert open_model().name == "tiny"
