"""Writes the code that is made of the schemas: `_generated.py` (checks) and `documents.py` (types).

    python -m sow_schemas.generate

A check is plain Python, one function a document. A keyword, pattern or format
that this does not know is an error and never passed over, so what it writes
agrees with jsonschema (a test compares them on mutated documents).
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import sow_schemas
from sow_schemas import keywords, typed
from sow_schemas.formats import FORMATS, PATTERNS
from sow_schemas.keywords import Unknown

_HEAD = '''"""The schemas as code, written by `python -m sow_schemas.generate`: do not edit."""

# ruff: noqa
# fmt: off
'''

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
_COMPARED = {"minimum": "<", "maximum": ">", "exclusiveMinimum": "<="}


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
        keywords.check(schema, place)
        if "$ref" in schema:
            yield from _unless(f"{keywords.referred(schema)}({var})")
        kinds = keywords.kinds(schema)
        if kinds:
            yield from _unless(_any_of(kinds, var))
        kinds = kinds or [known]
        if "enum" in schema:
            yield from _unless(f"{var} in {_words(schema['enum'], place)}")
        for kind, about in keywords.ABOUT.items():
            words = [word for word in about if word in schema]
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
                yield from self.choices(schema, var, place)

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

    def choices(self, schema: Any, var: str, place: str) -> Iterator[str]:
        """`allOf` as a chain of "if this field is that, then ..."."""
        field, by_value = keywords.branches(schema, place)
        yield f"{var}c = {var}.get({field!r})"
        word = "if"
        for value, then in by_value.items():
            yield f"{word} {var}c == {value!r}:"
            yield from _indented(self.check(then, var, f"{place}.{value}", "object"))
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


def _when(condition: str) -> Iterator[str]:
    yield f"if {condition}:"
    yield "    return False"


def _unless(condition: str) -> Iterator[str]:
    yield f"if not {condition}:"
    yield "    return False"


def _indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]


FILES = {"_generated.py": source, "documents.py": typed.source}
"""The generated files of this package, and what gives the text of each."""


def main() -> None:
    """Write the generated files beside this one: all of them, or none where a schema is refused."""
    texts = {name: made() for name, made in FILES.items()}
    for name, text in texts.items():
        with open(os.path.join(os.path.dirname(__file__), name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
