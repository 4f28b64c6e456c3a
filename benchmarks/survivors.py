"""What is left of agents that don't want to end, once sow has ended them.

Twice: `sow run` is told to stop; and `sow run` is killed, and the next one is
told to stop. Every process of the agents bears a mark of ours, so that what is
counted does not depend on what sow itself can find.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figures import Count
from benchmarks.installed import ROOT, Installed
from benchmarks.stage import Stage, stage
from benchmarks.timing import Wrong

HOSTILE = ROOT / "tests/agents/hostile.py"
MODES = {
    "implementer": "deaf",
    "reviewer": "stray",
    "planner": "daemon",
    "architect": "mute",
    "researcher": "hopper",
    "decomposer": "stopped",
}
"""By role, how its agent holds on to life: see the program."""
VARIABLE = "BENCH_MARK"
PATIENCE = 30.0
INTERRUPTED = 130


def count(folder: Path, house: Installed, quick: bool) -> Count:
    """How many processes of hostile agents outlive the run that was to end them."""
    mark = uuid.uuid4().hex
    with _nothing_left(mark):
        first, of_first = _after_a_stop(_stage(folder / "stopped", house, mark), mark)
        second, of_second = _after_a_kill(_stage(folder / "killed", house, mark), mark)
    return Count(first + second, of_first + of_second)


def _after_a_stop(made: Stage, mark: str) -> tuple[int, int]:
    """`sow run` is interrupted: (survivors, processes that were there)."""
    with _run(made) as running:
        lived = _when_all_stand(made, mark)
        running.send_signal(signal.SIGINT)
        _ended(running, made)
    return len(_marked(mark)), lived


def _after_a_kill(made: Stage, mark: str) -> tuple[int, int]:
    """`sow run` is killed, its agents live on, and the next run adopts and ends them."""
    with _run(made) as running:
        _when_all_stand(made, mark)
        running.kill()
        running.wait()
    lived = len(_marked(mark))
    if lived < len(MODES) - 1:  # the stray's parent may have ended by itself
        raise Wrong(f"only {lived} processes of {len(MODES)} agents outlived the orchestrator")
    with _run(made) as running:
        _until(lambda: _runs_begun(made) == 2, "the second run begins")
        running.send_signal(signal.SIGINT)
        _ended(running, made)
    return len(_marked(mark)), lived


def _stage(folder: Path, house: Installed, mark: str) -> Stage:
    """A project with one task for each hostile agent."""
    agents = {
        role: (house.python, "-S", "-E", str(HOSTILE), mode, str(folder / f"{mode}.ready"))
        for role, mode in MODES.items()
    }
    settings = {"environment": [VARIABLE], "grace_seconds": 0.3}
    made = stage(folder, house, executors=agents, settings=settings, variables={VARIABLE: mark})
    for role in MODES:
        if role != "implementer":  # the stage's first task is its own
            made.sow("task", "add", f"Play {MODES[role]}", "--agent", role)
    return made


@contextmanager
def _run(made: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """A `sow run`; killed at the end where it still runs. It does not bear the mark that we count by."""
    with open(made.output, "wb") as output:
        running = subprocess.Popen(
            [made.house.sow, "--quiet", "run", "--jobs", str(len(MODES))],
            cwd=made.main,
            env=made.person,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield running
    finally:
        if running.poll() is None:
            running.kill()
            running.wait()


def _ended(running: subprocess.Popen[bytes], made: Stage) -> None:
    code = running.wait(PATIENCE)
    if code != INTERRUPTED:
        said = Path(made.output).read_text("utf-8", "replace").strip()
        raise Wrong(f"the run that was interrupted ended with {code}: {said[-1500:]}")


def _when_all_stand(made: Stage, mark: str) -> int:
    """Waits until every agent has said that its tree stands; gives the processes there are then."""
    ready = [made.folder / f"{mode}.ready" for mode in MODES.values()]
    _until(lambda: all(path.exists() for path in ready), "the agents stand")
    return len(_marked(mark))


def _runs_begun(made: Stage) -> int:
    return sum(event["type"] == "run.started" for event in made.events())


def _until(true: Callable[[], bool], what: str) -> None:
    """Waits for something to become true. Raises Wrong when it takes too long."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise Wrong(f"waited {PATIENCE:.0f} s in vain until {what}")
        time.sleep(0.01)


def _marked(mark: str) -> list[int]:
    """The live processes that bear the mark and are agents, not sow: by their own environment."""
    needle = f"{VARIABLE}={mark}".encode()
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                data = file.read()
        except OSError:
            continue
        if needle in data and b"SOW_ATTEMPT_ID=" in data:
            found.append(int(name))
    return found


@contextmanager
def _nothing_left(mark: str) -> Iterator[None]:
    """Ends what sow let live, so that a bad figure leaves nothing on the machine."""
    try:
        yield
    finally:
        deadline = time.monotonic() + PATIENCE
        while (left := _marked(mark)) and time.monotonic() < deadline:
            for pid in left:
                _kill(pid, mark)


def _kill(pid: int, mark: str) -> None:
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The pid may be another's by now: what is killed is what bears the mark after the pidfd is open.
        if pid in _marked(mark):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
            select.select([fd], [], [], 1.0)
    except ProcessLookupError:
        pass
    finally:
        os.close(fd)
