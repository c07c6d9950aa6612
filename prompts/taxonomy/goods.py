"""What the name of a category says, word by word, in English and Chinese: "FRZN MEAT/MEAT DINNERS", 冷冻肉类.

Shops name what they sell in few words, shortened, in any order; people name the same in others. `goods.yaml` holds the
words that all shops share. A name is read as one or several things ("/", "&", "and", 和 stand between), each with its
head, which says what it is, and with the qualities that it has: milk chocolate is chocolate, and no milk. What is said
fits a category where each thing that is said is, with everything that is said of it, one of the category's, head and
all; what no word tells apart is not told apart. A word that nobody knows must stand in both.

A name whose every word is known and means one thing is told in the other language, too: 冷冻肉类 for FRZN MEAT.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cache, lru_cache
from itertools import groupby, pairwise
from pathlib import Path
from string import ascii_lowercase
from typing import Any, NamedTuple

import yaml

from limner.domain import Label
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
_SMALL = frozenset("a an the some any".split())  # noqa: SIM905
_IRREGULAR = {"shelves": "shelf", "knives": "knife", "loaves": "loaf", "leaves": "leaf", "scarves": "scarf"}
_ENGLISH = {"woman": "women's", "man": "men's", "child": "children's", "girl": "girls'", "boy": "boys'"}
"""How it is said for whom something is."""
KINDS = ("things", "qualities", "uses", "whom")
_VOWELS = frozenset("aeiou")
_AND: Word = frozenset({"and"})
"""Between the things that one word names."""
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
    coded: bool
    """Whether a word does that says nothing in a code alone."""
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
    """The list that each stands in."""
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
    compounds: Mapping[frozenset[Word], str]
    """Words that one Chinese word stands for, with it."""


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
            for joined, these in groupby(words, _AND.__eq__):
                part = _part([*these], place)
                if parts and not code and part.head is None and not part.named:  # "meat, frozen"
                    parts[-1] = _part((*part.words, *parts[-1].words), place)
                elif not joined:
                    parts.append(part)
    return Name(tuple(parts), unknown)


def wider(name: Name) -> Name:
    """A name without what is a kind of something else in it: "fresh fish and seafood" is fresh seafood."""
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


def in_both(label: Label) -> Label:
    """A category's label, with its name in the other language where the shop's data has it in one alone."""
    if label.en != label.zh or not (other := translated(label.en)):
        return label
    return Label(en=other, zh=label.zh) if _is_han(label.en) else Label(en=label.en, zh=other)


def label(key: str, given: Label) -> Label:
    """What a key is called: a shop's category in both languages, see `in_both`; all else as it is."""
    return in_both(given) if key.startswith("category/") else given


@lru_cache(4_096)
def translated(text: str) -> str:
    """A category's name in the other language, where each of its words is known and means one thing; else ""."""
    name = read(text, code=True)
    if name.unknown or not name.parts:
        return ""
    han = _is_han(text)
    behind = [part for part in name.parts if part.head is None and part.place and not part.named]
    front = [word for part in behind for word in part.words]
    sections: list[str] = []
    for _, parts in groupby((part for part in name.parts if part not in behind), lambda part: part.place):
        told = [_told((*front, *part.words), part, han=han) for part in parts]
        if "" in told:
            return ""
        sections.append(("、", " & ")[han].join(dict.fromkeys(told)))
    return sections[0] + "".join((f"（{more}）", f" ({more})")[han] for more in sections[1:]) if sections else ""


def _told(words: Sequence[Word], part: Part, *, han: bool) -> str:
    """A part in the other language; "" where it has a thing beside its head, or is not told by what is known of it."""
    head = part.head
    ordered = [*dict.fromkeys(word for word in words if word != head), *((head,) if head else ())]
    told_by = [_kind(word) for word in ordered]
    if part.coded or any(len(word) > 1 for word in ordered) or (head is None and not {"uses", "whom"} & {*told_by}):
        return ""
    lexicon = _lexicon()
    known = [] if han else [whole for whole in lexicon.compounds if whole.issubset(ordered) and head in whole]
    whole = max(known, key=len, default=frozenset[Word]())
    rest = [word for word in ordered if word not in whole and (whole or word != head)]
    if any(_kind(word) == "things" for word in rest):
        return ""
    atoms = [atom for word in rest for atom in word]
    if han:
        return " ".join((*(_ENGLISH.get(atom, atom) for atom in atoms), *(head or ("products",))))
    said = lexicon.compounds[whole] if whole else "".join(lexicon.chinese[atom] for atom in head or ())
    return "".join(lexicon.chinese[atom] for atom in atoms) + said + ("用品" if head is None else "产品" * part.named)


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
            plain = [
                word for other in held.parts if other.place != one.place and other.head is None for word in other.words
            ]
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
    return () if first is one else tuple(word for word in first.words if _kind(word) in KINDS[1:])


def _part(words: Sequence[Word], place: int) -> Part:
    kinds = [*map(_kind, words)]
    telling = tuple(word for word, kind in zip(words, kinds, strict=True) if kind not in {"goods", "codes"})
    head = next((word for word in reversed(telling) if _kind(word) in {"things", ""}), None)
    return Part(telling, head, "goods" in kinds or "codes" in kinds, "codes" in kinds, place)


