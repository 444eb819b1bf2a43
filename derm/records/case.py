"""A listed case on its way into the records: its file, its answer as it was shown, and where it belongs.

Needs a `ListedCase` with its picture, and the `Model` that answered. Knows no page.
"""

from datetime import date
from hashlib import sha256
from math import isclose
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from derm.errors import RecordsFault
from derm.image.scale import Scale
from derm.json_checks import is_number
from derm.language.speech import say
from derm.model.weights import Model
from derm.predict.case import Case
from derm.predict.case_list import ListedCase
from derm.predict.forms import forms_json
from derm.predict.packed import pack
from derm.predict.record import calibration_of
from derm.records.answer import kept_answer
from derm.records.connect import Records
from derm.records.entry import record_of
from derm.records.pictures import standing_outline
from derm.records.read import Entry, LesionHistory, PictureHistory
from derm.records.words import NO_FILE, OTHER_WEIGHTS
from derm.records.write import NewPicture, Opinion, Saved, add_answer, same_scale, save_case

SAME_SHARE = 1e-6
"""A record holds a share with nine digits, a page with all."""


def can_be_saved(listed: ListedCase) -> bool:
    """Whether the row holds a patient's picture with its file."""
    return listed.case is not None and listed.file is not None and bool(listed.digest) and not listed.drawn


def save_listed(
    records: Records,
    model: Model,
    actor: str,
    listed: ListedCase,
    *,
    pseudonym: str,
    lesion: str,
    site: str,
    day: date | str,
    mm_per_pixel: float | None = None,
    before: Opinion | None = None,
    lesion_known: bool | None = None,
) -> Saved:
    """Save a row of the list, with the answer that is shown now, see `derm.records.write.save_case`.

    An outline that was corrected on the page becomes a correction where none is kept, see `outline_since`; beside
    another one the answer is not kept, see `keep_other_answer`.
    mm_per_pixel: as the clinician gives it, where the case has none of its own, of the file or a ruler. lesion_known:
    see `NewPicture`. Raises RecordsFault where the row has no file, for another scale than the answer is measured with,
    and for what is no entry.
    """
    if listed.case is None or listed.file is None or not can_be_saved(listed):
        raise RecordsFault(say(NO_FILE))
    if listed.case.weights != model.label:
        raise RecordsFault(say(OTHER_WEIGHTS))
    own = listed.case.scale
    if mm_per_pixel is not None and own is not None and not same_scale(own.mm_per_pixel, mm_per_pixel):
        raise RecordsFault(
            say(
                "The answer is measured with {own:g} mm a pixel, not with {given:g}, and would be kept with sizes that "
                "do not belong to its picture: leave the field empty, or correct the scale on the page Diagnose first.",
                own=own.mm_per_pixel,
                given=mm_per_pixel,
            )
        )
    known = own if mm_per_pixel is None or own is not None else Scale(mm_per_pixel, "given")
    scale, source = (None, None) if known is None else (known.mm_per_pixel, known.source)
    height, width = listed.case.mask.shape
    new = NewPicture(pseudonym, lesion, site, day, listed.name, listed.file, width, height, scale, source, lesion_known)
    digest = sha256(listed.file).hexdigest()
    answer = kept_answer(listed.case, model, on=date.today(), sha256=digest)
    outline = None if listed.case.polygons is None else listed.case.outline
    return save_case(records, actor, new, before=before, answer=answer, outline=outline)


def picture_in(history: LesionHistory, picture_id: str) -> PictureHistory | None:
    """A kept picture of a lesion by its key; None where the lesion has no such picture."""
    every = (picture for visit in history.visits for picture in visit.pictures)
    return next((one for one in every if one.picture["id"] == picture_id), None)


def is_other_answer(case: Case, model: Model, kept: PictureHistory) -> bool:
    """Whether the answer that `case` shows is none of those that are kept of its picture: of other weights, over other
    views, at another share of malignant lesions, with other forms beside it, or where other diagnoses are told not to
    have been learned."""
    return kept_as(case, model, kept) is None


