from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.facts import Point, points, title
from agents.model import ScriptedModel, unrecorded
from agents.persona import complaint, fixed, named, persona, split
from agents.prose import plain
from limner.domain import Counts, Event, Evidence, Label, Language, Persona, SignalKind, Tag
from limner.errors import AnswerError
from prompts import library
from prompts.answers import PersonaAnswer
from tests.agents.histories import POSITIVE, TAXONOMY, TEXTS, event, tag

TITLES = {
    "e1": event(1, title="Blade Runner 2049"),
    "e2": event(2, title="The Iron Lady"),
    "e3": event(3, title="Kind of Blue"),
    "e4": event(4, title="Direct-drive turntable"),
}


SCI_FI = tag("genre/sci-fi", lift=0.9, probability=0.99, cites=("e1",))
ROMANCE = tag("genre/romance", -1, lift=-1.2, probability=0.98, cites=("e2",))
JAZZ = tag("music/jazz", probability=0.7, cites=("e3",))
NURSE = tag("profession/nurse", 0, basis="stated", probability=0.95)
OWL = tag("behaviour/night-owl", 0, measure=0.9, probability=0.95)
HORROR = tag("genre/horror", -1, lift=-0.7, probability=0.95)
CAT = tag("household/cat", 0, basis="stated", probability=0.9)
DOG = tag("household/dog", 0, basis="stated", probability=0.9)
VEGETARIAN = tag("diet/vegetarian", 0, basis="stated", probability=0.9)
EARLY_BIRD = tag("behaviour/early-bird", 0, measure=0.6, probability=0.9)
BRAND: dict[str, Any] = {"facet": "brand", "key": "brand/halloway", "label": Label(en="Halloway", zh="Halloway")}
HALLOWAY = SCI_FI.model_copy(update={**BRAND, "evidence": (Evidence(event_id="e4", signal=POSITIVE),)})
PULSIO = ROMANCE.model_copy(update={**BRAND, "key": "brand/pulsio", "label": Label(en="Pulsio", zh="Pulsio")})
WAR = tag("genre/war", lift=0.3)
SCI_FI_BARE = tag("genre/sci-fi", lift=0.9)
TAGS = [SCI_FI, ROMANCE, JAZZ, NURSE, OWL]


def _kinds(events: Mapping[str, Event]) -> set[str]:
    return {event.kind for event in events.values()}


def told(lang: Language, tags: list[Tag] | None = None) -> list[Point]:
    return points(TAGS if tags is None else tags, TITLES, _kinds(TITLES), lang, TAXONOMY)


def point(lang: Language, *tags: Tag) -> Point:
    """These tags as one point, whether or not they would share one."""
    return tuple(fact for one in tags for group in told(lang, [one]) for fact in group)


def verdict(text: str, lang: Language, *cited: Tag) -> str:
    """The complaint about a sentence; "" where it stays."""
    return complaint(text, point(lang, *cited), lang, TAXONOMY) or ""


