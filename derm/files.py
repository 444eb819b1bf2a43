"""Files that are whole or absent: written beside their place, flushed, then renamed.

A place that cannot be written is the user's to mend: ConfigFault. Knows nothing about what the files hold.
"""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from derm.errors import ConfigFault

PART = ".part"
"""Ending of a file that is being written."""


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a file beside `path`, then put it in place in one step.

    A kill at any moment leaves the old file or the new one, never a part; `path`'s folder is made. A link is followed.
    Raises ConfigFault where nothing can be written, or `path` is a folder or a device.
    """
    check_file(path)
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=PART)
        os.close(handle)
        part = Path(name)
        try:
            write(part)
            part.chmod(0o644)
            with part.open("rb+") as stream:
                os.fsync(stream.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigFault(f"{path} cannot be written ({error.strerror}): name a place with room for it.") from error


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it; ConfigFault where it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigFault(f"The folder {folder} cannot be made ({error.strerror}): name another one.") from error
    if not os.access(folder, os.W_OK):
        raise ConfigFault(f"The folder {folder} cannot be written to: name another one, or change its permissions.")


def check_file(path: Path) -> None:
    """Refuse a place where no file can be written before hours are spent on it: ConfigFault; its folder is made."""
    if path.is_dir():
        raise ConfigFault(f"{path} is a folder: name a file in it, as {path / 'out.csv'}.")
    if path.exists() and not path.is_file():
        raise ConfigFault(f"{path} is no ordinary file: name another one.")
    make_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what writers that were killed have left in `folder`; only for a folder that nobody else writes to."""
    for part in folder.glob(f".*{PART}"):
        part.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""

    def fill(part: Path) -> None:
        part.write_bytes(content)

    write_whole(path, fill)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: object) -> None:
    """Write `content` as indented JSON to `path`, whole or not at all; NaN is an error, undefined is null."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def cell(text: str) -> str:
    """A text for a cell of a table that a spreadsheet may open: where it would be a formula, behind an apostrophe.

    Formulas begin with = + - @, or with a tab or line end before one. For texts alone: a negative number stays one.
    """
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text


def hold(stream: IO[Any], patience: float = 1.0) -> bool:
    """Hold the open file for this process, and those that inherit it, until it is closed; False where another has it.

    Tried for `patience` seconds, because `is_held` has the file for a moment, too. Raises ConfigFault where the system
    has no such locks, as Windows.
    """
    try:
        import fcntl
    except ImportError as error:
        raise ConfigFault(
            "Training needs a file lock that processes inherit, which Windows does not have: train in WSL or on Linux."
        ) from error
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.02)
        else:
            return True


def is_held(path: Path) -> bool:
    """Whether a living process holds the file at `path`, see `hold`; False where there is none, or nothing can."""
    try:
        import fcntl
    except ImportError:  # Windows, where no run is trained
        return False
    try:
        with path.open("rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # none there, a folder, or a file that may not be read: nobody's lock
        return False
    return False


def sha256(path: Path) -> str:
    """The SHA-256 of the file at `path`, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
