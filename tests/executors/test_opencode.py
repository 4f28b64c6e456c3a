"""opencode as values: its command lines, and what its stream means. The real program is in tests/real/."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.executors.bench import CANDIDATES, line, run

from sow_executors.base import (
    BadSettings,
    Command,
    Denied,
    Failed,
    Finished,
    Report,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)
from sow_executors.extras import Answer, Login
from sow_executors.opencode import Opencode

(BENCH,) = (candidate for candidate in CANDIDATES if candidate.name == "opencode")
SES = BENCH.session
CACHE = {"read": 5, "write": 1}
OTHER_SES = "ses_213a9467e001bBKHObObMJfUci"
HEADLESS = ("run", "--format=json", "--print-logs", "--log-level=ERROR")
STARTED = Started(SES)
REFUSAL = (
    "The user has specified a rule which prevents you from using this specific tool call. "
    'Here are some of the relevant rules [{"permission":"*","action":"allow","pattern":"*"}]'
)


def event(kind: str, session: str = SES, **part: Any) -> str:
    return line(type=kind, timestamp=1795626242606, sessionID=session, part=part)


def said(text: str, **more: Any) -> str:
    return event("text", type="text", text=text, **more)


def finished(reason: str = "stop", **more: Any) -> str:
    return event("step_finish", type="step-finish", reason=reason, **more)


def called(status: str = "completed", **state: Any) -> str:
    whole = {"status": status, "input": {"command": "make", "description": "build"}, **state}
    return event("tool_use", type="tool", tool="bash", callID="c1", state=whole)


def error(name: str, message: str = "", **data: Any) -> str:
    return line(type="error", sessionID=SES, error={"name": name, "data": {"message": message, **data}})


def rules(command: Command) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(command.env["OPENCODE_PERMISSION"])
    return found


def test_a_spawn_names_itself_and_gives_the_prompt_on_standard_input() -> None:
    command = Opencode().spawn(BENCH.turn("hello"))
    assert command.argv == ("opencode", *HEADLESS, "--title=sow 010 implementer (scratch)")
    assert (command.folder, command.stdin) == ("/tree", "hello")
    assert command.env["OPENCODE_DISABLE_AUTOUPDATE"] == "1"


def test_a_resume_goes_on_with_the_session() -> None:
    assert Opencode().resume(BENCH.turn()).argv == ("opencode", *HEADLESS, "--session", SES)


def test_a_terminal_opens_the_same_session_with_the_same_permissions() -> None:
    command = Opencode().attach(BENCH.turn())
    assert command.argv == ("opencode", "--session", SES)
    assert command.stdin is None
    assert rules(command) == rules(Opencode().resume(BENCH.turn()))


def test_yolo_mode_and_a_model_are_options_and_need_no_rules() -> None:
    command = Opencode().resume(
        BENCH.turn(yolo_mode=True, model="openrouter/qwen/qwen3", program="/opt/opencode")
    )
    argv = ("/opt/opencode", *HEADLESS, "--session", SES, "--auto")
    assert command.argv == (*argv, "--model=openrouter/qwen/qwen3")
    assert "OPENCODE_PERMISSION" not in command.env


@pytest.mark.parametrize("model", ["gpt-5", "/gpt-5", "openai/"])
def test_a_model_without_its_provider_is_refused(model: str) -> None:
    with pytest.raises(BadSettings, match="provider/model"):
        Opencode().spawn(BENCH.turn(model=model))


@given(command=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_every_allowed_command_is_a_rule_behind_the_one_that_denies_all(command: str) -> None:
    turn = replace(BENCH.turn(), allowed_commands=("sow", command), writable=("/task", "/out side"))
    found = rules(Opencode().spawn(turn))
    # The last rule that matches holds, so their order is their meaning.
    assert next(iter(found)) == next(iter(found["bash"])) == next(iter(found["external_directory"])) == "*"
    allowed = {"sow": "allow", "sow *": "allow", command: "allow", f"{command} *": "allow"}
    assert found["bash"] == {"*": "deny", **allowed} or command == "*"
    assert found["external_directory"] == {"*": "deny", "/task/*": "allow", "/out side/*": "allow"}
    assert (found["*"], found["edit"], found.get("webfetch")) == ("deny", "allow", None)


@pytest.mark.parametrize("argument", ["-c", "--fork", "--dir=/x", "--session", "--auto", "--format"])
def test_an_argument_that_would_break_the_turn_is_refused(argument: str) -> None:
    with pytest.raises(BadSettings, match=argument):
        Opencode().spawn(replace(BENCH.turn(), custom_args=(argument,)))


def test_an_id_that_opencode_did_not_make_is_none() -> None:
    assert Opencode().accepts(SES)
    assert not any(map(Opencode().accepts, ("0b6c1f0e-4a63-4f0e-9a55-1d8f6c2a7b10", "ses_", "ses_a b")))


@pytest.mark.parametrize(
    ("given", "reports"),
    [
        pytest.param(event("step_start", type="step-start"), [STARTED], id="start"),
        pytest.param(said("hi"), [STARTED, Said("hi")], id="speech"),
        pytest.param(said("Go on.", synthetic=True), [STARTED], id="what opencode tells the model"),
        pytest.param("! permission requested: bash", [], id="noise"),
        pytest.param(event("reasoning", text="hm"), [STARTED], id="thought"),
        pytest.param(called(output="ok"), [STARTED, Used("bash", "make", "c1"), Returned("c1")], id="call"),
        pytest.param(
            called("error", error="exit 2"),
            [STARTED, Used("bash", "make", "c1"), Returned("c1", ok=False)],
            id="a call that failed",
        ),
        pytest.param(
            called("error", error=REFUSAL),
            [
                STARTED,
                Used("bash", "make", "c1"),
                Denied("bash", "make", REFUSAL.split(" Here")[0]),
                Returned("c1", ok=False),
            ],
            id="a rule against it",
        ),
        pytest.param(
            called("error", error="The user rejected permission to use this specific tool call."),
            [
                STARTED,
                Used("bash", "make", "c1"),
                Denied("bash", "make", "The user rejected permission to use this specific tool call."),
                Returned("c1", ok=False),
            ],
            id="a question that nobody answered",
        ),
        pytest.param(
            finished(tokens={"input": 9, "output": 2, "reasoning": 3, "cache": CACHE}, cost=0.25),
            [STARTED, Spent(10, 5, 5, 0.25)],
            id="spent",
        ),
        pytest.param(
            finished(tokens={"input": 9, "output": 2}, cost=0),
            [STARTED, Spent(9, 2, 0, None)],
            id="spent without a price",
        ),
    ],
)  # fmt: skip
def test_read(given: str, reports: list[Report]) -> None:
    assert Opencode().reader(None).read(given) == reports


def test_the_session_is_told_once_and_each_step_for_itself() -> None:
    tokens = {"input": 10, "output": 1}
    lines = [
        said("I build."),
        called(),
        finished("tool-calls", tokens=tokens),
        said("Done."),
        finished(tokens=tokens),
    ]
    reports, end = run(Opencode(), lines, session_id=None)
    assert [r for r in reports if isinstance(r, Started)] == [STARTED]
    assert [r for r in reports if isinstance(r, Spent)] == [Spent(10, 1), Spent(10, 1)]
    assert end == Finished("Done.", 2)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (error("APIError", "Incorrect API key", statusCode=401), "auth_invalid"),
        (error("APIError", "Insufficient credits", statusCode=402), "billing_exhausted"),
        (error("APIError", "Forbidden", statusCode=403), "access_denied"),
        (error("APIError", "no such model", statusCode=404), "model_not_found"),
        (error("APIError", "Invalid value for tools", statusCode=400), "invalid_request"),
        (error("APIError", "Rate limit reached", statusCode=429, isRetryable=True), "rate_limit"),
        (error("APIError", "x", statusCode=429, responseBody="insufficient_quota"), "billing_exhausted"),
        (error("APIError", "x", statusCode=500, isRetryable=True), "server_error"),
        (error("APIError", "x", statusCode=413), "context_overflow"),
        (error("APIError", "x", statusCode=422), "invalid_request"),
        (error("APIError", "x", statusCode=503), "overloaded"),
        (error("MessageOutputLengthError", "x"), "output_limit"),
        (error("ProviderModelNotFoundError", "x"), "model_not_found"),
        (error("APIError", "Overloaded", statusCode=529, isRetryable=True), "overloaded"),
        (error("APIError", "x", isRetryable=True), "server_error"),
        (error("APIError", "Cannot connect to API: ECONNREFUSED", isRetryable=True), "network"),
        (error("ContextOverflowError", "maximum context length"), "context_overflow"),
        (error("ContentFilterError", "blocked"), "content_filter"),
        (error("ProviderAuthError", "x"), "auth_invalid"),
        (error("MessageAbortedError", "Aborted"), "interrupted"),
        (error("UnknownError", "Model not found: mock/nope. Did you mean: m?"), "model_not_found"),
        (error("UnknownError", "something new"), "unknown"),
        (error("", ""), "unknown"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_failure_is_classed_by_its_name_and_status(given: str, exit_code: int, kind: str) -> None:
    _, end = run(Opencode(), [given], exit_code, session_id=SES)
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert end.message


def test_a_fault_that_is_told_by_a_number_is_told_in_the_words_of_the_log() -> None:
    given = error("UnknownError", "Unexpected server error. Check server logs.", ref="err_77b1b4")
    log = (
        'level=ERROR message=failed ref=err_000000 error="Something \\"else\\"." cause="x"\n'
        'level=ERROR message=failed ref=err_77b1b4 error="ProviderModelNotFoundError: Model not found: '
        'mock/\\"nope\\"." cause="ProviderModelNotFoundError: …\\n    at <anonymous>"\n'
    )
    told = 'ProviderModelNotFoundError: Model not found: mock/"nope".'
    assert run(Opencode(), [given], 1, log, SES)[1] == Failed("model_not_found", told)
    unseen = Failed("unknown", "Unexpected server error. Check server logs.")
    assert run(Opencode(), [given], 1, log.replace("err_77b1b4", "err_1"), SES)[1] == unseen


def test_an_error_that_it_works_on_after_is_no_failure() -> None:
    """So it is once it has shortened a conversation that was too long."""
    lines = [error("ContextOverflowError"), event("step_start"), said("Done."), finished()]
    assert run(Opencode(), lines, session_id=SES)[1] == Finished("Done.", 1)


@pytest.mark.parametrize(
    ("reason", "kind"), [("length", "output_limit"), ("content-filter", "content_filter")]
)
def test_an_answer_that_was_cut_has_not_finished(reason: str, kind: str) -> None:
    _, end = run(Opencode(), [said("half"), finished(reason)], session_id=SES)
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert "half" in end.message


@pytest.mark.parametrize(
    ("exit_code", "stderr", "kind"),
    [
        (1, "\x1b[91m\x1b[1mError: \x1b[0mSession not found", "session_not_found"),
        (1, "opencode run [message..]\n\nrun opencode with a message", "config_invalid"),
        (1, "Error: Configuration is invalid at opencode.json", "config_invalid"),
        (1, "something new", "unknown"),
        (0, "", "unknown"),
        (130, "", "interrupted"),
        (127, "not found", "missing_tool"),
    ],
)
def test_a_start_that_failed_is_told_by_its_words(exit_code: int, stderr: str, kind: str) -> None:
    _, end = run(Opencode(), [], exit_code, stderr, session_id=SES)
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert "\x1b" not in end.message


def test_work_in_another_session_is_no_success() -> None:
    lines = [event("text", OTHER_SES, text="Done."), event("step_finish", OTHER_SES)]
    _, end = run(Opencode(), lines, session_id=SES)
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"


@pytest.mark.parametrize(
    ("out", "login"),
    [
        ("\x1b[0m\n┌  Credentials \x1b[90m~/.local\x1b[39m\n│\n└  0 credentials\n", Login(None)),
        ("└  2 credentials\n", Login(True, "credentials of its own")),
        ("└  0 credentials\n┌  Environment\n└  1 environment variable\n", Login(True, "a key in a variable")),
        ("└  1 credentials\n└  1 environment variable\n", Login(True, "credentials of its own")),
        ("something new", Login(None)),
    ],
)
def test_a_login_is_a_credential_that_is_listed(out: str, login: Login) -> None:
    assert Opencode().login(Answer(out), {}) == login


def test_a_version_is_a_number_and_nothing_else() -> None:
    assert Opencode().version(Answer("1.18.33\n")) == "1.18.33"
    assert Opencode().version(Answer("opencode 0.1 by somebody else")) == ""
