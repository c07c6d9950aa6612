"""A point in a fixed wording, as an analyst would put it; what is read where the model writes nothing that may stay.

What the facts are like decides the plan of a sentence: one thing, two alike or two apart, told from ratings, from acts
or in the user's own words; whether it begins the portrait, goes on, or stands against what was liked. Where several
plans fit, the key of the first tag picks one, so that portraits differ and each stays as it is. The wordings are the
tables below; the rest fills them in. Every sentence says what its facts say and no more.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from agents.facts import DONE, MOST_EXEMPLARS, NAMED, STEPS, Fact, Point, is_said, marked, name, times
from limner.domain import Language, Polarity

Place = Literal["first", "further", "against", "least"]
"""First in the portrait and liked, liked too, disliked after likes, first and disliked."""
Plans = Mapping[Language, Mapping[str, Sequence[str]]]

# {a}, {b}: the things, with an example each. {how}, {too}: how far from the own average. {more}: two examples.
ONE: Plans = {
    "en": {
        "first": (
            "This user rates {a} {how} their own average{more}.",
            "This user has a taste for {a}, rated {how} their own average{more}.",
        ),
        "further": (
            "They also rate {a} {how} their own average{more}.",
            "Beyond that, they rate {a} {how} their own average{more}.",
        ),
        "against": (
            "By contrast, they rate {a} {how} their own average{more}.",
            "At the other end they rate {a} {how} their own average{more}.",
            "They are not taken with {a}, rated {how} their own average{more}.",
        ),
        "least": ("This user is not taken with {a}, rated {how} their own average{more}.",),
    },
    "zh": {
        "first": (
            "这位用户给{a}的评分{how}自己的平均分{more}。",
            "{a}合这位用户的口味，评分{how}自己的平均分{more}。",
            "说到口味，这位用户喜欢{a}，评分{how}自己的平均分{more}。",
        ),
        "further": (
            "此外也喜欢{a}，评分{how}自己的平均分{more}。",
            "给{a}的评分也{how}自己的平均分{more}。",
        ),
        "against": (
            "相比之下，{a}不受待见，评分{how}自己的平均分{more}。",
            "{a}则不合口味，评分{how}自己的平均分{more}。",
            "对{a}不太喜欢，评分{how}自己的平均分{more}。",
        ),
        "least": ("这位用户不太喜欢{a}，评分{how}自己的平均分{more}。",),
    },
}
"""Of one thing that was rated."""
ALIKE: Plans = {
    "en": {
        "first": (
            "This user rates {a} and {b} {how} their own average.",
            "{a} and {b} appeal to this user, both rated {how} their own average.",
            "This user has a taste for {a} and for {b}, both rated {how} their own average.",
        ),
        "further": (
            "They rate {a} and {b} {how} their own average too.",
            "{a} and {b} find favour as well, both rated {how} their own average.",
            "Beyond that, {a} and {b} are both rated {how} their own average.",
        ),
        "against": (
            "At the other end stand {a} and {b}, both rated {how} their own average.",
            "By contrast, {a} and {b} are both rated {how} their own average.",
            "They are not taken with {a} and {b}, both rated {how} their own average.",
        ),
        "least": ("This user is not taken with {a} and {b}, both rated {how} their own average.",),
    },
    "zh": {
        "first": (
            "这位用户偏爱{a}和{b}，评分都{how}自己的平均分。",
            "{a}和{b}合这位用户的口味，评分都{how}自己的平均分。",
            "说到口味，这位用户喜欢{a}和{b}，评分都{how}自己的平均分。",
        ),
        "further": (
            "{a}和{b}也受青睐，评分都{how}自己的平均分。",
            "给{a}和{b}的评分也都{how}自己的平均分。",
            "此外也喜欢{a}和{b}，评分都{how}自己的平均分。",
        ),
        "against": (
            "相比之下，{a}和{b}不受待见，评分都{how}自己的平均分。",
            "{a}和{b}则不合口味，评分都{how}自己的平均分。",
            "对{a}和{b}不太喜欢，评分都{how}自己的平均分。",
        ),
        "least": ("这位用户不太喜欢{a}和{b}，评分都{how}自己的平均分。",),
    },
}
"""Of two things rated as far from the own average."""
APART: Plans = {
    "en": {
        "first": (
            "This user rates {a} {how} their own average, and {b} {too} it.",
            "This user has a taste for {a}, rated {how} their own average, and for {b}, {too} it.",
            "This user favours {a}, rated {how} their own average, over {b}, {too} it.",
        ),
        "further": (
            "They also rate {a} {how} their own average, and {b} {too} it.",
            "Beyond that, they rate {a} {how} their own average and {b} {too} it.",
        ),
        "against": (
            "By contrast, they rate {a} {how} their own average, and {b} {too} it.",
            "At the other end they rate {a} {how} their own average and {b} {too} it.",
            "They are not taken with {a}, rated {how} their own average, nor with {b}, {too} it.",
        ),
        "least": ("This user is not taken with {a}, rated {how} their own average, nor with {b}, {too} it.",),
    },
    "zh": {
        "first": (
            "这位用户给{a}的评分{how}自己的平均分，{b}次之，{too}平均分。",
            "{a}很合这位用户的口味，评分{how}自己的平均分，其次是{b}，{too}平均分。",
            "说到口味，这位用户喜欢{a}，评分{how}自己的平均分，然后是{b}，{too}平均分。",
        ),
        "further": (
            "此外，{a}的评分{how}自己的平均分，{b}也{too}平均分。",
            "也喜欢{a}，评分{how}自己的平均分，还有{b}，{too}平均分。",
        ),
        "against": (
            "相比之下，{a}不受待见，评分{how}自己的平均分，{b}也{too}平均分。",
            "{a}则不合口味，评分{how}自己的平均分，{b}也{too}平均分。",
            "对{a}不太喜欢，评分{how}自己的平均分，{b}也{too}平均分。",
        ),
        "least": ("这位用户不太喜欢{a}，评分{how}自己的平均分，{b}也{too}平均分。",),
    },
}
"""Of two things of which the first was rated farther from the own average."""
JOINED: Plans = {
    "en": {
        "first": ("This user {}.",),
        "further": ("They also {}.", "Beyond that, they {}.", "Besides, they {}."),
        "against": ("By contrast, they {}.", "On the other hand, they {}."),
        "least": ("This user {}.",),
    },
    "zh": {
        "first": ("这位用户{}。",),
        "further": ("此外还{}。", "除此之外，{}。", "另外，{}。"),
        "against": ("另一方面，{}。", "相比之下，{}。"),
        "least": ("这位用户{}。",),
    },
}
"""Of what was done with things, said of them, or decided by the owner, in clauses."""
SAID: Plans = {
    "en": {
        "first": ("This user says they like {}.",),
        "further": (
            "They also say they like {}.",
            "By their own account they like {} too.",
            "They say that they like {} as well.",
        ),
        "against": ("By contrast, they say they dislike {}.", "What they say they dislike: {}."),
        "least": ("This user says they dislike {}.",),
    },
    "zh": {
        "first": ("这位用户说自己喜欢{}。",),
        "further": ("也说自己喜欢{}。", "还提到喜欢{}。", "据自己说，还喜欢{}。"),
        "against": ("另一方面，说自己不喜欢{}。", "自己说不喜欢的有{}。"),
        "least": ("这位用户说自己不喜欢{}。",),
    },
}
"""Of what nothing but the user's own words tells."""
MOSTLY: Plans = {
    "en": {
        "first": ("This user turns to {} far more than to most others.",),
        "further": ("They also turn to {} far more than to most others.",),
    },
    "zh": {
        "first": ("这位用户接触{}远多于其他。",),
        "further": ("此外，接触{}也远多于其他。",),
    },
}
"""Of what rows that sum up say is turned to most."""
TRAITS: Plans = {
    "en": {
        "spending": ("As a shopper, this user {}.", "When shopping, this user {}."),
        "rating": ("Overall, this user {}.",),
        "habit": ("Day to day, this user {}.", "As a habit, this user {}."),
        "stated": ("By their own account{when}, this user {}.", "As they say themselves{when}, this user {}."),
    },
    "zh": {
        "spending": ("购物上，{}。", "从购物看，{}。"),
        "rating": ("总体上，{}。",),
        "habit": ("平时{}。", "从习惯看，{}。"),
        "stated": ("据本人自述{when}，{}。", "自己说过{when}：{}。"),
    },
}
"""Of habits and stated facts."""
ACTED: Mapping[Language, Mapping[Polarity, str]] = {
    "en": {1: "come{s} back to ", -1: "turn{s} away from "},
    "zh": {1: "常接触", -1: "常避开"},
}
"""Of things with several sorts of acts, which are counted."""
LIKED: Mapping[Language, Mapping[Polarity, str]] = {
    "en": {1: "like{s} ", -1: "dislike{s} "},
    "zh": {1: "喜欢", -1: "不喜欢"},
}


