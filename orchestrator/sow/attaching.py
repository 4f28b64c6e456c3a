"""Adding, changing and removing the artifacts of phases and tasks, through the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sow import artifacts, inside, statechart
from sow.artifacts import Act, Add, Outcome, Set, Shelf
from sow.change import Change
from sow.project_types import ProjectType
from sow.state import Step
from sow.store import Store
from sow.task import Task


def change(
    store: Store,
    shelf: Shelf,
    act: Act,
    *,
    at: str = "",
    check: Callable[[Task, Outcome], None] = lambda task, outcome: None,
) -> Outcome:
    """Does `act` where `shelf` says; gives what it made of the artifacts there.

    `at`: when it was asked for, where that was earlier. `check`: may refuse what became of a task's.
    Raises NotFound for a phase or task that is not there, Refused for a path that leaves the
    repository and whatever `artifacts.after` refuses.
    """
    act = _placed(store, act)
    outcome: list[Outcome] = []

    def of_task(task: Task) -> Change:
        done = artifacts.after(list(getattr(task, shelf.of)), act, shelf, at=at or store.now())
        check(task, done)
        outcome[:] = [done]
        if done.event is None:
            return Change(task=task)
        both: Any = {shelf.of: done.artifacts}
        return Change(task=task.replace(**both), events=(done.event,))

    def of_phase(held: Any) -> Step:
        mine = _with_types(store.type(), shelf).replace(iteration=statechart.iteration(held))
        done = artifacts.after(held[shelf.of], act, mine, at=at or store.now())
        outcome[:] = [done]
        if done.event is None:
            return Step()
        phase: Any = {**held, shelf.of: done.artifacts}
        return Step(phases={str(shelf.phase): phase}, events=(done.event,))

    if shelf.task_id:
        store.change_task(shelf.task_id, of_task)
    else:
        store.change_phase(str(shelf.phase), of_phase)
    return outcome[0]


def held(store: Store, shelf: Shelf) -> list[Any]:
    """The artifacts that stand there. Raises NotFound for a phase or task that is not there."""
    if shelf.task_id:
        return list(getattr(store.task(shelf.task_id), shelf.of))
    return list(store.phase(str(shelf.phase))[shelf.of])


def _with_types(kind: ProjectType, shelf: Shelf) -> Shelf:
    """The shelf with what the project's type says of the artifacts of its phase, and of those of others."""
    by_phase = {name: getattr(known, shelf.of) for name, known in kind.phases.items()}
    elsewhere = {each: name for name in reversed(by_phase) for each in by_phase[name]}
    return shelf.replace(types=by_phase.get(str(shelf.phase), ()), elsewhere=elsewhere)


def _placed(store: Store, act: Act) -> Act:
    """The act with its path as it is kept. A path that came by a report was nobody's to trust."""
    place = store.layout.project
    match act:
        case Add(path=path):
            return act.replace(path=inside.kept(path, store.layout, place))
        case Set(field="path", value=str(path)):
            return act.replace(value=inside.kept(path, store.layout, place), text=True)
    return act
