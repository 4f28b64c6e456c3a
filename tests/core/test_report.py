"""What a worker lays down is applied in its order, once, whatever is killed in between."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.core.parts import AT, add, events, in_status, new_store, put

from sow import report
from sow.errors import Failed
from sow.store import Store

ATTEMPT = "010-1-1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = new_store(tmp_path)
    add(made)
    put(made, in_status("in_progress"))
    return made


@pytest.fixture
def outbox(store: Store) -> Path:
    made = Path(store.layout.attempt(ATTEMPT), "outbox")
    made.mkdir(parents=True)
    return made


def apply(store: Store, outbox: Path) -> list[str]:
    return report.apply_outbox(store, str(outbox), "010", ATTEMPT)


def log(store: Store) -> str:
    return Path(store.layout.task("implementation", "010"), "log.md").read_text()


def test_reports_are_applied_in_the_order_in_which_they_were_laid_down(store: Store, outbox: Path) -> None:
    for value in ("1", "2", "3"):
        report.lay_down(str(outbox), {"verb": "set", "field": "metadata.n", "value": value})
    report.lay_down(str(outbox), {"verb": "log", "text": "began\nwell"})
    report.lay_down(str(outbox), {"verb": "set", "field": "result.message", "value": "it works"})
    report.lay_down(str(outbox), {"verb": "set", "field": "status", "value": "needs_review"})
    assert apply(store, outbox) == []
    task = store.task("010")
    assert (task.status, task.metadata) == ("needs_review", {"n": 3})
    assert task.result == {"status": "success", "message": "it works"}
    assert "began\nwell\n" in log(store)
    assert [event["payload"] for event in events(store) if event["type"] == "agent.message"] == [
        {"text": "began\nwell"}
    ]
    assert [name[-8:] for name in os.listdir(outbox)] == [".applied"] * 6
    assert apply(store, outbox) == []


def test_a_question_from_the_outbox_pauses_the_task(store: Store, outbox: Path) -> None:
    report.lay_down(str(outbox), {"verb": "ask", "question": "which?", "options": ["a", "b"]})
    assert apply(store, outbox) == []
    question = store.task("010").question
    assert question is not None
    assert (question["text"], question["options"], question["by"]) == ("which?", ["a", "b"], "implementer")


@pytest.mark.parametrize(
    "said",
    [
        {"verb": "set", "field": "metadata.n", "value": "5"},
        {"verb": "set", "field": "status", "value": "needs_review"},
        {"verb": "report", "message": "it works"},
        {"verb": "ask", "question": "which?", "options": []},
        {"verb": "log", "text": "began"},
    ],
    ids=lambda said: f"{said['verb']} {said.get('field', '')}",
)
def test_a_report_that_was_applied_but_not_marked_before_a_kill_does_not_count_twice(
    store: Store, outbox: Path, said: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    report.lay_down(str(outbox), said)

    class Killed(BaseException):
        """Stands for the SIGKILL: nothing of ours runs behind it."""

    real = os.rename

    def kill(source: str, goal: str) -> None:
        if goal.endswith(".applied"):
            raise Killed
        real(source, goal)

    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", kill)
        with pytest.raises(Killed):
            apply(store, outbox)
    once = (store.task("010"), log(store), events(store))
    assert apply(store, outbox) == []
    assert (store.task("010"), log(store), events(store)) == once
    assert [name[-8:] for name in os.listdir(outbox)] == [".applied"]


def test_a_report_that_is_refused_is_told_and_the_ones_behind_it_still_count(
    store: Store, outbox: Path
) -> None:
    report.lay_down(str(outbox), {"verb": "set", "field": "status", "value": "completed"})
    report.lay_down(str(outbox), {"verb": "set", "field": "iteration", "value": "9"})
    report.lay_down(str(outbox), {"verb": "shout", "text": "x"})
    report.lay_down(str(outbox), {"verb": "set", "field": "metadata.n", "value": "007", "text": True})
    refused = apply(store, outbox)
    assert [words.partition(": ")[2][:30] for words in refused] == [
        "an agent can't set its own tas",
        "iteration can't be set: `sow t",
        "no report: {'verb': 'shout', '",
    ]
    assert store.task("010").metadata == {"n": "007"}


def test_nothing_that_a_worker_puts_into_its_outbox_stops_the_orchestrator(
    store: Store, outbox: Path, tmp_path: Path
) -> None:
    (outbox / "1.json").write_bytes(b"\xff\xfe")
    (outbox / "2.json").write_text('{"verb": "lo')
    (outbox / "3.json").write_text("[" * 100_000)
    os.mkfifo(outbox / "4.json")
    (outbox / "5.json").mkdir()
    secret = tmp_path / "secret"
    secret.write_text(json.dumps({"verb": "log", "text": "secret"}))
    (outbox / "6.json").symlink_to(secret)
    (outbox / "7.json").write_text(json.dumps({"verb": "log", "text": "x" * (report.LARGEST + 1)}))
    (outbox / "8.json").write_text("[]")
    (outbox / "99999999999999999999-1.json").write_text('{"verb": "log", "text": "late"}')
    (outbox / "notes.txt").write_text("kept")
    assert [words[:6] for words in apply(store, outbox)] == [f"{n}.json" for n in range(1, 9)]
    assert "secret" not in log(store)
    assert "late" in log(store)
    assert sorted(os.listdir(outbox))[-1] == "notes.txt"


def test_an_attempt_without_an_outbox_said_nothing(store: Store, tmp_path: Path) -> None:
    assert apply(store, tmp_path / "none") == []


def test_a_report_that_nobody_lets_lie_down_says_what_to_allow(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="the sandbox allows neither") as failed:
        report.lay_down(f"{tmp_path}/not/there", {"verb": "log", "text": "x"})
    assert "executor's settings" in failed.value.hint


def test_a_word_of_an_earlier_iteration_is_refused_from_the_outbox_too(store: Store, outbox: Path) -> None:
    report.lay_down(str(outbox), {"verb": "set", "field": "status", "value": "needs_review"})
    put(store, in_status("needs_review").send_back("more", by="ada", at=AT))
    assert ["is in iteration 2" in words for words in apply(store, outbox)] == [True]
    assert store.task("010").status == "in_progress"
