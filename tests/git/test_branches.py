"""Git is asked where the branches stand only where something of them was touched, however that was done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.core.parts import in_status, new_store
from tests.git.parts import Repo

from sow.branches import Branches
from sow.layout import Layout
from sow.runner.touched import Touched
from sow.task import Task
from sow.workspace import Workspace

OWN = "main--010"


class Looks:
    """Branches that are looked at, and how often git was asked."""

    def __init__(self, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        place = Layout(main=str(repo.folder), folder=str(repo.folder), name="demo")
        self.asked = 0
        self.branches = Branches(new_store(folder), Workspace(place, "main"))
        real = Workspace.tips

        def counted(workspace: Workspace) -> dict[str, str]:
            self.asked += 1
            return real(workspace)

        monkeypatch.setattr(Workspace, "tips", counted)

    def look(self) -> list[str]:
        return self.branches.look({"010": TASK}, ())


TASK: Task = in_status("needs_review").replace(branch=OWN)


@pytest.fixture
def looks(repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    repo.commit("second", c__txt="c\n")
    repo.git("branch", OWN)
    made, touched = Looks(repo, tmp_path / "project", monkeypatch), Touched()
    made.branches.heed(touched)
    assert made.look() == []
    made.asked = 0
    yield made
    touched.close()


def _write_the_ref(repo: Repo) -> None:
    (repo.folder / ".git/refs/heads" / OWN).write_text(repo.git("rev-parse", "main~1") + "\n")


def _pack_and_move(repo: Repo) -> None:
    repo.git("pack-refs", "--all")
    repo.git("update-ref", f"refs/heads/{OWN}", "main~1")


@pytest.mark.parametrize(
    ("move", "words"),
    [
        pytest.param(lambda repo: repo.git("branch", "-f", OWN, "main~1"), "was moved", id="by git branch"),
        pytest.param(_write_the_ref, "was moved", id="past git"),
        pytest.param(_pack_and_move, "was moved", id="among packed ones"),
        pytest.param(lambda repo: repo.git("branch", "-D", OWN), "is gone", id="away"),
        pytest.param(
            lambda repo: (repo.git("pack-refs", "--all"), repo.git("branch", "-D", OWN)),
            "is gone", id="away from among packed ones",
        ),
    ],
)  # fmt: skip
def test_a_branch_that_is_moved_is_told_at_the_next_look(
    looks: Looks, repo: Repo, move: Callable[[Repo], object], words: str
) -> None:
    assert (looks.look(), looks.asked) == ([], 0)
    move(repo)
    (told,) = looks.look()
    assert words in told
    assert looks.asked == 1


def test_a_branch_in_a_folder_that_is_new_is_seen(looks: Looks, repo: Repo) -> None:
    repo.git("branch", "a/b/c")
    assert looks.look() == []
    repo.git("branch", "-f", "a/b/c", "main~1")
    asked = looks.asked
    looks.look()
    assert looks.asked == asked + 1


def test_git_is_not_asked_again_for_what_is_no_branch(looks: Looks, repo: Repo) -> None:
    repo.write("a.txt", "changed\n")
    repo.git("stash", "list")
    repo.git("log", "-1")
    assert (looks.look(), looks.asked) == ([], 0)


def test_where_git_fails_it_is_asked_again(looks: Looks, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(workspace: Workspace) -> dict[str, str]:
        raise RuntimeError

    repo.git("branch", "-f", OWN, "main~1")
    with monkeypatch.context() as broken:
        broken.setattr(Workspace, "tips", fails)
        with pytest.raises(RuntimeError):
            looks.look()
    (told,) = looks.look()
    assert "was moved" in told
