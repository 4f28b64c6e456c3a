"""What a check of the settings finds: all of it, each thing in its line, and nothing that is right."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.schemas.documents import damaged

import sow_schemas
from sow import document, roles
from sow.config import UserConfig, check, executor_of, reading
from sow.config.check import Finding
from sow.config.executor import complaints
from sow.document import BadDocument
from sow_executors import catalog
from sow_executors.base import Turn

WRONG = """\
agents:
  executors:
    cheap:
      type: claude
      settings:
        modle: small
        yolo_mode: 'yes'
        max_turns: -1
      custom_args:
        - --verbose
        - --resume
        - --print=x
    play: {type: script}
    mine: {type: command}
    worng: {type: cursr}
    lacking:
      settings: {}
    odd: {type: claude, custom_arg: []}
  bindings:
    implementr: claude
    reviewer: chaep
    planner: command
    architect: play
  binding: {}
"""


def told(found: list[Finding]) -> list[tuple[int, str]]:
    """Line and field of each thing that was found."""
    return [(finding.source.line, finding.field) for finding in found]


def check_text(text: str, known: tuple[str, ...] = roles.BUILT_IN) -> list[Finding]:
    return check.user_text(text.encode(), "draft.yaml", known)


def test_all_that_is_wrong_with_the_users_settings_is_found_at_once() -> None:
    found = check_text(WRONG)
    assert told(found) == [
        (6, "agents.executors.cheap.settings.modle"),
        (7, "agents.executors.cheap.settings.yolo_mode"),
        (8, "agents.executors.cheap.settings.max_turns"),
        (11, "agents.executors.cheap.custom_args[1]"),
        (12, "agents.executors.cheap.custom_args[2]"),
        (14, "agents.executors.mine.settings.argv"),
        (15, "agents.executors.worng.type"),
        (16, "agents.executors.lacking.type"),
        (18, "agents.executors.odd.custom_arg"),
        (20, "agents.bindings.implementr"),
        (21, "agents.bindings.reviewer"),
        (22, "agents.bindings.planner"),
        (24, "agents.binding"),
    ]
    assert [finding.field for finding in found if finding.is_note] == ["agents.bindings.implementr"]
    assert {finding.source.file for finding in found} == {"draft.yaml"}
    by_field = {finding.field: finding for finding in found}
    assert "did you mean model?" in by_field["agents.executors.cheap.settings.modle"].message
    for field, nearest in {
        "agents.executors.worng.type": "cursor",
        "agents.executors.odd.custom_arg": "`custom_args`",
        "agents.bindings.implementr": "implementer",
        "agents.bindings.reviewer": "cheap",
        "agents.binding": "`bindings`",
    }.items():
        assert by_field[field].hint.startswith(f"did you mean {nearest}? "), field
    assert by_field["agents.executors.cheap.settings.max_turns"].value == -1
    assert by_field["agents.executors.cheap.custom_args[2]"].value == "--print=x"


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("agents: [\n", 2, "did not find expected node content", id="no YAML"),
        pytest.param("agents: {}\nagents: {}\n", 2, "stands here a second time", id="a key twice"),
        pytest.param("agents:\n\tbindings: {}\n", 2, "a tab", id="a tab"),
        pytest.param("- a\n", 1, "should be a mapping", id="a list"),
        pytest.param("a: caf\udce9\n", 1, "no UTF-8", id="another encoding"),
        pytest.param(
            "agents: {}\nrequires: '>=99'\nnew: 1\n", 2, "needs sow 99 or newer", id="a newer sow's"
        ),
    ],
)
def test_a_text_that_can_not_be_read_is_told_with_its_line_and_nothing_else(
    text: str, line: int, words: str
) -> None:
    (found,) = check.user_text(text.encode("utf-8", "surrogateescape"), "draft.yaml", roles.BUILT_IN)
    assert found.source.line == line
    assert words in found.message
    assert found.hint
    assert not found.is_note


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("agents:\n", id="a key with nothing behind it"),
        pytest.param(
            "agents:\n  executors:\n  bindings:\n    # implementer: cursor\n", id="all commented out"
        ),
        pytest.param(
            "agents: {executors: {x: {type: claude, settings: {model: }}}}\n", id="a setting of none"
        ),
        pytest.param("agents: {executors: {claude: {type: cursor}}}\n", id="the name of another type"),
        pytest.param("agents: {executors: {p: {type: script}}}\n", id="a script that the task will bring"),
        pytest.param("agents: {bindings: {gardener: script, planner: claude-code}}\n", id="a role of here"),
    ],
)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert check_text(text, (*roles.BUILT_IN, "gardener")) == []


def test_one_fault_of_an_executor_does_not_hide_the_next_nor_make_one_up() -> None:
    wrong = {"argv": ["x", "{sesion_id}"], "prompt": "by post", "ok_codes": [], "colour": "red"}
    keys = [complaint.path[-1] for complaint in complaints("command", wrong, ())]
    assert keys == ["colour", "argv"], "without argv there is no telling what else is wrong"
    wrong["argv"] = ["x"]
    assert [c.path[-1] for c in complaints("command", wrong, ())] == ["colour", "prompt", "ok_codes"]
    both = {"argv": ["x", "{session_id}"], "resume_argv": ["y"]}
    assert [c.path for c in complaints("command", both, ())] == [("settings",)]
    only_later = {"argv": ["x"], "resume_argv": ["x", "{model}"]}
    assert "{model}" in complaints("command", only_later, ())[0].message
    assert complaints("command", {"argv": ["x"]}, ("--any", "thing")) == []


def test_settings_of_one_that_makes_its_own_ids_are_checked_too() -> None:
    """Though it takes no id of ours to rehearse a resume with."""
    (model,) = complaints("opencode", {"model": "gpt-5"}, ())
    assert (model.path, model.message) == (
        ("settings", "model"),
        "model of opencode is provider/model, not 'gpt-5'",
    )
    (argument,) = complaints("opencode", {}, ("--own", "--fork"))
    assert argument.path == ("custom_args", 1)


def test_a_variable_is_checked_as_a_binding_is() -> None:
    environment = {
        "SOW_AGENTS_REVIEWER": "chaep", "SOW_AGENTS_PLANNER": "cheap", "SOW_AGENTS_ARCHITECT": "",
        "SOW_AGENTS_IMPLEMENTR": "cheap", "SOW_AGENTS_DECOMPOSER": "command", "SOW_TASK_ID": "010",
    }  # fmt: skip
    found = list(check.variables(environment, {"cheap": {}}, roles.BUILT_IN))
    assert [(f.source.variable, f.is_note) for f in found] == [
        ("SOW_AGENTS_DECOMPOSER", False),
        ("SOW_AGENTS_IMPLEMENTR", True),
        ("SOW_AGENTS_REVIEWER", False),
    ]
    assert found[1].hint.startswith("did you mean SOW_AGENTS_IMPLEMENTER? ")
    assert found[2].hint.startswith("did you mean cheap? the executors: acp, cheap, claude, ")


def test_both_files_and_the_variables_are_looked_at(tmp_path: Path) -> None:
    mine = tmp_path / "home/.config/sow/config.yaml"
    theirs = tmp_path / "repo/.sow/config.yaml"
    for path in (mine, theirs):
        path.parent.mkdir(parents=True)
    mine.write_text("agents:\n  executors:\n    cheap: {type: claude}\n  bindings: {gardener: chaep}\n")
    theirs.write_text("jobs: 0\ncheks: []\nstate: {commit: sometimes}\n")
    (tmp_path / "repo/.sow/agents").mkdir()
    (tmp_path / "repo/.sow/agents/gardener.md").write_text("Weed.")
    environment = {"HOME": str(tmp_path / "home"), "SOW_AGENTS_GARDENER": "cheap", "SOW_AGENTS_REVIEWER": "c"}
    found = check.everything(environment, str(tmp_path / "repo"))
    assert [(str(f.source), f.field) for f in found] == [
        (f"{mine}:4", "agents.bindings.gardener"),
        ("SOW_AGENTS_REVIEWER", "SOW_AGENTS_REVIEWER"),
        (f"{theirs}:1", "jobs"),
        (f"{theirs}:2", "cheks"),
        (f"{theirs}:3", "state.commit"),
    ]
    outside = check.everything(environment, None)
    assert [f.field for f in outside if f.is_note] == ["agents.bindings.gardener", "SOW_AGENTS_GARDENER"]


def test_an_executor_of_others_that_can_not_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("quill", "no_such_module:Quill", catalog.GROUP)
    monkeypatch.setattr(catalog, "installed_by_others", lambda: {"quill": broken})
    (found,) = check_text("agents:\n  executors:\n    q:\n      type: quill\n")
    assert (found.source.line, found.field) == (4, "agents.executors.q.type")
    assert "no_such_module" in found.message


# -- what a check passes, a start takes ------------------------------------------------------------

KEYS = ["yolo_mode", "model", "argv", "script", "max_turns", "program", "home", "modle", "prompt"]
VALUES: list[Any] = [True, "yes", "opus", "-x", "", 3, 0, "/h", "{task}", None]
VALUES += [["x"], ["x", "{model}"], ["x", "{session_id}"]]
SETTINGS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
EXECUTORS = st.dictionaries(
    st.sampled_from(["a", "b", "claude", "claude-code"]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["claude", "cursor", "command", "script", "cursr"])},
        optional={
            "settings": SETTINGS,
            "custom_args": st.lists(st.sampled_from(["--own", "--resume", "-p"]), max_size=2),
        },
    ),
    max_size=3,
)
NAMES = st.sampled_from(["a", "b", "claude", "cursor", "command", "zzz"])
BINDINGS = st.dictionaries(st.sampled_from(roles.BUILT_IN), NAMES, max_size=3)


@settings(max_examples=60, deadline=None)
@given(executors=EXECUTORS, bindings=BINDINGS)
def test_what_passes_the_check_can_be_started_for_every_role(
    executors: dict[str, Any], bindings: dict[str, str]
) -> None:
    text = json.dumps({"agents": {"executors": executors, "bindings": bindings}})
    found = check_text(text)
    broken = {finding.field.split(".")[2] for finding in found if "executors." in finding.field}
    user = UserConfig("config.yaml", _without_null(executors), bindings)
    for role in roles.BUILT_IN:
        name, _ = user.bound(role, {})
        if name in broken or f"agents.bindings.{role}" in {finding.field for finding in found}:
            continue
        choice = user.for_role(role, {})
        turn = Turn(
            "do it", "/tree", "/scratch", "0b5e1b52-55a4-4b63-9d3c-1f6f2d1f6b4e", role, "010",
            settings=choice.settings, custom_args=choice.custom_args, params={"script": "a.yaml"},
        )  # fmt: skip
        executor = executor_of(choice)
        assert executor.spawn(turn).argv
        assert executor.resume(turn).argv


@settings(max_examples=50, deadline=None)
@given(value=damaged("user_config"))
def test_a_check_never_fails_itself_and_finds_something_wherever_reading_does(value: Any) -> None:
    text = json.dumps(value)
    found = check_text(text)
    assert all(finding.message and finding.hint and finding.source.line for finding in found)
    is_wrong = any(not finding.is_note for finding in found)
    try:
        held = reading.given(document.parse(text.encode(), "draft.yaml"))
    except BadDocument:
        assert is_wrong
    else:
        assert is_wrong or sow_schemas.valid("user_config", held.value)


def _without_null(executors: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {**held, "settings": {k: v for k, v in held.get("settings", {}).items() if v is not None}}
        for name, held in executors.items()
    }
