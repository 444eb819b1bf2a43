"""Files that are whole or absent: written beside their place, flushed, then renamed; and read within limits.

A place that cannot be written is the user's to mend: ConfigFault. Knows nothing about what the files hold.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import re
import shutil
import stat
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path, PurePath
from typing import IO, Any, BinaryIO

from derm.errors import ConfigFault
from derm.language.speech import say

PART = ".part"
"""Ending of a file or folder that is being written. Its writer holds it, or a folder's file `HOLD`, see `hold`."""

HOLD = "being-written"
"""Held in a folder that is being made."""

ABANDONED = 24 * 3600
"""Seconds after which a file that is being written counts as abandoned where nothing tells whether its writer lives."""

EMPTY = 60
"""The same of a folder that holds nothing, not even `HOLD`."""

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
"""Errors of a disk that takes no more."""

MOST_JSON = 64 << 20
"""Bytes of a JSON file: curves of 100,000 pictures take a tenth of it."""


OWN_FILE = 0o600
"""Mode of a file that other accounts of the machine may not read."""


def write_whole(path: Path, write: Callable[[Path], None], mode: int = 0o644) -> None:
    """Let `write` fill a file beside `path`, then put it in place in one step.

    A kill at any moment leaves the old file or the new one, never a part; `path`'s folder is made. A link is followed,
    as is right for a place that the user has named; else see `unlinked`.
    mode: of the file, which only its owner may read until it is whole.
    Raises ConfigFault where nothing can be written, or `path` is a folder or a device.
    """
    _check_place(path)
    target = path.resolve()
    _sweep_once(target.parent)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=_prefix(target), suffix=PART)
        part = Path(name)
        with os.fdopen(handle, "rb") as own:
            try_hold(own)
            if os.name == "nt":  # which moves no open file
                own.close()
            try:
                write(part)
                part.chmod(mode)
                with part.open("rb+") as stream:
                    os.fsync(stream.fileno())
                part.replace(target)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unlinked(path: Path) -> Path:
    """`path`, a place in a folder that Derm writes, freed of a link: where it leads nobody has asked to write or clear.

    A folder of results that was unpacked from elsewhere may hold such. Raises ConfigFault where the link cannot go.
    """
    try:
        if path.is_symlink():
            path.unlink()
    except OSError as error:
        raise unwritable(path, error) from error
    return path


def replace_with(new: Path, place: Path) -> None:
    """Put a file that is whole at its `place` on the same disk, over what lies there; ConfigFault where that cannot."""
    try:
        new.replace(place)
    except OSError as error:
        raise unwritable(place, error) from error


