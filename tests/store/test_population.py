from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from limner import query
from limner.domain import Label
from limner.errors import StoreError
from limner.query import All, Any, Condition, Everyone, Measured, Not, Query, Statistic, Tagged
from store.database import Database
from store.events import EventStore
from store.population import Found, Mean, PopulationStore
from store.profiles import ProfileStore
from store.runs import RunStore
from store.tallies import Tally
from tests.conftest import postgres_database
from tests.store.samples import done, draft, event, tag

USERS = [f"u{number}" for number in range(10)]


EACH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="module", params=EACH)
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One of each kind for all tests here: they only ask."""
    yield from _opened(request, tmp_path_factory)


def _opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    with ExitStack() as until_the_end:
        url = f"sqlite:///{tmp_path_factory.mktemp('population') / 'limner.db'}"
        if request.param == "postgresql":
            url = until_the_end.enter_context(postgres_database(request.getfixturevalue("postgres_server")))
        opened = Database(url)
        until_the_end.callback(opened.close)
        yield opened


@pytest.fixture(scope="module")
def store(database: Database) -> PopulationStore:
    """Ten users: all but u0 like tea; u0 to u5 like jazz, u9 dislikes it, u8 may; u3 bought tea 3 times at 2 each."""
    run = RunStore(database).start(config={}, users_total=10)
    for number, user in enumerate(USERS):
        day = datetime(2026, 1, 1 + number, tzinfo=UTC)
        EventStore(database).add([event("e1", user, ts=day)])
        tags = [tag("music/tea", polarity=1)] if number else []
        if number <= 5:
            tags.append(tag("music/jazz", polarity=1))
        if number >= 8:
            tags.append(tag("music/jazz", polarity=-1, status="verified" if number == 9 else "candidate"))
        tallies = [
            Tally("", "", number + 2, number + 1, 2.0 * number, 2, 8.0 - number / 2),
            Tally("", "purchase", number, number, 2.0 * number, 0, 0.0),
            Tally("music/tea", "purchase", number, number, 2.0 * number, 0, 0.0),
            Tally("music/jazz", "rating", 2, 1, 0.0, 2, 8.0),
            Tally("year/1999", "rating", 2, 1, 0.0, 2, 8.0),
        ]
        ProfileStore(database).save(draft(run, user, tags, tallies=tuple(tallies)), done(user))
    EventStore(database).add([event("e1", "unprofiled")])
    return PopulationStore(database)


def likes(key: str) -> Tagged:
    return Tagged(keys=(key,), polarity=1)


def bought(compare: query.Comparison, value: float) -> Measured:
    return Measured(of=Statistic(measure="events", acts=query.BOUGHT, key="music/tea"), compare=compare, value=value)


def users(*numbers: int) -> tuple[str, ...]:
    return tuple(f"u{number}" for number in numbers)


FITS: list[tuple[str, Condition, Sequence[int]]] = [
    ("everyone with a profile", Everyone(), range(10)),
    ("a tag", likes("music/jazz"), range(6)),
    ("no candidates", Tagged(keys=("music/jazz",)), [0, 1, 2, 3, 4, 5, 9]),
    ("the other polarity", Tagged(keys=("music/jazz",), polarity=-1), [9]),
    ("a facet", Tagged(facet="interest"), range(10)),
    ("a probability", Tagged(keys=("music/jazz",), least=0.95), []),
    ("and", All(of=(likes("music/jazz"), likes("music/tea"))), range(1, 6)),
    ("or", Any(of=(likes("music/jazz"), Tagged(keys=("music/jazz",), polarity=-1))), [0, 1, 2, 3, 4, 5, 9]),
    ("not", Not(of=likes("music/jazz")), range(6, 10)),
    ("at least", bought(">=", 7), range(7, 10)),
    ("more than", bought(">", 7), range(8, 10)),
    ("fewer, none among them", bought("<", 2), [0, 1]),
    ("at most", bought("<=", 2), [0, 1, 2]),
    ("money", Measured(of=Statistic(measure="spend", acts=query.BOUGHT), value=16), [8, 9]),
    ("money a purchase", Measured(of=Statistic(measure="basket", acts=("purchase",)), value=2), range(1, 10)),
    ("days", Measured(of=Statistic(measure="days"), compare="<", value=3), [0, 1]),
    ("number of tags", Measured(of=Statistic(measure="tags"), value=2), [1, 2, 3, 4, 5, 9]),
    ("mean stars", Measured(of=Statistic(measure="stars"), compare="<", value=2), [9]),
    ("stars above the own mean", Measured(of=Statistic(measure="lift", key="music/jazz"), value=1.75), [7, 8, 9]),
    ("over enough ratings", Measured(of=Statistic(measure="lift", key="music/jazz"), value=1.75, rated=3), []),
    ("a share", Measured(of=Statistic(measure="share", key="music/jazz"), value=0.5), [0, 1, 2]),
    ("years of items", Measured(of=Statistic(measure="events", years=(1990, 1999)), value=2), range(10)),
    ("other years", Measured(of=Statistic(measure="events", years=(2000, 2999)), value=1), []),
    ("the top", query.Standing(of=Statistic(measure="events", acts=("purchase",)), top=0.2), [8, 9]),
    ("since", query.Active(since=datetime(2026, 1, 9, tzinfo=UTC)), [8, 9]),
    ("until", query.Active(until=datetime(2026, 1, 2, tzinfo=UTC)), [0]),
    (
        "within",
        query.Active(since=datetime(2026, 1, 3, tzinfo=UTC), until=datetime(2026, 1, 4, tzinfo=UTC)),
        [2],
    ),
    ("nothing asked", All(of=()), []),
    ("nothing denied", Not(of=All(of=())), []),
    ("no key and no facet", Tagged(), []),
]


@pytest.mark.parametrize(("condition", "fits"), [case[1:] for case in FITS], ids=[case[0] for case in FITS])
def test_a_condition_finds_who_fits(store: PopulationStore, condition: Condition, fits: Sequence[int]) -> None:
    found = store.answer(Query(want="list", where=condition))
    assert (found.users, found.size, found.people) == (users(*fits), len(fits), 10)


@pytest.fixture(scope="module", params=EACH)
def calendar(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database of its own for `comings`."""
    yield from _opened(request, tmp_path_factory)


