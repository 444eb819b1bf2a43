"""What was entered is final: events are neither changed nor removed, of the rest only patients and lesions changed."""

from alembic import op

revision = "0002"
down_revision = "0001"

FINAL = ("visit", "picture", "answer", "opinion", "correction", "histology", "event", "salt")
"""Tables whose rows cannot be changed; those of `event` cannot be removed either."""


def upgrade() -> None:
    """Set the triggers."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION derm_final() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'final: a row of % cannot be changed', TG_TABLE_NAME; END $$"
        )
    for table, deed in _guarded():
        name = f"{table}_final_{deed}"
        if op.get_bind().dialect.name == "postgresql":
            op.execute(f"CREATE TRIGGER {name} BEFORE {deed} ON {table} FOR EACH ROW EXECUTE FUNCTION derm_final()")
        else:
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {deed} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'final: a row of {table} cannot be changed'); END"
            )


def downgrade() -> None:
    """Take the triggers away."""
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table, deed in _guarded():
        op.execute(f"DROP TRIGGER {table}_final_{deed}" + (f" ON {table}" if postgresql else ""))
    if postgresql:
        op.execute("DROP FUNCTION derm_final()")


def _guarded() -> list[tuple[str, str]]:
    return [*((table, "update") for table in FINAL), ("event", "delete")]
