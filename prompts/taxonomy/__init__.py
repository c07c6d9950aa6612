"""The names limner gives to what users like, do and say: facets, terms, and which item attribute means which.

A term has up to four sorts of surface forms, because a form that is safe in one place is wrong in another:

- `synonyms` (and the labels): names a model or an analyst may use for the tag. "drama" is a film genre there.
- `values`: names that mean it only as the value of an item attribute of its group: "Music" among genres.
- `words`: what means it in free text. "drama" may be a quarrel there, so it is not one of them.
- `names`: what stands for it inside a statement about oneself: "piano" in "I'm learning the piano".
- `shown_by`, `searched_by`: of a behaviour, words that show it wherever a user writes them ("promo code"), and words
  that do where they are searched for ("cheapest").

What a portrait says of a user who has a term stands under its `told`, its group's or its facet's: "is a {}", 是{}.

A facet's frames under `heard` find statements about oneself whose names no list holds: "I've really gotten into ___"
(`hearing.py`); those under `does` and `works` say it by what is done. A facet without frames is not heard; one that is
off neither, and its pattern `tells` keeps what speaks of it out of other facets.

What a word feels about what it stands with is under `feelings` (`feeling.py`).

An owner's file with `extends: starter` is laid over the starter, field by field; `null` takes a field or a whole
term away. A term that takes the place of others names their keys in `was`, so that what is stored can follow it.
What words of the owner's business mean in questions stands under `glossary` (`glossary.py`), and changes no tag.
Problems are named with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from limner.domain import Label
from limner.errors import TaxonomyError
from prompts.taxonomy import reading
from prompts.taxonomy.feeling import Feeling, Feelings
from prompts.taxonomy.glossary import Glossary, glossary
from prompts.taxonomy.hearing import Hearing
from prompts.taxonomy.words import Found, Frames, Matcher, Words, compact, fold, in_both_numbers, slug, with_plural

STARTER = Path(__file__).parent / "starter.yaml"


@dataclass(frozen=True, slots=True)
class Rule:
    """When counted evidence proves a tag of a facet."""

    min_explicit: int = 2
    """Ratings, reviews and statements for it, where none of the other sort is needed."""
    min_implicit: int = 3
    """Purchases, plays and the like for it; 1 explicit and 2 implicit do as well."""
    min_lift: float = 0.25
    """Five-star units above (or below) the user's own mean."""
    confidence: float = 0.8
    """One-sided, that the lift has the tag's sign."""
    max_explicit_negative: int = 2
    max_implicit_negative: int = 3
    precision: float = 0.0
    """Share of the facet's published tags that must come true; the less sure ones are held back. 0 holds none back."""


@dataclass(frozen=True, slots=True)
class Facet:
    """A sort of claim about a user, and what is asked of a claim of that sort."""

    id: str
    label: Label
    hint: Label
    """What belongs in it, for prompts and people."""
    rule: Rule
    half_life_days: float | None
    """Age at which evidence counts half; None does not age."""
    single_valued: bool
    """At most one value holds at a time."""
    served: Literal["default", "off"]
    """off: kept out of profiles and prompts unless the owner's taxonomy file turns it on."""
    most: int
    """Most tags of it a profile shows, beside what the user stated."""
    proposed: bool
    """The model may name tags of it; False where code alone computes or reads them."""
    stated_only: bool
    """Only the user's own words prove it, never a count."""
    inferred: bool = False
    """A count proves nothing of it but lets it be inferred, by a rule that no other facet's is stricter than."""
    sensitive: bool = False
    """Personal beyond taste: where the owner serves it, every tag of it is marked, and no persona speaks of it."""
    heard: bool = False
    """Whether there are frames in which users say it of themselves."""
    tells: str = ""
    """Pattern of words that tell of it wherever they stand: while it is off, nothing is heard that holds one."""
    told: Label | None = None
    """How a tag of it is told of a user where its term says nothing else."""


