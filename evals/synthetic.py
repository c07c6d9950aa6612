"""Users that nobody is: any number of histories of the same make, for measurements of time, memory and faults.

Every second user writes Chinese. A user has genres, wares and topics they like and one genre they dislike; half of
their events are ratings, a third purchases, the rest posts. A history depends on the user's number and the seed alone:
the first thousand of a million users are the same as any thousand, and two machines make the same file.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, NamedTuple, cast

import orjson

EVENTS = 100
"""Events of a user."""
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
FILMS, WARES = 1_200, 800
"""Different items that all users of a language share."""
RATED, BOUGHT = 0.5, 0.3
"""Shares of ratings and purchases; the rest are posts."""
TELL_EVERY = 50
"""Users between two words of progress."""


class _World(NamedTuple):
    """The things that the users of one language deal with."""

    genres: tuple[str, ...]
    categories: tuple[str, ...]
    brands: tuple[str, ...]
    adjectives: tuple[str, ...]
    nouns: tuple[str, ...]
    title: str
    topics: tuple[str, ...]
    glad: tuple[str, ...]
    plain: tuple[str, ...]
    next: str


def _words(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(","))


_ENGLISH = _World(
    genres=_words(
        "Drama,Comedy,Action,Romance,Sci-Fi,Animation,Mystery,Thriller,Horror,Crime,Musical,War,Western,Fantasy,"
        "Adventure,Documentary"
    ),
    categories=_words("Headphones,Running shoes,Cookware,Garden tools,Board games,Camping,Stationery,Tea"),
    brands=_words("Norvik,Halden,Bramwell,Kestrel & Co,Tarrow,Ostra,Pellow,Linden"),
    adjectives=_words("Quiet,Distant,Crooked,Silver,Last,Hidden,Burning,Patient,Hollow,Narrow"),
    nouns=_words("Harbour,Orchard,Signal,Winter,Bridge,Lantern,Meadow,Stranger,River,Garden"),
    title="The {adjective} {noun} {number}",
    topics=_words("science fiction,jazz,hiking,photography,documentaries,chess,gardening,cycling"),
    glad=(
        "I really enjoy {topic}, spent the whole evening on it.",
        "Still my favourite thing: {topic}. Anyone else?",
        "We love {topic}; the weekend was all about it.",
    ),
    plain=(
        "Long day at the office, the train was late again.",
        "Does anybody know a good dentist near the station?",
        "The new place around the corner makes a decent soup.",
    ),
    next="Next on the list is {title}, I hear it takes a while to get going.",
)
_CHINESE = _World(
    genres=_words("剧情,喜剧,动作,爱情,科幻,动画,悬疑,惊悚,恐怖,犯罪,歌舞,战争,西部,奇幻,冒险,纪录片"),
    categories=_words("耳机,跑鞋,锅具,园艺工具,桌游,露营装备,文具,茶叶"),
    brands=_words("山木,青禾,远帆,白鹭,拾光,南枝,北岸,小满"),
    adjectives=_words("安静的,遥远的,银色的,最后的,隐秘的,燃烧的,耐心的,空荡的,狭窄的,弯曲的"),
    nouns=_words("港湾,果园,信号,冬天,小桥,灯笼,草地,陌生人,河流,花园"),
    title="{adjective}{noun}第{number}部",
    topics=_words("科幻,爵士乐,徒步,摄影,纪录片,围棋,园艺,骑行"),
    glad=(
        "最近特别喜欢{topic}，一晚上都在看。",
        "{topic}真的让人着迷，推荐给大家。",
        "周末全用来{topic}了，好久没这么开心。",
    ),
    plain=("今天加班到很晚，地铁又挤。", "有人知道车站附近靠谱的牙医吗？", "楼下新开的小店，汤还不错。"),
    next="接下来想看{title}，听说开头有点慢。",
)


def user_id(number: int) -> str:
    """The id of a user; later ones sort later."""
    return f"s{number:07}"


def history(number: int, *, each: int = EVENTS, seed: int = 7) -> Iterator[dict[str, Any]]:
    """The events of one user as rows of a file, oldest first."""
    draw = Random(f"{seed} {number}")
    world = _CHINESE if number % 2 else _ENGLISH
    disliked, *liked = draw.sample(world.genres, 4)
    wares, topics = draw.sample(world.categories, 2), draw.sample(world.topics, 2)
    hour, day = draw.choice((6, 13, 20, 22)), 0
    for place in range(each):
        day += draw.randrange(1, 4)
        at = FIRST + timedelta(days=day, hours=hour, seconds=draw.randrange(5_400))
        row: dict[str, Any] = {
            "event_id": f"e{place:03}",
            "user_id": user_id(number),
            "ts": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        lot = draw.random()
        if lot < RATED:
            row |= _rating(draw, world, liked, disliked)
        elif lot < RATED + BOUGHT:
            row |= _purchase(draw, world, wares)
        else:
            said = draw.choice(world.glad).format(topic=draw.choice(topics))
            row |= {
                "source": "social",
                "kind": "post",
                "text": said if draw.random() < 0.6 else draw.choice(world.plain),
            }
        yield row


def messy(name: str, events: int, *, seed: int = 7) -> Iterator[dict[str, Any]]:
    """The events of one user as no shop keeps them: two languages, sources that contradict each other, kinds that
    nobody knows, bots that click six times a second, times and texts that are missing, facts that end."""
    draw = Random(f"{seed} {name}")
    said = (
        "I love hiking.",
        "I used to love hiking.",
        "我是一名护士。",
        "I work as a teacher now.",
        "我已经不喝咖啡了。",
        "",
    )
    for place in range(events):
        world = _CHINESE if place % 3 == 0 else _ENGLISH
        burst = place % 10 >= 4 and place % 100 < 10
        at = FIRST + timedelta(
            minutes=20 * (place - place % 10 if burst else place), seconds=place % 10 if burst else 0
        )
        row: dict[str, Any] = {"event_id": f"e{place:06}", "user_id": name}
        row |= {"ts": at.strftime("%Y-%m-%dT%H:%M:%SZ")} if place % 17 else {}
        match place % 6:
            case _ if burst:
                row |= {"kind": "click", "item_id": "ad", "source": "web"}
            case 0 | 1:
                row |= _rating(draw, world, [world.genres[0]], world.genres[1])
                if place % 12 < 2:  # the other shop knows the same person otherwise, on a scale of ten
                    row |= {"source": "other", "value": 2 * (6 - row["value"])}
            case 2:
                row |= _purchase(draw, world, [world.categories[0], world.categories[1]])
            case 3:
                row |= {"kind": "message", "source": "chat", "text": said[place // 6 % len(said)]}
            case 4:
                row |= {"kind": f"x-{draw.randrange(50)}", "meta": {"noise": place}}
            case _:
                row |= {"kind": "view", "item_id": f"f{place % 90}", "item": {"genres": [draw.choice(world.genres)]}}
        yield row


def talk(name: str, events: int, *, seed: int = 7) -> Iterator[dict[str, Any]]:
    """The events of one user who does nothing but write, in two languages, and never says the same again."""
    draw = Random(f"{seed} {name}")
    for place in range(events):
        world = _CHINESE if place % 2 else _ENGLISH
        said = draw.choice((*world.glad, *world.plain)).format(topic=draw.choice(world.topics))
        title = world.title.format(adjective=draw.choice(world.adjectives), noun=draw.choice(world.nouns), number=place)
        at = FIRST + timedelta(minutes=20 * place)
        row = {"event_id": f"e{place:06}", "user_id": name, "ts": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "source": "chat"}
        yield row | {"kind": "message", "text": f"{said} {world.next.format(title=title)}"}


def write(
    path: Path,
    users: int,
    *,
    each: int = EVENTS,
    seed: int = 7,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """The number of events written to `path` as JSON Lines, gzipped where its name ends so.

    Args:
        told: Called with the users written and their total.
    """
    written = 0
    with _opened(path) as file:
        for number in range(users):
            lines = [orjson.dumps(row) for row in history(number, each=each, seed=seed)]
            file.write(b"\n".join(lines) + b"\n")
            written += len(lines)
            if number % TELL_EVERY == 0:
                told(number, users)
    return written


def _opened(path: Path) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "wb", compresslevel=1)) if path.suffix == ".gz" else path.open("wb")


def _rating(draw: Random, world: _World, liked: list[str], disliked: str) -> dict[str, Any]:
    number = draw.randrange(FILMS)
    lot = draw.random()
    genre = draw.choice(liked) if lot < 0.5 else disliked if lot < 0.65 else draw.choice(world.genres)
    genres = sorted({genre, world.genres[number % len(world.genres)]})
    mean = 4.3 if genre in liked else 2.2 if genre == disliked else 3.4
    stars = min(5.0, max(1.0, round(draw.gauss(mean, 0.7) * 2) / 2))
    item = {"title": _title(world, number), "genres": genres}
    return {"source": "video", "kind": "rating", "value": stars, "item_id": f"f{number}", "item": item}


def _purchase(draw: Random, world: _World, wares: list[str]) -> dict[str, Any]:
    number = draw.randrange(WARES)
    category = draw.choice(wares) if draw.random() < 0.7 else world.categories[number % len(world.categories)]
    brand = world.brands[number % len(world.brands)]
    price = round(9 + number * 0.37, 2)
    item = {"title": f"{brand} {category}", "categories": [category], "brand": brand, "price": price}
    meta = {"discount": 0.25} if draw.random() < 0.3 else {}
    return {"source": "shop", "kind": "purchase", "value": price, "item_id": f"w{number}", "item": item, "meta": meta}


def _title(world: _World, number: int) -> str:
    adjective, noun = world.adjectives[number % 10], world.nouns[number // 10 % 10]
    return world.title.format(adjective=adjective, noun=noun, number=number // 100 + 1)
