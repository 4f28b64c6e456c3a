"""Nothing that a person has set up around git changes what sow does, and sow changes nothing of it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.git.parts import Repo, new_repo

from sow.errors import NotFound
from sow.git import commits, merges, review, worktrees
from sow.git.landing import Merged

TRAILER = "Sow-Task: demo/010/1"

HOOKS = [
    "applypatch-msg",
    "commit-msg",
    "post-checkout",
    "post-commit",
    "post-index-change",
    "post-merge",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "reference-transaction",
]


def all_that_sow_does(repo: Repo, tmp_path: Path) -> None:
    """A task from its worktree to its merge, with state committed beside it."""
    tree = tmp_path / "trees/one"
    assert worktrees.add(repo.sow, str(tree), "main--010", "main")
    task = Repo(tree)
    task.write("c.txt", "c\n")
    assert commits.commit_leftovers(task.sow, "task")
    repo.write(".sow/project/state.yaml", "name: demo\n")
    assert commits.commit_paths(repo.sow, [".sow/project"], "state")
    assert "c.txt" in review.diff(repo.sow, "main", "main--010", stat=True)
    assert merges.bring(task.sow, "main", str(tmp_path / "intent")) == []
    outcome = merges.merge(repo.sow, "main--010", "main", "Merge", [TRAILER], str(tmp_path / "intent"))
    assert isinstance(outcome, Merged)
    assert repo.read("c.txt") == "c\n"
    assert repo.sow.is_clean()
    assert worktrees.remove(repo.sow, str(tree), "main") is None
    assert repo.sow.delete_branch_if_merged("main--010", "main")


def committers(repo: Repo) -> set[str]:
    return set(repo.git("log", "--format=%cn <%ce>", "main").splitlines())


def failing_hooks(repo: Repo, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in HOOKS:
        (folder / name).write_text("#!/bin/sh\necho the hook says no >&2\nexit 1\n")
        (folder / name).chmod(0o755)


def hooks(repo: Repo, tmp_path: Path) -> None:
    failing_hooks(repo, repo.folder / ".git/hooks")


def hooks_elsewhere(repo: Repo, tmp_path: Path) -> None:
    failing_hooks(repo, tmp_path / "hooks")
    repo.git("config", "core.hooksPath", str(tmp_path / "hooks"))


def signing(repo: Repo, tmp_path: Path) -> None:
    for key, value in (("commit.gpgSign", "true"), ("tag.gpgSign", "true"), ("gpg.program", "/bin/false")):
        repo.git("config", key, value)


def no_guess(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "user.useConfigOnly", "true")


def contrary_settings(repo: Repo, tmp_path: Path) -> None:
    for key, value in {
        "status.showUntrackedFiles": "no",
        "status.relativePaths": "false",
        "color.ui": "always",
        "core.quotePath": "true",
        "log.showSignature": "true",
        "merge.ff": "false",
        "merge.verifySignatures": "true",
        "diff.external": "/bin/false",
        "diff.noprefix": "true",
        "rerere.enabled": "true",
        "i18n.commitEncoding": "latin1",
        "core.safecrlf": "true",
        "core.autocrlf": "input",
        "advice.statusHints": "true",
        "core.fsmonitor": "/bin/false",
        "core.editor": "/bin/false",
        "commit.template": "/nowhere",
        "pull.rebase": "true",
        "grep.patternType": "perl",
        "worktree.guessRemote": "true",
        "core.commentChar": "M",
    }.items():
        repo.git("config", key, value)


def branch_called_sow(repo: Repo, tmp_path: Path) -> None:
    repo.git("branch", "sow")
    repo.git("tag", "main--010")


def split_index(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "core.splitIndex", "true")
    repo.git("config", "core.untrackedCache", "true")
    repo.git("update-index", "--split-index")


SURROUNDINGS = [hooks, hooks_elsewhere, signing, no_guess, contrary_settings, branch_called_sow, split_index]


@pytest.mark.parametrize("set_up", SURROUNDINGS)
def test_what_a_person_set_up_does_not_matter(
    repo: Repo, tmp_path: Path, set_up: Callable[[Repo, Path], None]
) -> None:
    set_up(repo, tmp_path)
    all_that_sow_does(repo, tmp_path)


def test_who_is_nobody_commits_as_sow(repo: Repo, tmp_path: Path) -> None:
    all_that_sow_does(repo, tmp_path)
    assert committers(repo) == {"Ada <ada@example.org>", "sow <sow@localhost>"}


@pytest.mark.parametrize("how", ["config", "environment"])
def test_who_is_known_commits_under_that_name(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "config":
        repo.git("config", "user.name", "Bo")
        repo.git("config", "user.email", "bo@example.org")
    else:
        for role in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{role}_NAME", "Bo")
            monkeypatch.setenv(f"GIT_{role}_EMAIL", "bo@example.org")
    all_that_sow_does(repo, tmp_path)
    assert committers(repo) == {"Ada <ada@example.org>", "Bo <bo@example.org>"}


def test_the_environment_of_an_outer_git_is_not_ours(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = new_repo(tmp_path / "other")
    other.commit(x="1")
    before = other.git("rev-parse", "HEAD"), other.status()
    for name, value in {
        "GIT_DIR": str(other.folder / ".git"),
        "GIT_WORK_TREE": str(other.folder),
        "GIT_INDEX_FILE": str(other.folder / ".git/index"),
        "GIT_OBJECT_DIRECTORY": str(other.folder / ".git/objects"),
        "GIT_COMMON_DIR": str(other.folder / ".git"),
        "GIT_NAMESPACE": "x",
        "GIT_PREFIX": "sub/",
        "GIT_EXTERNAL_DIFF": "/bin/false",
        "GIT_AUTHOR_DATE": "2001-01-01T00:00:00Z",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_REFLOG_ACTION": "x",
        "GIT_LITERAL_PATHSPECS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    clean = Repo(repo.folder)
    clean.git = lambda *args, **kw: _without(monkeypatch, repo, *args)  # type: ignore[method-assign]
    all_that_sow_does(clean, tmp_path)
    for name in [name for name in os.environ if name.startswith("GIT_") and "GLOBAL" not in name]:
        monkeypatch.delenv(name)
    assert (other.git("rev-parse", "HEAD"), other.status()) == before
    assert "2001" not in repo.git("log", "--format=%aI")


def _without(monkeypatch: pytest.MonkeyPatch, repo: Repo, *args: str) -> str:
    with monkeypatch.context() as clean:
        for name in [name for name in os.environ if name.startswith("GIT_")]:
            clean.delenv(name)
        return repo.git(*args)


def test_sow_leaves_config_and_hooks_as_they_were(repo: Repo, tmp_path: Path) -> None:
    failing_hooks(repo, repo.folder / ".git/hooks")
    config = (repo.folder / ".git/config").read_bytes()
    all_that_sow_does(repo, tmp_path)
    assert (repo.folder / ".git/config").read_bytes() == config


@pytest.mark.parametrize("name", ["two words", "ünïcode", "new\nline", "-dash", "$HOME", 'quo"te'])
def test_the_repository_may_lie_anywhere(tmp_path: Path, name: str) -> None:
    repo = new_repo(tmp_path / name)
    repo.commit(a__txt="a\n")
    all_that_sow_does(repo, tmp_path / name / "..")


def test_a_repository_of_sha256_is_no_other(tmp_path: Path) -> None:
    repo = new_repo(tmp_path / "repo", "--object-format=sha256")
    assert commits.ensure_commit(repo.sow)
    all_that_sow_does(repo, tmp_path)


def test_a_submodule_is_a_repository_like_any(repo: Repo, tmp_path: Path) -> None:
    outer = new_repo(tmp_path / "outer")
    outer.commit()
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repo.folder), "sub")
    outer.commit()
    sub = Repo(outer.folder / "sub")
    sub.git("switch", "--quiet", "main")
    all_that_sow_does(sub, tmp_path)


def test_a_repository_with_a_submodule_works(repo: Repo, tmp_path: Path) -> None:
    inner = new_repo(tmp_path / "inner")
    inner.commit(x="1")
    repo.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "sub")
    repo.commit()
    all_that_sow_does(repo, tmp_path)


@pytest.mark.parametrize("crlf", ["true", "input"])
def test_line_ends_are_the_persons_choice(repo: Repo, tmp_path: Path, crlf: str) -> None:
    repo.git("config", "core.autocrlf", crlf)
    repo.git("config", "core.safecrlf", "true")
    worktrees.add(repo.sow, str(tmp_path / "t"), "main--010", "main")
    task = Repo(tmp_path / "t")
    task.write("mixed", "one\r\ntwo\n")
    task.write("a.txt", "changed\n" if crlf == "input" else "changed\r\n")
    assert commits.commit_leftovers(task.sow, "task")
    assert isinstance(
        merges.merge(repo.sow, "main--010", "main", "Merge", [TRAILER], str(tmp_path / "intent")), Merged
    )
    assert (repo.folder / "a.txt").read_bytes() == (b"changed\r\n" if crlf == "true" else b"changed\n")
    assert repo.git("cat-file", "-p", "main:mixed") == "one\ntwo"
    assert repo.status() == []


def test_a_main_checkout_that_cant_be_found_is_not_moved_under(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    repo = new_repo(tmp_path / "here", f"--separate-git-dir={tmp_path}/there/git")
    repo.commit(a__txt="a\n")
    worktrees.add(repo.sow, str(tmp_path / "t"), "main--010", "main")
    task = Repo(tmp_path / "t")
    task.commit(a__txt="b\n")
    with pytest.raises(NotFound, match="can't tell where the main checkout of"):
        merges.merge(task.sow, "main--010", "main", "Merge", [TRAILER], str(tmp_path / "intent"))
    assert repo.status() == []
    assert isinstance(
        merges.merge(repo.sow, "main--010", "main", "Merge", [TRAILER], str(tmp_path / "intent")), Merged
    )
    assert (repo.read("a.txt"), repo.status()) == ("b\n", [])
