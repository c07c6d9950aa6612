"""Taxonomy files, read, laid over one another and checked, before anything is made of them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from limner.domain import Polarity
from limner.errors import TaxonomyError
from prompts.document import Document, Place, read
from prompts.taxonomy.feeling import Cue, Feelings
from prompts.taxonomy.glossary import Known, problems
from prompts.taxonomy.hearing import FACTUAL, STATEMENTS, Hearing, Only, Way
from prompts.taxonomy.words import Frames, Matcher, compact, fold, with_plural

if TYPE_CHECKING:
    from prompts.taxonomy import Term

Entry = dict[str, Any]

FIELDS: Mapping[str, Mapping[str, str]] = {
    "": {
        "version": "a text",
        "extends": "a text",
        "facets": "a mapping",
        "groups": "a mapping",
        "attributes": "a mapping",
        "terms": "a mapping",
        "ignored": "a list of texts",
        "heads": "a list of texts",
        "tails": "a mapping of lists of texts",
        "macros": "a mapping of texts",
        "statements": "a mapping of texts",
        "feelings": "a mapping",
        "endings": "a mapping of mappings of lists of texts",
        "glossary": "a mapping",
    },
    "facets": {
        "label": "a mapping with en and zh, both texts",
        "hint": "a mapping with en and zh, both texts",
        "rule": "a mapping of numbers",
        "half_life_days": "a number, 0 or more",
        "single_valued": "true or false",
        "served": '"default" or "off"',
        "most": "a number, 0 or more",
        "proposed": "true or false",
        "stated_only": "true or false",
        "inferred": "true or false",
        "sensitive": "true or false",
        "heard": "a mapping of lists of texts",
        "tells": "a text",
        "told": "a mapping with en and zh, both texts",
    },
    "groups": {
        "facet": "a text",
        "kind": "thing, behaviour or fact",
        "sensitive": "true or false",
        "says": "a list of texts",
        "told": "a mapping with en and zh, both texts",
    },
    "feelings": {
        "words": "a list of texts",
        "value": "a number",
        "times": "a number",
        "turns": "true or false",
    },
    "attributes": {"groups": "a list of texts", "aliases": "a list of texts", "ignored": "a list of texts"},
    "terms": {
        "en": "a text",
        "zh": "a text",
        "synonyms": "a list of texts",
        "values": "a list of texts",
        "words": "true or a list of texts",
        "but_not": "a list of texts",
        "names": "a list of texts",
        "says": "a list of texts",
        "shown_by": "a list of texts",
        "searched_by": "a list of texts",
        "facet": "a text",
        "kind": "thing, behaviour or fact",
        "sensitive": "true or false",
        "description": "a mapping with en and zh, both texts",
        "told": "a mapping with en and zh, both texts",
        "was": "a list of texts",
    },
    "glossary": {
        "leanings": "a list of texts",
        "about": "a list of texts",
        "tag": "a text",
        "en": "a list of texts",
        "zh": "a list of texts",
        "where": "a mapping",
    },
}
"""Of each section, its fields and what each must be; "" is the file itself."""
NEEDED = {
    "facets": ("label", "hint"),
    "groups": ("facet",),
    "attributes": ("groups",),
    "terms": ("en", "zh"),
    "feelings": ("words",),
    "glossary": ("where",),
}
RULE = (
    "min_explicit",
    "min_implicit",
    "min_lift",
    "confidence",
    "max_explicit_negative",
    "max_implicit_negative",
    "precision",
)
SHARES = ("confidence", "precision")
"""Of a rule: at least 0, below 1."""
LEANINGS: Mapping[str, tuple[Polarity, Only]] = {
    "dislikes": (-1, ""),
    "likes": (1, ""),
    "is": (0, ""),
    "does": (1, "known"),
    "works": (1, "works"),
}
"""How what a facet's frames hear leans, and of what it is believed; a frame against comes before one for.

