"""A close look at a data set folder: counts, and every fault with its cure.

Needs a catalogue that was read with `strict=False`; decodes every image and every mask once, on all cores.
Does not mend anything, and does not know whether a diagnosis or an outline is right.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from derm.data.catalogue import HAM10000, SYNTHETIC, Catalogue, impossible_ages, picture_files, unreadable_diagnoses
from derm.data.diagnosis_words import UNKNOWN, contradict
from derm.data.looks import SIDE, find_copies, first_of_copies, look_at
from derm.data.masks import MaskLook, judge_masks, look_at_mask
from derm.data.recognise import name_rows, shipped_pictures
from derm.data.remarks import (
    DIVIDED,
    INCOMPLETE,
    NO_LESION,
    OTHER_METADATA,
    SOME_METADATA,
    STRANGE_PAIRS,
    UNMATCHED,
    UNREAD_AGE,
)
from derm.diagnoses import CODES, DIAGNOSES
from derm.errors import ImageRefused
from derm.image.decode import lesion_of, mask_levels, open_image, read_mask_values
from derm.language.speech import mark, say

HAM10000_ROWS = 10_015
AUGMENTED_ROWS = (13_354, 18_832)
"""Row counts of copies that circulate with augmented images as rows of their own: a leak between parts."""

TO_LOOK_AT = (
    "fewer rows", INCOMPLETE, SOME_METADATA, NO_LESION, STRANGE_PAIRS, "no masks", "mask full", "masks soft", "copies",
)  # fmt: skip
"""Findings that are no fault by themselves: HAM10000 as published has two lesions that fill their picture, a subset or
a set without masks can be trained on, a lesion without a name is taken for its own, and pairs may be of two sets."""

MOST_LABELS = 8
"""Values of a mask above which they are no labels, but soft edges."""

EDGE = 0.1
"""Share of the highest value up to which, from either end, a value counts as black or white."""

SOFT = 0.25
"""Share of the pixels above 0 from which values in between are areas of their own, and no soft edge."""

SHOWN = 10
"""Findings of one kind that `report_lines` spells out."""

DOWNLOAD = "https://doi.org/10.7910/DVN/DBW86T"

# Each kind of finding with its cure, in the order of the report; {codes} and {download} are filled in.
CURES = {
    mark("row count"): mark(
        "take all rows of the original download ({download}): with other rows, results cannot be compared"
    ),
    mark("fewer rows"): mark(
        "say with each figure that it holds for this subset: it cannot be compared with others' figures"
    ),
    mark("unknown class"): mark("write one of {codes} in the table, or delete the row"),
    mark("duplicate id"): mark("keep one row for each image in the table"),
    mark("picture of several rows"): mark("keep one row for each picture in the table, or copy the missing file there"),
    mark("labels disagree"): mark(
        "correct the wrong table, or remove the ground truth: then the metadata alone counts"
    ),
    UNMATCHED: mark("give both tables the same ids, or remove the ground truth: then the metadata alone counts"),
    INCOMPLETE: mark("take both tables from one download where all rows are to be compared"),
    OTHER_METADATA: mark("give both tables the same ids, or remove the metadata: then each image is its own lesion"),
    SOME_METADATA: mark("take both tables from one download: images of one lesion could lie on both sides of a split"),
    mark("lesion with several diagnoses"): mark("correct the lesion or the diagnosis in the table: a lesion has one"),
    mark("copies disagree"): mark("correct the wrong diagnosis, or remove one of the files: a photograph has one"),
    DIVIDED: mark("write one part for all pictures of a lesion and of a patient"),
    NO_LESION: mark(
        "name the lesion in the table where several images show one: they could lie on both sides of a split"
    ),
    STRANGE_PAIRS: mark(
        "write the ids or the files of this folder's images; pairs with images of another data set count where both "
        "are read together"
    ),
    mark("impossible age"): mark("correct it in the table, or leave it empty; 999 and -1 are not read as missing"),
    UNREAD_AGE: mark("write years as a number, or leave the cell empty"),
    mark("image missing"): mark("unpack the image archives again, or delete the row"),
    mark("image unreadable"): mark("copy the file again from the original download ({download})"),
    mark("image without a row"): mark("add a row for it to the table, or remove the file: it is not used"),
    mark("copies"): mark(
        "measure on other images: weights that learned from these know them; a split keeps them in their part"
    ),
    mark("no masks"): mark(
        "unpack HAM10000_segmentations_lesion_tschandl.zip ({download}) beside the images, or train diagnoses "
        "alone: without masks no outline is learned"
    ),
    mark("mask missing"): mark(
        "unpack HAM10000_segmentations_lesion_tschandl.zip ({download}) beside the images: without masks "
        "no outline can be learned"
    ),
    mark("mask unreadable"): mark("copy the file again from the original download ({download})"),
    mark("mask of another size"): mark("take image and mask from one download, or scale the mask by nearest neighbour"),
    mark("mask empty"): mark("copy the file again from the original download ({download}), or draw the outline anew"),
    mark("masks full"): mark(
        "copy the masks again from their source: a network trained on these calls every pixel lesion"
    ),
    mark("masks inverted"): mark("exchange black and white in these masks, so that the lesion is white"),
    mark("masks misplaced"): mark(
        "lay the masks over their pictures and look: turn, move or rename them until they fit"
    ),
    mark("mask inverted"): mark("exchange black and white in this mask, so that the lesion is white"),
    mark("mask of several labels"): mark("keep the lesion's label alone: every value but 0 counts as lesion"),
    mark("masks soft"): mark(
        "nothing, if half of the highest value is where the outline lies: what is above counts as lesion"
    ),
    mark("mask full"): mark("look at the image: a lesion may fill it, but an inverted or failed mask looks the same"),
}


def cure_of(kind: str) -> str:
    """What mends findings of a kind, one of `CURES`."""
    return say(CURES[kind], codes=", ".join(CODES), download=DOWNLOAD)


@dataclass(frozen=True)
class Finding:
    """One fault."""

    kind: str  # one of CURES
    subject: str  # the file, as a path inside the data set folder, or the image id
    problem: str
    cure: str


@dataclass(frozen=True)
class DataReport:
    """What a data set folder holds and what is wrong with it.

    counts: columns dx, name, images, lesions; the seven in the order of `CODES`, then unknown codes by alphabet.
    An image with several rows counts once, with its first row. Lesions are 0 where the layout does not name them.
    """

    folder: Path
    layout: str
    counts: pd.DataFrame
    n_images: int
    n_lesions: int
    n_masks: int
    missing_age: int
    missing_sex: int
    missing_localization: int
    findings: tuple[Finding, ...]  # in the order of CURES, then by subject

    @property
    def faulty(self) -> bool:
        """Whether anything was found that must be mended, beside what is only to be looked at."""
        return any(finding.kind not in TO_LOOK_AT for finding in self.findings)


def check_data(catalogue: Catalogue, progress: Callable[[int, int], None] | None = None) -> DataReport:
    """Look at every row, image and mask of `catalogue`; the answer does not depend on the number of cores.

    `progress` is called with (images done, images in all) after each image, in the caller's thread.
    """
    images = catalogue.table.drop_duplicates("image_id")
    findings = [
        *(_find(remark.kind, remark.subject, remark.problem) for remark in catalogue.remarks),
        *_check_rows(catalogue),
        *_check_files(catalogue),
        *_check_pictures(catalogue, images, progress),
    ]
    order = {kind: place for place, kind in enumerate(CURES)}
    return DataReport(
        folder=catalogue.folder,
        layout=catalogue.layout,
        counts=_count_classes(images),
        n_images=len(images),
        n_lesions=_count_lesions(images),
        n_masks=int((images["mask_path"] != "").sum()),
        missing_age=int(images["age"].isna().sum()),
        missing_sex=int((images["sex"] == "unknown").sum()),
        missing_localization=int((images["localization"] == "unknown").sum()),
        findings=tuple(sorted(findings, key=lambda finding: (order[finding.kind], finding.subject, finding.problem))),
    )


def _find(kind: str, subject: str, problem: str) -> Finding:
    return Finding(kind, subject, problem, cure_of(kind))


def _count_lesions(images: pd.DataFrame) -> int:
    return images.loc[images["lesion_id"] != "", "lesion_id"].nunique()


def _count_classes(images: pd.DataFrame) -> pd.DataFrame:
    names = {diagnosis.code: diagnosis.name for diagnosis in DIAGNOSES}
    names |= dict.fromkeys(sorted(set(images["dx"]) - set(CODES)), "not one of the seven")
    rows = []
    for code, name in names.items():
        of_class = images[images["dx"] == code]
        rows.append({"dx": code, "name": name, "images": len(of_class), "lesions": _count_lesions(of_class)})
    return pd.DataFrame(rows)


def _check_rows(catalogue: Catalogue) -> Iterator[Finding]:
    table = catalogue.table
    if len(table) != HAM10000_ROWS and (table["source"] == HAM10000).all():
        problem = _rows_problem(len(table))
        yield _find("row count" if len(table) > HAM10000_ROWS else "fewer rows", str(catalogue.folder), problem)
    for row in table[unreadable_diagnoses(catalogue)].itertuples():
        problem = (
            say("the diagnosis {dx!r} is not one of the seven", dx=row.dx)
            if row.dx != UNKNOWN
            else say("the diagnosis is missing")
        )
        yield _find("unknown class", str(row.image_id), problem)
    named = table[(table["lesion_id"] != "") & (table["dx"] != UNKNOWN)].drop_duplicates("image_id")
    several = named.groupby("lesion_id")["dx"].nunique()
    for lesion in several.index[several > 1]:
        own = named[named["lesion_id"] == lesion]
        if not contradict(own["dx"]):
            continue
        problem = say(
            "its {images} images bear the diagnoses {diagnoses}",
            images=len(own),
            diagnoses=", ".join(sorted(set(own["dx"]))),
        )
        yield _find("lesion with several diagnoses", str(lesion), problem)
    for image_id, rows in table[table["image_id"].duplicated(keep=False)].groupby("image_id"):
        diagnoses = ", ".join(sorted(set(rows["dx"])))
        yield _find(
            "duplicate id",
            str(image_id),
            say("{rows} rows in the table, with the diagnosis {diagnoses}", rows=len(rows), diagnoses=diagnoses),
        )
    alone = table.drop_duplicates("image_id")
    for file, rows in alone.groupby(picture_files(alone)):
        if file and len(rows) > 1:
            subject = _inside(catalogue.folder, str(rows["image_path"].iloc[0]))
            names = ", ".join(rows["image_id"])
            yield _find("picture of several rows", subject, say("it is the picture of the rows {names}", names=names))
    for row in catalogue.conflicts.itertuples():
        problem = say(
            "the metadata says {metadata}, the ground truth {ground_truth}",
            metadata=row.metadata,
            ground_truth=row.ground_truth,
        )
        yield _find("labels disagree", str(row.image_id), problem)
    for row in table[impossible_ages(table)].itertuples():
        yield _find("impossible age", str(row.image_id), say("an age of {age:g} is no number of years", age=row.age))


def _rows_problem(rows: int) -> str:
    """What is said of a HAM10000 with another number of rows."""
    if rows in AUGMENTED_ROWS:
        return say(
            "{rows:,} rows where HAM10000 has {published:,}: a copy with augmented images, whose twins would lie on "
            "both sides of a split",
            rows=rows,
            published=HAM10000_ROWS,
        )
    if rows < HAM10000_ROWS:
        return say("{rows:,} rows where HAM10000 has {published:,}", rows=rows, published=HAM10000_ROWS)
    return say(
        "{rows:,} rows where HAM10000 has {published:,}; copies with {few:,} or {many:,} rows hold augmented images",
        rows=rows,
        published=HAM10000_ROWS,
        few=AUGMENTED_ROWS[0],
        many=AUGMENTED_ROWS[1],
    )


def _check_files(catalogue: Catalogue) -> Iterator[Finding]:
    images = catalogue.table.drop_duplicates("image_id")
    for image_id in images.loc[images["image_path"] == "", "image_id"]:
        yield _find("image missing", image_id, say("has a row in the table but no .jpg, .jpeg or .png file"))
    for path in catalogue.unlisted:
        yield _find("image without a row", _inside(catalogue.folder, path), say("no row of the table names this image"))
    no_mask = images.loc[images["mask_path"] == "", "image_id"]
    if len(no_mask) == len(images):  # one finding, not ten thousand: ISIC 2018 task 3 comes without masks
        yield _find(
            "no masks", str(catalogue.folder), say("none of the {images:,} images has a mask", images=len(images))
        )
        return
    for image_id in no_mask:
        yield _find("mask missing", image_id, say("has no file {name}", name=f"{image_id}_segmentation.png"))


class _Pair(NamedTuple):
    image_path: str
    mask_path: str


class _Seen(NamedTuple):
    """What one image and its mask show: their findings, and for the set the mask's and the image's small copies, with
    the values of a mask that has soft edges, '' for another."""

    findings: list[Finding]
    mask: MaskLook | None
    look: np.ndarray  # uint8 (32, 32)
    soft: bool


def _check_pictures(
    catalogue: Catalogue, images: pd.DataFrame, progress: Callable[[int, int], None] | None
) -> Iterator[Finding]:
    folder = catalogue.folder
    pairs = [_Pair(*row) for row in images[["image_path", "mask_path"]].itertuples(index=False)]
    seen: list[_Seen] = []
    pool = ThreadPoolExecutor(os.cpu_count())  # threads suffice: decoders release the interpreter's lock
    try:
        for done, one in enumerate(pool.map(partial(_check_pair, folder), pairs), start=1):
            seen.append(one)
            if progress:
                progress(done, len(pairs))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for ten thousand images
    yield from _check_set(folder, seen)
    looks = np.array([one.look for one in seen], dtype=np.uint8)
    yield from _check_copies(catalogue, images, looks)
    yield from _check_diagnoses_of_copies(images, looks)


def _check_copies(catalogue: Catalogue, images: pd.DataFrame, looks: np.ndarray) -> Iterator[Finding]:
    """That images are of the shipped splits under other names. looks: uint8 (n, 32, 32), of the rows `images`."""
    names = name_rows(catalogue)
    lesion, exact = names.lesion.loc[images.index], names.exact.loc[images.index]
    nameless = ((lesion == "") & (images["source"] != SYNTHETIC)).to_numpy()
    alike = int((find_copies(looks[nameless], shipped_pictures()) >= 0).sum())
    renamed = int(((lesion != "") & ~exact).sum())
    if renamed or alike:
        problem = say(
            "{found:,} of {images:,} images are of the splits that come with Derm under other names, {renamed:,} by "
            "number or lesion, {alike:,} by their look",
            found=renamed + alike,
            images=len(images),
            renamed=renamed,
            alike=alike,
        )
        yield _find("copies", str(catalogue.folder), problem)


def _check_diagnoses_of_copies(images: pd.DataFrame, looks: np.ndarray) -> Iterator[Finding]:
    """That one photograph lies there twice with different ones of the seven. looks: uint8 (n, 32, 32), of `images`."""
    originals = images.iloc[first_of_copies(looks)]
    told = [zip(rows["image_id"].astype(str), rows["dx"].astype(str), strict=True) for rows in (images, originals)]
    for (image_id, dx), (other, other_dx) in zip(*told, strict=True):
        if dx != other_dx and {dx, other_dx} <= set(CODES):
            problem = say(
                "the same photograph as {other}, with the diagnosis {dx} in place of {other_dx}",
                other=other,
                dx=dx,
                other_dx=other_dx,
            )
            yield _find("copies disagree", image_id, problem)


def _check_set(folder: Path, seen: list[_Seen]) -> Iterator[Finding]:
    """The findings of each pair, and those of all masks together; a set of full masks is not told mask by mask."""
    with_mask = [(one.mask, one.look) for one in seen if one.mask is not None]
    faults = (
        judge_masks([mask for mask, _ in with_mask], np.array([look for _, look in with_mask])) if with_mask else []
    )
    of_all = {"masks full": "mask full", "masks inverted": "mask inverted"}
    told = {of_all[fault.kind] for fault in faults if fault.kind in of_all}
    for one in seen:
        yield from (finding for finding in one.findings if finding.kind not in told)
    for fault in faults:
        yield _find(fault.kind, str(folder), fault.problem)
    if soft := sum(one.soft for one in seen):
        problem = say(
            "{soft:,} of {masks:,} masks have values between black and white", soft=soft, masks=len(with_mask)
        )
        yield _find("masks soft", str(folder), problem)


def _check_pair(folder: Path, pair: _Pair) -> _Seen:
    """Decode one image and its mask; files that are missing were found before."""
    findings = []
    image: np.ndarray | None = None  # uint8 RGB (h, w, 3)
    look, mask_look, soft = np.zeros((SIDE, SIDE), np.uint8), None, False
    if pair.image_path:
        try:
            image = open_image(Path(pair.image_path))
            look = look_at(image)
        except ImageRefused as error:
            findings.append(_find("image unreadable", _inside(folder, pair.image_path), str(error)))
    if pair.mask_path:
        subject, path = _inside(folder, pair.mask_path), Path(pair.mask_path)
        try:
            values = read_mask_values(path)
            mask = lesion_of(values)
            mask_look = look_at_mask(mask)
            findings += _check_mask(subject, mask, mask_look, image)
            soft, labels = _levels_of(values)
            if labels:
                findings.append(
                    _find("mask of several labels", subject, say("the mask has the values {labels}", labels=labels))
                )
        except ImageRefused as error:
            findings.append(_find("mask unreadable", subject, str(error)))
    return _Seen(findings, mask_look, look, soft)


def _levels_of(values: np.ndarray) -> tuple[bool, str]:
    """Whether a mask's `values` have soft edges, and what they are where they are labels of several things, else ''."""
    levels = mask_levels(values)
    if len(levels) < 3 and not (len(levels) == 2 and levels[0] != 0):
        return False, ""
    between = (values > levels[-1] * EDGE) & (values < levels[-1] * (1 - EDGE))
    if len(levels) > MOST_LABELS or (levels[0] == 0 and between.sum() < SOFT * (values != 0).sum()):
        return True, ""
    return False, ", ".join(f"{level:g}" for level in levels)


