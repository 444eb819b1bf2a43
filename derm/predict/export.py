"""A case as files to keep: its outline, its picture as shown, its probabilities; a list of cases as a table.

Needs a `Case`. The table has the columns of `derm predict`. Knows nothing of pages.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from derm.diagnoses import CODES
from derm.image.overlay import mask_png, png
from derm.predict.case import Case
from derm.predict.folder import columns_of, row_of
from derm.predict.view import Layer, draw_view
from derm.predict.words import NOTICE

DIGITS = 6
"""After the point of each share."""


def outline_png(case: Case) -> bytes:
    """The outline at the picture's own size, as a PNG file: 255 on lesion, 0 elsewhere."""
    return mask_png(case.mask)


def view_png(case: Case, layer: Layer, index: int, opacity: float) -> bytes:
    """The case as it is shown, at the picture's own size, as a PNG file; arguments as for `draw_view`."""
    return png(draw_view(case, layer, index, opacity, longest=None))


def case_json(case: Case, licence: str) -> str:
    """The case as JSON: name, probabilities, what is decided by them, the lesion's share, weights and terms.

    prevalence: the share of malignant lesions for which the probabilities and the threshold hold, whose it is, and the
    data's own. What the weights bring no number for is null.
    """
    held = case.cannot_exclude
    height, width = case.mask.shape
    content = {
        "image_id": Path(case.name).stem,
        "width": width,
        "height": height,
        "dx_pred": case.predicted.code,
        "probabilities": {code: round(float(p), DIGITS) for code, p in zip(CODES, case.probabilities, strict=True)},
        "p_malignant": round(case.p_malignant, DIGITS),
        "prevalence": {
            "malignant_share": case.mix_share,
            "of": "data" if case.at_data is None else "practice",
            "data_malignant_share": (case.at_data or case).mix_share,
        },
        "referral_threshold": case.referral_threshold,
        "above_referral": case.above_referral,
        "cannot_exclude": None if held is None else [CODES[index] for index in held],
        "not_dermoscopic": case.not_dermoscopic,
        "not_dermoscopic_score": case.not_dermoscopic_score,
        "seen_little": case.seen_little,
        "seen_little_score": case.seen_little_score,
        "unfamiliar": case.unfamiliar,
        "unfamiliar_score": case.unfamiliar_score,
        "views": case.views,
        "spread": None if case.spread is None else round(case.spread, DIGITS),
        "lesion_found": case.has_lesion,
        "mask_fraction": round(case.mask_fraction, DIGITS),
        "weights": case.weights,
        "licence": licence,
        "notice": NOTICE,
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def cases_csv(cases: Iterable[Case]) -> str:
    """The cases as a table in CSV, one line each, as `derm predict` writes it; image_id is the name without ending."""
    rows = [row_of(case) | {"image_id": Path(case.name).stem} for case in cases]
    table = pd.DataFrame(rows, columns=columns_of(spread=any(row["spread"] is not None for row in rows)))
    return table.to_csv(index=False, float_format=f"%.{DIGITS}f", lineterminator="\n")


def file_name(case: Case, ending: str) -> str:
    """A file's name for something of this case, as 'ISIC_0024306_segmentation.png': letters, digits, '-' and '_'."""
    stem = re.sub(r"[^\w-]+", "_", case.name.rsplit(".", maxsplit=1)[0]).strip("_") or "picture"
    return f"{stem}_{ending}"