@dataclass(frozen=True, slots=True)
class Term:
    """One thing with a canonical key."""

    key: str
    """`group/name`, language-neutral: genre/sci-fi."""
    facet: str
    label: Label
    synonyms: tuple[str, ...]
    values: tuple[str, ...]
    words: tuple[str, ...]
    names: tuple[str, ...]
    kind: Literal["thing", "behaviour", "fact"]
    sensitive: bool
    """Tells of health, sexuality, belief and the like: not served by default, whatever its facet says."""
    description: Label | None
    """For a behaviour: the statistic behind it."""
    told: Label | None = None
    """What is said of a user who has it, with {} for its name: "is a {}"; {share} and {mean} stand for the measure."""
    was: tuple[str, ...] = ()
    """Keys that tags of it had before the owner renamed or united terms."""

    @property
    def group(self) -> str:
        return self.key.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Attribute:
    """An item attribute whose values say what an event is about."""

    name: str
    groups: tuple[str, ...]
    """Groups its values are looked up in, in this order; a value found in none becomes a key of the first."""
    facet: str
    """Facet of such a new key."""
    aliases: tuple[str, ...]
    ignored: frozenset[str]
    """Values, compacted, that name nothing a user could like: 4K, nan, 其他."""

    @property
    def prefix(self) -> str:
        return self.groups[0]


class Named(NamedTuple):
    """What the value of an item attribute stands for."""

    key: str
    facet: str
    label: Label
    term: Term | None
    """None where the taxonomy does not know the value."""


