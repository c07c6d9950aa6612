"""What limner learns from the wordings, frames and tastes that it comes with, kept beside them.

python -m evals.fitted     after `prompts/wordings`, `prompts/frames`, `prompts/tastes` or a constant of what learns
                           from them was changed; with the packaged embedder
"""

from __future__ import annotations

from agents import frames, likeness, naming
from agents.embedder import USE, open_embedder
from limner import settings
from prompts import taxonomy
from prompts.frames import frames as known_frames
from prompts.tastes import lines
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
    naming.fit(lines())


if __name__ == "__main__":
    main()
