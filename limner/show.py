"""How results look to a person: tables, cards and progress bars. What a program reads is `document` and `lines`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from limner.domain import Event, Evidence, Language, Outcome, Profile, RunSummary, Tag, TagVersion

out = Console(soft_wrap=False, highlight=False)
err = Console(stderr=True, highlight=False)

SIGNS = {1: ("+", "green"), -1: ("−", "red"), 0: ("•", "cyan")}
LEANS = {1: "likes", -1: "dislikes", 0: "is"}


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


def card(profile: Profile, events: Mapping[str, Event], lang: Language | None) -> None:
    """A profile with the persona first, then each tag with what proves it."""
    shown = lang or (profile.personas[0].language if profile.personas else "en")
    parts: list[Any] = []
    for text in profile.personas:
        if text.language == shown:
            parts.append(Text(text.text + "\n"))
            if text.writer == "rule":
                parts.append(Text("(in limner's own wording: the model's text did not pass the checks)\n", style="dim"))
    if not profile.tags:
        parts.append(Text("Nothing is proven yet: too few events agree. `--include candidates` shows what is open."))
    else:
        parts.append(_tags(profile.tags, events, shown))
    title = f"[b]{escape(profile.user_id)}[/b] · revision {profile.revision} · run {profile.run}"
    out.print(Panel(Group(*parts), title=title, title_align="left", expand=True))


def _tags(tags: Sequence[Tag], events: Mapping[str, Event], lang: Language) -> Table:
    table = Table(box=None, pad_edge=False, show_edge=False)
    for heading, style in (("", None), ("tag", "bold"), ("facet", "dim"), ("sure", None), ("proof", None)):
        table.add_column(heading, style=style, overflow="fold")
    for tag in tags:
        sign, colour = SIGNS[tag.polarity]
        name = getattr(tag.label, lang) + ("" if tag.status != "candidate" else " (candidate)")
        table.add_row(
            Text(sign, style=colour),
            name,
            tag.facet,
            f"{tag.probability:.2f}",
            Text(f"{tag.reason}{_example(tag, events)}"),
        )
    return table


def _example(tag: Tag, events: Mapping[str, Event]) -> str:
    event = events.get(tag.evidence[0].event_id) if tag.evidence else None
    return f"\n  {tag.evidence[0].signal.value}: {_event(event)}" if event is not None else ""


def _event(event: Event) -> str:
    when = f"{event.ts:%Y-%m-%d} " if event.ts else ""
    title = str(event.item.get("title", ""))
    value = f" {event.value:g}" if event.value is not None else ""
    text = " ".join(event.text.split())
    what = f"{title}: {text}" if title and title not in text else text or title
    return f"{when}{event.kind}{value} · {what[:110]}{'…' if len(what) > 110 else ''} [{event.event_id}]"


def evidence(tag: str, found: Sequence[tuple[Evidence, Event]]) -> None:
    """The events that speak about a tag."""
    table = Table("event", "signal", "what happened", title=f"{tag}: {len(found)} events cited", title_justify="left")
    for cited, event in found:
        said = f" “{cited.span}”" if cited.span else ""
        table.add_row(event.event_id, cited.signal.value, Text(_event(event) + said))
    out.print(table)


def timeline(versions: Sequence[TagVersion]) -> None:
    """What was said of a tag, and why, oldest first."""
    table = Table("revision", "from", "until", "tag", "sure", "why")
    for version in versions:
        tag = version.tag
        table.add_row(
            str(version.revision),
            f"{version.recorded_at:%Y-%m-%d %H:%M}",
            f"{version.retired_at:%Y-%m-%d %H:%M}" if version.retired_at else "now",
            f"{LEANS[tag.polarity]} {tag.label.en} ({tag.status})",
            f"{tag.probability:.2f}",
            Text(version.reason or tag.reason),
        )
    out.print(table)


def summary(run: RunSummary, dead: Sequence[Outcome] = ()) -> None:
    """How a run stands, its failures by kind, and how to go on."""
    users, tokens = run.users, run.tokens
    spent = tokens["in"] + tokens["out"]
    done = users["done"] or 1
    out.print(
        f"[b]run {run.run}[/b] {run.state}: {users['done']:,} profiled, {users['unchanged']:,} unchanged, "
        f"{users['failed']:,} failed, of {users['total']:,} users in {_duration(run.seconds)}"
    )
    if run.model_calls:
        out.print(
            f"  {run.model_calls:,} model calls, {tokens['in']:,} tokens in, {tokens['out']:,} out "
            f"({spent / done:,.0f} a user, {run.seconds / done:.2f} s a user)"
        )
    for kind, number in run.failures.items():
        out.print(f"  [red]{number:,} × {escape(kind)}[/red]")
    for letter in dead[:5]:
        out.print(Text(f"    {letter.user_id}: {letter.error.strip().splitlines()[-1][:200]}"))
    if len(dead) > 5:
        out.print(f"    … and {len(dead) - 5:,} more: `limner status {run.run} --json`")
    if run.note:
        out.print(Text(f"  {run.note}"))


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    grid = Table(*headings)
    for row in rows:
        grid.add_row(*(Text(cell) for cell in row))
    out.print(grid)


def findings(rows: Iterable[tuple[str, bool, str, str]]) -> None:
    """What was looked at: name, whether it is well, what was seen, and what to do."""
    for name, ok, detail, advice in rows:
        err_mark = "[green]✓[/green]" if ok else "[red]✗[/red]"
        out.print(f"{err_mark} [b]{escape(name)}[/b]  {escape(detail)}")
        if advice and not ok:
            out.print(f"    → {escape(advice)}")


def message(text: str) -> None:
    err.print(text, markup=False)


def failure(text: str) -> None:
    err.print(Text.assemble(("limner: ", "bold red"), text))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{seconds:.1f} s"


class _Rates(ProgressColumn):
    """Units, their rate, and the extra words of the task."""

    def render(self, task: Task) -> Text:
        rate = f"{task.speed:,.1f} {task.fields['unit']}/s" if task.speed else ""
        total = f"{task.total:,.0f}" if task.total else "?"
        return Text(f"{task.completed:,.0f}/{total} {rate} {task.fields['extra']}".rstrip())


class Bar:
    """A progress bar on a terminal; a plain line every few seconds elsewhere."""

    def __init__(self, progress: Progress, title: str, unit: str) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=None, unit=unit, extra="")
        self._title, self._unit, self._told = title, unit, 0.0

    def at(self, done: float, total: float | None = None, *, extra: str = "", title: str | None = None) -> None:
        self._progress.update(self._task, completed=done, total=total, extra=extra, description=title or self._title)
        if not err.is_terminal:
            now = self._progress.get_time()
            if now - self._told >= 5:
                self._told = now
                of = f" of {total:,.0f}" if total else ""
                err.print(f"{title or self._title}: {done:,.0f}{of} {self._unit} {extra}".rstrip(), markup=False)


@contextmanager
def bar(title: str, unit: str) -> Iterator[Bar]:
    """Progress on stderr, gone when done; nothing of it reaches stdout."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        _Rates(),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as progress:
        yield Bar(progress, title, unit)
