"""A decoder in a process of its own, with limits on time and memory: for formats with a history of faults.

Needs a function that is named by module and name, takes the file's bytes and gives a picture with what it says of
itself. Whatever becomes of that process, the caller gets a picture or one of two faults. On Windows, which knows no
such limits, the time alone is limited.
"""

import json
import os
import subprocess
import sys
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm.errors import DermError, ImageRefused
from derm.language.speech import json_of_said, language, said_of_json, say, speaking
from derm.paths import search_path

MEMORY = 1 << 30
"""Bytes of address space that the process may take."""

SECONDS = 10
"""Processor time that it may take. DICOM in run lengths takes 3.5 s at 20 megapixels, twice as long at 40."""

PATIENCE = 30
"""Seconds by the clock after which it is ended, for it may wait for a busy machine."""

_REFUSED = 3
"""Exit status of a process whose function refused the file; its sentence stands on standard output, for decoders write
warnings to the other."""


def in_own_process(function: str, content: bytes, name: str) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """What `function`, 'module:name', makes of `content`: a picture, uint8 (H, W, 3), and what it says of itself.

    function: takes (content, name), gives the picture and a dictionary that JSON can hold. name: what the user calls
    the file. Raises ImageRefused with the function's own sentence, or one that says that the file is damaged.
    """
    variables = os.environ | {
        "PYTHONPATH": search_path(),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    damaged = ImageRefused(
        say("{name} is damaged or cut short: copy it or export it again from its source.", name=name)
    )
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", __name__, function, name, language()],
            input=content,
            capture_output=True,
            timeout=PATIENCE,
            env=variables,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise damaged from error
    except OSError as error:
        raise ImageRefused(
            say(
                "{name} could not be read, for the machine starts no further process ({strerror}): try again in a "
                "minute.",
                name=name,
                strerror=error.strerror,
            )
        ) from error
    if done.returncode == _REFUSED:
        raise _refusal(done.stdout) or damaged
    if done.returncode:
        raise damaged
    head, _, pixels = done.stdout.partition(b"\n")
    told = json.loads(head)
    picture = np.frombuffer(pixels, dtype=np.uint8).reshape(told["height"], told["width"], 3)
    return picture.copy(), told["about"]


def _refusal(told: bytes) -> ImageRefused | None:
    """The refusal that a process wrote; None where it wrote something else."""
    try:
        sentence = said_of_json(json.loads(told))
    except (LookupError, TypeError, ValueError, AttributeError):
        return None
    return ImageRefused(sentence) if isinstance(sentence, str) else None


def _limit() -> None:
    """Take the limits; a system without them has none."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(function: str, name: str, spoken: str) -> int:
    """The process's own work: bytes from standard input, head and pixels to standard output."""
    content = sys.stdin.buffer.read()
    module, _, called = function.partition(":")
    read = getattr(import_module(module), called)
    _limit()
    try:
        with speaking(spoken):
            picture, about = read(content, name)
    except DermError as refused:
        sys.stdout.write(json.dumps(json_of_said(str(refused))))
        return _REFUSED
    height, width = picture.shape[:2]
    sys.stdout.buffer.write(json.dumps({"height": height, "width": width, "about": about}).encode() + b"\n")
    sys.stdout.buffer.write(np.ascontiguousarray(picture).tobytes())
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
