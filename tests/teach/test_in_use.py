"""Weights taken into use, and out of it: told in the chain, kept beside the records, never by a file that is torn."""

from dataclasses import replace

import pytest

from derm.errors import ConfigFault, RecordsFault, WeightsFault
from derm.model.weights import copy_weights, load_info, load_weights
from derm.monitor.quota import Visitor
from derm.predict.open import CHOICE, open_model
from derm.records.verify import verify
from derm.teach import in_use


@pytest.fixture(scope="module")
def others(tiny_weights, tmp_path_factory):
    """The tiny weights with other temperatures, one in place of Derm's own, which take seconds to load."""
    made = {}
    for name, temperature in (("derm", 0.7), ("other", 1.5)):
        made[name] = tmp_path_factory.mktemp("others") / f"{name}.json"
        copy_weights(tiny_weights, made[name], replace(load_info(tiny_weights), temperature=temperature))
    return made


@pytest.fixture(autouse=True)
def shipped(others, monkeypatch):
    for module in ("derm.predict.open", "derm.teach.in_use"):
        monkeypatch.setattr(f"{module}.default_weights", lambda: others["derm"])


def kinds(records) -> list[tuple[str, str, str]]:
    from sqlalchemy import select

    from derm.records import tables

    event = tables.event
    with records.reading() as connection:
        rows = connection.execute(select(event.c.kind, event.c.actor, event.c.row_id).order_by(event.c.number))
        return [tuple(row) for row in rows]


def test_weights_are_used_undone_and_told_in_the_chain(filed, tiny_weights, others):
    digest = load_weights(tiny_weights).sha256
    in_use.adopt(filed, "Dr A", tiny_weights)
    assert open_model().description.temperature == 1.0
    in_use.adopt(filed, "Dr B", others["other"])
    others["other"].unlink()  # the copy beside the records is used
    assert open_model().description.temperature == 1.5
    assert in_use.undo(filed, "Dr B") == f"tiny-{digest[:8]} {digest[:8]}"
    assert open_model().description.temperature == 1.0
    assert in_use.undo(filed, "Dr A") == f"derm {digest[:8]}"
    assert open_model().description.temperature == 0.7
    assert not in_use.can_undo(filed)
    assert [kind for kind, _, _ in kinds(filed)] == [in_use.TAKEN, in_use.TAKEN, in_use.UNDONE, in_use.UNDONE]
    assert [actor for _, actor, _ in kinds(filed)] == ["Dr A", "Dr B", "Dr B", "Dr A"]
    assert {row for _, _, row in kinds(filed)} == {digest}
    assert verify(filed).broken is None
    with pytest.raises(RecordsFault, match="nothing to undo"):
        in_use.undo(filed, "Dr A")


def test_what_is_in_use_already_and_what_the_environment_names_is_refused(filed, tiny_weights, monkeypatch):
    in_use.adopt(filed, "Dr A", tiny_weights)
    with pytest.raises(RecordsFault, match="in use already"):
        in_use.adopt(filed, "Dr A", tiny_weights)
    with pytest.raises(RecordsFault, match="name of who decides this is empty"):
        in_use.undo(filed, " ")
    monkeypatch.setenv("DERM_WEIGHTS", str(tiny_weights))
    with pytest.raises(ConfigFault, match="DERM_WEIGHTS names the weights in use"):
        in_use.undo(filed, "Dr A")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}x", '{"weights": "../../elsewhere/other"}', '{"weights": 3}', '{"weights": null, "past": [1]}'],
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
