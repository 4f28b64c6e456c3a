"""One phase of a project: its document, what can be set of it, its artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sow import phase as phases
from sow import statechart
from sow.errors import SowError
from sow.result import Result

if TYPE_CHECKING:
    from sow.api.artifacts import Artifacts
    from sow.api.opened import Opened
    from sow.project_types import Phase as PhaseType
    from sow.store import Store
    from sow_schemas.documents import PhaseFile


@dataclass(frozen=True, slots=True)
class PhaseRow(Result):
    """A phase in a line of the list."""

    name: str
    current: bool
    """Whether it is that of the project's state."""
    tasks: int
    document: Mapping[str, Any] | None
    """As its file has it; None where that is broken."""
    broken: str = ""
    """What is wrong with its file."""

    def as_json(self) -> Any:
        """The document, with what is known beside it."""
        row = {"name": self.name, "current": self.current, "tasks": self.tasks}
        return {**row, "broken": self.broken} if self.document is None else {**row, **self.document}


class Phase:
    """One phase of a project. It holds no state: whatever is asked is read anew."""

    def __init__(self, opened: Opened, name: str) -> None:
        """For `Project.phase`."""
        self._opened, self.name = opened, name

    def __repr__(self) -> str:
        return f"<sow.Phase {self.name} of {self._opened.layout.name}>"

    def document(self) -> PhaseFile:
        """The phase as its file has it now, without its tasks. Raises NotFound, Refused."""
        return self._opened.store().phase(self.name)

    def type(self) -> PhaseType:
        """What the project's type says of it: its statuses, its artifacts, its metadata."""
        return phases.of(self._opened.store().type(), self.name)

    def set(self, field: str, value: str, *, text: bool = False) -> PhaseFile:
        """Sets `status`, `enabled` or a field of `metadata`, as the project's type allows: `sow phase set`.

        In metadata of which the type says nothing, the value is YAML. `text`: it is a text, whatever it looks
        like. Gives the document as it is then. Raises NotFound, Refused, Busy.
        """
        store = self._opened.store()
        known = phases.of(store.type(), self.name)
        change = phases.setting(known, field, value, at=store.now(), text=text)
        return store.change_phase(self.name, change)

    def unset(self, field: str) -> PhaseFile:
        """Removes a field. Raises Refused for one that a phase needs."""
        return self._opened.store().change_phase(self.name, phases.unsetting(self.name, field))

    @property
    def inputs(self) -> Artifacts:
        """What it takes in."""
        from sow.api.artifacts import Artifacts

        return Artifacts(self._opened, "inputs", owner=self.name, phase=self.name)

    @property
    def outputs(self) -> Artifacts:
        """What it brings out."""
        from sow.api.artifacts import Artifacts

        return Artifacts(self._opened, "outputs", owner=self.name, phase=self.name)


def named(opened: Opened, name: str | None) -> Phase:
    """The phase of that name, or that of the project's state."""
    if name is not None:
        return Phase(opened, name)
    store = opened.store()
    return Phase(opened, statechart.current_phase(store.type(), store.project()))


def listed(store: Store) -> list[PhaseRow]:
    """The phases of a project, in the order of its type."""
    kind = store.type()
    here = kind.state(store.project()["statechart"]["current_state"]).phase
    tasks = store.tasks()
    rows = []
    for name in store.phases():
        count = len(tasks.of(name)) + len(tasks.broken_in(name))
        try:
            rows.append(PhaseRow(name, name == here, count, store.phase(name)))
        except SowError as fault:
            rows.append(PhaseRow(name, name == here, count, None, str(fault)))
    order = list(kind.phases)
    return sorted(rows, key=lambda row: order.index(row.name) if row.name in order else len(order))
