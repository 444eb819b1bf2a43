"""Cookies, read as the server behind the gate reads them."""

import pytest
from starlette.requests import cookie_parser

from derm.serve.cookies import cookies_in, only_cookie, set_cookies, with_cookies


@pytest.mark.parametrize(
    "text",
    [
        "a=1; b=2",
        "a=1;b=2",
        " a = 1 ;; b",
        "a=b=c",
        "=x",
        "a=",
        "b",
        'a="q"',
        "a=1; a=2",
        "A=1; a=2",
        "\xe9=\xe9",
        ";" * 9,
    ],
)
def test_names_are_those_that_the_server_finds(text):
    found = {name for name, _ in cookies_in([(b"Cookie", text.encode("latin-1"))])}
    assert found == cookie_parser(text).keys()


def test_one_cookie_is_found_and_two_are_none():
    assert only_cookie([(b"cookie", b"a=1; b=2")], "b") == "2"
    assert only_cookie([(b"cookie", b"a=1"), (b"COOKIE", b"b=2")], "b") == "2"
    assert only_cookie([(b"cookie", b"b=1"), (b"COOKIE", b"b=1")], "b") is None
    assert only_cookie([(b"cookie", b"bb=1; B=2")], "b") is None


def test_cookies_are_taken_out_and_put_in():
    headers = [(b"host", b"x"), (b"cookie", b"a=1; b=2"), (b"Cookie", b"c")]
    assert with_cookies(headers, lambda name: name != "b", [("d", "4")]) == [
        (b"host", b"x"),
        (b"cookie", b"a=1; c; d=4"),
    ]
    assert with_cookies(headers, lambda name: False) == [(b"host", b"x")]


def test_what_an_answer_sets():
    header = (b"Set-Cookie", b"a=1=2; Path=/")
    assert set_cookies([(b"x", b"a=1"), header]) == [("a", "1=2", header)]
