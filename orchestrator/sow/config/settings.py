"""Every setting, with its value and where it was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sow_schemas
from sow.config import reading, repository
from sow.config.reading import Source
from sow.config.user import SCHEMA, UserConfig, type_by_name
from sow.document import Document


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    key: str
    """Its dotted path in the file where it is, or could be, set."""
    value: Any
    """None where it is absent and no default is known to sow."""
    source: Source


def of_user(user: UserConfig, roles: Sequence[str], environment: Mapping[str, str]) -> list[Setting]:
    """The user's settings: the executor of each role, then all about each executor.

    `roles`: those that are known; the ones that the file binds besides them follow.
    """
    bound = {role: user.bound(role, environment) for role in dict.fromkeys([*roles, *user.bindings])}
    found = [Setting(f"agents.bindings.{role}", name, source) for role, (name, source) in bound.items()]
    for name in dict.fromkeys([*user.executors, *(name for name, _ in bound.values())]):
        found += _of_executor(user, name)
    held = user.held or Document("", {}, True, user.path)
    return [*found, *_leaves(held, sow_schemas.fields(SCHEMA)["limits"]["properties"], ("limits",))]


def of_repository(main: str) -> list[Setting]:
    """The settings of the repository whose main checkout is at `main`. Raises Refused for a bad file."""
    held = reading.read(repository.repository_path(main), repository.SCHEMA)
    return list(_leaves(held, sow_schemas.fields(repository.SCHEMA)))


def _of_executor(user: UserConfig, name: str) -> Iterator[Setting]:
    """All about an executor; nothing about one that is not there."""
    above = ("agents", "executors", name)
    agents = sow_schemas.fields(SCHEMA)["agents"]["properties"]
    fields = agents["executors"]["additionalProperties"]["properties"]
    if name in user.executors and user.held:
        yield from _leaves(user.held, fields, above)
    elif kind := type_by_name(name):
        silent = Document("", {}, True, user.path)
        yield Setting(".".join((*above, "type")), kind, Source())
        yield from _leaves(silent, {key: part for key, part in fields.items() if key != "type"}, above)


def _leaves(held: Document, fields: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[Setting]:
    """The settings that a schema's fields describe, then those that an open mapping holds besides them."""
    given: Any = held.value
    for part in above:
        given = given.get(part, {})
    for key, schema in fields.items():
        path = (*above, key)
        if "properties" in schema:
            yield from _leaves(held, schema["properties"], path)
        elif "properties" in (below := schema.get("additionalProperties") or {}):
            for name in given.get(key, {}):
                yield from _leaves(held, below["properties"], (*path, name))
        elif key in given:
            yield Setting(".".join(path), given[key], reading.source(held, path))
        else:
            yield Setting(".".join(path), schema.get("default"), Source())
    for key in given:
        if key not in fields:
            path = (*above, key)
            yield Setting(".".join(path), given[key], reading.source(held, path))
