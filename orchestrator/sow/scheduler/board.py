"""The tasks as a run knows them: read anew where others changed them, and told of when they change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sow.branches import Branches
from sow.change import Change, Event
from sow.clock import seconds
from sow.edits import put_back_words
from sow.errors import NotFound, SowError
from sow.progress import has_gone_on
from sow.ready import Ready
from sow.runner.touched import Touched
from sow.scheduler import telling
from sow.scheduler.telling import Note
from sow.state import PutBack
from sow.steering import Steering
from sow.task import IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task
from sow.turn import Turns
from sow.turn.live import Live


@dataclass(slots=True)
class Board:
    """What is known of the tasks of one project. What is stored is the truth; this can be lost."""

    turns: Turns
    live: Mapping[str, Live]
    """The attempts that the run follows."""
    tell: Callable[[Note], None]
    ready: Ready = field(default_factory=Ready)
    held_back: set[str] = field(default_factory=set)
    """The ids of tasks that are not started before the next scan, or before somebody changes them."""
    scanned: float = 0.0
    """When everything was read last, in seconds since the epoch."""
    _branches: Branches = field(init=False)
    _steering: Steering = field(init=False)
    _touched: Touched | None = None

    def __post_init__(self) -> None:
        self._branches = Branches(self.turns.store, self.turns.workspace)
        self._steering = Steering(self.turns.store.layout.main)
        self._steering.know()

    @contextmanager
    def heeding(self) -> Iterator[None]:
        """A look costs what has changed since the last one, and not what there is, for a `with` block."""
        touched = Touched()
        for one in (self.turns.store, self.turns.attempts, self.turns.drivers, self._branches):
            one.heed(touched)
        self._touched = touched
        try:
            yield
        finally:
            touched.close()

    def scan(self) -> None:
        """Reads everything anew."""
        self.scanned = self.turns.clock()
        if self._touched:
            self._touched.doubt()
        self.held_back.clear()
        self._know_state()
        held = self.turns.store.tasks()
        self.ready = Ready(held.tasks)
        for broken in held.broken:
            self.tell(Note("problem", None, broken.message))

    def put(self, task_id: str) -> Task | None:
        """Takes in the task as its file has it now."""
        if self.live:
            self._know_state(task_id)
        return self.read(task_id)

    def read(self, task_id: str) -> Task | None:
        """The same where the state is known to be right; None where the task can't be read."""
        try:
            task = self.turns.store.task(task_id)
        except NotFound:
            self.ready.drop(task_id)
            return None
        except SowError:
            return None  # broken: `sow status` shows it, and the others go on
        before = self.ready.tasks.get(task_id)
        self.ready.put(task)
        ours = [live for live in self.live.values() if live.attempt.task_id == task_id]
        # What our own agent reports is told when its turn is settled, but for a question that it holds.
        if before and before.status != task.status:
            if not ours:
                self.tell(Note("changed", task, ""))
            elif before.status == PAUSED or self.is_held(ours[0]):
                self.tell(Note("changed", task, telling.question_of(task)))
        return task

    def change(self, task_id: str, change: Callable[[Task], Change]) -> None:
        """Changes a task, as far as that can be done, and tells of it."""
        try:
            task = self.turns.store.change_task(task_id, change)
        except SowError as fault:
            # Its file was broken just now: the others go on, and `sow status` shows it.
            self.held_back.add(task_id)
            self.tell(Note("problem", self.ready.tasks.get(task_id), fault.in_a_line))
            return
        self.ready.put(task)
        self.tell(Note("changed", task, telling.question_of(task) or telling.wait_of(task)))

    def pause_failed(self, task: Task, fault: SowError) -> None:
        """A task that could not be started waits for a person, with what was wrong."""
        words = f"It could not be started: {fault}. {fault.hint[:1].upper()}{fault.hint[1:]}".strip()
        if "sow task retry" not in words:
            words = f"{words.rstrip('.')}. Then `sow task retry {task.id}`."

        def change(current: Task) -> Change:
            if current.status not in (PENDING, IN_PROGRESS):
                return Change(task=current)
            paused = current.pause(words, kind="failure", by="orchestrator", at=self.turns.store.now())
            event = Event(type="task.paused", task_id=task.id, payload={"question": words, "kind": "failure"})
            return Change(task=paused, events=(event,))

        self.change(task.id, change)

    def pause_orphan(self, task: Task, needed: str) -> None:
        """A task that depends on one that will never be done waits for a person."""
        try:
            self.turns.store.task(needed)
        except NotFound:
            pass
        except SowError:
            return  # its file is broken, which is mended: nothing to ask about this one
        words = (
            f"It depends on task {needed}, which was abandoned or removed. Retry that one "
            f"(`sow task retry {needed}`), or take the dependency away "
            f"(`sow task set depends_on '[]' --id {task.id}`), then `sow task retry {task.id}`."
        )

        def change(current: Task) -> Change:
            if current.status != PENDING:
                return Change(task=current)
            paused = current.pause(words, kind="failure", by="orchestrator", at=self.turns.store.now())
            event = Event(type="task.paused", task_id=task.id, payload={"question": words, "kind": "failure"})
            return Change(task=paused, events=(event,))

        self.change(task.id, change)

    def task_of(self, live: Live) -> Task | None:
        """The task that an attempt is about, as it is known."""
        return self.ready.tasks.get(live.attempt.task_id)

    def is_held(self, live: Live) -> bool:
        """Whether an agent does nothing but wait for a person's answer."""
        task = self.task_of(live)
        return task is not None and task.status == PAUSED and self.turns.is_held(live)

    def reported(self, live: Live) -> float | None:
        """Since when a task's state says all of its agent's turn, in seconds since the epoch; None if not.

        For an agent that is not held: the question of one that is says nothing of its turn.
        """
        task = self.task_of(live)
        if task is None:
            return None
        is_over = has_gone_on(task, live.attempt.iteration, live.attempt.created_at)
        return seconds(task.updated_at) if is_over else None

    def goes_on(self) -> bool:
        """Whether an agent has something to do yet."""
        return any(task.status in (PENDING, IN_PROGRESS) for task in self.ready.tasks.values())

    def waits(self) -> bool:
        """Whether a person has."""
        return any(task.status in (PAUSED, NEEDS_REVIEW) for task in self.ready.tasks.values())

    # -- what was changed beside sow ----------------------------------------------------------

    def _know_state(self, only: str = "") -> None:
        """What an agent wrote into state files is put right before anything is read from them."""
        try:
            self.tell_put_back(self.turns.know_state(only=only))
        except SowError as fault:
            self.tell(Note("problem", None, fault.in_a_line))

    def tell_put_back(self, found: Iterable[PutBack]) -> None:
        """Tells which files are as before again, and takes in their tasks."""
        for back in found:
            task = self.read(back.task_id) if back.task_id else None
            self.tell(Note("problem", task, put_back_words(back.path, back.kept, back.changes)))

    def tell_restored(self, event: dict[str, Any]) -> None:
        """Tells what a command of an agent's has put back."""
        payload = event["payload"]
        if event["type"] == "task.restored" and "changes" in payload:
            path = f"the state file of task {event['task_id']}"
            words = put_back_words(path, payload["kept"], payload["changes"])
            self.tell(Note("problem", self.ready.tasks.get(event["task_id"]), words))

    def begin(self) -> None:
        """A turn is about to begin; the first of all takes what steers sow as it is."""
        if not self.live:
            self._steering.know()

    def look_at_steering(self, ended: str) -> None:
        """What was changed of the files that steer sow, by the end of a task's turn, is told."""
        others = sorted({live.attempt.task_id for live in self.live.values()} - {ended})
        for words in self._steering.look([ended, *others]):
            self.tell(Note("problem", self.ready.tasks.get(ended), words))

    def look_at_branches(self, *ended: str) -> None:
        """What was done to branches by somebody who does not work on them is told."""
        try:
            if not self._branches.may_have_moved():
                return
            at_work = {*self.turns.drivers.at_work(), *ended}
            for words in self._branches.look(self.ready.tasks, at_work):
                self.tell(Note("problem", None, words))
        except SowError as fault:
            self.tell(Note("problem", None, fault.in_a_line))
