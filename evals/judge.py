"""A model as a judge: whether facts carry the sentences of a portrait, and which of two portraits is better.

It answers with one word, of which the log-odds are read; in a strict and a lenient wording; of two portraits in both
orders, whose mean decides. What its word is worth is measured before it is used: `limner eval run judge` holds it
against labels (`evals/datasets/judgements.md`), asks everything twice, and the metrics of that run are the judge's
card. `limner eval judge RUN` then judges the portraits of a run. No gate may rest on a judge whose card misses `FLOOR`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal, NamedTuple

from agents import facts
from agents.digest import language
from agents.model import YES_OR_NO, Judge, Ledger, Sides, messages
from evals.compare import Paired
from evals.datasets.judgements import JUDGEMENTS
from evals.runs import Header, MetricKind, Output, Run, Runs
from evals.scorers import probability
from evals.summary import Summary, summary
from evals.systems import asking, counting
from evals.task import Dataset, Points, Said, Sample, Scorer, Tally, Task
from limner.app import App
from limner.domain import Event, History, Language, Tag
from limner.errors import InputError
from prompts import library, taxonomy
from prompts.taxonomy import Taxonomy

Wording = Literal["strict", "lenient"]
WORDINGS: tuple[Wording, ...] = ("strict", "lenient")
A_OR_B: Sides = (frozenset({"a"}), frozenset({"b"}))
CARD = "judge"
"""Name of the task whose runs are cards."""
FLOOR = 0.6
"""What the lower end of a judge's kappa must reach before a gate may rest on it: where substantial agreement begins.

Source:
    Landis and Koch, The Measurement of Observer Agreement for Categorical Data (Biometrics 33, 1977).
"""
STEADY = 0.9
"""Share of the verdicts that must stay as they are when it is asked again, and in the other order."""
SHOWN = 12
"""Facts that a judge of two portraits is shown."""


class Asking(NamedTuple):
    """A judge, and whose sample pays."""

    model: Judge
    ledger: Ledger
    sample: str
    prompt: Callable[[str], library.Prompt]
    """The version of a name that is asked with."""

    async def carried(self, facts: Sequence[str], sentence: str, lang: str, wording: Wording, turn: int = 1) -> float:
        """Log-odds that the facts carry a sentence."""
        told = {"facts": facts, "sentence": sentence, "language": lang}
        return await self._leaning("carried", YES_OR_NO, wording, turn, told)

    async def preferred(self, facts: Sequence[str], pair: Sequence[str], lang: str, wording: Wording) -> list[float]:
        """Log-odds that the first of two portraits is the better one, with it shown first, and last."""
        a, b = pair
        told = {"facts": facts, "language": lang}
        return [
            await self._leaning("preferred", A_OR_B, wording, 1, {**told, "a": a, "b": b}),
            -await self._leaning("preferred", A_OR_B, wording, 1, {**told, "a": b, "b": a}),
        ]

    async def preferred_again(self, facts: Sequence[str], pair: Sequence[str], lang: str, wording: Wording) -> float:
        """The first of these once more."""
        a, b = pair
        told = {"facts": facts, "language": lang, "a": a, "b": b}
        return await self._leaning("preferred", A_OR_B, wording, 2, told)

    async def _leaning(self, name: str, sides: Sides, wording: Wording, turn: int, told: Mapping[str, Any]) -> float:
        prompt = self.prompt(name)
        return await self.model.leaning(
            messages(prompt.render(strict=wording == "strict", **told)),
            sides=sides,
            purpose=prompt.id,
            prompt_digest=prompt.digest,
            turn=turn,
            user_id=self.sample,
            ledger=self.ledger,
        )


# --- the card ---


async def examined(sample: Sample, model: Judge, ledger: Ledger, app: App) -> dict[str, Any]:
    """What a judge says of a labelled sentence or pair: wording to log-odds, asked once, again, and turned round."""
    assert not isinstance(sample.given, History)
    given, asking = sample.given, Asking(model, ledger, sample.id, app.prompt)
    facts, lang = given["facts"], given["language"]
    said: dict[str, Any] = {}
    for wording in WORDINGS:
        if "sentence" in given:
            first, again = [await asking.carried(facts, given["sentence"], lang, wording, turn) for turn in (1, 2)]
            said[wording] = {"first": first, "again": again}
        else:
            pair = (given["a"], given["b"])
            first, turned = await asking.preferred(facts, pair, lang, wording)
            again = await asking.preferred_again(facts, pair, lang, wording)
            said[wording] = {"first": first, "turned": turned, "again": again}
    return said


def second_reader(sample: Sample, taxonomy: Taxonomy) -> dict[str, Any]:
    """What a second reader said, in a judge's terms; asked once, with neither wording."""
    ((_, label),) = sample.reference["second"].items()
    return {wording: {"first": 1.0 if label in (True, "a") else -1.0} for wording in WORDINGS}


def verdict(said: Mapping[str, float]) -> float:
    """Log-odds that decide: of two portraits the mean of both orders."""
    return (said["first"] + said.get("turned", said["first"])) / 2


