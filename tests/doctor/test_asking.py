"""A program that is asked answers or does not, and nothing of it is left in either case."""

import os
import threading
import time
from pathlib import Path

import pytest

from sow.doctor.asking import MARK, Asker, Silent
from sow.errors import Failed
from sow.git import alive
from sow_executors.base import Command
from sow_executors.extras import Answer

ENV = {"PATH": os.defpath}


def asked(script: str, seconds: float = 20.0, **env: str) -> Answer:
    return Asker().ask(Command(("/bin/sh", "-c", script), "/", env=env), ENV, seconds)


def bearing(name: str) -> list[int]:
    """The processes that a script of a test started: those that have its name in their environment."""
    return alive.bearing("ASKED_BY", name)


def test_both_streams_and_the_exit_code_are_the_answer() -> None:
    assert asked("echo 1.2.3; echo warning >&2; exit 3") == Answer("1.2.3\n", "warning\n", 3)


def test_it_has_its_own_variables_no_input_no_terminal_and_its_folder(tmp_path: Path) -> None:
    script = 'cat; tty; (: </dev/tty) 2>/dev/null && echo terminal; echo "$OWN $OTHER"; pwd'
    command = Command(("/bin/sh", "-c", script), str(tmp_path), env={"OWN": "own"})
    answer = Asker().ask(command, {**ENV, "OWN": "outer", "OTHER": "other"}, 20.0)
    assert answer.out.splitlines() == ["not a tty", "own other", str(tmp_path)]


def test_one_that_does_not_answer_is_ended_with_all_that_it_started() -> None:
    begin = time.monotonic()
    with pytest.raises(Silent, match=r"gave no answer within 0\.3 s"):
        asked("trap '' TERM; sleep 60 & setsid sleep 60 & sleep 60", 0.3, ASKED_BY="silent")
    assert time.monotonic() - begin < 50
    assert bearing("silent") == []


def test_a_child_that_holds_its_output_open_is_not_waited_for() -> None:
    begin = time.monotonic()
    assert asked("echo 1.2.3; setsid sleep 60 &", ASKED_BY="child").out == "1.2.3\n"
    assert time.monotonic() - begin < 50
    assert bearing("child") == []


def test_of_endless_output_only_the_first_part_is_kept() -> None:
    answer = asked("head -c 3000000 /dev/zero | tr '\\0' x; echo end >&2")
    assert (len(answer.out), answer.err) == (64 * 1024, "end\n")
    with pytest.raises(Silent):
        asked("yes", 0.3)


def test_what_is_no_text_is_no_obstacle() -> None:
    assert asked("printf 'a\\377b'").out == "a\ufffdb"


@pytest.mark.parametrize("program", ["/nowhere/agent", "/etc/passwd", "/"])
def test_what_can_not_be_started_is_told(program: str) -> None:
    with pytest.raises(Failed, match=f"{program} can't be started: "):
        Asker().ask(Command((program, "--version"), "/"), ENV, 5.0)


def test_whoever_is_interrupted_ends_all_that_is_asked_and_nothing_more_is() -> None:
    asker = Asker()
    command = Command(("/bin/sh", "-c", "sleep 60; echo late"), "/", env={"ASKED_BY": "ended"})
    answers: list[Answer] = []
    asking = [
        threading.Thread(target=lambda: answers.append(asker.ask(command, ENV, 60.0))) for _ in range(3)
    ]
    for one in asking:
        one.start()
    # A shell and its command, of each.
    while len(bearing("ended")) < 6:
        pass
    asker.end()
    for one in asking:
        one.join(120)
    assert [answer.out for answer in answers] == ["", "", ""]
    assert bearing("ended") == []
    with pytest.raises(Failed, match="was not asked any more"):
        asker.ask(command, ENV, 60.0)


def test_the_mark_is_another_one_each_time() -> None:
    asker = Asker()
    command = Command(("/bin/sh", "-c", f"echo ${MARK}"), "/")
    assert len({asker.ask(command, ENV, 20.0).out for _ in range(3)}) == 3
