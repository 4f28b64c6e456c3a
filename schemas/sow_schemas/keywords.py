"""The keywords that a schema may use, and how they are read. Any other is an error, never passed over.

All that is made of the schemas reads them through this module: the checks, the
typed values, the page of fields.
"""

from typing import Any

ABOUT = {
    "string": ("minLength", "maxLength", "pattern", "format", "not"),
    "number": ("minimum", "maximum", "exclusiveMinimum"),
    "array": ("items", "uniqueItems"),
    "object": ("required", "additionalProperties", "properties", "allOf"),
}
"""The keywords that say something about one kind of value only."""

KNOWN = {"$schema", "title", "description", "default", "type", "enum", "$ref"}.union(*ABOUT.values())


class Unknown(ValueError):
    """A schema has something that there is no code for; the message names it and its place."""


def check(schema: Any, place: str) -> None:
    """Raises Unknown for a keyword that there is no code for."""
    if unknown := set(schema) - KNOWN:
        raise Unknown(f"{place}: no code for {', '.join(sorted(unknown))}")


def are_known(schema: Any) -> bool:
    """Whether a schema of somebody else's has nothing that there are no words for."""
    # What ours refer to and combine is of our own making.
    if not isinstance(schema, dict) or set(schema) - (KNOWN - {"$ref", "allOf", "not"}):
        return False
    below = (schema[word] for word in ("items", "additionalProperties") if schema.get(word))
    return all(are_known(each) for each in below)


def kinds(schema: Any) -> list[str]:
    """The kinds of value that a schema allows by its `type`; none where it has none."""
    given = schema.get("type", [])
    return [given] if isinstance(given, str) else list(given)


def is_open(schema: Any) -> bool:
    """Whether a schema of mappings takes any key."""
    return "additionalProperties" not in schema


def referred(schema: Any) -> str:
    """The name of the schema that `$ref` means; empty where there is none."""
    return str(schema.get("$ref", "")).removesuffix(".schema.json")


def branches(schema: Any, place: str) -> tuple[str, dict[str, Any]]:
    """`allOf` as "if this field is that, then ...": the field, and what each of its values asks for.

    No field and no value where a schema has no `allOf`. Raises Unknown for
    branches that are not all about one field, each for its own text.
    """
    pairs = [(_condition(branch, place), branch["then"]) for branch in schema.get("allOf", ())]
    fields = {field for (field, _), _ in pairs}
    by_value = {value: then for (_, value), then in pairs}
    if len(fields) > 1 or len(by_value) != len(pairs):
        raise Unknown(f"{place}: the branches of `allOf` must be about one field, each for its own value")
    return "".join(fields), by_value


def _condition(branch: Any, place: str) -> tuple[str, str]:
    """The field and the value that a branch is for."""
    given = branch.get("if", {})
    key = next(iter(given.get("properties", {})), "")
    value = given.get("properties", {}).get(key, {}).get("const")
    plain = {"properties": {key: {"const": value}}, "required": [key]}
    if set(branch) != {"if", "then"} or given != plain or not isinstance(value, str):
        raise Unknown(f"{place}: a branch must read: if a field is a text, then ...")
    return key, value
