"""Pictures at addresses of the web, `https://`, `http://`, and of object stores, by fsspec: `s3://`, `gs://`.

Needs the extras `s3` or `gs` for those. Credentials are those that the stores' own programs use. Knows no
model.

Each address is a picture of its own, with its query: an address in a table tells two apart though it keeps secrets to
itself, of which it has a digest. Signatures of stores, which are new each time, are no part of it, nor is a login.
"""

import hashlib
import re
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from derm.errors import ConfigFault, ImageRefused
from derm.image.decode import MAX_BYTES, check_bytes, image_name
from derm.image.kind import is_picture
from derm.predict.found import FoundPicture, printable
from derm.predict.web import WebRefusal, fetch_web

WEB = ("https", "http")
"""Schemes that need no package."""

EXTRAS = {"s3": "s3", "gs": "gs"}
"""Schemes of object stores, each with the extra of Derm that it takes."""

WAITS = (0.5, 3.0)
"""Seconds before a picture that could not be fetched is asked for again."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SECRETS = ("signature", "sig", "token", "credential", "key", "secret", "password")
"""Words in names of what is asked that make its value a secret."""

_SIGNED_BY = (
    ({"x-amz-signature"}, re.compile("x-amz-.*")),
    ({"x-goog-signature"}, re.compile("x-goog-.*")),
    ({"sig", "sv"}, re.compile("s[a-z]{1,2}|sig|sdd|skoid|sktid|saoid|suoid|scid")),  # Azure
    ({"signature", "expires", "awsaccesskeyid"}, re.compile("signature|expires|awsaccesskeyid|x-amz-security-token")),
    ({"signature", "expires", "googleaccessid"}, re.compile("signature|expires|googleaccessid")),
    ({"signature", "expires", "key-pair-id"}, re.compile("signature|expires|key-pair-id")),
    ({"signature", "policy", "key-pair-id"}, re.compile("signature|policy|key-pair-id")),
)
"""Names by which an address is known to be signed as Amazon, Google and Azure do, and those of the whole signature."""

_PATH = "/:@!$&'()*+,;=~"
"""Signs that stand in a path as they are, beside letters, digits and -._"""


def is_address(text: str) -> bool:
    """Whether a text is an address of any scheme, and no path."""
    return _SCHEME.match(text) is not None


def survey_address(address: str, passed_over: Counter[str]) -> list[FoundPicture]:
    """The picture at an address, or where it ends in '/' all below it in an object store.

    Raises ConfigFault where what reads such addresses is not installed, or there are no credentials for the listing.
    """
    scheme = address.partition("://")[0].lower()
    if scheme not in (*WEB, *EXTRAS):
        known = ", ".join(f"{name}://" for name in (*WEB, *EXTRAS))
        return [_faulty(address, f"{_shown(address)} is no address that Derm reads: use {known}, or a path.")]
    if scheme in WEB:
        try:
            _ = urlsplit(address).port
        except ValueError as error:
            reason = _reason(error, address)
            return [
                _faulty(address, f"{_shown(address)} is no address that can be asked ({reason}): check its spelling.")
            ]
        return [_of(address)]
    files = _file_system(scheme)
    if not address.endswith("/"):
        return [_of(address)]
    try:
        below = sorted(files.find(address))
    except Exception as error:  # each store has its own errors, without a common class
        raise ConfigFault(
            f"{_shown(address)} cannot be listed ({_reason(error, address)}): check it and your rights."
        ) from error
    found = []
    for place in below:
        ending = Path(place).suffix.lower()
        if is_picture(b"", ending):
            found.append(_of(f"{scheme}://{place}"))
        else:
            passed_over[printable(ending) or "without ending"] += 1
    return found or [_faulty(address, f"No picture was found below {_shown(address)}: check the address.")]


class RemotePicture(NamedTuple):
    """A picture at an address."""

    address: str

    @property
    def remote(self) -> bool:
        """It is beyond a network."""
        return True

    def read(self) -> bytes:
        """Its content; ImageRefused where it cannot be fetched, at once or after `WAITS`, or has too many bytes."""
        for wait in (*WAITS, None):
            try:
                content = _fetch(self.address)
                check_bytes(len(content), image_name(self.address))
                return content
            except ImageRefused:
                raise
            except FileNotFoundError as error:
                raise ImageRefused(f"There is nothing at {_shown(self.address)}: check the address.") from error
            except PermissionError as error:
                raise ImageRefused(f"{_shown(self.address)} is not open to you: check your credentials.") from error
            except Exception as error:
                if wait is None or isinstance(error, WebRefusal):
                    raise ImageRefused(
                        f"{_shown(self.address)} cannot be fetched ({_reason(error, self.address)}): "
                        "check address and network, and go on with --resume."
                    ) from error
                time.sleep(wait)
        raise AssertionError("unreachable")


def _fetch(address: str) -> bytes:
    scheme = address.partition("://")[0].lower()
    if scheme in WEB:
        return fetch_web(address, MAX_BYTES + 1)
    with _file_system(scheme).open(address, "rb") as stream:
        content: bytes = stream.read(MAX_BYTES + 1)
    return content


@lru_cache(maxsize=len(EXTRAS))
def _file_system(scheme: str) -> Any:  # noqa: ANN401 - of packages without types
    """What reads addresses of a scheme; ConfigFault where it is not installed."""
    try:
        import fsspec

        return fsspec.filesystem(scheme)
    except ImportError as error:
        raise ConfigFault(
            f"Addresses that begin with {scheme}:// need a package that is not installed: "
            f"run pip install 'derm[{EXTRAS[scheme]}]'."
        ) from error


def shown_before(address: str) -> str:
    """An address as tables had it up to 28 November 2026, in which two could be written alike."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return _shown(address)
    secret = any(_is_secret(name) for name in re.findall(r"([^&=]+)=", parts.query))
    host = parts.netloc.rpartition("@")[2]
    return printable(urlunsplit((parts.scheme, host, parts.path, "" if secret else parts.query, "")))


