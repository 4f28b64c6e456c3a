"""`sow task`: add, change, ask, answer, approve ...; for persons, and for agents about their own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sow.cli import artifact, completion, opening, pairs, workspace
from sow.cli.commands import Group
from sow.cli.text import given
from sow.cli.words import check_value, details, overview, spent, tell_broken
from sow.errors import Failed, Refused, Usage, Waits
from sow.task import PRIORITIES

if TYPE_CHECKING:
    from sow.api.task import Task
    from sow.review import Answered, Approved
    from sow.task import Task as TaskState
    from sow_schemas.documents import Priority

F = TypeVar("F", bound=Callable[..., Any])


def _id_option(command: F, complete: completion.Complete = completion.tasks) -> F:
    return click.option(
        "--id", "task_id", metavar="ID", help="The task. [default: a worker's own]", shell_complete=complete
    )(command)


def _any_id_option(command: F) -> F:
    return _id_option(command, completion.any_tasks)


def _any_id_argument(command: F) -> F:
    return click.argument("task_id", metavar="ID", shell_complete=completion.any_tasks)(command)


def _id_argument(command: F) -> F:
    return click.argument("task_id", metavar="ID", shell_complete=completion.tasks)(command)


def _json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


@click.group(cls=Group)
def task() -> None:
    """Add, change, ask, answer, approve, move and remove tasks."""


@task.command()
@click.argument("name", required=False)
@click.option(
    "--agent",
    metavar="A",
    help="Who does it: implementer, reviewer, planner ... A project's task needs it.",
    shell_complete=completion.agents,
)
@click.option("--description", metavar="D|-", help="What to do; - reads standard input. [default: the name]")
@click.option(
    "--id",
    "task_id",
    metavar="ID",
    help="Three digits; of a task file, any. [default: the next free ten, or a new one]",
)
@click.option(
    "--phase",
    metavar="P",
    help="Where it goes. [default: that of the project's state, or the first with tasks]",
    shell_complete=completion.phases_with_tasks,
)
@click.option(
    "--depends-on",
    multiple=True,
    metavar="ID",
    help="Starts after this task; repeatable.",
    shell_complete=completion.tasks,
)
@click.option("--priority", type=click.Choice(PRIORITIES), help="[default: normal]")
@click.option(
    "--type", "task_type", metavar="T", help="The type of task.", shell_complete=completion.task_types
)
@click.option(
    "--param", "params", multiple=True, metavar="K=V", help="A parameter, its value as YAML; repeatable."
)
@click.option(
    "--stage",
    "stages",
    multiple=True,
    metavar="S",
    help="Of a task file: a stage of its pipeline, in their order; repeatable.",
    shell_complete=completion.stages,
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="NAME=PATH",
    help="Of a task file: what it takes in; repeatable.",
)
@click.option(
    "--output",
    "outputs",
    multiple=True,
    metavar="KIND=PATH",
    help="Of a task file: what it brings out; repeatable.",
)
@_json_option
@click.pass_obj
def add(
    settings: dict[str, Any], name: str | None, agent: str | None, description: str | None,
    task_id: str | None, phase: str | None, depends_on: tuple[str, ...], priority: Priority | None,
    task_type: str | None, params: tuple[str, ...], stages: tuple[str, ...], inputs: tuple[str, ...],
    outputs: tuple[str, ...], as_json: bool,
) -> None:  # fmt: skip
    """Add a task to the project, or where there are task files, queue one more.

    \b
    Example:  sow task add "JWT middleware" --agent implementer --depends-on 010 --priority high
              sow task add "Fix login" --agent implementer --description - < description.md
              sow task add --stage asr --stage refine --input media=workspace/inbox/a.mp3
    """
    if place := workspace.here(settings) or (workspace.for_first(settings) if stages else None):
        of_projects = {
            "NAME": name, "--agent": agent, "--description": description, "--phase": phase,
            "--depends-on": depends_on, "--priority": priority, "--param": params,
        }  # fmt: skip
        _check_none(of_projects, "the tasks of a project", "name the stages of a task file: --stage S")
        workspace.add(
            place, stages, task_id, inputs=inputs, outputs=outputs, task_type=task_type, as_json=as_json
        )
        return
    of_files = {"--stage": stages, "--input": inputs, "--output": outputs}
    way = "of a project: `sow task add NAME --agent A`; for task files make `tasks/`"
    _check_none(of_files, "task files", way)
    if name is None or agent is None:
        missing = "NAME" if name is None else "--agent"
        raise Usage(f"{missing} is missing", "see `sow task add --help`")
    project = opening.project(settings)
    added = project.add(
        name, agent=agent, description=given(description) or "", id=task_id, phase=phase,
        depends_on=depends_on, priority=priority, type=task_type, params=pairs.read("--param", params),
    ).state()  # fmt: skip
    click.echo(json.dumps(added.document()) if as_json else f"Added task [{added.id}] {added.name}")


def _check_none(values: Mapping[str, object], whose: str, hint: str) -> None:
    """Raises Usage where one of these was given, which are for something else."""
    if wrong := next((word for word, value in values.items() if value not in (None, ())), ""):
        raise Usage(f"{wrong} is for {whose}", hint)


@task.command("set")
@click.argument("field", shell_complete=completion.fields)
@click.argument("value", required=False, shell_complete=completion.values)
@_id_option
@click.option("--string", "text", is_flag=True, help="Take VALUE as text, whatever it looks like.")
@click.option("--unset", is_flag=True, help="Remove the field.")
@_json_option
@click.pass_obj
def set_(
    settings: dict[str, Any], field: str, value: str | None, task_id: str | None, text: bool, unset: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Set FIELD of a task to VALUE; FIELD may be a dotted path.

    An agent says `sow task set status needs_review` when its work is done. VALUE is read by
    the field's type; in metadata and params it is YAML.

    \b
    Example:  sow task set priority high --id 020
              sow task set metadata.complexity.level 3 --id 020
    """
    check_value("sow task set", field, value, unset)
    chosen = opening.project(settings).task(task_id)
    if value is None:
        chosen.unset(field)
    else:
        chosen.set(field, value, text=text)
    if as_json:
        click.echo(json.dumps(chosen.state().document()))


