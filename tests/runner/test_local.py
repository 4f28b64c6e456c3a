"""An attempt runs once, needs nobody, tells how it ended, and leaves nothing behind."""

import json
import os
import random
import signal
import stat
import sys
import time
from pathlib import Path

import pytest
from tests.runner.parts import BARE, Attempts, kill, python
from tests.waiting import until

from sow import process
from sow.errors import NotFound
from sow.runner import attempt as folders
from sow.runner.attempt import AlreadyStarted, CannotStart, Exit, MissingFolder, MissingProgram
from sow.runner.local import Elsewhere, Ended, LocalRunner, NeverStarted, Running
from sow_executors.base import Command

SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd(), sys.stdin.read()]))"

NASTY = [
    "",
    " ",
    "-n",
    "--",
    "a b",
    "'",
    '"',
    "$(exit 9)",
    "`exit 9`",
    "\\",
    "*",
    "é\n\t",
    "a=b",
    ";",
    "~",
    "#",
]


def test_a_command_gets_its_words_its_folder_and_its_input_as_they_are(attempts: Attempts) -> None:
    text = "line\n" * 100_000 + "'$(no end)"
    running = attempts.start(sys.executable, "-S", "-c", SHOW, *NASTY, stdin=text)
    attempts.done(running)
    assert attempts.runner.exit_status(running.folder) == Exit(code=0)
    assert json.loads(attempts.text(running)) == [NASTY, str(attempts.work), text]


def test_a_command_without_input_reads_an_empty_one(attempts: Attempts) -> None:
    running = attempts.start("readlink", "/proc/self/fd/0")
    attempts.done(running)
    assert attempts.text(running) == "/dev/null\n"


@pytest.mark.parametrize("word", ["echo", "test", "printf"])
def test_a_program_is_run_where_the_shell_has_a_builtin_of_its_name(attempts: Attempts, word: str) -> None:
    (attempts.work / word).write_text("#!/bin/sh\nprintf 'the program %s' \"$*\"\n")
    (attempts.work / word).chmod(0o700)
    running = attempts.start(word, "-e", "\\c", PATH=f"{attempts.work}:{os.defpath}")
    attempts.done(running)
    assert attempts.text(running) == "the program -e \\c"


def test_a_program_named_by_a_path_is_found_from_the_commands_folder(attempts: Attempts) -> None:
    (attempts.work / "agent").write_text("#!/bin/sh\nexit 7\n")
    (attempts.work / "agent").chmod(0o700)
    running = attempts.start("./agent")
    attempts.done(running)
    assert attempts.runner.exit_status(running.folder) == Exit(code=7)


