"""What formats have in common: JSON that is read strictly, texts in a line, times in whatever form."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sow.document import canonical
from sow.errors import BadFile, Refused
from sow.fields import LONGEST_NAME
from sow.formats import Reading, Record, Rejected, json_text
from sow.formats.json_text import Part
from sow_schemas.formats import is_time

_DEEPEST = canonical.DEPTH - 8
"""How deep a record may be nested, so that a state file can hold it with what stands above it there."""


# -- JSON ------------------------------------------------------------------------------------------


def parsed(path: str, text: str) -> Any:
    """The value of a JSON text. Raises BadFile, with the line where there is one."""
    try:
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as fault:
        raise BadFile(
            path, f"is no JSON: {fault.msg}", "mend the file there", line=fault.lineno, column=fault.colno
        ) from fault
    except RecursionError as fault:
        raise BadFile(path, "is nested too deep", "take out what is no task") from fault
    except ValueError as fault:
        # Python reads no number of more digits, and says so in its own words.
        words = "has a number of too many digits" if "digits" in str(fault) else str(fault)
        raise BadFile(path, words, "mend the file") from fault


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"has the key {twice!r} twice in one object")
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"has {word}, which is no JSON")


def tasks(path: str, text: str, key: str, mark: str = "") -> tuple[list[Any], str]:
    """The tasks of a JSON file, a list itself or one under `key`, and the name of where they stand.

    `mark`: a key by which an object that is one task itself is known. Raises BadFile.
    """
    value = parsed(path, text)
    if isinstance(value, list):
        return value, "tasks"
    if isinstance(value, dict) and isinstance(value.get(key), list):
        return value[key], key
    if mark and isinstance(value, dict) and mark in value:
        return [value], "tasks"
    raise BadFile(
        path, "has no list of tasks", f'a file of this format is a list, or an object with "{key}": [...]'
    )


def reading(
    raws: Iterable[Any],
    above: str,
    key: str,
    check: Callable[[Any], None],
    twice: Callable[[str, str], Refused],
) -> Reading:
    """Each of some tasks as a record, or rejected with its reason; either with its id, so far as it has one.

    `above`: the name of where they stand; `key`: of a task's id. `check` raises Refused; `twice` makes the
    refusal of an id of which the first stands elsewhere, of that id and the place.
    """
    records: list[Record] = []
    rejected: list[Rejected] = []
    seen: dict[str, str] = {}
    for number, raw in enumerate(raws):
        place = f"{above}[{number}]"
        name = str(raw.get(key, "")) if isinstance(raw, dict) else ""
        try:
            check(raw)
            if name in seen:
                raise twice(name, seen[name])
        except Refused as fault:
            rejected.append(Rejected(name, place, str(fault), fault.hint))
            continue
        seen[name] = place
        records.append(Record(name, place, raw))
    return Reading(tuple(records), tuple(rejected))


def listed(text: str, key: str, mark: str = "") -> list[Any]:
    """The same, for who wants to know whether there are any; empty for no such file."""
    if text.lstrip("\ufeff \t\r\n")[:1] not in ("[", "{"):
        return []
    try:
        return tasks("", text, key, mark)[0]
    except Refused:
        return []


def with_tasks(text: str, key: str, id_key: str, raws: Mapping[str, Mapping[str, Any]]) -> str:
    """A JSON file with these tasks, by id, in their places, new ones at the end.

    An empty text gives a new file. What does not change stays as it is, byte for byte.
    """
    if not text.strip():
        return json.dumps([dict(raw) for raw in raws.values()], indent=2, ensure_ascii=False) + "\n"
    left = dict(raws)
    editor = json_text.Editor(text)

    def replaced(part: Part) -> str:
        named = part.value.get(id_key) if isinstance(part.value, dict) else None
        raw = left.pop(named, None) if isinstance(named, str) else None
        return text[part.begin : part.end] if raw is None else editor.changed(part, raw)

    held = _list(text, key)
    if isinstance(held.value, dict):
        after = replaced(held)
        if left:
            raise Refused("the file is one task, and has no place for others", "export to a file of its own")
    else:
        there = json_text.parts(text, held.value_at)
        # First those that are there, so that the rest is known to be new.
        texts = [replaced(part) for part in there]
        after = editor.with_items(held, there, texts, (dict(raw) for raw in left.values()))
    return text[: held.value_at] + after + text[held.end :]


def _list(text: str, key: str) -> Part:
    """Where the list of tasks stands in a JSON file, or the one task that it is."""
    begin = json_text.after_blank(text, len(text) - len(text.removeprefix(json_text.MARK)))
    value = parsed("", text)
    if isinstance(value, dict) and isinstance(value.get(key), list):
        return next(part for part in json_text.parts(text, begin) if part.name == key)
    return Part(begin, begin, len(text.rstrip()), value)


# -- texts -----------------------------------------------------------------------------------------


def headline(text: str) -> str:
    """The first line of a text, as the name of a task."""
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")
    # Of what may be millions of characters, no more is looked at than it takes.
    begun = line[: LONGEST_NAME + 1]
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in begun)
    return line if len(line) <= LONGEST_NAME else f"{line[: LONGEST_NAME - 1].rstrip()}…"


def check_characters(value: Any, depth: int = 0) -> None:
    """Raises Refused for what no state file could hold: half characters, a nesting without end."""
    if depth > _DEEPEST:
        raise Refused("it is nested too deep", f"{_DEEPEST} levels are the most")
    match value:
        case str():
            try:
                value.encode()
            except UnicodeEncodeError as fault:
                raise Refused(f"half a character in {shown(value)}", "write it in UTF-8") from fault
        case dict():
            for key, held in value.items():
                check_characters(key, depth)
                check_characters(held, depth + 1)
        case list():
            for held in value:
                check_characters(held, depth + 1)
        case float() if value - value != 0:
            raise Refused("a number is too large", "write it as a text")


def moment(given: object) -> str:
    """A time of ISO 8601 as state files hold it, in UTC where it names no zone; empty for none."""
    if not isinstance(given, str):
        return ""
    if is_time(given):
        return given
    try:
        there = datetime.fromisoformat(given)
    except ValueError:
        return ""
    there = there.replace(tzinfo=UTC) if there.tzinfo is None else there
    told = there.isoformat().replace("+00:00", "Z")
    return told if is_time(told) else ""


def no_text(key: str, value: object) -> Refused:
    """What is wrong with a value that should be a text with something in it."""
    if isinstance(value, str):
        return Refused(f"{key} is empty", "say there what it is")
    return Refused(f"{key}: should be a text, and is {shown(value)}", "write it in quotes")


def shown(value: object, *, is_ascii: bool = True) -> str:
    """A value in a few characters, for a message, or with `is_ascii` false for people."""
    text = json.dumps(value, ensure_ascii=is_ascii)
    return text if len(text) <= 40 else f"{text[:37]}..."


def kind(value: object) -> str:
    """What a value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
