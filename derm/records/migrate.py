"""The records' tables brought to the state that this Derm knows, forwards or back, by Alembic.

Needs SQLAlchemy, and Alembic where something is to be done: the extra `records`. Everything happens in the caller's
transaction: all of it or nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from derm.errors import RecordsFault
from derm.language.speech import say

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0002"
"""The newest state that this Derm knows. Written down, so that records that are up to date open without Alembic."""

FOLDER = Path(__file__).with_name("migrations")


def state(connection: Connection) -> str | None:
    """The state of the tables; None where there are none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return None if found is None else str(found)


def known() -> set[str]:
    """Every state that this Derm knows."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}


def bring_up(connection: Connection) -> bool:
    """Bring the tables to `HEAD`; whether anything was done. Raises RecordsFault for tables of a newer Derm."""
    before = state(connection)
    if before == HEAD:
        return False
    if before is not None and before not in known():
        raise RecordsFault(
            say(
                "These records are of a newer Derm (state {before}, this one knows {head}): upgrade Derm.",
                before=before,
                head=HEAD,
            )
        )
    from alembic import command

    command.upgrade(_config(connection), "head")
    return True


def bring_down(connection: Connection, to: str = "base") -> None:
    """Bring the tables back to the state `to`; 'base' is without any, and loses everything."""
    from alembic import command

    command.downgrade(_config(connection), to)


def bring_to(connection: Connection, to: str) -> None:
    """Make empty tables anew as they were at the state `to`. Raises RecordsFault for one that is not known."""
    if to not in known():
        raise RecordsFault(
            say("This is of a newer Derm (state {to}, this one knows {head}): upgrade Derm.", to=to, head=HEAD)
        )
    from alembic import command

    bring_down(connection)
    command.upgrade(_config(connection), to)


def _config(connection: Connection | None = None) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
