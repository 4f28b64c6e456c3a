"""The bridge and an agent behind it, as real processes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.executors.acp_stage import AGENT, AcpStage, acp_stage, session_of
from tests.waiting import until

from sow import process
from sow_executors import acp_choice, inbox
from sow_executors.acp_choice import Choice, chosen
from sow_executors.base import (
    Answered,
    Asked,
    Denied,
    Failed,
    Finished,
    Report,
    Said,
    Spent,
    Started,
    Tools,
    Used,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[AcpStage]:
    with acp_stage(tmp_path) as made:
        yield made


def of(kind: Any, reports: list[Report]) -> list[Any]:
    return [report for report in reports if isinstance(report, kind)]


TOUCH = {"run": {"command": "touch evil", "permit": True}}


def test_the_agent_is_told_of_the_server_that_is_offered_it(stage: AcpStage) -> None:
    stage.play([{"say": "Done."}])
    tools = Tools("sow", ("/opt/sow", "mcp"), {"SOW_TASK_ID": "010"})
    bridged = stage.start(tools=tools)
    bridged.end()
    sent = (line[2:] for line in (bridged.scratch / "traffic.log").read_text().splitlines() if line[0] == ">")
    (opened,) = (held for held in map(json.loads, sent) if held.get("method") == "session/new")
    env = [{"name": "SOW_TASK_ID", "value": "010"}]
    assert opened["params"]["mcpServers"] == [
        {"name": "sow", "command": "/opt/sow", "args": ["mcp"], "env": env}
    ]


def test_a_turn_is_told_as_it_goes_and_only_what_the_rules_allow_is_done(stage: AcpStage) -> None:
    inside, outside = stage.folder / "a.txt", stage.tmp / "b.txt"
    stage.play(
        [
            {"say": "I begin with this."},
            {"think": "Hm."},
            {"edit": {"path": str(inside), "content": "a\n", "permit": True, "output": 100_000}},
            {"edit": {"path": str(outside), "content": "b\n", "permit": True}},
            TOUCH,
            {"cost": 0.25},
            {"usage": {"inputTokens": 10, "outputTokens": 4}},
            {"print": "no json\n[1]\n" + "x" * 200_000 + "\n"},
            {"say": "Done."},
        ],
        banner="Welcome to the agent!",
    )
    bridged = stage.start("do `it`\nwell ü")
    reports, end = bridged.end()
    assert (bridged.process.returncode, end) == (0, Finished("Done.", 1))
    assert [said.text for said in of(Said, reports)] == ["I begin with this.", "Done."]
    assert [used.tool for used in of(Used, reports)] == ["edit", "edit", "execute"]
    assert [(denied.tool, denied.detail) for denied in of(Denied, reports)] == [
        ("edit", str(outside)),
        ("execute", "touch evil"),
    ]
    assert of(Spent, reports) == [Spent(usd=0.25), Spent(10, 4)]
    assert of(Started, reports)[0].version == "1.2.3"
    assert stage.prompts(session_of(reports)) == ["do `it`\nwell ü"]
    assert [answer.rpartition(": ")[2] for answer in stage.permits] == ["once", "no", "no"]
    assert (inside.read_text(), outside.exists(), os.listdir(stage.folder)) == ("a\n", False, ["a.txt"])
    traffic = bridged.scratch / "traffic.log"
    assert stat.S_IMODE(traffic.stat().st_mode) == 0o600
    assert "x" * 100_000 in traffic.read_text()
    assert max(map(len, (bridged.scratch / "transcript.jsonl").read_text().splitlines())) < 20_000


def test_a_command_that_stands_in_the_title_only_is_believed_of_those_that_are_known_for_it(
    stage: AcpStage,
) -> None:
    named = {"run": {"command": "sow task show", "permit": True, "mute": True}}
    done = {"say": "Done."}
    stage.play([named, done], name="gemini-cli")
    stage.run()
    stage.play([named, done], name="somebody")
    stage.run()
    assert stage.permits == ["sow task show: once", "sow task show: no"]


def test_in_yolo_mode_everything_is_allowed_this_once(stage: AcpStage) -> None:
    stage.play([TOUCH])
    reports, _ = stage.run(yolo_mode=True, permissions="ask")
    assert (stage.permits, of(Denied, reports)) == (["touch evil: once"], [])
    assert (stage.folder / "evil").exists()


# Sessions


@pytest.mark.parametrize("can", [["resume", "load"], ["load"]], ids=" or ".join)
def test_a_session_goes_on_and_nothing_of_its_past_is_told_again(stage: AcpStage, can: list[str]) -> None:
    stage.play([{"say": "First."}, {"cost": 1.0}], [{"say": "Second."}, {"cost": 1.5}], can=can)
    session = session_of(stage.run("one")[0])
    reports, end = stage.run("two", session)
    assert (end, session_of(reports)) == (Finished("Second.", 1), session)
    assert [said.text for said in of(Said, reports)] == ["Second."]
    assert of(Spent, reports) == [Spent(usd=1.5)]
    assert stage.prompts(session) == ["one", "two"]


@pytest.mark.parametrize("can", [["resume"], ["load"], []], ids=["resume", "load", "neither"])
def test_a_session_that_is_not_there_is_no_session(stage: AcpStage, can: list[str]) -> None:
    stage.play([], can=can)
    _, end = stage.run("two", "s-lost")
    assert isinstance(end, Failed)
    assert end.kind == "session_not_found"


def test_mode_and_model_are_set_where_they_are_offered_and_else_the_mode_that_asks(
    stage: AcpStage,
) -> None:
    stage.play([{"settings": None}], modes=["ask", "code"], models=["small", "big"])
    reports, end = stage.run(mode="code", model="big")
    assert (end, of(Started, reports)[0].model) == (Finished("mode code, model big", 1), "big")
    stage.play([{"settings": None}], modes=["auto", "default"])
    assert stage.run()[1] == Finished("mode default, model -", 1)
    assert stage.run(yolo_mode=True)[1] == Finished("mode -, model -", 1)
    stage.play([], modes=["ask", "code"])
    _, end = stage.run(mode="kode")
    assert end == Failed("config_invalid", "the agent has no mode kode: it offers ask, code")


def test_who_is_not_logged_in_is_told_how_and_the_setting_does_it(stage: AcpStage) -> None:
    stage.play([{"say": "In."}], login=True)
    _, end = stage.run()
    assert isinstance(end, Failed)
    assert (end.kind, "it offers to log in by by-key" in end.message) == ("auth_invalid", True)
    assert stage.run(auth="by-key")[1] == Finished("In.", 1)


# Ends


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ({"die": 3}, "unknown"),
        ({"die": 0}, "unknown"),
        ({"die": -9}, "crash_signal"),
        ({"fail": {"code": -32603, "data": {"errorKind": "overloaded"}}}, "overloaded"),
        ({"stop": "max_turn_requests"}, "max_turns"),
    ],
)
def test_an_agent_that_does_not_end_well_takes_nobody_along(stage: AcpStage, step: Any, kind: str) -> None:
    stage.play([{"say": "Well."}, {"fork": str(stage.tmp / "calls")}, step])
    reports, end = stage.run()
    assert isinstance(end, Failed)
    assert (end.kind, of(Said, reports)) == (kind, [Said("Well.")])


def test_a_program_that_is_not_there_is_missing(stage: AcpStage) -> None:
    bridged = stage.start(command=["/nowhere/agent"])
    _, end = bridged.end()
    assert isinstance(end, Failed)
    assert (end.kind, "/nowhere/agent" in end.message, bridged.errors) == ("missing_tool", True, "")


@pytest.mark.parametrize(("how", "told"), [("polite", "ended"), ("deaf", "stopped")])
def test_a_stop_is_gentle_first_and_then_takes_the_whole_group(stage: AcpStage, how: str, told: str) -> None:
    calls = stage.tmp / "calls"
    stage.play([{"say": "On it."}, {"fork": str(calls)}, {"hang": how}])
    bridged = stage.start(grace_seconds=3.0)
    until(calls.exists)
    assert len(process.marked(bridged.mark)) == 3
    bridged.process.send_signal(signal.SIGTERM)
    _, end = bridged.end(10)
    assert isinstance(end, Failed)
    assert (bridged.process.returncode, end.kind) == (143, "interrupted")
    assert bridged.lines[-1]["type"] == told
    size = calls.stat().st_size
    assert calls.stat().st_size == size, "a part of the agent went on"


# Asking


def test_what_no_rule_allows_is_asked_and_the_answer_goes_to_the_one_who_waits(stage: AcpStage) -> None:
    stage.play([TOUCH, {"say": "Done."}])
    bridged = stage.start(permissions="ask")
    question = bridged.until_it_asks()
    assert (question.text, question.kind) == ("The agent asks to run: touch evil", "permission")
    assert question.options == ("Always allow", "Allow", "Reject")
    assert not (stage.folder / "evil").exists()
    bridged.answer(question, "allow")
    reports, end = bridged.end()
    assert end == Finished("Done.", 1)
    assert of(Asked, reports) == [Asked(question.text, question.options, "permission", question.name)]
    assert of(Answered, reports) == [Answered(question.name, "allow")]
    assert (stage.permits, (stage.folder / "evil").exists()) == (["touch evil: once"], True)
    assert inbox.is_heard(bridged.inbox, "2026-11-25T12:00:00Z")


def test_a_no_with_words_is_a_no_and_the_words_are_told(stage: AcpStage) -> None:
    stage.play([TOUCH, {"say": "I go on without."}], [{"say": "I write a.txt, then."}])
    bridged = stage.start(permissions="ask")
    bridged.answer(bridged.until_it_asks(), "Rather write a.txt")
    reports, end = bridged.end()
    assert (stage.permits, end) == (["touch evil: cancelled"], Finished("I write a.txt, then.", 2))
    assert of(Said, reports) == [Said("I write a.txt, then.")]
    assert "Rather write a.txt" in stage.prompts(session_of(reports))[1]


@pytest.mark.parametrize("reason", ["cancelled", "end_turn"])
def test_an_agent_that_stops_over_a_refusal_is_told_to_go_on_without_it_a_few_times(
    stage: AcpStage, reason: str
) -> None:
    stage.play([{"say": "I try."}, TOUCH, {"stop": reason}], [{"say": "Without it, then."}])
    reports, end = stage.run()
    assert end == Finished("Without it, then.", 2)
    assert "execute: touch evil" in stage.prompts(session_of(reports))[1]
    stage.play([TOUCH, {"stop": reason}])
    reports, end = stage.run()
    assert len(stage.prompts(session_of(reports))) == 4
    if reason == "cancelled":
        assert isinstance(end, Failed)
        assert end.kind == "tool_permission_denied"


def test_a_question_that_nobody_answers_in_time_is_a_no_and_the_agent_goes_on(stage: AcpStage) -> None:
    stage.play([TOUCH, {"say": "Without it, then."}])
    reports, end = stage.run(permissions="ask", wait_seconds=0.3)
    assert (stage.permits, end) == (["touch evil: no"], Finished("Without it, then.", 1))
    assert of(Denied, reports) == [Denied("execute", "touch evil", "nobody answered in 0.3 s")]
    assert of(Answered, reports) == [Answered("permission-1")]


def test_two_questions_at_once_are_asked_one_after_the_other(stage: AcpStage) -> None:
    stage.play([{"both": [TOUCH, {"run": {"command": "touch more", "permit": True}}]}, {"say": "Done."}])
    bridged = stage.start(permissions="ask")
    first = bridged.until_it_asks()
    assert inbox.waiting(bridged.inbox) == [first]
    bridged.answer(first, "Allow")
    until(lambda: [question.name for question in inbox.waiting(bridged.inbox)] == ["permission-2"])
    bridged.answer(bridged.until_it_asks(), "Reject")
    bridged.end()
    assert sorted(answer.rpartition(": ")[2] for answer in stage.permits) == ["no", "once"]


def test_a_question_goes_with_the_one_who_asked_it(stage: AcpStage) -> None:
    stage.play([TOUCH])
    bridged = stage.start(permissions="ask")
    bridged.until_it_asks()
    bridged.process.kill()
    bridged.process.wait()
    assert inbox.waiting(bridged.inbox) == []
    assert os.path.exists(f"{bridged.inbox}/permission-1.question")


def test_an_answer_that_came_too_late_holds_for_the_same_request_once(stage: AcpStage) -> None:
    lost = stage.tmp / "attempts/010-1-0/inbox"
    for number, (command, said) in enumerate([("touch evil", "2"), ("touch more", "Rather write a.txt")]):
        question = inbox.Question(
            f"permission-{number}", f"The agent asks to run: {command}", NAMES, "permission"
        )
        inbox.Asking(str(lost), question).leave()
        answer = inbox.answer_text(inbox.Answer(said, "ada", "2026-11-25T12:00:00Z"))
        Path(inbox.answer_path(str(lost), question.name)).write_text(answer)
    more = {"run": {"command": "touch more", "permit": True}}
    stage.play([TOUCH, more, TOUCH, {"say": "Done."}])
    bridged = stage.start(permissions="ask", late=[str(lost)])
    second = bridged.until_it_asks()
    assert second.text == "The agent asks to run: touch more", "words are more than a yes or a no"
    bridged.answer(second, "Reject")
    until(lambda: [question.name for question in inbox.waiting(bridged.inbox)] == ["permission-3"])
    assert bridged.until_it_asks().text == "The agent asks to run: touch evil", "it held once"
    bridged.answer(bridged.until_it_asks(), "Reject")
    reports, _ = bridged.end()
    assert stage.permits == ["touch evil: once", "touch more: no", "touch evil: no"]
    assert of(Answered, reports)[0] == Answered("permission-1", "Allow")
    assert [question.name for question, _ in inbox.late(str(lost))] == ["permission-1"]


NAMES = ("Always allow", "Allow", "Reject")


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        pytest.param("2", Choice("o", True, said="Allow"), id="by the number that it had"),
        pytest.param("4", None, id="a number that it had not"),
        pytest.param("yes", Choice("o", True, said="yes"), id="in a word"),
        pytest.param("3", Choice("n", False, said="Reject"), id="an option that has another name now"),
        pytest.param("no", Choice("n", False, said="no"), id="a no"),
        pytest.param("Do it otherwise", None, id="other words"),
    ],
)
def test_an_answer_is_understood_by_the_options_that_it_chose_from(text: str, choice: Choice | None) -> None:
    assert acp_choice.again(text, NAMES, OPTIONS) == choice


OPTIONS = [
    {"optionId": "a", "name": "Always allow", "kind": "allow_always"},
    {"optionId": "o", "name": "Allow", "kind": "allow_once"},
    {"optionId": "n", "name": "No, not now", "kind": "reject_once"},
]


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("Allow", Choice("o", True)),
        ("always  ALLOW", Choice("a", True)),
        ("a", Choice("a", True)),
        ("1", Choice("a", True)),
        ("3", Choice("n", False)),
        ("4", Choice("n", False, "4")),
        ("yes", Choice("o", True)),
        ("Ok.", Choice("o", True)),
        ("no", Choice("n", False)),
        ("No, not now", Choice("n", False)),
        ("yes, but only in /tmp", Choice("n", False, "yes, but only in /tmp")),
        ("allow nothing", Choice("n", False, "allow nothing")),
        ("", Choice("n", False)),
    ],
)
def test_only_what_is_plainly_a_yes_is_one(text: str, choice: Choice) -> None:
    assert chosen(text, OPTIONS) == choice


@pytest.mark.parametrize(
    ("told", "yolo", "end"),
    [
        ('{"permission": {"bash": "deny"}}', False, None),
        ('{"permission": {"bash": "deny"}}', True, None),
        ("Error: your configuration is broken", False, "config_invalid"),
    ],
    ids=["by its user's rules", "not with yolo_mode", "not without knowing them"],
)
def test_opencode_is_told_to_ask(stage: AcpStage, told: str, yolo: bool, end: str | None) -> None:
    program, heard = stage.tmp / "opencode", stage.tmp / "heard"
    program.write_text(
        f"""#!/bin/sh
        [ "$1" = debug ] && {{ echo '{told}'; exit; }}
        echo "$OPENCODE_PERMISSION" > {heard}
        exec {shlex.join(AGENT)} {stage.script}
        """
    )
    program.chmod(0o755)
    stage.play([{"say": "Done."}])
    _, ended = stage.run(command=[str(program), "acp"], yolo_mode=yolo)
    if end:
        assert isinstance(ended, Failed)
        assert (ended.kind, heard.exists()) == (end, False)
        assert f"`{program} debug config` does not tell" in ended.message
        return
    assert ended == Finished("Done.", 1)
    rules = json.loads(heard.read_text() if heard.read_text().strip() else "{}")
    assert rules.get("bas?") == (None if yolo else {"*": "deny"})


@pytest.mark.parametrize(
    ("kinds", "asks"),
    [
        (("allow_once", "allow_always", "reject_once"), False),
        (("allow_always", "allow_once", "reject_once", "reject_always"), False),
        (("allow_once", "allow_once", "reject_once"), True),
        ((), False),
    ],
)
def test_several_ways_to_say_yes_are_a_question(kinds: tuple[str, ...], asks: bool) -> None:
    options = [{"optionId": str(n), "name": "x", "kind": kind} for n, kind in enumerate(kinds)]
    assert acp_choice.is_question(options) is asks
