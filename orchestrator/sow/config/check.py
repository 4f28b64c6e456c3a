"""All that is wrong with the settings, both files and the variables, each thing with its place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sow_schemas
from sow import document, roles
from sow.config import reading, repository, user
from sow.config.executor import Complaint, complaints
from sow.config.reading import Path, Source
from sow.document import BadDocument, Document, faults
from sow.nearest import did_you_mean
from sow_executors import catalog

MEND = "mend that line"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found."""

    source: Source
    message: str
    hint: str
    field: str = ""
    """The setting, as a dotted path; empty for the file as a whole."""
    value: object = None
    is_note: bool = False
    """Whether it only looks like a slip, for what is unknown here may be known elsewhere."""


def everything(environment: Mapping[str, str], main: str | None) -> list[Finding]:
    """All that is wrong for a user with these variables.

    `main`: the main checkout of the repository whose settings and roles are looked at,
    too; None outside of one.
    """
    known = roles.known(main) if main else roles.BUILT_IN
    configured: dict[str, Any] = {}

    def of_user(held: Document) -> Iterable[Finding]:
        configured.update(_executors(held))
        return user_settings(held, known)

    found = _of_file(user.user_path(environment), of_user)
    found += variables(environment, configured, known)
    if main:
        found += _of_file(repository.repository_path(main), lambda held: repository_settings(held, known))
    return found


def user_text(data: bytes, where: str, known: Sequence[str]) -> list[Finding]:
    """All that is wrong with a text that is to become the user's settings. `known`: the roles there are."""
    return _of(lambda: document.parse(data, where), lambda held: user_settings(held, known))


def _of_file(path: str, check: Callable[[Document], Iterable[Finding]]) -> list[Finding]:
    return _of(lambda: document.read_file(path), check)


def _of(read: Callable[[], Document], check: Callable[[Document], Iterable[Finding]]) -> list[Finding]:
    try:
        held = reading.given(read())
    except FileNotFoundError:
        return []
    except BadDocument as fault:
        return [Finding(Source(file=fault.path, line=fault.line), fault.what, fault.hint)]
    if newer := reading.needs_newer(held):
        at = reading.source(held, ("requires",))
        return [Finding(at, newer, reading.UPGRADE, "requires", held.value["requires"])]
    return sorted(check(held), key=lambda finding: finding.source.line)


# -- the parts -------------------------------------------------------------------------------------


def repository_settings(held: Document, known: Sequence[str]) -> list[Finding]:
    """What is wrong with the repository's settings. `known`: the roles there are."""
    return [*_by_schema(held, repository.SCHEMA), *_of_capped_roles(held, known)]


def user_settings(held: Document, known: Sequence[str]) -> list[Finding]:
    """What is wrong with the user's settings. `known`: the roles there are."""
    by_schema = list(_by_schema(held, user.SCHEMA))
    wrong = {finding.field for finding in by_schema}
    return [*by_schema, *_of_executors(held, wrong), *_of_bindings(held, known)]


def variables(
    environment: Mapping[str, str], configured: Mapping[str, object], known: Sequence[str]
) -> Iterator[Finding]:
    """What is wrong with the variables that choose executors. `configured`: the user's, by name."""
    role_of = {roles.variable(role): role for role in known}
    for name in sorted(environment):
        chosen = environment[name]
        if not name.startswith(roles.VARIABLES) or not chosen:
            continue
        at = Source(variable=name)
        if name not in role_of:
            hint = f"{did_you_mean(name, role_of)}the variables: {', '.join(role_of)}"
            yield Finding(at, f"{name}: no role here is called that", hint, name, chosen, is_note=True)
        else:
            yield from _of_choice(at, name, chosen, configured)


def _by_schema(held: Document, schema: str) -> Iterator[Finding]:
    if sow_schemas.valid(schema, held.value):
        return
    for fault in faults.find(schema, held.value, held.where, held):
        message = f"{fault.field}: {fault.message}" if fault.field else fault.message
        yield Finding(Source(file=fault.file, line=fault.line), message, fault.hint, fault.field, fault.value)