def _of(address: str) -> FoundPicture:
    """An address as a picture that is expected."""
    return FoundPicture(_path(address), "", RemotePicture(address), _shown(address))


def _faulty(address: str, fault: str) -> FoundPicture:
    return FoundPicture(_path(address), fault, None, _shown(address))


class _Parts(NamedTuple):
    """An address without what is nobody else's."""

    scheme: str
    host: str
    path: str
    """As it stands in the address; of an object store also what looks like a fragment."""

    query: str
    """With digests of secrets; ''."""


def _parts(address: str) -> _Parts:
    """Of any text, also where it is no address that can be asked."""
    scheme, _, rest = address.partition("://")
    scheme = scheme.lower()
    if scheme in WEB:
        rest = rest.partition("#")[0]
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path, _, query = rest[len(host) :].partition("?")
    return _Parts(scheme, host.rpartition("@")[2], path, _without_secrets(query, signed=scheme in WEB))


def _without_secrets(query: str, *, signed: bool) -> str:
    """A query whose secrets are digests; signed: without what signs it."""
    asked = re.findall("[^&;]*[&;]|[^&;]+", query)
    names = {_names(one)[0] for one in asked}
    if signed and (signs := [known for needed, known in _SIGNED_BY if needed <= names]):
        asked = [one for one in asked if not any(known.fullmatch(_names(one)[0]) for known in signs)]
        asked = [*asked[:-1], *(one.rstrip("&;") for one in asked[-1:])]
    return "".join(_digested(one) if any(map(_is_secret, _names(one))) else one for one in asked)


def _names(asked: str) -> list[str]:
    """The name of what is asked, `name=value`, and those within its value, in lower case; [''] without one."""
    return [unquote(name).lower() for name in asked.rstrip("&;").split("=")[:-1]] or [""]


def _is_secret(name: str) -> bool:
    return any(word in name.lower() for word in _SECRETS)


def _digested(asked: str) -> str:
    name, _, value = asked.rstrip("&;").partition("=")
    return f"{name}=~{_digest(value)}{asked[len(asked.rstrip('&;')) :]}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]


def _shown(address: str) -> str:
    """An address without passwords and secrets, printable; no two pictures have the same."""
    return printable(_written(_parts(address)))


def _written(parts: _Parts) -> str:
    return f"{parts.scheme}://{parts.host}{parts.path}{'?' if parts.query else ''}{parts.query}"


def _path(address: str) -> Path:
    """An address as a path that no other one has: its query stands as a folder before the last name, and where its path
    could be another's, too, when it is read, a digest."""
    parts = _parts(address)
    plain = unquote(parts.path)
    steps = [parts.host, *plain.split("/")[1:]]
    own = {"", ".", ".."}.isdisjoint(steps) and quote(plain, safe=_PATH) == parts.path
    own = own and not re.search("[?\0]", plain) and not re.search("[/\0]", parts.query)
    folder = f"?{parts.query}" if parts.query else ""
    if not own:
        folder += f"~{_digest(_written(parts))}"
    names = [f"_{one}" if one in (".", "..") else one for one in steps if one]
    *above, last = names or ["_"]
    whole = "/".join([*above, *filter(None, [folder.replace("/", "%2F")]), last]).replace("\0", "%00")
    return Path(f"{parts.scheme}:/{whole}")


def _reason(error: Exception, address: str) -> str:
    """An error in few words, on one line, without the secrets of the address that it may repeat."""
    said = " ".join(str(error).split())  # it may hold what the server said, whatever that was
    parts = re.split(r"[?#]", address.partition("://")[2], maxsplit=1)
    for secret in (parts[0].partition("/")[0].rpartition("@")[0], *parts[1:]):
        for form in (secret, " ".join(secret.split()), unquote(secret)) if secret else ():
            said = said.replace(form, "…")
    said = printable(said[:120])
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
