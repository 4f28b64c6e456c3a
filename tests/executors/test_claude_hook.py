"""The hook that Claude Code runs at its tool calls: a table of what becomes of each, and the program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow_executors import claude_hook
from sow_executors.claude_hook import AGAIN, CUT_OFF, LEFT, NOT_FROM_HERE, ONE_AT_A_TIME, REFUSED
from sow_executors.claude_permissions import HOOK

PUSH = {"command": "git push", "description": "Push it"}
KEY = claude_hook.key("Bash", PUSH)
YES = {"call": "t-1", "key": KEY, "allows": True, "words": "", "again": False}
NO = {**YES, "allows": False, "words": "They say: later"}
ALLOWED, REFUSED_WITH = {"answered": YES}, {"answered": NO}
ALLOWED_AGAIN, REFUSED_AGAIN = {"answered": {**YES, "again": True}}, {"answered": {**NO, "again": True}}
GRANTED = {"granted": [claude_hook.scope("Bash", PUSH)]}


def event(kind: str = "PreToolUse", call: str = "t-1", tool: str = "Bash", **given: Any) -> dict[str, Any]:
    return {"hook_event_name": kind, "tool_name": tool, "tool_use_id": call, "tool_input": {**PUSH, **given}}


WITHIN = {"agent_id": "a-1"}


@pytest.mark.parametrize(
    ("asked", "plan", "tried", "becomes"),
    [
        pytest.param(event(), {}, [], ("", ""), id="a call that nobody knows is for Claude to decide"),
        pytest.param(event("PermissionRequest"), {}, [], ("again", AGAIN), id="what it does not allow"),
        pytest.param(event("PermissionRequest"), {}, [KEY], ("again", AGAIN), id="and once more"),
        pytest.param(event(), {}, [KEY], ("defer", ""), id="made again, it is put to a person"),
        pytest.param(
            event(description="Really push"),
            {},
            [KEY],
            ("defer", ""),
            id="in other words, it is the same call",
        ),
        pytest.param(event(command="git push -f"), {}, [KEY], ("", ""), id="another command is another call"),
        pytest.param(event(timeout=5), {}, [KEY], ("", ""), id="and so is one with more to it"),
        pytest.param(event(tool="Task"), {}, [KEY], ("", ""), id="and that of another tool"),
        pytest.param(
            {**event("PermissionRequest"), **WITHIN},
            {},
            [],
            ("deny", NOT_FROM_HERE),
            id="subagents can't ask",
        ),
        pytest.param({**event(), **WITHIN}, {}, [KEY], ("", ""), id="nor does a session stop in one"),
        pytest.param(event(), ALLOWED, [], ("begin", ""), id="an allowed call runs"),
        pytest.param(event(), ALLOWED_AGAIN, [], ("deny", LEFT), id="one that is gone does not"),
        pytest.param(event(call="t-2"), ALLOWED_AGAIN, [], ("begin", ""), id="but the next one like it"),
        pytest.param(
            event(call="t-2", command="make"), ALLOWED_AGAIN, [], ("", ""), id="and none that is another call"
        ),
        pytest.param(
            event(call="t-2"),
            REFUSED_AGAIN,
            [KEY],
            ("refuse", f"{REFUSED} They say: later"),
            id="nor is a person asked again about what they did not allow",
        ),
        pytest.param(
            event(call="t-2"), ALLOWED, [], ("", ""), id="the next one like it is for Claude to decide"
        ),
        pytest.param(event(call="t-2"), ALLOWED, [KEY], ("defer", ""), id="and is asked about anew"),
        pytest.param(
            event(command="rm -r ."), ALLOWED, [], ("", ""), id="with another input it is not allowed"
        ),
        pytest.param(
            event(),
            REFUSED_WITH,
            [KEY],
            ("refuse", f"{REFUSED} They say: later"),
            id="a no, with the words to it",
        ),
        pytest.param(
            event(call="t-9"), GRANTED, [], ("allow", ""), id="allowed for the task, it runs unasked"
        ),
        pytest.param({**event(), **WITHIN}, GRANTED, [], ("allow", ""), id="in a subagent, too"),
        pytest.param(event(command="git pull"), GRANTED, [], ("", ""), id="and no other command does"),
        pytest.param({"hook_event_name": "PreToolUse"}, GRANTED, [], ("", ""), id="an event without a call"),
    ],
)
def test_what_becomes_of_a_call(
    asked: dict[str, Any], plan: dict[str, Any], tried: list[str], becomes: tuple[str, str]
) -> None:
    assert claude_hook.decide(asked, plan, tried) == becomes


@pytest.mark.parametrize(
    ("one", "other", "are_alike"),
    [
        pytest.param(("Write", "/a", "x"), ("Edit", "/a", "y"), True, id="two edits of one file"),
        pytest.param(("Write", "/a", "x"), ("Write", "/b", "x"), False, id="two files"),
        pytest.param(("Write", "/a", "x"), ("Read", "/a", "x"), False, id="an edit and a look"),
        pytest.param(("mcp__a", "/a", "x"), ("mcp__a", "/a", "y"), False, id="a tool that we don't know"),
    ],
)
def test_what_is_allowed_together(
    one: tuple[str, str, str], other: tuple[str, str, str], are_alike: bool
) -> None:
    first, second = (
        claude_hook.scope(t, {"file_path": path, "content": held}) for t, path, held in (one, other)
    )
    assert (first == second) is are_alike


INPUTS = st.fixed_dictionaries(
    {"command": st.sampled_from(["git push", "git push ", "git  push", "git push -f"])},
    optional={"description": st.text(max_size=3), "timeout": st.integers(0, 1)},
)


@given(
    st.sampled_from(["Bash", "bash", "Write"]),
    INPUTS,
    st.sampled_from(["t-1", "t-2", ""]),
    st.sampled_from([ALLOWED, GRANTED, REFUSED_WITH, {}]),
    st.booleans(),
)
def test_nothing_runs_but_what_a_person_allowed(
    tool: str, given: dict[str, Any], call: str, plan: dict[str, Any], is_tried: bool
) -> None:
    asked = {"hook_event_name": "PreToolUse", "tool_name": tool, "tool_input": given, "tool_use_id": call}
    what, _ = claude_hook.decide(asked, plan, [KEY] if is_tried else [])
    is_push = tool == "Bash" and given["command"] == "git push" and "timeout" not in given
    assert (what == "allow") is (is_push and plan is GRANTED)
    assert (what == "begin") is (is_push and plan is ALLOWED and call == "t-1")


class Hook:
    """The program, with the folder of an attempt."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.plan: dict[str, Any] = {"tried": f"{folder}/tried", "deferred": f"{folder}/deferred"}

    def answered(self, plan: dict[str, Any]) -> None:
        paths = {name: str(self.folder / name) for name in ("answer", "heard")}
        self.plan["answered"] = {**plan["answered"], **paths}
        (self.folder / "answer").write_text("{}")

    def run(self, asked: object) -> tuple[str, str]:
        """What it answers, and with which words."""
        (self.folder / "plan.json").write_text(json.dumps(self.plan))
        argv = [sys.executable, "-I", "-S", HOOK, str(self.folder / "plan.json")]
        ran = subprocess.run(argv, input=json.dumps(asked), capture_output=True, text=True, check=False)
        if ran.returncode or not ran.stdout:
            return "", ""
        told = json.loads(ran.stdout)["hookSpecificOutput"]
        if "decision" in told:
            return told["decision"]["behavior"], told["decision"]["message"]
        return told["permissionDecision"], told["permissionDecisionReason"]


