"""Many runners on one workspace, some of them killed: every task runs exactly once, and comes to its end."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.taskfiles.parts import Place, ended, forked
from tests.waiting import until

from sow import lease, process
from sow.errors import Failed
from sow.process import boot_id
from sow.taskfiles import serving, task_file
from sow.taskfiles.claim import Claims
from sow.taskfiles.loader import TaskLoader
from sow.taskfiles.runner import Note

CALLS = ("open", "write", "pwrite", "fsync", "rename", "replace", "mkdir", "makedirs", "unlink", "link")
"""The system calls by which a runner changes what is on the disk."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


RUNS = "echo {stage} >> {root}/ran-{task_id}"


def ran(place: Place, task_id: str) -> list[str]:
    """The stages of a task that were begun, each time."""
    path = place.root / f"ran-{task_id}"
    return path.read_text().split() if path.exists() else []


def serve(place: Place) -> None:
    """What a runner's process does until it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: place.stop.ask("leave"))
    place.server().run(stay=True)


def at_work(place: Place, ids: list[str]) -> set[int]:
    """The processes that have a task just now."""
    found = (lease.holder(f"{place.workspace.runs(f'20260206_{each}')}/runner.lease") for each in ids)
    return {held.holder.identity.pid for held in found if held}


def test_sixteen_runners_run_every_task_exactly_once_though_some_are_killed(place: Place) -> None:
    # None comes to its end before enough of those at work are dead.
    place.shell(one=f"{RUNS}; while ! [ -e {{root}}/go ]; do sleep 0.01; done", two=RUNS)
    ids = [f"t{number:02}" for number in range(16)]
    for task_id in ids:
        place.add(task_id, ("one", "two"), output={})

    def done() -> bool:
        return all(place.task(task_id)["status"] == "done" for task_id in ids)

    runners = [forked(lambda: serve(place)) for _ in range(16)]
    killed: set[int] = set()
    try:
        while len(killed) < 5:
            until(lambda: at_work(place, ids) - killed)
            if victim := min(at_work(place, ids) - killed, default=0):
                os.kill(victim, signal.SIGKILL)
                killed.add(victim)
        (place.root / "go").touch()
        until(done)
    finally:
        for pid in runners:
            os.kill(pid, signal.SIGTERM)
        codes = {pid: ended(pid) for pid in runners}
    assert codes == {pid: -signal.SIGKILL if pid in killed else 0 for pid in runners}
    assert {task_id: ran(place, task_id) for task_id in ids} == {each: ["one", "two"] for each in ids}
    started = Counter(event["task_id"] for event in place.events("task.started"))
    assert started.keys() <= set(ids)
    assert max(started.values()) == 1
    assert sorted(os.listdir(place.folder / "tasks")) == sorted(f"20260206_{each}.task.json" for each in ids)


def test_a_claim_looks_at_its_own_file_and_not_at_all_of_them(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.shell(one="true")
    ids = [f"t{number:02}" for number in range(12)]
    for task_id in ids:
        place.add(task_id, output={})
    for name in ("MOST_REST", "SCAN", "SHARE"):
        monkeypatch.setattr(serving, name, 1e9)
    looks: list[str] = []
    look = TaskLoader._look

    def counted(loader: TaskLoader, path: str, *rest: Any) -> None:
        looks.append(path)
        look(loader, path, *rest)

    monkeypatch.setattr(TaskLoader, "_look", counted)
    assert [each.status for each in place.run()] == ["done"] * len(ids)
    # All at the beginning and at the end, some of them twice there; and each when it is claimed.
    assert len(looks) <= 5 * len(ids)


def test_what_comes_while_others_are_queued_has_its_turn_by_its_name(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_REST", 0.0)
    place.shell(one="true")
    for task_id in ("t5", "t6", "t7"):
        place.add(task_id, output={})
    begun: list[str] = []

    def watch(note: Note) -> None:
        if note.kind == "started":
            begun.append(note.task_id)
            if note.task_id == "t5":
                place.add("t1", output={})
                place.add("t9", output={})

    place.run(watch=watch)
    assert begun == ["t5", "t1", "t6", "t7", "t9"]


def another_program(place: Place) -> None:
    """A runner as the document has it, which knows nothing of ours: O_EXCL, read, write, remove."""
    tasks = place.folder / "tasks"
    took = 0
    for path in sorted(tasks.glob("*.task.json"), reverse=True):
        lock = tasks / path.name.replace(".task.json", ".lock")

        def locked(old: str, new: str, path: Path = path, lock: Path = lock) -> bool:
            try:
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return False
            task = json.loads(path.read_text())
            fits = bool(task["status"] == old)
            if fits:
                beside = path.with_suffix(".new")
                beside.write_text(json.dumps({**task, "status": new}))
                beside.rename(path)
            lock.unlink()
            return fits

        if took < 4 and locked("queued", "running"):
            took += 1
            with open(place.root / f"ran-{path.name[9:12]}", "a") as file:
                file.write("other\n")
            until(lambda locked=locked: locked("running", "done"))  # type: ignore[misc]


def test_other_programs_and_our_runners_share_the_tasks_by_their_locks(place: Place) -> None:
    place.shell(one=RUNS)
    ids = [f"t{number:02}" for number in range(20)]
    for task_id in ids:
        place.add(task_id, output={})
    others = [forked(lambda: another_program(place)) for _ in range(3)]
    until(lambda: any(ran(place, task_id) for task_id in ids))
    ours = [forked(place.run) for _ in range(3)]
    assert [ended(pid) for pid in others + ours] == [0] * 6
    place.run()  # what another program had locked just then, and given back
    assert {place.task(task_id)["status"] for task_id in ids} == {"done"}
    by = Counter(tuple(ran(place, task_id)) for task_id in ids)
    assert by.keys() == {("one",), ("other",)}, "each by one, and both kinds had their share"


def die_at(number: int) -> None:
    """Has this process killed before its `number`-th change of the disk."""
    count = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*given: object, **named: object) -> object:
            nonlocal count
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **named)

        return call

    for name in CALLS:
        setattr(os, name, counted(getattr(os, name)))


def test_a_runner_that_is_killed_anywhere_is_followed_by_one_that_completes_its_task(tmp_path: Path) -> None:
    number, died = 0, True
    while died:
        # What follows the start of a stage is a handful of kinds of step; the claim is walked in full.
        number += 1 if number < 40 else 11
        place = Place(tmp_path / str(number))
        place.shell(one=RUNS)
        path = place.add(output={}, mine=[1, 2.50])
        before = path.read_text()

        def work(place: Place = place, number: int = number) -> None:
            die_at(number)
            place.run()

        died = ended(forked(work)) == -signal.SIGKILL
        told = task_file.read(str(path)).status  # whatever the moment, it can be read
        assert told in ("queued", "running", "done")
        place.run()
        assert path.read_text() == before.replace('"queued"', '"done"'), number
        assert ran(place, "t1") == ["one"], number
        assert len(place.events("task.created")) <= 1
        assert [name for name in os.listdir(place.folder / "tasks") if name.endswith(".lock")] == [], number
    assert number > 40


def test_a_task_that_another_program_runs_is_left_alone(place: Place) -> None:
    place.shell(one=RUNS)
    path = place.add(status="running", output={})
    before = path.read_bytes()
    assert place.run() == []
    assert path.read_bytes() == before
    assert ran(place, "t1") == []


def test_a_lock_of_another_program_is_waited_for(place: Place) -> None:
    place.shell(one=RUNS)
    place.add(output={})
    lock = place.folder / "tasks/20260206_t1.lock"
    os.close(os.open(lock, os.O_CREAT | os.O_EXCL))

    def come_back() -> None:
        assert place.task()["status"] == "queued"
        lock.unlink()

    other = threading.Timer(0.1, come_back)
    other.start()
    assert [outcome.status for outcome in place.run()] == ["done"]
    other.join()


def test_what_a_dead_runner_left_of_a_canceled_task_is_ended(place: Place) -> None:
    place.shell(one="echo $$ > {root}/pid; echo progress 0.5; sleep 60")
    path = place.add(output={})
    runner = forked(place.run)
    until(lambda: (place.root / "pid").exists() and (place.root / "pid").read_text())
    os.kill(runner, signal.SIGKILL)
    ended(runner)
    stage = int((place.root / "pid").read_text())
    os.kill(stage, 0)
    path.write_text(path.read_text().replace('"running"', '"canceled"'))
    assert place.run() == []
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)
    assert place.task()["status"] == "canceled"


def test_a_task_that_is_queued_again_first_ends_what_its_dead_runner_left(place: Place) -> None:
    place.shell(one="echo $$ >> {root}/pids; [ $(wc -l < {root}/pids) = 2 ] || sleep 60")
    path = place.add(output={})
    runner = forked(place.run)
    until(lambda: (place.root / "pids").exists() and (place.root / "pids").read_text())
    os.kill(runner, signal.SIGKILL)
    ended(runner)
    path.write_text(path.read_text().replace('"running"', '"queued"'))
    assert [outcome.status for outcome in place.run()] == ["done"]
    with pytest.raises(ProcessLookupError):
        os.kill(int((place.root / "pids").read_text().split()[0]), 0)


def test_an_end_that_can_not_be_written_is_tried_again_later_and_not_at_once(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.shell(one=RUNS)
    place.add(output={})

    def full(self: Claims, *_: object) -> None:
        raise Failed("No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Claims, "end", full)
        (outcome,) = place.run()
    assert (outcome.status, place.task()["status"]) == ("left", "running")
    assert [outcome.status for outcome in place.run()] == ["done"]
    assert ran(place, "t1") == ["one"]


def test_a_claim_that_somebody_changed_is_told_and_left(place: Place) -> None:
    place.shell(one=f"{RUNS}; sleep 60")
    path = place.add(output={})
    runner = forked(place.run)
    until(lambda: ran(place, "t1"))
    os.kill(runner, signal.SIGKILL)
    ended(runner)
    claim = place.folder / "runs/20260206_t1/1/claim.json"
    whole = claim.read_text()
    claim.write_text("{}")
    assert place.run() == []
    assert place.problems()[0].startswith(f"{claim} is not what a runner wrote")
    claim.write_text(whole)
    path.write_text(path.read_text().replace('"running"', '"canceled"'))
    assert place.run() == []


def test_a_stage_that_went_down_with_its_machine_fails_and_is_not_run_again(place: Place) -> None:
    place.shell(one=f"{RUNS}; sleep 60")
    place.add(output={})
    runner = forked(place.run)
    until(lambda: ran(place, "t1"))
    os.kill(runner, signal.SIGKILL)
    ended(runner)
    (go,) = (place.folder / "runs").rglob("go")
    shell = process.of(int(go.read_text().split()[3]))
    assert shell
    os.killpg(shell.pid, signal.SIGKILL)  # the shell and its command, so that no status is left
    until(lambda: not process.alive(shell))
    assert place.run()[0].status == "failed"
    assert str(place.task()["error"]).startswith("stage one: it ended, and how is lost")
    assert ran(place, "t1") == ["one"]
    assert boot_id() in go.read_text()
    assert lease.holder(place.workspace.runs("20260206_t1") + "/runner.lease") is None
