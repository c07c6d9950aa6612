"""Whether a prompt version, model or taxonomy may take the place of the one in use: two runs that differ in nothing
else, and a gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from evals.compare import Difference, compare
from evals.gate import Checked, Rules, check
from evals.runs import Header, Run
from limner.errors import InputError
from prompts.ledger import Effect, Kind, Promotion


class Side(NamedTuple):
    """What is in use, or may come into use."""

    kind: Kind
    name: str
    """As the ledger keeps it: propose.v2, a model's setting, a taxonomy's file."""
    shown: str
    """As the header of a run names it: propose.v2, the model with its digest, the taxonomy's version and digest."""
    digest: str = ""
    """Of a prompt or taxonomy."""

    @property
    def part(self) -> str:
        """What two runs may differ in: propose, model, taxonomy."""
        return self.shown.rsplit(".", 1)[0] if self.kind == "prompt" else self.kind


class Hearing(NamedTuple):
    """What a gate said of a candidate."""

    checked: list[Checked]
    promotion: Promotion
    """To be written into the ledger where every rule is met."""

    @property
    def passed(self) -> bool:
        return all(one.met for one in self.checked)


def hearing(candidate: Side, current: Side, run: Run, against: Run, asked: Rules) -> Hearing:
    """A gate over a run with a candidate, held against a run with what is in use.

    Raises:
        InputError: the candidate is in use already, the runs are not of these two or differ in more than them, or the
            gate holds no metric against the other run.
    """
    if candidate.shown == current.shown:
        raise InputError(f"{candidate.shown} is in use already.")
    _check(run.header, candidate)
    _check(against.header, current)
    _check_rest(run.header, against.header, candidate)
    if not asked.compares:
        raise InputError(
            f"No rule of the gate says worse_by, so {candidate.shown} would not be held against {current.shown}."
        )
    checked = check(run, asked, against)
    header = run.header
    return Hearing(
        checked,
        Promotion(
            kind=candidate.kind,
            name=candidate.name,
            digest=candidate.digest,
            instead_of=current.name,
            at=datetime.now(UTC),
            task=f"{header.task}.v{header.task_version}",
            system=header.system,
            dataset=f"{header.dataset} {header.dataset_digest}",
            model=header.model,
            taxonomy=header.taxonomy,
            run=header.run,
            against=against.header.run,
            gate={f"{one.metric} must {one.rule}": one.reason for one in checked},
            effects={name: _effect(one) for name, one in compare(against, run).metrics.items()},
        ),
    )


def _effect(found: Difference) -> Effect:
    return Effect(**{name: value for name, value in found._asdict().items() if name in Effect.model_fields})


def _check(header: Header, side: Side) -> None:
    """That a run was made with one side.

    Raises:
        InputError: it was not.
    """
    if side.kind == "prompt":
        used, known = ", ".join(header.prompts), side.shown in header.prompts
    else:
        used = (header.model if side.kind == "model" else header.taxonomy) or ""
        known = used == side.shown
    if not known:
        raise InputError(f"Run {header.run} used {used or f'no {side.kind}'}, not {side.shown}.")
    if side.kind == "prompt" and header.prompts[side.shown] != side.digest:
        raise InputError(f"{side.shown} was changed after run {header.run}: run the evaluation again.")


def _check_rest(run: Header, against: Header, candidate: Side) -> None:
    """That two runs differ in one part alone, so that a difference can only come from it.

    Raises:
        InputError: they differ in more.
    """
    part = candidate.part
    sides = [
        {"system": one.system, "model": one.model, "taxonomy": one.taxonomy, "seed": one.seed, "limner": one.limner}
        | {"samples": one.samples}
        | {key: value for key, value in one.settings.items() if key != "prompts"}
        | {key: digest for key, digest in one.prompts.items() if key.rsplit(".", 1)[0] != part}
        for one in (run, against)
    ]
    keys = (sides[0].keys() | sides[1].keys()) - ({part} if candidate.kind != "prompt" else set())
    odd = [key for key in keys if sides[0].get(key) != sides[1].get(key)]
    if odd:
        raise InputError(
            f"Runs {run.run} and {against.run} differ in more than {part}: {', '.join(sorted(odd))}. "
            "Run both with all else the same."
        )
