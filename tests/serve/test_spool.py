"""Uploads lie where no other account may look, unless who started the app named another place."""

import stat
import tempfile

import pytest

from derm.serve.spool import keep_private


@pytest.fixture(autouse=True)
def _restored(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)


def test_a_folder_of_ones_own(tmp_path):
    folder = tmp_path / "cache" / "uploads"
    folder.mkdir(parents=True, mode=0o777)
    assert keep_private(folder, {})
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    with tempfile.NamedTemporaryFile() as stream:
        assert stream.name.startswith(str(folder))


def test_a_place_that_was_named_stays(tmp_path):
    before = tempfile.tempdir
    assert not keep_private(tmp_path / "uploads", {"TMPDIR": "/elsewhere"})
    (tmp_path / "file").touch()
    assert not keep_private(tmp_path / "file" / "uploads", {})
    (tmp_path / "link").symlink_to(tmp_path)
    assert not keep_private(tmp_path / "link", {})
    assert tempfile.tempdir == before
