"""What a visit held goes when its page is closed, and its files a while later, unless it comes back."""

import math

import numpy as np
import pytest
from cases import LIKELY

from derm.predict import presence
from derm.predict.budget import Budget
from derm.predict.case import changed
from derm.predict.pixels import pixels_of
from derm.predict.presence import GRACE, Presence
from derm.predict.trim import give_back
from derm.predict.visits import LONGEST


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def here(monkeypatch):
    """A presence whose timers never ring, its clock, and how often memory went back."""
    given: list[bool] = []
    monkeypatch.setattr(presence, "give_back", lambda: given.append(True))
    clock = Clock()
    one = Presence(Budget(10**9), 300.0, clock)
    yield one, clock, given
    if one._timer is not None:
        one._timer.cancel()


def test_pictures_go_at_once_and_files_when_the_visit_is_over(here):
    one, clock, given = here
    case = one.budget.hold(LIKELY, lambda: changed(LIKELY), "t")
    file = one.budget.hold_file(b"x", "t")
    one.come("t")
    one.leave("t")
    one.tidy()  # as the timer does
    assert (pixels_of(case).here, file.content, given) == (False, b"x", [True])
    clock.now = 299.0
    one.tidy()
    assert (file.content, given) == (b"x", [True])
    assert one._timer.interval == pytest.approx(1.0)
    clock.now = 300.0
    one.tidy()
    assert (file.content, given, one._left) == (None, [True, True], {})


def test_who_comes_back_loses_nothing(here):
    one, clock, _ = here
    case, file = one.budget.hold(LIKELY, lambda: changed(LIKELY), "t"), one.budget.hold_file(b"x", "t")
    one.leave("t")
    one.tidy()
    one.come("t")
    clock.now = 1000.0
    one.tidy()
    assert file.content == b"x"
    np.testing.assert_array_equal(case.image, LIKELY.image)


def test_who_is_back_unsaid_keeps_the_files_and_is_asked_again_a_period_later(here):
    one, clock, _ = here
    back, asked = {"t"}, []
    one._is_back = lambda owner: asked.append(owner) or owner in back
    file, gone = one.budget.hold_file(b"x", "t"), one.budget.hold_file(b"y", "gone")
    one.leave("t")
    one.leave("gone")
    clock.now = 299.0
    one.tidy()
    assert not asked
    clock.now = 300.0
    one.tidy()
    assert (file.content, gone.content, asked) == (b"x", None, ["t", "gone"])
    assert (one.awaits("t"), one.awaits("gone")) == (True, False)
    clock.now = 599.0
    one.tidy()
    assert asked == ["t", "gone"]
    back.clear()
    clock.now = 600.0
    one.tidy()
    assert (file.content, one.awaits("t")) == (None, False)


def test_several_that_leave_wait_for_one_timer_which_holds_up_no_exit(here):
    one, _, _ = here
    one.leave("a")
    timer = one._timer
    one.leave("b")
    assert one._timer is timer
    assert timer.daemon


def test_files_that_outlive_their_page_for_ever_set_no_timer_that_cannot_be():
    one = Presence(Budget(10**9), math.inf)
    one.leave("t")
    one._timer.cancel()
    one.tidy()
    assert one._timer.interval == LONGEST
    one._timer.cancel()


def test_a_connection_that_breaks_off_may_always_come_back():
    assert Presence(Budget(1), 0.0)._seconds == GRACE


def test_memory_goes_back_where_the_library_can():
    assert give_back() in (True, False)
