"""What weights know of the pictures that they learned from, as their description carries it: hashes, and no picture.

Needs hashes of pictures and the names of their lesions. A lesion's name is kept as a digest, with its data set's, for
two clinics may call lesions alike. Does not know any split.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.looks import long_hashes, look_at
from derm.data.recognise import shipped_lesions
from derm.diagnoses import CODES

FEW = 10
"""Training images of a diagnosis below which its probability means nothing."""


class LearnedImages(NamedTuple):
    """pictures: uint64 (n, 2), of `derm.data.looks.long_hashes`. lesions: digests of their names."""

    pictures: NDArray[np.uint64]
    lesions: frozenset[bytes]


def record_learned(images: Iterable[NDArray[np.uint8]], table: pd.DataFrame, lesions: pd.Series) -> dict[str, Any]:
    """What a description says of training images, ready for JSON: pictures and lesions in base 64, and images by class.

    images: each uint8 (S, S, 3) RGB. table: their rows of a catalogue's table. lesions: text (n,), what the split
    keeps together.
    """
    looks = np.array([look_at(image) for image in images], dtype=np.uint8)
    digests = sorted(set(lesion_digests(table, lesions)))
    return {
        "pictures": base64.b64encode(long_hashes(looks).tobytes()).decode(),
        "lesions": base64.b64encode(b"".join(digests)).decode(),
        "classes": {code: int((table["dx"] == code).sum()) for code in CODES},
    }


def read_learned(training: Mapping[str, Any]) -> LearnedImages | None:
    """What the `training` of a description says that was learned from; None where it says nothing."""
    known = training.get("data", {}).get("learned")
    if not known:
        return None
    digests = base64.b64decode(known["lesions"])
    return LearnedImages(
        np.frombuffer(base64.b64decode(known["pictures"]), dtype=np.uint64).reshape(-1, 2),
        frozenset(digests[place : place + 8] for place in range(0, len(digests), 8)),
    )


def lesion_digests(table: pd.DataFrame, lesions: Iterable[str]) -> list[bytes]:
    """Eight bytes for each row's lesion. A lesion of the shipped splits is the same one in every data set; one that
    bears its source beside other folders, see `derm.data.own_names`, is the same as without them."""
    shipped = set(shipped_lesions().values())
    names = [
        lesion if lesion in shipped else f"{source}\n{lesion.removeprefix(f'{source}: ')}"
        for lesion, source in zip(lesions, table["source"], strict=True)
    ]
    return [hashlib.blake2b(name.encode(), digest_size=8).digest() for name in names]


def classes_learned(training: Mapping[str, Any]) -> dict[str, int] | None:
    """Training images of each diagnosis, by code; None where the `training` of a description does not say."""
    classes = training.get("data", {}).get("learned", {}).get("classes")
    return None if classes is None else {code: int(classes.get(code, 0)) for code in CODES}


def hardly_learned(training: Mapping[str, Any]) -> tuple[str, ...]:
    """The codes of which the weights have seen fewer than `FEW` training images; none where they do not say."""
    classes = classes_learned(training) or {}
    return tuple(code for code, images in classes.items() if images < FEW)
