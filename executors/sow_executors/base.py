"""What an executor owes: what to run, and what a line of its output means.

An executor starts no process and reads no file of sow's. It turns a `Turn`
into a `Command`, and the lines that the command prints into `Report`s. So a
spawn and a resume are values: tested with strings, logged, shown before they
are run.

    Turn --> Executor.spawn | resume | attach --> Command --> (a runner)
    lines --> Reader.read --> Report, Report, ... --> Reader.end --> Finished | Failed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from sow_executors.deferral import Verdict
from sow_executors.kinds import Kind as Kind
from sow_executors.spent import Spent as Spent

SessionIds = Literal["ours", "theirs", "none"]
"""Who chooses a session's id: sow (before the start), the CLI (told in its output), nobody."""


@dataclass(frozen=True, slots=True)
class Tools:
    """A server of tools (Model Context Protocol, on its standard streams) that is offered to the agent."""

    name: str
    """What it is called by the CLI, and the names of its tools begin with."""
    argv: tuple[str, ...]
    """The server's program, by its absolute path, and its arguments."""
    env: Mapping[str, str] = field(default_factory=dict)
    """All that the server needs to know: not every CLI passes its own environment on."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One prompt for one agent in one folder: all that an executor may know of the work."""

    prompt: str
    """What the agent is told. Any length, any character; empty where a `verdict` is all there is to tell."""
    folder: str
    """Absolute path of the worktree in which the agent works; it exists."""
    scratch: str
    """Absolute path of the attempt's own folder; it exists before the command runs."""
    session_id: str | None = None
    """The id to open or to resume; None where the CLI mints one at a spawn or keeps no sessions."""
    role: str = ""
    task_id: str = ""
    settings: Mapping[str, object] = field(default_factory=dict)
    """`yolo_mode`, `model` and the executor's own keys, as the user configured them."""
    custom_args: tuple[str, ...] = ()
    """Arguments of the user's, put behind ours."""
    params: Mapping[str, object] = field(default_factory=dict)
    """The task's own parameters."""
    writable: tuple[str, ...] = ()
    """Absolute folders outside `folder` that the agent may write."""
    allowed_commands: tuple[str, ...] = ("sow",)
    """Shell commands, by their first words, that run without being asked for even when `yolo_mode` is off."""
    grace_seconds: float = 8.0
    """How long the command has after a SIGTERM before it is killed."""
    verdict: Verdict | None = None
    """What a person said to the call at which the session has stopped."""
    granted: tuple[str, ...] = ()
    """Scopes of calls (see `deferral`) that a person allowed for the whole task."""
    late_answers: tuple[str, ...] = ()
    """Inboxes (see `inbox`) with answers about permissions that came when those who had asked were gone.
    Each holds for the next request like it, once."""
    tools: Tools | None = None
    """A server whose tools the agent may call without being asked; only for who `extras.OffersTools`."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a runner runs: no shell reads it."""

    argv: tuple[str, ...]
    folder: str
    stdin: str | None = None
    """Text for standard input; None gives an empty one, never an open pipe."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables set for this command, on top of what the runner lets through."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files, by absolute path below the turn's `scratch`, that must stand there before the start."""


@dataclass(frozen=True, slots=True)
class Started:
    """The CLI is up and named its session."""

    session_id: str
    model: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """The agent said something to whoever reads along."""

    text: str
    turn: str = field(default="", compare=False)
    """The exchange with the model in which it was said, by an id; empty where the CLI tells none."""


@dataclass(frozen=True, slots=True)
class Used:
    """The agent called a tool; it stays open until its `Returned`."""

    tool: str
    detail: str = ""
    """One line: the command, the path, what a person wants to see of the call."""
    call: str = ""
    """The call's id, empty where the CLI gives none."""
    turn: str = field(default="", compare=False)
    """The exchange with the model in which it was called, as of `Said`."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A tool call came back."""

    call: str
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Denied:
    """The CLI refused the agent a tool."""

    tool: str
    detail: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The agent asked a person something in a way of the CLI's own."""

    question: str
    options: tuple[str, ...] = ()
    kind: Literal["question", "permission"] = "question"
    held: str = ""
    """The request's name in the attempt's inbox, where its process lives on and waits for the answer."""
    crowded: bool = False
    """The session has stopped at a call that others came behind: resumed, it would lose the call's result."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The process that held a question goes on: it was answered, or nobody did so in time."""

    held: str
    text: str = ""
    """The answer as it was heard; empty where none came."""


@dataclass(frozen=True, slots=True)
class Limited:
    """The account's limit: a warning, or a rejection."""

    status: Literal["warning", "rejected"]
    resets_at: float | None = None
    """Seconds since the epoch, where the CLI says so."""
    limit: str = ""
    """Its name, as the CLI has it."""
    used: float | None = None
    """How much of it is used, in percent, where the CLI says so."""
    threshold: float | None = None
    """The mark, in percent, that was passed, where the CLI names one."""
    model: str = ""
    """A word in the names of the models that it is for; empty where it is for all."""


@dataclass(frozen=True, slots=True)
class Retried:
    """The CLI tries again by itself."""

    attempt: int
    reason: str
    delay_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Finished:
    """The turn came to its end; `text` is the last word of the agent."""

    text: str = ""
    turns: int = 0


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn did not come to its end."""

    kind: Kind
    message: str
    resets_at: float | None = None


Report = (
    Started
    | Said
    | Used
    | Returned
    | Denied
    | Asked
    | Answered
    | Spent
    | Limited
    | Retried
    | Finished
    | Failed
)


class Reader(Protocol):
    """Understands the output of one attempt: fed every line, asked once at the end."""

    def read(self, line: str) -> list[Report]:
        """What one line of standard output means; [] for noise. Never raises.

        A line that tells the end gives `Finished` or `Failed` at once: a program that
        then lives on is ended after a while.
        """
        ...

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        """How the attempt ended, from all that was read. Exit codes are a hint, never the proof.

        `exit_code` is negative for a signal and None where it is lost; `stderr`
        is the tail of standard error.
        """
        ...


class Executor(Protocol):
    """How one agent CLI is run and understood. One object, no state."""

    name: str
    """The type's name in configuration: `claude`, `cursor` ..."""
    ids: SessionIds
    environment: tuple[str, ...]
    """Variables of the user's that the CLI needs, as glob patterns (`ANTHROPIC_*`)."""

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        """The names or paths under which the binary is looked for, best first."""
        ...

    def accepts(self, session_id: str) -> bool:
        """Whether the CLI can take this id; if not, a new one is made at the first start."""
        ...

    def spawn(self, turn: Turn) -> Command:
        """The command that opens a session (with `turn.session_id` where ids are ours)."""
        ...

    def resume(self, turn: Turn) -> Command:
        """The command that goes on with `turn.session_id`."""
        ...

    def attach(self, turn: Turn) -> Command:
        """The command that opens the same session for a person on a terminal."""
        ...

    def reader(self, session_id: str | None) -> Reader:
        """A fresh reader for one attempt; `session_id` is the one it must be about."""
        ...


class BadSettings(ValueError):
    """A setting of the user's that this executor can't work with; the message names it."""

    def __init__(self, message: str, key: str = "") -> None:
        """`key`: the setting, or `custom_args`; empty where several don't fit together."""
        super().__init__(message)
        self.key = key