def test_the_environment_is_what_was_given_and_the_mark(attempts: Attempts) -> None:
    name, folder = attempts.new()
    command = attempts.command(sys.executable, "-S", "-c", "import os; print(dict(os.environ))", A="command")
    given = {"A": "given", "B": "b c", process.MARK: "another", "folder": "f", "status": "s"}
    running = attempts.runner.start(command, name, folder, given)
    attempts.done(running)
    expected = {**BARE, "A": "command", "B": "b c", "folder": "f", "status": "s", process.MARK: name}
    # The shell's own: where it is, and (bash) what it counts.
    own = {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
    seen: dict[str, str] = eval(attempts.text(running))
    assert {key: value for key, value in seen.items() if key not in own} == expected


def test_by_default_only_what_passes_of_our_own_environment_is_seen(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAUDECODE", "1")
    monkeypatch.setenv("SECRET_OF_ANOTHER", "1")
    monkeypatch.setenv("LC_NAME", "C")
    name, folder = attempts.new()
    running = LocalRunner().start(attempts.command("env"), name, folder, {})
    attempts.done(running)
    names = {line.partition("=")[0] for line in attempts.text(running).splitlines()}
    assert names & {"CLAUDECODE", "SECRET_OF_ANOTHER", "LC_NAME", "PATH"} == {"LC_NAME", "PATH"}


def test_no_signal_that_we_ignore_or_block_is_ignored_or_blocked_in_the_command(attempts: Attempts) -> None:
    old = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGHUP, signal.SIGTERM)}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGINT})
    try:
        running = attempts.start("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in old.items():
            signal.signal(number, handler)
    attempts.done(running)
    # 32 and 33 are the C library's own: its posix_spawn leaves them ignored.
    own = 1 << 31 | 1 << 32
    assert [int(line.split()[1], 16) & ~own for line in attempts.text(running).splitlines()] == [0, 0]


def test_nothing_that_we_have_open_is_open_in_the_command(attempts: Attempts) -> None:
    read, write = os.pipe()
    high = os.dup2(read, 77, inheritable=True)
    os.set_inheritable(write, True)
    try:
        running = attempts.start(sys.executable, "-S", "-c", "import os; print(*os.listdir('/proc/self/fd'))")
    finally:
        for fd in (read, write, high):
            os.close(fd)
    attempts.done(running)
    # 3 is the listing itself.
    assert attempts.text(running).split() == ["0", "1", "2", "3"]


def test_what_an_attempt_writes_is_for_its_user_only(attempts: Attempts) -> None:
    name, folder = attempts.new()
    command = Command(
        argv=("sh", "-c", "echo out; echo err >&2"),
        folder=str(attempts.work),
        stdin="secret",
        files={f"{folder}/mcp/config.json": "{}"},
    )
    running = attempts.runner.start(command, name, folder, {})
    attempts.done(running)
    assert (attempts.text(running), attempts.text(running, "stderr.log")) == ("out\n", "err\n")
    assert attempts.text(running, "mcp/config.json") == "{}"
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path(folder).iterdir()}
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert {modes[each] for each in ("prompt", "transcript.jsonl", "stderr.log")} == {0o600}


@pytest.mark.parametrize(
    ("end", "left"),
    [
        pytest.param("exit 0", Exit(code=0), id="well"),
        pytest.param("exit 3", Exit(code=3), id="with a code"),
        pytest.param("exit 145", Exit(code=145), id="with a code above 128 that no ending signal has"),
        pytest.param("exit 255", Exit(code=255), id="with the last code"),
        pytest.param("kill -9 $$", Exit(signal=9), id="killed"),
        pytest.param("kill -SEGV $$", Exit(signal=11), id="crashed"),
        pytest.param("exit 143", Exit(signal=15), id="having caught a SIGTERM, as it says"),
        pytest.param("cd /; rmdir x 2>/dev/null; exec /no/such/program", Exit(code=127), id="not found"),
    ],
)
def test_how_a_command_ended_is_left_in_its_folder(attempts: Attempts, end: str, left: Exit) -> None:
    running = attempts.start("sh", "-c", end)
    attempts.done(running)
    assert attempts.runner.exit_status(running.folder) == left
    assert attempts.runner.adopt(running.folder) == Ended(running.attempt, running.folder, left)
    assert attempts.runner.stop(running) == left
    assert process.of(running.identity.pid) is None, "a zombie is left"


def test_a_status_is_the_code_or_the_signal_below_zero() -> None:
    assert (Exit(code=3).status, Exit(signal=15).status, Exit().status) == (3, -15, None)


def test_a_missing_program_is_told_before_anything_is_made(attempts: Attempts) -> None:
    name, folder = attempts.new()
    with pytest.raises(MissingProgram, match="no program 'claude' on the PATH") as caught:
        attempts.runner.start(attempts.command("claude"), name, folder, {"PATH": "/nowhere"})
    assert isinstance(caught.value, NotFound)
    assert "install it" in caught.value.hint
    with pytest.raises(MissingProgram, match="no program /no/agent"):
        attempts.runner.start(attempts.command("/no/agent"), name, folder, {})
    assert not os.path.exists(folder)


def test_a_missing_folder_is_told_before_anything_is_made(attempts: Attempts) -> None:
    name, folder = attempts.new()
    gone = str(attempts.work / "gone")
    with pytest.raises(MissingFolder, match=gone):
        attempts.runner.start(Command(("true",), folder=gone), name, folder, {})
    assert not os.path.exists(folder)


