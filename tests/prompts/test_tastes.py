from __future__ import annotations

from prompts.tastes import Mark, lines, unmarked
from prompts.wordings import LANGUAGES


def test_marks_come_off_a_line_and_stand_where_they_were() -> None:
    line = unmarked("I love [+jazz], not [-long solos].", "en")
    assert line.text == "I love jazz, not long solos."
    assert [(line.text[mark.start : mark.end], mark.polarity) for mark in line.marks] == [
        ("jazz", 1),
        ("long solos", -1),
    ]
    assert unmarked("我在家。", "zh").marks == ()


def test_every_hand_writes_both_languages_and_as_often_says_nothing() -> None:
    for hand in {line.hand for line in lines()}:
        for language in LANGUAGES:
            written = [line for line in lines() if (line.hand, line.language) == (hand, language)]
            assert len(written) >= 200
            assert 0.4 * len(written) <= sum(not line.marks for line in written)


def test_no_mark_is_left_in_a_line_and_none_is_empty() -> None:
    for line in lines():
        assert not set("[]") & set(line.text), line
        assert all(0 <= mark.start < mark.end <= len(line.text) for mark in line.marks)
        assert all(isinstance(mark, Mark) for mark in line.marks)
