"""What tells the wordings that limner comes with apart, fitted to the packaged embedder and kept with them.

python -m evals.fitted     after `prompts/wordings` or a constant of `agents/likeness.py` was changed
"""

from __future__ import annotations

from agents import likeness
from agents.embedder import USE, open_embedder
from limner import settings
from prompts import taxonomy
from prompts.wordings import wordings


def main() -> None:
    starter = taxonomy.load()
    embedder = open_embedder(USE, settings.read().home, progress=lambda *_: None)
    likeness.keep(wordings(), embedder.name, embedder.embed, lambda text: starter.feeling(text).score)


if __name__ == "__main__":
    main()
