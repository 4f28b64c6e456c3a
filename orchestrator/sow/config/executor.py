"""An executor as it is configured: a name of the user's, the type behind it, its settings."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sow import caps
from sow.caps import Caps
from sow.errors import NotFound, Refused
from sow_executors import base, catalog, extras

DEFAULT_EXECUTOR = "claude-code"


@dataclass(frozen=True, slots=True)
class ExecutorChoice:
    """An executor that was chosen, and who chose it."""

    name: str
    type: str
    settings: Mapping[str, object] = field(default_factory=dict)
    """Without the caps among them."""
    custom_args: tuple[str, ...] = ()
    source: str = "default"
    """Where it was chosen: the variable, the file with the line, or `default`."""
    caps: Caps = ()
    """How much an attempt of it may use."""


def executor_of(choice: ExecutorChoice) -> base.Executor:
    """The executor that a choice names, with its settings. Raises Refused where they don't fit."""
    try:
        return catalog.get(choice.type, choice.settings)
    except base.BadSettings as fault:
        raise bad_settings(choice.name, fault) from fault
    except (catalog.UnknownExecutor, catalog.BrokenExecutor) as fault:
        raise NotFound(str(fault), "see the executors there are: `sow config show`") from fault


def settings_of_turn(
    executor: base.Executor, settings: Mapping[str, object], held: Caps
) -> dict[str, object]:
    """The settings for a turn: with the caps that its CLI keeps by itself, of those that hold."""
    own = executor.own_caps if isinstance(executor, extras.KeepsCaps) else ()
    return {**settings, **caps.settings(held, own)}


def command_of(
    executor: base.Executor, turn: base.Turn, action: str, path: str, name: str = ""
) -> base.Command:
    """The command of a turn, by the first name of its program that is on `path`.

    `action`: `spawn`, `resume` or `attach`; `name`: what the user calls the executor. Raises Refused where
    the settings don't fit.
    """
    make = {"spawn": executor.spawn, "resume": executor.resume, "attach": executor.attach}[action]
    try:
        command = make(turn)
        names = executor.program(turn.settings)
    except base.BadSettings as fault:
        raise bad_settings(name or executor.name, fault) from fault
    if command.argv[0] not in names:
        return command
    found = next((name for name in names if shutil.which(name, path=path)), command.argv[0])
    return replace(command, argv=(found, *command.argv[1:]))


def bad_settings(name: str, fault: base.BadSettings) -> Refused:
    """The refusal of an executor's settings."""
    return Refused(f"executor {name}: {fault}", "mend it in the file that `sow config path` names")


# -- checking without a task -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an executor says against how it is configured."""

    path: tuple[str | int, ...]
    """The place below the executor, such as `("settings", "model")`."""
    message: str


def complaints(kind: str, settings: Mapping[str, object], custom_args: tuple[str, ...]) -> list[Complaint]:
    """All that the executor of a type says against settings and arguments.

    A setting that it names is left out and the rest tried again, so that one fault
    does not hide the next. Raises catalog.UnknownExecutor and catalog.BrokenExecutor.
    """
    found: list[Complaint] = []
    left = caps.without(settings)  # which the schema has looked at
    while fault := _complaint(kind, left, ()):
        if found and fault.key not in left:
            break  # it may miss just what was left out
        found.append(Complaint(("settings", fault.key) if fault.key else ("settings",), str(fault)))
        if fault.key not in left:
            break
        del left[fault.key]
    return [*found, *_of_arguments(kind, left, custom_args)]


def _of_arguments(kind: str, settings: Mapping[str, object], custom_args: tuple[str, ...]) -> list[Complaint]:
    whole = _complaint(kind, settings, custom_args) if custom_args else None
    if whole is None or whole.key != "custom_args":
        return []
    single = [(index, _complaint(kind, settings, (word,))) for index, word in enumerate(custom_args)]
    found = [Complaint(("custom_args", index), str(fault)) for index, fault in single if fault]
    return found or [Complaint(("custom_args",), str(whole))]


def _complaint(
    kind: str, settings: Mapping[str, object], custom_args: tuple[str, ...]
) -> base.BadSettings | None:
    try:
        executor = catalog.get(kind, settings)
        if isinstance(executor, extras.ChecksSettings):
            executor.check_settings(settings, custom_args)
        else:
            _rehearse(executor, settings, custom_args)
    except base.BadSettings as fault:
        return fault
    return None


def _rehearse(executor: base.Executor, settings: Mapping[str, object], custom_args: tuple[str, ...]) -> None:
    """Asks for the commands of a turn: an executor starts nothing itself. Raises BadSettings."""
    executor.program(settings)
    session = str(uuid.uuid4())
    is_id = executor.accepts(session)
    turn = base.Turn("", "/", "/", session, settings=settings, custom_args=custom_args)
    if executor.ids != "ours":
        executor.spawn(replace(turn, session_id=None))
    elif is_id:
        executor.spawn(turn)
    if is_id:
        executor.resume(turn)
