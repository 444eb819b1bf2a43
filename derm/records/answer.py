"""An answer as it is kept: the record of the case, all sentences that the page showed, outline and evidence.

Needs a `Case` and the `Model` that answered. Needs no database. From what is kept the page can be shown as it was.
"""

import io
import json
import zlib
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm import __version__
from derm.document.content import report_of
from derm.engine.choose import engine_of
from derm.explain.gradcam import HeatMap
from derm.image.resize import Window
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.forms import forms_json
from derm.predict.packed import pack, unpack
from derm.predict.record import calibration_of, record_of
from derm.records.chain import canonical


def kept_answer(case: Case, model: Model, *, on: date, sha256: str) -> dict[str, Any]:
    """The columns of the table `answer`, but for its keys, author and time, for what `model` said of `case`.

    on: the day. sha256: of the picture's file. Everything needed to show it again is in it but the picture.
    """
    calibration = calibration_of(model.description)
    record = record_of(case, calibration=calibration, sha256=sha256)
    if not record["not_learned"]:  # as answers were kept before there was such a field, that the same one be the same
        del record["not_learned"]
    report = asdict(report_of(case, model, on=on, figures=False))
    about = model.description
    shown = {name: value for name, value in report.items() if name not in ("on", "figures")} | {
        "temperature": about.temperature,
        "mask_threshold": about.mask_threshold,
        "class_mask_threshold": case.class_mask_threshold,
        "referral_threshold": case.referral_threshold,
        "conformal_thresholds": case.conformal_thresholds,
        "forms": forms_json(case.forms),
        "evidence": {
            "maxima": [one.maximum for one in case.evidence],
            "flat": [one.flat for one in case.evidence],
            "shift": case.evidence[0].shift,
            "window": list(case.evidence[0].window),
        },
    }
    return {
        "answerable": case.answerable,
        "referral": record["referral"],
        "diagnosis": record["dx_pred"],
        "p_malignant": case.p_malignant,
        "weights": model.label,
        "weights_sha256": model.sha256,
        "calibration": calibration,
        "engine": type(engine_of(model).engine).__name__,
        "software": f"derm {__version__}",
        "views": case.views,
        "record": canonical(record),
        "shown": canonical(shown),
        "outline": pack(case.mask),
        "evidence": _packed(np.stack([one.cells for one in case.evidence])),
    }


def outline_of(row: dict[str, Any]) -> NDArray[np.bool_]:
    """The outline, bool (H, W), of a row of the table `answer`."""
    record = json.loads(row["record"])
    return unpack(row["outline"], (record["height"], record["width"]))


def evidence_of(row: dict[str, Any]) -> tuple[HeatMap, ...]:
    """The heat maps of the seven classes of a row of the table `answer`, to the last digit."""
    record, about = json.loads(row["record"]), json.loads(row["shown"])["evidence"]
    cells = np.load(io.BytesIO(zlib.decompress(row["evidence"])), allow_pickle=False)
    size = record["height"], record["width"]
    return tuple(
        HeatMap(one, maximum, flat, *size, about["shift"], Window(*about["window"]))
        for one, maximum, flat in zip(cells, about["maxima"], about["flat"], strict=True)
    )


def _packed(cells: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, cells, allow_pickle=False)
    return zlib.compress(stream.getvalue())