def kept_as(case: Case, model: Model, kept: PictureHistory) -> Entry | None:
    """The newest answer kept of a picture that is the one which `case` shows; None where it is another one."""
    return next((one for one in reversed(kept.answers) if _is_answer(case, model, one)), None)


def _is_answer(case: Case, model: Model, answer: Entry) -> bool:
    own = (model.sha256, calibration_of(model.description), case.views)
    if own != (answer["weights_sha256"], answer["calibration"], answer["views"]):
        return False
    forms = forms_json(case.forms)
    if (record_of(answer["shown"]) or {}).get("forms", forms) != forms:
        return False
    record = record_of(answer["record"]) or {}
    if list(case.not_learned or ()) != (record.get("not_learned") or []):  # none are not kept, see `kept_answer`
        return False
    told: Any = record.get("malignant_share")
    if case.mix_share is None or not is_number(told):
        return case.mix_share is told is None
    return isclose(case.mix_share, told, abs_tol=SAME_SHARE)


def is_all_kept(case: Case, model: Model, kept: PictureHistory) -> bool:
    """Whether the records have the answer that `case` shows of a picture, and the outline and the scale that lesion and
    outline are measured with."""
    return not (is_other_answer(case, model, kept) or _outline_lacks(case, kept) or _scale_lacks(case, kept))


class OtherOutline(NamedTuple):
    """An outline, bool (H, W), that a page shows, and that is not the one that stands in the records: the model's own,
    one that was drawn and kept before another one, or one that is not kept yet, beside another one that was drawn or
    the model's."""

    outline: NDArray[np.bool_]
    kind: Literal["model", "former", "other", "new"]


def outline_since(case: Case, kept: PictureHistory) -> OtherOutline | None:
    """The outline that the page shows, where it is another than stands in the records; None for none."""
    standing, corrected = standing_outline(kept.answers, kept.corrections)
    if case.polygons is None and not corrected:
        return None  # the model's own, which its answer keeps
    outline = case.outline
    packed = pack(outline)
    if corrected and standing == packed:
        return None
    if case.polygons is None:
        return OtherOutline(outline, "model")
    if packed in [row["outline"] for row in kept.corrections]:
        return OtherOutline(outline, "former")
    return OtherOutline(outline, "other" if corrected else "new")


def keep_other_answer(records: Records, actor: str, case: Case, model: Model, kept: PictureHistory) -> str:
    """Keep the answer that `case` shows of a picture beside those before it, which stay; its key comes back.

    Raises RecordsFault where it is measured with a scale, or in an outline, that the records do not have.
    """
    if _outline_lacks(case, kept):
        raise RecordsFault(
            say("The answer is measured in an outline that the records do not have: save the outline first.")
        )
    if case.scale is not None and _scale_lacks(case, kept):
        raise RecordsFault(
            say(
                "The answer is measured with {own:g} mm a pixel, and its picture is kept with another scale, or "
                "without one: take the scale off on the page Diagnose first.",
                own=case.scale.mm_per_pixel,
            )
        )
    answer = kept_answer(case, model, on=date.today(), sha256=kept.picture["sha256"])
    return add_answer(records, actor, kept.picture["id"], answer)


def _outline_lacks(case: Case, kept: PictureHistory) -> bool:
    """Whether the page shows an outline that the records have nowhere, not even among those that stood."""
    other = outline_since(case, kept)
    return other is not None and other.kind in ("other", "new")


def _scale_lacks(case: Case, kept: PictureHistory) -> bool:
    """Whether the page measures with a scale that neither the records nor the picture's file have."""
    if case.scale is None or case.scale.source == "DICOM":
        return False
    return not same_scale(kept.picture["mm_per_pixel"], case.scale.mm_per_pixel)


def scale_since(case: Case, kept: PictureHistory) -> float | None:
    """Millimetres a pixel that were given on the page and are not those that its picture is kept with; None for none.

    What stands in the picture's file is nobody's entry, but another one than the picture is kept with all the same.
    """
    known = kept.picture["mm_per_pixel"]
    if case.scale is None or (case.scale.source == "DICOM" and known is None):
        return None
    given = case.scale.mm_per_pixel
    return None if same_scale(known, given) else given
