"""The folder of an attempt: what stands in it, and the small shell that fills it.

    prompt            standard input, where the command has one
    setup             a script that is run before the command, in its folder; the command is run only if
                      that ends well. Most attempts have none
    setup.log         what it printed; on a terminal it is seen there
    setup.exit        its status, once it has ended
    go                made once (O_EXCL) by whoever decides: the shell ("I run it", with its
                      address) or a later orchestrator ("nobody ran it, nobody will")
    transcript.jsonl  standard output, appended to
    stderr.log        standard error
    terminal.log      both, where the attempt had a terminal
    exit              the command's status, once it has ended
    times             right after it, the processor time of the shell and of all that ended below it

`go` and `exit` are one short line each, written at once; a line without its
end was torn by a kill and counts as not there. docs/adr/0005 says why.
"""

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from signal import Signals

from sow import files, process
from sow.errors import Failed, NotFound, Refused
from sow.process import Address
from sow_executors.base import Command

GO = "go"
EXIT = "exit"
PROMPT = "prompt"
SETUP = "setup"
SETUP_LOG = "setup.log"
SETUP_EXIT = "setup.exit"
TRANSCRIPT = "transcript.jsonl"
STDERR = "stderr.log"
TERMINAL = "terminal.log"
TIMES = "times"

SHELL = "/bin/sh"

# $1 the attempt's folder, $2 where we are, $3 the command's folder, then the command.
# Told to end before the command runs, the shell ends. From then on its traps do nothing but keep it
# alive to write the status, since what is sent to the command's process group is sent to it too; an
# exec'd command gets the defaults back. While a setup runs they note that it was told, for a setup may
# end well all the same. `set -C` makes `>` an O_EXCL open. No variable is set but such as no environment
# has, and no program is started but the setup and the command.
SCRIPT = """
trap 'exit 75' HUP INT QUIT TERM
set -C
run() { shift 3; trap : HUP INT QUIT TERM; "$@"; }
set_up() {
    sow_told=
    trap 'sow_told=143' HUP INT QUIT TERM
    /bin/sh "$1/setup" </dev/null >"$1/setup.log" 2>&1
    sow_code=$?
    [ "$sow_code" != 0 ] || sow_code=${sow_told:-0}
    echo "$sow_code" >"$1/setup.exit"
    return "$sow_code"
}
begin() {
    cd "$3" || return 126
    if [ -e "$1/setup" ]; then set_up "$1" || return; fi
    run "$@"
}
read -r sow_stat </proc/$$/stat
echo "$2 $sow_stat" >"$1/go" || exit 75
begin "$@"
echo "$?" >"$1/exit"
times >"$1/times"
"""

# A terminal that is closed hangs up on the shell alone; the kernel passes that on to the command only
# when the shell dies of it. That the status is lost then is no loss. A setup is seen, and may ask.
ON_TERMINAL = (
    SCRIPT.replace("trap : HUP ", "trap - HUP; trap : ")
    .replace("trap 'sow_told=143' HUP ", "trap - HUP; trap 'sow_told=143' ")
    .replace(' </dev/null >"$1/setup.log" 2>&1', "")
)

_NEVER = "never\n"

_SPAN = re.compile(r"(\d+)m(\d+[.,]\d+)s")

# By what a process is ended from outside or ends itself; other codes above 128 are the command's own.
_ENDING = frozenset(
    (
        *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1"),
        *("SEGV", "USR2", "PIPE", "ALRM", "TERM", "XCPU", "XFSZ", "SYS"),
    )
)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a command ended: with a code, or by a signal; the other one is None."""

    code: int | None = None
    signal: int | None = None

    @property
    def status(self) -> int | None:
        """The code, or the signal as a negative number, as `Reader.end` takes it."""
        return self.code if self.signal is None else -self.signal


class MissingProgram(NotFound):
    """The program of a command is not on this machine."""

    hint = "install it, or bind the role to another executor in the file that `sow config path` names"

    def __init__(self, program: str, path: str) -> None:
        super().__init__(f"no program {program!r} on the PATH" if path else f"no program {program}")
        self.program = program


class MissingFolder(NotFound):
    """The folder in which a command is to run is gone."""

    hint = "make it again (`git worktree list` shows what is left), and try again"

    def __init__(self, folder: str) -> None:
        super().__init__(f"no folder {folder} to run in")


class AlreadyStarted(Refused):
    """The attempt's folder was used: an attempt is started once."""

    hint = "a new try is a new attempt, in a folder of its own"

    def __init__(self, attempt: str) -> None:
        super().__init__(f"attempt {attempt} was already started")


