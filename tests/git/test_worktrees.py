"""A worktree is there after `add`, whatever was there before; and is gone only when nothing is lost."""

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.git.parts import Repo, python

from sow.errors import Failed, Refused
from sow.git import alive, worktrees
from sow.git.repository import GitFailed
from sow.git.worktrees import Occupied


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trees/feat ü--010"


def add(repo: Repo, path: Path, branch: str = "feat--010") -> bool:
    return worktrees.add(repo.sow, str(path), branch, "main")


def test_a_worktree_is_made_on_a_new_branch_and_found_the_second_time(repo: Repo, path: Path) -> None:
    assert add(repo, path)
    assert Repo(path).git("symbolic-ref", "HEAD") == "refs/heads/feat--010"
    assert (path / "a.txt").read_text() == "a\n"
    assert not add(repo, path)
    [main, made] = worktrees.all_of(repo.sow)
    assert (main.path, main.branch) == (str(repo.folder), "main")
    assert (made.path, made.branch, made.gone, made.locked) == (str(path), "feat--010", False, None)


def test_a_branch_that_is_there_is_taken_as_it_is(repo: Repo, path: Path) -> None:
    repo.git("branch", "feat--010")
    kept = repo.commit()
    repo.git("branch", "--force", "feat--010", kept)
    repo.git("reset", "--quiet", "--hard", "HEAD~")
    add(repo, path)
    assert Repo(path).git("rev-parse", "HEAD") == kept


def test_a_worktree_that_vanished_is_made_again_with_its_commits(repo: Repo, path: Path) -> None:
    add(repo, path)
    kept = Repo(path).commit(c="1")
    shutil.rmtree(path)
    assert worktrees.all_of(repo.sow)[1].gone
    assert add(repo, path)
    assert Repo(path).git("rev-parse", "HEAD") == kept
    assert Repo(path).status() == []
    assert len(worktrees.all_of(repo.sow)) == 2


def test_commits_that_only_a_vanished_worktree_knew_are_kept(repo: Repo, path: Path) -> None:
    add(repo, path)
    Repo(path).git("switch", "--quiet", "--detach")
    lost = Repo(path).commit(c="1")
    shutil.rmtree(path)
    add(repo, path)
    assert repo.git("for-each-ref", "--format=%(objectname)", worktrees.SALVAGE) == lost


def test_a_worktree_in_use_is_not_touched(repo: Repo, path: Path) -> None:
    add(repo, path)
    Repo(path).git("switch", "--quiet", "--detach")
    Repo(path).write("a.txt", "work")
    assert not add(repo, path)
    assert Repo(path).status() == [" M a.txt"]


def test_what_is_not_ours_is_refused(repo: Repo, path: Path, tmp_path: Path) -> None:
    path.mkdir(parents=True)
    (path / "precious").write_text("x")
    with pytest.raises(Occupied, match="is there already"):
        add(repo, path)
    assert not repo.sow.branch_exists("feat--010")
    with pytest.raises(Occupied, match=f"branch main is in use in {repo.folder}"):
        add(repo, tmp_path / "other", "main")
    add(repo, tmp_path / "other", "other")
    with pytest.raises(Occupied, match="is on branch other, not on feat--010"):
        add(repo, tmp_path / "other")


def test_an_empty_folder_and_a_dead_link_are_no_obstacle(repo: Repo, path: Path) -> None:
    path.mkdir(parents=True)
    assert add(repo, path)
    for entry in path.iterdir():
        if entry.name != ".git":
            entry.unlink()
    shutil.rmtree(repo.folder / ".git/worktrees")
    assert add(repo, path)
    assert Repo(path).status() == []


def test_a_worktree_that_its_owner_locked_is_not_given_up(repo: Repo, path: Path) -> None:
    add(repo, path)
    repo.git("worktree", "lock", "--reason", "on the stick", str(path))
    shutil.rmtree(path)
    with pytest.raises(Occupied, match="is locked"):
        add(repo, path)


@pytest.mark.parametrize(("there", "asked"), [("feat", "feat/x"), ("feat/x", "feat"), ("sow", "sow/demo")])
def test_a_branch_that_would_be_file_and_folder_is_refused(
    repo: Repo, path: Path, there: str, asked: str
) -> None:
    repo.git("branch", there)
    with pytest.raises(Refused, match=f"can't be a branch '{asked}' beside the branch '{there}'"):
        add(repo, path, asked)
    assert not path.exists()


