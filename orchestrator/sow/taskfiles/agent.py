"""The stage handler `agent`: an executor by role, as a project of sow's would run it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from typing import Any

from sow import caps, find, pool, roles
from sow.allowance import Allowance, Share
from sow.caps import Caps, Reached, Used
from sow.config import RepositoryConfig, UserConfig, command_of, executor_of
from sow.config.executor import ExecutorChoice, settings_of_turn
from sow.errors import Refused
from sow.progress import Tally, after
from sow.runner import environment
from sow.taskfiles import stages, template
from sow.taskfiles.handlers import progress, variables
from sow.taskfiles.stages import Failure, Heard, Hold, Limited, Over, Reader, Spent, Stage, Start, Warns
from sow_executors import base

GO_ON = (
    "A usage limit had stopped you, and it is over. See what is done already (the last command may or may "
    "not have taken effect), then go on with your task."
)


UNTOLD = ("max_seconds", "max_memory")
"""The caps of what an agent's lines tell nothing of: who runs its process sees to them."""


class Agent:
    """Tells the agent that plays `role` the `prompt`, its placeholders filled in."""

    def check(self, config: Mapping[str, Any]) -> None:
        if "prompt" not in config:
            raise Refused("an agent stage needs `prompt`", "as in `prompt: Proofread {input.script}.`")
        if extra := sorted({"command", "call"} & set(config)):
            raise Refused(f"`{extra[0]}` has no meaning for an agent stage", "remove it")

    def start(self, stage: Stage) -> Start:
        choice = _choice(stage)
        executor = executor_of(choice)
        repository = _repository(stage.root)
        held = caps_of(stage.name, stage.config, choice, repository)
        resumes = bool(stage.session) and executor.ids != "none"
        turn = base.Turn(
            prompt=GO_ON if resumes else template.filled(stage.config["prompt"], stage.values, shell=False),
            folder=stage.root,
            scratch=stage.scratch,
            session_id=_session(stage, executor),
            role=_role(stage.config),
            task_id=stage.task_id,
            settings=settings_of_turn(executor, choice.settings, held),
            custom_args=choice.custom_args,
            params=stage.config.get("settings", {}),
            writable=(stage.workspace,),
            allowed_commands=(),
        )
        mine = {name: value for name, value in variables(stage).items() if name.startswith("SOW_STAGE")}
        action = "resume" if resumes else "spawn"
        time = next((cap for cap in held if cap.name == "max_seconds"), None)
        memory = next((cap for cap in held if cap.name == "max_memory"), None)
        return Start(
            command_of(executor, turn, action, stage.environment.get("PATH", os.defpath), choice.name),
            environment.build(stage.environment, (*executor.environment, *repository.environment), mine),
            template.named(stage.config["prompt"], "output"),
            time.value if time else None,
            _capped(Reached(time, time.value)).error if time else "",
            memory,
        )

    def reader(self, stage: Stage) -> Reader:
        choice = _choice(stage)
        executor = executor_of(choice)
        held = caps_of(stage.name, stage.config, choice, _repository(stage.root))
        return Told(executor.reader(_session(stage, executor)), held, _share(stage), stage.begun_at)

    def hold(self, stage: Stage) -> Hold | None:
        share = _share(stage)
        return _hold(share, share.hold())

    def take(self, stage: Stage) -> Hold | None:
        share = _share(stage)
        return _hold(share, share.claim())


