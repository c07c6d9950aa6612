from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from limner.domain import Conflict
from limner.errors import ProfileNotFound, StoreError, TagNotFound
from store import profiles
from store.database import Database
from store.events import EventStore
from store.profiles import ProfileStore
from store.runs import RunStore
from tests.store.samples import call, done, draft, event, persona, tag


@pytest.fixture
def store(database: Database) -> ProfileStore:
    EventStore(database).add([event(f"e{number}", user) for user in ("u1", "u2", "u3") for number in range(1, 5)])
    return ProfileStore(database)


@pytest.fixture
def runs(database: Database) -> RunStore:
    return RunStore(database)


@pytest.fixture
def run(runs: RunStore) -> str:
    return runs.start(config={}, users_total=1)


def test_a_profile_comes_back_as_it_was_saved(store: ProfileStore, run: str) -> None:
    tags = (tag("genre/noir", cites=("e2", "e1")), tag("genre/war", polarity=-1, probability=0.8, lift=None))
    portraits = (persona(), persona("喜欢黑色电影。", "zh"))
    assert store.save(draft(run, tags=tags, personas=portraits), done()) == 1
    profile = store.current("u1")
    assert (profile.tags, profile.personas) == (tags, portraits)
    assert (profile.run, profile.model, profile.taxonomy) == (run, "scripted", "1 0123456789ab")
    assert profile.prompts == {"propose.v1": "0123456789ab"}
    assert profile == type(profile).model_validate(profile.model_dump()), "and is valid"


def test_candidates_are_served_only_when_asked_for(store: ProfileStore, run: str) -> None:
    store.save(
        draft(run, tags=[tag("genre/a"), tag("genre/b", status="candidate"), tag("genre/c", status="pinned")]), done()
    )
    assert [one.key for one in store.current("u1").tags] == ["genre/a", "genre/c"]
    assert [one.key for one in store.current("u1", candidates=True).tags] == ["genre/a", "genre/b", "genre/c"]


def test_a_language_picks_its_persona(store: ProfileStore, run: str) -> None:
    store.save(draft(run, personas=(persona(), persona("喜欢。", "zh"))), done())
    assert [one.language for one in store.current("u1", language="zh").personas] == ["zh"]
    assert [one.language for one in store.personas("u1")] == ["en", "zh"]
    assert store.personas("nobody") == ()


def test_saving_the_same_user_of_the_same_run_again_changes_nothing(store: ProfileStore, run: str) -> None:
    assert store.save(draft(run, tags=[tag()]), done()) == 1
    assert store.save(draft(run, tags=[tag("genre/war")]), done()) == 1
    assert [one.key for one in store.current("u1").tags] == ["genre/noir"]


def test_a_user_who_failed_first_can_be_saved_in_the_same_run(store: ProfileStore, runs: RunStore, run: str) -> None:
    failed = done().model_copy(update={"state": "failed", "error_kind": "AnswerError", "error": "cut off"})
    runs.fail(run, failed)
    assert store.save(draft(run, tags=[tag()]), done()) == 1
    assert runs.summary(run).users == {"total": 1, "done": 1, "unchanged": 0, "failed": 0}


def test_a_tag_that_did_not_change_stays_one_version(store: ProfileStore, runs: RunStore, run: str) -> None:
    second = runs.start(config={}, users_total=1)
    store.save(draft(run, tags=[tag()]), done())
    assert store.save(draft(second, tags=[tag()]), done()) == 2
    [version] = store.timeline("u1", "genre/noir")
    assert (version.revision, version.run, version.retired_at, version.reason) == (1, run, None, "")
    assert store.current("u1").tags == (tag(),)


def test_a_timeline_tells_what_changed_when_and_why(store: ProfileStore, runs: RunStore, run: str) -> None:
    others = [runs.start(config={}, users_total=1) for _ in range(3)]
    store.save(draft(run, tags=[tag(probability=0.7)]), done())
    store.save(draft(others[0], tags=[tag(probability=0.9)]), done())
    store.save(draft(others[1], retired=(("genre/noir", "faded"),)), done())
    store.save(draft(others[2], tags=[tag(probability=0.6)]), done())
    versions = store.timeline("u1", "genre/noir")
    told = [(one.revision, one.tag.probability, one.reason) for one in versions]
    assert told == [(1, 0.7, "changed"), (2, 0.9, "faded"), (4, 0.6, "")]
    assert versions[0].retired_at == versions[1].recorded_at
    assert versions[2].retired_at is None
    assert all(one.recorded_at.tzinfo is UTC for one in versions)


def test_an_open_tag_that_is_not_drafted_again_ends(store: ProfileStore, runs: RunStore, run: str) -> None:
    store.save(draft(run, tags=[tag("genre/a"), tag("genre/b")]), done())
    store.save(draft(runs.start(config={}, users_total=1), tags=[tag("genre/a")]), done())
    assert [one.key for one in store.open_tags("u1")] == ["genre/a"]
    assert store.timeline("u1", "genre/b")[0].reason == "no longer found"


def test_other_evidence_for_the_same_tag_is_a_new_version(store: ProfileStore, runs: RunStore, run: str) -> None:
    store.save(draft(run, tags=[tag(cites=("e1",))]), done())
    store.save(draft(runs.start(config={}, users_total=1), tags=[tag(cites=("e2",))]), done())
    assert len(store.timeline("u1", "genre/noir")) == 2
    assert store.current("u1").tags[0].evidence[0].event_id == "e2"


