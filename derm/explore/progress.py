"""What is said of work that goes on: how far it is, and how long it will take.

Needs a clock. Knows nothing of what is done.
"""

import time
from collections.abc import Callable

from derm.figures.text import time_left
from derm.language.speech import say


class Progress:
    """The words beside a progress bar, anew for each percent. clock: seconds from any beginning."""

    def __init__(self, text: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.text = text
        self.clock = clock
        self.began = clock()
        self.percent = -1

    def say(self, done: int, total: int) -> str | None:
        """What to say when `done` of `total`, at least 1, are done; None where that is no percent more than before."""
        if (percent := 100 * done // total) == self.percent:
            return None
        self.percent = percent
        said = say("{doing} {done:,} of {total:,}", doing=self.text, done=done, total=total)
        if not 0 < done < total:
            return said
        return time_left(said, (self.clock() - self.began) / done * (total - done))
