"""`sow agent`: one agent at a time, by hand or by an orchestrating agent."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from sow import adding, roles, sizes
from sow.attempt import Attempt, Attempts, seen
from sow.cli import completion, opening, quick
from sow.cli.commands import Group
from sow.cli.run import heard_signals
from sow.cli.text import given, plain
from sow.cli.watching import JsonFace, face
from sow.cli.words import age, aside, columns, resources_of
from sow.config import UserConfig, executor_of
from sow.edits import put_back_words
from sow.errors import NotFound, Refused, SowError, Usage
from sow.readable import NAME as READABLE
from sow.readable import words_of
from sow.recovery.restore import Restored, take_up
from sow.runner import bounds
from sow.runner.attempt import SETUP_LOG, TERMINAL, TRANSCRIPT, setting_up_for
from sow.runner.local import LocalRunner, Running
from sow.runner.terminal import TerminalRunner
from sow.runner.watch import Tail, Watcher
from sow.scheduler import Note, Outcome, Scheduler
from sow.task import COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task
from sow.visit import lines

if TYPE_CHECKING:
    from sow.turn import Turns

IMPLEMENTER = "implementer"
"""Who does what is only a prompt so far."""


@click.group(cls=Group)
def agent() -> None:
    """Drive one agent at a time."""


@agent.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that have ended, too.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def list_(settings: dict[str, Any], everything: bool, as_json: bool) -> None:
    """List the agents that run, and with --all every attempt there was.

    \b
    Example:  sow agent list --all
    """
    store = opening.store(settings["project"])
    attempts = Attempts(store.layout)
    listed, now = seen(a for a in attempts.all() if everything or not a.ended)
    rows = [_row(attempts, a, now[a.id].memory if a.id in now else None) for a in listed]
    if as_json:
        click.echo(json.dumps(rows))
        return
    if rows:
        click.echo(columns([_cells(row) for row in rows]))
    else:
        ended = "" if everything else "; those that ended: `sow agent list --all`"
        aside(settings, f"no agent runs{ended}")


@agent.command()
@click.argument("task_id", metavar="[ID]", required=False, shell_complete=completion.tasks)
@click.option(
    "--agent",
    "role",
    metavar="A",
    help="The role. [default: the task's own; implementer for a new task]",
    shell_complete=completion.agents,
)
@click.option(
    "--prompt", metavar="P|-", help="Say this instead of what the task calls for; - reads standard input."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def spawn(
    settings: dict[str, Any], task_id: str | None, role: str | None, prompt: str | None, as_json: bool
) -> int:  # fmt: skip
    """Start the agent of one task, and stay until its turn ends.

    Without ID it adds a task first: PROMPT is its description, and the first line of that its name.
    The exit code is 0 when the work is handed in or done, 5 when it waits for a person.

    \b
    Example:  sow agent spawn 010
              sow agent spawn --agent researcher --prompt "Find out why the build is slow"
    """
    if task_id is None and prompt is None:
        raise Usage(
            "ID and --prompt are both missing",
            'name a task: `sow agent spawn ID`, or say what to do: `sow agent spawn --prompt "..."`',
        )
    turns, reviewer = opening.decisions(settings["project"], verbose=settings["verbose"])
    words = given(prompt) or ""
    if task_id is None:
        task, words = _added(turns, words, role or IMPLEMENTER, as_json), ""
    else:
        task = _startable(turns, task_id, role or "")
    return _drive(settings, turns, reviewer, task, words, role or "", as_json)


def _startable(turns: Turns, task_id: str, role: str) -> Task:
    """The task of that id, if its agent can be started."""
    task = turns.store.task(task_id)
    if task.status not in (PENDING, IN_PROGRESS):
        raise Refused(f"task {task_id} is {task.status}: its agent can't be started", _next(task))
    if role:
        roles.check(role, turns.layout.main)
    opening.check_can_start(turns, task, role)
    return task


def _added(turns: Turns, prompt: str, role: str, as_json: bool) -> Task:
    """A new task, whose turn is ours: a run that sees it leaves it alone."""

    def check(task: Task) -> None:
        opening.check_can_start(turns, task)
        turns.drivers.reserve(task.id)

    task = adding.add(turns.store, adding.from_prompt(prompt, role), check=check)
    if as_json:
        JsonFace().note(Note("added", task, task.name))
    else:
        click.echo(plain(f"Added task [{task.id}] {task.name}"))
    return task


@agent.command()
@click.argument("task_id", metavar="[ID]", required=False, shell_complete=completion.tasks)
@click.argument("prompt", metavar="PROMPT", required=False)
@click.option(
    "--agent", "role", metavar="A", help="Another role than the task's own.", shell_complete=completion.agents
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_obj
def resume(
    settings: dict[str, Any], task_id: str | None, prompt: str | None, role: str | None, as_json: bool
) -> int:  # fmt: skip
    """Go on with the session of a task: PROMPT answers its question, or sends its work back.

    Without ID it is the task in whose worktree you are. PROMPT may be - for standard input.

    \b
    Example:  sow agent resume 020 "Use sqlite"
    """
    task_id, prompt = _meant(task_id, prompt)
    turns, reviewer = opening.decisions(settings["project"], verbose=settings["verbose"])
    task = turns.store.task(task_id)
    if role:
        roles.check(role, turns.layout.main)
    if task.status in (PAUSED, NEEDS_REVIEW, IN_PROGRESS):
        opening.check_can_start(turns, task, role or "")
        turns.drivers.reserve(task_id)
    words = ""
    match task.status:
        case "paused":
            done = reviewer.answer(task_id, prompt, by=opening.person())
            if done.reached:
                turns.drivers.let_go(task_id)
                return _follow(settings, turns, reviewer, done.reached, as_json)
            task = done.task
        case "needs_review":
            task = reviewer.send_back(task_id, prompt, by=opening.person())
        case "in_progress":
            words = prompt
        case _:
            raise Refused(f"task {task_id} is {task.status}: there is nothing to resume", _next(task))
    return _drive(settings, turns, reviewer, task, words, role or "", as_json)


@agent.command()
@click.argument("task_id", metavar="ID", shell_complete=completion.tasks)
@click.pass_obj
def attach(settings: dict[str, Any], task_id: str) -> int:
    """Open the session of a task on this terminal; no agent is started on it meanwhile.

    When you leave it, you are told what has changed: of the task, on its branch, and what was put back.

    \b
    Example:  sow agent attach 020
    """
    turns, _ = opening.decisions(settings["project"], verbose=settings["verbose"])
    visit = turns.attach(turns.store.task(task_id), TerminalRunner(base_env={}))
    click.echo(f"Back from the session of task {task_id}, which is {visit.after.status}.")
    for line in lines(visit):
        click.echo(plain(f"  {line}"))
    wrong = [put_back_words(back.path, back.kept, back.changes) for back in visit.put_back]
    for words in (*wrong, *visit.moved):
        click.echo(plain(f"! {words}"))
    return 0


@agent.command()
@click.argument("task_id", metavar="ID", shell_complete=completion.tasks)
@click.pass_obj
def stop(settings: dict[str, Any], task_id: str) -> None:
    """End the agent of a task, and all that it started; its session is kept.

    \b
    Example:  sow agent stop 020
    """
    turns = opening.turns(settings["project"], actor="person", verbose=settings["verbose"])
    turns.store.task(task_id)
    attempt, running = _running(turns.attempts, turns.runner, task_id)
    folder = turns.attempts.folder(attempt.id)
    with Watcher() as watcher:
        watcher.add_folder(folder)
        turns.stop(attempt, running, "person")
        if turns.drivers.driven(task_id):
            # Whoever drives it settles it: its word is waited for, so that what we print is so.
            end = time.monotonic() + 10
            while not turns.attempts.read(attempt.id).ended and time.monotonic() < end:
                watcher.wait(end - time.monotonic())
    if not turns.attempts.read(attempt.id).ended and not turns.drivers.driven(task_id):
        take_up(turns, attempt, Restored())
    click.echo(f"Stopped the agent of task {task_id}, which is {turns.store.task(task_id).status} now")


@agent.command()
@click.argument("task_id", metavar="ID", shell_complete=completion.tasks)
@click.option("-f", "--follow", is_flag=True, help="Stay, and print what it says until it ends.")
@click.option("--raw", is_flag=True, help="What the CLI printed, as it printed it.")
@click.pass_obj
def logs(settings: dict[str, Any], task_id: str, follow: bool, raw: bool) -> None:
    """Read what the agent of a task said and did.

    \b
    Example:  sow agent logs 020 -f
    """
    store = opening.store(settings["project"])
    store.task(task_id)
    attempts = Attempts(store.layout)
    for attempt in attempts.of_task(task_id):
        if not raw:
            click.echo(head(attempts, attempt))
        _print_transcript(attempts, attempt, follow=follow and not attempt.ended, raw=raw)


@agent.command()
@click.argument("text")
@click.option(
    "--id",
    "task_id",
    metavar="ID",
    help="The task. [default: a worker's own]",
    shell_complete=completion.tasks,
)
@click.pass_obj
def log(settings: dict[str, Any], text: str, task_id: str | None) -> None:  # fmt: skip
    """Note TEXT in a task's log; a worker in that of its own.

    \b
    Example:  sow agent log "The old tests expected the bug"
    """
    quick.log(text, task_id, wanted=settings["project"])


def _meant(task_id: str | None, prompt: str | None) -> tuple[str, str]:
    """The task and the prompt of `resume [ID] PROMPT`."""
    if prompt is None:
        # The shell gives the only word to the first place.
        task_id, prompt = None, task_id
    if prompt is None or (task_id is None and _is_id(prompt)):
        raise Usage("PROMPT is missing", "see `sow agent resume --help`")
    if task_id is None and os.environ.get("SOW_ATTEMPT_ID"):
        raise Usage(
            "which task? an agent can't resume itself",
            'name the other one by its id: `sow agent resume ID "..."`',
        )
    return opening.own_task(task_id), given(prompt) or ""


def _is_id(word: str) -> bool:
    return len(word) == 3 and word.isascii() and word.isdigit()


def _drive(
    settings: dict[str, Any], turns: Any, reviewer: Any, task: Task, prompt: str, role: str, as_json: bool
) -> int:
    return _seen_through(
        settings, turns, reviewer, task, lambda scheduler: scheduler.drive(task, prompt=prompt, agent=role),
        as_json,
    )  # fmt: skip


def _follow(settings: dict[str, Any], turns: Any, reviewer: Any, attempt: Attempt, as_json: bool) -> int:
    """Follows a process that was answered and goes on."""
    task = turns.store.task(attempt.task_id)
    return _seen_through(
        settings, turns, reviewer, task, lambda scheduler: scheduler.follow(attempt), as_json
    )  # fmt: skip


def _seen_through(
    settings: dict[str, Any], turns: Any, reviewer: Any, task: Task,
    act: Callable[[Scheduler], Outcome], as_json: bool,
) -> int:  # fmt: skip
    with Watcher() as watcher, face([task], as_json=as_json, quiet=settings["quiet"]) as shown:
        scheduler = Scheduler(turns, reviewer, watcher, 1, watch=shown.note)
        with heard_signals(scheduler):
            outcome = act(scheduler)
    now = outcome.tasks[0]
    if outcome.interrupted:
        return 130
    if not as_json:
        click.echo(
            f"Task {now.id} is {now.status}" + (f": {plain(now.question['text'])}" if now.question else "")
        )
    return {NEEDS_REVIEW: 0, COMPLETED: 0, PAUSED: 5}.get(now.status, 1)


def head(attempts: Attempts, attempt: Attempt) -> str:
    """The line above what an attempt did: which it is, when, how it ended, how much of it is not there."""
    cut = bounds.left_out(f"{attempts.folder(attempt.id)}/{TRANSCRIPT}")
    parts = [attempt.created_at, attempt.outcome, f"{sizes.told(cut)} in its middle left out" if cut else ""]
    return f"--- {attempt.id} {attempt.action} ({attempt.reason}) {', '.join(filter(None, parts))}"


def _print_transcript(attempts: Attempts, attempt: Attempt, *, follow: bool, raw: bool) -> None:
    lines = _lines(attempts, attempt, follow) if raw else readable_lines(attempts, attempt, follow=follow)
    for line in lines:
        print(line if raw else plain(line), flush=follow)


def readable_lines(attempts: Attempts, attempt: Attempt, *, follow: bool = False) -> Iterator[str]:
    """What an attempt did, as a person reads it: its setup, then what its agent said and did."""
    folder = attempts.folder(attempt.id)
    yield from Tail(f"{folder}/{SETUP_LOG}").read(final=True)
    if os.path.exists(f"{folder}/{TERMINAL}"):
        yield f"  it was on a terminal, all of which is in {folder}/{TERMINAL}"
    if attempt.ended and os.path.exists(f"{folder}/{READABLE}"):
        yield from Tail(f"{folder}/{READABLE}").read(final=True)
        return
    try:
        choice = UserConfig.read(os.environ).named(attempt.executor, f"attempt {attempt.id}")
        reader = executor_of(choice).reader(attempt.session_id)
    except SowError as fault:
        sys.stderr.write(f"sow: {fault}\n")
        return
    for line in _lines(attempts, attempt, follow):
        yield from filter(None, map(words_of, reader.read(line)))


def _lines(attempts: Attempts, attempt: Attempt, follow: bool) -> Iterator[str]:
    folder = attempts.folder(attempt.id)
    tail = Tail(f"{folder}/transcript.jsonl")
    if not follow:
        yield from tail.read(final=True)
        return
    with Watcher() as watcher:
        watcher.add_folder(folder)
        while not attempts.read(attempt.id).ended:
            yield from tail.read()
            watcher.wait()
    yield from tail.read(final=True)


def _row(attempts: Attempts, attempt: Attempt, memory: int | None) -> dict[str, Any]:
    folder = attempts.folder(attempt.id)
    state = attempt.outcome or ("running" if _look(attempts, attempt) else "ended")
    return {
        "id": attempt.id,
        "task": attempt.task_id,
        "agent": attempt.agent,
        "executor": attempt.executor,
        "session_id": attempt.session_id,
        "state": state,
        "setting_up": setting_up_for(folder, time.time()) if state == "running" else None,
        "pid": attempt.pid if state == "running" else None,
        "created_at": attempt.created_at,
        "ended_at": attempt.ended_at,
        "cost_usd": attempt.cost_usd,
        "turns": attempt.turns,
        "memory": memory,
        "peak_memory": attempt.peak_memory,
        "cpu_seconds": attempt.cpu_seconds,
        "message": attempt.message,
        "left_out": attempt.left_out,
    }


def _cells(row: dict[str, Any]) -> list[object]:
    cost = f"${row['cost_usd']:.4f}" if row["cost_usd"] is not None else ""
    took = row["setting_up"]
    state = row["state"] if took is None else f"setting up, {age(took)}"
    return [row["id"], row["agent"], row["executor"], state, row["pid"] or "", cost, resources_of(row)]


def _look(attempts: Attempts, attempt: Attempt) -> bool:
    return isinstance(LocalRunner(base_env={}).look(attempts.folder(attempt.id)), Running)


def _running(attempts: Attempts, runner: LocalRunner, task_id: str) -> tuple[Attempt, Running]:
    for attempt in attempts.open():
        if attempt.task_id == task_id:
            match runner.look(attempts.folder(attempt.id)):
                case Running() as running:
                    return attempt, running
                case _:
                    continue
    raise NotFound(f"no agent of task {task_id} runs", "see those that do: `sow agent list`")


def _next(task: Task) -> str:
    return {
        PENDING: f"start it: `sow agent spawn {task.id}`",
        PAUSED: f'answer it: `sow agent resume {task.id} "..."`',
        NEEDS_REVIEW: f'`sow task approve {task.id}`, or send it back: `sow agent resume {task.id} "..."`',
        COMPLETED: "a completed task stays as it is: add another one with `sow task add`",
    }.get(task.status, f"take it up again: `sow task retry {task.id}`")
