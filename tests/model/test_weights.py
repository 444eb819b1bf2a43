"""Weights and their description: the pair travels whole, or is refused."""

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from derm import paths
from derm.diagnoses import CODES
from derm.errors import ConfigFault, WeightsFault
from derm.files import sha256
from derm.model import weights
from derm.model.config import ModelConfig
from derm.model.description import LARGEST, SEAL, seal_of
from derm.model.network import LesionNet
from derm.model.trial import _by_graph, drawn_picture
from derm.model.weights import (
    WeightsInfo,
    copy_weights,
    default_weights,
    former_place,
    load_info,
    load_weights,
    rewrite_description,
    save_weights,
    ship_weights,
)
from tests.closed_files import refuse_to_read

CONFIG = ModelConfig(encoder="test_efficientnet", input_size=32, feature_channels=16, decoder_channels=(8, 8, 8))


def network(seed: int = 0) -> LesionNet:
    torch.manual_seed(seed)
    net = LesionNet(CONFIG)
    net(torch.randn(4, 3, 32, 32))  # running statistics beside 0 and 1
    return net


DESCRIPTION = WeightsInfo(
    CONFIG,
    mask_threshold=0.4,
    class_mask_threshold=0.6,
    temperature=1.5,
    training={"epoch": 3},
    measured={"validation": {"dice": 0.9}},
)


@pytest.fixture
def pair(tmp_path) -> Path:
    path = tmp_path / "a.json"
    save_weights(path, network(), DESCRIPTION)
    return path


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_weights_whose_name_is_not_utf8_have_one_that_a_table_can_hold(pair):
    assert load_weights(pair.rename(pair.with_name("w\udcff.json"))).name == r"w\udcff"


def tensors_of(path: Path) -> Path:
    return path.with_name(json.loads(path.read_text())["file"])


def change(path: Path, **fields: object) -> None:
    """Another description, under a hash of its own."""
    content = {**json.loads(path.read_text()), **fields}
    path.write_text(json.dumps({**content, SEAL: seal_of(content)}))


def test_what_is_saved_is_loaded(pair):
    net = network()
    model = load_weights(pair)
    assert model.description == DESCRIPTION
    assert model.description.classes == CODES
    assert (model.name, model.sha256) == ("a", sha256(tensors_of(pair)))
    assert model.net.state_dict().keys() == net.state_dict().keys()
    for name, tensor in model.net.state_dict().items():
        assert torch.equal(tensor, net.state_dict()[name]), name
    assert not any(module.training for module in model.net.modules())
    assert not any(weight.requires_grad for weight in model.net.parameters())
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.net(images).class_logits, net.eval()(images).class_logits)


def test_the_description_says_what_the_weights_are(pair):
    content = json.loads(pair.read_text())
    assert content["classes"] == ["akiec", "bcc", "bkl", "df", "mel", "nv", "vasc"]
    assert content["model"]["encoder"] == "test_efficientnet"
    assert content["file"] == f"a-{content['sha256'][:8]}.safetensors"
    assert "CC BY-NC 4.0" in content["licence"]


def test_half_keeps_normalisation_whole(tmp_path):
    net = network()
    save_weights(tmp_path / "a.json", net, DESCRIPTION, half=True)
    stored = load_file(tensors_of(tmp_path / "a.json"))
    normal = [
        f"{name}.{key}"
        for name, module in net.named_modules()
        if isinstance(module, nn.BatchNorm2d)
        for key in ("weight", "bias", "running_mean", "running_var")
    ]
    assert len(normal) > 20
    assert {stored[name].dtype for name in normal} == {torch.float32}
    assert {value.dtype for value in stored.values() if value.ndim > 1} == {torch.float16}
    loaded = load_weights(tmp_path / "a.json").net
    for name, tensor in loaded.state_dict().items():
        original = net.state_dict()[name]
        assert tensor.dtype == original.dtype
        # float16 keeps 11 binary digits; below 2^-14 their weight stays at 2^-24.
        torch.testing.assert_close(tensor, original, rtol=2**-11, atol=2**-25)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(loaded(images).class_logits, net.eval()(images).class_logits, rtol=0.01, atol=0.01)