@pytest.mark.parametrize("name", ["", "-x", "a b", "a..b", "a/", "HEAD", "@", "x.lock", "a//b", "é\x7f"])
def test_a_bad_name_is_refused(repo: Repo, path: Path, name: str) -> None:
    with pytest.raises(Refused, match="can't be the name of a branch"):
        add(repo, path, name)


def test_a_tag_of_the_same_name_does_not_mislead(repo: Repo, path: Path) -> None:
    repo.git("tag", "feat--010")
    repo.commit(c="1")
    add(repo, path)
    assert Repo(path).git("symbolic-ref", "HEAD") == "refs/heads/feat--010"
    assert (path / "c").exists()


def test_a_registration_that_git_was_killed_over_is_in_nobodys_way(
    repo: Repo, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worktrees, "_MAKER_SECONDS", 0.0)
    left = repo.folder / ".git/worktrees/left"
    left.mkdir(parents=True)
    (left / "gitdir").write_text(f"{path}/.git\n")
    (left / "locked").write_text("initializing")
    (left / "commondir").write_text("")
    assert worktrees.torn(f"{repo.folder}/.git") == [str(left)]
    writes = "import sys; file = open(sys.argv[1]); print(flush=True); input()"
    with python(writes, str(left / "commondir")) as writer:
        with pytest.raises(GitFailed, match="commondir"):
            worktrees.all_of(repo.sow)
        assert left.exists(), "somebody may be just writing it"
        writer.kill()
    assert add(repo, path)
    assert Repo(path).status() == []


