"""Sessions: begun, found, used, ended by logout, time and number."""

from derm.serve.claims import Account
from derm.serve.roles import Role
from derm.serve.sessions import MOST_EACH, TABS, TOLD, Sessions

ADA, BOB = (Account(name, frozenset({Role.READER})) for name in ("u-ada", "u-bob"))


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def begun(idle=60.0, longest=600.0):
    clock = Clock()
    sessions = Sessions(idle, longest, clock)
    return clock, sessions, sessions.begin(ADA, {"a": "1"})


def test_a_session_is_found_by_its_secret_alone():
    _, sessions, secret = begun()
    session = sessions.find(secret)
    assert session.account is ADA
    assert sessions.known(session.key) is session
    assert secret not in repr(session)
    assert (
        sessions.find(session.key) is sessions.find(secret[:-1]) is sessions.find("") is sessions.known(secret) is None
    )
    assert len(secret) == 43


def test_it_ends_without_use():
    clock, sessions, secret = begun()
    session = sessions.find(secret)
    clock.now += 50
    sessions.use(session)
    clock.now += 50
    assert sessions.find(secret) is session
    assert sessions.left(session) == 10
    clock.now += 10
    assert sessions.left(session) == 0
    assert sessions.find(secret) is None
    assert len(sessions) == 0


def test_it_ends_in_time_however_much_it_is_used():
    clock, sessions, secret = begun()
    session = sessions.find(secret)
    for _ in range(11):
        clock.now += 50
        sessions.use(session)
    assert sessions.left(session) == 50
    clock.now += 50
    sessions.use(session)
    assert sessions.find(secret) is None
    sessions.use(session)
    assert sessions.find(secret) is None


def test_an_end_is_told_once():
    _, sessions, secret = begun()
    session, told = sessions.find(secret), []
    sessions.watch(session, lambda: told.append("first"))
    sessions.watch(session, lambda: told.append("second"))()
    sessions.end(session)
    sessions.end(session)
    assert told == ["first"]
    assert sessions.find(secret) is None
    sessions.watch(session, lambda: told.append("late"))
    assert told == ["first", "late"]


def test_one_account_has_so_many_and_the_oldest_goes():
    _, sessions, first = begun()
    other = sessions.begin(BOB, {})
    last = [sessions.begin(ADA, {}) for _ in range(MOST_EACH)]
    assert sessions.find(first) is None
    assert all(sessions.find(secret) for secret in (other, *last))


def test_all_together_are_so_many(monkeypatch):
    monkeypatch.setattr("derm.serve.sessions.MOST", 3)
    _, sessions, first = begun()
    others = [sessions.begin(Account(f"u-{number}", frozenset()), {}) for number in range(3)]
    assert sessions.find(first) is None
    assert all(sessions.find(secret) for secret in others)


def test_addresses_and_pages_belong_to_their_session():
    _, sessions, secret = begun()
    ada, bob = sessions.find(secret), sessions.find(sessions.begin(BOB, {}))
    sessions.tell(ada, ["file"])
    sessions.bind(ada, "tab")
    assert sessions.was_told(ada, "file")
    assert sessions.has_tab(ada, "tab")
    assert not sessions.was_told(bob, "file")
    assert not sessions.has_tab(bob, "tab")


def test_what_is_remembered_is_bounded():
    _, sessions, secret = begun()
    session = sessions.find(secret)
    sessions.tell(session, map(str, range(TOLD + 5)))
    for number in range(TABS + 5):
        sessions.bind(session, str(number))
    assert (len(session.told), len(session.tabs)) == (TOLD, TABS)
    assert not sessions.was_told(session, "4")
    assert sessions.was_told(session, str(TOLD + 4))
