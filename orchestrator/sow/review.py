"""What a person decides about a task: answer, send back, approve.

An approval is stored before its merge and taken as a promise: whoever comes
next completes it, and the trailer of the merge commit keeps it from being made
twice. A conflict takes the approval back and is work for the agent.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sow import deferring, fields, holding, ports, prompts
from sow.attempt import Attempt, Attempts
from sow.change import Change, Event
from sow.clock import is_unset
from sow.errors import Failed, Refused
from sow.git import landing, merges
from sow.judgement import sent_back
from sow.layout import Layout
from sow.store import Store
from sow.task import COMPLETED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task
from sow.workplace import Workplace
from sow_executors import inbox as inboxes

if TYPE_CHECKING:
    from sow_schemas.documents import EventPayload, EventType, MergeDone, TaskResumed, TaskRetryScheduled


@dataclass(frozen=True, slots=True)
class CheckFailed:
    """A configured check that did not pass."""

    command: str
    output: str
    """The last lines that it printed."""


@dataclass(frozen=True, slots=True)
class Approved:
    """What became of an approval."""

    task: Task
    how: Literal["merged", "nothing to merge", "conflict", "check failed", "blocked"]
    commit: str | None = None
    files: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an answer."""

    task: Task
    reached: Attempt | None = None
    """The attempt whose process waited for it, and goes on; None where a resume brings it."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Does what a person decided, in one project."""

    layout: Layout
    store: Store
    attempts: Attempts
    workspace: Workplace
    checks: tuple[str, ...]
    environment: Mapping[str, str]
    ports: int = 0
    """How many ports each task has to itself."""

    def answer(self, task_id: str, text: str, *, by: str) -> Answered:
        """Answers a paused task: it is in progress again.

        The answer goes to the process that waits for it, where one does; else the
        next resume brings it.
        """
        _not_empty(text, "answer")
        waits: list[holding.Waiting | None] = []

        def change(task: Task) -> Change:
            _not_its_own_question(task, by)
            at = self.store.now()
            waits[:] = [holding.waiting_for(self.attempts, task)]
            said, files = text, {}
            answer = inboxes.answer_text(inboxes.Answer(text, by, at))
            if waits[0]:
                folder = self.attempts.inbox(waits[0].attempt.id)
                files = {inboxes.answer_path(folder, waits[0].request): answer}
            elif place := deferring.answer_place(self.attempts, task):
                files = {place: answer}
            elif gone := holding.lost(self.attempts, task):
                if gone.is_permission:
                    files = {inboxes.answer_path(gone.folder, gone.question.name): answer}
                tell = prompts.to_lost_call if gone.is_permission else prompts.to_lost_question
                said = tell(gone.question.text, text)
            answered = task.take_answer(said, by=by, at=at)
            payload: TaskResumed = {"by": by, "answer": text}
            return Change(task=answered, events=(_event(task, "task.resumed", payload),), files=files)

        task = self.store.change_task(task_id, change)
        return Answered(task, waits[0].attempt if waits[0] else None)

    def send_back(self, task_id: str, text: str, *, by: str) -> Task:
        """Sends a task back with feedback: its file, the next iteration and the state, all or nothing."""
        _not_empty(text, "feedback")
        self.attempts.check_at_rest(task_id)

        def change(task: Task) -> Change:
            return sent_back(task, text, by=by, at=self.store.now(), file=self.store.next_feedback(task))

        # Not while an approval of it is being merged.
        with self.workspace.lease():
            return self.store.change_task(task_id, change)

    def approve(self, task_id: str, *, by: str) -> Approved:
        """Approves a task and merges its branch into the project's, once.

        Raises Refused for a task that is not to be reviewed, Busy while its
        agent is still at work.
        """
        _not_its_own(task_id, by)
        self.attempts.check_at_rest(task_id)

        def change(task: Task) -> Change:
            approved = task.approve(by=by, at=self.store.now())
            # Now, not at its completion: by then it would be merged.
            self.store.check_completion(task)
            return Change(task=approved)

        return self.merge(self.store.change_task(task_id, change))

    def accept(self, task_id: str, *, by: str) -> Approved:
        """Takes what is there as the result, and approves it: for a task that is paused or unfinished."""
        _not_its_own(task_id, by)
        self.attempts.check_at_rest(task_id)

        def change(task: Task) -> Change:
            if task.status == NEEDS_REVIEW:
                return Change(task=task)
            handed = task.hand_in()
            return Change(task=handed, events=(_event(task, "task.needs_review", {"summary": ""}),))

        task = self.store.change_task(task_id, change)
        if task.worktree:
            self.workspace.commit_leftovers(task)
        return self.approve(task_id, by=by)

    def complete(self, task_id: str, *, by: str) -> Task:
        """Completes a task by a person's word: done by hand, or good as it is (then it is merged)."""
        task = self.store.task(task_id)
        if task.status in (IN_PROGRESS, PAUSED, NEEDS_REVIEW) and task.branch:
            done = self.accept(task_id, by=by)
            if done.task.status != COMPLETED:
                raise Failed(
                    f"task {task_id} was not completed: {done.how} {', '.join(done.files)}", done.detail
                )
            return done.task
        self.attempts.check_at_rest(task_id)
        now = self.store.now()

        def change(current: Task) -> Change:
            approved = current.approve(by=by, at=now) if current.status == NEEDS_REVIEW else current
            return Change(task=approved.complete(at=now), events=(fields.completed_event(current, now),))

        with self.workspace.lease():
            completed = self.store.change_task(task_id, change)
            self._commit_end(completed)
        return completed

    def abandon(self, task_id: str, *, reason: str) -> Task:
        """Abandons a task; its branch and worktree stay. Raises Busy while its agent is at work."""
        self.attempts.check_at_rest(task_id)

        def change(task: Task) -> Change:
            gone = task.abandon(at=self.store.now())
            return Change(task=gone, events=(_event(task, "task.abandoned", {"reason": reason}),))

        with self.workspace.lease():
            gone = self.store.change_task(task_id, change)
            self._commit_end(gone)
        return gone

    def retry(self, task_id: str, *, fresh: bool, held: bool = False) -> Task:
        """Puts a task back among the waiting. Raises Busy while its agent is at work.

        `held`: whether something else than its own state has kept it from its start.
        """
        self.attempts.check_at_rest(task_id)

        def change(task: Task) -> Change:
            if task.status == PENDING and not (fresh or held) and is_unset(task.not_before):
                raise Refused(f"task {task.id} is pending already", "`sow run` starts it")
            again = task.retry(fresh=fresh)
            payload: TaskRetryScheduled = {"not_before": self.store.now(), "reason": "by a person"}
            return Change(task=again, events=(_event(task, "task.retry_scheduled", payload),))

        return self.store.change_task(task_id, change)

    # -- the merge ----------------------------------------------------------------------------

    def merge(self, task: Task) -> Approved:
        """Completes an approval: checks, merges, and the task is done; a conflict sends it back.

        Raises Refused where the approval was taken back since `task` was read.
        """
        with self.workspace.lease():
            task = self.store.task(task.id)
            if task.status == COMPLETED:
                return Approved(task, "merged" if task.commit else "nothing to merge", task.commit)
            if not task.approval:
                raise Refused(
                    f"task {task.id} is {task.status}, and its approval was taken back just now",
                    f"look at it again: `sow review {task.id}`",
                )
            merged = self.workspace.merge(task, self._vetting(task) if self.checks else None)
            match merged:
                case landing.Merged(commit) | merges.AlreadyMerged(commit):
                    approved = Approved(self._complete(task, commit), "merged", commit)
                case merges.Nothing():
                    approved = Approved(self._complete(task, None), "nothing to merge")
                case merges.Conflict(files):
                    return self._conflict(task, tuple(files))
                case CheckFailed() as failed:
                    return self._check_failed(task, failed)
                case landing.Blocked(files, reason):
                    return Approved(task, "blocked", files=tuple(files), detail=reason)
            self._commit_end(approved.task)
        self.workspace.clear_up(approved.task)
        return approved

    def _commit_end(self, task: Task) -> None:
        """Commits the project's state once a task has ended, for a caller who holds the lease."""
        self.workspace.commit_state_held(f"task {task.id} {task.status}: {task.name}")

    def _complete(self, task: Task, commit: str | None) -> Task:
        now = self.store.now()

        def change(current: Task) -> Change:
            if current.status == COMPLETED:
                return Change(task=current)
            events = [fields.completed_event(current, now)]
            if commit:
                payload: MergeDone = {"commit": commit, "branch": self.workspace.branch}
                events.insert(0, _event(current, "merge.done", payload))
            return Change(task=current.complete(at=now, commit=commit), events=tuple(events))

        return self.store.change_task(task.id, change)

    def _conflict(self, task: Task, files: tuple[str, ...]) -> Approved:
        """The approval goes back, and the agent gets the conflict to resolve in its own worktree."""
        listed = "\n".join(f"- {name}" for name in files)
        words = (
            f"Your work was approved, but it conflicts with what was merged into {self.workspace.branch} "
            f"meanwhile:\n\n{listed}\n\nThat branch is being merged into your worktree: resolve the conflict "
            "markers in these files so that both changes hold, run the tests, `git add` them, and report "
            "again. Drop neither side."
        )
        # The markers first: a kill in between leaves the approval, and with it the way back here.
        self.workspace.bring_in(task)
        self.store.tell(_event(task, "merge.conflict", {"files": list(files)}))
        return Approved(self._take_back(task, words), "conflict", files=files)

    def _check_failed(self, task: Task, failed: CheckFailed) -> Approved:
        where = f"merged into {self.workspace.branch}" if task.branch else f"in {self.layout.folder}"
        words = (
            f"Your work was approved, but {where} this check fails:\n\n"
            f"    {failed.command}\n\n{failed.output}\n\nMake it pass, then report again."
        )
        return Approved(self._take_back(task, words), "check failed", detail=failed.output)

    def _take_back(self, task: Task, words: str) -> Task:
        def change(current: Task) -> Change:
            file = self.store.next_feedback(current)
            return sent_back(current, words, by="sow", at=self.store.now(), file=file)

        return self.store.change_task(task.id, change)

    def _vetting(self, task: Task) -> Callable[[str], CheckFailed | None]:
        """What runs the configured checks for a task in a folder, and gives the first that fails."""
        return lambda folder: run_checks(self.checks, folder, self.environment_of(task))

    def environment_of(self, task: Task) -> dict[str, str]:
        """The variables that the checks of a task find: the person's, and the task's own ports."""
        if not self.ports:
            return dict(self.environment)
        block = ports.lease(self.layout, task.id, self.ports, self.environment)
        return {**self.environment, **block.variables()}


