"""What comes out of `sow`, and where: results for programs, a live table for a person."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pexpect
import pyte
import pytest
import yaml
from tests.cli.parts import AT, Person, everything, person, tasks_of_every_status, with_project
from tests.waiting import until

from sow.change import Change
from sow.cli.root import root
from sow.task import Task

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7])(?:;\d+)*m")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A project with a task in every status, which is looked at and not changed."""
    made = with_project(tmp_path_factory.mktemp("desk"))
    tasks_of_every_status(made)
    return made


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of the tree below `group`, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(commands(root))


def rehearse(who: Person, *turns: list[dict[str, Any]]) -> None:
    """Every task of the person's is played by these turns."""
    play = who.home / "play.yaml"
    play.write_text(yaml.safe_dump({"turns": list(turns)}))
    who.settings(
        yaml.safe_dump(
            {
                "agents": {
                    "executors": {"rehearsal": {"type": "script", "settings": {"script": str(play)}}},
                    "bindings": {"implementer": "rehearsal"},
                }
            }
        )
    )


# For programs


ELSEWHERE = {"task cancel", "agent stop"}
"""What needs a workspace of task files, or an agent at work: tests/cli/test_task_files.py, tests/engine."""

WITHOUT_JSON = {
    "demo", "agent attach", "task edit", "config edit",  # a conversation with a person
    "agent log",  # no result
    "agent logs", "export", "mcp",  # what they print has a form of its own
}  # fmt: skip

JSON = {
    "init": ["init", "--json"],
    "config init": ["config", "init", "--json"],
    "config path": ["config", "path", "--json"],
    "schema": ["schema", "--json"],
    "status": ["status", "--json"],
    "project new": ["project", "new", "For JSON", "--json"],
    "project list": ["project", "list", "--json"],
    "project continue": ["project", "continue", "--branch", "feat/for-json", "--json"],
    "project finish": ["project", "finish", "for-json", "--leave", "--yes", "--json"],
    "project delete": ["project", "delete", "here", "--yes", "--json"],
    "project show": ["project", "show", "--json"],
    "project status": ["project", "status", "--json"],
    "task add": ["task", "add", "Name", "--agent", "implementer", "--json"],
    "task ask": ["task", "ask", "Which way?", "--id", "030", "--json"],
    "task answer": ["task", "answer", "030", "The short one", "--json"],
    "task feedback": ["task", "feedback", "030", "Handle empty input", "--json"],
    "task approve": ["task", "approve", "030", "--json"],
    "task abandon": ["task", "abandon", "040", "--json"],
    "task retry": ["task", "retry", "040", "--json"],
    "task accept": ["task", "accept", "040", "--json"],
    "task set": ["task", "set", "priority", "high", "--id", "010", "--json"],
    "task list": ["task", "list", "--json"],
    "task show": ["task", "show", "010", "--json"],
    "task status": ["task", "status", "--id", "010", "--json"],
    "task move": ["task", "move", "010", "--phase", "implementation", "--json"],
    "task remove": ["task", "remove", "020", "--json"],
    "task input add": ["task", "input", "add", "--type", "x", "--path", "a.md", "--id", "010", "--json"],
    "task input set": ["task", "input", "set", "--index", "0", "path", "b.md", "--id", "010", "--json"],
    "task input list": ["task", "input", "list", "--id", "010", "--json"],
    "task input remove": ["task", "input", "remove", "--index", "0", "--id", "010", "--json"],
    "task output add": ["task", "output", "add", "--type", "x", "--path", "a.md", "--id", "010", "--json"],
    "task output set": ["task", "output", "set", "--index", "0", "path", "b.md", "--id", "010", "--json"],
    "task output list": ["task", "output", "list", "--id", "010", "--json"],
    "task output remove": ["task", "output", "remove", "--index", "0", "--id", "010", "--json"],
    "phase list": ["phase", "list", "--json"],
    "phase set": ["phase", "set", "metadata.pr_url", "42", "--json"],
    "project set": ["project", "set", "description", "Something else", "--json"],
    "input add": ["input", "add", "--type", "x", "--path", "a.md", "--json"],
    "input set": ["input", "set", "--index", "0", "approved", "true", "--json"],
    "input list": ["input", "list", "--json"],
    "input remove": ["input", "remove", "--index", "0", "--json"],
    "output add": ["output", "add", "--type", "task_list", "--path", "a.md", "--json"],
    "output set": ["output", "set", "--index", "0", "metadata.by", "ada", "--json"],
    "output list": ["output", "list", "--json"],
    "output remove": ["output", "remove", "--index", "0", "--json"],
    "advance": ["advance", "--list", "--json"],
    "prompt": ["prompt", "--json"],
    "events": ["events", "--json"],
    "validate": ["validate", "--json"],
    "repair": ["repair", "--json"],
    "import": ["import", "list.json", "--json"],
    "sync": ["sync", "list.json", "--json"],
    "config show": ["config", "show", "--json"],
    "config validate": ["config", "validate", "--json"],
    "config reset": ["config", "reset", "--yes", "--json"],
    "agent list": ["agent", "list", "--all", "--json"],
    "agent spawn": ["agent", "spawn", "010", "--json"],
    "agent resume": ["agent", "resume", "010", "go on", "--json"],
    "run": ["run", "--json"],
    "review": ["review", "--json"],
    "doctor": ["doctor", "--json"],
    "executor list": ["executor", "list", "--json"],
    "executor check": ["executor", "check", "script", "--json"],
    "worktree list": ["worktree", "list", "--json"],
    "worktree remove": ["worktree", "remove", "030", "--json"],
    "worktree prune": ["worktree", "prune", "--json"],
}


