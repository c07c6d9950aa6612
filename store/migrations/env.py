"""Run by Alembic: the steps go through the connection that `upgrade` was given, inside its transaction."""

from __future__ import annotations

from alembic import context

from store.tables import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)
context.run_migrations()
