"""One thing, one key: which names that the taxonomy does not know mean what it knows, or one another.

The taxonomy decides first, by its names. What it does not know is compared once, when the population first holds it,
by the letters and then by meaning. Vectors know neither opposites nor kinds: "introverts" and "extroverts" lie at 0.97,
a husky lies nearer to "dogs" than to anything else. So likeness within one language decides nothing. A name joins a
thing only where both languages agree: of all Chinese names the nearest, and of all English names the nearest, belong to
that thing, and the name lies as close to the one in the other language as that one's own translation does. Two names
that no thing has are one where, across the languages, each is the other's nearest. Proper names (brands, artists) go
by letters alone.

The threshold was chosen on one half of `evals/datasets/synonyms.jsonl`, with the taxonomy hidden, as the lowest that
unites at most one in a hundred of the pairs that must stay apart; `limner eval run synonyms` reports on the other half.
It holds for the packaged embedder only: with another one, letters decide. Numbers and denials, which vectors do not see
either, must be the same, and a name that says a thing more closely ("canned milk") is not that thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.embedder import USE
from limner.domain import Label, Synonym
from prompts.taxonomy import Named, Taxonomy
from prompts.taxonomy.words import compact, in_both_numbers

ALIKE = {USE: 0.625}
"""Least cosine, by embedder, across the languages."""
SLACK = 0.05
"""How much further than a translation of its own a name may lie from a name of the other language."""
MOST = 2_000
"""Names compared by meaning in one go, the most frequent first; the rest waits for the next run."""
LEAST_EVENTS = 2
"""A name that fewer events of the population carry proves nothing on anybody."""

_HAN = re.compile("[\u3400-\u9fff]")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d+")
_NEGATED = re.compile(r"\b(?:non|no|not|without|anti|free|less)\b|[无非不未免零反]", re.IGNORECASE)


class Name(NamedTuple):
    """A key that the taxonomy does not know."""

    key: str
    facet: str
    label: Label
    carried: int
    """Events, or users, that carry it."""


Embed = Callable[[Sequence[str]], NDArray[np.float32]]


def unknown(
    taxonomy: Taxonomy,
    values: Mapping[tuple[str, str], int],
    tags: Mapping[str, tuple[str, Label, int]],
    seen: Mapping[str, Synonym],
) -> list[Name]:
    """The names of a population that nobody looked at yet, the most frequent first.

    Args:
        values: Events that carry a value of an item attribute, by (attribute, value).
        tags: Facet, label and users of each open tag.
    """
    found: dict[str, Name] = {}
    for (attribute, value), events in values.items():
        named = taxonomy.named(attribute, value)
        if named is not None and named.term is None and named.key not in seen:
            known = found.get(named.key)
            label, carried = (known.label, known.carried) if known else (named.label, 0)
            found[named.key] = Name(named.key, named.facet, label, carried + events)
    for key, (facet, label, users) in tags.items():
        if key.startswith("open/") and "+" not in key and key not in seen:
            found[key] = Name(key, facet, label, max(users, LEAST_EVENTS))
    common = _by_frequency(name for name in found.values() if name.carried >= LEAST_EVENTS)
    proper = [name for name in common if not taxonomy.facets[name.facet].proposed]
    return proper + [name for name in common if taxonomy.facets[name.facet].proposed][:MOST]


def decide(
    names: Sequence[Name], seen: Mapping[str, Synonym], taxonomy: Taxonomy, embed: Embed | None, embedder: str
) -> list[Synonym]:
    """For each name, the thing that it is another name of, or that it stands apart; of proper names the former only.

    Args:
        names: Of two that are one, the more frequent gives the key. One decided in `seen` must not be among them.
        seen: What was decided before; it stays as it is, except that a thing may gain its name in the other language.
        embed: None where only letters decide.
        embedder: Its name.
    """
    by_letters = {_letters(one, taxonomy): one.key for one in seen.values() if one.state != "merged"}
    decided: dict[str, Synonym] = {}
    for name in _by_frequency(names):
        one = Synonym(key=name.key, canonical="", facet=name.facet, label=name.label, how="meaning", state="apart")
        term = taxonomy.resolve(name.label.en)
        at_home = term is not None and term.facet == name.facet
        key = term.key if term is not None and at_home else by_letters.setdefault(_letters(one, taxonomy), name.key)
        if key != name.key:
            one = one.model_copy(update={"canonical": key, "how": "spelling", "state": "merged"})
        decided[name.key] = one
    least = ALIKE.get(embedder.partition("@")[0])
    if embed is not None and least is not None:
        for facet in sorted({name.facet for name in names if taxonomy.facets[name.facet].proposed}):
            _Meanings(facet, decided, seen, taxonomy, embed, embedder, least).decide()
    things = {one.canonical for one in decided.values() if one.state == "merged"}
    return [
        one
        for one in decided.values()
        if one.state == "merged" or one.key in things or taxonomy.facets[one.facet].proposed
    ]


def merged(decided: Mapping[str, Synonym], taxonomy: Taxonomy) -> dict[str, Named]:
    """Keys with the thing that they name: other names of a thing, and things that have a name in both languages."""
    found: dict[str, Named] = {}
    for key, one in decided.items():
        if key in taxonomy.terms or (one.state != "merged" and one.label.en == one.label.zh):
            continue
        target = followed(key, decided, taxonomy)
        if (term := taxonomy.terms.get(target)) is not None:
            found[key] = Named(target, term.facet, term.label, term)
        elif target in decided:
            found[key] = Named(target, decided[target].facet, decided[target].label, None)
    return found


def moves(keys: Iterable[str], merged: Mapping[str, Named], taxonomy: Taxonomy) -> dict[str, Synonym]:
    """What each key of a tag is called now, where that changed; a tag of several things changes with any of them."""
    changed: dict[str, Synonym] = {}
    for key in keys:
        parts = [merged.get(part) or _known(part, taxonomy) for part in key.split("+")]
        things = {part.key: part for part in parts if part is not None}
        now = "+".join(sorted(things))
        if None not in parts and now != key:
            label = Label(
                en=" & ".join(things[part].label.en for part in sorted(things)),
                zh="+".join(things[part].label.zh for part in sorted(things)),
            )
            facet = things[min(things)].facet
            changed[key] = Synonym(key=key, canonical=now, facet=facet, label=label, how="taxonomy", state="merged")
    return changed


def renamed(taxonomy: Taxonomy, seen: Mapping[str, Synonym]) -> list[Synonym]:
    """The keys that terms had before, as far as what is stored does not follow them yet."""
    return [
        Synonym(key=former, canonical=term.key, facet=term.facet, label=term.label, how="taxonomy", state="merged")
        for term in taxonomy.terms.values()
        for former in term.was
        if former not in seen or (seen[former].canonical, seen[former].state) != (term.key, "merged")
    ]


class _Meanings:
    """The names of one facet, compared by meaning."""

    def __init__(
        self,
        facet: str,
        decided: dict[str, Synonym],
        seen: Mapping[str, Synonym],
        taxonomy: Taxonomy,
        embed: Embed,
        embedder: str,
        least: float,
    ) -> None:
        self._decided, self._seen, self._embedder, self._least = decided, seen, embedder, least
        self._open = [one.key for one in decided.values() if one.facet == facet and one.state == "apart"]
        self._synonyms: dict[str, tuple[str, ...]] = {}
        every = {**seen, **decided}
        texts: dict[str, str] = {}
        """Names of things with their keys; of a term its labels alone, since its synonyms would take twice as long."""
        for term in taxonomy.terms.values():
            if term.facet == facet and term.kind == "thing":
                texts |= dict.fromkeys((term.label.en, term.label.zh), term.key)
                self._synonyms[term.key] = term.synonyms
        for one in seen.values():
            if one.facet == facet:
                target = followed(one.key, every, taxonomy)
                texts |= {text: texts.get(text, target) for text in (one.label.en, one.label.zh)}
        self._names = {key: decided[key].label.en for key in self._open}
        self._things = texts
        self._labels = {one.key: one.label for one in seen.values() if one.facet == facet and one.state != "merged"}
        wanted = sorted({*self._things, *self._names.values()})
        vectors = embed(wanted)
        self._vectors, self._size = dict(zip(wanted, vectors, strict=True)), vectors.shape[1]

    def decide(self) -> None:
        """Names join things that have a name in both languages; then names pair up; then the rest may join a pair."""
        self._join()
        self._pair()
        self._join()

    def _join(self) -> None:
        texts, keys, chinese, matrix = self._table(self._things)
        spoken = {key: set(chinese[keys == key]) for key in set(keys)}
        both = np.array([len(spoken[key]) == 2 for key in keys], dtype=bool)
        if not both.any():
            return
        for key in self._open:
            name = self._names[key]
            alike = matrix @ self._vectors[name]
            other = chinese != bool(_HAN.search(name))
            across = int(np.where(both & other, alike, -1).argmax())
            within = int(np.where(both & ~other, alike, -1).argmax())
            thing, cosine = str(keys[across]), float(alike[across])
            self._note(key, thing, cosine, state="apart")
            own = float((matrix[(keys == thing) & ~other] @ matrix[across]).max())
            agreed = keys[within] == thing and cosine >= max(self._least, own - SLACK)
            if (
                agreed
                and _claims(name) == _claims(texts[across]) == _claims(texts[within])
                and not any(_holds(name, text) for text in (texts[within], *self._synonyms.get(thing, ())))
            ):
                self._note(key, thing, cosine, state="merged")
        self._open = [key for key in self._open if self._decided[key].state == "apart"]

    def _pair(self) -> None:
        """Names of the two languages of which each is the other's nearest, nearer than any name of a thing."""
        singles = {self._names[key]: key for key in self._open}
        singles |= {label.en: key for key, label in self._labels.items() if label.en == label.zh}
        known = {text: key for text, key in self._things.items() if text not in singles}
        texts, keys, chinese, matrix = self._table(singles)
        _, _, known_chinese, known_matrix = self._table(known)
        if not chinese.any() or chinese.all():
            return
        english, han = np.flatnonzero(~chinese), np.flatnonzero(chinese)
        alike = matrix[english] @ matrix[han].T
        rival_of_english = _best(matrix[english], known_matrix[known_chinese])
        rival_of_han = _best(matrix[han], known_matrix[~known_chinese])
        order = {key: place for place, key in enumerate([*self._labels, *self._decided])}
        for row, at in enumerate(english):
            column = int(alike[row].argmax())
            one, two, cosine = str(keys[at]), str(keys[han[column]]), float(alike[row, column])
            if (
                int(alike[:, column].argmax()) == row
                and cosine >= max(self._least, rival_of_english[row], rival_of_han[column])
                and _claims(texts[at]) == _claims(texts[han[column]])
                and not (one in self._labels and two in self._labels)
            ):
                canonical, other = sorted((one, two), key=order.__getitem__)
                label = Label(en=texts[at], zh=texts[han[column]])
                self._note(other, canonical, cosine, state="merged")
                known_as = self._decided.get(canonical) or self._seen[canonical]
                self._decided[canonical] = known_as.model_copy(update={"label": label})
                self._things |= {label.en: canonical, label.zh: canonical}
        self._open = [
            key for key in self._open if self._decided[key].state == "apart" and key not in self._things.values()
        ]

    def _note(self, key: str, thing: str, cosine: float, *, state: Literal["merged", "apart"]) -> None:
        facts = {"canonical": thing, "similarity": round(cosine, 4), "embedder": self._embedder, "state": state}
        self._decided[key] = self._decided[key].model_copy(update=facts)

    def _table(
        self, texts: Mapping[str, str]
    ) -> tuple[list[str], NDArray[np.str_], NDArray[np.bool_], NDArray[np.float32]]:
        """Texts, their keys, whether they are Chinese, and their vectors, row by row."""
        rows = [self._vectors[text] for text in texts]
        return (
            list(texts),
            np.array(list(texts.values()), dtype=np.str_),
            np.array([bool(_HAN.search(text)) for text in texts], dtype=bool),
            np.array(rows, dtype=np.float32).reshape(len(rows), self._size),
        )


