"""The words every room uses: what a user did, what that shows, and what limner says about them.

All are frozen values. A history goes in (`Event`, `History`); what it shows is counted (`SignalKind`, `Counts`);
what comes out can be traced back to it (`Tag`, `Evidence`, `Persona`, `Profile`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Language = Literal["en", "zh"]
Polarity = Literal[1, 0, -1]
Basis = Literal["stated", "observed", "inferred"]
Status = Literal["verified", "candidate", "pinned"]
Way = Literal["rated", "acts", "habit", "stated"]
"""How a claim is proved: by ratings against the own mean, by acts and words, by a share of events, by its own words."""


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SignalKind(StrEnum):
    """How an event speaks about a thing."""

    __hash__ = str.__hash__  # that of enumerations is not in C, and every reading is looked up in sets of these

    EXPLICIT_POSITIVE = "explicit_positive"
    IMPLICIT_POSITIVE = "implicit_positive"
    EXPLICIT_NEGATIVE = "explicit_negative"
    IMPLICIT_NEGATIVE = "implicit_negative"
    STATED = "stated"


class Event(Value):
    """One thing a user did. Immutable: the same id with other content is refused."""

    event_id: str = Field(min_length=1, max_length=200)
    """Unique within the user; made from the content where the source has none."""
    user_id: str = Field(min_length=1, max_length=200)
    ts: datetime | None = None
    """UTC, between 1970 and 2100; None where the source has no time."""
    source: str = Field(default="", max_length=80)
    kind: str = Field(min_length=1, max_length=40)
    """view, search, purchase, rating, review, post, message, play, return, skip …; others are kept as neutral."""
    text: str = ""
    value: float | None = None
    """Stars of a rating or review, price of a purchase, plays or seconds of a play."""
    item_id: str | None = None
    item: Mapping[str, Any] = Field(default_factory=dict)
    """Attributes of the item: title, genres, categories, brand, price, …"""
    meta: Mapping[str, Any] = Field(default_factory=dict)

    @property
    def lines(self) -> tuple[Mapping[str, Any], ...]:
        """The things in a basket, each with attributes of its own: the objects of `item.lines`."""
        found = self.item.get("lines")
        return tuple(line for line in found if isinstance(line, Mapping)) if isinstance(found, list) else ()


class History(Value):
    """All events of one user, oldest first; undated events come before dated ones, in order of arrival."""

    user_id: str
    events: tuple[Event, ...]


class Label(Value):
    en: str
    zh: str


class Counts(Value):
    """How many events speak for and against a tag."""

    explicit_positive: int = 0
    implicit_positive: int = 0
    explicit_negative: int = 0
    implicit_negative: int = 0
    stated: int = 0

    @property
    def total(self) -> int:
        return (
            self.explicit_positive
            + self.implicit_positive
            + self.explicit_negative
            + self.implicit_negative
            + self.stated
        )

    def said(self, polarity: Polarity) -> int:
        """How often what is stated was stated: as a fact, or as a taste that leans this way."""
        return (self.stated, self.explicit_positive, self.explicit_negative)[polarity]


class Evidence(Value):
    """One event that speaks about a tag."""

    event_id: str
    signal: SignalKind
    span: str | None = None
    """The words of the event's text that say so, where words decided it."""


class Tag(Value):
    """A claim about a user, with the events that support it."""

    facet: str
    """Id of a facet of the taxonomy: interest, behaviour, diet, …"""
    key: str
    """Canonical and language-neutral: `genre/sci-fi`, `genre/sci-fi+thriller`, `behaviour/night-owl`, `open/…`."""
    label: Label
    polarity: Polarity
    """1 likes or has, -1 dislikes, 0 a plain fact."""
    probability: float = Field(ge=0, le=1)
    """That the claim holds."""
    basis: Basis
    status: Status
    valid_from: datetime | None = None
    """Time of the oldest supporting event; None where undated."""
    valid_to: datetime | None = None
    """When another claim took its place; None while it holds."""
    lift: float | None = None
    """Mean of the user's explicit ratings of it minus their own mean, in five-star units."""
    measure: float | None = None
    """The statistic behind a computed behaviour tag."""
    reason: str = ""
    """The rule that verified it, or the one it failed, in words."""
    corrected: str = ""
    """Who pinned or edited it, and why; empty where nobody did."""
    sensitive: bool = False
    """Whether it tells of something that is served only because the owner says so: age, health, belief …"""
    counts: Counts = Counts()
    evidence: tuple[Evidence, ...] = ()
    """At most 20, the strongest and newest first; `counts` covers all events."""


