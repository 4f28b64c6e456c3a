"""The session that an opencode began which was ended before it told: found in its database, and no other."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from sow_executors.base import Turn
from sow_executors.opencode import Opencode

SCRATCH = "/p/.sow/runtime/x/attempts/010-1-1-ab12cd34"
TITLE = "sow 010 implementer (010-1-1-ab12cd34)"

TABLES = """
CREATE TABLE session (id text PRIMARY KEY, parent_id text, title text NOT NULL, time_created integer);
CREATE TABLE part (id text PRIMARY KEY, session_id text NOT NULL);
"""
"""What is read of them, as version 1.18.33 has it."""


def keep(path: Path, *sessions: tuple[str, str | None, str, int], told: tuple[str, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(TABLES)
        database.executemany("INSERT INTO session VALUES (?, ?, ?, ?)", sessions)
        database.executemany("INSERT INTO part VALUES (?, ?)", [(f"prt_{each}", each) for each in told])


def begun(env: Mapping[str, str]) -> str:
    return Opencode().begun("010", "implementer", SCRATCH, env)


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / ".local/share/opencode/opencode.db"


def test_the_title_of_a_spawn_is_the_one_that_is_looked_for() -> None:
    turn = Turn("Do it.", "/w", SCRATCH, role="implementer", task_id="010")
    assert f"--title={TITLE}" in Opencode().spawn(turn).argv


def test_only_a_session_of_that_very_attempt_that_was_told_its_prompt_is_found(
    env: dict[str, str], database: Path
) -> None:
    assert begun(env) == ""
    others = [
        ("ses_other", None, "sow 010 implementer (010-1-2-ef56ab78)", 3),
        ("ses_child", "ses_mine", TITLE, 4),
        ("ses_untold", None, TITLE, 5),
    ]
    keep(database, ("ses_mine", None, TITLE, 1), *others, told=("ses_mine", "ses_other", "ses_child"))
    before = database.read_bytes()
    assert begun(env) == "ses_mine"
    assert database.read_bytes() == before
    assert begun({**env, "XDG_DATA_HOME": str(database.parents[1])}) == "ses_mine"
    assert begun({**env, "OPENCODE_DB": "elsewhere.db"}) == ""


def test_a_database_of_another_channel_is_looked_into_too(env: dict[str, str], database: Path) -> None:
    keep(database, told=())
    keep(database.with_name("opencode-dev.db"), ("ses_dev", None, TITLE, 1), told=("ses_dev",))
    assert begun(env) == "ses_dev"


@pytest.mark.parametrize("held", [b"", b"no database", b"SQLite format 3\0" + b"x" * 5000])
def test_what_is_no_database_of_opencodes_tells_nothing(
    env: dict[str, str], database: Path, held: bytes
) -> None:
    database.parent.mkdir(parents=True)
    database.write_bytes(held)
    assert begun(env) == ""
