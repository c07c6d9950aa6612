"""What users say of themselves: what is heard, from whom, and what is not believed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents import attribute, listen, merge, signals
from agents.calibrate import DEFAULT
from agents.clean import clean
from agents.listen import Heard, chunks, lines, unclear
from agents.model import Asked, ScriptedModel
from limner.domain import Event, Polarity, Tag
from prompts import library, taxonomy
from prompts.answers import ListenAnswer
from tests.agents.histories import EVENTS, TAXONOMY, TEXTS, event, history

PROMPT = library.default("listen")


def heard(*texts: str, names: Sequence[tuple[int, str]] = (), kind: str = "message") -> list[Heard]:
    """What is heard of these texts, where the model names these of the lines that take a reader."""
    return hear([event(at, kind, text=text) for at, text in enumerate(texts)], ScriptedModel(lambda _: answer(names)))


def hear(events: Sequence[Event], model: ScriptedModel) -> list[Heard]:
    told = clean(history(events)).history.events
    listening = listen.listen(
        told, user_id="u1", model=model, prompt=PROMPT, taxonomy=TAXONOMY, ledger=lambda call: None
    )
    return asyncio.run(listening)


def answer(names: Sequence[tuple[int, str]]) -> ListenAnswer:
    return ListenAnswer(names=list(names))


def silent(asked: Asked) -> ListenAnswer:
    raise AssertionError("nothing had to be asked")


def said(*texts: str) -> list[tuple[str, Polarity]]:
    return [(fact.key, fact.polarity) for fact in heard(*texts)]


# --- what is heard --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("I really love mystery novels, actually.", [("genre/mystery", 1)]),
        ("I've been into biographies lately.", [("genre/biography", 1)]),
        ("My favourite colour is navy.", [("open/navy", 1)]),
        ("Sushi is my absolute favorite.", [("food/sushi", 1)]),
        ("I do love blue.", [("open/blue", 1)]),
        (
            "I love the piano. I tend to avoid hot and humid places.",
            [("topic/piano", 1), ("open/hot-and-humid-places", -1)],
        ),
        ("I can't stand horror films.", [("genre/horror", -1)]),
        ("I'm not a big fan of public transport", [("topic/public-transport", -1)]),
        ("I work as a nurse.", [("profession/nurse", 0)]),
        ("I'm a rookie firefighter in a small town", [("profession/firefighter", 0)]),
        ("I've been learning Italian.", [("learning/italian", 0)]),
        ("我很喜欢绘画、弹钢琴和品茶，你呢？", [("topic/painting", 1), ("topic/piano", 1), ("topic/tea-culture", 1)]),
        ("我平时喜欢看书，也喜欢爬山", [("topic/reading", 1), ("topic/hiking", 1)]),
        ("我对摇滚很感兴趣", [("music/rock", 1)]),
        ("我不太喜欢喝咖啡", [("food/coffee", -1)]),
        ("我是一名律师", [("profession/lawyer", 0)]),
    ],
)
def test_what_users_say_of_themselves_is_heard(text: str, facts: list[tuple[str, Polarity]]) -> None:
    assert said(text) == facts


@pytest.mark.parametrize(
    "text",
    [
        "My sister loves hiking.",
        "You love hiking, right?",
        "Do I like jazz?",
        "If I liked jazz I would say so. I wish I loved running.",
        "He said I love jazz too much",
        "I'd love that! I love it. I love your idea.",
        "I used to be a nurse",
        "我的同事特别喜欢骑车。",
        "我爸喜欢钓鱼，也喜欢喝酒",
        "你也喜欢读小说吗？",
        "要是我喜欢钓鱼就好了",
        "就算我喜欢爬山",
        "I avoid films that glorify war. I don't like driving when it's dark",
        "我喜欢你",
    ],
)
def test_words_of_and_about_others_and_what_is_asked_or_imagined_are_not(text: str) -> None:
    assert said(text) == []


def test_another_speakers_words_are_not_the_users() -> None:
    other = event(1, "message", text="I love jazz", meta={"speaker_is_user": False})
    assert hear([other], ScriptedModel(silent)) == []


@pytest.mark.parametrize("text", ["I love going to church", "我喜欢念经", "I enjoy queer cinema"])
def test_what_tells_of_something_kept_out_of_profiles_is_not_heard(text: str) -> None:
    assert said(text) == []


def test_where_somebody_lives_is_heard_only_where_the_owner_says_so(tmp_path: Path) -> None:
    text = "I live in Boston now"
    assert said(text) == []
    own = tmp_path / "own.yaml"
    own.write_text('version: own\nextends: starter\nfacets:\n  location: {served: "default"}\n', "utf-8")
    (line,) = lines([event(1, "message", text=text)], taxonomy.load(own))
    assert [
        fact.key
        for name in listen.plain(line, taxonomy.load(own))
        for fact in listen.believed(line, name, taxonomy.load(own))
    ] == ["location/boston"]


# --- what the model may say -----------------------------------------------------------------------------------------

LONG = "I love making soups from what my grandmother grew"


def test_the_model_names_what_is_too_long_to_be_a_name() -> None:
    (fact,) = heard(LONG, names=[(1, "making soups")])
    assert (fact.label.en, fact.polarity, fact.span) == ("making soups", 1, "I love making soups")


@pytest.mark.parametrize(
    "name",
    ["making stews", "soup", "I love", "making soups from what my grandmother grew", "it", "grandmother knows"],
    ids=["not said", "half a word", "before the slot", "too long", "nothing", "half said"],
)
def test_what_does_not_stand_in_the_line_is_not_believed(name: str) -> None:
    assert heard(LONG, names=[(1, name), (2, name), (9, name)]) == []


@settings(max_examples=40)
@given(TEXTS, st.lists(st.tuples(st.integers(1, 9), st.text(min_size=1, max_size=60)), max_size=12))
def test_every_fact_has_its_words_in_the_event(text: str, names: list[tuple[int, str]]) -> None:
    one = event(1, "message", text=f"I love {text}. 我喜欢{text}")
    for fact in hear([one], ScriptedModel(lambda _: answer(names))):
        assert fact.span
        assert fact.span in clean(history([one])).history.events[0].text


def test_texts_that_say_nothing_of_their_author_cost_nothing() -> None:
    texts = ["Great plot!", "你好", "When does the shop open?", "I will be there at nine", ""]
    assert hear([event(at, "message", text=text) for at, text in enumerate(texts)], ScriptedModel(silent)) == []


@settings(max_examples=40)
@given(st.lists(EVENTS, max_size=20))
def test_any_history_is_heard(events: list[Event]) -> None:
    unique = {one.event_id: one for one in events}
    told = clean(history(unique.values())).history
    counted = signals.signals(told, TAXONOMY)
    listen.told(counted, hear(list(unique.values()), ScriptedModel(lambda _: answer([]))))


# --- what an update costs -------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(0, 60))
def test_a_line_more_changes_one_chunk(size: int, place: int) -> None:
    told = [event(at, "message", text=f"I love knitting hats from the wool of {at} sheep") for at in range(size + 1)]
    after = list(chunks(unclear(lines(told, TAXONOMY), TAXONOMY)))
    before = list(chunks(unclear(lines([one for one in told if one != told[place % size]], TAXONOMY), TAXONOMY)))
    ended = 1 + next(  # the next chunk that ends by its own line ends in both
        (at for at, chunk in enumerate(after) if chunk[-1].is_last and told.index(chunk[-1].event) > place % size),
        len(after),
    )
    begun = next((at for at, chunk in enumerate(after) if told[place % size] in [line.event for line in chunk]), 0)
    assert before[:begun] == after[:begun]
    assert before[len(before) - len(after[ended:]) :] == after[ended:]


# --- what becomes of it ---------------------------------------------------------------------------------------------


def tags(events: Sequence[Event]) -> dict[str, Tag]:
    told = clean(history(events)).history
    facts = hear(events, ScriptedModel(lambda _: answer([])))
    counted = listen.told(signals.signals(told, TAXONOMY), facts)
    claims = attribute.attribute(counted, [], [], TAXONOMY)
    return {tag.key: tag for tag in merge.tags(claims, counted, TAXONOMY, {}, DEFAULT)}


def test_a_taste_said_once_is_a_tag_with_the_words_that_say_so() -> None:
    tag = tags([event(1, "message", text="I love hiking.")])["topic/hiking"]
    assert (tag.polarity, tag.basis, tag.status) == (1, "stated", "verified")
    assert [cited.span for cited in tag.evidence] == ["I love hiking"]


def test_what_is_said_last_of_a_taste_holds() -> None:
    events = [event(1, "message", text="I love jazz."), event(2, "message", text="I can't stand jazz.")]
    assert tags(events)["music/jazz"].polarity == -1
    assert tags([events[1], event(3, "message", text="I love jazz.")])["music/jazz"].polarity == 1


def test_ratings_that_say_otherwise_keep_a_word_from_being_published() -> None:
    rated = [event(at, value=1, genre="Horror", item_id=f"h{at}") for at in range(4)]
    rated += [event(at, value=5, genre="Comedy", item_id=f"c{at}") for at in range(4, 10)]
    tag = tags([*rated, event(11, "message", text="I love horror films.")])["genre/horror"]
    assert (tag.status, tag.polarity) == ("candidate", 1)
    assert "their ratings say otherwise" in tag.reason


def test_a_newer_job_takes_the_place_of_the_older() -> None:
    found = tags([event(1, "message", text="I work as a nurse."), event(2, "message", text="I work as a teacher now.")])
    assert (found["profession/teacher"].status, found["profession/nurse"].status) == ("verified", "candidate")
    assert found["profession/nurse"].valid_to == event(2).ts
