"""An attempt whose process runs, as it is followed, and what has become of it once it is settled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sow import caps, lease, record
from sow.attempt import Attempt
from sow.caps import Caps, Reached, Used
from sow.progress import Tally, after
from sow.readable import NAME as READABLE
from sow.readable import Readable
from sow.recovery.policy import Decision
from sow.runner import attempt as folders
from sow.runner.local import Running
from sow.runner.watch import Tail
from sow.state import PutBack
from sow.task import Task
from sow.usage import Usage
from sow_executors import base

AFTER_RESULT_SECONDS = 10.0
"""How long a process may live on after its result before it is ended: some CLIs never exit."""
AFTER_REPORT_SECONDS = 180.0
"""How long it may be silent once its task's state says all, outside of a tool call, before it is ended."""


@dataclass(slots=True)
class Live:
    """An attempt whose process runs, or whose end is not settled yet."""

    attempt: Attempt
    running: Running
    reader: base.Reader
    tail: Tail
    leases: tuple[lease.Lease, ...] = ()
    """Given back at the end: that of the task's turn, held by us, and of the session, held by its process."""
    tried: tuple[str, ...] = ()
    tally: Tally = field(default_factory=Tally)
    stopped: str = ""
    quiet_since: float = 0.0
    """When it last printed something, in seconds since the epoch."""
    told_quiet: float = 0.0
    """Since when it was quiet when that was last told, in seconds since the epoch."""
    heeded: tuple[base.Asked | None, base.Asked | None] = (None, None)
    """What it asked, and what it went on from, as far as the task's state agrees with it."""
    setting_up: bool = False
    """Whether its worktree is still being set up, which may be quiet: the agent has not begun."""
    began: float = 0.0
    """When its process began, with the setup where there is one, in seconds since the epoch."""
    worked: bool = False
    """Whether it was taken in that the agent works, which says something of its account's limits."""
    behind: bool = False
    """Whether it has printed more than was read yet."""
    over: bool = False
    """Its process has ended: it is settled once all that it printed is read."""
    task: Task | None = None
    """The task as the attempt's begin has stored it; None where another run began it."""
    caps: Caps = ()
    """How much it may use."""
    usage: Usage = field(default_factory=Usage)
    is_cut: bool = False
    """Whether a part of what it printed was left out."""
    written: record.Record | None = None
    """What its CLI writes down beside its output, where it does."""
    found: tuple[str, ...] = ()
    """The files that lay uncommitted in its worktree before it began: its agent had left none so."""
    readable: Readable = field(init=False)

    def __post_init__(self) -> None:
        self.readable = Readable(f"{self.running.folder}/{READABLE}")

    def look_at_setup(self, now: float) -> bool:
        """Takes in whether the setup has ended; silence, and the agent's time, count from then on.

        Gives whether it came to its good end since the last look.
        """
        if not self.setting_up:
            return False
        self.setting_up = folders.is_setting_up(self.running.folder)
        self.quiet_since = self.usage.began = now
        return not self.setting_up

    def shift(self, jump: float, now: float) -> None:
        """Takes in that the clock has jumped by so many seconds, in which nobody did anything."""
        self.quiet_since = min(self.quiet_since + jump, now)  # it may have been heard behind the jump
        self.told_quiet += jump
        self.began += jump
        self.usage.shift(jump)

    def reached(self, now: float) -> Reached | None:
        """The cap that it has reached, if any."""
        return caps.reached(self.caps, self.used(now))

    def reached_memory(self) -> Reached | None:
        """The cap of memory, if that is reached: the one that holds for who only waits, too."""
        return caps.reached(self.caps, Used(memory=self.usage.memory))

    def time_is_up(self, now: float) -> float:
        """When its time is up, in seconds since the epoch, if it works till then."""
        most = next((cap.value for cap in self.caps if cap.name == "max_seconds"), float("inf"))
        return now + most - self.usage.seconds(now)

    def used(self, now: float) -> Used:
        """All that caps are about."""
        tally, usage = self.tally, self.usage
        tokens = tally.input_tokens + tally.output_tokens
        return Used(tally.turns, usage.seconds(now), tally.usd or 0.0, tokens, usage.memory)

    def follow(self, now: float, most: int) -> Iterator[base.Report]:
        """Reads what was printed since the last call, about `most` bytes of it; gives the reports one by one.

        Each is in the tally already. Where there was more, `behind` says so.
        """
        begun, self.behind = self.tail.offset, False
        for reports in self._read(now):
            yield from reports
            if self.tail.offset - begun >= most:
                self.behind = True
                break
        self.readable.flush()

    def catch_up(self, now: float, *, final: bool = False) -> None:
        """Reads all that was printed since the last call; with `final` also a last line that has no end."""
        self.behind = False
        for _ in self._read(now, final=final):
            pass
        self.readable.flush()

    def _read(self, now: float, *, final: bool = False) -> Iterator[list[base.Report]]:
        # Line by line: an agent may print faster than it is read, and without an end.
        for line in self.tail.read(final=final):
            reports = self.reader.read(line)
            self.quiet_since = now
            self.tally = after(self.tally, reports)
            self.readable.add(reports)
            yield reports
        if self.written is not None:
            for reports in self.written.read(self.attempt.session_id or self.tally.session_id):
                self.tally = after(self.tally, reports)
                yield reports


@dataclass(frozen=True, slots=True)
class Settled:
    """A turn that came to its end: the task as it is now, and what is to be done at once."""

    task: Task
    decision: Decision
    attempt: Attempt
    left_over: str | None = None
    """The commit made of what the agent had left uncommitted."""
    put_back: tuple[PutBack, ...] = ()
    """The state files that were changed beside sow while it went on, and are as before again."""
    homeless: bool = False
    """Its worktree was gone at its end, with all that was not committed there."""
