"""The stages of a task: how each is configured, and what does it.

    <repository>/.sow/config.yaml  stages.<name>     widest
    workspace/config.yaml          stages.<name>
    the task's config_snapshot     stages.<name>     has the last word

A handler starts no process: it says what to run, and what a line of output and the end mean.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

import sow_schemas
from sow import caps, document, find
from sow.caps import Cap, Caps, Reached
from sow.config import RepositoryConfig
from sow.document import Document, faults
from sow.errors import NotFound, Refused
from sow.nearest import did_you_mean
from sow.taskfiles.task_file import TaskFile
from sow.taskfiles.workspace import Workspace
from sow_executors.base import Command

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from sow_schemas import documents

GROUP = "sow.stages"
"""The entry point group of handlers of other people's."""

HANDLERS: dict[str, str] = {
    "agent": "sow.taskfiles.agent:Agent",
    "python": "sow.taskfiles.handlers:Python",
    "shell": "sow.taskfiles.handlers:Shell",
}
"""Handler names in configuration, and the class that is it."""

SCHEMA = "workspace_config"


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of one task, with all that a handler may know: paths are absolute."""

    name: str
    config: Mapping[str, Any]
    """Its entry under `stages`."""
    task_id: str
    run_id: str | None
    input: Mapping[str, Any]
    output: Mapping[str, str | None]
    snapshot: Mapping[str, Any]
    """The task's `config_snapshot`."""
    root: str
    """Where the command runs."""
    workspace: str
    tmp: str
    """A folder of the task's own, for what is needed meanwhile."""
    scratch: str
    """A folder of this stage's own, which bears its process's output."""
    session: str = ""
    """What an earlier attempt, which met a limit, told of where it is to be gone on with; empty for none."""
    stem: str = ""
    """The name of the task's file without its ending, by which a person lets it try in spite of a limit."""
    begun_at: float = 0.0
    """When this attempt began, in seconds since the epoch; 0 before that."""
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    """The variables of whoever has it run."""

    @property
    def values(self) -> dict[str, Any]:
        """What placeholders stand for."""
        return {
            "input": self.input, "output": self.output, "config": self.snapshot, "task_id": self.task_id,
            "run_id": self.run_id, "stage": self.name, "tmp": self.tmp, "workspace": self.workspace,
            "root": self.root,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """What is run for a stage."""

    command: Command
    environment: Mapping[str, str]
    """All of it."""
    writes: tuple[str, ...] = ()
    """The outputs, by kind, that must be there when it has ended well."""
    seconds: float | None = None
    """How long it may take, whatever `timeout_seconds` says; None for as long as it likes."""
    overdue: str = ""
    """What is told where it takes longer than that."""
    memory: Cap | None = None
    """The most that its processes may hold together; None for as much as they like."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A stage got on."""

    progress: float
    """From 0 to 1."""
    msg: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A stage did not end well."""

    error: str
    stack: str = ""
    """Where in a program, or what it printed; empty where that is not known."""


@dataclass(frozen=True, slots=True)
class Limited:
    """A stage met a limit that ends by itself: it is begun again after that, and has not failed."""

    error: str
    resets_at: float | None = None
    """Seconds since the epoch; None where nobody says when."""
    session: str = ""
    """Whatever the next attempt needs to go on where this one was; empty to begin anew."""
    account: str = ""
    """The account whose limit it is, where that is noted for all who draw on it; empty where it isn't."""
    model: str = ""
    """The model that the agent is set to: a limit may be for some of them."""


@dataclass(frozen=True, slots=True)
class Over:
    """A stage has come to its end, well or not: a process that lives on is ended after a while."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What an attempt at a stage has spent by now, as its program tells."""

    usd: float


@dataclass(frozen=True, slots=True)
class Warns:
    """A limit of what a stage draws on is nearly used up; of several that hear of it, one says so."""

    text: str


Heard = Progress | Failure | Over | Spent | Warns


@dataclass(frozen=True, slots=True)
class Hold:
    """What a stage waits for before it may be begun, or gone on with."""

    until: float
    """Seconds since the epoch."""
    why: str
    """The limit; empty where stages only begin one after the other for a while."""
    session: str = ""
    """Where the stage is to be gone on with, for its handler."""
    account: str = ""
    """The account whose limit it is: it may be over sooner. Empty where that is not to be known."""
    model: str = ""
    """The model that the stage's agent is set to."""
    hold_at: float | None = None
    """From how many percent on a warning holds it, too; None for never."""
    over: str = ""
    """The limit that is over, where stages only begin one after the other for a while."""
    over_until: float = 0.0
    """How long they do."""


class Reader(Protocol):
    """Understands the output of one stage."""

    def read(self, line: str) -> list[Heard]:
        """What one line of standard output tells; [] for nothing. A Failure ends the stage. Never raises."""
        ...

    def end(self, status: int | None, stderr: str) -> Failure | Limited | None:
        """How the stage ended: None for well.

        `status`: the exit code, negative for a signal, None where it is lost; `stderr`: its end.
        """
        ...


class Handler(Protocol):
    """How stages of one kind are done. One object, no state."""

    def check(self, config: Mapping[str, Any]) -> None:
        """Raises Refused where an entry under `stages` lacks something or is wrong."""
        ...

    def start(self, stage: Stage) -> Start:
        """What to run. Raises SowError where it can't be said."""
        ...

    def reader(self, stage: Stage) -> Reader:
        """A fresh reader for one stage."""
        ...


@runtime_checkable
class Shares(Protocol):
    """What a handler has besides, whose stages draw on something that others use up as well: an account."""

    def hold(self, stage: Stage) -> Hold | None:
        """What a start of the stage would wait for; None where it may begin. Changes nothing."""
        ...

    def take(self, stage: Stage) -> Hold | None:
        """Takes the leave to begin the stage, in its turn among all processes; what it waits for, else."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """A workspace's settings, read from its `config.yaml` and its repository's."""

    stages: Mapping[str, documents.Stage] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    """Where stages are looked for, the nearest first."""
    jobs: int = 1
    keep_tmp: documents.KeepTmp = "failed"
    keep_runs: documents.KeepRuns = "always"
    stale_lock_seconds: float = 60.0
    grace_seconds: float = 8.0

    @classmethod
    def read(cls, workspace: Workspace) -> Settings:
        """Raises Refused for a bad file, with the line."""
        known, held = configured(workspace.config)
        if not sow_schemas.valid(SCHEMA, known):
            raise faults.refusal(SCHEMA, known, workspace.config, held)
        place = find.maybe_place(workspace.root)
        wide = RepositoryConfig.read(place.main).stages if place else {}
        default = cls()
        return cls(
            merged(wide, known.get("stages", {})),
            (workspace.config, *([f"{place.main}/.sow/config.yaml"] if place else [])),
            known.get("jobs", default.jobs),
            known.get("keep_tmp", default.keep_tmp),
            known.get("keep_runs", default.keep_runs),
            known.get("stale_lock_seconds", default.stale_lock_seconds),
            known.get("grace_seconds", default.grace_seconds),
        )

    def of(self, task: TaskFile) -> dict[str, documents.Stage]:
        """The stages of a task's pipeline that it does not pass over, each checked with its handler.

        Raises Refused and NotFound for what is configured badly or nowhere.
        """
        own = task.snapshot.get("stages", {})
        check_stages(own, task)
        stages = merged(self.stages, own)
        pipeline = task.fields["pipeline"]
        if twice := next((name for name in pipeline if pipeline.count(name) > 1), ""):
            raise Refused(
                f"stage {twice} stands in the pipeline twice", "give the second one a name of its own"
            )
        found = {name: self.entry(name, stages) for name in pipeline if not skipped(name, task, stages)}
        for name, config in found.items():
            check(name, config)
        return found

    def entry(self, name: str, stages: Mapping[str, documents.Stage]) -> documents.Stage:
        """The entry of a stage among all that hold for a task. Raises NotFound."""
        if name in stages:
            return stages[name]
        where = " or ".join((*self.files, "the task's config_snapshot"))
        raise NotFound(
            f"stage {name} is configured nowhere",
            f"{did_you_mean(name, stages)}say how it is done under stages.{name} in {where}",
        )


def caps_of(name: str, config: Mapping[str, Any]) -> Caps:
    """The caps that the entry of a stage has itself."""
    return caps.read(config.get("caps", {}), lambda cap: f"stages.{name}.caps.{cap}")


def capped(found: Reached, who: str = "it") -> str:
    """What is told of a stage that was ended at a cap."""
    return f"{who} was ended at a cap ({found.kind}): {found.fact}; it is set in {found.cap.source}"


def merged(
    wide: Mapping[str, documents.Stage], near: Mapping[str, documents.Stage]
) -> dict[str, documents.Stage]:
    """Both, the nearer one key by key before the wider; as a whole where it names a handler of its own."""
    found: dict[str, Any] = {**wide}
    for name, config in near.items():
        found[name] = config if "handler" in config else {**wide.get(name, {}), **config}
    return found


def skipped(name: str, task: TaskFile, stages: Mapping[str, documents.Stage]) -> str:
    """The setting that has a stage passed over; empty where it is to be done."""
    own = task.snapshot.get(name)
    if isinstance(own, dict) and own.get("enabled") is False:
        return f"config_snapshot.{name}.enabled"
    return f"stages.{name}.enabled" if stages.get(name, {}).get("enabled") is False else ""


def check_stages(own: Any, task: TaskFile) -> None:
    """Raises Refused where the `stages` of a task's `config_snapshot` are not as their schema has them."""
    value = {"stages": own}
    if sow_schemas.valid(SCHEMA, value):
        return
    first = sow_schemas.problems(SCHEMA, value)[0]
    line, _ = task.held.line(("config_snapshot", *first.path))
    raise Refused(f"{task.path}:{line}: config_snapshot.{first.where}: {first.message}", first.hint)


def configured(path: str) -> tuple[dict[str, Any], Document]:
    """What a workspace's `config.yaml` says of what is known here, and all of it. Raises BadFile."""
    try:
        held = document.read_file(path)
    except FileNotFoundError:
        held = Document("", {}, False, path)
    known = sow_schemas.fields(SCHEMA)
    return {key: part for key, part in held.value.items() if key in known and part is not None}, held


def check(name: str, config: documents.Stage) -> None:
    """Raises Refused or NotFound where an entry under `stages` can't be done by its handler."""
    if "handler" not in config:
        hint = f"add it: stages.{name}.handler, one of {', '.join(names())}"
        raise Refused(f"stages.{name}: no handler is named", hint)
    try:
        handler(config["handler"]).check(config)
    except Refused as fault:
        raise Refused(f"stages.{name}: {fault}", fault.hint) from fault


# -- the registry ----------------------------------------------------------------------------------


def names() -> Sequence[str]:
    """The handlers that can be configured, ours and others'."""
    return sorted({*HANDLERS, *_installed()})


def handler(name: str) -> Handler:
    """The handler of that name. Raises NotFound, and Refused where one of somebody else's can't be loaded."""
    if name in HANDLERS:
        module, _, attribute = HANDLERS[name].partition(":")
        return cast(Callable[[], Handler], getattr(import_module(module), attribute))()
    others = _installed()
    if name not in others:
        raise NotFound(
            f"no stage handler is called {name}",
            f"{did_you_mean(name, names())}the handlers: {', '.join(names())}",
        )
    try:
        return cast(Callable[[], Handler], others[name].load())()
    except Exception as error:
        raise Refused(
            f"stage handler {name} ({others[name].value}) can't be loaded: {error}",
            "mend or remove that package",
        ) from error


@cache
def _installed() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP) if point.name not in HANDLERS}
