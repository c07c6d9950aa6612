"""What titles tell of the series that works are of."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.series import read, series
from agents.terms import Vocabulary
from limner.domain import Label
from tests.agents.histories import NEGATIVE, POSITIVE, TAXONOMY, event
from tests.agents.histories import read as counted

FILM = {"genres": ["Adventure"]}


def found(*titles: str, kind: str = "rating", **item: Any) -> dict[str, list[str]]:
    """Titles by the series they are found to be of."""
    events = [
        event(number, kind, item={"title": title, **(item or FILM)}, item_id=title)
        for number, title in enumerate(titles)
    ]
    by_key: dict[str, list[str]] = {}
    for at, named in series(events, TAXONOMY).items():
        by_key.setdefault(named.key, []).append(titles[at])
    return by_key


@pytest.mark.parametrize(
    ("titles", "key"),
    [
        (("Toy Story (1995)", "Toy Story 2 (1999)", "Toy Story 3 (2010)"), "toy-story"),
        (("Star Wars: Episode IV - A New Hope (1977)", "Star Wars: The Clone Wars (2008)"), "star-wars"),
        (("Harry Potter and the Chamber of Secrets", "Harry Potter and the Goblet of Fire"), "harry-potter"),
        (("Harry Potter and the Deathly Hallows: Part 1", "Harry Potter and the Deathly Hallows: Part 2"),
         "harry-potter"),
        (("Lord of the Rings: The Two Towers, The (2002)", "Lord of the Rings, The (1978)"), "lord-of-the-rings"),
        (("Godfather, The (1972)", "Godfather: Part II, The (1974)"), "godfather"),
        (("Terminator, The (1984)", "Terminator 2: Judgment Day (1991)"), "terminator"),
        (("Mission: Impossible (1996)", "Mission: Impossible - Ghost Protocol (2011)"), "mission-impossible"),
        (("Mission, The (1986)", "Mission: Impossible", "Mission: Impossible II", "Mission: Impossible III"),
         "mission-impossible"),
        (("Raiders of the Lost Ark (Indiana Jones and the Raiders of the Lost Ark) (1981)",
          "Indiana Jones and the Last Crusade (1989)"), "indiana-jones"),
        (("Fast Five (Fast and the Furious 5, The) (2011)", "Fast and the Furious, The (2001)"),
         "fast-and-the-furious"),
        (("Omen, The (1976)", "Damien: Omen II (1978)"), "omen"),
        (("Kill Bill: Vol. 1 (2003)", "Kill Bill: Vol. 2 (2004)"), "kill-bill"),
        (("Catching Fire (The Hunger Games, #2)", "The Hunger Games (The Hunger Games, #1)"), "hunger-games"),
        (("Breaking Bad: Season 1", "Breaking Bad: Season 2"), "breaking-bad"),
        (("Portal", "Portal 2"), "portal"),
        (("速度与激情7 Furious 7", "速度与激情：特别行动 Fast & Furious Presents: Hobbs & Shaw"), "速度与激情"),
        (("哈利·波特与魔法石", "哈利·波特与密室"), "哈利-波特"),
        (("复仇者联盟3：无限战争", "复仇者联盟4：终局之战"), "复仇者联盟"),
        (("权力的游戏 第七季 Game of Thrones Season 7", "权力的游戏 第八季 Game of Thrones Season 8"), "权力的游戏"),
        (("大话西游之月光宝盒 西遊記第壹佰零壹回之月光寶盒", "大话西游之大圣娶亲"), "大话西游"),
        (("仙剑奇侠传", "仙剑奇侠传三"), "仙剑奇侠传"),
        (("还珠格格 還珠格格", "还珠格格第三部"), "还珠格格"),
        (("扫毒 掃毒", "扫毒2天地对决 掃毒2：天地對決"), "扫毒"),
    ],
)  # fmt: skip
def test_titles_of_one_series_are_found(titles: tuple[str, ...], key: str) -> None:
    apart = [title for title in titles if title.startswith("Mission, The")]
    assert found(*titles) == {f"series/{key}": [title for title in titles if title not in apart]}


@pytest.mark.parametrize(
    "titles",
    [
        ("American, The (2010)", "American: The Bill Hicks Story (2009)"),
        ("American Beauty (1999)", "American History X (1998)", "American Pie (1999)"),
        ("Super (2010)", "Super 8 (2011)"),
        ("District 9 (2009)", "District 13 (2004)"),
        ("Apollo 13 (1995)", "Apollo 18 (2011)"),
        ("Room (2015)", "Room 237 (2012)"),
        ("The Fall (2006)", "The Hunt (2012)", "The Fall of the Roman Empire (1964)"),
        ("Henry V (1989)", "Henry: Portrait of a Serial Killer (1986)"),
        ("Star Dust (2007)", "Star Wars: Episode I (1999)"),
        ("12 Angry Men (1957)", "12 Years a Slave (2013)"),
        ("Jungle Book, The (1967)", "Jungle Book, The (2016)"),
        ("Toy Story 2 (1999)", "Toy Story 2"),
        ("Beauty and the Beast (1991)", "Beauty and the Boss (1932)"),
        ("Divorce, Le (2003)", "Divorce - Italian Style (1961)"),
        ("我和我的祖国", "我和我的家乡"),
        ("创造101", "创造营2019"),
        ("倾城之恋", "倾城之泪"),
        ("七月与安生", "七月与十月"),
        ("大明王朝1566", "请回答1988", "重返20岁"),
    ],
)
def test_titles_that_have_no_more_than_words_in_common_are_of_no_series(titles: tuple[str, ...]) -> None:
    assert found(*titles) == {}


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        ({"categories": ["Dairy"], "brand": "Meadow"}, "purchase"),
        ({"categories": ["Dairy"]}, "purchase"),
        ({"genres": ["Rock"], "artist": "The Band"}, "play"),
    ],
    ids=["a brand's line", "wares", "parts of a record"],
)
def test_what_is_no_work_is_of_no_series(item: dict[str, Any], kind: str) -> None:
    assert found("Organic Milk: Whole", "Organic Milk: Skimmed", "Organic Milk 2", kind=kind, **item) == {}


def test_what_is_watched_or_read_is_a_work() -> None:
    assert found("Dark: Season 1", "Dark: Season 2", kind="watch", brand="Lamplight") == {}
    assert found("Dark: Season 1", "Dark: Season 2", kind="watch", id=1) == {
        "series/dark": ["Dark: Season 1", "Dark: Season 2"]
    }


def test_a_series_is_called_as_most_of_its_titles_have_it() -> None:
    events = [event(at, title=title, genre="Crime") for at, title in enumerate(("Godfather, The", "Godfather 2, The"))]
    assert {named.label.en for named in series(events, TAXONOMY).values()} == {"The Godfather"}
    titles = ("权力的游戏 第七季 Game of Thrones Season 7", "权力的游戏 第八季 Game of Thrones Season 8")
    chinese = [event(at, title=title, genre="Crime") for at, title in enumerate(titles)]
    assert {(named.label.en, named.label.zh) for named in series(chinese, TAXONOMY).values()} == {
        ("Game of Thrones", "权力的游戏")
    }


def test_series_lean_as_their_ratings_do() -> None:
    others = [event(number, value=3, genre="War", title=f"War {number}") for number in range(10, 20)]
    loved = [event(number, value=5, genre="War", title=f"Rocky {'I' * number}") for number in (2, 3)]
    hated = [event(number + 4, value=1, genre="War", title=f"Saw {'I' * number}") for number in (2, 3)]
    things = counted([*others, *loved, *hated]).things
    assert [one.signal for one in things["series/rocky"].readings] == [POSITIVE, POSITIVE]
    assert [one.signal for one in things["series/saw"].readings] == [NEGATIVE, NEGATIVE]


def test_an_item_may_name_its_series_itself() -> None:
    events = [
        event(number, value=5, item={"title": f"Book {word}", "franchise": "Discworld"})
        for number, word in enumerate("abc")
    ]
    assert len(counted(events).things["series/discworld"].readings) == 3


def test_each_event_carries_its_series() -> None:
    events = [
        event(1, title="Alien", genre="Horror"),
        event(2, title="Heat", genre="Crime"),
        event(3, title="Alien 3", genre="Horror"),
    ]
    assert counted(events).carried == (
        ("genre/horror", "series/alien"),
        ("genre/crime",),
        ("genre/horror", "series/alien"),
    )


@given(st.lists(st.text(max_size=60), max_size=6))
def test_any_titles_can_be_read(titles: list[str]) -> None:
    for key, members in found(*titles).items():
        assert len({read(title).work for title in members}) >= 2, key


@given(st.text(alphabet="Part :-(),2I the and之第季·", max_size=240))
def test_a_title_of_nothing_but_marks_can_be_read(title: str) -> None:
    assert read(title).work


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("Star Wars", "star-wars"),
        ("the Star Wars films", "star-wars"),
        ("star wars movies", "star-wars"),
        ("the Godfather series", "godfather"),
        ("Godfather", "godfather"),
        ("《哈利·波特》系列", "哈利-波特"),
        ("哈利波特电影", "哈利-波特"),
    ],
)
def test_questions_name_series_as_people_do(said: str, key: str) -> None:
    names = {"star-wars": "Star Wars", "godfather": "The Godfather", "哈利-波特": "哈利·波特"}
    held = {f"series/{slug}": ("interest", Label(en=name, zh=name)) for slug, name in names.items()}
    match = Vocabulary(TAXONOMY, held).thing(said)
    assert match is not None
    assert (match.keys, match.how) == ((f"series/{key}",), "name")
