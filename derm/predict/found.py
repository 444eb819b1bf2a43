"""A place where a picture is expected, whatever holds it: a file, a member of an archive, an address of a network.

Needs a path, or what reads the picture. Gives its content, and the name by which tables know it. Knows no model.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple, Protocol

from derm.errors import ImageRefused
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
    """What stands in tables for one that has no path; else ''."""

    @property
    def file(self) -> str:
        """The whole path or the address, as it stands in tables; links are not followed."""
        return printable(self.address or self.path.absolute())

    def read(self) -> bytes:
        """The content; raises ImageRefused."""
        return read_file(self.path) if self.source is None else self.source.read()

    def is_still(self, sha256: str) -> bool:
        """Whether the content has this SHA-256. What lies beyond a network is believed to be what it was."""
        try:
            if self.source is None:
                with self.path.open("rb") as stream:
                    return hashlib.file_digest(stream, "sha256").hexdigest() == sha256
            return self.source.remote or hashlib.sha256(self.read()).hexdigest() == sha256
        except (OSError, ImageRefused):
            return False


def printable(path: str | Path) -> str:
    """A path as text that any file and terminal takes: what is no character, or none to be seen, as '\\xe4'."""
    return "".join(map(_printable, str(path)))


def _printable(letter: str) -> str:
    if letter.isprintable():
        return letter
    if "\udc80" <= letter <= "\udcff":  # how Python holds a byte of a name that is no UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")
