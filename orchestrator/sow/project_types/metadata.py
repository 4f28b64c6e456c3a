"""The check of metadata against the JSON Schema that a project's type has for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sow.errors import Refused
from sow.nearest import did_you_mean


def check(schema: Mapping[str, Any] | None, value: object, where: str) -> None:
    """Raises Refused where `value` does not satisfy `schema`; without a schema anything goes.

    A field that looks like a slip of a known one is let be: metadata is open.
    `where`: the file or thing that the metadata is of, for the message.
    """
    if schema is None:
        return
    from jsonschema import Draft202012Validator

    if fault := schema_fault(schema):
        raise Refused(f"{where}: the project's type has no JSON Schema for it: {fault}", "mend type.yaml")
    faults = sorted(Draft202012Validator(dict(schema)).iter_errors(value), key=lambda fault: list(fault.path))
    if not faults:
        return
    first = faults[0]
    field = ".".join(["metadata", *map(str, first.absolute_path)])
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    raise Refused(f"{where}: {field}: {first.message}{more}", _hint(first))


def schema_fault(schema: Mapping[str, Any]) -> str:
    """What is wrong with a JSON Schema; empty for nothing."""
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as fault:
        return f"{'.'.join(map(str, fault.absolute_path))}: {fault.message}".removeprefix(": ")
    return ""


def _hint(fault: Any) -> str:
    if fault.validator == "enum":
        allowed = [str(one) for one in fault.validator_value]
        return f"{did_you_mean(str(fault.instance), allowed)}allowed: {', '.join(allowed)}"
    if fault.validator == "type":
        return f"give a value of type {fault.validator_value}, as the project's type asks for"
    return "the project's type says what may stand there: `.sow/project/type.yaml`"
