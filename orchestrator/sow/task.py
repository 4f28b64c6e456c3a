"""A task is a frozen value; its moves are the transition table of its life.

    pending --> in_progress --> needs_review --> completed
       ^           |   ^  ^          |
       |           v   |  +----------+  send_back: iteration + 1, same session
       +-------- paused                 any but completed --> abandoned

Each move checks where it comes from and gives back a new task: whoever holds
a task can't break it, and what a status owns comes and goes with the status.
"""

from sow.clock import is_unset
from sow.errors import Refused
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Self, Unpack

    from sow_schemas import documents

    Status = documents.Status

PENDING: "Status" = "pending"
IN_PROGRESS: "Status" = "in_progress"
PAUSED: "Status" = "paused"
NEEDS_REVIEW: "Status" = "needs_review"
COMPLETED: "Status" = "completed"
ABANDONED: "Status" = "abandoned"

STATUSES: "tuple[Status, ...]" = (PENDING, IN_PROGRESS, PAUSED, NEEDS_REVIEW, COMPLETED, ABANDONED)
TIMES = ("started_at", "completed_at", "not_before")
"""Times that a task may not have; to the original program a zero date is none."""
ENDED: "tuple[Status, ...]" = (COMPLETED, ABANDONED)
PRIORITIES: "tuple[documents.Priority, ...]" = ("critical", "high", "normal", "low")

TRANSITIONS: "dict[str, tuple[Status, ...]]" = {
    PENDING: (IN_PROGRESS, PAUSED, NEEDS_REVIEW, COMPLETED, ABANDONED),
    IN_PROGRESS: (NEEDS_REVIEW, PAUSED, PENDING, COMPLETED, ABANDONED),
    PAUSED: (IN_PROGRESS, PENDING, NEEDS_REVIEW, COMPLETED, ABANDONED),
    NEEDS_REVIEW: (IN_PROGRESS, COMPLETED, ABANDONED),
    COMPLETED: (),
    ABANDONED: (PENDING,),
}
"""From a status to those that some move leads to. Anything else is refused."""

HIGHEST_ID = 999


_MOVES = {
    "start": ("starting", IN_PROGRESS),
    "pause": ("pausing", PAUSED),
    "answer": ("answering", IN_PROGRESS),
    "go on": ("going on", IN_PROGRESS),
    "hand in": ("handing in", NEEDS_REVIEW),
    "send back": ("sending back", IN_PROGRESS),
    "approve": ("approving", COMPLETED),
    "complete": ("completing", COMPLETED),
    "abandon": ("abandoning", ABANDONED),
    "postpone": ("postponing", PENDING),
    "retry": ("retrying", PENDING),
}
"""Each move as a person reads of it, and the status that it leads to in the end."""


