"""`sow import`, `sow export`, `sow sync`: what comes in, what goes out, what stays as it is."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from tests.cli.parts import AT, ROOT, Person, changed, everything, with_project
from tests.cli.test_outside import begun, outside
from tests.core.parts import OLD_STATES, events, temporary

from sow import document, fields, files, journal, original
from sow.document import canonical
from sow.formats import planning
from sow.store import Store

LIST = "list.json"


def record(task_id: str, **keys: Any) -> dict[str, Any]:
    return {
        "task_id": task_id, "description": f"Do {task_id}", "status": "PENDING", "task_type": "implementer",
        **keys,
    }  # fmt: skip


@pytest.fixture
def who(tmp_path: Path) -> Person:
    made = with_project(tmp_path)
    return made.at(made.store().layout.folder)


def put(who: Person, *records: Any, **above: Any) -> None:
    held = {**above, "tasks": list(records)} if above else list(records)
    who.write(LIST, json.dumps(held, indent=2) + "\n")


def held(who: Person) -> Any:
    return json.loads((who.folder / LIST).read_text())


def edit(who: Person, task_id: str, **keys: Any) -> None:
    """What somebody else writes into the list."""
    there = held(who)
    for one in there["tasks"] if isinstance(there, dict) else there:
        if one["task_id"] == task_id:
            one.update(keys)
    who.write(LIST, json.dumps(there, indent=2) + "\n")


def told(who: Person, *words: str, code: int = 0) -> Any:
    said = who.sow(*words, "--json")
    assert (said.code, said.err) == (code, ""), said
    return json.loads(said.out)


# -- import ----------------------------------------------------------------------------------------


def test_a_list_comes_in_whole_and_a_second_time_nothing_happens(who: Person) -> None:
    put(
        who,
        record(
            "a", description="First line\n\nand more", priority="HIGH", params={"n": 1}, theirs={"x": [1]}
        ),
        record("b", depends_on=["a"], status="CLAIMED", assigned_to="Agent-3", original_line=4),
        record("c", status="COMPLETED", result={"status": "success", "message": "ok", "data": {}}),
        version=3,
    )
    before = (who.folder / LIST).read_bytes()
    done = told(who, "import", LIST)
    assert done["added"] == [{"id": i, "task": t} for i, t in (("a", "010"), ("b", "020"), ("c", "030"))]
    store = who.store()
    first, second, third = store.tasks().tasks
    assert (first.name, first.priority, first.params) == ("First line", "high", {"n": 1})
    assert store.description(first) == "First line\n\nand more\n"
    assert second.depends_on == ["010"]
    assert second.question
    assert second.question["text"].startswith("Agent-3 is at work on it (CLAIMED)")
    assert (third.status, third.result) == ("completed", {"status": "success", "message": "ok", "data": {}})
    kinds = [(event["task_id"], event["type"]) for event in events(store) if event["task_id"]]
    assert kinds == [
        ("010", "task.created"), ("020", "task.created"), ("020", "task.paused"), ("030", "task.created"),
        ("030", "task.completed"),
    ]  # fmt: skip
    assert who.done("validate").startswith("Valid: the project, 3 phases, 3 tasks")

    there = everything(who.folder)
    assert [one["task"] for one in told(who, "import", LIST)["same"]] == ["010", "020", "030"]
    assert changed(there, everything(who.folder)) == []
    assert (who.folder / LIST).read_bytes() == before
    assert json.loads(who.done("export")) == held(who)["tasks"]


def test_a_second_import_takes_only_what_the_file_has_changed_since(who: Person) -> None:
    put(who, record("a"), record("b"))
    who.done("import", LIST)
    who.done("task", "set", "priority", "low", "--id", "010")
    edit(who, "a", description="Other words")
    edit(who, "b", status="IN_PROGRESS", assigned_to="Agent-3")
    done = told(who, "import", LIST)
    assert [(one["task"], one["keys"]) for one in done["updated"]] == [
        ("010", ["description"]), ("020", ["status", "assigned_to"]),
    ]  # fmt: skip
    store = who.store()
    task = store.task("010")
    assert (task.name, task.priority, store.description(task)) == ("Other words", "low", "Other words\n")
    assert store.task("020").status == "paused"


def test_where_nothing_can_be_taken_each_reason_is_listed_and_no_byte_changes(who: Person) -> None:
    put(who, record("a", status="LOST"), record("b", depends_on=["a"]), 7)
    there = everything(who.folder.parents[3])
    said = who.sow("import", LIST)
    assert said.code == 4
    assert said.out.splitlines()[0] == '  rejected: tasks[0] a: status: "LOST" is none'
    assert said.out.splitlines()[-1] == f"Imported {LIST} (task-list): 3 rejected"
    assert changed(there, everything(who.folder.parents[3])) == []


def test_a_dry_run_says_what_would_be_done_and_does_nothing(who: Person) -> None:
    put(who, record("a"), record("b", task_type="unheard"))
    there = everything(who.folder)
    for verb in ("import", "sync"):
        said = who.done(verb, LIST, "--dry-run")
        assert said.splitlines()[-1].startswith(f"Would {verb} {LIST} (task-list): 2 added")
    assert changed(there, everything(who.folder)) == []


def test_the_settings_say_who_does_which_type(who: Person) -> None:
    main = Path(who.store().layout.main)
    config = main / ".sow/config.yaml"
    rows = "task_types:\n  port: {agent: planner, params: {type: object, required: [file]}}\n"
    config.write_text(config.read_text() + rows + "formats: {agents: {Agent-3: reviewer}}\n")
    put(
        who,
        record("a", task_type="port", params={"file": "x"}),
        record("b", task_type="port"),
        record("c", task_type="odd", target_agent="Agent-3"),
        record("d", task_type="odd"),
    )
    who.done("import", LIST)
    tasks = who.store().tasks().tasks
    assert [(t.assigned_agent, t.status) for t in tasks] == [
        ("planner", "pending"), ("planner", "paused"), ("reviewer", "pending"), ("implementer", "paused"),
    ]  # fmt: skip
    who.done("sync", LIST)
    assert [one.get("result", {}).get("error_code") for one in held(who)] == [
        None, "VALIDATION_ERROR", None, "VALIDATION_ERROR",
    ]  # fmt: skip


def test_more_than_a_project_takes_goes_into_several_and_each_record_into_one(
    who: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "HIGHEST_ID", 3)
    put(who, *(record(f"t{number}") for number in range(7)), record("last", depends_on=["t6"]))
    assert len(told(who, "import", LIST, "--dry-run")["left"]) == 5
    # As a kill may leave it: the next project is begun, and nothing is in it yet.
    who.done("project", "new", "Begun", "--name", "add-login-2", "--branch", "feat/add-login-2")
    done = told(who, "import", LIST)
    assert [one["id"] for one in done["added"]] == ["t0", "t1", "t2"]
    assert [(one["project"], [added["id"] for added in one["added"]]) for one in done["further"]] == [
        ("add-login-2", ["t3", "t4", "t5"]), ("add-login-3", ["t6", "last"]),
    ]  # fmt: skip
    assert who.git("branch", "--list", "feat/add-login-3", "--format=%(refname:short)") == "feat/add-login-3"
    again = told(who, "import", LIST)
    assert [len(one["same"]) for one in (again, *again["further"])] == [3, 3, 2]
    assert {one["project"] for one in again["elsewhere"]} == {"add-login-2", "add-login-3"}

    who.done("--project", "add-login-3", "task", "set", "status", "completed", "--id", "010")
    put(who, *held(who), record("new"))
    done = told(who, "sync", LIST)
    assert [len(one["added"]) for one in done["further"]] == [0, 1], "what is new goes where there is room"
    assert [one["status"] for one in held(who)].count("COMPLETED") == 1
    assert len(held(who)) == 9


def test_what_depends_on_each_other_goes_into_no_two_projects(
    who: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "HIGHEST_ID", 3)
    put(who, record("a"), *(record(f"t{number}", depends_on=["a"]) for number in range(3)))
    there = everything(who.folder.parents[3])
    said = who.sow("import", LIST)
    assert said.told == (
        4,
        [
            "sow: 4 tasks depend on each other, and one project has 3",
            "     take out some of what stands under depends_on",
        ],
    )
    assert changed(there, everything(who.folder.parents[3])) == []


def test_outside_of_git_a_list_has_to_fit_into_the_one_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = begun(outside(tmp_path))
    monkeypatch.setattr(planning, "HIGHEST_ID", 3)
    put(who, *(record(f"t{number}") for number in range(5)))
    there = everything(who.folder)
    said = who.sow("import", LIST)
    assert said.told == (
        4,
        [
            "sow: there are 5 new tasks, and room for 3: a project has 3",
            "     take what there is room for: --fill",
        ],
    )
    assert changed(there, everything(who.folder)) == []
    assert len(told(who, "import", LIST, "--fill")["added"]) == 3


def test_to_fill_a_project_leaves_the_rest_and_makes_no_other(
    who: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "HIGHEST_ID", 3)
    put(who, *(record(f"t{number}") for number in range(5)))
    done = told(who, "import", LIST, "--fill")
    assert (len(done["added"]), len(done["left"])) == (3, 2)
    assert len(json.loads(who.done("project", "list", "--json"))) == 1


# -- sync ------------------------------------------------------------------------------------------


def test_what_either_side_changes_goes_to_the_other(who: Person) -> None:
    put(who, record("a"), record("b"), record("c"), version=3)
    who.done("sync", LIST)
    who.done("task", "set", "status", "completed", "--id", "010")
    who.done("task", "add", "Ours", "--agent", "implementer")
    edit(who, "b", status="COMPLETED", result={"status": "success", "message": "theirs"})
    edit(who, "c", priority="LOW", their_own=[1])
    done = told(who, "sync", LIST)
    assert (len(done["updated"]), len(done["given"]), done["conflicts"]) == (2, 2, [])
    there = held(who)
    assert there["version"] == 3
    assert [one["status"] for one in there["tasks"]] == ["COMPLETED", "COMPLETED", "PENDING", "PENDING"]
    assert there["tasks"][3]["description"] == "Ours"
    store = who.store()
    assert [task.status for task in store.tasks().tasks] == ["completed", "completed", "pending", "pending"]
    assert store.task("020").result == {"status": "success", "message": "theirs"}
    assert store.task("030").priority == "low"

    before = everything(who.folder)
    assert len(told(who, "sync", LIST)["same"]) == 4
    assert changed(before, everything(who.folder)) == []


def test_where_both_change_the_same_nothing_is_overwritten_until_somebody_decides(who: Person) -> None:
    put(who, record("a"), record("b"))
    who.done("sync", LIST)
    who.done("task", "set", "priority", "low", "--id", "010")
    edit(who, "a", priority="HIGH")
    for _ in range(2):
        there = everything(who.folder)
        done = told(who, "sync", LIST, code=5)
        assert done["conflicts"] == [{"id": "a", "task": "010", "place": "tasks[0]", "keys": ["priority"]}]
        assert changed(there, everything(who.folder)) == []
    assert (
        "say whose word counts: `sow sync list.json --prefer file`, or project" in who.sow("sync", LIST).out
    )
    who.done("sync", LIST, "--prefer", "project")
    assert held(who)[0]["priority"] == "LOW"
    edit(who, "a", priority="CRITICAL")
    who.done("task", "set", "priority", "normal", "--id", "010")
    who.done("sync", LIST, "--prefer", "file")
    assert who.store().task("010").priority == "critical"


def test_what_is_taken_out_on_one_side_does_not_come_back_from_the_other(who: Person) -> None:
    put(who, record("a"), record("b"))
    who.done("sync", LIST)
    who.done("task", "remove", "020")
    put(who, record("b"))
    done = told(who, "sync", LIST, code=4)
    assert (done["gone"], done["added"], done["given"]) == ([{"id": "a", "task": "010"}], [], [])
    assert done["rejected"][0]["reason"] == "it was a task here and was removed"
    assert [one["task_id"] for one in held(who)] == ["b"]


def test_what_somebody_writes_in_the_middle_of_a_sync_is_not_lost(who: Person) -> None:
    put(who, record("a"))
    who.done("sync", LIST)
    who.done("task", "set", "priority", "low", "--id", "010")
    real = Store.take_in

    def take_in(store: Any, *words: Any) -> Any:
        done = real(store, *words)
        if "module" not in held(who)[0]:
            edit(who, "a", module="theirs")
        return done

    with mock.patch.object(Store, "take_in", take_in):
        who.done("sync", LIST)
    assert (held(who)[0]["module"], held(who)[0]["priority"]) == ("theirs", "LOW")
    assert told(who, "sync", LIST)["same"]


@pytest.mark.parametrize(
    "place",
    [
        pytest.param((journal.Journal, "carry_out"), id="before anything is done"),
        pytest.param((os, "unlink"), id="with all of it done and the intent still there"),
        pytest.param((files, "move"), id="in the middle of it"),
    ],
)
@pytest.mark.parametrize("verb", ["import", "sync"])
def test_killed_anywhere_the_next_command_sees_all_of_it_or_nothing(
    who: Person, verb: str, place: tuple[Any, str]
) -> None:
    put(who, record("a"), record("b", task_type="unheard"), record("c"))
    if (child := os.fork()) == 0:
        kill = lambda *words, **more: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        with mock.patch.object(*place, kill):
            who.sow(verb, LIST)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    there = who.store().tasks().tasks
    assert len(there) == (0 if place[1] == "carry_out" else 3)
    done = told(who, "sync", LIST)
    assert len(done["added"]) + len(done["same"]) == 3
    assert held(who)[1]["status"] == "FAILED"
    assert len(told(who, "sync", LIST)["same"]) == 3
    assert temporary(who.store()) == []


def test_a_sync_killed_before_the_file_is_written_is_completed_by_the_next(who: Person) -> None:
    put(who, record("a"), record("b"))
    who.done("sync", LIST)
    who.done("task", "set", "status", "completed", "--id", "010")
    edit(who, "b", priority="HIGH")
    kill = lambda *words, **more: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
    if (child := os.fork()) == 0:
        with mock.patch.object(files, "replace", kill):
            who.sow("sync", LIST)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert held(who)[0]["status"] == "PENDING"
    assert told(who, "sync", LIST)["given"] == ["a"]
    assert held(who)[0]["status"] == "COMPLETED"
    assert who.store().task("020").priority == "high"


def test_many_syncs_at_once_take_each_record_once(who: Person) -> None:
    put(who, *(record(f"t{number}") for number in range(12)))
    children = []
    for _ in range(3):
        if (child := os.fork()) == 0:
            os._exit(who.sow("sync", LIST).code)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    assert len(who.store().tasks().tasks) == 12


# -- export ----------------------------------------------------------------------------------------


def test_an_export_never_writes_over_what_says_something_else_unless_it_is_told_to(who: Person) -> None:
    who.done("task", "add", "Ours", "--agent", "implementer")
    who.done("export", "--output", LIST)
    [told_] = held(who)
    assert (told_["description"], told_["status"]) == ("Ours", "PENDING")
    who.done("export", "--output", LIST)
    edit(who, told_["task_id"], priority="LOW")
    there = everything(who.folder)
    said = who.sow("export", "--output", LIST)
    assert said.told == (
        4,
        [
            f"sow: {LIST} is there and says something else",
            f"     keep it in step: `sow sync {LIST}`; or write over it: --force",
        ],
    )
    assert changed(there, everything(who.folder)) == []
    who.done("export", "--output", LIST, "--force")
    assert "priority" not in held(who)[0]


def test_a_list_that_came_in_with_another_goes_into_no_other(who: Person) -> None:
    put(who, record("a"))
    who.done("sync", LIST)
    shutil.copy(who.folder / LIST, who.folder / "other.json")
    (who.folder / "other.json").write_text(json.dumps([record("z")]))
    who.done("sync", "other.json")
    assert [one["task_id"] for one in json.loads((who.folder / "other.json").read_text())] == ["z"]
    who.done("sync", LIST)
    assert [one["task_id"] for one in held(who)] == ["a"]


# -- check lists -----------------------------------------------------------------------------------

TODO = "# Plan\n\nSome words.\n\n## Login\n- [ ] Write the form\n- [x] Choose a colour\n"


def test_a_check_list_comes_in_and_keeps_where_each_item_stood(who: Person) -> None:
    who.write("docs/TODO.md", TODO)
    who.done("import", "docs/TODO.md", "--agent", "planner")
    first, second = who.store().tasks().tasks
    assert (first.name, first.status, first.assigned_agent) == ("Write the form", "pending", "planner")
    assert second.status == "completed"
    assert first.metadata
    source = first.metadata["source"]
    assert {key: source[key] for key in ("system", "file", "line")} == {
        "system": "checklist", "file": "docs/TODO.md", "line": 6,
    }  # fmt: skip
    assert source["extras"] == {"module": "Login"}


def test_a_check_list_that_was_mended_updates_its_tasks_and_leaves_what_was_said_here(who: Person) -> None:
    who.write("TODO.md", TODO)
    who.done("import", "TODO.md")
    who.done("task", "set", "priority", "high", "--id", "010")
    task = who.store().task("010")
    Path(who.store().layout.task(task.phase, "010"), "description.md").write_text(
        "Write the form\n\nWith two fields.\n"
    )
    who.write("TODO.md", TODO.replace("# Plan\n", "# Plan\n\n").replace("the form", "the form well"))
    assert [one["keys"] for one in told(who, "import", "TODO.md")["updated"]] == [
        ["text", "original_line"], ["original_line"],
    ]  # fmt: skip
    store = who.store()
    task = store.task("010")
    assert (task.name, task.priority) == ("Write the form well", "high")
    assert store.description(task) == "Write the form well\n\nWith two fields.\n"
    assert len(store.tasks().tasks) == 2


def test_what_stands_below_an_item_is_told_to_its_agent_and_kept_in_step(who: Person) -> None:
    who.write("TODO.md", "- [ ] Write the form\n  with two fields\n  and a button\n")
    who.done("import", "TODO.md")
    store = who.store()
    (task,) = store.tasks().tasks
    description = Path(store.layout.task(task.phase, task.id), "description.md")
    assert description.read_text().strip() == "Write the form\nwith two fields\nand a button"
    description.write_text("Write the form\nwith two fields\nand a red button\n\nMind the colours.\n")
    who.write("TODO.md", "- [ ] Write the form\n  with three fields\n")
    assert [one["keys"] for one in told(who, "sync", "TODO.md")["updated"]] == [["details"]]
    assert description.read_text() == (
        "Write the form\nwith three fields\nand a red button\n\nMind the colours.\n"
    )
    assert len(told(who, "sync", "TODO.md")["same"]) == 1
    assert (who.folder / "TODO.md").read_text() == "- [ ] Write the form\n  with three fields\n"


def test_an_export_ticks_boxes_and_changes_nothing_else(who: Person) -> None:
    who.write("TODO.md", TODO)
    who.done("import", "TODO.md")
    who.done("task", "add", "Ours", "--agent", "implementer")
    text = f"{TODO}\nA last word.\n- [x] Ticked by hand\n"
    who.write("TODO.md", text)
    who.done("task", "set", "status", "completed", "--id", "010")
    who.done("export", "--output", "TODO.md")
    assert (who.folder / "TODO.md").read_text() == text.replace("- [ ] Write", "- [x] Write")


def test_a_check_list_in_step_has_our_tasks_too_and_comes_to_rest(who: Person) -> None:
    who.write("TODO.md", TODO)
    who.done("task", "add", "Ours", "--agent", "implementer")
    who.done("sync", "TODO.md")
    who.done("task", "set", "status", "completed", "--id", "020")
    who.write("TODO.md", (who.folder / "TODO.md").read_text().replace("- [ ] Ours", "- [x] Ours"))
    who.done("sync", "TODO.md")
    ticked = TODO.replace("[ ] Write", "[x] Write") + "- [x] Ours\n"
    assert (who.folder / "TODO.md").read_text() == ticked
    assert {task.status for task in who.store().tasks().tasks} == {"completed"}
    there = everything(who.folder)
    assert len(told(who, "sync", "TODO.md")["same"]) == 3
    assert changed(there, everything(who.folder)) == []


# -- whole projects --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["standard-executing", "commented-by-hand"])
def test_a_project_of_the_original_comes_in_whole_and_goes_out_as_it_was(tmp_path: Path, name: str) -> None:
    who = with_project(tmp_path)
    who.write("old.yaml", (OLD_STATES / f"{name}.yaml").read_text())
    before = original.taken_in(document.parse((OLD_STATES / f"{name}.yaml").read_bytes(), name).value)
    there = everything(who.folder)
    assert who.done("import", "old.yaml", "--dry-run").startswith(
        f"Would import project {before['name']} with "
    )
    assert changed(there, everything(who.folder)) == []

    done = told(who, "import", "old.yaml")
    assert (done["project"], done["branch"], done["new"]) == (before["name"], before["branch"], True)
    out = who.done("--project", before["name"], "export", "--format", "original")
    assert canonical.same(document.parse(out.encode(), name).value, original.given_document(before))
    who.write("again.yaml", out)
    assert told(who, "import", "again.yaml")["new"] is False
    who.done("--project", before["name"], "task", "list")


def test_a_project_whose_tasks_get_other_ids_is_still_the_same_project(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.write("old.yaml", (OLD_STATES / "exploration-finalizing.yaml").read_text())
    for is_new in (True, False):
        assert told(who, "import", "old.yaml")["new"] is is_new


def test_a_project_that_is_here_otherwise_or_has_a_fault_changes_nothing(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    text = (OLD_STATES / "standard-executing.yaml").read_text()
    who.write("old.yaml", text.replace("name: add-rate-limits", "name: add-login"))
    other = text.replace("name: add-rate-limits", "name: other").replace("feat/", "feat/x-")
    who.write("bad.yaml", other.replace("status: pending", "status: lost"))
    there = everything(who.folder)
    said = who.sow("import", "old.yaml")
    assert said.code == 4
    assert said.err.startswith("sow: there is a project add-login already, in ")
    assert who.sow("import", "bad.yaml").code == 4
    assert who.sow("sync", "old.yaml").code == 4
    assert who.sow("import", "old.yaml", "--fill").code == 2
    assert changed(there, everything(who.folder)) == []


def brought(who: Person) -> str:
    """The document of a project that came in, with the text that it had."""
    text = (OLD_STATES / "standard-executing.yaml").read_text()
    who.write("old.yaml", text)
    who.done("import", "old.yaml")
    return text


def test_what_a_document_has_changed_since_is_taken_in_and_what_was_done_here_stays(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    text = brought(who)
    mine = ("--project", "add-rate-limits")
    who.done(*mine, "task", "set", "name", "A page on all limits", "--id", "040")
    who.done(*mine, "task", "add", "Ours", "--agent", "implementer", "--id", "070")
    new = text[text.index('            - id: "050"') : text.index('            - id: "060"')]
    text = text.replace(new, new + new.replace('"050"', '"070"').replace("Limits of their own", "More"))
    text = text.replace(
        "status: in_progress\n              created_at", "status: completed\n              created_at"
    )
    text = text.replace("description: Add rate limits", "description: Add limits")
    who.write("old.yaml", text.replace("pr_number: 81", "pr_number: 82"))
    there = everything(who.folder)
    assert who.done("import", "old.yaml", "--dry-run").splitlines()[-1] == (
        "Would import old.yaml (original): project add-rate-limits: 1 added, 3 updated"
    )
    assert changed(there, everything(who.folder)) == []
    update = told(who, "import", "old.yaml")["update"]
    assert update == {
        "added": ["080"], "given": {}, "conflicts": {}, "rejected": {}, "gone": [],
        "changed": {
            "project": ["description"], "phase implementation": ["metadata"], "task 020": ["status"],
        },
    }  # fmt: skip
    store = opened(who, "add-rate-limits")
    tasks = store.tasks().by_id()
    assert (tasks["020"].status, tasks["040"].name, tasks["070"].name) == (
        "completed", "A page on all limits", "Ours",
    )  # fmt: skip
    assert (tasks["080"].name, tasks["080"].status) == ("More for partners", "pending")
    assert store.project()["description"] == "Add limits"
    assert store.phase("implementation")["metadata"]["pr_number"] == 82
    assert who.done(*mine, "validate").startswith("Valid: ")

    there = everything(who.folder)
    done = told(who, "import", "old.yaml")["update"]
    assert (done["added"], done["changed"], done["conflicts"]) == ([], {}, {})
    assert changed(there, everything(who.folder)) == []


def test_what_document_and_project_have_both_changed_stays_and_is_told(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    text = brought(who)
    who.done("--project", "add-rate-limits", "task", "set", "name", "Ours", "--id", "050")
    who.write("old.yaml", text.replace("Limits of their own for partners", "Theirs"))
    for _ in range(2):
        assert told(who, "import", "old.yaml", code=5)["update"]["conflicts"] == {"task 050": ["name"]}
        assert opened(who, "add-rate-limits").task("050").name == "Ours"
    who.write("old.yaml", text.replace("branch: feat/add-rate-limits", "branch: feat/other"))
    said = who.sow("import", "old.yaml")
    assert said.code == 4
    assert "branch is 'feat/other' in the document" in said.err


def opened(who: Person, name: str) -> Store:
    listed = json.loads(who.done("project", "list", "--json"))
    folder = next(one["folder"] for one in listed if one["name"] == name)
    return who.at(folder).store()


# -- issues ----------------------------------------------------------------------------------------

HOST = "https://github.com/ada/demo/issues"


def issue(number: int, **keys: Any) -> dict[str, Any]:
    return {
        "number": number, "title": f"Issue {number}", "body": "It breaks.", "labels": [{"name": "sow"}],
        "state": "OPEN", "stateReason": "", "url": f"{HOST}/{number}", "comments": [], "assignees": [],
        "author": {"login": "ada"}, "createdAt": AT, "updatedAt": AT, **keys,
    }  # fmt: skip


class Hub:
    """A `gh` that is logged in, and what it knows."""

    def __init__(self, who: Person, *issues: dict[str, Any]) -> None:
        program = who.home / "bin/gh"
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {ROOT}/tests/agents/gh.py "$@"\n')
        program.chmod(0o755)
        self.file = who.home / "gh.json"
        self.file.write_text(json.dumps({"login": True, "pulls": [], "issues": issues}))
        path = f"{program.parent}{os.pathsep}{who.environment['PATH']}"
        self.who = who.at(who.folder, PATH=path, GH_STAND_IN=str(self.file))

    def known(self) -> Any:
        return json.loads(self.file.read_text())

    def change(self, number: int, **keys: Any) -> None:
        held = self.known()
        next(one for one in held["issues"] if one["number"] == number).update(keys)
        self.file.write_text(json.dumps(held))


def test_open_issues_with_a_label_become_tasks_and_are_told_so_once(who: Person) -> None:
    other = issue(3, labels=[{"name": "other"}])
    hub = Hub(who, issue(1), issue(2, state="CLOSED", stateReason="COMPLETED"), other, issue(4, body=""))
    words = ("import", "--format", "github", "--label", "sow", "--comment")
    said = hub.who.sow(*words)
    assert (said.code, said.err) == (0, "told 2 issues which task it is\n")
    store = who.store()
    first, second = store.tasks().tasks
    assert (first.name, second.name) == ("Issue 4", "Issue 1")
    assert store.description(second) == f"Issue 1\n\nIt breaks.\n\nIssue: {HOST}/1\n"
    assert second.metadata
    assert second.metadata["source"]["id"] == f"{HOST}/1"
    told_ = [[comment["body"] for comment in one["comments"]] for one in hub.known()["issues"]]
    assert told_[0] == ["This is task 020 of project add-login.\n\n<!-- sow:add-login/020 -->"]
    assert [len(each) for each in told_] == [1, 0, 0, 1]
    assert hub.who.sow(*words).err == ""
    assert [len(one["comments"]) for one in hub.known()["issues"]] == [1, 0, 0, 1]


def test_an_issue_that_can_not_be_told_keeps_no_other_from_it_and_what_came_in_is_said(who: Person) -> None:
    hub = Hub(who, issue(1), issue(2, locked=True), issue(3))
    said = hub.who.sow("import", "--format", "github", "--comment")
    assert said.code == 1
    assert said.out.endswith("Imported github (github): 3 added\n")
    assert said.err.startswith("told 2 issues which task it is\nsow: `gh issue comment` failed: GraphQL: ")
    hub.change(2, locked=False)
    assert hub.who.sow("import", "--format", "github", "--comment").err == "told 1 issue which task it is\n"
    for number in range(1, 4):
        hub.change(number, locked=True, comments=[])
    assert "told" not in hub.who.sow("import", "--format", "github", "--comment").err


def test_an_issue_that_is_closed_or_mended_later_changes_its_task(who: Person) -> None:
    hub = Hub(who, issue(1), issue(2), issue(3))
    hub.who.done("import", "--format", "github")
    hub.change(1, state="CLOSED", stateReason="COMPLETED")
    hub.change(2, state="CLOSED", stateReason="NOT_PLANNED")
    hub.change(3, title="Another title")
    hub.who.done("import", "--format", "github")
    tasks = {task.id: (task.name, task.status) for task in who.store().tasks().tasks}
    assert tasks == {
        "010": ("Another title", "pending"), "020": ("Issue 2", "abandoned"), "030": ("Issue 1", "completed"),
    }  # fmt: skip
    hub.change(1, state="OPEN", stateReason="REOPENED")
    done = told(hub.who, "import", "--format", "github", code=4)
    assert [one["reason"] for one in done["rejected"]] == ["status: CLOSED does not become OPEN"]


def test_an_issue_is_closed_with_its_task_where_that_is_wished_and_once(who: Person) -> None:
    hub = Hub(who, issue(1), issue(2), issue(3))
    hub.who.done("import", "--format", "github")
    who.done("task", "set", "status", "completed", "--id", "030")
    who.done("task", "abandon", "020")
    who.done("task", "add", "Ours", "--agent", "implementer")
    words = ("sync", "--format", "github")

    def calls() -> list[list[str]]:
        return [call[2:] for call in hub.known()["calls"] if call[:2] == ["issue", "close"]]

    for more in ((), ("--close", "--dry-run")):
        hub.who.done(*words, *more)
        assert calls() == [], "they are somebody's, and stay as they are"
    said = hub.who.sow(*words, "--close")
    assert (said.code, said.err) == (0, "closed 2 issues\n")
    assert calls() == [
        ["2", "--reason", "not planned", "--comment", "Given up: task 020 of project add-login."],
        ["1", "--reason", "completed", "--comment", "Done: task 030 of project add-login."],
    ]
    assert [one["state"] for one in hub.known()["issues"]] == ["CLOSED", "CLOSED", "OPEN"]
    assert hub.who.sow(*words, "--close").err == ""
    hub.change(1, state="OPEN", stateReason="REOPENED")
    done = told(hub.who, *words, "--close", code=4)
    assert [one["reason"] for one in done["rejected"]] == ["status: CLOSED does not become OPEN"]
    assert (len(calls()), len(who.store().tasks().tasks)) == (2, 4)


def test_without_a_login_no_issue_comes_in_and_nothing_changes(who: Person) -> None:
    hub = Hub(who, issue(1))
    hub.file.write_text(json.dumps({"login": False, "pulls": [], "issues": []}))
    there = everything(who.folder)
    said = hub.who.sow("import", "--format", "github")
    assert said.code == 4
    assert said.err.startswith("sow: gh is not logged in")
    assert changed(there, everything(who.folder)) == []


def test_a_list_of_issues_in_a_file_goes_out_as_it_came(who: Person) -> None:
    raws = [issue(1), issue(2, state="CLOSED", stateReason="NOT_PLANNED"), issue(3, state="CLOSED")]
    who.write("issues.json", json.dumps(raws))
    who.done("import", "issues.json")
    assert json.loads(who.done("export", "--format", "github")) == raws


def test_what_no_task_can_hold_is_rejected_alone_and_the_rest_is_taken(
    who: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fields, "TEXT_BYTES", 1000)
    put(
        who,
        record("a", description="x" * 1001),
        record("b", params={"k" * 2000: 1}),
        record("c", params={"text": "x" * (5 << 20)}),
        record("d"),
    )
    done = told(who, "import", LIST)
    assert [one["id"] for one in done["added"]] == ["d"]
    assert [(one["id"], one["reason"].partition(":")[0]) for one in done["rejected"]] == [
        ("a", "the description is 1,001 bytes long; it may have 1,000"),
        ("b", "no task's state file can hold it"),
        ("c", "no task's state file can hold it"),
    ]
    assert who.sow("validate").code == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("\ufeff \r\n", "is empty"),
        ('[{"n": ' + "9" * 5000 + "}]", "has a number of too many digits"),
    ],
    ids=["nothing", "blanks", "a number without end"],
)
def test_a_file_that_tells_nothing_is_told_as_such(who: Person, text: str, told: str) -> None:
    who.write("odd.json", text)
    there = everything(who.folder)
    said = who.sow("import", "odd.json")
    assert (said.code, told in said.err.splitlines()[0]) == (4, True)
    assert changed(there, everything(who.folder)) == []