def _labelled(kind: str, wording: Wording, sample: Sample, output: Output) -> Points | None:
    """The probability that a judge gives, and the label: of sentences, or of pairs."""
    if (kind == "carried") != ("carried" in sample.reference):
        return None
    right = sample.reference["carried"] if kind == "carried" else sample.reference["better"] == "a"
    return ((probability(verdict(output.output[wording])), float(right)),)


def _same(kind: str, wording: Wording, other: str, sample: Sample, output: Output) -> float | None:
    """Whether a judge says the same when it is asked again, or in the other order."""
    said = output.output[wording]
    if (kind == "carried") != ("carried" in sample.reference) or other not in said:
        return None
    return float((said["first"] > 0) == (said[other] > 0))


def wordings_agree(sample: Sample, output: Output) -> float:
    """Whether the strict and the lenient wording bring the same verdict."""
    strict, lenient = (verdict(output.output[wording]) for wording in WORDINGS)
    return float((strict > 0) == (lenient > 0))


def _card() -> Iterator[tuple[str, Scorer]]:
    for kind in ("carried", "preferred"):
        for wording in WORDINGS:
            name, labelled = f"{kind}_{wording}", partial(_labelled, kind, wording)
            yield f"{name}_kappa", Scorer(labelled, MetricKind(measure="kappa"))
            yield f"{name}_auc", Scorer(labelled, MetricKind(measure="auc"))
            yield f"{name}_again", Scorer(partial(_same, kind, wording, "again"))
            if kind == "preferred":
                yield f"{name}_turned", Scorer(partial(_same, kind, wording, "turned"))
    yield "wordings_agree", Scorer(wordings_agree, MetricKind(better=None))


JUDGE = Task(
    CARD,
    1,
    "a judge's card: agreement with labels, with itself asked again, and in the other order",
    JUDGEMENTS,
    {"judge": asking(examined, "carried", "preferred"), "second-reader": counting(second_reader)},
    dict(_card()),
)


def failings(found: Mapping[str, Summary], judge: str) -> list[str]:
    """What a card says against a judge, such as `carried_strict`; nothing where a gate may rest on it."""
    kappa = found[f"{judge}_kappa"]
    wrong: list[str] = []
    if kappa.low is None or kappa.low < FLOOR:
        wrong.append(f"its kappa is {_words(kappa)}, and the lower end must reach {FLOOR}")
    for other, how in (("again", "asked again"), ("turned", "in the other order")):
        same = found.get(f"{judge}_{other}")
        if same is not None and (same.mean is None or same.mean < STEADY):
            wrong.append(f"{how} its verdict is the same in {_words(same)}, and {STEADY} is asked for")
    return wrong


def _words(one: Summary) -> str:
    if one.mean is None:
        return "not known"
    return f"{one.mean:.2f} ({one.low:.2f} to {one.high:.2f}, n {one.n})"


def barred(run: Run, metric: str) -> str:
    """Why no gate may rest on a metric of a run; "" where it may, as on every metric that no judge scored."""
    header = run.header
    judge = header.metrics[metric].judge
    if not judge:
        return ""
    card = _card_of(Runs.beside(run), header)
    if card is None:
        return "A model judged it, and no card says how far it can be trusted: `limner eval run judge` makes one."
    wrong = failings(summary(card, judge), judge)
    return (
        f"A model judged it whose card, run {card.header.run}, does not allow it: {'; '.join(wrong)}." if wrong else ""
    )


def _card_of(runs: Runs, header: Header) -> Run | None:
    """The newest whole card of the judge of a run: the same model and wording."""
    for one in runs.every():
        whole = one.task == CARD and one.state == "done" and one.settings["limit"] is None
        same = one.model == header.model and header.prompts.items() <= one.prompts.items()
        if whole and same and one.task_version == JUDGE.version:
            return runs.open(one.run)
    return None


# --- portraits judged ---


@dataclass(frozen=True)
class Answers(Dataset):
    """What a run answered, as samples for a judge; paired with another run's where the runs themselves can be."""

    given: tuple[Sample, ...] = ()
    of: str = ""
    """Digest of the data that was answered."""

    @cached_property
    def digest(self) -> str:
        return self.of

    def samples(self, taxonomy: Taxonomy, *, limit: int | None = None, seed: int = 0) -> list[Sample]:
        return list(self.given)


def sentences(run: Run, samples: Mapping[str, Sample]) -> Task:
    """Every sentence of a run's personas, to be judged by the facts of the tags that it names.

    Args:
        samples: What the run answered, by id.

    Raises:
        InputError: it wrote no persona.
    """
    given = [
        _about(output, {"language": persona["language"], "sentences": told})
        for output in run.outputs().values()
        for persona in _of(output, "personas")[:1]
        if (told := _sentences(persona, output, samples[output.sample]))
    ]
    if not given:
        raise InputError(f"Run {run.header.run} wrote no persona, so that there is no sentence to judge.")
    scorers = {f"carried_{wording}": _judged("carried", partial(_carried, wording), wording) for wording in WORDINGS}
    return _task("carried", "sentences of personas that a judge finds carried by their tags", run, given, scorers)


