"""The JSON Schemas of sow's documents, and the quick check of a value against them.

Every write asks `valid`, so this file imports nothing: `valid` runs code that
`python -m sow_schemas.generate` wrote from the schemas. Only a value that
fails pays for `problems`, which says in words what is wrong with it.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sow_schemas.explain import Problem

__all__ = ["WITHOUT", "Problem", "fields", "load", "names", "problems", "valid"]

_SUFFIX = ".schema.json"

WITHOUT = {"phase_file": ("phase_state", "tasks"), "project_file": ("project_state", "phases")}
"""The schemas of files: each a whole document's, without the field that lies in files of its own."""

_fields: "dict[str, dict[str, Any]]" = {}


def names() -> list[str]:
    """The documents that have a schema, in alphabetical order."""
    written = [n[: -len(_SUFFIX)] for n in os.listdir(os.path.dirname(__file__)) if n.endswith(_SUFFIX)]
    return sorted([*written, *WITHOUT])


def load(name: str) -> "dict[str, Any]":
    """The schema called `name` as data, a fresh copy; a `$ref` in it stays a file's name.

    Raises KeyError for a name that is not in `names()`.
    """
    import json

    source, left_out = WITHOUT.get(name, (name, ""))
    if source not in names():
        raise KeyError(f"no schema is called {name!r}; there are {', '.join(names())}")
    with open(os.path.join(os.path.dirname(__file__), source + _SUFFIX), encoding="utf-8") as file:
        schema: dict[str, Any] = json.load(file)
    if left_out:
        schema["description"] = f"A {schema['title']} as its file holds it: without `{left_out}`."
        schema["title"] = schema["title"].replace("State", "File")
        del schema["properties"][left_out]
        schema["required"].remove(left_out)
    return schema


def fields(name: str) -> "dict[str, Any]":
    """The top-level fields of the document called `name`, each with its schema, in the order of writing.

    Kept: not to be changed. Raises KeyError for a name that is not in `names()`.
    """
    if name not in _fields:
        _fields[name] = load(name)["properties"]
    return _fields[name]


def valid(name: str, value: object) -> bool:
    """Whether `value` satisfies the schema called `name`: microseconds, by generated code.

    An integer is an `int`, never a bool and never a float such as 1.0. Raises
    KeyError for a name that is not in `names()`.
    """
    from sow_schemas._generated import CHECKS

    return CHECKS[name](value)


def problems(name: str, value: object) -> "list[Problem]":
    """What is wrong with `value` by the schema called `name`; empty exactly where it is `valid`.

    Of a document with more than a hundred problems the first ones. Slow (it
    imports jsonschema): to be called once `valid` said no. Raises KeyError for
    a name that is not in `names()`.
    """
    from sow_schemas.explain import find

    return find(name, value)


def __getattr__(name: str) -> object:
    if name == "Problem":
        from sow_schemas.explain import Problem

        return Problem
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
