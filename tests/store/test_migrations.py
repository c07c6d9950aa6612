from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, text

from limner.query import Everyone, Query
from store.database import Database
from store.events import EventStore
from store.migrations import upgrade
from store.population import PopulationStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.tables import Table
from tests.store.samples import done, draft, event, tag


def missing(connection: Connection) -> list[Any]:
    """How the database differs from the tables, but for indexes that are of another database alone."""

    def is_here(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
        alone = getattr(thing, "_ddl_if", None)
        return alone is None or alone.dialect == connection.dialect.name

    context = MigrationContext.configure(connection, opts={"include_object": is_here})
    return list(compare_metadata(context, Table.metadata))


def test_the_migrations_arrive_at_the_tables(database: Database) -> None:
    with database.connection() as connection:
        assert missing(connection) == []


def test_opening_again_changes_nothing(database: Database, database_url: str) -> None:
    EventStore(database).add([event()])
    again = Database(database_url)
    assert EventStore(again).counts() == {"users": 1, "events": 1}
    again.close()


def test_a_database_from_before_corrections_keeps_its_rows(database: Database) -> None:
    """Down to the schema before, a row in as the limner of that time wrote it, and up again."""
    with database.connection() as connection:
        for table in ("overrides", "feedback", "synonyms", "tallies", "audit", "tag_keys", "tag_sets", "texts_read"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("DROP INDEX ix_tags_served"))
        connection.execute(text("ALTER TABLE users DROP COLUMN corrections"))
        connection.execute(text("ALTER TABLE tags DROP COLUMN corrected"))
        connection.execute(text("ALTER TABLE model_calls DROP COLUMN logprob"))
        connection.execute(text("CREATE TABLE overrides (id INTEGER)"))
        connection.execute(text("CREATE TABLE feedback (id INTEGER)"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
        connection.execute(
            text("INSERT INTO users (user_id, events, digest, profiled_digest) VALUES ('u1', 1, 'd1', 'd1:c1')")
        )
        upgrade(connection, "test")
    with database.reading() as connection:
        assert missing(connection) == []
        row = connection.execute(text("SELECT user_id, profiled_digest, corrections FROM users")).one()
    assert tuple(row) == ("u1", "d1:c1", 0)


def test_tags_from_before_rankings_were_quick_are_ranked(database: Database) -> None:
    run = RunStore(database).start(config={}, users_total=5)
    for user in ("u1", "u2", "u3", "u4", "u5"):
        EventStore(database).add([event("e1", user)])
        tags = [tag("genre/noir"), tag("music/jazz", polarity=-1), tag("genre/war", status="candidate")]
        ProfileStore(database).save(draft(run, user, tags), done(user))
    with database.connection() as connection:
        kept = connection.execute(text("SELECT count(*) FROM tag_sets")).scalar_one()
        for table in ("tag_keys", "tag_sets", "texts_read"):
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("ALTER TABLE model_calls DROP COLUMN logprob"))
        connection.execute(text("UPDATE alembic_version SET version_num = '0005'"))
    with database.connection() as connection:
        upgrade(connection, "test")
        assert connection.execute(text("SELECT count(*) FROM tag_sets")).scalar_one() == kept == 5
    found = PopulationStore(database).answer(Query(want="top tags", where=Everyone()))
    assert {(one.key, one.polarity): one.users for one in found.tags} == {("genre/noir", 1): 5, ("music/jazz", -1): 5}
