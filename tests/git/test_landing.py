"""A kill at any point of a merge: it is made once, and nobody's file is overwritten."""

import os
import random
import signal
from contextlib import suppress
from pathlib import Path

import pytest
from tests.git.parts import Repo, dying_git, new_repo, python

from sow.errors import Failed
from sow.git import landing, merges
from sow.git.landing import Blocked, Merged
from sow.git.merges import AlreadyMerged

TRAILER = "Sow-Task: demo/010/1"

MERGE = """
import sys
from sow.git import merges
from sow.git.repository import Git
print(flush=True)
sys.stdin.readline()
merges.merge(Git(sys.argv[1]), "task", "main", "Merge 010", [sys.argv[3]], sys.argv[2])
"""


class Stage:
    """The person's checkout on `main`, and a branch `task` that changes much of it."""

    def __init__(self, folder: Path, files: int) -> None:
        self.repo = repo = new_repo(folder / "repo")
        self.intent = str(folder / "runtime/intent")
        for number in range(files):
            repo.write(f"kept/{number:03}", f"{number}\n" * 400)
            repo.write(f"gone/{number:03}", "x\n")
        repo.write("swap/inner", "a folder\n")
        repo.write("flat", "a file\n")
        repo.write("tool", "#!/bin/sh\n")
        repo.write("mine", "theirs is not mine\n")
        repo.write(".sow/project/state.yaml", "name: demo\n")
        self.old = repo.commit("first")
        repo.git("switch", "--quiet", "--create", "task")
        for number in range(files):
            repo.write(f"kept/{number:03}", f"{number} new\n" * 300)
            (repo.folder / f"gone/{number:03}").unlink()
            repo.write(f"added/{number:03}", "y\n" * 100)
        (repo.folder / "swap/inner").unlink()
        (repo.folder / "swap").rmdir()
        (repo.folder / "swap").symlink_to("flat2")
        (repo.folder / "flat").unlink()
        repo.write("flat/inner", "now a folder\n")
        (repo.folder / "tool").chmod(0o755)
        self.task = repo.commit("task")
        repo.git("switch", "--quiet", "main")
        repo.write("mine", "uncommitted\n")
        self.git_dir = repo.folder / ".git"

    def begin(self, path: str = "") -> None:
        """Merges in a process of its own, which is let go when it is up."""
        env = {"PATH": f"{path}:{os.environ['PATH']}"} if path else {}
        self.sow = python(MERGE, str(self.repo.folder), self.intent, TRAILER, env=env)
        assert self.sow.stdin
        self.sow.stdin.write(b"\n")
        self.sow.stdin.flush()

    def kill(self, when: int, *, git_too: bool) -> None:
        """Kills the merging sow when that many files are new; 0: as soon as it wants to begin."""
        added = self.repo.folder / "added"
        while self.sow.poll() is None:
            if os.path.exists(self.intent) and (
                not when or (added.exists() and len(os.listdir(added)) >= when)
            ):
                break
        children = Path(f"/proc/{self.sow.pid}/task/{self.sow.pid}/children")
        try:
            pids = [int(pid) for pid in children.read_text().split()] if git_too else []
        except OSError:
            pids = []
        self.sow.kill()
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.sow.communicate()

    def merge(self) -> object:
        """The same merge again, by the next sow."""
        settled = landing.settle(self.intent)
        if isinstance(settled, Blocked):
            return settled
        outcome = merges.merge(self.repo.sow, "task", "main", "Merge 010", [TRAILER], self.intent)
        return settled or outcome

    def assert_merged_once(self, *person: str) -> None:
        repo = self.repo
        found = repo.git("log", "--merges", "--format=%(trailers:only)", "main")
        assert found.splitlines() == [TRAILER]
        assert repo.git("rev-parse", "main^1", "main^2").split() == [self.old, self.task]
        assert sorted(repo.status()) == sorted([" M mine", *person])
        self.assert_swept()

    def assert_swept(self) -> None:
        assert self.repo.read("mine") == "uncommitted\n"
        assert not os.path.exists(self.intent)
        assert [p.name for p in self.git_dir.rglob("*.lock")] == []
        assert sorted(p.name for p in self.git_dir.glob("index*")) in (["index"], ["index", "index.sow"])
        assert self.repo.git("fsck", "--no-dangling", "--no-progress") == ""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, files=3)


