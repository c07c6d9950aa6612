"""Questions about one person against what data sets know of them: `python -m evals.memory recall`.

    python -m evals.memory recall      what each stage of retrieval is worth on LoCoMo; no model is asked
    python -m evals.memory unasked     what code answers or leaves unanswered on LoCoMo by itself
    python -m evals.memory locomo      answers, abstention and tokens beside full context and plain retrieval
    python -m evals.memory memdaily    Chinese four-way choice with and without the history
    python -m evals.memory persona     PersonaBench answers beside plain retrieval

The sets are not part of limner (their terms). LoCoMo's categories go by id (1 multi-hop, 2 temporal, 3 open-domain, 4
single-hop, 5 adversarial), with the official labels and the official F1. Whatever was chosen by measuring was chosen on
the conversations `FITTED`; the others are reported. Intervals are resampled by conversation or user, and what is
compared answered the same questions with the same model.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import re
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import bm25s
import numpy as np
import orjson
import typer
from numpy.typing import NDArray

from agents.ask import LEAST_SURE, MOST_CHARACTERS, Person, read, shown, without_a_model
from agents.dating import WHEN, dating
from agents.digest import safe
from agents.embedder import Embedder
from agents.model import (
    AnswerT,
    Heard,
    Ledger,
    Message,
    VllmModel,
    Weighed,
    messages,
    request_digest,
    unopposed,
    unrecorded,
)
from agents.recall import MEANING, Memory, fused, said
from agents.when import asks_for_now, day, window
from evals.answers import locomo_f1, token_f1
from evals.datasets import histories
from evals.scorers import Metric, by_user
from evals.synonyms import Once
from evals.task import DATA
from limner import settings, show
from limner.app import App
from limner.domain import Event, ModelCall
from prompts import library, taxonomy
from prompts.answers import ChoiceAnswer, UnaidedAnswer

FITTED = frozenset({"conv-26", "conv-30", "conv-41"})
K = 10
ANSWERED = frozenset({1, 2, 3, 4})
AT_ONCE = 6
CONTEXT = 3_000
"""Tokens of the history that the full-context baseline reads, the newest first: what a context of 4,096 leaves."""
MAX_TOKENS = 120
KEPT = Path("memory-answers.jsonl")

_UNSAID = re.compile(r"not mentioned|no information|does not say|not say|unknown", re.IGNORECASE)

cli = typer.Typer(no_args_is_help=True, help=__doc__)

Data = Annotated[Path, typer.Option(help="Folder of the data sets.")]
Most = Annotated[int, typer.Option(min=1, help="Questions, drawn by hash.")]
Keep = Annotated[Path, typer.Option(help="File that keeps the answers: a second run asks nothing twice.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]


class Question(NamedTuple):
    id: str
    group: str
    """Conversation or user, which is resampled whole."""
    text: str
    answer: str
    """"" where the history does not say."""
    category: int
    evidence: frozenset[str]


class Answered(NamedTuple):
    text: str
    abstained: bool
    citations: frozenset[str]
    tokens: int
    """In and out."""
    seconds: float


def locomo(folder: Path) -> tuple[dict[str, list[Event]], list[Question]]:
    """The conversations, each as one history of both speakers, and the questions."""
    found: dict[str, list[Event]] = defaultdict(list)
    for row in _rows(folder / "locomo" / "events.jsonl"):
        event = Event.model_validate(row)
        found[event.meta["conversation"]].append(event)
    for turns in found.values():
        turns.sort(key=lambda turn: (turn.meta["session"], turn.meta["turn"]))
    questions = [
        Question(
            row["question_id"],
            row["question_id"].split("/")[0],
            row["question"],
            str(row["answer"]) if row["answerable"] else "",
            row["category_id"],
            frozenset(row["evidence"]),
        )
        for row in _rows(folder / "locomo" / "questions.jsonl")
    ]
    return found, questions


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of a data set, which may be packed."""
    packed = path.with_name(f"{path.name}.gz")
    return histories.rows(packed if packed.exists() else path)


