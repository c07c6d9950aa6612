from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.backtest import halves
from evals.forecasts import SYSTEMS, Halves, compared, picked, pools, shares
from limner.domain import History
from tests.agents.histories import HISTORIES, NOON, TAXONOMY, event, history, rated

TAGS = [f"{sign}genre/{name}" for sign in "+-" for name in "abcdefghijklmnop"]


def plays(*genres: str) -> History:
    return history(event(n, "play", genre=genre, item_id=f"i{n}") for n, genre in enumerate(genres))


def user(name: str, **sides: str) -> Halves:
    """Sides name genres that are liked, one letter each; published are those that are `sure`."""
    tags = {side: frozenset(f"+genre/{letter}" for letter in letters) for side, letters in sides.items()}
    claimed = tags.get("claimed", frozenset()) | tags.get("kept", frozenset()) | tags.get("decayed", frozenset())
    return Halves(
        user_id=name,
        probability=dict.fromkeys(tags.get("sure", ()), 0.9),
        published=tags.get("sure", frozenset()),
        events={tag: 10 - at for at, tag in enumerate(sorted(claimed))},
        newest={tag: at for at, tag in enumerate(sorted(claimed))},
        claimed=claimed,
        kept=tags.get("kept", frozenset()),
        decayed=tags.get("decayed", frozenset()),
        new=tags.get("new", frozenset()),
    )


def test_a_history_is_cut_by_share_or_by_time() -> None:
    whole = plays(*["Jazz"] * 20)
    for split in (0.75, NOON.replace(hour=12 + 11, minute=45, second=0)):
        parts = halves(whole, split, TAXONOMY)
        assert parts is not None
        assert [len(part.events) for part in parts] == ([15, 5] if split == 0.75 else [12, 8])
    assert halves(whole, NOON, TAXONOMY) is None and halves(plays(*["Jazz"] * 14), 0.5, TAXONOMY) is None


def test_what_the_later_events_show_tells_kept_from_decayed_from_new() -> None:
    # Before: jazz 6 times, rock 6 times. After: jazz 4 times, folk 4 times. Jazz is kept and folk is new; of rock,
    # 6 of 12 before, four were to be expected after and none came.
    whole = plays(*["Jazz", "Rock"] * 6, *["Jazz", "Folk"] * 4)
    found = compared(whole, 0.6, TAXONOMY, {})
    assert found is not None
    assert (found.kept, found.decayed) == ({"+music/jazz"}, {"+music/rock"})
    assert found.new == {"+music/folk"} and found.claimed == {"+music/jazz", "+music/rock"}
    assert found.published == {"+music/jazz", "+music/rock"}
    assert found.events == {"+music/jazz": 6, "+music/rock": 6} and found.newest["+music/rock"] == 11


def test_a_taste_that_turned_round_decayed_and_its_opposite_is_new() -> None:
    before, after = [("Horror", 1.0), ("Comedy", 5.0)] * 6, [("Horror", 5.0), ("Comedy", 1.0)] * 4
    found = compared(history(rated(before + after)), 0.6, TAXONOMY, {})
    assert found is not None
    assert found.decayed == {"-genre/horror", "+genre/comedy"} and found.new == {"+genre/horror", "-genre/comedy"}
    assert found.probability["+genre/horror"] == pytest.approx(1 - found.probability["-genre/horror"])


def test_the_share_of_everybody_is_of_earlier_events_alone() -> None:
    # 700 events before each cut, in half of them jazz; what comes after is not seen.
    many = [plays(*["Jazz", "Rock"] * 350, *["Folk"] * 300) for _ in range(2)]
    assert shares(many, 0.7, TAXONOMY) == {"music/jazz": 0.5, "music/rock": 0.5}
    assert shares(many[:1], 0.7, TAXONOMY) == {}


def test_a_pool_is_a_quarter_true_and_draws_evenly_from_four_kinds() -> None:
    # u1 keeps a b, has c new and d decayed: 3 true, so 9 distractors: d, and from what the others have (e to p) two
    # peers, two viral, and the rest at random.
    users = [user("u1", kept="ab", new="c", decayed="d"), user("u2", kept="efg", new="hijk"), user("u3", kept="lmnop")]
    first = pools(users)[0]
    assert (first.keep, first.new, first.decay) == ({"+genre/a", "+genre/b"}, {"+genre/c"}, {"+genre/d"})
    assert (len(first.peer), len(first.viral), len(first.random)) == (2, 2, 4)
    assert len(first.candidates) == 12 and first.picks == 3


