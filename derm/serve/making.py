"""Files that visitors take away, made when they ask for them: one of a visitor at a time, few of all.

Needs Python's threads. A file of a large picture takes seconds and hundreds of megabytes to make, the message that
asks for it 70 bytes. Knows nothing of pages.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.serve import words

PLACES = 2
"""Files that are made at a time, whoever asks: more do not end sooner."""

MOST_ASKED = 12
"""Files of one visitor, on all of their pages, that are made or wait for it: each takes a thread."""

MOST_WAITING = 60
"""Files of all visitors that wait: the server has `derm.serve.fetching.THREADS`, and what is quick needs some."""

LOOK = 0.5
"""Seconds after which who waits looks whether its page is still open."""


class Making:
    """Who has files made; threads share it."""

    def __init__(self, places: int = PLACES, most: int = MOST_ASKED) -> None:
        self.places, self.most = places, most
        self._asked: Counter[str] = Counter()
        self._at_work: set[str] = set()
        self._changed = Condition()

    @contextmanager
    def turn(self, owner: str, here: Callable[[], bool]) -> Iterator[None]:
        """Wait until a file of `owner` may be made; ConfigFault at once where too many of theirs are asked for, or
        where they are not `here` any more: what nobody waits for holds its picture, and a thread, for nothing."""
        with self._changed:
            if self._asked[owner] >= self.most or self._asked.total() >= MOST_WAITING + self.places:
                raise ConfigFault(say(words.TOO_MANY_FILES))
            self._asked[owner] += 1
        try:
            with self._changed:
                while here() and not self._free_for(owner):
                    self._changed.wait(LOOK)
                if not here():
                    raise ConfigFault(say(words.PAGE_CLOSED))
                self._at_work.add(owner)
            try:
                yield
            finally:
                with self._changed:
                    self._at_work.discard(owner)
        finally:
            with self._changed:
                self._asked[owner] -= 1
                if not self._asked[owner]:
                    del self._asked[owner]
                self._changed.notify_all()

    def _free_for(self, owner: str) -> bool:
        return owner not in self._at_work and len(self._at_work) < self.places
