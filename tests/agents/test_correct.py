"""The ledger of corrections wins over any sequence of events, runs, models, taxonomies, crashes and corrections."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agents import correct
from agents.batch import Batch, Parts
from agents.corrections import Corrections
from agents.model import Asked, ScriptedModel
from agents.pace import Pace
from limner.domain import Change, Event, Label, Override, Polarity, Profile, Tag
from limner.errors import ProfileNotFound, TagNotFound, Unreachable
from prompts import library, taxonomy
from prompts.answers import PersonaAnswer, ProposeAnswer, Proposed
from prompts.taxonomy import Taxonomy
from store.database import Database
from store.events import EventStore
from store.overrides import Held, OverrideStore, Revised
from store.profiles import ProfileStore
from store.runs import RunStore
from tests.agents.test_batch import Vectors

KEYS = ("genre/sci-fi", "genre/thriller", "genre/horror", "genre/western")
VALUES = {"genre/sci-fi": "Sci-Fi", "genre/thriller": "Thriller", "genre/horror": "Horror", "genre/western": "Western"}
LATER = {"genre/sci-fi": "genre/science-fiction", "genre/thriller": "genre/horror"}
"""What the second taxonomy renamed and merged."""
BEFORE = {"genre/science-fiction": "genre/sci-fi"}
"""What an entry made under the second is about under the first."""
ENOUGH = 6
"""Newer events on a thing, from which on a denial of it may end."""
LONG_AGO = datetime(2021, 1, 1, tzinfo=UTC)


@cache
def another_taxonomy() -> Taxonomy:
    """The starter's with one term renamed and two made one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.yaml"
        path.write_text(
            "extends: starter\n"
            "terms:\n"
            "  genre/sci-fi: null\n"
            "  genre/science-fiction: {en: SF, zh: 科学幻想, synonyms: [sci-fi, science fiction, 科幻]}\n"
            "  genre/thriller: null\n"
            "  genre/horror: {synonyms: [thriller, thrillers, 惊悚片]}\n",
            "utf-8",
        )
        return taxonomy.load(path)


class Entry(NamedTuple):
    """What the test remembers of an entry of the ledger."""

    id: int
    key: str
    action: str
    polarity: Polarity | None
    en: str | None


class Killed(Exception):
    """A process that ends between two statements."""


def proposing(asked: Asked) -> Any:
    """A model that names everything there is, whatever was corrected, and praises it."""
    if asked.schema is ProposeAnswer:
        named = [Proposed(facet="interest", en=value, zh=value, polarity="likes") for value in VALUES.values()]
        return ProposeAnswer(tags=named)
    return PersonaAnswer(sentences=[f"{value} is a favourite of this user." for value in VALUES.values()])


def silent(asked: Asked) -> Any:
    if asked.schema is ProposeAnswer:
        return ProposeAnswer(tags=[])
    return PersonaAnswer(sentences=["They like what they like, and science fiction.", "Horror is not for this user."])