def write_together(folder: Path, files: Mapping[str, bytes], known: Iterable[str]) -> None:
    """Put files that belong together, by their names below `folder`, in the place of those that lay there before.

    All are written beside their places first, then those of before go, then these come: a full disk leaves those of
    before, and whatever ends it later some of these alone, never files of both. A link is replaced, see `unlinked`.
    known: names that such files may have. ConfigFault where one of them is there that would stay, which may be work of
    somebody's hand, or something cannot be written.
    """
    stale = next((name for name in sorted(known) if name not in files and os.path.lexists(folder / name)), None)
    if stale is not None:
        raise ConfigFault(
            say(
                "{folder} holds {name} of another picture or another time, which would stay among these files: remove "
                "it, or name another folder.",
                folder=folder,
                name=stale,
            )
        )
    make_folder(folder)
    for name in files:
        place = folder / name
        if place.parent != folder:
            make_folder(unlinked(place.parent))
        if not place.is_symlink():
            _check_place(place)
    if not files:
        return
    with making_folder(unlinked(folder / next(iter(files)))) as beside:
        for name, content in files.items():
            write_bytes(beside / name, content)
        for name in files:
            try:
                (folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(folder / name, error) from error
        for name in files:
            replace_with(beside / name, folder / name)


def unwritable(path: Path, error: OSError) -> ConfigFault:
    """What is said of a file or folder that the system does not let be written, such as on a full disk."""
    # In the system's words: those of Arrow tell of its own working.
    reason = os.strerror(error.errno) if error.errno else error.strerror
    return ConfigFault(
        say("{path} cannot be written ({strerror}): name a place with room for it.", path=path, strerror=reason)
    )


@contextlib.contextmanager
def making_folder(target: Path) -> Iterator[Path]:
    """An empty folder beside `target` to fill, for the `with` block to rename to `target`; what is left of it goes.

    What such makers have left beside `target` that were killed goes, too. Raises ConfigFault where it cannot be made,
    `target` is a link that leads nowhere, over which no folder can be renamed, or came to hold something meanwhile.
    """
    if target.is_symlink() and not target.exists():
        raise ConfigFault(
            say("{target} is a link that leads nowhere: remove it, or name another folder.", target=target)
        )
    make_folder(target.parent)
    sweep(target.parent)
    try:
        beside = Path(tempfile.mkdtemp(dir=target.parent, prefix=_prefix(target), suffix=PART))
        try:
            with (beside / HOLD).open("wb") as own:
                try_hold(own)
                (beside / "whole").mkdir()
                yield beside / "whole"
        finally:
            shutil.rmtree(beside, ignore_errors=True)
    except (OSError, ConfigFault) as error:
        if _is_taken(target, error):
            raise ConfigFault(
                say(
                    "{target} was made by another program meanwhile, and stays as it is: name another folder.",
                    target=target,
                )
            ) from error
        cause = error if isinstance(error, OSError) else error.__cause__  # a file in it, under a name nobody knows
        if not isinstance(cause, OSError) or cause.errno not in NO_ROOM:
            raise
        raise unwritable(target, cause) from error


def _is_taken(target: Path, error: Exception) -> bool:
    """Whether a folder could not be put at `target` because something lies there by now."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
        return False
    return str(target) in (str(error.filename), str(error.filename2))


def make_folder(folder: Path) -> None:
    """Make `folder` and those above it; ConfigFault where it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigFault(
            say(
                "The folder {folder} cannot be made ({strerror}): name another one.",
                folder=folder,
                strerror=error.strerror,
            )
        ) from error
    if not os.access(folder, os.W_OK):
        raise ConfigFault(
            say("The folder {folder} cannot be written to: name another one, or change its permissions.", folder=folder)
        )


def reserve(stream: BinaryIO, size: int) -> None:
    """Take the room for `size` bytes of an open, new file at once: OSError where there is none.

    What is written through a map of a file that the disk has no room for ends the process (SIGBUS), without an error.
    """
    try:
        os.posix_fallocate(stream.fileno(), 0, size)
        return
    except AttributeError:  # macOS and Windows, which have it not
        pass
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):  # of disks that have it not
            raise
    place = stream.seek(0, os.SEEK_END)
    while place < size:
        place += stream.write(bytes(min(1 << 20, size - place)))
    stream.flush()


def close_to_others(path: Path) -> None:
    """Take from other accounts of the machine what they may do with `path`, where it is this account's own.

    Nothing happens on Windows, which has no such modes, nor where `path` is gone or on a disk without them.
    """
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        told = path.stat()
        if told.st_uid == os.geteuid() and told.st_mode & 0o077:
            path.chmod(stat.S_IMODE(told.st_mode) & ~0o077)


def check_file(path: Path) -> None:
    """Refuse a place where no table or text can be written before hours are spent on it; its folder is made.

    Raises ConfigFault, also where a picture lies there: it would be lost, and may be the one that was asked about.
    """
    _check_place(path)
    if is_there(path) and _is_picture(path):
        raise ConfigFault(say("{path} is a picture, which would be lost: name another file.", path=path))


def _is_picture(path: Path) -> bool:
    """Whether a file begins as pictures do."""
    try:
        with open_ordinary(path) as stream:
            head = stream.read(132)
    except OSError:
        return False
    bitmap = head.startswith(b"BM") and head[6:10] == bytes(4)
    return (
        bitmap or head.startswith(_PICTURES) or head[4:8] == b"ftyp" or head[8:12] == b"WEBP" or head[128:] == b"DICM"
    )


