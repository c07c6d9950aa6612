"""Which existing keys the words of a question mean.

The taxonomy decides first, by its names; then names that the population itself brought, letter by letter, word by word
(童鞋 for the category "KIDS FTWR", as `prompts.taxonomy.goods` reads both); then spelling; then, where an embedder is
at hand, meaning. Every step that is less than a name is told to whoever asked, and what none of them finds is named as
not found.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.frames import Frames
from agents.precedents import Precedents
from agents.series import SERIES
from limner.domain import Label
from limner.query import BOUGHT, PLAYED, RATED
from prompts.frames import frames
from prompts.taxonomy import Taxonomy, goods
from prompts.taxonomy.goods import Fit
from prompts.taxonomy.words import compact, in_both_numbers
from prompts.wordings import means, plain, wordings

How = Literal["name", "words", "spelling", "meaning"]
Embed = Callable[[Sequence[str]], NDArray[np.float32]]

MOST = 12
"""Keys that one word may stand for; what fits more is no answer."""
ALIKE = 0.85
"""Least cosine by which a name is taken for a thing within a language."""
ACROSS = 0.625
"""The same across the languages, as in `agents.synonyms`."""
HABIT = 0.75
"""The same for a clause and a habit, which are told in many words."""
AHEAD = 0.03
"""By which the nearest thing must lead the next."""
SPELT = 0.86
"""Least likeness of letters, `difflib`'s ratio."""

