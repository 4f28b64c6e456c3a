"""The check of metadata against the JSON Schema that a project's type has for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sow.errors import Refused

_MEND = "mend it in `.sow/project/type.yaml`, whose word it is"


def check(schema: Mapping[str, Any] | None, value: object, where: str) -> None:
    """Raises Refused where `value` does not satisfy `schema`; without a schema anything goes.

    A field that looks like a slip of a known one is let be: metadata is open.
    `where`: the file or thing that the metadata is of, for the message.
    """
    if schema is None:
        return
    from sow_schemas import explain

    if fault := schema_fault(schema):
        raise Refused(f"{where}: the project's type has no JSON Schema for it: {fault}", _MEND)
    try:
        problems = explain.find_by(schema, value)
    except explain.Unreachable as unreachable:
        raise Refused(f"{where}: the JSON Schema for it can't be used: {unreachable}", _MEND) from unreachable
    if not problems:
        return
    first = problems[0]
    field = f"metadata.{first.where}" if first.where else "metadata"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise Refused(f"{where}: {field}: {first.message}{more}", first.hint)


def schema_fault(schema: Mapping[str, Any]) -> str:
    """What is wrong with a JSON Schema; empty for nothing."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as fault:
        return f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}".removeprefix(": ")
    return ""
