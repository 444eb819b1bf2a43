"""How Alembic runs a migration of the records: on the connection that `derm.records.migrate` hands it, in its
transaction."""

from alembic import context

from derm.records.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transaction_per_migration=False,
    render_as_batch=False,
)
context.run_migrations()
