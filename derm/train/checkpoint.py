"""A checkpoint: everything a run needs to go on, in one file that is whole or absent.

Tensors lie in safetensors, all else as JSON in the file's header, both under a hash; nothing is pickled. Knows nothing
of what they mean.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from derm.errors import RunFault
from derm.files import open_ordinary, write_whole
from derm.language.speech import say
from derm.model.stored import full_disk

SEAL = "sha256"
"""Name of the header's field with `seal_of` the rest; checkpoints from before there was one have none."""


def save_checkpoint(path: Path, tensors: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
    """Write groups of tensors, by group and name, and a JSON-ready `state` to `path`."""
    flat = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, members in tensors.items()
        for name, tensor in members.items()
    }
    text = json.dumps(state, allow_nan=False)
    told = {"state": text, SEAL: seal_of(text, flat)}

    def write(part: Path) -> None:
        with full_disk():
            save_file(flat, part, metadata=told)

    write_whole(path, write)


def seal_of(state: str, tensors: Mapping[str, Tensor]) -> str:
    """The SHA-256 of a state's JSON and of tensors: their names, types, shapes and bytes."""
    found = sha256(state.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"\0{name}\0{tensor.dtype}{tuple(tensor.shape)}\0".encode())
        # A copy, for a single number may have a stride of 0, which cannot be seen as bytes.
        plain = tensor.clone(memory_format=torch.contiguous_format)
        found.update(plain.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save_checkpoint` wrote; RunFault when there is none, it is damaged or was changed."""
    try:
        open_ordinary(path).close()  # for a pipe would be waited for
        with safe_open(path, framework="pt") as stream:
            told = stream.metadata()
            state = json.loads(told["state"])
            flat = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 (not a dict)
        if SEAL in told and told[SEAL] != seal_of(told["state"], flat):
            raise ValueError("changed after it was written")
        if not isinstance(state, dict):
            raise ValueError("its state is no table of names and values")
    except FileNotFoundError as error:
        raise RunFault(
            say(
                "The checkpoint {path} is gone, without which its run cannot go on: put it back, or start the run "
                "anew in another folder.",
                path=path,
            )
        ) from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise damaged(path, str(error)) from error
    groups: dict[str, dict[str, Tensor]] = {}
    for key, tensor in flat.items():
        group, _, name = key.partition("/")
        groups.setdefault(group, {})[name] = tensor
    return groups, state


def damaged(path: Path, why: str) -> RunFault:
    """What is raised of a checkpoint that cannot be taken up."""
    return RunFault(
        say(
            "The checkpoint {path} is damaged ({error}): start the run anew in another folder.",
            path=path,
            error=why,
        )
    )
