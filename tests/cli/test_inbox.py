"""The inbox folder: what is dropped there becomes tasks, and is told what becomes of them."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tests.cli.killed_command import run_and_kill
from tests.cli.parts import AT, Person, changed, everything, with_project
from tests.cli.test_formats import issue, record
from tests.core.parts import OLD_STATES, events, temporary
from tests.formats.test_omniq import raw as omniq
from tests.formats.test_task_file import raw as task_file

from sow import dropped, files, intake, writers
from sow.api import inbox as inboxes
from sow.change import Change
from sow.cli import opening
from sow.driving import Drivers
from sow.dropped import Inbox, Told
from sow.store import Store
from sow.task import Task

INBOX = ".sow/inbox"


@pytest.fixture
def who(tmp_path: Path) -> Person:
    return with_project(tmp_path)


def drop(who: Person, name: str, held: Any, *, fresh: bool = False) -> Path:
    """What another program puts into the folder; a moment ago, unless it is `fresh`."""
    path = who.write(f"{INBOX}/{name}", held if isinstance(held, str) else json.dumps(held, indent=1) + "\n")
    if not fresh:
        rest(path)
    return path


def rest(path: Path, seconds: float = 60.0) -> None:
    """Makes it so long ago that a file was written."""
    before = os.stat(path).st_mtime - seconds
    os.utime(path, (before, before))


def inbox(who: Person, *, at_work: bool = False, others: Iterable[Store] = ()) -> Inbox:
    return Inbox(who.store(), others=lambda: others, at_work=lambda: at_work)


def kinds(told: list[Told]) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in told]


def sync(who: Person, code: int = 0) -> Any:
    said = who.sow("sync", "--json")
    assert (said.code, said.err) == (code, ""), said
    return json.loads(said.out)


def end(who: Person, task_id: str) -> None:
    """An agent's work was merged."""

    def done(task: Task) -> Change:
        result: Any = {"status": "success", "message": "It is painted."}
        return Change(task=task.complete(at=AT, commit="c0ffee").replace(branch="b--010", result=result))

    who.store().change_task(task_id, done)


# -- in and back -----------------------------------------------------------------------------------

FORMS = {
    "list.json": [record("a")],
    "TODO.md": "# Plan\n- [ ] Paint it\n",
    "omniq.json": [omniq(func_path="implementer")],
    "x.task.json": task_file(type="implementer"),
    "issues.json": [issue(1)],
}
"""A file of each format that has records."""

TOLD = {
    "list.json": ("COMPLETED", "It is painted."),
    "TODO.md": ("- [x] Paint it", ""),
    "omniq.json": ("SUCCESS", ""),
    "x.task.json": ("done", "It is painted."),
    "issues.json": ("CLOSED", ""),
}
"""What stands in it once the work is merged."""


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_any_format_becomes_tasks_and_is_told_what_became_of_them(who: Person, name: str) -> None:
    who.done("task", "add", "Ours", "--agent", "implementer", "--id", "500")
    path = drop(who, name, FORMS[name])
    before = path.read_bytes()
    path.chmod(0o640)
    done = sync(who)
    assert [(one["kind"], one["tasks"]) for one in done["done"]] == [("taken", ["510"])]
    assert [(one["file"], one["state"], one["project"]) for one in done["files"]] == [
        (name, "taken", "add-login")
    ]
    assert path.read_bytes() == before, "there is nothing to be told yet"
    [event] = [one for one in events(who.store()) if one["type"] == "inbox.taken"]
    assert event["payload"] == {"file": name, "added": ["510"], "updated": []}
    end(who, "510")
    assert [one["kind"] for one in sync(who)["done"]] == ["given"]
    text = path.read_text()
    assert all(word in text for word in TOLD[name])
    assert "Ours" not in text, "of other tasks it is told nothing"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    there = everything(who.folder)
    assert sync(who)["done"] == []
    assert changed(there, everything(who.folder)) == []