def run_checks(checks: tuple[str, ...], folder: str, environment: Mapping[str, str]) -> CheckFailed | None:
    """Runs each command by the shell in `folder`; gives the first that fails, None where all pass."""
    for command in checks:
        done = subprocess.run(
            ["/bin/sh", "-c", command], cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        if done.returncode:
            lines = done.stdout.decode("utf-8", "replace").splitlines()
            return CheckFailed(command, "\n".join(lines[-40:]))
    return None


def _event(task: Task, kind: EventType, payload: EventPayload) -> Event:
    return Event(type=kind, task_id=task.id, payload=payload)


def _not_its_own(task_id: str, by: str) -> None:
    """An agent, named by its attempt, may approve others' work and never its own."""
    if by.startswith(f"{task_id}-"):
        raise Refused(
            f"an agent can't approve its own task {task_id}",
            "report `sow task set status needs_review`: a person, or another agent, decides",
        )


def _not_its_own_question(task: Task, by: str) -> None:
    """What an agent may do is not for itself to say; and one that answers itself would be started again,
    and ask again, without an end."""
    if by.startswith(f"{task.id}-") and task.question:
        asked = "request for permission" if task.question["kind"] == "permission" else "question"
        raise Refused(
            f"an agent can't answer its own {asked} (task {task.id})",
            "end your turn: a person, or another agent, answers",
        )


def _not_empty(text: str, what: str) -> None:
    if not text.strip():
        raise Refused(f"the {what} is empty", f"say something: an empty {what} tells an agent nothing")
