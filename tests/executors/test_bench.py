"""What holds for every executor in the catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.executors.bench import CANDIDATES, Candidate, line, run, texts

from sow_executors import catalog
from sow_executors.base import BadSettings, Failed, Finished, Spent
from sow_executors.extras import Answer, CountsOn, Examined, KnowsSessions, PreparesTerminal

candidates = pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda c: c.name)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

# Words that readers look for: shapes that are nearly right find more than shapes that are far off.
KEYS = """
    type subtype session_id message content text id name input tool_use_id is_error error api_error result
    api_error_status api_error_params rate_limit_info resetsAt status isUsingOverage rateLimitType errors
    permission_denials tool_name tool_input deferred_tool_use model_usage_since_last_result total_cost_usd
    usage inputTokens costUSD input_tokens num_turns terminal_reason stop_reason attempt retry_delay_ms
    tool_call call_id shellToolCall function arguments args rejected success exitCode timestamp_ms
    update sessionUpdate toolCallId kind title rawInput command locations path cost amount messageId code data
    step question options held more stop_reason inputTokens cachedReadTokens
    thread_id item command exit_code changes path server query cached_input_tokens output_tokens
    role delta tool_id parameters status stats total_tokens cached severity timestamp
    part sessionID state callID tokens cache cost reason data statusCode responseBody isRetryable
"""
VALUES = """
    system init assistant user result success tool_use tool_result text rate_limit_event rejected tool_call
    allowed_warning api_retry permission_denied started completed error_during_execution rate_limit
    update session prompt denied asked answered ended failed died stopped agent_message_chunk usage_update
    tool_call_update end_turn cancelled execute session/load
    thread.started turn.started turn.completed turn.failed error item.started item.completed failed declined
    agent_message command_execution file_change mcp_tool_call collab_tool_call web_search
    message error tool_use step_start step_finish policy_violation APIError
