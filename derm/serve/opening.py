"""How far the app is open: to this machine alone, or further, by login, a token, a server in front of it, or a flag.

Needs environment variables, which `derm app` sets. Knows no server and no page.
"""

import hmac
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from derm.errors import ConfigFault
from derm.language.speech import say
from derm.serve import words

INSECURE = "DERM_INSECURE"
"""Set to 1, the app may listen on any address and asks nobody who they are; each page says so."""

HOSTS = "DERM_HOSTS"
"""Host names, separated by commas, under which a server in front of the app passes requests on; each with its port
where that is another than 443, as derm.example:8443."""

TOKEN = "DERM_TOKEN"
"""What visitors must know, at least `SHORTEST` characters; without it nothing is asked on this machine."""

SHORTEST = 16
"""Characters of a token, at least; those that `derm app --token` makes have 32, 192 bits."""

USER_HEADER = "DERM_USER_HEADER"
"""The header in which a server in front of the app tells who the visitor is, as X-Forwarded-User; it must replace what
visitors send of that name. Without it nobody is told apart but by their browser."""

_TOKEN = re.compile(r"[ -~]+")
"""What a token is made of: ASCII signs that an address can bear."""

BASE = "STREAMLIT_SERVER_BASE_URL_PATH"
"""Streamlit's variable for the path below which the app lies."""

_BASE = re.compile(r"[A-Za-z0-9._~/-]*")
"""What such a path is made of, so that it can stand in a cookie."""

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]*)?")
"""A Host header: a name, or an address in digits, that of IPv6 within brackets and nothing beside them, and a port."""

PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
"""What an origin without a port means."""


@dataclass(frozen=True)
class Opening:
    """How far the app is open; without any field to this machine alone."""

    insecure: bool = False
    """Whether it may listen on any address although it asks nobody who they are."""

    hosts: tuple[str, ...] = ()
    """Host names of a server in front of it, lower case, with a port where it is not the usual one."""

    token: str | None = None
    """What visitors must know; None: nothing."""

    user_header: str | None = None
    """The header that tells a visitor's name, where a server in front of it is trusted to set it; None: none is."""

    login_origin: str | None = None
    """Scheme, host name and port under which visitors log in, as https://derm.example; None: nobody is asked to."""

    path: str = "/"
    """The path below which the app lies, and its cookies hold."""

    def __post_init__(self) -> None:
        """Refuse a token that is soon guessed, or that no address can bear: ConfigFault."""
        if self.token is not None and not (len(self.token.strip()) >= SHORTEST and _TOKEN.fullmatch(self.token)):
            raise ConfigFault(
                say(
                    "The token has {count} characters: give {least} ASCII characters or more, or let `derm "
                    "app --token` make one.",
                    count=len(self.token.strip()),
                    least=SHORTEST,
                )
            )

    @property
    def beyond(self) -> bool:
        """Whether visitors of other machines may come without a server in front."""
        return self.insecure or self.token is not None or self.login_origin is not None

    @property
    def warning(self) -> str | None:
        """What the top of every page says; None where nobody comes in unasked."""
        return say(words.INSECURE) if self.insecure and self.token is None and self.login_origin is None else None

    @property
    def cookie(self) -> str:
        """What a browser that has shown the token keeps instead of it: its hash, so that the token is on no disk."""
        return sha256(f"derm {self.token}".encode()).hexdigest()

    def name_in(self, headers: Mapping[str, str]) -> str:
        """The visitor's name, as the server in front tells it; '' where none is trusted to, or it tells none."""
        if self.user_header is None or not self.hosts:
            return ""
        return (headers.get(self.user_header) or "").strip()[:100]

    def knows_token(self, given: str | None) -> bool:
        """Whether `given` is the token, or none is asked for."""
        return self.token is None or hmac.compare_digest((given or "").encode(), self.token.encode())

    def knows_cookie(self, given: str | None) -> bool:
        """Whether `given` is `cookie`, or no token is asked for."""
        return self.token is None or hmac.compare_digest((given or "").encode(), self.cookie.encode())

    def takes_host(self, header: str | None) -> bool:
        """Whether a request's Host is the app's own name, with a port that is known, if one is.

        A browser sends the name that the visitor typed, so that a foreign one means a page of that name that has had it
        point to this machine (DNS rebinding). Addresses in digits cannot be made to point elsewhere.
        """
        place = _place(header)
        if place is None:
            return False
        name, port = place
        if name == "localhost" or is_loopback(name):
            return True
        if ports := self._ports(name):
            return port is None or None in ports or port in ports  # a server in front may leave the port out
        # A login begins and ends under one name: under another its cookies would not be found.
        return self.beyond and self.login_origin is None and (_is_address(name) or name == socket.gethostname().lower())

    def takes_origin(self, origin: str | None, header: str | None, proto: str | None = None) -> bool:
        """Whether a request comes from a page of the app itself, and not of another port of its host, for cookies know
        no ports.

        origin: None for what comes from no page. header: its Host. proto: its X-Forwarded-Proto, by which a server in
        front tells http from https.
        """
        if origin is None:
            return True
        sender, own = _split(origin), _place(header)
        if sender is None or own is None or sender.scheme not in PORTS or not sender.hostname:
            return False
        name, usual = sender.hostname.removesuffix("."), PORTS[sender.scheme]
        port = sender.port or usual
        if usual == 80 and PORTS.get(proto or "") == 443:
            return False  # whoever is on the way can make up a page without TLS
        login = None if self.login_origin is None else urlsplit(self.login_origin)
        if login is not None and name == login.hostname:
            return (sender.scheme, port) == (login.scheme, login.port or PORTS[login.scheme])
        if ports := self._ports(name):  # a server in front may have put another Host in place
            unnamed = None in ports and port == usual and port in (443, PORTS.get(proto or ""))
            return port in ports or unnamed or (name, port) == own
        return (name, port) == (own[0], own[1] or usual)

    def _ports(self, name: str) -> set[int | None]:
        """The ports that are named with a host's name, None where one is named without; empty for another's name."""
        named = [place for place in map(_place, self.hosts) if place is not None]
        if self.login_origin is not None:
            login = urlsplit(self.login_origin)
            named.append((login.hostname or "", login.port or PORTS[login.scheme]))
        return {port for one, port in named if one == name}

    def check_address(self, address: str | None) -> None:
        """Refuse to listen on another address than this machine's own unless it is opened: ConfigFault.

        address: as `--server.address` has it; None or '' means every address.
        """
        if not self.beyond and not is_loopback(address or ""):
            raise ConfigFault(words.open_address(address))