OLD = (OLD_STATES / "standard-executing.yaml").read_text()
THEIRS = ("--project", "add-rate-limits")


def test_a_whole_project_that_is_dropped_is_begun_and_kept_in_step(who: Person) -> None:
    path = drop(who, "old.yaml", text := f"# mine\n{OLD}")
    [done] = sync(who)["done"]
    assert done["text"].startswith("old.yaml: project add-rate-limits (6 tasks) on branch ")
    mine, theirs = who.at(who.folder), THEIRS
    assert json.loads(mine.done("--project", "add-login", "sync", "--json"))["done"] == []
    seen = json.loads(mine.done(*theirs, "sync", "--json"))
    assert (seen["done"], seen["files"][0]["state"]) == ([], "taken")
    assert path.read_text() == text
    # What becomes of it here is told there, and no more.
    who.done(*theirs, "task", "set", "name", "Docs", "--id", "040")
    who.done(*theirs, "task", "add", "Ours", "--agent", "implementer")
    who.done(*theirs, "task", "abandon", "050")
    old, new = ([line.strip() for line in held.splitlines()] for held in (text, path.read_text()))
    gone, come = ([line for line in one if line not in other] for one, other in ((old, new), (new, old)))
    assert [line for line in gone if "_at:" not in line] == ["name: 'Docs: a page on limits'"]
    assert [line for line in come if "_at:" not in line] == ["name: 'Docs'", '- id: "070"', "name: Ours"]
    assert new.count("status: abandoned") == 2
    there = everything(who.folder)
    assert json.loads(who.done(*theirs, "sync", "--json"))["done"] == []
    assert changed(there, everything(who.folder)) == []
    # What its owner changes is taken in; the document as it once was is nothing new.
    now = path.read_text()
    drop(who, "old.yaml", now.replace("name: Ours", "name: Yours"))
    [done] = json.loads(who.done(*theirs, "sync", "--json"))["done"]
    assert (done["kind"], done["tasks"]) == ("taken", ["070"])
    assert json.loads(who.done(*theirs, "task", "show", "070", "--json"))["name"] == "Yours"
    drop(who, "old.yaml", text)
    [done] = json.loads(who.done(*theirs, "sync", "--json"))["done"]
    assert done["kind"] == "given"
    assert "name: 'Docs'" in path.read_text()


def test_the_document_of_a_project_is_told_of_its_next_state_at_once(who: Person) -> None:
    path = drop(who, "old.yaml", (OLD_STATES / "exploration-active.yaml").read_text())
    sync(who)
    theirs = ("--project", "cheaper-builds")
    who.done(*theirs, "task", "abandon", "010")
    who.done(*theirs, "advance")
    assert "current_state: Summarizing" in path.read_text()


def test_what_both_have_changed_of_a_whole_project_waits_for_a_word(who: Person) -> None:
    path = drop(who, "old.yaml", OLD)
    sync(who)
    for prefer, name in (("project", "Ours"), ("file", "Yours")):
        who.done(*THEIRS, "task", "set", "name", f"{name} 1", "--id", "050")
        before = path.read_text()
        line = next(line for line in before.splitlines() if "partners" in line or "name: Ours" in line)
        drop(who, "old.yaml", before.replace(line, f"              name: Yours {prefer}"))
        said = who.sow(*THEIRS, "sync", "--json")
        assert said.code == 4
        assert (
            json.loads(said.out)["files"][0]["reason"] == "task 050: project and file have both changed: name"
        )
        assert "sync .sow/inbox/old.yaml --prefer file" in Path(f"{path}.error").read_text()
        who.done(*THEIRS, "sync", "--prefer", prefer)
        wanted = "Ours 1" if prefer == "project" else "Yours file"
        assert json.loads(who.done(*THEIRS, "task", "show", "050", "--json"))["name"] == wanted
        assert f"name: {wanted}\n" in path.read_text()
    assert sorted(os.listdir(path.parent)) == ["old.yaml"]