def _kind(word: Word) -> str:
    """The list that a word stands in, things first; "" for one that nobody knows."""
    kinds = {_lexicon().kinds.get(atom, "") for atom in word}
    return next((kind for kind in ("things", "goods", "codes", *KINDS[1:]) if kind in kinds), "")


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
        if (taken := _longest(tokens, at, _lexicon().surfaces)) is not None and (code or taken[0] != _IN_CODES):
            found += taken[0]
            at += taken[1]
            continue
        bare = _stem(re.sub("['’].*", "", token))
        found.append(frozenset({f"?{bare}", f"?{_consonants(bare)}"}))
        strange = True
        at += 1
    return found, strange


def _known(tokens: Iterable[str]) -> tuple[Word, ...] | None:
    return _meant(tokens, _lexicon().surfaces)


def _longest(
    tokens: Sequence[str], at: int, surfaces: Mapping[tuple[str, ...], tuple[Word, ...]]
) -> tuple[tuple[Word, ...], int] | None:
    """What the longest name that begins at a word means, and its length in words."""
    for size in range(min(_LONGEST, len(tokens) - at), 0, -1):
        if (meant := _meant(tokens[at : at + size], surfaces)) is not None:
            return meant, size
    return None


def _meant(tokens: Iterable[str], surfaces: Mapping[tuple[str, ...], tuple[Word, ...]]) -> tuple[Word, ...] | None:
    """What English words in a row mean, the last one in either number; None where they are in no list."""
    *first, last = (re.sub("['’]s?$", "", token) for token in tokens)
    forms = ((*first, form) for form in (last, *_singulars(last)))
    return next((meant for form in forms if (meant := surfaces.get(form)) is not None), None)


def _segmented(text: str) -> tuple[list[Word], bool]:
    """A Chinese text cut into the fewest known words, with as little left over as can be."""
    han = _lexicon().han
    best: list[tuple[int, int, int]] = [(0, 0, 0)]
    for end in range(1, len(text) + 1):
        options = [(best[end - 1][0] + 1, best[end - 1][1] + 1, end - 1)]
        options += [
            (best[start][0], best[start][1] + 1, start)
            for start in range(max(0, end - 8), end)
            if text[start:end] in han
        ]
        best.append(min(options))
    cuts = [end := len(text)]
    while end:
        cuts.append(end := best[end][2])
    pieces = [text[start:end] for end, start in pairwise(cuts)][::-1]
    words = [word for piece in pieces if piece != "的" for word in han.get(piece, (frozenset({f"?{piece}"}),))]
    return words, any(piece not in han and piece != "的" for piece in pieces)


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
def _singulars(word: str) -> tuple[str, ...]:
    """What an English word may be in the singular, the likeliest first."""
    if (singular := _IRREGULAR.get(word)) is not None:
        return (singular,)
    if word.endswith("oes"):
        return word[:-2], word[:-1]
    return tuple(form for form in in_both_numbers(word)[1:] if len(form) < len(word)) or (word,)


def _stem(word: str) -> str:
    return _singulars(word)[0]


# --- the lists ---


@cache
def _lexicon() -> _Lexicon:
    lists: dict[str, Any] = yaml.load(FILE.read_text("utf-8"), yaml.CSafeLoader)
    kinds = {atom: kind for kind in KINDS for atom in lists[kind]}
    meanings: dict[str, set[Atom]] = {}
    for atom, kind in kinds.items():
        for name in (atom, *lists[kind][atom]):
            meanings.setdefault(name.casefold(), set()).add(atom)
    for kind in ("goods", "codes"):
        kinds[kind] = kind
        for name in lists[kind]:
            meanings.setdefault(name, set()).add(kind)
    han = {name: (frozenset(atoms),) for name, atoms in meanings.items() if _is_han(name)}
    exact = {tuple(name.split()): (frozenset(atoms),) for name, atoms in meanings.items() if not _is_han(name)}
    surfaces = {tuple(map(_stem, words)): meant for words, meant in exact.items()} | exact
    single = sorted({word for words in surfaces for word in words})
    several = {name: tuple(_plainly(phrase, surfaces)) for name, phrase in lists["compounds"].items()}
    return _Lexicon(
        kinds,
        surfaces | {tuple(name.split()): meant for name, meant in several.items() if not _is_han(name)},
        han | {name: meant for name, meant in several.items() if _is_han(name)},
        {letter: [word for word in single if word[0] == letter] for letter in ascii_lowercase},
        lists["short"],
        _within(lists["kinds"]),
        {thing: frozenset(atoms) for thing, atoms in lists["implied"].items()},
        {atom: next(filter(_is_han, lists[kind][atom]), "") for atom, kind in kinds.items() if kind in KINDS},
        {frozenset(meant): name for name, meant in reversed(several.items()) if _is_han(name) and _AND not in meant},
    )


def _plainly(phrase: str, surfaces: Mapping[tuple[str, ...], tuple[Word, ...]]) -> Iterator[Word]:
    """The words of a phrase of the lists themselves."""
    words = phrase.split()
    at = 0
    while at < len(words):
        if words[at] == "and":
            yield _AND
            at += 1
            continue
        if (taken := _longest(words, at, surfaces)) is None:
            raise ValueError(f"{FILE.name}: {words[at]!r} of {phrase!r} is in no list")
        yield from taken[0]
        at += taken[1]


def _within(kinds: Mapping[str, Sequence[str]]) -> dict[Atom, frozenset[Atom]]:
    found: dict[Atom, set[Atom]] = {}
    for wider, narrower in kinds.items():
        for one in narrower:
            found.setdefault(one, set()).add(wider)
    return {one: frozenset(wider) for one, wider in found.items()}


def _is_han(name: str) -> bool:
    return any("\u3400" <= sign <= "\u9fff" for sign in name)