def opening_of(environment: Mapping[str, str], login_origin: str | None = None) -> Opening:
    """What the variables `INSECURE`, `HOSTS` and `TOKEN` of `environment` say; ConfigFault for a short token and for
    what is no host name.

    login_origin: where visitors log in, as `derm.serve.login` has it.
    """
    names = filter(None, (name.strip().lower().rstrip(".") for name in environment.get(HOSTS, "").split(",")))
    return Opening(
        insecure=_is_wanted(environment.get(INSECURE, "")),
        hosts=tuple(map(_named, names)),
        token=environment.get(TOKEN) or None,
        user_header=environment.get(USER_HEADER) or None,
        login_origin=login_origin,
        path=f"/{below}" if (below := environment.get(BASE, "").strip("/")) and _BASE.fullmatch(below) else "/",
    )


def _is_wanted(told: str) -> bool:
    """Whether `INSECURE` asks for it; ConfigFault for what may mean either: nothing but 1 opens the app."""
    if told.strip() in ("", "0", "1"):
        return told.strip() == "1"
    raise ConfigFault(
        say("{variable} is '{told}': 1 opens the app to everybody, 0 does not.", variable=INSECURE, told=told[:40])
    )


def is_loopback(address: str) -> bool:
    """Whether an address reaches this machine alone: localhost, 127.0.0.0/8, ::1, and those in IPv6's writing."""
    if address.lower() == "localhost":
        return True
    try:
        found = ip_address(address.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _split(address: str) -> SplitResult | None:
    """The parts of an address that has a host and nothing behind it; None for anything else."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    bare = parts.hostname and parts.username is None and not (parts.path or parts.query or parts.fragment)
    return parts if bare and port != 0 else None


def _place(header: str | None) -> tuple[str, int | None] | None:
    """Name, lower case and without last dot, and port of a Host header or a name of `HOSTS`; None where it is none."""
    if header is None or _HOST.fullmatch(header) is None:
        return None
    parts = _split(f"//{header}")
    return None if parts is None or parts.hostname is None else (parts.hostname.removesuffix("."), parts.port)


def _named(host: str) -> str:
    """A name of `HOSTS`, an address of IPv6 in brackets as a Host header has it; ConfigFault where it is none."""
    written = f"[{host}]" if ":" in host and _is_address(host) else host
    if _place(written) is None:
        raise ConfigFault(
            say(
                "{variable} (derm app --behind) names '{host}': give a host name, with the port if it is not 443, such "
                "as derm.example:8443.",
                variable=HOSTS,
                host=host,
            )
        )
    return written