def test_while_agents_work_a_document_moves_nothing_until_a_person_has_it_taken(who: Person) -> None:
    path = drop(who, "old.yaml", OLD)
    sync(who)
    drop(who, "old.yaml", OLD.replace("planning_approved: true", "planning_approved: false"))
    with who.inside():
        caller = opening.caller()
        folder = caller.layout("add-rate-limits")
        store = caller.store_of(folder)
        for at_work in (True, False):
            told = inboxes.of(caller, store, partial(bool, at_work)).look()
            assert [one.kind for one in told] == (["refused"] if at_work else [])
            assert store.phase("implementation")["metadata"]["planning_approved"] is True
    assert (
        "  if it was you, have it taken: `sow sync .sow/inbox/old.yaml`" in Path(f"{path}.error").read_text()
    )
    said = who.done("--project", "add-rate-limits", "sync", str(path))
    assert "phase implementation updated: metadata" in said
    assert store.phase("implementation")["metadata"]["planning_approved"] is False
    assert os.listdir(path.parent) == ["old.yaml"], "there is nothing to complain of any more"
    # A project that has ended is not begun anew by the document that still lies there.
    who.done(*THEIRS, "project", "delete", "--yes", "--keep-branch")
    held = path.read_bytes()
    assert sync(who)["done"] == []
    assert (path.read_bytes(), os.listdir(path.parent)) == (held, ["old.yaml"])
    assert len(json.loads(who.done("project", "list", "--json"))) == 1


@pytest.mark.parametrize("at", ["sow.bringing.files.replace", "sow.bringing.catching_up.keep"])
def test_killed_before_or_after_a_document_is_told_no_task_is_made_twice(who: Person, at: str) -> None:
    path = who.write("old.yaml", OLD)
    who.done("import", "old.yaml")
    who.done(*THEIRS, "task", "add", "Ours", "--agent", "implementer")
    with mock.patch(at, side_effect=KeyboardInterrupt):
        assert who.sow("sync", "old.yaml").code == 130
    assert ("name: Ours" in path.read_text()) is (at.endswith("keep"))
    who.done("sync", "old.yaml")
    assert path.read_text().count("name: Ours") == 1
    assert len(json.loads(who.done(*THEIRS, "task", "list", "--json"))) == 7
    there = everything(who.folder)
    assert who.done("sync", "old.yaml").endswith("project add-rate-limits: nothing to do\n")
    assert changed(there, everything(who.folder)) == []


def test_a_new_task_of_the_document_under_the_id_of_one_of_ours_is_another(who: Person) -> None:
    path = who.write("old.yaml", OLD)
    who.done("import", "old.yaml")
    who.done(*THEIRS, "task", "add", "Ours", "--agent", "implementer")
    with mock.patch("sow.bringing.files.replace", side_effect=KeyboardInterrupt):
        who.sow("sync", "old.yaml")
    last = OLD[OLD.index('            - id: "060"') : OLD.index("    review:")]
    new = last.replace('"060"', '"070"').replace("created_at: 2025", "created_at: 2024")
    path.write_text(OLD.replace(last, last + new))
    who.done("sync", "old.yaml")
    listed = json.loads(who.done(*THEIRS, "task", "list", "--json"))
    assert [(one["id"], one["name"]) for one in listed][-2:] == [
        ("070", "Ours"), ("080", "A header for each limit")
    ]  # fmt: skip
    text = path.read_text()
    assert text.index('"070"') < text.index('"080"') < text.index("name: Ours")


FINDING = (OLD_STATES / "exploration-finalizing.yaml").read_text()
QUEUE = ("--project", "which-queue")


def moved(text: str) -> str:
    """The document once its owner has taken task 020 to the last phase, and made another of its number."""
    task = text[text.index('            - id: "020"') : text.index("    finalization:")]
    other = task.replace("How does it scale?", "What does it cost?").replace("T10:05:10", "T10:06:00")
    text = text.replace(task, other)
    goes = task.replace("phase: exploration", "phase: finalization")
    return text.replace("statechart:\n", f"{goes}statechart:\n")