def plain(point: Point, lang: Language, place: Place, begun: Collection[str] = ()) -> str:
    """A point in a fixed wording.

    Args:
        place: Of tastes; habits and facts are told the same everywhere, but that nothing is summed up "overall" first.
        begun: How other sentences of the portrait begin; this one begins otherwise, where there is another wording.
    """
    texts = _traits(point, lang, place) if point[0].told else _tastes(point, lang, place)
    text = next((one for one in texts if opening(one, lang) not in begun), texts[0])
    return text[0].upper() + text[1:]


def opening(text: str, lang: Language) -> str:
    """How a sentence begins: two sentences that begin alike read like a table."""
    return text[:4] if lang == "zh" else " ".join(text.casefold().split()[:2])


def _tastes(point: Point, lang: Language, place: Place) -> list[str]:
    if all(is_said(fact.tag) for fact in point):
        return _worded(SAID[lang][place], point, _listed([_object(fact, lang) for fact in point], lang, between="和"))
    if all(fact.most for fact in point) and place in MOSTLY[lang]:
        return _worded(MOSTLY[lang][place], point, _listed(_all_named(point, lang), lang, between="和"))
    if any(fact.step is None for fact in point):
        s = "s" if place in ("first", "least") else ""
        return _worded(JOINED[lang][place], point, _clauses(point, lang, s))
    first, *rest = sorted(point, key=lambda fact: (-(fact.step or 0), _noun(fact) is not None))
    if not rest:
        more = _from(first, lang)
        a = first.called + ("" if more else _example(first, lang))
        return _worded(ONE[lang][place], point, a=a, how=_how(first, lang), more=more)
    a, b = _all_named((first, rest[0]), lang)
    how, too = _how(first, lang), _how(rest[0], lang)
    return _worded((ALIKE if how == too else APART)[lang][place], point, a=a, b=b, how=how, too=too)