"""
keys, values = st.sampled_from(KEYS.split()), st.sampled_from(VALUES.split())
nearly_right = st.recursive(
    values | st.none() | st.booleans() | st.integers(-9, 10**20) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=6),
    max_leaves=20,
)
events = st.dictionaries(keys, nearly_right, max_size=6).flatmap(
    lambda event: values.map(lambda kind: {**event, "type": kind})
)

HOSTILE = (
    "",
    "{",
    "null",
    "[1]",
    "\x00",
    '{"type":',
    '{"a":' * 100_000,
    "[" * 100_000,
    '{"type":"result","num_turns":' + "9" * 5000 + "}",
    '{"type":"result","total_cost_usd":1e999,"num_turns":NaN}',
    '{"type":"assistant","message":{"content":[{"type":"text","text":"\\ud800"}]}}',
    '{"type":"result","permission_denials":[{"tool_name":["x"],"tool_input":'
    + '{"a":' * 500
    + "1"
    + "}" * 502
    + "]}",
)


def check_reports(candidate: Candidate, lines: list[str], exit_code: int | None, stderr: str) -> None:
    reports, end = run(candidate.executor, lines, exit_code, stderr)
    repr([*reports, end]).encode()
    for report in [*reports, end]:
        for value in (getattr(report, name) for name in report.__slots__):
            if isinstance(value, str):
                value.encode("utf-8")
        if isinstance(report, Spent):
            json.dumps(report.usd, allow_nan=False)
            assert min(report.input_tokens, report.output_tokens, report.cached_tokens, report.usd or 0) >= 0
    assert isinstance(end, Finished | Failed)


@candidates
@settings(max_examples=25, deadline=None)
@given(lines=st.lists(st.text() | json_values.map(json.dumps), max_size=4), stderr=st.text())
def test_a_reader_never_raises_on_foreign_output(candidate: Candidate, lines: list[str], stderr: str) -> None:
    for exit_code in (0, 1, 127, 255, -9, None):
        check_reports(candidate, lines, exit_code, stderr)


@candidates
@settings(max_examples=25, deadline=None)
@given(lines=st.lists(events.map(json.dumps), min_size=1, max_size=6))
def test_a_reader_never_raises_on_events_of_a_wrong_shape(candidate: Candidate, lines: list[str]) -> None:
    check_reports(candidate, lines, 1, "")


@candidates
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_reader_never_raises_on_hostile_lines(candidate: Candidate, hostile: str) -> None:
    check_reports(candidate, [hostile, line(type="result"), hostile], -9, hostile[:1000])


@candidates
def test_a_silent_program_has_failed_unless_its_exit_code_is_all_there_is(candidate: Candidate) -> None:
    _, end = run(candidate.executor, [], 0)
    assert isinstance(end, Finished if candidate.name == "command" else Failed)


@candidates
@pytest.mark.parametrize(
    ("exit_code", "kind"),
    [
        (-15, "interrupted"),
        (143, "interrupted"),
        (-9, "crash_signal"),
        (-11, "crash_signal"),
        (None, "interrupted"),
    ],
)
def test_a_program_that_a_signal_ended_is_told_by_it(
    candidate: Candidate, exit_code: int | None, kind: str
) -> None:
    _, end = run(
        candidate.executor, [], exit_code, "warning: overloaded (529), getaddrinfo" if exit_code else ""
    )
    assert isinstance(end, Failed)
    assert end.kind == kind


@candidates
@pytest.mark.parametrize("prompt", ["-p --help", "--", "x" * 200_000, "a\nb 'c' \"d\" $(e) `f` ü"])
def test_a_prompt_is_no_argument_whatever_it_is(candidate: Candidate, prompt: str) -> None:
    turn = candidate.turn(prompt)
    for command in (candidate.executor.spawn(turn), candidate.executor.resume(turn)):
        assert command.stdin == prompt or prompt in command.files.values()
        assert prompt not in command.argv
        assert all(len(text.encode()) < 128 * 1024 for text in texts(command))


@candidates
def test_a_turn_runs_in_its_folder_under_its_id(candidate: Candidate) -> None:
    executor, turn = candidate.executor, candidate.turn()
    spawn, resume = executor.spawn(turn), executor.resume(turn)
    assert spawn.folder == resume.folder == "/tree"
    assert candidate.session in resume.argv
    # An id that the CLI makes is not known before its first line.
    assert (candidate.session in spawn.argv) == (executor.ids == "ours")


@candidates
def test_a_turn_without_its_id_is_a_bug_of_ours(candidate: Candidate) -> None:
    with pytest.raises(ValueError, match="id"):
        candidate.executor.resume(candidate.turn(session_id=None))


@candidates
def test_the_users_own_arguments_stand_behind_ours(candidate: Candidate) -> None:
    turn = replace(candidate.turn(), custom_args=("--own", "word"))
    assert candidate.executor.spawn(turn).argv[-2:] == ("--own", "word")


@candidates
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"modle": "x"}, "modle.*mode"),
        ({"qqq": 1}, "qqq"),
        ({"yolo_mode": "yes"}, "yolo_mode"),
    ],
)
def test_a_setting_that_is_off_is_named(candidate: Candidate, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(BadSettings, match=told) as raised:
        candidate.executor.spawn(candidate.turn(**settings))
    assert [raised.value.key] == list(settings)


@candidates
def test_no_id_that_could_be_an_option_is_accepted(candidate: Candidate) -> None:
    accepts = candidate.executor.accepts
    assert accepts(candidate.session)
    assert not any(accepts(bad) for bad in ("", "-x", "--resume", "a\nb", "\0"))


def test_the_bench_has_every_executor_that_sow_ships() -> None:
    assert {candidate.name for candidate in CANDIDATES} == set(catalog.EXECUTORS)


def test_what_only_some_can_do_is_asked_by_protocol() -> None:
    able = {
        c.name: [
            isinstance(c.executor, each) for each in (PreparesTerminal, KnowsSessions, Examined, CountsOn)
        ]
        for c in CANDIDATES
    }
    assert able == {
        "acp": [False, False, False, True],
        "claude": [True, False, True, False],
        "codex": [False, False, True, True],
        "cursor": [False, True, True, False],
        "gemini": [False, False, True, False],
        "opencode": [False, False, True, False],
        "script": [False, False, False, False],
        "command": [False, False, False, False],
    }


examined = pytest.mark.parametrize(
    "candidate", [c for c in CANDIDATES if isinstance(c.executor, Examined)], ids=lambda c: c.name
)


def examiner(candidate: Candidate) -> Examined:
    executor = candidate.executor
    assert isinstance(executor, Examined)
    return executor


@examined
def test_questions_are_asked_of_the_program_that_was_found(candidate: Candidate) -> None:
    executor = examiner(candidate)
    login = executor.asks_login("/x/it", "/tree")
    for command in (executor.asks_version("/x/it", "/tree"), *([login] if login else [])):
        assert (command.argv[0], command.folder, command.stdin) == ("/x/it", "/tree", None)
        assert len(command.argv) > 1
    assert executor.logs_in("it")[0] == "it"


@examined
@settings(max_examples=25, deadline=None)
@given(out=st.text() | json_values.map(json.dumps) | events.map(json.dumps), err=st.text())
def test_no_answer_is_too_odd_and_none_of_it_is_repeated(candidate: Candidate, out: str, err: str) -> None:
    executor, answer = examiner(candidate), Answer(out, err, 1)
    version = executor.version(answer)
    assert version.isprintable()
    login = executor.login(answer, {})
    assert login.there in (True, False, None)
    assert not any(char.isdigit() or char == "-" for char in login.by), "no secret is without them"


@examined
@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_answer_tells_nothing(candidate: Candidate, hostile: str) -> None:
    executor = examiner(candidate)
    assert executor.version(Answer(hostile, hostile)) == ""
    assert executor.login(Answer(hostile, hostile), {}).there is None


@candidates
def test_an_executor_is_called_by_its_name_in_the_catalogue(candidate: Candidate) -> None:
    assert candidate.executor.name == candidate.name
    program = candidate.executor.program(candidate.settings)[0]
    # A bridge that is ours may stand in front of it.
    assert any(program in word for word in candidate.executor.spawn(candidate.turn()).argv)
