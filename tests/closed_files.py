"""A file that may not be read, for tests that run as root, too, whom no permission stops.

Needs nothing. Works for what `derm.files.open_ordinary` opens.
"""

import os
from pathlib import Path

import pytest


def refuse_to_read(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    opened = os.open

    def refuse(name, flags, *more, **others):
        if Path(os.fspath(name)) == path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(name, flags, *more, **others)

    monkeypatch.setattr("derm.files.os.open", refuse)
