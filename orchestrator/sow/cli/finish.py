"""`sow project finish`: the work goes home, and the project goes."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, TypedDict

import click

from sow.cli import completion, opening, terminal
from sow.cli.text import plain, styled
from sow.cli.words import aside, counted
from sow.errors import Usage

if TYPE_CHECKING:
    from sow.api.project import Project
    from sow.finishing import Finished, How, Prospect
    from sow.removal import Removed


class _Wish(TypedDict):
    """How the project is to be finished, in the words of the API."""

    how: How | None
    target: str
    draft: bool
    strict: bool
    pr_url: str


@click.command()
@click.argument("name", required=False, shell_complete=completion.projects)
@click.option("--pr", is_flag=True, help="By a pull request: the branch is pushed, and one opened.")
@click.option("--merge", is_flag=True, help="By a merge into the target.")
@click.option("--leave", is_flag=True, help="Leave the branch as it is, here.")
@click.option(
    "--target", metavar="BRANCH", help="Where the work goes. [default: the default branch]",
    shell_complete=completion.branches,
)  # fmt: skip
@click.option("--draft", is_flag=True, help="Open the pull request as a draft.")
@click.option("--pr-url", metavar="URL", help="The pull request is open already, there.")
@click.option("--strict", is_flag=True, help="Only where every gate of the project's type was passed.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do it without asking.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@click.pass_obj
def finish(
    settings: dict[str, Any], name: str | None, pr: bool, merge: bool, leave: bool, target: str | None,
    draft: bool, pr_url: str | None, strict: bool, dry_run: bool, yes: bool, as_json: bool,
) -> None:  # fmt: skip
    """Finish a project: checks, a pull request or a merge, and then everything is cleared up.

    The configured checks run. The work goes home by a pull request, whose text is made of the tasks and
    their results, or by a merge. Then the project's final state is kept in .sow/runtime/, its state is
    taken off the branch by a last commit, and worktrees that nobody needs go. What is not merged stays.
    Called again after a failure or a kill, it goes on from where it was.

    \b
    Example:  sow project finish
              sow project finish --dry-run --pr
              sow project finish --merge --target develop --yes
    """
    wish: _Wish = {
        "how": _how(pr, merge, leave, pr_url),
        "target": target or "",
        "draft": draft,
        "strict": strict,
        "pr_url": pr_url or "",
    }
    wanted = name or settings["project"]
    if completed := [one for one in opening.here().settle() if wanted in (None, one.removal.name)]:
        # What a kill cut off is done now; whatever else there is, nobody has meant.
        for removed in completed:
            _tell(settings, removed, as_json)
        return
    project = opening.project(settings, name)
    # Who need not be asked is told by the end itself what is in the way.
    if dry_run or not yes:
        asks = terminal.is_there() and not yes and not as_json
        wish, prospect = _look(project, wish, asks)
        if dry_run:
            _show(prospect, as_json)
            return
        _ask(prospect, asks)
    done = project.finish(**wish, tell=lambda line: aside(settings, plain(line)))
    _tell(settings, done.removed, as_json, done, shown=not yes)


def _ask(prospect: Prospect, asks: bool) -> None:
    """Has the person say yes to what will be done. `asks`: whether there is anybody to be asked."""
    if not asks:
        raise Usage(
            "nobody can be asked here whether to finish the project",
            "say --yes; to look first: `sow project finish --dry-run`",
        )
    click.echo(_plan(prospect))
    if not terminal.yes("Finish it?"):
        click.echo("Nothing was done.", err=True)
        raise click.exceptions.Exit(1)


def _how(pr: bool, merge: bool, leave: bool, pr_url: str | None) -> How | None:
    ways: dict[How, bool] = {"pr": pr or pr_url is not None, "merge": merge, "leave": leave}
    chosen = [how for how, wanted in ways.items() if wanted]
    if len(chosen) > 1:
        raise Usage(f"--{chosen[0]} and --{chosen[1]} at once", "say one of --pr, --merge and --leave")
    return chosen[0] if chosen else None


def _look(project: Project, wish: _Wish, asks: bool) -> tuple[_Wish, Prospect]:
    """What would be done; a person who has not said how is asked where that can't be told."""
    try:
        prospect = project.prospect(**wish)
    except Usage:
        if not asks or wish["how"]:
            raise
        keys: dict[str | None, How] = {"m": "merge", "p": "pr", "l": "leave"}
        pressed = terminal.key("How does the work go home? [m]erge, [p]ull request, [l]eave the branch: ")
        if pressed not in keys:
            click.echo("Nothing was done.", err=True)
            raise click.exceptions.Exit(1) from None
        wish["how"] = keys[pressed]
        prospect = project.prospect(**wish)
    return {**wish, "how": prospect.how}, prospect


