"""`sow doctor`: what is wrong is told, what mends it does mend it, and looking changes nothing."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import pexpect
import pytest
from tests.cli.parts import AT, ROOT, Person, changed, everything, person, with_project
from tests.cli.test_output import COLOUR, COMMANDS, rehearse
from tests.cli.test_worktree import agent, begun, driver, ended
from tests.core.parts import keep
from tests.doctor.parts import CLAUDE, HANGS, program
from tests.runner.parts import BARE
from tests.waiting import until

from sow import lease, process
from sow.attempt import Attempts
from sow.doctor import examination, project
from sow.doctor.finding import Finding, ok
from sow.doctor.scene import Scene
from sow.errors import Refused

BRANCH = "feat/add-login"
Found = list[dict[str, Any]]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Person, Path]:
    """A person as `who` is, and a copy of all that is theirs."""
    folder = tmp_path_factory.mktemp("first")
    made = well(folder / "theirs")
    begun(made)
    shutil.copytree(folder / "theirs", folder / "copy", symlinks=True)
    return made, folder / "copy"


@pytest.fixture
def who(first: tuple[Person, Path]) -> Person:
    """A person with a project and a task, whose agents are there, and with nothing to mend."""
    made, copy = first
    # At the same path again, for git and sow note where things lie.
    shutil.rmtree(made.home.parent)
    shutil.copytree(copy, made.home.parent, symlinks=True)
    return made


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """The same without a task, for tests that leave it as well as they found it."""
    return well(tmp_path_factory.mktemp("desk"))


def well(folder: Path) -> Person:
    made = with_project(folder)
    made.more["PATH"] = os.pathsep.join(
        (f"{folder}/bin", os.path.dirname(sys.executable), "/usr/bin", "/bin")
    )
    rehearse(made, [{"report": "needs_review"}])
    return made


def programs(who: Person) -> Path:
    """The folder of their own programs, first on their PATH."""
    return who.home.parent / "bin"


def last(who: Person) -> str:
    """The id of the newest task."""
    return who.store().tasks().tasks[-1].id


def findings(who: Person, *words: str) -> Found:
    """What the doctor finds in the repository and in projects, but what is well."""
    said = who.sow("doctor", "--json", *words)
    told = json.loads(said.out)
    assert told["ok"] == (said.code == 0)
    assert said.code == (1 if told["errors"] else 0)
    # Of the machine, and of what other projects left on it, no test can say that it is well.
    rooms = [one for one in told["findings"] if one["room"] not in ("machine", "executors")]
    return [one for one in rooms if one["level"] != "ok" and "nowhere to be found" not in one["text"]]


def one(who: Person) -> dict[str, Any]:
    [found] = findings(who)
    return found


# As it should be


def test_where_all_is_well_it_says_so_and_nothing_is_changed(who: Person) -> None:
    before = everything(who.folder.parent)
    said = who.sow("doctor")
    assert said.code == 0, said
    lines = said.out.splitlines()
    rooms = [line for line in lines[:-1] if line and not line.startswith(" ")]
    assert rooms == ["machine", "executors", "repository", "project add-login"]
    assert "  ok       all state files are valid (phases: 3, tasks: 1)" in lines
    assert findings(who) == []
    assert changed(before, everything(who.folder.parent)) == []
    told = json.loads(who.done("doctor", "--json"))
    assert (told["repository"], told["folder"]) == (str(who.folder), str(who.folder))
    assert {one["check"] for one in told["findings"]} >= {"system", "git", "disk", "programs", "state_files"}


def test_outside_of_a_repository_the_machine_and_the_programs_are_looked_at(
    tmp_path: Path, who: Person
) -> None:
    there = who.at(tmp_path)
    told = json.loads(there.sow("doctor", "--json").out)
    assert {one["room"] for one in told["findings"]} == {"machine", "executors", "repository"}
    place = next(one for one in told["findings"] if one["check"] == "place")
    assert (told["repository"], place["level"]) == (None, "note")
    assert place["mend"] == "change to a repository, or prepare this folder: `sow init`"


def test_before_init_the_way_to_begin_is_told(tmp_path: Path) -> None:
    fresh = person(tmp_path)
    found = one(fresh)
    assert (found["level"], found["check"], found["mend"]) == ("note", "place", "prepare it: `sow init`")
    fresh.done("init")
    assert findings(fresh) == []


def test_a_bare_repository_is_one_like_any_other(tmp_path: Path) -> None:
    bare = person(tmp_path, "--bare")
    assert (found := one(bare))["check"] == "place", found
    bare.done("project", "new", "Add login")
    assert findings(bare) == []
    project = bare.folder / ".sow/worktrees/feat/add-login"
    (project / ".sow/config.yaml").write_text("jobs: 1\n")
    bare.at(project).git("add", ".sow/config.yaml")
    bare.at(project).git("commit", "--quiet", "-m", "settings")
    bare.git("update-ref", "refs/heads/main", "feat/add-login")
    assert (found := one(bare))["check"] == "settings", found
    assert "it is not read: the repository is bare" in found["text"]


def test_it_works_in_a_worktree_and_on_the_project_that_is_named(who: Person) -> None:
    who.done("project", "new", "Fast search")
    (who.folder / f".sow/worktrees/{BRANCH}/.sow/project/state.yaml").write_text("name: add-login\n")
    assert {one["room"] for one in findings(who)} == {"project add-login"}
    assert findings(who, "--project", "fast-search") == []
    there = who.at(".sow/worktrees/feat/fast-search")
    assert {one["room"] for one in findings(there)} == {"project add-login"}
    assert who.sow("doctor", "--project", "nope").code == 3


def test_without_a_git_program_the_rest_is_looked_at_all_the_same(who: Person, tmp_path: Path) -> None:
    told = json.loads(who.at(".", PATH=str(tmp_path)).sow("doctor", "--json").out)
    errors = {one["check"]: one["text"] for one in told["findings"] if one["level"] == "error"}
    assert errors.pop("git") == "there is no git program on the PATH"
    assert errors == {}
    assert "project add-login" in {one["room"] for one in told["findings"]}


# Ailments, each with what mends it


def no_excludes(who: Person) -> None:
    (who.folder / ".git/info/exclude").write_text("")


def runtime_in_git(who: Person) -> None:
    who.write(".sow/runtime/secret.md", "x")
    who.git("add", "--force", ".sow/runtime/secret.md")


def stray_worktree(who: Person) -> None:
    who.git("worktree", "add", "--quiet", "-b", f"{BRANCH}--990", f".sow/worktrees/{BRANCH}--990", BRANCH)


def ended_task(who: Person) -> None:
    begun(who)
    ended(who, last(who))


def gone_worktree(who: Person) -> None:
    shutil.rmtree(begun(who))


def half_removed(who: Person) -> None:
    who.write(".sow/worktrees/feat/.add-login--980.sow-removed/a.txt", "a")


def torn_registration(who: Person) -> None:
    torn = who.folder / ".git/worktrees/later"
    torn.mkdir()
    (torn / "locked").write_text("initializing")
    (torn / "gitdir").write_text(f"{who.folder}/.sow/worktrees/later/.git\n")
    (torn / "commondir").write_text("")


def dead_gits_lock(who: Person) -> None:
    (who.folder / ".git/index.lock").write_text("")


def dead_gits_lock_in_a_worktree(who: Person) -> None:
    (who.folder / ".git/worktrees/add-login/index.lock").write_text("")


def dead_lock_of_a_branch(who: Person) -> None:
    (who.folder / ".git/refs/heads/feat/add-login.lock").write_text("")


def other_branch(who: Person) -> None:
    project = who.at(f".sow/worktrees/{BRANCH}")
    project.git("add", "--all")
    project.git("commit", "--quiet", "--allow-empty", "--message", "state")
    project.git("switch", "--quiet", "--create", "elsewhere")


def cut_journal(who: Person) -> None:
    journal = Path(who.store().layout.journal)
    journal.mkdir(exist_ok=True)
    (journal / "project.json").write_text(json.dumps([["write", "notes.md", "as it was meant\n"]]))


def cut_merge(who: Person) -> None:
    intent = {"token": "0", "branch": BRANCH, "worktree": "/nowhere", "from": "0", "to": "0"}
    Path(who.store().layout.runtime, "merge.json").write_text(json.dumps(intent))


def half_made_project(who: Person) -> None:
    folder = who.folder / ".sow/runtime/.new"
    folder.mkdir()
    intent = {
        "name": "later", "branch": "feat/later", "folder": f"{who.folder}/.sow/worktrees/feat/later",
        "base": who.git("rev-parse", "main"), "created": True, "worktree": True, "was": "main",
    }  # fmt: skip
    (folder / "later.json").write_text(json.dumps(intent))


def dead_orchestrator(who: Person) -> None:
    dead(f"{who.store().layout.locks}/orchestrator.lease", "sow run")


def unsettled_attempt(who: Person) -> None:
    begun(who)
    with agent(who.store(), last(who)):
        pass
    ended(who, last(who))
    folder = who.folder / f".sow/worktrees/{BRANCH}--{last(who)}"
    who.git("worktree", "remove", str(folder))


def dead(path: str, what: str) -> int:
    """A lease of a process that was killed while it held it; gives its pid."""
    code = (
        "import sys, os, signal; from sow import lease; lease.acquire(*sys.argv[1:]); os.kill(os.getpid(), 9)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT / "orchestrator")}
    killed = subprocess.Popen([sys.executable, "-c", code, path, what], env=env)
    assert killed.wait(120) == -signal.SIGKILL
    return killed.pid


PRUNE = "`sow worktree prune`"

MENDED: dict[Callable[[Person], None], tuple[str, str, str, str]] = {
    no_excludes: ("error", "ignored", "git does not ignore .sow/runtime/, .sow/worktrees/, .", "`sow init`"),
    runtime_in_git: (
        "warning",
        "ignored",
        "git has .sow/runtime/secret.md, which is never to be",
        "`git rm -r",
    ),
    stray_worktree: ("warning", "trees", f"{BRANCH}--990 is left: no task knows of it", PRUNE),
    ended_task: ("warning", "trees", " is left: task ", PRUNE),
    gone_worktree: ("warning", "trees", " is gone; the next start makes it again", PRUNE),
    half_removed: ("warning", "trees", "is the rest of a removal that was cut short", PRUNE),
    torn_registration: ("warning", "trees", "git was ended while it noted a worktree", PRUNE),
    dead_gits_lock: ("error", "locks", "/.git/index.lock was left by a git that is gone", "`rm /"),
    dead_gits_lock_in_a_worktree: ("error", "locks", "/add-login/index.lock was left by a git", "`rm /"),
    dead_lock_of_a_branch: ("error", "locks", "/feat/add-login.lock was left by a git", "`rm /"),
    other_branch: ("warning", "branch", f"is on elsewhere, and the project's branch is {BRANCH}", "`git -C"),
    cut_journal: ("warning", "half_done", "a change of project was cut short", "`sow run`"),
    cut_merge: ("warning", "half_done", "a merge was cut short", "`sow run`"),
    half_made_project: ("warning", "half_made", "project later is just being made", "`sow project list`"),
    dead_orchestrator: ("warning", "leases", "orchestrator (sow run): held since ", "`sow run`"),
    unsettled_attempt: ("warning", "attempts", " has ended, and whoever drove it is gone", "`sow run`"),
}


@pytest.mark.parametrize("ail", MENDED, ids=lambda ail: ail.__name__)
def test_what_ails_is_told_and_the_command_that_is_told_mends_it(
    desk: Person, ail: Callable[[Person], None]
) -> None:
    level, check, told, mends = MENDED[ail]
    ail(desk)
    before = everything(desk.folder)
    found = one(desk)
    assert (found["level"], found["check"]) == (level, check)
    assert told in found["text"]
    assert changed(before, everything(desk.folder)) == [], "looking changes nothing"
    assert mends in found["mend"]
    mend(desk, found["mend"])
    assert findings(desk) == []


def mend(who: Person, told: str) -> None:
    """Does what stands between the first quotes of a mend, in the main checkout."""
    program, *words = shlex.split(told.split("`")[1])
    if program == "sow":
        said = who.sow(*words)
        assert said.code in (0, 5), said
        return
    subprocess.run([program, *words], cwd=who.folder, env=who.environment, check=True, capture_output=True)


def test_what_was_abandoned_is_kept_on_purpose_and_only_noted(who: Person) -> None:
    folder = who.folder / f".sow/worktrees/{BRANCH}--010"
    who.at(folder).commit(b__txt="b\n")
    ended(who, how="abandon")
    found = one(who)
    assert (found["level"], found["check"]) == ("note", "trees")
    assert f"task 010 is abandoned; it stays: commits that are not in {BRANCH}: 1" in found["text"]


def test_a_folder_among_the_worktrees_that_is_none_is_told(who: Person) -> None:
    above = who.folder / ".sow/worktrees"
    (above / "feat/old").mkdir()
    (above / "feat/old/precious").write_text("x")
    (above / "feat/lost").mkdir()
    (above / "feat/lost/.git").write_text("gitdir: /nowhere\n")
    (above / "feat/empty").mkdir()
    lost, old = findings(who)
    assert lost["mend"].startswith(f"if the repository was moved: `git worktree repair {above}/feat/lost`")
    assert old["text"] == f"{above}/feat/old is no worktree of this repository"


# State


def test_a_broken_state_file_is_told_with_its_line_and_its_last_good_copy(who: Person) -> None:
    layout = who.store().layout
    path = Path(layout.task_file("implementation", "010"))
    path.write_text(path.read_text().replace("iteration: 1", "iteration: ["))
    found = one(who)
    assert (found["level"], found["check"]) == ("error", "state_files")
    assert f"{path}:" in found["text"]
    assert found["mend"].endswith(f"its last good copy: {layout.last_good}/010.yaml")
    shutil.copy(f"{layout.last_good}/010.yaml", path)
    assert findings(who) == []


def test_every_broken_file_is_told_and_none_hides_the_others(who: Person) -> None:
    layout = who.store().layout
    Path(layout.phase_file("review")).write_text("status: 7\n")
    state = Path(layout.project_file)
    state.write_text(state.read_text() + "colour: red\n")
    attempt = Attempts(layout).reserve("010", 1)
    Path(layout.attempt(attempt), "attempt.yaml").write_text("id: [\n")
    found = findings(who)
    assert [(one["check"], one["level"]) for one in found] == [
        ("state_files", "error"), ("state_files", "error"), ("records", "warning"),
    ]  # fmt: skip
    assert "colour" in found[0]["text"]
    assert layout.phase_file("review") in found[1]["text"]
    assert found[2]["text"].endswith("what it cost is not counted")


def test_a_project_that_can_not_be_read_is_told_by_its_folder(who: Person) -> None:
    layout = who.store().layout
    Path(layout.project_file).write_text("name: [\n")
    found = one(who)
    assert (found["room"], found["check"], found["level"]) == ("project add-login", "state_files", "error")
    # Now neither this machine nor the last commit tells which one it is.
    shutil.rmtree(layout.last_good)
    who.git("-C", layout.folder, "commit", "--quiet", "--all", "--message", "broken")
    found = one(who)
    assert (found["room"], found["level"]) == (f"project in {layout.folder}", "error")
    assert f"{layout.project_file}:" in found["text"]


def test_settings_that_can_not_be_read_are_told_and_the_rest_goes_on(who: Person) -> None:
    (who.folder / ".sow/config.yaml").write_text("jobs: many\n")
    found = one(who)
    assert (found["room"], found["check"], found["level"]) == ("repository", "settings", "error")
    who.settings("agents:\n  bindings:\n    implementer: [claude]\n")
    told = json.loads(who.sow("doctor", "--json").out)["findings"]
    settings, programs = (one for one in told if one["room"] == "executors")
    assert settings["level"] == "error"
    assert "agents.bindings.implementer" in settings["text"]
    assert programs["text"] == "executors: not looked at, because your settings can't be read"


@pytest.mark.parametrize(
    ("text", "env", "told"),
    [
        (
            "agents: {bindings: {implementer: nobody}}",
            {},
            ":1: agents.bindings.implementer: 'nobody' is no",
        ),
        ("agents: {executors: {mine: {type: clade}}}", {}, "'clade' is no type of executor"),
        ("agents: {}", {"SOW_AGENTS_REVIEWER": "nobody"}, "SOW_AGENTS_REVIEWER: 'nobody' is no executor"),
    ],
)
def test_an_executor_that_is_named_and_not_there_is_told(
    who: Person, text: str, env: dict[str, str], told: str
) -> None:
    who.settings(text)
    said = who.at(".", **env).sow("doctor")
    assert said.code == 1
    assert told.format(config=who.home / ".config/sow/config.yaml") in said.out


def test_a_task_goes_on_in_the_executor_that_has_its_session_whatever_is_bound_now(who: Person) -> None:
    who.store().change_task("010", keep(executor="cursor"))
    said = who.sow("doctor")
    assert said.code == 1
    assert "error    cursor: no program cursor-agent or agent on the PATH; for task 010" in said.out
    who.store().change_task("010", keep(executor="gone"))
    assert "executor not found: gone (named by task 010, which has a session of it)" in who.sow("doctor").out
    who.store().change_task("010", keep(executor="gone", fresh=True))
    assert who.sow("doctor").code == 0


def test_folders_that_can_not_be_looked_into_are_told(who: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(here: object) -> None:
        raise PermissionError(13, "Permission denied", "/some/where")

    monkeypatch.setattr("sow.find.all_projects", refused)
    found = next(one for one in findings(who) if one["check"] == "state_files")
    assert (found["room"], found["text"]) == (
        f"project in {who.folder}",
        "can't look at /some/where: Permission denied",
    )


def test_copies_that_are_missing_are_noted_and_one_without_its_task_is_told(who: Person) -> None:
    layout = who.store().layout
    Path(layout.last_good, "010.yaml").rename(Path(layout.last_good, "020.yaml"))
    missing, left = findings(who)
    assert (missing["level"], left["level"]) == ("note", "error")
    assert "there is no last good copy of the state of task 010" in missing["text"]
    assert left["text"] == f"{layout.phases}: the folder of task 020 is gone"
    assert left["mend"] == "see how to bring it back: `sow repair`"


def test_a_branch_that_is_gone_is_told_with_the_way_back(who: Person) -> None:
    folder = who.folder / f".sow/worktrees/{BRANCH}--010"
    kept = who.at(folder).git("rev-parse", "HEAD")
    who.at(folder).git("switch", "--quiet", "--detach")
    who.git("branch", "--quiet", "-D", f"{BRANCH}--010")
    found = one(who)
    assert (found["level"], found["check"]) == ("error", "branch")
    assert f"the branch {BRANCH}--010 of task 010 (in_progress) is gone" in found["text"]
    bring_back, see = found["mend"].split("`")[1::2]
    assert kept[:7] in who.git(*see.split()[1:])
    who.git(*bring_back.replace("COMMIT", kept).split()[1:])
    assert findings(who) == []


# Who is at work


def test_a_lease_is_told_with_its_holder_alive_dead_or_elsewhere(who: Person) -> None:
    locks = who.store().layout.locks
    pid = dead(f"{locks}/turn-010.lease", "attempt 7")
    found = one(who)
    assert found["level"] == "note"
    assert f"by process {pid}, which is gone: in nobody's way" in found["text"]

    path = Path(locks, "session-5e5510.lease")
    lease.acquire(str(path), "attempt 7")
    assert len(findings(who)) == 1, "this process lives"
    told = json.loads(who.done("doctor", "--json"))["findings"]
    held = next(one for one in told if one["check"] == "leases" and one["level"] == "ok")
    assert held["facts"] == {"pid": os.getpid()}

    path.write_text(json.dumps({**json.loads(path.read_text()), "host": "far", "boot_id": "another"}))
    elsewhere = findings(who)[0]
    assert elsewhere["level"] == "warning"
    assert "on far, which can't be asked from here" in elsewhere["text"]
    assert elsewhere["mend"] == f"if that process is gone for good: `rm {path}`"


def test_an_agent_whose_orchestrator_is_gone_is_told_and_can_be_ended(who: Person) -> None:
    with agent(who.store()) as attempt:
        found = one(who)
        assert (found["level"], found["check"]) == ("warning", "attempts")
        assert found["text"] == f"attempt {attempt} of task 010 works on, and whoever started it is gone"
        assert found["mend"] == "taken on by the next `sow run`; to end it: `sow agent stop 010`"
        with driver(who.store()):
            assert findings(who) == [], "somebody drives it"
        who.done("agent", "stop", "010")
    assert [one["check"] for one in findings(who)] in ([], ["leases"])


@contextmanager
def left_over(runtime: str, mark: str) -> Iterator[int]:
    """A process that bears an attempt's mark, in a session of its own."""
    env = {**BARE, "SOW_ATTEMPT_ID": mark, "SOW_PROJECT_RUNTIME": runtime, "SECRET": "hunter2"}
    started = subprocess.Popen(["sleep", "60"], env=env, start_new_session=True)
    until(lambda: process.environ(started.pid).get("SOW_ATTEMPT_ID") == mark)
    try:
        yield started.pid
    finally:
        started.kill()
        started.wait()