TASK = "id name phase status created_at updated_at iteration assigned_agent inputs outputs"
ARTIFACT = "index type path approved created_at"
PROJECT = "name type branch description created_at updated_at statechart"
EXCHANGED = "file format dry_run added updated same given conflicts rejected elsewhere left gone"
FIELDS = {
    "init": "main made in_git",
    "config init": "path",
    "config path": "path",
    "config show": "user repository roles types",
    "config validate": "valid files findings",
    "config reset": "path kept",
    "status": "project branch state folder tasks waits broken stuck spent limits inbox",
    "project new": "name type branch folder notes",
    "project list": "name branch state tasks folder",
    "project show": f"{PROJECT} phases",
    "project status": f"{PROJECT} phases",
    "project set": PROJECT,
    "project continue": "name branch folder made notes",
    "project finish": "state name branch how gates gone kept final",
    "project delete": "name branch gone kept final",
    **{
        f"task {verb}": TASK
        for verb in (
            "add", "set", "list", "answer", "feedback", "approve", "accept", "abandon", "retry", "move",
        )
    },
    "task show": f"{TASK} description used",
    "task status": f"{TASK} description used",
    "task ask": "id question options",
    "task remove": "id kept",
    **{
        f"{of} {verb}": ARTIFACT
        for of in ("input", "output", "task input", "task output")
        for verb in ("add", "set", "list", "remove")
    },
    "phase list": "name current tasks status enabled created_at inputs outputs",
    "phase set": "name status enabled created_at inputs outputs",
    "advance": "state transitions",
    "prompt": "name text",
    "events": "ts run_id task_id type payload seq actor",
    "validate": "valid phases tasks problems torn_lines",
    "repair": "dry_run mended left",
    "import": EXCHANGED,
    "sync": EXCHANGED,
    "agent list": "id task agent executor state pid cost_usd",
    "agent spawn": "kind task status attempt text",
    "agent resume": "kind task status attempt text",
    "run": "kind task status attempt text",
    "review": "id name kind text options since iteration agent executor branch worktree",
    "doctor": "sow folder repository ok errors warnings findings",
    "executor list": "name type roles program version logged_in login problem",
    "executor check": "executor type program version offline ok rows kept",
    "worktree list": "path branch kind project task status locked uncommitted ahead at_work problem",
    "worktree remove": "path branch branch_deleted",
    "worktree prune": "dry_run removed kept",
    "schema": "",  # a list of names
}  # fmt: skip
"""What a script finds in what a command prints, or in the first of a list. More may stand there."""


def _begun(task: Task) -> Change:
    begun = task.start(session_id=None, executor="script", at=AT, worktree=None, branch=None, base=None)
    return Change(task=begun)


