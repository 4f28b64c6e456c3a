"""One turn of one agent: begun, followed, settled.

    begin:   executor -> worktree -> attempt -> lease -> state -> process
    follow:  lines -> reports -> tally
    settle:  sweep -> outbox -> leftovers -> verdict -> state -> attempt

The state is stored before the process starts, and an attempt's end is recorded
last: a kill between any two steps leaves what the next run completes.

    means           what is handed in for all turns of a project
    live            an attempt as it is followed
    beginning       with sessions, surroundings and prompting
    heeding         what an agent asks, and what it says of limits
    settling        with closing, as every turn closes
    visiting        a person on the session's terminal
    beside          what agents changed of the state beside sow
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sow import files
from sow.attempt import Attempt
from sow.process import Identity
from sow.runner.attempt import Exit
from sow.runner.local import Running
from sow.state import PutBack
from sow.task import Task
from sow.turn import beginning, beside, closing, heeding, sessions, settling, visiting
from sow.turn.live import Live, Settled
from sow.turn.means import Means
from sow_executors import base, inbox

if TYPE_CHECKING:
    from sow.config import ExecutorChoice
    from sow.runner.terminal import TerminalRunner
    from sow.visit import Visit
    from sow_schemas.documents import Reason


@dataclass(frozen=True, slots=True)
class Turns(Means):
    """Begins and settles turns in one project; all that it needs is handed in."""

    def begin(
        self,
        task: Task,
        *,
        reason: Reason | None = None,
        tried: tuple[str, ...] = (),
        prompt: str = "",
        agent: str = "",
    ) -> Live:
        """Starts an agent on a task that is pending, or in_progress and not running.

        1. the executor and the session; 2. the worktree; 3. the attempt's folder; 4. the leases;
        5. the attempt's record; 6. the state, with the session; 7. the process.

        `prompt` says something of the caller's own instead of what the state calls for.
        Raises SowError where a step can't be done, Busy where somebody else drives the task or
        has just changed it, SessionOpen where its session is open elsewhere; the task's state
        is then untouched up to step 6, and after it says that the task is in progress, to be
        gone on with.
        """
        return beginning.begin(self, task, reason=reason, tried=tried, prompt=prompt, agent=agent)

    def adopt(self, attempt: Attempt, running: Running) -> Live:
        """The attempt of an earlier orchestrator, taken on as if it were ours.

        Raises Busy while that orchestrator lives.
        """
        return beginning.adopt(self, attempt, running)

    def choice(self, task: Task) -> ExecutorChoice:
        """The executor of the task's next turn: the one that has its session, else its role's."""
        return sessions.choice(self, task)

    def check_session(self, task: Task) -> None:
        """Raises SessionOpen where somebody else has the session open that the next turn goes on in."""
        sessions.check_free(self, task)

    # -- follow -------------------------------------------------------------------------------

    def is_held(self, live: Live) -> bool:
        """Whether its process does nothing but wait for a person's answer."""
        return bool(inbox.waiting(self.attempts.inbox(live.attempt.id)))

    def heed(self, live: Live) -> Task | None:
        """Makes the task's state agree with what its process asks, or goes on from; None where it did."""
        return heeding.heed(self, live)

    def heed_warning(self, live: Live, limited: base.Limited) -> bool:
        """Takes in a warning of a limit; whether a person is to be told, once a window and mark."""
        return heeding.heed_warning(self, live, limited)

    def heed_work(self, live: Live) -> bool:
        """Takes in, once, that an agent works; whether that ends a limit sooner than was said."""
        return heeding.heed_work(self, live)

    def keep_session(self, live: Live) -> None:
        """Stores the session that the CLI made and named, unless it is stored; repeating it does no harm."""
        sessions.keep(self, live)

    def note_usage(self, live: Live) -> None:
        """Keeps what was seen of its processes, for who comes after a kill."""
        usage = live.usage
        live.attempt = self.attempts.keep(
            live.attempt.replace(peak_memory=usage.peak_memory, cpu_seconds=round(usage.cpu_seconds, 2))
        )

    def bound_output(self, live: Live) -> bool:
        """Keeps what an attempt has printed within bounds; gives whether it is the first time.

        Raises OSError where the disk can't give anything back.
        """
        return settling.bound_output(self, live)

    def let_go(self, live: Live) -> None:
        """Leaves an attempt to itself: whoever comes next may take it on."""
        if live.leases:
            live.leases[0].release()

    # -- attach -------------------------------------------------------------------------------

    def attach(self, task: Task, terminal: TerminalRunner) -> Visit:
        """Opens the task's session for a person on this terminal; gives what they left when they leave it.

        The session and the task's turn are held meanwhile, so no agent is started on
        them. Raises Refused for a task without a session, Busy while its agent works.
        """
        return visiting.attach(self, task, terminal)

    def end_attached(self, attempt: Attempt) -> list[PutBack]:
        """Records the end of an attached session whose terminal is gone; gives what was put back."""
        return visiting.end_attached(self, attempt)

    # -- what agents change beside sow --------------------------------------------------------

    def know_state(self, *, ended: str = "", only: str = "") -> list[PutBack]:
        """Makes sure that the state is what sow, or a person, has made of it; gives what was put back.

        While no agent is at work, what was changed beside sow is a person's, and copies of it are
        kept. Else it may have been an agent: what only sow may change is put back, and a task
        that was not at work is asked about. `ended`: a task whose agent has just ended. `only`:
        the one task to look at. Raises SowError.
        """
        return beside.know_state(self, ended=ended, only=only)

    # -- settle -------------------------------------------------------------------------------

    def note_end(self, live: Live, why: str) -> None:
        """Notes why an attempt is to be ended, so that whoever settles it knows."""
        live.stopped = why
        files.write(f"{self.attempts.folder(live.attempt.id)}/stopped", why)

    def stop(self, attempt: Attempt, running: Running, by: str) -> None:
        """Ends an attempt at somebody's word, which its settlement will find beside it."""
        files.write(f"{self.attempts.folder(attempt.id)}/stopped", by)
        self.runner.stop(running, self.repository.grace_seconds)

    def settle(self, live: Live, status: Exit | None) -> Settled:
        """Records the end of an attempt whose process is gone; repeating it after a kill does no harm."""
        return settling.settle(self, live, status)

    def gone(self, attempt: Attempt) -> Running:
        """The process of an attempt that has ended, as far as it was recorded."""
        identity = Identity(
            boot_id=attempt.boot_id or "", pid=attempt.pid or 0, start_ticks=attempt.start_ticks or 0
        )
        return Running(attempt.id, self.attempts.folder(attempt.id), identity)

    def forget(self, attempt: Attempt) -> None:
        """Records that an attempt was never started: its orchestrator died before the process."""
        closing.forget(self, attempt)
