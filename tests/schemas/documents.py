"""Documents drawn from the schemas themselves, and the small damages that are done to them."""

import copy
from datetime import datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.validators import extend
from referencing import Registry

import sow_schemas
from sow_schemas.formats import FORMATS


def peer(schema: Any, registry: Any = None) -> Any:
    """The validator of jsonschema as it comes, but for our times and for 1.0, which is no integer to us."""
    checker = FormatChecker(formats=())
    for name, holds in FORMATS.items():
        checker.checks(name)(lambda value, holds=holds: not isinstance(value, str) or holds(value))
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    ours: Any = extend
    made = ours(Draft202012Validator, type_checker=types)
    return made(schema, registry=registry or Registry(), format_checker=checker)


TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.builds(
    "{:%Y-%m-%dT%H:%M:%S}{}{}".format,
    st.datetimes(datetime(1000, 1, 1)),  # strftime writes earlier years short
    st.sampled_from(["", ".5", ".123456789"]),
    st.sampled_from(["Z", "+05:30", "-00:00"]),
)
ODD: list[Any] = [
    True,
    False,
    None,
    0,
    -1,
    1.0,
    1.5,
    10**30,
    "",
    "x",
    "010",
    "010\n",
    "0１0",
    "a\n",
    "A_B\n",
    "Completed",
    [],
    {},
]
ODD += [
    "2025-02-30T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "2025-01-01T00:00:00Z\n",
    ["a", "a"],
    {"": 0},
    ["010", "010"],
]


@cache
def documents(name: str) -> st.SearchStrategy[Any]:
    """Valid documents by the schema called `name`."""
    return drawn(sow_schemas.load(name))


@st.composite
def damaged(draw: st.DrawFn, name: str) -> Any:
    """A document in which up to three places were changed: most are invalid, some still valid."""
    root = {"root": copy.deepcopy(draw(documents(name)))}
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(_places(root)))
        action = draw(st.sampled_from(["replace", "remove", "add", "again"]))
        if action == "replace" or holder is root:
            holder[key] = copy.deepcopy(draw(st.sampled_from(ODD)))
        elif action == "remove":
            del holder[key]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[draw(st.sampled_from(["extra", "message", "data", "error_code"]))] = holder[key]
    return root["root"]


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every holder in `value` with each of its keys or indices."""
    if not isinstance(value, dict | list):
        return []
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    return [(value, key) for key in keys] + [place for key in keys for place in _places(value[key])]


def drawn(schema: Any) -> st.SearchStrategy[Any]:
    """Values that are valid by one part of a schema."""
    if "$ref" in schema:
        return documents(schema["$ref"].removesuffix(".schema.json"))
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "type" not in schema:
        return JSON
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([_KINDS[kind](schema) for kind in kinds])


def _text(schema: Any) -> st.SearchStrategy[Any]:
    if "pattern" in schema:
        return st.from_regex(schema["pattern"].strip("^$"), fullmatch=True)
    if schema.get("format") in FORMATS:
        return TIMES
    return st.text(st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=12)


def _number(schema: Any) -> st.SearchStrategy[Any]:
    low, high = schema.get("minimum", schema.get("exclusiveMinimum", -1000)), schema.get("maximum", 1000)
    over = "exclusiveMinimum" in schema
    return st.floats(low, high, exclude_min=over) | st.integers(low + over, high)


def _object(schema: Any) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        extra = schema.get("additionalProperties")
        return st.dictionaries(TEXTS, drawn(extra) if extra else JSON, max_size=2)
    branches = [_merged(schema, branch) for branch in schema.get("allOf", ())]
    return st.one_of([_fields(branch) for branch in branches or [schema]])


def _merged(schema: Any, branch: Any) -> Any:
    """The schema as it is where the condition of `branch` holds."""
    ((key, given),) = branch["if"]["properties"].items()
    then = branch["then"]
    both = {**schema["properties"], **then["properties"], key: {"enum": [given["const"]]}}
    properties = {name: part for name, part in both.items() if part is not False}
    return {"properties": properties, "required": [*schema["required"], *then.get("required", ())]}


def _fields(schema: Any) -> st.SearchStrategy[Any]:
    parts = {name: drawn(part) for name, part in schema["properties"].items()}
    needed = {name: parts[name] for name in schema.get("required", ())}
    return st.fixed_dictionaries(needed, optional={n: part for n, part in parts.items() if n not in needed})


_KINDS: Any = {
    "string": _text,
    "number": _number,
    "integer": lambda schema: st.integers(schema.get("minimum", -5), schema.get("maximum", 10**6)),
    "boolean": lambda schema: st.booleans(),
    "null": lambda schema: st.none(),
    "array": lambda schema: st.lists(drawn(schema["items"]), max_size=2, unique="uniqueItems" in schema),
    "object": _object,
}
