"""What the measurements of friends and of silences count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from evals.homophily import own_where_friends
from evals.silence import staying_away

FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def test_a_tag_of_many_friends_is_held_against_the_users_own() -> None:
    own = {f"f{at}": {"jazz"} if at < 3 else {"pop"} for at in range(6)} | {"ann": {"jazz"}, "bob": {"rock"}}
    friends = {name: {f"f{at}" for at in range(6)} for name in ("ann", "bob", "cid")}
    found = own_where_friends(own, friends)
    half = found["50% of friends"]
    assert (half.mean, half.n) == (0.25, 4), "of jazz and pop, told of both, jazz of one is right"
    assert "75% of friends" not in found
    few = own_where_friends(own, {"ann": {"f0", "f1"}})
    assert few == {}


def test_who_is_said_to_have_lapsed_is_held_against_what_came_after() -> None:
    daily = [FIRST + timedelta(days=day) for day in range(0, 1000, 2)]
    gone = [FIRST + timedelta(days=day) for day in range(0, 200, 2)]
    found = staying_away({"stays": daily, "gone": gone})
    assert found["active"].mean == 0
    assert (found["lapsed"].mean, found["lapsed"].n) == (1, 5)
