"""What an attempt's reports add up to, and what its end means for the task.

Pure: reports and a task in, a `Verdict` out. The exit is the signal, the state
file is the message: what the worker wrote there holds, and only where it wrote
nothing is its output looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from sow import caps
from sow.clock import seconds
from sow.recovery.policy import AskPerson, Decision, Later, Nothing, Nudge, Restart, decide
from sow.task import IN_PROGRESS, Task
from sow_executors.base import (
    Answered,
    Asked,
    Denied,
    Failed,
    Finished,
    Limited,
    Report,
    Retried,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)

STOPPED = {
    "person": "A person stopped the agent. Say how to go on, or accept what is there.",
    "silence": "The agent printed nothing for too long and was ended. Answer to let it go on.",
    "output": "The agent printed more than `transcript_bytes` allows and was ended: the disk can't keep just "
    "a part of it. Answer to let it go on.",
}

MOST = 1000
"""How many open calls, and how many denials, are known of an attempt: more would slow a run."""
NAMED = 10
"""How many denials are named in a question."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What is known of an attempt so far."""

    session_id: str = ""
    last_words: str = ""
    doing: str = ""
    """One line for a person who watches: the last tool or the last words."""
    open_calls: frozenset[str] = frozenset()
    denied: tuple[Denied, ...] = ()
    asked: Asked | None = None
    settled: Asked | None = None
    """The last question that its process held and then went on from, answered or not."""
    usd: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    limit: Limited | None = None
    turns: int = 0
    """Exchanges with the model, as far as they are seen."""
    turn: str = ""
    """The id of the last of them, where the CLI tells one."""
    in_turn: bool = False
    """Whether what the agent says or calls now belongs to the last of them."""
    finished: bool = False
    """A result was seen; the process may live on."""
    alive: bool = False
    """The agent did something: what it was told has reached it."""


def after(tally: Tally, reports: Iterable[Report]) -> Tally:
    """The tally once `reports` came."""
    for report in reports:
        tally = _add(tally, report)
    return tally


def _add(tally: Tally, report: Report) -> Tally:
    match report:
        case Started(session_id=session):
            return replace(tally, session_id=session or tally.session_id)
        case Said(text, turn):
            tally = _in_turn(tally, turn)
            return replace(tally, last_words=text, doing=_line(text), alive=True, finished=False)
        case Used(tool, detail, call, turn):
            tally = _in_turn(tally, turn)
            is_known = call and len(tally.open_calls) < MOST
            open_calls = tally.open_calls | {call} if is_known else tally.open_calls
            doing = f"{tool}: {_line(detail)}" if detail else tool
            return replace(tally, doing=doing, open_calls=open_calls, alive=True, finished=False)
        case Returned(call):
            return replace(tally, open_calls=tally.open_calls - {call}, in_turn=False)
        case Denied(tool, detail):
            known = tally.denied if len(tally.denied) >= MOST else (*tally.denied, report)
            return replace(tally, denied=known, doing=f"denied: {tool} {_line(detail)}")
        case Asked(question):
            return replace(tally, asked=report, alive=True, doing=f"asks: {_line(question)}")
        case Answered(held):
            ours = tally.asked if tally.asked and tally.asked.held == held else None
            return replace(tally, asked=None if ours else tally.asked, settled=ours or tally.settled)
        case Spent(input_tokens, output_tokens, cached, usd):
            total = tally.usd if usd is None else (tally.usd or 0.0) + usd
            return replace(
                tally,
                usd=total,
                input_tokens=tally.input_tokens + input_tokens,
                output_tokens=tally.output_tokens + output_tokens,
                cached_tokens=tally.cached_tokens + cached,
            )
        case Limited():
            return replace(tally, limit=report)
        case Retried(attempt, reason):
            return replace(tally, doing=f"tries again ({attempt}): {_line(reason)}")
        case Finished(text):
            return replace(tally, last_words=text or tally.last_words, finished=True, alive=True)
        case Failed():
            return replace(tally, finished=True)


def _in_turn(tally: Tally, turn: str) -> Tally:
    """The tally once the agent said or called something: where no id tells, a tool's return ends a turn."""
    goes_on = turn == tally.turn if turn else tally.in_turn
    return replace(tally, turns=tally.turns + (not goes_on), turn=turn, in_turn=True)


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended, as everything about it says."""

    tally: Tally
    ending: Finished | Failed
    iteration: int
    """The iteration that the attempt worked on."""
    nudged: bool = False
    """It was the one that asked a silent agent how it ended."""
    stopped: str = ""
    """Why sow ended it: `person` (agent stop), `interrupt` (Ctrl-C), `silence`, `output`, `after report`,
    `cap`, or empty."""
    cap: caps.Reached | None = None
    """The cap that it had reached when it ended, by whomever."""
    tried: tuple[str, ...] = field(default=())
    """The restarts of this turn so far: `spawn`, `resume`, `mint`."""
    begun_at: str | None = None
    """When the attempt was made (RFC 3339): what a person said later is not for it."""


def has_gone_on(task: Task, iteration: int, begun_at: str | None) -> bool:
    """Whether the task's file says all: the worker reported, or a person decided meanwhile.

    A worker may ask, and have its answer, before its process has ended: the
    task is in progress again then, with a word for the next attempt. `iteration`
    and `begun_at` (RFC 3339) are the attempt's.
    """
    if task.status != IN_PROGRESS or task.iteration != iteration:
        return True
    return bool(task.answer and begun_at and seconds(task.answer["at"]) > seconds(begun_at))


def verdict(task: Task, end: End) -> Decision:
    """What becomes of a task, read from its file after its attempt's end."""
    if has_gone_on(task, end.iteration, end.begun_at):
        return Nothing()
    if end.stopped == "interrupt":
        return Nothing()  # the next run resumes it
    if end.cap and (end.stopped == "cap" or _is_of(end.ending, end.cap)):
        return AskPerson(caps.told(end.cap, task.id), "cap")
    if end.stopped:
        return AskPerson(STOPPED.get(end.stopped, STOPPED["person"]), "question")
    if end.tally.asked:
        return AskPerson(end.tally.asked.question, end.tally.asked.kind, end.tally.asked.options)
    decision = decide(end.ending, task, end.tried) if isinstance(end.ending, Failed) else _silent(end)
    if end.cap and isinstance(decision, Nudge | Restart | Later):
        # It has used up what it may: what comes next is not begun unasked.
        return AskPerson(caps.told(end.cap, task.id), "cap")
    return decision


def _is_of(ending: Finished | Failed, cap: caps.Reached) -> bool:
    """Whether the CLI ended by itself at that cap."""
    return isinstance(ending, Failed) and ending.kind == cap.kind


def _silent(end: End) -> Decision:
    """The turn came to its end without a report to the state file."""
    if end.tally.denied:
        every = list(dict.fromkeys(_denial(denied) for denied in end.tally.denied))
        more = f" and {len(every) - NAMED} more" if len(every) > NAMED else ""
        names = "; ".join(every[:NAMED])
        return AskPerson(f"The agent was denied: {names}{more}. {_words(end)}", "permission")
    if not end.nudged:
        return Nudge()
    return AskPerson(f"The agent ended without a report. {_words(end)}", "question")


def _words(end: End) -> str:
    said = end.tally.last_words.strip()
    return f"Its last words: {said[-1500:]}" if said else "It said nothing."


def _denial(denied: Denied) -> str:
    return f"{denied.tool} ({_line(denied.detail)})" if denied.detail else denied.tool


def _line(text: str) -> str:
    return " ".join(text.split())[:200]
