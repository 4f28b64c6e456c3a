"""What git says, and how it is said to a person when git fails."""

import os
import signal
import threading
from pathlib import Path

import pytest
from tests.git.parts import Repo, new_repo

from sow.errors import Failed, NotFound
from sow.git import alive
from sow.git.excludes import IGNORED, ensure_excludes
from sow.git.repository import TOKEN, Git, GitFailed


def test_a_failure_names_the_command_the_place_and_gits_own_words(repo: Repo) -> None:
    said = r"git cat-file -t failed in .*repo: Not a valid object name nope"
    with pytest.raises(GitFailed, match=said) as caught:
        repo.sow.run("cat-file", "-t", "nope")
    assert caught.value.command == ("cat-file", "-t", "nope")
    assert caught.value.code == 128
    assert caught.value.hint
    assert repo.sow.run("cat-file", "-e", "nope", ok=(128,)) == ""


def test_outside_a_repository_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="is in no git repository"):
        Git(str(tmp_path)).commit_of("HEAD")
    with pytest.raises(NotFound, match="is in no git repository"):
        _ = Git(str(tmp_path)).places


def test_without_a_git_program_it_says_so(repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Failed, match="no git program") as caught:
        repo.sow.is_clean()
    assert "install git" in caught.value.hint


def test_a_folder_that_is_gone_is_a_failure_of_git_not_of_python(tmp_path: Path) -> None:
    with pytest.raises(GitFailed, match="No such file or directory"):
        Git(str(tmp_path / "gone")).run("status")


def test_a_commit_may_be_named_in_any_way_and_a_branch_comes_before_a_tag(repo: Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.git("tag", "side")
    repo.git("switch", "--quiet", "--create", "side")
    second = repo.commit(c="1")
    git = repo.sow
    assert git.commit_of("side") == git.commit_of(second) == git.commit_of("HEAD") == second
    assert git.commit_of("refs/tags/side") == git.commit_of(first[:10]) == git.commit_of("main") == first
    assert git.maybe_commit_of("--all") is None
    assert git.is_ancestor(first, second)
    assert not git.is_ancestor(second, first)
    with pytest.raises(NotFound, match="no commit 'nope'"):
        git.commit_of("nope")


def test_the_current_branch_is_known_before_its_first_commit_and_none_when_detached(empty: Repo) -> None:
    assert empty.sow.current_branch() == "main"
    assert not empty.sow.branch_exists("main")
    empty.commit(x="1")
    assert Git(str(empty.folder / "gone")).current_branch() is None, "the checkout above is another"
    empty.git("switch", "--quiet", "--detach")
    assert empty.sow.current_branch() is None


def test_the_default_branch_is_origins_then_the_usual_ones(repo: Repo, tmp_path: Path) -> None:
    assert repo.sow.default_branch() == "main"
    repo.git("branch", "--move", "main", "trunk")
    assert repo.sow.default_branch() == "trunk"
    clone = Repo(tmp_path / "clone")
    repo.git("clone", "--quiet", str(repo.folder), str(clone.folder))
    clone.git("switch", "--quiet", "--create", "main")
    assert clone.sow.default_branch() == "trunk"


def test_a_branch_moves_only_from_where_it_was_read(repo: Repo) -> None:
    first = repo.git("rev-parse", "HEAD")
    second = repo.commit(c="1")
    assert repo.sow.move_branch("side", first, None, "begin")
    assert not repo.sow.move_branch("side", second, None, "begin")
    assert not repo.sow.move_branch("side", first, second, "stale")
    assert repo.sow.move_branch("side", second, first, "on")
    assert repo.sow.tip("side") == second


def test_every_kind_of_change_is_told(repo: Repo) -> None:
    repo.write("a.txt", "changed")
    repo.git("add", "a.txt")
    (repo.folder / "b.txt").unlink()
    repo.write("dir/new", "1")
    repo.write(".sow/runtime/x", "1")
    assert [(one.state, one.path) for one in repo.sow.changes()] == [
        ("M ", "a.txt"),
        (" D", "b.txt"),
        ("??", "dir/new"),
    ]
    assert not repo.sow.is_clean()


def test_an_interrupt_ends_the_git_that_was_started(repo: Repo) -> None:
    mark, waits, is_heard = str(repo.folder), threading.get_ident(), threading.Event()

    def interrupt() -> None:
        while not alive.bearing(TOKEN, mark):
            pass
        while not is_heard.is_set():
            signal.pthread_kill(waits, signal.SIGINT)
            # One that came right before the wait for git ended no wait: it is pressed again.
            is_heard.wait(30)

    fifo = repo.folder / "fifo"
    os.mkfifo(fifo)
    helper = threading.Thread(target=interrupt)
    helper.start()
    with pytest.raises(KeyboardInterrupt):
        repo.sow.run("hash-object", "fifo", env={TOKEN: mark})
    is_heard.set()
    helper.join()
    assert alive.bearing(TOKEN, mark) == []


def test_a_git_that_takes_longer_than_it_may_is_ended_and_told(repo: Repo) -> None:
    os.mkfifo(repo.folder / "fifo")
    mark = str(repo.folder)
    with pytest.raises(Failed, match=r"git hash-object fifo did not end within 0\.2 s in .*repo"):
        Git(mark, seconds=0.2).at_top().run("hash-object", "fifo", env={TOKEN: mark})
    assert alive.bearing(TOKEN, mark) == []


# What git ignores


def test_sows_folders_are_ignored_once_and_what_was_there_stays(repo: Repo) -> None:
    path = repo.folder / ".git/info/exclude"
    path.write_bytes(b"*.mine\xff")
    path.chmod(0o600)
    assert ensure_excludes(repo.sow.places.common)
    assert not ensure_excludes(repo.sow.places.common)
    assert path.read_bytes() == b"*.mine\xff\n" + "".join(f"{line}\n" for line in IGNORED).encode()
    assert path.stat().st_mode & 0o777 == 0o600
    for folder in IGNORED:
        repo.write(f"{folder}x", "1")
    assert repo.status() == []


def test_a_repository_without_an_info_folder_gets_one(tmp_path: Path) -> None:
    repo = new_repo(tmp_path / "bare", "--template=")
    assert not (repo.folder / ".git/info").exists()
    assert ensure_excludes(repo.sow.places.common)
    assert (repo.folder / ".git/info/exclude").read_text().splitlines() == list(IGNORED)


def test_a_repository_of_somebody_elses_is_refused_with_the_words_that_trust_it() -> None:
    said = "fatal: detected dubious ownership in repository at '/r'\nTo add an exception, call:\n\n"
    said += "\tgit config --global --add safe.directory /r\n"
    fault = GitFailed(("status",), "/r", 128, said)
    assert fault.hint == (
        "if you trust whoever made it: `git config --global --add safe.directory /r`, and repeat"
    )
