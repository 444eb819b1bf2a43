"""The form for a new run: what it offers, and the run that it starts, with the process itself left out."""

from pathlib import Path

import pytest

from derm.data.synthetic.standin import draw_once, drawn_folder
from derm.errors import DataFault
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