def test_a_task_that_the_owner_of_a_document_moves_is_moved_here_too(who: Person) -> None:
    path = who.write("old.yaml", FINDING)
    who.done("import", "old.yaml")
    who.done(*QUEUE, "agent", "log", "It scales.", "--id", "020")
    path.write_text(moved(FINDING))
    update = json.loads(who.done("sync", "old.yaml", "--json"))["update"]
    assert (update["added"], update["changed"], update["gone"]) == (["040"], {"task 020": ["phase"]}, [])
    listed = {one["id"]: one for one in json.loads(who.done(*QUEUE, "task", "list", "--json"))}
    assert {task_id: (one["phase"], one["name"]) for task_id, one in listed.items()} == {
        "010": ("exploration", "What do we lose when it is killed?"),
        "020": ("finalization", "How does it scale?"),
        "030": ("finalization", "Move the summary to the docs"),
        "040": ("exploration", "What does it cost?"),
    }
    with who.inside():
        store = opening.caller().store_of(opening.caller().layout("which-queue"))
    assert "It scales." in store.notes(store.task("020")), "its folder has moved with it"
    assert [one["payload"] for one in events(store) if one["type"] == "task.moved"] == [
        {"source": "exploration", "target": "finalization"}
    ]
    who.done(*QUEUE, "validate")
    # From now on it is the one there, and the new one that of its old place.
    there = everything(who.folder)
    assert who.done("sync", "old.yaml").endswith("project which-queue: nothing to do\n")
    assert changed(there, everything(who.folder)) == []
    path.write_text(path.read_text().replace("How does it scale?", "Does it scale?"))
    assert list(json.loads(who.done("sync", "old.yaml", "--json"))["update"]["changed"]) == ["task 020"]
    # Moved here, and there again to where it was, it goes back and forth as one.
    who.done(*QUEUE, "task", "move", "020", "--phase", "exploration")
    assert json.loads(who.done("sync", "old.yaml", "--json"))["update"]["given"] == {"task 020": ["phase"]}
    assert path.read_text().count("Does it scale?") == 1


def test_a_task_that_can_not_move_now_stays_where_it_is_and_that_is_told(who: Person) -> None:
    path = who.write("old.yaml", FINDING)
    who.done("import", "old.yaml")
    path.write_text(moved(FINDING))
    with who.inside():
        store = opening.caller().store_of(opening.caller().layout("which-queue"))
    with Drivers(store).kept_off("020"):
        said = json.loads(who.sow("sync", "old.yaml", "--json").out)["update"]
    assert "somebody is at work on task 020" in said["rejected"]["task 020"]["reason"]
    assert store.task("020").phase == "exploration"
    assert store.task("040").name == "What does it cost?"
    store.change_task("020", lambda task: Change(task=task.replace(status="completed", commit="c0ffee")))
    said = json.loads(who.sow("sync", "old.yaml", "--json").out)["update"]
    assert said["rejected"]["task 020"]["reason"] == "its work is merged: it stays in phase exploration"
    assert (store.task("020").phase, len(store.tasks().tasks)) == ("exploration", 4)


def test_what_a_person_decides_is_told_at_once(who: Person) -> None:
    path = drop(who, "list.json", [record("a"), record("b")])
    sync(who)
    who.done("task", "abandon", "010")
    assert [one["status"] for one in json.loads(path.read_text())] == ["CANCELLED", "PENDING"]


@pytest.mark.parametrize("words", [("delete",), ("finish", "--leave")])
def test_the_end_of_a_project_is_no_complaint_about_its_files(who: Person, words: tuple[str, ...]) -> None:
    (who.folder / ".sow/inbox/add-login").mkdir(parents=True)
    path = drop(who, "add-login/TODO.md", "- [ ] one\n")
    sync(who)
    who.done("task", "abandon", "010")
    who.done("project", *words, "--yes")
    assert os.listdir(path.parent) == [path.name]


