"""What only Gemini CLI does under the whole orchestrator; see also test_orchestrated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.real.cast import GEMINI
from tests.real.parts import bench_in
from tests.real.stage import DONE, HAND_IN, Stage, told

from sow_executors import gemini_defaults
from sow_executors.model_server import Call, ModelServer, unauthorized

# Many starts in one test, each of seconds: on a busy machine they add up.
pytestmark = [pytest.mark.real_cli, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def stage(no_tmp_path: Path, model_server: ModelServer) -> Iterator[Stage]:
    with bench_in(no_tmp_path) as bench:
        yield Stage(GEMINI, bench, model_server, 240)


def test_a_session_that_never_had_an_answer_gives_way_to_a_new_one(stage: Stage) -> None:
    """Gemini neither lists such a session nor lets another one have its id.

    It hands in by sow's own tools, where root runs the tests: nobody else's offer does it take.
    """
    bench = stage.bench
    stage.run(unauthorized())
    paused = bench.task()
    assert (paused["status"], paused["question"]["kind"]) == ("paused", "failure")
    assert "Log the CLI in again" in paused["question"]["text"]
    bench.sow("task", "retry", "010")
    bench.offer_tools(True)
    is_root_s = gemini_defaults.are_ours(str(bench.repo / ".sow/runtime/greet/attempts"), {})
    report = Call("mcp_sow_task_report", {"message": "It greets."})
    seen = stage.run(report if is_root_s else HAND_IN, DONE)
    task = bench.task()
    assert task["status"] == "needs_review"
    assert task.get("result", {}).get("message") == ("It greets." if is_root_s else None)
    assert ("mcp_sow_task_show" in seen[0].asked.tools) is is_root_s
    assert ("the tools of the server `sow`" in told(seen[0])) is is_root_s
    assert task["session_id"] != paused["session_id"]
    assert "Write a greeting." in told(seen[0])
    assert [each.get("error_class") for each in bench.attempts()] == [
        "auth_invalid",
        "session_not_found",
        "session_conflict",
        None,
    ]
