"""What the name of a category says, word by word, in English and Chinese: "FRZN MEAT/MEAT DINNERS", 冷冻肉类.

Shops name what they sell in few words, shortened, in any order; people name the same in others. `goods.yaml` holds the
words that all shops share. A name is read as one or several things ("/", "&", "and", 和 stand between), each with its
head, which says what it is, and with the qualities that it has: milk chocolate is chocolate, and no milk. What is said
fits a category where each thing that is said is, with everything that is said of it, one of the category's, head and
all; what no word tells apart is not told apart. A word that nobody knows must stand in both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache, lru_cache
from pathlib import Path
from string import ascii_lowercase
from typing import Any, NamedTuple

import yaml

from prompts.taxonomy.words import in_both_numbers

FILE = Path(__file__).with_name("goods.yaml")

Atom = str
Word = frozenset[Atom]
"""What a word may mean: one thing or quality, or one of several where it has several meanings."""

_WORD = re.compile(r"[\u3400-\u9fff]+|[^\W_\u3400-\u9fff]+(?:['’][^\W_]+)?")
_TOKEN = re.compile(r"[^\W\x1f]+\x1f[^\W\x1f]+|" + _WORD.pattern)
"""A denial and what it denies are one."""
_JOINED = re.compile(r"\s*(?:/|&|\+|,|;|、|，|\band\b|\bor\b|以及|[和与及或])\s*", re.IGNORECASE)
_APART = re.compile(r"\s*(?:-+|[:：()（）])\s*")
_OF = re.compile(r"\s+(?:of|for|in|from|with|that (?:is|are))\s+", re.IGNORECASE)
_DENIED = re.compile(r"\b(?:non|no|not|without|w/o|ex|un)\b[\s-]*|\bby-", re.IGNORECASE)
_LESS = re.compile(r"(?<=\w)[\s-]+free\b", re.IGNORECASE)
_DENIED_ZH = re.compile("[无非不免]")
_SMALL = frozenset("a an the their some any all".split())  # noqa: SIM905
_VOWELS = frozenset("aeiou")
_IN_CODES = (frozenset({"codes"}),)
_LONGEST = 3
"""Words of a name in `goods.yaml`."""


class Fit(IntEnum):
    """How well what is said fits a category."""

    LOOSE = 1
    """The category says more of the thing: "seafood" for "SEAFOOD - FROZEN"."""
    PART = 2
    """It names other things beside: "popcorn" for "CRISPS/POPCORN"."""
    WHOLE = 3


class Part(NamedTuple):
    """One thing that a name names."""

    words: tuple[Word, ...]
    """All but those that say nothing, in order."""
    head: Word | None
    """None where it says only how or for whom something is."""
    named: bool
    """Whether a word like "products" stands with it."""
    place: int
    """In which of the sections it is that dashes set apart."""


class Name(NamedTuple):
    parts: tuple[Part, ...]
    unknown: bool
    """Whether some word of it is in no list."""

    @property
    def strange(self) -> bool:
        """Whether no word of it is in a list."""
        return all(atom.startswith("?") for part in self.parts for word in part.words for atom in word)

    @property
    def last(self) -> Word | None:
        return self.parts[-1].head if self.parts else None


class _Lexicon(NamedTuple):
    kinds: Mapping[Atom, str]
    surfaces: Mapping[tuple[str, ...], tuple[Word, ...]]
    """Words in a row, with what they mean."""
    han: Mapping[str, tuple[Word, ...]]
    words: Mapping[str, Sequence[str]]
    """Every English word of a name, by its first letter."""
    short: Mapping[str, str]
    within: Mapping[Atom, frozenset[Atom]]
    """A thing, and those that it is a kind of."""
    implied: Mapping[Atom, frozenset[Atom]]
    chinese: Mapping[Atom, str]


@lru_cache(16_384)
def read(text: str, *, code: bool = False) -> Name:
    """What a name names.

    Args:
        code: It is a shop's, and may have shortened words.
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    parts: list[Part] = []
    unknown = False
    if not code:
        text = _turned(text)
    for place, section in enumerate(_sections(text)):
        for piece in _JOINED.split(section):
            words, strange = _words(piece, code=code)
            unknown |= strange
            if words:
                parts.append(_part(words, place))
    return Name(tuple(parts), unknown)


