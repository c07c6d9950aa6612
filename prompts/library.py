"""Prompts, each a file of its own version: `prompts/persona/v3.yaml` is `load("persona.v3")`.

What a user wrote reaches a prompt only as the value of an input, never as template text, and what could close the
fence around it or pass for a control token of the chat format (`</history>`, `<|im_end|>`) loses its opening bracket.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from jinja2 import meta

from limner.errors import PromptError
from prompts import answers, ledger
from prompts.document import Document, read

ROOM = Path(__file__).parent
FIELDS = {"purpose": str, "answer": str, "inputs": list, "system": str, "user": str, "changes": str}
_ID = re.compile(r"([a-z][a-z0-9_]*)\.v([1-9][0-9]*)")
_MARKUP = re.compile(r"<(?=[/|!a-zA-Z_\uff5c])")


def as_data(value: Any) -> Any:
    """What a prompt holds of a value: of text, with its markup broken, so that nothing in it can close a fence."""
    return _MARKUP.sub("‹", value) if isinstance(value, str) and "<" in value else value


_JINJA = jinja2.Environment(
    undefined=jinja2.StrictUndefined, autoescape=False, finalize=as_data, trim_blocks=True, lstrip_blocks=True
)


class Rendered(NamedTuple):
    system: str
    user: str


@dataclass(frozen=True)
class Prompt:
    """What we tell a model, and the class its answer must have."""

    id: str
    name: str
    version: int
    digest: str
    """First 12 hex digits of the file's SHA-256."""
    purpose: str
    answer: str
    """A class of `prompts.answers`."""
    inputs: tuple[str, ...]
    system: str
    user: str
    changes: str
    _templates: tuple[jinja2.Template, jinja2.Template] = field(repr=False, compare=False)

    def render(self, **inputs: Any) -> Rendered:
        """The two messages to send.

        Args:
            inputs: Exactly the declared ones. Their text is data: markup in it is broken.

        Raises:
            PromptError: an input is missing, unknown, or lacks something that the template asks of it.
        """
        if inputs.keys() != set(self.inputs):
            raise PromptError(
                f"{self.id} takes {', '.join(self.inputs)}; it was given {', '.join(inputs) or 'nothing'}."
            )
        try:
            system, user = (template.render(inputs) for template in self._templates)
        except (jinja2.TemplateError, TypeError) as error:
            raise PromptError(f"{self.id} cannot be rendered: {error}.") from error
        return Rendered(system.strip(), user.strip())


@cache
def load(prompt: str) -> Prompt:
    """The prompt of that id, such as "persona.v3".

    Raises:
        PromptError: there is none, or its file is malformed.
    """
    named = _ID.fullmatch(prompt)
    if named is None or not _file(prompt).is_file():
        raise PromptError(f"There is no prompt {prompt}; `limner prompts list` shows those there are.")
    return parse(_file(prompt), name=named[1], version=int(named[2]))


def latest(name: str) -> Prompt:
    """The newest version of the prompt of that name.

    Raises:
        PromptError: there is none, or its file is malformed.
    """
    versions = [version for other, version in _versions() if other == name]
    if not versions:
        raise PromptError(f"There is no prompt {name}; `limner prompts list` shows those there are.")
    return load(f"{name}.v{max(versions)}")


def default(name: str) -> Prompt:
    """The version of the prompt of that name that is in use: the last one promoted, else the first.

    Raises:
        PromptError: there is none, or its file is malformed or was changed after it was promoted.
    """
    promoted = ledger.newest(name)
    if promoted is None:
        return load(f"{name}.v1")
    prompt = load(promoted.name)
    if prompt.digest != promoted.digest:
        raise PromptError(
            f"{prompt.id} was changed after it was promoted: restore the file that has digest {promoted.digest}, and "
            "make the change the next version."
        )
    return prompt


def every() -> list[Prompt]:
    """All prompts, by name, oldest version first."""
    return [load(f"{name}.v{version}") for name, version in _versions()]


def diff(old: str, new: str) -> str:
    """What changed from one prompt to another, as a unified diff of their files; empty where nothing did.

    Raises:
        PromptError: one of them does not exist.
    """
    before, after = (_file(load(prompt).id).read_text("utf-8").splitlines(keepends=True) for prompt in (old, new))
    return "".join(difflib.unified_diff(before, after, fromfile=old, tofile=new))


def parse(path: Path, *, name: str, version: int) -> Prompt:
    """The prompt in a file.

    Raises:
        PromptError: the file is malformed; the message names file and line.
    """
    document = read(path, PromptError)
    _check_fields(document, path)
    data = document.data
    inputs = tuple(data["inputs"])
    sources = {part: data[part] for part in ("system", "user")}
    used: set[str] = set()
    for part, source in sources.items():
        first = document.places[part,].line
        try:
            used |= meta.find_undeclared_variables(_JINJA.parse(source))
            _JINJA.compile(source)
        except jinja2.TemplateSyntaxError as error:
            raise PromptError(f"{path.name}:{first + error.lineno}: {part}: {error.message}.") from error
    if used != set(inputs):
        odd = ", ".join(sorted(used ^ set(inputs)))
        raise PromptError(f"{document.places['inputs',]}: inputs: declared and used inputs differ in {odd}.")
    return Prompt(
        id=f"{name}.v{version}",
        name=name,
        version=version,
        digest=document.digest,
        purpose=data["purpose"],
        answer=data["answer"],
        inputs=inputs,
        **sources,
        changes=data["changes"],
        _templates=(_JINJA.from_string(sources["system"]), _JINJA.from_string(sources["user"])),
    )


def _check_fields(document: Document, path: Path) -> None:
    for key, value in document.data.items():
        place = document.places[key,]
        if key not in FIELDS:
            raise PromptError(f"{place}: {key}: a prompt has no such field; it has {', '.join(FIELDS)}.")
        if not isinstance(value, FIELDS[key]):
            raise PromptError(f"{place}: {key}: must be {'a list of names' if FIELDS[key] is list else 'text'}.")
    for key in FIELDS:
        if key not in document.data:
            raise PromptError(f"{path.name}:1: {key} is missing.")
    if not all(isinstance(name, str) and name.isidentifier() for name in document.data["inputs"]):
        raise PromptError(f"{document.places['inputs',]}: inputs: must be a list of names.")
    if not hasattr(answers, document.data["answer"]):
        raise PromptError(f"{document.places['answer',]}: answer: prompts/answers.py has no {document.data['answer']}.")


def _file(prompt: str) -> Path:
    name, version = prompt.rsplit(".", 1)
    return ROOM / name / f"{version}.yaml"


@cache
def _versions() -> tuple[tuple[str, int], ...]:
    found = (_ID.fullmatch(f"{path.parent.name}.{path.stem}") for path in ROOM.glob("*/v*.yaml"))
    return tuple(sorted((match[1], int(match[2])) for match in found if match))
