"""What `opencode acp` is told to ask about: whatever its user allowed, and never less than they denied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow_executors import opencode_rules
from sow_executors.opencode_rules import ASKED, asking, matches

STRICT = {"allow": 0, "ask": 1, "deny": 2}

TOOLS = (*ASKED, "srv_read", "srv_drop")
THINGS = ("*", "git status", "git push", "rm", "rm -rf /", "/tmp/x")

actions = st.sampled_from(sorted(STRICT))
patterns = st.sampled_from(["*", "git *", "rm *", "rm -rf /", "/tmp/*"])
values = actions | st.dictionaries(patterns, actions, min_size=1)
keys = st.sampled_from(["*", *TOOLS, "web*", "read", "srv_*", "e*"])


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """As opencode lays one configuration over another: known keys keep their place."""
    whole = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(whole.get(key), dict)
        whole[key] = merged(whole[key], value) if both else value
    return whole


def action(permission: Mapping[str, Any], tool: str, thing: str) -> str:
    """What opencode does about a call: its default, then each rule that matches."""
    found = "ask" if tool == "external_directory" else "allow"
    for key, held in permission.items():
        for pattern, told in (held if isinstance(held, dict) else {"*": held}).items():
            if matches(tool, key) and matches(thing, pattern):
                found = told
    return found


@given(st.dictionaries(keys, values), st.sampled_from(TOOLS), st.sampled_from(THINGS))
def test_nothing_of_it_is_allowed_unasked_and_what_a_person_denied_stays_denied(
    held: dict[str, Any], tool: str, thing: str
) -> None:
    ours = json.loads(asking({"permission": held, "mcp": {"srv": {}}}))
    before, after = action(held, tool, thing), action(merged(held, ours), tool, thing)
    assert STRICT[after] == max(STRICT[before], STRICT["ask"])


@given(st.dictionaries(keys, values))
def test_what_only_looks_is_as_it_was(held: dict[str, Any]) -> None:
    ours = json.loads(asking({"permission": held}))
    for tool in ("read", "glob", "todowrite"):
        assert action(merged(held, ours), tool, "x") == action(held, tool, "x")


def test_subagents_are_shut_for_what_they_ask_reaches_nobody() -> None:
    ours = json.loads(asking({"permission": {"task": {"general": "allow"}}}))
    assert action(merged({"task": {"general": "allow"}, "*": "allow"}, ours), "task", "general") == "deny"


@pytest.mark.parametrize("configuration", [{}, {"permission": None}, {"permission": ["x"], "mcp": 7}])
def test_a_configuration_of_another_shape_asks_about_all(configuration: dict[str, Any]) -> None:
    ours = json.loads(asking(configuration))
    assert all(action(ours, tool, "x") == "ask" for tool in ASKED)


@pytest.mark.parametrize(
    ("name", "pattern", "same"),
    [
        ("git", "git *", True),
        ("git push", "git *", True),
        ("gitk", "git *", False),
        ("bash", "bas?", True),
        ("a\nb", "*", True),
        ("a.b", "a.b", True),
        ("axb", "a.b", False),
    ],
)
def test_patterns_mean_what_they_mean_to_opencode(name: str, pattern: str, same: bool) -> None:
    assert matches(name, pattern) is same


def test_the_configuration_is_asked_of_the_program_that_is_run() -> None:
    asked = opencode_rules.question(("env", "A=1", "/opt/opencode", "acp", "--print-logs"))
    assert asked == ("env", "A=1", "/opt/opencode", "debug", "config")
