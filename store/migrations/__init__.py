"""The schema, step by step: `versions/` holds numbered migrations, which are run when a database is opened."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from limner.errors import StoreError


def upgrade(connection: Connection, name: str) -> None:
    """Bring the schema up to date inside the transaction of `connection`.

    Args:
        name: What to call the database in messages.

    Raises:
        StoreError: the schema is newer than this limner, or the tables are somebody else's.
    """
    config = settings(connection)
    script = ScriptDirectory.from_config(config)
    newest = script.get_current_head()
    current = MigrationContext.configure(connection).get_current_revision()
    if current == newest:
        return
    if current is not None and current not in {step.revision for step in script.walk_revisions()}:
        raise StoreError(
            f"The database {name} has schema {current}, which is newer than {newest}, the newest this limner knows. "
            "Install the limner that wrote it, or a newer one."
        )
    if current is None and (strangers := inspect(connection).get_table_names()):
        raise StoreError(
            f"The database {name} holds tables that are not limner's ({', '.join(sorted(strangers)[:5])}): "
            "give limner a database of its own (LIMNER_DATABASE_URL)."
        )
    command.upgrade(config, "head")


def settings(connection: Connection) -> Config:
    """What Alembic needs to know to work on `connection`."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
