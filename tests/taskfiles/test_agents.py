"""Stages that agents do: what they may use, and what becomes of a task whose agent met a usage limit."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.taskfiles.parts import Place
from tests.taskfiles.test_running import rewrite

from sow import caps
from sow.accounts import Accounts
from sow.budget import Budget
from sow.caps import Cap
from sow.clock import moment
from sow.config import ExecutorChoice, RepositoryConfig
from sow.config.repository import CapsConfig
from sow.errors import Refused
from sow.recovery.policy import MET_AGAIN
from sow.taskfiles import agent, deciding, health, overview, stages
from sow.taskfiles.agent import Told
from sow.taskfiles.overview import Row
from sow.taskfiles.runner import Note
from sow.taskfiles.stages import Failure, Limited, Over, Spent
from sow_executors import base


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place(tmp_path)
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(made.root / "home"))
    monkeypatch.setenv("SOW_AGENTS_IMPLEMENTER", "script")
    return made


def plays(place: Place, *turns: list[dict[str, Any]], **more: Any) -> None:
    """Configures stage `one`: an agent that plays a script, turn after turn."""
    script = place.root / "play.yaml"
    script.write_text(yaml.safe_dump({"turns": list(turns)}))
    stage = {"handler": "agent", "prompt": "Write {output.result}.", "settings": {"script": str(script)}}
    place.configure({"one": {**stage, **more}}, grace_seconds=1)


def row(place: Place) -> Row:
    (found,) = overview.page(place.workspace, time.time()).tasks
    return found


# -- caps ------------------------------------------------------------------------------------------

SPENDS: list[dict[str, Any]] = [
    {"say": "I begin."},
    {"spend": {"usd": 2, "input_tokens": 90, "output_tokens": 20}},
    {"wait": 30},
]
WORKS: list[dict[str, Any]] = [
    *[step for _ in range(3) for step in ({"run": "true"}, {"say": "On."})],
    {"wait": 30},
]


@pytest.mark.parametrize(
    ("cap", "turn", "kind", "fact"),
    [
        ({"max_tokens": 100}, SPENDS, "budget_exceeded", "max_tokens is 100, and it used 110"),
        (
            {"max_budget_usd": 1.5},
            SPENDS,
            "budget_exceeded",
            r"max_budget_usd is \$1\.5, and it spent \$2\.00",
        ),
        ({"max_turns": 1}, WORKS, "max_turns", "max_turns is 1, and it took 2"),
        ({"max_seconds": 0.3}, SPENDS, "timeout", r"max_seconds is 0\.3, and it ran for \d+(\.\d)? s"),
    ],
    ids=["tokens", "money", "turns", "time"],
)
def test_an_agent_that_reaches_a_cap_is_ended_and_its_task_has_failed(
    place: Place, cap: dict[str, float], turn: list[dict[str, Any]], kind: str, fact: str
) -> None:
    plays(place, turn, caps=cap)
    place.add()
    begun = time.monotonic()
    assert place.run()[0].status == "failed"
    assert time.monotonic() - begun < 100
    where = f"stages.one.caps.{next(iter(cap))}"
    said = rf"stage one: the agent was ended at a cap \({kind}\): {fact}; it is set in {where}"
    assert re.fullmatch(said, place.task()["error"])


def test_of_several_caps_the_lowest_holds() -> None:
    choice = ExecutorChoice("mine", "script", caps=(Cap("max_tokens", 50, "u"), Cap("max_memory", 9, "u")))
    wide = CapsConfig(general=(Cap("max_turns", 9, "r"), Cap("max_tokens", 70, "r")))
    repository = RepositoryConfig(caps=wide)
    config = {"caps": {"max_turns": 3, "max_tokens": 60, "max_memory": "1kB"}}
    found = agent.caps_of("one", config, choice, repository)
    assert [(cap.name, cap.value, cap.source) for cap in found] == [
        ("max_turns", 3, "stages.one.caps.max_turns"),
        ("max_tokens", 50, "u"),
        ("max_memory", 9, "u"),
    ]


def test_of_the_caps_a_shell_stage_has_that_of_memory_alone() -> None:
    with pytest.raises(Refused, match=r"`caps\.max_turns` has no meaning for a shell stage"):
        stages.check("one", {"handler": "shell", "command": "x", "caps": {"max_turns": 1, "max_memory": 9}})


@pytest.mark.parametrize("handler", ["shell", "agent"])
def test_a_stage_whose_processes_hold_more_than_their_cap_is_ended(place: Place, handler: str) -> None:
    held = {"max_memory": "1KiB"}
    if handler == "shell":
        place.configure({"one": {"handler": "shell", "command": "sleep 60", "caps": held}}, grace_seconds=1)
    else:
        plays(place, SPENDS, caps=held)
    place.add()
    assert place.run()[0].status == "failed"
    said = (
        r"stage one: it was ended at a cap \(out_of_memory\): max_memory is 1 KiB, and it held .+B; "
        r"it is set in stages\.one\.caps\.max_memory"
    )
    assert re.fullmatch(said, place.task()["error"]), place.task()["error"]


class Lines:
    """A reader that tells what it was handed, line after line."""

    def __init__(self, told: Sequence[list[base.Report]], ending: base.Finished | base.Failed) -> None:
        self._told, self._ending = iter(told), ending

    def read(self, line: str) -> list[base.Report]:
        return next(self._told)

    def end(self, exit_code: int | None, stderr: str) -> base.Finished | base.Failed:
        return self._ending


MONEY = caps.read({"max_budget_usd": 1}, lambda name: "here")


def test_what_is_spent_by_the_end_of_the_work_does_not_undo_it() -> None:
    lines: list[list[base.Report]] = [[base.Spent(usd=5.0), base.Finished("done")], [base.Spent(usd=1.0)]]
    told = Told(Lines(lines, base.Finished()), MONEY)
    assert told.read("") == [Spent(5.0), Over()]
    assert told.read("") == [Spent(6.0)]
    assert told.end(0, "") is None


def test_a_cli_that_ended_by_itself_at_a_cap_is_told_as_such() -> None:
    told = Told(Lines([], base.Failed("budget_exceeded", "no more")), MONEY)
    fact = "max_budget_usd is $1, and it spent $1.00"
    said = f"the agent was ended at a cap (budget_exceeded): {fact}; it is set in here"
    assert told.end(1, "") == Failure(said)


# -- usage limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reports", "failed_at", "resets_at", "session"),
    [
        ([base.Started("s1"), base.Said("I begin.")], 70.0, 70.0, "s1"),
        ([base.Started("s1")], 70.0, 70.0, ""),
        ([base.Started("s1"), base.Limited("rejected", 60.0)], None, 60.0, ""),
        ([base.Limited("warning", 60.0)], None, None, ""),
    ],
    ids=["it worked", "it had not begun", "told before", "only a warning"],
)
def test_a_usage_limit_is_no_failure(
    reports: list[base.Report], failed_at: float | None, resets_at: float | None, session: str
) -> None:
    told = Told(Lines([reports], base.Failed("usage_limit", "no more", failed_at)))
    told.read("")
    assert told.end(1, "") == Limited("the agent met a usage limit: no more", resets_at, session)


MEETS = [{"say": "progress 0.5"}, {"run": "echo begun > workspace/outputs/t1.txt"}]


def test_a_limit_is_waited_for_and_the_stage_goes_on_in_the_same_session(place: Place) -> None:
    plays(place, [*MEETS, {"limit": {"resets_in": 1.5}}], [{"say": "{prompt}"}])
    place.add()
    seen: list[tuple[Row, str]] = []

    def look(note: Any) -> None:
        if note.kind == "held":
            (found,) = health.runners(place.workspace)
            seen.append((row(place), found.level))

    outcomes = place.run(watch=look)
    assert [outcome.status for outcome in outcomes] == ["held", "done"]
    ((held, level),) = seen
    assert (held.status, held.stage, held.progress, level) == ("running", "one", 0.5, "ok")
    assert held.waits_until is not None
    assert (place.task()["status"], place.task()["error"], place.result()) == ("done", None, "begun\n")
    told = place.events("stage.progress", "artifact.written", "task.started", "task.created")
    assert [event["payload"].get("msg", event["type"]) for event in told] == [
        "task.created", "task.started", "begun", "",
        f"waits until {held.waits_until}: the agent met a usage limit: the script's usage limit is reached",
        "begun", "artifact.written", "done",
    ]  # fmt: skip
    again = next(event for event in reversed(told) if event["payload"].get("msg") == "begun")
    assert moment(again["ts"]) >= moment(held.waits_until)
    prompts = sorted(each.read_text() for each in (place.folder / "runs").rglob("prompt"))
    assert prompts == [agent.GO_ON, f"Write {place.folder}/outputs/t1.txt."]


def test_a_limit_that_is_met_again_behind_its_end_is_not_tried_at_once(place: Place) -> None:
    plays(place, [*MEETS, {"limit": {"resets_in": 0}}], [{"limit": {"resets_in": 0}}])
    place.add()
    held: list[Any] = []

    def look(note: Any) -> None:
        if note.kind == "held":
            held.append(note)
            if len(held) == 2:
                place.stop.ask("end")

    assert [outcome.status for outcome in place.run(watch=look)] == ["held", "held"]
    told = [event for event in place.events("stage.progress") if "waits" in event["payload"]["msg"]]
    at = [moment(event["payload"]["msg"].split(": ")[0].split()[-1]) - moment(event["ts"]) for event in told]
    assert at[0] < 1
    assert MET_AGAIN / 2 < at[1] < MET_AGAIN + 1


def test_a_run_that_ends_while_a_task_waits_leaves_it_to_the_next(place: Place) -> None:
    plays(place, [*MEETS, {"limit": {"resets_in": 3600}}])
    path = place.add()
    # It says that it waits, which is when a call that did not stay for it comes back.
    (outcome,) = place.run(watch=lambda note: place.stop.ask("end") if note.kind == "waits" else None)
    assert (outcome.status, place.task()["status"]) == ("held", "running")
    (found,) = health.runners(place.workspace)
    assert (found.level, found.mend) == ("note", "the next `sow run` goes on with it then")
    assert not place.claims().take_up(str(path)), "nobody takes it up before"
    assert deciding.retry(place.workspace, "t1").in_spite
    plays(place, MEETS, [{"say": "progress 0.9"}])
    place.stop.wish = ""
    assert [outcome.status for outcome in place.run()] == ["done"]


def test_a_runner_that_was_killed_before_it_noted_a_limit_is_followed_by_one_that_does(place: Place) -> None:
    plays(place, [*MEETS, {"limit": {"resets_in": 3600}}], [{"say": "progress 0.9"}])
    place.add()

    def leave(note: Any) -> None:
        if note.kind == "held":
            place.stop.ask("end")

    place.run(watch=leave)
    (limited,) = (place.folder / "runs").rglob("limited")
    kept = json.loads(limited.read_text())
    limited.unlink()
    place.stop.wish = ""
    assert [outcome.status for outcome in place.run(watch=leave)] == ["held"]
    assert json.loads(limited.read_text()) == kept


def test_a_task_that_is_canceled_while_it_waits_is_settled(place: Place) -> None:
    plays(place, [*MEETS, {"limit": {"resets_in": 3600}}])
    path = place.add()

    def cancel(note: Any) -> None:
        if note.kind == "held":
            rewrite(path, '"running"', '"canceled"')

    assert [outcome.status for outcome in place.run(watch=cancel)] == ["held"]
    assert place.task()["status"] == "canceled"
    assert list((place.folder / "runs").rglob("ended"))
    assert not place.claims().left(str(path))


def test_a_limit_that_one_task_met_holds_the_others_until_one_that_is_let_try_works(place: Place) -> None:
    def played(*steps: dict[str, Any]) -> None:
        plays(place, [{"run": "true"}, *steps], prompt="Do it.")
        held = yaml.safe_load((place.folder / "config.yaml").read_text())
        held["stages"]["first"] = {"handler": "shell", "command": "cp {input.text} {output.result}"}
        (place.folder / "config.yaml").write_text(yaml.safe_dump(held))

    played({"limit": {"resets_in": 3600}})
    place.add("t1", output={})
    place.add("t2", output={})
    place.add("t3", pipeline=("first", "one"))
    seen: list[tuple[str, str, bool]] = []

    def hear(note: Note) -> None:
        place.notes.append(note)
        if [each.task_id for each in place.notes if each.kind == "held"] == ["t1", "t3"] and not seen:
            rows = overview.page(place.workspace, time.time()).tasks
            seen.extend((row.id, row.status, row.waits_until is not None) for row in rows)
            played({"say": "On."})
            assert deciding.retry(place.workspace, "t2").in_spite

    server = place.server(watch=hear)
    server.watch = hear
    outcomes = server.run()
    assert seen == [("t1", "running", True), ("t2", "queued", True), ("t3", "running", True)]
    ended = [(each.task_id, each.status) for each in outcomes]
    assert ended[:2] == [("t1", "held"), ("t3", "held")]
    assert ("t2", "done") in ended
    assert [place.task(each)["status"] for each in ("t1", "t2", "t3")] == ["done"] * 3
    waits = [e["payload"] for e in place.events("stage.progress") if e["payload"]["msg"].startswith("waits")]
    assert [each["progress"] for each in waits] == [0.0, 0.0], "the one of t3 has not begun"
    (told,) = (each.text for each in place.notes if each.kind == "limit")
    assert told.startswith("script: its usage limit is used up; its tasks wait until ")
    agents = [each for each in (place.folder / "runs").rglob("transcript.jsonl") if "-one-" in str(each)]
    assert len(agents) == 4, "of t3 none was started in vain"


class Nearly:
    """A reader of an agent that is warned with each line."""

    def __init__(self, reader: base.Reader) -> None:
        self._reader = reader

    def read(self, line: str) -> list[base.Report]:
        near = base.Limited("warning", time.time() + 3600, "five_hour", 91.0, 90.0)
        return [*self._reader.read(line), near]

    def end(self, exit_code: int | None, stderr: str) -> base.Finished | base.Failed:
        return self._reader.end(exit_code, stderr)


def test_a_warning_is_noted_for_all_and_told_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "Told", lambda reader, *rest: Told(Nearly(reader), *rest))
    plays(place, [{"say": "I begin."}], prompt="Do it.")
    for task_id in ("t1", "t2"):
        place.add(task_id, output={})
    assert [each.status for each in place.run()] == ["done", "done"]
    (told,) = (each for each in place.notes if each.kind == "limit")
    assert told.task_id == "t1"
    assert told.text.startswith("script: its five hour limit is 91 % used; it begins anew at ")
    (known,) = Accounts(os.environ).all(time.time())
    assert [(each.limit, each.mark) for each in known.warnings] == [("five_hour", 90.0)]


# -- the budget of a run ---------------------------------------------------------------------------


def test_once_the_budget_is_spent_no_task_and_no_agent_is_begun_and_the_next_run_goes_on(
    place: Place,
) -> None:
    spends = {"turns": [[{"spend": {"usd": 2, "input_tokens": 9, "output_tokens": 9}}, {"say": "Done."}]]}
    (place.root / "play.yaml").write_text(yaml.safe_dump(spends))
    one = {"handler": "agent", "prompt": "Do it.", "settings": {"script": str(place.root / "play.yaml")}}
    copy = {"handler": "shell", "command": "cp {input.text} {output.result}"}
    place.configure({"one": one, "copy": copy, "again": one})
    place.add("t1", pipeline=("one", "copy", "again"))
    place.add("t2")
    server = place.server()
    server.runner.budget = Budget(1.5)
    (outcome,) = server.run(stay=True)
    assert (outcome.status, place.result("t1")) == ("left", "the input\n"), "a command costs nothing"
    assert [place.task(each)["status"] for each in ("t1", "t2")] == ["running", "queued"]
    assert (server.held_back(), server.runner.spent) == (True, 2.0)
    told = {note.kind: note.text for note in place.notes}
    assert told["left"] == "the budget of this run is spent; the next one begins stage again"
    assert told["limit"].startswith(
        "the budget of this run is spent: $2.00 of $1.50. Nothing more is started"
    )
    place.configure({"one": copy, "again": one})
    again = place.server()
    again.runner.budget = Budget(10)
    assert [each.status for each in again.run()] == ["done", "done"]
    assert (again.held_back(), again.runner.spent) == (False, 2.0)
