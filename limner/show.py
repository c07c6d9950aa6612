"""How results look to a person: tables, cards and progress bars. What a program reads is `document` and `lines`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import orjson
from rich import box
from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from agents import recency
from limner.domain import (
    Event,
    Evidence,
    Judgement,
    Language,
    Outcome,
    Override,
    Profile,
    Revision,
    RunSummary,
    SignalKind,
    Tag,
    TagChange,
    TagVersion,
)
from prompts.taxonomy import Taxonomy


class Out(Console):
    """stdout; that its reader has gone (`| head`) is for the command line to deal with."""

    def on_broken_pipe(self) -> NoReturn:
        raise BrokenPipeError


out = Out(highlight=False)
err = Console(stderr=True, highlight=False)

SIGNS = {1: ("+", "green"), -1: ("−", "red"), 0: ("•", "cyan")}
LEANS = {1: "likes", -1: "dislikes", 0: "is"}
LEFT_TO_CODE = {"propose": "names tags", "persona": "words personas"}
SIGNALS = {
    SignalKind.EXPLICIT_POSITIVE: ("+ said", "green"),
    SignalKind.IMPLICIT_POSITIVE: ("+ did", "green"),
    SignalKind.EXPLICIT_NEGATIVE: ("− said", "red"),
    SignalKind.IMPLICIT_NEGATIVE: ("− did", "red"),
    SignalKind.STATED: ("• stated", "cyan"),
}
"""What the user said (ratings, reviews, words) or did (purchases, plays, skips), for or against."""
INDENT = 4
QUIET_SECONDS = 5.0
"""How often progress is told where there is no terminal."""
TELLING = 5
"""Dead letters that a summary names."""


def document(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=_plain).decode() + "\n")


def lines(values: Iterable[Any]) -> None:
    """One JSON document a line on stdout."""
    for value in values:
        sys.stdout.write(orjson.dumps(value, default=_plain).decode() + "\n")


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "_asdict"):
        return value._asdict()
    return list(value) if isinstance(value, Iterable) else str(value)


def profile_document(profile: Profile, lang: Language | None) -> dict[str, Any]:
    """A profile in the shape that scripts rely on."""
    whole = profile.model_dump(mode="json")
    personas = [
        {"text": text.text, **text.model_dump(mode="json")}
        for text in profile.personas
        if lang in {None, text.language}
    ]
    return whole | {"persona": personas[0] if personas else None, "personas": personas}


def card(profile: Profile, events: Mapping[str, Event], known: Taxonomy, lang: Language | None) -> None:
    """A profile: the persona, then each tag with what proves it and one event of it.

    Args:
        events: The first event that each tag cites, by id.
        known: Names the facets.
    """
    shown = lang or (profile.personas[0].language if profile.personas else "en")
    told = [text for text in profile.personas if text.language == shown]
    body = Text("\n\n").join(Text(text.text) for text in told)
    if not told:
        body.append(
            f"No persona in {shown} yet: `limner run --lang {shown}` writes one."
            if profile.tags
            else "Nothing is proven yet: too few events agree. `--include candidates` shows what is open.",
            style="dim",
        )
    title = f"[b]{escape(profile.user_id)}[/b] · revision {profile.revision} of {profile.created_at:%Y-%m-%d}"
    out.print(Panel(body, title=title, title_align="left", border_style="cyan", padding=(0, 1)))
    _tags(profile.tags, events, known, shown)
    out.print()


def _tags(tags: Sequence[Tag], events: Mapping[str, Event], known: Taxonomy, lang: Language) -> None:
    """Two lines a tag: what it says and how sure that is; an event that it rests on."""
    names = [getattr(tag.label, lang) for tag in tags]
    facets = [getattr(known.facets[tag.facet].label, lang) if tag.facet in known.facets else tag.facet for tag in tags]
    width, room = (min(max(map(cell_len, column), default=0), most) for column, most in ((names, 26), (facets, 14)))
    order = sorted(zip(tags, names, facets, strict=True), key=lambda row: (row[0].status == "candidate", _turn(row[0])))
    for tag, name, facet in order:
        sign, colour = ("?", "yellow") if tag.status == "candidate" else SIGNS[tag.polarity]
        line = Text.assemble(
            (f" {sign} ", colour),
            _cell(name, width, "bold"),
            "  ",
            _cell(facet, room, "dim"),
            f"  {tag.probability:.2f}  ",
            ("sensitive: " if lang == "en" else "敏感：", "red") if tag.sensitive else "",
            _proof(tag, known, lang),
        )
        out.print(_fitted(line))
        event = events.get(tag.evidence[0].event_id) if tag.evidence else None
        if event is not None:
            out.print(_fitted(Text(" " * INDENT + _event(event), style="dim")))


def _turn(tag: Tag) -> int:
    """Likes first, then dislikes, then plain facts."""
    return (1, -1, 0).index(tag.polarity)


def _cell(text: str, width: int, style: str) -> Text:
    cell = Text(text, style=style)
    cell.truncate(width, overflow="ellipsis", pad=True)
    return cell


def _fitted(line: Text) -> Text:
    line.truncate(out.width, overflow="ellipsis")
    return line


def _proof(tag: Tag, known: Taxonomy, lang: Language) -> str:
    """Why a tag holds, in few words; for a candidate, why it does not yet."""
    if tag.status == "candidate":
        return f"{LEANS[tag.polarity]}? {tag.reason}" if lang == "en" else tag.reason
    if tag.status == "pinned":
        return tag.corrected
    said, positive, negative = tag.counts.said(tag.polarity), _for(tag), _against(tag)
    if tag.measure is not None:
        if tag.key.startswith(recency.GROUP) and lang == "zh":
            return f"最近一次在查询日的{tag.measure:.0f}天前"
        term = known.terms.get(tag.key)
        if term is None:
            return tag.reason
        what = getattr(term.description, lang) if term.description is not None else tag.reason
        return f"{tag.measure:.2f}: {what}" if lang == "en" else f"{tag.measure:.2f}：{what}"
    if lang == "zh":
        if tag.basis == "stated":
            return f"本人说过{said}次"
        off = "" if tag.lift is None else f"比自己的平均分{'高' if tag.lift > 0 else '低'}{abs(tag.lift):.1f}星，"
        return f"{off}支持{positive}次，相反{negative}次"
    if tag.basis == "stated":
        return "in their own words" + (f", {said} times" if said > 1 else "")
    off = "" if tag.lift is None else f"{abs(tag.lift):.1f} stars {'above' if tag.lift > 0 else 'below'} own mean, "
    return f"{off}{positive} for, {negative} against"


def _for(tag: Tag) -> int:
    counts = tag.counts
    return (
        counts.explicit_negative + counts.implicit_negative
        if tag.polarity < 0
        else counts.explicit_positive + counts.implicit_positive
    )


def _against(tag: Tag) -> int:
    return tag.counts.total - tag.counts.stated - _for(tag)


def _event(event: Event) -> str:
    """An event on one line: when, what, where it is found."""
    when = f"{event.ts:%Y-%m-%d} " if event.ts else ""
    return f"{event.event_id}  {when}{_deed(event)}  {_words(event)}"


def _deed(event: Event) -> str:
    return event.kind + (f" {event.value:g}" if event.value is not None else "")


def _words(event: Event) -> str:
    """The title of an event's item and what was written."""
    title = " ".join(str(event.item.get("title") or "").split())
    text = " ".join(event.text.split())
    return text if not title or title in text else f"“{title}” {text}".rstrip()


