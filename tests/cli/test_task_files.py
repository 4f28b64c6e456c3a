"""`sow run` where there are task files and no project, and `sophia-cli`: what they say, and how they exit."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml
from tests.cli.parts import Person, Said, changed, everything, with_project
from tests.forked import sow_of
from tests.taskfiles.parts import Place
from tests.waiting import until

from sow import cli
from sow.accounts import Accounts
from sow.errors import Failed
from sow.pool import Met, Warned
from sow.taskfiles import workspace
from sow.taskfiles.claim import Claims

COMMANDS = {
    "one": {"handler": "shell", "command": "cp {input.text} {output.result}"},
    "bad": {"handler": "shell", "command": "echo why >&2; exit 3"},
    "slow": {"handler": "shell", "command": "echo x > {output.result}; echo progress 0.5; sleep 60"},
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "studio")
    made.configure(COMMANDS, grace_seconds=2)
    return made


@pytest.fixture
def who(place: Place, tmp_path: Path) -> Person:
    return Person(place.root, tmp_path / "home")


def sophia(who: Person, *words: str) -> Said:
    with who.inside() as (out, err):
        code = cli.main_of_sophia(list(words))
        sys.stdout.flush()
        sys.stderr.flush()
        return Said(code, read(out), read(err))


def read(held: io.BytesIO) -> str:
    return held.getvalue().decode()


def test_a_run_tells_each_step_in_a_line(place: Place, who: Person) -> None:
    place.add()
    assert who.done("run") == sophia_like(
        "[t1] one\n[t1] one 0% begun\n[t1] result: workspace/outputs/t1.txt\n[t1] one 100% done\n", place
    )
    assert who.done("run") == "Nothing is queued.\n"
    assert who.done("run", "--task", "t1") == "Task t1 is done already.\n"


def sophia_like(lines: str, place: Place) -> str:
    """The lines of a run, and the end of it with the time that it took."""
    (ended,) = place.events("task.completed")
    return f"{lines}[t1] done: {ended['payload']['duration_sec']:.1f} s\n1 done.\n"


def test_both_programs_do_the_same_from_the_workspace_and_from_above_it(place: Place, who: Person) -> None:
    calls: dict[str, Callable[[], Said]] = {
        "t1": lambda: who.sow("run"),
        "t2": lambda: who.at("workspace").sow("run"),
        "t3": lambda: sophia(who, "run"),
        "t4": lambda: sophia(who.at("workspace"), "run", "--task", "t4"),
        "t5": lambda: sophia(who.at("/"), "run", "--workspace", str(place.folder)),
    }
    for task_id, call in calls.items():
        place.add(task_id)
        said = call()
        assert (said.code, said.err) == (0, "")
        assert said.out.splitlines()[-1] == "1 done."
        assert place.result(task_id) == "the input\n"


def test_a_project_goes_before_task_files(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    place = Place(who.folder)
    path = place.add()
    before = path.read_bytes()
    assert "There is no task yet" in who.done("run")
    assert path.read_bytes() == before


def test_one_task_is_run_by_its_id_or_its_file(place: Place, who: Person) -> None:
    place.add("t1")
    place.add("t2")
    assert who.sow("run", "--task", "t2").code == 0
    assert (place.task("t1")["status"], place.task("t2")["status"]) == ("queued", "done")
    assert who.sow("run", "--task", "20260206_t1").code == 0
    assert place.task("t1")["status"] == "done"


def test_a_failure_is_told_in_a_line_and_makes_the_exit_code_1(place: Place, who: Person) -> None:
    place.add(pipeline=("bad",))
    said = who.sow("run")
    assert (said.code, said.err) == (1, "")
    assert said.out.splitlines()[-2:] == ["[t1] failed: stage bad: it ended with exit code 3", "1 failed."]


def test_json_is_an_object_a_line(place: Place, who: Person) -> None:
    place.add()
    rows = [json.loads(line) for line in who.done("run", "--json").splitlines()]
    assert [row["kind"] for row in rows] == ["started", "stage", "artifact", "stage", "done", "ended"]
    assert rows[-1] == {
        "kind": "ended", "done": 1, "failed": 0, "canceled": 0, "left": 0, "held": 0, "bad_files": 0,
        "stuck": 0, "exit_code": 0,
    }  # fmt: skip
    assert {row["file"] for row in rows[:-1]} == {str(place.folder / "tasks/20260206_t1.task.json")}


def test_what_a_run_has_spent_of_its_budget_is_told_and_5_says_that_more_would_have_been_begun(
    place: Place, tmp_path: Path
) -> None:
    who = Person(place.root, tmp_path / "home").at(".", SOW_AGENTS_IMPLEMENTER="script")
    (place.root / "play.yaml").write_text("turns: [[{spend: {usd: 2}}, {say: Done.}]]")
    stage = {"handler": "agent", "prompt": "Do it.", "settings": {"script": str(place.root / "play.yaml")}}
    place.configure({"one": stage})
    for task_id in ("t1", "t2", "t3"):
        place.add(task_id)
    said = who.sow("run", "--budget", "$1.5")
    assert said.code == 5
    assert "the budget of this run is spent: $2.00 of $1.50. Nothing more is started" in said.out
    assert said.out.splitlines()[-2:] == [
        "1 done.",
        "The budget of this run is spent ($2.00 of $1.50). With more: --budget USD",
    ]
    said = sophia(who, "run", "--budget", "5", "--json")
    assert said.code == 0
    last = json.loads(said.out.splitlines()[-1])
    assert (last["done"], last["spent_usd"], last["budget_usd"], last["exit_code"]) == (2, 4.0, 5.0, 0)


def test_a_dry_run_changes_nothing(place: Place, who: Person) -> None:
    place.add()
    before = everything(place.root)
    assert who.done("run", "--dry-run") == "would run [t1] 20260206_t1.task.json\n"
    assert json.loads(sophia(who, "run", "--dry-run", "--json").out)[0]["id"] == "t1"
    assert changed(before, everything(place.root)) == []


@pytest.fixture
def mixed(place: Place) -> Place:
    """Tasks in every state that a command can mean by mistake."""
    place.add("failed", status="failed")
    place.add("canceled", status="canceled")
    place.add("running", status="running")
    place.write("20260101_twice", place.add("twice", status="done").read_text())
    place.write("20260101_bad", '{"task_id": "bad",\n "status": "qeued", "pipeline": []}')
    return place


REFUSED: list[Any] = [
    ("run --task fialed", 3, "task not found: fialed", "did you mean failed? the tasks: cancel"),
    ("run --task failed", 4, "task failed is failed", 'to do it again, write "status": "queued" into '),
    ("run --task canceled", 4, "task canceled is canceled", 'to do it again, write "status": "queued" into '),
    ("run --task running", 6, "task running is run by another program", "wait for it; if nothing runs it"),
    ("run --task twice", 4, "2 task files have the id twice: 2026010", "name one by its file: --task 2026"),
    ("run --task bad", 4, "{tasks}/20260101_bad.task.json:2:12: status: ", "did you mean `queued`?"),
    ("task show", 2, "which task?", "name it by its id; see them: `sow task list`"),
    ("task show fialed", 3, "task not found: fialed", "did you mean failed? the tasks: cancel"),
    ("task show bad", 4, "{tasks}/20260101_bad.task.json:2:12: status: ", "did you mean `queued`?"),
    ("task cancel twice", 4, "2 task files have the id twice: 2026010", "name one by its file: 2026"),
    ("task cancel failed", 4, "task failed is failed", "only what is queued or running can be canceled"),
    ("task retry running", 4, "task running is running", "to begin it anew, first: `sow task cancel"),
    ("task retry failed --fresh", 2, "--fresh is for the tasks of a project", "leave it out: a task file"),
    ("task add", 2, "--stage is missing", "see `sow task add --help`"),
    ("task add Name --stage one", 2, "NAME is for the tasks of a project", "name the stages of a task file"),
    ("task add --agent planner", 2, "--agent is for the tasks of a project", "name the stages of a task"),
    ("task add --stage one --input in.txt", 2, "--input in.txt: that is no NAME=PATH", "such as --input te"),
    ("task add --stage one --output a=", 2, "--output a=: that is no NAME=PATH", "such as --output text="),
    ("task add --stage one --input a=b --input a=c", 2, "--input a is given twice", "give each a name of"),
    ("task add --stage oen", 4, "pipeline.0: stage oen is configured nowhere", "did you mean one?"),
    ("task add --stage slow --id failed --output result=x", 4, "task failed is there already", "give it ano"),
    ("task abandon failed", 3, "no .sow folder in ", "here are task files: `sow run`, `sow status`"),
    ("run --budget 0", 2, "--budget: 0 is no amount of dollars above 0", "see `{name} run --help`"),
    ("run --jobs 0", 2, "--jobs: 0 is no whole number from 1 to 256", "see `{name} run --help`"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "line", "code", "message", "hint"),
    [
        pytest.param(name, *row, id=f"{name} {row[0]}")
        for row in REFUSED
        for name in ("sow", *["sophia-cli"] * row[0].startswith("run"))
    ],
)
def test_what_can_not_be_run_is_told_in_two_lines_and_changes_no_byte(
    mixed: Place, who: Person, name: str, line: str, code: int, message: str, hint: str
) -> None:
    before = everything(mixed.root)
    said = who.sow(*line.split()) if name == "sow" else sophia(who, *line.split())
    assert said.code == code
    first, second = said.told[1]
    assert first.startswith(f"{name}: {message.format(tasks=mixed.folder / 'tasks')}")
    assert second.startswith(" " * (len(name) + 2) + hint.format(name=name))
    assert changed(before, everything(mixed.root)) == []


def test_a_bad_file_among_good_ones_is_told_on_standard_error(mixed: Place, who: Person) -> None:
    mixed.add("good")
    said = who.sow("run")
    assert said.code == 1
    assert said.out.splitlines()[-1] == "1 done, 1 can't be read."
    (told,) = said.err.splitlines()
    assert told.startswith(f"! {mixed.folder}/tasks/20260101_bad.task.json:2:12: status: ")


def test_what_lies_in_the_way_of_all_tasks_is_told_once_and_they_are_not_called_done(
    place: Place, who: Person
) -> None:
    place.add("t1")
    place.add("t2")
    (place.folder / "runs").write_text("")
    said = who.sow("run")
    assert (said.code, said.out) == (1, "2 can't be claimed.\n")
    assert said.err == f"! {place.folder}/runs: is a file, and should be a folder; move it away\n"
    assert who.sow("run", "--task", "t2").out == "1 can't be claimed.\n"


def test_a_task_whose_end_could_not_be_written_makes_the_exit_code_1_and_the_next_run_writes_it(
    place: Place, who: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Claims, *_: object) -> None:
        raise Failed("no space left on device")

    place.add()
    with monkeypatch.context() as patched:
        patched.setattr(Claims, "end", full)
        said = who.sow("run")
    assert (said.code, said.out.splitlines()[-2:]) == (
        1, ["[t1] left: its end (done) can't be written: no space left on device", "1 left."]
    )  # fmt: skip
    assert who.done("run").splitlines()[-1] == "1 done."


@pytest.mark.parametrize(
    ("made", "found"),
    [
        (("workspace/tasks/x.task.json",), "workspace"),
        (("tasks/x.task.json",), "."),
        (("workspace/tasks/",), "workspace"),
        (("tasks/", "runs/"), "."),
        (("tasks/",), None),
        (("workspace/.git/", "workspace/tasks/"), None),
        (("tasks/notes.json", "workspace/notes"), None),
        (("../.sow/", "workspace/tasks/"), None),
        (("../.sow/", "workspace/tasks/x.task.json"), "workspace"),
        ((".sow/", "workspace/tasks/x.task.json"), None),
    ],
    ids=lambda held: " ".join(held) if isinstance(held, tuple) else "",
)
def test_a_workspace_is_one_before_its_first_task_and_behind_its_last(
    tmp_path: Path, made: tuple[str, ...], found: str | None
) -> None:
    start = tmp_path / "above"
    start.mkdir()
    for name in made:
        path = start / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()
    assert workspace.here(str(start)) == (str(start / found) if found else "")


def test_a_command_of_projects_names_those_for_task_files(place: Place, who: Person) -> None:
    place.add()
    for line in ("task set status done --id 010", "task set status done --id 010 --string", "review"):
        assert who.sow(*line.split()).told[1][1].strip().startswith("here are task files: `sow run`"), line
    (place.root / ".sow").mkdir()
    hint = who.sow("run").told[1][1]
    assert hint.endswith("for the task files: `cd workspace && sophia-cli run`")


def test_settings_that_are_wrong_are_told_with_their_line(place: Place, who: Person) -> None:
    (place.folder / "config.yaml").write_text("stages:\n  one:\n    handlr: shell\n")
    place.add()
    before = everything(place.root)
    said = who.sow("run")
    assert said.told[0] == 4
    assert said.told[1][0] == f"sow: {place.folder}/config.yaml:3: stages.one.handlr: is not a known field"
    assert said.told[1][1].startswith("     did you mean `handler`?")
    assert changed(before, everything(place.root)) == []


def test_sophia_cli_says_where_it_looked(tmp_path: Path) -> None:
    code, told = sophia(Person(tmp_path, tmp_path), "run").told
    assert (code, told) == (3, [
        f"sophia-cli: no folder tasks/ in {tmp_path} or {tmp_path}/workspace",
        "            make it: `mkdir -p workspace/tasks`, or name the workspace: --workspace DIR",
    ])  # fmt: skip
    code, told = sophia(Person(tmp_path, tmp_path), "rum").told
    assert (code, told) == (2, [
        "sophia-cli: no such command: sophia-cli rum", "            did you mean `sophia-cli run`?",
    ])  # fmt: skip


def test_a_shell_is_offered_the_tasks_of_the_workspace(place: Place, who: Person) -> None:
    place.add("t1", status="done")
    place.add("t2")
    line = "sow task add --stage one --stage "
    said = who.at(".", _SOW_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD="6").sow()
    assert said.out.split() == ["plain,bad", "plain,slow"]
    for line in ("sow run --task t", "sophia-cli run --task t", "sow task show t", "sow task cancel t"):
        name = line.partition(" ")[0]
        variable = f"_{name.upper().replace('-', '_')}_COMPLETE"
        count = str(len(line.split()) - 1)
        there = who.at(".", **{variable: "bash_complete"}, COMP_WORDS=line, COMP_CWORD=count)
        said = there.sow() if name == "sow" else sophia(there)
        assert [each.partition(",")[2] for each in said.out.splitlines()] == ["t2", "t1"]


def test_a_shell_is_offered_the_types_of_the_stream(place: Place, who: Person) -> None:
    place.add()
    line = "sow events --type task.c"
    said = who.at(".", _SOW_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD="3").sow()
    assert said.out.split() == ["plain,task.created", "plain,task.completed"]


def test_a_project_that_runs_loads_nothing_of_task_files(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    code = (
        "import sys; from sow.cli import main; main(['run']);"
        "print([name for name in sys.modules if 'taskfiles' in name or 'task_files' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=who.folder, env=who.environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_ends_the_stage_and_the_next_run_begins_it_again(place: Place, who: Person) -> None:
    path = place.add(pipeline=("slow",))
    words = ("run", "--watch")
    child: Any = pexpect.spawn(
        sys.executable, ["-m", "sow", *words], cwd=str(who.folder), env=who.environment, encoding="utf-8",
        timeout=120, preexec_fn=sow_of(words, who.environment),
    )  # fmt: skip
    try:
        child.expect_exact("[t1] slow 50%")
        child.sendintr()
        child.expect_exact("Ending the stages; once more to leave them running.")
        child.expect_exact("[t1] left: stage slow was ended; the next run begins it again")
        child.expect_exact("1 left.")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130
    finally:
        child.close(force=True)
    assert json.loads(path.read_text())["status"] == "running"
    (place.folder / "config.yaml").write_text(yaml.safe_dump({"stages": COMMANDS}))
    second = subprocess.Popen(
        [sys.executable, "-m", "sow", "run"], cwd=who.folder, env=who.environment, stdout=subprocess.PIPE,
        text=True, preexec_fn=sow_of(("run",), who.environment),
    )  # fmt: skip
    until(lambda: len(list((place.folder / "runs").rglob("go"))) == 2)
    path.write_text(path.read_text().replace('"running"', '"canceled"'))
    assert second.communicate(timeout=120)[0].splitlines()[-1] == "1 canceled."
    assert second.returncode == 0


def test_who_no_longer_reads_along_stops_no_task(place: Place, who: Person) -> None:
    for task_id in ("t1", "t2"):
        place.add(task_id)
    run = subprocess.Popen(
        [sys.executable, "-m", "sow", "run"], cwd=who.folder, env=who.environment, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, preexec_fn=sow_of(("run",), who.environment),
    )  # fmt: skip
    assert run.stdout
    assert run.stderr
    run.stdout.close()
    assert (run.stderr.read(), run.wait(120)) == (b"", 0)
    run.stderr.close()
    assert [place.task(task_id)["status"] for task_id in ("t1", "t2")] == ["done", "done"]


# -- what is here, and how it is --------------------------------------------------------------------


def test_status_lists_the_tasks_by_state(place: Place, who: Person) -> None:
    place.add("t1")
    place.add("t2", pipeline=("one", "bad"))
    place.add("t3", status="running")
    assert who.sow("run").code == 1
    place.add("t4", pipeline=("one", "slow"))
    place.write("20260206_x", "{")
    out = re.sub(r" \d+ s", " 0 s", who.done("status"))
    assert (
        out
        == f"""task files in {place.folder}

