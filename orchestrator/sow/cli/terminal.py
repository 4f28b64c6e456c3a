"""A person at a terminal: a key, a line, an editor, a pager."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import click

from sow.cli.text import is_dumb
from sow.errors import Failed

_NOTE = re.compile(r"<!-- sow:.*?-->", re.DOTALL)


def is_there() -> bool:
    """Whether a person sits at both ends: standard input and standard output are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


# -- asking --------------------------------------------------------------------------------------


def key(prompt: str) -> str | None:
    """The next key, in lower case and shown behind `prompt`; None at the end of input.

    What was typed before the prompt stood there is dropped: nobody decides about
    what they have not seen. Enter and keys that are no letter, such as the arrows,
    give an empty text. On a terminal that knows no single keys a line is read, and
    its first letter taken.
    """
    handle = sys.stdin.fileno()
    if is_dumb():
        termios.tcflush(handle, termios.TCIFLUSH)
        typed = line(prompt)
        return None if typed is None else typed.strip()[:1].lower()
    with _single_keys(handle):
        # Behind the switch: whoever answers the prompt at once is heard.
        click.echo(prompt, nl=False)
        sys.stdout.flush()
        pressed = _read_key(handle)
    click.echo(pressed or "")
    return pressed if pressed is None else pressed.lower()


def line(prompt: str) -> str | None:
    """A line; None where the person goes back by Ctrl-D."""
    with suppress(ImportError):
        import readline  # noqa: F401 - with it a line can be edited, and be of any length
    try:
        return input(prompt)
    except EOFError:
        click.echo()
        return None


def yes(question: str) -> bool:
    """Whether the person says yes; every key but `y` is a no."""
    return key(f"{question} [y/n] ") == "y"


def written(about: str) -> str:
    """What the person writes in their editor; empty where they wrote nothing.

    `about` is shown to them below, as a comment that is taken out again.
    Raises Failed where the editor can't be run.
    """
    shown = about.replace("-->", "-- >")
    note = f"<!-- sow: {shown}\n\nThis comment is taken out. Write nothing to go back. -->\n"
    with _editor():
        text = click.edit(f"\n\n{note}", extension=".md")
    return _NOTE.sub("", text or "").strip()


def edit(path: str) -> None:
    """Opens a file in the person's editor. Raises Failed where that can't be run."""
    with _editor():
        click.edit(filename=path)


def has_editor() -> bool:
    """Whether the person has said which editor is theirs; else one is guessed, which needs a terminal."""
    return any(os.environ.get(name) for name in ("VISUAL", "EDITOR"))


@contextmanager
def _editor() -> Iterator[None]:
    """Ctrl-C is the editor's meanwhile; that it can't be run is told as Failed."""
    try:
        with _deaf_to_interrupts():
            yield
    except (click.ClickException, ValueError) as fault:  # ValueError: quotes that don't match
        what = fault.format_message() if isinstance(fault, click.ClickException) else str(fault)
        raise Failed(
            f"the editor could not be used: {what}", "set VISUAL or EDITOR to one that is here"
        ) from fault


# -- showing -------------------------------------------------------------------------------------


def page(text: str) -> None:
    """Shows a long text by `$PAGER`, else `less`; as it is where there is no terminal or no pager."""
    pager = os.environ.get("PAGER", "").strip() or "less -R"
    if not is_there() or is_dumb() or pager == "cat" or not _paged(pager, text):
        click.echo(text)


def _paged(pager: str, text: str) -> bool:
    """Whether the pager was there to show the text."""
    environment = {"LESS": "FRX", **os.environ}
    with _deaf_to_interrupts():
        shell = ["/bin/sh", "-c", pager]
        process = subprocess.Popen(shell, stdin=subprocess.PIPE, env=environment)
        # A pager that is left early has its reasons.
        with suppress(BrokenPipeError):
            process.communicate(f"{text.rstrip()}\n".encode("utf-8", "replace"))
        return process.wait() not in (126, 127)


# -- helpers -------------------------------------------------------------------------------------


@contextmanager
def _single_keys(handle: int) -> Iterator[None]:
    """Keys come one by one and are not shown; what was typed ahead is dropped."""
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle, termios.TCSAFLUSH)
    try:
        yield
    finally:
        termios.tcsetattr(handle, termios.TCSADRAIN, before)


def _read_key(handle: int) -> str | None:
    byte = os.read(handle, 1)
    if byte in (b"", b"\x04"):
        return None
    if byte == b"\x1b" or byte >= b"\x80":
        # The rest of an arrow or of a letter beyond ASCII: none of them is a key of ours.
        while select.select([handle], [], [], 0.01)[0] and os.read(handle, 16):
            pass
        return ""
    char = byte.decode("ascii")
    return char if char.isprintable() and char != " " else ""


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Ctrl-C is the pager's meanwhile: by a handler and not ignored, so that the pager itself can hear it."""

    def hear(number: int, frame: FrameType | None) -> None:
        return None

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
