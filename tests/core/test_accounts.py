"""The pools of a user's accounts on the disk, and which account an executor works on."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.core.parts import new_task
from tests.forked import code_of

from sow.accounts import Accounts, fingerprint
from sow.allowance import Allowance
from sow.attempt import Attempt
from sow.config import ExecutorChoice, UserConfig
from sow.errors import Failed
from sow.gate import Gate
from sow.pool import SPACED_SECONDS, Hold, Met, Pool, Try, Warned
from sow.task import Task
from sow_executors import base

T = 1_000_000.0
ACCOUNT = fingerprint("claude", ("/home/ada/.claude",))
FULL = Pool(
    ACCOUNT,
    "claude-code",
    (Met("five_hour", T, T + 3600.5), Met("seven_day_opus", T, T + 9e4, False, "opus", "opus")),
    (Warned("seven_day", T, 75.0, 80.5, T + 9e5), Warned("", T)),
    (Try("/here", "010"),),
    T + 3.25,
)


def accounts(folder: Path) -> Accounts:
    return Accounts({"XDG_STATE_HOME": str(folder)})


def test_what_is_noted_is_read_by_the_next_process_and_forgotten_when_it_is_over(tmp_path: Path) -> None:
    accounts(tmp_path).change(ACCOUNT, lambda pool: FULL, T)
    again = accounts(tmp_path)
    assert again.pool(ACCOUNT) == FULL
    assert again.all(T) == [FULL]
    (path,) = (tmp_path / "sow/limits").glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert again.all(T + 9e8) == []
    again.change(ACCOUNT, lambda pool: pool, T + 9e8)
    assert not path.exists()


@pytest.mark.parametrize(
    "broken",
    ["", "{", "[]", '{"account": "x"}', "null", "\0\xff", json.dumps({"account": "other-0", "executor": "c",
     "limits": [], "warnings": [], "tries": []})],
)  # fmt: skip
def test_a_broken_file_tells_nothing_and_is_written_over(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "sow/limits" / f"{ACCOUNT}.json"
    path.parent.mkdir(parents=True)
    path.write_text(broken)
    mine = accounts(tmp_path)
    assert mine.pool(ACCOUNT) == Pool(ACCOUNT)
    assert mine.all(T) == []
    mine.change(ACCOUNT, lambda pool: pool.meet(FULL.limits[0], "c"), T)
    assert mine.pool(ACCOUNT).limits == FULL.limits[:1]


def test_processes_that_note_at_the_same_time_lose_nothing_of_each_other(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom sow.accounts import Accounts\nfrom sow.pool import Try\n"
        "mine = Accounts({'XDG_STATE_HOME': sys.argv[1]})\n"
        "for n in range(20):\n"
        "    mine.change(sys.argv[2], lambda pool: pool.let(Try('/here', f'{sys.argv[3]}-{n}')), 1e6)"
    )
    accounts(tmp_path).change(ACCOUNT, lambda pool: pool.meet(FULL.limits[0], "c"), T)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), ACCOUNT, str(n)],
            preexec_fn=code_of(code, [str(tmp_path), ACCOUNT, str(n)], os.environ),
        )
        for n in range(2)
    ]
    assert [one.wait(120) for one in started] == [0, 0]
    assert len(accounts(tmp_path).pool(ACCOUNT).tries) == 40


# -- whose account it is ---------------------------------------------------------------------------


def choice(kind: str, **settings: object) -> ExecutorChoice:
    return ExecutorChoice(f"{kind}-{len(settings)}", kind, settings)


def over_acp(command: str, *environment: str) -> ExecutorChoice:
    return choice("acp", command=command.split(), environment=list(environment))


def allowance(
    folder: Path, env: Mapping[str, str] | None = None, *, hold_at: float | None = None
) -> Allowance:
    variables = {"XDG_STATE_HOME": str(folder), "HOME": "/home/ada", "PATH": "/bin", **(env or {})}
    user = UserConfig("the settings", {"claude-code": {"type": "claude"}}, hold_at=hold_at)
    return Allowance(Accounts(variables), "/here", user, variables, (), lambda: T, lambda: 3.0)


@pytest.mark.parametrize(
    ("one", "other", "env"),
    [
        pytest.param(choice("claude"), choice("claude", model="opus"), {}, id="another model"),
        pytest.param(choice("claude"), choice("claude", yolo_mode=True), {}, id="other rights"),
        pytest.param(choice("claude"), choice("claude"), {"MAX_THINKING_TOKENS": "9"}, id="no matter whose"),
        pytest.param(choice("codex"), choice("codex", model="x"), {"LANG": "C"}, id="codex, another model"),
        pytest.param(choice("script", script="a"), choice("script", script="b", model="m"), {}, id="scripts"),
        pytest.param(choice("gemini"), choice("gemini", program="/opt/gemini"), {}, id="another program"),
        pytest.param(choice("claude"), over_acp("claude-agent-acp"), {}, id="claude over ACP"),
        pytest.param(choice("codex"), over_acp("npx @x/codex-acp@2"), {}, id="codex over ACP"),
        pytest.param(choice("gemini"), over_acp("/opt/bin/gemini --acp"), {}, id="gemini over ACP"),
        pytest.param(choice("opencode"), over_acp("opencode acp"), {}, id="opencode over ACP"),
        pytest.param(
            choice("claude"),
            over_acp("claude-agent-acp"),
            {"ANTHROPIC_API_KEY": "k"},
            id="a key that an agent does not see",
        ),
    ],
)
def test_one_account(tmp_path: Path, one: ExecutorChoice, other: ExecutorChoice, env: dict[str, str]) -> None:
    assert allowance(tmp_path).account(one) == allowance(tmp_path, env).account(other)


@pytest.mark.parametrize(
    ("one", "other", "env"),
    [
        pytest.param(choice("claude"), choice("claude"), {"ANTHROPIC_API_KEY": "sk-secret"}, id="a key"),
        pytest.param(choice("claude"), choice("claude"), {"CLAUDE_CONFIG_DIR": "/elsewhere"}, id="a folder"),
        pytest.param(choice("claude"), choice("claude"), {"CLAUDE_CODE_OAUTH_TOKEN": "t"}, id="a token"),
        pytest.param(choice("claude"), choice("codex"), {}, id="another program"),
        pytest.param(choice("codex"), choice("codex", profile="work"), {}, id="a profile"),
        pytest.param(choice("codex"), choice("codex"), {"CODEX_HOME": "/elsewhere"}, id="codex, a folder"),
        pytest.param(choice("gemini"), choice("gemini"), {"GEMINI_API_KEY": "k"}, id="gemini, a key"),
        pytest.param(choice("gemini"), choice("gemini"), {"HOME": "/home/bob"}, id="gemini, a home"),
        pytest.param(over_acp("mine"), over_acp("others"), {}, id="two agents that nobody knows"),
        pytest.param(
            over_acp("claude-agent-acp", "ANTHROPIC_*"),
            over_acp("claude-agent-acp", "ANTHROPIC_*"),
            {"ANTHROPIC_API_KEY": "k"},
            id="a key that an agent sees",
        ),
    ],
)
def test_two_accounts(
    tmp_path: Path, one: ExecutorChoice, other: ExecutorChoice, env: dict[str, str]
) -> None:
    first, second = allowance(tmp_path).account(one), allowance(tmp_path, env).account(other)
    assert first != second
    assert not any(value in second for value in env.values())


# -- what attempts tell ----------------------------------------------------------------------------


def attempt(started_at: str = "1970-01-12T13:46:39.000Z") -> Attempt:
    return Attempt(
        id="010-1-1-aa", task_id="010", agent="implementer", executor="claude-code", iteration=1,
        action="spawn", run_id="r", folder="/tree", argv=[], created_at=started_at, started_at=started_at,
    )  # fmt: skip


CLAUDE = ExecutorChoice("claude-code", "claude")
LIMITED = base.Limited("rejected", T + 3600, "five_hour")


def test_a_limit_met_in_one_project_holds_in_another_until_a_tried_task_works(tmp_path: Path) -> None:
    here, there = allowance(tmp_path), allowance(tmp_path)
    met = here.met(attempt(), base.Failed("usage_limit", "used up", T + 3600), LIMITED)
    assert met == Met("five_hour", T, T + 3600)
    one, two = new_task("010"), new_task("020")
    assert there.hold(one, CLAUDE) == there.claim(two, CLAUDE) == Hold(T + 3600, "five_hour")
    assert there.let_try(one, CLAUDE)
    assert (there.claim(one, CLAUDE), there.hold(two, CLAUDE)) == (None, Hold(T + 3600, "five_hour"))
    # It was leave for one start.
    assert there.hold(one, CLAUDE) is not None
    assert not there.works(attempt()), "it began before the limit was met"
    assert there.works(attempt("1970-01-12T13:46:41.000Z"))
    assert here.claim(two, CLAUDE) is None
    # And now one after the other.
    assert here.claim(one, CLAUDE) == Hold(T + 3, "", spaced_until=T + SPACED_SECONDS)


def test_each_limit_is_told_once_and_once_that_starts_are_spaced_behind_it(tmp_path: Path) -> None:
    now, told = [T], list[str]()
    mine = replace(allowance(tmp_path), clock=lambda: now[0])
    models = {"010": "", "020": "opus", "030": ""}

    def choice(task: Task) -> ExecutorChoice:
        return replace(CLAUDE, settings={**CLAUDE.settings, "model": models[task.id]})

    turns: Any = SimpleNamespace(choice=choice, allowance=mine, clock=mine.clock)
    gate = Gate(turns, lambda task, words: told.append(words))
    mine.met(attempt(), base.Failed("usage_limit", "used up", T + 3600), LIMITED)
    opus = base.Limited("rejected", T + 9e4, "seven_day_opus", model="opus")
    mine.share(choice(new_task("020")), "020").met(base.Failed("usage_limit", "used up", T + 9e4), opus)

    def look() -> list[str]:
        """Which tasks start."""
        gate.open()
        tasks = [new_task(task_id) for task_id in models]
        return [task.id for task in tasks if not gate.holds(task) and gate.lets(task)]

    assert [look(), look()] == [[], []]
    limits = [words.partition(" until ")[0] for words in told]
    assert limits == [
        "claude-code: its five hour limit is used up; its tasks wait",
        "claude-code: its seven day opus limit is used up; its tasks wait",
    ]
    now[0] = T + 3601
    assert [look(), look()] == [["010"], []]
    now[0] += 4
    assert look() == ["010"], "in its turn"
    (spaced,) = told[2:]
    assert spaced.startswith("claude-code: its limit is over; its tasks start one after the other until ")


def test_another_failure_is_no_limit_and_one_without_an_end_holds_for_a_guess(tmp_path: Path) -> None:
    mine = allowance(tmp_path)
    assert mine.met(attempt(), base.Failed("rate_limit", "slow down", T + 60), None) is None
    guess = mine.met(attempt(), base.Failed("usage_limit", "used up"), base.Limited("warning", T + 60, "x"))
    assert guess == Met("", T, T + 900, told=False)
    far = mine.met(attempt(), base.Failed("usage_limit", "used up", 1e300), None)
    assert far
    assert far.until < T + 50 * 86400


def test_a_warning_is_news_once_for_all_projects_and_holds_from_the_configured_percent(
    tmp_path: Path,
) -> None:
    warning = base.Limited("warning", T + 3600, "five_hour", 93.0, 90.0)
    assert allowance(tmp_path).warned(attempt(), warning)
    assert not allowance(tmp_path).warned(attempt(), warning)
    assert allowance(tmp_path).hold(new_task(), CLAUDE) is None
    assert allowance(tmp_path, hold_at=90).hold(new_task(), CLAUDE) == Hold(T + 3600, "five_hour", 93.0)


def test_where_nothing_can_be_noted_the_work_goes_on(tmp_path: Path) -> None:
    (tmp_path / "sow").write_text("a file where the folder should be")
    mine = allowance(tmp_path)
    assert mine.met(attempt(), base.Failed("usage_limit", "used up"), None)
    assert not mine.warned(attempt(), base.Limited("warning"))
    assert mine.claim(new_task(), CLAUDE) is None
    assert mine.accounts.all(T) == []
    with pytest.raises(Failed):
        mine.accounts.change(ACCOUNT, lambda pool: FULL, T)
