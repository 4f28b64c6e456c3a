"""Any program of the user's as an agent: templates, and real programs run by them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.executors.bench import ID, Candidate, line, run

from sow_executors import catalog
from sow_executors.base import BadSettings, Command, Failed, Finished, Said, Started, Turn
from sow_executors.command import Program

OURS: dict[str, object] = {"argv": ["a", "--id", "{session_id}"]}
THEIRS: dict[str, object] = {
    "argv": ["a"],
    "resume_argv": ["a", "-r", "{session_id}"],
    "output": "jsonl",
    "session_key": "thread.id",
}


def turn(settings: dict[str, object], session_id: str | None = ID) -> Turn:
    return Candidate("command", settings).turn("hello", session_id)


def test_every_placeholder_is_filled() -> None:
    settings: dict[str, object] = {
        "argv": ["a", "{prompt_file}", "--id={session_id}", "{folder}", "{task_id}", "{model}"],
        "model": "m-1",
    }
    command = Program(settings).spawn(turn(settings))
    file = "/scratch/prompt.txt"
    assert command == Command(
        ("a", file, f"--id={ID}", "/tree", "010", "m-1"), "/tree", stdin=None, files={file: "hello"}
    )


def test_braces_that_name_nothing_are_themselves() -> None:
    settings: dict[str, object] = {"argv": ["a", '{"k": {"n": 1}}', "{{folder}}", "{}", "}{", "{folder}x"]}
    argv = Program(settings).spawn(turn(settings)).argv
    assert argv == ("a", '{"k": {"n": 1}}', "{folder}", "{}", "}{", "/treex")


@given(st.text().filter(lambda text: "\0" not in text and "{" not in text))
def test_words_without_braces_reach_the_program_as_they_are(word: str) -> None:
    settings: dict[str, object] = {"argv": ["a", word]}
    assert Program(settings).spawn(turn(settings)).argv == ("a", word)


@given(st.text())
def test_what_is_filled_in_is_not_filled_again(task_id: str) -> None:
    settings: dict[str, object] = {"argv": ["a", "{task_id}"]}
    given = replace(turn(settings), task_id=task_id + "{folder}")
    assert Program(settings).spawn(given).argv[1] == task_id + "{folder}"


@pytest.mark.parametrize(
    ("settings", "ids"),
    [(OURS, "ours"), (THEIRS, "theirs"), ({"argv": ["a"]}, "none")],
    ids=["ours", "theirs", "none"],
)
def test_who_chooses_the_id_follows_from_the_settings(settings: dict[str, object], ids: str) -> None:
    assert catalog.get("command", settings).ids == ids


def test_a_resume_has_a_command_line_of_its_own_where_it_is_given() -> None:
    settings = {**OURS, "resume_argv": ["a", "--go-on", "{session_id}"]}
    assert Program(settings).resume(turn(settings)).argv == ("a", "--go-on", ID)
    assert Program(OURS).resume(turn(OURS)).argv == ("a", "--id", ID)


def test_a_terminal_needs_a_command_line_of_its_own() -> None:
    settings = {**OURS, "attach_argv": ["a", "--tty", "{session_id}"]}
    assert Program(settings).attach(turn(settings)) == Command(("a", "--tty", ID), "/tree")
    with pytest.raises(BadSettings, match="attach_argv"):
        Program(OURS).attach(turn(OURS))


def test_variables_that_the_program_needs_are_named_in_its_settings() -> None:
    assert Program({"argv": ["a"], "environment": ["AIDER_*"]}).environment == ("AIDER_*",)


def test_without_settings_it_can_be_listed_and_nothing_else() -> None:
    executor = catalog.get("command")
    assert (executor.name, executor.ids, executor.environment) == ("command", "none", ())
    with pytest.raises(ValueError, match="settings"):
        executor.reader(None)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "needs argv"),
        ({"argv": []}, "argv begins with the program"),
        ({"argv": [""]}, "argv begins with the program"),
        ({"argv": "a b"}, "argv is a list of texts"),
        ({"argv": ["a", 1]}, "argv is a list of texts"),
        ({"argv": ["a", "{prompt_fil}"]}, r"unknown placeholder \{prompt_fil\} \(did you mean prompt_file"),
        ({"argv": ["a"], "resume_argv": ["a", "{zzz}"]}, r"resume_argv has an unknown placeholder \{zzz\}"),
        ({"argv": ["a"], "prompt": "argument"}, "prompt is stdin or file"),
        ({"argv": ["a"], "prompt": "file"}, r"prompt: file needs \{prompt_file\} in argv"),
        ({"argv": ["a", "{prompt_file}"], "prompt": "stdin"}, r"no use for \{prompt_file\} in argv"),
        ({"argv": ["a", "{prompt_file}"], "resume_argv": ["a"]}, r"needs \{prompt_file\} in resume_argv"),
        ({"argv": ["a"], "output": "xml"}, "output is text or jsonl"),
        ({"argv": ["a"], "ok_codes": [256]}, "from 0 to 255, not 256"),
        ({"argv": ["a"], "ok_codes": 0}, "ok_codes is a list"),
        ({"argv": ["a"], "session_key": "id"}, "session_key needs output: jsonl"),
        ({**THEIRS, "argv": ["a", "{session_id}"]}, "choose"),
        ({**THEIRS, "resume_argv": ["a"]}, r"session_key needs a resume_argv with \{session_id\}"),
        ({**OURS, "resume_argv": ["a"]}, "both, or neither"),
        ({**OURS, "attach_argv": ["a", "{prompt_file}"]}, "attach_argv"),
        ({"argv": ["a", "{model}"]}, "no model is set"),
        ({"argv": ["a"], "environment": "X"}, "environment is a list"),
    ],
)
def test_settings_that_contradict_or_lack_something_are_told(settings: dict[str, object], told: str) -> None:
    with pytest.raises(BadSettings, match=told):
        catalog.get("command", settings).spawn(turn(settings))


def test_a_spawn_needs_no_id_where_the_program_chooses_it() -> None:
    assert Program(THEIRS).spawn(turn(THEIRS, session_id=None)).argv == ("a",)


def test_text_is_speech_line_by_line_and_its_end_the_outcome() -> None:
    reports, end = run(Program({"argv": ["a"]}), ["one", "", "two\n"])
    assert reports == [Said("one"), Said("two")]
    assert end == Finished("one\ntwo")


def test_a_long_text_keeps_its_end() -> None:
    _, end = run(Program({"argv": ["a"]}), ["x" * 5000, "the end"])
    assert isinstance(end, Finished)
    assert end.text.endswith("x\nthe end")
    assert len(end.text) <= 4000


def test_json_lines_tell_the_session_and_the_words() -> None:
    lines = [line(thread={"id": "t-9"}), line(text="hi"), "noise", line(thread={"id": "t-9"}, text="bye")]
    reports, end = run(Program(THEIRS), lines, session_id=None)
    assert reports == [Started("t-9"), Said("hi"), Said("bye")]
    assert end == Finished("bye")


def test_a_resume_that_woke_another_session_has_failed() -> None:
    _, end = run(Program(THEIRS), [line(thread={"id": "t-9"})], session_id="t-8")
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"


@pytest.mark.parametrize(
    ("exit_code", "kind"), [(1, "unknown"), (127, "missing_tool"), (-2, "interrupted"), (-11, "crash_signal")]
)
def test_an_exit_code_that_is_not_ok_is_a_failure(exit_code: int, kind: str) -> None:
    _, end = run(Program({"argv": ["a"]}), ["some words"], exit_code, "it broke")
    assert isinstance(end, Failed)
    assert end.kind == kind
    assert "it broke" in end.message


def test_a_code_of_the_users_can_be_ok() -> None:
    assert isinstance(run(Program({"argv": ["a"], "ok_codes": [0, 3]}), [], 3)[1], Finished)


AGENT = """
import json, pathlib, sys
prompt = sys.stdin.read() if sys.argv[1] == "-" else pathlib.Path(sys.argv[1]).read_text()
thread = sys.argv[2] if len(sys.argv) > 2 else "t-77"
print(json.dumps({"thread": {"id": thread}}))
print(json.dumps({"text": f"{len(prompt)} characters, the last is {prompt[-1]}"}))
"""


@pytest.mark.parametrize("way", ["-", "{prompt_file}"], ids=["stdin", "file"])
def test_a_real_program_is_spawned_and_resumed(tmp_path: Path, way: str) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    argv = [sys.executable, str(tmp_path / "agent.py"), way]
    settings: dict[str, Any] = {**THEIRS, "argv": argv, "resume_argv": [*argv, "{session_id}"]}
    executor = catalog.get("command", settings)
    spawned = perform(executor.spawn(ready(settings, tmp_path, None)))
    reports, _ = run(executor, spawned, session_id=None)
    assert reports == [Started("t-77"), Said("200001 characters, the last is ü")]
    resumed = perform(executor.resume(ready(settings, tmp_path, "t-78")))
    assert run(executor, resumed, session_id="t-78")[0][0] == Started("t-78")


def ready(settings: dict[str, Any], folder: Path, session_id: str | None) -> Turn:
    here = Candidate("command", settings).turn("-" * 200_000 + "ü", session_id)
    return replace(here, folder=str(folder), scratch=str(folder))


def perform(command: Command) -> list[str]:
    """Runs a command as a runner would; its lines."""
    for path, text in command.files.items():
        Path(path).write_text(text)
    ran = subprocess.run(
        command.argv,
        input=command.stdin or "",
        capture_output=True,
        text=True,
        cwd=command.folder,
        check=True,
    )
    return ran.stdout.splitlines()