def remembered(events: Sequence[Event]) -> Memory:
    by_id = {event.event_id: event for event in events}
    return Memory(events, lambda ids: {one: by_id[one] for one in ids})


def mean(values: Sequence[float], groups: Sequence[str]) -> Metric:
    """The mean with its 95 % interval, groups resampled whole."""
    if not values:
        return Metric(float("nan"), float("nan"), float("nan"), 0)
    return by_user(lambda said, _: float(said.mean()), groups, np.array(values, float), np.zeros(len(values)))


def evidence_recall(found: Sequence[str], evidence: frozenset[str], k: int = K) -> float:
    """Share of the evidence among the first k; of more than k, as many as could be there."""
    return len(evidence.intersection(found[:k])) / min(k, len(evidence))


def stages(events: Sequence[Event], embedder: Embedder) -> dict[str, Callable[[str], list[str]]]:
    """Retrieval as it grows, stage by stage: a question to ids of events, best first."""
    memory, plain = remembered(events), _words_as_they_come(events)
    every = np.arange(len(events))

    def best(scores: NDArray[np.float32]) -> list[int]:
        return [int(row) for row in np.argsort(-scores, kind="stable")]

    def meant(question: str) -> list[int]:
        words = best(memory.by_words(question) * memory.own(question))
        alike = best(memory.by_meaning(question, every, embedder.embed) * memory.own(question))
        return [row for row, _ in fused([(words, 1.0), (alike, MEANING)])]

    def all_of_it(question: str) -> list[int]:
        asked = window(question, memory.newest) if memory.newest else None
        hits = memory.recalled(question, K, embed=embedder.embed, window=asked, newest=asks_for_now(question))
        return [hit.row for hit in hits]

    ways: dict[str, Callable[[str], list[int]]] = {
        "words as they come (BM25)": lambda question: best(plain(question)),
        "+ stems, stop words": lambda question: best(memory.by_words(question, 0)),
        "+ neighbours": lambda question: best(memory.by_words(question)),
        "+ who speaks": lambda question: best(memory.by_words(question) * memory.own(question)),
        "+ meaning": meant,
        "+ time": all_of_it,
        "meaning alone": lambda question: best(memory.by_meaning(question, every, embedder.embed, 0)),
    }
    return {
        name: lambda question, way=way: [memory.ids[row] for row in way(question)[:K]]  # type: ignore[misc]
        for name, way in ways.items()
    }


def _words_as_they_come(events: Sequence[Event]) -> Callable[[str], NDArray[np.float32]]:
    index = bm25s.BM25()
    index.index([re.findall(r"\w+", said(event).lower()) for event in events], show_progress=False)
    return lambda question: np.asarray(index.get_scores(re.findall(r"\w+", question.lower())))


