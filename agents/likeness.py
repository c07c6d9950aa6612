"""What a clause means, told from wordings by least squares with a penalty.

A clause is its vector, what it feels (a vector tells love from hate badly), and its words in a row, rare ones weighing
more. Wordings of each language and shape are told apart by themselves, a column for each meaning, fitted in closed
form. For the wordings and the embedder that limner comes with that is done before: `prompts/wordings/fitted.npz`, which
`python -m evals.fitted` makes anew. Others are fitted when they are first needed.

Source: Casanueva et al., Efficient Intent Detection with Dual Sentence Encoders (2020), for linear classifiers over
fixed sentence vectors; Larson et al., An Evaluation Dataset for Intent Classification and Out-of-Scope Prediction
(2019), for a class of what is none of them; Rifkin and Lippert, Notes on Regularized Least Squares (2007), for the
closed form and its leave-one-out predictions.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from math import log, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from limner.domain import Language
from prompts.wordings import LANGUAGES, OTHERS, Wording, shown

RIDGE = 0.2
FELT = 0.3
"""Weight of what a wording feels, beside its vector."""
STILL = 0.09
"""Weight of what all wordings share."""
BESIDES = 3.0
"""Weight of an error in a wording that no query can tell, beside other wordings."""
CONSTANTS = f"{RIDGE} {FELT} {STILL} {BESIDES}"
ROW = 2
"""Words of a wording in a row, at most."""
FITTED = Path(__file__).parents[1] / "prompts" / "wordings" / "fitted.npz"
_WORD: Mapping[Language, re.Pattern[str]] = {
    "en": re.compile(r"\{\w\}|[a-z]+(?:['’][a-z]+)?"),
    "zh": re.compile(r"\{\w\}|[^\W\d_]"),
}

Vectors = Callable[[Sequence[str]], NDArray[np.float32]]
Feel = Callable[[str], float]
Floats = NDArray[np.float64]
Shape = tuple[bool, bool]


class Text(NamedTuple):
    """A text as it is compared."""

    means: str
    shown: str
    """What its vector is of."""
    rows: Sequence[str]
    """Its words in a row."""


class Rows(NamedTuple):
    """Words in a row, as columns."""

    columns: Mapping[str, int]
    rarity: Floats

    @classmethod
    def of(cls, known: Sequence[Text]) -> Rows:
        held = Counter(row for one in known for row in set(one.rows))
        columns = {row: column for column, row in enumerate(sorted(held))}
        return cls(columns, np.array([log((1 + len(known)) / (1 + held[row])) + 1 for row in columns]))

    def weights(self, one: Text) -> tuple[list[int], Floats]:
        """Columns of a text and how much each weighs, of unit length together."""
        counted = Counter(self.columns[row] for row in one.rows if row in self.columns)
        weights = np.array([(1 + log(count)) * self.rarity[column] for column, count in counted.items()])
        return list(counted), weights / (np.linalg.norm(weights) or 1.0)


class Classifier(NamedTuple):
    """What tells texts apart by what they mean."""

    means: tuple[str, ...]
    rows: Rows
    of_vector: Floats
    """Weights of a vector, of what is felt and of what all share: a row for each, a column for each meaning."""
    of_rows: Floats

    def scores(self, one: Text, vectors: Vectors, feel: Feel) -> Floats:
        columns, weights = self.rows.weights(one)
        return np.asarray(features([one], vectors, feel)[0] @ self.of_vector + weights @ self.of_rows[columns])


def features(texts: Sequence[Text], vectors: Vectors, feel: Feel) -> Floats:
    said = [one.shown for one in texts]
    felt = np.array([[sqrt(FELT) * feel(text)] for text in said])
    return np.hstack([vectors(said).astype(np.float64), felt, np.full((len(said), 1), sqrt(STILL))])


class Fit:
    """Least squares over texts whose meaning is known."""

    def __init__(self, known: Sequence[Text], vectors: Vectors, feel: Feel) -> None:
        self.means = tuple(sorted({one.means for one in known}))
        self._wanted = np.full((len(known), len(self.means)), -1 / max(len(self.means) - 1, 1))
        self._wanted[range(len(known)), [self.means.index(one.means) for one in known]] = 1
        self._dense = features(known, vectors, feel)
        self._rows = Rows.of(known)
        weighed = [self._rows.weights(one) for one in known]
        pointers = np.cumsum([0, *(len(columns) for columns, _ in weighed)])
        held = (
            np.concatenate([weights for _, weights in weighed]),
            np.concatenate([np.array(columns, np.int64) for columns, _ in weighed]),
            pointers,
        )
        self._sparse = csr_array(held, shape=(len(known), len(self._rows.columns)))
        self._alike = self._dense @ self._dense.T + (self._sparse @ self._sparse.T).toarray()
        self._penalty = np.array([RIDGE / (BESIDES if one.means == OTHERS else 1) for one in known])

    def classifier(self) -> Classifier:
        of_each = np.linalg.solve(self._alike + np.diag(self._penalty), self._wanted)
        return Classifier(self.means, self._rows, self._dense.T @ of_each, np.asarray(self._sparse.T @ of_each))

    def left_out(self) -> Floats:
        """The scores of each known text by all the others."""
        inverse = np.linalg.inv(self._alike + np.diag(self._penalty))
        hat = np.eye(len(inverse)) - self._penalty[:, None] * inverse
        own = np.diag(hat)[:, None]
        return np.asarray((hat @ self._wanted - own * self._wanted) / (1 - own))


def worded(one: Wording) -> Text:
    """A wording as it is compared."""
    words = ["^", *_WORD[one.language].findall(one.text.casefold()), "$"]
    return Text(one.means, shown(one.text, one.language), in_a_row(words, ROW))


def in_a_row(words: Sequence[str], most: int) -> list[str]:
    """Up to so many words in a row."""
    return [" ".join(words[at : at + size]) for size in range(1, most + 1) for at in range(len(words) - size + 1)]


def kept(file: Path, digest: str, name: str) -> Classifier | None:
    """What was fitted before, by its name; None where it was fitted to something else, or to nothing of that name."""
    if not file.is_file():
        return None
    with np.load(file) as held:
        if str(held["digest"]) != digest or f"{name}.means" not in held:
            return None
        means, rows = str(held[f"{name}.means"]).split("\n"), str(held[f"{name}.rows"]).split("\n")
        rarity, of_vector, of_rows = (
            held[f"{name}.{part}"].astype(np.float64) for part in ("rarity", "of_vector", "of_rows")
        )
    columns = {row: column for column, row in enumerate(rows)}
    return Classifier(tuple(means), Rows(columns, rarity), of_vector, of_rows)


def keep(file: Path, digest: str, fitted: Mapping[str, Classifier]) -> None:
    """Classifiers by their names, as `kept` finds them.

    Args:
        digest: Of all that they were fitted to.
    """
    held: dict[str, NDArray[np.generic]] = {"digest": np.array(digest)}
    for name, made in fitted.items():
        held[f"{name}.means"] = np.array("\n".join(made.means))
        held[f"{name}.rows"] = np.array("\n".join(made.rows.columns))
        held[f"{name}.rarity"] = made.rows.rarity.astype(np.float32)
        held[f"{name}.of_vector"] = made.of_vector.astype(np.float16)
        held[f"{name}.of_rows"] = made.of_rows.astype(np.float16)
    np.savez_compressed(file, allow_pickle=False, **held)


def apart(known: Sequence[Wording]) -> Iterator[tuple[Language, Shape, list[Wording]]]:
    """Wordings by language and shape."""
    for language in LANGUAGES:
        for shape in sorted({one.shape for one in known if one.language == language}):
            yield language, shape, [one for one in known if (one.language, one.shape) == (language, shape)]


@cache
def _digested(known: tuple[Wording, ...]) -> str:
    said = "\n".join("\t".join(one) for one in known)
    return hashlib.blake2b(f"{CONSTANTS} {ROW}\n{said}".encode(), digest_size=8).hexdigest()


def digest(known: Sequence[Wording], embedder: str) -> str:
    """What a classifier rests on: the wordings, the constants here, and the embedder by its name."""
    return f"{_digested(tuple(known))} {embedder}"


def named(language: Language, shape: Shape) -> str:
    """What the classifier of a language's wordings of a shape is kept by."""
    return f"{language}{'x' * shape[0]}{'t' * shape[1]}"
