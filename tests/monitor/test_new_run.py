"""The form for a new run: what it offers, and the run that it starts, with the process itself left out."""

from pathlib import Path

import pytest

from derm.data.synthetic.standin import draw_once, drawn_folder
from derm.errors import ConfigFault, DataFault
from derm.monitor import launch, new_run, words
from derm.monitor.settings import defaults


@pytest.fixture
def asked(monkeypatch) -> list[tuple[Path, list[str]]]:
    """What a process would have been asked."""
    commands: list[tuple[Path, list[str]]] = []
    monkeypatch.setattr(launch, "launch", lambda run, words, visitor: commands.append((run, words)))
    return commands


def test_drawn_lesions_can_always_be_chosen():
    assert new_run.data_choices(None) == [words.DRAWN_CHOICE]
    assert new_run.data_choices(Path("ham")) == ["ham", words.DRAWN_CHOICE]
    assert new_run.preset_choices()[0] == "derm"


def test_a_name_is_suggested_that_no_run_has(tmp_path):
    assert new_run.suggested_name(tmp_path, "derm", drawn=True) == "drawn-derm"
    (tmp_path / "derm").mkdir()
    assert new_run.suggested_name(tmp_path, "derm", drawn=False) == "derm-2"


def test_a_run_starts_on_the_named_data_with_what_differs_from_the_preset(asked, drawn, tmp_path):
    chosen = defaults("derm", drawn=False) | {"epochs": 3}
    run = new_run.start_run(tmp_path, "mine", drawn, "derm", chosen, 2, drawn=False)
    assert run == tmp_path.resolve() / "mine"
    assert asked == [
        (run, ["--run", str(run), "--data", str(drawn), "--preset", "derm", "--threads", "2", "--set=epochs=3"])
    ]


@pytest.mark.slow
def test_a_run_on_drawn_lesions_draws_them_first(asked, cache, tmp_path):
    draw_once(cache, images=21)  # where none has been drawn yet: fewer than would be, to be quick
    new_run.start_run(tmp_path, "toy", None, "derm", defaults("derm", drawn=True), 0, drawn=True)
    ((_, command),) = asked
    assert command[3] == str(drawn_folder(cache))
    assert "--set=model.input_size=64" in command


def test_a_data_set_that_is_none_is_refused(asked, tmp_path):
    with pytest.raises(DataFault):
        new_run.start_run(tmp_path, "mine", tmp_path / "none", "derm", {}, 0, drawn=False)
    assert asked == []


def test_starting_weights_are_a_list_and_no_path_is_ever_looked_at(asked, drawn, tmp_path, monkeypatch):
    run = tmp_path / "earlier"
    run.mkdir()
    for name in ("run.json", "best.json"):
        (run / name).touch()
    known = new_run.known_starts(tmp_path)
    assert list(known)[:2] == ["timm", "random"]
    assert known["the best of earlier"] == str((run / "best.json").resolve())
    secret = tmp_path / "secret.json"
    secret.touch()
    for value in (str(secret), str(tmp_path / "none.json"), "", ["timm"], None, str(run / "best.json")):
        with pytest.raises(ConfigFault, match=r"These starting weights are not among those that are known"):
            new_run.start_run(tmp_path, "mine", drawn, "derm", {"start": value}, 0, drawn=False)
    chosen = {"start": "the best of earlier"}
    new_run.start_run(tmp_path, "mine", drawn, "derm", chosen, 0, drawn=False)
    assert f'--set=start="{known["the best of earlier"]}"' in asked[0][1]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("seed", 1), ("model.encoder", "resnet50"), ("model.input_size", 8192), ("epochs", 10**9), ("workers", "4")],
)
def test_what_the_form_does_not_offer_is_refused_whatever_a_browser_sends(asked, drawn, tmp_path, setting, value):
    with pytest.raises(ConfigFault):
        new_run.start_run(tmp_path, "mine", drawn, "derm", {setting: value}, 0, drawn=False)
    with pytest.raises(ConfigFault, match="1000 threads do not fit: use a number from 0 to 256"):
        new_run.start_run(tmp_path, "mine", drawn, "derm", {}, 1000, drawn=False)
    assert asked == []
    assert not (tmp_path / "mine").exists()
