"""Project types: the statechart of a project, its phases and prompts, read from YAML as data.

    .sow/types/<name>.yaml     the user's own; one that has a built-in one's name stands for it
    <this folder>/<name>.yaml  standard, exploration, design, breakdown
    .sow/project/type.yaml     the type as it was when the project began: what holds for it

A type is checked as a whole when it is read, so that no command meets half of one; its JSON Schemas, whose
check is slow, when a project begins with it and when they are used.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import sow_schemas
from sow import document
from sow.document import Document, faults
from sow.errors import BadFile, NotFound, Refused
from sow.nearest import did_you_mean

BUILT_IN = ("standard", "exploration", "design", "breakdown")
"""The types that come with sow; the first is that of a project which asks for no other."""

STATUSES = ("pending", "in_progress", "completed", "failed", "skipped")
"""The statuses that every phase may have; a type adds its own."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class MetadataIs:
    """A field of a phase's metadata has a value."""

    text: str
    phase: str
    field: str
    equals: object


@dataclass(frozen=True, slots=True)
class TasksAre:
    """There are so many tasks in a phase, each in one of some statuses, so many completed."""

    text: str
    phase: str
    at_least: int = 0
    all: tuple[str, ...] = ()
    completed: int = 0


@dataclass(frozen=True, slots=True)
class ArtifactsAre:
    """There is an artifact of a type in a phase, and all, any or the newest of them are as they should be."""

    text: str
    phase: str
    type: str
    of: Literal["inputs", "outputs"] = "outputs"
    which: Literal["all", "any", "newest"] = "all"
    this_iteration: bool = False
    approved: bool | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TaskMetadataIs:
    """A field of the metadata of each task in some statuses has a value."""

    text: str
    phase: str
    field: str
    equals: object
    statuses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DependenciesHold:
    """Whatever a phase's tasks depend on is there, and none depends on itself by way of others."""

    text: str
    phase: str


Guard = MetadataIs | TasksAre | ArtifactsAre | TaskMetadataIs | DependenciesHold

_GUARDS: dict[str, Any] = {
    "metadata": MetadataIs,
    "tasks": TasksAre,
    "artifacts": ArtifactsAre,
    "task_metadata": TaskMetadataIs,
    "dependencies": DependenciesHold,
}
"""A guard's key in the type's file, and what it is read as."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What becomes of a phase together with a change of state."""

    phase: str
    enter: bool = False
    status: str | None = None
    metadata: Mapping[str, object] = field(default_factory=dict)
    carry: tuple[str, str] | None = None
    """The type of an artifact, and the phase that takes its newest one in."""


@dataclass(frozen=True, slots=True)
class Transition:
    """One way out of a state."""

    event: str
    target: str
    description: str = ""
    guards: tuple[Guard, ...] = ()
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """One state of a statechart."""

    name: str
    phase: str | None
    prompt: str
    transitions: tuple[Transition, ...]

    def transition(self, event: str) -> Transition | None:
        """The way out that an event takes; None where it has none here."""
        return next((way for way in self.transitions if way.event == event), None)


@dataclass(frozen=True, slots=True)
class Phase:
    """What a type says of one phase."""

    name: str
    tasks: bool = False
    inputs: tuple[str, ...] = ()
    """The types of artifacts that it takes in; empty for any."""
    outputs: tuple[str, ...] = ()
    statuses: tuple[str, ...] = STATUSES
    metadata: Mapping[str, Any] | None = None
    """The JSON Schema of its metadata; None for anything."""
    task_metadata: Mapping[str, Any] | None = None
    artifact_field: str | None = None
    """The field of a task's metadata that names the artifact which its completion approves."""


