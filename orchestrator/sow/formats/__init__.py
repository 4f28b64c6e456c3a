"""Other task systems: what their files say of a task, and the formats that read and write them.

    text --Format.read--> Record --Format.wanted--> Wanted --planning--> a task, new or changed
    task --Format.given--> raw record --Format.written--> text

A record is told in the words of its own system (`raw`), so that two of them can be compared key by key.
What a task can't hold by itself stays in its `metadata.source.extras`, and is given back in the same words
for as long as they still mean what the task says.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sow.errors import Refused
from sow.task import Task

if TYPE_CHECKING:
    from sow_schemas import documents

Raw = Mapping[str, Any]
"""A record as its own system keeps it."""

IMPORT = "import"
"""Who asks, where an imported task is paused as it came."""


@dataclass(frozen=True, slots=True)
class Record:
    """One task of another system."""

    id: str
    place: str
    """Where a person finds it: `tasks[3]`, `line 12`."""
    raw: Raw


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be taken, and why."""

    id: str
    place: str
    reason: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds."""

    records: tuple[Record, ...]
    rejected: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a task stands by the word of its record."""

    status: documents.Status
    question: str = ""
    """Why it is paused; empty for any other status."""
    kind: documents.QuestionKind = "question"
    result: documents.Result | None = None
    error: documents.TaskError | None = None
    not_before: str = ""
    """RFC 3339, of a task that starts no earlier; empty where nothing holds it back."""
    ended_at: str = ""
    """RFC 3339; empty where it has not ended, or nobody knows when."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a record asks a task to be."""

    name: str
    description: str
    agent: str
    standing: Standing
    source: Mapping[str, Any]
    """What the task keeps of its origin, in `metadata.source`."""
    task_type: str | None = None
    params: dict[str, Any] | None = None
    priority: documents.Priority | None = None
    depends_on: tuple[str, ...] = ()
    """In the ids of the other system."""
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A task of the project with what a format needs to tell of it."""

    task: Task
    description: str
    ids: Mapping[str, str] = field(default_factory=dict)
    """The other system's ids of the project's tasks, by ours."""

    def source(self, system: str) -> Mapping[str, Any]:
        """Where the task came from, if it was from `system`; else nothing."""
        return source_of(self.task, system)


class Format(Protocol):
    """How one task system's files are read and written."""

    name: str
    """As `--format` and `metadata.source.system` have it."""
    groups: tuple[tuple[str, ...], ...]
    """Keys of a record that change together or not at all."""
    in_place: bool
    """Whether a file is somebody's own text, in which an export says no more than what is done."""
    is_one: bool
    """Whether a file holds one record, and has no place for another."""
    soft: frozenset[str]
    """Keys that follow others, times above all, and are never a reason for a conflict."""

    def fits(self, path: str, text: str) -> bool:
        """Whether a file is one of this format, by its name and its text."""
        ...

    def read(self, path: str, text: str, base: Mapping[str, Raw]) -> Reading:
        """The records of a file. `base`: those that it had when it was last read. Raises Refused for none."""
        ...

    def wanted(self, raw: Raw, routes: Routes, at: str) -> Wanted:
        """What a record asks a task to be. Raises Refused where it can't be taken."""
        ...

    def given(self, held: Held, routes: Routes) -> dict[str, Any]:
        """The record of a task."""
        ...

    def id_of(self, task: Task) -> str:
        """The id that a task has in this system: that with which it came, or one made of ours."""
        ...

    def status(self, raw: Raw) -> str:
        """The status of a record in the one word for it."""
        ...

    def check_step(self, before: str, after: str, *, summed: bool) -> None:
        """Raises Refused where a record's status can't go from one to the other.

        `summed`: whether several steps may have been made since it was looked at.
        """
        ...

    def written(self, text: str, raws: Mapping[str, Raw]) -> str:
        """A file's text with these records, by id, in their places, new ones behind; the rest as it was."""
        ...


# -- who does what ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TaskType:
    """What the repository's settings say of a type of task."""

    agent: str
    params: Mapping[str, Any] | None = None
    """The JSON Schema of its parameters; None for anything."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Which agent does a task of another system."""

    roles: tuple[str, ...]
    """The agents there are."""
    types: Mapping[str, TaskType] = field(default_factory=dict)
    agents: Mapping[str, str] = field(default_factory=dict)
    """Agents of other systems, each with who that is here."""
    default: str = ""
    """Who does what has no type that is known; empty for nobody."""

    def agent(self, target: str | None, task_type: str | None) -> str:
        """Who does a task: the one that it names, else the one for its type. Raises Refused for nobody."""
        if target:
            return self._known(self.agents.get(target, target), f"target_agent: {target!r}")
        if task_type is not None and task_type in self.types:
            return self._known(self.types[task_type].agent, f"task_type {task_type!r}: agent")
        if self.default:
            return self._known(self.default, "the agent for the rest")
        if task_type in self.roles:
            return task_type
        raise Refused(
            f"task_type: {task_type!r} has no agent here",
            "say who does it, under `task_types` in .sow/config.yaml, or for all such tasks: --agent A",
        )

    def fallback(self) -> str:
        """Who is named for a task that nobody here is to start as it is."""
        return self.default if self.default in self.roles else "implementer"

    def check(self, task_type: str | None, params: object) -> None:
        """Raises Refused where parameters are not as their type wants them."""
        schema = self.types[task_type].params if task_type is not None and task_type in self.types else None
        if schema is None:
            return
        from sow_schemas import explain

        try:
            problems = explain.find_by(schema, {} if params is None else params)
        except explain.Unreachable as fault:
            raise Refused(
                f"task_type {task_type!r}: its schema for params can't be used: {fault}",
                "mend it under `task_types` in .sow/config.yaml",
            ) from fault
        if problems:
            first = problems[0]
            field_ = f"params.{first.where}" if first.where else "params"
            raise Refused(f"{field_}: {first.message}", first.hint)

    def _known(self, agent: str, what: str) -> str:
        if agent in self.roles:
            return agent
        raise Refused(
            f"{what} is no agent here" if agent in what else f"{what} {agent!r} is no agent here",
            "say who that is, under `formats.agents` in .sow/config.yaml, or describe it in"
            f" .sow/agents/; the agents here: {', '.join(self.roles)}",
        )


def own_id(task: Task) -> str:
    """An id for a task in a system where it has none: always the same, and a UUID."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"sow:{task.id}:{task.created_at}"))


def id_in(task: Task, system: str) -> str:
    """The id with which a task came from `system`, or one of its own."""
    return str(source_of(task, system).get("id") or own_id(task))


def source_of(task: Task, system: str) -> Mapping[str, Any]:
    """What a task keeps of `system`, where it came from there or is told there; else nothing."""
    metadata = task.metadata or {}
    there = metadata.get("sources")
    for held in (metadata.get("source"), there.get(system) if isinstance(there, dict) else None):
        if isinstance(held, dict) and held.get("system") == system and isinstance(held.get("id"), str):
            return held
    return {}


def with_source(metadata: Mapping[str, Any] | None, source: Mapping[str, Any]) -> dict[str, Any]:
    """A task's metadata with what it keeps of a system; where it came from stays what it is."""
    held = dict(metadata or {})
    came = held.get("source")
    if not isinstance(came, dict) or came.get("system") == source["system"]:
        return {**held, "source": dict(source)}
    there = held.get("sources")
    return {**held, "sources": {**(there if isinstance(there, dict) else {}), source["system"]: dict(source)}}