def _check_mask(subject: str, mask: np.ndarray, look: MaskLook, image: np.ndarray | None) -> Iterator[Finding]:
    """The faults of one `mask`, bool (h, w), beside its `image`, uint8 (h, w, 3), where that could be read."""
    if image is not None and mask.shape != image.shape[:2]:
        (height, width), (image_height, image_width) = mask.shape, image.shape[:2]
        problem = say(
            "the mask has {width} × {height} pixels, its image {image_width} × {image_height}",
            width=width,
            height=height,
            image_width=image_width,
            image_height=image_height,
        )
        yield _find("mask of another size", subject, problem)
    if look.empty:
        yield _find("mask empty", subject, say("the mask marks no pixel as lesion"))
    elif look.full:
        yield _find("mask full", subject, say("the mask marks every pixel as lesion"))
    elif look.border == 1:
        yield _find(
            "mask inverted", subject, say("the mask marks the picture's whole border and leaves out its middle")
        )


def _inside(folder: Path, path: str) -> str:
    return str(Path(path).relative_to(folder))


# The report, for people and for programs


def report_lines(report: DataReport) -> list[str]:
    """The report as lines of plain text; ids and paths may hold brackets, so print them without markup."""
    lines = [
        f"Folder   {report.folder}",
        f"Layout   {report.layout}",
        f"Images   {report.n_images:,} of {report.n_lesions:,} lesions"
        if report.n_lesions
        else f"Images   {report.n_images:,}, lesions not named",
        f"Masks    {report.n_masks:,}",
        f"Missing  age {report.missing_age:,}, sex {report.missing_sex:,}, "
        f"localization {report.missing_localization:,}",
        "",
        *_count_lines(report.counts),
        "",
    ]
    if not report.findings:
        return [*lines, "No fault found."]
    for kind, group in groupby(report.findings, key=lambda finding: finding.kind):
        findings = list(group)
        lines.append(f"{kind.capitalize()}: {len(findings):,}. Cure: {findings[0].cure}.")
        lines += [f"  {finding.subject}: {finding.problem}" for finding in findings[:SHOWN]]
        if len(findings) > SHOWN:
            lines.append(f"  and {len(findings) - SHOWN:,} more")
    return lines


def _count_lines(counts: pd.DataFrame) -> list[str]:
    code_width, name_width = counts["dx"].str.len().max(), counts["name"].str.len().max()
    lines = [f"{'Diagnosis':<{code_width + 2 + name_width}}  {'Images':>7}  {'Lesions':>7}"]
    for row in counts.itertuples():
        lines.append(f"{row.dx:<{code_width}}  {row.name:<{name_width}}  {row.images:>7,}  {row.lesions:>7,}")
    return lines


def report_as_dict(report: DataReport) -> dict[str, Any]:
    """The whole report, with every finding, in types that JSON knows."""
    return {
        "folder": str(report.folder),
        "layout": report.layout,
        "n_images": report.n_images,
        "n_lesions": report.n_lesions,
        "n_masks": report.n_masks,
        "missing": {
            "age": report.missing_age,
            "sex": report.missing_sex,
            "localization": report.missing_localization,
        },
        "counts": report.counts.to_dict(orient="records"),
        "findings": [asdict(finding) for finding in report.findings],
    }
