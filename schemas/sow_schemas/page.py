"""The reference page of every field, made of the schemas, in Markdown.

python -m sow_schemas.page > docs/reference/fields.md
"""

import sys
from collections.abc import Iterator
from typing import Any

import sow_schemas
from sow_schemas import keywords, words

HEAD = """\
# Fields

<!-- Made by scripts/docs from schemas/sow_schemas/*.schema.json: change them, not this page. -->

Every field of every document that sow keeps: what may stand in it, whether it is needed, when it is set
and when it goes. Where the files lie: [files](files.md). A field that is not here is an error, except in a
mapping that is open. The schemas themselves: `sow schema NAME`.

A path is written as `sow task set` takes it, with `<n>` for a place in a list (from 0) and `<name>` for a
key of your own. What is needed is needed in the mapping that it stands in, if that is there.
"""
COLUMNS = "| field | value | needed | meaning |\n| --- | --- | --- | --- |"


def text() -> str:
    """The whole page. Raises Unknown for a schema with a keyword that there is no code for."""
    written = [name for name in sow_schemas.names() if name not in sow_schemas.WITHOUT]
    return "\n".join([HEAD, _contents(written), *(_section(name) for name in written)])


def _contents(names: list[str]) -> str:
    rows = [
        f"| {_link(name)} | `{name}` | {_plain(sow_schemas.load(name)['description'])} |" for name in names
    ]
    return "\n".join(["| document | schema | what it is |", "| --- | --- | --- |", *rows, ""])


def _section(name: str) -> str:
    schema = sow_schemas.load(name)
    parts = [f"## {schema['title']}", "", _plain(schema["description"])]
    for file, (source, left_out) in sow_schemas.WITHOUT.items():
        if source == name:
            parts += ["", f"In its file it is without `{left_out}`: `sow schema {file}`."]
    parts += ["", COLUMNS, *_rows(schema, "", name), ""]
    tag, by_value = keywords.branches(schema, name)
    narrowed = [
        row for value, then in by_value.items() for row in _narrowed(tag, value, then, f"{name}.{value}")
    ]
    if narrowed:
        parts += [f"By its `{tag}`:", "", COLUMNS, *narrowed, ""]
    return "\n".join(parts)


def _rows(schema: Any, above: str, place: str) -> Iterator[str]:
    """A row for each field of a mapping, and for those inside of them."""
    for field, part in schema["properties"].items():
        path = f"{above}{field}"
        yield _row(path, _value(part, f"{place}.{field}"), _needed(schema, field, place), part["description"])
        yield from _inner(part, path, f"{place}.{field}")


def _inner(part: Any, path: str, place: str) -> Iterator[str]:
    """The rows of what stands inside of a field; none for a document that has a section of its own."""
    if "properties" in part:
        yield from _rows(part, f"{path}.", place)
    for step, below in (("<n>", part.get("items")), ("<name>", part.get("additionalProperties"))):
        if below and "properties" in below:
            yield _row(f"{path}.{step}", _value(below, place), "no", below["description"])
            yield from _rows(below, f"{path}.{step}.", place)


def _narrowed(tag: str, value: str, then: Any, place: str) -> Iterator[str]:
    """The rows of the fields that are mappings of another kind with each value of the field `tag`."""
    for field, part in then.get("properties", {}).items():
        if part is not False:
            yield _row(f"{tag}: {value}", "", "", part["description"])
            yield from _inner(part, field, place)


def _row(path: str, value: str, needed: str, meaning: str) -> str:
    return f"| `{path}` | {value} | {needed} | {_plain(meaning)} |"


def _value(schema: Any, place: str) -> str:
    """What may stand in a field."""
    keywords.check(schema, place)
    default = f"; where it is absent: `{words.written(schema['default'])}`" if "default" in schema else ""
    return f"{_allowed(schema, place)}{default}".replace("|", "\\|")


def _allowed(schema: Any, place: str) -> str:
    if name := keywords.referred(schema):
        return _link(name)
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    match keywords.kinds(schema):
        case ["array"]:
            alone = ", none twice" if schema.get("uniqueItems") else ""
            return f"a list, each item {_value(schema['items'], place)}{alone}"
        case ["object"] if keywords.is_open(schema):
            return "a mapping, open"
        case ["object"] if schema["additionalProperties"]:
            return f"a mapping, each value {_value(schema['additionalProperties'], place)}"
        case ["object"]:
            return "a mapping"
    return words.wanted(schema)


def _needed(schema: Any, field: str, place: str) -> str:
    """Whether a field must be there, and with which values of the field that decides about it."""
    if field in schema.get("required", ()):
        return "yes"
    tag, by_value = keywords.branches(schema, place)
    needed = [value for value, then in by_value.items() if field in then.get("required", ())]
    never = [value for value, then in by_value.items() if then.get("properties", {}).get(field) is False]
    said = [f"where `{tag}` is `{value}`" for value in needed]
    said += [f"no, and never where `{tag}` is `{value}`" for value in never if not needed]
    return "; ".join(said) or "no"


def _link(name: str) -> str:
    title = sow_schemas.load(name)["title"]
    return f"[{title}](#{title.lower()})"


def _plain(meaning: str) -> str:
    """A description as Markdown shows it: outside of code, `<` begins no tag."""
    parts = meaning.replace("|", "\\|").split("`")
    return "`".join(part if place % 2 else part.replace("<", "&lt;") for place, part in enumerate(parts))


if __name__ == "__main__":
    sys.stdout.write(text())
