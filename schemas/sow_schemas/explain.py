"""What is wrong with a document, in words: where, what, and what is allowed there."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema import ValidationError as _Error
from jsonschema.validators import extend
from referencing import Registry
from referencing.jsonschema import DRAFT202012

import sow_schemas
from sow_schemas.formats import FORMATS

MOST = 100
"""How many problems of one document are looked for: whoever has more has to begin anew."""

EMPTY = '""'
"""How a key without a character is shown."""

Path = tuple[str | int, ...]
_Schema = Mapping[str, Any]

_FORMS = {
    r"^[0-9]{3}$": 'three digits in quotes, like "010"',
    r"^[a-z0-9][a-z0-9-]*[a-z0-9]$": "small letters, digits and inner hyphens, like add-login",
    r"^[a-z0-9_]+$": "small letters, digits and underscores, like standard",
    r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$": "capitals, digits and underscores, like API_ERROR",
}
_TIME = "a time like 2026-11-20T08:30:00Z"
_KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document."""

    path: Path
    """Keys and indices from the top to the field; a missing field's own name is the last."""
    value: object
    """What stands there; None for a field that is missing."""
    message: str
    """What is wrong, with the field and its value."""
    hint: str
    """What is allowed there, the nearest name or value first."""

    @property
    def where(self) -> str:
        """The path as people write it: `tasks[0].status`."""
        return _joined(self.path)


def find(name: str, value: object) -> list[Problem]:
    """What is wrong with `value` by the schema called `name`, in the order of its fields; `MOST` at most.

    Raises KeyError for a name that has no schema.
    """
    return [_told(error) for error in islice(_validator(name).iter_errors(value), MOST)]


@cache
def _validator(name: str) -> Any:
    """The jsonschema validator with our formats, integers and errors, its references resolved."""
    checker = FormatChecker(formats=())
    for form, predicate in FORMATS.items():
        checker.checks(form)(lambda value, is_one=predicate: not isinstance(value, str) or is_one(value))
    # 1.0 is an integer to jsonschema, but CUE's `int` refuses it and a file name would show it.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    keywords = {
        "required": _required, "additionalProperties": _additional, "properties": _properties,
        "uniqueItems": _unique,
    }  # fmt: skip
    extended: Any = extend
    validator = extended(Draft202012Validator, keywords, type_checker=types)
    return validator(_bare(name), registry=_registry(), format_checker=checker)


@cache
def _registry() -> Any:
    schemas = ((f"{n}.schema.json", DRAFT202012.create_resource(_bare(n))) for n in sow_schemas.names())
    return Registry().with_resources(schemas)


def _bare(name: str) -> _Schema:
    """A schema without its `$schema`, which would make jsonschema go on with a validator of its own."""
    return {key: value for key, value in sow_schemas.load(name).items() if key != "$schema"}


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _required(_validator: object, names: Sequence[str], value: Any, schema: _Schema) -> Iterator[_Error]:
    """As jsonschema's, with an error at each missing field's own place."""
    for name in names:
        if isinstance(value, dict) and name not in value:
            wanted = schema.get("properties", {}).get(name, {})
            yield _Error("is missing", path=(name,), instance=None, schema=wanted)


def _additional(validator: Any, allowed: Any, value: Any, schema: _Schema) -> Iterator[_Error]:
    """As jsonschema's, with an error at each unknown field's own place."""
    known = schema.get("properties", {})
    for key in value if isinstance(value, dict) else ():
        if key in known:
            continue
        if allowed is False:
            choices = {"enum": list(known)}
            yield _Error("is not a known field", path=(key,), instance=value[key], schema=choices)
        else:
            yield from validator.descend(value[key], allowed, path=key)


def _properties(validator: Any, properties: _Schema, value: Any, _schema: object) -> Iterator[_Error]:
    """As jsonschema's, with an error at the place of a field that may not be there."""
    for key, wanted in properties.items():
        if not isinstance(value, dict) or key not in value:
            continue
        if wanted is False:
            yield _Error("has no place here", path=(key,), instance=value[key], schema={})
        else:
            yield from validator.descend(value[key], wanted, path=key, schema_path=key)


def _unique(_validator: object, wanted: bool, value: Any, _schema: object) -> Iterator[_Error]:
    """As jsonschema's, for texts (other items are no texts, and told as such), and never in square time."""
    texts = [item for item in value if isinstance(item, str)] if wanted and isinstance(value, list) else []
    if len(set(texts)) != len(texts):
        yield _Error("has repetition", instance=value)


def _told(error: _Error) -> Problem:
    path: Path = tuple(error.absolute_path)
    place = f"`{_joined(path)}`" if path else "the document"
    if error.validator == "additionalProperties":
        hint = _nearest(path[-1], error.schema)
        return Problem(path, error.instance, f"{place} is not a known field", hint)
    return Problem(path, error.instance, f"{place} {_wrong(error)}", _hint(error))


def _wrong(error: _Error) -> str:
    """What is wrong, without the place: "is 'done', not one of pending, completed"."""
    value = _shown(error.instance)
    match error.validator:
        case "required":
            return "is missing"
        case "properties":
            return f"has no place here (it is {value})"
        case "minLength" | "minItems":
            return "is empty"
        case "uniqueItems":
            return f"names one thing twice: {value}"
        case "not" | "maxLength":
            return f"is {value}, which is too long or holds a line break"
        case "type":
            return f"is {value}{_kind(error.instance)}, not {_wanted(error.schema)}"
        case _:
            return f"is {value}, not {_wanted(error.schema)}"


def _hint(error: _Error) -> str:
    if error.validator == "properties":
        return "remove it"
    if error.validator == "required":
        return f"add it: {_wanted(error.schema)}" if error.schema else "add it"
    if error.validator == "enum":
        return _nearest(error.instance, error.schema)
    return f"give {_wanted(error.schema)}"


def _nearest(given: object, schema: Any) -> str:
    """The allowed name that looks most like `given`, and all that are allowed."""
    allowed = [str(choice) for choice in schema["enum"]]
    close = difflib.get_close_matches(_cut(str(given)).lower(), allowed, 1)
    meant = f"did you mean `{close[0]}`? " if close else ""
    return f"{meant}allowed: {', '.join(allowed)}" if allowed else "nothing is allowed here"


def _wanted(schema: Any) -> str:
    """What a schema asks for, in words."""
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "pattern" in schema:
        return _FORMS[schema["pattern"]]
    if schema.get("format") == "date-time":
        return _TIME
    kinds = schema.get("type", "object")
    words = " or ".join(_KINDS[kind] for kind in ([kinds] if isinstance(kinds, str) else kinds))
    return words + _bounds(schema)


def _bounds(schema: Any) -> str:
    words = {
        "minLength": " that is not empty",
        "minimum": f" of at least {schema.get('minimum')}",
        "exclusiveMinimum": f" above {schema.get('exclusiveMinimum')}",
        "maximum": f" and at most {schema.get('maximum')}",
        "uniqueItems": " without repetition",
    }
    return "".join(said for keyword, said in words.items() if keyword in schema)


def _kind(value: object) -> str:
    """What a value is, in the words of the schemas' types; nothing where the value itself says it."""
    kinds = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    name = kinds.get(type(value))
    return f", {_KINDS[name]}" if name else ""


def _shown(value: object) -> str:
    """A value as JSON, cut where it is long."""
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _joined(path: Path) -> str:
    words = [f"[{part}]" if isinstance(part, int) else f".{_cut(part) or EMPTY}" for part in path]
    return "".join(words).removeprefix(".")
