"""Patients, lesions, visits, pictures, answers, opinions, corrections, histology, and the chain of events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "event",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("table_name", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_event")),
        sa.UniqueConstraint("hash", name=op.f("uq_event_hash")),
    )
    op.create_index("ix_event_row", "event", ["table_name", "row_id"], unique=False)
    op.create_table(
        "patient",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("pseudonym", sa.Text(), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("pseudonym", name=op.f("uq_patient_pseudonym")),
    )
    op.create_table(
        "removal",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_removal")),
    )
    op.create_table(
        "lesion",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_lesion_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesion")),
        sa.UniqueConstraint("patient_id", "label", name=op.f("uq_lesion_patient_id")),
    )
    op.create_index(op.f("ix_lesion_patient_id"), "lesion", ["patient_id"], unique=False)
    op.create_table(
        "salt",
        sa.Column("event_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["event_number"], ["event.number"], name=op.f("fk_salt_event_number")),
        sa.PrimaryKeyConstraint("event_number", name=op.f("pk_salt")),
    )
    op.create_table(
        "visit",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("patient_id", sa.String(length=32), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_visit_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
        sa.UniqueConstraint("patient_id", "day", name=op.f("uq_visit_patient_id")),
    )
    op.create_index(op.f("ix_visit_day"), "visit", ["day"], unique=False)
    op.create_index(op.f("ix_visit_patient_id"), "visit", ["patient_id"], unique=False)
    op.create_table(
        "histology",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lesion_id", sa.String(length=32), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("diagnosis", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("replaces", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["lesion_id"], ["lesion.id"], name=op.f("fk_histology_lesion_id")),
        sa.ForeignKeyConstraint(["replaces"], ["histology.id"], name=op.f("fk_histology_replaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_histology")),
    )
    op.create_index(op.f("ix_histology_lesion_id"), "histology", ["lesion_id"], unique=False)
    op.create_table(
        "picture",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("lesion_id", sa.String(length=32), nullable=False),
        sa.Column("visit_id", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("mm_per_pixel", sa.Float(), nullable=True),
        sa.Column("scale_source", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["lesion_id"], ["lesion.id"], name=op.f("fk_picture_lesion_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_picture_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_picture")),
        sa.UniqueConstraint("lesion_id", "visit_id", "sha256", name=op.f("uq_picture_lesion_id")),
    )
    op.create_index(op.f("ix_picture_lesion_id"), "picture", ["lesion_id"], unique=False)
    op.create_index(op.f("ix_picture_sha256"), "picture", ["sha256"], unique=False)
    op.create_index(op.f("ix_picture_visit_id"), "picture", ["visit_id"], unique=False)
    op.create_table(
        "answer",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("picture_id", sa.String(length=32), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("answerable", sa.Boolean(), nullable=False),
        sa.Column("referral", sa.Text(), nullable=True),
        sa.Column("diagnosis", sa.Text(), nullable=True),
        sa.Column("p_malignant", sa.Float(), nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("weights_sha256", sa.String(length=64), nullable=False),
        sa.Column("calibration", sa.Text(), nullable=True),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("software", sa.Text(), nullable=False),
        sa.Column("views", sa.Integer(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("shown", sa.Text(), nullable=False),
        sa.Column("outline", sa.LargeBinary(), nullable=False),
        sa.Column("evidence", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"], name=op.f("fk_answer_picture_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_answer")),
    )
    op.create_index(op.f("ix_answer_picture_id"), "answer", ["picture_id"], unique=False)
    op.create_table(
        "correction",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("picture_id", sa.String(length=32), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("diagnosis", sa.Text(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=True),
        sa.Column("outline", sa.LargeBinary(), nullable=True),
        sa.Column("replaces", sa.String(length=32), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.CheckConstraint("(diagnosis IS NULL) = (basis IS NULL)", name=op.f("ck_correction_has_basis")),
        sa.CheckConstraint("diagnosis IS NOT NULL OR outline IS NOT NULL", name=op.f("ck_correction_says_something")),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"], name=op.f("fk_correction_picture_id")),
        sa.ForeignKeyConstraint(["replaces"], ["correction.id"], name=op.f("fk_correction_replaces")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index(op.f("ix_correction_picture_id"), "correction", ["picture_id"], unique=False)
    op.create_table(
        "opinion",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("picture_id", sa.String(length=32), nullable=False),
        sa.Column("answer_id", sa.String(length=32), nullable=True),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("diagnosis", sa.Text(), nullable=False),
        sa.Column("management", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.String(length=32), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.CheckConstraint("(stage = 'before') = (answer_id IS NULL)", name=op.f("ck_opinion_names_answer")),
        sa.CheckConstraint("stage IN ('before', 'after')", name=op.f("ck_opinion_stage")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 100", name=op.f("ck_opinion_confidence")),
        sa.CheckConstraint("seconds >= 0", name=op.f("ck_opinion_seconds")),
        sa.ForeignKeyConstraint(["answer_id"], ["answer.id"], name=op.f("fk_opinion_answer_id")),
        sa.ForeignKeyConstraint(["picture_id"], ["picture.id"], name=op.f("fk_opinion_picture_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opinion")),
        sa.UniqueConstraint("picture_id", "author", "stage", name=op.f("uq_opinion_picture_id")),
    )
    op.create_index(op.f("ix_opinion_answer_id"), "opinion", ["answer_id"], unique=False)
    op.create_index(op.f("ix_opinion_picture_id"), "opinion", ["picture_id"], unique=False)


def downgrade() -> None:
    """Remove the tables, with all that is in them."""
    op.drop_index(op.f("ix_opinion_picture_id"), table_name="opinion")
    op.drop_index(op.f("ix_opinion_answer_id"), table_name="opinion")
    op.drop_table("opinion")
    op.drop_index(op.f("ix_correction_picture_id"), table_name="correction")
    op.drop_table("correction")
    op.drop_index(op.f("ix_answer_picture_id"), table_name="answer")
    op.drop_table("answer")
    op.drop_index(op.f("ix_picture_visit_id"), table_name="picture")
    op.drop_index(op.f("ix_picture_sha256"), table_name="picture")
    op.drop_index(op.f("ix_picture_lesion_id"), table_name="picture")
    op.drop_table("picture")
    op.drop_index(op.f("ix_histology_lesion_id"), table_name="histology")
    op.drop_table("histology")
    op.drop_index(op.f("ix_visit_patient_id"), table_name="visit")
    op.drop_index(op.f("ix_visit_day"), table_name="visit")
    op.drop_table("visit")
    op.drop_table("salt")
    op.drop_index(op.f("ix_lesion_patient_id"), table_name="lesion")
    op.drop_table("lesion")
    op.drop_table("removal")
    op.drop_table("patient")
    op.drop_index("ix_event_row", table_name="event")
    op.drop_table("event")
