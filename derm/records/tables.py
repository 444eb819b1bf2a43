"""The tables of the records, as SQLAlchemy has them; `migrations` makes them, and a test holds the two together.

Keys are random, so that they tell nothing and can be carried elsewhere. Times are texts in UTC, ISO 8601 with the
offset, for SQLite would lose a zone. A text that is there is not empty. Needs SQLAlchemy, the extra `records`.
"""

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    ScalarSelect,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    select,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _key() -> Column[str]:
    return Column("id", String(32), primary_key=True)


def _of(table: str, *, needed: bool = True) -> Column[str]:
    return Column(f"{table}_id", String(32), ForeignKey(f"{table}.id"), nullable=not needed, index=True)


def _when() -> Column[str]:
    return Column("created_at", String(32), nullable=False)


patient = Table(
    "patient",
    metadata,
    _key(),
    Column("pseudonym", Text, nullable=False, unique=True),
    Column("birth_year", Integer),
    Column("sex", Text),
    Column("note", Text),
    _when(),
)

lesion = Table(
    "lesion",
    metadata,
    _key(),
    _of("patient"),
    Column("label", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("note", Text),
    _when(),
    UniqueConstraint("patient_id", "label"),
)

visit = Table(
    "visit",
    metadata,
    _key(),
    _of("patient"),
    Column("day", String(10), nullable=False, index=True),
    Column("note", Text),
    _when(),
    UniqueConstraint("patient_id", "day"),
)

picture = Table(
    "picture",
    metadata,
    _key(),
    _of("lesion"),
    _of("visit"),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False, index=True),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("mm_per_pixel", Float),
    Column("scale_source", Text),
    _when(),
    UniqueConstraint("lesion_id", "visit_id", "sha256"),
)

answer = Table(
    "answer",
    metadata,
    _key(),
    _of("picture"),
    Column("author", Text, nullable=False),
    Column("answerable", Boolean, nullable=False),
    Column("referral", Text),
    Column("diagnosis", Text),
    Column("p_malignant", Float, nullable=False),
    Column("weights", Text, nullable=False),
    Column("weights_sha256", String(64), nullable=False),
    Column("calibration", Text),
    Column("engine", Text, nullable=False),
    Column("software", Text, nullable=False),
    Column("views", Integer, nullable=False),
    Column("record", Text, nullable=False),
    Column("shown", Text, nullable=False),
    Column("outline", LargeBinary, nullable=False),
    Column("evidence", LargeBinary, nullable=False),
    _when(),
)

opinion = Table(
    "opinion",
    metadata,
    _key(),
    _of("picture"),
    _of("answer", needed=False),
    Column("stage", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("diagnosis", Text, nullable=False),
    Column("management", Text, nullable=False),
    Column("confidence", Integer, nullable=False),
    Column("asked_at", String(32), nullable=False),
    Column("seconds", Float, nullable=False),
    Column("note", Text),
    _when(),
    UniqueConstraint("picture_id", "author", "stage"),
    CheckConstraint("stage IN ('before', 'after')", name="stage"),
    CheckConstraint("(stage = 'before') = (answer_id IS NULL)", name="names_answer"),
    CheckConstraint("confidence BETWEEN 0 AND 100", name="confidence"),
    CheckConstraint("seconds >= 0", name="seconds"),
)

correction = Table(
    "correction",
    metadata,
    _key(),
    _of("picture"),
    Column("author", Text, nullable=False),
    Column("diagnosis", Text),
    Column("basis", Text),
    Column("outline", LargeBinary),
    Column("replaces", String(32), ForeignKey("correction.id")),
    Column("note", Text),
    _when(),
    CheckConstraint("diagnosis IS NOT NULL OR outline IS NOT NULL", name="says_something"),
    CheckConstraint("(diagnosis IS NULL) = (basis IS NULL)", name="has_basis"),
)

histology = Table(
    "histology",
    metadata,
    _key(),
    _of("lesion"),
    Column("author", Text, nullable=False),
    Column("day", String(10), nullable=False),
    Column("diagnosis", Text, nullable=False),
    Column("words", Text),
    Column("replaces", String(32), ForeignKey("histology.id")),
    _when(),
)

event = Table(
    "event",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("table_name", Text, nullable=False),
    Column("row_id", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Index("ix_event_row", "table_name", "row_id"),
)

salt = Table(
    "salt",
    metadata,
    Column("event_number", Integer, ForeignKey("event.number"), primary_key=True, autoincrement=False),
    Column("salt", String(32), nullable=False),
)

removal = Table("removal", metadata, Column("sha256", String(64), primary_key=True))


def entered(table: Table) -> ScalarSelect[int]:
    """By which event a row of `table` was entered: its place in the order of entry, whatever a clock said."""
    first = select(func.min(event.c.number))
    return first.where(event.c.table_name == table.name, event.c.row_id == table.c.id).scalar_subquery()


ENTRIES = (patient, lesion, visit, picture, answer, opinion, correction, histology)
"""What is entered, each table after those that it points to."""

ALL = (*ENTRIES, event, salt)
"""What an export holds, in the order in which it can be put back."""
