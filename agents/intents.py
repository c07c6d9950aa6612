"""What users are after when they write and search: to complain, to compare, to find a deal, help, or what to buy.

The taxonomy names the words that show it; what is denied ("I don't want a refund") or told in somebody else's words
does not. One text shows that it was meant once. That somebody often means it is a habit like others
(`agents/behaviour.py`): a share of what they write and search for, set beside that of other users.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agents.clauses import denied, quotations, within
from prompts.taxonomy import Taxonomy

SEARCH = "search"


class Intents(NamedTuple):
    texts: int
    """How many the user wrote."""
    shown: Mapping[str, tuple[int, ...]]
    """By key of every habit that words can show, the places of the events whose words do."""


NOTHING_WRITTEN = Intents(0, {})


def intents(written: Iterable[tuple[int, str, str]], taxonomy: Taxonomy) -> Intents:
    """What these texts show.

    Args:
        written: Place, kind and text of what the user wrote and searched for.
    """
    texts = 0
    by_text, by_search, keys = taxonomy.shown
    shown: dict[str, list[int]] = {key: [] for key in keys}
    for at, kind, text in written:
        texts += 1
        found = (by_search if kind == SEARCH else by_text).find(text)
        if found:
            others = quotations(text)
            for key in {one.key for one in found if not denied(text, one.start) and not within(one.start, others)}:
                shown[key].append(at)
    return Intents(texts, {key: tuple(places) for key, places in shown.items()})