class CannotStart(Failed):
    """The system refused to start the process."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is given to the system: the shell around the command, and its whole environment."""

    argv: list[str]
    env: dict[str, str]
    prompt: str
    """The file for standard input."""


def prepare(
    command: Command, attempt: str, folder: str, env: Mapping[str, str], *, on_terminal: bool = False
) -> Prepared:
    """Fill the attempt's folder with all that the command needs, and give what is to be spawned.

    `folder` is absolute and bears the attempt's name; it is made if need be,
    for this user only. `env` is the environment; the command's own variables
    and the mark come over it. Raises `MissingProgram`, `MissingFolder`,
    `AlreadyStarted`.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", attempt):
        raise ValueError(f"an attempt's id is letters, digits, '.', '_' and '-', not {attempt!r}")
    if not os.path.isabs(folder) or os.path.basename(folder) != attempt:
        raise ValueError(f"the folder of attempt {attempt} is absolute and bears its name, unlike {folder}")
    if not os.path.isdir(command.folder):
        raise MissingFolder(command.folder)
    if os.path.exists(f"{folder}/{GO}"):
        raise AlreadyStarted(attempt)
    whole = {**env, **command.env, process.MARK: attempt}
    program = _program(command, whole)
    os.makedirs(folder, mode=0o700, exist_ok=True)
    for path, text in command.files.items():
        if os.path.commonpath([folder, os.path.normpath(path)]) != folder:
            raise ValueError(f"a command's files stand in its attempt's folder, unlike {path}")
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        write(path, text)
    prompt = os.devnull
    if command.stdin is not None:
        prompt = f"{folder}/{PROMPT}"
        write(prompt, command.stdin)
    where = f"{process.pid_namespace()} {process.boot_id()} {process.host()}"
    shell = [
        SHELL,
        "-c",
        ON_TERMINAL if on_terminal else SCRIPT,
        "sow-attempt",
        folder,
        where,
        os.path.abspath(command.folder),
    ]
    return Prepared(argv=[*shell, program, *command.argv[1:]], env=whole, prompt=prompt)


def _program(command: Command, env: Mapping[str, str]) -> str:
    """The absolute path of the command's program: what has a slash is no builtin to a shell."""
    given = command.argv[0]
    if "/" in given:
        path = os.path.join(command.folder, given)
        if not (os.path.isfile(path) and os.access(path, os.X_OK)):
            raise MissingProgram(path, "")
        return os.path.abspath(path)
    path = env.get("PATH", os.defpath)
    found = shutil.which(given, path=path)
    if found is None:
        raise MissingProgram(given, path)
    return os.path.abspath(found)


def write(path: str, text: str) -> None:
    """Write a file that only this user can read. A lone surrogate, which no encoding has, becomes '?'.

    Raises Failed where it can't be written.
    """
    try:
        with open(path, "wb", opener=private) as file:
            file.write(text.encode("utf-8", "replace"))
    except OSError as fault:
        raise files.refused(path, fault) from fault


