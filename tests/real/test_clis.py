"""The CLIs that the tests run for real: how they are found, and what is installed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.model_server import find_cli

FOLDER = Path(__file__).parent / "clis"


def test_the_lock_file_names_no_host_of_packages() -> None:
    packages = json.loads((FOLDER / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_a_cli_can_be_named_in_a_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SOW_TEST_CODEX_ACP", str(tmp_path / "mine"))
    assert find_cli("codex-acp") == tmp_path / "mine"


def test_a_cli_that_is_nowhere_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_cli("no-such-cli") is None
