"""Settings: what counts before what, and what a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sow import __version__
from sow.config import RepositoryConfig, UserConfig, check, user_path
from sow.config.repository import WorktreeConfig
from sow.errors import NotFound, Refused, SowError
from sow.outfit import Teardown
from sow.roles import BUILT_IN

SETTINGS = """\
agents:
  executors:
    cheap:
      type: claude
      settings: {model: small, yolo_mode: true}
      custom_args: [--verbose]
    claude:
      type: cursor
  bindings:
    implementer: cheap
    reviewer: cursor
"""


def user(folder: Path, text: str = SETTINGS) -> UserConfig:
    path = folder / ".config" / "sow" / "config.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return UserConfig.read({"HOME": str(folder)})


def repository(folder: Path, text: str) -> RepositoryConfig:
    (folder / ".sow").mkdir()
    (folder / ".sow" / "config.yaml").write_text(text)
    return RepositoryConfig.read(str(folder))


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(tmp_path: Path) -> None:
    held = user(tmp_path)
    by_variable = held.for_role("implementer", {"SOW_AGENTS_IMPLEMENTER": "cursor"})
    assert (by_variable.name, by_variable.type, by_variable.source) == (
        "cursor",
        "cursor",
        "SOW_AGENTS_IMPLEMENTER",
    )
    by_file = held.for_role("implementer", {"SOW_AGENTS_IMPLEMENTER": "", "SOW_AGENTS_REVIEWER": "claude"})
    assert (by_file.name, by_file.type, by_file.source) == ("cheap", "claude", f"{held.path}:10")
    assert (by_file.settings, by_file.custom_args) == ({"model": "small", "yolo_mode": True}, ("--verbose",))
    by_default = held.for_role("planner", {})
    assert (by_default.name, by_default.type, by_default.source) == ("claude-code", "claude", "default")


def test_a_role_of_the_user_s_own_has_a_variable_too(tmp_path: Path) -> None:
    assert user(tmp_path).for_role("db-admin", {"SOW_AGENTS_DB_ADMIN": "cheap"}).name == "cheap"


def test_an_executor_of_the_user_s_goes_before_the_type_of_that_name(tmp_path: Path) -> None:
    assert user(tmp_path).named("claude", "x").type == "cursor"


def test_without_a_file_every_role_has_the_default(tmp_path: Path) -> None:
    held = UserConfig.read({"HOME": str(tmp_path)})
    assert {held.for_role(role, {}).name for role in BUILT_IN} == {"claude-code"}


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"HOME": "/h"}, "/h/.config/sow/config.yaml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "/x/y"}, "/x/y/sow/config.yaml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": ""}, "/h/.config/sow/config.yaml"),
        ({"HOME": "/h", "XDG_CONFIG_HOME": "relative"}, "/h/.config/sow/config.yaml"),
    ],
)
def test_the_file_lies_where_the_xdg_specification_says(environment: dict[str, str], path: str) -> None:
    assert user_path(environment) == path


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        pytest.param("agent: {}\n", "agent", "agents", id="an unknown key at the top"),
        pytest.param("agents:\n  binding: {}\n", "binding", "bindings", id="an unknown key below"),
        pytest.param("agents: {executors: {x: {typ: claude}}}\n", "typ", "type", id="a misspelt key"),
        pytest.param(
            "agents: {executors: {x: {type: claude, settings: {yolo_mode: 'yes'}}}}\n", "yolo_mode", "",
            id="a value of another type",
        ),
        pytest.param("agents: [\n", "config.yaml:", "", id="no YAML"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_with_the_nearest_right_one(
    tmp_path: Path, text: str, message: str, hint: str
) -> None:
    with pytest.raises(Refused, match=message) as refused:
        user(tmp_path, text)
    assert str(tmp_path) in str(refused.value)
    assert hint in f"{refused.value} {refused.value.hint}"


def test_an_unknown_executor_or_type_names_the_nearest_and_who_named_it(tmp_path: Path) -> None:
    held = user(tmp_path, SETTINGS.replace("type: cursor", "type: cursr"))
    with pytest.raises(
        NotFound, match=r"executor not found: chaep \(named by SOW_AGENTS_REVIEWER\)"
    ) as unknown:
        held.for_role("reviewer", {"SOW_AGENTS_REVIEWER": "chaep"})
    assert unknown.value.hint.startswith("did you mean cheap? the executors: ")
    with pytest.raises(Refused, match=r"agents\.executors\.claude\.type: 'cursr' is no type") as wrong:
        held.named("claude", "x")
    assert wrong.value.hint.startswith("did you mean cursor? ")


# -- the repository's -------------------------------------------------------------------------


def test_what_makes_a_worktree_runnable_is_read(tmp_path: Path) -> None:
    held = repository(tmp_path, "worktree: {setup: [a, b], teardown: [c], ports: 3}\n")
    assert held.worktree == WorktreeConfig(("a", "b"), ("c",), 3)
    other, third = tmp_path / "other", tmp_path / "third"
    other.mkdir()
    third.mkdir()
    assert repository(other, "worktree: {ports: 1}\n").worktree == WorktreeConfig(ports=1)
    timed = repository(third, "worktree: {setup_seconds: 0, teardown_seconds: 1.5}\n")
    assert (timed.worktree.setup_seconds, Teardown.of(timed.worktree, {}).seconds) == (0, 1.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{port: 3}", "ports", id="a key that is nearly one"),
        pytest.param("{setup_seconds: -1}", "0", id="less time than none"),
        pytest.param("{teardown_seconds: 0}", "0", id="no time to clear up"),
        pytest.param("{ports: 101}", "100", id="too many ports"),
        pytest.param("{ports: -1}", "0", id="fewer than none"),
        pytest.param("{setup: npm ci}", "list", id="a command that is no list"),
        pytest.param("{teardown: ['']}", "empty", id="an empty command"),
    ],
)
def test_what_makes_no_worktree_runnable_is_told_with_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / ".sow/config.yaml"
    path.parent.mkdir()
    path.write_text(f"jobs: 2\nworktree: {text}\n")
    (found,) = check.everything({"HOME": str(tmp_path)}, str(tmp_path))
    assert found.source.line == 2
    assert words in f"{found.message} {found.hint}"


def test_a_repository_without_settings_has_the_defaults(tmp_path: Path) -> None:
    assert RepositoryConfig.read(str(tmp_path)) == RepositoryConfig()


def test_the_repository_s_settings_are_read(tmp_path: Path) -> None:
    held = repository(
        tmp_path,
        "jobs: 7\nisolation: project\nstate: {commit: never}\nchecks: [make test]\nenvironment: [AWS_*]\n"
        "grace_seconds: 1.5\nsilence_seconds: 60\nrequires: '>=0.1'\n",
    )
    assert held == RepositoryConfig(
        jobs=7, jobs_sharing=7, commit_state=False, isolation="project", checks=("make test",),
        environment=("AWS_*",), grace_seconds=1.5, silence_seconds=60,
    )  # fmt: skip


def test_an_older_sow_says_so_before_it_refuses_the_keys_of_a_newer_one(tmp_path: Path) -> None:
    with pytest.raises(SowError, match=rf"needs sow 99\.1 or newer, and this is {__version__}"):
        repository(tmp_path, "requires: '>=99.1'\nkey_of_the_future: 1\n")


@pytest.mark.parametrize(
    "text", ["jobs: 0\n", "jobs: many\n", "isolation: none\n", "job: 1\n", "requires: [1]\n"]
)
def test_a_wrong_setting_of_the_repository_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Refused, match=text.partition(":")[0]):
        repository(tmp_path, text)
