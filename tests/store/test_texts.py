from __future__ import annotations

from sqlalchemy import text

from store.database import Database
from store.events import EventStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.texts import Kept
from tests.store.samples import done, draft, event

FIRST, SECOND = Kept("c1", bytes(range(16)), b'{"00":[[],[]]}'), Kept("c2", b"", b"{}")


def test_what_texts_say_is_put_in_the_place_of_what_was_kept_and_goes_with_its_user(database: Database) -> None:
    EventStore(database).add([event("e1", "u1"), event("e1", "u2")])
    run, store = RunStore(database).start(config={}, users_total=2), ProfileStore(database)
    assert store.texts("u1") is None
    store.save(draft(run, "u1", digest="d1:c1", texts=FIRST), done("u1"))
    store.save(draft(run, "u2", digest="d1:c1", texts=FIRST), done("u2"))
    assert store.texts("u1") == FIRST
    store.save(draft(run, "u1", digest="d2:c1"), done("u1"))
    assert store.texts("u1") == FIRST, "nothing new was read"
    store.save(draft(run, "u1", digest="d3:c2", texts=SECOND), done("u1"))
    assert store.texts("u1") == SECOND
    with database.connection() as connection:
        connection.execute(text("DELETE FROM users WHERE user_id = 'u1'"))
    assert (store.texts("u1"), store.texts("u2")) == (None, FIRST)
