"""Commands of the command line, called by the tools that do the same: an agent here may have no shell.

`sow task list`                       `status`
`sow task retry 010 --fresh`          `task_retry 010 --fresh`
`sow output add --type review`        `artifact_add outputs --type review`
`sow project finish`                  as it is: there is no tool for it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial

_COMMAND = re.compile(r"(?<=`)sow (?P<words>[a-z_]+(?: [a-z_]+)*)")

_VERBS = ("add", "set", "remove", "list")

_OTHERS = {
    "task list": "status",
    "task status": "task_show",
    "task edit": "task_describe",
    "task set status needs_review": "task_report",
    "review": "status",
    "project show": "status",
    "project status": "status",
    "prompt": "guidance",
    "agent log": "task_log",
    **{
        f"{of}{list_} {verb}": f"artifact_{verb} {list_}s"
        for of in ("", "task ")
        for list_ in ("input", "output")
        for verb in _VERBS
    },
}
"""The tools whose names are not their commands'."""


Worded = Callable[[str], str]
"""A text of sow's that names commands, in the words of those tools that are somebody's."""


def of(names: Collection[str]) -> Worded:
    """Who words it for the tools of these names."""
    return partial(in_tools, names=frozenset(names))


def in_tools(text: str, names: Collection[str]) -> str:
    """A text that names commands, each called by the one of the tools `names` that does the same."""

    def told(found: re.Match[str]) -> str:
        words = found["words"].split()
        for count in range(len(words), 0, -1):
            command = " ".join(words[:count])
            for name in (command.replace(" ", "_"), _OTHERS.get(command, "")):
                if name.partition(" ")[0] in names:
                    return " ".join((name, *words[count:]))
        return found[0]

    return _COMMAND.sub(told, text)
