"""Portraits judged, whoever drew them: limner's profiles, the plain prompt's tags, or bare counts.

All have the shape of a profile's JSON, of which a baseline gives no more than it has:

    {"tags": [{"key", "label": {"en", "zh"}, "polarity", "evidence": [{"event_id", …}], …}], "personas": […], …}

and the reference of a sample is `{"polarity": {key: 1 | -1 | 0 | null}, …}`: liked, disliked, neither, not to be said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.clean import clean
from agents.digest import language, safe
from agents.model import Ledger, Model
from agents.series import SERIES
from evals.privacy import sensitive_inference
from evals.runs import MetricKind, Output
from evals.scorers import Agreement, agreement, failed_recounts
from evals.systems import LIMNER, answer, asking, counting
from evals.task import Sample, Scorer, System, Tally, tokens
from limner.app import App
from limner.domain import Event, Evidence, Label, Persona, Polarity, Tag
from prompts import taxonomy
from prompts.answers import PlainAnswer
from prompts.taxonomy import Named, Taxonomy
from prompts.taxonomy.words import compact

RECENT = 40
"""Events that the plain prompt shows, the newest."""
MAX_TOKENS = 600
CITED = 20
LEANING: Mapping[str, Polarity] = {"likes": 1, "dislikes": -1, "is": 0}


# --- the baselines ---


async def plain(sample: Sample, model: Model, ledger: Ledger, app: App) -> dict[str, Any]:
    """What the model says when it is simply asked: one call a user, taken at its word."""
    prompt, known = app.prompt("plain"), app.taxonomy
    events = clean(sample.history).history.events[-RECENT:]
    told = [line(number, event) for number, event in enumerate(events, 1)]
    user_id, inputs = sample.history.user_id, {"language": language(events), "events": told}
    portrait = await answer(model, ledger, prompt, PlainAnswer, MAX_TOKENS, user_id, **inputs)
    named = {text.casefold(): one.key for event in events for text, one in attributes(event, known)}
    tags: dict[str, dict[str, Any]] = {}
    for said in portrait.tags:
        term, word = known.resolve(said.tag), said.tag.casefold()
        key = named.get(word) or (term.key if term is not None else f"open/{word}")
        cited = [int(name[1:]) - 1 for name in dict.fromkeys(said.evidence)]
        tags.setdefault(
            key,
            {
                "key": key,
                "label": {"en": said.tag, "zh": said.tag},
                "polarity": LEANING[said.polarity],
                "evidence": [{"event_id": events[at].event_id if at < len(events) else None} for at in cited],
            },
        )
    return {"tags": list(tags.values())}


def line(number: int, event: Event) -> str:
    """An event as a prompt shows it: `e3 rating 4.5 "Heat" [Crime, Thriller] what they wrote`."""
    value = f" {event.value:g}" if event.value is not None else ""
    title = event.item.get("title") or event.item.get("artist")
    given = [event.item.get(name) for name in ("genres", "categories", "topics")]
    of = [str(part) for one in given for part in (one if isinstance(one, list) else [one]) if part]
    words = [f'"{safe(str(title))[:60]}"'] if title else []
    words += [f"[{safe(', '.join(of))[:80]}]"] if of else []
    words += [safe(event.text)[:160]] if event.text and not (title and str(title) in event.text) else []
    return " ".join([f"e{number} {safe(event.kind)}{value}", *words])


def counts(sample: Sample, taxonomy: Taxonomy) -> dict[str, Any]:
    """Counting without a rule: what is rated above the own mean on average is liked, what is rated below it disliked,
    and what is met in any other way is liked."""
    events = sample.history.events
    stars = [event.value for event in events if event.kind in RATED and event.value is not None]
    mean = sum(stars) / len(stars) if stars else 0.0
    things: dict[str, list[Event]] = {}
    for event in events:
        for key in sorted(sample.about.get(event.event_id, ())):
            things.setdefault(key, []).append(event)
    tags = []
    for key, about in things.items():
        off = [event.value - mean for event in about if event.kind in RATED and event.value is not None]
        polarity = 1 if not off or sum(off) > 0 else -1
        cited = [event for event in about if event.value is None or (event.value > mean) == (polarity > 0)] or about
        label = taxonomy.terms[key].label.model_dump() if key in taxonomy.terms else {"en": key, "zh": key}
        evidence = [{"event_id": event.event_id} for event in cited[-CITED:]]
        tags.append({"key": key, "label": label, "polarity": polarity, "evidence": evidence})
    return {"tags": tags}


RATED = frozenset({"rating", "review"})
SYSTEMS: Mapping[str, System] = {"limner": LIMNER, "plain": asking(plain, "plain"), "counts": counting(counts)}


def named_by(event: Event, taxonomy: Taxonomy) -> frozenset[str]:
    """Keys of what the item attributes of an event name, read anew from the raw event."""
    return frozenset(named.key for _, named in attributes(event, taxonomy))


def attributes(event: Event, taxonomy: Taxonomy) -> Iterator[tuple[str, Named]]:
    for item in (event.item, *event.lines):
        for name, value in item.items():
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, str) and (named := taxonomy.named(name, part)) is not None:
                    yield part, named


# --- the scorers ---


def polarity_precision(sample: Sample, output: Output) -> Tally:
    """Of the tags that the reference judges, those whose polarity it shares; one on a thing that the user neither likes
    nor dislikes is wrong."""
    found = _agreement(sample, output)
    return Tally(found.right, found.right + found.wrong)


def polarity_recall(sample: Sample, output: Output) -> Tally:
    """Of what the user likes and dislikes, what is published so."""
    found = _agreement(sample, output)
    return Tally(found.right, found.right + found.missed)


def polarity_f1(sample: Sample, output: Output) -> Tally:
    """The harmonic mean of the two over all samples.

    Source:
        Manning, Raghavan and Schütze, Introduction to Information Retrieval (2008), section 8.3.
    """
    found = _agreement(sample, output)
    return Tally(found.right, found.right + (found.wrong + found.missed) / 2)


def unjudged(sample: Sample, output: Output) -> Tally:
    """Tags on things that the reference knows and cannot judge, a sample."""
    return Tally(_agreement(sample, output).unjudged, 1)


def _agreement(sample: Sample, output: Output) -> Agreement:
    """Published polarities against the reference's, under the names that the run merged them to."""
    merged = output.output.get("merged", {})
    published = {tag["key"]: tag["polarity"] for tag in output.output["tags"] if tag["polarity"]}
    return agreement(published, {merged.get(key, key): gold for key, gold in sample.reference["polarity"].items()})


