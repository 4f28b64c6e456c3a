"""The stage handlers `shell` and `python`: a command line, and a function."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from sow import files
from sow.caps import Cap
from sow.errors import Refused
from sow.runner import environment
from sow.taskfiles import call, stages, template
from sow.taskfiles.stages import Failure, Heard, Progress, Reader, Stage, Start
from sow_executors.base import Command

_PROGRESS = re.compile(r"progress (?P<number>\d+(?:\.\d+)?)(?P<percent>%?)(?:[ \t]+(?P<msg>.*))?\s*")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")

TAIL = 4000
"""How many characters of what a command printed stand in an error."""


class Shell:
    """Runs `command` by /bin/sh, its placeholders filled in and quoted."""

    def check(self, config: Mapping[str, Any]) -> None:
        _check_keys(config, "shell", "command", "as in `command: my-asr {input.media} > {output.raw_srt}`")

    def start(self, stage: Stage) -> Start:
        line = template.filled(stage.config["command"], stage.values, shell=True)
        command = Command(("/bin/sh", "-c", line), stage.root)
        writes = template.named(stage.config["command"], "output")
        return Start(command, variables(stage), writes, memory=_memory(stage))

    def reader(self, stage: Stage) -> Reader:
        return Printed(f"$ {stage.config['command']}")


class Python:
    """Calls a function in an interpreter of its own; it is given the stage (see `call.Stage`)."""

    def check(self, config: Mapping[str, Any]) -> None:
        _check_keys(config, "python", "call", "as in `call: subtitles:refine`")
        if not _FUNCTION.fullmatch(config["call"]):
            raise Refused(f"call: {config['call']!r} names no function", "write it as module:function")

    def start(self, stage: Stage) -> Start:
        told = {**stage.values, "settings": stage.config.get("settings", {}), "scratch": stage.scratch}
        argv = (sys.executable, os.path.abspath(str(call.__file__)), stage.config["call"])
        command = Command(argv, stage.root, stdin=json.dumps(told))
        return Start(command, variables(stage), memory=_memory(stage))

    def reader(self, stage: Stage) -> Reader:
        return Printed(f"{stage.config['call']}(stage)", f"{stage.scratch}/{call.TRACEBACK}")


class Printed:
    """Reads lines such as `progress 0.5 half of it`; the exit code tells how it ended."""

    def __init__(self, what: str, traceback: str = "") -> None:
        """`what`: what was run, for the error. `traceback`: the file that a function's is left in."""
        self._what, self._traceback = what, traceback

    def read(self, line: str) -> list[Heard]:
        found = progress(line)
        return [found] if found else []

    def end(self, status: int | None, stderr: str) -> Failure | None:
        if status == 0:
            return None
        stack = files.text(self._traceback) if self._traceback else ""
        if stack:
            return Failure(stack.rstrip().rpartition("\n")[2], stack)
        return Failure(how_ended(status), "\n".join([self._what, stderr[-TAIL:].rstrip()]).rstrip())


def progress(line: str) -> Progress | None:
    """What a line such as `progress 0.5 half of it` or `progress 50%` tells; None for any other."""
    match = _PROGRESS.fullmatch(line)
    if not match:
        return None
    number = float(match["number"]) / (100 if match["percent"] else 1)
    return Progress(number, match["msg"] or "") if number <= 1 else None


def how_ended(status: int | None) -> str:
    """An exit status in words."""
    if status is None:
        return "it ended, and how is lost: its process was killed from outside, or the machine went down"
    if status < 0:
        from signal import Signals

        return f"it was ended by {Signals(-status).name}"
    return f"it ended with exit code {status}"


def variables(stage: Stage) -> dict[str, str]:
    """The environment of a stage of the user's own: the runner's, without what belongs to an outer agent."""
    mine = {
        "SOW_STAGE": stage.name,
        "SOW_STAGE_TASK_ID": stage.task_id,
        "SOW_STAGE_TMP": stage.tmp,
        "SOW_STAGE_WORKSPACE": stage.workspace,
        "PYTHONUNBUFFERED": "1",
    }
    return environment.build(stage.environment, ("*",), mine)


def _check_keys(config: Mapping[str, Any], kind: str, needed: str, example: str) -> None:
    if needed not in config:
        raise Refused(f"a {kind} stage needs `{needed}`", example)
    others = {"command", "call", "prompt", "role", "executor"} - {needed}
    capped = (f"caps.{name}" for name in config.get("caps", {}) if name != "max_memory")
    if extra := sorted({*(others & set(config)), *capped}):
        raise Refused(f"`{extra[0]}` has no meaning for a {kind} stage", "remove it")


def _memory(stage: Stage) -> Cap | None:
    return next(iter(stages.caps_of(stage.name, stage.config)), None)
