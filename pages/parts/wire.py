"""What the gate has to know of Streamlit's protocol: the way to the provider, what is use of a page, a farewell.

Needs Streamlit's own modules, which no release promises; tests/pages/test_wire.py holds them.
"""

from google.protobuf.message import DecodeError
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.user_info import generate_login_redirect_url

from derm.serve.login_gate import Wire

PROVIDER = "default"
"""The name by which Streamlit knows a provider whose settings stand in [auth] itself."""


def wire(base: str) -> Wire:
    """All of it. base: the path before all paths of the app."""
    farewell = ForwardMsg()
    farewell.auth_redirect.url = f"{base}/"
    return Wire(start, is_use, farewell.SerializeToString())


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
