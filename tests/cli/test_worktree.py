"""`sow worktree`: what stands where is told, and nothing goes by which anything would be lost."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.cli.parts import AT, Person, changed, everything, with_project
from tests.waiting import until

from sow import eventlog, lease, process, setup
from sow.attempt import Attempt, Attempts
from sow.change import Change
from sow.config import RepositoryConfig
from sow.errors import Refused
from sow.git import places
from sow.layout import task_branch
from sow.runner.local import LocalRunner
from sow.store import Store
from sow.task import Task
from sow.workspace import Workspace
from sow.worktree import Worktrees
from sow_executors.base import Command

BRANCH = "feat/add-login"


def begun(who: Person, name: str = "First") -> Path:
    """A task that an agent was started on; gives its worktree."""
    who.done("task", "add", name, "--agent", "implementer")
    store = who.store()
    task_id = store.tasks().tasks[-1].id
    with who.inside():
        folder, branch, base = workspace(store).prepare(store.task(task_id))

    def start(task: Task) -> Change:
        started = task.start(
            session_id="5e5510", executor="script", at=AT, worktree=folder, branch=branch, base=base
        )
        return Change(task=started)

    store.change_task(task_id, start)
    return Path(folder)


def workspace(store: Store) -> Workspace:
    return Workspace.of(store, RepositoryConfig())


def ended(who: Person, task_id: str = "010", how: str = "complete") -> None:
    """Ends a task by its state alone: nothing is merged, nothing cleared up."""
    moves: dict[str, Callable[[Task], Task]] = {
        "complete": lambda task: task.complete(at=AT),
        "abandon": lambda task: task.abandon(at=AT),
    }
    who.store().change_task(task_id, lambda task: Change(task=moves[how](task)))


def merged(who: Person, branch: str) -> None:
    """The person merges a branch into the project's."""
    project = who.at(f".sow/worktrees/{BRANCH}")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--allow-empty", "--message", "state")
    project.git("merge", "--quiet", "--no-edit", branch)


def rows(who: Person, *words: str) -> dict[str, dict[str, Any]]:
    """What `list --json` tells, by task, project or branch."""
    every = json.loads(who.done("worktree", "list", "--json", *words))
    return {row["task"] or row["project"] or row["branch"]: row for row in every}


def registered(who: Person) -> list[str]:
    return [
        line[9:]
        for line in who.git("worktree", "list", "--porcelain").splitlines()
        if line[:9] == "worktree "
    ]


# list


