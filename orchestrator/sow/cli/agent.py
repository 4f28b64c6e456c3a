"""`sow agent`: one agent at a time, by hand or by an orchestrating agent."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening
from sow.cli.commands import Group
from sow.cli.run import heard_signals
from sow.cli.text import given, plain
from sow.cli.watching import face
from sow.cli.words import age, aside, columns, resources_of
from sow.errors import Usage

if TYPE_CHECKING:
    from sow.api.attempts import Attempt
    from sow.api.running import Driven, Watch
    from sow.api.stop import Stop
    from sow.scheduler.telling import Note


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
    rows = opening.project(settings).attempts(ended=everything)
    if as_json:
        click.echo(json.dumps([row.as_json() for row in rows]))
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
    project = opening.project(settings)
    words = given(prompt) or ""
    if task_id is None:
        return _seen_through(
            settings,
            as_json,
            lambda watch, stop: project.spawn(words, agent=role or "", watch=watch, stop=stop),
        )
    task = project.task(task_id)
    return _seen_through(
        settings, as_json, lambda watch, stop: task.spawn(words, agent=role or "", watch=watch, stop=stop)
    )


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
    task_id, words = _meant(task_id, prompt)
    task = opening.project(settings).task(task_id)
    return _seen_through(
        settings, as_json, lambda watch, stop: task.resume(words, agent=role or "", watch=watch, stop=stop)
    )


@agent.command()
@click.argument("task_id", metavar="ID", shell_complete=completion.tasks)
@click.pass_obj
def attach(settings: dict[str, Any], task_id: str) -> int:
    """Open the session of a task on this terminal; no agent is started on it meanwhile.

    When you leave it, you are told what has changed: of the task, on its branch, and what was put back.

    \b
    Example:  sow agent attach 020
    """
    visit = opening.project(settings).task(task_id).attach()
    click.echo(f"Back from the session of task {task_id}, which is {visit.after.status}.")
    for line in visit.lines:
        click.echo(plain(f"  {line}"))
    for words in visit.wrong:
        click.echo(plain(f"! {words}"))
    return 0


@agent.command()
@click.argument("task_id", metavar="ID", shell_complete=completion.tasks)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def stop(settings: dict[str, Any], task_id: str, as_json: bool) -> None:
    """End the agent of a task, and all that it started; its session is kept.

    \b
    Example:  sow agent stop 020
    """
    stopped = opening.project(settings).task(task_id).stop()
    words = f"Stopped the agent of task {task_id}, which is {stopped.status} now"
    click.echo(json.dumps(stopped.document()) if as_json else words)


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
    for line in opening.project(settings).task(task_id).transcript(raw=raw, follow=follow):
        print(line if raw else plain(line), flush=follow)


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
    opening.project(settings).task(task_id).log(text)


def _meant(task_id: str | None, prompt: str | None) -> tuple[str, str]:
    """The task and the prompt of `resume [ID] PROMPT`."""
    if prompt is None:
        # The shell gives the only word to the first place.
        task_id, prompt = None, task_id
    if prompt is None or (task_id is None and _is_id(prompt)):
        raise Usage("PROMPT is missing", "see `sow agent resume --help`")
    if task_id is None and opening.caller().attempt:
        raise Usage(
            "which task? an agent can't resume itself",
            'name the other one by its id: `sow agent resume ID "..."`',
        )
    return opening.caller().own_task(task_id), given(prompt) or ""


def _is_id(word: str) -> bool:
    return len(word) == 3 and word.isascii() and word.isdigit()


def _seen_through(settings: dict[str, Any], as_json: bool, act: Callable[[Watch, Stop], Driven]) -> int:
    """Shows a turn while it goes on, and how it ended; gives the exit code."""
    with face(None, as_json=as_json, quiet=settings["quiet"]) as shown, heard_signals() as stop:

        def watch(note: Note) -> None:
            if note.kind == "added" and note.task and not as_json:
                click.echo(plain(f"Added task [{note.task.id}] {note.task.name}"))
            else:
                shown.note(note)

        done = act(watch, stop)
    now = done.task
    if not as_json and not done.interrupted:
        click.echo(
            f"Task {now.id} is {now.status}" + (f": {plain(now.question['text'])}" if now.question else "")
        )
    return done.exit_code


def _cells(row: Attempt) -> list[object]:
    cost = f"${row.cost_usd:.4f}" if row.cost_usd is not None else ""
    state = row.state if row.setting_up is None else f"setting up, {age(row.setting_up)}"
    return [row.id, row.agent, row.executor, state, row.pid or "", cost, resources_of(row.as_json())]
