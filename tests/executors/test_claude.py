"""Claude Code as values: its command lines, and what its stream means. The real program is in tests/real/."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from tests.executors.bench import ID, OTHER_ID, Candidate, line, run

from sow_executors import claude_hook
from sow_executors.base import (
    Asked,
    BadSettings,
    Denied,
    Failed,
    Finished,
    Limited,
    Report,
    Retried,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)
from sow_executors.claude import Claude
from sow_executors.extras import Answer, Login, Opened

BENCH = Candidate("claude")
HEADLESS = ("-p", "--output-format", "stream-json", "--verbose")
CAREFUL = ("--permission-mode=acceptEdits", "--permission-prompts=none", "--allowedTools=Bash(sow:*)")
USAGE = {"inputTokens": 100, "outputTokens": 20, "cacheReadInputTokens": 7, "cacheCreationInputTokens": 3}


def init(session_id: str = ID) -> str:
    named = {"session_id": session_id, "model": "claude-opus-5-5", "claude_code_version": "2.1.329"}
    return line(type="system", subtype="init", cwd="/tree", **named)


def assistant(*blocks: dict[str, Any], **more: Any) -> str:
    return line(
        type="assistant", message={"role": "assistant", "content": list(blocks)}, session_id=ID, **more
    )


def said(text: str) -> str:
    return assistant({"type": "text", "text": text})


def fault(text: str, error: str, **more: Any) -> str:
    return assistant({"type": "text", "text": text}, error=error, **more)


def result(text: str = "Done.", **more: Any) -> str:
    whole = {"type": "result", "subtype": "success", "is_error": False, "num_turns": 2, "session_id": ID}
    # The order of the fields is not stable: this one does not begin with its type.
    return line(duration_ms=5, result=text, **{**whole, **more})


def api_error(text: str, status: int | None, **more: Any) -> str:
    return result(text, is_error=True, api_error_status=status, terminal_reason="api_error", **more)


def test_a_turn_is_told_by_the_model_s_answer_and_a_helper_s_belongs_to_it() -> None:
    reader = Claude().reader(ID)

    def turn(message: str, **more: Any) -> str:
        block = {"type": "text", "text": "x"}
        (report,) = reader.read(
            line(type="assistant", message={"id": message, "content": [block]}, session_id=ID, **more)
        )
        assert isinstance(report, Said)
        return report.turn

    told = [turn("m1"), turn("m1"), turn("h1", parent_tool_use_id="call"), turn("m2")]
    assert told == ["m1", "m1", "m1", "m2"]


def test_a_spawn_names_the_session_and_gives_the_prompt_on_standard_input() -> None:
    command = Claude().spawn(BENCH.turn("hello"))
    assert command.argv == ("claude", *HEADLESS, "--session-id", ID, *CAREFUL)
    assert (command.folder, command.stdin) == ("/tree", "hello")
    assert command.env == {"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1"}


def test_a_resume_goes_on_with_the_session() -> None:
    assert Claude().resume(BENCH.turn()).argv == ("claude", *HEADLESS, "--resume", ID, *CAREFUL)


def test_a_terminal_opens_the_same_session_with_the_same_permissions() -> None:
    command = Claude().attach(BENCH.turn())
    assert command.argv == ("claude", "--resume", ID, *CAREFUL)
    assert command.stdin is None


def test_yolo_mode_skips_every_permission() -> None:
    argv = Claude().spawn(BENCH.turn(yolo_mode=True)).argv
    assert "--dangerously-skip-permissions" in argv
    assert not [word for word in argv if "permission-mode" in word or "allowedTools" in word]


def test_allowed_commands_and_writable_folders_are_one_argument_each() -> None:
    turn = replace(BENCH.turn(), allowed_commands=("sow", "make check"), writable=("/task", "/out side"))
    assert Claude().spawn(turn).argv[7:] == (
        "--add-dir=/task",
        "--add-dir=/out side",
        "--permission-mode=acceptEdits",
        "--permission-prompts=none",
        "--allowedTools=Bash(sow:*)",
        "--allowedTools=Bash(make check:*)",
    )


def test_settings_become_options() -> None:
    turn = BENCH.turn(model="opus", max_turns=7, max_budget_usd=0.5, program="/opt/claude")
    argv = Claude().spawn(turn).argv
    assert argv[0] == "/opt/claude"
    assert argv[-3:] == ("--model=opus", "--max-turns=7", "--max-budget-usd=0.5")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"max_turns": 0}, "max_turns is a whole number above 0, not 0"),
        ({"max_turns": 1.5}, "max_turns is a whole number above 0"),
        ({"max_turns": True}, "max_turns is a whole number above 0"),
        ({"max_budget_usd": float("inf")}, "max_budget_usd is a number above 0"),
        ({"permissions": "maybe"}, "permissions is rules or ask, not 'maybe'"),
        ({"model": "--help"}, "model can't begin with a dash"),
        ({"model": ""}, "model is a text"),
    ],
)
def test_a_value_that_claude_would_choke_on_is_named(settings: dict[str, object], told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        Claude().spawn(BENCH.turn("hello", ID, **settings))


@pytest.mark.parametrize("argument", ["--resume", "--output-format=text", "--bg", "-c"])
def test_an_argument_that_would_break_the_turn_is_refused(argument: str) -> None:
    with pytest.raises(BadSettings, match=argument):
        Claude().spawn(replace(BENCH.turn(), custom_args=(argument,)))


def test_only_a_uuid_is_an_id() -> None:
    assert Claude().accepts(ID)
    assert Claude().accepts(ID.upper())
    assert not Claude().accepts("abc-123")
    assert not Claude().accepts(ID + "\n")


@pytest.mark.parametrize(
    ("given", "reports"),
    [
        pytest.param(init(), [Started(ID, "claude-opus-5-5", "2.1.329")], id="start"),
        pytest.param(said("hi"), [Said("hi")], id="speech"),
        pytest.param(said(" \n"), [], id="blank speech"),
        pytest.param("npm warn deprecated", [], id="noise"),
        pytest.param(assistant({"type": "thinking", "thinking": "hm"}), [], id="thought"),
        pytest.param(
            assistant({"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "make\n check"}}),
            [Used("Bash", "make check", "t1")],
            id="shell call",
        ),
        pytest.param(
            assistant({"type": "tool_use", "id": "t1", "name": "X", "input": {"n": 1, "ü": [2]}}),
            [Used("X", '{"n": 1, "ü": [2]}', "t1")],
            id="call of an unknown tool",
        ),
        pytest.param(
            line(type="user", message={"content": [{"type": "tool_result", "tool_use_id": "t1"}]}),
            [Returned("t1", ok=True)],
            id="tool result",
        ),
        pytest.param(
            line(
                type="user",
                message={"content": [{"type": "tool_result", "tool_use_id": "t1", "is_error": True}]},
            ),
            [Returned("t1", ok=False)],
            id="failed tool",
        ),
        pytest.param(
            line(
                type="rate_limit_event",
                rate_limit_info={"status": "rejected", "resetsAt": 1795227523, "rateLimitType": "five_hour"},
            ),
            [Limited("rejected", 1795227523.0, "five_hour")],
            id="limit reached",
        ),
        pytest.param(
            # As 2.1.329 prints it, but for the windows.
            line(
                type="rate_limit_event",
                rate_limit_info={
                    "status": "allowed_warning",
                    "resetsAt": 1795640345,
                    "rateLimitType": "five_hour",
                    "utilization": 0.93,
                    "isUsingOverage": False,
                    "surpassedThreshold": 0.9,
                },
            ),
            [Limited("warning", 1795640345.0, "five_hour", 93.0, 90.0)],
            id="limit nearly reached",
        ),
        pytest.param(
            line(
                type="rate_limit_event",
                rate_limit_info={"status": "rejected", "rateLimitType": "seven_day_opus"},
            ),
            [Limited("rejected", None, "seven_day_opus", model="opus")],
            id="one model's limit reached",
        ),
        pytest.param(
            line(type="rate_limit_event", rate_limit_info={"status": "rejected", "isUsingOverage": True}),
            [Limited("warning")],
            id="limit reached, going on at a price",
        ),
        pytest.param(line(type="rate_limit_event", rate_limit_info={"status": "allowed"}), [], id="no limit"),
        pytest.param(
            line(
                type="system",
                subtype="api_retry",
                attempt=2,
                retry_delay_ms=549,
                error_status=529,
                error="overloaded",
            ),
            [Retried(2, "overloaded (529)", 0.549)],
            id="retry",
        ),
        pytest.param(line(type="stream_event", event={}), [], id="unknown event"),
        pytest.param(line(type="system", subtype="hook_started"), [], id="unknown system event"),
    ],
)
def test_read(given: str, reports: list[Report]) -> None:
    assert Claude().reader(ID).read(given) == reports


def test_a_limit_is_told_when_it_changes() -> None:
    near, out = ({"status": s, "rateLimitType": "five_hour"} for s in ("allowed_warning", "rejected"))
    lines = [line(type="rate_limit_event", rate_limit_info=info) for info in (near, near, out, out)]
    reports, _ = run(Claude(), lines)
    assert reports == [Limited("warning", None, "five_hour"), Limited("rejected", None, "five_hour")]


def test_a_session_is_named_once_though_every_turn_opens_with_it() -> None:
    reports, _ = run(Claude(), [init(), said("a"), result(), init(), said("b"), result()])
    assert [r for r in reports if isinstance(r, Started)] == [Started(ID, "claude-opus-5-5", "2.1.329")]


def test_the_last_result_wins() -> None:
    _, end = run(Claude(), [init(), result("first"), said("more"), result("second", num_turns=3)])
    assert end == Finished("second", 3)


def test_a_refused_tool_is_told_once_and_the_run_is_no_failure() -> None:
    told = {"tool_name": "Bash", "tool_use_id": "t1"}
    again = {**told, "tool_input": {"command": "curl x"}}
    other = {"tool_name": "WebFetch", "tool_use_id": "t2", "tool_input": {"url": "http://x"}}
    lines = [
        init(),
        assistant({"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "curl x"}}),
        line(type="system", subtype="permission_denied", decision_reason="nobody to ask", **told),
        result(permission_denials=[again, other]),
        result(permission_denials=[again, other]),
    ]
    reports, end = run(Claude(), lines)
    denied = [r for r in reports if isinstance(r, Denied)]
    assert denied == [Denied("Bash", "curl x", "nobody to ask"), Denied("WebFetch", "http://x")]
    assert isinstance(end, Finished)


def test_a_deferred_tool_is_a_question_of_permission() -> None:
    deferred = {"id": "t1", "name": "Bash", "input": {"command": "rm -r build"}}
    reports, end = run(
        Claude(), [init(), result("", stop_reason="tool_deferred", deferred_tool_use=deferred)]
    )
    options = ("allow once", "allow for this task", "deny")
    asked = Asked("The agent asks to run: rm -r build", options, "permission")
    assert asked in reports
    assert isinstance(end, Finished)


@pytest.mark.parametrize(
    ("calls", "is_crowded"), [(["t1"], False), (["t0", "t1"], False), (["t1", "t2"], True)]
)
def test_a_call_that_others_came_behind_is_told_as_such(calls: list[str], is_crowded: bool) -> None:
    # One message, told a block at a time; the one before it is another.
    blocks = [
        {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": "make"}} for call in calls
    ]
    told = [line(type="assistant", message={"id": "m1", "content": [block]}) for block in blocks]
    other = {"type": "tool_use", "id": "t9", "name": "Bash", "input": {}}
    before = line(type="assistant", message={"id": "m0", "content": [other]})
    deferred = {"id": "t1", "name": "Bash", "input": {"command": "make"}}
    reports, _ = run(Claude(), [init(), before, *told, result("", deferred_tool_use=deferred)])
    (asked,) = [report for report in reports if isinstance(report, Asked)]
    assert asked.crowded is is_crowded


DENIED = {"tool_name": "Bash", "tool_use_id": "t1", "tool_input": {"command": "make"}}
TOLD_HOW = line(type="system", subtype="permission_denied", decision_reason=claude_hook.AGAIN, **DENIED)


@pytest.mark.parametrize(
    ("told", "denied"),
    [
        pytest.param(
            {"permission_denials": [DENIED]},
            [Denied("Bash", "make", "the agent was told how to ask, and did not")],
            id="what the agent then left is denied",
        ),
        pytest.param(
            {"permission_denials": [DENIED, {**DENIED, "tool_use_id": "t2"}]},
            [Denied("Bash", "make", "")],
            id="what is denied once more counts once",
        ),
        pytest.param(
            {
                "permission_denials": [DENIED],
                "deferred_tool_use": {"name": "Bash", "input": {"command": "make"}},
            },
            [],
            id="what a person is asked about is not denied",
        ),
    ],
)
def test_a_call_that_was_denied_with_how_to_ask(told: dict[str, Any], denied: list[Denied]) -> None:
    reports, _ = run(Claude(), [init(), TOLD_HOW, result(**told)])
    assert [each for each in reports if isinstance(each, Denied)] == denied


@pytest.mark.parametrize(
    "words", [f"{claude_hook.REFUSED} They say: later", claude_hook.LEFT, claude_hook.CUT_OFF]
)
def test_what_a_person_has_answered_is_not_told_to_them(words: str) -> None:
    held = f"PreToolUse:Bash hook error: {words}"
    block = {"type": "tool_result", "tool_use_id": "t1", "content": held, "is_error": True}
    no = line(type="user", message={"role": "user", "content": [block]})
    reports, _ = run(Claude(), [init(), no, result(permission_denials=[DENIED])])
    assert [each for each in reports if isinstance(each, Denied)] == []


def test_where_a_person_is_asked_one_process_has_settings_of_its_own() -> None:
    scratch = "/a [b]/attempts/one"
    command = Claude().spawn(replace(BENCH.turn(permissions="ask"), scratch=scratch))
    assert f"--settings={scratch}/claude-settings.json" in command.argv
    assert "--permission-prompts=none" not in command.argv
    held = json.loads(command.files[f"{scratch}/claude-settings.json"])
    # A rule is a pattern, and a folder's name is none.
    assert held["permissions"] == {"deny": ["Edit(//a \\[b\\]/attempts/**)"]}
    assert sorted(held["hooks"]) == ["PermissionRequest", "PreToolUse"]
    assert json.loads(command.files[f"{scratch}/permissions.json"]) == {
        "tried": f"{scratch}/tried",
        "deferred": f"{scratch}/inbox/permission.deferred",
        "granted": [],
    }


@pytest.mark.parametrize(
    "settings", [{}, {"permissions": "rules"}, {"permissions": "ask", "yolo_mode": True}], ids=str
)
def test_where_nobody_is_asked_there_is_no_hook(settings: dict[str, Any]) -> None:
    command = Claude().spawn(BENCH.turn(**settings))
    assert (command.files, [word for word in command.argv if "settings" in word]) == ({}, [])


def test_settings_of_the_users_can_t_take_the_place_of_those_that_ask() -> None:
    for argument in ("--settings", "--settings=mine.json"):
        turn = replace(BENCH.turn(permissions="ask"), custom_args=(argument,))
        with pytest.raises(BadSettings, match="--settings"):
            Claude().spawn(turn)
        assert argument in Claude().spawn(replace(turn, settings={})).argv


def test_cost_is_what_each_result_adds() -> None:
    since = {"opus": {**USAGE, "costUSD": 0.5}, "haiku": {**USAGE, "costUSD": 0.25}}
    # A resumed session's totals go on from where they were.
    lines = [result(total_cost_usd=9.75, model_usage_since_last_result=since)] * 2
    assert spent(lines) == [Spent(206, 40, 14, 0.75)] * 2


def test_cost_by_totals_where_that_is_all_there_is() -> None:
    usage = {"input_tokens": 10, "output_tokens": 2, "cache_read_input_tokens": 1}
    totals = (0.25, 0.75, 0.5)  # the last one of a process that counts anew
    told = spent([result(total_cost_usd=total, usage=usage) for total in totals])
    assert told == [Spent(10, 2, 1, 0.25), Spent(10, 2, 1, 0.5), Spent(10, 2, 1, 0.5)]


def test_a_result_that_cost_nothing_is_no_spending() -> None:
    assert spent([result(total_cost_usd=0, model_usage_since_last_result={})]) == []


def spent(lines: list[str]) -> list[Spent]:
    return [report for report in run(Claude(), lines)[0] if isinstance(report, Spent)]


def test_an_end_is_told_as_soon_as_it_is_read_for_the_program_may_live_on() -> None:
    assert run(Claude(), [result("All done.", num_turns=3)])[0] == [Finished("All done.", 3)]
    (told,) = run(Claude(), [api_error("Invalid API key", 401)])[0]
    assert isinstance(told, Failed)
    assert told.kind == "auth_invalid"


def test_a_result_with_turns_queued_behind_it_is_not_the_end() -> None:
    assert run(Claude(), [result("half", queued_turn_count=1)])[0] == []


LIMIT = {"rate_limit_info": {"resetsAt": 1795264089, "status": "rejected"}}


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        pytest.param(
            [fault("Invalid API key", "authentication_failed"), api_error("Invalid API key", 401)],
            "auth_invalid",
            id="401",
        ),
        pytest.param(
            [
                fault("Failed to authenticate. API Error: 403", "authentication_failed"),
                api_error("Failed to authenticate. API Error: 403", 403),
            ],
            "access_denied",
            id="403",
        ),
        pytest.param(
            [fault("Your organization has disabled …", "oauth_org_not_allowed"), api_error("…", 403)],
            "access_denied",
            id="organization",
        ),
        pytest.param(
            [fault("Not logged in", "authentication_failed"), api_error("Not logged in", None)],
            "auth_invalid",
            id="no credentials",
        ),
        pytest.param(
            [fault("API Error: Request rejected (429)", "rate_limit"), api_error("…", 429)],
            "rate_limit",
            id="429",
        ),
        pytest.param(
            [
                fault("You've hit", "rate_limit", api_error="usage_limit_reached", api_error_params=LIMIT),
                api_error("You've hit your 5-hour limit", 429),
            ],
            "usage_limit",
            id="usage limit",
        ),
        pytest.param(
            [
                fault("Credit balance is too low", "billing_error"),
                api_error("Credit balance is too low", 400),
            ],
            "billing_exhausted",
            id="credit",
        ),
        pytest.param(
            [fault("API Error: 529 Overloaded", "server_error"), api_error("…", 529)], "overloaded", id="529"
        ),
        pytest.param(
            [fault("API Error: 500", "server_error"), api_error("…", 500)], "server_error", id="500"
        ),
        pytest.param(
            [fault("API Error: 503", "server_error"), api_error("…", 503)], "server_error", id="503"
        ),
        pytest.param(
            [fault("refused", "server_error", api_error="connection_failed"), api_error("…", None)],
            "network",
            id="connection refused",
        ),
        pytest.param(
            [fault("Request timed out.", "server_error"), api_error("…", None)], "network", id="no answer"
        ),
        pytest.param(
            [
                fault("Prompt is too long", "invalid_request"),
                result("Prompt is too long", is_error=True, terminal_reason="prompt_too_long"),
            ],
            "context_overflow",
            id="prompt too long",
        ),
        pytest.param(
            [
                fault("too large", "invalid_request"),
                result("…", is_error=True, terminal_reason="image_error"),
            ],
            "invalid_request",
            id="413",
        ),
        pytest.param(
            [fault("There's an issue with the model", "model_not_found"), api_error("…", 404)],
            "model_not_found",
            id="unknown model",
        ),
        pytest.param(
            [fault("exceeded the output", "max_output_tokens"), api_error("…", None)],
            "output_limit",
            id="output cap",
        ),
        pytest.param(
            [fault("flagged", "invalid_request"), api_error("…", None, stop_reason="refusal")],
            "content_filter",
            id="refusal",
        ),
        pytest.param(
            [
                result(
                    "",
                    is_error=True,
                    subtype="error_max_turns",
                    errors=["Reached maximum number of turns (2)"],
                )
            ],
            "max_turns",
            id="turns",
        ),
        pytest.param(
            [result("", subtype="error_max_budget_usd", is_error=True)], "budget_exceeded", id="budget"
        ),
        pytest.param(
            [result("", is_error=True, subtype="error_during_execution", terminal_reason="aborted_tools")],
            "interrupted",
            id="interrupted in a tool",
        ),
        pytest.param(
            [
                line(
                    type="result",
                    subtype="error_during_execution",
                    errors=[f"No conversation found with session ID: {ID}"],
                )
            ],
            "session_not_found",
            id="unknown session",
        ),
        pytest.param([result("", subtype="error_of_tomorrow")], "unknown", id="unknown subtype"),
        pytest.param([line(type="result")], "unknown", id="an empty result"),
    ],
)
def test_a_failure_is_classed_by_its_fields(lines: list[str], kind: str) -> None:
    _, end = run(Claude(), [init(), *lines], 1)
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert end.message


def test_a_usage_limit_says_when_it_ends() -> None:
    told_by_fault = fault("x", "rate_limit", api_error="usage_limit_reached", api_error_params=LIMIT)
    _, end = run(Claude(), [told_by_fault, api_error("You've hit your limit", 429)], 1)
    assert end == Failed("usage_limit", "You've hit your limit", 1795264089.0)
    event = line(type="rate_limit_event", rate_limit_info=LIMIT["rate_limit_info"])
    _, end = run(Claude(), [event, api_error("x", 429, api_error="usage_limit_reached")], 1)
    assert isinstance(end, Failed)
    assert end.resets_at == 1795264089.0
    _, end = run(Claude(), [result("Claude AI usage limit reached|1753077600", is_error=True)], 1)
    assert end == Failed("usage_limit", "Claude AI usage limit reached|1753077600", 1753077600.0)


def test_a_success_that_holds_error_words_is_no_error() -> None:
    lines = [
        init(),
        said("API Error: 529 Overloaded"),
        result("I fixed 'No conversation found', ECONNREFUSED"),
    ]
    assert isinstance(run(Claude(), lines, 0, "You've hit your limit")[1], Finished)


def test_an_error_that_claude_got_over_is_forgotten() -> None:
    lines = [
        init(),
        fault("x", "rate_limit"),
        said("going on"),
        result("", is_error=True, terminal_reason="max_turns"),
    ]
    assert run(Claude(), lines, 1)[1] == Failed("max_turns", "claude told an error without a word")


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        (f"No conversation found with session ID: {ID}", "session_not_found"),
        (f"Error: Session ID {ID} is already in use.", "session_conflict"),
        ("Error: That session is running in the background (6c22641c). …", "session_conflict"),
        ("error: unknown option '--x'", "config_invalid"),
        (
            "error: option '--permission-mode <mode>' argument 'yolo' is invalid. Allowed choices",
            "config_invalid",
        ),
        ("--dangerously-skip-permissions cannot be used with root/sudo privileges", "config_invalid"),
        ("Error: MCP tool mcp__a__b (passed via --permission-prompt-tool) not found", "config_invalid"),
        ("something new", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_start_that_failed_is_classed_by_its_last_words(stderr: str, kind: str) -> None:
    _, end = run(Claude(), [], 1, stderr)
    assert isinstance(end, Failed)
    assert (end.kind, end.message == "") == (kind, False)


@pytest.mark.parametrize(
    ("exit_code", "kind"),
    [
        (0, "interrupted"),
        (143, "interrupted"),
        (-15, "interrupted"),
        (-9, "crash_signal"),
        (None, "interrupted"),
    ],
)
def test_a_run_that_was_cut_before_its_result(exit_code: int | None, kind: str) -> None:
    _, end = run(Claude(), [init(), said("working")], exit_code)
    assert isinstance(end, Failed)
    assert end.kind == kind


def test_an_interrupted_result_is_told_so_though_the_exit_code_is_0() -> None:
    _, end = run(Claude(), [init(), result("", is_error=True, subtype="error_during_execution")], 0)
    assert end == Failed("interrupted", "claude was interrupted")


def test_a_result_holds_though_the_program_had_to_be_ended() -> None:
    assert isinstance(run(Claude(), [init(), result()], -15)[1], Finished)


def test_a_result_says_nothing_of_a_turn_that_was_cut_after_it() -> None:
    _, end = run(Claude(), [init(), result("first"), said("more work")], -9)
    assert isinstance(end, Failed)
    assert end.kind == "crash_signal"


def test_work_in_another_session_is_no_success() -> None:
    _, end = run(Claude(), [init(OTHER_ID), result(session_id=OTHER_ID)])
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"
    assert OTHER_ID in end.message


# --- the trust of a folder, for terminals ---


def env(home: Path) -> dict[str, str]:
    return {"HOME": str(home / "no such home"), "CLAUDE_CONFIG_DIR": str(home)}


def test_a_folder_is_trusted_and_nothing_else_is_changed(tmp_path: Path) -> None:
    config = tmp_path / ".claude.json"
    before = {
        "theme": "ü",
        "projects": {"/x": {"hasTrustDialogAccepted": False}, "/tree": {"allowedTools": ["A"]}},
    }
    config.write_text(json.dumps(before))
    config.chmod(0o640)
    assert Claude().prepare_terminal("/tree", env(tmp_path))
    after = json.loads(config.read_text())
    assert after["projects"].pop("/tree") == {"allowedTools": ["A"], "hasTrustDialogAccepted": True}
    del before["projects"]["/tree"]  # type: ignore[attr-defined]
    assert after == before
    assert config.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == [".claude.json"]


def test_a_trusted_folder_needs_no_second_write(tmp_path: Path) -> None:
    Claude().prepare_terminal(str(tmp_path), env(tmp_path / "new"))
    config = tmp_path / "new" / ".claude.json"
    before = config.stat()
    assert not Claude().prepare_terminal(str(tmp_path), env(tmp_path / "new"))
    assert config.stat() == before
    assert before.st_mode & 0o777 == 0o600


def test_a_linked_configuration_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "dotfiles.json").write_text("{}")
    (tmp_path / ".claude.json").symlink_to("dotfiles.json")
    Claude().prepare_terminal("/tree", env(tmp_path))
    assert (tmp_path / ".claude.json").is_symlink()
    assert "/tree" in (tmp_path / "dotfiles.json").read_text()


@pytest.mark.parametrize("text", ["{", "[]", '{"projects": []}', '{"projects": {"/tree": 1}}'])
def test_a_configuration_that_cant_be_read_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    config = tmp_path / ".claude.json"
    config.write_text(text)
    with pytest.raises(ValueError, match=r"claude\.json"):
        Claude().prepare_terminal("/tree", env(tmp_path))
    assert config.read_text() == text
    assert [p.name for p in tmp_path.iterdir()] == [".claude.json"]


def test_a_lock_of_claudes_is_waited_for(tmp_path: Path) -> None:
    lock = tmp_path / ".claude.json.lock"
    lock.mkdir()
    freed: list[float] = []

    def free() -> None:
        freed.append(time.monotonic())
        lock.rmdir()

    Timer(0.2, free).start()
    Claude().prepare_terminal("/tree", env(tmp_path))
    assert freed
    assert not lock.exists()


def test_a_lock_whose_holder_died_is_taken_over(tmp_path: Path) -> None:
    lock = tmp_path / ".claude.json.lock"
    lock.mkdir()
    os.utime(lock, (time.time() - 60, time.time() - 60))
    assert Claude().prepare_terminal("/tree", env(tmp_path))


def _trust(folder: str, home: str) -> None:
    Claude().prepare_terminal(folder, env(Path(home)))


def test_eight_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    crowd = [context.Process(target=_trust, args=(f"/tree{n}", str(tmp_path))) for n in range(8)]
    for each in crowd:
        each.start()
    for each in crowd:
        each.join(120)
    projects = json.loads((tmp_path / ".claude.json").read_text())["projects"]
    assert sorted(projects) == [f"/tree{n}" for n in range(8)]


# Version and login


def status(**told: object) -> Answer:
    whole = {"loggedIn": True, "authMethod": "none", "apiProvider": "firstParty", "loginExpiresAt": None}
    return Answer(json.dumps({**whole, **told}, indent=2), "", 0 if told.get("loggedIn", True) else 1)


@pytest.mark.parametrize(
    ("out", "version"),
    [
        pytest.param("2.1.329 (Claude Code)\n", "2.1.329", id="Claude Code"),
        pytest.param("2.2.0-beta.1 (Claude Code)\n", "2.2.0-beta.1", id="a version to come"),
        pytest.param("claude 0.3, a font viewer\n", "", id="another program"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_a_version_is_known_by_its_name(out: str, version: str) -> None:
    assert Claude().version(Answer(out)) == version


@pytest.mark.parametrize(
    ("answer", "login"),
    [
        pytest.param(status(loggedIn=False), Login(False), id="nobody"),
        pytest.param(status(authMethod="claude.ai"), Login(True, "claude.ai"), id="an account"),
        pytest.param(
            status(authMethod="api_key", apiKeySource="ANTHROPIC_API_KEY"),
            Login(True, "api_key from ANTHROPIC_API_KEY"),
            id="a key in a variable",
        ),
        pytest.param(status(authMethod="oauth_token"), Login(True, "oauth_token"), id="a token"),
        pytest.param(status(authMethod="sk-ant-1", apiKeySource="sk-2"), Login(True), id="a secret"),
        pytest.param(status(loggedIn="yes"), Login(None), id="another shape"),
        pytest.param(Answer("", "error: unknown command 'auth'", 1), Login(None), id="an older version"),
    ],
)
def test_a_login_is_told_by_its_way_and_never_by_its_secret(answer: Answer, login: Login) -> None:
    assert Claude().login(answer, {"ANTHROPIC_API_KEY": "sk-ant-1"}) == login


def test_the_register_of_running_processes_tells_who_has_a_session_open(tmp_path: Path) -> None:
    folder = tmp_path / ".claude/sessions"
    folder.mkdir(parents=True)
    for name, text in {
        "12.json": json.dumps({"pid": 12, "sessionId": ID, "procStart": "345", "entrypoint": "cli"}),
        "13.json": json.dumps({"pid": 13, "sessionId": ID, "entrypoint": "sdk-cli", "procStart": None}),
        "14.json": json.dumps({"pid": 14, "sessionId": OTHER_ID, "procStart": "345"}),
        "15.json": "{",
        "16.json": json.dumps({"sessionId": ID}),
        "12.0f.key": "x",
    }.items():
        (folder / name).write_text(text)
    found = (Opened(12, 345, "a terminal"), Opened(13, None, "another program"))
    assert Claude().open_in(ID, {"HOME": str(tmp_path)}) == found
    assert Claude().open_in(ID, {"HOME": "/nowhere", "CLAUDE_CONFIG_DIR": str(tmp_path / ".claude")}) == found
    assert Claude().open_in(ID, {"HOME": "/nowhere"}) == ()


def test_a_process_of_another_pid_namespace_is_told_with_it_and_with_when_it_was_noted(
    tmp_path: Path,
) -> None:
    sessions, chats = tmp_path / "sessions", tmp_path / "projects/-tree"
    for each in (sessions, chats):
        each.mkdir(parents=True)
    here = os.stat("/proc/self/ns/pid").st_ino
    machine = Path("/etc/machine-id").read_text().strip() if Path("/etc/machine-id").exists() else ""
    domains = {
        "11": f"linux:{machine}:pid:[{here}]",
        "12": f"linux:{machine}:pid:[{here + 1}]",
        "13": f"linux:{'0' * 32}:pid:[{here}]",
        "14": "windows:x",
    }
    for pid, domain in domains.items():
        note = {"pid": int(pid), "sessionId": ID, "procStart": "345", "pidDomain": domain, "updatedAt": 5000}
        (sessions / f"{pid}.json").write_text(json.dumps(note))
        os.utime(sessions / f"{pid}.json", (4, 4))
    env = {"CLAUDE_CONFIG_DIR": str(tmp_path)}
    found = {each.pid: (each.pid_ns, each.noted_at) for each in Claude().open_in(ID, env)}
    assert found == {11: (None, 0), 12: (here + 1, 5), 13: (here, 5), 14: (None, 0)}
    (chats / f"{ID}.jsonl").touch()
    os.utime(chats / f"{ID}.jsonl", (9, 9))
    assert Claude().open_in(ID, env)[1].noted_at == 9


def used(key: str, given: int, taken: int, **more: Any) -> str:
    usage = {"input_tokens": given, "output_tokens": taken, "cache_creation_input_tokens": 3}
    message = {"id": key, "content": [{"type": "text", "text": "Hm."}], "usage": usage}
    return line(type="assistant", message=message, session_id=ID, **more)


def test_tokens_count_as_they_come_and_the_result_has_the_last_word() -> None:
    since = {"opus": {"inputTokens": 110, "outputTokens": 90, "cacheCreationInputTokens": 6, "costUSD": 0.5}}
    lines = [used("m1", 100, 1), used("m1", 100, 1), used("m2", 20, 2, parent_tool_use_id="t1")]
    assert spent(lines) == [Spent(103, 1), Spent(23, 2)]
    # What was too much is taken back; the next turn counts for itself.
    whole = [*lines, result(model_usage_since_last_result=since), used("m1", 7, 1)]
    assert spent(whole)[2:] == [Spent(-10, 87, 0, 0.5), Spent(10, 1)]


def test_a_result_of_a_version_that_leaves_out_helpers_takes_none_back() -> None:
    usage = {"input_tokens": 10, "output_tokens": 40}
    lines = [used("m1", 7, 1), used("m2", 20, 2, parent_tool_use_id="t1"), result(usage=usage)]
    assert spent(lines)[2:] == [Spent(0, 37)]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("account_on_hold", "access_denied"),
        ("authentication_failed", "auth_invalid"),
        ("billing_error", "billing_exhausted"),
        ("cloud_credential_error", "auth_invalid"),
        ("invalid_request", "invalid_request"),
        ("max_output_tokens", "output_limit"),
        ("model_not_found", "model_not_found"),
        ("oauth_org_not_allowed", "access_denied"),
        ("overloaded", "overloaded"),
        ("rate_limit", "rate_limit"),
        ("server_error", "network"),  # no status came back
        ("verification_required", "access_denied"),
        ("something_of_tomorrow", "unknown"),
    ],
)
def test_every_error_that_claude_names_has_its_class(error: str, kind: str) -> None:
    _, end = run(Claude(), [init(), fault("Oh.", error), api_error("Oh.", None)], 1)
    assert isinstance(end, Failed)
    assert end.kind == kind
