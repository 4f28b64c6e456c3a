"""The rows of the table: what is measured against what, and what must be true meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import survivors
from benchmarks.figures import Figure, Ratio
from benchmarks.installed import Installed
from benchmarks.stage import NO_OP, TASK, Stage, stage, worked_on
from benchmarks.timing import Clocked, Wrong, back_to_back, clock, clock_all, once

WAITS = 5
"""The exit code of a run that left work for a person."""
JOBS = 2
TASKS, TASKS_QUICK = 999, 100
"""As many tasks as a project holds, and few."""
WRITERS, WRITERS_QUICK = 64, 16
SPAWN_LOOP = Path(__file__).parent / "programs/spawn_loop.py"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: its number in the table of goals, its name on the command line."""

    number: str
    name: str
    what: str
    yardstick: str
    goal: float
    moonshot: float
    measure: Callable[[Path, Installed, bool], Figure]
    """Measures in a fresh folder; the flag asks for few rounds. Raises Wrong."""


def version(folder: Path, house: Installed, quick: bool) -> Ratio:
    """`sow --version`, as a person calls it."""
    made = Bare(folder, house)

    def subject(number: int) -> float:
        clocked = made.clock(house.sow, "--version")
        if not clocked.output.startswith("sow "):
            raise Wrong(f"`sow --version` says {clocked.output!r}")
        return clocked.seconds

    return back_to_back(subject, made.py, 12 if quick else 40)


def usage(folder: Path, house: Installed, quick: bool) -> Ratio:
    """`sow --help`."""
    made = Bare(folder, house)

    def subject(number: int) -> float:
        clocked = made.clock(house.sow, "--help")
        if "Let agents work" not in clocked.output:
            raise Wrong(f"`sow --help` says {clocked.output[:200]!r}")
        return clocked.seconds

    return back_to_back(subject, made.py, 8 if quick else 20)


def show(folder: Path, house: Installed, quick: bool) -> Ratio:
    """`sow task show`, as a person calls it in the main checkout."""
    made = worked_on(folder, house)

    def subject(number: int) -> float:
        clocked = clock([house.sow, "task", "show", TASK], made.person, made.output)
        if "A task like many" not in clocked.output:
            raise Wrong(f"`sow task show` says {clocked.output[:200]!r}")
        return clocked.seconds

    with contextlib.chdir(made.main):
        return back_to_back(subject, _py(made), 8 if quick else 20)


def set_status(folder: Path, house: Installed, quick: bool) -> Ratio:
    """`sow task set status needs_review`, as a worker calls it; each time on a task in progress."""
    made = worked_on(folder, house)
    handed_in = made.state().read_text("utf-8")
    working = handed_in.replace("status: needs_review", "status: in_progress")

    def subject(number: int) -> float:
        made.state().write_text(working, "utf-8")
        told = len(made.events())
        clocked = clock([made.shim, "task", "set", "status", "needs_review"], made.worker, made.output)
        if "status: needs_review\n" not in made.state().read_text("utf-8"):
            raise Wrong("the state file does not say needs_review")
        if [event["type"] for event in made.events()[told:]] != ["task.needs_review"]:
            raise Wrong("the log does not tell of it, once")
        return clocked.seconds

    with contextlib.chdir(made.project):
        return back_to_back(subject, _py(made), 12 if quick else 40)


def log(folder: Path, house: Installed, quick: bool) -> Ratio:
    """`sow agent log`, as a worker calls it."""
    made = worked_on(folder, house)
    notes = made.tasks / TASK / "log.md"

    def subject(number: int) -> float:
        told = len(made.events())
        clocked = clock([made.shim, "agent", "log", f"note {number}"], made.worker, made.output)
        if not notes.read_text("utf-8").endswith(f"\n\nnote {number}\n"):
            raise Wrong("the note is not at the end of log.md")
        if [event["payload"] for event in made.events()[told:]] != [{"text": f"note {number}"}]:
            raise Wrong("the log does not tell of the note, once")
        return clocked.seconds

    with contextlib.chdir(made.project):
        return back_to_back(subject, _py(made), 12 if quick else 40)


