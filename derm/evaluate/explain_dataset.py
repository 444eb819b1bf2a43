"""`derm explain`: every method's maps over a part of a data set, in parts that outlive a kill, and read back whole.

Needs weights and a catalogue. A folder belongs to one set of weights and one part of one data set, and says so; tables
are Parquet, for 80,000 rows of float32 are 40 MB as text and 5 so. Knows no terminal.
"""

import hashlib
import io
import re
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from derm.data.catalogue import Catalogue
from derm.data.identity import files_sha256, same_pictures
from derm.data.split import By, Part, split_catalogue
from derm.data.value_words import value_called
from derm.diagnoses import CODES
from derm.errors import ConfigFault, DataFault
from derm.evaluate.belonging import (
    OUTLINE,
    SHIFT,
    SIZE,
    TEMPERATURE,
    WeightsState,
    is_recorded,
    other_data,
    other_weights,
)
from derm.evaluate.check import HASHES, explained_fault, explanations_fault
from derm.evaluate.dataset import measured_on
from derm.evaluate.explain_rows import AGREEMENT, FAITHFULNESS, IDENTITY, agreement_rows, sample_rows
from derm.evaluate.explain_summary import summarise
from derm.evaluate.inference import Progress
from derm.evaluate.known import OTHER_IMAGES, find_known, refuse_known
from derm.evaluate.results import MOST_TABLE, below, name_of, newest_first, why_known
from derm.explain.methods import METHODS
from derm.files import is_there, make_folder, read_file, read_json, sha256, sweep, unlinked, write_json, write_whole
from derm.language.speech import say
from derm.metrics.bootstrap import REPLICATES
from derm.model.weights import Model

FORMAT = 1
"""Raised when the meaning of a column changes, so that old parts are not joined with new ones."""

SAMPLE = 140
"""Images in the sample: 20 of each diagnosis, nearly all of the rarest that HAM10000's test part has."""

AGREEMENT_IMAGES = 32
"""Images in a part of the agreement: some seconds' work, which is what a kill may cost."""

SAMPLE_IMAGES = 5
"""Images in a part of the sample, and those that a random network normalises by together."""

FREE = ("weights", "date", "identity")
"""What is not compared word by word where work goes on: the name of the weights' file, the date, and the record of the
pictures, which a folder begun by an older version has not, or less of; see `_same_data`."""

PARTS = "parts"
"""Folder of what is done so far; gone once everything is."""

COLUMNS = {"agreement": AGREEMENT, "sample": (*AGREEMENT, *FAITHFULNESS)}
"""Numbers of each table; of the parts that it is made of, too."""

TABLES = tuple(COLUMNS)
PART_NAME = re.compile(rf"({'|'.join(TABLES)})-\d{{5,}}\.parquet")
"""How files in `PARTS` are called: the table, and the first of their rows."""

JSONS = ("about", "summary")
FILES = (*(f"{name}.json" for name in JSONS), *(f"{name}.parquet" for name in TABLES))
HASHED = tuple(name for name in FILES if name != "summary.json")
"""Files whose SHA-256 summary.json names, which is written last."""

