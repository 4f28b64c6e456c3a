"""The least that dispatch can cost: `python spawn_loop.py ATTEMPTS JOBS PROGRAM [ARG…]`.

Runs PROGRAM once for each folder in ATTEMPTS, JOBS at a time, with the two
variables by which it finds its outbox. It spawns, it waits on pidfds, and it
keeps nothing. Standard library only.
"""

import os
import select
import sys


def main(attempts: str, jobs: int, argv: list[str]) -> int:
    """Gives the exit code: 0 if all programs ended well, else 1."""
    waiting = sorted(os.listdir(attempts), reverse=True)
    running: dict[int, int] = {}
    poll, failed = select.poll(), False
    while waiting or running:
        while waiting and len(running) < jobs:
            env = {
                "PATH": os.environ.get("PATH", os.defpath),
                "SOW_PROJECT_RUNTIME": os.path.dirname(attempts),
                "SOW_ATTEMPT_ID": waiting.pop(),
            }
            pid = os.posix_spawn(argv[0], argv, env)
            fd = os.pidfd_open(pid)
            running[fd] = pid
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll():
            poll.unregister(fd)
            os.close(fd)
            failed |= os.waitpid(running.pop(fd), 0)[1] != 0
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))
