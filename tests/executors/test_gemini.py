"""Gemini CLI as values: its command lines, and what its stream means. The real program is in tests/real/."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.executors.bench import ID, OTHER_ID, Candidate, line, run

from sow_executors.base import (
    BadSettings,
    Denied,
    Failed,
    Finished,
    Limited,
    Report,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)
from sow_executors.extras import Answer, Login
from sow_executors.gemini import Gemini

BENCH = Candidate("gemini")
STREAM = "--output-format=stream-json"
CAREFUL = ("--approval-mode=auto_edit", "--admin-policy=/scratch/policy.toml")
NOON = "2026-11-25T12:00:00.000Z"
SHELL = {"tool_name": "run_shell_command", "parameters": {"command": "make", "description": "build"}}


def init(session_id: str = ID) -> str:
    return line(type="init", timestamp=NOON, session_id=session_id, model="gemini-2.5-pro")


def said(text: str) -> str:
    return line(type="message", timestamp=NOON, role="assistant", content=text, delta=True)


def result(status: str = "success", **more: Any) -> str:
    return line(type="result", timestamp=NOON, status=status, **more)


def failure(message: str, **more: Any) -> str:
    return result("error", error={"type": "unknown", "message": message}, **more)


def api_error(code: int, message: str, **more: Any) -> str:
    """An error as the API told it: some come through as they are."""
    return failure(f"[API Error: {line(error={'code': code, 'message': message, **more})}]")


def test_a_spawn_names_the_session_and_gives_the_prompt_on_standard_input() -> None:
    command = Gemini().spawn(BENCH.turn("hello"))
    assert command.argv == ("gemini", STREAM, "--session-id", ID, *CAREFUL)
    assert (command.folder, command.stdin) == ("/tree", "hello")
    assert command.env == {"GEMINI_CLI_TRUST_WORKSPACE": "true"}


def test_a_resume_goes_on_with_the_session() -> None:
    assert Gemini().resume(BENCH.turn()).argv == ("gemini", STREAM, "--resume", ID, *CAREFUL)


def test_a_terminal_opens_the_same_session_with_the_same_permissions() -> None:
    command = Gemini().attach(BENCH.turn())
    assert command.argv == ("gemini", "--resume", ID, *CAREFUL)
    assert command.stdin is None
    assert command.files == Gemini().resume(BENCH.turn()).files


def test_yolo_mode_and_a_model_are_options_and_need_no_rules() -> None:
    command = Gemini().resume(BENCH.turn(yolo_mode=True, model="gemini-3-pro", program="/opt/gemini"))
    argv = ("/opt/gemini", STREAM, "--resume", ID, "--approval-mode=yolo", "--model=gemini-3-pro")
    assert (command.argv, command.files) == (argv, {})


@given(command=st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1))
def test_every_allowed_command_is_a_rule_whatever_is_in_it(command: str) -> None:
    turn = replace(BENCH.turn(), allowed_commands=("sow", command))
    (rules,) = Gemini().spawn(turn).files.values()
    common = {"toolName": "run_shell_command", "decision": "allow", "priority": 1}
    assert tomllib.loads(rules) == {
        "rule": [{**common, "commandPrefix": "sow"}, {**common, "commandPrefix": command}]
    }


def test_writable_folders_are_one_option_each() -> None:
    argv = Gemini().spawn(replace(BENCH.turn(), writable=("/task", "/out side"))).argv
    assert argv[4:6] == ("--include-directories=/task", "--include-directories=/out side")


def test_a_comma_above_the_folder_parts_no_path_in_two() -> None:
    turn = replace(
        BENCH.turn(), folder="/Acme, Inc/tree", scratch="/Acme, Inc/a", writable=("/Acme, Inc/t/010",)
    )
    command = Gemini().spawn(turn)
    assert command.argv[4:] == (
        "--include-directories=../t/010",
        "--approval-mode=auto_edit",
        "--admin-policy=../a/policy.toml",
    )
    assert list(command.files) == ["/Acme, Inc/a/policy.toml"]


@pytest.mark.parametrize("argument", ["-p", "--yolo", "--worktree=x", "--resume", "--admin-policy=/x"])
def test_an_argument_that_would_break_the_turn_is_refused(argument: str) -> None:
    with pytest.raises(BadSettings, match=argument):
        Gemini().spawn(replace(BENCH.turn(), custom_args=(argument,)))


@pytest.mark.parametrize("session", ["latest", "5", "a-b", "0B6C1F0E"])
def test_what_could_be_another_session_is_no_id(session: str) -> None:
    assert not Gemini().accepts(session)


@pytest.mark.parametrize(
    ("given", "reports"),
    [
        pytest.param(init(), [Started(ID, "gemini-2.5-pro")], id="start"),
        pytest.param(line(type="message", role="user", content="do it"), [], id="our own prompt"),
        pytest.param(
            line(type="message", role="assistant", content="hi"), [Said("hi")], id="a whole message"
        ),
        pytest.param(said("hi"), [], id="a piece"),
        pytest.param("Ripgrep is not available.", [], id="noise"),
        pytest.param(line(type="thought", content="hm"), [], id="what no version printed yet"),
        pytest.param(
            line(type="tool_use", tool_id="t1", **SHELL), [Used("run_shell_command", "make", "t1")], id="call"
        ),
        pytest.param(
            line(type="tool_result", tool_id="t1", status="success", output="ok"),
            [Returned("t1")],
            id="came back",
        ),
        pytest.param(
            line(type="tool_result", tool_id="t1", status="error", error={"type": "file_not_found"}),
            [Returned("t1", ok=False)],
            id="failed",
        ),
        pytest.param(
            line(type="error", severity="warning", message="Loop detected, stopping execution"),
            [],
            id="warning",
        ),
    ],
)
def test_read(given: str, reports: list[Report]) -> None:
    assert Gemini().reader(ID).read(given) == reports


def test_a_message_in_pieces_is_said_once_and_before_what_follows() -> None:
    used = line(type="tool_use", tool_id="t1", **SHELL)
    lines = [said("I "), said("build."), used, said("All "), said("done."), result()]
    assert run(Gemini(), lines) == (
        [Said("I build."), Used("run_shell_command", "make", "t1"), Said("All done."), Finished("All done.")],
        Finished("All done."),
    )


@pytest.mark.parametrize(
    "error",
    [
        {"type": "policy_violation", "message": "Tool execution denied by policy."},
        {"type": "invalid_tool_params", "message": "Path not in workspace: Attempted path\n…"},
        {"type": "path_not_in_workspace", "message": "no"},
    ],
    ids=lambda error: str(error["type"]),
)
def test_a_tool_that_was_refused_is_told_with_what_it_was_about(error: dict[str, str]) -> None:
    back = line(type="tool_result", tool_id="t1", status="error", output="no", error=error)
    reports, _ = run(Gemini(), [line(type="tool_use", tool_id="t1", **SHELL), back])
    reason = " ".join(error["message"].split())
    assert reports[1:] == [Denied("run_shell_command", "make", reason), Returned("t1", ok=False)]


def test_a_command_that_was_blocked_was_refused_though_it_is_told_as_a_success() -> None:
    blocked = "Blocked: command substitution detected in shell command."
    back = line(type="tool_result", tool_id="t1", status="success", output=blocked)
    reports, _ = run(Gemini(), [line(type="tool_use", tool_id="t1", **SHELL), back])
    assert reports[1:] == [Denied("run_shell_command", "make", blocked), Returned("t1", ok=False)]


def test_tokens_are_counted_once_and_have_no_price() -> None:
    stats = {"total_tokens": 150, "input_tokens": 100, "output_tokens": 20, "cached": 40, "input": 60}
    # 30 of them are thoughts, which are told in the total alone.
    assert run(Gemini(), [result(stats=stats)])[0] == [Spent(60, 50, 40, None), Finished()]
    assert run(Gemini(), [result(stats={"total_tokens": 0})])[0] == [Finished()]


@pytest.mark.parametrize(
    ("given", "exit_code", "kind"),
    [
        (api_error(401, "API key not valid"), 145, "auth_invalid"),
        (api_error(400, "x", details=[{"reason": "API_KEY_INVALID"}]), 144, "auth_invalid"),
        (api_error(403, "Permission denied", status="PERMISSION_DENIED"), 147, "access_denied"),
        (api_error(400, "Invalid JSON payload"), 144, "invalid_request"),
        (api_error(400, "The input token count (12) exceeds the maximum"), 144, "context_overflow"),
        (api_error(500, "An internal error"), 244, "server_error"),
        (failure("[API Error: models/x is not found for API version v1beta]"), 1, "model_not_found"),
        (failure("[API Error: Resource has been exhausted.]\nPlease wait"), 173, "rate_limit"),
        (failure("[API Error: The model is overloaded. Please try again later.]"), 247, "overloaded"),
        (failure("[API Error: exception TypeError: fetch failed sending request]"), 1, "network"),
        (failure("[API Error: You have exhausted your daily quota on this model.]"), 173, "usage_limit"),
        (failure("[API Error: Quota exceeded for metric: x, limit: 0, model: y]"), 173, "billing_exhausted"),
        (failure("[API Error: something]"), 146, "billing_exhausted"),
        (failure("Reached max session turns for this session."), 53, "max_turns"),
        (failure("Operation cancelled."), 130, "interrupted"),
        (failure("something new"), 41, "auth_invalid"),
        (failure("something new"), 52, "config_invalid"),
        (failure("something new"), 53, "max_turns"),
        (failure("something new"), 130, "interrupted"),
        (failure("something new"), 404 & 255, "model_not_found"),
        (failure("something new"), 413 & 255, "context_overflow"),
        (failure("something new"), 503 & 255, "overloaded"),
        (failure("something new"), 1, "unknown"),
        (result("error"), 1, "unknown"),
    ],
    ids=str,
)  # fmt: skip
def test_a_failure_is_classed_by_its_words_and_by_what_is_left_of_its_status(
    given: str, exit_code: int, kind: str
) -> None:
    _, end = run(Gemini(), [init(), given], exit_code)
    assert isinstance(end, Failed)
    assert (end.kind, end.resets_at) == (kind, None)
    assert not end.message.startswith(("[API", "{"))


def test_the_words_of_an_error_inside_of_an_error_are_told() -> None:
    assert run(Gemini(), [api_error(401, "API key not valid")], 145)[1] == Failed(
        "auth_invalid", "API key not valid"
    )


@pytest.mark.parametrize(
    ("told", "kind", "seconds"),
    [
        ("You have exhausted your capacity. Your quota will reset after 3h12m5s.", "usage_limit", 11_525),
        ("Quota exceeded.\nSuggested retry after 34074s.", "usage_limit", 34_074),
        ("Quota exceeded. Please retry in 12.5s.", "rate_limit", 12.5),
    ],
)
def test_a_limit_that_says_when_it_ends_is_waited_for_from_the_time_of_its_line(
    told: str, kind: str, seconds: float
) -> None:
    _, end = run(Gemini(), [failure(f"[API Error: {told}]")], 173)
    assert isinstance(end, Failed)
    noon = datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()
    assert (end.kind, end.resets_at) == (kind, noon + seconds)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("The model response was blocked due to safety settings.", "content_filter"),
        ("The model returned an empty response with no text or thoughts.", "server_error"),
        ("Model response was truncated because it exceeded the token limit.", "context_overflow"),
        ("Maximum session turns exceeded", "max_turns"),
    ],
)
@pytest.mark.parametrize("status", ["error", "success"])
def test_an_error_before_the_result_is_what_the_turn_failed_of(told: str, kind: str, status: str) -> None:
    _, end = run(Gemini(), [line(type="error", severity="error", message=told), result(status)], 0)
    assert end == Failed(kind, told)  # type: ignore[arg-type]


def test_an_error_that_was_got_over_is_no_failure() -> None:
    lines = [line(type="error", severity="warning", message="overloaded"), said("Done."), result()]
    assert run(Gemini(), lines)[1] == Finished("Done.")


def test_a_result_holds_though_the_exit_code_looks_like_a_signal() -> None:
    assert run(Gemini(), [said("Done."), result()], 143)[1] == Finished("Done.")
    end = run(Gemini(), [failure("[API Error: Invalid argument]")], 144)[1]
    assert end == Failed("invalid_request", "Invalid argument")


@pytest.mark.parametrize(
    ("exit_code", "stderr", "kind"),
    [
        (42, f'Error resuming session: Invalid session identifier "{ID}".\n  Searched', "session_not_found"),
        (42, f'Error starting session: Session ID "{ID}" already exists. Use', "session_conflict"),
        (42, "No input provided via stdin.", "config_invalid"),
        (41, "Please set an Auth method in your settings.json or specify", "auth_invalid"),
        (41, "something else of a login", "auth_invalid"),
        (52, 'YOLO mode is disabled by the "disableYolo" setting.', "config_invalid"),
        (55, "\x1b[31mGemini CLI is not running in a trusted directory.", "config_invalid"),
        (1, "Unknown argument: nope\nUsage: gemini [options] [command]\n" + "x\n" * 200, "config_invalid"),
        (1, "something new", "unknown"),
        (0, "", "interrupted"),
    ],
)
def test_a_start_that_failed_is_told_by_its_first_words(exit_code: int, stderr: str, kind: str) -> None:
    warning = "Warning: 256-color support not detected.\nRipgrep is not available. Falling back\n"
    _, end = run(Gemini(), [], exit_code, warning + stderr)
    assert isinstance(end, Failed)
    assert end.kind == kind
    first = stderr.splitlines()[0].removeprefix("\x1b[31m") if stderr else ""
    assert first in end.message
    assert len(end.message) <= 2100


def test_work_in_another_session_is_no_success() -> None:
    _, end = run(Gemini(), [init(OTHER_ID), result()])
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"


# Version and login


def test_a_version_is_a_number_and_nothing_else() -> None:
    assert Gemini().version(Answer("0.61.0\n")) == "0.61.0"
    assert Gemini().version(Answer("gemini 1.0: the capsule server\n")) == ""


@pytest.mark.parametrize(
    ("settings", "files", "env", "login"),
    [
        ("", (), {}, Login(False)),
        ("", (".env",), {}, Login(None)),
        ("", (), {"GEMINI_API_KEY": "k"}, Login(True, "api_key from GEMINI_API_KEY")),
        ("gemini-api-key", (), {"GEMINI_API_KEY": "k"}, Login(True, "api_key from GEMINI_API_KEY")),
        ("gemini-api-key", (), {}, Login(None)),
        ("oauth-personal", (), {"GEMINI_API_KEY": "k"}, Login(False)),
        ("oauth-personal", ("oauth_creds.json",), {}, Login(True, "account")),
        ("oauth-personal", (), {"GEMINI_FORCE_ENCRYPTED_FILE_STORAGE": "true"}, Login(None)),
        ("", (), {"GOOGLE_GENAI_USE_GCA": "true"}, Login(False)),
        (
            "",
            (),
            {"GOOGLE_GENAI_USE_VERTEXAI": "true", "GOOGLE_API_KEY": "k"},
            Login(True, "api_key from GOOGLE_API_KEY"),
        ),
        (
            "vertex-ai",
            (),
            {"GOOGLE_CLOUD_PROJECT": "p", "GOOGLE_CLOUD_LOCATION": "l"},
            Login(True, "project of GOOGLE_CLOUD_PROJECT"),
        ),
        ("vertex-ai", (), {}, Login(None)),
        ("", (), {"GOOGLE_GEMINI_BASE_URL": "http://x"}, Login(None)),
    ],
)
def test_a_login_is_looked_for_where_gemini_looks(
    tmp_path: Path, settings: str, files: tuple[str, ...], env: dict[str, str], login: Login
) -> None:
    folder = tmp_path / ".gemini"
    folder.mkdir()
    if settings:
        text = f'{{ // mine\n  "security": {{"auth": {{"selectedType": "{settings}"}}}},\n}}\n'
        (folder / "settings.json").write_text(text)
    for name in files:
        (folder / name).write_text("")
    assert Gemini().login(Answer(""), {"HOME": str(tmp_path), **env}) == login
    elsewhere = {"HOME": "/nowhere", "GEMINI_CLI_HOME": str(tmp_path)}
    assert Gemini().login(Answer(""), {**elsewhere, **env}) == login


def answer(key: str, given: int, taken: int, **more: Any) -> str:
    tokens = {"input": given, "output": taken, "cached": 0, "thoughts": 0, "tool": 0, **more}
    return line(id=key, timestamp=NOON, type="gemini", content="", tokens=tokens)


def test_tokens_count_as_they_come_in_its_record_and_the_result_has_the_last_word() -> None:
    reader = Gemini().reader(ID)
    assert reader.read_record(answer("a", 100, 20, thoughts=5, cached=30)) == [Spent(70, 25, 30)]
    assert reader.read_record(answer("a", 100, 20, thoughts=5, cached=30)) == [], "once more, with its calls"
    assert reader.read_record(line(id="b", type="user", content=[])) == []
    stats = {"total_tokens": 300, "input_tokens": 250, "output_tokens": 40, "cached": 30}
    assert [each for each in reader.read(result(stats=stats)) if isinstance(each, Spent)] == [Spent(150, 25)]
    assert reader.read_record(answer("c", 150, 25)) == [], "it is read behind the sum"


def test_its_record_is_the_file_of_that_session(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path)}
    assert Gemini().record(ID, "/tree", env) == ""
    chats = tmp_path / ".gemini/tmp/tree/chats"
    chats.mkdir(parents=True)
    (tmp_path / ".gemini/projects.json").write_text(line(projects={"/tree": "tree"}))
    mine, other = (chats / f"session-2026-11-25T23-{minute}-{ID[:8]}.jsonl" for minute in (47, 48))
    mine.write_text(line(sessionId=ID) + "\n")
    other.write_text(line(sessionId=OTHER_ID) + "\n")
    assert Gemini().record(ID, "/tree", env) == str(mine)


@pytest.mark.parametrize(
    ("told", "model"),
    [
        ("You have exhausted your daily quota on this model.", "gemini-2.5-pro"),
        (
            "Quota exceeded for metric: x, limit: 250, model: gemini-3-flash\nPlease retry in 34074s.",
            "gemini-3-flash",
        ),
        (
            '{"error": {"message": "daily quota", "quotaDimensions": {"model": "models/gemini-3"}}}',
            "gemini-3",
        ),
        ('{"error": {"message": "daily quota", "quotaId": "PerDayPerProjectPerModel"}}', "gemini-2.5-pro"),
        ("Your daily quota is used up.", ""),
    ],
)
def test_a_quota_holds_the_model_that_it_is_for(told: str, model: str) -> None:
    reports, end = run(Gemini(), [init(), failure(f"[API Error: {told}]")], 173)
    assert isinstance(end, Failed)
    (limit,) = [each for each in reports if isinstance(each, Limited)]
    assert (limit.limit, limit.model) == (f"{model}_quota" if model else "quota", model)
    assert (limit.status, end.kind) == ("rejected", "usage_limit")
