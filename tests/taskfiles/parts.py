"""What the tests of task files share: a workspace with one task's file, a runner in this process."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from sow.taskfiles.claim import Claims
from sow.taskfiles.events import EventWriter
from sow.taskfiles.loader import TaskLoader
from sow.taskfiles.runner import Note, Outcome, Stop, TaskRunner
from sow.taskfiles.serving import Server
from sow.taskfiles.stages import Settings
from sow.taskfiles.workspace import Workspace

DOCUMENT = """\
{
  "task_id": "subtitle_pipeline_001",
  "run_id": "run_12345",\x20
  "created_at": "2026-02-06T10:30:00Z",
  "status": "queued",\x20
  "type": "transcription",
  "requested_by": "user",
  "tool": "sophia-desktop-v0.1.4",
\x20\x20
  "config_snapshot": {
    "engine": { "type": "faster_whisper", "model": "medium" },
    "refine": { "enabled": true }
  },
\x20\x20
  "input": {
    "media": "workspace/inbox/meeting_audio.mp3",
    "script": null
  },
\x20\x20
  "pipeline": [
    "asr",
    "refine"
  ],
\x20\x20
  "output": {
    "raw_srt": "workspace/outputs/subtitles/raw/meeting_audio.raw.srt",
    "refined_srt": "workspace/outputs/subtitles/refined/meeting_audio.refined.srt"
  },
\x20\x20
  "error": null
}
"""
"""The document's own example, blanks at the ends of lines and all."""


def forked(do: Callable[[], object]) -> int:
    """A process of its own that does something and ends, or is killed."""
    assert threading.active_count() == 1, "a fork takes along no other thread"
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            do()
            code = 0
        finally:
            os._exit(code)
    return pid


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Place:
    """A workspace below a folder, and who serves it in this process."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        self.folder = folder / "workspace"
        (self.folder / "tasks").mkdir(parents=True)
        self.workspace = Workspace(str(self.folder))
        self.notes: list[Note] = []
        self.stop = Stop()

    def configure(self, stages: dict[str, Any], **more: Any) -> None:
        # What two stages have in common is written twice: an anchor has no place in these files.
        held = json.loads(json.dumps({"stages": stages, **more}))
        (self.folder / "config.yaml").write_text(yaml.safe_dump(held))

    def shell(self, **commands: str) -> None:
        """Configures shell stages, each by its command."""
        self.configure({name: {"handler": "shell", "command": text} for name, text in commands.items()})

    def add(self, task_id: str = "t1", pipeline: tuple[str, ...] = ("one",), **fields: Any) -> Path:
        """A queued task; it takes in `inbox/in.txt` and brings out `outputs/<task_id>.txt`."""
        (self.folder / "inbox").mkdir(exist_ok=True)
        source = self.folder / "inbox/in.txt"
        source.exists() or source.write_text("the input\n")
        given = {
            "task_id": task_id, "run_id": "r1", "status": "queued", "pipeline": list(pipeline),
            "input": {"text": "workspace/inbox/in.txt"},
            "output": {"result": f"workspace/outputs/{task_id}.txt"}, "error": None, **fields,
        }  # fmt: skip
        return self.write(f"20260206_{task_id}", json.dumps(given, indent=2) + "\n")

    def write(self, stem: str, text: str) -> Path:
        path = self.folder / f"tasks/{stem}.task.json"
        path.write_text(text)
        return path

    def claims(self) -> Claims:
        return Claims(
            self.workspace, Settings.read(self.workspace), EventWriter(self.workspace.events), time.time,
            lambda text: self.notes.append(Note("problem", "", text)),
        )  # fmt: skip

    def server(self, jobs: int = 1, watch: Callable[[Note], None] | None = None) -> Server:
        claims = self.claims()
        heard = watch or self.notes.append
        runner = TaskRunner(self.workspace, claims.settings, claims, watch=heard, stop=self.stop)
        return Server(self.workspace, TaskLoader(self.workspace), runner, jobs, watch=heard)

    def run(self, jobs: int = 1, watch: Callable[[Note], None] | None = None) -> list[Outcome]:
        """Serves the workspace until nothing is queued."""
        return self.server(jobs, watch).run()

    def task(self, task_id: str = "t1") -> dict[str, Any]:
        (path,) = (self.folder / "tasks").glob(f"*{task_id}.task.json")
        held: dict[str, Any] = json.loads(path.read_bytes())
        return held

    def result(self, task_id: str = "t1") -> str:
        return (self.folder / f"outputs/{task_id}.txt").read_text()

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        """The event stream, or those of some kinds."""
        paths = sorted((self.folder / "events").glob("*_events.jsonl"))
        lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        return [line for line in lines if not kinds or line["type"] in kinds]

    def problems(self) -> list[str]:
        return [note.text for note in self.notes if note.kind == "problem"]