def test_new_weights_take_the_place_of_the_old(pair):
    old = tensors_of(pair)
    save_weights(pair, network(1), DESCRIPTION)
    assert tensors_of(pair) != old
    assert set(pair.parent.iterdir()) == {pair, tensors_of(pair)}
    assert torch.equal(load_weights(pair).net.mask_head.weight, network(1).mask_head.weight)
    save_weights(pair, network(1), DESCRIPTION)  # the same again: their file has the same name
    load_weights(pair)


@pytest.mark.parametrize("stage", ["save", "write_bytes", "write_json", "unlink"])
def test_a_kill_while_saving_leaves_a_whole_pair(pair, stage, monkeypatch):
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    new, old = network(1), tensors_of(pair)
    with monkeypatch.context() as patch:
        if stage == "unlink":
            unlink: Callable[..., None] = Path.unlink
            patch.setattr(Path, "unlink", lambda a, **k: killed() if a.suffix == ".safetensors" else unlink(a, **k))
        else:
            patch.setattr(weights, stage, killed)
        with pytest.raises(KeyboardInterrupt):
            save_weights(pair, new, DESCRIPTION)
    # Until the new description is in place, the old pair is whole; after that, the new one is.
    expected = new if stage == "unlink" else network(0)
    assert torch.equal(load_weights(pair).net.mask_head.weight, expected.mask_head.weight)
    save_weights(pair, new, DESCRIPTION)
    assert torch.equal(load_weights(pair).net.mask_head.weight, new.mask_head.weight)
    left = {old} if stage == "unlink" else set()  # nothing tells any more whose it was
    assert set(pair.parent.iterdir()) == {pair, tensors_of(pair)} | left


def test_a_second_writer_waits_for_the_first(pair, monkeypatch):
    """Held between its tensors and its description, as long as the second would need to clear them away."""
    write, between = weights._write_description, threading.Event()

    def slow(*given: object) -> None:
        if threading.current_thread() is first:
            between.set()
            time.sleep(0.5)
        write(*given)

    first = threading.Thread(target=lambda: save_weights(pair, network(1), DESCRIPTION))
    monkeypatch.setattr(weights, "_write_description", slow)
    first.start()
    assert between.wait(30)
    save_weights(pair, network(2), DESCRIPTION)
    first.join()
    assert torch.equal(load_weights(pair).net.mask_head.weight, network(2).mask_head.weight)
    assert set(pair.parent.iterdir()) == {pair, tensors_of(pair)}


def test_a_writer_does_not_wait_for_ever(pair, monkeypatch):
    monkeypatch.setattr(weights, "PATIENCE", 0.1)
    with weights.writing_alone(pair.parent):
        for write in (save_weights, lambda path, _, description: rewrite_description(path, lambda _: description)):
            with pytest.raises(ConfigFault, match=r"Another process has been writing weights into .* for 0.1 seconds"):
                write(pair, network(1), DESCRIPTION)
    save_weights(pair, network(1), DESCRIPTION)


def test_a_description_is_changed_as_it_stands_once_the_writer_before_has_ended(pair, monkeypatch):
    alone = weights.writing_alone

    @contextlib.contextmanager
    def after_another(folder):
        monkeypatch.setattr(weights, "writing_alone", alone)
        rewrite_description(pair, lambda now: replace(now, temperature=2.5))
        with alone(folder):
            yield

    monkeypatch.setattr(weights, "writing_alone", after_another)
    rewrite_description(pair, lambda now: replace(now, referral_threshold=0.25))
    assert (load_info(pair).temperature, load_info(pair).referral_threshold) == (2.5, 0.25)


