"""What the feeling of a text foretells of its stars: `python -m evals.feelings`.

Both numbers with which opinions are read (`agents/signals.py`) come from here: by how many stars a rating is higher
where its text feels better by 1, within a user, and how far ratings lie from what their texts foretell. They were
chosen on one half of Douban's users; the other half says whether they hold.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, NamedTuple

import numpy as np
import typer
from numpy.typing import NDArray

from evals.datasets.histories import histories
from evals.datasets.ratings import DOUBAN
from evals.task import found
from limner import show
from prompts import taxonomy

RESAMPLES = 1_000


class Foretold(NamedTuple):
    """One half of the users."""

    half: str
    stars_a_feeling: tuple[float, float, float]
    """With its 95 % interval, users resampled."""
    untold: float
    """Standard deviation, in stars."""
    texts: int
    users: int


def half(user_id: str) -> str:
    return "chosen on" if hashlib.blake2b(user_id.encode(), digest_size=1).digest()[0] % 2 == 0 else "reported"


def foretold(name: str, users: list[NDArray[np.float64]]) -> Foretold:
    """Args:
    users: Of each, the feelings and stars of their texts, of shape (2, n).
    """
    off = [of_user - of_user.mean(axis=1, keepdims=True) for of_user in users]
    sums = np.array([[(feelings * stars).sum(), (feelings**2).sum()] for feelings, stars in off])
    rng = np.random.default_rng(7)
    drawn = sums[rng.integers(len(sums), size=(RESAMPLES, len(sums)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / drawn[:, 1], (2.5, 97.5))
    slope = float(sums[:, 0].sum() / sums[:, 1].sum())
    texts = sum(one.shape[1] for one in off)
    left = sum(float(((stars - slope * feelings) ** 2).sum()) for feelings, stars in off)
    return Foretold(
        name, (slope, float(low), float(high)), float(np.sqrt(left / (texts - len(off) - 1))), texts, len(off)
    )


def main(as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False) -> None:
    """Stars by feeling, on the half that chose and on the half that reports."""
    path = found(DOUBAN.files[0])
    if path is None:
        raise typer.BadParameter(DOUBAN.absent)
    known = taxonomy.load()
    halves: dict[str, list[NDArray[np.float64]]] = {}
    for user_id, history in histories(path).items():
        told = [
            (known.feeling(event.text).score, event.value)
            for event in history.events
            if event.text and event.value is not None
        ]
        if told := [(feeling, stars) for feeling, stars in told if feeling]:
            halves.setdefault(half(user_id), []).append(np.array(told, float).T)
    results = [foretold(name, halves[name]) for name in sorted(halves)]
    if as_json:
        show.document([one._asdict() for one in results])
        return
    show.table(
        ("half", "stars a feeling", "stars untold", "texts", "users"),
        [
            (
                one.half,
                "{:.2f} ({:.2f} to {:.2f})".format(*one.stars_a_feeling),
                f"{one.untold:.2f}",
                str(one.texts),
                str(one.users),
            )
            for one in results
        ],
    )


if __name__ == "__main__":
    typer.run(main)
