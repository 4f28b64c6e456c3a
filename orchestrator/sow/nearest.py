"""The word that was probably meant."""

from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(word: str, known: "Iterable[str]") -> str:
    """The one of `known` that is most like `word`; empty where none is."""
    from difflib import get_close_matches

    return next(iter(get_close_matches(word, list(known), n=1)), "")


def did_you_mean(word: str, known: "Iterable[str]") -> str:
    """The beginning of a hint, `did you mean X? `; empty where nothing is near."""
    close = nearest(word, known)
    return f"did you mean {close}? " if close else ""
