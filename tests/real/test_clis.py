"""The CLIs that the tests run for real: those that are pinned are those that are found."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.model_server import cli_binary, find_cli

FOLDER = Path(__file__).parent / "clis"
PINNED = json.loads((FOLDER / "package.json").read_text())


@pytest.mark.real_cli
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "package"),
    [
        ("codex", "@openai/codex"),
        ("gemini", "@google/gemini-cli"),
        ("opencode", "opencode-linux-x64-baseline"),
    ],
)
def test_an_installed_cli_is_the_pinned_one(name: str, package: str, tmp_path: Path) -> None:
    program = cli_binary(name)
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    said = subprocess.run(
        [program, "--version"], env=env, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    pinned = {**PINNED["dependencies"], **PINNED["optionalDependencies"]}[package]
    assert said.stdout.split()[-1] == pinned, said.stderr


def test_the_lock_file_names_no_host_of_packages() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_a_cli_can_be_named_in_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOW_TEST_CODEX_ACP", str(tmp_path / "mine"))
    assert find_cli("codex-acp") == tmp_path / "mine"


def test_a_cli_that_is_nowhere_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_cli("no-such-cli") is None
