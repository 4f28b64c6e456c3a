"""What a person reads before a merge is what the work changed, and nothing of sow's own."""

from pathlib import Path

import pytest
from tests.git.parts import Repo

from sow.git import review, worktrees
from sow.git.review import Logged


@pytest.fixture
def task(repo: Repo, tmp_path: Path) -> Repo:
    worktrees.add(repo.sow, str(tmp_path / "task"), "main--010", "main")
    made = Repo(tmp_path / "task")
    made.commit("first of task", a__txt="task\n")
    made.commit("only state", **{".sow/project/state.yaml": "v: 1\n"})
    return made


def test_a_diff_is_of_the_work_and_not_of_what_the_project_did_since(repo: Repo, task: Repo) -> None:
    repo.commit(b__txt="project\n")
    shown = review.diff(repo.sow, "main", "main--010")
    assert shown.splitlines()[-2:] == ["-a", "+task"]
    assert "b.txt" not in shown
    assert ".sow" not in shown


def test_a_diff_of_a_worktree_has_what_is_not_committed_yet(repo: Repo, task: Repo) -> None:
    task.write("untracked.txt", "u\n")
    task.write("b.txt", "changed\n")
    before = task.status()
    shown = review.diff(task.sow, "main")
    assert [line[6:] for line in shown.splitlines() if line.startswith("+++ ")] == [
        "a.txt",
        "b.txt",
        "untracked.txt",
    ]
    assert task.status() == before


def test_a_diff_may_have_colours_or_be_a_table(repo: Repo, task: Repo) -> None:
    assert "\x1b[3" in review.diff(repo.sow, "main", "main--010", color=True)
    table = review.diff(repo.sow, "main", "main--010", stat=True)
    assert table.split()[:4] == ["a.txt", "|", "2", "+-"]


def test_the_log_names_the_commits_of_the_work(repo: Repo, task: Repo) -> None:
    last = task.commit("second\n\nwith a body", b__txt="2\n")
    [second, first] = review.log(repo.sow, "main", "main--010")
    assert second == Logged(last, "Ada", task.git("log", "-1", "--format=%aI"), "second")
    assert first.subject == "first of task"
    assert review.log(repo.sow, "main--010", "main") == []