def test_each_worktree_is_told_with_its_task_and_what_is_in_it(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    first, second, third = (begun(who, name) for name in ("First", "Second", "Third"))
    who.at(first).commit(b__txt="b\n")
    who.at(first).commit(c__txt="c\n")
    who.at(second).write("a.txt", "changed\n")
    who.at(second).write("new.txt", "new\n")
    shutil.rmtree(third)
    who.git("worktree", "add", "--quiet", "-b", "mine", str(tmp_path / "mine"))
    who.git("worktree", "add", "--quiet", "-b", f"{BRANCH}--090", f".sow/worktrees/{BRANCH}--090", BRANCH)

    told = rows(who)
    assert set(told) == {"add-login", "010", "020", "030", f"{BRANCH}--090"}, "a person's own is none of ours"
    assert told["add-login"]["kind"] == "project"
    assert told["add-login"]["of"] == "main"
    assert told["010"] == {
        "path": str(first), "branch": f"{BRANCH}--010", "kind": "task", "project": "add-login", "task": "010",
        "status": "in_progress", "gone": False, "locked": False, "uncommitted": 0, "ahead": 2, "of": BRANCH,
        "unfinished": None, "at_work": None, "problem": None,
    }  # fmt: skip
    assert (told["020"]["uncommitted"], told["020"]["ahead"]) == (2, 0)
    assert (told["030"]["gone"], told["030"]["uncommitted"]) == (True, None)
    assert (told[f"{BRANCH}--090"]["kind"], told[f"{BRANCH}--090"]["of"]) == ("stray", BRANCH)

    lines = who.done("worktree", "list").splitlines()
    assert [line.split()[0] for line in lines] == ["add-login", "[010]", "[020]", "[030]", "-"]
    assert f"clean, 2 ahead of {BRANCH}" in lines[1]
    assert lines[1].endswith(str(first))
    assert "2 uncommitted" in lines[2]
    assert "gone" in lines[3]


def test_the_list_of_one_project_leaves_the_others_out(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    begun(who)
    who.git("worktree", "add", "--quiet", "-b", f"{BRANCH}--090", f".sow/worktrees/{BRANCH}--090", BRANCH)
    who.done("project", "new", "Fast search")
    assert set(rows(who)) == {"add-login", "010", f"{BRANCH}--090", "fast-search"}
    assert set(rows(who, "--project", "add-login")) == {"add-login", "010", f"{BRANCH}--090"}
    assert set(rows(who, "--project", "fast-search")) == {"fast-search"}


def test_where_there_is_none_the_list_is_empty(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    shutil.rmtree(who.folder / ".sow")
    who.git("worktree", "prune")
    said = who.sow("worktree", "list")
    assert (said.code, said.out) == (0, "")
    assert "no worktree of sow's here" in said.err
    assert json.loads(who.done("worktree", "list", "--json")) == []


# remove


@pytest.mark.parametrize("by", ["id", "branch", "path", "relative path"])
def test_a_merged_worktree_of_an_ended_task_goes_with_its_branch(tmp_path: Path, by: str) -> None:
    who = with_project(tmp_path)
    folder, branch = begun(who), f"{BRANCH}--010"
    who.at(folder).commit(b__txt="b\n")
    merged(who, branch)
    ended(who)
    name = {
        "id": "010",
        "branch": branch,
        "path": str(folder),
        "relative path": os.path.relpath(folder, who.folder),
    }[by]
    assert who.done("worktree", "remove", name) == f"Removed {folder} and its merged branch {branch}\n"
    assert not folder.exists()
    assert str(folder) not in registered(who)
    assert who.git("branch", "--list", branch) == ""
    assert who.git("show", f"{BRANCH}:b.txt") == "b"


def test_of_a_task_that_goes_on_only_the_folder_goes_and_is_made_again(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folder = begun(who)
    said = who.sow("worktree", "remove", "010")
    assert (said.code, said.out) == (0, f"Removed {folder}\n")
    assert said.err == "task 010 has not ended: its next start makes the worktree again\n"
    assert not folder.exists()
    assert who.git("branch", "--list", f"{BRANCH}--010")
    with who.inside():
        assert workspace(who.store()).prepare(who.store().task("010"))[0] == str(folder)
    assert (folder / "a.txt").exists()


def uncommitted(who: Person, folder: Path) -> None:
    who.at(folder).write("a.txt", "changed\n")


def untracked(who: Person, folder: Path) -> None:
    who.at(folder).write("new.txt", "new\n")


def unmerged(who: Person, folder: Path) -> None:
    who.at(folder).commit(b__txt="b\n")


def unfinished(who: Person, folder: Path) -> None:
    (Path(who.at(folder).git("rev-parse", "--git-dir")) / "MERGE_HEAD").write_text(
        who.git("rev-parse", "main")
    )


def locked(who: Person, folder: Path) -> None:
    who.git("worktree", "lock", "--reason", "on the stick", str(folder))


def detached(who: Person, folder: Path) -> None:
    who.at(folder).git("switch", "--quiet", "--detach")
    who.at(folder).commit(b__txt="b\n")


SPOILT: dict[Callable[[Person, Path], None], str] = {
    uncommitted: "not committed: a.txt",
    untracked: "not committed: new.txt",
    unmerged: f"commits that are not in {BRANCH}: 1",
    unfinished: "a merge is not finished in it",
    locked: "it is locked: on the stick",
    detached: f"commits that are not in {BRANCH}: 1",
}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """For each of `SPOILT` a task in progress, and one that was completed or abandoned."""
    made = with_project(tmp_path_factory.mktemp("desk"))
    for number, spoil in enumerate(SPOILT):
        spoil(made, begun(made, f"{spoil.__name__}, in progress"))
        spoil(made, begun(made, f"{spoil.__name__}, ended"))
        ended(made, f"{number * 20 + 20:03}", ("complete", "abandon")[number % 2])
    return made


@pytest.mark.parametrize("goes_on", [True, False], ids=["in progress", "ended"])
@pytest.mark.parametrize("spoil", SPOILT, ids=lambda spoil: spoil.__name__)
def test_while_anything_would_be_lost_it_is_refused_and_stays(
    desk: Person, spoil: Callable[[Person, Path], None], goes_on: bool
) -> None:
    task_id = f"{list(SPOILT).index(spoil) * 20 + (10 if goes_on else 20):03}"
    before = everything(desk.folder)
    said = desk.sow("worktree", "remove", task_id)
    assert said.code == 4
    folder = f"{desk.folder}/.sow/worktrees/{BRANCH}--{task_id}"
    assert said.err.splitlines()[0] == f"sow: {folder} stays: {SPOILT[spoil]}"
    assert len(said.err.splitlines()) == 2
    assert changed(before, everything(desk.folder)) == []


def test_prune_leaves_them_all_and_tells_why(desk: Person) -> None:
    before = everything(desk.folder)
    pruned = json.loads(desk.done("worktree", "prune", "--json"))
    goes_on = [f"task {number * 20 + 10:03} is in_progress" for number in range(len(SPOILT))]
    whys = [why for pair in zip(goes_on, SPOILT.values(), strict=True) for why in pair]
    assert [kept["why"] for kept in pruned["kept"]] == whys
    assert pruned["removed"] == []
    assert changed(before, everything(desk.folder)) == []


def test_what_is_unmerged_can_be_given_up_by_the_command_that_is_told(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folder = begun(who)
    unmerged(who, folder)
    ended(who, how="abandon")
    hint = who.sow("worktree", "remove", "010").err.splitlines()[1]
    assert f"branch {BRANCH}--010 keeps them" in hint
    who.git(*hint.rpartition("`git ")[2].rstrip("`").split())
    assert not folder.exists()
    assert who.git("show", f"{BRANCH}--010:b.txt") == "b"


@pytest.mark.parametrize("name", ["add-login's path", BRANCH])
def test_a_projects_own_worktree_stays(tmp_path: Path, name: str) -> None:
    who = with_project(tmp_path)
    folder = f"{who.folder}/.sow/worktrees/{BRANCH}"
    said = who.sow("worktree", "remove", folder if name != BRANCH else name)
    assert said.code == 4
    assert said.err.splitlines()[0] == f"sow: {folder} stays: it holds the state of project add-login"


def test_a_copied_repository_knows_nothing_of_the_originals_worktrees(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folder = begun(who)
    ended(who)
    shutil.copytree(who.folder, tmp_path / "copy", symlinks=True)
    copy = who.at(tmp_path / "copy")
    assert json.loads(copy.done("worktree", "list", "--json")) == []
    assert json.loads(copy.done("worktree", "prune", "--json"))["removed"] == []
    assert folder.exists()
    assert who.done("worktree", "prune").startswith(f"Removed {folder}")


def test_the_main_checkout_stays_whatever_it_is_called(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    assert who.sow("worktree", "remove", ".").code == 3
    assert who.sow("worktree", "remove", "main").code == 3


def test_somebody_who_stands_in_it_is_not_left_nowhere(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folder = begun(who)
    (folder / "deep").mkdir()
    said = who.at(folder / "deep").sow("worktree", "remove", "010", "--project", "add-login")
    assert said.code == 4
    assert "stays: you stand in it" in said.err
    sleeper = subprocess.Popen(["sleep", "60"], cwd=folder / "deep")
    try:
        said = who.sow("worktree", "remove", "010")
        assert said.code == 4
        assert f"stays: process {sleeper.pid} (sleep) stands in it" in said.err
    finally:
        sleeper.kill()
        sleeper.wait()
    assert who.sow("worktree", "remove", "010").code == 0


# At work


@contextmanager
def driver(store: Store, task_id: str = "010") -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that drives a task."""
    code = (
        "import sys; from sow import lease; held = lease.acquire(sys.argv[1], 'attempt 7'); "
        "sys.stdout.write('held\\n'); sys.stdout.flush(); sys.stdin.read()"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    path = f"{store.layout.locks}/turn-{task_id}.lease"
    started = subprocess.Popen(
        [sys.executable, "-c", code, path], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with started:
        assert started.stdout
        assert started.stdout.readline() == b"held\n"
        try:
            yield started
        finally:
            started.kill()


def test_while_its_task_is_driven_it_stays_and_after_the_drivers_death_it_goes(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folder = begun(who)
    store = who.store()
    with driver(store) as other:
        said = who.sow("worktree", "remove", "010")
        assert said.code == 6
        assert f"held by process {other.pid}" in said.err
        assert rows(who)["010"]["at_work"] == f"process {other.pid} is at work on task 010 (attempt 7)"
        ended(who)
        pruned = json.loads(who.done("worktree", "prune", "--json"))
        assert f"process {other.pid} is at work" in pruned["kept"][0]["why"]
        assert folder.exists()
        other.send_signal(signal.SIGKILL)
        other.wait()
    assert who.sow("worktree", "remove", "010").code == 0
    events = [event for line in store.log.lines() if (event := eventlog.parse(line))]
    assert [event["payload"]["holder"] for event in events if event["type"] == "lock.broken"] == ["attempt 7"]
    assert lease.holder(f"{store.layout.locks}/turn-010.lease") is None


@contextmanager
def agent(store: Store, task_id: str = "010") -> Iterator[str]:
    """A real attempt of the task, whose orchestrator is gone; gives its id."""
    attempts, runner = Attempts(store.layout), LocalRunner(base_env={"PATH": os.defpath})
    attempt = attempts.reserve(task_id, 1)
    command = Command(("sleep", "60"), folder="/")
    attempts.keep(
        Attempt(
            id=attempt, task_id=task_id, agent="implementer", executor="script", iteration=1, action="spawn",
            run_id="run-1", folder="/", argv=["sleep", "60"], created_at=AT,
        )
    )  # fmt: skip
    running = runner.start(command, attempt, attempts.folder(attempt), {})
    while runner.look(attempts.folder(attempt)) is None:
        pass
    try:
        yield attempt
    finally:
        runner.stop(running, 0.0)


def test_while_an_agent_lives_whose_orchestrator_is_gone_it_stays(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folder = begun(who)
    with agent(who.store()) as attempt:
        said = who.sow("worktree", "remove", "010")
        assert said.code == 6
        assert said.err.splitlines() == [
            f"sow: {folder} stays: attempt {attempt} is at work on task 010",
            "     wait for it, or end it: `sow agent stop 010`; if no `sow run` is on, start one",
        ]
        assert rows(who)["010"]["at_work"]
        assert folder.exists()


def test_an_agent_is_not_started_while_its_worktree_is_removed(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    begun(who)
    store = who.store()
    with who.inside():
        here = places.find(str(who.folder))
        assert here
        trees = Worktrees(here, (store,))
        one = trees.named("010", store)
        with (
            trees._held(one),
            pytest.raises(lease.Held, match="the removal of the worktree of task 010"),
        ):
            lease.acquire(f"{store.layout.locks}/turn-010.lease", "attempt 7", process.of(os.getppid()))


# prune


def test_prune_removes_what_ended_and_is_merged_and_tells_why_the_rest_stays(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folders = {f"0{number}0": begun(who, f"Task {number}") for number in range(1, 7)}
    who.at(folders["010"]).commit(b__txt="b\n")
    merged(who, f"{BRANCH}--010")
    for task_id, how in (("010", "complete"), ("020", "complete"), ("030", "abandon"), ("060", "abandon")):
        ended(who, task_id, how)
    who.at(folders["020"]).write("new.txt", "new\n")
    who.at(folders["030"]).commit(c__txt="c\n")
    shutil.rmtree(folders["050"])
    stray = who.folder / f".sow/worktrees/{BRANCH}--090"
    who.git("worktree", "add", "--quiet", "-b", f"{BRANCH}--090", str(stray), BRANCH)
    removed = [str(folders[name]) for name in ("010", "050", "060")] + [str(stray)]
    kept = {
        str(folders["020"]): "not committed: new.txt",
        str(folders["030"]): f"commits that are not in {BRANCH}: 1",
        str(folders["040"]): "task 040 is in_progress",
    }

    before = everything(who.folder)
    would = json.loads(who.done("worktree", "prune", "--dry-run", "--json"))
    assert who.done("worktree", "prune", "--dry-run").splitlines() == [
        f"Would remove {path}" if path in removed else f"Would stay: {path}: {kept[path]}"
        for path in sorted(removed + list(kept))
    ]
    assert changed(before, everything(who.folder)) == []
    assert [one["path"] for one in would["removed"]] == sorted(removed)

    told = json.loads(who.done("worktree", "prune", "--json"))
    assert {one["path"]: one["branch_deleted"] for one in told["removed"]} == {
        str(folders["010"]): True, str(folders["050"]): False, str(folders["060"]): True, str(stray): True,
    }  # fmt: skip
    assert {one["path"]: one["why"] for one in told["kept"]} == kept
    project = str(who.folder / f".sow/worktrees/{BRANCH}")
    assert registered(who) == [str(who.folder), project, *sorted(kept)]
    assert json.loads(who.done("worktree", "prune", "--json"))["removed"] == []


def test_prune_keeps_what_it_can_not_know_about(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    begun(who, "First")
    begun(who, "Second")
    store = who.store()
    ended(who, "010")
    ended(who, "020")
    Path(store.layout.task_file("implementation", "010")).write_text("status: [\n")
    kept = json.loads(who.done("worktree", "prune", "--json"))["kept"]
    assert [one["why"] for one in kept] == ["the state file of task 010 is broken"]
    begun(who, "Third")
    Path(store.layout.project_file).write_text("name: [\n")
    # Neither this machine nor the last commit tells which project it is.
    shutil.rmtree(store.layout.last_good)
    who.git("-C", store.layout.folder, "commit", "--quiet", "--all", "--message", "broken")
    kept = json.loads(who.done("worktree", "prune", "--json"))["kept"]
    assert len(kept) == 3, "of a project that can't be read nothing goes, and not the project either"
    assert {one["why"] for one in kept} == {
        f"the state of the project in {store.layout.folder} can't be read"
    }


def test_prune_completes_a_removal_that_was_cut_short(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    folder = begun(who)
    ended(who)
    rest = folder.parent / f".{folder.name}.sow-removed"
    folder.rename(rest)
    told = json.loads(who.done("worktree", "prune", "--json"))
    assert (told["rests"], [one["path"] for one in told["removed"]]) == ([str(rest)], [str(folder)])
    assert sorted(path.name for path in folder.parent.iterdir()) == ["add-login"]


def test_a_project_that_was_begun_in_the_meantime_is_no_stray(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    stray = who.folder / ".sow/worktrees/feat/later"
    who.git("worktree", "add", "--quiet", "-b", "feat/later", str(stray))
    with who.inside():
        here = places.find(str(who.folder))
        assert here
        trees = Worktrees(here, (who.store(),))
        one = trees.named("feat/later", None)
        assert (one.owner.kind, trees.why_kept(one)) == ("stray", None)
        (stray / ".sow/project").mkdir(parents=True)
        (stray / ".sow/project/state.yaml").write_text("name: later\n")
        with pytest.raises(Refused, match="it holds the state of a project"):
            trees.remove(one)
    assert (stray / ".sow/project/state.yaml").exists()


def test_a_project_that_is_being_made_is_waited_for(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.git("worktree", "add", "--quiet", "-b", "feat/later", ".sow/worktrees/feat/later")
    here = places.find(str(who.folder))
    assert here
    with setup.only_one(here) as lock:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "sow", "worktree", "remove", "feat/later"],
            cwd=who.folder, env=who.environment, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(lambda: lock.path in opened_by(waiting.pid))
        assert waiting.poll() is None
        assert (who.folder / ".sow/worktrees/feat/later").exists()
    out, _ = waiting.communicate(timeout=120)
    assert out.startswith("Removed ")


def opened_by(pid: int) -> list[str]:
    """The files that a process has open."""
    handles = Path(f"/proc/{pid}/fd")
    found = []
    for handle in handles.iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(handle))
    return found


def test_an_id_needs_a_project_where_there_are_several(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    begun(who)
    who.done("project", "new", "Fast search")
    assert who.sow("worktree", "remove", "010").code == 2
    assert who.sow("worktree", "remove", "010", "--project", "fast-search").code == 3
    assert who.sow("worktree", "remove", task_branch(BRANCH, "010"), "--project", "add-login").code == 0