def test_an_argument_that_the_system_refuses_is_told(attempts: Attempts) -> None:
    with pytest.raises(CannotStart, match="Argument list too long") as caught:
        attempts.start("true", "x" * 200_000)
    assert "prompt" in caught.value.hint


def test_an_attempt_is_started_once(attempts: Attempts) -> None:
    running = attempts.start("true")
    until(lambda: attempts.runner.look(running.folder))
    with pytest.raises(AlreadyStarted, match=running.attempt):
        attempts.runner.start(attempts.command("true"), running.attempt, running.folder, {})


@pytest.mark.parametrize("name", ["", "../a", "a/b", "a b", "a\nb", "-a"], ids=repr)
def test_a_name_that_is_no_good_mark_is_a_bug(attempts: Attempts, name: str) -> None:
    with pytest.raises(ValueError):
        attempts.runner.start(attempts.command("true"), name, f"{attempts.folder}/{name}", {})


def test_a_file_outside_the_attempts_folder_is_a_bug(attempts: Attempts) -> None:
    name, folder = attempts.new()
    outside = str(attempts.work / "x")
    with pytest.raises(ValueError, match=outside):
        attempts.runner.start(Command(("true",), str(attempts.work), files={outside: ""}), name, folder, {})
    assert not os.path.exists(outside)


# Ending


@pytest.mark.parametrize("mode", ["deaf", "stray", "daemon", "mute", "flood", "half", "stopped", "hopper"])
def test_nothing_is_left_of_a_hostile_tree(attempts: Attempts, mode: str) -> None:
    running = attempts.hostile(mode)
    assert process.marked(running.attempt)
    attempts.runner.stop(running, grace=0.1)
    assert process.marked(running.attempt) == []
    assert process.of(running.identity.pid) is None, "a zombie is left"


def test_what_an_attempt_left_behind_is_swept_and_counted(attempts: Attempts) -> None:
    running = attempts.hostile("stray")
    attempts.done(running)
    assert attempts.runner.exit_status(running.folder) == Exit(code=0)
    assert attempts.runner.sweep(running.attempt, grace=0.05) == 1
    assert attempts.runner.sweep(running.attempt) == 0


def test_a_command_that_ends_at_a_term_keeps_its_own_status(attempts: Attempts) -> None:
    running = attempts.start(
        "sh", "-c", "trap 'echo bye; exit 5' TERM; echo up; while :; do sleep 0.01; done"
    )
    until(lambda: attempts.text(running) == "up\n")
    assert attempts.runner.stop(running) == Exit(code=5)
    assert attempts.text(running) == "up\nbye\n"


def test_a_command_that_had_to_be_killed_says_so_ever_after(attempts: Attempts) -> None:
    running = attempts.hostile("deaf")
    assert attempts.runner.stop(running, grace=0.05) == Exit(signal=signal.SIGKILL)
    assert attempts.runner.adopt(running.folder) == Ended(
        running.attempt, running.folder, Exit(signal=signal.SIGKILL)
    )


def test_an_attempt_stopped_while_it_starts_does_not_wait_out_its_grace(attempts: Attempts) -> None:
    chance = random.Random(1)
    for _ in range(100):
        running = attempts.start("sleep", "60")
        for _ in range(chance.randrange(80_000)):
            pass
        before = time.monotonic()
        attempts.runner.stop(running, grace=100)
        assert time.monotonic() - before < 90


def test_other_attempts_are_left_alone(attempts: Attempts) -> None:
    other = attempts.start("sleep", "60")
    attempts.runner.stop(attempts.start("sleep", "60"))
    assert process.alive(other.identity)


def test_a_later_process_with_the_pid_of_an_attempt_is_left_alone(attempts: Attempts) -> None:
    other = attempts.start("sleep", "60")
    before = other.identity.replace(start_ticks=other.identity.start_ticks - 1)
    name, folder = attempts.new()
    attempts.runner.stop(Running(name, folder, before), grace=0.05)
    assert attempts.runner.wait_handle(Running(name, folder, before)) is None
    assert process.alive(other.identity)


# Outliving, and being found again

