"""Calls that start agents: how far they are, who else is answered meanwhile, and what is left of them."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from tests.cli.person import environment
from tests.engine.conftest import stage
from tests.engine.stage import MAIN, Stage, assert_sound, work
from tests.forked import sow_of
from tests.mcp.parts import Agent, words
from tests.taskfiles.parts import Place
from tests.waiting import until

from sow.api.caller import Caller
from sow.change import Change
from sow.mcp.desk import Desk

__all__ = ["stage"]

HAND_IN = {"report": "needs_review"}


def agent_on(stage: Stage) -> Agent:
    """An orchestrating agent in the repository of a stage."""
    return Agent(Desk.of(Caller(folder=str(stage.main), environment=stage.env)))


def waiting_for(stage: Stage, name: str) -> dict[str, Any]:
    """The step of an agent that waits until `let_go` of that name."""
    return {"wait": {"file": str(stage.tmp / name), "timeout": 60}}


def let_go(stage: Stage, name: str) -> None:
    (stage.tmp / name).touch()


def test_a_run_tells_of_its_progress_and_gives_what_waits(stage: Stage) -> None:
    stage.add(work("a.txt"), name="First")
    stage.add([{"ask": {"question": "Which one?", "options": ["red"]}}], work("b.txt"), name="Second")
    agent, told = agent_on(stage), list[str]()

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async def act(client: Client) -> Any:
        return (await client.call_tool("run", {}, progress_callback=heard)).structured_content

    ran = agent.does(act)
    assert (ran["running"], ran["done"], ran["waits"]) == (False, False, ["010", "020"])
    assert [task["question"] for task in ran["tasks"]] == [None, "Which one?"]
    assert "task 010 started: start" in told
    assert any(line.startswith("task 020 settled") for line in told)

    resumed = agent.told("agent_resume", id="020", prompt="red")
    assert (resumed["task"]["status"], resumed["running"]) == ("needs_review", False)
    assert "red" in stage.told("020")[1]
    assert "+done" in agent.told("task_diff", id="010")
    approved = [agent.told("task_approve", id=task_id) for task_id in ("010", "020")]
    assert [done["how"] for done in approved] == ["merged", "merged"]
    assert agent.told("run")["done"] is True
    assert stage.merged("b.txt") == "done"
    assert_sound(stage)


def test_others_are_answered_meanwhile_and_a_run_that_is_given_up_leaves_its_agents_to_the_next(
    stage: Stage,
) -> None:
    stage.add([waiting_for(stage, "gate"), *work("a.txt")])
    agent, before = agent_on(stage), threading.active_count()

    async def act(client: Client) -> None:
        async with anyio.create_task_group() as beside:
            beside.start_soon(client.call_tool, "run", {})
            # Its attempt is noted before its state says so, and that before there is a process.
            await anyio.to_thread.run_sync(
                lambda: until(lambda: stage.statuses() == {"010": "in_progress"} and stage.alive())
            )
            status = (await client.call_tool("status", {})).structured_content
            assert status is not None
            busy = await client.call_tool("run", {})
            assert (busy.is_error, "sow run" in words(busy)) == (True, True)
            assert status["tasks"][0]["status"] == "in_progress"
            beside.cancel_scope.cancel()

    agent.does(act)
    until(lambda: threading.active_count() <= before)
    assert (stage.statuses(), len(stage.alive()) > 0) == ({"010": "in_progress"}, True)
    let_go(stage, "gate")
    assert agent.told("run")["waits"] == ["010"]
    assert len(stage.tried("010")) == 1
    assert_sound(stage)


def test_a_turn_can_go_on_behind_its_call_as_long_as_the_server_lives_and_longer(stage: Stage) -> None:
    ids = [stage.add([waiting_for(stage, f"gate-{n}"), *work(f"{n}.txt")]) for n in (1, 2)]
    agent = agent_on(stage)

    async def act(client: Client) -> None:
        for task_id in ids:
            begun = (await client.call_tool("agent_spawn", {"id": task_id, "wait": False})).structured_content
            assert begun is not None
            assert (begun["task"]["status"], begun["running"]) == ("in_progress", True)
        let_go(stage, "gate-1")
        await anyio.to_thread.run_sync(lambda: until(lambda: stage.statuses()[ids[0]] == "needs_review"))

    agent.does(act)
    # The first was seen to its end; the second has lost its server.
    assert (stage.statuses(), stage.is_at_work(ids[1])) == (
        {ids[0]: "needs_review", ids[1]: "in_progress"},
        True,
    )
    let_go(stage, "gate-2")
    stage.run()
    assert [len(stage.tried(task_id)) for task_id in ids] == [1, 1]
    assert_sound(stage)


def test_a_run_that_stays_comes_back_at_once_and_takes_up_what_is_added(stage: Stage) -> None:
    agent, before = agent_on(stage), threading.active_count()
    there = Desk.of(Caller(folder=str(stage.main), environment=stage.env)).project()

    async def act(client: Client) -> None:
        missing = await client.call_tool("run", {"stay": True, "wait": False, "task": "090"})
        assert (missing.is_error, "task not found: 090" in words(missing)) == (True, True)
        begun = (await client.call_tool("run", {"stay": True, "wait": False})).structured_content
        assert begun == {"running": True, "done": False, "waits": [], "tasks": [], "spent_usd": None}
        await anyio.to_thread.run_sync(lambda: until(lambda: there.orchestrator() is not None))
        second = await client.call_tool("run", {"stay": True, "wait": False})
        assert (second.is_error, "sow run: held by process" in words(second)) == (True, True)
        stage.add(work("a.txt"))
        # Its agent says so before it ends, and what it was is settled then.
        await anyio.to_thread.run_sync(lambda: until(lambda: any(one.ended for one in stage.tried("010"))))

    agent.does(act)
    until(lambda: threading.active_count() <= before)
    assert stage.statuses() == {"010": "needs_review"}
    assert_sound(stage)


def test_a_run_that_is_not_stayed_for_comes_back_though_all_tasks_wait_for_a_time(stage: Stage) -> None:
    task_id, before = stage.add(work("a.txt")), threading.active_count()
    later = "2126-11-26T09:00:00.000Z"
    stage.store.change_task(task_id, lambda task: Change(task=task.replace(not_before=later)))
    agent = agent_on(stage)
    ran = agent.told("run", wait=False)
    assert (ran["running"], [task["status"] for task in ran["tasks"]]) == (True, ["pending"])
    until(lambda: threading.active_count() <= before)
    assert stage.tried(task_id) == []


def test_what_can_t_begin_behind_a_call_is_refused_by_it(stage: Stage) -> None:
    agent = agent_on(stage)
    task_id = stage.add(work("a.txt"), agent="architect")
    stage.env["SOW_AGENTS_ARCHITECT"] = "cursor"
    for wait in (True, False):
        assert "no program" in agent.refused("agent_spawn", id=task_id, wait=wait)[0]
    assert stage.statuses()[task_id] == "pending"


# -- a process of its own --------------------------------------------------------------------------


class Server:
    """`sow mcp` as a process, spoken to line by line."""

    def __init__(self, folder: Path, environment: dict[str, str], *options: str) -> None:
        words = ["mcp", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", MAIN, *words], cwd=folder, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=sow_of(words, environment),
        )  # fmt: skip
        self._number = 0

    def begins(self) -> str:
        """Shakes hands; gives what the server says of itself."""
        client = {"name": "a test", "version": "1"}
        begun = self.asks("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        told: str = self.hears(begun)["instructions"]
        self.says('{"jsonrpc": "2.0", "method": "notifications/initialized"}')
        return told

    def says(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def asks(self, method: str, **params: object) -> int:
        """Sends a request; gives its number."""
        self._number += 1
        request = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self.says(json.dumps(request))
        return self._number

    def hears(self, number: int) -> Any:
        """The answer to a request; every line before it is a message of the protocol, too."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            message = json.loads(line)
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == number:
                return message.get("result") or message["error"]
        raise AssertionError("it has ended")

    def calls(self, tool: str, **arguments: object) -> int:
        return self.asks("tools/call", name=tool, arguments=arguments)


