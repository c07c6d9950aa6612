from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from limner import query
from limner.query import Active, All, Any, Condition, Measured, Not, Standing, Statistic, Tagged
from prompts import taxonomy
from prompts.taxonomy.glossary import NOTHING, Glossary, Thing

NOW = datetime(2026, 7, 1, tzinfo=UTC)
OWN = """
version: shop
extends: starter
glossary:
  like:
    leanings: [likes]
    about: [genre]
    where: {lift: ">= 0.25", ratings: ">= 10"}
  like anything else:
    leanings: [likes]
    where: {share: "> 20%"}
  like coffee:
    leanings: [likes]
    about: [food/coffee]
    where: {purchases: ">= 10"}
  big basket:
    tag: behaviour/big-basket
    en: [big weekly shop]
    zh: [大采购]
    where: {basket: ">= 60"}
"""


def owners(tmp_path: Path, text: str = OWN) -> Path:
    path = tmp_path / "own.yaml"
    path.write_text(text, "utf-8")
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Glossary:
    return taxonomy.load(owners(tmp_path)).glossary


def condition(tmp_path: Path, where: str, thing: Thing = NOTHING) -> Condition:
    path = owners(tmp_path, f"extends: starter\nglossary:\n  x:\n    en: [x]\n    where: {where}\n")
    assert taxonomy.lint(path) == []
    (own,) = taxonomy.load(path).glossary.definitions
    return own.condition(thing, NOW)


def test_the_most_particular_definition_of_a_leaning_counts(shop: Glossary) -> None:
    said = [
        shop.leaning("likes", about)
        for about in (
            ("food/coffee", "food", "interest"),
            ("genre/horror", "genre", "interest"),
            ("food/tea", "food", "interest"),
        )
    ]
    assert [one and one.name for one in said] == ["like coffee", "like", "like anything else"]
    assert shop.leaning("dislikes", ("genre/horror",)) is None


def test_a_leaning_asks_about_the_thing_it_is_said_of(shop: Glossary) -> None:
    like = shop.leaning("likes", ("genre",))
    assert like is not None
    assert like.condition(Thing("genre/horror"), NOW) == Measured(
        of=Statistic(measure="lift", key="genre/horror"), compare=">=", value=0.25, rated=10
    )


@pytest.mark.parametrize("said", ["big weekly shop", "Big weekly shops", "大采购"])
def test_a_phrase_is_found_as_it_is_said(shop: Glossary, said: str) -> None:
    own = shop.phrase(said)
    assert own is not None
    assert own == shop.tag("behaviour/big-basket")
    assert own.means == "basket >= 60"


CONDITIONS: dict[str, Condition] = {
    '{purchases: "> 3"}': Measured(of=Statistic(measure="events", acts=query.BOUGHT), compare=">", value=3),
    '{stars: "<= 3.1", ratings: "> 9"}': Measured(of=Statistic(measure="stars"), compare="<=", value=3.1, rated=10),
    '{stars: "<= 3.1", ratings: "< 9"}': All(
        of=(
            Measured(of=Statistic(measure="stars"), compare="<=", value=3.1),
            Measured(of=Statistic(measure="events", acts=query.RATED), compare="<", value=9),
        )
    ),
    '{spend: "top 10%"}': Standing(of=Statistic(measure="spend", acts=query.BOUGHT), top=0.1),
    '{share: ">= 30%", years: "-1979"}': Measured(
        of=Statistic(measure="share", years=(query.FIRST_YEAR, 1979)), value=0.3
    ),
    '{share: ">= 0.3", years: "1980-1989"}': Measured(of=Statistic(measure="share", years=(1980, 1989)), value=0.3),
    '{spend: ">= 50", of: category/wine}': Measured(
        of=Statistic(measure="spend", acts=query.BOUGHT, key="category/wine"), value=50
    ),
    "{within_days: 30}": Active(since=datetime(2026, 6, 1, tzinfo=UTC)),
    "{since: 2018-01-01, until: 2019-01-01}": Active(
        since=datetime(2018, 1, 1, tzinfo=UTC), until=datetime(2019, 1, 1, tzinfo=UTC)
    ),
    "{dislikes: genre/horror}": Tagged(keys=("genre/horror",), polarity=-1),
    "{has: behaviour/night-owl, not: {likes: genre/horror}}": All(
        of=(Tagged(keys=("behaviour/night-owl",)), Not(of=Tagged(keys=("genre/horror",), polarity=1)))
    ),
    '{any: [{tags: ">= 5"}, {days: ">= 9"}]}': Any(
        of=(
            Measured(of=Statistic(measure="tags"), value=5),
            Measured(of=Statistic(measure="days"), value=9),
        )
    ),
}


