"""How long an agent is waited for: when something is due of it, and why it is ended."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sow import outfit
from sow.config import RepositoryConfig
from sow.turn.live import AFTER_REPORT_SECONDS, AFTER_RESULT_SECONDS, Live


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why an agent is to be ended."""

    why: str
    words: str = ""
    """What is told of it; empty where its end says enough."""


QUIET_SECONDS = 600.0
"""After so long without a line of output, outside of a tool call, a person who watches is told."""


def stuck(
    live: Live, now: float, repository: RepositoryConfig, *, held: bool, reported: float | None = None
) -> Stuck | None:
    """Why an agent is to be ended now, if it is.

    `held`: it waits for a person's answer. `reported`: since when its task's state says all that
    there is to say, in seconds since the epoch; None where it doesn't.
    """
    silence, setup = repository.silence_seconds, repository.worktree.setup_seconds
    quiet = now - live.quiet_since
    if live.tally.finished and quiet >= AFTER_RESULT_SECONDS:
        return Stuck("after result")
    if (at := _silent_after(live, reported)) is not None and now >= at:
        words = f"the agent of task {live.attempt.task_id} has reported, did not exit, and is ended"
        return Stuck("after report", words)
    if silence and quiet >= silence and not live.tally.open_calls:
        return Stuck("silence")
    if setup and live.setting_up and now - live.began >= setup:
        words = f"the setup for task {live.attempt.task_id} is ended: it took more than {setup:g} s"
        return Stuck(outfit.overdue_note(setup), words)
    if not live.tally.finished and (cap := live.reached_memory() if held else live.reached(now)):
        return Stuck(cap.note(), f"task {live.attempt.task_id} reached a cap and is ended: {cap.fact}")
    return None


def due(
    live: Live, now: float, repository: RepositoryConfig, reported: float | None = None
) -> Iterator[float]:
    """When an agent that works is to be looked at though nothing came of it, in seconds since the epoch."""
    silence, setup = repository.silence_seconds, repository.worktree.setup_seconds
    if live.tally.finished:
        yield live.quiet_since + AFTER_RESULT_SECONDS
    elif not live.setting_up:
        yield live.time_is_up(now)
    elif setup:
        yield live.began + setup
    if (at := _silent_after(live, reported)) is not None:
        yield at
    if silence and not live.tally.open_calls:
        yield live.quiet_since + silence
    elif live.told_quiet != live.quiet_since and _may_hang(live, repository):
        yield live.quiet_since + QUIET_SECONDS


def quiet_words(live: Live, now: float, repository: RepositoryConfig) -> str:
    """What is told of an agent that may hang and that nothing ends; empty for nothing new."""
    quiet = now - live.quiet_since
    if quiet < QUIET_SECONDS or live.told_quiet == live.quiet_since or not _may_hang(live, repository):
        return ""
    task = live.attempt.task_id
    return (
        f"the agent of task {task} has printed nothing for {quiet / 60:.0f} min; see what it does: "
        f"`sow agent logs {task}`, end it: `sow agent stop {task}`; `silence_seconds` in .sow/config.yaml "
        "has such agents ended"
    )


def _may_hang(live: Live, repository: RepositoryConfig) -> bool:
    """Whether silence is a sign of that, and ends nothing."""
    is_busy = live.setting_up or live.tally.finished or live.tally.open_calls
    return not (is_busy or repository.silence_seconds)


def _silent_after(live: Live, reported: float | None) -> float | None:
    """When an agent that has reported was silent for too long, if it stays so; None for never."""
    if reported is None or live.tally.open_calls:
        return None
    return max(live.quiet_since, reported) + AFTER_REPORT_SECONDS
