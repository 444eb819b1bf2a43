"""The records of this installation, or the sentence that says how to get what they need.

Needs nothing to be imported: SQLAlchemy and Alembic are asked for where records are opened.
"""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from derm.errors import RecordsFault
from derm.language.speech import mark, say
from derm.paths import records_folder, records_url

if TYPE_CHECKING:
    from derm.records.connect import Records

MISSING = mark("Records of cases need SQLAlchemy and Alembic, which are not installed: pip install 'derm[records]'.")


def can_be_kept() -> bool:
    """Whether what records need is installed."""
    return all(find_spec(name) for name in ("sqlalchemy", "alembic"))


def open_own(folder: Path | None = None, url: str | None = None) -> "Records":
    """Open the records that the environment names, or those named here. Raises RecordsFault, see `open_records`."""
    if not can_be_kept():
        raise RecordsFault(say(MISSING))
    from derm.records.connect import open_records

    return open_records(folder or records_folder(), url or records_url())
