"""Lists over a reload: found by their token alone, for a while, and not too many."""

import pytest

from derm.predict import visits
from derm.predict.visits import KeptVisits


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_visit_is_found_by_its_token_and_ends():
    clock = Clock()
    kept = KeptVisits(60.0, clock)
    token = kept.new_token()
    assert len(token) >= 43  # 256 bits
    assert token != kept.new_token()
    kept.keep(token, ["a"])
    assert kept.find(token) == ["a"]
    assert kept.find("") is None
    assert kept.find(token[:-1]) is None
    clock.now = 59.0
    kept.keep(token, ["a", "b"])
    clock.now = 118.0
    assert kept.find(token) == ["a", "b"]
    clock.now = 120.0
    assert kept.find(token) is None


def test_a_visit_is_kept_while_its_page_is_open_and_from_its_end_on():
    clock = Clock()
    kept = KeptVisits(60.0, clock)
    kept.come("t")
    kept.keep("t", ["a"])
    clock.now = 1000.0
    kept.forget_old()  # as the timer does
    assert kept.use("t")
    assert kept.find("t") == ["a"]
    kept.leave("t")
    clock.now = 1059.0
    assert kept.find("t") == ["a"]
    kept.come("t")  # the connection is back
    clock.now = 2000.0
    kept.leave("t")
    clock.now = 2061.0
    assert kept.find("t") is None
    assert not kept.use("t")


def test_a_connection_that_came_back_unsaid_keeps_its_list_and_is_asked_again_a_period_later():
    clock, back, asked = Clock(), {"t"}, []
    kept = KeptVisits(60.0, clock, lambda token: asked.append(token) or token in back)
    for token in ("t", "gone"):
        kept.come(token)
        kept.keep(token, [token])
        kept.leave(token)
    clock.now = 59.0
    kept.forget_old()
    assert not asked
    clock.now = 61.0
    kept.forget_old()  # as the timer does
    assert asked == ["t", "gone"]
    assert list(kept._visits) == ["t"]
    clock.now = 120.0
    kept.forget_old()
    assert asked == ["t", "gone"]
    back.clear()
    clock.now = 121.0
    kept.forget_old()
    assert not kept._visits


def test_the_timer_rings_when_the_first_that_was_closed_is_over():
    clock = Clock()
    kept = KeptVisits(60.0, clock)
    kept.come("t")
    kept.keep("t", ["a"])
    assert kept._timer is None  # its page is open
    clock.now = 50.0
    kept.leave("t")
    clock.now = 55.0
    kept.come("u")
    kept.keep("u", ["b"])
    kept.leave("u")
    assert kept._timer.interval == 61.0
    kept._timer.cancel()
    clock.now = 111.0
    kept.forget_old()  # as the timer does
    assert list(kept._visits) == ["u"]
    assert kept._timer.interval == 5.0  # and not a full period
    kept._timer.cancel()


def test_what_is_used_is_the_last_to_go(monkeypatch):
    monkeypatch.setattr(visits, "MOST_VISITS", 2)
    kept = KeptVisits(60.0, Clock())
    kept.keep("a", "a")
    kept.keep("b", "b")
    assert kept.use("a")
    kept.keep("c", "c")
    assert not kept.use("b")
    assert [kept.find(token) for token in "abc"] == ["a", None, "c"]


def test_what_is_cleared_is_forgotten_in_all_that_took_the_list_over():
    clock = Clock()
    kept = KeptVisits(60.0, clock)
    kept.keep("1", ["a", "b"])
    kept.come("2")
    kept.come("3")
    assert kept.find("1", "2") == kept.find("1", "3") == ["a", "b"]
    kept.keep("2", ["a", "b"])
    kept.keep("3", ["a", "b", "own"])
    kept.keep("stranger", ["a"])
    kept.clear("2", ["a", "b"], lambda rows: [row for row in rows if row not in "ab"] or None)
    assert [kept.find(token) for token in ("1", "2", "3", "stranger")] == [None, None, ["own"], ["a"]]
    assert kept.cleared("3") == {"a", "b"}
    assert not kept.cleared("stranger")
    kept.forget("3")
    kept.leave("2")
    kept.leave("3")
    clock.now += 60
    kept.forget_old()
    assert not kept._lines
    assert not kept._cleared


def test_a_tab_whose_connection_broke_for_a_moment_is_told_what_was_cleared_meanwhile():
    clock, back = Clock(), {"2"}
    kept = KeptVisits(60.0, clock, is_back=back.__contains__)
    kept.keep("1", ["a"])
    for token in "12":
        kept.come(token)
    kept.find("1", "2")
    kept.keep("2", ["a"])
    for token in "12":
        kept.leave(token)  # both come back to their sessions, and Streamlit runs nothing
    kept.clear("1", ["a"], lambda _rows: None)
    assert kept.cleared("2") == {"a"}
    clock.now += 60
    kept.forget_old()
    assert kept.cleared("2") == {"a"}
    back.clear()
    clock.now += 60
    kept.forget_old()
    assert not kept.cleared("2")


def test_a_forgotten_visit_is_gone_and_none_is_kept_for_no_time():
    kept = KeptVisits(60.0, Clock())
    kept.keep("t", ["a"])
    kept.forget("t")
    assert kept.find("t") is None
    never = KeptVisits(0.0, Clock())
    never.keep("t", ["a"])
    assert never.find("t") is None


def test_the_longest_unused_go_first(monkeypatch):
    monkeypatch.setattr(visits, "MOST_VISITS", 2)
    kept = KeptVisits(60.0, Clock())
    for token in "abc":
        kept.keep(token, token)
    assert [kept.find(token) for token in "abc"] == [None, "b", "c"]


def test_what_was_taken_over_by_a_reload_goes_before_what_others_keep(monkeypatch):
    monkeypatch.setattr(visits, "MOST_VISITS", 3)
    kept = KeptVisits(60.0, Clock())
    kept.keep("others", "others")
    kept.keep("0", "mine")
    for reload in range(1, 9):
        assert kept.find(str(reload - 1)) == "mine"
        kept.keep(str(reload), "mine")
    assert kept.find("others") == "others"


def test_what_is_over_is_forgotten_though_nobody_asks():
    clock = Clock()
    kept = KeptVisits(60.0, clock)
    kept.keep("t", ["a"])
    assert kept._timer is not None
    assert kept._timer.daemon
    kept._timer.cancel()
    clock.now = 61.5
    kept.forget_old()  # as the timer does
    assert not kept._visits
    assert kept._timer is None


@pytest.mark.parametrize(
    ("given", "minutes"), [(None, 30.0), ("5", 5.0), ("0", 0.0), ("-1", 0.0), ("soon", 30.0), ("nan", 30.0)]
)
def test_minutes_come_from_the_environment(monkeypatch, given, minutes):
    monkeypatch.delenv(visits.MINUTES, raising=False)
    if given is not None:
        monkeypatch.setenv(visits.MINUTES, given)
    assert visits.minutes() == minutes
