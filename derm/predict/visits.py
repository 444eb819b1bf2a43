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
from collections.abc import Callable
from threading import Lock, Timer
from typing import Any

MINUTES = "DERM_KEEP_MINUTES"
"""Environment variable: for how many minutes after its last use a visit is kept; 0 keeps none."""

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


class KeptVisits:
    """Visits by token, the longest unused first; threads may share it. What is over is forgotten though nobody asks."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._visits: OrderedDict[str, tuple[float, Any]] = OrderedDict()
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
                self._visits[token] = (self._clock(), visit)
            self._forget_old()

    def find(self, token: str) -> Any | None:  # noqa: ANN401
        """What is kept under `token`, or None; it stays there, and is the first to go from now on.

        Whoever asks keeps it under a token of his own: each reload would be one more visit.
        """
        with self._lock:
            self._forget_old()
            kept = self._visits.get(token)
            if kept is None:
                return None
            self._visits.move_to_end(token, last=False)
            return kept[1]

    def forget(self, token: str) -> None:
        """Keep it no longer."""
        with self._lock:
            self._visits.pop(token, None)

    def forget_old(self) -> None:
        """Keep no longer what was used too long ago."""
        with self._lock:
            self._timer = None
            self._forget_old()

    def _forget_old(self) -> None:
        oldest = self._clock() - self._seconds
        for token in [token for token, (used, _) in self._visits.items() if used < oldest]:
            del self._visits[token]
        while len(self._visits) > MOST_VISITS:
            self._visits.popitem(last=False)
        if self._visits and self._timer is None and self._seconds < LONGEST:
            self._timer = Timer(self._seconds + 1, self.forget_old)
            self._timer.daemon = True
            self._timer.start()
