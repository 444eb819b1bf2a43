"""The pictures in a ZIP or tar archive, read where they lie: nothing is unpacked to the disk.

Needs a file. What its members' headers claim is believed only as far as it can do no harm: sizes, names, ratios and
links are looked at before anything is read. Knows no model.
"""

import bz2
import gzip
import lzma
import re
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import IO, Any, NamedTuple

from derm.errors import ImageRefused
from derm.image.decode import check_bytes, image_name
from derm.image.kind import HEAD, is_picture
from derm.language.speech import mark, say, say_many
from derm.predict.found import FoundPicture, printable

MOST_TIMES = 200
"""Times its own size to which a compressed tar may unpack. Pictures hardly shrink; uncompressed ones of plain skin by
some 20 times; what unpacks to more was made to fill memory or disks."""

ALWAYS = 1_000_000_000
"""Bytes to which any may unpack."""

MOST_AT_ONCE = 1_000_000
"""Bytes that a tar's own headers may take, at most; long names take some thousand."""

FACTORS = (20, 32, 40, 50, 60, 64, 80, 100, 120, 126, 128, 160, 200, 256, 512, 1024, 2048)
"""How many blocks the records have to which tars are filled up, 20 unless somebody says otherwise (`tar -b`). Of any
number, what is lacking would be taken for such a filling."""

