"""`sow` outside of git, with no git program on the PATH: one folder, one project, nothing is merged."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.cli.parts import Person, Said, changed, everything, person, tasks_of_every_status
from tests.cli.person import at_terminal
from tests.cli.test_kill_command import kill_everywhere, left_over
from tests.cli.test_output import rehearse
from tests.forked import code_of, sow_of
from tests.waiting import until

from sow import find
from sow.cli import opening
from sow.layout import Plain
from sow.roles import BUILT_IN

PROGRAMS = ("sh", "cat", "grep", "mkfifo", "rm", "true")
"""What there is on the PATH: no git."""


@pytest.fixture
def who(tmp_path: Path) -> Person:
    return outside(tmp_path)


def outside(above: Path) -> Person:
    """A person in a plain folder, on a machine without git."""
    programs = above / "bin"
    programs.mkdir(parents=True)
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found, name
        (programs / name).symlink_to(found)
    for name in ("home", "plain"):
        (above / name).mkdir()
    return Person(above / "plain", above / "home", {"PATH": str(programs)})


def begun(who: Person, *words: str) -> Person:
    """The person with a project, `add-login`."""
    who.done("init")
    who.done("project", "new", "Add login", *words)
    return who


def writes(name: str, text: str) -> list[dict[str, Any]]:
    return [{"edit": {"path": name, "content": text}}, {"report": "needs_review"}]


def status(who: Person, task_id: str = "010") -> str:
    return str(json.loads(who.done("task", "show", task_id, "--json"))["status"])


# A whole life


def test_a_project_is_seen_through_by_commands_alone(who: Person) -> None:
    made = who.sow("init")
    assert made.out.splitlines()[-1] == f"Initialized sow in {who.folder}/.sow"
    assert made.err.startswith("There is no git here: agents work in the folder itself")
    new = who.sow("project", "new", "Which database?", "--branch", "explore/database")
    assert new.out == f"Initialized project which-database\nFolder: {who.folder}\n"
    assert new.err.count("there is no git here: agents work in this folder itself, one at a time") == 1
    assert "Type: exploration" in new.err, "the type is by the branch's prefix"

    rehearse(who, writes("a.txt", "bad\n"), writes("a.txt", "good\n"))
    who.write(".sow/config.yaml", 'checks: ["grep -qx good a.txt"]\n')
    who.done("task", "add", "Measure", "--agent", "implementer")
    assert who.process("run").code == 5
    assert (who.folder / "a.txt").read_text() == "bad\n"
    refused = who.sow("task", "approve", "010")
    assert refused.code == 1
    assert "task 010 was approved but a check fails: it went back to its agent" in refused.err
    told = who.folder / ".sow/project/phases/exploration/tasks/010/feedback/001.md"
    assert f"approved, but in {who.folder} this check fails" in told.read_text()
    assert who.process("run").code == 5
    assert (who.folder / "a.txt").read_text() == "good\n"
    assert who.sow("review").code == 5
    approved = who.done("task", "approve", "010")
    assert (
        approved == "Approved task 010: its work is in the project's folder, so there was nothing to merge\n"
    )

    assert "Advanced to: Summarizing" in who.done("advance", "begin_summarizing")
    who.write(".sow/project/phases/exploration/summary.md", "Take the small one.\n")
    who.done("output", "add", "--type", "summary", "--path", "phases/exploration/summary.md", "--approved")
    assert "Advanced to: Finalizing" in who.done("advance", "complete_summarizing")
    who.done("task", "add", "Tell", "--agent", "implementer", "--phase", "finalization")
    who.done("task", "set", "status", "completed", "--id", "020")
    assert "Advanced to: Completed" in who.done("advance", "complete_finalization")
    for words in ("validate", "repair", "events", "project show --strict", "config validate", "status --all"):
        who.done(*words.split())

    said = who.sow("project", "finish", "--yes", "--strict")
    assert (said.code, said.out) == (0, f"Finished project which-database: its work is in {who.folder}\n")
    final = who.folder / ".sow/runtime/which-database/final"
    assert "Measure" in (final / "project.yaml").read_text()
    assert json.loads((final / "outcome.json").read_text())["how"] == "leave"
    assert (who.folder / "a.txt").read_text() == "good\n"
    assert not (who.folder / ".sow/project").exists()
    assert json.loads(who.done("project", "list", "--json")) == []
    who.done("project", "new", "Which database?")
    assert not (who.folder / ".git").exists()


def test_agents_work_in_the_folder_itself_and_are_told_so(who: Person) -> None:
    rehearse(begun(who), [{"edit": {"path": "told.txt", "content": "{prompt}"}}, {"report": "needs_review"}])
    who.done("task", "add", "Look", "--agent", "implementer")
    assert who.process("run").code == 5
    told = (who.folder / "told.txt").read_text()
    assert "Other tasks are done in it, too" in told
    assert "committed for you: what you leave is what is reviewed" in told
    held = json.loads(who.done("task", "show", "010", "--json"))
    assert (held["worktree"], held.get("branch"), held.get("base")) == (str(who.folder), None, None)


def order(who: Person) -> list[str]:
    """When agents began and ended, in one line an event."""
    events = [json.loads(line) for line in who.done("events", "--json").splitlines()]
    return [one["type"] for one in events if one["type"] in ("attempt.started", "attempt.ended")]


@pytest.mark.parametrize(("settings", "words"), [("", ()), ("jobs: 2\n", ()), ("", ("--jobs", "2"))])
def test_one_agent_works_at_a_time_unless_a_number_is_said(
    who: Person, settings: str, words: tuple[str, ...]
) -> None:
    """With two, each waits for the other; alone, that would be for ever."""
    begun(who).write(".sow/config.yaml", settings)
    meet = [{"run": f"cat {one}.pipe > {one}.txt"} for one in "ab"]
    alone = not (settings or words)
    steps: list[list[dict[str, Any]]] = [[{"say": "I work."}], [{"say": "I work."}]]
    if not alone:
        (who.folder / "x").mkdir()
        for name in "ab":
            os.mkfifo(who.folder / f"{name}.pipe")
        steps = [[meet[0], {"run": "cat a.txt > b.pipe"}], [{"run": "echo met > a.pipe"}, meet[1]]]
    for number, turn in enumerate(steps):
        play = who.home / f"{number}.yaml"
        play.write_text(json.dumps({"turns": [[*turn, {"report": "needs_review"}]]}))
        who.done("task", "add", "Meet", "--agent", "implementer", "--param", f"script={play}")
    who.more["SOW_AGENTS_IMPLEMENTER"] = "script"
    assert who.process("run", *words).code == 5
    begin, end = "attempt.started", "attempt.ended"
    assert order(who) == ([begin, end, begin, end] if alone else [begin, begin, end, end])


def test_what_a_task_wrote_is_shown_to_who_reviews_it(who: Person) -> None:
    rehearse(begun(who), writes("new.txt", "new\n"))
    old = who.write("old.txt", "old\n")
    os.utime(old, (1, 1))
    who.done("task", "add", "Write", "--agent", "implementer")
    assert who.process("run").code == 5
    who.done("task", "output", "add", "--id", "010", "--type", "note", "--path", "../../new.txt")
    with at_terminal(who.folder, who.environment, "review") as terminal:
        shown = terminal.sees("> ")
        assert "output: note: ../../new.txt" in shown
        assert "written since it began" in shown
        assert "  new.txt" in shown
        assert "old.txt" not in shown
        terminal.child.send("d")
        assert "can't be told from those of others" in terminal.sees("> ")
        terminal.child.send("a")
        terminal.sees("so there was nothing to merge")
        assert terminal.ends() == 0


def test_a_killed_run_is_gone_on_with(who: Person) -> None:
    begun(who)
    os.mkfifo(who.folder / "pipe")
    step = {"run": "cat pipe >> got.txt"}
    rehearse(who, [{"say": "I wait."}, step, {"report": "needs_review"}])
    who.done("task", "add", "Wait", "--agent", "implementer")
    with subprocess.Popen(
        [sys.executable, "-m", "sow", "run"], cwd=who.folder, env=who.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=sow_of(["run"], who.environment),
    ) as run:  # fmt: skip
        until(lambda: "I wait." in who.done("agent", "logs", "010"))
        os.kill(run.pid, signal.SIGKILL)
    assert status(who) == "in_progress"
    goes_on = subprocess.Popen(
        [sys.executable, "-m", "sow", "run"], cwd=who.folder, env=who.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        preexec_fn=sow_of(["run"], who.environment),
    )  # fmt: skip
    (who.folder / "pipe").write_text("once\n")
    out, _ = goes_on.communicate(timeout=120)
    assert goes_on.returncode == 5, out
    assert (status(who), (who.folder / "got.txt").read_text()) == ("needs_review", "once\n")


def test_eight_writers_are_given_ids_of_their_own(who: Person) -> None:
    begun(who)
    add = "from sow.cli import main; [main(['task', 'add', 'x', '--agent', 'planner']) for _ in range(4)]"
    nowhere = subprocess.DEVNULL
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", add], cwd=who.folder, env=who.environment, stdout=nowhere, stderr=nowhere,
            preexec_fn=code_of(add, [], who.environment),
        )
        for _ in range(8)
    ]  # fmt: skip
    assert [writer.wait(120) for writer in writers] == [0] * 8
    rows = json.loads(who.done("task", "list", "--json"))
    assert sorted(row["id"] for row in rows) == [f"{10 * number:03}" for number in range(1, 33)]


# Where it is


def test_it_is_found_from_any_folder_below_and_the_nearest_counts(who: Person) -> None:
    begun(who)
    deep = who.folder / "a/b"
    deep.mkdir(parents=True)
    assert "add-login" in who.at(deep).done("status")
    (who.folder.parent / "linked").symlink_to(deep)
    assert "add-login" in who.at(who.folder.parent / "linked").done("status")
    (deep / ".sow").mkdir()
    inner = who.at(deep)
    inner.done("init")
    inner.done("project", "new", "Inner")
    assert json.loads(inner.done("project", "list", "--json"))[0]["name"] == "inner"
    assert json.loads(who.at("a").done("project", "list", "--json"))[0]["name"] == "add-login"
    assert "inner" in who.done("status", "--project", "a/b")


def test_a_folder_of_another_user_counts_only_for_who_stands_in_it(
    who: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = begun(who).folder / "below"
    below.mkdir()
    here = Plain(main=str(who.folder))
    assert find.maybe_place(str(below)) == here
    if os.geteuid() == 0:
        os.chown(who.folder / ".sow", 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert find.maybe_place(str(below)) is None
    assert find.maybe_place(str(who.folder)) == here


def test_init_below_mends_the_one_above_and_says_how_to_have_one_of_its_own(who: Person) -> None:
    begun(who)
    (who.folder / "below").mkdir()
    said = who.at("below").sow("init")
    assert said.out == f"{who.folder}/.sow is complete already\n"
    assert f"`mkdir {who.folder}/below/.sow`" in said.err
    assert not (who.folder / "below/.sow").exists()


def test_a_repository_below_is_not_captured(tmp_path: Path) -> None:
    above = begun(outside(tmp_path / "above"))
    inside = person(above.folder / "theirs")
    assert inside.sow("status").told == (
        3,
        [
            f"sow: no .sow folder in {inside.folder}",
            "     run `sow init` here, then `sow project new DESCRIPTION`",
        ],
    )
    inside.done("init")
    inside.done("project", "new", "Theirs")
    assert json.loads(inside.done("project", "list", "--json"))[0]["branch"] == "feat/theirs"
    assert len(json.loads(above.done("project", "list", "--json"))) == 1
    assert find.place(str(above.folder)) == Plain(main=str(above.folder))


def test_a_worker_finds_its_project_from_anywhere(who: Person) -> None:
    begun(who).done("task", "add", "Work", "--agent", "implementer")
    tasks_of_every_status(who)
    worker = who.at(
        who.home, SOW_PROJECT_DIR=f"{who.folder}/.sow/project", SOW_TASK_ID="030", SOW_ATTEMPT_ID="030-1-1"
    )
    worker.done("agent", "log", "I look.")
    worker.done("task", "set", "metadata.seen", "true")
    assert json.loads(who.done("task", "show", "030", "--json"))["metadata"] == {"seen": True}


# Git that comes later


def test_git_that_comes_later_leaves_a_project_as_it_began(tmp_path: Path) -> None:
    who = begun(outside(tmp_path))
    rehearse(who, writes("a.txt", "a\n"))
    who.done("task", "add", "Write", "--agent", "implementer")
    who.more.clear()
    who.git("init", "--quiet", "--initial-branch=main")
    who.commit(b__txt="b\n")
    assert not any(".sow/runtime" in name for name in who.git("ls-files").splitlines())
    assert "(no git, " in who.done("status")

    said = who.sow("init")
    assert "git ignores .sow/runtime" in said.out
    assert "Project add-login was begun outside of git and goes on so" in said.err
    assert who.process("run").code == 5
    head = who.git("rev-parse", "HEAD")
    assert "nothing to merge" in who.done("task", "approve", "010")
    assert (who.git("rev-parse", "HEAD"), who.git("worktree", "list").count("\n")) == (head, 0)
    assert who.sow("doctor").code in (0, 1)

    who.git("rm", "-rq", "--cached", ".sow/project")
    who.git("commit", "--quiet", "--message", "state of sow's is no file of ours")
    who.done("project", "new", "With a branch")
    rows = json.loads(who.done("project", "list", "--json"))
    assert {row["name"]: row["outside"] for row in rows} == {"add-login": True, "with-a-branch": False}
    assert who.git("branch", "--list", "feat/*").split()[-1] == "feat/with-a-branch"
    assert who.sow("worktree", "list").code == 0
    assert who.sow("project", "finish", "add-login", "--merge", "--yes").code == 4
    before = who.git("for-each-ref")
    assert who.done("project", "finish", "add-login", "--yes").startswith("Finished project add-login")
    assert who.git("for-each-ref") == before
    assert [row["name"] for row in json.loads(who.done("project", "list", "--json"))] == ["with-a-branch"]


def test_a_repository_made_above_says_where_the_project_is_and_how_it_goes_on(tmp_path: Path) -> None:
    who = begun(outside(tmp_path))
    who.more.clear()
    above = who.at(tmp_path)
    above.git("init", "--quiet", "--initial-branch=main")
    assert who.sow("status").told == (
        3,
        [
            f"sow: {who.folder} has a project that was begun outside of git, and belongs to the repository"
            f" {tmp_path} now",
            f"     make it a repository of its own, and the project goes on: `git init {who.folder}`",
        ],
    )
    who.git("init", "--quiet")
    assert "(no git, " in who.done("status")


def test_a_project_of_git_without_its_git_is_told_of_without_a_traceback(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.done("project", "new", "Add login", "--no-worktree")
    shutil.rmtree(who.folder / ".git")
    assert "(no git, " in who.done("status")
    assert "project add-login is one outside of git from now on" in who.done("init")
    assert who.done("init") == f"{who.folder}/.sow is complete already\n"
    who.git("init", "--quiet")
    assert "(no git, " in who.done("status")
    who.done("task", "add", "Go on", "--agent", "implementer")
    rehearse(who, writes("b.txt", "b\n"))
    assert who.process("run").code == 5
    who.done("task", "approve", "010")
    who.done("project", "finish", "--yes")


# What is refused, and changes nothing


REFUSED = [
    (
        "project new Another", 4,
        "there is a project in {plain} already, and outside of git a folder has one: add-login",
        "end that one first: `sow project finish`, `sow project delete add-login`",
    ),
    (
        "project new Another --from main", 4,
        "--from main: there is no git in {plain}, so no branch starts anywhere",
        "leave --from out, or make a repository here: `git init`, then `sow init`",
    ),
    (
        "project new Another --branch -x", 4, "'-x' can't be the name of a branch",
        "take letters, digits, `-`, `_` and single slashes, or leave --branch out",
    ),
    *(
        (
            words, 4, "{plain} is outside of git: there are no branches and no worktrees",
            "make it a repository: `git init {plain}`, then `sow init`",
        )
        for words in (
            "worktree list", "worktree prune", "worktree remove 010", "worktree remove feat/x",
            "project continue --branch feat/other",
        )
    ),
    *(
        (
            f"project finish --yes {words}", 4,
            f"{words}: project add-login was begun outside of git, and has no branch",
            "end it as it is, its work stays where it was written: `sow project finish`",
        )
        for words in ("--merge", "--pr", "--target main", "--draft")
    ),
    (
        "project finish --yes", 5,
        "project add-login can't end yet: task 030 is paused; task 040 is needs_review",
        "decide about it: `sow review`; or give it up: `sow task abandon 030`",
    ),
    (
        "status --project nobody", 3, "project not found: nobody", "the projects of {plain}: add-login",
    ),
    ("task show 999", 3, "task not found: 999", "see the tasks there are: `sow task list`"),
    (
        "agent log words", 2, "which task? this is no task's worktree",
        "name it by its id; see them: `sow task list`",
    ),
    (
        "output add --type review --path ../../../x.md --phase review", 4,
        "../../../x.md leaves the repository: it does not lie in {plain}",
        "give a path from {plain}/.sow/project, such as phases/review/review.md or ../../docs/login.md",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Person:
    who = begun(outside(tmp_path_factory.mktemp("desk")))
    tasks_of_every_status(who)
    for task_id in ("010", "020"):
        who.done("task", "abandon", task_id)
    return who


@pytest.mark.parametrize(("words", "code", "wrong", "to_do"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_there_is_not_outside_of_git_is_refused_in_two_lines(
    desk: Person, words: str, code: int, wrong: str, to_do: str
) -> None:
    before = everything(desk.folder)
    said = desk.sow(*words.split())
    assert changed(before, everything(desk.folder)) == []
    named = [line.replace("{plain}", str(desk.folder)) for line in (f"sow: {wrong}", f"     {to_do}")]
    assert said == Said(code, "", "".join(f"{line}\n" for line in named))


def test_the_branch_that_a_project_names_is_here_already(desk: Person) -> None:
    said = desk.done("project", "continue", "--branch", "feat/add-login")
    assert said == f"Project add-login is here already\nFolder: {desk.folder}\n"


def test_the_doctor_misses_no_git_where_none_is_needed(desk: Person) -> None:
    played = {f"SOW_AGENTS_{role.upper()}": "script" for role in BUILT_IN}
    told = json.loads(desk.at(desk.folder, **played).done("doctor", "--json"))
    assert [one for one in told["findings"] if one["level"] in ("error", "warning")] == []
    found = {one["check"]: one["text"] for one in told["findings"]}
    assert found["git"] == "there is no git program on the PATH: outside of git none is needed"
    assert found["place"].startswith(f"{desk.folder} is prepared for sow, outside of git")


def test_a_broken_state_file_is_told_and_mended_without_git(who: Person) -> None:
    begun(who).done("task", "add", "Work", "--agent", "implementer")
    whole = (who.folder / ".sow/project/state.yaml").read_text()
    (who.folder / ".sow/project/state.yaml").write_text("name: [")
    assert who.sow("validate").code == 4
    assert "add-login" in who.done("status")
    who.sow("repair")
    assert (who.folder / ".sow/project/state.yaml").read_text() == whole
    shutil.rmtree(who.folder / ".sow/runtime/add-login/last-good")
    (who.folder / ".sow/project/state.yaml").write_text("name: [")
    code, lines = who.sow("status").told
    assert (code, lines[1]) == (4, "     mend that")


def test_words_are_completed_there_too(who: Person) -> None:
    tasks_of_every_status(begun(who))
    asked = {"_SOW_COMPLETE": "bash_complete", "COMP_CWORD": "3"}
    for line, word in (("sow task show ", "010"), ("sow project finish ", "add-login")):
        done = who.at(who.folder, **asked, COMP_WORDS=line).process()
        assert word in done.out, (line, done)
    silent = who.at(who.folder, **asked, COMP_WORDS="sow worktree remove ").process()
    assert (silent.out.strip(), silent.err) == ("", "")


def test_a_bare_new_asks_for_no_branch(who: Person) -> None:
    who.done("init")
    with at_terminal(who.folder, who.environment, "project", "new") as terminal:
        terminal.types("Number or name [1]: ", "2")
        terminal.types("What is to be done? ", "Which database?")
        terminal.types("Name [which-database]: ", "")
        terminal.types("Input file (Enter: none): ", "")
        shown = terminal.sees("Make it? [y/n] ")
        assert "(no git here, so no branch)" in shown
        assert "Branch" not in shown
        terminal.child.send("y")
        terminal.sees("Initialized project which-database")
        assert terminal.ends() == 0
    with who.inside():
        assert opening.caller().meant().project()["branch"] == "explore/which-database"


def test_a_bare_new_beside_a_project_is_refused_and_asks_no_more(who: Person) -> None:
    begun(who)
    with at_terminal(who.folder, who.environment, "project", "new", "--type", "standard") as terminal:
        terminal.types("What is to be done? ", "Another")
        terminal.types("Name [another]: ", "X")
        terminal.sees("'X' can't be the name of a project")
        terminal.types("Name [another]: ", "")
        terminal.sees("outside of git a folder has one: add-login")
        assert terminal.ends() == 4


def test_a_folder_that_was_moved_goes_on_where_it_is(who: Person) -> None:
    rehearse(begun(who), writes("a.txt", "one\n"), writes("a.txt", "two\n"))
    who.done("task", "add", "Write", "--agent", "implementer")
    assert who.process("run").code == 5
    who.done("task", "feedback", "010", "again")
    moved = who.at(who.folder.rename(who.folder.parent / "moved"))
    assert moved.process("run").code == 5
    assert (moved.folder / "a.txt").read_text() == "two\n"
    moved.done("task", "approve", "010")
    assert moved.done("project", "finish", "--yes").endswith(f"its work is in {moved.folder}\n")


def test_deleting_keeps_the_state_and_every_file(who: Person) -> None:
    begun(who).write("mine.txt", "mine\n")
    who.done("task", "add", "Work", "--agent", "implementer")
    assert who.done("project", "delete", "--yes") == "Deleted project add-login\n"
    assert (who.folder / "mine.txt").read_text() == "mine\n"
    assert (who.folder / ".sow/runtime/add-login/final/project/state.yaml").exists()
    assert who.sow("status").code == 3


# Killed anywhere


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_new_project_is_there_whole_or_not_at_all_wherever_it_is_killed(who: Person) -> None:
    who.done("init")
    outcomes = set()
    for place in kill_everywhere(who, "project", "new", "Add login", fewest=15):
        listed = json.loads(who.done("project", "list", "--json"))
        outcomes.add(len(listed))
        assert left_over(who.folder) == [], place
        if listed:
            assert who.done("validate").startswith("Valid: the project, 3 phases"), place
            assert listed[0]["outside"], place
            assert (who.folder / ".sow/runtime/add-login/outside-git").exists(), place
        else:
            assert not (who.folder / ".sow/runtime/add-login").exists(), place
            who.done("project", "new", "Add login")
    assert outcomes == {0, 1}


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("how", ["finish", "delete"])
def test_the_end_is_completed_wherever_it_is_killed(who: Person, how: str) -> None:
    begun(who).write("mine.txt", "mine\n")
    who.done("task", "add", "Work", "--agent", "implementer")
    who.done("task", "set", "status", "completed", "--id", "010")
    outcomes = set()
    for place in kill_everywhere(who, "project", how, "--yes", fewest=15, every=4):
        left = json.loads(who.done("project", "list", "--json"))
        outcomes.add(len(left))
        if left:
            who.done("validate")
            who.done("project", how, "--yes")
        assert left_over(who.folder) == [], place
        assert not (who.folder / ".sow/project").exists(), place
        final = who.folder / ".sow/runtime/add-login/final"
        assert (final / "project/phases/implementation/tasks/010/state.yaml").exists(), place
        assert (final / "outcome.json").exists(), place
        assert (who.folder / "mine.txt").read_text() == "mine\n", place
        told = [
            json.loads(line)["type"] for path in (final.parent / "events").iterdir() for line in path.open()
        ]
        assert told.count(f"project.{how}ed" if how == "finish" else "project.deleted") <= 1, place
    assert outcomes == {0, 1}
