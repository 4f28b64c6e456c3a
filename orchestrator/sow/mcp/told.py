"""What tools give, as values whose types are the schemas of their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sow.api import artifacts
from sow.task import Task


@dataclass(frozen=True, slots=True)
class Brief:
    """A task in a few words."""

    id: str
    name: str
    status: str
    agent: str
    phase: str
    iteration: int
    question: str | None = None
    """What it waits for a person to answer."""
    options: tuple[str, ...] = ()
    """The answers that were named for it."""

    @classmethod
    def of(cls, task: Task) -> Brief:
        """Those of a state."""
        asked = task.question
        return cls(
            task.id, task.name, task.status, task.assigned_agent, task.phase, task.iteration,
            asked["text"] if asked else None, tuple(asked.get("options", ())) if asked else (),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Done:
    """A task after something was done with it."""

    task: Brief
    note: str
    """What follows from it."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was to be done better, of one iteration."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """A task with all that is known of it."""

    state: dict[str, Any]
    """The document of its state."""
    description: str
    feedback: tuple[Feedback, ...]
    used: dict[str, Any]
    """Money, tokens, processor time (seconds) and memory (bytes) of its agents so far."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a question."""

    answer: str | None
    """None where nobody has answered yet."""
    by: str | None
    note: str
    """What to do next."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What became of an approval."""

    task: Brief
    how: str
    """`merged`, `nothing to merge`, `conflict`, `check failed` or `blocked`."""
    commit: str | None
    files: tuple[str, ...]
    """Those in conflict, or in the way."""
    detail: str


@dataclass(frozen=True, slots=True)
class Turn:
    """How one turn of one task ended, or that it has begun."""

    task: Brief
    running: bool
    """Whether its agent is still at work."""
    note: str


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended, or that it goes on."""

    running: bool
    """Whether it goes on behind this call."""
    done: bool
    """Whether every task is completed or abandoned."""
    waits: tuple[str, ...]
    """The ids of tasks that wait for a person's word."""
    tasks: tuple[Brief, ...]
    spent_usd: float | None = None
    """Where it had a budget."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened."""

    ts: str
    type: str
    task: str | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Way:
    """A transition out of the project's state."""

    event: str
    target: str
    description: str
    blocked: bool
    requires: list[str]
    unmet: list[dict[str, str]]
    """What bars it: `guard`, `detail`, and the `remedy`."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of a project, and what leads out of it."""

    state: str
    transitions: list[Way]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a phase or a task takes in or brings out."""

    index: int | None
    """Its place in the list; None where the report of it was only laid down."""
    type: str
    path: str
    approved: bool
    metadata: dict[str, Any] | None = None
    note: str | None = None
    """What is good to know of it."""

    @classmethod
    def of(cls, held: artifacts.Artifact) -> Artifact:
        """That one of the API's."""
        one = held.document
        return cls(held.index, one["type"], one["path"], one["approved"], one.get("metadata"))


@dataclass(frozen=True, slots=True)
class Project:
    """A project in a line."""

    name: str
    branch: str
    state: str
    tasks: int
    folder: str


@dataclass(frozen=True, slots=True)
class Begun:
    """A project that was made."""

    name: str
    type: str
    branch: str
    folder: str
    notes: tuple[str, ...]
