"""Plays a script: a process for each turn, a JSON object for each line. `script_agent` is the program.

A conversation is kept in `$SOW_SCRIPT_HOME`, or else in `script` below the runtime
folder that sow tells its workers, or in `sow/script` below the XDG state folder:
how many turns were begun, and how far the open one came.

Promise: progress is written after each step. A turn that was cut goes on at the
step in which it was cut, so that step may happen twice, and none is left out.
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO, NoReturn, TextIO

from sow_executors import script_file
from sow_executors.script_file import (
    Append,
    Ask,
    BadScript,
    Delete,
    Deny,
    Exit,
    Fail,
    Hang,
    Limit,
    Log,
    Replace,
    Run,
    Say,
    SetStatus,
    Spend,
    Step,
    Turns,
    Wait,
    WaitForFile,
    Write,
)

Event = dict[str, object]
Tell = Callable[[Event], None]

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""The signals that ask the agent to stop."""

OUTPUT_KEPT = 4000
"""Bytes at the end of a command's output that its result line shows."""


class Stop(Exception):
    """The turn is over before its last line: the exit code, and what to tell, if anything."""

    def __init__(self, code: int, event: Event | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.event = event


class Stopped(Exception):
    """A signal asked the agent to stop."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class StepFailed(Exception):
    """A step could not be played; the turn stays open at it."""

    def __init__(self, message: str, kind: str = "unknown") -> None:
        super().__init__(message)
        self.kind = kind


# Conversations


@dataclass(slots=True)
class Conversation:
    """What the agent remembers of one session."""

    session_id: str
    turn: int = 0
    """How many turns were begun; the script's turn is this one, or its last."""
    step: int = 0
    """How many steps of the open turn are done."""
    open: bool = False
    """Whether the turn is under way, or was cut."""
    prompt: str = ""
    iteration: int = 1
    """The task's iteration in which the turn was begun."""
    question: str = ""
    options: list[str] = field(default_factory=list)
    insist: bool = False
    choice: str = ""
    word: str = ""
    """What the agent said last in this turn."""
    said: list[list[str]] = field(default_factory=list)
    """Who said what, for a person who reads along: pairs of `you` or `agent` and a text."""


class Shelf:
    """The folder in which conversations are kept, a file each, and a lock for whoever holds one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextlib.contextmanager
    def hold(self, session_id: str, new: bool) -> Iterator[Conversation]:
        """The conversation, held until the block ends; raises Stop for an id that is not as said."""
        with self._lock(session_id) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise _failed(
                    "session_conflict", f"Session ID {session_id} is already in use by a live process."
                ) from None
            if new and self._file(session_id).exists():
                raise _failed("session_conflict", f"Session ID {session_id} is already in use.")
            yield Conversation(session_id) if new else self._read(session_id)

    def keep(self, conversation: Conversation) -> None:
        """Write the conversation down, at once; raises Stop where that can't be done."""
        file = self._file(conversation.session_id)
        beside = file.with_suffix(".new")
        try:
            beside.write_text(json.dumps(asdict(conversation)), "ascii")
            beside.chmod(0o600)
            beside.replace(file)
        except OSError as error:
            raise self._unusable(error) from error

    def _lock(self, session_id: str) -> TextIO:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            return (self.folder / f"{session_id}.lock").open("w")
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> Stop:
        return _failed(
            "config_invalid", f"no conversation can be kept in {self.folder}: {error.strerror}", code=2
        )

    def _read(self, session_id: str) -> Conversation:
        try:
            return Conversation(**json.loads(self._file(session_id).read_bytes()))
        except (FileNotFoundError, ValueError, TypeError):
            raise _failed(
                "session_not_found", f"No conversation found with session ID: {session_id}"
            ) from None

    def _file(self, session_id: str) -> Path:
        return self.folder / f"{session_id}.json"


def _failed(kind: str, message: str, code: int = 1, **more: object) -> Stop:
    return Stop(code, {"type": "failed", "kind": kind, "message": message, **more})


# Playing


class Player:
    """Plays the turns of a script in one conversation."""

    def __init__(
        self, turns: Turns, shelf: Shelf, conversation: Conversation, folder: Path, task_id: str, tell: Tell
    ) -> None:
        self.turns = turns
        self.shelf = shelf
        self.talk = conversation
        self.folder = folder
        self.task_id = task_id
        self.tell = tell

    def play(self, prompt: str) -> None:
        """One turn, from its prompt to its last line; raises Stop where a step ends it otherwise."""
        if not self._goes_on(prompt):
            self._begin(prompt)
        try:
            if self.talk.open:
                self._steps()
            else:
                self._ask_again()
        except StepFailed as failure:
            raise _failed(failure.kind, str(failure)) from failure
        self.tell({"type": "finished", "text": self.talk.word, "turns": self.talk.turn})

    def _goes_on(self, prompt: str) -> bool:
        """Whether the turn that was cut is still the one to play."""
        talk = self.talk
        if not talk.open or talk.iteration != _iteration():
            return False  # feedback came, so the report of the turn had arrived
        steps = self._script_turn()
        if talk.step >= len(steps):
            return False
        answered = _answer(prompt) is not None and isinstance(steps[talk.step], Ask)
        if answered:
            self._remember(steps[talk.step])  # the question had arrived, as its answer shows
        return not answered

    def _begin(self, prompt: str) -> None:
        talk = self.talk
        talk.prompt, talk.iteration, talk.word, talk.open = prompt, _iteration(), "", True
        talk.said.append(["you", prompt[:OUTPUT_KEPT]])
        if talk.options:
            answer = self._values()["answer"]
            choice = _chosen(answer, talk.options)
            if choice is None and talk.insist:
                talk.open = False
                return
            talk.choice, talk.options = choice or answer.strip(), []
        talk.turn, talk.step = talk.turn + 1, 0
        self.shelf.keep(talk)

    def _script_turn(self) -> tuple[Step, ...]:
        return self.turns[min(self.talk.turn, len(self.turns)) - 1]

    def _steps(self) -> None:
        steps = self._script_turn()
        while self.talk.step < len(steps):
            try:
                self._step(steps[self.talk.step])
            except Stop:
                self._done(len(steps))  # an end that the script planned is a step done
                raise
            self._done(len(steps))

    def _done(self, of: int) -> None:
        self.talk.step += 1
        self.talk.open = self.talk.step < of
        self.shelf.keep(self.talk)

    def _step(self, step: Step) -> None:
        match step:
            case Say(text):
                self._say(self._fill(text))
            case Write() | Replace() | Append() | Delete():
                self._edit(step)
            case Run(command, allow_failure):
                self._run(command, allow_failure)
            case Log(text):
                self._sow("agent", "log", "--", self._fill(text))
            case Ask():
                self._ask(step)
            case SetStatus(status):
                self._sow("task", "set", "status", status)
            case Wait(seconds):
                time.sleep(seconds)
            case WaitForFile(path, timeout):
                self._wait_for(self.folder / self._fill(path), timeout)
            case Hang():
                # Done as it begins, for nothing that ends it leaves the time to write that down.
                self._done(len(self._script_turn()))
                while True:
                    signal.pause()
            case Spend(usd, input_tokens, output_tokens):
                price = {} if usd is None else {"usd": usd}
                self.tell(
                    {"type": "spent", **price, "input_tokens": input_tokens, "output_tokens": output_tokens}
                )
            case Deny(tool, detail, reason):
                self.tell({"type": "denied", "tool": tool, "detail": self._fill(detail), "reason": reason})
            case Limit(resets_in):
                self._limit(resets_in)
            case Fail(message, kind, code):
                raise _failed(kind, self._fill(message), code)
            case Exit(code):
                raise Stop(code)

    # One step each

    def _say(self, text: str) -> None:
        self.talk.word = text
        self.talk.said.append(["agent", text[:OUTPUT_KEPT]])
        self.tell({"type": "said", "text": text})

    def _edit(self, step: Write | Replace | Append | Delete) -> None:
        name = self._fill(step.path)
        with self._call("edit", name):
            try:
                file = _inside(self.folder, name)
                match step:
                    case Write(_, content):
                        _write(file, self._fill(content))
                    case Replace(_, pairs):
                        _write(file, self._replaced(file, name, pairs))
                    case Append(_, text):
                        _write(file, (_read(file) if file.exists() else "") + self._fill(text))
                    case Delete():
                        file.unlink(missing_ok=True)
            except OSError as error:
                raise StepFailed(f"{name} can't be edited: {error.strerror}") from error

    def _replaced(self, file: Path, name: str, pairs: Sequence[tuple[str, str]]) -> str:
        text = _read(file)
        for old, new in ((self._fill(old), self._fill(new)) for old, new in pairs):
            if old not in (text.replace(new, "") if new else text):
                if new in text:
                    continue  # played before, and cut before that was written down
                raise StepFailed(f"{name} has no text {_short(old)!r} to replace")
            if text.count(old) > 1:
                raise StepFailed(f"{name} has the text {_short(old)!r} {text.count(old)} times, not once")
            text = text.replace(old, new)
        return text

    def _run(self, command: str, allow_failure: bool) -> None:
        # Whatever a person answered is one word of the command, never a piece of shell.
        filled = self._fill(command, shlex.quote)
        with self._call("run", filled) as result:
            code, result["output"] = _run(["/bin/sh", "-c", filled], self.folder)
            if code != 0 and allow_failure:
                result["ok"] = False
            elif code != 0:
                raise StepFailed(f"`{_short(filled)}` ended with {code}")

    def _sow(self, *words: str) -> None:
        with self._call("sow", shlex.join(["sow", *words])) as result:
            program = shutil.which("sow")
            if program is None:
                raise StepFailed("there is no `sow` on PATH to report with", "missing_tool")
            code, result["output"] = _run([program, *words], self.folder)
            if code != 0:
                raise StepFailed(f"`sow {' '.join(words[:2])}` ended with {code}: {result['output']}")

    def _ask(self, step: Ask) -> None:
        self._remember(step)
        self._put_question(self.talk.question)

    def _remember(self, step: Step) -> None:
        """Keep what was asked, for the answer to choose from."""
        if isinstance(step, Ask):
            self.talk.question = self._fill(step.question)
            self.talk.options, self.talk.insist = list(step.options), step.insist

    def _ask_again(self) -> None:
        words = _short(" ".join(self._values()["answer"].split()))
        self._say(f"I can't tell which of the options {words!r} means, so I ask again.")
        self._put_question(self.talk.question)
        self.shelf.keep(self.talk)

    def _put_question(self, question: str) -> None:
        options = [word for option in self.talk.options for word in ("--option", option)]
        self._sow("task", "ask", *options, "--", question)

    def _wait_for(self, file: Path, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not file.exists():
            if time.monotonic() > deadline:
                raise StepFailed(f"no file {file} came in {timeout:g} seconds")
            time.sleep(0.02)

    def _limit(self, resets_in: float) -> NoReturn:
        resets_at = round(time.time() + resets_in, 3)
        self.tell({"type": "limited", "resets_at": resets_at})
        raise _failed("usage_limit", "the script's usage limit is reached", resets_at=resets_at)

    # What the steps share

    @contextlib.contextmanager
    def _call(self, tool: str, detail: str) -> Iterator[Event]:
        """Tell of a tool's call and of its result, which the block may fill in."""
        call = f"{self.talk.turn}.{self.talk.step + 1}"
        self.tell({"type": "tool", "call": call, "tool": tool, "detail": " ".join(detail.split())})
        result: Event = {"type": "tool_result", "call": call, "ok": True}
        try:
            yield result
        except StepFailed as failure:
            self.tell({**result, "ok": False, "output": result.get("output") or str(failure)})
            raise
        self.tell(result)

    def _fill(self, text: str, quote: Callable[[str], str] = str) -> str:
        return script_file.fill(text, self._values(), quote)

    def _values(self) -> dict[str, str]:
        talk = self.talk
        answer = _answer(talk.prompt)
        return {
            "prompt": talk.prompt,
            "answer": talk.prompt if answer is None else answer,
            "choice": talk.choice,
            "task_id": self.task_id,
            "iteration": str(talk.iteration),
            "turn": str(talk.turn),
        }


def _answer(prompt: str) -> str | None:
    """What stands in the last `<answer>` of the prompt; None where it has none."""
    found = re.findall(r"<answer>\s*(.*?)\s*</answer>", prompt, re.DOTALL)
    return found[-1] if found else None


def _chosen(answer: str, options: Sequence[str]) -> str | None:
    """The option that the answer names, as whole words; the last one where it names several."""
    places: list[tuple[int, int, str]] = []
    for option in options:
        words = rf"(?<!\w){re.escape(option)}(?!\w)"
        places += [(m.end(), len(option), option) for m in re.finditer(words, answer, re.IGNORECASE)]
    return max(places)[2] if places else None


def _iteration() -> int:
    """The task's iteration by its own state file; 1 where no task is told of."""
    folder = os.environ.get("SOW_TASK_DIR")
    if not folder:
        return 1
    try:
        text = Path(folder, "state.yaml").read_text("utf-8", "replace")
    except OSError:
        return 1
    found = re.search(r"^iteration: *(\d{1,9}) *$", text, re.MULTILINE)
    return int(found[1]) if found else 1


def _inside(folder: Path, name: str) -> Path:
    """The file that `name` means in the worktree `folder`; raises StepFailed where it leads out of it."""
    root = folder.resolve()
    file = (root / name).resolve()
    if not file.is_relative_to(root) or file == root:
        raise StepFailed(f"{name} is not a file of the worktree")
    if ".git" in file.relative_to(root).parts:
        raise StepFailed(f"{name} is git's own")
    return file


def _read(file: Path) -> str:
    with file.open(encoding="utf-8", newline="") as stream:
        try:
            return stream.read()
        except UnicodeDecodeError as error:
            raise StepFailed(f"{file.name} is not a text file") from error


def _write(file: Path, text: str) -> None:
    """Put `text` in place of the file, at once, with the mode that it had."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="") as stream:
            stream.write(text)
        if file.exists():
            shutil.copymode(file, beside)
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)


def _run(argv: Sequence[str], folder: Path) -> tuple[int, str]:
    """Run a command; its exit code, and the end of what it printed."""
    # A file, not a pipe: something left in the background could hold a pipe open.
    with tempfile.TemporaryFile() as output:
        process, asked = _start(argv, folder, output)
        try:
            for number in asked:
                _on_signal(number, None)
            code = process.wait()
        except Stopped:
            _end(process)
            raise
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - OUTPUT_KEPT))
        return code, output.read().decode("utf-8", "replace").strip()


def _start(
    argv: Sequence[str], folder: Path, output: IO[bytes]
) -> "tuple[subprocess.Popen[bytes], list[int]]":
    """Start a command; its process, and the numbers of the signals that came meanwhile.

    Raised in the middle of a start, `Stopped` would leave a process that nobody knows.
    """
    asked: list[int] = []
    # Not blocked and not ignored: the command would inherit either.
    before = {number: signal.signal(number, lambda number, _: asked.append(number)) for number in STOPPING}
    try:
        process = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise StepFailed(f"{argv[0]} can't be run: {error.strerror}") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return process, asked


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


# Telling


def tell_lines(event: Event) -> None:
    """One JSON object a line, in ASCII, so that no locale can break it."""
    print(json.dumps(event), flush=True)


def tell_screen(event: Event) -> None:
    """What a person at a terminal wants to see of an event."""
    match event:
        case {"type": "said", "text": text}:
            print(text)
        case {"type": "tool", "tool": tool, "detail": detail}:
            print(f"  {tool}: {detail}")
        case {"type": "tool_result", "ok": False, "output": output}:
            print(f"  failed: {output}")
        case {"type": "denied", "tool": tool, "detail": detail}:
            print(f"  denied: {tool} {detail}")
        case {"type": "failed", "message": message}:
            print(f"failed: {message}")
    sys.stdout.flush()


# The program


def main(words: Sequence[str]) -> int:
    """Plays one turn, or a conversation on a terminal; `words` and the exit code are those of the program."""
    tell: Tell = tell_lines
    try:
        options = _options(words)
        if options.terminal:
            tell = tell_screen
        for number in STOPPING:
            signal.signal(number, _on_signal)
        _play(options, tell)
    except Stop as stop:
        if stop.event is not None:
            tell(stop.event)
            if tell is tell_lines:
                print(stop.event["message"], file=sys.stderr)
        return stop.code
    except Stopped as stopped:
        name = signal.Signals(stopped.number).name
        tell({"type": "failed", "kind": "interrupted", "message": f"stopped by {name}"})
        return 128 + stopped.number
    return 0


def _play(options: argparse.Namespace, tell: Tell) -> None:
    try:
        turns = script_file.read(Path(options.script))
    except BadScript as error:
        raise _failed("config_invalid", str(error), code=2) from error
    shelf = Shelf(_home())
    with shelf.hold(options.session_id or options.resume, new=options.resume is None) as talk:
        shelf.keep(talk)
        player = Player(turns, shelf, talk, Path.cwd(), options.task, tell)
        if options.terminal:
            _converse(player)
        else:
            tell({"type": "session", "session_id": talk.session_id, "model": options.model})
            player.play(_prompt())


def _prompt() -> str:
    # No command line takes a NUL, and the prompt may become part of one.
    return sys.stdin.buffer.read().decode("utf-8", "replace").replace("\0", "\ufffd")


def _converse(player: Player) -> None:
    """Show the conversation so far, then play a turn for each line that the person types."""
    for who, text in player.talk.said:
        print(f"{who}: {text}")
    print("An empty line or Ctrl-D ends the conversation.")
    while True:
        try:
            line = input("> ")
        except EOFError:
            return
        if not line.strip():
            return
        player.play(line.replace("\0", "\ufffd"))


def _home() -> Path:
    """Where conversations are kept."""
    given = os.environ.get("SOW_SCRIPT_HOME")
    if given:
        return Path(given)
    if runtime := os.environ.get("SOW_PROJECT_RUNTIME"):
        return Path(runtime) / "script"
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG rules have a relative path ignored.
    return (Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state") / "sow" / "script"


class _Arguments(argparse.ArgumentParser):
    """Arguments whose errors come out as a failed line, like any other failure."""

    def error(self, message: str) -> NoReturn:
        raise _failed("config_invalid", f"script agent: {message}", code=2)


def _options(words: Sequence[str]) -> argparse.Namespace:
    parser = _Arguments(prog="script_agent", allow_abbrev=False)
    opening = parser.add_mutually_exclusive_group(required=True)
    opening.add_argument("--session-id", type=_session_id, help="open a conversation with this id")
    opening.add_argument("--resume", type=_session_id, help="go on with the conversation of this id")
    parser.add_argument("--script", required=True, help="the YAML file to play")
    parser.add_argument("--task", default="", help="the task's id, for {task_id}")
    parser.add_argument("--model", default="", help="a name to show as the model")
    parser.add_argument("--terminal", action="store_true", help="take prompts from a terminal")
    return parser.parse_args(words)


def _session_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no session id: letters, digits, '.', '_' and '-' only")
    return text


def _on_signal(number: int, _frame: FrameType | None) -> None:
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)
