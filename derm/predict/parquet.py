"""A table of predictions as Parquet, whose columns have the types of `derm.predict.record.FIELDS`.

Needs pyarrow, and rows as the cells of CSV, so that both tables say the same figures. Knows nothing of a run.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from derm import __version__
from derm.errors import ConfigFault
from derm.predict.record import COLUMNS, FIELDS, SCHEMA, Record, Value
from derm.predict.words import NOTICE
from derm.spreadsheet import uncell

AT_ONCE = 20_000
"""Rows that are held in memory and written as one group."""

_TYPES = {
    "text": pa.string(),
    "number": pa.float64(),
    "count": pa.int32(),
    "yes or no": pa.bool_(),
    "words": pa.list_(pa.string()),
}


def write_rows(path: Path, rows: Iterable[dict[str, str]]) -> None:
    """Write rows, cells of CSV by column, to `path`; what is empty is null, of words an empty list. Raises OSError."""
    about = {"derm": __version__, "derm_schema": str(SCHEMA), "notice": NOTICE}
    schema = pa.schema([(field.name, _TYPES[field.kind]) for field in FIELDS], metadata=about)
    rows = iter(rows)
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while some := list(islice(rows, AT_ONCE)):
            columns = {field.name: [_value(field.kind, row[field.name]) for row in some] for field in FIELDS}
            writer.write_table(pa.table(columns, schema=schema))


def is_table(path: Path) -> bool:
    """Whether the file at `path` is a table that `write_rows` wrote, of whatever version."""
    try:
        return b"derm_schema" in (parquet.read_schema(path).metadata or {})
    except (OSError, ValueError, pa.ArrowException):
        return False


def read_records(path: Path) -> Iterator[Record]:
    """The rows of a table that `write_rows` wrote; ConfigFault for any other, or one that cannot be read."""
    try:
        with parquet.ParquetFile(path) as table:
            if tuple(table.schema_arrow.names) != COLUMNS:
                raise ConfigFault(
                    f"{path} is no table that this version of Derm can go on with (other columns): name another --out."
                )
            for field in FIELDS:
                if (own := table.schema_arrow.field(field.name).type) != _TYPES[field.kind]:
                    raise ConfigFault(
                        f"{path} is no table that this version of Derm can go on with (its column {field.name} is "
                        f"{own}, not {_TYPES[field.kind]}): name another --out."
                    )
            for batch in table.iter_batches(AT_ONCE):
                yield from batch.to_pylist()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ConfigFault(f"{path} is no Parquet that can be read, or damaged: name another --out.") from error


def _value(kind: str, cell: str) -> Value:
    """A cell of CSV by the kind of its field."""
    if kind == "words":
        return cell.split()
    if not cell:
        return None
    match kind:
        case "number":
            return float(cell)
        case "count":
            return int(cell)
        case "yes or no":
            return cell == "yes"
    return uncell(cell)