def test_every_command_with_a_result_has_json_and_is_tried_here() -> None:
    having = {
        " ".join(path)
        for path, command in COMMANDS.items()
        if any("--json" in p.opts for p in command.params)
    }
    assert having == set(JSON) | ELSEWHERE
    assert {" ".join(path) for path in COMMANDS} - having == WITHOUT_JSON


def test_json_is_all_that_stands_on_standard_output(tmp_path: Path) -> None:
    who = with_project(tmp_path, "Here")
    rehearse(
        who,
        [{"ask": {"question": "Which way?"}}],
        [{"edit": {"path": "a.txt", "content": "b\n"}}, {"report": "needs_review"}],
    )
    who.done("task", "add", "First", "--agent", "implementer")
    who.done("task", "add", "Second", "--agent", "implementer")
    who.done("task", "add", "Third", "--agent", "implementer")
    who.done("export", "--output", "list.json")
    ends = ["project new", "project continue", "project finish", "project delete"]
    last = ["agent resume", "run", "agent list", "review", *ends, "config reset", "config init"]
    order = sorted(JSON, key=lambda name: last.index(name) if name in last else -1)
    for name in order:
        if name in ("task ask", "task accept"):
            who.store().change_task("030" if name == "task ask" else "040", _begun)
        if name in ("task feedback", "task approve"):
            who.done("task", "set", "status", "needs_review", "--id", "030")
        if name == "worktree remove":
            tree = str(who.folder / ".sow/worktrees/feat/here--030")
            who.git("worktree", "add", "--quiet", "-b", "feat/here--030", tree, "feat/here")
        said = who.sow(*JSON[name])
        assert said.code in (0, 5), (name, said)
        assert said.out, name
        lines = said.out.splitlines()
        if name in ("events", "run", "agent spawn", "agent resume"):
            assert all(isinstance(json.loads(line), dict) for line in lines), name
        else:
            assert len(lines) == 1, name
        held = json.loads(lines[0])
        first = held[0] if isinstance(held, list) else held
        assert [field for field in FIELDS[name].split() if field not in first] == [], (name, held)


def test_notes_for_a_person_stand_on_standard_error_and_quiet_leaves_them_out(tmp_path: Path) -> None:
    who = person(tmp_path)
    for words in (("init",), ("project", "list"), ("project", "new", "Add login"), ("agent", "list")):
        loud = who.sow(*words)
        assert loud.code == 0
        assert "Next:" not in loud.out
    quiet = who.sow("agent", "list", "-q")
    assert (quiet.out, quiet.err) == ("", "")
    assert loud.err == "no agent runs; those that ended: `sow agent list --all`\n"


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(path: tuple[str, ...]) -> None:
    name = "sow " + " ".join(path)
    with click.Context(COMMANDS[path], info_name=name, help_option_names=["-h", "--help"]) as context:
        text = COMMANDS[path].get_help(context)
    assert f"Example:  {'$EDITOR' if path == ('config', 'path') else 'sow ' + ' '.join(path)}" in text
    for option in COMMANDS[path].params:
        assert isinstance(option, click.Argument) or option.help, option


def test_without_a_command_the_help_is_no_result(desk: Person) -> None:
    for words in ((), ("task",), ("project",), ("agent",), ("config",)):
        said = desk.sow(*words)
        assert (said.code, said.out) == (2, "")
        assert said.err.startswith("Usage: sow")


# Streams that end early


def pipe(who: Person, words: str) -> "subprocess.CompletedProcess[str]":
    line = f"set -o pipefail; {sys.executable} -m sow {words}"
    return subprocess.run(
        ["bash", "-c", line], cwd=who.folder, env=who.environment, capture_output=True, text=True, check=False
    )


def test_a_reader_that_has_had_enough_ends_it_without_a_word(desk: Person) -> None:
    folder = Path(desk.store().layout.events)
    day = next(folder.iterdir())
    whole = day.read_text()
    day.write_text(whole * 500)
    try:
        for words in ("events | head -1", "task list | true", "project show | head -c 1", "--help | true"):
            ended = pipe(desk, words)
            assert (ended.returncode, ended.stderr) == (0, ""), words
    finally:
        day.write_text(whole)


