"""Programs of agents: whoever is needed must be there; nobody waits for one; no secret is told."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from tests.doctor.parts import CLAUDE, CURSOR, HANGS, LOGGED_OUT, lines, program, scene

from sow.config import ExecutorChoice
from sow.doctor import executors
from sow.doctor.executors import Seen, Subject, judged
from sow.doctor.finding import Finding
from sow.roles import BUILT_IN as ROLES
from sow_executors.catalog import EXECUTORS
from sow_executors.extras import Login

ALL = ", ".join(ROLES)
INSTALL = "install it, or bind these roles to another executor: `sow config show`, `sow config path`"


def about(found: list[Finding], name: str) -> Finding:
    [finding] = [one for one in found if one.facts["name"] == name]
    return finding


def looked(folder: Path, settings: dict[str, Any] | None = None, **env: str) -> list[Finding]:
    return list(executors.programs(scene(folder, settings, **env)))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executors, "VERSION_SECONDS", 2.0)
    monkeypatch.setattr(executors, "LOGIN_SECONDS", 2.0)


# What it means


USED = Subject(ExecutorChoice("mine", "claude"), ("implementer",), needed=True)
BY_DEFAULT = Subject(ExecutorChoice("mine", "claude"), ("planner",))
CONFIGURED = Subject(ExecutorChoice("mine", "claude"), needed=True)
SPARE = Subject(ExecutorChoice("mine", "claude"))
MISSING = Seen(wrong="no program x on the PATH", mend="install it")
GOOD = Seen("/bin/x", "1.2", Login(True, "claude.ai"))
OUT = Seen("/bin/x", "1.2", Login(False), mend="log in: `x login`")
UNSURE = Seen("/bin/x", "1.2", Login(None), unsure="it does not tell", mend="if nobody is: `x login`")


@pytest.mark.parametrize(
    ("subject", "seen", "told"),
    [
        (USED, GOOD, "ok: mine: x 1.2 (/bin/x), logged in by claude.ai; for implementer"),
        (BY_DEFAULT, GOOD, "ok: mine: x 1.2 (/bin/x), logged in by claude.ai; for planner"),
        (CONFIGURED, Seen("/bin/x"), "ok: mine: x (/bin/x); configured, and bound to no role"),
        (SPARE, GOOD, "note: mine: x 1.2 (/bin/x), logged in by claude.ai; no role is bound to it"),
        (USED, MISSING, "error: mine: no program x on the PATH; for implementer -> install it"),
        (
            CONFIGURED,
            MISSING,
            "error: mine: no program x on the PATH; configured, and bound to no role -> install it",
        ),
        (BY_DEFAULT, MISSING, "note: mine: no program x on the PATH; for planner"),
        (SPARE, MISSING, "note: mine: no program x on the PATH; no role is bound to it"),
        (USED, OUT, "error: mine: x 1.2 (/bin/x), nobody is logged in; for implementer -> log in: `x login`"),
        (SPARE, OUT, "note: mine: x 1.2 (/bin/x), nobody is logged in; no role is bound to it"),
        (
            USED,
            UNSURE,
            "warning: mine: x 1.2 (/bin/x), it does not tell; for implementer -> if nobody is: `x login`",
        ),
        (SPARE, UNSURE, "note: mine: x 1.2 (/bin/x), it does not tell; no role is bound to it"),
    ],
)  # fmt: skip
def test_an_error_is_only_what_keeps_an_agent_from_being_started(
    subject: Subject, seen: Seen, told: str
) -> None:
    assert lines([judged(subject, seen)]) == [told]


# Who is needed


def needed(folder: Path, settings: dict[str, Any] | None = None, **env: str) -> dict[str, tuple[bool, int]]:
    """By executor: whether it is needed, and how many roles it plays."""
    here = scene(folder, settings, **env)
    assert not isinstance(here.user, Exception)
    return {one.choice.name: (one.needed, len(one.roles)) for one in executors.subjects(here.user, here)}


def test_whoever_plays_a_role_or_is_configured_is_needed_and_all_others_are_only_told(tmp_path: Path) -> None:
    every = len(ROLES)
    # One that needs settings can't be had by its type alone; the type of one that is there is not told twice.
    spare = {name: (False, 0) for name in EXECUTORS if name not in ("acp", "claude", "command")}
    assert needed(tmp_path) == {"claude-code": (True, every), **spare}
    assert needed(tmp_path, SOW_AGENTS_IMPLEMENTER="cursor") == {
        **spare, "claude-code": (False, every - 1), "cursor": (True, 1),
    }  # fmt: skip
    del spare["cursor"]
    own = {"mine": {"type": "claude"}, "other": {"type": "cursor"}, "bindings": {"reviewer": "mine"}}
    assert needed(tmp_path, own) == {
        **spare, "claude-code": (False, every - 1), "mine": (True, 1), "other": (True, 0),
    }  # fmt: skip


# Real programs


def test_one_that_is_there_tells_its_version_and_its_login(tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "claude", CLAUDE)
    found = about(looked(tmp_path), "claude-code")
    assert lines([found]) == [f"ok: claude-code: claude 2.1.329 ({path}), logged in by claude.ai; for {ALL}"]
    assert found.facts == {
        "name": "claude-code", "type": "claude", "roles": list(ROLES), "tasks": [], "needed": True,
        "program": path, "version": "2.1.329", "logged_in": True,
    }  # fmt: skip


def test_one_that_is_missing_is_told_with_what_to_do(tmp_path: Path) -> None:
    found = looked(tmp_path)
    assert lines([about(found, name) for name in ("claude-code", "codex", "cursor")]) == [
        f"error: claude-code: no program claude on the PATH; for {ALL} -> {INSTALL}",
        "note: codex: no program codex on the PATH; no role is bound to it",
        "note: cursor: no program cursor-agent or agent on the PATH; no role is bound to it",
    ]


def test_where_nobody_is_logged_in_the_way_in_is_told(tmp_path: Path) -> None:
    program(tmp_path / "bin", "claude", LOGGED_OUT)
    program(tmp_path / "bin", "cursor-agent", CURSOR)
    found = looked(tmp_path, SOW_AGENTS_REVIEWER="cursor", SOW_AGENTS_PLANNER="claude")
    assert about(found, "claude").mend == "log in: `claude auth login`"
    assert about(found, "cursor").mend == "log in: `cursor-agent login`"
    assert {about(found, name).level for name in ("claude", "cursor")} == {"error"}


def test_one_that_has_no_word_on_its_login_is_asked_for_its_version_alone(tmp_path: Path) -> None:
    path = program(tmp_path / "bin", "gemini", f'echo "$*" >> {tmp_path}/asked; echo 0.61.0')
    key = about(looked(tmp_path, GEMINI_API_KEY="secret-1", SOW_AGENTS_REVIEWER="gemini"), "gemini")
    assert lines([key]) == [
        f"ok: gemini: gemini 0.61.0 ({path}), logged in by api_key from GEMINI_API_KEY; for reviewer"
    ]
    assert about(looked(tmp_path, SOW_AGENTS_REVIEWER="gemini"), "gemini").mend == "log in: `gemini`"
    assert (tmp_path / "asked").read_text() == "--version\n" * 2


def test_one_that_hangs_is_told_and_the_others_do_not_wait_for_it(tmp_path: Path, quick: None) -> None:
    program(tmp_path / "bin", "claude", HANGS)
    program(tmp_path / "bin", "cursor-agent", CURSOR.replace('echo "Not logged in"', HANGS))
    mine = {f"mine-{number}": {"type": "claude"} for number in range(6)}
    begin = time.monotonic()
    found = looked(tmp_path, {**mine, "cursor": {"type": "cursor"}})
    assert time.monotonic() - begin < 60
    hangs = about(found, "mine-3")
    assert (hangs.level, hangs.facts["program"]) == ("error", f"{tmp_path}/bin/claude")
    assert f"`{tmp_path}/bin/claude --version` gave no answer within 2 s" in hangs.text
    unsure = about(found, "cursor")
    assert (unsure.level, unsure.facts["version"]) == ("warning", "2026.10.01-5bd0a1c")
    assert "whether somebody is logged in: " in unsure.text


def test_a_program_of_the_same_name_is_not_taken_for_the_right_one(tmp_path: Path) -> None:
    program(tmp_path / "bin", "agent", "echo 'Some other agent 3.1'")
    found = about(looked(tmp_path, SOW_AGENTS_REVIEWER="cursor"), "cursor")
    assert found.level == "error"
    assert "it is another program of that name" in found.text
    assert "'Some other agent 3.1'" in found.text


def test_one_that_can_not_be_run_is_told(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    broken = tmp_path / "bin/claude"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    found = about(looked(tmp_path), "claude-code")
    assert found.level == "error"
    assert f"{broken} can't be started: Exec format error" in found.text


def test_settings_that_an_executor_can_not_work_with_are_told_by_name(tmp_path: Path) -> None:
    found = about(looked(tmp_path, {"mine": {"type": "claude", "settings": {"modle": "opus"}}}), "mine")
    assert found.level == "error"
    assert found.text.startswith("mine: claude has no setting modle (did you mean model?)")
    assert found.mend == "mend it in the file that `sow config path` names"


def test_a_program_is_asked_in_the_environment_that_its_agents_have(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    program(tmp_path / "bin", "claude", f"env >>{seen}\n{CLAUDE}")
    looked(tmp_path, ANTHROPIC_BASE_URL="there", CLAUDECODE="1", MY_OWN="x", CURSOR_API_KEY="k")
    variables = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert {"ANTHROPIC_BASE_URL", "PATH", "HOME"} <= variables
    assert not {"CLAUDECODE", "MY_OWN", "CURSOR_API_KEY"} & variables


def test_no_secret_is_told_whatever_the_programs_print(tmp_path: Path) -> None:
    secret, account = "sk-ant-api03-abcdef0123456789", "ada@example.org"
    leaky = (
        f'{{"loggedIn": true, "authMethod": "{secret}", "apiKeySource": "{secret}", "email": "{account}"}}'
    )
    program(
        tmp_path / "bin", "claude", f"[ \"$1\" = auth ] && echo '{leaky}' || echo '2.1.329 (Claude Code)'"
    )
    program(
        tmp_path / "bin", "cursor-agent", CURSOR.replace("Not logged in", f"Logged in as {account} {secret}")
    )
    found = looked(
        tmp_path, SOW_AGENTS_REVIEWER="cursor", ANTHROPIC_API_KEY=secret, SOW_AGENTS_PLANNER="claude"
    )
    told = "\n".join([*lines(found), json.dumps([dict(one.facts) for one in found])])
    assert secret not in told
    assert account not in told
    assert {about(found, name).facts["logged_in"] for name in ("claude", "cursor")} == {True}
