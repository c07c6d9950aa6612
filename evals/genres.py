"""Genre tags of real users against what their own ratings say, made by the real model: `make quality`.

MovieLens (English) and Douban (Chinese) carry, per user and genre, whether the user likes it (mean rating at least a
quarter star above their own mean, ten ratings or more; four in Douban), dislikes it, or neither. The sets are not part
of limner (their terms); where they are not beside the project, nothing is measured and the command says so.

The gold is computed from the same ratings that limner reads, with the same quarter star: precision says whether the
pipeline keeps its books right and lets nothing unproven through, not whether the user would agree. Genres with fewer
ratings than the gold asks for are counted apart, as unjudged.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import orjson
import typer

from evals.scorers import Agreement, Metric, agreement, failed_recounts, ratio
from limner import settings, show
from limner.app import App
from limner.domain import Event, Evidence, Profile, Tag
from prompts.taxonomy import Taxonomy

DATA = Path(__file__).parents[2] / "shared" / "data"
POLARITY = {"like": 1, "dislike": -1, "neutral": 0, "too_few": None}


class Scored(NamedTuple):
    """The result for one data set."""

    users: int
    metrics: dict[str, Metric]
    recounts_failed: list[str]
    unjudged: int
    tags: int
    tokens_per_user: float
    seconds_per_user: float
    written_by_model: int
    """Personas in the model's own words; the others are in the fixed wording."""


def score(app: App, folder: Path, users: int, told: show.Bar) -> Scored:
    """Profiles of the first `users` users by hash, made now where they are not there, and scored."""
    chosen = _chosen(folder, users)
    events = app.settings.home / "events.jsonl"
    events.write_bytes(b"".join(line for line in lines(events_file(folder)) if _user(line) in chosen))
    app.ingest([events], {}, lambda done, total, n: None)
    summary = app.run(
        users=sorted(chosen),
        told=lambda stage, done, total, unit: told.at(done, total or None, title=f"{folder.name}: {stage}"),
        report=lambda total, at: told.at(at.done + at.unchanged, total, title=folder.name, extra=f"{at.failed} failed"),
    )
    gold = _gold(folder, app.taxonomy)
    results: list[Agreement] = []
    failed: list[str] = []
    profiles = [app.profile(user) for user in sorted(chosen)]
    for profile in profiles:
        wanted = gold.get(profile.user_id, {})
        published = {tag.key: tag.polarity for tag in profile.tags if tag.key.startswith("genre/") and tag.polarity}
        results.append(agreement(published, wanted))
        history = app.events.history(profile.user_id)
        failed += [
            f"{profile.user_id} {wrong}" for wrong in failed_recounts(profile.user_id, profile.tags, history.events, _carries(app.taxonomy))
        ]
    personas = [persona for profile in profiles for persona in profile.personas]
    done = summary.users["done"] or 1
    return Scored(
        users=len(profiles),
        metrics={
            "polarity_precision": ratio([one.right for one in results], [one.wrong for one in results]),
            "polarity_recall": ratio([one.right for one in results], [one.missed for one in results]),
        },
        recounts_failed=failed,
        unjudged=sum(one.unjudged for one in results),
        tags=sum(len(profile.tags) for profile in profiles),
        tokens_per_user=(summary.tokens["in"] + summary.tokens["out"]) / done,
        seconds_per_user=summary.seconds / done,
        written_by_model=sum(persona.writer == "model" for persona in personas),
    )


def _carries(taxonomy: Taxonomy) -> Any:
    """Whether an event is about a tag, decided anew from the raw event."""

    def carries(tag: Tag, event: Event, evidence: Evidence) -> bool:
        if evidence.span is not None:
            return evidence.span in event.text
        if tag.measure is not None:
            return True
        named = {
            found.key
            for name, value in event.item.items()
            for part in (value if isinstance(value, list) else [value])
            if isinstance(part, str) and (found := taxonomy.named(name, part)) is not None
        }
        return set(tag.key.split("+")) <= named

    return carries


def _gold(folder: Path, taxonomy: Taxonomy) -> dict[str, dict[str, int | None]]:
    gold: dict[str, dict[str, int | None]] = {}
    for line in lines(folder / "gold_tags.jsonl"):
        row = orjson.loads(line)
        if row["dimension"] == "genre_preference":
            named = taxonomy.named("genres", row["tag"])
            key = named.key if named is not None else f"genre/{row['tag']}"
            gold.setdefault(row["user_id"], {})[key] = POLARITY[row["polarity"]]
    return gold


def events_file(folder: Path) -> Path:
    """The events of a data set, packed or not."""
    packed = folder / "events.jsonl.gz"
    return packed if packed.exists() else folder / "events.jsonl"


def _chosen(folder: Path, users: int) -> set[str]:
    every = {_user(line) for line in lines(folder / "users.jsonl")}
    return set(sorted(every, key=lambda user: hashlib.blake2b(user.encode()).digest())[:users])


def _user(line: bytes) -> str:
    user: str = orjson.loads(line)["user_id"]
    return user


def lines(path: Path) -> Iterator[bytes]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        yield from file


def main(
    data: Annotated[Path, typer.Option(help="Folder of the data sets.")] = DATA,
    movielens: Annotated[int, typer.Option(help="MovieLens users.")] = 60,
    douban: Annotated[int, typer.Option(help="Douban users.")] = 30,
    cards: Annotated[int, typer.Option(help="Profiles of each set to show.")] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Polarity precision and recall of genre tags, evidence re-count, tokens and seconds a user."""
    if not data.is_dir():
        raise typer.BadParameter(f"{data} is not there: the data sets are not part of limner.")
    base = settings.read()
    results: dict[str, Scored] = {}
    shown: list[tuple[Profile, dict[str, Event], Taxonomy]] = []
    for name, users in (("movielens", movielens), ("douban", douban)):
        home = base.home / "quality" / name
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "models").exists():
            (home / "models").symlink_to((base.home / "models").resolve())
        app = App(base.model_copy(update={"home": home}))
        with show.bar(name, "users") as bar:
            results[name] = score(app, data / name, users, bar)
        chosen = sorted(_chosen(data / name, users))[:cards]
        shown += [(profile, app.examples(profile), app.taxonomy) for profile in map(app.profile, chosen)]
        app.close()
    if as_json:
        show.document({name: result._asdict() for name, result in results.items()})
        return
    show.table(
        ("", *results),
        [
            ("users", *(str(result.users) for result in results.values())),
            *((metric, *(result.metrics[metric].counted() for result in results.values())) for metric in METRICS),
            ("tags published", *(str(result.tags) for result in results.values())),
            ("genres too few to judge", *(str(result.unjudged) for result in results.values())),
            ("evidence re-counts failed", *(str(len(result.recounts_failed)) for result in results.values())),
            ("tokens a user", *(f"{result.tokens_per_user:,.0f}" for result in results.values())),
            ("seconds a user", *(f"{result.seconds_per_user:.2f}" for result in results.values())),
            ("personas in the model's words", *(str(result.written_by_model) for result in results.values())),
        ],
    )
    for profile, examples, known in shown:
        show.card(profile, examples, known, None)


METRICS = ("polarity_precision", "polarity_recall")


if __name__ == "__main__":
    typer.run(main)