def test_a_full_disk_behind_standard_output_is_an_error(desk: Person) -> None:
    for words in ("status", "events", "--version", "task list --json"):
        ended = pipe(desk, f"{words} > /dev/full")
        assert (ended.returncode, ended.stderr.splitlines()) == (
            1,
            [
                "sow: can't write to standard output: No space left on device",
                "     give the output another place to go",
            ],
        )


def test_closed_streams_are_borne(desk: Person) -> None:
    assert pipe(desk, "status >&-").returncode == 0
    assert pipe(desk, "nonsense 2>&-").returncode == 2
    assert pipe(desk, "status <&-").returncode == 0


# The log, while it grows


def test_events_are_followed_until_the_reader_goes(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "sow", "events", "-f", "--json"], cwd=who.folder, env=who.environment,
        stdout=subprocess.PIPE, text=True,
    ) as following:  # fmt: skip
        try:
            assert following.stdout
            assert json.loads(following.stdout.readline())["type"] == "project.created"
            who.done("task", "add", "First", "--agent", "implementer")
            event = json.loads(following.stdout.readline())
            assert (event["type"], event["task_id"]) == ("task.created", "010")
            who.done("task", "set", "priority", "high", "--id", "010")
            assert json.loads(following.stdout.readline())["type"] == "task.changed"
            following.send_signal(signal.SIGINT)
            assert following.wait(timeout=120) == 130
        finally:
            following.kill()


def test_events_are_chosen_by_task_type_and_time(desk: Person) -> None:
    lines = desk.done("events", "--task", "020", "--type", "task.created", "--json").splitlines()
    assert [json.loads(line)["task_id"] for line in lines] == ["020"]
    assert desk.done("events", "--since", "2999-01-01") == ""
    assert desk.done("events", "--since", "2000-01-01") == desk.done("events", "--since", "9999d")
    assert desk.done("events", "--since", "0s") == ""


# For a person


class Screen:
    """A terminal of some width with a `sow` command on it, as a person sees it."""

    def __init__(self, who: Person, *words: str, columns: int = 100) -> None:
        self.raw = io.StringIO()
        self.screen = pyte.Screen(columns, 40)
        self.stream = pyte.Stream(self.screen)
        self.child: Any = pexpect.spawn(
            sys.executable, ["-m", "sow", *words], cwd=str(who.folder), env=who.environment,
            encoding="utf-8", timeout=120, dimensions=(40, columns),
        )  # fmt: skip

    def lines(self) -> list[str]:
        """What the screen shows now."""
        try:
            text = self.child.read_nonblocking(65536, timeout=0.05)
        except (pexpect.TIMEOUT, pexpect.EOF):
            text = ""
        self.raw.write(text)
        self.stream.feed(text)
        return [line.rstrip() for line in self.screen.display if line.strip()]

    def shows(self, text: str) -> None:
        until(lambda: any(text in line for line in self.lines()))

    def end(self) -> int:
        """Waits for the end of the command; its exit code."""
        until(lambda: self.lines() and not self.child.isalive())
        self.lines()
        return int(self.child.exitstatus)


@pytest.fixture
def working(tmp_path: Path) -> tuple[Person, Path]:
    """A project with a task whose agent says something, and then waits for a file before it hands in."""
    who = with_project(tmp_path)
    go = tmp_path / "go"
    rehearse(
        who,
        [
            {"say": "I look around."},
            {"run": f"while ! test -e {go}; do sleep 0.02; done"},
            {"edit": {"path": "a.txt", "content": "b\n"}},
            {"report": "needs_review"},
        ],
    )
    who.done("task", "add", "Mend the \N{SEEDLING} login", "--agent", "implementer")
    who.done("task", "add", "Later", "--agent", "implementer", "--depends-on", "010")
    return who, go


@pytest.mark.parametrize("columns", [100, 30])
def test_on_a_terminal_a_live_table_shows_the_work_and_is_gone_at_the_end(
    working: tuple[Person, Path], columns: int
) -> None:
    who, go = working
    screen = Screen(who, "run", columns=columns)
    screen.shows("in_progress")
    screen.shows("0 of 2 tasks completed")
    if columns > 70:
        screen.shows("while ! test -e")  # what its agent does
    go.touch()
    assert screen.end() == 5
    text = "\n".join(screen.lines())
    assert "in_progress" not in text
    assert "tasks completed" not in text
    assert "Waiting for you: 1 to review" in text
    assert COLOUR.search(screen.raw.getvalue())
    assert "Traceback" not in screen.raw.getvalue()


