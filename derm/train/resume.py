"""What a run is saved as between two steps, and how it is taken up again.

Needs an open run and its state. A run that was saved and taken up ends, on the CPU and with as many threads, bit for
bit as if it had not been.
"""

from typing import Any

import torch

from derm.data.identity import changed_looks
from derm.errors import RunFault
from derm.files import unlinked
from derm.language.speech import say
from derm.train.checkpoint import damaged, load_checkpoint, save_checkpoint
from derm.train.open_run import OpenRun
from derm.train.run_folder import LAST
from derm.train.state import TrainState


def keep(opened: OpenRun, state: TrainState) -> None:
    """Write the checkpoint; `state.log_bytes` must be the length of the log that goes with it."""
    net, average, optimiser = opened.net, opened.average, opened.optimiser
    groups = {
        "net": net.state_dict(),
        "average": average.state_dict() if average is not net else {},
        "optimiser": flatten_optimiser(optimiser),
        "planner": opened.planner.tensors(),
        "data": {"looks": torch.from_numpy(opened.parts.looks)},
    }
    parts = opened.parts
    images = {"fingerprint": parts.fingerprint, "validation_fingerprint": parts.validation_fingerprint}
    rest = {**images, "groups": optimiser.state_dict()["param_groups"]}
    save_checkpoint(unlinked(opened.run / LAST), groups, {**state.as_dict(), **rest})


def restore(opened: OpenRun) -> TrainState:
    """Take up the last checkpoint of a run, in place; RunFault where it knows other images than the data set has, or
    holds what no checkpoint of this run can."""
    groups, content = load_checkpoint(opened.run / LAST)
    _check_images(opened, groups, content)
    try:
        for group in ("net", "average", "optimiser"):  # the planner has NaN where an image was never seen
            for name, tensor in groups.get(group, {}).items():
                if not tensor.isfinite().all():
                    raise ValueError(f"{group}/{name} has numbers that are not finite")
        _restore_tensors(opened, groups, content.pop("groups"))
        return TrainState.from_dict(content)
    except KeyError as error:
        raise damaged(opened.run / LAST, f"it has no {error}") from error
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise damaged(opened.run / LAST, str(error).partition("\n")[0].rstrip(": ")) from error


def _check_images(opened: OpenRun, groups: dict[str, dict[str, torch.Tensor]], content: dict[str, Any]) -> None:
    """Raise RunFault where the data set gives a run other images, diagnoses, pictures or masks than it began with.

    Takes what tells the images out of `content`; a checkpoint of an older Derm tells less of them, or nothing.
    """
    parts = opened.parts
    views = groups.get("planner", {}).get("views")
    if content.pop("fingerprint", parts.fingerprint) != parts.fingerprint or (
        views is not None and views.shape != opened.planner.classes.shape
    ):
        raise RunFault(
            say(
                "{run} was trained on other images than the data set now gives: bring back the data set "
                "it began with, or start a new run.",
                run=opened.run,
            )
        )
    validation = parts.validation_fingerprint
    if content.pop("validation_fingerprint", validation) != validation:
        raise RunFault(
            say(
                "{run} was validated on other images or diagnoses than the data set now gives: bring back the data "
                "set it began with, or start a new run.",
                run=opened.run,
            )
        )
    looks = groups.get("data", {}).get("looks")
    if looks is None:
        return
    if looks.shape != parts.looks.shape or looks.dtype != torch.uint8:
        raise damaged(opened.run / LAST, "data/looks has another shape than the data set's")
    if changed := changed_looks(looks.numpy(), parts.looks):
        raise RunFault(
            say(
                "{changed:,} of the {total:,} pictures, or their masks, that {run} was trained and validated on are "
                "others now under the same names: bring back the data set it began with, or start a new run.",
                changed=changed,
                total=len(parts.looks),
                run=opened.run,
            )
        )


def _restore_tensors(
    opened: OpenRun, groups: dict[str, dict[str, torch.Tensor]], param_groups: list[dict[str, Any]]
) -> None:
    """Put the tensors of a checkpoint in their places; some built-in error where they do not belong there."""
    net, average, optimiser = opened.net, opened.average, opened.optimiser
    net.load_state_dict(groups["net"])
    if average is not net:
        average.load_state_dict(groups["average"])
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, tensor in groups.get("optimiser", {}).items():
        index, _, name = key.partition(".")
        moments.setdefault(int(index), {})[name] = tensor
    optimiser.load_state_dict({"state": moments, "param_groups": param_groups})
    for weight, taken_up in optimiser.state.items():
        for name, tensor in taken_up.items():
            if tensor.shape == weight.shape:
                # In the weight's memory layout, as before: two layouts at once take the optimiser three times as long.
                taken_up[name] = torch.empty_like(weight).copy_(tensor)
            elif tensor.ndim:
                raise ValueError(f"the optimiser's {name} has the shape of another weight")
    opened.planner.restore(groups["planner"])


def flatten_optimiser(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The optimiser's tensors by "index.name"."""
    state = optimiser.state_dict()["state"]
    return {f"{index}.{name}": tensor for index, moments in state.items() for name, tensor in moments.items()}