POINTS = {
    "before it began": "true",
    "with files, index copy and branch done": '$git "$@"',
    "with files and index copy done": "$git -C $2 read-tree -m -u HEAD task",
    "with all files and no index done": "cp $2/.git/index $2/.git/other; "
    "GIT_INDEX_FILE=$2/.git/other $git -C $2 read-tree -m -u HEAD task",
    "with a file half written": "head -c 100 <($git -C $2 show task:kept/000) >$2/kept/000; rm -r $2/gone; "
    "mkdir $2/added; : >$2/added/000; rm $2/kept/001 $2/flat",
    "with a folder for a file, and nothing in it": "rm $2/flat; mkdir $2/flat",
    "with a lock of the branch": ": >$2/.git/refs/heads/main.lock; : >$2/.git/HEAD.lock",
}


@pytest.mark.parametrize("deed", [pytest.param(deed, id=name) for name, deed in POINTS.items()])
def test_a_merge_cut_short_is_completed(stage: Stage, tmp_path: Path, deed: str) -> None:
    stage.begin(dying_git(tmp_path, "merge --ff-only", deed))
    stage.sow.communicate()
    assert stage.sow.returncode == -signal.SIGKILL
    assert os.path.exists(stage.intent)
    assert (stage.git_dir / "index.lock").exists()
    half_done = len(stage.repo.status()) > 1
    assert half_done == (deed not in (POINTS["before it began"], POINTS["with a lock of the branch"]))
    stage.merge()
    stage.assert_merged_once()


@pytest.mark.parametrize("deed", [pytest.param(deed, id=name) for name, deed in POINTS.items()])
def test_what_the_person_did_after_a_kill_stays(stage: Stage, tmp_path: Path, deed: str) -> None:
    stage.begin(dying_git(tmp_path, "merge --ff-only", deed))
    stage.sow.communicate()
    stage.repo.write("kept/002", "precious\n")
    stage.repo.write("added/own", "precious too\n")
    outcome = stage.merge()
    assert stage.repo.read("kept/002") == "precious\n"
    assert stage.repo.read("added/own") == "precious too\n"
    if isinstance(outcome, Blocked):
        assert outcome.files == ["kept/002"]
        assert stage.repo.git("rev-parse", "main") == stage.old
        assert sorted(stage.repo.status()) == [" M kept/002", " M mine", "?? added/"]
        stage.assert_swept()
        stage.repo.git("checkout", "--", "kept/002")
        assert isinstance(stage.merge(), Merged)
        stage.assert_merged_once("?? added/own")
    else:
        stage.assert_merged_once(" M kept/002", "?? added/own")


def test_a_person_who_took_the_lock_away_and_went_on_is_not_undone(stage: Stage, tmp_path: Path) -> None:
    stage.begin(dying_git(tmp_path, "merge --ff-only", POINTS["with a file half written"]))
    stage.sow.communicate()
    (stage.git_dir / "index.lock").unlink()
    stage.repo.git("checkout", "--force", "--quiet", "main")
    stage.repo.write("kept/000", "went on\n")
    stage.repo.write("mine", "uncommitted\n")
    on = stage.repo.commit("the person's")
    assert landing.settle(stage.intent) is None
    assert stage.repo.git("rev-parse", "main") == on
    assert stage.repo.status() == []
    assert merges.merge_check(stage.repo.sow, "main", "task") == ["kept/000"]


def test_where_nothing_is_pending_there_is_nothing_to_settle(tmp_path: Path) -> None:
    assert landing.settle(str(tmp_path / "intent")) is None