@task.command("list")
@_json_option
@click.pass_obj
def list_(settings: dict[str, Any], as_json: bool) -> None:
    """List the project's tasks, or where there are task files, those.

    \b
    Example:  sow task list --json
    """
    if place := workspace.here(settings):
        workspace.tasks(place, as_json=as_json)
        return
    held = opening.project(settings).tasks()
    if as_json:
        tell_broken(held.broken)
        click.echo(json.dumps([t.shown() for t in held.tasks]))
    else:
        click.echo(overview(held))


def _show(settings: dict[str, Any], task_id: str | None, as_json: bool) -> None:
    if place := workspace.here(settings):
        workspace.show(place, task_id, as_json=as_json)
        return
    page = opening.project(settings).task(task_id).page()
    if as_json:
        click.echo(json.dumps(page.as_json()))
        return
    click.echo(details(page.state))
    if words := spent(page.used):
        click.echo(f"Used: {words}")
    if text := page.description.strip():
        click.echo(f"\n{text}")
    for each in page.feedback:
        click.echo(f"\nFeedback {each.name}:\n{each.text.rstrip()}")


@task.command()
@click.argument("task_id", metavar="[ID]", required=False, shell_complete=completion.any_tasks)
@_json_option
@click.pass_obj
def show(settings: dict[str, Any], task_id: str | None, as_json: bool) -> None:
    """Show one task: its state, its description, its feedback; of a task file, its stages and files.

    \b
    Example:  sow task show 020
    """
    _show(settings, task_id, as_json)


@task.command()
@_any_id_option
@_json_option
@click.pass_obj
def status(settings: dict[str, Any], task_id: str | None, as_json: bool) -> None:
    """Show one task's state.

    \b
    Example:  sow task status --id 020
    """
    _show(settings, task_id, as_json)


@task.command()
@click.argument("question")
@click.option("--option", "options", multiple=True, metavar="O", help="A possible answer; repeatable.")
@click.option("--wait", is_flag=True, help="Stay until the answer comes, and print it.")
@_id_option
@_json_option
@click.pass_obj
def ask(
    settings: dict[str, Any], question: str, options: tuple[str, ...], wait: bool, task_id: str | None,
    as_json: bool,
) -> int:  # fmt: skip
    """Ask a person: the task is paused with QUESTION until the answer comes.

    For an agent, about its own task. It should stop after it; the answer comes in the same session.
    With --wait the agent can go on with the answer at once: it is printed, alone, when it comes. If
    the command is ended before that, the question stays, and the answer comes as without --wait.

    \b
    Example:  sow task ask "Which database?" --option sqlite --option postgres
              sow task ask "Which port?" --wait
    """
    asking = opening.project(settings).task(task_id)
    if wait:
        return _ask_and_wait(asking, question, options, task_id, as_json)
    asking.ask(question, options)
    if as_json:
        click.echo(json.dumps({"id": asking.id, "question": question, "options": list(options)}))
    else:
        click.echo(f"Task {asking.id} is paused with your question.{_stop(task_id)}")
    return 0


