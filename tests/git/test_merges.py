"""A merge is computed beside every working tree, made once, and never over anybody's files."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.git.parts import Repo, new_repo

from sow.errors import Failed, NotFound, Refused
from sow.git import commits, merges, worktrees
from sow.git.landing import Blocked, Merged
from sow.git.merges import AlreadyMerged, Conflict, Nothing, Outcome

TRAILER = "Sow-Task: demo/010/1"


@pytest.fixture
def task(repo: Repo, tmp_path: Path) -> Repo:
    """A task's worktree with one commit that changes a.txt and adds new.txt."""
    worktrees.add(repo.sow, str(tmp_path / "task"), "main--010", "main")
    made = Repo(tmp_path / "task")
    made.commit(a__txt="task\n", new__txt="new\n")
    return made


def merge(repo: Repo, tmp_path: Path, trailer: str = TRAILER, branch: str = "main--010") -> Outcome:
    outcome = merges.merge(repo.sow, branch, "main", "Merge 010", [trailer], str(tmp_path / "intent/main"))
    assert not (tmp_path / "intent/main").exists()
    assert not (repo.folder / ".git/index.lock").exists()
    return outcome


def test_a_merge_reaches_the_person_on_the_branch(repo: Repo, task: Repo, tmp_path: Path) -> None:
    before = repo.git("rev-parse", "main")
    outcome = merge(repo, tmp_path)
    assert isinstance(outcome, Merged)
    assert repo.git("rev-parse", "main") == outcome.commit
    assert repo.git("rev-parse", "main^1", "main^2").split() == [before, task.git("rev-parse", "HEAD")]
    assert repo.git("log", "-1", "--format=%s|%(trailers:only)") == f"Merge 010|{TRAILER}"
    assert repo.read("a.txt") == "task\n"
    assert repo.status() == []


def test_a_merge_into_a_branch_that_nobody_has_moves_only_the_branch(
    repo: Repo, task: Repo, tmp_path: Path
) -> None:
    repo.git("switch", "--quiet", "--create", "elsewhere")
    outcome = merge(repo, tmp_path)
    assert outcome == Merged(repo.git("rev-parse", "main"))
    assert repo.read("a.txt") == "a\n"
    assert repo.status() == []


def test_what_is_merged_is_not_merged_again(repo: Repo, task: Repo, tmp_path: Path) -> None:
    first = merge(repo, tmp_path)
    assert isinstance(first, Merged)
    task.commit(late__txt="late\n")
    assert merge(repo, tmp_path) == AlreadyMerged(first.commit)
    assert merge(repo, tmp_path, "Sow-Task: demo/010/12") != AlreadyMerged(first.commit)
    assert merges.find_merge(repo.sow, "main", ["Sow-Task: demo/010"]) is None


def test_a_branch_without_a_commit_of_its_own_is_nothing_to_merge(repo: Repo, tmp_path: Path) -> None:
    repo.git("branch", "main--020")
    assert merge(repo, tmp_path, branch="main--020") == Nothing()


def test_a_conflict_names_the_files_and_changes_nothing(repo: Repo, task: Repo, tmp_path: Path) -> None:
    before = repo.commit(a__txt="mine\n")
    assert merge(repo, tmp_path) == Conflict(["a.txt"])
    assert repo.git("rev-parse", "main") == before
    assert repo.status() == []
    assert merges.merge_check(repo.sow, "main", "main--010") == ["a.txt"]


def test_work_of_the_person_in_the_way_blocks_and_stays(repo: Repo, task: Repo, tmp_path: Path) -> None:
    before = repo.git("rev-parse", "main")
    repo.write("a.txt", "precious\n")
    repo.write("new.txt", "untracked\n")
    repo.write("b.txt", "not in the way\n")
    outcome = merge(repo, tmp_path)
    assert isinstance(outcome, Blocked)
    assert outcome.files == ["a.txt", "new.txt"]
    assert repo.git("rev-parse", "main") == before
    assert (repo.read("a.txt"), repo.read("new.txt")) == ("precious\n", "untracked\n")