class Task(Value):
    """One unit of work, as its state file holds it. Times are RFC 3339 text, kept as written."""

    id: str
    name: str
    phase: str
    status: "Status"
    created_at: str
    started_at: "str | None" = None
    updated_at: str
    completed_at: "str | None" = None
    iteration: int
    assigned_agent: str
    session_id: "str | None" = None
    inputs: "Sequence[documents.ArtifactState]"
    outputs: "Sequence[documents.ArtifactState]"
    metadata: "dict[str, Any] | None" = None
    priority: "documents.Priority | None" = None
    depends_on: "Sequence[str] | None" = None
    task_type: "str | None" = None
    params: "dict[str, Any] | None" = None
    executor: "str | None" = None
    not_before: "str | None" = None
    fresh: "bool | None" = None
    answer: "documents.Answer | None" = None
    approval: "documents.Approval | None" = None
    worktree: "str | None" = None
    question: "documents.Question | None" = None
    error: "documents.TaskError | None" = None
    error_detail: "dict[str, Any] | None" = None
    result: "documents.Result | None" = None
    attempts: "int | None" = None
    base: "str | None" = None
    branch: "str | None" = None
    commit: "str | None" = None

    if TYPE_CHECKING:

        def replace(self, **changes: Unpack[documents.TaskStateChanges]) -> Self:  # type: ignore[override]
            """A copy with some fields changed: those of the schema, where any `Value` takes its own."""

    @classmethod
    def from_document(cls, document: "documents.TaskState") -> "Task":
        """The task of a document that the schema has accepted."""
        return cls(**document)

    def document(self) -> "documents.TaskState":
        """The task as its file holds it, in the schema's order, without what is not set."""
        held = ((name, getattr(self, name)) for name in self._fields)
        document: Any = {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in held
            if value is not None
        }
        return document  # type: ignore[no-any-return]

    @property
    def options(self) -> "list[str]":
        """The answers that its question offers; none where it asks nothing or leaves it open."""
        return self.question.get("options", []) if self.question else []

    def shown(self) -> "dict[str, Any]":
        """The same for whoever looks at it: without zero dates, which stand for times that are not set."""
        held: dict[str, Any] = {**self.document()}
        return {name: value for name, value in held.items() if name not in TIMES or not is_unset(value)}

    # -- moves: each names the statuses that it comes from ------------------------------------

    def start(
        self,
        *,
        session_id: "str | None",
        executor: str,
        at: str,
        worktree: "str | None",
        branch: "str | None",
        base: "str | None",
    ) -> "Self":
        """An agent begins, or goes on with, this task: stored before its process starts.

        From `pending`, or from `in_progress` where the task was queued for a free
        place after an answer, feedback or an interruption.
        """
        self._only_from("start", PENDING, IN_PROGRESS)
        return self.replace(
            status=IN_PROGRESS,
            started_at=at if is_unset(self.started_at) else self.started_at,
            session_id=session_id,
            executor=executor,
            worktree=worktree,
            branch=branch,
            base=base,
            attempts=(self.attempts or 0) + 1,
            not_before=None,
            fresh=None,
        )

    def pause(
        self,
        text: str,
        *,
        kind: "documents.QuestionKind",
        by: str,
        at: str,
        options: "tuple[str, ...]" = (),
    ) -> "Self":
        """The task waits for a person, who finds this question in `sow review`.

        An answer that has not reached the agent yet stays, to be delivered with the next.
        """
        self._only_from("pause", PENDING, IN_PROGRESS)
        question: documents.Question = {"text": text, "kind": kind, "by": by, "asked_at": at}
        if options:
            question["options"] = list(options)
        return self.replace(status=PAUSED, question=question, not_before=None)

    def take_answer(self, text: str, *, by: str, at: str) -> "Self":
        """A person answered: the next resume delivers it, and tries start to count anew."""
        self._only_from("answer", PAUSED)
        # An agent that failed before it heard the last answer hears both.
        undelivered = f"{self.answer['text']}\n\n" if self.answer else ""
        answer: documents.Answer = {"text": undelivered + text, "by": by, "at": at}
        return self.replace(
            status=IN_PROGRESS, question=None, answer=answer, attempts=0,
            error=_from_zero(self.error),
        )  # fmt: skip

    def go_on(self) -> "Self":
        """The process that asked goes on without an answer."""
        self._only_from("go on", PAUSED)
        return self.replace(status=IN_PROGRESS, question=None)

    def hand_in(self, summary: "str | None" = None) -> "Self":
        """The work is there to be reviewed.

        From `in_progress`; from `paused`, when a person accepts what is there or
        a late result comes; from `pending` only with an attempt behind it.
        """
        self._only_from("hand in", IN_PROGRESS, PAUSED, PENDING)
        if self.status == PENDING and not self.session_id and is_unset(self.started_at):
            raise self._refused("hand in", "no agent has worked on it yet")
        result = self.result
        if summary:
            result = {"status": "success", "message": summary}
        return self.replace(
            status=NEEDS_REVIEW, question=None, answer=None, not_before=None, result=result, error=None,
            error_detail=None,
        )  # fmt: skip

    def send_back(self, words: str, *, by: str, at: str) -> "Self":
        """A review asked for changes: the next iteration, in the same session."""
        self._only_from("send back", NEEDS_REVIEW)
        return self.replace(
            status=IN_PROGRESS, iteration=self.iteration + 1, attempts=0, approval=None, result=None,
            answer={"text": words, "by": by, "at": at}, error=_from_zero(self.error),
        )  # fmt: skip

    def approve(self, *, by: str, at: str) -> "Self":
        """A person approved: the task completes when its merge is done."""
        self._only_from("approve", NEEDS_REVIEW)
        return self if self.approval else self.replace(approval={"by": by, "at": at})

    def complete(self, *, at: str, commit: "str | None" = None) -> "Self":
        """The end: approved and merged, or done by a person's word. The session goes."""
        self._only_from("complete", PENDING, IN_PROGRESS, PAUSED, NEEDS_REVIEW)
        if self.status == NEEDS_REVIEW and not self.approval:
            raise self._refused("complete", "nobody has approved it")
        failed = self.result and self.result["status"] == "error"
        return self._ended(COMPLETED, at).replace(
            commit=commit or self.commit,
            result=None if failed else self.result,
            error=None,
            error_detail=None,
        )

    def abandon(self, *, at: str) -> "Self":
        """The end without a result. The branch stays: nothing unmerged is deleted."""
        self._only_from("abandon", PENDING, IN_PROGRESS, PAUSED, NEEDS_REVIEW)
        return self._ended(ABANDONED, at)

    def postpone(self, *, not_before: "str | None") -> "Self":
        """Back among the waiting, to be tried again in the same session: tries go on counting."""
        self._only_from("postpone", IN_PROGRESS)
        return self.replace(status=PENDING, not_before=not_before)

    def retry(self, *, fresh: bool = False) -> "Self":
        """Back among the waiting by a person's word: tries start to count anew.

        An abandoned task gets a new iteration and no session; any other keeps its
        session unless `fresh` asks for a new one at the next start.
        """
        self._only_from("retry", PENDING, IN_PROGRESS, PAUSED, ABANDONED)
        task = self.replace(
            status=PENDING, question=None, not_before=None, fresh=True if fresh else None, attempts=0,
            error=_from_zero(self.error),
        )  # fmt: skip
        if self.status == ABANDONED:
            return task.replace(
                iteration=self.iteration + 1, completed_at=None, result=None, error=None, error_detail=None
            )
        return task

    # -- helpers ----------------------------------------------------------------------------

    def _ended(self, status: "Status", at: str) -> "Self":
        return self.replace(
            status=status, completed_at=at, session_id=None, executor=None, question=None, answer=None,
            approval=None, not_before=None, fresh=None,
        )  # fmt: skip

    def _only_from(self, move: str, *statuses: "Status") -> None:
        if self.status not in statuses:
            raise self._refused(move, f"{_MOVES[move][0]} goes only from {_either(statuses)}")

    def _refused(self, move: str, why: str) -> Refused:
        goal = _MOVES[move][1]
        told = "already" if self.status == goal else f"and can't become {goal}"
        return Refused(f"task {self.id} is {self.status} {told}: {why}", _next_step(self))


