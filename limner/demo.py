"""limner at work on the bundled sample: the commands a user would type, one after the other, and what they give.

The model names tags and words personas here, as any model of yours would; a packaged one leaves both to code otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path

import typer

from limner import settings, show
from limner.app import App
from limner.cli import ingest, pull, run
from limner.domain import Profile

SAMPLE = Path(__file__).parents[1] / "evals" / "datasets" / "sample.jsonl"
CARDS = ("nell", "laozhou")
"""One who writes English, one who writes Chinese."""
BY_MODEL = {"LIMNER_NAMER": "model", "LIMNER_WRITER": "model"}


def main() -> None:
    """Pull the model, ingest the sample, run, and show a table of users and two cards with their evidence."""
    step("limner model pull", "fetch a small language model and make it ready for vLLM (about two minutes, once)")
    pull()
    step(f"limner ingest {SAMPLE.relative_to(SAMPLE.parents[2])}", "take in what 14 fictional users did")
    ingest([SAMPLE])
    os.environ |= BY_MODEL
    step(
        " ".join(f"{name}={by}" for name, by in BY_MODEL.items()) + " limner run",
        "count, let the model name and word, prove every tag (unchanged users cost nothing)",
    )
    run()
    app = App(settings.read())
    profiles = list(app.profiles.every())
    step("limner profile --all", "what limner says about everybody")
    show.table(("user", "likes", "dislikes", "is"), (_row(profile) for profile in profiles))
    for profile in profiles:
        if profile.user_id in CARDS:
            step(
                f"limner profile {profile.user_id}", "the whole card: each tag with the rule and an event that prove it"
            )
            show.card(profile, app.examples(profile), app.taxonomy, None)
    app.close()
    show.out.print(
        "\n[b]Where to go next[/b]\n"
        "  export LIMNER_HOME=.limner PATH=.venv/bin:$PATH\n"
        "  limner evidence nell genre/musical       the events behind a tag\n"
        "  limner profile laozhou --lang zh --json  what a program reads\n"
        "  limner ingest YOUR.csv --map user_id=customer --map ts=created_at && limner run\n"
        "  limner --help · README.md"
    )


def step(command: str, what: str) -> None:
    show.out.print(f"\n[b cyan]$ {command}[/b cyan]  [dim]# {what}[/dim]")


def _row(profile: Profile) -> tuple[str, str, str, str]:
    def named(polarity: int) -> str:
        lang = profile.personas[0].language if profile.personas else "en"
        return ", ".join(getattr(tag.label, lang) for tag in profile.tags if tag.polarity == polarity)

    return profile.user_id, named(1), named(-1), named(0)


if __name__ == "__main__":
    try:
        main()
    except typer.Exit as ended:
        raise SystemExit(ended.exit_code) from None
