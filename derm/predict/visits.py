"""What a visitor's list of cases is kept by over a reload of the page: in memory, for a while, under a secret token.

Needs nothing. Nothing is written to disk, nothing is found without its token, and all of it ends with the server. What
is kept are answers, thumbnails and the files as they came; how long and how many visits is bounded, and their memory by
`derm.predict.budget`. Knows nothing of pages.
"""

import math
import os
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock, Timer
from typing import Any, NamedTuple

MINUTES = "DERM_KEEP_MINUTES"
"""Environment variable: for how many minutes a visit is kept after its page was closed; 0 keeps none."""

DEFAULT_MINUTES = 30.0
LONGEST = 7 * 24 * 3600
"""Seconds up to which a timer is set; who keeps visits for longer wants them kept."""

MOST_VISITS = 20
"""Beyond that the one longest unused goes."""


def minutes() -> float:
    """For how many minutes a visit is kept, as the environment says; `DEFAULT_MINUTES` where that is no number."""
    try:
        given = float(os.environ.get(MINUTES, DEFAULT_MINUTES))
    except ValueError:
        return DEFAULT_MINUTES
    return DEFAULT_MINUTES if math.isnan(given) else max(0.0, given)


def not_back(token: str) -> bool:  # noqa: ARG001 - for all tokens alike
    """Of a page that was closed: nobody looks whether its connection has come back."""
    return False


class KeptVisit(NamedTuple):
    """What is kept under a token."""

    used: float
    """When it was kept, or its page was closed; it ages from then on, and not while its page is open."""

    visit: Any


class KeptVisits:
    """Visits by token, the longest unused first; threads may share it. What is over is forgotten though nobody asks.

    A visit that took over another one's list is of its line, as the tab after a reload, and one that was duplicated.
    is_back: whether the page of a visit that was said to be closed is open after all; asked of those alone that would
    be forgotten.
    """

    def __init__(
        self, seconds: float, clock: Callable[[], float] = time.monotonic, is_back: Callable[[str], bool] = not_back
    ) -> None:
        self._seconds, self._clock, self._is_back = seconds, clock, is_back
        self._visits: OrderedDict[str, KeptVisit] = OrderedDict()
        self._open: set[str] = set()
        self._left: dict[str, float] = {}
        self._lines: dict[str, str] = {}
        self._cleared: dict[str, frozenset[str]] = {}
        self._lock = Lock()
        self._timer: Timer | None = None

    def new_token(self) -> str:
        """A token that nobody can guess: 256 random bits."""
        return secrets.token_urlsafe(32)

    def keep(self, token: str, visit: Any) -> None:  # noqa: ANN401 - what it holds is the caller's
        """Keep `visit` under `token`, in place of what was there; with 0 seconds keep nothing."""
        with self._lock:
            self._visits.pop(token, None)
            if self._seconds > 0:
                self._visits[token] = KeptVisit(self._clock(), visit)
            self._forget_old()

    def use(self, token: str) -> bool:
        """The visit is in use: it is the last to go from now on; whether it is still kept."""
        with self._lock:
            if token in self._visits:
                self._visits.move_to_end(token)
            return token in self._visits

    def come(self, token: str) -> None:
        """The visit has a page open: what is kept of it stays for as long."""
        with self._lock:
            self._open.add(token)
            self._left.pop(token, None)

    def leave(self, token: str) -> None:
        """The page of the visit was closed: its time begins."""
        with self._lock:
            self._open.discard(token)
            self._left[token] = self._clock()
            if (kept := self._visits.get(token)) is not None:
                self._visits[token] = kept._replace(used=self._clock())  # in its place: of who has gone nothing is used
            self._forget_old()

    def find(self, token: str, by: str = "") -> Any | None:  # noqa: ANN401
        """What is kept under `token`, or None; it stays there, and is the first to go from now on.

        by: the token under which whoever asks keeps it from now on: each reload would be one more visit.
        """
        with self._lock:
            self._forget_old()
            kept = self._visits.get(token)
            if kept is None:
                return None
            if by:
                self._lines[by] = self._lines.get(token, token)
            self._visits.move_to_end(token, last=False)
            return kept.visit

    def forget(self, token: str) -> None:
        """Keep it no longer."""
        with self._lock:
            self._visits.pop(token, None)

    def clear(self, token: str, keys: Iterable[str], rest: Callable[[Any], Any | None]) -> None:
        """Keep the rows with these keys no longer, neither of the visit nor of others of its line.

        rest: what is left of a visit without them, None for nothing.
        """
        with self._lock:
            line = self._lines.get(token, token)
            for other in [other for other in self._visits if self._lines.get(other, other) == line]:
                left = rest(self._visits[other].visit)
                if left is None:
                    del self._visits[other]
                else:
                    self._visits[other] = self._visits[other]._replace(visit=left)
            self._cleared[line] = self._cleared.get(line, frozenset()) | frozenset(keys)
            self._forget_old()

    def cleared(self, token: str) -> frozenset[str]:
        """The keys of the rows that were cleared by visits of this one's line."""
        with self._lock:
            return self._cleared.get(self._lines.get(token, token), frozenset())

    def forget_old(self) -> None:
        """Keep no longer what was used too long ago."""
        with self._lock:
            self._timer = None
            self._forget_old()

    def _forget_old(self) -> None:
        now = self._clock()
        closed = {one: kept.used for one, kept in self._visits.items() if one not in self._open}
        for token in {**closed, **self._left}:  # what was left may come back though nothing is kept of it
            if now - max(closed.get(token, 0.0), self._left.get(token, 0.0)) < self._seconds:
                continue
            if self._is_back(token):  # asked again a period later
                if token in closed:
                    self._visits[token] = self._visits[token]._replace(used=now)
                self._left[token] = now
            else:
                self._visits.pop(token, None)
                self._left.pop(token, None)
        while len(self._visits) > MOST_VISITS:
            self._visits.popitem(last=False)
        known = self._open.union(self._visits, self._left)
        self._lines = {token: line for token, line in self._lines.items() if token in known}
        lines = {self._lines.get(token, token) for token in known}
        self._cleared = {line: keys for line, keys in self._cleared.items() if line in lines}
        used = [kept.used for one, kept in self._visits.items() if one not in self._open]
        if used and self._timer is None and self._seconds < LONGEST:
            self._timer = Timer(min(used) + self._seconds - now + 1, self.forget_old)
            self._timer.daemon = True
            self._timer.start()
