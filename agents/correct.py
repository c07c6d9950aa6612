"""The ledger of corrections laid over what reading a history gave: a person's word always wins.

A pinned tag is served whatever the events say; with them as its evidence where they agree. A denied one is not, until
events from after the denial prove it by themselves: they are read as if they were the whole history, so that nothing
older has a part in it. An edit words a tag otherwise wherever the evidence carries it; an edited polarity is a pin,
for no count bears it out. Of pins and denials the newest holds; edits add up, field by field.

The ledger keeps the key and the label that a tag had. Where a newer taxonomy has neither renamed nor merged it, that is
the key still; else it is found by its name. One thing outranks the ledger: what the taxonomy keeps out of profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from agents.attribute import Claim
from limner.domain import Label, Override, Persona, Tag
from prompts.taxonomy import Taxonomy
from store.overrides import Held, Revised
from store.profiles import Said

VERSION = 1

DONE = {"pin": "pinned", "deny": "denied", "edit": "edited"}

Renewed = Callable[[Override], Iterable[Tag]]
"""The tags that hold although they may be what a denial is about."""


def correct(found: Sequence[Tag], ledger: Sequence[Override], taxonomy: Taxonomy, renewed: Renewed) -> tuple[Tag, ...]:
    """The tags as the ledger wants them; pinned ones that were not found come last.

    Args:
        ledger: What is in force, oldest first.
        renewed: Given a denial, the tags that newer events alone prove.
    """
    if not ledger:
        return tuple(found)
    tags: list[Tag | None] = []
    left = list(ledger)
    for tag in found:
        about = [entry for entry in ledger if same(entry, tag, taxonomy)]
        left = [entry for entry in left if entry not in about]
        tags.append(_ruled(tag, about, taxonomy, renewed) if about else tag)
    while left:
        about = [entry for entry in left if same(entry, left[0], taxonomy)]
        left = [entry for entry in left if entry not in about]
        tags.append(_ruled(None, about, taxonomy, renewed))
    return _one_each([tag for tag in tags if tag is not None], taxonomy)


def denied(things: Iterable[Tag | Claim], ledger: Sequence[Override], taxonomy: Taxonomy) -> dict[str, str]:
    """Keys of those that a denial is about, each with who denied it and why."""
    if not ledger:
        return {}
    rulings = ((thing.key, _ruling([entry for entry in ledger if same(entry, thing, taxonomy)])) for thing in things)
    return {key: words(ruling) for key, ruling in rulings if ruling is not None and ruling.action == "deny"}


def revise(held: Held, taxonomy: Taxonomy) -> Revised:
    """A profile as a change of the ledger makes it at once, before the history is read again.

    What was said after a denial was said under it, and stays. A sentence of a persona stays where every tag it renders
    is still served, and still says the same.
    """
    tags = dict(held.tags)
    back: set[str] = set()
    if (entry := held.withdrawn) is not None:
        about = {name: tag for name, (_, tag) in tags.items() if same(entry, tag, taxonomy)}
        restored = {name: state for name, state in held.restored.items() if not state[1].corrected}
        if restored or any(tag.status == "pinned" for tag in about.values()):
            tags = {name: state for name, state in tags.items() if name not in about} | restored
            back = set(restored)

    def renewed(denial: Override) -> Iterator[Tag]:
        """A denial that changed nothing has no revision: what is served was said under it, what comes back was not."""
        for name, (revision, tag) in tags.items():
            if (name not in back) if denial.revision is None else (revision >= denial.revision):
                yield tag

    corrected = correct([tag for _, tag in tags.values()], held.ledger, taxonomy, renewed)
    before = {name: tag for name, (_, tag) in held.tags.items()}
    after = {tag.key: tag for tag in corrected}
    reasons = denied((tag for name, tag in before.items() if name not in after), held.ledger, taxonomy)
    personas = _still_true(held.personas, before, after)
    return Revised(corrected, tuple(reasons.items()), personas)


def rename(said: Said, ledger: Sequence[Override], taxonomy: Taxonomy) -> Said:
    """Tags and personas that were put under other keys, as the ledger wants what they are now; a denied one is out.

    Whether newer events prove what is denied is for the next run to say.
    """
    tags, personas = said
    if not ledger:
        return said
    kept = correct(tags, ledger, taxonomy, lambda denial: ())
    before, after = ({tag.key: tag for tag in some} for some in (tags, kept))
    return kept, _still_true(personas, before, after)


def same(one: Override, other: Override | Tag | Claim, taxonomy: Taxonomy) -> bool:
    """Whether two are about the same tag, whatever the taxonomies of their days called it."""
    return one.key == other.key or _present(one, taxonomy) == _present(other, taxonomy)


def renamed(key: str, label: Label | None, taxonomy: Taxonomy) -> str:
    """The key under which the taxonomy has today what had this key and label; its own where it knows none."""
    if key in taxonomy.terms:
        return key
    if (named := taxonomy.merged.get(key)) is not None:
        return named.key
    parts = key.split("+")
    if len(parts) > 1:
        return "+".join(sorted(renamed(part, None, taxonomy) for part in parts))
    group, _, name = key.partition("/")
    where = group if _is_group(group, taxonomy) else None
    names = (name,) if label is None else (name, label.en, label.zh)
    terms = (taxonomy.resolve(text, where) for text in names if text)
    return next((term.key for term in terms if term is not None), key)


def words(entry: Override) -> str:
    """Who corrected, and why."""
    return f"{DONE[entry.action]} by {entry.author}" + (f": {entry.why}" if entry.why else "")


def _present(one: Override | Tag | Claim, taxonomy: Taxonomy) -> str:
    by_hand = isinstance(one, Tag) and one.corrected  # its label may be
    return renamed(one.key, None if by_hand else one.label, taxonomy)


def _is_group(name: str, taxonomy: Taxonomy) -> bool:
    """Whether keys of that beginning are the taxonomy's; another's, and open ones, may have become any term."""
    groups = (group for attribute in taxonomy.attributes.values() for group in attribute.groups)
    return name in groups or any(term.group == name for term in taxonomy.terms.values())


def _ruling(about: Sequence[Override]) -> Override | None:
    """The entry that decides whether a tag is served; None where all of them are about its wording."""
    deciding = (entry for entry in reversed(about) if entry.action != "edit" or entry.change.polarity is not None)
    return next(deciding, None)


def _ruled(tag: Tag | None, about: Sequence[Override], taxonomy: Taxonomy, renewed: Renewed) -> Tag | None:
    """A tag as the entries about it want it; None where it is not to be served."""
    ruling = _ruling(about)
    if ruling is not None and ruling.action == "deny":
        tag = next((one for one in renewed(ruling) if same(ruling, one, taxonomy)), None)
    elif ruling is not None:
        tag = _pinned(tag, ruling, taxonomy)
    if tag is None:
        return None
    facet, label, said = tag.facet, tag.label, {ruling.id: words(ruling)} if tag.status == "pinned" and ruling else {}
    for entry in about:
        change = entry.change
        if change.facet or change.en or change.zh:
            facet, label = change.facet or facet, Label(en=change.en or label.en, zh=change.zh or label.zh)
            said[entry.id] = words(entry)
    if facet in taxonomy.facets and not taxonomy.serves(tag.key, facet):
        return None
    return tag.model_copy(update={"facet": facet, "label": label, "corrected": "; ".join(said.values())})


def _pinned(tag: Tag | None, pin: Override, taxonomy: Taxonomy) -> Tag:
    """The tag with its evidence where that agrees; else with none, named as the taxonomy does or as it was then."""
    polarity = pin.change.polarity
    assert polarity is not None
    if tag is not None and tag.polarity == polarity:
        return tag.model_copy(update={"status": "pinned", "probability": 1.0})
    key = _present(pin, taxonomy)
    term = taxonomy.terms.get(key)
    return Tag(
        facet=term.facet if term is not None else pin.facet,
        key=key if tag is None else tag.key,
        label=term.label if term is not None else pin.label,
        polarity=polarity,
        probability=1.0,
        basis="stated",
        status="pinned",
        reason="" if tag is None or tag.status == "pinned" else f"the events say otherwise: {tag.reason}",
    )


def _one_each(tags: Sequence[Tag], taxonomy: Taxonomy) -> tuple[Tag, ...]:
    """Of a facet that holds one value, what is pinned; what was found beside it is set aside."""
    pinned = {tag.facet: tag.key for tag in tags if tag.status == "pinned"}
    single = {name for name in pinned if name in taxonomy.facets and taxonomy.facets[name].single_valued}
    return tuple(
        tag.model_copy(
            update={
                "status": "candidate",
                "reason": f"{tag.reason}; {pinned[tag.facet]} is pinned, and one of them can hold",
            }
        )
        if tag.facet in single and tag.status == "verified"
        else tag
        for tag in tags
    )


def _still_true(
    personas: Iterable[Persona], before: Mapping[str, Tag], after: Mapping[str, Tag]
) -> tuple[Persona, ...]:
    def same(key: str) -> bool:
        old, new = before.get(key), after.get(key)
        return old is not None and new is not None and new.status != "candidate" and _claim(old) == _claim(new)

    kept = (
        persona.model_copy(
            update={"sentences": tuple(one for one in persona.sentences if all(same(key) for key in one.tags))}
        )
        for persona in personas
    )
    return tuple(persona for persona in kept if persona.sentences)


def _claim(tag: Tag) -> tuple[object, ...]:
    return tag.facet, tag.label, tag.polarity