def _worded(plans: Sequence[str], point: Point, *words: str, **parts: str) -> list[str]:
    """The wordings filled in; the same point always has the same one first."""
    at = zlib.crc32(point[0].tag.key.encode()) % len(plans)
    return [plan.format(*words, **parts) for plan in (*plans[at:], *plans[:at])]


def _how(fact: Fact, lang: Language) -> str:
    step, above = STEPS[lang][fact.step or 0], (fact.tag.lift or 0) > 0
    if lang == "zh":
        return f"{step}{'高' if above else '低'}于"
    return f"{step} {'above' if above else 'below'}"


def _noun(fact: Fact) -> tuple[str, str, str] | None:
    return NAMED.get(fact.tag.key.partition("/")[0])


def _all_named(point: Point, lang: Language) -> list[str]:
    """The things, each with an example; "the brands" stands before the first of them where all are brands."""
    nouns = {_noun(fact) for fact in point}
    noun = nouns.pop() if len(nouns) == 1 else None
    if noun is None or len(point) == 1:
        return [fact.called + _example(fact, lang) for fact in point]
    names = [name(fact.tag, lang) + _example(fact, lang) for fact in point]
    return [(noun[2] if lang == "zh" else f"{noun[1]} ") + names[0], *names[1:]]


def _example(fact: Fact, lang: Language, often: str = "") -> str:
    """How often, and one title, in brackets."""
    if lang == "zh":
        inside = "，".join(filter(None, (often, *(f"如{one}" for one in marked(fact.titles[:1], fact.marks)))))
        return f"（{inside}）" if inside else ""
    inside = "; ".join(filter(None, (often, *marked(fact.titles[:1], "“”"))))
    return f" ({inside})" if inside else ""