@pytest.fixture(scope="module")
def comings(calendar: Database) -> PopulationStore:
    """Users by the days on which they came, of a hundred."""
    run = RunStore(calendar).start(config={}, users_total=5)
    seen = {"daily": range(10), "once": [0], "fresh": [95], "still": [0, 100], "slow": [0, 60]}
    for user, days in seen.items():
        dated = [event(f"e{day}", user, ts=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day)) for day in days]
        EventStore(calendar).add(dated)
        tallies = (Tally("", "", len(days), len(days), 0.0, 0, 0.0),)
        ProfileStore(calendar).save(draft(run, user, [], tallies=tallies), done(user))
    return PopulationStore(calendar)


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        (query.Recency(state="lapsed"), ("daily",)),
        (query.Recency(state="away"), ("once", "slow")),
        (query.Recency(state="new"), ("fresh",)),
        (query.Recency(state="active"), ("still",)),
        (query.Active(days=30), ("fresh", "still")),
        (Not(of=query.Active(days=45)), ("daily", "once")),
    ],
)
def test_how_lately_somebody_came_is_by_the_newest_event_of_all(
    comings: PopulationStore, condition: Condition, fits: tuple[str, ...]
) -> None:
    assert comings.answer(Query(want="list", where=condition)).users == fits


def counted(store: PopulationStore, condition: Condition) -> Found:
    return store.answer(Query(want="count", where=condition))


def test_a_number_over_too_few_is_not_brought_back(store: PopulationStore) -> None:
    assert counted(store, likes("music/jazz")).size == 6
    few = counted(store, Tagged(keys=("music/jazz",), polarity=-1))
    assert (few.size, few.withheld, few.users) == (None, 1, ())
    assert counted(store, Tagged(keys=("nothing",))).size == 0


