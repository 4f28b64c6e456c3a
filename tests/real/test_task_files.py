"""The real Claude Code does a stage of a task file, over a scripted model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.model_server import cli_binary, env_for_claude
from tests.real.parts import ROOTS
from tests.taskfiles.parts import Place

from sow.clock import moment, stamp
from sow.taskfiles import agent
from sow_executors.model_server import Call, ModelServer, Reply, Request, Text, usage_limited

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]


PROMPT = "Sum up {input.text} in {output.result}."


def workspace(folder: Path) -> Place:
    """One queued task, whose stage Claude does as the researcher."""
    place = Place(folder / "studio")
    settings = folder / "home/.config/sow/config.yaml"
    settings.parent.mkdir(parents=True)
    mine = {"type": "claude", "settings": {"program": str(cli_binary("claude"))}}
    agents = {"executors": {"mine": mine}, "bindings": {"researcher": "mine"}}
    settings.write_text(yaml.safe_dump({"agents": agents}))
    place.configure({"one": {"handler": "agent", "role": "researcher", "prompt": PROMPT}})
    place.add()
    return place


def run(place: Place, url: str, *, subscription: bool = False) -> None:
    """`sow run` until it ends well."""
    home = place.root.parent / "home"
    env = {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": ROOTS,
        "XDG_CONFIG_HOME": str(home / ".config"), **env_for_claude(home, url, subscription=subscription),
    }  # fmt: skip
    ran = subprocess.run(
        [sys.executable, "-m", "sow", "run"], cwd=place.root, env=env, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stdout


def test_claude_does_a_stage_by_its_prompt(tmp_path: Path, model_server: ModelServer) -> None:
    place = workspace(tmp_path)
    result = str(place.folder / "outputs/t1.txt")
    write = Call("Write", {"file_path": result, "content": "a sum\n"})
    run(place, model_server.scenario("stage", [write, Text("progress 0.9 written\nIt is done.")]))
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


def test_claude_goes_on_in_its_session_when_a_used_up_plan_is_there_again(
    tmp_path: Path, model_server: ModelServer
) -> None:
    place = workspace(tmp_path)
    write = Call("Write", {"file_path": str(place.folder / "outputs/t1.txt"), "content": "a sum\n"})
    resets: list[int] = []

    def plan(request: Request) -> Reply:
        if not request.tool_results():
            return write
        if not resets:
            # Late enough for the wait to begin before its end on a busy machine.
            resets.append(int(time.time()) + 10)
            return usage_limited(resets[0])
        return Text("It is done.")

    run(place, model_server.scenario("stage", plan), subscription=True)
    assert (place.task()["status"], place.result()) == ("done", "a sum\n")
    assert len({request.session for request in model_server.seen("stage")}) == 1
    assert any(agent.GO_ON in said for said in model_server.seen("stage")[-1].said("user"))
    (held,) = [event for event in place.events("stage.progress") if "waits until" in event["payload"]["msg"]]
    last = place.events("stage.progress")[-2]
    assert (last["payload"]["msg"], moment(last["ts"]) >= resets[0]) == ("begun", True)
    assert f"waits until {stamp(resets[0])}: the agent met a usage limit" in held["payload"]["msg"]
    assert len(place.events("artifact.written")) == 1
