"""The outline, class masks and heat maps of a case as PNG files in folders, under names that belong to one picture.

Needs a `Case`, where its picture lies and what answered. Every file is written whole or not at all, tells where it
comes from, and takes the place of none that is another picture's, or by other weights or settings. Knows no table.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from derm.diagnoses import CODES
from derm.errors import ConfigFault
from derm.files import open_ordinary, portable_name, write_whole
from derm.predict.case import Case
from derm.predict.found import printable, true_path
from derm.predict.record import Settings

LONGEST = 200
"""Bytes of a name that are kept as they are. Disks take 255, some 143, of which endings and the name of a file that is
being written take 32."""

CUT = 100
"""Bytes that are kept of a longer one."""

FORMULA = tuple("=+-@'")
"""How cells begin that a spreadsheet would compute, or that were guarded against it."""


class Origin(NamedTuple):
    """Where masks and maps come from, as the texts of their PNGs tell it; '' for what one does not tell."""

    picture: str
    """16 digits of the SHA-256 of the picture's whole path, by which its masks know it without telling it."""

    content: str
    """16 digits of the SHA-256 of what the picture held."""

    made: str
    """Weights, calibration and views: by the same, files of a picture may be replaced, and by no others."""


KEYS = Origin("derm-picture", "derm-content", "derm-made")
"""Keys of the texts in a PNG; up to 28 November 2026 there was the first alone."""


class Folders(NamedTuple):
    """Where files of a case go; None where none are wanted."""

    masks: Path | None = None
    """`<name>_segmentation.png`, `<name>_<code>.png` and `<name>_<code>_soft.png`."""

    maps: Path | None = None
    """`<name>_<code>_heat.png`."""

    def given(self) -> list[Path]:
        """Those that are wanted."""
        return [folder for folder in self if folder is not None]

    def files(self, name: str) -> list[Path]:
        """Every file of a case."""
        masks = ["segmentation", *(f"{code}{soft}" for code in CODES for soft in ("", "_soft"))]
        maps = [f"{code}_heat" for code in CODES]
        return [
            folder / f"{name}_{end}.png"
            for folder, ends in zip(self, (masks, maps), strict=True)
            if folder is not None
            for end in ends
        ]


def origin_of(file: Path, sha256: str, settings: Settings) -> Origin:
    """Of what is made of the picture at `file`, whose content has that SHA-256, by a run of these settings."""
    picture = hashlib.sha256(os.fsencode(true_path(file))).hexdigest()[:16]
    made = f"{settings.weights}, calibration {settings.calibration}, views {settings.views}"
    return Origin(picture, sha256[:16], printable(made))


def own_name(image_id: str, origin: Origin, folders: Folders) -> str:
    """What the names of a picture's files begin with: its image_id, where that can be a name and is free.

    Else it is shortened, cleaned of what no disk or terminal takes, and ends in 8 digits that belong to the picture's
    path alone; the same picture has the same name in every run. Raises ConfigFault where its files are there by other
    weights or settings, or that name is not free either.
    """
    # A table says '=a' as "'=a", lest a spreadsheet computes it; the name of a file is to be the same in both.
    safe = f"_{image_id[1:]}" if image_id[:1] in FORMULA else image_id
    plain = portable_name(safe)
    if plain == image_id and len(os.fsencode(plain)) <= LONGEST and _foreign(folders.files(plain), origin) is None:
        return plain
    kept = plain.encode(errors="replace")[:CUT].decode(errors="ignore")
    name = f"{kept}-{origin.picture[:8]}"
    if (path := _foreign(folders.files(name), origin)) is not None:
        raise ConfigFault(_not_ours(path))
    return name


def write_pictures(case: Case, name: str, folders: Folders, origin: Origin) -> None:
    """Write all files of a case; ConfigFault for the first that cannot be written, or is not to be replaced.

    All are 8-bit grey PNGs of the picture's size: the outline and class masks 0 or 255, soft masks and heat maps 0 … 1
    as 0–255; each heat map's own maximum is 255, and it is black where there is no evidence.
    """
    if folders.masks is not None:
        _write_grey(folders.masks / f"{name}_segmentation.png", case.mask, origin)
    for index, code in enumerate(CODES):
        if folders.masks is not None:
            soft, binary = case.class_mask(index)
            _write_grey(folders.masks / f"{name}_{code}.png", binary, origin)
            _write_grey(folders.masks / f"{name}_{code}_soft.png", soft, origin)
        if folders.maps is not None:
            _write_grey(folders.maps / f"{name}_{code}_heat.png", case.evidence[index].map, origin)


def are_there(name: str, origin: Origin, folders: Folders) -> bool:
    """Whether all files of that name are in `folders`, of this content and made by the same; where the picture's folder
    was moved behind a link, or lies elsewhere on another machine, they stand."""
    return all((told := _told(path)) is not None and told[1:] == origin[1:] for path in folders.files(name))


def _foreign(paths: list[Path], origin: Origin) -> Path | None:
    """The first of `paths` that is there and not this picture's; ConfigFault for the picture's by other settings."""
    for path in paths:
        there = _told(path)
        if there is None:
            continue
        if there.picture != origin.picture:
            return path
        if not there.made:
            raise ConfigFault(
                f"{path} does not tell by which weights it was made, as older versions of Derm wrote it: remove the "
                "masks and maps of before, and they are made anew, or name another folder."
            )
        if there.made != origin.made:
            raise ConfigFault(
                f"{path} was made by {there.made}, and this run goes by {origin.made}: name another folder for its "
                "masks and maps, or remove those of before."
            )
    return None


def _not_ours(path: Path) -> str:
    return f"{path} is there and not of this picture: move it away, or name another folder for masks and maps."


def _told(path: Path) -> Origin | None:
    """Where the PNG at `path` says to come from, None where there is none; of what is no PNG of Derm, nothing."""
    try:
        with open_ordinary(path) as stream, Image.open(stream, formats=("PNG",)) as picture:
            return Origin(*(str(picture.info.get(key, "")) for key in KEYS))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return Origin("", "", "")


def _write_grey(path: Path, values: NDArray[np.bool_] | NDArray[np.float32], origin: Origin) -> None:
    """Write values (H, W), bool or 0 … 1, as an 8-bit grey PNG; ConfigFault when the disk does not take it."""
    if _foreign([path], origin) is not None:  # put there meanwhile, as by a second run
        raise ConfigFault(_not_ours(path))
    grey = Image.fromarray(np.rint(values * np.float32(255)).astype(np.uint8))
    told = PngImagePlugin.PngInfo()
    for key, text in zip(KEYS, origin, strict=True):
        told.add_text(key, text)

    def fill(part: Path) -> None:
        with part.open("wb") as stream:
            grey.save(stream, "PNG", pnginfo=told, compress_level=1)

    write_whole(path, fill)