@pytest.fixture
def hook(tmp_path: Path) -> Hook:
    return Hook(tmp_path)


def test_a_call_is_denied_then_put_off_and_the_next_one_told_to_wait(hook: Hook) -> None:
    assert hook.run(event("PermissionRequest")) == ("deny", AGAIN)
    assert hook.run(event("PermissionRequest", command="make")) == ("deny", AGAIN)
    assert hook.run(event(call="t-3")) == ("defer", "")
    assert hook.run(event(call="t-4", command="make")) == ("deny", ONE_AT_A_TIME)
    held = json.loads((hook.folder / "deferred").read_text())
    assert (held["call"], held["tool"], held["input"], held["key"]) == ("t-3", "Bash", PUSH, KEY)
    assert {path.name for path in hook.folder.iterdir()} == {"plan.json", "tried", "deferred"}


def test_where_claude_does_not_stop_the_call_may_be_asked_for_again(hook: Hook) -> None:
    hook.run(event("PermissionRequest"))
    assert hook.run(event(call="t-2")) == ("defer", "")
    assert hook.run(event("PermissionRequest", command="make")) == ("deny", AGAIN)
    assert hook.run(event(call="t-3")) == ("deny", ONE_AT_A_TIME)
    assert hook.run(event("PermissionRequest")) == ("deny", AGAIN)
    assert hook.run(event(call="t-4")) == ("defer", "")


def test_an_allowed_call_is_begun_once_and_a_no_is_a_no_as_often_as_it_is_heard(hook: Hook) -> None:
    hook.answered(ALLOWED)
    assert hook.run(event()) == ("allow", "")
    assert (hook.folder / "heard").exists()
    assert hook.run(event()) == ("deny", CUT_OFF)
    assert hook.run(event(call="t-2")) == ("", "")
    hook.answered(REFUSED_WITH)
    assert [hook.run(event()) for _ in range(2)] == [("deny", f"{REFUSED} They say: later")] * 2


def test_what_is_allowed_for_the_next_call_is_allowed_for_one(hook: Hook) -> None:
    hook.answered(ALLOWED_AGAIN)
    assert [hook.run(event(call=call)) for call in ("t-1", "t-2", "t-3")] == [
        ("deny", LEFT), ("allow", ""), ("", ""),
    ]  # fmt: skip


def test_what_is_allowed_for_the_task_stays_so_when_its_first_call_is_begun(hook: Hook) -> None:
    hook.answered(ALLOWED)
    hook.plan |= GRANTED
    assert [hook.run(event(call=call)) for call in ("t-1", "t-2", "t-2")] == [("allow", "")] * 3


@pytest.mark.parametrize("plan", ["", "[]", "{}", '{"answered": {"call": "t-1"}}'])
def test_a_plan_that_is_broken_allows_nothing(hook: Hook, plan: str) -> None:
    (hook.folder / "plan.json").write_text(plan)
    argv = [sys.executable, "-I", "-S", HOOK, str(hook.folder / "plan.json")]
    ran = subprocess.run(argv, input=json.dumps(event()), capture_output=True, text=True, check=False)
    assert "allow" not in ran.stdout
    assert ran.returncode != 2, "this code would be a denial, with a traceback for its reason"
