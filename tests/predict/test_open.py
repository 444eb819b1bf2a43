"""The model that the environment names."""

import pytest
from small_nets import SMALL

from derm.errors import WeightsFault
from derm.model.network import LesionNet
from derm.model.weights import WeightsInfo, save_weights
from derm.predict.open import CHOICE, open_model


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


@pytest.mark.parametrize(
    "content",
    ["{}", '{"weight": "a"}', '{"weights": null, "past": [{}]}', '{"weights": "a", "past": [{"by": "Dr A"}]}'],
)
def test_a_choice_without_the_name_of_weights_is_refused(tmp_path, content):
    (tmp_path / CHOICE).write_text(content)
    with pytest.raises(WeightsFault, match=r"does not say which weights are in use \(it names no weights\): put"):
        open_model(tmp_path)


def test_a_choice_that_is_a_link_which_leads_nowhere_is_refused_and_null_is_the_shipped_ones(tmp_path, monkeypatch):
    save_weights(tmp_path / "tiny.json", LesionNet(SMALL), WeightsInfo(SMALL))
    monkeypatch.setattr("derm.predict.open.default_weights", lambda: tmp_path / "tiny.json")
    place = tmp_path / CHOICE
    assert open_model(tmp_path).name == "tiny"
    place.write_text('{"weights": null, "past": []}')
    assert open_model(tmp_path).name == "tiny"
    for target, said in ((tmp_path / "not mounted" / CHOICE, "it is a link that leads nowhere"), (place, "Too many")):
        place.unlink()
        place.symlink_to(target)
        with pytest.raises(WeightsFault, match=f"does not say which weights are in use .*{said}.* delete it"):
            open_model(tmp_path)


def test_records_that_are_a_link_which_leads_nowhere_are_not_taken_for_none(tmp_path):
    (tmp_path / "records").symlink_to(tmp_path / "not-mounted")
    with pytest.raises(WeightsFault, match="records is a link that leads nowhere, as to a disk that is not mounted"):
        open_model(tmp_path / "records")