@pytest.mark.parametrize("where", CONDITIONS)
def test_a_definition_is_a_typed_condition(tmp_path: Path, where: str) -> None:
    assert condition(tmp_path, where) == CONDITIONS[where]


def test_a_definition_of_one_thing_is_of_that_thing_whatever_was_asked(tmp_path: Path) -> None:
    asked = condition(tmp_path, '{purchases: ">= 2", of: food/tea}', Thing("food/coffee"))
    assert isinstance(asked, Measured)
    assert asked.of.key == "food/tea"


@pytest.mark.parametrize(
    ("definition", "complaint"),
    [
        ("en: [x]", "own.yaml:3: x: where is missing."),
        ("en: [x]\n    where: {}", "own.yaml:5: x: where: a condition is a mapping that asks something."),
        ('where: {spend: ">= 1"}', "own.yaml:3: x: says no words"),
        ('leanings: [adores]\n    where: {spend: ">= 1"}', "own.yaml:4: x: leanings: there is no leaning adores"),
        (
            'leanings: [likes]\n    about: [tastes]\n    where: {lift: ">= 1"}',
            "own.yaml:5: x: about: tastes is no facet",
        ),
        ('en: [x]\n    about: [interest]\n    where: {lift: ">= 1"}', "own.yaml:5: x: about: belongs to leanings"),
        ('tag: behaviour/vip\n    where: {spend: ">= 1"}', "own.yaml:4: x: tag: there is no term behaviour/vip."),
        ('en: [x]\n    where: {spent: ">= 1"}', "own.yaml:5: x: where: spent: there is no statistic spent"),
        ("en: [x]\n    where: {spend: 100}", 'own.yaml:5: x: where: spend: 100: reads ">= 10"'),
        ('en: [x]\n    where: {spend: "top 100%"}', "own.yaml:5: x: where: spend: a place among the users"),
        ('en: [x]\n    where: {spend: ">= 1", of: films}', "own.yaml:5: x: where: of: films is no key"),
        ("en: [x]\n    where: {of: genre/horror}", "own.yaml:5: x: where: asks nothing of anybody."),
        ('en: [x]\n    where: {share: ">= 1%", years: "90s"}', "own.yaml:5: x: where: years: 90s: reads"),
        ("en: [x]\n    where: {since: yesterday}", "own.yaml:5: x: where: since: yesterday is no day"),
        ("en: [x]\n    where: {within_days: -1}", "own.yaml:5: x: where: within_days: -1: is a number of days"),
        ("en: [x]\n    where: {any: []}", "own.yaml:5: x: where: any: is a list of conditions."),
        ('en: [x]\n    where: {not: {spent: ">= 1"}}', "own.yaml:5: x: where: not: spent: there is no statistic"),
        (
            'en: [x]\n    where: {spend: ">= 1"}\n  y:\n    en: [X]\n    where: {spend: ">= 2"}',
            "own.yaml:6: y: phrase x is defined by x already.",
        ),
    ],
)
def test_a_wrong_definition_is_named_with_its_line(tmp_path: Path, definition: str, complaint: str) -> None:
    path = owners(tmp_path, f"extends: starter\nglossary:\n  x:\n    {definition}\n")
    problems = taxonomy.lint(path)
    assert any(problem.startswith(complaint) for problem in problems), problems


def test_a_glossary_is_part_of_the_digest_and_changes_no_tag(tmp_path: Path) -> None:
    starter, own = taxonomy.load(), taxonomy.load(owners(tmp_path))
    assert own.digest != starter.digest
    assert own.proving == starter.proving
    terms = taxonomy.load(owners(tmp_path / "..", OWN + "terms:\n  genre/horror: {en: fright}\n"))
    assert terms.proving != starter.proving
