"""Pictures on disk by what they hold: a file's name is its SHA-256, so that the same bytes lie there once.

Needs a folder. A file is whole before its name is there. Knows nothing of patients.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from derm.errors import RecordsFault
from derm.files import OWN_FILE, make_folder, read_file, sha256, write_bytes
from derm.language.speech import say

DIGITS = set("0123456789abcdef")

MOST = 1 << 30
"""Bytes of a file that is read back: a picture that was taken in has a fifth at most."""


def keep(folder: Path, content: bytes) -> str:
    """Write `content` under its SHA-256, unless it is there; the hash comes back. Raises ConfigFault without room.

    What lies there damaged is written anew: who has no backup can put it back from nothing else. Other accounts of the
    machine may not read it.
    """
    name = hashlib.sha256(content).hexdigest()
    path = place(folder, name)
    if fault_of(folder, name):
        make_folder(path.parent)
        write_bytes(path, content, OWN_FILE)
    return name


def is_name(name: str) -> bool:
    """Whether `name` is a SHA-256 as files here are called."""
    return len(name) == 64 and set(name) <= DIGITS


def place(folder: Path, name: str) -> Path:
    """Where the file with the SHA-256 `name` lies: in one of 256 folders. Raises RecordsFault for no such name."""
    if not is_name(name):
        raise RecordsFault(
            say(
                "'{name}' is no SHA-256: expected 64 digits 0-9 and a-f.",
                name=name[:80],
            )
        )
    return folder / name[:2] / name


def read(folder: Path, name: str) -> bytes:
    """The file with the SHA-256 `name`. Raises RecordsFault where it is gone, or is not what it was."""
    path = place(folder, name)
    try:
        content = read_file(path, MOST)
    except (OSError, ValueError) as error:
        raise RecordsFault(
            say(
                "The picture {name}… is missing ({reason}): put {path} back from a backup.",
                name=name[:12],
                reason=getattr(error, "strerror", error),
                path=path,
            )
        ) from error
    if hashlib.sha256(content).hexdigest() != name:
        raise RecordsFault(say("{path} is not what was saved: put it back from a backup.", path=path))
    return content


def remove(folder: Path, name: str) -> None:
    """Take the file with the SHA-256 `name` away, if it is there."""
    place(folder, name).unlink(missing_ok=True)


def names(folder: Path) -> Iterator[str]:
    """The SHA-256 of every file, as their names say."""
    for path in sorted(folder.glob("??/*")):
        if is_name(path.name):
            yield path.name


def fault_of(folder: Path, name: str) -> str:
    """What is wrong with the file `name`, as the end of a sentence; '' where nothing is."""
    path = place(folder, name)
    if not path.is_file():
        return "is missing"
    try:
        return "" if sha256(path) == name else "is not what was saved"
    except OSError as error:  # a bad block, or another account's file
        return f"cannot be read ({error.strerror})"
