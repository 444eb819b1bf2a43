"""A reader study's design: fixed cases, readers and arms, with the answers that they will see, frozen by one hash.

Needs a catalogue and a loaded `Model` to make one; to read one, nothing but its folder, in which pictures and answers
lie. So neither weights nor thresholds can change while it runs, and the model need not even be there.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from derm import __version__
from derm.data.catalogue import Catalogue
from derm.data.split import split_catalogue
from derm.data.store import read_pair
from derm.diagnoses import CODES, DIAGNOSES, INDEX
from derm.errors import ConfigFault, StudyFault
from derm.files import as_text, close_to_others, is_named, make_folder, making_folder, read_json, write_json
from derm.image.overlay import jpeg
from derm.json_checks import (
    Check,
    all_of,
    fault_of,
    is_count,
    is_finite,
    is_number,
    is_number_or_none,
    is_shallow,
    is_switch,
    is_text,
    is_text_or_none,
    list_of,
    none_or,
    object_with,
)
from derm.language.speech import mark, say
from derm.model.weights import Model
from derm.predict import words
from derm.predict.case import Case, diagnose
from derm.predict.record import calibration_of, record_of
from derm.predict.view import draw_view
from derm.records import entry, store
from derm.records.chain import canonical

FILE = "study.json"
OPINIONS = "opinions.jsonl"
PICTURES = "pictures"
FORMAT = 1

WITHOUT, WITH, EXPLAINED = "without", "with", "explained"
ARMS = (WITHOUT, WITH, EXPLAINED)
"""Without the answer; with it; with it and its outline and heat map."""

MOST_DAYS = 36_500
"""Below which a washout is, for a date to be found after it."""

LEAST = 2
"""Malignant cases, and benign ones: with one left out there must be one."""

SIDE = 900
"""Longer side of a picture, pixels."""

Progress = Callable[[int, int], None]
"""Told (done, total)."""

CASE_FIELDS: dict[str, Check] = {
    "id": is_text,
    "source_id": is_text,
    "truth": lambda value: value in CODES,
    "picture": is_text,
    "outline": is_text,
    "heat": is_text,
    "sentences": list_of(is_text),
    "says_malignant": none_or(is_switch),
    "record": all_of(
        object_with({"p_malignant": is_number_or_none, "dx_pred": is_text_or_none}), is_shallow, is_finite
    ),
}
"""Of a `StudyCase` in a study's file."""


def _both_kinds(cases: list[dict[str, Any]]) -> bool:
    """Whether there are malignant and benign cases, `LEAST` of each, and each with a number of its own."""
    kinds = [DIAGNOSES[INDEX[one["truth"]]].malignant for one in cases]
    return min(sum(kinds), len(kinds) - sum(kinds)) >= LEAST and len({one["id"] for one in cases}) == len(cases)


FIELDS: dict[str, Check] = {
    **dict.fromkeys(("hash", "name", "created_at", "weights", "weights_sha256", "calibration", "software"), is_text),
    "format": is_count,
    "readers": all_of(list_of(is_text), lambda names: 0 < len(names) == len(set(names))),
    "arms": lambda arms: isinstance(arms, list) and len(arms) > 1 and all(arms.count(one) == 1 for one in arms)
    and all(one in ARMS for one in arms),
    "washout_days": lambda days: is_count(days) and days < MOST_DAYS,
    "seed": lambda seed: is_number(seed) and isinstance(seed, int),
    "cases": all_of(list_of(object_with(CASE_FIELDS)), _both_kinds),
}  # fmt: skip
"""Of a `StudyDesign` in a study's file."""


@dataclass(frozen=True)
class StudyCase:
    """One case, and the answer for it."""

    id: str
    """Its number in the study, which tells nothing of its name."""

    source_id: str
    """Name of the image in the data that it was taken from."""

    truth: str
    """Code of its diagnosis."""

    picture: str
    """SHA-256 of the JPEG file that readers see."""

    outline: str
    """The same with the outline."""

    heat: str
    """The same with the evidence for the likeliest diagnosis; '' where there is none."""

    sentences: tuple[str, ...]
    """The answer as the page Diagnose says it."""

    says_malignant: bool | None
    """Whether the answer advises referral or, without a threshold, names a malignant diagnosis; None for no answer."""

    record: dict[str, Any]
    """Of `derm.predict.record`."""

    @property
    def malignant(self) -> bool:
        """Whether the case is malignant."""
        return DIAGNOSES[INDEX[self.truth]].malignant