Rows = Callable[[Model, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True, eq=False)
class ExplainResults:
    """What `derm explain` found.

    about: what it belongs to, as `derm.evaluate.dataset.measured_on` says it, with the sample's size and the methods.
    summary: means and intervals, see `derm.evaluate.explain_summary`. agreement, sample: one row an image, class and
    method, columns as in `derm.evaluate.explain_rows`.
    """

    folder: Path
    about: dict[str, Any]
    summary: dict[str, Any]
    agreement: pd.DataFrame
    sample: pd.DataFrame

    @property
    def name(self) -> str:
        """The results in a few words: weights, part and split."""
        return name_of(self.about)

    @property
    def leaks(self) -> bool:
        """Whether the weights know images of this part, see `why_known`: every figure is too good then."""
        return why_known(self.about) is not None

    @property
    def measured(self) -> pd.DataFrame:
        """The images that were explained: image_id and dx_true, text, one row an image."""
        return self.agreement[["image_id", "dx_true"]].astype(str).drop_duplicates("image_id", ignore_index=True)

    def check_data(self, table: pd.DataFrame) -> None:
        """Raise DataFault, in one sentence for the user, unless these are of the data set with this table."""
        if fault := other_data(self.about, self.measured, table):
            raise DataFault(fault)

    @property
    def weights_state(self) -> WeightsState:
        """What is recorded of how the weights were set."""
        return {
            SIZE: self.about.get("input_size"),
            TEMPERATURE: self.about.get("temperature"),
            OUTLINE: self.about.get("mask_threshold"),
            SHIFT: self.about.get("evidence_shift"),
        }

    def check_weights(self, model: Model) -> None:
        """Raise DataFault, in one sentence for the user, unless these are results of `model` as it is set now."""
        if fault := other_weights(self.about, self.weights_state, model):
            raise DataFault(fault)


MOST_CELLS = 100_000_000
"""Of one of its tables: a million images with 100 figures each."""

MOST_TEXT = 1_000
"""Bytes of a text in one of its tables; a file's name has 255 at most."""

COLUMN_TYPES = ("BYTE_ARRAY", "BOOLEAN", "INT32", "INT64", "FLOAT", "DOUBLE")
"""How Parquet stores columns that Derm writes; a cell of a column of a fixed length could have megabytes."""


def explain(
    model: Model,
    catalogue: Catalogue,
    part: Part,
    out: Path,
    *,
    by: By = "lesion",
    sample: int = SAMPLE,
    workers: int = 1,
    replicates: int = REPLICATES,
    seed: int = 0,
    mapping: Progress | None = None,
    sampling: Progress | None = None,
    resampling: Progress | None = None,
) -> ExplainResults:
    """Hold every method's maps of `part` of `catalogue` to account, and write it into the folder `out`.

    Called again after a kill it goes on where it was, to the same bytes; called again when all is there it reads it
    back. sample: images, stratified by class, for what takes many passes. workers: parts that are worked on at once, in
    threads that share the model; torch's own threads are the caller's to set. replicates: resamples for the intervals.
    mapping, sampling, resampling: told of images, of the sample's images and of resamples done.
    Images whose diagnosis is open or unknown are left out, as in `derm.evaluate.dataset`.
    Raises DataFault when the part is empty or a file cannot be read, and ConfigFault where `out` holds the explanations
    of other weights, data or settings, or a number is below 1.
    """
    for name, value in (("sample", sample), ("workers", workers), ("replicates", replicates)):
        if value < 1:
            raise ConfigFault(say("The number of {name} is {value}, at least 1 is needed.", name=name, value=value))
    split = split_catalogue(catalogue, by)
    rows = split.rows(part)
    rows = rows[catalogue.table["dx"].iloc[rows].isin(CODES).to_numpy()]
    if not len(rows):
        raise DataFault(
            say(
                "{place} has no image with a diagnosis in the {part} part: use a larger data set.",
                place=catalogue.place,
                part=value_called(part),
            )
        )
    if part != "train":
        refuse_known(find_known(model.description, catalogue, split, rows), catalogue, rows, part, OTHER_IMAGES)
    lesions = split.lesions.iloc[rows].to_numpy(dtype=str)
    table = catalogue.table.iloc[rows].reset_index(drop=True).assign(lesion_id=lesions)
    images = hashlib.sha256("\n".join(table["image_id"]).encode()).hexdigest()
    measured = measured_on(model, catalogue, split, part, table, lesions)
    about = measured | {
        "identity": measured["identity"] | {"files": files_sha256(table)},
        "format": FORMAT,
        "images_sha256": images,
        "sample": min(sample, len(table)),
        "seed": seed,
        "replicates": replicates,
        "methods": list(METHODS),
        # What calibration may change while the tensors, and with them the sha256, stay.
        "temperature": model.description.temperature,
        "mask_threshold": model.description.mask_threshold,
        "evidence_shift": dict(model.description.evidence_shift),
    }
    make_folder(out)
    _claim(out, about, table)
    parts = unlinked(out / PARTS)
    if (out / "summary.json").is_file():
        found = read_explain_results(out)
        _remove_parts(parts)  # a kill after the summary leaves them
        return found
    make_folder(parts)
    sweep(parts)
    sweep(out)
    for name in TABLES:
        for place in (*out.glob(f"{name}.parquet"), *sorted(parts.glob(f"{name}-*.parquet"))):
            _begun(place, name, out)  # before hours are spent on the others
    drawn = table.iloc[draw_sample(table, sample, seed)]
    work: tuple[tuple[str, Rows, pd.DataFrame, int, Progress | None], ...] = (
        ("agreement", agreement_rows, table, AGREEMENT_IMAGES, mapping),
        ("sample", partial(sample_rows, seed=seed), drawn, SAMPLE_IMAGES, sampling),
    )
    for name, measure, chosen, size, progress in work:
        if (out / f"{name}.parquet").is_file():  # written whole, from parts that may be gone
            continue
        pieces = {
            parts / f"{name}-{first:05}.parquet": chosen[first : first + size] for first in range(0, len(chosen), size)
        }
        _work_off(partial(measure, model), pieces, workers, progress)
        _write_table(
            out / f"{name}.parquet", pd.concat([_begun(place, name, out) for place in pieces], ignore_index=True)
        )
    tables = {name: _begun(out / f"{name}.parquet", name, out) for name in TABLES}
    summary = summarise(**tables, replicates=replicates, progress=resampling)
    write_json(unlinked(out / "summary.json"), {**summary, HASHES: {name: sha256(out / name) for name in HASHED}})
    _remove_parts(parts)
    return read_explain_results(out)


def _remove_parts(parts: Path) -> None:
    """Take away what is done so far, and its folder unless something else lies in it."""
    sweep(parts)
    with suppress(OSError):
        for place in parts.glob("*.parquet"):
            if PART_NAME.fullmatch(place.name):
                place.unlink()
        parts.rmdir()


def draw_sample(table: pd.DataFrame, size: int, seed: int = 0) -> list[int]:
    """Row numbers of a sample of `size` images, ascending, fixed by the seed: as evenly over the classes as there are.

    table: image_id, lesion_id and dx. In turn each class gives an image until it has none left; new lesions come before
    second images of one. All rows where there are no more.
    """
    lot = np.random.default_rng(seed)
    order = table.assign(row=np.arange(len(table)), lot=lot.permutation(len(table))).sort_values("lot")
    order["again"] = order.groupby("lesion_id").cumcount()
    order = order.sort_values(["again", "lot"])
    order["turn"] = order.groupby("dx").cumcount()
    order["class"] = order["dx"].map(CODES.index)
    return sorted(order.sort_values(["turn", "class"])["row"].iloc[:size].tolist())


def read_explain_results(folder: Path) -> ExplainResults:
    """Read what `derm explain --out folder` wrote; DataFault, with the cure, where it is not there or not whole."""
    cure = say("make them anew with `derm explain --data DIR --out {folder}`.", folder=folder)
    there = [name for name in FILES if (folder / name).is_file()]
    if "about.json" in there and "summary.json" not in there:
        raise DataFault(
            say(
                "The explanations in {folder} are incomplete: go on with the same `derm explain --data DIR --out "
                "{folder}`.",
                folder=folder,
            )
        )
    if missing := [name for name in FILES if name not in there]:
        raise DataFault(
            say(
                "{folder} holds no explanations, {missing} is missing: {cure}",
                folder=folder,
                missing=missing[0],
                cure=cure,
            )
        )
    try:
        jsons: dict[str, Any] = {name: read_json(folder / f"{name}.json") for name in JSONS}
        if fault := explanations_fault(**jsons):
            raise ValueError(fault)
        if jsons["about"]["format"] != FORMAT:
            raise DataFault(
                say("The explanations in {folder} are of another version of Derm: {cure}", folder=folder, cure=cure)
            )
        tables: dict[str, Any] = {name: read_parquet(folder / f"{name}.parquet") for name in TABLES}
        for table, columns in COLUMNS.items():
            if fault := explained_fault(f"{table}.parquet", tables[table], IDENTITY, columns):
                raise ValueError(fault)
        hashes = jsons["summary"].pop(HASHES, {})
        # After they were read: where another file has taken a place meanwhile, the hash is not the one told.
        another = next(
            (file for file, told in hashes.items() if file not in HASHED or sha256(folder / file) != told), None
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataFault(
            say(
                "The explanations in {folder} cannot be read ({reason}): {cure}",
                folder=folder,
                reason=reason,
                cure=cure,
            )
        ) from error
    found = ExplainResults(folder, **jsons, **tables)
    counts = (tables["agreement"]["image_id"].nunique(), tables["sample"]["image_id"].nunique())
    if counts != (found.about["images"], found.about["sample"]):
        raise DataFault(
            say(
                "The explanations in {folder} are of several runs, their tables differ in length: {cure}",
                folder=folder,
                cure=cure,
            )
        )
    if another is not None:
        raise DataFault(
            say(
                "The explanations in {folder} are of several runs, or were changed ({reason}): {cure}",
                folder=folder,
                reason=f"{another} is not the one that summary.json was written with",
                cure=cure,
            )
        )
    return found


def read_parquet(path: Path) -> pd.DataFrame:
    """The table in a Parquet file; OSError and ValueError where it cannot be read.

    Texts are unpacked as dictionaries, each once, and written out when they are known to be short: 160 kB can name one
    megabyte in each of 3,000 rows.
    """
    import pyarrow
    from pyarrow import compute, parquet

    try:
        content = read_file(path, MOST_TABLE)
        told = parquet.read_metadata(io.BytesIO(content))
        columns = [
            told.row_group(group).column(one) for group in range(told.num_row_groups) for one in range(told.num_columns)
        ]
        cells = max(told.num_rows * max(told.num_columns, 1), sum(one.num_values for one in columns))
        if cells > MOST_CELLS:  # half a megabyte can hold 300 million
            raise ValueError(f"{path.name} has {told.num_rows:,} rows of {told.num_columns:,} columns")
        if strange := [one for one in columns if one.physical_type not in COLUMN_TYPES]:
            raise ValueError(f"{path.name} has a column of the type {strange[0].physical_type}")
        if (size := sum(one.total_uncompressed_size for one in columns)) > MOST_TABLE:
            raise ValueError(f"{path.name} has {size:,} bytes when it is unpacked")
        texts = sorted({one.path_in_schema for one in columns if one.physical_type == "BYTE_ARRAY"})
        table = parquet.ParquetFile(io.BytesIO(content), read_dictionary=texts).read()
        written_out = 0
        for name in texts:
            longest = max(
                (compute.max(compute.binary_length(one.dictionary)).as_py() or 0 for one in table[name].chunks),
                default=0,
            )
            written_out += longest * table.num_rows
            if longest > MOST_TEXT or written_out > MOST_TABLE:
                raise ValueError(f"{path.name} has texts of {longest:,} bytes in {name}")
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, table[name].cast(table.schema.field(name).type.value_type))
        found: pd.DataFrame = table.to_pandas()
        return found
    except (pyarrow.ArrowException, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"{path.name} is damaged: {error}") from error


def find_explained(folder: Path) -> list[Path]:
    """The folders of whole explanations in `folder`, itself included, newest first; empty where there are none."""
    whole = (place for place in (folder, *below(folder)) if is_there(place / "about.json"))
    return newest_first(whole, "summary.json")


def _claim(out: Path, about: dict[str, Any], table: pd.DataFrame) -> None:
    """Write about.json, or hold it against what is there, but for what is `FREE`, and against the data in `table`."""
    place = out / "about.json"
    if not place.is_file():
        write_json(unlinked(place), about)
        return
    try:
        former = read_json(place)
        differing = [key for key in about if key not in FREE and former.get(key) != about[key]]
        same_data = not is_recorded(former) or _same_data(former["identity"], about["identity"], table)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ConfigFault(
            say("{place} cannot be read ({error}): name another folder with --out.", place=place, error=error)
        ) from error
    if differing:
        key = differing[0]
        raise ConfigFault(
            say(
                "{out} was begun with {key} {before!r}, not {now!r}: name another folder with --out.",
                out=out,
                key=key,
                before=former.get(key),
                now=about[key],
            )
        )
    if not same_data:
        raise ConfigFault(
            say(
                "{out} was begun with other pictures, masks, diagnoses or lesions under the same names: name another "
                "folder with --out, or delete this one.",
                out=out,
            )
        )


def _same_data(recorded: dict[str, Any], present: dict[str, Any], table: pd.DataFrame) -> bool:
    """Whether a folder was begun with the present data: by every file's content, or as far as it was recorded."""
    if recorded.get("rows") != present["rows"] or recorded.get("lesions", present["lesions"]) != present["lesions"]:
        return False
    return recorded["files"] == present["files"] if "files" in recorded else same_pictures(recorded, table)


def _begun(place: Path, name: str, out: Path) -> pd.DataFrame:
    """The table `name` of the explanations in `out`, or a part of it, at `place`; DataFault where it is damaged."""
    try:
        table = read_parquet(place)
        if fault := explained_fault(place.name, table, IDENTITY, COLUMNS[name]):
            raise ValueError(fault)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataFault(
            say(
                "{place} cannot be read ({reason}): delete it, and go on with the same `derm explain --data DIR --out "
                "{folder}`, which keeps the rest.",
                place=place,
                reason=reason,
                folder=out,
            )
        ) from error
    return table


def _work_off(
    measure: Callable[[pd.DataFrame], pd.DataFrame],
    pieces: dict[Path, pd.DataFrame],
    workers: int,
    progress: Progress | None,
) -> None:
    """Write the table of each piece that is not there yet, whole or not at all."""

    def write(place: Path, piece: pd.DataFrame) -> int:
        _write_table(place, measure(piece))
        return len(piece)

    total = sum(len(piece) for piece in pieces.values())
    missing = {place: piece for place, piece in pieces.items() if not place.is_file()}
    done = total - sum(len(piece) for piece in missing.values())
    if progress:
        progress(done, total)
    with ThreadPoolExecutor(workers) as pool:
        try:
            running: set[Future[int]] = {pool.submit(write, *item) for item in missing.items()}
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                done += sum(one.result() for one in finished)
                if progress:
                    progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _write_table(place: Path, table: pd.DataFrame) -> None:
    write_whole(unlinked(place), lambda part: table.to_parquet(part, engine="pyarrow", compression="zstd", index=False))
