"""The hand-written patterns say what the regular expressions say."""

import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sow_schemas.formats import PATTERNS, is_time

ALPHABET = "019azAZ_-\n .é٣GiB"
RFC_3339 = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"


@pytest.mark.parametrize("pattern", PATTERNS)
@given(data=st.data())
def test_a_function_agrees_with_its_pattern(pattern: str, data: st.DataObject) -> None:
    text = data.draw(st.text(ALPHABET, max_size=6) | st.from_regex(pattern))
    # To JSON Schema `$` is the very end; to Python it may stand before a line break.
    assert PATTERNS[pattern](text) == bool(re.search(pattern.replace("$", r"\Z"), text))


def _reads(text: str) -> bool:
    """What the regular expression and Python's calendar say."""
    if not re.fullmatch(RFC_3339, text, re.ASCII):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


@given(
    st.from_regex(RFC_3339, fullmatch=True)
    | st.builds(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}{}".format,
        st.sampled_from([0, 1, 1900, 2000, 2023, 2024, 9999]),
        st.integers(0, 13),
        st.integers(27, 32) | st.integers(0, 1),
        st.integers(22, 25),
        st.integers(58, 60),
        st.integers(58, 60),
        st.sampled_from(
            ["Z", "z", "", ".Z", ".1Z", ".123456789+23:59", "+24:00", "+05:60", "-0530", "Z\n", "+5:30"]
        ),
    )
)
def test_a_time_is_one_that_python_reads_too(text: str) -> None:
    # The offset of 60 minutes or more is none, though Python adds it up.
    minutes = re.search(r"[+-][0-9]{2}:[6-9][0-9]$", text)
    assert is_time(text) == (_reads(text) and not minutes)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        pytest.param("0001-01-01T00:00:00Z", True, id="the zero time of Go"),
        pytest.param("2025-01-15T10:00:00.123456789+05:30", True, id="nanoseconds and an offset"),
        pytest.param("2024-02-29T00:00:00Z", True, id="a leap day"),
        pytest.param("1900-02-29T00:00:00Z", False, id="no leap day in 1900"),
        pytest.param("2025-02-30T00:00:00Z", False, id="no 30 February"),
        pytest.param("2025-01-15 10:00:00Z", False, id="a space for the T"),
        pytest.param("2025-01-15T10:00:00", False, id="no zone"),
        pytest.param("2025-01-15T10:00:00Z\n", False, id="a line break behind it"),
        pytest.param("٢٠٢٥-01-15T10:00:00Z", False, id="digits of another script"),
        pytest.param("0000-01-01T00:00:00Z", False, id="the year 0"),
    ],
)
def test_a_time(text: str, valid: bool) -> None:
    assert is_time(text) is valid