running
  [t3]  0 s  0%  no stage begun  by another program, or by nobody: see `sow doctor`

queued
  [t4]  0 s  one -> slow

failed
  [t2]  0 s  stage bad: it ended with exit code 3

done
  [t1]  0 s

broken: {place.folder}/tasks/20260206_x.task.json:1:2: is no JSON here: \
expecting property name enclosed in double quotes
        mend the file at that place

5 task files: 1 running, 1 queued, 1 failed, 1 done, 1 can't be read
"""
    )
    held = json.loads(who.done("status", "--json"))
    assert [row["id"] for row in held["tasks"]] == ["t1", "t2", "t3", "t4"]
    assert held["counts"] == {"done": 1, "failed": 1, "running": 1, "queued": 1}


def test_status_shows_what_is_known_of_the_limits_of_accounts(place: Place, who: Person) -> None:
    now = time.time()
    near = Warned("five_hour", now, 90.0, 91.0, resets_at=now + 3600)
    met = Met("weekly", now, now + 7200)
    accounts = Accounts(who.environment)
    accounts.change("script-0", lambda pool: pool.warn(near, "script").meet(met, "script"), now)
    told = who.done("status").splitlines()
    assert told[2] == "Limits:"
    assert told[3].startswith("  script: its weekly limit is used up; its tasks wait until ")
    assert told[4].startswith("  script: its five hour limit is 91 % used; it begins anew at ")
    (limit,) = json.loads(who.done("status", "--json"))["limits"]
    assert [each["limit"] for each in (*limit["used_up"], *limit["warnings"])] == ["weekly", "five_hour"]


def test_status_shows_the_last_of_many_that_have_ended(place: Place, who: Person) -> None:
    for number in range(13):
        os.utime(place.add(f"t{number:02}", status="done"), (10**9 + number, 10**9 + number))
    lines = who.done("status").splitlines()
    assert [line[2:7] for line in lines[3:13]] == [f"[t{number:02}]" for number in range(12, 2, -1)]
    assert lines[13] == "  and 3 before: `sow status --json` has all"


def test_tasks_are_listed_shown_canceled_and_queued_again(place: Place, who: Person) -> None:
    place.add(
        "t1", pipeline=("one", "bad"), type="notes", input={"text": "workspace/inbox/in.txt", "by": "a\nb"}
    )
    assert who.sow("run").code == 1
    place.add("t2")
    place.write("20260206_x", "{")
    said = who.sow("task", "list")
    assert said.out.splitlines()[:2] == [
        "  [t1]  failed  one -> bad  20260206_t1.task.json",
        "  [t2]  queued  one         20260206_t2.task.json",
    ]
    assert said.out.splitlines()[2].startswith(f"  broken: {place.folder}/tasks/20260206_x.task.json:1:2: ")
    assert said.out.splitlines()[-1] == "2 total tasks"
    said = who.sow("task", "list", "--json")
    assert [(row["id"], row["status"]) for row in json.loads(said.out)] == [
        ("t1", "failed"),
        ("t2", "queued"),
    ]
    assert said.err.startswith(f"sow: left out: {place.folder}/tasks/20260206_x.task.json:1:2: ")

    runs = place.folder / "runs/20260206_t1/1"
    one, bad = sorted(str(path) for path in runs.glob("*-*"))
    shown = re.sub(r"Since: .*", "Since: then", who.done("task", "show", "t1"))
    assert (
        shown
        == f"""Task: t1
