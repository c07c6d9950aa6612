"""What the measurements of friends and of silences count."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evals import silence
from evals.homophily import own_where_friends
from evals.runs import Output, Score
from evals.summary import summarised
from evals.task import Tally
from prompts import taxonomy

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


def test_who_is_said_to_have_lapsed_is_held_against_what_came_after(tmp_path: Path) -> None:
    daily = [FIRST + timedelta(days=day) for day in range(0, 1000, 2)]
    users = {"stays": daily, "gone": daily[:100], "comes late": daily[-1:]}
    rows = [
        {"user_id": user, "ts": ts.isoformat(), "kind": "view", "text": f"page {at}"}
        for user, own in users.items()
        for at, ts in enumerate(own)
    ]
    (tmp_path / "events.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    known = taxonomy.load()
    told: dict[str, list[Score]] = {name: [] for name in silence.SCORERS}
    for sample in silence.read([tmp_path / "events.jsonl"], known):
        made = silence.states(sample, known)
        output = Output(sample=sample.id, cluster=sample.id, input="0", output=made)
        for name, scorer in silence.SCORERS.items():
            if isinstance(said := scorer.score(sample, output), Tally):
                told[name].append(Score(sample=sample.id, cluster=sample.id, metric=name, hits=said.hits, of=said.of))
        assert sample.id != "comes late" or made == {"states": [None] * silence.CUTS}
    found = {name: summarised(scores, silence.SCORERS[name].kind) for name, scores in told.items()}
    assert (found["active_stays_away"].mean, found["active_stays_away"].n) == (0, 5)
    assert (found["lapsed_stays_away"].mean, found["lapsed_stays_away"].n) == (1, 5)
    assert found["new_stays_away"].n == found["away_stays_away"].n == 0