@cli.command()
def recall(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> None:
    """Evidence recall@10 on LoCoMo, stage by stage, by category id."""
    conversations, questions = locomo(_there(data))
    questions = [one for one in questions if one.evidence]
    embedder = Once(_embedder())
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    with show.bar("Questions", "questions") as bar:
        done = 0
        for name, events in conversations.items():
            ways = stages(events, embedder)
            own = [one for one in questions if one.group == name]
            for one in own:
                for stage, way in ways.items():
                    scores[stage][one.id] = evidence_recall(way(one.text), one.evidence)
                bar.at(done := done + 1, len(questions))

    def metric(stage: str, chosen: Sequence[Question]) -> Metric:
        return mean([scores[stage][one.id] for one in chosen], [one.group for one in chosen])

    parts = {
        "all": questions,
        "reported": [one for one in questions if one.group not in FITTED],
        "reported, ids 1 to 4": [one for one in questions if one.group not in FITTED and one.category in ANSWERED],
        **{f"id {number}": [one for one in questions if one.category == number] for number in range(1, 6)},
    }
    results = {stage: {part: metric(stage, chosen) for part, chosen in parts.items()} for stage in scores}
    if as_json:
        show.document({stage: {part: one._asdict() for part, one in by.items()} for stage, by in results.items()})
        return
    show.table(
        ("evidence recall@10", *(f"{part}, n {len(chosen)}" for part, chosen in parts.items())),
        [
            (stage, *(one.words() if not part.startswith("id") else f"{one.mean:.3f}" for part, one in by.items()))
            for stage, by in results.items()
        ],
    )


@cli.command()
def unasked(data: Data = DATA, as_json: AsJson = False) -> None:
    """What code answers alone on LoCoMo: where it abstains, and the dates it tells; no model is asked."""
    conversations, questions = locomo(_there(data))
    known = taxonomy.load()
    memories = {name: remembered(events) for name, events in conversations.items()}
    replies = {
        one.id: without_a_model(one.text, Person(one.group, memories[one.group]), taxonomy=known) for one in questions
    }

    def metrics(chosen: Sequence[Question]) -> dict[str, Metric]:
        def over(values: Iterable[tuple[Question, float]]) -> Metric:
            pairs = list(values)
            return mean([value for _, value in pairs], [one.group for one, _ in pairs])

        silent = {one.id for one in chosen if (reply := replies[one.id]) is not None and reply.abstained}
        told = {one.id: reply for one in chosen if (reply := replies[one.id]) is not None and not reply.abstained}
        when = [one for one in chosen if one.answer and WHEN.search(one.text)]
        return {
            "abstention recall": over((one, float(one.id in silent)) for one in chosen if not one.answer),
            "abstention precision": over((one, float(not one.answer)) for one in chosen if one.id in silent),
            "abstained from what has an answer": over((one, float(one.id in silent)) for one in chosen if one.answer),
            "asked for a time, and told": over((one, float(one.id in told)) for one in when),
            "F1 of the times told": over(
                (one, locomo_f1(told[one.id].answer, one.answer, one.category)) for one in when if one.id in told
            ),
        }

    _tell(
        {
            "chosen on": metrics([one for one in questions if one.group in FITTED]),
            "reported": metrics([one for one in questions if one.group not in FITTED]),
        },
        as_json,
    )


class Kept:
    """A model whose answers are kept in a file, so that a run goes on where it stopped and can be scored again."""

    def __init__(self, model: VllmModel, path: Path) -> None:
        self.name, self.count_tokens, self.aclose = model.name, model.count_tokens, model.aclose
        self._model, self._path = model, path
        rows = [orjson.loads(line) for line in path.read_bytes().splitlines()] if path.exists() else []
        self._known = {row["request"]: row for row in rows}

    async def answer(
        self,
        chat: Sequence[Message],
        schema: type[AnswerT],
        *,
        purpose: str,
        prompt_digest: str,
        max_tokens: int,
        user_id: str | None = None,
        ledger: Ledger = unrecorded,
        check: Callable[[AnswerT], str | None] = unopposed,
        heard: Heard | None = None,
        weighed: Weighed | None = None,
    ) -> AnswerT:
        """As `Model.answer`; the ledger is told again of what was kept."""
        request = request_digest(chat, schema, self.name, max_tokens)
        if (known := self._known.get(request)) is not None:
            for call in known["calls"]:
                ledger(ModelCall.model_validate(call))
            if weighed is not None and known["logprob"] is not None:
                weighed(known["logprob"])
            return schema.model_validate(known["answer"])
        calls, sure = list[ModelCall](), list[float]()
        answer = await self._model.answer(
            chat,
            schema,
            purpose=purpose,
            prompt_digest=prompt_digest,
            max_tokens=max_tokens,
            user_id=user_id,
            ledger=calls.append,
            check=check,
            heard=heard,
            weighed=sure.append,
        )
        self._keep(request, answer.model_dump(mode="json"), [one.model_dump() for one in calls], *sure)
        for call in calls:
            ledger(call)
        if weighed is not None and sure:
            weighed(*sure)
        return answer

    async def choice(self, chat: Sequence[Message], words: Sequence[str]) -> str:
        """As `VllmModel.choice`."""
        request = request_digest(chat, ChoiceAnswer, self.name, 1)
        if request not in self._known:
            self._keep(request, await self._model.choice(chat, words), [])
        return str(self._known[request]["answer"])

    def _keep(self, request: str, answer: Any, calls: list[Any], logprob: float | None = None) -> None:
        row = {"request": request, "answer": answer, "calls": calls, "logprob": logprob}
        with self._path.open("ab") as file:
            file.write(orjson.dumps(row) + b"\n")
        self._known[request] = row


Way = Callable[[Question], Awaitable[Answered]]


class Bench:
    """The ways of answering that are compared, over one model and embedder."""

    def __init__(self, model: Kept, embedder: Embedder) -> None:
        self._model, self._embedder = model, embedder
        self._taxonomy = taxonomy.load()

    async def limner(self, question: Question, memory: Memory, *, guarded: bool = True) -> Answered:
        """As `limner ask` answers; unguarded, also what it would withhold."""
        calls, begun, person = list[ModelCall](), time.monotonic(), Person(question.group, memory)
        reply = without_a_model(question.text, person, taxonomy=self._taxonomy)
        if reply is not None and reply.abstained and not guarded:
            reply = dating(question.text, memory, "en")
        if reply is None:
            reply = await read(
                question.text,
                person,
                model=self._model,
                prompt=library.default("answer"),
                embed=self._embedder.embed,
                ledger=calls.append,
                least_sure=LEAST_SURE if guarded else -math.inf,
            )
        text = "" if reply.abstained else reply.answer
        return Answered(text, reply.abstained, frozenset(reply.citations), _tokens(calls), time.monotonic() - begun)

    async def plain(self, question: Question, events: Sequence[Event]) -> Answered:
        """What the model answers from these events as they come."""
        calls, begun = list[ModelCall](), time.monotonic()
        told = [_plain_line(event) for event in events]
        answer = await self._asked("unaided", UnaidedAnswer, calls, question.group, lines=told, question=question.text)
        unsaid = bool(_UNSAID.search(answer.answer)) or not answer.answer.strip()
        return Answered(answer.answer, unsaid, frozenset(), _tokens(calls), time.monotonic() - begun)

    async def chosen(self, question: Question, choices: Mapping[str, str], lines: Sequence[str]) -> Answered:
        """Which of some answers the model takes, by its log-probabilities of their letters."""
        begun = time.monotonic()
        listed = [f"{letter}. {safe(text)}" for letter, text in choices.items()]
        rendered = library.default("choose").render(lines=list(lines), question=safe(question.text), choices=listed)
        letter = await self._model.choice(messages(rendered), list(choices))
        tokens = self._model.count_tokens(rendered.system + rendered.user) + 1
        return Answered(letter, False, frozenset(), tokens, time.monotonic() - begun)

    def recalled(self, question: Question, memory: Memory) -> list[str]:
        """The lines that limner would have the model read."""
        found = shown(
            question.text,
            Person(question.group, memory),
            embed=self._embedder.embed,
            asked=None,
            at=memory.newest or datetime.now(UTC),
            lang="zh",
            count_tokens=self._model.count_tokens,
        )
        return [line.text for line in found.values()]

    def newest_that_fit(self, events: Sequence[Event]) -> list[Event]:
        """The newest events, as many as the full-context baseline reads."""
        used, kept = 0, list[Event]()
        for event in reversed(events):
            used += self._model.count_tokens(_plain_line(event)) + 1
            if used > CONTEXT:
                break
            kept.append(event)
        return kept[::-1]

    async def _asked(
        self, name: str, schema: type[AnswerT], calls: list[ModelCall], group: str, **inputs: Any
    ) -> AnswerT:
        prompt = library.default(name)
        rendered = prompt.render(**inputs)
        return await self._model.answer(
            messages(rendered),
            schema,
            purpose=prompt.id,
            prompt_digest=prompt.digest,
            max_tokens=MAX_TOKENS,
            user_id=group,
            ledger=calls.append,
        )


def _plain_line(event: Event) -> str:
    speaker = event.meta.get("speaker") or event.kind
    return f"{day(event.ts, 'en') if event.ts else '?'} {speaker}: {safe(event.text[:MOST_CHARACTERS])}"


def _tokens(calls: Sequence[ModelCall]) -> int:
    return sum(call.tokens_in + call.tokens_out for call in calls)


async def _over(questions: Sequence[Question], ways: Mapping[str, Way], bar: show.Bar) -> dict[str, list[Answered]]:
    """Every question answered every way before the next, some at once."""
    turnstile, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(question: Question, way: Way) -> Answered:
        nonlocal done
        async with turnstile:
            answered = await way(question)
        bar.at(done := done + 1, len(questions) * len(ways))
        return answered

    found = await asyncio.gather(*(one(question, way) for question in questions for way in ways.values()))
    return {name: found[at :: len(ways)] for at, name in enumerate(ways)}


def _sampled(questions: Sequence[Question], most: int) -> list[Question]:
    """At most so many, drawn by the digest of their id."""
    return sorted(questions, key=lambda one: hashlib.blake2b(one.id.encode()).digest())[:most]


def _run(
    questions: Sequence[Question], keep: Path, ways: Callable[[Bench], Mapping[str, Way]]
) -> dict[str, list[Answered]]:
    app = App(settings.read())

    async def asked(given: VllmModel, embedder: Embedder, bar: show.Bar) -> dict[str, list[Answered]]:
        try:
            return await _over(questions, ways(Bench(Kept(given, keep), embedder)), bar)
        finally:
            await given.aclose()

    with show.bar("Answers", "answers") as bar:
        embedder = Once(app.embedder(lambda stage, done, total, unit: bar.at(done, total or None, title=stage)))
        with app.model(lambda stage, done, total, unit: bar.at(done, total or None, title=stage)) as given:
            results = asyncio.run(asked(given, embedder, bar))
    app.close()
    return results


def _embedder() -> Embedder:
    app = App(settings.read())
    with show.bar("Embedder", "") as bar:
        embedder = app.embedder(lambda stage, done, total, unit: bar.at(done, total or None, unit=unit, title=stage))
    app.close()
    return embedder


def _there(data: Path) -> Path:
    if not data.is_dir():
        raise typer.BadParameter(f"{data} is not there: the data sets are not part of limner.")
    return data


@cli.command(name="locomo")
def answers(
    data: Data = DATA,
    questions: Most = 120,
    keep: Keep = KEPT,
    fitted: Annotated[bool, typer.Option("--fitted", help="The conversations that choices are made on.")] = False,
    whole: Annotated[bool, typer.Option("--full/--no-full", help="With full context, whose prompts are long.")] = True,
    as_json: AsJson = False,
) -> None:
    """Answer F1, abstention, cited evidence and tokens on LoCoMo, beside plain retrieval and full context."""
    conversations, every = locomo(_there(data))
    asked = _sampled([one for one in every if (one.group in FITTED) == fitted], questions)
    memories = {name: remembered(conversations[name]) for name in {one.group for one in asked}}

    def ways(bench: Bench) -> Mapping[str, Way]:
        fitting = {name: bench.newest_that_fit(conversations[name]) for name in memories}

        first: dict[str, asyncio.Task[Answered]] = {}

        async def limner(one: Question) -> Answered:
            first[one.id] = asyncio.create_task(bench.limner(one, memories[one.group]))
            return await first[one.id]

        async def plain(one: Question) -> Answered:
            return await bench.plain(one, _by_words(memories[one.group], one.text))

        async def full(one: Question) -> Answered:
            return await bench.plain(one, fitting[one.group])

        async def unguarded(one: Question) -> Answered:
            answered = await first[one.id]
            return await bench.limner(one, memories[one.group], guarded=False) if answered.abstained else answered

        return {"limner": limner, "plain": plain} | ({"full": full} if whole else {}) | {"unguarded": unguarded}

    results = _run(asked, keep, ways)
    scores = {name: _locomo_scores(asked, found) for name, found in results.items()}
    if "limner" in results:
        scores["limner"] |= _ahead(asked, results, _score)
    _tell(scores, as_json)


def _score(question: Question, answered: Answered) -> float:
    return (
        0.0 if answered.abstained else locomo_f1(answered.text.replace("; ", ", "), question.answer, question.category)
    )


def _locomo_scores(questions: Sequence[Question], answered: Sequence[Answered]) -> dict[str, Metric]:
    pairs = list(zip(questions, answered, strict=True))

    def over(values: Sequence[tuple[Question, float]]) -> Metric:
        return mean([value for _, value in values], [one.group for one, _ in values])

    known = [(one, found) for one, found in pairs if one.answer]
    unknown = [(one, found) for one, found in pairs if not one.answer]
    return {
        "F1, ids 1 to 4": over([(one, _score(one, found)) for one, found in known if one.category in ANSWERED]),
        **{
            f"F1, id {number}": over([(one, _score(one, found)) for one, found in known if one.category == number])
            for number in sorted(ANSWERED)
        },
        "abstention recall": over([(one, float(found.abstained)) for one, found in unknown]),
        "abstention precision": over([(one, float(not one.answer)) for one, found in pairs if found.abstained]),
        "a cited event is evidence": over(
            [(one, float(bool(found.citations & one.evidence))) for one, found in known if found.citations]
        ),
        "tokens": over([(one, float(found.tokens)) for one, found in pairs]),
        "seconds": over([(one, found.seconds) for one, found in pairs]),
    }


def _tell(results: Mapping[str, Mapping[str, Metric]], as_json: bool) -> None:
    if as_json:
        show.document({name: {key: one._asdict() for key, one in by.items()} for name, by in results.items()})
        return
    metrics = dict.fromkeys(metric for by in results.values() for metric in by)
    show.table(
        ("", *results),
        [(name, *(by[name].counted() if name in by else "" for by in results.values())) for name in metrics],
    )


def _ahead(
    questions: Sequence[Question],
    results: Mapping[str, Sequence[Answered]],
    score: Callable[[Question, Answered], float],
) -> dict[str, Metric]:
    """How far limner is ahead of each other way, question by question."""
    found: dict[str, Metric] = {}
    for name in [name for name in results if name != "limner"]:
        rows = zip(questions, results["limner"], results[name], strict=True)
        deltas = [(one.group, score(one, ours) - score(one, theirs)) for one, ours, theirs in rows if one.answer]
        found[f"ahead of {name}"] = mean([delta for _, delta in deltas], [group for group, _ in deltas])
    return found


@cli.command()
def memdaily(
    data: Data = DATA,
    questions: Most = 150,
    keep: Keep = KEPT,
    fitted: Annotated[bool, typer.Option("--fitted", help="The users that choices are made on.")] = False,
    as_json: AsJson = False,
) -> None:
    """Accuracy of a choice of four: with what limner recalls, nothing, plain retrieval, the whole log."""
    folder = _there(data) / "memdaily"
    logs: dict[str, list[Event]] = defaultdict(list)
    for row in _rows(folder / "events.jsonl"):
        event = Event.model_validate(row)
        logs[event.meta["log"]].append(event)
    rows = {row["question_id"]: row for row in _rows(folder / "questions.jsonl")}
    every = [
        Question(name, row["user_id"], row["question"], row["correct_choice"], 0, frozenset(row["evidence"]))
        for name, row in rows.items()
    ]
    asked = _sampled([one for one in every if _chosen_on(one.group) == fitted], questions)

    def ways(bench: Bench) -> Mapping[str, Way]:
        def over(lines: Callable[[Question, list[Event]], Sequence[str]]) -> Way:
            async def way(one: Question) -> Answered:
                return await bench.chosen(one, rows[one.id]["choices"], lines(one, logs[rows[one.id]["log"]]))

            return way

        return {
            "nothing": over(lambda one, log: ()),
            "limner": over(lambda one, log: bench.recalled(one, remembered(log))),
            "plain": over(lambda one, log: [_plain_line(event) for event in _by_words(remembered(log), one.text)]),
            "full": over(lambda one, log: [_plain_line(event) for event in log]),
        }

    def right(question: Question, answered: Answered) -> float:
        return float(question.answer == answered.text)

    results = _run(asked, keep, ways)
    scores = {name: _choice_scores(asked, found, rows, right) for name, found in results.items()}
    scores["limner"] |= _ahead(asked, results, right)
    _tell(scores, as_json)


def _chosen_on(user: str) -> bool:
    """Whether a user of MemDaily is of the third that choices were made on."""
    return hashlib.blake2b(user.encode()).digest()[0] % 3 == 0


def _choice_scores(
    questions: Sequence[Question],
    answered: Sequence[Answered],
    rows: Mapping[str, Mapping[str, Any]],
    right: Callable[[Question, Answered], float],
) -> dict[str, Metric]:
    pairs = list(zip(questions, answered, strict=True))
    kinds = sorted({rows[one.id]["category"] for one in questions})
    groups = [one.group for one in questions]
    return {
        "accuracy": mean([right(one, found) for one, found in pairs], groups),
        **{
            f"accuracy, {kind}": mean(
                [right(one, found) for one, found in pairs if rows[one.id]["category"] == kind],
                [one.group for one in questions if rows[one.id]["category"] == kind],
            )
            for kind in kinds
        },
        "tokens": mean([found.tokens for found in answered], groups),
    }


@cli.command()
def persona(data: Data = DATA, questions: Most = 40, keep: Keep = KEPT, as_json: AsJson = False) -> None:
    """Word F1 of answers about four people of PersonaBench, beside plain retrieval; choices among letters left out."""
    folder = _there(data) / "personabench"
    users: dict[str, list[Event]] = defaultdict(list)
    for row in _rows(folder / "events.jsonl"):
        event = Event.model_validate(row)
        users[event.user_id].append(event)
    for events in users.values():
        events.sort(key=lambda event: event.ts.timestamp() if event.ts else 0.0)
    every = [
        Question(row["question_id"], row["user_id"], row["question"], _gold(row["answer"]), 0, frozenset())
        for row in _rows(folder / "questions.jsonl")
        if row["category"] != "Subjective"
    ]
    asked = _sampled(every, questions)
    memories = {name: remembered(events) for name, events in users.items()}

    def ways(bench: Bench) -> Mapping[str, Way]:
        async def limner(one: Question) -> Answered:
            return await bench.limner(one, memories[one.group])

        async def plain(one: Question) -> Answered:
            return await bench.plain(one, _by_words(memories[one.group], one.text))

        return {"limner": limner, "plain": plain}

    def score(question: Question, answered: Answered) -> float:
        return 0.0 if answered.abstained else token_f1(answered.text, [question.answer]) or 0.0

    results = _run(asked, keep, ways)
    groups = [one.group for one in asked]
    scores = {
        name: {
            "F1": mean([score(one, answered) for one, answered in zip(asked, found, strict=True)], groups),
            "abstained": mean([float(answered.abstained) for answered in found], groups),
            "tokens": mean([answered.tokens for answered in found], groups),
        }
        for name, found in results.items()
    }
    scores["limner"] |= _ahead(asked, results, score)
    _tell(scores, as_json)


def _gold(answer: Any) -> str:
    """A gold answer in words: a text, a number, or a list or mapping of them."""
    if isinstance(answer, Mapping):
        return " ".join(f"{name} {_gold(value)}" for name, value in answer.items())
    return ", ".join(map(_gold, answer)) if isinstance(answer, list) else str(answer)


def _by_words(memory: Memory, question: str) -> list[Event]:
    """What plain retrieval reads: the ten best by BM25, oldest first."""
    rows = np.argsort(-memory.by_words(question, 0), kind="stable")[:K].tolist()
    return memory.events(sorted(rows))


if __name__ == "__main__":
    cli()