@pytest.mark.parametrize(
    ("words", "more"),
    [
        pytest.param(["run", "--no-color"], {}, id="the option"),
        pytest.param(["run"], {"NO_COLOR": "1"}, id="the variable"),
    ],
)
def test_colours_can_be_declined(
    working: tuple[Person, Path], words: list[str], more: dict[str, str]
) -> None:
    who, go = working
    go.touch()
    screen = Screen(who.at(".", **more), *words)
    assert screen.end() == 5
    assert not COLOUR.search(screen.raw.getvalue())


def test_elsewhere_a_run_prints_a_line_for_each_thing_that_matters(working: tuple[Person, Path]) -> None:
    who, go = working
    go.touch()
    ended = who.process("run")
    assert (ended.code, ended.err) == (5, "")
    assert "\x1b" not in ended.out
    first, *_, last = ended.out.splitlines()
    assert first == "[010] Mend the \N{SEEDLING} login: starts \N{EM DASH} implementer on rehearsal"
    assert last == "Waiting for you: 1 to review. Go through them: sow review"
    page = who.done("status")
    assert "[010] needs_review" in page
    assert "[020] pending                Later  (after 010)" in page
    assert "I look around." in who.done("agent", "logs", "010")


def test_what_would_start_is_told_and_not_started(working: tuple[Person, Path]) -> None:
    who, _ = working
    assert who.done("run", "--dry-run") == (
        "would start [010] Mend the \N{SEEDLING} login \N{EM DASH} implementer on rehearsal\n"
    )
    assert json.loads(who.done("run", "--dry-run", "--json"))[0]["id"] == "010"
    assert "Status: pending" in who.done("task", "show", "010")


def test_what_an_agent_gets_of_the_persons_secrets_is_written_nowhere(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    settings = who.folder / ".sow/config.yaml"
    settings.write_text(f"{settings.read_text()}environment: [MY_TOKEN]\n")
    rehearse(who, [{"run": 'test "$MY_TOKEN" = "$(printf "hush-%s" 5e5510)"'}, {"report": "needs_review"}])
    who.done("task", "add", "First", "--agent", "implementer")
    there = who.at(".", MY_TOKEN="hush-5e5510")
    said = there.sow("-v", "run")
    assert said.code == 5, said
    assert json.loads(there.done("task", "show", "010", "--json"))["status"] == "needs_review"
    assert "hush-5e5510" not in said.out + said.err
    assert [path for path, held in everything(who.folder).items() if b"hush-5e5510" in held] == []


# The start


def test_help_and_version_import_no_command(desk: Person) -> None:
    code = (
        "import sys; from sow.cli import main; code = main(sys.argv[1:]); "
        "sys.stderr.write(' '.join(m for m in sys.modules if m.startswith(('sow', 'rich', 'yaml', 'json'))))"
    )
    for words in (["--help"], ["--version"]):
        ended = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=desk.folder, env=desk.environment, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        loaded = set(ended.stderr.split())
        assert ended.returncode == 0
        assert loaded <= {"sow", "sow.cli", "sow.cli.root", "sow.cli.commands", "sow.errors", "sow.value"}


def test_a_command_imports_no_other_command(desk: Person) -> None:
    code = (
        "import sys; from sow.cli import main; code = main(['schema', 'task_state']); "
        "sys.stderr.write(' '.join(m for m in sys.modules if m.startswith('sow.cli.')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=desk.folder, env=desk.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    loaded = {name.removeprefix("sow.cli.") for name in ended.stderr.split()}
    assert loaded & {"task", "project", "run", "agent", "review", "status", "events", "config"} == set()


def test_python_m_sow_is_sow(desk: Person) -> None:
    program = os.path.join(os.path.dirname(sys.executable), "sow")
    if not os.path.exists(program):
        pytest.skip("sow is not installed beside this Python")
    ended = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    assert ended.stdout == desk.process("--version").out
