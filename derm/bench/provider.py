"""A provider of OpenID Connect on this machine, and logins without a browser, to measure and test an app that asks.

Needs the package oidc-provider-mock, which asks for no passwords. Knows nothing of pages.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from derm.errors import ConfigFault
from derm.serve.login import (
    CALLBACK,
    CLIENT_ID,
    CLIENT_SECRET,
    DESCRIPTION,
    HOURS,
    IDLE_MINUTES,
    PROVIDER,
    REDIRECT,
    ROLES_CLAIM,
)

PATIENCE = 120.0
"""Seconds for which the provider's start, or one answer, is waited for."""

SESSION = "derm-session"
"""The cookie of a session without TLS."""


class HttpAnswer(NamedTuple):
    """What a server answers to one request."""

    status: int
    headers: list[tuple[str, str]]
    """Names in lower case."""

    body: bytes

    def header(self, name: str) -> str:
        """The first header of that name; '' without one."""
        return next((value for known, value in self.headers if known == name), "")

    def cookies(self) -> dict[str, str]:
        """What the answer sets, by name."""
        made = (value.partition(";")[0].partition("=") for name, value in self.headers if name == "set-cookie")
        return {name: value for name, _, value in made}


@contextmanager
def local_provider(people: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    """A provider on this machine until the block ends; the variables come back with which an app logs in with it.

    people: roles by name; each has the e-mail address name@derm.example. The app's own port stands as {port} in the
    variables. Raises ConfigFault where the package is not installed, or the provider does not start.
    """
    if find_spec("oidc_provider_mock") is None:
        raise ConfigFault("A provider to log in with needs the package: pip install oidc-provider-mock.")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-P", "-m", "oidc_provider_mock", "--port", str(port)]
    for name, roles in people.items():
        said = {"sub": name, "email": f"{name}@derm.example", "email_verified": True, "name": name, "roles": [*roles]}
        words += ["--user-claims", json.dumps(said)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ.copy())
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + PATIENCE
        while not _answers(address + DESCRIPTION):
            if process.poll() is not None or time.monotonic() > until:
                raise ConfigFault("The provider to log in with did not start: look whether oidc-provider-mock runs.")
            time.sleep(0.1)
        yield {
            PROVIDER: address + DESCRIPTION,
            CLIENT_ID: "derm",
            CLIENT_SECRET: "of a provider that asks for none",
            REDIRECT: f"http://127.0.0.1:{{port}}{CALLBACK}",
            ROLES_CLAIM: "roles",
            IDLE_MINUTES: "60",
            HOURS: "10",
        }
    finally:
        process.terminate()
        process.wait(10)


def ask(address: str, cookies: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None) -> HttpAnswer:
    """What a server answers to a GET, or to a form that is sent; no redirection is followed."""
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())} if cookies else {}
    if form is not None:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    try:
        body = None if form is None else urlencode(form)
        place = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        connection.request("GET" if form is None else "POST", place, body, headers)
        answer = connection.getresponse()
        told = [(name.lower(), value) for name, value in answer.getheaders()]
        return HttpAnswer(answer.status, told, answer.read())
    finally:
        connection.close()


def log_in(address: str, name: str, back: str = "/") -> HttpAnswer:
    """What the app at `address` answers at the end of a login of `name`; back: the page to return to."""
    kept: dict[str, str] = {}
    to_start = ask(f"{address}/login?to={quote(back, safe='')}")
    kept |= to_start.cookies()
    to_provider = ask(address + to_start.header("location"), kept)
    kept |= to_provider.cookies()
    way_back = ask(to_provider.header("location"), form={"sub": name})
    return ask(way_back.header("location"), kept)


def session_of(answered: HttpAnswer) -> str:
    """The session's cookie, as name=value. Raises ConfigFault where the login began none."""
    secret = answered.cookies().get(SESSION)
    if not secret:
        raise ConfigFault(f"The login began no session: status {answered.status}.")
    return f"{SESSION}={secret}"


def _answers(address: str) -> bool:
    try:
        return ask(address).status == 200
    except OSError:
        return False