def _best(rows: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of each row, the largest cosine to any of the others; -1 where there are none."""
    if not len(others):
        return np.full(len(rows), -1, dtype=np.float32)
    return np.asarray((rows @ others.T).max(axis=1), dtype=np.float32)


def _claims(text: str) -> tuple[list[str], bool]:
    """What two names of a thing share and a vector does not see: their numbers, and whether they deny."""
    return _NUMBER.findall(text), bool(_NEGATED.search(text))


def _holds(one: str, other: str) -> bool:
    """Whether one name is the other with something said more closely: "canned milk" is not milk, nor 热带鱼 fish."""
    if _HAN.search(one):
        return one != other and (one in other or other in one)
    words, others = (
        {min(in_both_numbers(word), key=len) for word in _WORD.findall(name.casefold())} for name in (one, other)
    )
    return words < others or others < words


def followed(key: str, decided: Mapping[str, Synonym], taxonomy: Taxonomy) -> str:
    """The key of the thing that a key names in the end."""
    passed: set[str] = set()
    while key not in taxonomy.terms and key not in passed and (one := decided.get(key)) and one.state == "merged":
        passed.add(key)
        key = one.canonical
    return key


def _known(key: str, taxonomy: Taxonomy) -> Named | None:
    term = taxonomy.terms.get(key)
    return None if term is None else Named(key, term.facet, term.label, term)


def _letters(one: Synonym, taxonomy: Taxonomy) -> tuple[str, str]:
    """What two spellings of a name share, and where: a brand is not an artist of the same name."""
    group = one.key.partition("/")[0]
    if taxonomy.facets[one.facet].proposed:
        return one.facet, taxonomy.plain(one.label.en, group)
    return group, compact(one.label.en)


def _by_frequency(names: Iterable[Name]) -> list[Name]:
    return sorted(names, key=lambda name: (-name.carried, name.key))
