"""Keeps what an attempt prints within bounds: the disk gets back the middle of a file that grows too long.

    |== head ==|- - - - - - given back - - - - - -|====== tail ======>  whoever prints goes on here

A hole is punched: every byte that stays keeps its place, so neither who prints
nor who reads at some offset notices. What was read goes first; what nobody has
read yet goes only where the rest is too much all the same.
"""

from __future__ import annotations

import os

from sow.runner import attempt as folders

FILES = (folders.TRANSCRIPT, "transcript.log", folders.STDERR, folders.SETUP_LOG, "traffic.log")
"""The files of an attempt's folder that grow by what a program prints."""

# What may stay of a file that is cut, of each end, is this part of all that it may hold; so it is not cut
# again before it has grown by half of that.
_PART = 4

_KEEP_SIZE, _PUNCH_HOLE = 1, 2


def bound(folder: str, most: int, read: int) -> int:
    """Cuts the files of the attempt in `folder` that hold more than `most` bytes; gives how many went.

    `read`: how far its transcript is read. Raises OSError where the file system can't do it.
    """
    return sum(cut(f"{folder}/{name}", most, read if name == folders.TRANSCRIPT else None) for name in FILES)


def cut(path: str, most: int, read: int | None = None) -> int:
    """Gives the middle of a file back to the disk where it takes more than `most` bytes there.

    `read`: how far it is read, None for one that nobody reads on. Gives how many bytes of the disk are
    free now that were not. Raises OSError where the file system can't do it.
    """
    try:
        before = os.stat(path)
    except FileNotFoundError:
        return 0
    if before.st_blocks * 512 <= most:
        return 0
    block, part = before.st_blksize, most // _PART
    start, end = -(-part // block) * block, (before.st_size - part) // block * block
    if read is not None and before.st_size - read <= most - 2 * part:
        end = min(end, read // block * block)
    if end <= start:
        return 0
    _punch(path, start, end - start)
    return max(before.st_blocks - os.stat(path).st_blocks, 0) * 512


def left_out(path: str) -> int:
    """How many bytes of a file were given back."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return 0
    try:
        if not has_holes(file):
            return 0
        size, at, total = os.fstat(file).st_size, 0, 0
        while at < size:
            data = data_from(file, at)
            total += (size if data is None else data) - at
            at = size if data is None else os.lseek(file, data, os.SEEK_HOLE)
        return total
    finally:
        os.close(file)


def has_holes(file: int) -> bool:
    """Whether parts of a file may take no room on the disk.

    Asked first, for some file systems look through all of a file to find out that it has none.
    """
    there = os.fstat(file)
    return there.st_blocks * 512 < there.st_size


def data_from(file: int, at: int) -> int | None:
    """Where at `at` or behind it a file holds data; None where it holds none."""
    try:
        return os.lseek(file, at, os.SEEK_DATA)
    except OSError:
        return None


def _punch(path: str, start: int, length: int) -> None:
    import ctypes

    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        mode = _KEEP_SIZE | _PUNCH_HOLE
        if libc.fallocate(file, mode, ctypes.c_int64(start), ctypes.c_int64(length)) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), path)
    finally:
        os.close(file)
