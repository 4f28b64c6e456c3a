"""sow's own commits: everything an agent left, exactly what was named, nothing of a person's."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from tests.git.parts import Repo, dying_git, new_repo, python

from sow.errors import Busy
from sow.git import commits, index, worktrees
from sow.git.commits import Astray, Unresolved
from sow.git.excludes import ensure_excludes

NAMES = ["-n", "two words", "new\nline", "tab\tin", "ünï", 'quo"te', "back\\slash", ":(top)", "*.txt"]


def show(repo: Repo, commit: str, name: str) -> str:
    return repo.git("show", f"{commit}:{name}")


# The first commit


def test_a_repository_without_a_commit_gets_an_empty_one_and_keeps_what_is_staged(empty: Repo) -> None:
    empty.write("staged", "1")
    empty.git("add", "staged")
    assert commits.ensure_commit(empty.sow)
    assert empty.git("log", "--format=%an <%ae>", "main") == "sow <sow@localhost>"
    assert empty.git("ls-tree", "HEAD") == ""
    assert empty.status() == ["A  staged"]
    assert not commits.ensure_commit(empty.sow)


def test_an_unborn_branch_beside_others_is_left_unborn(repo: Repo) -> None:
    repo.git("switch", "--quiet", "--orphan", "fresh")
    assert not commits.ensure_commit(repo.sow)
    assert repo.git("branch", "--list", "fresh") == ""


# What an agent left


def test_everything_that_is_uncommitted_is_committed(repo: Repo) -> None:
    ensure_excludes(str(repo.folder / ".git"))
    repo.write(".gitignore", "*.log\n")
    repo.write("noise.log", "ignored")
    repo.write("a.txt", "changed\n")
    (repo.folder / "b.txt").unlink()
    repo.write("staged", "1")
    repo.git("add", "staged")
    repo.write("staged", "2")
    for name in (".sow/runtime/x", ".sow/worktrees/y/z", ".sow/inbox/t"):
        repo.write(name, "sow's")
    repo.write(".sow/project/state.yaml", "name: demo\n")
    made = commits.commit_leftovers(repo.sow, "left over", author="Claude <agent@example.org>")
    assert made == repo.git("rev-parse", "main")
    names = repo.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert names == [".gitignore", ".sow/project/state.yaml", "a.txt", "staged"]
    assert show(repo, "HEAD", "staged") == "2"
    assert repo.git("log", "-1", "--format=%an %ae %cn") == "Claude agent@example.org sow"
    assert repo.status() == []
    assert commits.commit_leftovers(repo.sow, "again") is None


def test_sows_folders_are_left_out_even_where_git_was_not_told(repo: Repo) -> None:
    repo.write(".sow/runtime/x", "sow's")
    assert commits.commit_leftovers(repo.sow, "left over") is None


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"latin-\xe9")])
def test_no_name_of_a_file_is_too_odd(repo: Repo, name: str) -> None:
    repo.write(name, "odd\n")
    assert repo.sow.dirty_files() == [name]
    assert commits.commit_leftovers(repo.sow, "left over")
    assert repo.sow.is_clean()
    (repo.folder / name).write_text("odder\n")
    assert commits.commit_paths(repo.sow, [name], "exactly")
    assert repo.sow.names("ls-files", "-z", "--", name) == [name]
    (repo.folder / name).unlink()
    assert commits.commit_paths(repo.sow, [name], "gone")
    assert repo.sow.is_clean()


def test_files_and_folders_may_change_places(repo: Repo) -> None:
    repo.commit(**{"dir/x": "1"})
    (repo.folder / "a.txt").unlink()
    repo.write("a.txt/inside", "1")
    (repo.folder / "dir/x").unlink()
    (repo.folder / "dir").rmdir()
    (repo.folder / "dir").symlink_to("b.txt")
    assert commits.commit_leftovers(repo.sow, "left over")
    assert repo.git("ls-tree", "-r", "--name-only", "HEAD").split() == ["a.txt/inside", "b.txt", "dir"]
    assert repo.status() == []


def test_a_repository_inside_is_not_swallowed(repo: Repo) -> None:
    inner = new_repo(repo.folder / "inner")
    inner.commit(x="1")
    new_repo(repo.folder / "without a commit")
    repo.write("c.txt", "c")
    assert commits.commit_leftovers(repo.sow, "left over")
    assert repo.git("ls-tree", "--name-only", "HEAD").split() == ["a.txt", "b.txt", "c.txt"]
    assert repo.sow.dirty_files() == ["inner/", "without a commit/"]


def conflict(repo: Repo) -> None:
    """Leaves an open merge in which a.txt is in conflict and side.txt came in."""
    repo.git("switch", "--quiet", "--create", "side")
    repo.commit(a__txt="side\n", side__txt="side\n")
    repo.git("switch", "--quiet", "main")
    repo.commit(a__txt="main\n")
    repo.git("merge", "side", check=False)
    assert "<<<<<<<" in repo.read("a.txt")


def test_an_open_merge_with_markers_is_not_committed_and_loses_nothing(repo: Repo) -> None:
    conflict(repo)
    repo.write("more.txt", "work")
    before = repo.status()
    with pytest.raises(Unresolved, match=r"a\.txt") as caught:
        commits.commit_leftovers(repo.sow, "left over")
    assert caught.value.files == ["a.txt"]
    assert repo.status() == before


def test_an_open_merge_that_was_settled_is_concluded(repo: Repo) -> None:
    conflict(repo)
    repo.write("a.txt", "both\n")
    made = commits.commit_leftovers(repo.sow, "left over")
    assert made
    assert repo.git("rev-parse", "HEAD^2") == repo.git("rev-parse", "side")
    assert (show(repo, made, "a.txt"), show(repo, made, "side.txt")) == ("both", "side")
    assert repo.status() == []
    assert repo.sow.unfinished() is None


def test_one_side_of_a_conflict_is_taken_only_by_git_add(repo: Repo) -> None:
    conflict(repo)
    repo.write("a.txt", "main\n")
    with pytest.raises(Unresolved):
        commits.commit_leftovers(repo.sow, "left over")
    repo.git("add", "a.txt")
    assert commits.commit_leftovers(repo.sow, "left over")
    assert len(repo.git("rev-list", "--parents", "-1", "HEAD").split()) == 3


def test_work_off_its_branch_is_told_and_stays(repo: Repo) -> None:
    conflict(repo)
    repo.git("merge", "--abort")
    repo.git("rebase", "side", check=False)
    assert repo.sow.unfinished() == "rebase"
    before = repo.status()
    with pytest.raises(
        Astray, match="should be on branch main, and is on no branch, in the middle of a rebase"
    ):
        commits.commit_leftovers(repo.sow, "left over", branch="main")
    assert repo.status() == before


# Exact paths


def test_only_the_named_paths_are_committed_and_the_staged_stay_staged(repo: Repo) -> None:
    repo.write(".gitignore", ".sow\n")
    repo.commit()
    repo.write("a.txt", "staged\n")
    repo.git("add", "a.txt")
    repo.write("a.txt", "and changed\n")
    repo.write("b.txt", "changed\n")
    repo.write(".sow/project/state.yaml", "name: demo\n")
    made = commits.commit_paths(repo.sow, [".sow/project", "not/there"], "sow: state")
    assert made
    assert repo.git("show", "--name-only", "--format=", made) == ".sow/project/state.yaml"
    assert repo.status() == ["MM a.txt", " M b.txt"]
    assert repo.git("show", ":a.txt") == "staged"
    assert commits.commit_paths(repo.sow, [".sow/project"], "again") is None

    (repo.folder / ".sow/project/state.yaml").unlink()
    assert commits.commit_paths(repo.sow, [".sow/project"], "sow: finished")
    assert repo.git("ls-tree", "HEAD", ".sow") == ""
    assert repo.status() == ["MM a.txt", " M b.txt"]


def test_paths_are_not_committed_on_another_branch(repo: Repo) -> None:
    repo.git("switch", "--quiet", "--create", "other")
    repo.write("a.txt", "x")
    with pytest.raises(Astray, match="should be on branch main, and is on branch other"):
        commits.commit_paths(repo.sow, ["a.txt"], "no", branch="main")
    assert repo.status() == [" M a.txt"]


def test_a_subfolder_commits_what_its_checkout_has(repo: Repo) -> None:
    repo.write("sub/x", "1")
    sub = Repo(repo.folder / "sub")
    assert commits.commit_paths(sub.sow, ["sub/x"], "from below")
    repo.write("a.txt", "2")
    assert commits.commit_leftovers(sub.sow, "from below")
    assert repo.status() == []


# Locks


def test_the_lock_of_a_git_that_died_is_taken_away(repo: Repo) -> None:
    (repo.folder / ".git/index.lock").write_bytes(b"")
    repo.write("c.txt", "c")
    assert commits.commit_leftovers(repo.sow, "left over")
    assert not (repo.folder / ".git/index.lock").exists()


def test_the_lock_of_somebody_who_lives_is_waited_for(repo: Repo) -> None:
    repo.write("c.txt", "c")
    lock = repo.folder / ".git/index.lock"
    with python("import sys; f = open(sys.argv[1], 'w'); print(flush=True); input()", str(lock)) as holder:
        with pytest.raises(Busy, match=r"index\.lock"), index.held(repo.sow, dead_git=True, wait=0.3):
            pass
        holder.communicate(b"\n")
    assert commits.commit_leftovers(repo.sow, "left over")


HOLD = """
import sys
from sow.git import index
from sow.git.repository import Git
with index.held(Git(sys.argv[1])):
    print(flush=True)
    input()
