"""The script of an agent: a YAML file of turns and steps, read strictly.

Whatever is wrong with a file is found before its first step is played, and is
told with its line. `docs/reference/script.md` is the page for users.

    path --> read --> ((Say, Run, Replace, SetStatus), (Say, ...)) --> script_agent plays them
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, get_args

import yaml

from sow_executors.kinds import Kind

MAX_BYTES = 1024 * 1024
MAX_STEPS = 10_000

KINDS: tuple[str, ...] = get_args(Kind)

PLACEHOLDERS = ("prompt", "answer", "choice", "task_id", "iteration", "turn")
_NAMES = "|".join(PLACEHOLDERS)
_PLACEHOLDER = re.compile(rf"\{{\{{({_NAMES})\}}\}}|\{{({_NAMES})\}}")


class BadScript(ValueError):
    """A script that can't be played; the message names the file, the line and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Say:
    """The agent says `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Write:
    """The file at `path` holds `content` and nothing else."""

    path: str
    content: str


@dataclass(frozen=True, slots=True)
class Replace:
    """In the file at `path` each old text, found exactly once, becomes its new one."""

    path: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Append:
    """The file at `path`, made where there is none, ends with `text`."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Delete:
    """There is no file at `path`."""

    path: str


@dataclass(frozen=True, slots=True)
class Run:
    """A shell runs `command` in the worktree."""

    command: str
    allow_failure: bool = False


@dataclass(frozen=True, slots=True)
class Log:
    """`sow agent log` takes down `text`."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """`sow task ask` puts `question` to a person, and the turn ends."""

    question: str
    options: tuple[str, ...] = ()
    insist: bool = False
    """Whether an answer that names none of the options is asked for again."""


@dataclass(frozen=True, slots=True)
class SetStatus:
    """`sow task set status` gives the task its `status`."""

    status: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Some time passes."""

    seconds: float


@dataclass(frozen=True, slots=True)
class WaitForFile:
    """The agent waits until there is a file at `path`, `timeout` seconds at most."""

    path: str
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Fail:
    """The agent ends with an error of a `kind`."""

    message: str
    kind: str = "unknown"
    exit: int = 1


@dataclass(frozen=True, slots=True)
class Exit:
    """The agent ends without a last line, as a crash would end it."""

    code: int


@dataclass(frozen=True, slots=True)
class Hang:
    """The agent does nothing more until it is stopped."""


@dataclass(frozen=True, slots=True)
class Spend:
    """The agent used tokens and money."""

    usd: float | None = None
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    """The account is at its limit, for `resets_in` seconds."""

    resets_in: float


@dataclass(frozen=True, slots=True)
class Deny:
    """The agent is refused a tool."""

    tool: str
    detail: str = ""
    reason: str = ""


Step = (
    Say
    | Write
    | Replace
    | Append
    | Delete
    | Run
    | Log
    | Ask
    | SetStatus
    | Wait
    | WaitForFile
    | Fail
    | Exit
    | Hang
    | Spend
    | Limit
    | Deny
)
Turns = tuple[tuple[Step, ...], ...]

ENDING = (Ask, Fail, Exit, Limit)
"""Steps behind which a turn has nothing more."""


def read(path: Path) -> Turns:
    """The turns of the script at `path`: at least one, each of at least one step.

    Raises BadScript for a file that can't be read, is over 1 MiB or is no valid script.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise BadScript(f"{path}: the script can't be read: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise BadScript(f"{path}: a script has {MAX_BYTES} bytes at most")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadScript(f"{path}:{line}: byte {data[error.start]:#04x} is not UTF-8") from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Turns:
    """The turns of the script `text`; `name` is what errors call it. Raises BadScript."""
    try:
        node = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        raise BadScript(_place_and_words(error, name)) from error
    except RecursionError:
        raise BadScript(f"{name}: nested too deeply") from None
    if node is None:
        raise BadScript(f"{name}:1: the script is empty; it needs `turns:`")
    return _Reader(name).turns(node)


def fill(text: str, values: Mapping[str, str], quote: Callable[[str], str] = str) -> str:
    """`text` with each `{name}` of PLACEHOLDERS replaced by its value, passed through `quote`.

    `{{name}}` stands for the literal `{name}`; other braces are left as they are.
    """

    def one(match: re.Match[str]) -> str:
        literal, name = match.groups()
        return f"{{{literal}}}" if literal else quote(values[name])

    return _PLACEHOLDER.sub(one, text)


def nearest(word: str, known: tuple[str, ...]) -> str:
    """Words that lead from an unknown `word` to the nearest known one, or to all of them."""
    from difflib import get_close_matches  # most scripts are right

    close = get_close_matches(word, known, n=1)
    return f"did you mean `{close[0]}`?" if close else f"known: {', '.join(known)}"


class _Loader(yaml.SafeLoader):
    """Safe YAML without aliases: they could make a small file a huge one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not for scripts", problem_mark=mark)
        return super().compose_node(parent, index)


