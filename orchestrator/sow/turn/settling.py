"""A turn settled: what it has come to becomes state, and the end of its attempt is recorded last."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from sow import caps, deferring, files, holding, logs, outfit
from sow.attempt import Attempt
from sow.caps import Reached
from sow.change import Change, Event
from sow.judgement import judged
from sow.progress import End, has_gone_on, verdict
from sow.recovery.policy import Decision
from sow.runner import attempt as folders
from sow.runner import bounds
from sow.runner.attempt import Exit
from sow.task import Task
from sow.turn import beside, closing, heeding, sessions
from sow.turn.live import Live, Settled
from sow.turn.means import Means
from sow_executors import base

if TYPE_CHECKING:
    from sow_schemas.documents import Outcome, ToolDenied, UsageUpdated


def settle(means: Means, live: Live, status: Exit | None) -> Settled:
    """Records the end of an attempt whose process is gone.

    1. whatever still bears its mark is ended; 2. its output is read to the end; 3. what was
    changed of the state beside sow is put right; 4. reports from its outbox are applied, and a
    session that it named is stored; 5. what it left uncommitted is committed; 6. the verdict
    becomes state; 7. the attempt's end is recorded. Repeating it after a kill does no harm.
    """
    means.runner.sweep(live.attempt.id)
    live.stopped = live.stopped or _stopped_by(means, live.attempt.id)
    live.catch_up(means.clock(), final=True)
    with suppress(OSError):
        bound_output(means, live)
    ending = _ending(means, live, status)
    cap = _cap(means, live, ending)
    if live.stopped == "cap" and cap and isinstance(ending, base.Failed):
        ending = base.Failed(cap.kind, cap.fact)
    deferring.note(means.attempts.inbox(live.attempt.id), live.tally)
    put_back = beside.know_state(means, ended=live.attempt.task_id)
    task = closing.task_after(means, live.attempt)
    task = heeding.heed(means, live) or task
    sessions.find_untold(means, live)
    sessions.keep(means, live)
    homeless = closing.is_homeless(task)
    task, left_over = closing.commit_leftovers(means, task)
    end = End(
        live.tally,
        ending,
        live.attempt.iteration,
        nudged=live.attempt.reason == "nudge",
        stopped=live.stopped,
        cap=cap,
        tried=live.tried,
        begun_at=live.attempt.created_at,
    )
    heeding.note_limit(means, live, ending)
    task, decision = _judge(means, task, end, means.attempts.inbox(live.attempt.id))
    attempt = _record_end(means, live, ending, status)
    logs.info(
        "turn settled",
        task=task.id,
        attempt=attempt.id,
        outcome=attempt.outcome,
        status=task.status,
        decision=type(decision).__name__,
        committed=left_over,
    )
    return Settled(task, decision, attempt, left_over, tuple(put_back), homeless)


def bound_output(means: Means, live: Live) -> bool:
    """Keeps what an attempt has printed within bounds; gives whether it is the first time."""
    if not bounds.bound(live.running.folder, means.repository.transcript_bytes, live.tail.offset):
        return False
    before, live.is_cut = live.is_cut, True
    return not before


def _stopped_by(means: Means, attempt: str) -> str:
    return files.text(f"{means.attempts.folder(attempt)}/stopped")


def _ending(means: Means, live: Live, status: Exit | None) -> base.Finished | base.Failed:
    folder = means.attempts.folder(live.attempt.id)
    cap = caps.from_note(live.stopped)
    ended = outfit.overdue(live.stopped, folder) or (cap and outfit.too_large(cap.fact, folder))
    if failure := ended or outfit.setup_failure(folder):
        live.stopped = "" if ended else live.stopped
        return base.Failed("setup_failed", outfit.told(failure, folder))
    if outfit.is_overdue(live.stopped):
        live.stopped = "interrupt"  # it was set up at the last moment: the agent may begin
    code = None if status is None else (-status.signal if status.signal else status.code)
    if live.tally.finished and live.stopped == "after result":
        code, live.stopped = 0, ""
    return live.reader.end(code, folders.end_of(f"{means.attempts.folder(live.attempt.id)}/stderr.log"))


def _cap(means: Means, live: Live, ending: base.Finished | base.Failed) -> Reached | None:
    """The cap that an attempt had reached when it ended, be it that nobody saw it before."""
    if found := caps.from_note(live.stopped):
        live.stopped = "cap"
        return found
    # How long it ran, and what it held, nobody can tell any more.
    used = replace(live.used(means.clock()), seconds=0.0, memory=0)
    kind = ending.kind if isinstance(ending, base.Failed) else None
    return (kind and caps.by_its_own(live.caps, kind, used)) or caps.reached(live.caps, used)


def _judge(means: Means, task: Task, end: End, folder: str) -> tuple[Task, Decision]:
    """The verdict as state, given under the task's lock: on what its file and its inbox say then."""
    given: list[Decision] = []

    def change(current: Task) -> Change:
        current = holding.without_heard(current, folder)
        given[:] = [verdict(current, end)]
        if has_gone_on(current, end.iteration, end.begun_at):
            return Change(task=current)
        return judged(current, given[0], end, means.clock())

    return means.store.change_task(task.id, change), given[0]


def _record_end(
    means: Means, live: Live, ending: base.Finished | base.Failed, status: Exit | None
) -> Attempt:
    tally, folder = live.tally, means.attempts.folder(live.attempt.id)
    processor = max(live.usage.cpu_seconds, folders.cpu_seconds(folder) or 0.0)
    outcome: Outcome = "finished"
    if isinstance(ending, base.Failed):
        outcome = "stopped" if live.stopped else "lost" if status is None else "failed"
    ended = live.attempt.replace(
        outcome=outcome,
        error_class=ending.kind if isinstance(ending, base.Failed) else None,
        message=ending.message if isinstance(ending, base.Failed) else None,
        turns=ending.turns if isinstance(ending, base.Finished) else tally.turns or None,
        session_id=tally.session_id or live.attempt.session_id,
        cost_usd=tally.usd,
        input_tokens=tally.input_tokens,
        output_tokens=tally.output_tokens,
        cached_tokens=tally.cached_tokens,
        denials=[{"tool": d.tool, "detail": d.detail, "reason": d.reason} for d in tally.denied] or None,
        peak_memory=live.usage.peak_memory or None,
        cpu_seconds=round(processor, 2) or None,
        left_out=bounds.left_out(f"{folder}/{folders.TRANSCRIPT}") or None,
    )
    for denied in tally.denied:
        payload: ToolDenied = {"tool": denied.tool, "detail": denied.detail}
        where = live.readable.path
        means.store.tell(Event(type="tool.denied", task_id=ended.task_id, payload=payload, whole=where))
    if tally.usd is not None or tally.input_tokens or tally.output_tokens:
        used: UsageUpdated = {
            "usd": tally.usd,
            "input_tokens": tally.input_tokens,
            "output_tokens": tally.output_tokens,
        }
        means.store.tell(Event(type="usage.updated", task_id=ended.task_id, payload=used))
    closing.close(means, ended, live.leases, outcome=outcome, status=status)
    return ended