def test_a_question_stands_in_the_file_and_its_writer_may_try_again(who: Person) -> None:
    path = drop(who, "list.json", [record("a", theirs=[1])])
    sync(who)
    who.store().change_task(
        "010", lambda task: Change(task=task.pause("Which?", kind="question", by="implementer", at=AT))
    )
    sync(who)
    [held] = json.loads(path.read_text())
    assert (held["status"], held["result"]["error_code"], held["theirs"]) == ("BLOCKED", "NEEDS_INPUT", [1])
    drop(who, "list.json", [{**held, "status": "PENDING"}])
    sync(who)
    assert who.store().task("010").status == "pending"


# -- again and again -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["list.json", "other.json"])
def test_the_same_file_dropped_again_changes_nothing_and_is_told_the_news(who: Person, name: str) -> None:
    first = [record("a"), record("b")]
    path = drop(who, "list.json", first)
    sync(who)
    end(who, "010")
    sync(who)
    if name != path.name:
        path.unlink()
    again = drop(who, name, first)
    assert {one["kind"] for one in sync(who)["done"]} <= {"given", "gone"}
    assert [one["status"] for one in json.loads(again.read_text())] == ["COMPLETED", "PENDING"]
    assert len(who.store().tasks().tasks) == 2
    drop(who, name, [record("a"), record("b", description="Do b well"), record("c")])
    assert [one["tasks"] for one in sync(who)["done"]] == [["030", "020"]]


def test_a_file_that_is_gone_is_told_once_and_its_tasks_stay(who: Person) -> None:
    path = drop(who, "list.json", [record("a")])
    sync(who)
    text = path.read_text()
    path.unlink()
    assert [one["text"] for one in sync(who)["done"]] == [
        "list.json is gone from the inbox folder; its tasks stay"
    ]
    assert sync(who) == {"done": [], "files": []}
    drop(who, "list.json", text)
    assert (sync(who)["done"], len(who.store().tasks().tasks)) == ([], 1)
    path.unlink()
    assert [one["kind"] for one in sync(who)["done"]] == ["gone"]


# -- what can't be taken ---------------------------------------------------------------------------


def broken(who: Person) -> Path:
    return drop(who, "bad", '[{"task_id": "a",\n "description"]')


def unknown(who: Person) -> Path:
    return drop(who, "bad", "Good morning.\n")


def no_text(who: Person) -> Path:
    path = drop(who, "bad", "")
    path.write_bytes(b"[\xff]")
    rest(path)
    return path


def large(who: Person) -> Path:
    return drop(who, "bad", f"[{' ' * 5000}]")


def link(who: Person) -> Path:
    path = who.folder / INBOX / "bad"
    path.symlink_to("/etc/hostname")
    return path


def pipe(who: Person) -> Path:
    path = who.folder / INBOX / "bad"
    os.mkfifo(path)
    return path


def twice(who: Person) -> Path:
    return drop(who, "bad", [record("a", depends_on=["b"]), record("b", depends_on=["a"])])


BAD = {
    broken: "bad:2:15: is no JSON: Expecting ':' delimiter",
    unknown: "bad is in none of the formats that are known",
    no_text: "bad: is not UTF-8 at byte 2",
    large: "bad: is 5,002 bytes long; it may have 4,000",
    link: "bad: is a link to /etc/hostname",
    pipe: "bad: is not a regular file",
    twice: "tasks[0] a: depends_on: a -> b -> a is a circle",
}


