"""Which tasks can start: kept up to date task by task, never by a scan of them all.

In order of priority, then those that were already begun, then age, then id.
A task is ready when each of those that it depends on is completed, and its
`not_before` has passed.
"""

from __future__ import annotations

import heapq
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from sow.clock import moment
from sow.errors import Refused
from sow.task import ABANDONED, COMPLETED, IN_PROGRESS, PENDING, PRIORITIES, Task

Rank = tuple[int, int, float, str]

MOST_CIRCLES = 20
"""Circles of dependencies are told up to this number: taking one apart often takes others apart."""


class Ready:
    """The tasks of a project by what they wait for."""

    def __init__(self, tasks: Iterable[Task] = ()) -> None:
        self.tasks: dict[str, Task] = {}
        self.changes = 0
        """How often a task came, changed or went."""
        self._dependents: dict[str, set[str]] = defaultdict(set)
        self._heap: list[tuple[Rank, str]] = []
        self._timed: list[tuple[float, str]] = []
        self._suspects: set[str] = set()
        """The ids of tasks that may wait for one that will never be done."""
        for task in tasks:
            self.tasks[task.id] = task
            for needed in task.depends_on or ():
                self._dependents[needed].add(task.id)
        for task_id in self.tasks:
            self._consider(task_id)
        self._suspects.update(task_id for task_id, task in self.tasks.items() if task.depends_on)

    def put(self, task: Task) -> None:
        """Takes a task's new state; whatever it was waiting for or made wait is looked at again."""
        self.changes += 1
        old = self.tasks.get(task.id)
        for needed in (old.depends_on or ()) if old else ():
            self._dependents[needed].discard(task.id)
        for needed in task.depends_on or ():
            self._dependents[needed].add(task.id)
        self.tasks[task.id] = task
        self._consider(task.id)
        self._suspects.add(task.id)
        if old is None or old.status != task.status:
            self._suspects |= self._dependents[task.id]
            for dependent in self._dependents[task.id]:
                self._consider(dependent)

    def drop(self, task_id: str) -> None:
        """Takes in that a task is no longer there; what waits for it waits for ever."""
        self.changes += 1
        old = self.tasks.pop(task_id, None)
        self._suspects |= self._dependents[task_id]
        for needed in (old.depends_on or ()) if old else ():
            self._dependents[needed].discard(task_id)

    def take(
        self, now: float, busy: Iterable[str] = (), holds: Callable[[Task], bool] = lambda task: False
    ) -> Task | None:
        """The task that starts next at `now` (seconds since the epoch).

        Not one of `busy`, nor one of which `holds` says that something else holds it back.
        """
        self._wake(now)
        passed: list[tuple[Rank, str]] = []
        held, found = set(busy), None
        while self._heap and found is None:
            entry = heapq.heappop(self._heap)
            task = self.tasks.get(entry[1])
            if task is None or entry[0] != _rank(task) or _start(task) > now or not self._startable(task):
                continue  # an older state of it: what it is now stands elsewhere
            if task.id in held or holds(task):
                passed.append(entry)
            else:
                found = task
        for entry in passed:
            heapq.heappush(self._heap, entry)
        return found

    def wakes_at(self) -> float | None:
        """When the next waiting task may start, in seconds since the epoch; None for none."""
        while self._timed:
            at, task_id = self._timed[0]
            task = self.tasks.get(task_id)
            if task and self._startable(task) and at == _start(task) > 0:
                return at
            heapq.heappop(self._timed)
        return None

    def orphans(self) -> Iterator[tuple[Task, str]]:
        """Pending tasks that can never start, with the abandoned or missing task that they wait for."""
        for task_id in sorted(self._suspects):
            task = self.tasks.get(task_id)
            if task and (needed := self._waits_in_vain(task)):
                yield task, needed
            else:
                self._suspects.discard(task_id)

    def _waits_in_vain(self, task: Task) -> str | None:
        if task.status != PENDING:
            return None
        others = ((needed, self.tasks.get(needed)) for needed in task.depends_on or ())
        return next((needed for needed, other in others if other is None or other.status == ABANDONED), None)

    def _wake(self, now: float) -> None:
        while self._timed and self._timed[0][0] <= now:
            _, task_id = heapq.heappop(self._timed)
            task = self.tasks.get(task_id)
            if task and self._startable(task):
                heapq.heappush(self._heap, (_rank(task), task_id))

    def _consider(self, task_id: str) -> None:
        task = self.tasks.get(task_id)
        if task is None or not self._startable(task):
            return
        at = _start(task)
        # Which side of its time it is on is decided at `take`, which alone knows what time it is.
        if at > 0:
            heapq.heappush(self._timed, (at, task_id))
        else:
            heapq.heappush(self._heap, (_rank(task), task_id))

    def _startable(self, task: Task) -> bool:
        if task.status == IN_PROGRESS:
            return True
        return task.status == PENDING and all(
            (other := self.tasks.get(needed)) is not None and other.status == COMPLETED
            for needed in task.depends_on or ()
        )