_HAN = re.compile("[\u3400-\u9fff]")
_NO_NAME = re.compile(
    r"\b(?:and|but|or|not|no|nor|never|without|hardly|rarely|seldom|little|who|than|least|most|n't)\b|n[’']t\b|\d|"
    r"[但不没且并却或谁除]|很少|从未|以[上下内外]",
    re.IGNORECASE,
)
_JOINT = re.compile("^[的和与及]|[的和与及]$")
"""What no name begins or ends with in a text."""
_WORD = re.compile(r"[^\W_]+")
_POSSESSIVE = re.compile("['’]s$")
_NAMING = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+(?:['’&/-][^\W_\u3400-\u9fff]+)*")
_NEVER_FIRST = frozenset("对给把被在是看听读评打买的了")
_LEANING = (
    "喜欢", "喜爱", "讨厌", "爱看", "爱听", "爱买", "like ", "likes ", "loves ", "love of ", "enjoys ", "fond of ",
)  # fmt: skip
"""What a name does not begin with, though the taxonomy knows the whole."""
MOST_WORDS = 8
"""Words, or Chinese characters, of a name in a text."""
_SMALL = frozenset(
    """a an the of for from with in on to by at and or some any other thing stuff
    bag pack packet can bottle jar box tin carton pill tablet""".split()  # noqa: SIM905
)
"""Words of a name that say nothing of what it names."""
_CONTAINED = re.compile(
    r"\s+(?:bag|pack|packet|can|bottle|jar|box|tin|carton|pill|tablet|stick|bar)e?s?$|"
    r"^(?:bag|pack|packet|can|bottle|jar|box|tin|carton|bar)e?s? of ",
    re.IGNORECASE,
)
"""What a thing is sold in."""

_NEEDED = {"buy": BOUGHT, "rate": RATED, "ratings": RATED, "watch": (*RATED, *PLAYED, "view", "watch", "read", "click")}
"""What somebody has to have done for plain words with such a word to hold."""


class Embeds(NamedTuple):
    """How vectors are made."""

    names: Embed
    """Of what the population holds: the same texts again and again, so it may keep them."""
    words: Embed
    """Of a question, which nobody keeps."""
    made_by: Callable[[], str] = lambda: ""
    """The embedder's name."""


class Match(NamedTuple):
    """What a word of a question was taken for."""

    said: str
    keys: tuple[str, ...]
    labels: tuple[Label, ...]
    how: How
    held: bool
    """Whether anybody of the population has anything to do with it."""


class Near(NamedTuple):
    key: str
    text: str
    """The name of it that lies nearest."""
    cosine: float


class Vocabulary:
    """The names of all things that a question can be about.

    Args:
        held: Keys of the population, of tags and of attributes of items, with their facets and labels.
        embeds: None where only letters decide.
        acts: Kinds of events that the population has; empty where that is not known.
    """

    def __init__(
        self,
        taxonomy: Taxonomy,
        held: Mapping[str, tuple[str, Label]],
        embeds: Embeds | None = None,
        acts: frozenset[str] = frozenset(),
    ) -> None:
        self.taxonomy = taxonomy
        self._held = held
        self._embeds = embeds
        self._acts = acts

    def thing(self, said: str) -> Match | None:
        """What a name means; None where it means nothing that is known."""
        said = _POSSESSIVE.sub("", said)
        name = compact(said)
        if not name:
            return None
        if said in self._held or said in self.taxonomy.terms:
            return self._match(said, (said,), "name")
        term = self.taxonomy.resolve(said)
        if term is not None and (term.key in self._held or self.is_claim(term.key)):
            return self._match(said, (term.key,), "name")
        if keys := self._named(said) or self._of_series(said) or self._by_value(said):
            return self._match(said, keys, "name")
        if keys := self._by_words(said):
            return self._match(said, keys, "words")
        for other in () if term is None else (term.label.en, term.label.zh, *term.synonyms):
            if keys := self._named(other) or self._by_words(other):
                return self._match(said, keys, "words")
        if term is not None:  # known, and nobody has anything to do with it
            return self._match(said, (term.key,), "name")
        near = self._spellings.get(name[0], {})
        if len(name) >= 5 and (close := difflib.get_close_matches(name, near, 1, SPELT)):
            return self._match(said, near[close[0]], "spelling")
        return None

    def meant(self, said: str) -> Match | None:
        """What a name means by its vector, where letters do not say; None without an embedder or a clear nearest.

        A vector does not see what joins, negates or counts: words that do are no part of a name.
        """
        if _NO_NAME.search(said):
            return None
        return self._clear(said, self.nearest(said, 2), ALIKE, ACROSS)

    def habit(self, said: str) -> Match | None:
        """The habit that a clause means by its vector; None where none is clearly the nearest; see `meant`.

        One whose wordings are known is told by those.
        """
        if _NO_NAME.search(said):
            return None
        match = self._clear(said, self.nearest(said, 2, habits=True), HABIT, HABIT)
        return None if match is None or match.keys[0] in means() else match

    def _clear(self, said: str, nearest: Sequence[Near], within: float, across: float) -> Match | None:
        if not nearest:
            return None
        best, *rest = nearest
        least = within if bool(_HAN.search(said)) == bool(_HAN.search(best.text)) else across
        if best.cosine < least or (rest and best.cosine - rest[0].cosine < AHEAD):
            return None
        return self._match(said, (best.key,), "meaning")

    def nearest(self, said: str, most: int, *, habits: bool = False) -> list[Near]:
        """The things whose names lie nearest to some words, each once.

        Args:
            habits: Only habits and other claims that nobody likes or dislikes; else only what is none.
        """
        if self._embeds is None:
            return []
        texts, vectors = self._vectors
        alike = vectors @ self._embeds.words([said])[0]
        found: dict[str, Near] = {}
        for at in map(int, np.argsort(-alike)):
            key = self._texts[texts[at]]
            if habits == self.is_claim(key):
                found.setdefault(key, Near(key, texts[at], float(alike[at])))
            if len(found) == most:
                break
        return list(found.values())

    def named_in(self, text: str) -> list[tuple[int, int]]:
        """Where a text names things, the longest name first; they do not overlap.

        A name is known letter by letter; words beside it belong to it where all together name a thing by its words.
        """
        words = list(_NAMING.finditer(text))
        others = self.taxonomy.not_meant(text)

        def said(at: int, until: int) -> str:
            return text[words[at].start() : words[until - 1].end()]

        def is_another(at: int, until: int) -> bool:
            start, end = words[at].start(), words[until - 1].end()
            return any(left <= start and end <= right and (left, right) != (start, end) for left, right in others)

        found: list[tuple[int, int]] = []
        for size in range(min(MOST_WORDS, len(words)), 0, -1):
            for at in range(len(words) - size + 1):
                if (
                    words[at][0] in _NEVER_FIRST
                    or said(at, at + size).casefold().startswith(_LEANING)
                    or not self._is_name(said(at, at + size))
                    or is_another(at, at + size)
                ):
                    continue
                if any(at < right and left < at + size for left, right in found):
                    continue
                wider = (
                    (first, last)
                    for first in range(max(at - 2, 0), at + 1)
                    for last in range(min(at + size + 4, len(words)), at + size - 1, -1)
                    if not _HAN.search(said(first, last))
                    and words[first][0].casefold() not in _SMALL
                    and words[last - 1][0].casefold() not in _SMALL
                    and self._by_words(said(first, last))
                )
                found.append(next(wider, (at, at + size)))
        return [(words[at].start(), words[until - 1].end()) for at, until in found]

    def _is_name(self, said: str) -> bool:
        said = _POSSESSIVE.sub("", said)
        term = self.taxonomy.resolve(said)
        held = self._named(said) or self._of_series(said) or self._by_value(said)
        known = (term is not None and not self.is_claim(term.key)) or bool(held)
        if not known and len(said) > 1 and _HAN.search(said):
            return _JOINT.search(said) is None and bool(self._categories(said)[0])
        named_in_full = " " in said and len(_words(said)) == len(_WORD.findall(said))
        return known or (named_in_full and len(self._by_words(said)) == 1)

    @cached_property
    def precedents(self) -> Precedents | None:
        """Wordings whose meaning is known; None without an embedder."""
        if self._embeds is None:
            return None
        names, words, made_by = self._embeds
        return Precedents(wordings(), names, words, lambda text: self.taxonomy.feeling(text).score, made_by)

    @cached_property
    def frames(self) -> Frames | None:
        """Frames of questions whose meaning is known; None without an embedder."""
        if self._embeds is None:
            return None
        names, words, made_by = self._embeds
        return Frames(frames(), names, words, made_by())

    def label(self, key: str) -> Label:
        """A key's name in both languages."""
        if (term := self.taxonomy.terms.get(key)) is not None:
            return term.label
        if key in self._held:
            return goods.label(key, self._held[key][1])
        return Label(en=key, zh=key)

    def about(self, key: str) -> tuple[str, ...]:
        """A key, its group and its facet: what the owner may have defined a word for, the most particular first."""
        term = self.taxonomy.terms.get(key)
        facet = term.facet if term is not None else self._held[key][0] if key in self._held else ""
        return key, key.partition("/")[0], facet

    def holds(self, means: str) -> bool:
        """Whether anybody of the population has a habit, or does what plain words say ("buy {x}")."""
        if means not in plain():
            return means in self._held
        needed = next((acts for word, acts in _NEEDED.items() if re.search(rf"\b{word}\b", means)), None)
        return needed is None or not self._acts or not self._acts.isdisjoint(needed)

    def is_claim(self, key: str) -> bool:
        """Whether a tag of it is a habit or a fact, which nobody likes or dislikes."""
        term = self.taxonomy.terms.get(key)
        return term is not None and term.kind != "thing"

    def _match(self, said: str, keys: Iterable[str], how: How) -> Match:
        keys = tuple(keys)
        return Match(said, keys, tuple(map(self.label, keys)), how, any(key in self._held for key in keys))

    def _named(self, said: str) -> tuple[str, ...]:
        """Things of the population that are called so, in the singular or the plural."""
        forms = dict.fromkeys((compact(said), *in_both_numbers(compact(said))))
        return tuple(dict.fromkeys(key for form in forms for key in self._names.get(form, ())))

    def _of_series(self, said: str) -> tuple[str, ...]:
        """The series that are called so, with or without an article and a word for what they are series of."""
        return self._series.get(_bare(self.taxonomy.plain(said, SERIES)), ())

    @cached_property
    def _series(self) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {}
        for key, (_, label) in self._held.items():
            if key.partition("/")[0] == SERIES:
                for name in {_bare(self.taxonomy.plain(one, SERIES)) for one in (label.en, label.zh)}:
                    names[name] = (*names.get(name, ()), key)
        return names

    def _by_value(self, said: str) -> tuple[str, ...]:
        """Things of the population that an attribute's value of that name stands for."""
        terms = (self.taxonomy.resolve(said, group) for group in self._groups)
        return tuple(dict.fromkeys(term.key for term in terms if term is not None and term.key in self._held))

    @cached_property
    def _groups(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(group for one in self.taxonomy.attributes.values() for group in one.groups))

    def _by_words(self, said: str) -> tuple[str, ...]:
        """Categories that are called so in other words; else things whose name has all these words.

        Where some have no other, those alone.
        """
        if keys := self._categories(said)[0]:
            return keys
        words = _words(said)
        if not words:
            return ()
        having = {one for one in set.intersection(*map(self._with_word, words)) if one[0] not in self._understood}
        same = sorted({key for key, name in having if name == words})
        found = same or sorted({key for key, _ in having})
        return tuple(found) if len(found) <= MOST else ()

    def _categories(self, said: str) -> tuple[tuple[str, ...], Fit | None]:
        """The categories that words of shops fit, as `prompts.taxonomy.goods` reads them, and how well they do."""
        names = [goods.read(name, code=name.isupper()) for name in (said, _CONTAINED.sub("", said))]
        for meant in dict.fromkeys((*names, goods.wider(names[0]))):
            fits: dict[str, Fit] = {}
            for head in {*goods.heads(meant)} if meant.parts and not meant.strange else ():
                for key, held, in_full in self._headed.get(head, ()):
                    how = goods.fit(meant, held)
                    if how is Fit.WHOLE or (how is not None and not in_full):
                        fits[key] = max(how, fits.get(key, how))
            whole = {key: how for key, how in fits.items() if how is Fit.WHOLE} or fits
            if whole and len(whole) <= MOST:
                return tuple(sorted(whole)), max(whole.values())
        return (), None

    def is_one(self, said: str, *halves: str) -> bool | None:
        """Whether a name that joins two is one; None where no category fits it.

        It is where a category is called so, and not one by each of them, or where none of them is called otherwise.
        """
        keys, how = self._categories(said)
        if how is None:
            return None
        apart = [self._categories(half) for half in halves]
        others = {key for of, _ in apart for key in of}
        if how is Fit.WHOLE:
            return not all(fit is Fit.WHOLE for _, fit in apart) or not others.issuperset(keys)
        return how is Fit.PART and others.issubset(keys)

    @cached_property
    def _headed(self) -> dict[str, list[tuple[str, goods.Name, bool]]]:
        """Categories of the population by what they are, with their names, and whether a name must be said in full."""
        found: dict[str, list[tuple[str, goods.Name, bool]]] = {}
        for key, name, in_full in self._goods:
            for head in {*goods.heads(name)}:
                found.setdefault(head, []).append((key, name, in_full))
        return found

    @cached_property
    def _goods(self) -> list[tuple[str, goods.Name, bool]]:
        """As `_headed` has them: what the taxonomy knows has other names for parts of it, to be said in full."""
        attribute = self.taxonomy.attribute("categories")
        groups = () if attribute is None else attribute.groups
        found: list[tuple[str, goods.Name, bool]] = []
        for key, (_, label) in self._held.items():
            if key.partition("/")[0] in groups:
                term = self.taxonomy.terms.get(key)
                others = () if term is None else term.synonyms
                found += [(key, goods.read(name, code=True), False) for name in dict.fromkeys((label.en, label.zh))]
                found += [(key, goods.read(name, code=True), True) for name in others]
        return found

    @cached_property
    def _understood(self) -> frozenset[str]:
        """Categories of whose names every word is known: what does not fit them does not mean them."""
        strange = {key for key, name, _ in self._goods if name.unknown}
        return frozenset(key for key, *_ in self._goods) - strange

    def _with_word(self, word: str) -> set[tuple[str, frozenset[str]]]:
        """Names with a word, with another word for the same thing, or with its consonants alone, as in "PARTY SPLY"."""
        term = self.taxonomy.resolve(word)
        others = () if term is None else (term.label.en, *term.synonyms)
        alike = (*map(_words, others), {word}, {_consonants(word)})
        found = [self._worded.get(one, set()) for words in alike if len(words) == 1 for one in words]
        return set[tuple[str, frozenset[str]]]().union(*found)

    @cached_property
    def _names(self) -> dict[str, tuple[str, ...]]:
        names: dict[str, tuple[str, ...]] = {}
        for key, (_, label) in self._held.items():
            for name in {compact(label.en), compact(label.zh)}:
                names[name] = (*names.get(name, ()), key)
        return names

    @cached_property
    def _spellings(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Every name with its keys, by its first letter: who misspells that is not helped."""
        names = {
            compact(name): (term.key,)
            for term in self.taxonomy.terms.values()
            for name in (term.label.en, term.label.zh, *term.synonyms)
        }
        found: dict[str, dict[str, tuple[str, ...]]] = {}
        for name, keys in (names | self._names).items():
            found.setdefault(name[:1], {})[name] = keys
        return found

    @cached_property
    def _worded(self) -> dict[str, set[tuple[str, frozenset[str]]]]:
        """Each word with the keys of the English names that have it, and all words of the name."""
        found: dict[str, set[tuple[str, frozenset[str]]]] = {}
        for key, (_, label) in self._held.items():
            term = self.taxonomy.terms.get(key)
            names = (label.en, label.zh) if term is None else (term.label.en, *term.synonyms)
            for words in {_words(name) for name in names if not _HAN.search(name)}:
                for word in words:
                    found.setdefault(word, set()).add((key, words))
        return found

    @cached_property
    def _texts(self) -> dict[str, str]:
        """Names with their keys: of what the population holds, proper names left out, and of every habit."""
        texts: dict[str, str] = {}
        for key, (facet, label) in self._held.items():
            if facet in self.taxonomy.facets and self.taxonomy.facets[facet].proposed:
                texts |= {text: texts.get(text, key) for text in (label.en, label.zh)}
        for term in self.taxonomy.terms.values():
            if term.key in self._held or term.kind == "behaviour":
                texts |= {text: texts.get(text, term.key) for text in (term.label.en, term.label.zh, *term.synonyms)}
        return texts

    @cached_property
    def _vectors(self) -> tuple[list[str], NDArray[np.float32]]:
        assert self._embeds is not None
        texts = list(self._texts)
        return texts, self._embeds.names(texts)


def _bare(name: str) -> str:
    """A compacted name without "the"."""
    return name.removeprefix("the") if len(name) > 5 else name


def _consonants(word: str) -> str:
    """A word as till receipts shorten it: "sply", "frzn"."""
    return re.sub(r"(.)\1+", r"\1", word[:1] + re.sub("[aeiou]", "", word[1:]))


def _words(name: str) -> frozenset[str]:
    """The words of an English name that carry it, in the singular."""
    words = (min(in_both_numbers(word), key=len) for word in _WORD.findall(name.casefold()))
    return frozenset(word for word in words if word not in _SMALL)
