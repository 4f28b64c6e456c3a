"""What only some executors can do; ask with `isinstance(executor, KnowsSessions)`.

Unlike the methods of `Executor`, these touch files of the CLI's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from sow_executors.base import Command, Reader, Report, Spent


@runtime_checkable
class PreparesTerminal(Protocol):
    """Its CLI asks questions on a terminal in a folder that it has not seen."""

    def prepare_terminal(self, folder: str, env: Mapping[str, str]) -> bool:
        """Answers them beforehand, for `folder` alone; tells whether anything had to be changed.

        `env` is the whole environment of the command that will run. Raises OSError,
        and ValueError where the CLI's configuration can't be read.
        """
        ...


@runtime_checkable
class KnowsSessions(Protocol):
    """Its CLI opens an empty session, without a word, where it should resume one that it lost."""

    def knows(self, session_id: str, env: Mapping[str, str]) -> bool:
        """Whether the CLI still has a session; `env` as above."""
        ...


@runtime_checkable
class FindsSessions(Protocol):
    """Its CLI makes a session's id, and tells it later than it begins the session."""

    def begun(self, task_id: str, role: str, scratch: str, env: Mapping[str, str]) -> str:
        """The session that was begun by the `spawn` of a turn with these, its process being gone.

        Empty where there is none that was told the turn's prompt; `env` as above. Never raises.
        """
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A process that has a session open, as its CLI notes it: it may be gone by now."""

    pid: int
    start_ticks: int | None = None
    """Its start time as the kernel tells it (field 22 of /proc/PID/stat), where the CLI notes it."""
    where: str = "another program"
    """For people: `a terminal`, `another program`."""
    pid_ns: int | None = None
    """The pid namespace that `pid` is of (its inode), where that is not ours: a container's, say."""
    noted_at: float = 0.0
    """When something was last noted of it or its session, in seconds since the epoch; told with `pid_ns`."""


@runtime_checkable
class ShowsOpenSessions(Protocol):
    """Its CLI lets two processes write one session, and notes which processes have which session open."""

    def open_in(self, session_id: str, env: Mapping[str, str]) -> tuple[Opened, ...]:
        """The processes that are noted for a session; `env` as above. Never raises."""
        ...


@runtime_checkable
class NamesAccount(Protocol):
    """It knows what decides whose account its CLI works on; of another, all its variables do."""

    def account(self, settings: Mapping[str, object], env: Mapping[str, str]) -> tuple[str, ...]:
        """Words that are the same for the same account, and no others. They may be secrets: they are
        never kept, only compared by their fingerprint. `env` as above."""
        ...


@runtime_checkable
class RunsAnother(Protocol):
    """It may run the CLI of another executor: then the account of that one is its own."""

    def behind(self, settings: Mapping[str, object]) -> str:
        """The type of the executor whose CLI it runs under these settings; empty where none is known."""
        ...


@runtime_checkable
class CountsOn(Protocol):
    """Its CLI tells what a whole session has used, where a reader owes what its attempt has added."""

    def reader_after(self, session_id: str, spent: Spent) -> Reader:
        """The `reader` of an attempt that goes on in a session of which `spent` was told before."""
        ...


@runtime_checkable
class KeepsRecord(Protocol):
    """Its CLI writes into a file of its own, as it works, what it prints at the end or not at all."""

    def record(self, session_id: str, folder: str, env: Mapping[str, str]) -> str:
        """The file of a session that works in `folder`, once it is there; else empty. Never raises.

        It only grows, line by line. `env` as above.
        """
        ...


@runtime_checkable
class ReadsRecord(Protocol):
    """The reader of such a CLI's output understands the lines of that file, too."""

    def read_record(self, line: str) -> list[Report]:
        """What a line of it adds to all that was told, by whichever of both. Never raises."""
        ...


@runtime_checkable
class RefusesCommands(Protocol):
    """Its CLI can't be told on its command line which commands an agent may run unasked."""

    def refuses_commands(self, settings: Mapping[str, object]) -> bool:
        """Whether shell commands are refused under these settings, but for rules of the user's own."""
        ...


@runtime_checkable
class OffersTools(Protocol):
    """Its CLI can be told, for one process of it, of a server of tools beside those of the user's own."""

    def offers_tools(self, settings: Mapping[str, object], env: Mapping[str, str], scratch: str) -> bool:
        """Whether it hands `Turn.tools` on under these settings; `env` as above, `scratch` as the turn's.

        Not where it would have to take the place of something that the user has set.
        """
        ...


@runtime_checkable
class KeepsCaps(Protocol):
    """Its CLI ends a turn by itself at some caps, which come to it as settings of a turn."""

    own_caps: tuple[str, ...]
    """Their names, such as `max_turns`."""


@runtime_checkable
class ChecksSettings(Protocol):
    """A task's params may complete its settings, so that a turn without them proves nothing."""

    def check_settings(self, settings: Mapping[str, object], custom_args: tuple[str, ...]) -> None:
        """Raises BadSettings for what is wrong for every task."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a CLI said to a question."""

    out: str
    err: str = ""
    exit_code: int = 0
    """A hint at the most: some CLIs exit with 0 whatever they say."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whether somebody is logged in to a CLI; None where it can't be told."""

    there: bool | None
    by: str = ""
    """By what, in a word or two: `api_key from ANTHROPIC_API_KEY`. Never a secret, never an account."""


@runtime_checkable
class Examined(Protocol):
    """Its CLI tells its version, and whether somebody is logged in, without a turn and without a person."""

    environment: tuple[str, ...]
    """As every executor has it: it is asked in the environment that its agents have."""

    def asks_version(self, program: str, folder: str) -> Command:
        """The command by which `program` tells its version; it runs in `folder`, if it matters."""
        ...

    def version(self, answer: Answer) -> str:
        """The version in the answer to that; empty where the program is another one of the same name."""
        ...

    def asks_login(self, program: str, folder: str) -> Command | None:
        """The command by which it tells whether somebody is logged in; None where it has none."""
        ...

    def login(self, answer: Answer, env: Mapping[str, str]) -> Login:
        """What the answer to that (empty where it has no command) means, under the environment `env`."""
        ...

    def logs_in(self, program: str) -> tuple[str, ...]:
        """The words by which a person logs in, on a terminal."""
        ...


@dataclass(frozen=True, slots=True)
class Offline:
    """How a CLI is kept on a model server of ours: it can reach no other, and nobody's account."""

    env: Mapping[str, str] = field(default_factory=dict)
    """All that it is told of the server and its login; of the user's it sees its PATH and its language."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files of its own, by absolute path below the home that it is given."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """The settings under which it runs so: the user's, but for what names another server or model."""
    passed: tuple[str, ...] = ()
    """Variables of the user's, as glob patterns, that it must see all the same: where its parts are."""
    unseen: Mapping[str, str] = field(default_factory=dict)
    """What can't be seen of it there, by a row's name (`usage limit`), and why."""


@runtime_checkable
class RunsOffline(Protocol):
    """Its CLI can be kept on our model server, so that `sow executor check --offline` can play its model."""

    def offline(self, settings: Mapping[str, object], home: str, url: str) -> Offline | None:
        """How it is run with `url` for its model and `home`, an absolute folder, for its HOME.

        The server (`sow_executors.model_server`) speaks Anthropic's messages, OpenAI's responses and chat
        completions, and Google's contents, each below `url`. None where it can't be run so under
        these settings.
        """
        ...
