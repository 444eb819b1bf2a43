"""Several processes that train one network: they do what one would, and none goes on alone."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from short_run import CONFIG as SHORT

from derm.errors import ConfigFault
from derm.model.network import ModelOutput
from derm.runlog.events import CLOCK_EVENTS
from derm.runlog.writer import read_events
from derm.train.checkpoint import load_checkpoint
from derm.train.config import MixConfig
from derm.train.loop import train
from derm.train.losses import Divisors, Truth, divisors_of, joint_loss
from derm.train.mix import Mixture, mix, share_of
from derm.train.open_run import settle
from derm.train.world import ALONE, World

CONFIG = replace(
    SHORT,
    # Dropout is drawn by each process for its own images, so that two differ from one.
    model=replace(SHORT.model, dropout=0.0),
    epochs=2,
    batch=7,  # one process has four of them, the other three
    balance=0.5,
    label_smoothing=0.05,
    mask_loss="dice+bce",
    average=0.9,
    mix=MixConfig(probability=0.4),
    seed=3,
)

SCRIPT = """
import json, os, signal, sys
from dataclasses import replace
from pathlib import Path
import torch
import torch.distributed as dist
from torch import nn
from derm.data.catalogue import read_catalogue
from derm.errors import RunFault
from derm.train.config import TrainConfig
from derm.train.loop import train
from derm.train.shared_norm import SharedBatchNorm
from derm.train.world import join

def norms(rank):
    random = torch.Generator().manual_seed(0)
    images, slopes = torch.randn(2, 5, 3, 4, 4, generator=random)
    images = images + 5
    whole, part = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    part = SharedBatchNorm.of(part)
    own = slice(0, 2) if rank == 0 else slice(2, 5)
    one, other = images.clone().requires_grad_(), images[own].clone().requires_grad_()
    for layer, given, slope in ((whole, one, slopes), (part, other, slopes[own])):
        layer.weight.data.copy_(torch.tensor([1.0, 2.0, -0.5]))
        said = layer(given)
        said.backward(slope)
    dist.all_reduce(part.weight.grad)
    dist.all_reduce(part.bias.grad)
    pairs = {
        "values": (whole(images)[own], part(images[own])), "slopes": (one.grad[own], other.grad),
        "weight": (whole.weight.grad, part.weight.grad), "bias": (whole.bias.grad, part.bias.grad),
        "mean": (whole.running_mean, part.running_mean), "variance": (whole.running_var, part.running_var),
        "evaluated": (whole.eval()(images), part.eval()(images)),
    }
    assert [*whole.state_dict()] == [*part.state_dict()]
    return {name: (left - right).abs().max().item() for name, (left, right) in pairs.items()}

def main(data, folder, cache, config):
    folder, cache = Path(folder), Path(cache)
    torch.set_num_threads(1)
    catalogue, config = read_catalogue(Path(data)), TrainConfig.from_dict(json.loads(config))
    with join() as world:
        told = {"norms": norms(world.rank)}
        try:  # only the first of them looks there
            train(config, catalogue, cache / "taken", cache=cache, world=world)
        except RunFault as fault:
            told["taken"] = [type(fault).__name__, str(fault)]
        # The second process asks to stop at the fourth step, and both do.
        asked = iter([False] * 3 + [True] * 100)
        stopped = train(
            config, catalogue, folder / "whole", cache=cache, world=world, stop=lambda: next(asked) and world.rank == 1
        )
        told["stopped"] = stopped.step
        state = train(config, catalogue, folder / "whole", cache=cache, world=world, resume=True)
        told["ended"] = [state.step, state.finished]
        if world.leads:
            (folder / f"{world.rank}.json").write_text(json.dumps(told))

        def watch(event):
            if event["event"] == "tick" and event["step"] == 4 and world.rank == 1:
                (folder / "1.json").write_text(json.dumps(told))
                os.kill(os.getpid(), signal.SIGKILL)
        try:
            train(config, catalogue, folder / "lost", cache=cache, world=world, watch=watch)
        except RunFault as fault:
            (folder / "lost.txt").write_text(str(fault))

if __name__ == "__main__":
    child = os.fork()  # before there are threads, and behind the imports, which take longer than all else
    rank = str(int(child == 0))
    os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE="2", LOCAL_WORLD_SIZE="2", MASTER_ADDR="127.0.0.1")
    main(*sys.argv[1:])
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@dataclass(frozen=True)
class Pair:
    """What two processes have done: runs in `folder`, what each told, and what the first said of the second's end."""

    folder: Path
    told: list[dict[str, Any]]
    lost: str


