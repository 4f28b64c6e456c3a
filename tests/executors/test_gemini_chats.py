"""Gemini's files of sessions, made ready for a load: nothing that was said is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sow_executors.gemini_chats import make_ready

ID = "861da03d-229c-45ca-b3e5-58280036a0f6"
OTHER = "861da03d-0000-45ca-b3e5-58280036a0f6"
NOW = datetime(2026, 11, 25, 21, 20, 31, tzinfo=UTC).timestamp()
HEAD: dict[str, object] = {"sessionId": ID, "startTime": "2026-11-25T21:20:30.575Z", "kind": "main"}
CONTEXT = {"type": "user", "content": [{"text": "<session_context>\nThis is the Gemini CLI."}]}
EMPTY: list[dict[str, object]] = [
    HEAD,
    {"$set": {"messages": [CONTEXT]}},
    {"$set": {"lastUpdated": "2026-11-25T21:20:30.575Z"}},
]
SAID: list[dict[str, object]] = [*EMPTY, {"id": "m", "type": "user", "content": [{"text": "say heron"}]}]
SET: list[dict[str, object]] = [
    HEAD,
    {"$set": {"messages": [CONTEXT, {"type": "user", "content": [{"text": "say heron"}]}]}},
]


class Home:
    def __init__(self, folder: Path) -> None:
        self.env = {"HOME": str(folder)}
        self.tree = str(folder / "tree")
        self.chats = folder / ".gemini" / "tmp" / "tree-2" / "chats"
        self.chats.mkdir(parents=True)
        projects = {"projects": {self.tree: "tree-2"}}
        (folder / ".gemini" / "projects.json").write_text(json.dumps(projects))

    def lay(self, minute: str, lines: list[dict[str, object]]) -> None:
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (self.chats / f"session-2026-11-25T{minute}-861da03d.jsonl").write_text(text)

    def ready(self) -> list[str]:
        """The minutes of the files that are there afterwards."""
        make_ready(ID, self.tree, self.env, NOW)
        return sorted(
            path.name[len("session-2026-11-25T") : -len("-861da03d.jsonl")] for path in self.chats.iterdir()
        )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.mark.parametrize("said", [SAID, SET], ids=["as it was said", "set as a whole"])
def test_a_session_of_this_minute_gets_a_name_that_is_over(home: Home, said: list[dict[str, object]]) -> None:
    home.lay("21-20", said)
    home.lay("21-19", said)  # under that name there is one already
    assert home.ready() == ["21-18", "21-19"]
    assert all('"say heron"' in path.read_text() for path in home.chats.iterdir())


def test_empty_files_beside_a_session_go(home: Home) -> None:
    home.lay("20-00", SAID)
    home.lay("20-07", EMPTY)
    home.lay("21-20", EMPTY)
    assert home.ready() == ["20-00"]


def test_a_session_that_began_in_another_minute_stays_as_it_is(home: Home) -> None:
    home.lay("21-19", SAID)
    assert home.ready() == ["21-19"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(EMPTY, id="nothing was said in it"),
        pytest.param([{**HEAD, "sessionId": OTHER}, *SAID[1:]], id="another session's"),
        pytest.param([], id="no head"),
    ],
)
def test_what_is_no_session_to_go_on_with_is_left_alone(home: Home, lines: list[dict[str, object]]) -> None:
    home.lay("21-20", lines)
    assert home.ready() == ["21-20"]


def test_a_file_that_can_not_be_understood_is_never_removed(home: Home) -> None:
    home.lay("20-00", SAID)
    home.lay("20-07", [*EMPTY, {"something": "new"}])
    assert home.ready() == ["20-00", "20-07"]


@pytest.mark.parametrize(
    "text", [None, "[]", "{", '{"projects": []}', '{"projects": {"/elsewhere": "tree-2"}}']
)
def test_a_folder_that_gemini_does_not_know_has_no_sessions(home: Home, text: str | None) -> None:
    home.lay("21-20", SAID)
    projects = Path(home.env["HOME"], ".gemini", "projects.json")
    projects.unlink() if text is None else projects.write_text(text)
    assert home.ready() == ["21-20"]
