"""Sessions of those who are logged in, kept by the server: begun at a login, ended by logout, time, or their number.

Needs accounts. The browser keeps a random secret alone; without the entry here it is worth nothing, so that a session
that has ended is ended. All end with the server. Knows no provider and no server.
"""

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

from derm.serve.claims import Account

MOST = 5000
"""Sessions at once; beyond them the one longest unused ends."""

MOST_EACH = 20
"""Sessions of one account at once."""

TOLD = 5000
"""Addresses of files that a session remembers to have been told; a page shows some hundred at most."""

TABS = 200
"""Pages of one session that are remembered."""


@dataclass(eq=False)
class Session:
    """One login in one browser. Only `Sessions` changes it."""

    key: str
    """What the server calls it: the hash of the browser's secret, which cannot be told from it."""

    account: Account
    cookies: Mapping[str, str] = field(repr=False)
    """What Streamlit would have kept in the browser; for the provider's logout."""

    began: float
    used: float
    told: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)
    tabs: OrderedDict[str, None] = field(default_factory=OrderedDict, repr=False)
    listeners: set[Callable[[], None]] = field(default_factory=set, repr=False)


class Sessions:
    """All sessions; threads may share it.

    idle: seconds without use, longest: seconds after the login, after which one ends.
    """

    def __init__(self, idle: float, longest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._idle, self._longest, self._clock = idle, longest, clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = Lock()

    def begin(self, account: Account, cookies: Mapping[str, str]) -> str:
        """Begin a session; the secret for the browser: 256 random bits."""
        secret = secrets.token_urlsafe(32)
        now = self._clock()
        with self._lock:
            self._sessions[_key(secret)] = Session(_key(secret), account, dict(cookies), now, now)
            own = [one for one in self._sessions.values() if one.account.id == account.id]
            ended = [*own[:-MOST_EACH], *list(self._sessions.values())[:-MOST]]
            over = self._over(now)
        self._end([*ended, *over])
        return secret

    def find(self, secret: str) -> Session | None:
        """The session of a browser's secret; None where there is none, or it is over."""
        return self.known(_key(secret))

    def known(self, key: str) -> Session | None:
        """The session of a key; None where there is none, or it is over."""
        with self._lock:
            over = self._over(self._clock())
            found = self._sessions.get(key)
        self._end(over)
        return None if found in over else found

    def use(self, session: Session) -> None:
        """Count from now on anew how long it was not used."""
        with self._lock:
            session.used = self._clock()
            if session.key in self._sessions:
                self._sessions.move_to_end(session.key)

    def left(self, session: Session) -> float:
        """Seconds until it ends if it is not used; 0 where it has ended."""
        with self._lock:
            if session.key not in self._sessions:
                return 0.0
            ends = min(session.used + self._idle, session.began + self._longest)
            return max(0.0, ends - self._clock())

    def end(self, session: Session) -> None:
        """End it now: its secret is worth nothing any more, and who listens is told."""
        self._end([session])

    def watch(self, session: Session, told: Callable[[], None]) -> Callable[[], None]:
        """Have `told` called when the session ends, at once where it has; what comes back ends that."""
        with self._lock:
            there = session.key in self._sessions
            if there:
                session.listeners.add(told)
        if not there:
            told()
        return lambda: session.listeners.discard(told)

    def tell(self, session: Session, addresses: Iterable[str]) -> None:
        """Remember that the session was told addresses of files, so that it may ask for them."""
        with self._lock:
            _remember(session.told, addresses, TOLD)

    def was_told(self, session: Session, address: str) -> bool:
        """Whether the session was told this address."""
        with self._lock:
            return address in session.told

    def bind(self, session: Session, tab: str) -> None:
        """Remember that a page of the app belongs to the session. tab: Streamlit's name for it."""
        with self._lock:
            _remember(session.tabs, [tab], TABS)

    def has_tab(self, session: Session, tab: str) -> bool:
        """Whether a page of the app belongs to the session."""
        with self._lock:
            return tab in session.tabs

    def __len__(self) -> int:
        with self._lock:
            return len(self._sessions)

    def _over(self, now: float) -> list[Session]:
        """Those whose time is over."""
        idle, longest = now - self._idle, now - self._longest
        return [one for one in self._sessions.values() if one.used <= idle or one.began <= longest]

    def _end(self, sessions: Iterable[Session]) -> None:
        """End them, and tell who listens, without the lock, for a listener may ask."""
        told: list[Callable[[], None]] = []
        with self._lock:
            for session in sessions:
                if self._sessions.pop(session.key, None) is not None:
                    told += session.listeners
                    session.listeners.clear()
        for listener in told:
            listener()


def _key(secret: str) -> str:
    return sha256(f"derm session {secret}".encode()).hexdigest()


def _remember(kept: OrderedDict[str, None], fresh: Iterable[str], most: int) -> None:
    for one in fresh:
        kept[one] = None
        kept.move_to_end(one)
    while len(kept) > most:
        kept.popitem(last=False)