def dispatch(folder: Path, house: Installed, quick: bool) -> Ratio:
    """`sow run` over many no-op tasks, two at a time, against a loop that only spawns them."""
    made = stage(folder, house)
    count = TASKS_QUICK if quick else TASKS

    def subject(number: int) -> float:
        made.fill(count)
        argv = [house.sow, "--quiet", "run", "--jobs", str(JOBS)]
        clocked = clock(argv, made.person, made.output, code=WAITS)
        states = [state.read_text("utf-8") for state in made.tasks.glob("*/state.yaml")]
        handed_in = sum("status: needs_review\n" in state for state in states)
        if not len(states) == handed_in == count:
            raise Wrong(f"{handed_in} of {len(states)} tasks were handed in, not {count}")
        ended = sorted(e["task_id"] for e in made.events() if e["type"] == "attempt.ended")
        if ended != [f"{n:03d}" for n in range(1, count + 1)]:
            raise Wrong(f"{len(ended)} attempts for {count} tasks: some ran twice, or never")
        return clocked.seconds

    def bare(number: int) -> float:
        attempts = folder / f"bare-{number}" / "attempts"
        for task in range(count):
            (attempts / f"{task:03d}" / "outbox").mkdir(parents=True)
        argv = [house.python, "-I", str(SPAWN_LOOP), str(attempts), str(JOBS), *NO_OP]
        clocked = clock(argv, made.person, made.output)
        if len(list(attempts.glob("*/outbox/1.json"))) != count:
            raise Wrong("the bare loop did not run every program")
        return clocked.seconds

    with contextlib.chdir(made.main):
        return back_to_back(subject, bare, 3) if quick else once(subject, bare)


def writers(folder: Path, house: Installed, quick: bool) -> Ratio:
    """Many `sow task set` on one task at the same moment, each to a field of its own."""
    made = worked_on(folder, house)
    count = WRITERS_QUICK if quick else WRITERS

    def subject(number: int) -> float:
        told = len(made.events())
        commands = [[made.shim, "task", "set", f"metadata.w{writer}", str(number)] for writer in range(count)]
        clocked = clock_all(commands, made.worker, made.output)
        held = made.task()["metadata"]
        kept = sum(held.get(f"w{writer}") == number for writer in range(count))
        if kept != count:
            raise Wrong(f"{count - kept} of {count} writes were lost")
        if len(made.events()) - told != count:
            raise Wrong(f"the log tells of {len(made.events()) - told} of {count} writes")
        return clocked.seconds

    def at_once(number: int) -> float:
        return clock_all([[house.python, "-c", "pass"]] * count, made.worker, made.output).seconds

    with contextlib.chdir(made.project):
        return back_to_back(subject, at_once, 6)


ROWS = (
    Row("1", "version", "sow --version", "py", 1.25, 0.8, version),
    Row("2", "set", "sow task set, in a worker", "py", 1.5, 1.15, set_status),
    Row("2", "log", "sow agent log, in a worker", "py", 1.5, 1.15, log),
    Row("2b", "help", "sow --help", "py", 5, 3, usage),
    Row("2b", "show", "sow task show", "py", 5, 3, show),
    Row("4", "dispatch", "sow run, no-op tasks", "bare spawn loop", 7, 2, dispatch),
    Row("7", "writers", "writers on one task, none lost", "as many py at once", 1.5, 1.25, writers),
    Row("11", "survivors", "survivors of hostile agents", "", 0, 0, survivors.count),
)


def chosen(names: tuple[str, ...]) -> list[Row]:
    """The rows of those names or numbers, all for none. Raises KeyError for an unknown one."""
    known = {word for row in ROWS for word in (row.number, row.name)}
    for name in names:
        if name not in known:
            raise KeyError(name)
    return [row for row in ROWS if not names or row.number in names or row.name in names]


@dataclass(frozen=True, slots=True)
class Bare:
    """No repository at all: for what needs none."""

    folder: Path
    house: Installed

    def clock(self, *argv: str) -> Clocked:
        env = {"PATH": os.defpath, "HOME": str(self.folder), "LANG": "C.UTF-8"}
        return clock(argv, env, str(self.folder / "output"))

    def py(self, number: int) -> float:
        return self.clock(self.house.python, "-c", "pass").seconds


def _py(made: Stage) -> Callable[[int], float]:
    """The yardstick py, in the environment of the subject."""

    def clocked(number: int) -> float:
        return clock([made.house.python, "-c", "pass"], made.worker, made.output).seconds

    return clocked
