"""What a phase or a task takes in or brings out, in the order of its list."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sow import attaching, inside, report
from sow.api import worker
from sow.artifacts import Act, Add, Outcome, Remove, Set, Shelf
from sow.result import Result

if TYPE_CHECKING:
    from sow.api.opened import Opened
    from sow.store import Store

Side = Literal["inputs", "outputs"]


@dataclass(frozen=True, slots=True)
class Artifact(Result):
    """A file that a phase or a task takes in or brings out."""

    index: int
    """Its place in the list, from 0."""
    document: Mapping[str, Any]
    """As the state has it: `type`, `path`, `approved`, `created_at`, and `metadata` where there is any."""

    def as_json(self) -> Any:
        """The document with the index."""
        return {"index": self.index, **self.document}


class Artifacts:
    """The inputs or the outputs of one phase or task. It holds no state: whatever is asked is read anew."""

    def __init__(
        self, opened: Opened, of: Side, *, owner: str, task_id: str | None = None, phase: str | None = None
    ) -> None:
        """`owner`: the id of the task, or the name of the phase. `task_id`: as it was given, None for a
        worker's own. For the properties of `Task` and `Phase`."""
        self._opened, self._of = opened, of
        self._is_own = phase is None and opened.caller.is_own(task_id)
        self._shelf = Shelf(of=of, phase=phase) if phase is not None else Shelf(of=of, task_id=owner)

    @property
    def owner(self) -> str:
        """Whose they are: `phase review`, `task 010`."""
        return self._shelf.owner

    def command(self, verb: str) -> str:
        """The command that does `verb` with one of them, without what it is to be done with."""
        return self._shelf.command(verb)

    def all(self) -> list[Artifact]:
        """All of them, in their order. Raises NotFound for a task or phase that is not there."""
        return [Artifact(index, one) for index, one in enumerate(self._held(self._opened.store()))]

    def add(
        self,
        type: str,
        path: str | os.PathLike[str],
        *,
        approved: bool = False,
        metadata: Mapping[str, Any] | None = None,
    ) -> Artifact | None:
        """Adds a file; it may be missing yet. Gives None where a sandbox had the report laid down.

        `path` is meant from `.sow/project/`, or from the folder of the caller where that is in there; any
        other file of the repository is named like `../../docs/login.md`. Raises Refused, NotFound, Busy.
        """
        given = dict(metadata) if metadata else None
        act = Add(type=type, path=self._kept(path), approved=approved, metadata=given)
        return self._do(act)

    def set(self, index: int, field: str, value: str, *, text: bool = False) -> Artifact | None:
        """Sets `type`, `path`, `approved` or a field of `metadata`; there the value is YAML.

        `text`: it is a text, whatever it looks like. Else as `add`.
        """
        kept = self._kept(value) if field == "path" else value
        return self._do(Set(index=index, field=field, value=kept, text=text))

    def unset(self, index: int, field: str) -> Artifact | None:
        """Removes a field of `metadata`. Else as `add`."""
        return self._do(Set(index=index, field=field, value=None, text=False))

    def remove(self, index: int) -> Artifact | None:
        """Takes one off the list; its file stays where it is. Else as `add`."""
        return self._do(Remove(index=index))

    def note(self, given: str) -> str:
        """What whoever gave a path should know: that there is nothing yet, and what may have been meant."""
        layout, folder = self._opened.layout, self._opened.caller.folder
        path = inside.kept(given, layout, folder)
        if inside.is_there(path, layout):
            return ""
        other = inside.meant(given, layout, folder)
        where = os.path.normpath(os.path.join(layout.project, path))
        meant = f"; if you mean the file where you stand, that is {other}" if other else ""
        return f"note: there is no {where} yet{meant}"

    def _kept(self, path: str | os.PathLike[str]) -> str:
        return inside.kept(os.fspath(path), self._opened.layout, self._opened.caller.folder)

    def _held(self, store: Store) -> list[Any]:
        """The documents of all; for a worker as they are with what it has laid down of its own."""
        held = attaching.held(store, self._shelf)
        outbox = worker.outbox_of(self._opened.caller) if self._is_own else None
        return report.with_laid_down(held, self._shelf, outbox) if outbox else held

    def _do(self, act: Act) -> Artifact | None:
        """Does an act; a worker's about its own task is reported, and None where only laid down."""
        store = self._opened.store()
        if not self._is_own:
            return _told(attaching.change(store, self._shelf, act))
        caller, done = self._opened.caller, list[Outcome]()
        # What is only laid down is applied when nobody is there any more to be told that it is refused.
        held = self._held(store)
        report.with_artifact(held, self._shelf, act, at=store.now())
        if isinstance(act, Remove):
            act = act.replace(artifact=held[act.index])

        def say() -> None:
            done.append(report.keep_artifact(store, self._shelf, act, attempt=caller.attempt))

        worker.reported(caller, say, {"verb": "artifact", "of": self._of, "do": report.of_artifact(act)})
        return _told(done[0]) if done else None


def _told(done: Outcome) -> Artifact:
    return Artifact(done.index, done.artifact)
