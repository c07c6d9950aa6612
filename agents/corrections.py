"""What a person does to a profile: from the words they use for a tag to an entry of the ledger, and back to a story."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Literal

from agents import correct
from limner.domain import Change, Label, Override, Revision, Tag
from limner.errors import InputError, TagNotFound
from prompts.taxonomy import Named, Taxonomy, Term
from prompts.taxonomy.words import slug
from store.overrides import Held, OverrideStore, Revise, Revised
from store.profiles import ProfileStore

KEY = re.compile(r"[a-z_]+/\S{1,80}")
LONGEST = 80
"""Characters of a label."""


class Corrections:
    """Pins, denials and edits, each in force the moment it is made, and told of afterwards."""

    def __init__(self, overrides: OverrideStore, profiles: ProfileStore, taxonomy: Taxonomy) -> None:
        self._overrides = overrides
        self._profiles = profiles
        self._taxonomy = taxonomy
        self._revise: Revise = partial(correct.revise, taxonomy=taxonomy)

    def revisions(self, user_id: str) -> list[Revision]:
        """What changed in what is served of a user, and why, oldest first: runs and corrections.

        Raises:
            ProfileNotFound: the user has neither a profile nor a correction.
        """
        doings = [doing for entry in self._overrides.every(user_id) for doing in _doings(entry)]
        by_revision = {doing.revision: doing for doing in doings}
        told = [doing for doing in doings if doing.revision is None]
        if not told or self._profiles.digest(user_id) is not None:
            for one in self._profiles.revisions(user_id):
                doing = by_revision.get(one.revision)
                did = {} if doing is None else {"cause": doing.cause, "override": doing.override}
                told.append(one.model_copy(update=did))
        return sorted(told, key=lambda one: one.at)

    def pin(self, user_id: str, tag: str, change: Change, *, author: str, why: str) -> tuple[Override, Tag | None]:
        """The entry that has a tag served whatever the evidence, and the tag.

        Args:
            tag: A key, or a label in either language, of the user's or of the taxonomy's; for any other the facet and
                the polarity must be given.

        Raises:
            InputError: the facet or the polarity is missing, or the taxonomy keeps such tags out of profiles.
            StoreError: the user has no events.
        """
        found, term = self._meant(user_id, tag)
        thing: Tag | Term | Named
        polarity = change.polarity
        if found is not None:
            thing = found
            polarity = found.polarity if polarity is None else polarity
        elif term is not None:
            thing = term
            polarity = (1 if term.kind == "thing" else 0) if polarity is None else polarity
        elif change.facet is not None and polarity is not None and tag.strip():
            words = tag[:LONGEST]
            label = Label(en=change.en or words, zh=change.zh or words)
            thing = Named(tag if KEY.fullmatch(tag) else f"open/{slug(tag)}", change.facet, label, None)
        else:
            raise InputError(
                f"Neither user {user_id} nor the taxonomy has {tag}: say what it is with --facet "
                f"({', '.join(self._facets)}) and --polarity (likes, dislikes, is)."
            )
        facet = change.facet or thing.facet
        if facet in self._taxonomy.facets and not self._taxonomy.serves(thing.key, facet):
            raise InputError(
                f"The taxonomy keeps {thing.key} ({facet}) out of profiles; a file of your own can serve it "
                "(LIMNER_TAXONOMY)."
            )
        wanted = change.model_copy(update={"polarity": polarity})
        return self._enter("pin", user_id, thing, wanted, author, why)

    def deny(self, user_id: str, tag: str, *, author: str, why: str) -> tuple[Override, Tag | None]:
        """The entry that takes a tag out until events from after it prove the tag anew.

        Raises:
            TagNotFound: the user never had it, and the taxonomy does not know it.
            StoreError: the user has no events.
        """
        found, term = self._meant(user_id, tag)
        thing = found or term
        if thing is None:
            thing = self._profiles.timeline(user_id, tag)[-1].tag
        return self._enter("deny", user_id, thing, Change(), author, why)

    def edit(self, user_id: str, tag: str, change: Change, *, author: str, why: str) -> tuple[Override, Tag | None]:
        """The entry that words a tag otherwise, and the tag.

        Raises:
            TagNotFound: the user does not have it, or it is what somebody denied under an earlier name of it.
            StoreError: the user has no events.
        """
        found, term = self._meant(user_id, tag)
        if found is None:
            raise TagNotFound(user_id, tag if term is None else term.key)
        key = found.key

        def revise(held: Held) -> Revised:
            revised = self._revise(held)
            if not any(correct.same(held.ledger[-1], one, self._taxonomy) for one in revised.tags):
                raise TagNotFound(user_id, key)
            return revised

        return self._enter("edit", user_id, found, change, author, why, revise)

    def withdraw(self, number: int, *, author: str, why: str) -> tuple[Override, Tag | None]:
        """An entry of the ledger, withdrawn, and what the tag it was about is without it.

        Raises:
            StoreError: there is no such entry, or it was withdrawn before.
        """
        entry = self._overrides.withdraw(number, author=author, why=why, revise=self._revise)
        return entry, self._served(entry)

    @property
    def _facets(self) -> list[str]:
        """Ids of the facets that are served."""
        return [facet.id for facet in self._taxonomy.facets.values() if facet.served == "default"]

    def _enter(
        self,
        action: Literal["pin", "deny", "edit"],
        user_id: str,
        thing: Tag | Term | Named,
        change: Change,
        author: str,
        why: str,
        revise: Revise | None = None,
    ) -> tuple[Override, Tag | None]:
        if change.facet is not None and change.facet not in self._facets:
            raise InputError(f"There is no facet {change.facet}; there are {', '.join(self._facets)}.")
        term = self._taxonomy.terms.get(thing.key)
        earlier = (entry for entry in self._overrides.every(user_id) if entry.key == thing.key)
        named = term or next(earlier, thing)  # an open tag may bear a name that was given it by hand
        entry = Override(
            user_id=user_id,
            key=thing.key,
            action=action,
            change=change,
            facet=named.facet,
            label=named.label,
            author=author,
            why=why,
            created_at=datetime.now(UTC),
        )
        entry = self._overrides.enter(entry, revise or self._revise)
        return entry, self._served(entry)

    def _served(self, entry: Override) -> Tag | None:
        """The open tag that an entry is about."""
        tags = self._profiles.open_tags(entry.user_id)
        return next((tag for tag in tags if correct.same(entry, tag, self._taxonomy)), None)

    def _meant(self, user_id: str, tag: str) -> tuple[Tag | None, Term | None]:
        """The user's open tag, and the taxonomy's term, that a key or a label in either language means.

        Raises:
            StoreError: the user has no events.
        """
        self._overrides.ledger(user_id)
        term = self._taxonomy.resolve(tag)
        if term is None and KEY.fullmatch(tag):  # a key of an older taxonomy
            term = self._taxonomy.terms.get(correct.renamed(tag, None, self._taxonomy))
        keys = {tag} if term is None else {tag, term.key}
        known = self._profiles.open_tags(user_id)
        by_key = [one for one in known if one.key in keys]
        by_label = (one for one in known if tag == one.label.zh or tag.casefold() == one.label.en.casefold())
        return next(iter(by_key), None) or next(by_label, None), term


def _doings(entry: Override) -> Iterator[Revision]:
    """When an entry was made and when it was withdrawn, without what that changed."""
    yield Revision(
        revision=entry.revision, at=entry.created_at, cause="correction", run=None, override=entry, changes=()
    )
    if entry.withdrawn_at is not None:
        yield Revision(
            revision=entry.withdrawn_revision,
            at=entry.withdrawn_at,
            cause="withdrawal",
            run=None,
            override=entry,
            changes=(),
        )
