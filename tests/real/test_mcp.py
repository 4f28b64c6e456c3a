"""sow's own tools in the hands of a real agent, which `sow run` starts as a person would.

Claude stands for all here, for each start takes seconds; what the others are told is in tests/executors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.model_server import cli_binary, env_for_claude
from tests.real.parts import WAITS, Bench, bench_in

from sow_executors.model_server import Call, ModelServer, Request, Scenario, Text

pytestmark = [pytest.mark.real_cli, pytest.mark.slow]

DONE = Text("It is done.")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with bench_in(tmp_path) as bench:
        bench.settle_in({"type": "claude", "settings": {"program": str(cli_binary("claude"))}})
        bench.offer_tools(True)
        yield bench


def run(bench: Bench, server: ModelServer, plays: Scenario) -> list[Request]:
    """One `sow run` with a model that plays a script; gives the requests that the model saw."""
    scenario = f"run-{len(bench.attempts()) + 1}"
    url = server.scenario(scenario, plays)
    bench.env |= env_for_claude(bench.home, url)
    bench.sow("run", code=WAITS, seconds=240)
    return server.seen(scenario)


def test_claude_asks_and_reports_by_sow_s_own_tools_and_the_answer_comes_in_the_same_session(
    bench: Bench, model_server: ModelServer
) -> None:
    ask = Call(
        "mcp__sow__task_ask", {"question": "Which greeting?", "options": ["hello", "good day"]}, "I must ask."
    )
    first, *_ = run(bench, model_server, [ask, Text("I wait.")])
    assert "the tools of the server `sow`" in "\n".join(first.said("user"))
    assert {name for name in first.asked.tools if name.startswith("mcp__sow__")} == {
        f"mcp__sow__{name}"
        for name in (
            "artifact_add",
            "artifact_list",
            "artifact_remove",
            "artifact_set",
            "feedback_read",
            "task_ask",
            "task_log",
            "task_report",
            "task_show",
        )
    }
    paused = bench.task()
    assert (paused["status"], paused["question"]["text"]) == ("paused", "Which greeting?")
    assert paused["question"]["options"] == ["hello", "good day"]

    bench.sow("task", "answer", "010", "Take good day")
    note = Call("mcp__sow__task_log", {"text": "They want good day."})
    report = Call("mcp__sow__task_report", {"message": "It says good day now."})
    resumed, _, last = run(bench, model_server, [note, report, DONE])
    assert "Take good day" in resumed.said("user")[-1]
    assert "Stop now" in last.tool_results()[-1]
    task = bench.task()
    assert (task["status"], task["session_id"]) == ("needs_review", paused["session_id"])
    assert task["result"]["message"] == "It says good day now."
    assert "They want good day." in (bench.task_folder / "log.md").read_text()
    assert [attempt["action"] for attempt in bench.attempts()] == ["spawn", "resume"]
