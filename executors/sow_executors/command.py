"""Any program of the user's as an agent: its command line as a template, its output as text or JSON lines.

    argv:        [my-agent, --model, "{model}", --session, "{session_id}"]
    resume_argv: [my-agent, --model, "{model}", --continue, "{session_id}"]

Who chooses session ids follows from the settings: sow, where a template says
`{session_id}`; the program, where `session_key` says under which key of its
JSON lines it tells one; nobody, where neither stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sow_executors import ends, settings
from sow_executors.base import (
    BadSettings,
    Command,
    Failed,
    Finished,
    Report,
    Said,
    SessionIds,
    Started,
    Turn,
)
from sow_executors.lines import parse, table, words

PLACEHOLDERS = ("prompt_file", "session_id", "folder", "task_id", "model")

SETTINGS = (
    "argv",
    "resume_argv",
    "attach_argv",
    "prompt",
    "output",
    "session_key",
    "text_key",
    "ok_codes",
    "environment",
    "model",
    "yolo_mode",
)

_PLACE = re.compile(r"\{\{(\w+)\}\}|\{([A-Za-z_]\w*)\}")
"""`{name}` is a placeholder, `{{name}}` the literal `{name}`; any other brace is itself."""

_KEPT = 4000


@dataclass(frozen=True, slots=True)
class Template:
    """The settings of one such program, checked."""

    argv: tuple[str, ...]
    resume_argv: tuple[str, ...]
    attach_argv: tuple[str, ...]
    prompt: str
    output: str
    session_key: str
    text_key: str
    ok_codes: tuple[int, ...]
    environment: tuple[str, ...]

    @property
    def ids(self) -> SessionIds:
        if self.session_key:
            return "theirs"
        return "ours" if _uses(self.argv, "session_id") else "none"


class Program:
    """Runs what `argv` says; settings are told in docs/howto/add-an-executor.md.

    Its reader and its `ids` depend on the settings, so it is made with them: see
    `catalog.get`. Made without, it is good for listing only.
    """

    name = "command"
    takes_settings = True

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        """Raises BadSettings, as every method that reads settings does."""
        self._template = None if settings is None else template(settings)
        self.ids: SessionIds = self._template.ids if self._template else "none"
        self.environment = self._template.environment if self._template else ()

    def program(self, settings: Mapping[str, object]) -> tuple[str, ...]:
        return (template(settings).argv[0],)

    def accepts(self, session_id: str) -> bool:
        """Any id that can stand in an argument and is no option."""
        return session_id.isprintable() and 0 < len(session_id) <= 200 and session_id[0] != "-"

    def spawn(self, turn: Turn) -> Command:
        found = template(turn.settings)
        return self._filled(turn, found, found.argv)

    def resume(self, turn: Turn) -> Command:
        found = template(turn.settings)
        return self._filled(turn, found, found.resume_argv)

    def attach(self, turn: Turn) -> Command:
        found = template(turn.settings)
        if not found.attach_argv:
            raise BadSettings("command has no attach_argv: how a person opens a session of it is not known")
        return Command((*_fill(turn, found.attach_argv), *turn.custom_args), turn.folder)

    def reader(self, session_id: str | None) -> ProgramReader:
        if self._template is None:
            raise ValueError("command reads output by its settings, and was made without")
        return ProgramReader(self._template, session_id)

    def _filled(self, turn: Turn, found: Template, argv: tuple[str, ...]) -> Command:
        words = (*_fill(turn, argv), *turn.custom_args)
        if found.prompt == "file":
            return Command(words, turn.folder, files={_prompt_file(turn): turn.prompt})
        return Command(words, turn.folder, stdin=turn.prompt)


def template(given: Mapping[str, object]) -> Template:
    """The settings as a template; raises BadSettings, naming the key that is wrong."""
    settings.only("command", given, SETTINGS)
    settings.flag(given, "yolo_mode")
    argv = _argv(given, "argv")
    if not argv:
        raise BadSettings("command needs argv: the program and its arguments, as a list of texts", "argv")
    ways = ("file", "stdin") if _uses(argv, "prompt_file") else ("stdin", "file")
    found = Template(
        argv=argv,
        resume_argv=_argv(given, "resume_argv") or argv,
        attach_argv=_argv(given, "attach_argv"),
        prompt=settings.choice(given, "prompt", ways),
        output=settings.choice(given, "output", ("text", "jsonl")),
        session_key=settings.word(given, "session_key"),
        text_key=settings.word(given, "text_key") or "text",
        ok_codes=_codes(given),
        environment=settings.strings(given, "environment"),
    )
    _agree(found)
    return found


def _argv(given: Mapping[str, object], name: str) -> tuple[str, ...]:
    argv = settings.strings(given, name)
    if name in given and (not argv or not argv[0]):
        raise BadSettings(f"{name} begins with the program", name)
    for word in argv:
        for match in _PLACE.finditer(word):
            if match[2] and match[2] not in PLACEHOLDERS:
                guess = settings.nearest(match[2], PLACEHOLDERS)
                known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
                raise BadSettings(
                    f"{name} has an unknown placeholder {{{match[2]}}}{guess}; known: {known}", name
                )
    return argv


def _codes(given: Mapping[str, object]) -> tuple[int, ...]:
    codes = given.get("ok_codes", [0])
    if not isinstance(codes, list | tuple) or not codes:
        raise BadSettings(f"ok_codes is a list of exit codes, not {codes!r}", "ok_codes")
    for code in codes:
        if isinstance(code, bool) or not isinstance(code, int) or not 0 <= code <= 255:
            raise BadSettings(f"ok_codes holds exit codes from 0 to 255, not {code!r}", "ok_codes")
    return tuple(codes)


def _agree(found: Template) -> None:
    """Raises BadSettings where two settings contradict each other."""
    for name, argv in (("argv", found.argv), ("resume_argv", found.resume_argv)):
        if (found.prompt == "file") != _uses(argv, "prompt_file"):
            wanted = "needs {prompt_file} in" if found.prompt == "file" else "has no use for {prompt_file} in"
            raise BadSettings(f"prompt: {found.prompt} {wanted} {name}")
    if found.session_key:
        if found.output != "jsonl":
            raise BadSettings("session_key needs output: jsonl: it is a key of the program's JSON lines")
        if _uses(found.argv, "session_id"):
            raise BadSettings(
                "argv has {session_id}, so sow chooses it, and session_key, so the program does"
            )
        if not _uses(found.resume_argv, "session_id"):
            raise BadSettings("session_key needs a resume_argv with {session_id}")
    elif _uses(found.argv, "session_id") != _uses(found.resume_argv, "session_id"):
        raise BadSettings("argv and resume_argv say {session_id} both, or neither")
    if _uses(found.attach_argv, "prompt_file"):
        raise BadSettings("attach_argv has no prompt, so no {prompt_file} either")


def _uses(argv: tuple[str, ...], name: str) -> bool:
    return any(match[2] == name for word in argv for match in _PLACE.finditer(word))


def _prompt_file(turn: Turn) -> str:
    return f"{turn.scratch}/prompt.txt"


def _fill(turn: Turn, argv: tuple[str, ...]) -> tuple[str, ...]:
    if turn.session_id is None and _uses(argv, "session_id"):
        raise ValueError("a turn of command needs its session id beforehand")
    model = settings.word(turn.settings, "model")
    if not model and _uses(argv, "model"):
        raise BadSettings("argv says {model}, and no model is set")
    values = {
        "prompt_file": _prompt_file(turn),
        "session_id": turn.session_id or "",
        "folder": turn.folder,
        "task_id": turn.task_id,
        "model": model,
    }
    return tuple(_PLACE.sub(lambda m: f"{{{m[1]}}}" if m[1] else values[m[2]], word) for word in argv)


class ProgramReader:
    """Folds what a program prints; see `sow_executors.base.Reader`."""

    def __init__(self, template: Template, session_id: str | None) -> None:
        self._template = template
        self._expected = session_id
        self._session: str | None = None
        self._tail = ""

    def read(self, line: str) -> list[Report]:
        if self._template.output == "text":
            return self._said(words(line.rstrip("\r\n")), joined=True)
        event = parse(line)
        if event is None:
            return []
        session = words(_at(event, self._template.session_key)) if self._template.session_key else ""
        started: list[Report] = []
        if session and session != self._session:
            self._session = session
            started = [Started(session)]
        return started + self._said(words(_at(event, self._template.text_key)), joined=False)

    def end(self, exit_code: int | None, stderr: str) -> Finished | Failed:
        if exit_code not in self._template.ok_codes:
            return ends.failed(self._template.argv[0], exit_code, stderr or self._tail)
        if self._expected and self._session and self._session != self._expected:
            told = f"the program worked in session {self._session}, not in {self._expected}"
            return Failed("session_not_found", told)
        return Finished(self._tail.strip())

    def _said(self, text: str, joined: bool) -> list[Report]:
        """A line of a text belongs to those before it; a text of an event stands for itself."""
        if text.strip():
            self._tail = (f"{self._tail}\n{text}" if joined else text)[-_KEPT:]
            return [Said(text)]
        return []


def _at(event: Mapping[str, object], key: str) -> object:
    """The value under a key, or under a path of keys with dots between."""
    if key in event:
        return event[key]
    found: object = event
    for part in key.split("."):
        found = table(found).get(part)
    return found