_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
"""How files of JPEG, PNG, GIF and TIFF begin."""


def _check_place(path: Path) -> None:
    """Refuse a place where no file can be written: ConfigFault; its folder is made."""
    try:
        path.resolve()
    except (OSError, RuntimeError) as error:
        raise ConfigFault(
            say("{path} is a link that leads to itself: remove it, or name another file.", path=path)
        ) from error
    if path.is_dir():
        raise ConfigFault(
            say("{path} is a folder: name a file in it, as {example}.", path=path, example=path / "out.csv")
        )
    if path.exists() and not path.is_file():
        raise ConfigFault(say("{path} is no ordinary file: name another one.", path=path))
    make_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what writers have left in `folder` that were killed: files and folders that nobody holds any more."""
    with contextlib.suppress(OSError):
        for part in folder.glob(".*"):
            if (_is_written(part) or _is_former(part)) and _is_abandoned(part):
                if part.is_dir() and not part.is_symlink():
                    shutil.rmtree(part, ignore_errors=True)
                else:
                    part.unlink(missing_ok=True)


def _is_written(path: Path) -> bool:
    """Whether a file or folder bears a name of what is being written, see `_prefix`; others end in `PART`, too."""
    return re.fullmatch(rf"\..+\.[a-z0-9_]{{8}}{re.escape(PART)}", path.name, re.DOTALL) is not None


def _is_former(path: Path) -> bool:
    """Whether a folder bears the name under which older versions decoded pictures and drew data sets."""
    return re.fullmatch(r"\.([0-9a-f]{16}-\d+(-\w+)?|drawn-\d+-\d+)\.\w{8}", path.name) is not None and path.is_dir()


def _prefix(target: Path) -> str:
    """How the name of what is being written begins: short enough for every disk."""
    return f".{target.name.encode(errors='ignore')[:120].decode(errors='ignore')}."


@lru_cache(maxsize=4096)
def _sweep_once(folder: Path) -> None:
    """`sweep`, at this process's first write into `folder`: a folder of ten thousand files is not listed each time."""
    sweep(folder)


def _is_abandoned(part: Path) -> bool:
    """Whether the writer of `part` is gone."""
    held = part / HOLD if part.is_dir() else part
    age = time.time() - part.lstat().st_mtime
    empty = part.is_dir() and not any(part.iterdir())  # as a maker has it for a moment, or leaves it in its last one
    old = age > (EMPTY if empty else ABANDONED)
    try:
        with open_ordinary(held) as stream:
            found = try_hold(stream)
    except OSError:  # a folder that is just being made, or what may not be read
        return old
    return old if found is None else found


def try_hold(stream: IO[Any] | int) -> bool | None:
    """Hold an open file or a descriptor, see `hold`; False where another has it, None where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a network disk without locks
        return None
    return True


@contextlib.contextmanager
def alone_in(folder: Path, patience: float, busy: str) -> Iterator[None]:
    """Let no other process or thread that asks, too, work in `folder` meanwhile; ConfigFault, `busy`, where one has not
    ended after `patience` seconds.

    The folder itself is locked, so that no lock file is left in it; where there are no such locks, nothing is.
    """
    try:
        lock = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows opens no folder
        yield
        return
    try:
        until = time.monotonic() + patience
        while try_hold(lock) is False:
            if time.monotonic() > until:
                raise ConfigFault(busy)
            time.sleep(0.02)
        yield
    finally:
        os.close(lock)


def without_ending(name: str) -> str:
    """A file's `name` without its ending. Digits after the last dot are none, but the end of a DICOM file's UID, which
    is often all of its name."""
    path = PurePath(name)
    return name if path.suffix[1:].isdecimal() else name.removesuffix(path.suffix)  # a stem has no slash


def as_text(name: str) -> str:
    """`name` as JSON and tables can hold it: bytes of a file's name that are no UTF-8 are written as '\\udcff'."""
    return name.encode(errors="backslashreplace").decode()


