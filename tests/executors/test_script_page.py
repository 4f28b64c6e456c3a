"""Every example of the page on scripts is played, and prints what the page says."""

import json
import re
import shlex
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml
from tests.executors.script_stage import DEADLINE, Played, Stage
from tests.waiting import until

from sow_executors.script import Script
from sow_executors.script_file import KINDS, PLACEHOLDERS, STEPS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "script.md"


@dataclass(frozen=True)
class Block:
    """One fenced block of the page: its language, what stands behind it, its text, and its line."""

    language: str
    notes: dict[str, str]
    text: str
    line: int


def blocks() -> list[Block]:
    page = PAGE.read_text("utf-8")
    found = []
    for match in re.finditer(r"^```(\w+)(.*)\n((?:.*\n)*?)```$", page, re.MULTILINE):
        notes = dict(word.split("=", 1) for word in shlex.split(match[2]))
        found.append(Block(match[1], notes, match[3], page.count("\n", 0, match.start()) + 1))
    return found


def examples() -> list[tuple[str, list[Block]]]:
    """The scripts of the page, each with the turns that are shown of it."""
    found: list[tuple[str, list[Block]]] = []
    for block in blocks():
        if block.language == "yaml" and "title" not in block.notes:
            found.append((block.text, []))
        elif block.language == "json":
            found[-1][1].append(block)
    return found


EXAMPLES = [pytest.param(script, turns, id=f"line {turns[0].line}") for script, turns in examples()]


@pytest.mark.parametrize(("script", "turns"), EXAMPLES)
def test_an_example_prints_what_the_page_says(tmp_path: Path, script: str, turns: list[Block]) -> None:
    stage = Stage(tmp_path)
    stage.script(script)
    (stage.folder / "greet.py").write_text('print("hello")\n')
    for number, turn in enumerate(turns):
        played = play(stage, turn, first=number == 0)
        shown = [json.loads(line) for line in turn.text.splitlines()]
        assert lines(played, stage) == [without_time(line) for line in shown], f"line {turn.line}"
        if "exit" in turn.notes:
            assert played.code == int(turn.notes["exit"])


def play(stage: Stage, turn: Block, first: bool) -> Played:
    value = stage.turn(turn.notes.get("prompt", "go on"))
    command = Script().spawn(value) if first else Script().resume(value)
    if "stop" not in turn.notes:
        return stage.play(command)
    with stage.playing(command) as process:
        until(lambda: stage.kept().get("step") == 2, "the agent hangs")
        process.send_signal(signal.Signals[turn.notes["stop"]])
        out, err = process.communicate(timeout=DEADLINE)
    return stage.played(out, err, process.returncode)


def lines(played: Played, stage: Stage) -> list[dict[str, object]]:
    """What the agent printed behind its first line, with what differs from run to run taken out."""
    for line in played.lines:
        if isinstance(reset := line.get("resets_at"), float):
            assert 0 < reset - time.time() <= 60
    text = json.dumps([without_time(line) for line in played.lines if line["type"] != "session"])
    found: list[dict[str, object]] = json.loads(text.replace(f"{stage.tmp}/", ""))
    return found


def without_time(line: dict[str, object]) -> dict[str, object]:
    return {**line, "resets_at": "later"} if "resets_at" in line else line


def test_the_page_has_an_example_of_every_step() -> None:
    played = {
        word
        for script, _ in examples()
        for turn in yaml.safe_load(script)["turns"]
        for step in turn
        for word in step
    }
    assert set(STEPS) <= played
    headings = set(re.findall(r"^### (\w+)$", PAGE.read_text("utf-8"), re.MULTILINE))
    assert headings == set(STEPS)


def test_the_page_knows_every_placeholder_and_no_false_kind() -> None:
    page = PAGE.read_text("utf-8")
    assert all(f"| `{{{name}}}` |" in page for name in PLACEHOLDERS)
    named = re.findall(r"`(\w+)`", page[page.index("The kinds are") : page.index("and so on")])
    assert len(named) > 3
    assert set(named) <= set(KINDS)


def test_the_page_configures_an_executor_that_takes_those_settings(tmp_path: Path) -> None:
    [config] = [block for block in blocks() if block.notes.get("title") == "config"]
    executor = yaml.safe_load(config.text)["agents"]["executors"]["rehearsal"]
    stage = Stage(tmp_path)
    (stage.folder / "plays").mkdir()
    (stage.folder / "plays" / "010.yaml").write_text("turns: [[{say: hi}]]")
    command = Script().spawn(replace(stage.turn("go"), settings=executor["settings"]))
    assert executor["type"] == Script().name
    assert stage.play(command).kind == "finished"
