"""What is wrong with a document, in words: where, what, and what is allowed there."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema import ValidationError as _Error
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

import sow_schemas
from sow_schemas import keywords, nearest, words
from sow_schemas.formats import FORMATS

Path = tuple[str | int, ...]
_Schema = Mapping[str, Any]

MOST = 100
"""Who has so many problems in one document mends them all by one and the same step."""

HINT = 200
"""The most characters of a schema that a hint shows."""

FEW = 12
"""So many names are read at a glance."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a document."""

    path: Path
    """Keys and indices from the top to the field; a missing field's own name is the last."""
    value: object
    """What stands there; None for a field that is missing."""
    message: str
    """What is wrong with the value, to be read behind the field's name."""
    hint: str
    """What is allowed there, the nearest name or value first."""

    @property
    def where(self) -> str:
        """The path as `sow task set` takes it: `inputs.0.type`; empty for the whole document."""
        return words.joined(self.path)


def find(name: str, value: object) -> list[Problem]:
    """What is wrong with `value` by the schema called `name`, in the order of its fields; `MOST` at most.

    A place has one problem, and what follows from another one is none. Raises
    KeyError for a name that has no schema.
    """
    validator = _validator(name)
    return [_told(error, validator) for error in _chosen(islice(validator.iter_errors(value), MOST))]


class Unreachable(ValueError):
    """A schema refers to another one that is not in it; the message names it."""


def find_by(schema: _Schema, value: object) -> list[Problem]:
    """As `find`, by a schema of somebody else's: a valid one of draft 2020-12, with any keyword of it.

    What it asks for by keywords that ours never use is told as far as words go.
    Raises Unreachable: nothing is fetched, from nowhere.
    """
    validator = _extended(_KEYWORDS)(dict(schema), registry=Registry(), format_checker=_checker())
    try:
        errors = list(_chosen(islice(validator.iter_errors(value), MOST)))
    except Unresolvable as error:
        raise Unreachable(f"it refers to {error.ref}, which is not in it") from error
    return [_told_by(error, validator) for error in errors]


def _chosen(errors: Iterator[Any]) -> Iterator[Any]:
    """The errors that are worth telling."""
    by_place: dict[Path, Any] = {}
    for error in errors:
        place = tuple(error.absolute_path)
        if place not in by_place or error.validator == "properties":
            by_place[place] = error
    misspelt = {(*place[:-1], error.meant) for place, error in by_place.items() if hasattr(error, "meant")}
    gone = {place for place, error in by_place.items() if error.validator == "properties"}
    for place, error in by_place.items():
        below = any(place[:length] in gone for length in range(len(place)))
        # A field is missing because its name is misspelt, or wrong inside of one that is to be removed.
        if not below and not (error.validator == "required" and place in misspelt):
            yield error


@cache
def _validator(name: str) -> Any:
    """The jsonschema validator with our formats, integers and errors, its references resolved."""
    validator = _extended({**_KEYWORDS, "allOf": _all_of})
    return validator(_bare(name), registry=_registry(), format_checker=_checker())


def _extended(keywords: Mapping[str, Any]) -> Any:
    # 1.0 is an integer to jsonschema, but CUE's `int` refuses it and a file name would show it.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    extended: Any = extend
    return extended(Draft202012Validator, keywords, type_checker=types)


@cache
def _checker() -> FormatChecker:
    checker = FormatChecker(formats=())
    for form, predicate in FORMATS.items():
        checker.checks(form)(lambda value, is_one=predicate: not isinstance(value, str) or is_one(value))
    return checker


@cache
def _registry() -> Any:
    schemas = ((f"{n}.schema.json", DRAFT202012.create_resource(_bare(n))) for n in sow_schemas.names())
    return Registry().with_resources(schemas)


def _bare(name: str) -> _Schema:
    """A schema without its `$schema`, which would make jsonschema go on with a validator of its own."""
    return {key: value for key, value in sow_schemas.load(name).items() if key != "$schema"}


