"""Whether a prompt version may take the place of the one in use: two runs that differ in nothing else, and a gate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from evals.compare import Difference, compare
from evals.gate import Checked, Rules, check
from evals.runs import Header, Run
from limner.errors import InputError
from prompts import library
from prompts.ledger import Effect, Promotion


class Hearing(NamedTuple):
    """What a gate said of a prompt."""

    checked: list[Checked]
    promotion: Promotion
    """To be written into the ledger where every rule is met."""

    @property
    def passed(self) -> bool:
        return all(one.met for one in self.checked)


def hearing(candidate: library.Prompt, run: Run, against: Run, asked: Rules) -> Hearing:
    """A gate over a run with a candidate, held against a run with the version in use.

    Raises:
        InputError: the candidate is in use already, the runs are not of these two prompts or differ in more than them,
            or the gate holds no metric against the other run.
    """
    current = library.default(candidate.name)
    if candidate == current:
        raise InputError(f"{candidate.id} is in use already.")
    _check(run.header, candidate)
    _check(against.header, current)
    _check_rest(run.header, against.header, candidate.name)
    if not asked.compares:
        raise InputError(
            f"No rule of the gate says worse_by, so {candidate.id} would not be held against {current.id}."
        )
    checked = check(run, asked, against)
    header = run.header
    return Hearing(
        checked,
        Promotion(
            prompt=candidate.id,
            digest=candidate.digest,
            instead_of=current.id,
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


def _check(header: Header, prompt: library.Prompt) -> None:
    """That a run asked with a prompt.

    Raises:
        InputError: it did not.
    """
    asked = header.prompts.get(prompt.id)
    if asked is None:
        used = ", ".join(header.prompts) or "no prompt"
        raise InputError(f"Run {header.run} used {used}, not {prompt.id}.")
    if asked != prompt.digest:
        raise InputError(f"{prompt.id} was changed after run {header.run}: run the evaluation again.")


def _check_rest(run: Header, against: Header, name: str) -> None:
    """That two runs differ in one prompt alone, so that a difference can only come from it.

    Raises:
        InputError: they differ in more.
    """
    sides = [
        {"system": one.system, "model": one.model, "taxonomy": one.taxonomy, "seed": one.seed, "limner": one.limner}
        | {"samples": one.samples}
        | {key: value for key, value in one.settings.items() if key != "prompts"}
        | {key: digest for key, digest in one.prompts.items() if key.rsplit(".", 1)[0] != name}
        for one in (run, against)
    ]
    odd = [key for key in sides[0].keys() | sides[1].keys() if sides[0].get(key) != sides[1].get(key)]
    if odd:
        raise InputError(
            f"Runs {run.run} and {against.run} differ in more than {name}: {', '.join(sorted(odd))}. "
            "Run both with the same model, taxonomy and settings."
        )