def private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def claim(folder: str) -> bool:
    """Decide, for ever, that this attempt is not run; False if somebody decided before."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    try:
        fd = os.open(f"{folder}/{GO}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        os.write(fd, _NEVER.encode())
    finally:
        os.close(fd)
    return True


@dataclass(frozen=True, slots=True)
class Decided:
    """What `go` says: by whom the command is run, or, where `by` is None, that it never will be."""

    by: Address | None


def decided(folder: str) -> Decided | None:
    """What was decided of this attempt; None while its line is not written, or if it never will be."""
    line = _line(f"{folder}/{GO}")
    if line is None:
        return None
    if line == _NEVER:
        return Decided(None)
    pid_ns, boot, host, stat = line.split(" ", 3)
    identity = process.from_stat(boot, stat)
    if identity is None:
        raise Failed(f"{folder}/{GO} was written by something else than sow", "look at it, and remove it")
    return Decided(Address(host=host, pid_ns=int(pid_ns), identity=identity))


def read_exit(folder: str) -> Exit | None:
    """The status that the attempt left; None while it has left none.

    A shell tells "killed by n" and "exited with 128 + n" alike. It is read as
    the signal where n is one that ends processes: a program that catches
    SIGTERM and exits with 143 says the same. Any other code is the command's
    own (Gemini CLI makes 145 of an HTTP status 401).
    """
    line = _line(f"{folder}/{EXIT}")
    if line is None:
        return None
    code = int(line)
    try:
        signal = Signals(code - 128)
    except ValueError:
        return Exit(code=code)
    return Exit(signal=signal) if signal.name.removeprefix("SIG") in _ENDING else Exit(code=code)


def cpu_seconds(folder: str) -> float | None:
    """The processor time of all that ran in an attempt and was waited for; None where it was not noted."""
    try:
        with open(f"{folder}/{TIMES}", encoding="ascii", errors="replace") as file:
            spans = _SPAN.findall(file.read(4096))
    except FileNotFoundError:
        return None
    if len(spans) != 4:
        return None
    # Some shells write numbers as the locale does.
    return sum(60 * int(minutes) + float(seconds.replace(",", ".")) for minutes, seconds in spans)


def setup_ended(folder: str) -> float | None:
    """When the setup of an attempt ended, in seconds since the epoch; None where none did."""
    try:
        return os.stat(f"{folder}/{SETUP_EXIT}").st_mtime
    except FileNotFoundError:
        return None


def setup_status(folder: str) -> int | None:
    """With what the setup of an attempt ended; None where it has none, or none that has ended."""
    line = _line(f"{folder}/{SETUP_EXIT}")
    return None if line is None else int(line)


def is_setting_up(folder: str) -> bool:
    """Whether the command of an attempt still waits for its setup, or waited in vain."""
    return os.path.exists(f"{folder}/{SETUP}") and setup_status(folder) != 0


def setting_up_for(folder: str, now: float) -> float | None:
    """For how many seconds an attempt has been setting up its worktree; None where it doesn't.

    `now`: in seconds since the epoch.
    """
    began = setup_began(folder)
    return max(now - began, 0.0) if began is not None and is_setting_up(folder) else None


def setup_began(folder: str) -> float | None:
    """When an attempt began, with its setup if it has one, in seconds since the epoch; None before that."""
    try:
        return os.stat(f"{folder}/{GO}").st_mtime
    except FileNotFoundError:
        return None


def leave_exit(folder: str, signal: int) -> Exit:
    """Note for an attempt that was killed, its shell with it, by which signal; gives what holds in the end.

    Only for one whose shell is dead: a status that is there already stays.
    """
    there = read_exit(folder)
    if there is not None:
        return there
    beside = f"{folder}/{EXIT}.{os.getpid()}"
    write(beside, f"{128 + signal}\n")
    os.replace(beside, f"{folder}/{EXIT}")
    return Exit(signal=signal)


def end_of(path: str, size: int = 65536) -> str:
    """The last `size` bytes of a file of an attempt's, as text; empty where there is none."""
    try:
        with open(path, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(file.tell() - size, 0))
            return file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return ""


def _line(path: str) -> str | None:
    """The one line of a file; None if there is no such file, or no end to the line."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            line = file.read(4096)
    except FileNotFoundError:
        return None
    return line if line.endswith("\n") else None
