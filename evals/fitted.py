"""What limner learns from the wordings and frames that it comes with, fitted with the packaged embedder and kept there.

python -m evals.fitted     after `prompts/wordings`, `prompts/frames` or a constant of `agents/likeness.py` was changed
"""

from __future__ import annotations

from agents import frames, likeness
from agents.embedder import USE, open_embedder
from limner import settings
from prompts import taxonomy
from prompts.frames import frames as known_frames
from prompts.wordings import wordings


def main() -> None:
    starter, known = taxonomy.load(), wordings()
    embedder = open_embedder(USE, settings.read().home, progress=lambda *_: None)
    made = {
        likeness.named(language, shape): likeness.Fit(
            [*map(likeness.worded, alike)], embedder.embed, lambda text: starter.feeling(text).score
        ).classifier()
        for language, shape, alike in likeness.apart(known)
    }
    likeness.keep(likeness.FITTED, likeness.digest(known, embedder.name), made)
    frames.fit(known_frames(), embedder.embed, embedder.name)


if __name__ == "__main__":
    main()
