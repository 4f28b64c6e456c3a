"""`sow run`: starts what is ready, follows what runs, settles what ended, until only a person can go on.

    restore --> start the ready --> wait --> settle the ended --> take in what others changed --+
                      ^                                                                         |
                      +-------------------------------------------------------------------------+

One thread, one wait: for the ends of processes, lines of output, changes of
the state by others, and signals. What is stored is the truth; all that is held
here can be lost at any moment.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import sow_schemas
from sow import eventlog, files, lease, logs, opened, outfit, process, sizes
from sow.attempt import Attempt
from sow.branches import Branches
from sow.budget import Budget
from sow.change import Change, Event
from sow.clock import is_unset, seconds
from sow.edits import put_back_words
from sow.errors import Busy, Failed, NotFound, SowError
from sow.gate import Gate, without_wait
from sow.opened import SessionOpen
from sow.pool import warning_words
from sow.ready import Ready
from sow.recovery.policy import Nudge, Restart
from sow.recovery.restore import RESTORING, Restored, restore, take_up
from sow.review import Reviewer
from sow.runner import resources
from sow.runner.local import Running
from sow.runner.watch import Watcher
from sow.state import PutBack
from sow.task import ENDED, IN_PROGRESS, NEEDS_REVIEW, PAUSED, PENDING, Task
from sow.turn import Turns
from sow.turn.live import AFTER_RESULT_SECONDS, Live, Settled
from sow_executors.base import Limited, Retried, Said, Started, Used

if TYPE_CHECKING:
    from sow.dropped import Inbox
    from sow_schemas.documents import AgentTool, LockBroken, Reason


RESTORE_SECONDS = 60.0
"""How long a command that makes the state true is waited for."""

RESCAN_SECONDS = 30.0
"""How often everything is read anew, for a writer may die between its state and its event."""

LOOK_SECONDS = 5.0
"""How often is looked at what the processes of the agents use."""

AT_ONCE_BYTES = 4 << 20
"""How much of one agent's output is read before the others', and what else has come, have their turn."""

SHOWN = 5
"""How many files are named where there may be many."""

_SESSION_OF = "the session of "
"""Under this name, and a task's id, the process is watched that has the task's session open."""

Kind = Literal[
    "added", "started", "setup", "said", "used", "usage", "retried", "settled", "changed", "problem", "limit",
    "inbox",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Note:
    """Something for whoever watches the run."""

    kind: Kind
    task: Task | None
    text: str
    attempt: Attempt | None = None

    def as_json(self) -> dict[str, Any]:
        """As `sow run --json` prints it."""
        return {
            "kind": self.kind,
            "task": self.task.id if self.task else None,
            "status": self.task.status if self.task else None,
            "attempt": self.attempt.id if self.attempt else None,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    tasks: tuple[Task, ...]
    interrupted: bool = False
    left_running: bool = False
    budget: Budget = field(default_factory=Budget)

    def of(self, *statuses: str) -> list[Task]:
        return [task for task in self.tasks if task.status in statuses]

    @property
    def waits(self) -> list[Task]:
        """The tasks that wait for a person."""
        return self.of(PAUSED, NEEDS_REVIEW)

    @property
    def done(self) -> bool:
        return all(task.status in ENDED for task in self.tasks)

    @property
    def held_back(self) -> bool:
        """Whether more would have been started, had there been money for it."""
        return bool(self.of(PENDING, IN_PROGRESS)) and self.budget.is_spent(())


@dataclass(slots=True)
class Scheduler:
    """One life of the orchestrator in one project."""

    turns: Turns
    reviewer: Reviewer
    watcher: Watcher
    jobs: int
    only: str | None = None
    watch: Callable[[Note], None] = lambda note: None
    live: dict[str, Live] = field(default_factory=dict)
    """By attempt."""
    budget: Budget = field(default_factory=Budget)
    inbox: Inbox | None = None
    """The inbox folder, where files come that become tasks; None to leave it alone."""
    _meter: resources.Meter = field(default_factory=resources.Meter)
    _looked: float = 0.0
    _ready: Ready = field(default_factory=Ready)
    _offsets: dict[str, int] = field(default_factory=dict)
    _held_back: set[str] = field(default_factory=set)
    _signals: list[str] = field(default_factory=list)
    """Who asked for the end, in their order: the first ends the agents gently, `leave` leaves them running.
    Whoever adds to it wakes the watcher."""
    _scanned: float = 0.0
    _branches: Branches = field(init=False)
    _gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self._branches = Branches(self.turns.store, self.turns.workspace)
        self._gate = Gate(self.turns, lambda task, words: self.watch(Note("limit", task, words)))

    def run(self, *, stay: bool = False) -> Outcome:
        """Runs until nothing can go on without a person; with `stay`, until it is interrupted.

        Raises Busy while another orchestrator works on this project.
        """
        held = self._as_the_only_one()
        try:
            self.turns.store.tell(Event(type="run.started", payload={"jobs": self.jobs}))
            self._restore()
            while not self._signals:
                self._start_ready()
                if not self._at_work() and (self._is_spent() or (not stay and self._due() is None)):
                    break
                self._wait()
            return self._end()
        except BaseException:
            self._let_go_of_the_rest()
            raise
        finally:
            held.release()

    def drive(self, task: Task, *, prompt: str = "", agent: str = "") -> Outcome:
        """Starts the agent of one task and follows it to the end of its turn, beside any other run.

        Raises SowError where it can't be started.
        """
        self.only = task.id
        self.watcher.add_folder(self._events_folder())
        self._skip_told()
        self._scan()
        live = self.turns.begin(task, prompt=prompt, reason="prompt" if prompt else None, agent=agent)
        self._follow_from_now(live)
        self._tell_begun(live, self._put(task.id), live.attempt.reason or "")
        return self._see_through(task.id)

    def follow(self, attempt: Attempt) -> Outcome:
        """Takes on an attempt that runs and has no driver, and follows it to the end of its turn.

        Where it has found a driver, there is nothing to follow.
        """
        self.only = attempt.task_id
        self.watcher.add_folder(self._events_folder())
        self._skip_told()
        self._scan()
        found = Restored(adopt=True)
        take_up(self.turns, attempt, found)
        for live in found.live:
            self._catch_up(live)
        return self._see_through(attempt.task_id)

    def _see_through(self, task_id: str) -> Outcome:
        try:
            while self._at_work() and not self._signals:
                self._wait()
            self._stop_all()
        finally:
            self._let_go_of_the_rest()
        self._scan()
        tasks = tuple(t for t in self._ready.tasks.values() if t.id == task_id)
        return Outcome(tasks, bool(self._signals), bool(self.live))

    # -- the three ways in and out ------------------------------------------------------------

    def _as_the_only_one(self) -> lease.Lease:
        """The orchestrator's lease; one that a command holds to make the state true is waited for."""
        path = f"{self.turns.layout.locks}/orchestrator.lease"
        end = self.turns.clock() + RESTORE_SECONDS
        while True:
            try:
                held = lease.acquire(path, "sow run")
                break
            except lease.Held as fault:
                if fault.lease.what != RESTORING or self.turns.clock() >= end or self._signals:
                    raise
                self.watch(Note("problem", None, f"waits: {fault}"))
                self._wait_for(fault.lease, end)
        if held.broken:
            payload: LockBroken = {
                "lease": "orchestrator",
                "holder": f"process {held.broken.holder.identity.pid}",
            }
            self.turns.store.tell(Event(type="lock.broken", payload=payload))
        return held

    def _wait_for(self, held: lease.Lease, end: float) -> None:
        """Waits until a lease is given back, or its holder is gone, or it is `end`, or a signal came."""
        locks = self.turns.layout.locks
        # Whoever gives a lease back writes in its folder; whoever dies doesn't.
        self.watcher.add_folder(locks)
        self.watcher.add_process(Running(RESTORING, locks, held.holder.identity))
        while lease.holder(held.path) == held and process.fate(held.holder) != "dead" and not self._signals:
            if (left := end - self.turns.clock()) <= 0:
                break
            self.watcher.wait(left)
        self.watcher.forget_folder(locks)
        self.watcher.forget_process(RESTORING)

    def _restore(self) -> None:
        """Makes the state true before anything new is started."""
        self.watcher.add_folder(self._events_folder())
        self._skip_told()
        if self.inbox:
            self.inbox.notice()  # before the agents of a killed run are settled: it may be theirs
        restored = restore(self.turns, self.reviewer, adopt=True)
        for problem in restored.problems:
            self.watch(Note("problem", None, problem))
        self._keep_texts()
        self._scan()
        self._look_at_inbox()
        self._look_at_branches()
        for live in restored.live:
            self._catch_up(live)
            self._tell_begun(live, self._ready.tasks.get(live.attempt.task_id), "adopted")
        for settled in restored.settled:
            self._tell_put_back(settled.put_back)
            self.watch(Note("settled", settled.task, _ending(settled), settled.attempt))
        if self.only and self.only not in self._ready.tasks:
            raise NotFound(f"task not found: {self.only}", "see the tasks there are: `sow task list`")

    def _keep_texts(self) -> None:
        """Commits what people wrote before an agent can lose it."""
        try:
            self.turns.workspace.commit_state("the run began")
        except SowError as fault:
            self.watch(Note("problem", None, f"{fault} {fault.hint}".strip()))

    def _end(self) -> Outcome:
        self._stop_all()
        self._let_go_of_the_rest()
        self._look_at_inbox(at_once=True)
        interrupted = bool(self._signals)
        reason = "interrupted" if interrupted else "waits" if self._waits() else "done"
        if reason != "interrupted" and self._is_spent() and self._goes_on():
            reason = "budget"
        self.turns.store.tell(Event(type="run.ended", payload={"reason": reason}))
        self.turns.workspace.commit_state("the run ended")
        self._scan()
        tasks = tuple(sorted(self._ready.tasks.values(), key=lambda task: task.id))
        left = bool(self.live)
        self.budget.settled = self._spent()
        return Outcome(tasks, interrupted, left, self.budget)

    def _let_go_of_the_rest(self) -> None:
        """Those that wait for a person, or are left running, are for whoever comes next."""
        for live in self.live.values():
            self.turns.let_go(live)

    def _at_work(self) -> int:
        """How many agents do something, and don't wait for a person's answer."""
        return sum(not self._is_held(live) for live in self.live.values())

    def _has_room(self) -> bool:
        """Whether another agent may start: one that waits takes nobody's place, but for its half-done
        work in a folder that all share."""
        taken = len(self.live) if self.turns.workspace.shared else self._at_work()
        return taken < self.jobs and not self._is_spent()

    def _is_spent(self) -> bool:
        return self.budget.is_spent(live.tally.usd for live in self.live.values())

    def _spent(self) -> float:
        return self.budget.spent(live.tally.usd for live in self.live.values())

    def _is_held(self, live: Live) -> bool:
        task = self._ready.tasks.get(live.attempt.task_id)
        return task is not None and task.status == PAUSED and self.turns.is_held(live)

    # -- starting -----------------------------------------------------------------------------

    def _start_ready(self) -> None:
        for task, needed in list(self._ready.orphans()):
            self._pause_orphan(task, needed)
        self._tell_spent()
        while self._has_room() and not self._signals:
            chosen = self._next()
            if chosen is None:
                return
            self._begin(chosen)

    def _tell_spent(self) -> None:
        """Says once that the budget is gone."""
        if self.budget.told or not self._is_spent():
            return
        self.budget.told = True
        rest = "; what runs goes on to its end" if self._at_work() else ""
        words = f"the budget of this run is spent: ${self._spent():.2f} of ${self.budget.usd:.2f}"
        self.watch(Note("limit", None, f"{words}. Nothing more is started{rest}"))

    def _next(self) -> Task | None:
        busy = {live.attempt.task_id for live in self.live.values()} | self._held_back
        if self.only:
            busy |= self._ready.tasks.keys() - {self.only}
        self._gate.open()
        while (task := self._ready.take(self.turns.clock(), busy, self._gate.holds)) is not None:
            if self._gate.lets(task):
                return task
            busy.add(task.id)
        return None

    def _begin(self, task: Task, *, reason: Reason | None = None, tried: tuple[str, ...] = ()) -> None:
        try:
            live = self.turns.begin(task, reason=reason, tried=tried)
        except SessionOpen as fault:
            self._await_session(task.id, fault)
        except Busy as fault:
            self._held_back.add(task.id)
            self._put(task.id)
            self.watch(Note("problem", task, str(fault)))
        except SowError as fault:
            self._pause_failed(task, fault)
        else:
            self._follow_from_now(live)
            begun = self._put(live.attempt.task_id) or task
            self._tell_begun(live, begun, live.attempt.reason or "")

    def _tell_begun(self, live: Live, task: Task | None, how: str) -> None:
        self.watch(Note("started", task, how, live.attempt))
        if live.setting_up:
            self.watch(Note("setup", task, "sets up its worktree", live.attempt))
        if live.found:
            self.watch(Note("problem", task, _found_words(live), live.attempt))

    def _follow_from_now(self, live: Live) -> None:
        self.live[live.attempt.id] = live
        self.watcher.add_folder(live.running.folder)
        self.watcher.add_process(live.running)

    def _catch_up(self, live: Live) -> None:
        """Takes on an attempt of an earlier run; what it printed till now was told by that one."""
        live.catch_up(self.turns.clock())
        self.turns.keep_session(live)
        self._follow_from_now(live)
        self._heed(live)

    def _await_session(self, task_id: str, fault: SessionOpen) -> None:
        """A task whose session is open elsewhere waits for the end of the process that has it."""
        now = self.turns.clock()
        self._change(task_id, lambda current: opened.waiting(current, fault.reason, now))
        key = f"{_SESSION_OF}{task_id}"
        self.watcher.forget_process(key)
        if fault.holder:
            self.watcher.add_process(Running(key, self.turns.layout.locks, fault.holder))

    def _end_wait(self, task_id: str) -> None:
        """The process that had the session of a task open is gone."""
        self.watcher.forget_process(f"{_SESSION_OF}{task_id}")
        self._change(task_id, lambda current: Change(task=opened.without_wait(current)))

    def _pause_failed(self, task: Task, fault: SowError) -> None:
        """A task that could not be started waits for a person, with what was wrong."""
        words = f"It could not be started: {fault}. {fault.hint}".strip()

        def change(current: Task) -> Change:
            if current.status not in (PENDING, IN_PROGRESS):
                return Change(task=current)
            paused = current.pause(words, kind="failure", by="orchestrator", at=self.turns.store.now())
            event = Event(type="task.paused", task_id=task.id, payload={"question": words, "kind": "failure"})
            return Change(task=paused, events=(event,))

        self._change(task.id, change)

    def _pause_orphan(self, task: Task, needed: str) -> None:
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

        self._change(task.id, change)

    def _change(self, task_id: str, change: Callable[[Task], Change]) -> None:
        try:
            task = self.turns.store.change_task(task_id, change)
        except SowError as fault:
            # Its file was broken just now: the others go on, and `sow status` shows it.
            self._held_back.add(task_id)
            self.watch(Note("problem", self._ready.tasks.get(task_id), f"{fault} {fault.hint}".strip()))
            return
        self._ready.put(task)
        self.watch(Note("changed", task, _question(task) or _wait_of(task)))

    # -- waiting ------------------------------------------------------------------------------

    def _wait(self) -> None:
        for kind, key in self.watcher.wait(self._patience()):
            match kind:
                case "process" if key in self.live:
                    self.live[key].over = self.live[key].behind = True
                case "process" if key.startswith(_SESSION_OF):
                    self._end_wait(key.removeprefix(_SESSION_OF))
                case "folder" if key == self._events_folder():
                    self._take_in_events()
                case "folder" if self.inbox and key in self.inbox.folders:
                    self.inbox.notice()
                case "folder" if (live := self.live.get(key.rpartition("/")[2])) is not None:
                    live.behind = True
                case _:
                    pass  # a signal: its handler has said what there is to say
        self._look_at_setups()
        self._read_on()
        now = self.turns.clock()
        if now - self._scanned > RESCAN_SECONDS:
            self._take_up_left()
            self._scan()
        self._look_at_inbox()
        self._look_at_processes(now)
        for live in list(self.live.values()):
            self._end_if_stuck(live, now)

    def _look_at_setups(self) -> None:
        """Tells of the agents whose worktrees have just been set up: they begin."""
        now = self.turns.clock()
        for live in self.live.values():
            if live.look_at_setup(now):
                words = f"its worktree is set up, after {now - live.began:.0f} s"
                self.watch(Note("setup", self._ready.tasks.get(live.attempt.task_id), words, live.attempt))

    def _look_at_processes(self, now: float) -> None:
        """Takes in what the agents' processes use, now and then: one look for all."""
        if not self.live or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for attempt, sample in self._meter.look(self.live).items():
            live = self.live[attempt]
            if live.usage.take(sample):
                self.turns.note_usage(live)
            task = self._ready.tasks.get(live.attempt.task_id)
            self.watch(Note("usage", task, sizes.told(sample.memory), live.attempt))
            if live.reached(now):
                # Before anything is ended for it: what its processes share counts once.
                live.usage.memory = min(sample.memory, resources.exact(sample.pids) or sample.memory)

    def _read_on(self) -> None:
        """Reads a piece of what each agent has printed: one that prints much keeps no other waiting."""
        for live in list(self.live.values()):
            if live.behind:
                self._follow(live)
                self._bound_output(live)
            if live.over and not live.behind:
                self._settle(live)

    def _bound_output(self, live: Live) -> None:
        """Keeps an agent that prints without an end from filling the disk."""
        most = sizes.told(self.turns.repository.transcript_bytes)
        head = f"the agent of task {live.attempt.task_id} has printed more than `transcript_bytes` ({most})"
        try:
            if not self.turns.bound_output(live):
                return
            words = f"{head}: the middle of that is left out"
        except OSError as fault:
            if live.stopped or live.over:
                return
            self.turns.note_end(live, "output")
            words = f"{head} and is ended, for the disk can't give any of it back: {fault.strerror}"
            threading.Thread(target=self._stop, args=(live,), daemon=True).start()
        self.watch(Note("limit", self._ready.tasks.get(live.attempt.task_id), words, live.attempt))

    def _patience(self) -> float:
        """Seconds until something is due that no event announces."""
        if any(live.behind for live in self.live.values()):
            return 0.0
        now = self.turns.clock()
        due = [self._scanned + RESCAN_SECONDS]
        if (at := self._due()) is not None and self._has_room():
            due.append(at)
        if self.inbox and (at := self.inbox.looks_at()) is not None:
            due.append(at)
        silence = self.turns.repository.silence_seconds
        if self.live:
            due.append(self._looked + LOOK_SECONDS)
        for live in self.live.values():
            if live.stopped or self._is_held(live):
                continue
            if live.tally.finished:
                due.append(live.quiet_since + AFTER_RESULT_SECONDS)
            elif not live.setting_up:
                due.append(live.time_is_up(now))
            elif setup := self.turns.repository.worktree.setup_seconds:
                due.append(live.began + setup)
            if silence and not live.tally.open_calls:
                due.append(live.quiet_since + silence)
        return max(min(due) - now, 0.0) + 0.001

    def _due(self) -> float | None:
        """When the next task that waits for a time, or for its account, may start; None for none.

        In seconds since the epoch.
        """
        awaited = self.inbox.due if self.inbox and self.inbox.is_awaited else None
        times = [self._wakes_at(), self._gate.opens_at, awaited]
        return min((at for at in times if at is not None), default=None)

    def _wakes_at(self) -> float | None:
        if self.only is None:
            return self._ready.wakes_at()
        task = self._ready.tasks.get(self.only)
        if task is None or task.status != PENDING or is_unset(task.not_before):
            return None
        return seconds(str(task.not_before))

    def _follow(self, live: Live) -> None:
        for report in live.follow(self.turns.clock(), AT_ONCE_BYTES):
            task = self._ready.tasks.get(live.attempt.task_id)
            match report:
                case Started():
                    self.turns.keep_session(live)
                case Said(text):
                    self.watch(Note("said", task, text, live.attempt))
                case Used(tool, detail):
                    payload: AgentTool = {"tool": tool, "detail": detail}
                    self.turns.store.tell(
                        Event(type="agent.tool", task_id=live.attempt.task_id, payload=payload)
                    )
                    self.watch(Note("used", task, f"{tool}: {detail}" if detail else tool, live.attempt))
                case Retried(attempt, reason):
                    # Some wait for the network without an end, and say nothing else.
                    self.watch(Note("retried", task, f"tries again ({attempt}): {reason}", live.attempt))
                case Limited("warning", resets_at, limit, used):
                    if self.turns.heed_warning(live, report):
                        who, now = live.attempt.executor, self.turns.clock()
                        words = warning_words(who, limit, used, resets_at, now)
                        self.watch(Note("limit", task, words, live.attempt))
                case _:
                    pass  # it is in the tally, and told at the end
        self._heed(live)
        if self.turns.heed_work(live):
            self._let_wait_end(live.attempt.executor)

    def _let_wait_end(self, executor: str) -> None:
        """A limit is over sooner than was said: whoever waits for its end may begin."""
        self.watch(Note("limit", None, f"{executor} works again: its limit is over"))
        for task in [task for task in self._ready.tasks.values() if self._gate.waited_for(task, executor)]:
            self._change(task.id, lambda current: Change(task=without_wait(current)))

    def _heed(self, live: Live) -> None:
        """A question that its process holds pauses the task; once that goes on, the task does."""
        try:
            task = self.turns.heed(live)
        except SowError as fault:
            # The agent broke its file, say: the end of its turn restores it.
            logs.warning("question not stored", task=live.attempt.task_id, why=str(fault))
            return
        if task is not None:
            before = self._ready.tasks.get(task.id)
            self._ready.put(task)
            if before is None or before.status != task.status:
                self.watch(Note("changed", task, _question(task), live.attempt))

    def _end_if_stuck(self, live: Live, now: float) -> None:
        if live.stopped or live.over:
            return
        held = self._is_held(live)
        live.usage.wait(now, held)
        if held:
            live.quiet_since = now
        silence = self.turns.repository.silence_seconds
        setup = self.turns.repository.worktree.setup_seconds
        quiet = now - live.quiet_since
        if live.tally.finished and quiet >= AFTER_RESULT_SECONDS:
            live.stopped = "after result"
        elif silence and quiet >= silence and not live.tally.open_calls:
            live.stopped = "silence"
        elif setup and live.setting_up and now - live.began >= setup:
            self.turns.note_end(live, outfit.overdue_note(setup))
            words = f"the setup for task {live.attempt.task_id} is ended: it took more than {setup:g} s"
            self.watch(Note("limit", self._ready.tasks.get(live.attempt.task_id), words, live.attempt))
        elif not live.tally.finished and (cap := live.reached_memory() if held else live.reached(now)):
            self.turns.note_end(live, cap.note())
            words = f"task {live.attempt.task_id} reached a cap and is ended: {cap.fact}"
            self.watch(Note("limit", self._ready.tasks.get(live.attempt.task_id), words, live.attempt))
        else:
            return
        # In a thread of its own: the others go on while this one has its grace.
        threading.Thread(target=self._stop, args=(live,), daemon=True).start()

    def _stop(self, live: Live) -> None:
        try:
            self.turns.runner.stop(live.running, self.turns.repository.grace_seconds)
        except Failed as fault:
            self.watch(Note("problem", None, str(fault), live.attempt))

    def _stop_all(self) -> None:
        """After a signal: ends all agents at once, gently, and settles each.

        Where a signal says to leave them, those that have not ended by then go on, for the next run.
        """
        if not self._signals or "leave" in self._signals:
            return
        ended: list[Live] = []

        def stop(live: Live) -> None:
            self._stop(live)
            ended.append(live)
            with suppress(OSError):  # we left, and closed it
                self.watcher.wake()

        for live in self.live.values():
            live.stopped = live.stopped or ("" if live.over else "interrupt")
            threading.Thread(target=stop, args=(live,), daemon=True).start()
        while len(ended) < len(self.live) and "leave" not in self._signals:
            self.watcher.wait()
        for live in list(ended):
            self._settle(live)

    # -- settling -----------------------------------------------------------------------------

    def _settle(self, live: Live) -> None:
        """Records the end of a turn, and begins the next one where it can't wait."""
        del self.live[live.attempt.id]
        self.watcher.forget_folder(live.running.folder)
        self.watcher.forget_process(live.attempt.id)
        try:
            settled = self.turns.settle(live, self.turns.runner.exit_status(live.running.folder))
        except SowError as fault:
            self.watch(
                Note("problem", None, f"attempt {live.attempt.id}: {fault} {fault.hint}", live.attempt)
            )
            self._held_back.add(live.attempt.task_id)
            return
        self.budget.settled += settled.attempt.cost_usd or 0.0
        self._ready.put(settled.task)
        self._tell_put_back(settled.put_back)
        self._look_at_branches(settled.task.id)
        self.watch(Note("settled", settled.task, _ending(settled), settled.attempt))
        if self._signals or self._is_spent():
            return
        match settled.decision:
            case Nudge():
                self._begin(settled.task, reason="nudge")
            case Restart(by):
                self._begin(settled.task, reason="restart", tried=(*live.tried, by))
            case _:
                pass

    # -- what others changed ------------------------------------------------------------------

    def _look_at_inbox(self, *, at_once: bool = False) -> None:
        """Takes in what others dropped, and tells them what has become of it."""
        mark = (self._scanned, self._ready.changes)
        if self.inbox is None or not (at_once or self.inbox.wants_look(mark)):
            return
        try:
            for folder in self.inbox.folders:
                self.watcher.add_folder(folder)
            for told in self.inbox.look(None if at_once else mark):
                for task_id in told.tasks:
                    self._read(task_id)
                if told.kind not in ("waits", "given"):
                    self.watch(Note("problem" if told.kind == "refused" else "inbox", None, told.text))
        except SowError as fault:
            self.watch(Note("problem", None, f"the inbox folder: {fault} {fault.hint}".strip()))

    def _events_folder(self) -> str:
        files.make_folder(self.turns.layout.events)
        return self.turns.layout.events

    def _skip_told(self) -> None:
        """What the log says up to here is in the state that is read right after."""
        for path in self.turns.store.log.files():
            with open(path, "rb") as file:
                self._offsets[path] = file.seek(0, 2)

    def _take_in_events(self) -> None:
        touched: set[str] = set()
        # Only the newest file that is known, and newer ones, can have grown.
        newest = max(self._offsets, default="").rpartition("/")[2]
        for path in self.turns.store.log.files(newest):
            for event in self._new_events(path):
                if event.get("task_id") and not self._is_ours(event):
                    touched.add(event["task_id"])
                    self._tell_restored(event)
        for task_id in touched:
            self._held_back.discard(task_id)
            self._put(task_id)

    def _new_events(self, path: str) -> Iterator[dict[str, Any]]:
        """The events that one file of the log has gained; whatever else an agent wrote there is none."""
        with open(path, "rb") as file:
            file.seek(self._offsets.get(path, 0))
            while data := file.read(AT_ONCE_BYTES):
                whole = data[: data.rfind(b"\n") + 1]
                if not whole and len(data) < AT_ONCE_BYTES:
                    return  # a line that is being written
                begun = self._offsets.get(path, 0) + len(whole or data)
                self._offsets[path] = file.seek(begun)
                for line in whole.split(b"\n"):
                    event = eventlog.parse(line) if line else None
                    if event and sow_schemas.valid("event", event):
                        yield event

    def _tell_restored(self, event: dict[str, Any]) -> None:
        """Tells what a command of an agent's has put back."""
        payload = event["payload"]
        if event["type"] == "task.restored" and "changes" in payload:
            path = f"the state file of task {event['task_id']}"
            words = put_back_words(path, payload["kept"], payload["changes"])
            self.watch(Note("problem", self._ready.tasks.get(event["task_id"]), words))

    def _is_ours(self, event: dict[str, object]) -> bool:
        return event.get("actor") == "orchestrator" and event.get("run_id") == self.turns.run_id

    def _know_state(self, only: str = "") -> None:
        """What an agent wrote into state files is put right before anything is read from them."""
        try:
            self._tell_put_back(self.turns.know_state(only=only))
        except SowError as fault:
            self.watch(Note("problem", None, f"{fault} {fault.hint}".strip()))

    def _tell_put_back(self, found: Iterable[PutBack]) -> None:
        for back in found:
            task = self._read(back.task_id) if back.task_id else None
            self.watch(Note("problem", task, put_back_words(back.path, back.kept, back.changes)))

    def _look_at_branches(self, *ended: str) -> None:
        """What was done to branches by somebody who does not work on them is told."""
        try:
            at_work = {*self.turns.drivers.at_work(), *ended}
            for words in self._branches.look(self._ready.tasks, at_work):
                self.watch(Note("problem", None, words))
        except SowError as fault:
            self.watch(Note("problem", None, f"{fault} {fault.hint}".strip()))

    def _put(self, task_id: str) -> Task | None:
        """Takes in the task as its file has it now."""
        if self.live:
            self._know_state(task_id)
        return self._read(task_id)

    def _read(self, task_id: str) -> Task | None:
        try:
            task = self.turns.store.task(task_id)
        except NotFound:
            self._ready.drop(task_id)
            return None
        except SowError:
            return None  # broken: `sow status` shows it, and the others go on
        before = self._ready.tasks.get(task_id)
        self._ready.put(task)
        ours = [live for live in self.live.values() if live.attempt.task_id == task_id]
        # What our own agent reports is told when its turn is settled, but for a question that it holds.
        if before and before.status != task.status:
            if not ours:
                self.watch(Note("changed", task, ""))
            elif before.status == PAUSED or self._is_held(ours[0]):
                self.watch(Note("changed", task, _question(task)))
        return task

    def _scan(self) -> None:
        self._scanned = self.turns.clock()
        self._held_back.clear()
        self._know_state()
        held = self.turns.store.tasks()
        self._ready = Ready(held.tasks)
        for broken in held.broken:
            self.watch(Note("problem", None, broken.message))

    def _take_up_left(self) -> None:
        """Attempts whose driver died beside us (`sow agent spawn`, killed) are ours from now on."""
        found = Restored(adopt=self.only is None)
        for attempt in self.turns.attempts.open():
            if attempt.id not in self.live:
                try:
                    take_up(self.turns, attempt, found)
                except SowError as fault:
                    self.watch(Note("problem", None, str(fault), attempt))
        for live in found.live:
            self._catch_up(live)

    def _goes_on(self) -> bool:
        return any(task.status in (PENDING, IN_PROGRESS) for task in self._ready.tasks.values())

    def _waits(self) -> bool:
        return any(task.status in (PAUSED, NEEDS_REVIEW) for task in self._ready.tasks.values())