def wider(name: Name) -> Name:
    """A name without what is a kind of something else in it, which has all that is said of it: "fresh fish and seafood"."""
    within = _lexicon().within
    kept = dict(enumerate(name.parts))
    for at, part in enumerate(name.parts):
        for to, other in kept.items():
            kind = any(within.get(atom, frozenset()) & (other.head or frozenset()) for atom in part.head or ())
            if to != at and kind:
                more = [word for word in part.words if word != part.head and word not in other.words]
                kept[to] = other._replace(words=(*more, *other.words))
                del kept[at]
                break
    return name._replace(parts=tuple(kept.values()))


def fit(said: Name, held: Name) -> Fit | None:
    """How what is said fits a category; None where it does not."""
    if not said.parts or not held.parts:
        return None
    matched: set[int] = set()
    loose = False
    for part in said.parts:
        found = [(more, at) for at, one in enumerate(held.parts) if (more := _left(part, said, one, held)) is not None]
        if not found:
            return None
        more, at = min(found, key=lambda one: (len(one[0]), one[1]))
        if any(_animal(word) for word in more):
            return None
        matched.add(at)
        loose |= bool(more)
    if loose:
        return Fit.LOOSE
    first = min(held.parts[at].place for at in matched)
    others = (at for at, one in enumerate(held.parts) if one.place >= first and at not in matched)
    return Fit.PART if any(held.parts[at].head is not None for at in others) else Fit.WHOLE


def heads(name: Name) -> Iterator[Atom]:
    """All that its things may be."""
    for part in name.parts:
        yield from part.head or ("",)
    yield from name.last or ("",)


def _left(part: Part, said: Name, one: Part, held: Name) -> list[Word] | None:
    """What a thing of a category has that was not said; None where the thing that was said is another."""
    elsewhere = [word for other in held.parts if other.place != one.place or other.head is None for word in other.words]
    shared = [*_shared(held, one), *elsewhere]
    for words, head in _readings(part, said):
        for having, theirs in _readings(one, held):
            if not (head & theirs if head and theirs else head is theirs and part.named):
                continue
            if not all(any(word & other for other in (*having, *shared)) for word in words):
                continue
            plain = [word for other in held.parts if other.place != one.place and other.head is None for word in other.words]
            mine = [*having, *_shared(held, one), *plain]
            implied = frozenset[Atom]().union(*(_lexicon().implied.get(atom, ()) for atom in head or ()))
            known = (*words, *_shared(said, part), implied)
            return [word for word in mine if not any(word & other for other in known)]
    return None


def _readings(part: Part, name: Name) -> Iterator[tuple[tuple[Word, ...], Word | None]]:
    """A part with its own head, and with that of the last one: "cold and flu remedies"."""
    yield part.words, part.head
    last = [one for one in name.parts if one.place == part.place][-1]
    if last.head is not None and last is not part:
        yield (*part.words, last.head), last.head


def _shared(held: Name, one: Part) -> tuple[Word, ...]:
    """Qualities of the first thing, which the others have as well: "organic fruit & vegetables"."""
    first = next(part for part in held.parts if part.place == one.place)
    return () if first is one else tuple(word for word in first.words if _kind(word) in {"qualities", "whom"})


def _part(words: Sequence[Word], place: int) -> Part:
    telling = tuple(word for word in words if _kind(word) not in {"goods", "codes"})
    head = next((word for word in reversed(telling) if _kind(word) in {"things", ""}), None)
    return Part(telling, head, len(telling) < len(words), place)