`does` are habits, which tell a taste in what is known as something to like: who swims every morning likes swimming,
who takes the bus need not like it. `works` are what is done with a book or a film by those who like it.
"""
TOLD = frozenset({"", "share", "mean"})
"""What `told` has a place for: the name, and the measure of a behaviour as a share or as it is."""
ASKED = frozenset({"version", "extends", "glossary"})
"""Sections that change what questions mean, or nothing at all, but no tag."""
_KEY = re.compile(r"[a-z][a-z0-9_]*/[a-z0-9][a-z0-9-]*")


def source(starter: Path, extra: Path | None) -> Source:
    """What the starter and an owner's file say together.

    Raises:
        TaxonomyError: a file cannot be read, is no YAML mapping, or extends something else than the starter.
    """
    own = read(extra, TaxonomyError) if extra is not None else None
    if own is None or extra is None:
        layers = [read(starter, TaxonomyError)]
    elif "extends" not in own.data:
        layers = [own]
    elif own.data["extends"] == "starter":
        layers = [read(starter, TaxonomyError), own]
    else:
        raise TaxonomyError(f"{own.places['extends',]}: extends: a file extends `starter` or nothing.")
    data: Entry = {}
    places: dict[tuple[str, ...], Place] = {}
    for layer in layers:
        _check_sections(layer, (extra or starter).name)
        _lay_over(data, layer.data, depth=0)
        places |= layer.places
    return Source(
        data=data,
        places=places,
        digest=hashlib.sha256("".join(layer.digest for layer in layers).encode()).hexdigest()[:12],
        proving=_proving(layers),
        version="+".join(str(layer.data.get("version", "unnamed")) for layer in layers),
        file=(extra or starter).name,
    )


def _proving(layers: Sequence[Document]) -> str:
    """12 hex digits of all that decides what tags are made: of all but the names of the files and the glossary."""
    told = [{key: value for key, value in layer.data.items() if key not in ASKED} for layer in layers]
    content = b"".join(orjson.dumps(one, option=orjson.OPT_NON_STR_KEYS) for one in told if one)
    return hashlib.sha256(content).hexdigest()[:12]


def _lay_over(below: Entry, above: Entry, depth: int) -> None:
    """Merges mappings down to the fields of an entry; null removes."""
    for key, value in above.items():
        if value is None:
            below.pop(key, None)
        elif isinstance(value, dict) and depth < 3:
            lower = below.setdefault(key, {})
            if not isinstance(lower, dict):
                below[key] = lower = {}
            _lay_over(lower, value, depth + 1)
        else:
            below[key] = value


def _check_sections(layer: Document, file: str) -> None:
    for key, value in layer.data.items():
        place = layer.places[str(key),]
        kind = FIELDS[""].get(str(key))
        if kind is None:
            raise TaxonomyError(f"{place}: {key}: a taxonomy has no such section; it has {', '.join(FIELDS[''])}.")
        if not KINDS[kind](value):
            raise TaxonomyError(f"{place}: {key}: must be {kind}.")
        if key in FIELDS:
            for name, entry in value.items():
                if entry is not None and not isinstance(entry, dict):
                    raise TaxonomyError(
                        f"{layer.places[str(key), str(name)]}: {name}: must be a mapping of its fields."
                    )


@dataclass(frozen=True)
class Source:
    """The content of the files, laid over one another, not yet made into terms."""

    data: Entry
    places: Mapping[tuple[str, ...], Place]
    digest: str
    proving: str
    """Of all but the glossary; see `Taxonomy.proving`."""
    version: str
    file: str

    @property
    def facets(self) -> dict[str, Entry]:
        return dict(self.data.get("facets", {}))

    @property
    def groups(self) -> dict[str, Entry]:
        return dict(self.data.get("groups", {}))

    @property
    def attributes(self) -> dict[str, Entry]:
        return dict(self.data.get("attributes", {}))

    @property
    def terms(self) -> dict[str, Entry]:
        return dict(self.data.get("terms", {}))

    @property
    def glossary(self) -> dict[str, Entry]:
        return dict(self.data.get("glossary", {}))

    @property
    def ignored(self) -> list[str]:
        """Values that name nothing in any attribute."""
        return list(self.data.get("ignored", []))

    @cached_property
    def heads(self) -> tuple[str, ...]:
        """Compacted words that may stand before a name: "interestin", 喜欢."""
        return tuple(compact(head) for head in self.data.get("heads", ()))

    @cached_property
    def tails(self) -> dict[str, frozenset[str] | None]:
        """Compacted words that may follow a name, with the groups they may follow in; None means any."""
        tails: dict[str, frozenset[str] | None] = {}
        for group, words in self.data.get("tails", {}).items():
            for word in words:
                tail = compact(word)
                before = tails.get(tail, frozenset())
                tails[tail] = None if group == "any" or before is None else before | {group}
        return dict(sorted(tails.items(), key=lambda item: -len(item[0])))

    @cached_property
    def tail_sizes(self) -> tuple[int, ...]:
        """How long tails are, the longest first."""
        return tuple(dict.fromkeys(map(len, self.tails)))

    def free_text(self, terms: Mapping[str, Term]) -> tuple[dict[str, str], list[str]]:
        """Words to keys, English ones with their plural, and the longer words that only look like them."""
        words = {word: term.key for term in terms.values() for word in term.words}
        plurals = {form: key for word, key in words.items() for form in with_plural(word)}
        ignored = [
            form
            for entry in self.terms.values()
            for word in entry.get("but_not", ())
            for form in with_plural(fold(word))
        ]
        return plurals | words, [word for word in ignored if word not in words]

    def frames(self, terms: Mapping[str, Term]) -> Frames:
        said = self.data.get("statements", {})
        frames = ((self.expanded(frame), names) for _, frame, names in self.framed(terms))
        never = "(?!)"
        return Frames(frames, *(self.expanded(said.get(part, never)) for part in FACTUAL))

    def hearing(self, served: Container[str]) -> Hearing:
        """Where texts speak of their authors, for the facets that are served."""
        said = {part: self.expanded(text) for part, text in self.data.get("statements", {}).items()}
        frames = (
            (self.expanded(frame), Way(name, polarity, only))
            for leaning, (polarity, only) in LEANINGS.items()
            for name, facet in self.facets.items()
            if name in served
            for frame in facet.get("heard", {}).get(leaning, ())
        )
        endings = {
            cue: {self.expanded(frame): ended for frame, ended in ways.items()}
            for cue, ways in self.data.get("endings", {}).items()
        }
        return Hearing(frames, said, endings)

    def shown(self) -> tuple[Matcher, Matcher, tuple[str, ...]]:
        """What finds the habits that texts show, what finds those that searches show, and the keys of all of them."""
        of_text, of_search = (
            {
                form: key
                for key, entry in self.terms.items()
                for part in parts
                for word in entry.get(part, ())
                for form in with_plural(fold(word))
            }
            for parts in (("shown_by",), ("shown_by", "searched_by"))
        )
        return Matcher(of_text), Matcher(of_search), tuple(dict.fromkeys(of_search.values()))

    def feelings(self) -> Feelings:
        """What tells how well a text speaks of what it is about; a later entry's word stands for an earlier one's."""
        return Feelings(
            {
                fold(word): Cue(entry.get("value", 0.0), entry.get("times"), entry.get("turns", False))
                for entry in self.data.get("feelings", {}).values()
                for word in entry["words"]
            }
        )

    def framed(self, terms: Mapping[str, Term]) -> Iterator[tuple[tuple[str, ...], str, dict[str, str]]]:
        """Where each frame stands, the frame, and the names that may fill it with the keys they give."""
        for group, entry in self.groups.items():
            members = [term for term in terms.values() if term.group == group and "says" not in self.terms[term.key]]
            names = {name: term.key for term in members for name in term.names}
            for frame in entry.get("says", ()) if names else ():
                yield ("groups", group, "says"), frame, names
        for term in terms.values():
            for frame in self.terms[term.key].get("says", ()):
                yield ("terms", term.key, "says"), frame, dict.fromkeys(term.names, term.key)

    def expanded(self, frame: str) -> str:
        """The frame with its macros (`@i`, `@me` …) written out; `@name` stays."""
        for name, text in sorted(self.data.get("macros", {}).items(), key=lambda item: -len(item[0])):
            frame = frame.replace(f"@{name}", text) if name != "name" else frame
        return frame

    def problems(self, *, thorough: bool) -> list[str]:
        """What is wrong, in the order of the lines.

        Args:
            thorough: Also compare all names with one another and read every pattern closely.
        """
        found = list(self._shape())
        if not found and thorough:
            found = [*self._successions(), *self._doubles(), *self._safety()]
        return [f"{place}: {text}" for place, text in sorted(found)]

    def _place(self, *path: str) -> Place:
        for size in range(len(path), 0, -1):
            if (place := self.places.get(path[:size])) is not None:
                return place
        return Place(self.file, 1)

    def _shape(self) -> Iterator[tuple[Place, str]]:
        for section, needed in NEEDED.items():
            for name, entry in self.data.get(section, {}).items():
                place = self._place(section, str(name))
                if section == "terms" and not (isinstance(name, str) and _KEY.fullmatch(name)):
                    yield place, f"{name}: a key reads group/name, in small letters, digits and hyphens."
                for missing in (part for part in needed if part not in entry):
                    yield place, f"{name}: {missing} is missing."
                for part, value in entry.items():
                    kind = FIELDS[section].get(part)
                    if kind is None:
                        yield (
                            self._place(section, str(name), str(part)),
                            (f"{name}: {part}: no such field; there are {', '.join(FIELDS[section])}."),
                        )
                    elif not KINDS[kind](value):
                        yield self._place(section, str(name), part), f"{name}: {part}: must be {kind}."
        yield from self._parts_of_facets()
        yield from self._parts_of_feelings()
        yield from self._tellings()
        yield from self._links()
        yield from self._promises()
        yield from self._defined()

    def _parts_of_facets(self) -> Iterator[tuple[Place, str]]:
        for name, facet in self.facets.items():
            for leaning in facet.get("heard", ()) if isinstance(facet.get("heard"), dict) else ():
                if leaning not in LEANINGS:
                    yield (
                        self._place("facets", name, "heard", leaning),
                        f"{name}: heard: no field {leaning}; {', '.join(LEANINGS)}.",
                    )
            rule = facet.get("rule")
            for part, value in rule.items() if isinstance(rule, dict) else ():
                if part not in RULE:
                    problem = f"no field {part}; {', '.join(RULE)}."
                elif part in SHARES and not 0 <= value < 1:
                    problem = f"{part}: must be at least 0 and below 1."
                else:
                    continue
                yield self._place("facets", name, "rule", part), f"{name}: rule: {problem}"

    def _parts_of_feelings(self) -> Iterator[tuple[Place, str]]:
        for name, entry in self.data.get("feelings", {}).items():
            if len(entry.keys() & {"value", "times", "turns"}) != 1:
                yield self._place("feelings", name), f"{name}: needs one of value, times and turns."
            value = entry.get("value", 0)
            if isinstance(value, (int, float)) and not -4 <= value <= 4:
                yield self._place("feelings", name, "value"), f"{name}: value: must lie between -4 and 4."

    def _tellings(self) -> Iterator[tuple[Place, str]]:
        for section in ("facets", "groups", "terms"):
            for name, entry in self.data.get(section, {}).items():
                for lang, text in entry["told"].items() if _is_label(entry.get("told")) else ():
                    if not set(re.findall(r"\{(.*?)\}", text)) <= TOLD or re.search(
                        r"[{}]", re.sub(r"\{.*?\}", "", text)
                    ):
                        problem = f"{name}: told: {lang}: in braces stands nothing, share or mean."
                        yield self._place(section, str(name), "told", lang), problem

    def _links(self) -> Iterator[tuple[Place, str]]:
        for section in ("groups", "terms"):
            for name, entry in self.data.get(section, {}).items():
                facet = entry.get("facet")
                if facet is not None and facet not in self.facets:
                    yield self._place(section, str(name), "facet"), f"{name}: there is no facet {facet}."
        for key in self.terms:
            if str(key).partition("/")[0] not in self.groups:
                yield self._place("terms", str(key)), f"{key}: there is no group {str(key).partition('/')[0]}."
        for name, entry in self.attributes.items():
            groups = entry.get("groups")
            for group in groups if isinstance(groups, list) else ():
                if group not in self.groups:
                    yield self._place("attributes", str(name), "groups"), f"{name}: there is no group {group}."
            if groups == []:
                yield self._place("attributes", str(name), "groups"), f"{name}: groups: names at least one."
        for part in self.data.get("statements", {}):
            if part not in STATEMENTS:
                yield self._place("statements", str(part)), f"statements: no field {part}; {', '.join(STATEMENTS)}."

    def _promises(self) -> Iterator[tuple[Place, str]]:
        for key, entry in self.terms.items():
            group = self.groups.get(str(key).partition("/")[0], {})
            if entry.get("kind", group.get("kind")) == "behaviour" and "description" not in entry:
                yield self._place("terms", str(key)), f"{key}: a behaviour needs a description of its statistic."
            for part in ("shown_by", "searched_by"):
                if part in entry and entry.get("kind", group.get("kind")) != "behaviour":
                    yield self._place("terms", str(key), part), f"{key}: {part}: only a behaviour is shown by words."
            if ("says" in entry or "says" in group) and not entry.get("names"):
                yield self._place("terms", str(key)), f"{key}: a fact that is stated needs names."

    def _defined(self) -> Iterator[tuple[Place, str]]:
        if not all(isinstance(entry.get("where"), dict) for entry in self.glossary.values()):
            return  # told already
        known = Known(self.facets, self.groups, self.terms)
        for path, problem in problems(self.glossary, known):
            yield self._place("glossary", *path), f"{': '.join(path)}: {problem}"

    def _successions(self) -> Iterator[tuple[Place, str]]:
        heirs: dict[str, str] = {}
        for key, entry in self.terms.items():
            for former in entry.get("was", ()):
                place = self._place("terms", key, "was")
                if former in self.terms:
                    yield place, f"{key}: was: {former} is still a term; take it away with `{former}: null`."
                if heirs.setdefault(former, key) != key:
                    yield place, f"{key}: was: {former} became {heirs[former]} already."

    def _doubles(self) -> Iterator[tuple[Place, str]]:
        names: dict[tuple[str, str], str] = {}
        values: dict[tuple[str, str], str] = {}
        words: dict[str, str] = {}
        habits: dict[str, str] = {}
        for key, entry in self.terms.items():
            group = key.partition("/")[0]
            facet = entry.get("facet", self.groups[group]["facet"])
            named = [entry["en"], entry["zh"], *entry.get("synonyms", ())]
            said = named if entry.get("words") is True else entry.get("words") or []
            lists = [
                *(("synonyms", names, (facet, compact(name)), name) for name in named),
                *(("values", values, (group, compact(name)), name) for name in (*named, *entry.get("values", ()))),
                *(("words", words, fold(word), word) for word in said),
                *(
                    (part, habits, fold(word), word)
                    for part in ("shown_by", "searched_by")
                    for word in entry.get(part, ())
                ),
            ]
            for part, seen, form, shown in lists:
                first = seen.setdefault(form, key)  # type: ignore[attr-defined]
                if first != key:
                    yield self._place("terms", key, part), f"{key}: {part}: {shown} belongs to {first} already."
            for word in said:
                if len(word) < (3 if word.isascii() else 2):
                    yield self._place("terms", key, "words"), f"{key}: words: {word} is too short for free text."

    def _safety(self) -> Iterator[tuple[Place, str]]:
        for part, text in self.data.get("statements", {}).items():
            yield from ((self._place("statements", part), f"{part}: {flaw}.") for flaw in flaws(self.expanded(text)))
        for name, facet in self.facets.items():
            if "tells" in facet:
                yield from (
                    (self._place("facets", name, "tells"), f"{name}: tells: {flaw}.") for flaw in flaws(facet["tells"])
                )
            for leaning, frames in facet.get("heard", {}).items():
                place = self._place("facets", name, "heard", leaning)
                for frame in frames:
                    text = self.expanded(frame)
                    yield from (
                        (place, f"{name}: heard: {flaw} in {frame}") for flaw in (*flaws(text), *_slotted(text))
                    )
        for cue, ways in self.data.get("endings", {}).items():
            for frame, ended in ways.items():
                text = self.expanded(frame)
                for flaw in (*flaws(text), *_ending(text, ended)):
                    yield self._place("endings", cue), f"{cue}: {flaw} in {frame}"
        said = [
            (("groups", name, "says"), frame) for name, entry in self.groups.items() for frame in entry.get("says", ())
        ]
        said += [
            (("terms", key, "says"), frame) for key, entry in self.terms.items() for frame in entry.get("says", ())
        ]
        for path, frame in said:
            text = self.expanded(frame)
            for flaw in (*flaws(text.replace("@name", "(?P<name>x)")), *_framing(text)):
                yield self._place(*path), f"{path[1]}: says: {flaw} in {frame}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_label(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"en", "zh"} and all(map(_is_text, value.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _map_to_texts(value: Any) -> bool:
    return _is_mapping(value) and all(map(_are_texts, value.values()))


KINDS: Mapping[str, Callable[[Any], bool]] = {
    "a text": _is_text,
    "a list of texts": _are_texts,
    "a mapping with en and zh, both texts": _is_label,
    "a number, 0 or more": _is_number,
    "a number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "a mapping": _is_mapping,
    "a mapping of texts": lambda value: _is_mapping(value) and _are_texts(list(value.values())),
    "a mapping of lists of texts": _map_to_texts,
    "a mapping of mappings of lists of texts": lambda value: (
        _is_mapping(value) and all(map(_map_to_texts, value.values()))
    ),
    "a mapping of numbers": lambda value: _is_mapping(value) and all(map(_is_number, value.values())),
    "true or false": lambda value: isinstance(value, bool),
    "true or a list of texts": lambda value: value is True or _are_texts(value),
    '"default" or "off"': lambda value: value in ("default", "off", False),
    "thing, behaviour or fact": lambda value: value in ("thing", "behaviour", "fact"),
}


def _slotted(frame: str) -> Iterator[str]:
    if frame.count("(?P<slot>") != 1 or re.search(r"\((?!\?)", re.sub(r"\\.|\[[^\]]*\]", "", frame)):
        yield "needs a group (?P<slot>…) once, and no other that captures"
    if stray := re.findall(r"@\w+", frame):
        yield f"there is no macro {', '.join(stray)}"


def _ending(frame: str, ended: Sequence[str]) -> Iterator[str]:
    groups = set(re.findall(r"\(\?P<(\w+)>", frame))
    for said in ended:
        if unknown := set(re.findall(r"{(\w+)}", said)) - groups:
            yield f"there is no group {', '.join(sorted(unknown))}"
    if stray := re.findall(r"@\w+", frame):
        yield f"there is no macro {', '.join(stray)}"


def _framing(frame: str) -> Iterator[str]:
    if frame.count("@name") != 1 or frame.count("(?P<span>") != 1:
        yield "needs @name once and a group (?P<span>…) once"
    stray = re.findall(r"@(?!name)\w*", frame)
    if stray:
        yield f"there is no macro {', '.join(stray)}"


def flaws(text: str) -> list[str]:
    """Why a pattern is not safe on any text: it does not compile, or its work is not bounded by its length.

    Every quantifier must have an upper bound, back-references are refused, and the product of nested upper bounds
    stays at 200 at most.
    """
    try:
        re.compile(text)
    except re.error as error:
        return [f"not a regular expression ({error})"]
    found = []
    open_groups = [1]
    """Of each, the largest product of bounds inside."""
    last = 1
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup
        if kind == "opening":
            open_groups.append(1)
        elif kind == "closing":
            last = open_groups.pop()
            open_groups[-1] = max(open_groups[-1], last)
        elif kind == "bounds":
            least, comma, most = token["least"], token["comma"], token["most"]
            last *= max(1, int(most or least or 1))
            open_groups[-1] = max(open_groups[-1], last)
            if comma and not most:
                found.append(f"an unbounded {token[0]}")
        else:
            last = 1
        if kind in UNSAFE:
            found.append(f"{UNSAFE[kind]} {token[0]}")
        if last > 200:
            found.append(f"a repetition of up to {last}")
    return list(dict.fromkeys(found))


UNSAFE = {"unbounded": "an unbounded", "back_reference": "a back-reference"}
_TOKEN = re.compile(
    r"(?P<back_reference>\\\d|\(\?P=\w+\))|(?P<escape>\\.)|(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<closing>\))"
    r"|(?P<opening>\((?:\?(?:P<\w+>|<?[=!]|[a-z]*:))?)|(?P<unbounded>[*+])"
    r"|(?P<bounds>\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\})|(?P<maybe>\?)|(?P<plain>.)",
    re.DOTALL,
)