def _place_and_words(error: yaml.YAMLError, name: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"{name}:{error.problem_mark.line + 1}: not valid YAML: {error.problem or error.context}"
    reason = getattr(error, "reason", None) or str(error)
    return f"{name}: not valid YAML: {reason}"


T = TypeVar("T")


class _Reader:
    """Turns YAML nodes into steps; keeps what later lines depend on."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.steps = 0
        self.choosable = False

    def wrong(self, node: yaml.Node, what: str) -> BadScript:
        return BadScript(f"{self.name}:{node.start_mark.line + 1}: {what}")

    # What a script is made of

    def turns(self, root: yaml.Node) -> Turns:
        fields = self.fields(root, "a script", ("turns",), ("turns",))
        return tuple(self.turn(node) for node in self.items(fields["turns"], "turns"))

    def turn(self, node: yaml.Node) -> tuple[Step, ...]:
        steps: list[Step] = []
        for item in self.items(node, "a turn"):
            if steps and isinstance(steps[-1], ENDING):
                raise self.wrong(item, "this step is never played: the one before it ends the turn")
            steps.append(self.step(item))
        last = steps[-1]
        self.choosable = self.choosable or (isinstance(last, Ask) and bool(last.options))
        return tuple(steps)

    def step(self, node: yaml.Node) -> Step:
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise self.wrong(node, f"a script has {MAX_STEPS} steps at most")
        fields = self.fields(node, "step", tuple(STEPS))
        if len(fields) != 1:
            raise self.wrong(node, "a step is one word and what belongs to it, as in `- say: hello`")
        [(word, value)] = fields.items()
        return STEPS[word](self, value)

    def edit(self, node: yaml.Node) -> Step:
        ways = ("content", "replace", "append", "delete")
        fields = self.fields(node, "edit", ("path", *ways), ("path",))
        given = [way for way in ways if way in fields]
        if len(given) != 1:
            raise self.wrong(node, f"edit needs exactly one of {', '.join(ways)}")
        path, value = self.text(fields["path"], "edit.path", empty=False), fields[given[0]]
        match given[0]:
            case "content":
                return Write(path, self.text(value, "edit.content"))
            case "replace":
                return Replace(path, self.pairs(value))
            case "append":
                return Append(path, self.text(value, "edit.append", empty=False))
            case _:
                self.only_true(value, "edit.delete")
                return Delete(path)

    def pairs(self, node: yaml.Node) -> tuple[tuple[str, str], ...]:
        if not isinstance(node, yaml.MappingNode) or not node.value:
            raise self.wrong(node, "edit.replace needs pairs, as in `old: new`")
        return tuple(
            (self.text(old, "an old text", empty=False), self.text(new, "a new text"))
            for old, new in node.value
        )

    def run(self, node: yaml.Node) -> Step:
        if isinstance(node, yaml.ScalarNode):
            return Run(self.text(node, "run", empty=False))
        fields = self.fields(node, "run", ("command", "allow_failure"), ("command",))
        return Run(
            self.text(fields["command"], "run.command", empty=False),
            self.optional(fields, "allow_failure", self.flag, "run.allow_failure", False),
        )

    def ask(self, node: yaml.Node) -> Step:
        if isinstance(node, yaml.ScalarNode):
            return Ask(self.text(node, "ask", empty=False))
        fields = self.fields(node, "ask", ("question", "options", "insist"), ("question",))
        options: tuple[str, ...] = ()
        if "options" in fields:
            items = self.items(fields["options"], "ask.options")
            options = tuple(self.text(item, "an option", empty=False) for item in items)
        insist = self.optional(fields, "insist", self.flag, "ask.insist", False)
        if insist and not options:
            raise self.wrong(fields["insist"], "ask.insist needs options to insist on")
        return Ask(self.text(fields["question"], "ask.question", empty=False), options, insist)

    def wait(self, node: yaml.Node) -> Step:
        if isinstance(node, yaml.ScalarNode):
            return Wait(self.number(node, "wait"))
        fields = self.fields(node, "wait", ("seconds", "file", "timeout"))
        if ("seconds" in fields) == ("file" in fields):
            raise self.wrong(node, "wait needs either seconds or file")
        if "file" in fields:
            path = self.text(fields["file"], "wait.file", empty=False)
            return WaitForFile(path, self.optional(fields, "timeout", self.number, "wait.timeout", 60.0))
        if "timeout" in fields:
            raise self.wrong(fields["timeout"], "wait.timeout belongs to wait.file")
        return Wait(self.number(fields["seconds"], "wait.seconds"))

    def fail(self, node: yaml.Node) -> Step:
        if isinstance(node, yaml.ScalarNode):
            return Fail(self.text(node, "fail", empty=False))
        fields = self.fields(node, "fail", ("message", "kind", "exit"), ("message",))
        kind = self.optional(fields, "kind", self.text, "fail.kind", "unknown")
        if kind not in KINDS:
            raise self.wrong(fields["kind"], f"unknown kind `{kind}`: {nearest(kind, KINDS)}")
        return Fail(
            self.text(fields["message"], "fail.message", empty=False),
            kind,
            self.optional(fields, "exit", self.exit_code, "fail.exit", 1),
        )

    def hang(self, node: yaml.Node) -> Step:
        self.only_true(node, "hang")
        return Hang()

    def spend(self, node: yaml.Node) -> Step:
        fields = self.fields(node, "spend", ("usd", "input_tokens", "output_tokens"))
        if not fields:
            raise self.wrong(node, "spend needs usd, input_tokens or output_tokens")
        return Spend(
            self.number(fields["usd"], "spend.usd") if "usd" in fields else None,
            self.optional(fields, "input_tokens", self.whole, "spend.input_tokens", 0),
            self.optional(fields, "output_tokens", self.whole, "spend.output_tokens", 0),
        )

    def limit(self, node: yaml.Node) -> Step:
        fields = self.fields(node, "limit", ("resets_in",), ("resets_in",))
        return Limit(self.number(fields["resets_in"], "limit.resets_in"))

    def deny(self, node: yaml.Node) -> Step:
        fields = self.fields(node, "deny", ("tool", "detail", "reason"), ("tool",))
        return Deny(
            self.text(fields["tool"], "deny.tool", empty=False),
            self.optional(fields, "detail", self.text, "deny.detail", ""),
            self.optional(fields, "reason", self.text, "deny.reason", ""),
        )

    # What those are made of

    def fields(
        self, node: yaml.Node, what: str, known: tuple[str, ...], required: tuple[str, ...] = ()
    ) -> dict[str, yaml.Node]:
        """The fields of a mapping by name: each known and given once, the `required` ones there."""
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, f"{what} needs fields: {', '.join(known)}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value not in known:
                word = str(getattr(key, "value", ""))
                kind = "step" if what == "step" else f"field of {what}"
                raise self.wrong(key, f"unknown {kind} `{word}`: {nearest(word, known)}")
            if key.value in found:
                raise self.wrong(key, f"`{key.value}` is given twice")
            found[key.value] = value
        for name in required:
            if name not in found:
                raise self.wrong(node, f"{what} needs `{name}`")
        return found

    def items(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.wrong(node, f"{what} must be a list with at least one entry")
        items: list[yaml.Node] = node.value
        return items

    def optional(
        self,
        fields: dict[str, yaml.Node],
        name: str,
        reading: Callable[[yaml.Node, str], T],
        what: str,
        default: T,
    ) -> T:
        return reading(fields[name], what) if name in fields else default

    def text(self, node: yaml.Node, what: str, empty: bool = True) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, f"{what} must be text")
        if node.tag != "tag:yaml.org,2002:str":
            # YAML takes 7, on and no for something else.
            raise self.wrong(node, f"{what} must be text, and {node.value} is none; put it in quotes")
        text = str(node.value)
        if not (empty or text.strip()):
            raise self.wrong(node, f"{what} is empty")
        if "\0" in text or any("\ud800" <= mark <= "\udfff" for mark in text):
            raise self.wrong(node, f"{what} has a character that no file or command can take")
        if not self.choosable and any(name == "choice" for _, name in _PLACEHOLDER.findall(text)):
            raise self.wrong(node, "{choice} needs an `ask` with options in an earlier turn")
        return text

    def word(self, node: yaml.Node, what: str) -> str:
        text = self.text(node, what)
        if not re.fullmatch(r"[a-z][a-z_]*", text):
            raise self.wrong(node, f"{what} must be one word, as in needs_review")
        return text

    def number(self, node: yaml.Node, what: str) -> float:
        if isinstance(node, yaml.ScalarNode) and node.tag in _NUMBERS:
            try:
                number = float(node.value)
            except ValueError:
                number = math.nan
            if math.isfinite(number) and number >= 0:
                return number
        raise self.wrong(node, f"{what} must be a number, 0 or more")

    def whole(self, node: yaml.Node, what: str) -> int:
        number = self.number(node, what)
        if number != int(number):
            raise self.wrong(node, f"{what} must be a whole number")
        return int(number)

    def exit_code(self, node: yaml.Node, what: str) -> int:
        code = self.whole(node, what)
        if code > 255:
            raise self.wrong(node, f"{what} must be between 0 and 255")
        return code

    def flag(self, node: yaml.Node, what: str) -> bool:
        if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:bool":
            return node.value.lower() in ("true", "yes", "on")
        raise self.wrong(node, f"{what} must be true or false")

    def only_true(self, node: yaml.Node, what: str) -> None:
        if not self.flag(node, what):
            raise self.wrong(node, f"{what} can only be true; leave it out otherwise")


_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")

STEPS: dict[str, Callable[[_Reader, yaml.Node], Step]] = {
    "say": lambda reader, node: Say(reader.text(node, "say", empty=False)),
    "edit": _Reader.edit,
    "run": _Reader.run,
    "log": lambda reader, node: Log(reader.text(node, "log", empty=False)),
    "ask": _Reader.ask,
    "report": lambda reader, node: SetStatus(reader.word(node, "report")),
    "wait": _Reader.wait,
    "fail": _Reader.fail,
    "exit": lambda reader, node: Exit(reader.exit_code(node, "exit")),
    "hang": _Reader.hang,
    "spend": _Reader.spend,
    "limit": _Reader.limit,
    "deny": _Reader.deny,
}
"""Every step by its word, and how what belongs to it is read."""
