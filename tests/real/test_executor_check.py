"""`sow executor check --offline` on the real CLIs: all that sow counts on holds."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import pytest
import yaml
from tests.cli.parts import Person
from tests.model_server import cli_binary

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]


@pytest.mark.parametrize(
    ("name", "untold"),
    [
        ("claude", set()),
        ("codex", {"price"}),
        # Not Gemini and opencode: their many starts take long, and their turns are played elsewhere.
    ],
)
def test_of_a_real_cli_everything_holds(
    name: str, untold: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in ("home", "plain", "scratch"):
        (tmp_path / each).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    who = Person(tmp_path / "plain", tmp_path / "home")
    entry = {"type": name, "settings": {"program": str(cli_binary(name))}}
    who.settings(yaml.safe_dump({"agents": {"executors": {"mine": entry}}}))
    told = json.loads(who.done("executor", "check", "mine", "--offline", "--json", "--quiet"))
    found = {row["what"]: row["holds"] for row in told["rows"]}
    assert {what for what, holds in found.items() if holds != "holds"} == untold, told
    assert {found[what] for what in untold} <= {"untold"}
    assert os.listdir(tmp_path / "scratch") == []