class Desk(RuleBasedStateMachine):
    """One user of a database that others use too."""

    numbers = itertools.count()

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.user = f"user-{next(self.numbers)}"
        self.database = database
        self.events, self.profiles = EventStore(database), ProfileStore(database)
        self.overrides, self.runs = OverrideStore(database), RunStore(database)
        self.taxonomy = taxonomy.load()
        self.script: Callable[[Asked], Any] = silent
        self.model = "one"
        self.arrived = 0
        self.newer: dict[str, list[int]] = {key: [] for key in KEYS}
        """Numbers of the events that told of a thing when they came in."""
        self.ledger: list[Entry] = []
        self.since: dict[int, int] = {}
        """Events there were when an entry was made."""
        self.told: list[tuple[datetime, Profile]] = []
        self.mixed = 0
        """The revision that a correction made in a profile under another taxonomy's names."""
        self.interrupted: tuple[str, str] | None = None
        """A run that did not end, and the configuration it had."""

    # --- the user, the machines and the people ----------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        for key in KEYS[:3]:
            self.live(key, -1 if key == "genre/horror" else 1, when="long ago")
        self.run()

    @rule(
        key=st.sampled_from(KEYS), leaning=st.sampled_from([1, -1]), when=st.sampled_from(["long ago", "now", "never"])
    )
    def live(self, key: str, leaning: int, when: str) -> None:
        """Ratings of a thing, and of something else the other way round, so that the own mean is in between."""
        made: list[Event] = []
        for value in (VALUES[key], "Documentary"):
            for _ in range(ENOUGH):
                self.arrived += 1
                start = LONG_AGO if when == "long ago" else datetime.now(UTC)
                good = (value == VALUES[key]) == (leaning > 0)
                made.append(
                    Event(
                        event_id=f"e{self.arrived}",
                        user_id=self.user,
                        ts=None if when == "never" else start + timedelta(hours=self.arrived),
                        kind="rating",
                        value=5 if good else 1,
                        item_id=f"i{self.arrived}",
                        item={"title": f"Title {self.arrived}", "genres": [value]},
                    )
                )
        self.events.add(made)
        if when == "now":
            self.newer[key].append(self.arrived)

    @rule(script=st.sampled_from([silent, proposing]), model=st.sampled_from(["one", "two"]))
    def change_the_model(self, script: Callable[[Asked], Any], model: str) -> None:
        self.script, self.model = script, model

    @rule(second=st.booleans())
    def change_the_taxonomy(self, second: bool) -> None:
        self.taxonomy = another_taxonomy() if second else taxonomy.load()

    @rule()
    def run(self) -> None:
        assert self.settle(self.script).halted == ""
        self.interrupted = None
        asked: list[Asked] = []

        def unwanted(one: Asked) -> Any:
            asked.append(one)
            return self.script(one)

        self.settle(unwanted)
        assert not asked, "nothing changed, so nothing is asked"
        assert not any(changed for _, changed in self.work())

    @rule(calls=st.integers(0, 1), stored=st.booleans())
    def run_into_a_crash(self, calls: int, stored: bool) -> None:
        """The server dies at a call; or the process does just before or just after it stored the user."""
        seen = itertools.count()

        def dying(asked: Asked) -> Any:
            if next(seen) == calls:
                raise Unreachable("gone")
            return self.script(asked)

        class Dying(ProfileStore):
            def save(self, *given: Any) -> Any:
                if stored:
                    super().save(*given)
                raise Unreachable("killed")

        run = self.start()
        self.settle(dying, run)
        self.settle(self.script, run, profiles=Dying(self.database))
        self.interrupted = run, self.parts().config_digest()

    @precondition(lambda self: self.interrupted and self.interrupted[1] == self.parts().config_digest())
    @rule()
    def resume(self) -> None:
        assert self.interrupted is not None
        self.settle(self.script, self.interrupted[0])
        assert not any(changed for _, changed in self.work())
        self.interrupted = None

    @rule(key=st.sampled_from(KEYS), polarity=st.sampled_from([None, 1, -1]))
    def pin(self, key: str, polarity: Polarity | None) -> None:
        entry, said = self.desk.pin(self.user, key, Change(polarity=polarity), author="anna", why="")
        assert said is not None
        self.enter(entry)

    @rule(key=st.sampled_from(KEYS))
    def deny(self, key: str) -> None:
        try:
            entry, said = self.desk.deny(self.user, key, author="ben", why="no")
        except TagNotFound:  # the taxonomy of the day calls it otherwise, and the user never had it
            return
        assert said is None
        self.enter(entry)

    @rule(key=st.sampled_from(KEYS), polarity=st.sampled_from([None, None, 1, -1]), name=st.sampled_from("abc"))
    def edit(self, key: str, polarity: Polarity | None, name: str) -> None:
        try:
            entry, said = self.desk.edit(
                self.user, key, Change(polarity=polarity, en=f"name {name}"), author="cy", why=""
            )
        except TagNotFound:
            return
        assert said is not None
        self.enter(entry)

    @precondition(lambda self: self.ledger)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        entry = data.draw(st.sampled_from(self.ledger))
        self.desk.withdraw(entry.id, author="dee", why="")
        self.ledger.remove(entry)
        self.acted()

    @rule(key=st.sampled_from(KEYS), call=st.integers(0, 1))
    def correct_in_the_middle_of_a_run(self, key: str, call: int) -> None:
        """While the model is asked for tags, or for the persona, somebody denies a tag."""
        seen = itertools.count()

        def slow(one: Asked) -> Any:
            if next(seen) == call:
                self.deny(key)
            return self.script(one)

        self.live("genre/western", 1, "long ago")
        self.settle(slow)

    @rule(key=st.sampled_from(KEYS))
    def correct_into_a_crash(self, key: str) -> None:
        """A correction that is killed half way has not happened."""
        before = self.overrides.every(self.user), self.served

        def dying(held: Held) -> Revised:
            raise Killed

        entry = Override(
            user_id=self.user, key=key, action="deny", facet="interest", label=Label(en="x", zh="x"), author="eve",
            created_at=datetime.now(UTC),
        )  # fmt: skip
        with pytest.raises(Killed):
            self.overrides.enter(entry, dying)
        assert (self.overrides.every(self.user), self.served) == before

    # --- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def the_ledger_wins(self) -> None:
        profile = self.served
        if profile is None or not self.read_by_today or profile.revision == self.mixed:
            return  # its tags have the names of another taxonomy until the next run
        said: dict[str, list[Tag]] = {}
        for one in profile.tags:
            said.setdefault(self.today(one.key), []).append(one)
        for key in {self.today(entry.key) for entry in self.ledger} | said.keys():
            about = [entry for entry in self.ledger if self.today(entry.key) == key]
            self.check(key, about, said.get(key, []), profile)

    def check(self, key: str, about: list[Entry], tags: list[Tag], profile: Profile) -> None:
        ruling = next((one for one in reversed(about) if one.action != "edit" or one.polarity is not None), None)
        if ruling is None or ruling.action == "deny":
            assert all(one.status != "pinned" for one in tags), "nobody stands for it"
        if ruling is not None and ruling.action == "deny":
            named = [one for one in KEYS if self.today(one) == key]
            if not any(at > self.since[ruling.id] for one in named for at in self.newer[one]):
                assert not tags, "denied, and nothing newer speaks of it"
                rendered = {
                    self.today(one) for text in profile.personas for line in text.sentences for one in line.tags
                }
                assert key not in rendered
        if ruling is not None and ruling.action != "deny":
            assert [(one.status, one.polarity) for one in tags] == [("pinned", ruling.polarity)]
        names = [one.en for one in about if one.en]
        if names:
            assert all(one.label.en == names[-1] for one in tags)
            assert all("edited by cy" in one.corrected for one in tags)

    @invariant()
    def a_persona_renders_what_is_served(self) -> None:
        profile = self.served
        if profile is not None:
            served = {one.key for one in profile.tags if one.status != "candidate"}
            assert all(set(line.tags) <= served for text in profile.personas for line in text.sentences)

    @invariant()
    def what_was_served_then_is_still_told(self) -> None:
        if self.told:
            time, profile = self.told[len(self.told) // 2]
            assert self.profiles.current(self.user, as_of=time, candidates=True) == profile
        now = self.served
        if now is not None and (not self.told or self.told[-1][1].revision != now.revision):
            self.told.append((now.created_at, now))

    @invariant()
    def the_story_is_whole(self) -> None:
        """Undoing every change from the last to the first leaves nothing, and starting from the first gives today's."""
        served: dict[str, tuple[int, str]] = {}
        if self.served is None:
            return
        for one in self.desk.revisions(self.user):
            for change in one.changes:
                before = None if change.before is None else (change.before.polarity, change.before.label.en)
                assert served.pop(change.key, None) == before
                if change.after is not None:
                    served[change.key] = (change.after.polarity, change.after.label.en)
        now = [one for one in self.served.tags if one.status != "candidate"]
        assert served == {one.key: (one.polarity, one.label.en) for one in now}

    # --- how it is done ----------------------------------------------------------------------------------------------

    @property
    def served(self) -> Profile | None:
        try:
            return self.profiles.current(self.user, candidates=True)
        except ProfileNotFound:
            return None

    @property
    def read_by_today(self) -> bool:
        """Whether the profile was made under the taxonomy of the day."""
        profile, known = self.served, self.taxonomy
        return profile is None or profile.taxonomy == f"{known.version} {known.digest}"

    def acted(self) -> None:
        """A correction was made or withdrawn."""
        if self.served is not None and (self.mixed == self.served.revision - 1 or not self.read_by_today):
            self.mixed = self.served.revision

    @property
    def desk(self) -> Corrections:
        return Corrections(self.overrides, self.profiles, self.taxonomy)

    def today(self, key: str) -> str:
        return (LATER if self.taxonomy is another_taxonomy() else BEFORE).get(key, key)

    def enter(self, entry: Override) -> None:
        self.ledger.append(Entry(entry.id, entry.key, entry.action, entry.change.polarity, entry.change.en))
        self.since[entry.id] = self.arrived
        self.acted()

    def parts(self, profiles: ProfileStore | None = None) -> Parts:
        return Parts(
            model=self.model,
            taxonomy=self.taxonomy,
            listen=library.default("listen"),
            propose=library.latest("propose"),
            persona=library.latest("persona"),
            events=self.events,
            profiles=profiles or self.profiles,
            overrides=self.overrides,
            runs=self.runs,
            zone=UTC,
            languages=("en",),
        )

    def work(self) -> list[tuple[str, bool]]:
        return list(self.runs.work(self.parts().config_digest(), users=[self.user]))

    def start(self) -> str:
        return self.runs.start(config=self.parts().config(), users_total=1)

    def settle(
        self, script: Callable[[Asked], Any], run: str | None = None, profiles: ProfileStore | None = None
    ) -> Batch:
        async def over() -> Batch:
            model = ScriptedModel(
                script, name=f"{self.model} for {self.user}"
            )  # so that nobody else's answers are known
            job = Batch(
                self.parts(profiles), run or self.start(), model=model, embedder=Vectors(), pace=Pace(None, fixed=1)
            )
            await job.over(self.work())
            return job

        return asyncio.run(over())


BUSY = settings(deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.slow
def test_the_ledger_always_wins(database: Database) -> None:
    examples = 20 if database.dialect == "sqlite" else 6
    run_state_machine_as_test(
        lambda: Desk(database), settings=settings(BUSY, max_examples=examples, stateful_step_count=20)
    )


# --- sequences that chance seldom finds -----------------------------------------------------------------------------


@pytest.fixture
def desk(database: Database) -> Desk:
    desk = Desk(database)
    desk.begin()
    return desk


def held(desk: Desk) -> dict[str, Tag]:
    """The user's tags by key."""
    assert desk.served is not None
    desk.the_story_is_whole()
    return {one.key: one for one in desk.served.tags}


def withdraw(desk: Desk, at: int) -> None:
    desk.desk.withdraw(desk.ledger.pop(at).id, author="dee", why="")


@pytest.mark.parametrize("call", [0, 1], ids=["for tags", "for the persona"])
def test_a_denial_while_the_model_is_asked_is_heeded_by_that_run(desk: Desk, call: int) -> None:
    desk.correct_in_the_middle_of_a_run("genre/sci-fi", call)
    assert "genre/sci-fi" not in held(desk)
    assert not any(changed for _, changed in desk.work())


def test_a_pin_that_was_withdrawn_under_a_denial_does_not_come_back_with_the_tag(desk: Desk) -> None:
    desk.pin("genre/sci-fi", -1)
    desk.deny("genre/sci-fi")
    withdraw(desk, 0)
    withdraw(desk, 0)
    assert "genre/sci-fi" not in held(desk), "what it was before the pin is for the next run to say"
    desk.run()
    assert (held(desk)["genre/sci-fi"].status, held(desk)["genre/sci-fi"].polarity) == ("verified", 1)


def test_a_pin_under_a_pin_is_what_is_left_of_the_two(desk: Desk) -> None:
    before = held(desk)["genre/sci-fi"]
    desk.pin("genre/sci-fi", None)
    desk.pin("genre/sci-fi", -1)
    withdraw(desk, 1)
    assert held(desk)["genre/sci-fi"].polarity == 1
    withdraw(desk, 0)
    desk.run()
    assert held(desk)["genre/sci-fi"] == before


def test_a_candidate_whose_pin_is_withdrawn_leaves_the_portrait(desk: Desk) -> None:
    desk.live("genre/thriller", -1, "long ago")
    desk.run_into_a_crash(calls=0, stored=True)
    assert held(desk)["genre/thriller"].status == "candidate"
    desk.pin("genre/thriller", None)
    desk.resume()
    assert desk.served is not None
    assert any("genre/thriller" in line.tags for text in desk.served.personas for line in text.sentences)
    withdraw(desk, 0)
    assert held(desk)["genre/thriller"].status == "candidate"
    desk.a_persona_renders_what_is_served()


def test_a_withdrawn_denial_gives_back_nothing_that_newer_events_may_have_changed(desk: Desk) -> None:
    desk.deny("genre/sci-fi")
    desk.live("genre/sci-fi", -1, "long ago")
    desk.run()
    withdraw(desk, 0)
    assert "genre/sci-fi" not in held(desk)
    desk.run()
    assert "genre/sci-fi" in held(desk)


def test_an_open_tag_is_denied_by_its_own_name_although_it_bears_another(desk: Desk) -> None:
    def naming(asked: Asked) -> Any:
        if asked.schema is ProposeAnswer:
            return ProposeAnswer(tags=[Proposed(facet="interest", en="quiet trams", zh="安静的电车", polarity="likes")])
        return silent(asked)

    desk.script, desk.model = naming, "three"
    desk.run()
    desk.edit("open/quiet-trams", None, "a")
    desk.desk.edit(desk.user, "open/quiet-trams", Change(en="westerns"), author="cy", why="")
    entry, _ = desk.desk.deny(desk.user, "open/quiet-trams", author="ben", why="")
    assert entry.label == Label(en="quiet trams", zh="安静的电车")
    desk.ledger.clear()
    desk.model = "four"
    desk.run()
    assert "open/quiet-trams" not in held(desk)


def test_an_open_tag_that_the_taxonomy_takes_in_keeps_its_pin(desk: Desk) -> None:
    desk.desk.pin(desk.user, "SF", Change(polarity=-1, facet="interest"), author="anna", why="")
    assert "genre/sci-fi" in held(desk), "the starter knows it"
    desk.desk.pin(desk.user, "科学幻想", Change(polarity=-1, facet="interest"), author="anna", why="")
    desk.change_the_taxonomy(True)
    desk.run()
    assert {key: one.polarity for key, one in held(desk).items() if one.status == "pinned"} == {
        "genre/science-fiction": -1
    }


def test_what_the_taxonomy_keeps_out_is_not_served_although_it_is_pinned(desk: Desk, tmp_path: Path) -> None:
    desk.desk.pin(desk.user, "collects trams", Change(polarity=0, facet="lifestyle"), author="anna", why="")
    assert "open/collects-trams" in held(desk)
    path = tmp_path / "own.yaml"
    path.write_text('extends: starter\nfacets:\n  lifestyle: {served: "off"}\n', "utf-8")
    desk.taxonomy = taxonomy.load(path)
    desk.run()
    assert "open/collects-trams" not in held(desk)


def test_of_a_facet_with_one_value_the_pinned_one_is_served_and_a_denied_one_takes_nobodys_place(desk: Desk) -> None:
    desk.events.add(
        [
            Event(
                event_id=f"said {number}",
                user_id=desk.user,
                ts=LONG_AGO + timedelta(days=number),
                kind="post",
                text=text,
            )
            for number, text in enumerate(["I'm a nurse, what about you?", "I'm a teacher now, what about you?"])
        ]
    )
    desk.run()

    def work() -> dict[str, str]:
        return {one.label.en: one.status for one in held(desk).values() if one.facet == "profession"}

    assert work() == {"nurse": "candidate", "teacher": "verified"}
    desk.desk.pin(desk.user, "farmer", Change(), author="anna", why="")
    assert work() == {"nurse": "candidate", "teacher": "candidate", "farmer": "pinned"}
    desk.run()
    assert work() == {"nurse": "candidate", "teacher": "candidate", "farmer": "pinned"}
    desk.desk.withdraw(desk.overrides.every(desk.user)[0].id, author="anna", why="")
    assert work() == {"nurse": "candidate", "teacher": "verified"}
    desk.desk.deny(desk.user, "teacher", author="anna", why="")
    desk.run()
    assert work() == {"nurse": "verified"}


@pytest.mark.parametrize(
    ("key", "label", "today"),
    [
        ("genre/horror", Label(en="horror", zh="恐怖片"), "genre/horror"),
        ("genre/sci-fi", Label(en="science fiction", zh="科幻"), "genre/science-fiction"),
        ("genre/space", Label(en="space", zh="科学幻想"), "genre/science-fiction"),
        ("genre/sci-fi+genre/thriller", Label(en="both", zh="两者"), "genre/horror+genre/science-fiction"),
        ("open/sf", Label(en="sf", zh="幻想片"), "genre/science-fiction"),
        ("brand/horror", Label(en="Horror", zh="Horror"), "brand/horror"),
        ("open/quiet-trams", Label(en="quiet trams", zh="安静的电车"), "open/quiet-trams"),
    ],
)
def test_a_key_of_an_older_taxonomy_is_found_by_its_name_in_its_group(key: str, label: Label, today: str) -> None:
    assert correct.renamed(key, label, another_taxonomy()) == today


def test_of_two_denials_the_one_that_is_left_still_holds(desk: Desk) -> None:
    desk.deny("genre/sci-fi")
    desk.deny("genre/sci-fi")
    withdraw(desk, 0)
    assert "genre/sci-fi" not in held(desk)
    desk.run()
    assert "genre/sci-fi" not in held(desk)


def test_what_was_denied_under_an_earlier_name_cannot_be_edited(desk: Desk) -> None:
    """In the second taxonomy a thriller is horror: that the profile still serves horror is for the next run to mend."""
    desk.live("genre/thriller", -1, "long ago")
    desk.run()
    desk.deny("genre/thriller")
    desk.change_the_taxonomy(second=True)
    entries = desk.overrides.every(desk.user)
    with pytest.raises(TagNotFound):
        desk.desk.edit(desk.user, "genre/horror", Change(en="scary"), author="cy", why="")
    assert desk.overrides.every(desk.user) == entries, "and nothing of it is kept"


def test_a_run_that_is_resumed_stores_what_came_in_since_it_stored_the_user(desk: Desk) -> None:
    desk.live("genre/sci-fi", 1, "long ago")
    desk.run_into_a_crash(calls=1, stored=True)
    desk.live("genre/sci-fi", 1, "long ago")
    desk.resume()
    assert not any(changed for _, changed in desk.work())
