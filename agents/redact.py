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

_CHINA_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
"""argus-redact misses one that stands before another number's country code."""


class Redacted(NamedTuple):
    text: str
    found: int


def redact(text: str) -> Redacted:
    """The text with e-mail addresses, phone, identity, card and account numbers replaced by typed placeholders.

    English and Chinese forms alike; numbers with a checksum are replaced only where it holds.
    """
    total = 0
    while _SUSPECT.search(text) and (finds := _finds(text)):
        for find in sorted(finds, key=lambda find: find["start"], reverse=True):
            text = text[: find["start"]] + _PLACEHOLDERS[find["type"]] + text[find["end"] :]
        total += len(finds)
    text, missed = _CHINA_MOBILE.subn("[PHONE]", text)
    return Redacted(text, total + missed)


def _finds(text: str) -> list[dict[str, Any]]:
    """What argus-redact finds in one pass; of two numbers side by side it may see only one, so `redact` asks again."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # about restoring masks, which limner never does
        found = argus_redact.redact(text, lang=["en", "zh"], detailed=True, types=list(_PLACEHOLDERS))
    entities: list[dict[str, Any]] = found[2]["entities"]
    return entities
