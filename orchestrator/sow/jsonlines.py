"""JSON in one line, without the price of importing `json`.

`json` brings `re` and more than doubles the start of a quick command; the
interpreter's own string encoder is there without it.
"""

try:
    from _json import encode_basestring as _quote
except ImportError:  # not CPython: the library's own, slower to load, says the same
    from json.encoder import py_encode_basestring as _quote

from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def dump(value: "Any") -> str:
    """`value`, made of dicts with text keys, lists, tuples, text, numbers, booleans and None, as JSON.

    Text that UTF-8 can't hold (lone surrogates of a file name) gets a
    replacement character. Raises TypeError for anything else.
    """
    return _dump(value).encode("utf-8", "replace").decode()


def _dump(value: "Any") -> str:
    match value:
        case None:
            return "null"
        case True:
            return "true"
        case False:
            return "false"
        case str():
            return str(_quote(value))
        case int():
            return str(value)
        case float():
            return repr(value) if value - value == 0 else "null"
        case dict():
            return "{" + ", ".join(f"{_quote(key)}: {_dump(held)}" for key, held in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(_dump(held) for held in value) + "]"
    raise TypeError(f"{type(value).__name__} has no form in JSON")
