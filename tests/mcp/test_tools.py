"""The tools: whose they are, what is said of them, what each does and refuses."""

import re
from pathlib import Path
from typing import Any

import pytest
from tests.cli.parts import Person, changed, everything, tasks_of_every_status, with_project
from tests.mcp.parts import Agent, caller, worker

from sow.errors import Usage
from sow.mcp import catalog
from sow.mcp.desk import Desk
from sow.mcp.kit import LONGEST

OWN = {
    "artifact_add", "artifact_list", "artifact_remove", "artifact_set", "feedback_read", "task_ask",
    "task_log", "task_report", "task_show",
}  # fmt: skip

PAGE = Path(__file__).parents[2] / "docs/reference/mcp.md"


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Somebody whose project has a task of every status; refused calls leave it as it is."""
    made = with_project(tmp_path_factory.mktemp("tools"))
    tasks_of_every_status(made)
    return made


@pytest.fixture(scope="module")
def agent(who: Person) -> Agent:
    """An orchestrating agent."""
    return Agent(Desk.of(caller(who)))


def test_whoever_is_no_worker_drives_and_a_worker_has_its_own_tools_alone(who: Person) -> None:
    assert Desk.of(caller(who)).drives
    desk = Desk.of(worker(who))
    assert (desk.own, desk.drives, {tool.name for tool in catalog.of(desk).tools()}) == ("020", False, OWN)


def test_a_worker_without_its_variables_is_known_by_the_worktree_that_it_stands_in(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "Do it", "--agent", "implementer")
    tree = tmp_path / "repo/.sow/worktrees/feat/add-login--010"
    who.git("worktree", "add", "--quiet", "-b", "feat/add-login--010", str(tree), "feat/add-login")
    desk = Desk.of(caller(who, tree))
    assert (desk.own, desk.drives) == ("010", False)


def test_an_agent_that_is_there_to_drive_others_has_both(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "Drive", "--agent", "orchestrator")
    desk = Desk.of(worker(who, "010", "010-1-1"))
    names = {tool.name for tool in catalog.of(desk).tools()}
    assert desk.drives
    assert names >= OWN | {"run", "task_approve"}
    assert (
        "project" in {tool.name: tool for tool in catalog.of(desk).tools()}["task_show"].takes["properties"]
    )
    narrow = Desk.of(worker(who, "010", "010-1-1"), as_worker=True)
    assert {tool.name for tool in catalog.of(narrow).tools()} == OWN


def test_a_worker_of_no_task_is_told_so(who: Person) -> None:
    with pytest.raises(Usage, match="which task"):
        Desk.of(caller(who), as_worker=True)


@pytest.mark.parametrize("face", ["orchestrator", "worker"])
def test_every_tool_says_what_it_is_for_what_it_takes_and_what_it_does_to_the_project(
    face: str, who: Person, agent: Agent
) -> None:
    tools = (agent if face == "orchestrator" else Agent(Desk.of(worker(who)))).tools()
    for name, tool in tools.items():
        # With the names of server and CLI before it, a name may have 60 characters at some clients.
        assert re.fullmatch(r"[a-z]+(_[a-z]+)?", name)
        assert re.match(r"[A-Z][^.]+[.:,]", tool.description or ""), name
        assert tool.input_schema["additionalProperties"] is False
        for argument, schema in tool.input_schema["properties"].items():
            assert "description" in schema or {"enum", "type"} & schema.keys(), (name, argument)
            assert "anyOf" not in schema, (name, argument)
        assert tool.output_schema is None or tool.output_schema["type"] == "object"
        hints = tool.annotations
        assert hints is not None
        assert not (hints.read_only_hint and hints.destructive_hint), name
    assert {
        name for name, tool in tools.items() if tool.annotations and tool.annotations.destructive_hint
    } == ({"agent_stop", "task_abandon", "task_remove"} if face == "orchestrator" else set())


def test_the_reference_names_every_tool_and_no_other(who: Person, agent: Agent) -> None:
    mine, own = (
        set(re.findall(r"^\| `([a-z_]+)`", part.partition("\n## ")[0], re.MULTILINE))
        for part in PAGE.read_text().split("\n## Tools of ")[1:]
    )
    assert (mine, own) == (set(agent.tools()), OWN)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "advance": ({"event": "fly"}, "event not configured"),
    "agent_list": ({"ended": "perhaps"}, "ended: input should be a valid boolean"),
    "agent_logs": ({"id": "990"}, "task not found: 990"),
    "agent_resume": ({"id": "010", "prompt": "Go"}, "task 010 is pending: there is nothing to resume"),
    "agent_spawn": ({"id": "050"}, "task 050 is completed: its agent can't be started"),
    "agent_stop": ({"id": "010"}, "no agent of task 010 runs"),
    "artifact_add": ({"of": "outputs", "type": "review", "path": "/etc/passwd"}, "leaves the repository"),
    "artifact_list": ({"of": "inputs", "phase": "nowhere"}, "nowhere"),
    "artifact_remove": ({"of": "inputs", "task": "010", "index": 0}, "index out of range: 0"),
    "artifact_set": ({"of": "outputs", "index": 9, "field": "approved", "value": "true"}, "9"),
    "events": ({"since": "yesterday"}, "since yesterday: that is no time"),
    "guidance": ({"name": "nobody"}, "prompt not found: nobody"),
    "phase_set": ({"field": "colour", "value": "red"}, "colour"),
    "project_list": ({"all": True}, "there is no argument all"),
    "project_new": ({"description": "Add login"}, "add-login"),
    "run": ({"stay": True}, "stay and wait"),
    "status": ({"project": "other"}, "project not found: other"),
    "task_abandon": ({"id": "050", "reason": "Enough"}, "can't"),
    "task_accept": ({"id": "050"}, "can't"),
    "task_add": ({"name": "Do it", "agent": "nobody"}, "agent not found: nobody"),
    "task_answer": ({"id": "010", "text": "Yes"}, "task 010 is pending"),
    "task_approve": ({"id": "030"}, "task 030 is paused"),
    "task_describe": ({"id": "990", "description": "?"}, "task not found: 990"),
    "task_diff": ({"id": "990"}, "task not found: 990"),
    "task_feedback": ({"id": "040", "text": " "}, "the feedback is empty"),
    "task_log": ({"id": "990", "text": "?"}, "task not found: 990"),
    "task_move": ({"id": "010", "phase": "nowhere"}, "nowhere"),
    "task_remove": ({"id": "990"}, "task not found: 990"),
    "task_retry": ({"id": "050"}, "can't"),
    "task_set": ({"id": "010", "field": "priority", "value": "huge"}, "priority"),
    "task_show": ({"id": 10}, "id: input should be a valid string"),
    "ways": ({"project": "other"}, "project not found: other"),
}
"""For each tool arguments that it can't take, and what it says of them."""


