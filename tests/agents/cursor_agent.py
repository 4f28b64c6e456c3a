"""A stand-in for Cursor's CLI: keeps its contract, answers from a script, needs no server.

What it keeps: the words of the command line, the gates (trust, login, model),
the events of `stream-json`, chats that are adopted when they are unknown and
kept per workspace, failures told on standard error, the quota error with exit
code 0, shell calls turned down without `--force`, and the run that does not end
after its result. As an ACP agent (`acp`) it is played by `cursor_acp`.

What the model would say is in the YAML (or JSON) file that
CURSOR_STANDIN_SCRIPT names: a list of turns, each a list of steps. A chat plays
its turns one by one, and the last one again and again:

    - - say: I will run it.
      - shell: sow task set status needs_review
    - - edit: {path: notes.txt, content: "done"}
      - quota: true

Steps: say, think, shell, edit {path, content}, read, sleep (seconds), recall
(says what the chat was told so far), end (`silent`: no result; `error`: a
result that is an error; `hang`: a result, and then no exit), fail {stderr, exit,
stdout} and quota. Without a script it says its prompt back, and runs the
prompt's lines that begin with `$ `.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

VERSION = "2026.10.01-5bd0a1c"
MODELS = ("auto", "gpt-5.5", "sonnet-5", "opus-5.5")

SWITCHES = {
    "-p": "print",
    "--print": "print",
    "--stream-partial-output": "partial",
    "--continue": "continue",
    "--list-models": "list-models",
    "--plan": "plan",
    "-f": "force",
    "--force": "force",
    "--yolo": "force",
    "--trust": "trust",
    "--approve-mcps": "approve-mcps",
    "--skip-worktree-setup": "skip-worktree-setup",
    "-v": "version",
    "--version": "version",
}
VALUES = {
    "--output-format": "output-format",
    "--model": "model",
    "--mode": "mode",
    "--sandbox": "sandbox",
    "--workspace": "workspace",
    "--worktree-base": "worktree-base",
    "--api-key": "api-key",
    "-H": "header",
    "--header": "header",
}
MAYBE_VALUES = {"--resume": "resume", "-w": "worktree", "--worktree": "worktree"}
"""They take the next word unless it begins with a dash: a prompt, too, if it stands there."""
CHOICES = {
    "output-format": ("text", "json", "stream-json"),
    "mode": ("plan", "ask"),
    "sandbox": ("enabled", "disabled"),
}


def fail(message: str, code: int = 1) -> NoReturn:
    """Ends as the CLI does when it can't go on: words on standard error, nothing else."""
    print(message, file=sys.stderr, flush=True)
    sys.exit(code)


@dataclass
class Line:
    """The command line, taken apart."""

    options: dict[str, str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, argv: list[str]) -> Line:
        line, rest = cls(), list(argv)
        while rest:
            word = rest.pop(0)
            name, equals, value = word.partition("=")
            if word == "--":
                line.words += rest
                break
            if not word.startswith("-") or word == "-":
                line.words.append(word)
            elif word in SWITCHES:
                line.options[SWITCHES[word]] = "yes"
            elif name in VALUES:
                if not equals and not rest:
                    fail(f"error: option '{name} <value>' argument missing")
                line.options[VALUES[name]] = value if equals else rest.pop(0)
            elif name in MAYBE_VALUES:
                taken = not equals and rest and not rest[0].startswith("-")
                line.options[MAYBE_VALUES[name]] = rest.pop(0) if taken else value
            else:
                fail(f"error: unknown option '{word}'")
        for name, allowed in CHOICES.items():
            if line.options.get(name, allowed[0]) not in allowed:
                fail(f"error: option '--{name}' argument '{line.options[name]}' is invalid.")
        return line


class Chat:
    """One conversation in one workspace; the same id in another workspace is another chat."""

    def __init__(self, workspace: Path, session: str) -> None:
        home = os.environ.get("CURSOR_CONFIG_DIR") or str(Path.home() / ".cursor")
        place = hashlib.md5(str(workspace).encode(), usedforsecurity=False).hexdigest()
        self.session = session
        self._path = Path(home) / "chats" / place / session / "store.json"
        self.prompts: list[str] = json.loads(self._path.read_text()) if self._path.exists() else []

    def take(self, prompt: str) -> None:
        """Adds a prompt, on disk before anything is answered."""
        self.prompts.append(prompt)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(self.prompts))
        beside.replace(self._path)