class Told:
    """What an agent's reports mean for a stage: nobody is there to answer it, and it may use so much."""

    def __init__(
        self, reader: base.Reader, held: Caps = (), share: Share | None = None, begun_at: float = 0.0
    ) -> None:
        """`share`: of its account, where what it meets is noted. `begun_at`: when the attempt began."""
        self._share, self._begun_at = share, begun_at
        self._reader, self._caps = reader, tuple(cap for cap in held if cap.name not in UNTOLD)
        self._tally = Tally()
        self._finished = False

    def read(self, line: str) -> list[Heard]:
        found: list[Heard] = []
        reports = self._reader.read(line)
        before, self._tally = self._tally, after(self._tally, reports)
        if self._share and self._tally.alive and not before.alive:
            self._share.works(self._begun_at)
        if self._tally.usd is not None and self._tally.usd != before.usd:
            found.append(Spent(self._tally.usd))
        for report in reports:
            match report:
                case base.Said(text):
                    found += [told for row in text.splitlines() if (told := progress(row.strip()))]
                case base.Asked(question):
                    found.append(Failure(f"the agent asked, and nobody is there to answer: {question}"))
                case base.Limited("warning"):
                    found += self._warned(report)
                case base.Finished() | base.Failed():
                    found.append(Over())
                    self._finished = True
        # What it used up to its own end is spent: its work is not thrown away for that.
        if not self._finished and (cap := caps.reached(self._caps, self._used)):
            found.append(_capped(cap))
        return found

    def _warned(self, limited: base.Limited) -> list[Heard]:
        """Notes a warning for all who draw on the account; tells it where nobody was told of it yet."""
        share = self._share
        if share is None or not share.warned(limited):
            return []
        now, name = share.allowance.clock(), share.choice.name
        return [Warns(pool.warning_words(name, limited.limit, limited.used, limited.resets_at, now))]

    def end(self, status: int | None, stderr: str) -> Failure | Limited | None:
        ending = self._reader.end(status, stderr)
        if not isinstance(ending, base.Failed):
            return None
        if cap := caps.by_its_own(self._caps, ending.kind, self._used):
            return _capped(cap)
        if ending.kind == "usage_limit":
            return self._limited(ending)
        return Failure(f"the agent failed ({ending.kind}): {ending.message}", stderr[-4000:].rstrip())

    def _limited(self, ending: base.Failed) -> Limited:
        told = self._tally.limit
        resets_at = ending.resets_at
        if resets_at is None and told and told.status == "rejected":
            resets_at = told.resets_at
        # What it was told has reached it only if it did something.
        session = self._tally.session_id if self._tally.alive else ""
        error = f"the agent met a usage limit: {ending.message}"
        if self._share and self._share.met(ending, told) and self._share.hold():
            return Limited(error, resets_at, session, self._share.account, self._share.model)
        return Limited(error, resets_at, session)

    @property
    def _used(self) -> Used:
        tally = self._tally
        return Used(tally.turns, usd=tally.usd or 0.0, tokens=tally.input_tokens + tally.output_tokens)


def caps_of(
    name: str, config: Mapping[str, Any], choice: ExecutorChoice, repository: RepositoryConfig
) -> Caps:
    """How much an attempt at a stage may use: the least of what it, its executor and the repository say."""
    wide = caps.lowest(choice.caps, repository.caps.for_role(_role(config)))
    return caps.lowest(stages.caps_of(name, config), wide)


def _share(stage: Stage) -> Share:
    """The account of a stage's agent. Raises Refused and NotFound for what is configured badly or nowhere."""
    choice = _choice(stage)
    user, repository = UserConfig.read(stage.environment), _repository(stage.root)
    return Allowance.of(stage.workspace, user, repository, stage.environment).share(choice, stage.stem)


def _hold(share: Share, held: pool.Hold | None) -> Hold | None:
    """What a stage waits for, by what holds its agent."""
    if held is None:
        return None
    words = pool.limit_words(share.choice.name, held)
    why, over = (words, "") if held.limit else ("", words)
    return Hold(
        held.until, why, account=share.account, model=share.model, hold_at=share.allowance.user.hold_at,
        over=over, over_until=held.spaced_until,
    )  # fmt: skip


def _capped(found: Reached) -> Failure:
    return Failure(stages.capped(found, "the agent"))


def _repository(root: str) -> RepositoryConfig:
    place = find.maybe_place(root)
    return RepositoryConfig.read(place.main) if place else RepositoryConfig()


def _role(config: Mapping[str, Any]) -> str:
    return str(config.get("role", "implementer"))


def _choice(stage: Stage) -> ExecutorChoice:
    return choice_of(stage.name, stage.config, stage.root, stage.environment)


def choice_of(name: str, config: Mapping[str, Any], root: str, environ: Mapping[str, str]) -> ExecutorChoice:
    """The executor of an agent stage. Raises Refused and NotFound where it names none that is there."""
    user, role = UserConfig.read(environ), _role(config)
    if named := config.get("executor"):
        return user.named(str(named), f"stages.{name}.executor")
    # A role of the user's own is one that the settings bind, or a variable.
    if role not in roles.BUILT_IN and role not in user.bindings and roles.variable(role) not in environ:
        roles.check(role, root)
    return user.for_role(role, environ)


def _session(stage: Stage, executor: base.Executor) -> str | None:
    """The session's id: the same for whoever takes the stage on; None where the CLI is to make one."""
    if stage.session and executor.ids != "none":
        return stage.session
    return str(uuid.uuid5(uuid.NAMESPACE_URL, stage.scratch)) if executor.ids == "ours" else None