@dataclass(frozen=True, slots=True)
class ProjectType:
    """A type of project, checked as a whole."""

    name: str
    description: str
    branch_prefixes: tuple[str, ...]
    initial_state: str
    initial_event: str | None
    initial_effects: tuple[Effect, ...]
    final: tuple[str, ...]
    phases: Mapping[str, Phase]
    states: Mapping[str, State]
    text: str
    """The file as it was read: what a project keeps of its type."""

    def state(self, name: str) -> State:
        """The state of that name. Raises Refused for one that the type does not have."""
        if name in self.states:
            return self.states[name]
        raise Refused(
            f"failed to load project: its state {name!r} is none of type {self.name}",
            f"the states of that type: {', '.join(self.states)}; mend statechart.current_state in state.yaml",
        )

    def phase(self, name: str) -> Phase:
        """The phase of that name. Raises NotFound for one that the type does not have."""
        if name in self.phases:
            return self.phases[name]
        raise NotFound(f"phase not found: {name}", f"the phases of this project: {', '.join(self.phases)}")

    def with_tasks(self) -> list[str]:
        """The names of the phases that may have tasks."""
        return [name for name, phase in self.phases.items() if phase.tasks]

    def events(self) -> list[str]:
        """All events of all states, each once."""
        return list(dict.fromkeys(way.event for state in self.states.values() for way in state.transitions))


# -- finding ---------------------------------------------------------------------------------------


def names(main: str) -> tuple[str, ...]:
    """The types that a project can have here: the built-in ones, then the repository's own."""
    try:
        own = [name[:-5] for name in sorted(os.listdir(_folder(main))) if name.endswith(".yaml")]
    except (FileNotFoundError, NotADirectoryError):
        own = []
    return (*BUILT_IN, *(name for name in own if name not in BUILT_IN))


def broken(main: str) -> Iterator[tuple[str, Refused]]:
    """The repository's own types that can't be used: the file of each, and what is wrong with it."""
    for name in names(main):
        path = f"{_folder(main)}/{name}.yaml"
        try:
            if os.path.lexists(path):
                named(name, main)
        except Refused as fault:
            yield path, fault


def named(name: str, main: str) -> ProjectType:
    """The type of that name: the repository's own, else the built-in one.

    `main`: the top of the main checkout. Raises NotFound, or Refused for a bad file.
    """
    path = f"{_folder(main)}/{name}.yaml"
    if _NAME.fullmatch(name) and os.path.exists(path):
        found = read(document.read_file(path), path, schemas=True)
        if found.name != name:
            raise BadFile(
                path, f"name is {found.name!r}, and the file says {name!r}", f"make its name {name}"
            )
        return found
    if name in BUILT_IN:
        return built_in(name)
    known = names(main)
    hint = f"{did_you_mean(name, known)}the types: {', '.join(known)}"
    raise NotFound(f"project type not found: {name or 'its name is empty'}", hint)


def for_branch(branch: str, main: str) -> ProjectType:
    """The type that the prefix of a branch asks for: the longest that fits, else the standard one.

    Raises Refused where one of the repository's own types is broken.
    """
    try:
        every = [named(name, main) for name in reversed(names(main))]
    except Refused as fault:
        # Which prefixes it asks for nobody can tell.
        raise Refused(str(fault), f"{fault.hint}; or say which type it is to be: --type T") from fault
    fitting = [
        (len(prefix), held) for held in every for prefix in held.branch_prefixes if branch.startswith(prefix)
    ]
    # Of two that fit equally well, the repository's own: it comes first.
    return max(fitting, key=lambda each: each[0])[1] if fitting else named(BUILT_IN[0], main)


def built_in(name: str) -> ProjectType:
    """The built-in type of that name. Raises KeyError for one that is none."""
    return of(built_in_text(name).encode(), f"the built-in type {name}")


def built_in_text(name: str) -> str:
    """The file of a built-in type. Raises KeyError for one that is none."""
    if name not in BUILT_IN:
        raise KeyError(name)
    # Beside this file: `importlib.resources` would cost more than reading the type.
    with open(f"{os.path.dirname(__file__)}/{name}.yaml", encoding="utf-8") as file:
        return file.read()


def is_built_in(data: bytes) -> bool:
    """Whether `data` is the file of a built-in type, byte for byte: then nothing is wrong with it."""
    folder = os.path.dirname(__file__)
    return any(
        os.path.getsize(f"{folder}/{name}.yaml") == len(data) and built_in_text(name).encode() == data
        for name in BUILT_IN
    )


def _folder(main: str) -> str:
    return f"{main}/.sow/types"


_READ: dict[bytes, ProjectType] = {}
_MOST = 16
"""How many types are kept."""

# -- reading ---------------------------------------------------------------------------------------


