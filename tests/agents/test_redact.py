from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agents.redact import redact
from tests.agents.histories import TEXTS

PERSONAL = {
    "e-mail": ("tasha.reed@example.org", "[EMAIL]"),
    "e-mail of a pronoun": ("me@example.com", "[EMAIL]"),
    "e-mail with a tag": ("a.b+shop@mail.example.co.uk", "[EMAIL]"),
    "US phone": ("(212) 555-0142", "[PHONE]"),
    "US phone, international": ("+1 212 555 0142", "[PHONE]"),
    "China mobile": ("13800138000", "[PHONE]"),
    "China mobile in groups": ("138 0013 8000", "[PHONE]"),
    "China mobile, hyphens": ("138-0013-8000", "[PHONE]"),
    "China mobile, international": ("+86 138 0013 8000", "[PHONE]"),
    "China landline": ("010-62345678", "[PHONE]"),
    "UK mobile": ("07700 900123", "[PHONE]"),
    "UK mobile in three groups": ("07700 900 123", "[PHONE]"),
    "UK landline": ("020 7946 0958", "[PHONE]"),
    "UK, international": ("+44 7700 900123", "[PHONE]"),
    "UK, from abroad": ("0044 7700 900123", "[PHONE]"),
    "UK, with the zero": ("+44 (0) 7700 900123", "[PHONE]"),
    "French, international": ("+33 1 23 45 67 89", "[PHONE]"),
    "China resident id": ("11010519491231002X", "[ID]"),
    "US social security": ("078-05-1120", "[ID]"),
    "card": ("4111 1111 1111 1111", "[CARD]"),
    "IBAN in groups": ("IE29 AIBK 9311 5212 3456 78", "[ACCOUNT]"),
    "IBAN": ("GB82WEST12345698765432", "[ACCOUNT]"),
}
HARMLESS = {
    "a date": "on 2024-05-01 at 12:30",
    "dates in a row": "from 20231111 to 20231112",
    "years": "1984 2001 1999 2010",
    "a price": "it cost 1299.00, later 899.50",
    "an order number": "order 123456789012 came late",
    "a card that fails its checksum": "4111 1111 1111 1112",
    "a small sum": "+20 000 000 views",
    "an @ of a social network": "thanks @momo for the tip",
    "Chinese": "我喜欢科幻片，看了三遍",
}


@pytest.mark.parametrize(("said", "placeholder"), PERSONAL.values(), ids=PERSONAL.keys())
@pytest.mark.parametrize(
    "around",
    ["{}", "call or write {} please", "请联系{}，谢谢", "({})"],
    ids=["alone", "English", "Chinese", "brackets"],
)
def test_personal_data_gives_way_to_its_type(said: str, placeholder: str, around: str) -> None:
    text, found = redact(around.format(said))
    assert placeholder in text
    assert found == 1
    assert not any(character.isdigit() or character == "@" for character in text)


@pytest.mark.parametrize("text", HARMLESS.values(), ids=HARMLESS.keys())
def test_other_numbers_stay(text: str) -> None:
    assert redact(text) == (text, 0)


def test_several_finds_are_all_taken_out() -> None:
    text, found = redact("momo.lin@example.net 13800138000 +44 7700 900123 4111 1111 1111 1111")
    assert (text, found) == ("[EMAIL] [PHONE] [PHONE] [CARD]", 4)


@given(st.one_of(TEXTS, st.text(alphabet="0123456789+-() .@aZ中X", max_size=60)))
def test_nothing_is_left_to_redact_a_second_time(text: str) -> None:
    once = redact(text).text
    assert redact(once) == (once, 0)


@example("", "07700 900123", "0")
@given(TEXTS, st.sampled_from([said for said, _ in PERSONAL.values()]), TEXTS)
def test_a_planted_find_never_survives(before: str, said: str, after: str) -> None:
    assert said not in redact(f"{before} {said} {after}").text
