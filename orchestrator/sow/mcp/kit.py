"""A method as a tool: its name, its words, its schemas from its types, its refusals as words for an agent."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic_core import ArgsKwargs

from sow.errors import SowError

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "_sow_tool"

LONGEST = 1 << 18
"""The most characters of plain words: a client would cut them, too, and not say where."""


@dataclass(frozen=True, slots=True)
class Manner:
    """What a client may want to know of a tool before it lets its agent call it."""

    reads: bool = False
    """It changes nothing."""
    destroys: bool = False
    """It takes something away, or ends something that runs."""
    repeats: bool = False
    """Called once more with the same words, it changes nothing more."""
    lasts: bool = False
    """It may take minutes or hours, and starts agents or waits for a person."""


def tool(
    *, reads: bool = False, destroys: bool = False, repeats: bool = False, lasts: bool = False
) -> Callable[[F], F]:
    """Marks a method as a tool of its name; its docstring is what an agent is told of it."""

    def mark(method: F) -> F:
        setattr(method, _MARK, Manner(reads, destroys, repeats or reads, lasts))
        return method

    return mark


def _listed(given: object) -> object:
    """A list that some clients give as a text that holds one."""
    if isinstance(given, str) and given.lstrip().startswith(("[", "{")):
        try:
            return json.loads(given)
        except ValueError:
            return given
    return given


Words = Annotated[list[str], BeforeValidator(_listed)]
Table = Annotated[dict[str, Any], BeforeValidator(_listed)]
Since = Annotated[
    str | None, Field(description="From this day or time on, in RFC 3339, or so long ago, as 2h.")
]


@dataclass(frozen=True, slots=True)
class Told:
    """What a tool gave: words for the agent, and where it has a schema the same as a document."""

    text: str
    document: Any = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool."""

    name: str
    about: str
    manner: Manner
    takes: dict[str, Any]
    """JSON Schema of its arguments."""
    gives: dict[str, Any] | None
    """JSON Schema of its result; None for plain words."""
    _arguments: TypeAdapter[Any] = field(repr=False)
    _result: TypeAdapter[Any] = field(repr=False)

    def call(self, arguments: Mapping[str, Any]) -> Told:
        """Calls it; a refusal is told, with what to do next."""
        try:
            given = self._arguments.validate_python(ArgsKwargs((), dict(arguments)))
        except ValidationError as fault:
            complaints = "; ".join(map(_complaint, fault.errors()))
            return Told(sayable(f"{self.name}: {complaints}\n{self._usage()}"), refused=True)
        except SowError as fault:
            return refusal(fault)
        if self.gives is None:
            return Told(cut(sayable(given)))
        document = self._result.dump_python(given, mode="json")
        if not isinstance(document, dict):
            document = {"result": document}
        text = json.dumps(document, ensure_ascii=False)
        said = sayable(text)
        return Told(said, document if said == text else json.loads(said))

    def _usage(self) -> str:
        """Which arguments it takes, in a line."""
        needed = self.takes.get("required", [])
        others = [name for name in self.takes["properties"] if name not in needed]
        told = [f"it takes {', '.join(needed)}"] if needed else []
        told += [f"it may be given {', '.join(others)}"] if others else []
        return "; ".join(told) or "it takes no arguments"


def sayable(text: str) -> str:
    """A text as the protocol can carry it: what is no character, as in a file that is no text, is a `?`."""
    return text.encode("utf-8", "replace").decode()


def cut(text: str) -> str:
    """A text of bearable length; of a longer one the middle goes, and it says so."""
    over = len(text) - LONGEST
    if over <= 0:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n[... {over} characters are left out here ...]\n{text[-half:]}"


def refusal(fault: SowError) -> Told:
    """What is wrong, and what to do next."""
    # What is an option of the command line is an argument here.
    hint = fault.hint.replace("--project NAME", "the argument `project`")
    return Told(sayable(f"{fault}".removeprefix("--") + f"\n{hint}".rstrip()), refused=True)


def _complaint(error: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "missing_keyword_only_argument":
            return f"{where} is missing"
        case "unexpected_keyword_argument":
            return f"there is no argument {where}"
    return f"{where}: {error['msg'][:1].lower()}{error['msg'][1:]}"


def tools(owner: object) -> tuple[Tool, ...]:
    """The tools among the methods of an object, by name."""
    return tuple(_made(name, getattr(owner, name)) for name in names(type(owner)))


def names(kind: type) -> tuple[str, ...]:
    """The names of the tools among the methods of a class."""
    return tuple(name for name, _ in inspect.getmembers(kind, lambda each: hasattr(each, _MARK)))


def _made(name: str, method: Callable[..., Any]) -> Tool:
    made: Any = TypeAdapter
    arguments, kind = made(method), method.__annotations__["return"]
    result: TypeAdapter[Any] = TypeAdapter(kind)
    return Tool(
        name,
        inspect.getdoc(method) or "",
        getattr(method, _MARK),
        _without_null(_plain(arguments.json_schema())),
        None if kind is str else _as_object(_plain(result.json_schema(mode="serialization"))),
        arguments,
        result,
    )


def _as_object(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a result: whatever is no object is one's `result`."""
    if schema.get("type") == "object":
        return schema
    inner = {key: held for key, held in schema.items() if key != "$defs"}
    defs = {key: held for key, held in schema.items() if key == "$defs"}
    return {"type": "object", "properties": {"result": inner}, "required": ["result"], **defs}


def _plain(schema: Any) -> Any:
    """A schema without the titles that only say a field's name again."""
    if isinstance(schema, dict):
        return {
            key: {name: _plain(each) for name, each in held.items()} if key in _NAMED else _plain(held)
            for key, held in schema.items()
            if not (key == "title" and isinstance(held, str))
        }
    return [_plain(each) for each in schema] if isinstance(schema, list) else schema


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments that may be absent, and need not be told as null: not every client has words for that."""
    return {**schema, "properties": {name: _or_absent(held) for name, held in schema["properties"].items()}}


def _or_absent(schema: dict[str, Any]) -> dict[str, Any]:
    match schema:
        case {"anyOf": [kind, {"type": "null"}], "default": None, **rest}:
            return {**kind, **rest}
    return schema


_NAMED = ("properties", "$defs")
"""Keys whose value is a table by name, in which `title` is one of the names."""
