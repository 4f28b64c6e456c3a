"""The canonical form of a document: the YAML that sow writes, read and written at a tenth of YAML's cost.

    id: "010"
    name: Add a login form
    status: paused
    created_at: 2026-11-20T08:30:00Z
    iteration: 1
    inputs: [{"type": "reference", "path": "a.md", "approved": true}]

One `key: value` a line. A text is plain where no YAML reader of any version
can take it for something else, and a JSON string in all other cases; nested
values are one line of JSON. `read` takes a line only if its value would be
written as it stands there, so it can't disagree with a full YAML reader:
anything else it hands on.
"""

from sow_schemas.formats import is_time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON's")


class _Settings:
    """What the scanner of `json` wants to know; json itself would import `re`."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_no_number)


_settings: "Any" = _Settings()
try:
    from _json import encode_basestring as _encode
    from _json import make_scanner
    from _json import scanstring as _decode
except ImportError:  # an interpreter without the C half of json
    from json import JSONDecoder
    from json.decoder import scanstring as _decode  # type: ignore[attr-defined, no-redef]
    from json.encoder import encode_basestring as _encode
    from json.scanner import make_scanner

    _settings = JSONDecoder(parse_constant=_no_number)
_scan = make_scanner(_settings)

_taken: "dict[str, tuple[str, object]]" = {}
"""Lines that were read, each with its key and value: a run reads the same few over and over."""
_KNOWN = 2048
_KNOWN_LENGTH = 200
_FROZEN = (str, int, float, bool, type(None))

SIZE = 4 * 1024 * 1024
"""The most bytes that a document may have."""
DEPTH = 40
"""How many mappings and lists may stand inside one another, the document itself among them."""
VALUES = 100_000
"""How many values a document may hold, mappings and lists and what is in them: what it costs is bounded."""

# YAML readers look this far for the colon behind a key (1024 characters), quotes among them.
_KEY_LENGTH = 1000

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_FIRST = _LETTERS | {"_"}
_KEY = _FIRST | frozenset("0123456789.-")
_PLAIN = _KEY | frozenset(" /,()@+=;'!?%&*~^$<>|:")
# In some version of YAML, or in some reader, these are no texts.
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
_CONSTANTS = {"true": True, "false": False, "null": None}

# What JSON leaves as it is and some YAML reader refuses, takes for a line break or drops.
_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF)}


class Unwritable(ValueError):
    """A value that has no place in a document; the message says which and why."""


def emit(value: "Mapping[str, Any]") -> str:
    """The canonical text of `value`: YAML 1.1 and 1.2, with one meaning to all readers.

    Raises Unwritable for what JSON has no word for (other types, infinities,
    lone surrogates, keys that are no texts), for keys of more than a thousand
    characters and for more than `SIZE`, `DEPTH` and `VALUES` allow.
    """
    text = sized("".join([line(key, held) for key, held in value.items()]) or "{}\n")
    if len(text) > 2 * VALUES and has_too_many(value):
        raise Unwritable(f"more than {VALUES:,} values")
    return text


def sized(text: str) -> str:
    """`text`, once it is seen that it is no larger than a document may be. Raises Unwritable."""
    # A character has four bytes at most.
    if len(text) > SIZE // 4 and (size := len(text.encode("utf-8", "replace"))) > SIZE:
        raise Unwritable(f"it would be {size:,} bytes long; a document has at most {SIZE:,}")
    return text


def has_too_many(value: "Any") -> bool:
    """Whether there are more than `VALUES` values in `value`, itself among them."""
    found, todo = 0, [value]
    while todo and found <= VALUES:
        each = todo.pop()
        found += 1
        if type(each) is dict:
            todo += each.values()
        elif type(each) is list:
            todo += each
    return found > VALUES


def line(key: str, value: object, end: str = "\n") -> str:
    """One line of a document: `key: value` and its end. Raises Unwritable as `emit` does."""
    return f"{written_key(key)}: {written(value)}{end}"


def written_key(key: str) -> str:
    """A key as it stands in a block: plain where it is safe, else a JSON string."""
    if type(key) is str and key[:1] in _FIRST and _KEY.issuperset(key) and key.lower() not in _WORDS:
        return key if len(key) <= _KEY_LENGTH else _json_key(key)
    return _json_key(key)


def written(value: object) -> str:
    """A value as it stands behind `key: ` or `- `."""
    if type(value) is str:
        return value if _is_plain(value) or is_time(value) else quoted(value)
    return as_json(value)


def read(text: str) -> "dict[str, Any] | None":
    """The value of a canonical text; None for any other text, which is for the strict reader.

    Lines that are empty or begin with `#` are passed over.
    """
    if text == "{}\n":
        return {}
    value: dict[str, Any] = {}
    try:
        for each in text.split("\n"):
            taken = _taken.get(each)
            if taken is None:
                if not each or (each[0] == "#" and each.isprintable()):
                    continue
                taken = _take(each)
            if taken[0] in value:
                return None
            value[taken[0]] = taken[1]
    # The C half of json looks for its error in a module that is not loaded here: it fails without one.
    except (ValueError, RecursionError, StopIteration, SystemError):
        return None
    # A value takes two characters at least, so that small texts need no look.
    return None if len(text) > 2 * VALUES and has_too_many(value) else value


def _take(each: str) -> tuple[str, object]:
    """The key and the value of one line, known from then on. Raises ValueError where it is not canonical."""
    key, rest = split(each)
    value = _value(rest)
    # A list or a mapping is its reader's to change.
    if type(value) in _FROZEN and len(each) <= _KNOWN_LENGTH:
        if len(_taken) >= _KNOWN:
            _taken.clear()
        _taken[each] = (key, value)
    return key, value


def split(each: str) -> tuple[str, str]:
    """The key and the value's text of one line. Raises ValueError where the line is not canonical."""
    if each[0] == '"':
        key, end = _decode(each, 1, True)
        if _json_key(key) != each[:end] or each[end : end + 2] != ": ":
            raise ValueError("no canonical key")
        return key, each[end + 2 :]
    key, colon, rest = each.partition(": ")
    if not colon or written_key(key) != key:
        raise ValueError("no canonical key")
    return key, rest