def _ask_and_wait(
    asking: Task, question: str, options: tuple[str, ...], task_id: str | None, as_json: bool
) -> int:
    answer = asking.ask(question, options, wait=True)
    if answer is None:
        click.echo(f"The sandbox allows no waiting: the question stands.{_stop(None)}", err=True)
        return Waits.exit_code
    told = {"id": asking.id, "answer": answer.text, "by": answer.by, "at": answer.at}
    click.echo(json.dumps(told) if as_json else answer.text)
    return 0


def _stop(task_id: str | None) -> str:
    own = opening.caller().is_own(task_id)
    return " Stop now: the answer comes in this session." if own else ""


@task.command()
@_id_argument
@click.argument("text")
@_json_option
@click.pass_obj
def answer(settings: dict[str, Any], task_id: str, text: str, as_json: bool) -> None:
    """Answer a paused task: its agent hears it at once where it waits, else with the next `sow run`.

    To a request for permission, an option, its number or a plain yes or no is heard as such; any
    other words are a no, and are told to the agent.

    \b
    Example:  sow task answer 020 "Use sqlite"
    """
    done = opening.project(settings).task(task_id).answer(given(text) or "")
    _tell(done.task, answered(done), as_json)


@task.command()
@_id_argument
@click.argument("text", metavar="[TEXT|-]", required=False)
@click.option(
    "--file", "file", type=click.Path(exists=True, dir_okay=False), help="Read the feedback from here."
)
@_json_option
@click.pass_obj
def feedback(
    settings: dict[str, Any], task_id: str, text: str | None, file: str | None, as_json: bool
) -> None:
    """Send a task back with feedback: the next iteration, in the same session.

    \b
    Example:  sow task feedback 030 "Handle empty input"
              sow task feedback 030 --file notes.md
    """
    if (text is None) == (file is None):
        raise Usage(
            "give the feedback as TEXT or as --file, one of them", f"`sow task feedback {task_id} TEXT`"
        )
    words = given(text) if file is None else _file(file)
    back = opening.project(settings).task(task_id).send_back(words or "")
    words = f"Sent task {task_id} back: iteration {back.iteration} begins with the next `sow run`"
    _tell(back, words, as_json)


@task.command()
@_id_argument
@_json_option
@click.pass_obj
def approve(settings: dict[str, Any], task_id: str, as_json: bool) -> None:
    """Approve a task: its branch is merged into the project's, and it is completed.

    \b
    Example:  sow task approve 010
    """
    tell_approved(opening.project(settings).task(task_id).approve(), as_json=as_json)


@task.command()
@_id_argument
@_json_option
@click.pass_obj
def accept(settings: dict[str, Any], task_id: str, as_json: bool) -> None:
    """Take what is there as the result, and approve it: for a task that is paused or unfinished.

    \b
    Example:  sow task accept 020
    """
    tell_approved(opening.project(settings).task(task_id).accept(), as_json=as_json)


@task.command()
@_id_argument
@click.option("--reason", default="by a person", metavar="TEXT", help="Why, for the log.")
@_json_option
@click.pass_obj
def abandon(settings: dict[str, Any], task_id: str, reason: str, as_json: bool) -> None:
    """Abandon a task; its branch and worktree stay, nothing is deleted.

    \b
    Example:  sow task abandon 040 --reason "no longer needed"
    """
    gone = opening.project(settings).task(task_id).abandon(reason)
    _tell(gone, f"Abandoned task {task_id}; take it up again with `sow task retry {task_id}`", as_json)


@task.command()
@_any_id_argument
@_json_option
@click.pass_obj
def cancel(settings: dict[str, Any], task_id: str, as_json: bool) -> None:
    """Cancel a task file that is queued or running; a stage that runs is ended.

    A task of a project is abandoned instead.

    \b
    Example:  sow task cancel subtitle_pipeline_001
    """
    if place := workspace.here(settings):
        workspace.cancel(place, task_id, as_json=as_json)
        return
    known = opening.project(settings).task(task_id).state()
    raise Refused(f"task {known.id} is no task file", f"in a project: `sow task abandon {known.id}`")


