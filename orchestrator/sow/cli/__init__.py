"""The command line: one door in, one door out.

The few verbs that workers call all the time go past click, which alone costs
three starts of the interpreter. Every error leaves here: two lines, what is
wrong and what to do next, and its exit code.
"""

import gc
import sys

from sow.value import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sow.errors import SowError

LONGEST_LINE = 1500

SELDOM = (100_000, 10, 10)
"""How many new objects make a look for garbage due: Python's own 700 would have it look dozens of times while
modules are loaded, of which nothing is garbage, and most commands end soon behind that."""


def main(argv: "Sequence[str] | None" = None) -> int:
    """Runs one `sow` command; gives its exit code (see docs/reference/exit-codes.md)."""
    return _through_door("sow", _run, argv)


def main_of_sophia(argv: "Sequence[str] | None" = None) -> int:
    """Runs one `sophia-cli` command, in the same way."""
    return _through_door("sophia-cli", _run_sophia, argv)


def _through_door(name: str, run: "Callable[[list[str]], int]", argv: "Sequence[str] | None") -> int:
    gc.set_threshold(*SELDOM)
    arguments = list(sys.argv[1:] if argv is None else argv)
    from sow.errors import INTERRUPTED, Interrupted, SowError

    try:
        code = run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except SowError as fault:
        complain(_of_project(fault), fault.hint, name)
        return fault.exit_code
    except Interrupted as fault:
        if sys.stderr is not None and sys.stderr.isatty():
            sys.stderr.write("\n")  # behind the ^C that the terminal shows
        complain(str(fault), fault.hint, name)
        return INTERRUPTED
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return 0
    except OSError as fault:
        import errno

        # One without a file's name is about standard output, or about a write that nobody translated.
        if fault.filename is not None or fault.errno not in (errno.ENOSPC, errno.EIO):
            raise
        if fault.errno == errno.ENOSPC and not _may_be_full():
            complain("no space is left on a disk that sow writes to", "free some space, and repeat", name)
            return 1
        _drop_output()
        complain(
            f"can't write to standard output: {fault.strerror}", "give the output another place to go", name
        )
        return 1


def _of_project(fault: "SowError") -> str:
    """What is wrong; where it is the project's own file, in the words that scripts look for."""
    from sow.errors import BadFile

    is_its = isinstance(fault, BadFile) and fault.path.endswith("/.sow/project/state.yaml")
    return f"failed to load project: {fault}" if is_its else str(fault)


def _run(arguments: "list[str]") -> int:
    if arguments == ["--version"]:
        from sow import __version__

        print(f"sow {__version__}")
        return 0
    if arguments[:2] in (["task", "set"], ["agent", "log"]):
        from sow.cli import quick

        code = quick.run(arguments)
        if code is not None:
            return code
    from sow.cli import root

    _show_by_escape()
    return root.run(arguments)


def _run_sophia(arguments: "list[str]") -> int:
    from sow.cli import root
    from sow.cli.sophia import sophia

    _show_by_escape()
    return root.run(arguments, sophia, "sophia-cli")


def _show_by_escape() -> None:
    """A name that is no text, or that the terminal's encoding lacks, is shown by its escape."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")


def complain(message: str, hint: str, name: str = "sow") -> None:
    """Says on standard error, in two lines, what is wrong and what to do next. `name`: of the program."""
    if sys.stderr is None:
        return
    sys.stderr.write(f"{name}: {_line(message)}\n")
    if hint:
        sys.stderr.write(f"{' ' * len(name)}  {_line(hint)}\n")


def _line(text: str) -> str:
    """`text` in one line of bearable length, with nothing in it that a terminal would obey."""
    line = text.rstrip().replace("\n", " ")
    if not line.isprintable():
        line = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 300]} ... {line[-300:]}"


def _may_be_full() -> bool:
    """Whether standard output goes to a disk, or to a device: a pipe and a terminal have room."""
    import os
    import stat

    try:
        return not stat.S_ISFIFO(os.fstat(1).st_mode) and not os.isatty(1)
    except OSError:
        return False


def _drop_output() -> None:
    """Whoever read our output has had enough, and Python would complain once more at its exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
