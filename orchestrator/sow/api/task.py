"""One task of a project: what can be asked of it, and done with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, overload

from sow.api import worker
from sow.errors import NotFound
from sow.result import Result
from sow.task import COMPLETED
from sow.task import Task as TaskState

if TYPE_CHECKING:
    from sow.api.artifacts import Artifacts
    from sow.api.attempts import Attempt
    from sow.api.checking import Checking
    from sow.api.events import Reading
    from sow.api.opened import Opened
    from sow.api.running import Driven, Watch
    from sow.api.stop import Stop
    from sow.review import Answered, Approved
    from sow.runner.terminal import TerminalRunner
    from sow.visit import Visit
    from sow_executors.inbox import Answer
    from sow_schemas.documents import Denial, Question


@dataclass(frozen=True, slots=True)
class Feedback(Result):
    """What was to be done better, of one iteration."""

    name: str
    """Of its file, such as `001.md`."""
    text: str


@dataclass(frozen=True, slots=True)
class TaskPage(Result):
    """A task with all that a person asks of it."""

    state: TaskState
    description: str
    feedback: tuple[Feedback, ...]
    used: dict[str, Any]
    """`usd`, `input_tokens`, `output_tokens`, `cpu_seconds`, `peak_memory` and `memory` (bytes, or None)."""

    def as_json(self) -> Any:
        """The state's document, with the description and what was used."""
        return {**self.state.shown(), "description": self.description, "used": self.used}