@task.command()
@_any_id_argument
@click.option("--fresh", is_flag=True, help="In a new session, with what happened before told to it.")
@_json_option
@click.pass_obj
def retry(settings: dict[str, Any], task_id: str, fresh: bool, as_json: bool) -> None:
    """Put a paused, waiting or abandoned task back among those that `sow run` starts.

    One that waits for the limit of its account is tried at once; where it works, so are the others.
    A task file that failed or was canceled is queued again.

    \b
    Example:  sow task retry 020 --fresh
    """
    if place := workspace.here(settings):
        workspace.retry(place, task_id, fresh=fresh, as_json=as_json)
        return
    again = opening.project(settings).task(task_id).retry(fresh=fresh)
    spite = ", in spite of its account's limit" if again.in_spite else ""
    words = f"Task {task_id} is pending: it starts with the next `sow run`{spite}"
    _tell(again.task, words, as_json)


@task.command()
@_id_argument
@click.option(
    "--phase", required=True, metavar="P", help="Where it goes.", shell_complete=completion.phases_with_tasks
)
@_json_option
@click.pass_obj
def move(settings: dict[str, Any], task_id: str, phase: str, as_json: bool) -> None:
    """Move a task to another phase, while no agent is at work on it.

    \b
    Example:  sow task move 020 --phase finalization
    """
    moved = opening.project(settings).task(task_id).move(phase)
    _tell(moved, f"Task [{moved.id}] is in phase {moved.phase}", as_json)


@task.command()
@_id_argument
@_json_option
@click.pass_obj
def remove(settings: dict[str, Any], task_id: str, as_json: bool) -> None:
    """Take a task out of the project; its folder is kept, and its id is never given again.

    Refused while an agent is at work on it, while other tasks depend on it, and while it has work
    that is not merged: abandon it then.

    \b
    Example:  sow task remove 040
    """
    kept = opening.project(settings).task(task_id).remove()
    click.echo(
        json.dumps({"id": task_id, "kept": kept})
        if as_json
        else f"Removed task [{task_id}]: it is kept in {kept}"
    )


@task.command()
@click.argument("task_id", metavar="[ID]", required=False, shell_complete=completion.tasks)
@click.pass_obj
def edit(settings: dict[str, Any], task_id: str | None) -> None:
    """Edit a task's description in $EDITOR.

    \b
    Example:  sow task edit 020
    """
    from sow.cli import terminal

    terminal.edit(opening.project(settings).task(task_id).description_file())


task.add_command(artifact.group("inputs", of_task=True))
task.add_command(artifact.group("outputs", of_task=True))


def _tell(task: TaskState, words: str, as_json: bool) -> None:
    """Says what became of a task: in words, or as its state."""
    click.echo(json.dumps(task.document()) if as_json else words)


def answered(done: Answered) -> str:
    """What became of an answer, in a line."""
    if done.reached:
        return f"Answered task {done.task.id}: its agent waited for it and goes on; `sow run` follows it"
    return f"Answered task {done.task.id}: it goes on with the next `sow run`"


def tell_approved(done: Approved, *, as_json: bool = False) -> None:
    """Says what became of an approval, or prints the task; raises Failed or Refused if it is not merged."""
    task_id = done.task.id
    match done.how:
        case "merged":
            _tell(done.task, f"Approved task {task_id}: merged as {str(done.commit)[:12]}", as_json)
        case "nothing to merge":
            why = "it changed no file" if done.task.branch else "its work is in the project's folder"
            _tell(done.task, f"Approved task {task_id}: {why}, so there was nothing to merge", as_json)
        case "conflict":
            raise Failed(
                f"task {task_id} was approved but conflicts in {', '.join(done.files)}: "
                "it went back to its agent",
                "`sow run` has the agent resolve it",
            )
        case "check failed":
            click.echo(done.detail, err=True)
            raise Failed(
                f"task {task_id} was approved but a check fails"
                f"{' once it is merged' if done.task.branch else ''}: it went back to its agent",
                "`sow run` has the agent mend it",
            )
        case "blocked":
            raise Refused(
                f"task {task_id} is approved, and its merge waits: {done.detail} ({', '.join(done.files)})",
                f"commit or stash these files there, then `sow task approve {task_id}`",
            )


def _file(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as fault:
        raise Failed(f"can't read {path}: {fault.strerror}", "give --file one that you may read") from fault