def _of_executors(held: Document, wrong: set[str]) -> Iterator[Finding]:
    """What the types behind the executors say. `wrong`: the fields that the schema has refused already."""
    for name, given in _executors(held).items():
        kind, above = given.get("type"), f"agents.executors.{name}"
        if not isinstance(kind, str) or not kind:
            continue
        if kind not in catalog.names():
            hint = f"{did_you_mean(kind, catalog.names())}the types: {', '.join(catalog.names())}"
            field = f"{above}.type"
            at = reading.source(held, ("agents", "executors", name, "type"))
            yield Finding(at, f"{field}: {kind!r} is no type of executor", hint, field, kind)
            continue
        settings = {
            key: value
            for key, value in _mapping(given.get("settings")).items()
            if f"{above}.settings.{key}" not in wrong
        }
        for complaint in _complaints(kind, settings, _words(given.get("custom_args"))):
            path: Path = ("agents", "executors", name, *complaint.path)
            yield Finding(
                reading.source(held, path), f"executor {name}: {complaint.message}", MEND, _dotted(path),
                _at(held.value, path),
            )  # fmt: skip


def _of_capped_roles(held: Document, known: Sequence[str]) -> Iterator[Finding]:
    for role, given in _mapping(_mapping(held.value.get("caps")).get("roles")).items():
        if role not in known:
            field, at = f"caps.roles.{role}", reading.source(held, ("caps", "roles", role))
            yield _no_such_role(at, field, role, known, given)


def _no_such_role(at: Source, field: str, role: str, known: Sequence[str], value: object) -> Finding:
    hint = f"{did_you_mean(role, known)}the roles: {', '.join(known)}"
    return Finding(at, f"{field}: no role here is called that", hint, field, value, is_note=True)


def _of_bindings(held: Document, known: Sequence[str]) -> Iterator[Finding]:
    configured = _executors(held)
    for role, name in _mapping(_mapping(held.value.get("agents")).get("bindings")).items():
        field, at = f"agents.bindings.{role}", reading.source(held, ("agents", "bindings", role))
        if role not in known:
            yield _no_such_role(at, field, role, known, name)
        if isinstance(name, str) and name:
            yield from _of_choice(at, field, name, configured)


def _of_choice(at: Source, field: str, name: str, configured: Mapping[str, object]) -> Iterator[Finding]:
    """What is wrong with naming the executor `name`; what is wrong with itself is told where it is."""
    if name in configured:
        return
    kind = user.type_by_name(name)
    if not kind:
        there = user.names(configured)
        hint = f"{did_you_mean(name, there)}the executors: {', '.join(there)}"
        yield Finding(at, f"{field}: {name!r} is no executor", hint, field, name)
        return
    for complaint in _complaints(kind, {}, ()):
        hint = f"configure it: agents.executors.{name}, of type {kind}, with its settings"
        yield Finding(at, f"{field}: {name!r} can't be used: {complaint.message}", hint, field, name)


def _complaints(kind: str, settings: Mapping[str, object], words: tuple[str, ...]) -> list[Complaint]:
    try:
        return complaints(kind, settings, words)
    except catalog.BrokenExecutor as fault:
        return [Complaint(("type",), str(fault))]


# -- helpers ---------------------------------------------------------------------------------------


def _executors(held: Document) -> dict[str, dict[str, Any]]:
    """The executors of a file that may be wrong in any way: those that are mappings."""
    given = _mapping(_mapping(held.value.get("agents")).get("executors"))
    return {name: executor for name, executor in given.items() if isinstance(executor, dict)}


def _words(value: object) -> tuple[str, ...]:
    """A list of texts; empty where it is none, which the schema tells."""
    held = value if isinstance(value, list) else []
    return tuple(held) if all(isinstance(word, str) for word in held) else ()


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _at(value: Any, path: Path) -> object:
    """What stands at a path; None where nothing does."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part]
        else:
            return None
    return value


def _dotted(path: Path) -> str:
    words = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return words.removeprefix(".")
