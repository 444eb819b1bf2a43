"""Who may reach the app, by address, Host and Origin."""

import socket

import pytest

from derm.errors import ConfigFault
from derm.serve import words
from derm.serve.opening import BASE, HOSTS, INSECURE, TOKEN, Opening, is_loopback, opening_of

SECRET = "a token of this test"
CLOSED = Opening()
BEHIND, NAMED = Opening(hosts=("derm.example",)), Opening(hosts=("derm.example:8443",))
LOGIN, COMPOSED = Opening(login_origin="https://derm.example"), Opening(login_origin="http://localhost:8501")


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.8.9.1", "localhost", "LOCALHOST", "::1", "[::1]", "::ffff:127.0.0.1"]
)
def test_this_machine_s_own_addresses_are_known(address):
    assert is_loopback(address)
    CLOSED.check_address(address)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "::", "", None, "192.168.1.2", "example.org", "127.0.0.1.example.org", "2130706433", "::ffff:8.8.8.8"],
)
def test_another_address_is_refused_with_its_cures(address):
    with pytest.raises(ConfigFault, match=r"does not listen on .*127\.0\.0\.1.*--behind NAME.*--token.*--insecure"):
        CLOSED.check_address(address)
    Opening(insecure=True).check_address(address)
    Opening(token=SECRET).check_address(address)
    with pytest.raises(ConfigFault):
        Opening(hosts=("derm.example",)).check_address(address)  # the server in front is on this machine


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8501", "LocalHost.:1", "127.0.0.1:9", "127.1.1.1", "[::1]:8501"]
)
def test_local_names_are_taken_whatever_the_port(host):
    assert CLOSED.takes_host(host)


@pytest.mark.parametrize(
    "host",
    [
        None, "", " ", "evil.example", "evil.example:8501", "localhost.evil.example", "127.0.0.1.evil.example",
        "evil.example:8501@localhost", "localhost@evil.example", "localhost/evil", "localhost?", "localhost#",
        "localhost,evil", "localhost:99999", "localhost:x", "localhost:0", "localhost\\evil", "[::1", "::1",
        "192.168.1.2", "0.0.0.0", "localhost..", "localhost\t",
        "[::1]]:80", "[::1]evil.example", "[::1].evil.example", "evil.example[::1]", "[::1%evil.example]",
        "localhost:80;",
    ],
)  # fmt: skip
def test_foreign_names_are_not(host):
    assert not CLOSED.takes_host(host)


@pytest.mark.parametrize("opening", [Opening(insecure=True), Opening(token=SECRET)])
def test_an_app_that_is_opened_takes_addresses_in_digits_and_its_machine_s_name(opening):
    assert opening.takes_host("192.168.1.2:8501")
    assert opening.takes_host("[fe80::1]:8501")
    assert opening.takes_host(f"{socket.gethostname()}:8501")
    assert not opening.takes_host("evil.example:8501")  # what is rebound is a name


def test_names_of_a_server_in_front_are_taken():
    opening = Opening(hosts=("derm.example",))
    assert opening.takes_host("Derm.Example.")
    assert not opening.takes_host("other.derm.example")
    assert opening.takes_origin("https://derm.example", "127.0.0.1:8501")
    assert not opening.takes_origin("https://evil.example", "derm.example")


@pytest.mark.parametrize(
    ("origin", "host", "taken"),
    [
        (None, "localhost:8501", True),
        ("http://localhost:8501", "localhost:8501", True),
        ("https://localhost", "localhost:443", True),
        ("http://localhost:3000", "localhost:8501", False),  # another server of this machine, perhaps another user's
        ("http://localhost", "localhost:8501", False),
        ("http://127.0.0.1:8501", "localhost:8501", False),
        ("http://evil.example", "localhost:8501", False),
        ("http://localhost:8501@evil.example", "localhost:8501", False),
        ("http://localhost:8501/path", "localhost:8501", False),
        ("file://localhost:8501", "localhost:8501", False),
        ("null", "localhost:8501", False),
        ("", "localhost:8501", False),
        ("http://[::1", "localhost:8501", False),
    ],
)
def test_only_the_app_s_own_pages_may_ask(origin, host, taken):
    assert CLOSED.takes_origin(origin, host) is taken


def test_variables_say_how_far_it_is_open():
    assert opening_of({}) == CLOSED
    assert opening_of({INSECURE: "0", HOSTS: " , ", TOKEN: ""}) == CLOSED
    told = opening_of({INSECURE: "1", HOSTS: "Derm.example., other.example", TOKEN: SECRET})
    assert told == Opening(insecure=True, hosts=("derm.example", "other.example"), token=SECRET)
    assert [opening_of({BASE: path}).path for path in ("", "/", "/derm/", "a/b", "a; Domain=x")] == [
        "/", "/", "/derm", "/a/b", "/",
    ]  # fmt: skip


@pytest.mark.parametrize("told", ["false", "no", "off", "true", "2"])
def test_what_may_mean_either_opens_nothing(told):
    with pytest.raises(ConfigFault, match=f"DERM_INSECURE is '{told}': 1 opens the app to everybody, 0 does not"):
        opening_of({INSECURE: told})
    assert opening_of({INSECURE: " "}) == CLOSED