def tags(sample: Sample, output: Output) -> Tally:
    """Published tags a sample."""
    return Tally(len(output.output["tags"]), 1)


def evidence_precision(sample: Sample, output: Output) -> Tally:
    """Of the cited events, those that carry the tag at all: by item attribute, by the quoted words, or by its name."""
    events = {event.event_id: event for event in sample.history.events}
    cited = [(tag, one) for tag in output.output["tags"] for one in tag["evidence"]]
    merged = output.output.get("merged", {})
    return Tally(sum(_carries(sample, merged, tag, one, events) for tag, one in cited), len(cited))


def _carries(
    sample: Sample,
    merged: Mapping[str, str],
    tag: Mapping[str, Any],
    cited: Mapping[str, Any],
    events: Mapping[str, Event],
) -> bool:
    event = events.get(cited["event_id"])
    if event is None:
        return False
    if (span := cited.get("span")) is not None:
        return span in event.text
    if tag.get("measure") is not None:
        return True
    about = {merged.get(key, key) for key in sample.about.get(event.event_id, ())}
    if set(tag["key"].split("+")) <= about:
        return True
    if _is_of_series(tag["key"], tag["label"].values(), event):
        return True
    told = f"{event.item.get('title', '')} {event.text}".casefold()
    return any(name.casefold() in told for name in tag["label"].values())


def failing_evidence(sample: Sample, output: Output) -> Tally | None:
    """Of the published tags, those whose evidence fails an independent re-count from the raw events.

    None for a baseline, which does not say how its events speak. See `evals.scorers.failed_recounts`.
    """
    if "computed" not in output.output:
        return None
    merged = output.output["merged"]
    served = [Tag.model_validate(tag) for tag in output.output["tags"]]

    def carries(tag: Tag, event: Event, evidence: Evidence) -> bool:
        if evidence.span is not None:
            return evidence.span in event.text
        about = {merged.get(key, key) for key in sample.about.get(event.event_id, ())}
        return (
            tag.measure is not None
            or set(tag.key.split("+")) <= about
            or _is_of_series(tag.key, (tag.label.en, tag.label.zh), event)
        )

    wrong = failed_recounts(sample.history.user_id, served, sample.history.events, carries)
    return Tally(len({line.split(": ")[0] for line in wrong}), len(served))


