"""What to do about a failure: pure, a value for the scheduler to act on.

Attempts and waits are state (`not_before`, `attempts`), never sleeps: they
survive a restart. What no try can mend is asked of a person, with what to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sow.task import Task
from sow_executors.base import Failed

if TYPE_CHECKING:
    from sow_schemas.documents import QuestionKind


@dataclass(frozen=True, slots=True)
class Nothing:
    """The task's file says all there is to say."""


@dataclass(frozen=True, slots=True)
class Nudge:
    """Resume at once and ask how it ended."""


@dataclass(frozen=True, slots=True)
class Restart:
    """Try the same turn at once by another way: `spawn`, `resume` or `mint` (a new session id)."""

    by: str


@dataclass(frozen=True, slots=True)
class Later:
    """Back to `pending`: in the same session, not before a time."""

    seconds: float = 0.0
    until: float | None = None
    """Seconds since the epoch, where the failure names the time; else `seconds` from now."""
    counts: bool = True
    """Whether it uses up a try; waiting for a limit does not."""
    least: float = 0.0
    """How many seconds at least, whatever time the failure names."""


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Pause, with this question."""

    text: str
    kind: QuestionKind
    options: tuple[str, ...] = ()


Decision = Nothing | Nudge | Restart | Later | AskPerson

TRANSIENT = {
    "rate_limit": 60.0,
    "overloaded": 60.0,
    "server_error": 30.0,
    "network": 30.0,
    "crash_signal": 5.0,
}
"""Classes that pass by themselves, with the first wait in seconds; each further wait doubles."""
TRIES = {"crash_signal": 2, "unknown": 2, "interrupted": 3, "output_limit": 2, "timeout": 2}
"""Executions in one iteration, before a person is asked; 5 for the rest of the transient ones."""
LONGEST_WAIT = 1800.0
NO_RESET_KNOWN = 900.0
"""How long a usage limit is waited for when the CLI does not say when it ends."""
MET_AGAIN = 30.0
"""How long a usage limit is waited for at least that is met once more behind its end; each wait doubles."""
OPEN_ELSEWHERE = 15.0
"""How soon a session is tried again that its CLI says is open in another process; each wait doubles."""
LONGEST_LOOK = 600.0

NEXT_STEP = {
    "auth_invalid": "Log the CLI in again, then answer this with `sow task retry`.",
    "billing_exhausted": "Top the account up or bind the role to another executor, then `sow task retry`.",
    "access_denied": "Choose another model or executor in `sow config path`, then `sow task retry`.",
    "model_not_found": "Set `model` of this executor in `sow config path`, then `sow task retry`.",
    "missing_tool": "Install it or bind the role to another executor, then `sow task retry`.",
    "config_invalid": "Mend the setting that it names, or update the program, then `sow task retry`.",
    "context_overflow": "The session is full: `sow task retry --fresh` goes on in a new one.",
    "invalid_request": "`sow task retry --fresh` goes on in a new session.",
    "content_filter": "Reword the description (`sow task edit`), then `sow task retry --fresh`.",
    "max_turns": "Answer to let it go on with as many turns again.",
    "budget_exceeded": "Answer to let it go on with as much money again.",
    "out_of_memory": "Give it less to do at once, or more memory, then answer to let it go on.",
    "tool_permission_denied": "Answer how to go on without it, or allow it in the executor's settings.",
}

OTHERWISE = "Answer to let it go on, or `sow task retry --fresh` for a new session."


def decide(failed: Failed, task: Task, tried: tuple[str, ...]) -> Decision:
    """What to do about `failed`; `tried` are the ways by which this turn was already started."""
    tries = task.attempts or 1
    match failed.kind:
        case "session_not_found" if "spawn" not in tried:
            return Restart("spawn")
        case "session_conflict" if "resume" not in tried:
            return Restart("resume")
        case "session_conflict" if tried[-1:] == ("resume",):
            # It is there, and another process has it open: a second one would lose what either says.
            tried_before = _in_a_row(task, "session_conflict")
            return Later(min(OPEN_ELSEWHERE * 2**tried_before, LONGEST_LOOK), counts=False)
        case "session_not_found" | "session_conflict" if "mint" not in tried:
            return Restart("mint")
        case "usage_limit":
            least = least_wait(_in_a_row(task, "usage_limit"))
            return Later(NO_RESET_KNOWN, until=failed.resets_at, least=least, counts=False)
        case "rate_limit" if failed.resets_at is not None and tries < 5:
            return Later(until=failed.resets_at)
        case "interrupted" | "unknown" | "output_limit" | "timeout" as kind if tries < TRIES[kind]:
            return Later()
        case "setup_failed":
            return AskPerson(f"{failed.message} Mend that, then `sow task retry {task.id}`.", "failure")
        case kind if kind in TRANSIENT and tries < TRIES.get(kind, 5):
            return Later(min(TRANSIENT[kind] * 2 ** (tries - 1), LONGEST_WAIT))
        case kind:
            step = NEXT_STEP.get(kind, OTHERWISE).replace("`sow task retry", f"`sow task retry {task.id}")
            said = failed.message if failed.message.endswith((".", "!", "?", "…")) else f"{failed.message}."
            return AskPerson(f"The agent failed ({kind.replace('_', ' ')}): {said} {step}", "failure")


def least_wait(again: int) -> float:
    """How long, in seconds, a usage limit is waited for at least that was met `again` times in a row before.

    The time that is named may be over already, or wrong.
    """
    return min(MET_AGAIN * 2 ** (again - 1), LONGEST_WAIT) if again else 0.0


def _in_a_row(task: Task, kind: str) -> int:
    """How often in a row a task has failed so already."""
    if task.error is None or (task.error_detail or {}).get("class") != kind:
        return 0
    return min(task.error.get("retry_count", 0) + 1, 16)
