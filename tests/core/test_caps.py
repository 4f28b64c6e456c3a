"""Caps of an attempt: which hold, when one is reached, and what becomes of its task then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.parts import in_status

from sow import caps, sizes
from sow.budget import Budget
from sow.caps import KINDS, Cap, Reached, Used
from sow.config import RepositoryConfig, UserConfig, check, executor_of
from sow.config.executor import settings_of_turn
from sow.judgement import judged
from sow.progress import End, Tally, after, verdict
from sow.recovery.policy import AskPerson, Later, Nothing, Nudge
from sow.runner.resources import Sample
from sow.usage import Usage, waited
from sow_executors.base import Denied, Failed, Finished, Report, Returned, Said
from sow_executors.base import Used as Called
from sow_schemas.formats import is_size

CAPS = tuple(Cap(name, 10.0, "config.yaml:3") for name in KINDS)
WORKING, DONE = in_status("in_progress"), in_status("needs_review")
TURNS = Reached(Cap("max_turns", 2.0, "config.yaml:3"), 3.0)

names = st.sampled_from(list(KINDS))
some_caps = st.dictionaries(names, st.floats(1, 100)).map(
    lambda held: tuple(Cap(name, value) for name, value in held.items())
)


# -- which hold ------------------------------------------------------------------------------------


def repository(folder: Path, text: str) -> RepositoryConfig:
    (folder / ".sow").mkdir()
    (folder / ".sow/config.yaml").write_text(text)
    return RepositoryConfig.read(str(folder))


def test_a_role_s_caps_go_before_the_general_ones_and_each_knows_its_line(tmp_path: Path) -> None:
    held = repository(
        tmp_path,
        "caps:\n  max_turns: 30\n  max_memory: 2GiB\n  roles:\n    reviewer:\n      max_turns: 90\n",
    ).caps
    path = f"{tmp_path}/.sow/config.yaml"
    assert held.for_role("implementer") == (
        Cap("max_turns", 30.0, f"{path}:2"), Cap("max_memory", 2.0 * 2**30, f"{path}:3"),
    )  # fmt: skip
    assert held.for_role("reviewer")[0] == Cap("max_turns", 90.0, f"{path}:6")
    assert {cap.name for cap in held.for_role("reviewer")} == {"max_turns", "max_memory"}


def test_any_executor_takes_caps_and_only_one_that_keeps_them_itself_is_told(tmp_path: Path) -> None:
    path = tmp_path / ".config/sow/config.yaml"
    path.parent.mkdir(parents=True)
    settings = "settings: {max_turns: 7, max_budget_usd: 0.5, max_tokens: 100}"
    executors = f"{{one: {{type: claude, {settings}}}, two: {{type: codex, {settings}}}}}"
    path.write_text(f"agents: {{executors: {executors}}}\n")
    held = UserConfig.read({"HOME": str(tmp_path)})
    for name, told in (("one", {"max_turns": 7, "max_budget_usd": 0.5}), ("two", {})):
        choice = held.named(name, "a test")
        assert choice.settings == {}
        assert [cap.value for cap in choice.caps] == [7, 0.5, 100]
        assert settings_of_turn(executor_of(choice), choice.settings, choice.caps) == told


@given(some_caps, some_caps)
def test_where_two_say_something_the_lower_holds(some: caps.Caps, others: caps.Caps) -> None:
    held = caps.lowest(some, others)
    assert [cap.name for cap in held] == [n for n in KINDS if n in {c.name for c in (*some, *others)}]
    for cap in held:
        assert cap.value == min(other.value for other in (*some, *others) if other.name == cap.name)
    assert caps.lowest(others, some) == held


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("caps: {max_turn: 3}\n", 1, "max_turn"),
        ("caps:\n  max_memory: 4g\n", 2, '"4g" has the wrong form'),
        ("caps: {max_seconds: 0}\n", 1, "too small"),
        ("caps:\n  roles:\n    reviewr: {max_turns: 3}\n", 3, "no role here is called that"),
        ("caps: {roles: {reviewer: {max_turns: 1.5}}}\n", 1, "max_turns"),
    ],
)
def test_a_wrong_cap_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    (tmp_path / ".sow").mkdir()
    (tmp_path / ".sow/config.yaml").write_text(text)
    (found,) = check.everything({"HOME": str(tmp_path)}, str(tmp_path))
    assert found.source.line == line
    assert words in found.message
    if "4g" in text:
        assert found.hint.startswith('did you mean `"4GiB"`? ')


@pytest.mark.parametrize(
    ("text", "count"),
    [("4GiB", 4 << 30), ("1.5 GiB", 3 << 29), ("512MB", 512_000_000), ("0.1B", 1), ("7kB", 7000)],
)
def test_a_size_is_read(text: str, count: int) -> None:
    assert is_size(text)
    assert sizes.of(text) == count


@given(st.integers(1 << 20, 1 << 49))
def test_a_size_that_is_told_is_one_that_may_be_set(count: int) -> None:
    assert is_size(sizes.told(count))
    assert sizes.of(sizes.told(count)) == pytest.approx(count, rel=0.06)


# -- when one is reached ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("used", "name"),
    [
        (Used(turns=10, memory=10), None),
        (Used(turns=11), "max_turns"),
        (Used(seconds=10.0), "max_seconds"),
        (Used(usd=10.0), "max_budget_usd"),
        (Used(tokens=10), "max_tokens"),
        (Used(memory=11), "max_memory"),
        (Used(turns=9, seconds=9.9, usd=9.9, tokens=9, memory=9), None),
    ],
)
def test_a_cap_is_reached_when_no_more_may_be_used(used: Used, name: str | None) -> None:
    found = caps.reached(CAPS, used)
    assert (found and found.cap.name) == name
    assert caps.reached((), used) is None


@pytest.mark.parametrize(
    ("name", "value", "used", "fact"),
    [
        ("max_turns", 30, 31, "max_turns is 30, and it took 31"),
        ("max_seconds", 3600, 3601.4, "max_seconds is 3600, and it ran for 3601 s"),
        ("max_budget_usd", 0.5, 0.516, "max_budget_usd is $0.5, and it spent $0.52"),
        ("max_tokens", 2e6, 2000310, "max_tokens is 2,000,000, and it used 2,000,310"),
        ("max_memory", 1 << 30, 3 << 29, "max_memory is 1.0 GiB, and it held 1.5 GiB"),
    ],
    ids=KINDS,
)
def test_a_person_is_told_which_cap_its_value_its_place_what_was_used_and_what_to_do(
    name: str, value: float, used: float, fact: str
) -> None:
    text = caps.told(Reached(Cap(name, value, "/r/config.yaml:3"), used), "010")
    assert fact in text
    assert 'sow task answer 010 "' in text
    assert f"raise `{name}` in /r/config.yaml:3" in text


@given(names, st.floats(1, 1e12), st.text(), st.floats(1, 1e12))
def test_a_note_beside_the_attempt_says_it_all(name: str, value: float, source: str, used: float) -> None:
    found = Reached(Cap(name, value, source), used)
    assert caps.from_note(found.note()) == found


@pytest.mark.parametrize("text", ["", "person", "cap ", "cap {}", "cap []", 'cap {"name": 1}'])
def test_another_note_is_none_of_a_cap(text: str) -> None:
    assert caps.from_note(text) is None


def counted(*reports: Report) -> int:
    return after(Tally(), reports).turns


def test_a_turn_ends_with_the_return_of_a_tool() -> None:
    both = (Called("a", call="1"), Called("b", call="2"), Returned("1"), Returned("2"))
    assert counted(Said("x"), Said("y"), *both, Said("z"), *both) == 2
    assert counted(*both, *both) == 2


def test_a_turn_that_the_cli_names_is_counted_once_whatever_returns_in_between() -> None:
    first = (
        Said("x", "m1"),
        Called("a", call="1", turn="m1"),
        Returned("1"),
        Called("b", call="2", turn="m1"),
    )
    assert counted(*first, Returned("2"), Said("z", "m2")) == 2


# -- what becomes of the task ----------------------------------------------------------------------


def ended(ending: Finished | Failed, **more: Any) -> End:
    return replace(End(Tally(), ending, iteration=1), cap=TURNS, **more)


STOPPED = Failed("interrupted", "stopped by SIGTERM")
ASKED = AskPerson(caps.told(TURNS, WORKING.id), "cap")


@pytest.mark.parametrize(
    ("task", "end", "decision"),
    [
        pytest.param(DONE, ended(STOPPED, stopped="cap"), Nothing(), id="it had reported"),
        pytest.param(WORKING, ended(STOPPED, stopped="cap"), ASKED, id="it was ended for it"),
        pytest.param(WORKING, ended(Failed("max_turns", "?")), ASKED, id="its CLI ended by itself at it"),
        pytest.param(WORKING, ended(Finished("ok")), ASKED, id="it would be asked how it ended"),
        pytest.param(WORKING, ended(Failed("network", "?")), ASKED, id="it would be tried again"),
        pytest.param(WORKING, ended(STOPPED, stopped="interrupt"), Nothing(), id="Ctrl-C came first"),
        pytest.param(
            in_status("needs_review"), ended(STOPPED, stopped="cap"), Nothing(), id="it had reported"
        ),
        pytest.param(
            WORKING, ended(Failed("auth_invalid", "log in")), None, id="a person is needed for something else"
        ),
    ],
)
def test_an_attempt_that_used_up_what_it_may_is_followed_by_no_other_unasked(
    task: Any, end: End, decision: Any
) -> None:
    found = verdict(task, end)
    if decision is None:
        assert isinstance(found, AskPerson)
        assert found.kind == "failure"
    else:
        assert found == decision


def test_without_a_reached_cap_all_is_as_before() -> None:
    assert isinstance(verdict(WORKING, replace(ended(Failed("network", "?")), cap=None)), Later)
    assert isinstance(verdict(WORKING, replace(ended(Finished("ok")), cap=None)), Nudge)
    denied = Tally(denied=(Denied("Bash"),))
    found = verdict(WORKING, replace(ended(Finished("ok")), tally=denied))
    assert isinstance(found, AskPerson)
    assert found.kind == "permission"


def test_the_task_is_paused_with_a_question_of_that_kind_and_the_class_of_the_failure() -> None:
    end = ended(Failed(TURNS.kind, TURNS.fact), stopped="cap")
    change = judged(WORKING, verdict(WORKING, end), end, 0.0)
    assert (change.task.status, change.task.question and change.task.question["kind"]) == ("paused", "cap")
    assert change.task.error is not None
    assert (change.task.error["error_type"], change.task.error_detail) == ("resource", {"class": "max_turns"})


# -- time and the machine --------------------------------------------------------------------------


def test_what_it_waits_for_a_person_is_not_its_own_time() -> None:
    usage = Usage(began=100.0)
    usage.wait(110.0, True)
    assert usage.seconds(500.0) == 10.0
    usage.wait(500.0, True)
    usage.wait(600.0, False)
    assert usage.seconds(605.0) == 15.0


def event(kind: str, second: int) -> dict[str, Any]:
    return {"type": kind, "ts": f"2026-11-25T10:00:{second:02}.000Z"}


def test_who_comes_after_a_kill_learns_from_the_events_how_long_it_waited() -> None:
    start = 1795600800.0
    told = [
        event("task.paused", 1), event("task.resumed", 5), event("agent.tool", 6), event("task.paused", 10),
        event("task.resumed", 12), event("task.paused", 20),
    ]  # fmt: skip
    assert waited(told[:-1], start) == (6.0, None)
    assert waited(told, start) == (6.0, start + 20)
    assert waited(told, start + 7) == (2.0, start + 20)


def test_a_peak_is_worth_a_note_when_it_has_grown_by_a_tenth() -> None:
    usage = Usage()
    assert [usage.take(Sample(memory)) for memory in (100, 105, 50, 111, 112)] == [
        True,
        False,
        False,
        True,
        False,
    ]
    assert (usage.peak_memory, usage.memory) == (112, 112)


def test_a_budget_counts_what_has_ended_and_what_runs() -> None:
    budget = Budget(1.0, settled=0.5)
    assert not budget.is_spent([0.25, None])
    assert budget.is_spent([0.25, None, 0.25])
    assert not Budget(None, 99.0).is_spent([1.0])
