"""Who has a page open: what a visit held is given back soon after its page was closed.

Needs a `Budget`. A page that is only reloaded, or whose connection breaks off for a moment, finds its files again for a
while. Knows nothing of pages.
"""

import time
from collections.abc import Callable
from threading import Lock, Timer

from derm.predict.budget import Budget
from derm.predict.trim import give_back
from derm.predict.visits import LONGEST, not_back

SOON = 0.5
"""Seconds after which the pictures of a closed page are let go; several that are closed at once go together."""

GRACE = 120.0
"""Seconds for which files outlive their page at least: so long a connection that broke off may come back."""


class Presence:
    """Visits by token; threads share it.

    seconds: for how long files outlive their page, or `GRACE` where that is longer. clock: seconds. is_back: whether
    the page of a visit that has left is open after all; asked of those alone whose files would go.
    """

    def __init__(
        self,
        budget: Budget,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        is_back: Callable[[str], bool] = not_back,
    ) -> None:
        self.budget, self._seconds, self._clock, self._is_back = budget, max(GRACE, seconds), clock, is_back
        self._left: dict[str, float] = {}
        self._lock = Lock()
        self._timer: Timer | None = None
        self._due = 0.0

    def come(self, owner: str) -> None:
        """The visit has a page open, perhaps again."""
        with self._lock:
            self._left.pop(owner, None)

    def leave(self, owner: str) -> None:
        """The page of the visit was closed. Returns at once; what is to be done is done in a thread of its own."""
        with self._lock:
            self._left[owner] = self._clock()
            self._wake_in(SOON)

    def awaits(self, owner: str) -> bool:
        """Whether the visit has left, and may come back to its files."""
        with self._lock:
            return owner in self._left

    def tidy(self) -> None:
        """Let go what visits held that have left, and forget those that are over; the system gets the memory back."""
        with self._lock:
            self._timer = None
            now = self._clock()
            due = [owner for owner, left in self._left.items() if now - left >= self._seconds]
            left = [owner for owner in self._left if owner not in due]
            over = [owner for owner in due if not self._is_back(owner)]
            self._left.update(dict.fromkeys(due, now))  # who is back is asked again a period later
            for owner in over:
                del self._left[owner]
            if self._left:
                self._wake_in(max(SOON, min(self._left.values()) + self._seconds - now))
        if sum([*map(self.budget.forget, over), *map(self.budget.leave, left)]):
            give_back()

    def _wake_in(self, seconds: float) -> None:
        due = self._clock() + seconds
        if self._timer is not None:
            if self._due <= due:
                return
            self._timer.cancel()
        self._due = due
        self._timer = Timer(min(seconds, LONGEST), self.tidy)
        self._timer.daemon = True
        self._timer.start()
