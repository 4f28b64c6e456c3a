"""The tools where task files are: what each does and refuses, what can be read, and what there is not."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from tests.cli.parts import changed, everything
from tests.mcp.parts import Agent
from tests.taskfiles.parts import Place

import sow
from sow.mcp.desk import Bench

PAGE = Path(__file__).parents[2] / "docs/reference/mcp.md"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    made.shell(one="echo done > {output.result}", bad="exit 3", two="cat {input.text}")
    made.add("t0")
    return made


@pytest.fixture
def agent(place: Place) -> Agent:
    environment = {"PATH": os.environ["PATH"], "HOME": str(place.root)}
    return Agent(Bench(sow.open_workspace(place.root, environment=environment)))


def test_the_reference_names_the_tools_for_task_files_and_no_other(agent: Agent) -> None:
    part = PAGE.read_text().partition("\n## Task files")[2].partition("\n## ")[0]
    tools = agent.tools()
    assert set(re.findall(r"^\| `([a-z_]+)`", part, re.MULTILINE)) == set(tools)
    for name, tool in tools.items():
        assert re.match(r"[A-Z][^.]+[.:,;]", tool.description or ""), name
        for argument, schema in tool.input_schema["properties"].items():
            assert "description" in schema, (name, argument)
            assert "anyOf" not in schema, (name, argument)
    ends = [each for each, tool in tools.items() if tool.annotations and tool.annotations.destructive_hint]
    assert ends == ["task_cancel"]


def test_an_agent_adds_task_files_has_them_run_and_reads_what_came_of_them(
    place: Place, agent: Agent
) -> None:
    out = {"result": "workspace/outputs/t1.txt"}
    added = agent.told("task_add", pipeline=["one"], id="t1", output=out, config='{"a": 1}', type="note")
    assert (added["id"], added["status"]) == ("t1", "queued")
    held = json.loads(Path(added["file"]).read_text())
    assert [held[key] for key in ("task_id", "status", "type", "config_snapshot", "error")] == [
        "t1", "queued", "note", {"a": 1}, None
    ]  # fmt: skip
    named = agent.told("task_add", pipeline=["bad"])["id"]
    page = agent.told("status")
    assert page["counts"] == {"queued": 3}
    assert {task["id"] for task in page["tasks"]} == {"t0", "t1", named}
    ran = agent.told("run", jobs=2)
    assert {each["id"]: each["status"] for each in ran["outcomes"]} == {
        "t0": "done", "t1": "done", named: "failed"
    }  # fmt: skip
    assert (ran["running"], ran["queued"]) == (False, 0)
    assert place.result("t1") == "done\n"
    shown = agent.told("task_show", id=named)
    assert (shown["task"]["status"], shown["stages"][0]["state"]) == ("failed", "failed")
    assert shown["task"]["error"] in shown["document"]["error"]
    assert [task["id"] for task in agent.told("task_list", status="failed")["result"]] == [named]
    assert agent.told("task_retry", id=named)["before"] == "failed"
    assert agent.told("task_cancel", id=named)["status"] == "canceled"
    told = [event["type"] for event in agent.told("events", task=named)["result"]]
    assert (told[0], told[-1]) == ("task.created", "task.failed")


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "an id that is there": ({"pipeline": [], "id": "t0"}, "task t0 is there already"),
    "the name of a file": ({"pipeline": [], "id": "20260206_t0"}, "task 20260206_t0 is there already"),
    "a stage of nobody's": ({"pipeline": ["won"]}, "pipeline.0: stage won"),
    "what a placeholder lacks": ({"pipeline": ["two"]}, "pipeline.0: stage two: {input.text}"),
    "a path for an id": ({"pipeline": [], "id": "../t9"}, "task_id: '../t9' has a character in it"),
    "no id": ({"pipeline": [], "id": " "}, "task_id: ' ' is empty"),
    "a long id": ({"pipeline": [], "id": "é" * 120}, "task_id: it has 120 characters"),
    "half a character": ({"pipeline": [], "type": "\ud800"}, "can't be written as JSON"),
    "an output that is no path": ({"pipeline": [], "output": {"a": 3}}, "output.a"),
    "no number": ({"pipeline": [], "input": {"a": float("nan")}}, "can't be written as JSON"),
    "too much": ({"pipeline": [], "input": {"a": "x" * (4 << 20)}}, "and a task file may have"),
}


@pytest.mark.parametrize(("given", "told"), REFUSED.values(), ids=REFUSED.keys())
def test_what_no_runner_could_take_is_not_added(place: Place, given: dict[str, Any], told: str) -> None:
    workspace = sow.open_workspace(place.root)
    before = everything(place.root)
    with pytest.raises(sow.Refused, match=re.escape(told)):
        workspace.add(**given)
    assert changed(before, everything(place.root)) == []


@pytest.mark.parametrize(
    ("tool", "given", "told"),
    [
        ("task_show", {"id": "t9"}, "task not found: t9"),
        ("task_cancel", {"id": "t9"}, "task not found: t9"),
        ("task_retry", {"id": "t0"}, "task t0 is queued already"),
        ("task_add", {"pipeline": ["one"], "agent": "implementer"}, "there is no argument agent"),
        ("run", {"stay": True}, "stay and wait"),
        ("run", {"stay": True, "wait": False, "task": "t9"}, "task not found: t9"),
        ("task_approve", {"id": "t0"}, "there is no tool task_approve"),
    ],
)
def test_a_refused_call_changes_not_one_byte(
    place: Place, agent: Agent, tool: str, given: dict[str, Any], told: str
) -> None:
    before = everything(place.root)
    assert told in agent.refused(tool, **given)[0]
    assert changed(before, everything(place.root)) == []


def test_what_is_here_can_be_read_by_its_address(place: Place, agent: Agent) -> None:
    place.write("20260207_odd", place.add("t2").read_text().replace('"t2"', '"a b/c"'))

    async def read(client: Any) -> list[Any]:
        listed = [str(each.uri) for each in (await client.list_resources()).resources]
        return [(uri, (await client.read_resource(uri)).contents[0].text) for uri in listed]

    found = dict(agent.does(read))
    assert list(found)[:2] == ["sow://workspace", "sow://events"]
    assert json.loads(found["sow://tasks/a%20b%2Fc"])["id"] == "a b/c"
    with pytest.raises(MCPError, match="no resource sow://project"):
        agent.does(lambda client: client.read_resource("sow://project"))
    assert agent.does(lambda client: client.list_prompts()).prompts == []
