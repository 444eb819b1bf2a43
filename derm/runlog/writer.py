"""Writing the run log: one JSON object a line, appended as training goes; whatever shows training reads only this.

Needs a run folder and events of `derm.runlog.events`.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from derm.errors import RunFault
from derm.files import is_named, is_there, open_ordinary
from derm.language.speech import say
from derm.runlog.events import EPOCHS_FROM, Logged, shifted


class RunLog:
    """An open log. `length` bytes of it are kept, the rest, written after the last checkpoint, is cut off.

    Raises RunFault where it holds less, or is a link.
    """

    def __init__(self, path: Path, length: int = 0) -> None:
        # What a link leads to would be cut, and a pipe is waited for.
        if path.is_symlink() or (is_named(path) and not is_there(path)):
            raise RunFault(say("{path} is no ordinary file: delete it.", path=path))
        self._epochs_from = _epochs_from(path) if length else 1
        self._file = path.open("ab")
        if self._file.tell() < length:
            self._file.close()
            raise RunFault(
                say(
                    "The log {path} was cut or deleted: put it back, or start a new run.",
                    path=path,
                )
            )
        self._file.truncate(length)
        self._file.seek(0, os.SEEK_END)

    def append(self, event: Logged) -> None:
        """Write one event as one line and hand it to the system, so that readers see it at once; NaN is an error."""
        content = shifted({**event}, self._epochs_from)
        if event["event"] == "start":
            content[EPOCHS_FROM] = self._epochs_from
        self._file.write(json.dumps(content, allow_nan=False, ensure_ascii=False).encode() + b"\n")
        self._file.flush()

    def length(self) -> int:
        """Bytes written so far, after making sure that they are on the disk."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a log, oldest first; a last line that is still being written is left for the next reading."""
    first = _epochs_from(path)
    with open_ordinary(path) as stream:
        for line in stream:
            if not line.endswith(b"\n"):
                return
            event = json.loads(line)
            event.pop(EPOCHS_FROM, None)
            yield shifted(event, -first)


def _epochs_from(path: Path) -> int:
    """From which number the log counts epochs; 0 where its first line does not say."""
    with open_ordinary(path) as stream:
        try:
            return int(json.loads(stream.readline()).get(EPOCHS_FROM, 0))
        except (ValueError, TypeError, AttributeError):
            return 0
