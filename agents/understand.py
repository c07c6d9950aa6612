"""Names that letters do not find, and habits told in other words, matched by the model to what there is.

The model is shown a few words and the things, or the habits, that lie nearest to them, and says which one means the
same. A number from a list is all that it can say: how users stand to a thing, how often and how many is read by rules.
"""

from __future__ import annotations

import re

from agents.model import Model, messages
from agents.plan import Plan, Unread, language, leans_to_a_thing, plan
from agents.terms import Match, Vocabulary
from limner.domain import Language
from prompts import library
from prompts.answers import NameAnswer

SHOWN = 6
"""Things or habits that the model chooses from."""
ASKED = 6
"""Times that the model is asked for one question, at most."""
MAX_TOKENS = 20

_NUMBER = re.compile(r"\d")
"""Numbers are for code: words with one in them are not the model's."""


async def understand(
    question: str, vocabulary: Vocabulary, *, model: Model, prompt: library.Prompt, known: dict[str, Match | None]
) -> Plan:
    """The question as a query, with the model's word on what rules do not know.

    Args:
        known: What words of earlier questions mean, None where the model did not know; those of this one are added.

    Raises:
        Unread: the model does not know either.
        ModelError: it did not answer.
    """
    lang = language(question)
    for _ in range(ASKED):
        try:
            read = plan(question, vocabulary, known={words: match for words, match in known.items() if match})
        except Unread as unread:
            asked = [(name, False) for name in unread.unknown if name != unread.clause]
            if not leans_to_a_thing(unread.clause):
                asked.append((unread.clause, True))
            for words, habit in asked:
                if words and words not in known and not _NUMBER.search(words):
                    known[words] = await _meaning(words, vocabulary, lang, model, prompt, habit=habit)
                    break
            else:
                raise
        else:
            return read._replace(notes=(*read.notes, "model"))
    raise Unread("")


async def _meaning(
    words: str, vocabulary: Vocabulary, lang: Language, model: Model, prompt: library.Prompt, *, habit: bool
) -> Match | None:
    """What some words mean; None where the model finds nothing that does."""
    keys = [one.key for one in vocabulary.nearest(words, SHOWN, habits=habit)]
    if not keys:
        return None
    rendered = prompt.render(language=lang, words=words, things=[_told(key, vocabulary, lang) for key in keys])

    def wrong(answer: NameAnswer) -> str | None:
        return f"There are {len(keys)} things." if answer.number > len(keys) else None

    answer = await model.answer(
        messages(rendered),
        NameAnswer,
        purpose=prompt.id,
        prompt_digest=prompt.digest,
        max_tokens=MAX_TOKENS,
        check=wrong,
    )
    if not answer.number:
        return None
    key = keys[answer.number - 1]
    return Match(words, (key,), (vocabulary.label(key),), "model", vocabulary.holds(key))


def _told(key: str, vocabulary: Vocabulary, lang: Language) -> str:
    """A thing as the model is shown it: its name, and what a habit is measured by."""
    term = vocabulary.taxonomy.terms.get(key)
    label = vocabulary.label(key)
    about = None if term is None else term.description
    named = label.zh if lang == "zh" else label.en
    return named if about is None else f"{named}: {about.zh if lang == 'zh' else about.en}"