@contextmanager
def served(folder: Path, environment: dict[str, str], *options: str) -> Iterator[Server]:
    server = Server(folder, environment, *options)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        for pipe in (server.process.stdin, server.process.stdout, server.process.stderr):
            assert pipe is not None
            pipe.close()


def test_a_server_that_is_killed_in_the_midst_of_a_run_has_lost_nothing(stage: Stage) -> None:
    stage.add([waiting_for(stage, "gate"), *work("a.txt")])
    with served(stage.main, stage.env) as server:
        assert "Begin with `status`" in server.begins()
        # A slip of the client's is answered, and is the end of nothing.
        server.says("no JSON")
        assert server.hears(server.asks("no/method"))["code"] == -32601
        assert server.hears(server.calls("task_show", id="990"))["isError"] is True
        server.calls("run")
        until(lambda: stage.alive())
        assert len(server.hears(server.calls("status"))["structuredContent"]["tasks"]) == 1
        server.process.kill()
        assert server.process.wait(120) == -signal.SIGKILL
    assert stage.statuses() == {"010": "in_progress"}
    let_go(stage, "gate")
    stage.run()
    assert (stage.statuses(), len(stage.tried("010"))) == ({"010": "needs_review"}, 1)
    assert_sound(stage)


def test_a_server_ends_with_its_input_and_its_agents_go_on(stage: Stage) -> None:
    stage.add([waiting_for(stage, "gate"), *work("a.txt")])
    with served(stage.main, stage.env) as server:
        client = {"name": "a test", "version": "1"}
        server.asks("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=client)
        server.says('{"jsonrpc": "2.0", "method": "notifications/initialized"}')
        server.calls("run")
        until(lambda: stage.alive())
        assert server.process.stdin is not None
        server.process.stdin.close()
        assert server.process.wait(120) == 0
        assert server.process.stderr is not None
        assert "Traceback" not in server.process.stderr.read()
    assert stage.is_at_work("010")
    let_go(stage, "gate")
    stage.run()
    assert (stage.statuses(), len(stage.tried("010"))) == ({"010": "needs_review"}, 1)
    assert_sound(stage)


@pytest.mark.parametrize("named", [False, True], ids=["in its folder", "by its name"])
def test_a_server_where_task_files_are_is_for_these(tmp_path: Path, named: bool) -> None:
    place = Place(tmp_path / "studio")
    place.shell(one="true")
    place.add("t1")
    (tmp_path / "home").mkdir()
    options = ["--workspace", str(place.folder)] if named else []
    with served(tmp_path if named else place.root, environment(tmp_path / "home"), *options) as server:
        assert "sow runs task files" in server.begins()
        ran = server.hears(server.calls("run", wait=False))["structuredContent"]
        assert ran["running"] or [each["status"] for each in ran["outcomes"]] == ["done"]
        until(lambda: place.task("t1")["status"] == "done")