def test_tags_of_too_few_are_withheld_and_counted(store: PopulationStore) -> None:
    found = store.answer(Query(want="top tags", where=Everyone()))
    assert [(one.key, one.polarity, one.users) for one in found.tags] == [("music/tea", 1, 9), ("music/jazz", 1, 6)]
    assert found.withheld == 1


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"groups": ("music",)}, ["music/tea", "music/jazz"]),
        ({"groups": ("brand",)}, []),
        ({"leaning": 1, "lowest": True}, ["music/jazz", "music/tea"]),
        ({"leaning": -1}, []),
    ],
)
def test_top_tags_may_be_of_a_sort_and_of_a_leaning(
    store: PopulationStore, asked: dict[str, typing.Any], told: list[str]
) -> None:
    found = store.answer(Query(want="top tags", where=Everyone(), **asked))
    assert [one.key for one in found.tags] == told


def test_an_average_is_over_the_users_of_a_group(store: PopulationStore) -> None:
    spend = Statistic(measure="spend", acts=("purchase",))
    found = store.answer(Query(want="average", where=Everyone(), by=spend))
    assert (found.size, found.means) == (10, (Mean(9.0, 10),))
    few = store.answer(Query(want="average", where=Tagged(keys=("music/jazz",), polarity=-1), by=spend))
    assert few.means == (None,)


def test_users_are_ranked(store: PopulationStore) -> None:
    by = Statistic(measure="spend", acts=("purchase",))
    found = store.answer(Query(want="top users", where=likes("music/jazz"), by=by, most=2))
    assert (found.users, found.values) == (users(5, 4), (10.0, 8.0))
    least = store.answer(Query(want="top users", where=Everyone(), by=by, most=1, lowest=True))
    assert least.users == users(0)


def test_two_groups_are_compared(store: PopulationStore) -> None:
    by = Statistic(measure="events", acts=("purchase",))
    found = store.answer(Query(want="compare", where=likes("music/jazz"), against=likes("music/tea"), by=by))
    assert (found.size, found.second) == (6, 9)
    assert [mean and (mean.value, mean.users) for mean in found.means] == [(2.5, 6), (5.0, 9)]
    apart = store.answer(Query(want="apart", where=bought(">=", 5)))
    assert [(one.key, one.users, one.others) for one in apart.tags] == [("music/tea", 5, 4)]


def test_a_mean_over_too_few_is_not_brought_back(store: PopulationStore) -> None:
    by = Statistic(measure="events", acts=("purchase",))
    found = store.answer(Query(want="compare", where=bought(">", 7), by=by))
    assert found.size is None
    assert found.means[0] is None


def test_what_was_served_on_an_earlier_day(store: PopulationStore) -> None:
    before = Tagged(keys=("music/jazz",), polarity=1, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert store.answer(Query(want="list", where=before)).users == ()
    now = Tagged(keys=("music/jazz",), polarity=1, at=datetime.now(UTC))
    assert store.answer(Query(want="list", where=now)).size == 6


def test_tags_that_are_joined_by_or_are_looked_up_in_one_go(store: PopulationStore) -> None:
    either = Any(of=(likes("music/jazz"), likes("music/tea"), Tagged(keys=("music/jazz",), polarity=-1)))
    found = store.answer(Query(want="list", where=either), explain=True)
    assert found.users == users(*range(10))
    assert found.sql[-1].count("FROM tags") == 2


def test_a_list_is_read_once_and_not_counted_before(store: PopulationStore) -> None:
    found = store.answer(Query(want="list", where=likes("music/jazz")), explain=True)
    assert (found.size, len(found.users), len(found.sql)) == (6, 6, 2)


@pytest.mark.parametrize(("want", "by"), [("compare", Statistic(measure="spend")), ("apart", None)])
def test_what_is_compared_is_looked_up_once(store: PopulationStore, want: query.Want, by: Statistic | None) -> None:
    asked = Query(want=want, where=likes("music/jazz"), against=likes("music/tea"), by=by)
    found = store.answer(asked, explain=True)
    assert (found.people, found.size, found.second) == (10, 6, 9)
    assert sum(sql.count("FROM tags") for sql in found.sql) == 2


def test_everybody_else_are_those_with_a_profile(store: PopulationStore) -> None:
    rest = Query(want="apart", where=likes("music/tea"))
    assert (store.answer(rest).size, store.answer(rest).second) == (9, None)
    by_days = rest.model_copy(update={"where": likes("music/jazz"), "by": Statistic(measure="days")})
    assert (store.answer(by_days).size, store.answer(by_days).second) == (6, None)
    but_one = Query(want="compare", where=Not(of=likes("music/jazz")), by=Statistic(measure="days"))
    assert (store.answer(but_one).size, store.answer(but_one).second) == (None, 6)


def test_numbers_over_all_events_are_asked_for_as_their_index_is_written(store: PopulationStore) -> None:
    spent = Measured(of=Statistic(measure="spend", acts=("purchase",)), compare=">", value=10)
    found = store.answer(Query(want="count", where=spent), explain=True)
    assert found.size is None  # four users are fewer than the floor
    assert re.search(r"""tallies\."?key"? = ''""", found.sql[-1])


def test_the_plan_of_the_database_is_told(store: PopulationStore) -> None:
    found = store.answer(Query(want="list", where=likes("music/jazz")), explain=True)
    assert any("tags" in sql for sql in found.sql)
    assert len(found.plan) == len(found.sql)
    assert store.answer(Query(want="list", where=likes("music/jazz"))).sql == ()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM users",
        "INSERT INTO audit (id) VALUES (1)",
        "UPDATE tags SET polarity = 1",
        "DROP TABLE users",
        "CREATE TABLE more (a INTEGER)",
        "CREATE TEMPORARY TABLE more (a INTEGER)",
    ],
)
def test_the_database_itself_refuses_to_write(store: PopulationStore, database: Database, sql: str) -> None:
    with pytest.raises(Exception, match=r"(?i)not authorized|readonly|read-only"), database.guarded(5) as connection:
        connection.execute(text(sql))
    assert counted(store, Everyone()).size == 10


