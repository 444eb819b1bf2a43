"""A case as files to keep: its outline, its picture as shown, its probabilities.

Needs a `Case`. The JSON has the fields of `derm.predict.record`. Knows nothing of pages.
"""

import json
import re

from derm.files import shorten, without_ending
from derm.image.overlay import mask_png, png
from derm.predict.case import Case
from derm.predict.case_structures import structures_json
from derm.predict.entries import entries_json
from derm.predict.record import json_of, record_of
from derm.predict.view import Layer, draw_view

LONGEST = 60
"""Characters of a picture's name in the name of a file of it: disks take 255 bytes, and a letter has up to four."""


def outline_png(case: Case) -> bytes:
    """The model's outline at the picture's own size, as a PNG file: 255 on lesion, 0 elsewhere."""
    return mask_png(case.mask)


def view_png(case: Case, layer: Layer, index: int, opacity: float) -> bytes:
    """The case as it is shown, at the picture's own size, as a PNG file; arguments as for `draw_view`."""
    return png(draw_view(case, layer, index, opacity, longest=None))


def case_json(case: Case, licence: str) -> str:
    """The case as JSON, see `derm.predict.record.json_of`; what the weights bring no number for is null.

    `structures`: the dermoscopic structures of the picture, null where they are not looked for. `reading`: what
    whoever reads the case added to it, and what is measured, see `derm.predict.entries.entries_json`.
    """
    content = {**json_of(record_of(case), licence), "structures": structures_json(case), "reading": entries_json(case)}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def file_name(case: Case, ending: str) -> str:
    """A file's name for something of this case, as 'ISIC_0024306_segmentation.png': letters, digits, '-' and '_'."""
    stem = re.sub(r"[^\w-]+", "_", shorten(without_ending(case.name), LONGEST)).strip("_") or "picture"
    return f"{stem}_{ending}"