STARTER = """
import sys, signal, os
from sow.runner.local import LocalRunner
from sow_executors.base import Command
name, folder, work = sys.argv[1:]
command = Command(("sh", "-c", "echo up; while ! [ -e end ]; do sleep 0.01; done; echo down; exit 3"), work)
LocalRunner().start(command, name, folder, {})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_an_attempt_goes_on_when_its_starter_is_killed_and_another_process_adopts_it(
    attempts: Attempts,
) -> None:
    name, folder = attempts.new()
    starter = python(STARTER, name, folder, str(attempts.work))
    starter.communicate()
    assert starter.returncode == -signal.SIGKILL
    until(lambda: attempts.runner.look(folder))
    running = attempts.runner.adopt(folder)
    assert isinstance(running, Running)
    assert running.attempt == name
    (attempts.work / "end").touch()
    attempts.done(running)
    assert attempts.runner.adopt(folder) == Ended(name, folder, Exit(code=3))
    assert attempts.text(running) == "up\ndown\n"


COUNTED = "echo ran >>ran.$SOW_ATTEMPT_ID"

# Forks a starter for each line of Python that a start takes, and kills it before that line.
KILLER = """
import os, signal, sys
from sow.runner import attempt, local
from sow_executors.base import Command
work, counted, *places = sys.argv[1:]
files = {attempt.__file__, local.__file__}
runner = local.LocalRunner()
for number, place in enumerate(places):
    pid = os.fork()
    if pid == 0:
        lines = 0
        def trace(frame, event, arg):
            global lines
            if frame.f_code.co_filename not in files:
                return None
            if event == "line":
                if lines == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                lines += 1
            return trace
        name = os.path.basename(place)
        command = Command(("sh", "-c", counted), work, stdin="prompt", files={place + "/f": ""})
        sys.settrace(trace)
        runner.start(command, name, place, {})
        sys.settrace(None)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


def settled(attempts: Attempts, folder: str) -> bool:
    """Whether the attempt ran, by what `adopt` says; checks that it is so, and stays so."""
    first = attempts.runner.adopt(folder)
    until(lambda: not process.marked(first.attempt))
    last = attempts.runner.adopt(folder)
    ran = attempts.work / f"ran.{first.attempt}"
    if isinstance(first, NeverStarted):
        assert last == first
        assert not ran.exists()
        return False
    assert isinstance(last, Ended)
    if last.exit is not None:
        assert last.exit == Exit(code=0)
        assert ran.read_text() == "ran\n"
    return True


def test_a_starter_killed_at_any_line_leaves_an_attempt_that_ran_once_or_never(attempts: Attempts) -> None:
    places = [attempts.new()[1] for _ in range(140)]
    killer = python(KILLER, str(attempts.work), COUNTED, *places)
    told, errors = killer.communicate()
    codes = [int(line) for line in told.split()]
    assert not errors
    assert codes[-1] == 0, "a start takes more lines than there are attempts here"
    killed = codes.index(0)
    assert codes == [-signal.SIGKILL] * killed + [0] * (len(codes) - killed)
    assert killed > 30
    ran = [settled(attempts, place) for place in places]
    assert ran[0] is False
    assert all(ran[killed:])
    assert any(ran[:killed]), "it is also killed after the spawn"


def test_an_attempt_adopted_at_its_first_breath_runs_once_or_never(attempts: Attempts) -> None:
    chance = random.Random(2)
    for _ in range(40):
        running = attempts.start("sh", "-c", COUNTED)
        for _ in range(chance.randrange(20_000)):
            pass
        settled(attempts, running.folder)
        attempts.runner.stop(running)


def test_a_shell_killed_at_any_moment_leaves_an_attempt_that_ran_once_or_never(attempts: Attempts) -> None:
    chance = random.Random(3)
    for _ in range(40):
        running = attempts.start("sh", "-c", COUNTED)
        for _ in range(chance.randrange(60_000)):
            pass
        kill(running, signal.SIGKILL)
        settled(attempts, running.folder)
        attempts.runner.stop(running)


