"""Records of a small practice, for tests of what corrections teach."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("sqlalchemy")
pytest.importorskip("alembic")

from derm.records.connect import Records, open_records


@pytest.fixture
def filed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Records]:
    """Empty records in a file, those of this installation."""
    monkeypatch.setenv("DERM_RECORDS", str(tmp_path / "records"))
    monkeypatch.delenv("DERM_WEIGHTS", raising=False)
    found = open_records(tmp_path / "records")
    yield found
    found.close()
