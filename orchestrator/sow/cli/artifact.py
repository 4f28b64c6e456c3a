"""`sow input`, `sow output`, and the same below `sow task`: the artifacts of phases and tasks.

The four groups are one, made four times: for inputs and outputs, of phases and of tasks.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from sow import find
from sow.cli import completion, opening, pairs, quick
from sow.cli.commands import Group

if TYPE_CHECKING:
    from sow.artifacts import Act, Outcome, Shelf
    from sow.store import Store

# What only these commands need is imported by them: `task show` shall not pay for it.

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
            from sow.artifacts import Add

            given = pairs.read("--metadata", metadata)
            store, shelf = self._open(settings, owner)
            act = Add(type=kind, path=self._kept(store, path), approved=approved, metadata=given)
            said = {"add": kind, "path": act.path, "approved": approved, "metadata": given}
            done = self._do(store, shelf, act, owner, said)
            self._note(settings, store, path, act.path)
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
            from sow.artifacts import Set
            from sow.cli.phase import check_value, told

            check_value(f"{self.name} set --index {index}", field, value, unset)
            store, shelf = self._open(settings, owner)
            kept = self._kept(store, value) if field == "path" and value is not None else value
            act = Set(index=index, field=field, value=kept, text=text)
            said = {"set": field, "index": index, "value": kept, "text": text}
            done = self._do(store, shelf, act, owner, said)
            if field == "path":
                self._note(settings, store, str(value), str(kept))
            if done and not as_json:
                where = f"{self.word.capitalize()} [{index}] of {shelf.owner}"
                click.echo(told(where, done.artifact, field))
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
            from sow.artifacts import Remove

            store, shelf = self._open(settings, owner)
            done = self._do(store, shelf, Remove(index=index), owner, None)
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
            from sow import attaching
            from sow.cli import words

            store, shelf = self._open(settings, owner)
            held = attaching.held(store, shelf)
            if as_json:
                click.echo(json.dumps([{"index": index, **one} for index, one in enumerate(held)]))
            elif held:
                click.echo(words.artifacts(held))
            else:
                add = f"`{shelf.command('add')} --type TYPE --path PATH`"
                words.aside(settings, f"no {self.of} in {shelf.owner}; add one: {add}")

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

    def _open(self, settings: dict[str, Any], owner: str | None) -> tuple[Store, Shelf]:
        """The state of the project, and whose artifacts are meant."""
        from sow.artifacts import Shelf
        from sow.cli.phase import of

        task_id = opening.own_task(owner) if self.of_task else None
        store = opening.store(settings["project"])
        if task_id is not None:
            return store, Shelf(of=self.of, task_id=task_id)
        return store, Shelf(of=self.of, phase=of(store, owner))

    def _do(
        self, store: Store, shelf: Shelf, act: Act, owner: str | None, said: dict[str, Any] | None
    ) -> Outcome | None:
        """Does an act; a worker's about its own task is reported, and None where only laid down.

        `said`: the act as a report that may be laid down; None where it may not.
        """
        from sow import attaching, report

        if not (self.of_task and opening.is_own(owner)):
            return attaching.change(store, shelf, act)
        done: list[Outcome] = []

        def say() -> None:
            done.append(report.keep_artifact(store, shelf, act, attempt=quick.attempt()))

        if said is None:
            say()
        else:
            quick.reported(say, {"verb": "artifact", "of": self.of, "do": said})
        return done[0] if done else None

    def _kept(self, store: Store, path: str) -> str:
        from sow import inside

        return inside.kept(path, store.layout, find.here())

    def _note(self, settings: dict[str, Any], store: Store, given: str, path: str) -> None:
        """Says where a path names nothing yet, and what was meant instead, maybe."""
        from sow import inside
        from sow.cli.words import aside

        if inside.is_there(path, store.layout):
            return
        other = inside.meant(given, store.layout, find.here())
        where = os.path.normpath(os.path.join(store.layout.project, path))
        meant = f"; if you mean the file where you stand, that is {other}" if other else ""
        aside(settings, f"note: there is no {where} yet{meant}")

    def _tell(
        self, settings: dict[str, Any], done: Outcome | None, as_json: bool, what: str, where: str
    ) -> None:
        from sow.cli.text import plain
        from sow.cli.words import aside

        if done is None:
            aside(settings, "note: your report lies in the outbox, and is taken in when you have ended")
        elif as_json:
            click.echo(json.dumps({"index": done.index, **done.artifact}))
        else:
            one = done.artifact
            click.echo(plain(f"{what} [{done.index}] {one['type']}: {one['path']} {where}"))


def _json_option(command: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON document.")(command)


input_ = group("inputs")
output = group("outputs")