@pytest.mark.parametrize("make", BAD, ids=lambda make: str(make.__name__))
def test_what_cant_be_taken_stays_as_it_is_and_why_stands_beside_it(
    who: Person, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "MOST", 4000)
    path = make(who)
    there = everything(who.folder / ".sow/worktrees")
    sign = dropped._sign(str(path))
    done = sync(who, code=4)
    assert [one["kind"] for one in done["done"]] == ["refused"]
    reason = done["files"][0]["reason"].removeprefix(f"{who.folder}/{INBOX}/")
    assert reason == BAD[make]
    assert changed(there, everything(who.folder / ".sow/worktrees")) == []
    assert dropped._sign(str(path)) == sign
    complaint = Path(f"{path}.error").read_text()
    assert complaint.startswith("sow has not taken ")
    assert BAD[make] in complaint
    if make is pipe:
        assert BAD[make] in who.done("status")
        assert BAD[make] in who.sow("doctor").out

    assert sync(who, code=4)["done"] == [], "it is told once"
    path.unlink()
    drop(who, "bad", [record("z")])
    assert [one["kind"] for one in sync(who)["done"]] == ["taken"]
    assert not Path(f"{path}.error").exists()
    assert len([one for one in events(who.store()) if one["type"] == "inbox.refused"]) == 1


def test_what_of_a_file_can_be_taken_is_taken_and_the_rest_is_told(who: Person) -> None:
    path = drop(who, "list.json", [record("a"), record("b", status="LOST")])
    done = sync(who, code=4)
    assert [one["kind"] for one in done["done"]] == ["taken"]
    assert (done["files"][0]["state"], done["files"][0]["reason"]) == (
        "in part", 'tasks[1] b: status: "LOST" is none',
    )  # fmt: skip
    assert "Inbox folder: 1 file, 1 taken in part" in who.done("status")
    drop(who, "list.json", path.read_text().replace("LOST", "TODO"))
    assert sync(who)["files"][0]["state"] == "taken"


def test_a_complaint_goes_with_its_file(who: Person) -> None:
    unknown(who).unlink()
    path = unknown(who)
    sync(who, code=4)
    path.unlink()
    sync(who)
    assert os.listdir(who.folder / INBOX) == []


def test_where_both_changed_the_same_neither_is_touched_until_somebody_decides(who: Person) -> None:
    path = drop(who, "list.json", [record("a")])
    sync(who)
    who.done("task", "set", "priority", "low", "--id", "010")
    text = json.dumps([record("a", priority="HIGH")])
    drop(who, "list.json", text)
    for _ in range(2):
        assert "have both changed: priority" in sync(who, code=4)["files"][0]["reason"]
    assert (path.read_text(), who.store().task("010").priority) == (text, "low")
    who.done("sync", f"{INBOX}/list.json", "--prefer", "file")
    assert (sync(who)["files"][0]["state"], who.store().task("010").priority) == ("taken", "high")


# -- while it is being written ---------------------------------------------------------------------