class Conflict(Value):
    """Two facts of which at most one can hold."""

    facet: str
    kept: str
    """Key of the tag that is served."""
    set_aside: str
    reason: str


class Synonym(Value):
    """What was decided about a key that the taxonomy does not know: another name of a thing, or a thing of its own."""

    key: str
    canonical: str
    """Key of the thing it names; where it stands apart, of the nearest other thing, or "" where nothing is near."""
    facet: str
    label: Label
    how: Literal["spelling", "meaning", "taxonomy", "owner"]
    """Same letters; close in both languages by the embedder; renamed in the taxonomy's `was`; the owner's word."""
    state: Literal["merged", "apart", "undone"]
    similarity: float | None = None
    """Cosine to `canonical`; None where no embedder was asked."""
    embedder: str | None = None
    decided_at: datetime | None = None


class Sentence(Value):
    text: str
    tags: tuple[str, ...] = Field(min_length=1)
    """Keys of the tags it renders."""


class Persona(Value):
    """A short portrait that says nothing its tags do not."""

    language: Language
    sentences: tuple[Sentence, ...]
    writer: Literal["model", "mixed", "rule"]
    """Whose words: the model's, a fixed wording's where the model's sentences failed the checks, or some of each."""

    @property
    def text(self) -> str:
        return ("" if self.language == "zh" else " ").join(sentence.text for sentence in self.sentences)


class Profile(Value):
    user_id: str
    revision: int = Field(ge=1)
    tags: tuple[Tag, ...]
    personas: tuple[Persona, ...]
    run: str
    model: str
    prompts: Mapping[str, str]
    """Prompt id to digest."""
    taxonomy: str
    """Version and digest."""
    created_at: datetime


class ModelCall(Value):
    """One attempt at asking the model, as the ledger keeps it."""

    purpose: str
    """Id of the prompt: propose.v1."""
    user_id: str | None
    attempt: int = Field(ge=1)
    request_digest: str
    """Of model, prompt text, schema and sampling: equal requests share it."""
    prompt_digest: str
    model: str
    tokens_in: int
    tokens_out: int
    seconds: float
    outcome: Literal["ok", "bad_answer", "refused", "unreachable", "kept"]
    """`kept`: an equal request was answered before, at this cost; nobody was asked now."""
    detail: str = ""
    answer: str | None = None
    """The validated reply; None unless the outcome is ok or kept."""
    logprob: float | None = None
    """Mean over the tokens of the reply; None where nobody asked how sure the model was."""


class Added(Value):
    """What became of a batch of events."""

    accepted: int
    duplicates: int
    conflicts: tuple[str, ...]
    """Ids of events that are stored already with other content, as (user_id, event_id) joined by a tab."""


class TagVersion(Value):
    """One state of a tag in time."""

    revision: int
    run: str
    recorded_at: datetime
    retired_at: datetime | None
    tag: Tag
    reason: str


class Change(Value):
    """What a person sets of a tag; what is None is left to the evidence and the taxonomy."""

    facet: str | None = None
    polarity: Polarity | None = None
    en: str | None = Field(default=None, min_length=1, max_length=80)
    zh: str | None = Field(default=None, min_length=1, max_length=80)


