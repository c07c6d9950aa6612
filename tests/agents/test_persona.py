from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.model import ScriptedModel, unrecorded
from agents.persona import Fact, checked, facts, persona, plain
from limner.domain import Counts, Event, Evidence, Label, Language, Persona, SignalKind, Tag
from limner.errors import AnswerError
from prompts import library
from prompts.answers import PersonaAnswer, PersonaSentence
from tests.agents.histories import NEGATIVE, POSITIVE, TAXONOMY, TEXTS, event

TITLES = {
    "e1": event(1, title="Blade Runner 2049"),
    "e2": event(2, title="The Iron Lady"),
    "e3": event(3, title="Kind of Blue"),
}


def tag(key: str, sign: int = 1, cites: tuple[str, ...] = (), **fields: Any) -> Tag:
    term = TAXONOMY.terms[key]
    signal = NEGATIVE if sign < 0 else POSITIVE
    facts: dict[str, Any] = {
        "facet": term.facet,
        "label": term.label,
        "probability": 0.9,
        "basis": "observed",
        "status": "verified",
        "counts": Counts(explicit_positive=15),
        "evidence": tuple(Evidence(event_id=one, signal=signal) for one in cites),
    }
    return Tag(**facts | {"key": key, "polarity": sign} | fields)


SCI_FI = tag("genre/sci-fi", lift=0.9, probability=0.99, cites=("e1",))
ROMANCE = tag("genre/romance", -1, lift=-1.2, probability=0.98, cites=("e2",))
JAZZ = tag("music/jazz", probability=0.7, cites=("e3",))
NURSE = tag("profession/nurse", 0, basis="stated", probability=0.95)
OWL = tag("behaviour/night-owl", 0, measure=0.9, probability=0.95)
TAGS = [SCI_FI, ROMANCE, JAZZ, NURSE, OWL]


def told(lang: Language, tags: list[Tag] | None = None) -> list[Fact]:
    return facts(TAGS if tags is None else tags, TITLES, lang)


def ids(told: list[Fact], *tags: Tag) -> list[str]:
    return [fact.id for fact in told if fact.tag in tags]


def verdict(text: str, lang: Language, *cited: Tag) -> str:
    """The complaint about a sentence; "" where it is kept."""
    known = told(lang)
    kept, complaints = checked([PersonaSentence(text=text, tags=ids(known, *cited) or ["t99"])], known, lang, TAXONOMY)
    assert len(kept) + len(complaints) == 1
    return "".join(complaints)