# -- words -----------------------------------------------------------------------------------------


def _show(prospect: Prospect, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(prospect.as_json()))
        return
    click.echo(_plan(prospect))
    if prospect.how == "pr":
        click.echo(f"\nTitle: {plain(prospect.title)}\n\n{plain(prospect.body).rstrip()}")


def _plan(prospect: Prospect) -> str:
    """What will be done, in a few lines."""
    work = counted(prospect.commits, "commit")
    match prospect.how:
        case "pr":
            program = prospect.forge.name if prospect.forge and not prospect.pr_url else prospect.pr_url
            way = f"a pull request of {prospect.branch} into {prospect.target} ({work}), by {program}"
        case "merge":
            way = f"a merge of {prospect.branch} into {prospect.target} ({work})"
        case "leave" if prospect.outside:
            way = f"keeping its state: its work stays in {prospect.outside}"
        case "leave":
            way = f"nothing but a last commit: its work stays on branch {prospect.branch}"
    lines = [styled(f"Project {prospect.name}", bold=True) + f": {plain(prospect.title)}", f"  By {way}"]
    lines += [f"  Check: {check}" for check in prospect.checks]
    lines += [f"  {words}" for words in _gates([gate.text for gate in prospect.gates])]
    lines += [f"  Stays, for it is not merged: {branch}" for branch in prospect.stays]
    return "\n".join(lines)


def _tell(
    settings: dict[str, Any], removed: Removed, as_json: bool, done: Finished | None = None, *,
    shown: bool = False,
) -> None:  # fmt: skip
    """Says what became of a project. `done`: what is known only to the one that did it; `shown`: whether
    the person has seen the plan of it."""
    if as_json:
        told = done.as_json() if done else {"event": removed.removal.event, **removed.as_json()}
        click.echo(json.dumps(told))
        return
    click.echo(_outcome(removed))
    for words in _gates(removed.removal.payload.get("gates", [])) if not shown else ():
        aside(settings, words)
    tell_rest(settings, removed)
    if done and done.commit and done.prospect.remote:
        target = done.prospect.target
        aside(settings, f"Next: `git push {done.prospect.remote} {target}` where {target} is to be shared")


def _gates(texts: list[str]) -> list[str]:
    return [f"Gates not passed (--strict insists on them): {'; '.join(texts)}"] if texts else []


def _outcome(removed: Removed) -> str:
    told = removed.removal.payload
    name, branch = told["name"], told["branch"]
    match told.get("how"):
        case "pr":
            where = told.get("pull_request") or f"for branch {branch} (its command did not say where)"
            return f"Finished project {name}: pull request {where}"
        case "merge" if told.get("commit"):
            return f"Finished project {name}: merged into {told['target']} as {told['commit'][:12]}"
        case "merge":
            return f"Finished project {name}: {told['target']} had all of it already"
        case "leave" if not removed.removal.branch:
            return f"Finished project {name}: its work is in {removed.removal.folder}"
        case "leave":
            return f"Finished project {name}: its work is on branch {branch}"
    return f"Deleted project {name}"


def tell_rest(settings: dict[str, Any], removed: Removed) -> None:
    """Says what stays and why, and where the final state is."""
    for kept in removed.kept:
        click.echo(plain(f"Stays: {kept.what} ({kept.why})"))
    aside(settings, f"Final state: {removed.final}")
    try:
        os.getcwd()
    except FileNotFoundError:
        main = removed.final.rpartition("/.sow/")[0]
        aside(settings, f"The folder that you stand in is gone: `cd {main}`")
