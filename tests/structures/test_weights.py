"""A decoder on disk: it comes back as it was, and what is damaged, missing or another's is refused or not used."""

import hashlib
import json
import os
import shutil
import threading
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from derm.errors import WeightsFault
from derm.files import sha256
from derm.model.description import SEAL, seal_of
from derm.paths import STRUCTURES, app_folder
from derm.structures import weights as stored
from derm.structures.look import see
from derm.structures.weights import load_structures, record_measured, save_structures, structures_for
from tests.closed_files import refuse_to_read

KINDS_OF_FILES = ("json", "onnx", "safetensors")


@pytest.fixture
def copied(tiny_decoder, tmp_path):
    return shutil.copytree(tiny_decoder.parent, tmp_path / "copy") / "structures.json"


def test_a_decoder_comes_back_as_it_was(tiny_structures, copied):
    found = load_structures(copied)
    assert found.info == tiny_structures.info
    assert found.graph == tiny_structures.graph is not None
    assert all(np.array_equal(found.tensors[name], value) for name, value in tiny_structures.tensors.items())


def test_measured_figures_are_added_under_a_new_hash(copied):
    record_measured(copied, "test", {"streaks": {"auc": [0.9, 0.8, 1.0]}}, load_structures(copied).sha256)
    assert load_structures(copied).info.measured == {"test": {"streaks": {"auc": [0.9, 0.8, 1.0]}}}


def test_figures_of_a_decoder_that_was_replaced_meanwhile_are_not_recorded(copied):
    before = copied.read_bytes()
    with pytest.raises(WeightsFault, match=r"structures.json were replaced while they were measured .*: measure again"):
        record_measured(copied, "test", {}, "0" * 64)
    assert copied.read_bytes() == before


