"""What goes to a remote and comes from there: a bare repository on the disk, the person's own hooks."""

from pathlib import Path

import pytest
from tests.git.parts import Repo, new_repo

from sow.errors import Failed, NotFound, Refused
from sow.git import remotes


@pytest.fixture
def origin(repo: Repo, tmp_path: Path) -> Repo:
    """A bare repository that is `origin` of the other, with its `main`."""
    made = new_repo(tmp_path / "origin.git", "--bare")
    repo.git("remote", "add", "origin", str(made.folder))
    repo.git("push", "--quiet", "origin", "main")
    return made


def test_a_remote_is_chosen_by_name_else_origin_else_the_only_one(repo: Repo) -> None:
    assert remotes.chosen(repo.sow, "") is None
    repo.git("remote", "add", "fork", "/nowhere/fork")
    assert remotes.chosen(repo.sow, "") == "fork"
    repo.git("remote", "add", "backup", "/nowhere/backup")
    assert remotes.chosen(repo.sow, "") is None
    repo.git("remote", "add", "origin", "/nowhere/origin")
    assert remotes.chosen(repo.sow, "") == "origin"
    assert remotes.chosen(repo.sow, "backup") == "backup"
    with pytest.raises(NotFound, match="no remote nope") as fault:
        remotes.chosen(repo.sow, "nope")
    assert fault.value.hint == "the remotes: origin, backup, fork"
    assert remotes.address(repo.sow, "fork") == "/nowhere/fork"
    assert remotes.address(repo.sow, "nope") == ""


def test_a_commit_is_pushed_to_a_branch_that_it_is_not_on_yet(repo: Repo, origin: Repo) -> None:
    repo.git("branch", "work")
    tip = repo.commit("further", c__txt="c\n")
    remotes.push(repo.sow, "origin", tip, "work")
    remotes.push(repo.sow, "origin", tip, "work")
    assert origin.git("rev-parse", "work") == tip
    assert repo.git("rev-parse", "work") != tip
    remotes.follow(repo.sow, "origin", "work")
    assert repo.git("rev-parse", "--abbrev-ref", "work@{upstream}") == "origin/work"


def test_what_the_remote_has_is_never_pushed_away(repo: Repo, origin: Repo, tmp_path: Path) -> None:
    other = new_repo(tmp_path / "other")
    other.git("pull", "--quiet", str(origin.folder), "main")
    other.commit("theirs", theirs__txt="t\n")
    other.git("push", "--quiet", str(origin.folder), "HEAD:main")
    theirs = origin.git("rev-parse", "main")
    mine = repo.commit("mine", mine__txt="m\n")
    with pytest.raises(Refused, match="origin has commits on main that are not here") as fault:
        remotes.push(repo.sow, "origin", mine, "main")
    assert fault.value.hint.startswith(f"bring them in: `git -C {repo.folder} pull --no-rebase origin main`")
    assert origin.git("rev-parse", "main") == theirs


def test_a_hook_of_the_persons_is_asked_and_its_words_are_told(repo: Repo, origin: Repo) -> None:
    hook = repo.write(".git/hooks/pre-push", "#!/bin/sh\ncat > pushed; exit $(cat verdict)\n")
    hook.chmod(0o755)
    repo.write("verdict", "1")
    tip = repo.git("rev-parse", "HEAD")
    with pytest.raises(Failed, match="git push to origin failed"):
        remotes.push(repo.sow, "origin", tip, "work")
    repo.write("verdict", "0")
    remotes.push(repo.sow, "origin", tip, "work")
    assert f"{tip} refs/heads/work" in repo.read("pushed").replace(f"{tip} {tip}", tip)


def test_a_remote_that_refuses_says_why(repo: Repo, origin: Repo) -> None:
    hook = origin.write("hooks/pre-receive", "#!/bin/sh\necho 'this branch is frozen' >&2\nexit 1\n")
    hook.chmod(0o755)
    with pytest.raises(Failed, match="this branch is frozen"):
        remotes.push(repo.sow, "origin", repo.git("rev-parse", "HEAD"), "work")


def test_a_remote_that_is_not_there_is_told(repo: Repo) -> None:
    repo.git("remote", "add", "origin", "/nowhere/at/all")
    with pytest.raises(Failed, match="git push to origin failed"):
        remotes.push(repo.sow, "origin", repo.git("rev-parse", "HEAD"), "work")
    with pytest.raises(Failed, match="git fetch from origin failed"):
        remotes.fetch(repo.sow, "origin", "work")


def test_a_branch_is_fetched_and_one_that_is_not_there_is_none(repo: Repo, origin: Repo) -> None:
    tip = repo.git("rev-parse", "HEAD")
    origin.git("branch", "work", "main")
    assert remotes.fetch(repo.sow, "origin", "work") == tip
    assert repo.git("rev-parse", "refs/remotes/origin/work") == tip
    assert remotes.fetch(repo.sow, "origin", "nope") is None
    assert not repo.sow.branch_exists("work")


def test_variables_of_a_hook_have_no_say_and_those_of_a_connection_have(
    repo: Repo, origin: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    tip = repo.git("rev-parse", "HEAD", env={"GIT_DIR": f"{repo.folder}/.git"})
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{origin.folder}.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "forge:demo")
    remotes.push(repo.sow, "forge:demo", tip, "work")
    monkeypatch.delenv("GIT_DIR")
    assert origin.git("rev-parse", "work") == tip
