"""The outline, class masks and heat maps of a case as PNG files in folders, under names that belong to one picture.

Needs a `Case` and where its picture lies. Every file is written whole or not at all, and none takes the place of
another picture's. Knows nothing of tables.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from derm.diagnoses import CODES
from derm.files import portable_name, unlinked, write_whole
from derm.predict.case import Case

LONGEST = 200
"""Bytes of a name that are kept as they are. Disks take 255, some 143, of which endings and the name of a file that is
being written take 32."""

CUT = 100
"""Bytes that are kept of a longer one."""

FORMULA = tuple("=+-@'")
"""How cells begin that a spreadsheet would compute, or that were guarded against it."""

OWNER = "derm-picture"
"""Key of the text in a PNG that tells whose it is, so that a run over another folder does not take its place."""


class Folders(NamedTuple):
    """Where files of a case go; None where none are wanted."""

    masks: Path | None = None
    """`<name>_segmentation.png`, `<name>_<code>.png` and `<name>_<code>_soft.png`."""

    maps: Path | None = None
    """`<name>_<code>_heat.png`."""

    def given(self) -> list[Path]:
        """Those that are wanted."""
        return [folder for folder in self if folder is not None]

    def first_files(self, name: str) -> list[Path]:
        """The file of each folder that tells whose the name is."""
        endings = ("_segmentation.png", f"_{CODES[0]}_heat.png")
        return [folder / f"{name}{end}" for folder, end in zip(self, endings, strict=True) if folder is not None]

    def last_files(self, name: str) -> list[Path]:
        """The file of each folder that is written last."""
        endings = (f"_{CODES[-1]}_soft.png", f"_{CODES[-1]}_heat.png")
        return [folder / f"{name}{end}" for folder, end in zip(self, endings, strict=True) if folder is not None]


def own_name(image_id: str, file: Path, folders: Folders) -> str:
    """What the names of a picture's files begin with: its image_id, where that can be a name and is free.

    Else it is shortened, cleaned of what no disk or terminal takes, and ends in 8 digits that belong to the path of
    `file` alone; the same picture has the same name in every run.
    """
    # A table says '=a' as "'=a", lest a spreadsheet computes it; the name of a file is to be the same in both.
    safe = f"_{image_id[1:]}" if image_id[:1] in FORMULA else image_id
    plain = portable_name(safe)
    if plain == image_id and len(os.fsencode(plain)) <= LONGEST and _free(plain, file, folders):
        return plain
    kept = plain.encode(errors="replace")[:CUT].decode(errors="ignore")
    return f"{kept}-{owner_of(file)[:8]}"


def owner_of(file: Path) -> str:
    """16 digits of the SHA-256 of the file's whole path, by which its masks know it without telling it."""
    return hashlib.sha256(os.path.realpath(os.fsencode(file))).hexdigest()[:16]


def write_pictures(case: Case, name: str, file: Path, folders: Folders) -> None:
    """Write all files of a case; ConfigFault for the first that cannot be written.

    All are 8-bit grey PNGs of the picture's size: the outline and class masks 0 or 255, soft masks and heat maps 0 … 1
    as 0–255; each heat map's own maximum is 255, and it is black where there is no evidence.
    """
    owner = owner_of(file)
    if folders.masks is not None:
        _write_grey(folders.masks / f"{name}_segmentation.png", case.mask, owner)
    for index, code in enumerate(CODES):
        if folders.masks is not None:
            soft, binary = case.class_mask(index)
            _write_grey(folders.masks / f"{name}_{code}.png", binary, owner)
            _write_grey(folders.masks / f"{name}_{code}_soft.png", soft, owner)
        if folders.maps is not None:
            _write_grey(folders.maps / f"{name}_{code}_heat.png", case.evidence[index].map, owner)


def _free(name: str, file: Path, folders: Folders) -> bool:
    """Whether no other picture's files bear the name in `folders`."""
    return all(_owner(path) in (None, owner_of(file)) for path in folders.first_files(name))


def _owner(path: Path) -> str | None:
    """Whose the PNG at `path` is: '' for one that does not say, None where there is none."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return str(picture.info.get(OWNER, ""))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, SyntaxError):
        return ""


def _write_grey(path: Path, values: NDArray[np.bool_] | NDArray[np.float32], owner: str) -> None:
    """Write values (H, W), bool or 0 … 1, as an 8-bit grey PNG; ConfigFault when the disk does not take it."""
    grey = Image.fromarray(np.rint(values * np.float32(255)).astype(np.uint8))
    told = PngImagePlugin.PngInfo()
    told.add_text(OWNER, owner)

    def fill(part: Path) -> None:
        with part.open("wb") as stream:
            grey.save(stream, "PNG", pnginfo=told, compress_level=1)

    write_whole(unlinked(path), fill)
