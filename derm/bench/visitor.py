"""A visitor of the served app without a browser: opens a page, uploads a picture, reads what the page says of it.

Needs the address of a running app, and the messages of the Streamlit that is installed, whose wire protocol this
speaks. Knows no page but by what is written on it.
"""

import http.client
import re
import uuid
from contextlib import ExitStack
from importlib import import_module
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from derm.errors import ConfigFault

PATIENCE = 300.0
"""Seconds for which one message of the server is waited for."""

XSRF = "_streamlit_xsrf"

OWN = re.compile(r"^\d+ of \d+$|\bu-[0-9a-f]{16}\b")
"""Where a case stands in its list, and who is logged in."""

FILE = re.compile(rb"/media/[0-9a-f]{32}(?:\.(?:jpg|png|webp))?")
"""Address of a picture on a page; the next field of its message may follow at once."""

EARLY, FRAGMENT = 2, 3
"""How a script may have ended: before its end, for it runs again; and a part of the page alone."""


class Answer(NamedTuple):
    """What the page says of a picture."""

    headline: str
    """What is said first."""

    texts: tuple[str, ...]
    """All that is written, with the picture in the line of the case and the bars of probabilities, without its name
    and place in the list: the same for the same picture."""


class ServedVisitor:
    """One session, from the opened page on; ended by `close`.

    address: such as http://127.0.0.1:8501. session: the cookie of somebody who is logged in, as name=value; '' where
    nobody is asked to. files: addresses of files that the page has named. Raises ConfigFault where no app answers
    there, or lets nobody in.
    """

    def __init__(self, address: str, session: str = "") -> None:
        self._back, self._forward = (import_module(f"streamlit.proto.{name}_pb2") for name in ("BackMsg", "ForwardMsg"))
        parts = urlsplit(address)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._xsrf, self._login = self._cookie(), session
        self._session = self._page = self._uploader = ""
        self._said: list[str] = []
        self._headline: int | None = None
        self.files: set[str] = set()
        self._ends = ExitStack()
        self._socket = self._connect()
        self._rerun()
        self._read_page("")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the page."""
        self._ends.close()

    def diagnose(self, name: str, content: bytes) -> Answer:
        """What the page says of the picture in the bytes of a file that is called `name`; nothing else was before."""
        urls = self._urls(name)
        status = self.upload(urls.upload_url, name, content)
        if status != 204:
            raise ConfigFault(f"The server took {name} not in: status {status}.")
        info = self._new("Common", "UploadedFileInfo", name=name, size=len(content), file_id=urls.file_id)
        info.file_urls.CopyFrom(urls)
        self._rerun(info)
        return self._read_page(name)

    def turn_to(self, page: str) -> None:
        """Go to another page of the app, and wait for its end."""
        self._send(rerun_script=self._new("ClientState", "ClientState", page_name=page))
        self._read_page("")

    def upload(self, place: str, name: str, content: bytes) -> int:
        """Send a file to `place`, as the page does; the status of the answer."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={mark}",
            "X-Xsrftoken": self._xsrf,
            "Cookie": self._cookies(),
        }
        connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)
        try:
            body = head + content + f"\r\n--{mark}--\r\n".encode()
            connection.request("PUT", f"/{place.lstrip('/')}", body=body, headers=headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def _new(self, module: str, kind: str, **fields: Any) -> Any:  # noqa: ANN401 - of Streamlit's protocol
        return getattr(import_module(f"streamlit.proto.{module}_pb2"), kind)(**fields)

    def _cookie(self) -> str:
        connection = http.client.HTTPConnection(self._host, self._port, timeout=PATIENCE)
        try:
            connection.request("GET", "/_stcore/health")
            answer = connection.getresponse()
            answer.read()
            given = answer.getheader("set-cookie") or ""
        except OSError as error:
            raise ConfigFault(f"No app answers on {self._host}:{self._port}: start one with `derm app`.") from error
        finally:
            connection.close()
        return given.partition(f"{XSRF}=")[2].partition(";")[0]

    def _cookies(self) -> str:
        return "; ".join(part for part in (f"{XSRF}={self._xsrf}", self._login) if part)

    def _connect(self) -> Any:  # noqa: ANN401 - of a package that Streamlit brings
        websockets = import_module("websockets.sync.client")
        faults = import_module("websockets.exceptions")
        try:
            opened = websockets.connect(
                f"ws://{self._host}:{self._port}/_stcore/stream",
                subprotocols=["streamlit", *([self._xsrf] if self._xsrf else [])],
                additional_headers={"Cookie": self._cookies()},
                open_timeout=PATIENCE,
                max_size=None,
                compression=None,
            )
            return self._ends.enter_context(opened)
        except (OSError, faults.WebSocketException) as error:
            raise ConfigFault(
                f"The app on {self._host}:{self._port} lets no visitor in ({error}): start one that asks for neither."
            ) from error

    def _send(self, **fields: Any) -> None:  # noqa: ANN401
        self._socket.send(self._back.BackMsg(**fields).SerializeToString())

    def _receive(self) -> Any:  # noqa: ANN401
        message = self._forward.ForwardMsg()
        message.ParseFromString(self._socket.recv(timeout=PATIENCE))
        return message

    def _rerun(self, *files: Any) -> None:  # noqa: ANN401
        state = self._new("ClientState", "ClientState", page_script_hash=self._page)
        if files:
            uploaded = self._new("Common", "FileUploaderState", uploaded_file_info=files)
            state.widget_states.widgets.add(id=self._uploader, file_uploader_state_value=uploaded)
        self._send(rerun_script=state)

    def _urls(self, name: str) -> Any:  # noqa: ANN401
        request = uuid.uuid4().hex
        self._send(
            file_urls_request=self._new(
                "Common", "FileURLsRequest", request_id=request, file_names=[name], session_id=self._session
            )
        )
        while True:
            message = self._receive()
            if message.WhichOneof("type") == "file_urls_response" and message.file_urls_response.response_id == request:
                return message.file_urls_response.file_urls[0]
            self._note(message)

    def _read_page(self, name: str) -> Answer:
        """What the page says once its script has run to its end and the case at hand is the one that is called so."""
        while True:
            message = self._receive()
            self._note(message)
            ended = message.WhichOneof("type") == "script_finished"
            if not ended or message.script_finished in (EARLY, FRAGMENT):
                continue
            said = [text.replace("\\", "") for text in self._said]
            if any(name in text for text in said):
                written = (text.replace(name, "") for text in said if not OWN.search(text))
                return Answer(said[self._headline or 0], tuple(written))

    def _note(self, message: Any) -> None:  # noqa: ANN401
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._session = message.new_session.initialize.session_id or self._session
            self._page = message.new_session.page_script_hash
            self._said, self._headline = [], None
        self.files |= {found.decode() for found in FILE.findall(message.SerializeToString())}
        if kind == "delta" and message.delta.WhichOneof("type") == "new_element":
            self._note_element(message.delta.new_element)

    def _note_element(self, element: Any) -> None:  # noqa: ANN401
        kind = element.WhichOneof("type")
        if kind == "exception":
            raise RuntimeError(f"the page failed: {element.exception.type} {element.exception.message}")
        if kind == "file_uploader":
            self._uploader = element.file_uploader.id
        if kind in ("heading", "markdown", "html"):
            # The first of this height: the app's own name stands higher, what comes after the answer lower or later.
            if kind == "heading" and element.heading.tag == "h2" and self._headline is None:
                self._headline = len(self._said)
            self._said.append(getattr(element, kind).body)
