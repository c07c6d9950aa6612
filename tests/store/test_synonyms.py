from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select

from limner.domain import Label, Synonym
from limner.errors import StoreError
from store.database import Database
from store.events import EventStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.synonyms import SynonymStore
from store.tables import FeedbackRow, OverrideRow
from tests.store.samples import NOON, done, draft, event, persona, tag, vector

CONFIG = {"model": "scripted", "digest": "c1"}


def synonym(key: str = "genre/dark", canonical: str = "genre/noir", **fields: Any) -> Synonym:
    facts = {"facet": "interest", "label": Label(en="noir", zh="黑色电影"), "how": "meaning", "state": "merged"}
    return Synonym.model_validate(facts | {"key": key, "canonical": canonical} | fields)


@pytest.fixture
def profiles(database: Database) -> ProfileStore:
    """`u1` has a tag that will be renamed, `u2` one of the new name as well, `u3` neither."""
    EventStore(database).add([event(f"e{number}", user) for user in ("u1", "u2", "u3") for number in range(1, 5)])
    run = RunStore(database).start(config=CONFIG, users_total=3)
    store = ProfileStore(database)
    both = (tag("genre/dark", probability=0.8), tag("genre/noir", probability=0.9, cites=("e2",)))
    for user, tags in (("u1", both[:1]), ("u2", both), ("u3", (tag("genre/war"),))):
        digest = f"{EventStore(database).user_digest(user)}:c1"
        sentences = (persona().sentences[0].model_copy(update={"tags": tuple(one.key for one in tags)}),)
        told = persona().model_copy(update={"sentences": sentences})
        fields = {"digest": digest, "personas": (told,), "vectors": {"en": vector(1).tobytes()}}
        store.save(draft(run, user, tags, **fields), done(user))
    return store


def unchanged(database: Database, digest: str) -> list[str]:
    return [user for user, changed in RunStore(database).work(digest) if not changed]


def test_a_renamed_tag_keeps_its_evidence_its_persona_and_its_history(
    profiles: ProfileStore, database: Database
) -> None:
    before = profiles.current("u1")
    assert profiles.holders(["genre/dark"]) == ["u1", "u2"]
    assert not profiles.rename("u1", {"genre/dark": synonym()}, lambda said: said, recount=False)
    after = profiles.current("u1")
    assert (after.revision, after.run) == (2, before.run)
    label = Label(en="noir", zh="黑色电影")
    assert after.tags == (before.tags[0].model_copy(update={"key": "genre/noir", "label": label}),)
    assert [one.tags for one in after.personas[0].sentences] == [("genre/noir",)]
    assert profiles.current("u1", as_of=before.created_at) == before, "what was served stays as it was"
    told = [(one.tag.key, one.reason) for one in profiles.timeline("u1", "genre/noir", ["genre/dark"])]
    assert told == [("genre/dark", "is genre/noir now"), ("genre/noir", "")]
    assert profiles.unembedded("toy")[1] == [], "the persona kept its vector"
    assert unchanged(database, "c1") == ["u1", "u2", "u3"]


def test_of_two_tags_that_become_one_the_surer_stays_until_the_next_run(
    profiles: ProfileStore, database: Database
) -> None:
    assert profiles.rename("u2", {"genre/dark": synonym()}, lambda said: said, recount=False)
    [left] = profiles.current("u2").tags
    assert (left.key, left.probability, left.evidence[0].event_id) == ("genre/noir", 0.9, "e2")
    assert unchanged(database, "c1") == ["u1", "u3"]
    assert profiles.open_keys()["genre/noir"][2] == 1


def test_profiles_of_an_earlier_configuration_can_count_as_made_under_another(
    profiles: ProfileStore, database: Database
) -> None:
    profiles.recount(["u3"])
    profiles.adopt({"c1": "c2", "c0": "c9"})
    assert unchanged(database, "c2") == ["u1", "u2"]
    assert unchanged(database, "c1") == []
    assert RunStore(database).configs() == {"c1": CONFIG}


def test_corrections_follow_a_key_and_come_back_when_it_is_undone(profiles: ProfileStore, database: Database) -> None:
    said = {"user_id": "u1", "author": "kim", "why": "", "created_at": NOON, "facet": "interest"}
    denied = {"action": "deny", "change": {}, "label": {"en": "noir", "zh": "黑色"}, "seen": 0}
    judged = {"correct": True, "polarity": 1, "basis": "observed", "probability": 0.7, "revision": 1}
    with database.connection() as connection:
        for key in ("genre/dark", "genre/noir"):
            connection.execute(insert(OverrideRow).values(key=key, **denied, **said))
            connection.execute(insert(FeedbackRow).values(key=key, **judged, **said))
    store = SynonymStore(database)
    assert store.corrected() == {"genre/dark", "genre/noir"}
    store.save([synonym()], {"genre/dark": synonym()})
    assert keys(database) == ["genre/noir"] * 4
    kept = store.every()["genre/dark"]
    assert kept.decided_at is not None
    assert kept.model_copy(update={"decided_at": None}) == synonym()
    assert store.undo("genre/dark").canonical == "genre/noir"
    assert sorted(keys(database)) == ["genre/dark", "genre/dark", "genre/noir", "genre/noir"]
    assert store.every()["genre/dark"].state == "undone"


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        ([], "is not merged"),
        ([synonym(state="apart")], "is not merged"),
        ([synonym(how="taxonomy")], "`was`: change it there"),
    ],
    ids=["unknown", "apart", "renamed by the taxonomy"],
)
def test_what_was_not_merged_by_limner_cannot_be_undone(database: Database, kept: list[Synonym], said: str) -> None:
    store = SynonymStore(database)
    store.save(kept, {})
    with pytest.raises(StoreError, match=said):
        store.undo("genre/dark")


def keys(database: Database) -> list[str]:
    with database.reading() as connection:
        return [key for row in (OverrideRow, FeedbackRow) for key in connection.scalars(select(row.key))]