def test_only_its_own_former_tensors_are_cleared_away(pair):
    foreign = pair.with_name("a-355c32eb.safetensors")  # as timm's releases are called
    foreign.write_bytes(b"another's")
    former, kept = tensors_of(pair), former_place(pair)
    rewrite_description(pair, lambda _: DESCRIPTION, keep=kept)
    save_weights(pair, network(1), DESCRIPTION)
    assert set(pair.parent.iterdir()) == {pair, tensors_of(pair), foreign, former, kept}
    ship_weights(pair, pair, half=True)
    assert set(pair.parent.iterdir()) == {pair, pair.with_suffix(".safetensors"), foreign, former, kept}


def test_two_writers_of_one_pair_share_no_unfinished_file(pair, monkeypatch):
    written = []
    write = weights.write_bytes
    monkeypatch.setattr(weights, "write_bytes", lambda path, content: (written.append(path), write(path, content)))
    save_weights(pair, network(1), DESCRIPTION)
    save_weights(pair, network(2), DESCRIPTION)
    assert len(set(written)) == 2


@pytest.mark.parametrize("copy", [copy_weights, lambda source, path, _: ship_weights(source, path, half=False)])
@pytest.mark.parametrize("stage", ["write_bytes", "_write_description"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_kill_while_copying_leaves_a_whole_pair(pair, tmp_path, copy, stage, count, monkeypatch):
    target = tmp_path / "copies" / "clinic.json"
    copy(pair, target, DESCRIPTION)
    save_weights(pair, network(1), DESCRIPTION)
    write, left = getattr(weights, stage), [count]

    def killed(*given):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        write(*given)

    with monkeypatch.context() as patch:
        patch.setattr(weights, stage, killed)
        with pytest.raises(KeyboardInterrupt):
            copy(pair, target, DESCRIPTION)
    expected = network(0 if count == 1 else 1)
    assert torch.equal(load_weights(target).net.mask_head.weight, expected.mask_head.weight)
    copy(pair, target, DESCRIPTION)
    assert sorted(path.name for path in target.parent.iterdir()) == ["clinic.json", "clinic.safetensors"]
    assert torch.equal(load_weights(target).net.mask_head.weight, network(1).mask_head.weight)


@pytest.mark.parametrize("which", [lambda pair: pair, tensors_of])
def test_weights_that_may_not_be_read_are_not_called_damaged(pair, which, monkeypatch):
    refuse_to_read(monkeypatch, which(pair))
    with pytest.raises(WeightsFault, match=rf"{which(pair).name} may not be read by this user: let its owner allow it"):
        load_weights(pair)


def test_two_shipped_weights_live_side_by_side(pair):
    # A name that ends like a hash, and one that only looks as long as one.
    for name in ("derm-dual-160", "derm-deadbeef", "derm"):
        ship_weights(pair, pair.parent / "shipped" / f"{name}.json", half=True)
    for name in ("derm-dual-160", "derm-deadbeef", "derm"):
        assert load_weights(pair.parent / "shipped" / f"{name}.json").name == name


def test_a_tensors_file_finds_the_description_that_names_it(pair):
    assert load_weights(tensors_of(pair)).sha256 == load_weights(pair).sha256


@pytest.mark.parametrize("shipped", [True, False])
def test_an_old_copy_of_a_description_is_not_taken_for_it(pair, shipped):
    if shipped:
        ship_weights(pair, pair, half=False)
    copy = pair.with_name("a-backup.json")  # sorts before a.json
    copy.write_bytes(pair.read_bytes())
    rewrite_description(pair, lambda _: replace(DESCRIPTION, temperature=2.5))
    tensors = tensors_of(pair)
    assert load_weights(tensors).description.temperature == load_info(tensors).temperature == 2.5
    other = pair.rename(pair.with_name("b.json"))
    with pytest.raises(
        WeightsFault, match=rf"{tensors.name} is described by a-backup.json, b.json, which differ: give"
    ):
        load_weights(tensors)
    other.write_bytes(copy.read_bytes())
    assert load_weights(tensors).name == "a-backup"


def test_shipped_weights_have_plain_names(pair, tmp_path):
    target = tmp_path / "shipped" / "derm.json"
    ship_weights(pair, target, half=True)
    assert sorted(path.name for path in target.parent.iterdir()) == ["derm.json", "derm.safetensors"]
    for path in (target, target.with_suffix(".safetensors")):
        model = load_weights(path)
        assert (model.name, model.description) == ("derm", DESCRIPTION)
        torch.testing.assert_close(model.net.mask_head.weight, network().mask_head.weight, rtol=1e-3, atol=1e-7)


def test_weights_shipped_for_another_size_lose_what_was_measured(pair, tmp_path):
    target = tmp_path / "derm.json"
    ship_weights(pair, target, half=False, input_size=64)
    larger = replace(DESCRIPTION, model=replace(CONFIG, input_size=64), measured={}, temperature=1.0)
    assert load_weights(target).description == larger


def test_weights_need_a_path_of_theirs(tmp_path):
    with pytest.raises(
        WeightsFault, match=r"model.pt is not a weights file: give the path of a .safetensors file or of"
    ):
        load_weights(tmp_path / "model.pt")


def test_a_missing_description_is_refused(pair):
    with pytest.raises(
        WeightsFault, match=r"There is no description .*/b.json: weights are a pair of .* keep them toge"
    ):
        load_weights(pair.with_name("b.safetensors"))


def test_missing_tensors_are_refused(pair):
    tensors_of(pair).unlink()
    with pytest.raises(WeightsFault, match=r"a.json names a-.{8}.safetensors, which is not beside it: copy it there"):
        load_weights(pair)


def test_other_bytes_are_refused(pair):
    with tensors_of(pair).open("r+b") as stream:
        stream.seek(-1, 2)
        stream.write(b"\x7f")
    with pytest.raises(
        WeightsFault, match=r"is not the file that a.json describes \(sha256 .{8}…, expected .{8}…\): copy both anew"
    ):
        load_weights(pair)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"format": 2}, r"a.json is damaged \(format 2, this version of Derm reads 1\): copy it anew"),
        ({"classes": list(reversed(CODES))}, r"tell apart \['vasc', .*\], this version of Derm \['akiec', .*\]: take"),
        ({"classes": ["nv", "mel"]}, r"tell apart \['nv', 'mel'\], this version of Derm"),
        ({"model": {"design": "shared"}}, r"a.json: The model description does not fit this version of Derm"),
        ({"model": {**CONFIG.as_dict(), "input_size": 33}}, r"a.json: The input size 33 does not fit"),
        ({"model": None}, r"a.json is damaged \("),
        ({"temperature": "warm"}, r"a.json is damaged \(the temperature is warm, expected a number from 0.01 to 100\)"),
        ({"sha256": None}, r"a.json is damaged \(the sha256 'None', expected 64 hexadecimal digits\): copy it anew"),
        ({"sha256": "0" * 64}, r"is not the file that a.json describes"),
        ({"temperature": -1}, r"the temperature is -1, expected a number from 0.01 to 100"),
        ({"temperature": 0}, r"the temperature is 0, expected"),
        ({"temperature": True}, r"the temperature is True, expected"),
        ({"temperature": 10**400}, r"the temperature is 1000.*, expected"),
        ({"referral_threshold": 9}, r"the referral threshold is 9, expected a number from 0 to 1"),
        ({"referral_threshold": "0.1"}, r"the referral threshold is 0.1, expected"),
        ({"mask_threshold": 7}, r"the mask threshold is 7, expected"),
        ({"class_mask_threshold": -0.1}, r"the class mask threshold is -0.1, expected"),
        ({"conformal_thresholds": [0.1] * 6}, r"6 conformal thresholds, expected 7"),
        ({"conformal_thresholds": [0.1] * 6 + [2]}, r"the conformal thresholds is 2, expected"),
        ({"conformal_thresholds": "1234567"}, r"no list of conformal thresholds, expected 7"),
        ({"mix": [0.5] * 7}, r"expected 7 shares that sum to 1"),
        ({"mix": [-1, 2, 0, 0, 0, 0, 0]}, r"the shares of the mix is -1, expected"),
        ({"evidence_shift": {"stage": 99}}, r"the evidence shift of stage is 99, expected a number from -4 to 4"),
        ({"evidence_shift": []}, r"evidence_shift is \[\], expected a table"),
        ({"gate": {"version": 0}}, r"gate is not of version 1"),
        ({"familiarity": 3}, r"familiarity is 3, expected a table"),
        ({"training": []}, r"training is \[\], expected a table"),
        ({"training": {"data": 3}}, r"data is 3, expected a table"),
        ({"training": {"soup": 5}}, r"training\.soup is not what `derm train` or `derm soup` writes there"),
        ({"training": {"soup": [{"weights": "a", "sha256": "b", "share": 2}]}}, r"training\.soup is not what"),
        ({"training": {"epoch": "x"}}, r"training\.epoch is not what"),
        ({"training": {"commit": []}}, r"training\.commit is not what"),
        ({"training": {"history": 5}}, r"training\.history is not what"),
        (
            {"training": {"history": [{"epoch": 0, "train": {}, "validation": {"dice": 2}}]}},
            r"training\.history is not",
        ),
        ({"training": {"config": []}}, r"training\.config is not what"),
        ({"training": {"config": {"learning_rate": None}}}, r"training\.config\.learning_rate is not what"),
        ({"training": {"config": {"curriculum": {"enabled": 1}}}}, r"training\.config\.curriculum is not what"),
        ({"training": {"config": {"leave_out": "a"}}}, r"training\.config\.leave_out is not what"),
        ({"training": {"data": {"train": "many"}}}, r"training\.data\.train is not what"),
        ({"training": {"data": {"fingerprint": []}}}, r"training\.data\.fingerprint is not what"),
        ({"training": {"data": {"sources": {"a": [1]}}}}, r"no table of sources and their parts"),
        ({"measured": "much"}, r"measured is much, expected a table"),
        ({"licence": 3}, r"the licence is no text"),
        ({"file": "../a.safetensors"}, r"the file '../a.safetensors', expected the name of a .safetensors file beside"),
        ({"file": "/etc/passwd"}, r"expected the name of a .safetensors file beside it"),
        ({"file": ["a"]}, r"expected the name of a .safetensors file beside it"),
        (
            {"model": {**CONFIG.as_dict(), "input_size": 32.0}},
            r"a.json: The input size '32.0' does not fit",
        ),
        ({"model": {**CONFIG.as_dict(), "dropout": "much"}}, r"The dropout 'much' does not fit: use a number"),
        ({"model": {**CONFIG.as_dict(), "dropout": 10**400}}, r"The dropout 1000.* does not fit"),
        ({"model": {**CONFIG.as_dict(), "dilated_bottleneck": 1}}, r"'1' does not fit: use true or false"),
        ({"model": {**CONFIG.as_dict(), "hidden": 10**12}}, r"A layer of 1000000000000 channels does not fit"),
        ({"model": {**CONFIG.as_dict(), "decoder_channels": [8, 8, 10**9]}}, r"A layer of 1000000000 channels"),
        (
            {"model": {**CONFIG.as_dict(), "encoder": "hf-hub:evil/net"}},
            r"timm knows no encoder named 'hf-hub:evil/net'",
        ),
        ({"model": {**CONFIG.as_dict(), "encoder": ["resnet18"]}}, r"The encoder .* does not fit: use a word"),
        ({"model": {**CONFIG.as_dict(), "mean": [123, 116, 103]}}, r"they are of colours from 0 to 1, not to 255"),
        ({"model": {**CONFIG.as_dict(), "deviation": [1e-9, 0.2, 0.2]}}, r"they are of colours from 0 to 1"),
        ({"model": {**CONFIG.as_dict(), "mean": [10**400, 0, 0]}}, r"do not fit"),
        ({"training": {"data": {"learned": {"pictures": "", "lesions": 5}}}}, r"training.data.learned is no table of"),
        ({"training": {"data": {"learned": {"pictures": "abc", "lesions": ""}}}}, r"training.data.learned is no table"),
        ({"training": {"data": {"learned": None}}}, r"training.data.learned is no table of pictures, lesions and"),
        ({"answer_for_drawn_picture": 3}, r"its answer for the drawn picture is no table of names and values"),
        ({"answer_for_drawn_picture": {}}, r"is for the drawn picture None, this Derm draws 1"),
        ({"answer_for_drawn_picture": {"picture": 1, "logits": 3}}, r"for the drawn picture has no 7 logits"),
    ],
)
def test_another_description_is_refused(pair, fields, words):
    change(pair, **fields)
    with pytest.raises(WeightsFault, match=words):
        load_weights(pair)


