"""The command line: one door in, one door out.

The few verbs that workers call all the time go past click, which alone costs
three starts of the interpreter. Every error leaves here: two lines, what is
wrong and what to do next, and its exit code.
"""

import sys

from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(argv: "Sequence[str] | None" = None) -> int:
    """Runs one `sow` command; gives its exit code (see docs/reference/exit-codes.md)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments == ["--version"]:
        from sow import __version__

        print(f"sow {__version__}")
        return 0
    from sow.errors import SowError

    try:
        return _run(arguments)
    except SowError as fault:
        _complain(str(fault), fault.hint)
        return fault.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough; Python would complain once more at its exit.
        import os

        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0


def _run(arguments: "list[str]") -> int:
    if arguments[:2] in (["task", "set"], ["agent", "log"]):
        from sow.cli import quick

        code = quick.run(arguments)
        if code is not None:
            return code
    from sow.cli import root

    return root.run(arguments)


def _complain(message: str, hint: str) -> None:
    sys.stderr.write(f"sow: {message}\n")
    if hint:
        sys.stderr.write(f"     {hint}\n")