@pytest.fixture(scope="module")
def pair(tmp_path_factory, drawn, cache) -> Pair:
    folder = tmp_path_factory.mktemp("pair")
    (cache / "taken").mkdir()
    (cache / "taken" / "notes.txt").touch()
    script = folder / "pair.py"
    script.write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = [str(drawn), str(folder), str(cache), json.dumps(CONFIG.as_dict())]
    environment = {**os.environ, "MASTER_PORT": str(port), "OPENBLAS_NUM_THREADS": "1"}
    first = subprocess.Popen(
        [sys.executable, str(script), *arguments],
        env=environment,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = first.communicate(timeout=200)[0]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(first.pid, signal.SIGKILL)
    assert (first.returncode, said.split()[-1:]) == (0, [str(-signal.SIGKILL)]), said
    told = [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]
    return Pair(folder, told, (folder / "lost.txt").read_text())


@pytest.fixture(scope="module")
def alone(tmp_path_factory, drawn_catalogue, cache) -> Path:
    run = tmp_path_factory.mktemp("alone") / "run"
    train(CONFIG, drawn_catalogue, run, cache=cache)
    return run


def lasting(run: Path) -> list[dict[str, Any]]:
    return [event for event in read_events(run / "events.jsonl") if event["event"] not in CLOCK_EVENTS]


@pytest.mark.training
def test_two_processes_train_as_one_does(pair, alone):
    one, two = lasting(alone), lasting(pair.folder / "whole")
    assert [event["event"] for event in one] == [event["event"] for event in two]
    for left, right in zip(one, two, strict=True):
        for name in ("loss", "mask_loss", "class_loss", "accuracy", "dice", "replayed_share", "learning_rate"):
            if name in left:
                assert right[name] == pytest.approx(left[name], rel=1e-3, abs=1e-4), (left["event"], name)
        if left["event"] == "replay":
            assert left["drawn"] == right["drawn"]
        if left["event"] == "epoch":
            assert right["validation"]["loss"] == pytest.approx(left["validation"]["loss"], rel=1e-3)
            assert right["validation"]["confusion_matrix"] == left["validation"]["confusion_matrix"]
    (groups, state), (others, other) = (
        load_checkpoint(run / "last.safetensors") for run in (alone, pair.folder / "whole")
    )
    assert state["step"] == other["step"]
    for name, tensor in groups["planner"].items():  # the batches were the same, and what was heard of them
        torch.testing.assert_close(others["planner"][name], tensor, rtol=1e-3, atol=1e-3, equal_nan=True)
    for group in ("net", "average"):
        for name, tensor in groups[group].items():
            torch.testing.assert_close(
                others[group][name], tensor, rtol=1e-3, atol=1e-4, msg=lambda m, n=name: f"{n} {m}"
            )


@pytest.mark.training
def test_what_one_process_decides_all_do(pair):
    for told in pair.told:
        assert told["stopped"] == 4
        assert told["ended"] == [10, True]
    (first, text), (second, same) = (told["taken"] for told in pair.told)
    assert text == same
    assert "exists already and holds no run: give another --run" in text
    assert (first, second) == ("RunFault", "ToldElsewhere")
    events = list(read_events(pair.folder / "whole" / "events.jsonl"))
    kinds = [event["event"] for event in events]
    assert (kinds.count("start"), kinds.count("resumed"), kinds.count("end")) == (1, 1, 1)
    assert events[0]["processes"] == 2
    assert [event["processes"] for event in events if event["event"] in ("begun", "resumed")] == [2, 2]


@pytest.mark.training
def test_a_batch_normalisation_in_parts_is_that_of_the_whole(pair):
    for told in pair.told:
        assert told["norms"].keys() >= {"values", "slopes", "weight", "bias", "mean", "variance", "evaluated"}
        assert max(told["norms"].values()) < 1e-5


@pytest.mark.training
def test_a_lost_process_ends_the_run_with_a_checkpoint(pair, drawn_catalogue, cache):
    run = pair.folder / "lost"
    assert pair.lost == (
        "Another of 2 processes has ended, and so the run, with a checkpoint at step 4. "
        f"To go on: the same command with --run {run} --resume"
    )
    assert load_checkpoint(run / "last.safetensors")[1]["step"] == 4
    # One process goes on where two were, and comes out where two would have.
    assert train(CONFIG, drawn_catalogue, run, cache=cache, resume=True).finished
    one, two = (load_checkpoint(folder / "last.safetensors") for folder in (run, pair.folder / "whole"))
    assert one[1]["step"] == two[1]["step"]
    for name, tensor in one[0]["net"].items():
        torch.testing.assert_close(tensor, two[0]["net"][name], rtol=1e-3, atol=1e-4)


def test_parts_are_all_of_a_batch():
    worlds = [World(rank, 3) for rank in range(3)]
    for count in (3, 7, 32):
        places = [place for world in worlds for place in range(count)[world.part(count)]]
        assert places == list(range(count))
        assert all(range(count)[world.part(count)] for world in worlds)


def test_a_process_alone_asks_nobody():
    rows = np.arange(6.0).reshape(3, 2)
    assert ALONE.gather(rows, 3) is rows
    assert ALONE.together("x", lambda: 5) == ALONE.of_first(5) == 5
    assert ALONE.any(True)
    assert not ALONE.any(False)
    ALONE.same("x", "a", "differs")
    ALONE.take_device("cuda")
    assert ALONE.leads
    assert not World(1, 2).leads


def test_settings_that_several_processes_cannot_have_are_refused():
    assert settle(CONFIG, "cpu", World(0, 7)) == CONFIG
    with pytest.raises(ConfigFault, match="A batch of 7 is too small for 8 processes: raise --batch"):
        settle(CONFIG, "cpu", World(0, 8))
    with pytest.raises(ConfigFault, match="Several processes train a network that is not compiled: leave out --set"):
        settle(replace(CONFIG, compile="on"), "cpu", World(0, 2))
    with pytest.raises(ConfigFault, match="2 processes share 0 accelerators: start as many as there are, or train"):
        World(0, 2, 0, 2).take_device("cuda")


@pytest.mark.parametrize("kind", ["whole labels", "weights", "focal", "mixed", "open", "no masks", "smoothing"])
def test_the_losses_of_all_parts_add_up_to_the_batchs(kind):
    random = torch.Generator().manual_seed(0)
    logits, masks = torch.randn(7, 7, generator=random), torch.randn(7, 1, 4, 4, generator=random)
    classes = torch.tensor([0, 5, 5, 2, 3, 5, 4])
    weights = torch.linspace(0.5, 2, 7) if kind in ("weights", "focal", "open", "mixed") else None
    has_mask = torch.tensor([True, False, True, True, False, False, False]) & (kind != "no masks")
    truth = Truth((masks.flip(0) > 0).float(), has_mask, classes)
    if kind == "mixed":
        truth = truth._replace(shares=torch.rand(7, 7, generator=random).softmax(1))
    if kind == "open":  # one of seven, two of seven, and all of them
        allowed = torch.nn.functional.one_hot(classes, 7).bool()
        allowed[4, 0] = allowed[6] = True
        truth = truth._replace(allowed=allowed, classes=torch.where(allowed.sum(1) == 1, classes, 7))
    smoothing = 0.1 if kind == "smoothing" else 0.0
    config = replace(CONFIG, focal=1.5 if kind == "focal" else 0.0, label_smoothing=smoothing, mask_weight=0.7)
    answer = ModelOutput(masks, logits, torch.zeros(7, 1, 1, 1))
    expected = joint_loss(answer, truth, config, weights)
    parts = [World(rank, 3).part(7) for rank in range(3)]
    truths = [Truth(*(None if field is None else field[part] for field in truth)) for part in parts]
    whole = Divisors(*torch.stack([torch.stack(divisors_of(one, weights)) for one in truths]).sum(0))
    losses = [
        joint_loss(ModelOutput(*(field[part] for field in answer)), one, config, weights, None, whole)
        for part, one in zip(parts, truths, strict=True)
    ]
    for name in ("joint", "mask", "diagnosis"):
        torch.testing.assert_close(sum(getattr(loss, name) for loss in losses), getattr(expected, name))
    torch.testing.assert_close(torch.cat([loss.plain for loss in losses]), expected.plain)


@pytest.mark.parametrize("boxed", [True, False], ids=["cutmix", "mixup"])
def test_a_part_of_a_mixed_batch_is_that_of_the_whole(boxed):
    random = np.random.default_rng(0)
    images = torch.from_numpy(random.integers(0, 255, (6, 8, 8, 3), dtype=np.uint8))
    masks = torch.from_numpy(random.integers(0, 2, (6, 1, 8, 8))).float()
    truth = Truth(masks, torch.tensor([True, False, True, True, True, True]), torch.tensor([5, 0, 1, 2, 3, 5]))
    boxes = np.sort(random.integers(0, 8, (6, 2, 2)), axis=1).reshape(6, 4) if boxed else None
    mixture = Mixture(np.array([3, 1, 0, 5, 2, 4]), random.random(6).astype(np.float32), boxes)
    expected, true = mix(images, truth, mixture)
    for rank in range(4):
        part = World(rank, 4).part(6)
        share = share_of(part, mixture)
        assert share.own == len(range(6)[part])
        assert len(share.places) == len(set(share.places.tolist())) <= 2 * share.own  # each is prepared once
        mixed, own = mix(images[share.places], Truth(*(field[share.places] for field in truth[:3])), share.mixture)
        assert torch.equal(mixed, expected[part])
        for one, other in zip(own[:4], true[:4], strict=True):
            assert torch.equal(one, other[part])
