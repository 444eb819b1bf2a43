"""A library of confirmed cases on disk: vectors to search by, what is known of each case, and a small picture of it.

Needs a folder that `LibraryWriter` wrote. All but its description is mapped into memory and read where it is asked for,
so that a million cases open at once. Knows no way to search, and nothing of pages.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from types import TracebackType
from typing import IO, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.files import is_there, make_folder, open_ordinary, read_json, write_json, write_whole
from derm.language.speech import mark, say

ABOUT = "library.json"
"""Written last: a folder without it is no library."""

FORMAT = 1

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
}
"""Of the table of cases, each a file NAME.npy with a row a case: dtype and shape of a row. dx: place in `CODES`.
confirmed, source: places in the lists of the description. lesion, name: digests, see `digest`. look: hash of the
picture (`derm.data.looks`). label, picture: first byte and one past the last, in labels.bin and pictures.bin."""

VECTORS = "vectors.npy"
BASIS = "basis.npy"
SCORES = "malignant.npy"
LABELS, PICTURES = "labels.bin", "pictures.bin"

MOST_LABEL, MOST_PICTURE = 4096, 1 << 20
"""Bytes of one, at most."""


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
    """Float16 (n, k), of length 1, mapped."""

    basis: NDArray[np.float32]
    """Float32 (k + 1, C): the features' mean, then the directions on which they are projected, scaled."""

    columns: dict[str, NDArray[Any]]
    """See `COLUMNS`, mapped."""

    scores: NDArray[np.float32] | None = None
    """Float32 (n,), mapped: the malignant sum that the weights give each case, 0 … 1; None in libraries from before
    they were kept."""

    def __len__(self) -> int:
        return len(self.vectors)

    def project(self, features: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Pooled features, float (n, C), as vectors of length 1, float32 (n, k)."""
        return project(features, self.basis)

    def label(self, row: int) -> str:
        """What the case in `row` is called."""
        return self._part(LABELS, "label", row).decode(errors="replace") or f"Case {row + 1:,}"

    def picture(self, row: int) -> bytes:
        """The small picture of the case in `row`, a JPEG file."""
        return self._part(PICTURES, "picture", row)

    def _part(self, file: str, column: str, row: int) -> bytes:
        start, end = (int(place) for place in self.columns[column][row])
        try:
            with open_ordinary(self.folder / file) as stream:
                stream.seek(start)
                return stream.read(end - start)
        except OSError as error:
            raise DataFault(
                say(
                    "The library {folder} lacks {file} ({strerror}): {cure}.",
                    folder=self.folder,
                    file=file,
                    strerror=error.strerror,
                    cure=say(CURE),
                )
            ) from error


def project(features: NDArray[np.floating[Any]], basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pooled features, float (n, C), on a basis, float32 (k + 1, C), and of length 1: float32 (n, k)."""
    found = (features.astype(np.float32) - basis[0]) @ basis[1:].T
    length = np.linalg.norm(found, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(found, length, out=np.zeros_like(found), where=length > 0)
    return unit


def digest(text: str) -> int:
    """A number of 64 bits for a name, the same in any case of letters."""
    return int.from_bytes(hashlib.blake2b(text.casefold().encode(), digest_size=8).digest(), "little")


def open_library(folder: Path) -> Library:
    """Open the library in `folder`; DataFault where there is none, or it is damaged."""
    about = _read_about(folder)
    try:
        vectors = _mapped(folder / VECTORS)
        basis = np.array(_mapped(folder / BASIS))
        columns = {name: _mapped(folder / f"{name}.npy") for name in COLUMNS}
        scores = _mapped(folder / SCORES) if about.get("scores") is True else None
    except (OSError, ValueError, EOFError, OverflowError, TokenError) as error:
        raise DataFault(
            say("The library {folder} is damaged or incomplete: {cure}.", folder=folder, cure=say(CURE))
        ) from error
    library = Library(
        folder,
        about["weights"],
        tuple(about["confirmations"]),
        tuple(about["sources"]),
        vectors,
        basis,
        columns,
        scores,
    )
    _check(library, about)
    return library


def find_library(folder: Path) -> Library | None:
    """As `open_library`; None where `folder` holds no library."""
    return open_library(folder) if (folder / ABOUT).is_file() else None


class LibraryWriter:
    """Writes a library case by case, to be used in a `with` block; the folder is a library once the block has ended.

    An older library in the folder is no library any more from the first case on. Raises ConfigFault where nothing can
    be written.
    """

    def __init__(self, folder: Path, weights: str, basis: NDArray[np.float32]) -> None:
        """weights: SHA-256 of those whose features the vectors are. basis: as of `Library`."""
        self.folder, self.weights, self.basis = folder, weights, basis
        self.parts: list[dict[str, NDArray[Any]]] = []
        self.confirmations: dict[str, int] = {}
        self.sources: dict[str, int] = {}
        self.files: dict[str, IO[bytes]] = {}
        self.scores: list[NDArray[np.floating[Any]] | None] = []

    def __enter__(self) -> Self:
        make_folder(self.folder)
        try:
            (self.folder / ABOUT).unlink(missing_ok=True)
            self.files = {name: (self.folder / name).open("wb") for name in (LABELS, PICTURES)}
        except OSError as error:
            raise self._fault(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self.files.values():
            file.close()
        if error is None:
            self._finish()

    def add(
        self,
        cases: Sequence[LibraryCase],
        features: NDArray[np.floating[Any]],
        scores: NDArray[np.floating[Any]] | None = None,
    ) -> None:
        """Add cases with their pooled features, float (n, C), and their malignant sums, float (n,), where known."""
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
        empty = {"vectors": np.zeros((0, len(self.basis) - 1), np.float16)}
        empty |= {name: np.zeros((0, *shape), kind) for name, (kind, shape) in COLUMNS.items()}
        for name in empty:
            _save(self.folder / f"{name}.npy", np.concatenate([empty[name], *(part[name] for part in self.parts)]))
        _save(self.folder / BASIS, self.basis.astype(np.float32))
        known = [scores for scores in self.scores if scores is not None]
        scored = bool(known) and len(known) == len(self.scores)
        if scored:
            _save(self.folder / SCORES, np.concatenate(known).astype(np.float32))
        about = {
            "format": FORMAT,
            "scores": scored,
            "weights": self.weights,
            "cases": sum(len(part["dx"]) for part in self.parts),
            "confirmations": list(self.confirmations),
            "sources": list(self.sources),
        }
        write_json(self.folder / ABOUT, about)

    def _fault(self, error: OSError) -> ConfigFault:
        return ConfigFault(
            say(
                "The library cannot be written to {folder} ({strerror}): name a place with room for it.",
                folder=self.folder,
                strerror=error.strerror,
            )
        )


def _save(path: Path, array: NDArray[Any]) -> None:
    def fill(part: Path) -> None:
        with part.open("wb") as stream:
            np.save(stream, array, allow_pickle=False)

    write_whole(path, fill)


def _mapped(path: Path) -> NDArray[Any]:
    """The array in a file, mapped into memory, so that it takes none for what a file only claims to hold."""
    with open_ordinary(path) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, kind = read(stream)
    if 0 in shape:  # nothing cannot be mapped
        return np.zeros(shape, kind)
    return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / ABOUT
    if not path.is_file():
        raise DataFault(
            say(
                "{folder} holds no library of confirmed cases: build one with `derm library build --out`.",
                folder=folder,
            )
        )
    try:
        about = read_json(path)
        known = (
            isinstance(about, dict)
            and about["format"] == FORMAT
            and isinstance(about["weights"], str)
            and isinstance(about["cases"], int)
            and all(isinstance(word, str) for name in ("confirmations", "sources") for word in about[name])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataFault(say("{path} is damaged: {cure}.", path=path, cure=say(CURE))) from error
    if not known:
        raise DataFault(
            say("{path} is of another format than {format}: {cure}.", path=path, format=FORMAT, cure=say(CURE))
        )
    return about  # type: ignore[no-any-return]


def _check(library: Library, about: dict[str, Any]) -> None:
    """Refuse parts that do not go together."""
    count, vectors, basis = about["cases"], library.vectors, library.basis
    sound = vectors.ndim == 2 and vectors.dtype == np.float16 and len(vectors) == count
    sound &= basis.ndim == 2 and basis.dtype == np.float32 and len(basis) == vectors.shape[-1] + 1
    for name, (kind, shape) in COLUMNS.items():
        sound &= library.columns[name].shape == (count, *shape) and library.columns[name].dtype == kind
    if sound and library.scores is not None:
        sound = library.scores.shape == (count,) and library.scores.dtype == np.float32
    columns = library.columns
    for file, (name, most) in {LABELS: ("label", MOST_LABEL), PICTURES: ("picture", MOST_PICTURE)}.items():
        starts, ends = columns[name].T if sound else np.zeros((2, 0), np.uint64)
        if not is_there(library.folder / file):
            raise DataFault(
                say("The library {folder} lacks {file}: {cure}.", folder=library.folder, file=file, cure=say(CURE))
            )
        size = (library.folder / file).stat().st_size
        sound &= bool(np.all(starts <= ends) and np.all(ends <= size) and np.all(ends - starts <= most))
    limits = {"dx": len(CODES), "confirmed": len(library.confirmations), "source": len(library.sources)}
    if not sound or any(count and int(columns[name].max()) >= most for name, most in limits.items()):
        raise DataFault(
            say("The parts of the library {folder} do not go together: {cure}.", folder=library.folder, cure=say(CURE))
        )
