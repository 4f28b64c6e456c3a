"""`sophia-cli`: runs task files, by the name that their document gives it."""

from __future__ import annotations

import click

from sow import __version__
from sow.cli import completion, workspace
from sow.cli.commands import Group, dollars


class Alone(Group):
    """A group whose commands hear their own options only."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return click.Group.get_command(self, ctx, cmd_name)


@click.group(cls=Alone, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sophia-cli", message="sophia-cli of sow %(version)s")
def sophia() -> None:
    """Run the task files of a workspace."""


@sophia.command()
@click.option("--task", metavar="ID", help="Only this task.", shell_complete=completion.task_files)
@click.option("--watch", "stay", is_flag=True, help="Stay, and take up what is queued meanwhile.")
@click.option(
    "--workspace",
    "folder",
    metavar="DIR",
    help="The folder with tasks/ in it. [default: here, or workspace/]",
    type=click.Path(),
)
@click.option(
    "--jobs", type=click.IntRange(1, 256), metavar="N", help="Tasks at once. [default: 1, or configured]"
)
@click.option(
    "--budget",
    callback=dollars,
    metavar="USD",
    help="Start nothing more once this run has spent that much, as agents' CLIs tell it; what runs goes on.",
)
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("-q", "--quiet", is_flag=True, help="Only errors.")
def run(
    task: str | None, stay: bool, folder: str | None, jobs: int | None, budget: float | None, dry_run: bool,
    as_json: bool, quiet: bool,
) -> int:  # fmt: skip
    """Run what is queued; with --watch also what comes later.

    Any number of runners may work on one workspace: each task is run by one of them. Ctrl-C ends
    the stages that run, and the next run begins them again; a second Ctrl-C leaves them running,
    and the next run takes them up. The exit code is 1 where a task failed.

    \b
    Example:  sophia-cli run --watch
              sophia-cli run --task subtitle_pipeline_001
    """
    from sow.cli import task_files

    return task_files.run(
        workspace.named(folder), task=task, jobs=jobs, stay=stay, budget=budget, dry_run=dry_run,
        as_json=as_json, quiet=quiet,
    )  # fmt: skip
