"""Plays agents that don't want to end: `python hostile.py MODE [READY]`.

READY is a file that is made once the whole tree stands. Standard library
only, and quick to start: run it with `-S -E`.
"""

import os
import signal
import sys
import time
from collections.abc import Callable

DEAF = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def ready() -> None:
    """Tell that the tree stands."""
    if len(sys.argv) > 2:
        os.close(os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT))


def hang() -> None:
    """Live on; a minute is for ever to a test, and no leak to the machine."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        time.sleep(1)
    os._exit(0)


def be_deaf() -> None:
    for number in DEAF:
        signal.signal(number, signal.SIG_IGN)


def deaf() -> None:
    """Ignores whatever asks it to end."""
    be_deaf()
    ready()
    hang()


def stray() -> None:
    """Leaves a deaf grandchild in a session of its own, and ends well."""
    if os.fork() == 0:
        os.setsid()
        deaf()
    while len(sys.argv) > 2 and not os.path.exists(sys.argv[2]):
        time.sleep(0.005)


def daemon() -> None:
    """Starts a daemon by the book, deaf, and lives on beside it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.chdir("/")
            for fd in range(3):
                os.close(fd)
            deaf()
        os._exit(0)
    os.wait()
    hang()


def mute() -> None:
    """Closes its output and lives on."""
    os.close(1)
    os.close(2)
    deaf()


def flood() -> None:
    """Prints one line of 20 MB, and hangs."""
    os.write(1, b"<")
    for _ in range(20):
        os.write(1, b"x" * 1_000_000)
    os.write(1, b">\n")
    ready()
    hang()


def half() -> None:
    """Prints half a line, and hangs."""
    os.write(1, b'{"type": "resu')
    ready()
    hang()


def stopped() -> None:
    """Stops itself: SIGTERM waits until somebody lets it go on."""
    ready()
    os.kill(os.getpid(), signal.SIGSTOP)
    hang()


def hopper() -> None:
    """Moves into a new process every few milliseconds, deaf, each in a session of its own."""
    be_deaf()
    deadline = time.monotonic() + 60
    ready()
    while time.monotonic() < deadline:
        if os.fork():
            time.sleep(0.02)
            os._exit(0)
        os.setsid()


def hand_in() -> None:
    """Reports by sow that the work is done."""
    os.spawnlp(os.P_WAIT, "sow", "sow", "task", "set", "status", "needs_review")


def banner() -> None:
    """Says that all went wrong, and exits as if nothing had."""
    os.write(1, b"API Error: 500 everything is on fire\n")


def sulky() -> None:
    """Does its work, reports it, and exits as if it had failed."""
    hand_in()
    os.write(2, b"npm ERR! lifecycle\n")
    os._exit(1)


def lingering() -> None:
    """Reports its work, and never exits."""
    hand_in()
    be_deaf()
    hang()


def torrent() -> None:
    """Prints a gigabyte of lines."""
    chunk = (b"x" * 9_999 + b"\n") * 100
    for _ in range(1000):
        left = memoryview(chunk)
        while left:
            left = left[os.write(1, left) :]
    hand_in()


def chatter() -> None:
    """Prints four megabytes, with a word before and one behind, and reports."""
    print("First words.")
    for number in range(4000):
        print(f"{number:06d}", "x" * 1000)
    print("Last words.", flush=True)
    hand_in()


def litter() -> None:
    """Fills its worktree: many files, a huge one, a huge folder that is not tracked; and reports."""
    for number in range(3000):
        with open(f"many-{number}", "w") as file:
            file.write(str(number))
    with open("huge", "wb") as large:
        large.truncate(300_000_000)
    os.makedirs("node_modules")
    for number in range(3000):
        with open(f"node_modules/{number}", "w") as file:
            file.write("x")
    hand_in()


MODES: dict[str, Callable[[], None]] = {
    mode.__name__: mode
    for mode in (
        deaf, stray, daemon, mute, flood, half, stopped, hopper,
        banner, sulky, lingering, torrent, chatter, litter,
    )
}  # fmt: skip

if __name__ == "__main__":
    MODES[sys.argv[1]]()