@pytest.mark.parametrize(
    ("lang", "text", "cited"),
    [
        ("en", "Science fiction films rate high with this user, “Blade Runner 2049” above all.", [SCI_FI]),
        ("en", "This user rates science fiction well above their own average.", [SCI_FI]),
        ("en", "Romance is rated far below their own average, such as “The Iron Lady”.", [ROMANCE]),
        ("en", "Romance is avoided, while science fiction is a favourite.", [ROMANCE, SCI_FI]),
        ("en", "This user loves sci-fi, but dislikes romance.", [ROMANCE, SCI_FI]),
        ("en", "A nurse who is most active late at night.", [NURSE, OWL]),
        ("en", "Jazz turns up in 15 events, e.g. Kind of Blue.", [JAZZ]),
        ("zh", "这位用户喜欢科幻片，例如《Blade Runner 2049》。", [SCI_FI]),
        ("zh", "对科幻的评分明显高于自己的平均分。", [SCI_FI]),
        ("zh", "不喜欢爱情片，评分远低于自己的平均分。", [ROMANCE]),
        ("zh", "相比其他类型，这位用户更喜欢科幻电影。", [SCI_FI]),
        ("zh", "这位用户是护士，常在深夜活跃。", [NURSE, OWL]),
        ("zh", "爵士乐出现了15次，例如《Kind of Blue》。", [JAZZ]),
        ("en", "They rate jazz and science fiction above their own mean.", [JAZZ, SCI_FI]),
        ("en", "They work in nursing.", [NURSE]),
        ("en", "They live with a cat.", [CAT]),
        ("en", "This user is most active early in the morning.", [EARLY_BIRD]),
        ("en", "Romance falls far below their own average, horror well below it.", [ROMANCE, HORROR]),
        ("en", "“Blade Runner 2049” is among the best of all they have seen.", [SCI_FI]),
        ("en", "Sci-fi pleases them most, “Blade Runner 2049” among it, and jazz drew them 15 times.", [SCI_FI, JAZZ]),
        ("en", "They rate it well above their own average, and it is science fiction.", [SCI_FI]),
        ("en", "This user likes science fiction and has a cat.", [SCI_FI, CAT]),
        ("zh", "这位用户喜欢科幻，还养猫。", [SCI_FI, CAT]),
        ("zh", "这位用户吃素。", [VEGETARIAN]),
        ("zh", "家里还养着猫。", [CAT]),
        ("zh", "日出时分最活跃，家里还养狗。", [EARLY_BIRD, DOG]),
        ("zh", "这位用户常在深夜里活跃。", [OWL]),
        ("zh", "爱情片明显不受待见，评分远低于平均分。", [ROMANCE]),
        ("zh", "爱情片远低于平均分，恐怖片也明显低于平均分。", [ROMANCE, HORROR]),
        ("zh", "科幻最得这位用户的心，《Blade Runner 2049》就是其中之一，爵士乐也有15次。", [SCI_FI, JAZZ]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sentence_that_says_what_its_facts_say_stays(lang: Language, text: str, cited: list[Tag]) -> None:
    assert verdict(text, lang, *cited) == ""


@pytest.mark.parametrize(
    ("lang", "text", "cited", "complained"),
    [
        ("en", "Science fiction is a favourite of this user.", [JAZZ], "in no cited fact"),
        ("en", "", [SCI_FI], "wrong language"),
        ("en", "Blade Runner 2049", [SCI_FI], "wrong language"),
        ("zh", "。", [SCI_FI], "wrong language"),
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
        ("en", "Science fiction is rated well below the average.", [SCI_FI], "liked, not the other way"),
        ("en", "This user likes romance.", [ROMANCE], "disliked, not the other way"),
        ("en", "Romance is rated far above the average.", [ROMANCE], "disliked, not the other way"),
        ("zh", "这位用户喜欢爱情片。", [ROMANCE], "disliked, not the other way"),
        ("zh", "这位用户不喜欢科幻。", [SCI_FI], "liked, not the other way"),
        ("zh", "对科幻的评分明显低于平均分。", [SCI_FI], "liked, not the other way"),
        ("en", "She loves science fiction.", [SCI_FI], "gender"),
        ("en", "A man of science fiction.", [SCI_FI], "gender"),
        ("zh", "她喜欢科幻片，评分很高。", [SCI_FI], "gender"),
        ("zh", "他喜欢科幻片，评分很高。", [SCI_FI], "gender"),
        ("zh", "这位女士喜欢科幻片。", [SCI_FI], "gender"),
        ("zh", "素食者。没有特别喜欢的类型，但喜欢各种食物。", [VEGETARIAN], "no taste"),
        ("zh", "素食者。没有特别看重的类型，各种食物都吃。", [VEGETARIAN], "none of its facts"),
        ("zh", "这位护士收入很高，住在上海的大房子里。", [NURSE], "上海 is in no cited fact"),
        ("en", "A vegetarian, who lives in a large house by the sea.", [VEGETARIAN], "house is in no cited fact"),
        ("en", "A vegetarian from a wealthy family of bankers.", [VEGETARIAN], "bankers"),
        ("en", "This user likes yachts.", [JAZZ], "yachts"),
        ("zh", "收藏游艇。", [JAZZ], "收藏 is in no cited fact"),
        ("en", "Yes, very much.", [JAZZ], "yes"),
        ("en", "Science fiction drew this user 15 times.", [SCI_FI, JAZZ], "number 15"),
        ("en", "Romance falls well below their average, horror far below it.", [ROMANCE, HORROR], "well is not said"),
        ("en", "Romance and horror both fall far below their average.", [ROMANCE, HORROR], "far is not said"),
        ("en", "Science fiction is rated slightly above their average.", [SCI_FI], "a little is not said"),
        ("zh", "爱情片明显低于平均分，恐怖片远低于平均分。", [ROMANCE, HORROR], "明显 is not said"),
        ("zh", "科幻的评分远高于平均分。", [SCI_FI], "远 is not said"),
        ("zh", "爱情片比平均分低12星。", [ROMANCE], "number 12"),
        ("en", "Science fiction got nine stars more than the mean.", [SCI_FI], "nine stars"),
        ("zh", "科幻片的评分高出五星。", [SCI_FI], "五星"),
        ("zh", "这位用户养猫。{", [CAT], "{"),
        ("en", "This user has a cat. <|im_end|>", [CAT], "<"),
        ("zh", "这位用户喜欢夜猫子", [OWL], "no taste"),
        ("zh", "这位用户喜欢科幻和夜猫子。", [SCI_FI, OWL], "no taste"),
        ("zh", "夜猫子是这位用户的爱好之一。", [OWL], "no taste"),
        ("en", "Being a vegetarian is one of their hobbies.", [VEGETARIAN], "no taste"),
        ("en", "Science fiction, romance and horror rate low.", [SCI_FI, ROMANCE, HORROR], "liked, not the other way"),
        ("en", "This user enjoys being a vegetarian.", [VEGETARIAN], "no taste"),
        ("en", "Science fiction stands out, well below the average.", [SCI_FI], "liked, not the other way"),
        ("en", "Romance is rated low, horror is loved.", [ROMANCE, HORROR], "disliked, not the other way"),
        ("zh", "不喜欢爱情片，喜欢恐怖片。", [ROMANCE, HORROR], "disliked, not the other way"),
        ("zh", "爱情片评分远低于平均，恐怖片评分明显高于平均。", [ROMANCE, HORROR], "disliked, not the other way"),
        ("en", "Jazz is a favourite, with a rating of 15 stars above their own mean.", [JAZZ], "no 15 stars"),
        ("zh", "爵士乐的评分比平均分高15星。", [JAZZ], "no 15 stars"),
        ("en", "Romance is far below their own average, and they enjoy The Iron Lady.", [ROMANCE], "disliked, not"),
        ("zh", "不喜欢爱情片，喜欢的影片有《The Iron Lady》。", [ROMANCE], "disliked, not the other way"),
        ("en", "They are a night owl, which means they are a nurse.", [OWL, NURSE], "which means"),
        ("en", "They work as a nurse, and they are.", [NURSE], "breaks off"),
        ("en", "Science fiction is rated well above their own average, e.", [SCI_FI], "breaks off"),
        ("en", "Jazz is liked, and science fiction, as.", [JAZZ, SCI_FI], "breaks off"),
        ("zh", "喜欢科幻，《Blade Runner 2049》的评分高出平均分0.9星。", [SCI_FI], "not one of them"),
        ("en", "Science fiction is a must for this user.", [SCI_FI], "must"),
        ("en", "Halloway is a turntable that this user likes.", [HALLOWAY], "turntable"),
        ("en", "Halloway is a film that this user likes.", [HALLOWAY], "film"),
        ("zh", "Halloway是这位用户喜欢的电影。", [HALLOWAY], "电影"),
        ("zh", "科幻和Blade Runner 2049合这位用户的口味。", [SCI_FI], "marks"),
        (
            "zh",
            "这位用户喜欢恐怖片，评分明显低于平均，不喜欢爱情片。",
            [HORROR, ROMANCE],
            "disliked, not the other way",
        ),
        ("zh", "喜欢Pulsio，评分远低于自己的平均分，养猫。", [PULSIO, CAT], "disliked, not the other way"),
        ("zh", "喜欢科幻和战争题材，评分明显高于自己的平均分。", [SCI_FI, WAR], "明显 is not said of that"),
        ("en", "Science fiction and war stories please, rated well above their average.", [SCI_FI, WAR], "well is not"),
        ("en", "Science fiction pleases them most, rated well above their own average。", [SCI_FI], "。 has no place"),
        ("en", "This user likes science fiction, rated well above their own average.", [SCI_FI_BARE], "word for word"),
        ("zh", "这位用户偏爱科幻，评分明显高于自己的平均分，例如《Blade Runner 2049》。", [SCI_FI], "word for word"),
        ("en", "Night owl; has a cat.", [OWL, CAT], "word for word"),
        ("en", "This user night owl.", [OWL], "word for word"),
        ("zh", "素食者；养猫。", [VEGETARIAN, CAT], "word for word"),
        ("en", "Jazz is their second favourite.", [JAZZ], "second"),
        ("en", "Science fiction comes up too, a little at.", [SCI_FI], "breaks off"),
        ("en", "They skipped science fiction.", [SCI_FI], "liked, not the other way"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_sentence_that_says_more_is_refused(lang: Language, text: str, cited: list[Tag], complained: str) -> None:
    assert complained in verdict(text, lang, *cited)


@pytest.mark.parametrize("text", ["这位用户正在学吉他，其他乐器没有。", "这位用户弹吉他。"])
def test_a_guitar_is_no_gender(text: str) -> None:
    assert "gender" not in verdict(text, "zh", JAZZ)


@given(TEXTS, st.sampled_from(["en", "zh"]), st.sampled_from([[SCI_FI], [ROMANCE, HORROR], [NURSE, OWL]]))
def test_any_text_stays_or_is_complained_about_in_words(text: str, lang: Language, cited: list[Tag]) -> None:
    assert complaint(text, point(lang, *cited), lang, TAXONOMY) != ""


def test_facts_say_what_how_much_and_an_example() -> None:
    assert [[fact.line for fact in facts] for facts in told("en")] == [
        [
            "likes science fiction, rated well above their own average, e.g. Blade Runner 2049",
            "likes jazz, 15 events, e.g. Kind of Blue",
        ],
        ["dislikes romance, rated far below their own average, e.g. The Iron Lady"],
        ["night owl: is active late at night (90 % of active days)"],
        ["is a nurse"],
    ]
    assert [[fact.line for fact in facts] for facts in told("zh")] == [
        [
            "喜欢科幻，评分明显高于自己的平均分，例如《Blade Runner 2049》",
            "喜欢爵士乐，15次相关行为，例如《Kind of Blue》",
        ],
        ["不喜欢爱情片，评分远低于自己的平均分，例如《The Iron Lady》"],
        ["夜猫子：多在深夜活跃（占活跃天数的90%）"],
        ["是护士"],
    ]


def test_candidates_are_no_facts() -> None:
    assert told("en", [tag("music/jazz", status="candidate")]) == []


EVERY = [
    tag(key, sign, basis=basis)
    for key in TAXONOMY.terms
    for sign, basis in (
        (1, "observed"),
        (-1, "observed"),
        (0, "observed"),
        (1, "stated"),
        (-1, "stated"),
        (0, "stated"),
    )
]


@given(st.lists(st.sampled_from(EVERY), max_size=40))
def test_a_portrait_has_nine_points_at_most_and_mixes_no_kinds_in_one(tags: list[Tag]) -> None:
    known = told("en", tags)
    assert len(known) <= 9
    for group in known:
        assert 1 <= len(group) <= 4
        assert (
            len({(fact.told and fact.tag.basis == "stated", not fact.told and fact.tag.polarity) for fact in group})
            == 1
        )


def test_many_likes_leave_room_for_a_dislike_and_a_habit() -> None:
    genres = [tag(key, probability=0.99) for key in TAXONOMY.terms if key.startswith("genre/")][:20]
    chosen = [fact.tag for group in told("en", [*genres, ROMANCE, OWL]) for fact in group]
    assert len(chosen) == 6
    assert ROMANCE in chosen and OWL in chosen


def test_the_surest_and_farthest_from_the_mean_come_first() -> None:
    assert [fact.tag for fact in told("en", [JAZZ, SCI_FI])[0]] == [SCI_FI, JAZZ]


def test_only_events_that_agree_are_examples() -> None:
    mixed = (
        Evidence(event_id="e2", signal=SignalKind.EXPLICIT_NEGATIVE),
        Evidence(event_id="e1", signal=SignalKind.EXPLICIT_POSITIVE),
        Evidence(event_id="gone", signal=SignalKind.EXPLICIT_POSITIVE),
    )
    (fact,) = point("en", tag("genre/sci-fi", evidence=mixed))
    assert fact.titles == ("Blade Runner 2049",)


def test_no_fact_carries_personal_data_of_a_title_or_a_name() -> None:
    known: dict[str, Event] = {"e1": event(1, title="Call 138 0013 8000 or mail me@example.com now")}
    spoilt = tag("genre/sci-fi", cites=("e1",), label=Label(en="me@example.com", zh="13800138000"))
    for lang in ("en", "zh"):
        ((fact,),) = points([spoilt], known, _kinds(known), lang, TAXONOMY)
        assert "@" not in fact.line and "138" not in fact.line


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_fixed_wording_passes_its_own_checks(lang: Language) -> None:
    known = told(lang, [*TAGS, HORROR, CAT, VEGETARIAN])
    assert len(known) == 4
    for group, sentence in zip(known, fixed(known, lang).sentences, strict=True):
        assert complaint(sentence.text, group, lang, TAXONOMY) is None
        assert sentence.tags == tuple(fact.tag.key for fact in group)
        assert sentence.text.endswith("。" if lang == "zh" else ".")


BEHAVIOURS = [key for key, term in TAXONOMY.terms.items() if term.kind == "behaviour"]


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("key", BEHAVIOURS)
def test_the_fixed_wording_of_a_behaviour_passes_the_checks_and_names_it(key: str, lang: Language) -> None:
    (group,) = told(lang, [tag(key, 0, measure=0.5)])
    text = plain(group, lang, "first")
    assert complaint(text, group, lang, TAXONOMY) is None
    assert named(text, group, TAXONOMY) == group


LIKED = "Science fiction is a favourite of this user."
ENJOYED = "This user enjoys science fiction."
AVOIDED = "Romance is avoided by this user."
INVENTED = "She adores horror and yachts in Monaco."
PLAIN_LIKED, PLAIN_AVOIDED = (sentence.text for sentence in fixed(told("en", [SCI_FI, ROMANCE]), "en").sentences)


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


@pytest.mark.parametrize(
    ("written", "writer", "kept"),
    [
        ([LIKED, AVOIDED], "model", [LIKED, AVOIDED]),
        ([AVOIDED, LIKED], "model", [LIKED, AVOIDED]),
        ([f"{LIKED} {AVOIDED}"], "model", [LIKED, AVOIDED]),
        ([INVENTED, AVOIDED], "mixed", [PLAIN_LIKED, AVOIDED]),
        ([LIKED, INVENTED], "mixed", [LIKED, PLAIN_AVOIDED]),
        ([f"{LIKED} {INVENTED}"], "mixed", [LIKED, PLAIN_AVOIDED]),
        ([INVENTED, INVENTED], "rule", [PLAIN_LIKED, PLAIN_AVOIDED]),
        ([LIKED, LIKED], "mixed", [LIKED, PLAIN_AVOIDED]),
        (["This user enjoys science fiction.", "This user avoids romance."], "mixed", [ENJOYED, PLAIN_AVOIDED]),
        ([LIKED], "mixed", [LIKED, PLAIN_AVOIDED]),
        ([LIKED, AVOIDED, INVENTED, LIKED, "They own a yacht."], "model", [LIKED, AVOIDED]),
        (["Science  fiction\nis a favourite of this user. ", AVOIDED], "model", [LIKED, AVOIDED]),
        (["....", AVOIDED], "mixed", [PLAIN_LIKED, AVOIDED]),
    ],
    ids=[
        "both good",
        "in another order",
        "two in one",
        "first invented",
        "last invented",
        "good and invented in one",
        "all invented",
        "one twice",
        "two that begin alike",
        "too few",
        "too many",
        "space",
        "no words",
    ],
)
async def test_a_sentence_that_fails_is_replaced_alone(written: list[str], writer: str, kept: list[str]) -> None:
    made, model = await worded(PersonaAnswer(sentences=written))
    assert (made.writer, [sentence.text for sentence in made.sentences]) == (writer, kept)
    romance_at = [sentence in (AVOIDED, PLAIN_AVOIDED) for sentence in kept].index(True)
    assert made.sentences[romance_at].tags == ("genre/romance",)
    assert made.sentences[1 - romance_at].tags == ("genre/sci-fi",)
    assert made.text == " ".join(kept)
    assert len(model.asked) == 1  # a failing sentence is not asked for again


async def test_the_points_stand_numbered_in_the_prompt() -> None:
    _, model = await worded(PersonaAnswer(sentences=[LIKED, AVOIDED]))
    assert "<facts>\n1. likes science fiction, rated well" in model.asked[0].chat[1].content
    assert "\n2. dislikes romance, rated far" in model.asked[0].chat[1].content


async def test_an_answer_out_of_shape_is_repaired_once_and_then_an_error() -> None:
    made, model = await worded("prose", PersonaAnswer(sentences=[LIKED, AVOIDED]))
    assert (made.writer, len(model.asked)) == ("model", 2)
    with pytest.raises(AnswerError):
        await worded("prose", "more prose")


def test_a_sentence_begins_with_a_word() -> None:
    assert split([", animation is a favourite."], "en") == ["animation is a favourite."]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("Sixth Sense, The (1999)", "The Sixth Sense"),
        ("My Neighbor Totoro (Tonari no Totoro) (1988)", "My Neighbor Totoro"),
        ("Avventura, L' (Adventure, The) (1960)", "L' Avventura"),
        ("Shoes, The Red (1948)", "Shoes, The Red"),
        ("(500) Days of Summer (2009)", "(500) Days of Summer"),
        ("(1999)", "(1999)"),
        ("霸王别姬 (1993)", "霸王别姬"),
        ("绘本《妈妈的口袋》", "绘本〈妈妈的口袋〉"),
        ("Trail shoe, size 42", "Trail shoe, size 42"),
    ],
)
def test_a_title_is_told_as_one_says_it(given: str, said: str) -> None:
    assert title(given) == said


def test_two_tastes_do_not_share_an_example() -> None:
    ((first, second),) = told(
        "en",
        [tag("genre/sci-fi", lift=1.2, cites=("e1", "e2", "e3")), tag("genre/war", lift=0.6, cites=("e1", "e2", "e3"))],
    )
    assert first.titles == ("Blade Runner 2049", "The Iron Lady")
    assert second.titles == ("Kind of Blue",)


@pytest.mark.parametrize(
    ("kinds", "total", "much"),
    [
        (["purchase"] * 3, 3, "bought 3 times"),
        (["search", "search"], 2, "searched for 2 times"),
        (["purchase", "view", "view"], 3, "viewed 2 times and bought once"),
        (["purchase", "view", "view"], 30, "30 events"),
        (["purchase"], 1, "1 events"),
        (["purchase"] * 3, 30, "bought 30 times"),
        (["play"] * 3, 3, "3 events"),
    ],
    ids=[
        "bought",
        "searched",
        "two kinds",
        "not all are at hand",
        "once",
        "nothing else was done",
        "a play may stand for many",
    ],
)
def test_how_often_says_what_was_done(kinds: list[str], total: int, much: str) -> None:
    known = {f"e{at}": event(at, kind=kind) for at, kind in enumerate(kinds)}
    bought = tag("music/jazz", cites=tuple(known), counts=Counts(implicit_positive=total))
    (((fact,),)) = points([bought], known, _kinds(known), "en", TAXONOMY)
    assert fact.much == much


def test_a_full_stop_in_a_title_ends_no_sentence() -> None:
    title = "Dr. Strangelove or: How I Learned!"
    assert split([f"They like war stories, e.g. {title} They dislike romance."], "en", [title]) == [
        f"They like war stories, e.g. {title} They dislike romance."
    ]
    assert split([f"They like {title}. They dislike romance."], "en", [title]) == [
        f"They like {title}.",
        "They dislike romance.",
    ]
