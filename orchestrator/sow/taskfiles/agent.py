"""The stage handler `agent`: an executor by role, as a project of sow's would run it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any

from sow import find, roles
from sow.config import RepositoryConfig, UserConfig, command_of, executor_of
from sow.config.executor import ExecutorChoice, settings_of_turn
from sow.errors import Refused
from sow.runner import environment
from sow.taskfiles import template
from sow.taskfiles.handlers import progress, variables
from sow.taskfiles.stages import Failure, Heard, Over, Reader, Stage, Start
from sow_executors import base


class Agent:
    """Tells the agent that plays `role` the `prompt`, its placeholders filled in."""

    def check(self, config: Mapping[str, Any]) -> None:
        if "prompt" not in config:
            raise Refused("an agent stage needs `prompt`", "as in `prompt: Proofread {input.script}.`")
        if extra := sorted({"command", "call"} & set(config)):
            raise Refused(f"`{extra[0]}` has no meaning for an agent stage", "remove it")

    def start(self, stage: Stage) -> Start:
        choice = choice_of(stage.name, stage.config, stage.root)
        executor = executor_of(choice)
        turn = base.Turn(
            prompt=template.filled(stage.config["prompt"], stage.values, shell=False),
            folder=stage.root,
            scratch=stage.scratch,
            session_id=_session(stage) if executor.ids == "ours" else None,
            role=_role(stage.config),
            task_id=stage.task_id,
            settings=settings_of_turn(executor, choice.settings, choice.caps),
            custom_args=choice.custom_args,
            params=stage.config.get("settings", {}),
            writable=(stage.workspace,),
            allowed_commands=(),
        )
        mine = {name: value for name, value in variables(stage).items() if name.startswith("SOW_STAGE")}
        patterns = (*executor.environment, *_passed(stage.root))
        return Start(
            command_of(executor, turn, "spawn", os.environ.get("PATH", os.defpath)),
            environment.build(os.environ, patterns, mine),
            template.named(stage.config["prompt"], "output"),
        )

    def reader(self, stage: Stage) -> Reader:
        executor = executor_of(choice_of(stage.name, stage.config, stage.root))
        return Told(executor.reader(_session(stage) if executor.ids == "ours" else None))


class Told:
    """What an agent's reports mean for a stage: nobody is there to answer it."""

    def __init__(self, reader: base.Reader) -> None:
        self._reader = reader

    def read(self, line: str) -> list[Heard]:
        found: list[Heard] = []
        for report in self._reader.read(line):
            match report:
                case base.Said(text):
                    found += [told for row in text.splitlines() if (told := progress(row.strip()))]
                case base.Asked(question):
                    found.append(Failure(f"the agent asked, and nobody is there to answer: {question}"))
                case base.Finished() | base.Failed():
                    found.append(Over())
        return found

    def end(self, status: int | None, stderr: str) -> Failure | None:
        match self._reader.end(status, stderr):
            case base.Failed(kind, message):
                return Failure(f"the agent failed ({kind}): {message}", stderr[-4000:].rstrip())
        return None


def _passed(root: str) -> tuple[str, ...]:
    """What the repository lets agents have of the user's variables, as patterns."""
    place = find.maybe_place(root)
    return RepositoryConfig.read(place.main).environment if place else ()


def _role(config: Mapping[str, Any]) -> str:
    return str(config.get("role", "implementer"))


def choice_of(name: str, config: Mapping[str, Any], root: str) -> ExecutorChoice:
    """The executor of an agent stage. Raises Refused and NotFound where it names none that is there."""
    user, role = UserConfig.read(os.environ), _role(config)
    if named := config.get("executor"):
        return user.named(str(named), f"stages.{name}.executor")
    # A role of the user's own is one that the settings bind, or a variable.
    if role not in roles.BUILT_IN and role not in user.bindings and roles.variable(role) not in os.environ:
        roles.check(role, root)
    return user.for_role(role, os.environ)


def _session(stage: Stage) -> str:
    """The session's id: the same for whoever takes the stage on."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, stage.scratch))
