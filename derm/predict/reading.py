"""Files that wait to be read: taken in as they come, worked off one by one, nothing lost when a page is drawn anew.

Needs bytes and names. Keeps no result and measures no more than how long reading took. Knows nothing of pages.
"""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class WaitingFile(NamedTuple):
    """A file that came in."""

    token: str
    """Of this upload: the same file dropped twice has two."""

    name: str
    content: bytes

    fault: str = ""
    """Why it cannot be read, where that is known already: a damaged member of a ZIP."""


@dataclass(eq=False)
class Reading:
    """The files that wait, and how far this batch of them is."""

    waiting: deque[WaitingFile] = field(default_factory=deque)
    known: set[str] = field(default_factory=set)
    """Tokens of all uploads that were taken in, or refused a place."""

    read: int = 0
    """Of this batch, how many files are done."""

    seconds: float = 0.0
    """How long those took."""

    done_bytes: int = 0
    """How large those were."""

    def take_in(self, files: Sequence[WaitingFile], room: int) -> list[str]:
        """Let files wait, each upload once, as long as there is room for so many; the names of the others come back."""
        turned_away = []
        for file in files:
            if file.token in self.known:
                continue
            self.known.add(file.token)
            if len(self.waiting) < room:
                if not self.waiting:
                    self.begin()
                self.waiting.append(file)
            else:
                turned_away.append(file.name)
        return turned_away

    def begin(self) -> None:
        """Count anew, for a new batch."""
        self.read, self.seconds, self.done_bytes = 0, 0.0, 0

    @property
    def total(self) -> int:
        """Of this batch, done or waiting."""
        return self.read + len(self.waiting)

    def work(self, read: Callable[[WaitingFile], None], seconds: float) -> None:
        """Hand files to `read`, which keeps or refuses each, until none waits or so much time has passed; one at least.

        A file that has been handed over waits no more, even where `read` fails; where it is interrupted, by what is no
        Exception, such as a page that is drawn anew, the file still waits.
        """
        until = time.monotonic() + seconds
        while self.waiting:
            start = time.monotonic()
            try:
                read(self.waiting[0])
            except Exception:
                self._done(time.monotonic() - start)
                raise
            self._done(time.monotonic() - start)
            if time.monotonic() >= until:
                break

    def _done(self, seconds: float) -> None:
        file = self.waiting.popleft()
        self.read += 1
        self.seconds += seconds
        self.done_bytes += len(file.content)

    def left(self) -> float | None:
        """Seconds that the waiting files may take, by number of bytes; None where none was read yet."""
        if not self.done_bytes:
            return None
        return self.seconds * sum(len(file.content) for file in self.waiting) / self.done_bytes

    def let_go(self, is_over: Callable[[WaitingFile], bool]) -> int:
        """Let files wait no more that are over; how many these were."""
        over = [file for file in self.waiting if is_over(file)]
        for file in over:
            self.waiting.remove(file)
        return len(over)

    def stop(self) -> list[str]:
        """Let nothing wait any more; the names of what was not read come back."""
        names = [file.name for file in self.waiting]
        self.waiting.clear()
        return names