def test_sqlite_reaches_no_other_file(database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL has no such thing")
    for sql in ("ATTACH DATABASE '/tmp/x.db' AS x", "PRAGMA query_only=OFF", "PRAGMA writable_schema=ON"):
        with pytest.raises(Exception, match="not authorized"), database.guarded(5) as connection:
            connection.execute(text(sql))


@pytest.mark.parametrize("want", ["list", "count", "top users", "top tags", "compare", "apart"])
def test_every_sort_of_query_tells_how_the_database_goes_about_it(store: PopulationStore, want: query.Want) -> None:
    by = Statistic(measure="spend", acts=("purchase",))
    where = query.All(of=(likes("music/tea"), query.Standing(of=by, top=0.5)))
    asked = Query(want=want, where=where, by=None if want in {"list", "count", "top tags", "apart"} else by)
    found = store.answer(asked, explain=True)
    assert found.plan and len(found.plan) == len(found.sql) and all(found.plan)


def test_a_question_that_takes_too_long_is_ended(store: PopulationStore, database: Database) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(StoreError, match="took too long"), database.guarded(0.2) as connection:
        connection.execute(text(endless)).all()
    assert counted(store, Everyone()).size == 10


def test_acts_are_those_that_profiles_count(store: PopulationStore) -> None:
    assert store.acts() == {"purchase"}


def test_keys_are_those_of_served_tags(store: PopulationStore) -> None:
    assert set(store.keys()) == {"music/jazz", "music/tea"}
    assert store.keys()["music/tea"] == ("interest", Label(en="tea", zh="中文 music/tea"))


def test_users_with_a_profile_are_told_from_other_words(store: PopulationStore) -> None:
    assert store.profiled(["u3", "like", "u1", "unprofiled"]) == ["u1", "u3"]
    assert store.profiled([]) == []


def test_who_asked_what_is_kept(store: PopulationStore) -> None:
    store.record(
        author="ann", scope="population", question="q?", asked={"want": "list"}, rows=3, seconds=0.1, outcome="answered"
    )
    (entry,) = store.audit()
    assert (entry["author"], entry["question"], entry["query"], entry["rows"]) == ("ann", "q?", {"want": "list"}, 3)


def test_counts_are_put_in_the_place_of_earlier_ones(store: PopulationStore, database: Database) -> None:
    run = RunStore(database).start(config={}, users_total=1)
    tallies = (Tally("music/tea", "purchase", 50, 1, 0.0, 0, 0.0),)
    ProfileStore(database).save(draft(run, "u0", digest="d2:c1", tallies=tallies), done("u0"))
    assert store.answer(Query(want="list", where=bought(">=", 50))).users == ("u0",)
    assert store.answer(Query(want="list", where=bought("<", 1))).users == ()
