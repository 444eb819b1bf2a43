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

from derm.data.catalogue import HAM10000, Catalogue, impossible_ages, unreadable_diagnoses
from derm.diagnoses import CODES, DIAGNOSES
from derm.errors import ImageRefused
from derm.image.decode import open_image, read_mask

HAM10000_ROWS = 10_015
AUGMENTED_ROWS = (13_354, 18_832)
"""Row counts of copies that circulate with augmented images as rows of their own: a leak between parts."""

TO_LOOK_AT = ("mask full",)
"""Findings that are no fault by themselves: HAM10000 as published has two lesions that fill their picture."""

SHOWN = 10
"""Findings of one kind that `report_lines` spells out."""

DOWNLOAD = "https://doi.org/10.7910/DVN/DBW86T"

# Each kind of finding with its cure, in the order of the report.
CURES = {
    "row count": f"take all rows of the original download ({DOWNLOAD}): with other rows, results cannot be compared",
    "unknown class": f"write one of {', '.join(CODES)} in the table, or delete the row",
    "duplicate id": "keep one row for each image in the table",
    "labels disagree": "correct the wrong table, or remove the ground truth: then the metadata alone counts",
    "impossible age": "correct it in the table, or leave it empty",
    "image missing": "unpack the image archives again, or delete the row",
    "image unreadable": f"copy the file again from the original download ({DOWNLOAD})",
    "image without a row": "add a row for it to the table, or remove the file: it is not used",
    "mask missing": f"unpack HAM10000_segmentations_lesion_tschandl.zip ({DOWNLOAD}) beside the images: without masks "
    "no outline can be learned",
    "mask unreadable": f"copy the file again from the original download ({DOWNLOAD})",
    "mask of another size": "take image and mask from one download, or scale the mask by nearest neighbour",
    "mask empty": f"copy the file again from the original download ({DOWNLOAD}), or draw the outline anew",
    "mask full": "look at the image: a lesion may fill it, but an inverted or failed mask looks the same",
}


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
    findings = [*_check_rows(catalogue), *_check_files(catalogue), *_check_pictures(catalogue.folder, images, progress)]
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
    return Finding(kind, subject, problem, CURES[kind])


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
        problem = f"{len(table):,} rows where HAM10000 has {HAM10000_ROWS:,}"
        if len(table) in AUGMENTED_ROWS:
            problem += ": a copy with augmented images, whose twins would lie on both sides of a split"
        else:
            problem += f"; copies with {' or '.join(f'{rows:,}' for rows in AUGMENTED_ROWS)} rows hold augmented images"
        yield _find("row count", str(catalogue.folder), problem)
    for row in table[unreadable_diagnoses(catalogue)].itertuples():
        yield _find("unknown class", str(row.image_id), f"the diagnosis {row.dx!r} is not one of the seven")
    for image_id, rows in table[table["image_id"].duplicated(keep=False)].groupby("image_id"):
        diagnoses = ", ".join(sorted(set(rows["dx"])))
        yield _find("duplicate id", str(image_id), f"{len(rows)} rows in the table, with the diagnosis {diagnoses}")
    for row in catalogue.conflicts.itertuples():
        problem = f"the metadata says {row.metadata}, the ground truth {row.ground_truth}"
        yield _find("labels disagree", str(row.image_id), problem)
    for row in table[impossible_ages(table)].itertuples():
        yield _find("impossible age", str(row.image_id), f"an age of {row.age:g} is no number of years")


def _check_files(catalogue: Catalogue) -> Iterator[Finding]:
    images = catalogue.table.drop_duplicates("image_id")
    for image_id in images.loc[images["image_path"] == "", "image_id"]:
        yield _find("image missing", image_id, "has a row in the table but no .jpg, .jpeg or .png file")
    for path in catalogue.unlisted:
        yield _find("image without a row", _inside(catalogue.folder, path), "no row of the table names this image")
    no_mask = images.loc[images["mask_path"] == "", "image_id"]
    if len(no_mask) == len(images):  # one finding, not ten thousand: ISIC 2018 task 3 comes without masks
        yield _find("mask missing", str(catalogue.folder), f"none of the {len(images):,} images has a mask")
        return
    for image_id in no_mask:
        yield _find("mask missing", image_id, f"has no file {image_id}_segmentation.png")


class _Pair(NamedTuple):
    image_path: str
    mask_path: str


def _check_pictures(
    folder: Path, images: pd.DataFrame, progress: Callable[[int, int], None] | None
) -> Iterator[Finding]:
    pairs = [_Pair(*row) for row in images[["image_path", "mask_path"]].itertuples(index=False)]
    pool = ThreadPoolExecutor(os.cpu_count())  # threads suffice: decoders release the interpreter's lock
    try:
        for done, findings in enumerate(pool.map(partial(_check_pair, folder), pairs), start=1):
            yield from findings
            if progress:
                progress(done, len(pairs))
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C need not wait for ten thousand images


def _check_pair(folder: Path, pair: _Pair) -> list[Finding]:
    """Decode one image and its mask; files that are missing were found before."""
    findings = []
    image: np.ndarray | None = None  # uint8 RGB (h, w, 3)
    if pair.image_path:
        try:
            image = open_image(Path(pair.image_path))
        except ImageRefused as error:
            findings.append(_find("image unreadable", _inside(folder, pair.image_path), str(error)))
    if pair.mask_path:
        subject = _inside(folder, pair.mask_path)
        try:
            findings += _check_mask(subject, read_mask(Path(pair.mask_path)), image)
        except ImageRefused as error:
            findings.append(_find("mask unreadable", subject, str(error)))
    return findings


def _check_mask(subject: str, mask: np.ndarray, image: np.ndarray | None) -> Iterator[Finding]:
    """The faults of one `mask`, bool (h, w), beside its `image`, uint8 (h, w, 3), where that could be read."""
    if image is not None and mask.shape != image.shape[:2]:
        (height, width), (image_height, image_width) = mask.shape, image.shape[:2]
        problem = f"the mask has {width} × {height} pixels, its image {image_width} × {image_height}"
        yield _find("mask of another size", subject, problem)
    if not mask.any():
        yield _find("mask empty", subject, "the mask marks no pixel as lesion")
    elif mask.all():
        yield _find("mask full", subject, "the mask marks every pixel as lesion")


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
