"""The file that a CLI writes beside its output: read once, from where the attempt began, once it is there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from sow import record
from sow_executors.base import Report, Said
from sow_executors.claude import Claude
from sow_executors.codex import Codex, CodexReader


class Keeping(Codex):
    """Codex with a record in plain words, in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def record(self, session_id: str, folder: str, env: Mapping[str, str]) -> str:
        path = self.folder / session_id
        return str(path) if path.exists() else ""


class Reading(CodexReader):
    def read_record(self, line: str) -> list[Report]:
        return [Said(line)] if line else []


def lines(of: record.Record | None, session: str = "s-1") -> list[str]:
    assert of is not None
    return [report.text for reports in of.read(session) for report in reports if isinstance(report, Said)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "s-1"


def test_a_record_is_read_as_it_grows_from_the_moment_on_at_which_it_is_there(file: Path) -> None:
    held = record.of(Keeping(file.parent), Reading(None), None, "/tree", {})
    assert (lines(held, ""), lines(held)) == ([], [])
    file.write_text("one\n\ntw")
    assert lines(held) == ["one"]
    with file.open("a") as more:
        more.write("o\n")
    assert (lines(held), lines(held)) == (["two"], [])


def test_of_a_session_that_is_gone_on_in_only_what_comes_is_read(file: Path) -> None:
    file.write_text("long ago\n")
    held = record.of(Keeping(file.parent), Reading(None), "s-1", "/tree", {})
    assert lines(held) == []
    with file.open("a") as more:
        more.write("now\n")
    assert lines(held) == ["now"]


def test_a_cli_without_a_record_has_none() -> None:
    assert record.of(Claude(), Claude().reader(None), None, "/tree", {}) is None
