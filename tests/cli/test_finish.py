"""`sow project finish`: work goes home once, by a pull request, a merge or not at all; nothing is lost."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.ends import AT, BRANCH, Home
from tests.cli.parts import changed, everything
from tests.cli.person import at_terminal

import sow_schemas
from sow import document
from sow.layout import PROJECT


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Home]:
    """What `home` and `ready` are copies of."""
    empty = Home(tmp_path_factory.mktemp("empty"))
    ready = empty.copied(tmp_path_factory.mktemp("ready"))
    ready.done("JWT middleware", "Tokens are checked.", b__txt="b\n")
    return {"empty": empty, "ready": ready}


@pytest.fixture
def home(templates: dict[str, Home], tmp_path: Path) -> Home:
    """A project without a task."""
    return templates["empty"].copied(tmp_path)


@pytest.fixture
def ready(templates: dict[str, Home], tmp_path: Path) -> Home:
    """A project whose one task is completed, and merged into its branch."""
    return templates["ready"].copied(tmp_path)


def project_of(home: Home) -> Any:
    """The final state, as one document."""
    held = document.read_file(f"{home.runtime}/final/project.yaml").value
    assert sow_schemas.problems("project_state", held) == []
    return held


GIT_THAT_KILLS = """
case " $* " in *" WHEN "*) PATH=${PATH#*:} git "$@"; kill -9 $PPID; exit 1;; esac
PATH=${PATH#*:} exec git "$@"
"""
"""A git that does what it is told, and at one command kills whoever called it."""


# By a merge


def test_a_merge_brings_the_work_home_and_clears_everything_up(ready: Home) -> None:
    said = ready.finish("--merge")
    assert said.code == 0, said
    commit = ready.who.git("rev-parse", "main")
    assert said.out == f"Finished project add-login: merged into main as {commit[:12]}\n"
    assert said.err.splitlines()[-1] == f"Final state: {ready.runtime}/final"
    assert (ready.main / "b.txt").read_text() == "b\n", "the person's checkout went along"
    assert ready.who.git("log", "-1", "--format=%s") == "Merge project add-login: Add login"
    assert ready.branches() == ["main"]
    assert ready.worktrees() == [str(ready.main)]
    assert ready.who.git("ls-tree", "-r", "--name-only", "main").split() == ["a.txt", "b.txt"]
    assert ready.is_gone()
    [event] = ready.told()
    assert (event["type"], event["payload"]["commit"], event["payload"]["target"]) == (
        "project.finished",
        commit,
        "main",
    )
    assert sow_schemas.problems("event", event) == []


def test_the_last_commit_takes_the_state_off_and_the_one_before_has_it_whole(ready: Home) -> None:
    assert ready.finish("--merge").code == 0
    last = ready.who.git("rev-parse", "main^2")
    assert ready.who.git("log", "-1", "--format=%s", last) == "sow: project add-login ends"
    assert f"{PROJECT}/state.yaml" not in ready.who.git("ls-tree", "-r", "--name-only", last)
    path = f"{PROJECT}/phases/implementation/tasks/010/state.yaml"
    assert yaml.safe_load(ready.who.git("show", f"{last}^:{path}"))["status"] == "completed"


def test_the_final_state_is_kept_whole(ready: Home) -> None:
    before = {path.name for path in (ready.folder / PROJECT / "phases/implementation/tasks/010").iterdir()}
    assert ready.finish("--merge").code == 0
    held = project_of(ready)
    [task] = held["phases"]["implementation"]["tasks"]
    assert (task["id"], task["result"]["message"]) == ("010", "Tokens are checked.")
    kept = ready.runtime / "final/project/phases/implementation/tasks/010"
    assert {path.name for path in kept.iterdir()} == before
    assert list(ready.runtime.glob("events/*.ndjson"))


def test_it_is_merged_into_the_target_that_is_named(ready: Home) -> None:
    for name in ("develop", "next"):
        ready.who.git("branch", name)
    ready.settings("finish: {target: develop}\n")
    assert ready.finish("--merge", "--target", "next").code == 0
    assert ready.who.git("ls-tree", "--name-only", "next").split() == ["a.txt", "b.txt"]
    assert ready.branches() == ["develop", "main", "next"]


def test_it_is_merged_into_the_target_of_the_settings(ready: Home) -> None:
    ready.who.git("branch", "develop")
    ready.settings("finish: {target: develop}\n")
    assert ready.finish("--merge").code == 0
    assert ready.who.git("ls-tree", "--name-only", "develop").split() == ["a.txt", "b.txt"]
    assert ready.who.git("ls-tree", "--name-only", "main").split() == ["a.txt"]


def test_settings_that_both_sides_changed_come_together(ready: Home) -> None:
    ready.work(**{".sow/agents/tester.md": "You test.\n"})
    ready.who.commit(**{".sow/config.yaml": "jobs: 4\n"})
    assert ready.finish("--merge").code == 0
    assert (ready.main / ".sow/config.yaml").read_text() == "jobs: 4\n"
    assert (ready.main / ".sow/agents/tester.md").read_text() == "You test.\n"


def test_a_persons_uncommitted_file_in_the_way_is_named_and_nothing_is_merged(ready: Home) -> None:
    ready.who.write("b.txt", "mine\n")
    said = ready.finish("--merge")
    assert said.told == (
        4,
        [
            "sow: main can't take the merge: 1 uncommitted file would be overwritten (b.txt)",
            f"     commit or stash what is in the way in {ready.main}, and repeat",
        ],
    )
    assert ready.merges() == []
    assert (ready.main / "b.txt").read_text() == "mine\n"
    (ready.main / "b.txt").unlink()
    assert ready.finish("--merge").code == 0


def test_a_conflict_is_named_and_the_project_stays(ready: Home) -> None:
    ready.work(a__txt="ours\n")
    ready.who.commit(a__txt="theirs\n")
    tip = ready.who.git("rev-parse", "main")
    said = ready.finish("--merge")
    assert said.told == (
        4,
        [
            f"sow: {BRANCH} conflicts with main: a.txt",
            f"     settle it in the project: `git -C {ready.folder} merge main`, then repeat",
        ],
    )
    assert ready.who.git("rev-parse", "main") == tip
    assert (ready.folder / PROJECT / "state.yaml").exists()
    there = ready.who.at(ready.folder)
    there.git("merge", "main", check=False)
    there.commit(a__txt="both\n")
    assert ready.finish("--merge").code == 0
    assert (ready.main / "a.txt").read_text() == "both\n"


def test_where_the_target_has_it_all_already_nothing_is_merged(home: Home) -> None:
    home.done("Nothing to change")
    tip = home.who.git("rev-parse", "main")
    said = home.finish("--merge")
    assert said.out == "Finished project add-login: main had all of it already\n"
    assert home.is_gone()
    assert home.branches() == ["main"]
    assert home.who.git("rev-parse", "main") == tip


def test_a_state_that_was_merged_too_early_is_taken_off_the_target(ready: Home) -> None:
    ready.who.git("merge", "--quiet", "--no-ff", "-m", "too early", BRANCH)
    assert (ready.main / PROJECT).exists()
    said = ready.who.at(ready.folder).process("project", "finish", "--merge", "--yes")
    assert said.code == 0, said
    assert not (ready.main / PROJECT).exists()
    assert ready.who.git("ls-tree", "-r", "--name-only", "main").split() == ["a.txt", "b.txt"]


# Checks


def test_checks_run_in_the_project_and_one_that_fails_leaves_it_as_it_is(ready: Home) -> None:
    ready.settings('checks: ["echo seen; test -f b.txt", "echo it is red >&2; exit 3"]\n')
    before = ready.who.git("for-each-ref")
    said = ready.finish("--merge")
    assert (said.code, said.out) == (1, "")
    assert said.err.splitlines() == [
        "Check: echo seen; test -f b.txt",
        "Check: echo it is red >&2; exit 3",
        "it is red",
        f"sow: a check fails in {ready.folder}: echo it is red >&2; exit 3",
        "     mend it there, or by a task of its own, and repeat; the project is as before",
    ]
    assert ready.who.git("for-each-ref", "refs/heads/main") in before
    assert (ready.folder / PROJECT / "state.yaml").exists()


def test_what_is_merged_is_what_the_checks_saw(ready: Home) -> None:
    ready.who.commit(c__txt="c\n")
    ready.settings('checks: ["test -f b.txt && test -f c.txt"]\n')
    said = ready.finish("--merge")
    assert said.code == 0, said
    assert f"Merge: main into {BRANCH}, so that the checks see both\n" in said.err
    assert {"a.txt", "b.txt", "c.txt"} < set(ready.who.git("ls-tree", "--name-only", "main").split())


def test_a_target_that_moves_while_checks_run_is_checked_again(ready: Home) -> None:
    """The check commits to main the first time that it runs: what it saw is not what would be merged."""
    moves = (
        f"test -f moved || {{ touch moved; cd {ready.main} && echo d > d.txt && git add d.txt && "
        "git -c user.name=Eve -c user.email=e@e commit --quiet -m moved; }"
    )
    ready.work(__gitignore="moved\n")
    ready.settings(yaml.safe_dump({"checks": [moves, f"echo run >> {ready.main.parent}/runs"]}))
    said = ready.finish("--merge")
    assert said.code == 0, said
    assert (ready.main.parent / "runs").read_text() == "run\nrun\n"
    assert "d.txt" in ready.who.git("ls-tree", "--name-only", "main")


def test_checks_that_passed_are_not_run_again_for_the_same_commit(ready: Home) -> None:
    ready.settings(f'checks: ["echo run >> {ready.main.parent}/runs"]\n')
    ready.who.write("b.txt", "mine\n")
    assert ready.finish("--merge").code == 4
    (ready.main / "b.txt").unlink()
    assert ready.finish("--merge").code == 0
    assert (ready.main.parent / "runs").read_text() == "run\n"


def test_work_that_goes_on_after_a_merge_is_merged_too_and_the_state_is_not_lost(ready: Home) -> None:
    """The first end is killed behind its merge; then there is another task, and the target moves on."""
    ready.settings('checks: ["test -f b.txt"]\n')
    shim = ready.program("git", GIT_THAT_KILLS.replace("WHEN", "merge --ff-only"))
    said = ready.who.process("project", "finish", "--merge", "--yes")
    assert said.code == -9
    shim.unlink()
    assert len(ready.merges()) == 1
    assert ready.who.sow("run").code == 0, "it completes what the kill left of the merge in the checkout"
    ready.done("Second", "More.", c__txt="c\n")
    ready.who.commit(d__txt="d\n")
    said = ready.finish("--merge")
    assert said.code == 0, said
    assert len(ready.merges()) == 2
    assert {"b.txt", "c.txt", "d.txt"} < set(ready.who.git("ls-tree", "--name-only", "main").split())
    tasks = project_of(ready)["phases"]["implementation"]["tasks"]
    assert [task["name"] for task in tasks] == ["JWT middleware", "Second"]
    assert ready.is_gone()


def test_after_a_merge_it_says_that_nothing_was_pushed(ready: Home) -> None:
    ready.with_forge()
    said = ready.finish("--merge")
    assert said.err.splitlines()[-1] == "Next: `git push origin main` where main is to be shared"


# By leaving it


def test_left_alone_the_branch_stays_free_of_state_and_nobody_holds_it(ready: Home) -> None:
    said = ready.finish("--leave")
    assert said.out.splitlines() == [
        f"Finished project add-login: its work is on branch {BRANCH}",
        f"Stays: branch {BRANCH} (as asked)",
    ]
    assert ready.is_gone()
    assert ready.who.git("rev-parse", "main") == ready.who.git("merge-base", "main", BRANCH)
    ready.who.git("switch", "--quiet", BRANCH)
    assert sorted(path.name for path in ready.main.iterdir()) == [".git", ".sow", "a.txt", "b.txt"]


def test_in_the_checkout_itself_the_branch_stays_checked_out(tmp_path: Path) -> None:
    home = Home(tmp_path, "--no-worktree")
    home.who.commit(b__txt="b\n")
    home.who.write("mine.txt", "not committed\n")
    assert home.finish("--merge").code == 4
    (home.main / "mine.txt").unlink()
    said = home.finish("--merge")
    assert said.code == 0, said
    assert f"Stays: branch {BRANCH} (it is checked out in {home.main})\n" in said.out
    assert home.who.git("branch", "--show-current") == BRANCH
    assert home.who.git("status", "--porcelain", "--", ":!.sow/config.yaml") == ""
    assert not (home.main / PROJECT).exists()
    assert "b.txt" in home.who.git("ls-tree", "--name-only", "main")


# What is in the way


WAITING = [
    pytest.param(lambda task: task, 4, "task 020 is pending", id="pending"),
    pytest.param(
        lambda t: t.start(session_id="s", executor="x", at=AT, worktree=None, branch=None, base=None),
        4, "task 020 is in_progress", id="in progress",
    ),
    pytest.param(
        lambda t: t.pause("Which?", kind="question", by="x", at=AT), 5, "task 020 is paused", id="paused"
    ),
    pytest.param(
        lambda t: t.start(
            session_id="s", executor="x", at=AT, worktree=None, branch=None, base=None
        ).hand_in("done"),
        5, "task 020 is needs_review", id="handed in",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("move", "code", "words"), WAITING)
@pytest.mark.parametrize("how", ["--merge", "--leave"])
def test_a_task_that_has_not_ended_is_named(ready: Home, move: Any, code: int, words: str, how: str) -> None:
    ready.add("Second")
    ready.change("020", move)
    before = everything(ready.main)
    said = ready.finish(how)
    assert (said.code, said.out) == (code, "")
    assert said.err.splitlines()[0] == f"sow: project add-login can't end yet: {words}"
    assert changed(before, everything(ready.main)) == []


def test_everything_that_is_in_the_way_is_named_at_once(ready: Home) -> None:
    ready.add("Second")
    folder = ready.own_branch("020", c__txt="c\n")
    (folder / "loose.txt").write_text("l\n")
    (ready.folder / "b.txt").write_text("changed\n")
    said = ready.finish("--merge")
    assert said.told == (
        4,
        [
            f"sow: project add-login can't end yet: task 020 is pending; not committed in {ready.folder}: "
            f"b.txt; not committed in {folder}: loose.txt",
            "     have it done: `sow run`; or give it up: `sow task abandon 020`",
        ],
    )


def test_a_completed_task_whose_branch_went_on_is_in_the_way(ready: Home) -> None:
    folder = ready.own_branch("010", late__txt="late\n")
    said = ready.finish("--merge")
    assert said.code == 4
    assert f"branch {BRANCH}--010 of a completed task has 1 commit not in {BRANCH}" in said.err
    ready.who.at(ready.folder).git("merge", "--quiet", f"{BRANCH}--010")
    assert ready.finish("--merge").code == 0
    assert not folder.exists()
    assert ready.branches() == ["main"]


def test_an_unfinished_merge_and_a_wrong_branch_are_in_the_way(ready: Home) -> None:
    ready.work(a__txt="ours\n")
    ready.who.commit(a__txt="theirs\n")
    there = ready.who.at(ready.folder)
    there.git("merge", "main", check=False)
    said = ready.finish("--leave")
    assert (said.code, "a merge is not finished in" in said.err) == (4, True)
    git = f"git -C {ready.folder} merge"
    assert f"finish it: `{git} --continue`, or give it up: `{git} --abort`" in said.err
    there.git("merge", "--abort")
    there.git("switch", "--quiet", "--detach")
    said = ready.finish("--leave")
    assert (said.code, f"is on no branch, not on {BRANCH}" in said.err) == (4, True)


def test_what_an_abandoned_task_has_stays_and_is_told(ready: Home) -> None:
    ready.add("Dark mode")
    folder = ready.own_branch("020", dark__css="d\n")
    ready.change("020", lambda task: task.abandon(at=AT))
    said = ready.finish("--merge")
    assert said.code == 0, said
    assert f"Stays: branch {BRANCH}--020 (1 commit not in {BRANCH})" in said.out
    assert ready.branches() == [f"{BRANCH}--020", "main"]
    assert ready.who.git("show", f"{BRANCH}--020:dark.css") == "d"
    assert not folder.exists(), "its branch has everything of it"


def test_files_that_a_check_left_keep_the_worktree_and_it_is_told(ready: Home) -> None:
    ready.settings('checks: ["echo x > made-by-check.txt"]\n')
    said = ready.finish("--merge")
    assert said.code == 0, said
    assert f"Stays: worktree {ready.folder} (not committed: made-by-check.txt)" in said.out
    assert f"Stays: branch {BRANCH} (it is checked out in {ready.folder})" in said.out
    assert (ready.folder / "made-by-check.txt").exists()
    assert not (ready.folder / PROJECT).exists()


def test_a_broken_task_is_in_the_way(ready: Home) -> None:
    path = ready.folder / PROJECT / "phases/implementation/tasks/010/state.yaml"
    path.write_text(path.read_text().replace("iteration: 1", "iteration: ["))
    said = ready.finish("--merge")
    assert said.code == 4
    assert f"project add-login can't end yet: {path}:" in said.err


# How it goes home


@pytest.mark.parametrize(
    ("words", "code", "wrong", "to_do"),
    [
        ((), 2, "how does the work go home?", "say --merge, --pr or --leave"),
        (("--merge", "--leave"), 2, "--merge and --leave at once", "say one of --pr, --merge and --leave"),
        (
            ("--merge", "--draft"), 2, "--draft is for a pull request, not for --merge",
            "leave it out, or say --pr",
        ),
        (
            ("--pr-url", "over there"), 2, "--pr-url over there: that is no address",
            "such as --pr-url https://github.com/me/it/pull/7",
        ),
        (
            ("--pr",), 4, "a pull request needs a remote, and {folder} has none to push to",
            "add one: `git remote add origin ADDRESS`; or say --merge or --leave",
        ),
        (
            ("--merge", "--target", "nope"), 3, "there is no branch 'nope' in {folder}",
            "`git branch -a` shows what there is",
        ),
        (
            ("--merge", "--target", BRANCH), 4,
            f"{BRANCH} is the branch that the work goes to: there is nothing to bring there",
            "end it where it is: `sow project finish --leave`",
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_is_told_and_changes_nothing(
    ready: Home, words: tuple[str, ...], code: int, wrong: str, to_do: str
) -> None:
    before = everything(ready.main)
    wrong = wrong.replace("{folder}", str(ready.folder))
    assert ready.finish(*words).told == (code, [f"sow: {wrong}", f"     {to_do}"])
    assert changed(before, everything(ready.main)) == []


def test_without_a_terminal_it_wants_to_be_told_yes(ready: Home) -> None:
    before = everything(ready.main)
    assert ready.who.sow("project", "finish", "--merge").told == (
        2,
        [
            "sow: nobody can be asked here whether to finish the project",
            "     say --yes; to look first: `sow project finish --dry-run`",
        ],
    )
    assert changed(before, everything(ready.main)) == []


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(ready: Home) -> None:
    ready.with_forge()
    ready.settings('checks: ["make test"]\nfinish: {forge: gh}\n')
    before = everything(ready.main)
    said = ready.who.sow("project", "finish", "--dry-run")
    assert said.code == 0, said
    lines = said.out.splitlines()
    assert lines[:3] == [
        "Project add-login: Add login",
        f"  By a pull request of {BRANCH} into main (1 commit), by gh",
        "  Check: make test",
    ]
    assert "Title: Add login" in lines
    assert "- **JWT middleware** (010): Tokens are checked." in lines
    held = json.loads(ready.who.done("project", "finish", "--dry-run", "--merge", "--json"))
    assert (held["how"], held["commits"], held["checks"]) == ("merge", 1, ["make test"])
    assert changed(before, everything(ready.main)) == []
    assert ready.gh["calls"] == []


def test_a_project_is_finished_by_its_name_from_anywhere(ready: Home) -> None:
    ready.who.done("project", "new", "Other one")
    assert ready.who.sow("project", "finish", "--leave", "--yes").code == 2, "which of two?"
    assert ready.finish("add-login", "--leave").code == 0
    assert [held["name"] for held in json.loads(ready.who.done("project", "list", "--json"))] == ["other-one"]


def test_whoever_stands_in_the_worktree_is_told_where_to_go(ready: Home) -> None:
    said = ready.who.at(ready.folder).process("project", "finish", "--merge", "--yes")
    assert said.code == 0, said
    assert said.err.splitlines()[-1] == f"The folder that you stand in is gone: `cd {ready.main}`"


def test_its_json_has_what_a_script_needs(ready: Home) -> None:
    held = json.loads(ready.finish("--merge", "--json").out)
    assert held["name"] == "add-login"
    assert (held["how"], held["target"]) == ("merge", "main")
    assert held["commit"] == ready.who.git("rev-parse", "main")
    assert (held["state"], held["kept"]) == ("ImplementationPlanning", [])
    assert held["final"] == f"{ready.runtime}/final"
    assert f"branch {BRANCH}" in held["gone"]


# The statechart


def test_gates_that_were_not_passed_are_told_and_strict_insists_on_them(ready: Home) -> None:
    before = everything(ready.main)
    said = ready.finish("--merge", "--strict")
    assert said.told == (
        4,
        [
            "sow: Transition blocked by guard: Task descriptions approved (metadata.planning_approved of "
            "phase implementation is not set, not true)",
            "     Guard not satisfied. Fix the guard condition, then repeat: `sow phase set "
            "metadata.planning_approved true --phase implementation`",
        ],
    )
    assert changed(before, everything(ready.main)) == []
    said = ready.finish("--merge")
    assert said.code == 0
    assert "Gates not passed (--strict insists on them): Task descriptions approved (" in said.err
    assert project_of(ready)["statechart"]["current_state"] == "ImplementationPlanning"


def at_state(home: Home, state: str) -> None:
    path = home.folder / PROJECT / "state.yaml"
    held = yaml.safe_load(path.read_text())
    path.write_text(path.read_text().replace(f"{held['statechart']['current_state']}", state, 1))
    assert yaml.safe_load(path.read_text())["statechart"]["current_state"] == state


def test_the_statechart_comes_to_its_end_where_its_gates_are_open(ready: Home) -> None:
    at_state(ready, "FinalizeCleanup")
    said = ready.finish("--merge", "--strict")
    assert said.code == 0, said
    assert "Gates" not in said.err
    held = project_of(ready)
    assert held["statechart"]["current_state"] == "NoProject"
    assert held["phases"]["finalize"]["metadata"] == {"project_deleted": True}
    assert held["phases"]["finalize"]["status"] == "completed"
    lines = [json.loads(line) for path in ready.runtime.glob("events/*") for line in path.open()]
    assert [e["payload"]["target"] for e in lines if e["type"] == "project.advanced"] == ["NoProject"]


# By a pull request


def test_a_pull_request_is_opened_of_the_branch_without_the_state(ready: Home) -> None:
    ready.with_forge()
    said = ready.finish()
    assert said.code == 0, said
    assert said.out.splitlines() == [
        "Finished project add-login: pull request https://github.com/ada/demo/pull/1",
        f"Stays: branch {BRANCH} (1 commit not in main)",
    ]
    [pull] = ready.gh["pulls"]
    assert (pull["title"], pull["headRefName"], pull["baseRefName"], pull["isDraft"]) == (
        "Add login",
        BRANCH,
        "main",
        False,
    )
    assert pull["body"].startswith(
        "Add login\n\n## What was done\n\n- **JWT middleware** (010): Tokens are checked.\n"
    )
    pushed = ready.who.git("ls-tree", "-r", "--name-only", f"origin/{BRANCH}")
    assert pushed.split() == ["a.txt", "b.txt"]
    assert ready.who.git("rev-parse", BRANCH) == ready.who.git("rev-parse", f"origin/{BRANCH}")
    assert ready.worktrees() == [str(ready.main)]
    assert ready.is_gone()
    held = project_of(ready)
    assert held["phases"]["finalize"]["metadata"] == {"pr_url": pull["url"], "pr_number": 1}
    assert ready.told()[0]["payload"]["pull_request"] == pull["url"]


def test_a_draft_is_a_draft(ready: Home) -> None:
    ready.with_forge()
    assert json.loads(ready.finish("--draft", "--json").out)["number"] == 1
    assert ready.gh["pulls"][0]["isDraft"]


def test_what_is_decided_abandoned_and_reviewed_stands_in_the_text(ready: Home) -> None:
    ready.with_forge()
    ready.add("Which store")
    ready.change("020", lambda task: task.pause("Which database?", kind="question", by="x", at=AT))
    with ready.who.inside():
        from sow.change import Event
        from sow.cli import opening

        asked: Any = {"question": "Which database?", "kind": "question"}
        opening.caller().meant("add-login").tell(Event(type="task.paused", task_id="020", payload=asked))
    ready.who.done("task", "answer", "020", "sqlite")
    ready.who.done("task", "abandon", "020", "--reason", "too early")
    review = ready.folder / PROJECT / "phases/review/review.md"
    review.write_text("It holds together.\n")
    path = ready.folder / PROJECT / "phases/review/state.yaml"
    entry = {"type": "review", "path": "phases/review/review.md", "approved": True, "created_at": AT}
    path.write_text(path.read_text().replace("outputs: []", f"outputs: {json.dumps([entry])}"))
    assert ready.finish().code == 0
    body = ready.gh["pulls"][0]["body"]
    assert "- **Which database?** (task 020, ada): sqlite\n" in body
    assert "- Which store (020): too early\n" in body
    assert "## Review\n\nIt holds together." in body


def test_an_approved_body_of_the_projects_own_is_taken_instead(ready: Home) -> None:
    ready.with_forge()
    (ready.folder / PROJECT / "phases/finalize/body.md").write_text("What I wrote.\n")
    path = ready.folder / PROJECT / "phases/finalize/state.yaml"
    entry = {"type": "pr_body", "path": "phases/finalize/body.md", "approved": True, "created_at": AT}
    path.write_text(path.read_text().replace("outputs: []", f"outputs: {json.dumps([entry])}"))
    assert ready.finish().code == 0
    assert ready.gh["pulls"][0]["body"].startswith("What I wrote.\n\n<!-- written by sow, ")


def test_a_body_that_is_not_there_or_outside_is_refused(ready: Home) -> None:
    ready.with_forge()
    path = ready.folder / PROJECT / "phases/finalize/state.yaml"
    before = path.read_text()
    for where, words in (
        ("gone.md", "can't read the artifact gone.md: No such file or directory"),
        ("../../../../../../../../etc/hostname", "is outside of the repository"),
    ):
        entry = {"type": "pr_body", "path": where, "approved": True, "created_at": AT}
        path.write_text(before.replace("outputs: []", f"outputs: {json.dumps([entry])}"))
        said = ready.finish()
        assert (said.code, words in said.err) == (4, True), said
    assert ready.gh["pulls"] == []


def opened_by_hand(home: Home, **more: Any) -> None:
    """A draft that a person opened while the work went on."""
    home.who.at(home.folder).git("push", "--quiet", "origin", BRANCH)
    pull = {
        "number": 1, "url": "https://github.com/ada/demo/pull/1", "state": "OPEN", "isDraft": True,
        "title": "Draft", "body": "", "headRefName": BRANCH, "baseRefName": "main", **more,
    }  # fmt: skip
    home.gh_file.write_text(json.dumps({**home.gh, "pulls": [pull]}))


def test_an_open_draft_is_brought_up_to_date_and_no_second_one_opened(ready: Home) -> None:
    ready.with_forge()
    opened_by_hand(ready)
    said = ready.finish()
    assert said.code == 0, said
    [pull] = ready.gh["pulls"]
    assert (pull["isDraft"], pull["title"]) == (False, "Add login")
    assert "JWT middleware" in pull["body"]
    assert ready.asked_of_gh("pr", "create") == []


def test_what_a_person_wrote_into_a_pull_request_stays(ready: Home) -> None:
    ready.with_forge()
    opened_by_hand(ready, body="I wrote this myself.")
    said = ready.finish("--draft")
    assert "its text is a person's, and stays as it is" in said.err
    [pull] = ready.gh["pulls"]
    assert (pull["body"], pull["title"], pull["isDraft"]) == ("I wrote this myself.", "Draft", True)


def test_a_closed_pull_request_is_none(ready: Home) -> None:
    ready.with_forge()
    opened_by_hand(ready, state="CLOSED")
    assert ready.finish().code == 0
    assert [pull["state"] for pull in ready.gh["pulls"]] == ["CLOSED", "OPEN"]


def test_without_a_login_nothing_is_begun(ready: Home) -> None:
    ready.with_forge(login=False)
    before = everything(ready.main)
    said = ready.finish()
    assert said.told == (
        4,
        [
            "sow: gh is not logged in: You are not logged into any GitHub hosts. "
            "To log in, run: gh auth login",
            "     log in: `gh auth login`",
        ],
    )
    assert changed(before, everything(ready.main)) == []
    assert ready.who.git("ls-remote", "--heads", "origin").splitlines()[0].endswith("refs/heads/main")


def test_without_the_program_it_says_what_to_do(ready: Home) -> None:
    ready.with_forge()
    (ready.who.home / "bin/gh").unlink()
    ready.who.more["PATH"] = "/usr/bin:/bin"
    said = ready.finish()
    assert said.code == 3
    assert said.err.startswith("sow: no program gh here, which opens the pull request\n")


def test_a_remote_that_went_on_is_not_pushed_over(ready: Home) -> None:
    ready.with_forge()
    opened_by_hand(ready)
    other = ready.main.parent / "other"
    ready.who.git("clone", "--quiet", "--branch", BRANCH, str(ready.origin), str(other))
    ready.who.at(other).commit(theirs__txt="t\n")
    ready.who.at(other).git("push", "--quiet")
    said = ready.finish()
    assert (said.code, said.out) == (4, "")
    assert f"sow: origin has commits on {BRANCH} that are not here\n" in said.err
    assert (ready.folder / PROJECT / "state.yaml").exists()
    ready.who.at(ready.folder).git("pull", "--quiet", "--no-rebase", "origin", BRANCH)
    assert ready.finish().code == 0
    assert "theirs.txt" in ready.who.git("ls-tree", "--name-only", f"origin/{BRANCH}")


def test_after_a_failure_the_work_may_go_on_and_the_next_finish_takes_it_along(ready: Home) -> None:
    """The first is pushed and fails at the forge; then another task is done."""
    ready.with_forge()
    ready.program("gh", 'case "$1" in auth) exit 0;; esac; echo "HTTP 502: try later" >&2; exit 1')
    said = ready.finish()
    assert (said.code, said.out) == (1, "")
    assert "sow: `gh pr list` failed: HTTP 502: try later\n" in said.err
    ready.who.done("task", "list")
    ready.done("Second", "More.", c__txt="c\n")
    # Where the note is gone, too, the remote's branch tells what was published.
    (ready.runtime / "finish.json").unlink()
    import sys

    from tests.cli.parts import ROOT

    ready.program("gh", f'exec {sys.executable} -S -E {ROOT}/tests/agents/gh.py "$@"')
    said = ready.finish()
    assert said.code == 0, said
    [pull] = ready.gh["pulls"]
    assert "Second" in pull["body"]
    assert ready.who.git("ls-tree", "--name-only", f"origin/{BRANCH}").split() == ["a.txt", "b.txt", "c.txt"]
    assert ready.is_gone()


def test_a_pull_of_what_was_published_takes_no_state_away_for_good(ready: Home) -> None:
    """The branch was pushed, the forge fails, and the person pulls in the project's worktree."""
    ready.with_forge()
    ready.settings("finish: {forge: 'false'}\n")
    assert ready.finish().code == 1
    there = ready.who.at(ready.folder)
    there.git("pull", "--quiet", "origin", BRANCH)
    for _ in range(2):
        for who in (ready.who, there):
            code, (what, how) = who.sow("status").told
            assert (code, "its finish had published the branch without it" in what) == (3, True)
        # Folders that git keeps nothing of may stay or not.
        shutil.rmtree(ready.folder / ".sow", ignore_errors=True)
    assert ready.who.sow("status", "--project", "add-login").code == 3
    there.git(*how.partition("`git ")[2].rstrip("`").split()[2:])
    assert "JWT middleware" in ready.who.done("task", "list")
    ready.settings("finish: {forge: 'echo https://forge/pull/7'}\n")
    assert ready.finish().code == 0
    assert ready.is_gone()


def test_a_pull_request_that_was_merged_meanwhile_is_not_opened_again(ready: Home) -> None:
    """The end is killed behind the pull request, and somebody merges that at the forge."""
    ready.with_forge()
    shim = ready.program("git", GIT_THAT_KILLS.replace("WHEN", "update-index --force-remove"))
    assert ready.who.process("project", "finish", "--yes").code == -9
    shim.unlink()
    assert (ready.runtime / "finish.json").exists()
    [pull] = ready.gh["pulls"]
    ready.gh_file.write_text(json.dumps({**ready.gh, "pulls": [{**pull, "state": "MERGED"}]}))
    ready.who.git("push", "--quiet", "origin", f"origin/{BRANCH}:main")
    said = ready.finish()
    assert said.code == 0, said
    assert len(ready.gh["pulls"]) == 1
    assert ready.is_gone()


def test_a_pull_request_of_nothing_is_refused(home: Home) -> None:
    home.done("Nothing to change")
    home.with_forge()
    said = home.finish()
    assert said.told == (
        4,
        [
            f"sow: {BRANCH} has nothing that main has not: a pull request of it would be empty",
            "     end it without: `sow project finish --leave`, or `sow project delete`",
        ],
    )


def test_a_command_of_ones_own_opens_it_with_everything_quoted(home: Home, tmp_path: Path) -> None:
    home.done("JWT", "Done; `touch pwned` $(touch pwned)", b__txt="b\n")
    path = home.folder / PROJECT / "state.yaml"
    path.write_text(path.read_text().replace("Add login", 'Ada\'s "big" $(touch pwned) login'))
    home.with_forge()
    opener = home.program(
        "opener",
        f'cd {tmp_path}; printf "%s\\n" "$@" > args; cat "$2" > body; echo at https://forge/mr/9.',
    )
    home.settings(f'finish: {{forge: "{opener} {{title}} {{body_file}} {{branch}} {{base}}"}}\n')
    said = home.finish("--pr")
    assert said.code == 0, said
    assert said.out.splitlines()[0] == "Finished project add-login: pull request https://forge/mr/9"
    args = (tmp_path / "args").read_text().splitlines()
    assert args[0] == 'Ada\'s "big" $(touch pwned) login'
    assert args[2:] == [BRANCH, "main"]
    assert "JWT" in (tmp_path / "body").read_text()
    assert not list(tmp_path.rglob("pwned"))
    assert project_of(home)["phases"]["finalize"]["metadata"]["pr_number"] == 9


def test_a_placeholder_that_there_is_not_is_told(ready: Home) -> None:
    ready.with_forge()
    ready.settings('finish: {forge: "tea pr create {titel} ${HOME}"}\n')
    assert ready.finish("--pr").told == (
        4,
        [
            "sow: .sow/config.yaml: finish.forge: {titel} is no placeholder",
            "     did you mean {title}? there are: {title}, {body_file}, {branch}, {base}",
        ],
    )


def test_a_pull_request_that_is_open_already_is_only_named(ready: Home) -> None:
    ready.with_forge()
    ready.settings("finish: {forge: none}\n")
    said = ready.finish("--pr-url", "https://forge.example/it/pulls/7")
    assert (
        said.out.splitlines()[0]
        == "Finished project add-login: pull request https://forge.example/it/pulls/7"
    )
    assert ready.gh["calls"] == []
    assert ready.who.git("ls-tree", "--name-only", f"origin/{BRANCH}").split() == ["a.txt", "b.txt"]


# On a terminal


def test_a_person_is_asked_how_and_whether(ready: Home) -> None:
    words = ("project", "finish")
    with at_terminal(ready.main, ready.who.environment, *words) as terminal:
        terminal.sees("[m]erge, [p]ull request, [l]eave the branch: ")
        terminal.child.send("m")
        shown = terminal.sees("Finish it? [y/n] ")
        assert f"By a merge of {BRANCH} into main (1 commit)" in shown
        assert "Gates not passed" in shown
        terminal.child.send("n")
        terminal.sees("Nothing was done.")
        assert terminal.ends() == 1
    assert ready.merges() == []
    with at_terminal(ready.main, ready.who.environment, *words, "--merge") as terminal:
        terminal.sees("Finish it? [y/n] ")
        terminal.child.send("y")
        terminal.sees("Finished project add-login: merged into main as ")
        assert terminal.ends() == 0
    assert ready.is_gone()


@pytest.mark.parametrize("key", ["\x04", "\x03", "x"])
def test_a_person_who_leaves_leaves_all_as_it_is(ready: Home, key: str) -> None:
    before = everything(ready.main)
    with at_terminal(ready.main, ready.who.environment, "project", "finish") as terminal:
        terminal.sees("[l]eave the branch: ")
        if key == "\x03":
            assert terminal.interrupts() == 130
        else:
            terminal.child.send(key)
            assert terminal.ends() == 1
    assert changed(before, everything(ready.main)) == []


@pytest.mark.parametrize(
    ("program", "told"),
    [
        pytest.param(
            "opener",
            [
                f"sow: interrupted: {BRANCH} is pushed, and whether finish.forge opened a pull request "
                "is not known",
                "     look: if it did, repeat with --pr-url URL; if not, remove NOTE and repeat",
            ],
            id="a command that opens a pull request",
        ),
        pytest.param(
            "check",
            [
                "sow: interrupted: the check 'check' had not ended, and nothing has left the project",
                "     repeat the same command: it goes on from where it was",
            ],
            id="a check",
        ),
    ],
)
def test_ctrl_c_at_what_hangs_says_how_things_stand_and_how_to_go_on(
    ready: Home, program: str, told: list[str]
) -> None:
    ready.with_forge()
    ready.program(program, "echo here > /dev/tty; exec sleep 600")
    check = "checks: [check]\n" if program == "check" else ""
    ready.settings(check + "finish: {forge: 'exec opener {branch}'}\n")
    words = ("project", "finish", "--pr", "--yes")
    with at_terminal(ready.main, ready.who.environment, *words) as terminal:
        terminal.sees("here")
        # Once is enough: it reaches the program as well, whose end wakes sow.
        terminal.child.sendintr()
        assert terminal.ends() == 130
    note = f"{ready.runtime}/finish.json"
    seen = "".join(terminal.seen.split())  # a terminal breaks lines
    assert seen.endswith("".join("".join(told).replace("NOTE", note).split()))
    if program == "opener":
        said = ready.finish("--pr")
        assert said.code == 4
        assert "sow was ended while finish.forge ran" in said.err
        assert ready.finish("--pr-url", "https://forge.example/it/pulls/7").code == 0
        assert ready.is_gone()


# Others at work


def test_while_another_orchestrator_works_it_is_busy(ready: Home) -> None:
    from sow import lease

    with ready.who.inside():
        held = lease.acquire(f"{ready.runtime}/locks/orchestrator.lease", "sow run")
    try:
        said = ready.who.process("project", "finish", "--merge", "--yes")
        assert said.code == 6
        assert said.err.startswith(f"sow: sow run: held by process {os.getpid()} since ")
    finally:
        held.release()
    assert ready.finish("--merge").code == 0


def test_a_name_that_was_finished_can_be_given_again(ready: Home) -> None:
    assert ready.finish("--merge").code == 0
    ready.who.done("project", "new", "Add login")
    assert ready.add("First again") == "010", "nothing of the old project is in the way"
    assert (ready.main / ".sow/runtime/add-login~1/final/project.yaml").exists()
    assert ready.who.done("status").count("pending") == 1
