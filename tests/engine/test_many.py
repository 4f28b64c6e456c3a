"""A turn costs the same among many tasks as among few."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.core.parts import new_task, put
from tests.engine.stage import Stage

import sow
from sow import scheduler
from sow.adding import Wish, add
from sow.scheduler.telling import Note

HAND_IN = (
    """echo '{"verb": "set", "field": "status", "value": "needs_review"}' """
    '>"$SOW_PROJECT_RUNTIME/attempts/$SOW_ATTEMPT_ID/outbox/1.json"'
)

MANY = 150
"""Far more than the looks of one turn differ by, which depend on how often the run is woken."""


def test_a_turn_looks_at_no_more_files_and_names_among_many_tasks(
    stage_with: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = stage_with(isolation="project", jobs=1)
    stage.user({"no-op": {"type": "command", "settings": {"argv": ["/bin/sh", "-c", HAND_IN]}}})
    stage.env["SOW_AGENTS_IMPLEMENTER"] = "no-op"
    # Now and then everything is looked at: how seldom is not what this is about.
    monkeypatch.setattr(scheduler, "RESCAN_SECONDS", 1e9)
    few = looks_of_a_turn(stage, monkeypatch)
    for number in range(1, MANY + 1):
        leave_behind(stage, f"{number + 800:03d}")
    assert looks_of_a_turn(stage, monkeypatch) < few + MANY


def leave_behind(stage: Stage, task_id: str) -> None:
    """What is left of a task that has come to its end."""
    put(stage.store, new_task(task_id, status="completed"))
    Path(stage.layout.attempts, f"{task_id}-1-1-00000000").mkdir(parents=True)
    for name in (f"task-{task_id}.lock", f"turn-{task_id}.lease.lock"):
        Path(stage.layout.locks, name).touch()


def looks_of_a_turn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many files of the repository are looked at, and how many names listed, from one settled turn to
    the next: the fewest of three, for it is woken now and then besides."""
    for _ in range(4):
        add(stage.store, Wish(name="A task like many", agent="implementer"))
    counts: list[int] = []
    looks = 0

    def listdir(*given: Any) -> list[str]:
        nonlocal looks
        names: list[str] = real["listdir"](*given)
        looks += len(names) if given != ("/proc",) else 0
        return names

    def looked(name: str) -> Callable[..., Any]:
        def look(path: Any, *given: Any, **more: Any) -> Any:
            nonlocal looks
            looks += str(path).startswith(str(stage.main))
            return real[name](path, *given, **more)

        return look

    def watch(note: Note) -> None:
        if note.kind == "settled":
            counts.append(looks)

    real: dict[str, Callable[..., Any]] = {
        name: getattr(os, name) for name in ("lstat", "stat", "open", "listdir")
    }
    with monkeypatch.context() as counting:
        for name in ("lstat", "stat", "open"):
            counting.setattr(os, name, looked(name))
        counting.setattr(os, "listdir", listdir)
        sow.open(stage.main, environment=stage.env).run(watch=watch)
    assert len(counts) == 4
    return min(after - before for before, after in pairwise(counts))