def test_an_intent_that_is_none_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "intent").write_text("{}")
    with pytest.raises(Failed, match="intent"):
        landing.settle(str(tmp_path / "intent"))


@pytest.mark.slow
@pytest.mark.parametrize("git_too", [False, True], ids=["sow is killed", "sow and its git are killed"])
def test_a_merge_killed_anywhere_is_made_once(tmp_path: Path, git_too: bool) -> None:
    chance = random.Random(20261121 + git_too)
    for round in range(6):
        stage = Stage(tmp_path / str(round), files=100)
        stage.begin()
        stage.kill(chance.randrange(100), git_too=git_too)
        outcome = stage.merge()
        assert isinstance(outcome, Merged | AlreadyMerged)
        stage.assert_merged_once()


LAST_MOMENT = """
import os, signal, sys
from sow.git import merges
from sow.git.repository import Git
real = os.unlink
def unlink(path, *more):
    real(path, *more)
    if path == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)
os.unlink = unlink
print(flush=True)
sys.stdin.readline()
merges.merge(Git(sys.argv[1]), "task", "main", "Merge 010", [sys.argv[3]], sys.argv[2])
"""


def test_a_lock_that_is_all_that_a_kill_left_goes_with_the_next_look(stage: Stage) -> None:
    sow = python(LAST_MOMENT, str(stage.repo.folder), stage.intent, TRAILER)
    sow.communicate(b"\n")
    assert sow.returncode == -signal.SIGKILL
    assert (stage.git_dir / "index.lock").exists()
    assert isinstance(stage.merge(), AlreadyMerged)
    stage.assert_merged_once()


# Bringing a branch into a task's worktree

BRING = """
import sys
from sow.git import merges
from sow.git.repository import Git
print(flush=True)
sys.stdin.readline()
merges.bring(Git(sys.argv[1]), "main", sys.argv[2])
"""

HALVES = {
    "with a file half written": "printf '<<<' >$2/both; mkdir $2/new; : >$2/new/one",
    "with all files and no word of the merge": '$git "$@"; rm $($git -C $2 rev-parse --git-path MERGE_HEAD)',
    "with all files, and a lock of the index": '$git "$@"; dir=$($git -C $2 rev-parse --absolute-git-dir);'
    "rm $dir/MERGE_HEAD; : >$dir/index.lock",
}


@pytest.mark.parametrize("deed", [pytest.param(deed, id=name) for name, deed in HALVES.items()])
def test_of_a_merge_into_a_worktree_that_was_cut_short_nothing_is_taken_for_its_agents(
    tmp_path: Path, deed: str
) -> None:
    repo = new_repo(tmp_path / "repo")
    repo.commit(both="0\n", theirs="0\n", gone="x\n")
    task = Repo(tmp_path / "task")
    repo.git("worktree", "add", "--quiet", "-b", "task", str(task.folder))
    task.commit(both="task\n")
    (repo.folder / "gone").unlink()
    repo.commit(both="main\n", theirs="main\n", **{"new/one": "main\n"})
    intent = str(tmp_path / "intent")
    sow = python(
        BRING, str(task.folder), intent,
        env={"PATH": f"{dying_git(tmp_path, 'merge --no-ff', deed)}:{os.environ['PATH']}"},
    )  # fmt: skip
    sow.communicate(b"\n")
    assert sow.returncode == -signal.SIGKILL
    assert os.path.exists(intent)
    task.write("gone", "what a person wrote since\n")
    task.write("note", "and another\n")

    landing.take_back(intent)
    assert (task.read("both"), task.read("theirs")) == ("task\n", "0\n")
    assert task.status() == [" M gone", "?? note"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith("intent")) == []
    task.git("checkout", "--quiet", "gone")
    (task.folder / "note").unlink()
    assert merges.bring(task.sow, "main", intent) == ["both"]
    assert merges.bring(task.sow, "main", intent) == ["both"], "what git has noted stays"
