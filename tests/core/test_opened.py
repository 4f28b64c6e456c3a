"""A session that somebody else has open: who counts, and what becomes of the task."""

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest
from tests.core.parts import in_status, new_task
from tests.waiting import until

from sow import opened, process
from sow.clock import seconds
from sow_executors.claude import Claude
from sow_executors.extras import Opened

T = 1_795_000_000.0


class Noting(Claude):
    """Claude with a register of the test's own."""

    def __init__(self, *noted: Opened) -> None:
        self.noted = noted

    def open_in(self, session_id: str, env: Mapping[str, str]) -> tuple[Opened, ...]:
        return self.noted


def test_only_the_very_process_that_is_noted_has_a_session_open_and_only_while_it_lives() -> None:
    me = process.me()
    with pytest.raises(opened.SessionOpen, match=rf"in process {me.pid} \(a terminal\)") as told:
        opened.check(Noting(Opened(me.pid, me.start_ticks, "a terminal")), "s", {}, "010")
    assert told.value.holder == me
    assert "sow task retry 010 --fresh" in told.value.hint
    with pytest.raises(opened.SessionOpen):
        opened.check(Noting(Opened(me.pid)), "s", {}, "010")
    opened.check(Noting(Opened(me.pid, me.start_ticks + 1)), "s", {}, "010")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        it = process.of(other.pid)
        assert it
        other.kill()
        # A zombie has nothing open any more.
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        opened.check(Noting(Opened(it.pid, it.start_ticks)), "s", {}, "010")
    opened.check(Noting(), "s", {}, "010")


NOWHERE = 7
"""A pid namespace that nobody is in."""


def test_a_process_of_elsewhere_has_a_session_open_until_nothing_was_noted_of_it_for_a_while() -> None:
    noted = Noting(Opened(1, 1, "a terminal", pid_ns=NOWHERE, noted_at=T))
    with pytest.raises(opened.SessionOpen, match="a terminal of a container or another machine") as told:
        opened.check(noted, "s", {}, "010", now=T + opened.FRESH_SECONDS - 1)
    assert told.value.holder is None
    assert "sow task retry 010 --fresh" in told.value.hint
    opened.check(noted, "s", {}, "010", now=T + opened.FRESH_SECONDS)


def test_a_process_in_a_container_that_can_be_seen_from_here_counts_while_it_lives() -> None:
    try:
        made = subprocess.Popen(["unshare", "--user", "--pid", "--fork", "--kill-child", "sleep", "60"])
    except FileNotFoundError:
        pytest.skip("there is no `unshare` here")
    with made:
        try:
            until(lambda: made.poll() is not None or process.children(made.pid))
            if made.poll() is not None:
                pytest.skip("no pid namespace can be made here")
            (inner,) = process.children(made.pid)
            it = process.of(inner)
            assert it
            space = os.stat(f"/proc/{inner}/ns/pid").st_ino
            noted = Noting(Opened(1, it.start_ticks, "another program", pid_ns=space))
            with pytest.raises(opened.SessionOpen, match=rf"in process {inner} \(another program\)"):
                opened.check(noted, "s", {}, "010", now=T)
            # Another one of that number is not meant, however fresh the note is.
            other = Opened(1, it.start_ticks + 1, pid_ns=space, noted_at=T)
            opened.check(Noting(other), "s", {}, "010", now=T)
        finally:
            made.kill()


@pytest.mark.parametrize("status", ["pending", "in_progress"])
def test_a_task_that_waits_for_its_session_keeps_it_and_says_so_once(status: str) -> None:
    task = (new_task() if status == "pending" else in_status("in_progress")).replace(session_id="s-1")
    first = opened.waiting(task, "its session is open in process 7 (a terminal)", T)
    assert [event.type for event in first.events] == ["task.retry_scheduled"]
    assert (first.task.status, first.task.session_id, first.task.attempts) == (
        "pending",
        "s-1",
        task.attempts,
    )
    assert seconds(str(first.task.not_before)) == T + opened.LOOK_SECONDS
    assert opened.is_waiting(first.task)
    assert first.task.error
    again = opened.waiting(first.task, first.task.error["message"], T + 60)
    assert again.events == ()
    assert again.task.error
    assert again.task.error["retry_count"] == 1
    other = opened.waiting(again.task, "its session is open in process 8 (a terminal)", T + 120)
    assert len(other.events) == 1
    assert opened.without_wait(other.task).not_before is None


@pytest.mark.parametrize("status", ["paused", "needs_review", "completed"])
def test_a_task_about_which_a_person_has_decided_meanwhile_does_not_wait(status: str) -> None:
    task = in_status(status)
    assert opened.waiting(task, "?", T).task == task
    assert opened.without_wait(task) == task
