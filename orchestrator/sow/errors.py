"""What can go wrong, said once: the words, what to do next, the exit code.

Only faces such as `sow.cli` turn these into output; everything else raises them. Whatever
is not a `SowError` is a bug in sow and is reported as one.
"""

INTERRUPTED = 130
"""The exit code of what was ended from outside: 128, and the number of SIGINT."""


class SowError(Exception):
    """Something a person can mend: what is wrong, and in `hint` what to do next."""

    exit_code = 1
    hint = ""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint

    @property
    def message(self) -> str:
        """What is wrong, with the value and the place."""
        return str(self)

    @property
    def in_a_line(self) -> str:
        """What is wrong, and what to do next, where there is one line for both."""
        between = " " if self.message.endswith((".", "!", "?")) else "; "
        return f"{self.message}{between}{self.hint}" if self.hint else self.message


class Interrupted(KeyboardInterrupt):
    """Ctrl-C at something that is left half done: how things stand, and in `hint` how to go on."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class Failed(SowError):
    """What was asked for was tried and did not work."""

    exit_code = 1


class Usage(SowError):
    """The command's own words are off."""

    exit_code = 2


class NotFound(SowError):
    """No such project, task, phase, agent, executor or file."""

    exit_code = 3


class Refused(SowError):
    """An invalid value, an illegal transition or a guard: nothing was changed."""

    exit_code = 4


class BadFile(Refused):
    """A file or folder that can't be taken as it is: the place, and what is wrong there."""

    def __init__(
        self, path: str, what: str, hint: str, *, line: int = 0, column: int = 0, field: str = ""
    ) -> None:
        self.path, self.what, self.field = path, what, field
        self.line, self.column = line, column
        """From 1; 0 where the problem has no place in the text."""
        place = ":".join(str(part) for part in (path, line, column) if part)
        super().__init__(": ".join(part for part in (place, field, what) if part), hint)

    def as_json(self) -> "dict[str, object]":
        """As `sow validate --json` prints it."""
        return {
            "path": self.path,
            "line": self.line or None,
            "field": self.field or None,
            "message": self.what,
            "hint": self.hint,
        }


class Waits(SowError):
    """Nothing can go on without a person."""

    exit_code = 5


class Busy(SowError):
    """A lock or a lease is held by a process that lives."""

    exit_code = 6
