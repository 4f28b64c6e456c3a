"""Memory in large pages: a process of many small ones takes long to fork, however little the fork then does.

Linux joins 512 pages to one on request since 6.1 (madvise(2), MADV_COLLAPSE).
Where it can't, nothing changes.
"""

import ctypes

COLLAPSE = 25
LARGE = 2 << 20


def join() -> None:
    """Has the kernel join what this process holds in memory by now. Raises OSError without /proc."""
    libc = ctypes.CDLL(None)
    for start, end in _held():
        # Whole large pages alone; whether it did is of no matter.
        first, last = -(-start // LARGE) * LARGE, end // LARGE * LARGE
        if first < last:
            libc.madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), COLLAPSE)


def _held() -> list[tuple[int, int]]:
    """Where memory that can be written and belongs to no file begins and ends."""
    with open("/proc/self/maps") as maps:
        lines = [line.split() for line in maps]
    ranges = [
        fields[0].split("-") for fields in lines if fields[1] == "rw-p" and fields[5:] in ([], ["[heap]"])
    ]
    return [(int(start, 16), int(end, 16)) for start, end in ranges]
