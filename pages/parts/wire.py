"""What the gate has to know of Streamlit's protocol: the way to the provider, what is use of a page, a farewell.

Needs Streamlit's own modules, which no release promises; tests/pages/test_wire.py holds them.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.user_info import generate_login_redirect_url

from derm.serve.login_gate import Wire

PROVIDER = "default"
"""The name by which Streamlit knows a provider whose settings stand in [auth] itself."""

FILES = frozenset((
    "Image.url", "DownloadButton.url", "DownloadButton.deferred_file_id", "DeferredFileResponsePayload.url",
    "FileURLs.upload_url", "FileURLs.delete_url", "PageConfig.favicon",
))  # fmt: skip
"""Fields in which the server itself puts addresses of files, and names of those that are made when they are asked for.
What stands in others may have come from a visitor."""


def wire(base: str) -> Wire:
    """All of it. base: the path before all paths of the app."""
    farewell = ForwardMsg()
    farewell.auth_redirect.url = f"{base}/"
    return Wire(start, is_use, farewell.SerializeToString(), files_told, file_asked)


def start() -> str:
    """Path and query of the way to the provider, good for two minutes."""
    address: str = generate_login_redirect_url(PROVIDER)
    return address


def is_use(content: bytes) -> bool:
    """Whether a message of a browser says that somebody does something; what cannot be read does not."""
    message = BackMsg()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return False
    kind = message.WhichOneof("type")
    return kind not in (None, "app_heartbeat") and not (kind == "rerun_script" and message.rerun_script.is_auto_rerun)


def files_told(content: bytes) -> list[str]:
    """Addresses and names of files that a message of the server tells a page."""
    message = ForwardMsg()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return []
    return [told for told in _files(message) if told]


def _files(message: Any) -> Iterator[str]:  # noqa: ANN401 - of Streamlit's protocol
    for field, value in message.ListFields():
        if field.full_name in FILES:
            yield value
        elif field.message_type is not None:
            for inner in (value,) if hasattr(value, "ListFields") else value:
                if hasattr(inner, "ListFields"):  # not the key of a map
                    yield from _files(inner)


def file_asked(content: bytes) -> str | None:
    """The name of the file that a message of a browser wants made; None where it wants none."""
    message = BackMsg()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return None
    asked = message.backend_operation_request
    return asked.deferred_file.file_id if asked.HasField("deferred_file") else None
