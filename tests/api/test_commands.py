"""Each command is written on an operation of the API: the table says which, and their sources agree."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

import click
import pytest

import sow
from sow.api.artifacts import Artifacts
from sow.api.settings import Settings
from sow.cli import completion, task_files, workspace
from sow.cli.root import COMMANDS, root

HANDLES: dict[str, type] = {
    "Artifacts": Artifacts,
    "Phase": sow.Phase,
    "Project": sow.Project,
    "Repository": sow.Repository,
    "Settings": Settings,
    "Task": sow.Task,
    "TaskFile": sow.TaskFile,
    "Workspace": sow.Workspace,
}

ARTIFACTS = {
    "add": "Artifacts.add", "set": "Artifacts.set Artifacts.unset", "remove": "Artifacts.remove",
    "list": "Artifacts.all",
}  # fmt: skip

WRITTEN_ON = {
    "init": "Repository.init",
    "project new": "Repository.new Repository.begin",
    "project list": "Repository.listed Repository.broken",
    "project show": "Project.whole",
    "project status": "Project.document Project.tasks Project.whole",
    "project set": "Project.set Project.unset",
    "project continue": "Repository.continue_",
    "project finish": "Project.prospect Project.finish Repository.settle",
    "project delete": "Project.loss Project.delete Repository.settle",
    "task add": "Project.add",
    "task set": "Task.set Task.unset",
    "task list": "Project.tasks",
    "task show": "Task.page",
    "task status": "Task.page",
    "task ask": "Task.ask",
    "task answer": "Task.answer",
    "task feedback": "Task.send_back",
    "task approve": "Task.approve",
    "task accept": "Task.accept",
    "task abandon": "Task.abandon",
    "task cancel": "Task.state",
    "task retry": "Task.retry",
    "task move": "Task.move",
    "task remove": "Task.remove",
    "task edit": "Task.description_file",
    **{f"task input {verb}": on for verb, on in ARTIFACTS.items()},
    **{f"task output {verb}": on for verb, on in ARTIFACTS.items()},
    "phase list": "Project.phases",
    "phase set": "Phase.set Phase.unset",
    **{f"input {verb}": on for verb, on in ARTIFACTS.items()},
    **{f"output {verb}": on for verb, on in ARTIFACTS.items()},
    "advance": "Project.advance Project.ways Project.rehearse",
    "run": "Project.run Project.planned",
    "review": "Project.waiting Task.answer Task.approve Task.accept Task.send_back Task.retry Task.abandon",
    "status": "Project.status Repository.projects",
    "agent list": "Project.attempts",
    "agent spawn": "Task.spawn Project.spawn",
    "agent resume": "Task.resume",
    "agent attach": "Task.attach",
    "agent stop": "Task.stop",
    "agent logs": "Task.transcript",
    "agent log": "Task.log",
    "executor list": "Repository.executors",
    "executor check": "Repository.trial Repository.check_executor",
    "doctor": "Repository.doctor",
    "worktree list": "Repository.worktrees",
    "worktree remove": "Repository.remove_worktree",
    "worktree prune": "Repository.prune_worktrees",
    "events": "Project.events Workspace.events",
    "import": "Project.import_tasks Project.import_issues Repository.import_project Repository.is_project",
    "export": "Project.export",
    "sync": "Project.sync Project.sync_inbox Project.sync_issues Repository.sync_project",
    "config init": "Settings.init",
    "config path": "Settings.path",
    "config show": "Settings.show",
    "config validate": "Settings.validate",
    "config edit": "Settings.draft Settings.check",
    "config reset": "Settings.reset",
    "validate": "Project.validate",
    "repair": "Project.repair",
    "prompt": "Project.prompt Repository.prompt Repository.guidance",
    "demo": "Repository.init Repository.begin Project.add Project.run Task.answer Task.approve",
    "schema": "",
    "mcp": "",
}
"""Every command, and the operations that it calls. None for `schema`, which prints a file of sow_schemas, and
for `mcp`, whose tools call them (`sow.mcp`)."""

IN_A_WORKSPACE: dict[Callable[..., object], str] = {
    workspace.status: "Workspace.status",
    workspace.tasks: "Workspace.tasks",
    workspace.show: "Workspace.task TaskFile.page",
    workspace.add: "Workspace.add TaskFile.page",
    workspace.cancel: "Workspace.task TaskFile.cancel",
    workspace.retry: "Workspace.task TaskFile.retry",
    workspace.validate: "Workspace.validate",
    task_files.run: "Workspace.run Workspace.planned",
    completion.event_types: "Workspace.event_types",
    completion.stages: "Workspace.stages",
    completion.any_tasks: "Workspace.look",
    completion.task_files: "Workspace.look",
}
"""What commands do where there are task files instead of a project, and the operations that it calls."""


def commands(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that is no group, by its words."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, f"{path} {name}".strip())


EVERY = dict(commands(root))


def test_every_command_says_what_it_is_written_on() -> None:
    assert COMMANDS
    assert EVERY.keys() == WRITTEN_ON.keys()


@pytest.mark.parametrize("command", WRITTEN_ON)
def test_a_command_calls_the_operations_of_its_line(command: str) -> None:
    callback = EVERY[command].callback
    assert callback
    check_calls(callback, WRITTEN_ON[command].split())


@pytest.mark.parametrize("act", IN_A_WORKSPACE)
def test_what_is_done_in_a_workspace_calls_the_operations_of_its_line(act: Callable[..., object]) -> None:
    check_calls(act, IN_A_WORKSPACE[act].split())


def check_calls(act: Callable[..., object], operations: list[str]) -> None:
    said = called(act)
    for operation in operations:
        handle, _, verb = operation.partition(".")
        assert verb in vars(HANDLES[handle]), f"there is no operation {operation}"
        assert verb in said, f"{act} does not call {operation}"


def test_every_operation_has_a_sentence() -> None:
    bare = [
        f"{handle}.{name}"
        for handle, kind in HANDLES.items()
        for name, held in vars(kind).items()
        if not name.startswith("_") and not (held.__doc__ or "").strip()
    ]
    assert bare == []


def called(act: Callable[..., object]) -> frozenset[str]:
    """The names after a dot in what a function does, itself and by functions and classes of its module."""
    act = inspect.unwrap(act)
    known = definitions(act.__module__)
    seen, found = set[str](), set[str]()
    todo: list[ast.AST] = [ast.parse(textwrap.dedent(inspect.getsource(act)))]
    while todo:
        tree = todo.pop()
        found |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - seen
        seen |= names
        todo += [known[name] for name in names if name in known]
    return frozenset(found)


@cache
def definitions(module: str) -> dict[str, ast.AST]:
    """The functions and classes of a module, by name."""
    tree = ast.parse(inspect.getsource(import_module(module)))
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name: node for node in tree.body if isinstance(node, kinds)}
