"""Many processes at the door at once: nothing is lost, no id is given twice, every event has its number."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from tests.core.parts import add, events, new_store, temporary
from tests.forked import code_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
WRITERS = 8
EACH = 12

WRITER = """
import sys, time
from tests.core.parts import add, open_store
from sow.change import Change
from sow import fields
from sow.clock import stamp
folder, me, each = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = open_store(folder, clock=time.time)
print("ready", flush=True)
sys.stdin.readline()
mine = []
for n in range(each):
    mine.append(add(store, name=f"{me}-{n}").id)
    store.change_task("010", fields.setting(f"metadata.w{me}.n{n}", str(n), now=store.now(), worker=False))
    store.change_task("010", lambda task: Change(task=task.replace(metadata={
        **task.metadata, "count": task.metadata.get("count", 0) + 1})))
    store.append_log(store.task("010"), f"{me}-{n}", by="writer")
print(" ".join(mine))
"""


def writers(folder: Path) -> list[subprocess.Popen[str]]:
    """Processes that begin together once each is told to."""
    path = [ROOT / "orchestrator", ROOT / "executors", ROOT / "schemas", ROOT]
    environment = {**os.environ, "HOME": str(folder), "PYTHONPATH": os.pathsep.join(map(str, path))}
    return [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(number), str(EACH)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=code_of(WRITER, [str(folder), str(number), str(EACH)], environment),
        )
        for number in range(WRITERS)
    ]


def test_eight_processes_add_and_change_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    add(store)
    started = writers(tmp_path)
    try:
        for writer in started:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        for writer in started:
            assert writer.stdin is not None
            writer.stdin.write("go\n")
            writer.stdin.flush()
        given = [writer.communicate(timeout=120)[0].split() for writer in started]
        assert [writer.returncode for writer in started] == [0] * WRITERS
    finally:
        for writer in started:
            writer.kill()
            writer.wait()

    ids = [task_id for mine in given for task_id in mine]
    assert len(set(ids)) == len(ids) == WRITERS * EACH
    held = store.tasks()
    assert held.broken == ()
    assert {task.id: task.name for task in held.tasks if task.id != "010"} == {
        task_id: f"{number}-{n}" for number, mine in enumerate(given) for n, task_id in enumerate(mine)
    }
    metadata = dict(store.task("010").metadata or {})
    assert metadata.pop("count") == WRITERS * EACH
    assert metadata == {f"w{w}": {f"n{n}": n for n in range(EACH)} for w in range(WRITERS)}
    log = Path(store.layout.task("implementation", "010"), "log.md").read_text()
    assert all(log.count(f"\n{w}-{n}\n") == 1 for w in range(WRITERS) for n in range(EACH))

    counts = defaultdict(list)
    for event in events(store):
        counts[event["task_id"]].append(event["seq"])
    assert counts["010"] == list(range(1, WRITERS * EACH + 2)), "in the order of the log, without a gap"
    assert all(counts[task_id] == [1] for task_id in ids)
    assert temporary(store) == []


ADDER = """
import sys
from tests.core.parts import open_store
from sow import attaching
from sow.artifacts import Add, Set, Shelf
shelf = Shelf(of="outputs", phase="review")
store = open_store(sys.argv[1])
for n in range(int(sys.argv[3])):
    done = attaching.change(store, shelf, Add(type="review", path=f"{sys.argv[2]}-{n}.md"))
    attaching.change(store, shelf, Set(index=done.index, field="metadata.by", value=sys.argv[2], text=True))
"""


def test_artifacts_that_many_processes_add_to_one_phase_are_all_there_once(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    path = [ROOT / "orchestrator", ROOT / "executors", ROOT / "schemas", ROOT]
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(map(str, path))}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ADDER, str(tmp_path), str(number), "5"],
            env=environment,
            preexec_fn=code_of(ADDER, [str(tmp_path), str(number), "5"], environment),
        )
        for number in range(WRITERS)
    ]
    assert [process.wait(timeout=120) for process in started] == [0] * WRITERS
    held = store.phase("review")["outputs"]
    assert sorted(one["path"] for one in held) == sorted(
        f"{number}-{n}.md" for number in range(WRITERS) for n in range(5)
    )
    assert all(one["metadata"] == {"by": one["path"].split("-")[0], "iteration": 1} for one in held)
    counts = [event["seq"] for event in events(store)]
    assert counts == list(range(1, WRITERS * 5 * 2 + 1))


def test_changes_of_one_field_by_processes_that_come_and_go(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    add(store, metadata={"n": 0})
    once = "import sys; from tests.core.parts import *; s = open_store(sys.argv[1]); " + (
        "s.change_task('010', lambda t: Change(task=t.replace(metadata={'n': t.metadata['n'] + 1})))"
    )
    path = [ROOT / "orchestrator", ROOT / "executors", ROOT / "schemas", ROOT]
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, "-c", once, str(tmp_path)]
    become = code_of(once, [str(tmp_path)], environment)
    for _ in range(3):
        running = [subprocess.Popen(command, env=environment, preexec_fn=become) for _ in range(8)]
        assert [process.wait(timeout=120) for process in running] == [0] * 8
    assert json.dumps(store.task("010").metadata) == '{"n": 24}'
