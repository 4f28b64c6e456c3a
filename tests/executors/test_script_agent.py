"""The agent that plays scripts: a real process, killed and stopped at will."""

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest
import yaml
from tests.executors.script_stage import DEADLINE, Stage
from tests.waiting import until

from sow_executors.base import Command, Failed, Finished, Said, Started
from sow_executors.script import Script


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


# Sessions


def test_each_prompt_plays_the_next_turn_and_the_last_one_again(stage: Stage) -> None:
    stage.script("turns: [[{say: 'one: {prompt}'}], [{say: 'two: {prompt} ({turn})'}]]")
    said = [stage.spawn("a").end, stage.resume("b").end, stage.resume("c").end]
    assert said == [Finished("one: a", 1), Finished("two: b (2)", 2), Finished("two: c (3)", 3)]


def test_the_session_is_named_first(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    assert stage.spawn().reports == [Started("s-1"), Said("hi")]


def test_a_session_that_is_not_known_can_not_be_resumed(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    played = stage.resume()
    assert (played.kind, played.code) == ("session_not_found", 1)
    assert played.stderr == "No conversation found with session ID: s-1\n"


def test_a_session_that_is_known_can_not_be_opened_again(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    stage.spawn()
    played = stage.spawn()
    assert (played.kind, played.code) == ("session_conflict", 1)
    assert "Session ID s-1 is already in use." in played.stderr


def test_two_processes_can_not_play_in_one_session(stage: Stage) -> None:
    stage.script("turns: [[{edit: {path: up, content: ''}}, {hang: true}]]")
    with stage.playing(Script().spawn(stage.turn("a"))):
        until((stage.folder / "up").exists, "the first one plays")
        assert stage.resume("b").kind == "session_conflict"


def test_a_conversation_that_can_not_be_read_is_not_found(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    stage.spawn()
    (stage.home / "script" / "s-1.json").write_text('{"sess')
    assert stage.resume().kind == "session_not_found"


def test_conversations_are_kept_in_the_state_folder_for_the_user_alone(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    stage.more_env = {"SOW_SCRIPT_HOME": "", "XDG_STATE_HOME": str(stage.tmp / "state")}
    stage.spawn()
    kept = stage.tmp / "state" / "sow" / "script" / "s-1.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_a_home_that_is_no_folder_is_told_of(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    stage.more_env = {"SOW_SCRIPT_HOME": str(stage.tmp / "script.yaml")}
    played = stage.spawn()
    assert (played.kind, played.code) == ("config_invalid", 2)
    assert "no conversation can be kept in" in played.stderr


@pytest.mark.parametrize("script", [None, "turns: [[{sya: hi}]]"], ids=["missing", "invalid"])
def test_a_bad_script_opens_no_session(stage: Stage, script: str | None) -> None:
    if script is not None:
        stage.script(script)
    played = stage.spawn()
    assert (played.kind, played.code) == ("config_invalid", 2)
    assert "script.yaml" in played.stderr
    stage.script("turns: [[{say: hi}]]")
    assert stage.spawn().end == Finished("hi", 1)


def test_arguments_that_it_does_not_know_fail_like_the_rest(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    command = Script().spawn(stage.turn("a"))
    played = stage.play(Command((*command.argv, "--louder"), command.folder, command.stdin))
    assert (played.kind, played.code) == ("config_invalid", 2)
    assert "--louder" in played.stderr


def test_neither_worktree_nor_environment_gets_between_the_agent_and_its_modules(
    stage: Stage,
) -> None:
    stage.script("turns: [[{say: hi}]]")
    for name in ("yaml.py", "json.py", "sow_executors.py"):
        (stage.folder / name).write_text("raise SystemExit('hijacked')")
    stage.more_env = {"PYTHONPATH": str(stage.folder)}
    assert stage.spawn().end == Finished("hi", 1)


def test_the_agent_runs_from_any_folder_that_the_package_was_put_in(stage: Stage) -> None:
    stage.script("turns: [[{say: hi}]]")
    site, home = stage.tmp / "site", Path(Script().spawn(stage.turn("a")).argv[2]).parent
    for package in (home, Path(yaml.__file__).parent):
        shutil.copytree(package, site / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    command = Script().spawn(stage.turn("a"))
    # Without the packages that are installed here.
    argv = (*command.argv[:2], "-S", str(site / "sow_executors/script_agent.py"), *command.argv[3:])
    assert stage.play(Command(argv, command.folder, command.stdin)).end == Finished("hi", 1)


# Steps


EDITS = """
turns:
  - - edit: {path: new/a.txt, content: "ä\\n"}
    - edit: {path: new/a.txt, append: "end"}
    - edit: {path: tool.sh, replace: {one: two, "four": ""}}
    - edit: {path: old.txt, delete: true}
"""


def test_edits_change_files_and_keep_their_mode(stage: Stage) -> None:
    stage.script(EDITS)
    tool = stage.folder / "tool.sh"
    tool.write_bytes(b"one\r\nfour three\n")
    tool.chmod(0o755)
    (stage.folder / "old.txt").touch()
    assert stage.spawn().kind == "finished"
    assert (stage.folder / "new" / "a.txt").read_text("utf-8") == "ä\nend"
    assert tool.read_bytes() == b"two\r\n three\n"
    assert tool.stat().st_mode & 0o777 == 0o755
    assert sorted(os.listdir(stage.folder)) == ["new", "tool.sh"]


def test_a_turn_played_again_replaces_nothing_twice(stage: Stage) -> None:
    stage.script("turns: [[{edit: {path: a, replace: {'b': 'a b', 'gone': ''}}}]]")
    (stage.folder / "a").write_text("b gone")
    stage.spawn()
    assert stage.resume().kind == "finished"
    assert (stage.folder / "a").read_text() == "a b "


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        pytest.param("path: ../out, content: x", "../out is not a file of the worktree", id="above"),
        pytest.param("path: /etc/x, content: x", "/etc/x is not a file of the worktree", id="absolute"),
        pytest.param("path: link/x, content: x", "link/x is not a file of the worktree", id="through a link"),
        pytest.param("path: ., delete: true", ". is not a file of the worktree", id="the worktree itself"),
        pytest.param("path: .git/config, append: x", ".git/config is git's own", id="git's"),
        pytest.param("path: a, replace: {x: y}", "a has no text 'x' to replace", id="not there"),
        pytest.param("path: a, replace: {l: y}", "a has the text 'l' 2 times, not once", id="twice"),
        pytest.param("path: none, replace: {x: y}", "none can't be edited: No such file", id="no file"),
        pytest.param("path: folder, content: x", "folder can't be edited: Is a directory", id="folder"),
        pytest.param("path: binary, append: x", "binary is not a text file", id="binary"),
    ],
)
def test_an_edit_that_can_not_be_made_fails_the_turn(stage: Stage, edit: str, words: str) -> None:
    stage.script(f"turns: [[{{edit: {{{edit}}}}}]]")
    (stage.folder / "link").symlink_to(stage.tmp)
    (stage.folder / "folder").mkdir()
    (stage.folder / "a").write_text("hello")
    (stage.folder / "binary").write_bytes(b"\xff\xfe")
    before = sorted(os.listdir(stage.folder))
    played = stage.spawn()
    assert played.code == 1
    assert isinstance(played.end, Failed)
    assert words in played.end.message
    assert not (stage.tmp / "out").exists()
    assert sorted(os.listdir(stage.folder)) == before


def test_a_step_that_failed_is_tried_again_and_those_before_it_are_not(stage: Stage) -> None:
    stage.script("turns: [[{edit: {path: n, append: x}}, {run: test -e ready}, {say: done}], [{say: next}]]")
    assert stage.spawn().kind == "unknown"
    (stage.folder / "ready").touch()
    assert stage.resume().end == Finished("done", 1)
    assert (stage.folder / "n").read_text() == "x"
    assert stage.resume().end == Finished("next", 2)


@pytest.mark.parametrize("prompt", ["$(touch evil)", "'; touch evil; '", "a  b\n`c`", "--x", "\0"])
def test_an_answer_is_one_word_of_a_command_whatever_is_in_it(stage: Stage, prompt: str) -> None:
    stage.script("""turns: [[{run: "printf %s {answer} > heard"}]]""")
    assert stage.spawn(prompt).kind == "finished"
    assert (stage.folder / "heard").read_text() == prompt.replace("\0", "\ufffd")
    assert os.listdir(stage.folder) == ["heard"]


def test_what_a_command_leaves_behind_does_not_hold_the_turn(stage: Stage) -> None:
    stage.script("turns: [[{run: 'sleep 60 & echo $! > pid'}, {say: further}]]")
    try:
        assert stage.spawn().end == Finished("further", 1)
    finally:
        os.kill(int((stage.folder / "pid").read_text()), signal.SIGKILL)


def test_only_the_end_of_a_long_output_is_shown(stage: Stage) -> None:
    stage.script("turns: [[{run: 'seq 1 20000'}]]")
    result = stage.spawn().lines[2]
    output = str(result["output"])
    assert output.endswith("19999\n20000")
    assert len(output) <= 4000


def test_without_sow_on_the_path_a_report_fails(stage: Stage) -> None:
    stage.script("turns: [[{report: needs_review}]]")
    stage.more_env = {"PATH": str(stage.folder)}
    played = stage.spawn()
    assert played.end == Failed("missing_tool", "there is no `sow` on PATH to report with")


def test_a_report_that_sow_refuses_fails_the_turn_with_its_words(stage: Stage) -> None:
    stage.script("turns: [[{report: completed}]]")
    stage.refusal.write_text("sow: not for a worker")
    played = stage.spawn()
    assert played.end == Failed("unknown", "`sow task set` ended with 1: sow: not for a worker")


def test_the_iteration_is_read_from_the_tasks_state(stage: Stage) -> None:
    stage.script("turns: [[{say: '{iteration} of {task_id}'}]]")
    assert stage.spawn().end == Finished("1 of 010", 1)
    iteration(stage, 3)
    assert stage.resume().end == Finished("3 of 010", 2)


def iteration(stage: Stage, number: int) -> None:
    task = stage.tmp / "task"
    task.mkdir(exist_ok=True)
    (task / "state.yaml").write_text(f'id: "010"\niteration: {number}\nname: x\n')
    stage.more_env["SOW_TASK_DIR"] = str(task)


# Questions


ASKS = """
turns:
  - - ask: {question: 'Which colour?', options: [red, dark red, blue], insist: true}
  - - say: "{choice}"
    - report: needs_review
"""


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        pytest.param("blue", "blue", id="bare"),
        pytest.param("Dark red, please.", "dark red", id="in a sentence, the longer of two"),
        pytest.param("not red but BLUE", "blue", id="the last one named"),
        pytest.param(
            "You asked: red or blue?\n<answer>\nred\n</answer>\nNow blue skies.", "red", id="tagged"
        ),
    ],
)
def test_an_answer_chooses_among_the_options(stage: Stage, answer: str, choice: str) -> None:
    stage.script(ASKS)
    stage.spawn()
    assert stage.resume(answer).end == Finished(choice, 2)
    options = ["--option", "red", "--option", "dark red", "--option", "blue"]
    assert stage.calls == [
        ["task", "ask", *options, "--", "Which colour?"],
        ["task", "set", "status", "needs_review"],
    ]


def test_an_answer_that_chooses_nothing_is_asked_for_again(stage: Stage) -> None:
    stage.script(ASKS)
    stage.spawn()
    played = stage.resume("blueish")
    assert played.kind == "finished"
    assert Said("I can't tell which of the options 'blueish' means, so I ask again.") in played.reports
    assert [call[:2] + call[-1:] for call in stage.calls] == [["task", "ask", "Which colour?"]] * 2
    assert stage.resume("blue").end == Finished("blue", 2)


def test_without_insisting_any_answer_is_the_choice(stage: Stage) -> None:
    stage.script(ASKS.replace("true", "false"))
    stage.spawn()
    assert stage.resume(" pink ").end == Finished("pink", 2)


def test_a_question_is_said_as_it_is_even_if_it_begins_with_a_dash(stage: Stage) -> None:
    stage.script("turns: [[{log: --help}, {ask: '-x or {prompt}?'}]]")
    stage.spawn("-y")
    assert stage.calls == [["agent", "log", "--", "--help"], ["task", "ask", "--", "-x or -y?"]]


# Cut and stopped


COUNTED = """
turns:
  - - edit: {path: n, append: "1"}
    - edit: {path: up, content: ""}
    - wait: {file: go, timeout: 30}
    - edit: {path: n, append: "2"}
    - say: "{prompt}"
  - - say: next
"""


def test_a_killed_turn_goes_on_where_it_was_cut_with_the_prompt_it_had(stage: Stage) -> None:
    stage.script(COUNTED)
    stage.stopped(Script().spawn(stage.turn("first")), signal.SIGKILL, stage.folder / "up")
    (stage.folder / "go").touch()
    assert stage.resume("go on").end == Finished("first", 1)
    assert (stage.folder / "n").read_text() == "12"
    assert stage.resume().end == Finished("next", 2)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["TERM", "INT"])
def test_a_stopped_turn_says_so_and_goes_on_later(stage: Stage, number: signal.Signals) -> None:
    stage.script(COUNTED)
    played = stage.stopped(Script().spawn(stage.turn("first")), number, stage.folder / "up")
    assert played.end == Failed("interrupted", f"stopped by {number.name}")
    assert played.code == 128 + number
    (stage.folder / "go").touch()
    assert stage.resume("go on").end == Finished("first", 1)


def test_a_command_under_way_ends_with_the_agent(stage: Stage) -> None:
    stage.script("turns: [[{run: 'echo $$ > pid.new; mv pid.new pid; exec sleep 6000'}]]")
    with stage.playing(Script().spawn(stage.turn("a"))) as process:
        until((stage.folder / "pid").exists, "the command runs")
        process.terminate()  # the agent alone, not its group
        process.wait(timeout=DEADLINE)
    assert not Path("/proc", (stage.folder / "pid").read_text().strip()).exists()


SIGNALLED_AT_A_START = """
import os, runpy, signal, subprocess, sys
class Popen(subprocess.Popen):
    def _execute_child(self, *given):
        super()._execute_child(*given)
        open("pid", "w").write(str(self.pid))
        os.kill(os.getpid(), signal.{signal})
subprocess.Popen = Popen
runpy.run_path(sys.argv.pop(1), run_name="__main__")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_command_ends_with_an_agent_that_is_stopped_while_it_starts_it(
    stage: Stage, number: signal.Signals
) -> None:
    stage.script("turns: [[{run: 'exec sleep 6000'}]]")
    command = Script().spawn(stage.turn("a"))
    python, isolated, *words = command.argv
    code = SIGNALLED_AT_A_START.format(signal=number.name)
    played = stage.play(replace(command, argv=(python, isolated, "-c", code, *words)))
    assert played.end == Failed("interrupted", f"stopped by {number.name}")
    assert not Path("/proc", (stage.folder / "pid").read_text()).exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
def test_a_hang_is_over_once_it_was_ended(stage: Stage, number: signal.Signals) -> None:
    stage.script("turns: [[{say: hm}, {hang: true}, {say: again}], [{say: next}]]")
    with stage.playing(Script().spawn(stage.turn("a"))) as process:
        until(lambda: stage.kept().get("step") == 2, "the agent hangs")
        process.send_signal(number)
        process.wait(timeout=DEADLINE)
    assert stage.resume().end == Finished("again", 1)
    assert stage.resume().end == Finished("next", 2)


def test_feedback_on_a_turn_that_was_cut_behind_its_report_plays_the_next_one(stage: Stage) -> None:
    stage.script("turns: [[{edit: {path: up, content: ''}}, {wait: {file: go}}], [{say: mended}]]")
    iteration(stage, 1)
    stage.stopped(Script().spawn(stage.turn("a")), signal.SIGKILL, stage.folder / "up")
    iteration(stage, 2)
    assert stage.resume("mend it").end == Finished("mended", 2)


SLOW_SOW = "#!/bin/sh\ntouch asked\nwhile [ ! -e answered ]; do sleep 0.01; done\n"


def test_a_question_that_arrived_before_the_cut_is_not_asked_twice(stage: Stage) -> None:
    stage.script("turns: [[{ask: {question: q, options: [a, b]}}], [{say: '{choice}'}]]")
    noting = (stage.bin / "sow").read_text()
    (stage.bin / "sow").write_text(SLOW_SOW)
    stage.stopped(Script().spawn(stage.turn("go")), signal.SIGKILL, stage.folder / "asked")
    (stage.bin / "sow").write_text(noting)
    assert stage.resume("<answer>b</answer>").end == Finished("b", 2)
    assert stage.calls == []


# On a terminal


def test_a_person_takes_the_session_over_on_a_terminal(stage: Stage) -> None:
    stage.script("turns: [[{say: hello}], [{run: 'true'}, {say: 'you said {prompt}'}]]")
    stage.spawn("begin")
    command = Script().attach(stage.turn("unused"))
    child = pexpect.spawn(
        command.argv[0],
        list(command.argv[1:]),
        cwd=command.folder,
        env=dict(stage.env(command)),
        encoding="utf-8",
        timeout=DEADLINE,
    )
    try:
        child.expect_exact("you: begin\r\nagent: hello\r\n")
        child.expect_exact("> ")
        child.sendline("more")
        child.expect_exact("  run: true\r\nyou said more\r\n> ")
        child.sendeof()
        child.expect(pexpect.EOF)
    finally:
        child.close(force=True)
    assert child.exitstatus == 0
    assert stage.resume("later").end == Finished("you said later", 3)


def test_the_agent_is_plain_json_in_any_locale(stage: Stage) -> None:
    stage.script("turns: [[{say: 'grün {prompt}'}]]")
    command = Script().spawn(stage.turn("ü"))
    done = subprocess.run(
        command.argv,
        cwd=command.folder,
        env={**stage.env(command), "LC_ALL": "C", "PYTHONUTF8": "0"},
        input=b"\xc3\xbc\xff",
        capture_output=True,
        timeout=DEADLINE,
        check=True,
    )
    assert json.loads(done.stdout.decode("ascii").splitlines()[1])["text"] == "grün ü\ufffd"
    assert sys.executable == command.argv[0]
