"""What users say of themselves: what is heard, from whom, and what is not believed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random

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
from store.database import Database
from store.events import EventStore
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
    return [(fact.key, fact.polarity) for fact in heard(*texts) if not fact.ends]


# --- what is heard --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("I love it. Painting landscapes is my favorite.", "painting landscapes"),
        ("Beijing duck is my favorite.", "Beijing duck"),
        ("Italian food trucks are my favorite.", "Italian food trucks"),
        ("I love the theater scene there.", "theater scene"),
        ("我最喜欢做一些家常菜", "做家常菜"),
        ("我也非常喜欢品尝美酒", "美酒"),
    ],
)
def test_a_name_is_told_as_it_is_called_anywhere(text: str, label: str) -> None:
    assert [fact.label.en for fact in heard(text)] == [label]


@pytest.mark.parametrize("text", ["I love to", "I'm passionate about creating a safe, inviting place for people."])
def test_what_breaks_off_is_no_name(text: str) -> None:
    named = "to" if text.endswith("to") else "creating a safe"
    assert heard(text, names=[(1, named)]) == []


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
        ("I enjoy my new role as a beekeeper.", [("profession/beekeeper", 0)]),
        ("我喜欢第五人格", [("open/第五人格", 1)]),
        ("我很喜欢绘画、弹钢琴和品茶，你呢？", [("topic/painting", 1), ("topic/piano", 1), ("topic/tea-culture", 1)]),
        ("我平时喜欢看书，也喜欢爬山", [("topic/reading", 1), ("topic/hiking", 1)]),
        ("我对摇滚很感兴趣", [("music/rock", 1)]),
        ("我不太喜欢喝咖啡", [("food/coffee", -1)]),
        ("我是一名律师", [("profession/lawyer", 0)]),
        # what narrows a thing down belongs to its name
        ("I avoid films that glorify war.", [("open/films-that-glorify-war", -1)]),
        ("I tend to avoid towns with heavy traffic, sadly", [("open/towns-with-heavy-traffic", -1)]),
        ("I dislike sauces with raw onion or garlic.", [("open/sauces-with-raw-onion-or-garlic", -1)]),
        ("I prefer tables made of solid oak.", [("open/tables-made-of-solid-oak", 1)]),
        (
            "I love swimming in the sea and painting boats",
            [("open/swimming-in-the-sea", 1), ("open/painting-boats", 1)],
        ),
        ("I love places like Lisbon.", [("open/lisbon", 1)]),
        ("I like staying at small, quiet inns", [("open/staying-at-small-quiet-inns", 1)]),
        ("我不喜欢科幻以外的电影", [("open/科幻以外的电影", -1)]),
        ("我喜欢嘻哈啊", [("music/hip-hop", 1)]),
        ("我很讨厌酒吧", [("open/酒吧", -1)]),
        ("我从来不吃辣兔头以外的兔头哈，火锅还是要中辣", [("open/辣兔头以外的兔头", -1)]),
        ("我喜欢德彪西的钢琴小品", [("open/德彪西的钢琴小品", 1)]),
        # why somebody dislikes a thing is no condition
        ("I avoid cable cars due to the height", [("open/cable-cars", -1)]),
        ("Since I dislike nettle tea as it tastes of hay, what else is there?", [("open/nettle-tea", -1)]),
        ("I prefer rail travel - I avoid any kind of ferry.", [("open/rail-travel", 1), ("open/ferry", -1)]),
        # further verbs and turns of speech
        ("I strongly dislike stand-up comedy", [("genre/stand-up", -1)]),
        ("I refuse to wear fur.", [("open/fur", -1)]),
        ("I'm not big on puppet theatre", [("open/puppet-theatre", -1)]),
        ("I find model trains dull and tiresome", [("topic/model-trains", -1)]),
        ("Opera isn't really my thing.", [("music/opera", -1)]),
        ("I have no interest in golf", [("sport/golf", -1)]),
        ("As someone who hates long queues, I go early", [("open/long-queues", -1)]),
        ("I usually go for linen shirts", [("open/linen-shirts", 1)]),
        ("I'm drawn to abandoned lighthouses", [("open/abandoned-lighthouses", 1)]),
        ("I've always had a great fondness for barrel organs", [("open/barrel-organs", 1)]),
        ("I only wear wool", [("open/wool", 1)]),
        ("I find gardening very soothing", [("topic/gardening", 1)]),
        ("Knitting is a big passion of mine.", [("topic/knitting", 1)]),
        ("I could eat dumplings all day", [("food/dumplings", 1)]),
        ("I like raisins and avoid sultanas", [("open/raisins", 1), ("open/sultanas", -1)]),
        ("I like to restore clocks", [("open/restoring-clocks", 1)]),
        ("I'm learning how to play the violin now", [("learning/violin", 0)]),
        ("我热衷于收藏火柴盒", [("open/收藏火柴盒", 1)]),
        ("我吃不惯臭豆腐", [("open/臭豆腐", -1)]),
        ("我对桥牌充满热情", [("topic/bridge", 1)]),
        ("我是个资深的动漫迷", [("genre/animation", 1)]),
        ("昆曲一直是我的最爱", [("genre/kunqu", 1)]),
        ("我每天都离不开咖啡", [("food/coffee", 1)]),
        ("我对保龄球不感冒", [("sport/bowling", -1)]),
        # what is done again and again, of things that are known
        ("I do yoga nearly every morning. I go swimming twice a week", [("topic/yoga", 1), ("sport/swimming", 1)]),
        ("I cycle on weekends.", [("sport/cycling", 1)]),
        ("In my free time I paint watercolours", [("topic/watercolour", 1)]),
        ("I'm an avid reader", [("topic/reading", 1)]),
        ("I've been playing chess lately", [("topic/chess", 1)]),
        ("没事的时候我会听听爵士乐来放松", [("music/jazz", 1)]),
        ("我周末常去爬山", [("topic/hiking", 1)]),
        ("我坚持游泳", [("sport/swimming", 1)]),
        ("我下围棋已经二十多年了", [("topic/go", 1)]),
        # titles
        ('I really enjoyed "The Ferryman of Ghent".', [("open/the-ferryman-of-ghent", 1)]),
        (
            "I'm rereading 'Salt and Iron'. I love 'Ada' and 'The Long Reach'",
            [("open/salt-and-iron", 1), ("open/ada", 1), ("open/the-long-reach", 1)],
        ),
        ("我又重读了《白鹿原》", [("open/白鹿原", 1)]),
        (
            'I love "The Slow Train to the Far Side of Winter"',
            [("open/the-slow-train-to-the-far-side-of-winter", 1)],
        ),
        # names whose end is told by the words around them
        (
            "I tend to avoid shoes that squeak on wooden floors, as people stare.",
            [("open/shoes-that-squeak-on-wooden-floors", -1)],
        ),
        ("I usually prefer lamps made by small workshops for my desk", [("open/lamps-made-by-small-workshops", 1)]),
        ("我喜欢拼图,一千片的那种", [("topic/puzzles", 1)]),
        # turns of speech
        ("I've never been one for quiz nights.", [("open/quiz-nights", -1)]),
        ("Crowded trams drain me.", [("open/crowded-trams", -1)]),
        ("I get such a kick out of flea markets", [("open/flea-markets", 1)]),
        ("Nothing beats a rainy harbour, if you ask me", [("open/rainy-harbour", 1)]),
        ("Not a fan of scented candles, I'm afraid.", [("open/scented-candles", -1)]),
        (
            "Likes: marbles, tin toys. Dislikes: lotteries",
            [("open/marbles", 1), ("open/tin-toys", 1), ("open/lotteries", -1)],
        ),
        ("我对香水味敬而远之", [("open/香水味", -1)]),
        ("红眼航班我坚决不坐", [("open/红眼航班", -1)]),
        ("逛菜市场是我最大的乐趣，我对糖葫芦毫无抵抗力", [("open/逛菜市场", 1), ("open/糖葫芦", 1)]),
        ("爱好：集邮、钓虾", [("topic/stamps", 1), ("open/钓虾", 1)]),
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
        "I don't like driving when it's dark. I avoid parties unless I know the host",
        "I hate being told what I already know",
        "I always take the bus and usually go to bed at ten. I do paperwork every day",
        "I'm interested in chess and reading corners",
        "I reread the contract and revisited the figures. I enjoyed the evening",
        "I find it boring, which many find fascinating",
        "I'd never say opera isn't for you",
        "I would love to see Lisbon. I love expressing myself on paper",
        "My aunt hates crowds and avoids shellfish",
        "Whoever loves jazz and avoids opera is welcome",
        "以后我每周都会去游泳",
        "体验滑雪，享受冬日阳光",
        "但反派不是我的菜",
        "我常常加班",
        "我妈每天都去跳舞，爷爷坚持跑步",
        "喜欢老师傅和新学徒的对手戏",
        "我喜欢你",
        "我多喝两杯不代表我喜欢爵士啊",
        "他怎么会说我喜欢爵士",
        "你的意思是我喜欢爵士",
        "Presenting my work is an interesting idea!",
        "最喜欢第一个故事，第二个虽然简单但是很温暖",
        "更喜欢前两部分",
        "我喜欢结尾，很喜欢两位主角",
        '"I hate foreign poets," he told me',
        "I tend to avoid hotels built next to it",
        "I like improving my sketches",
        "I like the sound of Tuesday, shall we?",
        "I usually prefer not to have the radio on",
        "这条我喜欢,截图了",
        "我不喜欢昨天那个导游",
        "那时候我恨透了练琴",
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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("我还没结婚", ["没结婚"]),
        ("我结婚三年了", ["结婚三年"]),
        ("我和我老婆结婚五年了", ["结婚五年"]),
        ("我同事和她老公结婚五年了", []),
        ("他说我单身", []),
    ],
)
def test_chinese_family_is_heard_only_where_the_owner_says_so(tmp_path: Path, text: str, told: list[str]) -> None:
    assert said(text) == []
    own = tmp_path / "own.yaml"
    own.write_text('version: own\nextends: starter\nfacets:\n  family: {served: "default"}\n', "utf-8")
    found = lines([event(1, "message", text=text)], taxonomy.load(own))
    assert [name for line in found for name in listen.plain(line, taxonomy.load(own))] == told


# --- what the model may say -----------------------------------------------------------------------------------------

LONG = "I love making soups from what my grandmother grew"


def test_a_review_tells_tastes_of_known_things_and_of_what_looks_like_a_name() -> None:
    for text, key in (
        ("I love horror films.", "genre/horror"),
        ("I love Tom Hanks.", "open/tom-hanks"),
        ("喜欢沈腾", "open/沈腾"),
    ):
        assert [fact.key for fact in heard(text, kind="review")] == [key]
    for text in ("I love the ending.", "I love blue.", "喜欢绅士又大气"):
        assert heard(text, kind="review") == []


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


def test_what_is_said_again_is_heard_again_of_the_event_that_says_it() -> None:
    told = heard("I love hiking.", "I used to love jazz.", "I love hiking.", "I used to love jazz.")
    assert [(one.event_id, one.span, one.ends) for one in told] == [
        ("e0", "I love hiking", False),
        ("e2", "I love hiking", False),
        ("e1", "I used to love jazz", True),
        ("e3", "I used to love jazz", True),
    ]


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


# --- what is over ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("I love jazz.", "I used to love jazz, but now I love classical music.", "music/jazz"),
        ("I love playing tennis.", "I don't play tennis any more, my knee hurts.", "sport/tennis"),
        ("I'm learning Italian.", "I've stopped learning Italian.", "learning/italian"),
        ("I love coffee.", "I finally gave up coffee two months ago.", "food/coffee"),
        ("I'm a big fan of anime", "I've lost interest in anime.", "genre/anime"),
        ("I'm vegetarian.", "I'm no longer vegetarian.", "diet/vegetarian"),
        ("I'm vegetarian.", "Last week I started eating meat again.", "diet/vegetarian"),
        ("I work as a nurse.", "I left my job as a nurse.", "profession/nurse"),
        ("I'm a college student.", "I'm not a student anymore.", "life_stage/student"),
        ("My dog loves the park.", "My dog passed away last week.", "household/dog"),
        ("I don't smoke.", "I started smoking again.", "lifestyle/non-smoker"),
        ("I hate mushrooms.", "I used to hate mushrooms.", "open/mushrooms"),
        ("我喜欢打篮球。", "我以前喜欢打篮球，现在没时间。", "sport/basketball"),
        ("我特别喜欢打网球。", "我已经不打网球了。", "sport/tennis"),
        ("我喜欢喝咖啡。", "我戒了咖啡。", "food/coffee"),
        ("我很喜欢摇滚。", "我对摇滚失去了兴趣。", "music/rock"),
        ("我是一名护士。", "我以前是护士。", "profession/nurse"),
        ("我是老师。", "我不当老师了。", "profession/teacher"),
        ("我在学法语。", "我不学法语了。", "learning/french"),
        ("我经常熬夜。", "我不再熬夜了。", "lifestyle/stays-up-late"),
        ("我吃素。", "我又开始吃肉了。", "diet/vegetarian"),
        ("我家有一只小狗。", "我家的狗去年去世了。", "household/dog"),
    ],
)
def test_what_is_over_is_served_no_longer_until_it_is_said_again(before: str, after: str, key: str) -> None:
    first, end = event(1, "message", text=before), event(2, "message", text=after)
    assert tags([first])[key].status == "verified"
    ended = tags([first, end])[key]
    assert (ended.status, ended.valid_from, ended.valid_to) == ("candidate", first.ts, end.ts)
    assert ended.reason.startswith("said to be over: ")
    assert (ended.evidence[0].event_id, ended.evidence[1].event_id) == ("e2", "e1")
    assert ended.evidence[0].span
    assert ended.evidence[0].span in after
    again = tags([first, end, event(3, "message", text=before)])[key]
    assert (again.status, again.valid_from, again.valid_to) == ("verified", event(3).ts, None)
    assert key not in tags([end])


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("I don't like horror films anymore.", ("genre/horror", -1)),
        ("I've stopped eating mushrooms.", ("diet/mushrooms", -1)),
        ("我不再喜欢恐怖片了", ("genre/horror", -1)),
        ("我不再喝牛奶了", ("food/milk", -1)),
    ],
)
def test_what_is_said_to_be_the_opposite_now_is_heard_so(text: str, fact: tuple[str, Polarity]) -> None:
    assert said(text) == [fact]


@pytest.mark.parametrize("text", ["I quit smoking last month.", "I don't smoke any more", "我戒烟了", "我已经不抽烟了"])
def test_who_has_quit_smoking_does_not_smoke(text: str) -> None:
    assert tags([event(1, "message", text=text)])["lifestyle/non-smoker"].status == "verified"


@pytest.mark.parametrize(
    "text",
    [
        "I used to love jazz and still do.",
        "My sister no longer likes jazz",
        "Do you think I used to love jazz?",
        "If I no longer love jazz, what then?",
        "I used to hate jazz",
        "I don't play jazz in the morning",
        "我姐以前喜欢爵士乐",
        "我以前就喜欢爵士乐",
        "你以前喜欢爵士乐吗",
        "我不想听爵士乐了",
        "我了解爵士乐",
    ],
)
def test_a_taste_does_not_end_by_words_of_others_or_of_something_else(text: str) -> None:
    loved = event(1, "message", text="I love jazz.")
    assert tags([loved, event(2, "message", text=text)])["music/jazz"].status == "verified"


def test_a_counted_taste_ends_too_and_returns_on_newer_events_that_prove_it() -> None:
    plays = [event(at, "play", genre="Jazz", item_id=f"j{at}") for at in range(8)]
    end = event(20, "message", text="I've lost interest in jazz.")
    assert tags(plays)["music/jazz"].status == "verified"
    ended = tags([*plays, end])["music/jazz"]
    assert (ended.status, ended.valid_to) == ("candidate", end.ts)
    later = [event(30 + at, "play", genre="Jazz", item_id=f"n{at}") for at in range(4)]
    assert tags([*plays, end, *later[:2]])["music/jazz"].reason.startswith("said to be over")
    renewed = tags([*plays, end, *later])["music/jazz"]
    assert (renewed.status, renewed.valid_from, renewed.basis) == ("verified", later[0].ts, "observed")


def test_a_job_that_ended_does_not_bring_back_the_one_before() -> None:
    jobs = ["I work as a nurse.", "I work as a teacher now.", "I no longer work as a teacher."]
    found = tags([event(at, "message", text=text) for at, text in enumerate(jobs)])
    assert {key: found[key].status for key in ("profession/nurse", "profession/teacher")} == {
        "profession/nurse": "candidate",
        "profession/teacher": "candidate",
    }
    left = tags([event(at, "message", text=text) for at, text in enumerate([*jobs[:2], "I used to work as a nurse."])])
    assert (left["profession/teacher"].status, left["profession/nurse"].status) == ("verified", "candidate")


SPOKEN = st.lists(
    st.sampled_from(
        [
            "I love jazz.",
            "I used to love jazz.",
            "I hate jazz.",
            "I used to hate jazz.",
            "I work as a nurse.",
            "I no longer work as a nurse.",
            "我喜欢爵士乐。",
            "我不听爵士乐了。",
            "我是老师。",
            "我不当老师了。",
            "I love jazz, though I used to hate jazz.",
        ]
    ),
    max_size=8,
)


@settings(max_examples=40)
@given(SPOKEN, st.randoms(use_true_random=False))
def test_the_order_of_arrival_does_not_matter_and_what_comes_again_changes_nothing(
    texts: list[str], chance: Random
) -> None:
    events = [event(at, "message", text=text) for at, text in enumerate(texts)]
    store = EventStore(Database("sqlite://"))
    arriving = [*events, *events]
    chance.shuffle(arriving)
    for one in arriving:
        store.add([one])
    assert tags(store.history("u1").events) == tags(events)


@settings(max_examples=60)
@given(SPOKEN)
def test_what_was_said_last_of_a_thing_decides_whether_it_is_served(texts: list[str]) -> None:
    events = [event(at, "message", text=text) for at, text in enumerate(texts)]
    found = tags(events)
    last = {
        "music/jazz": [text for text in texts if "jazz" in text or "爵士" in text][-1:],
        "profession/nurse": [text for text in texts if "nurse" in text][-1:],
    }
    for key, said in last.items():
        if said and any(word in said[0] for word in ("used to love", "no longer", "不听")) and key in found:
            assert found[key].status == "candidate" or found[key].polarity < 0