"""


def test_the_lock_of_a_sow_that_was_killed_is_known_by_its_words(
    repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    with python(HOLD, str(repo.folder)) as holder:
        with pytest.raises(Busy), index.held(repo.sow, wait=0.1):
            pass
        holder.send_signal(signal.SIGKILL)
    assert (repo.folder / ".git/index.lock").exists()
    repo.write("a.txt", "2")
    monkeypatch.setattr(index, "WAIT_SECONDS", 120.0)
    started = time.monotonic()
    assert commits.commit_paths(repo.sow, ["a.txt"], "on")
    assert time.monotonic() - started < 60
    assert sorted(p.name for p in (repo.folder / ".git").glob("index*")) == ["index", "index.sow"]


def test_a_foreign_lock_is_never_taken_from_a_persons_checkout(repo: Repo) -> None:
    (repo.folder / ".git/index.lock").write_bytes(b"")
    with pytest.raises(Busy), index.held(repo.sow, wait=0.1):
        pass
    assert (repo.folder / ".git/index.lock").exists()


def test_two_linked_worktrees_have_an_index_each(repo: Repo, tmp_path: Path) -> None:
    worktrees.add(repo.sow, str(tmp_path / "one"), "one", "main")
    with index.held(repo.sow, wait=0.1), index.held(Repo(tmp_path / "one").sow, wait=0.1):
        pass


LEFTOVERS = """
import sys
from sow.git import commits
from sow.git.repository import Git
print(flush=True)
sys.stdin.readline()
if sys.argv[2] == "leftovers":
    commits.commit_leftovers(Git(sys.argv[1]), "left over")