@dataclass(frozen=True)
class Taxonomy:
    version: str
    digest: str
    proving: str
    """The same of all that decides what tags are made: a profile made under another one is made again."""
    facets: Mapping[str, Facet]
    terms: Mapping[str, Term]
    attributes: Mapping[str, Attribute]
    glossary: Glossary
    _source: reading.Source = field(repr=False, compare=False)
    merged: Mapping[str, Named] = field(default_factory=dict, repr=False, compare=False)
    """Keys that are other names of a thing, with the thing they name: `genre/sf-movies` is `genre/sci-fi`."""

    def merging(self, merged: Mapping[str, Named]) -> Taxonomy:
        """The same taxonomy, reading these keys as the things they name."""
        return replace(self, merged=merged)

    def resolve(self, text: str, group: str | None = None) -> Term | None:
        """The term a tag name means, in either language; None where there is none.

        Args:
            text: A label, synonym or key, in any case, with or without a word like "films", "lover", 片 or 爱好者.
            group: Look only there, and take the attribute values of the group for names too.
        """
        if (term := self.terms.get(text)) is not None and group in (None, term.group):
            return term
        names = self._names_by_group.get(group, {}) if group else self._names
        name = compact(text)
        if (key := names.get(name)) is not None:
            return self.terms[key]
        tails = self._source.tails
        for head in ("", *self._source.heads):
            if not name.startswith(head):
                continue
            body = name[len(head) :]
            if head and (key := names.get(body)) is not None:
                return self.terms[key]
            for size in self._source.tail_sizes:
                tail = body[-size:]
                if tail in tails and (key := names.get(body[:-size])) is not None:
                    term, groups = self.terms[key], tails[tail]
                    if groups is None or term.group in groups:
                        return term
        return None

    def plain(self, name: str, group: str) -> str:
        """A name as it is compared with others of its group: singular, without a word like "films" or 片 behind it."""
        body = compact(name)
        for tail, groups in self._source.tails.items():
            if body.endswith(tail) and len(body) >= len(tail) + 2 and (groups is None or group in groups):
                body = body[: -len(tail)]
                break
        return min(in_both_numbers(body), key=len)

    def serves(self, key: str, facet: str) -> bool:
        """Whether a tag may be made at all: its facet is on, and nothing in it is sensitive."""
        return self.facets[facet].served == "default" and self._sensitive.isdisjoint(key.split("+"))

    def is_sensitive(self, key: str, facet: str) -> bool:
        """Whether a tag, where it is served at all, tells of something sensitive."""
        return (facet in self.facets and self.facets[facet].sensitive) or not self._sensitive.isdisjoint(key.split("+"))

    def told(self, key: str, facet: str) -> Label | None:
        """How a tag is told of a user who has it, with a place for its name: by its term, else by its facet."""
        term = self.terms.get(key)
        found = term.told if term is not None else None
        return found or (self.facets[facet].told if facet in self.facets else None)

    @cached_property
    def attribute(self) -> Callable[[str], Attribute | None]:
        """Gives the attribute of a name or alias."""
        known = self._attributes
        return lru_cache(4_096)(lambda name: known.get(name) or known.get(compact(name)))

    @cached_property
    def named(self) -> Callable[[str, str], Named | None]:
        """Gives what a value of an item attribute stands for: attribute, value.

        None where the attribute or the value says nothing.
        """
        return lru_cache(20_000)(self._name)

    def facts(self, text: str) -> list[Found]:
        """Keys of the facts the author of a text states about themselves, each with the span that says so."""
        return self._frames.find(text)

    @cached_property
    def matcher(self) -> Matcher:
        """Finds words of terms in free text."""
        return Matcher(*self._free_text)

    @cached_property
    def mentions(self) -> Matcher:
        """Finds every name of every term in a text about somebody, the ambiguous ones too."""
        names = {
            form: term.key
            for term in self.terms.values()
            for name in (term.label.en, term.label.zh, *term.synonyms, *term.words)
            for form in with_plural(fold(name))
        }
        return Matcher(names, self._free_text[1])

    def not_meant(self, text: str) -> list[tuple[int, int]]:
        """Where longer words stand that only look like a name: 小米 is no rice."""
        return [(start, end) for start, end, _ in self._lookalike_words.hits(fold(text))]

    @cached_property
    def _free_text(self) -> tuple[dict[str, str], list[str]]:
        return self._source.free_text(self.terms)

    @cached_property
    def _lookalike_words(self) -> Words:
        return Words(dict.fromkeys(self._free_text[1]))

    def groups_of(self, facet: str) -> list[str]:
        """The groups that terms of a facet are in, sorted."""
        return self._groups_by_facet.get(facet, [])

    def spoken(self, name: str, facet: str) -> Term | None:
        """The term of a facet that a folded name stands for inside a statement; None where there is none."""
        return self._spoken.get((facet, name))

    @cached_property
    def _groups_by_facet(self) -> dict[str, list[str]]:
        pairs = sorted({(term.facet, term.group) for term in self.terms.values()})
        return {facet: [group for of, group in pairs if of == facet] for facet, _ in pairs}

    @cached_property
    def _spoken(self) -> dict[tuple[str, str], Term]:
        return {(term.facet, name): term for term in reversed(list(self.terms.values())) for name in term.names}

    @cached_property
    def _sensitive(self) -> frozenset[str]:
        return frozenset(term.key for term in self.terms.values() if term.sensitive)

    @cached_property
    def hearing(self) -> Hearing:
        """Finds where a text says something of its author that is of a facet served."""
        return self._source.hearing({name for name, facet in self.facets.items() if facet.served == "default"})

    @cached_property
    def shown(self) -> tuple[Matcher, Matcher, tuple[str, ...]]:
        """What finds the habits that texts show, what finds those that searches show, and the keys of all of them."""
        return self._source.shown()

    def feeling(self, text: str) -> Feeling:
        """How well a text speaks of what it is about."""
        return self._feelings.of(text)

    @cached_property
    def _feelings(self) -> Feelings:
        return self._source.feelings()

    def reveals(self, text: str) -> bool:
        """Whether words of a text tell of something that is kept out of profiles."""
        return bool(self._off.search(fold(text)))

    @cached_property
    def _off(self) -> re.Pattern[str]:
        told = [facet.tells for facet in self.facets.values() if facet.served == "off" and facet.tells]
        return re.compile("|".join(dict.fromkeys(told)) or "(?!)")

    @cached_property
    def _frames(self) -> Frames:
        return self._source.frames(self.terms)

    @cached_property
    def _attributes(self) -> dict[str, Attribute]:
        return {
            name: attribute
            for attribute in self.attributes.values()
            for alias in (attribute.name, *attribute.aliases)
            for name in (alias, compact(alias))
        }

    @cached_property
    def _names(self) -> dict[str, str]:
        names: dict[str, str] = {}
        for term in self.terms.values():
            for name in (term.label.en, term.label.zh, *term.synonyms):
                names.setdefault(compact(name), term.key)
        for term in self.terms.values():
            for name in (term.label.en, *term.synonyms):
                for form in in_both_numbers(compact(name)):
                    names.setdefault(form, term.key)
        return names

    @cached_property
    def _names_by_group(self) -> dict[str, dict[str, str]]:
        groups: dict[str, dict[str, str]] = {}
        for term in self.terms.values():
            names = groups.setdefault(term.group, {})
            for name in (*term.values, term.key.partition("/")[2], term.label.en, term.label.zh, *term.synonyms):
                names.setdefault(compact(name), term.key)
        for term in self.terms.values():
            names = groups[term.group]
            for name in (*term.values, term.key.partition("/")[2], term.label.en, *term.synonyms):
                for form in in_both_numbers(compact(name)):
                    names.setdefault(form, term.key)
        return groups

    def _name(self, attribute: str, value: str) -> Named | None:
        meant = self.attribute(attribute)
        name = compact(value)
        if meant is None or not name or name in meant.ignored:
            return None
        for group in meant.groups:
            if (term := self.resolve(value, group)) is not None:
                return Named(term.key, term.facet, term.label, term)
        shown = " ".join(value.split())
        if shown.isupper() and len(shown) > 8 and not shown.isalpha():
            shown = shown.lower()
        key = f"{meant.prefix}/{slug(value)}"
        return self.merged.get(key) or Named(key, meant.facet, Label(en=shown[:80], zh=shown[:80]), None)