def _from(fact: Fact, lang: Language) -> str:
    """Two titles behind a sentence about one thing; "" where there are not two."""
    if len(fact.titles) < MOST_EXEMPLARS:
        return ""
    if lang == "zh":
        both = "和".join(marked(fact.titles, fact.marks))
        return f"，{both}都在其中" if fact.tag.polarity > 0 else f"，例如{both}"
    return f", from {' to '.join(marked(fact.titles, '“”'))}"


def _clauses(point: Point, lang: Language, s: str) -> str:
    """What was done with each thing, joined; things of which the same was done share the verb."""
    verbs = [_verb(fact, lang).format(s=s) for fact in point]
    things = [_object(fact, lang) for fact in point]
    if len(set(verbs)) == 1:
        return verbs[0] + _listed(things, lang, between="、" if any(fact.acts for fact in point) else "和")
    return ("，" if lang == "zh" else ", and ").join(verb + thing for verb, thing in zip(verbs, things, strict=True))


def _verb(fact: Fact, lang: Language) -> str:
    """What goes before a thing: "bought ", "say they like "."""
    if fact.step is not None:
        return "给" if lang == "zh" else "rate{s} "
    if len(fact.acts) == 1:
        done = DONE[fact.acts[0][0]]
        return done[1] if lang == "zh" else f"{done[0]} "
    return (ACTED if fact.much else LIKED)[lang][fact.tag.polarity]


def _object(fact: Fact, lang: Language) -> str:
    """A thing, how often or how far from the own average, and an example."""
    called = fact.called
    if fact.step is not None:
        rated = f"的评分{_how(fact, lang)}自己的平均分" if lang == "zh" else f" {_how(fact, lang)} their own average"
        return called + _example(fact, lang) + rated
    if len(fact.acts) == 1:
        n = fact.acts[0][1]
        often = f" {times(n)}" if lang == "en" else f" {n}次" if called.isascii() else f"{n}次"
        return called + often + _example(fact, lang)
    return called + _example(fact, lang, fact.much)


def _traits(point: Point, lang: Language, place: Place) -> list[str]:
    """Habits, or stated facts with the months in which they were told."""
    months = {fact.when for fact in point}
    told = [fact.told + (_in_brackets(fact.when, lang) if len(months) > 1 else "") for fact in point]
    when = _in_brackets(point[0].when, lang) if len(months) == 1 else ""
    listed = _listed(told, lang, between="，")
    sort = _sort(point)
    plans = JOINED[lang][place] if sort == "rating" and place == "first" else TRAITS[lang][sort]
    return _worded(plans, point, listed, when=when)


def _sort(point: Point) -> str:
    """What the habits, or facts, of a point have in common."""
    if point[0].tag.basis == "stated":
        return "stated"
    if all(fact.tag.facet == "spending" for fact in point):
        return "spending"
    return "rating" if all(fact.tag.key.endswith("-rater") for fact in point) else "habit"


def _in_brackets(text: str, lang: Language) -> str:
    if not text:
        return ""
    return f"（{text}）" if lang == "zh" else f" ({text})"


def _listed(parts: Sequence[str], lang: Language, *, between: str) -> str:
    """Args:
    between: In Chinese, the last two.
    """
    if lang == "zh":
        before = "、" if between == "和" else between
        between = before if any("和" in part for part in parts) else between
        return between.join(filter(None, (before.join(parts[:-1]), parts[-1])))
    last = ", and " if any(" and " in part for part in parts) else " and "
    return last.join(filter(None, (", ".join(parts[:-1]), parts[-1])))
