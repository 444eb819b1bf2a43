"""A place where a picture is expected, whatever holds it: a file, a member of an archive, an address of a network.

Needs a path, or what reads the picture. Gives its content, and the name by which tables know it. Knows no model.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple, Protocol

from derm.errors import ImageRefused
from derm.files import open_ordinary
from derm.image.decode import read_file


class Source(Protocol):
    """What reads a picture that is no file of its own."""

    @property
    def remote(self) -> bool:
        """Whether it takes its time over a network, so that several are asked for at once."""
        ...

    def read(self) -> bytes:
        """The picture's content; raises ImageRefused."""
        ...


class FoundPicture(NamedTuple):
    """A picture that is expected somewhere."""

    path: Path
    """As the user knows it: below what was named; of a member of an archive below that file, of an address its path."""

    fault: str = ""
    """Why it cannot be asked about, where that is known before it is opened; else ''."""

    source: Source | None = None
    """What reads it; None for a file."""

    address: str = ""
    """What stands in tables for one that has no path, printable; else ''."""

    @property
    def file(self) -> str:
        """The whole path or the address, as it stands in tables; links are not followed."""
        return self.address or printable(self.path.absolute())

    def read(self) -> bytes:
        """The content; raises ImageRefused."""
        return read_file(self.path) if self.source is None else self.source.read()

    def is_still(self, sha256: str) -> bool:
        """Whether the content has this SHA-256. What lies beyond a network is believed to be what it was."""
        try:
            if self.source is None:
                with open_ordinary(self.path) as stream:
                    return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
            return self.source.remote or hashlib.sha256(self.read()).hexdigest() == sha256
        except (OSError, ImageRefused):
            return False


def true_path(path: Path) -> str:
    """`path` from the root on, its links followed; of one that no disk can have, as it stands: with a zero byte."""
    try:
        return os.path.realpath(path)
    except ValueError:
        return str(path.absolute())


def printable(path: str | Path) -> str:
    """A path as text that any file and terminal takes: what is no character, or none to be seen, as '\\xe4'.

    No two paths are printed alike: in a part with such letters, or with what is written as one, a backslash is doubled.
    """
    return _PART.sub(_printable_part, str(path))


_PART = re.compile(rf"[^{re.escape(os.sep)}]+")

_WRITTEN = re.compile(r"\\(\\|[nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})", re.IGNORECASE)
"""What stands in a name as `printable` would write it."""


def printed_before(path: Path) -> str:
    """A path as tables had it up to 28 November 2026, in which two could be printed alike."""
    return "".join(
        letter
        if letter.isprintable()
        else f"\\x{ord(letter) - 0xDC00:02x}"
        if "\udc80" <= letter <= "\udcff"
        else letter.encode("unicode_escape").decode("ascii")
        for letter in str(path)
    )


def _printable_part(found: re.Match[str]) -> str:
    part = found[0]
    if part.isprintable() and not _WRITTEN.search(part):
        return part
    return "".join(map(_printable, part))


def _printable(letter: str) -> str:
    if letter == "\\":
        return "\\\\"
    if letter.isprintable():
        return letter
    if "\udc80" <= letter <= "\udcff":  # how Python holds a byte of a name that is no UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    if "\x80" <= letter <= "\xff":  # which '\\x' would make such a byte
        return f"\\u{ord(letter):04x}"
    return letter.encode("unicode_escape").decode("ascii")