else:
    commits.commit_paths(Git(sys.argv[1]), ["a.txt", "new"], "exactly")
"""


@pytest.mark.parametrize("what", ["leftovers", "paths"])
@pytest.mark.parametrize("deed", ["true", '$git "$@"'], ids=["before the branch moves", "after"])
def test_a_commit_cut_short_is_made_once(repo: Repo, tmp_path: Path, what: str, deed: str) -> None:
    repo.write("a.txt", "changed\n")
    repo.write("new", "1")
    if what == "paths":
        repo.write("b.txt", "staged\n")
        repo.git("add", "b.txt")
    path = dying_git(tmp_path, "update-ref -m", deed)
    sow = python(LEFTOVERS, str(repo.folder), what, env={"PATH": f"{path}:{os.environ['PATH']}"})
    sow.communicate(b"\n")
    assert sow.returncode == -signal.SIGKILL
    if what == "leftovers":
        made = commits.commit_leftovers(repo.sow, "left over")
    else:
        made = commits.commit_paths(repo.sow, ["a.txt", "new"], "exactly")
    assert (made is None) == (deed != "true")
    assert repo.git("rev-list", "--count", "main") == "2"
    assert repo.git("show", "--name-only", "--format=", "main").split() == ["a.txt", "new"]
    assert repo.status() == (["M  b.txt"] if what == "paths" else [])
    assert not (repo.folder / ".git/index.lock").exists()


# A path that is left out


def test_a_path_is_left_out_of_a_branch_and_the_rest_of_the_checkout_stays_as_it_is(repo: Repo) -> None:
    tip = repo.commit("state", sow__project="s\n", **{"deep/inner": "i\n"})
    made = commits.without(repo.sow, tip, "deep", "deep goes")
    assert made
    assert (repo.git("rev-parse", "main"), repo.status()) == (tip, [])
    repo.write("a.txt", "changed\n")
    repo.write("b.txt", "staged\n")
    repo.git("add", "b.txt")
    shutil.rmtree(repo.folder / "deep")
    assert commits.leave_out(repo.sow, "deep", "main", tip, made)
    assert commits.leave_out(repo.sow, "deep", "main", tip, made), "again, nothing is left to do"
    assert repo.git("rev-parse", "main", "main^").split() == [made, tip]
    assert sorted(repo.status()) == [" M a.txt", "M  b.txt"]
    assert repo.git("diff-tree", "-r", "--name-only", "main^", "main") == "deep/inner"


def test_where_there_is_no_such_path_no_commit_leaves_it_out(repo: Repo) -> None:
    assert commits.without(repo.sow, repo.git("rev-parse", "HEAD"), "deep", "deep goes") is None


def test_a_branch_that_has_moved_on_is_left_where_it_is(repo: Repo) -> None:
    tip = repo.commit("state", **{"deep/inner": "i\n"})
    made = commits.without(repo.sow, tip, "deep", "deep goes")
    assert made
    later = repo.commit("later", c__txt="c\n")
    assert not commits.leave_out(repo.sow, "deep", "main", tip, made)
    assert (repo.git("rev-parse", "main"), repo.status()) == (later, [])
    repo.git("switch", "--quiet", "--create", "other")
    with pytest.raises(commits.Astray):
        commits.leave_out(repo.sow, "deep", "main", later, made)
