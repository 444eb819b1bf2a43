"""Lists of files and addresses, and what is read at addresses."""

import io
import sys

import pytest
from pictures import encoded, picture, save

from derm.errors import ConfigFault, ImageRefused
from derm.predict import remote
from derm.predict.folder import survey


def files(tmp_path, text, name="list.csv"):
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return survey([tmp_path / name]).files


@pytest.mark.parametrize(
    "text",
    [
        "file,dx\na.png,nv\ndeep/b.png,mel\na.png,nv\n",
        "\ufeffdx;Path\nnv;a.png\nmel;deep/b.png\n",
        "a.png\n\ndeep/b.png\n",
        'id\tfilename\n1\t"a.png"\n2\tdeep/b.png',
        "file\na.png\ndeep/b.png\n".encode("utf-16"),
    ],
)
def test_lists_as_they_are_written(tmp_path, text):
    first, second = save(tmp_path / "a.png", 1), save(tmp_path / "deep" / "b.png", 2)
    assert [one.path for one in files(tmp_path, text)] == [first, second]


def test_what_is_wrong_with_a_list_or_a_line_is_one_sentence(tmp_path):
    good = save(tmp_path / "a.png", 1)
    first, second = files(tmp_path, f"path\n{good}\nb.png\n")
    assert (first.fault, second.fault) == ("", f"There is no file or folder {tmp_path / 'b.png'}: check the path.")
    for text, said in (
        ("dx,age\nnv,3\n", "names no pictures: give the list a column 'file' with their paths or addresses, or one of"),
        (" \n\n", "is an empty list: give it a line for each picture."),
        (b"\0\1\2", "is no text: name pictures, a folder, an archive or a list of them."),
        ("file\n" + "a" * 200_000, "is a damaged list (field larger than field limit (131072)): look for a quotation"),
        ("file," + "a" * 200_000, "is a damaged list (field larger than field limit (131072)): look for a quotation"),
        ("file\nftp://host/a.png\n", "ftp://host/a.png is no address that Derm reads: use https://, http://, s3://,"),
    ):
        (one,) = files(tmp_path, text)
        assert said in one.fault


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize(("first", "last"), [(1, 3), (1, 4), (2, 3)])
def test_stray_quotation_marks_that_swallow_pictures_are_refused_in_every_column(tmp_path, mark, first, last):
    rows = [["id", "file", "note"], *([str(row), f"{row}.png", "5 mm"] for row in range(1, 6))]
    for column in range(3):
        for ending in ("", '"'):  # both before a cell, or around the rows between
            lines = [list(row) for row in rows]
            lines[first][column] = '"' + lines[first][column]
            lines[last][column] = lines[last][column] + ending if ending else '"' + lines[last][column]
            (one,) = files(tmp_path, "".join(f"{mark.join(line)}\n" for line in lines))
            assert (
                f"has a cell of several lines in line {first + 1}, which begins with '{rows[first][column]}"
                in one.fault
            )
        lines = [list(row) for row in rows]
        lines[first][column] = '"' + lines[first][column]
        (one,) = files(tmp_path, "\n".join(mark.join(line) for line in lines))
        assert "(a quotation mark is not closed)" in one.fault or f"of several lines in line {first + 1}" in one.fault


def test_a_note_of_several_lines_in_a_list_stays(tmp_path):
    first, second = save(tmp_path / "a.png", 1), save(tmp_path / "b.png", 2)
    found = files(tmp_path, 'file,note\na.png,"seen twice\nflat, brown, even"\nb.png,"6" mm, old\n')
    assert [(one.path, one.fault) for one in found] == [(first, ""), (second, "")]


def test_a_picture_called_text_is_a_picture(tmp_path):
    (tmp_path / "a.txt").write_bytes(encoded(picture(1)))
    (one,) = survey([tmp_path / "a.txt"]).files
    assert one.fault == ""


class Store:
    """An object store, or the web, in memory."""

    def __init__(self):
        self.content = {}

    def find(self, address):
        return [name for name in self.content if name.startswith(address.partition("://")[2])]

    def open(self, address, mode, **how):
        answer = self.content.get(address.partition("://")[2], FileNotFoundError())
        answer = answer.pop(0) if isinstance(answer, list) else answer
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)


@pytest.fixture
def store(monkeypatch):
    files = Store()
    monkeypatch.setattr(remote, "_file_system", lambda scheme: files)
    monkeypatch.setattr(remote, "fetch_web", lambda address, most: files.open(address, "rb").read(most))
    monkeypatch.setattr(remote, "WAITS", (0.0, 0.0))
    return files


def test_addresses_and_what_lies_below_them(store, tmp_path):
    for name in ("bucket/b.png", "bucket/deep/a.png", "bucket/notes.txt"):
        store.content[name] = encoded(picture(1))
    found = survey(["s3://bucket/", "gs://bucket/b.png"])
    assert [one.file for one in found.files] == ["s3://bucket/b.png", "s3://bucket/deep/a.png", "gs://bucket/b.png"]
    assert found.passed_over == {".txt": 1}
    assert found.files[0].source.remote
    (one,) = survey(["s3://nobody/"]).files
    assert one.fault == "No picture was found below s3://nobody/: check the address."


def test_faults_of_the_network_are_one_sentence_each(monkeypatch, store):
    one = remote.RemotePicture("https://host/a.png?X-Amz-Signature=secret")
    place = one.address.partition("://")[2]
    store.content[place] = [OSError("reset"), TimeoutError(), b"content"]
    assert one.read() == b"content"
    for answers, words in (
        ([FileNotFoundError()], r"There is nothing at https://host/a\.png: check the address"),
        ([PermissionError()], r"https://host/a\.png is not open to you: check your credentials"),
        ([RuntimeError("no route")] * 3, r"cannot be fetched \(RuntimeError: no route\): check address and network"),
        ([b""], "is empty"),
    ):
        store.content[place] = list(answers)
        with pytest.raises(ImageRefused, match=words):
            one.read()
        assert store.content[place] == []
    monkeypatch.setattr(remote, "MAX_BYTES", 3)
    monkeypatch.setattr("derm.image.decode.MAX_BYTES", 3)
    store.content[place] = b"content"
    with pytest.raises(ImageRefused, match="has 4 bytes, more than the 3"):
        one.read()


def test_secrets_of_addresses_stay_out_of_tables(store):
    for address, file in (
        ("https://me:word@host/a.png?id=3", "https://host/a.png?id=3"),
        ("https://host/a.png?X-Goog-Signature=abc&x=1", "https://host/a.png"),
    ):
        (one,) = survey([address]).files
        assert (one.file, one.path.name, one.source.address) == (file, "a.png", address)


def test_without_the_extra_one_sentence_names_it(monkeypatch):
    remote._file_system.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigFault, match=r"begin with s3:// need a package .* run pip install 'derm\[s3\]'"):
        survey(["s3://bucket/a.png"])
