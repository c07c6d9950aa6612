"""One YAML file as plain data that knows where each part of it stands, so that an error can name the line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from limner.errors import LimnerError

DEPTH = 8
"""Levels below which lines are no longer told apart; it also ends the walk of a file that contains itself."""


class Place(NamedTuple):
    """Where a part of a file stands; reads as `starter.yaml:12`."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Document(NamedTuple):
    data: dict[str, Any]
    places: Mapping[tuple[str, ...], Place]
    """Path of mapping keys, such as ("terms", "genre/sci-fi", "synonyms"), to the line of the last of them."""
    digest: str
    """First 12 hex digits of the file's SHA-256."""


def read(path: Path, error: type[LimnerError]) -> Document:
    """The document in a file.

    Raises:
        LimnerError: of the class `error`: the file cannot be read, is not YAML, is no mapping, or says a key twice.
    """
    try:
        content = path.read_bytes()
    except OSError as cause:
        raise error(f"{path} cannot be read: {cause.strerror}.") from cause
    try:
        loader = yaml.CSafeLoader(content.decode("utf-8-sig"))
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise error(f"{path.name}:1 must be a mapping of keys to values.")
        keys = list(_keys(node, ()))
        data = loader.construct_document(node)
    except UnicodeDecodeError as cause:
        line = content.count(b"\n", 0, cause.start) + 1
        raise error(f"{path.name}:{line} is not UTF-8; save the file as UTF-8.") from cause
    except yaml.MarkedYAMLError as cause:
        mark = cause.problem_mark or cause.context_mark
        raise error(f"{path.name}:{mark.line + 1 if mark else 1} is not YAML: {cause.problem}.") from cause
    except yaml.YAMLError as cause:
        raise error(f"{path.name}:1 is not YAML: {cause}") from cause
    places: dict[tuple[str, ...], Place] = {}
    for key, line in keys:
        if key in places:
            raise error(f"{path.name}:{line} says {key[-1]} again; it stands in line {places[key].line} already.")
        places[key] = Place(path.name, line)
    return Document(data, places, hashlib.sha256(content).hexdigest()[:12])


def _keys(node: yaml.MappingNode, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], int]]:
    for key, value in node.value:
        path = (*above, str(key.value))
        yield path, key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode) and len(path) < DEPTH:
            yield from _keys(value, path)
