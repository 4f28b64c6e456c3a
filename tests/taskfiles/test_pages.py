"""What the pages on task files show is so: their examples are valid, and the one of the how-to runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
from tests.cli.parts import ROOT, Person
from tests.taskfiles.parts import DOCUMENT, Place

import sow_schemas
from sow.taskfiles import handlers, stages, task_file, text

HOWTO = (ROOT / "docs/howto/task-files.md").read_text()
SPECIFICATION = (ROOT / "docs/Task_System_Spec_v0.1.md").read_text()


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "studio")


def test_the_example_of_the_how_to_runs_and_prints_what_the_page_shows(place: Place, tmp_path: Path) -> None:
    (settings,) = blocks(HOWTO, "yaml title=workspace_config")
    (place.folder / "config.yaml").write_text(settings)
    programs = {
        "whisper-ctranslate2": 'printf "heard %s with %s" "$(cat "$1")" "$3" > "$7/meeting_audio.srt"',
        "tidy-srt": "tr a-z A-Z",
    }
    for name, line in programs.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
    (place.folder / "inbox").mkdir()
    (place.folder / "inbox/meeting_audio.mp3").write_text("good morning")
    place.write("20260206_subtitle_pipeline_001", DOCUMENT)
    who = Person(place.root, tmp_path / "home")
    said = who.at(".", PATH=f"{tmp_path}/bin{os.pathsep}{os.environ['PATH']}").done("run")

    (shown,) = [block for block in blocks(HOWTO, "console") if "subtitle_pipeline_001" in block]
    expected = shown.partition("\n")[2]
    took = r"done: \d+\.\d s"
    assert re.sub(took, "done", said) == re.sub(took, "done", expected)
    refined = place.folder / "outputs/subtitles/refined/meeting_audio.refined.srt"
    assert refined.read_text() == "HEARD GOOD MORNING WITH MEDIUM"


def test_the_examples_of_the_pages_are_valid() -> None:
    shown = text.parse(blocks(SPECIFICATION, "json")[0].encode(), "the page")
    task_file.check(task_file.SCHEMA, shown)
    assert shown.value == text.parse(DOCUMENT.encode(), "the document").value
    for block in blocks(HOWTO, "yaml title=workspace_config"):
        assert sow_schemas.problems("workspace_config", yaml.safe_load(block)) == []


def test_every_key_of_a_stage_and_of_a_workspace_is_told() -> None:
    for key in (*sow_schemas.fields("stage"), *sow_schemas.fields("workspace_config")):
        assert re.search(rf"^\| `(\w+`, `)*{key}`", HOWTO, re.MULTILINE), key
    for name in stages.HANDLERS:
        assert f"`{name}`" in HOWTO


def test_every_state_and_type_of_event_is_told() -> None:
    for state in sow_schemas.fields("task_file")["status"]["enum"]:
        assert f"| `{state}` |" in SPECIFICATION
    for kind in ("task.created", "task.started", "stage.progress", "artifact.written", "task.completed"):
        assert f"| `{kind}` |" in SPECIFICATION
    assert f"last {handlers.TAIL} characters" in SPECIFICATION
