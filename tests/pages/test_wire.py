"""What the gate knows of Streamlit's protocol, held to the Streamlit that is installed."""

import pytest
from streamlit.auth_util import decode_provider_token
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.web.server.starlette import starlette_server_config as names

from derm.serve.claims import FAMILY, USER
from pages.parts.wire import FILES, PROVIDER, file_asked, files_told, is_use, start, wire


def message(**fields):
    return BackMsg(**fields).SerializeToString()


def test_a_farewell_leads_to_the_way_in():
    told = ForwardMsg()
    told.ParseFromString(wire("/app").farewell)
    assert (told.WhichOneof("type"), told.auth_redirect.url) == ("auth_redirect", "/app/")


def test_the_way_to_the_provider_is_streamlit_s_own(monkeypatch):
    monkeypatch.setattr("streamlit.auth_util.get_signing_secret", lambda: "a secret of more than thirty characters")
    path, _, query = start().partition("?provider=")
    assert path == "/auth/login"
    assert decode_provider_token(query)["provider"] == PROVIDER


def test_streamlit_s_cookies_have_the_names_that_are_kept_back():
    assert names.USER_COOKIE_NAME == USER
    assert FAMILY.fullmatch(names.TOKENS_COOKIE_NAME)
    assert FAMILY.fullmatch(f"{names.USER_COOKIE_NAME}_1")
    assert not FAMILY.fullmatch(names.SESSION_COOKIE_NAME)
    assert not FAMILY.fullmatch(names.XSRF_COOKIE_NAME)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (message(rerun_script={"widget_states": {}}), True),
        (message(rerun_script={"is_auto_rerun": True}), False),
        (message(app_heartbeat=True), False),
        (message(stop_script=True), True),
        (message(file_urls_request={"request_id": "1"}), True),
        (b"", False),
        (b"\xff\xff", False),
    ],
)
def test_what_is_use_of_a_page(content, expected):
    assert is_use(content) is expected


def forward(fill):
    told = ForwardMsg()
    fill(told)
    return files_told(told.SerializeToString())


def test_files_are_told_where_the_server_puts_their_addresses_and_nowhere_else():
    assert forward(lambda told: told.delta.new_element.imgs.imgs.add(url="/media/a.jpg")) == ["/media/a.jpg"]
    assert forward(lambda told: told.file_urls_response.file_urls.add(upload_url="/u", delete_url="/d")) == ["/u", "/d"]
    for words in ("/media/a.jpg", "x /_stcore/upload_file/a/b"):
        assert forward(lambda told, words=words: setattr(told.page_not_found, "page_name", words)) == []
        assert forward(lambda told, words=words: setattr(told.delta.new_element.markdown, "body", words)) == []
    button = ForwardMsg()
    button.delta.new_element.download_button.url = "/media/b.csv"
    button.delta.new_element.download_button.deferred_file_id = "c"
    assert sorted(files_told(button.SerializeToString())) == ["/media/b.csv", "c"]
    made = ForwardMsg()
    made.backend_operation_response.deferred_file.url = "/media/d.csv"
    assert files_told(made.SerializeToString()) == ["/media/d.csv"]
    icon = ForwardMsg()
    icon.page_config_changed.favicon = "/media/e.png"
    assert files_told(icon.SerializeToString()) == ["/media/e.png"]
    assert files_told(b"\xff\xff") == []
    assert len(FILES) == 7


def test_the_file_that_is_wanted_is_known():
    assert file_asked(message(backend_operation_request={"deferred_file": {"file_id": "c"}})) == "c"
    assert file_asked(message(app_heartbeat=True)) is None
    assert file_asked(b"\xff\xff") is None
