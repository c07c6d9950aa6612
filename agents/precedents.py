"""A clause that no rule reads, read by how much it means the same as wordings whose meaning is known.

The wordings stand in `prompts/wordings.yaml`. Each clause, known or new, is a vector, with the name it holds and its
time taken out; a linear classifier over the vectors tells which plain words it means. It is fitted in closed form when
it is first asked. Only a reading that leads the next one clearly (`LEAD`) is taken, and whoever asked is told. A clause
that denies something is not read so, for a vector hardly sees a "not"; what it, or a clause in doubt, may have meant is
offered.

Source: Casanueva et al., Efficient Intent Detection with Dual Sentence Encoders (2020), for linear classifiers over
fixed sentence vectors; Rifkin and Lippert, Notes on Regularized Least Squares (2007), for the closed form and its
leave-one-out predictions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from limner.domain import Label, Language
from prompts.taxonomy.feeling import vader
from prompts.wordings import NAME, TIME, Wording, plain, shown, wordings

LEAD = 0.3
"""By which a reading must lead the next: 0.95 of the wordings, each read by all others, are then read right
(`limner eval run wordings`)."""
SAME = 2.0
"""Score of a clause that is a wording letter by letter; others score about 1 at the most."""
RIDGE = 0.5
FELT = 0.3
"""Weight of what a wording feels beside its vector, which tells love from hate badly."""
STILL = 0.09
"""Weight of what all wordings share."""
_WORD = re.compile(r"[\u3400-\u9fff]|[a-z]+(?:['’][a-z]+)?")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:e?s|ing|e?d|ly|['’]s|e)$")
_THIRD = re.compile(
    r"^(?:is|has|does|goes|was|(?:isn|hasn|doesn|wasn)['’]t|[a-z]{2,}(?:ch|sh|ss|x)es|[a-z]{2,}[^s\W]s)(?= )"
)
_PLURAL = {"is": "are", "has": "have", "does": "do", "goes": "go", "was": "were"}
_NUMBER = re.compile(r"\d")
_HANGS_ON_TIME = re.compile(
    r"\b(?:or|and|after\w*|before\w*|since|until|later|earlier|older|newer)\b|[前后]|以[来上下]|或"
)
DENIES = re.compile(
    r"\b(?:not|no|nor|never|without|hardly|rarely|seldom|scarcely|barely|little|few|cannot|nothing|nobody|none|less|least|"
    r"lack(?:s|ing)?|stop(?:s|ped)?)\b|n[’']t\b|[不没无未别少]",
    re.IGNORECASE,
)

Vectors = Callable[[Sequence[str]], NDArray[np.float32]]
Feel = Callable[[str], float]


class Masked(NamedTuple):
    """A clause with its name and its time taken out."""

    text: str
    name: str = ""
    time: str = ""

    def plainly(self, said: str) -> str:
        """Plain words with them put in again."""
        return said.replace(NAME, self.name).replace(TIME, self.time)


class Reading(NamedTuple):
    means: str
    plain: Label | None
    """Words that rules read, with `NAME` and `TIME`; None where `means` is the key of a habit."""
    score: float


def clear(clause: str, readings: Sequence[Reading], holds: Callable[[str], bool]) -> Reading | None:
    """The reading that leads clearly; None where none does, or the clause denies something.

    Args:
        holds: Whether the population has a habit; one that it has is preferred to one alike that it has not.
    """
    if readings and readings[0].score == SAME:
        return readings[0]
    if not readings or DENIES.search(clause):
        return None
    known = [one for one in readings if one.plain is not None or holds(one.means)]
    best = known[0] if known and readings[0].score - known[0].score < LEAD else readings[0]
    rest = [one.score for one in (known or readings) if one is not best]
    return best if not rest or best.score - rest[0] >= LEAD else None


def _folded(text: str) -> str:
    return " ".join(re.sub(r"[^\w{}'’]+", " ", text.casefold()).split())


def _of_many(match: re.Match[str]) -> str:
    """A verb as one says it of many: "goes" is "go"."""
    verb = re.sub("n['’]t$", "", match[0])
    if verb in _PLURAL:
        return _PLURAL[verb] + match[0][len(verb) :]
    return verb[:-2] if re.search("(?:ch|sh|ss|x)es$", verb) else verb[:-1]


def _after(text: str, forms: re.Pattern[str]) -> str:
    """What stands behind a name, without the form that it comes as."""
    found = forms.search(text)
    return text[found.end() :] if found is not None and text[: found.start()].strip() in {"", "类", "类型的"} else text


def _words(text: str) -> frozenset[str]:
    """The words of a text, English ones without their endings, Chinese ones as characters."""
    bare = text.replace(NAME, " ").replace(TIME, " ").casefold()
    return frozenset(_ENDING.sub("", word) for word in _WORD.findall(bare))


@cache
def _worded(named: bool) -> frozenset[str]:
    """All that is said in wordings with a name, or without, and in the lexicon of feelings."""
    said = (_words(one.text) for one in wordings() if (NAME in one.text) == named)
    return frozenset[str]().union(*said, *map(_words, vader()))


@cache
def _of_habits() -> str:
    return "\n".join(one.text for one in wordings() if NAME not in one.text).casefold()


def _in_habits(name: str) -> bool:
    return name.casefold() in _of_habits()


def masks(
    clause: str,
    times: Sequence[re.Pattern[str]],
    names: Callable[[str], Iterable[tuple[int, int]]],
    forms: re.Pattern[str],
) -> list[Masked]:
    """A clause with its time taken out, and each of the names in it once.

    Args:
        times: What a time looks like, the more particular first.
        names: Where a text names something.
        forms: Words for what things come as, which go with a name ("films").

    Returns:
        One with no name taken out only where it names nothing, or what also stands in the wordings of habits ("shop");
        [] where a number is left, or a word that a time hangs on: those are for rules. None has a word left that no
        wording of its kind has and that feels nothing: it might be a name that nobody knows.
    """
    found = next(filter(None, (pattern.search(clause) for pattern in times)), None)
    time = "" if found is None else found[0].strip()
    text = clause if found is None else f"{clause[: found.start()]} {TIME} {clause[found.end() :]}"
    text = _THIRD.sub(_of_many, " ".join(text.split()))
    if _NUMBER.search(text) or (time and _HANGS_ON_TIME.search(text)):
        return []
    spans = [(start, end) for start, end in names(text) if text[start - 1 : end + 1] != TIME]
    named = [Masked(f"{text[:start]}{NAME}{_after(text[end:], forms)}", text[start:end], time) for start, end in spans]
    plain = [Masked(text, time=time)] if all(_in_habits(one.name) for one in named) else []
    return [one for one in (*plain, *named) if (words := _words(one.text)) and words <= _worded(NAME in one.text)]


class Precedents:
    """Args:
    known: Wordings to go by.
    kept: Makes vectors of these, and may keep them.
    vectors: Makes those of what is asked.
    """

    def __init__(self, known: Sequence[Wording], kept: Vectors, vectors: Vectors, feel: Feel) -> None:
        self._known = known
        self._kept = kept
        self._vectors = vectors
        self._feel = feel
        self._same = {(one.language, _folded(one.text)): one.means for one in known}
        self._fitted: dict[tuple[bool, bool], _Classifier | None] = {}

    def word_for_word(self, clause: str, language: Language) -> list[Reading]:
        """What a clause means that is one of the wordings; [] where it is none. It costs no vector."""
        means = self._same.get((language, _folded(clause)))
        return [] if means is None else [Reading(means, plain().get(means), SAME)]

    def readings(self, clause: str, language: Language) -> list[Reading]:
        """What a clause with its name and time taken out may mean, the likeliest first; [] where nothing is like it."""
        if known := self.word_for_word(clause, language):
            return known
        asked = Wording(clause, language, "")
        if asked.shape not in self._fitted:
            alike = [one for one in self._known if one.shape == asked.shape]
            self._fitted[asked.shape] = _Classifier(alike, self._features(alike, self._kept)) if alike else None
        fitted = self._fitted[asked.shape]
        if fitted is None:
            return []
        return fitted.ranked(fitted.scores(self._features([asked], self._vectors))[0])

    def left_out(self) -> Iterator[tuple[Wording, list[Reading]]]:
        """Every known wording with what all the others read it as, the likeliest first."""
        for shape in sorted({one.shape for one in self._known}):
            alike = [one for one in self._known if one.shape == shape]
            fitted = _Classifier(alike, self._features(alike, self._kept))
            for one, scores in zip(alike, fitted.left_out(), strict=True):
                yield one, fitted.ranked(scores)

    def _features(self, wordings: Sequence[Wording], vectors: Vectors) -> NDArray[np.float64]:
        texts = [shown(one.text, one.language) for one in wordings]
        felt = np.array([[self._feel(text)] for text in texts])
        rest = np.full((len(texts), 1), np.sqrt(STILL))
        return np.hstack([vectors(texts).astype(np.float64), np.sqrt(FELT) * felt, rest])


class _Classifier:
    """Least squares with a penalty on wordings of one shape, a column for each meaning."""

    def __init__(self, known: Sequence[Wording], features: NDArray[np.float64]) -> None:
        self.means = sorted({one.means for one in known})
        at = {means: column for column, means in enumerate(self.means)}
        self._wanted = np.full((len(known), len(self.means)), -1 / max(len(self.means) - 1, 1))
        for row, one in enumerate(known):
            self._wanted[row, at[one.means]] = 1
        self._features = features
        self._inverse = np.linalg.inv(features @ features.T + RIDGE * np.eye(len(known)))

    def scores(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(features @ self._weights)

    def ranked(self, scores: NDArray[np.float64]) -> list[Reading]:
        return [
            Reading(self.means[at], plain().get(self.means[at]), float(scores[at]))
            for at in map(int, np.argsort(-scores))
        ]

    @cached_property
    def _weights(self) -> NDArray[np.float64]:
        return np.asarray(self._features.T @ (self._inverse @ self._wanted))

    def left_out(self) -> NDArray[np.float64]:
        """The scores of each known wording by all the others."""
        hat = self._features @ self._features.T @ self._inverse
        own = np.diag(hat)[:, None]
        return np.asarray((hat @ self._wanted - own * self._wanted) / (1 - own))
