"""A folder knows its repository without asking git, and says the same as git."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.git.parts import Repo, new_repo

from sow.errors import NotFound
from sow.git import places
from sow.git.places import Places


def found(folder: Path) -> Places:
    there = places.find(str(folder))
    assert there is not None
    return there


def assert_git_agrees(folder: Path) -> Places:
    there = found(folder)
    repo = Repo(folder)
    assert there.top == repo.git("rev-parse", "--show-toplevel")
    assert there.git_dir == repo.git("rev-parse", "--absolute-git-dir")
    assert there.common == os.path.realpath(folder / repo.git("rev-parse", "--git-common-dir"))
    return there


def test_every_folder_of_a_checkout_finds_its_top(repo: Repo) -> None:
    deep = repo.folder / "x y/ä"
    deep.mkdir(parents=True)
    for folder in (repo.folder, deep):
        there = assert_git_agrees(folder)
        assert there.top == there.main == str(repo.folder)
        assert not there.bare


def test_a_linked_worktree_finds_the_main_checkout(repo: Repo, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    repo.git("worktree", "add", "-q", "-b", "side", str(linked))
    there = assert_git_agrees(linked)
    assert (there.top, there.main) == (str(linked), str(repo.folder))
    assert there.common == str(repo.folder / ".git")


def test_a_link_to_a_folder_finds_what_it_leads_to(repo: Repo, tmp_path: Path) -> None:
    (repo.folder / "sub").mkdir()
    (tmp_path / "link").symlink_to(repo.folder / "sub")
    assert found(tmp_path / "link").top == str(repo.folder)


@pytest.fixture
def submodule(tmp_path: Path) -> Path:
    inner = new_repo(tmp_path / "inner")
    inner.commit(x="1")
    outer = new_repo(tmp_path / "outer")
    outer.commit(y="1")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "lib/sub")
    outer.commit()
    return outer.folder / "lib/sub"


def test_a_submodule_is_its_own_main_checkout(submodule: Path) -> None:
    there = assert_git_agrees(submodule)
    assert there.main == there.top == str(submodule)


def test_the_worktree_of_a_submodule_finds_the_submodule(submodule: Path, tmp_path: Path) -> None:
    Repo(submodule).git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    there = assert_git_agrees(tmp_path / "linked")
    assert there.main == str(submodule)


def test_a_submodule_in_a_linked_worktree_is_its_own_main_checkout(submodule: Path, tmp_path: Path) -> None:
    outer = Repo(submodule.parent.parent)
    linked = Repo(tmp_path / "linked")
    outer.git("worktree", "add", "-q", "-b", "side", str(linked.folder))
    linked.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init")
    there = assert_git_agrees(linked.folder / "lib/sub")
    assert there.main == there.top == str(linked.folder / "lib/sub")


@pytest.mark.parametrize(
    ("name", "main"),
    [("proj/.bare", "proj/.bare"), ("proj/repo.git", "proj/repo.git"), ("proj/.git", "proj")],
)
def test_the_worktrees_of_a_bare_repository_belong_to_it_or_to_the_folder_whose_git_it_is(
    repo: Repo, tmp_path: Path, name: str, main: str
) -> None:
    bare = tmp_path / name
    repo.git("clone", "--quiet", "--bare", str(repo.folder), str(bare))
    Repo(bare).git("worktree", "add", "-q", "-b", "side", str(tmp_path / "proj/side"))
    there = assert_git_agrees(tmp_path / "proj/side")
    assert there.main == str(tmp_path / main)
    assert not there.bare

    inside = found(bare)
    assert inside.bare
    assert inside.top == inside.main == there.main


def test_a_git_file_may_point_to_a_bare_repository_beside_it(repo: Repo, tmp_path: Path) -> None:
    repo.git("clone", "--quiet", "--bare", str(repo.folder), str(tmp_path / "proj/.bare"))
    (tmp_path / "proj/.git").write_text("gitdir: ./.bare\n")
    Repo(tmp_path / "proj/.bare").git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    there = found(tmp_path / "proj")
    assert there.bare
    assert found(tmp_path / "side").main == there.main == str(tmp_path / "proj")


def test_a_git_folder_elsewhere_is_found_from_its_checkout(tmp_path: Path) -> None:
    repo = new_repo(tmp_path / "here", f"--separate-git-dir={tmp_path}/there.git")
    repo.commit(x="1")
    there = assert_git_agrees(repo.folder)
    assert there.main == str(repo.folder)


def test_worktrees_of_a_git_folder_elsewhere_find_the_main_checkout_by_those_below_its_sow(
    tmp_path: Path,
) -> None:
    repo = new_repo(tmp_path / "here", f"--separate-git-dir={tmp_path}/there.git")
    repo.commit(x="1")
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    with pytest.raises(NotFound, match="can't tell where the main checkout of") as caught:
        found(tmp_path / "linked")
    below = repo.folder / ".sow/worktrees/feat/x"
    repo.git("worktree", "add", "-q", "-b", "feat/x", str(below))
    for folder in (tmp_path / "linked", below, tmp_path / "there.git"):
        assert found(folder).main == str(repo.folder)

    repo.git("worktree", "remove", str(below))
    command = caught.value.hint.partition("`git ")[2].rstrip("`").replace("/PATH/OF/IT", str(repo.folder))
    repo.git(*command.split())
    assert found(tmp_path / "linked").main == str(repo.folder)


def test_somebody_in_the_git_folder_is_in_the_checkout(repo: Repo, tmp_path: Path) -> None:
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    assert found(repo.folder / ".git/refs").top == str(repo.folder)
    assert found(repo.folder / ".git/worktrees/linked").top == str(tmp_path / "linked")


def test_outside_git_there_is_no_place(tmp_path: Path) -> None:
    (tmp_path / "x/.git").mkdir(parents=True)  # empty: no repository
    assert places.find(str(tmp_path / "x")) is None


@pytest.mark.parametrize("text", ["gitdir: /nowhere/at/all\n", "nonsense", ""])
def test_a_git_file_that_leads_nowhere_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text)
    with pytest.raises(NotFound, match=r"\.git leads to no repository") as caught:
        places.find(str(tmp_path))
    assert "git worktree repair" in caught.value.hint


def test_finding_a_place_imports_neither_subprocess_nor_pathlib() -> None:
    code = "import sys; from sow.git import places; places.find('.'); print(*sys.modules)"
    root = Path(__file__).parents[2]
    env = {"PYTHONPATH": str(root / "orchestrator")}
    out = subprocess.run(
        [sys.executable, "-S", "-c", code], env=env, capture_output=True, text=True, check=True, cwd=root
    )
    assert not {"subprocess", "pathlib", "re", "typing", "dataclasses"} & set(out.stdout.split())
