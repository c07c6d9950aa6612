"""What stands around a word of a text and changes what it says: a denial before it, somebody else's words about it."""

from __future__ import annotations

import re

_DENIED = re.compile(
    r"(?:\b(?:not|never|no|hardly|cannot|isnt|dont|doesnt|didnt|wouldnt|wasnt)|n['’]t)(?: [a-z]{1,9}){0,2} $|"
    r"(?:不|没有?|并非|别|未必|无法)(?:是|很|太|能|会|想|再|敢|觉得|那么|怎么|特别|非常){0,2}$",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[“\"「『][^”\"」』\n]{12,400}[”\"」』]|^[>＞][^\n]+", re.MULTILINE)
"""Shorter words in quotation marks are a name, or meant half in jest."""


def denied(text: str, start: int) -> bool:
    """Whether what begins there is denied: "not boring", 不推荐."""
    return bool(_DENIED.search(text, max(0, start - 24), start))


def quotations(text: str) -> list[tuple[int, int]]:
    """Where a text tells somebody else's words."""
    return [quotation.span() for quotation in _QUOTED.finditer(text)]


def within(start: int, spans: list[tuple[int, int]]) -> bool:
    """Whether what begins there lies in one of the spans."""
    return any(begin <= start < end for begin, end in spans)
