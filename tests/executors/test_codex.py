"""Codex as values: its command lines, and what its stream means. The real program is in tests/real/."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
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
    Retried,
    Returned,
    Said,
    Spent,
    Started,
    Used,
)
from sow_executors.codex import Codex
from sow_executors.extras import Answer, Login

BENCH = Candidate("codex")
HEADLESS = ("codex", "exec", "--json", "--skip-git-repo-check")
CAREFUL = ("--sandbox=workspace-write", "-c", "allow_login_shell=false")
UNKNOWN_MODEL = "Model metadata for `mock-model` not found. Defaulting to fallback metadata; this can …"


def started(thread: str = ID) -> str:
    return line(type="thread.started", thread_id=thread)


TURN = line(type="turn.started")


def item(event: str, kind: str, **rest: Any) -> str:
    return line(type=f"item.{event}", item={"id": "item_1", "type": kind, **rest})


def said(text: str) -> str:
    return item("completed", "agent_message", text=text)


def shell(event: str, command: str = "/bin/bash -c 'make check'", **rest: Any) -> str:
    return item(event, "command_execution", command=command, aggregated_output="", **rest)


def completed(given: int = 0, taken: int = 0, cached: int = 0) -> str:
    tokens = {"input_tokens": given, "cached_input_tokens": cached, "output_tokens": taken}
    return line(type="turn.completed", usage={**tokens, "reasoning_output_tokens": 0})


def error(message: str) -> str:
    return line(type="error", message=message)


def failed(message: str) -> str:
    return line(type="turn.failed", error={"message": message})


# What is run


def test_a_spawn_gives_the_prompt_on_standard_input_and_names_no_thread() -> None:
    command = Codex().spawn(BENCH.turn("hello", session_id=None))
    assert command.argv == (*HEADLESS, *CAREFUL)
    assert (command.folder, command.stdin, command.env, command.files) == ("/tree", "hello", {}, {})


def test_a_resume_repeats_every_option_before_its_word_for_it() -> None:
    turn = replace(BENCH.turn("more", model="o9"), custom_args=("--search",))
    command = Codex().resume(turn)
    assert command.argv == (*HEADLESS, *CAREFUL, "--model=o9", "--search", "resume", ID, "-")
    assert command.stdin == "more"


def test_a_terminal_opens_the_same_thread_in_a_folder_that_is_trusted_for_that_once() -> None:
    turn = replace(BENCH.turn(), folder='/a "b"/ü')
    command = Codex().attach(turn)
    assert command.argv[:3] == ("codex", "resume", "--no-daemon")
    assert command.argv[-4:] == (*CAREFUL, ID)
    (trusted,) = (word for word in command.argv if word.startswith("projects="))
    assert tomllib.loads(trusted) == {"projects": {'/a "b"/ü': {"trust_level": "trusted"}}}
    assert command.stdin is None


def test_yolo_mode_skips_the_sandbox() -> None:
    argv = Codex().spawn(BENCH.turn(yolo_mode=True)).argv
    assert argv[4:] == ("--dangerously-bypass-approvals-and-sandbox", "-c", "allow_login_shell=false")


def test_folders_outside_the_worktree_are_writable_in_the_sandbox() -> None:
    argv = Codex().spawn(replace(BENCH.turn(), writable=("/task", "/out side"))).argv
    assert argv[4:7] == ("--sandbox=workspace-write", "--add-dir=/task", "--add-dir=/out side")


def test_settings_become_options() -> None:
    argv = Codex().spawn(BENCH.turn(model="o9", profile="work", program="/opt/codex")).argv
    assert argv[0] == "/opt/codex"
    assert argv[-2:] == ("--model=o9", "--profile=work")


@pytest.mark.parametrize(
    "argument", ["--json", "-C", "--cd=/x", "--ephemeral", "--last", "-i", "--image=a.png", "--worktree"]
)
def test_an_argument_that_would_break_the_turn_is_refused(argument: str) -> None:
    with pytest.raises(BadSettings, match=argument):
        Codex().spawn(replace(BENCH.turn(), custom_args=(argument,)))


@pytest.mark.parametrize("bad", ["my-thread", ID + "\n", "--last"])
def test_only_a_uuid_is_an_id_for_any_other_word_may_open_a_new_thread(bad: str) -> None:
    assert Codex().accepts(ID.upper())
    assert not Codex().accepts(bad)


# What is read


@pytest.mark.parametrize(
    ("given", "reports"),
    [
        pytest.param(started(), [Started(ID)], id="start"),
        pytest.param(said("hi"), [Said("hi")], id="speech"),
        pytest.param(said(" \n"), [], id="blank speech"),
        pytest.param("WARNING: proceeding, even though", [], id="noise"),
        pytest.param(item("completed", "error", message=UNKNOWN_MODEL), [], id="a warning, though an error"),
        pytest.param(item("completed", "reasoning", text="hm"), [], id="thought"),
        pytest.param(item("updated", "todo_list", items=[]), [], id="list of its own"),
        pytest.param(
            shell("started", status="in_progress"), [Used("shell", "make check", "item_1")], id="command"
        ),
        pytest.param(
            shell("started", "make check && echo 'half"),
            [Used("shell", "make check && echo 'half", "item_1")],
            id="command that no shell would take",
        ),
        pytest.param(
            item("started", "file_change", changes=[{"path": "/a", "kind": "add"}, {"path": "/b"}]),
            [Used("edit", "/a, /b", "item_1")],
            id="edit",
        ),
        pytest.param(
            item("started", "mcp_tool_call", server="docs", tool="find", arguments={"q": "x"}),
            [Used("docs.find", '{"q": "x"}', "item_1")],
            id="tool of a server",
        ),
        pytest.param(
            item("completed", "web_search", query="how"),
            [Used("web_search", "how", "item_1"), Returned("item_1", ok=True)],
            id="a call that is told at its end only",
        ),
        pytest.param(
            item("started", "dream", prompt="of sheep"), [Used("dream", "of sheep", "item_1")], id="new tool"
        ),
        pytest.param(
            error("Reconnecting... 1/5 (unexpected status 401 Unauthorized: no, url: http://x)"),
            [Retried(1, "unexpected status 401 Unauthorized: no, url: http://x")],
            id="retry",
        ),
        pytest.param(
            error("Reconnecting... waiting for network (Connection failed: error sending request)"),
            [Retried(1, "Connection failed: error sending request")],
            id="wait for the network",
        ),
        pytest.param(line(type="item.plan.delta", delta="x"), [], id="unknown event"),
    ],
)
def test_read(given: str, reports: list[Report]) -> None:
    assert Codex().reader(ID).read(given) == reports


@pytest.mark.parametrize(
    ("ending", "reports"),
    [
        pytest.param({"status": "completed", "exit_code": 0}, [Returned("item_1", ok=True)], id="well"),
        pytest.param({"status": "failed", "exit_code": 3}, [Returned("item_1", ok=False)], id="badly"),
        pytest.param(
            {"status": "declined", "exit_code": None},
            [Denied("shell", "make check", "declined by its rules"), Returned("item_1", ok=False)],
            id="not at all",
        ),
    ],
)
def test_a_command_is_told_once_and_how_it_came_back(ending: dict[str, Any], reports: list[Report]) -> None:
    lines = [shell("started", status="in_progress"), shell("updated"), shell("completed", **ending)]
    told, _ = run(Codex(), lines)
    assert told == [Used("shell", "make check", "item_1"), *reports]


def test_waits_for_the_network_are_counted() -> None:
    told, _ = run(Codex(), [error("Reconnecting... waiting for network")] * 3)
    assert [each.attempt for each in told if isinstance(each, Retried)] == [1, 2, 3]


def test_an_end_is_told_as_soon_as_it_is_read() -> None:
    assert run(Codex(), [started(), TURN, said("All done."), completed()])[0][-1] == Finished("All done.", 1)
    (told,) = run(Codex(), [failed("unexpected status 401 Unauthorized")])[0]
    assert isinstance(told, Failed)


def test_the_last_turn_of_a_process_decides() -> None:
    good = [started(), TURN, said("first"), completed(), TURN, said("second"), completed()]
    assert run(Codex(), good)[1] == Finished("second", 2)
    assert run(Codex(), [*good[:4], TURN, failed("Quota exceeded.")])[1] == Failed(
        "billing_exhausted", "Quota exceeded."
    )


@pytest.mark.parametrize(("exit_code", "kind"), [(-15, "interrupted"), (-9, "crash_signal")])
def test_a_turn_that_was_cut_after_a_good_one_is_no_success(exit_code: int, kind: str) -> None:
    _, end = run(Codex(), [started(), TURN, completed(), TURN, said("half")], exit_code)
    assert isinstance(end, Failed)
    assert end.kind == kind


def test_a_signal_after_the_end_takes_nothing_back() -> None:
    assert run(Codex(), [started(), TURN, said("Done."), completed()], -15)[1] == Finished("Done.", 1)


def test_work_in_another_thread_is_no_success() -> None:
    _, end = run(Codex(), [started(OTHER_ID), TURN, said("Done."), completed()])
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"


def test_a_new_thread_is_whatever_it_is_called() -> None:
    lines = [started(OTHER_ID), TURN, said("Done."), completed()]
    assert run(Codex(), lines, session_id=None)[1] == Finished("Done.", 1)


def test_an_exit_code_of_0_without_an_end_is_no_success() -> None:
    _, end = run(Codex(), [started(), TURN, said("Well")])
    assert isinstance(end, Failed)
    assert end.kind == "unknown"


# What it costs


def spent(lines: list[str], before: Spent | None = None) -> list[Spent]:
    reader = Codex().reader(ID) if before is None else Codex().reader_after(ID, before)
    return [report for each in lines for report in reader.read(each) if isinstance(report, Spent)]


def test_cost_is_what_each_turn_adds_to_the_thread() -> None:
    assert spent([completed(300, 60, 100), completed(400, 80, 150)]) == [
        Spent(200, 60, 100),
        Spent(50, 20, 50),
    ]


def test_a_resumed_thread_counts_from_what_was_told_of_it() -> None:
    assert spent([completed(400, 80, 100)], Spent(200, 60, 100)) == [Spent(100, 20)]


def test_a_turn_that_cost_nothing_is_no_spending() -> None:
    assert spent([completed(), line(type="turn.completed")]) == []
    assert spent([completed(200, 60)], Spent(200, 60)) == []


def test_a_version_that_counts_each_process_for_itself_is_taken_as_it_is() -> None:
    assert spent([completed(100, 20)], Spent(200, 60)) == [Spent(100, 20)]


tokens = st.tuples(*[st.integers(0, 10**9)] * 3)


@given(st.lists(tokens, min_size=1, max_size=6), st.integers(0, 6))
def test_what_all_attempts_of_a_thread_tell_adds_up_to_what_the_thread_used(
    turns: list[tuple[int, int, int]], cut: int
) -> None:
    totals: list[str] = []
    whole = (0, 0, 0)
    for fresh, taken, cached in turns:
        whole = (whole[0] + fresh + cached, whole[1] + taken, whole[2] + cached)
        totals.append(completed(*whole))
    first = spent(totals[:cut])
    every = [*first, *spent(totals[cut:], summed(first))]
    assert summed(every) == Spent(whole[0] - whole[2], whole[1], whole[2])


def summed(each: list[Spent]) -> Spent:
    return Spent(
        sum(one.input_tokens for one in each),
        sum(one.output_tokens for one in each),
        sum(one.cached_tokens for one in each),
    )


# How it fails


ATTRIBUTED = ", url: http://127.0.0.1:4290/s/429/v1/responses"


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        (f"unexpected status 401 Unauthorized: Incorrect API key provided{ATTRIBUTED}", "auth_invalid"),
        ("Your access token could not be refreshed. Please log out and sign in again.", "auth_invalid"),
        (f"unexpected status 403 Forbidden: no{ATTRIBUTED}", "access_denied"),
        ("exceeded retry limit, last status: 429 Too Many Requests", "rate_limit"),
        ("Selected model is at capacity. Please try a different model.", "overloaded"),
        ("We’re currently experiencing high demand, which may cause temporary errors.", "server_error"),
        ("exceeded retry limit, last status: 502 Bad Gateway", "server_error"),
        ("Quota exceeded. Check your plan and billing details.", "billing_exhausted"),
        (
            "Codex ran out of room in the model's context window. Start a new thread or …",
            "context_overflow",
        ),
        ("The model does not exist or you do not have access to it.", "model_not_found"),
        ("The model `o99` does not exist or you do not have access to it.", "model_not_found"),
        ("The 'o99' model is not supported when using Codex with a ChatGPT account.", "model_not_found"),
        ("stream disconnected before completion: error sending request for url (http://x/)", "network"),
        ("Missing environment variable: `MOCK_KEY`.", "config_invalid"),
        (f"unexpected status 400 Bad Request: no{ATTRIBUTED}", "invalid_request"),
        ("The sky is falling.", "unknown"),
    ],
)
def test_a_failed_turn_is_classed_by_its_words(message: str, kind: str) -> None:
    # The same words come before it, as an error of no kind.
    _, end = run(Codex(), [started(), TURN, error(message), failed(message)], 1)
    assert end == Failed(kind, message)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stderr", "kind", "told"),
    [
        (
            f"Error: thread/resume: thread/resume failed: no rollout found for thread id {ID} (code -32600)",
            "session_not_found",
            "no rollout found",
        ),
        (
            "2026-11-25T17:14:40.413777Z ERROR codex_core::session: 401 in a log\n"
            f"Error: thread/resume failed: thread {ID} already has an active writer (code -32600)\n",
            "session_conflict",
            f"thread {ID} already has an active writer",
        ),
        ("error: unexpected argument '--nope' found\n\n  tip: …", "config_invalid", "--nope"),
        ("Error: the moon is full", "unknown", "the moon is full"),
    ],
)
def test_a_start_that_fails_is_classed_by_the_line_that_says_why(stderr: str, kind: str, told: str) -> None:
    _, end = run(Codex(), [], 2, stderr)
    assert isinstance(end, Failed)
    assert (end.kind, told in end.message) == (kind, True)


def test_an_error_without_a_failed_turn_is_why_it_ended() -> None:
    _, end = run(Codex(), [started(), TURN, error("Quota exceeded.")], 1, "some log")
    assert end == Failed("billing_exhausted", "Quota exceeded.")


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Kathmandu"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Local time, there and then back again."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield request.param
    time.tzset()


def limit(when: str) -> str:
    return (
        "You’ve hit your usage limit. Upgrade to Pro (https://chatgpt.com/explore/pro), visit "
        f"https://chatgpt.com/settings/usage to purchase more credits or try again at {when}."
    )


def test_a_used_up_plan_is_waited_for_until_the_end_of_the_minute_it_names(zone: str) -> None:
    reports, end = run(Codex(), [started(), TURN, failed(limit("Dec 3rd, 2026 12:04 AM"))], 1)
    at = datetime(2026, 12, 3, 0, 5).timestamp()
    assert Limited("rejected", at) in reports
    assert isinstance(end, Failed)
    assert (end.kind, end.resets_at) == ("usage_limit", at)


def test_a_time_without_a_day_is_one_of_today(zone: str) -> None:
    _, end = run(Codex(), [failed(limit("11:59 PM"))], 1)
    assert isinstance(end, Failed)
    now = datetime.now()
    assert end.resets_at == datetime(now.year, now.month, now.day, 23, 59).timestamp() + 60


@pytest.mark.parametrize(
    "when", ["soon", "Foo 3rd, 2026 1:04 AM", "Nov 3rd, 99999999999999999999 1:04 AM", ""]
)
def test_a_plan_that_names_no_time_is_used_up_all_the_same(when: str) -> None:
    _, end = run(Codex(), [failed(limit(when))], 1)
    assert isinstance(end, Failed)
    assert (end.kind, end.resets_at) == ("usage_limit", None)


# Version and login


@pytest.mark.parametrize(
    ("out", "version"),
    [
        ("codex-cli 0.169.0\n", "0.169.0"),
        ("codex-cli 0.170.0-alpha.3\n", "0.170.0-alpha.3"),
        ("codex 4.1, an old book\n", ""),
        ("", ""),
    ],
)
def test_a_version_is_known_by_its_name(out: str, version: str) -> None:
    assert Codex().version(Answer(out)) == version


@pytest.mark.parametrize(
    ("err", "login"),
    [
        ("Not logged in\n", Login(False)),
        ("Logged in using ChatGPT\n", Login(True, "ChatGPT")),
        ("Logged in using an API key - sk-proj-***AB12\n", Login(True, "api_key")),
        (
            "API key configured - ***\nAuthentication is checked when you send a request.\n",
            Login(True, "api_key"),
        ),
        ("error: unrecognized subcommand", Login(None)),
    ],
)
def test_a_login_is_told_by_its_way_and_never_by_its_secret(err: str, login: Login, tmp_path: Path) -> None:
    assert Codex().login(Answer("", err, 1), {"CODEX_HOME": str(tmp_path)}) == login


def test_a_key_in_a_variable_logs_in() -> None:
    login = Codex().login(Answer("", "Not logged in\n", 1), {"CODEX_API_KEY": "sk-1"})
    assert login == Login(True, "api_key from CODEX_API_KEY")


@pytest.mark.parametrize(
    ("config", "there"),
    [
        ('model_provider = "mine"\n', None),
        ('model_provider = "openai"\n', False),
        ("model = 'o9'\n", False),
        ("no toml", False),
    ],
)
def test_models_from_elsewhere_may_need_no_login(config: str, there: bool | None, tmp_path: Path) -> None:
    folder = tmp_path / ".codex"
    folder.mkdir()
    (folder / "config.toml").write_text(config)
    answer = Answer("", "Not logged in\n", 1)
    assert Codex().login(answer, {"HOME": str(tmp_path)}) == Login(there)
    assert Codex().login(answer, {"HOME": "/x", "CODEX_HOME": str(folder)}) == Login(there)


# Its record


def count_of(given: int, taken: int, cached: int = 0, **more: Any) -> str:
    usage = {"input_tokens": given, "cached_input_tokens": cached, "output_tokens": taken}
    info = {"total_token_usage": usage, "last_token_usage": usage}
    return line(type="event_msg", payload={"type": "token_count", "info": info, **more})


def test_tokens_count_as_they_come_in_its_record_and_never_twice() -> None:
    reader = Codex().reader_after(ID, Spent(100, 20))
    assert reader.read_record(count_of(100, 20)) == [], "that was before"
    assert reader.read_record(count_of(40, 8)) == []
    assert reader.read_record(count_of(250, 50, 50)) == [Spent(100, 30, 50)]
    assert reader.read_record(count_of(250, 50, 50)) == []
    assert [each for each in reader.read(completed(350, 70, 50)) if isinstance(each, Spent)] == [
        Spent(100, 20)
    ]
    assert reader.read_record(count_of(350, 70, 50)) == [], "it is read behind the sum"


def test_its_record_warns_of_limits() -> None:
    window = {"used_percent": 91.0, "window_minutes": 300, "resets_at": 1795227523}
    told = (
        Codex().reader(ID).read_record(count_of(0, 0, rate_limits={"limit_id": "codex", "primary": window}))
    )
    assert told == [Limited("warning", 1795227523.0, "five_hour", 91.0, 90.0)]


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", line(type="event_msg"), line(type="event_msg", payload={"type": "token_count"}), "{"],
)
def test_what_its_record_says_else_is_nothing(text: str) -> None:
    assert Codex().reader(ID).read_record(text) == []


def test_its_record_is_the_file_of_that_thread(tmp_path: Path) -> None:
    env = {"CODEX_HOME": str(tmp_path)}
    assert Codex().record(ID, "/tree", env) == ""
    day = tmp_path / "sessions/2026/11/25"
    day.mkdir(parents=True)
    for thread in (ID, OTHER_ID):
        (day / f"rollout-2026-11-25T23-46-04-{thread}.jsonl").touch()
    assert Codex().record(ID, "/tree", env) == str(day / f"rollout-2026-11-25T23-46-04-{ID}.jsonl")