def _start(task: Task) -> float:
    return moment(task.not_before)


def _rank(task: Task) -> Rank:
    priority = PRIORITIES.index(task.priority or "normal")
    return (priority, 0 if task.status == IN_PROGRESS else 1, moment(task.created_at), task.id)


def check_dependencies(task_id: str, depends_on: Iterable[str], tasks: Iterable[Task]) -> None:
    """Raises Refused where `task_id` would depend on an unknown task, on itself, or in a circle."""
    known = {task.id: task for task in tasks}
    for needed in depends_on:
        if needed == task_id:
            raise Refused(f"task {task_id} can't depend on itself", "leave it out")
        if needed not in known:
            raise Refused(
                f"task {task_id} can't depend on {needed}: there is no such task",
                "see the tasks: `sow task list`",
            )
        if circle := _path(needed, task_id, known):
            raise Refused(
                f"task {task_id} can't depend on {needed}: {' -> '.join([task_id, *circle])} is a circle",
                "take one of these dependencies away",
            )


def check_change(old: Task, new: Task, tasks: Iterable[Task]) -> None:
    """Raises Refused for what a change of a task's dependencies adds to them, as `check_dependencies` does.

    What was there is not made worse by what goes: a circle that somebody edited in is opened step by step.
    """
    added = [needed for needed in new.depends_on or () if needed not in (old.depends_on or ())]
    check_dependencies(new.id, added, tasks)


def circle(tasks: Iterable[Task]) -> list[str]:
    """The ids of tasks that depend on each other in a circle, the first one again at the end; or none."""
    return _circle({task.id: task.depends_on or () for task in tasks})


def _circle(needs: Mapping[str, Iterable[str]]) -> list[str]:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as fault:
        # It gives each id before the one that depends on it.
        found: list[str] = fault.args[1][::-1]
        return found
    return []


def circles(tasks: Iterable[Task]) -> Iterator[list[str]]:
    """Circles of dependencies, each as the ids on its way, beginning and ending with its smallest."""
    needs: dict[str, Iterable[str]] = {task.id: task.depends_on or () for task in tasks}
    for _ in range(MOST_CIRCLES):
        if not (ring := _circle(needs)[:-1]):
            return
        start = ring.index(min(ring))
        found = [*ring[start:], *ring[:start], ring[start]]
        yield found
        needs = {**needs, found[0]: [needed for needed in needs[found[0]] if needed != found[1]]}


def stuck(tasks: Iterable[Task]) -> dict[str, str]:
    """The circles in which pending tasks wait for each other, in words, each with what opens it."""
    pending = {task.id: task for task in tasks if task.status == PENDING}
    if not any(task.depends_on for task in pending.values()):
        return {}
    return {" -> ".join(way): way_out(pending[way[0]], way) for way in circles(pending.values())}


def way_out(task: Task, way: list[str]) -> str:
    """How a circle is opened, in words; `task` is the first on its way."""
    left = [needed for needed in task.depends_on or () if needed != way[1]]
    value = f"'{json.dumps(left)}'" if left else "--unset"
    return f"take one of them out, as by `sow task set depends_on {value} --id {task.id}`"


def _path(start: str, goal: str, known: dict[str, Task]) -> list[str]:
    """The ids from `start` down its dependencies to `goal`; empty where there is no way."""
    came: dict[str, str] = {start: ""}
    todo = [start]
    while todo:
        here = todo.pop()
        if here == goal:
            steps = [here]
            while came[steps[-1]]:
                steps.append(came[steps[-1]])
            return steps[::-1]
        for needed in (known[here].depends_on or ()) if here in known else ():
            if needed not in came:
                came[needed] = here
                todo.append(needed)
    return []
