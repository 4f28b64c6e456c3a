"""The reference of the command line, made of what each `--help` says.

python -m sow.cli.reference > docs/reference/cli.md
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from sow.cli.root import root
from sow.cli.sophia import sophia

HEAD = """\
# The command line

<!-- Made by scripts/docs from the commands' own --help: change them, not this page. -->

Results go to standard output, everything else to standard error. What the exit code means:
[exit codes](exit-codes.md). How to have your shell complete commands, tasks and fields:
[shell completion](../howto/shell-completion.md).
"""
WIDTH = 100


def page() -> str:
    """The whole reference, in Markdown."""
    parts = [
        HEAD,
        *(
            f"{'#' * min(level, 3)} {path}\n\n```text\n{text}\n```\n"
            for level, path, text in (*_helps(root, "sow"), *_helps(sophia, "sophia-cli"))
        ),
    ]
    return "\n".join(parts)


def _helps(
    command: click.Command, path: str, parent: click.Context | None = None
) -> Iterator[tuple[int, str, str]]:
    """The help of a command and of all below it: how deep it is, what calls it, what it says."""
    context = click.Context(
        command, parent=parent, info_name=path.split()[-1], terminal_width=WIDTH, max_content_width=WIDTH,
        help_option_names=["-h", "--help"],
    )  # fmt: skip
    text = re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE)
    yield len(path.split()) + 1, path, text
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _helps(below, f"{path} {name}", context)


if __name__ == "__main__":
    click.echo(page(), nl=False)