def _value(text: str) -> object:
    """The value that is written as `text`. Raises ValueError where none is, so that nobody guesses."""
    first = text[:1]
    if first == '"':
        value, end = _decode(text, 1, True)
        if end != len(text) or quoted(value) != text:
            raise ValueError("no canonical text")
        return value
    if _is_plain(text) or is_time(text):
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text == "[]":
        return []
    if first not in ("[", "{"):
        number = _number(text)
        if as_json(number) != text:
            raise ValueError("no canonical number")
        return number
    nested, end = _scan(text, 0)
    if end != len(text) or as_json(nested) != text:
        raise ValueError("no canonical JSON")
    return nested


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def same(one: object, other: object) -> bool:
    """Whether two values are equal as JSON: 1, 1.0 and true are three values, the order of keys is none."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(held, other[key]) for key, held in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def as_json(value: "Any", depth: int = 1) -> str:
    """`value` on one line of JSON that is YAML too; `depth` counts what it stands in."""
    kind = type(value)
    if kind is str:
        return quoted(value)
    if value is None:
        return "null"
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return repr(value)
    if kind is float:
        return _float(value)
    if (kind is dict or kind is list) and depth >= DEPTH:
        raise Unwritable(f"more than {DEPTH} mappings and lists inside one another")
    if kind is dict:
        pairs = value.items()
        return "{" + ", ".join([f"{_json_key(k)}: {as_json(v, depth + 1)}" for k, v in pairs]) + "}"
    if kind is list:
        return "[" + ", ".join([as_json(item, depth + 1) for item in value]) + "]"
    raise Unwritable(f"a {kind.__name__} has no place in a document: {value!r}")


def quoted(text: str) -> str:
    """`text` as a string of JSON and YAML alike. Raises Unwritable for a lone surrogate."""
    written_text: str = _encode(text)
    if text.isascii() and "\x7f" not in text:
        return written_text
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unwritable(f"half a character (a lone surrogate) in {text!r}") from error
    return written_text.translate(_ESCAPES)


def _json_key(key: str) -> str:
    if type(key) is not str:
        raise Unwritable(f"a key that is no text: {key!r}")
    if len(written_text := quoted(key)) > _KEY_LENGTH:
        raise Unwritable(f"a key of more than {_KEY_LENGTH} characters: {key[:40]!r}...")
    return written_text


def _float(value: float) -> str:
    if value - value != 0:
        raise Unwritable(f"{value} is no number that a document can hold")
    text = repr(value)
    # To YAML 1.1 a number without a point is no float: 1e+16 would be a text.
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if e and "." not in mantissa else text


def _is_plain(text: str) -> bool:
    """Whether every YAML reader takes `text`, unquoted behind `key: `, for just this text."""
    return (
        text[:1] in _LETTERS
        and _PLAIN.issuperset(text)
        and text[-1] not in " :"
        and ": " not in text
        and text.lower() not in _WORDS
    )