def test_what_was_served_at_a_time_can_be_asked_later(store: ProfileStore, runs: RunStore, run: str) -> None:
    start = datetime.now(UTC)
    store.save(draft(run, tags=[tag("genre/a"), tag("genre/b")]), done())
    first = store.current("u1")
    between = datetime.now(UTC)
    second = runs.start(config={}, users_total=1)
    store.save(draft(second, tags=[tag("genre/b", cites=("e3",))], personas=(persona("New."),)), done())
    assert store.current("u1", as_of=between) == first
    assert store.current("u1", as_of=datetime.now(UTC)) == store.current("u1")
    assert store.current("u1").revision == 2
    with pytest.raises(ProfileNotFound):
        store.current("u1", as_of=start - timedelta(seconds=1))


def test_a_clock_set_back_does_not_reorder_revisions(
    store: ProfileStore, runs: RunStore, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(draft(run), done())
    first = store.current("u1").created_at

    class Earlier(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return first - timedelta(hours=1)

    second = runs.start(config={}, users_total=1)
    monkeypatch.setattr(profiles, "datetime", Earlier)
    store.save(draft(second), done())
    assert store.current("u1").revision == 2
    assert store.current("u1").created_at == first


def test_open_tags_come_without_evidence(store: ProfileStore, run: str) -> None:
    store.save(draft(run, tags=[tag("genre/b", status="candidate"), tag("genre/a")]), done())
    assert store.open_tags("u1") == (
        tag("genre/a").model_copy(update={"evidence": ()}),
        tag("genre/b", status="candidate").model_copy(update={"evidence": ()}),
    )
    assert store.open_tags("nobody") == ()


def test_evidence_comes_with_its_events_in_the_order_given(store: ProfileStore, run: str) -> None:
    store.save(draft(run, tags=[tag(cites=("e3", "e1")), tag("genre/bare", cites=())]), done())
    pairs = store.evidence("u1", "genre/noir")
    assert [(one.event_id, one.span, found.event_id) for one, found in pairs] == [
        ("e3", "好看", "e3"),
        ("e1", "好看", "e1"),
    ]
    assert store.evidence("u1", "genre/bare") == []


def test_a_profile_or_tag_that_is_not_there_is_said_so(store: ProfileStore, run: str) -> None:
    with pytest.raises(ProfileNotFound):
        store.current("u1")
    store.save(draft(run, tags=[tag()]), done())
    with pytest.raises(TagNotFound):
        store.evidence("u1", "genre/other")
    with pytest.raises(TagNotFound):
        store.timeline("u1", "genre/other")
    assert store.digest("u1") == "d1:c1"
    assert store.digest("u2") is None


def test_every_profile_comes_once_by_user_id(
    store: ProfileStore, runs: RunStore, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "PAGE", 2)
    for user in ("u3", "u1", "u2"):
        store.save(draft(run, user, tags=[tag()]), done(user))
    store.save(draft(runs.start(config={}, users_total=1), "u2", tags=[tag(status="candidate")]), done("u2"))
    every = list(store.every())
    assert [(one.user_id, one.revision, len(one.tags)) for one in every] == [("u1", 1, 1), ("u2", 2, 0), ("u3", 1, 1)]
    assert every[0] == store.current("u1")
    assert len(list(store.every(candidates=True))[1].tags) == 1


def test_label_vectors_are_kept_by_embedder_and_text(store: ProfileStore) -> None:
    store.save_label_vectors("toy", {"noir": b"1234", "黑色": b"5678"})
    store.save_label_vectors("toy", {"noir": b"other"})
    store.save_label_vectors("toy", {})
    assert store.label_vectors("toy", ["noir", "黑色", "absent"]) == {"noir": b"1234", "黑色": b"5678"}
    assert store.label_vectors("another", ["noir"]) == {}


def test_a_change_of_embedder_leaves_everything_served_to_be_embedded(store: ProfileStore, run: str) -> None:
    written = draft(
        run,
        tags=[tag(), tag("genre/open", status="candidate")],
        personas=(persona("Likes noir."),),
        vectors={"en": b"1234"},
        embedder="old",
    )
    store.save(written, done())
    labels, personas = store.unembedded("new")
    assert labels == sorted({tag().label.en, tag().label.zh})
    assert personas == [("u1", 1, "en", "Likes noir.")]
    assert store.unembedded("old")[1] == []
    store.save_label_vectors("new", dict.fromkeys(labels, b"5678"))
    store.save_persona_vectors("new", {("u1", 1, "en"): b"5678"})
    assert store.unembedded("new") == ([], [])


def test_nul_characters_in_a_tag_are_refused_in_words_or_kept(
    store: ProfileStore, run: str, database: Database
) -> None:
    wrong = draft(run, tags=[tag(reason="a\0b")])
    if database.dialect == "sqlite":
        store.save(wrong, done())
        return
    with pytest.raises(StoreError, match="NUL"):
        store.save(wrong, done())
    with pytest.raises(ProfileNotFound):
        store.current("u1")


def test_the_ledger_replaces_nul_characters(runs: RunStore, run: str) -> None:
    runs.record(run, call(outcome="bad_answer", answer=None, detail="a\0b"))
    assert runs.summary(run).model_calls == 1


def test_a_conflict_is_recorded_once(store: ProfileStore, runs: RunStore, run: str) -> None:
    conflict = Conflict(
        facet="profession", kept="profession/nurse", set_aside="profession/teacher", reason="said later"
    )
    assert store.conflicts("u1") == ()
    for each in (run, runs.start(config={}, users_total=1)):
        store.save(draft(each, tags=[tag()], conflicts=(conflict,)), done())
    assert store.conflicts("u1") == (conflict,)
