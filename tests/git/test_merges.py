"""A merge is computed beside every working tree, made once, and never over anybody's files."""

from pathlib import Path

import pytest
from tests.git.parts import Repo

from sow.git import merges, worktrees
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
    assert not list((repo.folder / ".git").glob("index?*"))[1:], "only the guard may stay beside the index"
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