PACKED_ENDINGS = (".zip", ".tar", ".tgz", ".tbz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".jar")
"""Of archives and compressed files, in lower case."""

_COMPRESSED: dict[bytes, Callable[[Path], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_OTHERS = {
    b"7z\xbc\xaf\x27\x1c": mark("a 7z archive"),
    b"Rar!\x1a\x07": mark("a RAR archive"),
    b"\x28\xb5\x2f\xfd": mark("a Zstandard file"),
}
TOO_LARGE = mark(
    "{name} unpacks to more than {times} times its size, as no archive of pictures does: pack its pictures anew."
)

HIDDEN = mark("hidden")
NOT_ORDINARY = mark("no ordinary file")
OLDER = mark("older of the same name")
WITHOUT_ENDING = mark("without ending")
"""What members are counted as that are left out; the others by their ending."""

NAMED = 6
"""As many of these, at most, are named in a sentence."""

_DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, ValueError)
"""What the readers of archives raise on files that are cut short or damaged."""


class _TooLarge(ValueError):
    """A stream that unpacks to more than an archive of pictures does."""


def is_archive(path: Path) -> bool:
    """Whether a file is an archive, or compressed, by its first bytes; False where it cannot be read, or is no file."""
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
    except OSError:
        return False
    return head.startswith((*_ZIP, *_COMPRESSED, *_OTHERS)) or head[257:262] == b"ustar" or _is_old_tar(path, head)


def survey_archive(path: Path, passed_over: Counter[str]) -> list[FoundPicture]:
    """The pictures in an archive, in its own order; what is none is counted in `passed_over`.

    Members that cannot be asked about have their fault, and so has an archive that holds no picture, is damaged or of
    another kind. Of members that share a name the last one counts, as when they are unpacked.
    """
    name = printable(path)
    with path.open("rb") as stream:
        head = stream.read(6)
    for start, what in _OTHERS.items():
        if head.startswith(start):
            return [
                FoundPicture(
                    path,
                    say(
                        "{name} is {what}, which Derm does not open: unpack it, and name the folder.",
                        name=name,
                        what=say(what),
                    ),
                )
            ]
    found: dict[Path, FoundPicture] = {}
    before = passed_over.total()
    walk = _zip_members if head.startswith(_ZIP) else _tar_members
    try:
        _keep_last(walk(path, passed_over), found, passed_over)
    except _TooLarge:
        found[path] = FoundPicture(path, say(TOO_LARGE, name=name, times=MOST_TIMES))
    except (*_DAMAGED, NotImplementedError) as error:
        found[path] = FoundPicture(path, _sentence_of_damage(name, len(found), error))
    if not found:
        others = passed_over.total() - before
        if not others:
            return [
                FoundPicture(
                    path, say("No picture was found in {name}: name an archive or a folder of pictures.", name=name)
                )
            ]
        said = say_many(
            "No picture was found in {name}, but 1 other member: name an archive or a folder of pictures.",
            "No picture was found in {name}, but {count:,} other members: name an archive or a folder of pictures.",
            others,
            name=name,
        )
        return [FoundPicture(path, said)]
    return list(found.values())


def is_zip(content: bytes) -> bool:
    """Whether bytes are a ZIP archive, by their first ones."""
    return content.startswith(_ZIP)


def survey_zip(content: bytes, name: str, passed_over: Counter[str]) -> list[FoundPicture]:
    """`survey_archive` of a ZIP in memory. name: what the user calls it."""
    path = Path(image_name(name))
    found: dict[Path, FoundPicture] = {}
    try:
        _keep_last(_zip_members(path, passed_over, BytesIO(content)), found, passed_over)
    except (*_DAMAGED, NotImplementedError) as error:
        return [FoundPicture(path, _sentence_of_damage(printable(path), 0, error))]
    if not found:
        return [
            FoundPicture(
                path, say("No picture was found in {name}: open a ZIP of pictures, or pictures.", name=printable(path))
            )
        ]
    return list(found.values())


def _keep_last(members: Iterator[FoundPicture], found: dict[Path, FoundPicture], passed_over: Counter[str]) -> None:
    """Members by their path, the last of each name; the others are counted."""
    for one in members:
        if found.pop(one.path, None) is not None:
            passed_over[OLDER] += 1
        found[one.path] = one


class _Member(NamedTuple):
    """What an archive's header says of a member."""

    name: str
    size: int
    ordinary: bool
    """Whether it is a file, not a link, a device or a sparse one."""
    fault: str
    """Why it cannot be read, a sentence to be said with its `name`; else ''."""
    head: Callable[[], bytes]
    """Its first bytes."""


class ZipPicture(NamedTuple):
    """A picture in a ZIP."""

    archive: "OpenZip"
    member: zipfile.ZipInfo

    @property
    def remote(self) -> bool:
        """It is on a disk."""
        return False

    def read(self) -> bytes:
        """The content; ImageRefused where it is damaged."""
        return self.archive.read(self.member, self.member.file_size)


class OpenZip:
    """A ZIP archive that is being read; threads may share it."""

    def __init__(self, path: Path, stream: IO[bytes] | None = None) -> None:
        """stream: its content, where it lies in memory."""
        self.path = path
        self.packed = zipfile.ZipFile(stream or path)
        self._lock = Lock()

    def __reduce__(self) -> tuple[Callable[[Path], "OpenZip"], tuple[Path]]:
        """Travel to another process as a path, and be opened there once."""
        return _zip_of, (self.path.absolute(),)

    def read(self, member: zipfile.ZipInfo, count: int) -> bytes:
        """The first `count` bytes of a member, never more; ImageRefused where it is damaged."""
        try:
            with self._lock, self.packed.open(member) as stream:
                return stream.read(count)
        except (*_DAMAGED, NotImplementedError, RuntimeError) as error:
            raise _damaged(member.filename, self.path) from error


class TarPicture(NamedTuple):
    """A picture in a tar."""

    archive: "OpenTar"
    name: str
    start: int
    size: int

    @property
    def remote(self) -> bool:
        """It is on a disk."""
        return False

    def read(self) -> bytes:
        """The content; ImageRefused where it is damaged."""
        return self.archive.read(self.name, self.start, self.size)


class OpenTar:
    """A tar archive, compressed or not, that is read from where it was left; threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream: IO[bytes] | None = None
        self._lock = Lock()

    def __reduce__(self) -> tuple[Callable[[Path], "OpenTar"], tuple[Path]]:
        """Travel to another process as a path, and be opened there once."""
        return _tar_of, (self.path.absolute(),)

    def __del__(self) -> None:
        if self._stream is not None:
            self._stream.close()

    def read(self, name: str, start: int, size: int) -> bytes:
        """`size` bytes from `start` of what it unpacks to; a compressed one is begun anew to go backwards."""
        try:
            with self._lock:
                if self._stream is None:
                    self._stream = _opened(self.path)
                self._stream.seek(start)
                content = self._stream.read(size)
        except _DAMAGED as error:
            raise _damaged(name, self.path) from error
        if len(content) < size:
            raise _damaged(name, self.path)
        return content


@lru_cache(maxsize=4)
def _zip_of(path: Path) -> OpenZip:
    return OpenZip(path)


@lru_cache(maxsize=4)
def _tar_of(path: Path) -> OpenTar:
    return OpenTar(path)


def _zip_members(path: Path, passed_over: Counter[str], stream: IO[bytes] | None = None) -> Iterator[FoundPicture]:
    archive = OpenZip(path, stream)
    for info in archive.packed.infolist():
        if info.is_dir():
            continue
        kind = stat.S_IFMT(info.external_attr >> 16)
        member = _Member(
            info.filename,
            info.file_size,
            kind in (0, stat.S_IFREG),
            _zip_fault(info),
            lambda info=info: archive.read(info, HEAD),  # type: ignore[misc]
        )
        one = _found(path, member, passed_over)
        if one is not None:
            yield one if one.fault else one._replace(source=ZipPicture(archive, info))


def _zip_fault(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & 1:
        return mark("{name} is encrypted: unpack the archive with its password, and name the folder.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return mark(
            "{name} is compressed in a way that Derm does not read: pack it as ZIP with deflate, or not at all."
        )
    return ""


def _tar_members(path: Path, passed_over: Counter[str]) -> Iterator[FoundPicture]:
    archive = OpenTar(path)
    with _opened(path) as stream, tarfile.open(fileobj=_Bounded(stream, _limit(path)), mode="r:") as packed:  # type: ignore[call-overload]
        while (info := packed.next()) is not None:
            packed.members.clear()  # or a million of them would be kept
            if info.isdir():
                continue
            size, start = info.size, info.offset_data
            member = _Member(
                info.name,
                size,
                info.isreg() and not info.issparse(),
                "",
                lambda start=start, size=size: _at(stream, start, min(size, HEAD)),  # type: ignore[misc]
            )
            one = _found(path, member, passed_over)
            if one is not None:
                yield one if one.fault else one._replace(source=TarPicture(archive, info.name, start, size))
        _check_end(_Bounded(stream, _limit(path)), packed.offset)


def _check_end(stream: "_Bounded", place: int) -> None:
    """Raise ValueError where what stands at `place` is not a tar's end, for which tarfile takes a damaged header, zeros
    that stand for headers, and a file that ends between two members: two blocks of zeros, and more of them up to a
    whole record (POSIX, pax, "ustar Interchange Format"), see `FACTORS`."""
    stream.seek(place)
    size = place
    while content := stream.read(MOST_AT_ONCE):
        if content.strip(b"\0"):
            raise ValueError("what is no header")
        size += len(content)
    over = size - place - 2 * tarfile.BLOCKSIZE
    filled = any(over < tarfile.BLOCKSIZE * factor and not size % (tarfile.BLOCKSIZE * factor) for factor in FACTORS)
    if over < 0 or (over >= tarfile.RECORDSIZE and not filled):
        raise ValueError("another end than a tar has")


def _found(path: Path, member: _Member, passed_over: Counter[str]) -> FoundPicture | None:
    """A member where it is a picture, or may be one; else None, and it is counted."""
    parts = [part for part in member.name.replace("\\", "/").split("/") if part not in ("", ".")]
    last = parts[-1] if parts else ""
    ending = Path(last).suffix.lower()
    if not last or any(_is_hidden(part) for part in parts):
        passed_over[HIDDEN] += 1
        return None
    if not member.ordinary:
        passed_over[NOT_ORDINARY] += 1
        return None
    known = ending in PACKED_ENDINGS or is_picture(b"", ending)
    if not known and (member.fault or not is_picture(_head_of(member), ending)):
        passed_over[printable(ending) or WITHOUT_ENDING] += 1
        return None
    inner = path.joinpath(*(f"_{part}" if part == ".." else part for part in parts))
    return FoundPicture(inner, _fault(path, member, parts))


def _head_of(member: _Member) -> bytes:
    """The first bytes of a member; none where it is damaged."""
    try:
        return member.head()
    except ImageRefused:
        return b""


def _fault(path: Path, member: _Member, parts: list[str]) -> str:
    """Why a member that may be a picture cannot be asked about; '' where nothing is known."""
    last = parts[-1]
    if Path(last).suffix.lower() in PACKED_ENDINGS:
        return say("{name} is packed, too: unpack it, and name it by itself.", name=_inside(last, path))
    if member.name.startswith(("/", "\\")) or ".." in parts or re.match("[A-Za-z]:", member.name):
        return say(
            "{name} is named as if it lay outside of it: pack it anew, by its own name.", name=_inside(last, path)
        )
    if member.fault:
        return say(member.fault, name=_inside(last, path))
    try:
        check_bytes(member.size, image_name(last))
    except ImageRefused as error:
        return str(error)
    return ""


def _is_hidden(part: str) -> bool:
    return part == "__MACOSX" or (part.startswith(".") and part != "..")


def _inside(last: str, path: Path) -> str:
    return say("{name} in {archive}", name=image_name(last), archive=printable(path.name))


def _damaged(name: str, path: Path) -> ImageRefused:
    return ImageRefused(
        say("{name} is damaged or cut short: pack it again, or copy the archive anew.", name=_inside(name, path))
    )


def _sentence_of_damage(name: str, count: int, error: Exception) -> str:
    if isinstance(error, FileNotFoundError | PermissionError):
        return say("{name} cannot be read ({strerror}): check its permissions.", name=name, strerror=error.strerror)
    if not count:
        return say(
            "{name} is packed, but no archive of pictures that Derm can open, or damaged: copy or pack it again.",
            name=name,
        )
    return say(
        "{name} is damaged or cut short behind its first {count:,} pictures: copy or pack it again.",
        name=name,
        count=count,
    )


def _opened(path: Path) -> IO[bytes]:
    """What a tar unpacks to."""
    with path.open("rb") as stream:
        head = stream.read(6)
    for start, opener in _COMPRESSED.items():
        if head.startswith(start):
            opened: IO[bytes] = opener(path)
            return opened
    return path.open("rb")


def _limit(path: Path) -> int | None:
    """Bytes to which a compressed file may unpack; None for one that is not."""
    with path.open("rb") as stream:
        compressed = stream.read(6).startswith(tuple(_COMPRESSED))
    return max(ALWAYS, MOST_TIMES * path.stat().st_size) if compressed else None


def _at(stream: IO[bytes], start: int, count: int) -> bytes:
    stream.seek(start)
    return stream.read(count)


def _is_old_tar(path: Path, head: bytes) -> bool:
    """Tars from before the mark of 1988 have a sum in their header, and are asked for by their ending."""
    return path.suffix.lower() == ".tar" and len(head) == 512


class _Bounded:
    """A stream for `tarfile` that neither reads much at once, for a header's claim, nor beyond a limit."""

    def __init__(self, stream: IO[bytes], limit: int | None) -> None:
        self._stream, self._limit = stream, limit

    def read(self, count: int) -> bytes:
        """As of a file."""
        if count > MOST_AT_ONCE:
            raise ValueError(f"a header of {count} bytes")
        self._check(self._stream.tell() + count)
        return self._stream.read(count)

    def seek(self, place: int) -> int:
        """As of a file."""
        self._check(place)
        return self._stream.seek(place)

    def tell(self) -> int:
        """As of a file."""
        return self._stream.tell()

    def _check(self, place: int) -> None:
        if self._limit is not None and place > self._limit:
            raise _TooLarge(f"unpacks to more than {MOST_TIMES} times its size, as no archive of pictures does")