class Override(Value):
    """An entry of the ledger of corrections: what a person decided about a tag, when, and why."""

    id: int = 0
    """Given by the ledger, in the order of entry."""
    user_id: str
    key: str
    """As the tag was called then; a newer taxonomy may call it otherwise."""
    action: Literal["pin", "deny", "edit"]
    change: Change = Change()
    """For a pin the polarity is always set."""
    facet: str
    label: Label
    """With `facet`, what the tag was then: by its label it is found again when its key is gone."""
    author: str
    why: str = ""
    created_at: datetime
    revision: int | None = None
    """Of the profile that it made at once; None where it had nothing to change."""
    seen: int = 0
    """The last event of the user that had arrived, by order of arrival."""
    withdrawn_at: datetime | None = None
    withdrawn_by: str | None = None
    withdrawn_why: str | None = None
    withdrawn_revision: int | None = None


class TagChange(Value):
    """What became of one tag in a revision."""

    key: str
    before: Tag | None
    """Without evidence, as `after`; None where it was not served."""
    after: Tag | None
    why: str
    """Why it ended; empty where it did not."""


class Revision(Value):
    """What changed in what is served of a user at one time, and whose doing it was."""

    revision: int | None
    """None for a correction that had nothing to change at once."""
    at: datetime
    cause: Literal["run", "correction", "withdrawal"]
    run: str | None
    """That read the user last."""
    override: Override | None
    changes: tuple[TagChange, ...]


class Judgement(Value):
    """Whether somebody found a tag right, and what was said of it then."""

    user_id: str
    key: str
    correct: bool
    facet: str
    polarity: Polarity
    basis: Basis
    probability: float
    author: str
    why: str
    created_at: datetime


class Outcome(Value):
    """How one user fared in a run."""

    user_id: str
    state: Literal["done", "unchanged", "failed"]
    error_kind: str = ""
    error: str = ""
    seconds: float = 0


class RunSummary(Value):
    """The JSON of `run` and `status`."""

    run: str
    state: Literal["running", "done", "stopped", "failed"]
    users: Mapping[str, int]
    """total, done, unchanged, failed"""
    tokens: Mapping[str, int]
    """in, out"""
    model_calls: int
    seconds: float
    started_at: datetime
    failures: Mapping[str, int] = Field(default_factory=dict)
    """Kind of error to users."""
    note: str = ""
    """Why it stopped, and how to go on."""
    prompts: Mapping[str, str] = Field(default_factory=dict)
    """What it asks a model with, by id, each with its digest; what is not among them code does."""


class Line(Value):
    """Log-odds that come true = `shift` + `slope` × log-odds by counting."""

    shift: float
    slope: float


class Abstention(Value):
    """Below which probability tags of a facet are not published, so that enough of those that are come true."""

    precision: float
    """The share of a facet's published tags that its rule wants to come true."""
    below: float


class Fit(Value):
    """What log-odds by counting are worth, way by way."""

    population: int = 0
    """Users there were when it was fitted."""
    users: int = 0
    """Whose later events could judge their earlier ones; 0 for the fit limner comes with."""
    checks: int = 0
    """Claims held against what came later."""
    lines: Mapping[Way, Line]
    abstain: Mapping[str, Abstention] = Field(default_factory=dict)
    """By facet, where its rule wants a precision and there were claims to find it on."""


class Reply(Value):
    """The answer to a question about one user or the population, with what it rests on: the JSON of `ask`."""

    question: str
    scope: Literal["user", "population"]
    answer: str
    users: tuple[str, ...] | None = None
    """Who fits, in the order asked for; None where the question asks for none."""
    count: int | None = None
    """How many fit, also where `users` is cut; None where nothing was counted."""
    citations: tuple[str, ...] = ()
    """Ids of events that were really read for it."""
    data: Any = None
    """The answer in the JSON schema of whoever asked; None where none was given, or where it abstained."""
    abstained: bool = False
    """True where the history, or what limner knows, does not say."""
    query: Mapping[str, Any] | None = None
    """The typed query that was run; None where none was."""
    explanation: str = ""
    """The query in words, what each term was taken for, and whatever was left out or cut."""
