"""One file of the web, whole or not at all: bounded in bytes, in time and in where an answer may send us.

Needs the standard library alone. Does not know what the file is, nor how often it is asked for.
"""

import socket
import time
from base64 import b64encode
from http.client import HTTPMessage, HTTPResponse
from ipaddress import ip_address
from threading import Thread
from typing import IO
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

DEADLINE = 120.0
"""Seconds for a file from the first look-up to the last byte: 200 MB at 14 Mbit a second."""

SILENCE = 30.0
"""Seconds without a byte after which a server is given up."""

PASSING = (408, 429)
"""Answers that speak of a client's mistake and pass by themselves: too slow, too often."""

PIECE = 1 << 20
"""Bytes that are taken at a time."""


class WebFault(OSError):
    """A server did not give the whole file; says why in a few words."""


class WebRefusal(WebFault):
    """It would not give it at another try either."""


def fetch_web(address: str, most: int, deadline: float = DEADLINE) -> bytes:
    """The content at an address that begins with http:// or https://, or its first `most` bytes where there are more.

    A name and a password in the address are given to its server by basic authentication, and to no other. Raises
    FileNotFoundError where there is nothing, PermissionError where one may not, WebFault where the server broke off,
    was silent, took longer than `deadline` seconds, or sent us from outside to an address inside this network, and
    other OSErrors of the network.
    """
    told: list[bytes | BaseException] = []

    def ask() -> None:
        try:
            told.append(_fetch(address, most, time.monotonic() + deadline))
        except Exception as error:
            told.append(error)

    # A server may drip its header lines, too, for which there is no limit of time but another thread's.
    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(deadline + 1)
    found = told[0] if told else WebFault(f"not all of it came within {deadline:.0f} s")
    if isinstance(found, BaseException):
        raise found
    return found


def _fetch(address: str, most: int, until: float) -> bytes:
    parts = urlsplit(address)
    own, _, host = parts.netloc.rpartition("@")
    # What servers compress is unpacked nowhere here: a few bytes could be a billion.
    request = Request(urlunsplit(parts._replace(netloc=host, fragment="")), headers={"Accept-Encoding": "identity"})
    if own:
        request.add_unredirected_header("Authorization", f"Basic {b64encode(unquote(own).encode()).decode()}")
    try:
        with build_opener(_Watched(_is_inside(parts.hostname or ""))).open(request, timeout=SILENCE) as response:
            return _content(response, most, until)
    except HTTPError as error:
        error.close()
        if error.code in (404, 410):
            raise FileNotFoundError(address) from error
        if error.code in (401, 403):
            raise PermissionError(address) from error
        fault = WebRefusal if 400 <= error.code < 500 and error.code not in PASSING else WebFault
        raise fault(f"the server answers {error.code} {error.reason}") from error


def _content(response: HTTPResponse, most: int, until: float) -> bytes:
    if (coding := response.headers.get("Content-Encoding", "identity")) != "identity":
        raise WebRefusal(f"the server sends it packed as {coding[:20]}, which was not asked for")
    pieces, count = list[bytes](), 0
    while count < most and (piece := response.read1(min(PIECE, most - count))):
        pieces.append(piece)
        count += len(piece)
        if time.monotonic() > until:
            raise WebFault("not all of it came in time")
    if count < most and response.length:
        raise WebFault(f"the server broke off {response.length} bytes before the end")
    return b"".join(pieces)


class _Watched(HTTPRedirectHandler):
    """Follows ten redirects, none from outside this network to its inside."""

    def __init__(self, inside: bool) -> None:
        self.inside = inside

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """The request that a redirect leads to; WebRefusal where it must not be followed."""
        parts, fault = urlsplit(newurl), ""
        if parts.scheme not in ("http", "https"):
            fault = f"to {parts.scheme[:20]}://, which is not of the web"
        elif not self.inside and _is_inside(parts.hostname or ""):
            fault = "to an address inside this network"
        if fault:
            fp.close()
            raise WebRefusal(f"the server sends us on {fault}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _is_inside(host: str) -> bool:
    """Whether a name or an address in digits is, by any of its addresses, of this machine or its network."""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError):
        return False  # there is nobody to ask, which the request itself will say
    return not all(ip_address(str(one[4][0]).partition("%")[0]).is_global for one in found)
