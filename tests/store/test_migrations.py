from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from store.database import Database
from store.events import EventStore
from store.migrations import upgrade
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


def test_a_database_from_before_corrections_keeps_its_rows(database: Database) -> None:
    """Down to the schema before, a row in as the limner of that time wrote it, and up again."""
    with database.connection() as connection:
        for table in ("overrides", "feedback", "synonyms", "tallies", "audit"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("DROP INDEX ix_tags_served"))
        connection.execute(text("ALTER TABLE users DROP COLUMN corrections"))
        connection.execute(text("ALTER TABLE tags DROP COLUMN corrected"))
        connection.execute(text("CREATE TABLE overrides (id INTEGER)"))
        connection.execute(text("CREATE TABLE feedback (id INTEGER)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        connection.execute(
            text("INSERT INTO users (user_id, events, digest, profiled_digest) VALUES ('u1', 1, 'd1', 'd1:c1')")
        )
        upgrade(connection, "test")
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []
        row = connection.execute(text("SELECT user_id, profiled_digest, corrections FROM users")).one()
    assert tuple(row) == ("u1", "d1:c1", 0)
