"""sow's own tools in each CLI's words, as values; what the real programs make of them is in tests/real."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from sow_executors import acp_agents, catalog, extras, gemini_defaults
from sow_executors.base import Command, Tools, Turn
from sow_executors.gemini import Gemini

TOOLS = Tools(
    "sow", ("/opt/my sow/sow", "mcp"), {"SOW_TASK_ID": "010", "SOW_PROJECT_DIR": '/w/"ö"/.sow/project'}
)
SESSIONS = {
    "claude": "5f9d2c34-7b1e-4c7d-8e2a-90a1b2c3d4e5",
    "codex": "5f9d2c34-7b1e-4c7d-8e2a-90a1b2c3d4e5",
    "gemini": "5f9d2c34-7b1e-4c7d-8e2a-90a1b2c3d4e5",
    "opencode": "ses_1",
    "acp": "s-1",
}
SETTINGS: Mapping[str, Mapping[str, object]] = {"acp": {"command": ["agent"], "attach_argv": ["agent"]}}


def commands(kind: str, tools: Tools | None, **settings: object) -> dict[str, Command]:
    """The commands of an executor for a turn with some tools."""
    given = {**SETTINGS.get(kind, {}), **settings}
    executor = catalog.get(kind, given)
    turn = Turn("Do it", "/w", "/a", SESSIONS[kind], settings=given, tools=tools)
    first = replace(turn, session_id=SESSIONS[kind] if executor.ids == "ours" else None)
    return {"spawn": executor.spawn(first), "resume": executor.resume(turn), "attach": executor.attach(turn)}


def server(kind: str, command: Command) -> Mapping[str, object]:
    """The server that a command tells its CLI of, in the same words for all."""
    match kind:
        case "claude":
            (path,) = (word.partition("=")[2] for word in command.argv if word.startswith("--mcp-config="))
            held = json.loads(command.files[path])["mcpServers"]["sow"]
            return {"argv": [held["command"], *held["args"]], "env": held["env"]}
        case "codex":
            (setting,) = (word for word in command.argv if word.startswith("mcp_servers."))
            assert command.argv[command.argv.index(setting) - 1] == "-c"
            held = tomllib.loads(setting)["mcp_servers"]["sow"]
            return {"argv": [held["command"], *held["args"]], "env": held["env"]}
        case "gemini":
            held = json.loads(command.files[command.env[gemini_defaults.VARIABLE]])["mcpServers"]["sow"]
            return {"argv": [held["command"], *held["args"]], "env": held["env"]}
        case "opencode":
            held = json.loads(command.env["OPENCODE_CONFIG_CONTENT"])["mcp"]["sow"]
            return {"argv": held["command"], "env": held["environment"]}
    (setting,) = (word.partition("=")[2] for word in command.argv if word.startswith("--server="))
    held = json.loads(setting)
    env = {each["name"]: each["value"] for each in held["env"]}
    return {"argv": [held["command"], *held["args"]], "env": env}


@pytest.mark.parametrize("action", ["spawn", "resume", "attach"])
@pytest.mark.parametrize("kind", SESSIONS)
def test_each_is_told_of_the_server_and_all_that_it_needs(kind: str, action: str) -> None:
    if (kind, action) == ("acp", "attach"):
        pytest.skip("another program opens its sessions on a terminal")
    told = server(kind, commands(kind, TOOLS)[action])
    assert told == {"argv": list(TOOLS.argv), "env": dict(TOOLS.env)}


@pytest.mark.parametrize("kind", SESSIONS)
def test_without_tools_nothing_is_another(kind: str) -> None:
    for with_tools, without in zip(
        commands(kind, TOOLS).values(), commands(kind, None).values(), strict=True
    ):
        ours = ("--mcp-config", "--allowedTools=mcp", "mcp_servers.", "--server=")
        assert not any(word.startswith(ours) for word in without.argv)
        assert not {"OPENCODE_CONFIG_CONTENT", gemini_defaults.VARIABLE} & without.env.keys()
        assert without.files.keys() <= with_tools.files.keys()
        assert (with_tools.stdin, with_tools.folder) == (without.stdin, without.folder)


def test_calls_of_the_server_are_allowed_unasked_and_those_of_others_stay_as_they_are() -> None:
    claude = commands("claude", TOOLS)["spawn"].argv
    assert [word for word in claude if "mcp__" in word] == ["--allowedTools=mcp__sow"]
    assert "--strict-mcp-config" not in claude
    assert not any("mcp__" in word for word in commands("claude", TOOLS, yolo_mode=True)["spawn"].argv)
    codex = next(word for word in commands("codex", TOOLS)["spawn"].argv if word.startswith("mcp_servers."))
    assert tomllib.loads(codex)["mcp_servers"]["sow"]["default_tools_approval_mode"] == "approve"
    rules = json.loads(commands("opencode", TOOLS)["spawn"].env["OPENCODE_PERMISSION"])
    assert (rules["*"], rules["sow_*"]) == ("deny", "allow")
    gemini = commands("gemini", TOOLS)["spawn"]
    defaults = json.loads(gemini.files["/a/tools.json"])
    assert (defaults.keys(), defaults["mcpServers"].keys()) == ({"mcpServers"}, {"sow"})
    assert defaults["mcpServers"]["sow"]["trust"] is True
    assert gemini.argv == commands("gemini", None)["spawn"].argv


def test_what_gemini_would_misread_it_hands_on_from_its_own_variables() -> None:
    odd = replace(TOOLS, env={"PATH": "/opt/$HOME/bin", "SOW_TASK_ID": "010"})
    assert server("gemini", commands("gemini", odd)["spawn"])["env"] == {"SOW_TASK_ID": "010"}


@pytest.mark.parametrize(
    ("kind", "env", "offered"),
    [
        ("claude", {}, True),
        ("codex", {}, True),
        ("acp", {}, True),
        ("opencode", {}, True),
        pytest.param("opencode", {"OPENCODE_CONFIG_CONTENT": "{}"}, False, id="opencode with settings there"),
    ],
)
def test_they_are_offered_where_nothing_of_the_user_s_is_in_the_way(
    kind: str, env: dict[str, str], offered: bool
) -> None:
    given = SETTINGS.get(kind, {})
    executor = catalog.get(kind, given)
    assert isinstance(executor, extras.OffersTools)
    assert executor.offers_tools(given, env, "/a") is offered


ROOT, ADA = 0, 1000


@pytest.mark.parametrize(
    ("held", "believed"),
    [
        pytest.param([(ROOT, 0o700), (ROOT, 0o755)], True, id="root in a place of its own"),
        pytest.param([(ROOT, 0o700), (ADA, 0o755)], False, id="in a repository of somebody's"),
        pytest.param([(ROOT, 0o775), (ROOT, 0o755)], False, id="where a group may write"),
        pytest.param([(ROOT, 0o700), (ROOT, 0o1777)], False, id="below a folder for all"),
    ],
)
def test_gemini_believes_what_is_root_s_all_the_way_up(held: list[tuple[int, int]], believed: bool) -> None:
    assert gemini_defaults.are_believed(held) is believed


def test_gemini_is_offered_them_where_it_believes_a_file_of_ours_and_has_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    (tmp_path / "system-defaults.json").write_text("{}")
    seen: list[tuple[int, int]] = []

    def note(held: Iterable[tuple[int, int]]) -> bool:
        seen.extend(held)
        return True

    def offered(**env: str) -> bool:
        nobody_s = {"GEMINI_CLI_SYSTEM_SETTINGS_PATH": "/none/settings.json"}
        return Gemini().offers_tools({}, {**nobody_s, **env}, str(tmp_path / "link"))

    monkeypatch.setattr(os, "geteuid", lambda: ROOT)
    monkeypatch.setattr(gemini_defaults, "are_believed", note)
    assert offered()
    for each in (tmp_path, tmp_path / "a"):
        assert (each.stat().st_uid, each.stat().st_mode) in seen
    assert ((tmp_path / "link").lstat().st_uid, 0) in seen
    assert not offered(GEMINI_CLI_SYSTEM_DEFAULTS_PATH="/home/ada/mine.json")
    assert not offered(GEMINI_CLI_SYSTEM_SETTINGS_PATH=str(tmp_path / "settings.json"))
    monkeypatch.setattr(os, "geteuid", lambda: ADA)
    assert not offered()


@pytest.mark.parametrize("kind", ["cursor", "script"])
def test_others_know_servers_from_files_alone(kind: str) -> None:
    assert not isinstance(catalog.get(kind, {}), extras.OffersTools)


ASKS: Mapping[str, Mapping[str, object]] = {
    "claude": {
        "title": "mcp__sow__task_report", "kind": "other",
        "_meta": {"claudeCode": {"mcpServer": {"name": "sow", "source": "dynamic"}}},
    },
    "codex": {
        "kind": "execute", "rawInput": {"server": "sow", "tool": "task_report"},
        "_meta": {"is_mcp_tool_call": True},
    },
    "gemini": {
        "title": "task_report (sow MCP Server)", "kind": "other",
        "toolCallId": "mcp_sow_task_report__mcp_sow_task_report_1",
    },
    "opencode": {"title": "sow_task_report", "kind": "other"},
}  # fmt: skip
"""How each agent over ACP asks about a call of ours."""


@pytest.mark.parametrize("kind", ASKS)
def test_an_agent_over_acp_says_whose_tool_it_would_call(kind: str) -> None:
    assert acp_agents.server(kind, ASKS[kind]) == "sow"
    assert all(acp_agents.server(other, ASKS[kind]) != "sow" for other in (*ASKS, "") if other != kind)


SAID_BY_A_MODEL: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "claude: a title alone": ("claude", {"title": "mcp__sow__task_report", "kind": "other"}),
    "codex: an input alone": ("codex", {"rawInput": {"server": "sow"}}),
    "gemini: a title alone": ("gemini", {"title": "x (sow MCP Server)", "toolCallId": "shell__1"}),
    "gemini: more in the title": ("gemini", {"title": "a b (sow MCP Server)", "toolCallId": "mcp_sow_a__1"}),
    "opencode: a command of that name": ("opencode", {"title": "sow_all", "kind": "execute"}),
}


@pytest.mark.parametrize("case", SAID_BY_A_MODEL)
def test_what_a_model_may_choose_proves_nothing(case: str) -> None:
    kind, call = SAID_BY_A_MODEL[case]
    assert acp_agents.server(kind, call) == ""
