"""The reference of the Python API, made of the docstrings in its sources.

python -m sow.api.reference > docs/reference/python.md
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal, NamedTuple, get_origin

import sow
from sow.value import Value

HEAD = """\
# The Python API

<!-- Made by scripts/docs from the docstrings: change them, not this page. -->

`import sow` gives everything that can be done at the command line, as operations with types; the command
line is written on it. [How to drive sow from Python](../howto/drive-sow-from-python.md) shows it at work.

Nothing prints or ends the process, and nothing looks at the folder that the process stands in, but for the
defaults of the ways in. Locks, checks, refusals and events are those of the command line, and so is what
holds after a kill. Two projects may be open in one process, and threads may share one.
"""

WIDTH = 96

IN = ("open", "repository", "open_workspace")
HANDLES = (
    "Project", "Task", "Phase", "Artifacts", "Repository", "Settings", "Workspace", "TaskFile", "Stop"
)  # fmt: skip
ERRORS = ("SowError", "Failed", "Usage", "NotFound", "Refused", "BadFile", "Waits", "Busy")
ABOUT = {
    "The ways in": "",
    "What is held": "A handle holds no state: what is asked is read anew, and what is done is stored.",
    "What is given": """\
Values are frozen. What a command prints with `--json` is `as_json()` of one of them. Documents inside of
them, such as `Question`, are typed dicts of `sow_schemas.documents`: see [fields](fields.md).""",
    "What these are made of": "Each is named by the module that it can be imported from.",
    "What is raised": "Each has `.message` and `.hint`, the two lines of the command line, and `.exit_code`.",
}


class Field(NamedTuple):
    """A field of a value, or a property."""

    name: str
    type: str
    about: str


def page() -> str:
    """The whole reference, in Markdown."""
    taken = {*IN, *HANDLES, *ERRORS}
    values = [name for name in sow.__all__ if name not in taken]
    named = {name: getattr(sow, name) for name in sow.__all__}
    inner = {f"{held.__module__}.{held.__name__}": held for held in _inner(named)}
    groups = (*({f"sow.{name}": named[name] for name in names} for names in (IN, HANDLES, values)), inner)
    parts = [HEAD]
    for (title, about), group in zip(
        ABOUT.items(), (*groups, {f"sow.{name}": named[name] for name in ERRORS}), strict=True
    ):
        parts.append(f"## {title}\n" + (f"\n{about}\n" if about else ""))
        parts += ["\n".join(_entry(name, held)) for name, held in group.items()]
    return "\n".join(parts)


def _inner(named: Mapping[str, Any]) -> list[type]:
    """The values of which those that have a name in `sow` are made, and which have none there."""
    found: dict[type, None] = {}
    todo = [held for name, held in named.items() if name not in (*IN, *ERRORS)]
    while todo:
        held = todo.pop()
        for kind in _kinds(held, with_calls=held.__name__ in HANDLES):
            if kind not in found and kind not in named.values() and not issubclass(kind, Exception):
                found[kind] = None
                todo.append(kind)
    return sorted(found, key=lambda held: (held.__module__, held.__name__))


def _kinds(held: type, *, with_calls: bool) -> Iterator[type]:
    """The values of ours that the fields of a class are of, and what its calls give."""
    node = _definition(held)
    assert isinstance(node, ast.ClassDef)
    words = [field.type for field in _fields(node)]
    words += [_type(method.returns) for method in _methods(node) if with_calls]
    for word in re.findall(r"\b[A-Z]\w+", " ".join(words)):
        kind = _meant(held.__module__, word)
        if isinstance(kind, type) and (is_dataclass(kind) or issubclass(kind, Value)):
            yield kind


@cache
def _meant(module: str, word: str) -> object:
    """What a name stands for in a module, also one that is imported there for a type checker alone."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                if word == (alias.asname or alias.name):
                    return getattr(import_module(node.module), alias.name, None)
    return getattr(import_module(module), word, None)


