"""What weights know of the pictures that they learned from, as their description carries it: hashes, and no picture.

Needs hashes of pictures and the names of their lesions. A lesion's name is kept as a digest, with its data set's, for
two clinics may call lesions alike. Makes no split.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.looks import alike, find_copies, long_hashes, look_at
from derm.data.recognise import shipped_lesions
from derm.data.split import Split, own_lesions
from derm.diagnoses import CODES

FEW = 10
"""Training images of a diagnosis below which its probability means nothing."""

BY_CHANCE = 0.005
"""Share of pictures that may look like a learned one by chance; of 12,080 real ones 0.002 do."""

RARITIES = 2
"""So many may in a small set, if they are not a tenth of it: among a hundred one is no rarity."""


class LearnedImages(NamedTuple):
    """pictures: uint64 (n, 2), of `derm.data.looks.long_hashes`. lesions: digests of their names and of
    their patients'."""

    pictures: NDArray[np.uint64]
    lesions: frozenset[bytes]


class Known(NamedTuple):
    """named: bool (n,), images of which weights learned by their name or lesion. alike: bool (n,), those that are
    copies of pictures learned from."""

    named: NDArray[np.bool_]
    alike: NDArray[np.bool_]

    @property
    def rows(self) -> NDArray[np.bool_]:
        """Which images the weights know, bool (n,)."""
        return self.named | self.alike

    def joined(self, other: "Known") -> "Known":
        """What either tells of the same images."""
        return Known(self.named | other.named, self.alike | other.alike)

    @property
    def spoils(self) -> bool:
        """Whether so many are known that figures on these images would be too good."""
        count = len(self.alike)
        return bool(self.named.any() or self.alike.sum() > max(BY_CHANCE * count, min(RARITIES, count / 10)))


def record_learned(images: Iterable[NDArray[np.uint8]], table: pd.DataFrame, lesions: pd.Series) -> dict[str, Any]:
    """What a description says of training images, ready for JSON: pictures and lesions in base 64, and images by class.

    images: each uint8 (S, S, 3) RGB. table: their rows of a catalogue's table. lesions: text (n,), what the split
    keeps together.
    """
    return record_looks(np.array([look_at(image) for image in images], dtype=np.uint8), table, lesions)


def record_looks(looks: NDArray[np.uint8], table: pd.DataFrame, lesions: pd.Series) -> dict[str, Any]:
    """As `record_learned`. looks: uint8 (n, 32, 32), of `derm.data.looks.look_at`."""
    classes = {code: int((table["dx"] == code).sum()) for code in CODES}
    return {**record_images(looks, table, lesions), "classes": classes}


def record_images(looks: NDArray[np.uint8], table: pd.DataFrame, lesions: pd.Series) -> dict[str, str]:
    """The pictures and lesions of `record_learned`. looks: uint8 (n, 32, 32), of `derm.data.looks.look_at`."""
    digests = sorted({digest for names in _names_of(table, lesions) for digest in names})
    return {"pictures": base64.b64encode(long_hashes(looks).tobytes()).decode(), "lesions": _packed(digests)}


