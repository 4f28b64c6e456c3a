"""A value inside of a document by its dotted path: set by the type that its schema has for it, or removed.

    metadata.complexity.level     fields, and fields of fields
    params.files.0                the items of a list, counted from 0; one past the end adds one

What is missing on the way is made: a mapping, or a list where the type of its
place says so, or says nothing and the next step is 0.

So a text field keeps `007`. Where the schema is open a value is YAML, unless
the project's type says more of it. Nothing is changed in place.
"""

from sow.document.canonical import written
from sow.errors import Refused
from sow.value import TYPE_CHECKING, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    Schema = Mapping[str, Any]


class Form(Value):
    """What people can set in one kind of document."""

    thing: str
    """The document as a sentence names it: `a task`, `an artifact`."""
    schema: str
    """The name of its schema."""
    command: str
    """The command that sets a field, for hints."""
    shown_by: str
    """The command that shows what is there, for hints."""
    names: "tuple[str, ...]" = ()
    """Its fields; where none are given here, those of the schema."""
    kept: "Mapping[str, str]" = {}  # noqa: RUF012 - a shared default of a frozen value
    """Paths that nobody sets, each with what keeps them."""
    needed: "tuple[str, ...]" = ()
    """Fields that can't be removed."""
    open: "tuple[str, ...]" = ("metadata",)
    """Fields that are mappings of anything: the schema, which costs a worker `json`, is not asked of them."""


def top(path: str, form: Form) -> str:
    """The field of the document that `path` is in. Raises Refused for one that is unknown or kept."""
    first, *below = path.split(".")
    _check_steps(path, below)
    for held, why in form.kept.items():
        if path == held or path.startswith(f"{held}."):
            raise Refused(f"{held} can't be set: {why}", f"see `{form.command} --help` for what can be")
    if first not in (known := form.names or _fields(form.schema)):
        from sow.nearest import nearest

        close = nearest(first, known)
        see = f"see the fields of {form.thing}: `sow schema {form.schema}`"
        raise Refused(
            f"unknown field: {first or 'its name is empty'}", f"did you mean {close}?" if close else see
        )
    return first


def put(
    held: "Any",
    path: str,
    value: str,
    form: Form,
    *,
    text: bool = False,
    metadata: "Callable[[], Schema | None]" = lambda: None,
) -> "Any":
    """What the top field of `path`, now `held` (None where it is not set), is once `value` is at `path`.

    `text`: take the value as it is, whatever it looks like. `metadata`: gives the JSON Schema that
    the project's type has for the field of that name. Raises Refused for a value that is none, and
    for a path that leads nowhere.
    """
    steps = path.split(".")
    leaf = value if text else _read(steps, value, form, metadata)

    def made(depth: int) -> "Any":
        if depth == 1 and steps[0] in form.open:
            return {}
        return _made(steps, depth, lambda: _said(steps[:depth], form, metadata))

    return _placed(held if held is not None else made(1), steps, 1, leaf, made)


def placed(held: "Any", path: str, leaf: "Any") -> "Any":
    """`held` with `leaf` at `path`; what is missing on the way is made. Raises Refused as `put` does."""
    steps = path.split(".")
    _check_steps(path, steps)
    return _placed(held, steps, 0, leaf, lambda depth: _made(steps, depth, dict))


def without(held: "Any", path: str, form: Form) -> "Any":
    """What the top field of `path` is once the value at `path` is removed; None where it goes itself.

    Raises Refused for a field that the document needs, and where there is nothing.
    """
    if path in form.needed:
        raise Refused(
            f"{path} can't be removed: every {form.thing.split()[-1]} has one",
            f"set it: `{form.command} {path} VALUE`",
        )
    return _without(held, path.split(".")[1:], form)


def at(held: "Any", path: str) -> "Any":
    """What stands at `path` in a document; None where nothing does."""
    for step in path.split("."):
        if isinstance(held, list):
            place = _place(step, held)
            held = held[place] if place < len(held) else None
        else:
            held = held.get(step) if isinstance(held, dict) else None
    return held


def as_yaml(value: str) -> "Any":
    """`value` as YAML, but ` #` in it begins no comment. Raises Refused where it is none."""
    from sow import document

    try:
        held = document.parse(f"value: {value}\n".encode("utf-8", "surrogateescape"), "value").value
    except Refused as fault:
        raise Refused(f"{value!r} is no YAML value: {fault}", "take it as text: --string") from None
    if len(held) > 1:
        raise Refused(f"{value!r} is more than one YAML value", "take it as text: --string")
    # Who writes `see #12` means it: YAML would keep `see`.
    plain = not isinstance(held["value"], dict | list) and value.lstrip()[:1] not in "\"'"
    return value if plain and " #" in f" {value}" else held["value"]


