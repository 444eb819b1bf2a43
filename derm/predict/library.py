"""A library of confirmed cases on disk: vectors to search by, what is known of each case, and a small picture of it.

Needs a folder that `LibraryWriter` wrote. All but the pictures is read into memory, and their file kept open, so that a
library that is open goes on as it was where another one takes its place. Knows no way to search, and nothing of pages.
"""

import hashlib
import io
import math
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from tokenize import TokenError
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.files import (
    closed,
    is_named,
    make_folder,
    making_folder,
    open_lock,
    open_ordinary,
    read_file,
    read_json,
    sha256,
    stamp_of,
    try_hold,
    unlinked,
    write_json,
)
from derm.json_checks import is_number_or_none, is_text_or_none
from derm.language.speech import mark, say
from derm.model.description import check_seal, sealed

ABOUT = "library.json"
"""Names the folder of the parts, and is replaced last and in one step: a folder without it is no library."""

FORMAT = 2

UNHASHED = 1
"""Format of libraries from before parts were under hashes: they lie beside `ABOUT`, and have no `CHECKED`."""

LOCK = "lock"
"""Held by who builds, so that a second build is refused at once."""

CURE = mark("build it again with `derm library build`")

COLUMNS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "dx": (np.uint8, ()),
    "confirmed": (np.uint8, ()),
    "source": (np.uint16, ()),
    "lesion": (np.uint64, ()),
    "name": (np.uint64, ()),
    "look": (np.uint64, (2,)),
    "label": (np.uint64, (2,)),
    "picture": (np.uint64, (2,)),
    "checksum": (np.uint64, ()),
}
"""Of the table of cases, each a file NAME.npy with a row a case: dtype and shape of a row. dx: place in `CODES`.
confirmed, source: places in the lists of the description. lesion, name: digests, see `digest`. look: hash of the
picture (`derm.data.looks`). label, picture: first byte and one past the last, in labels.bin and pictures.bin.
checksum: of the picture, see `_checksum`: all those of a million cases are too much to be read at each opening."""

CHECKED = "checksum"

VECTORS = "vectors.npy"
BASIS = "basis.npy"
SCORES = "malignant.npy"
LABELS, PICTURES = "labels.bin", "pictures.bin"

PARTS = re.compile(r"parts-[0-9a-f]{8}")
"""Name of a folder of parts, each build's its own."""

MOST_SCORE = 1.001
"""A sum of probabilities in float32 may come out a little above 1."""

MOST_LABEL, MOST_PICTURE = 4096, 1 << 20
"""Bytes of one, at most."""

MOST_HEAD = 1 << 16
"""Bytes before the numbers of an array's file, at most."""

MOST_BASIS = 64 << 20
"""Bytes of the basis: of 1,280 features on as many directions it has 6.6 MB."""


class LibraryCase(NamedTuple):
    """One case on its way into a library."""

    label: str
    """What it is called where it is shown; '' for a number."""

    name: str
    """Of its picture, by which it is known again; only a digest is kept."""

    lesion: str
    """Of its lesion, likewise."""

    dx: str
    """One of `CODES`."""

    confirmed: str
    """How the diagnosis was confirmed: histo, follow_up, consensus, confocal, or another word."""

    source: str
    look: NDArray[np.uint64]
    """Uint64 (2,), see `derm.data.looks.long_hashes`."""

    picture: bytes
    """A small JPEG file."""