def _told(held: type, word: str) -> str:
    """The name of a type in a class: that in `sow`; where another has its own there, something else."""
    kind = _meant(held.__module__, word)
    if word in sow.__all__ and get_origin(kind) is Literal:
        return str(kind).replace("typing.", "")
    if not isinstance(kind, type) or kind is getattr(sow, word, None):
        return word
    given = next((name for name in sow.__all__ if getattr(sow, name) is kind), "")
    return given or (f"{kind.__module__}.{word}" if hasattr(sow, word) else word)


def _entry(name: str, held: Any) -> Iterator[str]:
    node = _definition(held)
    yield f"### {name}\n"
    if isinstance(node, ast.FunctionDef):
        yield from _call(name, node)
        return
    yield f"{_doc(node)}\n"
    if issubclass(held, sow.SowError):
        yield f"Exit code {held.exit_code}.\n"
        return
    for field in _fields(node):
        kind = re.sub(r"\b[A-Z]\w+", lambda word: _told(held, word[0]), field.type).replace("documents.", "")
        said = f" — {field.about}" if field.about else ""
        yield f"- `{field.name}`: `{kind}`{said}"
    yield ""
    # Whatever else a value of the engine can do is the engine's own affair.
    handle = name.removeprefix("sow.")
    for method in _methods(node) if handle in HANDLES else ():
        yield f"#### {handle}.{method.name}\n"
        yield from _call(method.name, method)


def _call(name: str, node: ast.FunctionDef) -> Iterator[str]:
    yield f"```python\n{_signature(name, node)}\n```\n"
    yield f"{_doc(node)}\n"


def _fields(node: ast.ClassDef) -> Iterator[Field]:
    """What a value has, and the properties, each with what is said of it."""
    for at, each in enumerate(node.body):
        match each:
            case ast.AnnAssign(target=ast.Name(name), annotation=kind) if not name.startswith("_"):
                yield Field(name, _type(kind), _said(node.body[at + 1 : at + 2]))
            case ast.FunctionDef(name=name, returns=kind) if _is_property(each) and name[0] != "_":
                yield Field(name, _type(kind), " ".join(_doc(each).split()))


def _methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """What can be called, each once."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
            decorators = {ast.unparse(one) for one in each.decorator_list}
            if not decorators & {"property", "overload"}:
                yield each


def _is_property(node: ast.FunctionDef) -> bool:
    return any(ast.unparse(one) == "property" for one in node.decorator_list)


def _said(after: list[ast.stmt]) -> str:
    match after:
        case [ast.Expr(ast.Constant(str(text)))]:
            return " ".join(text.split())
    return ""


def _signature(name: str, node: ast.FunctionDef) -> str:
    """How it is called, in lines that fit."""
    arguments = node.args
    every = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(every) - len(arguments.defaults)) + list(arguments.defaults)
    words = [_argument(one, value) for one, value in zip(every, defaults, strict=True)]
    words = [word for word in words if word not in ("self", "cls")]
    if arguments.kwonlyargs:
        words.append("*")
        pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        words += [_argument(one, value) for one, value in pairs]
    end = f") -> {_type(node.returns)}"
    line = f"{name}({', '.join(words)}{end}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{name}(", *(f"    {word}," for word in words), end])


def _argument(one: ast.arg, value: ast.expr | None) -> str:
    typed = f"{one.arg}: {_type(one.annotation)}" if one.annotation else one.arg
    return typed if value is None else f"{typed} = {ast.unparse(value)}"


def _type(node: ast.expr | None) -> str:
    match node:
        case None:
            return "None"
        case ast.Constant(str(text)):
            return text
    return ast.unparse(node)


def _doc(node: ast.FunctionDef | ast.ClassDef) -> str:
    return ast.get_docstring(node) or ""


def _definition(held: type) -> ast.FunctionDef | ast.ClassDef:
    """Where it is made, in the source of its module."""
    for node in _tree(held.__module__).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == held.__name__:
            return node
    raise LookupError(held)


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(inspect.getsource(import_module(module)))


if __name__ == "__main__":
    sys.stdout.write(page())
