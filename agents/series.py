"""The series that works are of, by their titles: "Harry Potter and the …", "Toy Story 2", 速度与激情7, 第三季.

A title gives a series away by a number behind a name, by what stands before a colon, by the hero before "and the". Two
works of a user that give the same name are of a series, and with them the work that bears the name alone (Toy Story).
What a title gives is a function of the title, so that a series has one key whoever meets it, and nothing is worked out
twice. Where titles leave it open they give nothing: a single word before one colon is as likely of two films as of one
series ("American: The Bill Hicks Story" and The American), and an 8 may be part of a name ("Super 8" and Super).

That this looks at the titles of one user and not at everybody's costs little: of 2,475 series in the histories of 395
MovieLens users that all their titles together show, the user's own show 2,421, and hardly any other. A series that no
title tells (The Matrix Reloaded, Batman Begins) is not found. Wares have titles too, and their lines ("Organic …: …")
are no works: only what has a genre, a director, an actor or an author is looked at, and what is watched or read.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Container, Mapping, Sequence
from functools import lru_cache, partial
from typing import Literal, NamedTuple

from limner.domain import Event, Label
from prompts.taxonomy import Named, Taxonomy
from prompts.taxonomy.words import slug

SERIES = "series"
"""The attribute whose values name series, and the group of their keys."""
LEAST_WORKS = 2
WORKS, WARES = frozenset({"genre", "director", "actor", "author"}), frozenset({"brand", "artist"})
"""Groups of the attributes of works, and of those of wares and records, whose parts and volumes are no series."""
FOLLOWED = frozenset({"watch", "read"})
"""Kinds of events that are about works, whatever is told of them."""
MOST_CHARACTERS = 240
"""Of a title."""

Mark = Literal["number", "late number", "head", "whole"]
"""What a title is but a name: numbered, numbered from 4 on without a word for what is counted, longer; or no more."""
_SUREST_FIRST: Sequence[Mark] = ("number", "late number", "head", "whole")

_HAN = re.compile("[\u4e00-\u9fff]")
_ASIDE = re.compile(r"\s*\(([^()]*)\)")
_ALSO_KNOWN_AS = re.compile(r"^a\.?k\.?a\.?:?\s+", re.IGNORECASE)
_YEAR = re.compile(r"\d{4}")
_ARTICLE = re.compile(r"^(?:the|an?)\s+|,\s+(?:the|an?)$", re.IGNORECASE)
"""As one says it, or as catalogues sort it: "Godfather, The"."""
ORIGINAL = re.compile(
    r"^(?P<chinese>[^\u4e00-\u9fff]*[\u4e00-\u9fff].*?(?<=[\u4e00-\u9fff0-9]))"
    r"\s+(?:(?P<latin>[A-Za-z][^\u4e00-\u9fff]*)|\S*[\u3040-\u30ff\uac00-\ud7af].*)$"
)
"""The title of a work in its own language behind the Chinese one: 权力的游戏 第八季 Game of Thrones Season 8."""
_BETWEEN_HAN = re.compile(r"(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fff])")
_BREAK = re.compile(rf":\s+|(?<=[\u4e00-\u9fff0-9]):(?=[\u4e00-\u9fff])|\s+[-–—]\s+|——|{_BETWEEN_HAN.pattern}")
_COUNTED = r"(?:part|pt\.?|ep(?:isode|\.)?|chapter|vol(?:ume)?\.?|season|series|book)"
_COUNT = r"(?:\d{1,2}|I{1,3}|IV|VI{0,3}|IX|X{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|deux)"
_NUMBERS: Mapping[Mark, re.Pattern[str]] = {
    "number": re.compile(
        rf"(?:(?:[,:]|\s[-–])?\s+{_COUNTED}\s+{_COUNT}|,\s*#\d{{1,3}}|\s+S\d{{1,2}}(?:E\d{{1,3}})?|\s+(?:[23]|I{{2,3}})"
        r"|(?<=[\u4e00-\u9fff])(?:[12]?\d|\s*(?:I{2,3}|IV|VI{0,3}|IX))|(?<=[\u4e00-\u9fff]{3})[二三四五六七八九]"
        r"|\s*(?:第[一二三四五六七八九十\d]{1,3}[季部集卷册篇]|最终季|[上中下][部篇集]|(?:剧场版|大电影|特别篇|番外篇?)\d?)"
        r"|(?<=^[\u4e00-\u9fff]{2})[2-9][\u4e00-\u9fff]{3,8})(?:\s+3D)?$",
        re.IGNORECASE,
    ),
    "late number": re.compile(r"\s+(?:[4-9]|IV|VI{0,3}|IX)(?:\s+3D)?$"),
}
_UNIT = re.compile(_COUNTED, re.IGNORECASE)
_HERO = re.compile(
    r"(?:[A-Z][\w.'’-]*(?:\s+(?:(?:of|the|and|&)\s+)?[A-Z][\w.'’-]*){1,4}(?=\s+(?:and|&)\s+the\s)"
    r"|[\u4e00-\u9fff]+·[\u4e00-\u9fff·]+(?=[与和])|[\u4e00-\u9fff·]{3,8}?(?=之[\u4e00-\u9fff·]{2}))"
)
"""Whom or what a title goes on about: "Harry Potter and the …", 哈利·波特与……, 大话西游之……."""
_PRESENTS = re.compile(r"\s+presents$", re.IGNORECASE)
_JOINTS = re.compile("['’.·・]")


class Stem(NamedTuple):
    """What a title may be of."""

    slug: str
    name: str
    mark: Mark
    definite: bool
    """Whether it has an article."""
    first: bool
    """Whether the title itself gives it, not another title that stands behind it."""

    @property
    def is_one_word(self) -> bool:
        return len(self.slug) <= 2 if _HAN.search(self.slug) else "-" not in self.slug


class Title(NamedTuple):
    """A title, read."""

    work: str
    """What it is a title of: the year behind it, and its other titles, make no other work."""
    stems: tuple[Stem, ...]
    """The names inside it that something marks, each once."""
    names: tuple[Stem, ...]
    """Those, and the title as it stands, under each of its names."""
    whole: frozenset[str]
    """The slugs of the latter."""


def series(events: Sequence[Event], taxonomy: Taxonomy) -> dict[int, Named]:
    """The series that events are about, by their place; of each, the user met at least two works."""
    titles = {at: read(title) for at, event in enumerate(events) if isinstance(title := event.item.get("title"), str)}
    marked = {stem.slug for title in titles.values() if title.stems for stem in title.stems}
    if not marked:
        return {}
    met = {title.work: at for at, title in titles.items() if title.stems or not marked.isdisjoint(title.whole)}
    by_slug: dict[str, dict[str, Stem]] = {}
    for work, at in met.items():
        for stem in titles[at].names:
            by_slug.setdefault(stem.slug, {})[work] = stem
    shared = [members for slug, members in by_slug.items() if len(members) >= LEAST_WORKS and slug in marked]
    wares = {work for members in shared for work in members if not _is_work(events[met[work]], taxonomy)}
    found: dict[str, Named | None] = dict.fromkeys(wares)
    for members in sorted(shared, key=partial(_likeliest, without=wares)):
        proven = _proven(members, without=found)
        if proven:
            found |= dict.fromkeys(proven, _named(proven.values(), [titles[met[work]] for work in proven], taxonomy))
    return {at: named for at, title in titles.items() if (named := found.get(title.work)) is not None}


def _is_work(event: Event, taxonomy: Taxonomy) -> bool:
    """Whether what an event is about is a work, no ware."""
    groups = {known.prefix for name in event.item if (known := taxonomy.attribute(name)) is not None}
    return groups.isdisjoint(WARES) and (event.kind in FOLLOWED or not groups.isdisjoint(WORKS))


def _likeliest(members: Mapping[str, Stem], *, without: Container[str]) -> tuple[int, int, bool, int, str]:
    """What most works give, and their own titles; then the shortest name of several words, or else the longest word.

    Of the two parts of "Harry Potter and the Deathly Hallows" that is "Harry Potter"; "Mission: Impossible" and its
    second part are no "Mission".
    """
    proven = _proven(members, without=without)
    stem = next(iter(members.values()))
    length = len(stem.slug)
    return (
        -len(proven),
        -sum(one.first for one in proven.values()),
        stem.is_one_word,
        -length if stem.is_one_word else length,
        stem.slug,
    )


def _proven(members: Mapping[str, Stem], *, without: Container[str]) -> Mapping[str, Stem]:
    """The works that are of a series by one name; none where two works may have no more than that in common."""
    left = {work: stem for work, stem in members.items() if work not in without}
    if len(left) < LEAST_WORKS:
        return {}
    marks = [stem.mark for stem in left.values()]
    if "number" in marks or (marks.count("whole") < len(marks) and not next(iter(left.values())).is_one_word):
        return left
    for definite in (True, False):
        alike = {work: stem for work, stem in left.items() if stem.definite == definite}
        marks = [stem.mark for stem in alike.values()]
        if max(marks.count("head"), marks.count("late number")) >= LEAST_WORKS:
            return alike
    return {}


def _named(stems: Collection[Stem], titles: Sequence[Title], taxonomy: Taxonomy) -> Named | None:
    """The series by the name that most of its works give, in the other language too where they give one."""
    names = Counter(stem.name for stem in stems)
    name = min(names, key=lambda one: (-names[one], one))
    named = taxonomy.named(SERIES, name)
    if named is None or named.term is not None:
        return named
    if not _HAN.search(name):
        whole = f"The {name}" if 2 * sum(stem.definite for stem in stems) > len(stems) else name
        return named._replace(label=Label(en=whole, zh=whole))
    english = Counter(one for title in titles for one in {stem.name for stem in title.names} if not _HAN.search(one))
    common = [one for one, times in english.items() if times >= LEAST_WORKS]
    return named._replace(label=Label(en=min(common, key=len, default=name), zh=name))


@lru_cache(65_536)
def read(title: str) -> Title:
    """What a title may be of."""
    stems: dict[str, Stem] = {}
    wholes: dict[str, Stem] = {}
    for at, given in enumerate(_names(unicodedata.normalize("NFKC", title[:MOST_CHARACTERS]).strip())):
        definite, name = bool(_ARTICLE.search(given)), _ARTICLE.sub("", given).strip(" ,")
        for mark, part in _parts(name):
            stem = Stem(_slug(part), part, mark, definite, at == 0)
            known = stems.get(stem.slug)
            if known is None or _SUREST_FIRST.index(mark) < _SUREST_FIRST.index(known.mark):
                stems[stem.slug] = stem
        wholes.setdefault(_slug(name), Stem(_slug(name), name, "whole", definite, at == 0))
    marked = tuple(stem for stem in stems.values() if len(stem.slug) > 1 and not stem.slug.isdigit())
    names = (*marked, *(stem for stem in wholes.values() if stem.slug not in stems))
    return Title(next(iter(wholes)), marked, names, frozenset(wholes))


def _names(title: str) -> list[str]:
    """A title, and the other titles that stand with it: in its own language, or in brackets."""
    name = _ASIDE.sub("", title).strip()
    others = [_ALSO_KNOWN_AS.sub("", one.strip()) for one in _ASIDE.findall(title)]
    if (original := ORIGINAL.match(name)) is not None:
        others.insert(0, original["latin"] or "")
        name = original["chinese"]
    if (gap := _BETWEEN_HAN.search(name)) is not None:  # 还珠格格 還珠格格
        once, again = set(name[: gap.start()]), set(name[gap.end() :])
        if 2 * len(once & again) >= len(once):
            name = name[: gap.start()]
    return [name, *(one for one in others if one and not _YEAR.fullmatch(one))]


def _parts(name: str) -> list[tuple[Mark, str]]:
    """The names inside a name, each with what marks it."""
    heads = [name[: one.start()] for one in _BREAK.finditer(name)]
    tails = _BREAK.split(name)[1:]
    found: list[tuple[Mark, str]] = [("head", head) for head in heads]
    if (hero := _HERO.match(name)) is not None:
        found.append(("head", hero[0]))
    for numbered in (*heads, name, *tails):
        for mark, pattern in _NUMBERS.items():
            if (number := pattern.search(numbered)) is not None and number.start() > 0:
                found.append((mark, numbered[: number.start()]))
                break
    bare: list[tuple[Mark, str]] = [(mark, _bare(part)) for mark, part in found]
    return [one for one in bare if not _UNIT.fullmatch(one[1])]


def _bare(part: str) -> str:
    """A part without what joins it to the rest."""
    return _ARTICLE.sub("", _PRESENTS.sub("", part.strip(" ,:-–")))


def _slug(name: str) -> str:
    return slug(_JOINTS.sub("", name))