def free_id(used: "set[int]") -> "str | None":
    """The next id: by tens behind those that are used, then one of the free numbers below; None for none."""
    by_tens = (max(used, default=0) // 10 + 1) * 10
    below = (number for number in range(HIGHEST_ID, 0, -1) if number not in used)
    free = by_tens if by_tens <= HIGHEST_ID else next(below, 0)
    return f"{free:03d}" if free else None


def _either(statuses: "tuple[Status, ...]") -> str:
    *rest, last = statuses
    return f"{', '.join(rest)} or {last}" if rest else last


def _from_zero(error: "documents.TaskError | None") -> "documents.TaskError | None":
    """An answer or a new iteration gives an agent all its tries again."""
    return {**error, "retry_count": 0} if error else None


def _next_step(task: Task) -> str:
    """What a person can do with a task in this status."""
    steps = {
        PENDING: f"`sow run` starts it; `sow agent spawn {task.id}` starts it alone",
        IN_PROGRESS: f"see what it does: `sow agent logs {task.id}`; end it: `sow agent stop {task.id}`",
        PAUSED: f"answer it: `sow task answer {task.id} TEXT`, or go through all that waits: `sow review`",
        NEEDS_REVIEW: f"decide about it: `sow review {task.id}`, or `sow task approve {task.id}`",
        COMPLETED: "a completed task stays as it is: add another one with `sow task add`",
        ABANDONED: f"take it up again with `sow task retry {task.id}`",
    }
    return steps[task.status]
