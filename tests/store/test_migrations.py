from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from store.database import Database
from store.events import EventStore
from store.tables import Table
from tests.store.samples import event


def test_the_migrations_arrive_at_the_tables(database: Database) -> None:
    with database.connection() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_opening_again_changes_nothing(database: Database, database_url: str) -> None:
    EventStore(database).add([event()])
    again = Database(database_url)
    assert EventStore(again).counts() == {"users": 1, "events": 1}
    again.close()
