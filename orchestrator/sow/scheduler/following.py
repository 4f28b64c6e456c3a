"""The agents of a run while they work: what they print and use is taken in and told; the stuck are ended."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sow import logs, sizes
from sow.change import Event
from sow.errors import Failed, SowError
from sow.pool import warning_words
from sow.runner import resources
from sow.scheduler import patience, telling
from sow.scheduler.board import Board
from sow.scheduler.telling import Note
from sow.turn import Turns
from sow.turn.live import Live
from sow_executors.base import Limited, Retried, Said, Started, Used

if TYPE_CHECKING:
    from sow_schemas.documents import AgentTool

LOOK_SECONDS = 5.0
"""How often is looked at what the processes of the agents use."""

AT_ONCE_BYTES = 4 << 20
"""How much of one agent's output is read before the others', and what else has come, have their turn."""


@dataclass(slots=True)
class Following:
    """The attempts that a run follows. Nothing is begun or settled here."""

    turns: Turns
    board: Board
    live: Mapping[str, Live]
    """By attempt."""
    tell: Callable[[Note], None]
    works: Callable[[str], None]
    """Is told of an executor that works again: its limit is over sooner than was said."""
    _meter: resources.Meter = field(default_factory=resources.Meter)
    _looked: float = 0.0

    def look_at_setups(self) -> None:
        """Tells of the agents whose worktrees have just been set up: they begin."""
        now = self.turns.clock()
        for live in self.live.values():
            if live.look_at_setup(now):
                words = f"its worktree is set up, after {now - live.began:.0f} s"
                self.tell(Note("setup", self.board.task_of(live), words, live.attempt))

    def read_on(self) -> Iterator[Live]:
        """Reads a piece of what each agent has printed: one that prints much keeps no other waiting.

        Gives each whose process has ended, once all that it printed is read.
        """
        for live in list(self.live.values()):
            if live.behind:
                self._follow(live)
                self._bound_output(live)
            if live.over and not live.behind:
                yield live

    def _follow(self, live: Live) -> None:
        for report in live.follow(self.turns.clock(), AT_ONCE_BYTES):
            task = self.board.task_of(live)
            match report:
                case Started():
                    self.turns.keep_session(live)
                case Said(text):
                    self.tell(Note("said", task, text, live.attempt))
                case Used(tool, detail):
                    payload: AgentTool = {"tool": tool, "detail": detail}
                    task_id, where = live.attempt.task_id, live.readable.path
                    self.turns.store.tell(
                        Event(type="agent.tool", task_id=task_id, payload=payload, whole=where)
                    )
                    self.tell(Note("used", task, f"{tool}: {detail}" if detail else tool, live.attempt))
                case Retried(attempt, reason):
                    # Some wait for the network without an end, and say nothing else.
                    self.tell(Note("retried", task, f"tries again ({attempt}): {reason}", live.attempt))
                case Limited("warning", resets_at, limit, used):
                    if self.turns.heed_warning(live, report):
                        who, now = live.attempt.executor, self.turns.clock()
                        words = warning_words(who, limit, used, resets_at, now)
                        self.tell(Note("limit", task, words, live.attempt))
                case _:
                    pass  # it is in the tally, and told at the end
        self.heed(live)
        if self.turns.heed_work(live):
            self.works(live.attempt.executor)

    def heed(self, live: Live) -> None:
        """A question that its process holds pauses the task; once that goes on, the task does."""
        try:
            task = self.turns.heed(live)
        except SowError as fault:
            # The agent broke its file, say: the end of its turn restores it.
            logs.warning("question not stored", task=live.attempt.task_id, why=str(fault))
            return
        if task is not None:
            before = self.board.ready.tasks.get(task.id)
            self.board.ready.put(task)
            if before is None or before.status != task.status:
                self.tell(Note("changed", task, telling.question_of(task), live.attempt))

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
            threading.Thread(target=self.stop, args=(live,), daemon=True).start()
        self.tell(Note("limit", self.board.task_of(live), words, live.attempt))

    def look_at_processes(self, now: float) -> None:
        """Takes in what the agents' processes use, now and then: one look for all."""
        if not self.live or now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        for attempt, sample in self._meter.look(self.live).items():
            live = self.live[attempt]
            if live.usage.take(sample):
                self.turns.note_usage(live)
            task = self.board.task_of(live)
            self.tell(Note("usage", task, sizes.told(sample.memory), live.attempt))
            if live.reached(now):
                # Before anything is ended for it: what its processes share counts once.
                live.usage.memory = min(sample.memory, resources.exact(sample.pids) or sample.memory)

    def bear(self, jump: float, now: float) -> None:
        """The clock has jumped by so many seconds: what counts passed time counts on from where it was."""
        self._looked += jump
        for live in self.live.values():
            live.shift(jump, now)

    def due(self, now: float) -> Iterator[float]:
        """When agents are to be looked at though nothing came of them, in seconds since the epoch."""
        if self.live:
            yield self._looked + LOOK_SECONDS
        for live in self.live.values():
            if not live.stopped and not self.board.is_held(live):
                yield from patience.due(live, now, self.turns.repository, self.board.reported(live))

    def end_if_stuck(self, live: Live, now: float) -> None:
        """Ends an agent that is silent for too long, has reached a cap, or lives on after its last word."""
        if live.stopped or live.over:
            return
        held = self.board.is_held(live)
        live.usage.wait(now, held)
        if held:
            live.quiet_since = now
        reported = None if held else self.board.reported(live)
        found = patience.stuck(live, now, self.turns.repository, held=held, reported=reported)
        if found is None:
            if not held and (words := patience.quiet_words(live, now, self.turns.repository)):
                live.told_quiet = live.quiet_since
                self.tell(Note("problem", self.board.task_of(live), words, live.attempt))
            return
        if found.words:
            self.turns.note_end(live, found.why)
            task = self.board.task_of(live)
            self.tell(Note("limit", task, found.words, live.attempt))
        live.stopped = found.why
        # In a thread of its own: the others go on while this one has its grace.
        threading.Thread(target=self.stop, args=(live,), daemon=True).start()

    def stop(self, live: Live) -> None:
        """Ends an agent, gently at first; it takes its time."""
        try:
            self.turns.runner.stop(live.running, self.turns.repository.grace_seconds)
        except Failed as fault:
            self.tell(Note("problem", None, str(fault), live.attempt))