def _kind(word: Word) -> str:
    """The list that a word stands in, things first; "" for one that nobody knows."""
    kinds = {_lexicon().kinds.get(atom, "") for atom in word}
    return next((kind for kind in ("things", "goods", "codes", "qualities", "whom") if kind in kinds), "")


def _animal(word: Word) -> bool:
    return not word.isdisjoint(("baby", "pet", "dog", "cat", "bird", "horse"))


# --- words of a text ---


def _turned(text: str) -> str:
    """With what stands behind "of" or "for" put in front: "food for cats"."""
    first, *behind = _OF.split(text)
    return " ".join((*reversed(behind), first))


def _sections(text: str) -> Iterator[str]:
    """The parts of a text between dashes, where these do not stand inside a word that is known: "t-shirts"."""
    text = _LESS.sub("\x1ffree", _DENIED.sub("non\x1f", text))
    start = 0
    for dash in _APART.finditer(text):
        before, after = re.search(r"\w+$", text[: dash.start()]), re.match(r"\w+", text[dash.end() :])
        if dash[0] == "-" and before and after and _known((before[0], after[0])):
            continue
        yield text[start : dash.start()]
        start = dash.end()
    yield text[start:]


def _words(piece: str, *, code: bool) -> tuple[list[Word], bool]:
    """The words of a text with what they may mean, and whether any is in no list."""
    found: list[Word] = []
    strange = False
    tokens = [token for token in _TOKEN.findall(piece) if token not in _SMALL]
    if code:
        tokens = [_spelt(token) for token in tokens]
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if "\u3400" <= token[0] <= "\u9fff":
            more, odd = _segmented(token)
            found += more
            strange |= odd
            at += 1
            continue
        for size in range(min(_LONGEST, len(tokens) - at), 0, -1):
            if (meant := _known(tokens[at : at + size])) is not None and (code or meant != _IN_CODES):
                found += meant
                at += size
                break
        else:
            bare = _stem(re.sub("['’].*", "", token))
            found.append(frozenset({f"?{bare}", f"?{_consonants(bare)}"}))
            strange = True
            at += 1
    return found, strange


def _known(tokens: Iterable[str]) -> tuple[Word, ...] | None:
    surfaces = _lexicon().surfaces
    plain = tuple(re.sub("['’]s?$", "", token) for token in tokens)
    return surfaces.get(plain) or surfaces.get(tuple(map(_stem, plain)))


def _segmented(text: str) -> tuple[list[Word], bool]:
    """A Chinese text cut into the fewest known words, with as little left over as can be."""
    han = _lexicon().han
    best: list[tuple[int, int, int]] = [(0, 0, 0)]
    for end in range(1, len(text) + 1):
        options = [(best[end - 1][0] + 1, best[end - 1][1] + 1, end - 1)]
        options += [
            (best[start][0], best[start][1] + 1, start) for start in range(max(0, end - 8), end) if text[start:end] in han
        ]
        best.append(min(options))
    cuts = [end := len(text)]
    while end:
        cuts.append(end := best[end][2])
    pieces = [text[start:end] for end, start in zip(cuts, cuts[1:], strict=False)][::-1]
    words = [word for piece in pieces if piece != "的" for word in han.get(piece, (frozenset({f"?{piece}"}),))]
    denied = _DENIED_ZH.search(text) is not None
    return words, denied or any(piece not in han and piece != "的" for piece in pieces)


@lru_cache(16_384)
def _spelt(token: str) -> str:
    """A word that was shortened by leaving vowels out, as it is spelt where one word alone fits; else as it is."""
    lexicon = _lexicon()
    if (spelt := lexicon.short.get(token) or lexicon.short.get(_stem(token))) is not None:
        return spelt
    bare = _stem(token)
    vowels = sum(letter in _VOWELS for letter in bare[1:])
    if _known([token]) or len(bare) < 3 or vowels > max(0, len(bare) - 3) // 2 or (len(bare) < 5 and vowels):
        return token
    near = [word for word in lexicon.words.get(bare[0], ()) if _is_within(bare, word)]
    same = [word for word in near if _consonants(word) == _consonants(bare)]
    if not same and len(bare) >= 5:
        same = [word for word in near if word[-1] == bare[-1] and len(bare) >= 0.6 * len(word)]
    meanings = {lexicon.surfaces.get((word,), word) for word in same}
    return same[0] if len(meanings) == 1 else token


