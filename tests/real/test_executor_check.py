"""`sow executor check` on the real CLIs: all that sow counts on holds."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path

import pytest
import yaml
from tests.cli.parts import Person
from tests.model_server import cli_binary, env_for_codex, model_server

from sow_executors.model_server import ModelServer, Reply, Request, Text, bash

__all__ = ["model_server"]

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


def heeds(request: Request) -> Reply:
    """A model that does what it is asked to, as far as the check asks it."""
    asked = request.said("user")[-1]
    word = re.search(r"[Rr]emember the word (\S+)\.", "\n".join(request.said("user")))
    assert word
    command = re.search(r"Run the shell command `([^`]+)`", asked)
    done = command and command[1].removeprefix("echo ") in "".join(request.tool_results())
    return bash(command[1]) if command and not done else Text(word[1])


def test_on_an_endpoint_of_the_users_own_four_turns_are_taken_of_its_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_server: ModelServer
) -> None:
    """What a paid check is, on a server that asks for no money: by the user's own settings and login."""
    for each in ("home", "plain", "scratch"):
        (tmp_path / each).mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    url = model_server.scenario("own", heeds)
    who = Person(tmp_path / "plain", tmp_path / "home", env_for_codex(tmp_path / "home", url))
    entry = {"type": "codex", "settings": {"program": str(cli_binary("codex"))}}
    who.settings(yaml.safe_dump({"agents": {"executors": {"mine": entry}}}))
    said = who.sow("executor", "check", "mine", "--yes", "--json", "--quiet")
    told = json.loads(said.out)
    wrong = [row for row in told["rows"] if row["holds"] in ("fails", "untold")]
    assert (said.code, told["ok"], told["offline"]) == (0, True, False), json.dumps(wrong)
    found = {row["what"]: row["holds"] for row in told["rows"]}
    left_out = {"differences", "no session", "refused login", "usage limit", "limit's end"}
    assert {what for what, holds in found.items() if holds == "left out"} == left_out, told
    assert {what for what, holds in found.items() if holds not in ("holds", "left out")} == {"price"}
    assert len({request.session for request in model_server.seen("own")}) == 1
    assert os.listdir(tmp_path / "scratch") == []
