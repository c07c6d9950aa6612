"""What users say of themselves, against what the makers of four data sets gave them to say.

MemoryBank (Chinese, written by ChatGPT) gives ten users hobbies; PrefEval (English, written by Claude) lets each user
let slip one preference; PersonaBench (English, written by GPT-4o) hides attributes of four users, current and outdated,
in their messages; MemDaily (Chinese, synthetic) has users note down facts of people around them, few of their own. See
hobbies.md, prefeval.md, personabench.md and memdaily-facts.md.

A tag hits a gold attribute where one's words hold all of the other's, or both are the same thing of the taxonomy; of a
preference it must also lean the same way. A sentence may say two ("I dislike heels and prefer flat shoes"), and a fact
of somebody's diet, which leans no way, says it where its words do. Gold holds part of what is true of a user, so the
share of the tags that hit is no precision.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from evals.datasets.histories import histories, rows
from evals.portraits import LESS, named_by
from evals.runs import MetricKind, Output
from evals.task import DATA, Dataset, Sample, Scorer, Tally
from limner.domain import Polarity
from prompts.taxonomy import Taxonomy
from prompts.taxonomy.words import compact

_WORD = re.compile(r"[a-z0-9]{2,}|[\u4e00-\u9fff]")
_EMPTY = frozenset(
    """
    a an and the of in on at to for with my i is are be from or as by it its over strongly strong prefer dislike like
    enjoy using use than more rather avoid who that have has not no don
    """.split()  # noqa: SIM905 (forty words in quotation marks are no easier to read)
)
_VERB = re.compile("^[看打弹吃喝听读玩做学练写唱]")
_AVERSE = re.compile(
    r"avers|dislike|avoid|hate|not |n't|difficult|uncomfort|disorient|allerg|can't|hard to|refuse|oppos|uninterest|"
    r"no interest|despis|detest|disdain|cannot|intoleran|never",
    re.IGNORECASE,
)
_FOND = re.compile(
    r"prefer(?! (?:not|to avoid))|enjoy|love|favou?r|only|exclusiv|adhere|follow|stick|\brely|fan of", re.IGNORECASE
)
_TURN = re.compile(
    r"[;.]|,? (?:and|but|so|as) (?=(?:i |much |strongly |only |always |also |mostly |solely |strictly )*"
    r"(?:prefer|enjoy|love|avoid|have no|refuse|dislike|despise|cannot|can't|don't|do not|opt|favou?r|stick|rely|only|"
    r"exclusively|purchase|buy|use|find)\b)|"
    r", (?=preferring|avoiding)|(?<! are) (?P<turned>over|rather than|instead of) ",
    re.IGNORECASE,
)
"""Where a sentence about a preference turns to another one, or to what is liked less."""
OWN = {"职业": "own", "兴趣爱好": "own"}
"""Attributes of MemDaily's graph that tags are made of by default; homes, ages and schools are off."""

Said = tuple[str, str, Polarity | None]
"""Of a user, what was given to them, of what part of the set it is, and how it leans, where that matters."""


def dataset(name: str, folder: str, gold: str, given: Callable[[Path], Mapping[str, Sequence[Said]]]) -> Dataset:
    """The users of a folder that its gold file speaks of, a sample each.

    Half of the users, by hash, are those whose misses were read when the frames were mended; the others' never were.

    The reference is `{"gold": [{"text", "part", "polarity", "key", "said"}]}`: `key` of the thing that the taxonomy
    knows it as, and `said` whether all its words stand in the user's texts at all.
    """

    def read(files: Sequence[Path], taxonomy: Taxonomy) -> list[Sample]:
        events, told = files
        users = given(told)
        samples: list[Sample] = []
        looked_at = _first_half(users)
        for user_id, history in histories(events).items():
            spoken = _words(" ".join(event.text for event in history.events))
            reference = [
                {
                    "text": text,
                    "part": part,
                    "polarity": polarity,
                    "key": term.key if (term := taxonomy.resolve(text)) is not None else None,
                    "said": _words(text) <= spoken,
                }
                for text, part, polarity in dict.fromkeys(users.get(user_id, ()))
            ]
            about = {event.event_id: named_by(event, taxonomy) for event in history.events}
            if reference:
                groups = {"misses": "read" if user_id in looked_at else "never read"}
                samples.append(Sample(user_id, history, {"gold": reference}, groups=groups, about=about))
        return samples

    return Dataset(name, (DATA / folder / "events.jsonl", DATA / folder / gold), read)