def test_figures_that_two_record_at_once_are_both_kept(copied, monkeypatch):
    alone, digest = stored.writing_alone, load_structures(copied).sha256

    @contextmanager
    def after_another(folder):
        monkeypatch.setattr(stored, "writing_alone", alone)
        record_measured(copied, "validation", {}, digest)
        with alone(folder):
            yield

    monkeypatch.setattr(stored, "writing_alone", after_another)
    record_measured(copied, "test", {}, digest)
    assert load_structures(copied).info.measured.keys() == {"validation", "test"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"mask_thresholds": [0.5]}, "its field mask_thresholds"),
        ({"platt": [[1, 2], [1, 2], [1, 2], [1, 2], [1, None]]}, "damaged"),
        ({"shown": ["freckles"]}, "its field shown"),
        ({"shown": ["streaks"], "placed": ["globules"]}, "placed names what is not shown"),
        ({"platt": [[-1, 0]] * 5, "shown": ["streaks"], "placed": []}, "would turn its answers round"),
        ({"platt": [[10**400, 0]] * 5}, "its field platt"),
        ({"structures": ["streaks"]}, "its field structures"),
        ({"format": 2}, "format 2"),
        ({"frequencies": {"streaks": {"nv": [3, 2]}}}, "its field frequencies"),
        ({"training": {"data": {"sources": {}, "learned": {"pictures": "!", "lesions": ""}}}}, "its field training"),
        ({"training": {"data": {"sources": ["clinic"]}}}, "its field training"),
        ({"training": {"data": 3}}, "its field training"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(copied, change, said):
    content = {**json.loads(copied.read_text()), **change}
    content[SEAL] = seal_of(content)
    copied.write_text(json.dumps(content))
    with pytest.raises(WeightsFault, match=said):
        load_structures(copied)


def test_files_that_do_not_belong_together_are_refused(copied):
    content = json.loads(copied.read_text())
    copied.write_text(json.dumps({**content, "trunk": "0" * 64}))
    with pytest.raises(WeightsFault, match="changed after it was written"):
        load_structures(copied)
    copied.write_text(json.dumps(content))
    tensors = copied.with_suffix(".safetensors")
    tensors.write_bytes(tensors.read_bytes()[:-1])
    with pytest.raises(WeightsFault, match="another file"):
        load_structures(copied)
    tensors.unlink()
    with pytest.raises(WeightsFault, match=r"lacks .*structures.safetensors.*derm structures train"):
        load_structures(copied)


def test_only_the_weights_that_it_belongs_to_have_a_decoder(copied, tiny_model, monkeypatch, tmp_path):
    monkeypatch.setenv(STRUCTURES, str(copied))
    found = structures_for(tiny_model.sha256)
    assert found is not None
    assert structures_for("0" * 64) is None
    monkeypatch.setenv(STRUCTURES, str(tmp_path / "nowhere.json"))
    with pytest.raises(WeightsFault, match=r"DERM_STRUCTURES names .*nowhere.json, where there is no file"):
        structures_for(tiny_model.sha256)
    monkeypatch.delenv(STRUCTURES)
    assert structures_for(tiny_model.sha256) is None  # the shipped one belongs to other weights


def test_tensors_that_the_graph_lacks_or_cannot_use_are_refused(copied, tiny_structures):
    save = partial(save_structures, copied, info=tiny_structures.info, graph=tiny_structures.graph)
    save({name: value for name, value in tiny_structures.tensors.items() if name != "masks.bias"})
    with pytest.raises(WeightsFault, match=r"lacks the tensor masks.bias"):
        load_structures(copied)
    save(tiny_structures.tensors | {"masks.bias": np.full(5, np.nan, np.float32)})
    with pytest.raises(WeightsFault, match=r"masks.bias has numbers that are not finite"):
        load_structures(copied)


@pytest.mark.parametrize("stage", ["safetensors", "json", "unlink"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_kill_while_saving_leaves_a_whole_decoder(copied, tiny_structures, stage, count, monkeypatch):
    name = {"safetensors": "write_bytes", "json": "write_json", "unlink": "unlink"}[stage]
    place = Path if stage == "unlink" else stored
    write, left = getattr(place, name), [count]

    def killed(path, *rest, **others):
        left[0] -= path.suffix == f".{stage}" or stage == "unlink"
        if not left[0]:
            raise KeyboardInterrupt
        write(path, *rest, **others)

    new = {key: np.asarray(value + 1) for key, value in tiny_structures.tensors.items()}
    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(place, name, killed)
        save_structures(copied, new, tiny_structures.info, tiny_structures.graph)
    load_structures(copied)
    save_structures(copied, new, tiny_structures.info, tiny_structures.graph)
    assert all(np.array_equal(load_structures(copied).tensors[key], value) for key, value in new.items())


def test_of_two_that_save_one_decoder_at_once_one_waits(copied, tiny_structures, monkeypatch):
    begun, write = threading.Event(), stored.write_json
    one, two = ({key: np.asarray(value + by) for key, value in tiny_structures.tensors.items()} for by in (1, 2))
    other = threading.Thread(target=save_structures, args=(copied, two, tiny_structures.info, tiny_structures.graph))

    def while_another_begins(place, about):
        if not begun.is_set():
            begun.set()
            other.start()
            other.join(0.3)
        write(place, about)

    monkeypatch.setattr(stored, "write_json", while_another_begins)
    save_structures(copied, one, tiny_structures.info, tiny_structures.graph)
    other.join()
    assert all(np.array_equal(load_structures(copied).tensors[key], value) for key, value in two.items())
    assert {path.name for path in copied.parent.iterdir()} == {f"structures.{end}" for end in KINDS_OF_FILES}


def test_what_a_save_that_was_killed_has_left_goes_with_the_next(copied, tiny_structures, monkeypatch):
    class Killed(Exception):
        pass

    def write(path, content):
        if path == copied.with_suffix(".safetensors"):
            raise Killed
        path.write_bytes(content)

    new = {key: np.asarray(value + 1) for key, value in tiny_structures.tensors.items()}
    monkeypatch.setattr(stored, "write_bytes", write)
    with pytest.raises(Killed):
        save_structures(copied, new, tiny_structures.info, None)
    monkeypatch.undo()
    save_structures(copied, tiny_structures.tensors, tiny_structures.info, None)
    assert {path.name for path in copied.parent.iterdir()} == {f"structures.{end}" for end in KINDS_OF_FILES}


def test_a_decoder_that_may_not_be_read_is_not_called_damaged(copied, monkeypatch):
    refuse_to_read(monkeypatch, copied.with_suffix(".safetensors"))
    with pytest.raises(WeightsFault, match=r"structures.safetensors may not be read by this user: let its owner allow"):
        load_structures(copied)


def test_another_graph_than_described_is_not_used(copied):
    copied.with_suffix(".onnx").write_bytes(b"another")
    assert load_structures(copied).graph is None


def described(copied, **changes):
    """Write other fields under a new hash."""
    content = {**json.loads(copied.read_text()), **changes}
    content[SEAL] = seal_of(content)
    copied.write_text(json.dumps(content))


def test_a_pipe_or_a_folder_in_place_of_a_file_is_never_waited_for(copied):
    copied.with_suffix(".onnx").unlink()
    os.mkfifo(copied.with_suffix(".onnx"))
    assert load_structures(copied).graph is None
    copied.with_suffix(".safetensors").unlink()
    os.mkfifo(copied.with_suffix(".safetensors"))
    with pytest.raises(WeightsFault, match="no ordinary file"):
        load_structures(copied)


def test_a_graph_that_was_made_elsewhere_is_not_run(copied, tmp_path, monkeypatch):
    """It is a program, which may go on for ever; as of somebody who describes it under a right hash."""
    graph = b"a loop without end"
    copied.with_suffix(".onnx").write_bytes(graph)
    described(copied, graph_sha256=hashlib.sha256(graph).hexdigest())
    assert load_structures(copied).graph is None
    assert load_structures(app_folder() / "weights" / "structures.json").graph is not None
    kept = load_structures(copied)
    save_structures(copied, kept.tensors, kept.info, graph)
    assert load_structures(copied).graph == graph
    monkeypatch.setenv("DERM_CACHE", str(tmp_path / "another"))
    assert load_structures(copied).graph is None


def test_tensors_of_another_kind_are_one_sentence(tiny_model, copied):
    """As of somebody who describes them under a right hash."""
    place = copied.with_suffix(".safetensors")
    tensors = load_structures(copied).tensors
    save_file({name: value.reshape(-1)[:1] for name, value in tensors.items()}, place)
    described(copied, sha256=sha256(place))
    side = load_structures(copied).info.input_size
    with pytest.raises(WeightsFault, match="cannot be run"):
        see(tiny_model, load_structures(copied), np.zeros((1, side, side, 3), np.uint8))