@pytest.mark.parametrize("name", ["format", "file", "sha256", "classes", "model", "mask_threshold", "licence"])
def test_a_description_with_a_gap_is_refused(pair, name):
    content = json.loads(pair.read_text())
    del content[name], content[SEAL]
    pair.write_text(json.dumps(content))
    with pytest.raises(WeightsFault, match=rf"a.json is damaged \('{name}'\): copy it anew"):
        load_weights(pair)


def answer_of(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())["answer_for_drawn_picture"]


@pytest.mark.parametrize(
    "fields", [{"temperature": 2}, {"referral_threshold": 0.9}, {"measured": {}}, {"licence": "free"}, {"more": 1}]
)
def test_a_description_that_was_changed_is_refused(pair, fields):
    pair.write_text(json.dumps({**json.loads(pair.read_text()), **fields}))
    with pytest.raises(WeightsFault, match=r"a.json is damaged \(changed after it was written\): copy it anew"):
        load_weights(pair)


def test_order_and_layout_of_a_description_are_free(pair):
    content = json.loads(pair.read_text())
    pair.write_text(json.dumps(dict(reversed(content.items())), indent=7))
    assert load_weights(pair).note == ""


def test_older_weights_open_and_say_so(pair, caplog):
    content = json.loads(pair.read_text())
    del content[SEAL], content["answer_for_drawn_picture"]
    pair.write_text(json.dumps(content))
    model = load_weights(pair)
    assert model.description == DESCRIPTION
    assert "a.json is from before descriptions were under a hash" in model.note
    assert model.note in caplog.text
    rewrite_description(pair, lambda _: load_info(pair))
    assert load_weights(pair).note == ""
    assert load_weights(pair).description == DESCRIPTION