def of(data: bytes, where: str) -> ProjectType:
    """The type that `data`, the bytes of a file, describes; `where` names it in messages. Raises Refused.

    It is read once: a type hardly ever changes, and whoever lives longer than a command asks for it often.
    """
    found = _READ.get(data)
    if found is None:
        found = read(document.parse(data, where), where)
        if len(_READ) >= _MOST:
            _READ.clear()
        _READ[data] = found
    return found


def read(held: Document, where: str, *, schemas: bool = False) -> ProjectType:
    """The type in a document. `schemas`: whether its JSON Schemas are looked at, too.

    Raises Refused, with the line, for the first thing that is wrong with it.
    """
    if not sow_schemas.valid("project_type", held.value):
        raise faults.refusal("project_type", held.value, where, held)
    found = _parsed(held.value, held.text)
    for path, message, hint in [*_faults(held.value, found), *(_bad_schemas(found) if schemas else ())]:
        line = held.place(path)[0] if path else 0
        raise BadFile(where, message, hint, line=line, field=".".join(map(str, path)))
    return found


def _parsed(value: Mapping[str, Any], text: str) -> ProjectType:
    initial = value["initial"]
    return ProjectType(
        name=value["name"],
        description=value.get("description", ""),
        branch_prefixes=tuple(value.get("branch_prefixes", ())),
        initial_state=initial["state"],
        initial_event=initial.get("event"),
        initial_effects=tuple(_effect(each) for each in initial.get("effects", ())),
        final=tuple(value.get("final", ())),
        phases={name: _phase(name, each) for name, each in value["phases"].items()},
        states={name: _state(name, each) for name, each in value["states"].items()},
        text=text,
    )


def _phase(name: str, value: Mapping[str, Any]) -> Phase:
    return Phase(
        name=name,
        tasks=value.get("tasks", False),
        inputs=tuple(value.get("inputs", ())),
        outputs=tuple(value.get("outputs", ())),
        statuses=(*STATUSES, *value.get("statuses", ())),
        metadata=value.get("metadata"),
        task_metadata=value.get("task_metadata"),
        artifact_field=value.get("completion", {}).get("artifact"),
    )


def _state(name: str, value: Mapping[str, Any]) -> State:
    phase = value.get("phase")
    ways = tuple(
        Transition(
            event=each["event"],
            target=each["target"],
            description=each.get("description", ""),
            guards=tuple(_guard(guard, phase) for guard in each.get("guards", ())),
            effects=tuple(_effect(effect) for effect in each.get("effects", ())),
        )
        for each in value.get("transitions", ())
    )
    return State(name=name, phase=phase, prompt=value.get("prompt", ""), transitions=ways)


def _guard(value: Mapping[str, Any], phase: str | None) -> Any:
    """A guard; one that has no kind, or more than one, is told by `_faults`."""
    kind = next((kind for kind in _GUARDS if kind in value), "dependencies")
    asked = value.get(kind, {})
    given = {key: tuple(held) if isinstance(held, list) else held for key, held in asked.items()}
    return _GUARDS[kind](**{"phase": phase or "", **given, "text": value["text"]})


def _effect(value: Mapping[str, Any]) -> Effect:
    carry = value.get("carry")
    return Effect(
        phase=value["phase"],
        enter=value.get("enter", False),
        status=value.get("status"),
        metadata=value.get("metadata", {}),
        carry=(carry["type"], carry["to"]) if carry else None,
    )


# -- what no schema can tell -----------------------------------------------------------------------

_Fault = tuple[tuple[str | int, ...], str, str]
"""Where, what is wrong there, and what to do about it."""


def _faults(value: Mapping[str, Any], held: ProjectType) -> Iterator[_Fault]:
    """What is wrong with a type that the schema has accepted: names that lead nowhere, above all."""
    for name in held.phases:
        if not _NAME.fullmatch(name):
            hint = "take small letters, digits, dashes and underscores: it is the name of a folder"
            yield ("phases", name), f"{name!r} can't be the name of a phase", hint
    yield from _unknown(("initial", "state"), held.initial_state, held.states, "state")
    for index, name in enumerate(held.final):
        yield from _unknown(("final", index), name, held.states, "state")
    yield from _effect_faults(("initial", "effects"), held.initial_effects, held)
    first = held.states.get(held.initial_state)
    if held.initial_event and first and first.transition(held.initial_event) is None:
        hint = f"give state {held.initial_state} a transition of that name"
        yield ("initial", "event"), f"{held.initial_event!r} is no event of state {held.initial_state}", hint
    for name, state in held.states.items():
        yield from _state_faults(("states", name), value["states"][name], state, held)
    yield from _unreachable(held)


