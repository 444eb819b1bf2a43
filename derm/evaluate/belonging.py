"""Whether what was measured belongs to the loaded weights and to the data set at hand, in one sentence where not.

Needs what `measured_on` says, the images that were measured, and the data set's table. Draws and measures nothing.
"""

from collections.abc import Mapping
from shlex import quote
from typing import Any

import numpy as np
import pandas as pd

from derm.data.identity import (
    lesions_sha256,
    rows_sha256,
    same_greys,
    same_masks,
    same_pictures,
    sources_sha256,
)
from derm.diagnoses import CODES
from derm.errors import WeightsFault
from derm.language.speech import mark, number, say
from derm.model.weights import Model, WeightsInfo, default_weights
from derm.predict.open import identity_of
from derm.predict.record import calibration_of

UNRECORDED = mark(
    "These results do not record how the measured pictures look, as newer ones do. Their names and diagnoses agree "
    "with this data set; to be sure of the pictures, measure anew."
)
"""Said of results that are older than the record."""


CURE = mark("measure this one with {command}, or start the app with DERM_DATA set to that one.")
NAMED_CURE = mark("give --data the data set that they are of, or measure this one with {command}.")
"""The cure for a command that was given results and a data set."""
UNSEEN_IMAGES = mark(
    "{count:,} of the {total:,} images of these results are not in this data set, {first} for one, so they are of "
    "another: {cure}"
)
OTHER_DIAGNOSES = mark(
    "{count:,} of the {total:,} images of these results have another diagnosis in this data set, {first} for one, so "
    "they are of another or were changed since: {cure}"
)
OTHER_PICTURES = mark(
    "This data set has other pictures under the names of the {total:,} images of these results: {cure}"
)
OTHER_LESIONS = mark(
    "In this data set the {total:,} images of these results are of other lesions, which figures and intervals count, "
    "so the results are of another or it was changed since: {cure}"
)
OTHER_MASKS = mark(
    "This data set has other masks for the {total:,} images of these results, so they are of another or it was changed "
    "since: {cure}"
)
OTHER_SOURCES = mark(
    "In this data set the {total:,} images of these results are of other sources, by whose names figures are told, "
    "{source} for one, so the results are of another or it was changed since: {cure}"
)


TEMPERATURE, THRESHOLD = mark("temperature"), mark("referral threshold")
OUTLINE, SHIFT = mark("outline's threshold"), mark("evidence's shift")
SIZE, CALIBRATION = mark("input size"), mark("calibration")
"""What a description may change while the tensors, and with them their SHA-256, stay. The calibration is all of it but
the size: what has changed is said more plainly before."""

WeightsState = Mapping[str, Any]
"""Values by these names; None, or no value, where results do not record it."""


def state_of(description: WeightsInfo) -> WeightsState:
    """What weights are set to."""
    return {
        SIZE: description.model.input_size,
        TEMPERATURE: description.temperature,
        THRESHOLD: description.referral_threshold,
        OUTLINE: description.mask_threshold,
        SHIFT: dict(description.evidence_shift),
        CALIBRATION: calibration_of(description),
    }


def changed_setting(before: WeightsState, description: WeightsInfo) -> str | None:
    """The name of what was `before` another than it is now; None where all that was recorded is as it was."""
    now = state_of(description)
    return next((name for name in now if before.get(name) not in (None, now[name])), None)


