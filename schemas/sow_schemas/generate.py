"""Writes `_generated.py`: the schemas as plain Python, one function a document.

    python -m sow_schemas.generate

A keyword, pattern or format that this does not know is an error and never
passed over, so what it writes agrees with jsonschema (a test compares them on
mutated documents).
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import sow_schemas
from sow_schemas.formats import FORMATS, PATTERNS

_HEAD = '''"""The schemas as code, written by `python -m sow_schemas.generate`: do not edit."""

# ruff: noqa
# fmt: off
'''

_NOTES = {"$schema", "title", "description", "default"}
_TESTS = {
    "string": "isinstance({0}, str)",
    "array": "isinstance({0}, list)",
    "object": "isinstance({0}, dict)",
    "boolean": "isinstance({0}, bool)",
    "null": "{0} is None",
    # To Python a bool is an int, to JSON it is not.
    "integer": "(isinstance({0}, int) and not isinstance({0}, bool))",
    "number": "(isinstance({0}, (int, float)) and not isinstance({0}, bool))",
}
# The keywords that say something about one kind of value only.
_ABOUT = {
    "string": ("minLength", "maxLength", "pattern", "format", "not"),
    "number": ("minimum", "maximum", "exclusiveMinimum"),
    "array": ("items", "uniqueItems"),
    "object": ("required", "additionalProperties", "properties", "allOf"),
}
_KNOWN = _NOTES | {"type", "enum", "$ref"} | {word for words in _ABOUT.values() for word in words}
_COMPARED = {"minimum": "<", "maximum": ">", "exclusiveMinimum": "<="}


class Unknown(ValueError):
    """A schema has something that there is no code for; the message names it."""


def source() -> str:
    """The text of `_generated.py`. Raises Unknown for a schema that it can't put into code."""
    writer = _Writer()
    functions = [writer.function(name) for name in sow_schemas.names()]
    imports = f"from sow_schemas.formats import {', '.join(sorted(writer.predicates))}"
    keys = "\n".join(f"{name} = frozenset({keys!r})" for keys, name in writer.keys.items())
    table = "\n".join(f'    "{name}": {name},' for name in sow_schemas.names())
    checks = "CHECKS = {\n" + table + "\n}\n"
    return "\n\n".join([_HEAD + "\n" + imports, keys, *functions, checks])