def count_sources(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """How many images of each source, and within it of each part by `dataset`, are among the rows `table`."""
    return {
        str(source): {str(part): len(rows) for part, rows in own.groupby("dataset", sort=True)}
        for source, own in table.groupby("source", sort=True)
    }


def join_learned(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What two records of `record_learned` say together, each picture and lesion once; {} says nothing.

    A record joined with itself stays as it is. Of which diagnosis the pictures are that both have is not recorded, so
    that images by class are the fewest that it can be: few that were learned from twice are not many. Where one names
    no classes, neither does the whole.
    """
    if not one or not other:
        return dict(one or other)
    pictures = [_unpacked(record["pictures"], 16) for record in (one, other)]
    first = set(pictures[0])
    lesions = {digest for record in (one, other) for digest in _unpacked(record["lesions"], 8)}
    joined: dict[str, Any] = {
        "pictures": _packed([*pictures[0], *dict.fromkeys(own for own in pictures[1] if own not in first)]),
        "lesions": _packed(sorted(lesions)),
    }
    if "classes" in one and "classes" in other:
        known, new = (np.frombuffer(b"".join(own), dtype=np.uint64).reshape(-1, 2) for own in pictures)
        both = int(alike(new, known).sum())  # of another size, pictures differ in some bits
        counts = {code: (one["classes"].get(code, 0), other["classes"].get(code, 0)) for code in CODES}
        joined["classes"] = {code: sum(images) - min(*images, both) for code, images in counts.items()}
    return joined


def _packed(items: Iterable[bytes]) -> str:
    return base64.b64encode(b"".join(items)).decode()


def _unpacked(text: str, size: int) -> list[bytes]:
    """Items of `size` bytes each."""
    content = base64.b64decode(text)
    return [content[place : place + size] for place in range(0, len(content), size)]


def read_learned(training: Mapping[str, Any]) -> LearnedImages | None:
    """What the `training` of a description says that was learned from; None where it says nothing."""
    return _read_optional(training.get("data", {}).get("learned"))


def read_calibrated(measured: Mapping[str, Any]) -> LearnedImages | None:
    """The images of one's own on which weights were calibrated, as their description's `measured` tells; None where it
    tells of none."""
    return _read_optional(measured.get("calibration", {}).get("local", {}).get("cases"))


def _read_optional(known: Mapping[str, str] | None) -> LearnedImages | None:
    return read_images(known) if known else None


def read_images(known: Mapping[str, str]) -> LearnedImages:
    """What `record_images` has written."""
    return LearnedImages(
        np.frombuffer(base64.b64decode(known["pictures"]), dtype=np.uint64).reshape(-1, 2),
        frozenset(_unpacked(known["lesions"], 8)),
    )


def known_among(
    learned: LearnedImages, table: pd.DataFrame, split: Split, rows: NDArray[np.int64], looks: NDArray[np.uint8]
) -> Known:
    """Which of the `rows`, int64 (n,), of a catalogue's `table` were learned from. looks: theirs, uint8 (n, 32, 32)."""
    named = [bool(names & learned.lesions) for names in _names_of(table.iloc[rows], split.together.iloc[rows])]
    alike = find_copies(looks, learned.pictures) >= 0
    if split.by == "lesion":
        return Known(np.array(named, dtype=np.bool_), alike)
    # Split by image, as in the paper, sisters of training images are tested, some of which look like these: the split's
    # name says that it leaks.
    sisters = split.together.iloc[rows].isin(set(split.together[split.parts == "train"])).to_numpy(dtype=np.bool_)
    return Known(np.zeros(len(rows), dtype=np.bool_), alike & ~sisters)


def _names_of(table: pd.DataFrame, together: pd.Series) -> list[set[bytes]]:
    """Digests of each row's lesion, of its patient, and of what the split keeps together.

    The last bears the name of one of its lesions, and another one when lesions come or go: alone it would tell nothing.
    """
    names = [together, own_lesions(table)]
    found = [set(digests) for digests in zip(*(lesion_digests(table, own) for own in names), strict=True)]
    if "patient_id" in table:
        rows = zip(found, table["patient_id"], table["source"], strict=True)
        for digests, patient, source in rows:
            if patient:
                digests.add(_digest(f"{source}\npatient {patient.removeprefix(f'{source}: ')}"))
    return found


def lesion_digests(table: pd.DataFrame, lesions: Iterable[str]) -> list[bytes]:
    """Eight bytes for each row's lesion. A lesion of the shipped splits is the same one in every data set; one that
    bears its source beside other folders, see `derm.data.own_names`, is the same as without them."""
    shipped = set(shipped_lesions().values())
    names = [
        lesion if lesion in shipped else f"{source}\n{lesion.removeprefix(f'{source}: ')}"
        for lesion, source in zip(lesions, table["source"], strict=True)
    ]
    return [_digest(name) for name in names]


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode(), digest_size=8).digest()


def classes_learned(training: Mapping[str, Any]) -> dict[str, int] | None:
    """Training images of each diagnosis, by code; None where the `training` of a description does not say.

    Weights that were taught on confirmed cases up to 28 November 2026 count, and record, these alone where those before
    had recorded nothing: they do not say either. Later ones tell how many pictures those before had recorded.
    """
    learned, taught = training.get("data", {}).get("learned", {}), training.get("taught", {})
    classes, own = learned.get("classes"), 0 if "recorded_before" in taught else taught.get("pictures", 0)
    before = training.get("data", {}).get("sources_before")
    if own and before and len(_unpacked(learned.get("pictures", ""), 16)) <= own:
        return None
    return None if classes is None else {code: int(classes.get(code, 0)) for code in CODES}


def hardly_learned(training: Mapping[str, Any]) -> tuple[str, ...]:
    """The codes of which the weights have seen fewer than `FEW` training images; none where they do not say."""
    classes = classes_learned(training) or {}
    return tuple(code for code, images in classes.items() if images < FEW)
