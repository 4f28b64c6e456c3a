"""What an ACP agent may do unasked: held against a real shell and a real file system."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sow_executors import acp_rules
from sow_executors.acp_rules import Rules

RULES = Rules(folder="/tree", commands=("sow", "make check", "npm test && npm run lint"))


def runs(command: object) -> dict[str, Any]:
    return {"kind": "execute", "rawInput": {"command": command}}


@pytest.mark.parametrize(
    "command",
    [
        "sow task set status needs_review",
        "  sow agent log 'it; works & $(well)'",
        'sow task ask "Which?" --option a && make check',
        "sow a 2>&1 | sow b",
        "make check >/dev/null",
        "make check -j2",
        "sow a\nsow b",
        "npm test && npm run lint",
        ["bash", "-lc", "sow task show"],
        ["sow", "agent", "log", "a; b"],
    ],
)
def test_a_command_that_is_named_is_allowed(command: object) -> None:
    assert acp_rules.against(runs(command), RULES) == ""


@pytest.mark.parametrize(
    "command",
    [
        "",
        "rm -rf x",
        "make",
        "make checkers",
        "sower",
        "sow; evil",
        "sow && evil",
        "sow | evil",
        "evil | sow",
        "sow & evil",
        "sow\nevil",
        "sow $(evil)",
        "sow `evil`",
        'sow "$(evil)"',
        "sow > file",
        "sow < file",
        "sow <(evil)",
        "PATH=. sow",
        "X=$(evil) sow",
        "(evil)",
        "sow # it's\nevil 'x'",
        "sow2>&1",
        "npm run lint",
        ["evil"],
        ["bash", "-c", "sow; evil"],
        ["bash", "-c", "evil", "sow"],
        {"a": "sow"},
    ],
)
def test_any_other_command_is_not(command: object) -> None:
    assert acp_rules.against(runs(command), RULES)


JOINING = r"""; & && | || ' " \ # $ ( ) < > { } ! * ~ = 2>&1 >/dev/null"""
PIECES = st.sampled_from(
    [*JOINING.split(), *"\n\t\r   ", "sow", "evil", "$(evil)", "`evil`", "if", "then", "x"]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(PIECES, min_size=1, max_size=9))
def test_no_shell_runs_anything_else_of_what_is_allowed(tmp_path: Path, pieces: list[str]) -> None:
    command = "sow " + "".join(pieces)
    if acp_rules.against(runs(command), Rules(folder=str(tmp_path), commands=("sow",))):
        return
    programs, tree = tmp_path / "bin", tmp_path / "tree"
    if not programs.exists():
        for folder in (programs, tree):
            folder.mkdir()
        for name in ("sow", "evil"):
            (programs / name).write_text(f"#!/bin/sh\necho x >> {tmp_path / name}.ran\n")
            (programs / name).chmod(0o755)
    for shell in ("/bin/sh", "/bin/bash"):
        subprocess.run(
            [shell, "-c", command], cwd=tree, env={"PATH": str(programs)}, stdin=subprocess.DEVNULL,
            capture_output=True, check=False,
        )  # fmt: skip
        assert not (tmp_path / "evil.ran").exists(), f"{shell} ran it: {command!r}"
        assert os.listdir(tree) == [], f"{shell} wrote a file: {command!r}"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("tree/deep", "state", "runtime/attempts/1/outbox", "runtime/attempts/1/inbox", "else"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "else")
    return tmp_path


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("{}/tree/a.txt", True),
        ("a.txt", True),
        ("deep/../a.txt", True),
        ("{}/state/log.md", True),
        ("{}/runtime/attempts/1/outbox/1.json", True),
        ("{}/runtime/attempts/1/inbox/permission-1.answer", False),
        ("{}/runtime/attempts/2/inbox/permission-1.answer", False),
        ("{}/else/a.txt", False),
        ("../else/a.txt", False),
        ("link/a.txt", False),
        (".git/hooks/pre-commit", False),
        ("{}/tree-2/a.txt", False),
        ("/etc/passwd", False),
        ("a\0b", False),
    ],
)
@pytest.mark.parametrize("kind", ["edit", "delete", "read"])
def test_an_edit_is_allowed_where_the_agent_may_write(
    tree: Path, path: str, allowed: bool, kind: str
) -> None:
    rules = Rules(
        folder=str(tree / "tree"),
        writable=(str(tree / "state"), str(tree / "runtime")),
        closed=str(tree / "runtime/attempts"),
        open_again=str(tree / "runtime/attempts/1/outbox"),
    )
    path = path.format(tree)
    for call in (
        {"kind": kind, "locations": [{"path": path}]},
        {"kind": kind, "rawInput": {"file_path": path}},
        {"kind": kind, "content": [{"type": "diff", "path": path}]},
        {"kind": kind, "locations": [{"path": f"{tree}/tree/b.txt"}], "rawInput": {"path": path}},
        {"kind": kind, "rawInput": {"changes": {path: {}}}},
    ):
        assert (acp_rules.against(call, rules) == "") == allowed, call


LONG = "touch a; " * 200 + "rm -rf /"


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ({"kind": "execute", "title": "touch a", "rawInput": {"command": LONG}}, LONG),
        ({"kind": "execute", "rawInput": {"command": "a\nb"}}, "a\nb"),
        ({"kind": "edit", "title": "x", "locations": [{"path": "/a"}], "rawInput": {"path": "/b"}}, "/a\n/b"),
        ({"kind": "fetch", "title": "Fetch", "rawInput": {"url": "http://x"}}, 'Fetch {"url": "http://x"}'),
        ({"kind": "other", "title": "Do it"}, "Do it"),
        ({"kind": "execute", "title": "Do it", "rawInput": {"x": 1}}, 'Do it {"x": 1}'),
        ({"kind": "execute", "rawInput": {"command": "x" * 9000}}, None),
        ({}, ""),
    ],
)
def test_a_person_is_shown_all_of_what_they_are_asked_to_allow(
    call: dict[str, Any], shown: str | None
) -> None:
    said = acp_rules.whole(call)
    assert said == shown or (shown is None and said.endswith("[and 1000 characters more, not shown here]"))


@pytest.mark.parametrize("kind", ["fetch", "switch_mode", "other", None, "new_kind", 7])
def test_what_is_neither_is_not_allowed(kind: object) -> None:
    assert acp_rules.against({"kind": kind, "title": "x"}, RULES)


def test_an_edit_of_nobody_knows_what_is_not_allowed() -> None:
    assert acp_rules.against({"kind": "edit", "title": "Edit"}, RULES)


WORDS = st.sampled_from(["kind", "rawInput", "command", "path", "locations", "content"])
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner),
    max_leaves=12,
)


@given(call=ODD)
def test_nothing_that_an_agent_asks_for_is_too_odd(call: Any) -> None:
    whole = call if isinstance(call, dict) else {"kind": "execute", "rawInput": call}
    for kind in ("execute", "edit", "search"):
        acp_rules.against({**whole, "kind": kind}, RULES)
        acp_rules.detail({**whole, "kind": kind}).encode()
        acp_rules.whole({**whole, "kind": kind}).encode()