class _Writer:
    """Turns schemas into statements, and keeps what these need from outside."""

    def __init__(self) -> None:
        self.predicates: set[str] = set()
        self.keys: dict[tuple[str, ...], str] = {}

    def function(self, name: str) -> str:
        lines = [f"def {name}(v: object) -> bool:", *_indented(self.check(sow_schemas.load(name), "v", name))]
        return "\n".join([*lines, "    return True"])

    def check(self, schema: Any, var: str, place: str, known: str = "") -> Iterator[str]:
        """Statements that return False where `var`, of the kind `known` already, fails `schema`."""
        if schema is False:
            yield "return False"
            return
        if unknown := set(schema) - _KNOWN:
            raise Unknown(f"{place}: no code for {', '.join(sorted(unknown))}")
        if "$ref" in schema:
            yield from _unless(f"{schema['$ref'].removesuffix('.schema.json')}({var})")
        kinds = [schema["type"]] if isinstance(schema.get("type"), str) else schema.get("type", [])
        if kinds:
            yield from _unless(_any_of(kinds, var))
        kinds = kinds or [known]
        if "enum" in schema:
            yield from _unless(f"{var} in {_words(schema['enum'], place)}")
        for kind, keywords in _ABOUT.items():
            words = [word for word in keywords if word in schema]
            lines = [line for word in words for line in self.keyword(word, schema, var, place)]
            if kinds == [kind] or (kind == "number" and kinds == ["integer"]):
                yield from lines
            elif lines:
                yield f"if {_TESTS[kind].format(var)}:"
                yield from _indented(lines)

    def keyword(self, word: str, schema: Any, var: str, place: str) -> Iterator[str]:
        wanted = schema[word]
        match word:
            case "minLength":
                yield from _when(f"len({var}) < {wanted}")
            case "maxLength":
                yield from _when(f"len({var}) > {wanted}")
            case "minimum" | "maximum" | "exclusiveMinimum":
                yield from _when(f"{var} {_COMPARED[word]} {wanted!r}")
            case "pattern":
                yield from _unless(f"{self.predicate(PATTERNS, wanted, place)}({var})")
            case "format":
                yield from _unless(f"{self.predicate(FORMATS, wanted, place)}({var})")
            case "not":
                if set(wanted) != {"type", "pattern"} or wanted["type"] != "string":
                    raise Unknown(f"{place}: `not` is only for a pattern of strings")
                yield from _when(f"{self.predicate(PATTERNS, wanted['pattern'], place)}({var})")
            case "items":
                yield f"for {var}i in {var}:"
                yield from _indented(self.check(wanted, f"{var}i", place + "[]"))
            case "uniqueItems":
                if schema.get("items", {}).get("type") != "string":
                    raise Unknown(f"{place}: `uniqueItems` is only for strings")
                yield from _when(f"len(set({var})) != len({var})")
            case "required":
                if wanted:
                    yield from _unless(f"{var}.keys() >= {self.constant(wanted)}")
            case "additionalProperties":
                yield from self.additional(schema, var, place)
            case "properties":
                yield from self.properties(schema, var, place)
            case "allOf":
                yield from self.choices(wanted, var, place)

    def additional(self, schema: Any, var: str, place: str) -> Iterator[str]:
        if schema["additionalProperties"] is False:
            yield from _unless(f"{var}.keys() <= {self.constant(schema['properties'])}")
        elif "properties" in schema:
            raise Unknown(f"{place}: `additionalProperties` with a schema can't stand beside `properties`")
        else:
            yield f"for {var}v in {var}.values():"
            yield from _indented(self.check(schema["additionalProperties"], f"{var}v", place + ".*"))

    def properties(self, schema: Any, var: str, place: str) -> Iterator[str]:
        for index, (key, wanted) in enumerate(schema["properties"].items()):
            inner = f"{var}{index}"
            lines = list(self.check(wanted, inner, f"{place}.{key}"))
            if not lines:
                continue
            if lines != ["return False"]:
                lines.insert(0, f"{inner} = {var}[{key!r}]")
            if key in schema.get("required", ()):
                yield from lines
            else:
                yield f"if {key!r} in {var}:"
                yield from _indented(lines)

    def choices(self, branches: list[Any], var: str, place: str) -> Iterator[str]:
        """`allOf` as a chain of "if this field is that, then ...", all about one field."""
        conditions = [_condition(branch, place) for branch in branches]
        fields, values = ({pair[i] for pair in conditions} for i in (0, 1))
        if len(fields) != 1 or len(values) != len(branches):
            raise Unknown(f"{place}: the branches of `allOf` must be about one field, each for its own value")
        yield f"{var}c = {var}.get({conditions[0][0]!r})"
        word = "if"
        for (_, value), branch in zip(conditions, branches, strict=True):
            yield f"{word} {var}c == {value!r}:"
            yield from _indented(self.check(branch["then"], var, f"{place}.{value}", "object"))
            word = "elif"

    def predicate(self, table: Any, wanted: str, place: str) -> str:
        if wanted not in table:
            raise Unknown(f"{place}: no function in sow_schemas.formats for {wanted!r}")
        name: str = table[wanted].__name__
        self.predicates.add(name)
        return name

    def constant(self, keys: Iterable[str]) -> str:
        """The name of the constant that holds `keys`; one for all places with the same keys."""
        return self.keys.setdefault(tuple(sorted(keys)), f"_KEYS_{len(self.keys)}")


def _any_of(kinds: list[str], var: str) -> str:
    tests = [_TESTS[kind].format(var) for kind in kinds]
    return tests[0] if len(tests) == 1 else f"({' or '.join(tests)})"


def _words(choices: list[Any], place: str) -> str:
    # `1 in (True,)` holds in Python and not in JSON: only texts are safe to compare so.
    if not all(isinstance(choice, str) for choice in choices):
        raise Unknown(f"{place}: `enum` is only for strings")
    return repr(tuple(choices))


def _condition(branch: Any, place: str) -> tuple[str, str]:
    """The field and the value that a branch is for."""
    given = branch.get("if", {})
    key = next(iter(given.get("properties", {})), "")
    value = given.get("properties", {}).get(key, {}).get("const")
    plain = {"properties": {key: {"const": value}}, "required": [key]}
    if set(branch) != {"if", "then"} or given != plain or not isinstance(value, str):
        raise Unknown(f"{place}: a branch must read: if a field is a text, then ...")
    return key, value


def _when(condition: str) -> Iterator[str]:
    yield f"if {condition}:"
    yield "    return False"


def _unless(condition: str) -> Iterator[str]:
    yield f"if not {condition}:"
    yield "    return False"


def _indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


def main() -> None:
    """Write `_generated.py` beside this file."""
    with open(os.path.join(os.path.dirname(__file__), "_generated.py"), "w", encoding="utf-8") as file:
        file.write(source())


if __name__ == "__main__":
    main()
