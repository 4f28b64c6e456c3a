"""What only some executors can do; ask with `isinstance(executor, KnowsSessions)`.

Unlike the methods of `Executor`, these touch files of the CLI's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable


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
class RefusesCommands(Protocol):
    """Its CLI can't be told on its command line which commands an agent may run unasked."""

    def refuses_commands(self, settings: Mapping[str, object]) -> bool:
        """Whether shell commands are refused under these settings, but for rules of the user's own."""
        ...


@runtime_checkable
class ChecksSettings(Protocol):
    """A task's params may complete its settings, so that a turn without them proves nothing."""

    def check_settings(self, settings: Mapping[str, object], custom_args: tuple[str, ...]) -> None:
        """Raises BadSettings for what is wrong for every task."""
        ...
