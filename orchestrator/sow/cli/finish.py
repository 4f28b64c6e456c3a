"""`sow project finish`: the work goes home, and the project goes."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening, terminal
from sow.cli.text import plain, styled
from sow.cli.words import aside, counted
from sow.errors import Usage

if TYPE_CHECKING:
    from sow.finishing import Finished, How, Prospect, Wish
    from sow.finishing import Finisher as InGit
    from sow.outside.ending import Finisher as Outside
    from sow.removal import Removed

    Finisher = InGit | Outside


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
    from sow.finishing import Wish

    wish = Wish(_how(pr, merge, leave, pr_url), target or "", draft, strict, pr_url or "")
    _check_draft(wish)
    wanted = name or settings["project"]
    if completed := [one for one in opening.settle_half_made() if wanted in (None, one.removal.name)]:
        # What a kill cut off is done now; whatever else there is, nobody has meant.
        for removed in completed:
            _tell(settings, removed, as_json)
        return
    turns, _ = opening.decisions(wanted, verbose=settings["verbose"])
    finisher = opening.finisher(turns, lambda line: aside(settings, plain(line)))
    asks = terminal.is_there() and not yes and not as_json
    wish, prospect = _look(finisher, wish, asks)
    if dry_run:
        _show(finisher, prospect, as_json)
        return
    if not yes:
        if not asks:
            raise Usage(
                "nobody can be asked here whether to finish the project",
                "say --yes; to look first: `sow project finish --dry-run`",
            )
        click.echo(_plan(finisher, prospect))
        if not terminal.yes("Finish it?"):
            click.echo("Nothing was done.", err=True)
            raise click.exceptions.Exit(1)
    done = finisher.finish(wish)
    _tell(settings, done.removed, as_json, done, shown=not yes)


def _how(pr: bool, merge: bool, leave: bool, pr_url: str | None) -> How | None:
    ways: dict[How, bool] = {"pr": pr or pr_url is not None, "merge": merge, "leave": leave}
    chosen = [how for how, wanted in ways.items() if wanted]
    if len(chosen) > 1:
        raise Usage(f"--{chosen[0]} and --{chosen[1]} at once", "say one of --pr, --merge and --leave")
    if pr_url is not None and not pr_url.startswith(("http://", "https://")):
        raise Usage(
            f"--pr-url {pr_url}: that is no address", "such as --pr-url https://github.com/me/it/pull/7"
        )
    return chosen[0] if chosen else None


def _check_draft(wish: Wish) -> None:
    if wish.draft and wish.how not in (None, "pr"):
        raise Usage(f"--draft is for a pull request, not for --{wish.how}", "leave it out, or say --pr")


def _look(finisher: Finisher, wish: Wish, asks: bool) -> tuple[Wish, Prospect]:
    """What would be done; a person who has not said how is asked where that can't be told."""
    try:
        prospect = finisher.look(wish)
    except Usage:
        if not asks:
            raise
        keys: dict[str | None, How] = {"m": "merge", "p": "pr", "l": "leave"}
        pressed = terminal.key("How does the work go home? [m]erge, [p]ull request, [l]eave the branch: ")
        if pressed not in keys:
            click.echo("Nothing was done.", err=True)
            raise click.exceptions.Exit(1) from None
        wish = replace(wish, how=keys[pressed])
        _check_draft(wish)
        prospect = finisher.look(wish)
    return replace(wish, how=prospect.how), prospect


# -- words -----------------------------------------------------------------------------------------


def _show(finisher: Finisher, prospect: Prospect, as_json: bool) -> None:
    if as_json:
        held = {
            "name": prospect.name, "branch": prospect.branch, "how": prospect.how, "target": prospect.target,
            "commits": prospect.commits, "checks": list(finisher.settings.checks),
            "title": prospect.title, "body": prospect.body,
            "gates": [gate.text for gate in prospect.gates], "stays": list(prospect.stays),
        }  # fmt: skip
        click.echo(json.dumps(held))
        return
    click.echo(_plan(finisher, prospect))
    if prospect.how == "pr":
        click.echo(f"\nTitle: {plain(prospect.title)}\n\n{plain(prospect.body).rstrip()}")


def _plan(finisher: Finisher, prospect: Prospect) -> str:
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
    lines += [f"  Check: {check}" for check in finisher.settings.checks]
    lines += [f"  {words}" for words in _gates([gate.text for gate in prospect.gates])]
    lines += [f"  Stays, for it is not merged: {branch}" for branch in prospect.stays]
    return "\n".join(lines)


def _tell(
    settings: dict[str, Any], removed: Removed, as_json: bool, done: Finished | None = None, *,
    shown: bool = False,
) -> None:  # fmt: skip
    """Says what became of a project. `done`: what is known only to the one that did it; `shown`: whether
    the person has seen the plan of it."""
    told = removed.removal.payload
    if as_json:
        number = done.pull_request.number if done and done.pull_request else None
        held = {
            **told, "event": removed.removal.event, **({"number": number} if number else {}),
            **({"state": done.state} if done else {}), **rest(removed),
        }  # fmt: skip
        click.echo(json.dumps(held))
        return
    click.echo(_outcome(removed))
    for words in _gates(told.get("gates", [])) if not shown else ():
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


def rest(removed: Removed) -> dict[str, Any]:
    """What went, what stays and where the final state is, for programs."""
    return {
        "gone": list(removed.gone),
        "kept": [{"what": kept.what, "why": kept.why} for kept in removed.kept],
        "final": removed.final,
    }


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
