"""A worker's tools: what it says is said of its own task, by the rules of the command line."""

import json
import os
import threading
from pathlib import Path

import anyio
import pytest
from mcp.client.client import Client
from tests.cli.parts import Person, changed, everything, tasks_of_every_status, with_project
from tests.mcp.parts import ATTEMPT, Agent, words, worker
from tests.waiting import until

from sow import files, report
from sow.api.worker import LIES
from sow.attempt import Attempts
from sow.mcp.desk import Desk
from sow_executors import inbox


@pytest.fixture
def who(tmp_path: Path) -> Person:
    """Somebody whose agent works on task 020."""
    made = with_project(tmp_path)
    tasks_of_every_status(made)
    return made


@pytest.fixture
def agent(who: Person) -> Agent:
    return Agent(Desk.of(worker(who)))


def test_a_report_says_what_was_done_and_hands_in_as_one_change(who: Person, agent: Agent) -> None:
    assert agent.told("task_report", message="It works: 007") == "Task 020 goes to review. Stop now."
    task = who.store().task("020")
    assert (task.status, task.result) == ("needs_review", {"status": "success", "message": "It works: 007"})
    (event,) = [
        line for line in who.store().log.lines() if b'"task.needs_review"' in line and b'"020"' in line
    ]
    assert json.loads(event)["payload"] == {"summary": "It works: 007"}
    assert json.loads(event)["actor"] == "worker"
    # Said once more, as an agent that was cut off may, it is the same.
    before = everything(who.folder)
    agent.told("task_report", message="It works: 007")
    assert changed(before, everything(who.folder)) == []


def test_a_question_pauses_the_task_and_the_agent_is_told_to_stop(who: Person, agent: Agent) -> None:
    heard = agent.told("task_ask", question="Which one?", options=["red", "blue"])
    assert heard == {
        "answer": None, "by": None, "note": "Stop now: the answer comes in this same session."
    }  # fmt: skip
    task = who.store().task("020")
    assert (task.status, task.options) == ("paused", ["red", "blue"])


def test_a_worker_reads_its_task_and_notes_what_it_found(who: Person, agent: Agent) -> None:
    who.write(
        ".sow/worktrees/feat/add-login/.sow/project/phases/implementation/tasks/020/feedback/001.md", "Do!\n"
    )
    assert agent.told("feedback_read")["result"] == [{"name": "001.md", "text": "Do!\n"}]
    assert agent.told("task_show")["state"]["id"] == "020"
    assert agent.told("task_log", text="The tests expected the bug.") == "Noted in the log of task 020."
    assert "The tests expected the bug." in who.store().notes(who.store().task("020"))


def test_a_worker_names_what_it_brings_out_by_the_words_of_the_command(who: Person, agent: Agent) -> None:
    added = agent.told("artifact_add", of="outputs", type="report", path="../../a.md", metadata='{"n": 1}')
    assert (added["index"], added["path"], added["metadata"]) == (0, "../../a.md", {"n": 1})
    assert "there is no" in added["note"]
    agent.told("artifact_set", of="outputs", index=0, field="metadata.n", value="2")
    assert "metadata.n of artifact 0 is removed." in agent.told(
        "artifact_set", of="outputs", index=0, field="metadata.n", unset=True
    )
    before = everything(who.folder)
    for tool, arguments, told in (
        ("artifact_set", {"index": 0, "field": "approved", "value": "true"}, "can't approve its own output"),
        ("artifact_set", {"index": 0, "field": "type"}, "type: the value is missing"),
        ("artifact_remove", {"index": 1}, "index out of range: 1"),
        ("artifact_add", {"type": "report", "path": "../../a.md"}, "../../a.md is output [0] of task 020"),
        ("artifact_add", {"type": "report", "path": "/etc/passwd"}, "leaves the repository"),
    ):
        assert told in agent.refused(tool, of="outputs", **arguments)[0]
    assert changed(before, everything(who.folder)) == []
    assert [each["path"] for each in agent.told("artifact_list", of="outputs")["result"]] == ["../../a.md"]
    assert "../../a.md is off the list" in agent.told("artifact_remove", of="outputs", index=0)
    assert who.store().task("020").outputs == []


