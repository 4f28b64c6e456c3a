"""Sizes of memory and of files as people write them: `4GiB`, `1.5 GiB`, `512MB`."""

UNITS = {
    "B": 1,
    **{f"{letter}iB": 1 << 10 * power for power, letter in enumerate("KMGT", 1)},
    **{f"{letter}B": 1000**power for power, letter in enumerate("kMGT", 1)},
}
"""What a unit counts in bytes; those with an i by 1024, those without by 1000."""


def of(given: "int | str") -> int:
    """A size in bytes, at least 1; a text is one that the schemas accept."""
    if isinstance(given, int):
        return given
    number = given.rstrip("".join(UNITS))
    return max(1, int(float(number) * UNITS[given[len(number) :]]))


def told(count: int) -> str:
    """So many bytes in words."""
    for power, unit in ((40, "TiB"), (30, "GiB"), (20, "MiB")):
        if count >= 1 << power:
            return f"{count / (1 << power):.1f} {unit}"
    return f"{count >> 10} KiB"
