"""`sow init` and `sow project` in repositories of every kind: all of a project is made, or nothing."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from tests.cli.parts import Person, changed, everything, person, with_project
from tests.forked import code_of, sow_of

LOGIN = ("project", "new", "Add login")


def worktree(who: Person, branch: str = "feat/add-login") -> Path:
    return who.folder / ".sow/worktrees" / branch


def is_whole(who: Person, folder: Path, branch: str = "feat/add-login") -> bool:
    """Whether a project is there with its state, committed on its branch, and nothing half made."""
    there = who.at(folder)
    assert there.git("branch", "--show-current") == branch
    assert there.git("status", "--porcelain", "--", ".sow/project") == ""
    assert yaml.safe_load(there.git("show", "HEAD:.sow/project/state.yaml"))["branch"] == branch
    assert not list(folder.glob(".sow/.project-*"))
    assert not (who.folder / ".sow/runtime/.new").exists()
    return who.sow("validate", "--project", str(folder)).code == 0


# init


def test_init_touches_no_file_of_the_users_and_says_what_it_made(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    before = everything(who.folder)
    said = who.sow("init")
    assert said.code == 0
    assert said.out.splitlines()[-1] == f"Initialized sow in {who.folder}/.sow"
    assert said.err == 'Next: `sow project new "what you want to get done"`\n'
    assert changed(before, everything(who.folder)) == [".git/info/exclude", ".sow/config.yaml"]
    assert yaml.safe_load((who.folder / ".sow/config.yaml").read_text()) == {"requires": ">=0.1"}


def test_init_again_changes_nothing_and_mends_what_is_missing(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    before = everything(who.folder)
    assert who.sow("init").out == f"{who.folder}/.sow is complete already\n"
    assert changed(before, everything(who.folder)) == []
    (who.folder / ".sow/config.yaml").unlink()
    assert "made .sow/config.yaml" in who.done("init")


# new


def test_a_project_is_a_branch_a_worktree_and_a_state(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    said = who.sow(*LOGIN)
    assert said.out.splitlines() == [
        "Initialized project add-login on branch feat/add-login",
        f"Worktree: {worktree(who)}",
    ]
    assert said.err.splitlines()[-1] == 'Next: `sow task add "..." --agent implementer`'
    assert is_whole(who, worktree(who))
    assert who.git("branch", "--show-current") == "main"
    assert who.git("status", "--porcelain", "--", ":!.sow") == ""
    assert who.sow("-q", "project", "new", "Quiet one").err == ""


@pytest.mark.parametrize("name", ["new", "bin", "worktrees"])
def test_a_project_may_have_the_name_of_one_of_sows_own_folders(tmp_path: Path, name: str) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.done("project", "new", "Odd", "--name", name, "--branch", f"feat/{name}")
    who.done("task", "add", "First", "--agent", "implementer")
    assert [held["name"] for held in json.loads(who.done("project", "list", "--json"))] == [name]
    assert who.sow("project", "delete", "--yes").code == 0
    assert json.loads(who.done("project", "list", "--json")) == []


def test_its_json_has_what_a_script_needs(tmp_path: Path) -> None:
    who = person(tmp_path)
    made = json.loads(who.done(*LOGIN, "--json"))
    assert made["name"] == "add-login"
    assert made["folder"] == str(worktree(who))
    assert "the repository had no commit: made an empty first one" in made["notes"]


def test_a_repository_without_a_commit_gets_an_empty_first_one_and_is_told(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.write("staged.txt", "mine\n")
    who.git("add", "staged.txt")
    said = who.sow(*LOGIN)
    assert "the repository had no commit: made an empty first one\n" in said.err
    assert is_whole(who, worktree(who))
    assert who.git("show", "--stat", "--format=%s", "main") == "First commit, empty, made by sow"
    assert who.git("diff", "--cached", "--name-only") == "staged.txt"


def test_git_that_knows_nobody_and_wants_to_be_told_is_no_hindrance(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("config", "user.useConfigOnly", "true")
    who.done(*LOGIN)
    assert is_whole(who, worktree(who))
    assert who.git("log", "-1", "--format=%an <%ae>", "feat/add-login") == "sow <sow@localhost>"


def test_hooks_that_fail_are_not_asked(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    for name in ("pre-commit", "commit-msg", "post-checkout", "reference-transaction"):
        hook = who.write(f".git/hooks/{name}", "#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    assert who.sow(*LOGIN).code == 0
    for name in ("pre-commit", "commit-msg", "post-checkout", "reference-transaction"):
        (who.folder / f".git/hooks/{name}").unlink()
    assert is_whole(who, worktree(who))


def test_a_branch_called_sow_is_no_hindrance(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("branch", "sow")
    who.done(*LOGIN)
    assert is_whole(who, worktree(who))
    who.done("project", "new", "On sow", "--branch", "sow")
    assert is_whole(who, worktree(who, "sow"), "sow")


def test_an_existing_branch_is_taken_as_it_is(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("switch", "--quiet", "--create", "feat/search")
    who.commit(b__txt="b\n")
    tip = who.git("rev-parse", "HEAD")
    who.git("switch", "--quiet", "main")
    who.done("project", "new", "Faster search", "--branch", "feat/search")
    assert is_whole(who, worktree(who, "feat/search"), "feat/search")
    assert who.git("rev-parse", "feat/search^") == tip
    refused = who.sow("project", "new", "Other", "--branch", "feat/search", "--from", "main")
    assert (refused.code, refused.out) == (4, "")


def test_a_new_branch_starts_where_it_is_told_to(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("tag", "v1")
    who.commit(a__txt="b\n")
    who.done(*LOGIN, "--from", "v1")
    assert (worktree(who) / "a.txt").read_text() == "a\n"


def test_a_clean_checkout_steps_off_the_projects_branch_and_says_so(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("switch", "--quiet", "--create", "feat/add-login")
    said = who.sow(*LOGIN)
    assert said.code == 0
    assert "the checkout was on feat/add-login: it is on main now\n" in said.err
    assert who.git("branch", "--show-current") == "main"
    assert is_whole(who, worktree(who))


def test_a_dirty_checkout_on_the_projects_branch_is_refused_and_left_alone(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("switch", "--quiet", "--create", "feat/add-login")
    who.write("a.txt", "changed\n")
    before = everything(who.folder)
    assert who.sow(*LOGIN).told == (
        4,
        [
            "sow: the checkout is on feat/add-login and has uncommitted changes",
            "     commit or stash them, then repeat the command",
        ],
    )
    assert changed(before, everything(who.folder)) == []


def test_without_a_worktree_it_lives_in_the_checkout(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    assert f"Worktree: {who.folder}\n" in who.done(*LOGIN, "--no-worktree")
    assert is_whole(who, who.folder)
    assert who.done("status").startswith("add-login  (branch feat/add-login")
    assert who.sow("project", "new", "Other", "--no-worktree").told[0] == 4


def test_without_a_worktree_a_dirty_checkout_is_refused(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.write("new.txt", "mine\n")
    before = everything(who.folder)
    assert who.sow(*LOGIN, "--no-worktree").told == (
        4,
        [
            "sow: the checkout has uncommitted changes, so it can't switch to feat/add-login",
            "     commit or stash them, or leave --no-worktree out",
        ],
    )
    assert changed(before, everything(who.folder)) == []


def test_a_folder_of_somebodys_in_the_way_stays_and_nothing_else_is_made(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.done("init")
    who.write(".sow/worktrees/feat/add-login/precious.txt", "mine\n")
    before = everything(who.folder)
    said = who.sow(*LOGIN)
    assert (said.code, said.out) == (4, "")
    assert changed(before, everything(who.folder)) == []


# Where one can stand


@pytest.mark.parametrize("name", ["a repository", "wide \N{SEEDLING} name", "-dash", "it's"])
def test_a_path_with_anything_in_it_works(tmp_path: Path, name: str) -> None:
    who = with_project(tmp_path / name)
    assert is_whole(who, worktree(who))
    who.done("task", "add", "First", "--agent", "implementer")
    assert "[010] pending" in who.done("status")


def test_every_folder_of_the_repository_means_its_project(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "First", "--agent", "implementer")
    (who.folder / "deep/down").mkdir(parents=True)
    (worktree(who) / "src").mkdir()
    task = who.folder / ".sow/worktrees/feat/add-login--010"
    who.git("worktree", "add", "--quiet", "-b", "feat/add-login--010", str(task), "feat/add-login")
    for folder in ("deep/down", worktree(who), worktree(who) / "src", task, ".git", ".sow/runtime"):
        assert "[010] First (pending)" in who.at(folder).done("task", "list"), folder
    # What is said in a task's worktree goes to the project, not to the copy of its state there.
    copy = everything(task)
    who.at(task).done("task", "set", "priority", "high")
    assert changed(copy, everything(task)) == []
    assert "Priority: high" in who.done("task", "show", "010")
    assert "Priority: high" in who.done("task", "show", "010", "--project", str(task))


def test_a_submodule_is_a_repository_of_its_own(tmp_path: Path) -> None:
    inner = person(tmp_path / "inner")
    inner.commit(a__txt="a\n")
    who = with_project(tmp_path / "outer")
    who.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "part")
    there = who.at("part")
    there.done("project", "new", "In the part")
    assert there.done("status").startswith("in-the-part ")
    assert who.done("status").startswith("add-login ")
    assert is_whole(there, there.folder / ".sow/worktrees/feat/in-the-part", "feat/in-the-part")


def test_a_bare_clone_has_its_projects_in_itself_and_its_worktrees_know_them(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("clone", "--quiet", "--bare", ".", "../hub/site.git")
    who.at("../hub/site.git").git("worktree", "add", "--quiet", "../main", "main")
    there = who.at("../hub/main")
    refused = there.sow("project", "new", "Add login", "--no-worktree")
    assert (refused.code, "is bare" in refused.err) == (4, True)
    there.done("project", "new", "Add login")
    hub = Path(os.path.realpath(there.folder)).parent
    assert sorted(os.listdir(hub)) == ["main", "site.git"], "nothing of it lies beside other repositories"
    home = hub / "site.git/.sow/worktrees/feat/add-login"
    assert is_whole(there, home)
    who.at(home).commit(b__txt="b\n")
    assert there.done("project", "finish", "--merge", "--yes").startswith("Finished project add-login")
    assert (there.folder / "b.txt").read_text() == "b\n"
    assert (home.exists(), there.git("status", "--short")) == (False, "")


def test_where_a_project_is_that_was_moved_or_whose_worktree_is_gone_is_told(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.folder.rename(tmp_path / "moved")
    there = Person(Path(os.path.realpath(tmp_path / "moved")), who.home)
    tree = worktree(there)
    code, (what, how) = there.sow("status").told
    assert (code, f"git no longer knows {tree}, the worktree of add-login" in what) == (3, True)
    assert there.sow("status", "--project", "add-login").told == (code, [what, how])
    there.git(*how.partition("`git ")[2].partition("`")[0].split()[2:])
    assert there.done("status").startswith("add-login ")

    shutil.rmtree(tree)
    code, (what, how) = there.sow("status").told
    assert (code, "feat/add-login, the branch of add-login, is checked out nowhere" in what) == (3, True)
    there.done(*how.partition("`sow ")[2].rstrip("`").split())
    assert there.done("status").startswith("add-login ")


def test_variables_of_a_hook_have_no_say(tmp_path: Path) -> None:
    who = with_project(tmp_path / "one")
    other = person(tmp_path / "two")
    there = who.at(
        ".", GIT_DIR=f"{other.folder}/.git", GIT_WORK_TREE=str(other.folder), GIT_INDEX_FILE="/dev/null"
    )
    assert there.done("status").startswith("add-login ")
    there.done("project", "new", "Fast search")
    assert other.git("branch", "--list") == ""
    assert is_whole(who, worktree(who, "feat/fast-search"), "feat/fast-search")


# Whatever is killed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_a_kill_in_the_middle_leaves_all_of_a_project_or_nothing(tmp_path: Path, seed: int) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.git("switch", "--quiet", "--create", "feat/add-login")
    who.git("switch", "--quiet", "--detach")
    who.done("init")
    before = who.git("for-each-ref")
    kill_in_the_middle(who, random.Random(seed), *LOGIN, "--branch", "feat/login")
    # Any command settles what was left: it undoes or completes it.
    deadline = time.monotonic() + 20
    while (who.folder / ".sow/runtime/.new").exists():
        who.done("project", "list")
        assert time.monotonic() < deadline
    listed = json.loads(who.done("project", "list", "--json"))
    if listed:
        assert is_whole(who, worktree(who, "feat/login"), "feat/login")
    else:
        assert who.git("for-each-ref") == before
        assert not worktree(who, "feat/login").exists()
        assert len(who.git("worktree", "list").splitlines()) == 1
        who.done(*LOGIN, "--branch", "feat/login")
        assert is_whole(who, worktree(who, "feat/login"), "feat/login")


def test_a_git_that_outlives_the_killed_command_is_waited_for(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    before = who.git("for-each-ref")
    real = shutil.which("git")
    wrapper = who.home / "bin/git"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *" worktree add "*) kill -9 $PPID;; esac\nexec {real} "$@"\n'
    )
    wrapper.chmod(0o755)
    killed = who.at(".", PATH=f"{wrapper.parent}{os.pathsep}{who.environment['PATH']}").process(*LOGIN)
    assert killed.code == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while (who.folder / ".sow/runtime/.new").exists():
        assert who.done("project", "list") == ""
        assert time.monotonic() < deadline
    assert who.git("for-each-ref") == before
    assert not worktree(who).exists()
    who.done(*LOGIN)
    assert is_whole(who, worktree(who))


def kill_in_the_middle(who: Person, chance: random.Random, *words: str) -> None:
    """Kills a command at one of its calls that change something, drawn by chance."""
    at = chance.randrange(24, 104)
    env = {**who.environment, "SOW_TEST_KILL_AT": str(at)}
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *words],
        cwd=who.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=code_of(KILLED, words, env),
    )
    assert ended.returncode in (0, -signal.SIGKILL), ended.stderr


KILLED = """
import os, signal, sys
left = int(os.environ["SOW_TEST_KILL_AT"])
def count(event, args):
    # Calls that change a file or start a git; opening only to read does not count.
    global left
    writes = event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)
    if writes or event in ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "subprocess.Popen"):
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
from sow.cli import main, root
sys.addaudithook(count)
sys.exit(main(sys.argv[1:]))
"""


def test_two_that_begin_at_once_both_have_their_project(tmp_path: Path) -> None:
    who = person(tmp_path)
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "sow", "project", "new", name], cwd=who.folder, env=who.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            preexec_fn=sow_of(["project", "new", name], who.environment),
        )
        for name in ("Add login", "Fast search", "Dark mode")
    ]  # fmt: skip
    for command in commands:
        _, err = command.communicate(timeout=120)
        assert command.returncode == 0, err
    for branch in ("feat/add-login", "feat/fast-search", "feat/dark-mode"):
        assert is_whole(who, worktree(who, branch), branch)
    assert os.listdir(who.folder / ".sow/runtime/").count(".new") == 0


# what comes along


def test_a_projects_worktree_has_what_worktreeinclude_names(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(__gitignore=".env\n", a__txt="a\n")
    who.write(".env", "KEY=1\n")
    who.write(".worktreeinclude", ".env\n")
    who.done(*LOGIN)
    assert (worktree(who) / ".env").read_text() == "KEY=1\n"
    assert is_whole(who, worktree(who))


def test_a_project_that_would_commit_what_comes_along_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    who.write(".gitignore", ".env\n")  # not committed
    who.write(".env", "KEY=1\n")
    who.write(".worktreeinclude", ".env\n")
    who.done("init")
    before = everything(who.folder)
    said = who.sow(*LOGIN)
    assert (said.code, "would be committed" in said.err) == (4, True)
    assert [path for path in changed(before, everything(who.folder)) if not path.startswith(".git/")] == []
    assert not worktree(who).exists()


@pytest.mark.parametrize("commit", ["auto", "never"])
def test_the_state_is_committed_when_a_task_ends_unless_the_settings_say_never(
    tmp_path: Path, commit: str
) -> None:
    who = with_project(tmp_path)
    settings = who.folder / ".sow/config.yaml"
    settings.write_text(f"{settings.read_text()}state: {{commit: {commit}}}\n")
    for name in ("First", "Second"):
        who.done("task", "add", name, "--agent", "implementer")
    before = who.git("rev-parse", "feat/add-login")
    who.done("task", "set", "status", "completed", "--id", "010")
    who.done("task", "abandon", "020")
    said = who.git("log", "--reverse", "--format=%s", f"{before}..feat/add-login").splitlines()
    assert said == (
        ["sow: task 010 completed: First", "sow: task 020 abandoned: Second"] if commit == "auto" else []
    )
