"""Files that a page saves: each is made in its turn, and what was made before does not stay."""

from types import SimpleNamespace

import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.testing.v1 import AppTest

from derm.errors import ConfigFault
from derm.serve.making import MOST_ASKED, Making
from pages.parts import downloading


@pytest.fixture
def held(monkeypatch):
    """What Streamlit keeps of files."""
    storage = MemoryMediaFileStorage("/media")
    files = MediaFileManager(storage)
    monkeypatch.setattr(downloading, "exists", lambda: True)
    monkeypatch.setattr(downloading, "get_instance", lambda: SimpleNamespace(media_file_mgr=files))
    monkeypatch.setattr("streamlit.runtime.media_file_manager._get_session_id", lambda: "a")
    return files, storage


def test_what_was_made_goes_when_the_next_are_made(held):
    files, storage = held
    made = iter(range(10))
    making = Making()
    name = files.add_deferred(
        lambda: downloading._made(making, "a", lambda: str(next(made))), "text/plain", "place", file_name="x.txt"
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

    assert not AppTest.from_function(page).run().exception
    (make,) = given
    assert make() == "text"
    making, owner, _ = make.args
    making._asked[owner] = MOST_ASKED
    with pytest.raises(ConfigFault, match="being made already"):
        make()
    making._asked.clear()