# -- by type ---------------------------------------------------------------------------------------


def _read(steps: "list[str]", value: str, form: Form, metadata: "Callable[[], Schema | None]") -> "Any":
    """`value` by the type that the schema gives the field at `steps`."""
    if value.isascii() and written(value) == value:
        return value  # the same by every type: no schema is asked
    return value if _is_text(_said(steps, form, metadata)) else as_yaml(value)


def _said(steps: "list[str]", form: Form, metadata: "Callable[[], Schema | None]") -> "Schema":
    """The schema of what is at `steps` in a document; an empty one where nothing is said of it."""
    if steps[0] not in form.open:
        return _inside({"properties": _fields(form.schema)}, steps)
    return _inside(metadata() if steps[0] == "metadata" else None, steps[1:])


def _inside(schema: "Any", steps: "list[str]") -> "Schema":
    """The schema of what is at `steps`; an empty one where nothing is said of it."""
    for step in steps:
        held = _resolved(schema)
        if step in held.get("properties", {}):
            schema = held["properties"][step]
        elif step.isdecimal() and "items" in held:
            schema = held["items"]
        else:
            schema = held.get("additionalProperties")
    return _resolved(schema)


def _resolved(schema: "Any") -> "Schema":
    """A schema, or the one of ours that it refers to; an empty one where it is open."""
    if not isinstance(schema, dict):
        return {}
    name, ours, _ = str(schema.get("$ref", "")).partition(".schema.json")
    if not ours:
        return schema
    import sow_schemas

    return sow_schemas.load(name)


def _is_text(schema: "Schema") -> bool:
    choices = schema.get("enum") or [None]
    return schema.get("type") == "string" or all(isinstance(choice, str) for choice in choices)


def _fields(schema: str) -> "dict[str, Any]":
    import sow_schemas

    return sow_schemas.fields(schema)


# -- by place --------------------------------------------------------------------------------------


def _check_steps(path: str, steps: "list[str]") -> None:
    if "" in steps:
        raise Refused(f"{path}: a step between the dots is empty", "write it like metadata.complexity.level")


def _made(steps: "list[str]", depth: int, said: "Callable[[], Schema]") -> "Any":
    """What is made where nothing is yet, to hold what is below `depth` of the steps.

    `said`: gives the schema of that place; it is asked only where a list is meant, maybe.
    """
    if depth == len(steps) or not steps[depth].isdecimal():
        return {}
    kinds = said().get("type")
    return [] if (steps[depth] == "0" if kinds is None else "array" in kinds) else {}


def _placed(held: "Any", steps: "list[str]", depth: int, leaf: "Any", made: "Callable[[int], Any]") -> "Any":
    """`held`, which stands below `depth` of the steps, with `leaf` at their end.

    `made`: gives what is missing below so many of them.
    """
    if depth == len(steps):
        return leaf
    step, path, depth = steps[depth], ".".join(steps), depth + 1
    if isinstance(held, list):
        place = _place(step, held)
        if place > len(held):
            raise Refused(
                f"{path}: index out of range: {step}", f"there are {len(held)} items, counted from 0"
            )
        below = held[place] if place < len(held) else made(depth)
        return [*held[:place], _placed(below, steps, depth, leaf, made), *held[place + 1 :]]
    if not isinstance(held, dict):
        raise Refused(
            f"{path}: {step} can't be set inside {held!r}", "unset what is above it first: `--unset`"
        )
    below = held[step] if step in held else made(depth)
    return {**held, step: _placed(below, steps, depth, leaf, made)}


def _without(held: "Any", steps: "list[str]", form: Form) -> "Any":
    if not steps:
        return None
    if isinstance(held, dict) and steps[0] in held:
        below = _without(held[steps[0]], steps[1:], form)
        rest = {key: value for key, value in held.items() if key != steps[0]}
        return rest if below is None else {**held, steps[0]: below}
    if isinstance(held, list) and (place := _place(steps[0], held)) < len(held):
        below = _without(held[place], steps[1:], form)
        return [*held[:place], *([] if below is None else [below]), *held[place + 1 :]]
    raise Refused(f"there is no {steps[0]} to remove", f"see what is there: `{form.shown_by}`")


def _place(step: str, items: "list[Any]") -> int:
    """The index that a step names; one past all that can be where it names none."""
    return int(step) if step.isdecimal() and len(step) < 10 else len(items) + 1