def part_by_text(places: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Those of `places` whose path is text in UTF-8, which a page can show and remember, and of the others the names as
    `as_text` writes them."""
    told, odd = [], []
    for place in places:
        if as_text(str(place)) == str(place):
            told.append(place)
        else:
            odd.append(as_text(place.name))
    return told, odd


def shorten(name: str, most: int) -> str:
    """`name` in at most that many characters, without its middle, for names differ at their end."""
    tail = most * 2 // 3
    return name if len(name) <= most else f"{name[: most - tail - 1]}…{name[-tail:]}"


def portable_name(name: str) -> str:
    """`name` as every disk takes it, Windows' too, with `_` for what it does not: the name itself where it is fine.

    No control characters, none of < > : " / \\ | ? *, no dot or space at the end, no name of a device such as CON or
    com1.txt.
    """
    plain = "".join("_" if letter in _REFUSED or not letter.isprintable() else letter for letter in name)
    plain = re.sub(r"[. ]+$", lambda found: "_" * len(found[0]), plain)
    return f"_{plain}" if _DEVICE.fullmatch(plain) else plain


_REFUSED = frozenset('<>:"/\\|?*')
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)


def real_path(path: Path) -> Path:
    """`path` from the root on, its links followed, where they lead anywhere: `Path.resolve` raises RuntimeError for one
    that leads to itself, in which there is nothing to be found."""
    return Path(os.path.realpath(path))


def is_there(path: Path) -> bool:
    """Whether `path` is an ordinary file that may be looked at; a folder that nobody may enter holds none."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_named(path: Path) -> bool:
    """Whether anything bears this name: also a folder, a pipe, a link that leads nowhere, as to a disk that is not
    mounted, and what this user may not look at.

    To be asked before something else takes the place of a user's own file: what is there is read or refused.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def open_ordinary(path: Path) -> io.BufferedReader:
    """The ordinary file at `path`, open for reading; OSError for anything else, such as a pipe, never waited for.

    FileNotFoundError means that nothing is there: a link that leads nowhere is another OSError.
    """

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))

    try:
        stream: io.BufferedReader = open(path, "rb", opener=opened)  # noqa: SIM115 (Path.open takes no opener)
    except FileNotFoundError as error:
        if path.is_symlink():
            raise OSError(errno.EINVAL, "it is a link that leads nowhere", str(path)) from error
        raise
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise OSError(errno.EINVAL, "it is no ordinary file", str(path))
    return stream


def stamp_of(path: Path) -> tuple[int, int, int]:
    """What tells the file at `path` from the next one there: its number on the disk, when it was written, and its size;
    OSError where there is none."""
    told = path.stat()
    return told.st_ino, told.st_mtime_ns, told.st_size


def stamp_now(path: Path) -> tuple[int, ...]:
    """As `stamp_of`; () where there is no ordinary file, also one that has just gone."""
    with contextlib.suppress(OSError):
        if path.is_file():
            return stamp_of(path)
    return ()


def files_now(*paths: str) -> tuple[tuple[int, ...], ...]:
    """What tells files from the next ones in their place, () for '' and for one that is not there."""
    return tuple(stamp_now(Path(path)) if path else () for path in paths)


def closed(error: PermissionError, path: Path) -> str:
    """What is said of a file or folder that this user may not read, with its cure. path: where the error names none."""
    return say(
        "{path} may not be read by this user: let its owner allow it (chmod g+r, and g+x for the folders above it), or "
        "change the owner (chown).",
        path=os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else path,
    )


def read_file(path: Path, most: int) -> bytes:
    """The bytes of an ordinary file; OSError as `open_ordinary`, ValueError where it has more than `most` bytes."""
    with open_ordinary(path) as stream:
        size = os.fstat(stream.fileno()).st_size
        content = stream.read(min(size, most) + 1)
    if len(content) > most:
        raise ValueError(f"it has {max(size, len(content)):,} bytes, more than the {most:,} that are read")
    return content


def read_json(path: Path, most: int = MOST_JSON) -> Any:  # noqa: ANN401 (whatever JSON holds)
    """What the JSON file at `path` holds; OSError and ValueError as `read_file` raises them, or where it is no JSON."""
    return parse_json(read_file(path, most))


def parse_json(content: bytes) -> Any:  # noqa: ANN401
    """What JSON holds; ValueError where it is none, is nested too deeply, or has text that no file can hold."""
    try:
        found = json.loads(content)
        if b"\\ud" in content.lower():  # half of a pair of surrogates is JSON, and no text
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return found


def write_bytes(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` to `path`, whole or not at all; mode as of `write_whole`."""

    def fill(part: Path) -> None:
        part.write_bytes(content)

    write_whole(path, fill, mode)


def zip_member(name: str, on: date | None = None) -> zipfile.ZipInfo:
    """A member of a ZIP archive of that name and day, or of now. The year is one of 1980 to 2107, for no ZIP holds
    another, and the clock of a machine without a battery begins in 1970."""
    year, *others = time.localtime()[:6] if on is None else (on.year, on.month, on.day, 0, 0, 0)
    return zipfile.ZipInfo(name, (min(max(year, 1980), 2107), *others))  # type: ignore[arg-type]  # six in all


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all; never over a picture, see `check_file`.

    Raises ConfigFault for the name of a file that is no UTF-8, see `as_text`.
    """
    check_file(path)
    try:
        content = text.encode()
    except UnicodeEncodeError as error:
        line = text[text.rfind("\n", 0, error.start) + 1 :].partition("\n")[0]
        raise ConfigFault(
            say(
                "{path} cannot be written, for it would hold a file's name that is not UTF-8 ({name}): rename that "
                "file or folder.",
                path=path,
                name=shorten(as_text(line.strip()), 120),
            )
        ) from error
    write_bytes(path, content)


def write_json(path: Path, content: object) -> None:
    """Write `json_text` to `path`, whole or not at all."""
    write_text(path, json_text(content))


def json_text(content: object) -> str:
    """`content` as indented JSON, as it stands in a file; NaN is an error, undefined is null."""
    return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def open_lock(path: Path) -> BinaryIO:
    """The ordinary file at `path`, made where there is none, open to be held, see `hold`; ConfigFault for another one.

    A link is not followed, for whatever it leads to would be written, and a pipe is never waited for.
    """

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0), 0o666)

    try:
        stream: BinaryIO = open(path, "ab", opener=opened)  # noqa: SIM115 (Path.open takes no opener)
    except OSError as error:
        if is_named(path) and not (is_there(path) and not path.is_symlink()):
            raise ConfigFault(say("{path} is no ordinary file: delete it.", path=path)) from error
        raise unwritable(path, error) from error
    if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        stream.close()
        raise ConfigFault(say("{path} is no ordinary file: delete it.", path=path))
    return stream


def hold(stream: IO[Any], patience: float = 1.0) -> bool:
    """Hold the open file for this process, and those that inherit it, until it is closed; False where another has it.

    Tried for `patience` seconds, because `is_held` has the file for a moment, too. Raises ConfigFault where the system
    has no such locks, as Windows.
    """
    until = time.monotonic() + patience
    while not (held := try_hold(stream)):
        if held is None:
            raise ConfigFault(
                say(
                    "Training needs a file lock that processes inherit, which Windows and some network disks do not "
                    "have: train in WSL or on Linux, on a disk of this machine."
                )
            )
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def is_held(path: Path) -> bool:
    """Whether a living process holds the file at `path`, see `hold`; False where there is none, or nothing can."""
    try:
        import fcntl
    except ImportError:  # Windows, where no run is trained
        return False
    try:
        with open_ordinary(path) as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # none there, a folder, or a file that may not be read: nobody's lock
        return False
    return False


def sha256(path: Path) -> str:
    """The SHA-256 of the ordinary file at `path`, as 64 hexadecimal digits; OSError as `open_ordinary`."""
    with open_ordinary(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