def test_a_file_is_written_as_long_as_somebody_has_it_open_to_write(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("a")
    assert not writers.is_written(str(path))
    with path.open("a"), path.open():
        assert writers.is_written(str(path))
    with path.open():
        assert not writers.is_written(str(path))
    assert not writers.is_written(str(tmp_path))
    assert not writers.is_written(str(tmp_path / "gone"))


def test_a_file_is_taken_once_nobody_writes_it_any_more_and_not_before(who: Person) -> None:
    folder = inbox(who)
    path = drop(who, "TODO.md", "- [ ] Half", fresh=True)
    assert kinds(folder.look()) == [("waits", "TODO.md")], "somebody may go on in a moment"
    assert folder.due is not None
    assert folder.is_awaited
    with path.open("a") as writer:
        rest(path)
        assert kinds(folder.look()) == [("waits", "TODO.md")]
        writer.write(" of it\n- [ ] The rest\n")
    rest(path)
    assert kinds(folder.look()) == [("taken", "TODO.md")]
    assert [task.name for task in who.store().tasks().tasks] == ["Half of it", "The rest"]
    assert not folder.is_awaited


def test_a_folder_that_can_not_be_looked_into_is_told_once(who: Person, tmp_path: Path) -> None:
    folder = inbox(who)
    place, elsewhere = who.folder / INBOX, tmp_path / "elsewhere"
    elsewhere.mkdir()
    place.rmdir()
    place.symlink_to(elsewhere)
    (told,) = folder.look()
    assert (told.kind, "a link leads out of the repository here" in told.text) == ("refused", True)
    assert folder.look() == []


def test_what_a_run_wrote_a_moment_ago_is_told_the_next_news_at_once(who: Person) -> None:
    folder = inbox(who)
    path = drop(who, "list.json", [record("a")])
    folder.look()
    for question in ("Which?", "And which else?"):

        def asked(task: Task, text: str = question) -> Change:
            open_again = task if task.status == "pending" else task.retry()
            return Change(task=open_again.pause(text, kind="question", by="implementer", at=AT))

        who.store().change_task("010", asked)
        assert kinds(folder.look()) == [("given", "list.json")]
    assert json.loads(path.read_text())[0]["result"]["message"] == "And which else?"


def test_a_file_that_does_not_parse_may_be_one_that_is_written_in_several_goes(who: Person) -> None:
    folder = inbox(who)
    path = drop(who, "list.json", '[{"task_id": "a",', fresh=True)
    rest(path, dropped.WRITING_SECONDS / 2)
    assert kinds(folder.look()) == [("waits", "list.json")]
    assert not Path(f"{path}.error").exists()
    rest(path)
    assert kinds(folder.look()) == [("refused", "list.json")]


def test_what_somebody_writes_while_the_file_is_told_is_not_lost(who: Person) -> None:
    path = drop(who, "list.json", [record("a")])
    sync(who)
    end(who, "010")
    real = files.replace
    mine = json.dumps([record("a"), record("b")])

    def late(goal: str, before: str, after: str) -> bool:
        if path.read_text() != mine and "b" not in {one["task_id"] for one in json.loads(path.read_text())}:
            drop(who, "list.json", mine)
        return real(goal, before, after)

    with mock.patch.object(files, "replace", late):
        sync(who)
    assert [(one["task_id"], one["status"]) for one in json.loads(path.read_text())] == [
        ("a", "COMPLETED"), ("b", "PENDING"),
    ]  # fmt: skip
    assert len(who.store().tasks().tasks) == 2


# -- whose it is -----------------------------------------------------------------------------------


def test_with_several_projects_the_folder_of_one_says_whose_a_file_is(who: Person) -> None:
    drop(who, "first.json", [record("a")])
    sync(who)
    who.done("project", "new", "Another", "--branch", "feat/another")
    mine, other = who.at(who.folder, SOW_PROJECT_DIR=who_is(who, "add-login")), who_is(who, "another")
    drop(who, "list.json", [record("b")])
    drop(who, "another/list.json", [record("c")])
    drop(who, "nobody/list.json", [record("d")])
    done = json.loads(mine.sow("sync", "--json").out)
    assert {one["file"]: one["state"] for one in done["files"]} == {
        "first.json": "taken", "list.json": "not taken", "nobody/list.json": "not taken",
    }  # fmt: skip
    assert done["files"][1]["reason"] == "there are several projects here: add-login, another"
    refused = {one["file"] for one in done["done"] if one["kind"] == "refused"}
    assert refused == {"list.json", "nobody/list.json"}
    there = who.at(who.folder, SOW_PROJECT_DIR=other)
    done = json.loads(there.sow("sync", "--json").out)
    assert [one["file"] for one in done["done"]] == ["another/list.json"]
    (who.folder / INBOX / "list.json").rename(who.folder / INBOX / "another/more.json")
    assert [one["kind"] for one in json.loads(there.sow("sync", "--json").out)["done"]] == ["taken"]
    assert not (who.folder / INBOX / "list.json.error").exists()


def who_is(who: Person, project: str) -> str:
    listed = json.loads(who.done("project", "list", "--json"))
    return next(f"{one['folder']}/.sow/project" for one in listed if one["name"] == project)


# -- agents ----------------------------------------------------------------------------------------


def test_while_agents_work_a_file_adds_tasks_and_moves_none_until_a_person_has_it_taken(who: Person) -> None:
    path = drop(who, "list.json", [record("a")])
    sync(who)
    text = json.dumps([record("a", status="COMPLETED", priority="LOW"), record("b")])
    drop(who, "list.json", text)
    told = inbox(who, at_work=True).look()
    assert kinds(told) == [("taken", "list.json")]
    assert [task.status for task in who.store().tasks().tasks] == ["pending", "pending"]
    assert path.read_text() == text
    assert "task 010 is to be COMPLETED" in Path(f"{path}.error").read_text()
    for _ in range(2):
        sync(who, code=4)  # their work has ended, and it is as little a person's word as before
        assert who.store().task("010").status == "pending"
    assert who.at(who.folder, SOW_ATTEMPT_ID="x").sow("sync", f"{INBOX}/list.json").code == 4
    who.done("sync", f"{INBOX}/list.json")
    assert (who.store().task("010").status, sync(who)["files"][0]["state"]) == ("completed", "taken")


def test_what_came_while_agents_worked_is_known_though_it_is_looked_at_later(who: Person) -> None:
    drop(who, "list.json", [record("a")])
    sync(who)
    at_work = [True]
    folder = Inbox(who.store(), at_work=lambda: at_work[0])
    drop(who, "list.json", [record("a", status="CANCELLED")])
    folder.notice()
    at_work[0] = False
    assert kinds(folder.look()) == [("refused", "list.json")]
    assert who.store().task("010").status == "pending"


def test_an_agents_command_leaves_the_folder_alone(who: Person) -> None:
    drop(who, "list.json", [record("a")])
    who.write("mine.json", json.dumps([record("m")]))
    who.at(who.folder, SOW_ATTEMPT_ID="x").sow("import", "mine.json")
    assert [task.name for task in who.store().tasks().tasks] == ["Do m"]
    assert who.sow("import", "mine.json").err == "inbox: list.json: 1 added\n"


# -- killed ----------------------------------------------------------------------------------------


EVERY = 5
"""At each so manyth step it is killed: with 1 at each, which takes longer and was found to hold as well."""


@pytest.mark.slow
def test_killed_at_any_step_nothing_is_half_taken_and_the_next_command_goes_on(who: Person) -> None:
    text = json.dumps([record("a"), record("b", task_type="unheard")])
    step, place, seen = 0, "", set()
    before = everything(who.folder)
    while place != "survived":
        step += EVERY
        path = drop(who, "list.json", text)
        with who.inside():
            place = run_and_kill(["sync"], step)
        tasks = who.store().tasks()
        assert tasks.broken == (), place
        seen.add(len(tasks.tasks))
        assert [one["task_id"] for one in json.loads(path.read_text())] == ["a", "b"], place
        rest(path)
        sync(who)
        assert [task.name for task in who.store().tasks().tasks] == ["Do a", "Do b"], place
        assert [one["status"] for one in json.loads(path.read_text())] == ["PENDING", "FAILED"], place
        who.store().settle()
        assert temporary(who.store()) == [], place
        assert os.listdir(who.folder / INBOX) == ["list.json"], place
        put_back(who, before)
    assert seen == {0, 2}
    assert step > 4 * EVERY


def put_back(who: Person, before: Any) -> None:
    """Every byte below the person's folder as it was."""
    for path in everything(who.folder).keys() - before.keys():
        (who.folder / path).unlink()
    for folder, _, _ in sorted(os.walk(who.folder / ".sow/worktrees"), reverse=True):
        if "/tasks/" in folder:
            os.rmdir(folder)
    for path, data in before.items():
        if (who.folder / path).read_bytes() != data:
            (who.folder / path).write_bytes(data)
