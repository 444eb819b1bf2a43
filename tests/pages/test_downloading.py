"""Files that a page saves: each is made in its turn, and what was made before does not stay."""

import asyncio
from types import SimpleNamespace

import pytest
from streamlit.proto.BackMsg_pb2 import BackendOperationRequest
from streamlit.runtime.backend_operation_handler import DeferredFileHandler
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.testing.v1 import AppTest

from derm.errors import ConfigFault
from derm.serve.fetching import MadeFile, MadeFiles
from derm.serve.making import MOST_ASKED, Making
from pages.parts import downloading


@pytest.fixture
def held(monkeypatch):
    """What Streamlit keeps of files."""
    storage = MemoryMediaFileStorage("/media")
    files = MediaFileManager(storage)
    monkeypatch.setattr(downloading, "exists", lambda: True)
    monkeypatch.setattr(
        downloading, "get_instance", lambda: SimpleNamespace(media_file_mgr=files, is_active_session="a".__eq__)
    )
    monkeypatch.setattr("streamlit.runtime.media_file_manager._get_session_id", lambda: "a")
    return files, storage


def test_what_was_made_goes_when_the_next_are_made(held):
    files, storage = held
    made = iter(range(10))
    making = Making()
    name = files.add_deferred(
        lambda: downloading._made(making, "a", "a", lambda: str(next(made))), "text/plain", "place", file_name="x.txt"
    )
    for _ in range(6):
        files.execute_deferred(name)
    kept = [file.content for file in storage._files_by_id.values()]
    assert kept == [b"4", b"5"]


def test_a_file_comes_through_the_button_and_none_beyond_the_most(monkeypatch):
    given = []
    monkeypatch.setattr(downloading.st, "download_button", lambda _label, make, *_, **__: given.append(make))

    def page() -> None:
        from pages.parts.downloading import download_button

        download_button("Save", lambda: "text", "x.txt", "text/plain", key="x")
        download_button("Table", str, "x.csv", "text/csv", key="y")

    assert not AppTest.from_function(page).run().exception
    make, quick = given
    assert quick is str  # and waits behind nobody
    assert make() == "text"
    making, owner, _, _ = make.args
    making._asked[owner] = MOST_ASKED
    with pytest.raises(ConfigFault, match="being made already"):
        make()
    making._asked.clear()


def test_nothing_is_made_for_a_page_that_was_closed(held):
    with pytest.raises(ConfigFault, match="This page was closed"):
        downloading._made(Making(), "b", "b", lambda: pytest.fail("it was made"))


def test_a_file_that_was_made_is_kept_by_its_address(held):
    manager, _ = held
    name = manager.add_deferred(lambda: b"bytes", "text/csv", "place", file_name="x.csv")
    address, files = manager.execute_deferred(name), MadeFiles()

    async def keep() -> None:
        downloading.keep_in(files, "/derm")(address)
        downloading.keep_in(files, "/derm")("/media/nothing.csv")

    asyncio.run(keep())
    assert files.find(f"/derm{address}") == MadeFile(b"bytes", "text/csv", "x.csv")
    assert files.find("/derm/media/nothing.csv") is None


@pytest.mark.parametrize(
    ("make", "known"),
    [(lambda: downloading._made(Making(), "b", "b", str), True), (lambda: 1 / 0, False)],
    ids=["for a closed page", "by a fault of ours"],
)
def test_only_a_fault_has_a_traceback_in_the_log(held, make, known, caplog):
    manager, _ = held
    downloading.keep_in(MadeFiles(), "")
    handler = DeferredFileHandler(lambda: manager)
    name = manager.add_deferred(make, "text/csv", "place")
    request = BackendOperationRequest(request_id="a", deferred_file={"file_id": name})
    answer = asyncio.run(handler.handle(request, "a"))
    assert answer.error_msg
    (record,) = (one for one in caplog.records if one.name == downloading.LOG)
    assert (record.exc_info is None) is known
    assert ("This page was closed" in record.getMessage()) is known


def test_a_file_that_nobody_knows_is_one_line_too(held, caplog):
    manager, _ = held
    downloading.keep_in(MadeFiles(), "")
    request = BackendOperationRequest(request_id="a", deferred_file={"file_id": "made up"})
    assert asyncio.run(DeferredFileHandler(lambda: manager).handle(request, "a")).error_msg
    (record,) = (one for one in caplog.records if one.name == downloading.LOG)
    assert record.exc_info is None
