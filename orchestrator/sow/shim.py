"""The `sow` that workers find first on their PATH: the very one that started them.

Absolute interpreter, isolated mode, nothing searched: an agent's virtual
environment, PYTHONPATH or another sow on the machine changes nothing, and the
start is as quick as the interpreter allows.
"""

import os
import shlex
import sys

from sow import files
from sow.layout import RUNTIME


def folder(main: str) -> str:
    """The folder that goes in front of a worker's PATH; its `sow` is made or renewed when needed."""
    path = f"{main}/{RUNTIME}/bin"
    program = f"{path}/sow"
    text = _text()
    try:
        with open(program, encoding="utf-8") as file:
            if file.read() == text and os.access(program, os.X_OK):
                return path
    except FileNotFoundError:
        pass
    files.make_folder(path)
    files.write(program, text, mode=0o755)
    os.chmod(program, 0o755)
    return path


def _text() -> str:
    import sow
    import sow_executors
    import sow_schemas

    roots = sorted(
        {
            os.path.dirname(os.path.dirname(os.path.abspath(str(m.__file__))))
            for m in (sow, sow_executors, sow_schemas)
        }
    )
    start = f"import sys; sys.path[:0] = {roots!r}; from sow.cli import main; sys.exit(main())"
    # A shell starts it, because a `#!` line takes neither spaces nor long paths.
    return f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -c {shlex.quote(start)} "$@"\n'