@pytest.mark.parametrize("field", ["logits", "probabilities", "outline"])
def test_weights_that_answer_otherwise_than_recorded_are_refused(pair, field):
    answer = answer_of(pair)
    told = answer[field] + 0.3 if field == "outline" else [value + 0.3 for value in answer[field]]
    change(pair, answer_for_drawn_picture=answer | {field: told})
    with pytest.raises(WeightsFault, match=rf"do not answer as they did .* written \(for the .*\({field}"):
        load_weights(pair)


@pytest.mark.parametrize("fields", [{"temperature": 5.0}, {"model": {**CONFIG.as_dict(), "deviation": [0.001] * 3}}])
def test_numbers_that_turn_the_answer_are_refused_though_the_hash_fits(pair, fields):
    change(pair, **fields)
    with pytest.raises(WeightsFault, match=r"do not answer as they did when they were written"):
        load_weights(pair)


def test_an_answer_is_tried_once(pair, monkeypatch):
    load_weights(pair)
    monkeypatch.setattr(weights, "check_answer", lambda *_: pytest.fail("tried again"))
    load_weights(pair)
    change(pair, answer_for_drawn_picture=answer_of(pair) | {"outline": 0.123})
    with pytest.raises(pytest.fail.Exception, match="tried again"):
        load_weights(pair)