def _state_faults(
    path: tuple[str | int, ...], value: Mapping[str, Any], state: State, held: ProjectType
) -> Iterator[_Fault]:
    if state.phase is not None:
        yield from _unknown((*path, "phase"), state.phase, held.phases, "phase")
    events = [way.event for way in state.transitions]
    for number, way in enumerate(state.transitions):
        here = (*path, "transitions", number)
        if not _NAME.fullmatch(way.event):
            hint = "take small letters, digits, dashes and underscores"
            yield (*here, "event"), f"{way.event!r} can't be the name of an event", hint
        if way.event in events[:number]:
            yield (*here, "event"), f"{way.event!r} stands twice in state {state.name}", "keep one of them"
        yield from _unknown((*here, "target"), way.target, held.states, "state")
        raw = value["transitions"][number].get("guards", ())
        for index, guard in enumerate(way.guards):
            yield from _guard_faults((*here, "guards", index), raw[index], guard, held)
        yield from _effect_faults((*here, "effects"), way.effects, held)


def _guard_faults(
    path: tuple[str | int, ...], value: Mapping[str, Any], guard: Guard, held: ProjectType
) -> Iterator[_Fault]:
    kinds = [kind for kind in _GUARDS if kind in value]
    if len(kinds) != 1:
        what = f"it has {' and '.join(kinds)}" if kinds else "it asks for nothing"
        yield path, f"{guard.text!r} is no guard: {what}", f"give it exactly one of {', '.join(_GUARDS)}"
        return
    if guard.phase == "":
        yield path, f"{guard.text!r} is about no phase", "name one: the state has none of its own"
    else:
        yield from _unknown((*path, kinds[0]), guard.phase, held.phases, "phase")
    if isinstance(guard, ArtifactsAre) and guard.phase in held.phases:
        yield from _artifact_type((*path, kinds[0]), guard.type, held.phases[guard.phase], guard.of)


def _effect_faults(
    path: tuple[str | int, ...], effects: tuple[Effect, ...], held: ProjectType
) -> Iterator[_Fault]:
    for number, effect in enumerate(effects):
        here = (*path, number)
        yield from _unknown((*here, "phase"), effect.phase, held.phases, "phase")
        if effect.phase not in held.phases:
            continue
        phase = held.phases[effect.phase]
        if effect.status is not None:
            yield from _unknown((*here, "status"), effect.status, phase.statuses, "status")
        if effect.carry:
            yield from _artifact_type((*here, "carry"), effect.carry[0], phase, "outputs")
            yield from _unknown((*here, "carry", "to"), effect.carry[1], held.phases, "phase")


def _artifact_type(path: tuple[str | int, ...], name: str, phase: Phase, of: str) -> Iterator[_Fault]:
    known = phase.outputs if of == "outputs" else phase.inputs
    if known:
        yield from _unknown((*path, "type"), name, known, f"type of {of} of phase {phase.name}")


def _bad_schemas(held: ProjectType) -> Iterator[_Fault]:
    from sow.project_types.metadata import schema_fault

    for name, phase in held.phases.items():
        for key, schema in (("metadata", phase.metadata), ("task_metadata", phase.task_metadata)):
            if schema and (fault := schema_fault(schema)):
                yield ("phases", name, key), f"it is no JSON Schema: {fault}", "mend it"


def _unreachable(held: ProjectType) -> Iterator[_Fault]:
    reached, todo = {held.initial_state}, [held.initial_state]
    while todo:
        here = held.states.get(todo.pop())
        for way in here.transitions if here else ():
            if way.target not in reached:
                reached.add(way.target)
                todo.append(way.target)
    for name in held.states:
        if name not in reached:
            yield (
                ("states", name),
                f"no way leads to state {name}",
                "make it a transition's target, or drop it",
            )


def _unknown(
    path: tuple[str | int, ...], name: str, known: Mapping[str, Any] | tuple[str, ...], what: str
) -> Iterator[_Fault]:
    if name not in known:
        yield path, f"{name!r} is no {what}", f"{did_you_mean(name, known)}there are: {', '.join(known)}"