Status: failed
Since: then
File: {place.folder}/tasks/20260206_t1.task.json
Type: notes
Run: r1
Stages (2):
  one  done    {one}
  bad  failed  {bad}
Inputs (2):
  text  workspace/inbox/in.txt
  by    "a\\nb"
Outputs (1):
  result  workspace/outputs/t1.txt
Error:
stage bad: it ended with exit code 3

$ echo why >&2; exit 3
why
"""
    )
    held = json.loads(who.done("task", "status", "--id", "t1", "--json"))
    assert (held["document"]["type"], [row["state"] for row in held["stages"]]) == (
        "notes",
        ["done", "failed"],
    )

    told = who.done("events", "--task", "t1", "--type", "task.created", "--type", "task.failed").splitlines()
    assert [line.split(maxsplit=3)[1:] for line in told] == [
        ["[t1]", "task.created", "input=workspace/inbox/in.txt"],
        [
            "[t1]",
            "task.failed",
            "error=stage bad: it ended with exit code 3, stack=$ echo why >&2; exit 3 why",
        ],
    ]
    lines = who.done("events", "--json").splitlines()
    assert [json.loads(line) for line in lines] == place.events()

    assert who.done("task", "retry", "t1") == "Task t1 is queued: it starts with the next `sow run`\n"
    assert who.done("task", "cancel", "t1") == "Canceled task t1\n"
    assert json.loads(who.done("task", "cancel", "t2", "--json"))["status"] == "canceled"
    assert [place.task(each)["status"] for each in ("t1", "t2")] == ["canceled", "canceled"]


def test_a_task_is_added_at_the_command_line_and_the_next_run_does_it(place: Place, who: Person) -> None:
    place.add("t1", status="done")
    files = ["--input", "text=workspace/inbox/in.txt", "--output", "result=workspace/outputs/t2.txt"]
    own = ["--stage", "one", "--stage", "bad", "--id", "t2", "--type", "notes"]
    assert who.done("task", "add", *own, *files) == "Added task [t2] one -> bad\n"
    held = place.task("t2")
    assert (held["pipeline"], held["type"]) == (["one", "bad"], "notes")
    added = json.loads(who.done("task", "add", "--stage", "one", *files, "--json"))
    shown = json.loads(who.done("task", "show", added["id"], "--json"))
    assert {**shown, "age_seconds": 0} == {**added, "age_seconds": 0}
    assert who.sow("run", "--task", added["id"]).code == 0
    assert place.result("t2") == "the input\n"


def test_the_first_task_of_a_folder_for_task_files_is_added_there(who: Person, tmp_path: Path) -> None:
    folder = tmp_path / "fresh"
    (folder / "tasks").mkdir(parents=True)
    (folder / "config.yaml").write_text("stages: {one: {handler: shell, command: 'true'}}\n")
    assert who.at(folder).done("task", "add", "--stage", "one", "--id", "t1") == "Added task [t1] one\n"
    assert who.at(folder).sow("run").code == 0


def test_validate_tells_all_problems_and_exits_with_4(place: Place, who: Person) -> None:
    place.add()
    assert who.done("validate") == "Valid: 1 task file, the settings\n"
    path = place.write("20260206_x", '{"task_id": "x", "status": "queud", "pipeline": []}')
    before = everything(place.root)
    said = who.sow("validate")
    assert said.code == 4
    assert said.out.startswith(f'{path}:1:28: status: "queud" is not allowed\n    did you mean `queued`? ')
    assert said.err.startswith("sow: 1 problem in 1 file\n     mend each at the place named")
    held = json.loads(who.sow("validate", "--json").out)
    assert (held["valid"], held["problems"][0]["field"]) == (False, "status")
    assert changed(before, everything(place.root)) == []


def test_the_doctor_looks_at_the_workspace_and_not_for_a_project(place: Place, who: Person) -> None:
    place.add(pipeline=("one", "on"))
    held = json.loads(who.sow("doctor", "--json").out)
    found = [row for row in held["findings"] if row["room"] == f"task files in {place.folder}"]
    assert [(row["check"], row["level"]) for row in found] == [("task_files", "error")]
    assert not [row for row in held["findings"] if row["room"] == "repository"]
    place.add("t1")
    said = who.at(".", PATH="/nowhere").sow("doctor")
    assert "no program claude on the PATH" in said.out
    assert "error    claude-code" not in said.out, "no stage needs it"


def test_with_a_project_here_task_files_are_not_looked_at(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    Place(who.folder).write("20260206_x", "{")
    assert who.done("status").startswith("add-login")
    assert who.done("validate").startswith("Valid: the project")