@pytest.mark.parametrize(
    ("lang", "text", "cited"),
    [
        ("en", "Science fiction films rate high with this user, “Blade Runner 2049” above all.", [SCI_FI]),
        ("en", "This user rates science fiction 0.9 stars above their own mean.", [SCI_FI]),
        ("en", "Romance is rated 1.2 stars below their own mean, such as “The Iron Lady”.", [ROMANCE]),
        ("en", "Romance is avoided, while science fiction is a favourite.", [ROMANCE, SCI_FI]),
        ("en", "This user loves sci-fi, but dislikes romance.", [ROMANCE, SCI_FI]),
        ("en", "A nurse who is most active late at night.", [NURSE, OWL]),
        ("en", "Jazz turns up in 15 events, e.g. Kind of Blue.", [JAZZ]),
        ("zh", "这位用户喜欢科幻片，例如《Blade Runner 2049》。", [SCI_FI]),
        ("zh", "对科幻的评分比自己的平均分高0.9星。", [SCI_FI]),
        ("zh", "不喜欢爱情片，评分比自己的平均分低1.2星。", [ROMANCE]),
        ("zh", "相比其他类型，这位用户更喜欢科幻电影。", [SCI_FI]),
        ("zh", "这位用户是护士，常在深夜活跃。", [NURSE, OWL]),
        ("zh", "爵士乐出现了15次，例如《Kind of Blue》。", [JAZZ]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sentence_that_says_what_its_facts_say_is_kept(lang: Language, text: str, cited: list[Tag]) -> None:
    assert verdict(text, lang, *cited) == ""


@pytest.mark.parametrize(
    ("lang", "text", "cited", "complaint"),
    [
        ("en", "Science fiction is a favourite of this user.", [], "no id of a fact"),
        ("en", "这位用户喜欢科幻片。", [SCI_FI], "wrong language"),
        ("zh", "This user likes science fiction.", [SCI_FI], "wrong language"),
        ("en", "Science fiction got 9 stars more than the mean.", [SCI_FI], "number 9"),
        ("en", "Science fiction got 0.8 stars more than the mean.", [SCI_FI], "number 0.8"),
        ("zh", "科幻片的评分高出5星。", [SCI_FI], "number 5"),
        ("en", "Science fiction like “Dune Part Two” is a favourite.", [SCI_FI], "Dune Part Two"),
        ("zh", "喜欢科幻片，例如《流浪地球》。", [SCI_FI], "流浪地球"),
        ("en", "Science fiction by Denis Villeneuve is a favourite.", [SCI_FI], "Denis"),
        ("en", "Science fiction and horror are favourites.", [SCI_FI], "horror is in no cited fact"),
        ("zh", "喜欢科幻片和恐怖片。", [SCI_FI], "恐怖片 is in no cited fact"),
        ("en", "Science fiction and romance are both rated.", [SCI_FI], "romance is in no cited fact"),
        ("en", "This user dislikes science fiction.", [SCI_FI], "liked, not the other way"),
        ("en", "Science fiction is rated 0.9 stars below the mean.", [SCI_FI], "liked, not the other way"),
        ("en", "This user likes romance.", [ROMANCE], "disliked, not the other way"),
        ("en", "Romance is rated 1.2 stars above the mean.", [ROMANCE], "disliked, not the other way"),
        ("zh", "这位用户喜欢爱情片。", [ROMANCE], "disliked, not the other way"),
        ("zh", "这位用户不喜欢科幻。", [SCI_FI], "liked, not the other way"),
        ("zh", "对科幻的评分比平均分低0.9星。", [SCI_FI], "liked, not the other way"),
        ("en", "She loves science fiction.", [SCI_FI], "gender"),
        ("en", "A man of science fiction.", [SCI_FI], "gender"),
        ("zh", "她喜欢科幻片，评分很高。", [SCI_FI], "gender"),
        ("zh", "他喜欢科幻片，评分很高。", [SCI_FI], "gender"),
        ("zh", "这位女士喜欢科幻片。", [SCI_FI], "gender"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sentence_that_says_more_is_dropped(lang: Language, text: str, cited: list[Tag], complaint: str) -> None:
    assert complaint in verdict(text, lang, *cited)


@pytest.mark.parametrize("text", ["这位用户正在学吉他，其他乐器没有。", "这位用户弹吉他。"])
def test_a_guitar_is_no_gender(text: str) -> None:
    assert "gender" not in verdict(text, "zh", JAZZ)


def test_the_same_sentence_is_kept_once() -> None:
    known = told("en")
    same = PersonaSentence(text="Jazz is a favourite of this user.", tags=ids(known, JAZZ))
    assert len(checked([same, same], known, "en", TAXONOMY)[0]) == 1


@given(TEXTS.filter(lambda text: 8 <= len(text) <= 240), st.sampled_from(["en", "zh"]))
def test_any_text_is_kept_or_complained_about(text: str, lang: Language) -> None:
    known = told(lang)
    kept, complaints = checked([PersonaSentence(text=text, tags=["t1"])], known, lang, TAXONOMY)
    assert len(kept) + len(complaints) == 1


def test_facts_say_what_how_much_and_an_example() -> None:
    assert {fact.line for fact in told("en")} == {
        "likes science fiction, rated 0.9 stars above their own mean, e.g. “Blade Runner 2049”",
        "dislikes romance, rated 1.2 stars below their own mean, e.g. “The Iron Lady”",
        "likes jazz, 15 events, e.g. “Kind of Blue”",
        "nurse",
        "night owl",
    }
    assert {fact.line for fact in told("zh")} == {
        "喜欢科幻，评分比自己的平均分高0.9星，例如《Blade Runner 2049》",
        "不喜欢爱情片，评分比自己的平均分低1.2星，例如《The Iron Lady》",
        "喜欢爵士乐，15次相关行为，例如《Kind of Blue》",
        "护士",
        "夜猫子",
    }


def test_candidates_are_no_facts() -> None:
    assert told("en", [tag("music/jazz", status="candidate")]) == []


def test_many_likes_leave_room_for_a_dislike_and_a_habit() -> None:
    genres = [tag(key, probability=0.99) for key in TAXONOMY.terms if key.startswith("genre/")][:20]
    chosen = [fact.tag for fact in told("en", [*genres, ROMANCE, OWL])]
    assert len(chosen) == 10
    assert ROMANCE in chosen and OWL in chosen


def test_only_events_that_agree_are_examples() -> None:
    mixed = (
        Evidence(event_id="e2", signal=SignalKind.EXPLICIT_NEGATIVE),
        Evidence(event_id="e1", signal=SignalKind.EXPLICIT_POSITIVE),
        Evidence(event_id="gone", signal=SignalKind.EXPLICIT_POSITIVE),
    )
    (fact,) = told("en", [tag("genre/sci-fi", evidence=mixed)])
    assert fact.titles == ("Blade Runner 2049",)


def test_no_fact_carries_personal_data_of_a_title_or_a_name() -> None:
    known: dict[str, Event] = {"e1": event(1, title="Call 138 0013 8000 or mail me@example.com now")}
    spoilt = tag("genre/sci-fi", cites=("e1",), label=Label(en="me@example.com", zh="13800138000"))
    for lang in ("en", "zh"):
        (fact,) = facts([spoilt], known, lang)
        assert "@" not in fact.line and "138" not in fact.line


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_fixed_wording_passes_its_own_checks(lang: Language) -> None:
    known = told(lang)
    worded = plain(known, lang)
    assert (worded.writer, worded.language, len(worded.sentences)) == ("rule", lang, 4)
    for sentence, fact in zip(worded.sentences, known, strict=False):
        assert sentence.tags == (fact.tag.key,)
        assert sentence.text.endswith("。" if lang == "zh" else ".")
        asked = [PersonaSentence.model_construct(text=sentence.text, tags=[fact.id])]
        assert checked(asked, known, lang, TAXONOMY)[1] == []


GOOD = PersonaAnswer(
    sentences=[
        PersonaSentence(text="Science fiction is a favourite of this user.", tags=["t2"]),
        PersonaSentence(text="Romance is avoided by this user.", tags=["t1"]),
    ]
)
BAD = PersonaAnswer(sentences=[PersonaSentence(text="She adores horror and yachts in Monaco.", tags=["t1"])])


async def worded(*answers: PersonaAnswer | str) -> tuple[Persona, ScriptedModel]:
    model = ScriptedModel(answers)
    made = await persona(
        told("en", [SCI_FI, ROMANCE]),
        user_id="u1",
        lang="en",
        model=model,
        prompt=library.latest("persona"),
        taxonomy=TAXONOMY,
        ledger=unrecorded,
    )
    return made, model


async def test_a_good_answer_is_the_persona() -> None:
    made, model = await worded(GOOD)
    assert (made.writer, len(model.asked)) == ("model", 1)
    assert made.text == "Science fiction is a favourite of this user. Romance is avoided by this user."
    assert [sentence.tags for sentence in made.sentences] == [("genre/sci-fi",), ("genre/romance",)]


async def test_a_wrong_answer_is_asked_again_with_what_is_wrong() -> None:
    made, model = await worded(BAD, GOOD)
    assert made.writer == "model"
    again = model.asked[1].chat
    assert [message.role for message in again] == ["system", "user", "assistant", "user"]
    assert "gender" in again[-1].content


async def test_after_two_wrong_answers_a_fixed_wording_takes_their_place() -> None:
    made, model = await worded(BAD, BAD)
    assert (made.writer, len(model.asked)) == ("rule", 2)
    assert "yachts" not in made.text


async def test_an_answer_out_of_shape_is_repaired_once_and_then_an_error() -> None:
    made, model = await worded("prose", GOOD)
    assert (made.writer, len(model.asked)) == ("model", 2)
    with pytest.raises(AnswerError):
        await worded("prose", "more prose")