def test_every_tool_refuses_in_words_and_changes_not_one_byte(who: Person, agent: Agent) -> None:
    assert agent.tools().keys() == REFUSED.keys()
    before = everything(who.folder)
    for tool, (arguments, told) in REFUSED.items():
        lines = agent.refused(tool, **arguments)
        assert told in lines[0], (tool, lines)
        assert len(lines) == 2, (tool, lines)
        assert "Traceback" not in "".join(lines)
    assert changed(before, everything(who.folder)) == []


def test_what_is_missing_unknown_or_of_another_type_is_told_at_once(agent: Agent) -> None:
    line, takes = agent.refused("task_add", priority="huge", depend_on=["010"])
    assert takes.startswith("it takes name, agent; it may be given description, ")
    assert line == (
        "task_add: name is missing; agent is missing; priority: input should be 'critical', 'high', 'normal'"
        " or 'low'; there is no argument depend_on"
    )


def test_a_tool_that_there_is_not_names_those_that_there_are(agent: Agent) -> None:
    assert agent.refused("task_create")[1].startswith("there are: advance, agent_list, ")


def test_a_fault_of_sow_s_own_is_told_without_its_traceback_and_the_server_goes_on(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("sow.api.project.Project.status", broken)
    assert agent.refused("status")[0] == "status met a fault of sow's own, ZeroDivisionError: by zero"
    assert "Traceback" in capsys.readouterr().err
    assert agent.told("project_list")


def test_what_is_no_text_is_carried_and_what_is_too_long_says_that_it_is_cut(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sow.api.task.Task.diff", lambda self: "+\udcff\n")
    assert agent.told("task_diff", id="010") == "+?\n"
    monkeypatch.setattr("sow.api.task.Task.diff", lambda self: "ab" * LONGEST)
    told = agent.told("task_diff", id="010")
    assert len(told) < LONGEST + 100
    assert f"[... {LONGEST} characters are left out here ...]" in told


def test_a_project_goes_from_its_beginning_to_a_merge_by_tools_alone(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    agent = Agent(Desk.of(caller(who)))
    begun = agent.told("project_new", description="Paint it", type="exploration")
    assert (begun["name"], begun["type"]) == ("paint-it", "exploration")
    assert [row["name"] for row in agent.told("project_list")["result"]] == ["add-login", "paint-it"]
    lines = agent.refused("status")
    assert lines == [
        "there are several projects here: add-login, paint-it",
        "name one: the argument `project`",
    ]

    here = {"project": "add-login"}
    added = agent.told("task_add", name="Lay it", agent="implementer", description="Lay the ground.", **here)[
        "task"
    ]
    assert (added["id"], added["status"]) == ("010", "pending")
    agent.told("task_add", name="Build on it", agent="implementer", depends_on='["010"]', **here)
    agent.told("task_set", id="020", field="priority", value="high", **here)
    agent.told("task_describe", id="020", description="Build it higher.", **here)
    agent.told("task_log", id="020", text="Nobody has begun.", **here)
    page = agent.told("task_show", id="020", **here)
    assert (page["description"], page["state"]["depends_on"]) == ("Build it higher.\n", ["010"])
    assert [row["priority"] for row in agent.told("status", **here)["tasks"]] == ["normal", "high"]

    assert agent.told("ways", **here)["transitions"][0]["blocked"] is True
    agent.told("phase_set", field="metadata.planning_approved", value="true", **here)
    assert agent.told("advance", **here)["state"] == "ImplementationDraftPRCreation"
    assert "ImplementationDraftPRCreation" in agent.told("guidance", **here)
    agent.told("artifact_add", of="outputs", type="task_list", path="../../a.txt", **here)
    agent.told("artifact_set", of="outputs", index=0, field="approved", value="true", **here)
    (listed,) = agent.told("artifact_list", of="outputs", **here)["result"]
    assert (listed["path"], listed["approved"]) == ("../../a.txt", True)
    assert "../../a.txt is off the list" in agent.told("artifact_remove", of="outputs", index=0, **here)

    assert agent.told("task_abandon", id="020", reason="Enough", **here)["task"]["status"] == "abandoned"
    assert agent.told("task_retry", id="020", **here)["task"]["status"] == "pending"
    done = agent.told("task_set", id="010", field="status", value="completed", **here)["task"]
    assert done["status"] == "completed"
    assert agent.told("agent_list", ended=True, **here)["result"] == []
    assert agent.told("agent_logs", id="010", **here) == "No agent has worked on it yet."
    assert agent.told("task_diff", id="020", **here) == "It changes no file."
    assert ".sow/runtime" in agent.told("task_remove", id="020", **here)
    last = agent.told("events", last=2, types=["task.completed", "task.created"], **here)["result"]
    assert [event["type"] for event in last] == ["task.created", "task.completed"]


def test_what_is_answered_and_sent_back_is_signed_by_who_has_called(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    tasks_of_every_status(who)
    agent = Agent(Desk.of(caller(who)))
    assert agent.told("task_answer", id="030", text="That one")["note"] == "It goes on with the next `run`."
    assert agent.told("task_feedback", id="040", text="Handle nothing")["task"]["iteration"] == 2
    answer = who.store().task("030").answer
    assert answer is not None
    assert (answer["text"], answer["by"]) == ("That one", "ada")


def test_an_agent_may_not_approve_its_own_work_by_a_tool_either(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    tasks_of_every_status(who)
    desk = Desk(worker(who, "040", "040-1-1"), own="040")
    before = everything(who.folder)
    for tool in ("task_approve", "task_accept"):
        assert "can't approve its own task 040" in Agent(desk).refused(tool, id="040")[0]
    assert changed(before, everything(who.folder)) == []
