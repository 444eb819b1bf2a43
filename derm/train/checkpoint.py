"""A checkpoint: everything a run needs to go on, in one file that is whole or absent.

Tensors lie in safetensors, all else as JSON in the file's header; nothing is pickled. Knows nothing of what they mean.
"""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from derm.errors import RunFault
from derm.files import write_whole
from derm.language.speech import say
from derm.model.stored import full_disk


def save_checkpoint(path: Path, tensors: dict[str, dict[str, Tensor]], state: dict[str, Any]) -> None:
    """Write groups of tensors, by group and name, and a JSON-ready `state` to `path`."""
    flat = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, members in tensors.items()
        for name, tensor in members.items()
    }
    told = {"state": json.dumps(state, allow_nan=False)}

    def write(part: Path) -> None:
        with full_disk():
            save_file(flat, part, metadata=told)

    write_whole(path, write)


def load_checkpoint(path: Path) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read what `save_checkpoint` wrote; RunFault when there is none or it is damaged."""
    groups: dict[str, dict[str, Tensor]] = {}
    try:
        with safe_open(path, framework="pt") as stream:
            state = json.loads(stream.metadata()["state"])
            for key in stream.keys():  # noqa: SIM118 (not a dict)
                group, _, name = key.partition("/")
                groups.setdefault(group, {})[name] = stream.get_tensor(key)
    except FileNotFoundError as error:
        raise RunFault(
            say(
                "The checkpoint {path} is gone, without which its run cannot go on: put it back, or start the run "
                "anew in another folder.",
                path=path,
            )
        ) from error
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise RunFault(
            say(
                "The checkpoint {path} is damaged ({error}): start the run anew in another folder.",
                path=path,
                error=error,
            )
        ) from error
    return groups, state