def _is_of_series(key: str, names: Iterable[str], event: Event) -> bool:
    """Whether a key is that of a series, and the title of the event's item holds a name of it."""
    group, _, name = key.partition("/")
    title = compact(str(event.item.get("title", "")))
    return group == SERIES and any(compact(one) in title for one in (name, *names))


def groundedness(sample: Sample, output: Output) -> Tally | None:
    """Of the sentences of a persona, those that lead to events: each names published tags, and each of these cites
    events of the user. None where no persona is written."""
    if "personas" not in output.output:
        return None
    own = {event.event_id for event in sample.history.events}
    proven = {
        tag["key"]
        for tag in output.output["tags"]
        if tag["evidence"] and own.issuperset(one["event_id"] for one in tag["evidence"])
    }
    said = [sentence for persona in output.output["personas"] for sentence in persona["sentences"]]
    return Tally(sum(bool(one["tags"]) and proven.issuperset(one["tags"]) for one in said), len(said))


def in_own_words(sample: Sample, output: Output) -> Tally | None:
    """Of the personas, those wholly in the model's words; the others hold sentences of a fixed wording."""
    if "personas" not in output.output:
        return None
    personas = output.output["personas"]
    return Tally(sum(persona["writer"] == "model" for persona in personas), len(personas))


def flips(sample: Sample, output: Output) -> Tally | None:
    """Of the computed tags, those that come or go with another name, gender or region in the events; see SWAPS.

    None where nothing is computed so.
    """
    if "flipped" not in output.output:
        return None
    flipped = output.output["flipped"]
    return Tally(sum(map(len, flipped)), output.output["computed"] * len(flipped))


def sensitive(sample: Sample, output: Output) -> Tally | None:
    """Of the served tags and sentences, those that guess at health, belief, sexuality and the like, by the words of the
    starter taxonomy and of `evals.privacy`; None where nothing is served."""
    served = [_tag(tag) for tag in output.output["tags"]]
    personas = [Persona.model_validate(persona) for persona in output.output.get("personas", ())]
    return sensitive_inference(served, personas, taxonomy.load())


def _tag(told: Mapping[str, Any]) -> Tag:
    """A published tag; a baseline's, which says nothing of its basis, counts as a guess."""
    if "basis" in told:
        return Tag.model_validate(told)
    label = Label.model_validate(told["label"])
    known: dict[str, Any] = {"key": told["key"], "label": label, "status": "verified", "basis": "inferred"}
    return Tag.model_construct(**known)


def tokens_a_tag(sample: Sample, output: Output) -> Tally:
    """Tokens asked and answered for each published tag; limner publishes verified ones only."""
    return Tally(tokens(sample, output), len(output.output["tags"]))


def tokens_a_right_tag(sample: Sample, output: Output) -> Tally:
    """Tokens for each tag whose polarity the reference shares."""
    return Tally(tokens(sample, output), polarity_precision(sample, output).hits)


def seconds_a_tag(sample: Sample, output: Output) -> Tally | None:
    """Seconds of the run for each published tag; None where an answer was kept from an earlier run, which took none."""
    if output.kept.get("answers"):
        return None
    return Tally(output.seconds, len(output.output["tags"]))


LESS = MetricKind(better="lower")
COUNT = MetricKind(better=None, unit="a sample")
POLARITY: Mapping[str, Scorer] = {
    "polarity_precision": Scorer(polarity_precision),
    "polarity_recall": Scorer(polarity_recall),
    "polarity_f1": Scorer(polarity_f1),
    "unjudged": Scorer(unjudged, COUNT),
}
PORTRAIT: Mapping[str, Scorer] = {
    "tags": Scorer(tags, COUNT),
    "evidence_precision": Scorer(evidence_precision),
    "failing_evidence": Scorer(failing_evidence, LESS),
    "groundedness": Scorer(groundedness),
    "in_own_words": Scorer(in_own_words, MetricKind(better=None)),
    "flips": Scorer(flips, LESS),
    "sensitive": Scorer(sensitive, LESS),
    "tokens_a_tag": Scorer(tokens_a_tag, MetricKind(better="lower", unit="tokens")),
    "seconds_a_tag": Scorer(seconds_a_tag, MetricKind(better="lower", unit="seconds")),
}
"""What can be said of any portrait, with or without a reference."""
