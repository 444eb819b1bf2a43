"""Files that visitors take away: one of each at a time, few of all, and no more than few wait."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from derm.errors import ConfigFault
from derm.serve.fetching import THREADS
from derm.serve.making import MOST_WAITING, Making

PATIENCE = 20
"""Seconds after which a thread that should have gone on has not."""


def always() -> bool:
    return True


class Workshop:
    """Counts who has something made at the same time."""

    def __init__(self, making: Making) -> None:
        self.making, self.lock, self.now, self.most = making, Lock(), [], 0
        self.together: list[list[str]] = []

    def make(self, owner: str, until: Event) -> str:
        with self.making.turn(owner, always):
            with self.lock:
                self.now.append(owner)
                self.together.append(list(self.now))
            assert until.wait(PATIENCE)
            with self.lock:
                self.now.remove(owner)
        return owner


def test_one_of_a_visitor_and_two_of_all_are_made_at_a_time():
    making, free = Making(places=2, most=3), Event()
    shop = Workshop(making)
    with ThreadPoolExecutor(9) as pool:
        work = [pool.submit(shop.make, owner, free) for owner in "aaabbbccc"]
        while len(shop.together) < 2:
            pass
        free.set()
        assert [one.result(PATIENCE) for one in work] == list("aaabbbccc")
    assert max(map(len, shop.together)) == 2
    assert all(len(set(now)) == len(now) for now in shop.together)


def test_who_asks_for_too_many_is_refused_at_once_and_others_are_not():
    making, free, inside = Making(places=2, most=2), Event(), Barrier(2)

    def hold() -> None:
        with making.turn("a", always):
            inside.wait(PATIENCE)
            assert free.wait(PATIENCE)

    def wait() -> None:
        with making.turn("a", always):
            pass

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold)
        inside.wait(PATIENCE)
        second = pool.submit(wait)
        while making._asked["a"] < 2:
            pass
        with (
            pytest.raises(ConfigFault, match="Several files are being made already"),
            making.turn("a", always),
        ):
            pass
        with making.turn("b", always):
            assert not second.done()
        free.set()
        first.result(PATIENCE)
        second.result(PATIENCE)
    with making.turn("a", always):
        assert set(making._asked) == {"a"}
    assert not making._asked


def test_a_file_that_could_not_be_made_leaves_its_place():
    making = Making(places=1, most=1)
    for _ in range(2):
        with pytest.raises(OSError, match="full"), making.turn("a", always):
            raise OSError("full")
    with making.turn("b", always):
        pass


def test_of_all_visitors_no_more_wait_than_there_are_threads_for():
    making = Making()
    making._asked.update({f"visitor {number}": 1 for number in range(MOST_WAITING + making.places)})
    with pytest.raises(ConfigFault, match="being made already"), making.turn("another", always):
        pass
    assert MOST_WAITING + making.places < THREADS


def test_nothing_is_begun_for_who_has_left_and_the_place_is_free():
    making, free, inside, here = Making(places=1, most=3), Event(), Barrier(2), Event()
    here.set()

    def hold() -> None:
        with making.turn("a", always):
            inside.wait(PATIENCE)
            assert free.wait(PATIENCE)

    def wait() -> None:
        with making.turn("b", here.is_set):
            pytest.fail("it was begun")

    with pytest.raises(ConfigFault, match="This page was closed"), making.turn("c", Event().is_set):
        pytest.fail("it was begun")
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hold)
        inside.wait(PATIENCE)
        second = pool.submit(wait)
        while not making._asked["b"]:
            pass
        here.clear()
        with pytest.raises(ConfigFault, match="This page was closed"):
            second.result(PATIENCE)
        assert not first.done()
        free.set()
        first.result(PATIENCE)
    assert not making._asked
