"""A check of a stand-in that lies: the rows that its lie is about fail, and nothing is left of it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.agents import liar
from tests.waiting import SECONDS, until

from sow import process
from sow.config import ExecutorChoice
from sow.contract import bench, checking
from sow.contract.checking import Checked

Check = Callable[[str], Checked]

FAILS = {
    "fails": ("start", "result"),
    "elsewhere": ("session id", "result"),
    "mute": ("result",),
    "forgets-idle-free": ("resume", "tool", "price", "goes on"),
    "lingers-leaves": ("exit", "stop"),
    "deaf": ("stop",),
}

SLOW = {"lingers", "deaf"}
"""The lies that are told by how long it takes to end."""


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Check]:
    """Checks a liar by its lies; afterwards neither a process nor a folder is left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def checked(lies: str) -> Checked:
        # One that ends by itself is late on a machine under load, and is no liar for that.
        patience = 0.3 if SLOW & set(lies.split("-")) else SECONDS
        monkeypatch.setattr(bench, "GRACE_SECONDS", patience)
        monkeypatch.setattr(bench, "AFTER_RESULT_SECONDS", patience)
        monkeypatch.setattr(bench, "MOMENT_SECONDS", patience)
        program = tmp_path / f"claude-{lies}"
        program.write_text(f"#!{sys.executable} -IS\n{Path(liar.__file__).read_text()}")
        program.chmod(0o755)
        choice = ExecutorChoice("liar", "claude", {"program": str(program)})
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        return checking.taken(checking.made(choice, offline=False), environment)

    yield checked
    assert list(tmp_path.glob("sow-check-*")) == []
    assert [argv for argv in commands() if str(tmp_path) in " ".join(argv)] == []
    # One of another worker's test looks the same.
    until(lambda: liar.STRAY not in commands(), "what a liar left has ended")


def commands() -> list[tuple[str, ...]]:
    """The commands of all processes."""
    return [process.argv(int(name)) for name in os.listdir("/proc") if name.isdigit()]


def test_every_lie_is_told() -> None:
    assert {lie for lies in FAILS for lie in lies.split("-")} | {"honest", "eager"} == liar.LIES.keys()


@pytest.mark.parametrize("lies", FAILS)
def test_what_a_cli_does_not_keep_is_told(lies: str, check: Check) -> None:
    checked = check(lies)
    assert checked.fails == FAILS[lies], checked.rows


def test_of_an_honest_one_everything_holds_that_can_be_tried(check: Check) -> None:
    checked = check("honest")
    assert (checked.fails, checked.model) == ((), "liar-1")
    seen = {row.what: row.seen for row in checked.rows}
    assert seen["tool"].startswith("Bash: echo ibis-")
    assert seen["price"] == "$0.2500, then $0.2500"
    assert seen["stop"].startswith("ended by signal 15, ")
    assert {row.what for row in checked.rows if row.holds != "holds"} == {
        "differences", "refused login", "usage limit", "limit's end", "no session"
    }  # fmt: skip


def test_an_agent_that_did_not_stay_in_its_command_was_not_stopped_in_it(check: Check) -> None:
    row = next(row for row in check("eager").rows if row.what == "stop")
    told = "it did not stay in the command to be stopped in"
    assert (row.holds, row.seen.partition(":")[0]) == ("left out", told)
