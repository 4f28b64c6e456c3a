"""`sow repair` mends what has one right answer, keeps what it replaces, and explains the rest."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from tests.cli.mutations import KINDS, LARGE, MUTATIONS, mutants
from tests.cli.parts import Person, changed, everything, person, with_project
from tests.cli.test_bad_files import PLACED, QUICK

from sow import lease, process
from sow.lease import Lease
from sow.process import Identity

STATE = {
    "project": "state.yaml",
    "phase": "phases/implementation/state.yaml",
    "task": "phases/implementation/tasks/010/state.yaml",
}
TYPE = "type.yaml"


@pytest.fixture
def who(tmp_path: Path) -> Person:
    made = with_project(tmp_path)
    for name in ("First", "Second"):
        made.done("task", "add", name, "--agent", "implementer", "--description", f"Do the {name} thing.")
    return made


@pytest.fixture(scope="module")
def worn(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """A project of which many files are broken, one after the other, and mended again."""
    made = with_project(tmp_path_factory.mktemp("worn"))
    made.done("task", "add", "First", "--agent", "implementer")
    return made


def project(who: Person) -> Path:
    return who.folder / ".sow/worktrees/feat/add-login/.sow/project"


def runtime(who: Person) -> Path:
    return who.folder / ".sow/runtime/add-login"


def task(who: Person, task_id: str = "010", phase: str = "implementation") -> Path:
    return project(who) / f"phases/{phase}/tasks/{task_id}"


def repaired(who: Person, *words: str) -> dict[str, Any]:
    """What a repair says that it did, and what is left."""
    said = who.sow("repair", "--json", *words)
    found: dict[str, Any] = json.loads(said.out)
    assert said.code == (4 if found["left"] else 0), said
    return found


def commit_state(who: Person) -> None:
    who.git("-C", str(project(who)), "add", "--all", ".")
    who.git("-C", str(project(who)), "commit", "--quiet", "--message", "state")


def follow(who: Person, hint: str) -> None:
    """Types the first command that a hint names, as a person would."""
    command = hint.split("`")[1]
    sow = f'sow() {{ "{sys.executable}" -m sow "$@"; }}; '
    subprocess.run(["bash", "-c", sow + command], cwd=who.folder, env=who.environment, check=True)


def is_mended(who: Person) -> bool:
    return who.sow("validate").code == 0 and repaired(who) == {"dry_run": False, "mended": [], "left": []}


# -- state files ------------------------------------------------------------------------------------


def test_a_whole_project_needs_nothing(who: Person) -> None:
    before = everything(who.folder)
    assert who.done("repair") == "Nothing to mend\n"
    assert changed(before, everything(who.folder)) == []


def test_a_whole_project_of_the_original_program_needs_nothing_and_is_not_split(tmp_path: Path) -> None:
    who = person(tmp_path)
    who.commit(a__txt="a\n")
    path = who.folder / ".sow/project/state.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes((Path(__file__).parents[1] / "states/original/standard-executing.yaml").read_bytes())
    assert who.sow("validate").code == 0
    before = everything(who.folder)
    assert who.done("repair") == "Nothing to mend\n"
    assert changed(before, everything(who.folder)) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "mutation",
    [
        pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow)
        for name in MUTATIONS
        if name not in LARGE
    ],
)
def test_a_broken_state_file_comes_back_and_what_was_there_is_kept(
    worn: Person, kind: str, mutation: str
) -> None:
    path = project(worn) / STATE[kind]
    whole = path.read_bytes()
    tried_most = KINDS[list(MUTATIONS).index(mutation) % len(KINDS)]
    for mutant in islice(mutants(kind, mutation), None if kind == tried_most else 1):
        path.write_bytes(mutant.data)
        found = repaired(worn)
        assert [(each["path"], each["what"]) for each in found["mended"]] == [
            (str(path), "from its last good copy")
        ]
        assert path.read_bytes() == whole
        kept = Path(found["mended"][0]["kept"])
        assert kept.read_bytes() == mutant.data
        assert kept.parent == path.parent
    assert is_mended(worn)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("placed", [name for name in PLACED if name != "a link to the whole file, outside"])
def test_what_is_no_plain_file_is_put_aside_whatever_it_is(worn: Person, kind: str, placed: str) -> None:
    path = project(worn) / STATE[kind]
    whole = path.read_bytes()
    path.unlink()
    PLACED[placed](path)
    there = path.lstat()
    kept = Path(repaired(worn)["mended"][0]["kept"])
    assert path.read_bytes() == whole
    assert os.path.samestat(kept.lstat(), there)
    assert is_mended(worn)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_file_that_is_gone_comes_back(who: Person, kind: str) -> None:
    path = project(who) / STATE[kind]
    whole = path.read_bytes()
    path.unlink()
    assert repaired(who)["mended"] == [{"path": str(path), "what": "from its last good copy", "kept": None}]
    assert path.read_bytes() == whole
    assert is_mended(who)


@pytest.mark.parametrize("text", ["nonsense", "name: standard\nstates: {}\n", None])
def test_the_type_of_the_project_comes_back_too(who: Person, text: str | None) -> None:
    path = project(who) / TYPE
    whole = path.read_bytes()
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert [each["path"] for each in repaired(who)["mended"]] == [str(path)]
    assert path.read_bytes() == whole
    assert is_mended(who)


def test_what_was_put_aside_before_is_never_written_over(who: Person) -> None:
    path = task(who) / "state.yaml"
    for number in range(3):
        path.write_text(f"nonsense {number}")
        repaired(who)
    kept = [Path(f"{path}.broken{end}").read_text() for end in ("", ".2", ".3")]
    assert kept == ["nonsense 0", "nonsense 1", "nonsense 2"]


def test_the_last_valid_words_of_a_person_are_what_comes_back(who: Person) -> None:
    """A run takes a copy of what people wrote into the project's and the phases' files."""
    path = project(who) / "state.yaml"
    path.write_text(f"# by Ada\n{path.read_text()}")
    who.done("task", "abandon", "010")
    path.write_text("nonsense")
    repaired(who)
    assert path.read_text().startswith("# by Ada\n")


def test_a_changed_name_of_the_project_comes_back(who: Person) -> None:
    path = project(who) / "state.yaml"
    path.write_text(path.read_text().replace("name: add-login", "name: add-logon"))
    assert [each["path"] for each in repaired(who)["mended"]] == [str(path)]
    assert "name: add-login\n" in path.read_text()


def test_all_of_it_at_once(who: Person) -> None:
    shutil.rmtree(project(who) / "phases/review")
    for name in STATE.values():
        (project(who) / name).write_text("nonsense")
    (task(who, "020") / "state.yaml").unlink()
    assert len(repaired(who)["mended"]) == 4
    assert who.sow("validate").code == 0


# -- what has no one right answer -----------------------------------------------------------------


def test_without_a_good_copy_the_committed_one_is_named_and_the_command_works(who: Person) -> None:
    commit_state(who)
    shutil.rmtree(runtime(who) / "last-good")
    for name in STATE.values():
        path = project(who) / name
        whole = path.read_bytes()
        path.write_text("nonsense")
        found = repaired(who)
        assert found["mended"] == []
        assert path.read_text() == "nonsense"
        assert [each["path"] for each in found["left"]] == [str(path)]
        follow(who, found["left"][0]["hint"])
        assert path.read_bytes() == whole
    assert who.sow("validate").code == 0


def test_without_any_copy_it_is_explained_and_left_alone(who: Person) -> None:
    shutil.rmtree(runtime(who) / "last-good")
    path = task(who) / "state.yaml"
    path.write_text("status: x\n")
    found = repaired(who)
    assert found["mended"] == []
    assert {each["path"] for each in found["left"]} == {str(path)}
    assert "checkout" not in found["left"][0]["hint"]
    assert path.read_text() == "status: x\n"
    path.unlink()
    found = repaired(who)
    assert [each["message"] for each in found["left"]] == ["the state file of task 010 is gone"]


def test_a_task_whose_whole_folder_is_gone_may_be_meant_so_both_ways_are_named(who: Person) -> None:
    shutil.rmtree(task(who))
    found = repaired(who)
    assert (found["mended"], found["left"][0]["path"]) == ([], str(task(who)))
    back, go = found["left"][0]["hint"].split("; or let it go: ")
    follow(who, back)
    assert who.done("task", "show", "010").startswith("Task: 010 - First\n")
    shutil.rmtree(task(who))
    follow(who, go)
    assert is_mended(who)
    assert who.sow("task", "show", "010").code == 3


def test_an_id_given_twice_and_a_copied_folder_are_explained(who: Person) -> None:
    other = task(who, "010", "review")
    shutil.copytree(task(who), other)
    shutil.copytree(task(who), task(who, "01O"))
    before = everything(who.folder)
    found = repaired(who)
    assert found["mended"] == []
    assert {each["path"] for each in found["left"]} == {f"{other}/state.yaml", str(task(who, "01O"))}
    state = other / "state.yaml"
    state.write_text(state.read_text().replace("phase: implementation", "phase: review"))
    assert repaired(who)["mended"] == []
    state.write_bytes(before[str(state.relative_to(who.folder))])
    assert changed(before, everything(who.folder)) == []


def test_nothing_is_mended_through_a_link_that_leads_out(who: Person) -> None:
    outside = who.home / "010"
    task(who).rename(outside)
    task(who).symlink_to(outside)
    (outside / "state.yaml").write_text("nonsense")
    (outside / "log.md").unlink()
    found = repaired(who)
    assert found["mended"] == []
    assert {each["path"] for each in found["left"]} >= {str(task(who) / "state.yaml")}
    assert sorted(path.name for path in outside.iterdir()) == ["description.md", "feedback", "state.yaml"]
    assert (outside / "state.yaml").read_text() == "nonsense"


def test_settings_are_a_persons_own(who: Person) -> None:
    config = who.folder / ".sow/config.yaml"
    config.write_text("jobs: 0\n")
    found = repaired(who)
    assert (found["mended"], [each["path"] for each in found["left"]]) == ([], [str(config)])
    assert config.read_text() == "jobs: 0\n"


# -- texts ------------------------------------------------------------------------------------------


def test_a_missing_text_comes_from_the_last_commit_else_it_is_made_anew(who: Person) -> None:
    commit_state(who)
    who.done("task", "add", "Third", "--agent", "implementer", "--description", "Never committed.")
    for task_id in ("010", "030"):
        (task(who, task_id) / "description.md").unlink()
        (task(who, task_id) / "log.md").unlink()
        (task(who, task_id) / "feedback").rmdir()
    found = repaired(who)
    assert [(each["path"].removeprefix(f"{project(who)}/"), each["what"]) for each in found["mended"]] == [
        (f"phases/implementation/tasks/{task_id}/{name}", what)
        for task_id, how in (("010", "from the last commit"), ("030", "made anew"))
        for name, what in (("description.md", how), ("log.md", how), ("feedback", "made anew"))
    ]
    assert (task(who) / "description.md").read_text() == "Do the First thing.\n"
    assert (task(who, "030") / "description.md").read_text() == ""
    assert (task(who, "030") / "log.md").read_text() == "# 030 Third\n"
    assert is_mended(who)


def test_a_text_that_is_none_is_put_aside(who: Person) -> None:
    secret = who.home / "secret"
    secret.write_text("the password\n")
    (task(who) / "description.md").unlink()
    (task(who) / "description.md").symlink_to(secret)
    commit_state(who)
    (task(who) / "log.md").unlink()
    os.mkfifo(task(who) / "log.md")
    (task(who) / "feedback").rmdir()
    (task(who) / "feedback").write_text("x")
    kept = [Path(each["kept"]).name for each in repaired(who)["mended"]]
    assert kept == ["description.md.broken", "log.md.broken", "feedback.broken"]
    assert (task(who) / "description.md").read_text() == "", "the committed link is no text"
    assert secret.read_text() == "the password\n"
    assert is_mended(who)


# -- leases and what kills left -------------------------------------------------------------------


@pytest.fixture
def dead(who: Person) -> Lease:
    """The orchestrator's lease, held by a process that is no more."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as child:
        identity = process.of(child.pid)
        held = lease.acquire(f"{runtime(who)}/locks/orchestrator.lease", "sow run", identity)
        child.communicate()
    return held