def test_every_writer_records_the_answer(pair, tmp_path):
    for name, size in (("same", None), ("larger", 64)):
        ship_weights(pair, tmp_path / name / f"{name}.json", half=True, input_size=size)
    copy_weights(pair, tmp_path / "copy.json", replace(DESCRIPTION, temperature=2.0))
    rewrite_description(pair, lambda _: replace(DESCRIPTION, temperature=3.0))
    for path in (pair, tmp_path / "copy.json", tmp_path / "same" / "same.json", tmp_path / "larger" / "larger.json"):
        assert load_weights(path).note == ""


def test_what_was_found_of_weights_that_were_replaced_meanwhile_is_not_written(pair, tmp_path):
    measured = load_weights(pair)
    tensors = load_file(tensors_of(pair))
    tensors["mask_head.bias"] += 1
    net = measured.net
    net.load_state_dict(tensors)
    save_weights(pair, net, DESCRIPTION)
    before, info = pair.read_bytes(), replace(DESCRIPTION, temperature=3.0)
    former = former_place(pair)
    former.write_bytes(b"the one before")
    for write in (
        lambda: rewrite_description(pair, lambda _: info, measured.sha256, keep=former),
        lambda: copy_weights(pair, tmp_path / "clinic.json", info, measured.sha256),
    ):
        with pytest.raises(
            WeightsFault, match=rf"{pair.name} were replaced while they were measured .*{measured.sha256[:8]}….* again"
        ):
            write()
    assert pair.read_bytes() == before
    assert former.read_bytes() == b"the one before"
    assert not (tmp_path / "clinic.json").exists()
    former.unlink()
    (tmp_path / "precious.txt").write_text("precious")
    former.symlink_to(tmp_path / "precious.txt")  # as a run that came from elsewhere may have it
    rewrite_description(pair, lambda _: info, load_weights(pair).sha256, keep=former)
    assert (tmp_path / "precious.txt").read_text() == "precious"
    assert load_info(pair).temperature == 3.0
    assert former.read_bytes() == before


