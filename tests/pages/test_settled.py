"""What stays is set aside when a page begins for the second time, and what it held of closed visits goes later."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from pages.parts.settled import AGAIN, Settled


class Visit:
    """Something that holds itself, as Streamlit's sessions do."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_stays_is_set_aside_when_a_page_begins_again():
    gc.unfreeze()
    settled = Settled()
    assert [settled.open("Explore", now) for now in (0.0, 1.0, 2.0)] == [False, True, False]
    assert gc.get_freeze_count() > 1000
    assert [settled.open("Compare", now) for now in (3.0, 4.0)] == [False, True]


def test_it_is_looked_for_anew_after_a_while():
    settled = Settled()
    assert not any(settled.open(page, 2 * AGAIN) for page in ("Diagnose", "Explore", "Compare"))
    assert settled.open("Explore", 2 * AGAIN)
    assert not settled.open("Explore", 3 * AGAIN - 1)
    assert settled.open("Explore", 3 * AGAIN)
    assert not settled.open("Explore", 3 * AGAIN + 1)


def test_a_visit_that_was_set_aside_goes_with_the_next_time():
    settled = Settled()
    settled.open("Explore", 0.0)
    open_visit = Visit()
    gone = weakref.ref(open_visit)
    settled.open("Explore", 1.0)
    del open_visit
    gc.collect()
    assert gone() is not None
    settled.open("Explore", 1.0 + AGAIN)
    assert gone() is None
