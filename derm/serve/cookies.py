"""Cookies of a request and of an answer, read as the server behind the gate reads them, so that both see the same.

Needs the headers of ASGI. Knows no cookie by name.
"""

from collections.abc import Callable, Iterable

Headers = Iterable[tuple[bytes, bytes]]


def cookies_in(headers: Headers) -> list[tuple[str, str]]:
    """Names and values, in order, doubles included; without a sign of equality the name is ''."""
    found = []
    for name, value in headers:
        if name.lower() == b"cookie":
            for part in value.decode("latin-1").split(";"):
                before, equals, after = part.partition("=")
                found.append((before.strip(), after.strip()) if equals else ("", before.strip()))
    return [one for one in found if any(one)]


def only_cookie(headers: Headers, name: str) -> str | None:
    """The value of the one cookie of that name; None where there is none, or more than one, of which none is known."""
    found = [value for known, value in cookies_in(headers) if known == name]
    return found[0] if len(found) == 1 else None


def with_cookies(
    headers: Headers, keep: Callable[[str], bool], more: Iterable[tuple[str, str]] = ()
) -> list[tuple[bytes, bytes]]:
    """The headers with the cookies whose name `keep` takes, and `more`, in one header."""
    headers = list(headers)
    kept = [(name, value) for name, value in cookies_in(headers) if keep(name)]
    text = "; ".join(f"{name}={value}" if name else value for name, value in [*kept, *more])
    rest = [(name, value) for name, value in headers if name.lower() != b"cookie"]
    return [*rest, (b"cookie", text.encode("latin-1"))] if text else rest


def set_cookies(headers: Headers) -> list[tuple[str, str, tuple[bytes, bytes]]]:
    """Cookies that an answer sets: name, value, and the header that does."""
    found = []
    for header in headers:
        if header[0].lower() == b"set-cookie":
            name, _, rest = header[1].decode("latin-1").partition("=")
            found.append((name.strip(), rest.partition(";")[0].strip(), header))
    return found
