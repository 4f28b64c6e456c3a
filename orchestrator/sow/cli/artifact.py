"""`sow input`, `sow output`, and the same below `sow task`: the artifacts of phases and tasks.

The four groups are one, made four times: for inputs and outputs, of phases and of tasks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from sow.api import worker
from sow.cli import completion, opening, pairs
from sow.cli.commands import Group
from sow.cli.text import plain
from sow.cli.words import artifacts, aside, check_value, set_told

if TYPE_CHECKING:
    from sow.api.artifacts import Artifact, Artifacts

F = TypeVar("F", bound=Callable[..., Any])

Side = Literal["inputs", "outputs"]


def group(of: Side, *, of_task: bool = False) -> click.Group:
    """The commands for the inputs or the outputs, of a phase or of a task."""
    return _Commands(of, of_task).group()


class _Commands:
    """One of the four groups."""

    def __init__(self, of: Side, of_task: bool) -> None:
        self.of, self.of_task = of, of_task
        self.word = of[:-1]
        self.owner = "task" if of_task else "phase"
        self.name = f"sow task {self.word}" if of_task else f"sow {self.word}"
        self.whose = "--id 020" if of_task else "--phase review"

    def group(self) -> click.Group:
        does = "takes in" if self.of == "inputs" else "brings out"
        made = Group(self.word, help=f"Add, change and list what a {self.owner} {does}.")
        for command in (self.add(), self.set(), self.remove(), self.list()):
            made.add_command(command)
        return made

    # -- the commands -------------------------------------------------------------------------

    def add(self) -> click.Command:
        @click.command(
            "add",
            help=f"""Add an {self.word} to a {self.owner}: a file of the repository.

            PATH is meant from .sow/project/, or from where you stand if that is in there; any other file
            of the repository is named like ../../docs/login.md. It may be missing yet.

            \b
            Example:  {self.name} add --type review --path phases/review/review.md {self.whose}
            """,
        )
        @click.option(
            "--type", "kind", required=True, metavar="T", help="What the file is.",
            shell_complete=completion.artifact_types(self.of),
        )  # fmt: skip
        @click.option("--path", required=True, metavar="P", type=click.Path(), help="Where it lies.")
        @click.option("--approved", is_flag=True, help="It is accepted already.")
        @click.option(
            "--metadata", "metadata", multiple=True, metavar="K=V",
            help="A field of its metadata, its value as YAML; repeatable.",
        )  # fmt: skip
        @self._owner_option
        @_json_option
        @click.pass_obj
        def add(
            settings: dict[str, Any], kind: str, path: str, approved: bool, metadata: tuple[str, ...],
            owner: str | None, as_json: bool,
        ) -> None:  # fmt: skip
            given = pairs.read("--metadata", metadata)
            shelf = self._open(settings, owner)
            done = shelf.add(kind, path, approved=approved, metadata=given)
            if note := shelf.note(path):
                aside(settings, note)
            self._tell(settings, done, as_json, f"Added {self.word}", f"to {shelf.owner}")

        return add

    def set(self) -> click.Command:
        @click.command(
            "set",
            help=f"""Set FIELD of an {self.word} to VALUE.

            What can be set: `type`, `path`, `approved`, and `metadata.*`, whose VALUE is YAML.

            \b
            Example:  {self.name} set --index 0 approved true {self.whose}
                      {self.name} set --index 0 metadata.assessment pass {self.whose}
            """,
        )
        @self._index_option
        @click.argument("field", shell_complete=completion.artifact_fields)
        @click.argument("value", required=False, shell_complete=completion.artifact_values(self.of))
        @self._owner_option
        @click.option("--string", "text", is_flag=True, help="Take VALUE as text, whatever it looks like.")
        @click.option("--unset", is_flag=True, help="Remove the field.")
        @_json_option
        @click.pass_obj
        def set_(
            settings: dict[str, Any], index: int, field: str, value: str | None, owner: str | None,
            text: bool, unset: bool, as_json: bool,
        ) -> None:  # fmt: skip
            check_value(f"{self.name} set --index {index}", field, value, unset)
            shelf = self._open(settings, owner)
            done = shelf.unset(index, field) if value is None else shelf.set(index, field, value, text=text)
            if field == "path" and (note := shelf.note(str(value))):
                aside(settings, note)
            if done and not as_json:
                where = f"{self.word.capitalize()} [{index}] of {shelf.owner}"
                click.echo(set_told(where, done.document, field))
            else:
                self._tell(settings, done, as_json, "", "")

        return set_

    def remove(self) -> click.Command:
        @click.command(
            "remove",
            help=f"""Take an {self.word} off the list of a {self.owner}; its file stays where it is.

            \b
            Example:  {self.name} remove --index 0 {self.whose}
            """,
        )
        @self._index_option
        @self._owner_option
        @_json_option
        @click.pass_obj
        def remove(settings: dict[str, Any], index: int, owner: str | None, as_json: bool) -> None:
            shelf = self._open(settings, owner)
            done = shelf.remove(index)
            self._tell(settings, done, as_json, f"Removed {self.word}", f"from {shelf.owner}")

        return remove

    def list(self) -> click.Command:
        @click.command(
            "list",
            help=f"""List the {self.of} of a {self.owner}, each with its index.

            \b
            Example:  {self.name} list {self.whose}
            """,
        )
        @self._owner_option
        @_json_option
        @click.pass_obj
        def list_(settings: dict[str, Any], owner: str | None, as_json: bool) -> None:
            shelf = self._open(settings, owner)
            held = shelf.all()
            if as_json:
                click.echo(json.dumps([one.as_json() for one in held]))
            elif held:
                click.echo(artifacts([one.document for one in held]))
            else:
                add = f"`{shelf.command('add')} --type TYPE --path PATH`"
                aside(settings, f"no {self.of} in {shelf.owner}; add one: {add}")

        return list_

    # -- what they share ----------------------------------------------------------------------

    def _owner_option(self, command: F) -> F:
        if self.of_task:
            return click.option(
                "--id", "owner", metavar="ID", help="The task. [default: a worker's own]",
                shell_complete=completion.tasks,
            )(command)  # fmt: skip
        return click.option(
            "--phase", "owner", metavar="P", help="The phase. [default: that of the project's state]",
            shell_complete=completion.phases,
        )(command)  # fmt: skip

    def _index_option(self, command: F) -> F:
        return click.option(
            "--index", required=True, type=int, metavar="I", help="Which one, counted from 0.",
            shell_complete=completion.artifact_indices(self.of),
        )(command)  # fmt: skip

    def _open(self, settings: dict[str, Any], owner: str | None) -> Artifacts:
        """The artifacts that are meant."""
        project = opening.project(settings)
        whose = project.task(owner) if self.of_task else project.phase(owner)
        return whose.inputs if self.of == "inputs" else whose.outputs

    def _tell(
        self, settings: dict[str, Any], done: Artifact | None, as_json: bool, what: str, where: str
    ) -> None:
        if done is None:
            aside(settings, f"note: {worker.LIES}")
        elif as_json:
            click.echo(json.dumps(done.as_json()))
        else:
            one = done.document
            click.echo(plain(f"{what} [{done.index}] {one['type']}: {one['path']} {where}"))


def _json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


input_ = group("inputs")
output = group("outputs")
