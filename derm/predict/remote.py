"""Pictures at addresses of the web, `https://`, `http://`, and of object stores, by fsspec: `s3://`, `gs://`.

Needs the extras `s3` or `gs` for those. Credentials are those that the stores' own programs use. Knows no
model.
"""

import re
import time
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit, urlunsplit

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
_SECRETS = ("signature", "sig", "token", "credential", "key")


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
        return [_of(address)]
    files = _file_system(scheme)
    if not address.endswith("/"):
        return [_of(address)]
    try:
        below = sorted(files.find(address))
    except Exception as error:  # each store has its own errors, without a common class
        raise ConfigFault(
            f"{_shown(address)} cannot be listed ({_reason(error)}): check it and your rights."
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
                        f"{_shown(self.address)} cannot be fetched ({_reason(error)}): "
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


def _of(address: str) -> FoundPicture:
    """An address as a picture that is expected; its query is no part of its name."""
    parts = urlsplit(address)
    return FoundPicture(
        Path(f"{parts.scheme}:/{parts.netloc}{unquote(parts.path)}"), "", RemotePicture(address), _shown(address)
    )


def _faulty(address: str, fault: str) -> FoundPicture:
    return FoundPicture(Path(address), fault, None, _shown(address))


def _shown(address: str) -> str:
    """An address without passwords and signatures, which are nobody else's."""
    parts = urlsplit(address)
    secret = any(word in name.lower() for name in re.findall(r"([^&=]+)=", parts.query) for word in _SECRETS)
    host = parts.netloc.rpartition("@")[2]
    return printable(urlunsplit((parts.scheme, host, parts.path, "" if secret else parts.query, "")))


def _reason(error: Exception) -> str:
    """An error in few words, on one line."""
    said = printable(" ".join(str(error).split())[:120])  # it may hold what the server said, whatever that was
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
