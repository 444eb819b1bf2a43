"""Spares Python's collector the objects that stay: modules, models and tables, which no visit ever lets go.

Needs a process that serves pages. Streamlit collects garbage after each run of a page, which costs 0.15 s of processor
time while all 250,000 objects are walked, and 0.01 s without those that stay.
"""

import gc
import time
from threading import Lock

AGAIN = 600.0
"""Seconds after which what stays is looked for anew, so that what it held of visits that have ended goes."""


class Settled:
    """Which pages have been opened in this process, and when it was last looked for what stays."""

    def __init__(self) -> None:
        self._opened: dict[str, int] = {}
        self._next = 0.0
        self._lock = Lock()

    def open(self, page: str, now: float | None = None) -> bool:
        """Tell that a page begins; set aside what stays, where it is time to, and say so.

        It is when a page begins for the second time, for its first run loads what it needs, and after `AGAIN` seconds.
        now: by `time.monotonic`.
        """
        now = time.monotonic() if now is None else now
        with self._lock:
            self._opened[page] = self._opened.get(page, 0) + 1
            if self._opened[page] != 2 and not (self._next and now >= self._next):
                return False
            self._next = now + AGAIN
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        return True


settled = Settled()