def test_a_git_that_is_just_ending_over_a_worktree_is_waited_for(
    repo: Repo, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo.git("branch", "feat--010")
    repo.git("worktree", "add", "-q", "--no-checkout", str(path), "feat--010")
    locked = next((repo.folder / ".git/worktrees").iterdir()) / "locked"
    locked.write_text("initializing")
    with python("import sys; file = open(sys.argv[1]); print(flush=True); input()", str(locked)) as maker:
        with monkeypatch.context() as patch:
            patch.setattr(worktrees, "_MAKER_SECONDS", 0.0)
            with pytest.raises(Occupied, match="just making the worktree"):
                add(repo, path)
        ended = alive._ended

        def killed_while_it_is_waited_for(pid: int, seconds: float) -> bool:
            maker.kill()
            return ended(pid, seconds)

        monkeypatch.setattr(alive, "_ended", killed_while_it_is_waited_for)
        assert add(repo, path)
    assert Repo(path).status() == []


@pytest.mark.slow
def test_a_worktree_is_there_after_any_kill(repo: Repo, tmp_path: Path) -> None:
    repo.commit(**{f"files/{number:03}": f"{number}\n" * 50 for number in range(400)})
    for round in range(12):
        path, branch = tmp_path / f"trees/{round}", f"feat--{round:03}"
        repo.git("branch", branch)
        maker = subprocess.Popen(
            ["git", "-C", str(repo.folder), "worktree", "add", "-q", str(path), branch],
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        time.sleep(round * 0.002)  # where the kill falls, not what we wait for
        os.killpg(maker.pid, signal.SIGKILL)
        maker.wait()
        add(repo, path, branch)
        assert Repo(path).git("symbolic-ref", "--short", "HEAD") == branch
        assert Repo(path).status() == []
        assert worktrees.all_of(repo.sow)[-1].locked is None


# Removing


def test_a_merged_and_clean_worktree_goes_and_its_branch_after_it(repo: Repo, path: Path) -> None:
    add(repo, path)
    Repo(path).commit(c="1")
    repo.git("merge", "--quiet", "--ff-only", "feat--010")
    assert not repo.sow.delete_branch_if_merged("feat--010", "main"), "it is checked out"
    assert worktrees.remove(repo.sow, str(path), "main") is None
    assert not path.exists()
    assert repo.sow.delete_branch_if_merged("feat--010", "main")
    assert not repo.sow.branch_exists("feat--010")
    assert worktrees.remove(repo.sow, str(path), "main") is None


def test_a_worktree_with_something_to_lose_stays(repo: Repo, path: Path) -> None:
    add(repo, path)
    task = Repo(path)

    def reason() -> str | None:
        why = worktrees.remove(repo.sow, str(path), "main")
        assert path.exists()
        return why

    task.write("new", "1")
    assert reason() == "not committed: new"
    task.commit()
    assert reason() == "commits that are not in main: 1"
    assert not repo.sow.delete_branch_if_merged("feat--010", "main")
    repo.git("merge", "--quiet", "feat--010")
    task.git("worktree", "lock", str(path))
    assert reason() == "it is locked"
    task.git("worktree", "unlock", str(path))
    (task.folder / "a.txt").unlink()
    assert reason() == "not committed: a.txt"
    assert worktrees.remove(repo.sow, str(repo.folder), "main") is not None


def killed_at(step: int, repo: Repo, path: Path) -> bool:
    """Removes a worktree in a process that is killed at its `step`-th change of the disk.

    False if it came to its end before.
    """
    child = os.fork()
    if child == 0:
        left = [step]

        def fatal(real: Callable[..., None]) -> Callable[..., None]:
            def call(*words: object, **more: object) -> None:
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                real(*words, **more)

            return call

        for name in ("rename", "unlink", "rmdir"):
            setattr(os, name, fatal(getattr(os, name)))
        os._exit(0 if worktrees.remove(repo.sow, str(path), "main") is None else 1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_a_removal_that_is_killed_anywhere_leaves_the_worktree_whole_or_gone(repo: Repo, path: Path) -> None:
    step = 1
    add(repo, path)
    while killed_at(step, repo, path):
        if (path / ".git").exists():
            assert Repo(path).status() == []
        if step % 2:
            assert worktrees.remove(repo.sow, str(path), "main") is None
            assert not path.exists()
        else:
            add(repo, path)
            assert Repo(path).status() == []
            assert worktrees.remove(repo.sow, str(path), "main") is None
        assert len(worktrees.all_of(repo.sow)) == 1
        assert list(path.parent.iterdir()) == []
        step += 1
        add(repo, path)
    assert step > 10, "it changes the disk more often than that"


def test_a_folder_that_only_lost_its_link_keeps_its_files(repo: Repo, path: Path) -> None:
    add(repo, path)
    (path / ".git").unlink()
    (path / "precious").write_text("x")
    assert worktrees.remove(repo.sow, str(path), "main") is None
    assert (path / "precious").read_text() == "x"
    assert len(worktrees.all_of(repo.sow)) == 1


def test_why_it_would_stay_is_told_without_removing_it(repo: Repo, path: Path) -> None:
    add(repo, path)
    assert worktrees.reason_to_stay(repo.sow, str(path), "main") is None
    assert path.exists()
    Repo(path).write("new", "1")
    assert worktrees.reason_to_stay(repo.sow, str(path), "main") == "not committed: new"
    repo.git("worktree", "lock", "--reason", "on the stick", str(path))
    shutil.rmtree(path)
    why = "its folder is missing, and it is locked: on the stick"
    assert worktrees.remove(repo.sow, str(path), "main") == why
    assert len(worktrees.all_of(repo.sow)) == 2


def test_the_worktree_of_the_repository_that_this_one_was_copied_from_stays(
    repo: Repo, path: Path, tmp_path: Path
) -> None:
    add(repo, path)
    shutil.copytree(repo.folder, tmp_path / "copy")
    copy = Repo(tmp_path / "copy")
    assert worktrees.remove(copy.sow, str(path), "main") == f"{path} leads to another repository"
    assert Repo(path).status() == []
    assert worktrees.remove(repo.sow, str(path), "main") is None


def test_what_the_disk_does_not_let_go_is_told(
    repo: Repo, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(repo, path)

    def refused(*words: object, **more: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/there/it")

    monkeypatch.setattr(os, "rename", refused)
    with pytest.raises(Failed, match="can't remove /there/it: Permission denied"):
        worktrees.remove(repo.sow, str(path), "main")
    assert Repo(path).status() == []


def test_an_unmerged_branch_is_never_deleted(repo: Repo) -> None:
    repo.git("branch", "side")
    repo.git("switch", "--quiet", "side")
    repo.commit(c="1")
    repo.git("switch", "--quiet", "main")
    assert not repo.sow.delete_branch_if_merged("side", "main")
    assert not repo.sow.delete_branch_if_merged("main", "main")
    assert repo.sow.branch_exists("side")
