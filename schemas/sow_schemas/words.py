"""What a schema asks for and what a value is, in words: for messages, and for the page of fields."""

import json
import re
from typing import Any

import sow_schemas
from sow_schemas import keywords
from sow_schemas.formats import is_time

FORMS = {
    r"^[0-9]{3}$": 'three digits in quotes, like "010"',
    r"^[a-z0-9][a-z0-9-]*[a-z0-9]$": "small letters, digits and inner hyphens, two at least, like add-login",
    r"^[a-z0-9_]+$": "small letters, digits and underscores, like standard",
    r"^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$": "capitals, digits and single underscores, like API_ERROR",
    r"^([1-9][0-9]*(\.[0-9]+)?|0\.[0-9]*[1-9][0-9]*) ?([KMGT]iB|[kMGT]B|B)$": (
        "a size like 4GiB or 512MiB, or a whole number of bytes"
    ),
}
"""What a text looks like that has a pattern."""

FORMATS = {
    "date-time": "a time like 2026-11-20T08:30:00Z",
    "iso-8601": "a time like 2026-11-20T08:30:00Z, or without its zone",
}
"""What a text looks like that has a format."""

KINDS = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}

LONGEST = 60
"""The most characters of a value that a message shows."""

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
# Without quotes, these are no texts to some reader of YAML.
_NO_TEXTS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))


ANY = "any value"
"""What a schema without a type allows."""


def wanted(schema: Any) -> str:
    """What a schema asks for: `a whole number of at least 1`."""
    if name := keywords.referred(schema):
        return wanted(sow_schemas.load(name))
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "pattern" in schema or "format" in schema:
        form = _form(schema)
        return f"{form} or null" if "null" in keywords.kinds(schema) else form
    return " or ".join(KINDS[kind] + _more(kind, schema) for kind in keywords.kinds(schema)) or ANY


def _form(schema: Any) -> str:
    """What a text looks like by its pattern, else by its format."""
    if pattern := schema.get("pattern"):
        return FORMS.get(pattern, f"a text of the form {pattern}")
    return FORMATS.get(schema["format"], f"a text of the format {schema['format']}")


def kinds(schema: Any) -> str:
    """The kinds of value that a schema allows, and nothing more of it: `a whole number`."""
    return " or ".join(KINDS[kind] for kind in keywords.kinds(schema)) or ANY


def _more(kind: str, schema: Any) -> str:
    match kind:
        case "string":
            return _lengths(schema)
        case "integer" | "number":
            return _bounds(schema)
        case "array":
            alone = ", none twice" if schema.get("uniqueItems") else ""
            items = f", each item {wanted(schema['items'])}" if schema.get("items") else ""
            return f"{items}{alone}"
        case "object":
            return _contents(schema)
    return ""


def _lengths(schema: Any) -> str:
    words = [" that is not empty"] if schema.get("minLength") else []
    words += [f" of at most {schema['maxLength']} characters"] if "maxLength" in schema else []
    return "".join(words)


def _bounds(schema: Any) -> str:
    low, over, high = (schema.get(word) for word in ("minimum", "exclusiveMinimum", "maximum"))
    if low is not None and high is not None:
        return f" from {low} to {high}"
    words = [f" of at least {low}"] if low is not None else []
    words += [f" above {over}"] if over is not None else []
    words += [f" of at most {high}"] if high is not None else []
    return "".join(words)


def _contents(schema: Any) -> str:
    if required := schema.get("required"):
        return f" with {', '.join(required)}"
    extra = schema.get("additionalProperties")
    return f", each value {wanted(extra)}" if extra else ""


def kind(value: object) -> str:
    """What a value is, in the words of the schemas' types; nothing where the value itself says it."""
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    name = names.get(type(value))
    return KINDS[name] if name else ""


def shown(value: object, most: int = LONGEST) -> str:
    """A value as JSON of at most so many characters, cut where it is longer."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def written(value: object) -> str:
    """A value as a person would write it into the file: in quotes only where it needs them."""
    bare = isinstance(value, str) and value.lower() not in _NO_TEXTS
    if bare and isinstance(value, str) and (_WORD.fullmatch(value) or is_time(value)):
        return value
    return json.dumps(value, ensure_ascii=False)


def joined(path: tuple[str | int, ...]) -> str:
    """A path as `sow task set` takes it: `inputs.0.type`."""
    return ".".join(_named(step) for step in path)


def _named(step: str | int) -> str:
    plain = isinstance(step, int) or (len(step) <= LONGEST and _WORD.fullmatch(step))
    return str(step) if plain else shown(step)
