"""One turn of one agent: begun, followed, settled.

    begin:   executor -> worktree -> attempt -> lease -> state -> process
    follow:  lines -> reports -> tally
    settle:  sweep -> outbox -> leftovers -> verdict -> state -> attempt

The state is stored before the process starts, and an attempt's end is recorded
last: a kill between any two steps leaves what the next run completes.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow import (
    caps,
    deferring,
    eventlog,
    files,
    handover,
    holding,
    lease,
    logs,
    opened,
    outfit,
    ports,
    prompts,
    record,
    roles,
    shim,
    toolbox,
)
from sow.allowance import Allowance
from sow.attempt import Attempt, Attempts, spent_in
from sow.branches import Branches
from sow.caps import Caps, Reached, Used
from sow.change import Change, Event
from sow.clock import is_unset, moment, stamp
from sow.config import ExecutorChoice, RepositoryConfig, UserConfig, command_of, executor_of
from sow.config.executor import settings_of_turn
from sow.driving import Drivers
from sow.edits import put_back_question
from sow.errors import Busy, Failed, Refused, SowError
from sow.git import commits
from sow.judgement import judged, sent_back
from sow.layout import Layout
from sow.ports import Block
from sow.process import Identity
from sow.progress import End, Tally, after, has_gone_on, verdict
from sow.readable import NAME as READABLE
from sow.readable import Readable
from sow.recovery.policy import Decision
from sow.recovery.repair import bring_back_texts
from sow.report import apply_outbox
from sow.runner import attempt as folders
from sow.runner import bounds, environment
from sow.runner.attempt import Exit
from sow.runner.local import LocalRunner, Running
from sow.runner.watch import Tail
from sow.state import PutBack
from sow.store import Store
from sow.task import ENDED, IN_PROGRESS, NEEDS_REVIEW, PENDING, Task
from sow.usage import Usage, waited
from sow.visit import Visit
from sow.workplace import Workplace
from sow_executors import base, extras, inbox

if TYPE_CHECKING:
    from sow.clock import Clock
    from sow.runner.terminal import TerminalRunner
    from sow_schemas.documents import (
        Action,
        AttemptEnded,
        AttemptStarted,
        LimitLifted,
        LimitReached,
        LimitWarning,
        Outcome,
        Reason,
        SessionStarted,
        TaskPaused,
        ToolDenied,
        UsageUpdated,
    )


AFTER_RESULT_SECONDS = 10.0
"""How long a process may live on after its result before it is ended: some CLIs never exit."""


@dataclass(slots=True)
class Live:
    """An attempt whose process runs, or whose end is not settled yet."""

    attempt: Attempt
    running: Running
    reader: base.Reader
    tail: Tail
    leases: tuple[lease.Lease, ...] = ()
    """Given back at the end: that of the task's turn, held by us, and of the session, held by its process."""
    tried: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    stopped: str = ""
    quiet_since: float = 0.0
    """When it last printed something, in seconds since the epoch."""
    heeded: tuple[base.Asked | None, base.Asked | None] = (None, None)
    """What it asked, and what it went on from, as far as the task's state agrees with it."""
    setting_up: bool = False
    """Whether its worktree is still being set up, which may be quiet: the agent has not begun."""
    began: float = 0.0
    """When its process began, with the setup where there is one, in seconds since the epoch."""
    worked: bool = False
    """Whether it was taken in that the agent works, which says something of its account's limits."""
    behind: bool = False
    """Whether it has printed more than was read yet."""
    over: bool = False
    """Its process has ended: it is settled once all that it printed is read."""
    caps: Caps = ()
    """How much it may use."""
    usage: Usage = field(default_factory=Usage)
    is_cut: bool = False
    """Whether a part of what it printed was left out."""
    written: record.Record | None = None
    """What its CLI writes down beside its output, where it does."""
    found: tuple[str, ...] = ()
    """The files that lay uncommitted in its worktree before it began: its agent had left none so."""
    readable: Readable = field(init=False)

    def __post_init__(self) -> None:
        self.readable = Readable(f"{self.running.folder}/{READABLE}")

    def look_at_setup(self, now: float) -> bool:
        """Takes in whether the setup has ended; silence, and the agent's time, count from then on.

        Gives whether it came to its good end since the last look.
        """
        if not self.setting_up:
            return False
        self.setting_up = folders.is_setting_up(self.running.folder)
        self.quiet_since = self.usage.began = now
        return not self.setting_up

    def reached(self, now: float) -> Reached | None:
        """The cap that it has reached, if any."""
        return caps.reached(self.caps, self.used(now))

    def reached_memory(self) -> Reached | None:
        """The cap of memory, if that is reached: the one that holds for who only waits, too."""
        return caps.reached(self.caps, Used(memory=self.usage.memory))

    def time_is_up(self, now: float) -> float:
        """When its time is up, in seconds since the epoch, if it works till then."""
        most = next((cap.value for cap in self.caps if cap.name == "max_seconds"), float("inf"))
        return now + most - self.usage.seconds(now)

    def used(self, now: float) -> Used:
        """All that caps are about."""
        tally, usage = self.tally, self.usage
        tokens = tally.input_tokens + tally.output_tokens
        return Used(tally.turns, usage.seconds(now), tally.usd or 0.0, tokens, usage.memory)

    def follow(self, now: float, most: int) -> Iterator[base.Report]:
        """Reads what was printed since the last call, about `most` bytes of it; gives the reports one by one.

        Each is in the tally already. Where there was more, `behind` says so.
        """
        begun, self.behind = self.tail.offset, False
        for reports in self._read(now):
            yield from reports
            if self.tail.offset - begun >= most:
                self.behind = True
                break
        self.readable.flush()

    def catch_up(self, now: float, *, final: bool = False) -> None:
        """Reads all that was printed since the last call; with `final` also a last line that has no end."""
        self.behind = False
        for _ in self._read(now, final=final):
            pass
        self.readable.flush()

    def _read(self, now: float, *, final: bool = False) -> Iterator[list[base.Report]]:
        # Line by line: an agent may print faster than it is read, and without an end.
        for line in self.tail.read(final=final):
            reports = self.reader.read(line)
            self.quiet_since = now
            self.tally = after(self.tally, reports)
            self.readable.add(reports)
            yield reports
        if self.written is not None:
            for reports in self.written.read(self.attempt.session_id or self.tally.session_id):
                self.tally = after(self.tally, reports)
                yield reports