def test_the_picture_is_the_same_everywhere():
    digest = hashlib.sha256(drawn_picture(224).tobytes()).hexdigest()
    assert digest.startswith("516ae0f4d075f9e9")


def test_numbers_that_are_not_finite_are_refused(pair):
    tensors = load_file(tensors_of(pair))
    tensors["mask_head.bias"] = torch.tensor([float("nan")])
    save_file(tensors, tensors_of(pair))
    change(pair, sha256=sha256(tensors_of(pair)))
    with pytest.raises(WeightsFault, match=r"has numbers that are not finite \(mask_head.bias\): retrain or copy both"):
        load_weights(pair)


def test_numbers_that_no_network_has_are_refused(pair):
    """Beyond float32, and a variance below 0: both answer no number."""
    whole = load_file(tensors_of(pair))
    variance = next(name for name in whole if name.endswith("running_var"))
    for name, value in (
        ("mask_head.bias", torch.tensor([1e300], dtype=torch.float64)),
        (variance, -whole[variance] - 1),
    ):
        save_file(whole | {name: value}, tensors_of(pair))
        change(pair, sha256=sha256(tensors_of(pair)))
        with pytest.raises(WeightsFault, match=rf"has numbers that are not finite \({name}\): retrain or copy both"):
            load_weights(pair)


@pytest.mark.parametrize("graph", [b"", b"none"])
def test_a_graph_that_cannot_be_run_is_told_in_a_sentence(graph):
    with pytest.raises(ValueError, match="its graph cannot be run"):
        _by_graph(graph, {}, drawn_picture(64)[None])


