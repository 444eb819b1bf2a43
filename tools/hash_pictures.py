"""Writes what the shipped splits know of their pictures and lesions: hashes of 128 bits, and the names joined.

Run as `python tools/hash_pictures.py HAM10000 ISIC2018_TASK1`; needs both data sets whole.
"""

import io
import sys
from pathlib import Path

import numpy as np

from derm.data import recognise
from derm.data.catalogue import read_data
from derm.files import write_bytes, write_text


def main(folders: list[Path]) -> None:
    """Write both files beside the lists of ids."""
    catalogue = read_data(folders)
    place = Path(recognise.__file__).parent / "splits"
    content = io.BytesIO()
    np.save(content, recognise.hash_pictures(catalogue))
    write_bytes(place / recognise.PICTURES, content.getvalue())
    known = recognise.shipped_split()
    rows = catalogue.table[catalogue.table["image_id"].isin(known.index)]
    rows = rows.assign(lesion=rows["image_id"].map(known["lesion"]))[["lesion_id", "lesion"]].drop_duplicates()
    other = rows[~rows["lesion_id"].isin(set(known["lesion"]))].sort_values("lesion_id")
    write_text(place / recognise.OTHER_NAMES, other.to_csv(index=False, lineterminator="\n"))


main([Path(folder) for folder in sys.argv[1:]])