def _first_half(users: Iterable[str]) -> frozenset[str]:
    hashed = sorted(users, key=lambda user_id: hashlib.blake2b(user_id.encode(), digest_size=8).hexdigest())
    return frozenset(hashed[: (len(hashed) + 1) // 2])


def _hobbies(path: Path) -> Mapping[str, Sequence[Said]]:
    return _by_user((row["user_id"], (row["tag"], "own", None)) for row in rows(path) if row["dimension"] == "hobbies")


def _preferences(path: Path) -> Mapping[str, Sequence[Said]]:
    """Which way a preference leans is told by its words."""
    return _by_user((row["user_id"], (row["tag"], "own", _leaning(row["tag"]))) for row in rows(path))


def _leaning(sentence: str) -> Polarity:
    return -1 if _AVERSE.search(sentence) else 1


def sides(sentence: str) -> list[tuple[str, Polarity]]:
    """The preferences that a sentence says, in its words, each with its leaning."""
    found: list[tuple[str, Polarity]] = []
    at, leaning, turned = 0, _leaning(sentence), False
    for turn in [*_TURN.finditer(sentence), None]:
        words = sentence[at : turn.start() if turn else len(sentence)]
        if turned:
            leaning = -1 if leaning > 0 else 1
        elif _AVERSE.search(words):
            leaning = -1
        elif _FOND.search(words):
            leaning = 1
        if words.strip():
            found.append((words, leaning))
        if turn:
            at, turned = turn.end(), bool(turn["turned"])
    return found


def _attributes(path: Path) -> Mapping[str, Sequence[Said]]:
    """The other categories speak of friends, or ask for a letter."""
    parts = {"Basic information": "basic", "Preference": "current"}
    return _by_user(
        (
            row["user_id"],
            (row["tag"], "outdated" if row["status"] == "outdated" else parts[row["dimension"]], None),
        )
        for row in rows(path)
        if row["dimension"] in parts
    )


def _graph(path: Path) -> Mapping[str, Sequence[Said]]:
    """What is noted of the people around a user is theirs, and wrong of the user where it is not theirs as well."""
    found: list[tuple[str, Said]] = []
    for row in rows(path):
        mine = {row["attributes"].get(name) for name in OWN} - {None}
        others = [one.get(name) for one in (*row["relations"], *row["colleagues"]) for name in OWN]
        found += [(row["user_id"], (value, "own", None)) for value in sorted(mine)]
        found += [(row["user_id"], (value, "others", None)) for value in others if value and value not in mine]
    return _by_user(found)


def _by_user(told: Iterable[tuple[str, Said]]) -> Mapping[str, Sequence[Said]]:
    users: dict[str, list[Said]] = defaultdict(list)
    for user_id, said in told:
        users[user_id].append(said)
    return users


def hits(gold: Mapping[str, Any], tag: Mapping[str, Any]) -> bool:
    """Whether a tag says what the gold does."""
    label = tag["label"]
    if gold["polarity"] is not None:
        said, diet = _words(" ".join({label["en"], label["zh"]})), tag.get("facet") == "diet" and not tag["polarity"]
        return any(
            len(said & _words(words)) >= min(2, len(said)) > 0
            for words, leaning in sides(gold["text"])
            if diet or tag["polarity"] == leaning
        )
    if tag["polarity"] < 0:
        return False
    if gold["key"] is not None and gold["key"] == tag["key"]:
        return True
    wanted = _words(gold["text"])
    zh = _VERB.sub("", label["zh"])
    either = (_words(label["en"]), _words(zh))
    return any(mine and wanted and (mine <= wanted or wanted <= mine) for mine in either) or compact(
        _VERB.sub("", gold["text"])
    ) == compact(zh)


def _words(text: str) -> frozenset[str]:
    return frozenset(word[:6].rstrip("s") for word in _WORD.findall(text.casefold()) if word not in _EMPTY)


def _told(sample: Sample, output: Output, part: str, *, only_said: bool = False) -> Tally:
    gold = [one for one in sample.reference["gold"] if one["part"] == part and (one["said"] or not only_said)]
    return Tally(sum(any(hits(one, tag) for tag in output.output["tags"]) for one in gold), len(gold))


def told(part: str) -> Callable[[Sample, Output], Tally]:
    """Of the attributes of a part, those that a published tag says."""
    return lambda sample, output: _told(sample, output, part)


def said(part: str) -> Callable[[Sample, Output], Tally]:
    """The same of those whose words all stand in the user's texts."""
    return lambda sample, output: _told(sample, output, part, only_said=True)


def current(sample: Sample, output: Output) -> Tally:
    """Of the published preferences that were ever true, those that are true now."""
    now, gone = _told(sample, output, "current").hits, _told(sample, output, "outdated").hits
    return Tally(now, now + gone)


def hitting(sample: Sample, output: Output) -> Tally:
    """Of the published tags, those that say something of the user's gold; the others are mostly true as well."""
    gold = [one for one in sample.reference["gold"] if one["part"] not in ("outdated", "others")]
    tags = output.output["tags"]
    return Tally(sum(any(hits(one, tag) for one in gold) for tag in tags), len(tags))


HOBBIES = dataset("hobbies", "memorybank_cn", "gold_tags.jsonl", _hobbies)
PREFEVAL = dataset("prefeval", "prefeval", "gold_tags.jsonl", _preferences)
PERSONABENCH = dataset("personabench", "personabench", "gold_tags.jsonl", _attributes)
MEMDAILY = dataset("memdaily-facts", "memdaily", "users.jsonl", _graph)

HITTING = {"hitting": Scorer(hitting, MetricKind(better=None))}
SCORERS: Mapping[str, Scorer] = {"recovered": Scorer(told("own")), "recovered_said": Scorer(said("own")), **HITTING}
OF_OTHERS: Mapping[str, Scorer] = {**SCORERS, "others": Scorer(told("others"), LESS)}
OVER_TIME: Mapping[str, Scorer] = {
    "recovered_basic": Scorer(told("basic")),
    "recovered_current": Scorer(told("current")),
    "outdated": Scorer(told("outdated"), LESS),
    "current": Scorer(current),
    **HITTING,
}
