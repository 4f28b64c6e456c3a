"""What is run before the command of an attempt: it has to end well, and a stop ends it, too."""

import os
import random
import signal
from pathlib import Path

import pytest
from tests.runner.parts import Attempts, python
from tests.runner.test_terminal import attached
from tests.waiting import until

from sow import outfit, process
from sow.runner import attempt as folders
from sow.runner.attempt import Exit
from sow.runner.local import Ended, Running
from sow_executors.base import Command


def start(attempts: Attempts, setup: str, *argv: str) -> Running:
    name, folder = attempts.new()
    argv = argv or ("sh", "-c", "echo agent >>ran")
    command = Command(argv, str(attempts.work), files={f"{folder}/setup": setup})
    return attempts.runner.start(command, name, folder, {"GIVEN": "it"})


def test_it_runs_first_where_and_with_what_the_command_does(attempts: Attempts) -> None:
    running = start(attempts, "echo $GIVEN $SOW_ATTEMPT_ID; echo err >&2; pwd; cat; echo setup >>ran; exit 0")
    attempts.done(running)
    assert attempts.runner.exit_status(running.folder) == Exit(code=0)
    assert (attempts.work / "ran").read_text() == "setup\nagent\n"
    expected = f"it {running.attempt}\nerr\n{attempts.work}\n"
    assert attempts.text(running, "setup.log") == expected
    assert attempts.text(running) == ""
    assert (folders.setup_status(running.folder), folders.is_setting_up(running.folder)) == (0, False)


def test_one_that_came_to_its_end_before_it_was_told_to_was_not_too_slow(tmp_path: Path) -> None:
    (tmp_path / "setup").touch()
    (tmp_path / "setup.at").write_text("make it\n")
    note = outfit.overdue_note(1.5)
    late = outfit.overdue(note, str(tmp_path))
    assert str(late) == "`make it` was still at work after 1.5 s, the most by `worktree.setup_seconds`"
    assert outfit.overdue("person", str(tmp_path)) is None
    (tmp_path / "setup.exit").write_text("0\n")
    assert outfit.overdue(note, str(tmp_path)) is None


def test_where_it_fails_the_command_is_not_run(attempts: Attempts) -> None:
    running = start(attempts, "exit 3")
    attempts.done(running)
    assert attempts.runner.exit_status(running.folder) == Exit(code=3)
    assert not (attempts.work / "ran").exists()
    assert (folders.setup_status(running.folder), folders.is_setting_up(running.folder)) == (3, True)


@pytest.mark.parametrize(
    "deaf", ["", "trap 'exit 0' TERM; ", "trap : TERM; "], ids=["by default", "well", "when it likes"]
)
def test_a_stop_ends_it_and_the_command_is_not_run(attempts: Attempts, deaf: str) -> None:
    running = start(attempts, f"{deaf}touch up; n=0; while [ $n -lt 40 ]; do sleep 0.05; n=$((n+1)); done")
    until(lambda: (attempts.work / "up").exists())
    assert folders.is_setting_up(running.folder)
    left = attempts.runner.stop(running, grace=20)
    assert left == Exit(signal=signal.SIGTERM)
    assert not (attempts.work / "ran").exists()
    assert process.marked(running.attempt) == []


def test_stopped_at_any_moment_nothing_waits_out_the_grace(attempts: Attempts) -> None:
    chance = random.Random(2)
    for _ in range(30):
        running = start(attempts, "exit 0", "sleep", "60")
        for _ in range(chance.randrange(200_000)):
            pass
        left = attempts.runner.stop(running, grace=20)
        assert left is None or left.signal != signal.SIGKILL


STARTER = """
import os, signal, sys
from sow.runner.local import LocalRunner
from sow_executors.base import Command
name, folder, work = sys.argv[1:]
setup = "touch up; while ! [ -e end ]; do sleep 0.01; done"
command = Command(("sh", "-c", "echo agent >>ran"), work, files={f"{folder}/setup": setup})
LocalRunner().start(command, name, folder, {})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_it_goes_on_when_its_starter_is_killed(attempts: Attempts) -> None:
    name, folder = attempts.new()
    python(STARTER, name, folder, str(attempts.work)).communicate()
    until(lambda: (attempts.work / "up").exists())
    running = attempts.runner.adopt(folder)
    assert isinstance(running, Running)
    (attempts.work / "end").touch()
    attempts.done(running)
    assert attempts.runner.adopt(folder) == Ended(name, folder, Exit(code=0))
    assert (attempts.work / "ran").read_text() == "agent\n"


def test_on_a_terminal_it_is_seen_and_may_ask(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    name, folder = attempts.new()
    os.makedirs(folder)
    Path(folder, "setup").write_text("printf 'which? '; read answer; echo you said $answer")
    monkeypatch.setattr(attempts, "new", lambda: (name, folder))
    with attached(attempts, "sh", "-c", "echo agent") as (child, _, _):
        child.expect_exact("which? ")
        child.sendline("this")
        child.expect_exact("you said this")
        child.expect_exact("agent")
        child.expect_exact("left 0 None")
    assert "you said this" in Path(folder, "terminal.log").read_text()
    assert folders.setup_status(folder) == 0