@cache
def load(extra: Path | None = None) -> Taxonomy:
    """The starter taxonomy, or that of an owner's file.

    Raises:
        TaxonomyError: a file is malformed; the message names file, line and key.
    """
    source = reading.source(STARTER, extra)
    problems = source.problems(thorough=extra is not None)
    if problems:
        raise TaxonomyError("\n".join(problems[:10]))
    facets = {
        name: Facet(
            id=name,
            label=Label(**entry["label"]),
            hint=Label(**entry["hint"]),
            rule=Rule(**entry.get("rule", {})),
            half_life_days=entry.get("half_life_days"),
            single_valued=entry.get("single_valued", False),
            served="off" if entry.get("served") in (False, "off") else "default",
            most=entry.get("most", 8),
            proposed=entry.get("proposed", True),
            stated_only=entry.get("stated_only", False),
            inferred=entry.get("inferred", False),
            sensitive=entry.get("sensitive", False),
            heard=bool(entry.get("heard")),
            tells=entry.get("tells", ""),
            told=Label(**entry["told"]) if "told" in entry else None,
        )
        for name, entry in source.facets.items()
    }
    terms = {key: _term(key, entry, source.groups[key.partition("/")[0]]) for key, entry in source.terms.items()}
    attributes = {
        name: Attribute(
            name=name,
            groups=tuple(entry["groups"]),
            facet=source.groups[entry["groups"][0]]["facet"],
            aliases=tuple(entry.get("aliases", ())),
            ignored=frozenset(compact(value) for value in (*source.ignored, *entry.get("ignored", ()))),
        )
        for name, entry in source.attributes.items()
    }
    return Taxonomy(
        version=source.version,
        digest=source.digest,
        proving=source.proving,
        facets=facets,
        terms=terms,
        attributes=attributes,
        glossary=glossary(source.glossary),
        _source=source,
    )


def lint(path: Path = STARTER) -> list[str]:
    """What is wrong with a taxonomy file, each problem with file and line; empty where nothing is."""
    try:
        source = reading.source(STARTER, None if path == STARTER else path)
    except TaxonomyError as error:
        return [str(error)]
    return source.problems(thorough=True)


def _term(key: str, entry: reading.Entry, group: reading.Entry) -> Term:
    whole: reading.Entry = {"kind": "thing", "sensitive": False} | group | entry
    label = Label(en=entry["en"], zh=entry["zh"])
    synonyms = tuple(entry.get("synonyms", ()))
    words = entry.get("words", ())
    if words is True:
        words = (label.en, label.zh, *synonyms)
    return Term(
        key=key,
        facet=whole["facet"],
        label=label,
        synonyms=synonyms,
        values=tuple(entry.get("values", ())),
        words=tuple(dict.fromkeys(map(fold, words))),
        names=tuple(dict.fromkeys(map(fold, entry.get("names", ())))),
        kind=whole["kind"],
        sensitive=whole["sensitive"],
        description=Label(**entry["description"]) if "description" in entry else None,
        told=Label(**whole["told"]) if "told" in whole else None,
        was=tuple(entry.get("was", ())),
    )
