"""The ACP executor by itself: what it runs, and what it makes of each line of its bridge."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.executors.bench import CANDIDATES, ID, Candidate, line, run

from sow_executors import catalog
from sow_executors.acp import Acp
from sow_executors.base import (
    Answered,
    Asked,
    BadSettings,
    Denied,
    Failed,
    Finished,
    Kind,
    Limited,
    Report,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)
from sow_executors.extras import CountsOn

CANDIDATE = next(candidate for candidate in CANDIDATES if candidate.name == "acp")
AT = datetime(2026, 11, 21, 23, 49, tzinfo=UTC).timestamp()
SESSION = line(type="session", session_id=ID, agent="fake", version="1", model="big")


def update(of: str, /, **rest: Any) -> str:
    return line(type="update", update={"sessionUpdate": of, **rest})


def chunk(text: str, **rest: Any) -> str:
    return update("agent_message_chunk", content={"type": "text", "text": text}, **rest)


def ended(reason: str = "end_turn", **rest: Any) -> str:
    return line(type="ended", stop_reason=reason, **rest)


def outcome(*lines: str, code: int | None = 0, stderr: str = "") -> tuple[list[Report], Finished | Failed]:
    return run(CANDIDATE.executor, lines, code, stderr)


# What is run


def test_the_agent_is_run_by_our_own_python_behind_the_bridge_and_without_the_worktrees_modules() -> None:
    turn = replace(
        CANDIDATE.turn(), writable=("/a",), allowed_commands=("sow", "make check"), grace_seconds=3.0
    )
    argv = CANDIDATE.executor.spawn(turn).argv
    assert argv[:2] == (sys.executable, "-P")
    assert {"--scratch=/scratch", "--writable=/a", "--allow=sow", "--allow=make check", "--grace=3"} <= set(
        argv
    )
    assert argv[-3:] == ("--command", "my-agent", "--acp")
    assert not {"--yolo", "--ask"} & set(argv)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"yolo_mode": True}, ["--yolo"]),
        ({"permissions": "ask", "wait_seconds": 90}, ["--ask", "--wait=90"]),
        ({"mode": "code", "model": "big", "auth": "key"}, ["--mode=code", "--model=big", "--auth=key"]),
    ],
)
def test_a_setting_becomes_a_word_of_the_bridge(settings: dict[str, Any], words: list[str]) -> None:
    argv = CANDIDATE.executor.spawn(CANDIDATE.turn(**settings)).argv
    assert [word for word in words if word in argv[: argv.index("--command")]] == words


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"command": []}, "command"),
        ({"command": "gemini --acp"}, "command"),
        ({"command": ["--acp"]}, "command"),
        ({"permissions": "never"}, "permissions"),
        ({"wait_seconds": 0}, "wait_seconds"),
        ({"mode": "-x"}, "mode"),
        ({"environment": "GEMINI_API_KEY"}, "environment"),
    ],
)
def test_a_setting_that_can_t_be_is_named(settings: dict[str, object], key: str) -> None:
    given = {**CANDIDATE.settings, **settings}
    with pytest.raises(BadSettings) as raised:
        catalog.get("acp", given).spawn(Candidate("acp", given).turn())
    assert raised.value.key == key


def test_the_users_variables_for_the_agent_are_let_through_by_name() -> None:
    assert Acp({"environment": ["GEMINI_*"]}).environment == ("GEMINI_*",)


def test_a_session_is_opened_for_a_person_by_the_program_that_the_user_names() -> None:
    turn = CANDIDATE.turn(attach_argv=["claude", "--resume", "{session_id}"])
    assert CANDIDATE.executor.attach(turn).argv == ("claude", "--resume", ID)
    with pytest.raises(BadSettings, match="attach_argv"):
        CANDIDATE.executor.attach(CANDIDATE.turn())


def test_the_library_of_the_protocol_is_loaded_by_the_bridge_alone() -> None:
    listed = "import sys, sow.cli.run, sow.scheduler, sow_executors.acp; print(*sys.modules)"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", listed], env=env, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "sow_executors.acp" in loaded
    assert [name for name in loaded if name.split(".")[0] in ("acp", "pydantic")] == []


# What a line means


@pytest.mark.parametrize(
    ("lines", "reports"),
    [
        pytest.param([SESSION], [Started(ID, "big", "1")], id="a session"),
        pytest.param(
            [chunk("Hel"), chunk("lo. "), update("plan"), chunk("Bye"), ended()],
            [Said("Hello."), Said("Bye"), Finished("Bye")],
            id="pieces of a message belong together until something else comes",
        ),
        pytest.param(
            [chunk("One.", messageId="1"), chunk("Two.", messageId="2"), ended()],
            [Said("One."), Said("Two."), Finished("Two.")],
            id="a message ends where the next one begins",
        ),
        pytest.param(
            [update("agent_thought_chunk", content={"type": "text", "text": "hm"})], [], id="a thought"
        ),
        pytest.param(
            [
                update("tool_call", toolCallId="1", title="`ls`", kind="execute", rawInput={"command": "ls"}),
                update("tool_call_update", toolCallId="1", status="in_progress"),
                update("tool_call_update", toolCallId="1", status="completed"),
                update("tool_call_update", toolCallId="1", status="completed"),
            ],
            [Used("execute", "ls", "1"), Returned("1")],
            id="a tool is used once and comes back once",
        ),
        pytest.param(
            [update("tool_call_update", toolCallId="1", title="ls", kind="execute", status="completed")] * 2,
            [Used("execute", "ls", "1"), Returned("1")],
            id="a tool that is told of when it comes back",
        ),
        pytest.param(
            [update("tool_call", toolCallId="1", title="Edit a.txt", kind="edit", status="failed")],
            [Used("edit", "Edit a.txt", "1"), Returned("1", ok=False)],
            id="a tool that failed at once",
        ),
        pytest.param(
            [
                update("tool_call", toolCallId="1", title="Terminal", kind="execute", status="pending"),
                update("tool_call_update", toolCallId="1", rawInput={"command": "ls"}, kind=None),
                update("tool_call_update", toolCallId="1", status="completed"),
                update("tool_call", toolCallId="2", kind="execute", status="pending", rawInput={"cwd": "/"}),
                update("tool_call_update", toolCallId="2", title="pwd", rawInput={"command": "pwd"}),
                update("tool_call", toolCallId="3", title="Terminal", kind="execute", status="pending"),
                ended(),
            ],
            [
                Used("execute", "ls", "1"),
                Returned("1"),
                Used("execute", "pwd", "2"),
                Used("execute", "Terminal", "3"),
                Finished("", 0),
            ],
            id="a tool that tells what it is about a moment later",
        ),
        pytest.param(
            [line(type="denied", tool="fetch", detail="http://x", reason="no")],
            [Denied("fetch", "http://x", "no")],
            id="a refusal",
        ),
        pytest.param(
            [
                chunk("May I?"),
                line(type="asked", id="p-1", question="Run x?", options=["Allow", "Reject"]),
                line(type="answered", id="p-1", text="Allow"),
            ],
            [
                Said("May I?"),
                Asked("Run x?", ("Allow", "Reject"), "permission", "p-1"),
                Answered("p-1", "Allow"),
            ],
            id="a question that is held, and its answer",
        ),
        pytest.param(
            [update("usage_update", used=9, size=100, cost={"amount": 1.0, "currency": "EUR"})],
            [],
            id="money of another country is no dollars",
        ),
    ],
)
def test_a_line_means(lines: list[str], reports: list[Report]) -> None:
    assert outcome(*lines)[0] == reports


def after(spent: Spent, *lines: str) -> list[Report]:
    """What a reader tells of a session that had used something before."""
    executor = CANDIDATE.executor
    assert isinstance(executor, CountsOn)
    reader = executor.reader_after(ID, spent)
    return [report for each in lines for report in reader.read(each) if isinstance(report, Spent)]


def test_cost_is_what_came_to_the_sessions_total_and_tokens_are_those_of_the_prompt() -> None:
    assert after(
        Spent(100, 10, 0, 1.0),
        update("usage_update", cost={"amount": 1.25, "currency": "USD"}),
        update("usage_update", cost={"amount": 1.5, "currency": "USD"}),
        ended(usage={"inputTokens": 130, "outputTokens": 15, "cachedReadTokens": 7}),
    ) == [Spent(usd=0.25), Spent(usd=0.25), Spent(130, 15, 7)]


def test_a_total_that_begins_anew_counts_from_nothing() -> None:
    told = update("usage_update", cost={"amount": 0.25, "currency": "USD"})
    assert after(Spent(usd=1.0), told) == [Spent(usd=0.25)]


@given(totals=st.lists(st.floats(0, 1000), min_size=1, max_size=8))
def test_the_parts_of_a_growing_total_sum_up_to_it(totals: list[float]) -> None:
    totals.sort()
    reports, _ = outcome(*(update("usage_update", cost={"amount": t, "currency": "USD"}) for t in totals))
    assert sum(r.usd or 0 for r in reports if isinstance(r, Spent)) == pytest.approx(totals[-1])


@given(
    text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
)
def test_however_a_message_is_cut_into_pieces_it_is_said_whole(text: str, cuts: list[int]) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[a:b] for a, b in itertools.pairwise(places)]
    reports, end = outcome(*map(chunk, pieces), ended())
    assert [report.text for report in reports if isinstance(report, Said)] == [text.strip()] * bool(
        text.strip()
    )
    assert end == Finished(text.strip())


# How it ended


def failed(step: str, code: object = -32603, message: str = "Internal error", **data: object) -> str:
    return line(type="failed", step=step, code=code, message=message, data=data)


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        (ended("cancelled"), "interrupted"),
        (ended("cancelled", refused=True), "tool_permission_denied"),
        (ended("max_tokens"), "output_limit"),
        (ended("max_turn_requests"), "max_turns"),
        (ended("refusal"), "content_filter"),
        (ended("whatever"), "unknown"),
        (failed("session/new", -32000, "Authentication required"), "auth_invalid"),
        (failed("authenticate", -32602, "no such method"), "auth_invalid"),
        (failed("session/resume", -32002, "Resource not found"), "session_not_found"),
        (failed("session/load", -32603, details="Invalid session identifier"), "session_not_found"),
        (
            failed("session/load", -32603, details="No previous sessions found for this project."),
            "session_not_found",
        ),
        (
            failed("session/resume", -32603, "OpenCode service failure", service="session"),
            "session_not_found",
        ),
        (failed("session/prompt", -32002, "Resource not found"), "unknown"),
        (failed("session/prompt", errorKind="server_error"), "server_error"),
        (failed("session/prompt", errorKind="server_error", details="529 Overloaded"), "overloaded"),
        (failed("session/prompt", errorKind="rate_limit"), "rate_limit"),
        (
            failed("session/prompt", message="You've hit your 5-hour limit", errorKind="rate_limit"),
            "usage_limit",
        ),
        (failed("session/prompt", message="Your quota will reset after 8608s."), "usage_limit"),
        (failed("session/prompt", errorKind="billing_error"), "billing_exhausted"),
        (failed("session/prompt", details="You've hit your 5-hour limit"), "usage_limit"),
        (failed("session/prompt", details="API Error: 401 Invalid API key"), "auth_invalid"),
        (failed("session/prompt", details="connect ECONNREFUSED 127.0.0.1:1"), "network"),
        (failed("session/set_model", "", "the agent has no model x"), "config_invalid"),
        (failed("start", "missing", "x can't be started"), "missing_tool"),
        (line(type="died", exit_code=-9), "crash_signal"),
        (line(type="died", exit_code=3), "unknown"),
        (line(type="died", exit_code=0), "unknown"),
        (line(type="stopped", signal="SIGTERM"), "interrupted"),
    ],
)
def test_a_turn_that_did_not_come_to_its_end_says_why(last: str, kind: Kind) -> None:
    _, end = outcome(SESSION, chunk("Well"), last, code=1)
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert end.message


@pytest.mark.parametrize(
    ("message", "limit"),
    [
        ("You've hit your 5-hour limit · resets 2:18am (UTC)", Limited("rejected", AT + 9000, "five_hour")),
        (
            "You've hit your Opus limit · resets 2:18am (UTC)",
            Limited("rejected", AT + 9000, "seven_day_opus", model="opus"),
        ),
        ("Your quota will reset after 9000s.", Limited("rejected", AT + 9000)),
        ("You've hit your usage limit.", Limited("rejected")),
        (
            "You’ve hit your usage limit for GPT-5.3-Codex-Spark. Switch to another model now, or wait.",
            Limited("rejected", None, "gpt-5.3-codex-spark_usage", model="gpt-5.3-codex-spark"),
        ),
        (
            "You have exhausted your capacity on this model. Your quota will reset after 9000s.",
            Limited("rejected", AT + 9000, "big_quota", model="big"),
        ),
    ],
)
def test_a_limit_is_told_with_its_end_by_the_time_at_which_the_agent_said_so(
    message: str, limit: Limited
) -> None:
    session = line(type="session", session_id="s-1", how="new", model="Big")
    told = line(type="failed", step="session/prompt", message=message, at=AT)
    reports, end = outcome(session, told, code=1)
    assert isinstance(end, Failed)
    assert (end.kind, end.resets_at) == ("usage_limit", limit.resets_at)
    assert limit in reports


def test_the_end_of_a_short_limit_is_told_too() -> None:
    _, end = outcome(SESSION, line(type="failed", message="429: Please retry in 12s", at=AT), code=1)
    assert end == Failed("rate_limit", "429: Please retry in 12s", AT + 12)


def test_an_error_behind_the_last_words_is_an_error() -> None:
    _, end = outcome(SESSION, chunk("Well.\n\nError: T: [resource_exhausted] Error"), ended())
    assert end == Failed("rate_limit", "Error: T: [resource_exhausted] Error")


def test_an_error_that_is_told_by_a_sign_and_in_words_is_an_error() -> None:
    def sign(status: str) -> str:
        return update("session_info_update", _meta={"codex": {"threadStatus": {"type": status}}})

    words = "Selected model is at capacity. Please try a different model."
    named = update("session_info_update", title="The task")
    lines = (SESSION, sign("active"), sign("systemError"), chunk(words), named, ended())
    assert outcome(*lines)[1] == Failed("overloaded", words)
    assert outcome(*lines, line(type="prompt"), sign("active"), chunk("Fine."), ended())[1] == Finished(
        "Fine.", 1
    )


def test_an_end_of_another_session_is_no_end_of_this_one() -> None:
    _, end = outcome(line(type="session", session_id="other", agent="fake"), ended())
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"


def test_a_prompt_with_more_to_come_is_not_the_end() -> None:
    reports, end = outcome(SESSION, ended("refusal", more=True), line(type="prompt"), chunk("Fine."), ended())
    assert [report for report in reports if isinstance(report, Failed | Finished)] == [Finished("Fine.", 1)]
    assert end == Finished("Fine.", 1)


def test_a_bridge_that_was_killed_in_the_middle_left_no_outcome() -> None:
    _, end = outcome(SESSION, chunk("Well"), code=-9)
    assert isinstance(end, Failed)
    assert end.kind == "crash_signal"


def test_what_is_no_line_of_the_bridge_is_passed_over() -> None:
    assert outcome("npm warn deprecated", json.dumps([1]), line(type="new_thing"), SESSION)[0] == [
        Started(ID, "big", "1")
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("authentication_failed", "auth_invalid"),
        ("oauth_org_not_allowed", "access_denied"),
        ("billing_error", "billing_exhausted"),
        ("usage_limit_reached", "usage_limit"),
        ("overloaded", "overloaded"),
        ("connection_failed", "network"),
        ("invalid_request", "invalid_request"),
        ("model_not_found", "model_not_found"),
        ("max_output_tokens", "output_limit"),
        ("prompt_too_long", "context_overflow"),
    ],
)
def test_every_kind_of_error_that_an_agent_names_has_its_class(error: str, kind: str) -> None:
    _, end = run(Acp(), [failed("session/prompt", errorKind=error)], 1)
    assert isinstance(end, Failed)
    assert end.kind == kind
