"""A call at which a session has stopped: how a person is asked about it, and what their answer means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sow_executors import deferral, inbox
from sow_executors.deferral import OPTIONS, Verdict

HELD = {"call": "t-1", "tool": "Bash", "input": {"command": "make"}, "key": "k", "scope": "s"}


class Inbox:
    """The inbox of an attempt whose session has stopped at a call."""

    def __init__(self, folder: Path, held: object = HELD) -> None:
        self.folder = str(folder)
        Path(deferral.path(self.folder)).write_text(json.dumps(held))

    def answer(self, text: str) -> None:
        Path(deferral.answer_path(self.folder)).write_text(
            inbox.answer_text(inbox.Answer(text, "ada", "now"))
        )


@pytest.mark.parametrize(
    ("tool", "given", "asked"),
    [
        pytest.param("Bash", {"command": "make"}, "The agent asks to run: make", id="a command"),
        pytest.param(
            "Bash", {"command": "make", "description": "Only look"}, "The agent asks to run: make",
            id="an agent's words for its command are left out",
        ),
        pytest.param(
            "Bash", {"command": "make", "timeout": 5, "description": ""},
            "The agent asks to run: make\ntimeout: 5", id="all that changes what is done is shown",
        ),
        pytest.param(
            "Write", {"file_path": "/etc/motd", "content": "a\nb"},
            "The agent asks to use Write:\nfile_path: /etc/motd\ncontent: \na\nb", id="a file",
        ),
        pytest.param(
            "mcp__db__drop", {"tables": ["a"]}, 'The agent asks to use mcp__db__drop:\ntables: ["a"]',
            id="a tool that we don't know",
        ),
        pytest.param("Ring", {}, "The agent asks to use Ring:", id="a tool without input"),
    ],
)  # fmt: skip
def test_the_question(tool: str, given: dict[str, Any], asked: str) -> None:
    assert deferral.question(tool, given) == asked


def test_what_is_too_long_to_show_is_not_left_out_without_a_word() -> None:
    asked = deferral.question("Bash", {"command": "x" * 10_000})
    assert len(asked) < 8100
    assert asked.endswith("\n[and 2023 characters more, not shown here]")


@pytest.mark.parametrize(
    ("text", "allows", "words", "for_task"),
    [
        *[(text, True, "", False) for text in ("allow once", "1", "yes", "Allow", "ok")],
        *[(text, True, "", True) for text in ("allow for this task", "2", "Allow for this task")],
        *[(text, False, "", False) for text in ("deny", "3", "no", "No.")],
        ("no, ask ops first", False, "no, ask ops first", False),
        ("allow it if you must", False, "allow it if you must", False),
    ],
)
def test_an_answer(tmp_path: Path, text: str, allows: bool, words: str, for_task: bool) -> None:
    held = Inbox(tmp_path)
    held.answer(text)
    paths = (f"{tmp_path}/permission.answer", f"{tmp_path}/permission.heard")
    assert deferral.verdict(held.folder) == Verdict("t-1", "k", allows, words, *paths)
    assert deferral.granted(held.folder) == ("s" if for_task else "")
    Path(paths[0]).rename(paths[1])
    assert deferral.is_begun(held.folder)
    assert deferral.verdict(held.folder) == Verdict("t-1", "k", allows, words, *paths)


def test_without_an_answer_nothing_is_said(tmp_path: Path) -> None:
    folder = Inbox(tmp_path).folder
    asked = deferral.asked(folder)
    assert asked is not None
    assert asked.question == "The agent asks to run: make"
    assert (deferral.verdict(folder), deferral.given(folder), deferral.granted(folder)) == (None, None, "")
    assert not deferral.is_begun(folder)
    assert len(OPTIONS) == 3


@pytest.mark.parametrize("held", [[], {}, {**HELD, "key": ""}, {**HELD, "call": 7}])
def test_what_is_no_call_is_none(tmp_path: Path, held: object) -> None:
    folder = Inbox(tmp_path, held)
    folder.answer("yes")
    assert (deferral.asked(folder.folder), deferral.verdict(folder.folder)) == (None, None)
    assert deferral.granted(folder.folder) == ""