def test_where_a_worker_can_only_lay_down_it_sees_what_it_has_said_and_means_that(
    who: Person, agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    who.done("task", "input", "add", "--type", "reference", "--path", "../../old.md", "--id", "020")
    held = who.store()
    outbox = f"{held.layout.attempt(ATTEMPT)}/outbox"
    os.makedirs(outbox)

    def forbidden(*given: object, **named: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr(report, "keep_artifact", forbidden)
        laid = agent.told("artifact_add", of="inputs", type="reference", path="../../new.md", approved=True)
        assert laid["index"] is None
        assert LIES in laid["note"]
        assert LIES in agent.told("artifact_remove", of="inputs", index=0)
        assert agent.told("artifact_list", of="inputs")["result"][0]["path"] == "../../new.md"
        assert "index out of range: 1" in agent.refused("artifact_remove", of="inputs", index=1)[0]
        agent.told("artifact_set", of="inputs", index=0, field="type", value="log")
    assert [one["path"] for one in held.task("020").inputs] == ["../../old.md"]
    assert report.apply_outbox(held, outbox, "020", ATTEMPT) == []
    assert [(one["path"], one["type"]) for one in held.task("020").inputs] == [("../../new.md", "log")]


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("task_report", {"message": " "}, "the message is empty"),
        ("task_report", {"message": "Done", "id": "010"}, "there is no argument id"),
        ("task_ask", {"question": ""}, "the question is empty"),
        ("task_ask", {}, "question is missing"),
        ("task_approve", {"id": "040"}, "there is no tool task_approve"),
        ("task_show", {"project": "other"}, "there is no argument project"),
    ],
)
def test_what_a_worker_may_not_say_changes_not_one_byte(
    who: Person, agent: Agent, tool: str, arguments: dict[str, object], told: str
) -> None:
    before = everything(who.folder)
    assert told in agent.refused(tool, **arguments)[0]
    assert changed(before, everything(who.folder)) == []


def test_a_late_word_of_an_earlier_iteration_is_refused(who: Person) -> None:
    who.done("task", "set", "status", "needs_review", "--id", "020")
    who.done("task", "feedback", "020", "Once more")
    late = Agent(Desk.of(worker(who, "020", ATTEMPT)))
    before = everything(who.folder)
    for tool, arguments in (("task_report", {"message": "Done"}), ("task_ask", {"question": "Why?"})):
        assert "attempt 020-1-1 is of an earlier one" in late.refused(tool, **arguments)[0]
    assert changed(before, everything(who.folder)) == []


class Asked:
    """A call that waits for an answer, and the inbox that it waits in."""

    def __init__(self, who: Person) -> None:
        self.folder = Attempts(who.store().layout).inbox(ATTEMPT)

    @property
    def waits(self) -> list[inbox.Question]:
        return inbox.waiting(self.folder)

    def answers(self, text: str) -> None:
        (question,) = until(lambda: self.waits)
        answer = inbox.answer_text(inbox.Answer(text, "ada", "2026-11-21T09:00:00.000Z"))
        files.write(inbox.answer_path(self.folder, question.name), answer)


def test_a_question_can_be_waited_for_while_other_calls_are_answered(who: Person, agent: Agent) -> None:
    asked = Asked(who)
    told: list[str] = []

    async def act(client: Client) -> str:
        async with anyio.create_task_group() as beside:

            async def ask() -> None:
                done = await client.call_tool("task_ask", {"question": "Which one?", "wait": True})
                told.append(words(done))

            beside.start_soon(ask)
            # The question lies there a moment before its task says so.
            await anyio.to_thread.run_sync(
                lambda: until(lambda: asked.waits and who.store().task("020").status == "paused")
            )
            meanwhile = words(await client.call_tool("task_show", {}))
            await anyio.to_thread.run_sync(asked.answers, "the blue one")
        return meanwhile

    assert '"status": "paused"' in agent.does(act)
    assert told == ['{"answer": "the blue one", "by": "ada", "note": "Go on with your task."}']


def test_a_wait_that_the_client_gives_up_leaves_the_question_and_no_thread(who: Person, agent: Agent) -> None:
    asked = Asked(who)
    before = threading.active_count()

    async def act(client: Client) -> None:
        async with anyio.create_task_group() as beside:
            beside.start_soon(client.call_tool, "task_ask", {"question": "Which one?", "wait": True})
            await anyio.to_thread.run_sync(lambda: until(lambda: asked.waits))
            beside.cancel_scope.cancel()

    agent.does(act)
    until(lambda: not asked.waits)
    until(lambda: threading.active_count() <= before)
    assert who.store().task("020").status == "paused"
