"""A turn begun, or taken on from an orchestrator that is gone: first its state, then its process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sow_schemas
from sow import caps, deferring, eventlog, holding, logs, opened, prompts, record
from sow.attempt import Attempt
from sow.caps import Caps
from sow.change import Change, Event
from sow.clock import is_unset, moment
from sow.config import ExecutorChoice, executor_of
from sow.config.executor import settings_of_turn
from sow.errors import Busy, SowError
from sow.runner import attempt as folders
from sow.runner.attempt import MissingFolder
from sow.runner.local import Running
from sow.runner.watch import Tail
from sow.task import Task
from sow.turn import beside, closing, prompting, sessions, surroundings
from sow.turn.live import Live
from sow.turn.means import Means
from sow.usage import Usage, waited
from sow_executors import base

if TYPE_CHECKING:
    from sow_schemas.documents import AttemptStarted, Reason


def begin(
    means: Means,
    task: Task,
    *,
    reason: Reason | None = None,
    tried: tuple[str, ...] = (),
    prompt: str = "",
    agent: str = "",
) -> Live:
    """Starts an agent on a task, in the steps that `Turns.begin` tells of."""
    if agent and agent != task.assigned_agent:
        task = task.replace(assigned_agent=agent)
    surroundings.check_alone(means, task.id)
    means.drivers.check_free(task.id)
    beside.know_state(means, only=task.id)
    choice = sessions.choice(means, task)
    executor = executor_of(choice)
    is_remade = closing.is_homeless(task)
    folder, branch, start = means.workspace.prepare(task)
    found = _found(means, task)
    session, action = sessions.of_turn(means, task, executor, tried)
    if session and action == "resume":
        opened.check(executor, session, sessions.passed(means, executor), task.id, now=means.clock())
    block = surroundings.ports_of(means, task)
    allowed = _caps(means, choice, task.assigned_agent)
    carried = deferring.carried(means.attempts, task)

    attempt_id = means.attempts.reserve(task.id, task.iteration)
    scratch = means.attempts.folder(attempt_id)
    variables = surroundings.environment_of(means, task, attempt_id, executor, block)
    tools = surroundings.tools(means, executor, choice, variables, scratch)
    reason = reason or prompting.reason_of(means, task, action)
    said = prompt or prompting.prompt_of(means, task, action, reason, carried)
    turn = base.Turn(
        prompt=said
        + (f"\n\n{prompts.REMADE}" if is_remade and said and action == "resume" else "")
        + (f"\n\n{prompts.own_ports(block.count)}" if block and action == "spawn" else "")
        + (f"\n\n{prompts.OWN_TOOLS}" if tools and action == "spawn" else "")
        + prompting.by_file(means, executor, choice, attempt_id),
        folder=folder,
        scratch=scratch,
        session_id=session,
        role=task.assigned_agent,
        task_id=task.id,
        settings=settings_of_turn(executor, choice.settings, allowed),
        custom_args=choice.custom_args,
        params=task.params or {},
        writable=(means.layout.task(task.phase, task.id), means.layout.runtime),
        allowed_commands=("sow", *means.repository.checks),
        grace_seconds=means.repository.grace_seconds,
        verdict=carried.verdict_for(action) if carried else None,
        granted=deferring.granted(means.attempts, task),
        late_answers=holding.late_answers(means.attempts, task),
        tools=tools,
    )
    bare = surroundings.command(means, executor, turn, action, choice.name)
    command = surroundings.made_ready(means, bare, turn)
    # Before the record: one without a living driver is taken for a killed one's.
    leases = surroundings.take_leases(means, task.id, session, attempt_id)
    attempt = means.attempts.keep(
        Attempt(
            id=attempt_id,
            task_id=task.id,
            agent=task.assigned_agent,
            executor=choice.name,
            session_id=session,
            iteration=task.iteration,
            action=action,
            reason=reason,
            run_id=means.run_id,
            folder=folder,
            argv=list(command.argv),
            created_at=means.store.now(),
        )
    )
    reader, goes_on = sessions.reader(means, executor, attempt), session if action == "resume" else None
    written = record.of(executor, reader, goes_on, folder, sessions.passed(means, executor))
    try:
        task = _store_start(means, task, session, choice.name, folder, branch, start)
        try:
            running = means.runner.start(command, attempt_id, turn.scratch, variables)
        except MissingFolder:
            # Somebody removed it just now. Nothing was begun: it is made again, once.
            means.workspace.prepare(task)
            command = surroundings.made_ready(means, bare, turn)
            running = means.runner.start(command, attempt_id, turn.scratch, variables)
    except SowError as fault:
        closing.close(means, attempt, leases, outcome="failed", message=str(fault))
        raise
    leases = (leases[0], *(held.hand_to(running.identity) for held in leases[1:]))
    attempt = _started(means, attempt, running, choice, task)
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
        _tail(means, attempt_id),
        leases,
        (*tried, action),
        quiet_since=means.clock(),
        setting_up=folders.is_setting_up(running.folder),
        began=means.clock(),
        caps=allowed,
        usage=Usage(means.clock()),
        written=written,
        found=found,
        task=task,
    )


def adopt(means: Means, attempt: Attempt, running: Running) -> Live:
    """The attempt of an earlier orchestrator, taken on as if it were ours."""
    choice = means.user.named(attempt.executor, f"attempt {attempt.id}")
    executor = executor_of(choice)
    reader, goes_on = sessions.reader(means, executor, attempt), attempt.session_id
    goes_on = goes_on if attempt.action == "resume" else None
    return Live(
        attempt,
        running,
        reader,
        _tail(means, attempt.id),
        means.drivers.adopt(attempt, running.identity),
        ("resume", attempt.action),
        quiet_since=means.clock(),
        setting_up=folders.is_setting_up(running.folder),
        began=folders.setup_began(running.folder) or moment(attempt.created_at),
        caps=_caps(means, choice, attempt.agent),
        usage=_used_before(means, attempt, running.folder),
        written=record.of(executor, reader, goes_on, attempt.folder, sessions.passed(means, executor)),
    )


def _store_start(
    means: Means,
    task: Task,
    session: str | None,
    executor: str,
    folder: str,
    branch: str | None,
    start: str | None,
) -> Task:
    now = means.store.now()

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

    return means.store.change_task(task.id, change)


def _started(means: Means, attempt: Attempt, running: Running, choice: ExecutorChoice, task: Task) -> Attempt:
    identity = running.identity
    kept = means.attempts.keep(
        attempt.replace(
            started_at=means.store.now(),
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
    means.store.tell(Event(type="attempt.started", task_id=task.id, payload=payload))
    return kept


def _found(means: Means, task: Task) -> tuple[str, ...]:
    """What lies uncommitted in a task's worktree, though at the end of its last turn nothing did."""
    last = next(reversed(means.attempts.of_task(task.id)), None)
    return means.workspace.uncommitted(task) if last and last.ended else ()


def _caps(means: Means, choice: ExecutorChoice, role: str) -> Caps:
    """How much an attempt may use: the less of what the executor and the repository allow."""
    return caps.lowest(choice.caps, means.repository.caps.for_role(role))


def _used_before(means: Means, attempt: Attempt, folder: str) -> Usage:
    """What an attempt has used that another run began: its own record and the event log tell."""
    begun = folders.setup_ended(folder) or moment(attempt.started_at or attempt.created_at)
    waits = waited(_events_of(means, attempt.task_id), begun)
    return Usage(begun, *waits, peak_memory=attempt.peak_memory or 0, cpu_seconds=attempt.cpu_seconds or 0.0)


def _events_of(means: Means, task_id: str) -> Iterator[dict[str, Any]]:
    """The events of a task; whatever else an agent wrote into the log is none."""
    for line in means.store.log.lines():
        event = eventlog.parse(line)
        if event and event.get("task_id") == task_id and sow_schemas.valid("event", event):
            yield event


def _tail(means: Means, attempt: str) -> Tail:
    return Tail(f"{means.attempts.folder(attempt)}/transcript.jsonl")
