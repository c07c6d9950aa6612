from __future__ import annotations

import pytest

from limner.errors import TagNotFound, TagPinned
from store.database import Database
from store.events import EventStore
from store.feedback import FeedbackStore
from store.profiles import ProfileStore
from store.runs import RunStore
from tests.store.samples import done, draft, event, tag


@pytest.fixture
def feedback(database: Database) -> FeedbackStore:
    EventStore(database).add([event()])
    run = RunStore(database).start(config={}, users_total=1)
    tags = [tag("genre/noir", probability=0.7), tag("genre/war", status="candidate"), tag("genre/x", status="pinned")]
    ProfileStore(database).save(draft(run, tags=tags), done())
    return FeedbackStore(database)


def test_a_judgement_keeps_what_was_served_then(feedback: FeedbackStore, database: Database) -> None:
    given = feedback.add("u1", "genre/noir", correct=False, author="anna", why="no")
    assert (given.probability, given.facet, given.basis, given.polarity) == (0.7, "interest", "observed", 1)
    again = RunStore(database).start(config={}, users_total=1)
    ProfileStore(database).save(draft(again, tags=[tag("genre/noir", probability=0.9)]), done())
    assert feedback.every("u1") == [given]
    assert feedback.every("u2") == []


def test_the_newest_word_of_each_person_on_each_state_of_a_tag_counts(
    feedback: FeedbackStore, database: Database
) -> None:
    for author, correct in (("anna", True), ("ben", True), ("anna", False)):
        feedback.add("u1", "genre/noir", correct=correct, author=author)
    feedback.add("u1", "genre/war", correct=False, author="anna")
    again = RunStore(database).start(config={}, users_total=1)
    ProfileStore(database).save(draft(again, tags=[tag("genre/noir", probability=0.9)]), done())
    feedback.add("u1", "genre/noir", correct=True, author="anna")
    judged = [(one.author, one.key, one.probability, one.correct) for one in feedback.judged()]
    assert judged == [
        ("ben", "genre/noir", 0.7, True),
        ("anna", "genre/noir", 0.7, False),
        ("anna", "genre/war", 0.9, False),
        ("anna", "genre/noir", 0.9, True),
    ]


def test_only_an_estimate_that_is_there_can_be_judged(feedback: FeedbackStore) -> None:
    with pytest.raises(TagNotFound):
        feedback.add("u1", "genre/none", correct=True, author="anna")
    with pytest.raises(TagPinned, match="withdraw"):
        feedback.add("u1", "genre/x", correct=True, author="anna")