def test_a_short_token_is_refused():
    with pytest.raises(ConfigFault, match=r"The token has 15 characters: give 16 ASCII characters or more"):
        opening_of({TOKEN: "x" * 15})
    for token in (" " * 20, "x" * 20 + "\n", "x" * 20 + "é"):
        with pytest.raises(ConfigFault, match="give 16 ASCII characters or more"):
            opening_of({TOKEN: token})


def test_a_token_and_its_cookie_are_compared_whole():
    opening = Opening(token=SECRET)
    assert opening.knows_token(SECRET)
    assert opening.knows_cookie(opening.cookie)
    for wrong in (None, "", SECRET[:-1], f"{SECRET} ", opening.cookie, "é"):
        assert not opening.knows_token(wrong)
    for wrong in (None, "", SECRET, opening.cookie[:-1]):
        assert not opening.knows_cookie(wrong)
    assert CLOSED.knows_token(None)
    assert CLOSED.knows_cookie(None)


def test_only_who_asks_nobody_warns():
    assert Opening(insecure=True).warning == words.INSECURE
    assert Opening(insecure=True, token=SECRET).warning is None
    assert CLOSED.warning is None


def test_login_opens_the_app_under_its_name_alone():
    opening = opening_of({}, "https://derm.example:8443")
    opening.check_address("0.0.0.0")
    assert opening.beyond
    assert opening.warning is None
    assert opening_of({INSECURE: "1"}, "https://derm.example").warning is None
    assert opening.takes_host("derm.example:8443")
    assert opening.takes_host("derm.example")  # a server in front may leave the port out
    assert not opening.takes_host("derm.example:8444")
    assert opening.takes_host("localhost:8501")
    assert not opening.takes_host("10.0.0.7:8501")
    assert not opening.takes_host("evil.example")
    assert opening.takes_origin("https://derm.example:8443", "127.0.0.1:8501")
    assert not opening.takes_origin("https://evil.example", "derm.example")


@pytest.mark.parametrize(
    ("opening", "origin", "host", "proto", "taken"),
    [
        # nginx and Caddy as docs/operations.md has them, then another Host in place, then no X-Forwarded-Proto
        (BEHIND, "https://derm.example", "derm.example", "https", True),
        (BEHIND, "https://derm.example", "127.0.0.1:8501", "https", True),
        (BEHIND, "https://derm.example", "derm.example", None, True),
        (BEHIND, "https://derm.example", "derm.example", "http", True),  # two servers, the first with TLS
        (BEHIND, "http://derm.example", "derm.example", "http", True),
        (BEHIND, "https://derm.example:8443", "derm.example:8443", "https", True),
        (BEHIND, "http://derm.example:8501", "derm.example:8501", None, True),
        (BEHIND, "https://derm.example:8443", "derm.example", "https", False),
        (BEHIND, "https://derm.example:8443", "127.0.0.1:8443", "https", False),
        (BEHIND, "https://derm.example:8443", "derm.example:443", "https", False),
        (BEHIND, "http://derm.example", "derm.example", "https", False),
        (BEHIND, "http://derm.example", "derm.example", None, False),
        (BEHIND, "http://derm.example.", "derm.example.", None, False),
        (BEHIND, "http://derm.example:443", "derm.example", "https", False),
        (BEHIND, "http://derm.example:81", "derm.example", "http", False),
        (BEHIND, "http://localhost:8501", "localhost:8501", None, True),
        (BEHIND, "http://localhost:3000", "localhost:8501", None, False),
        (NAMED, "https://derm.example:8443", "derm.example:8443", "https", True),
        (NAMED, "https://derm.example:8443", "derm.example", "https", True),
        (NAMED, "https://derm.example:8443", "127.0.0.1:8501", None, True),
        (NAMED, "https://derm.example", "derm.example", "https", False),
        (NAMED, "http://derm.example:8443", "derm.example:8443", "https", False),
        (NAMED, "http://localhost:8501", "localhost:8501", None, True),
        (LOGIN, "https://derm.example", "derm.example", "https", True),
        (LOGIN, "https://derm.example", "derm.example:443", None, True),
        (LOGIN, "https://derm.example:8443", "derm.example:8443", "https", False),
        (LOGIN, "https://derm.example:8443", "derm.example", "https", False),
        (LOGIN, "http://derm.example", "derm.example", "http", False),
        (LOGIN, "http://localhost:8501", "localhost:8501", None, True),
        (COMPOSED, "http://localhost:8501", "localhost:8501", None, True),
        (COMPOSED, "http://localhost:3000", "localhost:8501", None, False),
    ],
)
def test_another_port_or_scheme_of_the_same_host_is_another_site(opening, origin, host, proto, taken):
    assert opening.takes_origin(origin, host, proto) is taken


@pytest.mark.parametrize("host", ["https://derm.example", "derm.example:x", "derm.example:99999", "a b", "ada@host"])
def test_what_is_no_host_name_is_refused(host):
    with pytest.raises(ConfigFault, match=r"names '.*': give a host name.*derm\.example:8443"):
        opening_of({HOSTS: host})


def test_a_port_may_be_named_with_a_host_and_is_then_the_only_one():
    opening = opening_of({HOSTS: "Derm.example:8443, fe80::1"})
    assert opening.takes_host("derm.example:8443")
    assert opening.takes_host("derm.example")
    assert not opening.takes_host("derm.example:9000")
    assert opening.takes_host("[fe80::1]:8443")
