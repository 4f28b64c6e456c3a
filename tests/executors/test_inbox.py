"""The inbox of an attempt: who waits is told by a lock, and an answer is heard once."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sow_executors import inbox
from sow_executors.inbox import Answer, Asking, Question

QUESTION = Question("q-1", "Which?", ("red", "blue"), "permission")
TEXT = st.text(st.characters(codec="utf-8"))


def put(folder: Path, answer: Answer, name: str = "q-1") -> None:
    Path(inbox.answer_path(str(folder), name)).write_text(inbox.answer_text(answer))


def test_a_question_waits_until_it_is_answered_and_the_answer_is_heard_once(tmp_path: Path) -> None:
    folder = str(tmp_path / "inbox")
    asking = Asking(folder, QUESTION)
    assert (inbox.waiting(folder), inbox.left(folder), asking.answer()) == ([QUESTION], [], None)
    put(Path(folder), Answer("red", "ada", "2026-11-25T12:00:00Z"))
    # It has its answer: nobody else is to give one.
    assert (inbox.waiting(folder), inbox.is_heard(folder, "2026-11-25T12:00:00Z")) == ([], False)
    assert asking.answer() == Answer("red", "ada", "2026-11-25T12:00:00Z")
    assert (asking.answer(), inbox.is_heard(folder, "2026-11-25T12:00:00Z")) == (None, True)
    assert asking.close() is None
    assert (inbox.waiting(folder), inbox.left(folder)) == ([], [])


def test_an_answer_at_the_last_moment_is_heard(tmp_path: Path) -> None:
    asking = Asking(str(tmp_path), QUESTION)
    put(tmp_path, Answer("red"))
    assert asking.close() == Answer("red")


def test_a_question_that_nobody_waits_for_is_left(tmp_path: Path) -> None:
    Asking(str(tmp_path), QUESTION).leave()
    assert (inbox.waiting(str(tmp_path)), [each.text for each in inbox.left(str(tmp_path))]) == (
        [],
        ["Which?"],
    )


def test_a_question_goes_with_its_process_and_not_with_a_look_at_it(tmp_path: Path) -> None:
    program = (
        f"import sys; sys.path.append({os.path.dirname(os.path.dirname(inbox.__file__))!r})\n"
        "from sow_executors.inbox import Asking, Question\n"
        f"asking = Asking({str(tmp_path)!r}, Question('q-1', 'Which?'))\nprint('asked', flush=True)\ninput()"
    )
    asker = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert asker.stdout
    assert asker.stdout.readline() == "asked\n"
    assert [len(inbox.waiting(str(tmp_path))) for _ in range(3)] == [1, 1, 1]
    asker.kill()
    asker.wait()
    asker.stdout.close()
    assert (inbox.waiting(str(tmp_path)), [each.text for each in inbox.left(str(tmp_path))]) == (
        [],
        ["Which?"],
    )


def test_an_inbox_that_is_not_there_is_empty(tmp_path: Path) -> None:
    nowhere = str(tmp_path / "nowhere")
    assert (inbox.waiting(nowhere), inbox.left(nowhere), inbox.is_heard(nowhere, "x")) == ([], [], False)


@pytest.mark.parametrize("suffix", [".question", ".answer", ".heard"])
def test_whatever_an_agent_puts_there_keeps_nobody_waiting(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"a{suffix}")
    (tmp_path / f"b{suffix}").mkdir()
    (tmp_path / f"c{suffix}").symlink_to("/etc/passwd")
    (tmp_path / f"d{suffix}").write_bytes(b'{"text": [1], "options": "no", \xff')
    (tmp_path / f"e{suffix}").write_text('{"text": 7, "options": {"a": 1}, "at": null}')
    (tmp_path / f"f{suffix}").symlink_to("nowhere")
    folder = str(tmp_path)
    assert (inbox.waiting(folder), inbox.is_heard(folder, "2026")) == ([], False)
    assert {each.text for each in inbox.left(folder)} <= {""}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXT, options=st.lists(TEXT, max_size=3), by=TEXT, refuses=st.booleans())
def test_what_is_asked_and_answered_is_what_was_said(
    tmp_path: Path, text: str, options: list[str], by: str, refuses: bool
) -> None:
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    question = Question("q", text, tuple(options))
    asking = Asking(str(folder), question)
    assert inbox.waiting(str(folder)) == [question]
    put(folder, Answer(text, by, "now", refuses), "q")
    assert asking.close() == Answer(text, by, "now", refuses)
