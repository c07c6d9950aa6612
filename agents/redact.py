"""Text without personal data, for everything that leaves towards a model, an index or a log.

Finding is argus-redact's, which checks the digits of resident ids, cards and IBANs; its masks keep parts of what they
hide, so each find is put under a placeholder that says only its type. Stored events stay as they came.
"""

from __future__ import annotations

import re
import warnings
from typing import Any, NamedTuple

import argus_redact
from argus_redact import SecurityWarning

VERSION = 1

_PLACEHOLDERS = {
    "email": "[EMAIL]",
    "phone": "[PHONE]",
    "id_number": "[ID]",
    "ssn": "[ID]",
    "passport": "[ID]",
    "us_passport": "[ID]",
    "bank_card": "[CARD]",
    "credit_card": "[CARD]",
    "iban": "[ACCOUNT]",
}
_SUSPECT = re.compile(r"@|(?:\d[\s().-]{0,2}){7}|(?:\d{3}-\d{2}-\d{4})|[A-Z]{2}\d{2}\s?[A-Z0-9]{4}")
"""No find of these types is without one of these, and most texts have none: they are passed on untouched."""

_EMAIL = re.compile(r"(?:[.%+'-]|[^\W\u3040-\u9fff]){1,64}@(?:(?:-|[^\W\u3040-\u9fff]){1,63}\.){1,8}[a-zA-Z]{2,24}")
"""argus-redact takes "me" in me@example.com for a word."""
_ABROAD = re.compile(r"(?<![a-zA-Z\d.+])(?:\+|00)[1-9](?:[ .-]?(?:\(0\) ?)?\d){8,13}(?!\d)")
_AT_HOME = re.compile(r"(?<![\d.])(?<!\d[ -])0(?=(?:[ -]?\d){9,10}(?![ -]?\d))\d{2,4}[ -]?\d{3,4}[ -]?\d{3,4}")
_BRITISH_MOBILE = re.compile(r"(?<![\d.])(?<!\d[ -])07\d{3}[ -]?\d{3}[ -]?\d{3}(?!\d)")
"""Whatever number comes behind it."""
_CHINA_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
"""argus-redact misses one that stands before another number's country code, and British numbers with spaces."""


class Redacted(NamedTuple):
    text: str
    found: int


def redact(text: str) -> Redacted:
    """The text with e-mail addresses, phone, identity, card and account numbers replaced by typed placeholders.

    English and Chinese forms alike; numbers with a checksum are replaced only where it holds.
    """
    if not _SUSPECT.search(text):
        return Redacted(text, 0)
    text, total = _EMAIL.subn("[EMAIL]", text)
    text, abroad = _ABROAD.subn("[PHONE]", text)
    total += abroad
    while _SUSPECT.search(text) and (finds := _finds(text)):
        for find in sorted(finds, key=lambda find: find["start"], reverse=True):
            text = text[: find["start"]] + _PLACEHOLDERS[find["type"]] + text[find["end"] :]
        total += len(finds)
    for missed in (_CHINA_MOBILE, _BRITISH_MOBILE, _AT_HOME):
        text, more = missed.subn("[PHONE]", text)
        total += more
    return Redacted(text, total)


def _finds(text: str) -> list[dict[str, Any]]:
    """What argus-redact finds in one pass; of two numbers side by side it may see only one, so `redact` asks again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # about restoring masks, which limner never does
        found: Any = argus_redact.redact(text, lang=["en", "zh"], detailed=True, types=list(_PLACEHOLDERS))
    entities: list[dict[str, Any]] = found[2]["entities"]
    return entities
