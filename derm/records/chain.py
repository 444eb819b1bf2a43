"""A chain of events by hashes: each holds the one before it, so that none can be changed or taken out unseen.

Needs plain values. What an event is about enters as a salted digest alone: once content and salt are deleted, nothing
in the chain tells what they were. The end can be cut off unseen, unless its hash was kept elsewhere, as on a report.
"""

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import NamedTuple

START = "0" * 64
"""What stands before the first event."""

SHORT = 16
"""Hexadecimal digits of a hash that a report bears: 64 bits, far beyond what can be met by chance."""


class Event(NamedTuple):
    """One entry of the chain."""

    number: int
    """From 1, without gaps."""

    at: str
    """When, as ISO 8601 in UTC, such as 2026-11-27T12:00:00.000000+00:00."""

    actor: str
    """Who did it."""

    kind: str
    """What was done, such as 'opinion given'."""

    table_name: str
    """Where the row is that it is about; '' for none."""

    row_id: str
    """The row's random key; of an event without a table what it is about, such as a hash of weights; '' for none."""

    digest: str
    """SHA-256 of salt and content, see `digest`; '' where a row went."""

    previous: str
    """`hash` of the event before, or `START`."""

    hash: str
    """SHA-256 of all of the above."""


def canonical(content: Mapping[str, object]) -> str:
    """`content` as JSON in one way only: keys sorted, no spaces, no NaN."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def new_salt() -> str:
    """128 random bits as hexadecimal digits: a digest with it cannot be found by guessing what it is of."""
    return secrets.token_hex(16)


def digest(salt: str, content: Mapping[str, object]) -> str:
    """SHA-256 of salt and content, 64 hexadecimal digits."""
    return _sha(f"{salt}\n{canonical(content)}")


def link(previous: Event | None, at: str, actor: str, kind: str, table_name: str, row_id: str, digest: str) -> Event:
    """The event that follows `previous`, or the first one."""
    number, before = (1, START) if previous is None else (previous.number + 1, previous.hash)
    event = Event(number, at, actor, kind, table_name, row_id, digest, before, "")
    return event._replace(hash=hash_of(event))


def hash_of(event: Event) -> str:
    """What the hash of `event` has to be."""
    return _sha(canonical({name: value for name, value in event._asdict().items() if name != "hash"}))


def first_broken(events: Iterable[Event]) -> tuple[int, str] | None:
    """Number of the first event that breaks the chain, and why, as the end of a sentence; None where it is whole."""
    before = START
    for number, event in enumerate(events, start=1):
        if event.number != number:
            return number, "is missing"
        if event.previous != before:
            return number, "does not follow the one before it"
        if event.hash != hash_of(event):
            return number, "is not what it was when it was written"
        before = event.hash
    return None


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