def test_a_process_that_outlived_its_attempt_is_told_and_the_command_ends_it(who: Person) -> None:
    store = who.store()
    with agent(store) as attempt:
        pass
    attempts = Attempts(store.layout)
    with left_over(store.layout.runtime, attempt) as pid:
        assert [one["check"] for one in findings(who)] == ["attempts"], "its settlement will end it"
        attempts.keep(attempts.read(attempt).replace(ended_at=AT, outcome="finished"))
        found = one(who)
        assert (found["level"], found["check"]) == ("error", "processes")
        assert (
            found["text"] == f"attempt {attempt} is over, and of its processes there still run {pid} (sleep)"
        )
        assert found["facts"] == {"attempt": attempt, "pids": [pid]}
        mend(who, found["mend"])
        until(lambda: not process.marked(attempt))
        assert findings(who) == []


def test_a_process_of_an_attempt_that_nobody_knows_is_an_orphan_and_one_of_another_project_is_noted(
    who: Person, tmp_path: Path
) -> None:
    with left_over(who.store().layout.runtime, "010-1-1-0badf00d") as pid:
        assert one(who)["facts"]["pids"] == [pid]
    with left_over(str(tmp_path / "elsewhere"), "010-1-1-0badf00d") as pid:
        told = json.loads(who.done("doctor", "--json"))["findings"]
        [note] = [one for one in told if one["check"] == "processes" and f"{pid} (sleep)" in one["text"]]
        assert note["level"] == "note"
        assert "hunter2" not in json.dumps(told)


