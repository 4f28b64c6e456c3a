"""Makes `documents.py`: the schemas as types, so that a type checker knows every field of the state.

A mapping with fields becomes a `TypedDict`, an `enum` a `Literal`, each under
the `title` that the schema gives it. A mapping that another field decides
about (a result: by its status) becomes a union, a class for each value.
"""

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any

import sow_schemas
from sow_schemas import keywords
from sow_schemas.keywords import Unknown

_HEAD = '''"""The documents of the state as types, written by `python -m sow_schemas.generate`: do not edit.

For type checkers: what runs imports this under `TYPE_CHECKING` only.
"""

# ruff: noqa
# fmt: off

from typing import Any, Literal, NotRequired, TypedDict
'''
_WIDTH = 110

_TYPES = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}

REPLACED = ("attempt", "task_state")
"""The documents that sow holds as frozen values: their `replace` takes some of their fields."""


@dataclass(frozen=True, slots=True)
class _Field:
    """A field of a class: its name, its type as code, whether it is always there, what it means."""

    name: str
    type: str
    required: bool
    meaning: str


def source() -> str:
    """The text of `documents.py`. Raises Unknown for a schema that it can't put into types."""
    writer = _Writer()
    for name in sow_schemas.names():
        writer.type_of(sow_schemas.load(name), name)
    return "\n\n".join([_HEAD, *(block + "\n" for block in writer.blocks.values())])


class _Writer:
    """Turns schemas into classes and aliases, each before the first that needs it."""

    def __init__(self) -> None:
        self.blocks: dict[str, str] = {}

    def type_of(self, schema: Any, place: str) -> str:
        """The type of a schema's values as code; what it names is among the blocks afterwards."""
        keywords.check(schema, place)
        if name := keywords.referred(schema):
            return self.type_of(sow_schemas.load(name), name)
        if "enum" in schema:
            return self.alias(_title(schema, place), _literal(schema["enum"]), place)
        return " | ".join(self.kind(kind, schema, place) for kind in keywords.kinds(schema)) or "Any"

    def kind(self, kind: str, schema: Any, place: str) -> str:
        match kind:
            case "array":
                return f"list[{self.type_of(schema['items'], f'{place}[]')}]"
            case "object" if keywords.is_open(schema):
                return "dict[str, Any]"
            case "object" if schema["additionalProperties"]:
                return f"dict[str, {self.type_of(schema['additionalProperties'], f'{place}.*')}]"
            case "object":
                return self.mapping(schema, place)
        return _TYPES[kind]

    def mapping(self, schema: Any, place: str) -> str:
        """A closed mapping: a class, or a union of one for each value of the field that decides."""
        title = _title(schema, place)
        tag, by_value = keywords.branches(schema, place)
        if by_value and set(by_value) == set(schema["properties"][tag].get("enum", ())):
            self.type_of(schema["properties"][tag], f"{place}.{tag}")
            cases = [self.case(schema, tag, value, then, place) for value, then in by_value.items()]
            return self.alias(title, " | ".join(cases), place)
        fields = list(self.fields(schema, place))
        self.block(title, _class(title, schema["description"], fields), place)
        if place in REPLACED:
            self.block(f"{title}Changes", _changes(title, fields), place)
        if by_value:
            self.alias(f"{title}{tag.title()}", _literal(by_value), place)
            self.narrowed(title, by_value, place)
        return title

    def case(self, schema: Any, tag: str, value: str, then: Any, place: str) -> str:
        """The class of the mappings whose field `tag` is `value`, which asks for `then`."""
        title = _title(then, f"{place}.{value}")
        narrowed = then.get("properties", {})
        held = {
            name: {**part, **narrowed.get(name, {})}
            for name, part in schema["properties"].items()
            if narrowed.get(name) is not False
        }
        needed = {"properties": held, "required": [*schema.get("required", ()), *then.get("required", ())]}
        fields = [
            _Field(field.name, _literal([value]), True, field.meaning) if field.name == tag else field
            for field in self.fields(needed, place)
        ]
        return self.block(title, _class(title, then["description"], fields), place)

    def narrowed(self, title: str, by_value: dict[str, Any], place: str) -> None:
        """The types of the fields that are another with each value: a class each, and their union."""
        types: dict[str, list[str]] = {}
        for value, then in by_value.items():
            for name, part in then.get("properties", {}).items():
                types.setdefault(name, []).append(self.type_of(part, f"{place}.{value}.{name}"))
        for name, each in types.items():
            self.alias(f"{title}{name.title()}", " | ".join(dict.fromkeys(each)), place)

    def fields(self, schema: Any, place: str) -> Iterator[_Field]:
        for name, part in schema["properties"].items():
            if not name.isidentifier() or iskeyword(name):
                raise Unknown(f"{place}: a class can't have the field {name!r}")
            kind = self.type_of(part, f"{place}.{name}")
            yield _Field(name, kind, name in schema.get("required", ()), part["description"])

    def alias(self, title: str, kind: str, place: str) -> str:
        words = f"{title} = {kind}"
        if len(words) > _WIDTH:
            opening, closing = ("Literal[", "]") if kind.startswith("Literal[") else ("(", ")")
            items = textwrap.fill(kind.removeprefix(opening).removesuffix(closing), _WIDTH - 4)
            words = f"{title} = {opening}\n{textwrap.indent(items, '    ')}\n{closing}"
        return self.block(title, words, place)

    def block(self, title: str, text: str, place: str) -> str:
        """Keeps what is defined as `title`; the same thing twice is one. Raises Unknown for another."""
        if self.blocks.setdefault(title, text) != text:
            raise Unknown(f"{place}: there is another {title} already")
        return title


def _title(schema: Any, place: str) -> str:
    title = str(schema.get("title", ""))
    if not title.isidentifier():
        raise Unknown(f"{place}: a type needs a `title` that can be its name, not {title!r}")
    return title


def _literal(values: Any) -> str:
    return f"Literal[{', '.join(_quoted(value) for value in values)}]"


def _quoted(value: str) -> str:
    if '"' in value or "\\" in value:
        raise Unknown(f"no code for {value!r}")
    return f'"{value}"'


def _class(title: str, about: str, fields: list[_Field]) -> str:
    lines = [f"class {title}(TypedDict):", _docstring(about)]
    for field in fields:
        kind = field.type if field.required else f"NotRequired[{field.type}]"
        lines += ["", f"    {field.name}: {kind}", _docstring(field.meaning)]
    return "\n".join(lines)


def _changes(title: str, fields: list[_Field]) -> str:
    about = f"Some fields of {title}, as `replace` takes them; None takes away one that need not be there."
    lines = [f"class {title}Changes(TypedDict, total=False):", _docstring(about), ""]
    for field in fields:
        lines.append(f"    {field.name}: {field.type if field.required else f'{field.type} | None'}")
    return "\n".join(lines)


def _docstring(text: str) -> str:
    if '"""' in text or "\\" in text or text.endswith('"'):
        raise Unknown(f"a docstring can't hold {text!r}")
    return textwrap.fill(f'"""{text}"""', _WIDTH, initial_indent="    ", subsequent_indent="    ")
