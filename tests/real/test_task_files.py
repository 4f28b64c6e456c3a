"""The real Claude Code does a stage of a task file, over a scripted model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests.model_server import cli_binary, env_for_claude
from tests.real.parts import ROOTS
from tests.taskfiles.parts import Place

from sow_executors.model_server import Call, ModelServer, Text

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]


def test_claude_does_a_stage_by_its_prompt(tmp_path: Path, model_server: ModelServer) -> None:
    place, home = Place(tmp_path / "studio"), tmp_path / "home"
    settings = home / ".config/sow/config.yaml"
    settings.parent.mkdir(parents=True)
    mine = {"type": "claude", "settings": {"program": str(cli_binary("claude"))}}
    agents = {"executors": {"mine": mine}, "bindings": {"researcher": "mine"}}
    settings.write_text(yaml.safe_dump({"agents": agents}))
    prompt = "Sum up {input.text} in {output.result}."
    place.configure({"one": {"handler": "agent", "role": "researcher", "prompt": prompt}})
    place.add()
    result = str(place.folder / "outputs/t1.txt")
    write = Call("Write", {"file_path": result, "content": "a sum\n"})
    url = model_server.scenario("stage", [write, Text("progress 0.9 written\nIt is done.")])
    env = {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": ROOTS,
        "XDG_CONFIG_HOME": str(home / ".config"), **env_for_claude(home, url),
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "sow", "run"], cwd=place.root, env=env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout
    assert place.result() == "a sum\n"
    assert any(
        f"Sum up {place.folder}/inbox/in.txt in {result}." in said
        for said in model_server.seen("stage")[0].said("user")
    )
    told = [event["payload"] for event in place.events("stage.progress", "artifact.written")]
    assert told == [
        {"stage": "one", "progress": 0.0, "msg": "begun"},
        {"stage": "one", "progress": 0.9, "msg": "written"},
        {"path": "workspace/outputs/t1.txt", "kind": "result"},
        {"stage": "one", "progress": 1.0, "msg": "done"},
    ]
    assert json.loads((place.folder / "tasks/20260206_t1.task.json").read_text())["status"] == "done"
