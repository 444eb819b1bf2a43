"""What the gate has to know of Streamlit's protocol: the way to the provider, what a browser's message is, a farewell.

Needs Streamlit's own modules, which no release promises; tests/pages/test_wire.py holds them.
"""

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.user_info import generate_login_redirect_url

from derm.serve.login_gate import Sort, Wire

PROVIDER = "default"
"""The name by which Streamlit knows a provider whose settings stand in [auth] itself."""

REFUSED = ("clear_cache", "set_run_on_save", "debug_disconnect_websocket", "debug_shutdown_runtime", "load_git_info")
"""What no page of Derm's sends: the first empties what all visitors share, the others are for who writes the app."""


def wire(base: str) -> Wire:
    """All of it. base: the path before all paths of the app."""
    farewell = ForwardMsg()
    farewell.auth_redirect.url = f"{base}/"
    return Wire(start, sort, farewell.SerializeToString())


def start() -> str:
    """Path and query of the way to the provider, good for two minutes."""
    address: str = generate_login_redirect_url(PROVIDER)
    return address


def sort(content: bytes) -> Sort:
    """What a message of a browser is; what cannot be read is passed on, for the app to refuse."""
    message = BackMsg()
    try:
        message.ParseFromString(content)
    except DecodeError:
        return Sort.AUTOMATIC
    kind = message.WhichOneof("type")
    if kind in REFUSED:
        return Sort.REFUSED
    automatic = kind in (None, "app_heartbeat") or (kind == "rerun_script" and message.rerun_script.is_auto_rerun)
    return Sort.AUTOMATIC if automatic else Sort.USED