def told(value: Any) -> str:  # noqa: ANN401 (whatever a setting is)
    """A setting's value as it is said."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {told(one)}" for name, one in value.items()) or say("not set")
    if value is None:
        return say("not set")
    return number(value, ".4g") if isinstance(value, float) else str(value)


def other_weights(about: Mapping[str, Any], before: WeightsState, model: Model) -> str | None:
    """The sentence for results of other weights than `model`, or of these with other settings; None where they are of
    these. before: what results record of the settings."""
    if about["sha256"] != model.sha256:
        return say(
            "These are results of other weights ({weights} {own}) than the loaded ones ({loaded}): "
            "measure the loaded ones with {command}, or start the app with DERM_WEIGHTS set to those.",
            weights=about["weights"],
            own=about["sha256"][:8],
            loaded=model.sha256[:8],
            command=command(about, model),
        )
    name = changed_setting(before, model.description)
    if name is None:
        return None
    return say(
        "These results are of {weights} with the {name} {before}, which is {now} now: measure anew with {command}, or "
        "start the app with DERM_WEIGHTS set to the weights as they were.",
        weights=about["weights"],
        name=say(name),
        before=told(before[name]),
        now=told(state_of(model.description)[name]),
        command=command(about, model),
    )


def other_data(
    about: Mapping[str, Any], measured: pd.DataFrame, table: pd.DataFrame, cure: str = CURE, whole: bool = True
) -> str | None:
    """The sentence for results of another data set than `table`, of a catalogue; None where they are of it.

    about: of `derm.evaluate.dataset.measured_on`. measured: image_id and dx_true, text, one row an image that was
    measured. Names and diagnoses must agree, and where the results record them, the pictures, lesions and masks.
    cure: of this module. whole: False for results that may be of other sources, too: those images that the data set has
    must agree, but for lesions and masks, which are recorded of all together.
    """
    total, cure = len(measured), say(cure, command=command(about))
    own = table.drop_duplicates("image_id").set_index("image_id")
    unseen = ~measured["image_id"].isin(own.index)
    if unseen.any() and whole:
        first = measured["image_id"][unseen].iloc[0]
        return say(UNSEEN_IMAGES, count=int(unseen.sum()), total=total, first=first, cure=cure)
    measured = measured[~unseen]
    dx = own.loc[measured["image_id"], "dx"].astype(str).to_numpy()
    differs = dx != measured["dx_true"].astype(str).to_numpy()
    if not whole:  # the diagnosis may be of another folder that has the same image
        differs &= np.isin(dx, CODES)
    if differs.any():
        first = measured["image_id"][differs].iloc[0]
        return say(OTHER_DIAGNOSES, count=int(differs.sum()), total=total, first=first, cure=cure)
    if not is_recorded(about):
        return None
    pictures = about["identity"]["pictures"]
    if not whole:
        pictures = {name: greys for name, greys in pictures.items() if name in own.index}
    if not same_pictures({"pictures": pictures}, table):
        return say(OTHER_PICTURES, total=len(measured), cure=cure)
    return _other_lesions_or_masks(about["identity"], measured, own, cure) if whole else None


def _other_lesions_or_masks(
    recorded: Mapping[str, Any], measured: pd.DataFrame, own: pd.DataFrame, cure: str
) -> str | None:
    """The sentence where the images fall into other lesions than was recorded, or their masks are others; else None.

    own: the data set's table by image_id.
    """
    if recorded.get("rows") != rows_sha256(measured["image_id"], measured["dx_true"]):
        return None  # the record is of these rows in this order alone
    present = own.loc[measured["image_id"]].reset_index()
    if recorded.get("lesions") not in (None, lesions_sha256(present)):
        return say(OTHER_LESIONS, total=len(measured), cure=cure)
    if recorded.get("masks") is not None and not same_masks(recorded["masks"], present):
        return say(OTHER_MASKS, total=len(measured), cure=cure)
    return None


def other_sources(
    about: Mapping[str, Any], measured: pd.DataFrame, table: pd.DataFrame, cure: str = CURE, whole: bool = True
) -> str | None:
    """The sentence for results whose figures by source stand under other names than `table` has; arguments as of
    `other_data`, which is asked first. None where they agree, or the results are too old to record it.

    The name of a single source is not asked: it is often that of a folder, which may be moved. whole: False to ask of
    results that may be of other sources, too: whether a name stands for what another one stood for.
    """
    recorded = about["identity"].get("sources") if is_recorded(about) else None
    if not recorded or about["identity"].get("rows") != rows_sha256(measured["image_id"], measured["dx_true"]):
        return None
    own = table[table["image_id"].isin(measured["image_id"])].drop_duplicates("image_id")
    present = sources_sha256(own)
    differing = [name for name in sorted(recorded) if present.get(name) != recorded[name]]
    if not whole:  # an image that two folders have may be counted under the other one
        differing = [name for name in differing if present.get(name) in recorded.values()]
    if not differing or (whole and len(recorded) == len(present) == 1):
        return None
    return say(OTHER_SOURCES, total=len(measured), source=differing[0], cure=say(cure, command=command(about)))


PICTURES, LESIONS, MASKS = mark("pictures"), mark("lesions"), mark("masks")
"""In what results of images with the same names and diagnoses may differ, by their records."""


def recorded_apart(first: Mapping[str, Any], second: Mapping[str, Any]) -> str | None:
    """In which of `PICTURES`, `LESIONS` and `MASKS` two results of the same images differ; None where they agree.

    first, second: of `measured_on`. What one of them does not record is not asked.
    """
    one, other = (about.get("identity") or {} for about in (first, second))
    own, found = (record.get("pictures") or {} for record in (one, other))
    if not same_greys({name: greys for name, greys in own.items() if name in found}, found):
        return PICTURES
    if one.get("rows") != other.get("rows"):
        return None  # the other records are of these rows in this order alone
    for name, what in (("lesions", LESIONS), ("masks", MASKS)):
        if None not in (one.get(name), other.get(name)) and one[name] != other[name]:
            return what
    return None


def is_recorded(about: Mapping[str, Any]) -> bool:
    """Whether results record how the measured pictures look."""
    recorded = about.get("identity")
    return isinstance(recorded, dict) and isinstance(recorded.get("pictures"), dict)


def command(about: Mapping[str, Any], model: Model | None = None) -> str:
    """The command that measures anew what `about` is of, for Markdown; model: with these weights, not with its own."""
    verb = "explain" if "methods" in about else "evaluate"
    wanted = (
        (about["sha256"], about.get("calibration"))
        if model is None
        else (model.sha256, calibration_of(model.description))
    )
    more = "" if _are_shipped(*wanted) else " --weights FILE"  # without it the command takes those that come with Derm
    more += f" --split {about['part']}"
    more += " --split-by image" if about.get("split_by") == "image" else ""
    more += "".join(f" --leave-out {quote(source)}" for source in about.get("left_out", ()))
    return f"`derm {verb} --data DIR{more} --out DIR`"


def _are_shipped(sha256: str, calibration: str | None) -> bool:
    """Whether those are the weights that come with Derm; older results record no calibration."""
    try:
        shipped = identity_of(default_weights())
    except WeightsFault:
        return False
    return sha256 == shipped["sha256"] and calibration in (None, shipped["calibration"])