@dataclass(frozen=True)
class StudyDesign:
    """All that is fixed before the first reader begins."""

    name: str
    created_at: str
    """See `derm.records.entry.now`."""

    readers: tuple[str, ...]
    arms: tuple[str, ...]
    washout_days: int
    """Between the last opinion of one arm and the first of the next, at least."""

    seed: int
    weights: str
    weights_sha256: str
    calibration: str
    """Of the thresholds, see `derm.predict.record.calibration_of`."""

    software: str
    cases: tuple[StudyCase, ...]

    @property
    def hash(self) -> str:
        """SHA-256 of all of it, 64 hexadecimal digits."""
        return hashlib.sha256(canonical(self.as_dict()).encode()).hexdigest()

    def case(self, key: str) -> StudyCase:
        """The case with this number. Raises StudyFault where there is none."""
        for one in self.cases:
            if one.id == key:
                return one
        raise StudyFault(
            say(
                "The study {name} has no case {key}.",
                name=self.name,
                key=key,
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        cases = [{**vars(one), "sentences": list(one.sentences)} for one in self.cases]
        return {**vars(self), "readers": list(self.readers), "arms": list(self.arms), "cases": cases, "format": FORMAT}


FEW_MALIGNANT = mark(
    "The data has {found:,} malignant lesions to draw and the study wants {wanted:,}: it needs at least {least} of "
    "each kind and no more than there are; those that the weights learned from are not drawn."
)
FEW_BENIGN = mark(
    "The data has {found:,} benign lesions to draw and the study wants {wanted:,}: it needs at least {least} of each "
    "kind and no more than there are; those that the weights learned from are not drawn."
)


def choose_cases(
    catalogue: Catalogue, count: int, malignant_share: float, seed: int, known: NDArray[np.bool_] | None = None
) -> list[str]:
    """Names of `count` images by lot, so many of them malignant, one of a lesion; only those with one of the seven.

    Lesions are those of the split, which joins near duplicates: cases count as independent. malignant_share: 0 … 1.
    known: bool (n,), rows of the catalogue whose lesion the weights know, which are not drawn. Raises ConfigFault where
    there are too few, or the seed is negative, and DataFault where lesions are not known.
    """
    if count < 4 or not 0 < malignant_share < 1:
        raise ConfigFault(say("A study has at least 4 cases, and a share of malignant ones above 0 and below 1."))
    if seed < 0:
        raise ConfigFault(say("Seed {seed} is negative: give a whole number from 0 on.", seed=seed))
    fit = catalogue.table["dx"].isin(CODES).to_numpy() & (True if known is None else ~known)
    table = catalogue.table.assign(lesion=split_catalogue(catalogue).lesions)[fit]
    lot = np.random.default_rng(seed)
    table = table.iloc[lot.permutation(len(table))].drop_duplicates("lesion")
    ill = table["dx"].map(lambda code: DIAGNOSES[INDEX[code]].malignant).to_numpy(dtype=bool)
    wanted = round(count * malignant_share)
    for few, rows, number in ((FEW_MALIGNANT, ill, wanted), (FEW_BENIGN, ~ill, count - wanted)):
        if rows.sum() < max(number, LEAST) or number < LEAST:
            raise ConfigFault(say(few, found=int(rows.sum()), wanted=number, least=LEAST))
    chosen = [*table["image_id"][ill][:wanted], *table["image_id"][~ill][: count - wanted]]
    return [str(chosen[place]) for place in lot.permutation(count)]


def new_study(
    folder: Path,
    catalogue: Catalogue,
    model: Model,
    image_ids: Sequence[str],
    *,
    readers: Sequence[str],
    arms: Sequence[str] = ARMS,
    washout_days: int = 28,
    seed: int = 0,
    progress: Progress | None = None,
) -> StudyDesign:
    """Ask `model` about each image, and write the study with all pictures into the new folder `folder`.

    Raises StudyFault, ConfigFault or DataFault in one sentence where it cannot be begun, and ConfigFault where another
    study came into the folder meanwhile.
    """
    if as_text(folder.name) != folder.name:
        raise StudyFault(
            say("{folder} cannot name a study, for it is not UTF-8: name another folder.", folder=as_text(str(folder)))
        )
    if is_named(folder / FILE):
        raise StudyFault(
            say(
                "{folder} holds a study already: name another one.",
                folder=folder,
            )
        )
    if is_named(folder / PICTURES):  # of a study that was killed: its cases are not those of this one
        raise StudyFault(
            say(
                "{folder} holds pictures, but no study: delete them, or name another folder.",
                folder=folder,
            )
        )
    if is_named(folder / OPINIONS):  # of a former study: no reader of this one could add to its chain
        raise StudyFault(
            say(
                "{folder} holds the opinions of a former study, {file}: move that file away, or name another folder.",
                folder=folder,
                file=OPINIONS,
            )
        )
    named = tuple(entry.name(one, entry.READER_NAME) for one in readers)
    _check(named, arms, washout_days, image_ids)
    rows = catalogue.table.set_index("image_id")
    for image_id in image_ids:
        if image_id not in rows.index or rows.at[image_id, "dx"] not in CODES:
            raise StudyFault(
                say(
                    "'{image_id}' is no image of this data with one of the seven diagnoses: leave it out.",
                    image_id=image_id,
                )
            )
    ill = sum(DIAGNOSES[INDEX[str(rows.at[image_id, "dx"])]].malignant for image_id in image_ids)
    if min(ill, len(image_ids) - ill) < LEAST:
        raise ConfigFault(
            say(
                "A study needs at least {least} malignant and {least} benign cases, and these are "
                "{malignant} and {benign}: name others.",
                least=LEAST,
                malignant=ill,
                benign=len(image_ids) - ill,
            )
        )
    new = not folder.exists()
    make_folder(folder)
    close_to_others(folder)  # readers shall not find the diagnoses there, nor others what they have answered
    cases = []
    try:
        # Of two who make a study here at once the first has the folder of pictures, and the other's go.
        with making_folder(folder / PICTURES) as pictures:
            for number, image_id in enumerate(image_ids):
                row = rows.loc[image_id]
                image, _ = read_pair(str(row["image_path"]), "")
                case = diagnose(model, image, f"Case {number + 1}")
                cases.append(_kept(pictures, case, model, f"{number + 1:03d}", image_id, str(row["dx"])))
                if progress is not None:
                    progress(number + 1, len(image_ids))
            study = StudyDesign(
                folder.name, entry.now(), named, tuple(arms), washout_days, seed, model.label, model.sha256,
                calibration_of(model.description), f"derm {__version__}", tuple(cases),
            )  # fmt: skip
            pictures.rename(folder / PICTURES)
        try:
            write_json(folder / FILE, study.as_dict() | {"hash": study.hash})
            close_to_others(folder / FILE)
        except BaseException:
            shutil.rmtree(folder / PICTURES, ignore_errors=True)
            raise
    except BaseException:
        if new:
            with suppress(OSError):  # another study is made there
                folder.rmdir()
        raise
    return study


def read_study(folder: Path) -> StudyDesign:
    """The study in `folder`. Raises StudyFault where there is none, or it is not what it was when it was made."""
    damaged = StudyFault(say("{file} is missing or damaged: make the study with `derm study new`.", file=folder / FILE))
    try:
        content = read_json(folder / FILE)
    except (OSError, ValueError) as error:
        raise damaged from error
    if fault_of(content, FIELDS) is not None:
        raise damaged
    told, form = content["hash"], content["format"]
    cases = tuple(
        StudyCase(**_only(one, CASE_FIELDS) | {"sentences": tuple(one["sentences"])}) for one in content["cases"]
    )
    given = {name: content[name] for name in FIELDS if name not in ("hash", "format")}
    lists = {"readers": tuple(content["readers"]), "arms": tuple(content["arms"]), "cases": cases}
    study = StudyDesign(**given | lists)
    if form != FORMAT or study.hash != told:
        raise StudyFault(
            say("{file} is not what it was when the study was made: put it back from a copy.", file=folder / FILE)
        )
    return study


def find_studies(folder: Path) -> list[str]:
    """Names of the studies in `folder`; one whose name is not UTF-8 is none, for no page can show it."""
    names = (path.parent.name for path in folder.glob(f"*/{FILE}"))
    return sorted(name for name in names if as_text(name) == name)


def _only(given: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: given[name] for name in names}


def picture_of(folder: Path, name: str) -> bytes:
    """A picture of the study in `folder`, a JPEG file, by its SHA-256. Raises RecordsFault where it was changed."""
    return store.read(folder / PICTURES, name)


def _check(readers: Sequence[str], arms: Sequence[str], washout_days: int, image_ids: Sequence[str]) -> None:
    if not readers or len(set(readers)) < len(readers):
        raise ConfigFault(say("A study needs readers with names of their own: give each once."))
    if len(arms) < 2 or len(set(arms)) < len(arms) or not set(arms) <= set(ARMS):
        raise ConfigFault(
            say(
                "A study compares two or more of the arms {arms}, each once.",
                arms=", ".join(ARMS),
            )
        )
    if not 0 <= washout_days < MOST_DAYS:
        raise ConfigFault(
            say(
                "A washout of {washout_days} days is none: give 0 to {most:,}.",
                washout_days=washout_days,
                most=MOST_DAYS - 1,
            )
        )
    if len(set(image_ids)) < len(image_ids) or not image_ids:
        raise ConfigFault(say("A study needs images, each once."))


def _kept(pictures: Path, case: Case, model: Model, key: str, image_id: str, truth: str) -> StudyCase:
    """A case with what readers will see of it."""
    index = INDEX[case.predicted.code]
    evident = case.answerable and not case.evidence[index].flat
    said = [*words.doubt_sentences(case, model.description), words.headline(case), words.second_line(case)]
    if case.answerable:
        said.append(" ".join(words.conformal_set(case)).strip())
    record = record_of(case, image_id=key, file=key)
    advice = case.above_referral
    return StudyCase(
        key,
        image_id,
        truth,
        store.keep(pictures, jpeg(draw_view(case, "Original", index, 0.5, SIDE))),
        store.keep(pictures, jpeg(draw_view(case, "Outline", index, 0.5, SIDE))),
        store.keep(pictures, jpeg(draw_view(case, "Heat map", index, 0.5, SIDE))) if evident else "",
        tuple(one for one in said if one),
        (case.predicted.malignant if advice is None else advice) if case.answerable else None,
        record,
    )