def test_true_tags_are_left_out_where_distractors_are_few() -> None:
    # u1 has five true tags and one that decayed; the other user adds two: three distractors allow one true tag.
    first = pools([user("u1", kept="abcde", decayed="f"), user("u2", kept="gh")])[0]
    assert len(first.true) == 1 and len(first.candidates) == 4 and first.picks == 1


def test_each_system_picks_by_its_own_rule() -> None:
    # u1 claims a (most often), b, c and d (last); limner publishes c. They keep c and d; a and b decay.
    users = [
        user("u1", kept="cd", decayed="ab", sure="c"),
        *(user(f"u{n}", kept="efgh", claimed="ijkl") for n in (2, 3)),
    ]
    drawn = pools(users)
    assert drawn[0].true == {"+genre/c", "+genre/d"} and drawn[0].picks == 2
    found = {system: forecasts[0] for system, forecasts in picked(users, drawn).items()}
    assert list(found) == list(SYSTEMS)
    assert found["limner"].picked[0] == "+genre/c" and found["limner"].borne_out == (1, 1)
    # What decays is in the pool with at most 3 · 2 // 4 = 1 tag, a or b: frequency picks it and c before d.
    assert found["frequency"].picked[1] == "+genre/c" and found["frequency"].foresight.decay_error == 1
    assert found["frequency"].borne_out == (0, 1)
    assert found["recency"].picked == ("+genre/d", "+genre/c") and found["recency"].foresight.recall == 1
    assert found["recency"].borne_out == (1, 1)
    # All of u1's claims go with each other alike, and with nobody else's.
    assert set(found["co-occurrence"].picked) <= {"+genre/a", "+genre/b", "+genre/c", "+genre/d"}


def test_foreseeing_nothing_new_and_nothing_kept_counts_as_nought() -> None:
    users = [user("u1", kept="a", new="b", claimed="i", sure="cd"), user("u2", kept="cdefgh")]
    forecast = picked(users, pools(users))["limner"][0]
    assert forecast.foresight.recall == 0 and forecast.f1_ns == 0


SIDES = st.builds(
    lambda kept, decayed, new, extra: {
        "kept": kept,
        "decayed": decayed - kept,
        "new": new - kept - decayed - extra,
        "claimed": extra - kept - decayed,
    },
    *(st.frozensets(st.sampled_from(TAGS), max_size=12) for _ in range(4)),
)


@settings(max_examples=40)
@given(st.lists(SIDES, min_size=1, max_size=6))
def test_a_pool_holds_every_tag_once_and_never_more_than_a_quarter_true(sides: list[dict[str, frozenset[str]]]) -> None:
    users = [
        user(f"u{at}")._replace(
            claimed=one["kept"] | one["decayed"] | one["claimed"],
            kept=one["kept"],
            decayed=one["decayed"],
            new=one["new"],
        )
        for at, one in enumerate(sides)
    ]
    drawn = pools(users)
    for one, pool in zip(users, drawn, strict=True):
        assert sum(map(len, pool)) == len(pool.candidates) == 4 * len(pool.true)
        assert pool.keep <= one.kept and pool.new <= one.new and pool.decay <= one.decayed
        assert not (pool.peer | pool.viral | pool.random) & (one.claimed | one.new)
    for forecasts in picked(users, drawn).values():
        for forecast, pool in zip(forecasts, drawn, strict=True):
            assert set(forecast.picked) <= pool.candidates
            assert len(forecast.picked) == (pool.picks if pool.true else 0)


@settings(max_examples=25)
@given(HISTORIES, st.floats(0.01, 0.99))
def test_any_history_can_be_compared_with_itself(whole: History, split: float) -> None:
    found = compared(whole, split, TAXONOMY, {})
    if found is not None:
        assert found.kept | found.decayed <= found.claimed and not found.kept & found.decayed
        assert not found.new & found.claimed