@dataclass(frozen=True, eq=False)
class Library:
    """An open library of n cases."""

    folder: Path
    weights: str
    """SHA-256 of the weights whose features the vectors are."""

    confirmations: tuple[str, ...]
    sources: tuple[str, ...]

    vectors: NDArray[np.float16]
    """Float16 (n, k), of length 1."""

    basis: NDArray[np.float32]
    """Float32 (k + 1, C): the features' mean, then the directions on which they are projected, scaled."""

    columns: dict[str, NDArray[Any]]
    """See `COLUMNS`; without `CHECKED` of a library from before there were hashes."""

    labels: bytes
    """Those of labels.bin."""

    pictures: "PictureFile"

    scores: NDArray[np.float32] | None = None
    """Float32 (n,): the malignant sum that the weights give each case, 0 … 1; None in libraries from before
    they were kept."""

    network_id: str | None = None
    """`Model.network_id` of the weights; None in libraries from before it was kept."""

    temperature: float | None = None
    """Of the weights when the sums were made, which a calibration changes; None in libraries from before."""

    def __len__(self) -> int:
        return len(self.vectors)

    def project(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Pooled features, float (n, C), as vectors of length 1, float32 (n, k)."""
        return project(features, self.basis)

    def label(self, row: int) -> str:
        """What the case in `row` is called."""
        start, end = self.columns["label"][row]
        return self.labels[int(start) : int(end)].decode(errors="replace") or f"Case {row + 1:,}"

    def picture(self, row: int) -> bytes:
        """The small picture of the case in `row`, a JPEG file; DataFault where it is another than was written."""
        start, end = self.columns["picture"][row].tolist()
        try:
            content = self.pictures.read(start, end)
        except (OSError, EOFError) as error:
            raise _damaged(self.folder) from error
        if CHECKED in self.columns and _checksum(content) != self.columns[CHECKED][row]:
            raise _damaged(self.folder)
        return content


class PictureFile:
    """The file pictures.bin, kept open: so a picture is that of its case, whatever lies in the folder by now. Threads
    may share it. Never mapped into memory: a file that is cut short then, or whose disk goes away, ends the process.
    """

    def __init__(self, path: Path) -> None:
        """OSError where there is no such file."""
        self._stream, self._lock = open_ordinary(path), Lock()
        self.size = os.fstat(self._stream.fileno()).st_size

    def __del__(self) -> None:
        if hasattr(self, "_stream"):
            self._stream.close()

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`; OSError or EOFError where they are not there any more."""
        with self._lock:
            self._stream.seek(start)
            content = self._stream.read(end - start)
        if len(content) < end - start:
            raise EOFError("the file was cut short")
        return content


def project(features: NDArray[np.floating[Any]], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pooled features, float (n, C), on a basis, float32 (k + 1, C), and of length 1: float32 (n, k)."""
    found = (features.astype(np.float32) - basis[0]) @ basis[1:].T
    length = np.linalg.norm(found, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(found, length, out=np.zeros_like(found), where=length > 0)
    return unit


def digest(text: str) -> int:
    """A number of 64 bits for a name, the same in any case of letters."""
    return _checksum(text.casefold().encode())


def _checksum(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def library_stamp(folder: Path) -> tuple[int, int, int] | None:
    """What changes when another library takes the place of the one in `folder`; None where there is none.

    Raises DataFault where this user may not look. A link that leads nowhere is a library, which cannot be opened.
    """
    try:
        return stamp_of(folder / ABOUT)
    except PermissionError as error:
        raise DataFault(closed(error, folder)) from error
    except OSError:
        return (0, 0, 0) if is_named(folder / ABOUT) else None


def open_library(folder: Path) -> Library:
    """Open the library in `folder`; DataFault where there is none, it may not be read, or it is damaged."""
    stamp = library_stamp(folder)
    try:
        return _open(folder)
    except DataFault:
        if library_stamp(folder) == stamp:
            raise
        return _open(folder)  # a build ended in between, and took the parts away


def find_library(folder: Path) -> Library | None:
    """As `open_library`; None where `folder` holds no library."""
    return None if library_stamp(folder) is None else open_library(folder)


def _open(folder: Path) -> Library:
    about = _read_about(folder)
    known = about["sha256"] if about["format"] == FORMAT else None
    place = folder if known is None else folder / about["parts"]
    names = [name for name in COLUMNS if known is not None or name != CHECKED]
    cases = about["cases"]
    try:
        basis = _array(place / BASIS, known, MOST_BASIS)
        columns = {
            name: _array(place / f"{name}.npy", known, cases * 8 * math.prod(COLUMNS[name][1])) for name in names
        }
        library = Library(
            folder,
            about["weights"],
            tuple(about["confirmations"]),
            tuple(about["sources"]),
            _array(place / VECTORS, known, cases * 2 * sum(basis.shape)),
            basis,
            columns,
            _bytes(place / LABELS, known, cases * MOST_LABEL),
            PictureFile(place / PICTURES),
            _array(place / SCORES, known, cases * 4) if about.get("scores") is True else None,
            about.get("network_id"),
            about.get("temperature"),
        )
    except PermissionError as error:
        raise DataFault(closed(error, place)) from error
    except (OSError, ValueError, EOFError, OverflowError, SyntaxError, TokenError) as error:
        raise _damaged(folder) from error
    _check(library, about)
    return library


def _damaged(folder: Path) -> DataFault:
    return DataFault(say("The library {folder} is damaged or incomplete: {cure}.", folder=folder, cure=say(CURE)))


class LibraryWriter:
    """Writes a library case by case, to be used in a `with` block; it takes its place in one step when the block ends.

    Until then, and for good where the block is left by an error or a kill, the library that was there stays whole.
    Raises ConfigFault where nothing can be written, or another build is at work in the folder.
    """

    def __init__(
        self,
        folder: Path,
        weights: str,
        basis: NDArray[np.float32] | None = None,
        *,
        network_id: str | None = None,
        temperature: float | None = None,
    ) -> None:
        """weights, network_id, temperature: as of `Library`. basis: likewise; to be set before the first case is added
        where it is not known yet."""
        self.folder, self.weights, self.basis = folder, weights, basis
        self.network_id, self.temperature = network_id, temperature
        self.parts: list[dict[str, NDArray[Any]]] = []
        self.confirmations: dict[str, int] = {}
        self.sources: dict[str, int] = {}
        self.files: dict[str, IO[bytes]] = {}
        self.scores: list[NDArray[np.floating[Any]] | None] = []
        self.place = folder / f"parts-{secrets.token_hex(4)}"
        self.part = self.place
        self.opened = ExitStack()

    def __enter__(self) -> Self:
        make_folder(self.folder)
        with self.opened as opened:
            try:
                lock = opened.enter_context(open_lock(self.folder / LOCK))
                if try_hold(lock) is False:
                    raise ConfigFault(
                        say(
                            "The library {folder} is being built already: wait for that, or name another folder.",
                            folder=self.folder,
                        )
                    )
                self.part = opened.enter_context(making_folder(self.place))
                self.files = {name: opened.enter_context((self.part / name).open("wb")) for name in (LABELS, PICTURES)}
            except OSError as error:
                raise self._fault(error) from error
            self.opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with self.opened:
                if error is None:
                    self._finish()
        except OSError as fault:
            raise self._fault(fault) from fault
        except ConfigFault as fault:  # of a folder or file in it that nobody has named
            if isinstance(fault.__cause__, OSError):
                raise self._fault(fault.__cause__) from fault
            raise

    def add(
        self,
        cases: Sequence[LibraryCase],
        features: NDArray[np.floating[Any]],
        scores: NDArray[np.floating[Any]] | None = None,
    ) -> None:
        """Add cases with their pooled features, float (n, C), and their malignant sums, float (n,), where known."""
        if self.basis is None:
            raise ValueError("no basis was set before the first case")
        self.scores.append(scores)
        rows: dict[str, list[Any]] = {
            "dx": [CODES.index(case.dx) for case in cases],
            "confirmed": [self.confirmations.setdefault(case.confirmed, len(self.confirmations)) for case in cases],
            "source": [self.sources.setdefault(case.source, len(self.sources)) for case in cases],
            "lesion": [digest(case.lesion) for case in cases],
            "name": [digest(case.name) for case in cases],
            "look": [case.look for case in cases],
            "label": [self._append(LABELS, case.label.encode()) for case in cases],
            "picture": [self._append(PICTURES, case.picture) for case in cases],
            "checksum": [_checksum(case.picture) for case in cases],
        }
        columns = {
            name: np.array(rows[name], dtype=kind).reshape(len(cases), *shape)
            for name, (kind, shape) in COLUMNS.items()
        }
        self.parts.append({"vectors": project(features, self.basis).astype(np.float16), **columns})

    def _append(self, name: str, content: bytes) -> tuple[int, int]:
        file = self.files[name]
        try:
            start = file.tell()
            file.write(content)
        except OSError as error:
            raise self._fault(error) from error
        return start, start + len(content)

    def _finish(self) -> None:
        """Write the parts that are left, and put the library in its place; OSError where there is no room."""
        if self.basis is None:
            raise ValueError("no basis was set")
        empty = {"vectors": np.zeros((0, len(self.basis) - 1), np.float16)}
        empty |= {name: np.zeros((0, *shape), kind) for name, (kind, shape) in COLUMNS.items()}
        for name in empty:
            _save(self.part / f"{name}.npy", np.concatenate([empty[name], *(part[name] for part in self.parts)]))
        _save(self.part / BASIS, self.basis.astype(np.float32))
        known = [scores for scores in self.scores if scores is not None]
        scored = bool(known) and len(known) == len(self.scores)
        if scored:
            _save(self.part / SCORES, np.concatenate(known).astype(np.float32))
        for file in self.files.values():
            _flush(file)
            file.close()  # Windows moves no folder with an open file
        about = {
            "format": FORMAT,
            "parts": self.place.name,
            "sha256": {path.name: sha256(path) for path in sorted(self.part.iterdir()) if path.name != PICTURES},
            "scores": scored,
            "weights": self.weights,
            "network_id": self.network_id,
            "temperature": self.temperature,
            "cases": sum(len(part["dx"]) for part in self.parts),
            "confirmations": list(self.confirmations),
            "sources": list(self.sources),
        }
        self.part.rename(self.place)
        write_json(unlinked(self.folder / ABOUT), sealed(about))
        self._clear()

    def _clear(self) -> None:
        """Remove the parts of former libraries, and of builds that were killed in their last moment."""
        for path in self.folder.glob("parts-*"):
            if PARTS.fullmatch(path.name) and path != self.place:
                shutil.rmtree(path, ignore_errors=True)
        for name in (*(f"{column}.npy" for column in COLUMNS), VECTORS, BASIS, SCORES, LABELS, PICTURES):
            with suppress(OSError):  # as Windows refuses while an app has it open; the next build tries again
                (self.folder / name).unlink()

    def _fault(self, error: OSError) -> ConfigFault:
        return ConfigFault(
            say(
                "The library cannot be written to {folder} ({strerror}): name a place with room for it.",
                folder=self.folder,
                strerror=error.strerror or error,
            )
        )


def _save(path: Path, array: NDArray[Any]) -> None:
    with path.open("wb") as stream:
        plain = np.ascontiguousarray(array)
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(plain))
        stream.write(plain.data)  # np.save tells of a full disk in words of its own
        _flush(stream)


def _flush(stream: IO[bytes]) -> None:
    """Wait until the disk has it: a description must not outlive its parts when the power goes."""
    stream.flush()
    os.fsync(stream.fileno())


def _array(path: Path, known: dict[str, str] | None, most: int) -> NDArray[Any]:
    """The array in a file, read-only, of `most` bytes or less: it takes no memory for what a file only claims to hold.

    known: SHA-256 by name; None for no check. OSError, or ValueError and others of NumPy's, where it is no such file.
    """
    content = _bytes(path, known, MOST_HEAD + most)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, turned, kind = read(stream)
    if kind.hasobject:
        raise ValueError("it holds objects")
    if 0 in shape:
        return np.zeros(shape, kind)
    found = np.frombuffer(content, kind, math.prod(shape), stream.tell())
    return found.reshape(shape, order="F" if turned else "C")


def _bytes(path: Path, known: dict[str, str] | None, most: int) -> bytes:
    """The bytes of a file; as of `_array`."""
    content = read_file(path, most)
    if known is not None and hashlib.sha256(content).hexdigest() != known.get(path.name):
        raise ValueError(f"{path.name} is another file than was written")
    return content


def _read_about(folder: Path) -> dict[str, Any]:
    if library_stamp(folder) is None:
        raise DataFault(
            say(
                "{folder} holds no library of confirmed cases: build one with `derm library build --out`.",
                folder=folder,
            )
        )
    path = folder / ABOUT
    try:
        about = read_json(path)
        known = (
            isinstance(about, dict)
            and about["format"] in (UNHASHED, FORMAT)
            and isinstance(about["weights"], str)
            and isinstance(about["cases"], int)
            and is_text_or_none(about.get("network_id"))
            and is_number_or_none(about.get("temperature"))
            and all(isinstance(word, str) for name in ("confirmations", "sources") for word in about[name])
        )
        if known and about["format"] == FORMAT:
            known = check_seal(about) and isinstance(about["sha256"], dict) and bool(PARTS.fullmatch(about["parts"]))
    except PermissionError as error:
        raise DataFault(closed(error, path)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataFault(say("{path} is damaged: {cure}.", path=path, cure=say(CURE))) from error
    if not known:
        raise DataFault(
            say("{path} is of another format than {format}: {cure}.", path=path, format=FORMAT, cure=say(CURE))
        )
    return about  # type: ignore[no-any-return]


def _check(library: Library, about: dict[str, Any]) -> None:
    """Refuse parts that do not go together, or hold what is no number or no share."""
    count, vectors, basis, columns, scores = (
        about["cases"], library.vectors, library.basis, library.columns, library.scores,
    )  # fmt: skip
    sound = vectors.ndim == 2 and vectors.dtype == np.float16 and len(vectors) == count
    sound &= basis.ndim == 2 and basis.dtype == np.float32 and len(basis) == vectors.shape[-1] + 1
    sound = sound and bool(np.isfinite(basis).all() and np.isfinite(vectors).all())
    for name, column in columns.items():
        kind, shape = COLUMNS[name]
        sound &= column.shape == (count, *shape) and column.dtype == kind
    if sound and scores is not None:
        sound = scores.shape == (count,) and scores.dtype == np.float32
        sound = sound and bool(np.all((scores >= 0) & (scores <= MOST_SCORE)))
    for name, size, most in (
        ("label", len(library.labels), MOST_LABEL),
        ("picture", library.pictures.size, MOST_PICTURE),
    ):
        starts, ends = columns[name].T if sound else np.zeros((2, 0), np.uint64)
        sound &= bool(np.all(starts <= ends) and np.all(ends <= size) and np.all(ends - starts <= most))
    limits = {"dx": len(CODES), "confirmed": len(library.confirmations), "source": len(library.sources)}
    if not sound or any(count and int(columns[name].max()) >= most for name, most in limits.items()):
        raise DataFault(
            say("The parts of the library {folder} do not go together: {cure}.", folder=library.folder, cure=say(CURE))
        )
