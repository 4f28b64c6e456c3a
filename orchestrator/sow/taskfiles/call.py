"""Calls the function of a `python` stage: a program of its own, which needs nothing of sow.

python call.py MODULE:FUNCTION  < what the stage is about, as JSON
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from types import SimpleNamespace
from typing import Any

TRACEBACK = "traceback"
"""The file in the stage's own folder that an exception's is left in."""


class Stage(SimpleNamespace):
    """What the function is given.

    `input` and `output` (absolute paths by name), `config` (the task's config_snapshot),
    `settings` (of the stage), `task_id`, `run_id`, `stage`, `tmp`, `workspace`, `root`.
    """

    def progress(self, done: float, msg: str = "") -> None:
        """Tells how much is done, from 0 to 1, and what is being done."""
        print(f"progress {min(max(done, 0.0), 1.0):.6f} {' '.join(msg.split())}", flush=True)


def main(name: str, told: dict[str, Any]) -> int:
    """Calls the function; gives the exit code."""
    scratch = told.pop("scratch")
    # As for a script in that folder; and not this file's own, whose neighbours have common names.
    sys.path[0] = told["root"]
    try:
        module, _, function = name.partition(":")
        found: Any = importlib.import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
        found(Stage(**told))
    except Exception:
        text = traceback.format_exc()
        with open(os.path.join(scratch, TRACEBACK), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
        sys.stderr.write(text)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], json.load(sys.stdin)))