def evidence(user: str, tag: str, found: Sequence[tuple[Evidence, Event]]) -> None:
    """The events that speak about a tag."""
    grid = Table("event", "when", "signal", "deed", "what happened", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in grid.columns[:4]:
        column.no_wrap = True
    grid.columns[-1].overflow = "fold"
    for cited, event in found:
        mark, colour = SIGNALS[cited.signal]
        what = Text(_words(event))
        if cited.span:
            what.highlight_words([cited.span], "bold")
        when = f"{event.ts:%Y-%m-%d}" if event.ts else ""
        grid.add_row(Text(event.event_id), when, Text(mark, style=colour), Text(_deed(event)), what)
    out.print(Text.assemble((user, "bold"), f" · {tag}: {_number(len(found), 'event')}, the strongest first"))
    out.print(grid)


def timeline(user: str, tag: str, versions: Sequence[TagVersion]) -> None:
    """What was said of a tag, and why, oldest first."""
    grid = Table("revision", "from (UTC)", "until", "says", "sure", "why", box=box.SIMPLE_HEAD, pad_edge=False)
    for version in versions:
        said = version.tag
        candidate = " (candidate)" if said.status == "candidate" else ""
        ended = f"; ended: {version.reason}" if version.reason else ""
        grid.add_row(
            str(version.revision),
            f"{version.recorded_at:%Y-%m-%d %H:%M}",
            f"{version.retired_at:%Y-%m-%d %H:%M}" if version.retired_at else "now",
            Text(f"{LEANS[said.polarity]} {said.label.en} {said.label.zh}{candidate}"),
            f"{said.probability:.2f}",
            Text(said.reason + ended),
        )
    out.print(Text.assemble((user, "bold"), f" · {tag}"))
    out.print(grid)


def revisions(user: str, told: Sequence[Revision]) -> None:
    """What changed in what is served of a user, by whose doing, and why, oldest first."""
    out.print(Text(user, style="bold"))
    for one in told:
        name = f"revision {one.revision}" if one.revision is not None else "nothing to change at once"
        out.print(Text.assemble(f"{one.at:%Y-%m-%d %H:%M} UTC · ", (name, "bold"), f" · {_doing(one)}"), soft_wrap=True)
        for change in one.changes:
            mark, colour, words = _changed(change)
            out.print(Text.assemble(" " * INDENT, (mark, colour), f" {words}"), soft_wrap=True)
        if not one.changes:
            line(f"{' ' * INDENT}no tag changed", style="dim")


def _doing(one: Revision) -> str:
    entry = one.override
    if entry is None:
        return f"run {one.run}"
    if one.cause == "withdrawal":
        who, why = entry.withdrawn_by, entry.withdrawn_why
        return f"{who} withdrew override {entry.id} ({entry.action} {entry.key})" + (f": {why}" if why else "")
    return f"{entry.author}, override {entry.id}: {entry.action} {entry.key}" + (f": {entry.why}" if entry.why else "")


def _changed(change: TagChange) -> tuple[str, str, str]:
    """What became of a tag, as a sign, its colour and words."""
    old, new = change.before, change.after
    if new is None:
        return "−", "red", f"{_claim(old)} ended: {change.why}" if old is not None else ""
    why = f": {new.corrected or new.reason}"
    if old is None:
        return "+", "green", f"{_claim(new)} ({new.probability:.2f}){why}"
    if _claim(old) != _claim(new):
        return "~", "yellow", f"{_claim(old)} became {_claim(new)} ({new.probability:.2f}){why}"
    return "~", "yellow", f"{_claim(new)} ({old.probability:.2f} → {new.probability:.2f}){why}"


def _claim(tag: Tag) -> str:
    return f"{LEANS[tag.polarity]} {tag.label.en} {tag.label.zh}"


def overrides(entries: Sequence[Override]) -> None:
    """The ledger, oldest first."""
    rows = (
        (
            str(one.id),
            f"{one.created_at:%Y-%m-%d %H:%M}",
            one.user_id,
            f"{one.action} {one.key}{_wording(one)}",
            one.author,
            one.why,
            f"withdrawn by {one.withdrawn_by}" + (f": {one.withdrawn_why}" if one.withdrawn_why else "")
            if one.withdrawn_at
            else "in force",
        )
        for one in entries
    )
    table(("id", "when (UTC)", "user", "what", "who", "why", "state"), rows)


def _wording(entry: Override) -> str:
    """What an entry sets of a tag, in words."""
    change = entry.change
    leaning = "" if change.polarity is None else LEANS[change.polarity]
    parts = [part for part in (leaning, change.facet, change.en, change.zh) if part]
    return f" ({', '.join(parts)})" if parts else ""


def judgements(given: Sequence[Judgement]) -> None:
    """What people said of tags, oldest first."""
    rows = (
        (
            f"{one.created_at:%Y-%m-%d %H:%M}",
            one.user_id,
            one.key,
            "right" if one.correct else "wrong",
            f"{one.probability:.2f}",
            one.author,
            one.why,
        )
        for one in given
    )
    table(("when (UTC)", "user", "tag", "found", "was served as", "who", "why"), rows)


def summary(run: RunSummary, dead: Sequence[Outcome] = ()) -> None:
    """How a run stands, its failures by kind, and how to go on."""
    users, tokens = run.users, run.tokens
    spent = tokens["in"] + tokens["out"]
    line(
        f"run {run.run} {run.state}: {users['done']:,} profiled, {users['unchanged']:,} unchanged, "
        f"{users['failed']:,} failed, of {_number(users['total'], 'user')} in {duration(run.seconds)}"
    )
    if run.model_calls:
        done = users["done"]
        each = f" ({spent / done:,.0f} a user, {run.seconds / done:.2f} s a user)" if done else ""
        line(f"  {_number(run.model_calls, 'model call')}, {tokens['in']:,} tokens in, {tokens['out']:,} out{each}")
    asked = {name.rpartition(".")[0] for name in run.prompts}
    if left := [does for name, does in LEFT_TO_CODE.items() if asked and name not in asked]:
        line(f"  code {' and '.join(left)}, without a call; `limner doctor` says why")
    for kind, number in run.failures.items():
        line(f"  {number:,} × {kind}", style="red")
    for letter in dead[:TELLING]:
        line(f"    {letter.user_id}: {(letter.error.strip().splitlines() or [''])[-1][:200]}")
    if len(dead) > TELLING:
        line(f"    … and {len(dead) - TELLING:,} more: `limner status {run.run} --json`")
    if dead and run.state == "done":
        line("  `limner run --retry-failed` tries them again.")
    if run.note:
        line(f"  {run.note}")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    grid = Table(*headings, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    out.print(grid)


def findings(rows: Sequence[tuple[str, bool, str, str]]) -> None:
    """What was looked at: name, whether it is well, what was seen, and what to do."""
    width = max((cell_len(name) for name, *_ in rows), default=0)
    for name, ok, detail, advice in rows:
        mark = ("✓", "green") if ok else ("✗", "red")
        out.print(Text.assemble(mark, " ", _cell(name, width, "bold"), f"  {detail}"), soft_wrap=True)
        if advice and not ok:
            line(f"{' ' * (width + INDENT)}→ {advice}")


def line(text: str, style: str = "") -> None:
    """A line of a result, never broken by us."""
    out.print(Text(text, style=style), soft_wrap=True)


def message(text: str) -> None:
    err.print(Text(text), soft_wrap=True)


def failure(text: str) -> None:
    err.print(Text.assemble(("limner: ", "bold red"), text), soft_wrap=True)


def duration(seconds: float) -> str:
    """Seconds in words."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


class Watch:
    """A question on its way to an answer, on stderr.

    On a terminal the stage, the claims that hold already and, dim, the words that nothing has checked yet, all of it
    gone when the answer is there; elsewhere a plain line a stage.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        """Args:
        quiet: Elsewhere only a line every few seconds.
        """
        self._quiet = quiet
        self._live: Live | None = None
        self._stage, self._told = "", time.monotonic()
        self._held: tuple[str, ...] = ()
        self._draft = ""

    @contextmanager
    def live(self) -> Iterator[None]:
        """While one question is being answered; nothing of it reaches stdout."""
        self._stage, self._held, self._draft = "", (), ""
        with Live(console=err, transient=True, auto_refresh=err.is_terminal) as self._live:
            yield
        self._live = None

    def stage(self, stage: str, done: float = 0, total: float = 0, unit: str = "") -> None:
        scale, unit = (1e6, "MB") if unit == "B" else (1, unit)
        of = f"/{total / scale:,.0f}" if total else ""
        told = f"{stage} {done / scale:,.0f}{of} {unit}".strip() if done or total else stage
        new = stage != self._stage and not self._quiet
        self._stage = stage
        self._shown(told)
        if not err.is_terminal and (new or time.monotonic() - self._told >= QUIET_SECONDS):
            self._told = time.monotonic()
            message(told)

    def seen(self, held: Sequence[str], draft: str) -> None:
        """Claims that hold, and what is being written."""
        self._held, self._draft = tuple(held), draft
        self._shown(self._stage)

    def _shown(self, told: str) -> None:
        if self._live is not None and err.is_terminal:
            lines = [Text(f"✓ {claim}") for claim in self._held]
            lines += [Text(f"… {self._draft}", style="dim")] if self._draft else []
            self._live.update(Group(Spinner("dots", Text(told)), *lines), refresh=True)


class _Rates(ProgressColumn):
    """Units, their rate, and the extra words of the task, on one line."""

    def render(self, task: Task) -> Text:
        if not task.total and not task.completed:
            return Text(task.fields["extra"])
        total = f"{task.total:,.0f}" if task.total else "?"
        unit = task.fields["unit"]
        rate = f"{task.speed:,.1f} {unit}/s" if task.speed and task.total else unit
        words = " ".join(filter(None, (f"{task.completed:,.0f}/{total}", rate, task.fields["extra"])))
        return Text(words, no_wrap=True, overflow="ellipsis")


class Bar:
    """A progress bar on a terminal; a plain line every few seconds elsewhere."""

    def __init__(self, progress: Progress, title: str, unit: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, unit=unit, extra="")
        self._title, self._unit, self._told = title, unit, progress.get_time()

    @property
    def seconds(self) -> float:
        """Since the stage began."""
        return self._progress.tasks[self._task].elapsed or 0.0

    def at(
        self,
        done: float,
        total: float | None = None,
        *,
        extra: str = "",
        title: str | None = None,
        unit: str | None = None,
    ) -> None:
        """How far it is; under another title a new stage begins, with a rate of its own."""
        if title not in {None, self._title}:
            self._progress.reset(self._task)
        self._title, self._unit = title or self._title, self._unit if unit is None else unit
        self._progress.update(
            self._task, completed=done, total=total, extra=extra, unit=self._unit, description=self._title
        )
        now = self._progress.get_time()
        if not err.is_terminal and now - self._told >= QUIET_SECONDS:
            self._told = now
            of = f" of {total:,.0f}" if total else ""
            message(" ".join(filter(None, (f"{self._title}: {done:,.0f}{of}", self._unit, extra))))

    def say(self, text: str) -> None:
        """A message at once, above the bar."""
        self._progress.console.print(Text(text), soft_wrap=True)


@contextmanager
def bar(title: str, unit: str) -> Iterator[Bar]:
    """Progress on stderr, gone when done; nothing of it reaches stdout."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        _Rates(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield Bar(progress, title, unit)
