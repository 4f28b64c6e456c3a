"""The script executor as values: commands, settings, and what its lines mean."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow_executors.base import (
    BadSettings,
    Denied,
    Executor,
    Failed,
    Finished,
    Limited,
    Report,
    Returned,
    Said,
    Spent,
    Started,
    Turn,
    Used,
)
from sow_executors.extras import ChecksSettings
from sow_executors.script import AGENT, Script

FOLDER = "/tree"


def turn(
    settings: dict[str, object] | None = None,
    params: dict[str, object] | None = None,
    prompt: str = "do it",
    custom_args: tuple[str, ...] = (),
) -> Turn:
    return Turn(
        prompt=prompt,
        folder=FOLDER,
        scratch="/scratch",
        session_id="s-1",
        role="implementer",
        task_id="010",
        settings={"script": "plays/{task_id}.yaml"} if settings is None else settings,
        custom_args=custom_args,
        params=params or {},
    )


def test_it_is_an_executor() -> None:
    executor: Executor = Script()
    assert (executor.name, executor.ids) == ("script", "ours")
    assert executor.program({}) == (sys.executable,)
    assert Path(AGENT).is_file()


def test_a_spawn_opens_the_session_and_a_resume_goes_on_with_it() -> None:
    spawn, resume = Script().spawn(turn()), Script().resume(turn())
    behind = ("--script", "/tree/plays/010.yaml", "--task", "010")
    assert spawn.argv == (sys.executable, "-I", AGENT, "--session-id", "s-1", *behind)
    assert resume.argv == (sys.executable, "-I", AGENT, "--resume", "s-1", *behind)
    assert (spawn.folder, spawn.stdin, spawn.env) == (FOLDER, "do it", {})


def test_attaching_takes_its_prompts_from_the_terminal() -> None:
    command = Script().attach(turn())
    assert command.argv[-1] == "--terminal"
    assert command.stdin is None


@pytest.mark.parametrize("prompt", ["--script x", "p" * 200_000, "", "a\nb\udc80"], ids=lambda p: p[:9])
def test_any_prompt_goes_to_standard_input_as_it_is(prompt: str) -> None:
    command = Script().spawn(turn(prompt=prompt))
    assert command.stdin == prompt
    assert prompt == "" or not any(prompt in word for word in command.argv)


def test_model_home_and_the_users_own_arguments_are_passed_on() -> None:
    settings: dict[str, object] = {"script": "a.yaml", "model": "m", "home": "/keep", "yolo_mode": True}
    command = Script().spawn(turn(settings, custom_args=("--more",)))
    assert command.argv[-3:] == ("--model", "m", "--more")
    assert command.env == {"SOW_SCRIPT_HOME": "/keep"}


@pytest.mark.parametrize(
    ("settings", "params", "path"),
    [
        pytest.param({"script": "a.yaml"}, {"script": "b.yaml"}, "/tree/b.yaml", id="the task's own wins"),
        pytest.param({}, {"script": "/else/b.yaml"}, "/else/b.yaml", id="absolute"),
        pytest.param({"script": "{role}/{task_id}.yaml"}, {}, "/tree/implementer/010.yaml", id="filled in"),
    ],
)
def test_the_script_of_a_task(settings: dict[str, object], params: dict[str, object], path: str) -> None:
    argv = Script().spawn(turn(settings, params)).argv
    assert argv[argv.index("--script") + 1] == path


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({}, "script is the path of a YAML file, not None", id="no script"),
        pytest.param({"script": 7}, "not 7", id="no path"),
        pytest.param({"script": "{task}.yaml"}, "no placeholder {task}", id="unknown placeholder"),
        pytest.param({"script": "a", "sript": "b"}, "did you mean script?", id="unknown setting"),
        pytest.param({"script": "a", "zzz": 1}, "home, model, script", id="far from any setting"),
        pytest.param({"script": "a", "home": "here"}, "home is the absolute", id="relative home"),
        pytest.param({"script": "a", "yolo_mode": "yes"}, "yolo_mode is true or false", id="yolo no flag"),
        pytest.param({"script": "a", "model": 4}, "model is a text", id="model no name"),
    ],
)
def test_a_setting_that_is_off_is_named(settings: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as raised:
        Script().spawn(turn(settings))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "custom_args", "key"),
    [
        pytest.param({"script": 7}, (), "script", id="no path"),
        pytest.param({"script": "{task}.yaml"}, (), "script", id="unknown placeholder"),
        pytest.param({"home": "here"}, (), "home", id="relative home"),
        pytest.param({"model": 4}, (), "model", id="model no name"),
        pytest.param({}, ("--resume=x",), "custom_args", id="an argument of ours"),
    ],
)
def test_settings_are_checked_without_a_task_but_for_the_script_that_a_task_may_bring(
    settings: dict[str, object], custom_args: tuple[str, ...], key: str
) -> None:
    executor = Script()
    assert isinstance(executor, ChecksSettings)
    executor.check_settings({}, ())
    executor.check_settings({"script": "{role}/{task_id}.yaml", "model": "m", "home": "/h"}, ("--own",))
    with pytest.raises(BadSettings) as raised:
        executor.check_settings(settings, custom_args)
    assert raised.value.key == key


def test_arguments_that_are_not_the_users_to_set_are_refused() -> None:
    with pytest.raises(BadSettings, match="custom_args of script can't hold --resume=x"):
        Script().spawn(turn(custom_args=("--resume=x",)))


@pytest.mark.parametrize(
    "session_id", ["s-1", "abc.def_2", "0c5ee5ff-9a52-4a4a-9d3a-16b1bb4bd7a7", "x" * 128]
)
def test_a_plain_id_is_accepted(session_id: str) -> None:
    assert Script().accepts(session_id)


@pytest.mark.parametrize("session_id", ["", "a/b", "..", "-x", "a b", "a\n", "ä", "x" * 129])
def test_an_id_that_is_no_safe_file_name_is_not(session_id: str) -> None:
    assert not Script().accepts(session_id)
    with pytest.raises(ValueError, match="needs an id"):
        Script().resume(Turn("p", FOLDER, "/s", session_id=session_id, settings={"script": "a"}))


@pytest.mark.parametrize(
    ("line", "reports"),
    [
        pytest.param(
            '{"type": "session", "session_id": "s-1", "model": "m"}', [Started("s-1", "m")], id="up"
        ),
        pytest.param('{"type": "said", "text": "hi"}', [Said("hi")], id="speech"),
        pytest.param(
            '{"type": "tool", "call": "1.2", "tool": "run", "detail": "ls"}',
            [Used("run", "ls", "1.2")],
            id="call",
        ),
        pytest.param(
            '{"type": "tool_result", "call": "1.2", "ok": false}', [Returned("1.2", False)], id="back"
        ),
        pytest.param(
            '{"type": "denied", "tool": "run", "reason": "no"}', [Denied("run", "", "no")], id="denied"
        ),
        pytest.param('{"type": "spent", "usd": 0.5, "input_tokens": 3}', [Spent(3, 0, 0, 0.5)], id="spent"),
        pytest.param('{"type": "spent", "output_tokens": 1}', [Spent(0, 1)], id="spent without a price"),
        pytest.param('{"type": "limited", "resets_at": 12.5}', [Limited("rejected", 12.5)], id="limit"),
        pytest.param(
            '{"type": "finished", "text": "bye", "turns": 1}', [], id="the last line waits for the end"
        ),
        pytest.param('{"type": "tomorrow"}', [], id="unknown type"),
        pytest.param('["said"]', [], id="no object"),
        pytest.param("Traceback (most recent call last):", [], id="noise"),
        pytest.param('{"type": "spent", "usd": NaN, "input_tokens": true}', [Spent()], id="wrong values"),
    ],
)
def test_what_a_line_means(line: str, reports: list[Report]) -> None:
    assert Script().reader("s-1").read(line) == reports


UP = '{"type": "session", "session_id": "s-1"}'
DONE = '{"type": "finished", "text": "bye", "turns": 2}'
OUT = '{"type": "failed", "kind": "usage_limit", "message": "out", "resets_at": 9}'


@pytest.mark.parametrize(
    ("lines", "code", "stderr", "end"),
    [
        pytest.param([UP, DONE], 0, "", Finished("bye", 2), id="finished"),
        pytest.param([UP, DONE], -9, "", Finished("bye", 2), id="killed behind its last line"),
        pytest.param([UP, OUT], 1, "", Failed("usage_limit", "out", 9.0), id="failed"),
        pytest.param([UP, DONE, OUT], 0, "", Failed("usage_limit", "out", 9.0), id="the last of two counts"),
        pytest.param(
            [UP],
            0,
            "",
            Failed("unknown", "the script's agent ended with exit code 0 and no outcome"),
            id="not a word, though its code is 0",
        ),
        pytest.param(
            [UP], -15, "", Failed("interrupted", "the script's agent was ended by SIGTERM"), id="stopped"
        ),
        pytest.param(
            [UP],
            -9,
            "boom\n",
            Failed("crash_signal", "the script's agent was ended by SIGKILL: boom"),
            id="killed",
        ),
        pytest.param(
            ['{"type": "session", "session_id": "s-2"}', DONE],
            0,
            "",
            Failed("session_conflict", "session 's-2' came, not 's-1'"),
            id="another session",
        ),
        pytest.param(
            ['{"type": "failed", "kind": "sad", "message": ""}'],
            1,
            "",
            Failed("unknown", "no reason given"),
            id="unknown kind",
        ),
    ],
)
def test_how_a_turn_ended(lines: list[str], code: int | None, stderr: str, end: Finished | Failed) -> None:
    reader = Script().reader("s-1")
    for line in lines:
        reader.read(line)
    assert reader.end(code, stderr) == end


TYPES = ["session", "said", "tool", "tool_result", "denied", "spent", "limited", "finished", "failed"]
KEYS = ["text", "session_id", "usd", "input_tokens", "resets_at", "kind", "message", "turns", "ok"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
EVENTS = st.builds(
    lambda kind, rest: json.dumps({**rest, "type": kind}),
    st.sampled_from(TYPES) | VALUES,
    st.dictionaries(st.sampled_from(KEYS), VALUES),
)


@given(st.lists(EVENTS | st.text() | st.just("[" * 100_000), max_size=5), st.none() | st.integers(-70, 300))
def test_no_line_can_break_the_reader(lines: list[str], code: int | None) -> None:
    reader = Script().reader(None)
    for line in lines:
        for report in reader.read(line):
            assert not isinstance(report, Finished | Failed)
    assert isinstance(reader.end(code, "".join(lines)), Finished | Failed)