def test_a_shell_that_comes_after_the_decision_runs_nothing(
    attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = os.posix_spawn
    name, folder = attempts.new()
    decisions: list[object] = []

    def late(*args: object, **options: object) -> int:
        decisions.append(LocalRunner().adopt(folder))
        return spawn(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "posix_spawn", late)
    running = attempts.runner.start(attempts.command("sh", "-c", COUNTED), name, folder, {})
    attempts.done(running)
    assert decisions == [NeverStarted(name, folder)]
    assert attempts.runner.adopt(folder) == NeverStarted(name, folder)
    assert list(attempts.work.iterdir()) == []
    assert attempts.runner.stop(running) is None


def test_a_shell_that_hangs_before_its_first_word_never_runs_the_command(attempts: Attempts) -> None:
    name, folder = attempts.new()
    os.makedirs(folder)
    # It has made `go`, and is stopped before it writes it.
    script = folders.SCRIPT.replace('echo "$2', ': >|"$1/go"; kill -STOP $$; set +C; echo "$2')
    assert script != folders.SCRIPT
    argv = ["sh", "-c", script, "x", folder, "1 boot host", str(attempts.work), "/bin/touch", "ran"]
    pid = os.posix_spawn("/bin/sh", argv, {**BARE, process.MARK: name}, setsid=True)
    until(lambda: os.path.exists(f"{folder}/go"))
    assert attempts.runner.look(folder) is None
    assert attempts.runner.adopt(folder) == NeverStarted(name, folder)
    assert process.of(pid) is None
    assert not (attempts.work / "ran").exists()


def test_a_look_decides_nothing(attempts: Attempts) -> None:
    name, folder = attempts.new()
    assert attempts.runner.look(folder) is None
    assert not os.path.exists(folder)
    running = attempts.runner.start(attempts.command("sleep", "60"), name, folder, {})
    until(lambda: attempts.runner.look(folder) == running)


def test_a_command_whose_shell_was_killed_has_ended_without_a_status_and_is_swept(attempts: Attempts) -> None:
    running = attempts.hostile("deaf")
    kill(running, signal.SIGKILL)
    until(lambda: not process.alive(running.identity))
    assert attempts.runner.adopt(running.folder) == Ended(running.attempt, running.folder, None)
    assert len(process.marked(running.attempt)) == 1
    assert attempts.runner.stop(running, grace=0.05) is None
    assert process.marked(running.attempt) == []


@pytest.mark.parametrize(
    ("place", "words"),
    [
        pytest.param(("1", None, None), "in another container", id="another container"),
        pytest.param((None, "another-boot", "far-away"), "on far-away", id="another host"),
    ],
)
def test_an_attempt_that_cannot_be_seen_from_here_is_not_settled_here(
    attempts: Attempts, place: tuple[str | None, ...], words: str
) -> None:
    running = attempts.start("true")
    attempts.done(running)
    os.unlink(f"{running.folder}/exit")
    go = Path(running.folder) / "go"
    *head, rest = go.read_text().split(" ", 3)
    changed = [new or old for new, old in zip(place, head, strict=True)]
    go.write_text(" ".join([*changed, rest]))
    with pytest.raises(Elsewhere, match=words):
        attempts.runner.adopt(running.folder)


def test_an_attempt_of_an_earlier_boot_has_ended(attempts: Attempts) -> None:
    running = attempts.start("sleep", "60")
    until(lambda: attempts.runner.look(running.folder))
    go = Path(running.folder) / "go"
    go.write_text(go.read_text().replace(process.boot_id(), "an-earlier-boot"))
    assert attempts.runner.adopt(running.folder) == Ended(running.attempt, running.folder, None)


def test_a_process_started_from_a_process_that_ignores_its_children_is_known(attempts: Attempts) -> None:
    code = """
import signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
from sow.runner.local import LocalRunner
from sow_executors.base import Command
for place in sys.argv[2:]:
    name = place.rpartition("/")[2]
    runner = LocalRunner()
    running = runner.start(Command(("true",), sys.argv[1]), name, place, {})
    while runner.exit_status(place) is None:
        time.sleep(0.002)
    print(runner.stop(running).code)
"""
    places = [attempts.new()[1] for _ in range(5)]
    told, errors = python(code, str(attempts.work), *places).communicate()
    assert errors == ""
    assert told.split() == ["0"] * 5
