"""Where the name of a thing ends, told by what was learnt from marked lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.naming import Names, fit, names
from prompts.tastes import lines, unmarked


def read(text: str, before: str) -> list[str]:
    return [text[start:end] for start, end in names().read(text, text.index(before) + len(before))]


@pytest.mark.parametrize(
    ("text", "before", "found"),
    [
        (
            "I avoid films that need three sequels, mostly because I forget.",
            "avoid ",
            ["films that need three sequels"],
        ),
        ("I adore old lighthouses, and my brother paints.", "adore ", ["old lighthouses"]),
        ("I dislike meetings held without an agenda, so send one.", "dislike ", ["meetings held without an agenda"]),
        ("我偏爱慢节奏的老电影,周末能看一整天。", "偏爱", ["慢节奏的老电影"]),
    ],
)
def test_a_name_ends_where_a_reason_or_another_clause_begins(text: str, before: str, found: list[str]) -> None:
    assert read(text, before) == found


def test_a_list_goes_on_until_something_else_is_said() -> None:
    text = "I love dark chocolate, green tea and long train rides, so plan for that."
    assert read(text, "love ") == ["dark chocolate", "green tea", "long train rides"]


@pytest.mark.parametrize("text", ["I love ", "我喜欢", "I love …", "I love the the of of"])
def test_where_nothing_is_sure_nothing_is_named(text: str) -> None:
    assert names().read(text, text.index("love ") + 5 if "love" in text else 3) == []


def test_what_is_learnt_is_read_from_where_it_was_left(tmp_path: Path) -> None:
    few = [unmarked(f"I love [+{name}] because of it.", "en") for name in ("old maps", "red wine", "slow rivers")] * 5
    fit([*few, unmarked("我喜欢[+红茶]。", "zh")], tmp_path)
    text = "I love big clocks because of it."
    assert [text[start:end] for start, end in Names(tmp_path).read(text, 7)] == ["big clocks"]


def test_of_the_lines_it_comes_with_names_that_are_sure_are_right_but_for_a_few() -> None:
    first = [line for line in lines() if line.marks][:300]
    read = [(line, names().read(line.text, line.marks[0].start)) for line in first]
    sure = [(line, found) for line, found in read if found]
    right = [line for line, found in sure if found[0][1] == line.marks[0].end]
    assert len(sure) > 0.7 * len(first)
    assert len(right) > 0.9 * len(sure)
