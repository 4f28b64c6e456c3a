"""Kills a writer of state between each two of its system calls, each time in a project of its own.

For every call a copy of the project FOLDER/template is made, a process forked
that does what SCENARIO says and is sent SIGKILL before it, and one line printed:
the copy's name, and the calls that it died between (`survived` for the last one).
"""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
from collections.abc import Callable
from typing import Any

from tests.core.parts import AT, add, open_store

from sow import attaching, fields, journal, phase, project_types
from sow.artifacts import Add, Shelf
from sow.change import Change, Event, Intake
from sow.recovery import repair as recovery
from sow.store import Store
from sow.task import Task

CALLS = ("open", "write", "pwrite", "fsync", "rename", "mkdir", "unlink", "rmdir", "link", "chmod")
"""The system calls by which a writer changes what is on the disk; of `open`, those that make a file."""


def change(store: Store) -> None:
    """One file: a field is set."""
    store.change_task("010", fields.setting("priority", "high", now=AT, worker=False))


def feedback(store: Store) -> None:
    """Two files as one: the feedback, and the state with the next iteration."""

    def back(task: Task) -> Change:
        sent = task.send_back("better", by="ada", at=AT)
        path = f"{store.layout.task(task.phase, task.id)}/feedback/001.md"
        event = Event(type="task.feedback", task_id="010", payload={"iteration": 2, "feedback": "better"})
        return Change(task=sent, events=(event,), files={path: "better\n"})

    store.change_task("010", back)


def settle(store: Store) -> None:
    """What a killed writer left is completed."""
    store.settle()


def add_task(store: Store) -> None:
    """A whole folder: the next task."""
    add(store, name="another")


def restore(store: Store) -> None:
    """A broken file is put aside, and the last good one comes back."""
    store.restore_last_good("010")


def set_phase(store: Store) -> None:
    """A phase's file and the project's as one: a status, with its times."""
    known = phase.of(store.type(), "review")
    store.change_phase("review", phase.setting(known, "status", "in_progress", at=AT))


def add_output(store: Store) -> None:
    """The same: an artifact of a phase."""
    attaching.change(store, Shelf(of="outputs", phase="review"), Add(type="review", path="review.md"))


def move_task(store: Store) -> None:
    """A folder goes to another phase, and the state in it says so."""
    store.move_task("010", "review")


def remove_task(store: Store) -> None:
    """A folder goes out of the project, and the task's last good copy with it."""
    store.remove_task("010", lambda task, others: None)


def take_in(store: Store) -> None:
    """A file of another system: a task comes, one changes with its description, and a snapshot is noted."""

    def decide(tasks: tuple[Task, ...], used: frozenset[int]) -> Intake:
        [task] = tasks
        new = task.replace(id="020", name="another", depends_on=["010"])
        event = Event(type="task.changed", task_id="010", payload={"fields": ["priority"]})
        return Intake(
            adds=((Change(task=new), "another"),),
            changes=((Change(task=task.replace(priority="high"), events=(event,)), "other words"),),
            files={f"{store.layout.formats}/task-list-1.json": "{}\n"},
        )

    store.take_in(decide)


def split(store: Store) -> None:
    """An old project's first write: a file for every part of it, and a folder that moves."""
    store.change_task("030", fields.setting("priority", "high", now=AT, worker=False))


def repair(store: Store) -> None:
    """Whatever is broken is mended."""
    recovery.repair(store, {"HOME": store.layout.main})


SCENARIOS: dict[str, Callable[[Store], None]] = {
    "change": change, "feedback": feedback, "settle": settle, "add": add_task, "restore": restore,
    "phase": set_phase, "output": add_output, "move": move_task, "remove": remove_task,
    "split": split, "repair": repair, "intake": take_in,
}  # fmt: skip


class Fatal:
    """Counts the calls that change something; kills this process before or after one of them."""

    def __init__(self, fatal_step: int, report: int) -> None:
        self.left, self.report = fatal_step, report
        self.done = "nothing"

    def around(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **more: Any) -> Any:
            if name == "open" and not (words[1] & os.O_CREAT):
                return real(*words, **more)
            self.step(f"{name} {words[0]}")
            return real(*words, **more)

        return call

    def around_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        """The same for Python's own `open`, which makes its system calls unseen."""

        def call(path: Any, mode: str = "r", *words: Any, **more: Any) -> Any:
            if mode.startswith("r"):
                return real(path, mode, *words, **more)
            self.step(f"open {path}")
            return real(path, mode, *words, **more)

        return call

    def step(self, place: str) -> None:
        self.left -= 1
        if self.left == 0:
            REAL_WRITE(self.report, f"after {self.done}, before {place}".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        self.done = place


REAL_WRITE = os.write


def run_and_kill(scenario: str, folder: str, fatal_step: int) -> str:
    """Where the writer was killed, `survived` where it came to its end before that step."""
    told, report = os.pipe()
    child = os.fork()
    if child == 0:
        fatal = Fatal(fatal_step, report)
        for name in CALLS:
            setattr(os, name, fatal.around(name, getattr(os, name)))
        builtins.open = fatal.around_open(builtins.open)
        SCENARIOS[scenario](open_store(folder))
        os._exit(0)
    os.close(report)
    with os.fdopen(told, encoding="utf-8") as pipe:
        place = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status not in (0, -signal.SIGKILL):
        raise SystemExit(f"the writer ended with {status} {place}")
    return place or "survived"


def main(scenario: str, folder: str) -> None:
    """What the process does that kills, and nothing after it: it changes what it has loaded."""
    journal.MANY = int(os.environ.get("SOW_TEST_MANY", journal.MANY))
    project_types.built_in("standard")  # it loads more, which no child has to load again
    place, step = "", 0
    while place != "survived":
        step += 1
        copy = f"{folder}/{step:03d}"
        # Not by shutil, which follows links and stops at pipes.
        subprocess.run(["cp", "-a", f"{folder}/template", copy], check=True)
        place = run_and_kill(scenario, copy, step)
        print(f"{step:03d} {place}", flush=True)
