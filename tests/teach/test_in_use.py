"""Weights taken into use, and out of it: told in the chain, kept beside the records, never by a file that is torn."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import numpy as np
import pytest
from typer.testing import CliRunner

from derm.cli.main import app
from derm.errors import ConfigFault, RecordsFault, WeightsFault
from derm.model.gate import NotDermoscopic, OodGate, SeenLittle
from derm.model.weights import copy_weights, load_info, load_weights
from derm.monitor.quota import Visitor
from derm.predict.open import CHOICE, WEIGHTS_FOLDER, open_model
from derm.predict.record import calibration_of
from derm.records.verify import verify
from derm.teach import in_use


@pytest.fixture(scope="module")
def others(tiny_weights, tmp_path_factory):
    """The tiny weights with other temperatures, one in place of Derm's own, which take seconds to load; one with a
    gate."""
    one, gate = np.ones(1), NotDermoscopic(np.ones(2), 0.5, 4.0)
    gate = OodGate(gate, SeenLittle(np.zeros(1, dtype=np.int64), one, one, np.ones((1, 1)), one, 0.5, 3.0))
    made = {}
    for name, change in (("derm", {"temperature": 0.7}), ("other", {"temperature": 1.5}), ("gated", {"gate": gate})):
        made[name] = tmp_path_factory.mktemp("others") / f"{name}.json"
        copy_weights(tiny_weights, made[name], replace(load_info(tiny_weights), **change))
    return made


@pytest.fixture(autouse=True)
def shipped(others, monkeypatch):
    monkeypatch.setattr("derm.predict.open.default_weights", lambda: others["derm"])


def kinds(records) -> list[tuple[str, str, str]]:
    from sqlalchemy import select

    from derm.records import tables

    event = tables.event
    with records.reading() as connection:
        rows = connection.execute(select(event.c.kind, event.c.actor, event.c.row_id).order_by(event.c.number))
        return [tuple(row) for row in rows]


def undo(records, actor: str) -> str:
    """Go back from what is in use now."""
    return in_use.undo(records, actor, in_use.chosen(records))


def test_weights_that_another_took_into_use_meanwhile_are_not_put_out_of_it(filed, tiny_weights, others):
    drawn = in_use.now_in_use(filed)  # as a page was drawn
    assert drawn is None
    in_use.adopt(filed, "Dr A", tiny_weights, former=drawn)
    with pytest.raises(RecordsFault, match=r"tiny-.* were taken into use meanwhile, so nothing was changed"):
        in_use.adopt(filed, "Dr B", others["other"], former=drawn)
    in_use.adopt(filed, "Dr B", others["other"], former=in_use.now_in_use(filed))
    with pytest.raises(RecordsFault, match="are others by now than those whose comparison was shown"):
        in_use.adopt(filed, "Dr B", tiny_weights, {"sha256": "0" * 64, "calibration": "0"})


def test_weights_are_used_undone_and_told_in_the_chain(filed, tiny_weights, others, tmp_path):
    digest = load_weights(tiny_weights).sha256
    in_use.adopt(filed, "Dr A", tiny_weights)
    assert open_model().description.temperature == 1.0
    other = load_info(others["other"])
    copy_weights(others["other"], tmp_path / "other.json", other)
    in_use.adopt(filed, "Dr B", tmp_path / "other.json")
    (tmp_path / "other.json").unlink()  # the copy beside the records is used
    assert open_model().description.temperature == 1.5
    assert undo(filed, "Dr B") == f"tiny-{digest[:8]} {digest[:8]}"
    assert open_model().description.temperature == 1.0
    assert undo(filed, "Dr A") == f"derm {digest[:8]}"
    assert open_model().description.temperature == 0.7
    assert in_use.chosen(filed) is None
    assert [kind for kind, _, _ in kinds(filed)] == [in_use.TAKEN, in_use.TAKEN, in_use.UNDONE, in_use.UNDONE]
    assert [actor for _, actor, _ in kinds(filed)] == ["Dr A", "Dr B", "Dr B", "Dr A"]
    told = [f"{digest} {calibration_of(info)}" for info in (load_info(tiny_weights), other)]
    assert [row for _, _, row in kinds(filed)] == [*told, *reversed(told)]
    assert verify(filed).broken is None
    with pytest.raises(RecordsFault, match="nothing to undo"):
        in_use.undo(filed, "Dr A", "tiny")


def test_what_is_in_use_already_and_what_the_environment_names_is_refused(filed, tiny_weights, monkeypatch):
    in_use.adopt(filed, "Dr A", tiny_weights)
    with pytest.raises(RecordsFault, match="in use already"):
        in_use.adopt(filed, "Dr A", tiny_weights)
    with pytest.raises(RecordsFault, match="name of who decides this is empty"):
        undo(filed, " ")
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    with pytest.raises(ConfigFault, match="DERM_WEIGHTS names the weights in use"):
        undo(filed, "Dr A")


def test_the_list_of_trainings_tells_by_which_name_to_go_back(filed, tiny_weights):
    assert "undo" not in CliRunner().invoke(app, ["records", "trainings"]).stdout
    in_use.adopt(filed, "Dr A", tiny_weights)
    told = CliRunner().invoke(app, ["records", "trainings"]).stdout.splitlines()[-1]
    assert told == f"To go back from them: derm records undo {in_use.chosen(filed)} --by YOUR-NAME"
    words = told.partition("derm ")[2].replace("YOUR-NAME", "Me").split()
    assert "is out of use" in CliRunner().invoke(app, words).stdout


def test_weights_with_a_gate_are_taken_into_use_once(filed, others):
    in_use.adopt(filed, "Dr A", others["gated"])
    with pytest.raises(RecordsFault, match="in use already"):
        in_use.adopt(filed, "Dr A", others["gated"])
    undo(filed, "Dr A")
    assert open_model().description.temperature == 0.7
    assert in_use.chosen(filed) is None


def test_of_two_who_go_back_from_the_same_weights_only_one_does(filed, tiny_weights, others):
    in_use.adopt(filed, "Dr A", tiny_weights)
    in_use.adopt(filed, "Dr A", others["other"])
    seen, before = in_use.chosen(filed), f"tiny-{load_weights(tiny_weights).sha256[:8]}"
    in_use.undo(filed, "Dr A", seen)
    said = f"{seen} are not the weights in use, {before} are, so nothing was changed: .* name {before}, to go back"
    with pytest.raises(RecordsFault, match=said):
        in_use.undo(filed, "Dr B", seen)
    assert open_model().description.temperature == 1.0
    assert [actor for _, actor, _ in kinds(filed)] == ["Dr A"] * 3


def at_once(*deeds) -> list[object]:
    """What each of the deeds gives that begin together, or the sentence by which it is refused."""
    together = Barrier(len(deeds))

    def do(deed) -> object:
        together.wait()
        try:
            return deed()
        except RecordsFault as fault:
            return str(fault)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(do, deeds))


def test_weights_that_are_taken_into_use_at_once_follow_each_other(filed, tiny_weights, others):
    at_once(
        lambda: in_use.adopt(filed, "Dr A", tiny_weights),
        lambda: in_use.adopt(filed, "Dr B", others["other"]),
    )
    choice = json.loads((filed.folder / CHOICE).read_text())
    assert choice["by"] == kinds(filed)[-1][1]
    assert {choice["weights"], *(one["weights"] for one in choice["past"])} == {
        None,
        *(path.stem for path in (filed.folder / WEIGHTS_FOLDER).glob("*.json")),
    }
    assert len(choice["past"]) == 2


def test_who_goes_back_while_others_are_taken_into_use_does_it_before_or_is_refused(filed, tiny_weights, others):
    in_use.adopt(filed, "Dr A", tiny_weights)
    seen = in_use.chosen(filed)
    _, told = at_once(
        lambda: in_use.adopt(filed, "Dr A", others["other"]),
        lambda: in_use.undo(filed, "Dr B", seen),
    )
    assert open_model().description.temperature == 1.5
    undone = in_use.UNDONE in [kind for kind, _, _ in kinds(filed)]
    assert undone != ("are not the weights in use" in told)
    assert kinds(filed)[-1][1] == "Dr A"


def exchange(filed, name: str, other) -> None:
    """Put another sound pair in the place of the one that was taken into use."""
    place = filed.folder / WEIGHTS_FOLDER / f"{name}.json"
    place.unlink()
    copy_weights(other, place, load_info(other))


def test_weights_that_were_exchanged_answer_nobody_and_are_not_gone_back_to(filed, tiny_weights, others):
    digest = load_weights(tiny_weights).sha256[:8]
    in_use.adopt(filed, "Dr A", tiny_weights)
    first = f"tiny-{digest}"
    kept = shutil.copytree(filed.folder / WEIGHTS_FOLDER, filed.folder / "kept")
    exchange(filed, first, others["other"])  # the same tensors, another calibration
    said = rf"{first}\.json are not the weights .* \({digest} \w{{8}}, expected {digest} \w{{8}}\): put both .* adopt"
    with pytest.raises(WeightsFault, match=said):
        open_model()
    in_use.adopt(filed, "Dr A", others["gated"])  # the cure
    assert open_model().description.gate is not None
    with pytest.raises(WeightsFault, match=said):
        undo(filed, "Dr A")
    assert open_model().description.gate is not None
    shutil.copytree(kept, filed.folder / WEIGHTS_FOLDER, dirs_exist_ok=True)  # the other cure
    undo(filed, "Dr A")
    assert open_model().description == load_info(tiny_weights)


@pytest.mark.parametrize("lacks", [["calibration"], ["calibration", "sha256"]])
def test_an_older_choice_that_tells_less_is_opened(filed, tiny_weights, others, lacks):
    in_use.adopt(filed, "Dr A", tiny_weights)
    path = filed.folder / CHOICE
    choice = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in choice.items() if name not in lacks}))
    assert open_model().sha256 == load_weights(tiny_weights).sha256
    in_use.adopt(filed, "Dr A", others["other"])
    undo(filed, "Dr A")
    undo(filed, "Dr A")
    assert open_model().description.temperature == 0.7


def test_a_choice_of_other_tensors_is_not_opened(filed, tiny_weights):
    in_use.adopt(filed, "Dr A", tiny_weights)
    path = filed.folder / CHOICE
    choice = json.loads(path.read_text())
    path.write_text(json.dumps({"weights": choice["weights"], "sha256": "ab" * 32}))  # as an older Derm wrote it
    with pytest.raises(WeightsFault, match=r"not the weights that were taken into use \(.*, expected abababab "):
        open_model()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}x",
        '{"weights": "a", "sha256": 3}',
        '{"weights": "../../elsewhere/other"}',
        '{"weights": 3}',
        '{"weights": null, "past": [1]}',
    ],
)
def test_a_choice_that_cannot_be_read_is_one_sentence(filed, content):
    (filed.folder / CHOICE).write_text(content)
    with pytest.raises(WeightsFault, match=r"does not say which weights are in use .* delete it"):
        open_model()


def test_chosen_weights_that_are_gone_are_one_sentence(filed, tiny_weights):
    in_use.adopt(filed, "Dr A", tiny_weights)
    for path in (filed.folder / "weights").iterdir():
        path.unlink()
    with pytest.raises(WeightsFault, match=r"The weights in use, .*, are gone: .* delete .*weights-in-use.json"):
        open_model()


def test_only_who_sits_at_the_machine_may_start():
    assert in_use.may_start(Visitor())
    assert not in_use.may_start(Visitor(name="dr-a", alone=False))


@pytest.mark.parametrize("name", ["W (1)", "mein Modell ä", "-x", "...", "Ж", "a" * 130])
def test_weights_of_any_file_name_are_taken_into_use(filed, others, tmp_path, name):
    source = tmp_path / f"{name}.json"
    copy_weights(others["other"], source, load_info(others["other"]))
    in_use.adopt(filed, "Dr A", source)
    assert open_model().description.temperature == 1.5
    assert undo(filed, "Dr A")