def pairs(run: Run, against: Run, samples: Mapping[str, Sample]) -> Task:
    """The portraits of two runs of the same samples, of which a judge is to say which is better.

    Raises:
        InputError: the two cannot be paired.
    """
    ours, theirs = run.outputs(), against.outputs()
    given = [
        _about(ours[name], _pair(ours[name], theirs[name], samples[name])) for name in Paired(against, run).samples
    ]
    scorers = {f"preferred_{wording}": _judged("preferred", partial(_won, wording), wording) for wording in WORDINGS}
    about = f"portraits that a judge prefers to those of {against.header.run}"
    return _task("preferred", about, run, given, scorers)


def _task(name: str, about: str, run: Run, given: Sequence[Sample], scorers: Mapping[str, Scorer]) -> Task:
    header = run.header
    data = Answers(f"{header.dataset}, run {header.run}", (), _nothing, tuple(given), header.dataset_digest)
    ask: Callable[..., Any] = {"carried": _ask_sentences, "preferred": _ask_pair}[name]
    return Task(name, 1, about, data, {header.system: asking(ask, name)}, scorers)


def _judged(kind: str, score: Callable[[Sample, Output], Said], wording: Wording) -> Scorer:
    return Scorer(score, MetricKind(judge=f"{kind}_{wording}"))


def _nothing(files: object, taxonomy: Taxonomy) -> list[Sample]:
    return []


def _about(output: Output, given: Mapping[str, Any]) -> Sample:
    return Sample(output.sample, given, None, output.cluster, output.groups)


def _of(output: Output, part: str) -> list[dict[str, Any]]:
    return list(output.output.get(part, ())) if isinstance(output.output, dict) else []


def _sentences(told: Mapping[str, Any], output: Output, sample: Sample) -> list[dict[str, Any]]:
    tags = {tag["key"]: Tag.model_validate(tag) for tag in _of(output, "tags")}
    found = [
        (sentence["text"], [tags[key] for key in sentence["tags"] if key in tags]) for sentence in told["sentences"]
    ]
    return [{"text": text, "facts": _facts(named, sample, told["language"])} for text, named in found if named]


def _facts(tags: Sequence[Tag], sample: Sample, lang: Language) -> list[str]:
    """Tags in the words in which a persona is asked for."""
    events: dict[str, Event] = {event.event_id: event for event in sample.history.events}
    kinds = {event.kind for event in sample.history.events}
    return [fact.line for point in facts.points(tags, events, kinds, lang, taxonomy.load()) for fact in point]


def _pair(ours: Output, theirs: Output, sample: Sample) -> dict[str, Any]:
    written: list[Language] = [one["language"] for one in _of(ours, "personas")]
    lang = written[0] if written else language(sample.history.events)
    proven = [Tag.model_validate(tag) for one in (ours, theirs) for tag in _of(one, "tags") if "status" in tag]
    shown = dict.fromkeys(_facts(proven, sample, lang))
    return {"language": lang, "facts": list(shown)[:SHOWN], "a": _portrait(ours, lang), "b": _portrait(theirs, lang)}


def _portrait(output: Output, lang: Language) -> str:
    """The persona; the tags in words where there is none."""
    texts = [sentence["text"] for one in _of(output, "personas")[:1] for sentence in one["sentences"]]
    leans = {"en": ("is", "likes", "dislikes"), "zh": ("", "喜欢", "不喜欢")}[lang]
    named = [f"{leans[tag['polarity']]} {tag['label'][lang]}".strip() for tag in _of(output, "tags")]
    return ("" if lang == "zh" else " ").join(texts) if texts else ", ".join(named)


async def _ask_sentences(sample: Sample, model: Judge, ledger: Ledger, app: App) -> dict[str, list[float]]:
    assert not isinstance(sample.given, History)
    asking, lang = Asking(model, ledger, sample.id, app.prompt), sample.given["language"]
    return {
        wording: [await asking.carried(one["facts"], one["text"], lang, wording) for one in sample.given["sentences"]]
        for wording in WORDINGS
    }


async def _ask_pair(sample: Sample, model: Judge, ledger: Ledger, app: App) -> dict[str, list[float]]:
    assert not isinstance(sample.given, History)
    given, asking = sample.given, Asking(model, ledger, sample.id, app.prompt)
    pair = (given["a"], given["b"])
    if given["a"] == given["b"]:
        return {wording: [0.0, 0.0] for wording in WORDINGS}
    return {wording: await asking.preferred(given["facts"], pair, given["language"], wording) for wording in WORDINGS}


def _carried(wording: Wording, sample: Sample, output: Output) -> Tally:
    said = output.output[wording]
    return Tally(sum(leaning > 0 for leaning in said), len(said))


def _won(wording: Wording, sample: Sample, output: Output) -> float:
    """1 where the portrait is preferred, 0 where the other one is, one half where neither."""
    leaning = sum(output.output[wording])
    return 0.5 if leaning == 0 else float(leaning > 0)
