"""Whether a data set can be trusted: what its split leaks, what its sources give away, what its files are faulty of.

Needs a catalogue. Knows no model.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from derm.data.catalogue import Catalogue
from derm.data.check import Finding, check_data, cure_of
from derm.data.diagnosis_words import contradict
from derm.data.split import By, Leak, count_leak, split_catalogue
from derm.data.store import table_key
from derm.data.value_words import value_called
from derm.errors import DataFault
from derm.explore.table import name_of
from derm.figures.text import SPACE
from derm.files import read_json, write_json
from derm.json_checks import is_text, list_of, object_with
from derm.language.speech import ENGLISH, again, json_of_said, language, mark, number, said_of_json, say, say_many
from derm.metrics.bootstrap import bootstrap
from derm.metrics.classification import auc
from derm.metrics.missing import fraction, or_none

FORMAT = 3
"""Raised when the findings are written otherwise, so that old ones are not read."""

REPLICATES = 200
"""Resamples for an interval on a page: its ends are known to a fifth of its width."""


class Leaks(NamedTuple):
    """The two ways to split: by lesion, or None where the data set does not tell its lesions; and by image, or None
    where a diagnosis has too few images, as where the table names the parts."""

    by_lesion: Leak | None
    by_image: Leak | None


class SourceCue(NamedTuple):
    """How well the source alone tells malignant from benign: the AUC, its interval, and of how many images."""

    auc: float | None
    interval: tuple[float, float] | None
    images: int


def count_leaks(catalogue: Catalogue) -> Leaks:
    """Count what both splits leak; DataFault where there are too few images for either."""
    dx, found, faults = catalogue.table["dx"], dict[By, Leak](), list[DataFault]()
    ways: tuple[By, ...] = ("lesion", "image")
    for by in ways:
        try:
            found[by] = count_leak(split_catalogue(catalogue, by), dx)
        except DataFault as fault:
            faults.append(fault)
    if not found:
        raise faults[-1]
    return Leaks(found.get("lesion"), found.get("image"))


def leak_sentence(leaks: Leaks) -> str:
    """What the two splits leak, in words."""
    image, lesion = leaks.by_image, leaks.by_lesion
    if image is None:
        if lesion is None:
            raise ValueError("nothing was split")
        return say(
            "Split by lesion, as here, {leaked:,} of {test:,} test images show a lesion that is also in training. A "
            "diagnosis has too few images to split by image, as in the paper.",
            leaked=lesion.with_sister,
            test=lesion.test,
        )
    share = f"{100 * image.share:.0f}{SPACE}%"
    said = say(
        "Split by image, as in the paper, {leaked:,} of {test:,} test images ({share}) show a lesion that is also in "
        "training; of the melanomas {leaked_melanomas:,} of {melanomas:,}.",
        leaked=image.with_sister,
        test=image.test,
        share=share,
        leaked_melanomas=image.by_class["mel"][1],
        melanomas=image.by_class["mel"][0],
    )
    if lesion is None:
        more = say("This data set does not tell which images show the same lesion, so more may leak unseen.")
    else:
        more = say("Split by lesion, as here, {leaked:,} of {test:,} do.", leaked=lesion.with_sister, test=lesion.test)
    return f"{said} {more}"


def leak_shares(leaks: Leaks) -> dict[str, dict[str, tuple[int, int]]]:
    """For each way to split, by its name, the images of each class in test and those with a sister in training."""
    named = {"by image, as in the paper": leaks.by_image, "by lesion": leaks.by_lesion}
    return {name: leak.by_class for name, leak in named.items() if leak is not None}


def part_table(table: pd.DataFrame) -> pd.DataFrame:
    """How many images and lesions of each class lie in each part: for people, one row a class and one for all.

    table: of `explorable`. Columns: Diagnosis, then the parts, each cell '1,341 (909)'.
    """
    grouped = table.groupby(["dx", "part"], observed=False)["lesion_code"].agg(["size", "nunique"])
    totals = table.groupby("part", observed=False)["lesion_code"].agg(["size", "nunique"])
    parts = table["part"].cat.categories
    rows = [
        (name_of(str(code)), *(_cell(grouped.loc[(code, part)]) for part in parts))
        for code in table["dx"].cat.categories
    ]
    rows.append((say("all"), *(_cell(totals.loc[part]) for part in parts)))
    return pd.DataFrame(rows, columns=[say("Diagnosis"), *(value_called(str(part)) for part in parts)])


def _cell(counts: pd.Series) -> str:
    return f"{number(counts['size'], ',')} ({number(counts['nunique'], ',')})"


def source_tell(table: pd.DataFrame, replicates: int = REPLICATES) -> SourceCue | None:
    """How well the source of a picture alone tells malignant from benign, learned on training, told on validation.

    table: of `explorable`; images of which it is not known count nowhere. None where a part lacks, or all are of one
    source: then it tells nothing.
    """
    told = table[table["malignant"].notna()]
    train, other = told[told["part"] == "train"], told[told["part"] == "validation"]
    if train.empty or other.empty or told["dataset"].nunique() < 2:
        return None
    # All that a source can tell is its share of malignant images, and of one that training lacks, that of all.
    shares = train.groupby("dataset", observed=True)["malignant"].mean()
    score = other["dataset"].astype(str).map(shares).fillna(train["malignant"].mean()).to_numpy(dtype=np.float64)
    malignant = other["malignant"].to_numpy() == 1

    def measure(rows: NDArray[np.int64]) -> dict[str, float | None]:
        return {"auc": or_none(auc(malignant[rows], score[rows]))}

    spans = bootstrap(measure, other["lesion"].to_numpy(dtype=str), replicates)
    return SourceCue(measure(np.arange(len(other)))["auc"], spans["auc"], len(other))


def tell_sentence(tell: SourceCue | None, table: pd.DataFrame) -> str:
    """What `source_tell` of `table` means, in words: that one source tells nothing, or that it is not known."""
    if tell is None or tell.auc is None:
        if table["dataset"].nunique() < 2:
            return say("All pictures are of one source: it gives nothing away.")
        return say(
            "What the source of a picture gives away is not known: too few pictures of training or validation are "
            "known to be malignant or benign."
        )
    interval = ""
    if tell.interval is not None:
        interval = f" ({number(tell.interval[0], '.2f')} – {number(tell.interval[1], '.2f')})"
    return say(
        "The source of a picture alone tells malignant from benign with an AUC of {auc:.2f}{interval}, learned on the "
        "training part and measured on {images:,} validation images. {half:.2f} would be nothing: a model that "
        "recognises the camera scores as much without looking at the lesion.",
        auc=tell.auc,
        interval=interval,
        images=tell.images,
        half=0.5,
    )


def source_rates(table: pd.DataFrame) -> pd.DataFrame:
    """Of each source: index its name; malignant, int64, images, those of which that is known, and share of malignant
    ones among these, 0 … 1, NaN where there is none."""
    grouped = table.groupby("dataset", observed=True)["malignant"].agg(["sum", "count"])
    grouped = grouped.set_axis(["malignant", "images"], axis=1).astype(np.int64)
    return grouped.assign(share=fraction(grouped["malignant"].to_numpy(), grouped["images"].to_numpy())).rename(
        index=lambda name: name_of(str(name))
    )


def open_sentence(table: pd.DataFrame) -> str:
    """How many images of the table of `explorable` are neither malignant nor benign by it; '' for none."""
    count = int(table["malignant"].isna().sum())
    if not count:
        return ""
    return say(
        "Images whose diagnosis does not tell whether they are malignant, and which are not counted: {count:,}.",
        count=count,
    )


def alike_pairs(table: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """The near duplicates that the table counts as two lesions, with what each is called and where it lies.

    table: of `explorable`. pairs: of `near_duplicates`. Columns: first, second (row numbers), image_id, other,
    diagnosis, other_diagnosis, part, other_part, correlation, turned.
    """
    lesions = table["lesion_code"].to_numpy()
    first, second = pairs["first"].to_numpy(dtype=np.int64), pairs["second"].to_numpy(dtype=np.int64)
    strange = lesions[first] != lesions[second]
    first, second = first[strange], second[strange]
    columns = {"image_id": "image_id", "dx": "diagnosis", "part": "part"}
    one = {name: table[column].astype(str).to_numpy()[first] for column, name in columns.items()}
    other = {
        "other" if name == "image_id" else f"other_{name}": table[column].astype(str).to_numpy()[second]
        for column, name in columns.items()
    }
    rest = pairs.loc[strange, ["correlation", "turned"]].reset_index(drop=True)
    return pd.DataFrame({"first": first, "second": second, **one, **other}).join(rest)


LOOKS_ALIKE, FEATURES_ALIKE = "look nearly the same", "are alike to the model"
ALIKE = {
    LOOKS_ALIKE: (
        mark("No two pictures look nearly the same."),
        mark("{pairs:,} pairs of pictures look nearly the same; all of them show a lesion known to be one."),
        mark(
            "{pairs:,} pairs of pictures look nearly the same. {strange:,} of them count as two lesions; of these, "
            "pairs across two parts of the split: {parts:,}, with two diagnoses: {labels:,}. Look at them by eye."
        ),
    ),
    FEATURES_ALIKE: (
        mark("No two pictures are alike to the model."),
        mark("{pairs:,} pairs of pictures are alike to the model; all of them show a lesion known to be one."),
        mark(
            "{pairs:,} pairs of pictures are alike to the model. {strange:,} of them count as two lesions; of these, "
            "pairs across two parts of the split: {parts:,}, with two diagnoses: {labels:,}. Look at them by eye."
        ),
    ),
}
"""What is said of none, of pairs that are known, and of others, by what the pairs are."""


def alike_sentence(pairs: pd.DataFrame, strange: pd.DataFrame, how: str = "look nearly the same") -> str:
    """How many pairs are alike, in the way `how` says, and what is worrying about them. strange: of `alike_pairs`."""
    none, all_known, some = ALIKE[how]
    if pairs.empty:
        return say(none)
    if strange.empty:
        return say(all_known, pairs=len(pairs))
    labels = sum(map(contradict, zip(strange["diagnosis"], strange["other_diagnosis"], strict=True)))
    parts = int((strange["part"] != strange["other_part"]).sum())
    return say(some, pairs=len(pairs), strange=len(strange), parts=parts, labels=labels)


def findings_file(catalogue: Catalogue, cache: Path) -> Path:
    """Where the findings about exactly these files and tables are kept, whether they are there or not."""
    remarks = [(one.kind, one.subject, json_of_said(one.problem)) for one in catalogue.remarks]
    tables = [table.to_json(orient="split") for table in (catalogue.table, catalogue.conflicts)]
    judged = json.dumps([*tables, remarks, catalogue.unlisted, catalogue.undiagnosed])  # beside what files hold
    digest = sha256(judged.encode()).hexdigest()[:16]
    return cache / f"{table_key(catalogue.table)}-{digest}-findings-{FORMAT}.json"


def read_findings(file: Path) -> tuple[Finding, ...] | None:
    """What was found before; None where nothing is kept, or the file is damaged: the files are checked anew then."""
    try:
        found = read_json(file)
    except (OSError, ValueError):
        return None
    if not list_of(object_with({"kind": is_text, "subject": is_text}))(found):
        return None
    try:
        return tuple(
            Finding(one["kind"], one["subject"], said_of_json(one["problem"]), cure_of(one["kind"])) for one in found
        )
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def check_files(
    catalogue: Catalogue, file: Path, progress: Callable[[int, int], None] | None = None
) -> tuple[Finding, ...]:
    """Look at every file as `derm data check` does, and keep what is found in `file`. progress: told (done, total)."""
    findings = check_data(catalogue, progress).findings
    kept = [{"kind": one.kind, "subject": one.subject, "problem": json_of_said(one.problem)} for one in findings]
    write_json(file, kept)
    return findings


def findings_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """The findings for people: columns Fault, Where, What, Cure, in the order of the check."""
    rows = [(say(one.kind), one.subject, again(one.problem), cure_of(one.kind)) for one in findings]
    return pd.DataFrame(rows, columns=[say("Fault"), say("Where"), say("What"), say("Cure")])


def findings_sentence(findings: Sequence[Finding], images: int) -> str:
    """How many faults there are, in words."""
    if not findings:
        return say("Every image and mask of {images:,} can be read, and each fits the other.", images=images)
    counts = Counter(finding.kind for finding in findings)
    kinds = ", ".join(f"{number(count, ',')} × {say(kind)}" for kind, count in counts.items())
    return say_many(
        "{count:,} finding in {images:,} images: {kinds}.",
        "{count:,} findings in {images:,} images: {kinds}.",
        len(findings),
        images=images,
        kinds=kinds,
    )


def missing_sentence(counts: pd.DataFrame, images: int) -> str:
    """What is missing, in words. counts: of `derm.explore.counts.missing`."""
    lacking = counts[counts["missing"] > 0]
    if lacking.empty:
        return say("Nothing is missing in {images:,} rows.", images=images)
    named = str.lower if language() == ENGLISH else str
    parts = [f"{named(str(name))} {number(count, ',')}" for name, count in lacking["missing"].items()]
    return say("Of {images:,} rows these lack a value: {parts}.", images=images, parts=", ".join(parts))