@dataclass(frozen=True, slots=True)
class Settled:
    """A turn that came to its end: the task as it is now, and what is to be done at once."""

    task: Task
    decision: Decision
    attempt: Attempt
    left_over: str | None = None
    """The commit made of what the agent had left uncommitted."""
    put_back: tuple[PutBack, ...] = ()
    """The state files that were changed beside sow while it went on, and are as before again."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Begins and settles turns in one project; all that it needs is handed in."""

    layout: Layout
    store: Store
    attempts: Attempts
    workspace: Workplace
    drivers: Drivers
    runner: LocalRunner
    user: UserConfig
    repository: RepositoryConfig
    environment: Mapping[str, str]
    run_id: str
    clock: Clock
    allowance: Allowance
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    @property
    def jobs(self) -> int:
        """How many agents work at once: in one folder they would write over each other's work."""
        return self.repository.jobs_sharing if self.workspace.shared else self.repository.jobs

    # -- begin --------------------------------------------------------------------------------

    def begin(
        self,
        task: Task,
        *,
        reason: Reason | None = None,
        tried: tuple[str, ...] = (),
        prompt: str = "",
        agent: str = "",
    ) -> Live:
        """Starts an agent on a task that is pending, or in_progress and not running.

        1. the executor and the session; 2. the worktree; 3. the attempt's folder; 4. the leases;
        5. the attempt's record; 6. the state, with the session; 7. the process.

        `prompt` says something of the caller's own instead of what the state calls for.
        Raises SowError where a step can't be done, Busy where somebody else drives the task or
        has just changed it, SessionOpen where its session is open elsewhere; the task's state
        is then untouched up to step 6, and after it says that the task is in progress, to be
        gone on with.
        """
        if agent and agent != task.assigned_agent:
            task = task.replace(assigned_agent=agent)
        self.drivers.check_free(task.id)
        self._check_alone(task.id)
        self.know_state(only=task.id)
        choice = self.choice(task)
        executor = executor_of(choice)
        folder, branch, start = self.workspace.prepare(task)
        found = self._found(task)
        session, action = self._session(task, executor, tried)
        if session and action == "resume":
            opened.check(executor, session, self._passed(executor), task.id, now=self.clock())
        block = self._ports(task)
        allowed = self._caps(choice, task.assigned_agent)
        carried = deferring.carried(self.attempts, task)

        attempt_id = self.attempts.reserve(task.id, task.iteration)
        variables = self._environment(task, attempt_id, executor, block)
        tools = self._tools(executor, choice, variables)
        reason = reason or self._reason(task, action)
        turn = base.Turn(
            prompt=(prompt or self._prompt(task, action, reason, carried))
            + (f"\n\n{prompts.own_ports(block.count)}" if block and action == "spawn" else "")
            + (f"\n\n{prompts.OWN_TOOLS}" if tools and action == "spawn" else "")
            + self._by_file(executor, choice, attempt_id),
            folder=folder,
            scratch=self.attempts.folder(attempt_id),
            session_id=session,
            role=task.assigned_agent,
            task_id=task.id,
            settings=settings_of_turn(executor, choice.settings, allowed),
            custom_args=choice.custom_args,
            params=task.params or {},
            writable=(self.layout.task(task.phase, task.id), self.layout.runtime),
            allowed_commands=("sow", *self.repository.checks),
            grace_seconds=self.repository.grace_seconds,
            verdict=carried.verdict_for(action) if carried else None,
            granted=deferring.granted(self.attempts, task),
            late_answers=holding.late_answers(self.attempts, task),
            tools=tools,
        )
        command = self._made_ready(self._command(executor, turn, action), turn)
        # Before the record: one without a living driver is taken for a killed one's.
        leases = self._leases(task.id, session, attempt_id)
        attempt = self.attempts.keep(
            Attempt(
                id=attempt_id,
                task_id=task.id,
                agent=task.assigned_agent,
                executor=choice.name,
                session_id=session,
                iteration=task.iteration,
                action=action,
                reason=reason,
                run_id=self.run_id,
                folder=folder,
                argv=list(command.argv),
                created_at=self.store.now(),
            )
        )
        reader, goes_on = self._reader(executor, attempt), session if action == "resume" else None
        written = record.of(executor, reader, goes_on, folder, self._passed(executor))
        try:
            task = self._store_start(task, session, choice.name, folder, branch, start)
            running = self.runner.start(
                command,
                attempt_id,
                self.attempts.folder(attempt_id),
                variables,
            )
        except SowError as fault:
            self._close(attempt, leases, outcome="failed", message=str(fault))
            raise
        leases = (leases[0], *(held.hand_to(running.identity) for held in leases[1:]))
        attempt = self._started(attempt, running, choice, task)
        logs.info(
            "turn begun",
            task=task.id,
            attempt=attempt_id,
            executor=choice.name,
            action=action,
            reason=reason,
            session=session,
            folder=folder,
            pid=running.identity.pid,
        )
        return Live(
            attempt,
            running,
            reader,
            self._tail(attempt_id),
            leases,
            (*tried, action),
            quiet_since=self.clock(),
            setting_up=folders.is_setting_up(running.folder),
            began=self.clock(),
            caps=allowed,
            usage=Usage(self.clock()),
            written=written,
            found=found,
        )

    def adopt(self, attempt: Attempt, running: Running) -> Live:
        """The attempt of an earlier orchestrator, taken on as if it were ours.

        Raises Busy while that orchestrator lives.
        """
        choice = self.user.named(attempt.executor, f"attempt {attempt.id}")
        executor = executor_of(choice)
        reader, goes_on = self._reader(executor, attempt), attempt.session_id
        goes_on = goes_on if attempt.action == "resume" else None
        return Live(
            attempt,
            running,
            reader,
            self._tail(attempt.id),
            self.drivers.adopt(attempt, running.identity),
            ("resume", attempt.action),
            quiet_since=self.clock(),
            setting_up=folders.is_setting_up(running.folder),
            began=folders.setup_began(running.folder) or moment(attempt.created_at),
            caps=self._caps(choice, attempt.agent),
            usage=self._used_before(attempt, running.folder),
            written=record.of(executor, reader, goes_on, attempt.folder, self._passed(executor)),
        )

    def let_go(self, live: Live) -> None:
        """Leaves an attempt to itself: whoever comes next may take it on."""
        if live.leases:
            live.leases[0].release()

    def is_held(self, live: Live) -> bool:
        """Whether its process does nothing but wait for a person's answer."""
        return bool(inbox.waiting(self.attempts.inbox(live.attempt.id)))

    def heed(self, live: Live) -> Task | None:
        """Makes the task's state agree with what its process asks, or goes on from; None where it did."""
        now = (live.tally.asked, live.tally.settled)
        if now == live.heeded:
            return None
        folder, iteration = self.attempts.inbox(live.attempt.id), live.attempt.iteration

        def change(task: Task) -> Change:
            return holding.agree(task, live.tally, folder, iteration=iteration, at=self.store.now())

        task = self.store.change_task(live.attempt.task_id, change)
        live.heeded = now
        return task

    def heed_warning(self, live: Live, limited: base.Limited) -> bool:
        """Takes in a warning of a limit; whether a person is to be told, once a window and mark."""
        if not self.allowance.warned(live.attempt, limited):
            return False
        executor, account = self._whose(live)
        payload: LimitWarning = {"executor": executor, "account": account, "limit": limited.limit}
        if limited.model:
            payload["model"] = limited.model
        if limited.used is not None:
            payload["used"] = limited.used
        if limited.resets_at is not None:
            payload["resets_at"] = stamp(limited.resets_at)
        self.store.tell(Event(type="limit.warning", task_id=live.attempt.task_id, payload=payload))
        return True

    def heed_work(self, live: Live) -> bool:
        """Takes in, once, that an agent works; whether that ends a limit sooner than was said."""
        if live.worked or not live.tally.alive:
            return False
        live.worked = True
        if not self.allowance.works(live.attempt):
            return False
        executor, account = self._whose(live)
        payload: LimitLifted = {"executor": executor, "account": account}
        self.store.tell(Event(type="limit.lifted", task_id=live.attempt.task_id, payload=payload))
        return True

    def _whose(self, live: Live) -> tuple[str, str]:
        """The executor of an attempt, and the account that it works on."""
        choice = self.user.named(live.attempt.executor, f"attempt {live.attempt.id}")
        return choice.name, self.allowance.account(choice)

    def _check_alone(self, task_id: str) -> None:
        """Raises Busy where a process of the task lives, though nobody may drive it just now."""
        for attempt in self.attempts.of_task(task_id):
            if not attempt.ended and isinstance(self.runner.look(self.attempts.folder(attempt.id)), Running):
                raise Busy(
                    f"the agent of task {task_id} is at work (attempt {attempt.id})",
                    f"`sow run` follows it; end it: `sow agent stop {task_id}`",
                )

    def _found(self, task: Task) -> tuple[str, ...]:
        """What lies uncommitted in a task's worktree, though at the end of its last turn nothing did."""
        last = next(reversed(self.attempts.of_task(task.id)), None)
        return self.workspace.uncommitted(task) if last and last.ended else ()

    def _caps(self, choice: ExecutorChoice, role: str) -> Caps:
        """How much an attempt may use: the less of what the executor and the repository allow."""
        return caps.lowest(choice.caps, self.repository.caps.for_role(role))

    def _used_before(self, attempt: Attempt, folder: str) -> Usage:
        """What an attempt has used that another run began: its own record and the event log tell."""
        begun = folders.setup_ended(folder) or moment(attempt.started_at or attempt.created_at)
        waits = waited(self._events_of(attempt.task_id), begun)
        return Usage(
            begun, *waits, peak_memory=attempt.peak_memory or 0, cpu_seconds=attempt.cpu_seconds or 0.0
        )

    def _events_of(self, task_id: str) -> Iterator[dict[str, Any]]:
        """The events of a task; whatever else an agent wrote into the log is none."""
        for line in self.store.log.lines():
            event = eventlog.parse(line)
            if event and event.get("task_id") == task_id and sow_schemas.valid("event", event):
                yield event

    def choice(self, task: Task) -> ExecutorChoice:
        """The executor of the task's next turn: the one that has its session, else its role's."""
        return self.user.for_task(task, self.environment)

    def check_session(self, task: Task) -> None:
        """Raises SessionOpen where somebody else has the session open that the next turn goes on in."""
        if task.session_id and not task.fresh:
            executor = executor_of(self.choice(task))
            opened.check(executor, task.session_id, self._passed(executor), task.id, now=self.clock())

    def _session(
        self, task: Task, executor: base.Executor, tried: tuple[str, ...]
    ) -> tuple[str | None, Action]:
        """The session of this turn and how it is come by: an id that is there is resumed."""
        kept = task.session_id if task.session_id and not task.fresh and "mint" not in tried else None
        if kept is not None and not executor.accepts(kept):
            kept = None
        is_first = not tried or tried[-1] == "resume"
        if kept is not None and is_first and self._has_begun(task, kept) and self._is_known(kept, executor):
            return kept, "resume"
        if executor.ids != "ours":
            return None, "spawn"
        return kept or self.new_id(), "spawn"

    def _has_begun(self, task: Task, session: str) -> bool:
        """Whether an agent was started in the session, as far as known: a failed setup keeps it from that."""
        mine = [attempt for attempt in self.attempts.of_task(task.id) if attempt.session_id == session]
        return not mine or any(not folders.is_setting_up(self.attempts.folder(one.id)) for one in mine)

    def _is_known(self, session: str, executor: base.Executor) -> bool:
        """Whether the CLI still has the session; where it can't be asked, its own refusal will tell."""
        if not isinstance(executor, extras.KnowsSessions):
            return True
        return executor.knows(session, self._passed(executor))

    def _reason(self, task: Task, action: Action) -> Reason:
        if task.answer:
            return "feedback" if self._is_feedback(task) else "answer"
        if action == "spawn" and not task.attempts:
            return "start"
        last = next(reversed(self.attempts.of_task(task.id)), None)
        if (
            last
            and last.outcome == "finished"
            and last.iteration == task.iteration
            and last.reason != "nudge"
        ):
            return "nudge"  # its end was settled by a run that was killed before it could ask
        return "retry" if task.error else "interrupted"

    def _is_feedback(self, task: Task) -> bool:
        given = self.store.feedback(task)
        return bool(given and task.answer and given[-1][1].strip() == task.answer["text"].strip())

    def _by_file(self, executor: base.Executor, choice: ExecutorChoice, attempt: str) -> str:
        """How to report without `sow`, for an agent that may not be allowed to run it."""
        if not isinstance(executor, extras.RefusesCommands) or not executor.refuses_commands(choice.settings):
            return ""
        return f"\n\n{prompts.by_file(f'{self.attempts.folder(attempt)}/outbox')}"

    def _prompt(self, task: Task, action: Action, reason: str, carried: deferring.Carried | None) -> str:
        words = task.answer["text"] if task.answer else ""
        match carried and carried.way(action):
            case "alone":
                return ""
            case "begun":
                return prompts.go_on(task)
            case "in words":
                words = carried.in_words(words) if carried else words
        is_feedback = self._is_feedback(task)
        if action == "spawn":
            words = "" if is_feedback else words  # it is told with all other feedback
            note = self._handed_over(task, words)
            role = prompts.role_text(task.assigned_agent, self.layout.main)
            return prompts.first(
                task, role, self.store.description(task), self.store.feedback(task), note.strip(),
                shared=self.workspace.shared and not task.branch,
            )  # fmt: skip
        # Whatever this start is for: what a person said and nobody heard yet comes first.
        if words:
            return prompts.reviewed(words, task.iteration) if is_feedback else prompts.answered(words)
        return prompts.nudge(task) if reason == "nudge" else prompts.go_on(task)

    def _handed_over(self, task: Task, answer: str) -> str:
        if is_unset(task.started_at):
            return f"A person answered an earlier question: {answer}" if answer else ""
        folder = self.layout.task(task.phase, task.id)
        known = handover.of(task, self.store.log, folder, self.attempts, self.workspace, self.user, answer)
        return handover.text(known)

    def _command(self, executor: base.Executor, turn: base.Turn, action: str) -> base.Command:
        return command_of(executor, turn, action, self.environment.get("PATH", os.defpath))

    def _made_ready(self, command: base.Command, turn: base.Turn) -> base.Command:
        """The command with what is to be run in its worktree before it, where that was not done yet."""
        script = outfit.setup(turn.folder, self.repository.worktree.setup)
        if script is None:
            return command
        return replace(command, files={**command.files, f"{turn.scratch}/{folders.SETUP}": script})

    def _leases(self, task_id: str, session: str | None, attempt: str) -> tuple[lease.Lease, ...]:
        """Takes the task's turn and session; where either is held, nothing is left of the attempt."""
        try:
            return self.drivers.take(task_id, session, attempt)
        except Busy:
            shutil.rmtree(self.attempts.folder(attempt), ignore_errors=True)
            raise

    def _store_start(
        self,
        task: Task,
        session: str | None,
        executor: str,
        folder: str,
        branch: str | None,
        start: str | None,
    ) -> Task:
        now = self.store.now()

        def change(current: Task) -> Change:
            now_at = (current.status, current.iteration, current.phase)
            if now_at != (task.status, task.iteration, task.phase):
                raise Busy(f"task {task.id} was changed by somebody else just now", "repeat the command")
            begun = current.replace(assigned_agent=task.assigned_agent).start(
                session_id=session,
                executor=executor,
                at=now,
                worktree=folder,
                branch=branch,
                base=current.base or start,
            )
            if is_unset(current.started_at):
                pipeline = [task.assigned_agent]
                told = Event(type="task.started", task_id=task.id, payload={"pipeline": pipeline})
            else:
                told = Event(type="task.resumed", task_id=task.id, payload={"by": "orchestrator"})
            events = [told]
            if session and session != current.session_id:
                events.append(
                    Event(
                        type="session.started",
                        task_id=task.id,
                        payload={"session_id": session, "executor": executor},
                    )
                )
            return Change(task=begun, events=tuple(events))

        return self.store.change_task(task.id, change)

    def _environment(
        self, task: Task, attempt: str, executor: base.Executor, block: Block | None
    ) -> dict[str, str]:
        """What a worker finds its task by; the `sow` that started it comes first on its PATH."""
        path = f"{shim.folder(self.layout.main)}{os.pathsep}{self.environment.get('PATH', os.defpath)}"
        mine = {
            "PATH": path,
            "SOW_TASK_ID": task.id,
            "SOW_TASK_DIR": self.layout.task(task.phase, task.id),
            "SOW_PROJECT_DIR": self.layout.project,
            "SOW_PROJECT_RUNTIME": self.layout.runtime,
            "SOW_RUN_ID": self.run_id,
            "SOW_ATTEMPT_ID": attempt,
            **(block.variables() if block else {}),
            # An agent that starts others is to choose as the user did.
            **{name: value for name, value in self.environment.items() if name.startswith(roles.VARIABLES)},
        }
        return environment.build(
            self.environment, (*executor.environment, *self.repository.environment), mine
        )

    def _tools(
        self, executor: base.Executor, choice: ExecutorChoice, variables: Mapping[str, str]
    ) -> base.Tools | None:
        """sow's own tools for an agent with these variables; None where it can't be offered any."""
        if not (
            self.repository.mcp and toolbox.is_offered(executor, choice.settings, self._passed(executor))
        ):
            return None
        return toolbox.tools(f"{shim.folder(self.layout.main)}/sow", variables)

    def _ports(self, task: Task) -> Block | None:
        """The ports that the task has to itself; None where the settings ask for none."""
        count = self.repository.worktree.ports
        return ports.lease(self.layout, task.id, count, self.environment) if count else None

    def _passed(self, executor: base.Executor) -> dict[str, str]:
        """What an agent gets to see of the user's variables."""
        patterns = (*executor.environment, *self.repository.environment)
        return environment.build(self.environment, patterns, {})

    def _started(self, attempt: Attempt, running: Running, choice: ExecutorChoice, task: Task) -> Attempt:
        identity = running.identity
        kept = self.attempts.keep(
            attempt.replace(
                started_at=self.store.now(),
                pid=identity.pid,
                start_ticks=identity.start_ticks,
                boot_id=identity.boot_id,
            )
        )
        payload: AttemptStarted = {
            "attempt": attempt.id,
            "pid": identity.pid,
            "executor": choice.name,
            "action": attempt.action,
        }
        self.store.tell(Event(type="attempt.started", task_id=task.id, payload=payload))
        return kept

    def _reader(self, executor: base.Executor, attempt: Attempt) -> base.Reader:
        """The reader of an attempt; where the CLI counts a session's tokens, it knows what was counted."""
        session = attempt.session_id
        if session is None or not isinstance(executor, extras.CountsOn):
            return executor.reader(session)
        others = (each for each in self.attempts.of_task(attempt.task_id) if each.id != attempt.id)
        return executor.reader_after(session, spent_in(session, others))

    def _tail(self, attempt: str) -> Tail:
        return Tail(f"{self.attempts.folder(attempt)}/transcript.jsonl")

    # -- follow -------------------------------------------------------------------------------

    def keep_session(self, live: Live) -> None:
        """Stores the session that the CLI made and named, unless it is stored; repeating it does no harm."""
        session = live.tally.session_id
        if not session or live.attempt.session_id:
            return

        def change(current: Task) -> Change:
            if current.status in ENDED or current.session_id:
                return Change(task=current)
            payload: SessionStarted = {"session_id": session, "executor": live.attempt.executor}
            event = Event(type="session.started", task_id=current.id, payload=payload)
            return Change(task=current.replace(session_id=session), events=(event,))

        try:
            self.store.change_task(live.attempt.task_id, change)
        except SowError as fault:
            # The agent broke its file: the end of its turn restores it, and stores the session then.
            logs.warning("session not stored", task=live.attempt.task_id, session=session, why=str(fault))
            return
        # Last, for by this it is known that the task has it.
        live.attempt = self.attempts.keep(live.attempt.replace(session_id=session))

    def _find_session(self, live: Live) -> None:
        """Takes in the session that an attempt which has ended began without a word of it."""
        if live.tally.session_id:
            return
        executor = executor_of(self.user.named(live.attempt.executor, f"attempt {live.attempt.id}"))
        scratch = self.attempts.folder(live.attempt.id)
        if found := opened.untold(executor, live.attempt, scratch, self._passed(executor)):
            live.tally = after(live.tally, [base.Started(found)])
            logs.info("session found", task=live.attempt.task_id, attempt=live.attempt.id, session=found)

    def note_usage(self, live: Live) -> None:
        """Keeps what was seen of its processes, for who comes after a kill."""
        usage = live.usage
        live.attempt = self.attempts.keep(
            live.attempt.replace(peak_memory=usage.peak_memory, cpu_seconds=round(usage.cpu_seconds, 2))
        )

    # -- attach -------------------------------------------------------------------------------

    def attach(self, task: Task, terminal: TerminalRunner) -> Visit:
        """Opens the task's session for a person on this terminal; gives what they left when they leave it.

        The session and the task's turn are held meanwhile, so no agent is started on
        them. Raises Refused for a task without a session, Busy while its agent works.
        """
        if not task.session_id:
            raise Refused(
                f"task {task.id} has no session to attach to", f"start its agent: `sow agent spawn {task.id}`"
            )
        self._check_alone(task.id)
        self.know_state(only=task.id)
        task = self.store.task(task.id)
        choice = self.choice(task)
        executor = executor_of(choice)
        opened.check(executor, task.session_id or "", self._passed(executor), task.id, now=self.clock())
        folder, _, _ = self.workspace.prepare(task)
        branches = Branches(self.store, self.workspace)
        branches.look({}, ())
        block = self._ports(task)
        attempt_id = self.attempts.reserve(task.id, task.iteration)
        scratch = self.attempts.folder(attempt_id)
        variables = self._environment(task, attempt_id, executor, block)
        turn = base.Turn(
            prompt="",
            folder=folder,
            scratch=scratch,
            session_id=task.session_id,
            role=task.assigned_agent,
            task_id=task.id,
            settings=choice.settings,
            custom_args=choice.custom_args,
            params=task.params or {},
            tools=self._tools(executor, choice, variables),
        )
        command = self._made_ready(self._command(executor, turn, "attach"), turn)
        leases = self._leases(task.id, task.session_id, attempt_id)
        attempt = self.attempts.keep(
            Attempt(
                id=attempt_id,
                task_id=task.id,
                agent=task.assigned_agent,
                executor=choice.name,
                session_id=task.session_id,
                iteration=task.iteration,
                action="attach",
                reason="attach",
                run_id=self.run_id,
                folder=folder,
                argv=list(command.argv),
                created_at=self.store.now(),
                started_at=self.store.now(),
            )
        )
        status = None
        try:
            self._prepare_terminal(executor, folder, {**variables, **command.env})
            status = terminal.run(command, attempt_id, scratch, variables)
            visit = self._come_back(task, attempt, branches)
        finally:
            self._close(attempt, leases, outcome="attached", status=status)
        if failure := outfit.setup_failure(scratch):
            words = f"the worktree of task {task.id} could not be set up: {failure}"
            raise Failed(words, f"mend that, then attach again: `sow agent attach {task.id}`")
        return visit

    def _prepare_terminal(
        self, executor: base.Executor, folder: str, environment: Mapping[str, str]
    ) -> None:  # fmt: skip
        if not isinstance(executor, extras.PreparesTerminal):
            return
        try:
            executor.prepare_terminal(folder, environment)
        except (OSError, ValueError) as fault:
            raise Refused(
                f"the terminal could not be prepared: {fault}", "mend that file, then attach again"
            ) from fault

    def _come_back(self, before: Task, attempt: Attempt, branches: Branches) -> Visit:
        """What a session on a terminal has left is taken in, as at the end of any turn."""
        put_back = self.know_state(ended=before.id)
        after = self._task_after(attempt)
        was = branches.tip(before.branch)
        moved = branches.look({task.id: task for task in self.store.tasks().tasks}, {before.id})
        now = branches.tip(before.branch)
        after, left_over = self._commit_leftovers(after)
        return Visit(before, after, (was, now), left_over, tuple(put_back), tuple(moved))

    def end_attached(self, attempt: Attempt) -> list[PutBack]:
        """Records the end of an attached session whose terminal is gone; gives what was put back."""
        self.runner.sweep(attempt.id)
        put_back = self.know_state(ended=attempt.task_id)
        self._commit_leftovers(self._task_after(attempt))
        self._close(attempt, self.drivers.of(attempt), outcome="lost", message="its terminal is gone")
        return put_back

    # -- what agents change beside sow --------------------------------------------------------

    def know_state(self, *, ended: str = "", only: str = "") -> list[PutBack]:
        """Makes sure that the state is what sow, or a person, has made of it; gives what was put back.

        While no agent is at work, what was changed beside sow is a person's, and copies of it are
        kept. Else it may have been an agent: what only sow may change is put back, and a task
        that was not at work is asked about. `ended`: a task whose agent has just ended. `only`:
        the one task to look at. Raises SowError.
        """
        at_work = self.drivers.at_work() | ({ended} if ended else set())
        if not at_work:
            self.store.keep_good_copies()
            return []
        found = self.store.put_right(at_work, only)
        for back in found:
            logs.warning("state put back", file=back.path, kept=back.kept, changes=back.changes)
            if back.task_id and not back.kept:
                bring_back_texts(self.store, back.task_id)
            if back.task_id and back.changes and back.task_id not in at_work:
                self._ask_about(back)
        return found

    def _ask_about(self, back: PutBack) -> None:
        """A task that was going to go on waits for a person, who may have made the change."""
        words = put_back_question(back)

        def change(current: Task) -> Change:
            if current.status not in (PENDING, IN_PROGRESS):
                return Change(task=current)
            paused = current.pause(words, kind="question", by="orchestrator", at=self.store.now())
            payload: TaskPaused = {"question": words, "kind": "question"}
            return Change(
                task=paused, events=(Event(type="task.paused", task_id=current.id, payload=payload),)
            )

        self.store.change_task(back.task_id, change)

    # -- settle -------------------------------------------------------------------------------

    def settle(self, live: Live, status: Exit | None) -> Settled:
        """Records the end of an attempt whose process is gone.

        1. whatever still bears its mark is ended; 2. its output is read to the end; 3. what was
        changed of the state beside sow is put right; 4. reports from its outbox are applied, and a
        session that it named is stored; 5. what it left uncommitted is committed; 6. the verdict
        becomes state; 7. the attempt's end is recorded. Repeating it after a kill does no harm.
        """
        self.runner.sweep(live.attempt.id)
        live.stopped = live.stopped or self._stopped_by(live.attempt.id)
        live.catch_up(self.clock(), final=True)
        with suppress(OSError):
            self.bound_output(live)
        ending = self._ending(live, status)
        cap = self._cap(live, ending)
        if live.stopped == "cap" and cap and isinstance(ending, base.Failed):
            ending = base.Failed(cap.kind, cap.fact)
        deferring.note(self.attempts.inbox(live.attempt.id), live.tally)
        put_back = self.know_state(ended=live.attempt.task_id)
        task = self._task_after(live.attempt)
        task = self.heed(live) or task
        self._find_session(live)
        self.keep_session(live)
        task, left_over = self._commit_leftovers(task)
        end = End(
            live.tally,
            ending,
            live.attempt.iteration,
            nudged=live.attempt.reason == "nudge",
            stopped=live.stopped,
            cap=cap,
            tried=live.tried,
            begun_at=live.attempt.created_at,
        )
        self._note_limit(live, ending)
        task, decision = self._judge(task, end, self.attempts.inbox(live.attempt.id))
        attempt = self._record_end(live, ending, status)
        logs.info(
            "turn settled",
            task=task.id,
            attempt=attempt.id,
            outcome=attempt.outcome,
            status=task.status,
            decision=type(decision).__name__,
            committed=left_over,
        )
        return Settled(task, decision, attempt, left_over, tuple(put_back))

    def gone(self, attempt: Attempt) -> Running:
        """The process of an attempt that has ended, as far as it was recorded."""
        identity = Identity(
            boot_id=attempt.boot_id or "", pid=attempt.pid or 0, start_ticks=attempt.start_ticks or 0
        )
        return Running(attempt.id, self.attempts.folder(attempt.id), identity)

    def bound_output(self, live: Live) -> bool:
        """Keeps what an attempt has printed within bounds; gives whether it is the first time.

        Raises OSError where the disk can't give anything back.
        """
        if not bounds.bound(live.running.folder, self.repository.transcript_bytes, live.tail.offset):
            return False
        before, live.is_cut = live.is_cut, True
        return not before

    def forget(self, attempt: Attempt) -> None:
        """Records that an attempt was never started: its orchestrator died before the process."""
        leases = self.drivers.of(attempt)
        self._close(attempt, leases, outcome="lost", message="its orchestrator was killed before it started")

    def stop(self, attempt: Attempt, running: Running, by: str) -> None:
        """Ends an attempt at somebody's word, which its settlement will find beside it."""
        files.write(f"{self.attempts.folder(attempt.id)}/stopped", by)
        self.runner.stop(running, self.repository.grace_seconds)

    def note_end(self, live: Live, why: str) -> None:
        """Notes why an attempt is to be ended, so that whoever settles it knows."""
        live.stopped = why
        files.write(f"{self.attempts.folder(live.attempt.id)}/stopped", why)

    def _cap(self, live: Live, ending: base.Finished | base.Failed) -> Reached | None:
        """The cap that an attempt had reached when it ended, be it that nobody saw it before."""
        if found := caps.from_note(live.stopped):
            live.stopped = "cap"
            return found
        # How long it ran, and what it held, nobody can tell any more.
        used = replace(live.used(self.clock()), seconds=0.0, memory=0)
        kind = ending.kind if isinstance(ending, base.Failed) else None
        return (kind and caps.by_its_own(live.caps, kind, used)) or caps.reached(live.caps, used)

    def _stopped_by(self, attempt: str) -> str:
        return files.text(f"{self.attempts.folder(attempt)}/stopped")

    def _ending(self, live: Live, status: Exit | None) -> base.Finished | base.Failed:
        folder = self.attempts.folder(live.attempt.id)
        cap = caps.from_note(live.stopped)
        ended = outfit.overdue(live.stopped, folder) or (cap and outfit.too_large(cap.fact, folder))
        if failure := ended or outfit.setup_failure(folder):
            live.stopped = "" if ended else live.stopped
            return base.Failed("setup_failed", outfit.told(failure, folder))
        if outfit.is_overdue(live.stopped):
            live.stopped = "interrupt"  # it was set up at the last moment: the agent may begin
        code = None if status is None else (-status.signal if status.signal else status.code)
        if live.tally.finished and live.stopped == "after result":
            code, live.stopped = 0, ""
        return live.reader.end(code, folders.end_of(f"{self.attempts.folder(live.attempt.id)}/stderr.log"))

    def _task_after(self, attempt: Attempt) -> Task:
        """The task as the worker left it; its last good state where the worker broke the file."""
        apply_outbox(self.store, f"{self.attempts.folder(attempt.id)}/outbox", attempt.task_id, attempt.id)
        try:
            return self.store.task(attempt.task_id)
        except Refused:
            restored = self.store.restore_last_good(attempt.task_id)
            if restored is None:
                raise
            return restored

    def _commit_leftovers(self, task: Task) -> tuple[Task, str | None]:
        """Commits what the agent left; work handed in that can't be merged so goes back at once, once."""
        try:
            return task, self.workspace.commit_leftovers(task)
        except commits.Unresolved as fault:
            words = (
                f"The merge in your worktree is not finished: {', '.join(fault.files)} still hold conflict "
                "markers. Resolve them so that both changes hold, `git add` them, and report again."
            )
        except commits.Astray as fault:
            words = (
                f"{fault}. What is reviewed and merged is that branch: bring your work onto it, "
                "and report again."
            )
        told = self.store.feedback(task)
        if task.status != NEEDS_REVIEW or (told and told[-1][1].strip() == words):
            return task, None  # whoever was told so before is a person's now
        return self._send_back(task, words), None

    def _send_back(self, task: Task, words: str) -> Task:
        def change(current: Task) -> Change:
            file = self.store.next_feedback(current)
            return sent_back(current, words, by="sow", at=self.store.now(), file=file)

        return self.store.change_task(task.id, change)

    def _judge(self, task: Task, end: End, folder: str) -> tuple[Task, Decision]:
        """The verdict as state, given under the task's lock: on what its file and its inbox say then."""
        given: list[Decision] = []

        def change(current: Task) -> Change:
            current = holding.without_heard(current, folder)
            given[:] = [verdict(current, end)]
            if has_gone_on(current, end):
                return Change(task=current)
            return judged(current, given[0], end, self.clock())

        return self.store.change_task(task.id, change), given[0]

    def _note_limit(self, live: Live, ending: base.Finished | base.Failed) -> None:
        """A limit that the attempt failed at holds for all that use the account."""
        if not isinstance(ending, base.Failed) or live.stopped:
            return
        if met := self.allowance.met(live.attempt, ending, live.tally.limit):
            executor, account = self._whose(live)
            payload: LimitReached = {
                "executor": executor, "account": account, "limit": met.limit, "until": stamp(met.until),
            }  # fmt: skip
            if met.model:
                payload["model"] = met.model
            self.store.tell(Event(type="limit.reached", task_id=live.attempt.task_id, payload=payload))

    def _record_end(self, live: Live, ending: base.Finished | base.Failed, status: Exit | None) -> Attempt:
        tally, folder = live.tally, self.attempts.folder(live.attempt.id)
        processor = max(live.usage.cpu_seconds, folders.cpu_seconds(folder) or 0.0)
        outcome: Outcome = "finished"
        if isinstance(ending, base.Failed):
            outcome = "stopped" if live.stopped else "lost" if status is None else "failed"
        ended = live.attempt.replace(
            outcome=outcome,
            error_class=ending.kind if isinstance(ending, base.Failed) else None,
            message=ending.message if isinstance(ending, base.Failed) else None,
            turns=ending.turns if isinstance(ending, base.Finished) else tally.turns or None,
            session_id=tally.session_id or live.attempt.session_id,
            cost_usd=tally.usd,
            input_tokens=tally.input_tokens,
            output_tokens=tally.output_tokens,
            cached_tokens=tally.cached_tokens,
            denials=[{"tool": d.tool, "detail": d.detail, "reason": d.reason} for d in tally.denied] or None,
            peak_memory=live.usage.peak_memory or None,
            cpu_seconds=round(processor, 2) or None,
            left_out=bounds.left_out(f"{folder}/{folders.TRANSCRIPT}") or None,
        )
        for denied in tally.denied:
            payload: ToolDenied = {"tool": denied.tool, "detail": denied.detail}
            self.store.tell(Event(type="tool.denied", task_id=ended.task_id, payload=payload))
        if tally.usd is not None or tally.input_tokens or tally.output_tokens:
            used: UsageUpdated = {
                "usd": tally.usd,
                "input_tokens": tally.input_tokens,
                "output_tokens": tally.output_tokens,
            }
            self.store.tell(Event(type="usage.updated", task_id=ended.task_id, payload=used))
        self._close(ended, live.leases, outcome=outcome, status=status)
        return ended

    def _close(
        self,
        attempt: Attempt,
        leases: tuple[lease.Lease, ...],
        *,
        outcome: Outcome,
        status: Exit | None = None,
        message: str = "",
    ) -> None:
        code = None if status is None else status.code
        self.attempts.keep(
            attempt.replace(
                ended_at=self.store.now(),
                outcome=outcome,
                exit_code=code,
                signal=None if status is None or status.signal is None else int(status.signal),
                message=attempt.message or message or None,
            )
        )
        for held in leases:
            held.release()
        payload: AttemptEnded = {"attempt": attempt.id, "outcome": outcome, "exit_code": code}
        if attempt.peak_memory is not None:
            payload["peak_memory"] = attempt.peak_memory
        if attempt.cpu_seconds is not None:
            payload["cpu_seconds"] = attempt.cpu_seconds
        self.store.tell(Event(type="attempt.ended", task_id=attempt.task_id, payload=payload))
