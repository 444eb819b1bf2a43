"""Checkpoints: whole, or refused in a sentence."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from derm.errors import RunFault
from derm.train.checkpoint import load_checkpoint, save_checkpoint

GROUPS = {
    "net": {"a.weight": torch.arange(6.0).reshape(2, 3), "a/b": torch.tensor(7)},
    "planner": {"smoothed": torch.tensor([0.1, torch.nan], dtype=torch.float64), "none": torch.empty(0).long()},
}
STATE = {"step": 3, "best": None, "name": "Muttermal ü", "nested": [{"lr": 0.1}]}


def test_what_is_saved_is_loaded(tmp_path):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, GROUPS, STATE)
    groups, state = load_checkpoint(path)
    assert state == STATE
    assert groups.keys() == GROUPS.keys()
    for group, tensors in GROUPS.items():
        assert groups[group].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert groups[group][name].dtype == tensor.dtype
            assert groups[group][name].shape == tensor.shape
            np.testing.assert_array_equal(groups[group][name].numpy(), tensor.numpy())


def test_any_layout_and_gradient_can_be_saved(tmp_path):
    weight = torch.randn(2, 3, 4, 4, requires_grad=True)
    turned = weight.detach().to(memory_format=torch.channels_last)
    save_checkpoint(tmp_path / "a", {"net": {"weight": weight, "turned": turned}}, {})
    groups, _ = load_checkpoint(tmp_path / "a")
    assert torch.equal(groups["net"]["weight"], weight.detach())
    assert torch.equal(groups["net"]["turned"], turned)


def test_an_empty_group_is_absent(tmp_path):
    save_checkpoint(tmp_path / "a", {"net": {"w": torch.zeros(1)}, "average": {}}, {})
    assert load_checkpoint(tmp_path / "a")[0].keys() == {"net"}


def test_a_failure_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "last.safetensors"
    save_checkpoint(path, GROUPS, STATE)
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_checkpoint(path, GROUPS, {"loss": float("nan")})
    assert load_checkpoint(path)[1] == STATE
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_checkpoint_is_refused(tmp_path):
    with pytest.raises(
        RunFault, match=r"The checkpoint .*last is gone, without which its run cannot go on: put it back"
    ):
        load_checkpoint(tmp_path / "last")


@pytest.mark.parametrize("fault", ["cut", "empty", "other", "no state", "folder"])
def test_a_damaged_checkpoint_is_refused(tmp_path, fault):
    path = tmp_path / "last"
    save_checkpoint(path, GROUPS, STATE)
    if fault == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    elif fault == "empty":
        path.write_bytes(b"")
    elif fault == "other":
        path.write_text("no checkpoint")
    elif fault == "no state":
        save_file({"net/w": torch.zeros(1)}, path)
    else:
        path.unlink()
        path.mkdir()
    with pytest.raises(
        RunFault, match=r"The checkpoint .*last is damaged \(.*\): start the run anew in another folder"
    ):
        load_checkpoint(path)


def test_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "last"
    save_checkpoint(path, GROUPS, STATE)
    whole = path.read_bytes()
    for old, new in ((b'\\"step\\": 3', b'\\"step\\": 2'), (np.float32(5).tobytes(), np.float32(20).tobytes())):
        assert whole.count(old) == 1
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(RunFault, match=r"last is damaged \(changed after it was written\): start the run anew"):
            load_checkpoint(path)


def test_a_checkpoint_from_before_there_was_a_hash_opens(tmp_path):
    save_file({"net/w": torch.ones(1)}, tmp_path / "last", metadata={"state": '{"step": 3}'})
    groups, state = load_checkpoint(tmp_path / "last")
    assert (groups["net"]["w"].item(), state) == (1.0, {"step": 3})