def test_numbers_that_are_not_finite_are_not_written(tmp_path):
    net = network()
    with torch.no_grad():
        net.mask_head.bias.fill_(float("inf"))
    with pytest.raises(WeightsFault, match=r"not finite"):
        save_weights(tmp_path / "b.json", net, DESCRIPTION)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 40 + "]" * 40]
)
def test_json_that_is_none_is_refused(pair, text):
    pair.write_text(text)
    with pytest.raises(WeightsFault, match=r"a.json is damaged \("):
        load_weights(pair)


def test_a_pipe_in_a_description_s_place_is_not_waited_for(pair):
    pair.unlink()
    os.mkfifo(pair)
    with pytest.raises(WeightsFault):
        load_info(pair)


def test_a_description_is_not_read_beyond_its_bound(pair):
    with pair.open("wb") as stream:
        stream.truncate(LARGEST + 1)
    with pytest.raises(WeightsFault, match=r"a.json is damaged \(more than 8 MB, which no description has\)"):
        load_weights(pair)


def test_deep_tables_are_refused(pair):
    deep: dict[str, Any] = {}
    for _ in range(40):
        deep = {"a": deep}
    change(pair, measured=deep)
    with pytest.raises(WeightsFault, match=r"more than 32 deep in each other"):
        load_weights(pair)


FULL = """
import resource, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
from test_weights import DESCRIPTION, network
from derm.errors import DermError
from derm.model.weights import save_weights
from derm.train.checkpoint import save_checkpoint
net = network()
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for write in (
    lambda: save_weights(Path("b.json"), net, DESCRIPTION),
    lambda: save_checkpoint(Path("last.safetensors"), {{"net": net.state_dict()}}, {{}}),
):
    try:
        write()
    except DermError as error:
        print(error)
"""


@pytest.mark.slow
def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path):
    pytest.importorskip("resource")
    path = [str(Path(__file__).parent), str(Path(__file__).parents[2]), str(Path(__file__).parents[1])]
    done = subprocess.run(
        [sys.executable, "-c", FULL.format(path=path)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"(?:\S+ cannot be written \(.*\): name a place with room for it\.\n){2}", done.stdout)
    assert list(tmp_path.iterdir()) == []


def test_a_description_that_is_no_json_is_refused(pair):
    pair.write_text('{"format": 1')
    with pytest.raises(WeightsFault, match=r"The description .*a.json is damaged \(Expecting .*\): copy it anew"):
        load_weights(pair)
    pair.write_bytes(b"\xff\xfe")
    with pytest.raises(WeightsFault, match=r"a.json is damaged \("):
        load_weights(pair)
    pair.write_text("[]")
    with pytest.raises(WeightsFault, match=r"a.json is damaged \("):
        load_weights(pair)


@pytest.mark.parametrize("fault", ["shape", "missing", "more", "bytes"])
def test_tensors_that_do_not_fit_are_refused(pair, fault):
    place = tensors_of(pair)
    tensors = load_file(place)
    if fault == "shape":
        tensors["mask_head.bias"] = torch.zeros(2)
    elif fault == "missing":
        del tensors["mask_head.bias"]
    else:
        tensors["mask_head.more"] = torch.zeros(2)
    save_file(tensors, place)
    if fault == "bytes":
        place.write_bytes(b"no tensors")
    change(pair, sha256=sha256(place))
    with pytest.raises(WeightsFault, match=r"does not fit the model in its description: retrain or copy both anew"):
        load_weights(pair)


def test_shipped_weights_are_in_the_checkout_or_in_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "__file__", str(tmp_path / "derm" / "paths.py"))
    with pytest.raises(WeightsFault, match=r"The weights that come with Derm are not at .* with --weights"):
        default_weights()
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "derm.json").write_text("{}")
    assert default_weights() == tmp_path / "weights" / "derm.json"
    installed = tmp_path / "derm" / "app" / "weights"
    installed.mkdir(parents=True)
    (installed / "derm.json").write_text("{}")
    assert default_weights() == installed / "derm.json"