class Task:
    """One task of a project. It holds no state: whatever is asked is read anew."""

    def __init__(self, opened: Opened, task_id: str | None) -> None:
        """`task_id`: None for a worker's own task. For `Project.task`."""
        self._opened = opened
        self._given = task_id
        self.id = opened.caller.own_task(task_id)

    def __repr__(self) -> str:
        return f"<sow.Task {self.id} of {self._opened.layout.name}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Task):
            return NotImplemented
        return (self.id, self._opened.layout) == (other.id, other._opened.layout)

    def __hash__(self) -> int:
        return hash((self.id, self._opened.layout))

    # -- reading ------------------------------------------------------------------------------

    def state(self) -> TaskState:
        """The task as its file has it now. Raises NotFound, or Refused where its file is broken."""
        return self._opened.store().task(self.id)

    def page(self) -> TaskPage:
        """The task with its description, its feedback and what it used: `sow task show`."""
        from sow.attempt import Attempts, seen, summed

        store = self._opened.store()
        state = store.task(self.id)
        mine, now = seen(Attempts(store.layout).of_task(self.id))
        used = {**summed(mine), "memory": sum(sample.memory for sample in now.values()) or None}
        return TaskPage(state, store.description(state), _feedback(store.feedback(state)), used)

    def description(self) -> str:
        """What is to be done: the task's description.md; empty where there is none."""
        store = self._opened.store()
        return store.description(store.task(self.id))

    def notes(self) -> str:
        """The notes of its agents, and of whoever else has noted something: the task's log.md."""
        store = self._opened.store()
        return store.notes(store.task(self.id))

    def feedback(self) -> tuple[Feedback, ...]:
        """What was to be done better, of each iteration, oldest first."""
        store = self._opened.store()
        return _feedback(store.feedback(store.task(self.id)))

    def question(self) -> Question | None:
        """What it waits for a person to answer; None where it asks nothing."""
        return self.state().question

    def events(
        self, *, types: Sequence[str] = (), since: str | None = None, follow: bool = False,
        stop: Stop | None = None,
    ) -> Reading:  # fmt: skip
        """What happened to it; see `Project.events`."""
        return self._opened.events(types=types, task=self.id, since=since, follow=follow, stop=stop)

    def attempts(self) -> tuple[Attempt, ...]:
        """The runs of its agents, oldest first."""
        from sow.api import attempts
        from sow.attempt import Attempts

        store = self._opened.store()
        store.task(self.id)
        return tuple(attempts.listed(Attempts(store.layout), ended=True, task_id=self.id))

    def transcript(
        self, attempt: str | None = None, *, raw: bool = False, follow: bool = False, stop: Stop | None = None
    ) -> Iterator[str]:
        """What its agents said and did, line by line: `sow agent logs`.

        `attempt`: the id of one that alone is read. `raw`: as the CLIs printed it, without a line above each
        attempt. `follow`: on until the attempt that runs has ended.
        """
        from sow.api import attempts
        from sow.attempt import Attempts

        store = self._opened.store()
        store.task(self.id)
        records = Attempts(store.layout)
        mine = [one for one in records.of_task(self.id) if attempt in (None, one.id)]
        if attempt is not None and not mine:
            raise NotFound(
                f"attempt not found: {attempt} of task {self.id}", "see what ran: `sow agent list --all`"
            )
        for one in mine:
            if raw:
                yield from attempts.raw(records, one, follow=follow, stop=stop)
            else:
                yield attempts.head(records, one)
                yield from attempts.readable(self._opened.caller, records, one, follow=follow, stop=stop)

    def diff(self) -> str | None:
        """What it changes against the project's branch; None where that can't be told from others' work."""
        turns = self._opened.turns()
        return turns.workspace.diff(turns.store.task(self.id))

    def changes(self) -> str | None:
        """The same as a table of files."""
        turns = self._opened.turns()
        return turns.workspace.stat(turns.store.task(self.id))

    def denied(self) -> list[Denial]:
        """What its agents were not allowed to do in this iteration."""
        from sow.attempt import Attempts

        store = self._opened.store()
        now = store.task(self.id).iteration
        mine = [one for one in Attempts(store.layout).of_task(self.id) if one.iteration == now]
        return [denial for one in mine for denial in one.denials or ()]

    def last_words(self) -> str:
        """What its agent said last; empty where that was nothing."""
        from sow.api import attempts
        from sow.attempt import Attempts

        records = Attempts(self._opened.store().layout)
        return attempts.last_words(self._opened.caller, records, records.of_task(self.id)[-1:])

    def is_held(self) -> bool:
        """Whether a process of its agent lives, and waits for the answer to its question."""
        from sow import holding
        from sow.attempt import Attempts

        store = self._opened.store()
        return holding.waiting_for(Attempts(store.layout), store.task(self.id)) is not None

    # -- its fields ---------------------------------------------------------------------------

    def set(self, field: str, value: str, *, text: bool = False) -> None:
        """Sets a field, a dotted path, to `value` as its type in the schema reads it: `sow task set`.

        In metadata and params the value is YAML. `text`: it is a text, whatever it looks like. A worker
        says so that its work is done: `set("status", "needs_review")`. A person's `completed` merges what
        is there. Raises Refused, NotFound, Busy.
        """
        if field == "status" and value == COMPLETED and not self._opened.caller.is_own(self._given):
            self.complete()
        else:
            worker.set_field(self._opened.caller, self._opened.store(), self._given, field, value, text=text)

    def unset(self, field: str) -> None:
        """Removes a field, a dotted path. Raises Refused for one that can't be missing."""
        from sow import fields

        self._opened.store().change_task(self.id, fields.unsetting(field))

    def description_file(self) -> str:
        """The path of its description, for an editor: what people write there is left as it is."""
        from sow import describing

        return describing.file(self._opened.store(), self.id)

    def set_description(self, text: str) -> None:
        """Puts `text` in the place of what is to be done. Raises Refused where it is too long, or no text."""
        from sow import describing

        describing.describe(self._opened.store(), self.id, text)

    @property
    def inputs(self) -> Artifacts:
        """What it takes in."""
        from sow.api.artifacts import Artifacts

        return Artifacts(self._opened, "inputs", task_id=self._given, owner=self.id)

    @property
    def outputs(self) -> Artifacts:
        """What it brings out."""
        from sow.api.artifacts import Artifacts

        return Artifacts(self._opened, "outputs", task_id=self._given, owner=self.id)

    # -- what a worker says -------------------------------------------------------------------

    def log(self, text: str) -> None:
        """Adds a note to its log: `sow agent log`."""
        worker.log(self._opened.caller, self._opened.store(), self._given, text)

    def hand_in(self, message: str) -> None:
        """Says what came of it, as its worker, and that it is to be reviewed.

        The same as `set` of `result.message` and of `status`, in one change. Raises Refused, NotFound, Busy.
        """
        worker.hand_in(self._opened.caller, self._opened.store(), self._given, message)

    @overload
    def ask(self, question: str, options: Sequence[str] = ..., *, wait: Literal[False] = ...) -> None: ...

    @overload
    def ask(
        self, question: str, options: Sequence[str] = ..., *, wait: Literal[True], stop: Stop | None = ...
    ) -> Answer | None: ...

    def ask(
        self, question: str, options: Sequence[str] = (), *, wait: bool = False, stop: Stop | None = None
    ) -> Answer | None:
        """Pauses it with a question to a person: `sow task ask`.

        `wait`: stays until the answer comes and gives it; None where a sandbox allows no waiting, and the
        answer comes with the next resume; `stop` ends that wait, and the question stays. Raises Refused where
        it can't be paused, or the question is taken back.
        """
        caller, store = self._opened.caller, self._opened.store()
        if not wait:
            worker.ask(caller, store, self._given, question, tuple(options))
            return None
        from sow.api import asking

        return asking.ask(caller, store, self._given, question, tuple(options), stop)

    # -- what a person decides ----------------------------------------------------------------

    def answer(self, text: str) -> Answered:
        """Answers its question: its agent goes on at once where it waits, else with the next run.

        Raises Refused where it asks nothing. `.reached` is the attempt that waited for it.
        """
        with self._opened.deciding() as (_, reviewer):
            return reviewer.answer(self.id, text, by=self._opened.caller.name)

    def send_back(self, text: str) -> TaskState:
        """Sends it back with feedback: the next iteration, in the same session. `sow task feedback`."""
        with self._opened.deciding() as (_, reviewer):
            return reviewer.send_back(self.id, text, by=self._opened.caller.name)

    def approve(self) -> Approved:
        """Approves it: its branch is merged into the project's, and it is completed.

        What became of that is in `.how`: `conflict` and `check failed` have sent it back to its agent, and
        `blocked` waits for files that are in the way. Raises Refused where it is not to be reviewed, Busy
        while its agent is at work.
        """
        is_promised = self.state().approval is not None
        with self._opened.deciding() as (_, reviewer):
            task = self.state()
            if is_promised and task.status == COMPLETED:
                return reviewer.merge(task)  # what was in the way is gone, and the promise was kept just now
            return reviewer.approve(self.id, by=self._opened.caller.name)

    def accept(self) -> Approved:
        """Takes what is there as the result, and approves it: for one that is paused or unfinished."""
        with self._opened.deciding() as (_, reviewer):
            return reviewer.accept(self.id, by=self._opened.caller.name)

    def complete(self) -> TaskState:
        """Completes it by a person's word: done by hand, or good as it is (then it is merged)."""
        with self._opened.deciding() as (_, reviewer):
            return reviewer.complete(self.id, by=self._opened.caller.name)

    def abandon(self, reason: str = "by a person") -> TaskState:
        """Gives it up; its branch and worktree stay, nothing is deleted."""
        with self._opened.deciding() as (_, reviewer):
            return reviewer.abandon(self.id, reason=reason)

    def retry(self, *, fresh: bool = False) -> Retried:
        """Puts it back among those that a run starts, also in spite of its account's limit.

        `fresh`: in a new session, with what happened before told to it.
        """
        from sow import gate

        with self._opened.deciding() as (turns, reviewer):
            turns.attempts.check_at_rest(self.id)
            held = gate.let_through(turns, turns.store.task(self.id), fresh=fresh)
            return Retried(reviewer.retry(self.id, fresh=fresh, held=held), held)

    def checking(self) -> Checking:
        """The configured checks, to be run on its work as it is now.

        Raises NotFound where it has no worktree to check in.
        """
        from sow.api import checking

        return checking.of_task(self._opened.turns(), self.id)

    def move(self, phase: str) -> TaskState:
        """Takes it to another phase, while no agent is at work on it."""
        from sow import moving

        with self._opened.deciding() as (turns, _):
            return moving.move(turns, self.id, phase)

    def remove(self) -> str:
        """Takes it out of the project; gives the folder where it is kept. Its id is never given again.

        Raises Busy while an agent is at work on it, Refused while others depend on it or work of it is
        not merged.
        """
        from sow import moving

        with self._opened.deciding() as (turns, _):
            return moving.remove(turns, self.id)

    # -- its agent ----------------------------------------------------------------------------

    def spawn(
        self, prompt: str = "", *, agent: str = "", watch: Watch | None = None, stop: Stop | None = None
    ) -> Driven:
        """Starts its agent, and stays until its turn ends: `sow agent spawn`.

        `prompt`: is said instead of what the task calls for. `agent`: another role than its own. `watch`: is
        called with what happens; `stop`: ends the turn from outside. Raises Refused where there is nothing to
        start, NotFound where the program is not there, Busy where somebody drives it.
        """
        from sow.api import running

        opened = self._opened
        return running.spawn(
            opened.caller, opened.layout, self.id, prompt=prompt, role=agent, watch=watch, stop=stop
        )

    def resume(
        self, prompt: str, *, agent: str = "", watch: Watch | None = None, stop: Stop | None = None
    ) -> Driven:
        """Goes on with its session, and stays until that turn ends: `sow agent resume`.

        `prompt` answers its question, or sends its work back, or is what it goes on with. Raises as `spawn`.
        """
        from sow.api import running

        opened = self._opened
        return running.resume(
            opened.caller, opened.layout, self.id, prompt, role=agent, watch=watch, stop=stop
        )

    def stop(self) -> TaskState:
        """Ends its agent, and all that it started; its session is kept. Raises NotFound where none runs."""
        from sow.api import running

        return running.stop_agent(self._opened.turns(actor="person"), self.id)

    def attach(self, terminal: TerminalRunner | None = None) -> Visit:
        """Opens its session on this process's terminal, and stays until it is left; gives what has changed.

        For the main thread alone. No agent is started on it meanwhile.
        """
        from sow.runner.terminal import TerminalRunner

        with self._opened.deciding() as (turns, _):
            return turns.attach(turns.store.task(self.id), terminal or TerminalRunner(base_env={}))


@dataclass(frozen=True, slots=True)
class Retried:
    """A task that is among the waiting again."""

    task: TaskState
    in_spite: bool
    """Whether it is let through in spite of a limit of its account."""


def _feedback(held: Sequence[tuple[str, str]]) -> tuple[Feedback, ...]:
    return tuple(Feedback(name, text) for name, text in held)
