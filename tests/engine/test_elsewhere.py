"""On another system than Linux: what does not hold there is said, and never by a traceback."""

from pathlib import Path

import pytest
from tests.engine.stage import Stage, work

ELSEWHERE = """
import builtins, os, sys
sys.platform = "darwin"
for name in ("pidfd_open", "pipe2"):
    delattr(os, name)
def without_proc(call):
    def called(path, *given, **named):
        if str(path).startswith("/proc"):
            raise FileNotFoundError(2, "No such file or directory", path)
        return call(path, *given, **named)
    return called
builtins.open, os.stat, os.listdir = map(without_proc, (builtins.open, os.stat, os.listdir))
"""
"""What is missing elsewhere, as far as it can be played here."""


@pytest.fixture
def elsewhere(stage: Stage) -> Stage:
    stage.prelude = ELSEWHERE
    return stage


def test_what_needs_processes_is_refused_elsewhere_and_what_only_reads_is_not(elsewhere: Stage) -> None:
    task_id = elsewhere.add(work("a.txt"))
    state = Path(elsewhere.layout.task(elsewhere.task(task_id).phase, task_id), "state.yaml")
    before = state.read_bytes()
    for words in (
        ["run"],
        ["agent", "spawn", task_id],
        ["task", "retry", task_id],
        ["executor", "check", "script"],
    ):
        done = elsewhere.sow(*words)
        assert (done.code, done.output.count("\n")) == (4, 2), done
        assert done.output.startswith("sow: this needs Linux, whose kernel"), done
        assert (
            "and this is darwin\n     use sow in a virtual machine or a container with Linux" in done.output
        )
    for words in (["status"], ["review"], ["task", "show", task_id], ["validate"]):
        assert elsewhere.sow(*words).code == 0
    assert state.read_bytes() == before


def test_the_doctor_says_that_it_needs_linux(elsewhere: Stage) -> None:
    done = elsewhere.sow("doctor")
    assert (done.code, "Traceback" in done.output) == (1, False)
    assert "sow needs Linux" in done.output