def _question(task: Task) -> str:
    return task.question["text"] if task.question else ""


def _wait_of(task: Task) -> str:
    """What a task waits for, where somebody else has its session."""
    return task.error["message"] if task.error and task.not_before and opened.is_waiting(task) else ""


def _found_words(live: Live) -> str:
    """What is told of files that came into a task's worktree between two turns of its agent."""
    shown, rest = live.found[:SHOWN], len(live.found) - SHOWN
    files = ", ".join(shown) + (f" and {rest} more" if rest > 0 else "")
    return (
        f"the worktree of task {live.attempt.task_id} held changes that its agent had not left there (you, "
        f"another agent, a check?): {files}. They become part of its work; to take them away: "
        f"`git -C {live.attempt.folder} status`"
    )


def _ending(settled: Settled) -> str:
    """One line about how a turn ended."""
    attempt = settled.attempt
    match settled.decision:
        case Nudge():
            return "ended without a report: asked how it ended"
        case Restart(by):
            return {
                "spawn": "no such session: starts it anew",
                "resume": "the session exists: resumes it",
            }.get(by, "the session can't be used: starts a new one")
        case _:
            words = str(settled.task.status)
            if settled.task.question and settled.task.status == PAUSED:
                words += f": {settled.task.question['text']}"
            elif attempt.message:
                words += f" ({attempt.message})"
            return words