class Run:
    """One headless turn: plays steps, and tells them as events."""

    def __init__(self, chat: Chat, workspace: Path, options: Mapping[str, str]) -> None:
        self.chat = chat
        self.workspace = workspace
        self.format = options.get("output-format", "text")
        self.force = "force" in options
        self.partial = "partial" in options
        self.model = options.get("model", "auto")
        self.said: list[str] = []
        self._calls = 0
        self._began = time.monotonic()

    def event(self, **fields: Any) -> None:
        if self.format == "stream-json":
            print(json.dumps({**fields, "session_id": self.chat.session}), flush=True)

    def play(self, steps: list[Mapping[str, Any]]) -> None:
        """The whole turn; does not come back where a step ends the program."""
        self.event(
            type="system",
            subtype="init",
            apiKeySource="login",
            cwd=str(self.workspace),
            model=self.model,
            permissionMode="default",
        )
        self.event(type="user", message=_message("user", self.chat.prompts[-1]))
        ending = "result"
        for step in steps:
            (verb, given), *_ = step.items()
            if verb == "end":
                ending = given
                break
            getattr(self, f"do_{verb}")(given)
        if ending == "silent":
            sys.exit(0)
        self.result(error=ending == "error")
        if ending == "hang":
            signal.pause()

    def do_say(self, text: str) -> None:
        if self.partial:
            for piece in re.findall(r"\S+\s*", text):
                self.event(type="assistant", message=_message("assistant", piece), timestamp_ms=_now())
        self.said.append(text)
        self.event(type="assistant", message=_message("assistant", text))

    def do_recall(self, _: object) -> None:
        self.do_say(" | ".join(self.chat.prompts))

    def do_think(self, text: str) -> None:
        self.event(type="thinking", subtype="delta", text=text, timestamp_ms=_now())
        self.event(type="thinking", subtype="completed", timestamp_ms=_now())

    def do_shell(self, command: str) -> None:
        given = {"command": command, "workingDirectory": str(self.workspace)}
        call = self.started("shellToolCall", given)
        if not (self.force or allowed(command, self.workspace)):
            self.completed(call, "shellToolCall", given, {"rejected": {"command": command, "reason": ""}})
            return
        ran = subprocess.run(command, shell=True, cwd=self.workspace, capture_output=True, text=True)
        outcome = {"exitCode": ran.returncode, "stdout": ran.stdout, "stderr": ran.stderr}
        self.completed(call, "shellToolCall", given, {"success": outcome})

    def do_edit(self, given: Mapping[str, str]) -> None:
        # The model reads in its prompt where to write: a script can say so only by variables.
        path = self.workspace / os.path.expandvars(given["path"])
        call = self.started("editToolCall", {"path": str(path)})
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(given["content"])
        added = given["content"].count("\n") + 1
        self.completed(call, "editToolCall", {"path": str(path)}, {"success": {"linesAdded": added}})

    def do_read(self, name: str) -> None:
        path = self.workspace / name
        call = self.started("readToolCall", {"path": str(path)})
        outcome: Mapping[str, Any] = (
            {"success": {"content": path.read_text()}}
            if path.is_file()
            else {"error": {"errorMessage": "File not found"}}
        )
        self.completed(call, "readToolCall", {"path": str(path)}, outcome)

    def do_sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def do_fail(self, given: Mapping[str, Any]) -> None:
        if given.get("stdout"):
            print(given["stdout"], flush=True)
        fail(given.get("stderr", "A: [internal] Error"), given.get("exit", 1))

    def do_quota(self, _: object) -> None:
        # The one failure that was seen with exit code 0.
        fail(
            "Error: You've hit your usage limit for this month, until your monthly cycle ends on 12/2/2026.",
            0,
        )

    def started(self, tool: str, given: Mapping[str, Any]) -> str:
        self._calls += 1
        call = f"tool_{self._calls}"
        self.tool("started", call, {tool: {"args": given}})
        return call

    def completed(self, call: str, tool: str, given: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        self.tool("completed", call, {tool: {"args": given, "result": result}})

    def tool(self, subtype: str, call: str, what: Mapping[str, Any]) -> None:
        self.event(
            type="tool_call",
            subtype=subtype,
            call_id=call,
            tool_call=what,
            model_call_id=f"model_{self._calls}",
            timestamp_ms=_now(),
        )

    def result(self, error: bool) -> None:
        took = int((time.monotonic() - self._began) * 1000)
        text = "".join(self.said)
        words = sum(len(prompt.split()) for prompt in self.chat.prompts)
        if self.format == "text":
            print(text, flush=True)
            return
        whole = {
            "type": "result",
            "subtype": "error" if error else "success",
            "duration_ms": took,
            "duration_api_ms": took,
            "is_error": error,
            "result": text,
            "session_id": self.chat.session,
            "request_id": str(uuid.uuid4()),
            "usage": {
                "inputTokens": words,
                "outputTokens": len(text.split()),
                "cacheReadTokens": 0,
                "cacheWriteTokens": 0,
            },
        }
        print(json.dumps(whole), flush=True)


def _message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": text}]}


def _now() -> int:
    return int(time.time() * 1000)


def allowed(command: str, workspace: Path) -> bool:
    """Whether a rule `Shell(word)` of the user's or of the workspace's lets every part of a command run."""
    home = os.environ.get("CURSOR_CONFIG_DIR") or str(Path.home() / ".cursor")
    rules: set[str] = set()
    for path in (Path(home) / "cli-config.json", workspace / ".cursor" / "cli.json"):
        if path.is_file():
            allowed = json.loads(path.read_text()).get("permissions", {}).get("allow", [])
            rules |= {rule[6:-1] for rule in allowed if rule.startswith("Shell(")}
    parts = [part.split() for part in re.split(r"&&|\|\||[;|&\n]", command)]
    return all(part and part[0] in rules for part in parts)


def script(prompt: str, turn: int) -> list[Mapping[str, Any]]:
    """The steps of the chat's turn, counted from 0."""
    path = os.environ.get("CURSOR_STANDIN_SCRIPT")
    if not path:
        commands = [line[2:] for line in prompt.splitlines() if line.startswith("$ ")]
        return [{"say": f"You said: {prompt}"}, *({"shell": command} for command in commands)]
    import yaml

    turns = yaml.safe_load(Path(path).read_text())
    steps: list[Mapping[str, Any]] = turns[min(turn, len(turns) - 1)]
    return steps


def _prompt(line: Line) -> str:
    if line.words:
        return " ".join(line.words)
    return "" if sys.stdin.isatty() else sys.stdin.read().strip()


def _answer(line: Line) -> str | None:
    """What a command line that runs no turn prints; None for one that does."""
    if "version" in line.options:
        return VERSION
    if "list-models" in line.options or line.words[:1] == ["models"]:
        return "Available models\n\n" + "\n".join(MODELS)
    if line.words[:1] == ["create-chat"]:
        return str(uuid.uuid4())
    if line.words[:1] == ["status"]:
        return "Logged in" if logged_in() else "Not logged in"
    return None


def logged_in() -> bool:
    return os.environ.get("CURSOR_STANDIN_LOGIN") != "no"


def _gates(options: Mapping[str, str], workspace: Path) -> None:
    """Ends the program where the CLI would, in its order, before a word of JSON."""
    if "print" not in options:
        fail("this stand-in plays headless turns only")
    if not {"trust", "force"} & options.keys():
        advice = "Pass --trust, --yolo, or -f if you trust this directory"
        fail(f"⚠ Workspace Trust Required\n\n  {workspace}\n\n{advice}")
    if not logged_in():
        advice = "Please run 'agent login' first, or set CURSOR_API_KEY environment variable."
        fail(f"Error: Authentication required. {advice}")
    model = options.get("model", "auto")
    if model not in MODELS:
        fail(f"Cannot use this model: {model}. Available models: {', '.join(MODELS)}")
    if "resume" in options and not options["resume"]:
        fail("Error: no chat chosen; choosing one needs a terminal")


def main(argv: list[str]) -> None:
    line = Line.parse(argv)
    if line.words[:1] == ["acp"]:
        sys.path.append(str(Path(__file__).parents[2]))
        from tests.agents.cursor_acp import serve

        serve(line)
        return
    answer = _answer(line)
    if answer is not None:
        print(answer)
        return
    workspace = Path(line.options.get("workspace") or os.getcwd()).resolve()
    _gates(line.options, workspace)
    prompt = _prompt(line)
    if not prompt:
        fail("Error: No prompt provided for print mode.")
    chat = Chat(workspace, line.options.get("resume") or str(uuid.uuid4()))
    steps = script(prompt, len(chat.prompts))
    chat.take(prompt)
    Run(chat, workspace, line.options).play(steps)


def install(folder: Path) -> Path:
    """Puts the stand-in into a folder under the CLI's name, for a test's PATH; returns the program's path."""
    program = folder / "cursor-agent"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "$@"\n')
    program.chmod(0o755)
    return program


if __name__ == "__main__":
    main(sys.argv[1:])