def _is_within(short: str, word: str) -> bool:
    """Whether a word becomes another one by leaving letters out."""
    letters = iter(word)
    return len(short) < len(word) and all(letter in letters for letter in short)


def _consonants(word: str) -> str:
    return re.sub(r"(.)\1+", r"\1", word[:1] + re.sub("[aeiou]", "", word[1:]))


@lru_cache(16_384)
def _stem(word: str) -> str:
    """An English word in the singular."""
    for ending, singular in (("oes", "o"), ("lves", "lf"), ("aves", "af"), ("ives", "ife")):
        if word.endswith(ending) and len(word) > max(5, len(ending) + 1):
            return word.removesuffix(ending) + singular
    return min(in_both_numbers(word), key=len)


# --- the lists ---


@cache
def _lexicon() -> _Lexicon:
    lists: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    kinds: dict[Atom, str] = {}
    said: dict[str, set[Atom]] = {}
    chinese: dict[Atom, str] = {}
    for kind in ("things", "qualities", "whom"):
        for atom, names in lists[kind].items():
            kinds[atom] = kind
            for name in (atom, *names):
                said.setdefault(name.casefold(), set()).add(atom)
            if (first := next((name for name in names if _is_han(name)), None)) is not None:
                chinese[atom] = first
    for kind in ("goods", "codes"):
        kinds[kind] = kind
        for name in lists[kind]:
            said.setdefault(name, set()).add(kind)
    han: dict[str, tuple[Word, ...]] = {}
    exact: dict[tuple[str, ...], tuple[Word, ...]] = {}
    for name, atoms in said.items():
        if _is_han(name):
            han[name] = (frozenset(atoms),)
        else:
            exact[tuple(name.split())] = (frozenset(atoms),)
    surfaces = dict(exact)
    for words, meant in exact.items():
        surfaces.setdefault(tuple(map(_stem, words)), meant)
    single = sorted({word for words in surfaces for word in words})
    letters = {letter: [word for word in single if word[0] == letter] for letter in ascii_lowercase}
    lexicon = _Lexicon(
        kinds,
        surfaces,
        han,
        letters,
        lists["short"],
        _within(lists["kinds"]),
        {thing: frozenset(atoms) for thing, atoms in lists["implied"].items()},
        chinese,
    )
    for name, phrase in lists["compounds"].items():
        meant = tuple(_plainly(phrase, surfaces))
        if _is_han(name):
            han[name] = meant
        else:
            surfaces[tuple(name.split())] = meant
    return lexicon


def _plainly(phrase: str, surfaces: Mapping[tuple[str, ...], tuple[Word, ...]]) -> Iterator[Word]:
    words = [re.sub("['’]s$", "", word) for word in phrase.split() if word != "and"]
    at = 0
    while at < len(words):
        for size in range(min(_LONGEST, len(words) - at), 0, -1):
            piece = words[at : at + size]
            if (meant := surfaces.get(tuple(piece)) or surfaces.get(tuple(map(_stem, piece)))) is not None:
                yield from meant
                at += size
                break
        else:
            raise ValueError(f"{FILE.name}: {words[at]!r} of {phrase!r} is in no list")


def _within(kinds: Mapping[str, Sequence[str]]) -> dict[Atom, frozenset[Atom]]:
    found: dict[Atom, set[Atom]] = {}
    for wider, narrower in kinds.items():
        for one in narrower:
            found.setdefault(one, set()).add(wider)
    return {one: frozenset(wider) for one, wider in found.items()}


def _is_han(name: str) -> bool:
    return any("\u3400" <= sign <= "\u9fff" for sign in name)
