"""docs/howto/add-an-executor.md: what the page shows is run."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from tests.executors.bench import run

from sow_executors import catalog, command
from sow_executors.base import (
    BadSettings,
    Command,
    Executor,
    Failed,
    Finished,
    Returned,
    Said,
    Spent,
    Started,
    Turn,
    Used,
)

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "add-an-executor.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def quill() -> Executor:
    """The page's executor, with the page's test of it in the same module."""
    module = ModuleType("quill_for_sow")
    for block in blocks("python"):
        exec(compile(block, "add-an-executor.md", "exec"), module.__dict__)
    for given in module.test_read.pytestmark[0].args[1]:
        module.test_read(*given.values)
    made: Executor = module.Quill()
    return made


def turn(**settings: Any) -> Turn:
    return Turn(prompt="-hi", folder="/tree", scratch="/scratch", session_id="7", settings=settings)


def test_the_example_runs_and_understands_what_the_page_says_its_cli_prints(quill: Executor) -> None:
    argv = ("quill", "run", "--continue", "7", "--yes", "--model", "m")
    assert quill.resume(turn(yolo_mode=True, model="m")) == Command(argv, "/tree", stdin="-hi")
    (transcript,) = blocks("json")
    reports, end = run(quill, transcript.splitlines(), session_id="7")
    assert reports == [
        Started("7", "quill-2"),
        Said("I look around."),
        Used("shell", "ls", "c1"),
        Returned("c1"),
        Spent(90, 12, usd=0.01),
    ]
    assert end == Finished("I look around.")


def test_the_example_does_what_the_page_asks_of_others(quill: Executor) -> None:
    assert run(quill, ['{"event": "done", "ok": false, "error": "quota"}'])[1] == Failed(
        "usage_limit", "quill failed"
    )
    assert isinstance(run(quill, ["[", "{}", "\0"], 0)[1], Failed)
    other = ['{"event": "start", "session": "8"}', '{"event": "done", "ok": true}']
    assert isinstance(run(quill, other, session_id="7")[1], Failed)
    with pytest.raises(BadSettings, match="modle"):
        quill.spawn(turn(modle="m"))


def test_the_configurations_of_the_page_are_good() -> None:
    (page,) = blocks("yaml")
    for configured in yaml.safe_load(page)["agents"]["executors"].values():
        executor = catalog.get(configured["type"], configured["settings"])
        assert executor.spawn(turn(**configured["settings"])).argv[0] == configured["settings"]["argv"][0]


def test_the_page_names_every_setting_of_the_command_executor() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.split("## Level 2")[0], re.MULTILINE)
    assert sorted(rows) == sorted(command.SETTINGS)
    assert all(f"`{{{name}}}`" in PAGE for name in command.PLACEHOLDERS)


def test_the_page_names_every_member_of_the_protocol() -> None:
    members = {name for name in {*vars(Executor), *Executor.__annotations__} if not name.startswith("_")}
    rows = re.findall(r"^\| `(\w+)(?:\(\w+\))?` \|", PAGE.split("## Level 2")[1], re.MULTILINE)
    assert set(rows) == members


def test_the_entry_point_of_the_page_is_the_one_that_is_read() -> None:
    (page,) = blocks("toml")
    assert tomllib.loads(page)["project"]["entry-points"] == {catalog.GROUP: {"quill": "quill_for_sow:Quill"}}
