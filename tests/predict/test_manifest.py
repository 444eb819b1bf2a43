"""Lists of files and addresses, and what is read at addresses."""

import io
import re
import sys
from hashlib import sha256

import pytest
from pictures import encoded, picture, save

from derm.errors import ConfigFault, ImageRefused
from derm.predict import remote
from derm.predict.folder import name_images, survey
from derm.predict.mask_files import origin_of
from derm.predict.record import Settings

SETTINGS = Settings("derm 01234567", "89abcdef", 1, 0.2, 0.2)


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
        ("https://host/a.png?X-Goog-Signature=abc&x=1&X-Goog-Date=5", "https://host/a.png?x=1"),
        ("https://host/a.png?sv=2024&st=1&se=2&sp=r&sr=b&sig=abc", "https://host/a.png"),
        ("https://host/a.png?Expires=1&Signature=abc&Key-Pair-Id=K1", "https://host/a.png"),
        ("https://host/a.png?id=3;token=abc", "https://host/a.png?id=3;token=~ba7816bf8f01cfea"),
        ("https://host/a.png?to%6ben=abc", "https://host/a.png?to%6ben=~ba7816bf8f01cfea"),
        (
            "https://host/a.png?u=http://x/?key=abc",
            f"https://host/a.png?u=~{sha256(b'http://x/?key=abc').hexdigest()[:16]}",
        ),
    ):
        (one,) = survey([address]).files
        assert (one.file, one.path.name, one.source.address) == (file, "a.png", address)
        assert "word" not in str(one.path)
        assert "abc" not in str(one.path)
    (one,) = survey(["ftp://me:word@host/img?token=abc"]).files
    assert (one.file, one.path.name) == ("ftp://host/img?token=~ba7816bf8f01cfea", "img")
    error = OSError("no '/img?token=a  b' at me:word@host")
    assert remote._reason(error, "https://me:word@host/img?token=a  b") == "OSError: no '/img?…' at …@host"


def test_addresses_that_differ_are_pictures_of_their_own(store):
    addresses = [
        *(f"https://host/img?id={name}&token=abc" for name in ("p1", "p2", "P2", "a/b", "a%2Fb", ".", "..", "")),
        *(f"https://host/img?key={name}" for name in ("p1", "p2")),
        *(f"https://host/img?{name}" for name in ("p1", "p2", "p1&", "a=1;b=2", "a=1&b=2")),
        *(f"https://host/{path}" for path in ("img", "/img", "a/../img", "./img", "img/", "%3Fp1/img", "~p1/img")),
        *(f"https://host/{path}" for path in ("ä.png", "%C3%A4.png", "%c3%a4.png", "%00.png", "%2500.png", "%ff")),
        *(f"https://host/{path}" for path in ("x%2Fy.png", "x/y.png", "x%252Fy.png", "%41.png", "A.png", "", ".")),
        *("https://host", "https://../img", "https:///img", "http://host/img"),
        *(f"s3://bucket/{key}" for key in ("a#1.png", "a#2.png", "a?1.png", "a?2.png", "a%201.png", "a 1.png")),
    ]
    files = survey(addresses).files
    assert [one.source.address for one in files] == addresses
    assert len({one.file for one in files}) == len(addresses)
    names = name_images([one.path for one in files])
    assert len(set(names)) == len(addresses)
    assert len({origin_of(one.path, "", SETTINGS).picture for one in files}) == len(addresses)
    assert not any("abc" in text for one, name in zip(files, names, strict=True) for text in (one.file, name))
    assert name_images([one.path for one in survey(addresses[8:10]).files]) == [
        f"?key=~{sha256(name).hexdigest()[:16]}/img" for name in (b"p1", b"p2")
    ]


@pytest.mark.parametrize(
    "line", ["http://[::1/x.png", "https://me:word@[bad]/x.png", "http://a\u2100b/x", "http://h:x/"]
)
def test_a_line_that_is_no_address_costs_its_own_row(tmp_path, line):
    save(tmp_path / "a.png", 1)
    (tmp_path / "list.txt").write_text("\n" * 4096 + f"a.png\n{line}\nb\0.png\nhttp://h/a%00b.png\n")
    good, bad, zero, far = survey([tmp_path / "list.txt"]).files
    assert not good.fault
    assert re.fullmatch(r"\S+ is no address that can be asked \(ValueError: .*\): check its spelling\.", bad.fault)
    assert "word" not in bad.fault + bad.file + str(bad.path)
    assert zero.fault == f"There is no file or folder {tmp_path}/b\\x00.png: check the path."
    assert (far.fault, far.source.address) == ("", "http://h/a%00b.png")
    names = name_images([one.path for one in (good, bad, zero, far)])
    assert len(set(names)) == 4
    assert all("\0" not in name for name in names)


def test_without_the_extra_one_sentence_names_it(monkeypatch):
    remote._file_system.cache_clear()
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(ConfigFault, match=r"begin with s3:// need a package .* run pip install 'derm\[s3\]'"):
        survey(["s3://bucket/a.png"])