def test_staged_work_and_a_deleted_file_block_too(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.write("a.txt", "staged\n")
    repo.git("add", "a.txt")
    assert merge(repo, tmp_path) == Blocked(["a.txt"], "1 uncommitted file would be overwritten")
    repo.git("reset", "--quiet", "--hard")
    (repo.folder / "a.txt").unlink()
    assert merge(repo, tmp_path) == Blocked(["a.txt"], "1 uncommitted file would be overwritten")
    assert repo.status() == [" D a.txt"]


def test_a_file_that_git_ignores_is_not_overwritten_either(repo: Repo, tmp_path: Path) -> None:
    repo.commit(__gitignore=".env\nlogs\n")
    worktrees.add(repo.sow, str(tmp_path / "task"), "main--010", "main")
    task = Repo(tmp_path / "task")
    task.write(".env", "agent's")
    task.write("logs/one", "agent's")
    task.git("add", "--force", ".env", "logs/one")
    task.commit()
    repo.write(".env", "secret")
    repo.write("logs", "a file where a folder is to be")
    assert merge(repo, tmp_path) == Blocked([".env", "logs"], "2 uncommitted files would be overwritten")
    assert repo.read(".env") == "secret"


def test_untracked_files_in_a_folder_that_becomes_a_file_block(repo: Repo, tmp_path: Path) -> None:
    repo.commit(**{"lib/x": "1"})
    worktrees.add(repo.sow, str(tmp_path / "task"), "main--010", "main")
    task = Repo(tmp_path / "task")
    (task.folder / "lib/x").unlink()
    (task.folder / "lib").rmdir()
    task.commit(lib="now a file")
    repo.write("lib/own", "precious")
    assert merge(repo, tmp_path) == Blocked(["lib/own"], "1 uncommitted file would be overwritten")
    assert repo.read("lib/own") == "precious"


def test_a_person_in_the_middle_of_something_blocks(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.git("branch", "side")
    repo.git("switch", "--quiet", "side")
    repo.commit(b__txt="side\n")
    repo.git("switch", "--quiet", "main")
    repo.commit(b__txt="main\n")
    repo.git("merge", "side", check=False)
    before = repo.status()
    assert isinstance(merge(repo, tmp_path), Blocked)
    repo.git("add", "b.txt")
    assert merge(repo, tmp_path) == Blocked([], f"a merge is not finished in {repo.folder}")
    repo.git("merge", "--abort")
    repo.git("rebase", "side", check=False)
    outcome = merge(repo, tmp_path)
    assert isinstance(outcome, Blocked)
    assert "rebase" in outcome.reason
    assert before == ["UU b.txt"]


def test_another_git_at_work_blocks(
    repo: Repo, task: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sow.git.index.WAIT_SECONDS", 0.1)
    (repo.folder / ".git/index.lock").touch()
    outcome = merges.merge(repo.sow, "main--010", "main", "Merge", [TRAILER], str(tmp_path / "intent"))
    assert isinstance(outcome, Blocked)
    assert "index.lock" in outcome.reason
    assert (repo.folder / ".git/index.lock").exists()
    assert not (tmp_path / "intent").exists()


def test_a_detached_head_is_not_on_the_branch(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.git("switch", "--quiet", "--detach")
    assert isinstance(merge(repo, tmp_path), Merged)
    assert repo.read("a.txt") == "a\n"
    assert repo.status() == []


def test_the_branch_may_be_out_in_a_linked_worktree(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.git("switch", "--quiet", "--create", "elsewhere")
    linked = Repo(tmp_path / "main tree")
    repo.git("worktree", "add", "-q", str(linked.folder), "main")
    assert isinstance(merge(repo, tmp_path), Merged)
    assert linked.read("a.txt") == "task\n"
    assert linked.status() == repo.status() == []


def test_a_branch_that_is_checked_out_twice_blocks(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", "--force", str(tmp_path / "twin"), "main")
    outcome = merge(repo, tmp_path)
    assert outcome == Blocked([], f"main is checked out twice: {repo.folder} and {tmp_path / 'twin'}")


def test_a_repository_without_a_checkout_merges(repo: Repo, task: Repo, tmp_path: Path) -> None:
    bare = Repo(tmp_path / "bare.git")
    repo.git("clone", "--quiet", "--bare", str(repo.folder), str(bare.folder))
    assert merges.merge(
        bare.sow, "main--010", "main", "Merge", [TRAILER], str(tmp_path / "intent")
    ) == Merged(bare.git("rev-parse", "main"))


# .sow/ stays the project's


def test_the_projects_side_of_its_state_always_wins(repo: Repo, tmp_path: Path) -> None:
    repo.commit(**{".sow/project/state.yaml": "v: 1\n", ".sow/project/old": "old\n"})
    worktrees.add(repo.sow, str(tmp_path / "task"), "main--010", "main")
    task = Repo(tmp_path / "task")
    task.commit(**{".sow/project/state.yaml": "v: task\n", ".sow/project/mine": "m\n", "c.txt": "c\n"})
    task.git("mv", ".sow/project/old", "moved")
    task.git("mv", "b.txt", ".sow/project/b.txt")
    task.commit()
    (repo.folder / ".sow/project/old").unlink()
    repo.commit(**{".sow/project/state.yaml": "v: project\n"})
    assert isinstance(merge(repo, tmp_path), Merged)
    assert repo.git("ls-files").split() == [".sow/project/state.yaml", "a.txt", "c.txt", "moved"]
    assert repo.read(".sow/project/state.yaml") == "v: project\n"
    assert repo.status() == []


def test_a_project_without_state_gets_none_from_a_task(repo: Repo, task: Repo, tmp_path: Path) -> None:
    task.commit(**{".sow/project/x": "1"})
    assert isinstance(merge(repo, tmp_path), Merged)
    assert repo.git("ls-files").split() == ["a.txt", "b.txt", "new.txt"]


# Conflicts of every kind


def both_add(main: Repo, task: Repo) -> None:
    main.commit(x="1\n")
    task.commit(x="2\n")


def delete_and_modify(main: Repo, task: Repo) -> None:
    (main.folder / "x").unlink()
    main.commit()
    task.commit(x="2\n")


def file_and_folder(main: Repo, task: Repo) -> None:
    main.commit(x="1\n")
    task.commit(**{"x/y": "2\n"})


def binary(main: Repo, task: Repo) -> None:
    main.commit(x="1\0")
    task.commit(x="2\0")


def rename_twice(main: Repo, task: Repo) -> None:
    main.git("mv", "x", "x1")
    main.commit()
    task.git("mv", "x", "x2")
    task.commit()


def link_and_file(main: Repo, task: Repo) -> None:
    (main.folder / "x").unlink()
    (main.folder / "x").symlink_to("a.txt")
    main.commit()
    task.commit(x="2\n")


def submodules(main: Repo, task: Repo) -> None:
    for repo in (main, task):
        inner = new_repo(repo.folder / "x")
        inner.commit(str(repo.folder))
        repo.commit()


def odd_names(main: Repo, task: Repo) -> None:
    for repo, text in ((main, "1\n"), (task, "2\n")):
        for name in ("x\ny", os.fsdecode(b"x\xff"), "-x", ' "x"\t'):
            repo.write(name, text)
        repo.commit()


CONFLICTS: list[tuple[Callable[[Repo, Repo], None], str, list[str]]] = [
    (both_add, "", ["x"]),
    (delete_and_modify, "1\n", ["x"]),
    (binary, "0\0", ["x"]),
    (rename_twice, "1\n2\n3\n", ["x", "x1", "x2"]),
    (odd_names, "", sorted(["x\ny", os.fsdecode(b"x\xff"), "-x", ' "x"\t'])),
    (submodules, "", ["x"]),
]


@pytest.mark.parametrize(
    ("clash", "before", "files"), [pytest.param(*row, id=row[0].__name__) for row in CONFLICTS]
)
def test_a_conflict_of_any_kind_is_named(
    repo: Repo, tmp_path: Path, clash: Callable[[Repo, Repo], None], before: str, files: list[str]
) -> None:
    if before:
        repo.commit(x=before)
    worktrees.add(repo.sow, str(tmp_path / "task"), "main--010", "main")
    clash(repo, Repo(tmp_path / "task"))
    assert merge(repo, tmp_path) == Conflict(files)


@pytest.mark.parametrize("clash", [file_and_folder, link_and_file])
def test_a_conflict_of_kinds_of_files_is_named(
    repo: Repo, tmp_path: Path, clash: Callable[[Repo, Repo], None]
) -> None:
    if clash is link_and_file:
        repo.commit(x="1\n")
    worktrees.add(repo.sow, str(tmp_path / "task"), "main--010", "main")
    clash(repo, Repo(tmp_path / "task"))
    outcome = merge(repo, tmp_path)
    assert isinstance(outcome, Conflict)
    assert all(name.startswith("x") for name in outcome.files)


def test_histories_with_nothing_in_common_are_an_error(repo: Repo, tmp_path: Path) -> None:
    repo.git("switch", "--quiet", "--orphan", "other")
    repo.commit(z="1")
    repo.git("switch", "--quiet", "main")
    with pytest.raises(Failed, match="unrelated histories"):
        merge(repo, tmp_path, branch="other")


def test_a_branch_that_is_not_there_is_named(repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no commit 'nope'"):
        merge(repo, tmp_path, branch="nope")


OLD = """#!/bin/bash
case " $* " in
*" merge-tree "*) exit 129;;
*" version "*) echo "git version 2.34.1"; exit;;
esac
exec {git} "$@"
"""


def test_an_old_git_is_told_to_be_updated(
    repo: Repo, task: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin/git"
    old.parent.mkdir()
    old.write_text(OLD.format(git=shutil.which("git")))
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent), prepend=os.pathsep)
    with pytest.raises(Failed, match=r"this git is 2\.34\.1, and merging needs 2\.38") as caught:
        merges.merge_check(repo.sow, "main", "main--010")
    assert caught.value.hint


# A conflict goes back to the agent


def test_a_conflict_is_brought_to_the_agent_who_settles_it(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.commit(**{"a.txt": "mine\n", ".sow/project/state.yaml": "v: 2\n"})
    task.commit(**{".sow/project/state.yaml": "v: task\n"})
    assert merges.bring(task.sow, "main", str(tmp_path / "intent")) == ["a.txt"]
    assert task.read("a.txt").splitlines()[1::2] == ["task", "mine"]
    assert task.read(".sow/project/state.yaml") == "v: 2\n"
    assert merges.bring(task.sow, "main", str(tmp_path / "intent")) == ["a.txt"]
    with pytest.raises(commits.Unresolved):
        commits.commit_leftovers(task.sow, "left over")

    task.write("a.txt", "both\n")
    assert merges.bring(task.sow, "main", str(tmp_path / "intent")) == []
    assert commits.commit_leftovers(task.sow, "left over")
    assert isinstance(merge(repo, tmp_path), Merged)
    assert repo.read("a.txt") == "both\n"
    assert repo.status() == task.status() == []


def test_bringing_without_a_conflict_is_a_commit(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.commit(b__txt="mine\n")
    assert merges.bring(task.sow, "main", str(tmp_path / "intent")) == []
    assert task.read("b.txt") == "mine\n"
    assert task.git("rev-parse", "HEAD^2") == repo.git("rev-parse", "main")
    assert task.status() == []
    head = task.git("rev-parse", "HEAD")
    assert merges.bring(task.sow, "main", str(tmp_path / "intent")) == []
    assert task.git("rev-parse", "HEAD") == head


def test_nothing_is_brought_over_uncommitted_work(repo: Repo, task: Repo, tmp_path: Path) -> None:
    repo.commit(b__txt="mine\n")
    task.write("b.txt", "work")
    with pytest.raises(Refused, match=r"uncommitted changes: b\.txt"):
        merges.bring(task.sow, "main", str(tmp_path / "intent"))
    assert task.status() == [" M b.txt"]


def test_where_nothing_is_kept_settings_of_both_sides_come_together(repo: Repo, tmp_path: Path) -> None:
    repo.commit("base", **{".sow/config.yaml": "jobs: 3\n", ".sow/agents/tester.md": "old\n"})
    repo.git("switch", "--quiet", "--create", "work")
    repo.commit("theirs", **{".sow/agents/tester.md": "new\n"})
    repo.git("switch", "--quiet", "main")
    repo.commit("ours", **{".sow/config.yaml": "jobs: 4\n"})
    outcome = merges.merge(repo.sow, "work", "main", "Merge", [], str(tmp_path / "intent"), keep_ours=None)
    assert isinstance(outcome, Merged)
    assert (repo.read(".sow/config.yaml"), repo.read(".sow/agents/tester.md")) == ("jobs: 4\n", "new\n")


def test_a_path_further_down_can_be_what_stays(repo: Repo, tmp_path: Path) -> None:
    repo.commit("base", **{".sow/config.yaml": "jobs: 3\n", ".sow/project/state.yaml": "old\n"})
    repo.git("switch", "--quiet", "--create", "work")
    repo.git("rm", "-r", "--quiet", ".sow/project")
    repo.commit("theirs", **{".sow/config.yaml": "jobs: 4\n"})
    repo.git("switch", "--quiet", "main")
    repo.commit("ours", **{".sow/project/more.yaml": "more\n"})
    keep = ".sow/project"
    outcome = merges.merge(repo.sow, "work", "main", "Merge", [], str(tmp_path / "intent"), keep_ours=keep)
    assert isinstance(outcome, Merged)
    assert repo.read(".sow/config.yaml") == "jobs: 4\n"
    assert sorted(path.name for path in (repo.folder / keep).iterdir()) == ["more.yaml", "state.yaml"]
