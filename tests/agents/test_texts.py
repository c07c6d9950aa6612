"""What texts say is read once, and kept as it was read."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents import listen, signals
from agents.clean import clean
from agents.listen import Heard
from agents.model import ScriptedModel
from agents.signals import Signals
from agents.texts import DIGEST, Texts
from limner.domain import Event
from prompts import library
from prompts.answers import ListenAnswer
from store.texts import Kept
from tests.agents.histories import EVENTS, TAXONOMY, event, history

SPOKEN = [
    "I really love mystery novels, and I used to play chess every Sunday.",
    "我是一名护士，特别喜欢爬山，不再喝咖啡了。",
    "I'm into the soups that my grandmother taught me to make on long winter evenings.",
    "The train was late again.",
]


def read(events: Sequence[Event], texts: Texts) -> tuple[list[Heard], Signals]:
    told = clean(history(events)).history
    hearing = listen.listen(
        told.events,
        user_id="u1",
        model=ScriptedModel(lambda _: ListenAnswer(names=[(1, "soups")])),
        prompt=library.default("listen"),
        taxonomy=TAXONOMY,
        ledger=lambda call: None,
        texts=texts,
    )
    return asyncio.run(hearing), signals.signals(told, TAXONOMY, texts)


def kept(events: Sequence[Event], config: str = "c1", before: Kept | None = None) -> Kept:
    texts = Texts(config, before)
    read(events, texts)
    found = texts.kept()
    assert found is not None
    return found


def posts(*texts: str, kind: str = "post", **fields: object) -> list[Event]:
    return [event(at, kind, text=text, **fields) for at, text in enumerate(texts)]


@given(st.lists(EVENTS, max_size=8))
def test_what_is_kept_is_what_was_read(events: list[Event]) -> None:
    events = [*events, *posts(*SPOKEN)]
    assert read(events, Texts("c1", kept(events))) == read(events, Texts("c1")) == read(events, Texts())


def test_a_text_is_read_once_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    events = posts(*SPOKEN, *SPOKEN)
    before = kept(events)
    assert len(before.silent) >= 2 * DIGEST, "a text says nothing of its author, and names nothing"
    seen: list[str] = []
    whole = TAXONOMY.hearing.find

    def find(text: str) -> object:
        seen.append(text)
        return whole(text)

    monkeypatch.setattr(TAXONOMY.hearing, "find", find)
    assert read(events, Texts("c1", before))[0]
    assert seen == []
    more = [*events, event(50, "post", text="I adore opera.")]
    after = kept(more, before=before)
    assert seen == ["I adore opera."]
    assert orjson.loads(after.telling).items() > orjson.loads(before.telling).items()


def test_nothing_is_kept_where_nothing_is_new() -> None:
    events = posts(*SPOKEN)
    texts = Texts("c1", kept(events))
    read(events, texts)
    assert texts.kept() is None
    few = Texts()
    read(events, few)
    assert few.kept() is None


def test_another_configuration_reads_anew() -> None:
    events = posts(*SPOKEN)
    made_up = kept(events)._replace(silent=b"", telling=b"{}")
    assert kept(events, "c2", made_up).config == "c2"
    assert kept(events, "c2", made_up) == kept(events, "c2")


def test_what_a_text_names_is_read_beside_each_item() -> None:
    about = [
        event(1, "comment", text="Such a thriller, with jazz", genre="Thriller", item_id="a"),
        event(2, "comment", text="Such a thriller, with jazz", genre="Drama", item_id="b"),
    ]
    assert read(about, Texts("c1", kept(about[:1]))) == read(about, Texts())