@pytest.fixture
def sleeping() -> Iterator[Identity]:
    """A process that lives."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    ) as child:
        identity = process.of(child.pid)
        assert identity
        yield identity
        child.communicate()


def test_the_lease_of_a_dead_holder_is_given_back_and_told_as_an_event(who: Person, dead: Lease) -> None:
    found = repaired(who)
    assert [(each["path"], each["what"]) for each in found["mended"]] == [
        (dead.path, "given back, for its holder is dead")
    ]
    assert not os.path.exists(dead.path)
    told = [json.loads(line) for line in who.done("events", "--type", "lock.broken", "--json").splitlines()]
    assert [event["payload"] for event in told] == [{"lease": "orchestrator.lease", "holder": "sow run"}]


def test_the_lease_of_a_living_holder_is_left_alone(who: Person, sleeping: Identity) -> None:
    held = lease.acquire(f"{runtime(who)}/locks/turn-010.lease", "attempt 010-1-1", sleeping)
    assert repaired(who) == {"dry_run": False, "mended": [], "left": []}
    assert lease.holder(held.path) == held


def test_the_lease_of_a_holder_elsewhere_is_explained(who: Person) -> None:
    path = runtime(who) / "locks/turn-010.lease"
    held = {
        "host": "elsewhere",
        "pid_ns": 1,
        "boot_id": "b",
        "pid": 7,
        "start_ticks": 1,
        "what": "w",
        "since": "t",
    }
    path.write_text(json.dumps(held))
    found = repaired(who)
    assert found["mended"] == []
    assert "process 7 on elsewhere holds it" in found["left"][0]["message"]
    follow(who, found["left"][0]["hint"])
    assert is_mended(who)


@pytest.mark.parametrize("what", ["a pipe", "torn", "a folder"])
def test_a_lease_that_nobody_can_read_keeps_nobody_waiting(who: Person, what: str) -> None:
    path = runtime(who) / "locks/orchestrator.lease"
    match what:
        case "a pipe":
            os.mkfifo(path)
        case "torn":
            path.write_text('{"host": "el')
        case _:
            path.mkdir()
    assert repaired(who)["mended"] == []
    assert who.sow("status").code == 0


def test_what_kills_left_is_settled_and_a_journal_that_nobody_can_read_is_put_aside(who: Person) -> None:
    journal = runtime(who) / "journal"
    journal.mkdir(exist_ok=True)
    (journal / "task-010.json").write_text('{"phases/')
    left = [task(who) / ".state.yaml.1.1.tmp", journal / ".task-020.json.1.1.tmp"]
    for path in left:
        path.write_text("half")
    half_added = [task(who, ".new-030-1"), task(who, ".new-040-1")]
    half_added[0].mkdir()
    (half_added[0] / "state.yaml").write_text("half")
    half_added[1].symlink_to(who.home)
    for words in (["task", "set", "priority", "high", "--id", "010"], ["task", "answer", "010", "left"]):
        code, lines = who.sow(*words).told
        assert (code, lines[1]) == (4, "     put it aside: `sow repair`")
    assert who.done("task", "abandon", "020").startswith("Abandoned task 020"), "it is about another task"
    found = repaired(who)
    assert found["left"] == []
    assert {each["path"] for each in found["mended"]} == {
        str(path) for path in (journal / "task-010.json", *left, *half_added)
    }
    assert (journal / "task-010.json.broken").read_text() == '{"phases/'
    assert [path for path in (*left, *half_added) if os.path.lexists(path)] == []
    assert who.home.exists()
    who.done("task", "set", "priority", "high", "--id", "010")


# -- how it says it ---------------------------------------------------------------------------------


def test_a_dry_run_says_the_same_and_changes_no_byte(who: Person, dead: Lease) -> None:
    for name in STATE.values():
        (project(who) / name).write_text("nonsense")
    (task(who, "020") / "log.md").unlink()
    task(who, "01O").mkdir()
    (task(who, "01O") / "state.yaml").write_text("x")
    before = everything(who.folder)
    would = repaired(who, "--dry-run")
    assert changed(before, everything(who.folder)) == []
    assert os.path.exists(dead.path)
    assert would["dry_run"]
    did = repaired(who)
    assert [each["path"] for each in would["mended"]] == [each["path"] for each in did["mended"]]
    assert would["left"] == did["left"]


def test_a_person_reads_what_was_done_and_what_is_left(who: Person) -> None:
    state = task(who) / "state.yaml"
    state.write_text("nonsense")
    config = who.folder / ".sow/config.yaml"
    config.write_text("cheks: []\n")
    would, did = who.sow("repair", "--dry-run"), who.sow("repair")
    left = ["Left for you:", f"{config}:1: cheks: is not a known field"]
    assert would.out.splitlines()[:3] == [f"Would mend {state}: from its last good copy", *left]
    assert did.out.splitlines()[:3] == [
        f"Mended {state}: from its last good copy; what was there is kept as {state}.broken",
        *left,
    ]
    assert did.out.splitlines()[3].startswith("    did you mean `checks`?")
    assert (did.code, did.err.splitlines()) == (
        4,
        [
            "sow: 1 problem left that nobody but you can mend",
            "     mend them at the places named, and check again: `sow validate`",
        ],
    )


def test_the_restored_task_is_told_as_an_event(who: Person) -> None:
    (task(who) / "state.yaml").write_text("nonsense")
    repaired(who)
    told = [json.loads(line) for line in who.done("events", "--type", "task.restored", "--json").splitlines()]
    assert [(event["task_id"], event["payload"]) for event in told] == [
        ("010", {"kept": "state.yaml.broken"})
    ]
