"""`sow run`: starts what is ready, follows what runs, settles what ended, until only a person can go on.

    restore --> start the ready --> wait --> settle the ended --> take in what others changed --+
                      ^                                                                         |
                      +-------------------------------------------------------------------------+

One thread, one wait: for the ends of processes, lines of output, changes of
the state by others, and signals. What is stored is the truth; all that is held
here can be lost at any moment.

    board       the tasks, as far as the run knows them
    news        what others wrote into the event log
    following   the agents while they work
    patience    when an agent is looked at, and why it is ended
    jumps       how far the clock has jumped
    alone       one orchestrator in a project
    telling     what whoever watches is told
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow import files, logs, opened
from sow.attempt import Attempt
from sow.budget import Budget
from sow.change import Change, Event
from sow.clock import is_unset, local, seconds
from sow.errors import Busy, NotFound, SowError
from sow.gate import Gate, without_wait
from sow.opened import SessionOpen
from sow.recovery.policy import Nudge, Restart
from sow.recovery.restore import Restored, restore, take_up
from sow.review import Reviewer
from sow.runner.local import Running
from sow.runner.watch import Watcher
from sow.scheduler import alone, telling
from sow.scheduler.board import Board
from sow.scheduler.following import Following
from sow.scheduler.jumps import Jumps
from sow.scheduler.news import News
from sow.scheduler.telling import Note, Outcome
from sow.task import PENDING, Task
from sow.turn import Turns
from sow.turn.live import Live, Settled

if TYPE_CHECKING:
    from sow.dropped import Inbox
    from sow_schemas.documents import Reason


IDLE_SECONDS = 5.0
"""From which length on a wait in which no agent works is told."""

RESCAN_SECONDS = 30.0
"""How often everything is read anew, for a writer may die between its state and its event."""

_SESSION_OF = "the session of "
"""Under this name, and a task's id, the process is watched that has the task's session open."""


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
    _signals: list[str] = field(default_factory=list)
    """Who asked for the end, in their order: the first ends the agents gently, `leave` leaves them running.
    Whoever adds to it wakes the watcher."""
    _board: Board = field(init=False)
    _news: News = field(init=False)
    _gate: Gate = field(init=False)
    _following: Following = field(init=False)
    _jumps: Jumps = field(init=False)
    _idle_until: float | None = None
    """Until when nothing is done, as it was told last."""

    def __post_init__(self) -> None:
        self._board = Board(self.turns, self.live, self.watch)
        self._news = News(self.turns.store.log)
        self._jumps = Jumps(self.turns.clock())
        self._gate = Gate(self.turns, lambda task, words: self.watch(Note("limit", task, words)))
        self._following = Following(self.turns, self._board, self.live, self.watch, self._let_wait_end)

    def run(self, *, stay: bool = False) -> Outcome:
        """Runs until nothing can go on without a person; with `stay`, until it is interrupted.

        Raises Busy while another orchestrator works on this project.
        """
        held = alone.take(self.turns, self.watcher, self._signals, self.watch)
        try:
            with self._board.heeding():
                return self._run(stay)
        finally:
            held.release()

    def _run(self, stay: bool) -> Outcome:
        try:
            self.turns.store.tell(Event(type="run.started", payload={"jobs": self.jobs}))
            self._restore()
            while not self._signals:
                self._start_ready()
                if not self._at_work() and (self._is_spent() or (not stay and self._due() is None)):
                    break
                self._tell_idle()
                self._wait()
            return self._end()
        except BaseException:
            self._let_go_of_the_rest()
            raise

    def drive(self, task: Task, *, prompt: str = "", agent: str = "") -> Outcome:
        """Starts the agent of one task and follows it to the end of its turn, beside any other run.

        Raises SowError where it can't be started.
        """
        self.only = task.id
        self.watcher.add_folder(self._events_folder())
        self._news.skip()
        self._board.scan()
        live = self.turns.begin(task, prompt=prompt, reason="prompt" if prompt else None, agent=agent)
        self._follow_from_now(live)
        self._tell_begun(live, self._board.put(task.id), live.attempt.reason or "")
        return self._see_through(task.id)

    def follow(self, attempt: Attempt) -> Outcome:
        """Takes on an attempt that runs and has no driver, and follows it to the end of its turn.

        Where it has found a driver, there is nothing to follow.
        """
        self.only = attempt.task_id
        self.watcher.add_folder(self._events_folder())
        self._news.skip()
        self._board.scan()
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
        self._board.scan()
        tasks = tuple(t for t in self._board.ready.tasks.values() if t.id == task_id)
        return Outcome(tasks, bool(self._signals), bool(self.live))

    # -- the three ways in and out ------------------------------------------------------------

    def _restore(self) -> None:
        """Makes the state true before anything new is started."""
        self.watcher.add_folder(self._events_folder())
        self._news.skip()
        if self.inbox:
            self.inbox.notice()  # before the agents of a killed run are settled: it may be theirs
        restored = restore(self.turns, self.reviewer, adopt=True)
        for problem in restored.problems:
            self.watch(Note("problem", None, problem))
        self._keep_texts()
        self._board.scan()
        self._look_at_inbox()
        self._board.look_at_branches()
        for live in restored.live:
            self._catch_up(live)
            self._tell_begun(live, self._board.task_of(live), "adopted")
        for settled in restored.settled:
            self._board.tell_put_back(settled.put_back)
            self._tell_settled(settled)
        if self.only and self.only not in self._board.ready.tasks:
            raise NotFound(f"task not found: {self.only}", "see the tasks there are: `sow task list`")

    def _keep_texts(self) -> None:
        """Commits what people wrote before an agent can lose it."""
        try:
            self.turns.workspace.commit_state("the run began")
        except SowError as fault:
            self.watch(Note("problem", None, fault.in_a_line))

    def _end(self) -> Outcome:
        self._stop_all()
        self._let_go_of_the_rest()
        self._look_at_inbox(at_once=True)
        interrupted = bool(self._signals)
        reason = "interrupted" if interrupted else "waits" if self._board.waits() else "done"
        if reason != "interrupted" and self._is_spent() and self._board.goes_on():
            reason = "budget"
        self.turns.store.tell(Event(type="run.ended", payload={"reason": reason}))
        self.turns.workspace.commit_state("the run ended")
        self._board.scan()
        tasks = tuple(sorted(self._board.ready.tasks.values(), key=lambda task: task.id))
        left = bool(self.live)
        self.budget.settled = self._spent()
        return Outcome(tasks, interrupted, left, self.budget)

    def _let_go_of_the_rest(self) -> None:
        """Those that wait for a person, or are left running, are for whoever comes next."""
        for live in self.live.values():
            self.turns.let_go(live)

    def _at_work(self) -> int:
        """How many agents do something, and don't wait for a person's answer."""
        return sum(not self._board.is_held(live) for live in self.live.values())

    def _has_room(self) -> bool:
        """Whether another agent may start: one that waits takes nobody's place, but for its half-done
        work in a folder that all share."""
        taken = len(self.live) if self.turns.workspace.shared else self._at_work()
        return taken < self.jobs and not self._is_spent()

    def _is_spent(self) -> bool:
        return self.budget.is_spent(live.tally.usd for live in self.live.values())

    def _spent(self) -> float:
        return self.budget.spent(live.tally.usd for live in self.live.values())

    # -- starting -----------------------------------------------------------------------------

    def _start_ready(self) -> None:
        for task, needed in list(self._board.ready.orphans()):
            self._board.pause_orphan(task, needed)
        self._tell_spent()
        while self._has_room() and not self._signals:
            chosen = self._next()
            if chosen is None:
                return
            self._begin(chosen)

    def _tell_idle(self) -> None:
        """Says once until when no agent works, where that is not over in a moment."""
        if self._at_work() or (at := self._due()) is None or at == self._idle_until:
            return
        now = self.turns.clock()
        if at - now >= IDLE_SECONDS:
            self._idle_until = at
            self.watch(Note("waits", None, f"Nothing can start before {local(at, now)}"))

    def _tell_spent(self) -> None:
        """Says once that the budget is gone."""
        if self.budget.told or not self._is_spent():
            return
        self.budget.told = True
        rest = "; what runs goes on to its end" if self._at_work() else ""
        words = f"the budget of this run is spent: ${self._spent():.2f} of ${self.budget.usd:.2f}"
        self.watch(Note("limit", None, f"{words}. Nothing more is started{rest}"))

    def _next(self) -> Task | None:
        busy = {live.attempt.task_id for live in self.live.values()} | self._board.held_back
        if self.only:
            busy |= self._board.ready.tasks.keys() - {self.only}
        self._gate.open()
        while (task := self._board.ready.take(self.turns.clock(), busy, self._gate.holds)) is not None:
            if self._gate.lets(task):
                return task
            busy.add(task.id)
        return None

    def _begin(self, task: Task, *, reason: Reason | None = None, tried: tuple[str, ...] = ()) -> None:
        self._board.begin()
        try:
            live = self.turns.begin(task, reason=reason, tried=tried)
        except SessionOpen as fault:
            self._await_session(task.id, fault)
        except Busy as fault:
            self._board.held_back.add(task.id)
            self._board.put(task.id)
            self.watch(Note("problem", task, str(fault)))
        except SowError as fault:
            self._board.pause_failed(task, fault)
        else:
            self._follow_from_now(live)
            # What its agent has made of it already comes as an event, or is put right at its end.
            begun = live.task or task
            self._board.ready.put(begun)
            self._tell_begun(live, begun, live.attempt.reason or "")

    def _tell_begun(self, live: Live, task: Task | None, how: str) -> None:
        self.watch(Note("started", task, how, live.attempt))
        if live.setting_up:
            self.watch(Note("setup", task, "sets up its worktree", live.attempt))
        if live.found:
            self.watch(Note("problem", task, telling.found_words(live), live.attempt))

    def _follow_from_now(self, live: Live) -> None:
        self.live[live.attempt.id] = live
        self.watcher.add_folder(live.running.folder)
        self.watcher.add_process(live.running)

    def _catch_up(self, live: Live) -> None:
        """Takes on an attempt of an earlier run; what it printed till now was told by that one."""
        live.catch_up(self.turns.clock())
        self.turns.keep_session(live)
        self._follow_from_now(live)
        self._following.heed(live)

    def _await_session(self, task_id: str, fault: SessionOpen) -> None:
        """A task whose session is open elsewhere waits for the end of the process that has it."""
        now = self.turns.clock()
        self._board.change(task_id, lambda current: opened.waiting(current, fault.reason, now))
        key = f"{_SESSION_OF}{task_id}"
        self.watcher.forget_process(key)
        if fault.holder:
            self.watcher.add_process(Running(key, self.turns.layout.locks, fault.holder))

    def _end_wait(self, task_id: str) -> None:
        """The process that had the session of a task open is gone."""
        self.watcher.forget_process(f"{_SESSION_OF}{task_id}")
        self._board.change(task_id, lambda current: Change(task=opened.without_wait(current)))

    # -- waiting ------------------------------------------------------------------------------

    def _wait(self) -> None:
        seen = self.watcher.wait(self._patience())
        self._bear(self.turns.clock())
        for kind, key in seen:
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
        self._following.look_at_setups()
        for live in self._following.read_on():
            # It may have jumped while all that was read, which is no time that an agent used.
            self._bear(self.turns.clock())
            self._settle(live)
        # By the same look at the clock as agents are judged by.
        now = self.turns.clock()
        self._bear(now)
        if now - self._board.scanned > RESCAN_SECONDS:
            self._take_up_left()
            self._board.scan()
        self._look_at_inbox()
        self._following.look_at_processes(now)
        for live in list(self.live.values()):
            self._following.end_if_stuck(live, now)

    def _bear(self, now: float) -> None:
        """Where the clock has jumped, what counts passed time counts on from where it was."""
        if jump := self._jumps.new(now):
            logs.info("the clock jumped", seconds=round(jump))
            self._board.scanned += jump
            self._following.bear(jump, now)

    def _patience(self) -> float:
        """Seconds until something is due that no event announces."""
        if any(live.behind for live in self.live.values()):
            return 0.0
        now = self.turns.clock()
        due = [self._board.scanned + RESCAN_SECONDS]
        if (at := self._due()) is not None and self._has_room():
            due.append(at)
        if self.inbox and (at := self.inbox.looks_at()) is not None:
            due.append(at)
        due += self._following.due(now)
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
            return self._board.ready.wakes_at()
        task = self._board.ready.tasks.get(self.only)
        if task is None or task.status != PENDING or is_unset(task.not_before):
            return None
        return seconds(str(task.not_before))

    def _let_wait_end(self, executor: str) -> None:
        """A limit is over sooner than was said: whoever waits for its end may begin."""
        self.watch(Note("limit", None, f"{executor} works again: its limit is over"))
        for task in [
            task for task in self._board.ready.tasks.values() if self._gate.waited_for(task, executor)
        ]:
            self._board.change(task.id, lambda current: Change(task=without_wait(current)))

    def _stop_all(self) -> None:
        """After a signal: ends all agents at once, gently, and settles each.

        Where a signal says to leave them, those that have not ended by then go on, for the next run.
        """
        if not self._signals or "leave" in self._signals:
            return
        ended: list[Live] = []

        def stop(live: Live) -> None:
            self._following.stop(live)
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
            self.watch(Note("problem", None, f"attempt {live.attempt.id}: {fault.in_a_line}", live.attempt))
            self._board.held_back.add(live.attempt.task_id)
            return
        self.budget.settled += settled.attempt.cost_usd or 0.0
        self._board.ready.put(settled.task)
        self._board.tell_put_back(settled.put_back)
        self._board.look_at_branches(settled.task.id)
        self._board.look_at_steering(settled.task.id)
        self._tell_settled(settled)
        if self._signals or self._is_spent():
            return
        match settled.decision:
            case Nudge():
                self._begin(settled.task, reason="nudge")
            case Restart(by):
                self._begin(settled.task, reason="restart", tried=(*live.tried, by))
            case _:
                pass

    def _tell_settled(self, settled: Settled) -> None:
        if settled.homeless:
            self.watch(Note("problem", settled.task, telling.homeless_words(settled), settled.attempt))
        self.watch(Note("settled", settled.task, telling.ending(settled), settled.attempt))

    # -- what others changed ------------------------------------------------------------------

    def _look_at_inbox(self, *, at_once: bool = False) -> None:
        """Takes in what others dropped, and tells them what has become of it."""
        mark = (self._board.scanned, self._board.ready.changes)
        if self.inbox is None or not (at_once or self.inbox.wants_look(mark)):
            return
        try:
            for folder in self.inbox.folders:
                self.watcher.add_folder(folder)
            for told in self.inbox.look(None if at_once else mark):
                for task_id in told.tasks:
                    self._board.read(task_id)
                if told.kind not in ("waits", "given"):
                    self.watch(Note("problem" if told.kind == "refused" else "inbox", None, told.text))
        except SowError as fault:
            self.watch(Note("problem", None, f"the inbox folder: {fault.in_a_line}"))

    def _events_folder(self) -> str:
        files.make_folder(self.turns.layout.events)
        return self.turns.layout.events

    def _take_in_events(self) -> None:
        touched: set[str] = set()
        for event in self._news.new():
            if event.get("task_id") and not self._is_ours(event):
                touched.add(event["task_id"])
                self._board.tell_restored(event)
        for task_id in touched:
            self._board.held_back.discard(task_id)
            self._board.put(task_id)

    def _is_ours(self, event: dict[str, object]) -> bool:
        return event.get("actor") == "orchestrator" and event.get("run_id") == self.turns.run_id

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