def test_an_agent_at_work_is_no_orphan(who: Person) -> None:
    with agent(who.store()) as attempt, driver(who.store()), left_over(who.store().layout.runtime, attempt):
        assert findings(who) == []


# Every check has an end


def test_a_check_that_fails_or_hangs_is_told_and_the_others_are_made(
    who: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = threading.Event()

    def bug(scene: Scene) -> Iterator[Finding]:
        yield ok("before")
        raise KeyError("oh")

    def refused(scene: Scene) -> Iterator[Finding]:
        yield ok("until here")
        raise Refused("it is broken", "mend it")

    def unreadable(scene: Scene) -> Iterator[Finding]:
        yield ok(Path("/root/none/of/your/business").read_text())

    def hangs(scene: Scene) -> Iterator[Finding]:
        yield ok("begun")
        release.wait(120)

    def the_last(scene: Scene) -> Iterator[Finding]:
        yield ok("the last")

    monkeypatch.setattr(examination, "ROOMS", (("room", (bug, refused, unreadable, hangs, the_last)),))
    monkeypatch.setattr(examination, "PROJECT", (project.state_files,))
    monkeypatch.setattr(examination.examine, "__defaults__", (0.5,))
    said = who.sow("doctor")
    release.set()
    assert said.code == 1
    assert [line.strip() for line in said.out.splitlines()[1:-3]] == [
        "ok       before",
        "error    bug: KeyError: 'oh': this is a bug in sow",
        "tell of it, with `sow doctor -v`",
        "ok       until here",
        "error    it is broken",
        "mend it",
        "error    unreadable: can't look at /root/none/of/your/business: No such file or directory",
        "give yourself the right to, or mend it",
        "ok       begun",
        "error    hangs: it did not come to an end within 0.5 s",
        "is a disk gone? see `dmesg`",
        "ok       the last",
        "",
        "project add-login",
    ]


def test_a_git_that_hangs_is_told(who: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    real = shutil.which("git")
    program(programs(who), "git", f'case " $* " in *" check-ignore "*) {HANGS};; esac; exec {real} "$@"')
    monkeypatch.setattr("sow.doctor.scene.GIT_SECONDS", 2.0)
    found = one(who)
    assert found["level"] == "error"
    assert "check-ignore did not end within 2 s" in found["text"]


@pytest.mark.slow
def test_an_interrupt_ends_it_and_what_it_asks(who: Person, tmp_path: Path) -> None:
    program(programs(who), "claude", f"echo $$ >{tmp_path}/asked; {HANGS}")
    started = subprocess.Popen(
        [sys.executable, "-m", "sow", "doctor"], cwd=who.folder, env=who.environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    until(lambda: (tmp_path / "asked").exists() and (tmp_path / "asked").read_text().endswith("\n"))
    started.send_signal(signal.SIGINT)
    _, err = started.communicate(timeout=120)
    assert (started.returncode, err) == (130, b"")
    assert process.of(int((tmp_path / "asked").read_text())) is None


# What a person sees


def test_an_error_ends_it_with_two_lines(who: Person) -> None:
    program(programs(who), "claude", CLAUDE)
    dead_gits_lock(who)
    said = who.sow("doctor")
    assert said.code == 1
    assert said.err.splitlines() == [
        "sow: 1 thing must be mended",
        "     do what stands below each, then look again: `sow doctor`",
    ]
    assert said.out.splitlines()[-1].startswith("1 error")
    assert "\x1b" not in said.out


@pytest.mark.slow
def test_on_a_terminal_levels_are_in_colour(who: Person) -> None:
    child = pexpect.spawn(
        sys.executable, ["-m", "sow", "doctor"], cwd=str(who.folder), env=who.environment, encoding="utf-8",
        timeout=120, dimensions=(50, 200),
    )  # fmt: skip
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert COLOUR.search(child.before or "")


def test_every_command_of_sows_that_a_mend_names_is_there() -> None:
    places = [*(ROOT / "orchestrator/sow/doctor").glob("*.py"), ROOT / "orchestrator/sow/worktree.py"]
    text = "".join(path.read_text() for path in places) + (ROOT / "docs/reference/doctor.md").read_text()
    named = set(re.findall(r"`sow ((?:[a-z]+ ?)+)", text))
    assert len(named) > 8
    for words in named:
        path = tuple(words.split())
        groups = {known[:1] for known in COMMANDS if len(known) > 1}
        assert path[: 2 if path[:1] in groups else 1] in COMMANDS, words
    assert all(isinstance(command, click.Command) for command in COMMANDS.values())


def test_every_check_has_its_lines_in_the_page() -> None:
    page = (ROOT / "docs/reference/doctor.md").read_text()
    checks = [check.__name__ for _, room in examination.ROOMS for check in room]
    checks += [check.__name__ for check in examination.PROJECT]
    for name in checks:
        assert f"| `{name}` |" in page, name


def test_a_task_whose_state_changes_meanwhile_is_no_trouble(who: Person) -> None:
    store = who.store()
    stop = threading.Event()

    def work() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            store.change_task("010", keep(metadata={"n": number}))

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(3):
            assert findings(who) == []
    finally:
        stop.set()
        worker.join()