def _is_integer(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# -- keywords: as jsonschema's own, but that each error stands at the place that is to be mended ------


def _required(_validator: object, names: Sequence[str], value: Any, schema: _Schema) -> Iterator[_Error]:
    for name in names:
        if isinstance(value, dict) and name not in value:
            wanted = schema.get("properties", {}).get(name, {})
            yield _Error("is missing", path=(name,), instance=None, schema=wanted)


def _additional(validator: Any, allowed: Any, value: Any, schema: _Schema) -> Iterator[_Error]:
    known = schema.get("properties", {})
    forms = schema.get("patternProperties", {})
    for key in value if isinstance(value, dict) else ():
        if key in known or any(re.search(form, key) for form in forms):
            continue
        if allowed is False:
            error: Any = _Error(
                "is not known", path=(key,), instance=value[key], schema={"enum": list(known)}
            )
            error.meant = nearest.name(str(key), known)
            yield error
        else:
            yield from validator.descend(value[key], allowed, path=key)


def _properties(validator: Any, properties: _Schema, value: Any, _schema: object) -> Iterator[_Error]:
    for key, wanted in properties.items():
        if not isinstance(value, dict) or key not in value:
            continue
        if wanted is False:
            yield _Error("has no place", path=(key,), instance=value[key], schema={})
        else:
            yield from validator.descend(value[key], wanted, path=key, schema_path=key)


def _unique(_validator: object, wanted: bool, value: Any, _schema: object) -> Iterator[_Error]:
    seen = set()
    for place, item in enumerate(value if wanted and isinstance(value, list) else ()):
        # As JSON, for which 1, 1.0 and true are three values.
        text = json.dumps(item, sort_keys=True, default=str)
        if text in seen:
            yield _Error("is there already", path=(place,), instance=item, schema={})
        seen.add(text)


def _all_of(validator: Any, branches: Sequence[_Schema], value: Any, schema: _Schema) -> Iterator[_Error]:
    """`allOf` as our schemas have it: the branch that holds, its condition noted in each error."""
    for branch in branches:
        if not validator.evolve(schema=branch["if"]).is_valid(value):
            continue
        ((field, given),) = branch["if"]["properties"].items()
        for error in validator.descend(value, branch["then"]):
            error.condition = f" where {field} is {given['const']}"
            if error.validator == "required" and not error.schema:
                error.schema = schema["properties"][error.path[0]]
            yield error


_KEYWORDS: Mapping[str, Any] = {
    "required": _required,
    "additionalProperties": _additional,
    "properties": _properties,
    "uniqueItems": _unique,
}


# -- words ------------------------------------------------------------------------------------------


def _told(error: Any, validator: Any) -> Problem:
    condition = getattr(error, "condition", "")
    path = tuple(error.absolute_path)
    return Problem(path, error.instance, _wrong(error) + condition, _hint(error, validator))


def _told_by(error: Any, validator: Any) -> Problem:
    if keywords.are_known(error.schema):
        return _told(error, validator)
    hint = f"its schema there: {words.shown(error.schema, HINT)}"
    return Problem(tuple(error.absolute_path), error.instance, _wrong(error), hint)


def _wrong(error: Any) -> str:
    """What is wrong, behind the field's name: `"2" is a text, not a whole number`."""
    value = words.shown(error.instance)
    match error.validator:
        case "required":
            return "is missing"
        case "additionalProperties":
            return "is not a known field"
        case "properties":
            return f"{value} has no place"
        case "type":
            kind = words.kind(error.instance)
            return f"{value} is {kind + ', ' if kind else ''}not {words.kinds(error.schema)}"
        case "minLength":
            return "is empty"
        case "minimum" | "exclusiveMinimum":
            return f"{value} is too small"
        case "maximum":
            return f"{value} is too large"
        case "uniqueItems":
            return f"{value} stands here a second time"
        case "format":
            return f"{value} is no time"
        case "not" | "pattern" | "maxLength" if isinstance(error.instance, str):
            broken = "\n" in error.instance
            return f"{value} has a line break in it" if broken else f"{value} has the wrong form"
        case _:
            return f"{value} is not allowed"


def _hint(error: Any, validator: Any) -> str:
    match error.validator:
        case "required":
            return f"add it: {words.wanted(error.schema)}" if error.schema else "add it"
        case "additionalProperties":
            return _known(error.meant, error.schema["enum"])
        case "properties":
            return "remove it"
        case "uniqueItems":
            return "keep one of the two"
    fits = validator.evolve(schema=error.schema).is_valid
    found = nearest.value(error.instance, error.schema, fits)
    meant = "" if found is None else words.written(found)
    allowed = words.wanted(error.schema).removeprefix("one of ")
    return f"{_meant(meant) if len(meant) <= words.LONGEST else ''}allowed: {allowed}"


def _known(meant: str, names: list[str]) -> str:
    """What to do about a field that is not known: the list of those that are hides the one that is meant."""
    if meant and len(names) > FEW:
        return f"did you mean `{meant}`?"
    return f"{_meant(meant)}allowed: {', '.join(names)}" if names else "nothing is allowed here: remove it"


def _meant(name: str) -> str:
    return f"did you mean `{name}`? " if name else ""
