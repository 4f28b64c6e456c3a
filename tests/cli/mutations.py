"""State files as nobody should have left them: a seeded generator, each kind of damage by its name.

    whole file --> its value or its bytes, changed --> a file that must be refused

Every mutation makes a broken file of any whole one, by how it is made: no test
has to ask the code under test whether it really is broken.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

from sow.document import SIZE, canonical

Value = dict[str, Any]
KINDS = ("project", "phase", "task")
ROUNDS = 3
"""How many files each mutation makes of one kind of file, by different chances."""

LARGE = (
    "too deep", "too many values", "too large", "a key without end", "a number without end",
    "a hundred thousand problems",
)  # fmt: skip
"""Mutations that make files of megabytes, each of which takes a while to be refused."""

AT = "2026-11-21T09:00:00.000Z"
WHOLE: Mapping[str, Value] = {
    "project": {
        "name": "add-login", "type": "standard", "branch": "feat/add-login", "created_at": AT,
        "updated_at": AT, "statechart": {"current_state": "ImplementationPlanning", "updated_at": AT},
    },
    "phase": {
        "status": "in_progress", "enabled": True, "created_at": AT, "started_at": AT, "iteration": 1,
        "inputs": [], "outputs": [],
    },
    "task": {
        "id": "010", "name": "First", "phase": "implementation", "status": "pending", "created_at": AT,
        "updated_at": AT, "iteration": 1, "assigned_agent": "implementer", "inputs": [], "outputs": [],
    },
}  # fmt: skip
"""A whole file of each kind; the field that comes last is a required one."""

REQUIRED = {
    "project": ("name", "type", "branch", "created_at", "updated_at", "statechart"),
    "phase": ("status", "enabled", "created_at", "inputs", "outputs"),
    "task": (
        "id", "name", "phase", "status", "created_at", "updated_at", "iteration", "assigned_agent", "inputs",
        "outputs",
    ),
}  # fmt: skip

FORBIDDEN: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "project": {
        "name": ("-x", "X", "a", "", "a/b", "../../x"),
        "type": ("Standard!", ""),
        "branch": ("",),
        "statechart": ({}, {"current_state": "", "updated_at": AT}, {"current_state": "A"}),
    },
    "phase": {
        "status": ("",),
        "iteration": (0, -1, 1.0),
        "inputs": ([{}], [{"type": "x", "path": "", "approved": False, "created_at": AT}], ["a.md"]),
    },
    "task": {
        "id": ("10", "0100", "01O", "", "٠١٠"),
        "status": ("done", "Pending", ""),
        "iteration": (0, -1, 1.0, 10**30 * -1),
        "priority": ("urgent", "", None),
        "depends_on": (["020", "020"], ["20"], [20]),
        "error": ({}, {"error_type": "x", "message": "m", "timestamp": AT}),
    },
}
"""Values of the right type that are not allowed."""


@dataclass(frozen=True)
class Mutant:
    """A broken file."""

    kind: str
    mutation: str
    number: int
    data: bytes

    @property
    def id(self) -> str:
        return f"{self.kind}-{self.mutation}-{self.number}".replace(" ", "_")


def mutants(kind: str, mutation: str, seed: int = 20261121) -> Iterator[Mutant]:
    """What one mutation makes of one kind of file, `ROUNDS` times; the same for the same seed."""
    for number in range(ROUNDS):
        chance = Random(f"{seed} {kind} {mutation} {number}")
        if (data := MUTATIONS[mutation](_File(kind, number, chance))) is not None:
            yield Mutant(kind, mutation, number, data)


@dataclass(frozen=True)
class _File:
    """A whole file, and the chances by which it is broken."""

    kind: str
    number: int
    chance: Random

    @property
    def value(self) -> Value:
        return json.loads(json.dumps(WHOLE[self.kind]))  # type: ignore[no-any-return]

    def written(self, value: Value) -> str:
        """`value` as sow writes it, or every other time as a person does."""
        if self.number % 2 == 0:
            return canonical.emit(value)
        head, *lines = yaml.safe_dump(value, sort_keys=False, allow_unicode=True).splitlines(keepends=True)
        return "".join(["# by hand\n", head.rstrip() + "   # why\n", "\n", *lines])

    @property
    def text(self) -> str:
        return self.written(self.value)

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines(keepends=True)

    def field(self) -> str:
        return self.chance.choice(REQUIRED[self.kind])

    def with_value(self, field: str, value: object) -> bytes:
        return self.written({**self.value, field: value}).encode()

    def with_text(self, field: str, text: str) -> bytes:
        """The file with `text` behind the name of one of its fields, on one line."""
        line = re.compile(rf"^{field}:.*\n(?:[ -].*\n)*", re.MULTILINE)
        return line.sub(lambda _: f"{field}: {text}\n", self.text, count=1).encode()

    def with_line(self, line: str) -> bytes:
        """The file with one more line somewhere among its top-level ones."""
        starts = [i for i, held in enumerate(self.lines) if held[0] not in " -#\n"]
        place = self.chance.choice(starts)
        return "".join([*self.lines[:place], line, *self.lines[place:]]).encode()


Mutation = Callable[[_File], bytes | None]
MUTATIONS: dict[str, Mutation] = {}


def _mutation(make: Mutation) -> Mutation:
    MUTATIONS[make.__name__.strip("_").replace("_", " ")] = make
    return make


# -- cut, torn, of another kind altogether ------------------------------------------------------


@_mutation
def truncated(file: _File) -> bytes:
    return file.text.encode()[: file.chance.randrange(len(file.text) - 6)]


@_mutation
def cut_at_the_end_of_a_line(file: _File) -> bytes:
    return "".join(file.lines[: file.chance.randrange(1, len(file.lines) - 1)]).encode()


@_mutation
def empty(file: _File) -> bytes:
    return (b"", b"\n\n  \n", b"# nothing but this\n")[file.number]


@_mutation
def no_mapping(file: _File) -> bytes:
    return (b"- a\n- b\n", b"just words\n", b"[]\n")[file.number]


@_mutation
def nothing_in_it(file: _File) -> bytes:
    return (b"{}\n", b"null\n", b"---\n...\n")[file.number]


@_mutation
def of_another_program(file: _File) -> bytes:
    return (
        gzip.compress(file.text.encode(), mtime=0),
        b"\x7fELF\x02\x01\x01" + file.chance.randbytes(500),
        b"<!DOCTYPE html>\n<html><body>502 Bad Gateway</body></html>\n",
    )[file.number]


@_mutation
def bytes_by_chance(file: _File) -> bytes:
    return b"\xff" + file.chance.randbytes(400)


@_mutation
def a_merge_conflict(file: _File) -> bytes:
    lines = file.lines
    place = file.chance.randrange(len(lines) - 1)
    sides = ["<<<<<<< HEAD\n", lines[place], "=======\n", lines[place], ">>>>>>> feat/other\n"]
    return "".join([*lines[:place], *sides, *lines[place + 1 :]]).encode()


@_mutation
def what_an_agent_says(file: _File) -> bytes:
    return f"Here is the updated file:\n\n```yaml\n{file.text}```\n".encode()


# -- what YAML does not allow ---------------------------------------------------------------------


@_mutation
def a_key_twice(file: _File) -> bytes:
    return f"{file.text}{file.field()}: again\n".encode()


@_mutation
def a_nested_key_twice(file: _File) -> bytes:
    return file.text.encode() + b'metadata: {"a": 1, "b": 2, "a": 3}\n'


@_mutation
def a_tab(file: _File) -> bytes:
    return file.text.encode() + b"metadata:\n\tlevel: 1\n"


@_mutation
def a_tab_before_a_field(file: _File) -> bytes:
    return file.with_line("\tlevel: 1\n")


@_mutation
def a_line_too_far_in(file: _File) -> bytes:
    return file.with_line("   level: 1\n   other: 2\n") + b"     more: [\n"


@_mutation
def an_open_bracket(file: _File) -> bytes:
    return file.with_text(file.field(), file.chance.choice(["[", "{", "[1, 2", '{"a": 1']))


@_mutation
def an_open_quote(file: _File) -> bytes:
    return file.with_text(file.field(), file.chance.choice(['"never closed', "'never closed"]))


@_mutation
def a_bracket_too_many(file: _File) -> bytes:
    return file.with_text(file.field(), file.chance.choice(["[]]", "{}}", "]", "}"]))


@_mutation
def no_json(file: _File) -> bytes:
    wrong = ['[{"a" 1}]', '{"a": [}', "[1,, 2]", '{"a": "\\x"}', '["a" "b"]', '{"a":: 1']
    return file.with_text(file.field(), file.chance.choice(wrong))


@_mutation
def a_colon_in_a_text(file: _File) -> bytes:
    return file.with_text(file.field(), "this: is: no text")


@_mutation
def a_colon_lost(file: _File) -> bytes:
    place = file.chance.choice([i for i, line in enumerate(file.lines) if re.match(r"\w+:", line)])
    lines = file.lines
    lines[place] = lines[place].replace(":", ";", 1)
    return "".join(lines).encode()


@_mutation
def an_escape_that_there_is_not(file: _File) -> bytes:
    return file.with_text(file.field(), file.chance.choice([r'"\q"', r'"\u12"', r'"C:\Users"']))


@_mutation
def a_sign_that_means_something(file: _File) -> bytes:
    return file.with_text(file.field(), file.chance.choice(["@name", "`name`", "%name", "- name"]))


@_mutation
def a_second_document(file: _File) -> bytes:
    return f"{file.text}---\n{file.text}".encode()


@_mutation
def a_directive(file: _File) -> bytes:
    return f"%YAML 1.{file.number}\n---\n{file.text}".encode()


@_mutation
def a_key_that_is_no_text(file: _File) -> bytes:
    return file.with_line(("1: one\n", "null: nothing\n", "? [a, b]\n: c\n")[file.number])


# -- what YAML allows and no state file needs -----------------------------------------------------


@_mutation
def a_tag(file: _File) -> bytes:
    tags = ["!!str x", "!x y", "!!binary aGVsbG8=", "!!set {a}"]
    return file.with_text(file.field(), file.chance.choice(tags))


@_mutation
def a_tag_that_runs_code(file: _File) -> bytes:
    call = "!!python/object/apply:os.system ['touch /tmp/owned']"
    return file.with_text(file.field(), call)


@_mutation
def an_anchor(file: _File) -> bytes:
    return file.with_text(file.field(), "&anchor x")


@_mutation
def an_alias(file: _File) -> bytes:
    return file.with_text(file.field(), "*anchor")


@_mutation
def a_merge_key(file: _File) -> bytes:
    return file.with_line("<<: {a: 1}\n")


@_mutation
def a_billion_laughs(file: _File) -> bytes:
    laughs = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"]
    laughs += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)]
    return ("".join(laughs) + file.text).encode()


@_mutation
def too_deep(file: _File) -> bytes:
    depth = (60, 5_000, 100_000)[file.number]
    opening = file.chance.choice(["[", '{"a": '])
    closing = "]" if opening == "[" else "}"
    return f'{file.text}metadata: {{"a": {opening * depth}1{closing * depth}}}\n'.encode()


@_mutation
def too_many_values(file: _File) -> bytes:
    many = ("1, " * 1_300_000, "{}, " * 1_000_000, "{a}," * 1_000_000)[file.number]
    return f'{file.text}metadata: {{"a": [{many}1]}}\n'.encode()[: SIZE - 2] + b"]}"


@_mutation
def too_large(file: _File) -> bytes:
    return file.text.encode() + b"# " + b"x" * SIZE + b"\n"


@_mutation
def a_key_without_end(file: _File) -> bytes:
    long = "k" * 2_000_000
    return file.text.encode() + (f"{long}: 1\n", f'"{long}": 1\n', f"? {long}\n: 1\n")[file.number].encode()


@_mutation
def a_number_without_end(file: _File) -> bytes:
    return file.with_text(file.field(), "9" * (4_301, 100_000, 2_000_000)[file.number])


@_mutation
def no_number(file: _File) -> bytes:
    return file.with_text(file.field(), file.chance.choice([".inf", "-.inf", ".nan", ".NaN"]))


# -- bytes and characters -------------------------------------------------------------------------


@_mutation
def a_nul(file: _File) -> bytes:
    data = file.text.encode()
    place = file.chance.randrange(len(data))
    return data[:place] + b"\0" + data[place:]


@_mutation
def zeros_at_the_end(file: _File) -> bytes:
    """What some file systems leave after a power cut."""
    data = file.text.encode()
    return data[: len(data) // 2] + b"\0" * (len(data) - len(data) // 2)


@_mutation
def a_character_that_a_terminal_obeys(file: _File) -> bytes:
    sign = file.chance.choice(["\x1b[2J", "\x07", "\x08", "\x7f", "\x9b31m", "\ufffe"])
    return file.with_text(file.field(), f"x{sign}y")


@_mutation
def no_utf_8(file: _File) -> bytes:
    data = file.text.encode()
    place = file.chance.randrange(len(data))
    bad = file.chance.choice([b"\xff", b"\xc3", b"\xc0\x80", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"])
    return data[:place] + bad + b"\n" + data[place:]


@_mutation
def in_another_encoding(file: _File) -> bytes:
    text = f"{file.text}# für später\n"
    return text.encode(("utf-16", "latin-1", "utf-32")[file.number])


# -- a document that the schema refuses -----------------------------------------------------------


@_mutation
def a_field_gone(file: _File) -> bytes:
    value = file.value
    del value[file.field()]
    return file.written(value).encode()


@_mutation
def a_value_of_another_type(file: _File) -> bytes:
    field = file.field()
    others: list[object] = ["words", 7, 1.5, True, None, [1, "a"], {"a": {"b": 1}}]
    own = type(WHOLE[file.kind][field])
    return file.with_value(field, file.chance.choice([one for one in others if type(one) is not own]))


@_mutation
def every_value_of_another_type(file: _File) -> bytes:
    return file.written({field: {"not": [field]} for field in file.value}).encode()


@_mutation
def a_value_that_is_not_allowed(file: _File) -> bytes:
    field = file.chance.choice(sorted(FORBIDDEN[file.kind]))
    return file.with_value(field, file.chance.choice(FORBIDDEN[file.kind][field]))


@_mutation
def a_time_that_is_none(file: _File) -> bytes:
    wrong = ["yesterday", "2026-11-21", "2026-02-30T00:00:00Z", "2026-11-21 09:00:00Z", "2026-11-21T25:00Z"]
    return file.with_value("created_at", file.chance.choice(wrong))


@_mutation
def a_field_that_no_schema_knows(file: _File) -> bytes:
    return file.with_value(file.chance.choice(["sttus", "Status", "notes", "x" * 900, "a b", ""]), "x")


@_mutation
def a_word_that_another_yaml_takes_for_true(file: _File) -> bytes | None:
    return file.with_text("enabled", ("yes", "on", "y")[file.number]) if file.kind == "phase" else None


@_mutation
def a_number_with_a_zero_before_it(file: _File) -> bytes | None:
    return None if file.kind == "project" else file.with_text("iteration", ("01", "00", "1_0")[file.number])


@_mutation
def a_hundred_thousand_problems(file: _File) -> bytes:
    field = "inputs" if file.kind != "project" else "agent_sessions"
    many = [1] * 90_000 if file.kind != "project" else {f"k{n}": n for n in range(45_000)}
    return canonical.emit({**file.value, field: many}).encode()


@_mutation
def of_another_place(file: _File) -> bytes:
    match file.kind:
        case "task":
            field, other = (("id", "020"), ("phase", "review"), ("phase", "no-such"))[file.number]
            return file.with_value(field, other)
        case "phase":
            return canonical.emit(WHOLE["task"]).encode()
        case _:
            return canonical.emit(WHOLE[("phase", "task", "phase")[file.number]]).encode()
